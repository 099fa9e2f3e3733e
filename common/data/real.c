#include "common/data/real.h"

#include <stdio.h>
#include <stdlib.h>

/* 767 digits decide any rounding of a double; the rest is told by one digit more. */
#define DIGITS_MAX 800u
#define SPELLED_MAX (DIGITS_MAX + 64u)
#define EXPONENT_MAX 100000 /* beyond it every value of so many digits is 0 or infinite */

/* A number's text in pieces. */
typedef struct real_text {
    bool negative, hex;
    cs_str whole, fraction; /* digits before and behind the point */
    int64_t exponent;       /* of 10, or of 2 for hex */
} real_text;

typedef enum real_kind { REAL_BAD, REAL_NAN, REAL_INFINITY, REAL_NUMBER } real_kind;

static real_kind split_real(cs_str text, real_text *out);
static bool take_exponent(cs_str *text, int64_t *exponent);
static cs_str take_digits(cs_str *text, bool hex);
static bool take_letter(cs_str *text, char lower);
static bool is_digit(char c, bool hex);
static const char *spell(const real_text *real, char out[SPELLED_MAX]);

bool cs_double_parse(cs_str text, double *out)
{
    real_text real;
    char spelled[SPELLED_MAX];
    real_kind kind = split_real(cs_str_trim(text), &real);
    if (kind == REAL_BAD)
        return false;
    double value = kind == REAL_NAN        ? __builtin_nan("")
                   : kind == REAL_INFINITY ? __builtin_inf()
                                           : strtod(spell(&real, spelled), NULL);
    *out = real.negative ? -value : value;
    return true;
}

bool cs_float_parse(cs_str text, float *out)
{
    real_text real;
    char spelled[SPELLED_MAX];
    real_kind kind = split_real(cs_str_trim(text), &real);
    if (kind == REAL_BAD)
        return false;
    float value = kind == REAL_NAN        ? __builtin_nanf("")
                  : kind == REAL_INFINITY ? __builtin_inff()
                                          : strtof(spell(&real, spelled), NULL);
    *out = real.negative ? -value : value;
    return true;
}

static real_kind split_real(cs_str text, real_text *out)
{
    *out = (real_text){ 0 };
    bool sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    out->negative = sign && text.ptr[0] == '-';
    text = (cs_str){ text.ptr + sign, text.len - sign };
    if (cs_str_eq(text, CS_STR("NaN"))) {
        out->negative = false;
        return REAL_NAN;
    }
    if (cs_str_eq(text, CS_STR("Infinity")))
        return REAL_INFINITY;
    out->hex = text.len > 1 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'X');
    if (out->hex)
        text = (cs_str){ text.ptr + 2, text.len - 2 };
    out->whole = take_digits(&text, out->hex);
    if (text.len > 0 && text.ptr[0] == '.') {
        text = (cs_str){ text.ptr + 1, text.len - 1 };
        out->fraction = take_digits(&text, out->hex);
    }
    if (out->whole.len + out->fraction.len == 0)
        return REAL_BAD;
    bool marked = take_letter(&text, out->hex ? 'p' : 'e');
    if (marked ? !take_exponent(&text, &out->exponent) : out->hex)
        return REAL_BAD;
    if (!take_letter(&text, 'f'))
        (void)take_letter(&text, 'd'); /* a type's suffix, which means nothing here */
    return text.len == 0 ? REAL_NUMBER : REAL_BAD;
}

static bool take_exponent(cs_str *text, int64_t *exponent)
{
    bool sign = text->len > 0 && (text->ptr[0] == '-' || text->ptr[0] == '+');
    bool negative = sign && text->ptr[0] == '-';
    *text = (cs_str){ text->ptr + sign, text->len - sign };
    cs_str digits = take_digits(text, false);
    int64_t value = 0;
    /* Far more than a text of any length can make up for with its digits. */
    for (size_t i = 0; i < digits.len && value < INT64_C(1000000000000); i++)
        value = value * 10 + (digits.ptr[i] - '0');
    *exponent = negative ? -value : value;
    return digits.len > 0;
}

static cs_str take_digits(cs_str *text, bool hex)
{
    size_t len = 0;
    while (len < text->len && is_digit(text->ptr[len], hex))
        len++;
    cs_str digits = { text->ptr, len };
    *text = (cs_str){ text->ptr + len, text->len - len };
    return digits;
}

static bool take_letter(cs_str *text, char lower)
{
    if (text->len == 0 || (text->ptr[0] | 0x20) != lower)
        return false;
    *text = (cs_str){ text->ptr + 1, text->len - 1 };
    return true;
}

static bool is_digit(char c, bool hex)
{
    char lower = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (hex && lower >= 'a' && lower <= 'f');
}

/* The size of the number as a bounded text for strtod: whole digits and an exponent, no point, so
 * no locale has a say in it. What is cut off matters only by not being zero. */
static const char *spell(const real_text *real, char out[SPELLED_MAX])
{
    const cs_str parts[] = { real->whole, real->fraction };
    int64_t weight = real->hex ? 4 : 1; /* of one digit, in the exponent */
    int64_t exponent = real->exponent - weight * (int64_t)real->fraction.len;
    size_t len = 0, digits = 0;
    bool rest = false;
    if (real->hex)
        len = (size_t)snprintf(out, SPELLED_MAX, "0x");
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p].len; i++) {
            char c = parts[p].ptr[i];
            if (digits == 0 && c == '0')
                continue;
            if (digits < DIGITS_MAX) {
                out[len + digits++] = c;
            } else {
                exponent += weight;
                rest |= c != '0';
            }
        }
    if (digits == 0)
        return "0";
    if (rest) {
        out[len + digits++] = '1';
        exponent -= weight;
    }
    len += digits;
    exponent = exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
    snprintf(out + len, SPELLED_MAX - len, "%c%d", real->hex ? 'p' : 'e', (int)exponent);
    return out;
}
