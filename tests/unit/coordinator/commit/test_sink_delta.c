#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "common/base/hash.h"
#include "common/parquet/parquet_writer.h"
#include "common/store/store_fault.h"
#include "tests/unit/coordinator/commit/sink_table.h"

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
    cs_mem_disk_on_step(table.mem.disk, NULL, NULL);
    sink_table_close(&table);
    return 0;
}

static void start(void)
{
    cs_error err = { 0 };
    if (sink_start(&table, &err) != CS_OK)
        fail_msg("%s", err.message);
}

static cs_commit_result commit_ok(uint64_t batch, uint8_t digest)
{
    cs_plan plan = plan_of(batch, digest);
    cs_commit_result result = { 0 };
    cs_error err = { 0 };
    if (commit_plan(&table, &plan, &result, &err) != CS_OK)
        fail_msg("%s", err.message);
    return result;
}

static void commit_fails(uint64_t batch, uint8_t digest, cs_code code, const char *text)
{
    cs_plan plan = plan_of(batch, digest);
    cs_commit_result result = { 0 };
    cs_error err = { 0 };
    int64_t before = newest_version(&table);
    cs_code found = commit_plan(&table, &plan, &result, &err);
    if (found != code || !strstr(err.message, text))
        fail_msg("wanted %s (%s), got %s: %s", cs_code_name(code), text, cs_code_name(found), err.message);
    assert_int_equal(newest_version(&table), before);
}

static bool commit_has(int64_t version, const char *needle)
{
    cs_buf text = mem_get(&table.mem, version);
    bool has = strstr(text.ptr, needle) != NULL;
    if (!has)
        print_message("version %lld: %s", (long long)version, text.ptr);
    cs_buf_done(&text);
    return has;
}

static void the_first_commit_makes_the_table(void **state)
{
    (void)state;
    start();
    cs_commit_result result = commit_ok(0, 0xab);
    assert_int_equal(result.version, 0);
    assert_false(result.was_there);
    cs_buf text = mem_get(&table.mem, 0);
    assert_true(cs_str_starts(cs_buf_str(&text), CS_STR("{\"commitInfo\":{\"timestamp\":1750000000000,"
                                                        "\"operation\":\"STREAMING UPDATE\"")));
    cs_buf_done(&text);
    assert_true(commit_has(0, "\n{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"));
    assert_true(commit_has(0, "\"below\":\"\",\"files\":[\"in/a.csv\",\"in/b.csv\"]"));
    assert_true(commit_has(0, "\n{\"txn\":{\"appId\":\"" STREAM "\",\"version\":0,\"lastUpdated\":1750000000000}}\n"));
    /* 0xabab…, the first 63 of 64 bits. */
    assert_true(commit_has(0, "\n{\"txn\":{\"appId\":\"" DIGEST_OF(STREAM) "\",\"version\":6185084777655555541,"));
    cs_delta_snapshot *snapshot;
    cs_delta_counts counts;
    cs_error err = { 0 };
    assert_int_equal(cs_delta_snapshot_open(table.mem.store, CS_DELTA_NEWEST, &snapshot, &err), CS_OK);
    assert_int_equal(cs_delta_snapshot_count(snapshot, &counts, &err), CS_OK);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.rows, 3);
    assert_true(cs_str_eq(cs_delta_snapshot_metadata(snapshot)->id, CS_STR(TABLE_ID)));
    assert_true(cs_str_eq(cs_delta_snapshot_metadata(snapshot)->schema_text, CS_STR(WRITE_SCHEMA)));
    cs_delta_snapshot_close(snapshot);
}

static void a_table_with_timestamp_ntz_is_made_with_feature_lists(void **state)
{
    (void)state;
    start();
    cs_plan plan = plan_of(0, 1);
    plan.write_schema = CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"at\",\"type\":\"timestamp_ntz\","
                               "\"nullable\":true,\"metadata\":{}}]}");
    cs_commit_result result;
    assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_OK);
    assert_true(commit_has(0, "\n{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
                              "\"timestampNtz\"],\"writerFeatures\":[\"timestampNtz\",\"invariants\",\"appendOnly\"]}}"));
}

