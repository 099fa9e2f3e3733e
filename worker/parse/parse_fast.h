/* The plain forms of numbers and times, eight bytes at a time. Each function answers only where
 * convert.h would give the same; for all else it returns false and convert.h decides. Texts need
 * CS_CHUNK_PADDING readable bytes behind. */
#ifndef CS_WORKER_PARSE_PARSE_FAST_H
#define CS_WORKER_PARSE_PARSE_FAST_H

#include "common/base/str.h"

/* The days of the last date met, in its ten bytes. */
typedef struct cs_date_memo {
    uint64_t head, tail; /* bytes 0..7 and 2..9 */
    int32_t days;
} cs_date_memo;

/* The first byte is the lowest. */
static inline uint64_t cs_load8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* True if each byte is at most 9. */
static inline bool cs_all_digits(uint64_t word)
{
    return (((word + 0x7676767676767676u) | word) & 0x8080808080808080u) == 0;
}

/* 1 to 8 digits, the first of the bytes of the word. */
static inline bool cs_fast_digits_of(uint64_t word, size_t len, uint64_t *out)
{
    word = (word ^ 0x3030303030303030u) << (64 - 8 * len);
    if (!cs_all_digits(word))
        return false;
    word = word * 10 + (word >> 8);
    *out = ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
            ((word >> 16) & 0x000000ff000000ffu) * 0x0000271000000001u) >> 32;
    return true;
}

static inline bool cs_fast_digits8(const char *at, size_t len, uint64_t *out)
{
    return cs_fast_digits_of(cs_load8(at), len, out);
}

/* 1 to 19 digits: any value of them fits. */
static inline bool cs_fast_digits(const char *at, size_t len, uint64_t *out)
{
    uint64_t high, low;
    if (len <= 8)
        return len > 0 && cs_fast_digits8(at, len, out);
    if (len <= 16) {
        if (!cs_fast_digits8(at, len - 8, &high) || !cs_fast_digits8(at + len - 8, 8, &low))
            return false;
        *out = high * 100000000u + low;
        return true;
    }
    uint64_t middle;
    if (len > 19 || !cs_fast_digits8(at, len - 16, &high) ||
        !cs_fast_digits8(at + len - 16, 8, &middle) || !cs_fast_digits8(at + len - 8, 8, &low))
        return false;
    *out = (high * 100000000u + middle) * 100000000u + low;
    return true;
}

static inline bool cs_fast_sign(cs_str *text)
{
    bool negative = *text->ptr == '-';
    if (negative || *text->ptr == '+') {
        text->ptr++;
        text->len--;
    }
    return negative;
}

