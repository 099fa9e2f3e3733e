/* What lands on stderr, caught through a pipe or a file in its place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"

static int saved_stderr = -1;
static FILE *caught;
static char text[20000];

static int catch_stderr(void **state)
{
    (void)state;
    caught = tmpfile();
    saved_stderr = dup(STDERR_FILENO);
    return caught == NULL || dup2(fileno(caught), STDERR_FILENO) < 0;
}

static int give_stderr_back(void **state)
{
    (void)state;
    fclose(caught);
    int rc = dup2(saved_stderr, STDERR_FILENO) < 0;
    return close(saved_stderr) != 0 || rc;
}

/* All that was written since the last call. */
static const char *lines(void)
{
    rewind(caught);
    size_t len = fread(text, 1, sizeof text - 1, caught);
    text[len] = '\0';
    assert_int_equal(ftruncate(fileno(caught), 0), 0);
    rewind(caught);
    return text;
}

/* Checks the stamp's shape and returns what follows it. */
static const char *after_stamp(const char *line)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape[i]);
    }
    assert_memory_equal(line, "20", 2);
    return line + sizeof shape - 1;
}

static void a_text_line_has_stamp_level_program_and_message(void **state)
{
    (void)state;
    cs_log_setup("coordinator", CS_LOG_INFO, false);
    cs_log(CS_LOG_WARN, "worker %d is late", 3);
    assert_string_equal(after_stamp(lines()), " WARN coordinator: worker 3 is late\n");
}

static void a_json_line_is_one_object_with_its_text_escaped(void **state)
{
    (void)state;
    cs_log_setup("worker", CS_LOG_INFO, true);
    cs_log(CS_LOG_ERROR, "file \"a\\b\n\x1b\xff\xc3\xbc\"");
    const char *line = lines();
    assert_memory_equal(line, "{\"ts\":\"", 7);
    assert_string_equal(after_stamp(line + 7),
                        "\",\"level\":\"ERROR\",\"program\":\"worker\",\"message\":"
                        "\"file \\\"a\\\\b\\\\x0a\\\\x1b\\\\xff\xc3\xbc\\\"\"}\n");
}

static void levels_above_the_chosen_one_are_silent(void **state)
{
    (void)state;
    cs_log_setup("worker", CS_LOG_WARN, false);
    assert_int_equal(cs_log_level_now(), CS_LOG_WARN);
    cs_log(CS_LOG_INFO, "no");
    cs_log(CS_LOG_DEBUG, "no");
    assert_string_equal(lines(), "");
    cs_log(CS_LOG_ERROR, "yes");
    assert_string_equal(after_stamp(lines()), " ERROR worker: yes\n");
}

static void controls_cannot_start_a_second_line_or_move_the_cursor(void **state)
{
    (void)state;
    cs_log_setup("worker", CS_LOG_INFO, false);
    cs_log(CS_LOG_INFO, "%s", "a\n2026-01-01 forged\r\x1b[2J\xc2\x9b");
    assert_string_equal(after_stamp(lines()),
                        " INFO worker: a\\x0a2026-01-01 forged\\x0d\\x1b[2J\\xc2\\x9b\n");
}

static void a_long_line_is_whole(void **state)
{
    (void)state;
    cs_log_setup("w", CS_LOG_INFO, false);
    cs_log(CS_LOG_INFO, "%09000d|", 7);
    const char *line = after_stamp(lines());
    assert_int_equal(strlen(line), strlen(" INFO w: ") + 9000 + 2);
    assert_string_equal(line + strlen(line) - 3, "7|\n");
}

static void an_error_is_logged_with_place_and_hint_where_it_has_them(void **state)
{
    (void)state;
    cs_log_setup("submit", CS_LOG_INFO, false);
    cs_error err;
    (void)cs_error_set(&err, CS_E_BAD_OPTION, "sep: empty");
    cs_log_error(&err, "job a");
    assert_string_equal(after_stamp(lines()), " ERROR submit: job a: sep: empty\n");
    cs_error_place(&err, "a.json:2:1");
    cs_error_hint(&err, "give one character");
    cs_log_error(&err, "job a");
    assert_string_equal(after_stamp(lines()),
                        " ERROR submit: job a: sep: empty (a.json:2:1); give one character\n");
}

static void errno_survives_a_log_line(void **state)
{
    (void)state;
    cs_log_setup("submit", CS_LOG_INFO, false);
    assert_int_equal(close(STDERR_FILENO), 0); /* the write fails */
    errno = EXDEV;
    cs_log(CS_LOG_INFO, "lost");
    int after = errno;
    assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
    assert_int_equal(after, EXDEV);
}

int main(void)
{
#define CAUGHT(test) cmocka_unit_test_setup_teardown(test, catch_stderr, give_stderr_back)
    const struct CMUnitTest tests[] = {
        CAUGHT(a_text_line_has_stamp_level_program_and_message),
        CAUGHT(a_json_line_is_one_object_with_its_text_escaped),
        CAUGHT(levels_above_the_chosen_one_are_silent),
        CAUGHT(controls_cannot_start_a_second_line_or_move_the_cursor),
        CAUGHT(a_long_line_is_whole),
        CAUGHT(an_error_is_logged_with_place_and_hint_where_it_has_them),
        CAUGHT(errno_survives_a_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
