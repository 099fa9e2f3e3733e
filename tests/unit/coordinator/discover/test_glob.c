#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "coordinator/discover/glob.h"

static bool fits(const char *pattern, const char *name)
{
    cs_glob glob;
    assert_int_equal(cs_glob_init(&glob, cs_str_of(pattern), NULL), CS_OK);
    bool yes = cs_glob_fits(&glob, cs_str_of(name));
    cs_glob_done(&glob);
    return yes;
}

static void plain_pieces_fit_what_they_say(void **state)
{
    (void)state;
    assert_true(fits("", "anything"));
    assert_true(fits("*.csv", "a.csv"));
    assert_true(fits("*.csv", ".csv"));
    assert_false(fits("*.csv", "a.csv.gz"));
    assert_false(fits("*.csv", "a.CSV"));
    assert_true(fits("a?c", "abc"));
    assert_false(fits("a?c", "ac"));
    assert_true(fits("*", ""));
    assert_true(fits("**a**", "bab"));
    assert_false(fits("?", ""));
    assert_true(fits("a*b*c", "aXbXbXc"));
    assert_false(fits("a*b*c", "aXbXbX"));
}

static void sets_fit_one_character(void **state)
{
    (void)state;
    assert_true(fits("x[a-c]", "xb"));
    assert_false(fits("x[a-c]", "xd"));
    assert_false(fits("x[a-c]", "x"));
    assert_true(fits("x[^a-c]", "xd"));
    assert_false(fits("x[!a-c]", "xa"));
    assert_true(fits("[]a]", "]"));
    assert_true(fits("[a-]", "-"));
    assert_true(fits("[\\]]", "]"));
    assert_true(fits("[à-é]", "é"));
    assert_false(fits("[à-é]", "z"));
    assert_true(fits("part-[0-9][0-9].csv", "part-07.csv"));
}

static void braces_stand_for_each_of_theirs(void **state)
{
    (void)state;
    assert_true(fits("*.{csv,tsv}", "a.tsv"));
    assert_false(fits("*.{csv,tsv}", "a.psv"));
    assert_true(fits("{a,b}{1,2}", "b1"));
    assert_true(fits("{a,b{c,d}}x", "bdx"));
    assert_true(fits("{a,b{c,d}}x", "ax"));
    assert_false(fits("{a,b{c,d}}x", "bx"));
    assert_true(fits("a{,b}c", "ac"));
    assert_true(fits("{[,],x}", ","));
    assert_true(fits("\\{a,b\\}", "{a,b}"));
}

static void escaped_characters_stand_for_themselves(void **state)
{
    (void)state;
    assert_true(fits("a\\*b", "a*b"));
    assert_false(fits("a\\*b", "aXb"));
    assert_true(fits("\\[x", "[x"));
    assert_true(fits("a\\\\b", "a\\b"));
}

static void a_character_is_utf8_or_a_byte(void **state)
{
    (void)state;
    assert_true(fits("?", "é"));
    assert_true(fits("?", "😀"));
    assert_false(fits("??", "é"));
    assert_true(fits("?", "\xff"));
    assert_true(fits("??", "\xc3x"));
    assert_true(fits("a\xff*", "a\xff\n"));
    assert_true(fits("*\n*", "a\nb"));
}

static void malformed_patterns_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const bad[] = { "[", "[]", "a[b", "{a", "{a,{b}", "a\\", "{a,b[}", "[^]" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cs_glob glob;
        cs_error err;
        assert_int_equal(cs_glob_init(&glob, cs_str_of(bad[i]), &err), CS_E_BAD_OPTION);
        assert_non_null(strstr(err.message, "pathGlobFilter"));
    }
    cs_glob glob;
    assert_int_equal(cs_glob_init(&glob, CS_STR("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"), NULL), CS_OK);
    assert_int_equal(glob.n, 1024);
    cs_glob_done(&glob);
    assert_int_equal(cs_glob_init(&glob, CS_STR("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"), NULL),
                     CS_E_BAD_OPTION);
}

static void stars_do_not_explode(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'a', 255);
    name[255] = '\0';
    assert_false(fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

/* Against fnmatch(3), which knows everything here but braces. */
static void random_patterns_agree_with_fnmatch(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    uint64_t seed = 3;
    cs_rng_seeded_init(&rng, seed);
    static const char *const pieces[] = { "*", "?", "a", "b", "[ab]", "[!a]", "[a-c]", "\\*", "c" };
    static const char letters[] = "abc*";
    int yes = 0;
    for (int i = 0; i < 20000; i++) {
        char pattern[64] = "", name[16];
        for (uint64_t n = cs_rng_below(&rng.rng, 7); n > 0; n--)
            strncat(pattern, pieces[cs_rng_below(&rng.rng, 9)], sizeof pattern - strlen(pattern) - 1);
        size_t len = cs_rng_below(&rng.rng, 7);
        for (size_t k = 0; k < len; k++)
            name[k] = letters[cs_rng_below(&rng.rng, 4)];
        name[len] = '\0';
        if (pattern[0] == '\0')
            continue;
        bool expected = fnmatch(pattern, name, 0) == 0;
        if (fits(pattern, name) != expected)
            fail_msg("seed %llu: '%s' on '%s'", (unsigned long long)seed, pattern, name);
        yes += expected;
    }
    assert_true(yes > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_pieces_fit_what_they_say),
        cmocka_unit_test(sets_fit_one_character),
        cmocka_unit_test(braces_stand_for_each_of_theirs),
        cmocka_unit_test(escaped_characters_stand_for_themselves),
        cmocka_unit_test(a_character_is_utf8_or_a_byte),
        cmocka_unit_test(malformed_patterns_are_refused_with_a_reason),
        cmocka_unit_test(stars_do_not_explode),
        cmocka_unit_test(random_patterns_agree_with_fnmatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
