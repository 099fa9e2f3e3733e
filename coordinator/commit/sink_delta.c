/* Step 6 of the design: a batch becomes one version of a Delta table, once. Every attempt begins at the newest
 * version and decides anew; a number that somebody else took is never simply passed over. */
#include "coordinator/commit/sink_delta.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "common/delta/delta_feature.h"
#include "common/delta/delta_parquet.h"
#include "common/delta/delta_path.h"

#define WAIT_MS_MAX 50

typedef struct sink_delta {
    cs_sink sink;
    cs_sink_env env;
    cs_delta_log *log;
    char stream[CS_UUID_TEXT_LEN + 1];
    uint32_t stream_hash;
    char digest_id[CS_DELTA_APP_ID_MAX]; /* appId of the digest txn */
    uint64_t fits_generation;   /* of the log, judged fit */
    uint64_t fits_schema;       /* for parts of a schema with this hash */
    int64_t below_version;      /* the version that carries our newest txn, when it was looked at … */
    bool below_ok;              /* … and what was seen */
    int64_t looked_version;     /* commits of others up to this one were looked at for a RESTORE */
    cs_delta_clean clean;
    cs_buf lines;
    /* The batch that keeps losing its version to others. */
    uint64_t losing_batch;
    uint64_t losses;
    int64_t losing_since_ms;
} sink_delta;

static cs_code delta_open(const cs_sink_env *env, cs_sink **out, cs_error *err);
static cs_code delta_state(cs_sink *sink, cs_arena *arena, cs_sink_state *out, cs_error *err);
static cs_code delta_commit(cs_sink *sink, const cs_commit *commit, cs_commit_result *out, cs_error *err);
static cs_code delta_check(cs_sink *sink, const cs_part_info *part, cs_error *err);
static cs_code delta_sync(cs_sink *sink, cs_error *err);
static cs_code delta_clean(cs_sink *sink, int64_t committed, uint64_t *removed, cs_error *err);
static void delta_close(cs_sink *sink);

static cs_code read_state(sink_delta *delta, cs_arena *arena, cs_sink_state *out, cs_error *err);
static cs_code try_commit(sink_delta *delta, const cs_commit *commit, cs_commit_result *out, cs_error *err);
static cs_code look(sink_delta *delta, cs_error *err);
static cs_code warn_of_restore(sink_delta *delta, cs_error *err);
static cs_code at_table(const sink_delta *delta, cs_code code, cs_error *err);
static cs_code decide(sink_delta *delta, const cs_commit *commit, bool *done, cs_error *err);
static cs_code judge_below(sink_delta *delta, int64_t at_version, cs_error *err);
static cs_code check_identity(const sink_delta *delta, const cs_plan *plan, cs_error *err);
static cs_code check_stream(sink_delta *delta, const cs_plan *plan, bool *done, cs_error *err);
static cs_code check_others(const sink_delta *delta, const cs_commit *commit, cs_error *err);
static cs_code check_fit(sink_delta *delta, const cs_plan *plan, cs_error *err);
static cs_code write_lines(sink_delta *delta, const cs_commit *commit, const char *attempt, cs_error *err);
static cs_code lost(sink_delta *delta, uint64_t batch, cs_commit_result *out, cs_error *err);
static cs_uuid table_id_of(const cs_delta_log *log);

const cs_sink_ops cs_sink_delta_ops = {
    .name = "delta append",
    .open = delta_open,
    .state = delta_state,
    .commit = delta_commit,
    .check = delta_check,
    .sync = delta_sync,
    .clean = delta_clean,
    .close = delta_close,
};

static cs_code delta_open(const cs_sink_env *env, cs_sink **out, cs_error *err)
{
    sink_delta *delta = cs_xcalloc(1, sizeof *delta);
    delta->sink.ops = &cs_sink_delta_ops;
    delta->env = *env;
    delta->below_version = -1;
    delta->looked_version = -1;
    delta->clean = CS_DELTA_CLEAN_INIT;
    cs_uuid_text(&env->stream, delta->stream);
    delta->stream_hash = cs_uuid_stream_hash(&env->stream);
    cs_delta_stream_digest_id(&env->stream, env->source_hash, delta->digest_id);
    cs_code code = at_table(delta, cs_delta_log_open(env->table, &delta->log, err), err);
    if (code != CS_OK) {
        delta_close(&delta->sink);
        return code;
    }
    *out = &delta->sink;
    return CS_OK;
}

