/* One function, enter, judges every change of phase. What the stream waits for is kept apart from
 * the phase: io counts the actions that the I/O thread has in hand, retry_at says when a failed one
 * is done again. */
#include "coordinator/batch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "coordinator/batch_work.h"
#include "coordinator/trigger.h"

/* Orphans and temporaries are looked for at the first idle moment and then hourly; a stream that is
 * never idle has it done between two batches when it is a minute overdue. */
#define CLEAN_INTERVAL_MS (3600 * 1000)
#define CLEAN_OVERDUE_MS (60 * 1000)
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS 5000

struct cs_batch {
    cs_batch_config config;
    cs_batch_phase phase;
    uint32_t io;
    uint32_t workers;

    /* the stream, known once recovered */
    cs_uuid stream;
    uint64_t epoch;
    uint64_t batches; /* committed since the start */
    bool dirty;       /* COMMITTED of the last batch is not durable yet */

    cs_batch_work work;     /* the batch in hand */
    cs_batch_action commit; /* and its commit */
    cs_batch_report report;
    int64_t list_at, work_at, commit_at;

    bool listed; /* the first look, at everything, is done */
    cs_trigger trigger;
    int64_t clean_at;

    /* a failed action, to be done again */
    cs_batch_action retry;
    int64_t retry_at; /* INT64_MAX: none */
    int64_t retry_wait_ms;
    int64_t failing_since; /* INT64_MAX: not failing */

    /* the end */
    bool stopping; /* was told to */
    bool failed;
    cs_error error;
    cs_error refusal; /* of a task's parts */
    char notice[512];
};

typedef struct step {
    cs_batch *batch;
    int64_t now_ms;
    cs_batch_actions *actions;
} step;

static void answered(step *s, cs_batch_event *event);
static void on_recovered(step *s, cs_batch_event *event);
static void on_listed(step *s, cs_batch_event *event);
static void on_acked(step *s, const cs_batch_event *event);
static void on_checked(step *s, const cs_batch_event *event);
static void on_committed(step *s, const cs_batch_event *event);
static void on_tasks_failed(step *s, const cs_batch_event *event);
static void on_io_failed(step *s, const cs_batch_event *event);
static void on_tick(step *s);
static void on_stop(step *s);
static void begin(step *s, cs_plan *plan, bool saved);
static void release(step *s);
static void drop(step *s, cs_plan *plan);
static void commit_if_ready(step *s);
static void next(step *s);
static void rest(step *s);
static void look(step *s);
static void wake(step *s);
static void fail(step *s, const cs_error *error);
static void end_if_quiet(step *s);
static void say(step *s, cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);
static void enter(cs_batch *batch, cs_batch_phase phase);
static cs_batch_action *act(step *s, cs_batch_action_kind kind);

cs_batch *cs_batch_new(const cs_batch_config *config)
{
    cs_batch *batch = cs_xcalloc(1, sizeof *batch);
    batch->config = *config;
    batch->phase = CS_BATCH_STARTING;
    batch->retry_at = INT64_MAX;
    batch->failing_since = INT64_MAX;
    batch->trigger = (cs_trigger){ .kind = config->trigger,
                                   .interval_ms = config->trigger_ms,
                                   .wall_ahead_ms = config->wall_ahead_ms,
                                   .min_file_age_ms = config->min_file_age_ms };
    return batch;
}

void cs_batch_free(cs_batch *batch)
{
    if (batch == NULL)
        return;
    cs_plan_free(batch->work.plan);
    cs_arena_done(&batch->work.arena);
    free(batch);
}

