/* Time and chance. The generator's expected values are those of its authors' reference code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"

static void the_monotonic_clock_counts_milliseconds_and_never_steps_back(void **state)
{
    (void)state;
    cs_clock *clock = cs_clock_system();
    int64_t before = cs_clock_mono_ms(clock);
    struct timespec pause = { 0, 30 * 1000000 };
    nanosleep(&pause, NULL);
    int64_t after = cs_clock_mono_ms(clock);
    assert_true(after - before >= 29);
    assert_true(after - before < 30000);
}

static void the_wall_clock_counts_microseconds_since_1970(void **state)
{
    (void)state;
    int64_t now_us = cs_clock_wall_us(cs_clock_system());
    int64_t want_s = (int64_t)time(NULL);
    assert_true(now_us / 1000000 >= want_s - 5 && now_us / 1000000 <= want_s + 5);
}

static void splitmix64_seeds_the_state_as_its_reference_does(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 1234567);
    const uint64_t want[4] = { 6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                               4593380528125082431u };
    assert_memory_equal(rng.state, want, sizeof want);
}

static void xoshiro256_gives_the_stream_of_its_reference(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 0);
    for (uint64_t i = 0; i < 4; i++)
        rng.state[i] = i + 1;
    const uint64_t want[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_true(cs_rng_u64(&rng.rng) == want[i]);
}

static void equal_seeds_give_equal_streams_and_other_seeds_others(void **state)
{
    (void)state;
    cs_rng_seeded a, b, c;
    cs_rng_seeded_init(&a, 7);
    cs_rng_seeded_init(&b, 7);
    cs_rng_seeded_init(&c, 8);
    unsigned char from_a[37], from_b[37], from_c[37];
    cs_rng_fill(&a.rng, from_a, sizeof from_a);
    cs_rng_fill(&b.rng, from_b, sizeof from_b);
    cs_rng_fill(&c.rng, from_c, sizeof from_c);
    assert_memory_equal(from_a, from_b, sizeof from_a);
    assert_memory_not_equal(from_a, from_c, sizeof from_a);
}

static void below_stays_below_and_reaches_every_number(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 42);
    unsigned seen[6] = { 0 };
    for (int i = 0; i < 6000; i++) {
        uint64_t drawn = cs_rng_below(&rng.rng, 6);
        assert_true(drawn < 6);
        seen[drawn]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 850, 1150); /* 1000 ± 5 deviations */
    assert_int_equal(cs_rng_below(&rng.rng, 1), 0);
    (void)cs_rng_below(&rng.rng, UINT64_MAX);
}

/* Hands out the words it was given. */
typedef struct scripted {
    cs_rng rng;
    const uint64_t *words;
} scripted;

static void scripted_fill(cs_rng *rng, void *bytes, size_t len)
{
    scripted *script = (scripted *)rng;
    assert_int_equal(len, 8);
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)(*script->words >> (8 * i));
    script->words++;
}

static void below_draws_again_where_the_range_does_not_divide_evenly(void **state)
{
    (void)state;
    /* 2^64 mod 10 = 6: the draws 0..5 would favour small results. */
    const uint64_t words[] = { 0, 5, 17 };
    scripted script = { { scripted_fill }, words };
    assert_int_equal(cs_rng_below(&script.rng, 10), 7);
    assert_ptr_equal(script.words, words + 3);
}

static void the_kernels_bytes_differ_each_time_and_fill_to_the_end(void **state)
{
    (void)state;
    unsigned char a[4096] = { 0 }, b[4096] = { 0 };
    cs_rng_fill(cs_rng_system(), a, sizeof a);
    cs_rng_fill(cs_rng_system(), b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    const unsigned char zeros[16] = { 0 };
    assert_memory_not_equal(a + sizeof a - 16, zeros, 16);
    cs_rng_fill(cs_rng_system(), a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_counts_milliseconds_and_never_steps_back),
        cmocka_unit_test(the_wall_clock_counts_microseconds_since_1970),
        cmocka_unit_test(splitmix64_seeds_the_state_as_its_reference_does),
        cmocka_unit_test(xoshiro256_gives_the_stream_of_its_reference),
        cmocka_unit_test(equal_seeds_give_equal_streams_and_other_seeds_others),
        cmocka_unit_test(below_stays_below_and_reaches_every_number),
        cmocka_unit_test(below_draws_again_where_the_range_does_not_divide_evenly),
        cmocka_unit_test(the_kernels_bytes_differ_each_time_and_fill_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
