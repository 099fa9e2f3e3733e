#include "common/parquet/parquet_column.h"

#include <limits.h>
#include <stdlib.h>

#include "common/parquet/parquet_page.h"
#include "common/parquet/parquet_plain.h"
#include "common/parquet/parquet_rle.h"

/* Steps past occupied slots that no honest keys need, per value. */
#define COLLISIONS_MAX 16
#define COLLISIONS_FREE 65536
/* A row group with fewer rows does not end only because a dictionary is full. */
#define GROUP_ROWS_MIN 65536
/* A text longer than this part of the dictionary's limit does not belong into one. */
#define LONG_TEXT_SHARE 16
/* A dictionary is worth its work below this share of the PLAIN size (performance.md, rule 7). */
#define PAYS(dictionary, plain) ((dictionary) * 10 < (plain) * 7)

static cs_code describe(cs_parquet_element *element, const cs_field *field, cs_error *err);
static bool add_validity(cs_parquet_column *column, const cs_column *rows, size_t from, size_t n,
                         size_t nulls);
static bool add_fixed(cs_parquet_column *column, const void *values, size_t n);
static bool add_texts(cs_parquet_column *column, const cs_parquet_shared *shared,
                      const cs_column *rows, cs_parquet_texts texts, size_t n);
static uint64_t dictionary_cost(const cs_parquet_column *column);
static bool leave_dictionary(cs_parquet_column *column);
static void forget_dictionary(cs_parquet_column *column);
static unsigned plain_width(const cs_parquet_element *element);
static cs_code no_memory(const cs_parquet_column *column, cs_error *err);

cs_code cs_parquet_column_init(cs_parquet_column *column, const cs_field *field, cs_error *err)
{
    *column = (cs_parquet_column){ .type = field->type };
    CS_TRY(describe(&column->element, field, err));
    column->plain_width = plain_width(&column->element);
    unsigned width = 0;
    switch (column->element.type) {
    case CS_PARQUET_INT32:
    case CS_PARQUET_FLOAT:
        width = 4;
        break;
    case CS_PARQUET_INT64:
    case CS_PARQUET_DOUBLE:
        width = 8;
        break;
    case CS_PARQUET_FLBA:
        width = 16;
        break;
    default:
        break;
    }
    cs_parquet_dict_init(&column->dict, width);
    return CS_OK;
}

void cs_parquet_column_done(cs_parquet_column *column)
{
    if (!column)
        return;
    cs_parquet_pages_free(column);
    cs_parquet_dict_done(&column->dict);
    cs_parquet_range_done(&column->page_range);
    cs_parquet_range_done(&column->chunk_range);
    cs_parquet_range_done(&column->file_range);
    cs_buf_done(&column->plain);
    free(column->validity);
    free(column->codes);
    column->validity = NULL;
    column->codes = NULL;
}

void cs_parquet_column_begin(cs_parquet_column *column, const cs_parquet_shared *shared)
{
    column->dictionary = shared->dictionary_bytes > 0 && !column->dictionary_lost &&
                         column->element.type != CS_PARQUET_BOOLEAN;
    column->dictionary_tried = column->dictionary_pages = column->plain_pages = false;
    if (column->dictionary_lost)
        forget_dictionary(column);
    cs_parquet_dict_clear(&column->dict);
    column->plain_bytes = column->uncompressed_bytes = column->chunk_values = 0;
    column->page_number = 1;
    cs_parquet_range_clear(&column->chunk_range);
    cs_parquet_page_begin(column);
}

cs_code cs_parquet_column_add(cs_parquet_column *column, cs_parquet_shared *shared,
                              const cs_column *rows, size_t from, size_t n, cs_error *err)
{
    size_t nulls = cs_parquet_count_nulls(rows, from, n), valid = n - nulls;
    bool done = add_validity(column, rows, from, n, nulls);
    if (done && column->element.type == CS_PARQUET_BYTE_ARRAY) {
        cs_parquet_texts texts = cs_parquet_dense_texts(rows, from, n, nulls, &shared->dense);
        done = add_texts(column, shared, rows, texts, valid);
    } else if (done) {
        const void *values = cs_parquet_dense(rows, from, n, nulls, &shared->dense);
        cs_parquet_range_add(&column->page_range, column->element.type, values, valid);
        done = add_fixed(column, values, valid);
    }
    return done ? CS_OK : no_memory(column, err);
}

