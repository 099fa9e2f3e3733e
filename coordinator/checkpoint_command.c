#include "coordinator/checkpoint_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/data/value.h"
#include "common/json/json.h"
#include "coordinator/checkpoint/checkpoint.h"
#include "coordinator/checkpoint/kv_lmdb.h"
#include "coordinator/commit/sink.h"
#include "coordinator/discover/source.h"
#include "coordinator/query_io.h"

/* What a reset has open. */
typedef struct reset_run {
    cs_arena arena;
    cs_checkpoint *checkpoint;
    cs_job job;
    cs_store *source_store, *table_store;
    cs_source *source;
    cs_sink *sink;
    cs_source_file *taken;
    size_t n_taken;
} reset_run;

static cs_code open_checkpoint(const cs_checkpoint_command *command, cs_checkpoint **out,
                               cs_error *err);
static cs_code write_out(cs_buf *text, FILE *out, cs_error *err);
static cs_code show_plan(void *ctx, const cs_plan *plan, bool committed, cs_error *err);
static cs_code reset_open(reset_run *reset, const cs_checkpoint_command *command, cs_error *err);
static void reset_close(reset_run *reset);
static cs_code take_all(reset_run *reset, cs_error *err);
static cs_code accept_streams(reset_run *reset, cs_accepted **out, size_t *n, cs_error *err);
static void log_notice(void *ctx, cs_log_level level, const char *text);

typedef struct show_run {
    FILE *out;
    cs_buf text; /* of one plan */
    bool json;
    bool headed;
} show_run;

cs_code cs_checkpoint_show(const cs_checkpoint_command *command, FILE *out, cs_error *err)
{
    cs_checkpoint *checkpoint = NULL;
    show_run ctx = { .out = out, .json = command->json };
    cs_code code;
    CS_TRY_OUT(open_checkpoint(command, &checkpoint, err));
    CS_TRY_OUT(cs_checkpoint_each_plan(checkpoint, show_plan, &ctx, err));
    if (!ctx.headed && !ctx.json)
        cs_buf_add_cstr(&ctx.text, "no batch yet\n");
    code = write_out(&ctx.text, out, err);
out:
    cs_buf_done(&ctx.text);
    cs_checkpoint_close(checkpoint);
    return code;
}

cs_code cs_checkpoint_reset_command(const cs_checkpoint_command *command, bool include_existing,
                                    FILE *out, cs_error *err)
{
    reset_run reset = { 0 };
    cs_buf text = CS_BUF_INIT;
    cs_accepted *accepted;
    size_t n_accepted;
    cs_code code;
    CS_TRY_OUT(reset_open(&reset, command, err));
    CS_TRY_OUT(accept_streams(&reset, &accepted, &n_accepted, err));
    /* Listed in any case: people shall see how many files it is about. */
    CS_TRY_OUT(take_all(&reset, err));
    size_t n_done = include_existing ? 0 : reset.n_taken;
    uint64_t n_held = reset.source->ops->counts(reset.source).held_back;
    CS_TRY_OUT(cs_checkpoint_reset(reset.checkpoint, accepted, n_accepted, reset.taken, n_done,
                                   cs_rng_system(), err));
    char stream[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&cs_checkpoint_state_of(reset.checkpoint)->stream, stream);
    if (command->json) {
        cs_buf_printf(&text, "{\"stream\":\"%s\",\"files\":%zu,\"filesBeingWritten\":%" PRIu64
                      ",\"includeExistingFiles\":%s,\"acceptedStreams\":%zu}\n",
                      stream, reset.n_taken, n_held, include_existing ? "true" : "false",
                      n_accepted);
    } else {
        cs_buf_printf(&text, "new stream %s\n%zu files are there now: ", stream, reset.n_taken);
        cs_buf_add_cstr(&text, include_existing
                                   ? "the next start reads them all; rows of files that were read "
                                     "before will be in the table twice\n"
                                   : "they count as done, the next start leaves them out\n");
        if (n_held > 0)
            cs_buf_printf(&text,
                          "%" PRIu64 " more are still being written: the next start reads them\n",
                          n_held);
    }
    code = write_out(&text, out, err);
out:
    cs_buf_done(&text);
    reset_close(&reset);
    return code;
}

