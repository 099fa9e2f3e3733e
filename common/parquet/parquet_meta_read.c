/* Field numbers below are those of parquet.thrift. Unknown fields are skipped: the format grows by adding. */
#include "common/parquet/parquet_meta.h"

#define ROW_GROUP_BYTES_MIN 7 /* its three required members, the list empty */

static void get_element(cs_thrift_in *in, cs_parquet_element *element);
static void get_logical(cs_thrift_in *in, cs_parquet_element *element);
static void get_converted(cs_parquet_element *element, int32_t converted);
static void get_chunk(cs_thrift_in *in, cs_parquet_chunk *chunk);
static void get_chunk_meta(cs_thrift_in *in, cs_parquet_chunk *chunk);
static void get_statistics(cs_thrift_in *in, cs_parquet_statistics *out);
static void get_data_page(cs_thrift_in *in, cs_parquet_page_header *out);
static void get_data_page_v2(cs_thrift_in *in, cs_parquet_page_header *out);
static void get_dictionary_page(cs_thrift_in *in, cs_parquet_page_header *out);
static bool expect(cs_thrift_in *in, cs_thrift_type type, cs_thrift_type wanted);

static cs_thrift_in input(cs_str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    return (cs_thrift_in){ .cursor = { at, at + bytes.len } };
}

cs_code cs_parquet_get_footer(cs_str bytes, cs_arena *arena, cs_parquet_footer *out, cs_error *err)
{
    cs_parquet_footer footer = { 0 };
    cs_thrift_in in = input(bytes);
    cs_thrift_type type, element;
    int16_t field = 0;
    bool has_rows = false;
    while (cs_thrift_field(&in, &field, &type)) {
        switch (field) {
        case 2: {
            size_t count = cs_thrift_get_list(&in, type, &element);
            if (count > CS_PARQUET_ELEMENTS_MAX)
                return cs_error_set(err, CS_E_LIMIT,
                                    "Parquet schema has %zu elements; at most %u are read", count, CS_PARQUET_ELEMENTS_MAX);
            if (footer.elements || element != CS_THRIFT_STRUCT)
                in.bad = true;
            footer.elements = cs_arena_array(arena, cs_parquet_element, count ? count : 1);
            for (; footer.n_elements < count && !in.bad; footer.n_elements++)
                get_element(&in, &footer.elements[footer.n_elements]);
            break;
        }
        case 3:
            footer.num_rows = cs_thrift_get_i64(&in, type);
            has_rows = true;
            break;
        case 4: {
            size_t count = cs_thrift_get_list(&in, type, &element);
            if (footer.row_groups || (count > 0 && element != CS_THRIFT_STRUCT) ||
                count > (size_t)(in.cursor.end - in.cursor.at) / ROW_GROUP_BYTES_MIN) {
                in.bad = true;
                count = 0;
            }
            footer.row_groups = cs_arena_array(arena, cs_str, count ? count : 1);
            for (; footer.n_row_groups < count && !in.bad; footer.n_row_groups++) {
                const uint8_t *from = in.cursor.at;
                cs_thrift_skip(&in, CS_THRIFT_STRUCT);
                footer.row_groups[footer.n_row_groups] =
                    (cs_str){ (const char *)from, (size_t)(in.cursor.at - from) };
            }
            break;
        }
        default:
            cs_thrift_skip(&in, type);
        }
    }
    if (in.bad || footer.n_elements == 0 || !has_rows || footer.num_rows < 0)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "the footer is not Parquet metadata");
    *out = footer;
    return CS_OK;
}

cs_code cs_parquet_get_row_group(cs_str bytes, cs_parquet_chunk *chunks, size_t n_chunks,
                                 int64_t *num_rows, cs_error *err)
{
    cs_thrift_in in = input(bytes);
    cs_thrift_type type, element;
    int16_t field = 0;
    size_t count = 0;
    int64_t rows = -1;
    while (cs_thrift_field(&in, &field, &type)) {
        if (field == 1) {
            count = cs_thrift_get_list(&in, type, &element);
            if (count != n_chunks || (count > 0 && element != CS_THRIFT_STRUCT))
                in.bad = true;
            for (size_t i = 0; i < count && !in.bad; i++)
                get_chunk(&in, &chunks[i]);
        } else if (field == 3) {
            rows = cs_thrift_get_i64(&in, type);
        } else {
            cs_thrift_skip(&in, type);
        }
    }
    if (in.bad || count != n_chunks || rows < 0)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                            "a row group's metadata does not fit the schema");
    *num_rows = rows;
    return CS_OK;
}

