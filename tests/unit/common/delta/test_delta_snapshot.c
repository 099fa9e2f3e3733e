#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/delta/delta_names.h"
#include "common/delta/delta_scan.h"
#include "tests/unit/common/delta/mem_table.h"

#define ADD(path) "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":10,\"modificationTime\":1," \
                  "\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":4}\"}}\n"
#define VECTOR(n) "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"vBn[lx{q8@P<9BNH/isA\",\"offset\":" #n \
                  ",\"sizeInBytes\":36,\"cardinality\":" #n "}"
#define ADD_DV(path, n) "{\"add\":{\"path\":\"" path "\",\"size\":10,\"stats\":\"{\\\"numRecords\\\":4}\"," VECTOR(n) "}}\n"
#define REMOVE(path) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":5,\"dataChange\":true}}\n"
#define REMOVE_DV(path, n) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":5," VECTOR(n) "}}\n"

static mem_table table;

static int setup(void **state)
{
    (void)state;
    mem_table_open(&table);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_table_close(&table);
    return 0;
}

/* Names of the live files of a version, sorted, each followed by a blank. */
static cs_buf live(int64_t version)
{
    cs_delta_snapshot *snapshot;
    cs_delta_files *files;
    cs_error err = { 0 };
    if (cs_delta_snapshot_open(table.store, version, &snapshot, &err) != CS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cs_delta_files_open(snapshot, &files, &err), CS_OK);
    char names[32][32];
    size_t n = 0;
    const cs_delta_file *file = NULL;
    do {
        if (cs_delta_files_next(files, &file, &err) != CS_OK)
            fail_msg("%s", err.message);
        if (file)
            snprintf(names[n++], sizeof names[0], "%.*s", CS_STR_ARG(file->name));
    } while (file);
    qsort(names, n, sizeof names[0], (int (*)(const void *, const void *))strcmp);
    cs_buf text = CS_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        cs_buf_printf(&text, "%s ", names[i]);
    cs_buf_add_char(&text, '\0');
    cs_delta_files_close(files);
    cs_delta_snapshot_close(snapshot);
    return text;
}

static void check_live(int64_t version, const char *want)
{
    cs_buf text = live(version);
    assert_string_equal(text.ptr, want);
    cs_buf_done(&text);
}

static void the_newest_action_of_a_file_wins(void **state)
{
    (void)state;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA ADD("a") ADD("b") REMOVE("never-added"));
    mem_put(&table, 1, REMOVE("a") ADD("c"));
    mem_put(&table, 2, ADD("a") REMOVE("b"));
    mem_put(&table, 3, ADD("a") ADD("a%20b"));
    mem_put(&table, 4, REMOVE("a b")); /* another writer escapes less */
    check_live(0, "a b ");
    check_live(1, "b c ");
    check_live(2, "a c ");
    check_live(3, "a a b c ");
    check_live(CS_DELTA_NEWEST, "a c ");
}

static void a_commit_that_removes_and_adds_one_file_leaves_it_live(void **state)
{
    (void)state;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA ADD("a") ADD("b"));
    mem_put(&table, 1, REMOVE("a") ADD("a"));
    mem_put(&table, 2, ADD("b") REMOVE("b"));
    check_live(CS_DELTA_NEWEST, "a b ");
}

static void the_deletion_vector_belongs_to_the_key(void **state)
{
    (void)state;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA ADD("a"));
    mem_put(&table, 1, REMOVE("a") ADD_DV("a", 1));
    mem_put(&table, 2, REMOVE_DV("a", 1) ADD_DV("a", 3));
    check_live(CS_DELTA_NEWEST, "a ");
    cs_delta_snapshot *snapshot;
    cs_delta_counts counts;
    cs_error err = { 0 };
    assert_int_equal(cs_delta_snapshot_open(table.store, CS_DELTA_NEWEST, &snapshot, &err), CS_OK);
    assert_int_equal(cs_delta_snapshot_count(snapshot, &counts, &err), CS_OK);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.rows, 1);
    assert_int_equal(counts.bytes, 10);
    cs_delta_scan *scan;
    const cs_rows *rows;
    assert_int_equal(cs_delta_scan_open(snapshot, &scan, &err), CS_OK);
    assert_int_equal(cs_delta_scan_next(scan, 10, &rows, &err), CS_E_UNSUPPORTED);
    assert_string_equal(err.message, "needs feature deletionVectors, which cstream cannot read");
    cs_delta_scan_close(scan);
    cs_delta_snapshot_close(snapshot);
}

