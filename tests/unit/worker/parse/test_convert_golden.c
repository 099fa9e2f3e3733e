/* Text → value against what Spark 4.2.0 made of 13,424 texts (tests/golden/csv/README.md). Cases
 * with options that come later are counted, not skipped in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/data/schema.h"
#include "common/data/value.h"
#include "tests/unit/golden_lines.h"
#include "worker/parse/convert.h"

/* With patterns, trimming and other encodings a field is not converted by convert.h alone. */
static bool is_for_later(const cs_json *line)
{
    static const char *const later[] = { "dateFormat", "timestampFormat", "timestampNTZFormat", "locale",
                                         "enableDateTimeParsingFallback", "ignoreLeadingWhiteSpace",
                                         "ignoreTrailingWhiteSpace", "encoding" };
    const cs_json *options = cs_json_get(line, "options");
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (cs_json_get(options, later[i]) != NULL)
            return true;
    /* These two are text as they stand: nothing to convert. */
    cs_str type = golden_str(line, "type");
    return cs_str_eq(type, CS_STR("STRING")) || cs_str_eq(type, CS_STR("BINARY"));
}

static void set_options(cs_convert *convert, const cs_json *options)
{
    cs_str text;
    convert->nan_value = CS_STR("NaN");
    convert->positive_inf = CS_STR("Inf");
    convert->negative_inf = CS_STR("-Inf");
    if (cs_json_str(cs_json_get(options, "nanValue"), &text))
        convert->nan_value = text;
    if (cs_json_str(cs_json_get(options, "positiveInf"), &text))
        convert->positive_inf = text;
    if (cs_json_str(cs_json_get(options, "negativeInf"), &text))
        convert->negative_inf = text;
    convert->zone = NULL;
    if (cs_json_str(cs_json_get(options, "timeZone"), &text)) {
        convert->zone = cs_zones_find(convert->zones, text);
        assert_non_null(convert->zone);
    }
}

static bool same_bits(const cs_json *value, uint64_t bits, bool is_nan, int digits)
{
    char text[17];
    cs_str expected = golden_str(value, "bits");
    snprintf(text, sizeof text, "%0*llx", digits, (unsigned long long)bits);
    if (is_nan) {
        cs_str name = golden_str(value, "text");
        return cs_str_eq_nocase(name, CS_STR("NaN"));
    }
    return cs_str_eq(expected, cs_str_of(text));
}

static bool same_text(const cs_json *value, __int128 unscaled, uint8_t scale)
{
    cs_str expected;
    cs_buf text = CS_BUF_INIT;
    cs_decimal_print(unscaled, scale, &text);
    bool same = cs_json_str(value, &expected) && cs_str_eq(expected, cs_buf_str(&text));
    cs_buf_done(&text);
    return same;
}

static bool same_number(const cs_json *value, int64_t got)
{
    int64_t expected;
    return cs_json_i64(value, &expected) && expected == got;
}

/* value: NULL when malformed is expected. */
static bool converts_to(cs_convert *convert, const cs_type *type, cs_str text, const cs_json *value)
{
    uint8_t truth;
    int64_t number;
    int32_t days;
    float single;
    double real;
    __int128 decimal;
    bool expected = false;
    int bits = 8 * (int)cs_type_width(type);
    switch (type->kind) {
    case CS_TYPE_BOOLEAN:
        if (!cs_convert_boolean(text, &truth))
            return value == NULL;
        return cs_json_bool(value, &expected) && expected == truth;
    case CS_TYPE_BYTE:
    case CS_TYPE_SHORT:
    case CS_TYPE_INT:
    case CS_TYPE_LONG:
        if (!cs_convert_integer(text, bits, &number))
            return value == NULL;
        return same_text(value, number, 0);
    case CS_TYPE_FLOAT:
        if (!cs_convert_float(convert, text, &single))
            return value == NULL;
        uint32_t single_bits;
        memcpy(&single_bits, &single, sizeof single_bits);
        return same_bits(value, single_bits, single != single, 8);
    case CS_TYPE_DOUBLE:
        if (!cs_convert_double(convert, text, &real))
            return value == NULL;
        uint64_t real_bits;
        memcpy(&real_bits, &real, sizeof real_bits);
        return same_bits(value, real_bits, real != real, 16);
    case CS_TYPE_DECIMAL:
        if (!cs_convert_decimal(text, type->precision, type->scale, &decimal))
            return value == NULL;
        return same_text(value, decimal, type->scale);
    case CS_TYPE_DATE:
        if (!cs_convert_date(convert, text, &days))
            return value == NULL;
        return same_number(value, days);
    case CS_TYPE_TIMESTAMP:
        if (!cs_convert_timestamp(convert, text, &number))
            return value == NULL;
        return same_number(value, number);
    default:
        assert_int_equal(type->kind, CS_TYPE_TIMESTAMP_NTZ);
        if (!cs_convert_timestamp_ntz(convert, text, &number))
            return value == NULL;
        return same_number(value, number);
    }
}

/* Null before any conversion: an empty field, or nullValue. */
static bool is_null(const cs_json *line, cs_str text)
{
    cs_str null_value = golden_str(cs_json_get(line, "options"), "nullValue");
    return text.len == 0 || cs_str_eq(text, null_value);
}

static void converts_as_spark_does(void **state)
{
    (void)state;
    size_t agree = 0, wrong = 0, later = 0, differs = 0;
    golden_lines lines = golden_open("csv/convert.jsonl.gz");
    cs_convert convert;
    cs_convert_init(&convert);
    for (const cs_json *line; (line = golden_next(&lines)) != NULL;) {
        cs_arena arena = CS_ARENA_INIT;
        cs_buf ddl = CS_BUF_INIT;
        cs_schema schema;
        cs_str text = golden_str(line, "text"), type = golden_str(line, "type");
        const cs_json *value = cs_json_get(line, "value");
        if (is_for_later(line)) {
            later++;
            continue;
        }
        if (cs_json_get(line, "differs") != NULL) {
            differs++;
            value = NULL; /* each of them is malformed to us: D3, D4, D24 */
        }
        cs_buf_printf(&ddl, "c %.*s", CS_STR_ARG(type));
        assert_int_equal(cs_schema_parse_ddl(cs_buf_str(&ddl), &arena, &schema, NULL), CS_OK);
        set_options(&convert, cs_json_get(line, "options"));
        char *copy = malloc(text.len > 0 ? text.len : 1); /* so that the sanitizers see its end */
        if (text.len > 0)
            memcpy(copy, text.ptr, text.len);
        cs_str exact = { copy, text.len };
        bool good = is_null(line, text) ? value != NULL && cs_json_is_null(value)
                                        : converts_to(&convert, schema.fields[0].type, exact, value);
        if (!good)
            print_message("line %zu: %.*s '%.*s'\n", lines.number, CS_STR_ARG(type), CS_STR_ARG(text));
        agree += good;
        wrong += !good;
        free(copy);
        cs_buf_done(&ddl);
        cs_arena_done(&arena);
    }
    cs_convert_done(&convert);
    size_t count = golden_close(&lines);
    print_message("%zu of %zu agree (%zu of these by our own rule), %zu left for later options\n", agree, count - later,
                  differs, later);
    assert_int_equal(wrong, 0);
    assert_int_equal(agree + later, count);
    assert_true(agree > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_as_spark_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
