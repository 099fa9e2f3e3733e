/* Field numbers below are those of parquet.thrift. */
#include "common/codec/codec.h"
#include "common/parquet/parquet_meta.h"

/* ConvertedType, for readers that do not know logical types. */
enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_DECIMAL = 5,
    CONVERTED_DATE = 6,
    CONVERTED_TIMESTAMP_MICROS = 10,
    CONVERTED_INT_8 = 15,
    CONVERTED_INT_16 = 16,
};
/* Members of the union LogicalType. */
enum {
    LOGICAL_STRING = 1,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10,
};
enum { UNIT_MICROS = 2 };

static void put_element(cs_thrift_out *out, const cs_parquet_element *element);
static void put_logical(cs_thrift_out *out, const cs_parquet_element *element);
static void put_statistics(cs_thrift_out *out, int16_t field,
                           const cs_parquet_statistics *statistics);
static void put_chunk(cs_thrift_out *out, const cs_parquet_chunk *chunk);
static int converted_type(const cs_parquet_element *element);

int32_t cs_parquet_codec_number(int codec)
{
    static const int32_t numbers[CS_CODEC_COUNT] = {
        [CS_CODEC_NONE] = 0, [CS_CODEC_SNAPPY] = 1, [CS_CODEC_GZIP] = 2,
        [CS_CODEC_ZSTD] = 6, [CS_CODEC_LZ4_RAW] = 7,
    };
    return numbers[codec];
}

int cs_parquet_codec_from_number(int32_t number)
{
    for (int codec = 0; codec < CS_CODEC_COUNT; codec++) {
        if (cs_parquet_codec_number(codec) == number)
            return codec;
    }
    return -1;
}

const char *cs_parquet_encoding_name(cs_parquet_encoding encoding)
{
    static const char *const names[] = {
        "PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED",
        "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
    };
    return (size_t)encoding < sizeof(names) / sizeof(names[0]) ? names[encoding] : "unknown";
}

void cs_parquet_put_page_header(cs_buf *buf, const cs_parquet_page_header *header)
{
    cs_thrift_out out = { .buf = buf };
    cs_thrift_begin(&out);
    cs_thrift_i32(&out, 1, (int32_t)header->type);
    cs_thrift_i32(&out, 2, header->uncompressed_bytes);
    cs_thrift_i32(&out, 3, header->compressed_bytes);
    if (header->type == CS_PARQUET_DICTIONARY_PAGE) {
        cs_thrift_struct(&out, 7);
        cs_thrift_i32(&out, 1, header->num_values);
        cs_thrift_i32(&out, 2, (int32_t)header->encoding);
    } else {
        cs_thrift_struct(&out, 5);
        cs_thrift_i32(&out, 1, header->num_values);
        cs_thrift_i32(&out, 2, (int32_t)header->encoding);
        cs_thrift_i32(&out, 3, CS_PARQUET_RLE);
        cs_thrift_i32(&out, 4, CS_PARQUET_RLE);
        put_statistics(&out, 5, &header->statistics);
    }
    cs_thrift_end(&out);
    cs_thrift_end(&out);
}

void cs_parquet_put_row_group(cs_buf *buf, const cs_parquet_chunk *chunks, size_t n_chunks,
                              int64_t num_rows, int64_t ordinal)
{
    cs_thrift_out out = { .buf = buf };
    int64_t uncompressed = 0, compressed = 0;
    for (size_t i = 0; i < n_chunks; i++) {
        uncompressed += chunks[i].uncompressed_bytes;
        compressed += chunks[i].compressed_bytes;
    }
    cs_thrift_begin(&out);
    cs_thrift_list(&out, 1, CS_THRIFT_STRUCT, n_chunks);
    for (size_t i = 0; i < n_chunks; i++)
        put_chunk(&out, &chunks[i]);
    cs_thrift_i64(&out, 2, uncompressed);
    cs_thrift_i64(&out, 3, num_rows);
    if (n_chunks > 0) {
        const cs_parquet_chunk *first = &chunks[0];
        int64_t offset = first->dictionary_page_offset ? first->dictionary_page_offset : first->data_page_offset;
        cs_thrift_i64(&out, 5, offset);
    }
    cs_thrift_i64(&out, 6, compressed);
    /* An i16 in the format: left out where it does not fit, as it may be. */
    if (ordinal <= INT16_MAX) {
        cs_buf_add_char(buf, 1 << 4 | CS_THRIFT_I16);
        cs_buf_add_varint(buf, (uint64_t)ordinal << 1);
    }
    cs_thrift_end(&out);
}

void cs_parquet_put_footer(cs_buf *buf, const cs_parquet_element *elements, size_t n_elements,
                           int64_t num_rows, cs_str row_groups, size_t n_row_groups, cs_str created_by)
{
    cs_thrift_out out = { .buf = buf };
    cs_thrift_begin(&out);
    cs_thrift_i32(&out, 1, 1);
    cs_thrift_list(&out, 2, CS_THRIFT_STRUCT, n_elements);
    size_t n_leaves = 0;
    for (size_t i = 0; i < n_elements; i++) {
        put_element(&out, &elements[i]);
        n_leaves += elements[i].has_type;
    }
    cs_thrift_i64(&out, 3, num_rows);
    cs_thrift_list(&out, 4, CS_THRIFT_STRUCT, n_row_groups);
    cs_buf_add_str(buf, row_groups);
    cs_thrift_binary(&out, 6, created_by);
    /* column_orders: TypeDefinedOrder for each leaf; without it readers ignore min_value and max_value. */
    cs_thrift_list(&out, 7, CS_THRIFT_STRUCT, n_leaves);
    for (size_t i = 0; i < n_leaves; i++) {
        cs_thrift_begin(&out);
        cs_thrift_struct(&out, 1);
        cs_thrift_end(&out);
        cs_thrift_end(&out);
    }
    cs_thrift_end(&out);
}

