#include "coordinator/dispatch/job_tasks.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "common/base/limits.h"

#define BACK_OFF_FIRST_MS 100
#define BACK_OFF_MOST_MS 5000
#define FILES_NAMED_MAX 5

typedef enum task_state { TASK_WAITING, TASK_OUT, TASK_DONE } task_state;

struct cs_job_task {
    task_state state;
    bool open;        /* the answer of the current attempt is welcome */
    uint8_t killed;   /* workers that ended with it in hand */
    uint32_t attempt; /* 0: none yet */
    uint32_t counted; /* attempts that count against the limit */
    uint32_t missing; /* workers that did not find the file */
    uint32_t back_off_ms;
    int64_t not_before;
    int64_t disk_full_since; /* INT64_MAX: no worker's disk was full */
    cs_peer last;
};

static cs_task_fate again(cs_job_tasks *job, uint32_t task, const cs_error *why, int64_t now_ms,
                          cs_error *error);
static void wait(cs_job_tasks *job, uint32_t task);
static void name_files(const cs_plan *plan, uint32_t task, char *out, size_t size);

cs_job_tasks *cs_job_tasks_new(const cs_dispatch_job *spec)
{
    cs_job_tasks *job = cs_xcalloc(1, sizeof *job);
    job->spec = *spec;
    job->retry_at = INT64_MAX;
    job->no_workers_since = INT64_MAX;
    job->tasks = cs_xcalloc(spec->plan->n_tasks, sizeof *job->tasks);
    for (uint32_t i = 0; i < spec->plan->n_tasks; i++)
        job->tasks[i].disk_full_since = INT64_MAX;
    return job;
}

void cs_job_tasks_free(cs_job_tasks *job)
{
    if (job == NULL)
        return;
    free(job->tasks);
    free(job);
}

bool cs_job_tasks_all_done(const cs_job_tasks *job)
{
    return job->n_done == job->spec.plan->n_tasks;
}

bool cs_job_tasks_owns(const cs_job_tasks *job, const cs_task_key *key)
{
    const cs_plan *plan = job->spec.plan;
    return memcmp(key->stream.bytes, job->spec.stream.bytes, sizeof key->stream.bytes) == 0 &&
           (key->epoch == job->spec.epoch || CS_MUTANT("ack_without_epoch")) &&
           key->batch == plan->batch &&
           (key->digest8 == cs_digest8(&plan->digest) || CS_MUTANT("ack_without_digest")) &&
           key->stage == 0 && key->task < plan->n_tasks;
}

cs_answer_verdict cs_job_tasks_judge(const cs_job_tasks *job, const cs_task_key *key)
{
    const cs_job_task *mine = &job->tasks[key->task];
    if (key->attempt != mine->attempt && !CS_MUTANT("ack_without_attempt"))
        return CS_ANSWER_STALE;
    if (mine->open)
        return CS_ANSWER_WELCOME;
    return mine->state == TASK_DONE ? CS_ANSWER_DOUBLE : CS_ANSWER_STALE;
}

bool cs_job_tasks_next(cs_job_tasks *job, int64_t now_ms, uint32_t *task)
{
    uint32_t n_tasks = job->spec.plan->n_tasks;
    while (job->cursor < n_tasks && job->tasks[job->cursor].state != TASK_WAITING)
        job->cursor++;
    job->retry_at = INT64_MAX;
    for (uint32_t i = job->cursor; i < n_tasks; i++) {
        const cs_job_task *mine = &job->tasks[i];
        if (mine->state != TASK_WAITING)
            continue;
        if (mine->not_before <= now_ms) {
            *task = i;
            return true;
        }
        if (mine->not_before < job->retry_at)
            job->retry_at = mine->not_before;
    }
    return false;
}

const cs_peer *cs_job_tasks_last(const cs_job_tasks *job, uint32_t task)
{
    return job->tasks[task].attempt > 0 ? &job->tasks[task].last : NULL;
}

cs_task_key cs_job_tasks_give(cs_job_tasks *job, uint32_t task, const cs_peer *peer)
{
    cs_job_task *mine = &job->tasks[task];
    assert(mine->state == TASK_WAITING);
    mine->attempt++;
    mine->counted++;
    cs_job_tasks_adopt(job, task, peer);
    return (cs_task_key){ .stream = job->spec.stream,
                          .epoch = job->spec.epoch,
                          .batch = job->spec.plan->batch,
                          .digest8 = cs_digest8(&job->spec.plan->digest),
                          .task = task,
                          .attempt = mine->attempt };
}

void cs_job_tasks_adopt(cs_job_tasks *job, uint32_t task, const cs_peer *peer)
{
    cs_job_task *mine = &job->tasks[task];
    mine->state = TASK_OUT;
    mine->open = true;
    mine->last = *peer;
}

void cs_job_tasks_accept(cs_job_tasks *job, uint32_t task)
{
    cs_job_task *mine = &job->tasks[task];
    assert(mine->open && mine->state != TASK_DONE);
    mine->state = TASK_DONE;
    mine->open = false;
    job->n_done++;
}

