/* The contract of store.h, held by the real file system and by the simulator's disk alike: every case runs
 * on both, so that what is proved on the one is true of the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/store/store_fault.h"
#include "common/store/store_mem.h"

typedef struct ground {
    cs_store *store;
    cs_mem_disk *disk; /* NULL: posix */
    char root[64];
} ground;

static ground *ground_new(bool mem, bool make)
{
    ground *g = cs_xcalloc(1, sizeof *g);
    if (mem) {
        g->disk = cs_mem_disk_new(cs_clock_system());
        if (make)
            cs_mem_disk_put_kind(g->disk, CS_STR("a/root"), CS_FILE_FOLDER);
        assert_int_equal(cs_store_mem_open(g->disk, CS_STR("a/root"), true, &g->store, NULL), CS_OK);
        return g;
    }
    snprintf(g->root, sizeof g->root, "/tmp/cs_store_XXXXXX");
    assert_non_null(mkdtemp(g->root));
    char path[96];
    snprintf(path, sizeof path, "%s/a/root", g->root);
    if (make) {
        cs_store *outer;
        assert_int_equal(cs_store_posix_open(g->root, false, &outer, NULL), CS_OK);
        assert_int_equal(cs_store_make_folder(outer, CS_STR("a/root"), NULL), CS_OK);
        cs_store_close(outer);
    }
    assert_int_equal(cs_store_posix_open(path, true, &g->store, NULL), CS_OK);
    return g;
}

static void ground_free(ground *g)
{
    cs_store_close(g->store);
    cs_mem_disk_free(g->disk);
    if (g->root[0] != '\0') {
        char command[96];
        snprintf(command, sizeof command, "rm -rf %s", g->root);
        assert_int_equal(system(command), 0);
    }
    free(g);
}

static int setup_posix(void **state)
{
    *state = ground_new(false, true);
    return 0;
}

static int setup_mem(void **state)
{
    *state = ground_new(true, true);
    return 0;
}

static int teardown(void **state)
{
    ground_free(*state);
    return 0;
}

static void write_file(cs_store *store, const char *name, const char *text)
{
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, cs_str_of(name), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, text, strlen(text), NULL), CS_OK);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
    cs_file_writer_close(writer);
}

static void assert_content(cs_store *store, const char *name, const char *text)
{
    cs_buf got = CS_BUF_INIT;
    assert_int_equal(cs_store_read(store, cs_str_of(name), 1 << 20, &got, NULL, NULL), CS_OK);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.ptr, text, got.len);
    cs_buf_done(&got);
}

static cs_code note_name(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)err;
    cs_buf *names = ctx;
    cs_buf_add_str(names, entry->name);
    cs_buf_printf(names, ":%d:%llu;", (int)entry->stat.kind,
                  (unsigned long long)(entry->stat.kind == CS_FILE_REGULAR ? entry->stat.size_bytes : 0));
    return CS_OK;
}

static void assert_lists(cs_store *store, const char *folder, size_t n, const char *const *entries)
{
    cs_buf names = CS_BUF_INIT;
    assert_int_equal(cs_store_list(store, cs_str_of(folder), note_name, &names, NULL), CS_OK);
    size_t len = 0;
    cs_buf_add_char(&names, '\0');
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(names.ptr, entries[i]));
        len += strlen(entries[i]);
    }
    assert_int_equal(strlen(names.ptr), len);
    cs_buf_done(&names);
}

static void created_file_is_read_back_at_any_offset(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "x.csv", "0123456789");
    cs_file *file;
    char bytes[16];
    size_t got;
    assert_int_equal(cs_store_open(store, CS_STR("x.csv"), &file, NULL), CS_OK);
    assert_int_equal(cs_file_read_at(file, 3, bytes, 4, &got, NULL), CS_OK);
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(cs_file_read_at(file, 8, bytes, 16, &got, NULL), CS_OK);
    assert_int_equal(got, 2);
    assert_int_equal(cs_file_read_at(file, 100, bytes, 16, &got, NULL), CS_OK);
    assert_int_equal(got, 0);
    cs_stat open_stat, name_stat;
    assert_int_equal(cs_file_stat(file, &open_stat, NULL), CS_OK);
    assert_int_equal(cs_store_stat(store, CS_STR("x.csv"), &name_stat, NULL), CS_OK);
    assert_int_equal(open_stat.size_bytes, 10);
    assert_int_equal(open_stat.kind, CS_FILE_REGULAR);
    assert_int_equal(name_stat.size_bytes, 10);
    assert_int_equal(name_stat.inode, open_stat.inode);
    assert_true(name_stat.mtime_ns == open_stat.mtime_ns && name_stat.ctime_ns == open_stat.ctime_ns);
    cs_file_close(file);
}

