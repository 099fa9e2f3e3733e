/* The loop: one heap of events, one clock, one source of chance; and the network, which is events
 * too. */
#include "tests/sim/sim_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/conf/job.h"
#include "tests/sim/sim_check.h"

#define WALL_US 1750000000000000 /* 2025-06-15 */
#define LATE_US (240 * SIM_SECOND) /* so long after the last fault everything is over */

static void draw_settings(sim_world *world);
static bool run_next(sim_world *world, int64_t until_us);
static bool finished(const sim_world *world);
static void tidy_up(sim_world *world);

/* --- time and chance --- */

static sim_world *world_of(cs_clock *clock)
{
    return (sim_world *)(void *)((char *)clock - offsetof(sim_world, clock));
}

static int64_t mono_ms(cs_clock *clock)
{
    return world_of(clock)->now_us / SIM_MS;
}

static int64_t wall_us(cs_clock *clock)
{
    return WALL_US + world_of(clock)->now_us + world_of(clock)->wall_jump_us;
}

int64_t sim_draw(sim_world *world, int64_t from, int64_t to)
{
    return from + (int64_t)cs_rng_below(&world->chance.rng, (uint64_t)(to - from + 1));
}

bool sim_chance(sim_world *world, double probability)
{
    return (double)sim_draw(world, 0, 999999) < probability * 1e6;
}

void sim_trace(sim_world *world, const char *who, const char *format, ...)
{
    if (!world->trace)
        return;
    printf("%10.4f  %-6s ", (double)(world->now_us - SIM_START_US) / SIM_SECOND, who);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* The first thing that broke counts. */
void sim_fail(sim_world *world, const char *format, ...)
{
    if (world->failed)
        return;
    world->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(world->why, sizeof world->why, format, args);
    va_end(args);
    sim_trace(world, "FAIL", "%s", world->why);
}

static bool before(const sim_event *a, const sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

void sim_at(sim_world *world, int64_t delay_us, sim_event_fn run, void *who, void *what)
{
    if (world->n_events == world->events_cap) {
        world->events_cap = world->events_cap == 0 ? 256 : 2 * world->events_cap;
        world->events = cs_xrealloc(world->events, world->events_cap * sizeof *world->events);
    }
    sim_event event = { world->now_us + delay_us, ++world->last_seq, run, who, what };
    size_t at = world->n_events++;
    while (at > 0 && before(&event, &world->events[(at - 1) / 2])) {
        world->events[at] = world->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->events[at] = event;
}

static sim_event pop(sim_world *world)
{
    sim_event first = world->events[0], last = world->events[--world->n_events];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->n_events)
            break;
        if (child + 1 < world->n_events && before(&world->events[child + 1], &world->events[child]))
            child++;
        if (!before(&world->events[child], &last))
            break;
        world->events[at] = world->events[child];
        at = child;
    }
    world->events[at] = last;
    return first;
}

static bool run_next(sim_world *world, int64_t until_us)
{
    if (world->failed || world->n_events == 0 || world->events[0].at_us > until_us)
        return false;
    sim_event event = pop(world);
    world->n_events_now++;
    if (event.at_us > world->now_us) {
        world->now_us = event.at_us;
        world->n_events_now = 0;
    }
    event.run(world, event.who, event.what);
    if (!world->failed)
        sim_check_look(world->check);
    if (world->n_events_now > 100000)
        sim_fail(world, "time stands still");
    return true;
}

void sim_run_until(sim_world *world, int64_t until_us)
{
    while (run_next(world, until_us))
        ;
    if (until_us > world->now_us)
        world->now_us = until_us;
}

bool sim_put_off(sim_process *process, sim_event_fn run, void *who, void *what)
{
    int64_t left_us = process->stopped_until_us - process->world->now_us;
    if (left_us <= 0 || process->dead)
        return false;
    sim_at(process->world, left_us, run, who, what);
    return true;
}

/* --- the network --- */

static void send_once(sim_world *world, sim_event_fn deliver, void *to, void *from,
                      uint64_t connection, cs_str bytes)
{
    sim_bytes *copy = cs_xcalloc(1, sizeof *copy + bytes.len);
    copy->len = bytes.len;
    copy->from = from;
    copy->connection = connection;
    memcpy(copy->bytes, bytes.ptr, bytes.len);
    int64_t delay_us = sim_draw(world, 20, 300);
    if (sim_chance(world, world->settings.slow))
        delay_us = sim_draw(world, SIM_MS, 3 * SIM_SECOND);
    sim_at(world, delay_us, deliver, to, copy);
}

void sim_send(sim_world *world, sim_event_fn deliver, void *to, void *from, uint64_t connection,
              cs_str bytes)
{
    bool calm = world->now_us >= world->calm_us;
    if (!calm && sim_chance(world, world->settings.drop))
        return;
    send_once(world, deliver, to, from, connection, bytes);
    if (!calm && sim_chance(world, world->settings.twice))
        send_once(world, deliver, to, from, connection, bytes);
}

/* --- one run --- */

bool sim_run(sim_world *world, uint64_t seed, bool trace)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->trace = trace;
    cs_rng_seeded_init(&world->chance, seed);
    cs_rng_seeded_init(&world->ids, ~seed);
    world->clock = (cs_clock){ mono_ms, wall_us };
    world->now_us = SIM_START_US;
    draw_settings(world);
    world->disk = cs_mem_disk_new(&world->clock);
    cs_mem_disk_put_kind(world->disk, CS_STR("in"), CS_FILE_FOLDER);
    cs_mem_disk_allow_leases(world->disk, world->settings.leases);
    world->check = sim_check_new(world);
    world->calm_us = SIM_START_US + SIM_BUSY_US;
    sim_faults_begin(world);
    sim_use_db(world, cs_kv_db_new());
    sim_outside_begin(world);
    while (!world->failed && !finished(world)) {
        if (world->now_us > world->calm_us + LATE_US)
            sim_fail(world, "not all rows are in the table %d s after the last fault",
                     LATE_US / SIM_SECOND);
        sim_run_until(world, world->now_us + 100 * SIM_MS);
    }
    /* What is still on its way must not change anything any more. */
    sim_run_until(world, world->now_us + 5 * SIM_SECOND);
    if (!world->failed)
        tidy_up(world);
    return !world->failed;
}

