#include "coordinator/query.h"

#include <assert.h>
#include <stdlib.h>

#include "coordinator/query_thread.h"

struct cs_query {
    const cs_query_env *env;
    cs_job_id id;
    const cs_job *job;
    cs_query_thread *thread;
    cs_batch *batch;           /* from OPENED on */
    cs_batch_actions actions;
    uint32_t workers;
    bool stop_asked;           /* before OPENED */
    bool ending;               /* the thread was told to end */
    bool closed;               /* … and has */
    bool started_told, ended_told;
    cs_error error;
    bool failed;
    uint64_t batches;
};

static void take_reply(cs_query *query, cs_query_reply *reply);
static void opened(cs_query *query);
static void step(cs_query *query, cs_batch_event *event);
static void act(cs_query *query, const cs_batch_action *action);
static void tell(cs_query *query, const cs_query_event *event);
static void tell_ended(cs_query *query, const cs_error *error);

cs_code cs_query_start(const cs_query_env *env, cs_job_id id, const cs_job *job, cs_query **out,
                       cs_error *err)
{
    cs_query *query = cs_xcalloc(1, sizeof *query);
    query->env = env;
    query->id = id;
    query->job = job;
    query->workers = cs_dispatch_counts_of(env->dispatch).workers;
    cs_code code = cs_query_thread_start(env->net, job, env->checker, &query->thread, err);
    if (code == CS_OK)
        *out = query;
    else
        free(query);
    return code;
}

cs_socket *cs_query_link(cs_query *query)
{
    return cs_query_thread_link(query->thread);
}

void cs_query_on_link(cs_query *query)
{
    cs_query_reply *reply;
    while (!query->closed && (reply = cs_query_thread_take(query->thread)) != NULL) {
        take_reply(query, reply);
        cs_query_reply_free(reply);
    }
}

void cs_query_task_acked(cs_query *query, uint32_t task, const cs_task_result *result)
{
    cs_batch_event event = { .kind = CS_BATCH_TASK_ACKED, .acked = { task, result } };
    step(query, &event);
}

void cs_query_tasks_failed(cs_query *query, const cs_error *error)
{
    cs_batch_event event = { .kind = CS_BATCH_TASKS_FAILED, .error = *error };
    step(query, &event);
}

void cs_query_workers(cs_query *query, uint32_t workers)
{
    query->workers = workers;
    cs_batch_event event = { .kind = CS_BATCH_WORKERS, .workers = workers };
    step(query, &event);
}

void cs_query_stop(cs_query *query, bool now)
{
    cs_batch_event event = { .kind = now ? CS_BATCH_ABORT : CS_BATCH_STOP };
    query->stop_asked = true;
    step(query, &event);
    if (now) {
        cs_error error;
        (void)cs_error_set(&error, CS_E_CANCELLED,
                           "stopped at once; the next start goes on from here");
        tell_ended(query, &error);
    }
}

int64_t cs_query_deadline(const cs_query *query)
{
    return query->batch == NULL ? INT64_MAX : cs_batch_deadline(query->batch);
}

void cs_query_tick(cs_query *query)
{
    cs_batch_event event = { .kind = CS_BATCH_TICK };
    step(query, &event);
}

bool cs_query_is_over(const cs_query *query)
{
    return query->closed;
}

void cs_query_free(cs_query *query)
{
    if (query == NULL)
        return;
    assert(query->closed);
    cs_query_thread_free(query->thread);
    cs_batch_free(query->batch);
    cs_batch_actions_done(&query->actions);
    free(query);
}

static void take_reply(cs_query *query, cs_query_reply *reply)
{
    switch (reply->kind) {
    case CS_QUERY_OPENED:
        opened(query);
        break;
    case CS_QUERY_ANSWER:
        if (reply->event.kind == CS_BATCH_RECOVERED && !query->started_told)
            tell(query, &(cs_query_event){ .kind = CS_QUERY_EVENT_STARTED,
                                           .stream = reply->event.recovered.stream,
                                           .epoch = reply->event.recovered.epoch });
        query->started_told |= reply->event.kind == CS_BATCH_RECOVERED;
        step(query, &reply->event);
        break;
    case CS_QUERY_HINTED: {
        cs_batch_event event = { .kind = CS_BATCH_HINT };
        step(query, &event);
        break;
    }
    case CS_QUERY_SAID:
        tell(query, &(cs_query_event){ .kind = CS_QUERY_EVENT_NOTICE,
                                       .level = reply->level,
                                       .text = reply->text });
        break;
    case CS_QUERY_CLOSED:
        query->closed = true;
        if (reply->event.error.code != CS_OK) {
            query->failed = true;
            query->error = reply->event.error;
        }
        tell_ended(query, query->failed ? &query->error : NULL);
        break;
    }
}

