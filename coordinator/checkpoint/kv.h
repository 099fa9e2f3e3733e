/* The door to the checkpoint's key-value store: kv_lmdb (the only user of lmdb.h) and kv_mem, the
 * simulator's. One writer, ordered keys, all-or-nothing durable transactions, one at a time per
 * handle.
 *
 * put, del and commit may answer CS_E_AGAIN: nothing of the transaction happened and it is over,
 * the store has made room, do all of it again. After any other failure of theirs abort must follow;
 * a failed commit leaves nothing behind either. */
#ifndef CS_COORDINATOR_CHECKPOINT_KV_H
#define CS_COORDINATOR_CHECKPOINT_KV_H

#include "common/base/buf.h"

typedef struct cs_kv cs_kv;
typedef struct cs_kv_ops {
    cs_code (*begin)(cs_kv *kv, bool write, cs_error *err);
    /* Values die with the transaction, and with its next put or del: copy at once. CS_E_NOT_FOUND
     * when absent: an answer, for which err is left alone; likewise seek. */
    cs_code (*get)(cs_kv *kv, cs_str key, cs_str *value, cs_error *err);
    cs_code (*put)(cs_kv *kv, cs_str key, cs_str value, cs_error *err);
    cs_code (*del)(cs_kv *kv, cs_str key, cs_error *err); /* absent is fine */
    /* The first key >= `from`; CS_E_NOT_FOUND at the end. */
    cs_code (*seek)(cs_kv *kv, cs_str from, cs_str *key, cs_str *value, cs_error *err);
    cs_code (*commit)(cs_kv *kv, cs_error *err); /* durable when it returns (write) */
    void (*abort)(cs_kv *kv);                    /* fine when none is open */
    /* A copy beside the store, at a point where nothing is under way. May do nothing (too
     * large). */
    cs_code (*backup)(cs_kv *kv, cs_error *err);
    void (*close)(cs_kv *kv);
} cs_kv_ops;
struct cs_kv {
    const cs_kv_ops *ops;
};

#endif
