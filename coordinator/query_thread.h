/* The I/O thread of one job: all that touches files, the checkpoint or the log of this job happens
 * in it, in the order in which it was asked for, so that one hung table cannot stall another job. It
 * also owns the inotify watch: the names it tells of go straight to the source, and the loop only
 * learns that there is something to look at.
 *
 * The loop's thread calls these functions; requests and replies travel over a link. */
#ifndef CS_COORDINATOR_QUERY_THREAD_H
#define CS_COORDINATOR_QUERY_THREAD_H

#include "common/wire/net.h"
#include "coordinator/batch.h"

typedef enum cs_query_reply_kind {
    CS_QUERY_OPENED,  /* stores and checkpoint are there: the job can start */
    CS_QUERY_ANSWER,  /* event answers one action */
    CS_QUERY_SAID,    /* something people should know: level, text */
    CS_QUERY_HINTED,  /* something may be new in the source */
    CS_QUERY_CLOSED   /* the thread ends; event.error.code says why, when it could not even open */
} cs_query_reply_kind;

typedef struct cs_query_reply {
    cs_query_reply_kind kind;
    cs_batch_event event;
    cs_log_level level;
    char *text; /* freed with the reply */
} cs_query_reply;

typedef struct cs_query_thread cs_query_thread;

/* Starts the thread, which opens everything and says OPENED or CLOSED. job is borrowed until the
 * thread is freed; checker: path of this program (cs_kv_lmdb_open). */
CS_MUST_USE cs_code cs_query_thread_start(cs_net *net, const cs_job *job, const char *checker,
                                          cs_query_thread **out, cs_error *err);
/* The socket to poll. */
cs_socket *cs_query_thread_link(cs_query_thread *thread);
/* What the action points to must stay as it is until its answer. */
void cs_query_thread_ask(cs_query_thread *thread, const cs_batch_action *action);
/* No more questions: the thread closes everything, which lets go of the checkpoint, and says
 * CLOSED. */
void cs_query_thread_end(cs_query_thread *thread);
/* NULL: nothing waits. */
cs_query_reply *cs_query_thread_take(cs_query_thread *thread);
void cs_query_reply_free(cs_query_reply *reply);
/* After CLOSED was taken. */
void cs_query_thread_free(cs_query_thread *thread);

#endif
