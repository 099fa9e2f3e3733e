/* What a caller finds in its cs_error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/error.h"

static void set_fills_every_field_and_forgets_the_earlier_error(void **state)
{
    (void)state;
    cs_error err;
    memset(&err, 'x', sizeof err);
    assert_int_equal(cs_error_set(&err, CS_E_BAD_SCHEMA, "column %s: no type", "a"),
                     CS_E_BAD_SCHEMA);
    cs_error_place(&err, "job.json:%d:%d", 3, 7);
    cs_error_hint(&err, "name one of %s", "INT, STRING");
    cs_error_retriable(&err);
    assert_int_equal(err.code, CS_E_BAD_SCHEMA);
    assert_int_equal(err.exit_status, 78);
    assert_true(err.retriable);
    assert_string_equal(err.message, "column a: no type");
    assert_string_equal(err.place, "job.json:3:7");
    assert_string_equal(err.hint, "name one of INT, STRING");
    assert_int_equal(cs_error_set(&err, CS_E_IO, "again"), CS_E_IO);
    assert_false(err.retriable);
    assert_int_equal(err.sys_errno, 0);
    assert_string_equal(err.place, "");
    assert_string_equal(err.hint, "");
    cs_error_clear(&err);
    assert_int_equal(err.code, CS_OK);
    assert_int_equal(err.exit_status, 0);
    assert_string_equal(err.message, "");
}

static void a_null_error_is_allowed_everywhere(void **state)
{
    (void)state;
    assert_int_equal(cs_error_set(NULL, CS_E_LIMIT, "%d", 1), CS_E_LIMIT);
    assert_int_equal(cs_error_sys(NULL, ENOENT, "%d", 1), CS_E_MISSING_FILE);
    cs_error_place(NULL, "x");
    cs_error_hint(NULL, "x");
    cs_error_retriable(NULL);
    cs_error_clear(NULL);
}

static void a_system_error_chooses_its_code_and_names_its_reason(void **state)
{
    (void)state;
    static const struct {
        int sys_errno;
        cs_code want;
    } cases[] = {
        { ENOSPC, CS_E_DISK_FULL },   { EDQUOT, CS_E_DISK_FULL },  { EACCES, CS_E_PERMISSION },
        { EPERM, CS_E_PERMISSION },   { EROFS, CS_E_PERMISSION },  { ENOENT, CS_E_MISSING_FILE },
        { ENOMEM, CS_E_NOMEM },       { EIO, CS_E_IO },            { EINVAL, CS_E_IO },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_error err;
        assert_int_equal(cs_error_sys(&err, cases[i].sys_errno, "file %s", "a.csv"),
                         cases[i].want);
        assert_int_equal(err.sys_errno, cases[i].sys_errno);
        assert_int_equal(err.exit_status, 74);
        assert_memory_equal(err.message, "file a.csv: ", 12);
        assert_string_equal(err.message + 12, strerror(cases[i].sys_errno));
    }
}

static void text_from_outside_is_made_safe(void **state)
{
    (void)state;
    cs_error err;
    (void)cs_error_set(&err, CS_E_MALFORMED_FILE, "file '%s'", "a\x1b[2J\n\xff");
    assert_string_equal(err.message, "file 'a\\x1b[2J\\x0a\\xff'");
    cs_error_place(&err, "%s", "\x07");
    assert_string_equal(err.place, "\\x07");
    cs_error_hint(&err, "%s", "\x07");
    assert_string_equal(err.hint, "\\x07");
    (void)cs_error_sys(&err, EIO, "%s", "\x1b");
    assert_memory_equal(err.message, "\\x1b: ", 6);
}

static void a_message_may_wrap_the_earlier_one(void **state)
{
    (void)state;
    cs_error err;
    (void)cs_error_set(&err, CS_E_IO, "inner");
    (void)cs_error_set(&err, CS_E_QUERY_FAILED, "task 7: %s", err.message);
    assert_string_equal(err.message, "task 7: inner");
    (void)cs_error_sys(&err, EIO, "outer: %s", err.message);
    assert_memory_equal(err.message, "outer: task 7: inner: ", 22);
}

static void a_long_text_is_cut_with_dots_and_a_system_reason_is_kept(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cs_error err;
    (void)cs_error_set(&err, CS_E_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 5, "x...");
    (void)cs_error_sys(&err, ENOSPC, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    const char *tail = strrchr(err.message, ':');
    assert_non_null(tail);
    assert_string_equal(tail + 2, strerror(ENOSPC));
    assert_memory_equal(tail - 4, "x...", 4);
}

static void names_and_codes_map_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < CS_CODE_COUNT; i++)
        assert_int_equal(cs_code_from_name(cs_code_name((cs_code)i)), i);
    assert_string_equal(cs_code_name(CS_E_UNSUPPORTED), "UNSUPPORTED_FEATURE");
    assert_int_equal(cs_code_from_name("no such"), CS_E_INTERNAL);
    assert_int_equal(cs_code_from_name(""), CS_E_INTERNAL);
    assert_int_equal(cs_code_from_name(NULL), CS_E_INTERNAL);
    assert_string_equal(cs_code_name((cs_code)4711), "INTERNAL");
    assert_string_equal(cs_code_name((cs_code)-1), "INTERNAL");
    assert_int_equal(cs_code_exit_status((cs_code)4711), 70);
}

static cs_code try_it(cs_code given, int *reached)
{
    CS_TRY(given);
    ++*reached;
    return CS_OK;
}

static cs_code try_out(cs_code given, int *reached)
{
    cs_code code = CS_OK;
    CS_TRY_OUT(given);
    ++*reached;
out:
    *reached += 10;
    return code;
}

static void try_returns_at_once_and_try_out_passes_its_label(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(try_it(CS_E_IO, &reached), CS_E_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(try_it(CS_OK, &reached), CS_OK);
    assert_int_equal(reached, 1);
    assert_int_equal(try_out(CS_E_LIMIT, &reached), CS_E_LIMIT);
    assert_int_equal(reached, 11);
    assert_int_equal(try_out(CS_OK, &reached), CS_OK);
    assert_int_equal(reached, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_every_field_and_forgets_the_earlier_error),
        cmocka_unit_test(a_null_error_is_allowed_everywhere),
        cmocka_unit_test(a_system_error_chooses_its_code_and_names_its_reason),
        cmocka_unit_test(text_from_outside_is_made_safe),
        cmocka_unit_test(a_message_may_wrap_the_earlier_one),
        cmocka_unit_test(a_long_text_is_cut_with_dots_and_a_system_reason_is_kept),
        cmocka_unit_test(names_and_codes_map_both_ways),
        cmocka_unit_test(try_returns_at_once_and_try_out_passes_its_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
