/* Typed columns with validity, in Arrow's physical layout: what the decoder makes and the encoder
 * takes.
 *
 * A column grows at its end; the typed loops of worker/parse write through the pointers themselves
 * after cs_column_reserve. validity has one bit a value, LSB first, 1 = valid; values under a 0 bit
 * are zero. Offsets begin with 0 and have length + 1 entries. */
#ifndef CS_COMMON_DATA_ROWS_H
#define CS_COMMON_DATA_ROWS_H

#include "common/data/type.h"

typedef struct cs_column {
    const cs_type *type;
    size_t length;     /* values */
    size_t null_count;
    uint8_t *validity; /* always present, length bits */
    int32_t *offsets;  /* string, binary, array, map */
    uint8_t *data;     /* fixed-width values, boolean bits, or the bytes of strings */
    size_t cap;        /* values that validity, offsets and fixed-width data have room for */
    size_t data_cap;   /* bytes of string data that fit */
    struct cs_column *children;
    size_t n_children;
} cs_column;

typedef struct cs_rows {
    const cs_schema *schema;
    size_t length;
    cs_column *columns; /* schema->n_fields */
} cs_rows;

CS_MUST_USE cs_code cs_column_init(cs_column *column, const cs_type *type, cs_error *err);
void cs_column_done(cs_column *column);
void cs_column_clear(cs_column *column); /* length 0, memory kept */
/* Room for `values` more values and, for strings and binary, `bytes` more bytes. Validity bits and
 * boolean bits behind length are 0, other room holds anything. CS_E_LIMIT when values or bytes
 * would pass INT32_MAX. */
CS_MUST_USE cs_code cs_column_reserve(cs_column *column, size_t values, size_t bytes, cs_error *err);

static inline bool cs_column_is_null(const cs_column *column, size_t at)
{
    return !(column->validity[at >> 3] >> (at & 7) & 1);
}
static inline void cs_bit_set(uint8_t *bits, size_t at)
{
    bits[at >> 3] |= (uint8_t)(1u << (at & 7));
}
static inline bool cs_bit_get(const uint8_t *bits, size_t at)
{
    return bits[at >> 3] >> (at & 7) & 1;
}
static inline cs_str cs_column_str(const cs_column *column, size_t at)
{
    return (cs_str){ (const char *)column->data + column->offsets[at],
                     (size_t)(column->offsets[at + 1] - column->offsets[at]) };
}
/* Appends one null (children of a struct too). Room must have been reserved or is made. */
CS_MUST_USE cs_code cs_column_add_null(cs_column *column, cs_error *err);
/* Appends one value of a fixed-width type (bytes of cs_type_width; boolean: one byte 0 or 1). */
CS_MUST_USE cs_code cs_column_add_fixed(cs_column *column, const void *value, cs_error *err);
CS_MUST_USE cs_code cs_column_add_str(cs_column *column, cs_str value, cs_error *err);
/* Unscaled value of a decimal, whatever its width. */
__int128 cs_column_decimal(const cs_column *column, size_t at);

CS_MUST_USE cs_code cs_rows_init(cs_rows *rows, const cs_schema *schema, cs_error *err);
void cs_rows_done(cs_rows *rows);
void cs_rows_clear(cs_rows *rows);
size_t cs_rows_bytes(const cs_rows *rows); /* memory in use by values */

#endif
