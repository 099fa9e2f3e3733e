/* Growth, pieces of our encodings, and the escaper that guards terminals and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_text(cs_str got, cs_str want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void appends_stand_one_behind_the_other(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    cs_buf_add(&buf, NULL, 0);
    cs_buf_add_str(&buf, (cs_str){ NULL, 0 });
    assert_int_equal(buf.len, 0);
    cs_buf_add_cstr(&buf, "a\n");
    cs_buf_add_char(&buf, '\0');
    cs_buf_add_str(&buf, CS_STR("b"));
    cs_buf_printf(&buf, "%d-%s", 42, "x");
    cs_buf_add(&buf, "yz", 1);
    assert_text(cs_buf_str(&buf), CS_STR("a\n\0b42-xy"));
    assert_int_equal(cs_buf_check(&buf, NULL), CS_OK);
    cs_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    cs_buf_done(&buf);
    cs_buf_done(&buf);
    cs_buf_done(NULL);
}

static void grows_to_many_times_its_first_size_and_keeps_the_content(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    for (unsigned i = 0; i < 100000; i++)
        cs_buf_add_u32le(&buf, i);
    cs_cursor cursor = { (const uint8_t *)buf.ptr, (const uint8_t *)buf.ptr + buf.len };
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t value;
        assert_true(cs_cursor_u32le(&cursor, &value));
        assert_int_equal(value, i);
    }
    cs_buf_done(&buf);
}

static void reserve_gives_room_behind_the_content_even_for_nothing(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    assert_non_null(cs_buf_reserve(&buf, 0));
    cs_buf_add_cstr(&buf, "abc");
    char *room = cs_buf_reserve(&buf, 1000);
    assert_ptr_equal(room, buf.ptr + 3);
    memset(room, 'x', 1000);
    buf.len += 1000;
    assert_int_equal(buf.ptr[2], 'c');
    cs_buf_done(&buf);
}

static void a_failed_append_sticks_until_clear_and_keeps_what_was_there(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    cs_buf_add_cstr(&buf, "abc");
    assert_null(cs_buf_reserve(&buf, SIZE_MAX));
    cs_buf_add_cstr(&buf, "def");
    assert_null(cs_buf_reserve(&buf, 1));
    assert_text(cs_buf_str(&buf), CS_STR("abc"));
    cs_error err;
    assert_int_equal(cs_buf_check(&buf, &err), CS_E_NOMEM);
    assert_int_equal(err.code, CS_E_NOMEM);
    cs_buf_clear(&buf);
    cs_buf_add_cstr(&buf, "def");
    assert_int_equal(cs_buf_check(&buf, &err), CS_OK);
    assert_text(cs_buf_str(&buf), CS_STR("def"));
    cs_buf_done(&buf);
}

static void fixed_integers_are_little_endian(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    cs_buf_add_u32le(&buf, 0x01020304u);
    cs_buf_add_u64le(&buf, 0x0102030405060708u);
    assert_text(cs_buf_str(&buf), CS_STR("\4\3\2\1\x8\7\6\5\4\3\2\1"));
    cs_buf_done(&buf);
}

static void varints_have_the_bytes_of_the_protobuf_documentation(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } cases[] = {
        { 0, "\x00", 1 },
        { 1, "\x01", 1 },
        { 127, "\x7f", 1 },
        { 128, "\x80\x01", 2 },
        { 150, "\x96\x01", 2 }, /* protobuf's own example */
        { 300, "\xac\x02", 2 },
        { UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cs_buf buf = CS_BUF_INIT;
        cs_buf_add_varint(&buf, cases[i].value);
        assert_text(cs_buf_str(&buf), (cs_str){ cases[i].bytes, cases[i].len });
        cs_cursor cursor = { (const uint8_t *)buf.ptr, (const uint8_t *)buf.ptr + buf.len };
        uint64_t value;
        assert_true(cs_cursor_varint(&cursor, &value));
        assert_true(value == cases[i].value);
        assert_ptr_equal(cursor.at, cursor.end);
        cs_buf_done(&buf);
    }
}

static void a_take_past_the_end_fails_and_leaves_cursor_and_output(void **state)
{
    (void)state;
    const uint8_t bytes[7] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    cs_cursor cursor = { bytes, bytes + 3 };
    uint32_t narrow = 5;
    uint64_t wide = 6;
    cs_str text = CS_STR("seven");
    assert_false(cs_cursor_u32le(&cursor, &narrow));
    cursor.end = bytes + 7;
    assert_false(cs_cursor_u64le(&cursor, &wide));
    assert_false(cs_cursor_varint(&cursor, &wide));
    assert_false(cs_cursor_bytes(&cursor, 8, &text));
    assert_false(cs_cursor_bytes(&cursor, SIZE_MAX, &text));
    assert_ptr_equal(cursor.at, bytes);
    assert_int_equal(narrow, 5);
    assert_int_equal(wide, 6);
    assert_int_equal(text.len, 5);
    assert_true(cs_cursor_bytes(&cursor, 7, &text));
    assert_ptr_equal(text.ptr, bytes);
    assert_ptr_equal(cursor.at, cursor.end);
    cs_cursor empty = { NULL, NULL };
    assert_true(cs_cursor_bytes(&empty, 0, &text));
    assert_false(cs_cursor_varint(&empty, &wide));
}

