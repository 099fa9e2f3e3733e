/* From what a listing shows to the state of one version: which checkpoint to begin with, which commits to put
 * on top (spec: delta.md §8). */
#ifndef CS_COMMON_DELTA_DELTA_REPLAY_H
#define CS_COMMON_DELTA_DELTA_REPLAY_H

#include "common/delta/delta_listing.h"
#include "common/delta/delta_state.h"

typedef struct cs_delta_replay {
    int64_t version;
    bool has_checkpoint;
    cs_delta_checkpoint checkpoint; /* the base; commits from checkpoint.version + 1 on lie on top */
    bool has_commit;                /* version's own JSON is there: */
    cs_stat commit_stat;            /* of the file that was read */
} cs_delta_replay;

/* State of `version` (negative: of the listing's newest), settled. Begins at the newest checkpoint that is whole
 * and from which no commit is missing; a damaged one counts as absent. "log gap: commit NAME is missing",
 * "damaged log: …". */
CS_MUST_USE cs_code cs_delta_replay_state(cs_store *table, const cs_delta_listing *listing, int64_t version,
                                          cs_delta_state *state, cs_delta_replay *out, cs_error *err);
/* One commit on top of the state. mask: CS_DELTA_STATE_MASK, or less. */
CS_MUST_USE cs_code cs_delta_replay_commit(cs_store *table, int64_t version, unsigned mask, cs_delta_state *state,
                                           cs_stat *stat, cs_error *err);

#endif
