#include <assert.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "coordinator/checkpoint/checkpoint_inside.h"

/* How often the kv may ask to do a transaction again: each time it has made twice the room. */
#define AGAIN_MAX 64

typedef struct start_ctx {
    const cs_checkpoint_pin *pin;
    cs_rng *rng;
    cs_checkpoint_state state; /* as found, or drawn */
    cs_buf options;
} start_ctx;

typedef struct reset_ctx {
    const cs_accepted *accepted;
    size_t n_accepted;
    const cs_source_file *files;
    size_t n_files;
    cs_checkpoint_state state;
} reset_ctx;

typedef struct accepted_ctx {
    cs_arena *arena;
    cs_accepted *items;
    size_t n;
} accepted_ctx;

static cs_code start_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code run_txn(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                       bool with_epoch, cs_error *err);
static cs_code accepted_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code state_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code changed_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static cs_code reset_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err);
static void backup(cs_checkpoint *checkpoint);

cs_code cs_checkpoint_start(cs_kv *kv, const cs_checkpoint_pin *pin, cs_rng *rng,
                            cs_checkpoint **out, cs_error *err)
{
    cs_checkpoint *checkpoint = cs_xcalloc(1, sizeof *checkpoint);
    checkpoint->kv = kv;
    start_ctx start = { .pin = pin, .rng = rng, .options = CS_BUF_INIT };
    CS_FAULT("checkpoint.before_epoch");
    cs_code code = run_txn(checkpoint, start_txn, &start, false, err);
    if (code == CS_OK) {
        CS_FAULT("checkpoint.after_epoch");
        checkpoint->state = start.state;
        checkpoint->options = cs_arena_str(&checkpoint->arena, cs_buf_str(&start.options));
        *out = checkpoint;
    } else {
        cs_checkpoint_close(checkpoint);
    }
    cs_buf_done(&start.options);
    return code;
}

void cs_checkpoint_close(cs_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    if (checkpoint->stored_since_backup)
        backup(checkpoint);
    checkpoint->kv->ops->close(checkpoint->kv);
    cs_arena_done(&checkpoint->arena);
    cs_buf_done(&checkpoint->scratch);
    free(checkpoint);
}

const cs_checkpoint_state *cs_checkpoint_state_of(const cs_checkpoint *checkpoint)
{
    return &checkpoint->state;
}

cs_str cs_checkpoint_options(const cs_checkpoint *checkpoint)
{
    return checkpoint->options;
}

cs_code cs_checkpoint_accepted(cs_checkpoint *checkpoint, cs_arena *arena, cs_accepted **out,
                               size_t *n, cs_error *err)
{
    accepted_ctx accepted = { .arena = arena };
    CS_TRY(cs_checkpoint_read(checkpoint, accepted_txn, &accepted, err));
    *out = accepted.items;
    *n = accepted.n;
    return CS_OK;
}

cs_code cs_checkpoint_seen(cs_checkpoint *checkpoint, const cs_source_file *file, bool *known,
                           cs_content_version *version, uint64_t *batch, cs_error *err)
{
    cs_file_record record;
    CS_TRY(checkpoint->kv->ops->begin(checkpoint->kv, false, err));
    cs_code code = cs_file_record_get(checkpoint, file->path, known, &record, err);
    checkpoint->kv->ops->abort(checkpoint->kv);
    if (code == CS_OK && *known) {
        *version = record.version;
        *batch = record.batch;
    }
    return code;
}

cs_code cs_checkpoint_changed(cs_checkpoint *checkpoint, const cs_source_file *file, cs_error *err)
{
    return cs_checkpoint_write(checkpoint, changed_txn, (void *)(uintptr_t)file, err);
}

void cs_checkpoint_committed(cs_checkpoint *checkpoint, uint64_t batch, const cs_sha256 *digest,
                             const cs_uuid *table_id)
{
    cs_checkpoint_state *state = &checkpoint->state;
    assert((int64_t)batch == state->committed + 1 && state->planned >= (int64_t)batch);
    state->committed = (int64_t)batch;
    state->digest = *digest;
    state->has_table_id = true;
    state->table_id = *table_id;
    checkpoint->dirty = true;
}

cs_code cs_checkpoint_flush(cs_checkpoint *checkpoint, cs_error *err)
{
    if (checkpoint->dirty) {
        CS_FAULT("checkpoint.before_flush");
        CS_TRY(cs_checkpoint_write(checkpoint, state_txn, NULL, err));
        checkpoint->dirty = false;
        CS_FAULT("checkpoint.after_flush");
    }
    if (checkpoint->plans_since_backup >= CS_CHECKPOINT_BACKUP_PLANS)
        backup(checkpoint);
    return CS_OK;
}

