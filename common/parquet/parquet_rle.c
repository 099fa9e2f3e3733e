#include "common/parquet/parquet_rle.h"

#include <assert.h>

#define GROUP 8
/* A header of one byte: what every other writer does too. */
#define PACKED_VALUES_MAX (63 * GROUP)

static size_t run_length(const uint32_t *values, size_t n);
static uint8_t *put_packed(uint8_t *out, const uint32_t *values, size_t n, unsigned bits);
static uint8_t *put_repeated(uint8_t *out, uint32_t value, uint64_t n, unsigned bits);
static bool next_run(cs_parquet_rle *rle);
static uint32_t packed_value(const cs_parquet_rle *rle, uint64_t bit);

/* A repeated run pays when it is shorter than the same values packed plus the header of the packed run
 * behind it; below that the runs only cut the packed ones into pieces. */
void cs_parquet_rle_put(cs_buf *buf, const uint32_t *values, size_t n, unsigned bits)
{
    if (n == 0)
        return;
    if (bits == 0) { /* one value only: codes are all 0 */
        cs_buf_add_varint(buf, (uint64_t)n << 1);
        return;
    }
    uint8_t *out = (uint8_t *)cs_buf_reserve(buf, (n / GROUP + 2) * (bits + 1) + 16);
    if (!out)
        return;
    const uint8_t *begin = out;
    size_t value_bytes = (bits + 7) / 8;
    size_t run_min = ((4 + value_bytes) * 8 + bits - 1) / bits;
    run_min = run_min < GROUP ? GROUP : run_min;
    size_t at = 0, from = 0;
    while (at < n) {
        if (n - at >= run_min && values[at] == values[at + run_min - 1]) {
            size_t run = run_length(values + at, n - at);
            if (run >= run_min) {
                out = put_packed(out, values + from, at - from, bits);
                out = put_repeated(out, values[at], run, bits);
                at += run;
                from = at;
                continue;
            }
        }
        at += n - at < GROUP ? n - at : GROUP;
        if (at - from >= PACKED_VALUES_MAX) {
            out = put_packed(out, values + from, at - from, bits);
            from = at;
        }
    }
    out = put_packed(out, values + from, n - from, bits);
    buf->len += (size_t)(out - begin);
}

void cs_parquet_rle_put_bits(cs_buf *buf, const uint8_t *bitmap, bool fill, size_t n)
{
    if (n == 0)
        return;
    if (!bitmap) {
        cs_buf_add_varint(buf, (uint64_t)n << 1);
        cs_buf_add_char(buf, fill);
        return;
    }
    size_t bytes = (n + 7) / 8;
    cs_buf_add_varint(buf, (uint64_t)bytes << 1 | 1);
    cs_buf_add(buf, bitmap, bytes);
}

bool cs_parquet_rle_init(cs_parquet_rle *rle, cs_str bytes, unsigned bits)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    *rle = (cs_parquet_rle){ .cursor = { at, at + bytes.len }, .bits = bits };
    return bits <= 32;
}

bool cs_parquet_rle_get(cs_parquet_rle *rle, uint32_t *values, size_t n)
{
    while (n > 0) {
        if (rle->left == 0 && !next_run(rle))
            return false;
        size_t take = rle->left < n ? (size_t)rle->left : n;
        if (rle->packed) {
            for (size_t i = 0; i < take; i++)
                values[i] = packed_value(rle, rle->bit_at + i * rle->bits);
            rle->bit_at += take * rle->bits;
        } else {
            for (size_t i = 0; i < take; i++)
                values[i] = rle->value;
        }
        rle->left -= take;
        values += take;
        n -= take;
    }
    return true;
}

bool cs_parquet_rle_get16(cs_parquet_rle *rle, uint16_t *values, size_t n)
{
    uint32_t chunk[256];
    while (n > 0) {
        size_t take = n < 256 ? n : 256;
        if (!cs_parquet_rle_get(rle, chunk, take))
            return false;
        for (size_t i = 0; i < take; i++)
            values[i] = (uint16_t)chunk[i];
        values += take;
        n -= take;
    }
    return true;
}

