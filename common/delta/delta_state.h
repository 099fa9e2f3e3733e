/* What is replayed of a log besides its files: protocol, metadata, transactions, newest wins. */
#ifndef CS_COMMON_DELTA_DELTA_STATE_H
#define CS_COMMON_DELTA_DELTA_STATE_H

#include "common/data/schema.h"
#include "common/delta/delta_log.h"

#define CS_DELTA_STATE_MASK                                                              \
    (CS_DELTA_MASK(CS_DELTA_PROTOCOL) | CS_DELTA_MASK(CS_DELTA_METADATA) |               \
     CS_DELTA_MASK(CS_DELTA_TXN) | CS_DELTA_MASK(CS_DELTA_COMMIT_INFO))

typedef struct cs_delta_state {
    bool has_protocol, has_metadata, settled;
    cs_delta_protocol protocol;
    cs_delta_metadata metadata;
    cs_schema schema; /* once settled */
    cs_arena protocol_arena, metadata_arena;
    uint64_t generation;  /* protocol and metaData actions so far */
    int64_t timestamp_ms; /* of the last commitInfo; 0: none */
    cs_buf txns;          /* cs_delta_log_txn, in order of first meeting */
    uint32_t *slots;      /* hash table: index in txns + 1; 0 = free */
    size_t n_slots;       /* power of two */
    cs_arena txn_arena;
} cs_delta_state;

/* Takes a copy. at_version: of the commit; -1 from a log checkpoint. */
CS_MUST_USE cs_code cs_delta_state_apply(cs_delta_state *state, const cs_delta_action *action, int64_t at_version,
                                         cs_error *err);
/* After a run of actions: both protocol and metadata are there, readable by us, and the schema parses. */
CS_MUST_USE cs_code cs_delta_state_settle(cs_delta_state *state, cs_error *err);
void cs_delta_state_done(cs_delta_state *state);

const cs_delta_log_txn *cs_delta_state_find_txn(const cs_delta_state *state, cs_str app_id);
size_t cs_delta_state_txns(const cs_delta_state *state);
const cs_delta_log_txn *cs_delta_state_txn_at(const cs_delta_state *state, size_t at);

#endif
