/* The rows say what each option is; convert() below is the only place that turns option text into values. */
#include "common/conf/option_table.h"

#include <stdio.h>

#include "common/base/limits.h"

#define AT(member) offsetof(cs_job, member)
#define JOB(type, key, alias, text, choices, min, member, help) \
    { CS_SCOPE_JOB, CS_OPTION_NOW, type, key, alias, text, choices, min, AT(member), help }
#define READ(type, key, alias, text, choices, min, member, help) \
    { CS_SCOPE_READ, CS_OPTION_NOW, type, key, alias, text, choices, min, AT(member), help }
#define WRITE(type, key, alias, text, choices, min, member, help) \
    { CS_SCOPE_WRITE, CS_OPTION_NOW, type, key, alias, text, choices, min, AT(member), help }
#define CONF(type, key, text, min, member, help) \
    { CS_SCOPE_CONF, CS_OPTION_NOW, type, key, NULL, text, NULL, min, AT(member), help }
#define LATER(scope, key, alias, help) \
    { scope, CS_OPTION_LATER, CS_OPTION_TEXT, key, alias, "", NULL, 0, 0, help }
#define NO_EFFECT(scope, type, key, alias, help) \
    { scope, CS_OPTION_NO_EFFECT, type, key, alias, "", NULL, 0, 0, help }

