/* The machine is told events and answers with actions, which are compared as text: "dispatch 0;
 * save 0". */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/batch.h"

typedef struct rig {
    cs_batch *batch;
    cs_batch_actions actions;
    int64_t now_ms;
    char text[2048];
    char notice[512];
    cs_batch_report report;
    cs_error error;            /* of END or REDISPATCH */
    const cs_part_info *parts; /* of COMMIT */
    size_t n_parts;
} rig;

static void add(rig *r, const char *format, ...) CS_PRINTF(2, 3);

static void add(rig *r, const char *format, ...)
{
    size_t len = strlen(r->text);
    if (len > 0)
        len += (size_t)snprintf(r->text + len, sizeof r->text - len, "; ");
    va_list args;
    va_start(args, format);
    vsnprintf(r->text + len, sizeof r->text - len, format, args);
    va_end(args);
}

static void show(rig *r, const cs_batch_action *action)
{
    switch (action->kind) {
    case CS_BATCH_RECOVER:
        add(r, "recover");
        break;
    case CS_BATCH_LIST:
        add(r, action->list.full ? "list all" : "list");
        break;
    case CS_BATCH_SAVE_PLAN:
        add(r, "save %" PRIu64, action->plan.plan->batch);
        break;
    case CS_BATCH_CHECK_PARTS:
        add(r, "check %" PRIu32, action->check.task);
        break;
    case CS_BATCH_COMMIT:
        add(r, "commit %" PRIu64 " rows %" PRIu64, action->commit.plan->batch, action->commit.rows);
        r->parts = action->commit.parts;
        r->n_parts = action->commit.n_parts;
        break;
    case CS_BATCH_FLUSH:
        add(r, "flush");
        break;
    case CS_BATCH_CLEAN:
        add(r, "clean");
        break;
    case CS_BATCH_DISPATCH:
        add(r, "dispatch %" PRIu64, action->dispatch.plan->batch);
        break;
    case CS_BATCH_REDISPATCH:
        add(r, "again %" PRIu32, action->redispatch.task);
        r->error = *action->redispatch.error;
        break;
    case CS_BATCH_CANCEL_TASKS:
        add(r, "cancel");
        break;
    case CS_BATCH_FREE_PLAN:
        add(r, "free %" PRIu64, action->plan.plan->batch);
        cs_plan_free(action->plan.plan);
        break;
    case CS_BATCH_REPORT:
        add(r, "report %" PRIu64, action->report->batch);
        r->report = *action->report;
        break;
    case CS_BATCH_NOTICE:
        add(r, "notice");
        snprintf(r->notice, sizeof r->notice, "%s", action->notice.text);
        break;
    case CS_BATCH_END:
        add(r, "end %s",
            action->end.error == NULL ? "well" : cs_code_name(action->end.error->code));
        if (action->end.error != NULL)
            r->error = *action->end.error;
        break;
    }
}

static const char *on(rig *r, cs_batch_event event)
{
    r->text[0] = '\0';
    cs_batch_actions_clear(&r->actions);
    cs_batch_step(r->batch, &event, r->now_ms, &r->actions);
    for (size_t i = 0; i < r->actions.count; i++)
        show(r, &r->actions.items[i]);
    return r->text;
}

#define EXPECT(rig, event, text) assert_string_equal(on((rig), (event)), (text))

static cs_plan *plan_of(uint64_t batch, uint32_t n_tasks)
{
    cs_plan *plan = cs_xcalloc(1, sizeof *plan);
    plan->batch = batch;
    plan->n_tasks = n_tasks;
    plan->n_files = n_tasks;
    plan->tasks = cs_arena_array(&plan->arena, cs_plan_task, n_tasks);
    return plan;
}

static cs_batch_event event_of(cs_batch_event_kind kind)
{
    return (cs_batch_event){ .kind = kind };
}
#define START event_of(CS_BATCH_START)
#define SAVED event_of(CS_BATCH_PLAN_SAVED)
#define FLUSHED event_of(CS_BATCH_FLUSHED)
#define CLEANED event_of(CS_BATCH_CLEANED)
#define HINT event_of(CS_BATCH_HINT)
#define TICK event_of(CS_BATCH_TICK)
#define STOP event_of(CS_BATCH_STOP)
#define ABORT event_of(CS_BATCH_ABORT)

