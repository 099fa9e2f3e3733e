/* The order of a round matters: sockets are drained before leases are judged, so that what waits
 * there counts. What dispatch and the batch machines want done is carried out to the end after
 * each message: their actions point into it. */
#include "coordinator/coordinator.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "coordinator/client_messages.h"
#include "coordinator/jobs.h"
#include "coordinator/worker_messages.h"

#define END_RETRY_MS 100   /* a watcher whose queue is full gets the job's end again so often */
#define MESSAGES_A_ROUND 10000 /* of one socket: a flood must not keep the timers waiting */
#define ITEMS_FIXED 4
#define ABORTED_STATUS 130

typedef struct cs_coordinator {
    const cs_coordinator_config *config;
    cs_clock *clock;
    cs_net *net;
    cs_socket *workers, *clients;
    int signal_fd;
    cs_dispatch *dispatch;
    cs_dispatch_actions actions;   /* to be carried out */
    cs_dispatch_actions in_hand;   /* being carried out */
    cs_jobs *jobs;
    cs_query_env query_env;
    cs_arena arena;        /* of one message */
    cs_arena send_arena;
    cs_buf out;
    uint64_t bad_messages;
    bool end_owed;         /* some watcher waits for its job's end */
    bool stopping;
} cs_coordinator;

static cs_code open_all(cs_coordinator *coordinator, cs_error *err);
static void close_all(cs_coordinator *coordinator);
static cs_code wait_for_input(cs_coordinator *coordinator, cs_error *err);
static void take_from_workers(cs_coordinator *coordinator);
static void take_from_clients(cs_coordinator *coordinator);
static void take_signals(cs_coordinator *coordinator);
static void look_at_parent(cs_coordinator *coordinator);
static void tick(cs_coordinator *coordinator);
static void sweep(cs_coordinator *coordinator);
static void carry_out(cs_coordinator *coordinator);
static void on_query_event(void *ctx, cs_job_id id, const cs_query_event *event);

cs_code cs_coordinator_run(const cs_coordinator_config *config, cs_error *err)
{
    cs_coordinator coordinator = { .config = config, .clock = cs_clock_system(), .signal_fd = -1 };
    cs_code code;
    CS_TRY_OUT(open_all(&coordinator, err));
    cs_log(CS_LOG_INFO, "listening: workers at %s, clients at %s",
           cs_socket_endpoint(coordinator.workers), cs_socket_endpoint(coordinator.clients));
    for (;;) {
        CS_TRY_OUT(wait_for_input(&coordinator, err));
        take_from_workers(&coordinator);
        take_from_clients(&coordinator);
        for (size_t i = 0; i < cs_jobs_count(coordinator.jobs); i++) {
            cs_query_on_link(cs_jobs_at(coordinator.jobs, i)->query);
            carry_out(&coordinator);
        }
        take_signals(&coordinator);
        tick(&coordinator);
        sweep(&coordinator);
        if (coordinator.stopping && cs_jobs_count(coordinator.jobs) == 0)
            break;
    }
    cs_dispatch_leave(coordinator.dispatch, NULL, &coordinator.actions);
    carry_out(&coordinator);
out:
    if (code != CS_OK && coordinator.jobs != NULL && cs_jobs_count(coordinator.jobs) > 0) {
        /* their threads may hang: no good order any more */
        cs_log_error(err, "ended in the middle of jobs");
        _exit(cs_code_exit_status(code));
    }
    close_all(&coordinator);
    return code;
}

static cs_code open_all(cs_coordinator *coordinator, cs_error *err)
{
    const cs_coordinator_config *config = coordinator->config;
    coordinator->net = cs_net_new();
    CS_TRY(cs_socket_bind_router(coordinator->net, config->workers_endpoint, &coordinator->workers,
                                 err));
    CS_TRY(cs_socket_bind_router(coordinator->net, config->clients_endpoint, &coordinator->clients,
                                 err));
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    coordinator->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (coordinator->signal_fd < 0)
        return cs_error_sys(err, errno, "cannot watch for signals");
    cs_dispatch_config dispatch = { .version = CS_STR(CSTREAM_VERSION),
                                    .heartbeat_ms = CS_HEARTBEAT_MS,
                                    .lease_ms = CS_LEASE_MS };
    coordinator->dispatch = cs_dispatch_new(&dispatch);
    coordinator->jobs = cs_jobs_new(cs_rng_system());
    coordinator->query_env = (cs_query_env){ .net = coordinator->net,
                                             .clock = coordinator->clock,
                                             .checker = config->program,
                                             .dispatch = coordinator->dispatch,
                                             .dispatch_actions = &coordinator->actions,
                                             .ctx = coordinator,
                                             .event = on_query_event };
    return CS_OK;
}

