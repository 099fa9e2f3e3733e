#include "common/parquet/parquet_leaf.h"

#include <stdlib.h>

/* Page headers are small unless they carry long bounds: ask for more only then. */
#define HEADER_BYTES_FIRST 256
/* The number that LZ4_RAW (7) replaced: what it framed was never written down. */
#define CODEC_LZ4_HADOOP 5

static cs_code next_page(cs_parquet_leaf *leaf, const cs_parquet_input *input, cs_parquet_raw *raw,
                         cs_error *err);
static cs_code read_header(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                           cs_parquet_page_header *header, cs_error *err);
static cs_code read_body(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                         const cs_parquet_page_header *header, cs_error *err);
static bool decompress(const cs_parquet_leaf *leaf, cs_str in, char *out, size_t out_len);
static cs_code begin_data(cs_parquet_leaf *leaf, const cs_parquet_page_header *header,
                          cs_error *err);
static cs_code take_dictionary(cs_parquet_leaf *leaf, const cs_parquet_page_header *header,
                               cs_parquet_raw *raw, cs_error *err);
static cs_code next_portion(cs_parquet_leaf *leaf, cs_parquet_raw *raw, cs_error *err);
static bool begin_levels(cs_parquet_levels *levels, unsigned max, cs_parquet_encoding encoding,
                         int64_t count, cs_cursor *page);
static bool get_levels(cs_parquet_levels *levels, uint16_t *out, size_t n, unsigned max);
static cs_code damaged(const cs_parquet_leaf *leaf, const cs_parquet_input *input, const char *what,
                       cs_error *err);

cs_code cs_parquet_leaf_init(cs_parquet_leaf *leaf, const cs_parquet_leaf_plan *plan, cs_error *err)
{
    *leaf = (cs_parquet_leaf){ .plan = plan };
    if (plan->max_def > 0)
        leaf->def = cs_xcalloc(CS_PARQUET_PORTION, sizeof(*leaf->def));
    if (plan->max_rep > 0)
        leaf->rep = cs_xcalloc(CS_PARQUET_PORTION, sizeof(*leaf->rep));
    return plan->type ? cs_column_init(&leaf->portion, plan->type, err) : CS_OK;
}

void cs_parquet_leaf_done(cs_parquet_leaf *leaf)
{
    free(leaf->def);
    free(leaf->rep);
    cs_column_done(&leaf->portion);
    cs_column_done(&leaf->dictionary);
    cs_buf_done(&leaf->stored);
    cs_buf_done(&leaf->page);
    cs_parquet_values_done(&leaf->values);
}

cs_code cs_parquet_leaf_begin(cs_parquet_leaf *leaf, const cs_parquet_chunk *chunk,
                              const cs_parquet_input *input, cs_error *err)
{
    const cs_parquet_element *element = leaf->plan->element;
    if (!chunk->has_meta || chunk->encrypted)
        return cs_error_set(err, CS_E_UNSUPPORTED, "%.*s: column %.*s is encrypted",
                            CS_STR_ARG(input->name), CS_STR_ARG(element->name));
    if (chunk->external)
        return cs_error_set(err, CS_E_UNSUPPORTED, "%.*s: column %.*s lies in another file",
                            CS_STR_ARG(input->name), CS_STR_ARG(element->name));
    leaf->lz4_hadoop = chunk->codec == CODEC_LZ4_HADOOP;
    int codec = leaf->lz4_hadoop ? CS_CODEC_LZ4_RAW : cs_parquet_codec_from_number(chunk->codec);
    if (codec < 0) {
        static const char *const names[] = { [3] = "LZO", [4] = "BROTLI" };
        bool known = chunk->codec == 3 || chunk->codec == 4;
        return cs_error_set(err, CS_E_UNSUPPORTED,
                            "%.*s: column %.*s: codec %s (%d) cannot be read", CS_STR_ARG(input->name), CS_STR_ARG(element->name), known ? names[chunk->codec] : "unknown",
                            chunk->codec);
    }
    int64_t offset = chunk->data_page_offset;
    if (chunk->dictionary_page_offset > 0 && chunk->dictionary_page_offset < offset)
        offset = chunk->dictionary_page_offset;
    if (chunk->type != element->type || chunk->num_values < 0 || offset < 0)
        return damaged(leaf, input, "its metadata does not fit the schema", err);
    leaf->codec = (cs_codec)codec;
    leaf->offset = (uint64_t)offset;
    leaf->chunk_left = (uint64_t)chunk->num_values;
    leaf->has_dictionary = false;
    leaf->page_left = 0;
    leaf->n = leaf->at = leaf->n_values = leaf->value_at = 0;
    return CS_OK;
}

