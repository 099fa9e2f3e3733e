/* The dictionary of one column in one row group: value → code in order of first appearance. The values lie
 * as the dictionary page will carry them (PLAIN), so that the page costs nothing more. */
#ifndef CS_COMMON_PARQUET_PARQUET_DICT_H
#define CS_COMMON_PARQUET_PARQUET_DICT_H

#include "common/base/buf.h"

/* A distinct string. */
typedef struct cs_parquet_dict_text {
    uint64_t prefix; /* first eight bytes, big end first, zero padded: orders most pairs */
    uint32_t offset; /* of its bytes in the body */
    uint32_t len;
    uint32_t tag;    /* of the hash, for growing */
    uint32_t page;   /* data page that saw it last */
} cs_parquet_dict_text;

typedef struct cs_parquet_dict {
    unsigned width; /* 4, 8, 16; 0: strings */
    uint32_t count;
    unsigned slot_bits;
    void *slots;    /* fixed: uint32_t code + 1; strings: uint64_t tag << 32 | code + 1; 0 = free */
    uint8_t *fixed; /* the values, count * width */
    cs_parquet_dict_text *texts;
    cs_buf body;    /* strings: u32 length and bytes, one behind the other */
    uint64_t collisions; /* steps past occupied slots: hostile keys show here */
} cs_parquet_dict;

/* Strings that lie one behind the other: value i is data[offsets[i] .. offsets[i + 1]). */
typedef struct cs_parquet_texts {
    const uint8_t *data;
    const int32_t *offsets;
} cs_parquet_texts;

/* Least and greatest code by the order of bytes among those that a page used; codes are valid when any. */
typedef struct cs_parquet_text_range {
    bool any;
    uint32_t min, max;
} cs_parquet_text_range;

void cs_parquet_dict_init(cs_parquet_dict *dict, unsigned width);
void cs_parquet_dict_done(cs_parquet_dict *dict);
void cs_parquet_dict_clear(cs_parquet_dict *dict); /* memory kept */
/* Adds n values and writes their codes. False: no memory. */
bool cs_parquet_dict_codes(cs_parquet_dict *dict, const void *values, size_t n, uint32_t *codes);
/* page: number of the data page at hand, from 1, for the range. */
bool cs_parquet_dict_codes_text(cs_parquet_dict *dict, cs_parquet_texts values, size_t n,
                                uint32_t *codes, uint32_t page, cs_parquet_text_range *range);
/* Size of the dictionary page's body, and what the dictionary takes in memory. */
size_t cs_parquet_dict_body_bytes(const cs_parquet_dict *dict);
size_t cs_parquet_dict_memory(const cs_parquet_dict *dict);
static inline cs_str cs_parquet_dict_text_at(const cs_parquet_dict *dict, uint32_t code)
{
    return (cs_str){ dict->body.ptr + dict->texts[code].offset, dict->texts[code].len };
}

#endif
