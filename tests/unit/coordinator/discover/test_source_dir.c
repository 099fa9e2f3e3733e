/* The folder source on the simulator's disk with a clock of its own: what is found, in which order, what is
 * held back, left out and reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/store/store_fault.h"
#include "common/store/store_mem.h"
#include "coordinator/discover/source.h"
#include "coordinator/discover/source_dir.h"

#define SEEN_MAX 64

typedef struct fake_clock {
    cs_clock clock;
    int64_t now_ms; /* the wall clock is ten million ahead */
} fake_clock;

static int64_t mono_ms(cs_clock *clock)
{
    return ((fake_clock *)clock)->now_ms;
}

static int64_t wall_us(cs_clock *clock)
{
    return (((fake_clock *)clock)->now_ms + 10000000) * 1000;
}

static fake_clock now = { { mono_ms, wall_us }, 0 };
static cs_mem_disk *disk;
static cs_store *store;
static cs_source *source;
static cs_arena arena;
static cs_job job;
static struct {
    char path[300];
    cs_content_version version;
} known[SEEN_MAX];
static int n_known, n_changed, n_notices, n_seen_calls;
static char notices[8000];
static cs_source_file *files;
static uint32_t n_files;
static int64_t again_ms;

static int find_known(cs_str path)
{
    for (int i = 0; i < n_known; i++) {
        if (cs_str_eq(cs_str_of(known[i].path), path))
            return i;
    }
    return -1;
}

static void remember(cs_str path, cs_content_version version)
{
    int at = find_known(path);
    if (at < 0)
        at = n_known++;
    assert_true(at < SEEN_MAX);
    snprintf(known[at].path, sizeof known[at].path, "%.*s", CS_STR_ARG(path));
    known[at].version = version;
}

static cs_code seen(void *ctx, const cs_source_file *file, cs_seen *out, cs_content_version *was, cs_error *err)
{
    (void)ctx;
    (void)err;
    n_seen_calls++;
    int at = find_known(file->path);
    *out = CS_SEEN_NEW;
    if (at >= 0) {
        *was = known[at].version;
        *out = was->size_bytes == file->version.size_bytes && was->mtime_ns == file->version.mtime_ns ? CS_SEEN_SAME
                                                                                                        : CS_SEEN_CHANGED;
    }
    return CS_OK;
}

static cs_code changed(void *ctx, const cs_source_file *file, cs_error *err)
{
    (void)ctx;
    (void)err;
    n_changed++;
    remember(file->path, file->version);
    return CS_OK;
}

static void notice(void *ctx, cs_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    n_notices++;
    strncat(notices, text, sizeof notices - strlen(notices) - 2);
    strcat(notices, "\n");
}

static void open_source(void)
{
    cs_source_env env = { .job = &job,
                          .store = store,
                          .clock = &now.clock,
                          .seen = seen,
                          .changed = changed,
                          .notice = notice };
    assert_int_equal(cs_source_open(&env, &source, NULL), CS_OK);
}

static int setup(void **state)
{
    (void)state;
    now.now_ms = 5000;
    n_known = n_changed = n_notices = n_seen_calls = 0;
    notices[0] = '\0';
    job = (cs_job){ .source_format = CS_STR("csv"),
                    .source_path = CS_STR("/in"),
                    .min_file_age_ms = 1000,
                    .list_interval_ms = 10000 };
    disk = cs_mem_disk_new(&now.clock);
    cs_mem_disk_put_kind(disk, CS_STR("in"), CS_FILE_FOLDER);
    assert_int_equal(cs_store_mem_open(disk, CS_STR("in"), false, &store, NULL), CS_OK);
    open_source();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    source->ops->close(source);
    cs_store_close(store);
    cs_mem_disk_free(disk);
    cs_arena_done(&arena);
    return 0;
}

static void reopen(void)
{
    source->ops->close(source);
    open_source();
}

static cs_str at_in(const char *name, size_t len)
{
    static char path[600];
    memcpy(path, "in/", 3);
    memcpy(path + 3, name, len);
    return (cs_str){ path, len + 3 };
}