cs_task_fate cs_job_tasks_nack(cs_job_tasks *job, uint32_t task, const cs_error *why,
                               uint32_t workers, int64_t now_ms, cs_error *error)
{
    cs_job_task *mine = &job->tasks[task];
    if (why->code == CS_E_DISK_FULL) {
        /* Passes when somebody makes room: time is what is limited here, not attempts. */
        if (mine->disk_full_since == INT64_MAX)
            mine->disk_full_since = now_ms;
        int64_t timeout_ms = job->spec.disk_full_timeout_ms;
        if (timeout_ms >= 0 && now_ms - mine->disk_full_since >= timeout_ms) {
            *error = *why;
            return CS_TASK_FAILS;
        }
        mine->counted = 0;
        return again(job, task, why, now_ms, error);
    }
    mine->disk_full_since = INT64_MAX;
    if (why->code == CS_E_MISSING_FILE && ++mine->missing < workers)
        return again(job, task, why, now_ms, error);
    if (why->code == CS_E_MISSING_FILE) {
        *error = *why;
        cs_error_hint(error,
                      "the coordinator saw this file when it planned batch %" PRIu64
                      ": was it removed since, or do the workers not see the source folder?",
                      job->spec.plan->batch);
        return CS_TASK_FAILS;
    }
    if (!why->retriable) {
        *error = *why;
        return CS_TASK_FAILS;
    }
    return again(job, task, why, now_ms, error);
}

cs_task_fate cs_job_tasks_refuse(cs_job_tasks *job, uint32_t task, const cs_error *why,
                                 int64_t now_ms, cs_error *error)
{
    assert(job->tasks[task].state == TASK_DONE);
    job->n_done--;
    return again(job, task, why, now_ms, error);
}

cs_task_fate cs_job_tasks_expire(cs_job_tasks *job, uint32_t task, cs_error *error)
{
    cs_job_task *mine = &job->tasks[task];
    assert(mine->state == TASK_OUT);
    if (mine->counted < CS_TASK_ATTEMPTS_MAX) {
        wait(job, task);
        return CS_TASK_GOES_ON;
    }
    char files[1024];
    name_files(job->spec.plan, task, files, sizeof files);
    (void)cs_error_set(
        error, CS_E_QUERY_FAILED,
        "task %" PRIu32 " of batch %" PRIu64 " was given to workers %u times, and none got on with "
        "it for %" PRId64 " ms; its files: %s",
        task, job->spec.plan->batch, CS_TASK_ATTEMPTS_MAX, job->spec.lease_ms, files);
    return CS_TASK_FAILS; /* the code is in error */
}

cs_task_fate cs_job_tasks_worker_died(cs_job_tasks *job, const cs_task_key *key, cs_error *error)
{
    cs_job_task *mine = &job->tasks[key->task];
    if (mine->state == TASK_DONE)
        return CS_TASK_GOES_ON;
    if (mine->state == TASK_OUT && mine->attempt == key->attempt)
        wait(job, key->task);
    if (++mine->killed < CS_TASK_WORKERS_KILLED_MAX)
        return CS_TASK_GOES_ON;
    char files[1024];
    name_files(job->spec.plan, key->task, files, sizeof files);
    (void)cs_error_set(error, CS_E_QUERY_FAILED,
                       "task %" PRIu32 " of batch %" PRIu64
                       " ended %u workers (crashed, killed or out of memory); "
                       "its files: %s",
                       key->task, job->spec.plan->batch, CS_TASK_WORKERS_KILLED_MAX, files);
    return CS_TASK_FAILS; /* the code is in error */
}

void cs_job_tasks_back(cs_job_tasks *job, uint32_t task)
{
    if (job->tasks[task].state == TASK_OUT)
        wait(job, task);
}

/* Another attempt, after a while that doubles, unless there were too many. */
static cs_task_fate again(cs_job_tasks *job, uint32_t task, const cs_error *why, int64_t now_ms,
                          cs_error *error)
{
    cs_job_task *mine = &job->tasks[task];
    mine->open = false;
    if (mine->counted >= CS_TASK_ATTEMPTS_MAX) {
        *error = *why;
        (void)cs_error_set(error, why->code, "task %" PRIu32 " failed %u times, the last time: %s",
                           task, CS_TASK_ATTEMPTS_MAX, why->message); /* the code is in error */
        cs_error_place(error, "%s", why->place);
        cs_error_hint(error, "%s", why->hint);
        return CS_TASK_FAILS;
    }
    uint32_t next_ms = mine->back_off_ms == 0 ? BACK_OFF_FIRST_MS : 2 * mine->back_off_ms;
    mine->back_off_ms = next_ms < BACK_OFF_MOST_MS ? next_ms : BACK_OFF_MOST_MS;
    wait(job, task);
    mine->not_before = now_ms + mine->back_off_ms;
    return CS_TASK_GOES_ON;
}

static void wait(cs_job_tasks *job, uint32_t task)
{
    job->tasks[task].state = TASK_WAITING;
    job->tasks[task].not_before = INT64_MIN;
    if (task < job->cursor)
        job->cursor = task;
}

static void name_files(const cs_plan *plan, uint32_t task, char *out, size_t size)
{
    const cs_plan_task *mine = &plan->tasks[task];
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < mine->n_splits && len < size; i++) {
        if (i == FILES_NAMED_MAX) {
            snprintf(out + len, size - len, " and %" PRIu32 " more", mine->n_splits - i);
            return;
        }
        char name[200];
        const cs_split *split = &plan->splits[mine->first_split + i];
        cs_escape(name, sizeof name, plan->files[split->file].path);
        int more = snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", name);
        len += more > 0 ? (size_t)more : 0;
    }
}
