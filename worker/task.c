#include "worker/task.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/conf/job.h"
#include "common/wire/message.h"
#include "worker/parse/decoder.h"
#include "worker/read/reader.h"

typedef struct cs_task {
    const cs_task_doors *doors;
    cs_task_control *control;
    cs_job job;
    cs_schema write_schema;
    cs_store *source, *table;
    cs_encoder *encoder;
    cs_rows view;      /* the decoder's columns in the order of the write schema */
    size_t *columns;   /* for each column of the write schema, its place in the decoder's rows */
    cs_str path;       /* of the split in hand */
    uint64_t n_header_differs;
    char header_differs[768];
    cs_task_outcome outcome;
} cs_task;

static cs_code open_real_store(void *ctx, cs_str root, bool may_create, cs_store **out,
                               cs_error *err);
static cs_code prepare(cs_task *run, const Cs__Task *task, cs_arena *arena, cs_error *err);
static cs_code bind_columns(cs_task *run, cs_arena *arena, cs_error *err);
static cs_str part_name(const cs_task *run, const Cs__Task *task, cs_codec codec, cs_arena *arena);
static cs_code run_split(cs_task *run, const Cs__FileSplit *file, cs_error *err);
static cs_code decode_split(cs_task *run, cs_reader *reader, cs_decoder *decoder, cs_error *err);
static cs_code feed(cs_task *run, cs_reader *reader, cs_decoder *decoder, cs_str chunk, bool last,
                    cs_error *err);
static void place_error(cs_task *run, uint64_t offset, cs_error *err);
static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err);
static void take_header(void *ctx, const char *how);
static cs_code finish(cs_task *run, cs_arena *arena, cs_error *err);

cs_task_doors cs_task_doors_system(void)
{
    return (cs_task_doors){ cs_clock_system(), cs_rng_system(), open_real_store, NULL };
}

cs_code cs_task_run(const Cs__Task *task, const cs_task_doors *doors, cs_task_control *control,
                    cs_arena *arena, cs_task_outcome *out, cs_error *err)
{
    cs_task run = { .doors = doors, .control = control };
    cs_code code;
    assert(task->work_case == CS__TASK__WORK_PARSE);
    CS_TRY_OUT(prepare(&run, task, arena, err));
    for (size_t i = 0; i < task->parse->n_splits; i++) {
        const Cs__Split *split = task->parse->splits[i];
        assert(split->range_case == CS__SPLIT__RANGE_FILE);
        CS_TRY_OUT(run_split(&run, split->file, err));
    }
    CS_TRY_OUT(finish(&run, arena, err));
    *out = run.outcome;
out:
    /* The part goes with the encoder; another attempt writes one of another name, maybe when there
     * is room again. */
    if (code == CS_E_DISK_FULL || code == CS_E_IO || code == CS_E_NOMEM)
        cs_error_retriable(err);
    cs_encoder_close(run.encoder);
    cs_store_close(run.source);
    cs_store_close(run.table);
    return code;
}

static cs_code open_real_store(void *ctx, cs_str root, bool may_create, cs_store **out,
                               cs_error *err)
{
    (void)ctx;
    char path[CS_PATH_BYTES_MAX];
    if (root.len >= sizeof path || memchr(root.ptr, '\0', root.len) != NULL)
        return cs_error_set(err, CS_E_LIMIT, "a path of %zu bytes, or with NUL in it: at most %u",
                            root.len, CS_PATH_BYTES_MAX - 1);
    memcpy(path, root.ptr, root.len);
    path[root.len] = '\0';
    return cs_store_posix_open(path, may_create, out, err);
}

static cs_code prepare(cs_task *run, const Cs__Task *task, cs_arena *arena, cs_error *err)
{
    const Cs__ParseWork *work = task->parse;
    cs_options options;
    CS_TRY(cs_options_parse(cs_wire_str(work->options), arena, &options, err));
    CS_TRY(cs_job_parse(&options, arena, &run->job, err));
    CS_TRY(cs_schema_parse_json(cs_wire_str(work->write_schema), arena, &run->write_schema, err));
    CS_TRY(bind_columns(run, arena, err));
    CS_TRY(run->doors->open_store(run->doors->ctx, run->job.source_path, false, &run->source, err));
    CS_TRY(run->doors->open_store(run->doors->ctx, cs_wire_str(work->table_root), true, &run->table,
                                  err));
    if (work->codec >= CS_CODEC_COUNT)
        return cs_error_set(err, CS_E_PROTOCOL, "codec %" PRIu32 " is not known to this worker",
                            work->codec);
    cs_encode_input input = {
        .table = run->table,
        .schema = &run->write_schema,
        .codec = (cs_codec)work->codec,
        .memory_bytes = work->memory_bytes,
        .name = part_name(run, task, (cs_codec)work->codec, arena),
        .clock = run->doors->clock,
    };
    return cs_encoder_open(&input, &run->encoder, err);
}

/* By name, in any case: the table may spell a column's name in its own way. */
static cs_code bind_columns(cs_task *run, cs_arena *arena, cs_error *err)
{
    const cs_schema *schema = &run->write_schema;
    char name[128];
    run->columns = cs_arena_array(arena, size_t, schema->n_fields);
    run->view.schema = schema;
    run->view.columns = cs_arena_array(arena, cs_column, schema->n_fields);
    for (size_t i = 0; i < schema->n_fields; i++) {
        ptrdiff_t at = cs_schema_find(&run->job.schema, schema->fields[i].name);
        if (at < 0 || !cs_type_eq(run->job.schema.fields[at].type, schema->fields[i].type))
            return cs_error_set(err, CS_E_SCHEMA_MISMATCH,
                                "column %s: the part wants it, the rows do not have it so",
                                cs_escape(name, sizeof name, schema->fields[i].name));
        run->columns[i] = (size_t)at;
    }
    return CS_OK;
}

