/* Records → rows (spec: csv.md §3): modes, the corrupt column, nulls, headers, limits, chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/data/value.h"
#include "worker/parse/decoder.h"

typedef struct decoded {
    cs_arena arena;
    cs_job job;
    cs_buf rows;    /* a JSON object a line */
    cs_buf rejects; /* `record@offset column_at column 'value' reason` a line */
    cs_buf header;
    uint64_t n_rows;
    size_t rows_max; /* in one hand-over */
    cs_decode_counts counts;
    cs_error err;
} decoded;

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    (void)err;
    decoded *run = ctx;
    assert_true(rows->length > 0 && rows->length <= CS_ROWS_MAX);
    for (size_t i = 0; i < rows->length; i++) {
        cs_rows_json(rows, i, &run->rows);
        cs_buf_add_char(&run->rows, '\n');
    }
    for (size_t i = 0; i < rows->schema->n_fields; i++) {
        size_t nulls = 0;
        for (size_t at = 0; at < rows->length; at++)
            nulls += cs_column_is_null(&rows->columns[i], at);
        assert_int_equal(rows->columns[i].length, rows->length);
        assert_int_equal(rows->columns[i].null_count, nulls);
    }
    run->n_rows += rows->length;
    run->rows_max = rows->length > run->rows_max ? rows->length : run->rows_max;
    return CS_OK;
}

static void take_reject(void *ctx, const cs_reject *reject)
{
    decoded *run = ctx;
    cs_buf_printf(&run->rejects, "%d@%d %u %.*s '", (int)reject->record, (int)reject->offset,
                  reject->column_at, CS_STR_ARG(reject->column));
    cs_buf_add_str(&run->rejects, reject->value);
    cs_buf_printf(&run->rejects, "' %s\n", reject->reason);
}

static void take_header(void *ctx, const char *how)
{
    decoded *run = ctx;
    cs_buf_add_cstr(&run->header, how);
    cs_buf_add_char(&run->header, '\n');
}

static decoded new_run(const char *schema)
{
    decoded run = {
        .job = {
            .source_format = CS_STR("csv"),
            .csv = {
                .sep = CS_STR(","),
                .quote = '"',
                .escape = '"',
                .corrupt_column = CS_STR("_corrupt_record"),
                .record_bytes_max = CS_RECORD_BYTES_MAX_DEFAULT,
                .columns_max = CS_COLUMNS_MAX,
            },
        },
    };
    assert_int_equal(cs_schema_parse(cs_str_of(schema), &run.arena, &run.job.schema, NULL), CS_OK);
    return run;
}

static cs_code decode_from(decoded *run, cs_str input, size_t chunk_bytes, uint64_t offset)
{
    cs_decoder *decoder = NULL;
    cs_decode_input to = {
        .job = &run->job,
        .offset = offset,
        .ctx = run,
        .rows = take_rows,
        .reject = take_reject,
        .header_differs = take_header,
    };
    cs_buf_clear(&run->rows);
    cs_buf_clear(&run->rejects);
    cs_buf_clear(&run->header);
    run->n_rows = 0;
    cs_code code = cs_decoder_open(&to, &decoder, &run->err);
    size_t at = 0;
    bool last = false;
    while (code == CS_OK && !last) {
        size_t len = input.len - at < chunk_bytes ? input.len - at : chunk_bytes;
        char *chunk = cs_xcalloc(1, len + CS_CHUNK_PADDING);
        memcpy(chunk, input.ptr + at, len);
        memset(chunk + len, '7', CS_CHUNK_PADDING);
        at += len;
        last = at == input.len;
        code = cs_decoder_feed(decoder, (cs_str){ chunk, len }, last, &run->err);
        free(chunk);
    }
    if (decoder != NULL)
        run->counts = cs_decoder_counts(decoder);
    cs_decoder_close(decoder);
    return code;
}

static cs_code decode(decoded *run, cs_str input, size_t chunk_bytes)
{
    return decode_from(run, input, chunk_bytes, 0);
}

static void expect_text(cs_buf *buf, const char *expected)
{
    cs_buf_add_char(buf, '\0');
    assert_string_equal(buf->ptr, expected);
    buf->len--;
}