static cs_batch_event recovered(cs_plan *plan)
{
    return (cs_batch_event){ .kind = CS_BATCH_RECOVERED,
                             .recovered = { .plan = plan, .epoch = 3 } };
}

static cs_batch_event listed(cs_plan *plan)
{
    return (cs_batch_event){ .kind = CS_BATCH_LISTED,
                             .listed = { .plan = plan, .again_ms = 30000 } };
}

static cs_batch_event committed(int64_t version)
{
    return (cs_batch_event){ .kind = CS_BATCH_COMMITTED, .committed = { .version = version } };
}

static cs_batch_event checked(uint32_t task)
{
    return (cs_batch_event){ .kind = CS_BATCH_PARTS_CHECKED,
                             .checked = { .task = task, .ok = true } };
}

static cs_batch_event refused(uint32_t task)
{
    cs_batch_event event = { .kind = CS_BATCH_PARTS_CHECKED,
                             .checked = { .task = task, .ok = false } };
    (void)cs_error_set(&event.error, CS_E_NOT_FOUND, "part is not there");
    return event;
}

static cs_batch_event failed(cs_batch_action_kind action, cs_code code)
{
    cs_batch_event event = { .kind = CS_BATCH_IO_FAILED, .failed = { .action = action } };
    (void)cs_error_set(&event.error, code, "it failed");
    return event;
}

/* One part of `rows` rows, or none when rows is 0. */
static const char *on_acked(rig *r, uint32_t task, uint64_t rows)
{
    char path[] = "part-x", stats[] = "{}";
    path[5] = (char)('0' + task);
    cs_part_info part = {
        .path = cs_str_of(path), .rows = rows, .size_bytes = 10, .stats_json = cs_str_of(stats)
    };
    cs_task_result result = { .parts = &part,
                              .n_parts = rows > 0,
                              .rows_read = rows + 1,
                              .rows_rejected = 1,
                              .bytes_read = 7 };
    const char *text =
        on(r, (cs_batch_event){ .kind = CS_BATCH_TASK_ACKED, .acked = { task, &result } });
    memset(path, 'X', sizeof path - 1); /* it was only borrowed */
    memset(&part, 0xff, sizeof part);
    return text;
}

static rig rig_of(cs_trigger_kind trigger)
{
    cs_batch_config config = { .trigger = trigger,
                               .trigger_ms = 1000,
                               .disk_full_timeout_ms = 60000,
                               .min_file_age_ms = 1000 };
    return (rig){ .batch = cs_batch_new(&config), .now_ms = 10000 };
}

static void done(rig *r)
{
    cs_batch_free(r->batch);
    cs_batch_actions_done(&r->actions);
}

/* To the idle moment of a stream that found nothing. */
static rig idle_rig(cs_trigger_kind trigger)
{
    rig r = rig_of(trigger);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    EXPECT(&r, listed(NULL), "clean");
    EXPECT(&r, CLEANED, "");
    assert_int_equal(cs_batch_phase_of(r.batch), CS_BATCH_IDLE);
    return r;
}

static void batch_goes_from_listing_to_visible(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    r.now_ms += 2;
    EXPECT(&r, listed(plan_of(0, 2)), "dispatch 0; save 0");
    assert_int_equal(r.actions.items[0].dispatch.epoch, 3);
    r.now_ms += 3;
    EXPECT(&r, SAVED, "");
    assert_string_equal(on_acked(&r, 1, 5), "check 1");
    assert_string_equal(on_acked(&r, 0, 7), "check 0");
    EXPECT(&r, checked(1), "");
    r.now_ms += 4;
    EXPECT(&r, checked(0), "commit 0 rows 12");
    assert_int_equal(r.n_parts, 2);
    assert_memory_equal(r.parts[0].path.ptr, "part-0",
                        6); /* in order of tasks, whoever was first */
    assert_memory_equal(r.parts[1].path.ptr, "part-1", 6);
    r.now_ms += 5;
    EXPECT(&r, committed(4), "report 0; cancel; free 0; list");
    assert_int_equal(r.report.table_version, 4);
    assert_int_equal(r.report.rows_in, 14);
    assert_int_equal(r.report.rows_out, 12);
    assert_int_equal(r.report.rows_rejected, 2);
    assert_int_equal(r.report.bytes_in, 14);
    assert_int_equal(r.report.parts, 2);
    assert_int_equal(r.report.part_bytes, 20);
    assert_int_equal(r.report.ms_list, 2);
    assert_int_equal(r.report.ms_save, 3);
    assert_int_equal(r.report.ms_work, 7);
    assert_int_equal(r.report.ms_commit, 5);
    assert_int_equal(r.report.ms_total, 14);
    EXPECT(&r, listed(NULL), "flush");
    EXPECT(&r, FLUSHED, "clean");
    EXPECT(&r, CLEANED, "");
    done(&r);
}