void cs_batch_step(cs_batch *batch, cs_batch_event *event, int64_t now_ms,
                   cs_batch_actions *actions)
{
    step s = { batch, now_ms, actions };
    switch (event->kind) {
    case CS_BATCH_RECOVERED:
    case CS_BATCH_LISTED:
    case CS_BATCH_PLAN_SAVED:
    case CS_BATCH_PARTS_CHECKED:
    case CS_BATCH_COMMITTED:
    case CS_BATCH_FLUSHED:
    case CS_BATCH_CLEANED:
    case CS_BATCH_IO_FAILED:
        answered(&s, event);
        break;
    case CS_BATCH_TASK_ACKED:
        on_acked(&s, event);
        break;
    case CS_BATCH_TASKS_FAILED:
        on_tasks_failed(&s, event);
        break;
    case CS_BATCH_WORKERS:
        batch->workers = event->workers;
        break;
    case CS_BATCH_START:
        assert(batch->phase == CS_BATCH_STARTING && batch->io == 0);
        batch->clean_at = now_ms;
        cs_trigger_start(&batch->trigger, now_ms);
        act(&s, CS_BATCH_RECOVER);
        break;
    case CS_BATCH_HINT:
        batch->trigger.hinted = true;
        wake(&s);
        break;
    case CS_BATCH_TICK:
        on_tick(&s);
        break;
    case CS_BATCH_STOP:
        on_stop(&s);
        break;
    case CS_BATCH_ABORT: {
        cs_error error;
        (void)cs_error_set(
            &error, CS_E_CANCELLED,
            "stopped at once; the next start goes on from here"); /* the code is in error */
        fail(&s, &error);
        break;
    }
    }
}

int64_t cs_batch_deadline(const cs_batch *batch)
{
    int64_t at = batch->retry_at;
    if (batch->phase == CS_BATCH_IDLE) {
        int64_t look_at = cs_trigger_deadline(&batch->trigger);
        at = look_at < at ? look_at : at;
        at = batch->clean_at < at ? batch->clean_at : at;
    }
    return at;
}

cs_batch_phase cs_batch_phase_of(const cs_batch *batch)
{
    bool over = batch->phase == CS_BATCH_ENDING || batch->phase == CS_BATCH_ENDED;
    return !over && batch->failing_since != INT64_MAX ? CS_BATCH_PAUSED : batch->phase;
}

const char *cs_batch_phase_name(cs_batch_phase phase)
{
    static const char *const names[] = {
        [CS_BATCH_STARTING] = "starting",     [CS_BATCH_IDLE] = "idle",
        [CS_BATCH_LISTING] = "listing",       [CS_BATCH_WORKING] = "working",
        [CS_BATCH_COMMITTING] = "committing", [CS_BATCH_FLUSHING] = "flushing",
        [CS_BATCH_CLEANING] = "cleaning",     [CS_BATCH_PAUSED] = "paused",
        [CS_BATCH_ENDING] = "ending",         [CS_BATCH_ENDED] = "ended",
    };
    return names[phase];
}

void cs_batch_actions_done(cs_batch_actions *actions)
{
    free(actions->items);
    *actions = (cs_batch_actions){ 0 };
}

/* --- what happened --- */

/* An answer of the I/O thread. */
static void answered(step *s, cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    assert(batch->io > 0);
    batch->io--;
    if (batch->phase == CS_BATCH_ENDING) {
        if (event->kind == CS_BATCH_RECOVERED)
            drop(s, event->recovered.plan);
        else if (event->kind == CS_BATCH_LISTED)
            drop(s, event->listed.plan);
        end_if_quiet(s);
        return;
    }
    if (event->kind == CS_BATCH_IO_FAILED) {
        on_io_failed(s, event);
        return;
    }
    if (event->kind != CS_BATCH_PARTS_CHECKED) {
        batch->failing_since = INT64_MAX;
        batch->retry_wait_ms = 0;
    }
    switch (event->kind) {
    case CS_BATCH_RECOVERED:
        on_recovered(s, event);
        break;
    case CS_BATCH_LISTED:
        on_listed(s, event);
        break;
    case CS_BATCH_PLAN_SAVED:
        assert(batch->phase == CS_BATCH_WORKING && !batch->work.saved);
        batch->work.saved = true;
        batch->dirty = false; /* the plan's transaction marked the batch before it */
        batch->report.ms_save = (uint64_t)(s->now_ms - batch->work_at);
        commit_if_ready(s);
        break;
    case CS_BATCH_PARTS_CHECKED:
        on_checked(s, event);
        break;
    case CS_BATCH_COMMITTED:
        on_committed(s, event);
        break;
    case CS_BATCH_FLUSHED:
        batch->dirty = false;
        rest(s);
        break;
    default:
        assert(event->kind == CS_BATCH_CLEANED);
        batch->clean_at = s->now_ms + CLEAN_INTERVAL_MS;
        if (event->cleaned.removed > 0)
            say(s, CS_LOG_INFO, "removed %" PRIu64 " files that no version of the table names",
                event->cleaned.removed);
        rest(s);
        break;
    }
}

