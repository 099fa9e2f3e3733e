/* Rows are put together from the leaves' levels (Dremel). Each value of a column takes exactly one level of
 * each leaf below it, or, in a list, one for each element: so the children of a column always have the
 * lengths its offsets say, whatever the levels of a damaged file claim. */
#include "common/parquet/parquet_reader.h"

#include <stdlib.h>

#include "common/parquet/parquet_leaf.h"
#include "common/parquet/parquet_tree.h"

/* List elements that one call may give: levels that repeat cost a file nothing and memory a lot. */
#define ELEMENTS_MAX (64u << 20)

struct cs_parquet_reader {
    cs_parquet_input input;
    cs_arena arena;
    cs_buf footer_bytes;
    cs_parquet_footer footer;
    cs_parquet_tree tree;
    cs_parquet_leaf *leaves;
    size_t n_leaves; /* initialized */
    cs_parquet_chunk *chunks;
    cs_parquet_raw *raw;
    size_t row_group;    /* the next one */
    uint64_t group_left; /* rows of the one at hand */
    uint64_t rows_given;
    uint64_t elements_left;
};

static cs_code read_footer(const cs_parquet_input *input, cs_arena *arena, cs_buf *bytes,
                           cs_parquet_footer *footer, cs_error *err);
static cs_code begin_row_group(cs_parquet_reader *reader, cs_error *err);
static cs_code end_row_group(const cs_parquet_reader *reader, cs_error *err);
static cs_code read_rows(cs_parquet_reader *reader, size_t n, cs_rows *rows, cs_error *err);
static cs_code read_flat(cs_parquet_reader *reader, const cs_parquet_node *node, size_t n,
                         cs_column *column, cs_error *err);
static cs_code read_value(cs_parquet_reader *reader, const cs_parquet_node *node, cs_column *column,
                          cs_error *err);
static cs_code read_list(cs_parquet_reader *reader, const cs_parquet_node *node, cs_column *column,
                         cs_error *err);

cs_code cs_parquet_reader_new(cs_parquet_input input, const cs_schema *schema,
                              cs_parquet_reader **out, cs_error *err)
{
    cs_code code;
    cs_parquet_reader *reader = cs_xcalloc(1, sizeof(*reader));
    reader->input = input;
    reader->raw = cs_xcalloc(1, sizeof(*reader->raw));
    CS_TRY_OUT(read_footer(&input, &reader->arena, &reader->footer_bytes, &reader->footer, err));
    CS_TRY_OUT(cs_parquet_tree_make(&reader->footer, schema, &reader->arena, &reader->tree, err));
    reader->leaves = cs_xcalloc(reader->tree.n_leaves + 1, sizeof(*reader->leaves));
    reader->chunks = cs_xcalloc(reader->tree.n_chunks + 1, sizeof(*reader->chunks));
    while (reader->n_leaves < reader->tree.n_leaves) {
        size_t i = reader->n_leaves++;
        CS_TRY_OUT(cs_parquet_leaf_init(&reader->leaves[i], &reader->tree.leaves[i], err));
    }
    *out = reader;
    return CS_OK;
out:
    cs_parquet_reader_free(reader);
    return code;
}

const cs_schema *cs_parquet_reader_schema(const cs_parquet_reader *reader)
{
    return reader->tree.schema;
}

uint64_t cs_parquet_reader_rows(const cs_parquet_reader *reader)
{
    return (uint64_t)reader->footer.num_rows;
}

cs_code cs_parquet_reader_next(cs_parquet_reader *reader, size_t rows_max, cs_rows *rows,
                               cs_error *err)
{
    cs_rows_clear(rows);
    reader->elements_left = ELEMENTS_MAX;
    while (rows->length < rows_max) {
        if (reader->group_left == 0) {
            if (reader->row_group == reader->footer.n_row_groups)
                break;
            CS_TRY(begin_row_group(reader, err));
            continue;
        }
        size_t n = rows_max - rows->length;
        n = reader->group_left < n ? (size_t)reader->group_left : n;
        CS_TRY(read_rows(reader, n, rows, err));
        rows->length += n;
        reader->group_left -= n;
        reader->rows_given += n;
        if (reader->group_left == 0)
            CS_TRY(end_row_group(reader, err));
    }
    bool end = reader->group_left == 0 && reader->row_group == reader->footer.n_row_groups;
    if (end && reader->rows_given != (uint64_t)reader->footer.num_rows)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                            "%.*s: %llu rows in its row groups, %lld by its footer", CS_STR_ARG(reader->input.name), (unsigned long long)reader->rows_given,
                            (long long)reader->footer.num_rows);
    return CS_OK;
}

