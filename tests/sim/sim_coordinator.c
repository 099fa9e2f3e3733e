/* A coordinator process: the real machines and effects, wired as query.c and coordinator.c wire
 * them. Its I/O thread takes one action after the other; the loop goes on meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/dispatch/dispatch.h"
#include "coordinator/query_io.h"
#include "coordinator/worker_messages.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_world.h"

#define JOB 1
#define HEARTBEAT_MS 500
#define LEASE_MS 3000

typedef struct io_action {
    struct io_action *next;
    cs_batch_action action;
} io_action;

typedef struct io_hint {
    struct io_hint *next;
    bool closed;
    char name[64];
} io_hint;

struct sim_coordinator {
    sim_process process;
    cs_arena arena;
    cs_job job;
    cs_store *source, *table; /* table fails on purpose … */
    cs_store *table_inside;   /* … this one never */
    cs_kv *kv;                /* NULL: closed */
    const cs_kv_ops *kv_ops;
    cs_kv_ops my_kv_ops;
    cs_query_io *io;
    io_action *io_first, *io_last;
    io_hint *hints;
    bool io_busy;
    const cs_batch_action *in_hand;
    int64_t saving; /* digest of the plan that is being saved */
    cs_batch *batch;
    cs_batch_actions batch_actions;
    cs_dispatch *dispatch;
    cs_dispatch_actions dispatch_actions;
    uint64_t tick; /* the newest timer */
    int64_t tick_at_us;
    bool ended;
};

static void step_batch(sim_coordinator *c, cs_batch_event *event);
static void drain(sim_coordinator *c);
static void act(sim_coordinator *c, const cs_batch_action *action);
static void send(sim_coordinator *c, const cs_dispatch_action *action);
static void ask_io(sim_coordinator *c, const cs_batch_action *action);
static void run_io(sim_world *world, void *who, void *what);
static void answer(sim_world *world, void *who, void *what);
static void tick(sim_world *world, void *who, void *what);
static void ended(sim_coordinator *c, const cs_error *error);

static int64_t now_ms(const sim_coordinator *c)
{
    return cs_clock_mono_ms(&c->process.world->clock);
}

static void notice(void *ctx, cs_log_level level, const char *text)
{
    sim_coordinator *c = ctx;
    (void)level;
    sim_trace(c->process.world, c->process.name, "says: %s", text);
}

/* cs_query_io closes the kv when it pleases: from then on it must not be killed any more. */
static void close_kv(cs_kv *kv)
{
    sim_coordinator *c = (sim_coordinator *)(void *)((char *)(uintptr_t)kv->ops -
                                                     offsetof(sim_coordinator, my_kv_ops));
    const cs_kv_ops *ops = c->kv_ops;
    c->kv = NULL;
    ops->close(kv);
}

