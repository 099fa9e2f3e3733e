/* One simulated machine park: time, chance, the disk, the checkpoint's database, the network and
 * the processes on it. Everything is drawn from one seed; the same seed gives the same run.
 *
 * What runs is the real code of coordinator and workers; only the four doors (store, kv, net, clock
 * and chance) lead here. A fault strikes at a door: between two steps of one effect, a process may
 * die, freeze while all others go on, or the power may fail. */
#ifndef CS_SIM_WORLD_H
#define CS_SIM_WORLD_H

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/store/store_fault.h"
#include "common/store/store_mem.h"
#include "coordinator/checkpoint/kv_mem.h"

#define SIM_WORKERS_MAX 4
#define SIM_PROCESSES_MAX 256
#define SIM_FILES_MAX 24
#define SIM_FAULTS_MAX 8
#define SIM_MS 1000 /* time here is in microseconds */
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_START_US (1000 * (int64_t)SIM_SECOND)
#define SIM_BUSY_US (8 * SIM_SECOND) /* files land and faults strike for so long */

typedef struct sim_world sim_world;
typedef struct sim_coordinator sim_coordinator;
typedef struct sim_worker sim_worker;
typedef struct sim_check sim_check;

/* What may go wrong on purpose beside crashes. In all but the first, the stream may end in a
 * refusal; what is in the table must be right all the same. */
typedef enum sim_story {
    SIM_PLAIN,
    SIM_OLD_CHECKPOINT,    /* an older copy of the checkpoint is put back */
    SIM_COPIED_CHECKPOINT, /* a copy of it is run at the same time */
    SIM_LOST_CHECKPOINT,   /* it is gone; the next start makes a new one */
    SIM_REPLACED_TABLE     /* the table's folder is removed */
} sim_story;

typedef enum sim_fault {
    SIM_KILL_COORDINATOR,
    SIM_KILL_WORKER,
    SIM_POWER_LOSS,
    SIM_FREEZE_IO,      /* the I/O thread of a coordinator stands still */
    SIM_FREEZE_COMPUTE, /* the compute thread of a worker does */
    SIM_ZOMBIE,         /* the same, and another coordinator is started meanwhile */
    SIM_STOP_WORKER,    /* SIGSTOP, SIGCONT */
    SIM_STOP_COORDINATOR,
    SIM_ASK_WORKER,      /* SIGTERM to a worker */
    SIM_ASK_COORDINATOR, /* to a coordinator, perhaps twice */
    SIM_KV_FAILS,        /* one write of the checkpoint fails: disk full, or EIO */
    SIM_TABLE_FAILS, /* one call of the table's store does, perhaps after it was done all the same
                      */
    SIM_FAULT_KINDS
} sim_fault;

/* Drawn from the seed. */
typedef struct sim_settings {
    sim_story story;
    int n_files, n_workers, n_faults;
    int trigger;   /* cs_trigger_kind */
    int files_max; /* maxFilesPerTrigger, 0: none */
    int pad;       /* bytes of a row: makes a task of each file, or splits of it */
    double drop, twice, slow;
    double hint; /* of a file that lands, how likely inotify tells */
    bool leases;
    bool replan;  /* some starts are with --replan */
    bool foreign; /* another writer commits now and then */
    bool changes; /* a file may change after it landed: SOURCE_CHANGED and --replan */
    bool clock_jumps;
    const char *compression;
} sim_settings;

typedef void (*sim_event_fn)(sim_world *world, void *who, void *what);

typedef struct sim_event {
    int64_t at_us;
    uint64_t seq;
    sim_event_fn run;
    void *who, *what; /* what: malloc'ed, the callee frees it */
} sim_event;

/* What every process has. */
typedef struct sim_process {
    sim_world *world;
    char name[16];
    bool dead;
    bool frozen; /* in a door */
    int64_t stopped_until_us;
} sim_process;

struct sim_world {
    uint64_t seed;
    sim_settings settings;
    bool trace;
    cs_rng_seeded chance; /* of the world */
    cs_rng_seeded ids;    /* handed to the processes */
    cs_clock clock;
    int64_t now_us, wall_jump_us;
    uint64_t n_steps;

    sim_event *events; /* a heap */
    size_t n_events, events_cap;
    uint64_t last_seq, n_events_now;
    int depth; /* of loops within doors */

    cs_mem_disk *disk;
    cs_kv_db *db;         /* of the current checkpoint */
    cs_kv_db *old_dbs[8]; /* replaced ones; handles may still be open */
    int n_old_dbs;
    cs_kv_db *backup; /* for SIM_OLD_CHECKPOINT */
    bool story_told;  /* the special event of the story has happened */
    bool refused;     /* … and a start was refused because of it */