void cs_parquet_reader_free(cs_parquet_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->n_leaves; i++)
        cs_parquet_leaf_done(&reader->leaves[i]);
    free(reader->leaves);
    free(reader->chunks);
    if (reader->raw)
        cs_buf_done(&reader->raw->bytes);
    free(reader->raw);
    cs_buf_done(&reader->footer_bytes);
    cs_arena_done(&reader->arena);
    free(reader);
}

cs_code cs_parquet_check(cs_parquet_input input, uint64_t rows, cs_error *err)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_buf bytes = CS_BUF_INIT;
    cs_parquet_footer footer;
    cs_code code = read_footer(&input, &arena, &bytes, &footer, err);
    if (code == CS_OK && (uint64_t)footer.num_rows != rows)
        code = cs_error_set(err, CS_E_DAMAGED_PARQUET,
                            "%.*s: its footer says %lld rows, expected are %llu", CS_STR_ARG(input.name), (long long)footer.num_rows, (unsigned long long)rows);
    cs_buf_done(&bytes);
    cs_arena_done(&arena);
    return code;
}

static cs_code read_footer(const cs_parquet_input *input, cs_arena *arena, cs_buf *bytes,
                           cs_parquet_footer *footer, cs_error *err)
{
    uint8_t head[CS_PARQUET_MAGIC_LEN], tail[CS_PARQUET_TAIL_LEN];
    uint32_t len;
    cs_error inner;
    if (input->size_bytes < CS_PARQUET_MAGIC_LEN + CS_PARQUET_TAIL_LEN)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "%.*s: %llu bytes are no Parquet file",
                            CS_STR_ARG(input->name), (unsigned long long)input->size_bytes);
    CS_TRY(input->read_at(input->ctx, 0, head, sizeof(head), err));
    CS_TRY(input->read_at(input->ctx, input->size_bytes - sizeof(tail), tail, sizeof(tail), err));
    cs_cursor cursor = { tail, tail + 4 };
    (void)cs_cursor_u32le(&cursor, &len); /* four bytes are there */
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return cs_error_set(err, CS_E_UNSUPPORTED, "%.*s: its footer is encrypted",
                            CS_STR_ARG(input->name));
    if (memcmp(head, CS_PARQUET_MAGIC, sizeof(head)) != 0 || memcmp(tail + 4, CS_PARQUET_MAGIC,
            sizeof(head)) != 0)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "%.*s: does not begin and end with PAR1",
                            CS_STR_ARG(input->name));
    if (len > input->size_bytes - CS_PARQUET_MAGIC_LEN - CS_PARQUET_TAIL_LEN)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                            "%.*s: a footer of %u bytes in a file of %llu", CS_STR_ARG(input->name), len, (unsigned long long)input->size_bytes);
    if (len > CS_PARQUET_FOOTER_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "%.*s: a footer of %u bytes; at most %u are read",
                            CS_STR_ARG(input->name), len, CS_PARQUET_FOOTER_BYTES_MAX);
    char *to = cs_buf_reserve(bytes, len + 1);
    if (!to)
        return cs_buf_check(bytes, err);
    CS_TRY(input->read_at(input->ctx, input->size_bytes - sizeof(tail) - len, to, len, err));
    bytes->len = len;
    cs_code code = cs_parquet_get_footer(cs_buf_str(bytes), arena, footer, &inner);
    return code == CS_OK ? CS_OK : cs_error_set(err, code, "%.*s: %s", CS_STR_ARG(input->name),
                                                inner.message);
}

static cs_code begin_row_group(cs_parquet_reader *reader, cs_error *err)
{
    int64_t rows;
    cs_str bytes = reader->footer.row_groups[reader->row_group++];
    CS_TRY(cs_parquet_get_row_group(bytes, reader->chunks, reader->tree.n_chunks, &rows, err));
    if ((uint64_t)rows > (uint64_t)reader->footer.num_rows - reader->rows_given)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                            "%.*s: its row groups have more rows than its footer says", CS_STR_ARG(reader->input.name));
    for (size_t i = 0; i < reader->n_leaves && rows > 0; i++)
        CS_TRY(cs_parquet_leaf_begin(&reader->leaves[i],
                                     &reader->chunks[reader->leaves[i].plan->chunk], &reader->input, err));
    reader->group_left = (uint64_t)rows;
    return CS_OK;
}

/* Levels that are left over belong to no row: the columns do not fit together. */
static cs_code end_row_group(const cs_parquet_reader *reader, cs_error *err)
{
    for (size_t i = 0; i < reader->n_leaves; i++) {
        if (!cs_parquet_leaf_at_end(&reader->leaves[i]))
            return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                                "%.*s: column %.*s has more values than its row group rows", CS_STR_ARG(reader->input.name), CS_STR_ARG(reader->leaves[i].plan->element->name));
    }
    return CS_OK;
}