cs_code cs_parquet_column_check(cs_parquet_column *column, cs_parquet_shared *shared,
                                uint64_t group_rows, bool *full, cs_error *err)
{
    if (column->dictionary) {
        uint64_t cost = dictionary_cost(column), values = column->chunk_range.values + column->n_codes;
        bool tried = !column->dictionary_tried && values >= shared->trial_values;
        column->dictionary_tried |= tried;
        /* Keys made to collide cost time, not memory: the dictionary goes before they hurt. */
        bool hostile = column->dict.collisions > COLLISIONS_MAX * values + COLLISIONS_FREE;
        bool over = cs_parquet_dict_body_bytes(&column->dict) > shared->dictionary_bytes ||
                    cs_parquet_dict_memory(&column->dict) > shared->dictionary_memory;
        if (over && PAYS(cost, column->plain_bytes) && group_rows >= GROUP_ROWS_MIN) {
            *full = true;
        } else if (over || hostile || (tried && cost >= column->plain_bytes)) {
            column->dictionary_lost = hostile || !PAYS(cost, column->plain_bytes);
            if (column->dictionary_pages && column->values > 0)
                CS_TRY(cs_parquet_page_end(column, shared, err));
            if (!leave_dictionary(column))
                return no_memory(column, err);
        }
    }
    if (column->values >= shared->page_values || column->plain.len >= shared->page_bytes)
        CS_TRY(cs_parquet_page_end(column, shared, err));
    return CS_OK;
}

size_t cs_parquet_column_memory(const cs_parquet_column *column)
{
    return column->pages_bytes + column->plain.len + column->n_codes * sizeof(*column->codes) + column->values / 8 +
           (column->dict.count ? cs_parquet_dict_memory(&column->dict) : 0);
}

cs_code cs_parquet_column_end(cs_parquet_column *column, cs_parquet_shared *shared,
                              cs_parquet_chunk *chunk, uint8_t bounds[2][CS_PARQUET_BOUND_BYTES_MAX], cs_error *err)
{
    if (column->dictionary) {
        uint64_t cost = dictionary_cost(column);
        column->dictionary_lost = column->dictionary_tried && !PAYS(cost, column->plain_bytes);
        if (!column->dictionary_pages && cost >= column->plain_bytes && !leave_dictionary(column))
            return no_memory(column, err);
    }
    if (column->values > 0)
        CS_TRY(cs_parquet_page_end(column, shared, err));
    *chunk = (cs_parquet_chunk){
        .type = column->element.type,
        .codec = cs_parquet_codec_number(shared->codec),
        .num_values = (int64_t)column->chunk_values,
        .path = column->element.name,
    };
    uint64_t begin = shared->sink_offset(shared->sink_ctx);
    chunk->encodings[chunk->n_encodings++] = CS_PARQUET_RLE;
    if (column->dictionary_pages) {
        chunk->dictionary_page_offset = (int64_t)begin;
        chunk->encodings[chunk->n_encodings++] = CS_PARQUET_RLE_DICTIONARY;
        CS_TRY(cs_parquet_put_dictionary(column, shared, err));
    }
    if (column->dictionary_pages || column->plain_pages)
        chunk->encodings[chunk->n_encodings++] = CS_PARQUET_PLAIN;
    chunk->data_page_offset = (int64_t)shared->sink_offset(shared->sink_ctx);
    CS_TRY(cs_parquet_put_pages(column, shared, err));
    chunk->compressed_bytes = (int64_t)(shared->sink_offset(shared->sink_ctx) - begin);
    chunk->uncompressed_bytes = (int64_t)column->uncompressed_bytes;
    cs_parquet_range_statistics(&column->chunk_range, &column->element, bounds[0], bounds[1],
                                &chunk->statistics);
    if (!cs_parquet_range_merge(&column->file_range, &column->chunk_range, column->element.type))
        return no_memory(column, err);
    cs_parquet_pages_free(column);
    return CS_OK;
}

