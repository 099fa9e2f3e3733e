/* A worker is free when nothing that it was given is unsettled. What it has in hand is believed
 * only from its own mouth: an attempt that nobody wants any more keeps it busy until a heartbeat
 * says otherwise. */
#include "coordinator/dispatch/dispatch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "coordinator/dispatch/job_tasks.h"
#include "coordinator/dispatch/worker_list.h"

/* A worker hears from us at least so often: its sign that we live, and ours (by an unreachable
 * peer) that it does not. */
#define SIGN_MS 1000
/* When nothing at all happened here for so long, although a tick was due, it was us who stood
 * still. */
#define STALL_MS (2 * SIGN_MS)

struct cs_dispatch {
    cs_dispatch_config config;
    cs_worker_list workers;
    cs_job_tasks **jobs;
    uint32_t n_jobs, cap_jobs;
    uint32_t turn; /* the job that is served next */
    int64_t stepped_at;
    cs_dispatch_counts counts;
    cs_arena scratch; /* texts and errors of the actions that are not carried out yet */
};

typedef struct step {
    cs_dispatch *dispatch;
    int64_t now_ms;
    cs_dispatch_actions *actions;
} step;

static void on_hello(step *s, const cs_dispatch_event *event);
static void on_heartbeat(step *s, const cs_dispatch_event *event);
static void on_ack(step *s, const cs_dispatch_event *event);
static void on_nack(step *s, const cs_dispatch_event *event);
static void on_bye(step *s, const cs_peer *peer);
static void on_gone(step *s, const cs_peer *peer);
static void on_tick(step *s);
static void on_stall(step *s);
static void assign(step *s);
static void fail_job(step *s, cs_job_tasks *job, const cs_error *error);
static void remove_job(step *s, cs_job_tasks *job);
static void add_worker(step *s, const cs_dispatch_event *event);
static void remove_worker(step *s, cs_worker_entry *worker);
static cs_job_tasks *find_owner(cs_dispatch *dispatch, const cs_task_key *key);
static cs_job_tasks *find_job(cs_dispatch *dispatch, cs_job_id id);
static void settle(step *s, const cs_peer *peer, const cs_task_key *key);
static void unwant(step *s, cs_worker_entry *worker);
static void send(step *s, cs_dispatch_action_kind kind, const cs_peer *peer,
                 const cs_task_key *key);
static void send_leave(step *s, const cs_peer *peer, const cs_error *reason);
static void say(step *s, cs_log_level level, cs_job_id job, const char *format, ...)
    CS_PRINTF(4, 5);
static cs_dispatch_action *act(step *s, cs_dispatch_action_kind kind);

cs_dispatch *cs_dispatch_new(const cs_dispatch_config *config)
{
    cs_dispatch *dispatch = cs_xcalloc(1, sizeof *dispatch);
    dispatch->config = *config;
    dispatch->stepped_at = INT64_MIN;
    return dispatch;
}

void cs_dispatch_free(cs_dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    cs_worker_list_done(&dispatch->workers);
    for (uint32_t i = 0; i < dispatch->n_jobs; i++)
        cs_job_tasks_free(dispatch->jobs[i]);
    free(dispatch->jobs);
    cs_arena_done(&dispatch->scratch);
    free(dispatch);
}

static step begin(cs_dispatch *dispatch, int64_t now_ms, cs_dispatch_actions *actions)
{
    step s = { dispatch, now_ms, actions };
    if (actions->count == 0)
        cs_arena_reset(&dispatch->scratch);
    on_stall(&s);
    return s;
}

void cs_dispatch_step(cs_dispatch *dispatch, const cs_dispatch_event *event, int64_t now_ms,
                      cs_dispatch_actions *actions)
{
    step s = begin(dispatch, now_ms, actions);
    cs_worker_entry *from = cs_worker_list_find(&dispatch->workers, &event->peer);
    if (from != NULL)
        from->heard_at = now_ms;
    switch (event->kind) {
    case CS_DISPATCH_HELLO:
        on_hello(&s, event);
        break;
    case CS_DISPATCH_HEARTBEAT:
        on_heartbeat(&s, event);
        break;
    case CS_DISPATCH_ACK:
        on_ack(&s, event);
        break;
    case CS_DISPATCH_NACK:
        on_nack(&s, event);
        break;
    case CS_DISPATCH_BYE:
        on_bye(&s, &event->peer);
        break;
    case CS_DISPATCH_GONE:
        on_gone(&s, &event->peer);
        break;
    case CS_DISPATCH_TICK:
        on_tick(&s);
        break;
    }
    assign(&s);
}

