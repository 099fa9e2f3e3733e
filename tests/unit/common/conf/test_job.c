/* Options → job: defaults, conversions, refusals with the nearest name, canonical text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conf/job.h"

typedef struct pair {
    cs_option_scope scope;
    const char *key, *value;
} pair;

static const pair base[] = {
    { CS_SCOPE_JOB, "source-format", "csv" },      { CS_SCOPE_JOB, "source-path", "/in" },
    { CS_SCOPE_JOB, "sink-format", "delta" },      { CS_SCOPE_JOB, "table-path", "/table" },
    { CS_SCOPE_JOB, "checkpoint-location", "/c" }, { CS_SCOPE_JOB, "schema", "id BIGINT, name STRING" },
};
#define N_BASE (sizeof base / sizeof base[0])

static cs_arena arena;
static cs_error err;

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

static cs_options options_with(const pair *more, size_t n)
{
    cs_option *items = cs_arena_array(&arena, cs_option, N_BASE + n);
    for (size_t i = 0; i < N_BASE + n; i++) {
        const pair *from = i < N_BASE ? &base[i] : &more[i - N_BASE];
        items[i] = (cs_option){ from->scope, cs_str_of(from->key), cs_str_of(from->value), CS_STR("test") };
    }
    return (cs_options){ items, N_BASE + n };
}

static cs_code parse(const pair *more, size_t n, cs_job *job)
{
    cs_options options = options_with(more, n);
    return cs_job_parse(&options, &arena, job, &err);
}

static cs_code parse_one(cs_option_scope scope, const char *key, const char *value, cs_job *job)
{
    pair more = { scope, key, value };
    return parse(&more, 1, job);
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse(NULL, 0, &job), CS_OK);
    assert_int_equal(job.csv.sep.len, 1);
    assert_int_equal(job.csv.sep.ptr[0], ',');
    assert_int_equal(job.csv.quote, '"');
    assert_int_equal(job.csv.mode, CS_CSV_PERMISSIVE);
    assert_true(cs_str_eq(job.csv.corrupt_column, CS_STR("_corrupt_record")));
    assert_int_equal(job.csv.record_bytes_max, 16 << 20);
    assert_int_equal(job.files_max, 0);
    assert_int_equal(job.trigger, CS_TRIGGER_DEFAULT);
    assert_int_equal(job.compression, CS_COMPRESSION_AUTO);
    assert_int_equal(job.schema.n_fields, 2);
}

static void names_and_choices_match_in_any_case(void **state)
{
    (void)state;
    cs_job job;
    pair more[] = { { CS_SCOPE_READ, "HEADER", "TRUE" }, { CS_SCOPE_READ, "Mode", "failfast" },
                    { CS_SCOPE_READ, "delimiter", "\\t" }, { CS_SCOPE_WRITE, "COMPRESSION", "Zstd" } };
    assert_int_equal(parse(more, 4, &job), CS_OK);
    assert_true(job.csv.header);
    assert_int_equal(job.csv.mode, CS_CSV_FAILFAST);
    assert_int_equal(job.csv.sep.ptr[0], '\t');
    assert_int_equal(job.compression, CS_COMPRESSION_ZSTD);
}

static void unknown_option_offers_the_nearest_name(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse_one(CS_SCOPE_READ, "heder", "true", &job), CS_E_UNKNOWN_OPTION);
    assert_non_null(strstr(err.message, "csv has no option 'heder'"));
    assert_non_null(strstr(err.hint, "'header'"));
    assert_int_equal(err.exit_status, 2);
}

static void bad_values_are_named_with_what_was_got(void **state)
{
    (void)state;
    static const struct {
        cs_option_scope scope;
        const char *key, *value, *text;
    } cases[] = {
        { CS_SCOPE_READ, "header", "maybe", "csv.header: must be true or false (got \"maybe\")" },
        { CS_SCOPE_READ, "quote", "<<", "csv.quote: must be one character (got \"<<\")" },
        { CS_SCOPE_READ, "sep", "", "csv.sep: must not be empty" },
        { CS_SCOPE_READ, "sep", "\\q", "csv.sep: unknown escape" },
        { CS_SCOPE_READ, "sep", "\n", "csv.sep: must be an ASCII character" },
        { CS_SCOPE_READ, "maxFilesPerTrigger", "0", "csv.maxFilesPerTrigger: must be an integer >= 1" },
        { CS_SCOPE_READ, "maxFilesPerTrigger", "9999999999", "csv.maxFilesPerTrigger: must be an integer" },
        { CS_SCOPE_READ, "maxBytesPerTrigger", "ten", "csv.maxBytesPerTrigger: must be a size" },
        { CS_SCOPE_READ, "minFileAge", "-1s", "csv.minFileAge: must be a time" },
        { CS_SCOPE_READ, "mode", "LENIENT", "csv.mode: must be one of PERMISSIVE|DROPMALFORMED|FAILFAST" },
        { CS_SCOPE_READ, "comment", "#", "csv.comment: this version does not have it (got \"#\")" },
        { CS_SCOPE_READ, "dateFormat", "EEE d", "csv.dateFormat: cannot read pattern: letter 'E' at 1 (got \"EEE d\")" },
        { CS_SCOPE_READ, "dateFormat", "", "csv.dateFormat: cannot read pattern: it is empty (got \"\")" },
        { CS_SCOPE_READ, "timestampFormat", "yyyy]", "csv.timestampFormat: cannot read pattern: ']' at 5 without '['" },
        { CS_SCOPE_READ, "timestampNTZFormat", "sSSS", "csv.timestampNTZFormat: cannot read pattern: letter 'S' at 2" },
        { CS_SCOPE_READ, "enableDateTimeParsingFallback", "yes",
          "csv.enableDateTimeParsingFallback: must be true or false (got \"yes\")" },
        { CS_SCOPE_READ, "timeZone", "Europe/berlin", "csv.timeZone: unknown time zone (got \"Europe/berlin\")" },
        { CS_SCOPE_READ, "timeZone", "", "csv.timeZone: unknown time zone (got \"\")" },
        { CS_SCOPE_READ, "escape", "\\", "csv.escape: must be the quote character" },
        { CS_SCOPE_READ, "columnPruning", "perhaps", "csv.columnPruning: must be true or false" },
        { CS_SCOPE_JOB, "trigger", "sometimes", "job.trigger: must be availableNow, once or processingTime=5s" },
        { CS_SCOPE_JOB, "trigger", "processingTime=", "job.trigger: must be" },
        { CS_SCOPE_JOB, "output-mode", "complete", "job.output-mode: must be one of append" },
        { CS_SCOPE_CONF, "cstream.lease", "1ms", "conf.cstream.lease: must be a time >= 100 ms" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_job job;
        assert_int_equal(parse_one(cases[i].scope, cases[i].key, cases[i].value, &job), CS_E_BAD_OPTION);
        if (!strstr(err.message, cases[i].text))
            fail_msg("'%s' does not say '%s'", err.message, cases[i].text);
    }
}

static void options_of_values_have_sparks_defaults_and_keep_what_was_said(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse(NULL, 0, &job), CS_OK);
    assert_true(cs_str_eq(job.csv.nan_value, CS_STR("NaN")));
    assert_true(cs_str_eq(job.csv.positive_inf, CS_STR("Inf")));
    assert_true(cs_str_eq(job.csv.negative_inf, CS_STR("-Inf")));
    assert_true(cs_str_eq(job.csv.time_zone, CS_STR("UTC")));
    assert_null(job.csv.date_format);
    assert_null(job.csv.timestamp_format);
    assert_null(job.csv.timestamp_ntz_format);
    assert_int_equal(job.csv.datetime_fallback, CS_CSV_UNSET);
    pair more[] = { { CS_SCOPE_READ, "NANVALUE", "-999" },
                    { CS_SCOPE_READ, "positiveInf", "" },
                    { CS_SCOPE_READ, "timeZone", "+1:00" },
                    { CS_SCOPE_READ, "dateformat", "dd/MM/yyyy" },
                    { CS_SCOPE_READ, "timestampFormat", "yyyy" },
                    { CS_SCOPE_READ, "timestampNTZFormat", "yyyy" },
                    { CS_SCOPE_READ, "enableDateTimeParsingFallback", "FALSE" } };
    assert_int_equal(parse(more, 7, &job), CS_OK);
    assert_true(cs_str_eq(job.csv.nan_value, CS_STR("-999")));
    assert_true(cs_str_eq(job.csv.positive_inf, CS_STR("")));
    assert_true(cs_str_eq(job.csv.time_zone, CS_STR("+1:00")));
    assert_non_null(job.csv.date_format);
    assert_non_null(job.csv.timestamp_format);
    assert_non_null(job.csv.timestamp_ntz_format);
    assert_int_equal(job.csv.datetime_fallback, CS_CSV_FALSE);
}

static void a_pattern_that_cannot_be_read_keeps_its_hint(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse_one(CS_SCOPE_READ, "timestampFormat", "yyyyMMddHHmmssSSS", &job), CS_E_BAD_OPTION);
    assert_non_null(strstr(err.message, "letter 'S' at 15"));
    assert_non_null(strstr(err.hint, ".SSS"));
    assert_string_equal(err.place, "test");
}

static void options_that_exclude_one_another_are_refused(void **state)
{
    (void)state;
    cs_job job;
    pair both[] = { { CS_SCOPE_READ, "maxFilesPerTrigger", "1" }, { CS_SCOPE_READ, "maxBytesPerTrigger", "1k" } };
    assert_int_equal(parse(both, 2, &job), CS_E_BAD_OPTION);
    pair collide[] = { { CS_SCOPE_READ, "sep", ";" }, { CS_SCOPE_READ, "quote", ";" } };
    assert_int_equal(parse(collide, 2, &job), CS_E_BAD_OPTION);
    assert_non_null(strstr(err.message, "collides with quote"));
}

static void triggers_are_read_as_spark_writes_them(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse_one(CS_SCOPE_JOB, "trigger", "availableNow", &job), CS_OK);
    assert_int_equal(job.trigger, CS_TRIGGER_AVAILABLE_NOW);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "trigger", "processingTime=2 minutes", &job), CS_OK);
    assert_int_equal(job.trigger, CS_TRIGGER_PROCESSING_TIME);
    assert_int_equal(job.trigger_ms, 120000);
    /* Spark: an interval of zero is "as fast as possible". */
    assert_int_equal(parse_one(CS_SCOPE_JOB, "trigger", "processingTime=0s", &job), CS_OK);
    assert_int_equal(job.trigger, CS_TRIGGER_DEFAULT);
}

