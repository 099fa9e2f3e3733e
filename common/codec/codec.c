/* Every caller knows the exact decompressed size before it asks (Parquet pages carry it), so decompression
 * never grows a buffer: hostile bytes can waste no more than the caller already agreed to spend. */
#include "common/codec/codec.h"

#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

/* zstd's own default: the level where Spark, DuckDB and pyarrow stand too. */
#define ZSTD_LEVEL 3
/* windowBits + 16 writes the gzip wrapper, + 32 reads gzip and zlib alike. */
#define GZIP_WRITE_BITS (MAX_WBITS + 16)
#define GZIP_READ_BITS (MAX_WBITS + 32)

static const char *const codec_names[CS_CODEC_COUNT] = {
#define X(id, name) [id] = name,
    CS_CODEC_TABLE(X)
#undef X
};

static cs_code compress_snappy(cs_str in, cs_buf *out, cs_error *err);
static cs_code compress_gzip(cs_str in, cs_buf *out, cs_error *err);
static cs_code compress_zstd(cs_str in, cs_buf *out, cs_error *err);
static cs_code compress_lz4(cs_str in, cs_buf *out, cs_error *err);
static cs_code decompress_gzip(cs_str in, void *out, size_t out_len, cs_error *err);
static cs_code damaged(cs_codec codec, cs_str in, size_t out_len, cs_error *err);
static cs_code no_room(size_t len, cs_error *err);

const char *cs_codec_name(cs_codec codec)
{
    return (unsigned)codec < CS_CODEC_COUNT ? codec_names[codec] : "unknown";
}

bool cs_codec_find(cs_str name, cs_codec *out)
{
    if (cs_str_eq_nocase(name, CS_STR("none"))) {
        *out = CS_CODEC_NONE;
        return true;
    }
    for (int i = 0; i < CS_CODEC_COUNT; i++) {
        if (cs_str_eq_nocase(name, cs_str_of(codec_names[i]))) {
            *out = (cs_codec)i;
            return true;
        }
    }
    return false;
}

cs_code cs_codec_compress(cs_codec codec, cs_str in, cs_buf *out, cs_error *err)
{
    switch (codec) {
    case CS_CODEC_NONE:
        cs_buf_add(out, in.ptr, in.len);
        return cs_buf_check(out, err);
    case CS_CODEC_SNAPPY:
        return compress_snappy(in, out, err);
    case CS_CODEC_GZIP:
        return compress_gzip(in, out, err);
    case CS_CODEC_ZSTD:
        return compress_zstd(in, out, err);
    case CS_CODEC_LZ4_RAW:
        return compress_lz4(in, out, err);
    case CS_CODEC_COUNT:
        break;
    }
    return cs_error_set(err, CS_E_INTERNAL, "codec %d does not exist", (int)codec);
}

cs_code cs_codec_decompress(cs_codec codec, cs_str in, void *out, size_t out_len, cs_error *err)
{
    switch (codec) {
    case CS_CODEC_NONE:
        if (in.len != out_len)
            return damaged(codec, in, out_len, err);
        if (out_len > 0)
            memcpy(out, in.ptr, out_len);
        return CS_OK;
    case CS_CODEC_SNAPPY: {
        /* The library writes as much as the stream announces: ask before it does. */
        size_t len = 0;
        if (snappy_uncompressed_length(in.ptr, in.len, &len) != SNAPPY_OK || len != out_len ||
            snappy_uncompress(in.ptr, in.len, out, &len) != SNAPPY_OK || len != out_len)
            return damaged(codec, in, out_len, err);
        return CS_OK;
    }
    case CS_CODEC_GZIP:
        return decompress_gzip(in, out, out_len, err);
    case CS_CODEC_ZSTD:
        if (ZSTD_decompress(out, out_len, in.ptr, in.len) != out_len)
            return damaged(codec, in, out_len, err);
        return CS_OK;
    case CS_CODEC_LZ4_RAW:
        if (in.len > INT_MAX || out_len > INT_MAX ||
            LZ4_decompress_safe(in.ptr, out, (int)in.len, (int)out_len) != (int)out_len)
            return damaged(codec, in, out_len, err);
        return CS_OK;
    case CS_CODEC_COUNT:
        break;
    }
    return cs_error_set(err, CS_E_INTERNAL, "codec %d does not exist", (int)codec);
}

