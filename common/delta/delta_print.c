/* Writing the lines of a commit, in the spelling of spec: delta.md §1. */
#include "common/base/hash.h"
#include "common/base/limits.h"
#include "common/delta/delta_action.h"

static void add_str_member(cs_buf *out, const char *key, cs_str value)
{
    cs_json_add_key(out, key);
    cs_json_add_str(out, value);
}

static void add_i64_member(cs_buf *out, const char *key, int64_t value)
{
    cs_json_add_key(out, key);
    cs_buf_printf(out, "%lld", (long long)value);
}

/* Spark writes counts inside commitInfo as texts. */
static void add_count_member(cs_buf *out, const char *key, uint64_t value)
{
    cs_json_add_key(out, key);
    cs_buf_printf(out, "\"%llu\"", (unsigned long long)value);
}

static void add_list_member(cs_buf *out, const char *key, const cs_str *items, size_t n)
{
    cs_json_add_key(out, key);
    cs_buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        cs_json_add_str(out, items[i]);
    }
    cs_buf_add_char(out, ']');
}

static void add_pairs_member(cs_buf *out, const char *key, const cs_delta_pair *items, size_t n)
{
    cs_json_add_key(out, key);
    cs_buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        cs_json_add_str(out, items[i].key);
        cs_buf_add_char(out, ':');
        if (items[i].value.ptr)
            cs_json_add_str(out, items[i].value);
        else
            cs_buf_add_cstr(out, "null");
    }
    cs_buf_add_char(out, '}');
}

void cs_delta_print_protocol(cs_buf *out, const cs_delta_protocol *protocol)
{
    cs_buf_add_cstr(out, "{\"protocol\":{");
    add_i64_member(out, "minReaderVersion", protocol->reader_version);
    add_i64_member(out, "minWriterVersion", protocol->writer_version);
    if (protocol->reader_version >= 3)
        add_list_member(out, "readerFeatures", protocol->reader_features, protocol->n_reader_features);
    if (protocol->writer_version >= 7)
        add_list_member(out, "writerFeatures", protocol->writer_features, protocol->n_writer_features);
    cs_buf_add_cstr(out, "}}\n");
}

void cs_delta_print_metadata(cs_buf *out, const cs_delta_metadata *metadata)
{
    cs_buf_add_cstr(out, "{\"metaData\":{");
    add_str_member(out, "id", metadata->id);
    if (metadata->name.len > 0)
        add_str_member(out, "name", metadata->name);
    if (metadata->description.len > 0)
        add_str_member(out, "description", metadata->description);
    cs_buf_add_cstr(out, ",\"format\":{");
    add_str_member(out, "provider", metadata->provider);
    cs_buf_add_cstr(out, ",\"options\":{}}");
    add_str_member(out, "schemaString", metadata->schema_text);
    add_list_member(out, "partitionColumns", metadata->partition_columns, metadata->n_partition_columns);
    add_pairs_member(out, "configuration", metadata->configuration, metadata->n_configuration);
    if (metadata->created_ms != 0)
        add_i64_member(out, "createdTime", metadata->created_ms);
    cs_buf_add_cstr(out, "}}\n");
}

void cs_delta_print_txn(cs_buf *out, const cs_delta_txn *txn)
{
    cs_buf_add_cstr(out, "{\"txn\":{");
    add_str_member(out, "appId", txn->app_id);
    add_i64_member(out, "version", txn->version);
    add_i64_member(out, "lastUpdated", txn->last_updated_ms);
    cs_buf_add_cstr(out, "}}\n");
}

void cs_delta_print_add(cs_buf *out, const cs_delta_add *add)
{
    cs_buf_add_cstr(out, "{\"add\":{");
    add_str_member(out, "path", add->path);
    add_pairs_member(out, "partitionValues", add->partition_values, add->n_partition_values);
    add_i64_member(out, "size", add->size_bytes);
    add_i64_member(out, "modificationTime", add->modified_ms);
    cs_buf_add_cstr(out, ",\"dataChange\":true");
    if (add->stats.len > 0)
        add_str_member(out, "stats", add->stats);
    cs_buf_add_cstr(out, "}}\n");
}

/* A file name is bytes and JSON is UTF-8: a name that is not stands as {"hex":"…"}, so that a repair finds the
 * very same file again. */
static void add_source(cs_buf *out, cs_str name)
{
    cs_str rest = name;
    while (rest.len > 0) {
        size_t len = cs_utf8_len(rest);
        if (len == 0)
            break;
        rest.ptr += len;
        rest.len -= len;
    }
    if (rest.len == 0) {
        cs_json_add_str(out, name);
        return;
    }
    cs_buf_add_cstr(out, "{\"hex\":\"");
    for (size_t i = 0; i < name.len; i++)
        cs_buf_printf(out, "%02x", (unsigned char)name.ptr[i]);
    cs_buf_add_cstr(out, "\"}");
}

void cs_delta_print_append_info(cs_buf *out, const cs_delta_append_info *info)
{
    cs_buf_add_cstr(out, "{\"commitInfo\":{");
    if (info->in_commit_timestamp)
        add_i64_member(out, "inCommitTimestamp", info->timestamp_ms);
    add_i64_member(out, "timestamp", info->timestamp_ms);
    add_str_member(out, "operation", CS_STR("STREAMING UPDATE"));
    cs_buf_add_cstr(out, ",\"operationParameters\":{\"outputMode\":\"Append\"");
    add_str_member(out, "queryId", info->query_id);
    add_count_member(out, "epochId", info->batch);
    cs_buf_add_char(out, '}');
    if (info->read_version >= 0)
        add_i64_member(out, "readVersion", info->read_version);
    cs_buf_add_cstr(out, ",\"isolationLevel\":\"Serializable\",\"isBlindAppend\":true"
                         ",\"operationMetrics\":{\"numRemovedFiles\":\"0\"");
    add_count_member(out, "numAddedFiles", info->n_files);
    add_count_member(out, "numOutputRows", info->rows);
    add_count_member(out, "numOutputBytes", info->bytes);
    cs_buf_add_cstr(out, "},\"engineInfo\":\"cstream/" CSTREAM_VERSION "\"");
    add_str_member(out, "txnId", info->txn_id);
    cs_buf_add_cstr(out, ",\"cstream\":{");
    add_count_member(out, "batch", info->batch);
    add_str_member(out, "digest", info->digest);
    add_str_member(out, "below", info->below);
    cs_buf_add_cstr(out, ",\"files\":[");
    size_t listed = info->n_sources < CS_COMMIT_INFO_FILES_MAX ? info->n_sources : CS_COMMIT_INFO_FILES_MAX;
    for (size_t i = 0; i < listed; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        add_source(out, info->sources[i]);
    }
    cs_buf_add_char(out, ']');
    if (listed < info->n_sources)
        add_count_member(out, "filesLeftOut", info->n_sources - listed);
    cs_buf_add_cstr(out, "}}}\n");
}
