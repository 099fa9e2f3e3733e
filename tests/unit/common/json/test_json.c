/* JSON behind the handle: order, spellings, depth, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/json/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static cs_json_doc *parse(cs_str text)
{
    cs_json_doc *doc = NULL;
    cs_error err;
    if (cs_json_parse(text, &doc, &err) != CS_OK)
        fail_msg("%.*s: %s at %s", (int)text.len, text.ptr, err.message, err.place);
    return doc;
}

static void assert_prints(cs_str text, cs_str expected)
{
    cs_json_doc *doc = parse(text);
    cs_buf out = CS_BUF_INIT;
    cs_json_print(cs_json_root(doc), &out);
    if (!cs_str_eq(cs_buf_str(&out), expected))
        fail_msg("%.*s printed as %.*s", CS_STR_ARG(text), CS_STR_ARG(cs_buf_str(&out)));
    cs_buf_done(&out);
    cs_json_free(doc);
}

static void print_keeps_order_and_the_spelling_of_numbers(void **state)
{
    (void)state;
    assert_prints(CS_STR(" { \"z\" : [ 1 , 1.50 , 1e3, -0, 0.1E+05 ] , \"a\" : { } , \"m\":[ ], \"t\":true,"
                         "\"f\":false,\"n\":null } \n"),
                  CS_STR("{\"z\":[1,1.50,1e3,-0,0.1E+05],\"a\":{},\"m\":[],\"t\":true,\"f\":false,\"n\":null}"));
    assert_prints(CS_STR("99999999999999999999999999999999999999.00"),
                  CS_STR("99999999999999999999999999999999999999.00"));
    assert_prints(CS_STR("1e999999"), CS_STR("1e999999"));
    assert_prints(CS_STR("\"x\""), CS_STR("\"x\""));
}

static void print_escapes_only_what_it_must(void **state)
{
    (void)state;
    assert_prints(CS_STR("\"\\u00e9\\/\\u0000\\u001f\\n\\\"\\\\\\u007f\\ud83d\\ude00\""),
                  CS_STR("\"\xc3\xa9/\\u0000\\u001f\\n\\\"\\\\\x7f\xf0\x9f\x98\x80\""));
}

static void add_str_replaces_broken_utf8(void **state)
{
    (void)state;
    cs_buf out = CS_BUF_INIT;
    cs_json_add_str(&out, CS_STR("a\xff" "b\xe2\x82"));
    assert_true(cs_str_eq(cs_buf_str(&out), CS_STR("\"a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\"")));
    cs_buf_done(&out);
}

static void add_key_puts_commas_between_members(void **state)
{
    (void)state;
    cs_buf out = CS_BUF_INIT;
    cs_buf_add_char(&out, '{');
    cs_json_add_key(&out, "a");
    cs_buf_add_cstr(&out, "{");
    cs_json_add_key(&out, "b");
    cs_buf_add_cstr(&out, "1}");
    cs_json_add_key(&out, "c\"");
    cs_buf_add_cstr(&out, "2}");
    assert_true(cs_str_eq(cs_buf_str(&out), CS_STR("{\"a\":{\"b\":1},\"c\\\"\":2}")));
    cs_buf_done(&out);
}

static void i64_reads_every_spelling_of_a_whole_number(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "-0.0e5", true, 0 },
        { "0e999999999999999999999", true, 0 },
        { "1e3", true, 1000 },
        { "2.0", true, 2 },
        { "0.5e1", true, 5 },
        { "-1200.00E-2", true, -12 },
        { "100000000000000000000e-20", true, 1 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "922337203685477580.7e1", true, INT64_MAX },
        { "-9.223372036854775808e18", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "1e19", false, 0 },
        { "1e99999999999999999999", false, 0 },
        { "1e-99999999999999999999", false, 0 },
        { "1.5", false, 0 },
        { "10e-2", false, 0 },
        { "\"1\"", false, 0 },
        { "true", false, 0 },
        { "null", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_json_doc *doc = parse(cs_str_of(cases[i].text));
        int64_t value = -77;
        bool good = cs_json_i64(cs_json_root(doc), &value);
        if (good != cases[i].good || value != (good ? cases[i].value : -77))
            fail_msg("%s: %d %lld", cases[i].text, good, (long long)value);
        cs_json_free(doc);
    }
}

static void kinds_do_not_mix_even_where_a_string_looks_like_our_marks(void **state)
{
    (void)state;
    cs_json_doc *doc = parse(CS_STR("{\"\\u0001n5\" :7,\"s\":\"\\u0001n5\",\"t\":\"\\u0001\",\"u\":\"\\u0001sx\","
                                    "\"n\":5}"));
    const cs_json *root = cs_json_root(doc);
    cs_str text;
    int64_t value;
    assert_true(cs_json_i64(cs_json_get(root, "\1n5"), &value));
    assert_int_equal(value, 7);
    assert_true(cs_json_str(cs_json_get(root, "s"), &text));
    assert_true(cs_str_eq(text, CS_STR("\1n5")));
    assert_false(cs_json_i64(cs_json_get(root, "s"), &value));
    assert_false(cs_json_number(cs_json_get(root, "s"), &text));
    assert_true(cs_json_str(cs_json_get(root, "t"), &text));
    assert_true(cs_str_eq(text, CS_STR("\1")));
    assert_true(cs_json_str(cs_json_get(root, "u"), &text));
    assert_true(cs_str_eq(text, CS_STR("\1sx")));
    assert_false(cs_json_str(cs_json_get(root, "n"), &text));
    assert_false(cs_json_is_string(cs_json_get(root, "n")));
    assert_true(cs_json_number(cs_json_get(root, "n"), &text));
    assert_true(cs_str_eq(text, CS_STR("5")));
    cs_json_free(doc);
}

static void absent_values_answer_as_null(void **state)
{
    (void)state;
    cs_json_doc *doc = parse(CS_STR("{\"a\":null,\"b\":[]}"));
    const cs_json *root = cs_json_root(doc);
    cs_json_member member;
    cs_str text;
    bool truth;
    assert_true(cs_json_is_null(cs_json_get(root, "a")));
    assert_null(cs_json_get(root, "c"));
    assert_true(cs_json_is_null(NULL));
    assert_null(cs_json_get(NULL, "c"));
    assert_null(cs_json_at(cs_json_get(root, "b"), 0));
    assert_int_equal(cs_json_size(NULL), 0);
    assert_false(cs_json_is_array(NULL));
    assert_false(cs_json_is_object(NULL));
    assert_false(cs_json_is_string(NULL));
    assert_false(cs_json_str(NULL, &text));
    assert_false(cs_json_bool(NULL, &truth));
    assert_false(cs_json_first(NULL, &member));
    assert_false(cs_json_first(cs_json_get(root, "b"), &member));
    cs_json_free(doc);
}

static void the_last_of_equal_keys_wins(void **state)
{
    (void)state;
    assert_prints(CS_STR("{\"a\":1,\"b\":2,\"a\":3}"), CS_STR("{\"a\":3,\"b\":2}"));
}

static void damage_is_refused_with_its_place(void **state)
{
    static const struct {
        cs_str text;
        const char *place;
    } cases[] = {
        { CS_STR(""), NULL },
        { CS_STR(" "), NULL },
        { CS_STR("{\"a\":1} x"), "1:9" },
        { CS_STR("{\"a\":1}{"), "1:8" },
        { CS_STR("{\"a\":1,\n \"b\":}"), "2:6" },
        { CS_STR("{\"a\":12345,\n \"bcd\":98.50,\n ?}"), "3:2" },
        { CS_STR("{\"a\":1"), NULL },
        { CS_STR("[1,]"), "1:4" },
        { CS_STR("[01]"), "1:3" },
        { CS_STR("[1.]"), "1:4" },
        { CS_STR("[.5]"), "1:2" },
        { CS_STR("[+5]"), "1:2" },
        { CS_STR("[-]"), "1:3" },
        { CS_STR("[1e]"), "1:4" },
        { CS_STR("[1e+]"), "1:5" },
        { CS_STR("[0x1]"), NULL },
        { CS_STR("[1 2]"), "1:4" },
        { CS_STR("[NaN]"), NULL },
        { CS_STR("{1:2}"), "1:2" },
        { CS_STR("{1 :2}"), "1:2" },
        { CS_STR("{a:2}"), NULL },
        { CS_STR("{'a':2}"), NULL },
        { CS_STR("\"abc"), NULL },
        { CS_STR("\"a\\"), NULL },
        { CS_STR("\"a\\q\""), NULL },
        { CS_STR("\"\\ud800\""), NULL },
        { CS_STR("\"a\nb\""), NULL },
        { CS_STR("\"\xff\""), NULL },
        { CS_STR("\xef\xbb\xbf{}"), NULL },
        { CS_STR("{\"a\\u0000b\":1}"), NULL },
        { CS_STR("nul"), NULL },
        { CS_STR("]"), NULL },
        { CS_STR("\0"), NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_json_doc *doc = NULL;
        cs_error err;
        cs_code code = cs_json_parse(cases[i].text, &doc, &err);
        if (code != CS_E_BAD_CONFIG || doc != NULL)
            fail_msg("case %zu was taken: %.*s", i, CS_STR_ARG(cases[i].text));
        if (strchr(err.message, '\1') != NULL || strstr(err.message, "u0001") != NULL)
            fail_msg("case %zu shows our marks: %s", i, err.message);
        if (cases[i].place != NULL && strcmp(err.place, cases[i].place) != 0)
            fail_msg("%.*s: %s at %s, not %s", CS_STR_ARG(cases[i].text), err.message, err.place, cases[i].place);
    }
}

static void depth_is_held(void **state)
{
    char text[2 * CS_JSON_DEPTH_MAX + 2];
    (void)state;
    for (size_t depth = CS_JSON_DEPTH_MAX; depth <= CS_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        cs_json_doc *doc = NULL;
        cs_code code = cs_json_parse((cs_str){ text, 2 * depth }, &doc, NULL);
        assert_int_equal(code, depth <= CS_JSON_DEPTH_MAX ? CS_OK : CS_E_LIMIT);
        cs_json_free(doc);
    }
}

/* No prefix of a document is a document, and none is read beyond its end (the sanitizers look at
 * the copy). */
static void every_cut_of_a_document_is_refused(void **state)
{
    cs_str text = CS_STR("{\"add\":{\"p\\u0061th\":\"\\u0001x\",\"size\":1e3,\"b\":[true,null,-1.5E-7]}}");
    (void)state;
    for (size_t len = 0; len < text.len; len++) {
        char *copy = malloc(len > 0 ? len : 1);
        cs_json_doc *doc = NULL;
        memcpy(copy, text.ptr, len);
        assert_int_equal(cs_json_parse((cs_str){ copy, len }, &doc, NULL), CS_E_BAD_CONFIG);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_keeps_order_and_the_spelling_of_numbers),
        cmocka_unit_test(print_escapes_only_what_it_must),
        cmocka_unit_test(add_str_replaces_broken_utf8),
        cmocka_unit_test(add_key_puts_commas_between_members),
        cmocka_unit_test(i64_reads_every_spelling_of_a_whole_number),
        cmocka_unit_test(kinds_do_not_mix_even_where_a_string_looks_like_our_marks),
        cmocka_unit_test(absent_values_answer_as_null),
        cmocka_unit_test(the_last_of_equal_keys_wins),
        cmocka_unit_test(damage_is_refused_with_its_place),
        cmocka_unit_test(depth_is_held),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