/* part-00003-<uuid>-c000.snappy.parquet (spec: delta.md §6); the UUID says whose it is. */
static cs_str part_name(const cs_task *run, const Cs__Task *task, cs_codec codec, cs_arena *arena)
{
    cs_task_key key = cs_wire_key_read(task->key);
    cs_uuid uuid = cs_uuid_part(run->doors->rng, cs_uuid_stream_hash(&key.stream), key.batch);
    char text[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&uuid, text);
    bool named = codec != CS_CODEC_NONE;
    return cs_str_of(cs_arena_printf(arena, "part-%05" PRIu32 "-%s-c000%s%s.parquet", key.task,
                                     text, named ? "." : "", named ? cs_codec_name(codec) : ""));
}

static cs_code run_split(cs_task *run, const Cs__FileSplit *file, cs_error *err)
{
    cs_reader *reader = NULL;
    cs_decoder *decoder = NULL;
    cs_split_range range = {
        .path = cs_wire_str(file->path),
        .version = { file->size_bytes, file->mtime_ns },
        .begin = file->begin,
        .end = file->end,
        .by_records = file->by_records,
    };
    run->path = range.path;
    cs_code code;
    CS_TRY_OUT(cs_reader_open(run->source, &range, &reader, err));
    CS_FAULT("worker.split_opened");
    cs_decode_input input = {
        .job = &run->job,
        .offset = cs_reader_offset(reader),
        .ctx = run,
        .rows = take_rows,
        .header_differs = take_header,
    };
    CS_TRY_OUT(cs_decoder_open(&input, &decoder, err));
    CS_TRY_OUT(decode_split(run, reader, decoder, err));
    cs_decode_counts counts = cs_decoder_counts(decoder);
    run->outcome.rows_read += counts.records;
    run->outcome.rows_rejected += counts.rejected;
out:
    cs_decoder_close(decoder);
    cs_reader_close(reader);
    return code;
}

static cs_code decode_split(cs_task *run, cs_reader *reader, cs_decoder *decoder, cs_error *err)
{
    bool last = false;
    while (!last) {
        cs_str chunk;
        if (atomic_load_explicit(&run->control->cancel, memory_order_relaxed))
            return cs_error_set(err, CS_E_CANCELLED, "the task was cancelled");
        CS_TRY(cs_reader_next(reader, &chunk, &last, err));
        CS_FAULT("worker.mid_parse");
        CS_TRY(feed(run, reader, decoder, chunk, last, err));
        run->outcome.bytes_read += chunk.len;
        atomic_fetch_add_explicit(&run->control->progress, 1, memory_order_relaxed);
    }
    return cs_reader_verify(reader, err);
}

static cs_code feed(cs_task *run, cs_reader *reader, cs_decoder *decoder, cs_str chunk, bool last,
                    cs_error *err)
{
    cs_code code = cs_decoder_feed(decoder, chunk, last, err);
    uint64_t failed_at = cs_decoder_counts(decoder).failed_at;
    if (code == CS_OK || failed_at == CS_DECODE_NO_OFFSET)
        return code;
    /* A file that changes while it is read may look malformed: then that it changed is the news. */
    cs_error changed;
    if (cs_reader_verify(reader, &changed) != CS_OK) {
        if (err != NULL)
            *err = changed;
        return changed.code;
    }
    place_error(run, failed_at, err);
    return code;
}

static void place_error(cs_task *run, uint64_t offset, cs_error *err)
{
    char path[768];
    uint64_t line, column;
    cs_buf whole = CS_BUF_INIT;
    cs_buf_add_str(&whole, run->job.source_path);
    cs_buf_add_char(&whole, '/');
    cs_buf_add_str(&whole, run->path);
    cs_escape(path, sizeof path, cs_buf_str(&whole));
    cs_buf_done(&whole);
    if (cs_reader_line_of(run->source, run->path, offset, &line, &column, NULL) == CS_OK)
        cs_error_place(err, "%s:%" PRIu64 ":%" PRIu64, path, line, column);
    else
        cs_error_place(err, "%s, byte %" PRIu64, path, offset);
}

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    cs_task *run = ctx;
    for (size_t i = 0; i < run->write_schema.n_fields; i++)
        run->view.columns[i] = rows->columns[run->columns[i]];
    run->view.length = rows->length;
    return cs_encoder_write(run->encoder, &run->view, err);
}

static void take_header(void *ctx, const char *how)
{
    cs_task *run = ctx;
    char path[256];
    if (run->n_header_differs++ == 0)
        snprintf(run->header_differs, sizeof run->header_differs, "%s: %s",
                 cs_escape(path, sizeof path, run->path), how);
}

static cs_code finish(cs_task *run, cs_arena *arena, cs_error *err)
{
    cs_part *part = cs_arena_new(arena, cs_part);
    if (run->n_header_differs > 0)
        cs_log(CS_LOG_WARN,
               "header of %" PRIu64 " file%s differs from the schema (columns bind by position): %s",
               run->n_header_differs, run->n_header_differs == 1 ? "" : "s", run->header_differs);
    CS_TRY(cs_encoder_finish(run->encoder, arena, part, err));
    atomic_fetch_add_explicit(&run->control->progress, 1, memory_order_relaxed);
    run->outcome.parts = part;
    run->outcome.n_parts = part->rows > 0 ? 1 : 0;
    return CS_OK;
}
