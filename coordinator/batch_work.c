#include "coordinator/batch_work.h"

#include <assert.h>

#include "common/base/fault.h"

typedef enum work_state { WORK_OUT, WORK_CHECKING, WORK_DONE } work_state;

struct cs_task_work {
    work_state state;
    cs_task_result result;
};

void cs_batch_work_begin(cs_batch_work *work, cs_plan *plan, bool saved)
{
    assert(work->plan == NULL);
    work->plan = plan;
    work->saved = saved;
    work->n_done = 0;
    work->tasks = cs_arena_array(&work->arena, cs_task_work, plan->n_tasks);
}

const cs_task_result *cs_batch_work_acked(cs_batch_work *work, uint32_t task,
                                          const cs_task_result *result)
{
    assert(task < work->plan->n_tasks && work->tasks[task].state == WORK_OUT);
    cs_task_work *mine = &work->tasks[task];
    cs_part_info *parts = cs_arena_array(&work->arena, cs_part_info, result->n_parts);
    for (uint32_t i = 0; i < result->n_parts; i++) {
        parts[i] = result->parts[i];
        parts[i].path = cs_arena_str(&work->arena, result->parts[i].path);
        parts[i].stats_json = cs_arena_str(&work->arena, result->parts[i].stats_json);
    }
    mine->result = *result;
    mine->result.parts = parts;
    if (result->n_parts > 0) {
        mine->state = WORK_CHECKING;
        return &mine->result;
    }
    mine->state = WORK_DONE;
    work->n_done++;
    return NULL;
}

void cs_batch_work_checked(cs_batch_work *work, uint32_t task, bool ok)
{
    assert(task < work->plan->n_tasks && work->tasks[task].state == WORK_CHECKING);
    work->tasks[task].state = ok ? WORK_DONE : WORK_OUT;
    work->n_done += ok;
}

bool cs_batch_work_ready(const cs_batch_work *work)
{
    return (work->saved || CS_MUTANT("commit_before_plan")) && work->n_done == work->plan->n_tasks;
}

void cs_batch_work_collect(cs_batch_work *work, cs_batch_action *commit, cs_batch_report *report)
{
    const cs_plan *plan = work->plan;
    for (uint32_t i = 0; i < plan->n_tasks; i++) {
        const cs_task_result *result = &work->tasks[i].result;
        report->rows_in += result->rows_read;
        report->rows_rejected += result->rows_rejected;
        report->bytes_in += result->bytes_read;
        report->parts += result->n_parts;
    }
    cs_part_info *parts = cs_arena_array(&work->arena, cs_part_info, report->parts);
    size_t n_parts = 0;
    for (uint32_t i = 0; i < plan->n_tasks; i++) {
        const cs_task_result *result = &work->tasks[i].result;
        for (uint32_t j = 0; j < result->n_parts; j++) {
            parts[n_parts++] = result->parts[j];
            report->rows_out += result->parts[j].rows;
            report->part_bytes += result->parts[j].size_bytes;
        }
    }
    commit->commit.plan = plan;
    commit->commit.parts = parts;
    commit->commit.n_parts = n_parts;
    commit->commit.rows = report->rows_out;
}

cs_plan *cs_batch_work_end(cs_batch_work *work)
{
    cs_plan *plan = work->plan;
    work->plan = NULL;
    work->tasks = NULL;
    cs_arena_reset(&work->arena);
    return plan;
}
