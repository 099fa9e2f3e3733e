/* Parsing of argv by the flag table. A flag is long (`--name value`, `--name=value`), maybe short (`-n 5`,
 * `-n5`), and valid for the commands in its mask; Spark's camelCase spelling of a long name is the same flag. */
#include "common/conf/cli.h"

#include <stdio.h>

#include "common/base/limits.h"
#include "common/conf/option_table.h"

typedef enum flag_kind {
    FLAG_JOB,     /* becomes the JOB option of that name */
    FLAG_PAIR,    /* k=v of the scope */
    FLAG_SWITCH,  /* bool or counter, no value */
    FLAG_TEXT,
    FLAG_ROWS,    /* a count or `all` */
    FLAG_NUMBER,
    FLAG_TIME,
    FLAG_CHOICE
} flag_kind;

#define ON(command) (1u << (command))
#define RUN ON(CS_COMMAND_RUN)
#define PREVIEW ON(CS_COMMAND_PREVIEW)
#define READS (ON(CS_COMMAND_COUNT) | ON(CS_COMMAND_HEAD) | ON(CS_COMMAND_FILES) | ON(CS_COMMAND_HISTORY))
#define LISTS (ON(CS_COMMAND_HEAD) | ON(CS_COMMAND_FILES) | ON(CS_COMMAND_HISTORY) | PREVIEW)
#define CHECKPOINT ON(CS_COMMAND_CHECKPOINT)
#define ALL (~0u)

typedef struct flag_def {
    char short_name; /* 0 = none */
    const char *name;
    const char *camel; /* Spark's spelling, or NULL */
    flag_kind kind;
    cs_option_scope scope; /* FLAG_PAIR */
    unsigned commands;
    size_t offset;         /* in cs_cli */
    const char *argument;  /* as shown in help; CHOICE: "a|b" */
    const char *help;      /* FLAG_JOB: NULL, the option table has it */
} flag_def;

#define AT(member) offsetof(cs_cli, member)
static const flag_def flags[] = {
    { 0, "master", NULL, FLAG_TEXT, 0, RUN, AT(master), "local[N]", "N workers on this machine; local[*]: one a core (default)" },
    { 0, "name", NULL, FLAG_JOB, 0, RUN, 0, "NAME", NULL },
    { 0, "schema", NULL, FLAG_JOB, 0, RUN | PREVIEW, 0, "DDL|JSON|@FILE", NULL },
    { 'r', "read-option", NULL, FLAG_PAIR, CS_SCOPE_READ, RUN | PREVIEW, 0, "KEY=VALUE", "option of the source, for example header=true" },
    { 'w', "write-option", NULL, FLAG_PAIR, CS_SCOPE_WRITE, RUN, 0, "KEY=VALUE", "option of the table, for example compression=zstd" },
    { 0, "conf", NULL, FLAG_PAIR, CS_SCOPE_CONF, RUN | PREVIEW, 0, "KEY=VALUE", "setting of the engine, for example cstream.lease=5s" },
    { 0, "checkpoint-location", "checkpointLocation", FLAG_JOB, 0, RUN, 0, "FOLDER", NULL },
    { 0, "trigger", NULL, FLAG_JOB, 0, RUN, 0, "TRIGGER", NULL },
    { 0, "output-mode", "outputMode", FLAG_JOB, 0, RUN, 0, "append", NULL },
    { 0, "partition-by", "partitionBy", FLAG_JOB, 0, RUN, 0, "COLUMNS", NULL },
    { 0, "replan", NULL, FLAG_JOB, 0, RUN, 0, NULL, NULL },
    { 0, "stop-timeout", "stopTimeout", FLAG_TIME, 0, RUN, AT(stop_timeout_ms), "TIME", "how long the running batch may take after the first Ctrl-C (30s)" },
    { 0, "timeout", NULL, FLAG_TIME, 0, RUN, AT(timeout_ms), "TIME", "stop gracefully after this time" },
    { 'n', "rows", NULL, FLAG_ROWS, 0, LISTS, AT(rows_max), "N|all", "how many rows (20; files: all)" },
    { 'o', "output", NULL, FLAG_CHOICE, 0, READS | PREVIEW | CHECKPOINT, AT(output), "table|json", "for people, or one JSON object a line" },
    { 0, "version", NULL, FLAG_NUMBER, 0, READS, AT(version), "N", "the table as it was at version N" },
    { 0, "include-existing-files", "includeExistingFiles", FLAG_CHOICE, 0, CHECKPOINT, AT(include_existing), "false|true",
      "reset: read the files that are there now (again), or take them as done" },
    { 'q', "quiet", NULL, FLAG_SWITCH, 0, ALL, AT(quiet), NULL, "only warnings and errors" },
    { 'v', "verbose", NULL, FLAG_SWITCH, 0, ALL, AT(verbose), NULL, "more log lines; -vv for all" },
    { 0, "log-format", "logFormat", FLAG_CHOICE, 0, ALL, AT(log_format), "text|json", "form of the log lines" },
    { 'h', "help", NULL, FLAG_SWITCH, 0, ALL, AT(help), NULL, "this text" },
};
#define N_FLAGS (sizeof flags / sizeof flags[0])