static void each_commit_names_the_one_below(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    cs_buf below = mem_get(&table.mem, 0);
    cs_sha256 sha = cs_sha256_of(below.ptr, below.len - 1);
    cs_buf_done(&below);
    char want[128] = "\"below\":\"";
    cs_hex(want + strlen(want), sha.bytes, CS_SHA256_LEN);
    assert_int_equal(commit_ok(1, 2).version, 1);
    assert_true(commit_has(1, want));
    assert_true(commit_has(1, "\"readVersion\":0,"));
    cs_sink_state seen;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_int_equal(seen.batch, 1);
    assert_true(seen.below_ok);
}

static void a_batch_without_rows_commits_its_number_alone(void **state)
{
    (void)state;
    start();
    cs_plan plan = plan_of(0, 1);
    cs_commit commit = { .plan = &plan };
    cs_commit_result result;
    assert_int_equal(table.sink->ops->commit(table.sink, &commit, &result, NULL), CS_OK);
    commit_ok(1, 2);
    plan = plan_of(2, 3);
    assert_int_equal(table.sink->ops->commit(table.sink, &commit, &result, NULL), CS_OK);
    cs_buf text = mem_get(&table.mem, 2);
    assert_null(strstr(text.ptr, "\"add\""));
    assert_non_null(strstr(text.ptr, "\"numAddedFiles\":\"0\""));
    cs_buf_done(&text);
    assert_int_equal(commits_of(&table, 2), 1);
}

static void the_same_batch_again_is_found_and_not_written_twice(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    commit_ok(1, 2);
    cs_commit_result result = commit_ok(1, 2);
    assert_true(result.was_there);
    sink_stop(&table);
    start();
    assert_true(commit_ok(1, 2).was_there);
    assert_int_equal(commits_of(&table, 1), 1);
    assert_int_equal(newest_version(&table), 1);
}

static void the_same_number_with_other_content_stops(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    commit_ok(1, 2);
    sink_stop(&table);
    start();
    commit_fails(1, 3, CS_E_CONFLICT, "already committed batch 1 with other content");
}

static void a_table_that_is_ahead_stops(void **state)
{
    (void)state;
    start();
    for (uint64_t batch = 0; batch < 4; batch++)
        commit_ok(batch, 1);
    commit_fails(1, 1, CS_E_CONFLICT, "already committed batch 3");
}

static void a_table_that_lacks_the_batch_before_stops(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    commit_fails(2, 1, CS_E_TABLE_REPLACED, "its newest batch of stream " STREAM " is 0, while 1 was committed");
}

/* --- other writers --- */

typedef struct foreign {
    const char *lines; /* put at the next version when ours is about to be linked */
    int times;
} foreign;

static bool put_before_link(void *ctx, cs_store *store, const char *what)
{
    foreign *other = ctx;
    if (store == table.store && strcmp(what, "put_new.link") == 0 && other->times > 0) {
        other->times--;
        mem_put(&table.mem, newest_version(&table) + 1, other->lines);
    }
    return true;
}

static void a_lost_race_asks_to_wait_and_then_lies_above_the_winner(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    foreign other = { "{\"commitInfo\":{\"timestamp\":7}}\n{\"add\":{\"path\":\"f\",\"size\":1}}\n", 2 };
    cs_mem_disk_on_step(table.mem.disk, put_before_link, &other);
    cs_plan plan = plan_of(1, 2);
    for (int i = 0; i < 2; i++) {
        cs_commit_result result = { 0 };
        assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_E_AGAIN);
        assert_in_range(result.wait_ms, 1, 50);
    }
    assert_int_equal(commit_ok(1, 2).version, 3);
    assert_true(commit_has(3, "\"readVersion\":2,"));
    assert_int_equal(commits_of(&table, 1), 1);
}

