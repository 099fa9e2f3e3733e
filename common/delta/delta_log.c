#include "common/delta/delta_log.h"

#include <stdlib.h>

#include "common/base/fault.h"
#include "common/delta/delta_lines.h"
#include "common/delta/delta_replay.h"

struct cs_delta_log {
    cs_store *table;
    int64_t version;
    cs_delta_state state;
    bool has_commit; /* V.json is there (or was, when it was read) */
    cs_stat stat;    /* of V.json, from the descriptor it was read by */
    bool has_sha;
    cs_sha256 sha;   /* of V.json; worked out when asked for */
};

static cs_code load(cs_delta_log *log, cs_error *err);
static cs_code take_over(cs_delta_log *log, int64_t version, cs_str lines, const cs_stat *stat, const cs_sha256 *sha,
                         cs_error *err);
static bool same_file(const cs_stat *a, const cs_stat *b);
static cs_code replaced(const cs_delta_log *log, const char *what, cs_error *err);

cs_code cs_delta_log_open(cs_store *table, cs_delta_log **out, cs_error *err)
{
    cs_delta_log *log = cs_xcalloc(1, sizeof *log);
    log->table = table;
    log->version = -1;
    cs_code code = load(log, err);
    if (code != CS_OK) {
        cs_delta_log_close(log);
        return code;
    }
    *out = log;
    return CS_OK;
}

void cs_delta_log_close(cs_delta_log *log)
{
    if (!log)
        return;
    cs_delta_state_done(&log->state);
    free(log);
}

cs_code cs_delta_log_refresh(cs_delta_log *log, cs_error *err)
{
    if (log->version < 0)
        return load(log, err);
    for (;;) {
        cs_stat stat;
        cs_code code = cs_delta_replay_commit(log->table, log->version + 1, CS_DELTA_STATE_MASK, &log->state,
                                              &stat, err);
        if (code == CS_E_NOT_FOUND)
            return CS_OK;
        CS_TRY(code);
        CS_TRY(cs_delta_state_settle(&log->state, err));
        log->version++;
        log->has_commit = true;
        log->stat = stat;
        log->has_sha = false;
    }
}

cs_code cs_delta_log_check(cs_delta_log *log, cs_error *err)
{
    if (log->version < 0)
        return CS_OK;
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(log->version, name);
    cs_stat now;
    cs_code code = cs_store_stat(log->table, cs_str_of(name), &now, err);
    if (code == CS_E_NOT_FOUND)
        return log->has_commit ? replaced(log, "is gone", err) : CS_OK;
    CS_TRY(code);
    if (!log->has_commit || !same_file(&now, &log->stat))
        return replaced(log, "is not the file that was read before", err);
    return CS_OK;
}

cs_code cs_delta_log_commit(cs_delta_log *log, cs_str tag, cs_str lines, cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    int64_t version = log->version + 1;
    cs_delta_commit_name(version, name);
    if (log->version < 0)
        CS_TRY(cs_store_make_folder(log->table, CS_STR(CS_DELTA_LOG_FOLDER), err));
    cs_code code = cs_store_put_new(log->table, cs_str_of(name), tag, lines, err);
    while (code == CS_E_EXISTS && CS_MUTANT("no_reread_after_eexist")) {
        cs_delta_commit_name(++version, name);
        code = cs_store_put_new(log->table, cs_str_of(name), tag, lines, err);
    }
    CS_TRY(code);
    CS_FAULT("commit.after_put");
    /* Another engine may rename its own commit over ours: only what reads back as written is ours. */
    cs_sha256 wanted = cs_sha256_of(lines.ptr, lines.len), found;
    cs_stat stat;
    CS_TRY(cs_delta_file_sha256(log->table, cs_str_of(name), &found, &stat, err));
    if (memcmp(wanted.bytes, found.bytes, sizeof wanted.bytes) != 0)
        return cs_error_set(err, CS_E_TABLE_REPLACED,
                            "version %lld was overwritten by another engine right after cstream wrote it",
                            (long long)version);
    CS_FAULT("commit.before_final_check");
    CS_TRY(cs_delta_log_check(log, err));
    return take_over(log, version, lines, &stat, &found, err);
}

cs_code cs_delta_log_sync(cs_delta_log *log, cs_error *err)
{
    return log->version < 0 ? CS_OK : cs_store_sync_folder(log->table, CS_STR(CS_DELTA_LOG_FOLDER), err);
}

int64_t cs_delta_log_version(const cs_delta_log *log)
{
    return log->version;
}

