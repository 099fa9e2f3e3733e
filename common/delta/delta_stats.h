/* Text of add.stats from the exact bounds of a file's columns, as Spark writes it (spec: delta.md
 * §5). */
#ifndef CS_COMMON_DELTA_DELTA_STATS_H
#define CS_COMMON_DELTA_DELTA_STATS_H

#include "common/base/buf.h"
#include "common/parquet/parquet_writer.h"

#define CS_DELTA_INDEXED_COLUMNS_DEFAULT 32

typedef struct cs_delta_stats {
    const cs_schema *schema;         /* flat, and without the partition columns */
    const cs_column_bounds *bounds;  /* one per field */
    uint64_t rows;
    /* the first so many have statistics (delta.dataSkippingNumIndexedCols); -1: all */
    int64_t indexed_columns;
} cs_delta_stats;

void cs_delta_stats_print(const cs_delta_stats *stats, cs_buf *out);

#endif
