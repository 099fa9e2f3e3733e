/* Files live in slots that never move by themselves: a hash table finds a slot by path, WAITING is
 * a heap of slots, HELD and TAKEN are plain lists. Paths lie one behind the other in blocks; those
 * of removed files stay as garbage until it is the larger half, then all are copied anew. */
#include "coordinator/discover/pending.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/limits.h"

#define NONE UINT32_MAX
#define GARBAGE_BYTES_MIN (1u << 20)

/* The mtime is kept beside the slot: the heap compares without going to the files. */
typedef struct placed {
    int64_t mtime_ns;
    uint32_t slot;
} placed;

typedef struct slot_list {
    placed *items;
    uint32_t n, cap;
} slot_list;

struct cs_pending {
    cs_pending_file *files; /* slots */
    uint32_t n_files, files_cap;
    uint32_t free_slot; /* head of the free slots, linked by place; NONE: none */
    uint32_t n_live;
    uint32_t *table; /* open addressing, linear: slot or NONE */
    uint32_t table_cap; /* power of two */
    slot_list lists[3];
    cs_arena paths;
    size_t path_bytes, garbage_bytes;
};

static void table_insert(cs_pending *pending, uint32_t slot);
static void table_remove(cs_pending *pending, uint32_t slot);
static void table_grow(cs_pending *pending);
static void list_add(cs_pending *pending, uint32_t slot, cs_pending_state state);
static void list_remove(cs_pending *pending, uint32_t slot);
static void heap_up(cs_pending *pending, uint32_t place);
static void heap_down(cs_pending *pending, uint32_t place);
static void collect_paths(cs_pending *pending);

cs_pending *cs_pending_new(void)
{
    cs_pending *pending = cs_xcalloc(1, sizeof *pending);
    pending->free_slot = NONE;
    return pending;
}

void cs_pending_free(cs_pending *pending)
{
    if (pending == NULL)
        return;
    for (int i = 0; i < 3; i++)
        free(pending->lists[i].items);
    cs_arena_done(&pending->paths);
    free(pending->table);
    free(pending->files);
    free(pending);
}

size_t cs_pending_count(const cs_pending *pending, cs_pending_state state)
{
    return pending->lists[state].n;
}

size_t cs_pending_bytes(const cs_pending *pending)
{
    size_t bytes = pending->files_cap * sizeof *pending->files;
    bytes += pending->table_cap * sizeof *pending->table;
    for (int i = 0; i < 3; i++)
        bytes += pending->lists[i].cap * sizeof *pending->lists[i].items;
    return bytes + pending->paths.bytes;
}

cs_pending_file *cs_pending_find(const cs_pending *pending, cs_str path)
{
    if (pending->table_cap == 0)
        return NULL;
    uint32_t mask = pending->table_cap - 1;
    uint32_t at = (uint32_t)cs_hash64(path.ptr, path.len) & mask;
    for (; pending->table[at] != NONE; at = (at + 1) & mask) {
        cs_pending_file *file = &pending->files[pending->table[at]];
        if (cs_str_eq(cs_pending_path(file), path))
            return file;
    }
    return NULL;
}

cs_code cs_pending_add(cs_pending *pending, const cs_source_file *file, int64_t now_ms,
                       cs_error *err)
{
    if (pending->n_live == CS_SOURCE_WAITING_MAX) {
        cs_error_set(err, CS_E_LIMIT, "more than %u files wait to be read", CS_SOURCE_WAITING_MAX);
        cs_error_hint(err,
                      "move some of them out of the source folder and back later, or split the stream in two");
        return CS_E_LIMIT;
    }
    uint32_t slot = pending->free_slot;
    if (slot != NONE) {
        pending->free_slot = pending->files[slot].place;
    } else {
        if (pending->n_files == pending->files_cap) {
            pending->files_cap += pending->files_cap == 0 ? 64 : pending->files_cap / 2;
            pending->files = cs_xrealloc(pending->files,
                                         pending->files_cap * sizeof *pending->files);
        }
        slot = pending->n_files++;
    }
    cs_str path = cs_arena_str(&pending->paths, file->path);
    pending->files[slot] = (cs_pending_file){ .path = path.ptr,
                                              .path_len = (uint32_t)path.len,
                                              .version = file->version,
                                              .since_ms = now_ms };
    pending->path_bytes += path.len + 1;
    pending->n_live++;
    if (pending->n_live * 4ull > pending->table_cap * 3ull)
        table_grow(pending);
    else
        table_insert(pending, slot);
    list_add(pending, slot, CS_PENDING_WAITING);
    return CS_OK;
}

void cs_pending_set_version(cs_pending *pending, cs_pending_file *file,
                            const cs_content_version *version, int64_t now_ms)
{
    file->version = *version;
    file->since_ms = now_ms;
    pending->lists[file->state].items[file->place].mtime_ns = version->mtime_ns;
    if (file->state == CS_PENDING_WAITING) {
        heap_up(pending, file->place);
        heap_down(pending, file->place);
    }
}

void cs_pending_move(cs_pending *pending, cs_pending_file *file, cs_pending_state state)
{
    uint32_t slot = (uint32_t)(file - pending->files);
    list_remove(pending, slot);
    list_add(pending, slot, state);
}

