/* The JSON form. Values of a parsed document have no places, so an error names the member's path
 * instead: schema:$.fields[2].type. Only broken JSON has a line and a column. */
#include "common/data/schema.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/limits.h"
#include "common/json/json.h"

#define PATH_BYTES 512

typedef struct json_reader {
    cs_arena *arena;
    cs_error *err;
    char path[PATH_BYTES];
    size_t path_len;
    unsigned depth;
} json_reader;

static cs_code read_type(json_reader *reader, const cs_json *json, const cs_type **out);
static cs_code read_name(json_reader *reader, cs_str name, const cs_type **out);
static cs_code read_decimal(json_reader *reader, cs_str name, const cs_type **out);
static cs_code read_array(json_reader *reader, const cs_json *json, cs_type *out);
static cs_code read_map(json_reader *reader, const cs_json *json, cs_type *out);
static cs_code read_fields(json_reader *reader, const cs_json *json, cs_type *out);
static cs_code read_field(json_reader *reader, const cs_json *json, cs_field *out);
static cs_code check_metadata(json_reader *reader, const cs_json *json);
static cs_code check_metadata_array(json_reader *reader, const cs_json *array);
static int metadata_kind(const cs_json *value);
static size_t enter(json_reader *reader, const char *format, ...) CS_PRINTF(2, 3);
static void leave(json_reader *reader, size_t path_len);
static cs_code fail(json_reader *reader, const char *format, ...) CS_PRINTF(2, 3);
static bool is_other_spark_type(cs_str name);
static bool take_char(cs_str *rest, char c);
static bool take_number(cs_str *rest, uint64_t *value);
static void skip_blanks(cs_str *rest);
static void print_type(const cs_type *type, cs_buf *out);
static void print_fields(const cs_field *fields, size_t n_fields, cs_buf *out);

cs_code cs_schema_parse_json(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err)
{
    cs_json_doc *doc = NULL;
    cs_error why;
    if (text.len > CS_SCHEMA_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "schema text of %zu bytes is over the limit of %u bytes",
                            text.len, CS_SCHEMA_BYTES_MAX);
    if (cs_json_parse(text, &doc, &why) != CS_OK) {
        if (why.code == CS_E_BAD_CONFIG)
            why.code = CS_E_BAD_SCHEMA;
        cs_error_set(err, why.code, "schema: %s", why.message);
        if (why.place[0] != '\0')
            cs_error_place(err, "schema:%s", why.place);
        return why.code;
    }
    json_reader reader = { .arena = arena, .err = err, .path = "$", .path_len = 1 };
    const cs_type *top;
    cs_code code = read_type(&reader, cs_json_root(doc), &top);
    if (code == CS_OK && top->kind != CS_TYPE_STRUCT)
        code = fail(&reader, "a table's schema is a struct: {\"type\":\"struct\",\"fields\":[…]}");
    if (code == CS_OK)
        *out = (cs_schema){ top->fields, top->n_fields };
    cs_json_free(doc);
    return code;
}

void cs_schema_print_json(const cs_schema *schema, cs_buf *out)
{
    print_fields(schema->fields, schema->n_fields, out);
}

static cs_code read_type(json_reader *reader, const cs_json *json, const cs_type **out)
{
    cs_str name;
    if (cs_json_str(json, &name))
        return read_name(reader, name, out);
    if (!cs_json_str(cs_json_get(json, "type"), &name))
        return fail(reader, "expected a type's name or an object with \"type\"");
    if (++reader->depth > CS_TYPE_DEPTH_MAX) {
        fail(reader, "types are nested deeper than the limit of %u levels", CS_TYPE_DEPTH_MAX);
        return CS_E_BAD_SCHEMA;
    }
    cs_type *made = cs_arena_new(reader->arena, cs_type);
    if (cs_str_eq(name, CS_STR("array"))) {
        CS_TRY(read_array(reader, json, made));
    } else if (cs_str_eq(name, CS_STR("map"))) {
        CS_TRY(read_map(reader, json, made));
    } else if (cs_str_eq(name, CS_STR("struct"))) {
        CS_TRY(read_fields(reader, json, made));
    } else {
        char text[64];
        return fail(reader, "'%s' is not the \"type\" of a type object: expected struct, array or map",
                    cs_escape(text, sizeof text, name));
    }
    reader->depth--;
    *out = made;
    return CS_OK;
}

