/* The checkpoint's promises, on the in-memory kv: with kills before every step, transactions that must be
 * done again, zombies, and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "coordinator/checkpoint/checkpoint_inside.h"
#include "coordinator/checkpoint/kv_mem.h"

static cs_kv_db *db;
static cs_rng_seeded rng;
static const cs_checkpoint_pin pin = { { "/in", 3 }, { "csv", 3 }, { "0 schema a\n", 11 } };
static const cs_uuid table = { { 7, 7, 7 } };

static int setup(void **state)
{
    (void)state;
    db = cs_kv_db_new();
    cs_rng_seeded_init(&rng, 42);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_kv_db_free(db);
    return 0;
}

static cs_code try_open(cs_checkpoint **out, cs_error *err)
{
    return cs_checkpoint_start(cs_kv_mem_open(db), &pin, &rng.rng, out, err);
}

static cs_checkpoint *open_checkpoint(void)
{
    cs_checkpoint *checkpoint = NULL;
    assert_int_equal(try_open(&checkpoint, NULL), CS_OK);
    return checkpoint;
}

/* A plan of files first … first+n-1, each of size `size`. */
static cs_plan *plan_next(cs_checkpoint *checkpoint, uint32_t first, uint32_t n, uint64_t size)
{
    static int64_t batch_time;
    static const cs_job job = { .split_bytes = 1 << 20, .task_bytes = 1 << 20 };
    const cs_checkpoint_state *state = cs_checkpoint_state_of(checkpoint);
    cs_source_file *files = cs_xcalloc(n + 1, sizeof *files);
    char (*names)[24] = cs_xcalloc(n + 1, sizeof *names);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "f%u", first + i);
        files[i] = (cs_source_file){ cs_str_of(names[i]), { size, 1000 + first + i } };
    }
    cs_plan_input input = { .batch = (uint64_t)(state->committed + 1),
                            .job = &job,
                            .options = CS_STR("options"),
                            .batch_time_us = ++batch_time,
                            .table_id = table,
                            .files = files,
                            .n_files = n,
                            .workers = 2,
                            .digest_before = &state->digest };
    cs_plan *plan = NULL;
    assert_int_equal(cs_plan_make(&input, &plan, NULL), CS_OK);
    free(names);
    free(files);
    return plan;
}

/* -1: not known; else the batch, and *size its size. */
static int64_t batch_of(cs_checkpoint *checkpoint, const char *path, uint64_t *size)
{
    cs_source_file file = { .path = cs_str_of(path) };
    bool known;
    cs_content_version version;
    uint64_t batch;
    assert_int_equal(cs_checkpoint_seen(checkpoint, &file, &known, &version, &batch, NULL), CS_OK);
    if (known && size != NULL)
        *size = version.size_bytes;
    return known ? (int64_t)batch : -1;
}

static cs_plan *save_next(cs_checkpoint *checkpoint, uint32_t first, uint32_t n)
{
    cs_plan *plan = plan_next(checkpoint, first, n, 10);
    assert_int_equal(cs_checkpoint_save_plan(checkpoint, plan, NULL), CS_OK);
    return plan;
}

static void commit_next(cs_checkpoint *checkpoint, uint32_t first, uint32_t n)
{
    cs_plan *plan = save_next(checkpoint, first, n);
    cs_checkpoint_committed(checkpoint, plan->batch, &plan->digest, &table);
    cs_plan_free(plan);
}

static void first_start_draws_a_stream_and_later_ones_count_epochs(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    const cs_checkpoint_state *first = cs_checkpoint_state_of(checkpoint);
    cs_uuid stream = first->stream;
    cs_sha256 start = cs_plan_digest_start(&stream);
    assert_true(first->empty && !first->has_table_id);
    assert_int_equal(first->epoch, 1);
    assert_int_equal(first->committed, -1);
    assert_int_equal(first->planned, -1);
    assert_memory_equal(&first->digest, &start, sizeof start);
    cs_checkpoint_close(checkpoint);
    for (uint64_t epoch = 2; epoch < 5; epoch++) {
        checkpoint = open_checkpoint();
        const cs_checkpoint_state *later = cs_checkpoint_state_of(checkpoint);
        assert_int_equal(later->epoch, epoch);
        assert_true(later->empty);
        assert_memory_equal(&later->stream, &stream, sizeof stream);
        cs_checkpoint_close(checkpoint);
    }
}

