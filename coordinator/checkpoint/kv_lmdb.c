/* The checkpoint in LMDB 0.9.24, with a guard for each of its traps (spec: reliability.md §4):
 *
 * - It locks nothing across processes that we could rely on: MDB_NOLOCK, and our own lock
 *   (checkpoint_folder).
 * - A new environment is not atomic and not synced: it is made under another name, synced, and
 *   renamed.
 * - MDB_MAP_FULL spoils the transaction: abort, grow, and ask the caller to do it again.
 * - No WRITEMAP (SIGBUS on a full disk), no NOSYNC of any kind, no DUPSORT; keys are short (hashed
 *   by the caller).
 * - After an EIO of a commit the kernel may have dropped dirty pages: this handle trusts nothing
 *   any more. After another failed write (a full disk) LMDB may refuse all that follows: the
 *   environment is opened anew.
 * - Damage may end the process by a signal: see kv_lmdb_check.c.
 * - Never used after fork; opened once; used by one thread. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "coordinator/checkpoint/checkpoint_folder.h"
#include "coordinator/checkpoint/kv_lmdb.h"

#define MAP_BYTES_MIN (16u << 20)

typedef struct lmdb_kv {
    cs_kv kv;
    char *folder;
    int lock_fd; /* -1: none (the check) */
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    size_t map_bytes;
    bool broken; /* nothing is done any more */
    bool stale;  /* to be opened anew */
} lmdb_kv;

static cs_code lmdb_begin(cs_kv *base, bool write, cs_error *err);
static cs_code lmdb_get(cs_kv *base, cs_str key, cs_str *value, cs_error *err);
static cs_code lmdb_put(cs_kv *base, cs_str key, cs_str value, cs_error *err);
static cs_code lmdb_del(cs_kv *base, cs_str key, cs_error *err);
static cs_code lmdb_seek(cs_kv *base, cs_str from, cs_str *key, cs_str *value, cs_error *err);
static cs_code lmdb_commit(cs_kv *base, cs_error *err);
static void lmdb_abort(cs_kv *base);
static cs_code lmdb_backup(cs_kv *base, cs_error *err);
static void lmdb_close(cs_kv *base);
static cs_code open_env(lmdb_kv *kv, const char *name, unsigned flags, cs_error *err);
static cs_code make_env(lmdb_kv *kv, cs_error *err);

static const cs_kv_ops ops = {
    .begin = lmdb_begin,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .seek = lmdb_seek,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .backup = lmdb_backup,
    .close = lmdb_close,
};

char *cs_kv_lmdb_path(const char *folder, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        cs_out_of_memory(0);
    return path;
}

static lmdb_kv *kv_new(const char *folder)
{
    lmdb_kv *kv = cs_xcalloc(1, sizeof *kv);
    kv->kv.ops = &ops;
    kv->folder = cs_xstrdup(folder);
    kv->lock_fd = -1;
    return kv;
}

cs_code cs_kv_lmdb_open(const char *folder, const char *checker, cs_kv **out, cs_error *err)
{
    lmdb_kv *kv = kv_new(folder);
    char *path = cs_kv_lmdb_path(folder, CS_KV_LMDB_FILE);
    cs_code code;
    CS_TRY_OUT(cs_checkpoint_folder_make(folder, err));
    CS_TRY_OUT(cs_checkpoint_folder_lock(folder, &kv->lock_fd, err));
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT) {
        code = cs_error_sys(err, errno, "cannot open %s", path);
        goto out;
    }
    if (fd >= 0) {
        close(fd); /* it is there and may be written: that was all to know */
        if (checker != NULL)
            CS_TRY_OUT(cs_kv_lmdb_check_in_child(folder, checker, err));
    } else {
        CS_TRY_OUT(make_env(kv, err));
    }
    CS_TRY_OUT(open_env(kv, CS_KV_LMDB_FILE, 0, err));
    *out = &kv->kv;
    kv = NULL;
out:
    free(path);
    if (kv != NULL)
        lmdb_close(&kv->kv);
    return code;
}

cs_code cs_kv_lmdb_open_read_only(const char *folder, cs_kv **out, cs_error *err)
{
    lmdb_kv *kv = kv_new(folder);
    cs_code code = open_env(kv, CS_KV_LMDB_FILE, MDB_RDONLY, err);
    if (code == CS_OK)
        *out = &kv->kv;
    else
        lmdb_close(&kv->kv);
    return code;
}