static void put(const char *name, int64_t mtime_ms, const char *text)
{
    cs_mem_disk_put(disk, at_in(name, strlen(name)), cs_str_of(text), mtime_ms * 1000000);
}

static void look(bool full)
{
    cs_arena_reset(&arena);
    assert_int_equal(source->ops->list(source, full, &arena, &files, &n_files, &again_ms, NULL), CS_OK);
}

/* As the coordinator does once the plan is durable. */
static void plan_them(void)
{
    for (uint32_t i = 0; i < n_files; i++)
        remember(files[i].path, files[i].version);
    cs_plan plan = { .files = files, .n_files = n_files };
    source->ops->planned(source, &plan);
}

static void hint(const char *name, bool closed)
{
    source->ops->hint(source, cs_str_of(name), closed);
}

/* The names taken, separated by blanks. */
static void assert_taken(const char *names)
{
    char text[2000] = "";
    for (uint32_t i = 0; i < n_files; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", i > 0 ? " " : "",
                 CS_STR_ARG(files[i].path));
    }
    assert_string_equal(text, names);
}

static void look_taking(bool full, const char *names)
{
    look(full);
    assert_taken(names);
    plan_them();
}

static void order_is_mtime_then_path(void **state)
{
    (void)state;
    put("c", 3, "1");
    put("b", 7, "1");
    put("a", 7, "1");
    put("d", 1, "");
    look(true);
    assert_taken("d c a b");
    assert_int_equal(files[3].version.size_bytes, 1);
    assert_int_equal(files[3].version.mtime_ns, 7000000);
    assert_int_equal(files[0].version.size_bytes, 0); /* an empty file is a file */
}

static void planned_files_are_not_found_again(void **state)
{
    (void)state;
    put("a", 1, "1");
    look_taking(true, "a");
    look_taking(true, "");
    reopen();
    look_taking(true, "");
    put("b", 2, "1");
    look_taking(true, "b");
}

static void files_that_were_never_planned_come_again(void **state)
{
    (void)state;
    put("a", 1, "1");
    put("b", 2, "1");
    look(true);
    assert_taken("a b");
    look(false);
    assert_taken("a b");
}

static void hinted_names_are_found_without_a_listing(void **state)
{
    (void)state;
    look_taking(true, "");
    put("a", 1, "1");
    put("b", 2, "1");
    look_taking(false, "");
    hint("b", true);
    hint("gone", true);
    n_seen_calls = 0;
    look_taking(false, "b");
    assert_int_equal(n_seen_calls, 1);
    hint("", false); /* look at everything */
    look_taking(false, "a");
}

static void full_listing_comes_by_itself_and_is_paced(void **state)
{
    (void)state;
    look_taking(true, "");
    assert_int_equal(again_ms, 10000);
    put("a", 1, "1");
    now.now_ms += 9999;
    look_taking(false, "");
    assert_int_equal(again_ms, 1);
    now.now_ms += 1;
    look_taking(false, "a");
    /* A drained job lists once. */
    job.list_interval_ms = INT64_MAX;
    reopen();
    put("b", 1, "1");
    look_taking(false, "b"); /* its first look is a full one in any case */
    assert_int_equal(again_ms, -1);
    put("c", 1, "1");
    now.now_ms += 1000000;
    look_taking(false, "");
}

static bool slow_listing(void *ctx, cs_store *who, const char *what)
{
    (void)ctx;
    (void)who;
    if (strcmp(what, "list") == 0)
        now.now_ms += 3000;
    return true;
}

static void slow_listing_takes_a_twentieth_of_the_time(void **state)
{
    (void)state;
    cs_mem_disk_on_step(disk, slow_listing, NULL);
    look_taking(true, "");
    assert_int_equal(again_ms, 60000);
}

