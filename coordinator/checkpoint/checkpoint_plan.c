/* Plans in the checkpoint: stored as chunks, so that no value grows with the batch, under a head
 * that knows how many there are and which digest they must have. */
#include <assert.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "coordinator/checkpoint/checkpoint_inside.h"

typedef struct chunk_ctx {
    cs_checkpoint *checkpoint;
    cs_key prefix;
    uint32_t n;
} chunk_ctx;

typedef struct each_ctx {
    uint64_t from;
    bool found;
    cs_plan_head head;
} each_ctx;

typedef struct dropped_ctx {
    int64_t digest63;
    bool found;
    cs_plan_head head;
    const cs_plan *plan;      /* the one set aside, read before */
    const cs_plan *newer;     /* the one that took its place, NULL: none */
} dropped_ctx;

static cs_code save_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code replan_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code find_dropped_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code adopt_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code next_head_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code load(cs_checkpoint *checkpoint, const cs_key *head_key, cs_plan **out,
                    cs_error *err);

static cs_key key_of_batch(char kind, uint64_t batch)
{
    cs_key key = cs_key_of(kind);
    cs_key_add_u64(&key, batch);
    return key;
}

static cs_key key_of_digest(char kind, const cs_sha256 *digest)
{
    cs_key key = cs_key_of(kind);
    cs_key_add(&key, digest->bytes, CS_SHA256_LEN);
    return key;
}

cs_code cs_checkpoint_save_plan(cs_checkpoint *checkpoint, const cs_plan *plan, cs_error *err)
{
    cs_checkpoint_state *state = &checkpoint->state;
    assert(state->planned == state->committed && plan->batch == (uint64_t)(state->committed + 1));
    CS_FAULT("checkpoint.before_plan");
    CS_TRY(cs_checkpoint_write(checkpoint, save_txn, (void *)(uintptr_t)plan, err));
    state->planned = (int64_t)plan->batch;
    state->empty = false;
    checkpoint->dirty = false;
    checkpoint->plans_since_backup++;
    CS_FAULT("checkpoint.after_plan");
    return CS_OK;
}

cs_code cs_checkpoint_load_plan(cs_checkpoint *checkpoint, uint64_t batch, cs_plan **out,
                                cs_error *err)
{
    cs_key key = key_of_batch('h', batch);
    return load(checkpoint, &key, out, err);
}

cs_code cs_checkpoint_replan(cs_checkpoint *checkpoint, cs_error *err)
{
    cs_checkpoint_state *state = &checkpoint->state;
    if (state->planned == state->committed)
        return cs_error_set(err, CS_E_NOT_FOUND, "no planned batch waits after batch %lld",
                            (long long)state->committed);
    cs_plan *plan;
    CS_TRY(cs_checkpoint_load_plan(checkpoint, (uint64_t)state->planned, &plan, err));
    cs_code code = cs_checkpoint_write(checkpoint, replan_txn, plan, err);
    cs_plan_free(plan);
    if (code == CS_OK) {
        state->planned = state->committed;
        checkpoint->dirty = false;
    }
    return code;
}

cs_code cs_checkpoint_load_dropped(cs_checkpoint *checkpoint, int64_t digest63, cs_plan **out,
                                   cs_error *err)
{
    dropped_ctx dropped = { .digest63 = digest63 };
    CS_TRY(cs_checkpoint_read(checkpoint, find_dropped_txn, &dropped, err));
    if (!dropped.found)
        return cs_error_set(err, CS_E_NOT_FOUND, "no plan with this digest was set aside");
    cs_key key = key_of_digest('H', &dropped.head.digest);
    return load(checkpoint, &key, out, err);
}

