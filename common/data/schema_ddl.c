/* The DDL form: one function per rule, over the tokens of schema_lex. */
#include "common/data/schema.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/limits.h"
#include "common/data/schema_lex.h"
#include "common/json/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct ddl_parser {
    cs_ddl_lexer lexer;
    cs_arena *arena;
    cs_error *err;
    unsigned depth;
} ddl_parser;

typedef struct field_list {
    cs_field *items;
    size_t count, cap;
} field_list;

/* Words that name a type without parameters. */
static const struct {
    const char *word;
    cs_type_kind kind;
} plain_types[] = {
    { "BOOLEAN", CS_TYPE_BOOLEAN }, { "TINYINT", CS_TYPE_BYTE },       { "BYTE", CS_TYPE_BYTE },
    { "SMALLINT", CS_TYPE_SHORT },  { "SHORT", CS_TYPE_SHORT },        { "INT", CS_TYPE_INT },
    { "INTEGER", CS_TYPE_INT },     { "BIGINT", CS_TYPE_LONG },        { "LONG", CS_TYPE_LONG },
    { "FLOAT", CS_TYPE_FLOAT },     { "REAL", CS_TYPE_FLOAT },         { "DOUBLE", CS_TYPE_DOUBLE },
    { "STRING", CS_TYPE_STRING },   { "BINARY", CS_TYPE_BINARY },      { "DATE", CS_TYPE_DATE },
    { "TIMESTAMP", CS_TYPE_TIMESTAMP }, { "TIMESTAMP_LTZ", CS_TYPE_TIMESTAMP },
    { "TIMESTAMP_NTZ", CS_TYPE_TIMESTAMP_NTZ },
};

/* Words that people or Spark use for types that are not here, and what to write instead (NULL:
 * nothing). */
static const struct {
    const char *word, *instead;
    bool sparks; /* a type of Spark that no source of cstream can fill */
} other_types[] = {
    { "CHAR", "STRING", true },       { "CHARACTER", "STRING", true }, { "VARCHAR", "STRING", true },
    { "INTERVAL", NULL, true },       { "VARIANT", "STRING", true },   { "VOID", NULL, true },
    { "TIME", "STRING", true },       { "GEOGRAPHY", NULL, true },     { "GEOMETRY", NULL, true },
    { "TEXT", "STRING", false },      { "BOOL", "BOOLEAN", false },    { "DATETIME", "TIMESTAMP", false },
    { "BYTES", "BINARY", false },     { "NUMBER", "DECIMAL(p,s)", false },
};

static cs_code parse_columns(ddl_parser *parser, bool nested, cs_type *out);
static cs_code parse_column(ddl_parser *parser, bool nested, cs_field *out);
static cs_code parse_name(ddl_parser *parser, cs_str *out);
static cs_code parse_comment(ddl_parser *parser, cs_str *metadata);
static cs_code parse_type(ddl_parser *parser, const cs_type **out);
static cs_code parse_plain(ddl_parser *parser, cs_type_kind kind, const cs_type **out);
static cs_code parse_decimal(ddl_parser *parser, const cs_type **out);
static cs_code parse_number(ddl_parser *parser, uint64_t *out);
static cs_code parse_nested(ddl_parser *parser, cs_type_kind kind, const cs_type **out);
static cs_code parse_sign(ddl_parser *parser, char sign, const char *after);
static cs_code unknown_type(ddl_parser *parser);
static cs_field *add_field(ddl_parser *parser, field_list *list);
static cs_code keep_text(ddl_parser *parser, cs_buf *text, cs_str *out);
static cs_code expected(ddl_parser *parser, const char *what);
static cs_code fail_at(ddl_parser *parser, const char *at, const char *format, ...) CS_PRINTF(3, 4);
static void print_type(const cs_type *type, cs_buf *out);
static void print_columns(const cs_field *fields, size_t n_fields, cs_buf *out);

static void next(ddl_parser *parser)
{
    cs_ddl_next(&parser->lexer);
}

static bool is_word(const ddl_parser *parser, const char *word)
{
    return cs_ddl_is_word(&parser->lexer, word);
}

static bool is_sign(const ddl_parser *parser, char sign)
{
    return cs_ddl_is_sign(&parser->lexer, sign);
}

