/* The store contract on the simulator's disk, effect by effect in the order of the posix store, so
 * that a process can be killed between any two of them. */
#include "common/store/store_mem.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "common/store/store_mem_disk.h"

typedef struct mem_store {
    cs_store store;
    cs_mem_disk *disk;
    cs_mem_node *root; /* NULL: not made yet */
    char *root_path;
    uint64_t generation;
    bool may_create, dead;
} mem_store;

typedef struct mem_file {
    cs_file file;
    mem_store *mem;
    cs_mem_node *node;
} mem_file;

typedef struct mem_writer {
    cs_file_writer writer;
    mem_store *mem;
    cs_mem_node *node;
    bool sealed;
    char *name;
} mem_writer;

static cs_code mem_open(cs_store *store, cs_str name, cs_file **out, cs_error *err);
static cs_code mem_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err);
static cs_code mem_list(cs_store *store, cs_str folder,
                        cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                        void *ctx, cs_error *err);
static cs_code mem_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err);
static cs_code mem_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err);
static cs_code mem_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err);
static cs_code mem_remove(cs_store *store, cs_str name, cs_error *err);
static cs_code mem_make_folder(cs_store *store, cs_str folder, cs_error *err);
static cs_code mem_sync_folder(cs_store *store, cs_str folder, cs_error *err);
static cs_writer_probe mem_probe_writer(cs_store *store, cs_str name);
static void mem_close(cs_store *store);
static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err);
static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err);
static void file_close(cs_file *base);
static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err);
static cs_code writer_seal(cs_file_writer *base, cs_error *err);
static void writer_close(cs_file_writer *base);

static const cs_store_ops ops = {
    .open = mem_open,
    .stat = mem_stat,
    .list = mem_list,
    .create = mem_create,
    .put_new = mem_put_new,
    .rename_new = mem_rename_new,
    .remove = mem_remove,
    .make_folder = mem_make_folder,
    .sync_folder = mem_sync_folder,
    .probe_writer = mem_probe_writer,
    .close = mem_close,
};
static const cs_file_ops file_ops = { file_read_at, file_stat, file_close };
static const cs_file_writer_ops writer_ops = { writer_write, writer_seal, writer_close };

cs_code cs_store_mem_open(cs_mem_disk *disk, cs_str root, bool may_create, cs_store **out,
                          cs_error *err)
{
    cs_mem_node *node = cs_mem_find(disk->root, root);
    if ((node == NULL && !may_create) || (node != NULL && node->kind != CS_FILE_FOLDER))
        return cs_error_set(err, CS_E_PATH_NOT_FOUND, "folder %.*s %s", CS_STR_ARG(root),
                            node == NULL ? "does not exist" : "is not a folder");
    mem_store *mem = cs_xcalloc(1, sizeof *mem);
    mem->store.ops = &ops;
    mem->disk = disk;
    mem->root = node;
    mem->root_path = cs_xcalloc(1, root.len + 1);
    memcpy(mem->root_path, root.ptr, root.len);
    mem->generation = disk->generation;
    mem->may_create = may_create;
    *out = &mem->store;
    return CS_OK;
}

void cs_store_mem_kill(cs_store *store)
{
    ((mem_store *)store)->dead = true;
}

static bool is_dead(const mem_store *mem)
{
    return mem->dead || mem->generation != mem->disk->generation;
}

/* Before each effect. */
static cs_code step(mem_store *mem, const char *what, cs_error *err)
{
    if (!is_dead(mem) && mem->disk->step != NULL &&
        !mem->disk->step(mem->disk->step_ctx, &mem->store, what))
        mem->dead = true;
    if (is_dead(mem))
        return cs_error_set(err, CS_E_CANCELLED, "%s: the process was killed", what);
    /* A root that was not there may have been made by another process since. */
    if (mem->root == NULL)
        mem->root = cs_mem_find(mem->disk->root, cs_str_of(mem->root_path));
    return CS_OK;
}

static cs_code fail(const mem_store *mem, cs_code code, cs_str name, const char *what,
                    cs_error *err)
{
    return cs_error_set(err, code, "cannot %s %s/%.*s: %s", what, mem->root_path, CS_STR_ARG(name),
                        cs_code_name(code));
}

static cs_mem_node *find(const mem_store *mem, cs_str name)
{
    return cs_mem_find(mem->root, name);
}