cs_code cs_parquet_leaf_more(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                             cs_parquet_raw *raw, cs_error *err)
{
    while (leaf->at == leaf->n) {
        if (leaf->page_left > 0)
            CS_TRY(next_portion(leaf, raw, err));
        else if (leaf->chunk_left > 0)
            CS_TRY(next_page(leaf, input, raw, err));
        else
            return damaged(leaf, input, "it has fewer values than its row group has rows", err);
    }
    return CS_OK;
}

static cs_code next_page(cs_parquet_leaf *leaf, const cs_parquet_input *input, cs_parquet_raw *raw,
                         cs_error *err)
{
    cs_parquet_page_header header;
    CS_TRY(read_header(leaf, input, &header, err));
    CS_TRY(read_body(leaf, input, &header, err));
    switch (header.type) {
    case CS_PARQUET_DICTIONARY_PAGE:
        return take_dictionary(leaf, &header, raw, err);
    case CS_PARQUET_DATA_PAGE:
    case CS_PARQUET_DATA_PAGE_V2:
        if ((uint64_t)header.num_values > leaf->chunk_left)
            return damaged(leaf, input, "its pages have more values than its metadata says", err);
        CS_TRY(begin_data(leaf, &header, err));
        leaf->chunk_left -= (uint64_t)header.num_values;
        leaf->page_left = (uint64_t)header.num_values;
        return CS_OK;
    default: /* an index page, or one of the future: not data */
        return CS_OK;
    }
}

static cs_code read_header(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                           cs_parquet_page_header *header, cs_error *err)
{
    uint64_t end = input->size_bytes - CS_PARQUET_TAIL_LEN;
    if (leaf->offset >= end)
        return damaged(leaf, input, "a page lies beyond the end of the file", err);
    for (size_t want = HEADER_BYTES_FIRST;; want *= 8) {
        bool last = want >= end - leaf->offset;
        size_t len = last ? (size_t)(end - leaf->offset) : want, used;
        last |= want >= CS_PARQUET_PAGE_HEADER_BYTES_MAX;
        cs_buf_clear(&leaf->stored);
        char *bytes = cs_buf_reserve(&leaf->stored, len);
        if (!bytes)
            return cs_buf_check(&leaf->stored, err);
        CS_TRY(input->read_at(input->ctx, leaf->offset, bytes, len, err));
        if (cs_parquet_get_page_header((cs_str){ bytes, len }, header, &used)) {
            leaf->offset += used;
            return CS_OK;
        }
        if (last)
            return damaged(leaf, input, "a page has no header", err);
    }
}

/* Into leaf->page, decompressed; of a V2 page the levels, which are never compressed, stay in front. */
static cs_code read_body(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                         const cs_parquet_page_header *header, cs_error *err)
{
    size_t stored = (size_t)header->compressed_bytes, size = (size_t)header->uncompressed_bytes, levels = 0;
    if (size > CS_PARQUET_PAGE_BYTES_MAX || stored > CS_PARQUET_PAGE_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT,
                            "%.*s: column %.*s: a page of %zu bytes; at most %u are read", CS_STR_ARG(input->name), CS_STR_ARG(leaf->plan->element->name), size,
                            CS_PARQUET_PAGE_BYTES_MAX);
    if (stored > input->size_bytes - leaf->offset)
        return damaged(leaf, input, "a page is cut short", err);
    bool packed = leaf->codec != CS_CODEC_NONE;
    if (header->type == CS_PARQUET_DATA_PAGE_V2) {
        if (header->definition_bytes < 0 || header->repetition_bytes < 0)
            return damaged(leaf, input, "a page has levels of negative size", err);
        levels = (size_t)header->definition_bytes + (size_t)header->repetition_bytes;
        packed = packed && header->compressed;
    }
    if (levels > stored || levels > size)
        return damaged(leaf, input, "a page is smaller than its levels", err);
    cs_buf_clear(&leaf->stored);
    cs_buf_clear(&leaf->page);
    cs_buf *first = packed ? &leaf->stored : &leaf->page;
    char *bytes = cs_buf_reserve(first, stored + 1);
    if (!bytes)
        return cs_buf_check(first, err);
    CS_TRY(input->read_at(input->ctx, leaf->offset, bytes, stored, err));
    leaf->offset += stored;
    first->len = stored;
    if (!packed)
        return CS_OK;
    char *page = cs_buf_reserve(&leaf->page, size + 1);
    if (!page)
        return cs_buf_check(&leaf->page, err);
    memcpy(page, bytes, levels);
    leaf->page.len = size;
    /* A V2 page of nulls alone has nothing behind its levels, not even an empty block. */
    if (size == levels)
        return CS_OK;
    if (!decompress(leaf, (cs_str){ bytes + levels, stored - levels }, page + levels,
                    size - levels))
        return damaged(leaf, input, "a page does not decompress", err);
    return CS_OK;
}

