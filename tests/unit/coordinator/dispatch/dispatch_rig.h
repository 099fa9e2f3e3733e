/* Drives the dispatch machine for its tests: it is told events, and its actions are compared as
 * text: "A<task 0.1" says that attempt 1 of task 0 was sent to the worker A, "!accepted 0" goes to
 * the job. */
#ifndef CS_TESTS_DISPATCH_RIG_H
#define CS_TESTS_DISPATCH_RIG_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "coordinator/dispatch/dispatch.h"

#define LEASE_MS 10000

typedef struct rig {
    cs_dispatch *dispatch;
    cs_dispatch_actions actions;
    int64_t now_ms;
    char text[4096];
    cs_error error;  /* of the last FAILED or LEAVE */
    cs_task_key key; /* of the last TASK */
    const cs_task_result *result;
} rig;

static inline cs_peer peer_of(char letter)
{
    cs_peer peer = { .len = 5 };
    memset(peer.bytes, letter, 5);
    return peer;
}

static inline cs_plan *plan_of(uint64_t batch, uint32_t n_tasks)
{
    cs_plan *plan = cs_xcalloc(1, sizeof *plan);
    plan->batch = batch;
    memset(plan->digest.bytes, (int)batch + 1, sizeof plan->digest.bytes);
    plan->n_files = plan->n_splits = plan->n_tasks = n_tasks;
    plan->files = cs_arena_array(&plan->arena, cs_source_file, n_tasks);
    plan->splits = cs_arena_array(&plan->arena, cs_split, n_tasks);
    plan->tasks = cs_arena_array(&plan->arena, cs_plan_task, n_tasks);
    for (uint32_t i = 0; i < n_tasks; i++) {
        plan->files[i].path = cs_str_of(cs_arena_printf(&plan->arena, "in-%u.csv", i));
        plan->splits[i].file = i;
        plan->tasks[i] = (cs_plan_task){ .first_split = i, .n_splits = 1 };
    }
    return plan;
}

static inline cs_uuid stream_of(cs_job_id job)
{
    cs_uuid stream;
    memset(stream.bytes, (int)job, sizeof stream.bytes);
    return stream;
}

/* What the actions say, and an empty list after. Signs of life and notices are left out. */
static inline const char *take(rig *r)
{
    static const char *const names[] = {
        [CS_DISPATCH_SEND_WELCOME] = "welcome", [CS_DISPATCH_SEND_WHO] = "who",
        [CS_DISPATCH_SEND_TASK] = "task",       [CS_DISPATCH_SEND_CONFIRM] = "confirm",
        [CS_DISPATCH_SEND_CANCEL] = "cancel",   [CS_DISPATCH_SEND_LEAVE] = "leave",
    };
    r->text[0] = '\0';
    size_t len = 0;
    for (size_t i = 0; i < r->actions.count; i++) {
        const cs_dispatch_action *action = &r->actions.items[i];
        char piece[128];
        switch (action->kind) {
        case CS_DISPATCH_SEND_TASK:
            assert_non_null(action->plan);
            r->key = action->key;
            /* fall through */
        case CS_DISPATCH_SEND_CONFIRM:
        case CS_DISPATCH_SEND_CANCEL:
            snprintf(piece, sizeof piece, "%c<%s %u.%u", action->peer.bytes[0], names[action->kind],
                     action->key.task, action->key.attempt);
            break;
        case CS_DISPATCH_SEND_LEAVE:
            r->error = *action->error;
            snprintf(piece, sizeof piece, "%c<leave", action->peer.bytes[0]);
            break;
        case CS_DISPATCH_ACCEPTED:
            r->result = action->accepted.result;
            snprintf(piece, sizeof piece, "!accepted %u", action->accepted.task);
            break;
        case CS_DISPATCH_FAILED:
            r->error = *action->error;
            snprintf(piece, sizeof piece, "!failed %s", cs_code_name(action->error->code));
            break;
        case CS_DISPATCH_WORKERS:
            snprintf(piece, sizeof piece, "workers %u", action->workers);
            break;
        case CS_DISPATCH_NOTICE:
            continue;
        default:
            snprintf(piece, sizeof piece, "%c<%s", action->peer.bytes[0], names[action->kind]);
            break;
        }
        len += (size_t)snprintf(r->text + len, sizeof r->text - len, "%s%s", len > 0 ? "; " : "",
                                piece);
    }
    r->actions.count = 0;
    return r->text;
}

static inline const char *on(rig *r, cs_dispatch_event event)
{
    cs_dispatch_step(r->dispatch, &event, r->now_ms, &r->actions);
    return take(r);
}

#define EXPECT(rig, event, text) assert_string_equal(on((rig), (event)), (text))

static inline cs_dispatch_event hello_as(char letter, const char *name, uint64_t pid)
{
    return (cs_dispatch_event){
        .kind = CS_DISPATCH_HELLO,
        .peer = peer_of(letter),
        .hello = { .name = cs_str_of(name), .version = CS_STR("1.0"), .pid = pid }
    };
}

