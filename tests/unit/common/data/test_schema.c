/* Schema texts: what golden answers do not reach. The rules are those of Spark's SqlBaseLexer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/data/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static cs_arena arena;

static int reset(void **state)
{
    (void)state;
    cs_arena_done(&arena);
    return 0;
}

static cs_schema schema_of(cs_str text)
{
    cs_schema schema = { 0 };
    cs_error err;
    if (cs_schema_parse(text, &arena, &schema, &err) != CS_OK)
        fail_msg("%.*s: %s (%s)", CS_STR_ARG(text), err.message, err.place);
    return schema;
}

static void assert_prints(cs_str text, cs_str json)
{
    cs_schema schema = schema_of(text);
    cs_buf out = CS_BUF_INIT;
    cs_schema_print_json(&schema, &out);
    if (!cs_str_eq(cs_buf_str(&out), json))
        fail_msg("%.*s gave %.*s", CS_STR_ARG(text), CS_STR_ARG(cs_buf_str(&out)));
    cs_buf_done(&out);
}

#define ONE_INT CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}]}")

static void blanks_and_comments_are_those_of_spark(void **state)
{
    (void)state;
    assert_prints(CS_STR("/* x /* nested */ y */ a/**/INT -- end"), ONE_INT);
    assert_prints(CS_STR("-- goes on\\\nhere INT\na INT"), ONE_INT);
    assert_prints(CS_STR("-- x\ra INT"), ONE_INT);
    assert_prints(CS_STR("\xc2\xa0" "a\xe2\x80\x83" "INT\xe3\x80\x80\v\f"), ONE_INT);
}

static void words_that_are_numbers_are_no_names(void **state)
{
    static const char *const numbers[] = { "1", "12L", "5s", "5Y", "1e5", "1E5f", "2d", "3BD", "1e2bd" };
    static const char *const names[] = { "1a", "1e", "1e5L", "5LL", "e5", "1_", "2b", "1el" };
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        cs_schema schema;
        char text[32];
        snprintf(text, sizeof text, "%s INT", numbers[i]);
        if (cs_schema_parse_ddl(cs_str_of(text), &arena, &schema, NULL) == CS_OK)
            fail_msg("%s was taken", text);
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[32];
        snprintf(text, sizeof text, "%s INT", names[i]);
        assert_true(cs_str_eq(schema_of(cs_str_of(text)).fields[0].name, cs_str_of(names[i])));
    }
}

