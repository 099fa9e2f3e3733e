#include "common/delta/delta_row.h"

#include "common/data/schema.h"

/* The members that are read, in the order in which the functions below count them. */
static const struct {
    cs_delta_action_kind kind;
    const char *ddl;
} shapes[CS_DELTA_ROW_COLUMNS_MAX] = {
    { CS_DELTA_PROTOCOL, "protocol STRUCT<minReaderVersion: INT, minWriterVersion: INT, "
                         "readerFeatures: ARRAY<STRING>, writerFeatures: ARRAY<STRING>>" },
    { CS_DELTA_METADATA, "metaData STRUCT<id: STRING, name: STRING, description: STRING, "
                         "format: STRUCT<provider: STRING>, schemaString: STRING, partitionColumns: ARRAY<STRING>, "
                         "configuration: MAP<STRING, STRING>, createdTime: BIGINT>" },
    { CS_DELTA_TXN, "txn STRUCT<appId: STRING, version: BIGINT, lastUpdated: BIGINT>" },
    { CS_DELTA_ADD, "add STRUCT<path: STRING, partitionValues: MAP<STRING, STRING>, size: BIGINT, "
                    "modificationTime: BIGINT, stats: STRING, stats_parsed: STRUCT<numRecords: BIGINT>, "
                    "deletionVector: STRUCT<storageType: STRING, pathOrInlineDv: STRING, offset: INT, "
                    "sizeInBytes: INT, cardinality: BIGINT>>" },
    { CS_DELTA_REMOVE, "remove STRUCT<path: STRING>" },
    { CS_DELTA_SIDECAR, "sidecar STRUCT<path: STRING, sizeInBytes: BIGINT>" },
};

static cs_code read_protocol(const cs_column *row, size_t at, cs_arena *arena, cs_delta_protocol *out, cs_error *err);
static cs_code read_metadata(const cs_column *row, size_t at, cs_arena *arena, cs_delta_metadata *out, cs_error *err);
static cs_code read_txn(const cs_column *row, size_t at, cs_delta_txn *out, cs_error *err);
static cs_code read_add(const cs_column *row, size_t at, cs_arena *arena, cs_delta_add *out, cs_error *err);
static cs_code read_remove(const cs_column *row, size_t at, cs_delta_remove *out, cs_error *err);
static cs_code read_sidecar(const cs_column *row, size_t at, cs_delta_sidecar *out, cs_error *err);

cs_code cs_delta_row_schema_init(cs_delta_row_schema *columns, unsigned mask, cs_error *err)
{
    cs_buf ddl = CS_BUF_INIT;
    size_t n = 0;
    for (size_t i = 0; i < CS_DELTA_ROW_COLUMNS_MAX; i++) {
        if (!(mask & CS_DELTA_MASK(shapes[i].kind)))
            continue;
        if (n > 0)
            cs_buf_add_cstr(&ddl, ", ");
        cs_buf_add_cstr(&ddl, shapes[i].ddl);
        columns->kinds[n++] = shapes[i].kind;
    }
    columns->arena = CS_ARENA_INIT;
    cs_code code = cs_buf_check(&ddl, err);
    if (code == CS_OK)
        code = cs_schema_parse_ddl(cs_buf_str(&ddl), &columns->arena, &columns->schema, err);
    cs_buf_done(&ddl);
    if (code != CS_OK)
        cs_delta_row_schema_done(columns);
    return code;
}

void cs_delta_row_schema_done(cs_delta_row_schema *columns)
{
    cs_arena_done(&columns->arena);
    columns->schema = (cs_schema){ 0 };
}

cs_code cs_delta_row_read(const cs_delta_row_schema *columns, const cs_rows *rows, size_t at, cs_arena *arena,
                          cs_delta_action *out, cs_error *err)
{
    cs_delta_action action = { .kind = CS_DELTA_OTHER };
    for (size_t i = 0; i < columns->schema.n_fields; i++) {
        const cs_column *row = &rows->columns[i];
        if (cs_column_is_null(row, at))
            continue;
        action.kind = columns->kinds[i];
        if (action.kind == CS_DELTA_PROTOCOL)
            CS_TRY(read_protocol(row, at, arena, &action.protocol, err));
        else if (action.kind == CS_DELTA_METADATA)
            CS_TRY(read_metadata(row, at, arena, &action.metadata, err));
        else if (action.kind == CS_DELTA_TXN)
            CS_TRY(read_txn(row, at, &action.txn, err));
        else if (action.kind == CS_DELTA_ADD)
            CS_TRY(read_add(row, at, arena, &action.add, err));
        else if (action.kind == CS_DELTA_REMOVE)
            CS_TRY(read_remove(row, at, &action.remove, err));
        else
            CS_TRY(read_sidecar(row, at, &action.sidecar, err));
        break;
    }
    *out = action;
    return CS_OK;
}

/* The at-th value of a member, by its place in the shape; a null is an empty text or 0. */
static cs_str str_of(const cs_column *row, size_t member, size_t at)
{
    const cs_column *column = &row->children[member];
    return cs_column_is_null(column, at) ? (cs_str){ 0 } : cs_column_str(column, at);
}

static bool has(const cs_column *row, size_t member, size_t at)
{
    return !cs_column_is_null(&row->children[member], at);
}

