/* Hashes: XXH3 for keys and checksums, SHA-256 where an equal hash must mean equal content. */
#ifndef CS_COMMON_BASE_HASH_H
#define CS_COMMON_BASE_HASH_H

#include "common/base/str.h"

#define CS_SHA256_LEN 32

typedef struct cs_hash128 {
    uint64_t lo, hi;
} cs_hash128;

uint64_t cs_hash64(const void *bytes, size_t len);
cs_hash128 cs_hash128_of(const void *bytes, size_t len);

/* Running checksum of a file as it is written or read (XXH3, 64 bits). */
typedef struct cs_checksum cs_checksum;
cs_checksum *cs_checksum_new(void);
void cs_checksum_add(cs_checksum *sum, const void *bytes, size_t len);
/* May be asked between adds. */
uint64_t cs_checksum_value(const cs_checksum *sum);
void cs_checksum_free(cs_checksum *sum);

typedef struct cs_sha256 {
    uint8_t bytes[CS_SHA256_LEN];
} cs_sha256;
typedef struct cs_sha256_stream cs_sha256_stream;
cs_sha256_stream *cs_sha256_new(void);
void cs_sha256_add(cs_sha256_stream *stream, const void *bytes, size_t len);
/* Ends the stream and frees it. */
cs_sha256 cs_sha256_end(cs_sha256_stream *stream);
void cs_sha256_free(cs_sha256_stream *stream);
cs_sha256 cs_sha256_of(const void *bytes, size_t len);
void cs_hex(char *out, const void *bytes, size_t len); /* 2*len characters and a NUL, lower case */

#endif
