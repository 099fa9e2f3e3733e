
#include "tests/sim/sim_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/conf/job.h"
#include "tests/sim/sim_check.h"

#define START_US (1000 * (int64_t)SIM_SECOND)
#define WALL_US 1750000000000000 /* 2025-06-15 */
#define BUSY_US (8 * SIM_SECOND)  /* files land and faults strike for so long */
#define LATE_US (240 * SIM_SECOND) /* then everything has so long to come to its end */
#define DEPTH_MAX 2

typedef struct landing {
    int number;
    bool half; /* the writer has it open */
} landing;

static void draw_settings(sim_world *world);
static void schedule(sim_world *world);
static void run_until(sim_world *world, int64_t until_us);
static bool run_next(sim_world *world, int64_t until_us);
static bool finished(const sim_world *world);
static void tidy_up(sim_world *world);
static void keep_up(sim_world *world, void *who, void *what);
static void land(sim_world *world, void *who, void *what);
static void change(sim_world *world, void *who, void *what);
static void foreign_commit(sim_world *world, void *who, void *what);
static void foreign_table(sim_world *world, void *who, void *what);
static void jump_clock(sim_world *world, void *who, void *what);
static void arm(sim_world *world, void *who, void *what);
static void disarm(sim_world *world, void *who, void *what);
static void back_up(sim_world *world, void *who, void *what);
static void tell_story(sim_world *world, void *who, void *what);
static bool disk_step(void *ctx, cs_store *store, const char *what);
static bool kv_step(void *ctx, cs_kv *kv, const char *what);
static bool strike(sim_process *process, bool is_worker, const char *what);
static void lose_power(sim_world *world);
static void end_zombie(sim_world *world, void *who, void *what);
static void use_db(sim_world *world, cs_kv_db *db);

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
    printf("%10.4f  %-6s ", (double)(world->now_us - START_US) / SIM_SECOND, who);
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

static void run_until(sim_world *world, int64_t until_us)
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

static void send_once(sim_world *world, sim_event_fn deliver, void *to, void *from, uint64_t connection, cs_str bytes)
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

void sim_send(sim_world *world, sim_event_fn deliver, void *to, void *from, uint64_t connection, cs_str bytes)
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
    world->now_us = START_US;
    draw_settings(world);
    world->disk = cs_mem_disk_new(&world->clock);
    cs_mem_disk_put_kind(world->disk, CS_STR("in"), CS_FILE_FOLDER);
    cs_mem_disk_allow_leases(world->disk, world->settings.leases);
    cs_mem_disk_on_step(world->disk, disk_step, world);
    use_db(world, cs_kv_db_new());
    world->check = sim_check_new(world);
    world->calm_us = START_US + BUSY_US;
    schedule(world);
    while (!world->failed && !finished(world)) {
        if (world->now_us > world->calm_us + LATE_US)
            sim_fail(world, "not all rows are in the table %d s after the last fault", LATE_US / SIM_SECOND);
        run_until(world, world->now_us + 100 * SIM_MS);
    }
    /* What is still on its way must not change anything any more. */
    run_until(world, world->now_us + 5 * SIM_SECOND);
    if (!world->failed)
        tidy_up(world);
    return !world->failed;
}

static bool finished(const sim_world *world)
{
    if (world->now_us < world->calm_us || world->now_us < world->last_thaw_us)
        return false;
    return world->refused || (world->n_landed == (uint64_t)world->settings.n_files && sim_check_complete(world->check));
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
    keep_up(world, NULL, world); /* at once */
    sim_coordinator *last = world->current;
    while (!world->failed && sim_coordinator_is_alive(last) && !sim_coordinator_is_idle(last) &&
           world->now_us < until_us)
        run_until(world, world->now_us + 100 * SIM_MS);
    sim_check_end(world->check, true);
}

