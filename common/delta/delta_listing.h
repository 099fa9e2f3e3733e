/* What stands in _delta_log: numbers of commits and log checkpoints, found by one listing. The listing is the
 * truth; _last_checkpoint is not read (spec: delta.md §7, "A hint only"). */
#ifndef CS_COMMON_DELTA_DELTA_LISTING_H
#define CS_COMMON_DELTA_DELTA_LISTING_H

#include "common/store/store.h"

#define CS_DELTA_LOG_FOLDER "_delta_log"
#define CS_DELTA_NAME_MAX 160 /* of a commit or a log checkpoint below the table root, with NUL */

typedef struct cs_delta_checkpoint {
    int64_t version;
    uint32_t parts; /* of a multi-part checkpoint, all of them there; 0: one file */
    bool json;      /* a V2 checkpoint whose top level is JSON */
    char name[CS_DELTA_NAME_MAX]; /* below the table root; of the first part */
} cs_delta_checkpoint;

typedef struct cs_delta_listing {
    const int64_t *commits; /* ascending */
    size_t n_commits;
    const cs_delta_checkpoint *checkpoints; /* newest first */
    size_t n_checkpoints;
    int64_t newest; /* version of the table; -1: no commit and no checkpoint, so no table */
    cs_buf commit_bytes, checkpoint_bytes;
} cs_delta_listing;

/* A folder that is not there is an empty listing. */
CS_MUST_USE cs_code cs_delta_listing_read(cs_store *table, cs_delta_listing *out, cs_error *err);
void cs_delta_listing_done(cs_delta_listing *listing);
/* First version in [from, to] whose commit is not there; -1 when all are. */
int64_t cs_delta_listing_gap(const cs_delta_listing *listing, int64_t from, int64_t to);

void cs_delta_commit_name(int64_t version, char out[CS_DELTA_NAME_MAX]);
/* Part 1… of a multi-part checkpoint. */
void cs_delta_part_name(const cs_delta_checkpoint *checkpoint, uint32_t part, char out[CS_DELTA_NAME_MAX]);

#endif
