/* Numbers, sizes and times from outside; cutting and comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void cmp_orders_bytes_unsigned_and_prefix_first(void **state)
{
    (void)state;
    assert_true(cs_str_cmp(CS_STR("a"), CS_STR("b")) < 0);
    assert_true(cs_str_cmp(CS_STR("\xff"), CS_STR("a")) > 0);
    assert_true(cs_str_cmp(CS_STR("ab"), CS_STR("abc")) < 0);
    assert_true(cs_str_cmp(CS_STR("abc"), CS_STR("ab")) > 0);
    assert_int_equal(cs_str_cmp(CS_STR("a\0b"), CS_STR("a\0b")), 0);
    assert_true(cs_str_cmp(CS_STR("a\0b"), CS_STR("a\0c")) < 0);
    assert_int_equal(cs_str_cmp((cs_str){ NULL, 0 }, CS_STR("")), 0);
}

static void eq_nocase_folds_ascii_only(void **state)
{
    (void)state;
    assert_true(cs_str_eq_nocase(CS_STR("GZip"), CS_STR("gZIP")));
    assert_false(cs_str_eq_nocase(CS_STR("\xc3\x84"), CS_STR("\xc3\xa4"))); /* Ä, ä */
    assert_false(cs_str_eq_nocase(CS_STR("[{"), CS_STR("{[")));
    assert_false(cs_str_eq_nocase(CS_STR("@"), CS_STR("`")));
}

static void starts_and_ends_accept_the_empty_affix_and_refuse_a_longer_one(void **state)
{
    (void)state;
    cs_str none = { NULL, 0 };
    assert_true(cs_str_starts(CS_STR("part-1"), CS_STR("part-")));
    assert_true(cs_str_ends(CS_STR("x.parquet"), CS_STR(".parquet")));
    assert_false(cs_str_starts(CS_STR("par"), CS_STR("part")));
    assert_false(cs_str_ends(CS_STR("rquet"), CS_STR("parquet")));
    assert_true(cs_str_starts(none, none));
    assert_true(cs_str_ends(none, CS_STR("")));
    assert_false(cs_str_ends(CS_STR("ab"), CS_STR("a")));
}

static void trim_takes_controls_and_blanks_from_both_ends_only(void **state)
{
    (void)state;
    assert_true(cs_str_eq(cs_str_trim(CS_STR(" \t\r\n\0 a b \0")), CS_STR("a b")));
    assert_int_equal(cs_str_trim(CS_STR(" \n\t")).len, 0);
    assert_int_equal(cs_str_trim((cs_str){ NULL, 0 }).len, 0);
    assert_true(cs_str_eq(cs_str_trim(CS_STR("\xc2\xa0x")), CS_STR("\xc2\xa0x")));
}

static void split_gives_empty_middle_pieces_but_none_after_the_last_separator(void **state)
{
    (void)state;
    cs_str rest = CS_STR(",a,,b,"), piece;
    const char *want[] = { "", "a", "", "b" };
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(cs_str_split(&rest, ',', &piece));
        assert_true(cs_str_eq(piece, cs_str_of(want[i])));
    }
    assert_false(cs_str_split(&rest, ',', &piece));
    rest = (cs_str){ NULL, 0 };
    assert_false(cs_str_split(&rest, ',', &piece));
    rest = CS_STR("whole");
    assert_true(cs_str_split(&rest, ',', &piece));
    assert_true(cs_str_eq(piece, CS_STR("whole")));
    assert_false(cs_str_split(&rest, ',', &piece));
}

static void i64_reads_its_whole_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {
        { "0", 0 },
        { "-0", 0 },
        { "+7", 7 },
        { "007", 7 },
        { "-42", -42 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "00000000000000000000000000001", 1 },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t value = 99;
        assert_true(cs_str_to_i64(cs_str_of(good[i].text), &value));
        assert_int_equal(value, good[i].want);
    }
}

static void i64_refuses_what_is_no_number_or_out_of_range_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "-",   "+",    "--1",  "+-1",  " 1", "1 ", "1.0", "1e3",
        "0x1", "1,0", "1\n",  "٣",    "NaN",  "1k", "_1", "9223372036854775808",
        "-9223372036854775809", "18446744073709551616", "99999999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 99;
        assert_false(cs_str_to_i64(cs_str_of(bad[i]), &value));
        assert_int_equal(value, 99);
    }
    int64_t value = 99;
    assert_false(cs_str_to_i64((cs_str){ NULL, 0 }, &value));
    assert_false(cs_str_to_i64(CS_STR("1\0"), &value));
    assert_int_equal(value, 99);
}

