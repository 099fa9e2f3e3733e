/* Column types: Spark SQL's names, Delta's JSON names, and the physical layout in cs_column. */
#ifndef CS_COMMON_DATA_TYPE_H
#define CS_COMMON_DATA_TYPE_H

#include "common/base/arena.h"
#include "common/base/buf.h"

#define CS_DECIMAL_PRECISION_MAX 38

/*  kind                  DDL name         JSON name */
#define CS_TYPE_TABLE(X)                                     \
    X(CS_TYPE_BOOLEAN,       "BOOLEAN",       "boolean")        /* one bit a value, LSB first */     \
    X(CS_TYPE_BYTE,          "TINYINT",       "byte")           /* int8_t */                         \
    X(CS_TYPE_SHORT,         "SMALLINT",      "short")          /* int16_t */                        \
    X(CS_TYPE_INT,           "INT",           "integer")        /* int32_t */                        \
    X(CS_TYPE_LONG,          "BIGINT",        "long")           /* int64_t */                        \
    X(CS_TYPE_FLOAT,         "FLOAT",         "float")                                               \
    X(CS_TYPE_DOUBLE,        "DOUBLE",        "double")                                              \
    X(CS_TYPE_DECIMAL,       "DECIMAL",       "decimal")        /* p<=9 int32_t, p<=18 int64_t, else __int128, unscaled */ \
    X(CS_TYPE_STRING,        "STRING",        "string")         /* int32_t offsets + UTF-8 bytes */  \
    X(CS_TYPE_BINARY,        "BINARY",        "binary")         /* int32_t offsets + bytes */        \
    X(CS_TYPE_DATE,          "DATE",          "date")           /* int32_t days since 1970-01-01 */  \
    X(CS_TYPE_TIMESTAMP,     "TIMESTAMP",     "timestamp")      /* int64_t microseconds UTC */       \
    X(CS_TYPE_TIMESTAMP_NTZ, "TIMESTAMP_NTZ", "timestamp_ntz")  /* int64_t microseconds, wall clock */ \
    X(CS_TYPE_ARRAY,         "ARRAY",         "array")          /* int32_t offsets, child 0 = elements */ \
    X(CS_TYPE_MAP,           "MAP",           "map")            /* int32_t offsets, child 0 = keys, 1 = values */ \
    X(CS_TYPE_STRUCT,        "STRUCT",        "struct")         /* children = fields */

typedef enum cs_type_kind {
#define X(kind, ddl, json) kind,
    CS_TYPE_TABLE(X)
#undef X
    CS_TYPE_KIND_COUNT
} cs_type_kind;

typedef struct cs_field cs_field;

/* Immutable; lives in the arena it was made in. */
typedef struct cs_type {
    cs_type_kind kind;
    uint8_t precision, scale; /* decimal */
    bool contains_null;       /* array: elements; map: values may be null */
    const cs_field *fields;   /* array: {element}; map: {key, value}; struct: its fields */
    size_t n_fields;
} cs_type;

struct cs_field {
    cs_str name;
    const cs_type *type;
    bool nullable;
    cs_str metadata; /* JSON object text; empty = {} */
};

/* The schema of a table or a source: a struct type. */
typedef struct cs_schema {
    const cs_field *fields;
    size_t n_fields;
} cs_schema;

const char *cs_type_ddl_name(cs_type_kind kind);  /* "BIGINT" */
const char *cs_type_json_name(cs_type_kind kind); /* "long" */
/* One shared immutable instance per flat kind (not decimal, array, map, struct). */
const cs_type *cs_type_flat(cs_type_kind kind);
const cs_type *cs_type_decimal(cs_arena *arena, uint8_t precision, uint8_t scale);
bool cs_type_is_flat(const cs_type *type);
/* Bytes a value takes in cs_column.data; 0 for boolean and for types with offsets or children. */
size_t cs_type_width(const cs_type *type);
bool cs_type_eq(const cs_type *a, const cs_type *b); /* nullability and metadata aside */
/* `decimal(10,2)`, `array<bigint>`: lower-case, as Spark's simpleString. */
void cs_type_print(const cs_type *type, cs_buf *out);

#endif