static void comment_text_is_unescaped_as_spark_does(void **state)
{
    static const struct {
        cs_str literal, metadata;
    } cases[] = {
        { CS_STR("'\\101\\1\\Z\\%\\_\\q\\\\'"), CS_STR("{\"comment\":\"A1\\u001a\\\\%\\\\_q\\\\\"}") },
        { CS_STR("'\\ud83d\\ude00\\U0001F600'"), CS_STR("{\"comment\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"}") },
        { CS_STR("'\\ud83dx\\ude00'"), CS_STR("{\"comment\":\"\xef\xbf\xbdx\xef\xbf\xbd\"}") },
        { CS_STR("'\\U00110000\\u00e9\\u20ac\\uzz'"),
          CS_STR("{\"comment\":\"\xef\xbf\xbd\xc3\xa9\xe2\x82\xacuzz\"}") },
        { CS_STR("'\\0'"), CS_STR("{\"comment\":\"\\u0000\"}") },
        { CS_STR("\"a\"\"b'c\""), CS_STR("{\"comment\":\"a\\\"b'c\"}") },
        { CS_STR("R\"\\n\" r'\\'"), CS_STR("{\"comment\":\"\\\\n\\\\\"}") },
        { CS_STR("'two\nlines'"), CS_STR("{\"comment\":\"two\\nlines\"}") },
        { CS_STR("'\\\xc3\xa9'"), CS_STR("{\"comment\":\"\xc3\xa9\"}") },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_buf text = CS_BUF_INIT;
        cs_buf_add_cstr(&text, "a INT COMMENT ");
        cs_buf_add_str(&text, cases[i].literal);
        cs_schema schema = schema_of(cs_buf_str(&text));
        if (!cs_str_eq(schema.fields[0].metadata, cases[i].metadata))
            fail_msg("%.*s gave %.*s", CS_STR_ARG(cases[i].literal), CS_STR_ARG(schema.fields[0].metadata));
        cs_buf_done(&text);
    }
}

static void errors_say_where_what_and_the_way_out(void **state)
{
    static const struct {
        const char *text, *place, *message, *hint;
    } cases[] = {
        { "", "schema:1:1", "expected a column's name, found the end", "" },
        { "a INT,\n  b: STRING", "schema:2:4", "expected a type, found ':'", "only fields of a STRUCT" },
        { "a INT b STRING", "schema:1:7", "expected ',' or the end of the schema, found 'b'", "" },
        { "a INTT", "schema:1:3", "there is no type INTT", "did you mean INT?" },
        { "a TEXT", "schema:1:3", "there is no type TEXT", "use STRING" },
        { "a VARCHAR(10)", "schema:1:3", "cstream does not have Spark's type VARCHAR", "use STRING" },
        { "a INT(3)", "schema:1:6", "INT takes no parameters", "" },
        { "a DECIMAL(39,2)", "schema:1:3", "DECIMAL(39,2) is out of range", "" },
        { "a DECIMAL(5;", "schema:1:12", "expected ')' after the parameters of DECIMAL, found ';'", "" },
        { "a DECIMAL(99999999999999999999)", "schema:1:11", "expected a whole number", "" },
        { "a INT;", "schema:1:6", "expected ',' or the end of the schema, found ';'", "does not end with ';'" },
        { "struct<a INT>", "schema:1:7", "expected a type, found '<'", "list the columns themselves" },
        { "a-b INT", "schema:1:2", "expected a type, found '-'", "backquotes" },
        { "`\xc3\xa9` INT, \xc3\xa9 INT", "schema:1:10", "must stand in backquotes", "" },
        { "a INT /* x", "schema:1:7", "does not end", "" },
        { "a INT /*+ x */", "schema:1:7", "found '/'", "" },
        { "a INT COMMENT 'x", "schema:1:15", "lacks its closing quote", "" },
        { "a INT COMMENT x", "schema:1:15", "expected a text in quotes after COMMENT, found 'x'", "" },
        { "`a INT", "schema:1:1", "lacks its closing backquote", "" },
        { "a INT NOT", "schema:1:10", "expected NULL after NOT, found the end", "" },
        { "a MAP<STRING>", "schema:1:13", "expected ',' after the type of a MAP's keys, found '>'", "" },
        { "a ARRAY<INT", "schema:1:12", "expected '>' after the parts of a type, found the end", "" },
        { "a \x1b[31m", "schema:1:3", "expected a type, found '\\x1b'", "" },
        { "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"bigint\"}]}", "schema:$.fields[0].type",
          "'bigint' is not a type's name", "did you mean \"long\"?" },
        { "{\"type\":\"struct\",\"fields\":[\n{\"name\":\"a\",}]}", "schema:2:13", "schema: JSON", "" },
        { "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"map\",\"keyType\":\"string\","
          "\"valueType\":{\"type\":\"array\",\"elementType\":5,\"containsNull\":true},\"valueContainsNull\":true}}]}",
          "schema:$.fields[0].type.valueType.elementType", "expected a type's name", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_schema schema = { 0 };
        cs_error err;
        assert_int_equal(cs_schema_parse(cs_str_of(cases[i].text), &arena, &schema, &err), CS_E_BAD_SCHEMA);
        if (strcmp(err.place, cases[i].place) != 0 || strstr(err.message, cases[i].message) == NULL ||
            strstr(err.hint, cases[i].hint) == NULL)
            fail_msg("%s: [%s] %s (%s)", cases[i].text, err.place, err.message, err.hint);
        assert_null(schema.fields);
    }
}

static void limits_are_named(void **state)
{
    (void)state;
    cs_buf text = CS_BUF_INIT;
    cs_schema schema;
    cs_error err;
    for (unsigned depth = CS_TYPE_DEPTH_MAX - 1; depth <= CS_TYPE_DEPTH_MAX; depth++) {
        cs_buf_clear(&text);
        cs_buf_add_cstr(&text, "a ");
        for (unsigned i = 0; i < depth; i++)
            cs_buf_add_cstr(&text, "STRUCT<b:");
        cs_buf_add_cstr(&text, "INT");
        for (unsigned i = 0; i < depth; i++)
            cs_buf_add_char(&text, '>');
        cs_code code = cs_schema_parse(cs_buf_str(&text), &arena, &schema, &err);
        assert_int_equal(code, depth < CS_TYPE_DEPTH_MAX ? CS_OK : CS_E_BAD_SCHEMA);
        if (code == CS_OK) { /* what may be written may be read again */
            cs_buf json = CS_BUF_INIT;
            cs_schema again;
            cs_schema_print_json(&schema, &json);
            assert_int_equal(cs_schema_parse(cs_buf_str(&json), &arena, &again, &err), CS_OK);
            cs_buf_done(&json);
        } else {
            assert_non_null(strstr(err.message, "limit of 32"));
        }
    }
    cs_buf_clear(&text);
    for (unsigned i = 0; i <= CS_COLUMNS_MAX; i++)
        cs_buf_printf(&text, "%sc%u INT", i == 0 ? "" : ",", i);
    assert_int_equal(cs_schema_parse(cs_buf_str(&text), &arena, &schema, &err), CS_E_BAD_SCHEMA);
    assert_non_null(strstr(err.message, "limit of 20480"));
    cs_buf_done(&text);
    char *huge = calloc(1, CS_SCHEMA_BYTES_MAX + 1);
    assert_int_equal(cs_schema_parse((cs_str){ huge, CS_SCHEMA_BYTES_MAX + 1 }, &arena, &schema, &err), CS_E_LIMIT);
    free(huge);
}

static void metadata_is_kept_as_it_was(void **state)
{
    (void)state;
    cs_str text = CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal(38,18)\",\"nullable\":false,"
                         "\"metadata\":{\"z\":1.50,\"delta.columnMapping.id\":4,\"n\":null,\"l\":[1e3,2.5],"
                         "\"o\":{\"p\":12345678901234567890}}}]}");
    assert_prints(text, text);
}

static void metadata_that_spark_refuses_is_refused(void **state)
{
    static const char *const metadata[] = { "[1]",         "{\"a\":[1,2.5]}", "{\"a\":[[1]]}",
                                            "{\"a\":[null]}", "{\"a\":[\"x\",1]}", "{\"a\":{\"b\":[true,{}]}}" };
    (void)state;
    for (size_t i = 0; i < COUNT(metadata); i++) {
        char text[256];
        cs_schema schema;
        snprintf(text, sizeof text,
                 "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":%s}]}",
                 metadata[i]);
        assert_int_equal(cs_schema_parse(cs_str_of(text), &arena, &schema, NULL), CS_E_BAD_SCHEMA);
    }
}