static void batch_commits_only_when_the_plan_is_durable(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 1)), "dispatch 0; save 0");
    assert_string_equal(on_acked(&r, 0, 3), "check 0");
    EXPECT(&r, checked(0), "");
    EXPECT(&r, SAVED, "commit 0 rows 3");
    done(&r);
}

static void batch_replays_plan_after_crash_before_commit(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(plan_of(7, 1)), "dispatch 7"); /* stored already: not saved again */
    assert_string_equal(on_acked(&r, 0, 1), "check 0");
    EXPECT(&r, checked(0), "commit 7 rows 1");
    EXPECT(&r, committed(1), "report 7; cancel; free 7; list all");
    done(&r);
}

static void replay_comes_first_whatever_the_trigger(void **state)
{
    (void)state;
    for (cs_trigger_kind trigger = CS_TRIGGER_DEFAULT; trigger <= CS_TRIGGER_ONCE; trigger++) {
        rig r = rig_of(trigger);
        EXPECT(&r, START, "recover");
        EXPECT(&r, recovered(plan_of(7, 1)), "dispatch 7");
        EXPECT(&r, ABORT, "cancel; free 7; end CANCELLED");
        done(&r);
    }
}

static void batch_without_new_files_makes_no_commit(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(NULL), "");
    done(&r);
}

static void batch_without_tasks_commits_when_its_plan_is_durable(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    done(&r);
}

static void task_without_rows_needs_no_check(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 2)), "dispatch 0; save 0");
    EXPECT(&r, SAVED, "");
    assert_string_equal(on_acked(&r, 0, 0), "");
    assert_string_equal(on_acked(&r, 1, 0), "commit 0 rows 0");
    done(&r);
}

static void refused_part_sends_its_task_out_again(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 1)), "dispatch 0; save 0");
    EXPECT(&r, SAVED, "");
    assert_string_equal(on_acked(&r, 0, 3), "check 0");
    EXPECT(&r, refused(0), "again 0");
    assert_int_equal(r.error.code, CS_E_NOT_FOUND);
    assert_string_equal(on_acked(&r, 0, 2), "check 0");
    EXPECT(&r, checked(0), "commit 0 rows 2");
    assert_int_equal(r.n_parts, 1);
    done(&r);
}

static void committed_becomes_durable_with_the_next_plan_or_before_a_wait(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, committed(0), "report 0; cancel; free 0; list");
    EXPECT(&r, listed(plan_of(1, 0)), "save 1"); /* marks 0 */
    EXPECT(&r, SAVED, "commit 1 rows 0");
    EXPECT(&r, committed(1), "report 1; cancel; free 1; list");
    EXPECT(&r, listed(NULL), "flush");
    EXPECT(&r, FLUSHED, "");
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(NULL), ""); /* nothing to flush */
    done(&r);
}

static void hint_while_flushing_is_looked_into(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, committed(0), "report 0; cancel; free 0; list");
    EXPECT(&r, listed(NULL), "flush");
    EXPECT(&r, HINT, "");
    EXPECT(&r, FLUSHED, "list");
    done(&r);
}

static void idle_stream_looks_again_when_the_source_asked_for_it(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    assert_int_equal(cs_batch_deadline(r.batch), r.now_ms + 30000);
    r.now_ms += 29999;
    EXPECT(&r, TICK, "");
    r.now_ms += 1;
    EXPECT(&r, TICK, "list");
    done(&r);
}