static cs_code open_checkpoint(const cs_checkpoint_command *command, cs_checkpoint **out,
                               cs_error *err)
{
    /* Opening creates what is missing; here that would only hide a typing error. */
    cs_store *folder;
    cs_stat stat;
    CS_TRY(cs_store_posix_open(command->folder, false, &folder, err));
    cs_code code = cs_store_stat(folder, CS_STR(CS_KV_LMDB_FILE), &stat, err);
    cs_store_close(folder);
    if (code == CS_OK) {
        cs_kv *kv = NULL;
        CS_TRY(cs_kv_lmdb_open(command->folder, command->program, &kv, err));
        code = cs_checkpoint_start(kv, NULL, cs_rng_system(), out, err);
    }
    if (code != CS_E_NOT_FOUND)
        return code;
    return cs_error_set(err, CS_E_BAD_CONFIG, "no job ever started with the checkpoint '%s'",
                        command->folder);
}

/* Empties the text. */
static cs_code write_out(cs_buf *text, FILE *out, cs_error *err)
{
    CS_TRY(cs_buf_check(text, err));
    if (fwrite(text->ptr, 1, text->len, out) != text->len || fflush(out) != 0)
        return cs_error_sys(err, errno, "cannot write the result");
    cs_buf_clear(text);
    return CS_OK;
}

/* --- show --- */

static cs_code show_plan(void *ctx, const cs_plan *plan, bool committed, cs_error *err)
{
    show_run *show = ctx;
    const char *state = committed ? "committed" : "planned";
    if (!show->json && !show->headed)
        cs_buf_printf(&show->text, "%8s  %-9s  %14s  %-27s  %s\n", "batch", "state", "bytes",
                      "modified (UTC)", "file");
    show->headed = true;
    for (uint32_t i = 0; i < plan->n_files; i++) {
        const cs_source_file *file = &plan->files[i];
        if (show->json) {
            cs_buf_printf(&show->text, "{\"batch\":%" PRIu64 ",\"state\":\"%s\",\"path\":",
                          plan->batch, state);
            cs_json_add_str(&show->text, file->path);
            cs_buf_printf(&show->text, ",\"size\":%" PRIu64 ",\"mtimeNs\":%" PRId64 "}\n",
                          file->version.size_bytes, file->version.mtime_ns);
        } else {
            cs_buf_printf(&show->text, "%8" PRIu64 "  %-9s  %14" PRIu64 "  ", plan->batch, state,
                          file->version.size_bytes);
            cs_timestamp_print(file->version.mtime_ns / 1000, 'T', 6, &show->text);
            cs_buf_add_cstr(&show->text, "Z  ");
            cs_buf_add_escaped(&show->text, file->path);
            cs_buf_add_char(&show->text, '\n');
        }
    }
    return write_out(&show->text, show->out, err);
}

/* --- reset --- */

static cs_code seen_by_reset(void *ctx, const cs_source_file *file, cs_seen *out,
                             cs_content_version *known, cs_error *err);
static cs_code ignore_changed(void *ctx, const cs_source_file *file, cs_error *err);