static void nullable_goes_to_every_depth_but_map_keys(void **state)
{
    (void)state;
    cs_schema made, schema = schema_of(
        CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"map\",\"keyType\":\"string\","
               "\"valueType\":{\"type\":\"array\",\"elementType\":{\"type\":\"struct\",\"fields\":[{\"name\":\"b\","
               "\"type\":\"long\",\"nullable\":false,\"metadata\":{}}]},\"containsNull\":false},"
               "\"valueContainsNull\":false},\"nullable\":false,\"metadata\":{\"comment\":\"x\"}}]}"));
    assert_int_equal(cs_schema_nullable(&schema, &arena, &made, NULL), CS_OK);
    cs_buf out = CS_BUF_INIT;
    cs_schema_print_json(&made, &out);
    assert_true(cs_str_eq(cs_buf_str(&out),
        CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"map\",\"keyType\":\"string\","
               "\"valueType\":{\"type\":\"array\",\"elementType\":{\"type\":\"struct\",\"fields\":[{\"name\":\"b\","
               "\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]},\"containsNull\":true},"
               "\"valueContainsNull\":true},\"nullable\":true,\"metadata\":{\"comment\":\"x\"}}]}")));
    assert_false(made.fields[0].type->fields[0].nullable);
    assert_false(schema.fields[0].nullable);
    cs_buf_done(&out);
}

