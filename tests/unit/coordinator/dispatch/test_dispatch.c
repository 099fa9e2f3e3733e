/* The machine is told events and answers with actions, which are compared as text: "A<task 0.1" says that
 * attempt 1 of task 0 was sent to the worker A, "!accepted 0" goes to the job. */
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
    cs_error error; /* of the last FAILED or LEAVE */
    cs_task_key key; /* of the last TASK */
    const cs_task_result *result;
} rig;

static cs_peer peer_of(char letter)
{
    cs_peer peer = { .len = 5 };
    memset(peer.bytes, letter, 5);
    return peer;
}

static cs_plan *plan_of(uint64_t batch, uint32_t n_tasks)
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

static cs_uuid stream_of(cs_job_id job)
{
    cs_uuid stream;
    memset(stream.bytes, (int)job, sizeof stream.bytes);
    return stream;
}

/* What the actions say, and an empty list after. Signs of life and notices are left out. */
static const char *take(rig *r)
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
            snprintf(piece, sizeof piece, "%c<%s %u.%u", action->peer.bytes[0], names[action->kind], action->key.task,
                     action->key.attempt);
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
        len += (size_t)snprintf(r->text + len, sizeof r->text - len, "%s%s", len > 0 ? "; " : "", piece);
    }
    r->actions.count = 0;
    return r->text;
}

static const char *on(rig *r, cs_dispatch_event event)
{
    cs_dispatch_step(r->dispatch, &event, r->now_ms, &r->actions);
    return take(r);
}

#define EXPECT(rig, event, text) assert_string_equal(on((rig), (event)), (text))

static cs_dispatch_event hello_as(char letter, const char *name, uint64_t pid)
{
    return (cs_dispatch_event){ .kind = CS_DISPATCH_HELLO,
                                .peer = peer_of(letter),
                                .hello = { .name = cs_str_of(name), .version = CS_STR("1.0"), .pid = pid } };
}

static cs_dispatch_event hello(char letter)
{
    static char name[2];
    name[0] = letter;
    return hello_as(letter, name, (uint64_t)letter);
}

static cs_dispatch_event back_with(char letter, cs_task_key key)
{
    cs_dispatch_event event = hello(letter);
    event.hello.has_running = true;
    event.hello.running = key;
    return event;
}

static cs_task_key key_of(uint32_t task, uint32_t attempt)
{
    return (cs_task_key){ .stream = stream_of(1), .epoch = 4, .batch = 0, .digest8 = 0x0101010101010101, .task = task, .attempt = attempt };
}

static cs_dispatch_event beat(char letter)
{
    return (cs_dispatch_event){ .kind = CS_DISPATCH_HEARTBEAT, .peer = peer_of(letter) };
}

static cs_dispatch_event busy_beat(char letter, cs_task_key key, uint64_t progress)
{
    cs_dispatch_event event = beat(letter);
    event.heartbeat.has_running = true;
    event.heartbeat.running = key;
    event.heartbeat.progress = progress;
    return event;
}

static cs_dispatch_event ack(char letter, cs_task_key key)
{
    static const cs_task_result result = { .rows_read = 5 };
    return (cs_dispatch_event){ .kind = CS_DISPATCH_ACK, .peer = peer_of(letter), .ack = { .key = key, .result = &result } };
}

static cs_dispatch_event nack(char letter, cs_task_key key, cs_code code, bool retriable)
{
    static cs_error error;
    (void)cs_error_set(&error, code, "it failed");
    error.retriable = retriable;
    return (cs_dispatch_event){ .kind = CS_DISPATCH_NACK, .peer = peer_of(letter), .nack = { .key = key, .error = &error } };
}

static cs_dispatch_event from(cs_dispatch_event_kind kind, char letter)
{
    return (cs_dispatch_event){ .kind = kind, .peer = peer_of(letter) };
}

#define TICK from(CS_DISPATCH_TICK, 0)

static rig new_rig(void)
{
    cs_dispatch_config config = { .version = CS_STR("1.0"), .heartbeat_ms = 500, .lease_ms = LEASE_MS };
    return (rig){ .dispatch = cs_dispatch_new(&config), .now_ms = 100000 };
}

static const char *add(rig *r, cs_job_id id, const cs_plan *plan)
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

static const char *again(rig *r, uint32_t task)
{
    cs_error why;
    (void)cs_error_set(&why, CS_E_NOT_FOUND, "the part is not there");
    cs_dispatch_again(r->dispatch, 1, task, &why, r->now_ms, &r->actions);
    return take(r);
}

