/* cstream-coordinator: argv and signals. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "coordinator/checkpoint/checkpoint.h"
#include "coordinator/checkpoint_command.h"
#include "coordinator/coordinator.h"

static const char usage[] =
    "cstream-coordinator " CSTREAM_VERSION ": runs streaming jobs on its workers.\n\n"
    "  cstream-coordinator --bind-workers ENDPOINT --bind-clients ENDPOINT [--parent-fd N]\n"
    "                      [-q|-v|-vv] [--log-format text|json]\n"
    "  cstream-coordinator checkpoint show FOLDER [--output table|json]\n"
    "  cstream-coordinator checkpoint reset FOLDER --include-existing-files=false|true\n"
    "                      [--output table|json]\n"
    "  cstream-coordinator --check-checkpoint FOLDER\n\n"
    "  --bind-workers, --bind-clients\n"
    "                      tcp://127.0.0.1:PORT, or ipc:///FOLDER/NAME in a folder of mode 0700\n"
    "  --parent-fd N       end when the other end of this descriptor is closed\n"
    "  --include-existing-files\n"
    "                      read the files that are there now (again), or take them as done\n"
    "  --check-checkpoint  look for damage; ends with status 0 when there is none\n"
    "  -q, -v, -vv         fewer or more log lines\n"
    "  --log-format        text or json\n"
    "  --version, --help\n";

/* Also for a child: it is the same program. */
#define PROGRAM "/proc/self/exe"

typedef struct coordinator_args {
    cs_coordinator_config config;
    const char *check;       /* --check-checkpoint */
    int verbose;             /* -1: quiet */
    bool log_json;
    /* checkpoint show|reset */
    bool show, reset;
    cs_checkpoint_command command;
    int include_existing;    /* -1: not said */
} coordinator_args;

static cs_code parse_args(int argc, char **argv, coordinator_args *args, cs_error *err);
static cs_code run(const coordinator_args *args, cs_error *err);

int main(int argc, char **argv)
{
    coordinator_args args = { .config = { .parent_fd = -1, .program = PROGRAM },
                              .command = { .program = PROGRAM },
                              .include_existing = -1 };
    cs_error err = { 0 };
    cs_code code = parse_args(argc, argv, &args, &err);
    if (code == CS_OK)
        code = run(&args, &err);
    if (code == CS_OK)
        return 0;
    if (args.log_json)
        cs_log_error(&err, "ended");
    else
        cs_log_show_error(&err);
    return err.exit_status;
}

static cs_code bad_value(const char *flag, const char *rule, const char *value, cs_error *err)
{
    return cs_error_set(err, CS_E_USAGE, "--%s: must be %s (got \"%s\")", flag, rule, value);
}

/* One of two words: true for the second. */
static cs_code take_choice(const char *flag, const char *first, const char *second,
                           const char *value, bool *out, cs_error *err)
{
    *out = strcmp(value, second) == 0;
    if (*out || strcmp(value, first) == 0)
        return CS_OK;
    return cs_error_set(err, CS_E_USAGE, "--%s: must be %s or %s (got \"%s\")", flag, first, second,
                        value);
}

static cs_code take_arg(coordinator_args *args, int flag, const char *value, cs_error *err)
{
    uint64_t number;
    bool yes;
    switch (flag) {
    case 'w':
        args->config.workers_endpoint = value;
        return CS_OK;
    case 'c':
        args->config.clients_endpoint = value;
        return CS_OK;
    case 'f':
        if (!cs_str_to_u64(cs_str_of(value), &number) || number > INT32_MAX)
            return bad_value("parent-fd", "a descriptor", value, err);
        args->config.parent_fd = (int)number;
        return CS_OK;
    case 'k':
        args->check = value;
        return CS_OK;
    case 'i':
        CS_TRY(take_choice("include-existing-files", "false", "true", value, &yes, err));
        args->include_existing = yes;
        return CS_OK;
    case 'o':
        return take_choice("output", "table", "json", value, &args->command.json, err);
    case 'l':
        return take_choice("log-format", "text", "json", value, &args->log_json, err);
    case 'q':
        args->verbose = -1;
        return CS_OK;
    case 'v':
        args->verbose++;
        return CS_OK;
    default:
        (void)cs_error_set(err, CS_E_USAGE, "unknown flag, or a flag without its value");
        cs_error_hint(err, "cstream-coordinator --help lists the flags");
        return CS_E_USAGE;
    }
}

static cs_code take_operands(int n, char **operands, coordinator_args *args, cs_error *err)
{
    if (n == 0 && args->check == NULL &&
        (args->config.workers_endpoint == NULL || args->config.clients_endpoint == NULL))
        return cs_error_set(err, CS_E_USAGE, "--bind-workers and --bind-clients are needed");
    if (n == 0)
        return CS_OK;
    if (strcmp(operands[0], "checkpoint") != 0)
        return cs_error_set(err, CS_E_USAGE, "'%s' is not a command", operands[0]);
    args->show = n > 1 && strcmp(operands[1], "show") == 0;
    args->reset = n > 1 && strcmp(operands[1], "reset") == 0;
    if (n != 3 || (!args->show && !args->reset))
        return cs_error_set(err, CS_E_USAGE,
                            "write: checkpoint show FOLDER, or checkpoint reset FOLDER");
    args->command.folder = operands[2];
    if (args->reset && args->include_existing < 0) {
        (void)cs_error_set(err, CS_E_USAGE, "--include-existing-files is missing");
        cs_error_hint(err,
                      "false: the files that are there count as done; true: they are read (again)");
        return CS_E_USAGE;
    }
    return CS_OK;
}

static cs_code parse_args(int argc, char **argv, coordinator_args *args, cs_error *err)
{
    static const struct option flags[] = {
        { "bind-workers", required_argument, NULL, 'w' },
        { "bind-clients", required_argument, NULL, 'c' },
        { "parent-fd", required_argument, NULL, 'f' },
        { "check-checkpoint", required_argument, NULL, 'k' },
        { "include-existing-files", required_argument, NULL, 'i' },
        { "output", required_argument, NULL, 'o' },
        { "log-format", required_argument, NULL, 'l' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int flag;
    opterr = 0;
    while ((flag = getopt_long(argc, argv, "qvh", flags, NULL)) != -1) {
        if (flag == 'V' || flag == 'h') {
            fputs(flag == 'h' ? usage : "cstream " CSTREAM_VERSION "\n", stdout);
            exit(fflush(stdout) == 0 ? 0 : cs_code_exit_status(CS_E_IO));
        }
        CS_TRY(take_arg(args, flag, optarg, err));
    }
    return take_operands(argc - optind, argv + optind, args, err);
}

/* A coordinator of somebody speaks up for what goes wrong only: its parent tells the rest. */
static cs_code run(const coordinator_args *args, cs_error *err)
{
    bool quiet = args->config.parent_fd >= 0 || args->show || args->reset;
    int level = (quiet ? CS_LOG_WARN : CS_LOG_INFO) + args->verbose;
    level = level > CS_LOG_DEBUG ? CS_LOG_DEBUG : level;
    cs_log_setup("coordinator", (cs_log_level)level, args->log_json);
    if (args->check != NULL)
        return cs_kv_lmdb_check(args->check, err);
    if (args->show)
        return cs_checkpoint_show(&args->command, stdout, err);
    if (args->reset)
        return cs_checkpoint_reset_command(&args->command, args->include_existing == 1, stdout,
                                           err);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return cs_coordinator_run(&args->config, err);
}
