/* Small string work for hot loops, without calls: hash, equality, order by an eight-byte prefix. */
#ifndef CS_COMMON_PARQUET_PARQUET_TEXT_H
#define CS_COMMON_PARQUET_PARQUET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t cs_parquet_load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

static inline uint32_t cs_parquet_load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

/* First eight bytes, big end first, zero padded; reads nothing behind len. */
static inline uint64_t cs_parquet_text_prefix(const uint8_t *at, size_t len)
{
    if (len >= 8)
        return __builtin_bswap64(cs_parquet_load64(at));
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (56 - 8 * i);
    return value;
}

static inline uint64_t cs_parquet_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define CS_PARQUET_K1 UINT64_C(0xa0761d6478bd642f)
#define CS_PARQUET_K2 UINT64_C(0xe7037ed1a0b428db)
#define CS_PARQUET_K3 UINT64_C(0x8ebc6af09c88c6e3)

static inline uint64_t cs_parquet_text_hash(const uint8_t *at, size_t len)
{
    uint64_t a = 0, b = 0, seed = CS_PARQUET_K3 ^ len;
    if (len >= 8) {
        const uint8_t *end = at + len;
        for (; end - at > 16; at += 16)
            seed = cs_parquet_mix(cs_parquet_load64(at) ^ CS_PARQUET_K1,
                                  cs_parquet_load64(at + 8) ^ seed);
        /* The last 16 bytes overlap what the loop took; eight and more without the loop overlap each other. */
        a = cs_parquet_load64(len > 16 ? end - 16 : at);
        b = cs_parquet_load64(end - 8);
    } else if (len >= 4) {
        a = cs_parquet_load32(at);
        b = cs_parquet_load32(at + len - 4);
    } else if (len > 0) {
        a = (uint64_t)at[0] << 16 | (uint64_t)at[len >> 1] << 8 | at[len - 1];
    }
    return cs_parquet_mix(a ^ CS_PARQUET_K1, b ^ seed);
}

static inline bool cs_parquet_text_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len >= 8) {
        uint64_t differs = cs_parquet_load64(a + len - 8) ^ cs_parquet_load64(b + len - 8);
        for (size_t i = 0; i + 8 < len; i += 8)
            differs |= cs_parquet_load64(a + i) ^ cs_parquet_load64(b + i);
        return differs == 0;
    }
    if (len >= 4)
        return ((cs_parquet_load32(a) ^ cs_parquet_load32(b)) |
                (cs_parquet_load32(a + len - 4) ^ cs_parquet_load32(b + len - 4))) == 0;
    return len == 0 || (a[0] == b[0] && a[len >> 1] == b[len >> 1] && a[len - 1] == b[len - 1]);
}

#endif
