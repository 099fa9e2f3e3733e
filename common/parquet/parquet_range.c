#include "common/parquet/parquet_range.h"

#include <assert.h>
#include <math.h>

#include "common/parquet/parquet_text.h"

static void add_boolean(cs_parquet_range *range, const uint8_t *values, size_t n);
static void add_int32(cs_parquet_range *range, const int32_t *values, size_t n);
static void add_int64(cs_parquet_range *range, const int64_t *values, size_t n);
static void add_float(cs_parquet_range *range, const float *values, size_t n);
static void add_double(cs_parquet_range *range, const double *values, size_t n);
static void add_int128(cs_parquet_range *range, const __int128 *values, size_t n);
static void widen_int(cs_parquet_range *range, int64_t min, int64_t max);
static void widen_double(cs_parquet_range *range, double min, double max);
static bool set_text(cs_buf *buf, cs_str *to, cs_str from);
static size_t put_bound(uint8_t *out, const struct cs_bound *bound,
                        const cs_parquet_element *element);
static size_t cut_text(uint8_t *out, cs_str text, bool utf8);
static bool raise_text(uint8_t *text, size_t *len, bool utf8);

void cs_parquet_range_clear(cs_parquet_range *range)
{
    cs_buf min_text = range->min_text, max_text = range->max_text;
    cs_buf_clear(&min_text);
    cs_buf_clear(&max_text);
    *range = (cs_parquet_range){ .min_text = min_text, .max_text = max_text };
}

void cs_parquet_range_done(cs_parquet_range *range)
{
    cs_buf_done(&range->min_text);
    cs_buf_done(&range->max_text);
}

void cs_parquet_range_add(cs_parquet_range *range, cs_parquet_type type, const void *values,
                          size_t n)
{
    if (n == 0)
        return;
    range->values += n;
    switch (type) {
    case CS_PARQUET_BOOLEAN:
        add_boolean(range, values, n);
        break;
    case CS_PARQUET_INT32:
        add_int32(range, values, n);
        break;
    case CS_PARQUET_INT64:
        add_int64(range, values, n);
        break;
    case CS_PARQUET_FLOAT:
        add_float(range, values, n);
        break;
    case CS_PARQUET_DOUBLE:
        add_double(range, values, n);
        break;
    case CS_PARQUET_FLBA:
        add_int128(range, values, n);
        break;
    default:
        assert(!"texts bring their own bounds");
    }
}

bool cs_parquet_range_merge(cs_parquet_range *into, const cs_parquet_range *from,
                            cs_parquet_type type)
{
    into->nulls += from->nulls;
    into->nans += from->nans;
    into->values += from->values;
    if (!from->any)
        return true;
    switch (type) {
    case CS_PARQUET_BYTE_ARRAY:
        if ((!into->any || cs_str_cmp(from->min.str, into->min.str) < 0) &&
            !set_text(&into->min_text, &into->min.str, from->min.str))
            return false;
        if ((!into->any || cs_str_cmp(from->max.str, into->max.str) > 0) &&
            !set_text(&into->max_text, &into->max.str, from->max.str))
            return false;
        into->any = true;
        return true;
    case CS_PARQUET_FLOAT:
    case CS_PARQUET_DOUBLE:
        widen_double(into, from->min.d, from->max.d);
        return true;
    case CS_PARQUET_FLBA:
        if (!into->any || from->min.dec < into->min.dec)
            into->min.dec = from->min.dec;
        if (!into->any || from->max.dec > into->max.dec)
            into->max.dec = from->max.dec;
        into->any = true;
        return true;
    default:
        widen_int(into, from->min.i, from->max.i);
        return true;
    }
}

void cs_parquet_range_statistics(const cs_parquet_range *range, const cs_parquet_element *element,
                                 uint8_t min[CS_PARQUET_BOUND_BYTES_MAX], uint8_t max[CS_PARQUET_BOUND_BYTES_MAX],
                                 cs_parquet_statistics *out)
{
    *out = (cs_parquet_statistics){ .has_null_count = true, .null_count = (int64_t)range->nulls };
    if (!range->any || range->nans > 0)
        return;
    out->has_min_max = out->min_exact = out->max_exact = true;
    if (element->type == CS_PARQUET_BYTE_ARRAY) {
        bool utf8 = element->logical == CS_PARQUET_LOGICAL_STRING;
        size_t min_len = cut_text(min, range->min.str, utf8), max_len = cut_text(max,
                range->max.str, utf8);
        out->min_exact = min_len == range->min.str.len;
        out->max_exact = max_len == range->max.str.len;
        if (!out->max_exact && !raise_text(max, &max_len, utf8))
            out->has_min_max = false;
        out->min = (cs_str){ (const char *)min, min_len };
        out->max = (cs_str){ (const char *)max, max_len };
        return;
    }
    struct cs_bound low = range->min, high = range->max;
    /* Zeros of both signs are equal, but a reader may look for either (parquet.thrift, ColumnOrder). */
    if (low.d == 0)
        low.d = -0.0;
    if (high.d == 0)
        high.d = 0.0;
    out->min = (cs_str){ (const char *)min, put_bound(min, &low, element) };
    out->max = (cs_str){ (const char *)max, put_bound(max, &high, element) };
}

