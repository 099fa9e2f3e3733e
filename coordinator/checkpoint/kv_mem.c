/* Changes are made in place, with an undo list that is run backwards on abort. */
#include "coordinator/checkpoint/kv_mem.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/arena.h"

typedef struct pair {
    cs_str key, value; /* owned */
} pair;

typedef struct undo {
    cs_str key;   /* owned */
    cs_str value; /* owned; ptr NULL: was absent */
} undo;

typedef struct mem_kv {
    cs_kv kv;
    cs_kv_db *db;
    bool open, write, dead;
} mem_kv;

struct cs_kv_db {
    pair *pairs;
    size_t n, cap;
    undo *undos;
    size_t n_undos, undos_cap;
    mem_kv *writer; /* whose transaction is open */
    cs_kv_step_fn step;
    void *step_ctx;
    uint64_t fail_at;
    cs_code fail_code;
    uint64_t backups;
};

static cs_code mem_begin(cs_kv *base, bool write, cs_error *err);
static cs_code mem_get(cs_kv *base, cs_str key, cs_str *value, cs_error *err);
static cs_code mem_put(cs_kv *base, cs_str key, cs_str value, cs_error *err);
static cs_code mem_del(cs_kv *base, cs_str key, cs_error *err);
static cs_code mem_seek(cs_kv *base, cs_str from, cs_str *key, cs_str *value, cs_error *err);
static cs_code mem_commit(cs_kv *base, cs_error *err);
static void mem_abort(cs_kv *base);
static cs_code mem_backup(cs_kv *base, cs_error *err);
static void mem_close(cs_kv *base);

static const cs_kv_ops ops = {
    .begin = mem_begin,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .seek = mem_seek,
    .commit = mem_commit,
    .abort = mem_abort,
    .backup = mem_backup,
    .close = mem_close,
};

static cs_str copy(cs_str text)
{
    char *bytes = cs_xcalloc(1, text.len + 1);
    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    return (cs_str){ bytes, text.len };
}

static void drop(cs_str text)
{
    free((char *)(uintptr_t)text.ptr);
}

cs_kv_db *cs_kv_db_new(void)
{
    return cs_xcalloc(1, sizeof(cs_kv_db));
}

cs_kv_db *cs_kv_db_copy(const cs_kv_db *db)
{
    assert(db->n_undos == 0);
    cs_kv_db *other = cs_kv_db_new();
    other->pairs = cs_xcalloc(db->n + 1, sizeof *other->pairs);
    other->n = other->cap = db->n;
    for (size_t i = 0; i < db->n; i++)
        other->pairs[i] = (pair){ copy(db->pairs[i].key), copy(db->pairs[i].value) };
    return other;
}

void cs_kv_db_free(cs_kv_db *db)
{
    if (db == NULL)
        return;
    assert(db->writer == NULL);
    for (size_t i = 0; i < db->n; i++) {
        drop(db->pairs[i].key);
        drop(db->pairs[i].value);
    }
    free(db->pairs);
    free(db->undos);
    free(db);
}

size_t cs_kv_db_count(const cs_kv_db *db)
{
    return db->n;
}

uint64_t cs_kv_db_backups(const cs_kv_db *db)
{
    return db->backups;
}

void cs_kv_db_on_step(cs_kv_db *db, cs_kv_step_fn step, void *ctx)
{
    db->step = step;
    db->step_ctx = ctx;
}

void cs_kv_db_fail(cs_kv_db *db, uint64_t nth, cs_code code)
{
    db->fail_at = nth;
    db->fail_code = code;
}

cs_kv *cs_kv_mem_open(cs_kv_db *db)
{
    mem_kv *kv = cs_xcalloc(1, sizeof *kv);
    kv->kv.ops = &ops;
    kv->db = db;
    return &kv->kv;
}

/* ---- pairs ---- */