static void another_source_is_refused_and_both_are_named(void **state)
{
    (void)state;
    cs_checkpoint_close(open_checkpoint());
    cs_checkpoint_pin other = pin;
    other.source_path = CS_STR("/in\n2");
    cs_checkpoint *checkpoint = NULL;
    cs_error err;
    assert_int_equal(cs_checkpoint_start(cs_kv_mem_open(db), &other, &rng.rng, &checkpoint, &err),
                     CS_E_CHECKPOINT_MISMATCH);
    assert_null(checkpoint);
    assert_int_equal(err.exit_status, 78);
    assert_non_null(strstr(err.message, "csv:/in,"));
    assert_non_null(strstr(err.message, "csv:/in\\x0a2"));
    other = pin;
    other.source_format = CS_STR("json");
    assert_int_equal(cs_checkpoint_start(cs_kv_mem_open(db), &other, &rng.rng, &checkpoint, &err),
                     CS_E_CHECKPOINT_MISMATCH);
    checkpoint = open_checkpoint();
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->epoch, 2); /* a refused start changes nothing */
    cs_checkpoint_close(checkpoint);
}

static void start_without_pin_finds_the_options_of_the_last_one(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = NULL;
    assert_int_equal(cs_checkpoint_start(cs_kv_mem_open(db), NULL, &rng.rng, &checkpoint, NULL), CS_E_NOT_FOUND);
    checkpoint = open_checkpoint();
    assert_true(cs_str_eq(cs_checkpoint_options(checkpoint), pin.options));
    cs_checkpoint_close(checkpoint);
    assert_int_equal(cs_checkpoint_start(cs_kv_mem_open(db), NULL, &rng.rng, &checkpoint, NULL), CS_OK);
    assert_true(cs_str_eq(cs_checkpoint_options(checkpoint), pin.options));
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->epoch, 2);
    cs_checkpoint_close(checkpoint);
}

static void plan_is_there_after_a_kill_and_its_files_are_its_own(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    cs_plan *plan = save_next(checkpoint, 0, 30);
    assert_false(cs_checkpoint_state_of(checkpoint)->empty);
    cs_kv_mem_kill(checkpoint->kv);
    cs_checkpoint_close(checkpoint);
    checkpoint = open_checkpoint();
    const cs_checkpoint_state *found = cs_checkpoint_state_of(checkpoint);
    assert_false(found->empty);
    assert_int_equal(found->planned, 0);
    assert_int_equal(found->committed, -1);
    cs_plan *again = NULL;
    assert_int_equal(cs_checkpoint_load_plan(checkpoint, 0, &again, NULL), CS_OK);
    assert_memory_equal(&again->digest, &plan->digest, sizeof plan->digest);
    assert_int_equal(again->n_files, 30);
    assert_int_equal(batch_of(checkpoint, "f29", NULL), 0);
    assert_int_equal(batch_of(checkpoint, "f30", NULL), -1);
    cs_plan *none = NULL;
    assert_int_equal(cs_checkpoint_load_plan(checkpoint, 1, &none, NULL), CS_E_NOT_FOUND);
    cs_plan_free(plan);
    cs_plan_free(again);
    cs_checkpoint_close(checkpoint);
}

