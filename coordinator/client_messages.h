/* Between messages of clients and the plain structs of jobs and queries. */
#ifndef CS_COORDINATOR_CLIENT_MESSAGES_H
#define CS_COORDINATOR_CLIENT_MESSAGES_H

#include "common/wire/message.h"
#include "coordinator/query.h"

/* The options of a checked Submit; they point into the message. CS_E_PROTOCOL: a scope that this
 * program does not know. */
CS_MUST_USE cs_code cs_client_options_read(const Cs__Submit *submit, cs_arena *arena,
                                           cs_options *out, cs_error *err);
CS_MUST_USE cs_code cs_client_event_pack(const char *job, const cs_query_event *event,
                                         cs_arena *arena, cs_buf *out, cs_error *err);
CS_MUST_USE cs_code cs_client_refusal_pack(const cs_error *reason, cs_arena *arena, cs_buf *out,
                                           cs_error *err);
CS_MUST_USE cs_code cs_client_pong_pack(uint32_t workers, cs_buf *out, cs_error *err);

#endif
