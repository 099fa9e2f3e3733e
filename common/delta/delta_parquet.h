/* A Parquet file in a store, as the input that the Parquet reader wants. */
#ifndef CS_COMMON_DELTA_DELTA_PARQUET_H
#define CS_COMMON_DELTA_DELTA_PARQUET_H

#include "common/parquet/parquet_reader.h"
#include "common/store/store.h"

typedef struct cs_delta_parquet {
    cs_file *file;
    cs_parquet_input input;
} cs_delta_parquet;

/* In place: `out` must stay where it is while a reader uses its input, and so must `name`. CS_E_NOT_FOUND. */
CS_MUST_USE cs_code cs_delta_parquet_open(cs_store *table, cs_str name, cs_delta_parquet *out, cs_error *err);
void cs_delta_parquet_close(cs_delta_parquet *parquet);

#endif
