/* The contract of kv.h, held by LMDB and by the simulator's store alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "coordinator/checkpoint/checkpoint.h"
#include "coordinator/checkpoint/kv_mem.h"

typedef struct ground {
    cs_kv *kv;
    cs_kv_db *db; /* NULL: LMDB */
    char folder[64];
} ground;

static void open_ground(ground *g)
{
    if (g->db != NULL)
        g->kv = cs_kv_mem_open(g->db);
    else
        assert_int_equal(cs_kv_lmdb_open(g->folder, NULL, &g->kv, NULL), CS_OK);
}

static int setup_mem(void **state)
{
    ground *g = cs_xcalloc(1, sizeof *g);
    g->db = cs_kv_db_new();
    open_ground(g);
    *state = g;
    return 0;
}

static int setup_lmdb(void **state)
{
    ground *g = cs_xcalloc(1, sizeof *g);
    snprintf(g->folder, sizeof g->folder, "/tmp/cs_kv_XXXXXX");
    assert_non_null(mkdtemp(g->folder));
    open_ground(g);
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    ground *g = *state;
    g->kv->ops->close(g->kv);
    cs_kv_db_free(g->db);
    if (g->folder[0] != '\0') {
        char command[96];
        snprintf(command, sizeof command, "rm -rf %s", g->folder);
        assert_int_equal(system(command), 0);
    }
    free(g);
    return 0;
}

/* Does again what must be done again, as the contract asks. */
static void put_all(cs_kv *kv, size_t n, const cs_str *keys, const cs_str *values)
{
    cs_code code = CS_E_AGAIN;
    while (code == CS_E_AGAIN) {
        code = kv->ops->begin(kv, true, NULL);
        for (size_t i = 0; code == CS_OK && i < n; i++)
            code = kv->ops->put(kv, keys[i], values[i], NULL);
        if (code == CS_OK)
            code = kv->ops->commit(kv, NULL);
        if (code != CS_OK)
            kv->ops->abort(kv);
    }
    assert_int_equal(code, CS_OK);
}

static void put_one(cs_kv *kv, const char *key, const char *value)
{
    put_all(kv, 1, (cs_str[]){ cs_str_of(key) }, (cs_str[]){ cs_str_of(value) });
}

static void assert_value(cs_kv *kv, const char *key, const char *value)
{
    cs_str found;
    assert_int_equal(kv->ops->begin(kv, false, NULL), CS_OK);
    cs_code code = kv->ops->get(kv, cs_str_of(key), &found, NULL);
    if (value == NULL) {
        assert_int_equal(code, CS_E_NOT_FOUND);
    } else {
        assert_int_equal(code, CS_OK);
        assert_true(cs_str_eq(found, cs_str_of(value)));
    }
    kv->ops->abort(kv);
}

static void committed_values_are_found_after_opening_again(void **state)
{
    ground *g = *state;
    put_one(g->kv, "a", "1");
    put_one(g->kv, "b", "");
    put_one(g->kv, "a", "2");
    g->kv->ops->close(g->kv);
    open_ground(g);
    assert_value(g->kv, "a", "2");
    assert_value(g->kv, "b", "");
    assert_value(g->kv, "c", NULL);
}

static void aborted_transaction_leaves_nothing(void **state)
{
    ground *g = *state;
    cs_kv *kv = g->kv;
    put_one(kv, "a", "1");
    put_one(kv, "gone", "1");
    assert_int_equal(kv->ops->begin(kv, true, NULL), CS_OK);
    assert_int_equal(kv->ops->put(kv, CS_STR("a"), CS_STR("2"), NULL), CS_OK);
    assert_int_equal(kv->ops->put(kv, CS_STR("b"), CS_STR("2"), NULL), CS_OK);
    assert_int_equal(kv->ops->del(kv, CS_STR("gone"), NULL), CS_OK);
    assert_int_equal(kv->ops->del(kv, CS_STR("never"), NULL), CS_OK);
    cs_str value;
    assert_int_equal(kv->ops->get(kv, CS_STR("a"), &value, NULL), CS_OK); /* it sees its own changes */
    assert_true(cs_str_eq(value, CS_STR("2")));
    assert_int_equal(kv->ops->get(kv, CS_STR("gone"), &value, NULL), CS_E_NOT_FOUND);
    kv->ops->abort(kv);
    kv->ops->abort(kv);
    assert_value(kv, "a", "1");
    assert_value(kv, "b", NULL);
    assert_value(kv, "gone", "1");
}

