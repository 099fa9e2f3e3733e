/* Rows are taken in slices that end at the same rows however the caller batched them; only there pages end,
 * dictionaries are judged and row groups close. So the same rows always give the same bytes. */
#include "common/parquet/parquet_writer.h"

#include <stdlib.h>

#include "common/parquet/parquet_column.h"

/* Finished bytes go out in blocks of at least this size. */
#define SINK_BYTES (256u << 10)
/* Below this share of the budget a column gets no dictionary: its table alone would fill the row group. */
#define DICTIONARY_SHARE_MIN 8192
#define PAGE_VALUES_MAX 65536
#define PAGE_BYTES_MIN 1024
#define SLICE_ROWS_MIN 64

struct cs_parquet_writer {
    const cs_schema *schema;
    cs_parquet_options options;
    cs_parquet_output output;
    cs_parquet_shared shared;
    cs_parquet_column *columns;
    size_t *texts; /* indexes of the columns with texts */
    size_t n_texts;
    size_t slice_rows, slice_text_bytes;
    /* since the last slice ended */
    size_t rows_in_slice;
    uint64_t text_bytes_in_slice;
    /* the row group */
    uint64_t group_rows;
    /* the file */
    uint64_t rows;
    uint64_t offset;    /* of what the sink has taken */
    cs_buf sink;
    cs_buf row_groups;  /* encoded, for the footer */
    uint32_t n_row_groups;
    cs_column_bounds *bounds;
};

static void plan_sizes(cs_parquet_writer *writer);
static size_t slice_end(const cs_parquet_writer *writer, const cs_rows *rows, size_t from,
                        bool *whole);
static uint64_t text_bytes(const cs_parquet_writer *writer, const cs_rows *rows, size_t from,
                           size_t to);
static cs_code check(cs_parquet_writer *writer, cs_error *err);
static cs_code end_row_group(cs_parquet_writer *writer, cs_error *err);
static cs_code put_footer(cs_parquet_writer *writer, uint64_t *footer_bytes, cs_error *err);
static cs_code sink_write(void *ctx, const void *bytes, size_t len, cs_error *err);
static uint64_t sink_offset(void *ctx);
static cs_code sink_flush(cs_parquet_writer *writer, cs_error *err);
static void fill_bounds(cs_parquet_writer *writer);

cs_code cs_parquet_writer_new(const cs_schema *schema, const cs_parquet_options *options,
                              cs_parquet_output output, cs_parquet_writer **out, cs_error *err)
{
    cs_code code = CS_OK;
    cs_parquet_writer *writer = cs_xcalloc(1, sizeof(*writer));
    size_t n = schema->n_fields;
    writer->schema = schema;
    writer->options = *options;
    writer->output = output;
    writer->columns = cs_xcalloc(n + 1, sizeof(*writer->columns));
    writer->texts = cs_xcalloc(n + 1, sizeof(*writer->texts));
    writer->bounds = cs_xcalloc(n + 1, sizeof(*writer->bounds));
    plan_sizes(writer);
    writer->shared.sink_ctx = writer;
    writer->shared.sink = sink_write;
    writer->shared.sink_offset = sink_offset;
    for (size_t i = 0; i < n; i++) {
        CS_TRY_OUT(cs_parquet_column_init(&writer->columns[i], &schema->fields[i], err));
        cs_parquet_column_begin(&writer->columns[i], &writer->shared);
        if (writer->columns[i].element.type == CS_PARQUET_BYTE_ARRAY)
            writer->texts[writer->n_texts++] = i;
    }
    CS_TRY_OUT(sink_write(writer, CS_PARQUET_MAGIC, CS_PARQUET_MAGIC_LEN, err));
    *out = writer;
    return CS_OK;
out:
    cs_parquet_writer_free(writer);
    return code;
}

cs_code cs_parquet_writer_write(cs_parquet_writer *writer, const cs_rows *rows, cs_error *err)
{
    for (size_t from = 0; from < rows->length;) {
        bool whole = false;
        size_t to = slice_end(writer, rows, from, &whole);
        for (size_t i = 0; i < writer->schema->n_fields; i++)
            CS_TRY(cs_parquet_column_add(&writer->columns[i], &writer->shared, &rows->columns[i],
                                         from, to - from, err));
        writer->rows_in_slice += to - from;
        writer->group_rows += to - from;
        writer->rows += to - from;
        writer->text_bytes_in_slice += text_bytes(writer, rows, from, to);
        from = to;
        if (whole)
            CS_TRY(check(writer, err));
    }
    return CS_OK;
}

