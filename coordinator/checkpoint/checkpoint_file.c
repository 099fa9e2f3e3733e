/* Paths are hashed, since LMDB's keys are short; the value holds the path itself, and a path whose
 * hash is taken by another goes into the next slot. A slot that is emptied while a later one is in
 * use stays as a tombstone, or the later one could not be found again. */
#include "common/base/hash.h"
#include "coordinator/checkpoint/checkpoint_inside.h"

#define SLOTS 255u
#define FLAG_TOMBSTONE 1u
#define FLAG_BEFORE 2u

typedef struct place {
    cs_key key; /* of the path's record, or where one may be put */
    bool known;
    cs_file_record record;
} place;

static cs_code find(cs_checkpoint *checkpoint, cs_str path, place *out, cs_error *err);
static cs_code store(cs_checkpoint *checkpoint, const cs_key *key, uint64_t flags,
                     const cs_file_record *record, cs_str path, cs_error *err);
static bool parse(cs_str value, uint64_t *flags, cs_file_record *record, cs_str *path);

cs_code cs_file_record_get(cs_checkpoint *checkpoint, cs_str path, bool *known,
                           cs_file_record *out, cs_error *err)
{
    place at;
    CS_TRY(find(checkpoint, path, &at, err));
    *known = at.known;
    *out = at.record;
    return CS_OK;
}

cs_code cs_file_record_changed(cs_checkpoint *checkpoint, const cs_source_file *file, cs_error *err)
{
    place at;
    CS_TRY(find(checkpoint, file->path, &at, err));
    if (!at.known)
        return CS_OK;
    at.record.version = file->version;
    return store(checkpoint, &at.key, at.record.has_before ? FLAG_BEFORE : 0, &at.record,
                 file->path, err);
}

cs_code cs_file_record_mark(cs_checkpoint *checkpoint, const cs_source_file *file, uint64_t batch,
                            cs_error *err)
{
    place at;
    CS_TRY(find(checkpoint, file->path, &at, err));
    cs_file_record record = { .version = file->version, .batch = batch };
    if (at.known) {
        record.has_before = true;
        record.before = at.record.version;
        record.before_batch = at.record.batch;
    }
    return store(checkpoint, &at.key, record.has_before ? FLAG_BEFORE : 0, &record, file->path,
                 err);
}

cs_code cs_file_record_unmark(cs_checkpoint *checkpoint, cs_str path, uint64_t batch, cs_error *err)
{
    place at;
    CS_TRY(find(checkpoint, path, &at, err));
    if (!at.known || at.record.batch != batch)
        return CS_OK;
    if (at.record.has_before) {
        cs_file_record record = { .version = at.record.before, .batch = at.record.before_batch };
        return store(checkpoint, &at.key, 0, &record, path, err);
    }
    cs_key next = at.key;
    next.bytes[next.len - 1]++;
    cs_str value;
    cs_code code = cs_checkpoint_get(checkpoint, &next, &value, err);
    if (code == CS_E_NOT_FOUND)
        return checkpoint->kv->ops->del(checkpoint->kv, cs_key_str(&at.key), err);
    CS_TRY(code);
    return store(checkpoint, &at.key, FLAG_TOMBSTONE, &(cs_file_record){ 0 }, CS_STR(""), err);
}

static cs_code find(cs_checkpoint *checkpoint, cs_str path, place *out, cs_error *err)
{
    cs_hash128 hash = cs_hash128_of(path.ptr, path.len);
    cs_key key = cs_key_of('f');
    cs_key_add_u64(&key, hash.hi);
    cs_key_add_u64(&key, hash.lo);
    cs_key_add(&key, "", 1);
    bool has_free = false;
    *out = (place){ .known = false };
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        key.bytes[key.len - 1] = (char)slot;
        cs_str value, stored_path;
        uint64_t flags;
        cs_file_record record;
        cs_code code = cs_checkpoint_get(checkpoint, &key, &value, err);
        if (code == CS_E_NOT_FOUND) {
            if (!has_free)
                out->key = key;
            return CS_OK;
        }
        CS_TRY(code);
        if (!parse(value, &flags, &record, &stored_path))
            return cs_checkpoint_damaged(err, cs_key_str(&key), "a file's record cannot be read");
        if ((flags & FLAG_TOMBSTONE) != 0) {
            if (!has_free)
                out->key = key;
            has_free = true;
        } else if (cs_str_eq(stored_path, path)) {
            *out = (place){ .key = key, .known = true, .record = record };
            return CS_OK;
        }
    }
    return cs_checkpoint_damaged(err, cs_key_str(&key), "too many paths with one hash");
}

static cs_code store(cs_checkpoint *checkpoint, const cs_key *key, uint64_t flags,
                     const cs_file_record *record, cs_str path, cs_error *err)
{
    cs_buf value = CS_BUF_INIT;
    cs_buf_add_varint(&value, flags);
    cs_buf_add_u64le(&value, record->version.size_bytes);
    cs_buf_add_u64le(&value, (uint64_t)record->version.mtime_ns);
    cs_buf_add_u64le(&value, record->batch);
    if ((flags & FLAG_BEFORE) != 0) {
        cs_buf_add_u64le(&value, record->before.size_bytes);
        cs_buf_add_u64le(&value, (uint64_t)record->before.mtime_ns);
        cs_buf_add_u64le(&value, record->before_batch);
    }
    cs_buf_add_str(&value, path);
    cs_code code = cs_buf_check(&value, err);
    if (code == CS_OK)
        code = cs_checkpoint_put(checkpoint, key, cs_buf_str(&value), err);
    cs_buf_done(&value);
    return code;
}

static bool take_version(cs_cursor *at, cs_content_version *version, uint64_t *batch)
{
    uint64_t mtime;
    if (!cs_cursor_u64le(at, &version->size_bytes) || !cs_cursor_u64le(at, &mtime) ||
        !cs_cursor_u64le(at, batch))
        return false;
    version->mtime_ns = (int64_t)mtime;
    return true;
}

static bool parse(cs_str value, uint64_t *flags, cs_file_record *record, cs_str *path)
{
    cs_cursor at = { (const uint8_t *)value.ptr, (const uint8_t *)value.ptr + value.len };
    *record = (cs_file_record){ 0 };
    if (!cs_cursor_varint(&at, flags) || !take_version(&at, &record->version, &record->batch))
        return false;
    record->has_before = (*flags & FLAG_BEFORE) != 0;
    if (record->has_before && !take_version(&at, &record->before, &record->before_batch))
        return false;
    *path = (cs_str){ (const char *)at.at, (size_t)(at.end - at.at) };
    return true;
}
