/* A crash is as cruel as POSIX allows: any set of unsynced name changes may have reached the disk,
 * not only the oldest; only the two halves of a rename go together. Unsynced content may be
 * missing, cut, or have holes of zeros. */
#include "common/store/store_mem_disk.h"

#include <assert.h>
#include <stdlib.h>

static void set_name(cs_mem_names *names, cs_str name, cs_mem_node *node);
static cs_mem_node *make_path(cs_mem_disk *disk, cs_str folder);
static void put_durable(cs_mem_disk *disk, cs_str path, cs_mem_node *node);
static void copy_node(cs_mem_disk *disk, const cs_mem_node *from, cs_mem_node *to);
static void crash_file(cs_mem_node *node, cs_rng *rng);
static void crash_names(cs_mem_disk *disk, cs_rng *rng);

cs_mem_disk *cs_mem_disk_new(cs_clock *clock)
{
    cs_mem_disk *disk = cs_xcalloc(1, sizeof *disk);
    disk->clock = clock;
    disk->leases = true;
    disk->root = cs_mem_node_new(disk, CS_FILE_FOLDER);
    return disk;
}

void cs_mem_disk_free(cs_mem_disk *disk)
{
    if (disk == NULL)
        return;
    while (disk->nodes != NULL) {
        cs_mem_node *node = disk->nodes;
        disk->nodes = node->next;
        cs_buf_done(&node->now);
        cs_buf_done(&node->synced);
        free(node->names.items);
        free(node->durable.items);
        free(node);
    }
    free(disk->journal);
    cs_arena_done(&disk->arena);
    free(disk);
}

void cs_mem_disk_on_step(cs_mem_disk *disk, cs_mem_step_fn step, void *ctx)
{
    disk->step = step;
    disk->step_ctx = ctx;
}

void cs_mem_disk_crash(cs_mem_disk *disk, cs_rng *rng)
{
    disk->generation++;
    crash_names(disk, rng);
    for (cs_mem_node *node = disk->nodes; node != NULL; node = node->next) {
        node->writers = 0;
        if (node->kind == CS_FILE_REGULAR) {
            crash_file(node, rng);
            continue;
        }
        node->names.count = 0;
        for (size_t i = 0; i < node->durable.count; i++)
            set_name(&node->names, node->durable.items[i].name, node->durable.items[i].node);
    }
}

void cs_mem_disk_put(cs_mem_disk *disk, cs_str path, cs_str bytes, int64_t mtime_ns)
{
    cs_mem_node *node = cs_mem_find(disk->root, path);
    if (node == NULL || node->kind != CS_FILE_REGULAR) {
        node = cs_mem_node_new(disk, CS_FILE_REGULAR);
        put_durable(disk, path, node);
    }
    cs_buf_clear(&node->now);
    cs_buf_add_str(&node->now, bytes);
    cs_mem_sync_file(node);
    cs_mem_touch(disk, node);
    node->mtime_ns = mtime_ns;
}

void cs_mem_disk_put_kind(cs_mem_disk *disk, cs_str path, cs_file_kind kind)
{
    put_durable(disk, path, cs_mem_node_new(disk, kind));
}

void cs_mem_disk_move(cs_mem_disk *disk, cs_str from, cs_str to)
{
    cs_mem_node *node = cs_mem_find(disk->root, from);
    assert(node != NULL);
    put_durable(disk, to, node);
    put_durable(disk, from, NULL);
}

void cs_mem_disk_copy(cs_mem_disk *disk, cs_str from, cs_str to)
{
    const cs_mem_node *node = cs_mem_find(disk->root, from);
    assert(node != NULL);
    cs_mem_node *copy = cs_mem_node_new(disk, node->kind);
    copy_node(disk, node, copy);
    put_durable(disk, to, copy);
}

void cs_mem_disk_remove(cs_mem_disk *disk, cs_str path)
{
    if (cs_mem_find(disk->root, path) != NULL)
        put_durable(disk, path, NULL);
}

