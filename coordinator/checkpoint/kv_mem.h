/* The simulator's key-value store: ordered, in memory, transactions all-or-nothing and durable at
 * commit. One database, several handles on it (a stopped process and its successor); one
 * transaction at a time in all. Used by tests/sim and by the tests of checkpoint.c. */
#ifndef CS_COORDINATOR_CHECKPOINT_KV_MEM_H
#define CS_COORDINATOR_CHECKPOINT_KV_MEM_H

#include "coordinator/checkpoint/kv.h"

typedef struct cs_kv_db cs_kv_db;

cs_kv_db *cs_kv_db_new(void);
/* A copy of what is committed: a backed-up checkpoint folder. */
cs_kv_db *cs_kv_db_copy(const cs_kv_db *db);
/* After all handles are closed. */
void cs_kv_db_free(cs_kv_db *db);
size_t cs_kv_db_count(const cs_kv_db *db);
/* For tests of damage: the stored value of the first key >= from, to be changed in place; NULL at
 * the end. */
char *cs_kv_db_value(cs_kv_db *db, cs_str from, size_t *len);

cs_kv *cs_kv_mem_open(cs_kv_db *db);
/* kill -9: the open transaction is gone; from now on all calls fail with CS_E_CANCELLED. */
void cs_kv_mem_kill(cs_kv *kv);
/* Called before each begin, put, del and commit, and after a commit ("committed"): false kills the
 * process. */
typedef bool (*cs_kv_step_fn)(void *ctx, cs_kv *kv, const char *what);
void cs_kv_db_on_step(cs_kv_db *db, cs_kv_step_fn step, void *ctx);
/* The nth put, del or commit from now (from 1; 0: none) fails with this code, and the transaction
 * is gone. */
void cs_kv_db_fail(cs_kv_db *db, uint64_t nth, cs_code code);
uint64_t cs_kv_db_backups(const cs_kv_db *db);

#endif