static bool finished(const sim_world *world)
{
    if (world->now_us < world->calm_us || world->now_us < world->last_thaw_us)
        return false;
    return world->refused || (world->n_landed == (uint64_t)world->settings.n_files &&
                              sim_check_complete(world->check));
}

/* A last start, alone: what it finds left over, it removes. */
static void tidy_up(sim_world *world)
{
    if (world->refused || world->story_told) {
        sim_check_end(world->check, false);
        return;
    }
    for (int i = 0; i < world->n_coordinators; i++)
        sim_coordinator_kill(world->coordinators[i]);
    for (int i = 0; i < world->n_workers; i++)
        sim_worker_kill(world->workers[i]);
    world->current = NULL;
    cs_kv_db_fail(world->db, 0, CS_OK);
    int64_t until_us = world->now_us + 30 * SIM_SECOND;
    sim_start_all(world);
    sim_coordinator *last = world->current;
    while (!world->failed && sim_coordinator_is_alive(last) && !sim_coordinator_is_idle(last) &&
           world->now_us < until_us)
        sim_run_until(world, world->now_us + 100 * SIM_MS);
    sim_check_end(world->check, true);
}

void sim_done(sim_world *world)
{
    for (int i = 0; i < world->n_coordinators; i++)
        sim_coordinator_kill(world->coordinators[i]);
    for (int i = 0; i < world->n_workers; i++)
        sim_worker_kill(world->workers[i]);
    /* Let every event give back what it holds. */
    world->over = true;
    while (world->n_events > 0) {
        sim_event event = pop(world);
        if (event.what != NULL)
            event.run(world, event.who, event.what);
    }
    for (int i = 0; i < world->n_coordinators; i++)
        sim_coordinator_done(world->coordinators[i]);
    for (int i = 0; i < world->n_workers; i++)
        sim_worker_done(world->workers[i]);
    sim_check_free(world->check);
    cs_mem_disk_free(world->disk);
    cs_kv_db_free(world->db);
    for (int i = 0; i < world->n_old_dbs; i++)
        cs_kv_db_free(world->old_dbs[i]);
    cs_kv_db_free(world->backup);
    free(world->events);
}

static void draw_settings(sim_world *world)
{
    sim_settings *s = &world->settings;
    static const double losses[] = { 0, 0, 0.02, 0.2 };
    int64_t story = sim_draw(world, 0, 99);
    s->story = story < 88 ? SIM_PLAIN : (sim_story)(1 + (story - 88) / 3);
    s->n_files = (int)sim_draw(world, 1, 10);
    s->n_workers = (int)sim_draw(world, 1, 3);
    s->n_faults = (int)sim_draw(world, 0, SIM_FAULTS_MAX);
    s->trigger =
        sim_chance(world, 0.55) ? CS_TRIGGER_DEFAULT : (int)sim_draw(world, 0, CS_TRIGGER_ONCE);
    s->files_max = (int)sim_draw(world, 0, 3);
    s->pad = sim_chance(world, 0.7) ? 0 : sim_chance(world, 0.85) ? 1500 : 4000;
    s->drop = losses[sim_draw(world, 0, 3)];
    s->twice = losses[sim_draw(world, 0, 3)];
    s->slow = losses[sim_draw(world, 0, 3)];
    s->hint = sim_chance(world, 0.5) ? 1.0 : 0.5;
    s->leases = sim_chance(world, 0.8);
    s->replan = sim_chance(world, 0.15);
    s->foreign = sim_chance(world, 0.1);
    s->changes = sim_chance(world, 0.1);
    /* Without leases the age of a file counts, and that is a matter of the wall clock. */
    s->clock_jumps = s->leases && sim_chance(world, 0.1);
    s->compression = sim_chance(world, 0.2) ? "snappy" : "uncompressed";
    sim_trace(
        world, "sim",
        "seed %" PRIu64
        ": story %d, %d files, %d workers, %d faults, trigger %d, maxFilesPerTrigger %d, pad %d, "
        "drop %g, "
        "twice %g, slow %g, leases %d, replan %d, foreign %d, changes %d, jumps %d",
        world->seed, s->story, s->n_files, s->n_workers, s->n_faults, s->trigger, s->files_max,
        s->pad, s->drop, s->twice, s->slow, s->leases, s->replan, s->foreign, s->changes,
        s->clock_jumps);
}
