#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "coordinator/plan/plan.h"

#define MIB (1ull << 20)

static cs_job job = { .split_bytes = 32 * MIB, .task_bytes = 32 * MIB };
static const cs_sha256 before = { { 1, 2, 3 } };

static cs_plan *plan_of(const cs_source_file *files, uint32_t n, uint32_t workers, bool splittable)
{
    cs_plan_input input = {
        .batch = 7,
        .job = &job,
        .options = CS_STR("0 schema a INT\n"),
        .batch_time_us = -5,
        .table_id = { { 9, 8 } },
        .write_schema = CS_STR("{}"),
        .codec = 2,
        .files = files,
        .n_files = n,
        .splittable = splittable,
        .workers = workers,
        .digest_before = &before,
    };
    cs_plan *plan = NULL;
    assert_int_equal(cs_plan_make(&input, &plan, NULL), CS_OK);
    return plan;
}

static cs_source_file *files_of(uint32_t n, uint64_t size)
{
    cs_source_file *files = cs_xcalloc(n + 1, sizeof *files);
    for (uint32_t i = 0; i < n; i++) {
        char *path = cs_xcalloc(1, 16);
        snprintf(path, 16, "f%u.csv", i);
        files[i] = (cs_source_file){ cs_str_of(path), { size, i } };
    }
    return files;
}

static void files_free(cs_source_file *files, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        free((char *)(uintptr_t)files[i].path.ptr);
    free(files);
}

static cs_plan *plan_of_equal(uint32_t n, uint64_t size, uint32_t workers, bool splittable)
{
    cs_source_file *files = files_of(n, size);
    cs_plan *plan = plan_of(files, n, workers, splittable);
    files_free(files, n);
    return plan;
}

/* Every byte of every file is in exactly one split, every split in exactly one task, every limit is held. */
static void assert_covers_all(const cs_plan *plan)
{
    uint64_t *covered = cs_xcalloc(plan->n_files + 1, sizeof *covered);
    bool *used = cs_xcalloc(plan->n_splits + 1, sizeof *used);
    bool *seen = cs_xcalloc(plan->n_files + 1, sizeof *seen);
    for (uint32_t t = 0; t < plan->n_tasks; t++) {
        const cs_plan_task *task = &plan->tasks[t];
        uint64_t bytes = 0, wire = 0;
        assert_in_range(task->n_splits, 1, CS_TASK_SPLITS_MAX);
        for (uint32_t i = 0; i < task->n_splits; i++) {
            const cs_split *split = &plan->splits[task->first_split + i];
            assert_false(used[task->first_split + i]);
            used[task->first_split + i] = true;
            uint64_t size = plan->files[split->file].version.size_bytes;
            assert_true(split->begin <= split->end && split->end <= size);
            assert_true(split->by_records || (split->begin == 0 && split->end == size));
            covered[split->file] += split->end - split->begin;
            seen[split->file] = true;
            bytes += split->end - split->begin;
            wire += plan->files[split->file].path.len;
        }
        assert_true(wire <= CS_TASK_SPLIT_BYTES_MAX);
        assert_int_equal(task->bytes, bytes);
    }
    for (uint32_t i = 0; i < plan->n_splits; i++)
        assert_true(used[i]);
    for (uint32_t i = 0; i < plan->n_files; i++) {
        assert_true(seen[i]);
        assert_int_equal(covered[i], plan->files[i].version.size_bytes);
    }
    free(seen);
    free(used);
    free(covered);
}

static void assert_tasks(cs_plan *plan, uint32_t n, uint64_t least, uint64_t most)
{
    assert_covers_all(plan);
    assert_int_equal(plan->n_tasks, n);
    for (uint32_t t = 0; t < plan->n_tasks; t++)
        assert_in_range(plan->tasks[t].bytes, least, most);
    cs_plan_free(plan);
}

static void small_batch_is_one_task_whatever_the_workers(void **state)
{
    (void)state;
    assert_tasks(plan_of_equal(1, 40, 16, true), 1, 40, 40);
    assert_tasks(plan_of_equal(1, 0, 2, true), 1, 0, 0);
    assert_tasks(plan_of_equal(50, 1000, 2, true), 1, 50000, 50000);
    assert_tasks(plan_of_equal(1, 5 * MIB, 2, true), 1, 5 * MIB, 5 * MIB);
    assert_tasks(plan_of_equal(0, 0, 2, true), 0, 0, 0);
}

