#include "common/delta/delta_names.h"

#include "common/delta/delta_checkpoint.h"
#include "common/delta/delta_lines.h"
#include "common/delta/delta_listing.h"
#include "common/delta/delta_path.h"

#define FILE_MASK (CS_DELTA_MASK(CS_DELTA_ADD) | CS_DELTA_MASK(CS_DELTA_REMOVE))

typedef struct teller {
    cs_store *table;
    cs_code (*each)(void *ctx, cs_str name, cs_error *err);
    void *ctx;
    cs_arena arena;
} teller;

static cs_code tell_commit(teller *to, int64_t version, cs_error *err);
static cs_code tell_checkpoints(teller *to, const cs_delta_listing *listing, cs_error *err);
static cs_code tell(teller *to, const cs_delta_action *action, cs_error *err);

cs_code cs_delta_names(cs_store *table, int64_t from_version,
                       cs_code (*each)(void *ctx, cs_str name, cs_error *err), void *ctx, cs_error *err)
{
    cs_delta_listing listing;
    CS_TRY(cs_delta_listing_read(table, &listing, err));
    teller to = { table, each, ctx, CS_ARENA_INIT };
    cs_code code = CS_OK;
    bool all_there = cs_delta_listing_gap(&listing, from_version, listing.newest) < 0;
    if (!all_there)
        code = tell_checkpoints(&to, &listing, err);
    for (size_t i = 0; code == CS_OK && i < listing.n_commits; i++) {
        if (!all_there || listing.commits[i] >= from_version)
            code = tell_commit(&to, listing.commits[i], err);
    }
    cs_arena_done(&to.arena);
    cs_delta_listing_done(&listing);
    return code;
}

static cs_code tell_commit(teller *to, int64_t version, cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(version, name);
    cs_delta_lines *lines;
    CS_TRY(cs_delta_lines_open(to->table, cs_str_of(name), FILE_MASK, &lines, err));
    const cs_delta_action *action = NULL;
    cs_code code;
    do {
        code = cs_delta_lines_next(lines, &action, err);
        if (code == CS_OK && action)
            code = tell(to, action, err);
    } while (code == CS_OK && action);
    cs_delta_lines_close(lines);
    return code;
}

static cs_code tell_checkpoint(teller *to, const cs_delta_checkpoint *checkpoint, cs_error *err)
{
    cs_delta_checkpoint_reader *reader;
    CS_TRY(cs_delta_checkpoint_open(to->table, checkpoint, FILE_MASK, &reader, err));
    const cs_delta_action *action = NULL;
    cs_code code;
    do {
        code = cs_delta_checkpoint_next(reader, &action, err);
        if (code == CS_OK && action)
            code = tell(to, action, err);
    } while (code == CS_OK && action);
    cs_delta_checkpoint_close(reader);
    return code;
}

/* The newest one that reads to its end and from which no commit is missing. */
static cs_code tell_checkpoints(teller *to, const cs_delta_listing *listing, cs_error *err)
{
    cs_code code = cs_error_set(err, CS_E_DAMAGED_LOG, "log gap: the files of the table cannot be told");
    for (size_t i = 0; code == CS_E_DAMAGED_LOG && i < listing->n_checkpoints; i++) {
        const cs_delta_checkpoint *checkpoint = &listing->checkpoints[i];
        if (cs_delta_listing_gap(listing, checkpoint->version + 1, listing->newest) < 0)
            code = tell_checkpoint(to, checkpoint, err);
    }
    return code;
}

static cs_code tell(teller *to, const cs_delta_action *action, cs_error *err)
{
    cs_arena_reset(&to->arena);
    cs_str name;
    cs_str path = action->kind == CS_DELTA_ADD ? action->add.path : action->remove.path;
    cs_code code = cs_delta_path_decode(path, &to->arena, &name, err);
    if (code == CS_E_UNSUPPORTED)
        return CS_OK; /* an absolute path: not below the root, or not by this name */
    CS_TRY(code);
    return to->each(to->ctx, name, err);
}
