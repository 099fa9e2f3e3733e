/* What is not ours: people and supervisors that start what is gone, files that land and change,
 * other writers of the table, and what happens to a checkpoint that nobody minds. */
#include "tests/sim/sim_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim_check.h"

typedef struct landing {
    int number;
    bool half; /* the writer has it open */
} landing;

static void keep_up(sim_world *world, void *who, void *what);
static void land(sim_world *world, void *who, void *what);
static void foreign_commit(sim_world *world, void *who, void *what);
static void foreign_table(sim_world *world, void *who, void *what);
static void jump_clock(sim_world *world, void *who, void *what);
static void back_up(sim_world *world, void *who, void *what);
static void tell_story(sim_world *world, void *who, void *what);

void sim_outside_begin(sim_world *world)
{
    const sim_settings *s = &world->settings;
    for (int i = 0; i < s->n_files; i++) {
        landing *file = cs_xcalloc(1, sizeof *file);
        file->number = i;
        sim_at(world, sim_draw(world, 0, SIM_BUSY_US - SIM_SECOND), land, NULL, file);
    }
    for (int i = 0; s->changes && i < 2; i++)
        sim_at(world, sim_draw(world, SIM_SECOND, SIM_BUSY_US), sim_change_file, NULL, NULL);
    for (int i = 0; s->foreign && i < 4; i++)
        sim_at(world, sim_draw(world, 0, SIM_BUSY_US), foreign_commit, NULL, NULL);
    if (s->foreign && sim_chance(world, 0.5))
        sim_at(world, sim_draw(world, 0, 2 * SIM_SECOND), foreign_table, NULL, NULL);
    for (int i = 0; s->clock_jumps && i < 3; i++)
        sim_at(world, sim_draw(world, 0, SIM_BUSY_US), jump_clock, NULL, NULL);
    int64_t back_up_us = sim_draw(world, 0, SIM_BUSY_US / 2);
    if (s->story == SIM_OLD_CHECKPOINT)
        sim_at(world, back_up_us, back_up, NULL, NULL);
    if (s->story != SIM_PLAIN)
        sim_at(world, sim_draw(world, back_up_us, SIM_BUSY_US), tell_story, NULL, NULL);
    sim_start_all(world);
    sim_at(world, 100 * SIM_MS, keep_up, NULL, NULL);
}

