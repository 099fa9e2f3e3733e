#include "coordinator/query_io.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/fault.h"
#include "coordinator/recover.h"

/* An idle stream looks so often whether its table is still the one it knows. */
#define LOOK_AT_TABLE_MS (60 * 1000)

struct cs_query_io {
    cs_query_io_env env;
    cs_job source_job;         /* the job as the source shall see it */
    cs_checkpoint *checkpoint; /* NULL before the first RECOVER; takes env.kv over */
    cs_source *source;
    cs_sink *sink;
    int64_t looked_at_ms; /* when the table was looked at last */
    cs_arena arena;       /* of one action */
    cs_arena kept;        /* of accepted */
    cs_sink_other *accepted;
    size_t n_accepted;
};

/* What the table and the checkpoint say, when a start compares them. */
typedef struct start_state {
    cs_sink_state sink;
    cs_plan *plan;    /* C+1, NULL: none */
    cs_plan *dropped; /* the one set aside whose digest the table shows; NULL: none */
} start_state;

static cs_code recover(cs_query_io *io, cs_batch_event *event, cs_error *err);
static cs_code open_all(cs_query_io *io, cs_error *err);
static cs_code open_source(cs_query_io *io, cs_error *err);
static cs_code forget_plan(cs_query_io *io, cs_error *err);
static void keep_accepted(cs_query_io *io, const cs_accepted *accepted, size_t n);
static cs_code load_state(cs_query_io *io, start_state *state, cs_error *err);
static cs_code look_at_table(cs_query_io *io, cs_sink_state *out, cs_error *err);
static cs_code carry_out(cs_query_io *io, cs_recover_decision decision, start_state *state,
                         cs_error *err);
static cs_code adopt(cs_query_io *io, const cs_plan *plan, cs_error *err);
static cs_code list(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event,
                    cs_error *err);
static cs_code plan_files(cs_query_io *io, const cs_source_file *files, uint32_t n_files,
                          uint32_t workers, cs_plan **out, cs_error *err);
static cs_code save_plan(cs_query_io *io, const cs_batch_action *action, cs_error *err);
static void check_parts(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event);
static cs_code commit(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event,
                      int64_t *wait_ms, cs_error *err);
static cs_code clean(cs_query_io *io, cs_batch_event *event, cs_error *err);
static cs_code seen(void *ctx, const cs_source_file *file, cs_seen *out, cs_content_version *known,
                    cs_error *err);
static cs_code changed(void *ctx, const cs_source_file *file, cs_error *err);
static void source_says(void *ctx, cs_log_level level, const char *text);
static bool drains(const cs_job *job);
static cs_uuid new_table_id(const cs_uuid *stream);
static void say(cs_query_io *io, cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);

uint64_t cs_query_source_hash(const cs_job *job)
{
    cs_buf text = CS_BUF_INIT;
    cs_buf_add_str(&text, job->source_path);
    cs_buf_add_char(&text, '\0');
    cs_buf_add_str(&text, job->path_glob);
    uint64_t hash = cs_hash64(text.ptr, text.len);
    cs_buf_done(&text);
    return hash;
}

cs_query_io *cs_query_io_new(const cs_query_io_env *env)
{
    cs_query_io *io = cs_xcalloc(1, sizeof *io);
    io->env = *env;
    io->source_job = *env->job;
    if (drains(env->job))
        io->source_job.list_interval_ms =
            INT64_MAX; /* what lands after the first look is the next run's */
    if (env->job->trigger == CS_TRIGGER_ONCE) {
        io->source_job.files_max = 0;
        io->source_job.bytes_max = 0;
    }
    return io;
}

void cs_query_io_free(cs_query_io *io)
{
    if (io == NULL)
        return;
    if (io->source != NULL)
        io->source->ops->close(io->source);
    if (io->sink != NULL)
        io->sink->ops->close(io->sink);
    cs_checkpoint_close(io->checkpoint);
    if (io->env.kv != NULL)
        io->env.kv->ops->close(io->env.kv);
    cs_arena_done(&io->arena);
    cs_arena_done(&io->kept);
    free(io);
}