/* The job is the one that started last with this checkpoint, as it was told then. */
static cs_code reset_open(reset_run *reset, const cs_checkpoint_command *command, cs_error *err)
{
    cs_options options;
    CS_TRY(open_checkpoint(command, &reset->checkpoint, err));
    CS_TRY(cs_options_parse(cs_checkpoint_options(reset->checkpoint), &reset->arena, &options,
                            err));
    CS_TRY(cs_job_parse(&options, &reset->arena, &reset->job, err));
    cs_job *job = &reset->job;
    job->files_max = 0;
    job->bytes_max = 0;
    job->min_file_age_ms = 0;
    job->list_interval_ms = INT64_MAX;
    CS_TRY(cs_store_posix_open(cs_arena_cstr(&reset->arena, job->source_path), false,
                               &reset->source_store, err));
    CS_TRY(cs_store_posix_open(cs_arena_cstr(&reset->arena, job->table_path), true,
                               &reset->table_store, err));
    cs_sink_env sink_env = { .job = job,
                             .table = reset->table_store,
                             .clock = cs_clock_system(),
                             .rng = cs_rng_system(),
                             .stream = cs_checkpoint_state_of(reset->checkpoint)->stream,
                             .source_hash = cs_query_source_hash(job),
                             .notice = log_notice };
    CS_TRY(cs_sink_open(&sink_env, &reset->sink, err));
    cs_source_env source_env = { .job = job,
                                 .store = reset->source_store,
                                 .clock = cs_clock_system(),
                                 .ctx = reset,
                                 .seen = seen_by_reset,
                                 .changed = ignore_changed,
                                 .notice = log_notice };
    return cs_source_open(&source_env, &reset->source, err);
}

static void reset_close(reset_run *reset)
{
    if (reset->source != NULL)
        reset->source->ops->close(reset->source);
    if (reset->sink != NULL)
        reset->sink->ops->close(reset->sink);
    cs_store_close(reset->source_store);
    cs_store_close(reset->table_store);
    cs_checkpoint_close(reset->checkpoint);
    free(reset->taken);
    cs_arena_done(&reset->arena);
}

/* Another stream's rows stay what they are; the new stream goes on beside them, as long as
 * nobody adds to them. The stream that this checkpoint had until now is another one from here
 * on. */
static cs_code accept_streams(reset_run *reset, cs_accepted **out, size_t *n, cs_error *err)
{
    cs_sink_state state;
    CS_TRY(reset->sink->ops->state(reset->sink, &reset->arena, &state, err));
    cs_accepted *accepted = cs_arena_array(&reset->arena, cs_accepted, state.n_others + 1);
    for (size_t i = 0; i < state.n_others; i++)
        accepted[i] = (cs_accepted){ state.others[i].stream, state.others[i].batch };
    *n = state.n_others;
    if (state.has_digest)
        accepted[(*n)++] = (cs_accepted){ cs_checkpoint_state_of(reset->checkpoint)->stream,
                                          state.batch };
    *out = accepted;
    return CS_OK;
}

/* The checkpoint is not asked: all that is there counts. */
static cs_code seen_by_reset(void *ctx, const cs_source_file *file, cs_seen *out,
                             cs_content_version *known, cs_error *err)
{
    (void)ctx;
    (void)file;
    (void)known;
    (void)err;
    *out = CS_SEEN_NEW;
    return CS_OK;
}

static cs_code ignore_changed(void *ctx, const cs_source_file *file, cs_error *err)
{
    (void)ctx;
    (void)file;
    (void)err;
    return CS_OK;
}

/* One full look, handed out in portions of a batch; a portion counts as planned, so that the
 * next look gives the rest. */
static cs_code take_all(reset_run *reset, cs_error *err)
{
    cs_source *source = reset->source;
    cs_arena arena = CS_ARENA_INIT;
    cs_source_file *files;
    uint32_t n;
    cs_code code;
    do {
        int64_t again_ms;
        cs_arena_reset(&arena);
        CS_TRY_OUT(source->ops->list(source, reset->n_taken == 0, &arena, &files, &n, &again_ms,
                                     err));
        reset->taken = cs_xrealloc(reset->taken, (reset->n_taken + n) * sizeof *reset->taken);
        for (uint32_t i = 0; i < n; i++)
            reset->taken[reset->n_taken++] =
                (cs_source_file){ cs_arena_str(&reset->arena, files[i].path), files[i].version };
        source->ops->planned(source, &(cs_plan){ .files = files, .n_files = n });
    } while (n > 0);
out:
    cs_arena_done(&arena);
    return code;
}

static void log_notice(void *ctx, cs_log_level level, const char *text)
{
    (void)ctx;
    cs_log(level == CS_LOG_INFO ? CS_LOG_DEBUG : level, "%s", text);
}