static void open_file_outlives_its_name(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "x", "abc");
    cs_file *file;
    char bytes[4];
    size_t got;
    assert_int_equal(cs_store_open(store, CS_STR("x"), &file, NULL), CS_OK);
    assert_int_equal(cs_store_remove(store, CS_STR("x"), NULL), CS_OK);
    assert_int_equal(cs_file_read_at(file, 0, bytes, 4, &got, NULL), CS_OK);
    assert_int_equal(got, 3);
    cs_file_close(file);
}

static void create_refuses_a_taken_name_and_keeps_the_old_content(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "x", "old");
    cs_file_writer *writer = NULL;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_E_EXISTS);
    assert_null(writer);
    assert_content(store, "x", "old");
}

static void create_makes_folders(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "k=1/l=2/x", "abc");
    assert_content(store, "k=1/l=2/x", "abc");
    assert_lists(store, "k=1", 1, (const char *[]){ "k=1/l=2:1:0;" });
}

static void writer_closed_without_seal_leaves_nothing(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, "abc", 3, NULL), CS_OK);
    cs_file_writer_close(writer);
    assert_lists(store, "", 0, NULL);
}

static void sealed_writer_takes_no_more(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, "abc", 3, NULL), CS_E_IO);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_E_IO);
    cs_file_writer_close(writer);
    assert_content(store, "x", "");
}

static void list_gives_full_names_with_stats(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "f/a", "1");
    write_file(store, "f/\xff\n%", "22");
    assert_int_equal(cs_store_make_folder(store, CS_STR("f/g"), NULL), CS_OK);
    assert_lists(store, "f", 3, (const char *[]){ "f/a:0:1;", "f/\xff\n%:0:2;", "f/g:1:0;" });
    assert_lists(store, "", 1, (const char *[]){ "f:1:0;" });
    cs_buf names = CS_BUF_INIT;
    assert_int_equal(cs_store_list(store, CS_STR("none"), note_name, &names, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_list(store, CS_STR("f/a"), note_name, &names, NULL), CS_E_NOT_FOUND);
    cs_buf_done(&names);
}

static cs_code stop_at_once(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)entry;
    (*(int *)ctx)++;
    return cs_error_set(err, CS_E_CANCELLED, "enough");
}

static void list_stops_when_told(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "a", "1");
    write_file(store, "b", "1");
    int calls = 0;
    assert_int_equal(cs_store_list(store, CS_STR(""), stop_at_once, &calls, NULL), CS_E_CANCELLED);
    assert_int_equal(calls, 1);
}

