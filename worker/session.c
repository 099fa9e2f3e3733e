/* The coordinator is the one who decides; this side only never forgets what it has in hand, says it
 * again until it is heard, and says HELLO when it is not sure to be known. */
#include "worker/session.h"

#include "common/base/fault.h"
#include "common/base/limits.h"

#define HELLO_FIRST_MS 100
#define HELLO_MOST_MS 2000
#define ANSWER_FIRST_MS 500
#define ANSWER_MOST_MS 5000
/* The coordinator gives a sign of life about once a second; when it is silent for half a lease,
 * something is wrong, and there is still time to be heard. */
#define SILENCE_LEAST_MS 3000

typedef struct step {
    cs_session *session;
    int64_t now_ms;
    cs_session_actions *actions;
} step;

static void on_welcome(step *s, const cs_session_event *event);
static void on_task(step *s, const cs_task_key *key);
static void on_confirm(step *s, const cs_task_key *key);
static void on_cancel(step *s, const cs_task_key *key);
static void on_done(step *s);
static void on_tick(step *s);
static void say_hello(step *s);
static void send_answer(step *s);
static void forget_answer(step *s);
static void leave(step *s, const cs_error *error);
static void settle_state(cs_session *session);
static int64_t doubled(int64_t wait_ms, int64_t most_ms);
static cs_session_action *act(step *s, cs_session_action_kind kind);

void cs_session_init(cs_session *session)
{
    memset(session, 0, sizeof *session);
    session->state = CS_SESSION_CONNECTING;
    session->heartbeat_ms = CS_HEARTBEAT_MS;
    session->silence_ms = SILENCE_LEAST_MS;
    session->hello_at = session->heartbeat_at = session->answer_at = INT64_MAX;
}

void cs_session_step(cs_session *session, const cs_session_event *event, int64_t now_ms,
                     cs_session_actions *actions)
{
    step s = { session, now_ms, actions };
    actions->count = 0;
    if (session->state == CS_SESSION_ENDED)
        return;
    if (event->kind >= CS_SESSION_WELCOME && event->kind <= CS_SESSION_LEAVE)
        session->heard_at = now_ms;
    switch (event->kind) {
    case CS_SESSION_START:
        session->heard_at = now_ms;
        say_hello(&s);
        break;
    case CS_SESSION_WELCOME:
        on_welcome(&s, event);
        break;
    case CS_SESSION_WHO:
        session->hello_wait_ms = 0;
        say_hello(&s);
        break;
    case CS_SESSION_TASK:
        on_task(&s, &event->key);
        break;
    case CS_SESSION_CONFIRM:
        on_confirm(&s, &event->key);
        break;
    case CS_SESSION_CANCEL:
        on_cancel(&s, &event->key);
        break;
    case CS_SESSION_LEAVE:
        leave(&s, event->error);
        break;
    case CS_SESSION_DONE:
        on_done(&s);
        break;
    case CS_SESSION_TICK:
        on_tick(&s);
        break;
    case CS_SESSION_STOP:
        session->stopping = true;
        if (!session->running && !session->answered)
            leave(&s, NULL);
        break;
    }
    settle_state(session);
}

int64_t cs_session_deadline(const cs_session *session)
{
    if (session->state == CS_SESSION_ENDED)
        return INT64_MAX;
    int64_t at = session->hello_at;
    if (session->welcomed && session->heartbeat_at < at)
        at = session->heartbeat_at;
    if (session->welcomed && session->answered && session->answer_at < at)
        at = session->answer_at;
    if (session->heard_at + session->silence_ms < at)
        at = session->heard_at + session->silence_ms;
    return at;
}

/* --- messages --- */

/* The first one ends CONNECTING; later ones are signs of life. */
static void on_welcome(step *s, const cs_session_event *event)
{
    cs_session *session = s->session;
    session->heartbeat_ms = event->welcome.heartbeat_ms;
    int64_t half_ms = event->welcome.lease_ms / 2;
    session->silence_ms = half_ms > SILENCE_LEAST_MS ? half_ms : SILENCE_LEAST_MS;
    if (session->welcomed)
        return;
    session->welcomed = true;
    session->hello_at = INT64_MAX;
    session->hello_wait_ms = 0;
    session->heartbeat_at = s->now_ms + session->heartbeat_ms;
    if (session->answered)
        send_answer(s);
}

/* At most one task at a time: what comes on top of it is either the same message once more, or a
 * mistake that the next heartbeat clears up. */
static void on_task(step *s, const cs_task_key *key)
{
    cs_session *session = s->session;
    if (session->answered && cs_task_key_eq(key, &session->key)) {
        send_answer(s);
        return;
    }
    if (session->running || session->answered || session->stopping || !session->welcomed)
        return;
    session->running = true;
    session->cancelled = false;
    session->key = *key;
    cs_session_action *action = act(s, CS_SESSION_RUN);
    action->has_key = true;
    action->key = *key;
}

