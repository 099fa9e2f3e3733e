/* Widths count characters of UTF-8, not bytes: good enough for aligned columns of names and numbers. */
#include "coordinator/submit/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/arena.h"

#define CELL_WIDTH_MAX 60u

void cs_add_count(cs_buf *out, uint64_t count)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            cs_buf_add_char(out, ',');
        cs_buf_add_char(out, digits[i]);
    }
}

void cs_add_size(cs_buf *out, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        size /= 1024;
        unit++;
    }
    cs_buf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

void cs_add_rate(cs_buf *out, double per_second)
{
    if (per_second >= 1e6)
        cs_buf_printf(out, "%.1fM", per_second / 1e6);
    else if (per_second >= 1e4)
        cs_buf_printf(out, "%.0fk", per_second / 1e3);
    else
        cs_buf_printf(out, "%.0f", per_second);
}

struct cs_grid {
    cs_arena arena;
    size_t n_columns;
    size_t *widths;
    cs_str *cells;
    size_t n_cells, cap;
};

static size_t width_of(cs_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return width;
}

cs_grid *cs_grid_new(const char *const *titles, size_t n_columns)
{
    cs_grid *grid = cs_xcalloc(1, sizeof *grid);
    grid->n_columns = n_columns;
    grid->widths = cs_arena_array(&grid->arena, size_t, n_columns);
    for (size_t i = 0; i < n_columns; i++)
        cs_grid_add(grid, cs_str_of(titles[i]));
    return grid;
}

void cs_grid_add(cs_grid *grid, cs_str cell)
{
    cs_buf shown = CS_BUF_INIT;
    if (grid->n_cells == grid->cap) {
        grid->cap = grid->cap ? grid->cap * 2 : 64;
        grid->cells = cs_xrealloc(grid->cells, grid->cap * sizeof *grid->cells);
    }
    cs_buf_add_escaped(&shown, cell);
    cs_str copy = cs_arena_str(&grid->arena, cs_buf_str(&shown));
    cs_buf_done(&shown);
    size_t *width = &grid->widths[grid->n_cells % grid->n_columns];
    if (width_of(copy) > *width)
        *width = width_of(copy) < CELL_WIDTH_MAX ? width_of(copy) : CELL_WIDTH_MAX;
    grid->cells[grid->n_cells++] = copy;
}

void cs_grid_print(cs_grid *grid, cs_buf *out)
{
    for (size_t i = 0; i < grid->n_cells; i++) {
        size_t column = i % grid->n_columns;
        cs_str cell = grid->cells[i];
        cs_buf_add_str(out, cell);
        if (column + 1 == grid->n_columns) {
            cs_buf_add_char(out, '\n');
            continue;
        }
        for (size_t pad = width_of(cell); pad < grid->widths[column] + 2; pad++)
            cs_buf_add_char(out, ' ');
    }
}

void cs_grid_free(cs_grid *grid)
{
    if (!grid)
        return;
    cs_arena_done(&grid->arena);
    free(grid->cells);
    free(grid);
}

cs_code cs_print_out(cs_buf *buf, cs_error *err)
{
    CS_TRY(cs_buf_check(buf, err));
    for (size_t at = 0; at < buf->len;) {
        ssize_t n = write(STDOUT_FILENO, buf->ptr + at, buf->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cs_error_sys(err, errno, "standard output");
        at += (size_t)n;
    }
    cs_buf_clear(buf);
    return CS_OK;
}
