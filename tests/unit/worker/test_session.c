/* The machine is told events and answers with actions, which are compared as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/session.h"

typedef struct rig {
    cs_session session;
    cs_session_actions actions;
    int64_t now_ms;
    char text[256];
} rig;

static cs_task_key key_of(uint32_t task, uint32_t attempt)
{
    return (cs_task_key){ .epoch = 4, .batch = 9, .digest8 = 77, .task = task, .attempt = attempt };
}

static const char *on(rig *r, cs_session_event event)
{
    static const char *const names[] = {
        [CS_SESSION_SEND_HELLO] = "hello",
        [CS_SESSION_SEND_HEARTBEAT] = "beat",
        [CS_SESSION_SEND_ANSWER] = "answer",
        [CS_SESSION_SEND_BYE] = "bye",
        [CS_SESSION_RUN] = "run",
        [CS_SESSION_CANCEL_RUN] = "cancel",
        [CS_SESSION_DROP_ANSWER] = "drop",
        [CS_SESSION_RECONNECT] = "reconnect",
        [CS_SESSION_END] = "end",
    };
    cs_session_step(&r->session, &event, r->now_ms, &r->actions);
    r->text[0] = '\0';
    for (size_t i = 0; i < r->actions.count; i++) {
        const cs_session_action *action = &r->actions.items[i];
        size_t len = strlen(r->text);
        snprintf(r->text + len, sizeof r->text - len, "%s%s", i > 0 ? "; " : "",
                 names[action->kind]);
        len = strlen(r->text);
        if (action->has_key)
            snprintf(r->text + len, sizeof r->text - len, " %u.%u", action->key.task,
                     action->key.attempt);
    }
    return r->text;
}

#define EXPECT(rig, event, text) assert_string_equal(on((rig), (event)), (text))

static cs_session_event event_of(cs_session_event_kind kind)
{
    return (cs_session_event){ .kind = kind };
}

static cs_session_event with_key(cs_session_event_kind kind, uint32_t task, uint32_t attempt)
{
    return (cs_session_event){ .kind = kind, .key = key_of(task, attempt) };
}

static cs_session_event welcome(void)
{
    return (cs_session_event){ .kind = CS_SESSION_WELCOME,
                               .welcome = { .heartbeat_ms = 500, .lease_ms = 10000 } };
}

static rig new_rig(void)
{
    rig r = { .now_ms = 1000 };
    cs_session_init(&r.session);
    EXPECT(&r, event_of(CS_SESSION_START), "hello");
    assert_int_equal(r.session.state, CS_SESSION_CONNECTING);
    return r;
}

static rig idle_rig(void)
{
    rig r = new_rig();
    EXPECT(&r, welcome(), "");
    assert_int_equal(r.session.state, CS_SESSION_IDLE);
    return r;
}

static rig running_rig(void)
{
    rig r = idle_rig();
    EXPECT(&r, with_key(CS_SESSION_TASK, 3, 1), "run 3.1");
    assert_int_equal(r.session.state, CS_SESSION_RUNNING);
    return r;
}

static rig acking_rig(void)
{
    rig r = running_rig();
    EXPECT(&r, event_of(CS_SESSION_DONE), "answer 3.1");
    assert_int_equal(r.session.state, CS_SESSION_ACKING);
    return r;
}

static void task_is_run_answered_and_confirmed(void **state)
{
    (void)state;
    rig r = acking_rig();
    EXPECT(&r, with_key(CS_SESSION_CONFIRM, 3, 1), "drop");
    assert_int_equal(r.session.state, CS_SESSION_IDLE);
    EXPECT(&r, with_key(CS_SESSION_TASK, 4, 1), "run 4.1");
}

static void hello_is_said_again_until_welcome(void **state)
{
    (void)state;
    rig r = new_rig();
    int64_t waits[] = { 100, 200, 400, 800, 1600, 2000 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(cs_session_deadline(&r.session) - r.now_ms, waits[i]);
        r.now_ms = cs_session_deadline(&r.session);
        EXPECT(&r, event_of(CS_SESSION_TICK), "hello");
    }
    EXPECT(&r, welcome(), "");
    assert_int_equal(cs_session_deadline(&r.session) - r.now_ms, 500);
}

static void heartbeat_names_the_task_in_hand(void **state)
{
    (void)state;
    rig r = idle_rig();
    r.now_ms += 500;
    EXPECT(&r, event_of(CS_SESSION_TICK), "beat");
    EXPECT(&r, with_key(CS_SESSION_TASK, 3, 1), "run 3.1");
    r.now_ms += 500;
    EXPECT(&r, event_of(CS_SESSION_TICK), "beat 3.1");
    EXPECT(&r, event_of(CS_SESSION_DONE), "answer 3.1");
    r.now_ms += 500;
    EXPECT(&r, event_of(CS_SESSION_TICK), "beat 3.1; answer 3.1"); /* until it is confirmed */
}

static void answer_is_sent_again_until_confirmed(void **state)
{
    (void)state;
    rig r = acking_rig();
    r.now_ms += 499;
    EXPECT(&r, event_of(CS_SESSION_TICK), "");
    r.now_ms += 1;
    EXPECT(&r, event_of(CS_SESSION_TICK), "beat 3.1; answer 3.1");
    EXPECT(&r, with_key(CS_SESSION_CONFIRM, 3, 2), ""); /* of another attempt */
    EXPECT(&r, with_key(CS_SESSION_CONFIRM, 3, 1), "drop");
    EXPECT(&r, with_key(CS_SESSION_CONFIRM, 3, 1), ""); /* doubled */
    r.now_ms += 10000;
    EXPECT(&r, welcome(), "");
    EXPECT(&r, event_of(CS_SESSION_TICK), "beat");
}