cs_code cs_checkpoint_reset(cs_checkpoint *checkpoint, const cs_accepted *accepted,
                            size_t n_accepted,
                            const cs_source_file *files, size_t n_files, cs_rng *rng, cs_error *err)
{
    reset_ctx reset = { accepted, n_accepted, files, n_files,
                        { .epoch = checkpoint->state.epoch } };
    reset.state.empty = true;
    reset.state.stream = cs_uuid_v4(rng);
    reset.state.committed = reset.state.planned = -1;
    reset.state.digest = cs_plan_digest_start(&reset.state.stream);
    CS_TRY(cs_checkpoint_write(checkpoint, reset_txn, &reset, err));
    checkpoint->state = reset.state;
    checkpoint->dirty = false;
    return CS_OK;
}

/* ---- transactions ---- */

static cs_code check_epoch(cs_checkpoint *checkpoint, cs_error *err)
{
    cs_key key = cs_key_of('E');
    cs_str value;
    cs_code code = cs_checkpoint_get(checkpoint, &key, &value, err);
    if (code == CS_E_NOT_FOUND)
        return cs_checkpoint_damaged(err, cs_key_str(&key), "the epoch is gone");
    CS_TRY(code);
    cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
    uint64_t epoch;
    if (!cs_cursor_u64le(&at, &epoch))
        return cs_checkpoint_damaged(err, cs_key_str(&key), "the epoch cannot be read");
    if (epoch == checkpoint->state.epoch || CS_MUTANT("skip_epoch_check"))
        return CS_OK;
    cs_error_set(err, CS_E_CHECKPOINT_IN_USE,
                 "another coordinator took this checkpoint over: it is at epoch %llu, this one at %llu",
                 (unsigned long long)epoch, (unsigned long long)checkpoint->state.epoch);
    cs_error_hint(err, "this process has written nothing since; the other one goes on");
    return CS_E_CHECKPOINT_IN_USE;
}

static cs_code run_txn(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                       bool with_epoch, cs_error *err)
{
    cs_kv *kv = checkpoint->kv;
    cs_code code = CS_E_AGAIN;
    for (int i = 0; i < AGAIN_MAX && code == CS_E_AGAIN; i++) {
        CS_TRY(kv->ops->begin(kv, true, err));
        code = with_epoch ? check_epoch(checkpoint, err) : CS_OK;
        if (code == CS_OK)
            code = fn(checkpoint, ctx, err);
        if (code == CS_OK)
            code = kv->ops->commit(kv, err);
        if (code != CS_OK)
            kv->ops->abort(kv);
    }
    if (code == CS_OK)
        checkpoint->stored_since_backup = true;
    return code;
}

cs_code cs_checkpoint_write(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                            cs_error *err)
{
    return run_txn(checkpoint, fn, ctx, true, err);
}

cs_code cs_checkpoint_read(cs_checkpoint *checkpoint, cs_checkpoint_txn_fn fn, void *ctx,
                           cs_error *err)
{
    CS_TRY(checkpoint->kv->ops->begin(checkpoint->kv, false, err));
    cs_code code = fn(checkpoint, ctx, err);
    checkpoint->kv->ops->abort(checkpoint->kv);
    return code;
}

/* A job does not end because its spare copy could not be written; people are told. */
static void backup(cs_checkpoint *checkpoint)
{
    cs_error err;
    checkpoint->plans_since_backup = 0;
    checkpoint->stored_since_backup = false;
    if (checkpoint->kv->ops->backup(checkpoint->kv, &err) != CS_OK)
        cs_log(CS_LOG_WARN, "the checkpoint was not backed up: %s", err.message);
}

/* ---- state ---- */

cs_code cs_checkpoint_put_state(cs_checkpoint *checkpoint, const cs_checkpoint_state *state,
                                cs_error *err)
{
    cs_buf value = CS_BUF_INIT;
    cs_buf_add_char(&value, state->empty ? 1 : 0);
    cs_buf_add_u64le(&value, (uint64_t)state->committed);
    cs_buf_add_u64le(&value, (uint64_t)state->planned);
    cs_buf_add(&value, state->digest.bytes, CS_SHA256_LEN);
    cs_buf_add_char(&value, state->has_table_id ? 1 : 0);
    cs_buf_add(&value, state->table_id.bytes, sizeof state->table_id.bytes);
    cs_key key = cs_key_of('C');
    cs_code code = cs_buf_check(&value, err);
    if (code == CS_OK)
        code = cs_checkpoint_put(checkpoint, &key, cs_buf_str(&value), err);
    cs_buf_done(&value);
    return code;
}

