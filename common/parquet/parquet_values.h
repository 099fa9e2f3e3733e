/* The values of one page, in any encoding, given in portions as the physical type has them. */
#ifndef CS_COMMON_PARQUET_PARQUET_VALUES_H
#define CS_COMMON_PARQUET_PARQUET_VALUES_H

#include "common/parquet/parquet_dbp.h"
#include "common/parquet/parquet_meta.h"
#include "common/parquet/parquet_rle.h"

#define CS_PARQUET_PORTION 1024

/* A portion. Which member counts: texts for BYTE_ARRAY and FLBA, codes in a dictionary encoding, else fixed:
 * 4, 8 or 12 (INT96) bytes each, a byte for a BOOLEAN. */
typedef struct cs_parquet_raw {
    _Alignas(8) uint8_t fixed[CS_PARQUET_PORTION * 12];
    uint64_t numbers[CS_PARQUET_PORTION];
    cs_str texts[CS_PARQUET_PORTION];
    uint32_t codes[CS_PARQUET_PORTION];
    cs_buf bytes; /* of texts that do not lie in the page as they are */
} cs_parquet_raw;

typedef struct cs_parquet_values {
    cs_parquet_type type;
    cs_parquet_encoding encoding;
    size_t width;      /* fixed size; FLBA: type_length; 0: BYTE_ARRAY; BOOLEAN: 0 */
    cs_cursor cursor;
    uint64_t bit;      /* PLAIN booleans */
    cs_parquet_rle rle;
    cs_parquet_dbp lengths, prefixes;
    cs_buf last;       /* DELTA_BYTE_ARRAY: the text before */
    const uint8_t *split; /* BYTE_STREAM_SPLIT */
    size_t split_count, split_at;
} cs_parquet_values;

/* CS_E_UNSUPPORTED for an encoding that does not go with the type, by name. */
CS_MUST_USE cs_code cs_parquet_values_init(cs_parquet_values *values, cs_parquet_encoding encoding,
                                           cs_parquet_type type, int32_t type_length, cs_str bytes, cs_error *err);
/* At most CS_PARQUET_PORTION. False: the bytes end before, or are damaged. Texts live until the next call
 * with this raw, and no longer than the page. */
bool cs_parquet_values_get(cs_parquet_values *values, cs_parquet_raw *raw, size_t n);
void cs_parquet_values_done(cs_parquet_values *values);
bool cs_parquet_is_dictionary(cs_parquet_encoding encoding);

#endif