static void committed_is_durable_with_the_next_plan_or_by_flush(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 1);
    cs_kv_mem_kill(checkpoint->kv);
    cs_checkpoint_close(checkpoint);

    checkpoint = open_checkpoint(); /* not flushed: the table will tell */
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->committed, -1);
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 0);
    cs_plan *plan = NULL;
    assert_int_equal(cs_checkpoint_load_plan(checkpoint, 0, &plan, NULL), CS_OK);
    cs_checkpoint_committed(checkpoint, 0, &plan->digest, &table);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    cs_checkpoint_close(checkpoint);

    checkpoint = open_checkpoint();
    const cs_checkpoint_state *found = cs_checkpoint_state_of(checkpoint);
    assert_int_equal(found->committed, 0);
    assert_true(found->has_table_id);
    assert_memory_equal(&found->table_id, &table, sizeof table);
    assert_memory_equal(&found->digest, &plan->digest, sizeof plan->digest);
    cs_plan_free(plan);
    commit_next(checkpoint, 1, 1);
    cs_plan_free(save_next(checkpoint, 2, 1));
    cs_kv_mem_kill(checkpoint->kv);
    cs_checkpoint_close(checkpoint);

    checkpoint = open_checkpoint();
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->committed, 1);
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 2);
    cs_checkpoint_close(checkpoint);
}

static bool count_steps(void *ctx, cs_kv *kv, const char *what)
{
    (void)kv;
    (void)what;
    ++*(int *)ctx;
    return true;
}

static void flush_writes_nothing_when_nothing_is_new(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 1);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    int steps = 0;
    cs_kv_db_on_step(db, count_steps, &steps);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    assert_int_equal(steps, 0);
    cs_kv_db_on_step(db, NULL, NULL);
    cs_checkpoint_close(checkpoint);
}

typedef struct killer {
    int at, seen;
} killer;

static bool kill_at(void *ctx, cs_kv *kv, const char *what)
{
    (void)kv;
    (void)what;
    killer *it = ctx;
    return ++it->seen != it->at;
}

/* Killed before each step of the saving: the plan is there whole, with its files and with B-1 marked, or
 * nothing of it is. */
static void plan_killed_anywhere_is_all_or_nothing(void **state)
{
    (void)state;
    int with = 0, without = 0;
    bool finished = false;
    for (int at = 1; !finished; at++) {
        cs_kv_db_free(db);
        db = cs_kv_db_new();
        cs_checkpoint *checkpoint = open_checkpoint();
        commit_next(checkpoint, 0, 2);
        killer it = { .at = at };
        cs_plan *plan = plan_next(checkpoint, 2, 3, 10);
        cs_kv_db_on_step(db, kill_at, &it);
        cs_code code = cs_checkpoint_save_plan(checkpoint, plan, NULL);
        finished = code == CS_OK;
        assert_true(finished || code == CS_E_CANCELLED);
        cs_kv_db_on_step(db, NULL, NULL);
        cs_kv_mem_kill(checkpoint->kv);
        cs_checkpoint_close(checkpoint);
        checkpoint = open_checkpoint();
        const cs_checkpoint_state *found = cs_checkpoint_state_of(checkpoint);
        bool there = found->planned == 1;
        assert_int_equal(found->committed, there ? 0 : -1);
        assert_true(there || !finished);
        for (int i = 2; i < 5; i++) {
            char name[16];
            snprintf(name, sizeof name, "f%d", i);
            assert_int_equal(batch_of(checkpoint, name, NULL), there ? 1 : -1);
        }
        with += there;
        without += !there;
        cs_plan_free(plan);
        cs_checkpoint_close(checkpoint);
    }
    assert_true(with >= 2 && without >= 5); /* killed after the commit, and before it */
}

static void transaction_that_must_be_done_again_is(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    for (uint64_t nth = 1; nth < 30; nth++) {
        cs_kv_db_fail(db, nth, CS_E_AGAIN);
        uint32_t first = (uint32_t)nth * 10;
        commit_next(checkpoint, first, 3);
        char name[16];
        snprintf(name, sizeof name, "f%u", first + 2);
        assert_int_equal(batch_of(checkpoint, name, NULL), (int64_t)nth - 1);
    }
    cs_kv_db_fail(db, 0, CS_OK);
    cs_checkpoint_close(checkpoint);
    checkpoint = open_checkpoint();
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 28);
    cs_checkpoint_close(checkpoint);
}

