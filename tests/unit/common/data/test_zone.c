/* Time zones, against the C library's own reading of the same files. Spark's answers are in
 * test_convert_golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/data/value.h"
#include "common/data/zone.h"
#include "common/data/zone_rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define INSTANTS 4000

static const char *const names[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
                                     "America/St_Johns", "Asia/Kolkata", "Africa/Casablanca", "Europe/Dublin",
                                     "America/Nuuk", "Asia/Tehran", "Pacific/Kwajalein", "Antarctica/Troll" };

/* Every instant comes back, or, where its local time comes twice, the earlier of the two does. */
static void local_times_lead_back_to_their_instant(void **state)
{
    (void)state;
    uint64_t seed = 1918;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    cs_zones *zones = cs_zones_new();
    for (size_t n = 0; n < COUNT(names); n++) {
        const cs_zone *zone = cs_zones_find(zones, cs_str_of(names[n]));
        assert_non_null(zone);
        assert_int_equal(setenv("TZ", names[n], 1), 0);
        tzset();
        for (int i = 0; i < INSTANTS; i++) {
            /* 1930 to 9999, every second one before 2045. */
            int64_t span = i % 2 == 0 ? INT64_C(3629000000) : INT64_C(254660000000);
            time_t at = (time_t)(cs_rng_below(&rng.rng, (uint64_t)span) - INT64_C(1262304000));
            if (i % 4 == 3) /* near the changes of the far future */
                at = cs_days_from_civil(2040 + i, i % 8 == 3 ? 3 : 10, 31 - (unsigned)(i % 7)) * 86400 + i * 13 % 14400;
            struct tm local, again;
            assert_non_null(localtime_r(&at, &local));
            int64_t wall = at + local.tm_gmtoff;
            time_t got = (time_t)cs_zone_to_utc(zone, wall);
            assert_non_null(localtime_r(&got, &again));
            if (got != at && !(got < at && got + again.tm_gmtoff == wall))
                fail_msg("%s: %lld gave %lld", names[n], (long long)at, (long long)got);
        }
    }
    cs_zones_free(zones);
}

