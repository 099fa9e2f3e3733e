#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <iconv.h>
#include <string.h>

#include "common/base/clock.h"
#include "worker/parse/utf8.h"

#define BAD "\xef\xbf\xbd"

static void expect_mended(const char *text, const char *expected)
{
    cs_buf out = CS_BUF_INIT;
    cs_utf8_mend(cs_str_of(text), SIZE_MAX, &out);
    assert_int_equal(cs_utf8_mended_len(cs_str_of(text)), out.len);
    cs_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    assert_int_equal(cs_utf8_valid(cs_str_of(text)), strcmp(text, expected) == 0);
    cs_buf_done(&out);
}

/* The counts of csv.md §2, "Characters". */
static void malformed_bytes_become_as_many_replacements_as_in_java(void **state)
{
    (void)state;
    expect_mended("\xe2\x82", BAD);
    expect_mended("\xf0\x9f\x98", BAD);
    expect_mended("\xed\xa0\x80", BAD);
    expect_mended("\xc0\xaf", BAD BAD);
    expect_mended("\xe0\x80\xaf", BAD BAD BAD);
    expect_mended("\xf4\x90\x80\x80", BAD BAD BAD BAD);
    expect_mended("a\xe2\x82z", "a" BAD "z");
    expect_mended("\xf0\x9f\x98,\xf0\x9f", BAD "," BAD);
    expect_mended("\x80 \xff\xfe \xc3", BAD " " BAD BAD " " BAD);
}

static void a_mended_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const cuts[] = { "", "a", "a", "a", "a" BAD, "a" BAD, "a" BAD "\xc3\xa9" };
    for (size_t len_max = 0; len_max < sizeof cuts / sizeof *cuts; len_max++) {
        cs_buf out = CS_BUF_INIT;
        cs_utf8_mend(CS_STR("a\xff\xc3\xa9\xc3\xa9"), len_max, &out);
        cs_buf_add_char(&out, '\0');
        assert_string_equal(out.ptr, cuts[len_max]);
        cs_buf_done(&out);
    }
}

static void good_text_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain, and longer than eight bytes",
        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
        "\xef\xbf\xbf \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mended(texts[i], texts[i]);
}

static bool iconv_takes(iconv_t converter, char *text, size_t len)
{
    char out[256];
    char *to = out;
    size_t room = sizeof out;
    iconv(converter, NULL, NULL, NULL, NULL);
    return iconv(converter, &text, &len, &to, &room) != (size_t)-1 && len == 0;
}

static void what_is_valid_is_what_iconv_takes(void **state)
{
    (void)state;
    static const unsigned char edges[] = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
        0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
    };
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    assert_true(converter != (iconv_t)-1);
    const uint64_t seed = 3;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    size_t valid = 0;
    for (int round = 0; round < 400000; round++) {
        char text[12];
        size_t len = cs_rng_below(&rng.rng, sizeof text + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)edges[cs_rng_below(&rng.rng, sizeof edges)];
        bool expected = iconv_takes(converter, text, len);
        assert_int_equal(cs_utf8_valid((cs_str){ text, len }), expected);
        cs_buf out = CS_BUF_INIT;
        cs_utf8_mend((cs_str){ text, len }, SIZE_MAX, &out);
        assert_true(out.len <= 3 * len);
        assert_true(cs_utf8_valid(cs_buf_str(&out)));
        if (expected) {
            valid++;
            assert_true(cs_str_eq(cs_buf_str(&out), (cs_str){ text, len }));
        }
        cs_buf_done(&out);
    }
    iconv_close(converter);
    assert_true(valid > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_bytes_become_as_many_replacements_as_in_java),
        cmocka_unit_test(a_mended_text_is_cut_between_characters),
        cmocka_unit_test(good_text_stays_as_it_is),
        cmocka_unit_test(what_is_valid_is_what_iconv_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