static void full_disk_leaves_all_as_it_was_and_may_be_tried_again(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 2);
    cs_plan *plan = plan_next(checkpoint, 2, 3, 10);
    cs_code code = CS_E_DISK_FULL;
    int failures = 0;
    for (uint64_t nth = 1; code != CS_OK; nth++) {
        cs_kv_db_fail(db, nth, CS_E_DISK_FULL);
        code = cs_checkpoint_save_plan(checkpoint, plan, NULL);
        if (code == CS_OK)
            break;
        failures++;
        assert_int_equal(code, CS_E_DISK_FULL);
        assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 0);
        assert_int_equal(batch_of(checkpoint, "f2", NULL), -1);
    }
    assert_true(failures >= 6);
    cs_kv_db_fail(db, 0, CS_OK);
    assert_int_equal(batch_of(checkpoint, "f2", NULL), 1);
    cs_plan_free(plan);
    cs_checkpoint_close(checkpoint);
}

static void zombie_of_an_older_epoch_cannot_write(void **state)
{
    (void)state;
    cs_checkpoint *zombie = open_checkpoint();
    commit_next(zombie, 0, 1);
    cs_plan *late = plan_next(zombie, 1, 1, 10);
    cs_checkpoint *successor = open_checkpoint();
    cs_error err;
    assert_int_equal(cs_checkpoint_save_plan(zombie, late, &err), CS_E_CHECKPOINT_IN_USE);
    assert_non_null(strstr(err.message, "epoch 2"));
    assert_int_equal(cs_checkpoint_flush(zombie, NULL), CS_E_CHECKPOINT_IN_USE);
    cs_source_file file = { .path = CS_STR("f0") };
    assert_int_equal(cs_checkpoint_changed(zombie, &file, NULL), CS_E_CHECKPOINT_IN_USE);
    assert_int_equal(cs_checkpoint_replan(zombie, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_checkpoint_reset(zombie, NULL, 0, NULL, 0, &rng.rng, NULL), CS_E_CHECKPOINT_IN_USE);
    assert_int_equal(batch_of(successor, "f1", NULL), -1);
    cs_plan_free(late);
    cs_checkpoint_close(zombie);
    cs_checkpoint_close(successor);
}

static void changed_file_is_remembered_in_its_new_version(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 2);
    cs_source_file file = { .path = CS_STR("f1"), .version = { 99, 5 } };
    assert_int_equal(cs_checkpoint_changed(checkpoint, &file, NULL), CS_OK);
    uint64_t size = 0;
    assert_int_equal(batch_of(checkpoint, "f1", &size), 0);
    assert_int_equal(size, 99);
    file.path = CS_STR("unknown");
    assert_int_equal(cs_checkpoint_changed(checkpoint, &file, NULL), CS_OK);
    assert_int_equal(batch_of(checkpoint, "unknown", NULL), -1);
    cs_checkpoint_close(checkpoint);
}

static void replan_sets_the_plan_aside_and_frees_its_files(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 2);
    cs_plan *dropped = save_next(checkpoint, 2, 2);
    assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK);
    const cs_checkpoint_state *now = cs_checkpoint_state_of(checkpoint);
    assert_int_equal(now->planned, 0);
    assert_int_equal(now->committed, 0);
    assert_int_equal(batch_of(checkpoint, "f1", NULL), 0);
    assert_int_equal(batch_of(checkpoint, "f2", NULL), -1);
    cs_plan *none = NULL;
    assert_int_equal(cs_checkpoint_load_plan(checkpoint, 1, &none, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_checkpoint_load_dropped(checkpoint, 4711, &none, NULL), CS_E_NOT_FOUND);
    cs_plan *kept = NULL;
    assert_int_equal(cs_checkpoint_load_dropped(checkpoint, cs_digest63(&dropped->digest), &kept, NULL), CS_OK);
    assert_memory_equal(&kept->digest, &dropped->digest, sizeof kept->digest);
    cs_plan_free(kept);

    /* It is kept while batch 1 is only planned, and goes once batch 1 is committed. */
    commit_next(checkpoint, 3, 1);
    assert_int_equal(cs_checkpoint_load_dropped(checkpoint, cs_digest63(&dropped->digest), &kept, NULL), CS_OK);
    cs_plan_free(kept);
    commit_next(checkpoint, 4, 1);
    assert_int_equal(cs_checkpoint_load_dropped(checkpoint, cs_digest63(&dropped->digest), &kept, NULL),
                     CS_E_NOT_FOUND);
    cs_plan_free(dropped);
    cs_checkpoint_close(checkpoint);
}

