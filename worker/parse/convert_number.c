/* Booleans, integers and binary floating point. */
#include "common/data/real.h"
#include "worker/parse/convert.h"

bool cs_convert_boolean(cs_str text, uint8_t *out)
{
    bool yes = cs_str_eq_nocase(text, CS_STR("true"));
    if (!yes && !cs_str_eq_nocase(text, CS_STR("false")))
        return false;
    *out = yes;
    return true;
}

bool cs_convert_integer(cs_str text, int bits, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = negative || (text.len > 0 && text.ptr[0] == '+');
    if (at == text.len)
        return false;
    uint64_t limit = ((uint64_t)1 << (bits - 1)) - !negative;
    uint64_t value = 0;
    for (; at < text.len; at++) {
        unsigned digit = (unsigned)(text.ptr[at] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || value > limit - digit)
            return false;
        value += digit;
    }
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* The options' words are compared as they stand, before blanks are cut off and before any number: a
 * file may say that -999 is NaN. */
bool cs_convert_double(const cs_convert *convert, cs_str text, double *out)
{
    if (cs_str_eq(text, convert->nan_value))
        *out = __builtin_nan("");
    else if (cs_str_eq(text, convert->positive_inf))
        *out = __builtin_inf();
    else if (cs_str_eq(text, convert->negative_inf))
        *out = -__builtin_inf();
    else
        return cs_double_parse(text, out);
    return true;
}

bool cs_convert_float(const cs_convert *convert, cs_str text, float *out)
{
    if (cs_str_eq(text, convert->nan_value))
        *out = __builtin_nanf("");
    else if (cs_str_eq(text, convert->positive_inf))
        *out = __builtin_inff();
    else if (cs_str_eq(text, convert->negative_inf))
        *out = -__builtin_inff();
    else
        return cs_float_parse(text, out);
    return true;
}
