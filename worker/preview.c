#include "worker/preview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/data/value.h"
#include "common/store/store.h"
#include "worker/parse/decoder.h"
#include "worker/preview_files.h"
#include "worker/preview_print.h"
#include "worker/read/reader.h"

#define REJECTS_SHOWN_MAX 20u

typedef struct preview {
    cs_arena arena;
    cs_job job;
    cs_preview_files files;
    cs_preview_print *print;
    cs_str file;         /* in hand, as in files */
    uint64_t rows_left;
    uint64_t wanted;     /* rows_left when this file was opened */
    uint64_t rejected;   /* in this file */
    uint64_t n_rejects;  /* in all, among the rows wanted */
    bool done;           /* rows enough */
} preview;

static cs_code parse_job(const cs_options *options, cs_arena *arena, cs_job *job, cs_error *err);
static cs_code show_file(preview *run, cs_error *err);
static cs_code decode(preview *run, cs_reader *reader, cs_decoder *decoder, cs_error *err);
static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err);
static void take_reject(void *ctx, const cs_reject *reject);
static void take_header(void *ctx, const char *how);
static void add_place(const preview *run, uint64_t offset, cs_buf *out);

cs_code cs_preview_run(const cs_options *options, size_t rows_max, bool json, cs_error *err)
{
    preview run = { .rows_left = rows_max == 0 ? UINT64_MAX : rows_max };
    cs_code code;
    CS_TRY_OUT(parse_job(options, &run.arena, &run.job, err));
    CS_TRY_OUT(cs_preview_files_open(&run.job, &run.arena, &run.files, err));
    run.print = cs_preview_print_new(&run.job.schema, json);
    for (size_t i = 0; i < run.files.count && run.rows_left > 0; i++) {
        run.file = run.files.names[i];
        CS_TRY_OUT(show_file(&run, err));
    }
    CS_TRY_OUT(cs_preview_print_end(run.print, err));
    if (run.n_rejects > REJECTS_SHOWN_MAX)
        fprintf(stderr, "and %" PRIu64 " more rejected records\n",
                run.n_rejects - REJECTS_SHOWN_MAX);
out:
    cs_preview_print_free(run.print);
    cs_preview_files_close(&run.files);
    cs_arena_done(&run.arena);
    return code;
}

/* A job has a table and a checkpoint too; nobody looks at them here. */
static cs_code parse_job(const cs_options *options, cs_arena *arena, cs_job *job, cs_error *err)
{
    static const char *const unused[][2] = {
        { "sink-format", "delta" },
        { "table-path", "/unused" },
        { "checkpoint-location", "/unused" },
    };
    size_t n = sizeof unused / sizeof *unused;
    cs_option *items = cs_arena_array(arena, cs_option, options->count + n);
    for (size_t i = 0; i < n; i++)
        items[i] = (cs_option){ CS_SCOPE_JOB, cs_str_of(unused[i][0]), cs_str_of(unused[i][1]),
                                CS_STR("preview") };
    for (size_t i = 0; i < options->count; i++)
        items[n++] = options->items[i];
    return cs_job_parse(&(cs_options){ items, n }, arena, job, err);
}

static cs_code show_file(preview *run, cs_error *err)
{
    cs_reader *reader = NULL;
    cs_decoder *decoder = NULL;
    cs_stat stat;
    cs_code code;
    CS_TRY(cs_store_stat(run->files.store, run->file, &stat, err));
    cs_split_range range = {
        .path = run->file,
        .version = { stat.size_bytes, stat.mtime_ns },
        .end = stat.size_bytes,
    };
    cs_decode_input input = {
        .job = &run->job,
        .ctx = run,
        .rows = take_rows,
        .reject = take_reject,
        .header_differs = take_header,
    };
    run->wanted = run->rows_left;
    run->rejected = 0;
    CS_TRY_OUT(cs_reader_open(run->files.store, &range, &reader, err));
    CS_TRY_OUT(cs_decoder_open(&input, &decoder, err));
    code = decode(run, reader, decoder, err);
out:
    cs_decoder_close(decoder);
    cs_reader_close(reader);
    return code;
}

static cs_code decode(preview *run, cs_reader *reader, cs_decoder *decoder, cs_error *err)
{
    bool last = false;
    while (!last) {
        cs_str chunk;
        CS_TRY(cs_reader_next(reader, &chunk, &last, err));
        cs_code code = cs_decoder_feed(decoder, chunk, last, err);
        if (run->done)
            return CS_OK;
        uint64_t failed_at = cs_decoder_counts(decoder).failed_at;
        if (code != CS_OK && failed_at != CS_DECODE_NO_OFFSET) {
            cs_buf place = CS_BUF_INIT;
            add_place(run, failed_at, &place);
            cs_error_place(err, "%.*s", CS_STR_ARG(cs_buf_str(&place)));
            cs_buf_done(&place);
        }
        CS_TRY(code);
    }
    return CS_OK;
}

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    preview *run = ctx;
    size_t n = rows->length < run->rows_left ? rows->length : (size_t)run->rows_left;
    for (size_t row = 0; row < n; row++)
        CS_TRY(cs_preview_print_row(run->print, rows, row, err));
    run->rows_left -= n;
    run->done = run->rows_left == 0;
    return run->done ? CS_E_CANCELLED : CS_OK; /* which decode knows how to take */
}

/* The decoder is ahead of the rows that are wanted: only rejects among these are told. */
static void take_reject(void *ctx, const cs_reject *reject)
{
    preview *run = ctx;
    uint64_t rows_before = reject->record - 1;
    if (run->job.csv.mode == CS_CSV_DROPMALFORMED)
        rows_before -= run->rejected++;
    if (rows_before >= run->wanted || run->n_rejects++ >= REJECTS_SHOWN_MAX)
        return;
    cs_buf line = CS_BUF_INIT;
    add_place(run, reject->offset + reject->column_at - 1, &line);
    if (reject->column.len > 0) {
        char value[128];
        cs_buf_add_cstr(&line, ": column ");
        cs_buf_add_escaped(&line, reject->column);
        cs_buf_printf(&line, ": '%s' ", cs_escape(value, sizeof value, reject->value));
    } else {
        cs_buf_add_cstr(&line, ": record ");
    }
    cs_buf_add_cstr(&line, reject->reason);
    fprintf(stderr, "%.*s\n", CS_STR_ARG(cs_buf_str(&line)));
    cs_buf_done(&line);
}

static void take_header(void *ctx, const char *how)
{
    preview *run = ctx;
    char name[512];
    fprintf(stderr, "%s: header differs from the schema (columns bind by position): %s\n",
            cs_escape(name, sizeof name, run->file), how);
}

static void add_place(const preview *run, uint64_t offset, cs_buf *out)
{
    uint64_t line, column;
    cs_buf_add_escaped(out, run->files.root);
    cs_buf_add_char(out, '/');
    cs_buf_add_escaped(out, run->file);
    if (cs_reader_line_of(run->files.store, run->file, offset, &line, &column, NULL) == CS_OK)
        cs_buf_printf(out, ":%" PRIu64 ":%" PRIu64, line, column);
}
