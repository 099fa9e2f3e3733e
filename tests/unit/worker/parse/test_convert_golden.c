/* Text → value against what Spark 4.2.0 made of 13,424 texts (tests/golden/csv/README.md): by
 * convert.h alone, and through the decoder, where the fast paths are. Where a line is tagged, our own
 * rule is held instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/unit/worker/parse/golden_cell.h"
#include "worker/parse/convert.h"
#include "worker/parse/decoder.h"

/* Lines of one type and one set of options follow one another: their job is parsed once. */
typedef struct option_set {
    cs_arena arena;
    cs_buf key;
    cs_job job;
    cs_code code;
    cs_error err;
} option_set;

typedef struct counts {
    size_t agree, wrong, tagged, later;
} counts;

static cs_option option(cs_option_scope scope, cs_str key, cs_str value)
{
    return (cs_option){ scope, key, value, CS_STR("case") };
}

static void parse_job(option_set *set, const cs_json *line, bool values_only)
{
    static const char *const fixed[][2] = {
        { "source-format", "csv" }, { "source-path", "/in" },          { "sink-format", "delta" },
        { "table-path", "/out" },   { "checkpoint-location", "/chk" },
    };
    /* What the texts of the golden file were trimmed, decoded and spelled by. */
    static const char *const others[] = { "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace",
                                          "encoding", "locale" };
    cs_option items[32];
    size_t n = 0;
    cs_arena_reset(&set->arena);
    for (; n < sizeof fixed / sizeof *fixed; n++)
        items[n] = option(CS_SCOPE_JOB, cs_str_of(fixed[n][0]), cs_str_of(fixed[n][1]));
    cs_str type = golden_str(line, "type");
    const char *ddl = cs_arena_printf(&set->arena, "c %.*s, z STRING", CS_STR_ARG(type));
    items[n++] = option(CS_SCOPE_JOB, CS_STR("schema"), cs_str_of(ddl));
    items[n++] = option(CS_SCOPE_READ, CS_STR("sep"), CS_STR("\x1e"));
    items[n++] = option(CS_SCOPE_READ, CS_STR("quote"), CS_STR("\x03"));
    items[n++] = option(CS_SCOPE_READ, CS_STR("escape"), CS_STR("\x03"));
    cs_json_member member;
    const cs_json *options = cs_json_get(line, "options");
    for (bool more = cs_json_first(options, &member); more; more = cs_json_next(options, &member)) {
        cs_str value = { NULL, 0 };
        bool other = false;
        assert_true(cs_json_str(member.value, &value));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            other |= cs_str_eq(member.key, cs_str_of(others[i]));
        if (!other || !values_only)
            items[n++] = option(CS_SCOPE_READ, member.key, value);
    }
    set->code = cs_job_parse(&(cs_options){ items, n }, &set->arena, &set->job, &set->err);
}

/* True: the job is a new one. */
static bool next_job(option_set *set, const cs_json *line, bool values_only)
{
    cs_buf key = CS_BUF_INIT;
    cs_buf_add_str(&key, golden_str(line, "type"));
    cs_json_print(cs_json_get(line, "options"), &key);
    bool same = cs_str_eq(cs_buf_str(&key), cs_buf_str(&set->key));
    cs_buf_done(&set->key);
    set->key = key;
    if (!same)
        parse_job(set, line, values_only);
    return !same;
}

static void option_set_done(option_set *set)
{
    cs_buf_done(&set->key);
    cs_arena_done(&set->arena);
}

static bool has_tag(const cs_json *line, const char *tag)
{
    cs_str only = { NULL, 0 };
    const cs_json *tags = cs_json_get(line, "differs");
    return cs_json_size(tags) == 1 && cs_json_str(cs_json_at(tags, 0), &only) &&
           cs_str_eq(only, cs_str_of(tag));
}

/* D3, D4, D24 are malformed here. */
static const cs_json *expected_value(const cs_json *line)
{
    bool malformed = has_tag(line, "D3") || has_tag(line, "D4") || has_tag(line, "D24");
    return malformed ? NULL : cs_json_get(line, "value");
}

static bool must_refuse(const cs_json *line)
{
    return cs_json_get(line, "errorKind") != NULL || has_tag(line, "D25");
}