/* max: the largest value of the type. */
static inline bool cs_fast_integer(cs_str text, int64_t max, int64_t *out)
{
    uint64_t value;
    bool negative = cs_fast_sign(&text);
    if (!cs_fast_digits(text.ptr, text.len, &value) || value > (uint64_t)max)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* A number of at most 18 digits with at least one before the point, if there is one, and one behind
 * it. */
typedef struct cs_fast_number {
    uint64_t digits; /* all, as one number */
    unsigned before, behind;
    bool negative;
} cs_fast_number;

extern const uint64_t cs_fast_power10[20];

/* Up to nine characters with the point among the first eight: the digits around it side by side in
 * one word. */
static inline bool cs_fast_short_point(cs_str text, cs_fast_number *out)
{
    uint64_t word = cs_load8(text.ptr), points = word ^ 0x2e2e2e2e2e2e2e2eu;
    points = (points - 0x0101010101010101u) & ~points & 0x8080808080808080u;
    if (points == 0)
        return false;
    size_t point = (size_t)__builtin_ctzll(points) / 8;
    if (point == 0 || point + 1 >= text.len)
        return false;
    uint64_t before = ((uint64_t)1 << 8 * point) - 1;
    out->before = (unsigned)point;
    out->behind = (unsigned)(text.len - point - 1);
    uint64_t joined = (word & before) | (cs_load8(text.ptr + 1) & ~before);
    return cs_fast_digits_of(joined, text.len - 1, &out->digits);
}

static inline bool cs_fast_fixed_point(cs_str text, cs_fast_number *out)
{
    out->negative = cs_fast_sign(&text);
    if (text.len - 1 > 18)
        return false;
    if (text.len <= 9 && cs_fast_short_point(text, out))
        return true;
    /* The fraction is mostly short: look for the point from behind. */
    size_t point = text.len - 1;
    while (point > 0 && text.ptr[point] != '.')
        point--;
    if (text.ptr[point] != '.') {
        out->before = (unsigned)text.len;
        out->behind = 0;
        return text.len <= 18 && cs_fast_digits(text.ptr, text.len, &out->digits);
    }
    uint64_t whole, fraction;
    size_t behind = text.len - point - 1;
    if (!cs_fast_digits(text.ptr, point, &whole) ||
        !cs_fast_digits(text.ptr + point + 1, behind, &fraction))
        return false;
    out->before = (unsigned)point;
    out->behind = (unsigned)behind;
    out->digits = whole * cs_fast_power10[behind] + fraction;
    return true;
}

/* Exact: both numbers are, and one division rounds once. */
static inline bool cs_fast_double(cs_str text, double *out)
{
    cs_fast_number number;
    if (!cs_fast_fixed_point(text, &number) || number.digits > (uint64_t)1 << 53)
        return false;
    double value = (double)number.digits / (double)cs_fast_power10[number.behind];
    *out = number.negative ? -value : value;
    return true;
}

static inline bool cs_fast_float(cs_str text, float *out)
{
    cs_fast_number number;
    if (!cs_fast_fixed_point(text, &number) || number.digits > (uint64_t)1 << 24 ||
        number.behind > 10)
        return false;
    float value = (float)number.digits / (float)cs_fast_power10[number.behind];
    *out = number.negative ? -value : value;
    return true;
}

static inline bool cs_fast_decimal(cs_str text, unsigned precision, unsigned scale, __int128 *out)
{
    cs_fast_number number;
    if (!cs_fast_fixed_point(text, &number) || number.behind > scale ||
        number.before > precision - scale ||
        scale - number.behind > 19)
        return false;
    __int128 value = (__int128)number.digits * cs_fast_power10[scale - number.behind];
    *out = number.negative ? -value : value;
    return true;
}

/* yyyy-mm-dd at `at`; the slow part is out of line. */
bool cs_fast_date_parse(const char *at, cs_date_memo *memo);
static inline bool cs_fast_date(const char *at, cs_date_memo *memo, int32_t *days)
{
    bool known = cs_load8(at) == memo->head && cs_load8(at + 2) == memo->tail;
    if (!known && !cs_fast_date_parse(at, memo))
        return false;
    *days = memo->days;
    return true;
}

/* yyyy-mm-dd hh:mm:ss, or with T, then nothing, Z, or ` UTC`; *local: no zone was named. */
static inline bool cs_fast_timestamp(cs_str text, cs_date_memo *memo, int64_t *micros, bool *local)
{
    const uint64_t colons = 0x30303a30303a3030u;
    int32_t days;
    if (text.len < 19 || (text.ptr[10] != ' ' && text.ptr[10] != 'T'))
        return false;
    uint64_t time = cs_load8(text.ptr + 11) ^ colons;
    if ((((time + 0x76767f76767f7676u) | time) & 0x8080808080808080u) != 0)
        return false;
    time = time * 10 + (time >> 8);
    unsigned hour = time & 0xff, minute = time >> 24 & 0xff, second = time >> 48 & 0xff;
    if (hour > 23 || minute > 59 || second > 59 || !cs_fast_date(text.ptr, memo, &days))
        return false;
    *local = text.len == 19;
    bool utc = (text.len == 20 && text.ptr[19] == 'Z') ||
               (text.len == 23 && memcmp(text.ptr + 19, " UTC", 4) == 0);
    *micros = ((int64_t)days * 86400 + hour * 3600 + minute * 60 + second) * 1000000;
    return *local || utc;
}

#endif
