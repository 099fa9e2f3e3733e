/* The only user of xxhash and of OpenSSL's digests. A digest that cannot be had (no memory, a crypto policy
 * without SHA-256) ends the process: no caller could go on without it. */
#include "common/base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/arena.h"

struct cs_checksum {
    XXH3_state_t state; /* aligned to 64 bytes */
};

struct cs_sha256_stream {
    EVP_MD_CTX *context;
};

/* xxhash may not be handed NULL, not even for no bytes. */
static const void *some_bytes(const void *bytes, size_t len)
{
    return len > 0 ? bytes : "";
}

static void check_digest(int ok)
{
    if (ok == 1)
        return;
    fprintf(stderr, "OpenSSL gives no SHA-256\n");
    abort();
}

uint64_t cs_hash64(const void *bytes, size_t len)
{
    return XXH3_64bits(some_bytes(bytes, len), len);
}

cs_hash128 cs_hash128_of(const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(some_bytes(bytes, len), len);
    return (cs_hash128){ .lo = hash.low64, .hi = hash.high64 };
}

cs_checksum *cs_checksum_new(void)
{
    cs_checksum *sum = aligned_alloc(_Alignof(cs_checksum), sizeof *sum);
    if (sum == NULL)
        cs_out_of_memory(sizeof *sum);
    XXH3_INITSTATE(&sum->state);
    (void)XXH3_64bits_reset(&sum->state); /* fails for NULL only */
    return sum;
}

void cs_checksum_add(cs_checksum *sum, const void *bytes, size_t len)
{
    if (len > 0)
        (void)XXH3_64bits_update(&sum->state, bytes, len); /* fails for NULL only */
}

uint64_t cs_checksum_value(const cs_checksum *sum)
{
    return XXH3_64bits_digest(&sum->state);
}

void cs_checksum_free(cs_checksum *sum)
{
    free(sum);
}

cs_sha256_stream *cs_sha256_new(void)
{
    cs_sha256_stream *stream = cs_xcalloc(1, sizeof *stream);
    stream->context = EVP_MD_CTX_new();
    if (stream->context == NULL)
        cs_out_of_memory(sizeof *stream);
    check_digest(EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL));
    return stream;
}

void cs_sha256_add(cs_sha256_stream *stream, const void *bytes, size_t len)
{
    if (len > 0)
        check_digest(EVP_DigestUpdate(stream->context, bytes, len));
}

cs_sha256 cs_sha256_end(cs_sha256_stream *stream)
{
    cs_sha256 hash;
    check_digest(EVP_DigestFinal_ex(stream->context, hash.bytes, NULL));
    cs_sha256_free(stream);
    return hash;
}

void cs_sha256_free(cs_sha256_stream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    free(stream);
}

cs_sha256 cs_sha256_of(const void *bytes, size_t len)
{
    cs_sha256 hash;
    check_digest(EVP_Digest(some_bytes(bytes, len), len, hash.bytes, NULL, EVP_sha256(), NULL));
    return hash;
}

void cs_hex(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * len] = '\0';
}