static void a_table_refuses_double_names_and_signs(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "a INT, b INT, A INT", "columns 1 'a' and 3 'A' have the same name" },
        { "s STRUCT<x: INT, X: INT>", "columns 1 'x' and 2 'X'" },
        { "m MAP<STRING, ARRAY<STRUCT<`a b`: INT>>>", "column 'a b'" },
        { "`a=b` INT", "column 'a=b'" },
        { "`a,b` INT", "column 'a,b'" },
    };
    (void)state;
    cs_error err;
    cs_schema schema = schema_of(CS_STR("`a.b` INT, `a%b` INT, `a/b` INT, `a\"b` INT, `a:b` INT, `\xc3\xa9` INT, "
                                        "a INT, aa INT"));
    assert_int_equal(cs_schema_check_table(&schema, &err), CS_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        schema = schema_of(cs_str_of(cases[i].text));
        assert_int_equal(cs_schema_check_table(&schema, &err), CS_E_BAD_SCHEMA);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].text, err.message);
    }
}

static void find_ignores_case(void **state)
{
    (void)state;
    cs_schema schema = schema_of(CS_STR("a INT, Bc INT"));
    assert_int_equal(cs_schema_find(&schema, CS_STR("bC")), 1);
    assert_int_equal(cs_schema_find(&schema, CS_STR("b")), -1);
}

/* The sanitizers watch the copy's end; no cut may be taken for the whole. */
static void every_cut_of_a_text_ends_cleanly(void **state)
{
    static const char *const texts[] = {
        "`a``b` DECIMAL(10,2) NOT NULL COMMENT 'x\\u0041''y' \"z\" r'\\', /* c */ b TIMESTAMP WITHOUT TIME ZONE, "
        "c MAP<STRING, ARRAY<STRUCT<d: INT COMMENT 'e', `f` DATE>>> -- end",
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal( 10 , 2 )\",\"nullable\":true}]}",
    };
    (void)state;
    for (size_t t = 0; t < COUNT(texts); t++)
        for (size_t len = 0; len <= strlen(texts[t]); len++) {
            char *copy = malloc(len > 0 ? len : 1);
            cs_schema schema;
            memcpy(copy, texts[t], len);
            cs_code code = cs_schema_parse((cs_str){ copy, len }, &arena, &schema, NULL);
            assert_true(code == CS_OK || code == CS_E_BAD_SCHEMA);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(blanks_and_comments_are_those_of_spark, reset),
        cmocka_unit_test_teardown(words_that_are_numbers_are_no_names, reset),
        cmocka_unit_test_teardown(comment_text_is_unescaped_as_spark_does, reset),
        cmocka_unit_test_teardown(errors_say_where_what_and_the_way_out, reset),
        cmocka_unit_test_teardown(limits_are_named, reset),
        cmocka_unit_test_teardown(metadata_is_kept_as_it_was, reset),
        cmocka_unit_test_teardown(metadata_that_spark_refuses_is_refused, reset),
        cmocka_unit_test_teardown(nullable_goes_to_every_depth_but_map_keys, reset),
        cmocka_unit_test_teardown(a_table_refuses_double_names_and_signs, reset),
        cmocka_unit_test_teardown(find_ignores_case, reset),
        cmocka_unit_test_teardown(every_cut_of_a_text_ends_cleanly, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
