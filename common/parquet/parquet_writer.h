/* Parquet files from rows: free of policy (names, folders, Delta are somebody else's). Data page V1,
 * dictionary page PLAIN + RLE_DICTIONARY data pages while the dictionary pays, else PLAIN; all columns
 * OPTIONAL (spec: delta.md §6). Memory: one row group, at most options.row_group_bytes. */
#ifndef CS_COMMON_PARQUET_PARQUET_WRITER_H
#define CS_COMMON_PARQUET_PARQUET_WRITER_H

#include "common/codec/codec.h"
#include "common/data/rows.h"

/* Where the bytes go, in order. */
typedef struct cs_parquet_output {
    void *ctx;
    cs_code (*write)(void *ctx, const void *bytes, size_t len, cs_error *err);
} cs_parquet_output;

typedef struct cs_parquet_options {
    cs_codec codec;
    size_t row_group_bytes;  /* budget for one row group in memory, dictionaries included */
    size_t page_bytes;       /* aimed size of a data page before compression */
    size_t dictionary_bytes; /* a larger dictionary is given up */
    const char *created_by;
} cs_parquet_options;
#define CS_PARQUET_OPTIONS_DEFAULT \
    ((cs_parquet_options){ CS_CODEC_SNAPPY, 32u << 20, 1u << 20, 1u << 20, "cstream version " CSTREAM_VERSION " (build 1)" })

/* Longer texts are cut here in bounds, maybe within a character: no format keeps more, and four bounds of
 * documents would take more memory than the row group. */
#define CS_COLUMN_BOUND_TEXT_BYTES_MAX 4096u

/* Bounds of one leaf column over the whole file, before any format's own cutting or rounding: exact but for
 * texts beyond CS_COLUMN_BOUND_TEXT_BYTES_MAX. */
typedef struct cs_column_bounds {
    const cs_type *type;
    uint64_t null_count;
    bool has_value; /* false: every value is null (or the type has no order) */
    bool has_nan, all_nan;
    /* integers, dates, timestamps and booleans in i, decimals up to 18 digits too; float and double in d (NaN left
     * out); other decimals in dec; string in str (owned by the writer). -0.0 and 0.0: the first met. */
    struct cs_bound {
        int64_t i;
        double d;
        __int128 dec;
        cs_str str;
    } min, max;
} cs_column_bounds;

typedef struct cs_parquet_summary {
    uint64_t rows;
    uint64_t size_bytes;
    uint64_t footer_bytes; /* footer length as stored, without magic */
    uint32_t row_groups;
    const cs_column_bounds *bounds; /* one per leaf column, depth first; valid until the writer is freed */
    size_t n_bounds;
} cs_parquet_summary;

typedef struct cs_parquet_writer cs_parquet_writer;

/* schema and the strings in options outlive the writer. Nested types: CS_E_UNSUPPORTED (append of CSV is flat). */
CS_MUST_USE cs_code cs_parquet_writer_new(const cs_schema *schema, const cs_parquet_options *options,
                                          cs_parquet_output output, cs_parquet_writer **out, cs_error *err);
CS_MUST_USE cs_code cs_parquet_writer_write(cs_parquet_writer *writer, const cs_rows *rows, cs_error *err);
/* Last row group, footer. */
CS_MUST_USE cs_code cs_parquet_writer_finish(cs_parquet_writer *writer, cs_parquet_summary *out, cs_error *err);
void cs_parquet_writer_free(cs_parquet_writer *writer);

#endif
