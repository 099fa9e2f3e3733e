#include "common/delta/delta_state.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/delta/delta_feature.h"

#define SLOTS_FIRST 64

static void copy_protocol(cs_delta_state *state, const cs_delta_protocol *from);
static void copy_metadata(cs_delta_state *state, const cs_delta_metadata *from);
static cs_code apply_txn(cs_delta_state *state, const cs_delta_txn *txn, int64_t at_version, cs_error *err);
static size_t find_slot(const cs_delta_state *state, cs_str app_id);
static cs_code grow_slots(cs_delta_state *state, cs_error *err);
static int64_t timestamp_of(const cs_json *commit_info);

cs_code cs_delta_state_apply(cs_delta_state *state, const cs_delta_action *action, int64_t at_version, cs_error *err)
{
    switch (action->kind) {
    case CS_DELTA_PROTOCOL:
        copy_protocol(state, &action->protocol);
        return CS_OK;
    case CS_DELTA_METADATA:
        copy_metadata(state, &action->metadata);
        return CS_OK;
    case CS_DELTA_TXN:
        return apply_txn(state, &action->txn, at_version, err);
    case CS_DELTA_COMMIT_INFO:
        state->timestamp_ms = timestamp_of(action->commit_info);
        return CS_OK;
    case CS_DELTA_OTHER:
    case CS_DELTA_ADD:
    case CS_DELTA_REMOVE:
    case CS_DELTA_SIDECAR:
        break;
    }
    return CS_OK;
}

cs_code cs_delta_state_settle(cs_delta_state *state, cs_error *err)
{
    if (!state->has_protocol || !state->has_metadata)
        return cs_error_set(err, CS_E_DAMAGED_LOG, "damaged log: no %s action",
                            state->has_protocol ? "metaData" : "protocol");
    if (state->settled)
        return CS_OK;
    CS_TRY(cs_delta_check_read(&state->protocol, &state->metadata, err));
    cs_error why = { 0 };
    cs_code code =
        cs_schema_parse_json(state->metadata.schema_text, &state->metadata_arena, &state->schema, &why);
    if (code != CS_OK) {
        code = code == CS_E_BAD_SCHEMA ? CS_E_DAMAGED_LOG : code;
        return cs_error_set(err, code, "damaged log: schemaString: %s", why.message);
    }
    state->settled = true;
    return CS_OK;
}

void cs_delta_state_done(cs_delta_state *state)
{
    cs_arena_done(&state->protocol_arena);
    cs_arena_done(&state->metadata_arena);
    cs_arena_done(&state->txn_arena);
    cs_buf_done(&state->txns);
    free(state->slots);
    *state = (cs_delta_state){ 0 };
}

const cs_delta_log_txn *cs_delta_state_find_txn(const cs_delta_state *state, cs_str app_id)
{
    if (state->n_slots == 0)
        return NULL;
    uint32_t index = state->slots[find_slot(state, app_id)];
    return index == 0 ? NULL : cs_delta_state_txn_at(state, index - 1);
}

size_t cs_delta_state_txns(const cs_delta_state *state)
{
    return state->txns.len / sizeof(cs_delta_log_txn);
}

const cs_delta_log_txn *cs_delta_state_txn_at(const cs_delta_state *state, size_t at)
{
    return (const cs_delta_log_txn *)(const void *)state->txns.ptr + at;
}

static const cs_str *copy_list(cs_arena *arena, const cs_str *from, size_t n)
{
    cs_str *items = cs_arena_array(arena, cs_str, n);
    for (size_t i = 0; i < n; i++)
        items[i] = cs_arena_str(arena, from[i]);
    return items;
}

static void copy_protocol(cs_delta_state *state, const cs_delta_protocol *from)
{
    cs_arena *arena = &state->protocol_arena;
    cs_arena_reset(arena);
    state->protocol = *from;
    state->protocol.reader_features = copy_list(arena, from->reader_features, from->n_reader_features);
    state->protocol.writer_features = copy_list(arena, from->writer_features, from->n_writer_features);
    state->has_protocol = true;
    state->settled = false;
    state->generation++;
}

