#include "common/parquet/parquet_convert.h"

#include "common/parquet/parquet_text.h"

#define MICROS_PER_DAY INT64_C(86400000000)
#define JULIAN_DAY_OF_1970 INT64_C(2440588)

static int64_t integer_at(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw, size_t i);
static bool micros_at(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw, size_t i,
                      int64_t *micros);
static bool decimal_of(cs_str bytes, __int128 *out);
static bool put_integer(cs_column *out, size_t at, __int128 value);
static cs_code unfit(const cs_parquet_leaf_plan *plan, cs_error *err);
static cs_code convert_texts(const cs_parquet_raw *raw, size_t n, cs_column *out, cs_error *err);

/* The values are there already, behind length: now they count. */
static void commit(cs_column *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cs_bit_set(out->validity, out->length + i);
    out->length += n;
}

cs_code cs_parquet_convert(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw, size_t n,
                           cs_column *out, cs_error *err)
{
    if (plan->conversion == CS_PARQUET_TO_TEXT)
        return convert_texts(raw, n, out, err);
    CS_TRY(cs_column_reserve(out, n, 0, err));
    size_t at = out->length;
    __int128 decimal;
    int64_t micros;
    switch (plan->conversion) {
    case CS_PARQUET_TO_BOOLEAN:
        for (size_t i = 0; i < n; i++) {
            if (raw->fixed[i])
                cs_bit_set(out->data, at + i);
        }
        break;
    case CS_PARQUET_TO_INTEGER:
        for (size_t i = 0; i < n; i++) {
            if (!put_integer(out, at + i, integer_at(plan, raw, i)))
                return unfit(plan, err);
        }
        break;
    case CS_PARQUET_TO_UNSIGNED:
        for (size_t i = 0; i < n; i++) {
            uint64_t value = plan->element->type == CS_PARQUET_INT32 ? cs_parquet_load32(raw->fixed + i * 4)
                                                                     : cs_parquet_load64(raw->fixed + i * 8);
            if (!put_integer(out, at + i, value))
                return unfit(plan, err);
        }
        break;
    case CS_PARQUET_TO_FLOATING:
        for (size_t i = 0; i < n; i++) {
            float narrow;
            memcpy(&narrow, raw->fixed + i * 4, 4);
            if (out->type->kind == CS_TYPE_FLOAT)
                memcpy(out->data + (at + i) * 4, &narrow, 4);
            else if (plan->element->type == CS_PARQUET_DOUBLE)
                memcpy(out->data + (at + i) * 8, raw->fixed + i * 8, 8);
            else
                ((double *)(void *)out->data)[at + i] = (double)narrow;
        }
        break;
    case CS_PARQUET_TO_MICROS:
        for (size_t i = 0; i < n; i++) {
            if (!micros_at(plan, raw, i, &micros))
                return unfit(plan, err);
            ((int64_t *)(void *)out->data)[at + i] = micros;
        }
        break;
    default: /* decimal */
        for (size_t i = 0; i < n; i++) {
            if (!decimal_of(raw->texts[i], &decimal) || !put_integer(out, at + i, decimal))
                return unfit(plan, err);
        }
    }
    commit(out, n);
    return CS_OK;
}

cs_code cs_parquet_append(cs_column *out, const cs_column *from, size_t at, size_t n, cs_error *err)
{
    size_t width = cs_type_width(out->type), to = out->length;
    if (out->type->kind == CS_TYPE_BOOLEAN) {
        CS_TRY(cs_column_reserve(out, n, 0, err));
        for (size_t i = 0; i < n; i++) {
            if (cs_bit_get(from->data, at + i))
                cs_bit_set(out->data, to + i);
        }
    } else if (width > 0) {
        CS_TRY(cs_column_reserve(out, n, 0, err));
        memcpy(out->data + to * width, from->data + at * width, n * width);
    } else {
        int32_t begin = from->offsets[at], end = from->offsets[at + n];
        CS_TRY(cs_column_reserve(out, n, (size_t)(end - begin), err));
        int32_t shift = out->offsets[to] - begin;
        if (end > begin)
            memcpy(out->data + out->offsets[to], from->data + begin, (size_t)(end - begin));
        for (size_t i = 1; i <= n; i++)
            out->offsets[to + i] = from->offsets[at + i] + shift;
    }
    commit(out, n);
    return CS_OK;
}

