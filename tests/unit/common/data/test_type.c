/* Types: names, widths, equality. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/data/type.h"

static void print_gives_sparks_simple_string(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_field inner[] = {
        { .name = CS_STR("b"), .type = cs_type_flat(CS_TYPE_LONG) },
        { .name = CS_STR("c d"), .type = cs_type_decimal(&arena, 10, 2) },
    };
    cs_type structure = { .kind = CS_TYPE_STRUCT, .fields = inner, .n_fields = 2 };
    cs_field pair[] = {
        { .name = CS_STR("key"), .type = cs_type_flat(CS_TYPE_STRING) },
        { .name = CS_STR("value"), .type = &structure },
    };
    cs_type map = { .kind = CS_TYPE_MAP, .fields = pair, .n_fields = 2 };
    cs_field element = { .name = CS_STR("element"), .type = &map };
    cs_type array = { .kind = CS_TYPE_ARRAY, .fields = &element, .n_fields = 1 };
    cs_buf out = CS_BUF_INIT;
    cs_type_print(&array, &out);
    for (int kind = CS_TYPE_BYTE; kind <= CS_TYPE_LONG; kind++) {
        cs_buf_add_char(&out, ' ');
        cs_type_print(cs_type_flat((cs_type_kind)kind), &out);
    }
    assert_true(cs_str_eq(cs_buf_str(&out),
                          CS_STR("array<map<string,struct<b:bigint,c d:decimal(10,2)>>> tinyint smallint int bigint")));
    cs_buf_done(&out);
    cs_arena_done(&arena);
}

static void width_follows_the_physical_layout(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    static const struct {
        uint8_t precision;
        size_t width;
    } decimals[] = { { 1, 4 }, { 9, 4 }, { 10, 8 }, { 18, 8 }, { 19, 16 }, { 38, 16 } };
    for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++)
        assert_int_equal(cs_type_width(cs_type_decimal(&arena, decimals[i].precision, 0)), decimals[i].width);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_BOOLEAN)), 0);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_STRING)), 0);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_BYTE)), 1);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_SHORT)), 2);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_DATE)), 4);
    assert_int_equal(cs_type_width(cs_type_flat(CS_TYPE_TIMESTAMP)), 8);
    cs_arena_done(&arena);
}

static void eq_looks_at_names_and_decimals_but_not_at_nullability(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_field a = { .name = CS_STR("a"), .type = cs_type_flat(CS_TYPE_INT) };
    cs_field b = { .name = CS_STR("b"), .type = cs_type_flat(CS_TYPE_INT) };
    cs_field c = { .name = CS_STR("a"), .type = cs_type_flat(CS_TYPE_INT), .nullable = true };
    cs_type with_a = { .kind = CS_TYPE_STRUCT, .fields = &a, .n_fields = 1 };
    cs_type with_b = { .kind = CS_TYPE_STRUCT, .fields = &b, .n_fields = 1 };
    cs_type with_c = { .kind = CS_TYPE_STRUCT, .fields = &c, .n_fields = 1 };
    cs_type list_a = { .kind = CS_TYPE_ARRAY, .fields = &a, .n_fields = 1 };
    cs_type list_b = { .kind = CS_TYPE_ARRAY, .fields = &b, .n_fields = 1, .contains_null = true };
    assert_false(cs_type_eq(&with_a, &with_b));
    assert_true(cs_type_eq(&with_a, &with_c));
    assert_true(cs_type_eq(&list_a, &list_b));
    assert_true(cs_type_eq(cs_type_decimal(&arena, 5, 2), cs_type_decimal(&arena, 5, 2)));
    assert_false(cs_type_eq(cs_type_decimal(&arena, 5, 2), cs_type_decimal(&arena, 5, 1)));
    assert_false(cs_type_eq(cs_type_flat(CS_TYPE_TIMESTAMP), cs_type_flat(CS_TYPE_TIMESTAMP_NTZ)));
    cs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_gives_sparks_simple_string),
        cmocka_unit_test(width_follows_the_physical_layout),
        cmocka_unit_test(eq_looks_at_names_and_decimals_but_not_at_nullability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