/* Blocks, each behind its two sizes, big end first. False: not this framing. */
static bool decompress_hadoop(cs_str in, char *out, size_t out_len)
{
    while (in.len > 8) {
        uint32_t size, stored;
        memcpy(&size, in.ptr, 4);
        memcpy(&stored, in.ptr + 4, 4);
        size = __builtin_bswap32(size);
        stored = __builtin_bswap32(stored);
        if (stored > in.len - 8 || size > out_len ||
            cs_codec_decompress(CS_CODEC_LZ4_RAW, (cs_str){ in.ptr + 8, stored }, out, size,
                                NULL) != CS_OK)
            return false;
        in = (cs_str){ in.ptr + 8 + stored, in.len - 8 - stored };
        out += size;
        out_len -= size;
    }
    return in.len == 0 && out_len == 0;
}

static bool decompress(const cs_parquet_leaf *leaf, cs_str in, char *out, size_t out_len)
{
    if (leaf->lz4_hadoop && decompress_hadoop(in, out, out_len))
        return true;
    return cs_codec_decompress(leaf->codec, in, out, out_len, NULL) == CS_OK;
}

static cs_code begin_data(cs_parquet_leaf *leaf, const cs_parquet_page_header *header,
                          cs_error *err)
{
    const uint8_t *at = (const uint8_t *)leaf->page.ptr;
    cs_cursor page = { at, at + leaf->page.len };
    const cs_parquet_leaf_plan *plan = leaf->plan;
    bool fits;
    if (header->type == CS_PARQUET_DATA_PAGE_V2) {
        size_t reps = (size_t)header->repetition_bytes, defs = (size_t)header->definition_bytes;
        fits = reps + defs <= leaf->page.len; /* read_body saw to that */
        leaf->reps.old = leaf->defs.old = false;
        leaf->reps.bits = cs_parquet_bits_for(plan->max_rep);
        leaf->defs.bits = cs_parquet_bits_for(plan->max_def);
        fits = fits && cs_parquet_rle_init(&leaf->reps.rle, (cs_str){ (const char *)at, reps },
                                           leaf->reps.bits) &&
               cs_parquet_rle_init(&leaf->defs.rle, (cs_str){ (const char *)at + reps, defs },
                                   leaf->defs.bits);
        page.at += reps + defs;
    } else {
        fits = begin_levels(&leaf->reps, plan->max_rep, header->repetition_encoding,
                            header->num_values, &page) &&
               begin_levels(&leaf->defs, plan->max_def, header->definition_encoding,
                            header->num_values, &page);
    }
    if (!fits)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "column %.*s: a page's levels are damaged",
                            CS_STR_ARG(plan->element->name));
    if (!plan->type)
        return CS_OK;
    if (cs_parquet_is_dictionary(header->encoding) && !leaf->has_dictionary &&
        header->num_values > 0) {
        /* Allowed only while nothing refers to it: an empty one stands for it. */
        cs_column_done(&leaf->dictionary);
        CS_TRY(cs_column_init(&leaf->dictionary, plan->type, err));
        leaf->has_dictionary = true;
    }
    cs_str values = { (const char *)page.at, (size_t)(page.end - page.at) };
    return cs_parquet_values_init(&leaf->values, header->encoding, plan->element->type,
                                  plan->element->type_length, values, err);
}

static cs_code take_dictionary(cs_parquet_leaf *leaf, const cs_parquet_page_header *header,
                               cs_parquet_raw *raw, cs_error *err)
{
    const cs_parquet_element *element = leaf->plan->element;
    if (!leaf->plan->type)
        return CS_OK;
    if (header->encoding != CS_PARQUET_PLAIN && header->encoding != CS_PARQUET_PLAIN_DICTIONARY)
        return cs_error_set(err, CS_E_UNSUPPORTED,
                            "column %.*s: a dictionary in encoding %s cannot be read", CS_STR_ARG(element->name), cs_parquet_encoding_name(header->encoding));
    cs_column_done(&leaf->dictionary);
    CS_TRY(cs_column_init(&leaf->dictionary, leaf->plan->type, err));
    leaf->has_dictionary = true;
    CS_TRY(cs_parquet_values_init(&leaf->values, CS_PARQUET_PLAIN, element->type,
                                  element->type_length, cs_buf_str(&leaf->page), err));
    for (size_t left = (size_t)header->num_values; left > 0;) {
        size_t n = left < CS_PARQUET_PORTION ? left : CS_PARQUET_PORTION;
        if (!cs_parquet_values_get(&leaf->values, raw, n))
            return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                                "column %.*s: the dictionary is cut short", CS_STR_ARG(element->name));
        CS_TRY(cs_parquet_convert(leaf->plan, raw, n, &leaf->dictionary, err));
        left -= n;
    }
    return CS_OK;
}

