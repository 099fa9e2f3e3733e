/* The inside of the LMDB store, shared by kv_lmdb.c and kv_lmdb_check.c only. */
#ifndef CS_COORDINATOR_CHECKPOINT_KV_LMDB_H
#define CS_COORDINATOR_CHECKPOINT_KV_LMDB_H

#include "coordinator/checkpoint/checkpoint.h"

#define CS_KV_LMDB_FILE "data.mdb"
#define CS_KV_LMDB_BACKUP "data.mdb.backup"

char *cs_kv_lmdb_path(const char *folder, const char *name); /* freed by the caller */
/* Without lock, for the check. */
CS_MUST_USE cs_code cs_kv_lmdb_open_read_only(const char *folder, cs_kv **out, cs_error *err);
uint64_t cs_kv_lmdb_bytes_used(cs_kv *kv);
void cs_kv_lmdb_damage_hint(const char *folder, cs_error *err);
/* Runs `checker --check-checkpoint folder` and reads its verdict. */
CS_MUST_USE cs_code cs_kv_lmdb_check_in_child(const char *folder, const char *checker,
                                              cs_error *err);

#endif
