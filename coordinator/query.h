/* One running stream, as the loop's thread sees it: the only place that wires the stages of a job.
 * It owns the batch machine and the I/O thread; dispatch is shared by all queries.
 *
 * Everything here belongs to the loop's thread and touches no file. */
#ifndef CS_COORDINATOR_QUERY_H
#define CS_COORDINATOR_QUERY_H

#include "common/wire/net.h"
#include "coordinator/batch.h"
#include "coordinator/dispatch/dispatch.h"

typedef enum cs_query_event_kind {
    CS_QUERY_EVENT_STARTED, /* stream, epoch */
    CS_QUERY_EVENT_BATCH,   /* report */
    CS_QUERY_EVENT_NOTICE,  /* level, text */
    /* error (NULL: finished, or stopped gracefully), batches; the last one */
    CS_QUERY_EVENT_ENDED
} cs_query_event_kind;

/* All pointers are borrowed during the call. */
typedef struct cs_query_event {
    cs_query_event_kind kind;
    cs_uuid stream;
    uint64_t epoch;
    const cs_batch_report *report;
    cs_log_level level;
    const char *text;
    const cs_error *error;
    uint64_t batches;
} cs_query_event;

typedef struct cs_query_env {
    cs_net *net;
    cs_clock *clock;
    const char *checker; /* path of this program */
    cs_dispatch *dispatch;
    cs_dispatch_actions *dispatch_actions; /* where what dispatch answers to us is added */
    void *ctx;
    void (*event)(void *ctx, cs_job_id job, const cs_query_event *event);
} cs_query_env;

typedef struct cs_query cs_query;

/* env and job are borrowed until the query is freed. */
CS_MUST_USE cs_code cs_query_start(const cs_query_env *env, cs_job_id id, const cs_job *job,
                                   cs_query **out, cs_error *err);
cs_socket *cs_query_link(cs_query *query);
/* The link has something. */
void cs_query_on_link(cs_query *query);
/* From dispatch. */
void cs_query_task_acked(cs_query *query, uint32_t task, const cs_task_result *result);
void cs_query_tasks_failed(cs_query *query, const cs_error *error);
void cs_query_workers(cs_query *query, uint32_t workers);
/* Graceful: after the running batch. Now: ENDED is told at once, the I/O thread ends when it
 * can. */
void cs_query_stop(cs_query *query, bool now);
int64_t cs_query_deadline(const cs_query *query);
void cs_query_tick(cs_query *query);
/* The I/O thread is gone and ENDED was told. */
bool cs_query_is_over(const cs_query *query);
/* Only when it is over. */
void cs_query_free(cs_query *query);

#endif