static cs_code read_name(json_reader *reader, cs_str name, const cs_type **out)
{
    for (int kind = 0; kind < CS_TYPE_ARRAY; kind++)
        if (kind != CS_TYPE_DECIMAL && cs_str_eq(name, cs_str_of(cs_type_json_name((cs_type_kind)kind)))) {
            *out = cs_type_flat((cs_type_kind)kind);
            return CS_OK;
        }
    if (cs_str_eq(name, CS_STR("timestamp_ltz"))) {
        *out = cs_type_flat(CS_TYPE_TIMESTAMP);
        return CS_OK;
    }
    if (cs_str_starts(name, CS_STR("decimal")))
        return read_decimal(reader, name, out);
    char text[64];
    cs_escape(text, sizeof text, name);
    if (is_other_spark_type(name))
        return fail(reader, "cstream does not have Spark's type '%s'", text);
    fail(reader, "'%s' is not a type's name in the JSON form", text);
    for (int kind = 0; kind < CS_TYPE_ARRAY; kind++)
        if (cs_str_eq_nocase(name, cs_str_of(cs_type_json_name((cs_type_kind)kind))) ||
            cs_str_eq_nocase(name, cs_str_of(cs_type_ddl_name((cs_type_kind)kind))))
            cs_error_hint(reader->err, "did you mean \"%s\"?", cs_type_json_name((cs_type_kind)kind));
    return CS_E_BAD_SCHEMA;
}

static cs_code read_decimal(json_reader *reader, cs_str name, const cs_type **out)
{
    char text[64];
    cs_str rest = { name.ptr + 7, name.len - 7 };
    uint64_t precision = 10, scale = 0;
    bool good = rest.len == 0 || (take_char(&rest, '(') && take_number(&rest, &precision) &&
                                  take_char(&rest, ',') && take_number(&rest, &scale) &&
                                  take_char(&rest, ')') && rest.len == 0);
    cs_escape(text, sizeof text, name);
    if (!good)
        return fail(reader, "'%s' is not a type's name in the JSON form: expected decimal(p,s)", text);
    if (precision > CS_DECIMAL_PRECISION_MAX || scale > precision)
        return fail(reader, "'%s' is out of range: expected decimal(p,s) with 0 <= s <= p <= %d", text,
                    CS_DECIMAL_PRECISION_MAX);
    *out = cs_type_decimal(reader->arena, (uint8_t)precision, (uint8_t)scale);
    return CS_OK;
}

static cs_code read_array(json_reader *reader, const cs_json *json, cs_type *out)
{
    const cs_json *element = cs_json_get(json, "elementType");
    bool nullable;
    if (cs_json_size(json) != 3 || element == NULL ||
        !cs_json_bool(cs_json_get(json, "containsNull"), &nullable))
        return fail(reader, "an array has exactly \"type\", \"elementType\" and \"containsNull\" "
                            "(true or false)");
    cs_field *field = cs_arena_new(reader->arena, cs_field);
    field->name = CS_STR("element");
    field->nullable = nullable;
    size_t path_len = enter(reader, ".elementType");
    CS_TRY(read_type(reader, element, &field->type));
    leave(reader, path_len);
    *out = (cs_type){ .kind = CS_TYPE_ARRAY, .contains_null = nullable, .fields = field, .n_fields = 1 };
    return CS_OK;
}

static cs_code read_map(json_reader *reader, const cs_json *json, cs_type *out)
{
    const cs_json *key = cs_json_get(json, "keyType"), *value = cs_json_get(json, "valueType");
    bool nullable;
    if (cs_json_size(json) != 4 || key == NULL || value == NULL ||
        !cs_json_bool(cs_json_get(json, "valueContainsNull"), &nullable))
        return fail(reader, "a map has exactly \"type\", \"keyType\", \"valueType\" and \"valueContainsNull\" "
                            "(true or false)");
    cs_field *fields = cs_arena_array(reader->arena, cs_field, 2);
    fields[0].name = CS_STR("key");
    fields[1].name = CS_STR("value");
    fields[1].nullable = nullable;
    size_t path_len = enter(reader, ".keyType");
    CS_TRY(read_type(reader, key, &fields[0].type));
    leave(reader, path_len);
    enter(reader, ".valueType");
    CS_TRY(read_type(reader, value, &fields[1].type));
    leave(reader, path_len);
    *out = (cs_type){ .kind = CS_TYPE_MAP, .contains_null = nullable, .fields = fields, .n_fields = 2 };
    return CS_OK;
}

