/* A worker process: the real session and the real task. Its compute thread runs one task; the
 * control thread goes on meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/message.h"
#include "tests/sim/sim_world.h"
#include "worker/session.h"
#include "worker/task.h"

struct sim_worker {
    sim_process process;
    int slot;
    char worker_name[16];
    uint64_t pid, connection;
    sim_coordinator *to;
    cs_session session;
    cs_session_actions actions;
    uint64_t tick;
    int64_t tick_at_us;
    bool ended;
    /* the compute thread */
    bool computing, in_task;
    cs_arena task_arena;
    const Cs__Task *task;
    cs_task_control control;
    cs_store *stores[2]; /* open while in_task */
    int n_stores;
    cs_buf answer;
    int64_t beats;
};

static void step(sim_worker *w, const cs_session_event *event, const sim_bytes *bytes);
static void act(sim_worker *w, const cs_session_action *action, const sim_bytes *bytes);
static void tick(sim_world *world, void *who, void *what);
static void compute(sim_world *world, void *who, void *what);
static void computed(sim_world *world, void *who, void *what);

static int64_t now_ms(const sim_worker *w)
{
    return cs_clock_mono_ms(&w->process.world->clock);
}

sim_worker *sim_worker_start(sim_world *world, int slot)
{
    sim_worker *w = cs_xcalloc(1, sizeof *w);
    w->process.world = world;
    w->slot = slot;
    w->pid = ++world->last_pid;
    snprintf(w->process.name, sizeof w->process.name, "w%d#%" PRIu64, slot, w->pid);
    snprintf(w->worker_name, sizeof w->worker_name, "w%d", slot);
    if (world->n_workers == SIM_PROCESSES_MAX) {
        sim_fail(world, "%d workers were not enough", SIM_PROCESSES_MAX);
        world->n_workers--;
    }
    world->workers[world->n_workers++] = w;
    sim_trace(world, w->process.name, "starts");
    w->to = world->current;
    w->connection = cs_rng_u64(&world->ids.rng);
    w->tick_at_us = INT64_MAX;
    cs_session_init(&w->session);
    step(w, &(cs_session_event){ .kind = CS_SESSION_START }, NULL);
    return w;
}

void sim_worker_kill(sim_worker *w)
{
    if (w->process.dead)
        return;
    sim_trace(w->process.world, w->process.name, "is killed");
    w->process.dead = true;
    for (int i = 0; i < w->n_stores; i++)
        cs_store_mem_kill(w->stores[i]);
}

void sim_worker_ask(sim_worker *w)
{
    if (!sim_worker_is_alive(w))
        return;
    sim_trace(w->process.world, w->process.name, "is asked to end");
    step(w, &(cs_session_event){ .kind = CS_SESSION_STOP }, NULL);
}

bool sim_worker_is_alive(const sim_worker *w)
{
    return !w->process.dead && !w->ended;
}

int sim_worker_slot(const sim_worker *w)
{
    return w->slot;
}

sim_process *sim_worker_process(sim_worker *w)
{
    return &w->process;
}

bool sim_worker_has_store(const sim_worker *w, const cs_store *store)
{
    for (int i = 0; i < w->n_stores; i++) {
        if (w->stores[i] == store)
            return true;
    }
    return false;
}

sim_worker *sim_worker_of(sim_world *world, const sim_coordinator *coordinator, uint64_t connection)
{
    for (int i = 0; i < world->n_workers; i++) {
        sim_worker *w = world->workers[i];
        if (w->connection == connection && w->to == coordinator && sim_worker_is_alive(w))
            return w;
    }
    return NULL;
}

void sim_worker_done(sim_worker *w)
{
    cs_arena_done(&w->task_arena);
    cs_buf_done(&w->answer);
    free(w);
}

/* --- the control thread --- */

