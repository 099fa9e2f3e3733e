#include "coordinator/submit/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/wire/message.h"
#include "common/wire/net.h"
#include "coordinator/submit/local_cluster.h"
#include "coordinator/submit/progress.h"

typedef struct run_client {
    const cs_cli *cli;
    cs_job job;
    cs_clock *clock;
    cs_net *net;
    cs_socket *socket;
    cs_local_cluster *cluster;
    cs_progress *progress;
    unsigned workers;
    const char *log_args[8];  /* for workers that are started again, too */
    int signal_fd;
    cs_arena message_arena;
    char job_id[64];          /* from Submitted, to name the job in Stop */
    size_t job_id_len;
    int signals;              /* SIGINT and SIGTERM so far */
    int64_t stop_by_ms;       /* after the first: when patience ends; -1 */
    int64_t timeout_at_ms;    /* --timeout; -1 */
    bool ended;
} run_client;

static cs_code client_open(run_client *client, const cs_options *options, cs_error *err);
static cs_code client_loop(run_client *client, cs_error *err);
static cs_code submit(run_client *client, const cs_options *options, cs_error *err);
static cs_code take_messages(run_client *client, cs_error *err);
static cs_code take_signals(run_client *client, cs_error *err);
static cs_code ask_to_stop(run_client *client, bool now, cs_error *err);

cs_code cs_run(const cs_cli *cli, cs_error *err)
{
    cs_code code;
    cs_options options;
    cs_arena arena = CS_ARENA_INIT;
    run_client client = { .cli = cli, .clock = cs_clock_system(), .signal_fd = -1, .stop_by_ms = -1, .timeout_at_ms = -1 };
    CS_TRY_OUT(cs_job_options(cli, &arena, &options, err));
    CS_TRY_OUT(cs_job_parse(&options, &arena, &client.job, err));
    CS_TRY_OUT(cs_job_check_paths(&client.job, err));
    CS_TRY_OUT(client_open(&client, &options, err));
    code = client_loop(&client, err);
out:
    if (client.progress)
        cs_progress_break(client.progress);
    cs_socket_close(client.socket);
    cs_local_stop(client.cluster, code != CS_OK && client.signals > 1);
    if (client.net)
        cs_net_free(client.net);
    if (client.signal_fd >= 0)
        close(client.signal_fd);
    cs_progress_free(client.progress);
    cs_arena_done(&client.message_arena);
    cs_arena_done(&arena);
    return code;
}

static cs_code client_open(run_client *client, const cs_options *options, cs_error *err)
{
    static const char *const levels[] = { "-q", "-v", "-vv" };
    const char **log_args = client->log_args;
    size_t n = 0;
    sigset_t mask;
    if (client->cli->quiet || client->cli->verbose)
        log_args[n++] = levels[client->cli->quiet ? 0 : client->cli->verbose > 1 ? 2 : 1];
    if (client->cli->log_format == 1) {
        log_args[n++] = "--log-format";
        log_args[n++] = "json";
    }
    log_args[n] = NULL;
    CS_TRY(cs_local_parse(client->cli->master, &client->workers, err));
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    client->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (client->signal_fd < 0)
        return cs_error_sys(err, errno, "signalfd");
    client->progress = cs_progress_new(client->clock, &client->job, client->cli->quiet,
                                       client->cli->log_format == 1);
    if (client->cli->timeout_ms > 0)
        client->timeout_at_ms = cs_clock_mono_ms(client->clock) + client->cli->timeout_ms;
    CS_TRY(cs_local_start(client->workers, log_args, client->clock, &client->cluster, err));
    client->net = cs_net_new();
    CS_TRY(cs_socket_connect_dealer(client->net, cs_local_client_endpoint(client->cluster), cs_rng_system(), &client->socket, err));
    return submit(client, options, err);
}

static cs_code send_message(run_client *client, const Cs__FromClient *message, cs_error *err)
{
    cs_buf bytes = CS_BUF_INIT;
    cs_code code;
    CS_TRY_OUT(cs_wire_pack_from_client(message, &bytes, err));
    CS_TRY_OUT(cs_socket_send(client->socket, NULL, cs_buf_str(&bytes), err));
out:
    cs_buf_done(&bytes);
    return code;
}

