/* A slice of a column without its nulls and in Parquet's physical type: what pages hold. */
#ifndef CS_COMMON_PARQUET_PARQUET_DENSE_H
#define CS_COMMON_PARQUET_PARQUET_DENSE_H

#include "common/data/rows.h"
#include "common/parquet/parquet_dict.h"

/* Rows taken at once: the scratch below stays in the first caches. */
#define CS_PARQUET_SLICE_ROWS_MAX 4096

typedef struct cs_parquet_dense_scratch {
    _Alignas(16) uint8_t values[CS_PARQUET_SLICE_ROWS_MAX * 16];
    int32_t offsets[CS_PARQUET_SLICE_ROWS_MAX + 1];
} cs_parquet_dense_scratch;

size_t cs_parquet_count_nulls(const cs_column *column, size_t from, size_t n);
/* The values that are not null, n - nulls of them: tinyint and smallint widened to 32 bits, booleans a byte
 * each. Points into the column when nothing has to move. */
const void *cs_parquet_dense(const cs_column *column, size_t from, size_t n, size_t nulls,
                             cs_parquet_dense_scratch *scratch);
cs_parquet_texts cs_parquet_dense_texts(const cs_column *column, size_t from, size_t n,
                                        size_t nulls, cs_parquet_dense_scratch *scratch);
/* Copies n bits to position `to_at` of `to`; bits of `to` from there on are lost. */
void cs_parquet_copy_bits(uint8_t *to, size_t to_at, const uint8_t *from, size_t from_at, size_t n);

#endif