static void expect_rows(decoded *run, cs_str input, const char *expected)
{
    static const size_t sizes[] = { 1, 3, 64, 1 << 20 };
    static const cs_csv_parser parsers[] = { CS_CSV_PARSER_AUTO, CS_CSV_PARSER_EXACT,
                                             CS_CSV_PARSER_LIBCSV };
    for (size_t p = 0; p < sizeof parsers / sizeof *parsers; p++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            run->job.csv.parser = parsers[p];
            assert_int_equal(decode(run, input, sizes[i]), CS_OK);
            expect_text(&run->rows, expected);
        }
    }
}

static void done(decoded *run)
{
    cs_buf_done(&run->rows);
    cs_buf_done(&run->rejects);
    cs_buf_done(&run->header);
    cs_arena_done(&run->arena);
}

static void fields_become_typed_values_by_position(void **state)
{
    (void)state;
    decoded run = new_run("b BOOLEAN, t TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, "
                          "m DECIMAL(5,2), w DECIMAL(20,3), x STRING, y BINARY, z DATE, "
                          "u TIMESTAMP, v TIMESTAMP_NTZ");
    expect_rows(&run,
                CS_STR("true,-128,32767,-1,9223372036854775807,0.1,1e3,-1.005,12345678901234567.5,"
                       "\"a\"\"b\",\xff,2020-02-29,2020-01-01 00:00:00 UTC,1969-12-31T23:59:59.5\n"),
                "{\"b\":true,\"t\":-128,\"s\":32767,\"i\":-1,\"l\":9223372036854775807,\"f\":0.1,"
                "\"d\":1000.0,\"m\":\"-1.01\",\"w\":\"12345678901234567.500\",\"x\":\"a\\\"b\",\"y\":\"77+9\","
                "\"z\":\"2020-02-29\",\"u\":\"2020-01-01T00:00:00.000000Z\","
                "\"v\":\"1969-12-31T23:59:59.500000\"}\n");
    done(&run);
}

static void permissive_keeps_bad_records_with_their_text(void **state)
{
    (void)state;
    decoded run = new_run("a INT, _corrupt_record STRING, b DECIMAL(4,1), c STRING");
    expect_rows(&run, CS_STR("1,2.5,x\n7,\"q,r\",\"z\"\"\"\n2\n3,4,y,extra\nu,v,w\n\n\"\",,\"\"\n"),
                "{\"a\":1,\"_corrupt_record\":null,\"b\":\"2.5\",\"c\":\"x\"}\n"
                "{\"a\":7,\"_corrupt_record\":\"7,\\\"q,r\\\",\\\"z\\\"\\\"\\\"\",\"b\":null,\"c\":\"z\\\"\"}\n"
                "{\"a\":2,\"_corrupt_record\":\"2\",\"b\":null,\"c\":null}\n"
                "{\"a\":3,\"_corrupt_record\":\"3,4,y,extra\",\"b\":\"4.0\",\"c\":\"y\"}\n"
                "{\"a\":null,\"_corrupt_record\":\"u,v,w\",\"b\":null,\"c\":\"w\"}\n"
                "{\"a\":null,\"_corrupt_record\":null,\"b\":null,\"c\":null}\n");
    assert_int_equal(run.counts.records, 6);
    assert_int_equal(run.counts.rejected, 4);
    expect_text(&run.rejects, "2@8 3 b 'q,r' is not DECIMAL(4,1)\n"
                              "3@22 1  '' has 1 field, the schema has 3\n"
                              "4@24 1  '' has 4 fields, the schema has 3\n"
                              "5@36 1 a 'u' is not INT\n");
    done(&run);
}

static void dropmalformed_drops_bad_records_alone(void **state)
{
    (void)state;
    decoded run = new_run("a BOOLEAN, b STRING, c INT, _corrupt_record STRING");
    run.job.csv.mode = CS_CSV_DROPMALFORMED;
    expect_rows(&run, CS_STR("true,x,1\ntrue,y\nno,z,2\n,,\nfalse,u,x\ntrue,v,3\n"),
                "{\"a\":true,\"b\":\"x\",\"c\":1,\"_corrupt_record\":null}\n"
                "{\"a\":null,\"b\":null,\"c\":null,\"_corrupt_record\":null}\n"
                "{\"a\":true,\"b\":\"v\",\"c\":3,\"_corrupt_record\":null}\n");
    assert_int_equal(run.counts.records, 6);
    assert_int_equal(run.counts.rejected, 3);
    expect_rows(&run, CS_STR("x,y,z\nx,y,z\n"), "");
    done(&run);
}

