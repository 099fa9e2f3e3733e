/* From a list of options to a job: each by its row in the option table, then what only holds between
 * options. Enumerations of the job are CHOICE options: their order is that of the table's choices. */
#include "common/conf/job.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/conf/option_table.h"

static_assert(sizeof(cs_csv_mode) == sizeof(int) && sizeof(cs_compression) == sizeof(int), "CHOICE options are ints");

static cs_code set_defaults(cs_arena *arena, cs_job *job, cs_error *err);
static cs_code apply(const cs_option *option, cs_arena *arena, cs_job *job, cs_error *err);
static cs_code check_endpoints(cs_job *job, cs_arena *arena, cs_error *err);
static cs_code check_trigger(cs_job *job, cs_error *err);
static cs_code check_csv(const cs_job *job, cs_error *err);
static cs_code check_schema(cs_job *job, cs_arena *arena, cs_error *err);

cs_code cs_job_parse(const cs_options *options, cs_arena *arena, cs_job *out, cs_error *err)
{
    cs_job job = { 0 };
    if (options->count > CS_OPTIONS_MAX)
        return cs_error_set(err, CS_E_LIMIT, "%zu options; at most %u", options->count, CS_OPTIONS_MAX);
    CS_TRY(set_defaults(arena, &job, err));
    cs_option *copies = cs_arena_array(arena, cs_option, options->count);
    for (size_t i = 0; i < options->count; i++) {
        const cs_option *option = &options->items[i];
        copies[i] = (cs_option){ option->scope, cs_arena_str(arena, option->key), cs_arena_str(arena, option->value),
                                 cs_arena_str(arena, option->origin) };
        CS_TRY(apply(&copies[i], arena, &job, err));
    }
    job.options = (cs_options){ copies, options->count };
    CS_TRY(check_endpoints(&job, arena, err));
    CS_TRY(check_trigger(&job, err));
    CS_TRY(check_csv(&job, err));
    CS_TRY(check_schema(&job, arena, err));
    *out = job;
    return CS_OK;
}

static cs_code set_defaults(cs_arena *arena, cs_job *job, cs_error *err)
{
    for (size_t i = 0; i < cs_option_table_count; i++) {
        const cs_option_def *def = &cs_option_table[i];
        bool none = def->default_text[0] == '\0' && def->type != CS_OPTION_TEXT && def->type != CS_OPTION_PATH;
        if (def->when == CS_OPTION_NOW && !none)
            CS_TRY(cs_option_set(def, cs_str_of(def->default_text), CS_STR("default"), arena, job, err));
    }
    return CS_OK;
}

static cs_code apply(const cs_option *option, cs_arena *arena, cs_job *job, cs_error *err)
{
    const char *scope = cs_option_scope_name(option->scope);
    char shown[128];
    const cs_option_def *def = cs_option_find(option->scope, option->key);
    if (!def) {
        const char *nearest = cs_option_nearest(option->scope, option->key);
        cs_error_set(err, CS_E_UNKNOWN_OPTION, "%s has no option '%s'", scope, cs_escape(shown, sizeof shown, option->key));
        cs_error_place(err, "%.*s", CS_STR_ARG(option->origin));
        if (nearest)
            cs_error_hint(err, "did you mean '%s'?", nearest);
        else
            cs_error_hint(err, "cstream-submit help options lists all");
        return CS_E_UNKNOWN_OPTION;
    }
    if (def->when == CS_OPTION_LATER) {
        cs_error_set(err, CS_E_BAD_OPTION, "%s.%s: this version does not have it (got \"%s\")", scope, def->key,
                     cs_escape(shown, sizeof shown, option->value));
        cs_error_place(err, "%.*s", CS_STR_ARG(option->origin));
        cs_error_hint(err, "%s", def->help);
        return CS_E_BAD_OPTION;
    }
    return cs_option_set(def, option->value, option->origin, arena, def->when == CS_OPTION_NOW ? job : NULL, err);
}

