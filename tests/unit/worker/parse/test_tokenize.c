/* What a record and a field are (spec: csv.md §2), case by case, from every tokenizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/base/arena.h"
#include "worker/parse/tokenize.h"

typedef enum line_mode { LINES, MULTI } line_mode;

static cs_csv_options options_of(line_mode mode)
{
    return (cs_csv_options){
        .sep = CS_STR(","),
        .quote = '"',
        .escape = '"',
        .multi_line = mode == MULTI,
        .record_bytes_max = 1000,
        .columns_max = 100,
    };
}

/* `field|field|!` for each record (! an empty field that was in quotes), records joined by `;`. */
static void add_records(const cs_tokens *tokens, cs_buf *out)
{
    for (size_t i = 0; i < tokens->n_records; i++) {
        const cs_record_token *record = &tokens->records[i];
        if (out->len > 0)
            cs_buf_add_char(out, ';');
        if (record->too_long)
            cs_buf_add_cstr(out, "TOO LONG ");
        for (size_t f = 0; f < record->n_fields; f++) {
            const cs_field_token *field = &tokens->fields[record->first_field + f];
            if (f > 0)
                cs_buf_add_char(out, '|');
            cs_buf_add(out, field->ptr, field->len);
            if (field->len == 0 && field->quoted)
                cs_buf_add_char(out, '!');
        }
        if (record->too_long)
            cs_buf_add(out, record->raw, record->raw_len);
    }
}

static void run(cs_tokenizer *tokenizer, cs_str input, size_t chunk_bytes, cs_buf *out)
{
    size_t at = 0;
    cs_buf_clear(out);
    do {
        size_t len = input.len - at < chunk_bytes ? input.len - at : chunk_bytes;
        char *chunk = cs_xcalloc(1, len + CS_CHUNK_PADDING);
        memcpy(chunk, input.ptr + at, len);
        at += len;
        tokenizer->ops->feed(tokenizer, (cs_str){ chunk, len }, at == input.len);
        cs_tokens tokens;
        do {
            assert_int_equal(tokenizer->ops->next(tokenizer, &tokens, NULL), CS_OK);
            add_records(&tokens, out);
        } while (tokens.n_records > 0);
        free(chunk);
    } while (at < input.len);
    cs_tokenizer_close(tokenizer);
    cs_buf_add_char(out, '\0');
}

static void expect_with(const cs_csv_options *options, cs_str input, const char *expected)
{
    static const cs_csv_parser parsers[] = { CS_CSV_PARSER_EXACT, CS_CSV_PARSER_LIBCSV,
                                             CS_CSV_PARSER_AUTO };
    static const size_t sizes[] = { 1, 2, 5, 1000000 };
    cs_buf out = CS_BUF_INIT;
    for (size_t p = 0; p < sizeof parsers / sizeof *parsers; p++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            cs_csv_options with = *options;
            cs_tokenizer *tokenizer;
            with.parser = parsers[p];
            assert_int_equal(cs_tokenizer_open(&with, 0, &tokenizer, NULL), CS_OK);
            run(tokenizer, input, sizes[s], &out);
            assert_string_equal(out.ptr, expected);
        }
    }
    cs_buf_done(&out);
}

#define EXPECT(mode, input, expected)                               \
    do {                                                            \
        cs_csv_options expect_options_ = options_of(mode);          \
        expect_with(&expect_options_, CS_STR(input), expected);     \
    } while (0)

static void separators_and_line_ends_cut(void **state)
{
    (void)state;
    EXPECT(LINES, "a,b\nc,d\n", "a|b;c|d");
    EXPECT(LINES, "a,b\r\nc,d\r\n", "a|b;c|d");
    EXPECT(LINES, "a,b\rc,d\r", "a|b;c|d");
    EXPECT(LINES, "a,b\nc,d", "a|b;c|d");
    EXPECT(LINES, ",\na,\n,b\n", "|;a|;|b");
    EXPECT(LINES, "", "");
    EXPECT(LINES, "\n", "");
    EXPECT(LINES, "a\n\n\r\nb", "a;b");
}

static void lines_of_blanks_are_dropped_in_lines_and_records_in_multi_line(void **state)
{
    (void)state;
    EXPECT(LINES, "a\n  \n\t\nb\n\x1a\n \0 \n", "a;b");
    EXPECT(MULTI, "a\n  \n\nb\n", "a;  ;b");
    EXPECT(LINES, "a\n\xc2\xa0\nb", "a;\xc2\xa0;b"); /* NBSP is not blank */
}