const cs_option_def cs_option_table[] = {
    JOB(CS_OPTION_TEXT, "name", NULL, "", NULL, 0, name, "name of the query, for people"),
    JOB(CS_OPTION_TEXT, "source-format", NULL, "", NULL, 0, source_format, "format of the source: csv"),
    JOB(CS_OPTION_PATH, "source-path", NULL, "", NULL, 0, source_path, "folder to watch"),
    JOB(CS_OPTION_TEXT, "sink-format", NULL, "", NULL, 0, sink_format, "format of the table: delta"),
    JOB(CS_OPTION_PATH, "table-path", NULL, "", NULL, 0, table_path, "folder of the table"),
    JOB(CS_OPTION_TEXT, "schema", NULL, "", NULL, 0, schema_text,
        "columns of the source as DDL, `id BIGINT, name STRING`, or JSON; @FILE reads it from a file"),
    JOB(CS_OPTION_PATH, "checkpoint-location", "checkpointLocation", "", NULL, 0, checkpoint_path,
        "folder that remembers which file went into which batch (local disk, one per query)"),
    JOB(CS_OPTION_TEXT, "trigger", NULL, "", NULL, 0, trigger_text,
        "availableNow, once, or processingTime=5s; without it batches follow back to back"),
    JOB(CS_OPTION_CHOICE, "output-mode", "outputMode", "append", "append", 0, output_mode,
        "append: each batch adds its rows"),
    JOB(CS_OPTION_BOOL, "replan", NULL, "false", NULL, 0, replan,
        "drop the batch that is planned but not committed, and plan it anew from the files as they are now"),

    LATER(CS_SCOPE_JOB, "partition-by", "partitionBy", "tables without partition columns for now"),

    READ(CS_OPTION_SEP, "sep", "delimiter", ",", NULL, 0, csv.sep, "separates fields"),
    READ(CS_OPTION_CHAR, "quote", NULL, "\"", NULL, 0, csv.quote, "encloses fields; empty switches quotes off"),
    READ(CS_OPTION_CHAR, "escape", NULL, "\"", NULL, 0, csv.escape, "escapes a quote inside quotes; only the quote itself for now"),
    READ(CS_OPTION_BOOL, "header", NULL, "false", NULL, 0, csv.header, "the first line of each file is names, not data"),
    READ(CS_OPTION_BOOL, "multiLine", NULL, "false", NULL, 0, csv.multi_line, "quoted fields may hold line ends"),
    READ(CS_OPTION_TEXT, "nullValue", NULL, "", NULL, 0, csv.null_value, "a field equal to this is null"),
    READ(CS_OPTION_TEXT, "emptyValue", NULL, "", NULL, 0, csv.empty_value, "what a quoted empty field stands for"),
    READ(CS_OPTION_TEXT, "nanValue", NULL, "NaN", NULL, 0, csv.nan_value, "FLOAT and DOUBLE: is NaN"),
    READ(CS_OPTION_TEXT, "positiveInf", NULL, "Inf", NULL, 0, csv.positive_inf,
         "FLOAT and DOUBLE: is plus infinity"),
    READ(CS_OPTION_TEXT, "negativeInf", NULL, "-Inf", NULL, 0, csv.negative_inf,
         "FLOAT and DOUBLE: is minus infinity"),
    READ(CS_OPTION_PATTERN, "dateFormat", NULL, "", NULL, 0, csv.date_format,
         "Java's pattern of DATE, for example dd/MM/yyyy; without it ISO dates, leniently"),
    READ(CS_OPTION_PATTERN, "timestampFormat", NULL, "", NULL, 0, csv.timestamp_format,
         "the same for TIMESTAMP, for example yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]"),
    READ(CS_OPTION_PATTERN, "timestampNTZFormat", NULL, "", NULL, 0, csv.timestamp_ntz_format,
         "the same for TIMESTAMP_NTZ"),
    READ(CS_OPTION_MAYBE, "enableDateTimeParsingFallback", NULL, "", NULL, 0, csv.datetime_fallback,
         "what does not match its format is tried leniently; unset: only for types without a format"),
    READ(CS_OPTION_ZONE, "timeZone", NULL, "UTC", NULL, 0, csv.time_zone,
         "where TIMESTAMPs without a zone are local, for example Europe/Berlin or +01:00"),
    READ(CS_OPTION_CHOICE, "mode", NULL, "PERMISSIVE", "PERMISSIVE|DROPMALFORMED|FAILFAST", 0, csv.mode,
         "what a bad record does: nulls and the corrupt column, no row, or an error"),
    READ(CS_OPTION_TEXT, "columnNameOfCorruptRecord", NULL, "_corrupt_record", NULL, 0, csv.corrupt_column,
         "STRING column of the schema that takes the text of bad records"),
    READ(CS_OPTION_CHOICE, "parser", NULL, "auto", "auto|exact|libcsv", 0, csv.parser, "tokenizer; all give the same rows"),
    READ(CS_OPTION_SIZE, "maxRecordBytes", NULL, "16MiB", NULL, 1, csv.record_bytes_max, "a longer record is a bad record"),
    READ(CS_OPTION_COUNT, "maxColumns", NULL, "20480", NULL, 1, csv.columns_max, "more fields in a record fail the file"),
    READ(CS_OPTION_COUNT, "maxFilesPerTrigger", NULL, "", NULL, 1, files_max, "most files in one batch"),
    READ(CS_OPTION_SIZE, "maxBytesPerTrigger", NULL, "", NULL, 1, bytes_max, "most input in one batch; always at least one file"),
    READ(CS_OPTION_TEXT, "pathGlobFilter", NULL, "", NULL, 0, path_glob, "takes only files whose name matches, for example *.csv"),
    READ(CS_OPTION_BOOL, "recursiveFileLookup", NULL, "false", NULL, 0, recursive, "looks into all sub-folders"),
    READ(CS_OPTION_DURATION, "minFileAge", NULL, "1s", NULL, 0, min_file_age_ms,
         "waits so long after the last change where open writers cannot be told"),
    READ(CS_OPTION_CHOICE, "onChanged", NULL, "report", "report|fail|read", 0, on_changed,
         "a file that was read and then changed: say so, stop, or read it again"),
    LATER(CS_SCOPE_READ, "encoding", "charset", "only UTF-8 for now"),
    LATER(CS_SCOPE_READ, "comment", NULL, "remove such lines first"),
    LATER(CS_SCOPE_READ, "charToEscapeQuoteEscaping", NULL, "only escape=\" for now"),
    LATER(CS_SCOPE_READ, "enforceSchema", NULL, "columns bind by position"),
    LATER(CS_SCOPE_READ, "ignoreLeadingWhiteSpace", NULL, "blanks are kept for now"),
    LATER(CS_SCOPE_READ, "ignoreTrailingWhiteSpace", NULL, "blanks are kept for now"),
    LATER(CS_SCOPE_READ, "lineSep", NULL, "lines end with \\n, \\r\\n or \\r for now"),
    LATER(CS_SCOPE_READ, "unescapedQuoteHandling", NULL, "STOP_AT_DELIMITER for now"),
    LATER(CS_SCOPE_READ, "maxCharsPerColumn", NULL, "maxRecordBytes limits the record"),
    LATER(CS_SCOPE_READ, "locale", NULL, "only en-US"),
    LATER(CS_SCOPE_READ, "inferSchema", NULL, "give a schema"),
    LATER(CS_SCOPE_READ, "samplingRatio", NULL, "give a schema"),
    LATER(CS_SCOPE_READ, "preferDate", NULL, "give a schema"),
    LATER(CS_SCOPE_READ, "singleVariantColumn", NULL, "give a schema"),
    LATER(CS_SCOPE_READ, "latestFirst", NULL, "files are read oldest first"),
    LATER(CS_SCOPE_READ, "maxFileAge", NULL, "every new file is read, however old"),
    LATER(CS_SCOPE_READ, "onLate", NULL, "every new file is read, however old"),
    LATER(CS_SCOPE_READ, "fileNameOnly", NULL, "a file is known by its path below the source"),
    LATER(CS_SCOPE_READ, "cleanSource", NULL, "files stay where they are for now"),
    LATER(CS_SCOPE_READ, "sourceArchiveDir", NULL, "files stay where they are for now"),
    LATER(CS_SCOPE_READ, "badRecordsPath", NULL, "use columnNameOfCorruptRecord"),
    LATER(CS_SCOPE_READ, "ignoreCorruptFiles", NULL, "a damaged file fails the batch"),
    LATER(CS_SCOPE_READ, "ignoreMissingFiles", NULL, "a vanished file fails the batch"),
    LATER(CS_SCOPE_READ, "modifiedBefore", NULL, "not for streams"),
    LATER(CS_SCOPE_READ, "modifiedAfter", NULL, "not for streams"),
    NO_EFFECT(CS_SCOPE_READ, CS_OPTION_BOOL, "columnPruning", NULL, "accepted, no effect"),
    NO_EFFECT(CS_SCOPE_READ, CS_OPTION_COUNT, "inputBufferSize", NULL, "accepted, no effect"),

    WRITE(CS_OPTION_PATH, "checkpointLocation", NULL, "", NULL, 0, checkpoint_path, "same as --checkpoint-location"),
    WRITE(CS_OPTION_CHOICE, "compression", NULL, "auto", "auto|snappy|zstd|uncompressed", 0, compression,
          "codec of the parts; auto: the table's property, else snappy"),
    LATER(CS_SCOPE_WRITE, "mergeSchema", NULL, "columns must fit the table"),
    LATER(CS_SCOPE_WRITE, "overwriteSchema", NULL, "columns must fit the table"),
    LATER(CS_SCOPE_WRITE, "partitionBy", NULL, "tables without partitions for now"),
    LATER(CS_SCOPE_WRITE, "maxRecordsPerFile", NULL, "one part per task for now"),

    CONF(CS_OPTION_SIZE, "cstream.splitBytes", "32MiB", 65536, split_bytes, "aimed size of one piece of a large file"),
    CONF(CS_OPTION_SIZE, "cstream.taskBytes", "32MiB", 4096, task_bytes, "aimed input of a task made of small files"),
    CONF(CS_OPTION_DURATION, "cstream.lease", "10s", 100, lease_ms, "a worker without progress for so long loses its task"),
    CONF(CS_OPTION_DURATION, "cstream.listInterval", "10s", 10, list_interval_ms, "full listings are at least so far apart"),
    CONF(CS_OPTION_DURATION, "cstream.commitTimeout", "60s", 1, commit_timeout_ms, "gives up a commit that keeps losing to other writers"),
    CONF(CS_OPTION_DURATION, "cstream.diskFullTimeout", "60s", 0, disk_full_timeout_ms, "waits so long for space before it gives up"),
    CONF(CS_OPTION_DURATION, "cstream.noWorkersTimeout", "30s", 1, no_workers_timeout_ms, "waits so long for a worker"),
    CONF(CS_OPTION_SIZE, "cstream.workerMemory", "48MiB", 1 << 20, worker_memory_bytes, "budget of a worker for row group and dictionaries"),
};
const size_t cs_option_table_count = sizeof cs_option_table / sizeof cs_option_table[0];