static cs_code read_fields(json_reader *reader, const cs_json *json, cs_type *out)
{
    const cs_json *list = cs_json_get(json, "fields");
    if (cs_json_size(json) != 2 || !cs_json_is_array(list))
        return fail(reader, "a struct has exactly \"type\" and \"fields\" (a list)");
    size_t count = cs_json_size(list);
    if (count > CS_COLUMNS_MAX) {
        fail(reader, "%zu columns are over the limit of %u", count, CS_COLUMNS_MAX);
        return CS_E_BAD_SCHEMA;
    }
    cs_field *fields = cs_arena_array(reader->arena, cs_field, count);
    for (size_t i = 0; i < count; i++) {
        size_t path_len = enter(reader, ".fields[%zu]", i);
        CS_TRY(read_field(reader, cs_json_at(list, i), &fields[i]));
        leave(reader, path_len);
    }
    *out = (cs_type){ .kind = CS_TYPE_STRUCT, .fields = fields, .n_fields = count };
    return CS_OK;
}

/* name and type must be there, nullable may be left out only together with metadata: Spark's rule. */
static cs_code read_field(json_reader *reader, const cs_json *json, cs_field *out)
{
    const cs_json *type = cs_json_get(json, "type"), *nullable = cs_json_get(json, "nullable");
    const cs_json *metadata = cs_json_get(json, "metadata");
    cs_str name;
    if (!cs_json_str(cs_json_get(json, "name"), &name))
        return fail(reader, "a field needs a \"name\" (a string)");
    if (type == NULL)
        return fail(reader, "a field needs a \"type\"");
    out->nullable = true;
    if (nullable != NULL && !cs_json_bool(nullable, &out->nullable))
        return fail(reader, "\"nullable\" must be true or false");
    if (metadata != NULL && (!cs_json_is_object(metadata) || nullable == NULL))
        return fail(reader, "\"metadata\" must be an object, behind a \"nullable\"");
    if (cs_json_size(json) != 2u + (nullable != NULL) + (metadata != NULL))
        return fail(reader, "a field has only \"name\", \"type\", \"nullable\" and \"metadata\"");
    size_t path_len = enter(reader, ".type");
    CS_TRY(read_type(reader, type, &out->type));
    leave(reader, path_len);
    out->name = cs_arena_str(reader->arena, name);
    if (cs_json_size(metadata) == 0)
        return CS_OK;
    enter(reader, ".metadata");
    CS_TRY(check_metadata(reader, metadata));
    leave(reader, path_len);
    cs_buf text = CS_BUF_INIT;
    cs_json_print(metadata, &text);
    cs_code code = cs_buf_check(&text, reader->err);
    if (code == CS_OK)
        out->metadata = cs_arena_str(reader->arena, cs_buf_str(&text));
    cs_buf_done(&text);
    return code;
}

/* Metadata may nest; the depth of the whole document bounds it. */
static cs_code check_metadata(json_reader *reader, const cs_json *json)
{
    cs_json_member member;
    for (bool more = cs_json_first(json, &member); more; more = cs_json_next(json, &member)) {
        char key[64];
        size_t path_len = enter(reader, ".%s", cs_escape(key, sizeof key, member.key));
        if (cs_json_is_object(member.value))
            CS_TRY(check_metadata(reader, member.value));
        if (cs_json_is_array(member.value))
            CS_TRY(check_metadata_array(reader, member.value));
        leave(reader, path_len);
    }
    return CS_OK;
}

static cs_code check_metadata_array(json_reader *reader, const cs_json *array)
{
    int kind = metadata_kind(cs_json_at(array, 0));
    for (size_t i = 0; i < cs_json_size(array); i++) {
        const cs_json *value = cs_json_at(array, i);
        if (kind == 0 || metadata_kind(value) != kind)
            return fail(reader, "a list in metadata holds values of one kind: strings, whole numbers, other "
                                "numbers, booleans or objects");
        if (cs_json_is_object(value))
            CS_TRY(check_metadata(reader, value));
    }
    return CS_OK;
}