/* The folder of a name and its last piece; NULL when the folder is not there. */
static cs_mem_node *parent_of(const mem_store *mem, cs_str name, cs_str *base)
{
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t at = slash != NULL ? (size_t)(slash - name.ptr) + 1 : 0;
    *base = (cs_str){ name.ptr + at, name.len - at };
    cs_mem_node *folder = find(mem, (cs_str){ name.ptr, slash != NULL ? at - 1 : 0 });
    return folder != NULL && folder->kind == CS_FILE_FOLDER ? folder : NULL;
}

static void sync_folder(mem_store *mem, cs_mem_node *folder)
{
    if (!CS_MUTANT("no_folder_fsync"))
        cs_mem_sync_folder(mem->disk, folder);
}

static void stat_of(const cs_mem_node *node, cs_stat *out)
{
    *out = (cs_stat){ node->kind, node->now.len, node->mtime_ns, node->ctime_ns, node->inode };
}

/* ---- names ---- */

static cs_code mem_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "stat", err));
    const cs_mem_node *node = find(mem, name);
    if (node == NULL)
        return fail(mem, CS_E_NOT_FOUND, name, "look at", err);
    stat_of(node, out);
    return CS_OK;
}

static cs_code mem_list(cs_store *store, cs_str folder,
                        cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                        void *ctx, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "list", err));
    const cs_mem_node *node = find(mem, folder);
    if (node == NULL || node->kind != CS_FILE_FOLDER)
        return fail(mem, CS_E_NOT_FOUND, folder, "list folder", err);
    /* `each` may change the folder. */
    size_t count = node->names.count;
    struct cs_mem_name *items = cs_xcalloc(count + 1, sizeof *items);
    if (count > 0)
        memcpy(items, node->names.items, count * sizeof *items);
    cs_buf name = CS_BUF_INIT;
    cs_code code = CS_OK;
    for (size_t i = 0; code == CS_OK && i < count; i++) {
        cs_buf_clear(&name);
        if (folder.len > 0) {
            cs_buf_add_str(&name, folder);
            cs_buf_add_char(&name, '/');
        }
        cs_buf_add_str(&name, items[i].name);
        cs_store_entry entry = { .name = cs_buf_str(&name) };
        stat_of(items[i].node, &entry.stat);
        code = each(ctx, &entry, err);
    }
    cs_buf_done(&name);
    free(items);
    return code;
}

static cs_code mem_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "rename", err));
    cs_str from_base, to_base;
    cs_mem_node *from_folder = parent_of(mem, from, &from_base);
    cs_mem_node *to_folder = parent_of(mem, to, &to_base);
    cs_mem_node *node = from_folder != NULL ? cs_mem_child(from_folder, from_base) : NULL;
    if (node == NULL || to_folder == NULL)
        return fail(mem, CS_E_NOT_FOUND, from, "rename", err);
    if (cs_mem_child(to_folder, to_base) != NULL)
        return fail(mem, CS_E_EXISTS, to, "rename to", err);
    uint64_t pair = ++mem->disk->last_pair;
    cs_mem_change_name(mem->disk, to_folder, to_base, node, pair);
    cs_mem_change_name(mem->disk, from_folder, from_base, NULL, pair);
    return CS_OK;
}

static cs_code mem_remove(cs_store *store, cs_str name, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "remove", err));
    cs_str base;
    cs_mem_node *folder = parent_of(mem, name, &base);
    cs_mem_node *node = folder != NULL ? cs_mem_child(folder, base) : NULL;
    if (node == NULL)
        return fail(mem, CS_E_NOT_FOUND, name, "remove", err);
    if (node->kind == CS_FILE_FOLDER)
        return fail(mem, CS_E_IO, name, "remove", err);
    cs_mem_change_name(mem->disk, folder, base, NULL, 0);
    return CS_OK;
}

/* One folder after the other, each synced into its parent, also those that were there already. */
static cs_code make_folders(mem_store *mem, cs_mem_node *from, cs_str folder, cs_mem_node **out,
                            cs_error *err)
{
    cs_str rest = folder, piece;
    while (cs_str_split(&rest, '/', &piece)) {
        CS_TRY(step(mem, "make_folder", err));
        cs_mem_node *next = cs_mem_child(from, piece);
        if (next == NULL) {
            next = cs_mem_node_new(mem->disk, CS_FILE_FOLDER);
            cs_mem_change_name(mem->disk, from, piece, next, 0);
        }
        if (next->kind != CS_FILE_FOLDER)
            return fail(mem, CS_E_NOT_FOUND, folder, "make folder", err);
        CS_TRY(step(mem, "make_folder.sync", err));
        sync_folder(mem, from);
        from = next;
    }
    *out = from;
    return CS_OK;
}

