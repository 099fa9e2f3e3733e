/* A job: one streaming query as the user asked for it. Its text form is a list of options (scope, key,
 * value); the one option table (options.def) turns text into this struct, and is behind flags, help and
 * errors too. A job is parsed from the same options in cstream-submit (to say what is wrong early), in the
 * coordinator and, for the read options of a task, in the worker. */
#ifndef CS_COMMON_CONF_JOB_H
#define CS_COMMON_CONF_JOB_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/conf/csv_options.h"
#include "common/data/schema.h"

typedef enum cs_option_scope {
    CS_SCOPE_JOB,   /* name, schema, source, table, trigger … : flags of their own */
    CS_SCOPE_READ,  /* -r k=v: readStream options */
    CS_SCOPE_WRITE, /* -w k=v: writeStream options */
    CS_SCOPE_CONF   /* --conf k=v: the engine's settings */
} cs_option_scope;

typedef struct cs_option {
    cs_option_scope scope;
    cs_str key;
    cs_str value;
    cs_str origin; /* where it was said, for errors: "flag -r", "job file orders.yaml:4:7" */
} cs_option;

typedef struct cs_options {
    const cs_option *items;
    size_t count;
} cs_options;

typedef enum cs_trigger_kind { CS_TRIGGER_DEFAULT, CS_TRIGGER_PROCESSING_TIME, CS_TRIGGER_AVAILABLE_NOW, CS_TRIGGER_ONCE } cs_trigger_kind;
typedef enum cs_on_changed { CS_ON_CHANGED_REPORT, CS_ON_CHANGED_FAIL, CS_ON_CHANGED_READ } cs_on_changed;

/* auto: the table's property delta.parquet.compression.codec, else snappy. */
typedef enum cs_compression { CS_COMPRESSION_AUTO, CS_COMPRESSION_SNAPPY, CS_COMPRESSION_ZSTD, CS_COMPRESSION_NONE } cs_compression;

typedef struct cs_job {
    cs_str name;
    cs_str source_format;  /* "csv" */
    cs_str source_path;    /* absolute, without trailing slash */
    cs_str sink_format;    /* "delta" */
    cs_str table_path;     /* absolute */
    cs_str checkpoint_path;
    cs_str schema_text;
    cs_schema schema;      /* of the job, corrupt column included, all nullable */
    int output_mode;       /* index in the table's choices: 0 = append */
    cs_str trigger_text;
    cs_trigger_kind trigger;
    int64_t trigger_ms;    /* processingTime */
    cs_csv_options csv;
    /* source */
    uint32_t files_max;    /* maxFilesPerTrigger; 0 = none */
    uint64_t bytes_max;    /* maxBytesPerTrigger; 0 = none */
    cs_str path_glob;      /* pathGlobFilter; empty = all */
    bool recursive;
    int64_t min_file_age_ms;
    cs_on_changed on_changed;
    /* sink */
    cs_compression compression;
    bool replan;           /* --replan: drop the planned, uncommitted batch and plan anew (design §5) */
    /* conf */
    uint64_t split_bytes;  /* cstream.splitBytes: aimed size of a split of a large file */
    uint64_t task_bytes;   /* cstream.taskBytes: aimed input of one task made of small files */
    int64_t lease_ms;
    int64_t list_interval_ms;   /* periodic full listing */
    int64_t commit_timeout_ms;
    int64_t disk_full_timeout_ms;
    int64_t no_workers_timeout_ms;
    uint64_t worker_memory_bytes;
    cs_options options;    /* what it was parsed from, copied into the arena */
} cs_job;

/* Errors: CS_E_UNKNOWN_OPTION (nearest name in the hint), CS_E_BAD_OPTION, CS_E_BAD_SCHEMA, CS_E_BAD_CONFIG;
 * the place is the option's origin. Checks what needs no file system: see cs_job_check_paths for the rest. */
CS_MUST_USE cs_code cs_job_parse(const cs_options *options, cs_arena *arena, cs_job *out, cs_error *err);
/* Source exists and is a folder; source, table and checkpoint do not contain one another (exit 78). */
CS_MUST_USE cs_code cs_job_check_paths(const cs_job *job, cs_error *err);
/* Canonical text of options (sorted, one `scope key value` line each, escaped): stored in plans, hashed. */
void cs_options_print(const cs_options *options, cs_buf *out);
CS_MUST_USE cs_code cs_options_parse(cs_str text, cs_arena *arena, cs_options *out, cs_error *err);

#endif