/* Absolute, without doubled or trailing slashes and "." pieces; ".." is refused: what it means depends on links. */
static cs_code clean_path(const char *what, cs_arena *arena, cs_str *path, cs_error *err)
{
    char shown[512];
    cs_escape(shown, sizeof shown, *path);
    if (path->len == 0)
        return cs_error_set(err, CS_E_USAGE, "no %s given", what);
    if (path->ptr[0] != '/' || memchr(path->ptr, 0, path->len))
        return cs_error_set(err, CS_E_BAD_CONFIG, "%s '%s' is not an absolute path", what, shown);
    if (path->len >= CS_PATH_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "%s is %zu bytes long; at most %u", what, path->len, CS_PATH_BYTES_MAX - 1);
    char *clean = cs_arena_alloc(arena, path->len + 2);
    size_t n = 0;
    cs_str rest = *path, piece;
    while (cs_str_split(&rest, '/', &piece)) {
        if (piece.len == 0 || cs_str_eq(piece, CS_STR(".")))
            continue;
        if (cs_str_eq(piece, CS_STR("..")))
            return cs_error_set(err, CS_E_BAD_CONFIG, "%s '%s' holds '..'", what, shown);
        clean[n++] = '/';
        memcpy(clean + n, piece.ptr, piece.len);
        n += piece.len;
    }
    if (n == 0)
        return cs_error_set(err, CS_E_BAD_CONFIG, "%s may not be the root of the file system", what);
    *path = (cs_str){ clean, n };
    return CS_OK;
}

static cs_code check_endpoints(cs_job *job, cs_arena *arena, cs_error *err)
{
    char shown[128];
    CS_TRY(clean_path("source folder", arena, &job->source_path, err));
    CS_TRY(clean_path("table folder", arena, &job->table_path, err));
    if (job->checkpoint_path.len == 0) {
        cs_error_set(err, CS_E_USAGE, "no checkpoint folder given");
        cs_error_hint(err, "--checkpoint-location /path/on/a/local/disk");
        return CS_E_USAGE;
    }
    CS_TRY(clean_path("checkpoint folder", arena, &job->checkpoint_path, err));
    if (!cs_str_eq(job->source_format, CS_STR("csv")))
        return cs_error_set(err, CS_E_UNSUPPORTED, "source format '%s' is not known; csv is",
                            cs_escape(shown, sizeof shown, job->source_format));
    if (!cs_str_eq(job->sink_format, CS_STR("delta")))
        return cs_error_set(err, CS_E_UNSUPPORTED, "table format '%s' is not known; delta is",
                            cs_escape(shown, sizeof shown, job->sink_format));
    return CS_OK;
}

static cs_code check_trigger(cs_job *job, cs_error *err)
{
    cs_str text = job->trigger_text;
    cs_str prefix = CS_STR("processingTime=");
    char shown[128];
    if (text.len == 0) {
        job->trigger = CS_TRIGGER_DEFAULT;
    } else if (cs_str_eq_nocase(text, CS_STR("availableNow"))) {
        job->trigger = CS_TRIGGER_AVAILABLE_NOW;
    } else if (cs_str_eq_nocase(text, CS_STR("once"))) {
        job->trigger = CS_TRIGGER_ONCE;
    } else if (text.len > prefix.len && cs_str_eq_nocase((cs_str){ text.ptr, prefix.len }, prefix) &&
               cs_str_to_ms(cs_str_trim((cs_str){ text.ptr + prefix.len, text.len - prefix.len }), &job->trigger_ms)) {
        job->trigger = job->trigger_ms > 0 ? CS_TRIGGER_PROCESSING_TIME : CS_TRIGGER_DEFAULT;
    } else {
        cs_error_set(err, CS_E_BAD_OPTION, "job.trigger: must be availableNow, once or processingTime=5s (got \"%s\")",
                     cs_escape(shown, sizeof shown, text));
        return CS_E_BAD_OPTION;
    }
    return CS_OK;
}

static cs_code check_csv(const cs_job *job, cs_error *err)
{
    const cs_csv_options *csv = &job->csv;
    int sep = (unsigned char)csv->sep.ptr[0];
    if (job->files_max && job->bytes_max)
        return cs_error_set(err, CS_E_BAD_OPTION, "csv.maxBytesPerTrigger: not together with maxFilesPerTrigger");
    if (csv->quote == sep)
        return cs_error_set(err, CS_E_BAD_OPTION, "csv.sep: collides with quote (got \"%c\")", sep);
    if (csv->quote == '\n' || csv->quote == '\r')
        return cs_error_set(err, CS_E_BAD_OPTION, "csv.quote: must be one character that ends no line");
    if (csv->quote != CS_CSV_NO_CHAR && csv->escape != csv->quote) {
        cs_error_set(err, CS_E_BAD_OPTION, "csv.escape: must be the quote character in this version");
        cs_error_hint(err, "leave escape out: \"\" inside quotes is one quote (RFC 4180)");
        return CS_E_BAD_OPTION;
    }
    return CS_OK;
}

