/* The compute thread of a worker: runs the one task in hand and packs its answer, while the
 * control thread keeps talking to the coordinator. The control thread calls these functions. */
#ifndef CS_WORKER_COMPUTE_H
#define CS_WORKER_COMPUTE_H

#include "common/wire/message.h"
#include "common/wire/net.h"

typedef struct cs_compute cs_compute;

CS_MUST_USE cs_code cs_compute_start(cs_net *net, cs_compute **out, cs_error *err);
/* The socket to poll. */
cs_socket *cs_compute_link(cs_compute *compute);
/* Nothing may be running. The arena, which holds the task, changes hands. */
void cs_compute_run(cs_compute *compute, cs_arena *arena, const Cs__Task *task);
/* The running task shall end soon; its answer still comes. */
void cs_compute_cancel(cs_compute *compute);
/* Grows while the task gets on: a thread that hangs does not let it grow. */
uint64_t cs_compute_progress(const cs_compute *compute);
/* The packed answer (FromWorker with an Ack or a Nack) of the task that ended, given; false:
 * none yet. */
bool cs_compute_take(cs_compute *compute, cs_buf *answer);
/* Nothing may be running. */
void cs_compute_end(cs_compute *compute);

#endif
