#include "coordinator/submit/look.h"

#include "common/base/limits.h"
#include "common/data/value.h"
#include "common/delta/delta_history.h"
#include "common/delta/delta_scan.h"
#include "common/delta/delta_snapshot.h"
#include "common/json/json.h"
#include "common/store/store.h"
#include "coordinator/submit/print.h"

#define OUT_FLUSH_BYTES (256u << 10)
#define SCAN_ROWS 4096u

static cs_code count(const cs_cli *cli, cs_store *table, cs_error *err);
static cs_code head(const cs_cli *cli, cs_store *table, cs_error *err);
static cs_code files(const cs_cli *cli, cs_store *table, cs_error *err);
static cs_code history(const cs_cli *cli, cs_store *table, cs_error *err);

cs_code cs_look(const cs_cli *cli, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_store *table = NULL;
    cs_code code;
    char shown[512];
    if (cli->n_operands != 1)
        return cs_error_set(err, CS_E_USAGE, "%s needs one table folder", cs_command_name(cli->command));
    cs_str path = cli->operands[0];
    if (cs_str_starts(path, CS_STR("delta:")))
        path = (cs_str){ path.ptr + 6, path.len - 6 };
    CS_TRY_OUT(cs_store_posix_open(cs_arena_cstr(&arena, path), false, &table, err));
    switch (cli->command) {
    case CS_COMMAND_COUNT:
        code = count(cli, table, err);
        break;
    case CS_COMMAND_HEAD:
        code = head(cli, table, err);
        break;
    case CS_COMMAND_FILES:
        code = files(cli, table, err);
        break;
    default:
        code = history(cli, table, err);
    }
    if (code != CS_OK && err && err->place[0] == '\0')
        cs_error_place(err, "table %s", cs_escape(shown, sizeof shown, path));
out:
    cs_store_close(table);
    cs_arena_done(&arena);
    return code;
}

static cs_code count(const cs_cli *cli, cs_store *table, cs_error *err)
{
    cs_delta_snapshot *snapshot = NULL;
    cs_delta_counts counts;
    cs_buf out = CS_BUF_INIT;
    cs_code code;
    CS_TRY_OUT(cs_delta_snapshot_open(table, cli->version, &snapshot, err));
    CS_TRY_OUT(cs_delta_snapshot_count(snapshot, &counts, err));
    if (cli->output == CS_OUTPUT_JSON)
        cs_buf_printf(&out, "{\"count\":%llu,\"version\":%lld}\n", (unsigned long long)counts.rows,
                      (long long)cs_delta_snapshot_version(snapshot));
    else
        cs_buf_printf(&out, "%llu\n", (unsigned long long)counts.rows);
    CS_TRY_OUT(cs_print_out(&out, err));
out:
    cs_buf_done(&out);
    cs_delta_snapshot_close(snapshot);
    return code;
}

/* For people: a grid of the first rows, which must be few enough to hold. */
static cs_grid *grid_for(const cs_schema *schema)
{
    cs_arena arena = CS_ARENA_INIT;
    const char **titles = cs_arena_array(&arena, const char *, schema->n_fields + 1);
    for (size_t i = 0; i < schema->n_fields; i++)
        titles[i] = cs_arena_cstr(&arena, schema->fields[i].name);
    cs_grid *grid = cs_grid_new(titles, schema->n_fields);
    cs_arena_done(&arena);
    return grid;
}

static void add_row(cs_grid *grid, const cs_rows *rows, size_t at, cs_buf *cell)
{
    for (size_t column = 0; column < rows->schema->n_fields; column++) {
        cs_buf_clear(cell);
        cs_value_text(&rows->columns[column], at, cell);
        cs_grid_add(grid, cs_buf_str(cell));
    }
}