static void failfast_names_column_value_and_byte(void **state)
{
    (void)state;
    decoded run = new_run("id INT, name STRING, amount DECIMAL(10,2)");
    run.job.csv.mode = CS_CSV_FAILFAST;
    assert_int_equal(decode(&run, CS_STR("1,a,2\n2,\"b,\"\"\",\"12,50x\"\n"), 4),
                     CS_E_MALFORMED_RECORD);
    assert_string_equal(run.err.message, "column amount: '12,50x' is not DECIMAL(10,2)");
    assert_string_equal(run.err.hint, "-r mode=PERMISSIVE keeps such rows in _corrupt_record");
    assert_int_equal(run.counts.failed_at, 6 + 9);
    assert_int_equal(decode(&run, CS_STR("1,a,2\n2,b\n"), 100), CS_E_MALFORMED_RECORD);
    assert_string_equal(run.err.message, "record has 2 fields, the schema has 3");
    assert_int_equal(run.counts.failed_at, 6);
    assert_int_equal(decode(&run, CS_STR("1,\x1b[31m,2\n\x1b[0m,b,3\n"), 100),
                     CS_E_MALFORMED_RECORD);
    assert_string_equal(run.err.message, "column id: '\\x1b[0m' is not INT");
    assert_int_equal(decode(&run, CS_STR("1,a,2\n"), 100), CS_OK);
    done(&run);
}

static void nulls_follow_null_value_and_empty_value(void **state)
{
    (void)state;
    decoded run = new_run("a STRING, b INT");
    expect_rows(&run, CS_STR("\"\",\"\"\n,\n"),
                "{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":null}\n");
    run.job.csv.null_value = CS_STR("-");
    expect_rows(&run, CS_STR("\"\",1\n,-\n\"-\",2\n--,3\n"),
                "{\"a\":\"\",\"b\":1}\n{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":2}\n"
                "{\"a\":\"--\",\"b\":3}\n");
    run.job.csv.empty_value = CS_STR("5");
    expect_rows(&run, CS_STR("\"\",\"\"\n"), "{\"a\":\"5\",\"b\":5}\n");
    run.job.csv.null_value = CS_STR("5");
    expect_rows(&run, CS_STR("\"\",\"\"\n5,\"5\"\n"),
                "{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":null}\n");
    done(&run);
}

static void the_header_is_dropped_and_compared(void **state)
{
    (void)state;
    decoded run = new_run("id INT, name STRING");
    run.job.csv.header = true;
    expect_rows(&run, CS_STR("ID,\"Name\"\n1,a\n"), "{\"id\":1,\"name\":\"a\"}\n");
    expect_text(&run.header, "");
    expect_rows(&run, CS_STR(" \n\xef\xbb\xbfid,name\n1,a\n"), "{\"id\":1,\"name\":\"a\"}\n");
    expect_rows(&run, CS_STR("\xef\xbb\xbf\nid,names\n1,a\n"), "{\"id\":1,\"name\":\"a\"}\n");
    expect_text(&run.header, "column 2 is 'names' in the header and 'name' in the schema\n");
    expect_rows(&run, CS_STR("id\n"), "");
    expect_text(&run.header, "the header has 1 names, the schema has 2\n");
    expect_rows(&run, CS_STR(""), "");
    /* A split behind the file's start has none. */
    assert_int_equal(decode_from(&run, CS_STR("1,a\n"), 100, 1000), CS_OK);
    expect_text(&run.rows, "{\"id\":1,\"name\":\"a\"}\n");
    done(&run);
}