const cs_option_def *cs_option_find(cs_option_scope scope, cs_str key)
{
    for (size_t i = 0; i < cs_option_table_count; i++) {
        const cs_option_def *def = &cs_option_table[i];
        if (def->scope != scope)
            continue;
        if (cs_str_eq_nocase(cs_str_of(def->key), key) || (def->alias && cs_str_eq_nocase(cs_str_of(def->alias), key)))
            return def;
    }
    return NULL;
}

const char *cs_option_nearest(cs_option_scope scope, cs_str key)
{
    size_t most = key.len / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < cs_option_table_count; i++) {
        const cs_option_def *def = &cs_option_table[i];
        size_t distance = def->scope == scope ? cs_str_distance(cs_str_of(def->key), key, most) : most + 1;
        if (distance <= most) {
            nearest = def->key;
            most = distance ? distance - 1 : 0;
        }
    }
    return nearest;
}

const char *cs_option_scope_name(cs_option_scope scope)
{
    static const char *const names[] = { "job", "csv", "delta", "conf" };
    return names[scope];
}

static cs_code bad_value(const cs_option_def *def, cs_str value, cs_str origin, cs_error *err, const char *wrong)
{
    char shown[128];
    cs_error_set(err, CS_E_BAD_OPTION, "%s.%s: %s (got \"%s\")", cs_option_scope_name(def->scope), def->key, wrong,
                 cs_escape(shown, sizeof shown, value));
    cs_error_place(err, "%.*s", CS_STR_ARG(origin));
    return CS_E_BAD_OPTION;
}

