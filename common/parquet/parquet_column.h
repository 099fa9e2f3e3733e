/* One column of the row group at hand: pages fill, are encoded and compressed, and wait for the row group's
 * end. */
#ifndef CS_COMMON_PARQUET_PARQUET_COLUMN_H
#define CS_COMMON_PARQUET_PARQUET_COLUMN_H

#include "common/parquet/parquet_dense.h"
#include "common/parquet/parquet_meta.h"
#include "common/parquet/parquet_range.h"
#include "common/parquet/parquet_writer.h"

/* What all columns of a writer share; the buffers are empty between two calls. */
typedef struct cs_parquet_shared {
    cs_codec codec;
    size_t page_bytes;       /* scaled down when there are many columns */
    size_t page_values;
    size_t dictionary_bytes; /* 0: no dictionaries */
    size_t dictionary_memory;
    size_t trial_values;     /* after so many a dictionary that saves nothing is not believed in any more */
    cs_parquet_dense_scratch dense;
    cs_buf body, compressed;
    /* Takes finished bytes in file order and knows where they go. */
    void *sink_ctx;
    cs_code (*sink)(void *ctx, const void *bytes, size_t len, cs_error *err);
    uint64_t (*sink_offset)(void *ctx);
} cs_parquet_shared;

typedef struct cs_parquet_page cs_parquet_page;

/* Bounds among the plain values of a text page: places in column.plain. */
typedef struct cs_parquet_plain_range {
    bool any;
    uint64_t min_prefix, max_prefix;
    size_t min_at, min_len, max_at, max_len;
} cs_parquet_plain_range;

typedef struct cs_parquet_column {
    cs_parquet_element element;
    const cs_type *type;
    unsigned plain_width;   /* bytes of a value; 0: boolean, text */
    bool dictionary_lost;   /* did not pay in an earlier row group */
    /* the row group */
    bool dictionary;        /* values go to the dictionary */
    bool dictionary_tried;  /* enough values seen to believe in it */
    bool dictionary_pages, plain_pages;
    cs_parquet_dict dict;
    uint64_t plain_bytes;   /* what the values so far take as PLAIN */
    cs_parquet_page *first, *last;
    size_t pages_bytes;
    uint64_t uncompressed_bytes;
    uint64_t chunk_values;  /* of finished pages, nulls included */
    uint32_t page_number;
    cs_parquet_range chunk_range;
    /* the page that fills */
    size_t values, nulls;
    uint8_t *validity;      /* written from the first null on */
    size_t validity_cap;    /* bytes */
    uint32_t *codes;
    size_t n_codes, codes_cap;
    cs_buf plain;
    size_t plain_values;
    cs_parquet_range page_range;
    cs_parquet_text_range page_codes;
    cs_parquet_plain_range page_plain;
    /* the file */
    cs_parquet_range file_range;
} cs_parquet_column;

/* CS_E_UNSUPPORTED for a nested type. */
CS_MUST_USE cs_code cs_parquet_column_init(cs_parquet_column *column, const cs_field *field,
                                           cs_error *err);
void cs_parquet_column_done(cs_parquet_column *column);
void cs_parquet_column_begin(cs_parquet_column *column, const cs_parquet_shared *shared);
/* At most CS_PARQUET_SLICE_ROWS_MAX rows. */
CS_MUST_USE cs_code cs_parquet_column_add(cs_parquet_column *column, cs_parquet_shared *shared,
                                          const cs_column *rows, size_t from, size_t n, cs_error *err);
/* Where pages end and dictionaries are given up: called at the same rows whatever the batches were.
 * *full: the dictionary pays and is full: the row group had better end here. */
CS_MUST_USE cs_code cs_parquet_column_check(cs_parquet_column *column, cs_parquet_shared *shared,
                                            uint64_t group_rows, bool *full, cs_error *err);
size_t cs_parquet_column_memory(const cs_parquet_column *column);
/* Writes the chunk to the sink and describes it. The statistics in `chunk` live in bounds. */
CS_MUST_USE cs_code cs_parquet_column_end(cs_parquet_column *column, cs_parquet_shared *shared,
                                          cs_parquet_chunk *chunk, uint8_t bounds[2][CS_PARQUET_BOUND_BYTES_MAX],
                                          cs_error *err);

#endif
