#include "common/delta/delta_replay.h"

#include "common/delta/delta_checkpoint.h"
#include "common/delta/delta_lines.h"

static cs_code apply_from(cs_store *table, const cs_delta_checkpoint *base, int64_t version, cs_delta_state *state,
                          cs_delta_replay *out, cs_error *err);
static cs_code apply_checkpoint(cs_store *table, const cs_delta_checkpoint *checkpoint, cs_delta_state *state,
                                cs_error *err);
static cs_code no_base(int64_t missing, bool was_damaged, const cs_error *damage, cs_error *err);

cs_code cs_delta_replay_state(cs_store *table, const cs_delta_listing *listing, int64_t version,
                              cs_delta_state *state, cs_delta_replay *out, cs_error *err)
{
    int64_t to = version < 0 ? listing->newest : version;
    int64_t first_missing = -1;
    bool was_damaged = false;
    cs_error damage = { 0 };
    for (size_t i = 0; i <= listing->n_checkpoints; i++) {
        const cs_delta_checkpoint *base = i < listing->n_checkpoints ? &listing->checkpoints[i] : NULL;
        if (base && base->version > to)
            continue;
        int64_t missing = cs_delta_listing_gap(listing, base ? base->version + 1 : 0, to);
        if (missing >= 0) {
            if (first_missing < 0 || !base)
                first_missing = missing;
            continue;
        }
        cs_delta_state tried = { 0 };
        cs_error why = { 0 };
        cs_code code = base ? apply_checkpoint(table, base, &tried, &why) : CS_OK;
        if (code == CS_E_DAMAGED_LOG || code == CS_E_NOT_FOUND) {
            cs_delta_state_done(&tried);
            damage = why;
            was_damaged = true;
            continue;
        }
        if (code == CS_OK)
            code = apply_from(table, base, to, &tried, out, &why);
        if (code != CS_OK) {
            cs_delta_state_done(&tried);
            if (err)
                *err = why;
            return code;
        }
        *state = tried;
        return CS_OK;
    }
    return no_base(first_missing, was_damaged, &damage, err);
}

cs_code cs_delta_replay_commit(cs_store *table, int64_t version, unsigned mask, cs_delta_state *state, cs_stat *stat,
                               cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(version, name);
    cs_delta_lines *lines;
    CS_TRY(cs_delta_lines_open(table, cs_str_of(name), mask, &lines, err));
    const cs_delta_action *action = NULL;
    cs_code code;
    do {
        code = cs_delta_lines_next(lines, &action, err);
        if (code == CS_OK && action)
            code = cs_delta_state_apply(state, action, version, err);
    } while (code == CS_OK && action);
    if (code == CS_OK)
        *stat = *cs_delta_lines_stat(lines);
    cs_delta_lines_close(lines);
    return code;
}

static cs_code apply_from(cs_store *table, const cs_delta_checkpoint *base, int64_t version, cs_delta_state *state,
                          cs_delta_replay *out, cs_error *err)
{
    cs_delta_replay replay = { .version = version, .has_checkpoint = base != NULL };
    if (base)
        replay.checkpoint = *base;
    for (int64_t at = base ? base->version + 1 : 0; at <= version; at++) {
        /* Only the newest commitInfo is of use. */
        unsigned mask = CS_DELTA_STATE_MASK & ~(at < version ? CS_DELTA_MASK(CS_DELTA_COMMIT_INFO) : 0);
        cs_code code = cs_delta_replay_commit(table, at, mask, state, &replay.commit_stat, err);
        if (code == CS_E_NOT_FOUND) /* it went since the listing */
            return no_base(at, false, NULL, err);
        CS_TRY(code);
        replay.has_commit = true;
    }
    CS_TRY(cs_delta_state_settle(state, err));
    if (!replay.has_commit) {
        /* The checkpoint is the newest version: its JSON may be there or cleaned up. */
        char name[CS_DELTA_NAME_MAX];
        cs_delta_commit_name(version, name);
        cs_code code = cs_store_stat(table, cs_str_of(name), &replay.commit_stat, err);
        if (code != CS_OK && code != CS_E_NOT_FOUND)
            return code;
        replay.has_commit = code == CS_OK;
    }
    *out = replay;
    return CS_OK;
}

static cs_code apply_checkpoint(cs_store *table, const cs_delta_checkpoint *checkpoint, cs_delta_state *state,
                                cs_error *err)
{
    cs_delta_checkpoint_reader *reader;
    CS_TRY(cs_delta_checkpoint_open(table, checkpoint, CS_DELTA_STATE_MASK, &reader, err));
    const cs_delta_action *action = NULL;
    cs_code code;
    do {
        code = cs_delta_checkpoint_next(reader, &action, err);
        if (code == CS_OK && action)
            code = cs_delta_state_apply(state, action, -1, err);
    } while (code == CS_OK && action);
    cs_delta_checkpoint_close(reader);
    if (code == CS_OK && (!state->has_protocol || !state->has_metadata))
        code = cs_error_set(err, CS_E_DAMAGED_LOG, "damaged log: %s has no %s",
                            checkpoint->name + sizeof CS_DELTA_LOG_FOLDER,
                            state->has_protocol ? "metaData" : "protocol");
    return code;
}

static cs_code no_base(int64_t missing, bool was_damaged, const cs_error *damage, cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    if (missing < 0)
        return cs_error_set(err, CS_E_DAMAGED_LOG, "%s", damage->message);
    cs_delta_commit_name(missing, name);
    const char *file = name + sizeof CS_DELTA_LOG_FOLDER;
    if (was_damaged)
        return cs_error_set(err, CS_E_DAMAGED_LOG, "%s, and there is a log gap: commit %s is missing",
                            damage->message, file);
    return cs_error_set(err, CS_E_DAMAGED_LOG, "log gap: commit %s is missing", file);
}
