#include "common/parquet/parquet_tree.h"

#include "common/base/limits.h"
#include "common/parquet/parquet_shape.h"

typedef struct tree_maker {
    const cs_parquet_schema *schema;
    cs_parquet_tree *tree;
    cs_arena *arena;
} tree_maker;

/* Levels of the place in the schema, the element's own repetition included. */
typedef struct levels {
    uint16_t def, rep;
} levels;

static cs_code match(tree_maker *maker, uint32_t at, bool as_element, levels level,
                     const cs_type *wanted, cs_parquet_node *node, cs_error *err);
static cs_code match_struct(tree_maker *maker, uint32_t at, levels level, const cs_type *wanted,
                            cs_parquet_node *node, cs_error *err);
static cs_code match_list(tree_maker *maker, cs_parquet_shape shape, levels level,
                          const cs_type *wanted, cs_parquet_node *node, cs_error *err);
static cs_code match_fields(tree_maker *maker, uint32_t at, levels level, const cs_field *fields,
                            size_t n_fields, cs_parquet_node *nodes, cs_error *err);
static levels below(const cs_parquet_element *element, levels level);
static bool convert(const cs_parquet_element *element, const cs_type *wanted,
                    cs_parquet_conversion *out);
static cs_code mismatch(const cs_parquet_element *element, const char *is, const cs_type *wanted,
                        cs_error *err);
static const char *describe(const cs_parquet_element *element);

cs_code cs_parquet_tree_make(const cs_parquet_footer *footer, const cs_schema *wanted,
                             cs_arena *arena, cs_parquet_tree *out, cs_error *err)
{
    cs_parquet_schema schema;
    CS_TRY(cs_parquet_schema_make(footer, arena, &schema, err));
    if (!wanted) {
        const cs_type *type;
        CS_TRY(cs_parquet_type_of(&schema, 0, true, 0, arena, &type, err));
        if (type->kind != CS_TYPE_STRUCT)
            return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                                "the schema in the footer has no columns");
        cs_schema *all = cs_arena_new(arena, cs_schema);
        *all = (cs_schema){ type->fields, type->n_fields };
        wanted = all;
    }
    cs_parquet_tree tree = { .schema = wanted, .n_chunks = schema.n_chunks };
    tree.columns = cs_arena_array(arena, cs_parquet_node, wanted->n_fields + 1);
    /* A leaf may be read twice at most: for a value, and for the levels of a struct of which nothing is wanted. */
    tree.leaves = cs_arena_array(arena, cs_parquet_leaf_plan,
                                 schema.n_elements + schema.n_chunks + 1);
    tree_maker maker = { &schema, &tree, arena };
    CS_TRY(match_fields(&maker, 0, (levels){ 0, 0 }, wanted->fields, wanted->n_fields, tree.columns,
                        err));
    *out = tree;
    return CS_OK;
}

static uint32_t find_child(const cs_parquet_schema *schema, uint32_t at, cs_str name)
{
    uint32_t child = at + 1, other_case = 0;
    for (uint32_t i = 0; i < schema->elements[at].n_children; i++, child = schema->next[child]) {
        if (cs_str_eq(schema->elements[child].name, name))
            return child;
        if (!other_case && cs_str_eq_nocase(schema->elements[child].name, name))
            other_case = child;
    }
    return other_case;
}

/* Fields that are wanted twice, in another case, would read one leaf twice: the array of leaves bounds that. */
static cs_code match_fields(tree_maker *maker, uint32_t at, levels level, const cs_field *fields,
                            size_t n_fields, cs_parquet_node *nodes, cs_error *err)
{
    const cs_parquet_schema *schema = maker->schema;
    uint32_t next_child = at + 1;
    uint32_t end = schema->next[at];
    for (size_t i = 0; i < n_fields; i++) {
        /* Mostly the order is the same: look at the next one first. */
        uint32_t child = next_child;
        if (child >= end || !cs_str_eq(schema->elements[child].name, fields[i].name))
            child = find_child(schema, at, fields[i].name);
        nodes[i].leaf_from = nodes[i].leaf_to = maker->tree->n_leaves;
        if (child == 0)
            continue;
        next_child = schema->next[child];
        CS_TRY(match(maker, child, false, below(&schema->elements[child], level), fields[i].type,
                     &nodes[i], err));
    }
    return CS_OK;
}

static cs_code add_leaf(tree_maker *maker, uint32_t at, levels level, const cs_type *wanted,
                        cs_parquet_conversion conversion, cs_error *err)
{
    cs_parquet_tree *tree = maker->tree;
    if (tree->n_leaves >= maker->schema->n_elements + maker->schema->n_chunks)
        return cs_error_set(err, CS_E_SCHEMA_MISMATCH, "column %.*s is wanted more than once",
                            CS_STR_ARG(maker->schema->elements[at].name));
    tree->leaves[tree->n_leaves++] = (cs_parquet_leaf_plan){
        .chunk = maker->schema->chunk[at],
        .element = &maker->schema->elements[at],
        .type = wanted,
        .conversion = conversion,
        .max_def = level.def,
        .max_rep = level.rep,
    };
    return CS_OK;
}

