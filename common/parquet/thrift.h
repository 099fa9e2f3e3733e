/* Thrift's compact protocol, as much of it as Parquet's metadata uses (apache/thrift,
 * doc/specs/thrift-compact-protocol.md). Written from and read into our own structs: no generated code. */
#ifndef CS_COMMON_PARQUET_THRIFT_H
#define CS_COMMON_PARQUET_THRIFT_H

#include "common/base/buf.h"

typedef enum cs_thrift_type {
    CS_THRIFT_STOP = 0,
    CS_THRIFT_TRUE = 1,
    CS_THRIFT_FALSE = 2,
    CS_THRIFT_I8 = 3,
    CS_THRIFT_I16 = 4,
    CS_THRIFT_I32 = 5,
    CS_THRIFT_I64 = 6,
    CS_THRIFT_DOUBLE = 7,
    CS_THRIFT_BINARY = 8,
    CS_THRIFT_LIST = 9,
    CS_THRIFT_SET = 10,
    CS_THRIFT_MAP = 11,
    CS_THRIFT_STRUCT = 12,
    CS_THRIFT_UUID = 13,
} cs_thrift_type;

/* Parquet nests at most seven deep; a schema is a flat list. */
#define CS_THRIFT_DEPTH_MAX 16

/* --- writing: struct begin, fields in rising order, struct end --- */
typedef struct cs_thrift_out {
    cs_buf *buf;
    int16_t last[CS_THRIFT_DEPTH_MAX]; /* last field id per open struct */
    int depth;
} cs_thrift_out;

void cs_thrift_begin(cs_thrift_out *out); /* the outermost struct, or an element of a list */
void cs_thrift_end(cs_thrift_out *out);
void cs_thrift_bool(cs_thrift_out *out, int16_t field, bool value);
void cs_thrift_i8(cs_thrift_out *out, int16_t field, int8_t value);
void cs_thrift_i32(cs_thrift_out *out, int16_t field, int32_t value);
void cs_thrift_i64(cs_thrift_out *out, int16_t field, int64_t value);
void cs_thrift_binary(cs_thrift_out *out, int16_t field, cs_str value);
void cs_thrift_struct(cs_thrift_out *out, int16_t field); /* then its fields, then cs_thrift_end */
void cs_thrift_list(cs_thrift_out *out, int16_t field, cs_thrift_type element, size_t count);
/* Elements of a list of numbers or texts. */
void cs_thrift_add_i32(cs_thrift_out *out, int32_t value);
void cs_thrift_add_binary(cs_thrift_out *out, cs_str value);

/* --- reading: every function fails softly and for good (`bad`): check once at the end --- */
typedef struct cs_thrift_in {
    cs_cursor cursor;
    bool bad;
    int depth;
} cs_thrift_in;

/* The next field of the struct at hand; false at its end or when the bytes are bad. *last starts as 0 per
 * struct. The value must then be read or skipped. */
bool cs_thrift_field(cs_thrift_in *in, int16_t *last, cs_thrift_type *type);
void cs_thrift_skip(cs_thrift_in *in, cs_thrift_type type);
/* Around the fields of a nested struct; enter sets bad beyond CS_THRIFT_DEPTH_MAX. */
void cs_thrift_enter(cs_thrift_in *in);
void cs_thrift_leave(cs_thrift_in *in);
/* Values of the type that was announced; another type than wanted sets bad. */
bool cs_thrift_get_bool(cs_thrift_in *in, cs_thrift_type type);
int32_t cs_thrift_get_i32(cs_thrift_in *in, cs_thrift_type type);
int64_t cs_thrift_get_i64(cs_thrift_in *in, cs_thrift_type type);
/* Points into the input. */
cs_str cs_thrift_get_binary(cs_thrift_in *in, cs_thrift_type type);
/* Elements of the list; each takes at least one byte of input, so a count beyond what is left is bad. */
size_t cs_thrift_get_list(cs_thrift_in *in, cs_thrift_type type, cs_thrift_type *element);

#endif