/* D8: a pattern is refused, or it is read as Spark reads it. */
static bool may_refuse(const option_set *set, const cs_json *line)
{
    return (must_refuse(line) || has_tag(line, "D8")) && set->code == CS_E_BAD_OPTION &&
           strstr(set->err.message, "cannot read pattern") != NULL;
}

static void count(counts *sum, const golden_lines *lines, const cs_json *line, bool good)
{
    if (!good)
        print_message("line %zu: %.*s '%.*s'\n", lines->number,
                      CS_STR_ARG(golden_str(line, "type")), CS_STR_ARG(golden_str(line, "text")));
    sum->agree += good;
    sum->wrong += !good;
    sum->tagged += cs_json_get(line, "differs") != NULL;
}

static bool same_bits(const cs_json *value, uint64_t bits, bool is_nan, int digits)
{
    char text[17];
    cs_str expected = golden_str(value, "bits");
    snprintf(text, sizeof text, "%0*llx", digits, (unsigned long long)bits);
    if (is_nan) {
        cs_str name = golden_str(value, "text");
        return cs_str_eq_nocase(name, CS_STR("NaN"));
    }
    return cs_str_eq(expected, cs_str_of(text));
}

static bool same_text(const cs_json *value, __int128 unscaled, uint8_t scale)
{
    cs_str expected;
    cs_buf text = CS_BUF_INIT;
    cs_decimal_print(unscaled, scale, &text);
    bool same = cs_json_str(value, &expected) && cs_str_eq(expected, cs_buf_str(&text));
    cs_buf_done(&text);
    return same;
}

static bool same_number(const cs_json *value, int64_t got)
{
    int64_t expected;
    return cs_json_i64(value, &expected) && expected == got;
}

/* value: NULL when malformed is expected. */
static bool converts_to(cs_convert *convert, const cs_type *type, cs_str text, const cs_json *value)
{
    uint8_t truth;
    int64_t number;
    int32_t days;
    float single;
    double real;
    __int128 decimal;
    bool expected = false;
    int bits = 8 * (int)cs_type_width(type);
    switch (type->kind) {
    case CS_TYPE_BOOLEAN:
        if (!cs_convert_boolean(text, &truth))
            return value == NULL;
        return cs_json_bool(value, &expected) && expected == truth;
    case CS_TYPE_BYTE:
    case CS_TYPE_SHORT:
    case CS_TYPE_INT:
    case CS_TYPE_LONG:
        if (!cs_convert_integer(text, bits, &number))
            return value == NULL;
        return same_text(value, number, 0);
    case CS_TYPE_FLOAT:
        if (!cs_convert_float(convert, text, &single))
            return value == NULL;
        uint32_t single_bits;
        memcpy(&single_bits, &single, sizeof single_bits);
        return same_bits(value, single_bits, single != single, 8);
    case CS_TYPE_DOUBLE:
        if (!cs_convert_double(convert, text, &real))
            return value == NULL;
        uint64_t real_bits;
        memcpy(&real_bits, &real, sizeof real_bits);
        return same_bits(value, real_bits, real != real, 16);
    case CS_TYPE_DECIMAL:
        if (!cs_convert_decimal(text, type->precision, type->scale, &decimal))
            return value == NULL;
        return same_text(value, decimal, type->scale);
    case CS_TYPE_DATE:
        if (!cs_convert_date(convert, text, &days))
            return value == NULL;
        return same_number(value, days);
    case CS_TYPE_TIMESTAMP:
        if (!cs_convert_timestamp(convert, text, &number))
            return value == NULL;
        return same_number(value, number);
    case CS_TYPE_STRING:
    case CS_TYPE_BINARY: /* as they stand: the decoder's part */
        return value != NULL;
    default:
        assert_int_equal(type->kind, CS_TYPE_TIMESTAMP_NTZ);
        if (!cs_convert_timestamp_ntz(convert, text, &number))
            return value == NULL;
        return same_number(value, number);
    }
}

/* Null before any conversion: an empty field, or nullValue. */
static bool is_null(const cs_job *job, cs_str text)
{
    return text.len == 0 || cs_str_eq(text, job->csv.null_value);
}