static void on_recovered(step *s, cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    assert(batch->phase == CS_BATCH_STARTING);
    batch->stream = event->recovered.stream;
    batch->epoch = event->recovered.epoch;
    if (event->recovered.plan == NULL) {
        next(s);
    } else if (batch->stopping) {
        drop(s, event->recovered.plan);
        rest(s);
    } else {
        batch->list_at = s->now_ms;
        begin(s, event->recovered.plan, true);
    }
}

static void on_listed(step *s, cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    assert(batch->phase == CS_BATCH_LISTING);
    cs_plan *plan = event->listed.plan;
    batch->listed = true;
    cs_trigger_looked(&batch->trigger, plan != NULL, event->listed.held_back > 0,
                      event->listed.again_ms, s->now_ms);
    if (batch->trigger.drained && event->listed.held_back > 0)
        say(s, CS_LOG_WARN, "%" PRIu64 " files are still being written: the next start reads them",
            event->listed.held_back);
    if (plan == NULL) {
        next(s);
    } else if (batch->stopping) {
        drop(s, plan);
        rest(s);
    } else {
        batch->report.backlog_files = event->listed.backlog;
        if (batch->config.trigger == CS_TRIGGER_ONCE && event->listed.backlog > 0)
            say(s, CS_LOG_WARN,
                "trigger once: batch %" PRIu64 " takes %" PRIu32
                " files, the most that a batch may hold; the other %" PRIu64
                " follow in further batches",
                plan->batch, plan->n_files, event->listed.backlog);
        begin(s, plan, false);
    }
}

static void on_acked(step *s, const cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    if (batch->phase != CS_BATCH_WORKING)
        return; /* ending: what is made is left to the next start */
    const cs_task_result *result =
        cs_batch_work_acked(&batch->work, event->acked.task, event->acked.result);
    if (result == NULL) {
        commit_if_ready(s);
        return;
    }
    cs_batch_action *action = act(s, CS_BATCH_CHECK_PARTS);
    action->check.task = event->acked.task;
    action->check.result = result;
}

static void on_checked(step *s, const cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    assert(batch->phase == CS_BATCH_WORKING);
    cs_batch_work_checked(&batch->work, event->checked.task, event->checked.ok);
    if (event->checked.ok) {
        commit_if_ready(s);
        return;
    }
    batch->refusal = event->error;
    cs_batch_action *action = act(s, CS_BATCH_REDISPATCH);
    action->redispatch.task = event->checked.task;
    action->redispatch.error = &batch->refusal;
}

static void on_committed(step *s, const cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    assert(batch->phase == CS_BATCH_COMMITTING);
    batch->dirty = true;
    batch->batches++;
    cs_batch_report *report = &batch->report;
    report->table_version = event->committed.version;
    report->was_there = event->committed.was_there;
    report->ms_commit = (uint64_t)(s->now_ms - batch->commit_at);
    report->ms_total = (uint64_t)(s->now_ms - batch->list_at);
    report->workers = batch->workers;
    act(s, CS_BATCH_REPORT)->report = report;
    release(s);
    next(s);
}

