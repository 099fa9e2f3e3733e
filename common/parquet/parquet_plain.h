/* PLAIN values of the page at hand. Failure to get memory shows in column->plain.failed. */
#ifndef CS_COMMON_PARQUET_PARQUET_PLAIN_H
#define CS_COMMON_PARQUET_PARQUET_PLAIN_H

#include "common/parquet/parquet_column.h"

void cs_parquet_plain_fixed(cs_parquet_column *column, const void *values, size_t n);
/* data_cap: bytes that may be read from texts.data on. Keeps the page's bounds. */
void cs_parquet_plain_texts(cs_parquet_column *column, cs_parquet_texts texts, size_t n,
                            size_t data_cap);
/* The values of all codes of the page at hand. */
void cs_parquet_plain_from_codes(cs_parquet_column *column);
/* Dictionary values as PLAIN, for the dictionary page. */
void cs_parquet_plain_put(cs_buf *out, cs_parquet_type type, size_t type_length, const void *values,
                          size_t n);

#endif