static void left_over_files_are_removed_hourly_even_when_never_idle(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    r.now_ms += 3600 * 1000 + 60 * 1000;
    EXPECT(&r, HINT, "clean"); /* overdue by a minute: first that */
    EXPECT(&r, CLEANED, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    r.now_ms += 3600 * 1000 + 60 * 1000;
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, committed(0),
           "report 0; cancel; free 0; flush"); /* COMMITTED is durable before anything is removed */
    EXPECT(&r, FLUSHED, "clean");
    EXPECT(&r, CLEANED, "list");
    done(&r);
}

static void failed_removal_of_left_over_files_does_not_stop_the_stream(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    EXPECT(&r, listed(NULL), "clean");
    EXPECT(&r, failed(CS_BATCH_CLEAN, CS_E_PERMISSION), "notice");
    EXPECT(&r, HINT, "list");
    done(&r);
}

static void processing_time_makes_one_batch_a_tick(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_PROCESSING_TIME);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    r.now_ms += 100;
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, committed(0), "report 0; cancel; free 0; flush");
    EXPECT(&r, FLUSHED, "clean");
    EXPECT(&r, CLEANED, "");
    EXPECT(&r, HINT, "");
    assert_int_equal(cs_batch_deadline(r.batch), 11000);
    r.now_ms = 11000;
    EXPECT(&r, TICK, "list");
    EXPECT(&r, listed(plan_of(1, 0)), "save 1");
    EXPECT(&r, SAVED, "commit 1 rows 0");
    r.now_ms = 13400; /* slow: the next one at once, and then at 14,000 */
    EXPECT(&r, committed(1), "report 1; cancel; free 1; list");
    EXPECT(&r, listed(NULL), "flush");
    EXPECT(&r, FLUSHED, "");
    assert_int_equal(cs_batch_deadline(r.batch), 14000);
    done(&r);
}

static void available_now_ends_when_nothing_is_left(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_AVAILABLE_NOW);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, committed(0), "report 0; cancel; free 0; list");
    EXPECT(&r, listed(plan_of(1, 0)), "save 1");
    EXPECT(&r, SAVED, "commit 1 rows 0");
    EXPECT(&r, committed(1), "report 1; cancel; free 1; list");
    EXPECT(&r, listed(NULL), "flush");
    EXPECT(&r, FLUSHED, "clean");
    EXPECT(&r, CLEANED, "end well");
    assert_int_equal(r.actions.items[0].end.batches, 2);
    assert_int_equal(cs_batch_phase_of(r.batch), CS_BATCH_ENDED);
    done(&r);
}

static void once_says_so_when_one_batch_cannot_hold_all(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_ONCE);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    cs_batch_event event = listed(plan_of(0, 0));
    event.listed.backlog = 77;
    EXPECT(&r, event, "notice; save 0");
    assert_non_null(strstr(r.notice, "77"));
    done(&r);
}

static void full_disk_pauses_and_goes_on_with_the_same_plan(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 1)), "dispatch 0; save 0");
    EXPECT(&r, failed(CS_BATCH_SAVE_PLAN, CS_E_DISK_FULL), "notice");
    assert_int_equal(cs_batch_phase_of(r.batch), CS_BATCH_PAUSED);
    assert_string_equal(on_acked(&r, 0, 3), "check 0"); /* the workers go on */
    EXPECT(&r, checked(0), "");
    assert_int_equal(cs_batch_deadline(r.batch), r.now_ms + 100);
    r.now_ms += 100;
    EXPECT(&r, TICK, "save 0");
    EXPECT(&r, failed(CS_BATCH_SAVE_PLAN, CS_E_DISK_FULL), ""); /* said once */
    assert_int_equal(cs_batch_deadline(r.batch), r.now_ms + 200);
    r.now_ms += 200;
    EXPECT(&r, TICK, "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 3");
    assert_int_equal(cs_batch_phase_of(r.batch), CS_BATCH_COMMITTING);
    done(&r);
}

static void full_disk_ends_the_job_after_its_time(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, failed(CS_BATCH_SAVE_PLAN, CS_E_DISK_FULL), "notice");
    int64_t started_ms = r.now_ms;
    for (;;) {
        r.now_ms = cs_batch_deadline(r.batch);
        EXPECT(&r, TICK, "save 0");
        if (strcmp(on(&r, failed(CS_BATCH_SAVE_PLAN, CS_E_DISK_FULL)), "") != 0)
            break;
    }
    assert_string_equal(r.text, "cancel; free 0; end DISK_FULL");
    assert_int_equal(r.error.exit_status, 74);
    assert_in_range(r.now_ms - started_ms, 60000, 65000);
    done(&r);
}

