#include <stdlib.h>

#include "common/base/fault.h"
#include "common/base/hash.h"
#include "common/delta/delta_stats.h"
#include "common/parquet/parquet_writer.h"
#include "worker/encode/encoder.h"

struct cs_encoder {
    cs_encode_input input;
    cs_parquet_options options;
    cs_parquet_writer *writer; /* NULL before the first rows, and so is file */
    cs_file_writer *file;
    cs_checksum *sum;
    uint64_t rows;
};

static cs_code begin(cs_encoder *encoder, cs_error *err);
static cs_code write_bytes(void *ctx, const void *bytes, size_t len, cs_error *err);
static cs_code seal(cs_encoder *encoder, cs_error *err);

cs_code cs_encoder_open(const cs_encode_input *input, cs_encoder **out, cs_error *err)
{
    (void)err; /* the file comes with the first rows */
    cs_encoder *made = cs_xcalloc(1, sizeof *made);
    made->input = *input;
    made->options = CS_PARQUET_OPTIONS_DEFAULT;
    made->options.codec = input->codec;
    made->options.row_group_bytes = input->memory_bytes;
    *out = made;
    return CS_OK;
}

cs_code cs_encoder_write(cs_encoder *encoder, const cs_rows *rows, cs_error *err)
{
    if (rows->length == 0)
        return CS_OK;
    if (encoder->writer == NULL)
        CS_TRY(begin(encoder, err));
    CS_TRY(cs_parquet_writer_write(encoder->writer, rows, err));
    encoder->rows += rows->length;
    return CS_OK;
}

uint64_t cs_encoder_rows(const cs_encoder *encoder)
{
    return encoder->rows;
}

cs_code cs_encoder_finish(cs_encoder *encoder, cs_arena *arena, cs_part *part, cs_error *err)
{
    if (encoder->writer == NULL) {
        *part = (cs_part){ 0 };
        return CS_OK;
    }
    cs_parquet_summary summary;
    CS_TRY(cs_parquet_writer_finish(encoder->writer, &summary, err));
    CS_TRY(seal(encoder, err));
    cs_delta_stats stats = {
        .schema = encoder->input.schema,
        .bounds = summary.bounds,
        .rows = summary.rows,
        .indexed_columns = CS_DELTA_INDEXED_COLUMNS_DEFAULT,
    };
    cs_buf text = CS_BUF_INIT;
    cs_delta_stats_print(&stats, &text);
    cs_code code = cs_buf_check(&text, err);
    if (code == CS_OK)
        *part = (cs_part){
            .path = cs_arena_str(arena, encoder->input.name),
            .size_bytes = summary.size_bytes,
            .rows = summary.rows,
            .modified_ms = cs_clock_wall_us(encoder->input.clock) / 1000,
            .checksum = cs_checksum_value(encoder->sum),
            .stats_json = cs_arena_str(arena, cs_buf_str(&text)),
        };
    cs_buf_done(&text);
    return code;
}

void cs_encoder_close(cs_encoder *encoder)
{
    if (encoder == NULL)
        return;
    cs_parquet_writer_free(encoder->writer);
    cs_file_writer_close(encoder->file);
    cs_checksum_free(encoder->sum);
    free(encoder);
}

static cs_code begin(cs_encoder *encoder, cs_error *err)
{
    cs_parquet_output output = { encoder, write_bytes };
    encoder->sum = cs_checksum_new();
    CS_TRY(cs_store_create(encoder->input.table, encoder->input.name, &encoder->file, err));
    return cs_parquet_writer_new(encoder->input.schema, &encoder->options, output, &encoder->writer,
                                 err);
}

static cs_code write_bytes(void *ctx, const void *bytes, size_t len, cs_error *err)
{
    cs_encoder *encoder = ctx;
    cs_checksum_add(encoder->sum, bytes, len);
    CS_FAULT("worker.mid_write");
    return cs_file_writer_write(encoder->file, bytes, len, err);
}

/* Whatever fails from here on: a second fsync proves nothing (reliability.md §3), so the file goes
 * with close. */
static cs_code seal(cs_encoder *encoder, cs_error *err)
{
    CS_FAULT("worker.before_part_sync");
    CS_TRY(cs_file_writer_seal(encoder->file, err));
    CS_FAULT("worker.after_part_sync");
    return CS_OK;
}