cs_code cs_checkpoint_adopt_dropped(cs_checkpoint *checkpoint, int64_t digest63, cs_error *err)
{
    cs_checkpoint_state *state = &checkpoint->state;
    cs_plan *plan = NULL, *newer = NULL;
    cs_code code;
    CS_TRY_OUT(cs_checkpoint_load_dropped(checkpoint, digest63, &plan, err));
    if (plan->batch != (uint64_t)(state->committed + 1)) {
        code = cs_error_set(err, CS_E_CHECKPOINT_MISMATCH,
                            "the plan set aside is of batch %llu, but batch %lld is committed",
                            (unsigned long long)plan->batch, (long long)state->committed);
        goto out;
    }
    if (state->planned > state->committed)
        CS_TRY_OUT(cs_checkpoint_load_plan(checkpoint, (uint64_t)state->planned, &newer, err));
    dropped_ctx dropped = { .plan = plan, .newer = newer };
    CS_TRY_OUT(cs_checkpoint_write(checkpoint, adopt_txn, &dropped, err));
    state->planned = (int64_t)plan->batch;
    checkpoint->dirty = false;
out:
    cs_plan_free(plan);
    cs_plan_free(newer);
    return code;
}

cs_code cs_checkpoint_each_plan(cs_checkpoint *checkpoint,
                                cs_code (*each)(void *ctx, const cs_plan *plan, bool committed,
                                                cs_error *err),
                                void *ctx, cs_error *err)
{
    each_ctx next = { .from = 0 };
    for (;;) {
        CS_TRY(cs_checkpoint_read(checkpoint, next_head_txn, &next, err));
        if (!next.found)
            return CS_OK;
        cs_plan *plan;
        CS_TRY(cs_checkpoint_load_plan(checkpoint, next.head.batch, &plan, err));
        cs_code code = each(ctx, plan, (int64_t)plan->batch <= checkpoint->state.committed, err);
        cs_plan_free(plan);
        CS_TRY(code);
        next.from = next.head.batch + 1;
    }
}

/* ---- heads ---- */

cs_code cs_plan_head_parse(cs_str value, cs_plan_head *out)
{
    cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
    cs_str before, digest;
    if (!cs_cursor_u64le(&at, &out->batch) || !cs_cursor_u32le(&at, &out->n_chunks) ||
        !cs_cursor_bytes(&at, CS_SHA256_LEN, &before) || !cs_cursor_bytes(&at, CS_SHA256_LEN,
                                                                          &digest))
        return CS_E_DAMAGED_CHECKPOINT;
    memcpy(out->digest_before.bytes, before.ptr, CS_SHA256_LEN);
    memcpy(out->digest.bytes, digest.ptr, CS_SHA256_LEN);
    return CS_OK;
}

static cs_code put_head(cs_checkpoint *checkpoint, const cs_key *key, const cs_plan_head *head,
                        cs_error *err)
{
    cs_buf value = CS_BUF_INIT;
    cs_buf_add_u64le(&value, head->batch);
    cs_buf_add_u32le(&value, head->n_chunks);
    cs_buf_add(&value, head->digest_before.bytes, CS_SHA256_LEN);
    cs_buf_add(&value, head->digest.bytes, CS_SHA256_LEN);
    cs_code code = cs_buf_check(&value, err);
    if (code == CS_OK)
        code = cs_checkpoint_put(checkpoint, key, cs_buf_str(&value), err);
    cs_buf_done(&value);
    return code;
}

/* The first head at or after `from`; *found false when there is none of this kind any more. */
static cs_code next_head(cs_checkpoint *checkpoint, const cs_key *from, bool *found,
                         cs_plan_head *out, cs_error *err)
{
    cs_kv *kv = checkpoint->kv;
    cs_str key, sealed, value;
    cs_code code = kv->ops->seek(kv, cs_key_str(from), &key, &sealed, err);
    *found = code == CS_OK && key.len > 0 && key.ptr[0] == from->bytes[0];
    if (!*found)
        return code == CS_E_NOT_FOUND ? CS_OK : code;
    CS_TRY(cs_value_open(key, sealed, &value, err));
    if (cs_plan_head_parse(value, out) != CS_OK)
        return cs_checkpoint_damaged(err, key, "a plan's head cannot be read");
    return CS_OK;
}

static cs_code next_head_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    each_ctx *next = ctx;
    cs_key from = key_of_batch('h', next->from);
    return next_head(checkpoint, &from, &next->found, &next->head, err);
}

