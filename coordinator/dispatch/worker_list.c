#include "coordinator/dispatch/worker_list.h"

#include <stdlib.h>

static bool same_peer(const cs_peer *a, const cs_peer *b);

void cs_worker_list_done(cs_worker_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
}

cs_worker_entry *cs_worker_list_find(cs_worker_list *list, const cs_peer *peer)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (same_peer(&list->items[i].peer, peer))
            return &list->items[i];
    }
    return NULL;
}

cs_worker_entry *cs_worker_list_find_name(cs_worker_list *list, cs_str name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (cs_str_eq(cs_str_of(list->items[i].name), name))
            return &list->items[i];
    }
    return NULL;
}

bool cs_worker_list_other_wants(const cs_worker_list *list, const cs_worker_entry *but)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const cs_worker_entry *other = &list->items[i];
        if (other != but && other->wanted && cs_task_key_eq(&other->key, &but->key))
            return true;
    }
    return false;
}

cs_worker_entry *cs_worker_list_add(cs_worker_list *list, const cs_peer *peer, cs_str name,
                                    uint64_t pid, int64_t now_ms)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 8 : 2 * list->cap;
        list->items = cs_xrealloc(list->items, list->cap * sizeof *list->items);
    }
    cs_worker_entry *entry = &list->items[list->count++];
    *entry = (cs_worker_entry){
        .peer = *peer, .pid = pid, .heard_at = now_ms, .contested_at = INT64_MAX
    };
    entry->name = cs_xcalloc(name.len + 1, 1);
    if (name.len > 0)
        memcpy(entry->name, name.ptr, name.len);
    return entry;
}

void cs_worker_list_remove(cs_worker_list *list, cs_worker_entry *entry)
{
    size_t at = (size_t)(entry - list->items);
    free(entry->name);
    list->count--;
    memmove(entry, entry + 1, (list->count - at) * sizeof *entry);
}

cs_worker_entry *cs_worker_list_choose(cs_worker_list *list, const cs_peer *last)
{
    cs_worker_entry *same = NULL;
    for (uint32_t i = 1; i <= list->count; i++) {
        cs_worker_entry *entry = &list->items[(list->last_given + i) % list->count];
        if (entry->busy)
            continue;
        if (last == NULL || !same_peer(&entry->peer, last))
            return entry;
        same = entry;
    }
    return same;
}

static bool same_peer(const cs_peer *a, const cs_peer *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