/* Nothing below is wanted, but whether it is null, or how many there are, is: the first leaf tells. */
static cs_code add_levels_leaf(tree_maker *maker, uint32_t at, levels level, cs_error *err)
{
    const cs_parquet_schema *schema = maker->schema;
    while (!schema->elements[at].has_type) {
        if (schema->elements[at].n_children == 0)
            return cs_error_set(err, CS_E_UNSUPPORTED, "group %.*s has no columns",
                                CS_STR_ARG(schema->elements[at].name));
        level = below(&schema->elements[++at], level);
    }
    return add_leaf(maker, at, level, NULL, CS_PARQUET_TO_NOTHING, err);
}

static cs_code match(tree_maker *maker, uint32_t at, bool as_element, levels level,
                     const cs_type *wanted, cs_parquet_node *node, cs_error *err)
{
    const cs_parquet_element *element = &maker->schema->elements[at];
    cs_parquet_shape shape;
    CS_TRY(cs_parquet_shape_of(maker->schema, at, as_element, &shape, err));
    node->leaf_from = maker->tree->n_leaves;
    node->def = level.def;
    switch (shape.kind) {
    case CS_PARQUET_SHAPE_LEAF: {
        cs_parquet_conversion conversion;
        if (!convert(element, wanted, &conversion))
            return mismatch(element, describe(element), wanted, err);
        node->kind = CS_PARQUET_NODE_LEAF;
        CS_TRY(add_leaf(maker, at, level, wanted, conversion, err));
        break;
    }
    case CS_PARQUET_SHAPE_STRUCT:
        if (wanted->kind != CS_TYPE_STRUCT)
            return mismatch(element, "a struct", wanted, err);
        CS_TRY(match_struct(maker, at, level, wanted, node, err));
        break;
    case CS_PARQUET_SHAPE_LIST:
        if (wanted->kind != CS_TYPE_ARRAY)
            return mismatch(element, "a list", wanted, err);
        if (element->repetition == CS_PARQUET_REPEATED && !as_element) {
            /* A bare repeated field is a list that is never null. */
            level.def--;
            level.rep--;
            node->def = level.def;
        }
        CS_TRY(match_list(maker, shape, level, wanted, node, err));
        break;
    case CS_PARQUET_SHAPE_MAP:
        if (wanted->kind != CS_TYPE_MAP)
            return mismatch(element, "a map", wanted, err);
        CS_TRY(match_list(maker, shape, level, wanted, node, err));
        break;
    }
    node->leaf_to = maker->tree->n_leaves;
    return CS_OK;
}

static cs_code match_struct(tree_maker *maker, uint32_t at, levels level, const cs_type *wanted,
                            cs_parquet_node *node, cs_error *err)
{
    node->kind = CS_PARQUET_NODE_STRUCT;
    node->n_children = wanted->n_fields;
    node->children = cs_arena_array(maker->arena, cs_parquet_node, wanted->n_fields + 1);
    CS_TRY(match_fields(maker, at, level, wanted->fields, wanted->n_fields, node->children, err));
    if (maker->tree->n_leaves == node->leaf_from)
        CS_TRY(add_levels_leaf(maker, at, level, err));
    return CS_OK;
}

static cs_code match_list(tree_maker *maker, cs_parquet_shape shape, levels level,
                          const cs_type *wanted, cs_parquet_node *node, cs_error *err)
{
    const cs_parquet_schema *schema = maker->schema;
    bool map = shape.kind == CS_PARQUET_SHAPE_MAP;
    levels repeated = { (uint16_t)(level.def + 1), (uint16_t)(level.rep + 1) };
    node->kind = CS_PARQUET_NODE_LIST;
    node->element_def = repeated.def;
    node->element_rep = repeated.rep;
    node->n_children = map ? 2 : 1;
    node->children = cs_arena_array(maker->arena, cs_parquet_node, 2);
    levels inner = repeated;
    if (!shape.element_repeated)
        inner = below(&schema->elements[shape.element], repeated);
    CS_TRY(match(maker, shape.element, shape.element_repeated, inner, wanted->fields[0].type,
                 &node->children[0], err));
    if (map)
        CS_TRY(match(maker, shape.value, false, below(&schema->elements[shape.value], repeated),
                     wanted->fields[1].type, &node->children[1], err));
    return CS_OK;
}

