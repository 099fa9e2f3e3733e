/* Unpacking goes into an arena with a cap, because a small frame of many empty sub-messages
 * takes sixty times its size; what protobuf-c frees on the way stays counted, so the cap also
 * bounds its scratch memory. */
#include "common/wire/message.h"

#include <assert.h>

#include "common/base/limits.h"
#include "common/wire/message_check.h"

typedef struct capped {
    ProtobufCAllocator allocator;
    cs_arena *arena;
    size_t left;
} capped;

static cs_code pack(const ProtobufCMessage *message, cs_buf *out, cs_error *err);
static cs_code unpack(const ProtobufCMessageDescriptor *kind, cs_str bytes, cs_arena *arena,
                      ProtobufCMessage **out, cs_error *err);

cs_code cs_wire_pack_to_worker(const Cs__ToWorker *message, cs_buf *out, cs_error *err)
{
    return pack(&message->base, out, err);
}

cs_code cs_wire_pack_from_worker(const Cs__FromWorker *message, cs_buf *out, cs_error *err)
{
    return pack(&message->base, out, err);
}

cs_code cs_wire_pack_to_client(const Cs__ToClient *message, cs_buf *out, cs_error *err)
{
    return pack(&message->base, out, err);
}

cs_code cs_wire_pack_from_client(const Cs__FromClient *message, cs_buf *out, cs_error *err)
{
    return pack(&message->base, out, err);
}

cs_code cs_wire_unpack_to_worker(cs_str bytes, cs_arena *arena, Cs__ToWorker **out, cs_error *err)
{
    ProtobufCMessage *message = NULL;
    CS_TRY(unpack(&cs__to_worker__descriptor, bytes, arena, &message, err));
    CS_TRY(cs_wire_check_to_worker((const Cs__ToWorker *)message, err));
    *out = (Cs__ToWorker *)message;
    return CS_OK;
}

cs_code cs_wire_unpack_from_worker(cs_str bytes, cs_arena *arena, Cs__FromWorker **out,
                                   cs_error *err)
{
    ProtobufCMessage *message = NULL;
    CS_TRY(unpack(&cs__from_worker__descriptor, bytes, arena, &message, err));
    CS_TRY(cs_wire_check_from_worker((const Cs__FromWorker *)message, err));
    *out = (Cs__FromWorker *)message;
    return CS_OK;
}

cs_code cs_wire_unpack_to_client(cs_str bytes, cs_arena *arena, Cs__ToClient **out, cs_error *err)
{
    ProtobufCMessage *message = NULL;
    CS_TRY(unpack(&cs__to_client__descriptor, bytes, arena, &message, err));
    CS_TRY(cs_wire_check_to_client((const Cs__ToClient *)message, err));
    *out = (Cs__ToClient *)message;
    return CS_OK;
}

cs_code cs_wire_unpack_from_client(cs_str bytes, cs_arena *arena, Cs__FromClient **out,
                                   cs_error *err)
{
    ProtobufCMessage *message = NULL;
    CS_TRY(unpack(&cs__from_client__descriptor, bytes, arena, &message, err));
    CS_TRY(cs_wire_check_from_client((const Cs__FromClient *)message, err));
    *out = (Cs__FromClient *)message;
    return CS_OK;
}

Cs__Error *cs_wire_error(const cs_error *err, cs_arena *arena)
{
    Cs__Error *message = cs_arena_new(arena, Cs__Error);
    cs__error__init(message);
    message->code = cs_arena_cstr(arena, cs_str_of(cs_code_name(err->code)));
    message->retriable = err->retriable;
    message->sys_errno = err->sys_errno;
    message->exit_status = err->exit_status;
    message->message = cs_wire_bytes(cs_arena_str(arena, cs_str_of(err->message)));
    message->place = cs_wire_bytes(cs_arena_str(arena, cs_str_of(err->place)));
    message->hint = cs_wire_bytes(cs_arena_str(arena, cs_str_of(err->hint)));
    return message;
}