/* ---- reading ---- */

static cs_code read_chunks(cs_kv *kv, const cs_key *head_key, const cs_plan_head *head,
                           cs_plan_builder *builder, cs_error *err)
{
    for (uint32_t seq = 0; seq < head->n_chunks; seq++) {
        cs_key key = *head_key;
        key.bytes[0] = head_key->bytes[0] == 'h' ? 'p' : 'd';
        cs_key_add_u32(&key, seq);
        cs_str sealed, chunk;
        cs_code code = kv->ops->get(kv, cs_key_str(&key), &sealed, err);
        if (code == CS_E_NOT_FOUND)
            return cs_checkpoint_damaged(err, cs_key_str(&key), "a piece of a plan is missing");
        CS_TRY(code);
        CS_TRY(cs_value_open(cs_key_str(&key), sealed, &chunk, err));
        CS_TRY(cs_plan_builder_add(builder, chunk, err));
    }
    return CS_OK;
}

cs_code cs_stored_plan_read(cs_kv *kv, const cs_key *head_key, cs_plan **out, cs_error *err)
{
    cs_str sealed, value;
    cs_plan_head head;
    cs_code found = kv->ops->get(kv, cs_key_str(head_key), &sealed, err);
    if (found == CS_E_NOT_FOUND)
        return cs_error_set(err, CS_E_NOT_FOUND, "no such plan is stored");
    CS_TRY(found);
    CS_TRY(cs_value_open(cs_key_str(head_key), sealed, &value, err));
    if (cs_plan_head_parse(value, &head) != CS_OK)
        return cs_checkpoint_damaged(err, cs_key_str(head_key), "a plan's head cannot be read");
    cs_plan_builder *builder = cs_plan_builder_new(&head.digest_before);
    cs_code code = read_chunks(kv, head_key, &head, builder, err);
    if (code != CS_OK) {
        cs_plan_builder_free(builder);
        return code;
    }
    cs_plan *plan;
    CS_TRY(cs_plan_builder_end(builder, &plan, err));
    if (plan->batch != head.batch ||
        memcmp(plan->digest.bytes, head.digest.bytes, CS_SHA256_LEN) != 0) {
        cs_plan_free(plan);
        return cs_checkpoint_damaged(err, cs_key_str(head_key), "a plan does not have its digest");
    }
    *out = plan;
    return CS_OK;
}

static cs_code load(cs_checkpoint *checkpoint, const cs_key *head_key, cs_plan **out, cs_error *err)
{
    CS_TRY(checkpoint->kv->ops->begin(checkpoint->kv, false, err));
    cs_code code = cs_stored_plan_read(checkpoint->kv, head_key, out, err);
    checkpoint->kv->ops->abort(checkpoint->kv);
    return code;
}

/* ---- writing, each within one transaction ---- */

static cs_code put_chunk(void *ctx, uint32_t seq, cs_str bytes, cs_error *err)
{
    chunk_ctx *chunks = ctx;
    cs_key key = chunks->prefix;
    cs_key_add_u32(&key, seq);
    chunks->n = seq + 1;
    return cs_checkpoint_put(chunks->checkpoint, &key, bytes, err);
}

static cs_code put_plan(cs_checkpoint *checkpoint, const cs_plan *plan, const cs_key *head_key,
                        char chunk_kind, cs_error *err)
{
    chunk_ctx chunks = { .checkpoint = checkpoint, .prefix = *head_key };
    chunks.prefix.bytes[0] = chunk_kind;
    CS_TRY(cs_plan_write(plan, put_chunk, &chunks, err));
    cs_plan_head head = { plan->batch, chunks.n, plan->digest_before, plan->digest };
    return put_head(checkpoint, head_key, &head, err);
}

static cs_code del_plan(cs_checkpoint *checkpoint, cs_key key, cs_error *err)
{
    CS_TRY(checkpoint->kv->ops->del(checkpoint->kv, cs_key_str(&key), err));
    key.bytes[0] = key.bytes[0] == 'h' ? 'p' : 'd';
    return cs_checkpoint_del_all(checkpoint, cs_key_str(&key), err);
}

