#include <limits.h>

#include "worker/parse/convert.h"

/* A decimal's text after its commas are gone: [+-]?(d+.?d*|.d+)([eE][+-]?d+)?, digits counted from
 * the first that is not zero. */
typedef struct decimal_text {
    bool negative;
    cs_str digits;    /* with commas and the point still inside */
    size_t n_digits;
    int64_t exponent; /* of the last digit */
} decimal_text;

static bool split(cs_str text, decimal_text *out);
static bool read_exponent(cs_str text, int64_t *out);
static unsigned __int128 round_to(const decimal_text *decimal, int64_t keep);

/* The value is digits * 10^exponent; at the column's scale it is digits * 10^(exponent + scale):
 * with a power below zero that many digits are cut off from the end, half up, with one above zero
 * that many zeros are put behind. No power is ever worked off digit by digit: what it makes is
 * bounded by the precision first. */
bool cs_convert_decimal(cs_str text, uint8_t precision, uint8_t scale, __int128 *out)
{
    decimal_text decimal;
    if (!split(text, &decimal))
        return false;
    unsigned __int128 value = 0;
    if (decimal.n_digits > 0) {
        int64_t power = decimal.exponent + scale;
        int64_t keep = (int64_t)decimal.n_digits + power; /* digits that the result has, before rounding */
        if (keep > precision)
            return false;
        if (keep >= 0)
            value = round_to(&decimal, power < 0 ? keep : (int64_t)decimal.n_digits);
        for (; power > 0; power--)
            value *= 10;
        unsigned __int128 limit = 1;
        for (unsigned i = 0; i < precision; i++)
            limit *= 10;
        if (value >= limit)
            return false;
    }
    *out = decimal.negative ? -(__int128)value : (__int128)value;
    return true;
}

static bool split(cs_str text, decimal_text *out)
{
    decimal_text decimal = { 0 };
    size_t at = 0, behind = 0, seen = 0;
    bool point = false;
    while (at < text.len && text.ptr[at] == ',')
        at++;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        decimal.negative = text.ptr[at++] == '-';
    size_t begin = at;
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c >= '0' && c <= '9') {
            seen++;
            behind += point;
            decimal.n_digits += decimal.n_digits > 0 || c != '0';
        } else if (c == '.' && !point) {
            point = true;
        } else if (c != ',') {
            break;
        }
    }
    decimal.digits = (cs_str){ text.ptr + begin, at - begin };
    if (seen == 0 || !read_exponent((cs_str){ text.ptr + at, text.len - at }, &decimal.exponent))
        return false;
    /* java.math.BigDecimal keeps the scale in an int, and Spark's rounding of such an end overflows
     * it. */
    int64_t end = decimal.exponent < 0 ? -decimal.exponent : decimal.exponent;
    if (decimal.exponent < INT_MIN || decimal.exponent > INT_MAX || (decimal.n_digits > 0 && end >= INT_MAX))
        return false;
    decimal.exponent -= (int64_t)behind;
    *out = decimal;
    return true;
}

/* Nothing, or e and a whole number. */
static bool read_exponent(cs_str text, int64_t *out)
{
    size_t at = 0;
    int64_t value = 0;
    bool negative = false, any = false;
    if (text.len == 0)
        return true;
    if (text.ptr[at] != 'e' && text.ptr[at] != 'E')
        return false;
    at++;
    while (at < text.len && text.ptr[at] == ',')
        at++;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        negative = text.ptr[at++] == '-';
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == ',')
            continue;
        if (c < '0' || c > '9')
            return false;
        any = true;
        value = value > INT_MAX ? value : value * 10 + (c - '0');
    }
    *out = negative ? -value : value;
    return any;
}

/* The first `keep` significant digits (at most 38), rounded half up by the one behind them. */
static unsigned __int128 round_to(const decimal_text *decimal, int64_t keep)
{
    unsigned __int128 value = 0;
    int64_t met = 0;
    for (size_t i = 0; i < decimal->digits.len && met <= keep; i++) {
        char c = decimal->digits.ptr[i];
        if (c == ',' || c == '.' || (c == '0' && met == 0))
            continue;
        if (met < keep)
            value = value * 10 + (unsigned)(c - '0');
        else if (c >= '5')
            value++;
        met++;
    }
    return value;
}