void cs_query_io_hint(cs_query_io *io, cs_str name, bool closed)
{
    if (io->source != NULL && !drains(io->env.job))
        io->source->ops->hint(io->source, name, closed);
}

void cs_query_io_run(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event)
{
    cs_arena_reset(&io->arena);
    cs_error error;
    cs_code code = CS_OK;
    int64_t wait_ms = 0;
    switch (action->kind) {
    case CS_BATCH_RECOVER:
        code = recover(io, event, &error);
        break;
    case CS_BATCH_LIST:
        code = list(io, action, event, &error);
        break;
    case CS_BATCH_SAVE_PLAN:
        event->kind = CS_BATCH_PLAN_SAVED;
        code = save_plan(io, action, &error);
        break;
    case CS_BATCH_CHECK_PARTS:
        check_parts(io, action, event);
        break;
    case CS_BATCH_COMMIT:
        code = commit(io, action, event, &wait_ms, &error);
        break;
    case CS_BATCH_FLUSH:
        event->kind = CS_BATCH_FLUSHED;
        code = cs_checkpoint_flush(io->checkpoint, &error);
        break;
    default:
        assert(action->kind == CS_BATCH_CLEAN);
        code = clean(io, event, &error);
        break;
    }
    if (code == CS_OK)
        return;
    if (code == CS_E_NOT_FOUND) {
        /* A name of the doors, not for people. */
        error.code = CS_E_MISSING_FILE;
        error.exit_status = cs_code_exit_status(error.code);
    }
    event->kind = CS_BATCH_IO_FAILED;
    event->failed.action = action->kind;
    event->failed.wait_ms = wait_ms;
    event->error = error;
}

/* --- start --- */

static cs_code recover(cs_query_io *io, cs_batch_event *event, cs_error *err)
{
    start_state state = { 0 };
    cs_code code;
    CS_TRY_OUT(open_all(io, err));
    CS_FAULT("recover.epoch_durable");
    CS_TRY_OUT(load_state(io, &state, err));
    const cs_checkpoint_state *checkpoint = cs_checkpoint_state_of(io->checkpoint);
    const cs_plan *plans[] = { state.plan };
    cs_recover_input input = { .checkpoint = checkpoint,
                               .plans = plans,
                               .n_plans = state.plan != NULL,
                               .dropped = state.dropped,
                               .sink = &state.sink,
                               .checkpoint_path = io->env.job->checkpoint_path,
                               .table_path = io->env.job->table_path,
                               .source_path = io->env.job->source_path };
    cs_accepted *accepted;
    CS_TRY_OUT(
        cs_checkpoint_accepted(io->checkpoint, &io->arena, &accepted, &input.n_accepted, err));
    input.accepted = accepted;
    keep_accepted(io, accepted, input.n_accepted);
    cs_recover_decision decision;
    CS_TRY_OUT(cs_recover(&input, &decision, err));
    CS_TRY_OUT(carry_out(io, decision, &state, err));
    event->kind = CS_BATCH_RECOVERED;
    event->recovered.stream = checkpoint->stream;
    event->recovered.epoch = checkpoint->epoch;
    event->recovered.committed = checkpoint->committed;
    event->recovered.plan = state.plan;
    state.plan = NULL;
out:
    cs_plan_free(state.plan);
    cs_plan_free(state.dropped);
    return code;
}