void cs_mem_disk_hold(cs_mem_disk *disk, cs_str path, int writers)
{
    cs_mem_node *node = cs_mem_find(disk->root, path);
    assert(node != NULL && node->writers + writers >= 0);
    node->writers += writers;
}

void cs_mem_disk_allow_leases(cs_mem_disk *disk, bool allowed)
{
    disk->leases = allowed;
}

cs_mem_node *cs_mem_node_new(cs_mem_disk *disk, cs_file_kind kind)
{
    cs_mem_node *node = cs_xcalloc(1, sizeof *node);
    node->kind = kind;
    node->inode = ++disk->last_inode;
    node->next = disk->nodes;
    disk->nodes = node;
    cs_mem_touch(disk, node);
    return node;
}

cs_mem_node *cs_mem_child(const cs_mem_node *folder, cs_str name)
{
    for (size_t i = 0; i < folder->names.count; i++) {
        if (cs_str_eq(folder->names.items[i].name, name))
            return folder->names.items[i].node;
    }
    return NULL;
}

cs_mem_node *cs_mem_find(cs_mem_node *from, cs_str path)
{
    cs_str piece;
    while (from != NULL && cs_str_split(&path, '/', &piece))
        from = from->kind == CS_FILE_FOLDER ? cs_mem_child(from, piece) : NULL;
    return from;
}

void cs_mem_change_name(cs_mem_disk *disk, cs_mem_node *folder, cs_str name, cs_mem_node *node,
                        uint64_t pair)
{
    if (disk->n_journal == disk->journal_cap) {
        disk->journal_cap = disk->journal_cap == 0 ? 64 : disk->journal_cap * 2;
        disk->journal = cs_xrealloc(disk->journal, disk->journal_cap * sizeof *disk->journal);
    }
    name = cs_arena_str(&disk->arena, name);
    disk->journal[disk->n_journal++] = (cs_mem_change){ folder, name, node, pair };
    set_name(&folder->names, name, node);
    cs_mem_touch(disk, folder);
}

/* True when `change` must be durable once `folder` is: it is in there, or its other half is. */
static bool goes_with(const cs_mem_disk *disk, const cs_mem_change *change,
                      const cs_mem_node *folder)
{
    if (change->folder == folder)
        return true;
    for (size_t i = 0; change->pair != 0 && i < disk->n_journal; i++) {
        if (disk->journal[i].pair == change->pair && disk->journal[i].folder == folder)
            return true;
    }
    return false;
}

/* Older changes of a name are overtaken by one that became durable: they must not come back
 * later. */
void cs_mem_sync_folder(cs_mem_disk *disk, cs_mem_node *folder)
{
    size_t n = disk->n_journal;
    bool *done = cs_xcalloc(n + 1, sizeof *done);
    for (size_t i = 0; i < n; i++) {
        const cs_mem_change *change = &disk->journal[i];
        if (!goes_with(disk, change, folder))
            continue;
        set_name(&change->folder->durable, change->name, change->node);
        for (size_t j = 0; j <= i; j++) {
            if (disk->journal[j].folder == change->folder &&
                cs_str_eq(disk->journal[j].name, change->name))
                done[j] = true;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!done[i])
            disk->journal[kept++] = disk->journal[i];
    }
    disk->n_journal = kept;
    free(done);
}

void cs_mem_sync_file(cs_mem_node *node)
{
    cs_buf_clear(&node->synced);
    cs_buf_add_str(&node->synced, cs_buf_str(&node->now));
}

void cs_mem_touch(cs_mem_disk *disk, cs_mem_node *node)
{
    node->mtime_ns = node->ctime_ns = cs_clock_wall_us(disk->clock) * 1000;
}

static void set_name(cs_mem_names *names, cs_str name, cs_mem_node *node)
{
    size_t at = 0;
    while (at < names->count && !cs_str_eq(names->items[at].name, name))
        at++;
    if (at == names->count) {
        if (node == NULL)
            return;
        if (names->count == names->cap) {
            names->cap = names->cap == 0 ? 8 : names->cap * 2;
            names->items = cs_xrealloc(names->items, names->cap * sizeof *names->items);
        }
        names->items[names->count++] = (struct cs_mem_name){ name, node };
    } else if (node == NULL) {
        names->items[at] = names->items[--names->count];
    } else {
        names->items[at].node = node;
    }
}

