/* Rows that Spark wrote, through our Parquet writer's bounds to add.stats, against the text that
 * Spark put there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/data/schema.h"
#include "common/delta/delta_stats.h"
#include "tests/unit/golden_lines.h"

/* --- equal texts, numbers by value --- */

typedef struct number {
    bool negative;
    char digits[512]; /* without zeros at either end */
    long exponent;    /* of the last digit */
} number;

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static number take_number(const char **at, const char *end)
{
    number out = { 0 };
    size_t n = 0;
    bool behind_point = false;
    for (; *at < end && is_number_char(**at) && **at != 'e' && **at != 'E'; ++*at) {
        if (**at == '-') {
            out.negative = true;
        } else if (**at == '.') {
            behind_point = true;
        } else if (n > 0 || **at != '0' || behind_point) {
            assert_true(n < sizeof out.digits - 1);
            out.digits[n++] = **at;
        }
        out.exponent -= behind_point && **at != '.';
    }
    if (*at < end && (**at == 'e' || **at == 'E')) {
        char *behind;
        out.exponent += strtol(*at + 1, &behind, 10);
        *at = behind;
    }
    for (; n > 0 && out.digits[n - 1] == '0'; n--)
        out.exponent++;
    out.digits[n] = '\0';
    size_t zeros = strspn(out.digits, "0");
    memmove(out.digits, out.digits + zeros, n - zeros + 1);
    if (n == 0)
        out.exponent = 0;
    return out;
}

/* Below the normal doubles several short spellings stand for one value. */
static bool same_subnormal(const char *a, const char *b)
{
    double x = strtod(a, NULL), y = strtod(b, NULL);
    return x == y && x > -2.2250738585072014e-308 && x < 2.2250738585072014e-308 && x != 0;
}

static bool same_number(const number *a, const number *b)
{
    return a->negative == b->negative && a->exponent == b->exponent &&
           strcmp(a->digits, b->digits) == 0;
}

static bool same_stats(cs_str a, cs_str b)
{
    const char *x = a.ptr, *y = b.ptr, *x_end = a.ptr + a.len, *y_end = b.ptr + b.len;
    bool inside = false;
    while (x < x_end && y < y_end) {
        if (!inside && is_number_char(*x) && is_number_char(*y)) {
            const char *x_at = x, *y_at = y;
            number m = take_number(&x, x_end), n = take_number(&y, y_end);
            if (!same_number(&m, &n) && !same_subnormal(x_at, y_at))
                return false;
            continue;
        }
        if (*x != *y)
            return false;
        if (*x == '"')
            inside = !inside;
        if (*x == '\\') {
            x++;
            y++;
            if (x == x_end || y == y_end || *x != *y)
                return false;
        }
        x++;
        y++;
    }
    return x == x_end && y == y_end;
}

static void numbers_compare_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        { "[1.0E7]", "[10000000]", true },
        { "[1E-38]", "[0.00000000000000000000000000000000000001]", true },
        { "[0E-18]", "[0.000000000000000000]", true },
        { "[-0.0]", "[0.0]", false },
        { "[1.50]", "[1.5]", true },
        { "[12]", "[13]", false },
        { "[\"1.50\"]", "[\"1.5\"]", false },
        { "[0.30]", "[3E-1]", true },
        { "[100]", "[1]", false },
        { "[4.9E-324]", "[5e-324]", true },
        { "[1.7976931348623157E308]", "[1.7976931348623157e+308]", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(same_stats(cs_str_of(cases[i].a), cs_str_of(cases[i].b)), cases[i].same);
}

/* --- rows of a case --- */

static uint64_t from_hex(cs_str text)
{
    char digits[17] = { 0 };
    assert_true(text.len < sizeof digits);
    memcpy(digits, text.ptr, text.len);
    return strtoull(digits, NULL, 16);
}

static void add_decimal(cs_column *column, cs_str text)
{
    __int128 value = 0;
    bool negative = text.ptr[0] == '-';
    for (size_t i = negative; i < text.len; i++) {
        if (text.ptr[i] != '.')
            value = value * 10 + (text.ptr[i] - '0');
    }
    value = negative ? -value : value;
    int32_t four = (int32_t)value;
    int64_t eight = (int64_t)value;
    size_t width = cs_type_width(column->type);
    const void *bytes = &value;
    if (width < sizeof value)
        bytes = width == 4 ? (void *)&four : (void *)&eight;
    assert_int_equal(cs_column_add_fixed(column, bytes, NULL), CS_OK);
}

static void add_text(cs_column *column, cs_str text)
{
    char bytes[4096];
    if (column->type->kind == CS_TYPE_BINARY) {
        for (size_t i = 0; i < text.len / 2; i++)
            bytes[i] = (char)from_hex((cs_str){ text.ptr + 2 * i, 2 });
        text = (cs_str){ bytes, text.len / 2 };
    }
    assert_int_equal(cs_column_add_str(column, text, NULL), CS_OK);
}