void sim_done(sim_world *world)
{
    for (int i = 0; i < world->n_coordinators; i++)
        sim_coordinator_kill(world->coordinators[i]);
    for (int i = 0; i < world->n_workers; i++)
        sim_worker_kill(world->workers[i]);
    /* Let every event give back what it holds. */
    while (world->n_events > 0) {
        sim_event event = pop(world);
        if (event.run == keep_up || event.run == disarm || event.run == arm || event.what == NULL)
            continue;
        if (event.run == land)
            free(event.what);
        else
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
    s->trigger = sim_chance(world, 0.55) ? CS_TRIGGER_DEFAULT : (int)sim_draw(world, 0, CS_TRIGGER_ONCE);
    s->files_max = (int)sim_draw(world, 0, 3);
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
    sim_trace(world, "sim",
              "seed %" PRIu64 ": story %d, %d files, %d workers, %d faults, trigger %d, maxFilesPerTrigger %d, drop %g, "
              "twice %g, slow %g, leases %d, replan %d, foreign %d, changes %d, jumps %d",
              world->seed, s->story, s->n_files, s->n_workers, s->n_faults, s->trigger, s->files_max, s->drop, s->twice,
              s->slow, s->leases, s->replan, s->foreign, s->changes, s->clock_jumps);
}

static void schedule(sim_world *world)
{
    const sim_settings *s = &world->settings;
    for (int i = 0; i < s->n_files; i++) {
        landing *file = cs_xcalloc(1, sizeof *file);
        file->number = i;
        sim_at(world, sim_draw(world, 0, BUSY_US - SIM_SECOND), land, NULL, file);
    }
    for (int i = 0; i < s->n_faults; i++)
        sim_at(world, sim_draw(world, 0, BUSY_US - 2 * SIM_SECOND), arm, NULL, NULL);
    for (int i = 0; s->changes && i < 2; i++)
        sim_at(world, sim_draw(world, SIM_SECOND, BUSY_US), change, NULL, NULL);
    for (int i = 0; s->foreign && i < 4; i++)
        sim_at(world, sim_draw(world, 0, BUSY_US), foreign_commit, NULL, NULL);
    if (s->foreign && sim_chance(world, 0.5))
        sim_at(world, sim_draw(world, 0, 2 * SIM_SECOND), foreign_table, NULL, NULL);
    for (int i = 0; s->clock_jumps && i < 3; i++)
        sim_at(world, sim_draw(world, 0, BUSY_US), jump_clock, NULL, NULL);
    int64_t back_up_us = sim_draw(world, 0, BUSY_US / 2);
    if (s->story == SIM_OLD_CHECKPOINT)
        sim_at(world, back_up_us, back_up, NULL, NULL);
    if (s->story != SIM_PLAIN)
        sim_at(world, sim_draw(world, back_up_us, BUSY_US), tell_story, NULL, NULL);
    sim_at(world, 0, keep_up, NULL, NULL);
}

/* --- what the outside does --- */

/* Who is gone comes back after a while: a supervisor, or a person. */
static void keep_up(sim_world *world, void *who, void *what)
{
    bool at_once = what != NULL || world->now_us == START_US;
    if (!sim_coordinator_is_alive(world->current) && !world->refused && (at_once || sim_chance(world, 0.2))) {
        bool replan = world->settings.replan && sim_chance(world, 0.3);
        world->current = NULL; /* who starts now is it */
        world->current = sim_coordinator_start(world, world->db, replan);
    }
    bool there[SIM_WORKERS_MAX] = { false };
    for (int i = 0; i < world->n_workers; i++) {
        if (sim_worker_is_alive(world->workers[i]))
            there[sim_worker_slot(world->workers[i])] = true;
    }
    for (int slot = 0; slot < world->settings.n_workers; slot++) {
        if (!there[slot] && (at_once || sim_chance(world, 0.2)))
            sim_worker_start(world, slot);
    }
    if (what == NULL)
        sim_at(world, 100 * SIM_MS, keep_up, who, NULL);
}

static void hint_all(sim_world *world, const char *name, bool closed)
{
    for (int i = 0; i < world->n_coordinators; i++) {
        sim_coordinator *c = world->coordinators[i];
        if (sim_coordinator_is_alive(c) && sim_chance(world, world->settings.hint))
            sim_coordinator_hint(c, name, closed);
    }
}

static int row_of_file(int number)
{
    return 100 * number;
}

static void put_file(sim_world *world, const char *name, int first, int n, bool whole)
{
    char path[80];
    int path_len = snprintf(path, sizeof path, "in/%s", name);
    cs_buf text = CS_BUF_INIT;
    for (int i = 0; i < n; i++)
        cs_buf_printf(&text, "%d,row %d\n", first + i, i);
    if (!whole)
        text.len = text.len / 2 + 1;
    int64_t mtime_ns = wall_us(&world->clock) * 1000;
    cs_mem_disk_put(world->disk, (cs_str){ path, (size_t)path_len }, cs_buf_str(&text), mtime_ns);
    cs_content_version version = { text.len, mtime_ns };
    cs_buf_done(&text);
    if (!whole)
        return;
    sim_trace(world, "in", "%s has rows %d to %d", name, first, first + n - 1);
    sim_check_landed(world->check, cs_str_of(name), version, first, n, true);
}

/* A file lands: at once, or by a writer that takes its time. */
static void land(sim_world *world, void *who, void *what)
{
    landing *file = what;
    int n = 1 + file->number % 5;
    char name[64], text[80];
    snprintf(name, sizeof name, "f%d.csv", file->number);
    cs_str path = { text, (size_t)snprintf(text, sizeof text, "in/%s", name) };
    if (!file->half && sim_chance(world, 0.3)) {
        put_file(world, name, row_of_file(file->number), n, false);
        cs_mem_disk_hold(world->disk, path, 1);
        hint_all(world, name, false);
        file->half = true;
        world->half_written[file->number] = true;
        sim_at(world, sim_draw(world, 10 * SIM_MS, 700 * SIM_MS), land, who, file);
        return;
    }
    put_file(world, name, row_of_file(file->number), n, true);
    if (file->half)
        cs_mem_disk_hold(world->disk, path, -1);
    world->half_written[file->number] = false;
    world->n_landed++;
    hint_all(world, name, true);
    free(file);
}

/* Somebody appends to a file that landed before, or writes it anew with other rows. */
static void change(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    int i = (int)sim_draw(world, 0, world->settings.n_files - 1), n = 1 + i % 5;
    char name[64], path[80];
    snprintf(name, sizeof name, "f%d.csv", i);
    int path_len = snprintf(path, sizeof path, "in/%s", name);
    if (sim_check_rows_of(world->check, cs_str_of(name)) != n)
        return; /* not there yet, or changed before */
    bool beside = sim_chance(world, 0.5);
    int first = row_of_file(i) + 50, n_new = beside ? 2 : n + 1;
    cs_buf text = CS_BUF_INIT;
    for (int row = 0; beside && row < n; row++)
        cs_buf_printf(&text, "%d,row %d\n", row_of_file(i) + row, row);
    for (int row = 0; row < n_new; row++)
        cs_buf_printf(&text, "%d,row %d\n", first + row, row);
    int64_t mtime_ns = wall_us(&world->clock) * 1000;
    cs_mem_disk_put(world->disk, (cs_str){ path, (size_t)path_len }, cs_buf_str(&text), mtime_ns);
    sim_trace(world, "in", "%s %s rows %d to %d", name, beside ? "grows by" : "now has", first, first + n_new - 1);
    sim_check_landed(world->check, cs_str_of(name), (cs_content_version){ text.len, mtime_ns }, first, n_new, beside);
    cs_buf_done(&text);
    hint_all(world, name, true);
}

static void put_version(sim_world *world, int64_t version, const char *text)
{
    char name[64];
    int len = snprintf(name, sizeof name, "table/_delta_log/%020" PRId64 ".json", version);
    cs_mem_disk_put(world->disk, (cs_str){ name, (size_t)len }, cs_str_of(text), wall_us(&world->clock) * 1000);
    sim_trace(world, "alien", "commits version %" PRId64, version);
}

static void foreign_commit(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    sim_check_look(world->check);
    int64_t newest = sim_check_version(world->check);
    if (newest >= 0 && !world->failed)
        put_version(world, newest + 1,
                    "{\"commitInfo\":{\"timestamp\":1750000000000,\"operation\":\"WRITE\",\"isBlindAppend\":true}}\n");
}

/* Another writer makes the table before we do. */
static void foreign_table(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    sim_check_look(world->check);
    if (sim_check_version(world->check) >= 0 || world->failed)
        return;
    put_version(world, 0,
                "{\"commitInfo\":{\"timestamp\":1750000000000,\"operation\":\"CREATE TABLE\"}}\n"
                "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
                "{\"metaData\":{\"id\":\"11111111-2222-4333-8444-555555555555\",\"format\":{\"provider\":\"parquet\","
                "\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\","
                "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"name\\\",\\\"type\\\":"
                "\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],"
                "\"configuration\":{},\"createdTime\":1750000000000}}\n");
}

static void jump_clock(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    /* Apart by more than a run lasts, so that no two contents of a file get one mtime. */
    int64_t year_us = (int64_t)365 * 24 * 3600 * SIM_SECOND;
    world->wall_jump_us = sim_draw(world, -1, 1) * year_us + sim_draw(world, 0, 1) * 3600 * SIM_SECOND;
    sim_trace(world, "clock", "jumps");
}

/* --- stories --- */

static void use_db(sim_world *world, cs_kv_db *db)
{
    if (world->db != NULL)
        world->old_dbs[world->n_old_dbs++] = world->db;
    world->db = db;
    cs_kv_db_on_step(db, kv_step, world);
}

static void back_up(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    sim_trace(world, "story", "the checkpoint is copied");
    world->backup = cs_kv_db_copy(world->db);
}

static void tell_story(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    world->story_told = true;
    switch (world->settings.story) {
    case SIM_OLD_CHECKPOINT:
        sim_trace(world, "story", "the older checkpoint is put back");
        if (world->current != NULL)
            sim_coordinator_kill(world->current);
        use_db(world, world->backup);
        world->backup = NULL;
        break;
    case SIM_COPIED_CHECKPOINT:
        sim_trace(world, "story", "a copy of the checkpoint is run too");
        use_db(world, cs_kv_db_copy(world->db));
        world->current = NULL;
        world->current = sim_coordinator_start(world, world->db, false);
        break;
    case SIM_LOST_CHECKPOINT:
        sim_trace(world, "story", "the checkpoint is gone");
        if (world->current != NULL)
            sim_coordinator_kill(world->current);
        use_db(world, cs_kv_db_new());
        break;
    default:
        sim_trace(world, "story", "the table's log is removed");
        cs_mem_disk_remove(world->disk, CS_STR("table/_delta_log"));
        sim_check_forget_versions(world->check);
        break;
    }
}

/* --- faults --- */

static void arm(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    if (world->armed)
        return;
    sim_fault fault = (sim_fault)sim_draw(world, 0, SIM_FAULT_KINDS - 1);
    if (fault == SIM_KV_FAILS) {
        cs_kv_db_fail(world->db, (uint64_t)sim_draw(world, 1, 12), sim_chance(world, 0.7) ? CS_E_DISK_FULL : CS_E_IO);
        return;
    }
    if (fault == SIM_TABLE_FAILS) {
        if (sim_chance(world, 0.3))
            world->task_fails = true;
        else if (world->current != NULL)
            sim_coordinator_fail_table(world->current);
        return;
    }
    if (fault == SIM_STOP_WORKER || fault == SIM_STOP_COORDINATOR) {
        sim_process *process = world->current != NULL ? sim_coordinator_process(world->current) : NULL;
        if (fault == SIM_STOP_WORKER && world->n_workers > 0)
            process = sim_worker_process(world->workers[sim_draw(world, 0, world->n_workers - 1)]);
        if (process == NULL)
            return;
        process->stopped_until_us = world->now_us + sim_draw(world, 100 * SIM_MS, 6 * SIM_SECOND);
        sim_trace(world, process->name, "is stopped");
        return;
    }
    world->armed = true;
    world->fault = fault;
    world->armed_steps = (int)sim_draw(world, 0, sim_chance(world, 0.5) ? 5 : 40);
    sim_at(world, 1500 * SIM_MS, disarm, NULL, NULL);
}

cs_store_fault_rule sim_draw_failure(sim_world *world)
{
    sim_trace(world, "table", "is to fail");
    return (cs_store_fault_rule){ .op = CS_STORE_OP_ANY,
                                  .nth = (uint64_t)sim_draw(world, 1, 12),
                                  .after = sim_chance(world, 0.5),
                                  .sys_errno = sim_chance(world, 0.7) ? ENOSPC : EIO };
}

/* No door was passed: then it strikes between two events. */
static void disarm(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    if (!world->armed)
        return;
    world->armed = false;
    if (world->fault == SIM_POWER_LOSS) {
        lose_power(world);
    } else if (world->fault == SIM_KILL_COORDINATOR && world->current != NULL) {
        sim_coordinator_kill(world->current);
    } else if (world->fault == SIM_KILL_WORKER && world->n_workers > 0) {
        sim_worker_kill(world->workers[sim_draw(world, 0, world->n_workers - 1)]);
    }
}

static void lose_power(sim_world *world)
{
    sim_trace(world, "power", "fails");
    for (int i = 0; i < world->n_coordinators; i++)
        sim_coordinator_kill(world->coordinators[i]);
    for (int i = 0; i < world->n_workers; i++)
        sim_worker_kill(world->workers[i]);
    sim_check_look(world->check);
    cs_mem_disk_crash(world->disk, &world->chance.rng);
    /* Whoever writes into the folder is another machine: its files stay open. */
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        char path[80];
        if (world->half_written[i])
            cs_mem_disk_hold(world->disk, (cs_str){ path, (size_t)snprintf(path, sizeof path, "in/f%d.csv", i) }, 1);
    }
    sim_check_look_anew(world->check);
}