static void doubled_task_message_is_not_run_twice(void **state)
{
    (void)state;
    rig r = running_rig();
    EXPECT(&r, with_key(CS_SESSION_TASK, 3, 1), "");
    EXPECT(&r, event_of(CS_SESSION_DONE), "answer 3.1");
    EXPECT(&r, with_key(CS_SESSION_TASK, 3, 1), "answer 3.1");
}

static void second_task_is_not_taken_on_top(void **state)
{
    (void)state;
    rig r = running_rig();
    EXPECT(&r, with_key(CS_SESSION_TASK, 5, 1), "");
    EXPECT(&r, event_of(CS_SESSION_DONE), "answer 3.1");
    EXPECT(&r, with_key(CS_SESSION_TASK, 5, 1), "");
}

static void cancelled_task_is_not_answered(void **state)
{
    (void)state;
    rig r = running_rig();
    EXPECT(&r, with_key(CS_SESSION_CANCEL, 3, 2), ""); /* not ours */
    EXPECT(&r, with_key(CS_SESSION_CANCEL, 3, 1), "cancel");
    EXPECT(&r, with_key(CS_SESSION_CANCEL, 3, 1), "");
    r.now_ms += 500;
    EXPECT(&r, event_of(CS_SESSION_TICK),
           "beat 3.1"); /* still in hand: the compute thread has not ended */
    EXPECT(&r, event_of(CS_SESSION_DONE), "drop; beat");
    assert_int_equal(r.session.state, CS_SESSION_IDLE);
    EXPECT(&r, with_key(CS_SESSION_TASK, 3, 2), "run 3.2");
}

static void cancel_while_acking_drops_the_answer(void **state)
{
    (void)state;
    rig r = acking_rig();
    EXPECT(&r, with_key(CS_SESSION_CANCEL, 3, 1), "drop");
    assert_int_equal(r.session.state, CS_SESSION_IDLE);
}

static void coordinator_that_does_not_know_us_gets_a_hello_with_the_task(void **state)
{
    (void)state;
    rig r = running_rig();
    EXPECT(&r, event_of(CS_SESSION_WHO), "hello 3.1");
    assert_int_equal(r.session.state, CS_SESSION_CONNECTING);
    EXPECT(&r, event_of(CS_SESSION_DONE), ""); /* not said to a stranger */
    EXPECT(&r, welcome(), "answer 3.1");
    assert_int_equal(r.session.state, CS_SESSION_ACKING);
}

static void silent_coordinator_is_connected_anew(void **state)
{
    (void)state;
    rig r = running_rig();
    int64_t heard_ms = r.now_ms;
    const char *text = "";
    while (strcmp(text, "") == 0 || strcmp(text, "beat 3.1") == 0) {
        r.now_ms = cs_session_deadline(&r.session);
        text = on(&r, event_of(CS_SESSION_TICK));
    }
    assert_string_equal(text, "reconnect; hello 3.1");
    assert_int_equal(r.now_ms - heard_ms, 5000); /* half a lease */
    r.now_ms += 4999;
    EXPECT(&r, welcome(), "");
    assert_int_equal(r.session.state, CS_SESSION_RUNNING);
}

static void stop_finishes_the_task_and_delivers_the_answer(void **state)
{
    (void)state;
    rig r = running_rig();
    EXPECT(&r, event_of(CS_SESSION_STOP), "");
    EXPECT(&r, event_of(CS_SESSION_DONE), "answer 3.1");
    EXPECT(&r, with_key(CS_SESSION_CONFIRM, 3, 1), "drop; bye; end");
    assert_int_equal(r.session.state, CS_SESSION_ENDED);
    assert_null(r.actions.items[2].error);
    EXPECT(&r, welcome(), "");
    assert_true(cs_session_deadline(&r.session) == INT64_MAX);
}

static void stop_of_an_idle_worker_says_bye(void **state)
{
    (void)state;
    rig r = idle_rig();
    EXPECT(&r, event_of(CS_SESSION_STOP), "bye; end");
}

static void leave_ends_the_worker_with_the_reason(void **state)
{
    (void)state;
    rig r = running_rig();
    cs_error reason;
    (void)cs_error_set(&reason, CS_E_UNREACHABLE, "another version");
    EXPECT(&r, ((cs_session_event){ .kind = CS_SESSION_LEAVE, .error = &reason }), "cancel; end");
    assert_string_equal(r.actions.items[1].error->message, "another version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_is_run_answered_and_confirmed),
        cmocka_unit_test(hello_is_said_again_until_welcome),
        cmocka_unit_test(heartbeat_names_the_task_in_hand),
        cmocka_unit_test(answer_is_sent_again_until_confirmed),
        cmocka_unit_test(doubled_task_message_is_not_run_twice),
        cmocka_unit_test(second_task_is_not_taken_on_top),
        cmocka_unit_test(cancelled_task_is_not_answered),
        cmocka_unit_test(cancel_while_acking_drops_the_answer),
        cmocka_unit_test(coordinator_that_does_not_know_us_gets_a_hello_with_the_task),
        cmocka_unit_test(silent_coordinator_is_connected_anew),
        cmocka_unit_test(stop_finishes_the_task_and_delivers_the_answer),
        cmocka_unit_test(stop_of_an_idle_worker_says_bye),
        cmocka_unit_test(leave_ends_the_worker_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
