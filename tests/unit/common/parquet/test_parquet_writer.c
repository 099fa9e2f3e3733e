/* What the writer promises beyond the values, which tests/interop/parquet_roundtrip.py holds to pyarrow and
 * DuckDB: sizes, memory, bounds, choices of encoding. */
#include "common/parquet/parquet_writer.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/parquet/parquet_meta.h"
#include "common/parquet/parquet_reader.h"

static cs_code to_buf(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    cs_buf_add(ctx, bytes, len);
    return cs_buf_check(ctx, err);
}

static cs_code to_nowhere(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    (void)bytes;
    (void)err;
    *(uint64_t *)ctx += len;
    return CS_OK;
}

static cs_code full_disk(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    (void)bytes;
    (void)len;
    return --*(int *)ctx < 0 ? cs_error_set(err, CS_E_DISK_FULL, "no space") : CS_OK;
}

static cs_code read_at(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_buf *file = ctx;
    if (offset > file->len || len > file->len - offset)
        return cs_error_set(err, CS_E_IO, "past the end");
    memcpy(bytes, file->ptr + offset, len);
    return CS_OK;
}

static size_t batch_rows = 10000;

/* One column, rows by fill(i), as a whole file. */
static cs_parquet_writer *write_one(const cs_schema *schema, const cs_parquet_options *options,
                                    size_t n, void (*fill)(cs_column *column,
                                                           size_t i), cs_buf *file, cs_parquet_summary *summary)
{
    cs_parquet_writer *writer = NULL;
    cs_rows rows;
    cs_parquet_output output = { file, to_buf };
    assert_int_equal(cs_parquet_writer_new(schema, options, output, &writer, NULL), CS_OK);
    assert_int_equal(cs_rows_init(&rows, schema, NULL), CS_OK);
    for (size_t i = 0; i < n;) {
        cs_rows_clear(&rows);
        for (; i < n && rows.length < batch_rows; i++, rows.length++)
            fill(&rows.columns[0], i);
        assert_int_equal(cs_parquet_writer_write(writer, &rows, NULL), CS_OK);
    }
    assert_int_equal(cs_parquet_writer_finish(writer, summary, NULL), CS_OK);
    cs_rows_done(&rows);
    return writer;
}

static void add_number(cs_column *column, int64_t value)
{
    assert_int_equal(cs_column_add_fixed(column, &value, NULL), CS_OK);
}

static void fill_few(cs_column *column, size_t i)
{
    add_number(column, (int64_t)(i * 2654435761u % 97));
}

static void fill_unique(cs_column *column, size_t i)
{
    add_number(column, (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15)));
}

static void fill_session(cs_column *column, size_t i)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%016llx-0000-1111-2222-3333",
                       (unsigned long long)(i / 5 * UINT64_C(0x9e3779b97f4a7c15)));
    assert_int_equal(cs_column_add_str(column, (cs_str){ text, (size_t)len }, NULL), CS_OK);
}

static void fill_text_max(cs_column *column, size_t i)
{
    (void)i;
    char text[200];
    memset(text, 'a', sizeof(text));
    memcpy(text + 62, "\xed\x9f\xbf", 3); /* U+D7FF, cut by the limit of 64 bytes */
    assert_int_equal(cs_column_add_str(column, (cs_str){ text, sizeof(text) }, NULL), CS_OK);
}

static cs_parquet_chunk first_chunk(const cs_buf *file, const cs_parquet_summary *summary,
                                    size_t row_group, cs_arena *arena)
{
    cs_parquet_footer footer;
    cs_parquet_chunk chunk;
    int64_t rows;
    cs_str bytes = { file->ptr + file->len - 8 - summary->footer_bytes, summary->footer_bytes };
    assert_int_equal(cs_parquet_get_footer(bytes, arena, &footer, NULL), CS_OK);
    assert_int_equal(footer.n_row_groups, summary->row_groups);
    assert_int_equal(cs_parquet_get_row_group(footer.row_groups[row_group], &chunk, 1, &rows, NULL),
                     CS_OK);
    return chunk;
}

static const cs_field one_long = { .name = { "n", 1 }, .nullable = true };

static cs_schema schema_of(cs_field *field, cs_type_kind kind)
{
    *field = one_long;
    field->type = cs_type_flat(kind);
    return (cs_schema){ field, 1 };
}