void cs_dispatch_add(cs_dispatch *dispatch, const cs_dispatch_job *job, int64_t now_ms,
                     cs_dispatch_actions *actions)
{
    step s = begin(dispatch, now_ms, actions);
    assert(find_job(dispatch, job->job) == NULL);
    if (dispatch->n_jobs == dispatch->cap_jobs) {
        dispatch->cap_jobs = dispatch->cap_jobs == 0 ? 8 : 2 * dispatch->cap_jobs;
        dispatch->jobs = cs_xrealloc(dispatch->jobs, dispatch->cap_jobs * sizeof(cs_job_tasks *));
    }
    cs_job_tasks *tasks = cs_job_tasks_new(job);
    if (dispatch->workers.count == 0)
        tasks->no_workers_since = now_ms;
    dispatch->jobs[dispatch->n_jobs++] = tasks;
    assign(&s);
}

void cs_dispatch_again(cs_dispatch *dispatch, cs_job_id job, uint32_t task, const cs_error *why,
                       int64_t now_ms, cs_dispatch_actions *actions)
{
    step s = begin(dispatch, now_ms, actions);
    cs_job_tasks *tasks = find_job(dispatch, job);
    if (tasks == NULL)
        return; /* it failed meanwhile */
    cs_error error;
    if (cs_job_tasks_refuse(tasks, task, why, now_ms, &error) == CS_TASK_FAILS) {
        fail_job(&s, tasks, &error);
        return;
    }
    if (dispatch->workers.count == 0)
        tasks->no_workers_since = now_ms;
    say(&s, CS_LOG_WARN, job, "task %" PRIu32 " is done again: %s", task, why->message);
    assign(&s);
}

void cs_dispatch_cancel(cs_dispatch *dispatch, cs_job_id job, int64_t now_ms,
                        cs_dispatch_actions *actions)
{
    step s = begin(dispatch, now_ms, actions);
    cs_job_tasks *tasks = find_job(dispatch, job);
    if (tasks == NULL)
        return;
    remove_job(&s, tasks);
    assign(&s);
}

void cs_dispatch_leave(cs_dispatch *dispatch, const cs_error *reason, cs_dispatch_actions *actions)
{
    step s = { dispatch, dispatch->stepped_at, actions };
    for (uint32_t i = 0; i < dispatch->workers.count; i++)
        send_leave(&s, &dispatch->workers.items[i].peer, reason);
}

int64_t cs_dispatch_deadline(const cs_dispatch *dispatch)
{
    int64_t at = INT64_MAX;
    bool idle = false;
    for (uint32_t i = 0; i < dispatch->workers.count; i++) {
        const cs_worker_entry *worker = &dispatch->workers.items[i];
        if (worker->sent_at + SIGN_MS < at)
            at = worker->sent_at + SIGN_MS;
        if (worker->wanted && worker->lease_at < at)
            at = worker->lease_at;
        idle = idle || !worker->busy;
    }
    for (uint32_t i = 0; i < dispatch->n_jobs; i++) {
        const cs_job_tasks *job = dispatch->jobs[i];
        int64_t timeout_ms = job->spec.no_workers_timeout_ms;
        if (job->no_workers_since != INT64_MAX && timeout_ms >= 0 &&
            job->no_workers_since + timeout_ms < at)
            at = job->no_workers_since + timeout_ms;
        if (idle && job->retry_at < at)
            at = job->retry_at;
    }
    return at;
}

cs_dispatch_counts cs_dispatch_counts_of(const cs_dispatch *dispatch)
{
    cs_dispatch_counts counts = dispatch->counts;
    counts.workers = dispatch->workers.count;
    return counts;
}

void cs_dispatch_actions_done(cs_dispatch_actions *actions)
{
    free(actions->items);
    *actions = (cs_dispatch_actions){ 0 };
}

/* --- messages --- */

/* Two workers of one name: the older keeps it as long as it is heard of after the newer came. A
 * worker that was restarted finds its former self silent. True: the newcomer has to wait or to
 * leave. */