static void large_file_is_cut_so_that_all_workers_end_together(void **state)
{
    (void)state;
    assert_tasks(plan_of_equal(1, 100 * MIB, 2, true), 4, 25 * MIB - 1, 25 * MIB + 1);
    assert_tasks(plan_of_equal(1, 20 * MIB, 2, true), 2, 10 * MIB, 10 * MIB);
    assert_tasks(plan_of_equal(1, 2048 * MIB, 2, true), 66, 31 * MIB, 32 * MIB);
    assert_tasks(plan_of_equal(1, 100 * MIB, 0, true), 4, 25 * MIB, 25 * MIB);
}

static void file_that_cannot_be_split_stays_whole(void **state)
{
    (void)state;
    assert_tasks(plan_of_equal(1, 1000 * MIB, 4, false), 1, 1000 * MIB, 1000 * MIB);
    assert_tasks(plan_of_equal(4, 100 * MIB, 2, false), 4, 100 * MIB, 100 * MIB);
}

static void small_files_are_packed_evenly(void **state)
{
    (void)state;
    assert_tasks(plan_of_equal(20, MIB, 2, true), 2, 10 * MIB, 10 * MIB);
    assert_tasks(plan_of_equal(100, MIB, 2, true), 4, 24 * MIB, 26 * MIB);
    /* Opening counts too: thousands of tiny files are spread although their bytes are few. */
    assert_tasks(plan_of_equal(4000, 100, 2, true), 2, 199900, 200100);
}

static void uneven_files_make_no_more_tasks_than_shares(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    for (uint64_t seed = 0; seed < 200; seed++) {
        cs_rng_seeded_init(&rng, seed);
        uint32_t n = 1 + (uint32_t)cs_rng_below(&rng.rng, 300);
        uint32_t workers = 1 + (uint32_t)cs_rng_below(&rng.rng, 9);
        cs_source_file *files = files_of(n, 0);
        uint64_t total = 0;
        for (uint32_t i = 0; i < n; i++) {
            files[i].version.size_bytes = cs_rng_below(&rng.rng, 1ull << cs_rng_below(&rng.rng, 30));
            total += files[i].version.size_bytes + 16384;
        }
        cs_plan *plan = plan_of(files, n, workers, cs_rng_below(&rng.rng, 2) == 0);
        assert_covers_all(plan);
        uint64_t shares = total / (32 * MIB) + 1 + workers;
        assert_true(plan->n_tasks <= 2 * shares);
        for (uint32_t t = 1; t < plan->n_tasks; t++)
            assert_true(plan->tasks[t - 1].bytes >= plan->tasks[t].bytes);
        cs_plan_free(plan);
        files_free(files, n);
    }
}

static void task_limits_break_up_a_task(void **state)
{
    (void)state;
    uint64_t kept = job.task_bytes;
    job.task_bytes = 1ull << 50;
    cs_plan *plan = plan_of_equal(CS_BATCH_FILES_MAX, 1, 1, true);
    assert_covers_all(plan);
    assert_int_equal(plan->n_tasks, CS_BATCH_FILES_MAX / CS_TASK_SPLITS_MAX);
    cs_plan_free(plan);
    char path[CS_PATH_BYTES_MAX];
    memset(path, 'x', sizeof path);
    cs_source_file *files = cs_xcalloc(1000, sizeof *files);
    for (uint32_t i = 0; i < 1000; i++)
        files[i].path = (cs_str){ path, sizeof path };
    plan = plan_of(files, 1000, 1, true);
    assert_covers_all(plan);
    assert_int_equal(plan->n_tasks, 4); /* 252 splits of 4,160 bytes fill one MiB */
    cs_plan_free(plan);
    free(files);
    job.task_bytes = kept;
}

static void huge_file_stays_within_the_number_of_tasks(void **state)
{
    (void)state;
    cs_plan *plan = plan_of_equal(1, 1ull << 60, 1000, true);
    assert_covers_all(plan);
    assert_true(plan->n_tasks <= CS_BATCH_TASKS_MAX);
    cs_plan_free(plan);
}

static void more_than_the_limits_is_refused(void **state)
{
    (void)state;
    cs_source_file *files = files_of(2, 1ull << 63);
    cs_plan_input input = { .job = &job, .files = files, .n_files = 2, .digest_before = &before };
    cs_plan *plan;
    assert_int_equal(cs_plan_make(&input, &plan, NULL), CS_E_LIMIT);
    input.n_files = CS_BATCH_FILES_MAX + 1;
    cs_error err;
    assert_int_equal(cs_plan_make(&input, &plan, &err), CS_E_LIMIT);
    assert_non_null(strstr(err.message, "65537"));
    files_free(files, 2);
}

