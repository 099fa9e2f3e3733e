/* Reading one line of a commit. Null members mean absent, unknown members and actions are nobody's business
 * (spec: delta.md §1); what an action cannot do without must be there and of its kind. */
#include "common/delta/delta_action.h"

typedef cs_code (*read_fn)(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);

static cs_code read_commit_info(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_protocol(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_metadata(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_txn(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_add(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_remove(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);
static cs_code read_sidecar(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err);

static const struct {
    const char *name;
    cs_delta_action_kind kind;
    read_fn read;
} kinds[] = {
    { "add", CS_DELTA_ADD, read_add },
    { "remove", CS_DELTA_REMOVE, read_remove },
    { "txn", CS_DELTA_TXN, read_txn },
    { "commitInfo", CS_DELTA_COMMIT_INFO, read_commit_info },
    { "metaData", CS_DELTA_METADATA, read_metadata },
    { "protocol", CS_DELTA_PROTOCOL, read_protocol },
    { "sidecar", CS_DELTA_SIDECAR, read_sidecar },
};

cs_delta_action_kind cs_delta_action_kind_of(cs_str name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (cs_str_eq(name, cs_str_of(kinds[i].name)))
            return kinds[i].kind;
    }
    return CS_DELTA_OTHER;
}

cs_code cs_delta_action_parse(cs_str line, unsigned mask, cs_arena *arena, cs_json_doc **doc,
                              cs_delta_action *out, cs_error *err)
{
    cs_error why = { 0 };
    cs_json_doc *parsed = NULL;
    cs_code code = cs_json_parse(line, &parsed, &why);
    if (code == CS_E_NOMEM)
        return cs_error_set(err, code, "%s", why.message);
    if (code != CS_OK)
        return cs_error_set(err, CS_E_DAMAGED_LOG, "%s", why.message);
    const cs_json *root = cs_json_root(parsed);
    cs_delta_action action = { .kind = CS_DELTA_OTHER };
    if (!cs_json_is_object(root))
        code = cs_error_set(err, CS_E_DAMAGED_LOG, "it is no JSON object");
    for (size_t i = 0; code == CS_OK && i < sizeof kinds / sizeof kinds[0]; i++) {
        const cs_json *value = cs_json_get(root, kinds[i].name);
        if (cs_json_is_null(value))
            continue;
        if (!cs_json_is_object(value)) {
            code = cs_error_set(err, CS_E_DAMAGED_LOG, "%s is no object", kinds[i].name);
        } else if (mask & CS_DELTA_MASK(kinds[i].kind)) {
            action.kind = kinds[i].kind;
            code = kinds[i].read(value, arena, &action, err);
        }
        break;
    }
    if (code != CS_OK) {
        cs_json_free(parsed);
        return code;
    }
    *doc = parsed;
    *out = action;
    return CS_OK;
}

cs_str cs_delta_config(const cs_delta_metadata *metadata, const char *key)
{
    for (size_t i = 0; i < metadata->n_configuration; i++) {
        if (cs_str_eq(metadata->configuration[i].key, cs_str_of(key)))
            return metadata->configuration[i].value;
    }
    return (cs_str){ 0 };
}

bool cs_delta_config_is_true(const cs_delta_metadata *metadata, const char *key)
{
    return cs_str_eq_nocase(cs_delta_config(metadata, key), CS_STR("true"));
}

bool cs_delta_stats_rows(cs_str stats, int64_t *rows)
{
    cs_json_doc *doc = NULL;
    if (stats.len == 0 || cs_json_parse(stats, &doc, NULL) != CS_OK)
        return false;
    int64_t value;
    bool known = cs_json_i64(cs_json_get(cs_json_root(doc), "numRecords"), &value) && value >= 0;
    cs_json_free(doc);
    if (known)
        *rows = value;
    return known;
}

static cs_code bad_member(const char *action, const char *member, cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_LOG, "%s has no proper %s", action, member);
}

static cs_code need_str(const cs_json *object, const char *action, const char *member, cs_str *out, cs_error *err)
{
    return cs_json_str(cs_json_get(object, member), out) ? CS_OK : bad_member(action, member, err);
}

static cs_code need_i64(const cs_json *object, const char *action, const char *member, int64_t *out, cs_error *err)
{
    return cs_json_i64(cs_json_get(object, member), out) ? CS_OK : bad_member(action, member, err);
}

static cs_code may_str(const cs_json *object, const char *action, const char *member, cs_str *out, cs_error *err)
{
    const cs_json *value = cs_json_get(object, member);
    return cs_json_is_null(value) || cs_json_str(value, out) ? CS_OK : bad_member(action, member, err);
}

static cs_code may_i64(const cs_json *object, const char *action, const char *member, int64_t *out, cs_error *err)
{
    const cs_json *value = cs_json_get(object, member);
    return cs_json_is_null(value) || cs_json_i64(value, out) ? CS_OK : bad_member(action, member, err);
}

static cs_code may_list(const cs_json *object, const char *action, const char *member, cs_arena *arena,
                        const cs_str **out, size_t *n, cs_error *err)
{
    const cs_json *value = cs_json_get(object, member);
    if (cs_json_is_null(value))
        return CS_OK;
    if (!cs_json_is_array(value))
        return bad_member(action, member, err);
    size_t size = cs_json_size(value);
    cs_str *items = cs_arena_array(arena, cs_str, size);
    for (size_t i = 0; i < size; i++) {
        if (!cs_json_str(cs_json_at(value, i), &items[i]))
            return bad_member(action, member, err);
    }
    *out = items;
    *n = size;
    return CS_OK;
}

/* An object of texts; null values stay null. */
static cs_code may_pairs(const cs_json *object, const char *action, const char *member, cs_arena *arena,
                         const cs_delta_pair **out, size_t *n, cs_error *err)
{
    const cs_json *value = cs_json_get(object, member);
    if (cs_json_is_null(value))
        return CS_OK;
    if (!cs_json_is_object(value))
        return bad_member(action, member, err);
    cs_delta_pair *items = cs_arena_array(arena, cs_delta_pair, cs_json_size(value));
    size_t count = 0;
    cs_json_member at;
    for (bool more = cs_json_first(value, &at); more; more = cs_json_next(value, &at)) {
        items[count].key = at.key;
        if (!cs_json_is_null(at.value) && !cs_json_str(at.value, &items[count].value))
            return bad_member(action, member, err);
        count++;
    }
    *out = items;
    *n = count;
    return CS_OK;
}

static cs_code may_vector(const cs_json *object, const char *action, cs_delta_vector *out, cs_error *err)
{
    const cs_json *value = cs_json_get(object, "deletionVector");
    if (cs_json_is_null(value))
        return CS_OK;
    CS_TRY(need_str(value, action, "storageType", &out->storage_type, err));
    CS_TRY(need_str(value, action, "pathOrInlineDv", &out->path_or_inline, err));
    CS_TRY(need_i64(value, action, "sizeInBytes", &out->size_bytes, err));
    CS_TRY(need_i64(value, action, "cardinality", &out->cardinality, err));
    const cs_json *offset = cs_json_get(value, "offset");
    out->has_offset = !cs_json_is_null(offset);
    if (out->storage_type.len == 0 || out->cardinality < 0)
        return bad_member(action, "deletionVector", err);
    return may_i64(value, action, "offset", &out->offset, err);
}

static cs_code read_commit_info(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    (void)arena;
    (void)err;
    out->commit_info = value;
    return CS_OK;
}

static cs_code read_protocol(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    cs_delta_protocol *protocol = &out->protocol;
    CS_TRY(need_i64(value, "protocol", "minReaderVersion", &protocol->reader_version, err));
    CS_TRY(need_i64(value, "protocol", "minWriterVersion", &protocol->writer_version, err));
    CS_TRY(may_list(value, "protocol", "readerFeatures", arena, &protocol->reader_features,
                    &protocol->n_reader_features, err));
    return may_list(value, "protocol", "writerFeatures", arena, &protocol->writer_features,
                    &protocol->n_writer_features, err);
}

static cs_code read_metadata(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    cs_delta_metadata *metadata = &out->metadata;
    CS_TRY(need_str(value, "metaData", "id", &metadata->id, err));
    CS_TRY(may_str(value, "metaData", "name", &metadata->name, err));
    CS_TRY(may_str(value, "metaData", "description", &metadata->description, err));
    CS_TRY(may_str(cs_json_get(value, "format"), "metaData", "provider", &metadata->provider, err));
    CS_TRY(need_str(value, "metaData", "schemaString", &metadata->schema_text, err));
    CS_TRY(may_list(value, "metaData", "partitionColumns", arena, &metadata->partition_columns,
                    &metadata->n_partition_columns, err));
    CS_TRY(may_pairs(value, "metaData", "configuration", arena, &metadata->configuration,
                     &metadata->n_configuration, err));
    return may_i64(value, "metaData", "createdTime", &metadata->created_ms, err);
}

static cs_code read_txn(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    (void)arena;
    CS_TRY(need_str(value, "txn", "appId", &out->txn.app_id, err));
    CS_TRY(need_i64(value, "txn", "version", &out->txn.version, err));
    return may_i64(value, "txn", "lastUpdated", &out->txn.last_updated_ms, err);
}

static cs_code read_add(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    cs_delta_add *add = &out->add;
    CS_TRY(need_str(value, "add", "path", &add->path, err));
    CS_TRY(may_pairs(value, "add", "partitionValues", arena, &add->partition_values, &add->n_partition_values,
                     err));
    CS_TRY(need_i64(value, "add", "size", &add->size_bytes, err));
    CS_TRY(may_i64(value, "add", "modificationTime", &add->modified_ms, err));
    CS_TRY(may_str(value, "add", "stats", &add->stats, err));
    if (add->size_bytes < 0)
        return bad_member("add", "size", err);
    return may_vector(value, "add", &add->vector, err);
}

static cs_code read_remove(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    (void)arena;
    CS_TRY(need_str(value, "remove", "path", &out->remove.path, err));
    CS_TRY(may_i64(value, "remove", "deletionTimestamp", &out->remove.deleted_ms, err));
    return may_vector(value, "remove", &out->remove.vector, err);
}

static cs_code read_sidecar(const cs_json *value, cs_arena *arena, cs_delta_action *out, cs_error *err)
{
    (void)arena;
    CS_TRY(need_str(value, "sidecar", "path", &out->sidecar.path, err));
    return may_i64(value, "sidecar", "sizeInBytes", &out->sidecar.size_bytes, err);
}
