/* The one table of all options: parser, help, errors, man pages and completion are made from it, so they
 * cannot drift. An option of scope READ, WRITE or CONF is said as `-r k=v`, `-w k=v`, `--conf k=v`; JOB and
 * CLI options are flags of their own. */
#ifndef CS_COMMON_CONF_OPTION_TABLE_H
#define CS_COMMON_CONF_OPTION_TABLE_H

#include "common/conf/job.h"

typedef enum cs_option_type {
    CS_OPTION_TEXT,     /* cs_str */
    CS_OPTION_PATH,     /* cs_str, absolute in a job */
    CS_OPTION_BOOL,     /* bool: true or false, any case */
    CS_OPTION_COUNT,    /* uint32_t >= min */
    CS_OPTION_SIZE,     /* uint64_t bytes: 10, 10k, 16MiB */
    CS_OPTION_DURATION, /* int64_t milliseconds: 500ms, 5 seconds */
    CS_OPTION_CHAR,     /* int: one byte, empty = CS_CSV_NO_CHAR */
    CS_OPTION_SEP,      /* cs_str with \t and friends undone */
    CS_OPTION_CHOICE,   /* int: index in choices, any case */
    CS_OPTION_MAYBE,    /* cs_csv_maybe: true or false, any case; the default is neither */
    CS_OPTION_PATTERN,  /* const cs_time_pattern *, compiled */
    CS_OPTION_ZONE      /* cs_str, a time zone of tzdata */
} cs_option_type;

typedef enum cs_option_when {
    CS_OPTION_NOW,
    CS_OPTION_LATER,    /* known, refused by name until it works */
    CS_OPTION_NO_EFFECT /* accepted because it means nothing here; the value is checked */
} cs_option_when;

typedef struct cs_option_def {
    cs_option_scope scope;
    cs_option_when when;
    cs_option_type type;
    const char *key;          /* Spark's name where Spark has one; matched in any case */
    const char *alias;        /* second name, or NULL */
    const char *default_text; /* as a user would write it */
    const char *choices;      /* CHOICE: "a|b|c" */
    uint64_t min;
    size_t offset;            /* of the member in cs_job */
    const char *help;         /* one sentence; LATER: what to do instead */
} cs_option_def;

extern const cs_option_def cs_option_table[];
extern const size_t cs_option_table_count;

const cs_option_def *cs_option_find(cs_option_scope scope, cs_str key);
/* Name of the nearest option of that scope, or NULL when none is near. */
const char *cs_option_nearest(cs_option_scope scope, cs_str key);
/* "csv" for READ, "delta" for WRITE … : the word before the dot in messages. */
const char *cs_option_scope_name(cs_option_scope scope);
/* Converts value and stores it in job (or only checks it when job is NULL). */
CS_MUST_USE cs_code cs_option_set(const cs_option_def *def, cs_str value, cs_str origin, cs_arena *arena, cs_job *job,
                                  cs_error *err);

#endif