uint64_t cs_kv_lmdb_bytes_used(cs_kv *base)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(((lmdb_kv *)base)->env, &info) != 0 ||
        mdb_env_stat(((lmdb_kv *)base)->env, &stat) != 0)
        return 0;
    return (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

/* ---- errors ---- */

static cs_code fail(lmdb_kv *kv, int rc, const char *what, cs_error *err)
{
    switch (rc) {
    case MDB_NOTFOUND:
        return CS_E_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CURSOR_FULL:
        kv->broken = true;
        cs_error_set(err, CS_E_DAMAGED_CHECKPOINT, "cannot %s checkpoint %s: %s", what, kv->folder,
                     mdb_strerror(rc));
        cs_kv_lmdb_damage_hint(kv->folder, err);
        return CS_E_DAMAGED_CHECKPOINT;
    default:
        break;
    }
    if (rc > 0) {
        kv->broken = kv->broken || rc == EIO;
        /* LMDB makes EIO of a write that was cut short, which is how a full disk often shows. */
        struct statvfs room;
        if (rc == EIO && statvfs(kv->folder, &room) == 0 && room.f_bavail == 0)
            rc = ENOSPC;
        kv->stale = true;
        return cs_error_sys(err, rc, "cannot %s checkpoint %s", what, kv->folder);
    }
    return cs_error_set(err, CS_E_IO, "cannot %s checkpoint %s: %s", what, kv->folder,
                        mdb_strerror(rc));
}

/* The transaction is spoilt: gives it up and makes twice the room. */
static cs_code grow(lmdb_kv *kv, cs_error *err)
{
    lmdb_abort(&kv->kv);
    if (kv->map_bytes >= CS_CHECKPOINT_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "checkpoint %s has reached its limit of %llu bytes",
                            kv->folder, (unsigned long long)CS_CHECKPOINT_BYTES_MAX);
    int rc = mdb_env_set_mapsize(kv->env, kv->map_bytes * 2);
    if (rc != 0)
        return fail(kv, rc, "grow", err);
    kv->map_bytes *= 2;
    return CS_E_AGAIN;
}

static cs_code write_failed(lmdb_kv *kv, int rc, const char *what, cs_error *err)
{
    return rc == MDB_MAP_FULL ? grow(kv, err) : fail(kv, rc, what, err);
}

/* ---- the environment ---- */

static cs_code open_env(lmdb_kv *kv, const char *name, unsigned flags, cs_error *err)
{
    char *path = cs_kv_lmdb_path(kv->folder, name);
    struct stat st;
    kv->map_bytes = MAP_BYTES_MIN;
    if (stat(path, &st) == 0) {
        while (kv->map_bytes < (uint64_t)st.st_size * 2 && kv->map_bytes < CS_CHECKPOINT_BYTES_MAX)
            kv->map_bytes *= 2;
    }
    MDB_txn *txn = NULL;
    int rc = mdb_env_create(&kv->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(kv->env, kv->map_bytes);
    if (rc == 0)
        rc = mdb_env_open(kv->env, path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600);
    free(path);
    if (rc == 0)
        rc = mdb_txn_begin(kv->env, NULL, flags & MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &kv->dbi);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    return rc == 0 ? CS_OK : fail(kv, rc, "open", err);
}

/* Makes a whole, durable file, then gives it its name, so that a crash half-way leaves no half-made
 * one. Also for backups: `source` NULL makes an empty environment. */
static cs_code place_file(lmdb_kv *kv, MDB_env *source, const char *name, cs_error *err)
{
    char *temporary = cs_kv_lmdb_path(kv->folder, ".new.mdb");
    char *path = cs_kv_lmdb_path(kv->folder, name);
    int rc = 0, fd = -1;
    if (unlink(temporary) != 0 && errno != ENOENT)
        rc = errno;
    if (rc == 0 && source == NULL) {
        MDB_env *env = NULL;
        rc = mdb_env_create(&env);
        if (rc == 0)
            rc = mdb_env_open(env, temporary, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
        if (env != NULL)
            mdb_env_close(env);
    } else if (rc == 0) {
        rc = mdb_env_copy2(source, temporary, 0);
    }
    if (rc == 0 && (fd = open(temporary, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) < 0)
        rc = errno;
    if (rc == 0 && (fchmod(fd, 0600) != 0 || fsync(fd) != 0))
        rc = errno;
    if (fd >= 0 && close(fd) != 0 && rc == 0)
        rc = errno;
    if (rc == 0 && rename(temporary, path) != 0)
        rc = errno;
    if (rc != 0)
        unlink(temporary); /* rubbish; the next attempt removes what stays */
    cs_code code = CS_OK;
    if (rc > 0) /* of another file: says nothing about the one that is open */
        code = cs_error_sys(err, rc, "cannot write %s", path);
    else if (rc < 0)
        code = fail(kv, rc, source == NULL ? "make" : "back up", err);
    free(temporary);
    free(path);
    return code == CS_OK ? cs_checkpoint_folder_sync(kv->folder, err) : code;
}

static cs_code make_env(lmdb_kv *kv, cs_error *err)
{
    return place_file(kv, NULL, CS_KV_LMDB_FILE, err);
}

static cs_code lmdb_backup(cs_kv *base, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    assert(kv->txn == NULL);
    if (kv->broken || kv->stale || cs_kv_lmdb_bytes_used(base) > CS_CHECKPOINT_BACKUP_BYTES_MAX)
        return CS_OK;
    return place_file(kv, kv->env, CS_KV_LMDB_BACKUP, err);
}

static void lmdb_close(cs_kv *base)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    lmdb_abort(base);
    if (kv->env != NULL)
        mdb_env_close(kv->env);
    if (kv->lock_fd >= 0)
        close(kv->lock_fd); /* lets go of the lock */
    free(kv->folder);
    free(kv);
}

/* ---- transactions ---- */

static cs_code reopen(lmdb_kv *kv, cs_error *err)
{
    if (kv->env != NULL)
        mdb_env_close(kv->env);
    kv->env = NULL;
    CS_TRY(open_env(kv, CS_KV_LMDB_FILE, 0, err));
    kv->stale = false;
    return CS_OK;
}

static cs_code lmdb_begin(cs_kv *base, bool write, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    assert(kv->txn == NULL);
    if (kv->broken) {
        cs_error_set(err, CS_E_IO,
                     "checkpoint %s failed before: nothing in memory is trusted any more",
                     kv->folder);
        cs_error_hint(err, "start again: what is on the disk is read anew");
        return CS_E_IO;
    }
    if (kv->stale)
        CS_TRY(reopen(kv, err));
    int rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &kv->txn);
    if (rc == 0)
        return CS_OK;
    kv->txn = NULL;
    return fail(kv, rc, "begin a transaction in", err);
}

static cs_code lmdb_get(cs_kv *base, cs_str key, cs_str *value, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    MDB_val k = { key.len, (void *)(uintptr_t)key.ptr }, v;
    int rc = mdb_get(kv->txn, kv->dbi, &k, &v);
    if (rc != 0)
        return fail(kv, rc, "read", err);
    *value = (cs_str){ v.mv_data, v.mv_size };
    return CS_OK;
}

static cs_code lmdb_put(cs_kv *base, cs_str key, cs_str value, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    MDB_val k = { key.len, (void *)(uintptr_t)key.ptr };
    MDB_val v = { value.len, (void *)(uintptr_t)value.ptr };
    int rc = mdb_put(kv->txn, kv->dbi, &k, &v, 0);
    return rc == 0 ? CS_OK : write_failed(kv, rc, "write", err);
}

static cs_code lmdb_del(cs_kv *base, cs_str key, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    MDB_val k = { key.len, (void *)(uintptr_t)key.ptr };
    int rc = mdb_del(kv->txn, kv->dbi, &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? CS_OK : write_failed(kv, rc, "delete from", err);
}

static cs_code lmdb_seek(cs_kv *base, cs_str from, cs_str *key, cs_str *value, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(kv->txn, kv->dbi, &cursor);
    if (rc != 0)
        return fail(kv, rc, "read", err);
    MDB_val k = { from.len, (void *)(uintptr_t)from.ptr }, v;
    rc = mdb_cursor_get(cursor, &k, &v, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (rc != 0)
        return fail(kv, rc, "read", err);
    *key = (cs_str){ k.mv_data, k.mv_size };
    *value = (cs_str){ v.mv_data, v.mv_size };
    return CS_OK;
}

/* Frees the transaction whatever happens. */
static cs_code lmdb_commit(cs_kv *base, cs_error *err)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    int rc = mdb_txn_commit(kv->txn);
    kv->txn = NULL;
    return rc == 0 ? CS_OK : write_failed(kv, rc, "commit to", err);
}

static void lmdb_abort(cs_kv *base)
{
    lmdb_kv *kv = (lmdb_kv *)base;
    if (kv->txn != NULL)
        mdb_txn_abort(kv->txn);
    kv->txn = NULL;
}
