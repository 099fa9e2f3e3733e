#include "common/delta/delta_snapshot.h"

#include <stdlib.h>

#include "common/delta/delta_parquet.h"
#include "common/delta/delta_snapshot_state.h"

static cs_code rows_of_footer(cs_store *table, cs_str name, int64_t *rows, cs_error *err);

cs_code cs_delta_snapshot_open(cs_store *table, int64_t version, cs_delta_snapshot **out, cs_error *err)
{
    cs_delta_snapshot *snapshot = cs_xcalloc(1, sizeof *snapshot);
    snapshot->table = table;
    cs_code code;
    CS_TRY_OUT(cs_delta_listing_read(table, &snapshot->listing, err));
    int64_t newest = snapshot->listing.newest;
    if (newest < 0) {
        code = cs_error_set(err, CS_E_PATH_NOT_FOUND, "no Delta table here: " CS_DELTA_LOG_FOLDER " has no commit");
        goto out;
    }
    if (version > newest) {
        code = cs_error_set(err, CS_E_NO_SUCH_VERSION, "version %lld does not exist; newest is %lld",
                            (long long)version, (long long)newest);
        goto out;
    }
    cs_error why = { 0 };
    code = cs_delta_replay_state(table, &snapshot->listing, version, &snapshot->state, &snapshot->replay, &why);
    if (code == CS_E_DAMAGED_LOG && version >= 0 && version < newest) {
        cs_error_set(err, CS_E_NO_SUCH_VERSION, "version %lld is not kept: %s", (long long)version, why.message);
        code = CS_E_NO_SUCH_VERSION;
    } else if (code != CS_OK && err) {
        *err = why;
    }
out:
    if (code != CS_OK) {
        cs_delta_snapshot_close(snapshot);
        return code;
    }
    *out = snapshot;
    return CS_OK;
}

void cs_delta_snapshot_close(cs_delta_snapshot *snapshot)
{
    if (!snapshot)
        return;
    cs_delta_listing_done(&snapshot->listing);
    cs_delta_state_done(&snapshot->state);
    free(snapshot);
}

int64_t cs_delta_snapshot_version(const cs_delta_snapshot *snapshot)
{
    return snapshot->replay.version;
}

int64_t cs_delta_snapshot_newest(const cs_delta_snapshot *snapshot)
{
    return snapshot->listing.newest;
}

const cs_delta_protocol *cs_delta_snapshot_protocol(const cs_delta_snapshot *snapshot)
{
    return &snapshot->state.protocol;
}

const cs_delta_metadata *cs_delta_snapshot_metadata(const cs_delta_snapshot *snapshot)
{
    return &snapshot->state.metadata;
}

const cs_schema *cs_delta_snapshot_schema(const cs_delta_snapshot *snapshot)
{
    return &snapshot->state.schema;
}

size_t cs_delta_snapshot_txns(const cs_delta_snapshot *snapshot)
{
    return cs_delta_state_txns(&snapshot->state);
}

const cs_delta_txn *cs_delta_snapshot_txn_at(const cs_delta_snapshot *snapshot, size_t at)
{
    return &cs_delta_state_txn_at(&snapshot->state, at)->txn;
}

bool cs_delta_snapshot_txn(const cs_delta_snapshot *snapshot, cs_str app_id, int64_t *version)
{
    const cs_delta_log_txn *found = cs_delta_state_find_txn(&snapshot->state, app_id);
    if (found)
        *version = found->txn.version;
    return found != NULL;
}

cs_code cs_delta_snapshot_count(cs_delta_snapshot *snapshot, cs_delta_counts *out, cs_error *err)
{
    cs_delta_files *files;
    CS_TRY(cs_delta_files_open(snapshot, &files, err));
    cs_delta_counts counts = { 0 };
    const cs_delta_file *file = NULL;
    cs_code code;
    for (;;) {
        CS_TRY_OUT(cs_delta_files_next(files, &file, err));
        if (!file)
            break;
        int64_t rows;
        if (!cs_delta_file_rows(file, &rows)) {
            CS_TRY_OUT(rows_of_footer(snapshot->table, file->name, &rows, err));
            rows -= file->add->vector.cardinality;
        }
        counts.files++;
        counts.bytes += (uint64_t)file->add->size_bytes;
        counts.rows += (uint64_t)rows;
    }
    *out = counts;
out:
    cs_delta_files_close(files);
    return code;
}

bool cs_delta_file_rows(const cs_delta_file *file, int64_t *rows)
{
    const cs_delta_add *add = file->add;
    int64_t whole = add->rows;
    if (!cs_delta_stats_rows(add->stats, &whole) && !add->has_rows)
        return false;
    if (whole < add->vector.cardinality)
        return false;
    *rows = whole - add->vector.cardinality;
    return true;
}

static cs_code rows_of_footer(cs_store *table, cs_str name, int64_t *rows, cs_error *err)
{
    cs_delta_parquet parquet;
    cs_code code = cs_delta_parquet_open(table, name, &parquet, err);
    if (code == CS_E_NOT_FOUND)
        return cs_error_set(err, CS_E_MISSING_FILE, "missing data file: %.*s", CS_STR_ARG(name));
    CS_TRY(code);
    cs_parquet_reader *reader;
    static const cs_schema no_columns = { NULL, 0 };
    code = cs_parquet_reader_new(parquet.input, &no_columns, &reader, err);
    if (code == CS_OK) {
        *rows = (int64_t)cs_parquet_reader_rows(reader);
        cs_parquet_reader_free(reader);
    }
    cs_delta_parquet_close(&parquet);
    return code;
}
