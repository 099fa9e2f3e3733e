#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/trigger.h"

static cs_trigger start(cs_trigger_kind kind, int64_t interval_ms, int64_t wall_ahead_ms,
                        int64_t now_ms)
{
    cs_trigger trigger = { .kind = kind,
                           .interval_ms = interval_ms,
                           .wall_ahead_ms = wall_ahead_ms,
                           .min_file_age_ms = 1000 };
    cs_trigger_start(&trigger, now_ms);
    return trigger;
}

static void default_trigger_looks_at_once_and_again_after_each_find(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_DEFAULT, 0, 0, 50);
    assert_true(cs_trigger_wants(&trigger, 50));
    cs_trigger_look(&trigger, 50);
    cs_trigger_looked(&trigger, true, false, -1, 60);
    assert_true(cs_trigger_wants(&trigger, 60));
    cs_trigger_look(&trigger, 60);
    cs_trigger_looked(&trigger, false, false, -1, 70);
    assert_false(cs_trigger_wants(&trigger, 1000000));
    assert_true(cs_trigger_deadline(&trigger) == INT64_MAX);
}

static void default_trigger_looks_on_a_hint_or_when_the_source_asked_for_it(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_DEFAULT, 0, 0, 0);
    cs_trigger_look(&trigger, 0);
    cs_trigger_looked(&trigger, false, false, 500, 10);
    assert_false(cs_trigger_wants(&trigger, 509));
    assert_true(cs_trigger_wants(&trigger, 510));
    assert_int_equal(cs_trigger_deadline(&trigger), 510);
    trigger.hinted = true;
    assert_true(cs_trigger_wants(&trigger, 11));
    cs_trigger_look(&trigger, 11);
    assert_false(trigger.hinted);
}

static void a_hint_during_a_look_is_not_lost(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_DEFAULT, 0, 0, 0);
    cs_trigger_look(&trigger, 0);
    trigger.hinted = true;
    cs_trigger_looked(&trigger, false, false, -1, 10);
    assert_true(cs_trigger_wants(&trigger, 10));
}

/* Spark: nextBatchTime(now) = now / interval * interval + interval, on the wall clock; the first
 * trigger is at once. */
static void processing_time_ticks_at_multiples_of_the_wall_clock(void **state)
{
    (void)state;
    /* wall clock = monotonic + 1,700,000,000,123 */
    cs_trigger trigger = start(CS_TRIGGER_PROCESSING_TIME, 5000, 1700000000123, 1000);
    assert_true(cs_trigger_wants(&trigger, 1000));
    cs_trigger_look(&trigger, 1000); /* wall 1,700,000,001,123: the next multiple is ...005,000 */
    cs_trigger_looked(&trigger, false, false, -1, 1001);
    assert_int_equal(cs_trigger_deadline(&trigger), 4877);
    assert_false(cs_trigger_wants(&trigger, 4876));
    assert_true(cs_trigger_wants(&trigger, 4877));
    cs_trigger_look(&trigger, 4877);
    assert_int_equal(cs_trigger_deadline(&trigger), 9877);
}

static void processing_time_does_not_look_on_a_hint_or_after_a_find(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_PROCESSING_TIME, 100, 0, 1000);
    cs_trigger_look(&trigger, 1000);
    cs_trigger_looked(&trigger, true, false, 5, 1010);
    trigger.hinted = true;
    assert_false(cs_trigger_wants(&trigger, 1099));
    assert_true(cs_trigger_wants(&trigger, 1100));
}

static void processing_time_does_not_pile_up_missed_ticks(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_PROCESSING_TIME, 100, 0, 1000);
    cs_trigger_look(&trigger, 1000);
    cs_trigger_looked(&trigger, true, false, -1, 1001);
    /* The batch took until 1,750: one look at once, the next at 1,800. */
    assert_true(cs_trigger_wants(&trigger, 1750));
    cs_trigger_look(&trigger, 1750);
    assert_false(cs_trigger_wants(&trigger, 1760));
    assert_int_equal(cs_trigger_deadline(&trigger), 1800);
}

static void available_now_is_drained_by_the_first_look_that_finds_nothing(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_AVAILABLE_NOW, 0, 0, 0);
    cs_trigger_look(&trigger, 0);
    cs_trigger_looked(&trigger, true, false, 30000, 10);
    assert_false(trigger.drained);
    assert_true(cs_trigger_wants(&trigger, 20));
    cs_trigger_look(&trigger, 20);
    trigger.hinted = true;
    cs_trigger_looked(&trigger, false, false, 30000, 30);
    assert_true(trigger.drained);
    assert_false(cs_trigger_wants(&trigger, INT64_MAX));
    assert_true(cs_trigger_deadline(&trigger) == INT64_MAX);
}

static void available_now_waits_for_young_files_but_not_for_ever(void **state)
{
    (void)state;
    cs_trigger trigger = start(CS_TRIGGER_AVAILABLE_NOW, 0, 0, 100);
    cs_trigger_look(&trigger, 100);
    cs_trigger_looked(&trigger, false, true, 400, 110);
    assert_false(trigger.drained);
    assert_int_equal(cs_trigger_deadline(&trigger), 510);
    assert_true(cs_trigger_wants(&trigger, 510));
    cs_trigger_look(&trigger, 510);
    cs_trigger_looked(&trigger, false, true, 30000, 520);
    assert_int_equal(cs_trigger_deadline(&trigger), 1100);
    cs_trigger_look(&trigger, 1100);
    cs_trigger_looked(&trigger, false, true, 30000, 1101);
    assert_true(trigger.drained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_trigger_looks_at_once_and_again_after_each_find),
        cmocka_unit_test(default_trigger_looks_on_a_hint_or_when_the_source_asked_for_it),
        cmocka_unit_test(a_hint_during_a_look_is_not_lost),
        cmocka_unit_test(processing_time_ticks_at_multiples_of_the_wall_clock),
        cmocka_unit_test(processing_time_does_not_look_on_a_hint_or_after_a_find),
        cmocka_unit_test(processing_time_does_not_pile_up_missed_ticks),
        cmocka_unit_test(available_now_is_drained_by_the_first_look_that_finds_nothing),
        cmocka_unit_test(available_now_waits_for_young_files_but_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
