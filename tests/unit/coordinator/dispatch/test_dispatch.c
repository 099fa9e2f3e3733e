/* Tasks: attempts, leases, answers, failures, turns. */
#include "tests/unit/coordinator/dispatch/dispatch_rig.h"

static void tasks_go_to_free_workers_and_results_to_the_job(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 3);
    EXPECT(&r, hello('A'), "A<welcome; workers 1");
    EXPECT(&r, hello('B'), "B<welcome; workers 2");
    assert_string_equal(add(&r, 1, plan), "B<task 0.1; A<task 1.1");
    cs_dispatch_event event = ack('A', key_of(1, 1));
    EXPECT(&r, event, "!accepted 1; A<confirm 1.1; A<task 2.1");
    assert_ptr_equal(r.result, event.ack.result);
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    EXPECT(&r, ack('A', key_of(2, 1)), "!accepted 2; A<confirm 2.1");
    assert_string_equal(cancel(&r, 1), "");
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 0);
    cs_plan_free(plan);
    done(&r);
}

static void doubled_ack_is_confirmed_and_counts_once(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1; A<task 1.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "A<confirm 0.1");
    EXPECT(&r, ack('A', key_of(1, 1)), "!accepted 1; A<confirm 1.1");
    cs_plan_free(plan);
    done(&r);
}

static void stale_answers_are_confirmed_counted_and_refused(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_task_key keys[6];
    for (int i = 0; i < 6; i++)
        keys[i] = key_of(0, 1);
    keys[0].stream = stream_of(2);
    keys[1].epoch = 3;
    keys[2].batch = 1;
    keys[3].digest8++;
    keys[4].attempt = 2;
    keys[5].task = 1;
    for (int i = 0; i < 6; i++) {
        const char *text = on(&r, ack('A', keys[i]));
        assert_null(strstr(text, "accepted"));
        assert_non_null(strstr(text, "A<confirm"));
        text = on(&r, nack('A', keys[i], CS_E_IO, false));
        assert_null(strstr(text, "failed"));
    }
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 12);
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void lease_lives_by_progress_alone(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('B', key_of(0, 1), 7), beat('A') };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 2, true), ""); /* it gets on */
    int64_t hung_ms = r.now_ms;
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 2, false),
                        "B<cancel 0.1; A<task 0.2");
    assert_in_range(r.now_ms - hung_ms, LEASE_MS - 500, LEASE_MS + 1000);
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).expired, 1);
    /* It wakes up, too late. */
    EXPECT(&r, ack('B', key_of(0, 1)), "B<confirm 0.1");
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).stale, 1);
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void answer_after_the_lease_is_welcome_until_another_attempt_is_out(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false),
                        "A<cancel 0.1"); /* nobody else is there */
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void hung_worker_gets_no_task_until_it_says_that_it_is_free(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), "A<cancel 0.1");
    EXPECT(&r, beats[0], "A<cancel 0.1");
    EXPECT(&r, beat('A'), "A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void coordinator_that_stood_still_judges_nobody(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    r.now_ms += 10 * LEASE_MS;
    EXPECT(&r, TICK, "A<welcome");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void lost_task_message_is_sent_again(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, beat('A'), ""); /* may have crossed it */
    r.now_ms += 1000;
    EXPECT(&r, beat('A'), "A<task 0.1"); /* the same attempt */
    cs_plan_free(plan);
    done(&r);
}

static void lost_confirm_is_sent_again(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, ack('A', key_of(0, 1)), "!accepted 0; A<confirm 0.1");
    EXPECT(&r, busy_beat('A', key_of(0, 1), 9), "A<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void endless_expiry_fails_the_job(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1;; attempt++) {
        cs_dispatch_event beats[] = { busy_beat('A', key_of(0, attempt), 7) };
        const char *text = beat_until(&r, r.now_ms + 60000, beats, 1, false);
        if (strstr(text, "failed") != NULL) {
            assert_int_equal(attempt, CS_TASK_ATTEMPTS_MAX);
            break;
        }
        on(&r, beat('A'));
    }
    assert_non_null(strstr(r.error.message, "in-0.csv"));
    cs_plan_free(plan);
    done(&r);
}

static void retriable_failure_is_tried_on_another_worker_after_a_while(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_IO, true), "B<confirm 0.1");
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 100);
    assert_string_equal(wait_until(&r, r.now_ms + 100), "A<task 0.2");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_IO, true), "B<confirm 0.1"); /* doubled */
    EXPECT(&r, nack('A', key_of(0, 2), CS_E_IO, true), "A<confirm 0.2");
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 200);
    cs_plan_free(plan);
    done(&r);
}

static void retriable_failure_fails_the_job_after_ten_attempts(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1; attempt < 10; attempt++) {
        on(&r, nack('A', key_of(0, attempt), CS_E_IO, true));
        char text[64];
        snprintf(text, sizeof text, "A<task 0.%u", attempt + 1);
        cs_dispatch_event beats[] = { beat('A') };
        assert_string_equal(beat_until(&r, r.now_ms + 6000, beats, 1, false), text);
    }
    EXPECT(&r, nack('A', key_of(0, 10), CS_E_IO, true), "A<confirm 0.10; !failed IO_ERROR");
    assert_non_null(strstr(r.error.message, "10 times"));
    assert_non_null(strstr(r.error.message, "it failed"));
    cs_plan_free(plan);
    done(&r);
}

