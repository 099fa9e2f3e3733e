/* The life of one job's stream, batch after batch (design §4), as a pure state machine: no I/O, no
 * clock, no threads. What it wants done comes out as actions; what happened goes in as events.
 *
 *   STARTING ──▶ LISTING ◀──▶ IDLE
 *       │           │
 *       └────▶ WORKING ──▶ COMMITTING ──▶ LISTING …  ENDING ──▶ ENDED
 *
 * FLUSHING: COMMITTED is made durable before a wait or the end. PAUSED: the disk is full or the like; the
 * same action again later.
 *
 * Whoever drives it (query.c, the simulator): drain events; cs_batch_step for each; carry out the
 * actions in order. Those up to CS_BATCH_CLEAN go to the job's I/O thread, which answers each with
 * exactly one event by cs_query_io_run; the next three go to dispatch; the rest are for the driver.
 *
 * Memory: pointers in an event are borrowed during the call, but a plan in RECOVERED or LISTED is
 * given. Pointers in an action live until the machine says CS_BATCH_FREE_PLAN, or for text until
 * the next step. The plan and parts that an action names do not change while the I/O thread reads
 * them. */
#ifndef CS_COORDINATOR_BATCH_H
#define CS_COORDINATOR_BATCH_H

#include "common/wire/task_key.h"
#include "coordinator/commit/sink.h"
#include "coordinator/discover/source.h"

typedef enum cs_batch_phase {
    CS_BATCH_STARTING,
    CS_BATCH_IDLE,
    CS_BATCH_LISTING,
    CS_BATCH_WORKING, /* tasks are out, while the plan is being saved */
    CS_BATCH_COMMITTING,
    CS_BATCH_FLUSHING,
    CS_BATCH_CLEANING,
    CS_BATCH_PAUSED, /* waits to do a failed action again */
    CS_BATCH_ENDING, /* waits for what the I/O thread still has in hand */
    CS_BATCH_ENDED
} cs_batch_phase;

typedef enum cs_batch_action_kind {
    /* for the I/O thread */
    CS_BATCH_RECOVER,
    CS_BATCH_LIST,
    CS_BATCH_SAVE_PLAN,
    CS_BATCH_CHECK_PARTS,
    CS_BATCH_COMMIT,
    CS_BATCH_FLUSH,
    CS_BATCH_CLEAN,
    /* for dispatch */
    CS_BATCH_DISPATCH,     /* all tasks of the plan */
    CS_BATCH_REDISPATCH,   /* this task again: its parts were refused */
    CS_BATCH_CANCEL_TASKS, /* whatever of this job is out */
    /* for the driver */
    CS_BATCH_FREE_PLAN, /* cs_plan_free: nobody reads it any more */
    CS_BATCH_REPORT,    /* a batch is in the table */
    CS_BATCH_NOTICE,
    CS_BATCH_END /* the last one ever */
} cs_batch_action_kind;

/* What an ack says of a task. */
typedef struct cs_task_result {
    const cs_part_info *parts;
    uint32_t n_parts;
    uint64_t rows_read, rows_rejected, bytes_read;
} cs_task_result;

/* The figures of a batch that became visible (message BatchProgress). */
typedef struct cs_batch_report {
    uint64_t batch;
    uint64_t files;
    uint64_t rows_in, rows_out, rows_rejected;
    uint64_t bytes_in;
    uint64_t parts, part_bytes;
    int64_t table_version;
    bool was_there; /* our own earlier commit was found */
    uint64_t backlog_files;
    uint64_t ms_list, ms_save, ms_work, ms_commit, ms_total;
    uint32_t workers;
} cs_batch_report;

typedef struct cs_batch_action {
    cs_batch_action_kind kind;
    union {
        struct {
            bool full;        /* look at everything, not at hinted names only */
            uint32_t workers; /* how far the plan is spread */
        } list;
        struct {
            cs_plan *plan; /* FREE_PLAN: to be freed; else read only */
        } plan;            /* SAVE_PLAN, FREE_PLAN */
        struct {
            uint32_t task;
            const cs_task_result *result;
        } check;
        struct {
            const cs_plan *plan;
            const cs_part_info *parts; /* in order of tasks */
            size_t n_parts;
            uint64_t rows;
        } commit;
        struct {
            const cs_plan *plan;
            cs_uuid stream;
            uint64_t epoch;
        } dispatch;
        struct {
            uint32_t task;
            const cs_error *error; /* why */
        } redispatch;
        const cs_batch_report *report;
        struct {
            cs_log_level level;
            const char *text;
        } notice;
        struct {
            const cs_error *error; /* NULL: finished, or stopped gracefully */
            uint64_t batches;      /* committed since the start */
        } end;
    };
} cs_batch_action;

