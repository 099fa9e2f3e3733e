#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/delta/delta_log.h"
#include "tests/unit/common/delta/mem_table.h"

#define TXN(app, version) "{\"txn\":{\"appId\":\"" app "\",\"version\":" #version ",\"lastUpdated\":5}}\n"
#define INFO(at) "{\"commitInfo\":{\"timestamp\":" #at ",\"operation\":\"WRITE\"}}\n"

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

static cs_delta_log *open_log(void)
{
    cs_delta_log *log;
    cs_error err = { 0 };
    if (cs_delta_log_open(table.store, &log, &err) != CS_OK)
        fail_msg("%s", err.message);
    return log;
}

static int64_t txn_of(const cs_delta_log *log, const char *app)
{
    const cs_delta_log_txn *txn = cs_delta_log_find_txn(log, cs_str_of(app));
    return txn ? txn->txn.version : -1;
}

static void where_no_table_is_the_version_is_minus_one(void **state)
{
    (void)state;
    cs_delta_log *log = open_log();
    cs_error err = { 0 };
    cs_sha256 sha;
    bool has_sha = true;
    assert_int_equal(cs_delta_log_version(log), -1);
    assert_int_equal(cs_delta_log_check(log, &err), CS_OK);
    assert_int_equal(cs_delta_log_sync(log, &err), CS_OK);
    assert_int_equal(cs_delta_log_sha256(log, &has_sha, &sha, &err), CS_OK);
    assert_false(has_sha);
    assert_int_equal(txn_of(log, "a"), -1);
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA); /* somebody makes it meanwhile */
    assert_int_equal(cs_delta_log_refresh(log, &err), CS_OK);
    assert_int_equal(cs_delta_log_version(log), 0);
    cs_delta_log_close(log);
}

static void refresh_takes_what_came_and_the_newest_txn_wins(void **state)
{
    (void)state;
    cs_error err = { 0 };
    mem_put(&table, 0, INFO(100) MEM_PROTOCOL MEM_METADATA TXN("a", 1) TXN("b", 7));
    cs_delta_log *log = open_log();
    uint64_t generation = cs_delta_log_generation(log);
    mem_put(&table, 1, INFO(90) TXN("a", 2));
    mem_put(&table, 2, TXN("c", 3) TXN("a", 5));
    assert_int_equal(cs_delta_log_refresh(log, &err), CS_OK);
    assert_int_equal(cs_delta_log_version(log), 2);
    assert_int_equal(cs_delta_log_txns(log), 3);
    assert_int_equal(txn_of(log, "a"), 5);
    assert_int_equal(txn_of(log, "b"), 7);
    assert_int_equal(cs_delta_log_find_txn(log, CS_STR("a"))->at_version, 2);
    assert_int_equal(cs_delta_log_find_txn(log, CS_STR("b"))->at_version, 0);
    assert_int_equal(cs_delta_log_timestamp_ms(log), 90);
    assert_int_equal(cs_delta_log_generation(log), generation);
    mem_put(&table, 3, MEM_METADATA);
    assert_int_equal(cs_delta_log_refresh(log, &err), CS_OK);
    assert_true(cs_delta_log_generation(log) > generation);
    cs_delta_log_close(log);
}

static void many_transactions_are_all_found(void **state)
{
    (void)state;
    cs_buf lines = CS_BUF_INIT;
    cs_buf_add_cstr(&lines, MEM_PROTOCOL MEM_METADATA);
    for (int i = 0; i < 5000; i++)
        cs_buf_printf(&lines, "{\"txn\":{\"appId\":\"app-%d\",\"version\":%d}}\n", i, 2 * i);
    cs_buf_add_char(&lines, '\0');
    mem_put(&table, 0, lines.ptr);
    cs_delta_log *log = open_log();
    assert_int_equal(cs_delta_log_txns(log), 5000);
    for (int i = 0; i < 5000; i++) {
        char app[32];
        snprintf(app, sizeof app, "app-%d", i);
        assert_int_equal(txn_of(log, app), 2 * i);
    }
    assert_int_equal(txn_of(log, "app-5000"), -1);
    cs_delta_log_close(log);
    cs_buf_done(&lines);
}