static void failure_that_is_not_retriable_fails_the_job_and_cancels_the_rest(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1; A<task 1.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_MALFORMED_RECORD, false),
           "B<confirm 0.1; !failed MALFORMED_RECORD; A<cancel 1.1");
    EXPECT(&r, ack('A', key_of(1, 1)), "A<confirm 1.1");
    cs_plan_free(plan);
    done(&r);
}

static void full_disk_of_a_worker_is_limited_by_time_not_by_attempts(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    int64_t started_ms = r.now_ms;
    uint32_t attempt = 1;
    for (;; attempt++) {
        const char *text = on(&r, nack('A', key_of(0, attempt), CS_E_DISK_FULL, true));
        if (strstr(text, "failed") != NULL)
            break;
        cs_dispatch_event beats[] = { beat('A') };
        beat_until(&r, r.now_ms + 6000, beats, 1, false);
    }
    assert_int_equal(r.error.code, CS_E_DISK_FULL);
    assert_in_range(r.now_ms - started_ms, 60000, 66000);
    assert_true(attempt > CS_TASK_ATTEMPTS_MAX);
    cs_plan_free(plan);
    done(&r);
}

static void file_that_no_worker_finds_fails_the_job_with_its_own_hint(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, nack('B', key_of(0, 1), CS_E_MISSING_FILE, false), "B<confirm 0.1");
    assert_string_equal(wait_until(&r, r.now_ms + 200), "A<task 0.2");
    EXPECT(&r, nack('A', key_of(0, 2), CS_E_MISSING_FILE, false),
           "A<confirm 0.2; !failed MISSING_FILE");
    assert_non_null(strstr(r.error.hint, "do the workers not see the source folder"));
    cs_plan_free(plan);
    done(&r);
}

static void refused_part_makes_another_attempt_and_the_old_answer_stale(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    assert_string_equal(again(&r, 0), "");
    EXPECT(&r, ack('B', key_of(0, 1)), "B<confirm 0.1"); /* doubled: it was refused */
    assert_string_equal(wait_until(&r, r.now_ms + 200), "A<task 0.2");
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void jobs_take_turns(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 3);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    assert_string_equal(add(&r, 2, plan), "");
    assert_string_equal(add(&r, 3, plan), "");
    cs_job_id seen[9];
    seen[0] = 1;
    for (int i = 1; i < 9; i++) {
        on(&r, ack('A', r.key));
        seen[i] = r.key.stream.bytes[0];
    }
    for (int i = 0; i < 9; i += 3) {
        assert_int_equal(seen[i] + seen[i + 1] + seen[i + 2], 6);
        assert_true(seen[i] != seen[i + 1] && seen[i + 1] != seen[i + 2]);
    }
    cs_plan_free(plan);
    done(&r);
}

static void cancelled_job_lets_go_of_its_workers(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1), *other = plan_of(5, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    assert_string_equal(add(&r, 2, other), "");
    assert_string_equal(cancel(&r, 1), "A<cancel 0.1");
    cs_plan_free(plan);
    assert_string_equal(cancel(&r, 1), "");
    EXPECT(&r, beat('A'), "A<task 0.1");
    assert_int_equal(r.key.batch, 5);
    cs_plan_free(other);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_go_to_free_workers_and_results_to_the_job),
        cmocka_unit_test(doubled_ack_is_confirmed_and_counts_once),
        cmocka_unit_test(stale_answers_are_confirmed_counted_and_refused),
        cmocka_unit_test(lease_lives_by_progress_alone),
        cmocka_unit_test(answer_after_the_lease_is_welcome_until_another_attempt_is_out),
        cmocka_unit_test(hung_worker_gets_no_task_until_it_says_that_it_is_free),
        cmocka_unit_test(coordinator_that_stood_still_judges_nobody),
        cmocka_unit_test(lost_task_message_is_sent_again),
        cmocka_unit_test(lost_confirm_is_sent_again),
        cmocka_unit_test(endless_expiry_fails_the_job),
        cmocka_unit_test(retriable_failure_is_tried_on_another_worker_after_a_while),
        cmocka_unit_test(retriable_failure_fails_the_job_after_ten_attempts),
        cmocka_unit_test(failure_that_is_not_retriable_fails_the_job_and_cancels_the_rest),
        cmocka_unit_test(full_disk_of_a_worker_is_limited_by_time_not_by_attempts),
        cmocka_unit_test(file_that_no_worker_finds_fails_the_job_with_its_own_hint),
        cmocka_unit_test(refused_part_makes_another_attempt_and_the_old_answer_stale),
        cmocka_unit_test(jobs_take_turns),
        cmocka_unit_test(cancelled_job_lets_go_of_its_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
