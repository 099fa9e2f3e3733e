/* Workers: who is there, who died, who comes back, who has to go. */
#include "tests/unit/coordinator/dispatch/dispatch_rig.h"

static void dead_worker_hands_its_task_to_another(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "workers 1; A<task 0.2");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "");
    EXPECT(&r, ack('A', key_of(0, 2)), "!accepted 0; A<confirm 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_leaves_hands_its_task_to_another(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_BYE, 'B'), "workers 1; A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void task_that_ends_four_workers_fails_the_job_and_names_its_files(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 2);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'A'), "workers 0");
    EXPECT(&r, hello('B'), "B<welcome; workers 1; B<task 0.2");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'B'), "workers 0");
    EXPECT(&r, hello('C'), "C<welcome; workers 1; C<task 0.3");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'C'), "workers 0");
    EXPECT(&r, hello('D'), "D<welcome; workers 1; D<task 0.4");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'D'), "workers 0; !failed QUERY_FAILED");
    assert_non_null(strstr(r.error.message, "4 workers"));
    assert_non_null(strstr(r.error.message, "in-0.csv"));
    assert_null(strstr(r.error.message, "in-1.csv"));
    cs_plan_free(plan);
    done(&r);
}

static void expired_lease_alone_ends_no_worker(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    for (uint32_t attempt = 1; attempt <= 6; attempt++) {
        cs_dispatch_event beats[] = { busy_beat('A', key_of(0, attempt), 7) };
        char text[64];
        snprintf(text, sizeof text, "A<cancel 0.%u", attempt);
        assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), text);
        snprintf(text, sizeof text, "A<task 0.%u", attempt + 1);
        EXPECT(&r, beat('A'), text);
    }
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_dies_after_its_lease_counts_against_the_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    const char *letters = "ABCDE";
    for (uint32_t i = 0; i < 4; i++) {
        char text[64];
        cs_dispatch_event beats[] = { busy_beat(letters[i], key_of(0, i + 1), 7) };
        snprintf(text, sizeof text, "%c<cancel 0.%u", letters[i], i + 1);
        assert_string_equal(beat_until(&r, r.now_ms + 60000, beats, 1, false), text);
        if (i == 3)
            break;
        snprintf(text, sizeof text, "%c<welcome; workers 2; %c<task 0.%u", letters[i + 1],
                 letters[i + 1], i + 2);
        EXPECT(&r, hello(letters[i + 1]), text);
        EXPECT(&r, from(CS_DISPATCH_GONE, letters[i]), "workers 1");
    }
    EXPECT(&r, from(CS_DISPATCH_GONE, 'D'), "workers 0; !failed QUERY_FAILED");
    cs_plan_free(plan);
    done(&r);
}

static void job_without_workers_fails_after_its_time(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    assert_string_equal(wait_until(&r, r.now_ms + 59999), "");
    assert_string_equal(wait_until(&r, r.now_ms + 1), "!failed NO_WORKERS");
    assert_int_equal(r.error.exit_status, 69);
    cs_plan_free(plan);
    done(&r);
}

static void time_without_workers_begins_when_the_last_one_goes(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    assert_string_equal(wait_until(&r, r.now_ms + 50000), "");
    EXPECT(&r, hello('A'), "A<welcome; workers 1; A<task 0.1");
    cs_dispatch_event beats[] = { busy_beat('A', key_of(0, 1), 7) };
    assert_string_equal(beat_until(&r, r.now_ms + 70000, beats, 1, true), "");
    EXPECT(&r, from(CS_DISPATCH_GONE, 'A'), "workers 0");
    assert_string_equal(wait_until(&r, r.now_ms + 59999), "");
    assert_string_equal(wait_until(&r, r.now_ms + 1), "!failed NO_WORKERS");
    cs_plan_free(plan);
    done(&r);
}

static void silent_worker_is_forgotten_and_asked_who_it_is(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    assert_string_equal(wait_until(&r, r.now_ms + 60000), "workers 0");
    EXPECT(&r, beat('A'), "A<who");
    EXPECT(&r, hello('A'), "A<welcome; workers 1");
    done(&r);
}

static void known_workers_get_a_sign_of_life_each_second(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    assert_int_equal(cs_dispatch_deadline(r.dispatch), r.now_ms + 1000);
    r.now_ms += 1000;
    EXPECT(&r, TICK, "A<welcome");
    done(&r);
}

