/* Patterns of dates and times: what is refused and how it is said; what java.time makes of random
 * patterns and texts (tests/golden/csv/README.md, time_pattern.jsonl); both ways to match agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/data/time_pattern.h"
#include "common/data/value.h"
#include "tests/unit/golden_lines.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MICROS INT64_C(1000000)

static cs_arena arena;
static cs_zones *zones;

static int setup(void **state)
{
    (void)state;
    arena = CS_ARENA_INIT;
    zones = cs_zones_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_zones_free(zones);
    cs_arena_done(&arena);
    return 0;
}

static bool match(const cs_time_pattern *pattern, cs_str text, cs_time_value *out)
{
    char *exact = malloc(text.len > 0 ? text.len : 1); /* so that the sanitizers see its end */
    if (text.len > 0)
        memcpy(exact, text.ptr, text.len);
    bool good = cs_time_pattern_match(pattern, (cs_str){ exact, text.len }, zones, out);
    free(exact);
    return good;
}

static cs_code try_compile(cs_str text, const cs_time_pattern **pattern, cs_error *err)
{
    return cs_time_pattern_compile(text, &arena, pattern, err);
}

static const cs_time_pattern *compile(const char *text)
{
    const cs_time_pattern *pattern;
    cs_error err;
    if (try_compile(cs_str_of(text), &pattern, &err) != CS_OK)
        fail_msg("%s: %s", text, err.message);
    return pattern;
}

/* Seconds since 1970 of the local time; INT64_MIN: malformed. */
static int64_t seconds_of(const char *pattern, const char *text)
{
    cs_time_value value;
    bool good = match(compile(pattern), cs_str_of(text), &value);
    return good ? value.days * 86400 + value.second : INT64_MIN;
}

