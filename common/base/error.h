/* Errors: every function that can fail returns a cs_code (0 is success) and, as its last argument, fills
 * a caller's cs_error (which may be NULL). Three fates only: retry the task, fail the job, bug (abort).
 * Outputs are untouched on failure. */
#ifndef CS_COMMON_BASE_ERROR_H
#define CS_COMMON_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/*  code                     name shown to people     exit status of a program that ends with it */
#define CS_CODE_TABLE(X)                                   \
    X(CS_OK,                   "OK",                    0) \
    X(CS_E_USAGE,              "USAGE",                 2) \
    X(CS_E_UNKNOWN_OPTION,     "UNKNOWN_OPTION",        2) \
    X(CS_E_BAD_OPTION,         "BAD_OPTION",            2) \
    X(CS_E_PATH_NOT_FOUND,     "PATH_NOT_FOUND",        2) \
    X(CS_E_MALFORMED_RECORD,   "MALFORMED_RECORD",     65) \
    X(CS_E_MALFORMED_FILE,     "MALFORMED_FILE",       65) \
    X(CS_E_LIMIT,              "LIMIT_EXCEEDED",       65) \
    X(CS_E_DAMAGED_LOG,        "DAMAGED_LOG",          65) \
    X(CS_E_DAMAGED_PARQUET,    "DAMAGED_PARQUET",      65) \
    X(CS_E_NO_SUCH_VERSION,    "NO_SUCH_VERSION",      65) \
    X(CS_E_NO_WORKERS,         "NO_WORKERS",           69) \
    X(CS_E_UNREACHABLE,        "UNREACHABLE",          69) \
    X(CS_E_INTERNAL,           "INTERNAL",             70) \
    X(CS_E_IO,                 "IO_ERROR",             74) \
    X(CS_E_DISK_FULL,          "DISK_FULL",            74) \
    X(CS_E_PERMISSION,         "PERMISSION_DENIED",    74) \
    X(CS_E_MISSING_FILE,       "MISSING_FILE",         74) \
    X(CS_E_NOMEM,              "OUT_OF_MEMORY",        74) \
    X(CS_E_DAMAGED_CHECKPOINT, "DAMAGED_CHECKPOINT",   74) \
    X(CS_E_CHECKPOINT_IN_USE,  "CHECKPOINT_IN_USE",    75) \
    X(CS_E_CONTENTION,         "CONTENTION",           75) \
    X(CS_E_CONFLICT,           "CONFLICT",             75) \
    X(CS_E_BAD_SCHEMA,         "BAD_SCHEMA",           78) \
    X(CS_E_SCHEMA_MISMATCH,    "SCHEMA_MISMATCH",      78) \
    X(CS_E_BAD_CONFIG,         "BAD_CONFIG",           78) \
    X(CS_E_UNSUPPORTED,        "UNSUPPORTED_FEATURE",  78) \
    X(CS_E_TABLE_REPLACED,     "TABLE_REPLACED",       78) \
    X(CS_E_CHECKPOINT_MISMATCH,"CHECKPOINT_MISMATCH",  78) \
    X(CS_E_SOURCE_CHANGED,     "SOURCE_CHANGED",        1) \
    X(CS_E_QUERY_FAILED,       "QUERY_FAILED",          1) \
    X(CS_E_CANCELLED,          "CANCELLED",           130) \
    /* for callers inside the program, never shown: */     \
    X(CS_E_EXISTS,             "EXISTS",               70) \
    X(CS_E_NOT_FOUND,          "NOT_FOUND",            70) \
    X(CS_E_AGAIN,              "AGAIN",                70) \
    X(CS_E_PROTOCOL,           "PROTOCOL",             70)

typedef enum cs_code {
#define X(code, name, exit_status) code,
    CS_CODE_TABLE(X)
#undef X
    CS_CODE_COUNT
} cs_code;

typedef struct cs_error {
    cs_code code;
    bool retriable;     /* the same task may succeed on another attempt */
    int sys_errno;      /* 0 when the system had no part in it */
    int exit_status;    /* by the table unless the setter knew better (an unknown option in a file: 78) */
    char message[1024]; /* what failed, on which object, with the numbers; one line, already escaped */
    char place[1024];   /* file:line:column, or empty */
    char hint[512];     /* what to do, or empty */
} cs_error;

#define CS_MUST_USE __attribute__((warn_unused_result))
#define CS_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Fill err (if not NULL) and return code. Place and hint are emptied, retriable is false. The texts are
 * escaped (cs_escape) and cut here; the arguments may point into err->message. */
cs_code cs_error_set(cs_error *err, cs_code code, const char *format, ...) CS_PRINTF(3, 4);

/* From errno: chooses DISK_FULL, PERMISSION, MISSING_FILE, NOMEM or IO; appends ": <errno text>". */
cs_code cs_error_sys(cs_error *err, int sys_errno, const char *format, ...) CS_PRINTF(3, 4);

void cs_error_place(cs_error *err, const char *format, ...) CS_PRINTF(2, 3);
void cs_error_hint(cs_error *err, const char *format, ...) CS_PRINTF(2, 3);
void cs_error_retriable(cs_error *err);
void cs_error_clear(cs_error *err);

const char *cs_code_name(cs_code code);
/* CS_E_INTERNAL for a name that is none. */
cs_code cs_code_from_name(const char *name);
int cs_code_exit_status(cs_code code);

/* CS_TRY before anything is acquired; CS_TRY_OUT with one label `out:` and a variable `code` after. */
#define CS_TRY(call)                          \
    do {                                      \
        cs_code cs_try_code_ = (call);        \
        if (cs_try_code_ != CS_OK)            \
            return cs_try_code_;              \
    } while (0)
#define CS_TRY_OUT(call)                      \
    do {                                      \
        code = (call);                        \
        if (code != CS_OK)                    \
            goto out;                         \
    } while (0)

#endif
