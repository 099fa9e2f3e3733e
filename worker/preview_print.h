/* Rows on stdout: a JSON object a line, or a table in blocks, each with columns as wide as its
 * cells. */
#ifndef CS_WORKER_PREVIEW_PRINT_H
#define CS_WORKER_PREVIEW_PRINT_H

#include "common/data/rows.h"

typedef struct cs_preview_print cs_preview_print;

cs_preview_print *cs_preview_print_new(const cs_schema *schema, bool json);
CS_MUST_USE cs_code cs_preview_print_row(cs_preview_print *print, const cs_rows *rows, size_t at,
                                         cs_error *err);
CS_MUST_USE cs_code cs_preview_print_end(cs_preview_print *print, cs_error *err);
void cs_preview_print_free(cs_preview_print *print);

#endif
