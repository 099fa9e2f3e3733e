/* Clean-up of what attempts left behind. A part may go only when its batch is committed (so no attempt of it can
 * still be committed) and the log, read for this, does not name it: the batch may have been committed by an
 * earlier process with parts that this one never heard of. */
#include <stdio.h>

#include "common/base/fault.h"
#include "common/delta/delta_keys.h"
#include "common/delta/delta_listing.h"
#include "common/delta/delta_names.h"
#include "coordinator/commit/sink_delta.h"

typedef struct cleaning {
    uint32_t stream_hash;
    int64_t after, to; /* batches judged: (after, to] */
    cs_delta_keys named;
    cs_arena arena;
    cs_buf doomed; /* cs_str */
} cleaning;

static cs_code take_named(void *ctx, cs_str name, cs_error *err);
static cs_code take_part(void *ctx, const cs_store_entry *entry, cs_error *err);
static cs_code take_temporary(void *ctx, const cs_store_entry *entry, cs_error *err);
static bool is_judged(const cleaning *all, cs_str name);
static cs_code remove_all(cleaning *all, cs_store *table, uint64_t *removed, cs_error *err);

cs_code cs_delta_clean_run(cs_delta_clean *clean, cs_store *table, const cs_delta_log *log, uint32_t stream_hash,
                           int64_t committed, uint64_t *removed, cs_error *err)
{
    *removed = 0;
    cleaning all = { .stream_hash = stream_hash, .after = clean->batch, .to = committed };
    cs_code code = cs_store_list(table, CS_STR(CS_DELTA_LOG_FOLDER), take_temporary, &all, err);
    if (code == CS_E_NOT_FOUND)
        code = CS_OK; /* no table yet */
    if (code == CS_OK && committed > clean->batch) {
        if (!CS_MUTANT("clean_from_memory"))
            code = cs_delta_names(table, clean->version + 1, take_named, &all, err);
        if (code == CS_OK)
            code = cs_store_list(table, CS_STR(""), take_part, &all, err);
    }
    if (code == CS_OK)
        code = remove_all(&all, table, removed, err);
    if (code == CS_OK && committed > clean->batch)
        *clean = (cs_delta_clean){ cs_delta_log_version(log), committed };
    cs_delta_keys_done(&all.named);
    cs_arena_done(&all.arena);
    cs_buf_done(&all.doomed);
    return code;
}

static cs_code take_named(void *ctx, cs_str name, cs_error *err)
{
    cleaning *all = ctx;
    bool fresh;
    return is_judged(all, name) ? cs_delta_keys_add(&all->named, cs_delta_key(name), &fresh, err) : CS_OK;
}

static cs_code doom(cleaning *all, cs_str name, cs_error *err)
{
    cs_str copy = cs_arena_str(&all->arena, name);
    cs_buf_add(&all->doomed, &copy, sizeof copy);
    return cs_buf_check(&all->doomed, err);
}

static cs_code take_part(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    cleaning *all = ctx;
    if (entry->stat.kind != CS_FILE_REGULAR || !is_judged(all, entry->name) ||
        cs_delta_keys_has(&all->named, cs_delta_key(entry->name)))
        return CS_OK;
    return doom(all, entry->name, err);
}

/* `.%020d.json.<S8>.<uuid>.tmp`: nobody but the holder of the lock writes those, and it is not writing now. */
static cs_code take_temporary(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    cleaning *all = ctx;
    char tag[32];
    (void)snprintf(tag, sizeof tag, ".json.%08x.", all->stream_hash);
    cs_str name = entry->name;
    bool ours = cs_str_starts(name, CS_STR(CS_DELTA_LOG_FOLDER "/.")) && cs_str_ends(name, CS_STR(".tmp")) &&
                memmem(name.ptr, name.len, tag, strlen(tag));
    return ours && entry->stat.kind == CS_FILE_REGULAR ? doom(all, name, err) : CS_OK;
}

static bool is_judged(const cleaning *all, cs_str name)
{
    uint64_t batch;
    return cs_delta_stream_part(name, all->stream_hash, &batch) && (int64_t)batch > all->after &&
           (int64_t)batch <= all->to;
}

static cs_code remove_all(cleaning *all, cs_store *table, uint64_t *removed, cs_error *err)
{
    const cs_str *names = (const cs_str *)(const void *)all->doomed.ptr;
    for (size_t i = 0; i < all->doomed.len / sizeof *names; i++) {
        cs_code code = cs_store_remove(table, names[i], err);
        if (code == CS_E_NOT_FOUND)
            continue;
        CS_TRY(code);
        (*removed)++;
    }
    return CS_OK;
}