/* A worker only knows its task: what it means for the batch, and the way on, are said here. */
static void on_tasks_failed(step *s, const cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    cs_error error = event->error;
    if (batch->phase == CS_BATCH_WORKING) {
        uint64_t number = batch->work.plan->batch;
        cs_error_place(&error,
                       "%s%s(batch %" PRIu64 "; nothing of batch %" PRIu64 " was committed)",
                       error.place, error.place[0] == '\0' ? "" : " ", number, number);
        bool of_files = error.code == CS_E_MALFORMED_RECORD || error.code == CS_E_MALFORMED_FILE ||
                        error.code == CS_E_SOURCE_CHANGED || error.code == CS_E_MISSING_FILE ||
                        error.code == CS_E_LIMIT;
        if (of_files && strstr(error.hint, "--replan") == NULL)
            cs_error_hint(&error,
                          "%s%sstart again with --replan: it plans batch %" PRIu64
                          " anew, with the files and options of then",
                          error.hint, error.hint[0] == '\0' ? "" : "; ", number);
    }
    fail(s, &error);
}

static bool goes_on(const cs_batch *batch, const cs_error *error, int64_t now_ms)
{
    bool may_pass = error->code == CS_E_DISK_FULL || error->retriable;
    bool started = batch->epoch > 0; /* a start that fails has nothing to go on with */
    int64_t timeout_ms = batch->config.disk_full_timeout_ms;
    return may_pass && started && !batch->stopping &&
           (timeout_ms < 0 || batch->failing_since == INT64_MAX ||
            now_ms - batch->failing_since < timeout_ms);
}

static void on_io_failed(step *s, const cs_batch_event *event)
{
    cs_batch *batch = s->batch;
    cs_batch_action_kind kind = event->failed.action;
    if (kind == CS_BATCH_CLEAN) {
        /* What is left over takes room, no more: the stream goes on. */
        say(s, CS_LOG_WARN, "cannot remove left-over files: %s", event->error.message);
        batch->clean_at = s->now_ms + CLEAN_INTERVAL_MS;
        rest(s);
        return;
    }
    if (kind == CS_BATCH_COMMIT && event->error.code == CS_E_EXISTS) {
        say(s, CS_LOG_INFO, "another writer made the table first: planning batch %" PRIu64 " anew",
            batch->work.plan->batch);
        release(s);
        enter(batch, CS_BATCH_STARTING);
        act(s, CS_BATCH_RECOVER);
        return;
    }
    if (event->error.code == CS_E_AGAIN) {
        batch->retry_at = s->now_ms + event->failed.wait_ms;
    } else if (goes_on(batch, &event->error, s->now_ms)) {
        bool first = batch->failing_since == INT64_MAX;
        if (first) {
            batch->failing_since = s->now_ms;
            say(s, CS_LOG_WARN, "paused: %s", event->error.message);
        }
        int64_t wait_ms = batch->retry_wait_ms == 0 ? RETRY_FIRST_MS : 2 * batch->retry_wait_ms;
        batch->retry_wait_ms = wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS;
        batch->retry_at = s->now_ms + batch->retry_wait_ms;
        batch->error = event->error; /* what a STOP ends with meanwhile */
    } else {
        fail(s, &event->error);
        return;
    }
    batch->retry.kind = kind;
}

/* Does the failed action again, as it was: a plan once dispatched is only retried. */
static void retry(step *s)
{
    cs_batch *batch = s->batch;
    batch->retry_at = INT64_MAX;
    switch (batch->retry.kind) {
    case CS_BATCH_SAVE_PLAN:
        act(s, CS_BATCH_SAVE_PLAN)->plan.plan = batch->work.plan;
        break;
    case CS_BATCH_COMMIT:
        act(s, CS_BATCH_COMMIT)->commit = batch->commit.commit;
        break;
    case CS_BATCH_LIST:
        look(s);
        break;
    default:
        assert(batch->retry.kind == CS_BATCH_RECOVER || batch->retry.kind == CS_BATCH_FLUSH);
        act(s, batch->retry.kind);
        break;
    }
}

static void on_tick(step *s)
{
    cs_batch *batch = s->batch;
    if (batch->retry_at <= s->now_ms)
        retry(s);
    else
        wake(s);
}

