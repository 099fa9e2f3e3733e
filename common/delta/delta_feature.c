/* One table says of every feature whether we read and append where it is in use, and how its use is told: a
 * number of the protocol implies that a feature is supported, not that the table has any of it. */
#include "common/delta/delta_feature.h"

#include <stdio.h>

#define READER_VERSION_MAX 3
#define WRITER_VERSION_MAX 7
#define LISTED_FROM_READER 3
#define LISTED_FROM_WRITER 7

typedef enum verdict { YES, REFUSE } verdict;

typedef struct judged {
    const cs_delta_metadata *metadata;
    const cs_schema *schema; /* NULL while only reading is judged: it may not parse yet */
} judged;
/* Tells whether the table uses a feature, and where. */
typedef bool (*used_fn)(const judged *table, const char *key, char *where, size_t size);

static bool listed(const judged *table, const char *key, char *where, size_t size);
static bool by_property(const judged *table, const char *key, char *where, size_t size);
static bool by_prefix(const judged *table, const char *key, char *where, size_t size);
static bool by_mapping(const judged *table, const char *key, char *where, size_t size);
static bool by_field(const judged *table, const char *key, char *where, size_t size);

/* A name that ends in * stands for all that begin so. reader, writer: the first version that implies it. */
typedef struct feature {
    const char *name;
    int reader, writer;
    verdict read, append;
    used_fn used;
    const char *key;
} feature;

static const feature features[] = {
    { "appendOnly", 0, 2, YES, YES, listed, "" },
    { "invariants", 0, 2, YES, REFUSE, by_field, "delta.invariants" },
    { "checkConstraints", 0, 3, YES, REFUSE, by_prefix, "delta.constraints." },
    { "changeDataFeed", 0, 4, YES, YES, by_property, "delta.enableChangeDataFeed" },
    { "generatedColumns", 0, 4, YES, REFUSE, by_field, "delta.generationExpression" },
    { "columnMapping", 2, 5, REFUSE, REFUSE, by_mapping, "delta.columnMapping.mode" },
    { "identityColumns", 0, 6, YES, REFUSE, by_field, "delta.identity.start" },
    { "allowColumnDefaults", 0, 0, YES, REFUSE, by_field, "CURRENT_DEFAULT" },
    { "timestampNtz", 0, 0, YES, YES, listed, "" },
    { "deletionVectors", 0, 0, YES, YES, listed, "" }, /* a file that has one is refused when it is read */
    { "v2Checkpoint", 0, 0, YES, YES, listed, "" },
    { "vacuumProtocolCheck", 0, 0, YES, YES, listed, "" },
    { "domainMetadata", 0, 0, YES, YES, listed, "" },
    { "inCommitTimestamp", 0, 0, YES, YES, by_property, "delta.enableInCommitTimestamps" },
    { "rowTracking", 0, 0, YES, REFUSE, listed, "" },
    { "clustering", 0, 0, YES, REFUSE, listed, "" },
    { "icebergCompatV1", 0, 0, YES, REFUSE, listed, "" },
    { "icebergCompatV2", 0, 0, YES, REFUSE, listed, "" },
    { "icebergCompatV3", 0, 0, YES, REFUSE, listed, "" },
    { "icebergWriterCompat*", 0, 0, YES, REFUSE, listed, "" },
    { "checkpointProtection", 0, 0, YES, REFUSE, listed, "" },
    { "materializePartitionColumns", 0, 0, YES, REFUSE, listed, "" },
    { "typeWidening", 0, 0, REFUSE, REFUSE, listed, "" },
    { "typeWidening-preview", 0, 0, REFUSE, REFUSE, listed, "" },
    { "variantType", 0, 0, REFUSE, REFUSE, listed, "" },
    { "variantType-preview", 0, 0, REFUSE, REFUSE, listed, "" },
    { "variantShredding", 0, 0, REFUSE, REFUSE, listed, "" },
    { "geospatial", 0, 0, REFUSE, REFUSE, listed, "" },
    { "catalogManaged", 0, 0, REFUSE, REFUSE, listed, "" },
    { "redirect*", 0, 0, REFUSE, REFUSE, listed, "" },
};
#define N_FEATURES (sizeof features / sizeof features[0])