static void our_own_earlier_attempt_may_be_the_winner(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    sink_stop(&table);
    /* A zombie of this stream links the very batch first. */
    char digest[64], lines[2048];
    cs_plan plan = plan_of(1, 2);
    snprintf(digest, sizeof digest, "%lld", (long long)cs_digest63(&plan.digest));
    snprintf(lines, sizeof lines, TXN(STREAM, "1") "{\"txn\":{\"appId\":\"" DIGEST_OF(STREAM)
             "\",\"version\":%s,\"lastUpdated\":1750000009999}}\n", digest);
    foreign zombie = { lines, 1 };
    start();
    cs_mem_disk_on_step(table.mem.disk, put_before_link, &zombie);
    cs_commit_result result = { 0 };
    assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_E_AGAIN);
    result = commit_ok(1, 2);
    assert_true(result.was_there);
    assert_int_equal(commits_of(&table, 1), 1);
}

static void a_race_that_is_lost_for_too_long_ends(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    foreign other = { "{\"commitInfo\":{}}\n", 1000 };
    cs_mem_disk_on_step(table.mem.disk, put_before_link, &other);
    cs_plan plan = plan_of(1, 2);
    cs_error err = { 0 };
    cs_commit_result result;
    cs_code code;
    for (int i = 0; (code = commit_plan(&table, &plan, &result, &err)) == CS_E_AGAIN && i < 100; i++)
        table.mem.now_ms += 1000;
    assert_int_equal(code, CS_E_CONTENTION);
    assert_string_equal(err.message, "commit lost the race 12 times in 11 s");
}

