/* Parquet's metadata as structs, encoded and decoded (apache/parquet-format, parquet.thrift). Only the
 * members that we write or act on. Text and bytes in decoded structs point into the input. */
#ifndef CS_COMMON_PARQUET_PARQUET_META_H
#define CS_COMMON_PARQUET_PARQUET_META_H

#include "common/base/arena.h"
#include "common/parquet/thrift.h"

#define CS_PARQUET_MAGIC "PAR1"
#define CS_PARQUET_MAGIC_LEN 4
#define CS_PARQUET_TAIL_LEN 8 /* footer length and magic */
/* Limits of what we read from others. */
#define CS_PARQUET_FOOTER_BYTES_MAX (256u << 20)
#define CS_PARQUET_ELEMENTS_MAX 65536u
#define CS_PARQUET_PAGE_BYTES_MAX (256u << 20)
#define CS_PARQUET_PAGE_HEADER_BYTES_MAX (16u << 20)

typedef enum cs_parquet_type {
    CS_PARQUET_BOOLEAN = 0,
    CS_PARQUET_INT32 = 1,
    CS_PARQUET_INT64 = 2,
    CS_PARQUET_INT96 = 3,
    CS_PARQUET_FLOAT = 4,
    CS_PARQUET_DOUBLE = 5,
    CS_PARQUET_BYTE_ARRAY = 6,
    CS_PARQUET_FLBA = 7, /* fixed_len_byte_array */
} cs_parquet_type;

typedef enum cs_parquet_repetition {
    CS_PARQUET_REQUIRED = 0,
    CS_PARQUET_OPTIONAL = 1,
    CS_PARQUET_REPEATED = 2,
} cs_parquet_repetition;

typedef enum cs_parquet_encoding {
    CS_PARQUET_PLAIN = 0,
    CS_PARQUET_PLAIN_DICTIONARY = 2,
    CS_PARQUET_RLE = 3,
    CS_PARQUET_BIT_PACKED = 4,
    CS_PARQUET_DELTA_BINARY_PACKED = 5,
    CS_PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    CS_PARQUET_DELTA_BYTE_ARRAY = 7,
    CS_PARQUET_RLE_DICTIONARY = 8,
    CS_PARQUET_BYTE_STREAM_SPLIT = 9,
} cs_parquet_encoding;

typedef enum cs_parquet_page_type {
    CS_PARQUET_DATA_PAGE = 0,
    CS_PARQUET_INDEX_PAGE = 1,
    CS_PARQUET_DICTIONARY_PAGE = 2,
    CS_PARQUET_DATA_PAGE_V2 = 3,
} cs_parquet_page_type;

/* What a column means: the logical type, or the converted type of older writers, folded into one. */
typedef enum cs_parquet_logical {
    CS_PARQUET_LOGICAL_NONE = 0,
    CS_PARQUET_LOGICAL_STRING, /* UTF8, ENUM and JSON too */
    CS_PARQUET_LOGICAL_DECIMAL,
    CS_PARQUET_LOGICAL_DATE,
    CS_PARQUET_LOGICAL_TIME,
    CS_PARQUET_LOGICAL_TIMESTAMP,
    CS_PARQUET_LOGICAL_INTEGER,
    CS_PARQUET_LOGICAL_LIST,
    CS_PARQUET_LOGICAL_MAP,
    CS_PARQUET_LOGICAL_OTHER, /* read as the physical type */
} cs_parquet_logical;

typedef enum cs_parquet_unit {
    CS_PARQUET_MILLIS,
    CS_PARQUET_MICROS,
    CS_PARQUET_NANOS,
} cs_parquet_unit;