cs_code cs_parquet_writer_finish(cs_parquet_writer *writer, cs_parquet_summary *out, cs_error *err)
{
    uint64_t footer_bytes;
    if (writer->group_rows > 0)
        CS_TRY(end_row_group(writer, err));
    CS_TRY(put_footer(writer, &footer_bytes, err));
    CS_TRY(sink_flush(writer, err));
    fill_bounds(writer);
    *out = (cs_parquet_summary){
        .rows = writer->rows,
        .size_bytes = writer->offset,
        .footer_bytes = footer_bytes,
        .row_groups = writer->n_row_groups,
        .bounds = writer->bounds,
        .n_bounds = writer->schema->n_fields,
    };
    return CS_OK;
}

void cs_parquet_writer_free(cs_parquet_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->schema->n_fields; i++)
        cs_parquet_column_done(&writer->columns[i]);
    free(writer->columns);
    free(writer->texts);
    free(writer->bounds);
    cs_buf_done(&writer->shared.body);
    cs_buf_done(&writer->shared.compressed);
    cs_buf_done(&writer->sink);
    cs_buf_done(&writer->row_groups);
    free(writer);
}

/* With many columns everything shrinks, so that all open pages together stay a fraction of the budget. */
static void plan_sizes(cs_parquet_writer *writer)
{
    const cs_parquet_options *options = &writer->options;
    cs_parquet_shared *shared = &writer->shared;
    size_t n = writer->schema->n_fields ? writer->schema->n_fields : 1, share = options->row_group_bytes / n;
    size_t page = share / 4 < PAGE_BYTES_MIN ? PAGE_BYTES_MIN : share / 4;
    shared->codec = options->codec;
    shared->page_bytes = page < options->page_bytes ? page : options->page_bytes;
    shared->page_values = page / sizeof(uint32_t) < PAGE_VALUES_MAX ? page / sizeof(uint32_t) : PAGE_VALUES_MAX;
    shared->dictionary_bytes = share < DICTIONARY_SHARE_MIN ? 0 : options->dictionary_bytes;
    shared->dictionary_memory = share;
    shared->trial_values = shared->page_values / 2;
    size_t rows = share / 64 / SLICE_ROWS_MIN * SLICE_ROWS_MIN;
    rows = rows < SLICE_ROWS_MIN ? SLICE_ROWS_MIN : rows;
    writer->slice_rows = rows < CS_PARQUET_SLICE_ROWS_MAX ? rows : CS_PARQUET_SLICE_ROWS_MAX;
    writer->slice_text_bytes = options->row_group_bytes / 8 + 1;
}

/* The first row behind `from` where a slice ends: by rows, or, found by halving, by bytes of text. *whole
 * is false when the rows end before the slice does. */
static size_t slice_end(const cs_parquet_writer *writer, const cs_rows *rows, size_t from,
                        bool *whole)
{
    size_t room = writer->slice_rows - writer->rows_in_slice, left = rows->length - from;
    size_t to = from + (left < room ? left : room);
    uint64_t bytes = writer->slice_text_bytes - writer->text_bytes_in_slice;
    *whole = left >= room;
    if (text_bytes(writer, rows, from, to) < bytes)
        return to;
    *whole = true;
    size_t low = from + 1;
    while (low < to) {
        size_t middle = low + (to - low) / 2;
        if (text_bytes(writer, rows, from, middle) < bytes)
            low = middle + 1;
        else
            to = middle;
    }
    return low;
}

static uint64_t text_bytes(const cs_parquet_writer *writer, const cs_rows *rows, size_t from,
                           size_t to)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < writer->n_texts; i++) {
        const int32_t *offsets = rows->columns[writer->texts[i]].offsets;
        bytes += (uint64_t)(offsets[to] - offsets[from]);
    }
    return bytes;
}

static cs_code check(cs_parquet_writer *writer, cs_error *err)
{
    writer->rows_in_slice = 0;
    writer->text_bytes_in_slice = 0;
    bool full = false;
    size_t memory = 0;
    for (size_t i = 0; i < writer->schema->n_fields; i++) {
        CS_TRY(cs_parquet_column_check(&writer->columns[i], &writer->shared, writer->group_rows,
                                       &full, err));
        memory += cs_parquet_column_memory(&writer->columns[i]);
    }
    return full || memory >= writer->options.row_group_bytes ? end_row_group(writer, err) : CS_OK;
}

