/* Previews of real files in a scratch folder, their output caught in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/preview.h"
#include "worker/preview_files.h"

typedef struct scratch {
    char root[64];
    char out[32768], told[32768]; /* stdout and stderr of the last preview */
    cs_error err;
} scratch;

static void set_up(scratch *files)
{
    memset(files, 0, sizeof *files);
    snprintf(files->root, sizeof files->root, "/tmp/cstream-preview-XXXXXX");
    assert_non_null(mkdtemp(files->root));
}

static void tear_down(scratch *files)
{
    char command[256];
    snprintf(command, sizeof command, "rm -r '%s'", files->root);
    assert_int_equal(system(command), 0);
}

static void put(scratch *files, const char *name, const char *bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", files->root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

/* fd writes to `path` until the returned copy is put back. */
static int divert(int fd, const char *path)
{
    int kept = dup(fd);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(kept >= 0 && file >= 0);
    dup2(file, fd);
    close(file);
    return kept;
}

static void restore(int fd, int kept, const char *path, char *text, size_t size)
{
    dup2(kept, fd);
    close(kept);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    unlink(path);
}

static cs_code preview(scratch *files, const char *name, const char *mode, size_t rows, bool json)
{
    char source[512], out[128], told[128];
    snprintf(source, sizeof source, "%s%s", files->root, name);
    snprintf(out, sizeof out, "%s.out", files->root);
    snprintf(told, sizeof told, "%s.err", files->root);
    const cs_option items[] = {
        { CS_SCOPE_JOB, CS_STR("source-format"), CS_STR("csv"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("source-path"), cs_str_of(source), { 0 } },
        { CS_SCOPE_JOB, CS_STR("schema"), CS_STR("id INT, name STRING"), { 0 } },
        { CS_SCOPE_READ, CS_STR("mode"), cs_str_of(mode), { 0 } },
        { CS_SCOPE_READ, CS_STR("pathGlobFilter"), CS_STR("*.{csv,txt}"), { 0 } },
    };
    fflush(stdout);
    fflush(stderr);
    int kept_out = divert(STDOUT_FILENO, out), kept_err = divert(STDERR_FILENO, told);
    cs_code code = cs_preview_run(&(cs_options){ items, sizeof items / sizeof *items }, rows, json,
                                  &files->err);
    fflush(stdout);
    fflush(stderr);
    restore(STDOUT_FILENO, kept_out, out, files->out, sizeof files->out);
    restore(STDERR_FILENO, kept_err, told, files->told, sizeof files->told);
    return code;
}

static void rows_come_typed_from_the_files_in_order_of_their_names(void **state)
{
    (void)state;
    scratch files;
    set_up(&files);
    put(&files, "b.csv", "3,c\n4,d\n");
    put(&files, "a.txt", "1,\"a,\xc3\xa9\"\n2,\n");
    put(&files, "_hidden.csv", "9,x\n");
    put(&files, ".hidden.csv", "9,x\n");
    put(&files, "c.json", "9,x\n");
    assert_int_equal(preview(&files, "", "PERMISSIVE", 3, true), CS_OK);
    assert_string_equal(files.out, "{\"id\":1,\"name\":\"a,\xc3\xa9\"}\n{\"id\":2,\"name\":null}\n"
                                   "{\"id\":3,\"name\":\"c\"}\n");
    assert_string_equal(files.told, "");
    assert_int_equal(preview(&files, "", "PERMISSIVE", 0, false), CS_OK);
    assert_string_equal(files.out, "id  name\n1   a,\xc3\xa9\n2   NULL\n3   c\n4   d\n");
    assert_int_equal(preview(&files, "/b.csv", "PERMISSIVE", 1, false), CS_OK);
    assert_string_equal(files.out, "id  name\n3   c\n");
    tear_down(&files);
}

static void rejects_are_told_with_their_place_up_to_the_rows_wanted(void **state)
{
    (void)state;
    char expected[512];
    scratch files;
    set_up(&files);
    put(&files, "a.csv", "1,a\nx,b\n2\n3,c\ny,d\n");
    assert_int_equal(preview(&files, "", "PERMISSIVE", 4, true), CS_OK);
    assert_string_equal(files.out, "{\"id\":1,\"name\":\"a\"}\n{\"id\":null,\"name\":\"b\"}\n"
                                   "{\"id\":2,\"name\":null}\n{\"id\":3,\"name\":\"c\"}\n");
    snprintf(expected, sizeof expected,
             "%s/a.csv:2:1: column id: 'x' is not INT\n%s/a.csv:3:1: record has 1 field, the schema has 2\n",
             files.root, files.root);
    assert_string_equal(files.told, expected);
    assert_int_equal(preview(&files, "", "DROPMALFORMED", 1, true), CS_OK);
    assert_string_equal(files.out, "{\"id\":1,\"name\":\"a\"}\n");
    assert_string_equal(files.told, "");
    assert_int_equal(preview(&files, "", "FAILFAST", 0, true), CS_E_MALFORMED_RECORD);
    snprintf(expected, sizeof expected, "%s/a.csv:2:1", files.root);
    assert_string_equal(files.err.place, expected);
    tear_down(&files);
}

static void a_source_that_is_not_there_is_named(void **state)
{
    (void)state;
    scratch files;
    set_up(&files);
    assert_int_equal(preview(&files, "/none", "PERMISSIVE", 1, true), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(files.err.message, "/none does not exist"));
    assert_int_equal(preview(&files, "", "PERMISSIVE", 1, true), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(files.err.message, "holds no file"));
    tear_down(&files);
}

static void globs_know_stars_sets_and_braces(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    assert_true(cs_preview_glob(CS_STR("*.csv"), CS_STR("a.csv"), &arena));
    assert_false(cs_preview_glob(CS_STR("*.csv"), CS_STR("a.csv.gz"), &arena));
    assert_true(cs_preview_glob(CS_STR("[a-c]?.{csv,tsv}"), CS_STR("b1.tsv"), &arena));
    assert_false(cs_preview_glob(CS_STR("{a,b}.{c,d}"), CS_STR("a.e"), &arena));
    assert_true(cs_preview_glob(CS_STR("{a,b}.{c,d}"), CS_STR("b.d"), &arena));
    cs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_typed_from_the_files_in_order_of_their_names),
        cmocka_unit_test(rejects_are_told_with_their_place_up_to_the_rows_wanted),
        cmocka_unit_test(a_source_that_is_not_there_is_named),
        cmocka_unit_test(globs_know_stars_sets_and_braces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