typedef struct command_def {
    const char *name, *operands, *help;
} command_def;
static const command_def commands[] = {
#define X(id, name, operands, help) { name, operands, help },
    CS_COMMAND_TABLE(X)
#undef X
};

typedef struct cli_parser {
    cs_cli *cli;
    cs_arena *arena;
    cs_option *options;
    size_t n_options;
    int argc;
    char **argv;
    int at; /* the next word */
    cs_error *err;
} cli_parser;

static cs_code take_long(cli_parser *parser, cs_str word);
static cs_code take_short(cli_parser *parser, cs_str word);
static cs_code take_flag(cli_parser *parser, const flag_def *flag, cs_str said, cs_str value);
static const flag_def *find_long(cs_str name);
static const flag_def *find_short(char name);
static cs_code unknown_flag(cs_str said, cs_error *err);
static cs_code unknown_command(cs_str said, cs_error *err);
static void find_command(int argc, char **argv, cs_cli *cli);

cs_code cs_cli_parse(int argc, char **argv, cs_arena *arena, cs_cli *out, cs_error *err)
{
    cs_cli cli = { .master = CS_STR("local[*]"), .rows_max = 20, .version = -1, .stop_timeout_ms = 30000, .include_existing = -1 };
    cli_parser parser = { &cli, arena, cs_arena_array(arena, cs_option, CS_OPTIONS_MAX), 0, argc, argv, 1, err };
    bool flags_end = false, command_taken = false;
    find_command(argc, argv, &cli);
    if (cli.command == CS_COMMAND_FILES)
        cli.rows_max = -1;
    while (parser.at < argc) {
        cs_str word = cs_str_of(argv[parser.at++]);
        if (!flags_end && cs_str_eq(word, CS_STR("--"))) {
            flags_end = true;
        } else if (!flags_end && word.len > 2 && word.ptr[0] == '-' && word.ptr[1] == '-') {
            CS_TRY(take_long(&parser, word));
        } else if (!flags_end && word.len > 1 && word.ptr[0] == '-') {
            CS_TRY(take_short(&parser, word));
        } else if (!flags_end && !command_taken && cs_str_eq(word, cs_str_of(commands[cli.command].name))) {
            command_taken = true;
        } else {
            if (cli.n_operands == CS_OPERANDS_MAX)
                return cs_error_set(err, CS_E_USAGE, "too many operands for %s", commands[cli.command].name);
            cli.operands[cli.n_operands++] = word;
        }
    }
    /* A lone word that cannot be a source is a mistyped command. */
    if (cli.command == CS_COMMAND_RUN && !command_taken && cli.n_operands == 1 &&
        !memchr(cli.operands[0].ptr, ':', cli.operands[0].len) &&
        !memchr(cli.operands[0].ptr, '/', cli.operands[0].len))
        return unknown_command(cli.operands[0], err);
    cli.options = (cs_options){ parser.options, parser.n_options };
    *out = cli;
    return CS_OK;
}

