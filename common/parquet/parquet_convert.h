/* Physical values → values of a column. */
#ifndef CS_COMMON_PARQUET_PARQUET_CONVERT_H
#define CS_COMMON_PARQUET_PARQUET_CONVERT_H

#include "common/parquet/parquet_tree.h"
#include "common/parquet/parquet_values.h"

/* Appends n values, none null. CS_E_DAMAGED_PARQUET when a value does not fit its type. */
CS_MUST_USE cs_code cs_parquet_convert(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw,
                                       size_t n, cs_column *out, cs_error *err);
/* Appends values at.. at+n of a column without nulls. */
CS_MUST_USE cs_code cs_parquet_append(cs_column *out, const cs_column *from, size_t at, size_t n,
                                      cs_error *err);

#endif
