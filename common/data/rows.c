/* Memory of columns: plain realloc, doubled, because a worker keeps its rows warm over all batches
 * of a task. */
#include "common/data/rows.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/limits.h"

#define VALUES_MIN 64u
#define BYTES_MIN 256u

static size_t column_bytes(const cs_column *column);
static bool has_offsets(const cs_type *type);
static bool has_text(const cs_type *type);
static cs_code grow_values(cs_column *column, size_t cap, cs_error *err);
static cs_code grow_bytes(cs_column *column, size_t cap, cs_error *err);
static cs_code resize(uint8_t **memory, size_t old, size_t now, cs_error *err);

cs_code cs_column_init(cs_column *column, const cs_type *type, cs_error *err)
{
    cs_code code = CS_OK;
    cs_column made = { .type = type };
    CS_TRY_OUT(grow_values(&made, VALUES_MIN, err));
    if (has_text(type))
        CS_TRY_OUT(grow_bytes(&made, BYTES_MIN, err));
    if (!cs_type_is_flat(type) && type->n_fields > 0) {
        made.children = cs_xcalloc(type->n_fields, sizeof *made.children);
        for (; made.n_children < type->n_fields; made.n_children++) {
            const cs_type *child = type->fields[made.n_children].type;
            CS_TRY_OUT(cs_column_init(&made.children[made.n_children], child, err));
        }
    }
    *column = made;
    return CS_OK;
out:
    cs_column_done(&made);
    return code;
}

void cs_column_done(cs_column *column)
{
    if (column == NULL)
        return;
    for (size_t i = 0; i < column->n_children; i++)
        cs_column_done(&column->children[i]);
    free(column->children);
    free(column->validity);
    free(column->offsets);
    free(column->data);
    *column = (cs_column){ .type = column->type };
}

void cs_column_clear(cs_column *column)
{
    for (size_t i = 0; i < column->n_children; i++)
        cs_column_clear(&column->children[i]);
    /* All of the bits, not those below length: a loop that gave up midway has set some beyond it. */
    memset(column->validity, 0, column->cap / 8);
    if (column->type->kind == CS_TYPE_BOOLEAN)
        memset(column->data, 0, column->cap / 8);
    column->length = 0;
    column->null_count = 0;
}

cs_code cs_column_reserve(cs_column *column, size_t values, size_t bytes, cs_error *err)
{
    if (values > column->cap - column->length) {
        if (values > INT32_MAX - column->length)
            return cs_error_set(err, CS_E_LIMIT, "a column of %zu values is over the limit of %d",
                                column->length + values, INT32_MAX);
        size_t cap = column->length + values;
        cap = cap < 2 * column->cap ? 2 * column->cap : (cap + 63) & ~(size_t)63;
        CS_TRY(grow_values(column, cap, err));
    }
    if (has_text(column->type)) {
        size_t used = (size_t)column->offsets[column->length];
        if (bytes > INT32_MAX - used)
            return cs_error_set(err, CS_E_LIMIT,
                                "a column of %zu bytes of text is over the limit of %d bytes",
                                used + bytes, INT32_MAX);
        if (bytes > column->data_cap - used) {
            size_t cap = used + bytes < 2 * column->data_cap ? 2 * column->data_cap : used + bytes;
            CS_TRY(grow_bytes(column, cap, err));
        }
    }
    return CS_OK;
}

cs_code cs_column_add_null(cs_column *column, cs_error *err)
{
    CS_TRY(cs_column_reserve(column, 1, 0, err));
    if (column->type->kind == CS_TYPE_STRUCT)
        for (size_t i = 0; i < column->n_children; i++)
            CS_TRY(cs_column_add_null(&column->children[i], err));
    if (has_offsets(column->type))
        column->offsets[column->length + 1] = column->offsets[column->length];
    size_t width = cs_type_width(column->type);
    if (width > 0)
        memset(column->data + width * column->length, 0, width);
    column->length++;
    column->null_count++;
    return CS_OK;
}

cs_code cs_column_add_fixed(cs_column *column, const void *value, cs_error *err)
{
    CS_TRY(cs_column_reserve(column, 1, 0, err));
    if (column->type->kind == CS_TYPE_BOOLEAN) {
        if (*(const uint8_t *)value != 0)
            cs_bit_set(column->data, column->length);
    } else {
        size_t width = cs_type_width(column->type);
        assert(width > 0);
        memcpy(column->data + width * column->length, value, width);
    }
    cs_bit_set(column->validity, column->length++);
    return CS_OK;
}

