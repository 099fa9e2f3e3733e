/* Dispatch, and the one place where names are judged: a name that reaches a store's own code is
 * known to stay beneath the root. */
#include "common/store/store.h"

#include "common/base/limits.h"

static cs_code check_name(cs_str name, bool may_be_root, cs_error *err);

cs_code cs_store_open(cs_store *store, cs_str name, cs_file **out, cs_error *err)
{
    CS_TRY(check_name(name, false, err));
    return store->ops->open(store, name, out, err);
}

cs_code cs_store_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err)
{
    CS_TRY(check_name(name, true, err));
    return store->ops->stat(store, name, out, err);
}

cs_code cs_store_list(cs_store *store, cs_str folder,
                      cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                      void *ctx, cs_error *err)
{
    CS_TRY(check_name(folder, true, err));
    return store->ops->list(store, folder, each, ctx, err);
}

cs_code cs_store_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err)
{
    CS_TRY(check_name(name, false, err));
    return store->ops->create(store, name, out, err);
}

cs_code cs_store_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err)
{
    CS_TRY(check_name(name, false, err));
    CS_TRY(check_name(tag, false, err));
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t base_len = slash != NULL ? (size_t)(name.ptr + name.len - slash - 1) : name.len;
    if (memchr(tag.ptr, '/', tag.len) != NULL ||
        base_len + tag.len + sizeof "...tmp" - 1 > CS_NAME_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT,
                            "the temporary name of '%.*s' with tag '%.*s' has more than %u bytes",
                            CS_STR_ARG(name), CS_STR_ARG(tag), CS_NAME_BYTES_MAX);
    return store->ops->put_new(store, name, tag, bytes, err);
}

cs_code cs_store_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err)
{
    CS_TRY(check_name(from, false, err));
    CS_TRY(check_name(to, false, err));
    return store->ops->rename_new(store, from, to, err);
}

cs_code cs_store_remove(cs_store *store, cs_str name, cs_error *err)
{
    CS_TRY(check_name(name, false, err));
    return store->ops->remove(store, name, err);
}

cs_code cs_store_make_folder(cs_store *store, cs_str folder, cs_error *err)
{
    CS_TRY(check_name(folder, true, err));
    return store->ops->make_folder(store, folder, err);
}

cs_code cs_store_sync_folder(cs_store *store, cs_str folder, cs_error *err)
{
    CS_TRY(check_name(folder, true, err));
    return store->ops->sync_folder(store, folder, err);
}

cs_writer_probe cs_store_probe_writer(cs_store *store, cs_str name)
{
    if (check_name(name, false, NULL) != CS_OK)
        return CS_WRITER_UNKNOWN;
    return store->ops->probe_writer(store, name);
}

void cs_store_close(cs_store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

cs_code cs_file_read_at(cs_file *file, uint64_t offset, void *bytes, size_t len, size_t *got,
                        cs_error *err)
{
    return file->ops->read_at(file, offset, bytes, len, got, err);
}

cs_code cs_file_stat(cs_file *file, cs_stat *out, cs_error *err)
{
    return file->ops->stat(file, out, err);
}

void cs_file_close(cs_file *file)
{
    if (file != NULL)
        file->ops->close(file);
}

cs_code cs_file_writer_write(cs_file_writer *writer, const void *bytes, size_t len, cs_error *err)
{
    return writer->ops->write(writer, bytes, len, err);
}

cs_code cs_file_writer_seal(cs_file_writer *writer, cs_error *err)
{
    return writer->ops->seal(writer, err);
}

void cs_file_writer_close(cs_file_writer *writer)
{
    if (writer != NULL)
        writer->ops->close(writer);
}

cs_code cs_store_read(cs_store *store, cs_str name, size_t max_bytes, cs_buf *out, cs_stat *stat,
                      cs_error *err)
{
    cs_file *file = NULL;
    cs_stat found;
    size_t before = out->len, got = 0;
    cs_code code = CS_OK;
    CS_TRY(cs_store_open(store, name, &file, err));
    CS_TRY_OUT(cs_file_stat(file, &found, err));
    if (found.size_bytes > max_bytes) {
        code = cs_error_set(err, CS_E_LIMIT, "'%.*s' has %llu bytes, at most %zu are read",
                            CS_STR_ARG(name), (unsigned long long)found.size_bytes, max_bytes);
        goto out;
    }
    /* One byte more than it should have, to see that it grew meanwhile. */
    size_t want = (size_t)found.size_bytes + 1;
    char *space = cs_buf_reserve(out, want);
    if (space == NULL) {
        code = cs_buf_check(out, err);
        goto out;
    }
    CS_TRY_OUT(cs_file_read_at(file, 0, space, want, &got, err));
    if (got != found.size_bytes) {
        code = cs_error_set(err, CS_E_IO, "'%.*s' changed while it was read: it had %llu bytes",
                            CS_STR_ARG(name), (unsigned long long)found.size_bytes);
        cs_error_retriable(err);
        goto out;
    }
    out->len = before + got;
    if (stat != NULL)
        *stat = found;
out:
    cs_file_close(file);
    return code;
}

static bool piece_ok(cs_str piece)
{
    return piece.len > 0 && piece.len <= CS_NAME_BYTES_MAX &&
           !cs_str_eq(piece, CS_STR(".")) && !cs_str_eq(piece, CS_STR(".."));
}

static cs_code check_name(cs_str name, bool may_be_root, cs_error *err)
{
    if (name.len == 0 && may_be_root)
        return CS_OK;
    if (name.len > CS_PATH_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "a path has %zu bytes, at most %u are allowed",
                            name.len, CS_PATH_BYTES_MAX);
    bool ok = name.len > 0 && name.ptr[name.len - 1] != '/' &&
              memchr(name.ptr, '\0', name.len) == NULL;
    cs_str rest = name, piece;
    while (ok && cs_str_split(&rest, '/', &piece))
        ok = piece_ok(piece);
    if (!ok)
        return cs_error_set(err, CS_E_PERMISSION, "'%.*s' is not a path beneath a folder",
                            CS_STR_ARG(name));
    return CS_OK;
}