static void commit_of_unknown_outcome_is_asked_again(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 1)), "dispatch 0; save 0");
    EXPECT(&r, SAVED, "");
    assert_string_equal(on_acked(&r, 0, 3), "check 0");
    EXPECT(&r, checked(0), "commit 0 rows 3");
    cs_batch_event again = failed(CS_BATCH_COMMIT, CS_E_AGAIN);
    again.failed.wait_ms = 33;
    EXPECT(&r, again, "");
    assert_int_equal(cs_batch_deadline(r.batch), r.now_ms + 33);
    r.now_ms += 33;
    EXPECT(&r, TICK, "commit 0 rows 3");
    EXPECT(&r, failed(CS_BATCH_COMMIT, CS_E_DISK_FULL), "notice");
    r.now_ms = cs_batch_deadline(r.batch);
    EXPECT(&r, TICK, "commit 0 rows 3");
    assert_memory_equal(r.parts[0].path.ptr, "part-0", 6);
    cs_batch_event there = committed(0);
    there.committed.was_there = true;
    EXPECT(&r, there, "report 0; cancel; free 0; list");
    assert_true(r.report.was_there);
    done(&r);
}

static void io_error_ends_the_job(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, failed(CS_BATCH_COMMIT, CS_E_IO), "cancel; free 0; end IO_ERROR");
    done(&r);
}

static void table_made_by_another_writer_is_planned_for_anew(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, SAVED, "commit 0 rows 0");
    EXPECT(&r, failed(CS_BATCH_COMMIT, CS_E_EXISTS), "notice; cancel; free 0; recover");
    EXPECT(&r, recovered(NULL), "list");
    done(&r);
}

static void refused_start_ends_the_job(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, failed(CS_BATCH_RECOVER, CS_E_TABLE_REPLACED), "end TABLE_REPLACED");
    done(&r);
}

static void start_that_fails_is_not_tried_again(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, failed(CS_BATCH_RECOVER, CS_E_DISK_FULL), "end DISK_FULL");
    done(&r);
}

static void failed_listing_is_full_again(void **state)
{
    (void)state;
    rig r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, recovered(NULL), "list all");
    cs_batch_event event = failed(CS_BATCH_LIST, CS_E_IO);
    event.error.retriable = true;
    EXPECT(&r, event, "notice");
    r.now_ms = cs_batch_deadline(r.batch);
    EXPECT(&r, TICK, "list all");
    EXPECT(&r, listed(NULL), "clean");
    done(&r);
}

static void failed_tasks_end_the_job_and_name_the_way_on(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(12, 1)), "dispatch 12; save 12");
    EXPECT(&r, SAVED, "");
    cs_batch_event event = { .kind = CS_BATCH_TASKS_FAILED };
    (void)cs_error_set(&event.error, CS_E_MALFORMED_RECORD,
                       "column amount: '12,50' is not DECIMAL(10,2)");
    cs_error_place(&event.error, "/in/0601.csv:1834:27");
    cs_error_hint(&event.error, "-r mode=PERMISSIVE keeps such rows");
    EXPECT(&r, event, "cancel; free 12; end MALFORMED_RECORD");
    assert_string_equal(r.error.message, "column amount: '12,50' is not DECIMAL(10,2)");
    assert_string_equal(r.error.place,
                        "/in/0601.csv:1834:27 (batch 12; nothing of batch 12 was committed)");
    assert_non_null(strstr(r.error.hint, "PERMISSIVE"));
    assert_non_null(strstr(r.error.hint, "--replan"));
    assert_int_equal(r.error.exit_status, 65);
    done(&r);
}

static void failing_waits_for_the_io_thread_before_it_frees_the_plan(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 2)), "dispatch 0; save 0");
    assert_string_equal(on_acked(&r, 0, 3), "check 0");
    EXPECT(&r, ABORT, "cancel");
    assert_int_equal(cs_batch_phase_of(r.batch), CS_BATCH_ENDING);
    assert_string_equal(on_acked(&r, 1, 3), ""); /* too late */
    EXPECT(&r, SAVED, "");
    EXPECT(&r, checked(0), "cancel; free 0; end CANCELLED");
    done(&r);
}