void sim_worker_take(sim_world *world, void *who, void *what)
{
    sim_worker *w = who;
    sim_bytes *bytes = what;
    if (sim_put_off(&w->process, sim_worker_take, who, what))
        return;
    cs_arena arena = CS_ARENA_INIT;
    Cs__ToWorker *message;
    cs_error error, reason;
    cs_session_event event = { 0 };
    if (!sim_worker_is_alive(w) || w->to != bytes->from || w->connection != bytes->connection)
        goto out;
    if (cs_wire_unpack_to_worker((cs_str){ bytes->bytes, bytes->len }, &arena, &message, &error) !=
        CS_OK) {
        sim_fail(world, "a message cannot be read: %s", error.message);
        goto out;
    }
    switch (message->body_case) {
    case CS__TO_WORKER__BODY_WELCOME:
        event.kind = CS_SESSION_WELCOME;
        event.welcome.heartbeat_ms = message->welcome->heartbeat_ms;
        event.welcome.lease_ms = message->welcome->lease_ms;
        break;
    case CS__TO_WORKER__BODY_TASK:
        event.kind = CS_SESSION_TASK;
        event.key = cs_wire_key_read(message->task->key);
        break;
    case CS__TO_WORKER__BODY_CONFIRM:
        event.kind = CS_SESSION_CONFIRM;
        event.key = cs_wire_key_read(message->confirm->key);
        break;
    case CS__TO_WORKER__BODY_CANCEL:
        event.kind = CS_SESSION_CANCEL;
        event.key = cs_wire_key_read(message->cancel->key);
        break;
    case CS__TO_WORKER__BODY_WHO:
        event.kind = CS_SESSION_WHO;
        break;
    default:
        event.kind = CS_SESSION_LEAVE;
        if (message->leave->reason != NULL) {
            (void)cs_wire_error_read(message->leave->reason,
                                     &reason); /* the code is in the error */
            event.error = &reason;
        }
        break;
    }
    step(w, &event, bytes);
out:
    cs_arena_done(&arena);
    free(bytes);
}

static void tick(sim_world *world, void *who, void *what)
{
    sim_worker *w = who;
    (void)world;
    if (sim_put_off(&w->process, tick, who, what))
        return;
    if (sim_worker_is_alive(w) && *(uint64_t *)what == w->tick) {
        w->tick_at_us = INT64_MAX;
        step(w, &(cs_session_event){ .kind = CS_SESSION_TICK }, NULL);
    }
    free(what);
}

/* bytes: of the task message, with TASK only. */
static void step(sim_worker *w, const cs_session_event *event, const sim_bytes *bytes)
{
    sim_world *world = w->process.world;
    cs_session_step(&w->session, event, now_ms(w), &w->actions);
    for (size_t i = 0; i < w->actions.count; i++)
        act(w, &w->actions.items[i], bytes);
    int64_t at_ms = cs_session_deadline(&w->session);
    if (w->ended || at_ms == INT64_MAX)
        return;
    int64_t delay_us = (at_ms - now_ms(w)) * SIM_MS;
    delay_us = delay_us < 0 ? 0 : delay_us;
    if (world->now_us + delay_us >= w->tick_at_us)
        return;
    w->tick_at_us = world->now_us + delay_us;
    uint64_t *number = cs_xcalloc(1, sizeof *number);
    *number = ++w->tick;
    sim_at(world, delay_us, tick, w, number);
}

static void send(sim_worker *w, cs_str bytes)
{
    sim_world *world = w->process.world;
    /* The endpoint is the same whoever listens there; a connection to a living zombie stays. */
    if (w->to == NULL || !sim_coordinator_is_alive(w->to))
        w->to = world->current;
    if (w->to != NULL)
        sim_send(world, sim_coordinator_take, w->to, w, w->connection, bytes);
}

static void send_message(sim_worker *w, const Cs__FromWorker *message)
{
    cs_buf out = CS_BUF_INIT;
    if (cs_wire_pack_from_worker(message, &out, NULL) == CS_OK)
        send(w, cs_buf_str(&out));
    cs_buf_done(&out);
}

static void act(sim_worker *w, const cs_session_action *action, const sim_bytes *bytes)
{
    sim_world *world = w->process.world;
    cs_arena arena = CS_ARENA_INIT;
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Hello hello = CS__HELLO__INIT;
    Cs__Heartbeat heartbeat = CS__HEARTBEAT__INIT;
    Cs__Bye bye = CS__BYE__INIT;
    char version[] = "sim";
    switch (action->kind) {
    case CS_SESSION_SEND_HELLO:
        hello.name = cs_wire_bytes(cs_str_of(w->worker_name));
        hello.version = version;
        hello.pid = w->pid;
        if (action->has_key)
            hello.running = cs_wire_key(&action->key, &arena);
        message.body_case = CS__FROM_WORKER__BODY_HELLO;
        message.hello = &hello;
        send_message(w, &message);
        break;
    case CS_SESSION_SEND_HEARTBEAT:
        heartbeat.progress = atomic_load(&w->control.progress);
        if (action->has_key)
            heartbeat.running = cs_wire_key(&action->key, &arena);
        message.body_case = CS__FROM_WORKER__BODY_HEARTBEAT;
        message.heartbeat = &heartbeat;
        send_message(w, &message);
        break;
    case CS_SESSION_SEND_ANSWER:
        send(w, cs_buf_str(&w->answer));
        break;
    case CS_SESSION_SEND_BYE:
        message.body_case = CS__FROM_WORKER__BODY_BYE;
        message.bye = &bye;
        send_message(w, &message);
        break;
    case CS_SESSION_RUN: {
        Cs__ToWorker *task;
        cs_arena_reset(&w->task_arena);
        if (cs_wire_unpack_to_worker((cs_str){ bytes->bytes, bytes->len }, &w->task_arena, &task,
                                     NULL) != CS_OK)
            abort();
        w->task = task->task;
        w->computing = true;
        atomic_store(&w->control.cancel, false);
        sim_at(world, sim_draw(world, 100, sim_chance(world, 0.1) ? 200 * SIM_MS : 5 * SIM_MS),
               compute, w, NULL);
        break;
    }
    case CS_SESSION_CANCEL_RUN:
        atomic_store(&w->control.cancel, true);
        break;
    case CS_SESSION_DROP_ANSWER:
        cs_buf_clear(&w->answer);
        break;
    case CS_SESSION_RECONNECT:
        w->to = world->current;
        w->connection = cs_rng_u64(&world->ids.rng);
        break;
    case CS_SESSION_END:
        sim_trace(world, w->process.name, "ends: %s",
                  action->error == NULL ? "well" : action->error->message);
        w->ended = true;
        break;
    }
    cs_arena_done(&arena);
}

