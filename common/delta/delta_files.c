/* The live files of a snapshot, from the newest commit back to the log checkpoint: the first action met for a
 * key is the newest, so it is enough to remember the keys met in commits. Files of the checkpoint are not
 * remembered: there each key stands once. */
#include <stdlib.h>

#include "common/delta/delta_checkpoint.h"
#include "common/delta/delta_keys.h"
#include "common/delta/delta_lines.h"
#include "common/delta/delta_path.h"
#include "common/delta/delta_snapshot_state.h"

#define FILE_MASK (CS_DELTA_MASK(CS_DELTA_ADD) | CS_DELTA_MASK(CS_DELTA_REMOVE))

struct cs_delta_files {
    const cs_delta_snapshot *snapshot;
    int64_t next_commit;
    int64_t first_commit;
    cs_delta_lines *lines;
    cs_delta_checkpoint_reader *checkpoint;
    bool at_end;
    cs_delta_keys met;
    cs_buf removed; /* cs_hash128 of the removes of the commit in hand */
    cs_arena arena; /* of the file in hand */
    cs_delta_file file;
};

static cs_code next_source(cs_delta_files *files, cs_error *err);
static cs_code take(cs_delta_files *files, const cs_delta_action *action, bool *live, cs_error *err);
static cs_code close_commit(cs_delta_files *files, cs_error *err);
static cs_code file_key(cs_delta_files *files, cs_str path, const cs_delta_vector *vector, cs_str *name,
                        cs_hash128 *key, cs_error *err);

cs_code cs_delta_files_open(cs_delta_snapshot *snapshot, cs_delta_files **out, cs_error *err)
{
    (void)err;
    cs_delta_files *files = cs_xcalloc(1, sizeof *files);
    const cs_delta_replay *replay = &snapshot->replay;
    files->snapshot = snapshot;
    files->next_commit = replay->version;
    files->first_commit = replay->has_checkpoint ? replay->checkpoint.version + 1 : 0;
    *out = files;
    return CS_OK;
}

cs_code cs_delta_files_next(cs_delta_files *files, const cs_delta_file **file, cs_error *err)
{
    while (!files->at_end) {
        const cs_delta_action *action = NULL;
        if (files->lines)
            CS_TRY(cs_delta_lines_next(files->lines, &action, err));
        else if (files->checkpoint)
            CS_TRY(cs_delta_checkpoint_next(files->checkpoint, &action, err));
        if (!action) {
            CS_TRY(next_source(files, err));
            continue;
        }
        bool live = false;
        CS_TRY(take(files, action, &live, err));
        if (live) {
            *file = &files->file;
            return CS_OK;
        }
    }
    *file = NULL;
    return CS_OK;
}

void cs_delta_files_close(cs_delta_files *files)
{
    if (!files)
        return;
    cs_delta_lines_close(files->lines);
    cs_delta_checkpoint_close(files->checkpoint);
    cs_delta_keys_done(&files->met);
    cs_buf_done(&files->removed);
    cs_arena_done(&files->arena);
    free(files);
}

static cs_code next_source(cs_delta_files *files, cs_error *err)
{
    const cs_delta_snapshot *snapshot = files->snapshot;
    if (files->checkpoint) {
        files->at_end = true;
        return CS_OK;
    }
    CS_TRY(close_commit(files, err));
    if (files->next_commit >= files->first_commit) {
        char name[CS_DELTA_NAME_MAX];
        cs_delta_commit_name(files->next_commit, name);
        files->next_commit--;
        cs_code code = cs_delta_lines_open(snapshot->table, cs_str_of(name), FILE_MASK, &files->lines, err);
        if (code == CS_E_NOT_FOUND) /* it went since the listing */
            return cs_error_set(err, CS_E_DAMAGED_LOG, "log gap: commit %s is missing",
                                name + sizeof CS_DELTA_LOG_FOLDER);
        return code;
    }
    if (snapshot->replay.has_checkpoint)
        return cs_delta_checkpoint_open(snapshot->table, &snapshot->replay.checkpoint,
                                        CS_DELTA_MASK(CS_DELTA_ADD), &files->checkpoint, err);
    files->at_end = true;
    return CS_OK;
}

static cs_code take(cs_delta_files *files, const cs_delta_action *action, bool *live, cs_error *err)
{
    cs_arena_reset(&files->arena);
    cs_str name;
    cs_hash128 key;
    if (action->kind == CS_DELTA_REMOVE) {
        CS_TRY(file_key(files, action->remove.path, &action->remove.vector, &name, &key, err));
        cs_buf_add(&files->removed, &key, sizeof key);
        return cs_buf_check(&files->removed, err);
    }
    CS_TRY(file_key(files, action->add.path, &action->add.vector, &name, &key, err));
    bool fresh = false;
    if (files->checkpoint)
        fresh = !cs_delta_keys_has(&files->met, key);
    else
        CS_TRY(cs_delta_keys_add(&files->met, key, &fresh, err));
    if (fresh) {
        files->file = (cs_delta_file){ name, &action->add };
        *live = true;
    }
    return CS_OK;
}

/* Actions of one commit have no order: its removes count for older commits only, so that a commit which
 * removes and adds one file leaves it live. */
static cs_code close_commit(cs_delta_files *files, cs_error *err)
{
    const cs_hash128 *keys = (const cs_hash128 *)(const void *)files->removed.ptr;
    size_t n = files->removed.len / sizeof *keys;
    for (size_t i = 0; i < n; i++) {
        bool fresh;
        CS_TRY(cs_delta_keys_add(&files->met, keys[i], &fresh, err));
    }
    cs_buf_clear(&files->removed);
    cs_delta_lines_close(files->lines);
    files->lines = NULL;
    return CS_OK;
}

/* By the decoded name, as writers differ in what they escape. */
static cs_code file_key(cs_delta_files *files, cs_str path, const cs_delta_vector *vector, cs_str *name,
                        cs_hash128 *key, cs_error *err)
{
    CS_TRY(cs_delta_path_decode(path, &files->arena, name, err));
    cs_str text = *name;
    if (vector->storage_type.len > 0)
        text = cs_str_of(cs_arena_printf(&files->arena, "%.*s\n%.*s%.*s@%lld", CS_STR_ARG(*name),
                                         CS_STR_ARG(vector->storage_type), CS_STR_ARG(vector->path_or_inline),
                                         vector->has_offset ? (long long)vector->offset : -1));
    *key = cs_delta_key(text);
    return CS_OK;
}
