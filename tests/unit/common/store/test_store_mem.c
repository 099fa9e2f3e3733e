/* The simulator's disk must lose what a disk may lose, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/store/store_mem.h"

#define SEEDS 400

static cs_mem_disk *disk;
static cs_store *store;

static void open_root(void)
{
    assert_int_equal(cs_store_mem_open(disk, CS_STR("t"), true, &store, NULL), CS_OK);
}

static void fresh(void)
{
    disk = cs_mem_disk_new(cs_clock_system());
    open_root();
    assert_int_equal(cs_store_make_folder(store, CS_STR("_log"), NULL), CS_OK);
}

static void crash(uint64_t seed)
{
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    cs_mem_disk_crash(disk, &rng.rng);
    cs_store_close(store);
    open_root();
}

static void done(void)
{
    cs_store_close(store);
    cs_mem_disk_free(disk);
}

/* Content, or NULL when the name is not there. Freed by the caller. */
static char *content(const char *name)
{
    cs_buf got = CS_BUF_INIT;
    if (cs_store_read(store, cs_str_of(name), 1 << 20, &got, NULL, NULL) != CS_OK) {
        cs_buf_done(&got);
        return NULL;
    }
    cs_buf_add_char(&got, '\0');
    return got.ptr;
}

static cs_file_writer *write_open(const char *name, const char *text)
{
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, cs_str_of(name), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, text, strlen(text), NULL), CS_OK);
    return writer;
}

static void what_was_sealed_or_put_survives_every_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        cs_file_writer *writer = write_open("k=1/part", "abc");
        assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
        cs_file_writer_close(writer);
        assert_int_equal(cs_store_put_new(store, CS_STR("_log/0"), CS_STR("t"), CS_STR("zero"), NULL),
                         CS_OK);
        crash(seed);
        char *part = content("k=1/part"), *log = content("_log/0");
        assert_string_equal(part, "abc");
        assert_string_equal(log, "zero");
        free(part);
        free(log);
        done();
    }
}

/* Over many seeds each fate must come up: gone, empty, cut, with a hole, whole. */
static void unsealed_file_meets_every_fate(void **state)
{
    (void)state;
    int gone = 0, empty = 0, cut = 0, hole = 0, whole = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        cs_file_writer *writer = write_open("part", "0123456789");
        cs_store *old = store;
        cs_rng_seeded rng;
        cs_rng_seeded_init(&rng, seed);
        cs_mem_disk_crash(disk, &rng.rng);
        cs_file_writer_close(writer); /* a dead process removes nothing */
        cs_store_close(old);
        open_root();
        cs_buf got = CS_BUF_INIT;
        if (cs_store_read(store, CS_STR("part"), 100, &got, NULL, NULL) != CS_OK)
            gone++;
        else if (got.len == 0)
            empty++;
        else if (memchr(got.ptr, 0, got.len) != NULL)
            hole++;
        else if (got.len < 10)
            cut++;
        else
            whole++;
        cs_buf_done(&got);
        done();
    }
    assert_true(gone > 20 && empty > 5 && cut > 5 && hole > 5 && whole > 5);
}

static void unsynced_rename_moves_or_stays_but_never_splits(void **state)
{
    (void)state;
    int stayed = 0, moved = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        cs_file_writer *writer = write_open("a/x", "1");
        assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
        cs_file_writer_close(writer);
        assert_int_equal(cs_store_make_folder(store, CS_STR("b"), NULL), CS_OK);
        assert_int_equal(cs_store_rename_new(store, CS_STR("a/x"), CS_STR("b/x"), NULL), CS_OK);
        crash(seed);
        char *in_a = content("a/x"), *in_b = content("b/x");
        assert_true((in_a == NULL) != (in_b == NULL));
        stayed += in_a != NULL;
        moved += in_b != NULL;
        free(in_a);
        free(in_b);
        done();
    }
    assert_true(stayed > 50 && moved > 50);
}

static void synced_rename_is_durable_in_both_folders(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        cs_file_writer *writer = write_open("a/x", "1");
        assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
        cs_file_writer_close(writer);
        assert_int_equal(cs_store_rename_new(store, CS_STR("a/x"), CS_STR("_log/x"), NULL), CS_OK);
        assert_int_equal(cs_store_sync_folder(store, CS_STR("_log"), NULL), CS_OK);
        crash(seed);
        char *in_a = content("a/x"), *in_log = content("_log/x");
        assert_null(in_a);
        assert_string_equal(in_log, "1");
        free(in_log);
        done();
    }
}

/* The removal of the old name went to the disk with the new one: an older change of it must not bring it back. */
static void synced_rename_is_not_undone_by_what_was_before(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        assert_int_equal(cs_store_make_folder(store, CS_STR("a"), NULL), CS_OK);
        cs_file_writer *writer = write_open("a/x", "1");
        assert_int_equal(cs_store_rename_new(store, CS_STR("a/x"), CS_STR("_log/x"), NULL), CS_OK);
        assert_int_equal(cs_store_sync_folder(store, CS_STR("_log"), NULL), CS_OK);
        cs_file_writer_close(writer);
        crash(seed);
        char *in_a = content("a/x"), *in_log = content("_log/x");
        assert_null(in_a);
        assert_non_null(in_log);
        free(in_log);
        done();
    }
}

static void removed_name_may_come_back_until_its_folder_is_synced(void **state)
{
    (void)state;
    int back = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fresh();
        assert_int_equal(cs_store_put_new(store, CS_STR("_log/0"), CS_STR("t"), CS_STR("0"), NULL), CS_OK);
        assert_int_equal(cs_store_remove(store, CS_STR("_log/0"), NULL), CS_OK);
        bool sync = seed % 2 == 0;
        if (sync)
            assert_int_equal(cs_store_sync_folder(store, CS_STR("_log"), NULL), CS_OK);
        crash(seed);
        char *text = content("_log/0");
        assert_true(text == NULL || !sync);
        back += text != NULL;
        free(text);
        done();
    }
    assert_true(back > 20);
}