static void schema_must_fit_the_format(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse_one(CS_SCOPE_JOB, "schema", "id BIGINT, tags ARRAY<STRING>", &job), CS_E_BAD_SCHEMA);
    assert_non_null(strstr(err.message, "tags"));
    assert_int_equal(err.exit_status, 78);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "schema", "id BIGINT, _corrupt_record INT", &job), CS_E_BAD_SCHEMA);
    assert_non_null(strstr(err.message, "_corrupt_record"));
    assert_int_equal(parse_one(CS_SCOPE_JOB, "schema", "_corrupt_record STRING", &job), CS_E_BAD_SCHEMA);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "schema", "id BIGINT, ID INT", &job), CS_E_BAD_SCHEMA);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "schema", "id BIGINT NOT NULL", &job), CS_OK);
    assert_true(job.schema.fields[0].nullable);
}

static void paths_are_cleaned_and_must_be_absolute(void **state)
{
    (void)state;
    cs_job job;
    assert_int_equal(parse_one(CS_SCOPE_JOB, "table-path", "//data//./t/", &job), CS_OK);
    assert_true(cs_str_eq(job.table_path, CS_STR("/data/t")));
    assert_int_equal(parse_one(CS_SCOPE_JOB, "table-path", "data", &job), CS_E_BAD_CONFIG);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "table-path", "/a/../b", &job), CS_E_BAD_CONFIG);
    assert_int_equal(parse_one(CS_SCOPE_JOB, "table-path", "/", &job), CS_E_BAD_CONFIG);
}