/* Twice replanned: each of the plans set aside may be the one that a stopped process commits late. */
static void any_plan_set_aside_can_be_adopted(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        cs_kv_db_free(db);
        db = cs_kv_db_new();
        cs_checkpoint *checkpoint = open_checkpoint();
        commit_next(checkpoint, 0, 1);
        cs_plan *aside[2];
        aside[0] = save_next(checkpoint, 1, 2); /* f1 f2 */
        assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK);
        aside[1] = save_next(checkpoint, 2, 2); /* f2 f3 */
        assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK);
        cs_plan_free(save_next(checkpoint, 3, 2)); /* f3 f4 */
        cs_checkpoint_close(checkpoint);

        checkpoint = open_checkpoint();
        int64_t digest63 = cs_digest63(&aside[which]->digest);
        assert_int_equal(cs_checkpoint_adopt_dropped(checkpoint, digest63, NULL), CS_OK);
        cs_plan *plan = NULL;
        assert_int_equal(cs_checkpoint_load_plan(checkpoint, 1, &plan, NULL), CS_OK);
        assert_memory_equal(&plan->digest, &aside[which]->digest, sizeof plan->digest);
        assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 1);
        assert_int_equal(batch_of(checkpoint, "f0", NULL), 0);
        assert_int_equal(batch_of(checkpoint, "f1", NULL), which == 0 ? 1 : -1);
        assert_int_equal(batch_of(checkpoint, "f2", NULL), 1);
        assert_int_equal(batch_of(checkpoint, "f3", NULL), which == 0 ? -1 : 1);
        assert_int_equal(batch_of(checkpoint, "f4", NULL), -1);
        cs_checkpoint_committed(checkpoint, 1, &plan->digest, &table);
        cs_plan_free(plan);
        commit_next(checkpoint, 4, 1);
        assert_int_equal(cs_checkpoint_adopt_dropped(checkpoint, digest63, NULL), CS_E_NOT_FOUND);
        cs_plan_free(aside[0]);
        cs_plan_free(aside[1]);
        cs_checkpoint_close(checkpoint);
    }
}

/* onChanged=read: a file of batch 0 is read again in batch 1; when batch 1's plan goes, it is batch 0's again. */
static void replan_gives_a_file_back_to_the_batch_before(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 1);
    cs_plan *plan = plan_next(checkpoint, 0, 1, 77);
    assert_int_equal(cs_checkpoint_save_plan(checkpoint, plan, NULL), CS_OK);
    cs_plan_free(plan);
    uint64_t size = 0;
    assert_int_equal(batch_of(checkpoint, "f0", &size), 1);
    assert_int_equal(size, 77);
    cs_source_file file = { .path = CS_STR("f0"), .version = { 99, 5 } };
    assert_int_equal(cs_checkpoint_changed(checkpoint, &file, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK);
    assert_int_equal(batch_of(checkpoint, "f0", &size), 0);
    assert_int_equal(size, 10);
    cs_checkpoint_close(checkpoint);
}

static void replan_without_a_waiting_plan_says_so(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    cs_error err;
    assert_int_equal(cs_checkpoint_replan(checkpoint, &err), CS_E_NOT_FOUND);
    cs_checkpoint_close(checkpoint);
}

