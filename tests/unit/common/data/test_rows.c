/* Columns: growth, validity, offsets, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/data/rows.h"

#define VALUES 5000

static cs_column column_of(const cs_type *type)
{
    cs_column column;
    assert_int_equal(cs_column_init(&column, type, NULL), CS_OK);
    return column;
}

static void values_and_nulls_survive_growth(void **state)
{
    (void)state;
    cs_column numbers = column_of(cs_type_flat(CS_TYPE_LONG));
    cs_column texts = column_of(cs_type_flat(CS_TYPE_STRING));
    cs_column bits = column_of(cs_type_flat(CS_TYPE_BOOLEAN));
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < VALUES; i++) {
            if (i % 7 == round) {
                assert_int_equal(cs_column_add_null(&numbers, NULL), CS_OK);
                assert_int_equal(cs_column_add_null(&texts, NULL), CS_OK);
                assert_int_equal(cs_column_add_null(&bits, NULL), CS_OK);
                continue;
            }
            uint8_t bit = i % 3 == 0;
            int len = snprintf(text, sizeof text, "%.*s", (int)(i % 20), "abcdefghijklmnopqrstuvwxyz");
            assert_int_equal(cs_column_add_fixed(&numbers, &i, NULL), CS_OK);
            assert_int_equal(cs_column_add_str(&texts, (cs_str){ text, (size_t)len }, NULL), CS_OK);
            assert_int_equal(cs_column_add_fixed(&bits, &bit, NULL), CS_OK);
        }
        assert_int_equal(texts.length, VALUES);
        assert_int_equal(texts.offsets[0], 0);
        assert_int_equal(texts.null_count, (VALUES - round + 6) / 7);
        for (int64_t i = 0; i < VALUES; i++) {
            bool is_null = i % 7 == round;
            assert_int_equal(cs_column_is_null(&numbers, (size_t)i), is_null);
            assert_int_equal(cs_column_is_null(&texts, (size_t)i), is_null);
            assert_int_equal(((const int64_t *)numbers.data)[i], is_null ? 0 : i);
            assert_int_equal(cs_bit_get(bits.data, (size_t)i), !is_null && i % 3 == 0);
            assert_int_equal(cs_column_str(&texts, (size_t)i).len, is_null ? 0 : i % 20);
        }
        cs_column_clear(&numbers);
        cs_column_clear(&texts);
        cs_column_clear(&bits);
    }
    cs_column_done(&numbers);
    cs_column_done(&texts);
    cs_column_done(&bits);
}

static void bits_set_behind_length_are_gone_after_clear(void **state)
{
    (void)state;
    cs_column bits = column_of(cs_type_flat(CS_TYPE_BOOLEAN));
    assert_int_equal(cs_column_reserve(&bits, 1000, 0, NULL), CS_OK);
    for (size_t i = 0; i < 1000; i++) {
        cs_bit_set(bits.validity, i);
        cs_bit_set(bits.data, i);
    }
    cs_column_clear(&bits);
    for (size_t i = 0; i < 1000; i++)
        assert_false(cs_bit_get(bits.validity, i) || cs_bit_get(bits.data, i));
    cs_column_done(&bits);
}

static void reserve_refuses_more_text_than_offsets_can_say(void **state)
{
    (void)state;
    cs_error err;
    cs_column texts = column_of(cs_type_flat(CS_TYPE_BINARY));
    assert_int_equal(cs_column_add_str(&texts, CS_STR("ab"), NULL), CS_OK);
    assert_int_equal(cs_column_reserve(&texts, 1, (size_t)INT32_MAX - 1, &err), CS_E_LIMIT);
    assert_int_equal(cs_column_reserve(&texts, (size_t)INT32_MAX, 0, &err), CS_E_LIMIT);
    assert_int_equal(cs_column_reserve(&texts, 1, SIZE_MAX, &err), CS_E_LIMIT);
    assert_int_equal(texts.length, 1);
    assert_true(cs_str_eq(cs_column_str(&texts, 0), CS_STR("ab")));
    cs_column_done(&texts);
}

static void a_null_struct_has_null_children(void **state)
{
    (void)state;
    cs_field deep = { .name = CS_STR("c"), .type = cs_type_flat(CS_TYPE_INT) };
    cs_type inner = { .kind = CS_TYPE_STRUCT, .fields = &deep, .n_fields = 1 };
    cs_field fields[] = {
        { .name = CS_STR("a"), .type = cs_type_flat(CS_TYPE_STRING) },
        { .name = CS_STR("b"), .type = &inner },
    };
    cs_type outer = { .kind = CS_TYPE_STRUCT, .fields = fields, .n_fields = 2 };
    cs_column column = column_of(&outer);
    assert_int_equal(cs_column_add_null(&column, NULL), CS_OK);
    assert_int_equal(column.children[0].length, 1);
    assert_int_equal(column.children[1].length, 1);
    assert_true(cs_column_is_null(&column.children[1].children[0], 0));
    cs_column_done(&column);
}

static void decimal_is_read_from_every_width(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_column narrow = column_of(cs_type_decimal(&arena, 9, 2));
    cs_column middle = column_of(cs_type_decimal(&arena, 18, 2));
    cs_column wide = column_of(cs_type_decimal(&arena, 38, 2));
    int32_t a = -999999999;
    int64_t b = -999999999999999999;
    __int128 c = -(__int128)b * 1000 + 7;
    assert_int_equal(cs_column_add_fixed(&narrow, &a, NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&middle, &b, NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&wide, &c, NULL), CS_OK);
    assert_true(cs_column_decimal(&narrow, 0) == a);
    assert_true(cs_column_decimal(&middle, 0) == b);
    assert_true(cs_column_decimal(&wide, 0) == c);
    cs_column_done(&narrow);
    cs_column_done(&middle);
    cs_column_done(&wide);
    cs_arena_done(&arena);
}

static void rows_bytes_counts_what_values_take(void **state)
{
    (void)state;
    cs_field fields[] = {
        { .name = CS_STR("id"), .type = cs_type_flat(CS_TYPE_LONG) },
        { .name = CS_STR("name"), .type = cs_type_flat(CS_TYPE_STRING) },
    };
    cs_schema schema = { .fields = fields, .n_fields = 2 };
    cs_rows rows;
    int64_t id = 1;
    assert_int_equal(cs_rows_init(&rows, &schema, NULL), CS_OK);
    assert_int_equal(cs_column_add_fixed(&rows.columns[0], &id, NULL), CS_OK);
    assert_int_equal(cs_column_add_str(&rows.columns[1], CS_STR("abc"), NULL), CS_OK);
    rows.length = 1;
    assert_int_equal(cs_rows_bytes(&rows), (1 + 8) + (1 + 2 * 4 + 3));
    cs_rows_clear(&rows);
    assert_int_equal(rows.length, 0);
    assert_int_equal(cs_rows_bytes(&rows), 4);
    cs_rows_done(&rows);
    cs_rows_done(&rows);
    cs_rows_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_nulls_survive_growth),
        cmocka_unit_test(bits_set_behind_length_are_gone_after_clear),
        cmocka_unit_test(reserve_refuses_more_text_than_offsets_can_say),
        cmocka_unit_test(a_null_struct_has_null_children),
        cmocka_unit_test(decimal_is_read_from_every_width),
        cmocka_unit_test(rows_bytes_counts_what_values_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