/* One element of the flattened schema tree (parquet.thrift SchemaElement). */
typedef struct cs_parquet_element {
    cs_str name;
    bool has_type; /* false: a group */
    cs_parquet_type type;
    int32_t type_length; /* FLBA */
    cs_parquet_repetition repetition;
    uint32_t n_children;
    cs_parquet_logical logical;
    int32_t precision, scale; /* decimal */
    int32_t bits;             /* integer */
    bool is_signed;
    cs_parquet_unit unit; /* time, timestamp */
    bool utc;             /* timestamp: isAdjustedToUTC */
    bool has_field_id;
    int32_t field_id;
} cs_parquet_element;

typedef struct cs_parquet_statistics {
    bool has_null_count, has_min_max;
    int64_t null_count;
    cs_str min, max; /* PLAIN bytes without a length */
    bool min_exact, max_exact;
} cs_parquet_statistics;

#define CS_PARQUET_ENCODINGS_MAX 4 /* of one column chunk, when we write */

/* parquet.thrift ColumnMetaData. */
typedef struct cs_parquet_chunk {
    cs_parquet_type type;
    int32_t codec;      /* CompressionCodec's number */
    int64_t num_values; /* nulls included */
    int64_t uncompressed_bytes, compressed_bytes; /* page headers included */
    int64_t data_page_offset;
    int64_t dictionary_page_offset; /* 0: none */
    cs_parquet_statistics statistics;
    bool external; /* file_path is set: the data is in another file */
    bool has_meta, encrypted;
    /* writing only: */
    cs_str path;
    cs_parquet_encoding encodings[CS_PARQUET_ENCODINGS_MAX];
    size_t n_encodings;
} cs_parquet_chunk;

typedef struct cs_parquet_page_header {
    cs_parquet_page_type type;
    int32_t uncompressed_bytes, compressed_bytes;
    int32_t num_values; /* data: levels, nulls included; dictionary: entries */
    cs_parquet_encoding encoding;
    /* V1 */
    cs_parquet_encoding definition_encoding, repetition_encoding;
    /* V2 */
    int32_t definition_bytes, repetition_bytes;
    bool compressed;
    cs_parquet_statistics statistics;
} cs_parquet_page_header;

/* The footer, row groups still encoded: a file may hold many and they are read one after another. */
typedef struct cs_parquet_footer {
    cs_parquet_element *elements; /* [0] is the root */
    size_t n_elements;
    int64_t num_rows;
    cs_str *row_groups; /* encoded RowGroup structs */
    size_t n_row_groups;
} cs_parquet_footer;

/* CompressionCodec's number in files. */
int32_t cs_parquet_codec_number(int codec);
/* -1: none of ours. */
int cs_parquet_codec_from_number(int32_t number);
const char *cs_parquet_encoding_name(cs_parquet_encoding encoding);

void cs_parquet_put_page_header(cs_buf *out, const cs_parquet_page_header *header);
/* One element of the list row_groups. */
void cs_parquet_put_row_group(cs_buf *out, const cs_parquet_chunk *chunks, size_t n_chunks,
                              int64_t num_rows, int64_t ordinal);
/* The whole FileMetaData; row_groups: n encoded structs one behind the other. */
void cs_parquet_put_footer(cs_buf *out, const cs_parquet_element *elements, size_t n_elements,
                           int64_t num_rows, cs_str row_groups, size_t n_row_groups, cs_str created_by);

/* Arrays are made in the arena. Errors: CS_E_DAMAGED_PARQUET, CS_E_LIMIT. */
CS_MUST_USE cs_code cs_parquet_get_footer(cs_str bytes, cs_arena *arena, cs_parquet_footer *out,
                                          cs_error *err);
/* Exactly n_chunks chunks must be there. */
CS_MUST_USE cs_code cs_parquet_get_row_group(cs_str bytes, cs_parquet_chunk *chunks,
                                             size_t n_chunks, int64_t *num_rows, cs_error *err);
/* *len: bytes that the header takes. False: not a header, or not all of it is there. */
bool cs_parquet_get_page_header(cs_str bytes, cs_parquet_page_header *out, size_t *len);

#endif