static const char *cancel(rig *r, cs_job_id id)
{
    cs_dispatch_cancel(r->dispatch, id, r->now_ms, &r->actions);
    return take(r);
}

/* The last of these is the one that lets time pass in steps, as a loop with timers does. Ticks are taken as they
 * fall due; signs of life are dropped; the first other text is returned. */
static const char *wait_until(rig *r, int64_t until_ms)
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
static const char *beat_until(rig *r, int64_t until_ms, const cs_dispatch_event *beats, size_t n, bool grow)
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

static void done(rig *r)
{
    cs_dispatch_free(r->dispatch);
    cs_dispatch_actions_done(&r->actions);
}

static void tasks_go_to_free_workers_and_results_to_the_job(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 3);
    EXPECT(&r, hello('A'), "A<welcome; workers 1");
    EXPECT(&r, hello('B'), "B<welcome; workers 2");
    assert_string_equal(add(&r, 1, plan), "B<task 0.1; A<task 1.1");
    cs_dispatch_event event = ack('A', key_of(1, 1));
    EXPECT(&r, event, "!accepted 1; A<confirm 1.1; A<task 2.1");
    assert_ptr_equal(r.result, event.ack.result);
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    EXPECT(&r, ack('A', key_of(2, 1)), "!accepted 2; A<confirm 2.1");
    assert_string_equal(cancel(&r, 1), "");
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 0);
    cs_plan_free(plan);
    done(&r);
}

static void doubled_ack_is_confirmed_and_counts_once(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1; A<task 1.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "A<confirm 0.1");
    EXPECT(&r, ack('A', key_of(1, 1)), "!accepted 1; A<confirm 1.1");
    cs_plan_free(plan);
    done(&r);
}

static void stale_answers_are_confirmed_counted_and_refused(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_task_key keys[6];
    for (int i = 0; i < 6; i++)
        keys[i] = key_of(0, 1);
    keys[0].stream = stream_of(2);
    keys[1].epoch = 3;
    keys[2].batch = 1;
    keys[3].digest8++;
    keys[4].attempt = 2;
    keys[5].task = 1;
    for (int i = 0; i < 6; i++) {
        const char *text = on(&r, ack('A', keys[i]));
        assert_null(strstr(text, "accepted"));
        assert_non_null(strstr(text, "A<confirm"));
        text = on(&r, nack('A', keys[i], CS_E_IO, false));
        assert_null(strstr(text, "failed"));
    }
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 12);
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void lease_lives_by_progress_alone(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('B', key_of(0, 1), 7), beat('A') };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 2, true), ""); /* it gets on */
    int64_t hung_ms = r.now_ms;
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 2, false), "B<cancel 0.1; A<task 0.2");
    assert_in_range(r.now_ms - hung_ms, LEASE_MS - 500, LEASE_MS + 1000);
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).expired, 1);
    /* It wakes up, too late. */
    EXPECT(&r, ack('B', key_of(0, 1)), "B<confirm 0.1");
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 1);
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void answer_after_the_lease_is_welcome_until_another_attempt_is_out(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), "A<cancel 0.1"); /* nobody else is there */
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void hung_worker_gets_no_task_until_it_says_that_it_is_free(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), "A<cancel 0.1");
    EXPECT(&r, beats[0], "A<cancel 0.1");
    EXPECT(&r, beat('A'), "A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void coordinator_that_stood_still_judges_nobody(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    r.now_ms += 10 * LEASE_MS;
    EXPECT(&r, TICK, "A<welcome");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void lost_task_message_is_sent_again(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, beat('A'), ""); /* may have crossed it */
    r.now_ms += 1000;
    EXPECT(&r, beat('A'), "A<task 0.1"); /* the same attempt */
    cs_plan_free(plan);
    done(&r);
}

static void lost_confirm_is_sent_again(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    EXPECT(&r, busy_beat('A', key_of(0, 1), 9), "A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void dead_worker_hands_its_task_to_another(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "workers 1; A<task 0.2");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "");
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_leaves_hands_its_task_to_another(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_BYE, 'B'), "workers 1; A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void task_that_ends_four_workers_fails_the_job_and_names_its_files(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'A'), "workers 0");
    EXPECT(&r, hello('B'), "B<welcome; workers 1; B<task 0.2");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "workers 0");
    EXPECT(&r, hello('C'), "C<welcome; workers 1; C<task 0.3");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'C'), "workers 0");
    EXPECT(&r, hello('D'), "D<welcome; workers 1; D<task 0.4");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'D'), "workers 0; !failed QUERY_FAILED");
    assert_non_null(strstr(r.error.message, "4 workers"));
    assert_non_null(strstr(r.error.message, "in-0.csv"));
    assert_null(strstr(r.error.message, "in-1.csv"));
    cs_plan_free(plan);
    done(&r);
}