    sim_coordinator *coordinators[SIM_PROCESSES_MAX];
    int n_coordinators;
    sim_coordinator *current; /* the one that is no zombie, dead or alive */
    sim_worker *workers[SIM_PROCESSES_MAX];
    int n_workers;
    uint64_t last_pid;

    int64_t calm_us; /* no more faults from then on */
    bool armed;
    sim_fault fault;
    int armed_steps;
    bool task_fails; /* the next task's table is to fail */
    int64_t last_thaw_us;
    bool two_at_once; /* a coordinator was started while another lived */

    sim_check *check;
    uint64_t n_landed;
    bool half_written[SIM_FILES_MAX];
    bool over; /* nothing is to happen any more */
    bool failed;
    char why[1024];
};

/* Runs one seed to its end; false: an invariant broke (world->why). */
bool sim_run(sim_world *world, uint64_t seed, bool trace);
void sim_done(sim_world *world);

/* Things for the processes. */
void sim_at(sim_world *world, int64_t delay_us, sim_event_fn run, void *who, void *what);
int64_t sim_draw(sim_world *world, int64_t from, int64_t to); /* inclusive */
bool sim_chance(sim_world *world, double probability);
void sim_trace(sim_world *world, const char *who, const char *format, ...) CS_PRINTF(3, 4);
void sim_fail(sim_world *world, const char *format, ...) CS_PRINTF(2, 3);
/* At a door of this process: false kills it there. */
bool sim_step(sim_process *process, bool is_worker, bool may_freeze, const char *what);
/* A failure to plant in a table's store. */
cs_store_fault_rule sim_draw_failure(sim_world *world);
/* A message on its way: delay, loss, doubling. deliver gets a copy of the bytes each time. */
typedef struct sim_bytes {
    size_t len;
    void *from;
    uint64_t connection;
    char bytes[];
} sim_bytes;
void sim_send(sim_world *world, sim_event_fn deliver, void *to, void *from, uint64_t connection,
              cs_str bytes);
/* While it is stopped, an event for a process waits: true, it was put off. */
bool sim_put_off(sim_process *process, sim_event_fn run, void *who, void *what);

void sim_run_until(sim_world *world, int64_t until_us);

/* sim_outside.c */
void sim_outside_begin(sim_world *world);
/* Whoever is not there, at once. */
void sim_start_all(sim_world *world);
void sim_change_file(sim_world *world, void *who, void *what);
/* The checkpoint is this database from now on. */
void sim_use_db(sim_world *world, cs_kv_db *db);

/* sim_fault.c */
void sim_faults_begin(sim_world *world);
void sim_faults_watch(sim_world *world, cs_kv_db *db);

/* sim_coordinator.c */
sim_coordinator *sim_coordinator_start(sim_world *world, cs_kv_db *db, bool replan);
void sim_coordinator_kill(sim_coordinator *coordinator);
/* SIGTERM; now: the second one. */
void sim_coordinator_ask(sim_coordinator *coordinator, bool now);
bool sim_coordinator_is_alive(const sim_coordinator *coordinator); /* and has not ended */
/* inotify tells: created, or closed by its writer. */
void sim_coordinator_hint(sim_coordinator *coordinator, const char *name, bool closed);
void sim_coordinator_done(sim_coordinator *coordinator);
void sim_coordinator_take(sim_world *world, void *who, void *what); /* a message */
sim_process *sim_coordinator_process(sim_coordinator *coordinator);
bool sim_coordinator_is_idle(const sim_coordinator *coordinator);
/* Whose kv is it? */
/* A kv transaction of it is durable. */
void sim_coordinator_stored(sim_coordinator *coordinator);
sim_coordinator *sim_coordinator_of_kv(sim_world *world, const cs_kv *kv);
void sim_coordinator_fail_table(sim_coordinator *coordinator);
bool sim_coordinator_has_store(const sim_coordinator *coordinator, const cs_store *store);

/* sim_worker.c */
sim_worker *sim_worker_start(sim_world *world, int slot);
void sim_worker_kill(sim_worker *worker);
void sim_worker_ask(sim_worker *worker);
bool sim_worker_is_alive(const sim_worker *worker);
int sim_worker_slot(const sim_worker *worker);
void sim_worker_done(sim_worker *worker);
void sim_worker_take(sim_world *world, void *who, void *what); /* a message */
sim_process *sim_worker_process(sim_worker *worker);
bool sim_worker_has_store(const sim_worker *worker, const cs_store *store);
/* The living worker at the other end; NULL: gone. */
sim_worker *sim_worker_of(sim_world *world, const sim_coordinator *coordinator,
                          uint64_t connection);

#endif
