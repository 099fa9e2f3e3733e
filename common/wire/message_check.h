/* The rules that a message must keep, one function for each direction. Used by message.c after
 * unpacking. */
#ifndef CS_COMMON_WIRE_MESSAGE_CHECK_H
#define CS_COMMON_WIRE_MESSAGE_CHECK_H

#include "common/base/error.h"
#include "proto/cstream.pb-c.h"

CS_MUST_USE cs_code cs_wire_check_to_worker(const Cs__ToWorker *message, cs_error *err);
CS_MUST_USE cs_code cs_wire_check_from_worker(const Cs__FromWorker *message, cs_error *err);
CS_MUST_USE cs_code cs_wire_check_to_client(const Cs__ToClient *message, cs_error *err);
CS_MUST_USE cs_code cs_wire_check_from_client(const Cs__FromClient *message, cs_error *err);

#endif