/* ---- stored ---- */

typedef struct chunks {
    cs_buf all;
    uint32_t n;
    size_t longest;
} chunks;

static cs_code keep_chunk(void *ctx, uint32_t seq, cs_str bytes, cs_error *err)
{
    (void)err;
    chunks *kept = ctx;
    assert_int_equal(seq, kept->n++);
    if (bytes.len > kept->longest)
        kept->longest = bytes.len;
    cs_buf_add_str(&kept->all, bytes);
    return CS_OK;
}

static cs_code build(cs_str bytes, size_t piece, cs_plan **out, cs_error *err)
{
    cs_plan_builder *builder = cs_plan_builder_new(&before);
    while (bytes.len > 0) {
        size_t len = piece < bytes.len ? piece : bytes.len;
        cs_code code = cs_plan_builder_add(builder, (cs_str){ bytes.ptr, len }, err);
        if (code != CS_OK) {
            cs_plan_builder_free(builder);
            return code;
        }
        bytes.ptr += len;
        bytes.len -= len;
    }
    return cs_plan_builder_end(builder, out, err);
}

static void assert_same(const cs_plan *a, const cs_plan *b)
{
    assert_int_equal(a->batch, b->batch);
    assert_int_equal(a->batch_time_us, b->batch_time_us);
    assert_int_equal(a->codec, b->codec);
    assert_int_equal(a->bytes, b->bytes);
    assert_true(cs_str_eq(a->options, b->options));
    assert_true(cs_str_eq(a->write_schema, b->write_schema));
    assert_memory_equal(&a->table_id, &b->table_id, sizeof a->table_id);
    assert_memory_equal(&a->digest, &b->digest, sizeof a->digest);
    assert_memory_equal(&a->digest_before, &b->digest_before, sizeof a->digest);
    assert_int_equal(a->n_files, b->n_files);
    for (uint32_t i = 0; i < a->n_files; i++) {
        assert_true(cs_str_eq(a->files[i].path, b->files[i].path));
        assert_int_equal(a->files[i].version.size_bytes, b->files[i].version.size_bytes);
        assert_int_equal(a->files[i].version.mtime_ns, b->files[i].version.mtime_ns);
    }
    assert_int_equal(a->n_tasks, b->n_tasks);
    assert_int_equal(a->n_splits, b->n_splits);
    for (uint32_t t = 0; t < a->n_tasks; t++) {
        assert_int_equal(a->tasks[t].n_splits, b->tasks[t].n_splits);
        for (uint32_t i = 0; i < a->tasks[t].n_splits; i++) {
            const cs_split *x = &a->splits[a->tasks[t].first_split + i];
            const cs_split *y = &b->splits[b->tasks[t].first_split + i];
            assert_true(x->file == y->file && x->by_records == y->by_records && x->begin == y->begin &&
                        x->end == y->end);
        }
    }
}

static void stored_plan_is_read_back_alike_in_any_pieces(void **state)
{
    (void)state;
    cs_source_file *files = files_of(300, 3 * MIB);
    cs_str plain = files[7].path;
    files[7].path = CS_STR("k=1/\xff\n\"%");
    files[8].version = (cs_content_version){ 200 * MIB, -1 };
    cs_plan *plan = plan_of(files, 300, 3, true);
    chunks kept = { 0 };
    assert_int_equal(cs_plan_write(plan, keep_chunk, &kept, NULL), CS_OK);
    static const size_t pieces[] = { 1, 2, 3, 7, 100, 4096, 1 << 30 };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        cs_plan *again = NULL;
        assert_int_equal(build(cs_buf_str(&kept.all), pieces[i], &again, NULL), CS_OK);
        assert_same(plan, again);
        cs_plan_free(again);
    }
    cs_buf_done(&kept.all);
    cs_plan_free(plan);
    files[7].path = plain;
    files_free(files, 300);
}

