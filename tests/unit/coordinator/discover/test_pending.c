#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "coordinator/discover/pending.h"

#define MODEL 500

static cs_str name_of(char *space, size_t size, uint64_t i)
{
    int len = snprintf(space, size, "some/folder/that/is/not/short/file-%llu.csv", (unsigned long long)i);
    return (cs_str){ space, (size_t)len };
}

/* Random adds, updates, moves and removals against a plain array: a second way to compute. */
static void random_changes_agree_with_a_plain_array(void **state)
{
    (void)state;
    static struct {
        bool there;
        int64_t mtime;
        int state;
    } model[MODEL];
    uint64_t seed = 11;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    cs_pending *pending = cs_pending_new();
    for (int i = 0; i < 60000; i++) {
        uint64_t k = cs_rng_below(&rng.rng, MODEL);
        char space[64];
        cs_str path = name_of(space, sizeof space, k);
        cs_pending_file *file = cs_pending_find(pending, path);
        assert_int_equal(file != NULL, model[k].there);
        cs_content_version version = { 1, (int64_t)cs_rng_below(&rng.rng, 50) };
        if (file == NULL) {
            assert_int_equal(cs_pending_add(pending, &(cs_source_file){ path, version }, i, NULL), CS_OK);
            model[k].there = true;
            model[k].mtime = version.mtime_ns;
            model[k].state = CS_PENDING_WAITING;
        } else if (cs_rng_below(&rng.rng, 3) == 0) {
            cs_pending_remove(pending, file);
            model[k].there = false;
        } else if (cs_rng_below(&rng.rng, 2) == 0) {
            model[k].state = (int)cs_rng_below(&rng.rng, 3);
            cs_pending_move(pending, file, (cs_pending_state)model[k].state);
        } else {
            cs_pending_set_version(pending, file, &version, i);
            model[k].mtime = version.mtime_ns;
        }
        if (i % 50 != 0)
            continue;
        size_t counts[3] = { 0 };
        char first[64] = "";
        int64_t first_mtime = INT64_MAX;
        for (uint64_t m = 0; m < MODEL; m++) {
            if (!model[m].there)
                continue;
            counts[model[m].state]++;
            name_of(space, sizeof space, m);
            if (model[m].state == CS_PENDING_WAITING &&
                (model[m].mtime < first_mtime || (model[m].mtime == first_mtime && strcmp(space, first) < 0))) {
                first_mtime = model[m].mtime;
                snprintf(first, sizeof first, "%s", space);
            }
        }
        for (int s = 0; s < 3; s++)
            assert_int_equal(cs_pending_count(pending, (cs_pending_state)s), counts[s]);
        const cs_pending_file *least = cs_pending_first(pending);
        if (first[0] == '\0')
            assert_null(least);
        else
            assert_string_equal(least->path, first);
    }
    cs_pending_free(pending);
}

static void many_files_take_little_memory(void **state)
{
    (void)state;
    cs_pending *pending = cs_pending_new();
    char space[64];
    int64_t begun = cs_clock_mono_ms(cs_clock_system());
    for (uint64_t i = 0; i < 1000000; i++) {
        cs_source_file file = { name_of(space, sizeof space, i), { 1, (int64_t)(i * 7919 % 1000003) } };
        assert_int_equal(cs_pending_add(pending, &file, 0, NULL), CS_OK);
        if (i == 99999) {
            print_message("100,000 files: %zu MB\n", cs_pending_bytes(pending) >> 20);
            assert_true(cs_pending_bytes(pending) < 30u << 20);
        }
    }
    print_message("1,000,000 files: %zu MB, %lld ms\n", cs_pending_bytes(pending) >> 20,
                  (long long)(cs_clock_mono_ms(cs_clock_system()) - begun));
    assert_true(cs_pending_bytes(pending) < 200u << 20);
    int64_t last = -1;
    begun = cs_clock_mono_ms(cs_clock_system());
    for (uint64_t i = 0; i < 200000; i++) {
        cs_pending_file *file = cs_pending_first(pending);
        assert_true(file->version.mtime_ns >= last);
        last = file->version.mtime_ns;
        cs_pending_remove(pending, file);
    }
    print_message("200,000 taken in order in %lld ms\n", (long long)(cs_clock_mono_ms(cs_clock_system()) - begun));
    assert_int_equal(cs_pending_count(pending, CS_PENDING_WAITING), 800000);
    cs_pending_free(pending);
}

static void paths_of_removed_files_are_given_back(void **state)
{
    (void)state;
    cs_pending *pending = cs_pending_new();
    char space[64];
    size_t most = 0;
    for (uint64_t i = 0; i < 300000; i++) {
        cs_source_file file = { name_of(space, sizeof space, i), { 1, (int64_t)i } };
        assert_int_equal(cs_pending_add(pending, &file, 0, NULL), CS_OK);
        if (i >= 1000)
            cs_pending_remove(pending, cs_pending_first(pending));
        most = cs_pending_bytes(pending) > most ? cs_pending_bytes(pending) : most;
    }
    assert_true(most < 4u << 20); /* never more than a thousand wait; all names together have 15 MB */
    assert_string_equal(cs_pending_first(pending)->path, name_of(space, sizeof space, 299000).ptr);
    cs_pending_free(pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_a_plain_array),
        cmocka_unit_test(many_files_take_little_memory),
        cmocka_unit_test(paths_of_removed_files_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