static void changes_of_the_table_by_others_are_judged_anew(void **state)
{
    (void)state;
#define SCHEMA_OF(fields) \
    "{\"metaData\":{\"id\":\"" TABLE_ID "\",\"format\":{\"provider\":\"parquet\"},\"schemaString\":\"{\\\"type\\\":"     \
    "\\\"struct\\\",\\\"fields\\\":[" fields "]}\",\"partitionColumns\":[],\"configuration\":{}}}\n"
#define FIELD(name, type, nullable) \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":" nullable ",\\\"metadata\\\":{}}"
    static const struct {
        const char *lines;
        cs_code code;
        const char *text;
    } changes[] = {
        { SCHEMA_OF(FIELD("id", "long", "true") "," FIELD("more", "string", "true")), CS_OK, "" },
        { SCHEMA_OF(FIELD("id", "integer", "true")), CS_E_SCHEMA_MISMATCH,
          "column id: table has int, job has bigint" },
        { SCHEMA_OF(FIELD("ID", "long", "true")), CS_E_SCHEMA_MISMATCH, "column id: the table now spells it ID" },
        { SCHEMA_OF(FIELD("other", "long", "true")), CS_E_SCHEMA_MISMATCH, "column id: the table does not have it" },
        { SCHEMA_OF(FIELD("id", "long", "false")), CS_E_UNSUPPORTED, "column id is NOT NULL" },
        { "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":[\"flyingTable\"]}}\n",
          CS_E_UNSUPPORTED, "cannot append: flyingTable is in use" },
        { "{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n", CS_E_UNSUPPORTED,
          "needs reader version 4" },
        { "{\"txn\":", CS_E_DAMAGED_LOG, "damaged log: 00000000000000000001.json line 1" },
        { TXN(OTHER, "3") TXN(DIGEST_OF(OTHER), "5"), CS_E_CONFLICT,
          "stream " OTHER " reads the same source into this table (its newest batch is 3)" },
        { TXN(OTHER, "3") TXN("cstream-digest:5d41402abc4b2a77:" OTHER, "5"), CS_OK, "" },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (i > 0) {
            sink_table_close(&table);
            sink_table_open(&table, "id BIGINT");
        }
        start();
        commit_ok(0, 1);
        mem_put(&table.mem, 1, changes[i].lines);
        cs_plan plan = plan_of(1, 2);
        cs_commit_result result;
        cs_error err = { 0 };
        cs_code code = commit_plan(&table, &plan, &result, &err);
        if (code != changes[i].code || (code != CS_OK && !strstr(err.message, changes[i].text)))
            fail_msg("change %zu: %s", i, err.message);
        assert_int_equal(commits_of(&table, 1), code == CS_OK);
    }
}

static void another_stream_of_the_source_is_accepted_at_exactly_its_number(void **state)
{
    (void)state;
    mem_put(&table.mem, 0, MEM_PROTOCOL MEM_METADATA TXN(OTHER, "3") TXN(DIGEST_OF(OTHER), "5"));
    start();
    cs_sink_state seen;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_int_equal(seen.n_others, 1);
    assert_int_equal(seen.others[0].batch, 3);
    assert_int_equal(seen.batch, -1);
    assert_false(seen.has_digest);
    cs_plan plan = plan_of(0, 1);
    cs_sink_other accepted = { uuid_of(OTHER), 2 };
    cs_commit commit = { .plan = &plan, .accepted = &accepted, .n_accepted = 1 };
    cs_commit_result result;
    assert_int_equal(table.sink->ops->commit(table.sink, &commit, &result, NULL), CS_E_CONFLICT);
    accepted.batch = 3;
    assert_int_equal(table.sink->ops->commit(table.sink, &commit, &result, NULL), CS_OK);
}

static void a_replaced_table_stops(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    cs_mem_disk_copy(table.mem.disk, CS_STR("t/_delta_log"), CS_STR("copy"));
    cs_mem_disk_remove(table.mem.disk, CS_STR("t/_delta_log"));
    cs_mem_disk_move(table.mem.disk, CS_STR("copy"), CS_STR("t/_delta_log"));
    commit_fails(1, 2, CS_E_TABLE_REPLACED, "table was replaced");
    cs_mem_disk_remove(table.mem.disk, CS_STR("t/_delta_log"));
    commit_fails(1, 2, CS_E_TABLE_REPLACED, "table was replaced");
    sink_stop(&table);
    start(); /* nothing is there any more */
    commit_fails(1, 2, CS_E_TABLE_REPLACED, "there is none now");
    mem_put(&table.mem, 0, MEM_PROTOCOL "{\"metaData\":{\"id\":\"another\",\"schemaString\":\"" MEM_SCHEMA "\"}}\n");
    commit_fails(1, 2, CS_E_TABLE_REPLACED, "table was replaced (id another, was " TABLE_ID ")");
}

static void a_batch_0_whose_table_another_made_is_to_be_planned_anew(void **state)
{
    (void)state;
    start();
    foreign other = { MEM_PROTOCOL "{\"metaData\":{\"id\":\"11111111-1111-4111-8111-111111111111\","
                                   "\"schemaString\":\"" MEM_SCHEMA "\"}}\n", 1 };
    cs_mem_disk_on_step(table.mem.disk, put_before_link, &other);
    cs_plan plan = plan_of(0, 1);
    cs_commit_result result;
    assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_E_AGAIN);
    assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_E_EXISTS);
    cs_sink_state seen;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    plan.table_id = seen.table_id;
    plan.write_schema = seen.write_schema;
    assert_int_equal(commit_plan(&table, &plan, &result, NULL), CS_OK);
    assert_int_equal(result.version, 1);
}

/* --- crashes and lost answers --- */

static bool count_down(void *ctx, cs_store *store, const char *what)
{
    int *left = ctx;
    (void)what;
    return store != table.store || --*left > 0;
}