cs_code cs_schema_parse_ddl(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err)
{
    if (text.len > CS_SCHEMA_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "schema text of %zu bytes is over the limit of %u bytes",
                            text.len, CS_SCHEMA_BYTES_MAX);
    ddl_parser parser = { .arena = arena, .err = err, .depth = 1 };
    cs_type top;
    cs_ddl_open(&parser.lexer, text);
    CS_TRY(parse_columns(&parser, false, &top));
    if (parser.lexer.kind != CS_DDL_END)
        return expected(&parser, "',' or the end of the schema");
    *out = (cs_schema){ top.fields, top.n_fields };
    return CS_OK;
}

void cs_schema_print_ddl(const cs_schema *schema, cs_buf *out)
{
    print_columns(schema->fields, schema->n_fields, out);
}

static cs_code parse_columns(ddl_parser *parser, bool nested, cs_type *out)
{
    field_list list = { 0 };
    for (bool more = true; more;) {
        if (list.count == CS_COLUMNS_MAX)
            return fail_at(parser, parser->lexer.token.ptr, "more columns than the limit of %u",
                           CS_COLUMNS_MAX);
        cs_field *field = add_field(parser, &list);
        CS_TRY(parse_column(parser, nested, field));
        more = is_sign(parser, ',');
        if (more)
            next(parser);
    }
    *out = (cs_type){ .kind = CS_TYPE_STRUCT, .fields = list.items, .n_fields = list.count };
    return CS_OK;
}

static cs_code parse_column(ddl_parser *parser, bool nested, cs_field *out)
{
    CS_TRY(parse_name(parser, &out->name));
    if (nested && is_sign(parser, ':'))
        next(parser);
    CS_TRY(parse_type(parser, &out->type));
    out->nullable = true;
    if (is_word(parser, "NOT")) {
        next(parser);
        if (!is_word(parser, "NULL"))
            return expected(parser, "NULL after NOT");
        next(parser);
        out->nullable = false;
    }
    if (is_word(parser, "COMMENT")) {
        next(parser);
        CS_TRY(parse_comment(parser, &out->metadata));
    }
    return CS_OK;
}

static cs_code parse_name(ddl_parser *parser, cs_str *out)
{
    if (parser->lexer.kind != CS_DDL_WORD && parser->lexer.kind != CS_DDL_QUOTED)
        return expected(parser, "a column's name");
    cs_buf name = CS_BUF_INIT;
    cs_ddl_add_name(&name, &parser->lexer);
    CS_TRY(keep_text(parser, &name, out));
    next(parser);
    return CS_OK;
}

static cs_code parse_comment(ddl_parser *parser, cs_str *metadata)
{
    if (parser->lexer.kind != CS_DDL_TEXT)
        return expected(parser, "a text in quotes after COMMENT");
    cs_buf comment = CS_BUF_INIT, json = CS_BUF_INIT;
    for (; parser->lexer.kind == CS_DDL_TEXT; next(parser))
        cs_ddl_add_text(&comment, &parser->lexer);
    cs_buf_add_cstr(&json, "{\"comment\":");
    cs_json_add_str(&json, cs_buf_str(&comment));
    cs_buf_add_char(&json, '}');
    json.failed |= comment.failed;
    cs_buf_done(&comment);
    return keep_text(parser, &json, metadata);
}

/* Moves the text to the arena. */
static cs_code keep_text(ddl_parser *parser, cs_buf *text, cs_str *out)
{
    cs_code code = cs_buf_check(text, parser->err);
    if (code == CS_OK)
        *out = cs_arena_str(parser->arena, cs_buf_str(text));
    cs_buf_done(text);
    return code;
}

static cs_code parse_type(ddl_parser *parser, const cs_type **out)
{
    if (parser->lexer.kind != CS_DDL_WORD && parser->lexer.kind != CS_DDL_QUOTED)
        return expected(parser, "a type");
    for (size_t i = 0; i < COUNT(plain_types); i++)
        if (is_word(parser, plain_types[i].word))
            return parse_plain(parser, plain_types[i].kind, out);
    if (is_word(parser, "DECIMAL") || is_word(parser, "DEC") || is_word(parser, "NUMERIC"))
        return parse_decimal(parser, out);
    for (int kind = CS_TYPE_ARRAY; kind <= CS_TYPE_STRUCT; kind++)
        if (is_word(parser, cs_type_ddl_name((cs_type_kind)kind)))
            return parse_nested(parser, (cs_type_kind)kind, out);
    return unknown_type(parser);
}