/* What is open already stays so: RECOVER may come again in one epoch. */
static cs_code open_all(cs_query_io *io, cs_error *err)
{
    const cs_job *job = io->env.job;
    if (io->checkpoint == NULL) {
        cs_buf options = CS_BUF_INIT;
        cs_options_print(&job->options, &options);
        cs_checkpoint_pin pin = { .source_path = job->source_path,
                                  .source_format = job->source_format,
                                  .options = cs_buf_str(&options) };
        cs_code code = cs_buf_check(&options, err);
        if (code == CS_OK) {
            cs_kv *kv = io->env.kv;
            io->env.kv = NULL; /* gone also when the start fails */
            code = cs_checkpoint_start(kv, &pin, io->env.rng, &io->checkpoint, err);
        }
        cs_buf_done(&options);
        if (code != CS_OK)
            return code;
    }
    if (io->sink == NULL) {
        cs_sink_env env = { .job = job,
                            .table = io->env.table,
                            .clock = io->env.clock,
                            .rng = io->env.rng,
                            .stream = cs_checkpoint_state_of(io->checkpoint)->stream,
                            .source_hash = cs_query_source_hash(job),
                            .ctx = io->env.ctx,
                            .notice = io->env.notice };
        CS_TRY(cs_sink_open(&env, &io->sink, err));
    }
    return io->source == NULL ? open_source(io, err) : CS_OK;
}

static cs_code open_source(cs_query_io *io, cs_error *err)
{
    cs_source_env env = { .job = &io->source_job,
                          .store = io->env.source,
                          .clock = io->env.clock,
                          .ctx = io,
                          .seen = seen,
                          .changed = changed,
                          .notice = source_says };
    return cs_source_open(&env, &io->source, err);
}

/* The plan is dropped and its files are new again. A source has handed them out, and one that lists only once would
 * not find them: another one begins from nothing. */
static cs_code forget_plan(cs_query_io *io, cs_error *err)
{
    CS_TRY(cs_checkpoint_replan(io->checkpoint, err));
    io->source->ops->close(io->source);
    io->source = NULL;
    return open_source(io, err);
}

/* For the commits, which look for other streams again. */
static void keep_accepted(cs_query_io *io, const cs_accepted *accepted, size_t n)
{
    cs_arena_reset(&io->kept);
    io->accepted = cs_arena_array(&io->kept, cs_sink_other, n);
    io->n_accepted = n;
    for (size_t i = 0; i < n; i++)
        io->accepted[i] =
            (cs_sink_other){ .stream = accepted[i].stream, .batch = accepted[i].batch };
}

static cs_code load_state(cs_query_io *io, start_state *state, cs_error *err)
{
    CS_TRY(look_at_table(io, &state->sink, err));
    const cs_checkpoint_state *checkpoint = cs_checkpoint_state_of(io->checkpoint);
    if (checkpoint->planned > checkpoint->committed)
        CS_TRY(cs_checkpoint_load_plan(io->checkpoint, (uint64_t)checkpoint->committed + 1,
                                       &state->plan, err));
    if (!state->sink.has_digest)
        return CS_OK;
    cs_code code =
        cs_checkpoint_load_dropped(io->checkpoint, state->sink.digest63, &state->dropped, err);
    return code == CS_E_NOT_FOUND ? CS_OK : code;
}

static cs_code look_at_table(cs_query_io *io, cs_sink_state *out, cs_error *err)
{
    io->looked_at_ms = cs_clock_mono_ms(io->env.clock);
    return io->sink->ops->state(io->sink, &io->arena, out, err);
}

static cs_code carry_out(cs_query_io *io, cs_recover_decision decision, start_state *state,
                         cs_error *err)
{
    const cs_job *job = io->env.job;
    cs_plan *plan = state->plan;
    switch (decision) {
    case CS_RECOVER_NEW:
        break;
    case CS_RECOVER_REPLAY:
        if (plan != NULL && CS_MUTANT("plan_rewritten_on_replay")) {
            CS_TRY(plan_files(io, plan->files, plan->n_files, 1, &state->plan, err));
            cs_plan_free(plan);
            return CS_OK;
        }
        if (plan == NULL || !job->replan)
            return CS_OK;
        CS_TRY(forget_plan(io, err));
        say(io, CS_LOG_INFO, "--replan: batch %" PRIu64 " is planned anew", plan->batch);
        break;
    case CS_RECOVER_PLAN_ANEW:
        CS_TRY(forget_plan(io, err));
        break;
    case CS_RECOVER_ADOPT:
        CS_TRY(adopt(io, plan, err));
        break;
    case CS_RECOVER_ADOPT_DROPPED:
        CS_TRY(cs_checkpoint_adopt_dropped(io->checkpoint, state->sink.digest63, err));
        CS_TRY(adopt(io, state->dropped, err));
        say(io, CS_LOG_WARN,
            "batch %" PRIu64 " was committed before --replan set it aside: it counts as it is",
            state->dropped->batch);
        break;
    }
    cs_plan_free(plan);
    state->plan = NULL;
    return CS_OK;
}