static void on_confirm(step *s, const cs_task_key *key)
{
    cs_session *session = s->session;
    if (session->answered && cs_task_key_eq(key, &session->key))
        forget_answer(s);
}

static void on_cancel(step *s, const cs_task_key *key)
{
    cs_session *session = s->session;
    if (!cs_task_key_eq(key, &session->key))
        return;
    if (session->answered) {
        forget_answer(s);
    } else if (session->running && !session->cancelled) {
        session->cancelled = true;
        act(s, CS_SESSION_CANCEL_RUN);
    }
}

static void on_done(step *s)
{
    cs_session *session = s->session;
    session->running = false;
    session->answered = true;
    if (session->cancelled) {
        forget_answer(s);
        return;
    }
    session->answer_wait_ms = 0;
    if (session->welcomed)
        send_answer(s);
}

/* --- time --- */

static void on_tick(step *s)
{
    cs_session *session = s->session;
    if (s->now_ms - session->heard_at >= session->silence_ms) {
        /* Perhaps it is another one now, or the connection only seems to live. */
        session->heard_at = s->now_ms;
        act(s, CS_SESSION_RECONNECT);
        session->hello_wait_ms = 0;
        say_hello(s);
        return;
    }
    if (session->hello_at <= s->now_ms)
        say_hello(s);
    if (session->welcomed && session->heartbeat_at <= s->now_ms) {
        cs_session_action *action = act(s, CS_SESSION_SEND_HEARTBEAT);
        action->has_key = session->running || session->answered;
        action->key = session->key;
        session->heartbeat_at = s->now_ms + session->heartbeat_ms;
    }
    if (session->welcomed && session->answered && session->answer_at <= s->now_ms &&
        !CS_MUTANT("answer_sent_once"))
        send_answer(s);
}

static void say_hello(step *s)
{
    cs_session *session = s->session;
    session->welcomed = false;
    session->hello_wait_ms = session->hello_wait_ms == 0
                                 ? HELLO_FIRST_MS
                                 : doubled(session->hello_wait_ms, HELLO_MOST_MS);
    session->hello_at = s->now_ms + session->hello_wait_ms;
    cs_session_action *action = act(s, CS_SESSION_SEND_HELLO);
    action->has_key = session->running || session->answered;
    action->key = session->key;
}

static void send_answer(step *s)
{
    cs_session *session = s->session;
    session->answer_wait_ms = session->answer_wait_ms == 0
                                  ? ANSWER_FIRST_MS
                                  : doubled(session->answer_wait_ms, ANSWER_MOST_MS);
    session->answer_at = s->now_ms + session->answer_wait_ms;
    cs_session_action *action = act(s, CS_SESSION_SEND_ANSWER);
    action->has_key = true;
    action->key = session->key;
}

/* Idle again: a heartbeat says so at once, since the coordinator believes it from nobody else. */
static void forget_answer(step *s)
{
    cs_session *session = s->session;
    bool was_cancelled = session->cancelled;
    session->answered = false;
    session->cancelled = false;
    session->answer_at = INT64_MAX;
    act(s, CS_SESSION_DROP_ANSWER);
    if (session->stopping) {
        leave(s, NULL);
    } else if (session->welcomed && was_cancelled) {
        act(s, CS_SESSION_SEND_HEARTBEAT);
        session->heartbeat_at = s->now_ms + session->heartbeat_ms;
    }
}

static void leave(step *s, const cs_error *error)
{
    cs_session *session = s->session;
    if (error == NULL)
        act(s, CS_SESSION_SEND_BYE);
    else
        session->error = *error;
    if (session->running)
        act(s, CS_SESSION_CANCEL_RUN);
    cs_session_action *action = act(s, CS_SESSION_END);
    action->error = error == NULL ? NULL : &session->error;
    session->state = CS_SESSION_ENDED;
}

/* --- helpers --- */

/* The one place where the state follows from what is in hand. */
static void settle_state(cs_session *session)
{
    if (session->state == CS_SESSION_ENDED)
        return;
    if (!session->welcomed)
        session->state = CS_SESSION_CONNECTING;
    else if (session->running)
        session->state = CS_SESSION_RUNNING;
    else
        session->state = session->answered ? CS_SESSION_ACKING : CS_SESSION_IDLE;
}

static int64_t doubled(int64_t wait_ms, int64_t most_ms)
{
    return 2 * wait_ms < most_ms ? 2 * wait_ms : most_ms;
}

static cs_session_action *act(step *s, cs_session_action_kind kind)
{
    cs_session_action *action = &s->actions->items[s->actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}