bool cs_parquet_get_page_header(cs_str bytes, cs_parquet_page_header *out, size_t *len)
{
    cs_parquet_page_header header = { .compressed = true };
    cs_thrift_in in = input(bytes);
    cs_thrift_type type;
    int16_t field = 0;
    unsigned seen = 0;
    while (cs_thrift_field(&in, &field, &type)) {
        if (field > 0 && field < 16)
            seen |= 1u << field;
        if (field == 1)
            header.type = (cs_parquet_page_type)cs_thrift_get_i32(&in, type);
        else if (field == 2)
            header.uncompressed_bytes = cs_thrift_get_i32(&in, type);
        else if (field == 3)
            header.compressed_bytes = cs_thrift_get_i32(&in, type);
        else if (field == 5 && expect(&in, type, CS_THRIFT_STRUCT))
            get_data_page(&in, &header);
        else if (field == 7 && expect(&in, type, CS_THRIFT_STRUCT))
            get_dictionary_page(&in, &header);
        else if (field == 8 && expect(&in, type, CS_THRIFT_STRUCT))
            get_data_page_v2(&in, &header);
        else
            cs_thrift_skip(&in, type);
    }
    unsigned wanted = 1u << 1 | 1u << 2 | 1u << 3;
    if (header.type == CS_PARQUET_DATA_PAGE)
        wanted |= 1u << 5;
    else if (header.type == CS_PARQUET_DICTIONARY_PAGE)
        wanted |= 1u << 7;
    else if (header.type == CS_PARQUET_DATA_PAGE_V2)
        wanted |= 1u << 8;
    if (in.bad || (seen & wanted) != wanted || header.uncompressed_bytes < 0 ||
        header.compressed_bytes < 0 || header.num_values < 0)
        return false;
    *out = header;
    *len = (size_t)(in.cursor.at - (const uint8_t *)bytes.ptr);
    return true;
}

/* A value of another type than its field has makes the whole bad. */
static bool expect(cs_thrift_in *in, cs_thrift_type type, cs_thrift_type wanted)
{
    if (type != wanted)
        in->bad = true;
    return type == wanted;
}

static void get_element(cs_thrift_in *in, cs_parquet_element *element)
{
    cs_thrift_type type;
    int16_t field = 0;
    int32_t converted = -1;
    bool logical = false;
    while (cs_thrift_field(in, &field, &type)) {
        switch (field) {
        case 1:
            element->has_type = true;
            element->type = (cs_parquet_type)cs_thrift_get_i32(in, type);
            break;
        case 2:
            element->type_length = cs_thrift_get_i32(in, type);
            break;
        case 3:
            element->repetition = (cs_parquet_repetition)cs_thrift_get_i32(in, type);
            break;
        case 4:
            element->name = cs_thrift_get_binary(in, type);
            break;
        case 5: {
            int32_t n = cs_thrift_get_i32(in, type);
            if (n < 0)
                in->bad = true;
            element->n_children = n < 0 ? 0 : (uint32_t)n;
            break;
        }
        case 6:
            converted = cs_thrift_get_i32(in, type);
            break;
        case 7:
            element->scale = cs_thrift_get_i32(in, type);
            break;
        case 8:
            element->precision = cs_thrift_get_i32(in, type);
            break;
        case 9:
            element->has_field_id = true;
            element->field_id = cs_thrift_get_i32(in, type);
            break;
        case 10:
            logical = true;
            if (expect(in, type, CS_THRIFT_STRUCT))
                get_logical(in, element);
            break;
        default:
            cs_thrift_skip(in, type);
        }
    }
    if (!logical || element->logical == CS_PARQUET_LOGICAL_NONE)
        get_converted(element, converted);
    if (element->type > CS_PARQUET_FLBA || element->repetition > CS_PARQUET_REPEATED)
        in->bad = true;
}