typedef struct cs_batch_actions {
    cs_batch_action *items;
    size_t count, cap;
} cs_batch_actions;

typedef enum cs_batch_event_kind {
    /* answers of the I/O thread, one for each of its actions */
    CS_BATCH_RECOVERED,
    CS_BATCH_LISTED,
    CS_BATCH_PLAN_SAVED,
    CS_BATCH_PARTS_CHECKED,
    CS_BATCH_COMMITTED,
    CS_BATCH_FLUSHED,
    CS_BATCH_CLEANED,
    CS_BATCH_IO_FAILED, /* instead of its own answer: error says why */
    /* from dispatch */
    CS_BATCH_TASK_ACKED,
    CS_BATCH_TASKS_FAILED, /* the job cannot go on: error */
    CS_BATCH_WORKERS,      /* how many there are now */
    /* from the driver */
    CS_BATCH_START,
    CS_BATCH_HINT, /* something may be new in the source */
    CS_BATCH_TICK, /* cs_batch_deadline has come */
    CS_BATCH_STOP, /* finish the running batch, then end */
    CS_BATCH_ABORT /* end as soon as the I/O thread is back; safe, resumable */
} cs_batch_event_kind;

typedef struct cs_batch_event {
    cs_batch_event_kind kind;
    union {
        struct {
            cs_plan *plan; /* to replay, given; NULL: none */
            cs_uuid stream;
            uint64_t epoch;
            int64_t committed; /* C */
        } recovered;
        struct {
            cs_plan *plan;      /* given; NULL: nothing new */
            uint64_t backlog;   /* files that wait beyond the limits */
            uint64_t held_back; /* files that are still being written, or too young */
            int64_t again_ms;   /* look again after so long at the latest; -1: only on a hint */
        } listed;
        struct {
            uint32_t task;
            bool ok; /* false: refused, error says why */
        } checked;
        struct {
            int64_t version;
            bool was_there;
        } committed;
        struct {
            uint64_t removed;
        } cleaned;
        struct {
            cs_batch_action_kind action;
            int64_t wait_ms; /* with CS_E_AGAIN: do it again after so long */
        } failed;
        struct {
            uint32_t task;
            const cs_task_result *result; /* copied */
        } acked;
        uint32_t workers;
    };
    cs_error error; /* IO_FAILED, PARTS_CHECKED (refused), TASKS_FAILED */
} cs_batch_event;

typedef struct cs_batch_config {
    cs_trigger_kind trigger;
    int64_t trigger_ms;
    int64_t wall_ahead_ms; /* wall clock minus monotonic clock at the start, in ms: processingTime
                              ticks at multiples of trigger_ms of the wall clock, as Spark does */
    int64_t disk_full_timeout_ms; /* negative: no limit */
    int64_t min_file_age_ms;      /* availableNow waits so long for files that are too young */
} cs_batch_config;

typedef struct cs_batch cs_batch;

cs_batch *cs_batch_new(const cs_batch_config *config);
/* The plan in hand, if any, must not be read by anyone any more. */
void cs_batch_free(cs_batch *batch);
/* Appends to `actions`. */
void cs_batch_step(cs_batch *batch, cs_batch_event *event, int64_t now_ms,
                   cs_batch_actions *actions);
/* When it wants a TICK; INT64_MAX: no need. */
int64_t cs_batch_deadline(const cs_batch *batch);
cs_batch_phase cs_batch_phase_of(const cs_batch *batch);
const char *cs_batch_phase_name(cs_batch_phase phase);

static inline void cs_batch_actions_clear(cs_batch_actions *actions)
{
    actions->count = 0;
}
void cs_batch_actions_done(cs_batch_actions *actions);

#endif
