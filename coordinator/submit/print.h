/* What people see of cstream-submit: numbers with separators, aligned columns. Data
 * goes to stdout, everything else to stderr. */
#ifndef CS_COORDINATOR_SUBMIT_PRINT_H
#define CS_COORDINATOR_SUBMIT_PRINT_H

#include "common/base/buf.h"

void cs_add_count(cs_buf *out, uint64_t count);  /* 17,301,442 */
void cs_add_size(cs_buf *out, uint64_t bytes);   /* 1.1 GiB */
void cs_add_rate(cs_buf *out, double per_second); /* 812k */

/* Rows of text cells, printed with aligned columns. Cells are escaped and copied. Holds the
 * whole grid: for lists that people read, not for data of any size. */
typedef struct cs_grid cs_grid;
cs_grid *cs_grid_new(const char *const *titles, size_t n_columns);
void cs_grid_add(cs_grid *grid, cs_str cell); /* the next cell, row by row */
void cs_grid_print(cs_grid *grid, cs_buf *out);
void cs_grid_free(cs_grid *grid);

/* Whole buffer to stdout; CS_E_IO when the reader is gone or the disk is full. Empties it. */
CS_MUST_USE cs_code cs_print_out(cs_buf *buf, cs_error *err);

#endif