static void copy_metadata(cs_delta_state *state, const cs_delta_metadata *from)
{
    cs_arena *arena = &state->metadata_arena;
    cs_arena_reset(arena);
    cs_delta_pair *configuration = cs_arena_array(arena, cs_delta_pair, from->n_configuration);
    for (size_t i = 0; i < from->n_configuration; i++) {
        configuration[i].key = cs_arena_str(arena, from->configuration[i].key);
        if (from->configuration[i].value.ptr)
            configuration[i].value = cs_arena_str(arena, from->configuration[i].value);
    }
    state->metadata = (cs_delta_metadata){
        .id = cs_arena_str(arena, from->id),
        .name = cs_arena_str(arena, from->name),
        .description = cs_arena_str(arena, from->description),
        .provider = cs_arena_str(arena, from->provider),
        .schema_text = cs_arena_str(arena, from->schema_text),
        .partition_columns = copy_list(arena, from->partition_columns, from->n_partition_columns),
        .n_partition_columns = from->n_partition_columns,
        .configuration = configuration,
        .n_configuration = from->n_configuration,
        .created_ms = from->created_ms,
    };
    state->has_metadata = true;
    state->settled = false;
    state->generation++;
}

static cs_code apply_txn(cs_delta_state *state, const cs_delta_txn *txn, int64_t at_version, cs_error *err)
{
    size_t count = cs_delta_state_txns(state);
    if (2 * (count + 1) > state->n_slots)
        CS_TRY(grow_slots(state, err));
    size_t slot = find_slot(state, txn->app_id);
    if (state->slots[slot] == 0) {
        cs_delta_log_txn fresh = { .txn.app_id = cs_arena_str(&state->txn_arena, txn->app_id) };
        cs_buf_add(&state->txns, &fresh, sizeof fresh);
        CS_TRY(cs_buf_check(&state->txns, err));
        state->slots[slot] = (uint32_t)count + 1;
    }
    cs_delta_log_txn *entry = (cs_delta_log_txn *)(void *)state->txns.ptr + (state->slots[slot] - 1);
    entry->txn.version = txn->version;
    entry->txn.last_updated_ms = txn->last_updated_ms;
    entry->at_version = at_version;
    return CS_OK;
}

/* The slot that holds app_id, or the free one where it belongs. */
static size_t find_slot(const cs_delta_state *state, cs_str app_id)
{
    size_t at = cs_hash64(app_id.ptr, app_id.len) & (state->n_slots - 1);
    while (state->slots[at] != 0 &&
           !cs_str_eq(cs_delta_state_txn_at(state, state->slots[at] - 1)->txn.app_id, app_id))
        at = (at + 1) & (state->n_slots - 1);
    return at;
}

static cs_code grow_slots(cs_delta_state *state, cs_error *err)
{
    size_t count = cs_delta_state_txns(state);
    size_t n_slots = state->n_slots == 0 ? SLOTS_FIRST : 2 * state->n_slots;
    uint32_t *slots = n_slots > UINT32_MAX ? NULL : calloc(n_slots, sizeof *slots);
    if (!slots)
        return cs_error_set(err, CS_E_NOMEM, "no memory for %zu transactions of the log", count);
    free(state->slots);
    state->slots = slots;
    state->n_slots = n_slots;
    for (size_t i = 0; i < count; i++)
        slots[find_slot(state, cs_delta_state_txn_at(state, i)->txn.app_id)] = (uint32_t)i + 1;
    return CS_OK;
}

static int64_t timestamp_of(const cs_json *commit_info)
{
    int64_t at_ms;
    if (cs_json_i64(cs_json_get(commit_info, "inCommitTimestamp"), &at_ms) ||
        cs_json_i64(cs_json_get(commit_info, "timestamp"), &at_ms))
        return at_ms;
    return 0;
}
