#include "common/delta/delta_scan.h"

#include <stdlib.h>

#include "common/delta/delta_parquet.h"
#include "common/delta/delta_partition.h"
#include "common/delta/delta_snapshot_state.h"

struct cs_delta_scan {
    cs_delta_snapshot *snapshot;
    const cs_schema *schema;
    cs_delta_files *files;
    cs_schema data_schema;  /* without the partition columns: what files are asked for */
    ptrdiff_t *data_column; /* per column of the schema: place in data_schema, -1 for a partition column */
    cs_arena arena;
    /* The file in hand; file NULL: none. */
    const cs_delta_file *file;
    cs_delta_parquet parquet;
    cs_parquet_reader *reader;
    cs_rows data;  /* as the file gives them */
    cs_rows out;   /* columns of `data`, borrowed, and partition columns, owned */
};

static void split_columns(cs_delta_scan *scan);
static cs_code open_file(cs_delta_scan *scan, cs_error *err);
static void close_file(cs_delta_scan *scan);
static cs_code put_together(cs_delta_scan *scan, cs_error *err);

cs_code cs_delta_scan_open(cs_delta_snapshot *snapshot, cs_delta_scan **out, cs_error *err)
{
    cs_delta_scan *scan = cs_xcalloc(1, sizeof *scan);
    scan->snapshot = snapshot;
    scan->schema = cs_delta_snapshot_schema(snapshot);
    split_columns(scan);
    cs_code code = cs_delta_files_open(snapshot, &scan->files, err);
    if (code == CS_OK)
        code = cs_rows_init(&scan->data, &scan->data_schema, err);
    if (code == CS_OK)
        code = cs_rows_init(&scan->out, scan->schema, err);
    if (code != CS_OK) {
        cs_delta_scan_close(scan);
        return code;
    }
    for (size_t i = 0; i < scan->schema->n_fields; i++) {
        if (scan->data_column[i] >= 0)
            cs_column_done(&scan->out.columns[i]);
    }
    *out = scan;
    return CS_OK;
}

cs_code cs_delta_scan_next(cs_delta_scan *scan, size_t rows_max, const cs_rows **rows, cs_error *err)
{
    for (;;) {
        if (!scan->file) {
            CS_TRY(cs_delta_files_next(scan->files, &scan->file, err));
            if (!scan->file) {
                *rows = NULL;
                return CS_OK;
            }
            CS_TRY(open_file(scan, err));
        }
        CS_TRY(cs_parquet_reader_next(scan->reader, rows_max, &scan->data, err));
        if (scan->data.length > 0) {
            CS_TRY(put_together(scan, err));
            *rows = &scan->out;
            return CS_OK;
        }
        close_file(scan);
    }
}

void cs_delta_scan_close(cs_delta_scan *scan)
{
    if (!scan)
        return;
    close_file(scan);
    cs_delta_files_close(scan->files);
    for (size_t i = 0; scan->out.columns && i < scan->schema->n_fields; i++) {
        if (scan->data_column[i] >= 0)
            scan->out.columns[i] = (cs_column){ 0 }; /* borrowed */
    }
    cs_rows_done(&scan->out);
    cs_rows_done(&scan->data);
    cs_arena_done(&scan->arena);
    free(scan);
}

static void split_columns(cs_delta_scan *scan)
{
    const cs_delta_metadata *metadata = cs_delta_snapshot_metadata(scan->snapshot);
    size_t n = scan->schema->n_fields, n_data = 0;
    cs_field *fields = cs_arena_array(&scan->arena, cs_field, n);
    scan->data_column = cs_arena_array(&scan->arena, ptrdiff_t, n);
    for (size_t i = 0; i < n; i++) {
        bool partition = false;
        for (size_t j = 0; !partition && j < metadata->n_partition_columns; j++)
            partition = cs_str_eq_nocase(metadata->partition_columns[j], scan->schema->fields[i].name);
        scan->data_column[i] = partition ? -1 : (ptrdiff_t)n_data;
        if (!partition)
            fields[n_data++] = scan->schema->fields[i];
    }
    scan->data_schema = (cs_schema){ fields, n_data };
}

static cs_code open_file(cs_delta_scan *scan, cs_error *err)
{
    const cs_delta_file *file = scan->file;
    if (file->add->vector.storage_type.len > 0)
        return cs_error_set(err, CS_E_UNSUPPORTED, "needs feature deletionVectors, which cstream cannot read");
    cs_code code = cs_delta_parquet_open(scan->snapshot->table, file->name, &scan->parquet, err);
    if (code == CS_E_NOT_FOUND) {
        int64_t version = cs_delta_snapshot_version(scan->snapshot);
        if (version < cs_delta_snapshot_newest(scan->snapshot))
            return cs_error_set(err, CS_E_NO_SUCH_VERSION, "version %lld is vacuumed: %.*s is gone",
                                (long long)version, CS_STR_ARG(file->name));
        return cs_error_set(err, CS_E_MISSING_FILE, "missing data file: %.*s", CS_STR_ARG(file->name));
    }
    CS_TRY(code);
    return cs_parquet_reader_new(scan->parquet.input, &scan->data_schema, &scan->reader, err);
}

static void close_file(cs_delta_scan *scan)
{
    cs_parquet_reader_free(scan->reader);
    scan->reader = NULL;
    cs_delta_parquet_close(&scan->parquet);
    scan->file = NULL;
}

static cs_str partition_value(const cs_delta_add *add, cs_str column)
{
    for (size_t i = 0; i < add->n_partition_values; i++) {
        if (cs_str_eq_nocase(add->partition_values[i].key, column))
            return add->partition_values[i].value;
    }
    return (cs_str){ 0 };
}

static cs_code put_together(cs_delta_scan *scan, cs_error *err)
{
    for (size_t i = 0; i < scan->schema->n_fields; i++) {
        const cs_field *field = &scan->schema->fields[i];
        cs_column *column = &scan->out.columns[i];
        if (scan->data_column[i] >= 0) {
            *column = scan->data.columns[scan->data_column[i]];
            continue;
        }
        cs_column_clear(column);
        cs_str value = partition_value(scan->file->add, field->name);
        cs_error why = { 0 };
        cs_code code = cs_delta_partition_add(column, field, value, scan->data.length, &why);
        if (code != CS_OK)
            return cs_error_set(err, code, "file %.*s: %s", CS_STR_ARG(scan->file->name), why.message);
    }
    scan->out.length = scan->data.length;
    return CS_OK;
}
