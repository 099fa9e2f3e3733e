/* What a snapshot holds: for the files of this folder that walk over it. */
#ifndef CS_COMMON_DELTA_DELTA_SNAPSHOT_STATE_H
#define CS_COMMON_DELTA_DELTA_SNAPSHOT_STATE_H

#include "common/delta/delta_replay.h"
#include "common/delta/delta_snapshot.h"

struct cs_delta_snapshot {
    cs_store *table;
    cs_delta_listing listing;
    cs_delta_state state;
    cs_delta_replay replay;
};

#endif
