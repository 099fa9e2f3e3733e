#include "coordinator/query_thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "coordinator/checkpoint/checkpoint.h"
#include "coordinator/discover/watch.h"
#include "coordinator/query_io.h"

typedef struct query_request {
    struct query_request *next; /* while it waits for room in the link */
    bool end;
    cs_batch_action action;
} query_request;

struct cs_query_thread {
    /* the loop's side */
    pthread_t id;
    cs_socket *loop_end;
    /* more than the link holds: at most one for each task of a batch */
    query_request *first, *last;
    /* the thread's side */
    cs_socket *end;
    const cs_job *job;
    const char *checker;
    cs_store *source, *table;
    cs_query_io *io;
    cs_watch *watch;
    bool hinted; /* the loop was told since the last LIST */
};

static void *run(void *arg);
static cs_code open_all(cs_query_thread *thread, cs_error *err);
static void close_all(cs_query_thread *thread);
static void say(void *ctx, cs_log_level level, const char *text);
static void take_hint(void *ctx, cs_str name, bool closed);
static query_request *next_request(cs_query_thread *thread);
static void answer(cs_query_thread *thread, const cs_batch_action *action);

cs_code cs_query_thread_start(cs_net *net, const cs_job *job, const char *checker,
                              cs_query_thread **out, cs_error *err)
{
    cs_query_thread *thread = cs_xcalloc(1, sizeof *thread);
    thread->job = job;
    thread->checker = checker;
    cs_code code;
    CS_TRY_OUT(cs_link_open(net, &thread->loop_end, &thread->end, err));
    int rc = pthread_create(&thread->id, NULL, run, thread);
    if (rc != 0) {
        code = cs_error_sys(err, rc, "cannot start a thread for job %.*s", CS_STR_ARG(job->name));
        goto out;
    }
    *out = thread;
    return CS_OK;
out:
    cs_socket_close(thread->loop_end);
    cs_socket_close(thread->end);
    free(thread);
    return code;
}

cs_socket *cs_query_thread_link(cs_query_thread *thread)
{
    return thread->loop_end;
}

/* The loop never waits for a thread that may hang: what has no room in the link is kept here. */
static void post_waiting(cs_query_thread *thread)
{
    while (thread->first != NULL) {
        query_request *request = thread->first;
        query_request *next = request->next;
        if (!cs_link_post(thread->loop_end, request))
            return;
        thread->first = next; /* the request is the thread's now */
        if (next == NULL)
            thread->last = NULL;
    }
}

static void post_request(cs_query_thread *thread, query_request request)
{
    query_request *copy = cs_xcalloc(1, sizeof *copy);
    *copy = request;
    if (thread->last != NULL)
        thread->last->next = copy;
    else
        thread->first = copy;
    thread->last = copy;
    post_waiting(thread);
}

void cs_query_thread_ask(cs_query_thread *thread, const cs_batch_action *action)
{
    post_request(thread, (query_request){ .action = *action });
}

void cs_query_thread_end(cs_query_thread *thread)
{
    post_request(thread, (query_request){ .end = true });
}

cs_query_reply *cs_query_thread_take(cs_query_thread *thread)
{
    cs_query_reply *reply = cs_link_take(thread->loop_end);
    post_waiting(thread);
    return reply;
}

void cs_query_reply_free(cs_query_reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->text);
    free(reply);
}

void cs_query_thread_free(cs_query_thread *thread)
{
    if (thread == NULL)
        return;
    pthread_join(thread->id, NULL);
    assert(thread->first == NULL);
    cs_socket_close(thread->loop_end);
    free(thread);
}

static void reply(cs_query_thread *thread, const cs_query_reply *what)
{
    cs_query_reply *copy = cs_xcalloc(1, sizeof *copy);
    *copy = *what;
    cs_link_post_wait(thread->end, copy);
}

static void *run(void *arg)
{
    cs_query_thread *thread = arg;
    cs_query_reply last = { .kind = CS_QUERY_CLOSED };
    if (open_all(thread, &last.event.error) == CS_OK) {
        reply(thread, &(cs_query_reply){ .kind = CS_QUERY_OPENED });
        for (;;) {
            query_request *request = next_request(thread);
            bool end = request->end;
            if (!end)
                answer(thread, &request->action);
            free(request);
            if (end)
                break;
        }
    }
    close_all(thread);
    reply(thread, &last);
    cs_socket_close(thread->end);
    return NULL;
}

static cs_code open_all(cs_query_thread *thread, cs_error *err)
{
    const cs_job *job = thread->job;
    cs_arena arena = CS_ARENA_INIT;
    cs_kv *kv = NULL;
    cs_code code;
    CS_TRY_OUT(cs_job_check_paths(job, err));
    CS_TRY_OUT(cs_store_posix_open(cs_arena_cstr(&arena, job->source_path), false, &thread->source,
                                   err));
    CS_TRY_OUT(cs_store_posix_open(cs_arena_cstr(&arena, job->table_path), true, &thread->table,
                                   err));
    /* Before the first look, so that nothing lands unseen between the two. */
    CS_TRY_OUT(cs_watch_open(cs_arena_cstr(&arena, job->source_path), job->recursive,
                             &thread->watch, err));
    CS_TRY_OUT(cs_kv_lmdb_open(cs_arena_cstr(&arena, job->checkpoint_path), thread->checker, &kv,
                               err));
    cs_query_io_env env = { .job = job,
                            .source = thread->source,
                            .table = thread->table,
                            .kv = kv,
                            .clock = cs_clock_system(),
                            .rng = cs_rng_system(),
                            .ctx = thread,
                            .notice = say };
    thread->io = cs_query_io_new(&env);
out:
    cs_arena_done(&arena);
    return code;
}

static void close_all(cs_query_thread *thread)
{
    cs_query_io_free(thread->io);
    cs_watch_close(thread->watch);
    cs_store_close(thread->table);
    cs_store_close(thread->source);
}

static void say(void *ctx, cs_log_level level, const char *text)
{
    cs_query_thread *thread = ctx;
    reply(thread,
          &(cs_query_reply){ .kind = CS_QUERY_SAID, .level = level, .text = cs_xstrdup(text) });
}

static void take_hint(void *ctx, cs_str name, bool closed)
{
    cs_query_thread *thread = ctx;
    cs_query_io_hint(thread->io, name, closed);
    if (!thread->hinted)
        reply(thread, &(cs_query_reply){ .kind = CS_QUERY_HINTED });
    thread->hinted = true;
}

/* Waits for the next request, and meanwhile for what inotify tells. */
static query_request *next_request(cs_query_thread *thread)
{
    for (;;) {
        query_request *request = cs_link_take(thread->end);
        if (request != NULL)
            return request;
        cs_poll_item items[] = { { .socket = thread->end }, { .fd = cs_watch_fd(thread->watch) } };
        cs_error err;
        if (cs_net_poll(items, 2, -1, &err) != CS_OK)
            /* without hints: the periodic listing finds it all */
            return cs_link_take_wait(thread->end);
        if (items[1].ready)
            cs_watch_read(thread->watch, take_hint, thread);
    }
}

static void answer(cs_query_thread *thread, const cs_batch_action *action)
{
    cs_query_reply answered = { .kind = CS_QUERY_ANSWER };
    if (action->kind == CS_BATCH_LIST) {
        /* What the kernel already knows belongs to this look. */
        thread->hinted = true;
        cs_watch_read(thread->watch, take_hint, thread);
        thread->hinted = false;
    }
    cs_query_io_run(thread->io, action, &answered.event);
    reply(thread, &answered);
}
