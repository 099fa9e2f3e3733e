/* One leaf column while it is read: its pages one after another, given in portions of levels and values. */
#ifndef CS_COMMON_PARQUET_PARQUET_LEAF_H
#define CS_COMMON_PARQUET_PARQUET_LEAF_H

#include "common/parquet/parquet_convert.h"
#include "common/parquet/parquet_reader.h"

/* Levels of either kind, in either encoding. */
typedef struct cs_parquet_levels {
    unsigned bits;
    bool old; /* BIT_PACKED */
    cs_parquet_rle rle;
    cs_cursor cursor;
} cs_parquet_levels;

typedef struct cs_parquet_leaf {
    const cs_parquet_leaf_plan *plan;
    /* the chunk */
    cs_codec codec;
    bool lz4_hadoop;       /* LZ4_RAW blocks in Hadoop's framing */
    uint64_t offset;       /* of the next page */
    uint64_t chunk_left;   /* levels in pages not yet begun */
    bool has_dictionary;
    cs_column dictionary;
    /* the page */
    uint64_t page_left;    /* levels not yet in a portion */
    cs_buf stored, page;   /* as in the file; decompressed */
    cs_parquet_levels defs, reps;
    cs_parquet_values values;
    /* the portion: levels [at, n), values from value_at on */
    uint16_t *def, *rep;   /* CS_PARQUET_PORTION each; NULL where the maximum is 0 */
    size_t n, at;
    size_t n_values, value_at;
    cs_column portion;     /* the values, without nulls */
} cs_parquet_leaf;

CS_MUST_USE cs_code cs_parquet_leaf_init(cs_parquet_leaf *leaf, const cs_parquet_leaf_plan *plan,
                                         cs_error *err);
void cs_parquet_leaf_done(cs_parquet_leaf *leaf);
CS_MUST_USE cs_code cs_parquet_leaf_begin(cs_parquet_leaf *leaf, const cs_parquet_chunk *chunk,
                                          const cs_parquet_input *input, cs_error *err);
/* Makes at < n hold. CS_E_DAMAGED_PARQUET when the chunk is at its end. */
CS_MUST_USE cs_code cs_parquet_leaf_more(cs_parquet_leaf *leaf, const cs_parquet_input *input,
                                         cs_parquet_raw *raw, cs_error *err);
static inline bool cs_parquet_leaf_at_end(const cs_parquet_leaf *leaf)
{
    return leaf->at == leaf->n && leaf->page_left == 0 && leaf->chunk_left == 0;
}
/* Of the level at hand. */
static inline unsigned cs_parquet_leaf_def(const cs_parquet_leaf *leaf)
{
    return leaf->def ? leaf->def[leaf->at] : 0;
}
static inline unsigned cs_parquet_leaf_rep(const cs_parquet_leaf *leaf)
{
    return leaf->rep ? leaf->rep[leaf->at] : 0;
}
/* Past the level at hand and its value. */
static inline void cs_parquet_leaf_skip(cs_parquet_leaf *leaf)
{
    leaf->value_at += cs_parquet_leaf_def(leaf) == leaf->plan->max_def;
    leaf->at++;
}

#endif
