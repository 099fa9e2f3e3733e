/* The tasks of one job's batch: which wait, which are out, which are done, and when enough is
 * enough. Used by dispatch.c alone. */
#ifndef CS_COORDINATOR_DISPATCH_JOB_TASKS_H
#define CS_COORDINATOR_DISPATCH_JOB_TASKS_H

#include "coordinator/dispatch/dispatch.h"

typedef struct cs_job_task cs_job_task;

typedef struct cs_job_tasks {
    cs_dispatch_job spec;
    cs_job_task *tasks;
    uint32_t n_done;
    uint32_t cursor;          /* no task before it waits */
    int64_t retry_at;         /* the earliest back-off that ends */
    int64_t no_workers_since; /* INT64_MAX: there are some, or nothing is left to do */
} cs_job_tasks;

/* What became of a task. */
typedef enum cs_task_fate {
    CS_TASK_GOES_ON, /* nothing to do: it waits for another attempt, is out elsewhere or done */
    CS_TASK_FAILS    /* and its job with it: error is set */
} cs_task_fate;

typedef enum cs_answer_verdict {
    CS_ANSWER_WELCOME,
    CS_ANSWER_DOUBLE, /* of the attempt that was accepted already */
    CS_ANSWER_STALE
} cs_answer_verdict;

cs_job_tasks *cs_job_tasks_new(const cs_dispatch_job *spec);
void cs_job_tasks_free(cs_job_tasks *job);
bool cs_job_tasks_all_done(const cs_job_tasks *job);

/* Is it this batch in this epoch? Then key->task is in range. */
bool cs_job_tasks_owns(const cs_job_tasks *job, const cs_task_key *key);
cs_answer_verdict cs_job_tasks_judge(const cs_job_tasks *job, const cs_task_key *key);

/* A waiting task whose back-off is over; false: none. */
bool cs_job_tasks_next(cs_job_tasks *job, int64_t now_ms, uint32_t *task);
/* Where its last attempt went; NULL: nowhere yet. */
const cs_peer *cs_job_tasks_last(const cs_job_tasks *job, uint32_t task);
/* A new attempt goes to this worker. */
cs_task_key cs_job_tasks_give(cs_job_tasks *job, uint32_t task, const cs_peer *peer);
/* A worker came back with this attempt in hand, which is welcome. */
void cs_job_tasks_adopt(cs_job_tasks *job, uint32_t task, const cs_peer *peer);
/* The answer to a welcome key came. */
void cs_job_tasks_accept(cs_job_tasks *job, uint32_t task);
cs_task_fate cs_job_tasks_nack(cs_job_tasks *job, uint32_t task, const cs_error *why,
                               uint32_t workers, int64_t now_ms, cs_error *error);
/* The coordinator refuses what it had accepted. */
cs_task_fate cs_job_tasks_refuse(cs_job_tasks *job, uint32_t task, const cs_error *why,
                                 int64_t now_ms, cs_error *error);
/* The lease of the current attempt is over. Until the next attempt is given, its answer is still
 * welcome. */
cs_task_fate cs_job_tasks_expire(cs_job_tasks *job, uint32_t task, cs_error *error);
/* The worker that had this attempt is no more. */
cs_task_fate cs_job_tasks_worker_died(cs_job_tasks *job, const cs_task_key *key, cs_error *error);
/* The worker gave this attempt back, or never had it. */
void cs_job_tasks_back(cs_job_tasks *job, uint32_t task);

#endif