static bool name_is_taken(step *s, const cs_dispatch_event *event)
{
    cs_worker_entry *older = cs_worker_list_find_name(&s->dispatch->workers, event->hello.name);
    if (older == NULL || older->pid == event->hello.pid ||
        cs_worker_list_find(&s->dispatch->workers, &event->peer) == older)
        return false;
    if (older->contested_at == INT64_MAX) {
        older->contested_at = s->now_ms;
        send(s, CS_DISPATCH_SEND_WELCOME, &older->peer, NULL);
        return true;
    }
    if (older->heard_at > older->contested_at) {
        older->contested_at = INT64_MAX;
        cs_error error;
        char name[CS_NAME_BYTES_MAX];
        cs_escape(name, sizeof name, event->hello.name);
        (void)cs_error_set(&error, CS_E_BAD_CONFIG,
                           "a worker named '%s' (pid %" PRIu64 ") is here already", name,
                           older->pid); /* the code is in error */
        cs_error_hint(&error, "give each worker a name of its own");
        send_leave(s, &event->peer, &error);
        return true;
    }
    if (s->now_ms - older->contested_at < 3 * s->dispatch->config.heartbeat_ms)
        return true;
    on_gone(s, &older->peer);
    return false;
}

static void on_hello(step *s, const cs_dispatch_event *event)
{
    cs_dispatch *dispatch = s->dispatch;
    cs_error error;
    if (!cs_str_eq(event->hello.version, dispatch->config.version)) {
        char theirs[CS_VERSION_BYTES_MAX];
        cs_escape(theirs, sizeof theirs, event->hello.version);
        (void)cs_error_set(&error, CS_E_UNREACHABLE,
                           "this worker is of version %s, the coordinator of version %.*s", theirs,
                           CS_STR_ARG(dispatch->config.version)); /* the code is in error */
        cs_error_hint(&error, "install the same version on both sides");
        send_leave(s, &event->peer, &error);
        return;
    }
    if (name_is_taken(s, event))
        return;
    cs_worker_entry *former = cs_worker_list_find(&dispatch->workers, &event->peer);
    if (former == NULL)
        former = cs_worker_list_find_name(&dispatch->workers, event->hello.name);
    if (former == NULL && dispatch->workers.count == CS_WORKERS_MAX) {
        (void)cs_error_set(&error, CS_E_LIMIT, "there are %u workers already, which is the most",
                           CS_WORKERS_MAX);
        send_leave(s, &event->peer, &error); /* the code is in error */
        return;
    }
    if (former != NULL) {
        /* The same worker speaks anew: what it says to have in hand is all it has. */
        if (former->wanted) {
            cs_job_tasks *job = find_owner(dispatch, &former->key);
            bool has_it =
                event->hello.has_running && cs_task_key_eq(&event->hello.running, &former->key);
            if (job != NULL && !has_it)
                cs_job_tasks_back(job, former->key.task);
        }
        former->wanted = false;
        remove_worker(s, former);
    }
    add_worker(s, event);
}

static void add_worker(step *s, const cs_dispatch_event *event)
{
    cs_dispatch *dispatch = s->dispatch;
    cs_worker_entry *new = cs_worker_list_add(&dispatch->workers, &event->peer, event->hello.name,
                                              event->hello.pid, s->now_ms);
    send(s, CS_DISPATCH_SEND_WELCOME, &new->peer, NULL);
    if (event->hello.has_running) {
        new->busy = true;
        new->key = event->hello.running;
        cs_job_tasks *job = find_owner(dispatch, &new->key);
        if (job != NULL && cs_job_tasks_judge(job, &new->key) == CS_ANSWER_WELCOME &&
            !cs_worker_list_other_wants(&dispatch->workers, new)) {
            cs_job_tasks_adopt(job, new->key.task, &new->peer);
            new->wanted = true;
            new->job = job->spec.job;
            new->given_at = s->now_ms;
            new->lease_at = s->now_ms + job->spec.lease_ms;
        } else {
            send(s, CS_DISPATCH_SEND_CANCEL, &new->peer, &new->key);
        }
    }
    for (uint32_t i = 0; i < dispatch->n_jobs; i++)
        dispatch->jobs[i]->no_workers_since = INT64_MAX;
    act(s, CS_DISPATCH_WORKERS)->workers = dispatch->workers.count;
}

/* The lease grows with progress alone: a control thread that beats while its compute thread hangs
 * proves nothing. */