cs_code cs_state_parse(cs_str value, cs_checkpoint_state *out)
{
    cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
    cs_str empty, digest, has_table_id, table_id;
    uint64_t committed, planned;
    if (!cs_cursor_bytes(&at, 1, &empty) || !cs_cursor_u64le(&at, &committed) ||
        !cs_cursor_u64le(&at, &planned) ||
        !cs_cursor_bytes(&at, CS_SHA256_LEN, &digest) || !cs_cursor_bytes(&at, 1, &has_table_id) ||
        !cs_cursor_bytes(&at, sizeof out->table_id.bytes,
                         &table_id) || (int64_t)planned < (int64_t)committed)
        return CS_E_DAMAGED_CHECKPOINT;
    out->empty = empty.ptr[0] != 0;
    out->committed = (int64_t)committed;
    out->planned = (int64_t)planned;
    memcpy(out->digest.bytes, digest.ptr, CS_SHA256_LEN);
    out->has_table_id = has_table_id.ptr[0] != 0;
    memcpy(out->table_id.bytes, table_id.ptr, table_id.len);
    return CS_OK;
}

static cs_code state_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    (void)ctx;
    return cs_checkpoint_put_state(checkpoint, &checkpoint->state, err);
}

static cs_code put_u64(cs_checkpoint *checkpoint, const cs_key *key, uint64_t value, cs_error *err)
{
    cs_buf bytes = CS_BUF_INIT;
    cs_buf_add_u64le(&bytes, value);
    cs_code code = cs_buf_check(&bytes, err);
    if (code == CS_OK)
        code = cs_checkpoint_put(checkpoint, key, cs_buf_str(&bytes), err);
    cs_buf_done(&bytes);
    return code;
}

static cs_code put_stream(cs_checkpoint *checkpoint, const cs_uuid *stream, cs_error *err)
{
    cs_key key = cs_key_of('S');
    return cs_checkpoint_put(checkpoint, &key,
                             (cs_str){ (const char *)stream->bytes, sizeof stream->bytes }, err);
}

/* ---- start ---- */

static void print_pin(const cs_checkpoint_pin *pin, cs_buf *out)
{
    cs_buf_add_varint(out, pin->source_path.len);
    cs_buf_add_str(out, pin->source_path);
    cs_buf_add_str(out, pin->source_format);
}

static cs_code compare_pin(cs_str stored, const cs_checkpoint_pin *pin, cs_error *err)
{
    cs_cursor at = { (const uint8_t *)stored.ptr, (const uint8_t *)stored.ptr + stored.len };
    uint64_t len;
    cs_str path;
    cs_key key = cs_key_of('P');
    if (!cs_cursor_varint(&at, &len) || !cs_cursor_bytes(&at, (size_t)len, &path))
        return cs_checkpoint_damaged(err, cs_key_str(&key), "the source cannot be read");
    cs_str format = { (const char *)at.at, (size_t)(at.end - at.at) };
    if (cs_str_eq(path, pin->source_path) && cs_str_eq(format, pin->source_format))
        return CS_OK;
    char was[300], is[300];
    cs_error_set(err, CS_E_CHECKPOINT_MISMATCH,
                 "this checkpoint belongs to the source %.*s:%s, not to %.*s:%s",
                 CS_STR_ARG(format), cs_escape(was, sizeof was,
                                               path), CS_STR_ARG(pin->source_format),
                 cs_escape(is, sizeof is, pin->source_path));
    cs_error_hint(err, "give each stream a checkpoint of its own");
    return CS_E_CHECKPOINT_MISMATCH;
}

/* What an earlier start left; CS_E_NOT_FOUND when there was none. */
static cs_code read_state(cs_checkpoint *checkpoint, start_ctx *start, cs_error *err)
{
    cs_checkpoint_state *state = &start->state;
    cs_key epoch_key = cs_key_of('E'), stream_key = cs_key_of('S'), state_key = cs_key_of('C');
    cs_key pin_key = cs_key_of('P'), options_key = cs_key_of('O');
    cs_str value;
    CS_TRY(cs_checkpoint_get(checkpoint, &epoch_key, &value, err));
    cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
    if (!cs_cursor_u64le(&at, &state->epoch))
        return cs_checkpoint_damaged(err, cs_key_str(&epoch_key), "the epoch cannot be read");
    cs_code code = cs_checkpoint_get(checkpoint, &stream_key, &value, err);
    if (code == CS_OK && value.len == sizeof state->stream.bytes)
        memcpy(state->stream.bytes, value.ptr, value.len);
    else
        return cs_checkpoint_damaged(err, cs_key_str(&stream_key),
                                     "the stream's id cannot be read");
    code = cs_checkpoint_get(checkpoint, &state_key, &value, err);
    if (code != CS_OK || cs_state_parse(value, state) != CS_OK)
        return cs_checkpoint_damaged(err, cs_key_str(&state_key), "the state cannot be read");
    code = cs_checkpoint_get(checkpoint, &pin_key, &value, err);
    if (code != CS_OK)
        return cs_checkpoint_damaged(err, cs_key_str(&pin_key), "the source cannot be read");
    if (start->pin != NULL)
        CS_TRY(compare_pin(value, start->pin, err));
    code = cs_checkpoint_get(checkpoint, &options_key, &value, err);
    if (code != CS_OK)
        return cs_checkpoint_damaged(err, cs_key_str(&options_key), "the options cannot be read");
    if (start->pin == NULL)
        cs_buf_add_str(&start->options, value);
    return CS_OK;
}