static void reset_forgets_all_but_what_it_is_told(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 5);
    cs_plan *plan = save_next(checkpoint, 5, 5);
    assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK);
    cs_plan_free(save_next(checkpoint, 6, 1));
    cs_uuid old = cs_checkpoint_state_of(checkpoint)->stream;
    cs_accepted accepted[2] = { { old, 0 }, { { { 0xff, 1 } }, -1 } };
    cs_source_file files[2] = { { CS_STR("f3"), { 10, 1003 } }, { CS_STR("x/y"), { 1, 2 } } };
    assert_int_equal(cs_checkpoint_reset(checkpoint, accepted, 2, files, 2, &rng.rng, NULL), CS_OK);
    for (int again = 0; again < 2; again++) {
        const cs_checkpoint_state *now = cs_checkpoint_state_of(checkpoint);
        cs_sha256 start = cs_plan_digest_start(&now->stream);
        assert_true(now->empty && !now->has_table_id);
        assert_int_equal(now->committed, -1);
        assert_int_equal(now->planned, -1);
        assert_memory_not_equal(&now->stream, &old, sizeof old);
        assert_memory_equal(&now->digest, &start, sizeof start);
        assert_int_equal(batch_of(checkpoint, "f0", NULL), -1);
        assert_int_not_equal(batch_of(checkpoint, "f7", NULL), 0);
        cs_source_file file = files[1];
        bool known = false;
        cs_content_version version;
        uint64_t batch;
        assert_int_equal(cs_checkpoint_seen(checkpoint, &file, &known, &version, &batch, NULL), CS_OK);
        assert_true(known && version.size_bytes == 1 && version.mtime_ns == 2);
        cs_arena arena = CS_ARENA_INIT;
        cs_accepted *found;
        size_t n;
        assert_int_equal(cs_checkpoint_accepted(checkpoint, &arena, &found, &n, NULL), CS_OK);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < 2; i++) {
            bool is_old = memcmp(&found[i].stream, &old, sizeof old) == 0;
            assert_int_equal(found[i].batch, is_old ? 0 : -1);
        }
        cs_arena_done(&arena);
        cs_plan *none = NULL;
        assert_int_equal(cs_checkpoint_load_dropped(checkpoint, cs_digest63(&plan->digest), &none, NULL),
                         CS_E_NOT_FOUND);
        assert_int_equal(cs_checkpoint_load_plan(checkpoint, 0, &none, NULL), CS_E_NOT_FOUND);
        if (again == 0) {
            cs_checkpoint_close(checkpoint);
            checkpoint = open_checkpoint();
        }
    }
    commit_next(checkpoint, 0, 1);
    cs_plan_free(plan);
    cs_checkpoint_close(checkpoint);
}

typedef struct shown {
    uint64_t next;
    int committed;
} shown;

static cs_code show_plan(void *ctx, const cs_plan *plan, bool committed, cs_error *err)
{
    (void)err;
    shown *so_far = ctx;
    assert_int_equal(plan->batch, so_far->next++);
    so_far->committed += committed;
    return CS_OK;
}

static void plans_are_shown_in_order_and_kept_for_a_while(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    for (uint32_t i = 0; i < CS_CHECKPOINT_PLANS_KEPT + 20; i++)
        commit_next(checkpoint, i, 1);
    cs_plan_free(save_next(checkpoint, 1000, 1));
    shown so_far = { .next = 21 };
    assert_int_equal(cs_checkpoint_each_plan(checkpoint, show_plan, &so_far, NULL), CS_OK);
    assert_int_equal(so_far.next, CS_CHECKPOINT_PLANS_KEPT + 21);
    assert_int_equal(so_far.committed, CS_CHECKPOINT_PLANS_KEPT - 1);
    assert_int_equal(batch_of(checkpoint, "f0", NULL), 0); /* files are known for ever */
    cs_checkpoint_close(checkpoint);
}

