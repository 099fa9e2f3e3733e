/* Messages on the wire: pack, and unpack with a memory cap followed by a check of every field
 * (spec: reliability.md §4). The structs are those that protoc-c makes of proto/cstream.proto;
 * README.md there says who sends what and every limit. */
#ifndef CS_COMMON_WIRE_MESSAGE_H
#define CS_COMMON_WIRE_MESSAGE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/wire/task_key.h"
#include "proto/cstream.pb-c.h"

/* Appends to `out`. CS_E_LIMIT: larger than one message may be. */
CS_MUST_USE cs_code cs_wire_pack_to_worker(const Cs__ToWorker *message, cs_buf *out, cs_error *err);
CS_MUST_USE cs_code cs_wire_pack_from_worker(const Cs__FromWorker *message, cs_buf *out,
                                             cs_error *err);
CS_MUST_USE cs_code cs_wire_pack_to_client(const Cs__ToClient *message, cs_buf *out, cs_error *err);
CS_MUST_USE cs_code cs_wire_pack_from_client(const Cs__FromClient *message, cs_buf *out,
                                             cs_error *err);

/* The message lives in `arena` (at most CS_MESSAGE_UNPACKED_MAX bytes); it does not point into
 * `bytes`. Every field has been checked: the body is set, keys have their sizes, paths are
 * relative without "." and "..", counts and lengths are within their limits. CS_E_PROTOCOL (what
 * broke which rule): drop and count. */
CS_MUST_USE cs_code cs_wire_unpack_to_worker(cs_str bytes, cs_arena *arena, Cs__ToWorker **out,
                                             cs_error *err);
CS_MUST_USE cs_code cs_wire_unpack_from_worker(cs_str bytes, cs_arena *arena, Cs__FromWorker **out,
                                               cs_error *err);
CS_MUST_USE cs_code cs_wire_unpack_to_client(cs_str bytes, cs_arena *arena, Cs__ToClient **out,
                                             cs_error *err);
CS_MUST_USE cs_code cs_wire_unpack_from_client(cs_str bytes, cs_arena *arena, Cs__FromClient **out,
                                               cs_error *err);

/* An error as it travels, and back. What comes back is escaped and cut again; a code that this
 * program does not know becomes INTERNAL. */
Cs__Error *cs_wire_error(const cs_error *err, cs_arena *arena);
/* Returns out->code, never CS_OK. */
cs_code cs_wire_error_read(const Cs__Error *message, cs_error *out);

Cs__TaskKey *cs_wire_key(const cs_task_key *key, cs_arena *arena);
cs_task_key cs_wire_key_read(const Cs__TaskKey *message);

/* Of this program, for the fields of that name. */
char *cs_wire_version(void);

/* Text in an arena as a bytes field, and back (borrowed). */
ProtobufCBinaryData cs_wire_bytes(cs_str text);
static inline cs_str cs_wire_str(ProtobufCBinaryData bytes)
{
    return (cs_str){ (const char *)bytes.data, bytes.len };
}

#endif