static void a_pattern_that_cannot_be_read_names_the_letter_and_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *says;
    } cases[] = {
        { "", "it is empty" },
        { "EEE MMM dd", "letter 'E' at 1" },
        { "yyyy-MM-dd E", "letter 'E' at 12" },
        { "\xc3\xbc\xc3\xbc" "E", "letter 'E' at 3" },
        { "yyyy 'E' q", "letter 'q' at 10" },
        { "YYYY-MM-dd", "letter 'Y' at 1" },
        { "uuuu-MM-dd", "letter 'u' at 1" },
        { "G yyyy", "letter 'G' at 1" },
        { "HH:mm z", "letter 'z' at 7" },
        { "HH:mm O", "letter 'O' at 7" },
        { "HH:mm ZZZZ", "letter 'Z' at 7 comes 4 times" },
        { "HH:mm XXXXXX", "letter 'X' at 7 comes 6 times, at most 5" },
        { "HH:mm V", "letter 'V' at 7 must come twice" },
        { "yyyyyyy", "letter 'y' at 1 comes 7 times, at most 6" },
        { "MMMMM", "letter 'M' at 1 comes 5 times, at most 4" },
        { "ddd", "letter 'd' at 1 comes 3 times, at most 2" },
        { "DDDD", "letter 'D' at 1 comes 4 times, at most 3" },
        { "h aa", "letter 'a' at 3 comes 2 times, at most 1" },
        { "s.SSSSSSSSSS", "letter 'S' at 3 comes 10 times, at most 9" },
        { "yyyyMMddHHmmssSSS", "letter 'S' at 15 follows a number that takes all digits" },
        { "sSSS", "letter 'S' at 2 follows a number that takes all digits" },
        { "yyyy-MM-dd'THH", "the quote at 11 is not closed" },
        { "yyyy]", "']' at 5 without '['" },
        { "yyyy#MM", "'#' at 5" },
        { "yyyy{MM", "'{' at 5" },
        { "invalid", "letter 'i' at 1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const cs_time_pattern *pattern = NULL;
        cs_error err;
        assert_int_equal(try_compile(cs_str_of(cases[i].pattern), &pattern, &err), CS_E_BAD_OPTION);
        assert_null(pattern);
        assert_int_equal(strncmp(err.message, "cannot read pattern: ", 21), 0);
        if (strncmp(err.message + 21, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("%s: %s", cases[i].pattern, err.message);
    }
}

static void a_pattern_has_limits(void **state)
{
    (void)state;
    char text[CS_TIME_PATTERN_BYTES_MAX + 2];
    const cs_time_pattern *pattern;
    cs_error err;
    memset(text, '-', sizeof text);
    cs_str longest = { text, CS_TIME_PATTERN_BYTES_MAX }, longer = { text, sizeof text };
    assert_int_equal(try_compile(longest, &pattern, &err), CS_OK);
    assert_int_equal(try_compile(longer, &pattern, &err), CS_E_BAD_OPTION);
    assert_non_null(strstr(err.message, "it has 1026 bytes; at most 1024"));
    memset(text, '[', sizeof text);
    cs_str deep = { text, CS_TIME_PATTERN_DEPTH_MAX };
    assert_int_equal(try_compile(deep, &pattern, &err), CS_OK);
    deep.len++;
    assert_int_equal(try_compile(deep, &pattern, &err), CS_E_BAD_OPTION);
    assert_non_null(strstr(err.message, "the '[' at 17 is inside 16 others"));
}

static void missing_parts_are_those_of_1970(void **state)
{
    (void)state;
    assert_int_equal(seconds_of("HH:mm", "03:04"), 3 * 3600 + 4 * 60);
    assert_int_equal(seconds_of("d", "31"), 30 * 86400);
    assert_int_equal(seconds_of("a", "pm"), 43200);
    assert_int_equal(seconds_of("yyyy", "1971"), 365 * 86400);
    assert_int_equal(seconds_of("MM-dd", "02-29"), INT64_MIN);
}

static void literals_match_in_any_case(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        { "'at'HH", "aT03" },
        { "'\xc3\xbc'HH", "\xc3\x9c" "03" },         /* ü, Ü */
        { "\xc5\x81HH", "\xc5\x82" "03" },           /* Ł, ł */
        { "'\xc5\xbe'HH", "\xc5\xbd" "03" },         /* ž, Ž */
        { "'\xce\xad'HH", "\xce\x88" "03" },         /* έ, Έ */
        { "'\xcf\x82'HH", "\xce\xa3" "03" },         /* ς, Σ */
        { "'\xd0\xb3'HH", "\xd0\x93" "03" },         /* г, Г */
        { "'\xd1\x91'HH", "\xd0\x81" "03" },         /* ё, Ё */
        { "'\xe2\x82\xac'HH", "\xe2\x82\xac" "03" }, /* € */
    };
    for (size_t i = 0; i < COUNT(same); i++)
        if (seconds_of(same[i][0], same[i][1]) != 3 * 3600)
            fail_msg("%s", same[i][1]);
    assert_int_equal(seconds_of("'\xc3\xbc'HH", "\xc3" "03"), INT64_MIN);
    assert_int_equal(seconds_of("'\xc3\xbc'HH", "\xc3"), INT64_MIN);
    assert_int_equal(seconds_of("\xc3\x97HH", "\xc3\xb7" "03"), INT64_MIN); /* × is no ÷ */
}

/* What the converters make of a value (worker/parse), here by hand. */
static bool value_of(cs_str type, cs_str zone, const cs_time_value *value, int64_t *out)
{
    int64_t local = value->days * 86400 + value->second;
    if (cs_str_eq(type, CS_STR("DATE"))) {
        *out = value->days;
        return value->days >= INT32_MIN && value->days <= INT32_MAX;
    }
    if (value->second < 0)
        return false;
    if (cs_str_eq(type, CS_STR("TIMESTAMP_NTZ"))) {
        __int128 micros = (__int128)local * MICROS + value->micro;
        *out = (int64_t)micros;
        return !value->has_zone && micros >= INT64_MIN && micros <= INT64_MAX;
    }
    if (value->has_zone && value->zone == NULL) {
        local -= value->offset;
        if (abs(value->offset) > 18 * 3600)
            return false;
    } else {
        local = cs_zone_to_utc(value->has_zone ? value->zone : cs_zones_find(zones, zone), local);
    }
    return !__builtin_mul_overflow(local, MICROS, out) &&
           !__builtin_add_overflow(*out, value->micro, out);
}

static void random_patterns_read_what_java_reads(void **state)
{
    (void)state;
    size_t agree = 0, wrong = 0;
    golden_lines lines = golden_open("csv/time_pattern.jsonl.gz");
    for (const cs_json *line; (line = golden_next(&lines)) != NULL;) {
        const cs_time_pattern *pattern;
        cs_str text = golden_str(line, "text"), said = golden_str(line, "pattern");
        bool refused = cs_json_get(line, "refused") != NULL;
        cs_code code = try_compile(said, &pattern, NULL);
        cs_time_value value;
        int64_t expected, got;
        bool good = refused == (code != CS_OK);
        if (good && !refused) {
            good = match(pattern, text, &value) &&
                   value_of(golden_str(line, "type"), golden_str(line, "zone"), &value, &got);
            good = cs_json_i64(cs_json_get(line, "value"), &expected) ? good && got == expected
                                                                      : !good;
        }
        if (!good)
            print_message("line %zu: %.*s '%.*s'\n", lines.number, CS_STR_ARG(said),
                          CS_STR_ARG(text));
        agree += good;
        wrong += !good;
        cs_arena_reset(&arena);
    }
    size_t count = golden_close(&lines);
    print_message("%zu of %zu agree\n", agree, count);
    assert_int_equal(wrong, 0);
    assert_true(count > 7000);
}

/* A pattern that begins with an empty option has no part that is looked at in words. */
static void words_and_single_ops_match_alike(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "yyyy-MM-dd",          "dd/MM/yyyy",        "yyyyMMdd",               "yyyyMMddHHmmss",
        "yyyy-MM-dd HH:mm:ss", "yyMMddHHmmss",      "dd.MM.yy HH:mm",         "ddMMyyyy0",
        "yyyyMMdd[HHmmss]",    "HH:mm:ssSSS",       "yyyyMMddHHmmssX",        "MM/dd/yyyy hh:mm a",
        "yyyyMMddHHkk",        "dd/MM/yyyy d",      "yyyy-MM-dd HH:mm:ss VV",
        "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]",
    };
    static const char marks[] = "0123456789-/:.T tZ+aM";
    uint64_t seed = 582;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    size_t matched = 0;
    for (size_t p = 0; p < COUNT(patterns); p++) {
        char slow[64];
        snprintf(slow, sizeof slow, "[]%s", patterns[p]);
        const cs_time_pattern *in_words = compile(patterns[p]), *in_ops = compile(slow);
        for (int i = 0; i < 4000; i++) {
            char text[64];
            size_t len = 0;
            /* Digits for letters, then some damage. */
            for (const char *c = patterns[p]; *c != '\0'; c++) {
                bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
                char digit = *c == 'M' ? '1' : marks[cs_rng_below(&rng.rng, 10)];
                if (*c != '\'' && *c != '[' && *c != ']')
                    text[len++] = *c == 'T' || !letter ? *c : digit;
            }
            for (uint64_t n = cs_rng_below(&rng.rng, 4); n > 0; n--)
                text[cs_rng_below(&rng.rng, len)] = marks[cs_rng_below(&rng.rng, sizeof marks - 1)];
            len -= cs_rng_below(&rng.rng, 8) == 0;
            cs_time_value a = { 0 }, b = { 0 };
            bool fast = match(in_words, (cs_str){ text, len }, &a);
            bool plain = match(in_ops, (cs_str){ text, len }, &b);
            bool same_time = a.days == b.days && a.second == b.second && a.micro == b.micro;
            bool same_zone = a.has_zone == b.has_zone && a.zone == b.zone && a.offset == b.offset;
            if (fast != plain || !same_time || !same_zone)
                fail_msg("%s '%.*s'", patterns[p], (int)len, text);
            matched += fast;
        }
    }
    assert_true(matched > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_that_cannot_be_read_names_the_letter_and_its_place),
        cmocka_unit_test(a_pattern_has_limits),
        cmocka_unit_test(missing_parts_are_those_of_1970),
        cmocka_unit_test(literals_match_in_any_case),
        cmocka_unit_test(random_patterns_read_what_java_reads),
        cmocka_unit_test(words_and_single_ops_match_alike),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
