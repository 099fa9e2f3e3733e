/* A worker's side of the conversation with its coordinator, as a pure state machine: who am I, what
 * do I run, was my answer taken. The control thread drives it; the compute thread runs the one task
 * in hand.
 *
 *   CONNECTING ──welcome──▶ IDLE ──task──▶ RUNNING ──done──▶ ACKING ──confirm──▶ IDLE
 *
 * The driver keeps the message of the task that RUN names and the answer (Ack or Nack) of the task
 * that ended; the machine only knows their keys. */
#ifndef CS_WORKER_SESSION_H
#define CS_WORKER_SESSION_H

#include "common/base/error.h"
#include "common/wire/task_key.h"

typedef enum cs_session_state {
    CS_SESSION_CONNECTING, /* HELLO said, no answer yet; a task may be running still */
    CS_SESSION_IDLE,
    CS_SESSION_RUNNING,
    CS_SESSION_ACKING, /* the answer is sent again until it is confirmed */
    CS_SESSION_ENDED
} cs_session_state;

typedef enum cs_session_event_kind {
    CS_SESSION_START,
    /* messages */
    CS_SESSION_WELCOME,
    CS_SESSION_WHO, /* the coordinator does not know us */
    CS_SESSION_TASK,
    CS_SESSION_CONFIRM,
    CS_SESSION_CANCEL,
    CS_SESSION_LEAVE,
    /* from the compute thread: the task it ran is over, the driver holds the answer */
    CS_SESSION_DONE,
    /* from the driver */
    CS_SESSION_TICK, /* cs_session_deadline has come */
    CS_SESSION_STOP  /* finish the task in hand, deliver the answer, say BYE */
} cs_session_event_kind;

typedef struct cs_session_event {
    cs_session_event_kind kind;
    union {
        struct {
            int64_t heartbeat_ms, lease_ms;
        } welcome;
        cs_task_key key;       /* TASK, CONFIRM, CANCEL */
        const cs_error *error; /* LEAVE */
    };
} cs_session_event;

typedef enum cs_session_action_kind {
    CS_SESSION_SEND_HELLO,     /* with `key`, when has_key: the task in hand */
    CS_SESSION_SEND_HEARTBEAT, /* likewise; the driver adds progress and memory */
    CS_SESSION_SEND_ANSWER,    /* the Ack or Nack kept for `key` */
    CS_SESSION_SEND_BYE,
    CS_SESSION_RUN,         /* start the compute thread on the task of this event */
    CS_SESSION_CANCEL_RUN,  /* ask the compute thread to end soon; DONE still comes */
    CS_SESSION_DROP_ANSWER, /* it was taken, or nobody wants it */
    CS_SESSION_RECONNECT,   /* close the socket, open another */
    CS_SESSION_END          /* error: why (NULL: as asked) */
} cs_session_action_kind;

typedef struct cs_session_action {
    cs_session_action_kind kind;
    bool has_key;
    cs_task_key key;
    const cs_error *error; /* lives in the machine */
} cs_session_action;

/* No step has more. */
#define CS_SESSION_ACTIONS_MAX 6
typedef struct cs_session_actions {
    cs_session_action items[CS_SESSION_ACTIONS_MAX];
    size_t count;
} cs_session_actions;

typedef struct cs_session {
    cs_session_state state;
    bool welcomed;
    bool running;   /* the compute thread has `key` in hand */
    bool cancelled; /* its answer will not be sent */
    bool answered;  /* the answer of `key` waits for its confirm */
    bool stopping;
    cs_task_key key;
    int64_t heartbeat_ms, silence_ms;
    int64_t hello_at, heartbeat_at, answer_at; /* when to send next */
    int64_t hello_wait_ms, answer_wait_ms;
    int64_t heard_at; /* when the coordinator last spoke */
    cs_error error;
} cs_session;

void cs_session_init(cs_session *session);
/* Empties `actions` first. */
void cs_session_step(cs_session *session, const cs_session_event *event, int64_t now_ms,
                     cs_session_actions *actions);
/* When it wants a TICK; INT64_MAX: no need. */
int64_t cs_session_deadline(const cs_session *session);

#endif