static void on_stop(step *s)
{
    cs_batch *batch = s->batch;
    if (batch->phase == CS_BATCH_ENDING || batch->phase == CS_BATCH_ENDED)
        return;
    batch->stopping = true;
    if (batch->failing_since != INT64_MAX && batch->retry_at != INT64_MAX) {
        /* The batch cannot be finished now. */
        cs_error error = batch->error;
        fail(s, &error);
    } else {
        wake(s);
    }
}

/* --- the batch in hand --- */

static void begin(step *s, cs_plan *plan, bool saved)
{
    cs_batch *batch = s->batch;
    enter(batch, CS_BATCH_WORKING);
    cs_batch_work_begin(&batch->work, plan, saved);
    batch->report = (cs_batch_report){ .batch = plan->batch,
                                       .files = plan->n_files,
                                       .backlog_files = batch->report.backlog_files,
                                       .ms_list = (uint64_t)(s->now_ms - batch->list_at) };
    batch->work_at = s->now_ms;
    /* The workers begin while the plan is being saved: the commit waits for both. */
    if (plan->n_tasks > 0) {
        cs_batch_action *action = act(s, CS_BATCH_DISPATCH);
        action->dispatch.plan = plan;
        action->dispatch.stream = batch->stream;
        action->dispatch.epoch = batch->epoch;
    }
    if (!saved)
        act(s, CS_BATCH_SAVE_PLAN)->plan.plan = plan;
    commit_if_ready(s);
}

static void commit_if_ready(step *s)
{
    cs_batch *batch = s->batch;
    if (!cs_batch_work_ready(&batch->work))
        return;
    enter(batch, CS_BATCH_COMMITTING);
    cs_batch_work_collect(&batch->work, &batch->commit, &batch->report);
    batch->commit_at = s->now_ms;
    batch->report.ms_work = (uint64_t)(s->now_ms - batch->work_at);
    act(s, CS_BATCH_COMMIT)->commit = batch->commit.commit;
}

/* Lets go of the batch in hand, if any. */
static void release(step *s)
{
    if (s->batch->work.plan == NULL)
        return;
    act(s, CS_BATCH_CANCEL_TASKS);
    drop(s, cs_batch_work_end(&s->batch->work));
}

/* A plan that nobody shall work on (any more). */
static void drop(step *s, cs_plan *plan)
{
    if (plan != NULL)
        act(s, CS_BATCH_FREE_PLAN)->plan.plan = plan;
}

/* --- when to look, when to rest --- */

/* Between two batches. */
static void next(step *s)
{
    cs_batch *batch = s->batch;
    bool overdue = s->now_ms - batch->clean_at >= CLEAN_OVERDUE_MS;
    if (!batch->stopping && !overdue && cs_trigger_wants(&batch->trigger, s->now_ms))
        look(s);
    else
        rest(s);
}

static void look(step *s)
{
    cs_batch *batch = s->batch;
    enter(batch, CS_BATCH_LISTING);
    cs_batch_action *action = act(s, CS_BATCH_LIST);
    action->list.full = !batch->listed;
    action->list.workers = batch->workers;
    cs_trigger_look(&batch->trigger, s->now_ms);
    batch->list_at = s->now_ms;
}

/* Nothing to do for now: first make COMMITTED durable, then tidy up, then wait or end. */
static void rest(step *s)
{
    cs_batch *batch = s->batch;
    if (batch->dirty) {
        enter(batch, CS_BATCH_FLUSHING);
        act(s, CS_BATCH_FLUSH);
    } else if (s->now_ms >= batch->clean_at && !batch->stopping) {
        enter(batch, CS_BATCH_CLEANING);
        act(s, CS_BATCH_CLEAN);
    } else if (batch->stopping || batch->trigger.drained) {
        enter(batch, CS_BATCH_ENDING);
        end_if_quiet(s);
    } else if (cs_trigger_wants(&batch->trigger, s->now_ms)) {
        look(s);
    } else if (batch->phase != CS_BATCH_IDLE) {
        enter(batch, CS_BATCH_IDLE);
    }
}