const cs_delta_protocol *cs_delta_log_protocol(const cs_delta_log *log)
{
    return &log->state.protocol;
}

const cs_delta_metadata *cs_delta_log_metadata(const cs_delta_log *log)
{
    return &log->state.metadata;
}

const cs_schema *cs_delta_log_schema(const cs_delta_log *log)
{
    return &log->state.schema;
}

uint64_t cs_delta_log_generation(const cs_delta_log *log)
{
    return log->state.generation;
}

int64_t cs_delta_log_timestamp_ms(const cs_delta_log *log)
{
    return log->state.timestamp_ms;
}

cs_code cs_delta_log_sha256(cs_delta_log *log, bool *has, cs_sha256 *out, cs_error *err)
{
    if (log->has_commit && !log->has_sha) {
        char name[CS_DELTA_NAME_MAX];
        cs_delta_commit_name(log->version, name);
        cs_stat stat;
        cs_sha256 sha;
        CS_TRY(cs_delta_file_sha256(log->table, cs_str_of(name), &sha, &stat, err));
        if (!same_file(&stat, &log->stat))
            return replaced(log, "is not the file that was read before", err);
        log->sha = sha;
        log->has_sha = true;
    }
    *has = log->has_commit;
    *out = log->sha;
    return CS_OK;
}

const cs_delta_log_txn *cs_delta_log_find_txn(const cs_delta_log *log, cs_str app_id)
{
    return cs_delta_state_find_txn(&log->state, app_id);
}

size_t cs_delta_log_txns(const cs_delta_log *log)
{
    return cs_delta_state_txns(&log->state);
}

const cs_delta_log_txn *cs_delta_log_txn_at(const cs_delta_log *log, size_t at)
{
    return cs_delta_state_txn_at(&log->state, at);
}

static cs_code load(cs_delta_log *log, cs_error *err)
{
    cs_delta_listing listing;
    CS_TRY(cs_delta_listing_read(log->table, &listing, err));
    cs_delta_state state = { 0 };
    cs_delta_replay replay;
    cs_code code = CS_OK;
    if (listing.newest >= 0) {
        code = cs_delta_replay_state(log->table, &listing, -1, &state, &replay, err);
        /* A checkpoint has no commitInfo and no file identity: both come from the JSON beside it. */
        if (code == CS_OK && replay.has_commit && replay.has_checkpoint &&
            replay.checkpoint.version == replay.version)
            code = cs_delta_replay_commit(log->table, replay.version, CS_DELTA_STATE_MASK, &state,
                                          &replay.commit_stat, err);
        if (code == CS_OK)
            code = cs_delta_state_settle(&state, err);
    }
    cs_delta_listing_done(&listing);
    if (code != CS_OK || state.generation == 0) {
        cs_delta_state_done(&state);
        return code;
    }
    state.generation += log->state.generation;
    cs_delta_state_done(&log->state);
    log->state = state;
    log->version = replay.version;
    log->has_commit = replay.has_commit;
    log->stat = replay.commit_stat;
    log->has_sha = false;
    /* Commits that came since the listing. */
    return cs_delta_log_refresh(log, err);
}

/* Our own lines need no reading back into the state but for what they say of it; adds are most of them and
 * are passed over unparsed. */
static cs_code take_over(cs_delta_log *log, int64_t version, cs_str lines, const cs_stat *stat, const cs_sha256 *sha,
                         cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_code code = CS_OK;
    cs_str line;
    while (code == CS_OK && cs_str_split(&lines, '\n', &line)) {
        if (cs_str_starts(line, CS_STR("{\"add\":")))
            continue;
        cs_json_doc *doc = NULL;
        cs_delta_action action;
        code = cs_delta_action_parse(line, CS_DELTA_STATE_MASK, &arena, &doc, &action, err);
        if (code == CS_OK)
            code = cs_delta_state_apply(&log->state, &action, version, err);
        cs_json_free(doc);
    }
    cs_arena_done(&arena);
    CS_TRY(code);
    CS_TRY(cs_delta_state_settle(&log->state, err));
    log->version = version;
    log->has_commit = true;
    log->stat = *stat;
    log->sha = *sha;
    log->has_sha = true;
    return CS_OK;
}

static bool same_file(const cs_stat *a, const cs_stat *b)
{
    return a->inode == b->inode && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns;
}

static cs_code replaced(const cs_delta_log *log, const char *what, cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(log->version, name);
    return cs_error_set(err, CS_E_TABLE_REPLACED, "table was replaced: %s %s", name, what);
}
