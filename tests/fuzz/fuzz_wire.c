/* A frame from a hostile peer, on each of the four kinds of socket: unpacks or is dropped, within the memory cap. */
#include "common/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_error err;
    Cs__ToWorker *to_worker;
    Cs__FromWorker *from_worker;
    Cs__ToClient *to_client;
    Cs__FromClient *from_client;
    if (size < 1)
        return 0;
    cs_str bytes = { (const char *)data + 1, size - 1 };
    cs_code code = data[0] % 4 == 0   ? cs_wire_unpack_to_worker(bytes, &arena, &to_worker, &err)
                   : data[0] % 4 == 1 ? cs_wire_unpack_from_worker(bytes, &arena, &from_worker, &err)
                   : data[0] % 4 == 2 ? cs_wire_unpack_to_client(bytes, &arena, &to_client, &err)
                                      : cs_wire_unpack_from_client(bytes, &arena, &from_client, &err);
    (void)code; /* either answer is fine */
    cs_arena_done(&arena);
    return 0;
}