static void a_commit_becomes_the_newest_version_with_its_hash(void **state)
{
    (void)state;
    cs_error err = { 0 };
    cs_delta_log *log = open_log();
    const char *first = INFO(50) MEM_PROTOCOL MEM_METADATA TXN("a", 0);
    const char *second = INFO(60) TXN("a", 1) "{\"add\":{\"path\":\"x\",\"size\":1}}\n";
    assert_int_equal(cs_delta_log_commit(log, CS_STR("tag"), cs_str_of(first), &err), CS_OK);
    assert_int_equal(cs_delta_log_commit(log, CS_STR("tag"), cs_str_of(second), &err), CS_OK);
    assert_int_equal(cs_delta_log_version(log), 1);
    assert_int_equal(txn_of(log, "a"), 1);
    assert_int_equal(cs_delta_log_timestamp_ms(log), 60);
    cs_sha256 sha, want = cs_sha256_of(second, strlen(second));
    bool has_sha;
    assert_int_equal(cs_delta_log_sha256(log, &has_sha, &sha, &err), CS_OK);
    assert_memory_equal(sha.bytes, want.bytes, sizeof want.bytes);
    cs_buf text = mem_get(&table, 1);
    assert_string_equal(text.ptr, second);
    cs_buf_done(&text);
    cs_delta_log *again = open_log();
    assert_int_equal(cs_delta_log_version(again), 1);
    assert_int_equal(txn_of(again, "a"), 1);
    cs_delta_log_close(again);
    cs_delta_log_close(log);
}

static void a_taken_version_is_reported_and_left_alone(void **state)
{
    (void)state;
    cs_error err = { 0 };
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
    cs_delta_log *log = open_log();
    mem_put(&table, 1, TXN("other", 1));
    assert_int_equal(cs_delta_log_commit(log, CS_STR("tag"), CS_STR(TXN("a", 1)), &err), CS_E_EXISTS);
    assert_int_equal(cs_delta_log_version(log), 0);
    cs_buf text = mem_get(&table, 1);
    assert_string_equal(text.ptr, TXN("other", 1));
    cs_buf_done(&text);
    text = mem_get(&table, 2);
    assert_string_equal(text.ptr, "");
    cs_buf_done(&text);
    cs_delta_log_close(log);
}

static void a_replaced_newest_commit_is_noticed(void **state)
{
    (void)state;
    cs_error err = { 0 };
    for (int how = 0; how < 3; how++) {
        mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
        cs_delta_log *log = open_log();
        assert_int_equal(cs_delta_log_check(log, &err), CS_OK);
        if (how == 0) { /* by rename, same bytes and mtime */
            cs_mem_disk_copy(table.disk, CS_STR("t/_delta_log"), CS_STR("copy"));
            cs_mem_disk_move(table.disk, CS_STR("copy/00000000000000000000.json"),
                             CS_STR("t/_delta_log/00000000000000000000.json"));
        } else if (how == 1) { /* in place */
            mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
        } else {
            cs_mem_disk_remove(table.disk, CS_STR("t/_delta_log"));
        }
        assert_int_equal(cs_delta_log_check(log, &err), CS_E_TABLE_REPLACED);
        assert_true(cs_str_starts(cs_str_of(err.message), CS_STR("table was replaced: _delta_log/0000")));
        cs_delta_log_close(log);
    }
}

/* What happens between the put and the final look at V.json. */
static bool replace_below(void *ctx, cs_store *store, const char *what)
{
    (void)ctx;
    (void)store;
    if (strcmp(what, "put_new.link") == 0)
        mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA TXN("elsewhere", 1));
    return true;
}

static void a_history_exchanged_while_the_commit_is_linked_stops_it(void **state)
{
    (void)state;
    cs_error err = { 0 };
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
    cs_delta_log *log = open_log();
    cs_mem_disk_on_step(table.disk, replace_below, NULL);
    assert_int_equal(cs_delta_log_commit(log, CS_STR("tag"), CS_STR(TXN("a", 1)), &err), CS_E_TABLE_REPLACED);
    cs_mem_disk_on_step(table.disk, NULL, NULL);
    assert_int_equal(cs_delta_log_version(log), 0);
    cs_delta_log_close(log);
}

static bool overwrite_ours(void *ctx, cs_store *store, const char *what)
{
    bool *linked = ctx;
    (void)store;
    if (*linked)
        mem_put(&table, 1, TXN("spark", 9));
    *linked = strcmp(what, "put_new.link") == 0;
    return true;
}

static void a_commit_that_another_engine_renamed_over_is_not_taken_for_ours(void **state)
{
    (void)state;
    cs_error err = { 0 };
    bool linked = false;
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
    cs_delta_log *log = open_log();
    cs_mem_disk_on_step(table.disk, overwrite_ours, &linked);
    assert_int_equal(cs_delta_log_commit(log, CS_STR("tag"), CS_STR(TXN("a", 1)), &err), CS_E_TABLE_REPLACED);
    cs_mem_disk_on_step(table.disk, NULL, NULL);
    assert_string_equal(err.message, "version 1 was overwritten by another engine right after cstream wrote it");
    cs_delta_log_close(log);
}