static cs_code convert_texts(const cs_parquet_raw *raw, size_t n, cs_column *out, cs_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += raw->texts[i].len;
    CS_TRY(cs_column_reserve(out, n, bytes, err));
    int32_t at = out->offsets[out->length];
    for (size_t i = 0; i < n; i++) {
        if (raw->texts[i].len > 0)
            memcpy(out->data + at, raw->texts[i].ptr, raw->texts[i].len);
        at += (int32_t)raw->texts[i].len;
        out->offsets[out->length + i + 1] = at;
    }
    commit(out, n);
    return CS_OK;
}

static int64_t integer_at(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw, size_t i)
{
    if (plan->element->type == CS_PARQUET_INT32)
        return (int32_t)cs_parquet_load32(raw->fixed + i * 4);
    return (int64_t)cs_parquet_load64(raw->fixed + i * 8);
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* False: the time lies beyond 64 bits of microseconds. */
static bool micros_at(const cs_parquet_leaf_plan *plan, const cs_parquet_raw *raw, size_t i,
                      int64_t *micros)
{
    if (plan->element->type == CS_PARQUET_INT96) {
        /* Nanoseconds of the day, then the Julian day; no calendar is corrected (delta.md §6). */
        int64_t nanos = (int64_t)cs_parquet_load64(raw->fixed + i * 12);
        int64_t day = (int32_t)cs_parquet_load32(raw->fixed + i * 12 + 8) - JULIAN_DAY_OF_1970;
        return !__builtin_mul_overflow(day, MICROS_PER_DAY, micros) &&
               !__builtin_add_overflow(*micros, floor_div(nanos, 1000), micros);
    }
    int64_t value = (int64_t)cs_parquet_load64(raw->fixed + i * 8);
    switch (plan->element->unit) {
    case CS_PARQUET_MILLIS:
        return !__builtin_mul_overflow(value, 1000, micros);
    case CS_PARQUET_MICROS:
        *micros = value;
        return true;
    default:
        *micros = floor_div(value, 1000);
        return true;
    }
}

/* Two's complement, big end first, of any length whose value fits 128 bits. */
static bool decimal_of(cs_str bytes, __int128 *out)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    unsigned __int128 value = bytes.len > 0 && at[0] & 0x80 ? ~(unsigned __int128)0 : 0;
    uint8_t sign = (uint8_t)value;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.len - i > 16 && at[i] != sign)
            return false;
        value = value << 8 | at[i];
    }
    *out = (__int128)value;
    return bytes.len <= 16 || ((uint8_t)(value >> 120) & 0x80) == (sign & 0x80);
}

/* False when the type is too narrow. */
static bool put_integer(cs_column *out, size_t at, __int128 value)
{
    switch (cs_type_width(out->type)) {
    case 1:
        ((int8_t *)out->data)[at] = (int8_t)value;
        return value == (int8_t)value;
    case 2:
        ((int16_t *)(void *)out->data)[at] = (int16_t)value;
        return value == (int16_t)value;
    case 4:
        ((int32_t *)(void *)out->data)[at] = (int32_t)value;
        return value == (int32_t)value;
    case 8:
        ((int64_t *)(void *)out->data)[at] = (int64_t)value;
        return value == (int64_t)value;
    default:
        ((__int128 *)(void *)out->data)[at] = value;
        return true;
    }
}

static cs_code unfit(const cs_parquet_leaf_plan *plan, cs_error *err)
{
    return cs_error_set(err, CS_E_DAMAGED_PARQUET,
                        "column %.*s: a value does not fit the column's type", CS_STR_ARG(plan->element->name));
}
