/* Random schemas, rows and options, written to Parquet.
 *
 *   parquet_roundtrip [SEED [COUNT]]             write, read with our reader, compare value by value
 *   parquet_roundtrip write DIR SEED COUNT       leave DIR/N.parquet, DIR/N.rows (the generator's values) and
 *                                                DIR/N.bounds (the writer's summary) for other readers to judge
 *   parquet_roundtrip read FILE                  print the rows of a file, in the encoding of DIR/N.rows
 *
 * A row is a JSON list of texts: integers, days, microseconds and unscaled decimals in decimal digits, floats
 * as the hex digits of their bits, booleans true and false, strings and binary as hex; null is null. Nested:
 * list [..], map [[key, value], ..], struct [field, ..]. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/parquet/parquet_reader.h"
#include "common/parquet/parquet_writer.h"

#define COLUMNS_MAX 12
#define CHECK(call)                                                             \
    do {                                                                        \
        cs_error check_err;                                                     \
        cs_error *err = &check_err;                                             \
        if ((call) != CS_OK) {                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, err->message);   \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* --- the generator --- */

typedef enum shape { SHAPE_FEW, SHAPE_MANY, SHAPE_UNIQUE, SHAPE_RUNS, SHAPE_EDGES,
                     SHAPE_COUNT } shape;

typedef struct generator {
    cs_rng_seeded seeded;
    cs_arena arena;
    cs_schema schema;
    shape shapes[COLUMNS_MAX];
    unsigned null_percent[COLUMNS_MAX];
    size_t rows;
    uint64_t counter;
    cs_parquet_options options;
} generator;

static uint64_t below(generator *gen, uint64_t limit)
{
    return cs_rng_below(&gen->seeded.rng, limit);
}

static void generator_init(generator *gen, uint64_t seed)
{
    *gen = (generator){ 0 };
    cs_rng_seeded_init(&gen->seeded, seed);
    size_t n = 1 + below(gen, COLUMNS_MAX);
    cs_field *fields = cs_arena_array(&gen->arena, cs_field, n);
    for (size_t i = 0; i < n; i++) {
        cs_type_kind kind = (cs_type_kind)below(gen, CS_TYPE_ARRAY);
        fields[i].name = cs_str_of(cs_arena_printf(&gen->arena, "c%zu", i));
        fields[i].nullable = true;
        if (kind == CS_TYPE_DECIMAL) {
            uint8_t precision = (uint8_t)(1 + below(gen, 38));
            fields[i].type = cs_type_decimal(&gen->arena, precision, (uint8_t)below(gen,
                    precision + 1u));
        } else {
            fields[i].type = cs_type_flat(kind);
        }
        gen->shapes[i] = (shape)below(gen, SHAPE_COUNT);
        static const unsigned percents[] = { 0, 0, 1, 30, 99, 100 };
        gen->null_percent[i] = percents[below(gen, sizeof(percents) / sizeof(percents[0]))];
    }
    gen->schema = (cs_schema){ fields, n };
    static const size_t rows[] = { 0, 1, 7, 8, 500, 5000, 80000 };
    gen->rows = rows[below(gen, sizeof(rows) / sizeof(rows[0]))];
    gen->rows += gen->rows ? below(gen, gen->rows) : 0;
    gen->options = CS_PARQUET_OPTIONS_DEFAULT;
    gen->options.codec = (cs_codec)below(gen, CS_CODEC_COUNT);
    static const size_t sizes[] = { 1u << 14, 1u << 18, 1u << 20, 32u << 20 };
    gen->options.row_group_bytes = sizes[below(gen, 4)];
    gen->options.page_bytes = (size_t)1 << (10 + below(gen, 11));
    gen->options.dictionary_bytes = below(gen, 4) ? (size_t)1 << (8 + below(gen, 13)) : 0;
}

static int64_t draw(generator *gen, size_t column)
{
    switch (gen->shapes[column]) {
    case SHAPE_FEW:
        return (int64_t)below(gen, 5);
    case SHAPE_MANY:
        return (int64_t)below(gen, 3000) * 7919;
    case SHAPE_RUNS:
        return (int64_t)(gen->counter++ / 40);
    case SHAPE_EDGES: {
        static const int64_t edges[] = { 0, 1, -1, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 127,
                                         -128 };
        return edges[below(gen, sizeof(edges) / sizeof(edges[0]))];
    }
    default:
        return (int64_t)(cs_rng_u64(&gen->seeded.rng) >> below(gen, 64));
    }
}