static bool choose(const char *choices, cs_str value, int *index)
{
    cs_str rest = cs_str_of(choices), choice;
    for (int i = 0; cs_str_split(&rest, '|', &choice); i++)
        if (cs_str_eq_nocase(choice, value)) {
            *index = i;
            return true;
        }
    return false;
}

/* The escapes that Spark's separator option knows; anything else behind a backslash is an error. */
static const char *undo_escapes(cs_str value, cs_arena *arena, cs_str *out)
{
    static const char from[] = "tbfr\"'\\", to[] = "\t\b\f\r\"'\\";
    char *text = cs_arena_alloc(arena, value.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\\') {
            text[n++] = value.ptr[i];
            continue;
        }
        const char *at = i + 1 < value.len && value.ptr[i + 1] ? strchr(from, value.ptr[i + 1]) : NULL;
        if (!at)
            return "unknown escape; \\t \\b \\f \\r \\\" \\' \\\\ are known";
        text[n++] = to[at - from];
        i++;
    }
    *out = (cs_str){ text, n };
    return n == 1 ? NULL : n == 0 ? "must not be empty" : "must be one character for now";
}

/* The hint of the pattern's compiler stays. */
static cs_code set_pattern(const cs_option_def *def, cs_str value, cs_str origin, cs_arena *arena,
                           void *member, cs_error *err)
{
    const cs_time_pattern *pattern;
    cs_error why;
    if (cs_time_pattern_compile(value, arena, &pattern, &why) != CS_OK) {
        (void)bad_value(def, value, origin, err, why.message);
        if (why.hint[0] != '\0')
            cs_error_hint(err, "%s", why.hint);
        return CS_E_BAD_OPTION;
    }
    if (member)
        *(const cs_time_pattern **)member = pattern;
    return CS_OK;
}