typedef struct stopper {
    int at, seen;
    const char *last;
} stopper;

static bool stop_at(void *ctx, cs_store *who, const char *what)
{
    (void)who;
    stopper *stop = ctx;
    stop->last = what;
    return ++stop->seen != stop->at;
}

/* Killed before each single effect of put_new, then a power loss or not: the name is there with its whole
 * content, or not there; and always there once put_new could tell. */
static void put_new_killed_anywhere_is_all_or_nothing(void **state)
{
    (void)state;
    bool finished = false;
    int with = 0, without = 0;
    for (int at = 1; !finished; at++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            fresh();
            stopper stop = { .at = at };
            cs_mem_disk_on_step(disk, stop_at, &stop);
            cs_code code =
                cs_store_put_new(store, CS_STR("_log/0"), CS_STR("t"), CS_STR("whole"), NULL);
            finished = code == CS_OK;
            assert_true(finished || code == CS_E_CANCELLED);
            cs_mem_disk_on_step(disk, NULL, NULL);
            if (seed % 2 == 0) {
                crash(seed);
            } else {
                cs_store_close(store);
                open_root();
            }
            char *text = content("_log/0");
            if (text != NULL)
                assert_string_equal(text, "whole");
            assert_true(text != NULL || !finished);
            with += text != NULL;
            without += text == NULL;
            free(text);
            done();
        }
    }
    assert_true(with > 100 && without > 100);
}

static bool cleaner_takes_it(void *ctx, cs_store *who, const char *what)
{
    (void)who;
    int *left = ctx;
    if (strcmp(what, "put_new.link") == 0 && *left > 0) {
        --*left;
        cs_mem_disk_remove(disk, CS_STR("t/_log/.0.t.tmp"));
    }
    return true;
}

static void temporary_that_a_cleaner_took_is_written_again(void **state)
{
    (void)state;
    fresh();
    int left = 2;
    cs_mem_disk_on_step(disk, cleaner_takes_it, &left);
    assert_int_equal(cs_store_put_new(store, CS_STR("_log/0"), CS_STR("t"), CS_STR("0"), NULL), CS_OK);
    char *text = content("_log/0");
    assert_string_equal(text, "0");
    free(text);
    done();
}

static void killed_process_changes_nothing_more(void **state)
{
    (void)state;
    fresh();
    cs_file_writer *writer = write_open("part", "abc");
    cs_store *killed = store;
    cs_store_mem_kill(killed);
    assert_int_equal(cs_file_writer_write(writer, "d", 1, NULL), CS_E_CANCELLED);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_E_CANCELLED);
    assert_int_equal(cs_store_remove(killed, CS_STR("part"), NULL), CS_E_CANCELLED);
    cs_file_writer_close(writer);
    open_root();
    char *text = content("part");
    assert_string_equal(text, "abc");
    free(text);
    cs_store_close(killed);
    done();
}

static void outside_world_moves_copies_and_removes_trees(void **state)
{
    (void)state;
    fresh();
    cs_mem_disk_put(disk, CS_STR("t/a/b/x"), CS_STR("1"), 5);
    cs_mem_disk_copy(disk, CS_STR("t"), CS_STR("backup"));
    cs_mem_disk_put(disk, CS_STR("t/a/b/x"), CS_STR("22"), 6);
    char *now = content("a/b/x");
    assert_string_equal(now, "22");
    free(now);
    cs_mem_disk_remove(disk, CS_STR("t"));
    cs_mem_disk_move(disk, CS_STR("backup"), CS_STR("t"));
    assert_int_equal(cs_store_put_new(store, CS_STR("y"), CS_STR("t"), CS_STR("1"), NULL), CS_OK);
    crash(1);
    char *restored = content("a/b/x"), *lost = content("y");
    cs_stat st;
    assert_string_equal(restored, "1");
    assert_null(lost); /* it went into the folder that was held, not into the new one */
    assert_int_equal(cs_store_stat(store, CS_STR("a/b/x"), &st, NULL), CS_OK);
    assert_int_equal(st.mtime_ns, 5);
    free(restored);
    done();
}

static void leases_tell_foreign_writers_or_are_not_allowed(void **state)
{
    (void)state;
    fresh();
    cs_mem_disk_put(disk, CS_STR("t/x"), CS_STR("1"), 5);
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x")), CS_WRITER_NONE);
    cs_mem_disk_hold(disk, CS_STR("t/x"), 1);
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x")), CS_WRITER_OPEN);
    cs_mem_disk_hold(disk, CS_STR("t/x"), -1);
    cs_mem_disk_allow_leases(disk, false);
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x")), CS_WRITER_UNKNOWN);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_or_put_survives_every_crash),
        cmocka_unit_test(unsealed_file_meets_every_fate),
        cmocka_unit_test(unsynced_rename_moves_or_stays_but_never_splits),
        cmocka_unit_test(synced_rename_is_durable_in_both_folders),
        cmocka_unit_test(synced_rename_is_not_undone_by_what_was_before),
        cmocka_unit_test(removed_name_may_come_back_until_its_folder_is_synced),
        cmocka_unit_test(put_new_killed_anywhere_is_all_or_nothing),
        cmocka_unit_test(temporary_that_a_cleaner_took_is_written_again),
        cmocka_unit_test(killed_process_changes_nothing_more),
        cmocka_unit_test(outside_world_moves_copies_and_removes_trees),
        cmocka_unit_test(leases_tell_foreign_writers_or_are_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