static cs_code parse_plain(ddl_parser *parser, cs_type_kind kind, const cs_type **out)
{
    cs_str word = parser->lexer.token;
    bool may_have_zone = cs_str_eq_nocase(word, CS_STR("TIMESTAMP"));
    next(parser);
    if (may_have_zone && is_word(parser, "WITHOUT")) {
        next(parser);
        if (!is_word(parser, "TIME"))
            return expected(parser, "TIME ZONE after TIMESTAMP WITHOUT");
        next(parser);
        if (!is_word(parser, "ZONE"))
            return expected(parser, "ZONE after TIMESTAMP WITHOUT TIME");
        next(parser);
        kind = CS_TYPE_TIMESTAMP_NTZ;
    }
    if (is_sign(parser, '('))
        return fail_at(parser, parser->lexer.token.ptr, "%.*s takes no parameters", CS_STR_ARG(word));
    if (kind == CS_TYPE_STRING && is_word(parser, "COLLATE"))
        return fail_at(parser, parser->lexer.token.ptr, "cstream does not have Spark's collations");
    *out = cs_type_flat(kind);
    return CS_OK;
}

static cs_code parse_decimal(ddl_parser *parser, const cs_type **out)
{
    const char *begin = parser->lexer.token.ptr;
    uint64_t precision = 10, scale = 0;
    next(parser);
    if (is_sign(parser, '(')) {
        next(parser);
        CS_TRY(parse_number(parser, &precision));
        if (is_sign(parser, ',')) {
            next(parser);
            CS_TRY(parse_number(parser, &scale));
        }
        CS_TRY(parse_sign(parser, ')', "the parameters of DECIMAL"));
    }
    if (precision > CS_DECIMAL_PRECISION_MAX || scale > precision)
        return fail_at(parser, begin,
                       "DECIMAL(%llu,%llu) is out of range: expected DECIMAL(p,s) with 0 <= s <= p <= %d",
                       (unsigned long long)precision, (unsigned long long)scale, CS_DECIMAL_PRECISION_MAX);
    *out = cs_type_decimal(parser->arena, (uint8_t)precision, (uint8_t)scale);
    return CS_OK;
}

static cs_code parse_number(ddl_parser *parser, uint64_t *out)
{
    /* Digits only: the lexer calls 1e3 and 5L numbers too. */
    if (parser->lexer.kind != CS_DDL_NUMBER || !cs_str_to_u64(parser->lexer.token, out))
        return expected(parser, "a whole number");
    next(parser);
    return CS_OK;
}

static cs_code parse_nested(ddl_parser *parser, cs_type_kind kind, const cs_type **out)
{
    const char *begin = parser->lexer.token.ptr;
    if (++parser->depth > CS_TYPE_DEPTH_MAX)
        return fail_at(parser, begin, "types are nested deeper than the limit of %u levels", CS_TYPE_DEPTH_MAX);
    const char *name = cs_type_ddl_name(kind);
    cs_type *made = cs_arena_new(parser->arena, cs_type);
    next(parser);
    CS_TRY(parse_sign(parser, '<', name));
    if (kind == CS_TYPE_STRUCT) {
        made->kind = kind;
        if (!is_sign(parser, '>'))
            CS_TRY(parse_columns(parser, true, made));
    } else {
        size_t n_fields = kind == CS_TYPE_MAP ? 2 : 1;
        cs_field *fields = cs_arena_array(parser->arena, cs_field, n_fields);
        for (size_t i = 0; i < n_fields; i++) {
            if (i > 0)
                CS_TRY(parse_sign(parser, ',', "the type of a MAP's keys"));
            CS_TRY(parse_type(parser, &fields[i].type));
        }
        fields[0].name = kind == CS_TYPE_MAP ? CS_STR("key") : CS_STR("element");
        if (kind == CS_TYPE_MAP)
            fields[1].name = CS_STR("value");
        fields[n_fields - 1].nullable = true;
        *made = (cs_type){ .kind = kind, .contains_null = true, .fields = fields, .n_fields = n_fields };
    }
    CS_TRY(parse_sign(parser, '>', "the parts of a type"));
    parser->depth--;
    *out = made;
    return CS_OK;
}

static cs_code parse_sign(ddl_parser *parser, char sign, const char *after)
{
    if (!is_sign(parser, sign)) {
        char what[96];
        snprintf(what, sizeof what, "'%c' after %s", sign, after);
        return expected(parser, what);
    }
    next(parser);
    return CS_OK;
}

