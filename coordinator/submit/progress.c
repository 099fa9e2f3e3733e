#include "coordinator/submit/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/uuid.h"
#include "coordinator/submit/print.h"

struct cs_progress {
    cs_clock *clock;
    const cs_job *job;
    bool quiet, terminal;
    bool json; /* lines of the log's form instead of lines for people */
    bool open_line; /* a progress line without its newline stands on the terminal */
    int64_t started_ms;
    uint64_t batches, files, rows_in, rows_out, rejected, parts, part_bytes;
    int64_t first_version, last_version; /* -1: none */
    double files_per_s;
};

cs_progress *cs_progress_new(cs_clock *clock, const cs_job *job, bool quiet, bool json)
{
    cs_progress *progress = cs_xcalloc(1, sizeof *progress);
    progress->clock = clock;
    progress->job = job;
    progress->quiet = quiet;
    progress->json = json;
    progress->terminal = isatty(STDERR_FILENO) && !json;
    progress->started_ms = cs_clock_mono_ms(clock);
    progress->first_version = progress->last_version = -1;
    return progress;
}

void cs_progress_break(cs_progress *progress)
{
    if (progress->open_line)
        fputc('\n', stderr);
    progress->open_line = false;
}

static void add_plural(cs_buf *out, uint64_t count, const char *what)
{
    cs_add_count(out, count);
    cs_buf_printf(out, " %s%s", what, count == 1 ? "" : what[strlen(what) - 1] == 'h' ? "es" : "s");
}

static void say(cs_progress *progress, const cs_buf *line, bool in_place)
{
    if (progress->json) {
        cs_log(CS_LOG_INFO, "%.*s", CS_STR_ARG(cs_buf_str(line)));
    } else if (in_place && progress->terminal) {
        fprintf(stderr, "\r\033[K%.*s", CS_STR_ARG(cs_buf_str(line)));
        progress->open_line = true;
    } else {
        cs_progress_break(progress);
        fprintf(stderr, "%.*s\n", CS_STR_ARG(cs_buf_str(line)));
    }
    fflush(stderr);
}

void cs_progress_started(cs_progress *progress, const Cs__Submitted *submitted, unsigned workers)
{
    cs_buf line = CS_BUF_INIT;
    cs_uuid stream = { 0 };
    char text[CS_UUID_TEXT_LEN + 1];
    if (progress->quiet)
        return;
    memcpy(stream.bytes, submitted->stream.data, sizeof stream.bytes);
    cs_uuid_text(&stream, text);
    cs_buf_add_cstr(&line, "query ");
    cs_buf_add_escaped(&line, progress->job->name.len ? progress->job->name : progress->job->table_path);
    cs_buf_printf(&line, "  stream %.8s  run %llu  ", text, (unsigned long long)submitted->epoch);
    add_plural(&line, workers, "worker");
    say(progress, &line, false);
    cs_buf_done(&line);
}

static void add_backlog(cs_progress *progress, const Cs__BatchProgress *batch, cs_buf *line)
{
    if (batch->ms_total > 0)
        progress->files_per_s = (double)batch->files * 1000.0 / (double)batch->ms_total;
    if (batch->backlog_files == 0)
        return;
    cs_buf_add_cstr(line, " │ backlog ");
    add_plural(line, batch->backlog_files, "file");
    if (progress->files_per_s > 0)
        cs_buf_printf(line, " (~%.0f s)", (double)batch->backlog_files / progress->files_per_s);
}

void cs_progress_batch(cs_progress *progress, const Cs__BatchProgress *batch)
{
    cs_buf line = CS_BUF_INIT;
    double seconds = batch->ms_total > 0 ? (double)batch->ms_total / 1000.0 : 0.001;
    progress->batches++;
    progress->files += batch->files;
    progress->rows_in += batch->rows_in;
    progress->rows_out += batch->rows_out;
    progress->rejected += batch->rows_rejected;
    progress->parts += batch->parts;
    progress->part_bytes += batch->part_bytes;
    if (progress->first_version < 0)
        progress->first_version = batch->table_version;
    progress->last_version = batch->table_version;
    if (progress->quiet)
        return;
    cs_buf_printf(&line, "batch %llu │ ", (unsigned long long)batch->batch);
    add_plural(&line, batch->files, "file");
    cs_buf_add_cstr(&line, " │ in ");
    cs_add_rate(&line, (double)batch->rows_in / seconds);
    cs_buf_add_cstr(&line, " r/s  out ");
    cs_add_rate(&line, (double)batch->rows_out / seconds);
    cs_buf_add_cstr(&line, " r/s");
    add_backlog(progress, batch, &line);
    cs_buf_printf(&line, " │ table v%lld │ rejected ", (long long)batch->table_version);
    cs_add_count(&line, batch->rows_rejected);
    say(progress, &line, true);
    cs_buf_done(&line);
}

void cs_progress_notice(cs_progress *progress, cs_log_level level, cs_str text)
{
    cs_progress_break(progress);
    if (!progress->quiet || level <= CS_LOG_WARN)
        cs_log(level, "%.*s", CS_STR_ARG(text));
}

void cs_progress_stopping(cs_progress *progress)
{
    cs_progress_break(progress);
    cs_buf line = CS_BUF_INIT;
    cs_buf_add_cstr(&line, "stopping after the running batch; Ctrl-C again stops at once");
    if (!progress->quiet)
        say(progress, &line, false);
    cs_buf_done(&line);
}

void cs_progress_end(cs_progress *progress)
{
    cs_buf line = CS_BUF_INIT;
    double seconds = (double)(cs_clock_mono_ms(progress->clock) - progress->started_ms) / 1000.0;
    cs_progress_break(progress);
    if (progress->quiet)
        return;
    cs_buf_add_cstr(&line, "done  ");
    if (progress->batches == 0) {
        cs_buf_printf(&line, "nothing new · %.1f s", seconds);
    } else {
        add_plural(&line, progress->batches, "batch");
        cs_buf_add_cstr(&line, " · ");
        add_plural(&line, progress->files, "file");
        cs_buf_add_cstr(&line, " · ");
        add_plural(&line, progress->rows_out, "row");
        cs_buf_add_cstr(&line, " (");
        cs_add_count(&line, progress->rejected);
        cs_buf_add_cstr(&line, " rejected) · ");
        add_plural(&line, progress->parts, "part");
        cs_buf_add_char(&line, ' ');
        cs_add_size(&line, progress->part_bytes);
        if (progress->first_version == progress->last_version)
            cs_buf_printf(&line, " · v%lld", (long long)progress->last_version);
        else
            cs_buf_printf(&line, " · v%lld→v%lld", (long long)progress->first_version, (long long)progress->last_version);
        cs_buf_printf(&line, " · %.1f s", seconds);
    }
    if (!progress->json) {
        cs_buf_add_cstr(&line, "\n      look at it: cstream-submit count ");
        cs_buf_add_escaped(&line, progress->job->table_path);
    }
    say(progress, &line, false);
    cs_buf_done(&line);
}

void cs_progress_free(cs_progress *progress)
{
    free(progress);
}
