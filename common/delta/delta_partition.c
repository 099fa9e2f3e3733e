#include "common/delta/delta_partition.h"

#include "common/data/real.h"
#include "common/data/value.h"

#define DECIMAL_TEXT_MAX 400 /* a longer text is not one that Java prints */
#define MICROS_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400

/* One value in the layout of its column. */
typedef union fixed {
    uint8_t boolean;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    __int128 i128;
    float f32;
    double f64;
} fixed;

static bool parse_fixed(const cs_type *type, cs_str text, fixed *out);
static bool parse_integer(cs_str text, int bits, fixed *out);
static bool parse_decimal(const cs_type *type, cs_str text, fixed *out);
static bool parse_floating(cs_str text, bool is_float, fixed *out);
static bool parse_date(cs_str *text, int64_t *days);
static bool parse_timestamp(cs_str text, bool zoned, int64_t *micros);

cs_code cs_delta_partition_add(cs_column *column, const cs_field *field, cs_str text, size_t count, cs_error *err)
{
    const cs_type *type = field->type;
    bool is_text = type->kind == CS_TYPE_STRING || type->kind == CS_TYPE_BINARY;
    bool is_null = !text.ptr || (text.len == 0 && type->kind != CS_TYPE_STRING);
    fixed value;
    memset(&value, 0, sizeof value);
    if (!is_null && !is_text && !parse_fixed(type, text, &value)) {
        cs_buf name = CS_BUF_INIT;
        cs_type_print(type, &name);
        cs_code code = cs_error_set(err, CS_E_DAMAGED_LOG, "partition column %.*s: '%.*s' is not %.*s",
                                    CS_STR_ARG(field->name), CS_STR_ARG(text), CS_STR_ARG(cs_buf_str(&name)));
        cs_buf_done(&name);
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_null)
            CS_TRY(cs_column_add_null(column, err));
        else if (is_text)
            CS_TRY(cs_column_add_str(column, text, err));
        else
            CS_TRY(cs_column_add_fixed(column, &value, err));
    }
    return CS_OK;
}

static bool parse_fixed(const cs_type *type, cs_str text, fixed *out)
{
    int64_t wide;
    switch (type->kind) {
    case CS_TYPE_BOOLEAN:
        out->boolean = cs_str_eq_nocase(text, CS_STR("true"));
        return out->boolean || cs_str_eq_nocase(text, CS_STR("false"));
    case CS_TYPE_BYTE:
        return parse_integer(text, 8, out);
    case CS_TYPE_SHORT:
        return parse_integer(text, 16, out);
    case CS_TYPE_INT:
        return parse_integer(text, 32, out);
    case CS_TYPE_LONG:
        return parse_integer(text, 64, out);
    case CS_TYPE_FLOAT:
        return parse_floating(text, true, out);
    case CS_TYPE_DOUBLE:
        return parse_floating(text, false, out);
    case CS_TYPE_DECIMAL:
        return parse_decimal(type, text, out);
    case CS_TYPE_DATE:
        if (!parse_date(&text, &wide) || text.len > 0 || wide < INT32_MIN || wide > INT32_MAX)
            return false;
        out->i32 = (int32_t)wide;
        return true;
    case CS_TYPE_TIMESTAMP:
        return parse_timestamp(text, true, &out->i64);
    case CS_TYPE_TIMESTAMP_NTZ:
        return parse_timestamp(text, false, &out->i64);
    default:
        return false; /* strings are not fixed; nested types cannot be partition columns */
    }
}

static bool parse_integer(cs_str text, int bits, fixed *out)
{
    int64_t value;
    if (!cs_str_to_i64(text, &value))
        return false;
    int64_t most = bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1;
    if (value > most || value < -most - 1)
        return false;
    if (bits == 8)
        out->i8 = (int8_t)value;
    else if (bits == 16)
        out->i16 = (int16_t)value;
    else if (bits == 32)
        out->i32 = (int32_t)value;
    else
        out->i64 = value;
    return true;
}

static bool take_digit(cs_str *text, unsigned *digit)
{
    if (text->len == 0 || text->ptr[0] < '0' || text->ptr[0] > '9')
        return false;
    *digit = (unsigned)(text->ptr[0] - '0');
    text->ptr++;
    text->len--;
    return true;
}

static bool take_char(cs_str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    text->ptr++;
    text->len--;
    return true;
}