/* It keeps its workers as long as it lives, and has no reason to write: somebody ends it. */
static void end_zombie(sim_world *world, void *who, void *what)
{
    (void)what;
    if (who != world->current)
        sim_coordinator_kill(who);
}

static bool disk_step(void *ctx, cs_store *store, const char *what)
{
    sim_world *world = ctx;
    for (int i = 0; i < world->n_coordinators; i++) {
        if (sim_coordinator_has_store(world->coordinators[i], store))
            return sim_step(sim_coordinator_process(world->coordinators[i]), false, true, what);
    }
    for (int i = 0; i < world->n_workers; i++) {
        if (sim_worker_has_store(world->workers[i], store))
            return sim_step(sim_worker_process(world->workers[i]), true, true, what);
    }
    return true; /* the outside looks */
}

static bool kv_step(void *ctx, cs_kv *kv, const char *what)
{
    sim_coordinator *c = sim_coordinator_of_kv(ctx, kv);
    if (c == NULL)
        return true; /* it is being closed */
    if (strcmp(what, "committed") == 0)
        sim_coordinator_stored(c);
    /* In a transaction it stands alone: another handle may not begin one meanwhile. */
    return sim_step(sim_coordinator_process(c), false, strcmp(what, "begin") == 0, what);
}

bool sim_step(sim_process *process, bool is_worker, bool may_freeze, const char *what)
{
    sim_world *world = process->world;
    world->n_steps++;
    if (process->dead)
        return false;
    if (!world->armed || world->failed)
        return true;
    bool of_worker = world->fault == SIM_KILL_WORKER || world->fault == SIM_FREEZE_COMPUTE;
    if (of_worker != is_worker && world->fault != SIM_POWER_LOSS)
        return true;
    bool freezes = world->fault == SIM_FREEZE_IO || world->fault == SIM_FREEZE_COMPUTE || world->fault == SIM_ZOMBIE;
    if (freezes && (!may_freeze || world->depth == DEPTH_MAX))
        return true;
    if (world->armed_steps-- > 0)
        return true;
    return strike(process, is_worker, what);
}