/* 0: not allowed in a list. */
static int metadata_kind(const cs_json *value)
{
    cs_str number;
    bool truth;
    if (cs_json_number(value, &number))
        return memchr(number.ptr, '.', number.len) || memchr(number.ptr, 'e', number.len) ||
                       memchr(number.ptr, 'E', number.len)
                   ? 1
                   : 2;
    return cs_json_is_string(value) ? 3 : cs_json_bool(value, &truth) ? 4 : cs_json_is_object(value) ? 5 : 0;
}

static size_t enter(json_reader *reader, const char *format, ...)
{
    size_t before = reader->path_len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(reader->path + before, PATH_BYTES - before, format, args);
    va_end(args);
    reader->path_len = len < 0 ? before : before + (size_t)len;
    if (reader->path_len > PATH_BYTES - 1)
        reader->path_len = PATH_BYTES - 1;
    return before;
}

static void leave(json_reader *reader, size_t path_len)
{
    reader->path_len = path_len;
    reader->path[path_len] = '\0';
}

static cs_code fail(json_reader *reader, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cs_error_set(reader->err, CS_E_BAD_SCHEMA, "schema: %s", text);
    cs_error_place(reader->err, "schema:%s", reader->path);
    return CS_E_BAD_SCHEMA;
}

/* Types that Spark's JSON form knows and no source of cstream can fill. */
static bool is_other_spark_type(cs_str name)
{
    static const char *const starts[] = { "char(", "varchar(", "interval", "time(", "geography(", "geometry(",
                                          "string collate " };
    static const char *const whole[] = { "void", "null", "variant" };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (cs_str_starts(name, cs_str_of(starts[i])))
            return true;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (cs_str_eq(name, cs_str_of(whole[i])))
            return true;
    return false;
}

static bool take_char(cs_str *rest, char c)
{
    skip_blanks(rest);
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = (cs_str){ rest->ptr + 1, rest->len - 1 };
    return true;
}

static bool take_number(cs_str *rest, uint64_t *value)
{
    skip_blanks(rest);
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        len++;
    /* More digits than fit are out of range, which the caller says. */
    if (len > 0 && !cs_str_to_u64((cs_str){ rest->ptr, len }, value))
        *value = UINT64_MAX;
    *rest = (cs_str){ rest->ptr + len, rest->len - len };
    return len > 0;
}

static void skip_blanks(cs_str *rest)
{
    while (rest->len > 0 && memchr(" \t\n\v\f\r", rest->ptr[0], 6) != NULL)
        *rest = (cs_str){ rest->ptr + 1, rest->len - 1 };
}

static void print_type(const cs_type *type, cs_buf *out)
{
    switch (type->kind) {
    case CS_TYPE_DECIMAL:
        cs_buf_printf(out, "\"decimal(%d,%d)\"", type->precision, type->scale);
        break;
    case CS_TYPE_ARRAY:
        cs_buf_add_cstr(out, "{\"type\":\"array\",\"elementType\":");
        print_type(type->fields[0].type, out);
        cs_buf_printf(out, ",\"containsNull\":%s}", type->contains_null ? "true" : "false");
        break;
    case CS_TYPE_MAP:
        cs_buf_add_cstr(out, "{\"type\":\"map\",\"keyType\":");
        print_type(type->fields[0].type, out);
        cs_buf_add_cstr(out, ",\"valueType\":");
        print_type(type->fields[1].type, out);
        cs_buf_printf(out, ",\"valueContainsNull\":%s}", type->contains_null ? "true" : "false");
        break;
    case CS_TYPE_STRUCT:
        print_fields(type->fields, type->n_fields, out);
        break;
    default:
        cs_buf_printf(out, "\"%s\"", cs_type_json_name(type->kind));
    }
}

static void print_fields(const cs_field *fields, size_t n_fields, cs_buf *out)
{
    cs_buf_add_cstr(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < n_fields; i++) {
        cs_buf_add_cstr(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        cs_json_add_str(out, fields[i].name);
        cs_buf_add_cstr(out, ",\"type\":");
        print_type(fields[i].type, out);
        cs_buf_printf(out, ",\"nullable\":%s,\"metadata\":", fields[i].nullable ? "true" : "false");
        cs_buf_add_str(out, fields[i].metadata.len > 0 ? fields[i].metadata : CS_STR("{}"));
        cs_buf_add_char(out, '}');
    }
    cs_buf_add_cstr(out, "]}");
}
