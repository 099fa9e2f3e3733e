#include "common/parquet/parquet_page.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "common/parquet/parquet_plain.h"
#include "common/parquet/parquet_rle.h"

#define BUFFER_BYTES_KEPT (4u << 20)

/* A finished page, header and body. Its own piece of memory, so that it takes what it needs and no more. */
struct cs_parquet_page {
    cs_parquet_page *next;
    size_t len;
    uint8_t bytes[];
};

static void text_bounds(cs_parquet_column *column);
static void put_levels(cs_buf *out, const cs_parquet_column *column);
static void put_values(cs_buf *out, const cs_parquet_column *column, bool coded);
static cs_code compress(cs_parquet_column *column, cs_parquet_shared *shared,
                        cs_parquet_page_header *header, cs_str *bytes, cs_error *err);
static cs_code keep(cs_parquet_column *column, const cs_parquet_page_header *header, cs_str body,
                    cs_error *err);

/* A record of many megabytes makes a page of its own: its memory is not kept for the next one. */
static void shed(cs_buf *buf)
{
    if (buf->cap > BUFFER_BYTES_KEPT)
        cs_buf_done(buf);
}

void cs_parquet_page_begin(cs_parquet_column *column)
{
    column->values = column->nulls = column->n_codes = column->plain_values = 0;
    cs_buf_clear(&column->plain);
    cs_parquet_range_clear(&column->page_range);
    column->page_codes.any = column->page_plain.any = false;
    column->page_plain.min_prefix = UINT64_MAX; /* nothing lies strictly between: the first value is not passed by */
    column->page_plain.max_prefix = 0;
}

cs_code cs_parquet_page_end(cs_parquet_column *column, cs_parquet_shared *shared, cs_error *err)
{
    /* Only nulls so far: such a page refers to no dictionary, and an empty one is not for every reader. */
    bool coded = column->dictionary && column->dict.count > 0;
    cs_parquet_page_header header = {
        .type = CS_PARQUET_DATA_PAGE,
        .num_values = (int32_t)column->values,
        .encoding = coded ? CS_PARQUET_RLE_DICTIONARY : CS_PARQUET_PLAIN,
    };
    uint8_t bounds[2][CS_PARQUET_BOUND_BYTES_MAX];
    text_bounds(column);
    cs_parquet_range_statistics(&column->page_range, &column->element, bounds[0], bounds[1],
                                &header.statistics);
    if (!cs_parquet_range_merge(&column->chunk_range, &column->page_range, column->element.type))
        return cs_error_set(err, CS_E_NOMEM, "no memory for the bounds of a page");
    cs_buf_clear(&shared->body);
    put_levels(&shared->body, column);
    put_values(&shared->body, column, coded);
    shed(&column->plain);
    cs_str body;
    CS_TRY(compress(column, shared, &header, &body, err));
    CS_TRY(keep(column, &header, body, err));
    shed(&shared->body);
    shed(&shared->compressed);
    column->chunk_values += column->values;
    column->dictionary_pages |= coded;
    column->plain_pages |= !coded;
    column->page_number++;
    cs_parquet_page_begin(column);
    return CS_OK;
}

cs_code cs_parquet_put_dictionary(cs_parquet_column *column, cs_parquet_shared *shared,
                                  cs_error *err)
{
    const cs_parquet_dict *dict = &column->dict;
    cs_parquet_page_header header = {
        .type = CS_PARQUET_DICTIONARY_PAGE,
        .num_values = (int32_t)dict->count,
        .encoding = CS_PARQUET_PLAIN,
    };
    cs_buf_clear(&shared->body);
    if (dict->width)
        cs_parquet_plain_put(&shared->body, column->element.type,
                             (size_t)column->element.type_length, dict->fixed, dict->count);
    else
        cs_buf_add_str(&shared->body, cs_buf_str(&dict->body));
    cs_str body;
    CS_TRY(compress(column, shared, &header, &body, err));
    cs_buf head = CS_BUF_INIT;
    cs_parquet_put_page_header(&head, &header);
    cs_code code = cs_buf_check(&head, err);
    if (code == CS_OK)
        code = shared->sink(shared->sink_ctx, head.ptr, head.len, err);
    if (code == CS_OK)
        code = shared->sink(shared->sink_ctx, body.ptr, body.len, err);
    column->uncompressed_bytes += head.len + (size_t)header.uncompressed_bytes;
    cs_buf_done(&head);
    return code;
}