void cs_pending_remove(cs_pending *pending, cs_pending_file *file)
{
    uint32_t slot = (uint32_t)(file - pending->files);
    list_remove(pending, slot);
    table_remove(pending, slot);
    pending->garbage_bytes += file->path_len + 1u;
    pending->path_bytes -= file->path_len + 1u;
    *file = (cs_pending_file){ .place = pending->free_slot };
    pending->free_slot = slot;
    pending->n_live--;
    if (pending->garbage_bytes > GARBAGE_BYTES_MIN && pending->garbage_bytes > pending->path_bytes)
        collect_paths(pending);
}

cs_pending_file *cs_pending_first(const cs_pending *pending)
{
    const slot_list *heap = &pending->lists[CS_PENDING_WAITING];
    return heap->n == 0 ? NULL : &pending->files[heap->items[0].slot];
}

cs_pending_file *cs_pending_at(const cs_pending *pending, cs_pending_state state, size_t index)
{
    assert(index < pending->lists[state].n);
    return &pending->files[pending->lists[state].items[index].slot];
}

/* ---- the table ---- */

static uint32_t home(const cs_pending *pending, uint32_t slot)
{
    const cs_pending_file *file = &pending->files[slot];
    return (uint32_t)cs_hash64(file->path, file->path_len) & (pending->table_cap - 1);
}

static void table_insert(cs_pending *pending, uint32_t slot)
{
    uint32_t at = home(pending, slot);
    while (pending->table[at] != NONE)
        at = (at + 1) & (pending->table_cap - 1);
    pending->table[at] = slot;
}

/* Moves later ones of the same run back into the gap, so that no tombstones are needed. */
static void table_remove(cs_pending *pending, uint32_t slot)
{
    uint32_t mask = pending->table_cap - 1, gap = home(pending, slot);
    while (pending->table[gap] != slot)
        gap = (gap + 1) & mask;
    for (uint32_t at = (gap + 1) & mask; pending->table[at] != NONE; at = (at + 1) & mask) {
        uint32_t from = home(pending, pending->table[at]);
        if (((at - from) & mask) >= ((at - gap) & mask)) {
            pending->table[gap] = pending->table[at];
            gap = at;
        }
    }
    pending->table[gap] = NONE;
}

/* The slot just taken is in no list yet, but its file is there: all slots that hold a path go
 * in. */
static void table_grow(cs_pending *pending)
{
    pending->table_cap = pending->table_cap == 0 ? 128 : pending->table_cap * 2;
    pending->table = cs_xrealloc(pending->table, pending->table_cap * sizeof *pending->table);
    memset(pending->table, 0xff, pending->table_cap * sizeof *pending->table);
    for (uint32_t slot = 0; slot < pending->n_files; slot++) {
        if (pending->files[slot].path != NULL)
            table_insert(pending, slot);
    }
}

/* ---- the lists ---- */

static void list_add(cs_pending *pending, uint32_t slot, cs_pending_state state)
{
    slot_list *list = &pending->lists[state];
    if (list->n == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap + list->cap / 2;
        list->items = cs_xrealloc(list->items, list->cap * sizeof *list->items);
    }
    cs_pending_file *file = &pending->files[slot];
    file->state = (uint8_t)state;
    file->place = list->n;
    list->items[list->n++] = (placed){ file->version.mtime_ns, slot };
    if (state == CS_PENDING_WAITING)
        heap_up(pending, list->n - 1);
}

static void list_remove(cs_pending *pending, uint32_t slot)
{
    const cs_pending_file *file = &pending->files[slot];
    slot_list *list = &pending->lists[file->state];
    uint32_t place = file->place;
    placed last = list->items[--list->n];
    if (place == list->n)
        return;
    list->items[place] = last;
    pending->files[last.slot].place = place;
    if (file->state == CS_PENDING_WAITING) {
        heap_up(pending, place);
        heap_down(pending, place);
    }
}

static bool before(const cs_pending *pending, const placed *a, const placed *b)
{
    if (a->mtime_ns != b->mtime_ns)
        return a->mtime_ns < b->mtime_ns;
    return cs_str_cmp(cs_pending_path(&pending->files[a->slot]),
                      cs_pending_path(&pending->files[b->slot])) < 0;
}

static void heap_put(cs_pending *pending, uint32_t place, placed item)
{
    pending->lists[CS_PENDING_WAITING].items[place] = item;
    pending->files[item.slot].place = place;
}

static void heap_up(cs_pending *pending, uint32_t place)
{
    const placed *heap = pending->lists[CS_PENDING_WAITING].items;
    placed item = heap[place];
    while (place > 0 && before(pending, &item, &heap[(place - 1) / 2])) {
        heap_put(pending, place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_put(pending, place, item);
}

static void heap_down(cs_pending *pending, uint32_t place)
{
    const placed *heap = pending->lists[CS_PENDING_WAITING].items;
    uint32_t n = pending->lists[CS_PENDING_WAITING].n;
    placed item = heap[place];
    for (uint32_t child = 2 * place + 1; child < n; child = 2 * place + 1) {
        if (child + 1 < n && before(pending, &heap[child + 1], &heap[child]))
            child++;
        if (!before(pending, &heap[child], &item))
            break;
        heap_put(pending, place, heap[child]);
        place = child;
    }
    heap_put(pending, place, item);
}

/* ---- paths ---- */

static void collect_paths(cs_pending *pending)
{
    cs_arena old = pending->paths;
    pending->paths = CS_ARENA_INIT;
    for (uint32_t slot = 0; slot < pending->n_files; slot++) {
        cs_pending_file *file = &pending->files[slot];
        if (file->path != NULL)
            file->path = cs_arena_str(&pending->paths, cs_pending_path(file)).ptr;
    }
    cs_arena_done(&old);
    pending->garbage_bytes = 0;
}