static cs_code set_zone(const cs_option_def *def, cs_str value, cs_str origin, cs_arena *arena,
                        void *member, cs_error *err)
{
    cs_zones *zones = cs_zones_new();
    bool known = cs_zones_find(zones, value) != NULL;
    cs_zones_free(zones);
    if (!known) {
        CS_TRY(cs_zones_check(err));
        return bad_value(def, value, origin, err, "unknown time zone");
    }
    if (member)
        *(cs_str *)member = cs_arena_str(arena, value);
    return CS_OK;
}

static const char *set_sep(cs_str value, cs_arena *arena, cs_str *to)
{
    const char *problem = undo_escapes(value, arena, to);
    if (!problem && (to->ptr[0] == '\n' || to->ptr[0] == '\r' || (unsigned char)to->ptr[0] >= 0x80))
        problem = "must be an ASCII character that ends no line";
    return problem;
}

static const char *say_bound(char wrong[160], const char *before, uint64_t bound, const char *behind)
{
    snprintf(wrong, 160, "%s %llu%s", before, (unsigned long long)bound, behind);
    return wrong;
}

/* Stores the value in *to, whose type the option's type names; or says what is wrong with it. */
static const char *convert(const cs_option_def *def, cs_str value, cs_arena *arena, void *to, char wrong[160])
{
    uint64_t number;
    int64_t ms;
    int index;
    switch (def->type) {
    case CS_OPTION_BOOL:
        if (!choose("false|true", value, &index))
            return "must be true or false";
        *(bool *)to = index;
        return NULL;
    case CS_OPTION_MAYBE:
        if (!choose("false|true", value, &index))
            return "must be true or false";
        *(cs_csv_maybe *)to = index ? CS_CSV_TRUE : CS_CSV_FALSE;
        return NULL;
    case CS_OPTION_COUNT:
        if (!cs_str_to_u64(value, &number) || number < def->min || number > INT32_MAX)
            return say_bound(wrong, "must be an integer >=", def->min, "");
        *(uint32_t *)to = (uint32_t)number;
        return NULL;
    case CS_OPTION_SIZE:
        if (!cs_str_to_size(value, &number) || number < def->min || number > INT64_MAX)
            return say_bound(wrong, "must be a size >=", def->min, ", for example 16MiB");
        *(uint64_t *)to = number;
        return NULL;
    case CS_OPTION_DURATION:
        if (!cs_str_to_ms(value, &ms) || ms < (int64_t)def->min)
            return say_bound(wrong, "must be a time >=", def->min, " ms, for example 500ms or 5s");
        *(int64_t *)to = ms;
        return NULL;
    case CS_OPTION_CHAR:
        if (value.len > 1 || (value.len == 1 && (unsigned char)value.ptr[0] >= 0x80))
            return "must be one character";
        *(int *)to = value.len ? (unsigned char)value.ptr[0] : CS_CSV_NO_CHAR;
        return NULL;
    case CS_OPTION_SEP:
        return set_sep(value, arena, to);
    case CS_OPTION_CHOICE:
        if (!choose(def->choices, value, to)) {
            snprintf(wrong, 160, "must be one of %s", def->choices);
            return wrong;
        }
        return NULL;
    default:
        *(cs_str *)to = cs_arena_str(arena, value);
        return NULL;
    }
}

cs_code cs_option_set(const cs_option_def *def, cs_str value, cs_str origin, cs_arena *arena, cs_job *job, cs_error *err)
{
    /* Without a job the value is only checked: it goes where nobody looks. */
    union {
        cs_str text;
        uint64_t number;
    } nowhere;
    void *member = job ? (char *)job + def->offset : NULL;
    char wrong[160];
    if (value.len > CS_OPTION_BYTES_MAX && def->type != CS_OPTION_TEXT)
        return bad_value(def, value, origin, err, say_bound(wrong, "longer than", CS_OPTION_BYTES_MAX, " bytes"));
    if (def->type == CS_OPTION_PATTERN)
        return set_pattern(def, value, origin, arena, member, err);
    if (def->type == CS_OPTION_ZONE)
        return set_zone(def, value, origin, arena, member, err);
    const char *problem = convert(def, value, arena, member ? member : &nowhere, wrong);
    return problem ? bad_value(def, value, origin, err, problem) : CS_OK;
}
