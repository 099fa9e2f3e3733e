#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "worker/compute.h"
#include "worker/session.h"

#define ABORTED_STATUS 130

typedef struct cs_worker {
    const cs_worker_config *config;
    cs_clock *clock;
    cs_net *net;
    cs_socket *socket;
    int signal_fd;
    cs_compute *compute;
    cs_session session;
    cs_session_actions actions;
    cs_arena arena;      /* of one message; of the task's, until it is handed on */
    cs_arena send_arena;
    cs_buf out;
    cs_buf answer;       /* of the task that ended, until it is confirmed */
    uint64_t bad_messages;
    bool running;        /* the compute thread has a task */
    bool stopping, ended;
    cs_error end_error;
} cs_worker;

static cs_code open_all(cs_worker *worker, cs_error *err);
static void close_all(cs_worker *worker, cs_code code);
static cs_code wait_for_input(cs_worker *worker, cs_error *err);
static void take_messages(cs_worker *worker);
static void take_answer(cs_worker *worker);
static void take_signals(cs_worker *worker);
static void look_at_parent(cs_worker *worker);
static void step(cs_worker *worker, const cs_session_event *event, const Cs__Task *task);

cs_code cs_worker_run(const cs_worker_config *config, cs_error *err)
{
    cs_worker worker = { .config = config, .clock = cs_clock_system(), .signal_fd = -1 };
    cs_code code;
    CS_TRY_OUT(open_all(&worker, err));
    cs_session_init(&worker.session);
    step(&worker, &(cs_session_event){ .kind = CS_SESSION_START }, NULL);
    while (!worker.ended) {
        CS_TRY_OUT(wait_for_input(&worker, err));
        take_messages(&worker);
        take_answer(&worker);
        take_signals(&worker);
        if (cs_session_deadline(&worker.session) <= cs_clock_mono_ms(worker.clock))
            step(&worker, &(cs_session_event){ .kind = CS_SESSION_TICK }, NULL);
    }
    code = worker.end_error.code;
    if (code != CS_OK && err != NULL)
        *err = worker.end_error;
out:
    close_all(&worker, code);
    return code;
}

static cs_code open_all(cs_worker *worker, cs_error *err)
{
    worker->net = cs_net_new();
    CS_TRY(cs_socket_connect_dealer(worker->net, worker->config->master, cs_rng_system(),
                                    &worker->socket, err));
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    worker->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (worker->signal_fd < 0)
        return cs_error_sys(err, errno, "cannot watch for signals");
    return cs_compute_start(worker->net, &worker->compute, err);
}

static void close_all(cs_worker *worker, cs_code code)
{
    cs_socket_close(worker->socket);
    cs_net_close(worker->net);
    if (worker->running) {
        /* Told to leave in the middle of a task, which may hang: what it wrote is an orphan, and
         * is swept. */
        _exit(cs_code_exit_status(code));
    }
    cs_compute_end(worker->compute);
    cs_net_free(worker->net);
    cs_arena_done(&worker->arena);
    cs_arena_done(&worker->send_arena);
    cs_buf_done(&worker->out);
    cs_buf_done(&worker->answer);
    if (worker->signal_fd >= 0)
        close(worker->signal_fd);
}

static cs_code wait_for_input(cs_worker *worker, cs_error *err)
{
    cs_poll_item items[4];
    size_t n = 0;
    items[n++] = (cs_poll_item){ .socket = worker->socket };
    items[n++] = (cs_poll_item){ .socket = cs_compute_link(worker->compute) };
    items[n++] = (cs_poll_item){ .fd = worker->signal_fd };
    size_t parent = n;
    if (worker->config->parent_fd >= 0)
        items[n++] = (cs_poll_item){ .fd = worker->config->parent_fd };
    int64_t due_ms = cs_session_deadline(&worker->session) - cs_clock_mono_ms(worker->clock);
    CS_TRY(cs_net_poll(items, n, due_ms < 0 ? 0 : due_ms, err));
    if (n > parent && items[parent].ready)
        look_at_parent(worker);
    return CS_OK;
}

/* What a parent may write says nothing; its end does: nobody waits for anything from us any
 * more. */
static void look_at_parent(cs_worker *worker)
{
    char ignored[256];
    ssize_t got = read(worker->config->parent_fd, ignored, sizeof ignored);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        _exit(0);
}

