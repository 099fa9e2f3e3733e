/* A part's UUID in text: SSSSSSSS-rrrr-8rrr-vrrr-BBBBBBBBBBBB. The stream's hash and the batch are whole
 * groups, so that a person reads them off a file name; r is random, v the variant with two random bits. */
#include "common/base/uuid.h"

#include <assert.h>

#include "common/base/hash.h"

#define BATCH_BITS 48

static void set_form(cs_uuid *uuid, unsigned version)
{
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | version << 4);
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

cs_uuid cs_uuid_v4(cs_rng *rng)
{
    cs_uuid uuid;
    cs_rng_fill(rng, uuid.bytes, sizeof uuid.bytes);
    set_form(&uuid, 4);
    return uuid;
}

uint32_t cs_uuid_stream_hash(const cs_uuid *stream)
{
    return (uint32_t)cs_hash64(stream->bytes, sizeof stream->bytes);
}

cs_uuid cs_uuid_part(cs_rng *rng, uint32_t stream_hash, uint64_t batch)
{
    assert(batch >> BATCH_BITS == 0);
    cs_uuid uuid;
    cs_rng_fill(rng, uuid.bytes, sizeof uuid.bytes);
    for (int i = 0; i < 4; i++)
        uuid.bytes[i] = (uint8_t)(stream_hash >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        uuid.bytes[10 + i] = (uint8_t)(batch >> (40 - 8 * i));
    set_form(&uuid, 8);
    return uuid;
}

bool cs_uuid_part_read(const cs_uuid *uuid, uint32_t *stream_hash, uint64_t *batch)
{
    if (uuid->bytes[6] >> 4 != 8 || uuid->bytes[8] >> 6 != 2)
        return false;
    *stream_hash = 0;
    *batch = 0;
    for (int i = 0; i < 4; i++)
        *stream_hash = *stream_hash << 8 | uuid->bytes[i];
    for (int i = 10; i < 16; i++)
        *batch = *batch << 8 | uuid->bytes[i];
    return true;
}

static bool dash_at(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void cs_uuid_text(const cs_uuid *uuid, char out[CS_UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (dash_at(at))
            out[at++] = '-';
        out[at++] = digits[uuid->bytes[i] >> 4];
        out[at++] = digits[uuid->bytes[i] & 15];
    }
    out[at] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool cs_uuid_parse(cs_str text, cs_uuid *uuid)
{
    if (text.len != CS_UUID_TEXT_LEN)
        return false;
    cs_uuid parsed;
    size_t at = 0;
    for (size_t i = 0; i < sizeof parsed.bytes; i++) {
        if (dash_at(at) && text.ptr[at++] != '-')
            return false;
        int high = hex_value(text.ptr[at++]);
        int low = hex_value(text.ptr[at++]);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *uuid = parsed;
    return true;
}