static void make_job(sim_coordinator *c, bool replan)
{
    const sim_settings *settings = &c->process.world->settings;
    static const char *const triggers[] = { "", "processingTime=300ms", "availableNow", "once" };
    char files_max[16];
    snprintf(files_max, sizeof files_max, "%d", settings->files_max);
    cs_option items[20];
    size_t n = 0;
#define OPTION(scope, key, value)                                                                  \
    items[n++] = (cs_option){ scope, CS_STR(key), cs_str_of(value), CS_STR("sim") }
    OPTION(CS_SCOPE_JOB, "name", "sim");
    OPTION(CS_SCOPE_JOB, "source-format", "csv");
    OPTION(CS_SCOPE_JOB, "source-path", "/in");
    OPTION(CS_SCOPE_JOB, "sink-format", "delta");
    OPTION(CS_SCOPE_JOB, "table-path", "/table");
    OPTION(CS_SCOPE_JOB, "checkpoint-location", "/chk");
    OPTION(CS_SCOPE_JOB, "schema", "id BIGINT, name STRING");
    if (settings->trigger != CS_TRIGGER_DEFAULT)
        OPTION(CS_SCOPE_JOB, "trigger", triggers[settings->trigger]);
    if (replan)
        OPTION(CS_SCOPE_JOB, "replan", "true");
    if (settings->files_max > 0)
        OPTION(CS_SCOPE_READ, "maxFilesPerTrigger", files_max);
    OPTION(CS_SCOPE_WRITE, "compression", settings->compression);
    OPTION(CS_SCOPE_CONF, "cstream.lease", "3s");
    OPTION(CS_SCOPE_CONF, "cstream.listInterval", "1s");
    OPTION(CS_SCOPE_CONF, "cstream.noWorkersTimeout", "1h");
    OPTION(CS_SCOPE_CONF, "cstream.workerMemory", "1MiB");
    OPTION(CS_SCOPE_CONF, "cstream.taskBytes", "4096");
    OPTION(CS_SCOPE_CONF, "cstream.splitBytes", "65536");
#undef OPTION
    cs_options options = { items, n };
    cs_error error;
    if (cs_job_parse(&options, &c->arena, &c->job, &error) != CS_OK) {
        fprintf(stderr, "sim: %s\n", error.message);
        abort();
    }
}

sim_coordinator *sim_coordinator_start(sim_world *world, cs_kv_db *db, bool replan)
{
    sim_coordinator *c = cs_xcalloc(1, sizeof *c);
    c->process.world = world;
    snprintf(c->process.name, sizeof c->process.name, "c%d", world->n_coordinators);
    if (world->n_coordinators == SIM_PROCESSES_MAX) {
        sim_fail(world, "%d coordinators were not enough", SIM_PROCESSES_MAX);
        world->n_coordinators--;
    }
    world->coordinators[world->n_coordinators++] = c;
    sim_trace(world, c->process.name, "starts%s", replan ? " with --replan" : "");
    make_job(c, replan);
    if (cs_store_mem_open(world->disk, CS_STR("in"), false, &c->source, NULL) != CS_OK ||
        cs_store_mem_open(world->disk, CS_STR("table"), true, &c->table_inside, NULL) != CS_OK)
        abort();
    c->table = cs_store_fault_new(c->table_inside);
    c->kv = cs_kv_mem_open(db);
    c->kv_ops = c->kv->ops;
    c->my_kv_ops = *c->kv_ops;
    c->my_kv_ops.close = close_kv;
    c->kv->ops = &c->my_kv_ops;
    cs_query_io_env env = { .job = &c->job,
                            .source = c->source,
                            .table = c->table,
                            .kv = c->kv,
                            .clock = &world->clock,
                            .rng = &world->ids.rng,
                            .ctx = c,
                            .notice = notice };
    c->io = cs_query_io_new(&env);
    cs_dispatch_config dispatch = { .version = CS_STR("sim"),
                                    .heartbeat_ms = HEARTBEAT_MS,
                                    .lease_ms = LEASE_MS };
    c->dispatch = cs_dispatch_new(&dispatch);
    cs_batch_config batch = { .trigger = c->job.trigger,
                              .trigger_ms = c->job.trigger_ms,
                              .wall_ahead_ms = cs_clock_wall_us(&world->clock) / 1000 - now_ms(c),
                              .disk_full_timeout_ms = c->job.disk_full_timeout_ms,
                              .min_file_age_ms = c->job.min_file_age_ms };
    c->batch = cs_batch_new(&batch);
    c->tick_at_us = INT64_MAX;
    step_batch(c, &(cs_batch_event){ .kind = CS_BATCH_START });
    drain(c);
    return c;
}

void sim_coordinator_kill(sim_coordinator *c)
{
    if (c->process.dead)
        return;
    sim_trace(c->process.world, c->process.name, "is killed");
    c->process.dead = true;
    cs_store_mem_kill(c->source);
    cs_store_mem_kill(c->table_inside);
    if (c->kv != NULL)
        cs_kv_mem_kill(c->kv);
}

