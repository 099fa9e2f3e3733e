/* Conversion beyond the golden texts: lengths, ends of buffers, what a failure leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/parse/convert.h"

#define LONG 1000000u

/* before, `zeros` zeros, after: in a buffer that ends where the text does. */
static cs_str long_text(const char *before, size_t zeros, const char *after)
{
    size_t len = strlen(before) + zeros + strlen(after);
    char *text = malloc(len);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), '0', zeros);
    memcpy(text + strlen(before) + zeros, after, strlen(after));
    return (cs_str){ text, len };
}

static double double_of(const char *before, size_t zeros, const char *after)
{
    cs_convert convert;
    double value = -1;
    cs_convert_init(&convert);
    cs_str text = long_text(before, zeros, after);
    assert_true(cs_convert_double(&convert, text, &value));
    free((char *)(uintptr_t)text.ptr);
    cs_convert_done(&convert);
    return value;
}

/* 2^53 + 1 lies half way between two doubles; any digit behind it decides. */
static void a_far_digit_decides_a_tie(void **state)
{
    (void)state;
    assert_true(double_of("9007199254740993.", LONG, "") == 9007199254740992.0);
    assert_true(double_of("9007199254740993.", LONG, "1") == 9007199254740994.0);
    assert_true(double_of("9007199254740993", LONG, "1e-1000001") == 9007199254740994.0);
    assert_true(double_of("0x20000000000001", 0, "p0") == 9007199254740992.0);
    assert_true(double_of("0x20000000000001.", LONG, "p0") == 9007199254740992.0);
    assert_true(double_of("0x20000000000001.", LONG, "1p0") == 9007199254740994.0);
}

static void digits_and_exponent_make_up_for_each_other(void **state)
{
    (void)state;
    assert_true(double_of("0.", LONG, "15e1000001") == 1.5);
    assert_true(double_of("15", LONG, "e-1000001") == 1.5);
    assert_true(double_of("0x0.", LONG, "18p4000004") == 1.5);
    assert_true(double_of("1", LONG, "") == __builtin_inf());
    assert_true(double_of("0.", LONG, "1") == 0.0);
    assert_true(double_of("1.5e", LONG, "1") == 15.0);
}

static void decimals_of_any_length_are_exact(void **state)
{
    static const struct {
        const char *before;
        size_t zeros;
        const char *after;
        bool good;
        int64_t value; /* at scale 2 */
    } cases[] = {
        { "", LONG, "12.345", true, 1235 },  { "12.34", LONG, "", true, 1234 },      { "12.345", LONG, "", true, 1235 },
        { "12.344", LONG, "9", true, 1234 }, { "1", LONG, "e-1000000", true, 100 },  { "0.", LONG, "1e1000001", true, 100 },
        { "0.", LONG, "1", true, 0 },        { "1", LONG, "", false, 0 },            { "-0.", LONG, "5", true, 0 },
        { "-0.00", 0, "5", true, -1 },       { "99999999.99", 0, "4", true, 9999999999 }, { "99999999.99", 0, "5", false, 0 },
        { "1e2147483647", 0, "", false, 0 }, { "0e2147483647", 0, "", true, 0 },     { "1e-2147483646", 0, "", true, 0 },
        { "1,2,,.3,4e,0", 0, "", true, 1234 }, { ",", 0, "", false, 0 },             { "-,1", 0, "", true, -100 },
        { "1e", 0, "", false, 0 },           { "1e+", 0, "", false, 0 },             { "1.2.3", 0, "", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_str text = long_text(cases[i].before, cases[i].zeros, cases[i].after);
        __int128 value = -77;
        bool good = cs_convert_decimal(text, 10, 2, &value);
        if (good != cases[i].good || value != (good ? cases[i].value : -77))
            fail_msg("case %zu: %d %lld", i, good, (long long)value);
        free((char *)(uintptr_t)text.ptr);
    }
}

static void every_gmt_goes_before_the_second_try(void **state)
{
    (void)state;
    cs_convert convert;
    int32_t days = -77;
    int64_t micros = -77;
    cs_convert_init(&convert);
    assert_true(cs_convert_date(&convert, CS_STR("GMT2020-01-02GMT"), &days));
    assert_int_equal(days, 18263);
    assert_true(cs_convert_timestamp(&convert, CS_STR("2020-01-02 03:04:05 GMTEurope/BerlinGMT"), &micros));
    assert_true(micros == 1577930645000000);
    assert_false(cs_convert_timestamp_ntz(&convert, CS_STR("2020-01-02GMT"), &micros));
    assert_true(micros == 1577930645000000);
    cs_convert_done(&convert);
    cs_convert_done(NULL);
}

static void micros_reach_both_ends_and_not_beyond(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t micros;
    } cases[] = {
        { "294247-01-10T04:00:54.775807Z", true, INT64_MAX },
        { "294247-01-10T04:00:54.775808Z", false, 0 },
        { "294247-01-10T22:00:54.775807+18:00", true, INT64_MAX },
        { "-290308-12-21T19:59:05.224192Z", true, INT64_MIN },
        { "-290308-12-21T19:59:05.224191Z", false, 0 },
        { "999999-12-31T23:59:59Z", false, 0 },
        { "-999999-01-01T00:00:00Z", false, 0 },
    };
    (void)state;
    cs_convert convert;
    cs_convert_init(&convert);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t micros = -77;
        bool good = cs_convert_timestamp(&convert, cs_str_of(cases[i].text), &micros);
        if (good != cases[i].good || micros != (good ? cases[i].micros : -77))
            fail_msg("%s: %d %lld", cases[i].text, good, (long long)micros);
    }
    cs_convert_done(&convert);
}