/* Who is gone comes back after a while: a supervisor, or a person. */
static void start_missing(sim_world *world, bool at_once)
{
    if (!sim_coordinator_is_alive(world->current) && !world->refused &&
        (at_once || sim_chance(world, 0.2))) {
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
}

static void keep_up(sim_world *world, void *who, void *what)
{
    start_missing(world, false);
    sim_at(world, 100 * SIM_MS, keep_up, who, what);
}

void sim_start_all(sim_world *world)
{
    start_missing(world, true);
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

static int rows_of_file(const sim_world *world, int number)
{
    return 1 + number % 5 + (world->settings.pad > 2000 ? 30 : 0);
}

static void add_rows(const sim_world *world, cs_buf *text, int first, int n)
{
    for (int i = 0; i < n; i++) {
        cs_buf_printf(text, "%d,row %d", first + i, i);
        for (int j = 0; j < world->settings.pad; j++)
            cs_buf_add_char(text, (char)('a' + (first + i + j) % 26));
        cs_buf_add_char(text, '\n');
    }
}

static void put_file(sim_world *world, const char *name, int first, int n, bool whole)
{
    char path[80];
    int path_len = snprintf(path, sizeof path, "in/%s", name);
    cs_buf text = CS_BUF_INIT;
    add_rows(world, &text, first, n);
    if (!whole)
        text.len = text.len / 2 + 1;
    int64_t mtime_ns = cs_clock_wall_us(&world->clock) * 1000;
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
    if (world->over) {
        free(file);
        return;
    }
    int n = rows_of_file(world, file->number);
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
void sim_change_file(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    int i = (int)sim_draw(world, 0, world->settings.n_files - 1), n = rows_of_file(world, i);
    char name[64], path[80];
    snprintf(name, sizeof name, "f%d.csv", i);
    int path_len = snprintf(path, sizeof path, "in/%s", name);
    if (sim_check_rows_of(world->check, cs_str_of(name)) != n)
        return; /* not there yet, or changed before */
    bool beside = sim_chance(world, 0.5);
    int first = row_of_file(i) + 50, n_new = beside ? 2 : n + 1;
    cs_buf text = CS_BUF_INIT;
    if (beside)
        add_rows(world, &text, row_of_file(i), n);
    add_rows(world, &text, first, n_new);
    int64_t mtime_ns = cs_clock_wall_us(&world->clock) * 1000;
    cs_mem_disk_put(world->disk, (cs_str){ path, (size_t)path_len }, cs_buf_str(&text), mtime_ns);
    sim_trace(world, "in", "%s %s rows %d to %d", name, beside ? "grows by" : "now has", first,
              first + n_new - 1);
    sim_check_landed(world->check, cs_str_of(name), (cs_content_version){ text.len, mtime_ns },
                     first, n_new, beside);
    cs_buf_done(&text);
    hint_all(world, name, true);
}

static void put_version(sim_world *world, int64_t version, const char *text)
{
    char name[64];
    int len = snprintf(name, sizeof name, "table/_delta_log/%020" PRId64 ".json", version);
    cs_mem_disk_put(world->disk, (cs_str){ name, (size_t)len }, cs_str_of(text),
                    cs_clock_wall_us(&world->clock) * 1000);
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
                    "{\"commitInfo\":{\"timestamp\":1750000000000,\"operation\":\"WRITE\","
                    "\"isBlindAppend\":true}}\n");
}

/* Another writer makes the table before we do. */
static void foreign_table(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    sim_check_look(world->check);
    if (sim_check_version(world->check) >= 0 || world->failed)
        return;
    put_version(
        world, 0,
        "{\"commitInfo\":{\"timestamp\":1750000000000,\"operation\":\"CREATE TABLE\"}}\n"
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
        "{\"metaData\":{\"id\":\"11111111-2222-4333-8444-555555555555\",\"format\":{\"provider\":"
        "\"parquet\","
        "\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{"
        "\\\"name\\\":\\\"id\\\","
        "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":"
        "\\\"name\\\",\\\"type\\\":"
        "\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],"
        "\"configuration\":{},\"createdTime\":1750000000000}}\n");
}

static void jump_clock(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    /* Apart by more than a run lasts, so that no two contents of a file get one mtime. */
    int64_t year_us = (int64_t)365 * 24 * 3600 * SIM_SECOND;
    world->wall_jump_us =
        sim_draw(world, -1, 1) * year_us + sim_draw(world, 0, 1) * 3600 * SIM_SECOND;
    sim_trace(world, "clock", "jumps");
}

/* --- stories --- */

void sim_use_db(sim_world *world, cs_kv_db *db)
{
    if (world->db != NULL)
        world->old_dbs[world->n_old_dbs++] = world->db;
    world->db = db;
    sim_faults_watch(world, db);
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
        sim_use_db(world, world->backup);
        world->backup = NULL;
        break;
    case SIM_COPIED_CHECKPOINT:
        sim_trace(world, "story", "a copy of the checkpoint is run too");
        sim_use_db(world, cs_kv_db_copy(world->db));
        world->current = NULL;
        world->current = sim_coordinator_start(world, world->db, false);
        break;
    case SIM_LOST_CHECKPOINT:
        sim_trace(world, "story", "the checkpoint is gone");
        if (world->current != NULL)
            sim_coordinator_kill(world->current);
        sim_use_db(world, cs_kv_db_new());
        break;
    default:
        sim_trace(world, "story", "the table's log is removed");
        cs_mem_disk_remove(world->disk, CS_STR("table/_delta_log"));
        sim_check_forget_versions(world->check);
        break;
    }
}