static cs_code next_value(cli_parser *parser, const flag_def *flag, cs_str *value)
{
    if (parser->at == parser->argc)
        return cs_error_set(parser->err, CS_E_USAGE, "--%s needs a value: %s", flag->name, flag->argument);
    *value = cs_str_of(parser->argv[parser->at++]);
    return CS_OK;
}

/* --name value, --name=value, --switch */
static cs_code take_long(cli_parser *parser, cs_str word)
{
    const char *equals = memchr(word.ptr, '=', word.len);
    cs_str name = { word.ptr + 2, (size_t)((equals ? equals : word.ptr + word.len) - word.ptr - 2) };
    const flag_def *flag = find_long(name);
    cs_str value = CS_STR("true");
    if (!flag)
        return unknown_flag((cs_str){ word.ptr, name.len + 2 }, parser->err);
    if (!flag->argument && equals)
        return cs_error_set(parser->err, CS_E_USAGE, "--%s takes no value", flag->name);
    if (equals)
        value = (cs_str){ equals + 1, (size_t)(word.ptr + word.len - equals - 1) };
    else if (flag->argument)
        CS_TRY(next_value(parser, flag, &value));
    return take_flag(parser, flag, (cs_str){ word.ptr, name.len + 2 }, value);
}

/* -n 5, -n5, -q, -vv, -qn5 */
static cs_code take_short(cli_parser *parser, cs_str word)
{
    for (size_t i = 1; i < word.len; i++) {
        const flag_def *flag = find_short(word.ptr[i]);
        cs_str said = { word.ptr, 2 };
        cs_str value = { word.ptr + i + 1, word.len - i - 1 };
        if (!flag)
            return unknown_flag(word, parser->err);
        if (!flag->argument) {
            CS_TRY(take_flag(parser, flag, said, CS_STR("true")));
            continue;
        }
        if (value.len == 0)
            CS_TRY(next_value(parser, flag, &value));
        return take_flag(parser, flag, said, value);
    }
    return CS_OK;
}

const char *cs_command_name(cs_command command)
{
    return commands[command].name;
}

/* The command is the first word that is no flag and no flag's value, if it names one; else `run`. */
static void find_command(int argc, char **argv, cs_cli *cli)
{
    cli->command = CS_COMMAND_RUN;
    for (int i = 1; i < argc; i++) {
        cs_str word = cs_str_of(argv[i]);
        if (cs_str_eq(word, CS_STR("--")))
            return;
        if (word.len > 1 && word.ptr[0] == '-') {
            bool is_long = word.ptr[1] == '-';
            const flag_def *flag = is_long ? find_long((cs_str){ word.ptr + 2, word.len - 2 })
                                           : word.len == 2 ? find_short(word.ptr[1]) : NULL;
            if (flag && flag->argument)
                i++;
            continue;
        }
        for (int k = 0; k < CS_COMMAND_COUNT_; k++)
            if (cs_str_eq(word, cs_str_of(commands[k].name)))
                cli->command = (cs_command)k;
        return;
    }
}

static const flag_def *find_long(cs_str name)
{
    for (size_t i = 0; i < N_FLAGS; i++)
        if (cs_str_eq(name, cs_str_of(flags[i].name)) || (flags[i].camel && cs_str_eq(name, cs_str_of(flags[i].camel))))
            return &flags[i];
    return NULL;
}

static const flag_def *find_short(char name)
{
    for (size_t i = 0; i < N_FLAGS; i++)
        if (flags[i].short_name && flags[i].short_name == name)
            return &flags[i];
    return NULL;
}