static levels below(const cs_parquet_element *element, levels level)
{
    level.def = (uint16_t)(level.def + (element->repetition != CS_PARQUET_REQUIRED));
    level.rep = (uint16_t)(level.rep + (element->repetition == CS_PARQUET_REPEATED));
    return level;
}

static bool convert_integer(const cs_parquet_element *element, const cs_type *wanted,
                            cs_parquet_conversion *out)
{
    bool plain = element->logical == CS_PARQUET_LOGICAL_NONE || element->logical == CS_PARQUET_LOGICAL_OTHER ||
                 element->logical == CS_PARQUET_LOGICAL_TIME;
    bool is_signed = element->logical == CS_PARQUET_LOGICAL_INTEGER && element->is_signed;
    bool is_unsigned = element->logical == CS_PARQUET_LOGICAL_INTEGER && !element->is_signed;
    *out = is_unsigned ? CS_PARQUET_TO_UNSIGNED : CS_PARQUET_TO_INTEGER;
    switch (wanted->kind) {
    case CS_TYPE_BYTE:
    case CS_TYPE_SHORT:
    case CS_TYPE_INT:
        return element->type == CS_PARQUET_INT32 && (plain || is_signed || is_unsigned);
    case CS_TYPE_LONG:
        return plain || is_signed || is_unsigned;
    case CS_TYPE_DATE:
        return element->type == CS_PARQUET_INT32 && (plain ||
                                                     element->logical == CS_PARQUET_LOGICAL_DATE);
    case CS_TYPE_DECIMAL:
        if (is_unsigned || plain || is_signed)
            return wanted->scale == 0 && wanted->precision >= (element->type == CS_PARQUET_INT32 ? 10 : 20);
        return element->logical == CS_PARQUET_LOGICAL_DECIMAL && element->scale == wanted->scale &&
               element->precision <= wanted->precision;
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        *out = CS_PARQUET_TO_MICROS;
        return element->type == CS_PARQUET_INT64 && element->logical == CS_PARQUET_LOGICAL_TIMESTAMP;
    default:
        return false;
    }
}

static bool convert(const cs_parquet_element *element, const cs_type *wanted,
                    cs_parquet_conversion *out)
{
    switch (element->type) {
    case CS_PARQUET_BOOLEAN:
        *out = CS_PARQUET_TO_BOOLEAN;
        return wanted->kind == CS_TYPE_BOOLEAN;
    case CS_PARQUET_INT32:
    case CS_PARQUET_INT64:
        return convert_integer(element, wanted, out);
    case CS_PARQUET_INT96:
        *out = CS_PARQUET_TO_MICROS;
        return wanted->kind == CS_TYPE_TIMESTAMP || wanted->kind == CS_TYPE_TIMESTAMP_NTZ;
    case CS_PARQUET_FLOAT:
        *out = CS_PARQUET_TO_FLOATING;
        return wanted->kind == CS_TYPE_FLOAT || wanted->kind == CS_TYPE_DOUBLE;
    case CS_PARQUET_DOUBLE:
        *out = CS_PARQUET_TO_FLOATING;
        return wanted->kind == CS_TYPE_DOUBLE;
    default:
        *out = CS_PARQUET_TO_DECIMAL;
        if (element->logical == CS_PARQUET_LOGICAL_DECIMAL)
            return wanted->kind == CS_TYPE_DECIMAL && element->scale == wanted->scale &&
                   element->precision <= wanted->precision;
        *out = CS_PARQUET_TO_TEXT;
        return wanted->kind == CS_TYPE_BINARY ||
               (wanted->kind == CS_TYPE_STRING && element->type == CS_PARQUET_BYTE_ARRAY);
    }
}

static cs_code mismatch(const cs_parquet_element *element, const char *is, const cs_type *wanted,
                        cs_error *err)
{
    cs_buf type = CS_BUF_INIT;
    cs_type_print(wanted, &type);
    cs_code code = cs_error_set(err, CS_E_SCHEMA_MISMATCH,
                                "column %.*s: the file has %s, wanted is %.*s", CS_STR_ARG(element->name), is, CS_STR_ARG(cs_buf_str(&type)));
    cs_buf_done(&type);
    return code;
}

static const char *describe(const cs_parquet_element *element)
{
    static const char *const physical[] = { "BOOLEAN", "INT32",  "INT64",      "INT96",
                                            "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY" };
    switch (element->logical) {
    case CS_PARQUET_LOGICAL_STRING:
        return "a string";
    case CS_PARQUET_LOGICAL_DECIMAL:
        return "a decimal of another precision or scale";
    case CS_PARQUET_LOGICAL_DATE:
        return "a date";
    case CS_PARQUET_LOGICAL_TIMESTAMP:
        return "a timestamp";
    default:
        return physical[element->type];
    }
}
