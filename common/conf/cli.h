/* The command line of cstream-submit: commands and flags in one table each, from which parsing, usage, help
 * and "did you mean" are made. Flags that describe the job become options of the job (option_table.h). */
#ifndef CS_COMMON_CONF_CLI_H
#define CS_COMMON_CONF_CLI_H

#include "common/conf/job.h"

/*  id                  name          what stands behind it            one sentence */
#define CS_COMMAND_TABLE(X)                                                                                     \
    X(CS_COMMAND_RUN,        "run",        "csv:FOLDER delta:FOLDER",  "stream the files of a folder into a table (the default)") \
    X(CS_COMMAND_COUNT,      "count",      "TABLE",                    "print the number of rows")                \
    X(CS_COMMAND_HEAD,       "head",       "TABLE",                    "print the first rows")                    \
    X(CS_COMMAND_FILES,      "files",      "TABLE",                    "list the live data files")                \
    X(CS_COMMAND_HISTORY,    "history",    "TABLE",                    "list the versions, newest first")         \
    X(CS_COMMAND_PREVIEW,    "preview",    "csv:FOLDER|csv:FILE",      "type the first rows of a source, show rejects with reasons") \
    X(CS_COMMAND_CHECKPOINT, "checkpoint", "show|reset FOLDER",        "which file went into which batch; start anew") \
    X(CS_COMMAND_VERSION,    "version",    "",                         "print the version")                       \
    X(CS_COMMAND_HELP,       "help",       "[COMMAND|options]",        "explain a command, or list all options")

typedef enum cs_command {
#define X(id, name, operands, help) id,
    CS_COMMAND_TABLE(X)
#undef X
    CS_COMMAND_COUNT_
} cs_command;

typedef enum cs_output { CS_OUTPUT_TABLE, CS_OUTPUT_JSON } cs_output;

#define CS_OPERANDS_MAX 4

typedef struct cs_cli {
    cs_command command;
    cs_str operands[CS_OPERANDS_MAX];
    size_t n_operands;
    cs_options options;      /* of the job, in the order said; PATH values as typed */
    cs_str master;           /* local[N], local[*] */
    int64_t rows_max;        /* -n; -1 = all */
    int64_t version;         /* --version N of a table; -1 = newest */
    cs_output output;        /* -o */
    bool quiet;
    int verbose;             /* times -v was said */
    int log_format;          /* 0 text, 1 json */
    int64_t stop_timeout_ms; /* how long a graceful stop may take */
    int64_t timeout_ms;      /* stop the run gracefully after this; 0 = never */
    int include_existing;    /* checkpoint reset: -1 not said, 0 false, 1 true */
    bool help;
} cs_cli;

/* argv as main got it. Errors: CS_E_USAGE, CS_E_UNKNOWN_OPTION, CS_E_BAD_OPTION, with a hint. */
CS_MUST_USE cs_code cs_cli_parse(int argc, char **argv, cs_arena *arena, cs_cli *out, cs_error *err);
const char *cs_command_name(cs_command command);
/* Help of one command. */
void cs_cli_help(cs_command command, cs_buf *out);
/* The page without a command: commands, flags, exit codes; and the page of all options. */
void cs_cli_overview(cs_buf *out);
void cs_cli_option_list(cs_buf *out);

#endif