static const cs_time_pattern *pattern(const char *text)
{
    static cs_arena arena; /* the patterns of these tests; given back by the last */
    const cs_time_pattern *made = NULL;
    if (text == NULL)
        cs_arena_done(&arena);
    else
        assert_int_equal(cs_time_pattern_compile(cs_str_of(text), &arena, &made, NULL), CS_OK);
    return made;
}

/* Expected: java.time of Java 17 through Spark's TimestampFormatter. */
static void formats_reach_the_ends_that_sparks_have(void **state)
{
    static const struct {
        const char *text;
        bool good, good_ntz;
        int64_t micros;
    } cases[] = {
        { "-290308-12-21 19:59:05.224192", false, true, INT64_MIN },
        { "-290308-12-21 19:59:05.224191", false, false, 0 },
        { "-290308-12-21 19:59:06.000000", true, true, INT64_C(-9223372036854000000) },
        { "294247-01-10 04:00:54.775807", true, true, INT64_MAX },
        { "294247-01-10 04:00:54.775808", false, false, 0 },
    };
    (void)state;
    cs_convert convert;
    cs_convert_init(&convert);
    convert.timestamp_format = convert.timestamp_ntz_format = pattern("yyyyyy-MM-dd HH:mm:ss.SSSSSS");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_str text = cs_str_of(cases[i].text);
        int64_t instant = cases[i].micros, wall = cases[i].micros;
        assert_int_equal(cs_convert_timestamp(&convert, text, &instant), cases[i].good);
        assert_int_equal(cs_convert_timestamp_ntz(&convert, text, &wall), cases[i].good_ntz);
        assert_true(instant == cases[i].micros && wall == cases[i].micros);
    }
    cs_convert_done(&convert);
    (void)pattern(NULL);
}

/* Spark cuts every GMT out before the second try, so that the text's own zone is lost. */
static void the_second_try_behind_a_format_is_lenient_and_knows_no_gmt(void **state)
{
    (void)state;
    cs_convert convert;
    int32_t days = -77;
    int64_t micros = -77;
    cs_str with_gmt = CS_STR("2020-01-02 03:04:05GMT"), plain = CS_STR("2020-1-2");
    cs_convert_init(&convert);
    cs_csv_options options = { .date_format = pattern("dd/MM/yyyy"),
                               .timestamp_format = pattern("dd/MM/yyyy"),
                               .timestamp_ntz_format = pattern("dd/MM/yyyy"),
                               .time_zone = CS_STR("Europe/Berlin") };
    assert_int_equal(cs_convert_use(&convert, &options, NULL), CS_OK);
    assert_false(cs_convert_date(&convert, plain, &days));
    assert_false(cs_convert_timestamp(&convert, plain, &micros));
    options.datetime_fallback = CS_CSV_TRUE;
    assert_int_equal(cs_convert_use(&convert, &options, NULL), CS_OK);
    assert_true(cs_convert_date(&convert, plain, &days));
    assert_int_equal(days, 18263);
    assert_true(cs_convert_date(&convert, CS_STR("03/01/2020"), &days));
    assert_int_equal(days, 18264);
    assert_true(cs_convert_timestamp(&convert, with_gmt, &micros));
    assert_true(micros == 1577930645000000); /* 03:04:05 in Berlin */
    assert_false(cs_convert_timestamp_ntz(&convert, plain, &micros));
    convert.timestamp_format = NULL;
    assert_true(cs_convert_timestamp(&convert, with_gmt, &micros));
    assert_true(micros == 1577934245000000); /* 03:04:05 in GMT: the first try has it */
    cs_convert_done(&convert);
    (void)pattern(NULL);
}