static void canonical_text_ignores_order_case_and_overridden_values(void **state)
{
    (void)state;
    pair one[] = { { CS_SCOPE_READ, "header", "false" }, { CS_SCOPE_READ, "sep", ";" }, { CS_SCOPE_READ, "header", "true" } };
    pair other[] = { { CS_SCOPE_READ, "Header", "true" }, { CS_SCOPE_READ, "delimiter", ";" } };
    cs_options a = options_with(one, 3), b = options_with(other, 2), back;
    cs_buf text_a = CS_BUF_INIT, text_b = CS_BUF_INIT, again = CS_BUF_INIT;
    cs_options_print(&a, &text_a);
    cs_options_print(&b, &text_b);
    assert_true(cs_str_eq(cs_buf_str(&text_a), cs_buf_str(&text_b)));
    assert_int_equal(cs_options_parse(cs_buf_str(&text_a), &arena, &back, &err), CS_OK);
    cs_options_print(&back, &again);
    assert_true(cs_str_eq(cs_buf_str(&text_a), cs_buf_str(&again)));
    cs_buf_done(&text_a);
    cs_buf_done(&text_b);
    cs_buf_done(&again);
}

static void damaged_option_text_is_refused_at_every_cut(void **state)
{
    (void)state;
    pair more[] = { { CS_SCOPE_READ, "nullValue", "a\nb:c 1" } };
    cs_options options = options_with(more, 1), back;
    cs_buf text = CS_BUF_INIT;
    cs_options_print(&options, &text);
    size_t whole = 0;
    for (size_t len = 1; len <= text.len; len++)
        whole += cs_options_parse((cs_str){ text.ptr, len }, &arena, &back, &err) == CS_OK;
    assert_int_equal(whole, options.count); /* a cut between two options cannot be told; plans have checksums */
    cs_buf_done(&text);
}

