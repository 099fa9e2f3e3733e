/* A sink: where a batch becomes visible, exactly once. One file per kind and mode, one line in the registry
 * (sink.c). */
#ifndef CS_COORDINATOR_COMMIT_SINK_H
#define CS_COORDINATOR_COMMIT_SINK_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/codec.h"
#include "common/store/store.h"
#include "coordinator/plan/plan.h"

/* One part as a worker acked it. */
typedef struct cs_part_info {
    cs_str path; /* relative to the table, not percent-encoded */
    uint64_t size_bytes;
    uint64_t rows;
    int64_t modified_ms;
    uint64_t checksum;
    cs_str stats_json;
} cs_part_info;

typedef struct cs_sink_env {
    const cs_job *job;
    cs_store *table;   /* the table root */
    cs_clock *clock;
    cs_rng *rng;
    cs_uuid stream;    /* S */
    uint64_t source_hash; /* hash16 of source root and globs: names the digest txn */
    void *ctx;
    void (*notice)(void *ctx, cs_log_level level, const char *text); /* may be NULL */
} cs_sink_env;

/* Another stream's digest txn of this source root in the table. */
typedef struct cs_sink_other {
    cs_uuid stream;
    int64_t batch; /* its txn version, -1 if it has none */
} cs_sink_other;

/* What the table says about our stream (design §5). */
typedef struct cs_sink_state {
    bool table_exists;
    cs_uuid table_id;
    int64_t version;     /* -1: no table */
    int64_t batch;       /* X = txn[S], -1: absent */
    bool has_digest;
    int64_t digest63;
    bool below_ok;       /* the version that carries X names the SHA-256 of the V.json below it (true when it
                            cannot be told any more: the JSON is gone) */
    const cs_sink_other *others;
    size_t n_others;
    cs_str write_schema; /* JSON of the columns of a part: the job's, in the table's spelling */
    cs_codec codec;      /* by the table's property or the job */
} cs_sink_state;

typedef struct cs_commit {
    const cs_plan *plan;
    const cs_part_info *parts;
    size_t n_parts;
    uint64_t rows;
    const cs_sink_other *accepted; /* other streams that this checkpoint accepted */
    size_t n_accepted;
} cs_commit;

typedef struct cs_commit_result {
    int64_t version;
    bool was_there; /* our own earlier commit was found */
    int64_t wait_ms; /* with CS_E_AGAIN: how long to stay away before the next call */
} cs_commit_result;

typedef struct cs_sink cs_sink;
typedef struct cs_sink_ops {
    const char *name; /* "delta append" */
    cs_code (*open)(const cs_sink_env *env, cs_sink **out, cs_error *err);
    /* Reads the table anew as far as it changed. Strings live in `arena`. */
    cs_code (*state)(cs_sink *sink, cs_arena *arena, cs_sink_state *out, cs_error *err);
    /* Step 6. Idempotent. The parts have been checked by check. A sink never sleeps. Codes beside failures of
     * the store (whose outcome is unknown: call commit again, it reads back first):
     *   CS_E_AGAIN       somebody else took the version: wait out->wait_ms, call again; CS_E_CONTENTION after
     *                    job->commit_timeout_ms of that
     *   CS_E_EXISTS      this batch was to make the table, and another made it: plan the batch anew
     *   CS_E_CONFLICT    something else writes this stream, or another stream this source: stop
     *   CS_E_TABLE_REPLACED, CS_E_SCHEMA_MISMATCH, CS_E_UNSUPPORTED: the table is no longer the one that was
     *                    planned for: stop */
    cs_code (*commit)(cs_sink *sink, const cs_commit *commit, cs_commit_result *out, cs_error *err);
    /* Opens the part beneath the table root: size and footer as acked; else the ack is refused. */
    cs_code (*check)(cs_sink *sink, const cs_part_info *part, cs_error *err);
    /* Makes "already committed" certain: fsync of the log folder. */
    cs_code (*sync)(cs_sink *sink, cs_error *err);
    /* Temporaries of S, and parts of S with batch <= committed that the log does not name. */
    cs_code (*clean)(cs_sink *sink, int64_t committed, uint64_t *removed, cs_error *err);
    void (*close)(cs_sink *sink);
} cs_sink_ops;
struct cs_sink {
    const cs_sink_ops *ops;
};

CS_MUST_USE cs_code cs_sink_open(const cs_sink_env *env, cs_sink **out, cs_error *err);

#endif