static void expired_lease_alone_ends_no_worker(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1; attempt <= 6; attempt++) {
        cs_dispatch_event beats[] = { busy_beat('A', key_of(0, attempt), 7) };
        char text[64];
        snprintf(text, sizeof text, "A<cancel 0.%u", attempt);
        assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), text);
        snprintf(text, sizeof text, "A<task 0.%u", attempt + 1);
        EXPECT(&r, beat('A'), text);
    }
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_dies_after_its_lease_counts_against_the_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    const char *letters = "ABCDE";
    for (uint32_t i = 0; i < 4; i++) {
        char text[64];
        cs_dispatch_event beats[] = { busy_beat(letters[i], key_of(0, i + 1), 7) };
        snprintf(text, sizeof text, "%c<cancel 0.%u", letters[i], i + 1);
        assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), text);
        if (i == 3)
            break;
        snprintf(text, sizeof text, "%c<welcome; workers 2; %c<task 0.%u", letters[i + 1], letters[i + 1], i + 2);
        EXPECT(&r, hello(letters[i + 1]), text);
        EXPECT(&r, from(CS_DISPATCH_GONE, letters[i]), "workers 1");
    }
    EXPECT(&r, from(CS_DISPATCH_GONE, 'D'), "workers 0; !failed QUERY_FAILED");
    cs_plan_free(plan);
    done(&r);
}

static void endless_expiry_fails_the_job(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1;; attempt++) {
        cs_dispatch_event beats[] = { busy_beat('A', key_of(0, attempt), 7) };
        const char *text = beat_until(&r, r.now_ms + 60000, beats, 1, false);
        if (strstr(text, "failed") != NULL) {
            assert_int_equal(attempt, CS_TASK_ATTEMPTS_MAX);
            break;
        }
        on(&r, beat('A'));
    }
    assert_non_null(strstr(r.error.message, "in-0.csv"));
    cs_plan_free(plan);
    done(&r);
}

static void retriable_failure_is_tried_on_another_worker_after_a_while(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_IO, true), "B<confirm 0.1");
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 100);
    assert_string_equal(wait_until(&r, r.now_ms + 100), "A<task 0.2");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_IO, true), "B<confirm 0.1"); /* doubled */
    EXPECT(&r, nack('A', key_of(0, 2), CS_E_IO, true), "A<confirm 0.2");
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 200);
    cs_plan_free(plan);
    done(&r);
}

static void retriable_failure_fails_the_job_after_ten_attempts(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1; attempt < 10; attempt++) {
        on(&r, nack('A', key_of(0, attempt), CS_E_IO, true));
        char text[64];
        snprintf(text, sizeof text, "A<task 0.%u", attempt + 1);
        cs_dispatch_event beats[] = { beat('A') };
        assert_string_equal(beat_until(&r, r.now_ms + 6000, beats, 1, false), text);
    }
    EXPECT(&r, nack('A', key_of(0, 10), CS_E_IO, true), "A<confirm 0.10; !failed IO_ERROR");
    assert_non_null(strstr(r.error.message, "10 times"));
    assert_non_null(strstr(r.error.message, "it failed"));
    cs_plan_free(plan);
    done(&r);
}

static void failure_that_is_not_retriable_fails_the_job_and_cancels_the_rest(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1; A<task 1.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_MALFORMED_RECORD, false),
           "B<confirm 0.1; !failed MALFORMED_RECORD; A<cancel 1.1");
    EXPECT(&r, ack('A', key_of(1, 1)), "A<confirm 1.1");
    cs_plan_free(plan);
    done(&r);
}

static void full_disk_of_a_worker_is_limited_by_time_not_by_attempts(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    int64_t started_ms = r.now_ms;
    uint32_t attempt = 1;
    for (;; attempt++) {
        const char *text = on(&r, nack('A', key_of(0, attempt), CS_E_DISK_FULL, true));
        if (strstr(text, "failed") != NULL)
            break;
        cs_dispatch_event beats[] = { beat('A') };
        beat_until(&r, r.now_ms + 6000, beats, 1, false);
    }
    assert_int_equal(r.error.code, CS_E_DISK_FULL);
    assert_in_range(r.now_ms - started_ms, 60000, 66000);
    assert_true(attempt > CS_TASK_ATTEMPTS_MAX);
    cs_plan_free(plan);
    done(&r);
}