/* Something has changed, or a time has come: does that end an idle moment? */
static void wake(step *s)
{
    if (s->batch->phase == CS_BATCH_IDLE)
        next(s);
}

/* --- the end --- */

static void fail(step *s, const cs_error *error)
{
    cs_batch *batch = s->batch;
    if (batch->phase == CS_BATCH_ENDING || batch->phase == CS_BATCH_ENDED)
        return;
    batch->failed = true;
    if (error != &batch->error)
        batch->error = *error;
    batch->retry_at = INT64_MAX;
    if (batch->work.plan != NULL && batch->io > 0)
        act(s, CS_BATCH_CANCEL_TASKS);
    enter(batch, CS_BATCH_ENDING);
    end_if_quiet(s);
}

/* The I/O thread may still read the plan: its answers are waited for. */
static void end_if_quiet(step *s)
{
    cs_batch *batch = s->batch;
    if (batch->io > 0)
        return;
    release(s);
    enter(batch, CS_BATCH_ENDED);
    cs_batch_action *action = act(s, CS_BATCH_END);
    action->end.error = batch->failed ? &batch->error : NULL;
    action->end.batches = batch->batches;
}

/* --- helpers --- */

static void say(step *s, cs_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->batch->notice, sizeof s->batch->notice, format, args);
    va_end(args);
    cs_batch_action *action = act(s, CS_BATCH_NOTICE);
    action->notice.level = level;
    action->notice.text = s->batch->notice;
}

#define TO(phase) (1u << (phase))

static void enter(cs_batch *batch, cs_batch_phase phase)
{
    static const unsigned allowed[] = {
        [CS_BATCH_STARTING] = TO(CS_BATCH_LISTING) | TO(CS_BATCH_WORKING) | TO(CS_BATCH_CLEANING) |
                              TO(CS_BATCH_IDLE) | TO(CS_BATCH_ENDING),
        [CS_BATCH_IDLE] = TO(CS_BATCH_LISTING) | TO(CS_BATCH_FLUSHING) | TO(CS_BATCH_CLEANING) |
                          TO(CS_BATCH_ENDING),
        [CS_BATCH_LISTING] = TO(CS_BATCH_LISTING) | TO(CS_BATCH_WORKING) | TO(CS_BATCH_FLUSHING) |
                             TO(CS_BATCH_CLEANING) | TO(CS_BATCH_IDLE) | TO(CS_BATCH_ENDING),
        [CS_BATCH_WORKING] = TO(CS_BATCH_COMMITTING) | TO(CS_BATCH_ENDING),
        [CS_BATCH_COMMITTING] = TO(CS_BATCH_LISTING) | TO(CS_BATCH_FLUSHING) |
                                TO(CS_BATCH_STARTING) | TO(CS_BATCH_ENDING),
        [CS_BATCH_FLUSHING] =
            TO(CS_BATCH_LISTING) | TO(CS_BATCH_CLEANING) | TO(CS_BATCH_IDLE) | TO(CS_BATCH_ENDING),
        [CS_BATCH_CLEANING] = TO(CS_BATCH_IDLE) | TO(CS_BATCH_LISTING) | TO(CS_BATCH_ENDING),
        [CS_BATCH_PAUSED] = 0, /* only shown, see cs_batch_phase_of */
        [CS_BATCH_ENDING] = TO(CS_BATCH_ENDED),
        [CS_BATCH_ENDED] = 0,
    };
    assert((allowed[batch->phase] & TO(phase)) != 0);
    batch->phase = phase;
}

static cs_batch_action *act(step *s, cs_batch_action_kind kind)
{
    cs_batch_actions *actions = s->actions;
    if (actions->count == actions->cap) {
        actions->cap = actions->cap == 0 ? 16 : 2 * actions->cap;
        actions->items = cs_xrealloc(actions->items, actions->cap * sizeof *actions->items);
    }
    if (kind <= CS_BATCH_CLEAN)
        s->batch->io++;
    cs_batch_action *action = &actions->items[actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}
