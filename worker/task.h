/* One task, from the first read to what its ack will say: opens its splits one after the other,
 * decodes them, and writes their rows to one part of the table. Runs on the compute thread; knows
 * no sockets. */
#ifndef CS_WORKER_TASK_H
#define CS_WORKER_TASK_H

#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/store/store.h"
#include "proto/cstream.pb-c.h"
#include "worker/encode/encoder.h"

/* The outside world, so that a simulator can hand in another. */
typedef struct cs_task_doors {
    cs_clock *clock;
    cs_rng *rng;
    /* The folder that is the root of a source or of a table (may_create); the task closes the
     * store. */
    cs_code (*open_store)(void *ctx, cs_str root, bool may_create, cs_store **out, cs_error *err);
    void *ctx;
} cs_task_doors;
cs_task_doors cs_task_doors_system(void);

/* Shared with the control thread. */
typedef struct cs_task_control {
    _Atomic uint64_t progress; /* grows with every chunk, and while the part is finished */
    atomic_bool cancel;        /* looked at before every chunk */
} cs_task_control;

typedef struct cs_task_outcome {
    const cs_part *parts; /* in the arena, like what they point to; none when there were no rows */
    size_t n_parts;
    uint64_t rows_read;     /* records met, rejected ones too */
    uint64_t rows_rejected;
    uint64_t bytes_read;
} cs_task_outcome;

/* On failure nothing of the task is left in the table. err->retriable: another attempt may succeed.
 * CS_E_CANCELLED; CS_E_SOURCE_CHANGED, CS_E_MISSING_FILE; CS_E_MALFORMED_RECORD and CS_E_LIMIT with
 * the place file:line:column. */
CS_MUST_USE cs_code cs_task_run(const Cs__Task *task, const cs_task_doors *doors,
                                cs_task_control *control,
                                cs_arena *arena, cs_task_outcome *out, cs_error *err);

#endif
