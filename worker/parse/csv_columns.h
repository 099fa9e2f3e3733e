/* Fields → one column, in one typed loop (spec: csv.md §3 and §4, performance.md §3.4). */
#ifndef CS_WORKER_PARSE_CSV_COLUMNS_H
#define CS_WORKER_PARSE_CSV_COLUMNS_H

#include "common/data/rows.h"
#include "worker/parse/convert.h"
#include "worker/parse/parse_fast.h"
#include "worker/parse/tokenize.h"

/* Records of one batch of tokens: for each the fields that its columns are made of. */
typedef struct cs_csv_slice {
    const cs_field_token *const *rows;
    size_t n_rows;
    bool ascii;
} cs_csv_slice;

/* What the loops of one decoder share. */
typedef struct cs_csv_values {
    cs_str null_value;
    cs_str empty_value; /* padded, at `empty` */
    char *empty;
    cs_convert convert;
    bool plain_words; /* a text that means NaN or infinity has the plain form of a number */
    cs_date_memo date;
    size_t text_max; /* maxRecordBytes: mended texts are cut there */
    cs_buf mended; /* a text with broken UTF-8 replaced */
    uint8_t *bad;  /* for each row of the slice: 1 if a field did not convert */
    size_t n_bad_fields;
} cs_csv_values;

/* cs_csv_values_done is to be called whether it fails or not. */
CS_MUST_USE cs_code cs_csv_values_init(cs_csv_values *values, const cs_csv_options *options,
                                       cs_error *err);
void cs_csv_values_done(cs_csv_values *values);

/* Writes the values of field number `field` behind column->length, nulls where a field is null or
 * bad. The caller adds the rows to length, and *nulls to null_count, when it keeps them; else it
 * calls cs_csv_column_wipe. */
CS_MUST_USE cs_code cs_csv_column_fill(cs_csv_values *values, const cs_csv_slice *slice,
                                       size_t field, cs_column *column, size_t *nulls,
                                       cs_error *err);
/* Bits behind length, of n_rows values, are 0 again. */
void cs_csv_column_wipe(cs_column *column, size_t n_rows);

/* A string that is there, or null when text.ptr is NULL, behind column->length + at: for columns
 * filled by hand. */
CS_MUST_USE cs_code cs_csv_column_put(cs_csv_values *values, cs_column *column, size_t at,
                                      cs_str text, cs_error *err);

/* False: the field is neither null nor a value of the type. */
bool cs_csv_field_converts(cs_csv_values *values, const cs_type *type, const cs_field_token *field);
/* The text as the rows hold it; valid until the next call. */
cs_str cs_csv_mend(cs_csv_values *values, cs_str text);

#endif