static int64_t seconds(int64_t year, unsigned month, unsigned day, int hour, int minute)
{
    return cs_days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void a_gap_moves_forward_and_an_overlap_is_the_earlier(void **state)
{
    (void)state;
    cs_zones *zones = cs_zones_new();
    const cs_zone *berlin = cs_zones_find(zones, CS_STR("Europe/Berlin"));
    const int64_t years[] = { 2024, 2037, 2038, 2424, 9980 };
    const unsigned march[] = { 31, 29, 28, 31, 30 }, october[] = { 27, 25, 31, 27, 26 }; /* last Sundays, by Python */
    for (size_t i = 0; i < COUNT(years); i++) {
        /* 02:30 does not exist: 03:30 summer time. */
        assert_int_equal(cs_zone_to_utc(berlin, seconds(years[i], 3, march[i], 2, 30)),
                         seconds(years[i], 3, march[i], 1, 30));
        assert_int_equal(cs_zone_to_utc(berlin, seconds(years[i], 3, march[i], 1, 59)),
                         seconds(years[i], 3, march[i], 0, 59));
        assert_int_equal(cs_zone_to_utc(berlin, seconds(years[i], 3, march[i], 3, 0)),
                         seconds(years[i], 3, march[i], 1, 0));
        /* 02:30 comes twice: summer time. */
        assert_int_equal(cs_zone_to_utc(berlin, seconds(years[i], 10, october[i], 2, 30)),
                         seconds(years[i], 10, october[i], 0, 30));
        assert_int_equal(cs_zone_to_utc(berlin, seconds(years[i], 10, october[i], 3, 0)),
                         seconds(years[i], 10, october[i], 2, 0));
    }
    cs_zones_free(zones);
}

static void ids_are_those_of_java(void **state)
{
    static const struct {
        const char *id;
        int32_t offset; /* of 2020-01-02 */
    } good[] = {
        { "Z", 0 },          { "+1", 3600 },        { "-01", -3600 },      { "+1:5", 3900 },     { "+01:5", 3900 },
        { "+0130", 5400 },   { "-01:30", -5400 },   { "+1:30:15", 5415 },  { "+013015", 5415 },  { "+18", 64800 },
        { "UTC", 0 },        { "UT", 0 },           { "GMT", 0 },          { "GMT+0", 0 },       { "UTC+2", 7200 },
        { "UT-2:30", -9000 }, { "GMT0", 0 },        { "Etc/GMT+8", -28800 }, { "EST", -18000 },  { "PST", -28800 },
        { "VST", 25200 },    { "Zulu", 0 },         { "US/Pacific", -28800 }, { "CET", 3600 },   { "EST5EDT", -18000 },
    };
    static const char *const bad[] = {
        "", "z", "utc", "+", "+:", "+1:", "+01:0:00", "+001", "+00001", "+18:01", "-19", "+01:60", "+1:00:60", "UTC1",
        "UT1", "+1 ", "Europe", "Europe/", "Europe/berlin", "/Europe/Berlin", "Europe//Berlin", "../zoneinfo/UTC",
        "Europe/../UTC", "posix/UTC", "right/UTC", "localtime", "posixrules", "Factory", "ROC", "zone.tab", "tzdata.zi",
        "SystemV/PST8", "GMT+0:", "a\xc3\xa9",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    (void)state;
    cs_zones *zones = cs_zones_new();
    int64_t local = seconds(2020, 1, 2, 12, 0);
    for (size_t i = 0; i < COUNT(good); i++) {
        const cs_zone *zone = cs_zones_find(zones, cs_str_of(good[i].id));
        if (zone == NULL || local - cs_zone_to_utc(zone, local) != good[i].offset)
            fail_msg("%s", good[i].id);
        assert_ptr_equal(zone, cs_zones_find(zones, cs_str_of(good[i].id)));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (cs_zones_find(zones, cs_str_of(bad[i])) != NULL)
            fail_msg("%s was taken", bad[i]);
    assert_null(cs_zones_find(zones, CS_STR("UTC\0")));
    assert_int_equal(cs_zones_check(NULL), CS_OK);
    cs_zones_free(zones);
    cs_zones_free(NULL);
}

static void the_longest_id_that_a_text_begins_with_is_found_in_any_case(void **state)
{
    static const struct {
        const char *text, *id; /* NULL: none */
    } cases[] = {
        { "Europe/Berlin", "Europe/Berlin" },   { "Europe/Berlin summer", "Europe/Berlin" },
        { "europe/BERLIN", "Europe/Berlin" },   { "Europe/Berlinx", "Europe/Berlin" },
        { "Etc/GMT+10", "Etc/GMT+10" },         { "Etc/GMT+15", "Etc/GMT+1" },
        { "america/indiana/knox", "America/Indiana/Knox" }, { "GB-Eirex", "GB-Eire" },
        { "GB-Eir", "GB" },                     { "Zulu", "Zulu" },
        { "est5edt", "EST5EDT" },               { "EST", NULL },
        { "MST", NULL },                        { "HST", NULL },
        { "PST", NULL },                        { "CST6", NULL },
        { "+01:00", NULL },                     { "Europe", NULL },
        { "posix/UTC", NULL },                  { "Factory", NULL },
        { "ROC", NULL },                        { "../UTC", NULL },
        { "", NULL },                           { "\xc3\xa9", NULL },
    };
    (void)state;
    cs_zones *zones = cs_zones_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = 99;
        const cs_zone *zone = cs_zones_starting(zones, cs_str_of(cases[i].text), &len);
        const cs_zone *expected = NULL;
        if (cases[i].id != NULL)
            expected = cs_zones_find(zones, cs_str_of(cases[i].id));
        if (zone != expected || len != (cases[i].id != NULL ? strlen(cases[i].id) : 99))
            fail_msg("%s", cases[i].text);
    }
    cs_zones_free(zones);
}

static size_t read_berlin(char *bytes, size_t size)
{
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, size, file);
    fclose(file);
    return len;
}

/* Any answer will do as long as it is one: the sanitizers watch. A cut file is refused. */
static void damaged_files_are_refused_or_read_within_their_bounds(void **state)
{
    (void)state;
    char whole[8192];
    size_t len = read_berlin(whole, sizeof whole);
    cs_zone_rules rules;
    assert_true(cs_zone_rules_read(&rules, (cs_str){ whole, len }));
    cs_zone_rules_done(&rules);
    uint64_t seed = 7;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    for (size_t i = 0; i < 20000; i++) {
        size_t cut = i < len ? i : len;
        char *copy = malloc(cut > 0 ? cut : 1);
        memcpy(copy, whole, cut);
        for (size_t flips = i < len ? 0 : 1 + i % 3; flips > 0; flips--)
            copy[cs_rng_below(&rng.rng, flips == 2 ? 44 : cut)] = (char)cs_rng_u64(&rng.rng);
        bool good = cs_zone_rules_read(&rules, (cs_str){ copy, cut });
        assert_false(i < len && good);
        if (good) {
            for (int64_t local = -INT64_C(8000000000); local < INT64_C(90000000000); local += INT64_C(7000000001))
                assert_true(llabs(cs_zone_rules_offset(&rules, local)) <= 86400);
            cs_zone_rules_done(&rules);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_times_lead_back_to_their_instant),
        cmocka_unit_test(a_gap_moves_forward_and_an_overlap_is_the_earlier),
        cmocka_unit_test(ids_are_those_of_java),
        cmocka_unit_test(the_longest_id_that_a_text_begins_with_is_found_in_any_case),
        cmocka_unit_test(damaged_files_are_refused_or_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