void sim_coordinator_ask(sim_coordinator *c, bool now)
{
    if (!sim_coordinator_is_alive(c))
        return;
    sim_trace(c->process.world, c->process.name, "is asked to end%s", now ? " at once" : "");
    step_batch(c, &(cs_batch_event){ .kind = now ? CS_BATCH_ABORT : CS_BATCH_STOP });
    drain(c);
}

bool sim_coordinator_is_alive(const sim_coordinator *c)
{
    return c != NULL && !c->process.dead && !c->ended;
}

bool sim_coordinator_is_idle(const sim_coordinator *c)
{
    return sim_coordinator_is_alive(c) && cs_batch_phase_of(c->batch) == CS_BATCH_IDLE;
}

sim_process *sim_coordinator_process(sim_coordinator *c)
{
    return &c->process;
}

sim_coordinator *sim_coordinator_of_kv(sim_world *world, const cs_kv *kv)
{
    for (int i = 0; i < world->n_coordinators; i++) {
        if (world->coordinators[i]->kv == kv)
            return world->coordinators[i];
    }
    return NULL;
}

bool sim_coordinator_has_store(const sim_coordinator *c, const cs_store *store)
{
    return c->source == store || c->table_inside == store;
}

void sim_coordinator_fail_table(sim_coordinator *c)
{
    if (sim_coordinator_is_alive(c))
        cs_store_fault_set(c->table, sim_draw_failure(c->process.world));
}

void sim_coordinator_done(sim_coordinator *c)
{
    cs_batch_free(c->batch);
    while (c->io_first != NULL) {
        io_action *next = c->io_first->next;
        free(c->io_first);
        c->io_first = next;
    }
    while (c->hints != NULL) {
        io_hint *next = c->hints->next;
        free(c->hints);
        c->hints = next;
    }
    cs_query_io_free(c->io);
    cs_store_close(c->source);
    cs_store_close(c->table);
    cs_dispatch_free(c->dispatch);
    cs_batch_actions_done(&c->batch_actions);
    cs_dispatch_actions_done(&c->dispatch_actions);
    cs_arena_done(&c->arena);
    free(c);
}

void sim_coordinator_hint(sim_coordinator *c, const char *name, bool closed)
{
    io_hint *hint = cs_xcalloc(1, sizeof *hint);
    snprintf(hint->name, sizeof hint->name, "%s", name);
    hint->closed = closed;
    hint->next = c->hints;
    c->hints = hint;
    step_batch(c, &(cs_batch_event){ .kind = CS_BATCH_HINT });
    drain(c);
}

/* A kv transaction of ours is durable. */
void sim_coordinator_stored(sim_coordinator *c)
{
    if (c->in_hand != NULL && c->in_hand->kind == CS_BATCH_SAVE_PLAN)
        sim_check_saved(c->process.world->check, c->saving);
}

/* --- the loop --- */

void sim_coordinator_take(sim_world *world, void *who, void *what)
{
    sim_coordinator *c = who;
    sim_bytes *bytes = what;
    if (sim_put_off(&c->process, sim_coordinator_take, who, what))
        return;
    if (sim_coordinator_is_alive(c)) {
        cs_arena arena = CS_ARENA_INIT;
        Cs__FromWorker *message;
        cs_dispatch_event event;
        cs_error error;
        cs_peer peer = { .len = sizeof bytes->connection };
        memcpy(peer.bytes, &bytes->connection, sizeof bytes->connection);
        if (cs_wire_unpack_from_worker((cs_str){ bytes->bytes, bytes->len }, &arena, &message,
                                       &error) != CS_OK)
            sim_fail(world, "a message cannot be read: %s", error.message);
        else {
            cs_worker_message_read(message, &peer, &arena, &event);
            cs_dispatch_step(c->dispatch, &event, now_ms(c), &c->dispatch_actions);
            drain(c);
        }
        cs_arena_done(&arena);
    }
    free(bytes);
}