/* delta.md §6, first table. */
static cs_code describe(cs_parquet_element *element, const cs_field *field, cs_error *err)
{
    const cs_type *type = field->type;
    *element = (cs_parquet_element){ .name = field->name,
                                     .has_type = true,
                                     .repetition = CS_PARQUET_OPTIONAL,
                                     .unit = CS_PARQUET_MICROS };
    switch (type->kind) {
    case CS_TYPE_BOOLEAN:
        element->type = CS_PARQUET_BOOLEAN;
        return CS_OK;
    case CS_TYPE_BYTE:
    case CS_TYPE_SHORT:
        element->logical = CS_PARQUET_LOGICAL_INTEGER;
        element->bits = type->kind == CS_TYPE_BYTE ? 8 : 16;
        element->is_signed = true;
        /* fall through */
    case CS_TYPE_INT:
        element->type = CS_PARQUET_INT32;
        return CS_OK;
    case CS_TYPE_LONG:
        element->type = CS_PARQUET_INT64;
        return CS_OK;
    case CS_TYPE_FLOAT:
        element->type = CS_PARQUET_FLOAT;
        return CS_OK;
    case CS_TYPE_DOUBLE:
        element->type = CS_PARQUET_DOUBLE;
        return CS_OK;
    case CS_TYPE_DECIMAL:
        element->logical = CS_PARQUET_LOGICAL_DECIMAL;
        element->precision = type->precision;
        element->scale = type->scale;
        element->type = type->precision <= 9 ? CS_PARQUET_INT32 : type->precision <= 18 ? CS_PARQUET_INT64
                                                                                         : CS_PARQUET_FLBA;
        element->type_length = (int32_t)plain_width(element);
        return CS_OK;
    case CS_TYPE_STRING:
        element->logical = CS_PARQUET_LOGICAL_STRING;
        /* fall through */
    case CS_TYPE_BINARY:
        element->type = CS_PARQUET_BYTE_ARRAY;
        return CS_OK;
    case CS_TYPE_DATE:
        element->type = CS_PARQUET_INT32;
        element->logical = CS_PARQUET_LOGICAL_DATE;
        return CS_OK;
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        element->type = CS_PARQUET_INT64;
        element->logical = CS_PARQUET_LOGICAL_TIMESTAMP;
        element->utc = type->kind == CS_TYPE_TIMESTAMP;
        return CS_OK;
    default:
        return cs_error_set(err, CS_E_UNSUPPORTED,
                            "column %.*s: nested types cannot be written yet", CS_STR_ARG(field->name));
    }
}

static bool add_validity(cs_parquet_column *column, const cs_column *rows, size_t from, size_t n,
                         size_t nulls)
{
    size_t begin = column->values;
    column->values += n;
    column->page_range.nulls += nulls;
    if (nulls == 0 && column->nulls == 0)
        return true;
    size_t bytes = column->values / 8 + 1;
    if (bytes > column->validity_cap) {
        size_t cap = bytes + bytes / 2 + 64;
        uint8_t *validity = realloc(column->validity, cap);
        if (!validity)
            return false;
        column->validity = validity;
        column->validity_cap = cap;
    }
    if (column->nulls == 0)
        memset(column->validity, 0xff, begin / 8 + 1);
    column->nulls += nulls;
    cs_parquet_copy_bits(column->validity, begin, rows->validity, from, n);
    return true;
}

static bool room_for_codes(cs_parquet_column *column, size_t n)
{
    if (column->codes && column->n_codes + n <= column->codes_cap)
        return true;
    size_t cap = column->codes_cap * 2 > column->n_codes + n ? column->codes_cap * 2 : column->n_codes + n + 1;
    uint32_t *codes = realloc(column->codes, cap * sizeof(*codes));
    if (!codes)
        return false;
    column->codes = codes;
    column->codes_cap = cap;
    return true;
}

