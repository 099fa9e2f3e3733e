/* A set of names, held as 128-bit hashes: 32 bytes a name at most, whatever its length. */
#ifndef CS_COMMON_DELTA_DELTA_KEYS_H
#define CS_COMMON_DELTA_DELTA_KEYS_H

#include "common/base/error.h"
#include "common/base/hash.h"

typedef struct cs_delta_keys {
    cs_hash128 *slots; /* power of two of them, at most half full; zero marks a free one */
    size_t n_slots, count;
} cs_delta_keys;

/* Never zero. */
cs_hash128 cs_delta_key(cs_str name);
/* *fresh: it was not in the set. */
CS_MUST_USE cs_code cs_delta_keys_add(cs_delta_keys *keys, cs_hash128 key, bool *fresh, cs_error *err);
bool cs_delta_keys_has(const cs_delta_keys *keys, cs_hash128 key);
void cs_delta_keys_done(cs_delta_keys *keys);

#endif
