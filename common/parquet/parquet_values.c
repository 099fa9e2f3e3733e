#include "common/parquet/parquet_values.h"

/* Texts that are put together from prefixes grow beyond their page: one portion may take this much. */
#define PORTION_TEXT_BYTES_MAX CS_PARQUET_PAGE_BYTES_MAX

static cs_code init_delta_texts(cs_parquet_values *values, cs_str bytes, cs_error *err);
static bool get_plain(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static bool get_booleans(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static bool get_delta(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static bool get_delta_lengths(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static bool get_delta_texts(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static bool get_split(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
static size_t width_of(cs_parquet_type type, int32_t type_length);
static cs_code damaged(const cs_parquet_values *values, cs_error *err);

bool cs_parquet_is_dictionary(cs_parquet_encoding encoding)
{
    return encoding == CS_PARQUET_RLE_DICTIONARY || encoding == CS_PARQUET_PLAIN_DICTIONARY;
}

cs_code cs_parquet_values_init(cs_parquet_values *values, cs_parquet_encoding encoding,
                               cs_parquet_type type, int32_t type_length, cs_str bytes, cs_error *err)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    cs_buf last = values->last; /* memory of the page before */
    cs_buf_clear(&last);
    *values = (cs_parquet_values){ .type = type,
                                   .encoding = encoding,
                                   .width = width_of(type, type_length),
                                   .cursor = { at, at + bytes.len },
                                   .last = last };
    bool text = type == CS_PARQUET_BYTE_ARRAY || type == CS_PARQUET_FLBA;
    bool integer = type == CS_PARQUET_INT32 || type == CS_PARQUET_INT64;
    uint32_t len = 0;
    switch (encoding) {
    case CS_PARQUET_PLAIN:
        return CS_OK;
    case CS_PARQUET_PLAIN_DICTIONARY:
    case CS_PARQUET_RLE_DICTIONARY:
        /* A page of nulls alone may be empty. */
        if (bytes.len > 0 && !cs_parquet_rle_init(&values->rle, (cs_str){ bytes.ptr + 1,
                bytes.len - 1 }, at[0]))
            return damaged(values, err);
        return CS_OK;
    case CS_PARQUET_RLE:
        if (type != CS_PARQUET_BOOLEAN)
            break;
        if (bytes.len > 0 && (!cs_cursor_u32le(&values->cursor, &len) || len > bytes.len - 4))
            return damaged(values, err);
        (void)cs_parquet_rle_init(&values->rle, (cs_str){ (const char *)values->cursor.at, len },
                                  1); /* 1 bit is fine */
        return CS_OK;
    case CS_PARQUET_DELTA_BINARY_PACKED:
        if (!integer)
            break;
        return bytes.len == 0 || cs_parquet_dbp_init(&values->lengths,
                                                     bytes) ? CS_OK : damaged(values, err);
    case CS_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
    case CS_PARQUET_DELTA_BYTE_ARRAY:
        if (!text || (encoding == CS_PARQUET_DELTA_LENGTH_BYTE_ARRAY &&
                      type != CS_PARQUET_BYTE_ARRAY))
            break;
        return bytes.len == 0 ? CS_OK : init_delta_texts(values, bytes, err);
    case CS_PARQUET_BYTE_STREAM_SPLIT:
        if (type == CS_PARQUET_BOOLEAN || type == CS_PARQUET_BYTE_ARRAY || type == CS_PARQUET_INT96)
            break;
        values->split = at;
        values->split_count = bytes.len / values->width;
        return bytes.len % values->width == 0 ? CS_OK : damaged(values, err);
    default:
        break;
    }
    return cs_error_set(err, CS_E_UNSUPPORTED,
                        "encoding %s (%d) on physical type %d cannot be read", cs_parquet_encoding_name(encoding), (int)encoding, (int)type);
}

bool cs_parquet_values_get(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    switch (values->encoding) {
    case CS_PARQUET_PLAIN:
        return get_plain(values, raw, n);
    case CS_PARQUET_PLAIN_DICTIONARY:
    case CS_PARQUET_RLE_DICTIONARY:
        return n == 0 || cs_parquet_rle_get(&values->rle, raw->codes, n);
    case CS_PARQUET_RLE:
        if (n > 0 && !cs_parquet_rle_get(&values->rle, raw->codes, n))
            return false;
        for (size_t i = 0; i < n; i++)
            raw->fixed[i] = (uint8_t)raw->codes[i];
        return true;
    case CS_PARQUET_DELTA_BINARY_PACKED:
        return get_delta(values, raw, n);
    case CS_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return get_delta_lengths(values, raw, n);
    case CS_PARQUET_DELTA_BYTE_ARRAY:
        return get_delta_texts(values, raw, n);
    case CS_PARQUET_BYTE_STREAM_SPLIT:
        return get_split(values, raw, n);
    default:
        return false;
    }
}

void cs_parquet_values_done(cs_parquet_values *values)
{
    cs_buf_done(&values->last);
}

/* The lengths stand in front of the bytes: walk over them once to find where the bytes begin. */
static cs_code init_delta_texts(cs_parquet_values *values, cs_str bytes, cs_error *err)
{
    cs_parquet_dbp walk;
    cs_str rest = bytes;
    if (values->encoding == CS_PARQUET_DELTA_BYTE_ARRAY) {
        if (!cs_parquet_dbp_init(&values->prefixes, rest))
            return damaged(values, err);
        walk = values->prefixes;
        if (!cs_parquet_dbp_skip(&walk, &rest))
            return damaged(values, err);
    }
    if (!cs_parquet_dbp_init(&values->lengths, rest))
        return damaged(values, err);
    walk = values->lengths;
    if (!cs_parquet_dbp_skip(&walk, &rest))
        return damaged(values, err);
    const uint8_t *at = (const uint8_t *)rest.ptr;
    values->cursor = (cs_cursor){ at, at + rest.len };
    return CS_OK;
}

static bool get_plain(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    cs_str bytes;
    switch (values->type) {
    case CS_PARQUET_BOOLEAN:
        return get_booleans(values, raw, n);
    case CS_PARQUET_BYTE_ARRAY:
        for (size_t i = 0; i < n; i++) {
            uint32_t len;
            if (!cs_cursor_u32le(&values->cursor, &len) || !cs_cursor_bytes(&values->cursor, len,
                    &raw->texts[i]))
                return false;
        }
        return true;
    case CS_PARQUET_FLBA:
        for (size_t i = 0; i < n; i++) {
            if (!cs_cursor_bytes(&values->cursor, values->width, &raw->texts[i]))
                return false;
        }
        return true;
    default:
        if (!cs_cursor_bytes(&values->cursor, n * values->width, &bytes))
            return false;
        if (bytes.len > 0)
            memcpy(raw->fixed, bytes.ptr, bytes.len);
        return true;
    }
}

static bool get_booleans(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    uint64_t bits = (uint64_t)(values->cursor.end - values->cursor.at) * 8;
    if (n > bits - values->bit)
        return false;
    for (size_t i = 0; i < n; i++, values->bit++)
        raw->fixed[i] = values->cursor.at[values->bit / 8] >> values->bit % 8 & 1;
    return true;
}

static bool get_delta(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    if (!cs_parquet_dbp_get(&values->lengths, raw->numbers, n))
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(raw->fixed + i * values->width, &raw->numbers[i],
               values->width); /* low bytes first */
    return true;
}

static bool get_delta_lengths(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    if (!cs_parquet_dbp_get(&values->lengths, raw->numbers, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (raw->numbers[i] > INT32_MAX || !cs_cursor_bytes(&values->cursor,
                                                            (size_t)raw->numbers[i], &raw->texts[i]))
            return false;
    }
    return true;
}

static bool get_delta_texts(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    uint64_t prefixes[CS_PARQUET_PORTION];
    if (!cs_parquet_dbp_get(&values->prefixes, prefixes, n) || !cs_parquet_dbp_get(&values->lengths,
            raw->numbers, n))
        return false;
    cs_buf_clear(&raw->bytes);
    for (size_t i = 0; i < n; i++) {
        cs_str suffix;
        if (prefixes[i] > values->last.len || raw->numbers[i] > INT32_MAX ||
            !cs_cursor_bytes(&values->cursor, (size_t)raw->numbers[i], &suffix))
            return false;
        values->last.len = (size_t)prefixes[i];
        cs_buf_add_str(&values->last, suffix);
        if (values->last.failed || raw->bytes.len + values->last.len > PORTION_TEXT_BYTES_MAX)
            return false;
        raw->texts[i].len = values->last.len;
        cs_buf_add_str(&raw->bytes, cs_buf_str(&values->last));
    }
    if (raw->bytes.failed)
        return false;
    const char *at = raw->bytes.ptr;
    for (size_t i = 0; i < n; i++) {
        raw->texts[i].ptr = at;
        at += raw->texts[i].len;
        if (values->type == CS_PARQUET_FLBA && raw->texts[i].len != values->width)
            return false;
    }
    return true;
}

/* Byte k of every value, then byte k + 1 of every value… */
static bool get_split(cs_parquet_values *values, cs_parquet_raw *raw, size_t n)
{
    size_t width = values->width;
    if (n > values->split_count - values->split_at)
        return false;
    uint8_t *out = raw->fixed;
    if (values->type == CS_PARQUET_FLBA) {
        cs_buf_clear(&raw->bytes);
        out = (uint8_t *)cs_buf_reserve(&raw->bytes, n * width + 1);
        if (!out)
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = values->split[k * values->split_count + values->split_at + i];
        if (values->type == CS_PARQUET_FLBA)
            raw->texts[i] = (cs_str){ (const char *)out + i * width, width };
    }
    values->split_at += n;
    return true;
}

static size_t width_of(cs_parquet_type type, int32_t type_length)
{
    switch (type) {
    case CS_PARQUET_INT32:
    case CS_PARQUET_FLOAT:
        return 4;
    case CS_PARQUET_INT64:
    case CS_PARQUET_DOUBLE:
        return 8;
    case CS_PARQUET_INT96:
        return 12;
    case CS_PARQUET_FLBA:
        return (size_t)type_length;
    default:
        return 0;
    }
}

static cs_code damaged(const cs_parquet_values *values, cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_PARQUET, "a page is not what its encoding %s says",
                        cs_parquet_encoding_name(values->encoding));
}
