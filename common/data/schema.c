#include "common/data/schema.h"

#include <stdlib.h>

static const cs_type *nullable_type(const cs_type *type, cs_arena *arena);
static const cs_field *nullable_fields(const cs_type *type, cs_arena *arena);
static cs_code check_fields(const cs_field *fields, size_t n_fields, cs_error *err);
static cs_code check_type(const cs_type *type, cs_error *err);
static cs_code check_duplicates(const cs_field *fields, size_t n_fields, cs_error *err);
static int order_nocase(const void *left, const void *right);
static unsigned char lower(char c);

cs_code cs_schema_parse(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err)
{
    cs_str trimmed = cs_str_trim(text);
    if (trimmed.len > 0 && trimmed.ptr[0] == '{')
        return cs_schema_parse_json(text, arena, out, err);
    return cs_schema_parse_ddl(text, arena, out, err);
}

cs_code cs_schema_nullable(const cs_schema *schema, cs_arena *arena, cs_schema *out, cs_error *err)
{
    (void)err; /* arenas do not fail; the rules of this step may one day */
    cs_type top = { .kind = CS_TYPE_STRUCT, .fields = schema->fields, .n_fields = schema->n_fields };
    *out = (cs_schema){ nullable_fields(&top, arena), schema->n_fields };
    return CS_OK;
}

ptrdiff_t cs_schema_find(const cs_schema *schema, cs_str name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (cs_str_eq_nocase(schema->fields[i].name, name))
            return (ptrdiff_t)i;
    return -1;
}

cs_code cs_schema_check_table(const cs_schema *schema, cs_error *err)
{
    return check_fields(schema->fields, schema->n_fields, err);
}

static const cs_type *nullable_type(const cs_type *type, cs_arena *arena)
{
    if (cs_type_is_flat(type))
        return type;
    cs_type *made = cs_arena_new(arena, cs_type);
    *made = *type;
    made->contains_null = type->kind != CS_TYPE_STRUCT;
    made->fields = nullable_fields(type, arena);
    return made;
}

static const cs_field *nullable_fields(const cs_type *type, cs_arena *arena)
{
    cs_field *made = cs_arena_array(arena, cs_field, type->n_fields);
    for (size_t i = 0; i < type->n_fields; i++) {
        made[i] = type->fields[i];
        made[i].nullable = !(type->kind == CS_TYPE_MAP && i == 0); /* keys are never null */
        made[i].type = nullable_type(type->fields[i].type, arena);
    }
    return made;
}

static cs_code check_fields(const cs_field *fields, size_t n_fields, cs_error *err)
{
    static const char refused[] = " ,;{}()\n\t=";
    for (size_t i = 0; i < n_fields; i++) {
        char name[128];
        cs_escape(name, sizeof name, fields[i].name);
        for (size_t at = 0; at < fields[i].name.len; at++)
            if (memchr(refused, fields[i].name.ptr[at], sizeof refused - 1) != NULL) {
                cs_error_set(err, CS_E_BAD_SCHEMA,
                             "column '%s': a Delta table cannot have blanks or any of ,;{}()= in a "
                             "column's name",
                             name);
                cs_error_hint(err, "rename the column in the schema; columns bind by position");
                return CS_E_BAD_SCHEMA;
            }
        CS_TRY(check_type(fields[i].type, err));
    }
    return check_duplicates(fields, n_fields, err);
}

static cs_code check_type(const cs_type *type, cs_error *err)
{
    if (type->kind == CS_TYPE_STRUCT)
        return check_fields(type->fields, type->n_fields, err);
    for (size_t i = 0; i < type->n_fields; i++)
        CS_TRY(check_type(type->fields[i].type, err));
    return CS_OK;
}

static cs_code check_duplicates(const cs_field *fields, size_t n_fields, cs_error *err)
{
    const cs_field **sorted = cs_xcalloc(n_fields, sizeof(const cs_field *));
    for (size_t i = 0; i < n_fields; i++)
        sorted[i] = &fields[i];
    qsort(sorted, n_fields, sizeof(const cs_field *), order_nocase);
    cs_code code = CS_OK;
    for (size_t i = 1; i < n_fields && code == CS_OK; i++) {
        if (!cs_str_eq_nocase(sorted[i - 1]->name, sorted[i]->name))
            continue;
        char one[128], two[128];
        size_t at[] = { (size_t)(sorted[i - 1] - fields), (size_t)(sorted[i] - fields) };
        bool swap = at[0] > at[1];
        code = cs_error_set(err, CS_E_BAD_SCHEMA,
                            "columns %zu '%s' and %zu '%s' have the same name (case does not count)",
                            at[swap] + 1, cs_escape(one, sizeof one, fields[at[swap]].name),
                            at[!swap] + 1, cs_escape(two, sizeof two, fields[at[!swap]].name));
    }
    free(sorted);
    return code;
}

static int order_nocase(const void *left, const void *right)
{
    const cs_field *const *a = left, *const *b = right;
    cs_str x = (*a)->name, y = (*b)->name;
    for (size_t i = 0; i < x.len && i < y.len; i++)
        if (lower(x.ptr[i]) != lower(y.ptr[i]))
            return lower(x.ptr[i]) - lower(y.ptr[i]);
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}