static cs_code end_row_group(cs_parquet_writer *writer, cs_error *err)
{
    cs_code code = CS_OK;
    size_t n = writer->schema->n_fields;
    cs_parquet_chunk *chunks = cs_xcalloc(n + 1, sizeof(*chunks));
    uint8_t(*bounds)[2][CS_PARQUET_BOUND_BYTES_MAX] = cs_xcalloc(n + 1, sizeof(*bounds));
    for (size_t i = 0; i < n; i++) {
        CS_TRY_OUT(cs_parquet_column_end(&writer->columns[i], &writer->shared, &chunks[i],
                                         bounds[i], err));
        cs_parquet_column_begin(&writer->columns[i], &writer->shared);
    }
    cs_parquet_put_row_group(&writer->row_groups, chunks, n, (int64_t)writer->group_rows,
                             writer->n_row_groups);
    CS_TRY_OUT(cs_buf_check(&writer->row_groups, err));
    writer->n_row_groups++;
    writer->group_rows = 0;
    writer->rows_in_slice = 0;
    writer->text_bytes_in_slice = 0;
out:
    free(chunks);
    free(bounds);
    return code;
}

static cs_code put_footer(cs_parquet_writer *writer, uint64_t *footer_bytes, cs_error *err)
{
    size_t n = writer->schema->n_fields;
    cs_buf footer = CS_BUF_INIT;
    cs_parquet_element *elements = cs_xcalloc(n + 1, sizeof(*elements));
    elements[0] = (cs_parquet_element){ .name = CS_STR("schema"), .n_children = (uint32_t)n };
    for (size_t i = 0; i < n; i++)
        elements[i + 1] = writer->columns[i].element;
    cs_parquet_put_footer(&footer, elements, n + 1, (int64_t)writer->rows,
                          cs_buf_str(&writer->row_groups), writer->n_row_groups, cs_str_of(writer->options.created_by));
    uint64_t len = footer.len;
    cs_buf_add_u32le(&footer, (uint32_t)len);
    cs_buf_add(&footer, CS_PARQUET_MAGIC, CS_PARQUET_MAGIC_LEN);
    cs_code code = cs_buf_check(&footer, err);
    if (code == CS_OK && len > INT32_MAX)
        code = cs_error_set(err, CS_E_LIMIT, "a Parquet footer of %llu bytes; at most %d",
                            (unsigned long long)len, INT32_MAX);
    if (code == CS_OK)
        code = sink_write(writer, footer.ptr, footer.len, err);
    if (code == CS_OK)
        *footer_bytes = len;
    cs_buf_done(&footer);
    free(elements);
    return code;
}

static cs_code sink_write(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    cs_parquet_writer *writer = ctx;
    writer->offset += len;
    if (len >= SINK_BYTES) { /* large enough by itself: no copy */
        CS_TRY(sink_flush(writer, err));
        return writer->output.write(writer->output.ctx, bytes, len, err);
    }
    cs_buf_add(&writer->sink, bytes, len);
    CS_TRY(cs_buf_check(&writer->sink, err));
    return writer->sink.len >= SINK_BYTES ? sink_flush(writer, err) : CS_OK;
}

static uint64_t sink_offset(void *ctx)
{
    return ((cs_parquet_writer *)ctx)->offset;
}

static cs_code sink_flush(cs_parquet_writer *writer, cs_error *err)
{
    if (writer->sink.len == 0)
        return CS_OK;
    CS_TRY(writer->output.write(writer->output.ctx, writer->sink.ptr, writer->sink.len, err));
    cs_buf_clear(&writer->sink);
    return CS_OK;
}

static void fill_bounds(cs_parquet_writer *writer)
{
    for (size_t i = 0; i < writer->schema->n_fields; i++) {
        const cs_parquet_range *range = &writer->columns[i].file_range;
        writer->bounds[i] = (cs_column_bounds){
            .type = writer->schema->fields[i].type,
            .null_count = range->nulls,
            .has_value = range->any,
            .has_nan = range->nans > 0,
            .all_nan = range->nans > 0 && range->nans == range->values,
            .min = range->min,
            .max = range->max,
        };
    }
}
