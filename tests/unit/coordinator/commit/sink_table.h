/* A Delta sink on the simulator's disk, and hand-made plans to commit through it. */
#ifndef CS_TESTS_UNIT_COORDINATOR_COMMIT_SINK_TABLE_H
#define CS_TESTS_UNIT_COORDINATOR_COMMIT_SINK_TABLE_H

#include <stdlib.h>

#include "common/delta/delta_snapshot.h"
#include "coordinator/commit/sink.h"
#include "tests/unit/common/delta/mem_table.h"

#define STREAM "4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01"
#define STREAM8 "8d9571ef" /* low half of its XXH3 */
#define OTHER "11111111-2222-4333-8444-555555555555"
#define TABLE_ID "e2f1a3d4-6a0b-4c55-9d62-0f3b2a7c8e90" /* as in MEM_METADATA */
#define SOURCE_HASH 0x5d41402abc4b2a76u
#define DIGEST_OF(stream) "cstream-digest:5d41402abc4b2a76:" stream
#define TXN(app, version) "{\"txn\":{\"appId\":\"" app "\",\"version\":" version ",\"lastUpdated\":5}}\n"
#define WRITE_SCHEMA "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"

typedef struct sink_table {
    mem_table mem;
    cs_store *store; /* of the sink's process */
    cs_arena arena;
    cs_job job;
    cs_rng_seeded rng;
    cs_sink *sink;
    char notices[1024];
} sink_table;

static inline void sink_notice(void *ctx, cs_log_level level, const char *text)
{
    (void)level;
    snprintf(ctx, 1024, "%s", text);
}

static inline cs_uuid uuid_of(const char *text)
{
    cs_uuid uuid = { { 0 } };
    if (!cs_uuid_parse(cs_str_of(text), &uuid))
        abort();
    return uuid;
}

/* A process that opens the sink; the one before is left as it is. */
static inline cs_code sink_start(sink_table *table, cs_error *err)
{
    CS_TRY(cs_store_mem_open(table->mem.disk, CS_STR("t"), true, &table->store, err));
    cs_sink_env env = {
        .job = &table->job, .table = table->store, .clock = &table->mem.clock, .rng = &table->rng.rng,
        .stream = uuid_of(STREAM), .source_hash = SOURCE_HASH, .ctx = table->notices, .notice = sink_notice,
    };
    table->sink = NULL;
    return cs_sink_open(&env, &table->sink, err);
}

static inline void sink_stop(sink_table *table)
{
    if (table->sink)
        table->sink->ops->close(table->sink);
    cs_store_close(table->store);
    table->sink = NULL;
    table->store = NULL;
}

static inline void sink_table_open(sink_table *table, const char *ddl)
{
    *table = (sink_table){ .arena = CS_ARENA_INIT };
    cs_error err = { 0 };
    mem_table_open(&table->mem);
    cs_rng_seeded_init(&table->rng, 7);
    table->job = (cs_job){ .sink_format = CS_STR("delta"), .commit_timeout_ms = 10000 };
    if (cs_schema_parse(cs_str_of(ddl), &table->arena, &table->job.schema, &err) != CS_OK)
        abort();
}

static inline void sink_table_close(sink_table *table)
{
    if (table->store)
        sink_stop(table);
    mem_table_close(&table->mem);
    cs_arena_done(&table->arena);
}

/* digest: what stands in each byte of D. */
static inline cs_plan plan_of(uint64_t batch, uint8_t digest)
{
    static cs_source_file files[] = { { .path = { "in/a.csv", 8 } }, { .path = { "in/b.csv", 8 } } };
    cs_plan plan = { .batch = batch, .table_id = uuid_of(TABLE_ID), .write_schema = CS_STR(WRITE_SCHEMA),
                     .files = files, .n_files = 2 };
    memset(plan.digest.bytes, digest, sizeof plan.digest.bytes);
    return plan;
}

/* Commits with one part, whose name carries batch and digest. */
static inline cs_code commit_plan(sink_table *table, const cs_plan *plan, cs_commit_result *result, cs_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "part-00000-" STREAM8 "-0000-8000-8000-%010llx%02x-c000.snappy.parquet",
             (unsigned long long)plan->batch, plan->digest.bytes[0]);
    cs_part_info part = { .path = cs_str_of(path), .size_bytes = 900, .rows = 3, .modified_ms = 1750000000000,
                          .stats_json = CS_STR("{\"numRecords\":3}") };
    cs_commit commit = { .plan = plan, .parts = &part, .n_parts = 1, .rows = 3 };
    return table->sink->ops->commit(table->sink, &commit, result, err);
}

/* How many commits of the log carry txn (stream, batch): must never be more than one. */
static inline int commits_of(sink_table *table, uint64_t batch)
{
    int found = 0;
    char needle[160];
    snprintf(needle, sizeof needle, "{\"txn\":{\"appId\":\"" STREAM "\",\"version\":%llu,", (unsigned long long)batch);
    for (int64_t version = 0; version < 200; version++) {
        cs_buf text = mem_get(&table->mem, version);
        found += strstr(text.ptr, needle) != NULL;
        cs_buf_done(&text);
    }
    return found;
}

static inline int64_t newest_version(sink_table *table)
{
    cs_delta_snapshot *snapshot;
    if (cs_delta_snapshot_open(table->mem.store, CS_DELTA_NEWEST, &snapshot, NULL) != CS_OK)
        return -1;
    int64_t version = cs_delta_snapshot_version(snapshot);
    cs_delta_snapshot_close(snapshot);
    return version;
}

#endif