static void worker_of_another_version_has_to_leave(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_dispatch_event event = hello('A');
    event.hello.version = CS_STR("0.9\x1b");
    EXPECT(&r, event, "A<leave");
    assert_int_equal(r.error.exit_status, 69);
    assert_non_null(strstr(r.error.message, "0.9\\x1b"));
    assert_int_equal(cs_dispatch_counts_of(r.dispatch).workers, 0);
    done(&r);
}

static void second_worker_of_a_name_has_to_leave_while_the_first_lives(void **state)
{
    (void)state;
    rig r = new_rig();
    EXPECT(&r, hello_as('A', "w1", 10), "A<welcome; workers 1");
    EXPECT(&r, hello_as('B', "w1", 11), "A<welcome"); /* are you there? */
    r.now_ms += 400;
    EXPECT(&r, beat('A'), "");
    EXPECT(&r, hello_as('B', "w1", 11), "B<leave");
    assert_non_null(strstr(r.error.message, "'w1' (pid 10)"));
    done(&r);
}

static void restarted_worker_takes_the_place_of_its_former_self(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    EXPECT(&r, hello_as('A', "w1", 10), "A<welcome; workers 1");
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, hello_as('B', "w1", 11), "A<welcome");
    r.now_ms += 200;
    EXPECT(&r, hello_as('B', "w1", 11), "");
    r.now_ms += 1300;
    EXPECT(&r, hello_as('B', "w1", 11), "workers 0; B<welcome; workers 1; B<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_keeps_its_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    on(&r, hello('B'));
    assert_string_equal(add(&r, 1, plan), "B<task 0.1");
    EXPECT(&r, back_with('B', key_of(0, 1)), "workers 1; B<welcome; workers 2");
    EXPECT(&r, ack('B', key_of(0, 1)), "!accepted 0; B<confirm 0.1");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_empty_handed_frees_its_task(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    on(&r, hello('A'));
    assert_string_equal(add(&r, 1, plan), "A<task 0.1");
    EXPECT(&r, hello('A'), "workers 0; A<welcome; workers 1; A<task 0.2");
    cs_plan_free(plan);
    done(&r);
}

static void worker_that_comes_back_with_a_stale_task_is_told_to_drop_it(void **state)
{
    (void)state;
    rig r = new_rig();
    cs_plan *plan = plan_of(0, 1);
    assert_string_equal(add(&r, 1, plan), "");
    cs_task_key former = key_of(0, 1);
    former.epoch = 3; /* the coordinator was started anew meanwhile */
    EXPECT(&r, back_with('A', former), "A<welcome; A<cancel 0.1; workers 1");
    EXPECT(&r, beat('A'), "A<task 0.1");
    assert_int_equal(r.key.epoch, 4);
    cs_plan_free(plan);
    done(&r);
}

static void leaving_coordinator_tells_every_worker(void **state)
{
    (void)state;
    rig r = new_rig();
    on(&r, hello('A'));
    on(&r, hello('B'));
    cs_error reason;
    (void)cs_error_set(&reason, CS_E_CANCELLED, "the coordinator ends");
    cs_dispatch_leave(r.dispatch, &reason, &r.actions);
    assert_string_equal(take(&r), "A<leave; B<leave");
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_worker_hands_its_task_to_another),
        cmocka_unit_test(worker_that_leaves_hands_its_task_to_another),
        cmocka_unit_test(task_that_ends_four_workers_fails_the_job_and_names_its_files),
        cmocka_unit_test(expired_lease_alone_ends_no_worker),
        cmocka_unit_test(worker_that_dies_after_its_lease_counts_against_the_task),
        cmocka_unit_test(job_without_workers_fails_after_its_time),
        cmocka_unit_test(time_without_workers_begins_when_the_last_one_goes),
        cmocka_unit_test(silent_worker_is_forgotten_and_asked_who_it_is),
        cmocka_unit_test(known_workers_get_a_sign_of_life_each_second),
        cmocka_unit_test(worker_of_another_version_has_to_leave),
        cmocka_unit_test(second_worker_of_a_name_has_to_leave_while_the_first_lives),
        cmocka_unit_test(restarted_worker_takes_the_place_of_its_former_self),
        cmocka_unit_test(worker_that_comes_back_keeps_its_task),
        cmocka_unit_test(worker_that_comes_back_empty_handed_frees_its_task),
        cmocka_unit_test(worker_that_comes_back_with_a_stale_task_is_told_to_drop_it),
        cmocka_unit_test(leaving_coordinator_tells_every_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
