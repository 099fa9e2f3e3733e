#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/data/value.h"
#include "common/delta/delta_partition.h"

/* Text of the log → the value as our own JSON prints it; NULL: it is not a value of the type. Every type read from
 * Spark's and delta-rs's tables is in test_delta_golden; here are the corners. */
static const struct {
    cs_type_kind kind;
    uint8_t precision, scale;
    const char *text, *json;
} values[] = {
    { CS_TYPE_BOOLEAN, 0, 0, "TRUE", "true" },
    { CS_TYPE_BOOLEAN, 0, 0, "yes", NULL },
    { CS_TYPE_BYTE, 0, 0, "-128", "-128" },
    { CS_TYPE_BYTE, 0, 0, "128", NULL },
    { CS_TYPE_SHORT, 0, 0, "32768", NULL },
    { CS_TYPE_INT, 0, 0, "-2147483648", "-2147483648" },
    { CS_TYPE_INT, 0, 0, "2147483648", NULL },
    { CS_TYPE_LONG, 0, 0, "9223372036854775807", "9223372036854775807" },
    { CS_TYPE_LONG, 0, 0, "1.0", NULL },
    { CS_TYPE_DOUBLE, 0, 0, "-Infinity", "\"-Infinity\"" },
    { CS_TYPE_DOUBLE, 0, 0, "1.7976931348623157E308", "1.7976931348623157e+308" },
    { CS_TYPE_DOUBLE, 0, 0, "0x1p3", NULL },
    { CS_TYPE_DOUBLE, 0, 0, "inf", NULL },
    { CS_TYPE_DOUBLE, 0, 0, "1e", NULL },
    { CS_TYPE_FLOAT, 0, 0, "NaN", "\"NaN\"" },
    { CS_TYPE_DECIMAL, 4, 2, "1.5", "\"1.50\"" },
    { CS_TYPE_DECIMAL, 4, 2, "-0.01", "\"-0.01\"" },
    { CS_TYPE_DECIMAL, 4, 2, "99.99", "\"99.99\"" },
    { CS_TYPE_DECIMAL, 4, 2, "100.00", NULL },
    { CS_TYPE_DECIMAL, 4, 2, "0.001", NULL },
    { CS_TYPE_DECIMAL, 4, 2, "1.5000", "\"1.50\"" },
    { CS_TYPE_DECIMAL, 4, 2, "0.-1", NULL }, /* delta-rs 1.6.3 writes -0.01 so */
    { CS_TYPE_DECIMAL, 4, 2, ".", NULL },
    { CS_TYPE_DECIMAL, 4, 2, "1E+1", "\"10.00\"" },
    { CS_TYPE_DECIMAL, 38, 18, "0E-18", "\"0.000000000000000000\"" },
    { CS_TYPE_DECIMAL, 38, 18, "1E-18", "\"0.000000000000000001\"" },
    { CS_TYPE_DECIMAL, 38, 0, "-99999999999999999999999999999999999999", "\"-99999999999999999999999999999999999999\"" },
    { CS_TYPE_DECIMAL, 38, 0, "100000000000000000000000000000000000000", NULL },
    { CS_TYPE_DECIMAL, 38, 0, "1E999999999999", NULL },
    { CS_TYPE_DATE, 0, 0, "0001-01-01", "\"0001-01-01\"" },
    { CS_TYPE_DATE, 0, 0, "2023-02-29", NULL },
    { CS_TYPE_DATE, 0, 0, "2024-02-29", "\"2024-02-29\"" },
    { CS_TYPE_DATE, 0, 0, "2024-1-1", NULL },
    { CS_TYPE_TIMESTAMP, 0, 0, "2024-01-01T00:00:00.000001Z", "\"2024-01-01T00:00:00.000001Z\"" },
    { CS_TYPE_TIMESTAMP, 0, 0, "2024-01-01 00:00:00", "\"2024-01-01T00:00:00.000000Z\"" },
    { CS_TYPE_TIMESTAMP, 0, 0, "2024-01-01T01:00:00.5+01:00", "\"2024-01-01T00:00:00.500000Z\"" },
    { CS_TYPE_TIMESTAMP, 0, 0, "1969-12-31 23:59:59.999999", "\"1969-12-31T23:59:59.999999Z\"" },
    { CS_TYPE_TIMESTAMP, 0, 0, "2024-01-01T24:00:00Z", NULL },
    { CS_TYPE_TIMESTAMP, 0, 0, "2024-01-01", NULL },
    { CS_TYPE_TIMESTAMP_NTZ, 0, 0, "2024-01-01 00:00:00.1", "\"2024-01-01T00:00:00.100000\"" },
    { CS_TYPE_TIMESTAMP_NTZ, 0, 0, "2024-01-01T00:00:00Z", NULL },
    { CS_TYPE_STRING, 0, 0, "", "\"\"" },
    { CS_TYPE_BINARY, 0, 0, "abc", "\"YWJj\"" },
    { CS_TYPE_INT, 0, 0, "", "null" },
    { CS_TYPE_BINARY, 0, 0, "", "null" },
};

static void texts_of_the_log_become_values_or_an_error_that_names_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cs_arena arena = CS_ARENA_INIT;
        cs_error err = { 0 };
        const cs_type *type = values[i].kind == CS_TYPE_DECIMAL
                                  ? cs_type_decimal(&arena, values[i].precision, values[i].scale)
                                  : cs_type_flat(values[i].kind);
        cs_field field = { .name = CS_STR("p"), .type = type, .nullable = true };
        cs_column column;
        assert_int_equal(cs_column_init(&column, type, &err), CS_OK);
        cs_code code = cs_delta_partition_add(&column, &field, cs_str_of(values[i].text), 3, &err);
        if (values[i].json) {
            cs_buf text = CS_BUF_INIT;
            assert_int_equal(code, CS_OK);
            assert_int_equal(column.length, 3);
            cs_value_json(&column, 2, &text);
            cs_buf_add_char(&text, '\0');
            assert_string_equal(text.ptr, values[i].json);
            cs_buf_done(&text);
        } else {
            assert_int_equal(code, CS_E_DAMAGED_LOG);
            assert_int_equal(column.length, 0);
            assert_non_null(strstr(err.message, "partition column p: '"));
            assert_non_null(strstr(err.message, values[i].text));
        }
        cs_column_done(&column);
        cs_arena_done(&arena);
    }
}

static void null_is_null_in_every_type(void **state)
{
    (void)state;
    cs_type_kind kinds[] = { CS_TYPE_BOOLEAN, CS_TYPE_LONG, CS_TYPE_STRING, CS_TYPE_BINARY, CS_TYPE_TIMESTAMP };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        cs_error err = { 0 };
        cs_field field = { .name = CS_STR("p"), .type = cs_type_flat(kinds[i]), .nullable = true };
        cs_column column;
        assert_int_equal(cs_column_init(&column, field.type, &err), CS_OK);
        assert_int_equal(cs_delta_partition_add(&column, &field, (cs_str){ 0 }, 5, &err), CS_OK);
        assert_int_equal(column.null_count, 5);
        cs_column_done(&column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_the_log_become_values_or_an_error_that_names_them),
        cmocka_unit_test(null_is_null_in_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