static cs_code mark_files(cs_checkpoint *checkpoint, const cs_plan *plan, cs_error *err)
{
    for (uint32_t i = 0; i < plan->n_files; i++)
        CS_TRY(cs_file_record_mark(checkpoint, &plan->files[i], plan->batch, err));
    return CS_OK;
}

static cs_code unmark_files(cs_checkpoint *checkpoint, const cs_plan *plan, cs_error *err)
{
    for (uint32_t i = 0; i < plan->n_files; i++)
        CS_TRY(cs_file_record_unmark(checkpoint, plan->files[i].path, plan->batch, err));
    return CS_OK;
}

/* Plans set aside are kept until their batch is committed: until then a stopped process may still
 * commit one. */
static cs_code del_dropped(cs_checkpoint *checkpoint, int64_t committed, cs_error *err)
{
    cs_key from = cs_key_of('H');
    for (;;) {
        bool found;
        cs_plan_head head;
        CS_TRY(next_head(checkpoint, &from, &found, &head, err));
        if (!found)
            return CS_OK;
        from = key_of_digest('H', &head.digest);
        if ((int64_t)head.batch <= committed)
            CS_TRY(del_plan(checkpoint, from, err));
        cs_key_add(&from, "", 1); /* the next key after this one */
    }
}

static cs_code del_old(cs_checkpoint *checkpoint, uint64_t batch, cs_error *err)
{
    if (batch < CS_CHECKPOINT_PLANS_KEPT)
        return CS_OK;
    return del_plan(checkpoint, key_of_batch('h', batch - CS_CHECKPOINT_PLANS_KEPT), err);
}

static cs_code save_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    const cs_plan *plan = ctx;
    cs_checkpoint_state state = checkpoint->state;
    cs_key key = key_of_batch('h', plan->batch);
    CS_TRY(put_plan(checkpoint, plan, &key, 'p', err));
    CS_TRY(mark_files(checkpoint, plan, err));
    CS_TRY(del_dropped(checkpoint, state.committed, err));
    CS_TRY(del_old(checkpoint, plan->batch, err));
    state.planned = (int64_t)plan->batch;
    state.empty = false;
    return cs_checkpoint_put_state(checkpoint, &state, err);
}

static cs_code replan_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    const cs_plan *plan = ctx;
    cs_checkpoint_state state = checkpoint->state;
    cs_key aside = key_of_digest('H', &plan->digest);
    CS_TRY(put_plan(checkpoint, plan, &aside, 'd', err));
    CS_TRY(del_plan(checkpoint, key_of_batch('h', plan->batch), err));
    CS_TRY(unmark_files(checkpoint, plan, err));
    state.planned = state.committed;
    return cs_checkpoint_put_state(checkpoint, &state, err);
}

static cs_code find_dropped_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    dropped_ctx *dropped = ctx;
    cs_key from = cs_key_of('H');
    for (;;) {
        CS_TRY(next_head(checkpoint, &from, &dropped->found, &dropped->head, err));
        if (!dropped->found || cs_digest63(&dropped->head.digest) == dropped->digest63)
            return CS_OK;
        from = key_of_digest('H', &dropped->head.digest);
        cs_key_add(&from, "", 1); /* the next key after this one */
    }
}

/* The newer plan is set aside in turn: it was dispatched once, and is no more than that now. */
static cs_code adopt_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    const dropped_ctx *dropped = ctx;
    cs_checkpoint_state state = checkpoint->state;
    if (dropped->newer != NULL)
        CS_TRY(replan_txn(checkpoint, (void *)(uintptr_t)dropped->newer, err));
    CS_TRY(del_plan(checkpoint, key_of_digest('H', &dropped->plan->digest), err));
    cs_key key = key_of_batch('h', dropped->plan->batch);
    CS_TRY(put_plan(checkpoint, dropped->plan, &key, 'p', err));
    CS_TRY(mark_files(checkpoint, dropped->plan, err));
    state.planned = (int64_t)dropped->plan->batch;
    return cs_checkpoint_put_state(checkpoint, &state, err);
}
