/* Values as text. Numbers are printed and read back under the C locale whatever the process has
 * set: a decimal comma in a JSON line would be damage. */
#include "common/data/value.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/json/json.h"

#define MICROS_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)

static void add_flat(const cs_column *column, size_t at, bool json, cs_buf *out);
static void add_time(const cs_column *column, size_t at, bool json, cs_buf *out);
static void add_real(double value, bool is_float, bool json, cs_buf *out);
static void add_real_text(const char *text, cs_buf *out);
static void add_binary(cs_str bytes, bool json, cs_buf *out);
static void add_base64(cs_str bytes, cs_buf *out);
static void add_list(const cs_column *column, size_t at, cs_buf *out);
static void add_map(const cs_column *column, size_t at, cs_buf *out);
static void add_struct(const cs_column *column, size_t at, cs_buf *out);
static void add_member(cs_str name, const cs_column *column, size_t at, bool first, cs_buf *out);

void cs_value_json(const cs_column *column, size_t at, cs_buf *out)
{
    assert(at < column->length);
    if (cs_column_is_null(column, at)) {
        cs_buf_add_cstr(out, "null");
        return;
    }
    switch (column->type->kind) {
    case CS_TYPE_ARRAY:
        add_list(column, at, out);
        break;
    case CS_TYPE_MAP:
        add_map(column, at, out);
        break;
    case CS_TYPE_STRUCT:
        add_struct(column, at, out);
        break;
    default:
        add_flat(column, at, true, out);
    }
}

void cs_value_text(const cs_column *column, size_t at, cs_buf *out)
{
    assert(at < column->length);
    if (cs_column_is_null(column, at))
        cs_buf_add_cstr(out, "NULL");
    else if (cs_type_is_flat(column->type))
        add_flat(column, at, false, out);
    else
        cs_value_json(column, at, out);
}

void cs_rows_json(const cs_rows *rows, size_t at, cs_buf *out)
{
    assert(at < rows->length);
    cs_buf_add_char(out, '{');
    for (size_t i = 0; i < rows->schema->n_fields; i++)
        add_member(rows->schema->fields[i].name, &rows->columns[i], at, i == 0, out);
    cs_buf_add_char(out, '}');
}

void cs_decimal_print(__int128 unscaled, uint8_t scale, cs_buf *out)
{
    char digits[CS_DECIMAL_PRECISION_MAX + 4];
    size_t begin = sizeof digits;
    unsigned __int128 rest = unscaled < 0 ? -(unsigned __int128)unscaled : (unsigned __int128)unscaled;
    for (size_t n = 0; rest > 0 || n <= scale; n++) {
        if (n > 0 && n == scale)
            digits[--begin] = '.';
        digits[--begin] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (unscaled < 0)
        digits[--begin] = '-';
    cs_buf_add(out, digits + begin, sizeof digits - begin);
}

void cs_date_print(int32_t days, cs_buf *out)
{
    int64_t year;
    unsigned month, day;
    cs_civil_from_days(days, &year, &month, &day);
    /* As java.time prints years: a sign before the fifth digit, so that texts stay parseable. */
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    cs_buf_printf(out, "%s%04lld-%02u-%02u", sign, llabs((long long)year), month, day);
}

void cs_timestamp_print(int64_t micros, char separator, int digits, cs_buf *out)
{
    assert(digits >= 0 && digits <= 6);
    int64_t second = micros / MICROS_PER_SECOND - (micros % MICROS_PER_SECOND < 0);
    int64_t rest = micros % MICROS_PER_SECOND;
    unsigned fraction = (unsigned)(rest < 0 ? rest + MICROS_PER_SECOND : rest);
    int64_t days = second / SECONDS_PER_DAY - (second % SECONDS_PER_DAY < 0);
    unsigned of_day = (unsigned)(second - days * SECONDS_PER_DAY);
    cs_date_print((int32_t)days, out);
    cs_buf_printf(out, "%c%02u:%02u:%02u", separator, of_day / 3600, of_day / 60 % 60, of_day % 60);
    if (digits > 0) {
        char text[8];
        snprintf(text, sizeof text, "%06u", fraction);
        cs_buf_add_char(out, '.');
        cs_buf_add(out, text, (size_t)digits);
    }
}

bool cs_double_print(double value, cs_buf *out)
{
    if (!isfinite(value))
        return false;
    char text[32];
    locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);
    add_real_text(text, out);
    return true;
}

bool cs_float_print(float value, cs_buf *out)
{
    if (!isfinite(value))
        return false;
    char text[32];
    locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    uselocale(before);
    add_real_text(text, out);
    return true;
}

/* Both directions: days counted in eras of 400 years that begin on 1 March, so that the leap day
 * comes last. */
int64_t cs_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

void cs_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    unsigned shifted = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)of_era + era * 400 + (*month <= 2);
}

