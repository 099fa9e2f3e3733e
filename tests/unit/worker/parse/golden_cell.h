/* A value in a column against a cell of a golden file (tests/golden/csv/README.md). */
#ifndef CS_TESTS_UNIT_WORKER_PARSE_GOLDEN_CELL_H
#define CS_TESTS_UNIT_WORKER_PARSE_GOLDEN_CELL_H

#include <math.h>

#include "common/data/value.h"
#include "tests/unit/golden_lines.h"

static inline void golden_add_hex(cs_buf *out, const void *bytes, size_t len, bool reverse)
{
    for (size_t i = 0; i < len; i++)
        cs_buf_printf(out, "%02x", ((const uint8_t *)bytes)[reverse ? len - 1 - i : i]);
}

/* The value as the golden file spells it, without its quotes. */
static inline void golden_spell(const cs_column *column, size_t at, cs_buf *out)
{
    size_t width = cs_type_width(column->type);
    const uint8_t *data = column->data + at * width;
    cs_str text;
    switch (column->type->kind) {
    case CS_TYPE_STRING:
        cs_buf_add_str(out, cs_column_str(column, at));
        break;
    case CS_TYPE_BINARY:
        text = cs_column_str(column, at);
        golden_add_hex(out, text.ptr, text.len, false);
        break;
    case CS_TYPE_FLOAT:
    case CS_TYPE_DOUBLE:
        golden_add_hex(out, data, width, true);
        break;
    default:
        cs_value_text(column, at, out);
        break;
    }
}

static inline bool golden_is_nan(const cs_column *column, size_t at)
{
    const void *data = column->data;
    return column->type->kind == CS_TYPE_FLOAT ? isnan(((const float *)data)[at])
         : column->type->kind == CS_TYPE_DOUBLE && isnan(((const double *)data)[at]);
}

static inline bool golden_same_cell(const cs_column *column, size_t at, const cs_json *cell)
{
    bool truth;
    int64_t number;
    cs_str text = { NULL, 0 };
    const void *data = column->data;
    if (cs_column_is_null(column, at) || cs_json_is_null(cell))
        return cs_column_is_null(column, at) && cs_json_is_null(cell);
    switch (column->type->kind) {
    case CS_TYPE_BOOLEAN:
        return cs_json_bool(cell, &truth) && truth == cs_bit_get(column->data, at);
    case CS_TYPE_DATE:
        return cs_json_i64(cell, &number) && number == ((const int32_t *)data)[at];
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        return cs_json_i64(cell, &number) && number == ((const int64_t *)data)[at];
    default:
        break;
    }
    if (golden_is_nan(column, at)) /* any NaN equals any NaN */
        return cs_str_eq_nocase(golden_str(cell, "text"), CS_STR("nan"));
    if (!cs_json_str(cell, &text))
        text = golden_str(cell, "bits");
    cs_buf spelled = CS_BUF_INIT;
    golden_spell(column, at, &spelled);
    bool same = cs_str_eq(text, cs_buf_str(&spelled));
    cs_buf_done(&spelled);
    return same;
}

#endif
