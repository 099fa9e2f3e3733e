/* One test or more for each row of the start-up table (design §5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/recover.h"

typedef struct fixture {
    cs_checkpoint_state checkpoint;
    cs_sink_state sink;
    cs_plan plans[2];
    const cs_plan *plan_list[2];
    cs_plan dropped;
    cs_sink_other others[2];
    cs_accepted accepted[2];
    cs_recover_input input;
    cs_recover_decision decision;
    cs_error error;
} fixture;

static cs_uuid uuid(uint8_t fill)
{
    cs_uuid out;
    memset(out.bytes, fill, sizeof out.bytes);
    return out;
}

static cs_sha256 digest(uint8_t fill)
{
    cs_sha256 out;
    memset(out.bytes, fill, sizeof out.bytes);
    return out;
}

/* A checkpoint that has committed batches 0…5 with digest 5, and a table that shows just that. */
static fixture *fixture_of(void)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    f.checkpoint = (cs_checkpoint_state){ .stream = uuid(1),
                                          .epoch = 9,
                                          .has_table_id = true,
                                          .table_id = uuid(2),
                                          .committed = 5,
                                          .planned = 5,
                                          .digest = digest(5) };
    f.sink = (cs_sink_state){ .table_exists = true,
                              .table_id = uuid(2),
                              .version = 11,
                              .batch = 5,
                              .has_digest = true,
                              .digest63 = cs_digest63(&f.checkpoint.digest),
                              .below_ok = true,
                              .others = f.others };
    for (int i = 0; i < 2; i++) {
        f.plans[i].batch = (uint64_t)(6 + i);
        f.plans[i].digest = digest((uint8_t)(6 + i));
        f.plans[i].table_id = uuid(2);
        f.plan_list[i] = &f.plans[i];
    }
    f.dropped = f.plans[0];
    f.dropped.digest = digest(66);
    f.input = (cs_recover_input){ .checkpoint = &f.checkpoint,
                                  .plans = f.plan_list,
                                  .accepted = f.accepted,
                                  .sink = &f.sink,
                                  .checkpoint_path = CS_STR("/chk"),
                                  .table_path = CS_STR("/table"),
                                  .source_path = CS_STR("/in") };
    return &f;
}

static fixture *empty_fixture(void)
{
    fixture *f = fixture_of();
    f->checkpoint.empty = true;
    f->checkpoint.has_table_id = false;
    f->checkpoint.committed = f->checkpoint.planned = -1;
    f->sink.table_exists = false;
    f->sink.version = f->sink.batch = -1;
    f->sink.has_digest = false;
    return f;
}

/* Batch 0 is planned, nothing is committed. */
static fixture *first_batch_fixture(void)
{
    fixture *f = empty_fixture();
    f->checkpoint.empty = false;
    f->checkpoint.planned = 0;
    f->plans[0].batch = 0;
    f->input.n_plans = 1;
    return f;
}

static void expect(fixture *f, cs_recover_decision decision)
{
    assert_int_equal(cs_recover(&f->input, &f->decision, &f->error), CS_OK);
    assert_int_equal(f->decision, decision);
}

static void expect_refusal(fixture *f, cs_code code, const char *message, const char *hint)
{
    assert_int_equal(cs_recover(&f->input, &f->decision, &f->error), code);
    assert_int_equal(f->error.exit_status, 78);
    assert_non_null(strstr(f->error.message, message));
    assert_non_null(strstr(f->error.hint, hint));
}

static void row1_other_table_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->sink.table_id = uuid(3);
    expect_refusal(f, CS_E_TABLE_REPLACED, "another table", "--checkpoint-location");
    f->sink.batch = -1; /* whatever else it shows */
    f->sink.has_digest = false;
    expect_refusal(f, CS_E_TABLE_REPLACED, "another table", "--checkpoint-location");
}

static void row2_other_stream_of_this_source_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->others[0] = (cs_sink_other){ .stream = uuid(7), .batch = 3 };
    f->sink.n_others = 1;
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "stream 07070707-",
                   "cstream-submit checkpoint reset --include-existing-files=false /chk");
}

static void row2_lost_checkpoint_is_refused_though_the_new_one_is_empty(void **state)
{
    (void)state;
    fixture *f = empty_fixture();
    f->sink.table_exists = true;
    f->others[0] = (cs_sink_other){ .stream = uuid(7), .batch = 3 };
    f->sink.n_others = 1;
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "lost", "doubles");
}

static void row2_accepted_stream_passes_at_exactly_its_batch(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->others[0] = (cs_sink_other){ .stream = uuid(7), .batch = 3 };
    f->others[1] = (cs_sink_other){ .stream = uuid(8), .batch = 0 };
    f->accepted[0] = (cs_accepted){ .stream = uuid(8), .batch = 0 };
    f->accepted[1] = (cs_accepted){ .stream = uuid(7), .batch = 3 };
    f->sink.n_others = f->input.n_accepted = 2;
    expect(f, CS_RECOVER_REPLAY);
    f->others[0].batch = 4; /* it went on after the reset */
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "up to 4", "reset");
    f->others[0].batch = 2;
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "up to 2", "reset");
}

static void row3_nothing_known_on_either_side_is_a_new_stream(void **state)
{
    (void)state;
    fixture *f = empty_fixture();
    expect(f, CS_RECOVER_NEW);
    f->sink.table_exists = true; /* somebody else's table */
    f->sink.version = 4;
    expect(f, CS_RECOVER_NEW);
}

static void row3_empty_means_no_plan_and_not_no_stream(void **state)
{
    (void)state;
    fixture *f = empty_fixture();
    f->checkpoint.epoch = 17; /* refused starts leave S and E behind */
    expect(f, CS_RECOVER_NEW);
    f->sink.batch = 2; /* but the table knows S */
    f->sink.table_exists = f->sink.has_digest = true;
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "batch 2", "reset");
}