/* Whoever made the root may have died before it was durable. */
static cs_code sync_root(mem_store *mem, cs_error *err)
{
    const char *slash = strrchr(mem->root_path, '/');
    cs_str parent = { mem->root_path, slash != NULL ? (size_t)(slash - mem->root_path) : 0 };
    CS_TRY(step(mem, "make_folder.sync_root", err));
    cs_mem_node *node = cs_mem_find(mem->disk->root, parent);
    if (node != NULL && node->kind == CS_FILE_FOLDER)
        sync_folder(mem, node);
    return CS_OK;
}

static cs_code mem_make_folder(cs_store *store, cs_str folder, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    cs_mem_node *last;
    if (mem->root == NULL && mem->may_create)
        CS_TRY(make_folders(mem, mem->disk->root, cs_str_of(mem->root_path), &mem->root, err));
    else if (mem->root != NULL)
        CS_TRY(sync_root(mem, err));
    if (mem->root == NULL)
        return fail(mem, CS_E_NOT_FOUND, folder, "make folder", err);
    return make_folders(mem, mem->root, folder, &last, err);
}

static cs_code mem_sync_folder(cs_store *store, cs_str folder, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "sync_folder", err));
    cs_mem_node *node = find(mem, folder);
    if (node == NULL || node->kind != CS_FILE_FOLDER)
        return fail(mem, CS_E_NOT_FOUND, folder, "sync folder", err);
    sync_folder(mem, node);
    return CS_OK;
}

static cs_writer_probe mem_probe_writer(cs_store *store, cs_str name)
{
    mem_store *mem = (mem_store *)store;
    const cs_mem_node *node = find(mem, name);
    if (step(mem, "probe_writer", NULL) != CS_OK || !mem->disk->leases || node == NULL ||
        node->kind != CS_FILE_REGULAR)
        return CS_WRITER_UNKNOWN;
    return node->writers > 0 ? CS_WRITER_OPEN : CS_WRITER_NONE;
}

static void mem_close(cs_store *store)
{
    mem_store *mem = (mem_store *)store;
    free(mem->root_path);
    free(mem);
}

/* ---- put-if-absent ---- */

/* CS_E_AGAIN when somebody removed the temporary before it was linked. */
static cs_code put_once(mem_store *mem, cs_mem_node *folder, cs_str base, cs_str temporary,
                        cs_str bytes, cs_error *err)
{
    cs_mem_disk *disk = mem->disk;
    CS_TRY(step(mem, "put_new.write", err));
    cs_mem_node *node = cs_mem_node_new(disk, CS_FILE_REGULAR);
    cs_mem_change_name(disk, folder, temporary, node, 0);
    cs_buf_add_str(&node->now, bytes);
    CS_TRY(step(mem, "put_new.sync", err));
    cs_mem_sync_file(node);
    CS_TRY(step(mem, "put_new.link", err));
    if (cs_mem_child(folder, temporary) != node)
        return CS_E_AGAIN;
    if (cs_mem_child(folder, base) != NULL && !CS_MUTANT("rename_instead_of_link")) {
        CS_TRY(step(mem, "put_new.unlink", err));
        cs_mem_change_name(disk, folder, temporary, NULL, 0);
        return fail(mem, CS_E_EXISTS, base, "link", err);
    }
    cs_mem_change_name(disk, folder, base, node, 0);
    return CS_OK;
}

static cs_code mem_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "put_new.open", err));
    cs_str base;
    cs_mem_node *folder = parent_of(mem, name, &base);
    if (folder == NULL)
        return fail(mem, CS_E_NOT_FOUND, name, "create", err);
    cs_str temporary = cs_str_of(cs_arena_printf(&mem->disk->arena, ".%.*s.%.*s.tmp",
                                                 CS_STR_ARG(base), CS_STR_ARG(tag)));
    cs_code code;
    do {
        code = put_once(mem, folder, base, temporary, bytes, err);
    } while (code == CS_E_AGAIN);
    CS_TRY(code);
    CS_TRY(step(mem, "put_new.sync_folder", err));
    sync_folder(mem, folder);
    CS_TRY(step(mem, "put_new.unlink", err));
    cs_mem_change_name(mem->disk, folder, temporary, NULL, 0);
    return CS_OK;
}