void cs_parquet_put_flba(uint8_t *out, __int128 value, size_t len)
{
    for (size_t i = len; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

static void add_boolean(cs_parquet_range *range, const uint8_t *values, size_t n)
{
    size_t ones = 0;
    for (size_t i = 0; i < n; i++)
        ones += values[i];
    widen_int(range, ones == n, ones > 0);
}

static void add_int32(cs_parquet_range *range, const int32_t *values, size_t n)
{
    int32_t min = values[0], max = values[0];
    for (size_t i = 1; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    widen_int(range, min, max);
}

static void add_int64(cs_parquet_range *range, const int64_t *values, size_t n)
{
    int64_t min = values[0], max = values[0];
    for (size_t i = 1; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    widen_int(range, min, max);
}

/* NaN compares false with everything: the bounds pass it by. Strict comparisons keep the first of two zeros. */
static void add_float(cs_parquet_range *range, const float *values, size_t n)
{
    float min = INFINITY, max = -INFINITY;
    size_t nans = 0;
    for (size_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
        nans += values[i] != values[i];
    }
    range->nans += nans;
    if (nans < n)
        widen_double(range, (double)min, (double)max);
}

static void add_double(cs_parquet_range *range, const double *values, size_t n)
{
    double min = INFINITY, max = -INFINITY;
    size_t nans = 0;
    for (size_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
        nans += values[i] != values[i];
    }
    range->nans += nans;
    if (nans < n)
        widen_double(range, min, max);
}

static void add_int128(cs_parquet_range *range, const __int128 *values, size_t n)
{
    __int128 min = range->any ? range->min.dec : values[0], max = range->any ? range->max.dec : values[0];
    for (size_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    range->min.dec = min;
    range->max.dec = max;
    range->any = true;
}

static void widen_int(cs_parquet_range *range, int64_t min, int64_t max)
{
    if (!range->any || min < range->min.i)
        range->min.i = min;
    if (!range->any || max > range->max.i)
        range->max.i = max;
    range->any = true;
}

static void widen_double(cs_parquet_range *range, double min, double max)
{
    if (!range->any || min < range->min.d)
        range->min.d = min;
    if (!range->any || max > range->max.d)
        range->max.d = max;
    range->any = true;
}

/* Two that begin alike so far are the same bound: what is cut away cannot tell them apart any more. */
static bool set_text(cs_buf *buf, cs_str *to, cs_str from)
{
    if (from.len > CS_COLUMN_BOUND_TEXT_BYTES_MAX)
        from.len = CS_COLUMN_BOUND_TEXT_BYTES_MAX;
    cs_buf_clear(buf);
    cs_buf_add_str(buf, from);
    *to = cs_buf_str(buf);
    return !buf->failed;
}

static size_t put_bound(uint8_t *out, const struct cs_bound *bound,
                        const cs_parquet_element *element)
{
    float f = (float)bound->d;
    int32_t i = (int32_t)bound->i;
    switch (element->type) {
    case CS_PARQUET_BOOLEAN:
        out[0] = (uint8_t)bound->i;
        return 1;
    case CS_PARQUET_INT32:
        memcpy(out, &i, 4);
        return 4;
    case CS_PARQUET_FLOAT:
        memcpy(out, &f, 4);
        return 4;
    case CS_PARQUET_DOUBLE:
        memcpy(out, &bound->d, 8);
        return 8;
    case CS_PARQUET_FLBA:
        cs_parquet_put_flba(out, bound->dec, (size_t)element->type_length);
        return (size_t)element->type_length;
    default:
        memcpy(out, &bound->i, 8);
        return 8;
    }
}

/* The longest beginning within the limit; of UTF-8 without half a character. */
static size_t cut_text(uint8_t *out, cs_str text, bool utf8)
{
    size_t len = text.len;
    if (len > CS_PARQUET_TEXT_BOUND_BYTES) {
        len = CS_PARQUET_TEXT_BOUND_BYTES;
        while (utf8 && len > CS_PARQUET_TEXT_BOUND_BYTES - 4 &&
               ((uint8_t)text.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    if (len > 0)
        memcpy(out, text.ptr, len);
    return len;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* Makes a cut beginning greater than everything that begins with it: raises its last character, or what
 * stands before when that is the greatest there is. False: nothing is left to raise. */
static bool raise_text(uint8_t *text, size_t *len, bool utf8)
{
    while (*len > 0) {
        size_t from = *len - 1;
        if (!utf8) {
            if (text[from] < 0xff) {
                text[from]++;
                return true;
            }
        } else {
            while (from > 0 && (text[from] & 0xc0) == 0x80)
                from--;
            uint32_t c = text[from];
            size_t n = *len - from;
            c = n == 1 ? c : c & (0x7fu >> n);
            for (size_t i = 1; i < n; i++)
                c = c << 6 | (text[from + i] & 0x3f);
            if (c < 0x10ffff && n <= 4) {
                c = c == 0xd7ff ? 0xe000 : c + 1; /* over the surrogates */
                *len = from + put_utf8(text + from, c);
                return true;
            }
        }
        *len = from;
    }
    return false;
}