cs_code cs_parquet_put_pages(cs_parquet_column *column, cs_parquet_shared *shared, cs_error *err)
{
    for (const cs_parquet_page *page = column->first; page; page = page->next)
        CS_TRY(shared->sink(shared->sink_ctx, page->bytes, page->len, err));
    return CS_OK;
}

void cs_parquet_pages_free(cs_parquet_column *column)
{
    for (cs_parquet_page *page = column->first, *next; page; page = next) {
        next = page->next;
        free(page);
    }
    column->first = column->last = NULL;
    column->pages_bytes = 0;
}

/* Bounds of texts are kept as places while the page fills; now they become text. */
static void text_bounds(cs_parquet_column *column)
{
    cs_parquet_range *range = &column->page_range;
    if (column->page_codes.any) {
        range->any = true;
        range->min.str = cs_parquet_dict_text_at(&column->dict, column->page_codes.min);
        range->max.str = cs_parquet_dict_text_at(&column->dict, column->page_codes.max);
    } else if (column->page_plain.any) {
        const cs_parquet_plain_range *plain = &column->page_plain;
        range->any = true;
        range->min.str = (cs_str){ column->plain.ptr + plain->min_at, plain->min_len };
        range->max.str = (cs_str){ column->plain.ptr + plain->max_at, plain->max_len };
    }
}

/* Definition levels are 1 bit: valid or null. The length in front is V1's. */
static void put_levels(cs_buf *out, const cs_parquet_column *column)
{
    size_t at = out->len;
    cs_buf_add_u32le(out, 0);
    bool mixed = column->nulls > 0 && column->nulls < column->values;
    cs_parquet_rle_put_bits(out, mixed ? column->validity : NULL, column->nulls == 0,
                            column->values);
    if (out->failed)
        return;
    if (mixed && column->values % 8)
        out->ptr[out->len - 1] &= (char)((1u << column->values % 8) - 1); /* the same rows, the same bytes */
    uint32_t len = (uint32_t)(out->len - at - 4);
    memcpy(out->ptr + at, &len, 4);
}

static void put_values(cs_buf *out, const cs_parquet_column *column, bool coded)
{
    if (!coded) {
        cs_buf_add_str(out, cs_buf_str(&column->plain));
        return;
    }
    unsigned bits = cs_parquet_bits_for(column->dict.count - 1);
    cs_buf_add_char(out, (char)bits);
    cs_parquet_rle_put(out, column->codes, column->n_codes, bits);
}

/* *bytes: the compressed body, in one of the shared buffers. */
static cs_code compress(cs_parquet_column *column, cs_parquet_shared *shared,
                        cs_parquet_page_header *header, cs_str *bytes, cs_error *err)
{
    CS_TRY(cs_buf_check(&shared->body, err));
    cs_str body = cs_buf_str(&shared->body);
    if (shared->codec != CS_CODEC_NONE) {
        cs_buf_clear(&shared->compressed);
        CS_TRY(cs_codec_compress(shared->codec, body, &shared->compressed, err));
        *bytes = cs_buf_str(&shared->compressed);
    } else {
        *bytes = body;
    }
    if (body.len > INT32_MAX || bytes->len > INT32_MAX)
        return cs_error_set(err, CS_E_LIMIT, "column %.*s: a page of %zu bytes; Parquet allows %d",
                            CS_STR_ARG(column->element.name), body.len, INT32_MAX);
    header->uncompressed_bytes = (int32_t)body.len;
    header->compressed_bytes = (int32_t)bytes->len;
    return CS_OK;
}

static cs_code keep(cs_parquet_column *column, const cs_parquet_page_header *header, cs_str body,
                    cs_error *err)
{
    cs_buf head = CS_BUF_INIT;
    cs_parquet_put_page_header(&head, header);
    cs_parquet_page *page = head.failed ? NULL : malloc(sizeof(*page) + head.len + body.len);
    if (!page) {
        cs_buf_done(&head);
        return cs_error_set(err, CS_E_NOMEM, "no memory for a page of %zu bytes", body.len);
    }
    *page = (cs_parquet_page){ .len = head.len + body.len };
    memcpy(page->bytes, head.ptr, head.len);
    memcpy(page->bytes + head.len, body.ptr, body.len);
    if (column->last)
        column->last->next = page;
    else
        column->first = page;
    column->last = page;
    column->pages_bytes += sizeof(*page) + page->len;
    column->uncompressed_bytes += head.len + (size_t)header->uncompressed_bytes;
    cs_buf_done(&head);
    return CS_OK;
}