static const feature *find_feature(cs_str name);
static cs_code check_columns(const cs_schema *schema, cs_error *err);
static bool has_type(const cs_field *fields, size_t n, cs_type_kind kind);

cs_code cs_delta_check_read(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata, cs_error *err)
{
    if (protocol->reader_version > READER_VERSION_MAX)
        return cs_error_set(err, CS_E_UNSUPPORTED, "needs reader version %lld; cstream reads up to %d",
                            (long long)protocol->reader_version, READER_VERSION_MAX);
    judged table = { metadata, NULL };
    char where[128];
    bool lists = protocol->reader_version >= LISTED_FROM_READER;
    for (size_t i = 0; lists && i < protocol->n_reader_features; i++) {
        cs_str name = protocol->reader_features[i];
        const feature *known = find_feature(name);
        if (!known || (known->read == REFUSE && known->used(&table, known->key, where, sizeof where)))
            return cs_error_set(err, CS_E_UNSUPPORTED, "needs feature %.*s, which cstream cannot read",
                                CS_STR_ARG(name));
    }
    for (size_t i = 0; !lists && i < N_FEATURES; i++) {
        const feature *implied = &features[i];
        if (implied->reader > 0 && implied->reader <= protocol->reader_version && implied->read == REFUSE &&
            implied->used(&table, implied->key, where, sizeof where))
            return cs_error_set(err, CS_E_UNSUPPORTED, "needs feature %s, which cstream cannot read",
                                implied->name);
    }
    return CS_OK;
}

cs_code cs_delta_check_append(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata,
                              const cs_schema *schema, cs_error *err)
{
    CS_TRY(cs_delta_check_read(protocol, metadata, err));
    if (protocol->writer_version > WRITER_VERSION_MAX)
        return cs_error_set(err, CS_E_UNSUPPORTED, "needs writer version %lld; cstream writes up to %d",
                            (long long)protocol->writer_version, WRITER_VERSION_MAX);
    judged table = { metadata, schema };
    char where[128];
    bool lists = protocol->writer_version >= LISTED_FROM_WRITER;
    for (size_t i = 0; lists && i < protocol->n_writer_features; i++) {
        cs_str name = protocol->writer_features[i];
        const feature *known = find_feature(name);
        (void)snprintf(where, sizeof where, "the protocol lists it");
        if (!known || (known->append == REFUSE && known->used(&table, known->key, where, sizeof where)))
            return cs_error_set(err, CS_E_UNSUPPORTED, "cannot append: %.*s is in use (%s)", CS_STR_ARG(name),
                                where);
    }
    for (size_t i = 0; !lists && i < N_FEATURES; i++) {
        const feature *implied = &features[i];
        if (implied->writer > 0 && implied->writer <= protocol->writer_version && implied->append == REFUSE &&
            implied->used(&table, implied->key, where, sizeof where))
            return cs_error_set(err, CS_E_UNSUPPORTED, "cannot append: %s is in use (%s)", implied->name, where);
    }
    return check_columns(schema, err);
}

cs_delta_protocol cs_delta_protocol_for(const cs_schema *schema)
{
    static const cs_str reader[] = { { "timestampNtz", 12 } };
    static const cs_str writer[] = { { "timestampNtz", 12 }, { "invariants", 10 }, { "appendOnly", 10 } };
    if (!has_type(schema->fields, schema->n_fields, CS_TYPE_TIMESTAMP_NTZ))
        return (cs_delta_protocol){ .reader_version = 1, .writer_version = 2 };
    return (cs_delta_protocol){ 3, 7, reader, sizeof reader / sizeof reader[0], writer,
                                sizeof writer / sizeof writer[0] };
}

bool cs_delta_has_commit_timestamps(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata)
{
    if (protocol->writer_version < LISTED_FROM_WRITER)
        return false;
    for (size_t i = 0; i < protocol->n_writer_features; i++) {
        if (cs_str_eq(protocol->writer_features[i], CS_STR("inCommitTimestamp")))
            return cs_delta_config_is_true(metadata, "delta.enableInCommitTimestamps");
    }
    return false;
}

