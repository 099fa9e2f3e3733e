/* One version of a table, for reading: protocol, metadata, transactions, live files. Replay is by key, the
 * newest action wins (spec: delta.md §8); memory grows with the commits behind the log checkpoint, not with
 * the number of files. Everything goes through the store of the table root, which must outlive the snapshot.
 *
 * Messages do not name the table: whoever opened the store knows it. */
#ifndef CS_COMMON_DELTA_DELTA_SNAPSHOT_H
#define CS_COMMON_DELTA_DELTA_SNAPSHOT_H

#include "common/data/schema.h"
#include "common/delta/delta_action.h"
#include "common/store/store.h"

#define CS_DELTA_NEWEST (-1)

typedef struct cs_delta_snapshot cs_delta_snapshot;

/* version: CS_DELTA_NEWEST or a number. CS_E_PATH_NOT_FOUND: no Delta table here.
 * CS_E_NO_SUCH_VERSION, CS_E_DAMAGED_LOG (also "log gap: …"), CS_E_UNSUPPORTED for features that we cannot
 * read. */
CS_MUST_USE cs_code cs_delta_snapshot_open(cs_store *table, int64_t version, cs_delta_snapshot **out, cs_error *err);
void cs_delta_snapshot_close(cs_delta_snapshot *snapshot);

int64_t cs_delta_snapshot_version(const cs_delta_snapshot *snapshot);
int64_t cs_delta_snapshot_newest(const cs_delta_snapshot *snapshot); /* newest version when it was opened */
const cs_delta_protocol *cs_delta_snapshot_protocol(const cs_delta_snapshot *snapshot);
const cs_delta_metadata *cs_delta_snapshot_metadata(const cs_delta_snapshot *snapshot);
const cs_schema *cs_delta_snapshot_schema(const cs_delta_snapshot *snapshot);
size_t cs_delta_snapshot_txns(const cs_delta_snapshot *snapshot);
const cs_delta_txn *cs_delta_snapshot_txn_at(const cs_delta_snapshot *snapshot, size_t at);
/* False: the application has no txn. */
bool cs_delta_snapshot_txn(const cs_delta_snapshot *snapshot, cs_str app_id, int64_t *version);

/* The live files, newest commits first. */
typedef struct cs_delta_file {
    cs_str name; /* below the table root: what a store opens */
    const cs_delta_add *add;
} cs_delta_file;
typedef struct cs_delta_files cs_delta_files;
CS_MUST_USE cs_code cs_delta_files_open(cs_delta_snapshot *snapshot, cs_delta_files **out, cs_error *err);
/* *file is valid until the next call, NULL at the end. */
CS_MUST_USE cs_code cs_delta_files_next(cs_delta_files *files, const cs_delta_file **file, cs_error *err);
void cs_delta_files_close(cs_delta_files *files);
/* Live rows of a file by its statistics and deletion vector; false when the log does not say. */
bool cs_delta_file_rows(const cs_delta_file *file, int64_t *rows);

/* All live files taken together. Files whose row count the log does not say are opened for their footer:
 * CS_E_MISSING_FILE. */
typedef struct cs_delta_counts {
    uint64_t files;
    uint64_t bytes;
    uint64_t rows;
} cs_delta_counts;
CS_MUST_USE cs_code cs_delta_snapshot_count(cs_delta_snapshot *snapshot, cs_delta_counts *out, cs_error *err);

#endif