static bool add_fixed(cs_parquet_column *column, const void *values, size_t n)
{
    column->plain_bytes += (uint64_t)n * column->plain_width;
    if (!column->dictionary) {
        cs_parquet_plain_fixed(column, values, n);
        return !column->plain.failed;
    }
    if (!room_for_codes(column, n) ||
        !cs_parquet_dict_codes(&column->dict, values, n, column->codes + column->n_codes))
        return false;
    column->n_codes += n;
    return true;
}

static bool any_longer(cs_parquet_texts texts, size_t n, size_t limit)
{
    if ((size_t)(texts.offsets[n] - texts.offsets[0]) <= limit)
        return false;
    int32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t len = texts.offsets[i + 1] - texts.offsets[i];
        most = len > most ? len : most;
    }
    return (size_t)most > limit;
}

static bool add_texts(cs_parquet_column *column, const cs_parquet_shared *shared,
                      const cs_column *rows, cs_parquet_texts texts, size_t n)
{
    column->page_range.values += n;
    column->plain_bytes += (uint64_t)(texts.offsets[n] - texts.offsets[0]) + 4 * (uint64_t)n;
    /* Documents are no dictionary: a copy of each would only take memory. */
    if (column->dictionary && any_longer(texts, n, shared->dictionary_bytes / LONG_TEXT_SHARE)) {
        column->dictionary_lost = true;
        if (!leave_dictionary(column))
            return false;
    }
    if (!column->dictionary) {
        cs_parquet_plain_texts(column, texts, n, rows->data_cap);
        return !column->plain.failed;
    }
    if (!room_for_codes(column, n) ||
        !cs_parquet_dict_codes_text(&column->dict, texts, n, column->codes + column->n_codes,
                                    column->page_number, &column->page_codes))
        return false;
    column->n_codes += n;
    return true;
}

/* Bytes of the chunk so far with the dictionary, before compression. */
static uint64_t dictionary_cost(const cs_parquet_column *column)
{
    uint64_t values = column->chunk_range.values + column->n_codes;
    unsigned bits = column->dict.count ? cs_parquet_bits_for(column->dict.count - 1) : 0;
    return cs_parquet_dict_body_bytes(&column->dict) + values * bits / 8;
}

/* From here on the values of this chunk are PLAIN, those of the page at hand too. */
static bool leave_dictionary(cs_parquet_column *column)
{
    column->dictionary = false;
    cs_parquet_plain_from_codes(column);
    column->n_codes = 0;
    if (!column->dictionary_pages)
        forget_dictionary(column);
    return !column->plain.failed;
}

/* Gives the memory back: a table of a thousand columns has not much for each. */
static void forget_dictionary(cs_parquet_column *column)
{
    cs_parquet_dict_done(&column->dict);
    free(column->codes);
    column->codes = NULL;
    column->codes_cap = 0;
}

static unsigned plain_width(const cs_parquet_element *element)
{
    switch (element->type) {
    case CS_PARQUET_INT32:
    case CS_PARQUET_FLOAT:
        return 4;
    case CS_PARQUET_INT64:
    case CS_PARQUET_DOUBLE:
        return 8;
    case CS_PARQUET_FLBA: {
        /* The least size whose two's complement holds precision digits: bytes * 8 - 1 >= log2(10^p). */
        unsigned bytes = 1;
        while ((bytes * 8 - 1) * 30103u < (unsigned)element->precision * 100000u)
            bytes++;
        return bytes;
    }
    default:
        return 0;
    }
}

static cs_code no_memory(const cs_parquet_column *column, cs_error *err)
{
    return cs_error_set(err, CS_E_NOMEM, "column %.*s: no memory for %zu values of a row group",
                        CS_STR_ARG(column->element.name), column->values);
}
