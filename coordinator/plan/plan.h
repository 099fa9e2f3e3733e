/* The plan of a batch: the immutable list of files, splits and tasks, with what it needs to run
 * again alike. This header is the one thing that all stages share. */
#ifndef CS_COORDINATOR_PLAN_PLAN_H
#define CS_COORDINATOR_PLAN_PLAN_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/hash.h"
#include "common/base/uuid.h"
#include "common/conf/job.h"
#include "common/store/store.h"

/* One new unit of the source (a file now), as discovered. */
typedef struct cs_source_file {
    cs_str path; /* relative to the source root: the seen key */
    cs_content_version version;
} cs_source_file;

typedef struct cs_split {
    uint32_t file; /* index in plan->files */
    bool by_records;
    uint64_t begin, end;
} cs_split;

typedef struct cs_plan_task {
    uint32_t first_split, n_splits; /* in plan->splits */
    uint64_t bytes;
} cs_plan_task;

typedef struct cs_plan {
    cs_arena arena; /* owns all below */
    uint64_t batch;
    cs_str options; /* canonical text: a replay uses these, not today's */
    int64_t batch_time_us;
    cs_uuid table_id;    /* T */
    cs_str write_schema; /* JSON */
    uint32_t codec;      /* cs_codec of the parts: a replay writes alike */
    cs_source_file *files;
    uint32_t n_files;
    cs_split *splits;
    uint32_t n_splits;
    cs_plan_task *tasks;
    uint32_t n_tasks;
    uint64_t bytes; /* of input */
    cs_sha256 digest_before; /* D_{B-1} */
    cs_sha256 digest;        /* D_B = SHA-256(D_{B-1} || plan of B) */
} cs_plan;

/* Files → splits → tasks. Large files are cut by byte range when the format allows it
 * (`splittable`), small ones packed; tasks hold at most CS_TASK_SPLITS_MAX splits and
 * CS_TASK_SPLIT_BYTES_MAX of packed splits; `workers` only steers how far a batch is spread. Copies
 * everything into the plan. */
typedef struct cs_plan_input {
    uint64_t batch;
    const cs_job *job;
    cs_str options;
    int64_t batch_time_us;
    cs_uuid table_id;
    cs_str write_schema;
    uint32_t codec;
    const cs_source_file *files;
    uint32_t n_files;
    bool splittable;
    uint32_t workers;
    const cs_sha256 *digest_before;
} cs_plan_input;
CS_MUST_USE cs_code cs_plan_make(const cs_plan_input *input, cs_plan **out, cs_error *err);
void cs_plan_free(cs_plan *plan);

/* D_-1, the digest before the first batch: chained from S. */
cs_sha256 cs_plan_digest_start(const cs_uuid *stream);
/* First 8 bytes of D, big-endian: names the plan on the wire. */
uint64_t cs_digest8(const cs_sha256 *digest);
/* First 63 bits of D: the version of the digest txn. */
int64_t cs_digest63(const cs_sha256 *digest);

/* The plan as a sequence of stored chunks (seq 0, 1, …), each at most about CS_PLAN_CHUNK_BYTES,
 * and back. The same bytes feed the digest. */
typedef cs_code (*cs_plan_chunk_fn)(void *ctx, uint32_t seq, cs_str bytes, cs_error *err);
CS_MUST_USE cs_code cs_plan_write(const cs_plan *plan, cs_plan_chunk_fn chunk, void *ctx,
                                  cs_error *err);
typedef struct cs_plan_builder cs_plan_builder;
cs_plan_builder *cs_plan_builder_new(const cs_sha256 *digest_before);
CS_MUST_USE cs_code cs_plan_builder_add(cs_plan_builder *builder, cs_str chunk, cs_error *err);
/* Checks counts and computes the digest. Frees the builder in any case. */
CS_MUST_USE cs_code cs_plan_builder_end(cs_plan_builder *builder, cs_plan **out, cs_error *err);
void cs_plan_builder_free(cs_plan_builder *builder);

#endif