static void without_fallback_there_is_no_second_try(void **state)
{
    (void)state;
    cs_convert convert;
    int32_t days = -77;
    int64_t micros = -77;
    cs_convert_init(&convert);
    convert.fallback = CS_CSV_FALSE;
    assert_true(cs_convert_date(&convert, CS_STR("2020-01-02"), &days));
    assert_int_equal(days, 18263);
    assert_false(cs_convert_date(&convert, CS_STR("2020-1-2"), &days));
    assert_false(cs_convert_date(&convert, CS_STR("2020-01-02 "), &days));
    assert_true(cs_convert_timestamp(&convert, CS_STR("2020-1-2"), &micros));
    assert_false(cs_convert_timestamp(&convert, CS_STR("2020-01-02GMT"), &micros));
    cs_convert_done(&convert);
}

/* yyyy-MM-dd comes before the lenient rule and takes more digits behind a plus. */
static void dates_without_a_format_match_the_iso_pattern_too(void **state)
{
    (void)state;
    cs_convert convert;
    int32_t days = -77;
    cs_convert_init(&convert);
    assert_true(cs_convert_date(&convert, CS_STR("+00002020-01-02"), &days));
    assert_int_equal(days, 18263);
    assert_true(cs_convert_date(&convert, CS_STR("+5881580-07-11"), &days));
    assert_int_equal(days, INT32_MAX);
    assert_false(cs_convert_date(&convert, CS_STR("+5881580-07-12"), &days));
    assert_true(cs_convert_date(&convert, CS_STR("-5877641-06-23"), &days));
    assert_int_equal(days, INT32_MIN);
    assert_false(cs_convert_date(&convert, CS_STR("-5877641-06-22"), &days));
    cs_convert_done(&convert);
}

static void a_time_zone_that_is_not_there_is_refused(void **state)
{
    (void)state;
    cs_convert convert;
    cs_error err;
    cs_convert_init(&convert);
    cs_csv_options options = { .time_zone = CS_STR("Mars/Olympus\x07") };
    assert_int_equal(cs_convert_use(&convert, &options, &err), CS_E_BAD_OPTION);
    assert_string_equal(err.message, "csv.timeZone: unknown time zone (got \"Mars/Olympus\\x07\")");
    cs_convert_done(&convert);
}

static void no_cut_of_a_text_is_read_past_its_end(void **state)
{
    static const char *const texts[] = { "-2020-01-02T03:04:05.678901 Europe/Berlin", "+1.5e-7f", "-0x1.8p-3d",
                                         "-12,345.678e-02", "GMT2020-1-2", "Infinity", "false", "-128" };
    (void)state;
    cs_convert convert;
    cs_convert_init(&convert);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
        for (size_t len = 0; len <= strlen(texts[t]); len++) {
            char *copy = malloc(len > 0 ? len : 1);
            memcpy(copy, texts[t], len);
            cs_str text = { copy, len };
            uint8_t truth = 7;
            int64_t number = 7, instant = 7, wall = 7;
            int32_t days = 7;
            float single = 7;
            double real = 7;
            __int128 decimal = 7;
            assert_true(cs_convert_boolean(text, &truth) || truth == 7);
            assert_true(cs_convert_integer(text, 8, &number) || number == 7);
            assert_true(cs_convert_float(&convert, text, &single) || single == 7);
            assert_true(cs_convert_double(&convert, text, &real) || real == 7);
            assert_true(cs_convert_decimal(text, 38, 38, &decimal) || decimal == 7);
            assert_true(cs_convert_date(&convert, text, &days) || days == 7);
            assert_true(cs_convert_timestamp(&convert, text, &instant) || instant == 7);
            assert_true(cs_convert_timestamp_ntz(&convert, text, &wall) || wall == 7);
            free(copy);
        }
    cs_convert_done(&convert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_far_digit_decides_a_tie),
        cmocka_unit_test(digits_and_exponent_make_up_for_each_other),
        cmocka_unit_test(decimals_of_any_length_are_exact),
        cmocka_unit_test(every_gmt_goes_before_the_second_try),
        cmocka_unit_test(micros_reach_both_ends_and_not_beyond),
        cmocka_unit_test(formats_reach_the_ends_that_sparks_have),
        cmocka_unit_test(the_second_try_behind_a_format_is_lenient_and_knows_no_gmt),
        cmocka_unit_test(without_fallback_there_is_no_second_try),
        cmocka_unit_test(dates_without_a_format_match_the_iso_pattern_too),
        cmocka_unit_test(a_time_zone_that_is_not_there_is_refused),
        cmocka_unit_test(no_cut_of_a_text_is_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
