/* The door to the checkpoint's key-value store: kv_lmdb (the only user of lmdb.h) and, in tests/sim,
 * kv_mem, which loses what was not committed. One writer, ordered keys, all-or-nothing durable transactions. */
#ifndef CS_COORDINATOR_CHECKPOINT_KV_H
#define CS_COORDINATOR_CHECKPOINT_KV_H

#include "common/base/buf.h"

typedef struct cs_kv cs_kv;
typedef struct cs_kv_ops {
    cs_code (*begin)(cs_kv *kv, bool write, cs_error *err);
    /* Values die with the transaction: copy at once. CS_E_NOT_FOUND when absent. */
    cs_code (*get)(cs_kv *kv, cs_str key, cs_str *value, cs_error *err);
    cs_code (*put)(cs_kv *kv, cs_str key, cs_str value, cs_error *err);
    cs_code (*del)(cs_kv *kv, cs_str key, cs_error *err); /* absent is fine */
    /* The first key >= `from`; CS_E_NOT_FOUND at the end. */
    cs_code (*seek)(cs_kv *kv, cs_str from, cs_str *key, cs_str *value, cs_error *err);
    cs_code (*commit)(cs_kv *kv, cs_error *err); /* durable when it returns (write) */
    void (*abort)(cs_kv *kv);
    void (*close)(cs_kv *kv);
} cs_kv_ops;
struct cs_kv {
    const cs_kv_ops *ops;
};

#endif
