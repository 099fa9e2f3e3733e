/* The batch in hand: which of its tasks are done, and what they made. Used by batch.c alone. */
#ifndef CS_COORDINATOR_BATCH_WORK_H
#define CS_COORDINATOR_BATCH_WORK_H

#include "coordinator/batch.h"

typedef struct cs_task_work cs_task_work;

typedef struct cs_batch_work {
    cs_plan *plan; /* NULL: no batch in hand */
    bool saved;    /* the plan is durable */
    cs_arena arena;
    cs_task_work *tasks;
    uint32_t n_done;
} cs_batch_work;

void cs_batch_work_begin(cs_batch_work *work, cs_plan *plan, bool saved);
/* Copies the result; returns the copy when it has parts to be checked, NULL when the task is done.
 */
const cs_task_result *cs_batch_work_acked(cs_batch_work *work, uint32_t task,
                                          const cs_task_result *result);
/* Not ok: the task is out again. */
void cs_batch_work_checked(cs_batch_work *work, uint32_t task, bool ok);
/* Nothing stands between this batch and its commit. */
bool cs_batch_work_ready(const cs_batch_work *work);
/* All parts in order of tasks, and their sums. The parts live as long as the batch. */
void cs_batch_work_collect(cs_batch_work *work, cs_batch_action *commit, cs_batch_report *report);
/* Gives the plan back. */
cs_plan *cs_batch_work_end(cs_batch_work *work);

#endif