static cs_mem_node *make_path(cs_mem_disk *disk, cs_str folder)
{
    cs_mem_node *node = disk->root;
    cs_str piece;
    while (cs_str_split(&folder, '/', &piece)) {
        cs_mem_node *next = cs_mem_child(node, piece);
        if (next == NULL || next->kind != CS_FILE_FOLDER) {
            next = cs_mem_node_new(disk, CS_FILE_FOLDER);
            cs_mem_change_name(disk, node, piece, next, 0);
        }
        cs_mem_sync_folder(disk, node);
        node = next;
    }
    return node;
}

static void put_durable(cs_mem_disk *disk, cs_str path, cs_mem_node *node)
{
    const char *slash = memrchr(path.ptr, '/', path.len);
    size_t at = slash != NULL ? (size_t)(slash - path.ptr) + 1 : 0;
    cs_mem_node *folder = make_path(disk, (cs_str){ path.ptr, slash != NULL ? at - 1 : 0 });
    cs_mem_change_name(disk, folder, (cs_str){ path.ptr + at, path.len - at }, node, 0);
    cs_mem_sync_folder(disk, folder);
}

static void copy_node(cs_mem_disk *disk, const cs_mem_node *from, cs_mem_node *to)
{
    cs_buf_add_str(&to->now, cs_buf_str(&from->now));
    cs_mem_sync_file(to);
    for (size_t i = 0; i < from->names.count; i++) {
        cs_mem_node *child = cs_mem_node_new(disk, from->names.items[i].node->kind);
        copy_node(disk, from->names.items[i].node, child);
        cs_mem_change_name(disk, to, from->names.items[i].name, child, 0);
    }
    cs_mem_sync_folder(disk, to);
    to->mtime_ns = from->mtime_ns;
}

static void crash_file(cs_mem_node *node, cs_rng *rng)
{
    cs_buf *now = &node->now;
    const cs_buf *synced = &node->synced;
    bool grew = now->len >= synced->len &&
                (synced->len == 0 || memcmp(now->ptr, synced->ptr, synced->len) == 0);
    if (grew && now->len == synced->len)
        return;
    size_t safe = grew ? synced->len : 0;
    size_t loose = now->len - safe;
    switch (cs_rng_below(rng, 4)) {
    case 0: /* nothing of it arrived */
        cs_buf_clear(now);
        cs_buf_add_str(now, cs_buf_str(synced));
        break;
    case 1: /* cut */
        now->len = safe + cs_rng_below(rng, loose + 1);
        break;
    case 2: /* a hole */
        if (loose > 0) {
            size_t at = cs_rng_below(rng, loose);
            memset(now->ptr + safe + at, 0, 1 + cs_rng_below(rng, loose - at));
        }
        break;
    default: /* all of it arrived */
        break;
    }
    cs_mem_sync_file(node);
}

static void crash_names(cs_mem_disk *disk, cs_rng *rng)
{
    uint64_t how = cs_rng_below(rng, 3);
    uint64_t prefix = cs_rng_below(rng, disk->n_journal + 1);
    uint64_t salt = cs_rng_u64(rng);
    for (size_t i = 0; i < disk->n_journal; i++) {
        const cs_mem_change *change = &disk->journal[i];
        bool kept = false;
        if (how == 1) {
            kept = i < prefix;
        } else if (how == 2) {
            /* Both halves of a rename draw the same lot. */
            cs_rng_seeded lot;
            cs_rng_seeded_init(&lot, salt + (change->pair != 0 ? change->pair << 32 : i));
            kept = cs_rng_below(&lot.rng, 2) == 1;
        }
        /* A prefix never splits a rename: its halves are neighbours, the removal last. */
        if (how == 1 && i == prefix && i > 0 && change->pair != 0 &&
            disk->journal[i - 1].pair == change->pair)
            kept = true;
        if (kept)
            set_name(&change->folder->durable, change->name, change->node);
    }
    disk->n_journal = 0;
}
