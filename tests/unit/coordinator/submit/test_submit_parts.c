/* The parts of cstream-submit that need no processes: masters, numbers for people, grids, job options. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/submit/local_cluster.h"
#include "coordinator/submit/print.h"
#include "coordinator/submit/run.h"

static cs_error err;

static void master_says_the_number_of_workers(void **state)
{
    (void)state;
    unsigned workers = 0;
    assert_int_equal(cs_local_parse(CS_STR("local"), &workers, &err), CS_OK);
    assert_int_equal(workers, 1);
    assert_int_equal(cs_local_parse(CS_STR("local[7]"), &workers, &err), CS_OK);
    assert_int_equal(workers, 7);
    assert_int_equal(cs_local_parse(CS_STR("local[*]"), &workers, &err), CS_OK);
    assert_int_equal(workers, sysconf(_SC_NPROCESSORS_ONLN));
}

static void other_masters_are_refused(void **state)
{
    (void)state;
    static const char *const masters[] = { "", "l", "local[", "local[]", "local[0]", "local[-1]", "local[2", "local[2]x",
                                           "local[99999]", "spark://host", "local[*" };
    for (size_t i = 0; i < sizeof masters / sizeof masters[0]; i++) {
        unsigned workers = 99;
        assert_int_equal(cs_local_parse(cs_str_of(masters[i]), &workers, &err), CS_E_BAD_OPTION);
        assert_int_equal(workers, 99);
    }
}

static void numbers_are_printed_for_people(void **state)
{
    (void)state;
    cs_buf out = CS_BUF_INIT;
    cs_add_count(&out, 17301442);
    cs_buf_add_char(&out, '|');
    cs_add_count(&out, 999);
    cs_buf_add_char(&out, '|');
    cs_add_size(&out, 1181116006);
    cs_buf_add_char(&out, '|');
    cs_add_size(&out, 812);
    cs_buf_add_char(&out, '|');
    cs_add_rate(&out, 812345);
    assert_true(cs_str_eq(cs_buf_str(&out), CS_STR("17,301,442|999|1.1 GiB|812 B|812k")));
    cs_buf_done(&out);
}

static void grid_aligns_columns_and_escapes_cells(void **state)
{
    (void)state;
    static const char *const titles[] = { "a", "name" };
    cs_buf out = CS_BUF_INIT;
    cs_grid *grid = cs_grid_new(titles, 2);
    cs_grid_add(grid, CS_STR("1234"));
    cs_grid_add(grid, CS_STR("x\x1b[31m"));
    cs_grid_add(grid, CS_STR("é"));
    cs_grid_add(grid, CS_STR("y"));
    cs_grid_print(grid, &out);
    assert_true(cs_str_eq(cs_buf_str(&out), CS_STR("a     name\n1234  x\\x1B[31m\né     y\n")) ||
                cs_str_eq(cs_buf_str(&out), CS_STR("a     name\n1234  x\\x1b[31m\né     y\n")));
    cs_grid_free(grid);
    cs_buf_done(&out);
}

static cs_str find(const cs_options *options, const char *key)
{
    for (size_t i = 0; i < options->count; i++)
        if (cs_str_eq(options->items[i].key, cs_str_of(key)))
            return options->items[i].value;
    return (cs_str){ 0 };
}

static void relative_paths_become_absolute_by_the_file_system(void **state)
{
    (void)state;
    char root[] = "/tmp/cstream-submit-XXXXXX", back[PATH_MAX], wanted[PATH_MAX + 8];
    cs_arena arena = CS_ARENA_INIT;
    cs_options options;
    assert_non_null(mkdtemp(root));
    assert_non_null(getcwd(back, sizeof back));
    assert_int_equal(chdir(root), 0);
    cs_cli cli = { .command = CS_COMMAND_RUN, .n_operands = 2,
                   .operands = { CS_STR("csv:in/new"), CS_STR("delta:./x/../t") } };
    assert_int_equal(cs_job_options(&cli, &arena, &options, &err), CS_OK);
    snprintf(wanted, sizeof wanted, "%s/in/new", root);
    assert_true(cs_str_eq(find(&options, "source-path"), cs_str_of(wanted)));
    assert_true(cs_str_eq(find(&options, "source-format"), CS_STR("csv")));
    assert_int_equal(chdir(back), 0);
    rmdir(root);
    cs_arena_done(&arena);
}

static void only_file_uris_are_folders(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_options options;
    cs_cli cli = { .command = CS_COMMAND_RUN, .n_operands = 2, .operands = { CS_STR("csv:file:///in"), CS_STR("delta:/t") } };
    assert_int_equal(cs_job_options(&cli, &arena, &options, &err), CS_OK);
    assert_true(cs_str_eq(find(&options, "source-path"), CS_STR("/in")));
    cli.operands[1] = CS_STR("delta:s3://bucket/t");
    assert_int_equal(cs_job_options(&cli, &arena, &options, &err), CS_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "s3://bucket/t"));
    cs_arena_done(&arena);
}

static void operands_need_a_format(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_options options;
    cs_cli cli = { .command = CS_COMMAND_RUN, .n_operands = 2, .operands = { CS_STR("/in"), CS_STR("delta:/t") } };
    assert_int_equal(cs_job_options(&cli, &arena, &options, &err), CS_E_USAGE);
    cli.n_operands = 1;
    assert_int_equal(cs_job_options(&cli, &arena, &options, &err), CS_E_USAGE);
    cs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(master_says_the_number_of_workers),
        cmocka_unit_test(other_masters_are_refused),
        cmocka_unit_test(numbers_are_printed_for_people),
        cmocka_unit_test(grid_aligns_columns_and_escapes_cells),
        cmocka_unit_test(relative_paths_become_absolute_by_the_file_system),
        cmocka_unit_test(only_file_uris_are_folders),
        cmocka_unit_test(operands_need_a_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
