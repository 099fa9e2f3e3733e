#include "common/data/type.h"

#include <assert.h>

static const struct {
    const char *ddl, *json;
} names[CS_TYPE_KIND_COUNT] = {
#define X(kind, ddl_name, json_name) [kind] = { ddl_name, json_name },
    CS_TYPE_TABLE(X)
#undef X
};

static const cs_type flat_types[CS_TYPE_KIND_COUNT] = {
#define X(type_kind, ddl_name, json_name) [type_kind] = { .kind = type_kind },
    CS_TYPE_TABLE(X)
#undef X
};

static const char *simple_name(cs_type_kind kind);

const char *cs_type_ddl_name(cs_type_kind kind)
{
    assert(kind < CS_TYPE_KIND_COUNT);
    return names[kind].ddl;
}

const char *cs_type_json_name(cs_type_kind kind)
{
    assert(kind < CS_TYPE_KIND_COUNT);
    return names[kind].json;
}

const cs_type *cs_type_flat(cs_type_kind kind)
{
    assert(kind < CS_TYPE_ARRAY && kind != CS_TYPE_DECIMAL);
    return &flat_types[kind];
}

const cs_type *cs_type_decimal(cs_arena *arena, uint8_t precision, uint8_t scale)
{
    assert(precision <= CS_DECIMAL_PRECISION_MAX && scale <= precision);
    cs_type *type = cs_arena_new(arena, cs_type);
    type->kind = CS_TYPE_DECIMAL;
    type->precision = precision;
    type->scale = scale;
    return type;
}

bool cs_type_is_flat(const cs_type *type)
{
    return type->kind < CS_TYPE_ARRAY;
}

size_t cs_type_width(const cs_type *type)
{
    switch (type->kind) {
    case CS_TYPE_BYTE:
        return 1;
    case CS_TYPE_SHORT:
        return 2;
    case CS_TYPE_INT:
    case CS_TYPE_FLOAT:
    case CS_TYPE_DATE:
        return 4;
    case CS_TYPE_LONG:
    case CS_TYPE_DOUBLE:
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        return 8;
    case CS_TYPE_DECIMAL:
        return type->precision <= 9 ? 4 : type->precision <= 18 ? 8 : 16;
    default:
        return 0;
    }
}

bool cs_type_eq(const cs_type *a, const cs_type *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->n_fields != b->n_fields)
        return false;
    for (size_t i = 0; i < a->n_fields; i++) {
        if (a->kind == CS_TYPE_STRUCT && !cs_str_eq(a->fields[i].name, b->fields[i].name))
            return false;
        if (!cs_type_eq(a->fields[i].type, b->fields[i].type))
            return false;
    }
    return true;
}

void cs_type_print(const cs_type *type, cs_buf *out)
{
    cs_buf_add_cstr(out, simple_name(type->kind));
    if (type->kind == CS_TYPE_DECIMAL)
        cs_buf_printf(out, "(%d,%d)", type->precision, type->scale);
    if (cs_type_is_flat(type))
        return;
    cs_buf_add_char(out, '<');
    for (size_t i = 0; i < type->n_fields; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        if (type->kind == CS_TYPE_STRUCT) {
            cs_buf_add_str(out, type->fields[i].name);
            cs_buf_add_char(out, ':');
        }
        cs_type_print(type->fields[i].type, out);
    }
    cs_buf_add_char(out, '>');
}

/* Spark's simpleString spells four kinds as DDL does, not as the JSON form. */
static const char *simple_name(cs_type_kind kind)
{
    switch (kind) {
    case CS_TYPE_BYTE:
        return "tinyint";
    case CS_TYPE_SHORT:
        return "smallint";
    case CS_TYPE_INT:
        return "int";
    case CS_TYPE_LONG:
        return "bigint";
    default:
        return names[kind].json;
    }
}