static void quotes_hide_separators_and_pairs_are_one_quote(void **state)
{
    (void)state;
    EXPECT(LINES, "\"a,b\",c\n", "a,b|c");
    EXPECT(LINES, "\"a\"\"b\",\"\"\"\",\"\"\"c\"\n", "a\"b|\"|\"c");
    EXPECT(LINES, "\"\",,\"\"\n", "!||!");
    EXPECT(LINES, "a\"b,c\"\"d,\"e\"\n", "a\"b|c\"\"d|e");
}

static void blanks_behind_a_closing_quote_are_lost(void **state)
{
    (void)state;
    EXPECT(LINES, "\"a\"  ,\"b\"\t\n\"\" ,c\n", "a|b;!|c");
    /* in front of the quote they make the field unquoted */
    EXPECT(LINES, " \"a\",b\n", " \"a\"|b");
    EXPECT(MULTI, "\"a\" \n\"b\" \r\n", "a;b");
}

static void a_stray_quote_makes_the_field_raw_up_to_the_separator(void **state)
{
    (void)state;
    EXPECT(LINES, "\"a\"b,c\n", "\"a\"b|c");
    EXPECT(LINES, "\"a\"\"b\"c\"d\",e\n", "\"a\"b\"c\"d\"|e");
    EXPECT(LINES, "\"a\" \"b,c\n", "\"a\" \"b|c");
    EXPECT(MULTI, "\"a\"b\nc\"\n", "\"a\"b;c\"");
}

static void an_open_quote_ends_with_its_line_or_its_file(void **state)
{
    (void)state;
    EXPECT(LINES, "a,\"b\nc\",d\n", "a|b;c\"|d");
    EXPECT(LINES, "\"\nx\n", "\";x");
    EXPECT(MULTI, "a,\"b\nc", "a|b\nc");
    EXPECT(MULTI, "\"", "\"");
    EXPECT(MULTI, "x,\"a\n", "x|a\n");
}

static void line_ends_inside_quotes_are_data_in_multi_line(void **state)
{
    (void)state;
    EXPECT(MULTI, "\"a\nb\",c\nd,e\n", "a\nb|c;d|e");
    EXPECT(MULTI, "\"a\n\n\nb\"\n", "a\n\n\nb");
}

/* D7: the first kind of line end of the file becomes LF inside quotes, the other kinds stay. */
static void the_files_own_line_end_becomes_lf_inside_quotes(void **state)
{
    (void)state;
    EXPECT(MULTI, "x\r\n\"a\r\nb\rc\nd\"\r\n", "x;a\nb\rc\nd");
    EXPECT(MULTI, "x\r\"a\rb\r\nc\nd\"\r", "x;a\nb\n\nc\nd");
    EXPECT(MULTI, "x\n\"a\rb\r\nc\nd\"\n", "x;a\rb\r\nc\nd");
    EXPECT(MULTI, "\"a\r\nb\"\"\r\n\"\r\n", "a\nb\"\n"); /* also when the first one is inside */
    EXPECT(MULTI, "\"a\rb", "a\nb");
    EXPECT(MULTI, "\"a\r", "a\n");
    EXPECT(MULTI, "a\rb\nc\r\nd", "a;b;c;d"); /* outside all three end a record */
}

/* D5: NUL is data, in quotes with pairs too, and with quotes off. */
static void nul_is_data(void **state)
{
    (void)state;
    cs_csv_options options = options_of(LINES);
    cs_buf out = CS_BUF_INIT;
    options.quote = CS_CSV_NO_CHAR;
    expect_with(&options, CS_STR("\"a\",b\"\n"), "\"a\"|b\"");
    options.quote = '"';
    run(cs_tokenizer_new_exact(&options, 0), CS_STR("\"a\0\"\"b\",\0\n"), 1, &out);
    assert_int_equal(out.len, sizeof "a\0\"b|\0");
    assert_memory_equal(out.ptr, "a\0\"b|\0", sizeof "a\0\"b|\0");
    cs_buf_done(&out);
}

static void separators_that_are_blanks_separate(void **state)
{
    (void)state;
    cs_csv_options options = options_of(LINES);
    options.sep = CS_STR("\t");
    expect_with(&options, CS_STR("a\tb\n\t\n\"c\"\t\"d\" \t\n"), "a|b;c|d|");
}