/* ---- files ---- */

static cs_code mem_open(cs_store *store, cs_str name, cs_file **out, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "open", err));
    cs_mem_node *node = find(mem, name);
    if (node == NULL)
        return fail(mem, CS_E_NOT_FOUND, name, "open", err);
    if (node->kind != CS_FILE_REGULAR)
        return fail(mem, CS_E_UNSUPPORTED, name, "open", err);
    mem_file *file = cs_xcalloc(1, sizeof *file);
    file->file.ops = &file_ops;
    file->mem = mem;
    file->node = node;
    *out = &file->file;
    return CS_OK;
}

static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err)
{
    mem_file *file = (mem_file *)base;
    CS_TRY(step(file->mem, "read", err));
    const cs_buf *now = &file->node->now;
    size_t left = offset < now->len ? now->len - (size_t)offset : 0;
    *got = len < left ? len : left;
    if (*got > 0)
        memcpy(bytes, now->ptr + offset, *got);
    return CS_OK;
}

static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err)
{
    mem_file *file = (mem_file *)base;
    CS_TRY(step(file->mem, "fstat", err));
    stat_of(file->node, out);
    return CS_OK;
}

static void file_close(cs_file *base)
{
    free(base);
}

static cs_code mem_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err)
{
    mem_store *mem = (mem_store *)store;
    CS_TRY(step(mem, "create", err));
    cs_str base;
    cs_mem_node *folder = parent_of(mem, name, &base);
    if (folder == NULL) {
        CS_TRY(mem_make_folder(store,
                               (cs_str){ name.ptr, name.len - base.len - (base.len < name.len) },
                               err));
        folder = parent_of(mem, name, &base);
    }
    if (cs_mem_child(folder, base) != NULL)
        return fail(mem, CS_E_EXISTS, name, "create", err);
    mem_writer *writer = cs_xcalloc(1, sizeof *writer);
    writer->writer.ops = &writer_ops;
    writer->mem = mem;
    writer->node = cs_mem_node_new(mem->disk, CS_FILE_REGULAR);
    writer->node->writers = 1;
    writer->name = cs_xcalloc(1, name.len + 1);
    memcpy(writer->name, name.ptr, name.len);
    cs_mem_change_name(mem->disk, folder, base, writer->node, 0);
    *out = &writer->writer;
    return CS_OK;
}

static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err)
{
    mem_writer *writer = (mem_writer *)base;
    CS_TRY(step(writer->mem, "write", err));
    if (writer->sealed)
        return fail(writer->mem, CS_E_IO, cs_str_of(writer->name), "write after the end of", err);
    cs_buf_add(&writer->node->now, bytes, len);
    cs_mem_touch(writer->mem->disk, writer->node);
    return cs_buf_check(&writer->node->now, err);
}

static cs_code writer_seal(cs_file_writer *base, cs_error *err)
{
    mem_writer *writer = (mem_writer *)base;
    mem_store *mem = writer->mem;
    CS_TRY(step(mem, "seal.sync", err));
    if (writer->sealed)
        return fail(mem, CS_E_IO, cs_str_of(writer->name), "seal after the end of", err);
    cs_mem_sync_file(writer->node);
    writer->node->writers = 0;
    cs_str name = cs_str_of(writer->name), last;
    /* The folder of the name and all above it up to the root. */
    while (name.len > 0) {
        CS_TRY(step(mem, "seal.sync_folder", err));
        cs_mem_node *folder = parent_of(mem, name, &last);
        if (folder != NULL)
            sync_folder(mem, folder);
        name.len -= last.len + (last.len < name.len);
    }
    writer->sealed = true;
    return CS_OK;
}

static void writer_close(cs_file_writer *base)
{
    mem_writer *writer = (mem_writer *)base;
    cs_str last;
    if (!is_dead(writer->mem)) {
        writer->node->writers = 0;
        cs_mem_node *folder = parent_of(writer->mem, cs_str_of(writer->name), &last);
        if (!writer->sealed && folder != NULL && cs_mem_child(folder, last) == writer->node)
            cs_mem_change_name(writer->mem->disk, folder, last, NULL, 0);
    }
    free(writer->name);
    free(writer);
}