static void dictionary_stays_while_it_pays(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_LONG);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    options.codec = CS_CODEC_NONE;
    cs_parquet_summary summary;
    cs_arena arena = CS_ARENA_INIT;
    cs_buf few = CS_BUF_INIT, unique = CS_BUF_INIT;
    cs_parquet_writer *writer = write_one(&schema, &options, 200000, fill_few, &few, &summary);
    assert_true(first_chunk(&few, &summary, 0, &arena).dictionary_page_offset > 0);
    assert_true(few.len < 200000 + 4096); /* seven bits a value */
    cs_parquet_writer_free(writer);
    writer = write_one(&schema, &options, 200000, fill_unique, &unique, &summary);
    assert_int_equal(first_chunk(&unique, &summary, 0, &arena).dictionary_page_offset, 0);
    assert_true(unique.len < 200000 * 8 + 4096);
    cs_parquet_writer_free(writer);
    cs_buf_done(&few);
    cs_buf_done(&unique);
    cs_arena_done(&arena);
}

/* Repeated uuids fill a dictionary long before the row group's budget: the row group ends, and the next begins
 * with an empty one, instead of PLAIN for the rest. */
static void full_dictionary_that_pays_ends_the_row_group(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_STRING);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_summary summary;
    cs_arena arena = CS_ARENA_INIT;
    cs_buf file = CS_BUF_INIT;
    cs_parquet_writer *writer = write_one(&schema, &options, 400000, fill_session, &file, &summary);
    assert_true(summary.row_groups >= 2 && summary.row_groups <= 6);
    for (uint32_t i = 0; i < summary.row_groups; i++)
        assert_true(first_chunk(&file, &summary, i, &arena).dictionary_page_offset > 0);
    cs_parquet_writer_free(writer);
    cs_buf_done(&file);
    cs_arena_done(&arena);
}

static void cut_bound_is_raised_past_the_surrogates(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_STRING);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_summary summary;
    cs_arena arena = CS_ARENA_INIT;
    cs_buf file = CS_BUF_INIT;
    cs_parquet_writer *writer = write_one(&schema, &options, 3, fill_text_max, &file, &summary);
    /* 62 letters fit, the character does not: the last letter is raised. */
    cs_parquet_statistics statistics = first_chunk(&file, &summary, 0, &arena).statistics;
    assert_true(statistics.has_min_max && !statistics.min_exact && !statistics.max_exact);
    assert_int_equal(statistics.min.len, 62);
    assert_int_equal(statistics.max.len, 62);
    assert_int_equal(statistics.max.ptr[61], 'b');
    assert_int_equal(summary.bounds[0].max.str.len, 200); /* the summary is exact */
    cs_parquet_writer_free(writer);
    cs_buf_done(&file);
    cs_arena_done(&arena);
}

static void fill_documents(cs_column *column, size_t i)
{
    static char document[1u << 20];
    memset(document, 'z', sizeof(document));
    cs_str text = i % 50 == 49 ? (cs_str){ document, sizeof(document) } : CS_STR("short");
    assert_int_equal(cs_column_add_str(column, text, NULL), CS_OK);
}

static void document_leaves_the_dictionary_and_cuts_its_bound(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_STRING);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_summary summary;
    cs_arena arena = CS_ARENA_INIT;
    cs_buf file = CS_BUF_INIT, again = CS_BUF_INIT;
    batch_rows = 10000;
    cs_parquet_writer *writer = write_one(&schema, &options, 200, fill_documents, &file, &summary);
    assert_int_equal(first_chunk(&file, &summary, 0, &arena).dictionary_page_offset, 0);
    assert_int_equal(summary.bounds[0].max.str.len, CS_COLUMN_BOUND_TEXT_BYTES_MAX);
    assert_true(cs_str_eq(summary.bounds[0].min.str, CS_STR("short")));
    cs_parquet_writer_free(writer);
    batch_rows = 7;
    writer = write_one(&schema, &options, 200, fill_documents, &again, &summary);
    assert_true(cs_str_eq(cs_buf_str(&file), cs_buf_str(&again)));
    cs_parquet_writer_free(writer);
    batch_rows = 10000;
    cs_buf_done(&file);
    cs_buf_done(&again);
    cs_arena_done(&arena);
}

static void file_without_rows_is_a_file(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_DATE);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_summary summary;
    cs_buf file = CS_BUF_INIT;
    cs_parquet_writer *writer = write_one(&schema, &options, 0, NULL, &file, &summary);
    assert_int_equal(summary.row_groups, 0);
    assert_false(summary.bounds[0].has_value);
    assert_int_equal(cs_parquet_check((cs_parquet_input){ &file, read_at, file.len, CS_STR("f") },
                                      0, NULL), CS_OK);
    cs_parquet_writer_free(writer);
    cs_buf_done(&file);
}

