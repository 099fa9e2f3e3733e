#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/limits.h"
#include "coordinator/jobs.h"

static const cs_option good[] = {
    { CS_SCOPE_JOB, { "source-format", 13 }, { "csv", 3 }, { "test", 4 } },
    { CS_SCOPE_JOB, { "source-path", 11 }, { "/in", 3 }, { "test", 4 } },
    { CS_SCOPE_JOB, { "sink-format", 11 }, { "delta", 5 }, { "test", 4 } },
    { CS_SCOPE_JOB, { "table-path", 10 }, { "/table", 6 }, { "test", 4 } },
    { CS_SCOPE_JOB, { "checkpoint-location", 19 }, { "/chk", 4 }, { "test", 4 } },
    { CS_SCOPE_JOB, { "schema", 6 }, { "id BIGINT", 9 }, { "test", 4 } },
};
static const cs_options good_options = { good, sizeof good / sizeof good[0] };
static const cs_peer somebody = { 4, { 1, 2, 3, 4 } }, other = { 4, { 1, 2, 3, 5 } };

static void job_is_found_by_number_name_and_watcher(void **state)
{
    (void)state;
    cs_error err;
    cs_jobs *jobs = cs_jobs_new(cs_rng_system());
    cs_submitted *first, *second;
    assert_int_equal(cs_jobs_add(jobs, &good_options, &somebody, &first, &err), CS_OK);
    assert_int_equal(cs_jobs_add(jobs, &good_options, &other, &second, &err), CS_OK);
    assert_int_equal(cs_jobs_count(jobs), 2);
    assert_int_not_equal(first->id, 0);
    assert_ptr_equal(cs_jobs_find(jobs, second->id), second);
    assert_ptr_equal(cs_jobs_find_name(jobs, cs_str_of(first->name)), first);
    assert_ptr_equal(cs_jobs_find_watcher(jobs, &other), second);
    second->watched = false;
    assert_null(cs_jobs_find_watcher(jobs, &other));
    assert_null(cs_jobs_find_name(jobs, CS_STR("")));
    cs_job_id gone = first->id;
    cs_jobs_remove(jobs, first);
    assert_null(cs_jobs_find(jobs, gone));
    assert_ptr_equal(cs_jobs_at(jobs, 0), second);
    cs_jobs_free(jobs);
}

static void job_keeps_its_own_copy_of_the_options(void **state)
{
    (void)state;
    cs_error err;
    cs_jobs *jobs = cs_jobs_new(cs_rng_system());
    char path[] = "/in";
    cs_option items[sizeof good / sizeof good[0]];
    memcpy(items, good, sizeof good);
    items[1].value = (cs_str){ path, 3 };
    cs_submitted *job;
    assert_int_equal(cs_jobs_add(jobs, &(cs_options){ items, good_options.count }, &somebody, &job,
                                 &err), CS_OK);
    memset(path, 'x', sizeof path);
    assert_true(cs_str_eq(job->job.source_path, CS_STR("/in")));
    cs_jobs_free(jobs);
}

static void bad_options_add_nothing(void **state)
{
    (void)state;
    cs_error err;
    cs_jobs *jobs = cs_jobs_new(cs_rng_system());
    cs_option items[] = { { CS_SCOPE_READ, CS_STR("heeder"), CS_STR("true"), CS_STR("flag -r") } };
    cs_submitted *job = NULL;
    assert_int_equal(cs_jobs_add(jobs, &(cs_options){ items, 1 }, &somebody, &job, &err),
                     CS_E_UNKNOWN_OPTION);
    assert_null(job);
    assert_int_equal(cs_jobs_count(jobs), 0);
    cs_jobs_free(jobs);
}

static void more_jobs_than_the_limit_are_refused(void **state)
{
    (void)state;
    cs_error err;
    cs_jobs *jobs = cs_jobs_new(cs_rng_system());
    cs_submitted *job;
    for (unsigned i = 0; i < CS_JOBS_MAX; i++)
        assert_int_equal(cs_jobs_add(jobs, &good_options, &somebody, &job, &err), CS_OK);
    assert_int_equal(cs_jobs_add(jobs, &good_options, &somebody, &job, &err), CS_E_LIMIT);
    assert_non_null(strstr(err.message, "256"));
    cs_jobs_remove(jobs, cs_jobs_at(jobs, 7));
    assert_int_equal(cs_jobs_add(jobs, &good_options, &somebody, &job, &err), CS_OK);
    cs_jobs_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_is_found_by_number_name_and_watcher),
        cmocka_unit_test(job_keeps_its_own_copy_of_the_options),
        cmocka_unit_test(bad_options_add_nothing),
        cmocka_unit_test(more_jobs_than_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