static cs_code unknown_flag(cs_str said, cs_error *err)
{
    char shown[128];
    const char *nearest = NULL;
    size_t most = said.len / 3;
    cs_str name = { said.ptr + (said.len > 2 ? 2 : 1), said.len - (said.len > 2 ? 2 : 1) };
    for (size_t i = 0; i < N_FLAGS && said.len > 2; i++) {
        size_t distance = cs_str_distance(name, cs_str_of(flags[i].name), most);
        if (distance <= most) {
            nearest = flags[i].name;
            most = distance ? distance - 1 : 0;
        }
    }
    cs_error_set(err, CS_E_UNKNOWN_OPTION, "unknown flag '%s'", cs_escape(shown, sizeof shown, said));
    if (nearest)
        cs_error_hint(err, "did you mean '--%s'?", nearest);
    else
        cs_error_hint(err, "cstream-submit --help lists the flags");
    return CS_E_UNKNOWN_OPTION;
}

static cs_code unknown_command(cs_str said, cs_error *err)
{
    char shown[128];
    const char *nearest = NULL;
    size_t most = said.len / 3 + 1;
    for (int i = 0; i < CS_COMMAND_COUNT_; i++) {
        size_t distance = cs_str_distance(said, cs_str_of(commands[i].name), most);
        if (distance <= most) {
            nearest = commands[i].name;
            most = distance ? distance - 1 : 0;
        }
    }
    cs_error_set(err, CS_E_USAGE, "no command '%s'", cs_escape(shown, sizeof shown, said));
    if (nearest)
        cs_error_hint(err, "did you mean '%s'?", nearest);
    else
        cs_error_hint(err, "cstream-submit help lists the commands");
    return CS_E_USAGE;
}

static cs_code bad_flag_value(const flag_def *flag, cs_str value, cs_error *err)
{
    char shown[128];
    return cs_error_set(err, CS_E_BAD_OPTION, "--%s: must be %s (got \"%s\")", flag->name, flag->argument,
                        cs_escape(shown, sizeof shown, value));
}

static cs_code add_option(cli_parser *parser, cs_option_scope scope, cs_str key, cs_str value, cs_str said)
{
    if (parser->n_options == CS_OPTIONS_MAX)
        return cs_error_set(parser->err, CS_E_LIMIT, "more than %u options", CS_OPTIONS_MAX);
    char shown[128];
    cs_str origin = cs_str_of(cs_arena_printf(parser->arena, "flag %s", cs_escape(shown, sizeof shown, said)));
    parser->options[parser->n_options++] = (cs_option){ scope, key, value, origin };
    return CS_OK;
}

static cs_code take_flag(cli_parser *parser, const flag_def *flag, cs_str said, cs_str value)
{
    cs_cli *cli = parser->cli;
    char *member = (char *)cli + flag->offset;
    if (!(flag->commands & ON(cli->command)))
        return cs_error_set(parser->err, CS_E_USAGE, "--%s is not for %s", flag->name, commands[cli->command].name);
    switch (flag->kind) {
    case FLAG_JOB:
        return add_option(parser, CS_SCOPE_JOB, cs_str_of(flag->name), value, said);
    case FLAG_PAIR: {
        cs_str key;
        if (!memchr(value.ptr, '=', value.len) || !cs_str_split(&value, '=', &key) || key.len == 0)
            return bad_flag_value(flag, value, parser->err);
        return add_option(parser, flag->scope, key, value, said);
    }
    case FLAG_SWITCH:
        if (flag->offset == AT(verbose))
            cli->verbose++;
        else
            *(bool *)member = true;
        return CS_OK;
    case FLAG_TEXT:
        *(cs_str *)member = value;
        return CS_OK;
    case FLAG_ROWS:
    case FLAG_NUMBER:
        if (flag->kind == FLAG_ROWS && cs_str_eq(value, CS_STR("all")))
            *(int64_t *)member = -1;
        else if (!cs_str_to_i64(value, (int64_t *)member) || *(int64_t *)member < 0)
            return bad_flag_value(flag, value, parser->err);
        return CS_OK;
    case FLAG_TIME:
        if (!cs_str_to_ms(value, (int64_t *)member))
            return bad_flag_value(flag, value, parser->err);
        return CS_OK;
    case FLAG_CHOICE: {
        cs_str rest = cs_str_of(flag->argument), choice;
        for (int i = 0; cs_str_split(&rest, '|', &choice); i++)
            if (cs_str_eq_nocase(choice, value)) {
                *(int *)member = i;
                return CS_OK;
            }
        return bad_flag_value(flag, value, parser->err);
    }
    }
    return cs_error_set(parser->err, CS_E_INTERNAL, "flag %s has no kind", flag->name);
}

