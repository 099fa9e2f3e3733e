/* A source: what is new since the last batch. One file per kind and one line in the registry
 * (source.c). */
#ifndef CS_COORDINATOR_DISCOVER_SOURCE_H
#define CS_COORDINATOR_DISCOVER_SOURCE_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/plan/plan.h"

/* What the checkpoint knows of a file. */
typedef enum cs_seen { CS_SEEN_NEW, CS_SEEN_SAME, CS_SEEN_CHANGED } cs_seen;

typedef struct cs_source_env {
    const cs_job *job;
    cs_store *store; /* the source root */
    cs_clock *clock;
    void *ctx;
    /* Asked of the checkpoint. *known: the version seen before, when CHANGED. */
    cs_code (*seen)(void *ctx, const cs_source_file *file, cs_seen *out, cs_content_version *known,
                    cs_error *err);
    /* A changed file was reported: remember it so that it is reported once per change. */
    cs_code (*changed)(void *ctx, const cs_source_file *file, cs_error *err);
    /* Something people should know, once: a skipped symlink, a changed file. Text is escaped. */
    void (*notice)(void *ctx, cs_log_level level, const char *text);
} cs_source_env;

typedef struct cs_source_counts {
    uint64_t hidden, symlinks, others, changed, held_back, backlog; /* of the last look */
} cs_source_counts;

typedef struct cs_source cs_source;
typedef struct cs_source_ops {
    const char *format_scheme; /* "dir" */
    cs_code (*open)(const cs_source_env *env, cs_source **out, cs_error *err);
    /* A hint from inotify: this name appeared or was closed by its writer. Cheap, no I/O. name
     * empty: look at everything (queue overflow, start). */
    void (*hint)(cs_source *source, cs_str name, bool closed);
    /* Looks for what is new (hinted names, or a full listing when due, or when `full`) and takes at
     * most the job's limits in order of (mtime, path). files live in `arena`. n = 0: nothing new.
     * *again_ms: when to look again at the latest (held-back files, periodic listing). */
    cs_code (*list)(cs_source *source, bool full, cs_arena *arena, cs_source_file **files,
                    uint32_t *n, int64_t *again_ms, cs_error *err);
    /* These files were planned durably: forget them. */
    void (*planned)(cs_source *source, const cs_plan *plan);
    cs_source_counts (*counts)(const cs_source *source);
    void (*close)(cs_source *source);
} cs_source_ops;
struct cs_source {
    const cs_source_ops *ops;
};

CS_MUST_USE cs_code cs_source_open(const cs_source_env *env, cs_source **out, cs_error *err);

#endif