static cs_code delta_state(cs_sink *sink, cs_arena *arena, cs_sink_state *out, cs_error *err)
{
    sink_delta *delta = (sink_delta *)sink;
    return at_table(delta, read_state(delta, arena, out, err), err);
}

static cs_code delta_commit(cs_sink *sink, const cs_commit *commit, cs_commit_result *out, cs_error *err)
{
    sink_delta *delta = (sink_delta *)sink;
    return at_table(delta, try_commit(delta, commit, out, err), err);
}

static cs_code delta_check(cs_sink *sink, const cs_part_info *part, cs_error *err)
{
    const sink_delta *delta = (const sink_delta *)sink;
    cs_delta_parquet parquet;
    cs_code code = cs_delta_parquet_open(delta->env.table, part->path, &parquet, err);
    if (code == CS_E_NOT_FOUND)
        return cs_error_set(err, CS_E_MISSING_FILE,
                            "part %.*s is not in the table folder: its worker writes to another folder",
                            CS_STR_ARG(part->path));
    CS_TRY(code);
    if (parquet.input.size_bytes != part->size_bytes)
        code = cs_error_set(err, CS_E_DAMAGED_PARQUET, "part %.*s has %llu bytes, its worker wrote %llu",
                            CS_STR_ARG(part->path), (unsigned long long)parquet.input.size_bytes,
                            (unsigned long long)part->size_bytes);
    else
        code = cs_parquet_check(parquet.input, part->rows, err);
    cs_delta_parquet_close(&parquet);
    return code;
}

static cs_code delta_sync(cs_sink *sink, cs_error *err)
{
    return cs_delta_log_sync(((sink_delta *)sink)->log, err);
}

static cs_code delta_clean(cs_sink *sink, int64_t committed, uint64_t *removed, cs_error *err)
{
    sink_delta *delta = (sink_delta *)sink;
    CS_TRY(look(delta, err));
    /* What the table itself does not hold as committed is not cleaned, whatever the caller believes. */
    const cs_delta_log_txn *ours = cs_delta_log_find_txn(delta->log, cs_str_of(delta->stream));
    int64_t in_table = ours ? ours->txn.version : -1;
    return cs_delta_clean_run(&delta->clean, delta->env.table, delta->log, delta->stream_hash,
                              committed < in_table ? committed : in_table, removed, err);
}

static void delta_close(cs_sink *sink)
{
    if (!sink)
        return;
    sink_delta *delta = (sink_delta *)sink;
    cs_delta_log_close(delta->log);
    cs_buf_done(&delta->lines);
    free(delta);
}

/* The newest version, above the one that is known and still the same. */
static cs_code look(sink_delta *delta, cs_error *err)
{
    CS_TRY(cs_delta_log_check(delta->log, err));
    CS_TRY(cs_delta_log_refresh(delta->log, err));
    return warn_of_restore(delta, err);
}

/* A RESTORE keeps the txn actions, so the stream goes on behind the rows that it took out; people should know
 * which (design §5). What happened before our newest commit was told then. */
static cs_code warn_of_restore(sink_delta *delta, cs_error *err)
{
    const cs_delta_log_txn *ours = cs_delta_log_find_txn(delta->log, cs_str_of(delta->stream));
    int64_t newest = cs_delta_log_version(delta->log);
    if (!ours || ours->at_version < 0) {
        delta->looked_version = newest;
        return CS_OK;
    }
    int64_t at = ours->at_version > delta->looked_version ? ours->at_version : delta->looked_version;
    while (at < newest) {
        cs_delta_restored restored = { 0 };
        cs_code code = cs_delta_stream_restored(delta->env.table, ++at, delta->stream_hash, &restored, err);
        if (code != CS_E_NOT_FOUND) /* that JSON was cleaned up: it cannot be told any more */
            CS_TRY(code);
        delta->looked_version = at;
        if (restored.parts == 0 || !delta->env.notice)
            continue;
        char text[256];
        (void)snprintf(text, sizeof text,
                       "version %lld restored the table: it took out rows of batches %llu to %llu (%llu parts), which "
                       "this stream does not read again",
                       (long long)at, (unsigned long long)restored.first, (unsigned long long)restored.last,
                       (unsigned long long)restored.parts);
        delta->env.notice(delta->env.ctx, CS_LOG_WARN, text);
    }
    return CS_OK;
}