static cs_code start_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    start_ctx *start = ctx;
    cs_checkpoint_state *state = &start->state;
    cs_buf_clear(&start->options);
    *state = (cs_checkpoint_state){ 0 };
    cs_code code = read_state(checkpoint, start, err);
    if (code == CS_E_NOT_FOUND && start->pin != NULL) {
        *state = (cs_checkpoint_state){ .empty = true, .committed = -1, .planned = -1 };
        state->stream = cs_uuid_v4(start->rng);
        state->digest = cs_plan_digest_start(&state->stream);
        cs_buf pin = CS_BUF_INIT;
        print_pin(start->pin, &pin);
        cs_key key = cs_key_of('P');
        code = cs_buf_check(&pin, err);
        if (code == CS_OK)
            code = cs_checkpoint_put(checkpoint, &key, cs_buf_str(&pin), err);
        cs_buf_done(&pin);
        CS_TRY(code);
        CS_TRY(put_stream(checkpoint, &state->stream, err));
        CS_TRY(cs_checkpoint_put_state(checkpoint, state, err));
    } else if (code == CS_E_NOT_FOUND) {
        return cs_error_set(err, CS_E_NOT_FOUND, "no job ever started with this checkpoint");
    }
    CS_TRY(code);
    if (start->pin != NULL) {
        cs_buf_add_str(&start->options, start->pin->options);
        cs_key key = cs_key_of('O');
        CS_TRY(cs_checkpoint_put(checkpoint, &key, start->pin->options, err));
    }
    CS_TRY(cs_buf_check(&start->options, err));
    cs_key key = cs_key_of('E');
    return put_u64(checkpoint, &key, ++state->epoch, err);
}

/* ---- the rest ---- */

static cs_code accepted_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    accepted_ctx *accepted = ctx;
    cs_kv *kv = checkpoint->kv;
    size_t cap = 0;
    cs_key from = cs_key_of('a');
    for (;;) {
        cs_str key, sealed, value;
        cs_code code = kv->ops->seek(kv, cs_key_str(&from), &key, &sealed, err);
        if (code == CS_E_NOT_FOUND || (code == CS_OK && (key.len == 0 || key.ptr[0] != 'a')))
            return CS_OK;
        CS_TRY(code);
        CS_TRY(cs_value_open(key, sealed, &value, err));
        cs_accepted item;
        uint64_t batch;
        cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
        if (key.len != 1 + sizeof item.stream.bytes || !cs_cursor_u64le(&at, &batch))
            return cs_checkpoint_damaged(err, key, "an accepted stream cannot be read");
        memcpy(item.stream.bytes, key.ptr + 1, sizeof item.stream.bytes);
        item.batch = (int64_t)batch;
        if (accepted->n == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            cs_accepted *more = cs_arena_array(accepted->arena, cs_accepted, cap);
            if (accepted->n > 0)
                memcpy(more, accepted->items, accepted->n * sizeof *more);
            accepted->items = more;
        }
        accepted->items[accepted->n++] = item;
        from.len = 0;
        cs_key_add(&from, key.ptr, key.len);
        cs_key_add(&from, "", 1); /* the next key after this one */
    }
}

static cs_code changed_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    return cs_file_record_changed(checkpoint, ctx, err);
}

static cs_code reset_txn(cs_checkpoint *checkpoint, void *ctx, cs_error *err)
{
    const reset_ctx *reset = ctx;
    static const char kinds[] = "afhpHd";
    for (const char *kind = kinds; *kind != '\0'; kind++)
        CS_TRY(cs_checkpoint_del_all(checkpoint, (cs_str){ kind, 1 }, err));
    for (size_t i = 0; i < reset->n_accepted; i++) {
        cs_key key = cs_key_of('a');
        cs_key_add(&key, reset->accepted[i].stream.bytes, sizeof reset->accepted[i].stream.bytes);
        CS_TRY(put_u64(checkpoint, &key, (uint64_t)reset->accepted[i].batch, err));
    }
    for (size_t i = 0; i < reset->n_files; i++)
        CS_TRY(cs_file_record_mark(checkpoint, &reset->files[i], CS_FILE_TAKEN, err));
    CS_TRY(put_stream(checkpoint, &reset->state.stream, err));
    return cs_checkpoint_put_state(checkpoint, &reset->state, err);
}
