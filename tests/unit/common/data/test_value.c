/* Values as text. Expected dates and times are those of the golden CSV answers (tests/golden/csv). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/data/value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static cs_buf out;

static void assert_printed(const char *expected)
{
    if (!cs_str_eq(cs_buf_str(&out), cs_str_of(expected)))
        fail_msg("%.*s is not %s", CS_STR_ARG(cs_buf_str(&out)), expected);
    cs_buf_clear(&out);
}

static void decimal_has_exactly_scale_digits(void **state)
{
    (void)state;
    __int128 most = 0;
    for (int i = 0; i < 38; i++)
        most = most * 10 + 9;
    cs_decimal_print(0, 0, &out);
    assert_printed("0");
    cs_decimal_print(0, 2, &out);
    assert_printed("0.00");
    cs_decimal_print(-5, 2, &out);
    assert_printed("-0.05");
    cs_decimal_print(12345, 2, &out);
    assert_printed("123.45");
    cs_decimal_print(-100, 0, &out);
    assert_printed("-100");
    cs_decimal_print(-most, 38, &out);
    assert_printed("-0.99999999999999999999999999999999999999");
    cs_decimal_print(most, 0, &out);
    assert_printed("99999999999999999999999999999999999999");
}

static void date_prints_years_as_java_does(void **state)
{
    static const struct {
        int32_t days;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01" },        { -1, "1969-12-31" },        { 18321, "2020-02-29" },
        { -719162, "0001-01-01" },  { 2932896, "9999-12-31" },   { 2932897, "+10000-01-01" },
        { -719163, "0000-12-31" },  { -719893, "-0001-01-01" },  { INT32_MAX, "+5881580-07-11" },
        { INT32_MIN, "-5877641-06-23" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_date_print(cases[i].days, &out);
        assert_printed(cases[i].text);
    }
}

static void timestamp_floors_and_cuts(void **state)
{
    (void)state;
    cs_timestamp_print(-1, 'T', 6, &out);
    assert_printed("1969-12-31T23:59:59.999999");
    cs_timestamp_print(-1, 'T', 3, &out);
    assert_printed("1969-12-31T23:59:59.999");
    cs_timestamp_print(1577934245678901, ' ', 0, &out);
    assert_printed("2020-01-02 03:04:05");
    cs_timestamp_print(1577934245000009, ' ', 6, &out);
    assert_printed("2020-01-02 03:04:05.000009");
    cs_timestamp_print(INT64_MAX, 'T', 6, &out);
    assert_printed("+294247-01-10T04:00:54.775807");
    cs_timestamp_print(INT64_MIN, 'T', 6, &out);
    assert_printed("-290308-12-21T19:59:05.224192");
}

/* A second way to count: day by day over 1,200 years. */
static void civil_days_run_without_a_gap(void **state)
{
    static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    (void)state;
    int64_t expected = cs_days_from_civil(-400, 1, 1);
    for (int64_t year = -400; year < 800; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (unsigned month = 1; month <= 12; month++) {
            unsigned length = lengths[month - 1] + (month == 2 && leap);
            for (unsigned day = 1; day <= length; day++, expected++) {
                int64_t y;
                unsigned m, d;
                cs_civil_from_days(expected, &y, &m, &d);
                if (cs_days_from_civil(year, month, day) != expected || y != year || m != month || d != day)
                    fail_msg("%lld-%u-%u", (long long)year, month, day);
            }
        }
    }
    assert_int_equal(cs_days_from_civil(1970, 1, 1), 0);
}