/* Texts of common/delta do not know the table. */
static cs_code at_table(const sink_delta *delta, cs_code code, cs_error *err)
{
    if (code == CS_OK || !err || err->place[0] != '\0')
        return code;
    cs_str table = delta->env.job->table_path;
    int64_t version = delta->log ? cs_delta_log_version(delta->log) : -1;
    if (version < 0)
        cs_error_place(err, "table %.*s", CS_STR_ARG(table));
    else
        cs_error_place(err, "table %.*s, version %lld", CS_STR_ARG(table), (long long)version);
    return code;
}

static cs_code read_state(sink_delta *delta, cs_arena *arena, cs_sink_state *out, cs_error *err)
{
    cs_delta_log *log = delta->log;
    CS_TRY(look(delta, err));
    const cs_job *job = delta->env.job;
    cs_sink_state state = { .version = cs_delta_log_version(log), .batch = -1, .below_ok = true };
    cs_schema columns = job->schema;
    const cs_delta_metadata *metadata = NULL;
    if (state.version >= 0) {
        CS_TRY(cs_delta_fit_table(log, err));
        CS_TRY(cs_delta_fit_columns(cs_delta_log_schema(log), &job->schema, arena, &columns, err));
        metadata = cs_delta_log_metadata(log);
        state.table_exists = true;
        state.table_id = table_id_of(log);
        const cs_delta_log_txn *ours = cs_delta_log_find_txn(log, cs_str_of(delta->stream));
        if (ours) {
            state.batch = ours->txn.version;
            CS_TRY(judge_below(delta, ours->at_version, err));
            state.below_ok = delta->below_ok;
        }
        const cs_delta_txn *digest = cs_delta_stream_digest(delta->log, &delta->env.stream);
        state.has_digest = digest != NULL;
        state.digest63 = digest ? digest->version : 0;
        state.others =
            cs_delta_stream_others(log, &delta->env.stream, delta->env.source_hash, arena, &state.n_others);
    } else {
        CS_TRY(cs_schema_check_table(&columns, err));
    }
    state.codec = cs_delta_fit_codec(metadata, job->compression);
    cs_buf text = CS_BUF_INIT;
    cs_schema_print_json(&columns, &text);
    cs_code code = cs_buf_check(&text, err);
    if (code == CS_OK)
        state.write_schema = cs_arena_str(arena, cs_buf_str(&text));
    cs_buf_done(&text);
    CS_TRY(code);
    *out = state;
    return CS_OK;
}

static cs_code try_commit(sink_delta *delta, const cs_commit *commit, cs_commit_result *out, cs_error *err)
{
    cs_delta_log *log = delta->log;
    CS_FAULT("commit.before_check");
    CS_TRY(look(delta, err));
    bool done = false;
    CS_TRY(decide(delta, commit, &done, err));
    if (done) {
        CS_TRY(cs_delta_log_sync(log, err));
        delta->losses = 0;
        CS_FAULT("commit.after");
        *out = (cs_commit_result){ .version = cs_delta_log_version(log), .was_there = true };
        return CS_OK;
    }
    cs_uuid attempt = cs_uuid_v4(delta->env.rng);
    char attempt_text[CS_UUID_TEXT_LEN + 1], tag[CS_UUID_TEXT_LEN + 16];
    cs_uuid_text(&attempt, attempt_text);
    (void)snprintf(tag, sizeof tag, "%08x.%s", delta->stream_hash, attempt_text);
    CS_TRY(write_lines(delta, commit, attempt_text, err));
    CS_FAULT("commit.before_put");
    cs_code code = cs_delta_log_commit(log, cs_str_of(tag), cs_buf_str(&delta->lines), err);
    if (code == CS_E_EXISTS)
        return lost(delta, commit->plan->batch, out, err);
    CS_TRY(code);
    CS_FAULT("commit.after");
    delta->losses = 0;
    delta->below_version = cs_delta_log_version(log);
    delta->below_ok = true;
    delta->looked_version = delta->below_version;
    *out = (cs_commit_result){ .version = delta->below_version };
    return CS_OK;
}

