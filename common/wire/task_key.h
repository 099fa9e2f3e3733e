/* The plain form of the message TaskKey: names one attempt of one task. An answer whose key is
 * not the one that was sent is stale (design §4 step 5). */
#ifndef CS_COMMON_WIRE_TASK_KEY_H
#define CS_COMMON_WIRE_TASK_KEY_H

#include "common/base/uuid.h"

typedef struct cs_task_key {
    cs_uuid stream;   /* S */
    uint64_t epoch;   /* E */
    uint64_t batch;   /* B */
    uint64_t digest8; /* first 8 bytes of D, big-endian */
    uint32_t stage;   /* 0 for now */
    uint32_t task;
    uint32_t attempt; /* from 1 */
} cs_task_key;

static inline bool cs_task_key_eq(const cs_task_key *a, const cs_task_key *b)
{
    return memcmp(a->stream.bytes, b->stream.bytes, sizeof a->stream.bytes) == 0 &&
           a->epoch == b->epoch && a->batch == b->batch && a->digest8 == b->digest8 &&
           a->stage == b->stage && a->task == b->task && a->attempt == b->attempt;
}

#endif