static void doubles_read_back_and_keep_their_sign(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.0, "0.0" },   { -0.0, "-0.0" },   { 1.0, "1.0" },       { 0.1, "0.1" },
        { -2.5, "-2.5" }, { 1e22, "1e+22" },  { 123456.0, "123456.0" },
        { 0.1 + 0.2, "0.30000000000000004" }, { 1.7976931348623157e308, "1.7976931348623157e+308" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(cs_double_print(cases[i].value, &out));
        assert_printed(cases[i].text);
    }
    uint64_t seed = 20260601;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = cs_rng_u64(&rng.rng);
        uint32_t bits32 = (uint32_t)bits;
        double value;
        float single;
        memcpy(&value, &bits, sizeof value);
        memcpy(&single, &bits32, sizeof single);
        if (cs_double_print(value, &out)) {
            cs_buf_add_char(&out, '\0');
            assert_true(strtod(out.ptr, NULL) == value);
        }
        cs_buf_clear(&out);
        if (cs_float_print(single, &out)) {
            cs_buf_add_char(&out, '\0');
            assert_true(strtof(out.ptr, NULL) == single);
        }
        cs_buf_clear(&out);
    }
    assert_true(cs_float_print(0.1f, &out));
    assert_printed("0.1");
}

static cs_column one(const cs_type *type, const void *value)
{
    cs_column column;
    assert_int_equal(cs_column_init(&column, type, NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&column, value, NULL), CS_OK);
    return column;
}

static void assert_both(cs_column column, const char *json, const char *text)
{
    cs_value_json(&column, 0, &out);
    assert_printed(json);
    cs_value_text(&column, 0, &out);
    assert_printed(text);
    cs_column_done(&column);
}

static void each_flat_type_prints_for_json_and_for_people(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    int8_t tiny = -128;
    int16_t small = -32768;
    int32_t number = INT32_MIN, day = 18263;
    int64_t big = INT64_MIN, time = 1577934245000009, whole = 1577934245000000;
    double nan = (double)__builtin_nanf(""), inf = -__builtin_inf();
    float single = 3.4028235e38f;
    uint8_t yes = 1;
    assert_both(one(cs_type_flat(CS_TYPE_BOOLEAN), &yes), "true", "true");
    assert_both(one(cs_type_flat(CS_TYPE_BYTE), &tiny), "-128", "-128");
    assert_both(one(cs_type_flat(CS_TYPE_SHORT), &small), "-32768", "-32768");
    assert_both(one(cs_type_flat(CS_TYPE_INT), &number), "-2147483648", "-2147483648");
    assert_both(one(cs_type_flat(CS_TYPE_LONG), &big), "-9223372036854775808", "-9223372036854775808");
    assert_both(one(cs_type_flat(CS_TYPE_FLOAT), &single), "3.4028235e+38", "3.4028235e+38");
    assert_both(one(cs_type_flat(CS_TYPE_DOUBLE), &nan), "\"NaN\"", "NaN");
    assert_both(one(cs_type_flat(CS_TYPE_DOUBLE), &inf), "\"-Infinity\"", "-Infinity");
    assert_both(one(cs_type_decimal(&arena, 9, 2), &number), "\"-21474836.48\"", "-21474836.48");
    assert_both(one(cs_type_flat(CS_TYPE_DATE), &day), "\"2020-01-02\"", "2020-01-02");
    assert_both(one(cs_type_flat(CS_TYPE_TIMESTAMP), &time), "\"2020-01-02T03:04:05.000009Z\"",
                "2020-01-02 03:04:05.000009");
    assert_both(one(cs_type_flat(CS_TYPE_TIMESTAMP_NTZ), &whole), "\"2020-01-02T03:04:05.000000\"",
                "2020-01-02 03:04:05");
    cs_arena_done(&arena);
}