static void on_heartbeat(step *s, const cs_dispatch_event *event)
{
    cs_worker_entry *worker = cs_worker_list_find(&s->dispatch->workers, &event->peer);
    if (worker == NULL) {
        send(s, CS_DISPATCH_SEND_WHO, &event->peer, NULL);
        return;
    }
    const cs_task_key *running = &event->heartbeat.running;
    int64_t beat_ms = s->dispatch->config.heartbeat_ms;
    if (!event->heartbeat.has_running) {
        if (worker->busy && !worker->wanted) {
            worker->busy = false;
        } else if (worker->wanted && s->now_ms - worker->given_at >= 2 * beat_ms) {
            /* It never got the task. */
            cs_job_tasks *job = find_owner(s->dispatch, &worker->key);
            worker->given_at = s->now_ms;
            worker->lease_at = s->now_ms + job->spec.lease_ms;
            send(s, CS_DISPATCH_SEND_TASK, &worker->peer, &worker->key);
        }
        return;
    }
    if (worker->has_settled && cs_task_key_eq(running, &worker->settled)) {
        send(s, CS_DISPATCH_SEND_CONFIRM, &worker->peer, running);
    } else if (!worker->busy || !cs_task_key_eq(running, &worker->key)) {
        if (!worker->busy) {
            worker->busy = true;
            worker->key = *running;
        }
        send(s, CS_DISPATCH_SEND_CANCEL, &worker->peer, running);
    } else if (!worker->wanted) {
        send(s, CS_DISPATCH_SEND_CANCEL, &worker->peer, running);
    } else if (!worker->progressed || event->heartbeat.progress != worker->progress) {
        worker->progressed = true;
        worker->progress = event->heartbeat.progress;
        worker->lease_at = s->now_ms + find_owner(s->dispatch, running)->spec.lease_ms;
    }
}

static void on_ack(step *s, const cs_dispatch_event *event)
{
    const cs_task_key *key = &event->ack.key;
    cs_job_tasks *job = find_owner(s->dispatch, key);
    cs_answer_verdict verdict = job == NULL ? CS_ANSWER_STALE : cs_job_tasks_judge(job, key);
    if (verdict == CS_ANSWER_WELCOME) {
        cs_job_tasks_accept(job, key->task);
        cs_dispatch_action *action = act(s, CS_DISPATCH_ACCEPTED);
        action->job = job->spec.job;
        action->accepted.task = key->task;
        action->accepted.result = event->ack.result;
    } else if (verdict == CS_ANSWER_STALE) {
        s->dispatch->counts.stale++;
    }
    settle(s, &event->peer, key);
}

static void on_nack(step *s, const cs_dispatch_event *event)
{
    const cs_task_key *key = &event->nack.key;
    cs_job_tasks *job = find_owner(s->dispatch, key);
    settle(s, &event->peer, key);
    if (job == NULL || cs_job_tasks_judge(job, key) != CS_ANSWER_WELCOME) {
        s->dispatch->counts.stale++;
        return;
    }
    cs_error error;
    const cs_error *why = event->nack.error;
    if (cs_job_tasks_nack(job, key->task, why, s->dispatch->workers.count, s->now_ms, &error) ==
        CS_TASK_FAILS)
        fail_job(s, job, &error);
    else
        say(s, CS_LOG_WARN, job->spec.job, "task %" PRIu32 ", attempt %" PRIu32 ": %s", key->task,
            key->attempt, why->message);
}

/* An answer was taken, whatever became of it: the worker shall stop sending it, and is free. */
static void settle(step *s, const cs_peer *peer, const cs_task_key *key)
{
    send(s, CS_DISPATCH_SEND_CONFIRM, peer, key);
    for (uint32_t i = 0; i < s->dispatch->workers.count; i++) {
        cs_worker_entry *worker = &s->dispatch->workers.items[i];
        if (worker->busy && cs_task_key_eq(&worker->key, key)) {
            worker->busy = worker->wanted = false;
            worker->has_settled = true;
            worker->settled = *key;
        }
    }
}

static void on_bye(step *s, const cs_peer *peer)
{
    cs_worker_entry *worker = cs_worker_list_find(&s->dispatch->workers, peer);
    if (worker == NULL)
        return;
    if (worker->wanted)
        cs_job_tasks_back(find_owner(s->dispatch, &worker->key), worker->key.task);
    remove_worker(s, worker);
}

/* A worker that died with a task in hand counts against the task, also when the lease was over
 * before. */
static void on_gone(step *s, const cs_peer *peer)
{
    cs_worker_entry *worker = cs_worker_list_find(&s->dispatch->workers, peer);
    if (worker == NULL)
        return;
    bool busy = worker->busy;
    cs_task_key key = worker->key;
    say(s, CS_LOG_WARN, 0, "worker %s (pid %" PRIu64 ") is gone", worker->name, worker->pid);
    remove_worker(s, worker);
    cs_job_tasks *job = busy ? find_owner(s->dispatch, &key) : NULL;
    cs_error error;
    if (job != NULL && cs_job_tasks_worker_died(job, &key, &error) == CS_TASK_FAILS)
        fail_job(s, job, &error);
}