static void a_commit_that_dies_at_any_step_is_there_once_after_the_next_start(void **state)
{
    (void)state;
    bool whole = false;
    int steps = 0;
    for (bool power_loss = false;; power_loss = true) {
        for (int at = 1; !whole; at++) {
            sink_table_close(&table);
            sink_table_open(&table, "id BIGINT");
            start();
            commit_ok(0, 1);
            int left = at;
            cs_mem_disk_on_step(table.mem.disk, count_down, &left);
            cs_plan plan = plan_of(1, 2);
            cs_commit_result result = { 0 };
            whole = commit_plan(&table, &plan, &result, NULL) == CS_OK && left > 0;
            cs_mem_disk_on_step(table.mem.disk, NULL, NULL);
            if (power_loss) {
                cs_mem_disk_crash(table.mem.disk, &table.rng.rng);
                cs_store_close(table.mem.store);
                assert_int_equal(cs_store_mem_open(table.mem.disk, CS_STR("t"), true, &table.mem.store, NULL), CS_OK);
            } else {
                cs_store_mem_kill(table.store);
            }
            sink_stop(&table);
            assert_true(commits_of(&table, 1) <= 1);
            if (whole)
                assert_int_equal(commits_of(&table, 1), 1);
            start();
            commit_ok(1, 2);
            commit_ok(2, 3);
            assert_int_equal(commits_of(&table, 1), 1);
            uint64_t removed;
            assert_int_equal(table.sink->ops->clean(table.sink, 2, &removed, NULL), CS_OK);
            assert_true(removed <= 1);
            steps++;
        }
        if (power_loss)
            break;
        whole = false;
    }
    print_message("died at %d steps\n", steps);
    assert_true(steps > 10);
}

static void a_commit_whose_answer_was_lost_is_found_again(void **state)
{
    (void)state;
    cs_error err = { 0 };
    assert_int_equal(cs_store_mem_open(table.mem.disk, CS_STR("t"), true, &table.store, &err), CS_OK);
    cs_store *store = table.store, *fault = cs_store_fault_new(store);
    cs_sink_env env = { .job = &table.job, .table = fault, .clock = &table.mem.clock, .rng = &table.rng.rng,
                        .stream = uuid_of(STREAM), .source_hash = SOURCE_HASH };
    assert_int_equal(cs_sink_open(&env, &table.sink, &err), CS_OK);
    table.store = fault;
    commit_ok(0, 1);
    cs_store_fault_set(fault, (cs_store_fault_rule){ .op = CS_STORE_OP_PUT_NEW, .nth = 1, .after = true, .sys_errno = EIO });
    cs_plan plan = plan_of(1, 2);
    cs_commit_result result;
    assert_int_equal(commit_plan(&table, &plan, &result, &err), CS_E_IO);
    result = commit_ok(1, 2);
    assert_true(result.was_there);
    assert_int_equal(commits_of(&table, 1), 1);
    /* Whatever single call fails, the batch is there once in the end. */
    for (uint64_t nth = 1; nth < 40; nth++) {
        cs_store_fault_set(fault, (cs_store_fault_rule){ .op = CS_STORE_OP_ANY, .nth = nth, .sys_errno = EIO });
        plan = plan_of(1 + nth, 2);
        if (commit_plan(&table, &plan, &result, &err) != CS_OK)
            commit_ok(1 + nth, 2);
        assert_int_equal(commits_of(&table, 1 + nth), 1);
    }
}

/* --- times --- */

static void the_timestamp_is_later_than_the_one_below_whatever_the_clock_says(void **state)
{
    (void)state;
    mem_put(&table.mem, 0, "{\"commitInfo\":{\"timestamp\":1999999999999}}\n" MEM_PROTOCOL MEM_METADATA);
    start();
    commit_ok(0, 1);
    assert_true(commit_has(1, "{\"commitInfo\":{\"timestamp\":2000000000000,"));
    assert_true(commit_has(1, "\"lastUpdated\":2000000000000}"));
    table.mem.now_us = 0;
    commit_ok(1, 1);
    assert_true(commit_has(2, "{\"commitInfo\":{\"timestamp\":2000000000001,"));
}

