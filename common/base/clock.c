#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t system_mono_ms(cs_clock *clock)
{
    (void)clock;
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(rc == 0);
    (void)rc;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_us(cs_clock *clock)
{
    (void)clock;
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    assert(rc == 0);
    (void)rc;
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void system_fill(cs_rng *rng, void *bytes, size_t len)
{
    (void)rng;
    char *at = bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "the kernel gives no random bytes: %s\n", strerror(errno));
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

cs_clock *cs_clock_system(void)
{
    static cs_clock clock = { system_mono_ms, system_wall_us };
    return &clock;
}

cs_rng *cs_rng_system(void)
{
    static cs_rng rng = { system_fill };
    return &rng;
}

static uint64_t rotate_left(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

/* xoshiro256** 1.0 by Blackman and Vigna. */
static uint64_t seeded_next(uint64_t state[4])
{
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

static void seeded_fill(cs_rng *rng, void *bytes, size_t len)
{
    cs_rng_seeded *seeded = (cs_rng_seeded *)rng; /* its first member */
    unsigned char *at = bytes;
    while (len > 0) {
        uint64_t word = seeded_next(seeded->state);
        size_t some = len < sizeof word ? len : sizeof word;
        for (size_t i = 0; i < some; i++)
            at[i] = (unsigned char)(word >> (8 * i));
        at += some;
        len -= some;
    }
}

void cs_rng_seeded_init(cs_rng_seeded *rng, uint64_t seed)
{
    rng->rng.fill = seeded_fill;
    /* SplitMix64, as the authors of xoshiro advise: it never fills the state with zeros only. */
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        rng->state[i] = mixed ^ (mixed >> 31);
    }
}

uint64_t cs_rng_u64(cs_rng *rng)
{
    unsigned char bytes[8];
    cs_rng_fill(rng, bytes, sizeof bytes);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint64_t cs_rng_below(cs_rng *rng, uint64_t below)
{
    assert(below > 0);
    /* The numbers under 2^64 mod below would make the low results likelier: draw again. */
    uint64_t uneven = (0 - below) % below;
    uint64_t drawn;
    do {
        drawn = cs_rng_u64(rng);
    } while (drawn < uneven);
    return drawn % below;
}