static void a_record_beyond_the_limit_is_cut_and_the_next_line_goes_on(void **state)
{
    (void)state;
    for (line_mode mode = LINES; mode <= MULTI; mode++) {
        cs_csv_options options = options_of(mode);
        options.record_bytes_max = 6;
        expect_with(&options, CS_STR("abcdef\nabc,efg,hij\nx,y\n"), "abcdef;TOO LONG abc,ef;x|y");
        expect_with(&options, CS_STR("1234567"), "TOO LONG 123456");
    }
    /* An open quote does not swallow what comes behind the limit. */
    cs_csv_options options = options_of(MULTI);
    options.record_bytes_max = 6;
    expect_with(&options, CS_STR("\"a\nb\ncde\nf,g\n"), "TOO LONG \"a\nb\nc;f|g");
    expect_with(&options, CS_STR("\"a\nbcd\nf,g\n"), "TOO LONG \"a\nbcd;f|g");
}

static void fields_beyond_the_limit_are_not_kept(void **state)
{
    (void)state;
    cs_csv_options options = options_of(LINES);
    options.columns_max = 2;
    expect_with(&options, CS_STR("a,b,c,d,e\n\"f\",g,\"h\",i\nj,k\n"), "a|b|c;f|g|h;j|k");
}

static void records_larger_than_any_window_come_whole(void **state)
{
    (void)state;
    enum { LEN = 700000 };
    cs_csv_options options = options_of(MULTI);
    options.record_bytes_max = 1 << 20;
    char *input = cs_xcalloc(1, LEN + 16);
    memcpy(input, "x\n\"", 3);
    for (size_t i = 3; i < LEN; i++)
        input[i] = "ab\n,"[i % 4];
    memcpy(input + LEN, "\",y\nz\n", 6);
    char *expected = cs_xcalloc(1, LEN + 16);
    memcpy(expected, "x;", 2);
    memcpy(expected + 2, input + 3, LEN - 3);
    memcpy(expected + LEN - 1, "|y;z", 4);
    cs_buf out = CS_BUF_INIT;
    for (cs_csv_parser parser = CS_CSV_PARSER_AUTO; parser <= CS_CSV_PARSER_LIBCSV; parser++) {
        for (size_t chunk = 1000; chunk < 2 * LEN; chunk *= 10) {
            cs_tokenizer *tokenizer;
            options.parser = parser;
            assert_int_equal(cs_tokenizer_open(&options, 0, &tokenizer, NULL), CS_OK);
            run(tokenizer, (cs_str){ input, LEN + 6 }, chunk, &out);
            assert_int_equal(out.len, strlen(expected) + 1);
            assert_memory_equal(out.ptr, expected, out.len);
        }
    }
    cs_buf_done(&out);
    free(input);
    free(expected);
}

static void a_limit_that_memory_cannot_keep_is_refused(void **state)
{
    (void)state;
    cs_csv_options options = options_of(LINES);
    cs_tokenizer *tokenizer;
    cs_error err;
    options.record_bytes_max = (uint64_t)CS_RECORD_BYTES_MAX + 1;
    assert_int_equal(cs_tokenizer_open(&options, 0, &tokenizer, &err), CS_E_BAD_OPTION);
    assert_non_null(strstr(err.message, "csv.maxRecordBytes: must be at most 1073741824"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separators_and_line_ends_cut),
        cmocka_unit_test(lines_of_blanks_are_dropped_in_lines_and_records_in_multi_line),
        cmocka_unit_test(quotes_hide_separators_and_pairs_are_one_quote),
        cmocka_unit_test(blanks_behind_a_closing_quote_are_lost),
        cmocka_unit_test(a_stray_quote_makes_the_field_raw_up_to_the_separator),
        cmocka_unit_test(an_open_quote_ends_with_its_line_or_its_file),
        cmocka_unit_test(line_ends_inside_quotes_are_data_in_multi_line),
        cmocka_unit_test(the_files_own_line_end_becomes_lf_inside_quotes),
        cmocka_unit_test(nul_is_data),
        cmocka_unit_test(separators_that_are_blanks_separate),
        cmocka_unit_test(a_record_beyond_the_limit_is_cut_and_the_next_line_goes_on),
        cmocka_unit_test(fields_beyond_the_limit_are_not_kept),
        cmocka_unit_test(records_larger_than_any_window_come_whole),
        cmocka_unit_test(a_limit_that_memory_cannot_keep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
