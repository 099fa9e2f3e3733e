/* Between messages of workers and the plain structs of dispatch. */
#ifndef CS_COORDINATOR_WORKER_MESSAGES_H
#define CS_COORDINATOR_WORKER_MESSAGES_H

#include "common/wire/message.h"
#include "coordinator/dispatch/dispatch.h"

/* A checked message as an event; what it points to lives in the message and in `arena`. */
void cs_worker_message_read(const Cs__FromWorker *message, const cs_peer *peer, cs_arena *arena,
                            cs_dispatch_event *event);

/* What a job's tasks need beside their plan. */
typedef struct cs_task_context {
    cs_str table_path;
    uint64_t memory_bytes;
} cs_task_context;

typedef struct cs_welcome {
    uint32_t heartbeat_ms, lease_ms;
} cs_welcome;

/* Packs the message that the action (one of CS_DISPATCH_SEND_…) wants sent; context: of the job,
 * for tasks only. CS_E_LIMIT: a task that is larger than a message may be. */
CS_MUST_USE cs_code cs_worker_message_pack(const cs_dispatch_action *action,
                                           const cs_welcome *welcome,
                                           const cs_task_context *context, cs_arena *arena,
                                           cs_buf *out, cs_error *err);

#endif
