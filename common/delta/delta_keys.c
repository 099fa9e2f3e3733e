#include "common/delta/delta_keys.h"

#include <stdlib.h>

#define SLOTS_FIRST 256

static bool is_free(cs_hash128 slot)
{
    return slot.lo == 0 && slot.hi == 0;
}

/* The slot of the key, or the free one where it belongs. */
static size_t find_slot(const cs_delta_keys *keys, cs_hash128 key)
{
    size_t at = key.lo & (keys->n_slots - 1);
    while (!is_free(keys->slots[at]) && (keys->slots[at].lo != key.lo || keys->slots[at].hi != key.hi))
        at = (at + 1) & (keys->n_slots - 1);
    return at;
}

cs_hash128 cs_delta_key(cs_str name)
{
    cs_hash128 key = cs_hash128_of(name.ptr, name.len);
    if (is_free(key))
        key.lo = 1;
    return key;
}

bool cs_delta_keys_has(const cs_delta_keys *keys, cs_hash128 key)
{
    return keys->n_slots > 0 && !is_free(keys->slots[find_slot(keys, key)]);
}

cs_code cs_delta_keys_add(cs_delta_keys *keys, cs_hash128 key, bool *fresh, cs_error *err)
{
    if (2 * (keys->count + 1) > keys->n_slots) {
        cs_delta_keys grown = { .n_slots = keys->n_slots == 0 ? SLOTS_FIRST : 2 * keys->n_slots };
        grown.slots = calloc(grown.n_slots, sizeof *grown.slots);
        if (!grown.slots)
            return cs_error_set(err, CS_E_NOMEM, "no memory for the names of more than %zu files", keys->count);
        for (size_t i = 0; i < keys->n_slots; i++) {
            if (!is_free(keys->slots[i]))
                grown.slots[find_slot(&grown, keys->slots[i])] = keys->slots[i];
        }
        free(keys->slots);
        keys->slots = grown.slots;
        keys->n_slots = grown.n_slots;
    }
    size_t at = find_slot(keys, key);
    *fresh = is_free(keys->slots[at]);
    if (*fresh) {
        keys->slots[at] = key;
        keys->count++;
    }
    return CS_OK;
}

void cs_delta_keys_done(cs_delta_keys *keys)
{
    free(keys->slots);
    *keys = (cs_delta_keys){ 0 };
}
