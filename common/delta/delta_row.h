/* One row of a log checkpoint as an action (spec: delta.md §7): every row has one of its columns set. */
#ifndef CS_COMMON_DELTA_DELTA_ROW_H
#define CS_COMMON_DELTA_DELTA_ROW_H

#include "common/data/rows.h"
#include "common/delta/delta_action.h"

#define CS_DELTA_ROW_COLUMNS_MAX 6

typedef struct cs_delta_row_schema {
    cs_schema schema; /* the columns to ask a checkpoint for */
    cs_delta_action_kind kinds[CS_DELTA_ROW_COLUMNS_MAX];
    cs_arena arena;
} cs_delta_row_schema;

/* mask: of protocol, metaData, txn, add, remove (its path), sidecar. */
CS_MUST_USE cs_code cs_delta_row_schema_init(cs_delta_row_schema *columns, unsigned mask, cs_error *err);
void cs_delta_row_schema_done(cs_delta_row_schema *columns);
/* Strings borrow from the rows, lists live in `arena`. CS_DELTA_OTHER: none of the columns asked for is set. */
CS_MUST_USE cs_code cs_delta_row_read(const cs_delta_row_schema *columns, const cs_rows *rows, size_t at,
                                      cs_arena *arena, cs_delta_action *out, cs_error *err);

#endif