static void in_commit_timestamps_are_written_where_the_table_wants_them(void **state)
{
    (void)state;
    mem_put(&table.mem, 0,
            "{\"commitInfo\":{\"inCommitTimestamp\":1999999999999,\"timestamp\":5}}\n"
            "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":[\"inCommitTimestamp\"]}}\n"
            "{\"metaData\":{\"id\":\"" TABLE_ID "\",\"schemaString\":\"" MEM_SCHEMA "\",\"configuration\":{"
            "\"delta.enableInCommitTimestamps\":\"true\"}}}\n");
    start();
    commit_ok(0, 1);
    assert_true(commit_has(1, "{\"commitInfo\":{\"inCommitTimestamp\":2000000000000,\"timestamp\":2000000000000,"));
}

/* --- state --- */

static void state_gives_the_jobs_columns_in_the_tables_spelling(void **state)
{
    (void)state;
    start();
    cs_sink_state seen;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_false(seen.table_exists);
    assert_int_equal(seen.version, -1);
    assert_int_equal(seen.batch, -1);
    assert_true(cs_str_eq(seen.write_schema, CS_STR(WRITE_SCHEMA)));
    assert_int_equal(seen.codec, CS_CODEC_SNAPPY);
    sink_table_close(&table);
    sink_table_open(&table, "AMOUNT DECIMAL(10,2), id BIGINT");
    mem_put(&table.mem, 0, MEM_PROTOCOL
            "{\"metaData\":{\"id\":\"" TABLE_ID "\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":["
            FIELD("Id", "long", "true") "," FIELD("amount", "decimal(10,2)", "true") "," FIELD("x", "date", "true")
            "]}\",\"configuration\":{\"delta.parquet.compression.codec\":\"zstd\"}}}\n");
    start();
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_true(seen.table_exists);
    assert_true(cs_str_eq(seen.write_schema,
                          CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"amount\",\"type\":\"decimal(10,2)\","
                                 "\"nullable\":true,\"metadata\":{}},{\"name\":\"Id\",\"type\":\"long\",\"nullable\":"
                                 "true,\"metadata\":{}}]}")));
    assert_int_equal(seen.codec, CS_CODEC_ZSTD);
    table.job.compression = CS_COMPRESSION_NONE;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_int_equal(seen.codec, CS_CODEC_NONE);
}

static void a_table_that_the_job_does_not_fit_is_refused_with_both_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *ddl, *metadata;
        cs_code code;
        const char *text, *hint;
    } cases[] = {
        { "id DOUBLE", "", CS_E_SCHEMA_MISMATCH, "column id: table has bigint, job has double",
          "table: id BIGINT; job: id DOUBLE" },
        { "id BIGINT, extra STRING", "", CS_E_SCHEMA_MISMATCH, "column extra: the table does not have it",
          "table: id BIGINT; job: id BIGINT, extra STRING" },
        { "id BIGINT", ",\"partitionColumns\":[\"id\"]", CS_E_SCHEMA_MISMATCH,
          "table is partitioned by (id), job says ()", "" },
        { "id BIGINT", ",\"configuration\":{\"delta.setTransactionRetentionDuration\":\"interval 7 days\"}",
          CS_E_UNSUPPORTED, "cannot append: delta.setTransactionRetentionDuration is set", "UNSET TBLPROPERTIES" },
        { "id BIGINT", ",\"configuration\":{\"delta.appendOnly\":\"true\"}", CS_OK, "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_table_close(&table);
        sink_table_open(&table, cases[i].ddl);
        char lines[4096];
        snprintf(lines, sizeof lines, MEM_PROTOCOL "{\"metaData\":{\"id\":\"" TABLE_ID "\",\"schemaString\":\"" MEM_SCHEMA
                 "\"%s}}\n", cases[i].metadata);
        mem_put(&table.mem, 0, lines);
        start();
        cs_sink_state seen;
        cs_error err = { 0 };
        assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, &err), cases[i].code);
        assert_non_null(strstr(err.message, cases[i].text));
        assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