static void file_that_no_worker_finds_fails_the_job_with_its_own_hint(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_MISSING_FILE, false), "B<confirm 0.1");
    assert_string_equal(wait_until(&r, r.now_ms + 200), "A<task 0.2");
    EXPECT(&r, nack('A', key_of(0, 2), CS_E_MISSING_FILE, false), "A<confirm 0.2; !failed MISSING_FILE");
    assert_non_null(strstr(r.error.hint, "do the workers not see the source folder"));
    cs_plan_free(plan);
    done(&r);
}

static void refused_part_makes_another_attempt_and_the_old_answer_stale(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    assert_string_equal(again(&r, 0), "");
    EXPECT(&r, ack('B', key_of(0, 1)), "B<confirm 0.1"); /* doubled: it was refused */
    assert_string_equal(wait_until(&r, r.now_ms + 200), "A<task 0.2");
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void jobs_take_turns(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 3);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    assert_string_equal(add(&r, 2, plan), "");
    assert_string_equal(add(&r, 3, plan), "");
    cs_job_id seen[9];
    seen[0] = 1;
    for (int i = 1; i < 9; i++) {
        on(&r, ack('A', r.key));
        seen[i] = r.key.stream.bytes[0];
    }
    for (int i = 0; i < 9; i += 3) {
        assert_int_equal(seen[i] + seen[i + 1] + seen[i + 2], 6);
        assert_true(seen[i] != seen[i + 1] && seen[i + 1] != seen[i + 2]);
    }
    cs_plan_free(plan);
    done(&r);
}

static void cancelled_job_lets_go_of_its_workers(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1), *other = plan_of(5, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    assert_string_equal(add(&r, 2, other), "");
    assert_string_equal(cancel(&r, 1), "A<cancel 0.1");
    cs_plan_free(plan);
    assert_string_equal(cancel(&r, 1), "");
    EXPECT(&r, beat('A'), "A<task 0.1");
    assert_int_equal(r.key.batch, 5);
    cs_plan_free(other);
    done(&r);
}

static void job_without_workers_fails_after_its_time(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    assert_string_equal(wait_until(&r, r.now_ms + 59999), "");
    assert_string_equal(wait_until(&r, r.now_ms + 1), "!failed NO_WORKERS");
    assert_int_equal(r.error.exit_status, 69);
    cs_plan_free(plan);
    done(&r);
}

static void time_without_workers_begins_when_the_last_one_goes(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    assert_string_equal(wait_until(&r, r.now_ms + 50000), "");
    EXPECT(&r, hello('A'), "A<welcome; workers 1; A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 70000, beats, 1, true), "");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'A'), "workers 0");
    assert_string_equal(wait_until(&r, r.now_ms + 59999), "");
    assert_string_equal(wait_until(&r, r.now_ms + 1), "!failed NO_WORKERS");
    cs_plan_free(plan);
    done(&r);
}

static void silent_worker_is_forgotten_and_asked_who_it_is(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    assert_string_equal(wait_until(&r, r.now_ms + 60000), "workers 0");
    EXPECT(&r, beat('A'), "A<who");
    EXPECT(&r, hello('A'), "A<welcome; workers 1");
    done(&r);
}

static void known_workers_get_a_sign_of_life_each_second(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 1000);
    r.now_ms += 1000;
    EXPECT(&r, TICK, "A<welcome");
    done(&r);
}

static void worker_of_another_version_has_to_leave(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_dispatch_event event = hello('A');
    event.hello.version = CS_STR("0.9\x1b");
    EXPECT(&r, event, "A<leave");
    assert_int_equal(r.error.exit_status, 69);
    assert_non_null(strstr(r.error.message, "0.9\\x1b"));
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).workers, 0);
    done(&r);
}

static void second_worker_of_a_name_has_to_leave_while_the_first_lives(void **state)
{
    (void)state;
    rig r = new_rig();
    EXPECT(&r, hello_as('A', "w1", 10), "A<welcome; workers 1");
    EXPECT(&r, hello_as('B', "w1", 11), "A<welcome"); /* are you there? */
    r.now_ms += 400;
    EXPECT(&r, beat('A'), "");
    EXPECT(&r, hello_as('B', "w1", 11), "B<leave");
    assert_non_null(strstr(r.error.message, "'w1' (pid 10)"));
    done(&r);
}