static cs_code compress_snappy(cs_str in, cs_buf *out, cs_error *err)
{
    size_t len = snappy_max_compressed_length(in.len);
    char *to = cs_buf_reserve(out, len);
    if (!to)
        return no_room(len, err);
    if (in.len > UINT32_MAX || snappy_compress(in.ptr, in.len, to, &len) != SNAPPY_OK)
        return cs_error_set(err, CS_E_INTERNAL, "snappy cannot compress %zu bytes", in.len);
    out->len += len;
    return CS_OK;
}

static cs_code compress_gzip(cs_str in, cs_buf *out, cs_error *err)
{
    z_stream stream = { 0 };
    if (in.len > UINT_MAX / 2)
        return cs_error_set(err, CS_E_INTERNAL, "gzip block of %zu bytes is too large", in.len);
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WRITE_BITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return no_room(0, err);
    size_t room = deflateBound(&stream, (uLong)in.len);
    char *to = cs_buf_reserve(out, room);
    if (!to) {
        (void)deflateEnd(&stream); /* nothing was produced: its verdict says nothing */
        return no_room(room, err);
    }
    stream.next_in = (Bytef *)(uintptr_t)in.ptr;
    stream.avail_in = (uInt)in.len;
    stream.next_out = (Bytef *)to;
    stream.avail_out = (uInt)room;
    int done = deflate(&stream, Z_FINISH);
    size_t len = stream.total_out;
    (void)deflateEnd(&stream); /* the result of deflate decides */
    if (done != Z_STREAM_END)
        return cs_error_set(err, CS_E_INTERNAL, "zlib cannot compress %zu bytes: %d", in.len, done);
    out->len += len;
    return CS_OK;
}

static cs_code compress_zstd(cs_str in, cs_buf *out, cs_error *err)
{
    size_t room = ZSTD_compressBound(in.len);
    char *to = cs_buf_reserve(out, room);
    if (!to)
        return no_room(room, err);
    size_t len = ZSTD_compress(to, room, in.ptr, in.len, ZSTD_LEVEL);
    if (ZSTD_isError(len))
        return cs_error_set(err, CS_E_NOMEM, "zstd cannot compress %zu bytes: %s", in.len,
                            ZSTD_getErrorName(len));
    out->len += len;
    return CS_OK;
}

static cs_code compress_lz4(cs_str in, cs_buf *out, cs_error *err)
{
    if (in.len > LZ4_MAX_INPUT_SIZE)
        return cs_error_set(err, CS_E_INTERNAL, "lz4 block of %zu bytes is too large", in.len);
    int room = LZ4_compressBound((int)in.len);
    char *to = cs_buf_reserve(out, (size_t)room);
    if (!to)
        return no_room((size_t)room, err);
    int len = LZ4_compress_default(in.ptr, to, (int)in.len, room);
    if (len <= 0)
        return cs_error_set(err, CS_E_INTERNAL, "lz4 cannot compress %zu bytes", in.len);
    out->len += (size_t)len;
    return CS_OK;
}

/* A gzip file is one member after another (RFC 1952, 2.2): all of them count. */
static cs_code decompress_gzip(cs_str in, void *out, size_t out_len, cs_error *err)
{
    z_stream stream = { 0 };
    if (in.len > UINT_MAX || out_len > UINT_MAX)
        return damaged(CS_CODEC_GZIP, in, out_len, err);
    if (inflateInit2(&stream, GZIP_READ_BITS) != Z_OK)
        return no_room(0, err);
    Bytef nothing; /* zlib wants a place even for no output */
    stream.next_in = (Bytef *)(uintptr_t)in.ptr;
    stream.avail_in = (uInt)in.len;
    stream.next_out = out_len > 0 ? out : &nothing;
    stream.avail_out = (uInt)out_len;
    int done;
    do {
        done = inflate(&stream, Z_FINISH);
        if (done == Z_STREAM_END && stream.avail_in > 0 && inflateReset(&stream) != Z_OK)
            done = Z_DATA_ERROR;
    } while (done == Z_STREAM_END && stream.avail_in > 0);
    bool whole = done == Z_STREAM_END && stream.avail_out == 0;
    (void)inflateEnd(&stream); /* the result of inflate decides */
    return whole ? CS_OK : damaged(CS_CODEC_GZIP, in, out_len, err);
}

static cs_code damaged(cs_codec codec, cs_str in, size_t out_len, cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_PARQUET, "%zu bytes of %s do not decompress to %zu bytes",
                        in.len, codec_names[codec], out_len);
}

static cs_code no_room(size_t len, cs_error *err)
{
    return cs_error_set(err, CS_E_NOMEM, "no memory for a compressed block of %zu bytes", len);
}
