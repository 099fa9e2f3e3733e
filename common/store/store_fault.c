#include "common/store/store_fault.h"

#include <errno.h>
#include <stdlib.h>

typedef struct fault_store {
    cs_store store;
    cs_store *inner;
    cs_store_fault_rule rule;
    uint64_t passed[CS_STORE_OP_COUNT]; /* [ANY]: all */
} fault_store;

typedef struct fault_file {
    cs_file file;
    fault_store *fault;
    cs_file *inner;
} fault_file;

typedef struct fault_writer {
    cs_file_writer writer;
    fault_store *fault;
    cs_file_writer *inner;
} fault_writer;

static cs_code fault_open(cs_store *store, cs_str name, cs_file **out, cs_error *err);
static cs_code fault_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err);
static cs_code fault_list(cs_store *store, cs_str folder,
                          cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                          void *ctx, cs_error *err);
static cs_code fault_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err);
static cs_code fault_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err);
static cs_code fault_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err);
static cs_code fault_remove(cs_store *store, cs_str name, cs_error *err);
static cs_code fault_make_folder(cs_store *store, cs_str folder, cs_error *err);
static cs_code fault_sync_folder(cs_store *store, cs_str folder, cs_error *err);
static cs_writer_probe fault_probe_writer(cs_store *store, cs_str name);
static void fault_close(cs_store *store);
static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err);
static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err);
static void file_close(cs_file *base);
static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err);
static cs_code writer_seal(cs_file_writer *base, cs_error *err);
static void writer_close(cs_file_writer *base);

static const cs_store_ops ops = {
    .open = fault_open,
    .stat = fault_stat,
    .list = fault_list,
    .create = fault_create,
    .put_new = fault_put_new,
    .rename_new = fault_rename_new,
    .remove = fault_remove,
    .make_folder = fault_make_folder,
    .sync_folder = fault_sync_folder,
    .probe_writer = fault_probe_writer,
    .close = fault_close,
};
static const cs_file_ops file_ops = { file_read_at, file_stat, file_close };
static const cs_file_writer_ops writer_ops = { writer_write, writer_seal, writer_close };

cs_store *cs_store_fault_new(cs_store *inner)
{
    fault_store *fault = cs_xcalloc(1, sizeof *fault);
    fault->store.ops = &ops;
    fault->inner = inner;
    return &fault->store;
}

void cs_store_fault_set(cs_store *store, cs_store_fault_rule rule)
{
    fault_store *fault = (fault_store *)store;
    fault->rule = rule;
    memset(fault->passed, 0, sizeof fault->passed);
}

uint64_t cs_store_fault_passed(const cs_store *store, cs_store_op op)
{
    return ((const fault_store *)store)->passed[op];
}

static bool strikes(fault_store *fault, cs_store_op op)
{
    fault->passed[op]++;
    fault->passed[CS_STORE_OP_ANY]++;
    const cs_store_fault_rule *rule = &fault->rule;
    if (rule->nth == 0 || (rule->op != CS_STORE_OP_ANY && rule->op != op))
        return false;
    uint64_t n = fault->passed[rule->op];
    return n == rule->nth || (rule->lasting && n > rule->nth);
}

static cs_code planted(const fault_store *fault, cs_str name, cs_error *err)
{
    return cs_error_sys(err, fault->rule.sys_errno, "planted fault at '%.*s'", CS_STR_ARG(name));
}

/* Runs `call` unless the fault strikes before it; its own failure goes first. */
#define WITH_FAULT(fault, op, name, call)                 \
    do {                                                  \
        bool strikes_ = strikes((fault), (op));           \
        if (strikes_ && !(fault)->rule.after)             \
            return planted((fault), (name), err);         \
        CS_TRY(call);                                     \
        if (strikes_)                                     \
            return planted((fault), (name), err);         \
    } while (0)