static double draw_double(generator *gen, size_t column)
{
    static const double edges[] = { 0.0, -0.0, 1.5, -1e300, 1e-320, __builtin_inf(),
                                    -__builtin_inf(), __builtin_nan("") };
    if (gen->shapes[column] == SHAPE_EDGES)
        return edges[below(gen, 8)];
    if (gen->shapes[column] == SHAPE_FEW)
        return edges[below(gen, 3)];
    return (double)draw(gen, column) / 100;
}

static void draw_text(generator *gen, size_t column, bool utf8, cs_buf *out)
{
    static const char *const pieces[] = { "a", "Z", "é", "漢", "😀", "\xf4\x8f\xbf\xbf", "0", " ",
                                          "\x7f", "퟿" };
    cs_buf_clear(out);
    if (gen->shapes[column] == SHAPE_EDGES) {
        /* Long ones with equal beginnings: bounds are cut in the middle of characters. */
        size_t n = below(gen, 100), piece = below(gen, 10);
        for (size_t i = 0; i < n; i++)
            cs_buf_add_cstr(out, pieces[i < 60 ? piece : below(gen, 10)]);
        if (!utf8 && n > 50)
            memset(out->ptr, 0xff, out->len - below(gen, 8));
        return;
    }
    int64_t value = draw(gen, column);
    if (gen->shapes[column] == SHAPE_UNIQUE)
        cs_buf_printf(out, "%016llx-%04x", (unsigned long long)value, (unsigned)below(gen, 65536));
    else
        cs_buf_printf(out, "%.*s%lld", (int)(value % 20 < 0 ? 0 : value % 20),
                      "xxxxxxxxxxxxxxxxxxxx", (long long)value);
}

static __int128 draw_decimal(generator *gen, size_t column, unsigned precision)
{
    __int128 limit = 1;
    for (unsigned i = 0; i < precision; i++)
        limit *= 10;
    if (gen->shapes[column] == SHAPE_EDGES)
        return below(gen, 2) ? limit - 1 : 1 - limit;
    __int128 value = draw(gen, column);
    if (gen->shapes[column] == SHAPE_UNIQUE)
        value = value * (int64_t)cs_rng_u64(&gen->seeded.rng);
    return value % limit;
}

static void add_value(generator *gen, size_t at, cs_column *column, cs_buf *text)
{
    if (below(gen, 100) < gen->null_percent[at]) {
        CHECK(cs_column_add_null(column, err));
        return;
    }
    switch (column->type->kind) {
    case CS_TYPE_STRING:
    case CS_TYPE_BINARY:
        draw_text(gen, at, column->type->kind == CS_TYPE_STRING, text);
        CHECK(cs_column_add_str(column, cs_buf_str(text), err));
        return;
    case CS_TYPE_FLOAT: {
        float value = (float)draw_double(gen, at);
        CHECK(cs_column_add_fixed(column, &value, err));
        return;
    }
    case CS_TYPE_DOUBLE: {
        double value = draw_double(gen, at);
        CHECK(cs_column_add_fixed(column, &value, err));
        return;
    }
    case CS_TYPE_DECIMAL: {
        __int128 value = draw_decimal(gen, at, column->type->precision);
        CHECK(cs_column_add_fixed(column, &value,
                                  err)); /* little end first: the narrow widths are a prefix */
        return;
    }
    case CS_TYPE_BOOLEAN: {
        uint8_t value = (uint8_t)(draw(gen, at) & 1);
        CHECK(cs_column_add_fixed(column, &value, err));
        return;
    }
    default: {
        int64_t value = draw(gen, at);
        CHECK(cs_column_add_fixed(column, &value, err));
    }
    }
}

static void generate(generator *gen, cs_rows *rows)
{
    cs_buf text = CS_BUF_INIT;
    CHECK(cs_rows_init(rows, &gen->schema, err));
    for (size_t c = 0; c < gen->schema.n_fields; c++)
        for (size_t i = 0; i < gen->rows; i++)
            add_value(gen, c, &rows->columns[c], &text);
    rows->length = gen->rows;
    cs_buf_done(&text);
}

