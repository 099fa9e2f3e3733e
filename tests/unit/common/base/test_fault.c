/* Fault points strike in a child, because the environment is read once and most faults end the process.
 * Without CSTREAM_FAULTS the only promise is that a point costs and does nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/fault.h"

#ifdef CSTREAM_FAULTS

static pid_t start_child(const char *specification, void (*job)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(STDERR_FILENO); /* complaints are expected */
        (void)setenv("CS_FAULT", specification, 1);
        job();
        _exit(0);
    }
    return pid;
}

static int status_of(const char *specification, void (*job)(void))
{
    int status;
    pid_t pid = start_child(specification, job);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    if (WIFSTOPPED(status)) {
        int end;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &end, 0), pid);
    }
    return status;
}

static void pass_three_times(void)
{
    for (int i = 0; i < 3; i++) {
        CS_FAULT("commit.before_link");
        CS_FAULT("commit.after_link");
    }
}

static void pass_once(void)
{
    CS_FAULT("commit.before_link");
}

static void exit_3_between_passings(void)
{
    CS_FAULT("commit.before_link");
    _exit(3);
}

static void kill_strikes_at_the_first_passing(void **state)
{
    (void)state;
    int status = status_of("commit.before_link:kill", exit_3_between_passings);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void exit_ends_with_70_and_stop_stops(void **state)
{
    (void)state;
    int status = status_of("commit.before_link:exit", pass_once);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    status = status_of("commit.before_link:stop", pass_once);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(WSTOPSIG(status), SIGSTOP);
}

static void a_fault_strikes_once(void **state)
{
    (void)state;
    int status;
    pid_t pid = start_child("commit.before_link:stop", pass_three_times);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_fault_waits_for_its_passing(void **state)
{
    (void)state;
    int status = status_of("commit.before_link@2:exit", exit_3_between_passings);
    assert_int_equal(WEXITSTATUS(status), 3);
    status = status_of("commit.before_link@3:exit", pass_three_times);
    assert_int_equal(WEXITSTATUS(status), 70);
    status = status_of("commit.before_link@4:exit", pass_three_times);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void other_points_and_prefixes_do_not_strike(void **state)
{
    (void)state;
    static const char *const others[] = { "", "commit.before:kill", "commit.before_link2:kill",
                                          "plan.before_link:exit" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(status_of(others[i], pass_once), 0);
}

static void several_faults_count_apart(void **state)
{
    (void)state;
    int status = status_of("plan.x:kill,commit.after_link@2:sleep=0,commit.after_link@3:exit",
                           pass_three_times);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
}

static void sleep_waits_and_goes_on(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(status_of("commit.before_link:sleep=120", pass_once), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t ms = (int64_t)(after.tv_sec - before.tv_sec) * 1000 +
                 (after.tv_nsec - before.tv_nsec) / 1000000;
    assert_true(ms >= 119);
}

static void a_specification_that_cannot_be_read_ends_the_process(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "commit.before_link",       "commit.before_link:",       "commit.before_link:die",
        "commit.before_link@0:kill", "commit.before_link@x:kill", ":kill",
        "a:sleep",                  "a:sleep=",                  "a:sleep=1s",
        "a:kill,,b:kill",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = status_of(bad[i], pass_once);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 2);
    }
}

static void the_trace_names_every_point_passed(void **state)
{
    (void)state;
    char path[] = "/tmp/test_fault.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(setenv("CS_FAULT_TRACE", path, 1), 0);
    int status = status_of("commit.before_link@2:exit", pass_three_times);
    assert_int_equal(unsetenv("CS_FAULT_TRACE"), 0);
    char text[200] = "";
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    unlink(path);
    assert_true(len > 0);
    assert_int_equal(WEXITSTATUS(status), 70);
    assert_string_equal(text, "commit.before_link\ncommit.after_link\ncommit.before_link\n");
}

static void exit_4_if_mutant(void)
{
    if (CS_MUTANT("commit.no_fsync"))
        _exit(4);
    _exit(5);
}

static void a_mutant_is_planted_by_its_whole_name_only(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(status_of("", exit_4_if_mutant)), 5);
    assert_int_equal(setenv("CS_MUTANT", "commit.no_fsync", 1), 0);
    assert_int_equal(WEXITSTATUS(status_of("", exit_4_if_mutant)), 4);
    assert_int_equal(setenv("CS_MUTANT", "commit.no", 1), 0);
    assert_int_equal(WEXITSTATUS(status_of("", exit_4_if_mutant)), 5);
    assert_int_equal(unsetenv("CS_MUTANT"), 0);
}

#else

static void without_faults_a_point_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(setenv("CS_FAULT", "commit.before_link:kill", 1), 0);
    assert_int_equal(setenv("CS_MUTANT", "commit.no_fsync", 1), 0);
    CS_FAULT("commit.before_link");
    assert_false(CS_MUTANT("commit.no_fsync"));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef CSTREAM_FAULTS
        cmocka_unit_test(kill_strikes_at_the_first_passing),
        cmocka_unit_test(exit_ends_with_70_and_stop_stops),
        cmocka_unit_test(a_fault_strikes_once),
        cmocka_unit_test(a_fault_waits_for_its_passing),
        cmocka_unit_test(other_points_and_prefixes_do_not_strike),
        cmocka_unit_test(several_faults_count_apart),
        cmocka_unit_test(sleep_waits_and_goes_on),
        cmocka_unit_test(a_specification_that_cannot_be_read_ends_the_process),
        cmocka_unit_test(the_trace_names_every_point_passed),
        cmocka_unit_test(a_mutant_is_planted_by_its_whole_name_only),
#else
        cmocka_unit_test(without_faults_a_point_does_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
