/* The effects of one job: everything that its batch machine wants from checkpoint, source and sink,
 * through the doors only. Run by the job's I/O thread, or by the simulator. Not thread-safe: one
 * user. */
#ifndef CS_COORDINATOR_QUERY_IO_H
#define CS_COORDINATOR_QUERY_IO_H

#include "coordinator/batch.h"
#include "coordinator/checkpoint/checkpoint.h"

typedef struct cs_query_io_env {
    const cs_job *job; /* as submitted now; borrowed, like all below but kv */
    cs_store *source;  /* the source root */
    cs_store *table;   /* the table root; need not exist yet */
    cs_kv *kv; /* given: closed with the cs_query_io, which lets go of the checkpoint's lock */
    cs_clock *clock;
    cs_rng *rng;
    void *ctx;
    /* Something people should know. Called in the thread that runs cs_query_io. Text is escaped. */
    void (*notice)(void *ctx, cs_log_level level, const char *text);
} cs_query_io_env;

typedef struct cs_query_io cs_query_io;

/* Which files a job takes, as a hash: names its digest in the table, so that another stream that
 * takes the same ones is noticed. */
uint64_t cs_query_source_hash(const cs_job *job);
/* Touches nothing yet: that is CS_BATCH_RECOVER's part. */
cs_query_io *cs_query_io_new(const cs_query_io_env *env);
void cs_query_io_free(cs_query_io *io);
/* A name that inotify told of; empty: look at everything. Call before running the LIST that it
 * shall steer. */
void cs_query_io_hint(cs_query_io *io, cs_str name, bool closed);
/* Carries out one I/O action and fills the event that answers it (CS_BATCH_IO_FAILED with the
 * error, when it failed). Never blocks but in the doors. */
void cs_query_io_run(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event);

#endif