static cs_key file_key(const char *path, unsigned slot)
{
    cs_hash128 hash = cs_hash128_of(path, strlen(path));
    cs_key key = cs_key_of('f');
    cs_key_add_u64(&key, hash.hi);
    cs_key_add_u64(&key, hash.lo);
    char last = (char)slot;
    cs_key_add(&key, &last, 1);
    return key;
}

/* Puts the record of one path where the hash of another leads. */
static void copy_record(cs_checkpoint *checkpoint, cs_key from, cs_key to)
{
    cs_kv *kv = checkpoint->kv;
    cs_buf copy = CS_BUF_INIT;
    cs_str value;
    assert_int_equal(kv->ops->begin(kv, true, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_get(checkpoint, &from, &value, NULL), CS_OK);
    cs_buf_add_str(&copy, value);
    assert_int_equal(cs_checkpoint_put(checkpoint, &to, cs_buf_str(&copy), NULL), CS_OK);
    assert_int_equal(kv->ops->commit(kv, NULL), CS_OK);
    cs_buf_done(&copy);
}

static bool has_key(cs_checkpoint *checkpoint, cs_key key)
{
    cs_str value;
    assert_int_equal(checkpoint->kv->ops->begin(checkpoint->kv, false, NULL), CS_OK);
    cs_code code = cs_checkpoint_get(checkpoint, &key, &value, NULL);
    checkpoint->kv->ops->abort(checkpoint->kv);
    return code == CS_OK;
}

/* No two paths with one hash are known, so a foreign record is put into a slot by hand. */
static void path_whose_hash_is_taken_goes_into_the_next_slot(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 5, 1);
    copy_record(checkpoint, file_key("f5", 0), file_key("f9", 0));
    assert_int_equal(batch_of(checkpoint, "f9", NULL), -1);
    commit_next(checkpoint, 9, 1);
    assert_int_equal(batch_of(checkpoint, "f9", NULL), 1);
    assert_true(has_key(checkpoint, file_key("f9", 1)));
    cs_checkpoint_close(checkpoint);
}

static void emptied_slot_does_not_hide_the_next(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 5, 1);
    cs_plan_free(save_next(checkpoint, 9, 1));
    copy_record(checkpoint, file_key("f5", 0), file_key("f9", 1));
    assert_int_equal(cs_checkpoint_replan(checkpoint, NULL), CS_OK); /* unmarks f9, in slot 0 */
    assert_int_equal(batch_of(checkpoint, "f9", NULL), -1);
    assert_true(has_key(checkpoint, file_key("f9", 0))); /* a tombstone */
    commit_next(checkpoint, 9, 1);
    assert_int_equal(batch_of(checkpoint, "f9", NULL), 1);
    assert_false(has_key(checkpoint, file_key("f9", 2)));
    cs_checkpoint_close(checkpoint);
}

/* Every value, a byte in it: reading says that it is damaged, and never gives something else. */
static void damaged_value_is_found_when_it_is_read(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    commit_next(checkpoint, 0, 3);
    cs_plan_free(save_next(checkpoint, 3, 3));
    cs_checkpoint_close(checkpoint);
    static const char kinds[] = "ESPOCfhp";
    for (const char *kind = kinds; *kind != '\0'; kind++) {
        size_t len = 0;
        char *value = cs_kv_db_value(db, (cs_str){ kind, 1 }, &len);
        assert_non_null(value);
        for (size_t i = 0; i < len; i++) {
            value[i] ^= 0x10;
            cs_error err;
            cs_code code = try_open(&checkpoint, &err);
            if (code == CS_OK) {
                /* What a start does not read is read here. */
                cs_plan *plan = NULL;
                cs_code plans = CS_OK, files = CS_OK;
                for (uint64_t batch = 0; batch < 2 && plans == CS_OK; batch++) {
                    plans = cs_checkpoint_load_plan(checkpoint, batch, &plan, &err);
                    if (plans == CS_OK)
                        cs_plan_free(plan);
                }
                for (int f = 0; f < 6 && files == CS_OK; f++) {
                    char name[16];
                    snprintf(name, sizeof name, "f%d", f);
                    cs_source_file file = { .path = cs_str_of(name) };
                    bool known;
                    cs_content_version version;
                    uint64_t batch;
                    files = cs_checkpoint_seen(checkpoint, &file, &known, &version, &batch, &err);
                }
                code = plans != CS_OK ? plans : files;
                cs_checkpoint_close(checkpoint);
                value = cs_kv_db_value(db, (cs_str){ kind, 1 }, &len); /* a start writes E and O anew */
            }
            assert_int_equal(code, CS_E_DAMAGED_CHECKPOINT);
            value[i] ^= 0x10;
        }
    }
    checkpoint = open_checkpoint();
    cs_checkpoint_close(checkpoint);
}