static cs_code fault_open(cs_store *store, cs_str name, cs_file **out, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    if (strikes(fault, CS_STORE_OP_OPEN))
        return planted(fault, name, err);
    cs_file *inner;
    CS_TRY(cs_store_open(fault->inner, name, &inner, err));
    fault_file *file = cs_xcalloc(1, sizeof *file);
    *file = (fault_file){ { &file_ops }, fault, inner };
    *out = &file->file;
    return CS_OK;
}

static cs_code fault_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    cs_stat found;
    WITH_FAULT(fault, CS_STORE_OP_STAT, name, cs_store_stat(fault->inner, name, &found, err));
    *out = found;
    return CS_OK;
}

static cs_code fault_list(cs_store *store, cs_str folder,
                          cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                          void *ctx, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_LIST, folder,
               cs_store_list(fault->inner, folder, each, ctx, err));
    return CS_OK;
}

static cs_code fault_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    if (strikes(fault, CS_STORE_OP_CREATE))
        return planted(fault, name, err);
    cs_file_writer *inner;
    CS_TRY(cs_store_create(fault->inner, name, &inner, err));
    fault_writer *writer = cs_xcalloc(1, sizeof *writer);
    *writer = (fault_writer){ { &writer_ops }, fault, inner };
    *out = &writer->writer;
    return CS_OK;
}

static cs_code fault_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_PUT_NEW, name,
               cs_store_put_new(fault->inner, name, tag, bytes, err));
    return CS_OK;
}

static cs_code fault_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_RENAME, from, cs_store_rename_new(fault->inner, from, to, err));
    return CS_OK;
}

static cs_code fault_remove(cs_store *store, cs_str name, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_REMOVE, name, cs_store_remove(fault->inner, name, err));
    return CS_OK;
}

static cs_code fault_make_folder(cs_store *store, cs_str folder, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_MAKE_FOLDER, folder,
               cs_store_make_folder(fault->inner, folder, err));
    return CS_OK;
}

static cs_code fault_sync_folder(cs_store *store, cs_str folder, cs_error *err)
{
    fault_store *fault = (fault_store *)store;
    WITH_FAULT(fault, CS_STORE_OP_SYNC_FOLDER, folder,
               cs_store_sync_folder(fault->inner, folder, err));
    return CS_OK;
}

static cs_writer_probe fault_probe_writer(cs_store *store, cs_str name)
{
    return cs_store_probe_writer(((fault_store *)store)->inner, name);
}

static void fault_close(cs_store *store)
{
    cs_store_close(((fault_store *)store)->inner);
    free(store);
}

static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err)
{
    fault_file *file = (fault_file *)base;
    WITH_FAULT(file->fault, CS_STORE_OP_READ, CS_STR("an open file"),
               cs_file_read_at(file->inner, offset, bytes, len, got, err));
    return CS_OK;
}

static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err)
{
    fault_file *file = (fault_file *)base;
    cs_stat found;
    WITH_FAULT(file->fault, CS_STORE_OP_STAT, CS_STR("an open file"),
               cs_file_stat(file->inner, &found, err));
    *out = found;
    return CS_OK;
}

static void file_close(cs_file *base)
{
    cs_file_close(((fault_file *)base)->inner);
    free(base);
}

static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err)
{
    fault_writer *writer = (fault_writer *)base;
    WITH_FAULT(writer->fault, CS_STORE_OP_WRITE, CS_STR("a new file"),
               cs_file_writer_write(writer->inner, bytes, len, err));
    return CS_OK;
}

static cs_code writer_seal(cs_file_writer *base, cs_error *err)
{
    fault_writer *writer = (fault_writer *)base;
    WITH_FAULT(writer->fault, CS_STORE_OP_SEAL, CS_STR("a new file"),
               cs_file_writer_seal(writer->inner, err));
    return CS_OK;
}

static void writer_close(cs_file_writer *base)
{
    cs_file_writer_close(((fault_writer *)base)->inner);
    free(base);
}