static int64_t i64_of(const cs_column *row, size_t member, size_t at)
{
    const cs_column *column = &row->children[member];
    if (column->type->kind == CS_TYPE_INT) {
        int32_t value;
        memcpy(&value, column->data + at * sizeof value, sizeof value);
        return value;
    }
    int64_t value;
    memcpy(&value, column->data + at * sizeof value, sizeof value);
    return value;
}

static const cs_str *list_of(const cs_column *row, size_t member, size_t at, cs_arena *arena, size_t *n)
{
    const cs_column *list = &row->children[member];
    size_t begin = (size_t)list->offsets[at], end = (size_t)list->offsets[at + 1];
    cs_str *items = cs_arena_array(arena, cs_str, end - begin);
    for (size_t i = begin; i < end; i++)
        items[i - begin] = str_of(list, 0, i);
    *n = end - begin;
    return items;
}

static const cs_delta_pair *pairs_of(const cs_column *row, size_t member, size_t at, cs_arena *arena, size_t *n)
{
    const cs_column *map = &row->children[member];
    size_t begin = (size_t)map->offsets[at], end = (size_t)map->offsets[at + 1];
    cs_delta_pair *items = cs_arena_array(arena, cs_delta_pair, end - begin);
    for (size_t i = begin; i < end; i++) {
        items[i - begin].key = str_of(map, 0, i);
        items[i - begin].value = str_of(map, 1, i);
        if (has(map, 1, i) && !items[i - begin].value.ptr) /* a column without any bytes */
            items[i - begin].value = CS_STR("");
    }
    *n = end - begin;
    return items;
}

static cs_code missing(const char *action, const char *member, cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_LOG, "%s has no proper %s", action, member);
}

static cs_code read_protocol(const cs_column *row, size_t at, cs_arena *arena, cs_delta_protocol *out, cs_error *err)
{
    if (!has(row, 0, at) || !has(row, 1, at))
        return missing("protocol", "version", err);
    out->reader_version = i64_of(row, 0, at);
    out->writer_version = i64_of(row, 1, at);
    out->reader_features = list_of(row, 2, at, arena, &out->n_reader_features);
    out->writer_features = list_of(row, 3, at, arena, &out->n_writer_features);
    return CS_OK;
}

static cs_code read_metadata(const cs_column *row, size_t at, cs_arena *arena, cs_delta_metadata *out, cs_error *err)
{
    if (!has(row, 0, at) || !has(row, 4, at))
        return missing("metaData", "id or schemaString", err);
    out->id = str_of(row, 0, at);
    out->name = str_of(row, 1, at);
    out->description = str_of(row, 2, at);
    out->provider = str_of(&row->children[3], 0, at);
    out->schema_text = str_of(row, 4, at);
    out->partition_columns = list_of(row, 5, at, arena, &out->n_partition_columns);
    out->configuration = pairs_of(row, 6, at, arena, &out->n_configuration);
    out->created_ms = i64_of(row, 7, at);
    return CS_OK;
}

static cs_code read_txn(const cs_column *row, size_t at, cs_delta_txn *out, cs_error *err)
{
    if (!has(row, 0, at) || !has(row, 1, at))
        return missing("txn", "appId or version", err);
    out->app_id = str_of(row, 0, at);
    out->version = i64_of(row, 1, at);
    out->last_updated_ms = i64_of(row, 2, at);
    return CS_OK;
}

static cs_code read_add(const cs_column *row, size_t at, cs_arena *arena, cs_delta_add *out, cs_error *err)
{
    out->path = str_of(row, 0, at);
    out->size_bytes = i64_of(row, 2, at);
    if (!has(row, 0, at) || !has(row, 2, at) || out->size_bytes < 0)
        return missing("add", "path or size", err);
    out->partition_values = pairs_of(row, 1, at, arena, &out->n_partition_values);
    out->modified_ms = i64_of(row, 3, at);
    out->stats = str_of(row, 4, at);
    out->has_rows = has(&row->children[5], 0, at);
    out->rows = i64_of(&row->children[5], 0, at);
    const cs_column *vector = &row->children[6];
    if (cs_column_is_null(vector, at))
        return CS_OK;
    out->vector = (cs_delta_vector){
        .storage_type = str_of(vector, 0, at),
        .path_or_inline = str_of(vector, 1, at),
        .has_offset = has(vector, 2, at),
        .offset = i64_of(vector, 2, at),
        .size_bytes = i64_of(vector, 3, at),
        .cardinality = i64_of(vector, 4, at),
    };
    if (out->vector.storage_type.len == 0 || out->vector.cardinality < 0)
        return missing("add", "deletionVector", err);
    return CS_OK;
}

static cs_code read_remove(const cs_column *row, size_t at, cs_delta_remove *out, cs_error *err)
{
    out->path = str_of(row, 0, at);
    return has(row, 0, at) ? CS_OK : missing("remove", "path", err);
}

static cs_code read_sidecar(const cs_column *row, size_t at, cs_delta_sidecar *out, cs_error *err)
{
    out->path = str_of(row, 0, at);
    out->size_bytes = i64_of(row, 1, at);
    return has(row, 0, at) ? CS_OK : missing("sidecar", "path", err);
}
