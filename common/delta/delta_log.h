/* The writing side of a table's log: the newest version with what a commit depends on (protocol, metadata,
 * transactions), kept up to date commit by commit and never rebuilt; live files are not held.
 *
 * The newest version V is known by the identity of V.json: a table that somebody replaced under us has another
 * file there (spec: delta.md §2, reliability.md §2 "The slot below"). */
#ifndef CS_COMMON_DELTA_DELTA_LOG_H
#define CS_COMMON_DELTA_DELTA_LOG_H

#include "common/base/hash.h"
#include "common/data/schema.h"
#include "common/delta/delta_action.h"
#include "common/store/store.h"

typedef struct cs_delta_log cs_delta_log;

/* From the newest log checkpoint and the commits behind it; version -1 where no table is yet. CS_E_UNSUPPORTED
 * for features that we cannot read; appending is judged by cs_delta_check_append. */
CS_MUST_USE cs_code cs_delta_log_open(cs_store *table, cs_delta_log **out, cs_error *err);
void cs_delta_log_close(cs_delta_log *log);

/* V+1, V+2 … by opening them, until one is not there. */
CS_MUST_USE cs_code cs_delta_log_refresh(cs_delta_log *log, cs_error *err);
/* V.json is still the file that was read or written; else CS_E_TABLE_REPLACED. */
CS_MUST_USE cs_code cs_delta_log_check(cs_delta_log *log, cs_error *err);
/* Puts `lines` as V+1 and takes it over as the newest version once it reads back as written. tag: of the temporary file's
 * name. CS_E_EXISTS: somebody else was first, refresh and decide anew; any other error: the outcome is unknown,
 * refresh and look. The first commit of a table makes its folder. */
CS_MUST_USE cs_code cs_delta_log_commit(cs_delta_log *log, cs_str tag, cs_str lines, cs_error *err);
/* Makes certain that everything seen is durable. */
CS_MUST_USE cs_code cs_delta_log_sync(cs_delta_log *log, cs_error *err);

int64_t cs_delta_log_version(const cs_delta_log *log); /* -1: no table; the rest is then empty */
const cs_delta_protocol *cs_delta_log_protocol(const cs_delta_log *log);
const cs_delta_metadata *cs_delta_log_metadata(const cs_delta_log *log);
const cs_schema *cs_delta_log_schema(const cs_delta_log *log);
/* Grows by one with every protocol or metaData action that was read: who judged them judges again. */
uint64_t cs_delta_log_generation(const cs_delta_log *log);
/* Of the newest commit's commitInfo; 0 when it has none. */
int64_t cs_delta_log_timestamp_ms(const cs_delta_log *log);
/* Of V.json; *has false when there is none (version -1, or only a log checkpoint is left of V). */
CS_MUST_USE cs_code cs_delta_log_sha256(cs_delta_log *log, bool *has, cs_sha256 *out, cs_error *err);

/* A txn with the version of the log that carried it, -1 where only a log checkpoint tells. */
typedef struct cs_delta_log_txn {
    cs_delta_txn txn;
    int64_t at_version;
} cs_delta_log_txn;
const cs_delta_log_txn *cs_delta_log_find_txn(const cs_delta_log *log, cs_str app_id); /* NULL: none */
size_t cs_delta_log_txns(const cs_delta_log *log);
const cs_delta_log_txn *cs_delta_log_txn_at(const cs_delta_log *log, size_t at);

#endif
