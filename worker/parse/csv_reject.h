/* What is wrong with a bad record, found again in words: for messages and preview, never in the
 * fast path. */
#ifndef CS_WORKER_PARSE_CSV_REJECT_H
#define CS_WORKER_PARSE_CSV_REJECT_H

#include "worker/parse/csv_columns.h"
#include "worker/parse/decoder.h"

typedef struct cs_csv_layout {
    const cs_csv_options *options;
    const cs_schema *schema;
    const size_t *columns; /* for each field of the file, its column in the schema */
    size_t n_columns;
} cs_csv_layout;

/* fields: of the record, as many as it has columns for. `reason` is the memory of out->reason. */
void cs_csv_reject_find(const cs_csv_layout *layout, cs_csv_values *values,
                        const cs_record_token *record,
                        const cs_field_token *fields, char reason[160], cs_reject *out);
/* FAILFAST: the error of that record. */
cs_code cs_csv_reject_error(const cs_csv_layout *layout, const cs_record_token *record,
                            const cs_reject *reject, cs_error *err);
/* How a header differs from the schema; false: it does not. */
bool cs_csv_header_differs(const cs_csv_layout *layout, const cs_record_token *record,
                           const cs_field_token *fields, char how[512]);

#endif