cs_code cs_column_add_str(cs_column *column, cs_str value, cs_error *err)
{
    assert(has_text(column->type));
    CS_TRY(cs_column_reserve(column, 1, value.len, err));
    int32_t at = column->offsets[column->length];
    if (value.len > 0)
        memcpy(column->data + at, value.ptr, value.len);
    column->offsets[column->length + 1] = at + (int32_t)value.len;
    cs_bit_set(column->validity, column->length++);
    return CS_OK;
}

__int128 cs_column_decimal(const cs_column *column, size_t at)
{
    assert(column->type->kind == CS_TYPE_DECIMAL && at < column->length);
    switch (cs_type_width(column->type)) {
    case 4:
        return ((const int32_t *)column->data)[at];
    case 8:
        return ((const int64_t *)column->data)[at];
    default:
        return ((const __int128 *)column->data)[at];
    }
}

cs_code cs_rows_init(cs_rows *rows, const cs_schema *schema, cs_error *err)
{
    cs_rows made = { .schema = schema };
    made.columns = cs_xcalloc(schema->n_fields, sizeof *made.columns);
    for (size_t i = 0; i < schema->n_fields; i++) {
        cs_code code = cs_column_init(&made.columns[i], schema->fields[i].type, err);
        if (code != CS_OK) {
            cs_rows_done(&made);
            return code;
        }
    }
    *rows = made;
    return CS_OK;
}

void cs_rows_done(cs_rows *rows)
{
    if (rows == NULL || rows->columns == NULL)
        return;
    for (size_t i = 0; i < rows->schema->n_fields; i++)
        cs_column_done(&rows->columns[i]);
    free(rows->columns);
    *rows = (cs_rows){ .schema = rows->schema };
}

void cs_rows_clear(cs_rows *rows)
{
    for (size_t i = 0; i < rows->schema->n_fields; i++)
        cs_column_clear(&rows->columns[i]);
    rows->length = 0;
}

size_t cs_rows_bytes(const cs_rows *rows)
{
    size_t bytes = 0;
    for (size_t i = 0; i < rows->schema->n_fields; i++)
        bytes += column_bytes(&rows->columns[i]);
    return bytes;
}

static size_t column_bytes(const cs_column *column)
{
    size_t bits = (column->length + 7) / 8;
    size_t bytes = bits + cs_type_width(column->type) * column->length;
    if (column->type->kind == CS_TYPE_BOOLEAN)
        bytes += bits;
    if (has_offsets(column->type))
        bytes += (column->length + 1) * sizeof *column->offsets;
    if (has_text(column->type))
        bytes += (size_t)column->offsets[column->length];
    for (size_t i = 0; i < column->n_children; i++)
        bytes += column_bytes(&column->children[i]);
    return bytes;
}

static bool has_offsets(const cs_type *type)
{
    return has_text(type) || type->kind == CS_TYPE_ARRAY || type->kind == CS_TYPE_MAP;
}

static bool has_text(const cs_type *type)
{
    return type->kind == CS_TYPE_STRING || type->kind == CS_TYPE_BINARY;
}

static cs_code grow_values(cs_column *column, size_t cap, cs_error *err)
{
    size_t old = column->cap;
    cap = (cap + 63) & ~(size_t)63;
    CS_TRY(resize(&column->validity, old / 8, cap / 8, err));
    size_t width = cs_type_width(column->type);
    if (width > 0)
        CS_TRY(resize(&column->data, old * width, cap * width, err));
    if (column->type->kind == CS_TYPE_BOOLEAN)
        CS_TRY(resize(&column->data, old / 8, cap / 8, err));
    if (has_offsets(column->type)) {
        size_t old_count = column->offsets == NULL ? 0 : old + 1;
        uint8_t *offsets = (uint8_t *)column->offsets;
        CS_TRY(resize(&offsets, old_count * sizeof(int32_t), (cap + 1) * sizeof(int32_t), err));
        column->offsets = (int32_t *)(void *)offsets;
    }
    column->cap = cap;
    return CS_OK;
}

static cs_code grow_bytes(cs_column *column, size_t cap, cs_error *err)
{
    CS_TRY(resize(&column->data, column->data_cap, cap, err));
    column->data_cap = cap;
    return CS_OK;
}

/* Added memory is zero: validity and boolean bits rely on it. */
static cs_code resize(uint8_t **memory, size_t old, size_t now, cs_error *err)
{
    uint8_t *grown = realloc(*memory, now);
    if (grown == NULL)
        return cs_error_set(err, CS_E_NOMEM, "out of memory: a column of %zu bytes", now);
    memset(grown + old, 0, now - old);
    *memory = grown;
    return CS_OK;
}