static void u64_reads_its_whole_range_and_no_minus(void **state)
{
    (void)state;
    uint64_t value = 99;
    assert_true(cs_str_to_u64(CS_STR("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(cs_str_to_u64(CS_STR("+5"), &value));
    assert_int_equal(value, 5);
    assert_false(cs_str_to_u64(CS_STR("18446744073709551616"), &value));
    assert_false(cs_str_to_u64(CS_STR("18446744073709551620"), &value));
    assert_false(cs_str_to_u64(CS_STR("-0"), &value));
    assert_false(cs_str_to_u64(CS_STR(""), &value));
    assert_int_equal(value, 5);
}

static void a_number_is_read_to_its_length_not_to_a_nul(void **state)
{
    (void)state;
    int64_t value;
    assert_true(cs_str_to_i64((cs_str){ "12345", 3 }, &value));
    assert_int_equal(value, 123);
}

static void size_reads_powers_of_1024_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {
        { "0", 0 },
        { "10", 10 },
        { "10b", 10 },
        { "10k", 10240 },
        { "10KB", 10240 },
        { "10 MiB", 10485760 },
        { "1g", 1073741824 },
        { " 3 m ", 3145728 },
        { "2TiB", 2199023255552 },
        { "16777215t", 18446742974197923840u },
        { "18446744073709551615", UINT64_MAX },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t value = 99;
        assert_true(cs_str_to_size(cs_str_of(good[i].text), &value));
        assert_true(value == good[i].want);
    }
}

static void size_refuses_signs_fractions_unknown_units_and_overflow(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "k", "-1", "+1", "1.5g", "10 q", "10kk", "1 0", "10 k b", "10e", "10kbit",
        "16777216t", "18446744073709551616", "99999999999g",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t value = 99;
        assert_false(cs_str_to_size(cs_str_of(bad[i]), &value));
        assert_int_equal(value, 99);
    }
}

static void ms_reads_sparks_spellings_and_the_short_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {
        { "5 seconds", 5000 },
        { "1 minute", 60000 },
        { "500 milliseconds", 500 },
        { "5s", 5000 },
        { "500ms", 500 },
        { "0 seconds", 0 },
        { "1h", 3600000 },
        { "1 day", 86400000 },
        { "2 Weeks", 1209600000 },
        { "10 SECONDS", 10000 },
        { "  1 minute  30 seconds ", 90000 },
        { "1h30m", 5400000 },
        { "5 min", 300000 },
        { "9223372036854775807ms", INT64_MAX },
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t value = 99;
        assert_true(cs_str_to_ms(cs_str_of(good[i].text), &value));
        assert_int_equal(value, good[i].want);
    }
}

static void ms_refuses_a_bare_number_unknown_units_signs_and_overflow(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "5", "5 ", "s", "seconds 5", "-5s", "+5s", "1.5s", "5 parsecs", "5 secondss",
        "1 minute 30", "5s,", "5 month", "5us", "5 second\xc3\xa9", "9223372036854775808ms",
        "9223372036854775807s", "106751991168 days", "9223372036854775807ms 1ms",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 99;
        assert_false(cs_str_to_ms(cs_str_of(bad[i]), &value));
        assert_int_equal(value, 99);
    }
}

static void distance_counts_edits_and_a_swap_as_one(void **state)
{
    (void)state;
    assert_int_equal(cs_str_distance(CS_STR("kitten"), CS_STR("sitting"), 9), 3);
    assert_int_equal(cs_str_distance(CS_STR("header"), CS_STR("haeder"), 9), 1);
    assert_int_equal(cs_str_distance(CS_STR("HEADER"), CS_STR("header"), 9), 0);
    assert_int_equal(cs_str_distance(CS_STR(""), CS_STR("abc"), 9), 3);
    assert_int_equal(cs_str_distance(CS_STR("abc"), CS_STR(""), 9), 3);
    assert_int_equal(cs_str_distance(CS_STR("sep"), CS_STR("step"), 9), 1);
    assert_int_equal(cs_str_distance(CS_STR(""), CS_STR(""), 0), 0);
}

static void distance_is_capped(void **state)
{
    (void)state;
    assert_int_equal(cs_str_distance(CS_STR("kitten"), CS_STR("sitting"), 2), 3);
    assert_int_equal(cs_str_distance(CS_STR("abcdefgh"), CS_STR("stuvwxyz"), 2), 3);
    assert_int_equal(cs_str_distance(CS_STR("a"), CS_STR("abcdefgh"), 2), 3);
}

static void distance_of_texts_too_long_for_its_table_is_equal_or_far(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof text);
    cs_str whole = { text, sizeof text }, shorter = { text, sizeof text - 1 };
    assert_int_equal(cs_str_distance(whole, whole, 3), 0);
    assert_int_equal(cs_str_distance(whole, shorter, 3), 4);
    cs_str longest = { text, 255 }, next = { text, 254 };
    assert_int_equal(cs_str_distance(longest, next, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cmp_orders_bytes_unsigned_and_prefix_first),
        cmocka_unit_test(eq_nocase_folds_ascii_only),
        cmocka_unit_test(starts_and_ends_accept_the_empty_affix_and_refuse_a_longer_one),
        cmocka_unit_test(trim_takes_controls_and_blanks_from_both_ends_only),
        cmocka_unit_test(split_gives_empty_middle_pieces_but_none_after_the_last_separator),
        cmocka_unit_test(i64_reads_its_whole_range),
        cmocka_unit_test(i64_refuses_what_is_no_number_or_out_of_range_and_leaves_the_output),
        cmocka_unit_test(u64_reads_its_whole_range_and_no_minus),
        cmocka_unit_test(a_number_is_read_to_its_length_not_to_a_nul),
        cmocka_unit_test(size_reads_powers_of_1024_in_any_case),
        cmocka_unit_test(size_refuses_signs_fractions_unknown_units_and_overflow),
        cmocka_unit_test(ms_reads_sparks_spellings_and_the_short_ones),
        cmocka_unit_test(ms_refuses_a_bare_number_unknown_units_signs_and_overflow),
        cmocka_unit_test(distance_counts_edits_and_a_swap_as_one),
        cmocka_unit_test(distance_is_capped),
        cmocka_unit_test(distance_of_texts_too_long_for_its_table_is_equal_or_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