/* --- the compute thread --- */

static cs_code open_store(void *ctx, cs_str root, bool may_create, cs_store **out, cs_error *err)
{
    sim_worker *w = ctx;
    cs_str below = { root.ptr + 1, root.len - 1 }; /* paths of a job are absolute */
    CS_TRY(cs_store_mem_open(w->process.world->disk, below, may_create, out, err));
    if (w->process.dead)
        cs_store_mem_kill(*out);
    w->stores[w->n_stores++] = *out;
    if (may_create && w->process.world->task_fails) {
        w->process.world->task_fails = false;
        *out = cs_store_fault_new(*out);
        cs_store_fault_set(*out, sim_draw_failure(w->process.world));
    }
    return CS_OK;
}

static void pack_ack(sim_worker *w, const cs_task_outcome *outcome)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Ack ack = CS__ACK__INIT;
    Cs__Output output = CS__OUTPUT__INIT, *outputs[] = { &output };
    Cs__Part part = CS__PART__INIT;
    ack.key = w->task->key;
    ack.rows_read = outcome->rows_read;
    ack.bytes_read = outcome->bytes_read;
    ack.n_outputs = outcome->n_parts; /* one part a task for now */
    ack.outputs = outputs;
    if (outcome->n_parts > 0) {
        part.path = cs_wire_bytes(outcome->parts->path);
        part.size_bytes = outcome->parts->size_bytes;
        part.rows = outcome->parts->rows;
        part.modified_ms = outcome->parts->modified_ms;
        part.checksum = outcome->parts->checksum;
        part.stats_json = cs_wire_bytes(outcome->parts->stats_json);
        output.kind_case = CS__OUTPUT__KIND_PART;
        output.part = &part;
    }
    message.body_case = CS__FROM_WORKER__BODY_ACK;
    message.ack = &ack;
    if (cs_wire_pack_from_worker(&message, &w->answer, NULL) != CS_OK)
        abort();
}

static void pack_nack(sim_worker *w, const cs_error *why)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Nack nack = CS__NACK__INIT;
    nack.key = w->task->key;
    nack.error = cs_wire_error(why, &w->task_arena);
    message.body_case = CS__FROM_WORKER__BODY_NACK;
    message.nack = &nack;
    if (cs_wire_pack_from_worker(&message, &w->answer, NULL) != CS_OK)
        abort();
}

static void compute(sim_world *world, void *who, void *what)
{
    sim_worker *w = who;
    if (w->process.dead || sim_put_off(&w->process, compute, who, what))
        return;
    cs_task_doors doors = { &world->clock, &world->ids.rng, open_store, w };
    cs_task_outcome outcome;
    cs_error error;
    w->in_task = true;
    cs_code code = cs_task_run(w->task, &doors, &w->control, &w->task_arena, &outcome, &error);
    w->in_task = false;
    w->n_stores = 0;
    if (w->process.dead)
        return;
    cs_buf_clear(&w->answer);
    if (code == CS_OK) {
        pack_ack(w, &outcome);
    } else {
        sim_trace(world, w->process.name, "task failed: %s", error.message);
        pack_nack(w, &error);
    }
    sim_at(world, sim_draw(world, 10, SIM_MS), computed, w, NULL);
}

static void computed(sim_world *world, void *who, void *what)
{
    sim_worker *w = who;
    (void)world;
    if (w->process.dead || sim_put_off(&w->process, computed, who, what))
        return;
    w->computing = false;
    if (!w->ended)
        step(w, &(cs_session_event){ .kind = CS_SESSION_DONE }, NULL);
}