static void add_flat(const cs_column *column, size_t at, bool json, cs_buf *out)
{
    switch (column->type->kind) {
    case CS_TYPE_BOOLEAN:
        cs_buf_add_cstr(out, cs_bit_get(column->data, at) ? "true" : "false");
        break;
    case CS_TYPE_BYTE:
        cs_buf_printf(out, "%d", ((const int8_t *)column->data)[at]);
        break;
    case CS_TYPE_SHORT:
        cs_buf_printf(out, "%d", ((const int16_t *)column->data)[at]);
        break;
    case CS_TYPE_INT:
        cs_buf_printf(out, "%d", ((const int32_t *)column->data)[at]);
        break;
    case CS_TYPE_LONG:
        cs_buf_printf(out, "%lld", (long long)((const int64_t *)column->data)[at]);
        break;
    case CS_TYPE_FLOAT:
        add_real((double)((const float *)column->data)[at], true, json, out);
        break;
    case CS_TYPE_DOUBLE:
        add_real(((const double *)column->data)[at], false, json, out);
        break;
    case CS_TYPE_DECIMAL:
        /* In JSON as text: a number would be read back as a double. */
        if (json)
            cs_buf_add_char(out, '"');
        cs_decimal_print(cs_column_decimal(column, at), column->type->scale, out);
        if (json)
            cs_buf_add_char(out, '"');
        break;
    case CS_TYPE_STRING:
        if (json)
            cs_json_add_str(out, cs_column_str(column, at));
        else
            cs_buf_add_escaped(out, cs_column_str(column, at));
        break;
    case CS_TYPE_BINARY:
        add_binary(cs_column_str(column, at), json, out);
        break;
    case CS_TYPE_DATE:
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        add_time(column, at, json, out);
        break;
    default:
        assert(false);
    }
}

/* JSON: dates and times quoted, six digits and Z. People: digits only where there are any. */
static void add_time(const cs_column *column, size_t at, bool json, cs_buf *out)
{
    if (json)
        cs_buf_add_char(out, '"');
    if (column->type->kind == CS_TYPE_DATE) {
        cs_date_print(((const int32_t *)column->data)[at], out);
    } else {
        int64_t micros = ((const int64_t *)column->data)[at];
        int digits = json || micros % MICROS_PER_SECOND != 0 ? 6 : 0;
        cs_timestamp_print(micros, json ? 'T' : ' ', digits, out);
        if (json && column->type->kind == CS_TYPE_TIMESTAMP)
            cs_buf_add_char(out, 'Z');
    }
    if (json)
        cs_buf_add_char(out, '"');
}

static void add_real(double value, bool is_float, bool json, cs_buf *out)
{
    if (is_float ? cs_float_print((float)value, out) : cs_double_print(value, out))
        return;
    const char *name = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    cs_buf_printf(out, json ? "\"%s\"" : "%s", name);
}

/* With a point or an exponent always, so that -0 keeps its sign and a whole number stays a double
 * in readers that tell the two apart. */
static void add_real_text(const char *text, cs_buf *out)
{
    cs_buf_add_cstr(out, text);
    if (strpbrk(text, ".e") == NULL)
        cs_buf_add_cstr(out, ".0");
}

static void add_binary(cs_str bytes, bool json, cs_buf *out)
{
    if (json) {
        cs_buf_add_char(out, '"');
        add_base64(bytes, out);
        cs_buf_add_char(out, '"');
        return;
    }
    cs_buf_add_cstr(out, "0x");
    char *hex = cs_buf_reserve(out, 2 * bytes.len + 1);
    if (hex == NULL)
        return;
    cs_hex(hex, bytes.ptr, bytes.len);
    out->len += 2 * bytes.len;
}

static void add_base64(cs_str bytes, cs_buf *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = (const uint8_t *)bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)in[i] << 16;
        if (left > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        cs_buf_add_char(out, letters[group >> 18]);
        cs_buf_add_char(out, letters[group >> 12 & 63]);
        cs_buf_add_char(out, left > 1 ? letters[group >> 6 & 63] : '=');
        cs_buf_add_char(out, left > 2 ? letters[group & 63] : '=');
    }
}

static void add_list(const cs_column *column, size_t at, cs_buf *out)
{
    cs_buf_add_char(out, '[');
    for (int32_t i = column->offsets[at]; i < column->offsets[at + 1]; i++) {
        if (i > column->offsets[at])
            cs_buf_add_char(out, ',');
        cs_value_json(&column->children[0], (size_t)i, out);
    }
    cs_buf_add_char(out, ']');
}

/* JSON's objects have string keys only; other maps become lists of pairs. */
static void add_map(const cs_column *column, size_t at, cs_buf *out)
{
    const cs_column *keys = &column->children[0], *values = &column->children[1];
    bool object = keys->type->kind == CS_TYPE_STRING;
    cs_buf_add_char(out, object ? '{' : '[');
    for (int32_t i = column->offsets[at]; i < column->offsets[at + 1]; i++) {
        bool first = i == column->offsets[at];
        if (object) {
            add_member(cs_column_str(keys, (size_t)i), values, (size_t)i, first, out);
        } else {
            cs_buf_add_cstr(out, first ? "{" : ",{");
            add_member(CS_STR("key"), keys, (size_t)i, true, out);
            add_member(CS_STR("value"), values, (size_t)i, false, out);
            cs_buf_add_char(out, '}');
        }
    }
    cs_buf_add_char(out, object ? '}' : ']');
}

static void add_struct(const cs_column *column, size_t at, cs_buf *out)
{
    cs_buf_add_char(out, '{');
    for (size_t i = 0; i < column->n_children; i++)
        add_member(column->type->fields[i].name, &column->children[i], at, i == 0, out);
    cs_buf_add_char(out, '}');
}

static void add_member(cs_str name, const cs_column *column, size_t at, bool first, cs_buf *out)
{
    if (!first)
        cs_buf_add_char(out, ',');
    cs_json_add_str(out, name);
    cs_buf_add_char(out, ':');
    cs_value_json(column, at, out);
}
