/* Who works on what: the workers and the tasks of all jobs, as a pure state machine. Leases,
 * attempts, stale answers, fairness over jobs. The messages come in as events and go out as actions
 * in plain structs: no socket here.
 *
 * Whoever drives it: drain the socket, step for each message, then TICK when cs_dispatch_deadline
 * has come; carry out the actions in order. A send that ends in EHOSTUNREACH is answered with
 * CS_DISPATCH_GONE.
 *
 * Memory: pointers in events are borrowed during the call; pointers in actions point into the
 * event, the plan, or the machine, and live until the next call with an emptied list of actions. A
 * plan is borrowed from add until the job has failed or is cancelled. */
#ifndef CS_COORDINATOR_DISPATCH_DISPATCH_H
#define CS_COORDINATOR_DISPATCH_DISPATCH_H

#include "common/wire/net.h" /* cs_peer */
#include "common/wire/task_key.h"
#include "coordinator/batch.h"

/* A job, as the driver numbers it (never 0). */
typedef uint32_t cs_job_id;

typedef enum cs_dispatch_event_kind {
    CS_DISPATCH_HELLO,
    CS_DISPATCH_HEARTBEAT,
    CS_DISPATCH_ACK,
    CS_DISPATCH_NACK,
    CS_DISPATCH_BYE,
    CS_DISPATCH_GONE, /* the peer cannot be reached */
    CS_DISPATCH_TICK
} cs_dispatch_event_kind;

typedef struct cs_dispatch_event {
    cs_dispatch_event_kind kind;
    cs_peer peer; /* all but TICK: the worker's connection */
    union {
        struct {
            cs_str name, version;
            uint64_t pid, memory_bytes;
            bool has_running;
            cs_task_key running;
        } hello;
        struct {
            bool has_running;
            cs_task_key running;
            uint64_t progress, memory_bytes;
        } heartbeat;
        struct {
            cs_task_key key;
            const cs_task_result *result;
        } ack;
        struct {
            cs_task_key key;
            const cs_error *error;
        } nack;
    };
} cs_dispatch_event;

typedef enum cs_dispatch_action_kind {
    /* messages to `peer` */
    CS_DISPATCH_SEND_WELCOME, /* also a sign of life, about once a second */
    CS_DISPATCH_SEND_WHO,     /* a peer that we do not know: it shall say HELLO */
    CS_DISPATCH_SEND_TASK,
    CS_DISPATCH_SEND_CONFIRM,
    CS_DISPATCH_SEND_CANCEL,
    CS_DISPATCH_SEND_LEAVE,
    /* to a job's batch machine */
    CS_DISPATCH_ACCEPTED, /* CS_BATCH_TASK_ACKED */
    CS_DISPATCH_FAILED,   /* CS_BATCH_TASKS_FAILED; the job's other tasks are cancelled already */
    CS_DISPATCH_WORKERS,  /* the number of workers changed: CS_BATCH_WORKERS for every job */
    CS_DISPATCH_NOTICE    /* one log line; job 0: of no job */
} cs_dispatch_action_kind;

typedef struct cs_dispatch_action {
    cs_dispatch_action_kind kind;
    cs_peer peer;
    cs_job_id job;
    cs_task_key key; /* TASK, CONFIRM, CANCEL */
    union {
        const cs_plan *plan;   /* TASK: key.task is its index there */
        const cs_error *error; /* LEAVE, FAILED */
        struct {
            uint32_t task;
            const cs_task_result *result;
        } accepted;
        uint32_t workers;
        struct {
            cs_log_level level;
            const char *text;
        } notice;
    };
} cs_dispatch_action;

typedef struct cs_dispatch_actions {
    cs_dispatch_action *items;
    size_t count, cap;
} cs_dispatch_actions;

typedef struct cs_dispatch_config {
    cs_str version;       /* of this program: a worker of another one has to leave */
    int64_t heartbeat_ms; /* what Welcome tells the workers */
    int64_t lease_ms;
} cs_dispatch_config;

/* One job's batch. */
typedef struct cs_dispatch_job {
    cs_job_id job;
    cs_uuid stream;
    uint64_t epoch;
    const cs_plan *plan;
    int64_t lease_ms;
    int64_t disk_full_timeout_ms;  /* of a worker's disk; negative: no limit */
    int64_t no_workers_timeout_ms; /* negative: no limit */
} cs_dispatch_job;

typedef struct cs_dispatch_counts {
    uint32_t workers;
    uint64_t stale;   /* answers refused */
    uint64_t retried; /* attempts beyond the first */
    uint64_t expired; /* leases */
} cs_dispatch_counts;

typedef struct cs_dispatch cs_dispatch;

cs_dispatch *cs_dispatch_new(const cs_dispatch_config *config);
void cs_dispatch_free(cs_dispatch *dispatch);
void cs_dispatch_step(cs_dispatch *dispatch, const cs_dispatch_event *event, int64_t now_ms,
                      cs_dispatch_actions *actions);
/* CS_BATCH_DISPATCH. A job has at most one batch out. */
void cs_dispatch_add(cs_dispatch *dispatch, const cs_dispatch_job *job, int64_t now_ms,
                     cs_dispatch_actions *actions);
/* CS_BATCH_REDISPATCH: an accepted task again, on another worker if there is one; `why` ends up in
 * the error when there are no attempts left. */
void cs_dispatch_again(cs_dispatch *dispatch, cs_job_id job, uint32_t task, const cs_error *why,
                       int64_t now_ms, cs_dispatch_actions *actions);
/* CS_BATCH_CANCEL_TASKS, and after the batch's commit. A job without a batch is fine. */
void cs_dispatch_cancel(cs_dispatch *dispatch, cs_job_id job, int64_t now_ms,
                        cs_dispatch_actions *actions);
/* The coordinator ends: LEAVE to every worker (reason NULL: nothing is wrong). */
void cs_dispatch_leave(cs_dispatch *dispatch, const cs_error *reason, cs_dispatch_actions *actions);
/* When it wants a TICK; INT64_MAX: no need. */
int64_t cs_dispatch_deadline(const cs_dispatch *dispatch);
cs_dispatch_counts cs_dispatch_counts_of(const cs_dispatch *dispatch);
void cs_dispatch_actions_done(cs_dispatch_actions *actions);

#endif