static void print_flag(const flag_def *flag, cs_buf *out)
{
    char left[64];
    const char *help = flag->help;
    if (flag->kind == FLAG_JOB) {
        const cs_option_def *def = cs_option_find(CS_SCOPE_JOB, cs_str_of(flag->name));
        if (def->when == CS_OPTION_LATER)
            return;
        help = def->help;
    }
    snprintf(left, sizeof left, "  %c%c%c --%s %s", flag->short_name ? '-' : ' ', flag->short_name ? flag->short_name : ' ',
             flag->short_name ? ',' : ' ', flag->name, flag->argument ? flag->argument : "");
    cs_buf_printf(out, "%-38s %s\n", left, help);
}

void cs_cli_help(cs_command command, cs_buf *out)
{
    const command_def *def = &commands[command];
    cs_buf_printf(out, "cstream-submit %s%s%s: %s\n\nFlags:\n", def->name, def->operands[0] ? " " : "", def->operands, def->help);
    for (size_t i = 0; i < N_FLAGS; i++)
        if (flags[i].commands & ON(command))
            print_flag(&flags[i], out);
    if (command == CS_COMMAND_RUN || command == CS_COMMAND_PREVIEW)
        cs_buf_add_cstr(out, "\nThe keys of -r, -w and --conf: cstream-submit help options\n");
}

void cs_cli_overview(cs_buf *out)
{
    cs_buf_add_cstr(out, "cstream " CSTREAM_VERSION ": files that land in a folder become a Delta table, exactly once.\n\n"
                         "  cstream-submit --schema 'id BIGINT, name STRING' -r header=true \\\n"
                         "      --checkpoint-location /chk csv:/in delta:/table\n\nCommands:\n");
    for (int i = 0; i < CS_COMMAND_COUNT_; i++)
        cs_buf_printf(out, "  %-11s %-24s %s\n", commands[i].name, commands[i].operands, commands[i].help);
    cs_buf_add_cstr(out, "\ncstream-submit help COMMAND shows the flags of a command, help options the keys of -r, -w, --conf.\n\n"
                         "Exit: 0 finished or stopped, 1 query failed, 2 usage, 65 bad data, 69 no coordinator or workers,\n"
                         "      70 internal error, 74 input/output error, 75 in use or contended, 78 bad configuration,\n"
                         "      130 aborted by a second Ctrl-C (resumable)\n");
}

void cs_cli_option_list(cs_buf *out)
{
    static const char *const titles[] = { NULL, "Options of the source (-r KEY=VALUE)", "Options of the table (-w KEY=VALUE)",
                                          "Settings of the engine (--conf KEY=VALUE)" };
    for (cs_option_scope scope = CS_SCOPE_READ; scope <= CS_SCOPE_CONF; scope++) {
        cs_buf_printf(out, "%s%s:\n", scope == CS_SCOPE_READ ? "" : "\n", titles[scope]);
        for (size_t i = 0; i < cs_option_table_count; i++) {
            const cs_option_def *def = &cs_option_table[i];
            if (def->scope != scope || def->when != CS_OPTION_NOW)
                continue;
            cs_buf_printf(out, "  %-26s %s", def->key, def->help);
            if (def->choices)
                cs_buf_printf(out, "; %s", def->choices);
            if (def->default_text[0])
                cs_buf_printf(out, " [%s]", def->default_text);
            cs_buf_add_char(out, '\n');
        }
    }
}