/* The batch is in the table. That its version is there proves the link, not that the link is
 * durable. */
static cs_code adopt(cs_query_io *io, const cs_plan *plan, cs_error *err)
{
    if (!CS_MUTANT("adopt_without_sync"))
        CS_TRY(io->sink->ops->sync(io->sink, err));
    CS_FAULT("recover.synced");
    cs_checkpoint_committed(io->checkpoint, plan->batch, &plan->digest, &plan->table_id);
    return cs_checkpoint_flush(io->checkpoint, err);
}

/* --- discover and plan --- */

static cs_code list(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event,
                    cs_error *err)
{
    cs_source_file *files;
    uint32_t n_files;
    int64_t again_ms;
    CS_TRY(io->source->ops->list(io->source, action->list.full, &io->arena, &files, &n_files,
                                 &again_ms, err));
    CS_FAULT("discover.listed");
    cs_plan *plan = NULL;
    cs_sink_state unused;
    if (n_files > 0)
        CS_TRY(plan_files(io, files, n_files, action->list.workers, &plan, err));
    else if (cs_clock_mono_ms(io->env.clock) - io->looked_at_ms >= LOOK_AT_TABLE_MS)
        CS_TRY(look_at_table(io, &unused, err));
    cs_source_counts counts = io->source->ops->counts(io->source);
    event->kind = CS_BATCH_LISTED;
    event->listed.plan = plan;
    event->listed.backlog = counts.backlog;
    event->listed.held_back = counts.held_back;
    event->listed.again_ms = again_ms;
    return CS_OK;
}

static cs_code plan_files(cs_query_io *io, const cs_source_file *files, uint32_t n_files,
                          uint32_t workers, cs_plan **out, cs_error *err)
{
    const cs_job *job = io->env.job;
    const cs_checkpoint_state *checkpoint = cs_checkpoint_state_of(io->checkpoint);
    cs_sink_state sink;
    CS_TRY(look_at_table(io, &sink, err));
    cs_buf options = CS_BUF_INIT;
    cs_options_print(&job->options, &options);
    cs_plan_input input = { .batch = (uint64_t)(checkpoint->committed + 1),
                            .job = job,
                            .options = cs_buf_str(&options),
                            .batch_time_us = cs_clock_wall_us(io->env.clock),
                            .table_id = sink.table_exists ? sink.table_id
                                                          : new_table_id(&checkpoint->stream),
                            .write_schema = sink.write_schema,
                            .codec = sink.codec,
                            .files = files,
                            .n_files = n_files,
                            .splittable = !job->csv.multi_line,
                            .workers = workers,
                            .digest_before = &checkpoint->digest };
    cs_code code = cs_buf_check(&options, err);
    if (code == CS_OK)
        code = cs_plan_make(&input, out, err);
    cs_buf_done(&options);
    return code;
}

static cs_code save_plan(cs_query_io *io, const cs_batch_action *action, cs_error *err)
{
    CS_FAULT("plan.before_save");
    CS_TRY(cs_checkpoint_save_plan(io->checkpoint, action->plan.plan, err));
    CS_FAULT("plan.saved");
    io->source->ops->planned(io->source, action->plan.plan);
    return CS_OK;
}