static inline cs_dispatch_event hello(char letter)
{
    static char name[2];
    name[0] = letter;
    return hello_as(letter, name, (uint64_t)letter);
}

static inline cs_dispatch_event back_with(char letter, cs_task_key key)
{
    cs_dispatch_event event = hello(letter);
    event.hello.has_running = true;
    event.hello.running = key;
    return event;
}

static inline cs_task_key key_of(uint32_t task, uint32_t attempt)
{
    return (cs_task_key){ .stream = stream_of(1),
                          .epoch = 4,
                          .batch = 0,
                          .digest8 = 0x0101010101010101,
                          .task = task,
                          .attempt = attempt };
}

static inline cs_dispatch_event beat(char letter)
{
    return (cs_dispatch_event){ .kind = CS_DISPATCH_HEARTBEAT, .peer = peer_of(letter) };
}

static inline cs_dispatch_event busy_beat(char letter, cs_task_key key, uint64_t progress)
{
    cs_dispatch_event event = beat(letter);
    event.heartbeat.has_running = true;
    event.heartbeat.running = key;
    event.heartbeat.progress = progress;
    return event;
}

static inline cs_dispatch_event ack(char letter, cs_task_key key)
{
    static const cs_task_result result = { .rows_read = 5 };
    return (cs_dispatch_event){ .kind = CS_DISPATCH_ACK,
                                .peer = peer_of(letter),
                                .ack = { .key = key, .result = &result } };
}

static inline cs_dispatch_event nack(char letter, cs_task_key key, cs_code code, bool retriable)
{
    static cs_error error;
    (void)cs_error_set(&error, code, "it failed");
    error.retriable = retriable;
    return (cs_dispatch_event){ .kind = CS_DISPATCH_NACK,
                                .peer = peer_of(letter),
                                .nack = { .key = key, .error = &error } };
}

static inline cs_dispatch_event from(cs_dispatch_event_kind kind, char letter)
{
    return (cs_dispatch_event){ .kind = kind, .peer = peer_of(letter) };
}

#define TICK from(CS_DISPATCH_TICK, 0)

static inline rig new_rig(void)
{
    cs_dispatch_config config = { .version = CS_STR("1.0"),
                                  .heartbeat_ms = 500,
                                  .lease_ms = LEASE_MS };
    return (rig){ .dispatch = cs_dispatch_new(&config), .now_ms = 100000 };
}

static inline const char *add(rig *r, cs_job_id id, const cs_plan *plan)
{
    cs_dispatch_job job = { .job = id,
                            .stream = stream_of(id),
                            .epoch = 4,
                            .plan = plan,
                            .lease_ms = LEASE_MS,
                            .disk_full_timeout_ms = 60000,
                            .no_workers_timeout_ms = 60000 };
    cs_dispatch_add(r->dispatch, &job, r->now_ms, &r->actions);
    return take(r);
}

static inline const char *again(rig *r, uint32_t task)
{
    cs_error why;
    (void)cs_error_set(&why, CS_E_NOT_FOUND, "the part is not there");
    cs_dispatch_again(r->dispatch, 1, task, &why, r->now_ms, &r->actions);
    return take(r);
}

static inline const char *cancel(rig *r, cs_job_id id)
{
    cs_dispatch_cancel(r->dispatch, id, r->now_ms, &r->actions);
    return take(r);
}

/* The last of these is the one that lets time pass in steps, as a loop with timers does. Ticks are
 * taken as they fall due; signs of life are dropped; the first other text is returned. */
static inline const char *wait_until(rig *r, int64_t until_ms)
{
    for (;;) {
        int64_t at = cs_dispatch_deadline(r->dispatch);
        if (at > until_ms) {
            r->now_ms = until_ms;
            return "";
        }
        r->now_ms = at > r->now_ms ? at : r->now_ms;
        cs_dispatch_event tick = TICK;
        cs_dispatch_step(r->dispatch, &tick, r->now_ms, &r->actions);
        size_t kept = 0;
        for (size_t i = 0; i < r->actions.count; i++) {
            if (r->actions.items[i].kind != CS_DISPATCH_SEND_WELCOME)
                r->actions.items[kept++] = r->actions.items[i];
        }
        r->actions.count = kept;
        if (take(r)[0] != '\0')
            return r->text;
    }
}

/* Lets time pass while the named workers beat: idle, or with a task that gets on (or hangs) . */
static inline const char *beat_until(rig *r, int64_t until_ms, const cs_dispatch_event *beats,
                                     size_t n, bool grow)
{
    static uint64_t progress = 1000;
    while (r->now_ms < until_ms) {
        const char *text = wait_until(r, r->now_ms + 500 < until_ms ? r->now_ms + 500 : until_ms);
        if (text[0] != '\0')
            return text;
        for (size_t i = 0; i < n; i++) {
            cs_dispatch_event event = beats[i];
            if (grow)
                event.heartbeat.progress = progress++;
            text = on(r, event);
            if (text[0] != '\0')
                return text;
        }
    }
    return "";
}

static inline void done(rig *r)
{
    cs_dispatch_free(r->dispatch);
    cs_dispatch_actions_done(&r->actions);
}

#endif
