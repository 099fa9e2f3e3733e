/* The inside of the checkpoint, shared by its own files only: keys, sealed values, transactions,
 * records.
 *
 * keys                              values (each followed by the XXH3-64 of key and value)
 *   E                               epoch
 *   S                               stream id
 *   P                               pin: source path, source format
 *   O                               options of the last start, canonical text
 *   C                               cs_checkpoint_state, without E and S
 *   a <stream>                      batch: an accepted stream
 *   f <hash of path> <slot>         cs_file_record
 *   h <batch>  p <batch> <seq>      cs_plan_head and chunks of a plan
 *   H <digest> d <digest> <seq>     the same of a plan set aside, by its own digest
 * Numbers in keys are big-endian, so that the order of keys is theirs. */
#ifndef CS_COORDINATOR_CHECKPOINT_CHECKPOINT_INSIDE_H
#define CS_COORDINATOR_CHECKPOINT_CHECKPOINT_INSIDE_H

#include "coordinator/checkpoint/checkpoint.h"

#define CS_CHECKPOINT_KEY_MAX 64

struct cs_checkpoint {
    cs_kv *kv;
    cs_checkpoint_state state;
    cs_arena arena; /* options */
    cs_str options;
    bool dirty;             /* COMMITTED is newer than what is stored */
    uint32_t plans_since_backup;
    bool stored_since_backup;
    cs_buf scratch;         /* a key and its sealed value */
};

typedef struct cs_key {
    char bytes[CS_CHECKPOINT_KEY_MAX];
    size_t len;
} cs_key;

typedef struct cs_plan_head {
    uint64_t batch;
    uint32_t n_chunks;
    cs_sha256 digest_before, digest;
} cs_plan_head;

/* ---- checkpoint_value.c ---- */
cs_key cs_key_of(char kind);
void cs_key_add(cs_key *key, const void *bytes, size_t len);
void cs_key_add_u32(cs_key *key, uint32_t value);
void cs_key_add_u64(cs_key *key, uint64_t value);
cs_str cs_key_str(const cs_key *key);
/* The value without its checksum; CS_E_DAMAGED_CHECKPOINT when that does not hold. */
cs_code cs_value_open(cs_str key, cs_str sealed, cs_str *value, cs_error *err);
/* Within a transaction. The value of get lives as the kv's does. */
cs_code cs_checkpoint_get(cs_checkpoint *checkpoint, const cs_key *key, cs_str *value,
                          cs_error *err);
cs_code cs_checkpoint_put(cs_checkpoint *checkpoint, const cs_key *key, cs_str value,
                          cs_error *err);
/* All keys that begin with `prefix`. */
cs_code cs_checkpoint_del_all(cs_checkpoint *checkpoint, cs_str prefix, cs_error *err);
cs_code cs_checkpoint_damaged(cs_error *err, cs_str key, const char *what);

/* ---- transactions ---- */
typedef cs_code (*cs_checkpoint_txn_fn)(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
/* Checks E, runs fn, commits; all of it again when the kv asks for that, so fn must change nothing
 * but the kv. */
cs_code cs_checkpoint_write(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                            cs_error *err);
cs_code cs_checkpoint_read(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                           cs_error *err);
/* Stores `state` within a write transaction. */
cs_code cs_checkpoint_put_state(cs_checkpoint *checkpoint, const cs_checkpoint_state *state,
                                cs_error *err);

/* ---- checkpoint_file.c: what is known of source files, within a transaction ---- */
#define CS_FILE_TAKEN UINT64_MAX /* in place of a batch: counted as done by `checkpoint reset` */
typedef struct cs_file_record {
    cs_content_version version; /* newest that was planned or reported */
    uint64_t batch;
    bool has_before; /* read before, in another version: true again if this batch's plan goes */
    cs_content_version before;
    uint64_t before_batch;
} cs_file_record;
cs_code cs_file_record_get(cs_checkpoint *checkpoint, cs_str path, bool *known,
                           cs_file_record *out, cs_error *err);
cs_code cs_file_record_changed(cs_checkpoint *checkpoint, const cs_source_file *file,
                               cs_error *err);
cs_code cs_file_record_mark(cs_checkpoint *checkpoint, const cs_source_file *file, uint64_t batch,
                            cs_error *err);
cs_code cs_file_record_unmark(cs_checkpoint *checkpoint, cs_str path, uint64_t batch,
                              cs_error *err);

/* ---- checkpoint_plan.c ---- */
/* Reads the plan under a head key ('h' or 'H' and what follows); checks counts and digest. */
cs_code cs_stored_plan_read(cs_kv *kv, const cs_key *head_key, cs_plan **out, cs_error *err);
/* CS_E_DAMAGED_CHECKPOINT, without a text, when the value is none such. */
cs_code cs_plan_head_parse(cs_str value, cs_plan_head *out);
cs_code cs_state_parse(cs_str value, cs_checkpoint_state *out);

#endif
