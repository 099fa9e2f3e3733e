/* Any bytes, in any chunks, under any dialect: the CSV decoder gives the same rows and rejects whoever tokenizes and
 * however the bytes are cut. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/limits.h"
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
    cs_decode_input input = { .job = job, .ctx = out, .rows = take_rows };
    if (cs_decoder_open(&input, &decoder, &err) != CS_OK)
        return;
    cs_code code = CS_OK;
    size_t at = 0;
    do {
        size_t len = size - at < chunk ? size - at : chunk;
        /* A copy of its own: reading past chunk and padding is seen by the sanitizer. */
        char *copy = calloc(1, len + CS_CHUNK_PADDING);
        memcpy(copy, data + at, len);
        at += len;
        code = cs_decoder_feed(decoder, (cs_str){ copy, len }, at == size, &err);
        free(copy);
    } while (code == CS_OK && at < size);
    cs_decode_counts counts = cs_decoder_counts(decoder);
    if (code == CS_OK)
        cs_buf_printf(out, "|%llu %llu", (unsigned long long)counts.records, (unsigned long long)counts.rejected);
    else
        cs_buf_printf(out, "|%s", cs_code_name(code));
    cs_decoder_close(decoder);
}

static cs_option option(cs_option_scope scope, const char *key, const char *value)
{
    return (cs_option){ scope, cs_str_of(key), cs_str_of(value), CS_STR("fuzz") };
}

/* The first two bytes choose dialect, mode and schema. */
static void make_job(const uint8_t *choice, const char *parser, cs_arena *arena, cs_job *job)
{
    static const char *const schemas[] = { "a STRING, b INT, _corrupt_record STRING", "a DOUBLE",
                                           "d DATE, t TIMESTAMP, x DECIMAL(12,3)" };
    static const char *const seps[] = { ",", ";", "\\t", "|" };
    const char *quote = choice[0] & 4 ? "'" : "\"";
    cs_option items[] = {
        option(CS_SCOPE_JOB, "source-format", "csv"),
        option(CS_SCOPE_JOB, "source-path", "/in"),
        option(CS_SCOPE_JOB, "sink-format", "delta"),
        option(CS_SCOPE_JOB, "table-path", "/table"),
        option(CS_SCOPE_JOB, "checkpoint-location", "/checkpoint"),
        option(CS_SCOPE_JOB, "schema", schemas[choice[1] % 3]),
        option(CS_SCOPE_READ, "parser", parser),
        option(CS_SCOPE_READ, "sep", seps[choice[0] % 4]),
        option(CS_SCOPE_READ, "quote", quote),
        option(CS_SCOPE_READ, "escape", quote),
        option(CS_SCOPE_READ, "header", choice[0] & 8 ? "true" : "false"),
        option(CS_SCOPE_READ, "multiLine", choice[0] & 16 ? "true" : "false"),
        option(CS_SCOPE_READ, "mode", choice[0] & 32 ? "DROPMALFORMED" : "PERMISSIVE"),
        option(CS_SCOPE_READ, "maxRecordBytes", choice[0] & 64 ? "64" : "1MiB"),
        option(CS_SCOPE_READ, "maxColumns", "100"),
    };
    cs_options options = { items, sizeof items / sizeof items[0] };
    cs_error err;
    cs_code code = cs_job_parse(&options, arena, job, &err);
    assert(code == CS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const others[] = { "auto", "libcsv" };
    if (size < 3)
        return 0;
    cs_arena arena = CS_ARENA_INIT;
    cs_job job;
    cs_buf first = CS_BUF_INIT, other = CS_BUF_INIT;
    make_job(data, "exact", &arena, &job);
    decode(&job, data + 2, size - 2, size, &first);
    for (size_t i = 0; i < 2; i++) {
        make_job(data, others[i], &arena, &job);
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