static void gone(sim_world *world, void *who, void *what)
{
    sim_coordinator *c = who;
    (void)world;
    if (sim_put_off(&c->process, gone, who, what))
        return;
    if (sim_coordinator_is_alive(c)) {
        cs_dispatch_event event = { .kind = CS_DISPATCH_GONE, .peer = { .len = sizeof(uint64_t) } };
        memcpy(event.peer.bytes, what, sizeof(uint64_t));
        cs_dispatch_step(c->dispatch, &event, now_ms(c), &c->dispatch_actions);
        drain(c);
    }
    free(what);
}

static void tick(sim_world *world, void *who, void *what)
{
    sim_coordinator *c = who;
    (void)world;
    if (sim_put_off(&c->process, tick, who, what))
        return;
    if (sim_coordinator_is_alive(c) && *(uint64_t *)what == c->tick) {
        c->tick_at_us = INT64_MAX;
        if (cs_batch_deadline(c->batch) <= now_ms(c))
            step_batch(c, &(cs_batch_event){ .kind = CS_BATCH_TICK });
        if (cs_dispatch_deadline(c->dispatch) <= now_ms(c))
            cs_dispatch_step(c->dispatch, &(cs_dispatch_event){ .kind = CS_DISPATCH_TICK },
                             now_ms(c), &c->dispatch_actions);
        drain(c);
    }
    free(what);
}

static void step_batch(sim_coordinator *c, cs_batch_event *event)
{
    cs_batch_actions_clear(&c->batch_actions);
    cs_batch_step(c->batch, event, now_ms(c), &c->batch_actions);
    for (size_t i = 0; i < c->batch_actions.count; i++)
        act(c, &c->batch_actions.items[i]);
}

/* Carries out what dispatch wants, until it wants no more, and sets the timer. */
static void drain(sim_coordinator *c)
{
    sim_world *world = c->process.world;
    for (size_t i = 0; i < c->dispatch_actions.count && !c->ended; i++) {
        cs_dispatch_action action = c->dispatch_actions.items[i];
        cs_batch_event event = { 0 };
        switch (action.kind) {
        case CS_DISPATCH_ACCEPTED:
            event.kind = CS_BATCH_TASK_ACKED;
            event.acked.task = action.accepted.task;
            event.acked.result = action.accepted.result;
            step_batch(c, &event);
            break;
        case CS_DISPATCH_FAILED:
            event.kind = CS_BATCH_TASKS_FAILED;
            event.error = *action.error;
            step_batch(c, &event);
            break;
        case CS_DISPATCH_WORKERS:
            event.kind = CS_BATCH_WORKERS;
            event.workers = action.workers;
            step_batch(c, &event);
            break;
        case CS_DISPATCH_NOTICE:
            sim_trace(world, c->process.name, "says: %s", action.notice.text);
            break;
        default:
            send(c, &action);
            break;
        }
    }
    c->dispatch_actions.count = 0;
    if (c->ended)
        return;
    int64_t at_ms = cs_batch_deadline(c->batch), other_ms = cs_dispatch_deadline(c->dispatch);
    at_ms = other_ms < at_ms ? other_ms : at_ms;
    if (at_ms == INT64_MAX)
        return;
    int64_t delay_us = (at_ms - now_ms(c)) * SIM_MS;
    delay_us = delay_us < 0 ? 0 : delay_us;
    if (world->now_us + delay_us >= c->tick_at_us)
        return;
    c->tick_at_us = world->now_us + delay_us;
    uint64_t *number = cs_xcalloc(1, sizeof *number);
    *number = ++c->tick;
    sim_at(world, delay_us, tick, c, number);
}

