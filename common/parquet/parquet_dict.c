/* Open addressing with linear steps. Lookups run in blocks: all hashes of a block first, their slots
 * prefetched, then the probes: with many distinct values the waits for memory overlap. */
#include "common/parquet/parquet_dict.h"

#include <stdlib.h>

#include "common/parquet/parquet_text.h"

#define SLOT_BITS_MIN 6
#define BLOCK 64
/* Below this the table sits in the cache and prefetching only costs. */
#define PREFETCH_SLOT_BITS 13

static bool grow(cs_parquet_dict *dict);
static bool room_for(cs_parquet_dict *dict, size_t more);
static void widen(cs_parquet_dict *dict, cs_parquet_text_range *range, uint32_t code);

void cs_parquet_dict_init(cs_parquet_dict *dict, unsigned width)
{
    *dict = (cs_parquet_dict){ .width = width };
}

void cs_parquet_dict_done(cs_parquet_dict *dict)
{
    free(dict->slots);
    free(dict->fixed);
    free(dict->texts);
    cs_buf_done(&dict->body);
    *dict = (cs_parquet_dict){ .width = dict->width };
}

void cs_parquet_dict_clear(cs_parquet_dict *dict)
{
    if (dict->slots)
        memset(dict->slots, 0,
               (dict->width ? sizeof(uint32_t) : sizeof(uint64_t)) << dict->slot_bits);
    dict->count = 0;
    dict->collisions = 0;
    cs_buf_clear(&dict->body);
}

size_t cs_parquet_dict_body_bytes(const cs_parquet_dict *dict)
{
    return dict->width ? (size_t)dict->count * dict->width : dict->body.len;
}

size_t cs_parquet_dict_memory(const cs_parquet_dict *dict)
{
    size_t slots = dict->slots ? (dict->width ? sizeof(uint32_t) : sizeof(uint64_t)) << dict->slot_bits : 0;
    return slots + cs_parquet_dict_body_bytes(dict) +
           (dict->width ? 0 : dict->count * sizeof(cs_parquet_dict_text));
}

static inline uint32_t fixed_hash(const uint8_t *at, unsigned width, unsigned slot_bits)
{
    uint64_t key = width == 4 ? cs_parquet_load32(at) : cs_parquet_load64(at);
    if (width == 16)
        key ^= (cs_parquet_load64(at + 8) + CS_PARQUET_K2) * CS_PARQUET_K3;
    /* Upper half of a product alone is weak for doubles, whose low bits are often zero: fold first. */
    key ^= key >> 32;
    return (uint32_t)(key * CS_PARQUET_K1 >> (64 - slot_bits));
}

static inline bool fixed_same(const uint8_t *a, const uint8_t *b, unsigned width)
{
    if (width == 4)
        return cs_parquet_load32(a) == cs_parquet_load32(b);
    if (width == 8)
        return cs_parquet_load64(a) == cs_parquet_load64(b);
    return ((cs_parquet_load64(a) ^ cs_parquet_load64(b)) | (cs_parquet_load64(a + 8) ^ cs_parquet_load64(b + 8))) == 0;
}

/* Made once per width: the width is a constant in each copy. */
static inline __attribute__((always_inline)) void fixed_block(cs_parquet_dict *dict,
        const uint8_t *values, size_t n,
                                                              uint32_t *codes, unsigned width)
{
    uint32_t *slots = dict->slots;
    uint8_t *fixed = dict->fixed;
    unsigned slot_bits = dict->slot_bits;
    uint32_t mask = (uint32_t)((UINT64_C(1) << slot_bits) - 1), count = dict->count;
    uint64_t collisions = 0;
    uint32_t at[BLOCK];
    for (size_t i = 0; i < n; i++) {
        at[i] = fixed_hash(values + i * width, width, slot_bits);
        if (slot_bits >= PREFETCH_SLOT_BITS)
            __builtin_prefetch(&slots[at[i]]);
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *value = values + i * width;
        uint32_t slot = at[i], code;
        while ((code = slots[slot]) != 0 && !fixed_same(fixed + (size_t)(code - 1) * width, value,
                                                        width)) {
            slot = (slot + 1) & mask;
            collisions++;
        }
        if (code == 0) {
            memcpy(fixed + (size_t)count * width, value, width);
            slots[slot] = code = ++count;
        }
        codes[i] = code - 1;
    }
    dict->count = count;
    dict->collisions += collisions;
}

bool cs_parquet_dict_codes(cs_parquet_dict *dict, const void *values, size_t n, uint32_t *codes)
{
    const uint8_t *from = values;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t take = n - at < BLOCK ? n - at : BLOCK;
        if (!room_for(dict, take))
            return false;
        if (dict->width == 4)
            fixed_block(dict, from + at * 4, take, codes + at, 4);
        else if (dict->width == 8)
            fixed_block(dict, from + at * 8, take, codes + at, 8);
        else
            fixed_block(dict, from + at * 16, take, codes + at, 16);
    }
    return true;
}