static void put_element(cs_thrift_out *out, const cs_parquet_element *element)
{
    cs_thrift_begin(out);
    if (!element->has_type) {
        cs_thrift_binary(out, 4, element->name);
        cs_thrift_i32(out, 5, (int32_t)element->n_children);
        cs_thrift_end(out);
        return;
    }
    cs_thrift_i32(out, 1, (int32_t)element->type);
    if (element->type == CS_PARQUET_FLBA)
        cs_thrift_i32(out, 2, element->type_length);
    cs_thrift_i32(out, 3, (int32_t)element->repetition);
    cs_thrift_binary(out, 4, element->name);
    int converted = converted_type(element);
    if (converted >= 0)
        cs_thrift_i32(out, 6, converted);
    if (element->logical == CS_PARQUET_LOGICAL_DECIMAL) {
        cs_thrift_i32(out, 7, element->scale);
        cs_thrift_i32(out, 8, element->precision);
    }
    if (element->has_field_id)
        cs_thrift_i32(out, 9, element->field_id);
    if (element->logical != CS_PARQUET_LOGICAL_NONE)
        put_logical(out, element);
    cs_thrift_end(out);
}

static int converted_type(const cs_parquet_element *element)
{
    switch (element->logical) {
    case CS_PARQUET_LOGICAL_STRING:
        return CONVERTED_UTF8;
    case CS_PARQUET_LOGICAL_DECIMAL:
        return CONVERTED_DECIMAL;
    case CS_PARQUET_LOGICAL_DATE:
        return CONVERTED_DATE;
    case CS_PARQUET_LOGICAL_TIMESTAMP:
        /* The old name means UTC: a wall clock has none. */
        return element->utc ? CONVERTED_TIMESTAMP_MICROS : -1;
    case CS_PARQUET_LOGICAL_INTEGER:
        return element->bits == 8 ? CONVERTED_INT_8 : CONVERTED_INT_16;
    default:
        return -1;
    }
}

static void put_logical(cs_thrift_out *out, const cs_parquet_element *element)
{
    cs_thrift_struct(out, 10);
    switch (element->logical) {
    case CS_PARQUET_LOGICAL_STRING:
        cs_thrift_struct(out, LOGICAL_STRING);
        break;
    case CS_PARQUET_LOGICAL_DECIMAL:
        cs_thrift_struct(out, LOGICAL_DECIMAL);
        cs_thrift_i32(out, 1, element->scale);
        cs_thrift_i32(out, 2, element->precision);
        break;
    case CS_PARQUET_LOGICAL_DATE:
        cs_thrift_struct(out, LOGICAL_DATE);
        break;
    case CS_PARQUET_LOGICAL_TIMESTAMP:
        cs_thrift_struct(out, LOGICAL_TIMESTAMP);
        cs_thrift_bool(out, 1, element->utc);
        cs_thrift_struct(out, 2);
        cs_thrift_struct(out, UNIT_MICROS);
        cs_thrift_end(out);
        cs_thrift_end(out);
        break;
    default: /* INTEGER */
        cs_thrift_struct(out, LOGICAL_INTEGER);
        cs_thrift_i8(out, 1, (int8_t)element->bits);
        cs_thrift_bool(out, 2, element->is_signed);
        break;
    }
    cs_thrift_end(out);
    cs_thrift_end(out);
}

static void put_statistics(cs_thrift_out *out, int16_t field,
                           const cs_parquet_statistics *statistics)
{
    cs_thrift_struct(out, field);
    if (statistics->has_null_count)
        cs_thrift_i64(out, 3, statistics->null_count);
    if (statistics->has_min_max) {
        cs_thrift_binary(out, 5, statistics->max);
        cs_thrift_binary(out, 6, statistics->min);
        cs_thrift_bool(out, 7, statistics->max_exact);
        cs_thrift_bool(out, 8, statistics->min_exact);
    }
    cs_thrift_end(out);
}

static void put_chunk(cs_thrift_out *out, const cs_parquet_chunk *chunk)
{
    cs_thrift_begin(out);
    cs_thrift_i64(out, 2, 0); /* file_offset: deprecated, but required */
    cs_thrift_struct(out, 3);
    cs_thrift_i32(out, 1, (int32_t)chunk->type);
    cs_thrift_list(out, 2, CS_THRIFT_I32, chunk->n_encodings);
    for (size_t i = 0; i < chunk->n_encodings; i++)
        cs_thrift_add_i32(out, (int32_t)chunk->encodings[i]);
    cs_thrift_list(out, 3, CS_THRIFT_BINARY, 1);
    cs_thrift_add_binary(out, chunk->path);
    cs_thrift_i32(out, 4, chunk->codec);
    cs_thrift_i64(out, 5, chunk->num_values);
    cs_thrift_i64(out, 6, chunk->uncompressed_bytes);
    cs_thrift_i64(out, 7, chunk->compressed_bytes);
    cs_thrift_i64(out, 9, chunk->data_page_offset);
    if (chunk->dictionary_page_offset)
        cs_thrift_i64(out, 11, chunk->dictionary_page_offset);
    put_statistics(out, 12, &chunk->statistics);
    cs_thrift_end(out);
    cs_thrift_end(out);
}