static bool strike(sim_process *process, bool is_worker, const char *what)
{
    sim_world *world = process->world;
    world->armed = false;
    sim_trace(world, process->name, "fault %d at %s", world->fault, what);
    if (world->fault == SIM_POWER_LOSS) {
        lose_power(world);
        return false;
    }
    if (world->fault == SIM_KILL_COORDINATOR || world->fault == SIM_KILL_WORKER) {
        if (is_worker)
            sim_worker_kill((sim_worker *)(void *)process);
        else
            sim_coordinator_kill((sim_coordinator *)(void *)process);
        return false;
    }
    if (world->fault == SIM_ZOMBIE && (void *)process == (void *)world->current) {
        world->two_at_once = true;
        world->current = NULL;
        world->current = sim_coordinator_start(world, world->db, false);
    }
    int64_t until_us = world->now_us + sim_draw(world, SIM_MS, sim_chance(world, 0.5) ? 100 * SIM_MS : 6 * SIM_SECOND);
    if (until_us > world->last_thaw_us)
        world->last_thaw_us = until_us;
    /* What changes while it is being read must be noticed. */
    for (int i = 0; world->settings.changes && is_worker && i < 3; i++)
        sim_at(world, 0, change, NULL, NULL);
    process->frozen = true;
    world->depth++;
    run_until(world, until_us);
    world->depth--;
    process->frozen = false;
    if (!is_worker && (void *)process != (void *)world->current)
        sim_at(world, sim_draw(world, 0, 3 * SIM_SECOND), end_zombie, process, NULL);
    sim_trace(world, process->name, "goes on with %s", what);
    return !process->dead;
}