static void a_varint_of_more_than_64_bits_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const uint8_t *bytes = (const uint8_t *)bad[i];
        cs_cursor cursor = { bytes, bytes + strlen(bad[i]) };
        uint64_t value = 9;
        assert_false(cs_cursor_varint(&cursor, &value));
        assert_ptr_equal(cursor.at, bytes);
        assert_int_equal(value, 9);
    }
}

static const struct {
    cs_str text;
    cs_str want;
} escapes[] = {
    { { "", 0 }, { "", 0 } },
#define CASE(text, want) { { text, sizeof(text) - 1 }, { want, sizeof(want) - 1 } }
    CASE("plain ~ text", "plain ~ text"),
    CASE("back\\slash \"quoted\"", "back\\slash \"quoted\""),
    CASE("a\nb\tc\r\0d", "a\\x0ab\\x09c\\x0d\\x00d"),
    CASE("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
    CASE("\x7f", "\\x7f"),
    /* ü, €, U+10348, U+10FFFF, U+00A0 stay */
    CASE("\xc3\xbc\xe2\x82\xac\xf0\x90\x8d\x88\xf4\x8f\xbf\xbf\xc2\xa0",
         "\xc3\xbc\xe2\x82\xac\xf0\x90\x8d\x88\xf4\x8f\xbf\xbf\xc2\xa0"),
    /* the C1 controls: U+0080, U+009B (CSI), U+009F */
    CASE("\xc2\x80\xc2\x9bX\xc2\x9f", "\\xc2\\x80\\xc2\\x9bX\\xc2\\x9f"),
    /* lone continuation, cut sequences, overlong forms, a surrogate, above U+10FFFF, never-bytes */
    CASE("\x80z", "\\x80z"),
    CASE("\xc3", "\\xc3"),
    CASE("\xe2\x82", "\\xe2\\x82"),
    CASE("\xe2\x82z", "\\xe2\\x82z"),
    CASE("\xf0\x90\x8d", "\\xf0\\x90\\x8d"),
    CASE("\xc0\xaf", "\\xc0\\xaf"),
    CASE("\xc1\xbf", "\\xc1\\xbf"),
    CASE("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"),
    CASE("\xed\xa0\x80", "\\xed\\xa0\\x80"),
    CASE("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"),
    CASE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
    CASE("\xfe\xff\xf5", "\\xfe\\xff\\xf5"),
    CASE("\xc3\xc3\xbc", "\\xc3\xc3\xbc"),
#undef CASE
};

static void escaping_keeps_printable_text_and_spells_out_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(escapes); i++) {
        cs_buf buf = CS_BUF_INIT;
        char array[128];
        cs_buf_add_escaped(&buf, escapes[i].text);
        assert_text(cs_buf_str(&buf), escapes[i].want);
        assert_ptr_equal(cs_escape(array, sizeof array, escapes[i].text), array);
        assert_text(cs_str_of(array), escapes[i].want);
        cs_buf_done(&buf);
    }
}

static void escaping_twice_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(escapes); i++) {
        cs_buf once = CS_BUF_INIT, twice = CS_BUF_INIT;
        cs_buf_add_escaped(&once, escapes[i].text);
        cs_buf_add_escaped(&twice, cs_buf_str(&once));
        assert_text(cs_buf_str(&twice), cs_buf_str(&once));
        cs_buf_done(&once);
        cs_buf_done(&twice);
    }
}

static void escape_into_an_array_cuts_at_a_character_with_dots(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(cs_escape(out, 8, CS_STR("1234567")), "1234567");
    assert_string_equal(cs_escape(out, 8, CS_STR("12345678")), "1234...");
    assert_string_equal(cs_escape(out, 8, CS_STR("123\xe2\x82\xac" "78")), "123...");
    assert_string_equal(cs_escape(out, 8, CS_STR("\x1b\x1b")), "\\x1b...");
    assert_string_equal(cs_escape(out, 4, CS_STR("1234")), "...");
    assert_string_equal(cs_escape(out, 3, CS_STR("1234")), "");
    assert_string_equal(cs_escape(out, 1, CS_STR("")), "");
    assert_string_equal(cs_escape(out, 1, CS_STR("a")), "");
    out[0] = 'Z';
    cs_escape(out, 0, CS_STR("a"));
    assert_int_equal(out[0], 'Z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_stand_one_behind_the_other),
        cmocka_unit_test(grows_to_many_times_its_first_size_and_keeps_the_content),
        cmocka_unit_test(reserve_gives_room_behind_the_content_even_for_nothing),
        cmocka_unit_test(a_failed_append_sticks_until_clear_and_keeps_what_was_there),
        cmocka_unit_test(fixed_integers_are_little_endian),
        cmocka_unit_test(varints_have_the_bytes_of_the_protobuf_documentation),
        cmocka_unit_test(a_take_past_the_end_fails_and_leaves_cursor_and_output),
        cmocka_unit_test(a_varint_of_more_than_64_bits_is_refused),
        cmocka_unit_test(escaping_keeps_printable_text_and_spells_out_the_rest),
        cmocka_unit_test(escaping_twice_changes_nothing),
        cmocka_unit_test(escape_into_an_array_cuts_at_a_character_with_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
