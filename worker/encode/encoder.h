/* rows → one part of the table: a Parquet file under its final unique name, durable when finish
 * returns, with the statistics that its add action will carry. */
#ifndef CS_WORKER_ENCODE_ENCODER_H
#define CS_WORKER_ENCODE_ENCODER_H

#include "common/codec/codec.h"
#include "common/data/rows.h"
#include "common/store/store.h"

typedef struct cs_part {
    cs_str path;          /* relative to the table, not percent-encoded */
    uint64_t size_bytes;
    uint64_t rows;
    int64_t modified_ms;
    uint64_t checksum;    /* XXH3-64 of the whole file */
    cs_str stats_json;    /* text of add.stats */
} cs_part;

typedef struct cs_encode_input {
    cs_store *table;
    const cs_schema *schema; /* of the part: the corrupt column is an ordinary one here */
    cs_codec codec;
    size_t memory_bytes;     /* budget for the row group */
    cs_str name;             /* part-00000-<uuid>-c000.snappy.parquet */
    cs_clock *clock;
} cs_encode_input;

typedef struct cs_encoder cs_encoder;
/* What input points to outlives the encoder. Nothing is written before the first rows. */
CS_MUST_USE cs_code cs_encoder_open(const cs_encode_input *input, cs_encoder **out, cs_error *err);
CS_MUST_USE cs_code cs_encoder_write(cs_encoder *encoder, const cs_rows *rows, cs_error *err);
uint64_t cs_encoder_rows(const cs_encoder *encoder);
/* Footer, fsync, folder fsync. The part's strings live in `arena`. No rows: no file, part->rows
 * is 0. */
CS_MUST_USE cs_code cs_encoder_finish(cs_encoder *encoder, cs_arena *arena, cs_part *part,
                                      cs_error *err);
/* The file is removed unless finish went well. */
void cs_encoder_close(cs_encoder *encoder);

#endif
