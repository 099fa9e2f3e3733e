/* What the groups of a file's schema mean: structs, lists in all the spellings of old and new writers, maps. */
#ifndef CS_COMMON_PARQUET_PARQUET_SHAPE_H
#define CS_COMMON_PARQUET_PARQUET_SHAPE_H

#include "common/data/type.h"
#include "common/parquet/parquet_meta.h"

/* A list in a list takes two levels of groups each. */
#define CS_PARQUET_DEPTH_MAX 80

typedef struct cs_parquet_schema {
    const cs_parquet_element *elements;
    size_t n_elements;
    uint32_t *next;  /* index of the element behind the subtree */
    uint32_t *chunk; /* leaf columns in front of the element */
    size_t n_chunks;
} cs_parquet_schema;

typedef enum cs_parquet_shape_kind {
    CS_PARQUET_SHAPE_LEAF,
    CS_PARQUET_SHAPE_STRUCT,
    CS_PARQUET_SHAPE_LIST,
    CS_PARQUET_SHAPE_MAP,
} cs_parquet_shape_kind;

typedef struct cs_parquet_shape {
    cs_parquet_shape_kind kind;
    /* LIST: the element; element_repeated: it is the repeated field itself and cannot be null. MAP: key. */
    uint32_t element;
    bool element_repeated;
    uint32_t value; /* MAP */
} cs_parquet_shape;

/* Checks that the flat list of elements is a tree. */
CS_MUST_USE cs_code cs_parquet_schema_make(const cs_parquet_footer *footer, cs_arena *arena,
                                           cs_parquet_schema *out, cs_error *err);
/* as_element: `at` stands for one element of a list, its own repetition is spent. */
CS_MUST_USE cs_code cs_parquet_shape_of(const cs_parquet_schema *schema, uint32_t at,
                                        bool as_element, cs_parquet_shape *out, cs_error *err);
/* The type that Spark reads such a column as. */
CS_MUST_USE cs_code cs_parquet_type_of(const cs_parquet_schema *schema, uint32_t at,
                                       bool as_element, unsigned depth, cs_arena *arena, const cs_type **out, cs_error *err);

#endif