static void what_is_not_there_is_not_found(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    cs_file *file;
    cs_stat st;
    cs_error err;
    write_file(store, "x", "1");
    assert_int_equal(cs_store_open(store, CS_STR("no"), &file, &err), CS_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "a/root/no"));
    assert_int_equal(cs_store_stat(store, CS_STR("no"), &st, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_stat(store, CS_STR("x/y"), &st, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_remove(store, CS_STR("no"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_remove(store, CS_STR("no/x"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_sync_folder(store, CS_STR("no"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_rename_new(store, CS_STR("no"), CS_STR("y"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_rename_new(store, CS_STR("x"), CS_STR("no/y"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_put_new(store, CS_STR("no/x"), CS_STR("t"), CS_STR("1"), NULL),
                     CS_E_NOT_FOUND);
}

static void folder_is_no_file(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    cs_file *file;
    assert_int_equal(cs_store_make_folder(store, CS_STR("x.csv"), NULL), CS_OK);
    assert_int_equal(cs_store_open(store, CS_STR("x.csv"), &file, NULL), CS_E_UNSUPPORTED);
    assert_int_equal(cs_store_remove(store, CS_STR("x.csv"), NULL), CS_E_IO);
    write_file(store, "file", "1");
    assert_int_equal(cs_store_make_folder(store, CS_STR("file/x"), NULL), CS_E_NOT_FOUND);
}

static void rename_new_never_overwrites(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "a", "1");
    write_file(store, "f/b", "2");
    assert_int_equal(cs_store_rename_new(store, CS_STR("a"), CS_STR("f/b"), NULL), CS_E_EXISTS);
    assert_content(store, "f/b", "2");
    assert_int_equal(cs_store_rename_new(store, CS_STR("a"), CS_STR("f/c"), NULL), CS_OK);
    assert_content(store, "f/c", "1");
    assert_lists(store, "", 1, (const char *[]){ "f:1:0;" });
}

static void put_new_puts_once_and_leaves_no_temporary(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    assert_int_equal(cs_store_make_folder(store, CS_STR("_log"), NULL), CS_OK);
    assert_int_equal(cs_store_put_new(store, CS_STR("_log/1"), CS_STR("t"), CS_STR("one"), NULL), CS_OK);
    assert_int_equal(cs_store_put_new(store, CS_STR("_log/1"), CS_STR("t"), CS_STR("two"), NULL),
                     CS_E_EXISTS);
    assert_content(store, "_log/1", "one");
    assert_lists(store, "_log", 1, (const char *[]){ "_log/1:0:3;" });
}

static void names_that_lead_outside_are_refused(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    static const char *const bad[] = { "",    "/",    "/x",   "x/",    "a//b", ".",
                                       "..",  "../x", "a/..", "a/./b", "a/../b" };
    cs_file_writer *writer;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cs_store_create(store, cs_str_of(bad[i]), &writer, NULL), CS_E_PERMISSION);
    assert_int_equal(cs_store_create(store, CS_STR("a\0b"), &writer, NULL), CS_E_PERMISSION);
    char piece[CS_NAME_BYTES_MAX + 2];
    memset(piece, 'x', sizeof piece);
    cs_str longest = { piece, CS_NAME_BYTES_MAX }, longer = { piece, CS_NAME_BYTES_MAX + 1 };
    assert_int_equal(cs_store_create(store, longer, &writer, NULL), CS_E_PERMISSION);
    assert_int_equal(cs_store_create(store, longest, &writer, NULL), CS_OK);
    cs_file_writer_close(writer);
    assert_int_equal(cs_store_put_new(store, longest, CS_STR("t"), CS_STR(""), NULL), CS_E_LIMIT);
    char *path = cs_xcalloc(1, CS_PATH_BYTES_MAX + 2);
    for (size_t i = 0; i <= CS_PATH_BYTES_MAX; i++)
        path[i] = i % 2 == 0 ? 'x' : '/';
    assert_int_equal(cs_store_create(store, cs_str_of(path), &writer, NULL), CS_E_LIMIT);
    free(path);
}

static void read_refuses_more_than_the_limit(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    write_file(store, "x", "12345");
    cs_buf got = CS_BUF_INIT;
    cs_buf_add_cstr(&got, "before");
    assert_int_equal(cs_store_read(store, CS_STR("x"), 4, &got, NULL, NULL), CS_E_LIMIT);
    cs_stat st;
    assert_int_equal(cs_store_read(store, CS_STR("x"), 5, &got, &st, NULL), CS_OK);
    assert_int_equal(st.size_bytes, 5);
    assert_int_equal(got.len, 11);
    assert_memory_equal(got.ptr, "before12345", 11);
    cs_buf_done(&got);
}

static void root_is_made_on_demand(void **state)
{
    (void)state;
    for (int mem = 0; mem < 2; mem++) {
        ground *g = ground_new(mem == 1, false);
        cs_stat st;
        assert_int_equal(cs_store_stat(g->store, CS_STR(""), &st, NULL), CS_E_NOT_FOUND);
        assert_int_equal(cs_store_make_folder(g->store, CS_STR(""), NULL), CS_OK);
        assert_int_equal(cs_store_make_folder(g->store, CS_STR(""), NULL), CS_OK);
        assert_int_equal(cs_store_stat(g->store, CS_STR(""), &st, NULL), CS_OK);
        assert_int_equal(st.kind, CS_FILE_FOLDER);
        write_file(g->store, "x", "1");
        ground_free(g);
    }
}

static void root_that_another_process_made_since_is_found(void **state)
{
    (void)state;
    for (int mem = 0; mem < 2; mem++) {
        ground *g = ground_new(mem == 1, false), other = *g;
        cs_stat st;
        assert_int_equal(cs_store_stat(g->store, CS_STR(""), &st, NULL), CS_E_NOT_FOUND);
        char path[96];
        snprintf(path, sizeof path, "%s/a/root", g->root);
        assert_int_equal(mem == 1 ? cs_store_mem_open(g->disk, CS_STR("a/root"), true, &other.store, NULL)
                                  : cs_store_posix_open(path, true, &other.store, NULL),
                         CS_OK);
        assert_int_equal(cs_store_make_folder(other.store, CS_STR(""), NULL), CS_OK);
        assert_int_equal(cs_store_stat(g->store, CS_STR(""), &st, NULL), CS_OK);
        cs_store_close(other.store);
        ground_free(g);
    }
}

static void writer_in_progress_is_seen_by_the_probe(void **state)
{
    cs_store *store = ((ground *)*state)->store;
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_OK);
    cs_writer_probe during = cs_store_probe_writer(store, CS_STR("x"));
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
    cs_file_writer_close(writer);
    cs_writer_probe after = cs_store_probe_writer(store, CS_STR("x"));
    /* A file system without leases says so both times. */
    if (during != CS_WRITER_UNKNOWN) {
        assert_int_equal(during, CS_WRITER_OPEN);
        assert_int_equal(after, CS_WRITER_NONE);
    }
    assert_int_equal(cs_store_probe_writer(store, CS_STR("none")), CS_WRITER_UNKNOWN);
}

/* Fails every n-th operation of the sequence in turn: each failure is reported, and doing the rest again
 * reaches the same end. */
static void every_single_failure_is_reported_and_can_be_mended(void **state)
{
    ground *g = *state;
    cs_store *fault = cs_store_fault_new(g->store);
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        char name[32];
        snprintf(name, sizeof name, "f%llu/x", (unsigned long long)nth);
        cs_store_fault_set(fault, (cs_store_fault_rule){ .nth = nth, .sys_errno = 28 /* ENOSPC */ });
        cs_file_writer *writer = NULL;
        cs_buf got = CS_BUF_INIT;
        cs_code code = cs_store_create(fault, cs_str_of(name), &writer, NULL);
        if (code == CS_OK)
            code = cs_file_writer_write(writer, "abc", 3, NULL);
        if (code == CS_OK)
            code = cs_file_writer_seal(writer, NULL);
        cs_file_writer_close(writer);
        if (code == CS_OK)
            code = cs_store_read(fault, cs_str_of(name), 10, &got, NULL, NULL);
        done = cs_store_fault_passed(fault, CS_STORE_OP_ANY) < nth;
        assert_int_equal(code, done ? CS_OK : CS_E_DISK_FULL);
        cs_buf_done(&got);
    }
    assert_int_equal(cs_store_fault_passed(fault, CS_STORE_OP_READ), 1);
    g->store = fault; /* closed by teardown, with the inner one */
}

#define ON_BOTH(test)                                                              \
    { #test " [posix]", test, setup_posix, teardown, NULL },                       \
    { #test " [mem]", test, setup_mem, teardown, NULL }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(created_file_is_read_back_at_any_offset),
        ON_BOTH(open_file_outlives_its_name),
        ON_BOTH(create_refuses_a_taken_name_and_keeps_the_old_content),
        ON_BOTH(create_makes_folders),
        ON_BOTH(writer_closed_without_seal_leaves_nothing),
        ON_BOTH(sealed_writer_takes_no_more),
        ON_BOTH(list_gives_full_names_with_stats),
        ON_BOTH(list_stops_when_told),
        ON_BOTH(what_is_not_there_is_not_found),
        ON_BOTH(folder_is_no_file),
        ON_BOTH(rename_new_never_overwrites),
        ON_BOTH(put_new_puts_once_and_leaves_no_temporary),
        ON_BOTH(names_that_lead_outside_are_refused),
        ON_BOTH(read_refuses_more_than_the_limit),
        ON_BOTH(writer_in_progress_is_seen_by_the_probe),
        ON_BOTH(every_single_failure_is_reported_and_can_be_mended),
        cmocka_unit_test(root_is_made_on_demand),
        cmocka_unit_test(root_that_another_process_made_since_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