static void add_cell(cs_column *column, const cs_json *cell)
{
    cs_str text = { NULL, 0 };
    bool truth;
    if (cs_json_is_null(cell)) {
        assert_int_equal(cs_column_add_null(column, NULL), CS_OK);
        return;
    }
    if (cs_json_bool(cell, &truth)) {
        uint8_t byte = truth;
        assert_int_equal(cs_column_add_fixed(column, &byte, NULL), CS_OK);
        return;
    }
    assert_true(cs_json_str(cell, &text));
    int64_t whole = 0;
    uint64_t bits;
    uint32_t bits4;
    switch (column->type->kind) {
    case CS_TYPE_STRING:
    case CS_TYPE_BINARY:
        add_text(column, text);
        break;
    case CS_TYPE_DECIMAL:
        add_decimal(column, text);
        break;
    case CS_TYPE_FLOAT:
        bits4 = (uint32_t)from_hex(text);
        assert_int_equal(cs_column_add_fixed(column, &bits4, NULL), CS_OK);
        break;
    case CS_TYPE_DOUBLE:
        bits = from_hex(text);
        assert_int_equal(cs_column_add_fixed(column, &bits, NULL), CS_OK);
        break;
    default: /* little end first: the low bytes are the narrow value */
        assert_true(cs_str_to_i64(text, &whole));
        assert_int_equal(cs_column_add_fixed(column, &whole, NULL), CS_OK);
        break;
    }
}

static cs_code swallow(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    (void)ctx, (void)bytes, (void)len, (void)err;
    return CS_OK;
}

static bool is_partition(const cs_json *line, cs_str name)
{
    const cs_json *columns = cs_json_get(line, "partitionColumns");
    for (size_t i = 0; i < cs_json_size(columns); i++) {
        cs_str column = { NULL, 0 };
        if (cs_json_str(cs_json_at(columns, i), &column) && cs_str_eq(column, name))
            return true;
    }
    return false;
}

/* The data columns of the case; false: it has nested ones. */
static bool data_columns(const cs_json *line, cs_arena *arena, cs_schema *schema, size_t *cells)
{
    cs_buf text = CS_BUF_INIT;
    cs_schema whole;
    cs_json_print(cs_json_get(line, "schema"), &text);
    assert_int_equal(cs_schema_parse_json(cs_buf_str(&text), arena, &whole, NULL), CS_OK);
    cs_buf_done(&text);
    cs_field *fields = cs_arena_array(arena, cs_field, whole.n_fields);
    size_t n = 0;
    bool flat = true;
    for (size_t i = 0; i < whole.n_fields; i++) {
        if (is_partition(line, whole.fields[i].name))
            continue;
        flat &= cs_type_is_flat(whole.fields[i].type);
        cells[n] = i;
        fields[n++] = whole.fields[i];
    }
    *schema = (cs_schema){ fields, n };
    return flat;
}

static void print_stats(const cs_json *line, const cs_schema *schema, const size_t *cells,
                        cs_buf *out)
{
    cs_rows rows;
    cs_parquet_writer *writer;
    cs_parquet_summary summary;
    cs_parquet_options options = CS_PARQUET_OPTIONS_DEFAULT;
    cs_parquet_output output = { NULL, swallow };
    assert_int_equal(cs_rows_init(&rows, schema, NULL), CS_OK);
    assert_int_equal(cs_parquet_writer_new(schema, &options, output, &writer, NULL), CS_OK);
    const cs_json *list = cs_json_get(line, "rows");
    for (size_t r = 0; r < cs_json_size(list); r++) {
        for (size_t c = 0; c < schema->n_fields; c++)
            add_cell(&rows.columns[c], cs_json_at(cs_json_at(list, r), cells[c]));
        rows.length++;
    }
    assert_int_equal(cs_parquet_writer_write(writer, &rows, NULL), CS_OK);
    assert_int_equal(cs_parquet_writer_finish(writer, &summary, NULL), CS_OK);
    int64_t indexed = CS_DELTA_INDEXED_COLUMNS_DEFAULT;
    cs_str said = golden_str(cs_json_get(line, "configuration"),
                             "delta.dataSkippingNumIndexedCols");
    if (said.len > 0)
        assert_true(cs_str_to_i64(said, &indexed));
    cs_delta_stats stats = { schema, summary.bounds, summary.rows, indexed };
    cs_delta_stats_print(&stats, out);
    cs_parquet_writer_free(writer);
    cs_rows_done(&rows);
}

static void stats_equal_what_spark_writes_for_the_same_rows(void **state)
{
    (void)state;
    golden_lines lines = golden_open("delta/stats.jsonl.gz");
    const cs_json *line;
    size_t agree = 0, differ = 0, nested = 0, named = 0;
    while ((line = golden_next(&lines)) != NULL) {
        cs_arena arena = CS_ARENA_INIT;
        cs_schema schema;
        size_t cells[256];
        if (!data_columns(line, &arena, &schema, cells)) {
            nested++;
        } else if (golden_str(cs_json_get(line, "configuration"),
                              "delta.dataSkippingStatsColumns").len > 0) {
            named++;
        } else {
            cs_buf got = CS_BUF_INIT;
            cs_str name = golden_str(line, "name"), expected = golden_str(line, "stats");
            print_stats(line, &schema, cells, &got);
            if (same_stats(expected, cs_buf_str(&got))) {
                agree++;
            } else {
                differ++;
                print_message("%.*s\n  Spark: %.*s\n  ours:  %.*s\n", CS_STR_ARG(name),
                              CS_STR_ARG(expected), CS_STR_ARG(cs_buf_str(&got)));
            }
            cs_buf_done(&got);
        }
        cs_arena_done(&arena);
    }
    size_t cases = golden_close(&lines);
    print_message("golden delta/stats: %zu cases: %zu agree, %zu differ; left for later: %zu with "
                  "nested columns, %zu with dataSkippingStatsColumns\n",
                  cases, agree, differ, nested, named);
    assert_int_equal(differ, 0);
    assert_int_equal(cases, 90);
    assert_int_equal(agree, 81);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_compare_by_value),
        cmocka_unit_test(stats_equal_what_spark_writes_for_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