static cs_code next_portion(cs_parquet_leaf *leaf, cs_parquet_raw *raw, cs_error *err)
{
    const cs_parquet_leaf_plan *plan = leaf->plan;
    size_t n = leaf->page_left < CS_PARQUET_PORTION ? (size_t)leaf->page_left : CS_PARQUET_PORTION, values = n;
    if ((leaf->rep && !get_levels(&leaf->reps, leaf->rep, n, plan->max_rep)) ||
        (leaf->def && !get_levels(&leaf->defs, leaf->def, n, plan->max_def)))
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "column %.*s: a page's levels are damaged",
                            CS_STR_ARG(plan->element->name));
    if (leaf->def) {
        values = 0;
        for (size_t i = 0; i < n; i++)
            values += leaf->def[i] == plan->max_def;
    }
    if (plan->type) {
        cs_column_clear(&leaf->portion);
        bool got = cs_parquet_values_get(&leaf->values, raw, values);
        if (got && cs_parquet_is_dictionary(leaf->values.encoding)) {
            for (size_t i = 0; i < values; i++) {
                if (raw->codes[i] >= leaf->dictionary.length)
                    return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                                        "column %.*s: code %u of %zu in the dictionary", CS_STR_ARG(plan->element->name), raw->codes[i], leaf->dictionary.length);
                CS_TRY(cs_parquet_append(&leaf->portion, &leaf->dictionary, raw->codes[i], 1, err));
            }
        } else if (got) {
            CS_TRY(cs_parquet_convert(plan, raw, values, &leaf->portion, err));
        } else {
            return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                                "column %.*s: a page in encoding %s is cut short", CS_STR_ARG(plan->element->name), cs_parquet_encoding_name(leaf->values.encoding));
        }
    }
    leaf->page_left -= n;
    leaf->n = n;
    leaf->n_values = values;
    leaf->at = leaf->value_at = 0;
    return CS_OK;
}

/* V1: the length stands in front, but for the old encoding, whose size follows from the count. */
static bool begin_levels(cs_parquet_levels *levels, unsigned max, cs_parquet_encoding encoding,
                         int64_t count, cs_cursor *page)
{
    if (max == 0)
        return true;
    levels->bits = cs_parquet_bits_for(max);
    levels->old = encoding == CS_PARQUET_BIT_PACKED;
    cs_str bytes;
    if (levels->old) {
        if (!cs_cursor_bytes(page, ((size_t)count * levels->bits + 7) / 8, &bytes))
            return false;
        levels->cursor = (cs_cursor){ (const uint8_t *)bytes.ptr,
                                      (const uint8_t *)bytes.ptr + bytes.len };
        return true;
    }
    uint32_t len;
    return encoding == CS_PARQUET_RLE && cs_cursor_u32le(page, &len) && cs_cursor_bytes(page, len,
            &bytes) &&
           cs_parquet_rle_init(&levels->rle, bytes, levels->bits);
}

static bool get_levels(cs_parquet_levels *levels, uint16_t *out, size_t n, unsigned max)
{
    if (levels->old) {
        size_t used;
        cs_str rest = { (const char *)levels->cursor.at,
                        (size_t)(levels->cursor.end - levels->cursor.at) };
        if (!cs_parquet_bit_packed_get16(rest, levels->bits, out, n, &used))
            return false;
        levels->cursor.at += used; /* portions are whole bytes, but for the last */
    } else if (!cs_parquet_rle_get16(&levels->rle, out, n)) {
        return false;
    }
    unsigned most = 0;
    for (size_t i = 0; i < n; i++)
        most = out[i] > most ? out[i] : most;
    return most <= max;
}

static cs_code damaged(const cs_parquet_leaf *leaf, const cs_parquet_input *input, const char *what,
                       cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_PARQUET, "%.*s: column %.*s: %s", CS_STR_ARG(input->name),
                        CS_STR_ARG(leaf->plan->element->name), what);
}
