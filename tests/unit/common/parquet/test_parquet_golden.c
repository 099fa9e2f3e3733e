/* Files that pyarrow wrote (tests/golden/parquet/make.py), read by our reader. */
#include "common/parquet/parquet_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/data/schema.h"
#include "common/data/value.h"

static cs_buf load(const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/golden/parquet/%s", CSTREAM_TESTS_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    cs_buf bytes = CS_BUF_INIT;
    for (size_t got = 1; got > 0; bytes.len += got) {
        char *to = cs_buf_reserve(&bytes, 65536);
        assert_non_null(to);
        got = fread(to, 1, 65536, file);
    }
    fclose(file);
    return bytes;
}

static cs_code read_at(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_buf *file = ctx;
    if (offset > file->len || len > file->len - offset)
        return cs_error_set(err, CS_E_IO, "past the end");
    memcpy(bytes, file->ptr + offset, len);
    return CS_OK;
}

static cs_parquet_input input_of(cs_buf *file)
{
    return (cs_parquet_input){ file, read_at, file->len, CS_STR("golden.parquet") };
}

static cs_code read_all(cs_buf *file, const cs_schema *schema, size_t batch, cs_buf *out,
                        cs_error *err)
{
    cs_parquet_reader *reader = NULL;
    cs_rows rows;
    CS_TRY(cs_parquet_reader_new(input_of(file), schema, &reader, err));
    cs_code code = cs_rows_init(&rows, cs_parquet_reader_schema(reader), err);
    assert_int_equal(code, CS_OK);
    do {
        code = cs_parquet_reader_next(reader, batch, &rows, err);
        for (size_t i = 0; code == CS_OK && i < rows.length; i++) {
            cs_rows_json(&rows, i, out);
            cs_buf_add_char(out, '\n');
        }
    } while (code == CS_OK && rows.length > 0);
    cs_rows_done(&rows);
    cs_parquet_reader_free(reader);
    return code;
}

static void agree(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s.parquet", name);
    cs_buf file = load(path);
    snprintf(path, sizeof(path), "%s.jsonl", name);
    cs_buf wanted = load(path);
    static const size_t batches[] = { 1, 7, 1000 };
    for (size_t i = 0; i < 3; i++) {
        cs_error err;
        cs_buf out = CS_BUF_INIT;
        cs_code code = read_all(&file, NULL, batches[i], &out, &err);
        if (code != CS_OK)
            fail_msg("%s: %s", name, err.message);
        cs_buf_add_char(&out, '\0');
        cs_buf_add_char(&wanted, '\0');
        assert_string_equal(out.ptr, wanted.ptr);
        wanted.len--;
        cs_buf_done(&out);
    }
    cs_buf_done(&file);
    cs_buf_done(&wanted);
}

static void nested_columns_in_pages_v1(void **state)
{
    (void)state;
    agree("nested_v1");
}

static void nested_columns_in_pages_v2(void **state)
{
    (void)state;
    agree("nested_v2");
}

static void every_encoding(void **state)
{
    (void)state;
    agree("encodings_v1");
    agree("encodings_v2");
}

static void decimals_and_times_in_every_physical_type(void **state)
{
    (void)state;
    agree("physical_int");
    agree("physical_flba");
    agree("int96");
}

/* First row with i % 6 != 0 and a list in s.b is row 1; 11 has three elements in its list of lists. */
static void wanted_schema_chooses_orders_and_fills(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_schema schema;
    cs_error err;
    cs_buf file = load("nested_v1.parquet"), out = CS_BUF_INIT;
    cs_str ddl = CS_STR("missing STRING, s STRUCT<nope: DATE, a: BIGINT>, only STRUCT<x: INT>, ID BIGINT");
    assert_int_equal(cs_schema_parse(ddl, &arena, &schema, &err), CS_OK);
    assert_int_equal(read_all(&file, &schema, 1000, &out, &err), CS_OK);
    cs_str text = cs_buf_str(&out), line;
    assert_true(cs_str_split(&text, '\n', &line));
    assert_true(cs_str_eq(line, CS_STR("{\"missing\":null,\"s\":null,\"only\":null,\"ID\":0}")));
    assert_true(cs_str_split(&text, '\n', &line));
    assert_true(cs_str_eq(line,
                          CS_STR("{\"missing\":null,\"s\":{\"nope\":null,\"a\":1},\"only\":null,\"ID\":1}")));
    cs_buf_done(&out);
    cs_buf_done(&file);
    cs_arena_done(&arena);
}

/* Nothing of the struct is in the file, but whether it is null is. */
static void struct_of_missing_fields_keeps_its_nulls(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_schema schema;
    cs_error err;
    cs_buf file = load("nested_v2.parquet"), out = CS_BUF_INIT;
    assert_int_equal(cs_schema_parse(CS_STR("s STRUCT<nope: DATE>, id INT"), &arena, &schema, &err),
                     CS_OK);
    assert_int_equal(read_all(&file, &schema, 1000, &out, &err), CS_OK);
    cs_str text = cs_buf_str(&out), line;
    for (int i = 0; i < 70; i++) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted),
                 i % 6 ? "{\"s\":{\"nope\":null},\"id\":%d}" : "{\"s\":null,\"id\":%d}", i);
        assert_true(cs_str_split(&text, '\n', &line));
        assert_true(cs_str_eq(line, cs_str_of(wanted)));
    }
    cs_buf_done(&out);
    cs_buf_done(&file);
    cs_arena_done(&arena);
}

static void column_of_another_type_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const ddls[] = { "id STRING", "s INT", "l MAP<INT, INT>",
                                        "s STRUCT<a: DATE>", "l ARRAY<INT>" };
    for (size_t i = 0; i < sizeof(ddls) / sizeof(ddls[0]); i++) {
        cs_arena arena = CS_ARENA_INIT;
        cs_schema schema;
        cs_error err;
        cs_buf file = load("nested_v1.parquet"), out = CS_BUF_INIT;
        assert_int_equal(cs_schema_parse(cs_str_of(ddls[i]), &arena, &schema, &err), CS_OK);
        assert_int_equal(read_all(&file, &schema, 10, &out, &err), CS_E_SCHEMA_MISMATCH);
        assert_non_null(strstr(err.message, "column "));
        cs_buf_done(&out);
        cs_buf_done(&file);
        cs_arena_done(&arena);
    }
}

static void footer_check_counts_rows(void **state)
{
    (void)state;
    cs_error err;
    cs_buf file = load("nested_v1.parquet");
    assert_int_equal(cs_parquet_check(input_of(&file), 70, &err), CS_OK);
    assert_int_equal(cs_parquet_check(input_of(&file), 71, &err), CS_E_DAMAGED_PARQUET);
    cs_parquet_input cut = input_of(&file);
    for (uint64_t len = 0; len < file.len; len += 13) {
        cut.size_bytes = len;
        assert_int_equal(cs_parquet_check(cut, 70, &err), CS_E_DAMAGED_PARQUET);
    }
    cs_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_columns_in_pages_v1),
        cmocka_unit_test(nested_columns_in_pages_v2),
        cmocka_unit_test(every_encoding),
        cmocka_unit_test(decimals_and_times_in_every_physical_type),
        cmocka_unit_test(wanted_schema_chooses_orders_and_fills),
        cmocka_unit_test(struct_of_missing_fields_keeps_its_nulls),
        cmocka_unit_test(column_of_another_type_is_refused_by_name),
        cmocka_unit_test(footer_check_counts_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