static void files_limit_is_held_and_the_rest_waits(void **state)
{
    (void)state;
    job.files_max = 2;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        put(name, i, "1");
    }
    look_taking(true, "f0 f1");
    assert_int_equal(source->ops->counts(source).backlog, 3);
    n_seen_calls = 0;
    look_taking(false, "f2 f3");
    look_taking(false, "f4");
    assert_int_equal(source->ops->counts(source).backlog, 0);
    assert_int_equal(n_seen_calls, 0); /* what waits is not asked for again */
    look_taking(false, "");
}

static void bytes_limit_takes_at_least_one_file(void **state)
{
    (void)state;
    job.bytes_max = 5;
    put("a", 1, "0123456789");
    put("b", 2, "01");
    put("c", 3, "012");
    put("d", 4, "0");
    put("e", 5, "01234");
    look_taking(true, "a");
    look_taking(false, "b c");
    look_taking(false, "d"); /* in order: e is not passed by what comes later */
    look_taking(false, "e");
}

static void batch_limit_holds_without_any_option(void **state)
{
    (void)state;
    job.files_max = UINT32_MAX;
    job.recursive = true;
    for (uint32_t i = 0; i < CS_BATCH_FILES_MAX / 512 + 1; i++) {
        for (uint32_t k = 0; k < 512; k++) {
            char name[32];
            snprintf(name, sizeof name, "%u/%u", i, k);
            put(name, 1, "");
        }
    }
    look(true);
    assert_int_equal(n_files, CS_BATCH_FILES_MAX);
    assert_int_equal(source->ops->counts(source).backlog, 512);
}

static void names_are_skipped_as_the_rules_say(void **state)
{
    (void)state;
    static const char *const skipped[] = { ".x", "_x", "x._COPYING_", "_SUCCESS", "_metadata", "_metadata=1",
                                           "_common_metadata", "._x" };
    static const char *const read[] = { "_a=1.csv", "noext", "x.tmp", "x~", "x_SUCCESS", "a.csv" };
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        put(skipped[i], 1, "1");
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        put(read[i], 1, "1");
    look(true);
    assert_taken("_a=1.csv a.csv noext x.tmp x_SUCCESS x~");
    assert_int_equal(source->ops->counts(source).hidden, 8);
    plan_them();
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        hint(skipped[i], true);
    look_taking(false, "");
}

static void what_is_no_file_is_skipped_counted_and_named_once(void **state)
{
    (void)state;
    cs_mem_disk_put_kind(disk, CS_STR("in/link\n.csv"), CS_FILE_SYMLINK);
    cs_mem_disk_put_kind(disk, CS_STR("in/fifo.csv"), CS_FILE_OTHER);
    cs_mem_disk_put_kind(disk, CS_STR("in/folder.csv"), CS_FILE_FOLDER);
    put("k=1/x.csv", 1, "1");
    put("a.csv", 1, "1");
    for (int i = 0; i < 3; i++) {
        look(true);
        assert_taken("a.csv");
        cs_source_counts counts = source->ops->counts(source);
        assert_int_equal(counts.symlinks, 1);
        assert_int_equal(counts.others, 3);
    }
    hint("link\n.csv", true);
    look(false);
    assert_int_equal(source->ops->counts(source).symlinks, 1);
    assert_int_equal(n_notices, 4);
    assert_non_null(strstr(notices, "link\\x0a.csv is a symbolic link"));
    assert_non_null(strstr(notices, "fifo.csv is a device, pipe or socket"));
    assert_non_null(strstr(notices, "folder.csv is a folder"));
    assert_non_null(strstr(notices, "k=1 is a folder of the form key=value"));
}

static void notices_end_at_their_limit(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CS_SOURCE_NOTICES_MAX + 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "in/l%u", i);
        cs_mem_disk_put_kind(disk, cs_str_of(name), CS_FILE_SYMLINK);
    }
    look(true);
    look(true);
    assert_int_equal(n_notices, CS_SOURCE_NOTICES_MAX);
    assert_int_equal(source->ops->counts(source).symlinks, CS_SOURCE_NOTICES_MAX + 50);
}