bool cs_parquet_bit_packed_get16(cs_str bytes, unsigned bits, uint16_t *values, size_t n,
                                 size_t *used)
{
    if (bits > 16 || n > SIZE_MAX / 16 - 1 || (n * bits + 7) / 8 > bytes.len)
        return false;
    size_t bit = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned value = 0;
        for (unsigned k = 0; k < bits; k++, bit++)
            value = value << 1 | ((unsigned)(uint8_t)bytes.ptr[bit / 8] >> (7 - bit % 8) & 1);
        values[i] = (uint16_t)value;
    }
    *used = (n * bits + 7) / 8;
    return true;
}

static size_t run_length(const uint32_t *values, size_t n)
{
    size_t i = 1;
    while (i < n && values[i] == values[0])
        i++;
    return i;
}

/* Eight values take exactly `bits` bytes; up to seven bytes behind them are written and overwritten. */
static inline void pack_group(uint8_t *out, const uint32_t *values, unsigned bits)
{
    uint64_t word = 0;
    unsigned filled = 0;
    for (int i = 0; i < GROUP; i++) {
        word |= (uint64_t)values[i] << filled;
        filled += bits;
        if (filled >= 32) {
            uint32_t low = (uint32_t)word;
            memcpy(out, &low, 4);
            out += 4;
            word >>= 32;
            filled -= 32;
        }
    }
    uint32_t low = (uint32_t)word;
    memcpy(out, &low, 4);
}

static uint8_t *put_packed(uint8_t *out, const uint32_t *values, size_t n, unsigned bits)
{
    if (n == 0)
        return out;
    size_t groups = (n + GROUP - 1) / GROUP;
    assert(groups * GROUP <= PACKED_VALUES_MAX);
    *out++ = (uint8_t)(groups << 1 | 1);
    for (; n >= GROUP; n -= GROUP, values += GROUP, out += bits)
        pack_group(out, values, bits);
    if (n > 0) {
        uint32_t last[GROUP] = { 0 };
        memcpy(last, values, n * sizeof(*values));
        pack_group(out, last, bits);
        out += bits;
    }
    return out;
}

static uint8_t *put_repeated(uint8_t *out, uint32_t value, uint64_t n, unsigned bits)
{
    uint64_t header = n << 1;
    for (; header >= 0x80; header >>= 7)
        *out++ = (uint8_t)(header | 0x80);
    *out++ = (uint8_t)header;
    for (unsigned i = 0; i < (bits + 7) / 8; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static bool next_run(cs_parquet_rle *rle)
{
    if (rle->packed) {
        /* The cursor still stands at the beginning of the run that ended. */
        rle->cursor.at += (rle->bit_at + 7) / 8;
        rle->packed = false;
    }
    uint64_t header;
    if (!cs_cursor_varint(&rle->cursor, &header) || header >> 1 == 0)
        return false;
    size_t rest = (size_t)(rle->cursor.end - rle->cursor.at);
    if (header & 1) {
        /* Some writers cut the last group short: take the values that are there. */
        uint64_t groups = header >> 1;
        uint64_t fit = rle->bits ? (uint64_t)rest * 8 / rle->bits : UINT64_MAX;
        rle->left = groups > UINT64_MAX / GROUP ? UINT64_MAX : groups * GROUP;
        rle->left = rle->left < fit ? rle->left : fit;
        rle->packed = true;
        rle->bit_at = 0;
        return rle->left > 0;
    }
    size_t value_bytes = (rle->bits + 7) / 8;
    if (value_bytes > rest)
        return false;
    rle->value = 0;
    for (size_t i = 0; i < value_bytes; i++)
        rle->value |= (uint32_t)rle->cursor.at[i] << (8 * i);
    rle->cursor.at += value_bytes;
    rle->left = header >> 1;
    return rle->bits == 32 || rle->value >> rle->bits == 0;
}

static uint32_t packed_value(const cs_parquet_rle *rle, uint64_t bit)
{
    const uint8_t *at = rle->cursor.at + bit / 8;
    uint64_t word = 0;
    size_t rest = (size_t)(rle->cursor.end - at);
    memcpy(&word, at, rest < 8 ? rest : 8);
    return (uint32_t)(word >> bit % 8 & ((UINT64_C(1) << rle->bits) - 1));
}