/* Java's BigDecimal: 1.50, -0.01, 0E-18, 1E+3. Exact or nothing. */
static bool parse_decimal(const cs_type *type, cs_str text, fixed *out)
{
    char digits[DECIMAL_TEXT_MAX]; /* without zeros in front */
    int64_t n = 0, power = type->scale, exponent = 0;
    bool negative = take_char(&text, '-'), fraction = false, any = false;
    unsigned digit;
    if (!negative)
        (void)take_char(&text, '+'); /* a plus is allowed and says nothing */
    if (text.len > sizeof digits)
        return false;
    for (;;) {
        if (!fraction && take_char(&text, '.'))
            fraction = true;
        if (!take_digit(&text, &digit))
            break;
        any = true;
        power -= fraction;
        if (n > 0 || digit > 0)
            digits[n++] = (char)digit;
    }
    bool has_exponent = any && (take_char(&text, 'E') || take_char(&text, 'e'));
    if (!any || (has_exponent && (!cs_str_to_i64(text, &exponent) || exponent > 1000 || exponent < -1000)) ||
        (!has_exponent && text.len > 0))
        return false;
    power += exponent;
    for (; n > 0 && power < 0 && digits[n - 1] == 0; n--)
        power++;
    if (n > 0 && (power < 0 || n + power > type->precision))
        return false;
    __int128 value = 0;
    for (int64_t i = 0; i < n; i++)
        value = value * 10 + digits[i];
    for (; n > 0 && power > 0; power--)
        value *= 10;
    if (negative)
        value = -value;
    if (type->precision <= 9)
        out->i32 = (int32_t)value;
    else if (type->precision <= 18)
        out->i64 = (int64_t)value;
    else
        out->i128 = value;
    return true;
}

/* As Java prints them, nothing more: no blanks, no hexadecimal. */
static bool parse_floating(cs_str text, bool is_float, fixed *out)
{
    bool special = cs_str_eq(text, CS_STR("NaN")) || cs_str_eq(text, CS_STR("Infinity")) ||
                   cs_str_eq(text, CS_STR("-Infinity"));
    for (size_t i = 0; !special && i < text.len; i++) {
        char c = text.ptr[i];
        if ((c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E')
            return false;
    }
    return is_float ? cs_float_parse(text, &out->f32) : cs_double_parse(text, &out->f64);
}

static bool take_number(cs_str *text, int digits, int64_t *out)
{
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        unsigned digit;
        if (!take_digit(text, &digit))
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* [+-]YYYY[Y…]-MM-DD at the start of the text. */
static bool parse_date(cs_str *text, int64_t *days)
{
    bool negative = take_char(text, '-');
    if (!negative)
        (void)take_char(text, '+'); /* Java prints it before years of five digits */
    int64_t year, month, day;
    unsigned digit;
    if (!take_number(text, 4, &year))
        return false;
    for (int more = 0; more < 3 && take_digit(text, &digit); more++)
        year = year * 10 + digit;
    if (!take_char(text, '-') || !take_number(text, 2, &month) || !take_char(text, '-') ||
        !take_number(text, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    if (negative)
        year = -year;
    int64_t found = cs_days_from_civil(year, (unsigned)month, (unsigned)day);
    int64_t back_year;
    unsigned back_month, back_day;
    cs_civil_from_days(found, &back_year, &back_month, &back_day);
    if (back_month != (unsigned)month || back_day != (unsigned)day)
        return false; /* the 31st of a month of 30 days */
    *days = found;
    return true;
}

/* Z, +HH:MM, -HH:MM; nothing is UTC. */
static bool parse_offset(cs_str *text, int64_t *seconds)
{
    *seconds = 0;
    if (text->len == 0 || take_char(text, 'Z'))
        return true;
    bool negative = take_char(text, '-');
    int64_t hours, minutes;
    if ((!negative && !take_char(text, '+')) || !take_number(text, 2, &hours) || !take_char(text, ':') ||
        !take_number(text, 2, &minutes) || hours > 18 || minutes > 59)
        return false;
    *seconds = (hours * 60 + minutes) * (negative ? -60 : 60);
    return true;
}

/* 2024-01-01T00:00:00.000001Z, 2024-01-01 00:00:00[.f…]. */
static bool parse_timestamp(cs_str text, bool zoned, int64_t *micros)
{
    int64_t days, hour, minute, second, offset = 0, fraction = 0;
    unsigned digit;
    if (!parse_date(&text, &days) || (!take_char(&text, 'T') && !take_char(&text, ' ')) ||
        !take_number(&text, 2, &hour) || !take_char(&text, ':') || !take_number(&text, 2, &minute) ||
        !take_char(&text, ':') || !take_number(&text, 2, &second) || hour > 23 || minute > 59 || second > 59)
        return false;
    if (take_char(&text, '.')) {
        int64_t unit = MICROS_PER_SECOND;
        if (!take_digit(&text, &digit))
            return false;
        do {
            unit /= 10;
            fraction += digit * unit;
        } while (take_digit(&text, &digit));
    }
    if ((zoned && !parse_offset(&text, &offset)) || text.len > 0)
        return false;
    int64_t seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    return !__builtin_mul_overflow(seconds, (int64_t)MICROS_PER_SECOND, micros) &&
           !__builtin_add_overflow(*micros, fraction, micros);
}
