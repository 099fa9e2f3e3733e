/* The checkpoint of one job: epoch, plans, which file went into which batch, digest chain, accepted
 * streams (design §4 and §5). All of it on the kv door; used by the job's I/O thread only.
 *
 * Every write transaction first reads E and fails with CS_E_CHECKPOINT_IN_USE if it is not this
 * handle's own: a zombie that still holds an old epoch must not write. */
#ifndef CS_COORDINATOR_CHECKPOINT_CHECKPOINT_H
#define CS_COORDINATOR_CHECKPOINT_CHECKPOINT_H

#include "coordinator/checkpoint/kv.h"
#include "coordinator/plan/plan.h"

typedef struct cs_checkpoint cs_checkpoint;

/* What a checkpoint is pinned to: made at its first start, compared at every other. */
typedef struct cs_checkpoint_pin {
    cs_str source_path;
    cs_str source_format;
    cs_str options; /* canonical text of the job: not compared, but remembered */
} cs_checkpoint_pin;

typedef struct cs_checkpoint_state {
    bool empty;          /* no plan was ever stored */
    cs_uuid stream;      /* S */
    uint64_t epoch;      /* E, of this start */
    bool has_table_id;
    cs_uuid table_id;    /* T, once known */
    int64_t committed;   /* C, -1 none */
    cs_sha256 digest;    /* D_C */
    int64_t planned;     /* last planned batch, = committed when none waits */
} cs_checkpoint_state;

typedef struct cs_accepted {
    cs_uuid stream;
    int64_t batch;
} cs_accepted;

/* Takes over `kv`, also when it fails. Draws S if there is none, makes E durable (one more than before), compares the
 * pin: CS_E_CHECKPOINT_MISMATCH names both. pin NULL (`checkpoint show|reset`): nothing is compared
 * or remembered; CS_E_NOT_FOUND when no job ever started here. */
CS_MUST_USE cs_code cs_checkpoint_start(cs_kv *kv, const cs_checkpoint_pin *pin, cs_rng *rng,
                                        cs_checkpoint **out, cs_error *err);
/* Closes the kv too. Flushes nothing; backs the kv up if there is anything new in it. */
void cs_checkpoint_close(cs_checkpoint *checkpoint);
const cs_checkpoint_state *cs_checkpoint_state_of(const cs_checkpoint *checkpoint);
/* The options of the last start: where `checkpoint reset` finds source and table. */
cs_str cs_checkpoint_options(const cs_checkpoint *checkpoint);
CS_MUST_USE cs_code cs_checkpoint_accepted(cs_checkpoint *checkpoint, cs_arena *arena,
                                           cs_accepted **out, size_t *n, cs_error *err);

CS_MUST_USE cs_code cs_checkpoint_seen(cs_checkpoint *checkpoint, const cs_source_file *file,
                                       bool *known, cs_content_version *version,
                                       uint64_t *batch, cs_error *err);
/* Remembers the newer version of a changed file as reported: seen gives it from then on. */
CS_MUST_USE cs_code cs_checkpoint_changed(cs_checkpoint *checkpoint, const cs_source_file *file,
                                          cs_error *err);

/* One transaction: the plan of B = committed + 1 (keyed (B, seq)), its files marked as B's, B-1
 * marked COMMITTED. */
CS_MUST_USE cs_code cs_checkpoint_save_plan(cs_checkpoint *checkpoint, const cs_plan *plan,
                                            cs_error *err);
/* B is in the table: state only, made durable by the next plan or by flush. */
void cs_checkpoint_committed(cs_checkpoint *checkpoint, uint64_t batch, const cs_sha256 *digest,
                             const cs_uuid *table_id);
/* On idle and at stop: COMMITTED durable. No write when it already is. */
CS_MUST_USE cs_code cs_checkpoint_flush(cs_checkpoint *checkpoint, cs_error *err);
/* CS_E_NOT_FOUND; CS_E_DAMAGED_CHECKPOINT when checksum, counts or digest do not hold. */
CS_MUST_USE cs_code cs_checkpoint_load_plan(cs_checkpoint *checkpoint, uint64_t batch,
                                            cs_plan **out, cs_error *err);
/* --replan: sets plan C+1 aside (kept until B is committed) and unmarks its files. CS_E_NOT_FOUND
 * when no plan waits. */
CS_MUST_USE cs_code cs_checkpoint_replan(cs_checkpoint *checkpoint, cs_error *err);
/* Of the plans set aside (one for each --replan), the one whose digest the table shows
 * (CS_E_NOT_FOUND: none), and its adoption: it is plan C+1 again, and the files of a newer one are
 * unmarked. */
CS_MUST_USE cs_code cs_checkpoint_load_dropped(cs_checkpoint *checkpoint, int64_t digest63,
                                               cs_plan **out, cs_error *err);
CS_MUST_USE cs_code cs_checkpoint_adopt_dropped(cs_checkpoint *checkpoint, int64_t digest63,
                                                cs_error *err);

/* `checkpoint reset`: a new S, the other streams of this source root accepted at exactly these
 * numbers, and `files` taken as done; one transaction. */
CS_MUST_USE cs_code cs_checkpoint_reset(cs_checkpoint *checkpoint, const cs_accepted *accepted,
                                        size_t n_accepted, const cs_source_file *files,
                                        size_t n_files, cs_rng *rng, cs_error *err);
/* `checkpoint show`: the plans in order of their batches, as far back as they are kept
 * (CS_CHECKPOINT_PLANS_KEPT). */
CS_MUST_USE cs_code cs_checkpoint_each_plan(cs_checkpoint *checkpoint,
                                            cs_code (*each)(void *ctx, const cs_plan *plan,
                                                            bool committed, cs_error *err),
                                            void *ctx, cs_error *err);

/* The folder: created durably (0700), file system checked (local only), locked for this process
 * (CS_E_CHECKPOINT_IN_USE with pid, host and since when), the LMDB file checked in a child process
 * (`cstream-coordinator --check-checkpoint DIR`, path in `checker`; NULL: not), then opened. The
 * lock is held until the kv is closed. */
CS_MUST_USE cs_code cs_kv_lmdb_open(const char *folder, const char *checker, cs_kv **out,
                                    cs_error *err);
/* What `--check-checkpoint` runs: size, meta pages, plans, a sample of the rest. May die by
 * signal. */
CS_MUST_USE cs_code cs_kv_lmdb_check(const char *folder, cs_error *err);

#endif
