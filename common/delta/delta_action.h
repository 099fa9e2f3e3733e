/* The actions of a Delta log: what one line of a commit, or one row of a log checkpoint, says (spec:
 * delta.md §1). Strings borrow from whoever made the action and live until its next one, unless copied. */
#ifndef CS_COMMON_DELTA_DELTA_ACTION_H
#define CS_COMMON_DELTA_DELTA_ACTION_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/json/json.h"

typedef enum cs_delta_action_kind {
    CS_DELTA_OTHER, /* an action this program does not know or need: ignored */
    CS_DELTA_COMMIT_INFO,
    CS_DELTA_PROTOCOL,
    CS_DELTA_METADATA,
    CS_DELTA_TXN,
    CS_DELTA_ADD,
    CS_DELTA_REMOVE,
    CS_DELTA_SIDECAR
} cs_delta_action_kind;
#define CS_DELTA_MASK(kind) (1u << (kind))

typedef struct cs_delta_pair {
    cs_str key;
    cs_str value; /* ptr NULL: null */
} cs_delta_pair;

/* Features are listed exactly when reader = 3, writer = 7. */
typedef struct cs_delta_protocol {
    int64_t reader_version;
    int64_t writer_version;
    const cs_str *reader_features;
    size_t n_reader_features;
    const cs_str *writer_features;
    size_t n_writer_features;
} cs_delta_protocol;

typedef struct cs_delta_metadata {
    cs_str id;
    cs_str name;        /* empty when absent, as are all that are optional */
    cs_str description;
    cs_str provider;
    cs_str schema_text; /* schemaString */
    const cs_str *partition_columns;
    size_t n_partition_columns;
    const cs_delta_pair *configuration;
    size_t n_configuration;
    int64_t created_ms; /* 0: absent */
} cs_delta_metadata;

typedef struct cs_delta_txn {
    cs_str app_id;
    int64_t version;
    int64_t last_updated_ms; /* 0: absent */
} cs_delta_txn;

/* Deletion vector descriptor (spec: delta.md §9); storage_type empty: the file has none. */
typedef struct cs_delta_vector {
    cs_str storage_type; /* u, p or i */
    cs_str path_or_inline;
    bool has_offset;
    int64_t offset;
    int64_t size_bytes;
    int64_t cardinality; /* rows deleted */
} cs_delta_vector;

typedef struct cs_delta_add {
    cs_str path; /* as written: percent-encoded */
    const cs_delta_pair *partition_values;
    size_t n_partition_values;
    int64_t size_bytes;
    int64_t modified_ms;
    cs_str stats;           /* JSON text; empty: absent */
    bool has_rows;          /* row count of the file where only a struct says it (stats_parsed) */
    int64_t rows;
    cs_delta_vector vector;
} cs_delta_add;

typedef struct cs_delta_remove {
    cs_str path;
    int64_t deleted_ms;
    cs_delta_vector vector;
} cs_delta_remove;

typedef struct cs_delta_sidecar {
    cs_str path;
    int64_t size_bytes;
} cs_delta_sidecar;

typedef struct cs_delta_action {
    cs_delta_action_kind kind;
    union {
        const cs_json *commit_info; /* any JSON is allowed inside: looked up member by member */
        cs_delta_protocol protocol;
        cs_delta_metadata metadata;
        cs_delta_txn txn;
        cs_delta_add add;
        cs_delta_remove remove;
        cs_delta_sidecar sidecar;
    };
} cs_delta_action;

/* Of an action's name; CS_DELTA_OTHER for a name that is not read here. */
cs_delta_action_kind cs_delta_action_kind_of(cs_str name);
/* One line of a commit. The document keeps the strings, `arena` the lists. Kinds not in `mask` come as
 * CS_DELTA_OTHER, but every line must be one whole JSON object: CS_E_DAMAGED_LOG with what is wrong (the
 * caller says where). */
CS_MUST_USE cs_code cs_delta_action_parse(cs_str line, unsigned mask, cs_arena *arena, cs_json_doc **doc,
                                          cs_delta_action *out, cs_error *err);

/* The lines that an append writes, each with its newline. */
void cs_delta_print_protocol(cs_buf *out, const cs_delta_protocol *protocol);
void cs_delta_print_metadata(cs_buf *out, const cs_delta_metadata *metadata);
void cs_delta_print_txn(cs_buf *out, const cs_delta_txn *txn);
void cs_delta_print_add(cs_buf *out, const cs_delta_add *add); /* dataChange true */

/* commitInfo of an append by cstream (spec: delta.md §1, "A complete version 0 of ours"). */
typedef struct cs_delta_append_info {
    int64_t timestamp_ms;
    bool in_commit_timestamp; /* the table wants it as inCommitTimestamp, too */
    cs_str query_id;          /* S */
    uint64_t batch;
    int64_t read_version;     /* -1: none, this is version 0 */
    uint64_t n_files, rows, bytes;
    cs_str txn_id;            /* fresh for every attempt */
    cs_str digest;            /* D_B, hex */
    cs_str below;             /* SHA-256 of V.json, hex; empty for version 0 */
    const cs_str *sources;    /* the batch's files; more than CS_COMMIT_INFO_FILES_MAX are left out */
    size_t n_sources;
} cs_delta_append_info;
void cs_delta_print_append_info(cs_buf *out, const cs_delta_append_info *info);

/* Value of a key of the configuration; ptr NULL when it is not there. */
cs_str cs_delta_config(const cs_delta_metadata *metadata, const char *key);
bool cs_delta_config_is_true(const cs_delta_metadata *metadata, const char *key);
/* numRecords of a stats text; false when there is none or it is not to be understood. */
bool cs_delta_stats_rows(cs_str stats, int64_t *rows);

#endif