/* What stands at the newest version decides: *done, go on (CS_OK), or stop. */
static cs_code decide(sink_delta *delta, const cs_commit *commit, bool *done, cs_error *err)
{
    const cs_plan *plan = commit->plan;
    CS_TRY(check_identity(delta, plan, err));
    if (cs_delta_log_version(delta->log) < 0)
        return CS_OK;
    CS_TRY(check_stream(delta, plan, done, err));
    if (*done)
        return CS_OK;
    CS_TRY(check_others(delta, commit, err));
    return check_fit(delta, plan, err);
}

/* Once per carrying version: state is asked for before every batch. */
static cs_code judge_below(sink_delta *delta, int64_t at_version, cs_error *err)
{
    if (at_version >= 0 && at_version == delta->below_version)
        return CS_OK;
    CS_TRY(cs_delta_stream_below(delta->env.table, delta->log, &delta->env.stream, &delta->below_ok, err));
    delta->below_version = at_version;
    return CS_OK;
}

static cs_code check_identity(const sink_delta *delta, const cs_plan *plan, cs_error *err)
{
    char want[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&plan->table_id, want);
    if (cs_delta_log_version(delta->log) < 0) {
        if (plan->batch == 0)
            return CS_OK;
        return cs_error_set(err, CS_E_TABLE_REPLACED, "table was replaced: there is none now (its id was %s)", want);
    }
    cs_uuid id = table_id_of(delta->log);
    if (cs_uuid_eq(&id, &plan->table_id))
        return CS_OK;
    if (plan->batch == 0 && !cs_delta_log_find_txn(delta->log, cs_str_of(delta->stream)))
        return cs_error_set(err, CS_E_EXISTS, "another writer made the table before batch 0 could");
    return cs_error_set(err, CS_E_TABLE_REPLACED, "table was replaced (id %.*s, was %s)",
                        CS_STR_ARG(cs_delta_log_metadata(delta->log)->id), want);
}

static cs_code check_stream(sink_delta *delta, const cs_plan *plan, bool *done, cs_error *err)
{
    const cs_delta_log_txn *ours = cs_delta_log_find_txn(delta->log, cs_str_of(delta->stream));
    int64_t batch = (int64_t)plan->batch, in_table = ours ? ours->txn.version : -1;
    if (in_table == batch - 1)
        return CS_OK;
    if (in_table < batch)
        return cs_error_set(err, CS_E_TABLE_REPLACED,
                            "table was replaced: its newest batch of stream %s is %lld, while %lld was committed",
                            delta->stream, (long long)in_table, (long long)batch - 1);
    const cs_delta_txn *digest = cs_delta_stream_digest(delta->log, &delta->env.stream);
    bool same = digest && digest->version == cs_digest63(&plan->digest);
    if (in_table == batch && (same || CS_MUTANT("digest_not_compared"))) {
        *done = true;
        return CS_OK;
    }
    cs_error_set(err, CS_E_CONFLICT, "stream %s already committed batch %lld%s", delta->stream,
                 (long long)in_table, in_table == batch ? " with other content" : "");
    cs_error_hint(err, "another coordinator runs on a copy of this checkpoint, or this checkpoint is older than the "
                       "table");
    return CS_E_CONFLICT;
}

