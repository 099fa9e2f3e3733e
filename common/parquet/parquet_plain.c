#include "common/parquet/parquet_plain.h"

#include "common/parquet/parquet_text.h"

/* Copies go in blocks of this many bytes where both sides have the room: no call for short texts. */
#define COPY_BLOCK 16

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "PLAIN values are copied as they lie in memory");

static void add_booleans(cs_parquet_column *column, const uint8_t *values, size_t n);
static void widen(cs_parquet_plain_range *range, const uint8_t *base, size_t at, size_t len,
                  uint64_t prefix);

void cs_parquet_plain_put(cs_buf *out, cs_parquet_type type, size_t type_length, const void *values,
                          size_t n)
{
    switch (type) {
    case CS_PARQUET_INT32:
    case CS_PARQUET_FLOAT:
        cs_buf_add(out, values, n * 4);
        break;
    case CS_PARQUET_INT64:
    case CS_PARQUET_DOUBLE:
        cs_buf_add(out, values, n * 8);
        break;
    default: { /* FLBA */
        uint8_t *to = (uint8_t *)cs_buf_reserve(out, n * type_length);
        for (size_t i = 0; to && i < n; i++)
            cs_parquet_put_flba(to + i * type_length, ((const __int128 *)values)[i], type_length);
        out->len += to ? n * type_length : 0;
    }
    }
}

void cs_parquet_plain_fixed(cs_parquet_column *column, const void *values, size_t n)
{
    if (column->element.type == CS_PARQUET_BOOLEAN)
        add_booleans(column, values, n);
    else
        cs_parquet_plain_put(&column->plain, column->element.type,
                             (size_t)column->element.type_length, values, n);
    column->plain_values += n;
}

void cs_parquet_plain_texts(cs_parquet_column *column, cs_parquet_texts texts, size_t n,
                            size_t data_cap)
{
    size_t bytes = (size_t)(texts.offsets[n] - texts.offsets[0]) + 4 * n;
    uint8_t *base = (uint8_t *)cs_buf_reserve(&column->plain, bytes + COPY_BLOCK);
    if (!base)
        return;
    base -= column->plain.len;
    uint8_t *to = base + column->plain.len;
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)texts.offsets[i];
        uint32_t len = (uint32_t)(texts.offsets[i + 1] - texts.offsets[i]);
        const uint8_t *from = texts.data + at;
        memcpy(to, &len, 4);
        to += 4;
        if (data_cap >= at + len + COPY_BLOCK) {
            for (size_t k = 0; k < len; k += COPY_BLOCK)
                memcpy(to + k, from + k, COPY_BLOCK);
        } else {
            memcpy(to, from, len);
        }
        widen(&column->page_plain, base, (size_t)(to - base), len, cs_parquet_text_prefix(to, len));
        to += len;
    }
    column->plain.len += bytes;
    column->plain_values += n;
}

void cs_parquet_plain_from_codes(cs_parquet_column *column)
{
    const cs_parquet_dict *dict = &column->dict;
    for (size_t i = 0; i < column->n_codes; i++) {
        uint32_t code = column->codes[i];
        if (dict->width) {
            cs_parquet_plain_fixed(column, dict->fixed + (size_t)code * dict->width, 1);
        } else {
            /* In the body the length stands before the bytes: PLAIN already. */
            const cs_parquet_dict_text *text = &dict->texts[code];
            cs_buf_add(&column->plain, dict->body.ptr + text->offset - 4, text->len + 4);
            if (column->plain.failed)
                return;
            widen(&column->page_plain, (const uint8_t *)column->plain.ptr,
                  column->plain.len - text->len, text->len, text->prefix);
            column->plain_values++;
        }
    }
    column->page_codes.any = false;
}

static void add_booleans(cs_parquet_column *column, const uint8_t *values, size_t n)
{
    size_t begin = column->plain_values, bytes = (begin + n + 7) / 8, more = bytes - column->plain.len;
    char *to = cs_buf_reserve(&column->plain, more + 1);
    if (!to)
        return;
    memset(to, 0, more);
    column->plain.len = bytes;
    uint8_t *bits = (uint8_t *)column->plain.ptr;
    for (size_t i = 0; i < n; i++)
        bits[(begin + i) / 8] |= (uint8_t)(values[i] << (begin + i) % 8);
}

static inline int compare(const uint8_t *base, size_t a, size_t a_len, size_t b, size_t b_len)
{
    return cs_str_cmp((cs_str){ (const char *)base + a, a_len }, (cs_str){ (const char *)base + b,
            b_len });
}

static void widen(cs_parquet_plain_range *range, const uint8_t *base, size_t at, size_t len,
                  uint64_t prefix)
{
    if (prefix > range->min_prefix && prefix < range->max_prefix)
        return;
    if (!range->any) {
        *range = (cs_parquet_plain_range){ true, prefix, prefix, at, len, at, len };
        return;
    }
    if (prefix < range->min_prefix ||
        (prefix == range->min_prefix && compare(base, at, len, range->min_at,
                                                range->min_len) < 0)) {
        range->min_prefix = prefix;
        range->min_at = at;
        range->min_len = len;
    }
    if (prefix > range->max_prefix ||
        (prefix == range->max_prefix && compare(base, at, len, range->max_at,
                                                range->max_len) > 0)) {
        range->max_prefix = prefix;
        range->max_at = at;
        range->max_len = len;
    }
}