static void state_tells_when_the_version_below_ours_was_exchanged(void **state)
{
    (void)state;
    start();
    commit_ok(0, 1);
    commit_ok(1, 2);
    sink_stop(&table);
    cs_sink_state seen;
    start();
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_true(seen.below_ok);
    assert_true(seen.has_digest);
    cs_plan plan = plan_of(1, 2);
    assert_int_equal(seen.digest63, cs_digest63(&plan.digest));
    sink_stop(&table);
    cs_buf text = mem_get(&table.mem, 0);
    cs_buf other = CS_BUF_INIT;
    cs_buf_printf(&other, "%s\n", text.ptr);
    cs_buf_add_char(&other, '\0');
    mem_put(&table.mem, 0, other.ptr);
    start();
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_false(seen.below_ok);
    cs_buf_done(&text);
    cs_buf_done(&other);
}

static void the_digest_is_found_when_the_globs_changed(void **state)
{
    (void)state;
    mem_put(&table.mem, 0, MEM_PROTOCOL MEM_METADATA TXN(STREAM, "4")
            "{\"txn\":{\"appId\":\"cstream-digest:0000000000000001:" STREAM "\",\"version\":77,\"lastUpdated\":9}}\n"
            "{\"txn\":{\"appId\":\"" DIGEST_OF(STREAM) "\",\"version\":66,\"lastUpdated\":8}}\n");
    start();
    cs_sink_state seen;
    assert_int_equal(table.sink->ops->state(table.sink, &table.arena, &seen, NULL), CS_OK);
    assert_true(seen.has_digest);
    assert_int_equal(seen.digest63, 77);
    assert_int_equal(seen.n_others, 0);
}

static void a_restore_goes_on_and_says_which_batches_it_took_out(void **state)
{
    (void)state;
    start();
    for (uint64_t batch = 0; batch < 4; batch++)
        commit_ok(batch, 1);
#define REMOVE(batch) "{\"remove\":{\"path\":\"part-00000-" STREAM8 "-0000-8000-8000-00000000" #batch "01-c000.snappy.parquet\"}}\n"
    mem_put(&table.mem, 4, "{\"commitInfo\":{\"operation\":\"DELETE\"}}\n" REMOVE(0001));
    commit_ok(4, 1);
    assert_string_equal(table.notices, "");
    mem_put(&table.mem, 6, REMOVE(0002) REMOVE(0003) REMOVE(0003) "{\"remove\":{\"path\":\"foreign\"}}\n"
                           "{\"commitInfo\":{\"operation\":\"RESTORE\"}}\n");
    sink_stop(&table);
    start();
    assert_int_equal(commit_ok(5, 1).version, 7);
    assert_string_equal(table.notices, "version 6 restored the table: it took out rows of batches 2 to 3 (3 parts), "
                                       "which this stream does not read again");
    table.notices[0] = '\0';
    commit_ok(6, 1);
    assert_string_equal(table.notices, "");
}

/* --- parts --- */

static cs_code append_bytes(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    (void)err;
    cs_buf_add(ctx, bytes, len);
    return CS_OK;
}

