#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/coordinator/commit/sink_table.h"

#define PART(stream8, batch) "part-00000-" stream8 "-1234-8567-89ab-0000000000" batch "-c000.snappy.parquet"

static sink_table table;

static int setup(void **state)
{
    (void)state;
    sink_table_open(&table, "id BIGINT");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sink_table_close(&table);
    return 0;
}

static void start(void)
{
    cs_error err = { 0 };
    if (sink_start(&table, &err) != CS_OK)
        fail_msg("%s", err.message);
}

static void put(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "t/%s", name);
    cs_mem_disk_put(table.mem.disk, cs_str_of(path), CS_STR("x"), 1);
}

static bool there(const char *name)
{
    cs_stat stat;
    return cs_store_stat(table.mem.store, cs_str_of(name), &stat, NULL) == CS_OK;
}

static uint64_t clean(int64_t committed)
{
    uint64_t removed = 0;
    cs_error err = { 0 };
    if (table.sink->ops->clean(table.sink, committed, &removed, &err) != CS_OK)
        fail_msg("%s", err.message);
    return removed;
}

/* Commits batch with the part PART(STREAM8, batch), which lies there. */
static void commit_part(uint64_t batch)
{
    char name[128];
    snprintf(name, sizeof name, "part-00000-" STREAM8 "-1234-8567-89ab-0000000000%02llx-c000.snappy.parquet",
             (unsigned long long)batch);
    put(name);
    cs_plan plan = plan_of(batch, 1);
    cs_part_info part = { .path = cs_str_of(name), .size_bytes = 1, .rows = 1 };
    cs_commit commit = { .plan = &plan, .parts = &part, .n_parts = 1, .rows = 1 };
    cs_commit_result result;
    cs_error err = { 0 };
    if (table.sink->ops->commit(table.sink, &commit, &result, &err) != CS_OK)
        fail_msg("%s", err.message);
}

static void parts_of_committed_batches_that_the_log_does_not_name_go(void **state)
{
    (void)state;
    start();
    commit_part(0);
    commit_part(1);
    static const char *keep[] = {
        PART(STREAM8, "02"),                    /* not committed: its worker may still be at it */
        PART("8d9571ee", "00"),                 /* another stream */
        "part-00000-" STREAM8 "-1234-4567-89ab-000000000000-c000.snappy.parquet", /* a UUID of version 4 */
        "part-00000-" STREAM8 "-1234-8567-89ab-00000000000-c000.snappy.parquet",
        "part-" STREAM8 "-1234-8567-89ab-000000000000", "part-", "data.parquet", "p=1/x.parquet",
    };
    static const char *go[] = { "part-00001-" STREAM8 "-1234-8567-89ab-000000000000-c000.snappy.parquet",
                                "part-00000-" STREAM8 "-1234-8567-89ab-000000000001.torn" };
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++)
        put(keep[i]);
    for (size_t i = 0; i < sizeof go / sizeof go[0]; i++)
        put(go[i]);
    assert_int_equal(clean(1), 2);
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++)
        assert_true(there(keep[i]));
    for (size_t i = 0; i < sizeof go / sizeof go[0]; i++)
        assert_false(there(go[i]));
    assert_true(there(PART(STREAM8, "00")));
    assert_true(there(PART(STREAM8, "01")));
}

static void parts_that_an_earlier_process_committed_stay(void **state)
{
    (void)state;
    start();
    commit_part(0);
    commit_part(1);
    sink_stop(&table);
    start();
    assert_int_equal(clean(1), 0);
    assert_true(there(PART(STREAM8, "00")));
    commit_part(2);
    assert_int_equal(clean(2), 0);
    assert_true(there(PART(STREAM8, "02")));
}

static void parts_that_another_engine_rewrote_stay_for_vacuum(void **state)
{
    (void)state;
    start();
    commit_part(0);
    mem_put(&table.mem, 1, "{\"remove\":{\"path\":\"" PART(STREAM8, "00") "\",\"deletionTimestamp\":5}}\n"
                           "{\"add\":{\"path\":\"compacted.parquet\",\"size\":1}}\n");
    sink_stop(&table);
    start();
    assert_int_equal(clean(0), 0);
    assert_true(there(PART(STREAM8, "00")));
}

static void only_batches_that_the_table_itself_holds_are_cleaned(void **state)
{
    (void)state;
    start();
    put(PART(STREAM8, "00"));
    assert_int_equal(clean(7), 0);
    assert_true(there(PART(STREAM8, "00")));
    sink_stop(&table);
    start();
    commit_part(0);
    put(PART(STREAM8, "01"));
    assert_int_equal(clean(7), 0);
    assert_true(there(PART(STREAM8, "01")));
}

static void every_later_cleaning_judges_the_batches_since(void **state)
{
    (void)state;
    start();
    for (uint64_t batch = 0; batch < 5; batch++) {
        char orphan[128];
        snprintf(orphan, sizeof orphan, "part-00009-" STREAM8 "-1234-8567-89ab-0000000000%02llx-c000.snappy.parquet",
                 (unsigned long long)batch);
        put(orphan);
        commit_part(batch);
        assert_int_equal(clean((int64_t)batch), 1);
        assert_false(there(orphan));
    }
    assert_true(there(PART(STREAM8, "00")));
    assert_true(there(PART(STREAM8, "04")));
}

static void temporaries_of_this_stream_go_and_no_others(void **state)
{
    (void)state;
    static const char *keep[] = { "_delta_log/.00000000000000000001.json.8d9571ee.u.tmp",
                                  "_delta_log/.00000000000000000001.json.crc", "_delta_log/_last_checkpoint" };
    static const char ours[] = "_delta_log/.00000000000000000001.json." STREAM8 ".0c2f5f39.tmp";
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++)
        put(keep[i]);
    put(ours);
    start();
    assert_int_equal(clean(-1), 1);
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++)
        assert_true(there(keep[i]));
    assert_false(there(ours));
}

static void without_a_table_there_is_nothing_to_clean(void **state)
{
    (void)state;
    start();
    assert_int_equal(clean(-1), 0);
    assert_int_equal(clean(3), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(parts_of_committed_batches_that_the_log_does_not_name_go),
        T(parts_that_an_earlier_process_committed_stay),
        T(parts_that_another_engine_rewrote_stay_for_vacuum),
        T(only_batches_that_the_table_itself_holds_are_cleaned),
        T(every_later_cleaning_judges_the_batches_since),
        T(temporaries_of_this_stream_go_and_no_others),
        T(without_a_table_there_is_nothing_to_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