static uint32_t add_text(cs_parquet_dict *dict, const uint8_t *at, uint32_t len, uint32_t tag)
{
    cs_buf_add_u32le(&dict->body, len);
    cs_parquet_dict_text *text = &dict->texts[dict->count];
    *text = (cs_parquet_dict_text){ cs_parquet_text_prefix(at, len), (uint32_t)dict->body.len, len, tag, 0 };
    cs_buf_add(&dict->body, at, len);
    return ++dict->count;
}

static inline bool same_text(const cs_parquet_dict *dict, uint64_t slot, uint32_t tag,
                             const uint8_t *at, uint32_t len)
{
    const cs_parquet_dict_text *text = &dict->texts[(uint32_t)slot - 1];
    return (uint32_t)(slot >> 32) == tag && text->len == len &&
           cs_parquet_text_same((const uint8_t *)dict->body.ptr + text->offset, at, len);
}

static bool text_block(cs_parquet_dict *dict, const uint8_t *data, const int32_t *offsets, size_t n,
                       uint32_t *codes, uint32_t page, cs_parquet_text_range *range)
{
    uint64_t *slots = dict->slots;
    unsigned shift = 32 - dict->slot_bits;
    uint32_t mask = (uint32_t)((UINT64_C(1) << dict->slot_bits) - 1), tags[BLOCK];
    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)(offsets[i + 1] - offsets[i]);
        tags[i] = (uint32_t)(cs_parquet_text_hash(data + offsets[i], len) >> 32);
        if (dict->slot_bits >= PREFETCH_SLOT_BITS)
            __builtin_prefetch(&slots[tags[i] >> shift]);
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = data + offsets[i];
        uint32_t len = (uint32_t)(offsets[i + 1] - offsets[i]), place = tags[i] >> shift;
        while (slots[place] != 0 && !same_text(dict, slots[place], tags[i], at, len)) {
            place = (place + 1) & mask;
            dict->collisions++;
        }
        uint32_t code = (uint32_t)slots[place];
        if (code == 0) {
            code = add_text(dict, at, len, tags[i]);
            if (dict->body.failed)
                return false;
            slots[place] = (uint64_t)tags[i] << 32 | code;
        }
        codes[i] = --code;
        if (dict->texts[code].page != page) {
            dict->texts[code].page = page;
            widen(dict, range, code);
        }
    }
    return true;
}

bool cs_parquet_dict_codes_text(cs_parquet_dict *dict, cs_parquet_texts values, size_t n,
                                uint32_t *codes, uint32_t page, cs_parquet_text_range *range)
{
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t take = n - at < BLOCK ? n - at : BLOCK;
        if (!room_for(dict, take) ||
            !text_block(dict, values.data, values.offsets + at, take, codes + at, page, range))
            return false;
    }
    return true;
}

static int compare(const cs_parquet_dict *dict, uint32_t a, uint32_t b)
{
    const cs_parquet_dict_text *x = &dict->texts[a], *y = &dict->texts[b];
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return cs_str_cmp(cs_parquet_dict_text_at(dict, a), cs_parquet_dict_text_at(dict, b));
}

static void widen(cs_parquet_dict *dict, cs_parquet_text_range *range, uint32_t code)
{
    if (!range->any) {
        *range = (cs_parquet_text_range){ true, code, code };
        return;
    }
    if (compare(dict, code, range->min) < 0)
        range->min = code;
    if (compare(dict, code, range->max) > 0)
        range->max = code;
}

/* Half full at most, and never in the middle of a block. */
static bool room_for(cs_parquet_dict *dict, size_t more)
{
    while (!dict->slots || (uint64_t)(dict->count + more) * 2 > UINT64_C(1) << dict->slot_bits) {
        if (!grow(dict))
            return false;
    }
    return true;
}

static bool grow(cs_parquet_dict *dict)
{
    unsigned bits = dict->slots ? dict->slot_bits + 1 : SLOT_BITS_MIN;
    if (bits > 30)
        return false;
    size_t slot_count = (size_t)1 << bits, cap = slot_count / 2;
    uint32_t mask = (uint32_t)(slot_count - 1);
    void *slots = calloc(slot_count, dict->width ? sizeof(uint32_t) : sizeof(uint64_t));
    void *values = dict->width ? realloc(dict->fixed, cap * dict->width)
                               : realloc(dict->texts, cap * sizeof(cs_parquet_dict_text));
    if (values && dict->width)
        dict->fixed = values;
    else if (values)
        dict->texts = values;
    if (!slots || !values) {
        free(slots);
        return false;
    }
    for (uint32_t code = 0; code < dict->count; code++) {
        if (dict->width) {
            uint32_t slot = fixed_hash(dict->fixed + (size_t)code * dict->width, dict->width, bits);
            while (((uint32_t *)slots)[slot])
                slot = (slot + 1) & mask;
            ((uint32_t *)slots)[slot] = code + 1;
        } else {
            uint32_t tag = dict->texts[code].tag, slot = tag >> (32 - bits);
            while (((uint64_t *)slots)[slot])
                slot = (slot + 1) & mask;
            ((uint64_t *)slots)[slot] = (uint64_t)tag << 32 | (code + 1);
        }
    }
    free(dict->slots);
    dict->slots = slots;
    dict->slot_bits = bits;
    return true;
}