static void act(sim_coordinator *c, const cs_batch_action *action)
{
    switch (action->kind) {
    case CS_BATCH_DISPATCH: {
        cs_dispatch_job job = { .job = JOB,
                                .stream = action->dispatch.stream,
                                .epoch = action->dispatch.epoch,
                                .plan = action->dispatch.plan,
                                .lease_ms = c->job.lease_ms,
                                .disk_full_timeout_ms = c->job.disk_full_timeout_ms,
                                .no_workers_timeout_ms = c->job.no_workers_timeout_ms };
        cs_dispatch_add(c->dispatch, &job, now_ms(c), &c->dispatch_actions);
        break;
    }
    case CS_BATCH_REDISPATCH:
        cs_dispatch_again(c->dispatch, JOB, action->redispatch.task, action->redispatch.error,
                          now_ms(c), &c->dispatch_actions);
        break;
    case CS_BATCH_CANCEL_TASKS:
        cs_dispatch_cancel(c->dispatch, JOB, now_ms(c), &c->dispatch_actions);
        break;
    case CS_BATCH_FREE_PLAN:
        cs_plan_free(action->plan.plan);
        break;
    case CS_BATCH_REPORT:
        sim_trace(c->process.world, c->process.name, "batch %" PRIu64 " is version %" PRId64 "%s",
                  action->report->batch, action->report->table_version,
                  action->report->was_there ? " already" : "");
        break;
    case CS_BATCH_NOTICE:
        notice(c, action->notice.level, action->notice.text);
        break;
    case CS_BATCH_END:
        ended(c, action->end.error);
        break;
    default:
        ask_io(c, action);
        break;
    }
}

static void send(sim_coordinator *c, const cs_dispatch_action *action)
{
    sim_world *world = c->process.world;
    uint64_t connection;
    memcpy(&connection, action->peer.bytes, sizeof connection);
    sim_worker *worker = sim_worker_of(world, c, connection);
    if (worker == NULL) {
        uint64_t *number = cs_xcalloc(1, sizeof *number);
        *number = connection;
        sim_at(world, SIM_MS, gone, c, number);
        return;
    }
    cs_arena arena = CS_ARENA_INIT;
    cs_buf out = CS_BUF_INIT;
    cs_welcome welcome = { HEARTBEAT_MS, LEASE_MS };
    cs_task_context context = { c->job.table_path, c->job.worker_memory_bytes };
    cs_error error;
    if (cs_worker_message_pack(action, &welcome, &context, &arena, &out, &error) != CS_OK)
        sim_fail(world, "a message cannot be packed: %s", error.message);
    if (action->kind == CS_DISPATCH_SEND_TASK)
        sim_trace(world, c->process.name, "task %u.%u of batch %" PRIu64 " to %s", action->key.task,
                  action->key.attempt, action->key.batch, sim_worker_process(worker)->name);
    sim_send(world, sim_worker_take, worker, c, connection, cs_buf_str(&out));
    cs_buf_done(&out);
    cs_arena_done(&arena);
}

/* Errors that a refusal at the start has, and a loser of the race for a version. */
static bool is_refusal(cs_code code)
{
    return code == CS_E_TABLE_REPLACED || code == CS_E_CHECKPOINT_MISMATCH || code == CS_E_CONFLICT;
}

static bool is_expected(const sim_coordinator *c, const cs_error *error)
{
    const sim_world *world = c->process.world;
    switch (error->code) {
    case CS_E_CANCELLED:
    case CS_E_DISK_FULL:
    case CS_E_IO:
    case CS_E_QUERY_FAILED: /* too many workers died */
        return world->settings.n_faults > 0;
    case CS_E_CHECKPOINT_IN_USE:
        return world->two_at_once; /* either may be the later one to take an epoch */
    case CS_E_SOURCE_CHANGED:
    case CS_E_MALFORMED_FILE:
        return world->settings.changes;
    case CS_E_MISSING_FILE:
    case CS_E_DAMAGED_LOG: /* its files went one by one, under our eyes */
        return world->settings.story == SIM_REPLACED_TABLE && world->story_told;
    case CS_E_CONFLICT: /* another one is ahead, or a plan that --replan had set aside was committed
                           late */
        return world->settings.replan || world->two_at_once || world->story_told;
    default:
        /* Who is behind another one is refused; that nobody gets on any more would be noticed at
         * the end. */
        return is_refusal(error->code) && (world->story_told || world->two_at_once);
    }
}

