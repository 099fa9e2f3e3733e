/* What the table says of streams: the txn actions that our commits carry besides the batch number. */
#include <stdio.h>

#include "common/delta/delta_lines.h"
#include "common/delta/delta_listing.h"
#include "common/delta/delta_path.h"
#include "coordinator/commit/sink_delta.h"

#define DIGEST_PREFIX "cstream-digest:"
#define CARRIER_COMMITS_MAX 1000 /* looked through for the commit that carried a txn */

static bool parse_digest_id(cs_str app_id, uint64_t *source_hash, cs_uuid *stream);
static cs_code take_removed(const cs_delta_action *action, uint32_t stream_hash, cs_delta_restored *out, cs_error *err);
static cs_code read_carrier(cs_store *table, cs_str stream, int64_t version, bool *carries, cs_buf *below,
                            cs_error *err);

void cs_delta_stream_digest_id(const cs_uuid *stream, uint64_t source_hash, char out[CS_DELTA_APP_ID_MAX])
{
    char text[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(stream, text);
    (void)snprintf(out, CS_DELTA_APP_ID_MAX, DIGEST_PREFIX "%016llx:%s", (unsigned long long)source_hash, text);
}

const cs_delta_txn *cs_delta_stream_digest(const cs_delta_log *log, const cs_uuid *stream)
{
    const cs_delta_txn *newest = NULL;
    for (size_t i = 0; i < cs_delta_log_txns(log); i++) {
        const cs_delta_txn *txn = &cs_delta_log_txn_at(log, i)->txn;
        uint64_t source_hash;
        cs_uuid found;
        if (parse_digest_id(txn->app_id, &source_hash, &found) && cs_uuid_eq(&found, stream) &&
            (!newest || txn->last_updated_ms > newest->last_updated_ms))
            newest = txn;
    }
    return newest;
}

const cs_sink_other *cs_delta_stream_others(const cs_delta_log *log, const cs_uuid *stream, uint64_t source_hash,
                                            cs_arena *arena, size_t *n)
{
    size_t count = cs_delta_log_txns(log), found = 0;
    cs_sink_other *others = NULL;
    for (size_t i = 0; i < count; i++) {
        uint64_t other_hash;
        cs_uuid other;
        if (!parse_digest_id(cs_delta_log_txn_at(log, i)->txn.app_id, &other_hash, &other) ||
            other_hash != source_hash || cs_uuid_eq(&other, stream))
            continue;
        if (!others)
            others = cs_arena_array(arena, cs_sink_other, count - i);
        char text[CS_UUID_TEXT_LEN + 1];
        cs_uuid_text(&other, text);
        const cs_delta_log_txn *batch = cs_delta_log_find_txn(log, cs_str_of(text));
        others[found++] = (cs_sink_other){ other, batch ? batch->txn.version : -1 };
    }
    *n = found;
    return others;
}

cs_code cs_delta_stream_below(cs_store *table, const cs_delta_log *log, const cs_uuid *stream, bool *ok, cs_error *err)
{
    char stream_text[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(stream, stream_text);
    const cs_delta_log_txn *ours = cs_delta_log_find_txn(log, cs_str_of(stream_text));
    bool known = ours->at_version >= 0;
    int64_t at = known ? ours->at_version : cs_delta_log_version(log);
    int64_t last = known ? at : at - CARRIER_COMMITS_MAX;
    cs_buf below = CS_BUF_INIT;
    bool carries = false, equal = true;
    cs_code code = CS_OK;
    for (; code == CS_OK && !carries && at >= 0 && at >= last; at--) {
        cs_buf_clear(&below);
        code = read_carrier(table, cs_str_of(stream_text), at, &carries, &below, err);
    }
    if (code == CS_OK)
        code = cs_buf_check(&below, err);
    if (code == CS_OK && carries && below.len > 0) {
        char name[CS_DELTA_NAME_MAX], hex[2 * CS_SHA256_LEN + 1];
        cs_delta_commit_name(at, name); /* the loop has stepped down to the version below */
        cs_sha256 sha;
        cs_stat stat;
        code = cs_delta_file_sha256(table, cs_str_of(name), &sha, &stat, err);
        if (code == CS_OK) {
            cs_hex(hex, sha.bytes, CS_SHA256_LEN);
            equal = cs_str_eq(cs_buf_str(&below), cs_str_of(hex));
        }
    }
    cs_buf_done(&below);
    if (code != CS_OK && code != CS_E_NOT_FOUND)
        return code;
    *ok = equal; /* where the JSON is gone it cannot be told any more */
    return CS_OK;
}

/* `part-NNNNN-<uuid>…` with a UUID that carries the stream. */
bool cs_delta_stream_part(cs_str name, uint32_t stream_hash, uint64_t *batch)
{
    const char *slash = memrchr(name.ptr, '/', name.len);
    cs_str base = slash ? (cs_str){ slash + 1, (size_t)(name.ptr + name.len - slash) - 1 } : name;
    cs_str prefix = CS_STR("part-");
    if (!cs_str_starts(base, prefix))
        return false;
    const char *dash = memchr(base.ptr + prefix.len, '-', base.len - prefix.len);
    if (!dash || (size_t)(base.ptr + base.len - dash) <= CS_UUID_TEXT_LEN)
        return false;
    cs_uuid uuid;
    uint32_t found_hash;
    return cs_uuid_parse((cs_str){ dash + 1, CS_UUID_TEXT_LEN }, &uuid) &&
           cs_uuid_part_read(&uuid, &found_hash, batch) && found_hash == stream_hash;
}

cs_code cs_delta_stream_restored(cs_store *table, int64_t at, uint32_t stream_hash, cs_delta_restored *out,
                                 cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(at, name);
    cs_delta_lines *lines;
    CS_TRY(cs_delta_lines_open(table, cs_str_of(name),
                               CS_DELTA_MASK(CS_DELTA_COMMIT_INFO) | CS_DELTA_MASK(CS_DELTA_REMOVE), &lines, err));
    cs_delta_restored found = { .first = UINT64_MAX };
    bool restores = false;
    const cs_delta_action *action = NULL;
    cs_code code;
    do {
        code = cs_delta_lines_next(lines, &action, err);
        cs_str operation;
        if (code != CS_OK || !action)
            break;
        if (action->kind == CS_DELTA_REMOVE)
            code = take_removed(action, stream_hash, &found, err);
        else if (cs_json_str(cs_json_get(action->commit_info, "operation"), &operation))
            restores = cs_str_eq(operation, CS_STR("RESTORE"));
    } while (code == CS_OK);
    cs_delta_lines_close(lines);
    if (code == CS_OK)
        *out = restores ? found : (cs_delta_restored){ 0 };
    return code;
}

/* `cstream-digest:<hash16>:<S>` → its hash and S. */
static bool parse_digest_id(cs_str app_id, uint64_t *source_hash, cs_uuid *stream)
{
    cs_str prefix = CS_STR(DIGEST_PREFIX);
    if (app_id.len != prefix.len + 17 + CS_UUID_TEXT_LEN || !cs_str_starts(app_id, prefix) ||
        app_id.ptr[prefix.len + 16] != ':')
        return false;
    *source_hash = 0;
    for (size_t i = prefix.len; i < prefix.len + 16; i++) {
        char c = app_id.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f'))
            return false;
        *source_hash = *source_hash << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return cs_uuid_parse((cs_str){ app_id.ptr + prefix.len + 17, CS_UUID_TEXT_LEN }, stream);
}

/* Does the commit of `version` carry our txn; with which `below`. */
static cs_code read_carrier(cs_store *table, cs_str stream, int64_t version, bool *carries, cs_buf *below,
                            cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(version, name);
    cs_delta_lines *lines;
    CS_TRY(cs_delta_lines_open(table, cs_str_of(name),
                               CS_DELTA_MASK(CS_DELTA_TXN) | CS_DELTA_MASK(CS_DELTA_COMMIT_INFO), &lines, err));
    const cs_delta_action *action;
    cs_code code;
    do {
        code = cs_delta_lines_next(lines, &action, err);
        if (code != CS_OK || !action)
            break;
        cs_str text;
        if (action->kind == CS_DELTA_TXN)
            *carries |= cs_str_eq(action->txn.app_id, stream);
        else if (cs_json_str(cs_json_get(cs_json_get(action->commit_info, "cstream"), "below"), &text))
            cs_buf_add_str(below, text);
    } while (true);
    cs_delta_lines_close(lines);
    return code;
}

static cs_code take_removed(const cs_delta_action *action, uint32_t stream_hash, cs_delta_restored *out, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_str name;
    uint64_t batch;
    cs_code code = cs_delta_path_decode(action->remove.path, &arena, &name, err);
    if (code == CS_OK && cs_delta_stream_part(name, stream_hash, &batch)) {
        out->parts++;
        out->first = batch < out->first ? batch : out->first;
        out->last = batch > out->last ? batch : out->last;
    }
    cs_arena_done(&arena);
    return code == CS_E_UNSUPPORTED ? CS_OK : code; /* an absolute path is not one of ours */
}
