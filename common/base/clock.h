/* The door to time and chance: everything that waits, stamps or draws a random number is handed one of
 * these, so that the simulator can hand it another. */
#ifndef CS_COMMON_BASE_CLOCK_H
#define CS_COMMON_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef struct cs_clock cs_clock;
struct cs_clock {
    int64_t (*mono_ms)(cs_clock *clock); /* for leases and timeouts: never steps back */
    int64_t (*wall_us)(cs_clock *clock); /* since 1970 UTC: for stamps only, may jump */
};
static inline int64_t cs_clock_mono_ms(cs_clock *clock)
{
    return clock->mono_ms(clock);
}
static inline int64_t cs_clock_wall_us(cs_clock *clock)
{
    return clock->wall_us(clock);
}
/* The real one. */
cs_clock *cs_clock_system(void);

typedef struct cs_rng cs_rng;
struct cs_rng {
    void (*fill)(cs_rng *rng, void *bytes, size_t len);
};
static inline void cs_rng_fill(cs_rng *rng, void *bytes, size_t len)
{
    rng->fill(rng, bytes, len);
}
/* The kernel's. Ends the process if the kernel has none. */
cs_rng *cs_rng_system(void);

/* xoshiro256**: for tests and the simulator; equal seeds give equal streams. */
typedef struct cs_rng_seeded {
    cs_rng rng;
    uint64_t state[4];
} cs_rng_seeded;
void cs_rng_seeded_init(cs_rng_seeded *rng, uint64_t seed);
uint64_t cs_rng_u64(cs_rng *rng);
/* Uniform in [0, below). */
uint64_t cs_rng_below(cs_rng *rng, uint64_t below);

#endif