/* --- rows as text --- */

static void put_hex(cs_buf *out, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        cs_buf_printf(out, "%02x", ((const uint8_t *)bytes)[i]);
}

static void put_value(cs_buf *out, const cs_column *column, size_t at);

static void put_list(cs_buf *out, const cs_column *column, size_t at)
{
    bool map = column->type->kind == CS_TYPE_MAP;
    cs_buf_add_char(out, '[');
    for (int32_t i = column->offsets[at]; i < column->offsets[at + 1]; i++) {
        if (i > column->offsets[at])
            cs_buf_add_char(out, ',');
        if (map)
            cs_buf_add_char(out, '[');
        put_value(out, &column->children[0], (size_t)i);
        if (map) {
            cs_buf_add_char(out, ',');
            put_value(out, &column->children[1], (size_t)i);
            cs_buf_add_char(out, ']');
        }
    }
    cs_buf_add_char(out, ']');
}

static void put_decimal(cs_buf *out, __int128 value)
{
    char digits[48];
    int n = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do
        digits[n++] = (char)('0' + (int)(rest % 10));
    while ((rest /= 10) > 0);
    if (value < 0)
        cs_buf_add_char(out, '-');
    while (n > 0)
        cs_buf_add_char(out, digits[--n]);
}

static void put_flat(cs_buf *out, const cs_column *column, size_t at)
{
    uint32_t bits32;
    uint64_t bits64;
    switch (column->type->kind) {
    case CS_TYPE_BOOLEAN:
        cs_buf_add_cstr(out, cs_bit_get(column->data, at) ? "true" : "false");
        return;
    case CS_TYPE_BYTE:
        cs_buf_printf(out, "%d", ((const int8_t *)column->data)[at]);
        return;
    case CS_TYPE_SHORT:
        cs_buf_printf(out, "%d", ((const int16_t *)(const void *)column->data)[at]);
        return;
    case CS_TYPE_INT:
    case CS_TYPE_DATE:
        cs_buf_printf(out, "%d", ((const int32_t *)(const void *)column->data)[at]);
        return;
    case CS_TYPE_FLOAT:
        memcpy(&bits32, column->data + at * 4, 4);
        cs_buf_printf(out, "%08x", (bits32 & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits32);
        return;
    case CS_TYPE_DOUBLE:
        memcpy(&bits64, column->data + at * 8, 8);
        if ((bits64 & INT64_MAX) > UINT64_C(0x7ff0000000000000))
            bits64 = UINT64_C(0x7ff8000000000000);
        cs_buf_printf(out, "%016llx", (unsigned long long)bits64);
        return;
    case CS_TYPE_DECIMAL:
        put_decimal(out, cs_column_decimal(column, at));
        return;
    case CS_TYPE_STRING:
    case CS_TYPE_BINARY: {
        cs_str text = cs_column_str(column, at);
        put_hex(out, text.ptr, text.len);
        return;
    }
    default:
        cs_buf_printf(out, "%lld", (long long)((const int64_t *)(const void *)column->data)[at]);
    }
}

static void put_value(cs_buf *out, const cs_column *column, size_t at)
{
    if (cs_column_is_null(column, at)) {
        cs_buf_add_cstr(out, "null");
    } else if (column->type->kind == CS_TYPE_STRUCT) {
        cs_buf_add_char(out, '[');
        for (size_t i = 0; i < column->n_children; i++) {
            if (i > 0)
                cs_buf_add_char(out, ',');
            put_value(out, &column->children[i], at);
        }
        cs_buf_add_char(out, ']');
    } else if (!cs_type_is_flat(column->type)) {
        put_list(out, column, at);
    } else {
        cs_buf_add_char(out, '"');
        put_flat(out, column, at);
        cs_buf_add_char(out, '"');
    }
}

static void put_row(cs_buf *out, const cs_rows *rows, size_t at)
{
    cs_buf_add_char(out, '[');
    for (size_t i = 0; i < rows->schema->n_fields; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        put_value(out, &rows->columns[i], at);
    }
    cs_buf_add_cstr(out, "]\n");
}

/* --- writing --- */

static cs_code to_buf(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    cs_buf_add(ctx, bytes, len);
    return cs_buf_check(ctx, err);
}

/* Rows from..to as rows of their own: batches of another size must give the same file. */
static void copy_rows(const cs_rows *rows, size_t from, size_t to, cs_rows *out)
{
    cs_rows_clear(out);
    for (size_t c = 0; c < rows->schema->n_fields; c++) {
        const cs_column *in = &rows->columns[c];
        cs_column *column = &out->columns[c];
        size_t width = cs_type_width(in->type);
        for (size_t i = from; i < to; i++) {
            if (cs_column_is_null(in, i)) {
                CHECK(cs_column_add_null(column, err));
            } else if (in->type->kind == CS_TYPE_BOOLEAN) {
                uint8_t bit = cs_bit_get(in->data, i);
                CHECK(cs_column_add_fixed(column, &bit, err));
            } else if (width > 0) {
                CHECK(cs_column_add_fixed(column, in->data + i * width, err));
            } else {
                CHECK(cs_column_add_str(column, cs_column_str(in, i), err));
            }
        }
    }
    out->length = to - from;
}

static void put_bounds(cs_buf *out, const cs_parquet_summary *summary)
{
    for (size_t i = 0; i < summary->n_bounds; i++) {
        const cs_column_bounds *bounds = &summary->bounds[i];
        cs_buf_printf(out, "%llu %d %d %d", (unsigned long long)bounds->null_count,
                      bounds->has_value, bounds->has_nan, bounds->all_nan);
        const struct cs_bound *both[] = { &bounds->min, &bounds->max };
        for (int k = 0; k < 2 && bounds->has_value; k++) {
            uint64_t bits;
            cs_buf_add_char(out, ' ');
            switch (bounds->type->kind) {
            case CS_TYPE_FLOAT:
            case CS_TYPE_DOUBLE:
                memcpy(&bits, &both[k]->d, 8);
                cs_buf_printf(out, "%016llx", (unsigned long long)bits);
                break;
            case CS_TYPE_DECIMAL:
                put_decimal(out, bounds->type->precision > 18 ? both[k]->dec : both[k]->i);
                break;
            case CS_TYPE_STRING:
            case CS_TYPE_BINARY:
                cs_buf_add_char(out, 'x');
                put_hex(out, both[k]->str.ptr, both[k]->str.len);
                break;
            default:
                cs_buf_printf(out, "%lld", (long long)both[k]->i);
            }
        }
        cs_buf_add_char(out, '\n');
    }
}

static void write_file(generator *gen, const cs_rows *rows, size_t batch, cs_buf *file,
                       cs_buf *bounds)
{
    cs_parquet_writer *writer = NULL;
    cs_parquet_summary summary;
    cs_rows part;
    cs_parquet_output output = { file, to_buf };
    CHECK(cs_parquet_writer_new(&gen->schema, &gen->options, output, &writer, err));
    CHECK(cs_rows_init(&part, &gen->schema, err));
    for (size_t from = 0; from < rows->length; from += batch) {
        size_t to = rows->length - from < batch ? rows->length : from + batch;
        copy_rows(rows, from, to, &part);
        CHECK(cs_parquet_writer_write(writer, &part, err));
    }
    CHECK(cs_parquet_writer_finish(writer, &summary, err));
    if (summary.rows != rows->length || summary.size_bytes != file->len) {
        fprintf(stderr, "summary says %llu rows, %llu bytes\n", (unsigned long long)summary.rows,
                (unsigned long long)summary.size_bytes);
        exit(1);
    }
    if (bounds)
        put_bounds(bounds, &summary);
    cs_rows_done(&part);
    cs_parquet_writer_free(writer);
}

static void save(const char *folder, unsigned long long number, const char *suffix,
                 const cs_buf *bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%llu.%s", folder, number, suffix);
    FILE *file = fopen(path, "wb");
    if (!file || (bytes->len && fwrite(bytes->ptr, 1, bytes->len, file) != bytes->len) ||
        fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_case(uint64_t seed, const char *folder)
{
    generator gen;
    cs_rows rows;
    cs_buf file = CS_BUF_INIT, text = CS_BUF_INIT, bounds = CS_BUF_INIT;
    generator_init(&gen, seed);
    generate(&gen, &rows);
    for (size_t i = 0; i < rows.length; i++)
        put_row(&text, &rows, i);
    write_file(&gen, &rows, 1000, &file, &bounds);
    save(folder, seed, "parquet", &file);
    save(folder, seed, "rows", &text);
    save(folder, seed, "bounds", &bounds);
    cs_buf_done(&file);
    cs_buf_done(&text);
    cs_buf_done(&bounds);
    cs_rows_done(&rows);
    cs_arena_done(&gen.arena);
}

/* --- reading --- */

static cs_code from_buf(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_buf *file = ctx;
    if (offset > file->len || len > file->len - offset)
        return cs_error_set(err, CS_E_IO, "read of %zu bytes at %llu", len,
                            (unsigned long long)offset);
    memcpy(bytes, file->ptr + offset, len);
    return CS_OK;
}

static void print_rows(cs_buf *file, const cs_schema *schema, size_t batch, cs_buf *text)
{
    cs_parquet_input input = { file, from_buf, file->len, CS_STR("file") };
    cs_parquet_reader *reader = NULL;
    cs_rows rows;
    CHECK(cs_parquet_reader_new(input, schema, &reader, err));
    CHECK(cs_rows_init(&rows, cs_parquet_reader_schema(reader), err));
    do {
        CHECK(cs_parquet_reader_next(reader, batch, &rows, err));
        for (size_t i = 0; i < rows.length; i++)
            put_row(text, &rows, i);
    } while (rows.length > 0);
    cs_rows_done(&rows);
    cs_parquet_reader_free(reader);
}

static void check_case(uint64_t seed)
{
    generator gen;
    cs_rows rows;
    cs_buf file = CS_BUF_INIT, again = CS_BUF_INIT, text = CS_BUF_INIT, back = CS_BUF_INIT;
    generator_init(&gen, seed);
    generate(&gen, &rows);
    write_file(&gen, &rows, rows.length + 1, &file, NULL);
    write_file(&gen, &rows, 1 + below(&gen, 3000), &again, NULL);
    if (file.len != again.len || memcmp(file.ptr, again.ptr, file.len) != 0) {
        fprintf(stderr, "seed %llu: the same rows in other batches gave another file\n",
                (unsigned long long)seed);
        exit(1);
    }
    for (size_t i = 0; i < rows.length; i++)
        put_row(&text, &rows, i);
    print_rows(&file, below(&gen, 2) ? &gen.schema : NULL, 1 + below(&gen, 5000), &back);
    if (text.len != back.len || (text.len && memcmp(text.ptr, back.ptr, text.len) != 0)) {
        fprintf(stderr, "seed %llu: read back other rows\n", (unsigned long long)seed);
        exit(1);
    }
    cs_buf_done(&file);
    cs_buf_done(&again);
    cs_buf_done(&text);
    cs_buf_done(&back);
    cs_rows_done(&rows);
    cs_arena_done(&gen.arena);
}

static void read_file(const char *path)
{
    cs_buf bytes = CS_BUF_INIT, text = CS_BUF_INIT;
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    for (size_t got = 1; got > 0;) {
        char *to = cs_buf_reserve(&bytes, 65536);
        got = to ? fread(to, 1, 65536, file) : 0;
        bytes.len += got;
    }
    fclose(file);
    print_rows(&bytes, NULL, 1000, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    cs_buf_done(&bytes);
    cs_buf_done(&text);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        read_file(argv[2]);
        return 0;
    }
    bool leave = argc == 5 && strcmp(argv[1], "write") == 0;
    uint64_t seed = 1, count = 60;
    if ((leave && (!cs_str_to_u64(cs_str_of(argv[3]), &seed) || !cs_str_to_u64(cs_str_of(argv[4]),
            &count))) ||
        (!leave && argc > 1 && !cs_str_to_u64(cs_str_of(argv[1]), &seed)) ||
        (!leave && argc > 2 && !cs_str_to_u64(cs_str_of(argv[2]), &count))) {
        fprintf(stderr, "usage: %s [SEED [COUNT]] | write DIR SEED COUNT | read FILE\n", argv[0]);
        return 2;
    }
    printf("seeds %llu..%llu\n", (unsigned long long)seed, (unsigned long long)(seed + count - 1));
    for (uint64_t i = seed; i < seed + count; i++) {
        if (leave)
            write_case(i, argv[2]);
        else
            check_case(i);
    }
    return 0;
}
