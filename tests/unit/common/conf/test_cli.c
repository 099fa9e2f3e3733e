/* argv → command, flags, job options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/conf/cli.h"

static cs_arena arena;
static cs_error err;
static cs_cli cli;

static int setup(void **state)
{
    (void)state;
    arena = CS_ARENA_INIT;
    cs_error_clear(&err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_arena_done(&arena);
    return 0;
}

#define PARSE(...) parse((const char *[]){ "cstream-submit", __VA_ARGS__, NULL })

static cs_code parse(const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    return cs_cli_parse(argc, (char **)words, &arena, &cli, &err);
}

static void run_is_the_command_when_none_is_named(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--master", "local[2]", "-r", "header=true", "csv:/in", "delta:/out"), CS_OK);
    assert_int_equal(cli.command, CS_COMMAND_RUN);
    assert_int_equal(cli.n_operands, 2);
    assert_true(cs_str_eq(cli.operands[1], CS_STR("delta:/out")));
    assert_true(cs_str_eq(cli.master, CS_STR("local[2]")));
    assert_int_equal(cli.options.count, 1);
    assert_int_equal(cli.options.items[0].scope, CS_SCOPE_READ);
    assert_true(cs_str_eq(cli.options.items[0].value, CS_STR("true")));
}

static void flags_may_stand_before_and_behind_the_command(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-n", "5", "head", "/t", "-ojson", "--version=3"), CS_OK);
    assert_int_equal(cli.command, CS_COMMAND_HEAD);
    assert_int_equal(cli.rows_max, 5);
    assert_int_equal(cli.output, CS_OUTPUT_JSON);
    assert_int_equal(cli.version, 3);
    assert_int_equal(PARSE("head", "-nall", "/t"), CS_OK);
    assert_int_equal(cli.rows_max, -1);
}

static void spark_spelling_is_the_same_flag(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--checkpointLocation", "/c", "--outputMode=append"), CS_OK);
    assert_int_equal(cli.options.count, 2);
    assert_true(cs_str_eq(cli.options.items[0].key, CS_STR("checkpoint-location")));
}

static void value_keeps_equals_signs_and_blanks(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-r", "nullValue=a=b c"), CS_OK);
    assert_true(cs_str_eq(cli.options.items[0].key, CS_STR("nullValue")));
    assert_true(cs_str_eq(cli.options.items[0].value, CS_STR("a=b c")));
    assert_int_equal(PARSE("-r", "nullValue="), CS_OK);
    assert_int_equal(cli.options.items[0].value.len, 0);
}

static void words_behind_two_dashes_are_operands(void **state)
{
    (void)state;
    assert_int_equal(PARSE("count", "--", "-q"), CS_OK);
    assert_int_equal(cli.n_operands, 1);
    assert_false(cli.quiet);
}

static void counters_count(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-vv", "-q", "count", "/t"), CS_OK);
    assert_int_equal(cli.verbose, 2);
    assert_true(cli.quiet);
}

static void mistakes_are_usage_errors(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--tirgger", "once"), CS_E_UNKNOWN_OPTION);
    assert_non_null(strstr(err.hint, "'--trigger'"));
    assert_int_equal(PARSE("-r", "header"), CS_E_BAD_OPTION);
    assert_int_equal(PARSE("-r", "=x"), CS_E_BAD_OPTION);
    assert_int_equal(PARSE("--schema"), CS_E_USAGE);
    assert_int_equal(PARSE("--quiet=yes"), CS_E_USAGE);
    assert_int_equal(PARSE("count", "--trigger", "once", "/t"), CS_E_USAGE);
    assert_int_equal(PARSE("head", "-n", "many", "/t"), CS_E_BAD_OPTION);
    assert_int_equal(PARSE("head", "-n", "-5", "/t"), CS_E_BAD_OPTION);
    assert_int_equal(PARSE("head", "-o", "xml", "/t"), CS_E_BAD_OPTION);
    assert_int_equal(PARSE("a", "b", "c", "d", "e"), CS_E_USAGE);
}

static void mistyped_command_offers_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(PARSE("cuont"), CS_E_USAGE);
    assert_non_null(strstr(err.message, "no command 'cuont'"));
    assert_non_null(strstr(err.hint, "'count'"));
    assert_int_equal(PARSE("frobnicate"), CS_E_USAGE);
    assert_non_null(strstr(err.hint, "help"));
}

static void help_names_every_command_and_every_option(void **state)
{
    (void)state;
    cs_buf out = CS_BUF_INIT;
    cs_cli_overview(&out);
    for (int i = 0; i < CS_COMMAND_COUNT_; i++) {
        assert_non_null(memmem(out.ptr, out.len, cs_command_name((cs_command)i), strlen(cs_command_name((cs_command)i))));
        cs_cli_help((cs_command)i, &out);
    }
    cs_cli_option_list(&out);
    assert_non_null(memmem(out.ptr, out.len, "maxFilesPerTrigger", 18));
    assert_int_equal(cs_buf_check(&out, &err), CS_OK);
    cs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_is_the_command_when_none_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(flags_may_stand_before_and_behind_the_command, setup, teardown),
        cmocka_unit_test_setup_teardown(spark_spelling_is_the_same_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(value_keeps_equals_signs_and_blanks, setup, teardown),
        cmocka_unit_test_setup_teardown(words_behind_two_dashes_are_operands, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_count, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_usage_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(mistyped_command_offers_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(help_names_every_command_and_every_option, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