/* DecimalType, TimestampType, TimeType and IntType have at most two members. */
static void get_logical_members(cs_thrift_in *in, cs_parquet_element *element)
{
    cs_thrift_type type, unit_type;
    int16_t field = 0, unit = 0;
    while (cs_thrift_field(in, &field, &type)) {
        bool time = element->logical == CS_PARQUET_LOGICAL_TIMESTAMP || element->logical == CS_PARQUET_LOGICAL_TIME;
        if (element->logical == CS_PARQUET_LOGICAL_DECIMAL && field == 1) {
            element->scale = cs_thrift_get_i32(in, type);
        } else if (element->logical == CS_PARQUET_LOGICAL_DECIMAL && field == 2) {
            element->precision = cs_thrift_get_i32(in, type);
        } else if (element->logical == CS_PARQUET_LOGICAL_INTEGER && field == 1) {
            element->bits = cs_thrift_get_i32(in, type);
        } else if (element->logical == CS_PARQUET_LOGICAL_INTEGER && field == 2) {
            element->is_signed = cs_thrift_get_bool(in, type);
        } else if (time && field == 1) {
            element->utc = cs_thrift_get_bool(in, type);
        } else if (time && field == 2 && expect(in, type, CS_THRIFT_STRUCT)) {
            while (cs_thrift_field(in, &unit, &unit_type)) {
                element->unit = unit == 1 ? CS_PARQUET_MILLIS : unit == 2 ? CS_PARQUET_MICROS : CS_PARQUET_NANOS;
                cs_thrift_skip(in, unit_type);
            }
        } else {
            cs_thrift_skip(in, type);
        }
    }
}

static void get_logical(cs_thrift_in *in, cs_parquet_element *element)
{
    static const cs_parquet_logical members[] = {
        [1] = CS_PARQUET_LOGICAL_STRING,  [2] = CS_PARQUET_LOGICAL_MAP,   [3] = CS_PARQUET_LOGICAL_LIST,
        [4] = CS_PARQUET_LOGICAL_STRING,  [5] = CS_PARQUET_LOGICAL_DECIMAL, [6] = CS_PARQUET_LOGICAL_DATE,
        [7] = CS_PARQUET_LOGICAL_TIME,    [8] = CS_PARQUET_LOGICAL_TIMESTAMP,
        [10] = CS_PARQUET_LOGICAL_INTEGER, [12] = CS_PARQUET_LOGICAL_STRING,
    };
    cs_thrift_type type;
    int16_t field = 0;
    while (cs_thrift_field(in, &field, &type)) {
        bool known = field > 0 && (size_t)field < sizeof(members) / sizeof(members[0]) && members[field];
        element->logical = known ? members[field] : CS_PARQUET_LOGICAL_OTHER;
        if (expect(in, type, CS_THRIFT_STRUCT))
            get_logical_members(in, element);
    }
}

static void get_converted(cs_parquet_element *element, int32_t converted)
{
    switch (converted) {
    case -1:
        break;
    case 0: /* UTF8 */
    case 4: /* ENUM */
    case 19: /* JSON */
        element->logical = CS_PARQUET_LOGICAL_STRING;
        break;
    case 1: /* MAP */
    case 2: /* MAP_KEY_VALUE: old writers put it where MAP belongs */
        element->logical = CS_PARQUET_LOGICAL_MAP;
        break;
    case 3:
        element->logical = CS_PARQUET_LOGICAL_LIST;
        break;
    case 5:
        element->logical = CS_PARQUET_LOGICAL_DECIMAL;
        break;
    case 6:
        element->logical = CS_PARQUET_LOGICAL_DATE;
        break;
    case 7:
    case 8:
        element->logical = CS_PARQUET_LOGICAL_TIME;
        element->unit = converted == 7 ? CS_PARQUET_MILLIS : CS_PARQUET_MICROS;
        break;
    case 9:
    case 10:
        element->logical = CS_PARQUET_LOGICAL_TIMESTAMP;
        element->unit = converted == 9 ? CS_PARQUET_MILLIS : CS_PARQUET_MICROS;
        element->utc = true;
        break;
    default:
        if (converted >= 11 && converted <= 18) { /* UINT_8 … UINT_64, INT_8 … INT_64 */
            element->logical = CS_PARQUET_LOGICAL_INTEGER;
            element->bits = 8 << ((converted - 11) & 3);
            element->is_signed = converted >= 15;
        } else {
            element->logical = CS_PARQUET_LOGICAL_OTHER;
        }
    }
}

static void get_chunk(cs_thrift_in *in, cs_parquet_chunk *chunk)
{
    cs_thrift_type type;
    int16_t field = 0;
    *chunk = (cs_parquet_chunk){ 0 };
    while (cs_thrift_field(in, &field, &type)) {
        if (field == 3 && expect(in, type, CS_THRIFT_STRUCT)) {
            get_chunk_meta(in, chunk);
            chunk->has_meta = true;
            continue;
        }
        if (field == 1)
            chunk->external = true;
        if (field == 8 || field == 9)
            chunk->encrypted = true;
        cs_thrift_skip(in, type);
    }
}