static size_t lower_bound(const cs_kv_db *db, cs_str key)
{
    size_t low = 0, high = db->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cs_str_cmp(db->pairs[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const cs_kv_db *db, size_t at, cs_str key)
{
    return at < db->n && cs_str_eq(db->pairs[at].key, key);
}

char *cs_kv_db_value(cs_kv_db *db, cs_str from, size_t *len)
{
    size_t at = lower_bound(db, from);
    if (at == db->n)
        return NULL;
    *len = db->pairs[at].value.len;
    return (char *)(uintptr_t)db->pairs[at].value.ptr;
}

/* value.ptr NULL: removes. Takes over the value, gives the old one (ptr NULL: none). */
static cs_str exchange(cs_kv_db *db, cs_str key, cs_str value)
{
    size_t at = lower_bound(db, key);
    cs_str old = { NULL, 0 };
    if (is_at(db, at, key)) {
        old = db->pairs[at].value;
        db->pairs[at].value = value;
        if (value.ptr == NULL) {
            drop(db->pairs[at].key);
            memmove(&db->pairs[at], &db->pairs[at + 1], (--db->n - at) * sizeof *db->pairs);
        }
    } else if (value.ptr != NULL) {
        if (db->n == db->cap) {
            db->cap = db->cap == 0 ? 64 : db->cap * 2;
            db->pairs = cs_xrealloc(db->pairs, db->cap * sizeof *db->pairs);
        }
        memmove(&db->pairs[at + 1], &db->pairs[at], (db->n++ - at) * sizeof *db->pairs);
        db->pairs[at] = (pair){ copy(key), value };
    }
    return old;
}

static void change(cs_kv_db *db, cs_str key, cs_str value)
{
    if (db->n_undos == db->undos_cap) {
        db->undos_cap = db->undos_cap == 0 ? 64 : db->undos_cap * 2;
        db->undos = cs_xrealloc(db->undos, db->undos_cap * sizeof *db->undos);
    }
    cs_str kept = copy(key);
    db->undos[db->n_undos++] = (undo){ kept, exchange(db, key, value) };
}

static void finish(cs_kv_db *db, bool keep)
{
    while (db->n_undos > 0) {
        undo *last = &db->undos[--db->n_undos];
        drop(keep ? last->value : exchange(db, last->key, last->value));
        drop(last->key);
    }
    db->writer = NULL;
}

/* ---- the door ---- */

void cs_kv_mem_kill(cs_kv *base)
{
    mem_abort(base);
    ((mem_kv *)base)->dead = true;
}

static cs_code step(mem_kv *kv, const char *what, cs_error *err)
{
    cs_kv_db *db = kv->db;
    if (!kv->dead && db->step != NULL && !db->step(db->step_ctx, &kv->kv, what))
        cs_kv_mem_kill(&kv->kv);
    if (kv->dead)
        return cs_error_set(err, CS_E_CANCELLED, "%s: the process was killed", what);
    bool may_fail = strcmp(what, "put") == 0 || strcmp(what, "del") == 0 || strcmp(what,
                                                                                   "commit") == 0;
    if (may_fail && db->fail_at > 0 && --db->fail_at == 0) {
        mem_abort(&kv->kv);
        return cs_error_set(err, db->fail_code, "planted failure of %s", what);
    }
    return CS_OK;
}

static cs_code mem_begin(cs_kv *base, bool write, cs_error *err)
{
    mem_kv *kv = (mem_kv *)base;
    CS_TRY(step(kv, "begin", err));
    assert(!kv->open && kv->db->writer == NULL);
    kv->open = true;
    kv->write = write;
    if (write)
        kv->db->writer = kv;
    return CS_OK;
}

static cs_code mem_get(cs_kv *base, cs_str key, cs_str *value, cs_error *err)
{
    (void)err;
    mem_kv *kv = (mem_kv *)base;
    assert(kv->open);
    size_t at = lower_bound(kv->db, key);
    if (!is_at(kv->db, at, key))
        return CS_E_NOT_FOUND;
    *value = kv->db->pairs[at].value;
    return CS_OK;
}

static cs_code mem_put(cs_kv *base, cs_str key, cs_str value, cs_error *err)
{
    mem_kv *kv = (mem_kv *)base;
    assert(kv->open && kv->write && key.len > 0);
    CS_TRY(step(kv, "put", err));
    change(kv->db, key, copy(value));
    return CS_OK;
}

static cs_code mem_del(cs_kv *base, cs_str key, cs_error *err)
{
    mem_kv *kv = (mem_kv *)base;
    assert(kv->open && kv->write);
    CS_TRY(step(kv, "del", err));
    change(kv->db, key, (cs_str){ NULL, 0 });
    return CS_OK;
}

static cs_code mem_seek(cs_kv *base, cs_str from, cs_str *key, cs_str *value, cs_error *err)
{
    (void)err;
    mem_kv *kv = (mem_kv *)base;
    assert(kv->open);
    size_t at = lower_bound(kv->db, from);
    if (at == kv->db->n)
        return CS_E_NOT_FOUND;
    *key = kv->db->pairs[at].key;
    *value = kv->db->pairs[at].value;
    return CS_OK;
}

static cs_code mem_commit(cs_kv *base, cs_error *err)
{
    mem_kv *kv = (mem_kv *)base;
    assert(kv->open && kv->write);
    CS_TRY(step(kv, "commit", err));
    finish(kv->db, true);
    kv->open = false;
    return step(kv, "committed", err);
}

static void mem_abort(cs_kv *base)
{
    mem_kv *kv = (mem_kv *)base;
    if (kv->open && kv->write)
        finish(kv->db, false);
    kv->open = false;
}

static cs_code mem_backup(cs_kv *base, cs_error *err)
{
    mem_kv *kv = (mem_kv *)base;
    assert(!kv->open);
    if (kv->dead)
        return CS_OK; /* the dead neither act nor complain */
    CS_TRY(step(kv, "backup", err));
    kv->db->backups++;
    return CS_OK;
}

static void mem_close(cs_kv *base)
{
    mem_abort(base);
    free(base);
}
