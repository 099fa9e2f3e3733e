/* cstream-submit: the one command people type. Each command is a module beside this file, or another program
 * of cstream that this one becomes. */
#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/conf/cli.h"
#include "common/conf/option_table.h"
#include "coordinator/submit/look.h"
#include "coordinator/submit/print.h"
#include "coordinator/submit/programs.h"
#include "coordinator/submit/run.h"

static cs_code dispatch(const cs_cli *cli, cs_error *err);
static cs_code print_help(const cs_cli *cli, cs_error *err);
static cs_code become_preview(const cs_cli *cli, cs_error *err);
static cs_code become_checkpoint(const cs_cli *cli, cs_error *err);

int main(int argc, char **argv)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_error err = { 0 };
    cs_cli cli;
    static char version[] = "version";
    /* --version alone asks for ours; behind a command it is the version of a table. */
    if (argc == 2 && cs_str_eq(cs_str_of(argv[1]), CS_STR("--version")))
        argv[1] = version;
    cs_code code = cs_cli_parse(argc, argv, &arena, &cli, &err);
    if (code == CS_OK) {
        cs_log_level level = cli.quiet ? CS_LOG_WARN : cli.verbose > 0 ? CS_LOG_DEBUG : CS_LOG_INFO;
        cs_log_setup("submit", level, cli.log_format == 1);
        code = dispatch(&cli, &err);
    }
    cs_arena_done(&arena);
    if (code == CS_OK)
        return 0;
    if (cli.log_format == 1)
        cs_log_error(&err, cs_code_name(err.code));
    else
        cs_log_show_error(&err);
    return err.exit_status;
}

static cs_code dispatch(const cs_cli *cli, cs_error *err)
{
    if (cli->help)
        return print_help(cli, err);
    switch (cli->command) {
    case CS_COMMAND_RUN:
        return cs_run(cli, err);
    case CS_COMMAND_COUNT:
    case CS_COMMAND_HEAD:
    case CS_COMMAND_FILES:
    case CS_COMMAND_HISTORY:
        return cs_look(cli, err);
    case CS_COMMAND_PREVIEW:
        return become_preview(cli, err);
    case CS_COMMAND_CHECKPOINT:
        return become_checkpoint(cli, err);
    case CS_COMMAND_VERSION:
        puts("cstream " CSTREAM_VERSION);
        return CS_OK;
    default:
        return print_help(cli, err);
    }
}

/* `help`, `help COMMAND`, `help options`, `COMMAND --help`. */
static cs_code print_help(const cs_cli *cli, cs_error *err)
{
    cs_buf out = CS_BUF_INIT;
    char shown[128];
    cs_str topic = cli->command == CS_COMMAND_HELP && cli->n_operands > 0 ? cli->operands[0] : (cs_str){ 0 };
    bool known = topic.len == 0;
    if (cs_str_eq(topic, CS_STR("options"))) {
        known = true;
        cs_cli_option_list(&out);
    } else if (topic.len == 0 && (cli->command == CS_COMMAND_HELP || cli->command == CS_COMMAND_RUN)) {
        cs_cli_overview(&out);
        if (cli->command == CS_COMMAND_RUN) {
            cs_buf_add_char(&out, '\n');
            cs_cli_help(CS_COMMAND_RUN, &out);
        }
    } else if (topic.len == 0) {
        cs_cli_help(cli->command, &out);
    }
    for (int i = 0; i < CS_COMMAND_COUNT_ && !known; i++)
        if (cs_str_eq(topic, cs_str_of(cs_command_name((cs_command)i)))) {
            known = true;
            cs_cli_help((cs_command)i, &out);
        }
    cs_code code = known ? cs_print_out(&out, err)
                         : cs_error_set(err, CS_E_USAGE, "no command '%s'", cs_escape(shown, sizeof shown, topic));
    cs_buf_done(&out);
    return code;
}

/* cstream-worker --preview [-n N] [-o json] OPTIONS: the canonical text of the job's options. */
static cs_code become_preview(const cs_cli *cli, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_buf text = CS_BUF_INIT;
    cs_options options;
    cs_code code;
    CS_TRY_OUT(cs_job_options(cli, &arena, &options, err));
    cs_options_print(&options, &text);
    CS_TRY_OUT(cs_buf_check(&text, err));
    const char *rows = cli->rows_max < 0 ? "all" : cs_arena_printf(&arena, "%lld", (long long)cli->rows_max);
    const char *args[] = { "--preview", "--rows", rows, "--output", cli->output == CS_OUTPUT_JSON ? "json" : "table",
                           "--options", cs_arena_cstr(&arena, cs_buf_str(&text)), NULL };
    code = cs_program_exec(CS_PROGRAM_WORKER, args, err);
out:
    cs_buf_done(&text);
    cs_arena_done(&arena);
    return code;
}

static cs_code become_checkpoint(const cs_cli *cli, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    const char *args[16];
    size_t n = 0;
    args[n++] = "checkpoint";
    for (size_t i = 0; i < cli->n_operands; i++)
        args[n++] = cs_arena_cstr(&arena, cli->operands[i]);
    if (cli->include_existing >= 0)
        args[n++] = cli->include_existing ? "--include-existing-files=true" : "--include-existing-files=false";
    args[n++] = "--output";
    args[n++] = cli->output == CS_OUTPUT_JSON ? "json" : "table";
    args[n] = NULL;
    cs_code code = cs_program_exec(CS_PROGRAM_COORDINATOR, args, err);
    cs_arena_done(&arena);
    return code;
}