static cs_code head(const cs_cli *cli, cs_store *table, cs_error *err)
{
    cs_delta_snapshot *snapshot = NULL;
    cs_delta_scan *scan = NULL;
    cs_grid *grid = NULL;
    cs_buf out = CS_BUF_INIT, cell = CS_BUF_INIT;
    const cs_rows *rows;
    cs_code code;
    uint64_t left = cli->rows_max < 0 ? UINT64_MAX : (uint64_t)cli->rows_max;
    CS_TRY_OUT(cs_delta_snapshot_open(table, cli->version, &snapshot, err));
    CS_TRY_OUT(cs_delta_scan_open(snapshot, &scan, err));
    if (cli->output == CS_OUTPUT_TABLE)
        grid = grid_for(cs_delta_snapshot_schema(snapshot));
    while (left > 0) {
        CS_TRY_OUT(cs_delta_scan_next(scan, left < SCAN_ROWS ? left : SCAN_ROWS, &rows, err));
        if (!rows)
            break;
        for (size_t at = 0; at < rows->length; at++) {
            if (grid) {
                add_row(grid, rows, at, &cell);
                continue;
            }
            cs_rows_json(rows, at, &out);
            cs_buf_add_char(&out, '\n');
            if (out.len >= OUT_FLUSH_BYTES)
                CS_TRY_OUT(cs_print_out(&out, err));
        }
        left -= rows->length;
    }
    if (grid)
        cs_grid_print(grid, &out);
    CS_TRY_OUT(cs_print_out(&out, err));
out:
    cs_buf_done(&out);
    cs_buf_done(&cell);
    cs_grid_free(grid);
    cs_delta_scan_close(scan);
    cs_delta_snapshot_close(snapshot);
    return code;
}

static void add_iso_time(int64_t ms, cs_buf *out)
{
    cs_timestamp_print(ms * 1000, 'T', 3, out);
    cs_buf_add_char(out, 'Z');
}

static void file_json(const cs_delta_file *file, cs_buf *out)
{
    int64_t rows;
    cs_buf_add_cstr(out, "{\"path\":");
    cs_json_add_str(out, file->name);
    cs_buf_printf(out, ",\"size\":%lld,\"rows\":", (long long)file->add->size_bytes);
    if (cs_delta_file_rows(file, &rows))
        cs_buf_printf(out, "%lld", (long long)rows);
    else
        cs_buf_add_cstr(out, "null");
    cs_buf_add_cstr(out, ",\"modified\":\"");
    add_iso_time(file->add->modified_ms, out);
    cs_buf_add_cstr(out, "\",\"partitionValues\":{");
    for (size_t i = 0; i < file->add->n_partition_values; i++) {
        const cs_delta_pair *pair = &file->add->partition_values[i];
        if (i > 0)
            cs_buf_add_char(out, ',');
        cs_json_add_str(out, pair->key);
        cs_buf_add_char(out, ':');
        if (pair->value.ptr)
            cs_json_add_str(out, pair->value);
        else
            cs_buf_add_cstr(out, "null");
    }
    cs_buf_add_cstr(out, "}}\n");
}

static void file_grid(const cs_delta_file *file, cs_grid *grid, cs_buf *cell)
{
    int64_t rows;
    cs_buf_clear(cell);
    if (cs_delta_file_rows(file, &rows))
        cs_add_count(cell, (uint64_t)rows);
    cs_grid_add(grid, cs_buf_str(cell));
    cs_buf_clear(cell);
    cs_add_size(cell, (uint64_t)file->add->size_bytes);
    cs_grid_add(grid, cs_buf_str(cell));
    cs_buf_clear(cell);
    add_iso_time(file->add->modified_ms, cell);
    cs_grid_add(grid, cs_buf_str(cell));
    cs_grid_add(grid, file->name);
}

