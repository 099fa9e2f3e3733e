/* The file's schema matched with the columns that are wanted: what to read, and the definition and repetition
 * levels that tell nulls and lists apart (Dremel; parquet-format, Nested Encoding). */
#ifndef CS_COMMON_PARQUET_PARQUET_TREE_H
#define CS_COMMON_PARQUET_PARQUET_TREE_H

#include "common/data/rows.h"
#include "common/parquet/parquet_meta.h"

/* How a leaf's physical value becomes a value of the wanted type. */
typedef enum cs_parquet_conversion {
    CS_PARQUET_TO_NOTHING, /* only its levels are read */
    CS_PARQUET_TO_BOOLEAN,
    CS_PARQUET_TO_INTEGER, /* from INT32 or INT64, to any width that holds it; dates and decimals too */
    CS_PARQUET_TO_UNSIGNED,
    CS_PARQUET_TO_FLOATING,
    CS_PARQUET_TO_MICROS,  /* from INT64 in its unit, or INT96 */
    CS_PARQUET_TO_DECIMAL, /* from big-endian bytes */
    CS_PARQUET_TO_TEXT,
} cs_parquet_conversion;

typedef struct cs_parquet_leaf_plan {
    size_t chunk; /* index among the file's leaf columns */
    const cs_parquet_element *element;
    const cs_type *type; /* NULL with TO_NOTHING */
    cs_parquet_conversion conversion;
    uint16_t max_def, max_rep;
} cs_parquet_leaf_plan;

typedef enum cs_parquet_node_kind {
    CS_PARQUET_NODE_ABSENT, /* not in the file: nulls */
    CS_PARQUET_NODE_LEAF,
    CS_PARQUET_NODE_STRUCT,
    CS_PARQUET_NODE_LIST, /* arrays and maps */
} cs_parquet_node_kind;

typedef struct cs_parquet_node cs_parquet_node;
struct cs_parquet_node {
    cs_parquet_node_kind kind;
    uint16_t def;        /* from this level on the value is there */
    uint16_t element_def; /* LIST: from this level on there is an element */
    uint16_t element_rep; /* LIST: an entry of this level is a further element */
    size_t leaf_from, leaf_to; /* its leaves; the first tells the levels */
    cs_parquet_node *children; /* STRUCT: one per wanted field; LIST: element, or key and value */
    size_t n_children;
};

typedef struct cs_parquet_tree {
    const cs_schema *schema;
    cs_parquet_node *columns; /* schema->n_fields */
    cs_parquet_leaf_plan *leaves;
    size_t n_leaves;
    size_t n_chunks; /* leaf columns in the file */
} cs_parquet_tree;

/* wanted NULL: all that the file has. All memory is of the arena. */
CS_MUST_USE cs_code cs_parquet_tree_make(const cs_parquet_footer *footer, const cs_schema *wanted,
                                         cs_arena *arena, cs_parquet_tree *out, cs_error *err);

#endif
