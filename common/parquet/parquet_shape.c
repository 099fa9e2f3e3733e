#include "common/parquet/parquet_shape.h"

#include "common/base/limits.h"

static cs_code leaf_type(const cs_parquet_element *element, cs_arena *arena, const cs_type **out,
                         cs_error *err);
static cs_code decimal_type(const cs_parquet_element *element, cs_arena *arena, const cs_type **out,
                            cs_error *err);
static cs_code field_of(const cs_parquet_schema *schema, uint32_t at, bool as_element,
                        unsigned depth, cs_arena *arena, cs_field *out, cs_error *err);
static bool is_tuple_name(cs_str name, cs_str parent);

cs_code cs_parquet_schema_make(const cs_parquet_footer *footer, cs_arena *arena,
                               cs_parquet_schema *out, cs_error *err)
{
    cs_parquet_schema schema = { .elements = footer->elements, .n_elements = footer->n_elements };
    size_t n = footer->n_elements, depth = 0;
    uint32_t open[CS_PARQUET_DEPTH_MAX], left[CS_PARQUET_DEPTH_MAX];
    schema.next = cs_arena_array(arena, uint32_t, n);
    schema.chunk = cs_arena_array(arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        const cs_parquet_element *element = &footer->elements[i];
        bool leaf = element->has_type;
        schema.chunk[i] = (uint32_t)schema.n_chunks;
        if (i > 0 && depth == 0)
            goto damaged;
        if (leaf && (i == 0 || element->n_children > 0 ||
                     (element->type == CS_PARQUET_FLBA && element->type_length <= 0)))
            goto damaged;
        if (!leaf && element->n_children > n)
            goto damaged;
        schema.n_chunks += leaf;
        if (i > 0)
            left[depth - 1]--;
        if (!leaf && element->n_children > 0) {
            if (depth == CS_PARQUET_DEPTH_MAX)
                return cs_error_set(err, CS_E_UNSUPPORTED,
                                    "Parquet schema is nested deeper than %d groups", CS_PARQUET_DEPTH_MAX);
            open[depth] = i;
            left[depth++] = element->n_children;
        } else {
            schema.next[i] = i + 1;
        }
        for (; depth > 0 && left[depth - 1] == 0; depth--)
            schema.next[open[depth - 1]] = i + 1;
    }
    if (depth > 0)
        goto damaged;
    *out = schema;
    return CS_OK;
damaged:
    return cs_error_set(err, CS_E_DAMAGED_PARQUET, "the schema in the footer is not a tree");
}

/* parquet-format, LogicalTypes.md, "Lists" and "Maps" with their backward-compatibility rules. */
cs_code cs_parquet_shape_of(const cs_parquet_schema *schema, uint32_t at, bool as_element,
                            cs_parquet_shape *out, cs_error *err)
{
    const cs_parquet_element *element = &schema->elements[at];
    if (element->repetition == CS_PARQUET_REPEATED && !as_element) {
        *out = (cs_parquet_shape){ .kind = CS_PARQUET_SHAPE_LIST, .element = at, .element_repeated = true };
        return CS_OK;
    }
    if (element->has_type) {
        *out = (cs_parquet_shape){ .kind = CS_PARQUET_SHAPE_LEAF };
        return CS_OK;
    }
    bool list = element->logical == CS_PARQUET_LOGICAL_LIST, map = element->logical == CS_PARQUET_LOGICAL_MAP;
    uint32_t child = at + 1;
    if ((!list && !map) || element->n_children != 1 ||
        schema->elements[child].repetition != CS_PARQUET_REPEATED) {
        *out = (cs_parquet_shape){ .kind = CS_PARQUET_SHAPE_STRUCT };
        return CS_OK;
    }
    const cs_parquet_element *repeated = &schema->elements[child];
    if (map) {
        if (repeated->has_type || repeated->n_children != 2)
            return cs_error_set(err, CS_E_UNSUPPORTED, "map %.*s has no key and value",
                                CS_STR_ARG(element->name));
        *out = (cs_parquet_shape){ .kind = CS_PARQUET_SHAPE_MAP, .element = child + 1, .value = schema->next[child + 1] };
        return CS_OK;
    }
    bool itself = repeated->has_type || repeated->n_children != 1 || cs_str_eq(repeated->name,
            CS_STR("array")) ||
                  is_tuple_name(repeated->name, element->name) ||
                  schema->elements[child + 1].repetition == CS_PARQUET_REPEATED;
    *out = (cs_parquet_shape){ .kind = CS_PARQUET_SHAPE_LIST,
                               .element = itself ? child : child + 1,
                               .element_repeated = itself };
    return CS_OK;
}