static cs_code check_others(const sink_delta *delta, const cs_commit *commit, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    size_t n;
    const cs_sink_other *others =
        cs_delta_stream_others(delta->log, &delta->env.stream, delta->env.source_hash, &arena, &n);
    cs_code code = CS_OK;
    for (size_t i = 0; code == CS_OK && i < n; i++) {
        bool accepted = false;
        for (size_t j = 0; !accepted && j < commit->n_accepted; j++)
            accepted = commit->accepted[j].batch == others[i].batch &&
                       cs_uuid_eq(&commit->accepted[j].stream, &others[i].stream);
        if (accepted)
            continue;
        char text[CS_UUID_TEXT_LEN + 1];
        cs_uuid_text(&others[i].stream, text);
        code = cs_error_set(err, CS_E_CONFLICT,
                            "stream %s reads the same source into this table (its newest batch is %lld)", text,
                            (long long)others[i].batch);
    }
    cs_arena_done(&arena);
    return code;
}

/* Anew whenever protocol, metadata or the columns of the parts are not the ones that were judged last. */
static cs_code check_fit(sink_delta *delta, const cs_plan *plan, cs_error *err)
{
    uint64_t generation = cs_delta_log_generation(delta->log);
    uint64_t schema_hash = cs_hash64(plan->write_schema.ptr, plan->write_schema.len);
    if (delta->fits_generation == generation && delta->fits_schema == schema_hash)
        return CS_OK;
    CS_TRY(cs_delta_fit_table(delta->log, err));
    cs_arena arena = CS_ARENA_INIT;
    cs_schema planned, fitted;
    cs_code code = cs_schema_parse_json(plan->write_schema, &arena, &planned, err);
    if (code == CS_OK)
        code = cs_delta_fit_columns(cs_delta_log_schema(delta->log), &planned, &arena, &fitted, err);
    for (size_t i = 0; code == CS_OK && i < planned.n_fields; i++) {
        if (!cs_str_eq(planned.fields[i].name, fitted.fields[i].name))
            code = cs_error_set(err, CS_E_SCHEMA_MISMATCH, "column %.*s: the table now spells it %.*s",
                                CS_STR_ARG(planned.fields[i].name), CS_STR_ARG(fitted.fields[i].name));
    }
    cs_arena_done(&arena);
    if (code == CS_OK) {
        delta->fits_generation = generation;
        delta->fits_schema = schema_hash;
    }
    return code;
}

static cs_code write_start(sink_delta *delta, const cs_plan *plan, int64_t now_ms, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_schema schema;
    cs_code code = cs_schema_parse_json(plan->write_schema, &arena, &schema, err);
    if (code == CS_OK)
        code = cs_schema_check_table(&schema, err);
    if (code == CS_OK) {
        char id[CS_UUID_TEXT_LEN + 1];
        cs_uuid_text(&plan->table_id, id);
        cs_delta_protocol protocol = cs_delta_protocol_for(&schema);
        cs_delta_metadata metadata = {
            .id = cs_str_of(id),
            .provider = CS_STR("parquet"),
            .schema_text = plan->write_schema,
            .created_ms = now_ms,
        };
        cs_delta_print_protocol(&delta->lines, &protocol);
        cs_delta_print_metadata(&delta->lines, &metadata);
    }
    cs_arena_done(&arena);
    return code;
}

static void write_info(sink_delta *delta, const cs_commit *commit, const char *attempt, int64_t now_ms,
                       const cs_sha256 *below)
{
    const cs_plan *plan = commit->plan;
    cs_arena arena = CS_ARENA_INIT;
    char digest[2 * CS_SHA256_LEN + 1], below_hex[2 * CS_SHA256_LEN + 1] = "";
    cs_hex(digest, plan->digest.bytes, CS_SHA256_LEN);
    if (below)
        cs_hex(below_hex, below->bytes, CS_SHA256_LEN);
    cs_str *sources = cs_arena_array(&arena, cs_str, plan->n_files);
    for (uint32_t i = 0; i < plan->n_files; i++)
        sources[i] = plan->files[i].path;
    int64_t version = cs_delta_log_version(delta->log);
    cs_delta_append_info info = {
        .timestamp_ms = now_ms,
        .in_commit_timestamp = version >= 0 && cs_delta_has_commit_timestamps(cs_delta_log_protocol(delta->log),
                                                                              cs_delta_log_metadata(delta->log)),
        .query_id = cs_str_of(delta->stream),
        .batch = plan->batch,
        .read_version = version,
        .n_files = commit->n_parts,
        .rows = commit->rows,
        .txn_id = cs_str_of(attempt),
        .digest = cs_str_of(digest),
        .below = cs_str_of(below_hex),
        .sources = sources,
        .n_sources = plan->n_files,
    };
    for (size_t i = 0; i < commit->n_parts; i++)
        info.bytes += commit->parts[i].size_bytes;
    cs_delta_print_append_info(&delta->lines, &info);
    cs_arena_done(&arena);
}