static void plan_that_arrives_while_ending_is_freed(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, ABORT, "");
    EXPECT(&r, listed(plan_of(0, 2)), "free 0; end CANCELLED");
    done(&r);
}

static void stop_finishes_the_running_batch(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 1)), "dispatch 0; save 0");
    EXPECT(&r, STOP, "");
    EXPECT(&r, SAVED, "");
    assert_string_equal(on_acked(&r, 0, 3), "check 0");
    EXPECT(&r, checked(0), "commit 0 rows 3");
    EXPECT(&r, committed(0), "report 0; cancel; free 0; flush");
    EXPECT(&r, FLUSHED, "end well");
    done(&r);
}

static void stop_begins_no_batch(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, STOP, "");
    EXPECT(&r, listed(plan_of(0, 1)), "free 0; end well");
    done(&r);
    r = rig_of(CS_TRIGGER_DEFAULT);
    EXPECT(&r, START, "recover");
    EXPECT(&r, STOP, "");
    EXPECT(&r, recovered(plan_of(0, 1)), "free 0; end well");
    done(&r);
    r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, STOP, "end well");
    EXPECT(&r, STOP, "");
    done(&r);
}

static void stop_during_a_pause_ends_with_its_reason(void **state)
{
    (void)state;
    rig r = idle_rig(CS_TRIGGER_DEFAULT);
    EXPECT(&r, HINT, "list");
    EXPECT(&r, listed(plan_of(0, 0)), "save 0");
    EXPECT(&r, failed(CS_BATCH_SAVE_PLAN, CS_E_DISK_FULL), "notice");
    EXPECT(&r, STOP, "cancel; free 0; end DISK_FULL");
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_goes_from_listing_to_visible),
        cmocka_unit_test(batch_commits_only_when_the_plan_is_durable),
        cmocka_unit_test(batch_replays_plan_after_crash_before_commit),
        cmocka_unit_test(replay_comes_first_whatever_the_trigger),
        cmocka_unit_test(batch_without_new_files_makes_no_commit),
        cmocka_unit_test(batch_without_tasks_commits_when_its_plan_is_durable),
        cmocka_unit_test(task_without_rows_needs_no_check),
        cmocka_unit_test(refused_part_sends_its_task_out_again),
        cmocka_unit_test(committed_becomes_durable_with_the_next_plan_or_before_a_wait),
        cmocka_unit_test(hint_while_flushing_is_looked_into),
        cmocka_unit_test(idle_stream_looks_again_when_the_source_asked_for_it),
        cmocka_unit_test(left_over_files_are_removed_hourly_even_when_never_idle),
        cmocka_unit_test(failed_removal_of_left_over_files_does_not_stop_the_stream),
        cmocka_unit_test(processing_time_makes_one_batch_a_tick),
        cmocka_unit_test(available_now_ends_when_nothing_is_left),
        cmocka_unit_test(once_says_so_when_one_batch_cannot_hold_all),
        cmocka_unit_test(full_disk_pauses_and_goes_on_with_the_same_plan),
        cmocka_unit_test(full_disk_ends_the_job_after_its_time),
        cmocka_unit_test(commit_of_unknown_outcome_is_asked_again),
        cmocka_unit_test(io_error_ends_the_job),
        cmocka_unit_test(table_made_by_another_writer_is_planned_for_anew),
        cmocka_unit_test(refused_start_ends_the_job),
        cmocka_unit_test(start_that_fails_is_not_tried_again),
        cmocka_unit_test(failed_listing_is_full_again),
        cmocka_unit_test(failed_tasks_end_the_job_and_name_the_way_on),
        cmocka_unit_test(failing_waits_for_the_io_thread_before_it_frees_the_plan),
        cmocka_unit_test(plan_that_arrives_while_ending_is_freed),
        cmocka_unit_test(stop_finishes_the_running_batch),
        cmocka_unit_test(stop_begins_no_batch),
        cmocka_unit_test(stop_during_a_pause_ends_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