static void close_all(cs_coordinator *coordinator)
{
    cs_socket_close(coordinator->workers);
    cs_socket_close(coordinator->clients);
    cs_net_close(coordinator->net);
    cs_jobs_free(coordinator->jobs);
    cs_net_free(coordinator->net);
    cs_dispatch_free(coordinator->dispatch);
    cs_dispatch_actions_done(&coordinator->actions);
    cs_dispatch_actions_done(&coordinator->in_hand);
    cs_arena_done(&coordinator->arena);
    cs_arena_done(&coordinator->send_arena);
    cs_buf_done(&coordinator->out);
    if (coordinator->signal_fd >= 0)
        close(coordinator->signal_fd);
}

/* --- waiting --- */

static int64_t wait_ms(cs_coordinator *coordinator)
{
    int64_t now_ms = cs_clock_mono_ms(coordinator->clock);
    int64_t due_ms = cs_dispatch_deadline(coordinator->dispatch);
    for (size_t i = 0; i < cs_jobs_count(coordinator->jobs); i++) {
        int64_t query_due_ms = cs_query_deadline(cs_jobs_at(coordinator->jobs, i)->query);
        due_ms = query_due_ms < due_ms ? query_due_ms : due_ms;
    }
    if (coordinator->end_owed && now_ms + END_RETRY_MS < due_ms)
        due_ms = now_ms + END_RETRY_MS;
    if (due_ms == INT64_MAX)
        return -1;
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

static cs_code wait_for_input(cs_coordinator *coordinator, cs_error *err)
{
    cs_poll_item items[ITEMS_FIXED + CS_JOBS_MAX];
    size_t n = 0;
    items[n++] = (cs_poll_item){ .socket = coordinator->workers };
    items[n++] = (cs_poll_item){ .socket = coordinator->clients };
    items[n++] = (cs_poll_item){ .fd = coordinator->signal_fd };
    size_t parent = n;
    if (coordinator->config->parent_fd >= 0)
        items[n++] = (cs_poll_item){ .fd = coordinator->config->parent_fd };
    for (size_t i = 0; i < cs_jobs_count(coordinator->jobs); i++) {
        cs_query *query = cs_jobs_at(coordinator->jobs, i)->query;
        items[n++] = (cs_poll_item){ .socket = cs_query_link(query) };
    }
    CS_TRY(cs_net_poll(items, n, wait_ms(coordinator), err));
    if (coordinator->config->parent_fd >= 0 && items[parent].ready)
        look_at_parent(coordinator);
    return CS_OK;
}

/* What a parent may write says nothing; its end does: nobody waits for anything from us any
 * more. The workers have the same parent. */
static void look_at_parent(cs_coordinator *coordinator)
{
    char ignored[256];
    ssize_t got = read(coordinator->config->parent_fd, ignored, sizeof ignored);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        _exit(cs_jobs_count(coordinator->jobs) == 0 ? 0 : ABORTED_STATUS);
}

static void take_signals(cs_coordinator *coordinator)
{
    struct signalfd_siginfo info;
    while (read(coordinator->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (coordinator->stopping)
            _exit(ABORTED_STATUS);
        coordinator->stopping = true;
        cs_log(CS_LOG_INFO,
               "stopping: %zu jobs finish their running batch; a second signal ends at once",
               cs_jobs_count(coordinator->jobs));
        for (size_t i = 0; i < cs_jobs_count(coordinator->jobs); i++) {
            cs_query_stop(cs_jobs_at(coordinator->jobs, i)->query, false);
            carry_out(coordinator);
        }
    }
}

static void tick(cs_coordinator *coordinator)
{
    int64_t now_ms = cs_clock_mono_ms(coordinator->clock);
    if (cs_dispatch_deadline(coordinator->dispatch) <= now_ms) {
        cs_dispatch_event event = { .kind = CS_DISPATCH_TICK };
        cs_dispatch_step(coordinator->dispatch, &event, now_ms, &coordinator->actions);
        carry_out(coordinator);
    }
    for (size_t i = 0; i < cs_jobs_count(coordinator->jobs); i++) {
        cs_query *query = cs_jobs_at(coordinator->jobs, i)->query;
        if (cs_query_deadline(query) <= cs_clock_mono_ms(coordinator->clock)) {
            cs_query_tick(query);
            carry_out(coordinator);
        }
    }
}

/* --- workers --- */

static void take_from_workers(cs_coordinator *coordinator)
{
    cs_peer peer;
    cs_str bytes;
    int left = MESSAGES_A_ROUND;
    while (left-- > 0 && cs_socket_receive(coordinator->workers, &peer, &bytes)) {
        Cs__FromWorker *message = NULL;
        cs_error error;
        if (cs_wire_unpack_from_worker(bytes, &coordinator->arena, &message, &error) != CS_OK) {
            coordinator->bad_messages++;
            cs_log(CS_LOG_WARN, "a worker's message was dropped (%llu so far): %s",
                   (unsigned long long)coordinator->bad_messages, error.message);
        } else {
            cs_dispatch_event event;
            cs_worker_message_read(message, &peer, &coordinator->arena, &event);
            cs_dispatch_step(coordinator->dispatch, &event, cs_clock_mono_ms(coordinator->clock),
                             &coordinator->actions);
            carry_out(coordinator);
        }
        cs_arena_reset(&coordinator->arena);
    }
}

/* CS_E_UNREACHABLE: the peer is gone. CS_E_LIMIT: a task that no message can hold. */
static cs_code send_to_worker(cs_coordinator *coordinator, const cs_dispatch_action *action,
                              cs_error *err)
{
    static const cs_welcome welcome = { CS_HEARTBEAT_MS, CS_LEASE_MS };
    cs_task_context context = { 0 };
    if (action->kind == CS_DISPATCH_SEND_TASK) {
        const cs_submitted *job = cs_jobs_find(coordinator->jobs, action->job);
        assert(job != NULL);
        context = (cs_task_context){ job->job.table_path, job->job.worker_memory_bytes };
    }
    cs_buf_clear(&coordinator->out);
    cs_code code = cs_worker_message_pack(action, &welcome, &context, &coordinator->send_arena,
                                          &coordinator->out, err);
    if (code == CS_OK)
        code = cs_socket_send(coordinator->workers, &action->peer, cs_buf_str(&coordinator->out),
                              err);
    cs_arena_reset(&coordinator->send_arena);
    return code;
}

/* What a round of dispatch means for a job (or for all), with errors copied: they live only
 * until dispatch is called again. */
typedef struct job_news {
    const cs_dispatch_action *action;
    cs_error *error; /* the job's tasks cannot be done */
} job_news;

static void tell_job(cs_coordinator *coordinator, const job_news *news)
{
    const cs_dispatch_action *action = news->action;
    if (action->kind == CS_DISPATCH_WORKERS) {
        for (size_t i = 0; i < cs_jobs_count(coordinator->jobs); i++)
            cs_query_workers(cs_jobs_at(coordinator->jobs, i)->query, action->workers);
        return;
    }
    cs_submitted *job = cs_jobs_find(coordinator->jobs, action->job);
    assert(job != NULL);
    if (news->error != NULL)
        cs_query_tasks_failed(job->query, news->error);
    else
        cs_query_task_acked(job->query, action->accepted.task, action->accepted.result);
}

static void notice_of_dispatch(cs_coordinator *coordinator, const cs_dispatch_action *action)
{
    if (cs_jobs_find(coordinator->jobs, action->job) == NULL)
        cs_log(action->notice.level, "%s", action->notice.text);
    else
        on_query_event(coordinator, action->job,
                       &(cs_query_event){ .kind = CS_QUERY_EVENT_NOTICE,
                                          .level = action->notice.level,
                                          .text = action->notice.text });
}

/* Carries out what dispatch wants, and what that leads to. Messages go first: telling a job may
 * call dispatch again, which ends the life of what its earlier actions point to. */
static void carry_out(cs_coordinator *coordinator)
{
    cs_arena arena = CS_ARENA_INIT;
    while (coordinator->actions.count > 0) {
        cs_dispatch_actions in_hand = coordinator->actions;
        coordinator->actions = coordinator->in_hand;
        coordinator->actions.count = 0;
        size_t n_news = 0, n_gone = 0;
        job_news *news = cs_arena_array(&arena, job_news, in_hand.count);
        cs_peer *gone = cs_arena_array(&arena, cs_peer, in_hand.count);
        for (size_t i = 0; i < in_hand.count; i++) {
            const cs_dispatch_action *action = &in_hand.items[i];
            cs_error error;
            cs_code code = CS_OK;
            if (action->kind == CS_DISPATCH_NOTICE) {
                notice_of_dispatch(coordinator, action);
            } else if (action->kind <= CS_DISPATCH_SEND_LEAVE) {
                code = send_to_worker(coordinator, action, &error);
                if (code != CS_OK) /* a full queue is left to the lease */
                    cs_log(CS_LOG_DEBUG, "to a worker: %s", error.message);
                if (code == CS_E_UNREACHABLE)
                    gone[n_gone++] = action->peer;
            } else if (action->kind == CS_DISPATCH_FAILED) {
                error = *action->error;
            }
            bool for_job =
                action->kind >= CS_DISPATCH_ACCEPTED && action->kind <= CS_DISPATCH_WORKERS;
            if (for_job || code == CS_E_LIMIT)
                news[n_news++].action = action;
            if (action->kind == CS_DISPATCH_FAILED || code == CS_E_LIMIT) {
                news[n_news - 1].error = cs_arena_new(&arena, cs_error);
                *news[n_news - 1].error = error;
            }
        }
        for (size_t i = 0; i < n_news; i++)
            tell_job(coordinator, &news[i]);
        for (size_t i = 0; i < n_gone; i++) {
            cs_dispatch_event event = { .kind = CS_DISPATCH_GONE, .peer = gone[i] };
            cs_dispatch_step(coordinator->dispatch, &event, cs_clock_mono_ms(coordinator->clock),
                             &coordinator->actions);
        }
        coordinator->in_hand = in_hand;
        cs_arena_reset(&arena);
    }
    cs_arena_done(&arena);
}

/* --- clients --- */

/* CS_E_AGAIN: the queue is full. A client that is gone is no error. */
static cs_code send_to_client(cs_coordinator *coordinator, const cs_peer *peer, cs_str bytes)
{
    cs_error error;
    cs_code code = cs_socket_send(coordinator->clients, peer, bytes, &error);
    if (code != CS_OK)
        cs_log(CS_LOG_DEBUG, "to a client: %s", error.message);
    return code;
}

static void refuse(cs_coordinator *coordinator, const cs_peer *peer, const cs_error *reason)
{
    cs_error error;
    cs_buf_clear(&coordinator->out);
    if (cs_client_refusal_pack(reason, &coordinator->send_arena, &coordinator->out,
                               &error) == CS_OK)
        /* a full client may ask again */
        (void)send_to_client(coordinator, peer, cs_buf_str(&coordinator->out));
    else
        cs_log_error(&error, "refusal");
    cs_arena_reset(&coordinator->send_arena);
}

static cs_code submit(cs_coordinator *coordinator, const cs_peer *peer, const Cs__Submit *submit,
                      cs_error *err)
{
    cs_options options;
    cs_submitted *job;
    if (coordinator->stopping)
        return cs_error_set(err, CS_E_UNREACHABLE, "the coordinator is stopping");
    if (strcmp(submit->version, CSTREAM_VERSION) != 0)
        return cs_error_set(err, CS_E_UNREACHABLE,
                            "the coordinator is of version %s, the client of %s", CSTREAM_VERSION,
                            submit->version);
    CS_TRY(cs_client_options_read(submit, &coordinator->arena, &options, err));
    CS_TRY(cs_jobs_add(coordinator->jobs, &options, peer, &job, err));
    cs_code code = cs_query_start(&coordinator->query_env, job->id, &job->job, &job->query, err);
    if (code != CS_OK)
        cs_jobs_remove(coordinator->jobs, job);
    else
        cs_log(CS_LOG_INFO, "job %s: %.*s → %.*s", job->name, CS_STR_ARG(job->job.source_path),
               CS_STR_ARG(job->job.table_path));
    return code;
}

static void stop_job(cs_coordinator *coordinator, const cs_peer *peer, const Cs__Stop *stop)
{
    cs_jobs *jobs = coordinator->jobs;
    cs_submitted *job = stop->job.len > 0 ? cs_jobs_find_name(jobs, cs_wire_str(stop->job))
                                          : cs_jobs_find_watcher(jobs, peer);
    if (job != NULL) {
        cs_query_stop(job->query, stop->now);
        carry_out(coordinator);
        return;
    }
    cs_error reason;
    char shown[64];
    (void)cs_error_set(&reason, CS_E_BAD_OPTION, "no job '%s' runs here",
                       cs_escape(shown, sizeof shown, cs_wire_str(stop->job)));
    refuse(coordinator, peer, &reason);
}

static void take_from_clients(cs_coordinator *coordinator)
{
    cs_peer peer;
    cs_str bytes;
    int left = MESSAGES_A_ROUND;
    while (left-- > 0 && cs_socket_receive(coordinator->clients, &peer, &bytes)) {
        Cs__FromClient *message = NULL;
        cs_error error;
        if (cs_wire_unpack_from_client(bytes, &coordinator->arena, &message, &error) != CS_OK) {
            coordinator->bad_messages++;
            cs_log(CS_LOG_WARN, "a client's message was dropped (%llu so far): %s",
                   (unsigned long long)coordinator->bad_messages, error.message);
        } else if (message->body_case == CS__FROM_CLIENT__BODY_SUBMIT) {
            if (submit(coordinator, &peer, message->submit, &error) != CS_OK)
                refuse(coordinator, &peer, &error);
        } else if (message->body_case == CS__FROM_CLIENT__BODY_STOP) {
            stop_job(coordinator, &peer, message->stop);
        } else {
            cs_buf_clear(&coordinator->out);
            if (cs_client_pong_pack(cs_dispatch_counts_of(coordinator->dispatch).workers,
                                    &coordinator->out, &error) == CS_OK)
                /* it may ask again */
                (void)send_to_client(coordinator, &peer, cs_buf_str(&coordinator->out));
        }
        cs_arena_reset(&coordinator->arena);
    }
}

/* With a client that shows it, an event is shown once, there; without, it is a log line here. */
static void log_event(const cs_submitted *job, const cs_query_event *event)
{
    switch (event->kind) {
    case CS_QUERY_EVENT_STARTED:
        cs_log(CS_LOG_INFO, "job %s: started, epoch %llu", job->name,
               (unsigned long long)event->epoch);
        break;
    case CS_QUERY_EVENT_BATCH:
        cs_log(CS_LOG_INFO, "job %s: batch %llu, %llu files, %llu rows, table version %lld",
               job->name, (unsigned long long)event->report->batch,
               (unsigned long long)event->report->files,
               (unsigned long long)event->report->rows_out,
               (long long)event->report->table_version);
        break;
    case CS_QUERY_EVENT_NOTICE:
        cs_log(event->level, "job %s: %s", job->name, event->text);
        break;
    case CS_QUERY_EVENT_ENDED:
        if (event->error != NULL)
            cs_log_error(event->error, job->name);
        else
            cs_log(CS_LOG_INFO, "job %s: ended after %llu batches", job->name,
                   (unsigned long long)event->batches);
        break;
    }
}

static void on_query_event(void *ctx, cs_job_id id, const cs_query_event *event)
{
    cs_coordinator *coordinator = ctx;
    cs_submitted *job = cs_jobs_find(coordinator->jobs, id);
    cs_error error;
    assert(job != NULL);
    if (job->watched) {
        cs_buf bytes = CS_BUF_INIT;
        cs_arena arena = CS_ARENA_INIT;
        cs_code code = cs_client_event_pack(job->name, event, &arena, &bytes, &error);
        if (code == CS_OK)
            code = send_to_client(coordinator, &job->watcher, cs_buf_str(&bytes));
        if (code == CS_E_UNREACHABLE)
            job->watched = false;
        if (code == CS_E_AGAIN && event->kind == CS_QUERY_EVENT_ENDED) {
            coordinator->end_owed = true;
            job->end_message = bytes;
            bytes = CS_BUF_INIT;
        }
        cs_buf_done(&bytes);
        cs_arena_done(&arena);
    }
    if (!job->watched)
        log_event(job, event);
}

/* Lets go of jobs that are over, once their watcher knows. */
static void sweep(cs_coordinator *coordinator)
{
    coordinator->end_owed = false;
    for (size_t i = cs_jobs_count(coordinator->jobs); i-- > 0;) {
        cs_submitted *job = cs_jobs_at(coordinator->jobs, i);
        if (!cs_query_is_over(job->query))
            continue;
        bool owed = job->end_message.len > 0 && job->watched &&
                    send_to_client(coordinator, &job->watcher,
                                   cs_buf_str(&job->end_message)) == CS_E_AGAIN;
        coordinator->end_owed |= owed;
        if (!owed)
            cs_jobs_remove(coordinator->jobs, job);
    }
}