static void write_add(sink_delta *delta, const cs_part_info *part, cs_buf *path)
{
    cs_buf_clear(path);
    cs_delta_path_encode(part->path, path);
    cs_delta_add add = {
        .path = cs_buf_str(path),
        .size_bytes = (int64_t)part->size_bytes,
        .modified_ms = part->modified_ms,
        .stats = part->stats_json,
    };
    cs_delta_print_add(&delta->lines, &add);
}

static cs_code write_lines(sink_delta *delta, const cs_commit *commit, const char *attempt, cs_error *err)
{
    const cs_plan *plan = commit->plan;
    int64_t now_ms = cs_clock_wall_us(delta->env.clock) / 1000;
    int64_t before_ms = cs_delta_log_timestamp_ms(delta->log);
    if (now_ms <= before_ms)
        now_ms = before_ms + 1;
    bool has_below;
    cs_sha256 below;
    CS_TRY(cs_delta_log_sha256(delta->log, &has_below, &below, err));
    cs_buf_clear(&delta->lines);
    write_info(delta, commit, attempt, now_ms, has_below ? &below : NULL);
    if (cs_delta_log_version(delta->log) < 0)
        CS_TRY(write_start(delta, plan, now_ms, err));
    cs_delta_txn batch = { cs_str_of(delta->stream), (int64_t)plan->batch, now_ms };
    cs_delta_txn digest = { cs_str_of(delta->digest_id), cs_digest63(&plan->digest), now_ms };
    cs_delta_print_txn(&delta->lines, &batch);
    cs_delta_print_txn(&delta->lines, &digest);
    cs_buf path = CS_BUF_INIT;
    for (size_t i = 0; i < commit->n_parts; i++)
        write_add(delta, &commit->parts[i], &path);
    cs_code code = cs_buf_check(&path, err);
    cs_buf_done(&path);
    CS_TRY(code);
    return cs_buf_check(&delta->lines, err);
}

/* Full jitter: two writers that met once shall not meet again in step. */
static cs_code lost(sink_delta *delta, uint64_t batch, cs_commit_result *out, cs_error *err)
{
    int64_t now_ms = cs_clock_mono_ms(delta->env.clock);
    if (delta->losses == 0 || delta->losing_batch != batch) {
        delta->losing_batch = batch;
        delta->losses = 0;
        delta->losing_since_ms = now_ms;
    }
    delta->losses++;
    int64_t lost_ms = now_ms - delta->losing_since_ms;
    if (lost_ms > delta->env.job->commit_timeout_ms)
        return cs_error_set(err, CS_E_CONTENTION, "commit lost the race %llu times in %lld s",
                            (unsigned long long)delta->losses, (long long)lost_ms / 1000);
    out->wait_ms = 1 + (int64_t)cs_rng_below(delta->env.rng, WAIT_MS_MAX);
    return cs_error_set(err, CS_E_AGAIN, "version %lld was taken by another writer",
                        (long long)cs_delta_log_version(delta->log) + 1);
}

/* An id that is no UUID (other writers may choose any text) stands in by its hash. */
static cs_uuid table_id_of(const cs_delta_log *log)
{
    cs_str text = cs_delta_log_metadata(log)->id;
    cs_uuid id;
    if (!cs_uuid_parse(text, &id)) {
        cs_hash128 hash = cs_hash128_of(text.ptr, text.len);
        memcpy(id.bytes, &hash, sizeof id.bytes);
    }
    return id;
}
