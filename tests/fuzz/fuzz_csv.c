/* Any bytes, in any chunks, under any dialect: the CSV decoder gives the same rows and rejects whoever tokenizes and
 * however the bytes are cut. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/data/value.h"
#include "worker/parse/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    cs_buf *out = ctx;
    for (size_t i = 0; i < rows->length; i++)
        cs_rows_json(rows, i, out);
    return cs_buf_check(out, err);
}

/* The rows as text, behind them the counts and, when it failed, the code. */
static void decode(const cs_job *job, const uint8_t *data, size_t size, size_t chunk, cs_buf *out)
{
    cs_decoder *decoder = NULL;
    cs_error err;
    cs_decode_input input = { .job = job, .path = CS_STR("fuzz.csv"), .ctx = out, .rows = take_rows };
    if (cs_decoder_open(&input, &decoder, &err) != CS_OK)
        return;
    cs_code code = CS_OK;
    size_t at = 0;
    do {
        size_t len = size - at < chunk ? size - at : chunk;
        /* A copy of its own: reading past the chunk is seen by the sanitizer. */
        char *copy = malloc(len + 1);
        memcpy(copy, data + at, len);
        at += len;
        code = decoder->ops->feed(decoder, (cs_str){ copy, len }, at == size, &err);
        free(copy);
    } while (code == CS_OK && at < size);
    cs_decode_counts counts = decoder->ops->counts(decoder);
    if (code == CS_OK)
        cs_buf_printf(out, "|%llu %llu", (unsigned long long)counts.records, (unsigned long long)counts.rejected);
    else
        cs_buf_printf(out, "|%s", cs_code_name(code));
    decoder->ops->close(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const schemas[] = { "a STRING, b INT, _corrupt_record STRING", "a DOUBLE", "d DATE, t TIMESTAMP, x DECIMAL(12,3)" };
    static const char *const seps[] = { ",", ";", "\t", "|" };
    if (size < 3)
        return 0;
    cs_arena arena = CS_ARENA_INIT;
    cs_job job = { .csv = { .sep = cs_str_of(seps[data[0] % 4]), .quote = data[0] & 4 ? '\'' : '"', .header = data[0] & 8,
                            .multi_line = data[0] & 16, .mode = data[0] & 32 ? CS_CSV_DROPMALFORMED : CS_CSV_PERMISSIVE,
                            .corrupt_column = CS_STR("_corrupt_record"), .record_bytes_max = data[0] & 64 ? 64 : 1 << 20,
                            .columns_max = 100 } };
    job.csv.escape = job.csv.quote;
    cs_error err;
    cs_code code = cs_schema_parse(cs_str_of(schemas[data[1] % 3]), &arena, &job.schema, &err);
    assert(code == CS_OK);
    job.source_format = CS_STR("csv");
    cs_buf first = CS_BUF_INIT, other = CS_BUF_INIT;
    job.csv.parser = CS_CSV_PARSER_EXACT;
    decode(&job, data + 2, size - 2, size, &first);
    for (cs_csv_parser parser = CS_CSV_PARSER_AUTO; parser <= CS_CSV_PARSER_LIBCSV; parser++) {
        job.csv.parser = parser;
        cs_buf_clear(&other);
        decode(&job, data + 2, size - 2, 1 + data[1] % 37, &other);
        /* A failing file may have given rows before: only the verdict is compared. */
        bool failed = first.len > 1 && first.ptr[first.len - 1] >= 'A';
        assert(failed || cs_str_eq(cs_buf_str(&first), cs_buf_str(&other)));
    }
    cs_buf_done(&first);
    cs_buf_done(&other);
    cs_arena_done(&arena);
    return 0;
}
