/* Bounds of values: of a page, a column chunk, a file; and what Parquet's statistics make of them. */
#ifndef CS_COMMON_PARQUET_PARQUET_RANGE_H
#define CS_COMMON_PARQUET_PARQUET_RANGE_H

#include "common/parquet/parquet_meta.h"
#include "common/parquet/parquet_writer.h"

/* Text bounds in statistics are cut here (delta.md §6). */
#define CS_PARQUET_TEXT_BOUND_BYTES 64
/* One more code point may come behind the cut. */
#define CS_PARQUET_BOUND_BYTES_MAX (CS_PARQUET_TEXT_BOUND_BYTES + 8)

typedef struct cs_parquet_range {
    bool any; /* min and max are set */
    uint64_t nulls, nans, values; /* values: not null, NaN among them */
    struct cs_bound min, max;
    cs_buf min_text, max_text; /* what min.str and max.str point to after a merge */
} cs_parquet_range;

void cs_parquet_range_clear(cs_parquet_range *range); /* memory kept */
void cs_parquet_range_done(cs_parquet_range *range);
/* n values in Parquet's physical type (FLBA: __int128 unscaled; BOOLEAN: bytes 0 and 1); not BYTE_ARRAY. */
void cs_parquet_range_add(cs_parquet_range *range, cs_parquet_type type, const void *values,
                          size_t n);
/* Copies text bounds. False: no memory. */
bool cs_parquet_range_merge(cs_parquet_range *into, const cs_parquet_range *from,
                            cs_parquet_type type);
/* min and max of `out` point into the two buffers. */
void cs_parquet_range_statistics(const cs_parquet_range *range, const cs_parquet_element *element,
                                 uint8_t min[CS_PARQUET_BOUND_BYTES_MAX], uint8_t max[CS_PARQUET_BOUND_BYTES_MAX],
                                 cs_parquet_statistics *out);
/* The last len bytes of the value, big end first: decimals in a fixed_len_byte_array. */
void cs_parquet_put_flba(uint8_t *out, __int128 value, size_t len);

#endif