/* --- time --- */

/* When we stood still ourselves (stopped, swapped out), nobody's silence means anything. */
static void on_stall(step *s)
{
    cs_dispatch *dispatch = s->dispatch;
    int64_t gap_ms = dispatch->stepped_at == INT64_MIN ? 0 : s->now_ms - dispatch->stepped_at;
    dispatch->stepped_at = s->now_ms;
    if (gap_ms < STALL_MS)
        return;
    for (uint32_t i = 0; i < dispatch->workers.count; i++) {
        dispatch->workers.items[i].heard_at += gap_ms;
        dispatch->workers.items[i].lease_at += gap_ms;
    }
}

static void expire(step *s, cs_worker_entry *worker)
{
    cs_job_tasks *job = find_owner(s->dispatch, &worker->key);
    uint32_t task = worker->key.task;
    s->dispatch->counts.expired++;
    say(s, CS_LOG_WARN, job->spec.job,
        "worker %s did not get on with task %" PRIu32 " for %" PRId64 " ms", worker->name, task,
        job->spec.lease_ms);
    unwant(s, worker);
    cs_error error;
    if (cs_job_tasks_expire(job, task, &error) == CS_TASK_FAILS)
        fail_job(s, job, &error);
}

static void on_tick(step *s)
{
    cs_dispatch *dispatch = s->dispatch;
    for (uint32_t i = 0; i < dispatch->workers.count; i++) {
        cs_worker_entry *worker = &dispatch->workers.items[i];
        if (worker->wanted && s->now_ms >= worker->lease_at && !CS_MUTANT("lease_never_expires"))
            expire(s, worker);
        if (s->now_ms - worker->sent_at >= SIGN_MS)
            send(s, CS_DISPATCH_SEND_WELCOME, &worker->peer, NULL);
    }
    for (uint32_t i = dispatch->workers.count; i-- > 0;) {
        cs_worker_entry *worker = &dispatch->workers.items[i];
        if (worker->wanted || s->now_ms - worker->heard_at < dispatch->config.lease_ms)
            continue;
        say(s, CS_LOG_WARN, 0, "worker %s (pid %" PRIu64 ") was not heard of for %" PRId64 " ms",
            worker->name, worker->pid, s->now_ms - worker->heard_at);
        remove_worker(s, worker);
    }
    for (uint32_t i = dispatch->n_jobs; i-- > 0;) {
        cs_job_tasks *job = dispatch->jobs[i];
        int64_t timeout_ms = job->spec.no_workers_timeout_ms;
        if (job->no_workers_since == INT64_MAX || timeout_ms < 0 ||
            s->now_ms - job->no_workers_since < timeout_ms)
            continue;
        cs_error error;
        (void)cs_error_set(&error, CS_E_NO_WORKERS, "there has been no worker for %" PRId64 " ms",
                           s->now_ms - job->no_workers_since); /* the code is in error */
        cs_error_hint(&error, "start one: cstream-worker --master ADDRESS");
        fail_job(s, job, &error);
    }
}

/* --- who gets what --- */

/* One task of each job in turn, as long as there are free workers. */
static void assign(step *s)
{
    cs_dispatch *dispatch = s->dispatch;
    uint32_t idle_turns = 0;
    while (dispatch->n_jobs > 0 && idle_turns < dispatch->n_jobs) {
        cs_worker_entry *worker = cs_worker_list_choose(&dispatch->workers, NULL);
        if (worker == NULL)
            return;
        cs_job_tasks *job = dispatch->jobs[dispatch->turn++ % dispatch->n_jobs];
        uint32_t task;
        if (!cs_job_tasks_next(job, s->now_ms, &task)) {
            idle_turns++;
            continue;
        }
        idle_turns = 0;
        worker = cs_worker_list_choose(&dispatch->workers, cs_job_tasks_last(job, task));
        dispatch->workers.last_given = (uint32_t)(worker - dispatch->workers.items);
        worker->key = cs_job_tasks_give(job, task, &worker->peer);
        worker->job = job->spec.job;
        worker->busy = worker->wanted = true;
        worker->progressed = false;
        worker->given_at = s->now_ms;
        worker->lease_at = s->now_ms + job->spec.lease_ms;
        if (worker->key.attempt > 1)
            dispatch->counts.retried++;
        send(s, CS_DISPATCH_SEND_TASK, &worker->peer, &worker->key);
    }
}