static void row4_table_behind_the_checkpoint_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->sink.batch = 4;
    expect_refusal(f, CS_E_TABLE_REPLACED, "it shows batch 4",
                   "reset --include-existing-files=false /chk");
    f->sink.table_exists = false;
    f->sink.batch = -1;
    f->sink.has_digest = false;
    expect_refusal(f, CS_E_TABLE_REPLACED, "is gone", "reset");
}

static void row6_equal_sides_replay_what_is_planned(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    expect(f, CS_RECOVER_REPLAY);
    f->checkpoint.planned = 6;
    f->input.n_plans = 1;
    expect(f, CS_RECOVER_REPLAY);
}

static void row6_first_batch_is_replayed_onto_no_table(void **state)
{
    (void)state;
    fixture *f = first_batch_fixture();
    expect(f, CS_RECOVER_REPLAY);
    f->sink.table_exists = true; /* the table that it was planned for */
    expect(f, CS_RECOVER_REPLAY);
}

static void row6_first_batch_is_planned_anew_when_another_made_the_table(void **state)
{
    (void)state;
    fixture *f = first_batch_fixture();
    f->sink.table_exists = true;
    f->sink.table_id = uuid(9);
    expect(f, CS_RECOVER_PLAN_ANEW);
}

static void row6_equal_batch_with_other_content_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->sink.digest63 ^= 1;
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "did not plan", "reset");
    f = fixture_of();
    f->sink.has_digest = false; /* only a missing batch may have a missing digest */
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "did not plan", "reset");
}

static void row7_planned_batch_found_in_the_table_is_adopted(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->checkpoint.planned = 7;
    f->input.n_plans = 2;
    f->sink.batch = 6;
    f->sink.digest63 = cs_digest63(&f->plans[0].digest);
    expect(f, CS_RECOVER_ADOPT);
    f->sink.batch = 7;
    f->sink.digest63 = cs_digest63(&f->plans[1].digest);
    expect(f, CS_RECOVER_ADOPT);
}

static void row7_first_batch_found_in_the_table_is_adopted(void **state)
{
    (void)state;
    fixture *f = first_batch_fixture();
    f->sink.table_exists = f->sink.has_digest = true;
    f->sink.batch = 0;
    f->sink.digest63 = cs_digest63(&f->plans[0].digest);
    expect(f, CS_RECOVER_ADOPT);
}

static void row7_planned_batch_of_other_content_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->checkpoint.planned = 6;
    f->input.n_plans = 1;
    f->sink.batch = 6;
    f->sink.digest63 = cs_digest63(&f->plans[1].digest);
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "batch 6",
                   "put the newest copy of the checkpoint back");
}

static void row7_batch_written_upon_another_table_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->checkpoint.planned = 6;
    f->input.n_plans = 1;
    f->sink.batch = 6;
    f->sink.digest63 = cs_digest63(&f->plans[0].digest);
    f->sink.below_ok = false;
    expect_refusal(f, CS_E_TABLE_REPLACED, "while batch 6 was being committed", "reset");
}

static void row8_table_beyond_the_plans_is_refused(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->checkpoint.planned = 6;
    f->input.n_plans = 1;
    f->sink.batch = 7;
    f->sink.digest63 = cs_digest63(&f->plans[1].digest);
    expect_refusal(f, CS_E_CHECKPOINT_MISMATCH, "shows batch 7", "/chk");
}

static void late_commit_of_the_plan_that_replan_set_aside_is_adopted(void **state)
{
    (void)state;
    fixture *f = fixture_of();
    f->input.dropped = &f->dropped;
    f->sink.batch = 6;
    f->sink.digest63 = cs_digest63(&f->dropped.digest);
    expect(f, CS_RECOVER_ADOPT_DROPPED);
    f->checkpoint.planned = 6; /* also when the batch was planned anew since */
    f->input.n_plans = 1;
    expect(f, CS_RECOVER_ADOPT_DROPPED);
    f->sink.digest63 = cs_digest63(&f->plans[0].digest);
    expect(f, CS_RECOVER_ADOPT);
    f->sink.batch = 5; /* nothing late */
    f->sink.digest63 = cs_digest63(&f->checkpoint.digest);
    expect(f, CS_RECOVER_REPLAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row1_other_table_is_refused),
        cmocka_unit_test(row2_other_stream_of_this_source_is_refused),
        cmocka_unit_test(row2_lost_checkpoint_is_refused_though_the_new_one_is_empty),
        cmocka_unit_test(row2_accepted_stream_passes_at_exactly_its_batch),
        cmocka_unit_test(row3_nothing_known_on_either_side_is_a_new_stream),
        cmocka_unit_test(row3_empty_means_no_plan_and_not_no_stream),
        cmocka_unit_test(row4_table_behind_the_checkpoint_is_refused),
        cmocka_unit_test(row6_equal_sides_replay_what_is_planned),
        cmocka_unit_test(row6_first_batch_is_replayed_onto_no_table),
        cmocka_unit_test(row6_first_batch_is_planned_anew_when_another_made_the_table),
        cmocka_unit_test(row6_equal_batch_with_other_content_is_refused),
        cmocka_unit_test(row7_planned_batch_found_in_the_table_is_adopted),
        cmocka_unit_test(row7_first_batch_found_in_the_table_is_adopted),
        cmocka_unit_test(row7_planned_batch_of_other_content_is_refused),
        cmocka_unit_test(row7_batch_written_upon_another_table_is_refused),
        cmocka_unit_test(row8_table_beyond_the_plans_is_refused),
        cmocka_unit_test(late_commit_of_the_plan_that_replan_set_aside_is_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