static void seek_walks_keys_in_order_of_bytes(void **state)
{
    ground *g = *state;
    cs_kv *kv = g->kv;
    static const cs_str keys[] = { { "b", 1 }, { "a\0z", 3 }, { "\xff", 1 }, { "a", 1 }, { "ab", 2 } };
    static const size_t order[] = { 3, 1, 4, 0, 2 };
    put_all(kv, 5, keys, keys);
    assert_int_equal(kv->ops->begin(kv, false, NULL), CS_OK);
    char from[8];
    size_t len = 0;
    for (size_t i = 0; i < 5; i++) {
        cs_str key, value;
        assert_int_equal(kv->ops->seek(kv, (cs_str){ from, len }, &key, &value, NULL), CS_OK);
        assert_true(cs_str_eq(key, keys[order[i]]));
        assert_true(cs_str_eq(value, keys[order[i]]));
        memcpy(from, key.ptr, key.len);
        from[key.len] = '\0';
        len = key.len + 1;
    }
    cs_str key, value;
    assert_int_equal(kv->ops->seek(kv, (cs_str){ from, len }, &key, &value, NULL), CS_E_NOT_FOUND);
    kv->ops->abort(kv);
}

/* Random transactions against a plain table: a second way to compute. */
static void random_transactions_agree_with_a_table(void **state)
{
    ground *g = *state;
    cs_kv *kv = g->kv;
    static char model[200][16], next[200][16];
    memset(model, 0, sizeof model);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 7);
    for (int t = 0; t < 60; t++) {
        memcpy(next, model, sizeof next);
        assert_int_equal(kv->ops->begin(kv, true, NULL), CS_OK);
        for (int i = 0; i < 40; i++) {
            size_t k = cs_rng_below(&rng.rng, 200);
            char key[8];
            snprintf(key, sizeof key, "k%zu", k);
            if (cs_rng_below(&rng.rng, 3) == 0) {
                next[k][0] = '\0';
                assert_int_equal(kv->ops->del(kv, cs_str_of(key), NULL), CS_OK);
            } else {
                snprintf(next[k], sizeof next[k], "v%llu", (unsigned long long)cs_rng_below(&rng.rng, 1000));
                assert_int_equal(kv->ops->put(kv, cs_str_of(key), cs_str_of(next[k]), NULL), CS_OK);
            }
        }
        if (cs_rng_below(&rng.rng, 3) == 0) {
            kv->ops->abort(kv);
        } else {
            assert_int_equal(kv->ops->commit(kv, NULL), CS_OK);
            memcpy(model, next, sizeof next);
        }
    }
    for (size_t k = 0; k < 200; k++) {
        char key[8];
        snprintf(key, sizeof key, "k%zu", k);
        assert_value(kv, key, model[k][0] != '\0' ? model[k] : NULL);
    }
}

static void large_transactions_make_their_room(void **state)
{
    ground *g = *state;
    enum { N = 200, BYTES = 256 << 10 };
    static char value[BYTES];
    static char names[N][16];
    static cs_str keys[N], values[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        keys[i] = cs_str_of(names[i]);
        values[i] = (cs_str){ value, BYTES };
    }
    memset(value, 'x', sizeof value);
    put_all(g->kv, N, keys, values); /* 50 MiB: LMDB starts with a map of 16 */
    g->kv->ops->close(g->kv);
    open_ground(g);
    cs_str found;
    assert_int_equal(g->kv->ops->begin(g->kv, false, NULL), CS_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(g->kv->ops->get(g->kv, keys[i], &found, NULL), CS_OK);
        assert_int_equal(found.len, BYTES);
        assert_memory_equal(found.ptr, value, BYTES);
    }
    g->kv->ops->abort(g->kv);
}

#define ON_BOTH(test)                                                  \
    { #test " [mem]", test, setup_mem, teardown, NULL },               \
    { #test " [lmdb]", test, setup_lmdb, teardown, NULL }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(committed_values_are_found_after_opening_again),
        ON_BOTH(aborted_transaction_leaves_nothing),
        ON_BOTH(seek_walks_keys_in_order_of_bytes),
        ON_BOTH(random_transactions_agree_with_a_table),
        ON_BOTH(large_transactions_make_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