static void a_byte_order_mark_goes_once_at_the_start(void **state)
{
    (void)state;
    decoded run = new_run("a STRING");
    expect_rows(&run, CS_STR("\xef\xbb\xbf" "x\n\xef\xbb\xbf" "y\n"),
                "{\"a\":\"x\"}\n{\"a\":\"\xef\xbb\xbfy\"}\n");
    expect_rows(&run, CS_STR("\xef\xbb\xbf"), ""); /* D12 */
    expect_rows(&run, CS_STR("\xef\xbb"), "{\"a\":\"\xef\xbf\xbd\"}\n");
    expect_rows(&run, CS_STR("\xef\xbbx"), "{\"a\":\"\xef\xbf\xbdx\"}\n");
    expect_rows(&run, CS_STR("\xef\xbb\xbf\xef\xbb\xbfx"), "{\"a\":\"\xef\xbb\xbfx\"}\n");
    assert_int_equal(decode_from(&run, CS_STR("\xef\xbb\xbfx\n"), 100, 5), CS_OK);
    expect_text(&run.rows, "{\"a\":\"\xef\xbb\xbfx\"}\n");
    done(&run);
}

static void texts_are_valid_utf8_whatever_the_bytes(void **state)
{
    (void)state;
    decoded run = new_run("a STRING, b INT, _corrupt_record STRING");
    expect_rows(&run, CS_STR("\xe2\x82,1\n\xc3\xa9\xff,\x80\n"),
                "{\"a\":\"\xef\xbf\xbd\",\"b\":1,\"_corrupt_record\":null}\n"
                "{\"a\":\"\xc3\xa9\xef\xbf\xbd\",\"b\":null,"
                "\"_corrupt_record\":\"\xc3\xa9\xef\xbf\xbd,\xef\xbf\xbd\"}\n");
    /* Three times as long: the column must have grown meanwhile. */
    char bytes[3000];
    memset(bytes, 0x80, sizeof bytes);
    for (size_t i = 99; i < sizeof bytes; i += 100)
        memcpy(bytes + i - 2, ",1\n", 3);
    assert_int_equal(decode(&run, (cs_str){ bytes, sizeof bytes }, 1 << 20), CS_OK);
    assert_int_equal(run.n_rows, 30);
    const char *first = "{\"a\":\"\xef\xbf\xbd\xef\xbf\xbd";
    assert_memory_equal(run.rows.ptr, first, strlen(first));
    done(&run);
}

static void limits_fail_the_file_or_make_a_bad_record(void **state)
{
    (void)state;
    decoded run = new_run("a INT, b STRING, _corrupt_record STRING");
    run.job.csv.columns_max = 3;
    assert_int_equal(decode(&run, CS_STR("1,a\n1,2,3,4\n"), 5), CS_E_LIMIT);
    assert_string_equal(run.err.message, "record has more than 3 fields (maxColumns)");
    assert_int_equal(run.counts.failed_at, 4);
    run.job.csv.record_bytes_max = 5;
    expect_rows(&run, CS_STR("12,45\n12,456\n3,c\n"),
                "{\"a\":12,\"b\":\"45\",\"_corrupt_record\":null}\n"
                "{\"a\":null,\"b\":null,\"_corrupt_record\":\"12,45\"}\n"
                "{\"a\":3,\"b\":\"c\",\"_corrupt_record\":null}\n");
    expect_text(&run.rejects, "2@6 1  '' is longer than maxRecordBytes (5)\n");
    run.job.csv.mode = CS_CSV_FAILFAST;
    assert_int_equal(decode(&run, CS_STR("12,45\n12,456\n3,c\n"), 5), CS_E_LIMIT);
    assert_string_equal(run.err.message, "record is longer than maxRecordBytes (5)");
    run.job.csv.mode = CS_CSV_PERMISSIVE;
    expect_rows(&run, CS_STR("1,\x80\n2,\x80\x80\n"), /* longer once mended */
                "{\"a\":1,\"b\":\"\xef\xbf\xbd\",\"_corrupt_record\":null}\n"
                "{\"a\":null,\"b\":null,\"_corrupt_record\":\"2,\xef\xbf\xbd\"}\n");
    run.job.csv.mode = CS_CSV_FAILFAST;
    /* What stands before it is the first news. */
    assert_int_equal(decode(&run, CS_STR("x,y\n1,2,3,4\n"), 100), CS_E_MALFORMED_RECORD);
    done(&run);
}

