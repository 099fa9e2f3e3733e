#include "worker/preview_print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/data/value.h"

#define BLOCK_ROWS 1000u
#define BLOCK_CELLS 65536u
#define CELL_WIDTH_MAX 60u /* a longer cell is shown whole, but does not widen its column */

struct cs_preview_print {
    const cs_schema *schema;
    bool json;
    cs_arena arena; /* of the block's cells */
    cs_str *cells;  /* row by row; the first row are the names */
    size_t n_rows, rows_max;
    bool any_block;
    cs_buf out, cell;
};

static void add_names(cs_preview_print *print);
static void put_cell(cs_preview_print *print, size_t column, cs_str text);
static cs_code end_block(cs_preview_print *print, cs_error *err);
static cs_code flush(cs_preview_print *print, cs_error *err);
static size_t width_of(cs_str text);

cs_preview_print *cs_preview_print_new(const cs_schema *schema, bool json)
{
    cs_preview_print *made = cs_xcalloc(1, sizeof *made);
    made->schema = schema;
    made->json = json;
    if (!json) {
        size_t rows_max = BLOCK_CELLS / schema->n_fields;
        made->rows_max = rows_max < BLOCK_ROWS ? rows_max : BLOCK_ROWS;
        made->cells = cs_xcalloc((made->rows_max + 2) * schema->n_fields, sizeof *made->cells);
        add_names(made);
    }
    return made;
}

cs_code cs_preview_print_row(cs_preview_print *print, const cs_rows *rows, size_t at, cs_error *err)
{
    if (print->json) {
        cs_rows_json(rows, at, &print->out);
        cs_buf_add_char(&print->out, '\n');
        return flush(print, err);
    }
    for (size_t column = 0; column < print->schema->n_fields; column++) {
        cs_buf_clear(&print->cell);
        cs_value_text(&rows->columns[column], at, &print->cell);
        CS_TRY(cs_buf_check(&print->cell, err));
        put_cell(print, column, cs_buf_str(&print->cell));
    }
    print->n_rows++;
    return print->n_rows > print->rows_max ? end_block(print, err) : CS_OK;
}

cs_code cs_preview_print_end(cs_preview_print *print, cs_error *err)
{
    if (!print->json && (print->n_rows > 1 || !print->any_block))
        CS_TRY(end_block(print, err));
    if (fflush(stdout) != 0)
        return cs_error_sys(err, errno, "standard output");
    return CS_OK;
}

void cs_preview_print_free(cs_preview_print *print)
{
    if (print == NULL)
        return;
    cs_arena_done(&print->arena);
    cs_buf_done(&print->out);
    cs_buf_done(&print->cell);
    free(print->cells);
    free(print);
}

static void add_names(cs_preview_print *print)
{
    for (size_t column = 0; column < print->schema->n_fields; column++)
        put_cell(print, column, print->schema->fields[column].name);
    print->n_rows = 1;
}

static void put_cell(cs_preview_print *print, size_t column, cs_str text)
{
    cs_buf shown = CS_BUF_INIT;
    cs_buf_add_escaped(&shown, text);
    cs_str *cell = &print->cells[print->n_rows * print->schema->n_fields + column];
    *cell = cs_arena_str(&print->arena, cs_buf_str(&shown));
    cs_buf_done(&shown);
}

static cs_code end_block(cs_preview_print *print, cs_error *err)
{
    size_t n = print->schema->n_fields;
    size_t *widths = cs_arena_array(&print->arena, size_t, n);
    for (size_t i = 0; i < print->n_rows * n; i++) {
        size_t width = width_of(print->cells[i]);
        width = width < CELL_WIDTH_MAX ? width : CELL_WIDTH_MAX;
        widths[i % n] = width > widths[i % n] ? width : widths[i % n];
    }
    for (size_t i = print->any_block ? n : 0; i < print->n_rows * n; i++) {
        bool last = i % n + 1 == n;
        cs_buf_add_str(&print->out, print->cells[i]);
        for (size_t at = width_of(print->cells[i]); !last && at < widths[i % n] + 2; at++)
            cs_buf_add_char(&print->out, ' ');
        if (last)
            cs_buf_add_char(&print->out, '\n');
    }
    print->any_block = true;
    cs_arena_reset(&print->arena);
    add_names(print);
    return flush(print, err);
}

static cs_code flush(cs_preview_print *print, cs_error *err)
{
    CS_TRY(cs_buf_check(&print->out, err));
    if (fwrite(print->out.ptr, 1, print->out.len, stdout) < print->out.len)
        return cs_error_sys(err, errno, "standard output");
    cs_buf_clear(&print->out);
    return CS_OK;
}

/* In characters of UTF-8: good enough for aligned names and numbers. */
static size_t width_of(cs_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}