static void texts_and_bytes_are_made_safe(void **state)
{
    (void)state;
    static const char *const base64[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" }; /* RFC 4648 */
    cs_column text, bytes;
    assert_int_equal(cs_column_init(&text, cs_type_flat(CS_TYPE_STRING), NULL), CS_OK);
    assert_int_equal(cs_column_add_str(&text, CS_STR("a\"\x1b[31m\n\xc3\xa9"), NULL), CS_OK);
    assert_both(text, "\"a\\\"\\u001b[31m\\n\xc3\xa9\"", "a\"\\x1b[31m\\x0a\xc3\xa9");
    assert_int_equal(cs_column_init(&bytes, cs_type_flat(CS_TYPE_BINARY), NULL), CS_OK);
    for (size_t len = 0; len <= 6; len++)
        assert_int_equal(cs_column_add_str(&bytes, (cs_str){ "foobar", len }, NULL), CS_OK);
    for (size_t len = 0; len <= 6; len++) {
        char expected[16];
        snprintf(expected, sizeof expected, "\"%s\"", base64[len]);
        cs_value_json(&bytes, len, &out);
        assert_printed(expected);
    }
    cs_value_text(&bytes, 6, &out);
    assert_printed("0x666f6f626172");
    cs_column_done(&bytes);
}

/* m: {"x": 1, "y": null}, n: [{1: [2, 3]}], null */
static void nested_values_print_as_json(void **state)
{
    (void)state;
    const cs_type *number = cs_type_flat(CS_TYPE_INT);
    cs_field element = { .name = CS_STR("element"), .type = number };
    cs_type list = { .kind = CS_TYPE_ARRAY, .fields = &element, .n_fields = 1 };
    cs_field named[] = { { .name = CS_STR("key"), .type = cs_type_flat(CS_TYPE_STRING) },
                         { .name = CS_STR("value"), .type = number } };
    cs_type by_name = { .kind = CS_TYPE_MAP, .fields = named, .n_fields = 2 };
    cs_field numbered[] = { { .name = CS_STR("key"), .type = number }, { .name = CS_STR("value"), .type = &list } };
    cs_type by_number = { .kind = CS_TYPE_MAP, .fields = numbered, .n_fields = 2 };
    cs_field members[] = { { .name = CS_STR("m"), .type = &by_name }, { .name = CS_STR("n"), .type = &by_number } };
    cs_type structure = { .kind = CS_TYPE_STRUCT, .fields = members, .n_fields = 2 };
    cs_field top[] = { { .name = CS_STR("s"), .type = &structure }, { .name = CS_STR("z\""), .type = &list } };
    cs_schema schema = { .fields = top, .n_fields = 2 };
    cs_rows rows;
    assert_int_equal(cs_rows_init(&rows, &schema, NULL), CS_OK);
    cs_column *m = &rows.columns[0].children[0], *n = &rows.columns[0].children[1];
    int32_t values[] = { 1, 2, 3 };
    assert_int_equal(cs_column_add_str(&m->children[0], CS_STR("x"), NULL), CS_OK);
    assert_int_equal(cs_column_add_str(&m->children[0], CS_STR("y"), NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&m->children[1], &values[0], NULL), CS_OK);
    assert_int_equal(cs_column_add_null(&m->children[1], NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&n->children[0], &values[0], NULL), CS_OK);
    cs_column *inner = &n->children[1];
    assert_int_equal(cs_column_add_fixed(&inner->children[0], &values[1], NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&inner->children[0], &values[2], NULL), CS_OK);
    cs_column *filled[] = { m, n, inner, &rows.columns[0] };
    for (size_t i = 0; i < COUNT(filled); i++) {
        if (filled[i]->offsets != NULL)
            filled[i]->offsets[1] = filled[i] == n ? 1 : 2;
        cs_bit_set(filled[i]->validity, 0);
        filled[i]->length = 1;
    }
    assert_int_equal(cs_column_add_null(&rows.columns[1], NULL), CS_OK);
    rows.length = 1;
    cs_rows_json(&rows, 0, &out);
    assert_printed("{\"s\":{\"m\":{\"x\":1,\"y\":null},\"n\":[{\"key\":1,\"value\":[2,3]}]},\"z\\\"\":null}");
    cs_value_text(&rows.columns[1], 0, &out);
    assert_printed("NULL");
    cs_rows_done(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_has_exactly_scale_digits),
        cmocka_unit_test(date_prints_years_as_java_does),
        cmocka_unit_test(timestamp_floors_and_cuts),
        cmocka_unit_test(civil_days_run_without_a_gap),
        cmocka_unit_test(doubles_read_back_and_keep_their_sign),
        cmocka_unit_test(each_flat_type_prints_for_json_and_for_people),
        cmocka_unit_test(texts_and_bytes_are_made_safe),
        cmocka_unit_test(nested_values_print_as_json),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cs_buf_done(&out);
    return failed;
}
