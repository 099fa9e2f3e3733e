/* Faults strike at doors: one is armed, and after so many steps of the kind of process that it is
 * for, it hits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_check.h"
#include "tests/sim/sim_world.h"

#define DEPTH_MAX 2

static void arm(sim_world *world, void *who, void *what);
static void disarm(sim_world *world, void *who, void *what);
static bool disk_step(void *ctx, cs_store *store, const char *what);
static bool kv_step(void *ctx, cs_kv *kv, const char *what);
static bool strike(sim_process *process, bool is_worker, const char *what);
static void lose_power(sim_world *world);
static void end_zombie(sim_world *world, void *who, void *what);

void sim_faults_begin(sim_world *world)
{
    cs_mem_disk_on_step(world->disk, disk_step, world);
    for (int i = 0; i < world->settings.n_faults; i++)
        sim_at(world, sim_draw(world, 0, SIM_BUSY_US - 2 * SIM_SECOND), arm, NULL, NULL);
}

void sim_faults_watch(sim_world *world, cs_kv_db *db)
{
    cs_kv_db_on_step(db, kv_step, world);
}

static void arm(sim_world *world, void *who, void *what)
{
    (void)who;
    (void)what;
    if (world->armed)
        return;
    sim_fault fault = (sim_fault)sim_draw(world, 0, SIM_FAULT_KINDS - 1);
    if (fault == SIM_KV_FAILS) {
        cs_kv_db_fail(world->db, (uint64_t)sim_draw(world, 1, 12),
                      sim_chance(world, 0.7) ? CS_E_DISK_FULL : CS_E_IO);
        return;
    }
    if (fault == SIM_TABLE_FAILS) {
        if (sim_chance(world, 0.3))
            world->task_fails = true;
        else if (world->current != NULL)
            sim_coordinator_fail_table(world->current);
        return;
    }
    if (fault == SIM_ASK_COORDINATOR) {
        if (world->current != NULL)
            sim_coordinator_ask(world->current, sim_chance(world, 0.3));
        return;
    }
    if (fault == SIM_ASK_WORKER) {
        if (world->n_workers > 0)
            sim_worker_ask(world->workers[sim_draw(world, 0, world->n_workers - 1)]);
        return;
    }
    if (fault == SIM_STOP_WORKER || fault == SIM_STOP_COORDINATOR) {
        sim_process *process =
            world->current != NULL ? sim_coordinator_process(world->current) : NULL;
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
            cs_mem_disk_hold(world->disk,
                             (cs_str){ path, (size_t)snprintf(path, sizeof path, "in/f%d.csv", i) },
                             1);
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
    bool freezes = world->fault == SIM_FREEZE_IO || world->fault == SIM_FREEZE_COMPUTE ||
                   world->fault == SIM_ZOMBIE;
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
    int64_t until_us =
        world->now_us +
        sim_draw(world, SIM_MS, sim_chance(world, 0.5) ? 100 * SIM_MS : 6 * SIM_SECOND);
    if (until_us > world->last_thaw_us)
        world->last_thaw_us = until_us;
    /* What changes while it is being read must be noticed. */
    for (int i = 0; world->settings.changes && is_worker && i < 3; i++)
        sim_at(world, 0, sim_change_file, NULL, NULL);
    process->frozen = true;
    world->depth++;
    sim_run_until(world, until_us);
    world->depth--;
    process->frozen = false;
    if (!is_worker && (void *)process != (void *)world->current)
        sim_at(world, sim_draw(world, 0, 3 * SIM_SECOND), end_zombie, process, NULL);
    sim_trace(world, process->name, "goes on with %s", what);
    return !process->dead;
}