static cs_code files(const cs_cli *cli, cs_store *table, cs_error *err)
{
    static const char *const titles[] = { "rows", "size", "modified", "path" };
    cs_delta_snapshot *snapshot = NULL;
    cs_delta_files *list = NULL;
    cs_grid *grid = NULL;
    const cs_delta_file *file;
    cs_buf out = CS_BUF_INIT, cell = CS_BUF_INIT;
    cs_code code;
    CS_TRY_OUT(cs_delta_snapshot_open(table, cli->version, &snapshot, err));
    CS_TRY_OUT(cs_delta_files_open(snapshot, &list, err));
    if (cli->output == CS_OUTPUT_TABLE)
        grid = cs_grid_new(titles, 4);
    for (int64_t left = cli->rows_max; left != 0; left--) {
        CS_TRY_OUT(cs_delta_files_next(list, &file, err));
        if (!file)
            break;
        if (grid)
            file_grid(file, grid, &cell);
        else
            file_json(file, &out);
        if (out.len >= OUT_FLUSH_BYTES)
            CS_TRY_OUT(cs_print_out(&out, err));
    }
    if (grid)
        cs_grid_print(grid, &out);
    CS_TRY_OUT(cs_print_out(&out, err));
out:
    cs_buf_done(&out);
    cs_buf_done(&cell);
    cs_grid_free(grid);
    cs_delta_files_close(list);
    cs_delta_snapshot_close(snapshot);
    return code;
}

static void add_json_or_null(const cs_json *value, cs_buf *out)
{
    if (value)
        cs_json_print(value, out);
    else
        cs_buf_add_cstr(out, "null");
}

static void history_json(const cs_delta_history_entry *entry, cs_buf *out)
{
    cs_buf_printf(out, "{\"version\":%lld,\"timestamp\":\"", (long long)entry->version);
    add_iso_time(entry->timestamp_ms, out);
    cs_buf_add_cstr(out, "\",\"operation\":");
    cs_json_add_str(out, entry->operation);
    cs_buf_add_cstr(out, ",\"operationParameters\":");
    add_json_or_null(entry->parameters, out);
    cs_buf_add_cstr(out, ",\"operationMetrics\":");
    add_json_or_null(entry->metrics, out);
    cs_buf_add_cstr(out, ",\"engineInfo\":");
    cs_json_add_str(out, entry->engine);
    cs_buf_add_cstr(out, "}\n");
}

static void history_grid(const cs_delta_history_entry *entry, cs_grid *grid, cs_buf *cell)
{
    cs_buf_clear(cell);
    cs_buf_printf(cell, "%lld", (long long)entry->version);
    cs_grid_add(grid, cs_buf_str(cell));
    cs_buf_clear(cell);
    add_iso_time(entry->timestamp_ms, cell);
    cs_grid_add(grid, cs_buf_str(cell));
    cs_grid_add(grid, entry->operation);
    cs_grid_add(grid, entry->engine);
    cs_buf_clear(cell);
    if (entry->metrics)
        cs_json_print(entry->metrics, cell);
    cs_grid_add(grid, cs_buf_str(cell));
}

static cs_code history(const cs_cli *cli, cs_store *table, cs_error *err)
{
    static const char *const titles[] = { "version", "timestamp", "operation", "engine", "metrics" };
    cs_delta_history *list = NULL;
    cs_grid *grid = NULL;
    const cs_delta_history_entry *entry;
    cs_buf out = CS_BUF_INIT, cell = CS_BUF_INIT;
    cs_code code;
    CS_TRY_OUT(cs_delta_history_open(table, &list, err));
    if (cli->output == CS_OUTPUT_TABLE)
        grid = cs_grid_new(titles, 5);
    for (int64_t left = cli->rows_max; left != 0; left--) {
        CS_TRY_OUT(cs_delta_history_next(list, &entry, err));
        if (!entry)
            break;
        if (grid)
            history_grid(entry, grid, &cell);
        else
            history_json(entry, &out);
    }
    if (grid)
        cs_grid_print(grid, &out);
    CS_TRY_OUT(cs_print_out(&out, err));
out:
    cs_buf_done(&out);
    cs_buf_done(&cell);
    cs_grid_free(grid);
    cs_delta_history_close(list);
    return code;
}