/* What the checkpoint knows of a file. */
static cs_code seen(void *ctx, const cs_source_file *file, cs_seen *out, cs_content_version *known,
                    cs_error *err)
{
    cs_query_io *io = ctx;
    bool is_known;
    uint64_t batch;
    CS_TRY(cs_checkpoint_seen(io->checkpoint, file, &is_known, known, &batch, err));
    if (!is_known || CS_MUTANT("seen_forgotten"))
        *out = CS_SEEN_NEW;
    else if (known->size_bytes == file->version.size_bytes &&
             known->mtime_ns == file->version.mtime_ns)
        *out = CS_SEEN_SAME;
    else
        *out = CS_SEEN_CHANGED;
    return CS_OK;
}

static cs_code changed(void *ctx, const cs_source_file *file, cs_error *err)
{
    cs_query_io *io = ctx;
    return cs_checkpoint_changed(io->checkpoint, file, err);
}

static void source_says(void *ctx, cs_log_level level, const char *text)
{
    cs_query_io *io = ctx;
    io->env.notice(io->env.ctx, level, text);
}

/* --- check, commit, tidy up --- */

static void check_parts(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event)
{
    const cs_task_result *result = action->check.result;
    event->kind = CS_BATCH_PARTS_CHECKED;
    event->checked.task = action->check.task;
    event->checked.ok = true;
    for (uint32_t i = 0;
         i < result->n_parts && event->checked.ok && !CS_MUTANT("parts_not_checked"); i++)
        event->checked.ok =
            io->sink->ops->check(io->sink, &result->parts[i], &event->error) == CS_OK;
    CS_FAULT("ack.checked");
}

static cs_code commit(cs_query_io *io, const cs_batch_action *action, cs_batch_event *event,
                      int64_t *wait_ms, cs_error *err)
{
    const cs_plan *plan = action->commit.plan;
    cs_commit what = { .plan = plan,
                       .parts = action->commit.parts,
                       .n_parts = action->commit.n_parts,
                       .rows = action->commit.rows,
                       .accepted = io->accepted,
                       .n_accepted = io->n_accepted };
    cs_commit_result result = { 0 };
    CS_FAULT("commit.begin");
    bool marked = cs_checkpoint_state_of(io->checkpoint)->committed == (int64_t)plan->batch;
    if (CS_MUTANT("committed_before_link") && !marked) {
        cs_checkpoint_committed(io->checkpoint, plan->batch, &plan->digest, &plan->table_id);
        CS_TRY(cs_checkpoint_flush(io->checkpoint, err));
    }
    cs_code code = io->sink->ops->commit(io->sink, &what, &result, err);
    *wait_ms = result.wait_ms;
    CS_TRY(code);
    CS_FAULT("commit.done");
    if (!CS_MUTANT("committed_before_link"))
        cs_checkpoint_committed(io->checkpoint, plan->batch, &plan->digest, &plan->table_id);
    event->kind = CS_BATCH_COMMITTED;
    event->committed.version = result.version;
    event->committed.was_there = result.was_there;
    return CS_OK;
}

static cs_code clean(cs_query_io *io, cs_batch_event *event, cs_error *err)
{
    const cs_checkpoint_state *checkpoint = cs_checkpoint_state_of(io->checkpoint);
    int64_t upto =
        CS_MUTANT("clean_from_memory") ? checkpoint->committed + 1 : checkpoint->committed;
    event->kind = CS_BATCH_CLEANED;
    event->cleaned.removed = 0;
    CS_FAULT("clean.begin");
    return io->sink->ops->clean(io->sink, upto, &event->cleaned.removed, err);
}

/* --- helpers --- */

static bool drains(const cs_job *job)
{
    return job->trigger == CS_TRIGGER_AVAILABLE_NOW || job->trigger == CS_TRIGGER_ONCE;
}

/* The table that this stream makes if there is none: the same one however often batch 0 is planned,
 * so that a late commit of a former plan is known for what it is. */
static cs_uuid new_table_id(const cs_uuid *stream)
{
    cs_sha256 hash = cs_sha256_of(stream->bytes, sizeof stream->bytes);
    cs_uuid id;
    memcpy(id.bytes, hash.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f)); /* RFC 9562, version 8 */
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static void say(cs_query_io *io, cs_log_level level, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    io->env.notice(io->env.ctx, level, text);
}
