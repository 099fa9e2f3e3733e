/* sim --seeds A..B [--trace]: runs each seed, stops at the first that breaks an invariant (exit 1).
 * The same seed gives the same run: `sim --seeds N..N --trace` shows it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/log.h"
#include "tests/sim/sim_check.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool read_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    const char *dots = strstr(text, "..");
    return dots != NULL && cs_str_to_u64((cs_str){ text, (size_t)(dots - text) }, first) &&
           cs_str_to_u64(cs_str_of(dots + 2), last) && *first <= *last;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, last = 20000;
    bool trace = false, bad = false;
    for (int i = 1; i < argc && !bad; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            trace = true;
        else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            bad = !read_seeds(argv[++i], &first, &last);
        else
            bad = true;
    }
    if (bad) {
        fprintf(stderr, "usage: sim [--seeds FIRST..LAST] [--trace]\n");
        return 2;
    }
    cs_log_setup("sim", CS_LOG_ERROR, false);
    double started = seconds();
    uint64_t n_steps = 0, n_versions = 0, n_starts = 0;
    static sim_world world;
    for (uint64_t seed = first; seed <= last; seed++) {
        bool ok = sim_run(&world, seed, trace);
        n_steps += world.n_steps;
        n_starts += (uint64_t)world.n_coordinators;
        n_versions += (uint64_t)(sim_check_version(world.check) + 1);
        if (!ok) {
            printf("failed seed %" PRIu64 ": %s\n", seed, world.why);
            printf("%" PRIu64 " passed, 1 failed\n", seed - first);
            return 1;
        }
        sim_done(&world);
    }
    double took = seconds() - started;
    uint64_t n = last - first + 1;
    printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " steps at doors, %" PRIu64
           " starts, %" PRIu64 " versions, %.1f s, %.0f seeds/s\n",
           first, last, n_steps, n_starts, n_versions, took, (double)n / took);
    printf("%" PRIu64 " passed, 0 failed\n", n);
    return 0;
}