static void schemas_that_no_file_can_have_are_refused(void **state)
{
    (void)state;
    decoded run = new_run("a INT, b ARRAY<INT>");
    assert_int_equal(decode(&run, CS_STR(""), 1), CS_E_BAD_SCHEMA);
    assert_string_equal(run.err.message, "column b: a CSV file has no nested types");
    done(&run);
    run = new_run("a INT, _corrupt_record INT");
    assert_int_equal(decode(&run, CS_STR(""), 1), CS_E_BAD_SCHEMA);
    done(&run);
    run = new_run("a INT");
    run.job.source_format = CS_STR("xml");
    assert_int_equal(decode(&run, CS_STR(""), 1), CS_E_UNSUPPORTED);
    assert_string_equal(run.err.message, "source format 'xml' is not known to this worker");
    done(&run);
}

/* Many slices and hand-overs, with bad records in between: the row numbers must come out in
 * order. */
static void rows_keep_their_order_over_many_batches(void **state)
{
    (void)state;
    decoded run = new_run("i BIGINT, b BOOLEAN, t STRING, _corrupt_record STRING");
    cs_buf input = CS_BUF_INIT, expected = CS_BUF_INIT;
    for (int i = 0; i < 40000; i++) {
        bool bad = i % 997 == 5, null = i % 5 == 0;
        cs_buf_printf(&input, "%d,%s,%s%d\n", i, i % 3 == 0 ? "TRUE" : "false", null ? "" : "row ",
                      null ? 0 : i);
        if (null)
            input.len -= 2;
        if (null)
            cs_buf_add_char(&input, '\n');
        if (bad)
            cs_buf_printf(&input, "bad%d\n", i);
        cs_buf_printf(&expected, "{\"i\":%d,\"b\":%s,\"t\":", i, i % 3 == 0 ? "true" : "false");
        cs_buf_printf(&expected, null ? "null" : "\"row %d\"", i);
        cs_buf_add_cstr(&expected, ",\"_corrupt_record\":null}\n");
        if (bad)
            cs_buf_printf(&expected,
                          "{\"i\":null,\"b\":null,\"t\":null,\"_corrupt_record\":\"bad%d\"}\n", i);
    }
    for (size_t chunk = 777; chunk < input.len * 20; chunk *= 20) {
        assert_int_equal(decode(&run, cs_buf_str(&input), chunk), CS_OK);
        assert_int_equal(run.rows.len, expected.len);
        assert_memory_equal(run.rows.ptr, expected.ptr, expected.len);
    }
    cs_buf_done(&input);
    cs_buf_done(&expected);
    done(&run);
}

/* A wide schema with short records: what a slice takes stays bounded, and so does a hand-over. */
static void wide_schemas_are_taken_in_small_slices(void **state)
{
    (void)state;
    cs_buf schema = CS_BUF_INIT, input = CS_BUF_INIT;
    for (int i = 0; i < 5000; i++)
        cs_buf_printf(&schema, "%sc%d INT", i > 0 ? "," : "", i);
    cs_buf_add_char(&schema, '\0');
    decoded run = new_run(schema.ptr);
    for (int i = 0; i < 2000; i++)
        cs_buf_add_cstr(&input, "1\n");
    assert_int_equal(decode(&run, cs_buf_str(&input), 1 << 20), CS_OK);
    assert_int_equal(run.n_rows, 2000);
    assert_int_equal(run.counts.rejected, 2000);
    assert_true(run.rows_max <= 128);
    cs_buf_done(&schema);
    cs_buf_done(&input);
    done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_typed_values_by_position),
        cmocka_unit_test(permissive_keeps_bad_records_with_their_text),
        cmocka_unit_test(dropmalformed_drops_bad_records_alone),
        cmocka_unit_test(failfast_names_column_value_and_byte),
        cmocka_unit_test(nulls_follow_null_value_and_empty_value),
        cmocka_unit_test(the_header_is_dropped_and_compared),
        cmocka_unit_test(a_byte_order_mark_goes_once_at_the_start),
        cmocka_unit_test(texts_are_valid_utf8_whatever_the_bytes),
        cmocka_unit_test(limits_fail_the_file_or_make_a_bad_record),
        cmocka_unit_test(schemas_that_no_file_can_have_are_refused),
        cmocka_unit_test(rows_keep_their_order_over_many_batches),
        cmocka_unit_test(wide_schemas_are_taken_in_small_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