static void a_file_that_is_gone_is_missing_now_and_vacuumed_in_the_past(void **state)
{
    (void)state;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA ADD("a"));
    mem_put(&table, 1, ADD("a"));
    static const struct {
        int64_t version;
        cs_code code;
        const char *text;
    } reads[] = {
        { 0, CS_E_NO_SUCH_VERSION, "version 0 is vacuumed: a is gone" },
        { 1, CS_E_MISSING_FILE, "missing data file: a" },
    };
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        cs_delta_snapshot *snapshot;
        cs_delta_scan *scan;
        const cs_rows *rows;
        cs_error err = { 0 };
        assert_int_equal(cs_delta_snapshot_open(table.store, reads[i].version, &snapshot, &err), CS_OK);
        assert_int_equal(cs_delta_scan_open(snapshot, &scan, &err), CS_OK);
        assert_int_equal(cs_delta_scan_next(scan, 10, &rows, &err), reads[i].code);
        assert_string_equal(err.message, reads[i].text);
        cs_delta_scan_close(scan);
        cs_delta_snapshot_close(snapshot);
    }
}

static void a_folder_without_a_log_is_no_table(void **state)
{
    (void)state;
    cs_delta_snapshot *snapshot;
    cs_error err = { 0 };
    assert_int_equal(cs_delta_snapshot_open(table.store, CS_DELTA_NEWEST, &snapshot, &err), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(err.message, "no Delta table here"));
}

static void a_version_whose_commits_are_gone_is_not_kept(void **state)
{
    (void)state;
    mem_put(&table, 1, MEM_PROTOCOL MEM_METADATA);
    mem_put(&table, 2, ADD("a"));
    cs_delta_snapshot *snapshot;
    cs_error err = { 0 };
    assert_int_equal(cs_delta_snapshot_open(table.store, 1, &snapshot, &err), CS_E_NO_SUCH_VERSION);
    assert_string_equal(err.message,
                        "version 1 is not kept: log gap: commit 00000000000000000000.json is missing");
}

static cs_code collect(void *ctx, cs_str name, cs_error *err)
{
    (void)err;
    cs_buf_printf(ctx, "%.*s ", CS_STR_ARG(name));
    return CS_OK;
}

static void names_are_told_of_live_and_removed_files(void **state)
{
    (void)state;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA ADD("a") ADD("b%20c"));
    mem_put(&table, 1, REMOVE("a") ADD("s3://elsewhere/x"));
    mem_put(&table, 2, ADD("d"));
    static const struct {
        int64_t from;
        const char *names;
    } cases[] = { { 0, "a b c a d " }, { 1, "a d " }, { 2, "d " }, { 3, "" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_buf text = CS_BUF_INIT;
        cs_error err = { 0 };
        assert_int_equal(cs_delta_names(table.store, cases[i].from, collect, &text, &err), CS_OK);
        cs_buf_add_char(&text, '\0');
        assert_string_equal(text.ptr, cases[i].names);
        cs_buf_done(&text);
    }
    /* Without the first commits and without a checkpoint nobody knows all names. */
    cs_mem_disk_remove(table.disk, CS_STR("t/_delta_log/00000000000000000000.json"));
    cs_buf text = CS_BUF_INIT;
    assert_int_equal(cs_delta_names(table.store, 0, collect, &text, NULL), CS_E_DAMAGED_LOG);
    cs_buf_done(&text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_newest_action_of_a_file_wins),
        T(a_commit_that_removes_and_adds_one_file_leaves_it_live),
        T(the_deletion_vector_belongs_to_the_key),
        T(a_file_that_is_gone_is_missing_now_and_vacuumed_in_the_past),
        T(a_folder_without_a_log_is_no_table),
        T(a_version_whose_commits_are_gone_is_not_kept),
        T(names_are_told_of_live_and_removed_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