static void opened(cs_query *query)
{
    const cs_job *job = query->job;
    if (query->stop_asked) {
        query->ending = true;
        cs_query_thread_end(query->thread);
        return;
    }
    int64_t now_ms = cs_clock_mono_ms(query->env->clock);
    cs_batch_config config = { .trigger = job->trigger,
                               .trigger_ms = job->trigger_ms,
                               .wall_ahead_ms = cs_clock_wall_us(query->env->clock) / 1000 - now_ms,
                               .disk_full_timeout_ms = job->disk_full_timeout_ms,
                               .min_file_age_ms = job->min_file_age_ms };
    query->batch = cs_batch_new(&config);
    cs_query_workers(query, query->workers);
    cs_batch_event start = { .kind = CS_BATCH_START };
    step(query, &start);
}

static void step(cs_query *query, cs_batch_event *event)
{
    if (query->batch == NULL || query->ending)
        return;
    cs_batch_actions_clear(&query->actions);
    cs_batch_step(query->batch, event, cs_clock_mono_ms(query->env->clock), &query->actions);
    for (size_t i = 0; i < query->actions.count; i++)
        act(query, &query->actions.items[i]);
}

/* Carries out one action. Nothing here steps the machine again: what follows comes back as an
 * event. */
static void act(cs_query *query, const cs_batch_action *action)
{
    const cs_query_env *env = query->env;
    const cs_job *job = query->job;
    int64_t now_ms = cs_clock_mono_ms(env->clock);
    switch (action->kind) {
    case CS_BATCH_DISPATCH: {
        cs_dispatch_job work = { .job = query->id,
                                 .stream = action->dispatch.stream,
                                 .epoch = action->dispatch.epoch,
                                 .plan = action->dispatch.plan,
                                 .lease_ms = job->lease_ms,
                                 .disk_full_timeout_ms = job->disk_full_timeout_ms,
                                 .no_workers_timeout_ms = job->no_workers_timeout_ms };
        cs_dispatch_add(env->dispatch, &work, now_ms, env->dispatch_actions);
        break;
    }
    case CS_BATCH_REDISPATCH:
        cs_dispatch_again(env->dispatch, query->id, action->redispatch.task,
                          action->redispatch.error, now_ms, env->dispatch_actions);
        break;
    case CS_BATCH_CANCEL_TASKS:
        cs_dispatch_cancel(env->dispatch, query->id, now_ms, env->dispatch_actions);
        break;
    case CS_BATCH_FREE_PLAN:
        cs_plan_free(action->plan.plan);
        break;
    case CS_BATCH_REPORT:
        tell(query, &(cs_query_event){ .kind = CS_QUERY_EVENT_BATCH, .report = action->report });
        break;
    case CS_BATCH_NOTICE:
        tell(query, &(cs_query_event){ .kind = CS_QUERY_EVENT_NOTICE,
                                       .level = action->notice.level,
                                       .text = action->notice.text });
        break;
    case CS_BATCH_END:
        query->failed = action->end.error != NULL;
        if (query->failed)
            query->error = *action->end.error;
        query->batches = action->end.batches;
        query->ending = true;
        cs_query_thread_end(query->thread);
        break;
    default:
        cs_query_thread_ask(query->thread, action);
        break;
    }
}

static void tell(cs_query *query, const cs_query_event *event)
{
    if (!query->ended_told)
        query->env->event(query->env->ctx, query->id, event);
}

/* ENDED is told when the checkpoint is free again, so that the same job can be started at once;
 * a stop that cannot wait is the exception. */
static void tell_ended(cs_query *query, const cs_error *error)
{
    tell(query, &(cs_query_event){ .kind = CS_QUERY_EVENT_ENDED,
                                   .error = error,
                                   .batches = query->batches });
    query->ended_told = true;
}
