/* LMDB has no checksums of its own: each value carries one over its key and itself, so that a
 * flipped bit or a value under a wrong key is found when it is read, not when rows are missing. */
#include <assert.h>

#include "common/base/hash.h"
#include "coordinator/checkpoint/checkpoint_inside.h"

#define CHECKSUM_LEN 8

cs_key cs_key_of(char kind)
{
    return (cs_key){ .bytes = { kind }, .len = 1 };
}

void cs_key_add(cs_key *key, const void *bytes, size_t len)
{
    assert(key->len + len <= sizeof key->bytes);
    memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

void cs_key_add_u32(cs_key *key, uint32_t value)
{
    uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                         (uint8_t)value };
    cs_key_add(key, bytes, sizeof bytes);
}

void cs_key_add_u64(cs_key *key, uint64_t value)
{
    cs_key_add_u32(key, (uint32_t)(value >> 32));
    cs_key_add_u32(key, (uint32_t)value);
}

cs_str cs_key_str(const cs_key *key)
{
    return (cs_str){ key->bytes, key->len };
}

static uint64_t checksum(cs_str key, cs_str value)
{
    uint64_t of_key = cs_hash64(key.ptr, key.len);
    return cs_hash64(value.ptr, value.len) ^ (of_key << 1 | of_key >> 63);
}

cs_code cs_value_open(cs_str key, cs_str sealed, cs_str *value, cs_error *err)
{
    if (sealed.len < CHECKSUM_LEN)
        return cs_checkpoint_damaged(err, key, "its value is too short");
    cs_str bytes = { sealed.ptr, sealed.len - CHECKSUM_LEN };
    cs_cursor at = { (const uint8_t *)sealed.ptr + bytes.len,
                     (const uint8_t *)sealed.ptr + sealed.len };
    uint64_t stored = 0;
    if (!cs_cursor_u64le(&at, &stored) || stored != checksum(key, bytes))
        return cs_checkpoint_damaged(err, key, "its checksum does not hold");
    *value = bytes;
    return CS_OK;
}

cs_code cs_checkpoint_get(cs_checkpoint *checkpoint, const cs_key *key, cs_str *value,
                          cs_error *err)
{
    cs_str sealed;
    CS_TRY(checkpoint->kv->ops->get(checkpoint->kv, cs_key_str(key), &sealed, err));
    return cs_value_open(cs_key_str(key), sealed, value, err);
}

cs_code cs_checkpoint_put(cs_checkpoint *checkpoint, const cs_key *key, cs_str value, cs_error *err)
{
    cs_buf *scratch = &checkpoint->scratch;
    cs_buf_clear(scratch);
    cs_buf_add_str(scratch, value);
    cs_buf_add_u64le(scratch, checksum(cs_key_str(key), value));
    CS_TRY(cs_buf_check(scratch, err));
    return checkpoint->kv->ops->put(checkpoint->kv, cs_key_str(key), cs_buf_str(scratch), err);
}

cs_code cs_checkpoint_del_all(cs_checkpoint *checkpoint, cs_str prefix, cs_error *err)
{
    cs_kv *kv = checkpoint->kv;
    for (;;) {
        cs_str found, value;
        cs_code code = kv->ops->seek(kv, prefix, &found, &value, err);
        if (code == CS_E_NOT_FOUND || (code == CS_OK && !cs_str_starts(found, prefix)))
            return CS_OK;
        CS_TRY(code);
        cs_key key = { .len = 0 };
        if (found.len > sizeof key.bytes)
            return cs_checkpoint_damaged(err, found, "it is too long");
        cs_key_add(&key, found.ptr, found.len);
        CS_TRY(kv->ops->del(kv, cs_key_str(&key), err));
    }
}

cs_code cs_checkpoint_damaged(cs_error *err, cs_str key, const char *what)
{
    char hex[2 * CS_CHECKPOINT_KEY_MAX + 1];
    cs_hex(hex, key.ptr, key.len < CS_CHECKPOINT_KEY_MAX ? key.len : CS_CHECKPOINT_KEY_MAX);
    return cs_error_set(err, CS_E_DAMAGED_CHECKPOINT, "the checkpoint is damaged at key %s: %s",
                        hex, what);
}