static void get_chunk_meta(cs_thrift_in *in, cs_parquet_chunk *chunk)
{
    cs_thrift_type type;
    int16_t field = 0;
    while (cs_thrift_field(in, &field, &type)) {
        switch (field) {
        case 1:
            chunk->type = (cs_parquet_type)cs_thrift_get_i32(in, type);
            break;
        case 4:
            chunk->codec = cs_thrift_get_i32(in, type);
            break;
        case 5:
            chunk->num_values = cs_thrift_get_i64(in, type);
            break;
        case 6:
            chunk->uncompressed_bytes = cs_thrift_get_i64(in, type);
            break;
        case 7:
            chunk->compressed_bytes = cs_thrift_get_i64(in, type);
            break;
        case 9:
            chunk->data_page_offset = cs_thrift_get_i64(in, type);
            break;
        case 11:
            chunk->dictionary_page_offset = cs_thrift_get_i64(in, type);
            break;
        case 12:
            if (expect(in, type, CS_THRIFT_STRUCT))
                get_statistics(in, &chunk->statistics);
            break;
        default:
            cs_thrift_skip(in, type);
        }
    }
}

/* The members 1 and 2 (old max and min) have no defined order for every type: not taken. */
static void get_statistics(cs_thrift_in *in, cs_parquet_statistics *out)
{
    cs_thrift_type value;
    int16_t field = 0;
    unsigned seen = 0;
    out->min_exact = out->max_exact = true;
    while (cs_thrift_field(in, &field, &value)) {
        if (field == 3) {
            out->null_count = cs_thrift_get_i64(in, value);
            out->has_null_count = true;
        } else if (field == 5) {
            out->max = cs_thrift_get_binary(in, value);
            seen |= 1;
        } else if (field == 6) {
            out->min = cs_thrift_get_binary(in, value);
            seen |= 2;
        } else if (field == 7) {
            out->max_exact = cs_thrift_get_bool(in, value);
        } else if (field == 8) {
            out->min_exact = cs_thrift_get_bool(in, value);
        } else {
            cs_thrift_skip(in, value);
        }
    }
    out->has_min_max = seen == 3;
}

static void get_data_page(cs_thrift_in *in, cs_parquet_page_header *out)
{
    cs_thrift_type type;
    int16_t field = 0;
    while (cs_thrift_field(in, &field, &type)) {
        if (field == 1)
            out->num_values = cs_thrift_get_i32(in, type);
        else if (field == 2)
            out->encoding = (cs_parquet_encoding)cs_thrift_get_i32(in, type);
        else if (field == 3)
            out->definition_encoding = (cs_parquet_encoding)cs_thrift_get_i32(in, type);
        else if (field == 4)
            out->repetition_encoding = (cs_parquet_encoding)cs_thrift_get_i32(in, type);
        else if (field == 5 && expect(in, type, CS_THRIFT_STRUCT))
            get_statistics(in, &out->statistics);
        else
            cs_thrift_skip(in, type);
    }
}

static void get_data_page_v2(cs_thrift_in *in, cs_parquet_page_header *out)
{
    cs_thrift_type type;
    int16_t field = 0;
    while (cs_thrift_field(in, &field, &type)) {
        if (field == 1)
            out->num_values = cs_thrift_get_i32(in, type);
        else if (field == 4)
            out->encoding = (cs_parquet_encoding)cs_thrift_get_i32(in, type);
        else if (field == 5)
            out->definition_bytes = cs_thrift_get_i32(in, type);
        else if (field == 6)
            out->repetition_bytes = cs_thrift_get_i32(in, type);
        else if (field == 7)
            out->compressed = cs_thrift_get_bool(in, type);
        else if (field == 8 && expect(in, type, CS_THRIFT_STRUCT))
            get_statistics(in, &out->statistics);
        else
            cs_thrift_skip(in, type);
    }
}

static void get_dictionary_page(cs_thrift_in *in, cs_parquet_page_header *out)
{
    cs_thrift_type type;
    int16_t field = 0;
    while (cs_thrift_field(in, &field, &type)) {
        if (field == 1)
            out->num_values = cs_thrift_get_i32(in, type);
        else if (field == 2)
            out->encoding = (cs_parquet_encoding)cs_thrift_get_i32(in, type);
        else
            cs_thrift_skip(in, type);
    }
}
