/* The RLE / bit-packed hybrid (parquet-format, Encodings.md): dictionary codes, levels, booleans. */
#ifndef CS_COMMON_PARQUET_PARQUET_RLE_H
#define CS_COMMON_PARQUET_PARQUET_RLE_H

#include "common/base/buf.h"

/* Bits that hold every value up to max; 0 for 0. */
static inline unsigned cs_parquet_bits_for(uint32_t max)
{
    return max ? 32 - (unsigned)__builtin_clz(max) : 0;
}

/* Appends n values below 2^bits. */
void cs_parquet_rle_put(cs_buf *out, const uint32_t *values, size_t n, unsigned bits);
/* Appends n one-bit values: a bitmap already is a bit-packed run. NULL: all of them `fill`. */
void cs_parquet_rle_put_bits(cs_buf *out, const uint8_t *bitmap, bool fill, size_t n);

typedef struct cs_parquet_rle {
    cs_cursor cursor;
    unsigned bits;
    bool packed;       /* the run at hand */
    uint64_t left;     /* values left in it */
    uint32_t value;    /* of a repeated run */
    uint64_t bit_at;   /* of a packed run, from cursor.at */
} cs_parquet_rle;

/* False: more than 32 bits. */
bool cs_parquet_rle_init(cs_parquet_rle *rle, cs_str bytes, unsigned bits);
/* False when the bytes end before n values or are not runs. */
bool cs_parquet_rle_get(cs_parquet_rle *rle, uint32_t *values, size_t n);
/* The same into 16 bits, for levels (bits <= 16). */
bool cs_parquet_rle_get16(cs_parquet_rle *rle, uint16_t *values, size_t n);

/* Old levels (BIT_PACKED, big end first): n values; *used: bytes taken. */
bool cs_parquet_bit_packed_get16(cs_str bytes, unsigned bits, uint16_t *values, size_t n,
                                 size_t *used);

#endif
