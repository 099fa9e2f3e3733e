/* cstream-worker: argv and signals. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "worker/preview.h"
#include "worker/worker.h"

static const char usage[] =
    "cstream-worker " CSTREAM_VERSION ": reads, parses and writes for a coordinator.\n\n"
    "  cstream-worker --master ENDPOINT [--name NAME] [--parent-fd N] [-q|-v|-vv]\n"
    "                 [--log-format text|json]\n"
    "  cstream-worker --preview --options TEXT [--rows N|all] [--output table|json]\n\n"
    "  --master ENDPOINT   tcp://127.0.0.1:PORT or ipc:///FOLDER/NAME of the coordinator\n"
    "  --name NAME         shown to people (default: worker-PID)\n"
    "  --parent-fd N       end when the other end of this descriptor is closed\n"
    "  --preview           type the first rows of a source and show what it would reject\n"
    "  --options TEXT      the canonical text of a job's options\n"
    "  -q, -v, -vv         fewer or more log lines\n"
    "  --log-format        text or json\n"
    "  --version, --help\n";

typedef struct worker_args {
    cs_worker_config config;
    bool preview, json;
    size_t rows_max; /* 0: all */
    const char *options;
    int verbose; /* -1: quiet */
    bool log_json;
    char name[32];
} worker_args;

static cs_code parse_args(int argc, char **argv, worker_args *args, cs_error *err);
static cs_code preview(const worker_args *args, cs_error *err);
static cs_code work(const worker_args *args, cs_error *err);

int main(int argc, char **argv)
{
    worker_args args = { .config = { .parent_fd = -1 }, .rows_max = 20 };
    cs_error err = { 0 };
    cs_code code = parse_args(argc, argv, &args, &err);
    if (code == CS_OK)
        code = args.preview ? preview(&args, &err) : work(&args, &err);
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

static cs_code take_arg(worker_args *args, int flag, const char *value, cs_error *err)
{
    uint64_t number;
    switch (flag) {
    case 'm':
        args->config.master = value;
        return CS_OK;
    case 'n':
        args->config.name = value;
        return CS_OK;
    case 'f':
        if (!cs_str_to_u64(cs_str_of(value), &number) || number > INT32_MAX)
            return bad_value("parent-fd", "a descriptor", value, err);
        args->config.parent_fd = (int)number;
        return CS_OK;
    case 'p':
        args->preview = true;
        return CS_OK;
    case 't':
        args->options = value;
        return CS_OK;
    case 'r':
        if (cs_str_eq(cs_str_of(value), CS_STR("all")))
            number = 0;
        else if (!cs_str_to_u64(cs_str_of(value), &number) || number == 0)
            return bad_value("rows", "a number above 0, or all", value, err);
        args->rows_max = number;
        return CS_OK;
    case 'o':
        args->json = cs_str_eq(cs_str_of(value), CS_STR("json"));
        return args->json || cs_str_eq(cs_str_of(value), CS_STR("table"))
                   ? CS_OK
                   : bad_value("output", "table or json", value, err);
    case 'q':
        args->verbose = -1;
        return CS_OK;
    case 'v':
        args->verbose++;
        return CS_OK;
    case 'l':
        args->log_json = cs_str_eq(cs_str_of(value), CS_STR("json"));
        return args->log_json || cs_str_eq(cs_str_of(value), CS_STR("text"))
                   ? CS_OK
                   : bad_value("log-format", "text or json", value, err);
    default:
        (void)cs_error_set(err, CS_E_USAGE, "unknown flag, or a flag without its value");
        cs_error_hint(err, "cstream-worker --help lists the flags");
        return CS_E_USAGE;
    }
}

static cs_code parse_args(int argc, char **argv, worker_args *args, cs_error *err)
{
    static const struct option flags[] = {
        { "master", required_argument, NULL, 'm' },
        { "name", required_argument, NULL, 'n' },
        { "parent-fd", required_argument, NULL, 'f' },
        { "preview", no_argument, NULL, 'p' },
        { "options", required_argument, NULL, 't' },
        { "rows", required_argument, NULL, 'r' },
        { "output", required_argument, NULL, 'o' },
        { "log-format", required_argument, NULL, 'l' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int flag;
    opterr = 0;
    while ((flag = getopt_long(argc, argv, "+qvh", flags, NULL)) != -1) {
        if (flag == 'V' || flag == 'h') {
            fputs(flag == 'h' ? usage : "cstream " CSTREAM_VERSION "\n", stdout);
            exit(fflush(stdout) == 0 ? 0 : cs_code_exit_status(CS_E_IO));
        }
        CS_TRY(take_arg(args, flag, optarg, err));
    }
    if (optind < argc)
        return cs_error_set(err, CS_E_USAGE, "'%s' is not a flag", argv[optind]);
    if (args->preview ? args->options == NULL : args->config.master == NULL)
        return cs_error_set(err, CS_E_USAGE, "--%s is missing", args->preview ? "options"
                            : "master");
    snprintf(args->name, sizeof args->name, "worker-%ld", (long)getpid());
    if (args->config.name == NULL)
        args->config.name = args->name;
    return CS_OK;
}

static cs_code preview(const worker_args *args, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_options options;
    cs_code code;
    CS_TRY_OUT(cs_options_parse(cs_str_of(args->options), &arena, &options, err));
    code = cs_preview_run(&options, args->rows_max, args->json, err);
out:
    cs_arena_done(&arena);
    return code;
}

/* Buffers as large as this go back to the system at once when they are freed: a huge record must
 * not leave its traces in the heap (and with them the worker above its memory). */
#define LARGE_BUFFER_BYTES (1 << 20)

/* A worker of somebody speaks up for what goes wrong only: its parent tells the rest. */
static cs_code work(const worker_args *args, cs_error *err)
{
    bool quiet = args->config.parent_fd >= 0;
    int level = (quiet ? CS_LOG_WARN : CS_LOG_INFO) + args->verbose;
    level = level > CS_LOG_DEBUG ? CS_LOG_DEBUG : level;
    cs_log_setup("worker", (cs_log_level)level, args->log_json);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER_BYTES); /* a refusal costs memory, nothing else */
    return cs_worker_run(&args->config, err);
}