static void damage_and_gaps_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *commits[4];
        const char *text;
    } logs[] = {
        { { MEM_PROTOCOL MEM_METADATA, INFO(1) "\n  \n{\"txn\":" }, "damaged log: 00000000000000000001.json line 4: " },
        { { MEM_PROTOCOL MEM_METADATA, INFO(1) "{} x\n" }, "damaged log: 00000000000000000001.json line 2: " },
        { { MEM_PROTOCOL MEM_METADATA, NULL, TXN("a", 1) },
          "log gap: commit 00000000000000000001.json is missing" },
        { { NULL, MEM_PROTOCOL MEM_METADATA }, "log gap: commit 00000000000000000000.json is missing" },
        { { MEM_PROTOCOL }, "damaged log: no metaData action" },
        { { MEM_METADATA }, "damaged log: no protocol action" },
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        cs_mem_disk_remove(table.disk, CS_STR("t/_delta_log"));
        for (int version = 0; version < 4; version++) {
            if (logs[i].commits[version])
                mem_put(&table, version, logs[i].commits[version]);
        }
        cs_delta_log *log;
        cs_error err = { 0 };
        assert_int_equal(cs_delta_log_open(table.store, &log, &err), CS_E_DAMAGED_LOG);
        if (!cs_str_starts(cs_str_of(err.message), cs_str_of(logs[i].text)))
            assert_string_equal(err.message, logs[i].text);
    }
}

static void lines_longer_than_one_read_are_whole(void **state)
{
    (void)state;
    cs_buf lines = CS_BUF_INIT;
    cs_buf_add_cstr(&lines, MEM_PROTOCOL "{\"something\":\"");
    for (int i = 0; i < 700000; i++)
        cs_buf_add_char(&lines, (char)('a' + i % 26));
    cs_buf_add_cstr(&lines, "\"}\r\n" TXN("a", 3) MEM_METADATA);
    lines.len--; /* the last line without its newline */
    cs_buf_add_char(&lines, '\0');
    mem_put(&table, 0, lines.ptr);
    cs_delta_log *log = open_log();
    assert_int_equal(txn_of(log, "a"), 3);
    cs_delta_log_close(log);
    cs_buf_done(&lines);
}

static void other_files_of_the_folder_do_not_count(void **state)
{
    (void)state;
    static const char *names[] = {
        "00000000000000000009.json.tmp",  ".00000000000000000001.json.8d9571ef.x.tmp", "0000000000000000001.json",
        "_last_checkpoint",               "00000000000000000001.crc", "00000000000000000001.00000000000000000004.compacted.json",
        "00000000000000000007.checkpoint.0000000001.0000000003.parquet", "x00000000000000000001.json",
        "-0000000000000000001.json",      "99999999999999999999.json", "00000000000000000008.checkpoint.parquet.tmp",
    };
    mem_put(&table, 0, MEM_PROTOCOL MEM_METADATA);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "t/_delta_log/%s", names[i]);
        cs_mem_disk_put(table.disk, cs_str_of(path), CS_STR("garbage"), 1);
    }
    cs_mem_disk_put_kind(table.disk, CS_STR("t/_delta_log/00000000000000000001.json"), CS_FILE_FOLDER);
    cs_delta_log *log;
    cs_error err = { 0 };
    assert_int_not_equal(cs_delta_log_open(table.store, &log, &err), CS_OK); /* a folder in the next slot */
    cs_mem_disk_remove(table.disk, CS_STR("t/_delta_log/00000000000000000001.json"));
    log = open_log();
    assert_int_equal(cs_delta_log_version(log), 0);
    cs_delta_log_close(log);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(where_no_table_is_the_version_is_minus_one),
        T(refresh_takes_what_came_and_the_newest_txn_wins),
        T(many_transactions_are_all_found),
        T(a_commit_becomes_the_newest_version_with_its_hash),
        T(a_taken_version_is_reported_and_left_alone),
        T(a_replaced_newest_commit_is_noticed),
        T(a_history_exchanged_while_the_commit_is_linked_stops_it),
        T(a_commit_that_another_engine_renamed_over_is_not_taken_for_ours),
        T(damage_and_gaps_are_named),
        T(lines_longer_than_one_read_are_whole),
        T(other_files_of_the_folder_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