/* Each value is whole, but they do not belong together: as after a restore of single pages. */
static void plan_that_does_not_have_its_digest_is_damage(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    cs_plan_free(save_next(checkpoint, 0, 3));
    cs_kv *kv = checkpoint->kv;
    cs_key key = cs_key_of('h');
    cs_key_add_u64(&key, 0);
    cs_buf head = CS_BUF_INIT;
    cs_str value;
    assert_int_equal(kv->ops->begin(kv, true, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_get(checkpoint, &key, &value, NULL), CS_OK);
    cs_buf_add_str(&head, value);
    head.ptr[head.len - 1] ^= 1;
    assert_int_equal(cs_checkpoint_put(checkpoint, &key, cs_buf_str(&head), NULL), CS_OK);
    assert_int_equal(kv->ops->commit(kv, NULL), CS_OK);
    cs_buf_done(&head);
    cs_plan *plan = NULL;
    cs_error err;
    assert_int_equal(cs_checkpoint_load_plan(checkpoint, 0, &plan, &err), CS_E_DAMAGED_CHECKPOINT);
    assert_non_null(strstr(err.message, "digest"));
    cs_checkpoint_close(checkpoint);
}

static void backup_is_made_at_the_end_and_after_many_plans_when_idle(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint = open_checkpoint();
    for (uint32_t i = 0; i < CS_CHECKPOINT_BACKUP_PLANS; i++)
        commit_next(checkpoint, i, 1);
    assert_int_equal(cs_kv_db_backups(db), 0);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    assert_int_equal(cs_kv_db_backups(db), 1);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    cs_checkpoint_close(checkpoint); /* nothing new since */
    assert_int_equal(cs_kv_db_backups(db), 1);
    cs_checkpoint_close(open_checkpoint()); /* a new epoch */
    assert_int_equal(cs_kv_db_backups(db), 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(first_start_draws_a_stream_and_later_ones_count_epochs),
        CASE(another_source_is_refused_and_both_are_named),
        CASE(start_without_pin_finds_the_options_of_the_last_one),
        CASE(plan_is_there_after_a_kill_and_its_files_are_its_own),
        CASE(committed_is_durable_with_the_next_plan_or_by_flush),
        CASE(flush_writes_nothing_when_nothing_is_new),
        CASE(plan_killed_anywhere_is_all_or_nothing),
        CASE(transaction_that_must_be_done_again_is),
        CASE(full_disk_leaves_all_as_it_was_and_may_be_tried_again),
        CASE(zombie_of_an_older_epoch_cannot_write),
        CASE(changed_file_is_remembered_in_its_new_version),
        CASE(replan_sets_the_plan_aside_and_frees_its_files),
        CASE(any_plan_set_aside_can_be_adopted),
        CASE(replan_gives_a_file_back_to_the_batch_before),
        CASE(replan_without_a_waiting_plan_says_so),
        CASE(reset_forgets_all_but_what_it_is_told),
        CASE(plans_are_shown_in_order_and_kept_for_a_while),
        CASE(path_whose_hash_is_taken_goes_into_the_next_slot),
        CASE(emptied_slot_does_not_hide_the_next),
        CASE(damaged_value_is_found_when_it_is_read),
        CASE(plan_that_does_not_have_its_digest_is_damage),
        CASE(backup_is_made_at_the_end_and_after_many_plans_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