static void recursion_reads_all_below_but_hidden_folders(void **state)
{
    (void)state;
    put("a", 1, "1");
    put("x/b", 2, "1");
    put("x/y/z/c", 3, "1");
    put("k=1/d", 4, "1");
    put("_temporary/0/e", 5, "1");
    put("x/.f", 6, "1");
    look_taking(true, "a");
    hint("x/b", true);
    look_taking(false, "");
    job.recursive = true;
    reopen();
    look_taking(true, "x/b x/y/z/c k=1/d");
    assert_int_equal(source->ops->counts(source).hidden, 2);
    put("new/g", 7, "1");
    hint("new", false); /* a folder that appeared */
    look_taking(false, "new/g");
    put("new/h", 8, "1");
    hint("new/h", true);
    hint("_temporary/0/e", true);
    look_taking(false, "new/h");
}

static void glob_is_for_the_base_name(void **state)
{
    (void)state;
    job.path_glob = CS_STR("*.{csv,tsv}");
    job.recursive = true;
    reopen();
    put("a.csv", 1, "1");
    put("b.txt", 2, "1");
    put("x.txt/c.tsv", 3, "1");
    look_taking(true, "a.csv x.txt/c.tsv");
    hint("b.txt", true);
    look_taking(false, "");
}

static void malformed_glob_is_refused_at_the_start(void **state)
{
    (void)state;
    job.path_glob = CS_STR("[a");
    cs_source_env env = { .job = &job, .store = store, .clock = &now.clock };
    cs_source *none = NULL;
    assert_int_equal(cs_source_open(&env, &none, NULL), CS_E_BAD_OPTION);
    assert_null(none);
}

static void file_that_a_writer_holds_is_taken_when_it_is_closed(void **state)
{
    (void)state;
    put("a", 1, "1");
    put("b", 2, "1");
    cs_mem_disk_hold(disk, CS_STR("in/a"), 1);
    look_taking(true, "b");
    assert_int_equal(source->ops->counts(source).held_back, 1);
    assert_in_range(again_ms, 1, 1000);
    now.now_ms += again_ms;
    look_taking(false, "");
    put("a", 9, "12345"); /* it grows while it is held */
    now.now_ms += 1000000;
    look_taking(false, ""); /* however old: its writer is still there */
    cs_mem_disk_hold(disk, CS_STR("in/a"), -1);
    hint("a", true);
    look(false);
    assert_taken("a");
    assert_int_equal(files[0].version.size_bytes, 5);
    assert_int_equal(files[0].version.mtime_ns, 9000000);
}

static void held_file_is_looked_at_again_without_a_hint(void **state)
{
    (void)state;
    put("a", 1, "1");
    cs_mem_disk_hold(disk, CS_STR("in/a"), 1);
    look_taking(true, "");
    cs_mem_disk_hold(disk, CS_STR("in/a"), -1);
    now.now_ms += again_ms;
    look_taking(false, "a");
}

static void without_leases_a_file_must_be_closed_or_old_enough(void **state)
{
    (void)state;
    cs_mem_disk_allow_leases(disk, false);
    int64_t wall_ms = wall_us(&now.clock) / 1000;
    put("old", wall_ms - 1000, "1");
    put("young", wall_ms - 400, "1");
    put("future", wall_ms + 100000000, "1");
    look_taking(true, "old");
    assert_int_equal(again_ms, 600);
    assert_int_equal(source->ops->counts(source).held_back, 2);
    now.now_ms += 600;
    look_taking(false, "young");
    assert_int_equal(again_ms, 400); /* a stamp in the future: its age is what we saw of it */
    now.now_ms += 400;
    look_taking(false, "future");
    put("closed", wall_ms + 1000, "1");
    hint("closed", true);
    look_taking(false, "closed");
    put("made", wall_ms + 1000, "1");
    hint("made", false);
    look_taking(false, "");
    hint("made", true);
    look_taking(false, "made");
    /* Closed, and then written on: the old close says nothing about the new version. */
    job.files_max = 1;
    put("first", wall_ms, "1");
    put("again", wall_ms + 1000, "1");
    hint("again", true);
    hint("first", true);
    look_taking(false, "first");
    put("again", wall_ms + 1001, "12");
    hint("again", false);
    look_taking(false, "");
}