/* Nobody waits for its answer any more; it stays busy until it says that it is not. */
static void unwant(step *s, cs_worker_entry *worker)
{
    worker->wanted = false;
    send(s, CS_DISPATCH_SEND_CANCEL, &worker->peer, &worker->key);
}

static void fail_job(step *s, cs_job_tasks *job, const cs_error *error)
{
    cs_error *kept = cs_arena_new(&s->dispatch->scratch, cs_error);
    *kept = *error;
    cs_dispatch_action *action = act(s, CS_DISPATCH_FAILED);
    action->job = job->spec.job;
    action->error = kept;
    remove_job(s, job);
}

static void remove_job(step *s, cs_job_tasks *job)
{
    cs_dispatch *dispatch = s->dispatch;
    for (uint32_t i = 0; i < dispatch->workers.count; i++) {
        cs_worker_entry *worker = &dispatch->workers.items[i];
        if (worker->wanted && worker->job == job->spec.job)
            unwant(s, worker);
    }
    uint32_t at = 0;
    while (dispatch->jobs[at] != job)
        at++;
    dispatch->n_jobs--;
    memmove(&dispatch->jobs[at], &dispatch->jobs[at + 1],
            (dispatch->n_jobs - at) * sizeof(cs_job_tasks *));
    cs_job_tasks_free(job);
}

static void remove_worker(step *s, cs_worker_entry *worker)
{
    cs_dispatch *dispatch = s->dispatch;
    cs_worker_list_remove(&dispatch->workers, worker);
    if (dispatch->workers.count == 0) {
        for (uint32_t i = 0; i < dispatch->n_jobs; i++) {
            if (!cs_job_tasks_all_done(dispatch->jobs[i]))
                dispatch->jobs[i]->no_workers_since = s->now_ms;
        }
    }
    act(s, CS_DISPATCH_WORKERS)->workers = dispatch->workers.count;
}

/* --- helpers --- */

static cs_job_tasks *find_owner(cs_dispatch *dispatch, const cs_task_key *key)
{
    for (uint32_t i = 0; i < dispatch->n_jobs; i++) {
        if (cs_job_tasks_owns(dispatch->jobs[i], key))
            return dispatch->jobs[i];
    }
    return NULL;
}

static cs_job_tasks *find_job(cs_dispatch *dispatch, cs_job_id id)
{
    for (uint32_t i = 0; i < dispatch->n_jobs; i++) {
        if (dispatch->jobs[i]->spec.job == id)
            return dispatch->jobs[i];
    }
    return NULL;
}

static void send(step *s, cs_dispatch_action_kind kind, const cs_peer *peer, const cs_task_key *key)
{
    cs_dispatch_action *action = act(s, kind);
    action->peer = *peer;
    if (key != NULL)
        action->key = *key;
    if (kind == CS_DISPATCH_SEND_TASK) {
        const cs_job_tasks *job = find_owner(s->dispatch, key);
        action->job = job->spec.job;
        action->plan = job->spec.plan;
    }
    cs_worker_entry *to = cs_worker_list_find(&s->dispatch->workers, peer);
    if (to != NULL)
        to->sent_at = s->now_ms;
}

static void send_leave(step *s, const cs_peer *peer, const cs_error *reason)
{
    cs_dispatch_action *action = act(s, CS_DISPATCH_SEND_LEAVE);
    action->peer = *peer;
    if (reason == NULL)
        return;
    cs_error *kept = cs_arena_new(&s->dispatch->scratch, cs_error);
    *kept = *reason;
    action->error = kept;
}

static void say(step *s, cs_log_level level, cs_job_id job, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cs_dispatch_action *action = act(s, CS_DISPATCH_NOTICE);
    action->job = job;
    action->notice.level = level;
    action->notice.text = cs_arena_cstr(&s->dispatch->scratch, cs_str_of(text));
}

static cs_dispatch_action *act(step *s, cs_dispatch_action_kind kind)
{
    cs_dispatch_actions *actions = s->actions;
    if (actions->count == actions->cap) {
        actions->cap = actions->cap == 0 ? 16 : 2 * actions->cap;
        actions->items = cs_xrealloc(actions->items, actions->cap * sizeof *actions->items);
    }
    cs_dispatch_action *action = &actions->items[actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}