static void take_signals(cs_worker *worker)
{
    struct signalfd_siginfo info;
    while (read(worker->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (worker->stopping)
            _exit(ABORTED_STATUS);
        worker->stopping = true;
        cs_log(CS_LOG_INFO, "stopping after the task in hand; a second signal ends at once");
        step(worker, &(cs_session_event){ .kind = CS_SESSION_STOP }, NULL);
    }
}

static void take_answer(cs_worker *worker)
{
    cs_buf answer;
    if (!worker->running || !cs_compute_take(worker->compute, &answer))
        return;
    worker->running = false;
    cs_buf_done(&worker->answer);
    worker->answer = answer;
    CS_FAULT("worker.before_ack");
    step(worker, &(cs_session_event){ .kind = CS_SESSION_DONE }, NULL);
    CS_FAULT("worker.after_ack");
}

/* --- messages --- */

static void take_message(cs_worker *worker, const Cs__ToWorker *message)
{
    cs_session_event event = { 0 };
    cs_error reason;
    switch (message->body_case) {
    case CS__TO_WORKER__BODY_WELCOME:
        event.kind = CS_SESSION_WELCOME;
        event.welcome.heartbeat_ms = message->welcome->heartbeat_ms;
        event.welcome.lease_ms = message->welcome->lease_ms;
        break;
    case CS__TO_WORKER__BODY_TASK:
        event.kind = CS_SESSION_TASK;
        event.key = cs_wire_key_read(message->task->key);
        step(worker, &event, message->task);
        return;
    case CS__TO_WORKER__BODY_CONFIRM:
        event.kind = CS_SESSION_CONFIRM;
        event.key = cs_wire_key_read(message->confirm->key);
        break;
    case CS__TO_WORKER__BODY_CANCEL:
        event.kind = CS_SESSION_CANCEL;
        event.key = cs_wire_key_read(message->cancel->key);
        break;
    case CS__TO_WORKER__BODY_WHO:
        event.kind = CS_SESSION_WHO;
        break;
    default:
        assert(message->body_case == CS__TO_WORKER__BODY_LEAVE);
        event.kind = CS_SESSION_LEAVE;
        if (message->leave->reason != NULL) {
            /* the code is in the error */
            (void)cs_wire_error_read(message->leave->reason, &reason);
            event.error = &reason;
        }
        break;
    }
    step(worker, &event, NULL);
}

static void take_messages(cs_worker *worker)
{
    cs_str bytes;
    while (!worker->ended && cs_socket_receive(worker->socket, NULL, &bytes)) {
        Cs__ToWorker *message = NULL;
        cs_error error;
        if (cs_wire_unpack_to_worker(bytes, &worker->arena, &message, &error) == CS_OK) {
            take_message(worker, message);
        } else {
            worker->bad_messages++;
            cs_log(CS_LOG_WARN, "a message was dropped (%llu so far): %s",
                   (unsigned long long)worker->bad_messages, error.message);
        }
        cs_arena_reset(&worker->arena);
    }
}

static void send_bytes(cs_worker *worker, cs_str bytes)
{
    cs_error error;
    if (cs_socket_send(worker->socket, NULL, bytes, &error) != CS_OK)
        cs_log(CS_LOG_DEBUG, "%s", error.message); /* said again later: everything is */
}

static void send_message(cs_worker *worker, const Cs__FromWorker *message)
{
    cs_error error;
    cs_buf_clear(&worker->out);
    if (cs_wire_pack_from_worker(message, &worker->out, &error) == CS_OK)
        send_bytes(worker, cs_buf_str(&worker->out));
    else
        cs_log_error(&error, "message");
    cs_arena_reset(&worker->send_arena);
}

static uint64_t memory_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

static void send_hello(cs_worker *worker, const cs_session_action *action)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Hello hello = CS__HELLO__INIT;
    CS_FAULT("worker.hello");
    hello.name = cs_wire_bytes(cs_str_of(worker->config->name));
    hello.version = cs_wire_version();
    hello.pid = (uint64_t)getpid();
    hello.memory_bytes = memory_bytes();
    if (action->has_key)
        hello.running = cs_wire_key(&action->key, &worker->send_arena);
    message.body_case = CS__FROM_WORKER__BODY_HELLO;
    message.hello = &hello;
    send_message(worker, &message);
}

static void send_heartbeat(cs_worker *worker, const cs_session_action *action)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Heartbeat heartbeat = CS__HEARTBEAT__INIT;
    heartbeat.progress = cs_compute_progress(worker->compute);
    heartbeat.memory_bytes = memory_bytes();
    if (action->has_key)
        heartbeat.running = cs_wire_key(&action->key, &worker->send_arena);
    message.body_case = CS__FROM_WORKER__BODY_HEARTBEAT;
    message.heartbeat = &heartbeat;
    send_message(worker, &message);
}

static void send_bye(cs_worker *worker)
{
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Bye bye = CS__BYE__INIT;
    message.body_case = CS__FROM_WORKER__BODY_BYE;
    message.bye = &bye;
    send_message(worker, &message);
}

/* --- actions --- */

static void reconnect(cs_worker *worker)
{
    cs_socket *socket;
    cs_error error;
    if (cs_socket_connect_dealer(worker->net, worker->config->master, cs_rng_system(), &socket,
                                 &error) != CS_OK) {
        cs_log_error(&error, "reconnect"); /* the old one goes on trying */
        return;
    }
    cs_socket_close(worker->socket);
    worker->socket = socket;
}

static void act(cs_worker *worker, const cs_session_action *action, const Cs__Task *task)
{
    switch (action->kind) {
    case CS_SESSION_SEND_HELLO:
        send_hello(worker, action);
        break;
    case CS_SESSION_SEND_HEARTBEAT:
        send_heartbeat(worker, action);
        break;
    case CS_SESSION_SEND_ANSWER:
        send_bytes(worker, cs_buf_str(&worker->answer));
        break;
    case CS_SESSION_SEND_BYE:
        send_bye(worker);
        break;
    case CS_SESSION_RUN:
        assert(task != NULL && !worker->running);
        worker->running = true;
        cs_compute_run(worker->compute, &worker->arena, task);
        worker->arena = CS_ARENA_INIT;
        break;
    case CS_SESSION_CANCEL_RUN:
        cs_compute_cancel(worker->compute);
        break;
    case CS_SESSION_DROP_ANSWER:
        cs_buf_done(&worker->answer);
        break;
    case CS_SESSION_RECONNECT:
        reconnect(worker);
        break;
    case CS_SESSION_END:
        worker->ended = true;
        if (action->error != NULL)
            worker->end_error = *action->error;
        break;
    }
}

/* task: the message's, with TASK only. */
static void step(cs_worker *worker, const cs_session_event *event, const Cs__Task *task)
{
    cs_session_step(&worker->session, event, cs_clock_mono_ms(worker->clock), &worker->actions);
    for (size_t i = 0; i < worker->actions.count; i++)
        act(worker, &worker->actions.items[i], task);
}
