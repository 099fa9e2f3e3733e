/* Partition values: the text in the log → values of a column (spec: delta.md §4). */
#ifndef CS_COMMON_DELTA_DELTA_PARTITION_H
#define CS_COMMON_DELTA_DELTA_PARTITION_H

#include "common/data/rows.h"

/* Appends the value `count` times to the column of a field. text.ptr NULL is null; so is an empty text, but in
 * a string column. CS_E_DAMAGED_LOG names column and text. */
CS_MUST_USE cs_code cs_delta_partition_add(cs_column *column, const cs_field *field, cs_str text, size_t count,
                                           cs_error *err);

#endif