static const feature *find_feature(cs_str name)
{
    for (size_t i = 0; i < N_FEATURES; i++) {
        cs_str known = cs_str_of(features[i].name);
        bool prefix = cs_str_ends(known, CS_STR("*"));
        if (prefix ? cs_str_starts(name, (cs_str){ known.ptr, known.len - 1 }) : cs_str_eq(name, known))
            return &features[i];
    }
    return NULL;
}

static bool listed(const judged *table, const char *key, char *where, size_t size)
{
    (void)table;
    (void)key;
    (void)snprintf(where, size, "the protocol lists it");
    return true;
}

static bool by_property(const judged *table, const char *key, char *where, size_t size)
{
    (void)snprintf(where, size, "%s", key);
    return cs_delta_config_is_true(table->metadata, key);
}

static bool by_prefix(const judged *table, const char *key, char *where, size_t size)
{
    for (size_t i = 0; i < table->metadata->n_configuration; i++) {
        cs_str have = table->metadata->configuration[i].key;
        if (cs_str_starts(have, cs_str_of(key))) {
            (void)snprintf(where, size, "%.*s", CS_STR_ARG(have));
            return true;
        }
    }
    return false;
}

static bool by_mapping(const judged *table, const char *key, char *where, size_t size)
{
    cs_str mode = cs_delta_config(table->metadata, key);
    (void)snprintf(where, size, "%s=%.*s", key, CS_STR_ARG(mode));
    return mode.len > 0 && !cs_str_eq(mode, CS_STR("none"));
}

static bool metadata_has(cs_str metadata, const char *key)
{
    cs_json_doc *doc = NULL;
    if (metadata.len == 0 || cs_json_parse(metadata, &doc, NULL) != CS_OK)
        return false;
    bool has = !cs_json_is_null(cs_json_get(cs_json_root(doc), key));
    cs_json_free(doc);
    return has;
}

/* First field, at any depth, whose metadata has `key`. Schemas are at most CS_TYPE_DEPTH_MAX deep. */
static const cs_field *find_marked(const cs_field *fields, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (metadata_has(fields[i].metadata, key))
            return &fields[i];
        const cs_field *inside = find_marked(fields[i].type->fields, fields[i].type->n_fields, key);
        if (inside)
            return inside;
    }
    return NULL;
}

static bool by_field(const judged *table, const char *key, char *where, size_t size)
{
    const cs_field *field =
        table->schema ? find_marked(table->schema->fields, table->schema->n_fields, key) : NULL;
    if (field)
        (void)snprintf(where, size, "%s of column %.*s", key, CS_STR_ARG(field->name));
    return field != NULL;
}

static const cs_field *find_required(const cs_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].nullable)
            return &fields[i];
        const cs_type *type = fields[i].type;
        const cs_field *inside = type->kind == CS_TYPE_STRUCT ? find_required(type->fields, type->n_fields) : NULL;
        if (inside)
            return inside;
    }
    return NULL;
}

/* What columns ask of each value, whatever the protocol lists: workers do not hold rows to it. */
static cs_code check_columns(const cs_schema *schema, cs_error *err)
{
    const cs_field *field = find_marked(schema->fields, schema->n_fields, "__CHAR_VARCHAR_TYPE_STRING");
    if (field)
        return cs_error_set(err, CS_E_UNSUPPORTED, "cannot append: column %.*s is char or varchar",
                            CS_STR_ARG(field->name));
    field = find_required(schema->fields, schema->n_fields);
    if (field)
        return cs_error_set(err, CS_E_UNSUPPORTED, "cannot append: column %.*s is NOT NULL",
                            CS_STR_ARG(field->name));
    return CS_OK;
}

static bool has_type(const cs_field *fields, size_t n, cs_type_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        const cs_type *type = fields[i].type;
        if (type->kind == kind || has_type(type->fields, type->n_fields, kind))
            return true;
    }
    return false;
}