/* A thousand columns share the budget; memory beside it is what one open page and one slice of each take. */
static void wide_rows_stay_in_the_budget(void **state)
{
    (void)state;
    enum { COLUMNS = 1000, BATCH = 512 };
    cs_field *fields = calloc(COLUMNS, sizeof(*fields));
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i] = (cs_field){ { "c", 1 }, cs_type_flat(CS_TYPE_INT), true, { 0 } };
    cs_schema schema = { fields, COLUMNS };
    cs_rows rows;
    cs_rng_seeded seeded;
    cs_rng_seeded_init(&seeded, 1);
    assert_int_equal(cs_rows_init(&rows, &schema, NULL), CS_OK);
    for (size_t c = 0; c < COLUMNS; c++)
        for (size_t i = 0; i < BATCH; i++)
            add_number(&rows.columns[c], (int32_t)cs_rng_u64(&seeded.rng));
    rows.length = BATCH;
    uint64_t written = 0;
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    options.row_group_bytes = 8u << 20;
    cs_parquet_writer *writer = NULL;
    cs_parquet_summary summary;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, most = 0;
    assert_int_equal(cs_parquet_writer_new(&schema, &options, (cs_parquet_output){ &written,
            to_nowhere }, &writer, NULL),
                     CS_OK);
    for (int k = 0; k < 30; k++) {
        for (size_t c = 0; c < COLUMNS; c++)
            for (size_t i = 0; i < BATCH; i++)
                ((int32_t *)(void *)rows.columns[c].data)[i] = (int32_t)cs_rng_u64(&seeded.rng);
        assert_int_equal(cs_parquet_writer_write(writer, &rows, NULL), CS_OK);
        size_t now = mallinfo2().uordblks + mallinfo2().hblkhd - before;
        most = now > most ? now : most;
    }
    assert_int_equal(cs_parquet_writer_finish(writer, &summary, NULL), CS_OK);
    assert_true(summary.row_groups > 1);
    assert_true(written > (size_t)COLUMNS * BATCH * 30 * 4);
    /* A sanitizer's allocator does not count here: most is then 0. */
    assert_true(most < 2 * options.row_group_bytes);
    cs_parquet_writer_free(writer);
    cs_rows_done(&rows);
    free(fields);
}

static void failed_write_ends_the_file(void **state)
{
    (void)state;
    cs_field field;
    cs_schema schema = schema_of(&field, CS_TYPE_LONG);
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_writer *writer = NULL;
    cs_parquet_summary summary;
    cs_error err;
    cs_rows rows;
    int writes = 0;
    assert_int_equal(cs_rows_init(&rows, &schema, NULL), CS_OK);
    for (size_t i = 0; i < 1000; i++)
        fill_unique(&rows.columns[0], i);
    rows.length = 1000;
    assert_int_equal(cs_parquet_writer_new(&schema, &options, (cs_parquet_output){ &writes,
            full_disk }, &writer, &err),
                     CS_OK);
    assert_int_equal(cs_parquet_writer_write(writer, &rows, &err), CS_OK);
    assert_int_equal(cs_parquet_writer_finish(writer, &summary, &err), CS_E_DISK_FULL);
    cs_parquet_writer_free(writer);
    cs_rows_done(&rows);
}

static void nested_types_are_refused(void **state)
{
    (void)state;
    cs_field element = { { "element", 7 }, cs_type_flat(CS_TYPE_INT), true, { 0 } };
    cs_type list = { .kind = CS_TYPE_ARRAY, .contains_null = true, .fields = &element,
                     .n_fields = 1 };
    cs_field field = { { "l", 1 }, &list, true, { 0 } };
    cs_schema schema = { &field, 1 };
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_writer *writer = NULL;
    uint64_t written = 0;
    assert_int_equal(cs_parquet_writer_new(&schema, &options, (cs_parquet_output){ &written,
            to_nowhere }, &writer, NULL),
                     CS_E_UNSUPPORTED);
    assert_null(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionary_stays_while_it_pays),
        cmocka_unit_test(full_dictionary_that_pays_ends_the_row_group),
        cmocka_unit_test(cut_bound_is_raised_past_the_surrogates),
        cmocka_unit_test(document_leaves_the_dictionary_and_cuts_its_bound),
        cmocka_unit_test(file_without_rows_is_a_file),
        cmocka_unit_test(wide_rows_stay_in_the_budget),
        cmocka_unit_test(failed_write_ends_the_file),
        cmocka_unit_test(nested_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