static void restarted_worker_takes_the_place_of_its_former_self(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    EXPECT(&r, hello_as('A', "w1", 10), "A<welcome; workers 1");
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, hello_as('B', "w1", 11), "A<welcome");
    r.now_ms += 200;
    EXPECT(&r, hello_as('B', "w1", 11), "");
    r.now_ms += 1300;
    EXPECT(&r, hello_as('B', "w1", 11), "workers 0; B<welcome; workers 1; B<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_keeps_its_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, back_with('B', key_of(0, 1)), "workers 1; B<welcome; workers 2");
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_empty_handed_frees_its_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, hello('A'), "workers 0; A<welcome; workers 1; A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_with_a_stale_task_is_told_to_drop_it(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    cs_task_key former = key_of(0, 1);
    former.epoch = 3; /* the coordinator was started anew meanwhile */
    EXPECT(&r, back_with('A', former), "A<welcome; A<cancel 0.1; workers 1");
    EXPECT(&r, beat('A'), "A<task 0.1");
    assert_int_equal(r.key.epoch, 4);
    cs_plan_free(plan);
    done(&r);
}

static void leaving_coordinator_tells_every_worker(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    on(&r, hello('B'));
    cs_error reason;
    (void)cs_error_set(&reason, CS_E_CANCELLED, "the coordinator ends");
    cs_dispatch_leave(r.dispatch, &reason, &r.actions);
    assert_string_equal(take(&r), "A<leave; B<leave");
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_go_to_free_workers_and_results_to_the_job),
        cmocka_unit_test(doubled_ack_is_confirmed_and_counts_once),
        cmocka_unit_test(stale_answers_are_confirmed_counted_and_refused),
        cmocka_unit_test(lease_lives_by_progress_alone),
        cmocka_unit_test(answer_after_the_lease_is_welcome_until_another_attempt_is_out),
        cmocka_unit_test(hung_worker_gets_no_task_until_it_says_that_it_is_free),
        cmocka_unit_test(coordinator_that_stood_still_judges_nobody),
        cmocka_unit_test(lost_task_message_is_sent_again),
        cmocka_unit_test(lost_confirm_is_sent_again),
        cmocka_unit_test(dead_worker_hands_its_task_to_another),
        cmocka_unit_test(worker_that_leaves_hands_its_task_to_another),
        cmocka_unit_test(task_that_ends_four_workers_fails_the_job_and_names_its_files),
        cmocka_unit_test(expired_lease_alone_ends_no_worker),
        cmocka_unit_test(worker_that_dies_after_its_lease_counts_against_the_task),
        cmocka_unit_test(endless_expiry_fails_the_job),
        cmocka_unit_test(retriable_failure_is_tried_on_another_worker_after_a_while),
        cmocka_unit_test(retriable_failure_fails_the_job_after_ten_attempts),
        cmocka_unit_test(failure_that_is_not_retriable_fails_the_job_and_cancels_the_rest),
        cmocka_unit_test(full_disk_of_a_worker_is_limited_by_time_not_by_attempts),
        cmocka_unit_test(file_that_no_worker_finds_fails_the_job_with_its_own_hint),
        cmocka_unit_test(refused_part_makes_another_attempt_and_the_old_answer_stale),
        cmocka_unit_test(jobs_take_turns),
        cmocka_unit_test(cancelled_job_lets_go_of_its_workers),
        cmocka_unit_test(job_without_workers_fails_after_its_time),
        cmocka_unit_test(time_without_workers_begins_when_the_last_one_goes),
        cmocka_unit_test(silent_worker_is_forgotten_and_asked_who_it_is),
        cmocka_unit_test(known_workers_get_a_sign_of_life_each_second),
        cmocka_unit_test(worker_of_another_version_has_to_leave),
        cmocka_unit_test(second_worker_of_a_name_has_to_leave_while_the_first_lives),
        cmocka_unit_test(restarted_worker_takes_the_place_of_its_former_self),
        cmocka_unit_test(worker_that_comes_back_keeps_its_task),
        cmocka_unit_test(worker_that_comes_back_empty_handed_frees_its_task),
        cmocka_unit_test(worker_that_comes_back_with_a_stale_task_is_told_to_drop_it),
        cmocka_unit_test(leaving_coordinator_tells_every_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