static void a_part_counts_only_when_it_is_there_as_acked(void **state)
{
    (void)state;
    start();
    cs_buf bytes = CS_BUF_INIT;
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_writer *writer;
    cs_parquet_summary summary;
    cs_rows rows;
    cs_error err = { 0 };
    assert_int_equal(cs_rows_init(&rows, &table.job.schema, &err), CS_OK);
    for (int64_t i = 0; i < 5; i++)
        assert_int_equal(cs_column_add_fixed(&rows.columns[0], &i, &err), CS_OK);
    rows.length = 5;
    assert_int_equal(cs_parquet_writer_new(&table.job.schema, &options, (cs_parquet_output){ &bytes, append_bytes },
                                           &writer, &err), CS_OK);
    assert_int_equal(cs_parquet_writer_write(writer, &rows, &err), CS_OK);
    assert_int_equal(cs_parquet_writer_finish(writer, &summary, &err), CS_OK);
    cs_parquet_writer_free(writer);
    cs_rows_done(&rows);
    cs_mem_disk_put(table.mem.disk, CS_STR("t/p.parquet"), cs_buf_str(&bytes), 1);

    cs_part_info part = { .path = CS_STR("p.parquet"), .size_bytes = bytes.len, .rows = 5 };
    assert_int_equal(table.sink->ops->check(table.sink, &part, &err), CS_OK);
    part.rows = 6;
    assert_int_equal(table.sink->ops->check(table.sink, &part, &err), CS_E_DAMAGED_PARQUET);
    part.rows = 5;
    part.size_bytes++;
    assert_int_equal(table.sink->ops->check(table.sink, &part, &err), CS_E_DAMAGED_PARQUET);
    bytes.ptr[bytes.len - 1] ^= 1;
    cs_mem_disk_put(table.mem.disk, CS_STR("t/torn.parquet"), cs_buf_str(&bytes), 1);
    part = (cs_part_info){ .path = CS_STR("torn.parquet"), .size_bytes = bytes.len, .rows = 5 };
    assert_int_equal(table.sink->ops->check(table.sink, &part, &err), CS_E_DAMAGED_PARQUET);
    part.path = CS_STR("elsewhere.parquet");
    assert_int_equal(table.sink->ops->check(table.sink, &part, &err), CS_E_MISSING_FILE);
    assert_non_null(strstr(err.message, "elsewhere.parquet is not in the table folder"));
    cs_buf_done(&bytes);
}

static void an_unknown_sink_is_refused_by_name(void **state)
{
    (void)state;
    table.job.sink_format = CS_STR("iceberg");
    cs_error err = { 0 };
    assert_int_equal(sink_start(&table, &err), CS_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "iceberg"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_first_commit_makes_the_table),
        T(a_table_with_timestamp_ntz_is_made_with_feature_lists),
        T(each_commit_names_the_one_below),
        T(a_batch_without_rows_commits_its_number_alone),
        T(the_same_batch_again_is_found_and_not_written_twice),
        T(the_same_number_with_other_content_stops),
        T(a_table_that_is_ahead_stops),
        T(a_table_that_lacks_the_batch_before_stops),
        T(a_lost_race_asks_to_wait_and_then_lies_above_the_winner),
        T(our_own_earlier_attempt_may_be_the_winner),
        T(a_race_that_is_lost_for_too_long_ends),
        T(changes_of_the_table_by_others_are_judged_anew),
        T(another_stream_of_the_source_is_accepted_at_exactly_its_number),
        T(a_replaced_table_stops),
        T(a_batch_0_whose_table_another_made_is_to_be_planned_anew),
        T(a_commit_that_dies_at_any_step_is_there_once_after_the_next_start),
        T(a_commit_whose_answer_was_lost_is_found_again),
        T(the_timestamp_is_later_than_the_one_below_whatever_the_clock_says),
        T(in_commit_timestamps_are_written_where_the_table_wants_them),
        T(state_gives_the_jobs_columns_in_the_tables_spelling),
        T(a_table_that_the_job_does_not_fit_is_refused_with_both_schemas),
        T(state_tells_when_the_version_below_ours_was_exchanged),
        T(the_digest_is_found_when_the_globs_changed),
        T(a_restore_goes_on_and_says_which_batches_it_took_out),
        T(a_part_counts_only_when_it_is_there_as_acked),
        T(an_unknown_sink_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
