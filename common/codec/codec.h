/* Block compression behind one interface: whole buffer in, whole buffer out. */
#ifndef CS_COMMON_CODEC_CODEC_H
#define CS_COMMON_CODEC_CODEC_H

#include "common/base/buf.h"

/*  id                 option's name (Spark's)  */
#define CS_CODEC_TABLE(X)                  \
    X(CS_CODEC_NONE,    "uncompressed")    \
    X(CS_CODEC_SNAPPY,  "snappy")          \
    X(CS_CODEC_GZIP,    "gzip")            \
    X(CS_CODEC_ZSTD,    "zstd")            \
    X(CS_CODEC_LZ4_RAW, "lz4_raw")

typedef enum cs_codec {
#define X(id, name) id,
    CS_CODEC_TABLE(X)
#undef X
    CS_CODEC_COUNT
} cs_codec;

const char *cs_codec_name(cs_codec codec);
bool cs_codec_find(cs_str name, cs_codec *out); /* any case; "none" is uncompressed */
/* Appends the compressed bytes of `in`. */
CS_MUST_USE cs_code cs_codec_compress(cs_codec codec, cs_str in, cs_buf *out, cs_error *err);
/* Exactly out_len bytes must come out, else CS_E_DAMAGED_PARQUET. */
CS_MUST_USE cs_code cs_codec_decompress(cs_codec codec, cs_str in, void *out, size_t out_len,
                                        cs_error *err);

#endif
