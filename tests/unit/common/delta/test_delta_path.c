#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/delta/delta_path.h"

/* Seen in a table of Spark's (golden/delta/part_string): value, folder on disk, path in the log. */
static const struct {
    const char *value, *on_disk, *in_log;
} seen[] = {
    { "A/A", "p=A%2FA", "p=A%252FA" },
    { "%2F", "p=%252F", "p=%25252F" },
    { "a b", "p=a b", "p=a%20b" },
    { "{x}", "p=%7Bx}", "p=%257Bx%7D" },
    { "line\nbreak", "p=line%0Abreak", "p=line%250Abreak" },
    { "\xc3\xa9", "p=\xc3\xa9", "p=\xc3\xa9" },
    { "a+b", "p=a+b", "p=a+b" },
    { "..", "p=..", "p=.." },
    { "", "p=__HIVE_DEFAULT_PARTITION__", "p=__HIVE_DEFAULT_PARTITION__" },
    { "\"#'*:=?\\[]^\x7f", "p=%22%23%27%2A%3A%3D%3F%5C%5B%5D%5E%7F",
      "p=%2522%2523%2527%252A%253A%253D%253F%255C%255B%255D%255E%257F" },
    { "+&,;<>|@!$()~`", "p=+&,;<>|@!$()~`", "p=+&,;%3C%3E%7C@!$()~%60" },
};

static void both_layers_escape_as_spark_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        cs_buf disk = CS_BUF_INIT, log = CS_BUF_INIT;
        cs_delta_partition_folder(CS_STR("p"), cs_str_of(seen[i].value), &disk);
        cs_delta_path_encode(cs_buf_str(&disk), &log);
        cs_buf_add_char(&disk, '\0');
        cs_buf_add_char(&log, '\0');
        assert_string_equal(disk.ptr, seen[i].on_disk);
        assert_string_equal(log.ptr, seen[i].in_log);
        cs_buf_done(&disk);
        cs_buf_done(&log);
    }
}

static void a_path_in_the_log_is_decoded_once(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_error err = { 0 };
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        cs_str name;
        assert_int_equal(cs_delta_path_decode(cs_str_of(seen[i].in_log), &arena, &name, &err), CS_OK);
        assert_true(cs_str_eq(name, cs_str_of(seen[i].on_disk)));
    }
    cs_arena_done(&arena);
}

static void a_path_that_leaves_the_table_or_is_broken_is_damage(void **state)
{
    (void)state;
    static const char *bad[] = { "",      "%",     "a%2",   "a%zz",    "../x", "a/../x", "a/./b", "a//b", "a/",
                                 "a%00b", "%2e%2e/x", "x/%2e%2e" };
    cs_arena arena = CS_ARENA_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cs_str name = CS_STR("untouched");
        cs_error err = { 0 };
        assert_int_equal(cs_delta_path_decode(cs_str_of(bad[i]), &arena, &name, &err), CS_E_DAMAGED_LOG);
        assert_true(cs_str_eq(name, CS_STR("untouched")));
    }
    cs_arena_done(&arena);
}

static void an_absolute_path_is_refused_by_name(void **state)
{
    (void)state;
    static const char *absolute[] = { "/data/x.parquet", "file:///data/x.parquet", "s3a://b/x", "abfss://c@a/x" };
    cs_arena arena = CS_ARENA_INIT;
    for (size_t i = 0; i < sizeof absolute / sizeof absolute[0]; i++) {
        cs_str name;
        cs_error err = { 0 };
        assert_int_equal(cs_delta_path_decode(cs_str_of(absolute[i]), &arena, &name, &err), CS_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, absolute[i]));
    }
    cs_str name;
    assert_int_equal(cs_delta_path_decode(CS_STR("t=10%3A00/a:b.parquet"), &arena, &name, NULL), CS_OK);
    assert_true(cs_str_eq(name, CS_STR("t=10:00/a:b.parquet")));
    cs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_layers_escape_as_spark_does),
        cmocka_unit_test(a_path_in_the_log_is_decoded_once),
        cmocka_unit_test(a_path_that_leaves_the_table_or_is_broken_is_damage),
        cmocka_unit_test(an_absolute_path_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