static void version_that_changes_while_it_waits_counts_anew(void **state)
{
    (void)state;
    cs_mem_disk_allow_leases(disk, false);
    int64_t wall_ms = wall_us(&now.clock) / 1000;
    put("a", wall_ms, "1");
    look_taking(true, "");
    now.now_ms += 900;
    put("a", wall_ms + 900, "12");
    now.now_ms += 100;
    look_taking(false, "");
    now.now_ms += 900;
    look(false);
    assert_taken("a");
    assert_int_equal(files[0].version.size_bytes, 2);
}

static void file_that_vanishes_while_it_waits_is_forgotten(void **state)
{
    (void)state;
    job.files_max = 1;
    put("a", 1, "1");
    put("b", 2, "1");
    put("c", 3, "1");
    look_taking(true, "a");
    cs_mem_disk_remove(disk, CS_STR("in/b"));
    look_taking(false, "c");
    look_taking(true, "");
}

static void changed_file_is_reported_once_per_change(void **state)
{
    (void)state;
    put("a", 1, "1");
    look_taking(true, "a");
    put("a", 2, "22");
    hint("a", true);
    look_taking(false, "");
    assert_int_equal(source->ops->counts(source).changed, 1);
    look_taking(true, "");
    assert_int_equal(source->ops->counts(source).changed, 0);
    assert_int_equal(n_changed, 1);
    assert_int_equal(n_notices, 1);
    assert_non_null(strstr(notices, "a changed after it was read: it had 1 bytes, now 2"));
    put("a", 3, "22"); /* only touched */
    look_taking(true, "");
    assert_int_equal(n_changed, 2);
    assert_non_null(strstr(notices, "another modification time"));
}

static void changed_file_is_reported_after_its_writer_is_done(void **state)
{
    (void)state;
    put("a", 1, "1");
    look_taking(true, "a");
    cs_mem_disk_hold(disk, CS_STR("in/a"), 1);
    for (int i = 2; i < 5; i++) {
        put("a", i, "22");
        look_taking(true, "");
    }
    assert_int_equal(n_changed, 0);
    cs_mem_disk_hold(disk, CS_STR("in/a"), -1);
    look_taking(true, "");
    assert_int_equal(n_changed, 1);
}

static void changed_file_fails_the_job_when_asked(void **state)
{
    (void)state;
    job.on_changed = CS_ON_CHANGED_FAIL;
    put("a", 1, "1");
    look_taking(true, "a");
    put("a", 2, "22");
    cs_error err;
    assert_int_equal(source->ops->list(source, true, &arena, &files, &n_files, &again_ms, &err),
                     CS_E_SOURCE_CHANGED);
    assert_non_null(strstr(err.message, "it had 1 bytes, now 2"));
    assert_int_equal(n_changed, 0);
}

static void changed_file_is_read_again_when_asked(void **state)
{
    (void)state;
    job.on_changed = CS_ON_CHANGED_READ;
    put("a", 1, "1");
    look_taking(true, "a");
    look_taking(true, "");
    put("a", 2, "22");
    look(true);
    assert_taken("a");
    assert_int_equal(files[0].version.size_bytes, 2);
    plan_them();
    look_taking(true, "");
    assert_int_equal(n_notices, 0);
}

static void file_that_changes_between_look_and_plan_is_a_changed_file(void **state)
{
    (void)state;
    put("a", 1, "1");
    look(true);
    assert_taken("a");
    cs_source_file planned = { CS_STR("a"), files[0].version };
    put("a", 2, "22");
    hint("a", true);
    look(false); /* not planned yet, and found in its new version */
    assert_int_equal(files[0].version.size_bytes, 2);
    files = &planned;
    n_files = 1;
    plan_them();
    look_taking(false, "");
    assert_int_equal(n_changed, 1);
}