static bool converts(cs_convert *convert, const cs_job *job, const cs_json *line)
{
    cs_str text = golden_str(line, "text");
    if (cs_json_get(cs_json_get(line, "options"), "ignoreLeadingWhiteSpace") != NULL)
        text = cs_str_trim(text); /* leading and trailing always come together */
    const cs_json *value = expected_value(line);
    char *exact = malloc(text.len > 0 ? text.len : 1); /* so that the sanitizers see its end */
    if (text.len > 0)
        memcpy(exact, text.ptr, text.len);
    const cs_type *type = job->schema.fields[0].type;
    bool good = is_null(job, text) ? value != NULL && cs_json_is_null(value)
                                   : converts_to(convert, type, (cs_str){ exact, text.len }, value);
    free(exact);
    return good;
}

static void converts_as_spark_does(void **state)
{
    (void)state;
    counts sum = { 0 };
    option_set set = { 0 };
    cs_convert convert = { 0 };
    golden_lines lines = golden_open("csv/convert.jsonl.gz");
    for (const cs_json *line; (line = golden_next(&lines)) != NULL;) {
        if (next_job(&set, line, true)) {
            cs_convert_done(&convert);
            cs_convert_init(&convert);
            if (set.code == CS_OK)
                assert_int_equal(cs_convert_use(&convert, &set.job.csv, NULL), CS_OK);
        }
        bool good = set.code == CS_OK && !must_refuse(line) && converts(&convert, &set.job, line);
        count(&sum, &lines, line, good || may_refuse(&set, line));
    }
    cs_convert_done(&convert);
    option_set_done(&set);
    size_t n = golden_close(&lines);
    print_message("%zu of %zu agree (%zu tagged ones with our own rule)\n", sum.agree, n, sum.tagged);
    assert_int_equal(sum.agree, n);
    assert_int_equal(n, 13424);
}

typedef struct seen {
    const cs_json *value; /* NULL: malformed */
    bool good;
} seen;

static cs_code take_row(void *ctx, const cs_rows *rows, cs_error *err)
{
    (void)err;
    seen *row = ctx;
    const cs_column *column = &rows->columns[0];
    assert_int_equal(rows->length, 1);
    row->good = row->value != NULL ? golden_same_cell(column, 0, row->value)
                                   : cs_column_is_null(column, 0);
    return CS_OK;
}

/* The text as a file of one record; behind it a second field, so that the record is never blank. */
static bool decodes(const cs_job *job, const cs_json *line)
{
    cs_decoder *decoder;
    cs_str text = golden_str(line, "text");
    seen row = { .value = expected_value(line) };
    /* Not at the start of the file, where a byte order mark would be one. */
    cs_decode_input input = { .job = job, .offset = 1, .ctx = &row, .rows = take_row };
    char *chunk = calloc(1, text.len + 2 + CS_CHUNK_PADDING);
    if (text.len > 0)
        memcpy(chunk, text.ptr, text.len);
    memcpy(chunk + text.len, "" "z", 2);
    assert_int_equal(cs_decoder_open(&input, &decoder, NULL), CS_OK);
    assert_int_equal(cs_decoder_feed(decoder, (cs_str){ chunk, text.len + 2 }, true, NULL), CS_OK);
    cs_decode_counts met = cs_decoder_counts(decoder);
    cs_decoder_close(decoder);
    free(chunk);
    return row.good && met.records == 1 && met.rejected == (row.value == NULL);
}

static void decodes_as_spark_does(void **state)
{
    (void)state;
    counts sum = { 0 };
    option_set set = { 0 };
    golden_lines lines = golden_open("csv/convert.jsonl.gz");
    for (const cs_json *line; (line = golden_next(&lines)) != NULL;) {
        (void)next_job(&set, line, false);
        if (set.code != CS_OK && strstr(set.err.message, "this version does not have it") != NULL) {
            sum.later++;
            continue;
        }
        bool good = set.code == CS_OK && !must_refuse(line) && decodes(&set.job, line);
        count(&sum, &lines, line, good || may_refuse(&set, line));
    }
    option_set_done(&set);
    size_t n = golden_close(&lines);
    print_message("%zu of %zu agree (%zu tagged ones with our own rule), %zu left for later options\n",
                  sum.agree, n, sum.tagged, sum.later);
    assert_int_equal(sum.wrong, 0);
    assert_int_equal(sum.agree + sum.later, 13424);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_as_spark_does),
        cmocka_unit_test(decodes_as_spark_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