static void ended(sim_coordinator *c, const cs_error *error)
{
    sim_world *world = c->process.world;
    c->ended = true;
    sim_trace(world, c->process.name, "ends: %s", error == NULL ? "well" : error->message);
    if (error == NULL)
        return;
    if (!is_expected(c, error))
        sim_fail(world, "%s ended: %s: %s", c->process.name, cs_code_name(error->code),
                 error->message);
    if (is_refusal(error->code) && world->story_told && world->current == c)
        world->refused = true;
    if (error->code == CS_E_SOURCE_CHANGED)
        world->settings.replan = true; /* what the message says to do */
}

/* --- the I/O thread --- */

static void ask_io(sim_coordinator *c, const cs_batch_action *action)
{
    sim_world *world = c->process.world;
    io_action *copy = cs_xcalloc(1, sizeof *copy);
    copy->action = *action;
    if (c->io_last != NULL)
        c->io_last->next = copy;
    else
        c->io_first = copy;
    c->io_last = copy;
    if (c->io_first == copy && !c->io_busy)
        sim_at(world, sim_draw(world, 50, 2 * SIM_MS), run_io, c, NULL);
}

static void run_io(sim_world *world, void *who, void *what)
{
    sim_coordinator *c = who;
    (void)what;
    if (sim_put_off(&c->process, run_io, who, what))
        return;
    if (c->process.dead || c->io_busy || c->io_first == NULL)
        return;
    io_action *first = c->io_first;
    c->io_first = first->next;
    if (c->io_first == NULL)
        c->io_last = NULL;
    if (first->action.kind == CS_BATCH_LIST) {
        while (c->hints != NULL) {
            io_hint *hint = c->hints;
            c->hints = hint->next;
            cs_query_io_hint(c->io, cs_str_of(hint->name), hint->closed);
            free(hint);
        }
    }
    if (first->action.kind == CS_BATCH_SAVE_PLAN) {
        sim_check_saving(world->check, first->action.plan.plan);
        c->saving = cs_digest63(&first->action.plan.plan->digest);
    }
    static const char *const names[] = { "recover", "list",  "save plan", "check parts",
                                         "commit",  "flush", "clean" };
    sim_trace(world, c->process.name, "i/o: %s", names[first->action.kind]);
    c->io_busy = true;
    c->in_hand = &first->action;
    cs_batch_event *event = cs_xcalloc(1, sizeof *event);
    cs_query_io_run(c->io, &first->action, event);
    c->in_hand = NULL;
    c->io_busy = false;
    free(first);
    if (event->kind == CS_BATCH_IO_FAILED)
        sim_trace(world, c->process.name, "i/o failed: %s", event->error.message);
    sim_at(world, sim_draw(world, 10, sim_chance(world, 0.1) ? 50 * SIM_MS : SIM_MS), answer, c,
           event);
    if (c->io_first != NULL)
        sim_at(world, sim_draw(world, 50, 2 * SIM_MS), run_io, c, NULL);
}

static void answer(sim_world *world, void *who, void *what)
{
    sim_coordinator *c = who;
    cs_batch_event *event = what;
    if (sim_put_off(&c->process, answer, who, what))
        return;
    if (c->process.dead || c->ended) {
        if (event->kind == CS_BATCH_RECOVERED)
            cs_plan_free(event->recovered.plan);
        else if (event->kind == CS_BATCH_LISTED)
            cs_plan_free(event->listed.plan);
        free(event);
        return;
    }
    if (event->kind == CS_BATCH_COMMITTED)
        sim_check_committed(world->check, event->committed.version);
    step_batch(c, event);
    drain(c);
    free(event);
}