static cs_code check_schema(cs_job *job, cs_arena *arena, cs_error *err)
{
    char shown[128];
    if (job->schema_text.len == 0) {
        cs_error_set(err, CS_E_USAGE, "no schema given");
        cs_error_hint(err, "--schema 'id BIGINT, name STRING' or --schema @FILE");
        return CS_E_USAGE;
    }
    if (job->schema_text.len > CS_SCHEMA_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "schema is %zu bytes long; at most %u", job->schema_text.len, CS_SCHEMA_BYTES_MAX);
    cs_schema schema;
    CS_TRY(cs_schema_parse(job->schema_text, arena, &schema, err));
    CS_TRY(cs_schema_nullable(&schema, arena, &job->schema, err));
    CS_TRY(cs_schema_check_table(&job->schema, err));
    if (schema.n_fields > CS_COLUMNS_MAX)
        return cs_error_set(err, CS_E_LIMIT, "schema has %zu columns; at most %u", schema.n_fields, CS_COLUMNS_MAX);
    size_t file_columns = 0;
    for (size_t i = 0; i < schema.n_fields; i++) {
        const cs_field *field = &schema.fields[i];
        bool corrupt = cs_str_eq(field->name, job->csv.corrupt_column);
        cs_escape(shown, sizeof shown, field->name);
        file_columns += !corrupt;
        if (corrupt && field->type->kind != CS_TYPE_STRING)
            return cs_error_set(err, CS_E_BAD_SCHEMA, "column %s takes corrupt records: it must be STRING", shown);
        if (!cs_type_is_flat(field->type)) {
            cs_buf type = CS_BUF_INIT;
            cs_type_print(field->type, &type);
            cs_error_set(err, CS_E_BAD_SCHEMA, "column %s: csv has no type %.*s", shown, CS_STR_ARG(cs_buf_str(&type)));
            cs_buf_done(&type);
            return CS_E_BAD_SCHEMA;
        }
    }
    if (file_columns == 0)
        return cs_error_set(err, CS_E_BAD_SCHEMA, "the schema has no column to read");
    return CS_OK;
}

/* The deepest part of `path` that exists, with all links followed, and the rest behind it. */
static void resolve(cs_str path, char out[PATH_MAX])
{
    char head[PATH_MAX], real[PATH_MAX];
    size_t cut = path.len;
    for (;;) {
        snprintf(head, sizeof head, "%.*s", (int)cut, path.ptr);
        if (cut == 0 || realpath(head, real))
            break;
        while (cut > 0 && path.ptr[--cut] != '/')
            ;
    }
    if (cut == 0)
        real[0] = '\0';
    int n = snprintf(out, PATH_MAX, "%s%.*s", real, (int)(path.len - cut), path.ptr + cut);
    if (n < 0 || n >= PATH_MAX)
        out[PATH_MAX - 1] = '\0';
}

static bool contains(const char *outer, const char *inner)
{
    size_t n = strlen(outer);
    return strncmp(outer, inner, n) == 0 && (inner[n] == '/' || inner[n] == '\0');
}

cs_code cs_job_check_paths(const cs_job *job, cs_error *err)
{
    const char *names[] = { "source", "table", "checkpoint" };
    const cs_str *paths[] = { &job->source_path, &job->table_path, &job->checkpoint_path };
    char real[3][PATH_MAX], shown[512];
    struct stat st;
    for (int i = 0; i < 3; i++)
        resolve(*paths[i], real[i]);
    cs_escape(shown, sizeof shown, job->source_path);
    if (stat(real[0], &st) != 0) {
        if (errno == EACCES)
            return cs_error_sys(err, errno, "source folder '%s'", shown);
        return cs_error_set(err, CS_E_PATH_NOT_FOUND, "source folder '%s' does not exist", shown);
    }
    if (!S_ISDIR(st.st_mode))
        return cs_error_set(err, CS_E_PATH_NOT_FOUND, "source '%s' is not a folder", shown);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (i != k && contains(real[i], real[k])) {
                char inner[512];
                cs_escape(inner, sizeof inner, *paths[k]);
                cs_escape(shown, sizeof shown, *paths[i]);
                cs_error_set(err, CS_E_BAD_CONFIG, "the %s folder '%s' lies in the %s folder '%s'", names[k], inner,
                             names[i], shown);
                cs_error_hint(err, "source, table and checkpoint need folders beside one another");
                return CS_E_BAD_CONFIG;
            }
    return CS_OK;
}