cs_code cs_wire_error_read(const Cs__Error *message, cs_error *out)
{
    cs_code code = cs_code_from_name(message->code);
    if (code == CS_OK)
        code = CS_E_INTERNAL;
    (void)cs_error_set(out, code, "%.*s", (int)message->message.len, (char *)message->message.data);
    cs_error_place(out, "%.*s", (int)message->place.len, (char *)message->place.data);
    cs_error_hint(out, "%.*s", (int)message->hint.len, (char *)message->hint.data);
    out->retriable = message->retriable;
    out->sys_errno = message->sys_errno;
    out->exit_status = message->exit_status;
    return code;
}

Cs__TaskKey *cs_wire_key(const cs_task_key *key, cs_arena *arena)
{
    Cs__TaskKey *message = cs_arena_new(arena, Cs__TaskKey);
    cs__task_key__init(message);
    message->stream = cs_wire_bytes(
        cs_arena_str(arena, (cs_str){ (const char *)key->stream.bytes, sizeof key->stream.bytes }));
    message->epoch = key->epoch;
    message->batch = key->batch;
    message->digest8 = key->digest8;
    message->stage = key->stage;
    message->task = key->task;
    message->attempt = key->attempt;
    return message;
}

cs_task_key cs_wire_key_read(const Cs__TaskKey *message)
{
    cs_task_key key = { .epoch = message->epoch,
                        .batch = message->batch,
                        .digest8 = message->digest8,
                        .stage = message->stage,
                        .task = message->task,
                        .attempt = message->attempt };
    assert(message->stream.len == sizeof key.stream.bytes);
    memcpy(key.stream.bytes, message->stream.data, sizeof key.stream.bytes);
    return key;
}

char *cs_wire_version(void)
{
    static char version[] = CSTREAM_VERSION; /* protobuf-c wants it writable, and never writes */
    return version;
}

ProtobufCBinaryData cs_wire_bytes(cs_str text)
{
    return (ProtobufCBinaryData){ text.len, (uint8_t *)(uintptr_t)text.ptr };
}

static cs_code pack(const ProtobufCMessage *message, cs_buf *out, cs_error *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > CS_MESSAGE_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "a message of %zu bytes, the limit is %u", size,
                            CS_MESSAGE_BYTES_MAX);
    char *to = cs_buf_reserve(out, size);
    if (to != NULL)
        out->len += protobuf_c_message_pack(message, (uint8_t *)to);
    return cs_buf_check(out, err);
}

static void *capped_alloc(void *data, size_t size)
{
    capped *memory = data;
    /* An arena rounds up and a large piece takes a block of its own. */
    size_t cost = size + 64;
    if (size > CS_MESSAGE_UNPACKED_MAX || cost > memory->left)
        return NULL;
    memory->left -= cost;
    return cs_arena_alloc(memory->arena, size);
}

static void capped_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static cs_code unpack(const ProtobufCMessageDescriptor *kind, cs_str bytes, cs_arena *arena,
                      ProtobufCMessage **out, cs_error *err)
{
    capped memory = { { capped_alloc, capped_free, NULL }, arena, CS_MESSAGE_UNPACKED_MAX };
    memory.allocator.allocator_data = &memory;
    if (bytes.len > CS_MESSAGE_BYTES_MAX)
        return cs_error_set(err, CS_E_PROTOCOL, "a message of %zu bytes, the limit is %u",
                            bytes.len, CS_MESSAGE_BYTES_MAX);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(kind, &memory.allocator, bytes.len, (const uint8_t *)bytes.ptr);
    if (message == NULL)
        return cs_error_set(err, CS_E_PROTOCOL,
                            "%zu bytes are no %s, or take more than %u bytes of memory", bytes.len,
                            kind->name, CS_MESSAGE_UNPACKED_MAX);
    *out = message;
    return CS_OK;
}
