/* UUIDs in their 16 bytes and in text. Version 8 (RFC 9562) carries who made a part: 32 bits of the
 * stream's hash, 48 bits of the batch, the rest random (spec: reliability, "Clean-up touches only our own S"). */
#ifndef CS_COMMON_BASE_UUID_H
#define CS_COMMON_BASE_UUID_H

#include "common/base/clock.h"
#include "common/base/str.h"

#define CS_UUID_TEXT_LEN 36

typedef struct cs_uuid {
    uint8_t bytes[16];
} cs_uuid;

static inline bool cs_uuid_eq(const cs_uuid *a, const cs_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

cs_uuid cs_uuid_v4(cs_rng *rng);
/* The 32 bits of a stream that its parts' names carry; in %08x they are S8, the tag of its temporaries. */
uint32_t cs_uuid_stream_hash(const cs_uuid *stream);
/* In text SSSSSSSS-rrrr-8rrr-vrrr-BBBBBBBBBBBB (S stream_hash, B batch, both big-endian hex; r random).
 * batch must be below 2^48. */
cs_uuid cs_uuid_part(cs_rng *rng, uint32_t stream_hash, uint64_t batch);
/* False when the UUID is not of version 8 and RFC 9562's variant. That it is one of ours only stream_hash
 * can tell. */
bool cs_uuid_part_read(const cs_uuid *uuid, uint32_t *stream_hash, uint64_t *batch);
void cs_uuid_text(const cs_uuid *uuid, char out[CS_UUID_TEXT_LEN + 1]);
/* The 36 characters of RFC 9562 in either case, any version and variant; no braces, no `urn:`. */
bool cs_uuid_parse(cs_str text, cs_uuid *uuid);

#endif
