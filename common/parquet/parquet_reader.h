/* Rows from Parquet files, ours and others' (spec: delta.md §6): flat and nested, levels RLE, encodings
 * PLAIN and dictionary first. Streams: memory is bounded by one page per projected column plus the rows
 * asked for. Hostile input ends in CS_E_DAMAGED_PARQUET, never in a crash; what the reader does not know in
 * CS_E_UNSUPPORTED with the encoding, codec or type by name. */
#ifndef CS_COMMON_PARQUET_PARQUET_READER_H
#define CS_COMMON_PARQUET_PARQUET_READER_H

#include "common/codec/codec.h"
#include "common/data/rows.h"

typedef struct cs_parquet_input {
    void *ctx;
    cs_code (*read_at)(void *ctx, uint64_t offset, void *bytes, size_t len,
                       cs_error *err); /* all or error */
    uint64_t size_bytes;
    cs_str name; /* for messages */
} cs_parquet_input;

typedef struct cs_parquet_reader cs_parquet_reader;

/* Reads and checks the footer. `schema`: the columns wanted, matched by name (at every depth), in the
 * order wanted; a column that the file lacks comes as nulls; what the file has beyond is skipped. A column
 * whose type does not fit: CS_E_SCHEMA_MISMATCH. NULL: the file's own schema. */
CS_MUST_USE cs_code cs_parquet_reader_new(cs_parquet_input input, const cs_schema *schema,
                                          cs_parquet_reader **out, cs_error *err);
const cs_schema *cs_parquet_reader_schema(const cs_parquet_reader *reader);
uint64_t cs_parquet_reader_rows(const cs_parquet_reader *reader);
/* Replaces the content of rows (made with the reader's schema) by the next at most rows_max rows; rows->length 0 at the end. */
CS_MUST_USE cs_code cs_parquet_reader_next(cs_parquet_reader *reader, size_t rows_max,
                                           cs_rows *rows, cs_error *err);
void cs_parquet_reader_free(cs_parquet_reader *reader);

/* Footer check of a part that a worker acked, without reading data: magic, footer length, row count. */
CS_MUST_USE cs_code cs_parquet_check(cs_parquet_input input, uint64_t rows, cs_error *err);

#endif