static void names_of_any_bytes_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = { "a\nb", "%s%n", "\"q\"", "\xff\xfe", "\x1b[31m", "{\"add\":1}" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(names[i], (int64_t)i, "1");
    char longest[256];
    memset(longest, 'x', 255);
    longest[255] = '\0';
    put(longest, 100, "1");
    look(true);
    assert_int_equal(n_files, 7);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(cs_str_eq(files[i].path, cs_str_of(names[i])));
    assert_int_equal(files[6].path.len, 255);
    plan_them();
    put(names[4], 50, "22");
    look_taking(true, "");
    assert_non_null(strstr(notices, "\\x1b[31m changed"));
}

static void folder_that_is_gone_is_an_error_and_comes_back(void **state)
{
    (void)state;
    cs_store *faulty = cs_store_fault_new(store);
    store = faulty;
    reopen();
    look_taking(true, "");
    put("a", 1, "1");
    cs_store_fault_set(faulty, (cs_store_fault_rule){ .op = CS_STORE_OP_LIST, .nth = 1, .sys_errno = 13 /* EACCES */ });
    cs_error err;
    assert_int_equal(source->ops->list(source, true, &arena, &files, &n_files, &again_ms, &err), CS_E_PERMISSION);
    look_taking(false, "a"); /* the full look is still owed */
}

/* Every operation of the store fails in turn: an error, and the next look finds what the failed one did not. */
static void every_failing_operation_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    cs_store *faulty = cs_store_fault_new(store);
    store = faulty;
    job.recursive = true;
    put("a", 1, "1");
    put("x/b", 2, "1");
    int failed = 0;
    for (uint64_t nth = 1;; nth++) {
        n_known = 0;
        reopen();
        cs_store_fault_set(faulty, (cs_store_fault_rule){ .nth = nth, .sys_errno = 24 /* EMFILE */ });
        cs_code code = source->ops->list(source, true, &arena, &files, &n_files, &again_ms, NULL);
        if (code == CS_OK)
            break;
        assert_int_equal(code, CS_E_IO);
        failed++;
        look_taking(false, "a x/b");
    }
    assert_int_equal(failed, 4); /* two listings, two stats */
}

static void many_hints_become_one_listing(void **state)
{
    (void)state;
    look_taking(true, "");
    put("a", 1, "1");
    for (uint32_t i = 0; i <= CS_SOURCE_HINTS_MAX; i++) {
        char name[24];
        snprintf(name, sizeof name, "n%u", i);
        hint(name, false);
    }
    look_taking(false, "a");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(order_is_mtime_then_path),
        CASE(planned_files_are_not_found_again),
        CASE(files_that_were_never_planned_come_again),
        CASE(hinted_names_are_found_without_a_listing),
        CASE(full_listing_comes_by_itself_and_is_paced),
        CASE(slow_listing_takes_a_twentieth_of_the_time),
        CASE(files_limit_is_held_and_the_rest_waits),
        CASE(bytes_limit_takes_at_least_one_file),
        CASE(batch_limit_holds_without_any_option),
        CASE(names_are_skipped_as_the_rules_say),
        CASE(what_is_no_file_is_skipped_counted_and_named_once),
        CASE(notices_end_at_their_limit),
        CASE(recursion_reads_all_below_but_hidden_folders),
        CASE(glob_is_for_the_base_name),
        CASE(malformed_glob_is_refused_at_the_start),
        CASE(file_that_a_writer_holds_is_taken_when_it_is_closed),
        CASE(held_file_is_looked_at_again_without_a_hint),
        CASE(without_leases_a_file_must_be_closed_or_old_enough),
        CASE(version_that_changes_while_it_waits_counts_anew),
        CASE(file_that_vanishes_while_it_waits_is_forgotten),
        CASE(changed_file_is_reported_once_per_change),
        CASE(changed_file_is_reported_after_its_writer_is_done),
        CASE(changed_file_fails_the_job_when_asked),
        CASE(changed_file_is_read_again_when_asked),
        CASE(file_that_changes_between_look_and_plan_is_a_changed_file),
        CASE(names_of_any_bytes_are_kept),
        CASE(folder_that_is_gone_is_an_error_and_comes_back),
        CASE(every_failing_operation_is_an_error_and_loses_nothing),
        CASE(many_hints_become_one_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
