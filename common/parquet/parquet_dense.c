#include "common/parquet/parquet_dense.h"

#include <assert.h>

#include "common/parquet/parquet_text.h"

/* Up to 64 bits from position `at`, reading only the bytes that hold them. */
static inline uint64_t take_bits(const uint8_t *bits, size_t at, size_t n)
{
    const uint8_t *from = bits + at / 8;
    size_t bytes = (at % 8 + n + 7) / 8;
    uint64_t word = 0;
    memcpy(&word, from, bytes < 8 ? bytes : 8);
    word >>= at % 8;
    if (bytes > 8)
        word |= (uint64_t)from[8] << (64 - at % 8);
    return n == 64 ? word : word & ((UINT64_C(1) << n) - 1);
}

size_t cs_parquet_count_nulls(const cs_column *column, size_t from, size_t n)
{
    if (column->null_count == 0)
        return 0;
    size_t valid = 0;
    for (size_t i = 0; i < n; i += 64)
        valid += (size_t)__builtin_popcountll(take_bits(column->validity, from + i, n - i < 64 ? n - i : 64));
    return n - valid;
}

/* Without a branch on the bit, which nobody can predict: every value is written, the place moves on for
 * the valid ones. */
#define DENSE(name, in_type, out_type)                                                              \
    static void name(const cs_column *column, size_t from, size_t n, out_type *out)                 \
    {                                                                                               \
        const in_type *in = (const in_type *)(const void *)column->data + from;                     \
        for (size_t i = 0, k = 0; i < n; i++) {                                                     \
            out[k] = in[i];                                                                         \
            k += cs_bit_get(column->validity, from + i);                                            \
        }                                                                                           \
    }
DENSE(dense_8, int8_t, int32_t)
DENSE(dense_16, int16_t, int32_t)
DENSE(dense_32, uint32_t, uint32_t)
DENSE(dense_64, uint64_t, uint64_t)
DENSE(dense_128, __int128, __int128)
#undef DENSE

static void dense_boolean(const cs_column *column, size_t from, size_t n, uint8_t *out)
{
    for (size_t i = 0, k = 0; i < n; i++) {
        out[k] = cs_bit_get(column->data, from + i);
        k += cs_bit_get(column->validity, from + i);
    }
}

const void *cs_parquet_dense(const cs_column *column, size_t from, size_t n, size_t nulls,
                             cs_parquet_dense_scratch *scratch)
{
    assert(n <= CS_PARQUET_SLICE_ROWS_MAX);
    void *out = scratch->values;
    size_t width = cs_type_width(column->type);
    if (nulls == 0 && width >= 4)
        return column->data + from * width;
    switch (width) {
    case 0:
        dense_boolean(column, from, n, out);
        break;
    case 1:
        dense_8(column, from, n, out);
        break;
    case 2:
        dense_16(column, from, n, out);
        break;
    case 4:
        dense_32(column, from, n, out);
        break;
    case 8:
        dense_64(column, from, n, out);
        break;
    default:
        dense_128(column, from, n, out);
        break;
    }
    return out;
}

/* A null has no bytes: the end of each value is the begin of the next valid one. */
cs_parquet_texts cs_parquet_dense_texts(const cs_column *column, size_t from, size_t n, size_t nulls,
                                        cs_parquet_dense_scratch *scratch)
{
    const int32_t *offsets = column->offsets + from;
    const uint8_t *data = column->data ? column->data : (const uint8_t *)""; /* only empty texts so far */
    if (nulls == 0)
        return (cs_parquet_texts){ data, offsets };
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        scratch->offsets[k] = offsets[i];
        k += cs_bit_get(column->validity, from + i);
    }
    scratch->offsets[k] = offsets[n];
    return (cs_parquet_texts){ data, scratch->offsets };
}

void cs_parquet_copy_bits(uint8_t *to, size_t to_at, const uint8_t *from, size_t from_at, size_t n)
{
    if (to_at % 8 == 0 && from_at % 8 == 0) {
        memcpy(to + to_at / 8, from + from_at / 8, (n + 7) / 8);
        return;
    }
    while (n > 0) {
        size_t room = 8 - to_at % 8, take = n < room ? n : room;
        uint8_t bits = (uint8_t)take_bits(from, from_at, take), kept = (uint8_t)((1u << to_at % 8) - 1);
        to[to_at / 8] = (uint8_t)((to[to_at / 8] & kept) | bits << to_at % 8);
        to_at += take;
        from_at += take;
        n -= take;
    }
}