static cs_code submit(run_client *client, const cs_options *options, cs_error *err)
{
    Cs__Submit body = CS__SUBMIT__INIT;
    Cs__FromClient message = CS__FROM_CLIENT__INIT;
    cs_arena_reset(&client->message_arena);
    body.version = (char *)CSTREAM_VERSION; /* packing does not write to it */
    body.n_options = options->count;
    body.options = cs_arena_array(&client->message_arena, Cs__Option *, options->count);
    for (size_t i = 0; i < options->count; i++) {
        const cs_option *option = &options->items[i];
        Cs__Option *copy = cs_arena_new(&client->message_arena, Cs__Option);
        cs__option__init(copy);
        copy->scope = option->scope;
        copy->key = cs_wire_bytes(option->key);
        copy->value = cs_wire_bytes(option->value);
        copy->origin = cs_wire_bytes(option->origin);
        body.options[i] = copy;
    }
    message.body_case = CS__FROM_CLIENT__BODY_SUBMIT;
    message.submit = &body;
    return send_message(client, &message, err);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static cs_code client_loop(run_client *client, cs_error *err)
{
    while (!client->ended) {
        int64_t now = cs_clock_mono_ms(client->clock);
        int64_t due = sooner(sooner(cs_local_due_ms(client->cluster), client->stop_by_ms), client->timeout_at_ms);
        cs_poll_item items[] = { { client->socket, -1, false }, { NULL, client->signal_fd, false } };
        CS_TRY(cs_net_poll(items, 2, due < 0 ? -1 : due > now ? due - now : 0, err));
        CS_TRY(take_messages(client, err));
        if (client->ended)
            break;
        CS_TRY(take_signals(client, err));
        CS_TRY(cs_local_tend(client->cluster, err));
        now = cs_clock_mono_ms(client->clock);
        if (client->timeout_at_ms >= 0 && now >= client->timeout_at_ms) {
            client->timeout_at_ms = -1;
            CS_TRY(ask_to_stop(client, false, err));
        }
        if (client->stop_by_ms >= 0 && now >= client->stop_by_ms) {
            client->signals = 2;
            cs_error_set(err, CS_E_CANCELLED, "the running batch did not end within the stop timeout of %lld ms",
                         (long long)client->cli->stop_timeout_ms);
            cs_error_hint(err, "start the same command again: it goes on where it stopped");
            return CS_E_CANCELLED;
        }
    }
    return CS_OK;
}

static cs_code take_event(run_client *client, const Cs__Event *event, cs_error *err)
{
    switch (event->body_case) {
    case CS__EVENT__BODY_SUBMITTED:
        client->job_id_len = event->job.len < sizeof client->job_id ? event->job.len : sizeof client->job_id;
        memcpy(client->job_id, event->job.data, client->job_id_len);
        cs_progress_started(client->progress, event->submitted, client->workers);
        if (client->signals > 0)
            return ask_to_stop(client, false, err);
        return CS_OK;
    case CS__EVENT__BODY_PROGRESS:
        cs_progress_batch(client->progress, event->progress);
        return CS_OK;
    case CS__EVENT__BODY_NOTICE:
        cs_progress_notice(client->progress, (cs_log_level)event->notice->level, cs_wire_str(event->notice->text));
        return CS_OK;
    case CS__EVENT__BODY_END:
        client->ended = true;
        if (event->end->error) {
            cs_error end;
            cs_code code = cs_wire_error_read(event->end->error, &end);
            if (err)
                *err = end;
            return code;
        }
        cs_progress_end(client->progress);
        return CS_OK;
    default:
        return CS_OK;
    }
}

static cs_code take_messages(run_client *client, cs_error *err)
{
    cs_str bytes;
    while (!client->ended && cs_socket_receive(client->socket, NULL, &bytes)) {
        Cs__ToClient *message;
        cs_error drop;
        cs_arena_reset(&client->message_arena);
        if (cs_wire_unpack_to_client(bytes, &client->message_arena, &message, &drop) != CS_OK) {
            cs_log_error(&drop, "message of the coordinator");
            continue;
        }
        if (message->body_case == CS__TO_CLIENT__BODY_REFUSED) {
            cs_error refused;
            cs_code code = cs_wire_error_read(message->refused, &refused);
            if (err)
                *err = refused;
            return code;
        }
        if (message->body_case == CS__TO_CLIENT__BODY_EVENT)
            CS_TRY(take_event(client, message->event, err));
    }
    return CS_OK;
}

static cs_code take_signals(run_client *client, cs_error *err)
{
    struct signalfd_siginfo info;
    while (read(client->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (++client->signals > 1) {
            cs_error_set(err, CS_E_CANCELLED, "stopped at once");
            cs_error_hint(err, "start the same command again: it goes on where it stopped");
            return CS_E_CANCELLED;
        }
        cs_progress_stopping(client->progress);
        client->stop_by_ms = cs_clock_mono_ms(client->clock) + client->cli->stop_timeout_ms;
        if (client->job_id_len > 0)
            CS_TRY(ask_to_stop(client, false, err));
    }
    return CS_OK;
}

static cs_code ask_to_stop(run_client *client, bool now, cs_error *err)
{
    Cs__Stop body = CS__STOP__INIT;
    Cs__FromClient message = CS__FROM_CLIENT__INIT;
    body.job = cs_wire_bytes((cs_str){ client->job_id, client->job_id_len });
    body.now = now;
    message.body_case = CS__FROM_CLIENT__BODY_STOP;
    message.stop = &body;
    return send_message(client, &message, err);
}