static cs_code read_rows(cs_parquet_reader *reader, size_t n, cs_rows *rows, cs_error *err)
{
    for (size_t c = 0; c < reader->tree.schema->n_fields; c++) {
        const cs_parquet_node *node = &reader->tree.columns[c];
        if (node->kind == CS_PARQUET_NODE_LEAF && !reader->leaves[node->leaf_from].rep) {
            CS_TRY(read_flat(reader, node, n, &rows->columns[c], err));
            continue;
        }
        for (size_t i = 0; i < n; i++)
            CS_TRY(read_value(reader, node, &rows->columns[c], err));
    }
    return CS_OK;
}

/* A column without lists: as many values at once as have no null between them. */
static cs_code read_flat(cs_parquet_reader *reader, const cs_parquet_node *node, size_t n,
                         cs_column *column, cs_error *err)
{
    cs_parquet_leaf *leaf = &reader->leaves[node->leaf_from];
    while (n > 0) {
        CS_TRY(cs_parquet_leaf_more(leaf, &reader->input, reader->raw, err));
        size_t most = leaf->n - leaf->at < n ? leaf->n - leaf->at : n, run = 0;
        if (!leaf->def) {
            run = most;
        } else {
            while (run < most && leaf->def[leaf->at + run] == node->def)
                run++;
        }
        if (run > 0) {
            CS_TRY(cs_parquet_append(column, &leaf->portion, leaf->value_at, run, err));
            leaf->value_at += run;
        } else {
            CS_TRY(cs_column_add_null(column, err));
            run = 1;
        }
        leaf->at += run;
        n -= run;
    }
    return CS_OK;
}

/* Appends one value, or one null, with all that is below it. */
static cs_code read_value(cs_parquet_reader *reader, const cs_parquet_node *node, cs_column *column,
                          cs_error *err)
{
    if (node->kind == CS_PARQUET_NODE_ABSENT)
        return cs_column_add_null(column, err);
    cs_parquet_leaf *first = &reader->leaves[node->leaf_from];
    CS_TRY(cs_parquet_leaf_more(first, &reader->input, reader->raw, err));
    if (cs_parquet_leaf_def(first) < node->def) {
        for (size_t i = node->leaf_from; i < node->leaf_to; i++) {
            CS_TRY(cs_parquet_leaf_more(&reader->leaves[i], &reader->input, reader->raw, err));
            cs_parquet_leaf_skip(&reader->leaves[i]);
        }
        return cs_column_add_null(column, err);
    }
    switch (node->kind) {
    case CS_PARQUET_NODE_LEAF:
        CS_TRY(cs_parquet_append(column, &first->portion, first->value_at, 1, err));
        cs_parquet_leaf_skip(first);
        return CS_OK;
    case CS_PARQUET_NODE_LIST:
        return read_list(reader, node, column, err);
    default:
        break;
    }
    for (size_t i = 0; i < node->n_children; i++)
        CS_TRY(read_value(reader, &node->children[i], &column->children[i], err));
    /* Of a struct that exists in the file though none of its wanted fields does. */
    bool levels_only = node->leaf_to == node->leaf_from + 1 && !first->plan->type;
    for (size_t i = 0; levels_only && i < node->n_children; i++)
        levels_only = node->children[i].kind == CS_PARQUET_NODE_ABSENT;
    if (levels_only)
        cs_parquet_leaf_skip(first);
    CS_TRY(cs_column_reserve(column, 1, 0, err));
    cs_bit_set(column->validity, column->length++);
    return CS_OK;
}

static cs_code read_list(cs_parquet_reader *reader, const cs_parquet_node *node, cs_column *column,
                         cs_error *err)
{
    cs_parquet_leaf *first = &reader->leaves[node->leaf_from];
    CS_TRY(cs_column_reserve(column, 1, 0, err));
    if (cs_parquet_leaf_def(first) < node->element_def) {
        for (size_t i = node->leaf_from; i < node->leaf_to; i++) {
            CS_TRY(cs_parquet_leaf_more(&reader->leaves[i], &reader->input, reader->raw, err));
            cs_parquet_leaf_skip(&reader->leaves[i]);
        }
    } else {
        bool more;
        do {
            if (reader->elements_left-- == 0)
                return cs_error_set(err, CS_E_LIMIT,
                                    "%.*s: more than %u list elements in one batch of rows", CS_STR_ARG(reader->input.name), ELEMENTS_MAX);
            for (size_t i = 0; i < node->n_children; i++)
                CS_TRY(read_value(reader, &node->children[i], &column->children[i], err));
            more = false;
            if (!cs_parquet_leaf_at_end(first)) {
                CS_TRY(cs_parquet_leaf_more(first, &reader->input, reader->raw, err));
                more = cs_parquet_leaf_rep(first) >= node->element_rep;
            }
        } while (more);
    }
    column->offsets[column->length + 1] = (int32_t)column->children[0].length;
    cs_bit_set(column->validity, column->length++);
    return CS_OK;
}