cs_code cs_parquet_type_of(const cs_parquet_schema *schema, uint32_t at, bool as_element,
                           unsigned depth, cs_arena *arena, const cs_type **out, cs_error *err)
{
    cs_parquet_shape shape;
    if (depth > CS_TYPE_DEPTH_MAX)
        return cs_error_set(err, CS_E_UNSUPPORTED, "column types are nested deeper than %u",
                            CS_TYPE_DEPTH_MAX);
    CS_TRY(cs_parquet_shape_of(schema, at, as_element, &shape, err));
    if (shape.kind == CS_PARQUET_SHAPE_LEAF)
        return leaf_type(&schema->elements[at], arena, out, err);
    cs_type *type = cs_arena_new(arena, cs_type);
    cs_field *fields;
    if (shape.kind == CS_PARQUET_SHAPE_STRUCT) {
        uint32_t child = at + 1;
        type->kind = CS_TYPE_STRUCT;
        type->n_fields = schema->elements[at].n_children;
        fields = cs_arena_array(arena, cs_field, type->n_fields + 1);
        for (size_t i = 0; i < type->n_fields; i++, child = schema->next[child])
            CS_TRY(field_of(schema, child, false, depth + 1, arena, &fields[i], err));
    } else if (shape.kind == CS_PARQUET_SHAPE_LIST) {
        type->kind = CS_TYPE_ARRAY;
        type->n_fields = 1;
        fields = cs_arena_array(arena, cs_field, 1);
        CS_TRY(field_of(schema, shape.element, shape.element_repeated, depth + 1, arena, &fields[0],
                        err));
        fields[0].name = CS_STR("element");
        type->contains_null = fields[0].nullable;
    } else {
        type->kind = CS_TYPE_MAP;
        type->n_fields = 2;
        fields = cs_arena_array(arena, cs_field, 2);
        CS_TRY(field_of(schema, shape.element, false, depth + 1, arena, &fields[0], err));
        CS_TRY(field_of(schema, shape.value, false, depth + 1, arena, &fields[1], err));
        fields[0].name = CS_STR("key");
        fields[1].name = CS_STR("value");
        type->contains_null = fields[1].nullable;
    }
    type->fields = fields;
    *out = type;
    return CS_OK;
}

static cs_code field_of(const cs_parquet_schema *schema, uint32_t at, bool as_element,
                        unsigned depth, cs_arena *arena, cs_field *out, cs_error *err)
{
    out->name = schema->elements[at].name;
    out->nullable = !as_element && schema->elements[at].repetition == CS_PARQUET_OPTIONAL;
    return cs_parquet_type_of(schema, at, as_element, depth, arena, &out->type, err);
}

static cs_code leaf_type(const cs_parquet_element *element, cs_arena *arena, const cs_type **out,
                         cs_error *err)
{
    cs_type_kind kind;
    if (element->logical == CS_PARQUET_LOGICAL_DECIMAL)
        return decimal_type(element, arena, out, err);
    switch (element->type) {
    case CS_PARQUET_BOOLEAN:
        kind = CS_TYPE_BOOLEAN;
        break;
    case CS_PARQUET_INT32:
        kind = CS_TYPE_INT;
        if (element->logical == CS_PARQUET_LOGICAL_DATE)
            kind = CS_TYPE_DATE;
        else if (element->logical == CS_PARQUET_LOGICAL_INTEGER && element->is_signed)
            kind = element->bits == 8 ? CS_TYPE_BYTE : element->bits == 16 ? CS_TYPE_SHORT : CS_TYPE_INT;
        else if (element->logical == CS_PARQUET_LOGICAL_INTEGER)
            kind = element->bits == 8 ? CS_TYPE_SHORT : element->bits == 16 ? CS_TYPE_INT : CS_TYPE_LONG;
        break;
    case CS_PARQUET_INT64:
        kind = CS_TYPE_LONG;
        if (element->logical == CS_PARQUET_LOGICAL_TIMESTAMP)
            kind = element->utc ? CS_TYPE_TIMESTAMP : CS_TYPE_TIMESTAMP_NTZ;
        else if (element->logical == CS_PARQUET_LOGICAL_INTEGER && !element->is_signed) {
            *out = cs_type_decimal(arena, 20, 0);
            return CS_OK;
        }
        break;
    case CS_PARQUET_INT96:
        kind = CS_TYPE_TIMESTAMP;
        break;
    case CS_PARQUET_FLOAT:
        kind = CS_TYPE_FLOAT;
        break;
    case CS_PARQUET_DOUBLE:
        kind = CS_TYPE_DOUBLE;
        break;
    case CS_PARQUET_BYTE_ARRAY:
        kind = element->logical == CS_PARQUET_LOGICAL_STRING ? CS_TYPE_STRING : CS_TYPE_BINARY;
        break;
    default:
        kind = CS_TYPE_BINARY;
        break;
    }
    *out = cs_type_flat(kind);
    return CS_OK;
}

static cs_code decimal_type(const cs_parquet_element *element, cs_arena *arena, const cs_type **out,
                            cs_error *err)
{
    bool holds = element->type == CS_PARQUET_INT32 || element->type == CS_PARQUET_INT64 ||
                 element->type == CS_PARQUET_BYTE_ARRAY || element->type == CS_PARQUET_FLBA;
    if (!holds || element->precision < 1 || element->precision > 38 || element->scale < 0 ||
        element->scale > element->precision)
        return cs_error_set(err, CS_E_UNSUPPORTED,
                            "column %.*s: decimal(%d,%d) on physical type %d cannot be read", CS_STR_ARG(element->name), element->precision, element->scale, (int)element->type);
    *out = cs_type_decimal(arena, (uint8_t)element->precision, (uint8_t)element->scale);
    return CS_OK;
}

/* <parent>_tuple */
static bool is_tuple_name(cs_str name, cs_str parent)
{
    return name.len == parent.len + 6 && cs_str_starts(name, parent) && cs_str_ends(name,
            CS_STR("_tuple"));
}