static void chunks_are_bounded_and_the_digest_is_of_their_bytes(void **state)
{
    (void)state;
    cs_plan *plan = plan_of_equal(CS_BATCH_FILES_MAX, 1000, 2, true);
    chunks kept = { 0 };
    assert_int_equal(cs_plan_write(plan, keep_chunk, &kept, NULL), CS_OK);
    assert_int_equal(kept.longest, CS_PLAN_CHUNK_BYTES);
    assert_true(kept.n > 4);
    /* Computed a second way: in one piece, without the plan. */
    cs_buf both = CS_BUF_INIT;
    cs_buf_add(&both, before.bytes, sizeof before.bytes);
    cs_buf_add_str(&both, cs_buf_str(&kept.all));
    cs_sha256 digest = cs_sha256_of(both.ptr, both.len);
    assert_memory_equal(&digest, &plan->digest, sizeof digest);
    cs_buf_done(&both);
    cs_buf_done(&kept.all);
    cs_plan_free(plan);
}

static void equal_inputs_give_equal_digests_and_others_do_not(void **state)
{
    (void)state;
    cs_source_file *files = files_of(3, 1000);
    cs_plan *one = plan_of(files, 3, 2, true), *same = plan_of(files, 3, 2, true);
    assert_memory_equal(&one->digest, &same->digest, sizeof one->digest);
    files[1].version.mtime_ns++;
    cs_plan *other = plan_of(files, 3, 2, true);
    assert_memory_not_equal(&one->digest, &other->digest, sizeof one->digest);
    cs_plan_free(one);
    cs_plan_free(same);
    cs_plan_free(other);
    files_free(files, 3);
}

static void digest_is_shortened_as_the_protocol_says(void **state)
{
    (void)state;
    cs_sha256 digest = { { 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77 } };
    assert_true(cs_digest8(&digest) == 0xffeeddccbbaa9988ull);
    assert_true(cs_digest63(&digest) == 0x7ff76ee65dd54cc4ll);
}

/* Every byte changed, every cut: an error or another digest, never a crash or the old digest. */
static void damage_is_an_error_or_another_digest(void **state)
{
    (void)state;
    cs_plan *plan = plan_of_equal(5, 50 * MIB, 2, true);
    chunks kept = { 0 };
    assert_int_equal(cs_plan_write(plan, keep_chunk, &kept, NULL), CS_OK);
    for (size_t i = 0; i < kept.all.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            cs_plan *again = NULL;
            cs_error err;
            kept.all.ptr[i] ^= (char)(1 << bit);
            cs_code code = build(cs_buf_str(&kept.all), 64, &again, &err);
            kept.all.ptr[i] ^= (char)(1 << bit);
            if (code == CS_OK)
                assert_memory_not_equal(&again->digest, &plan->digest, sizeof plan->digest);
            else
                assert_int_equal(code, CS_E_DAMAGED_CHECKPOINT);
            cs_plan_free(again);
        }
        cs_plan *cut = NULL;
        assert_int_equal(build((cs_str){ kept.all.ptr, i }, 64, &cut, NULL), CS_E_DAMAGED_CHECKPOINT);
    }
    cs_buf_done(&kept.all);
    cs_plan_free(plan);
}

static cs_code refuse_second(void *ctx, uint32_t seq, cs_str bytes, cs_error *err)
{
    (void)ctx;
    (void)bytes;
    return seq == 1 ? cs_error_set(err, CS_E_DISK_FULL, "full") : CS_OK;
}

static void chunk_that_cannot_be_stored_stops_the_writing(void **state)
{
    (void)state;
    cs_plan *plan = plan_of_equal(CS_BATCH_FILES_MAX, 1000, 2, true);
    assert_int_equal(cs_plan_write(plan, refuse_second, NULL, NULL), CS_E_DISK_FULL);
    cs_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_batch_is_one_task_whatever_the_workers),
        cmocka_unit_test(large_file_is_cut_so_that_all_workers_end_together),
        cmocka_unit_test(file_that_cannot_be_split_stays_whole),
        cmocka_unit_test(small_files_are_packed_evenly),
        cmocka_unit_test(uneven_files_make_no_more_tasks_than_shares),
        cmocka_unit_test(task_limits_break_up_a_task),
        cmocka_unit_test(huge_file_stays_within_the_number_of_tasks),
        cmocka_unit_test(more_than_the_limits_is_refused),
        cmocka_unit_test(stored_plan_is_read_back_alike_in_any_pieces),
        cmocka_unit_test(chunks_are_bounded_and_the_digest_is_of_their_bytes),
        cmocka_unit_test(equal_inputs_give_equal_digests_and_others_do_not),
        cmocka_unit_test(digest_is_shortened_as_the_protocol_says),
        cmocka_unit_test(damage_is_an_error_or_another_digest),
        cmocka_unit_test(chunk_that_cannot_be_stored_stops_the_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
