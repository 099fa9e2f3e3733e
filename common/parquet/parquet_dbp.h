/* DELTA_BINARY_PACKED, read as a stream (parquet-format, Encodings.md): numbers, and the lengths inside the
 * delta encodings of texts. */
#ifndef CS_COMMON_PARQUET_PARQUET_DBP_H
#define CS_COMMON_PARQUET_PARQUET_DBP_H

#include "common/base/buf.h"

typedef struct cs_parquet_dbp {
    const uint8_t *at, *end;
    uint64_t left;            /* values not yet given */
    uint64_t value;           /* the last one, modulo 2^64 */
    bool first;               /* the header's value has not been given */
    uint64_t min_delta;
    const uint8_t *widths;    /* of the block's miniblocks */
    uint32_t n_miniblocks, miniblock, miniblock_values, miniblock_left;
    uint64_t bit;             /* in the miniblock */
} cs_parquet_dbp;

/* False: not such an encoding. */
bool cs_parquet_dbp_init(cs_parquet_dbp *dbp, cs_str bytes);
bool cs_parquet_dbp_get(cs_parquet_dbp *dbp, uint64_t *values, size_t n);
/* Goes to the end; *rest: the bytes behind. */
bool cs_parquet_dbp_skip(cs_parquet_dbp *dbp, cs_str *rest);

#endif
