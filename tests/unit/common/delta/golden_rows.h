/* Rows in the encoding of tests/golden/delta/README.md: exact, canonical, sorted, so that two digests are equal
 * exactly when the rows are. */
#ifndef CS_TESTS_UNIT_COMMON_DELTA_GOLDEN_ROWS_H
#define CS_TESTS_UNIT_COMMON_DELTA_GOLDEN_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/data/rows.h"
#include "common/data/value.h"

typedef struct golden_rows {
    cs_str *items;
    size_t count, cap;
    cs_arena arena;
} golden_rows;

static inline int golden_compare(const void *a, const void *b)
{
    return cs_str_cmp(*(const cs_str *)a, *(const cs_str *)b);
}

static inline void golden_text(cs_str text, cs_buf *out)
{
    static const char *names[] = { ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t", ['\b'] = "\\b",
                                   ['\f'] = "\\f", ['"'] = "\\\"", ['\\'] = "\\\\" };
    cs_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < sizeof names / sizeof names[0] && names[c])
            cs_buf_add_cstr(out, names[c]);
        else if (c < ' ')
            cs_buf_printf(out, "\\u%04x", c);
        else
            cs_buf_add_char(out, (char)c);
    }
    cs_buf_add_char(out, '"');
}

static inline void golden_number(const cs_column *column, size_t at, cs_buf *out)
{
    size_t width = cs_type_width(column->type);
    int64_t whole = 0;
    if (width == 1)
        whole = ((const int8_t *)column->data)[at];
    else if (width == 2)
        whole = ((const int16_t *)(const void *)column->data)[at];
    else if (width == 4)
        whole = ((const int32_t *)(const void *)column->data)[at];
    else
        whole = ((const int64_t *)(const void *)column->data)[at];
    cs_buf_printf(out, "\"%lld\"", (long long)whole);
}

static inline void golden_bits(const cs_column *column, size_t at, cs_buf *out)
{
    if (column->type->kind == CS_TYPE_FLOAT) {
        uint32_t bits;
        memcpy(&bits, column->data + at * sizeof bits, sizeof bits);
        bits = (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
        cs_buf_printf(out, "\"%08x\"", bits);
    } else {
        uint64_t bits;
        memcpy(&bits, column->data + at * sizeof bits, sizeof bits);
        bits = (bits & INT64_MAX) > 0x7ff0000000000000u ? 0x7ff8000000000000u : bits;
        cs_buf_printf(out, "\"%016llx\"", (unsigned long long)bits);
    }
}

static inline void golden_value(const cs_column *column, size_t at, cs_buf *out);

static inline void golden_entries(const cs_column *column, size_t at, cs_buf *out)
{
    bool map = column->type->kind == CS_TYPE_MAP;
    size_t begin = (size_t)column->offsets[at], end = (size_t)column->offsets[at + 1];
    cs_str *items = calloc(end - begin + 1, sizeof *items);
    cs_buf *texts = calloc(end - begin + 1, sizeof *texts);
    for (size_t i = begin; i < end; i++) {
        cs_buf *text = &texts[i - begin];
        if (map)
            cs_buf_add_char(text, '[');
        golden_value(&column->children[0], i, text);
        if (map) {
            cs_buf_add_char(text, ',');
            golden_value(&column->children[1], i, text);
            cs_buf_add_char(text, ']');
        }
        items[i - begin] = cs_buf_str(text);
    }
    if (map && end > begin)
        qsort(items, end - begin, sizeof *items, golden_compare);
    cs_buf_add_char(out, '[');
    for (size_t i = 0; i < end - begin; i++) {
        if (i > 0)
            cs_buf_add_char(out, ',');
        cs_buf_add_str(out, items[i]);
    }
    cs_buf_add_char(out, ']');
    for (size_t i = 0; i < end - begin; i++)
        cs_buf_done(&texts[i]);
    free(texts);
    free(items);
}

static inline void golden_value(const cs_column *column, size_t at, cs_buf *out)
{
    if (cs_column_is_null(column, at)) {
        cs_buf_add_cstr(out, "null");
        return;
    }
    switch (column->type->kind) {
    case CS_TYPE_BOOLEAN:
        cs_buf_add_cstr(out, cs_bit_get(column->data, at) ? "true" : "false");
        break;
    case CS_TYPE_FLOAT:
    case CS_TYPE_DOUBLE:
        golden_bits(column, at, out);
        break;
    case CS_TYPE_DECIMAL:
        cs_buf_add_char(out, '"');
        cs_decimal_print(cs_column_decimal(column, at), column->type->scale, out);
        cs_buf_add_char(out, '"');
        break;
    case CS_TYPE_STRING:
        golden_text(cs_column_str(column, at), out);
        break;
    case CS_TYPE_BINARY: {
        cs_str bytes = cs_column_str(column, at);
        cs_buf_add_char(out, '"');
        for (size_t i = 0; i < bytes.len; i++)
            cs_buf_printf(out, "%02x", (unsigned char)bytes.ptr[i]);
        cs_buf_add_char(out, '"');
        break;
    }
    case CS_TYPE_ARRAY:
    case CS_TYPE_MAP:
        golden_entries(column, at, out);
        break;
    case CS_TYPE_STRUCT:
        cs_buf_add_char(out, '{');
        for (size_t i = 0; i < column->n_children; i++) {
            if (i > 0)
                cs_buf_add_char(out, ',');
            golden_text(column->type->fields[i].name, out);
            cs_buf_add_char(out, ':');
            golden_value(&column->children[i], at, out);
        }
        cs_buf_add_char(out, '}');
        break;
    default:
        golden_number(column, at, out);
    }
}

static inline void golden_rows_add(golden_rows *all, const cs_rows *rows)
{
    cs_buf text = CS_BUF_INIT;
    for (size_t at = 0; at < rows->length; at++) {
        cs_buf_clear(&text);
        cs_buf_add_char(&text, '[');
        for (size_t i = 0; i < rows->schema->n_fields; i++) {
            if (i > 0)
                cs_buf_add_char(&text, ',');
            golden_value(&rows->columns[i], at, &text);
        }
        cs_buf_add_char(&text, ']');
        if (all->count == all->cap) {
            all->cap = all->cap == 0 ? 64 : 2 * all->cap;
            all->items = realloc(all->items, all->cap * sizeof *all->items);
        }
        all->items[all->count++] = cs_arena_str(&all->arena, cs_buf_str(&text));
    }
    cs_buf_done(&text);
}

/* Hex digest of the sorted texts, each followed by a newline. */
static inline void golden_rows_digest(golden_rows *all, char hex[2 * CS_SHA256_LEN + 1])
{
    if (all->count > 0)
        qsort(all->items, all->count, sizeof *all->items, golden_compare);
    cs_sha256_stream *stream = cs_sha256_new();
    for (size_t i = 0; i < all->count; i++) {
        cs_sha256_add(stream, all->items[i].ptr, all->items[i].len);
        cs_sha256_add(stream, "\n", 1);
    }
    cs_sha256 sha = cs_sha256_end(stream);
    cs_hex(hex, sha.bytes, CS_SHA256_LEN);
}

static inline void golden_rows_done(golden_rows *all)
{
    free(all->items);
    cs_arena_done(&all->arena);
    *all = (golden_rows){ 0 };
}

#endif