static void folders_inside_one_another_are_refused_through_links_too(void **state)
{
    (void)state;
    char root[] = "/tmp/cstream-conf-XXXXXX", path[128], target[128];
    cs_job job;
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/in", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(target, sizeof target, "%s/link", root);
    assert_int_equal(symlink(path, target), 0);
    char table[160], chk[160];
    snprintf(table, sizeof table, "%s/link/table", root);
    snprintf(chk, sizeof chk, "%s/chk", root);
    pair more[] = { { CS_SCOPE_JOB, "source-path", path }, { CS_SCOPE_JOB, "table-path", table }, { CS_SCOPE_JOB, "checkpoint-location", chk } };
    assert_int_equal(parse(more, 3, &job), CS_OK);
    assert_int_equal(cs_job_check_paths(&job, &err), CS_E_BAD_CONFIG);
    assert_int_equal(err.exit_status, 78);
    snprintf(table, sizeof table, "%s/in-table", root);
    assert_int_equal(parse(more, 3, &job), CS_OK);
    assert_int_equal(cs_job_check_paths(&job, &err), CS_OK);
    unlink(target);
    rmdir(path);
    assert_int_equal(cs_job_check_paths(&job, &err), CS_E_PATH_NOT_FOUND);
    rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_those_of_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_choices_match_in_any_case, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_option_offers_the_nearest_name, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_values_are_named_with_what_was_got, setup, teardown),
        cmocka_unit_test_setup_teardown(options_of_values_have_sparks_defaults_and_keep_what_was_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pattern_that_cannot_be_read_keeps_its_hint, setup, teardown),
        cmocka_unit_test_setup_teardown(options_that_exclude_one_another_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(triggers_are_read_as_spark_writes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(schema_must_fit_the_format, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_are_cleaned_and_must_be_absolute, setup, teardown),
        cmocka_unit_test_setup_teardown(canonical_text_ignores_order_case_and_overridden_values, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_option_text_is_refused_at_every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_inside_one_another_are_refused_through_links_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