static cs_code unknown_type(ddl_parser *parser)
{
    char text[64];
    cs_str word = parser->lexer.token;
    cs_escape(text, sizeof text, word);
    for (size_t i = 0; i < COUNT(other_types); i++) {
        if (!is_word(parser, other_types[i].word))
            continue;
        fail_at(parser, word.ptr, "%s type %s",
                other_types[i].sparks ? "cstream does not have Spark's" : "there is no", text);
        if (other_types[i].instead != NULL)
            cs_error_hint(parser->err, "use %s", other_types[i].instead);
        return CS_E_BAD_SCHEMA;
    }
    const char *nearest = NULL;
    size_t distance = 3;
    for (size_t i = 0; i < COUNT(plain_types); i++) {
        size_t d = cs_str_distance(word, cs_str_of(plain_types[i].word), distance - 1);
        if (d < distance) {
            distance = d;
            nearest = plain_types[i].word;
        }
    }
    fail_at(parser, word.ptr, "there is no type %s", text);
    if (nearest != NULL)
        cs_error_hint(parser->err, "did you mean %s?", nearest);
    return CS_E_BAD_SCHEMA;
}

static cs_field *add_field(ddl_parser *parser, field_list *list)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 8 : 2 * list->cap;
        cs_field *grown = cs_arena_array(parser->arena, cs_field, cap);
        if (list->count > 0)
            memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
        list->cap = cap;
    }
    return &list->items[list->count++];
}

/* What was expected, what is there, and for the commonest slips the way out. */
static cs_code expected(ddl_parser *parser, const char *what)
{
    char found[48];
    cs_str token = parser->lexer.token;
    if (parser->lexer.kind == CS_DDL_BAD)
        return fail_at(parser, token.ptr, "%s", parser->lexer.problem);
    if (parser->lexer.kind == CS_DDL_END)
        return fail_at(parser, token.ptr, "expected %s, found the end", what);
    fail_at(parser, token.ptr, "expected %s, found '%s'", what, cs_escape(found, sizeof found, token));
    if (is_sign(parser, ':'))
        cs_error_hint(parser->err, "a column is `name TYPE`: only fields of a STRUCT may have a colon");
    else if (is_sign(parser, '<'))
        cs_error_hint(parser->err, "list the columns themselves: `name TYPE, name TYPE`");
    else if (is_sign(parser, '-') || is_sign(parser, '.'))
        cs_error_hint(parser->err, "put a name with other characters than letters, digits and _ in backquotes");
    else if (is_sign(parser, ';'))
        cs_error_hint(parser->err, "a schema does not end with ';'");
    return CS_E_BAD_SCHEMA;
}

static cs_code fail_at(ddl_parser *parser, const char *at, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned long line = 1, column = 1;
    for (const char *c = parser->lexer.text.ptr; c < at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*c & 0xc0) != 0x80) {
            column++;
        }
    }
    cs_error_set(parser->err, CS_E_BAD_SCHEMA, "schema: %s", text);
    cs_error_place(parser->err, "schema:%lu:%lu", line, column);
    return CS_E_BAD_SCHEMA;
}

static void print_columns(const cs_field *fields, size_t n_fields, cs_buf *out)
{
    for (size_t i = 0; i < n_fields; i++) {
        if (i > 0)
            cs_buf_add_cstr(out, ", ");
        cs_ddl_print_name(out, fields[i].name);
        cs_buf_add_char(out, ' ');
        print_type(fields[i].type, out);
        if (!fields[i].nullable)
            cs_buf_add_cstr(out, " NOT NULL");
        cs_json_doc *metadata = NULL;
        cs_str comment;
        if (fields[i].metadata.len > 0 && cs_json_parse(fields[i].metadata, &metadata, NULL) == CS_OK &&
            cs_json_str(cs_json_get(cs_json_root(metadata), "comment"), &comment)) {
            cs_buf_add_cstr(out, " COMMENT ");
            cs_ddl_print_text(out, comment);
        }
        cs_json_free(metadata);
    }
}

static void print_type(const cs_type *type, cs_buf *out)
{
    cs_buf_add_cstr(out, cs_type_ddl_name(type->kind));
    if (type->kind == CS_TYPE_DECIMAL)
        cs_buf_printf(out, "(%d,%d)", type->precision, type->scale);
    if (cs_type_is_flat(type))
        return;
    cs_buf_add_char(out, '<');
    if (type->kind == CS_TYPE_STRUCT)
        print_columns(type->fields, type->n_fields, out);
    for (size_t i = 0; type->kind != CS_TYPE_STRUCT && i < type->n_fields; i++) {
        if (i > 0)
            cs_buf_add_cstr(out, ", ");
        print_type(type->fields[i].type, out);
    }
    cs_buf_add_char(out, '>');
}
