#include "common/delta/delta_lines.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/delta/delta_skim.h"

struct cs_delta_lines {
    cs_file *file;
    cs_stat stat;
    unsigned mask;
    cs_buf name;       /* NUL-terminated, without folders: for messages */
    cs_buf buf;        /* bytes read and not yet passed on, from `at` */
    size_t at;
    size_t scanned;    /* bytes behind `at` that hold no newline */
    uint64_t offset;   /* of the next byte to read */
    bool at_end;
    uint64_t line;     /* number of the last one, from 1 */
    cs_json_doc *doc;  /* of the action in hand */
    cs_arena arena;
    cs_delta_action action;
};

static bool is_blank(cs_str line);
static cs_code next_line(cs_delta_lines *lines, cs_str *line, bool *end, cs_error *err);
static cs_code fill(cs_delta_lines *lines, cs_error *err);

cs_code cs_delta_lines_open(cs_store *table, cs_str name, unsigned mask, cs_delta_lines **out, cs_error *err)
{
    cs_file *file;
    CS_TRY(cs_store_open(table, name, &file, err));
    cs_stat stat;
    cs_code code = cs_file_stat(file, &stat, err);
    if (code != CS_OK) {
        cs_file_close(file);
        return code;
    }
    cs_delta_lines *lines = cs_xcalloc(1, sizeof *lines);
    lines->file = file;
    lines->stat = stat;
    lines->mask = mask;
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t skip = slash ? (size_t)(slash - name.ptr) + 1 : 0;
    cs_buf_add(&lines->name, name.ptr + skip, name.len - skip);
    cs_buf_add_char(&lines->name, '\0');
    code = fill(lines, err);
    if (code != CS_OK) {
        cs_delta_lines_close(lines);
        return code;
    }
    *out = lines;
    return CS_OK;
}

cs_code cs_delta_lines_next(cs_delta_lines *lines, const cs_delta_action **action, cs_error *err)
{
    for (;;) {
        cs_json_free(lines->doc);
        lines->doc = NULL;
        cs_arena_reset(&lines->arena);
        cs_str line;
        bool end = false;
        CS_TRY(next_line(lines, &line, &end, err));
        if (end) {
            *action = NULL;
            return CS_OK;
        }
        if (is_blank(line) || cs_delta_skim(line, lines->mask))
            continue;
        cs_error why = { 0 };
        cs_code code =
            cs_delta_action_parse(line, lines->mask, &lines->arena, &lines->doc, &lines->action, &why);
        if (code == CS_E_DAMAGED_LOG)
            return cs_error_set(err, code, "damaged log: %s line %llu: %s", lines->name.ptr,
                                (unsigned long long)lines->line, why.message);
        if (code != CS_OK)
            return cs_error_set(err, code, "%s", why.message);
        if (lines->action.kind != CS_DELTA_OTHER) {
            *action = &lines->action;
            return CS_OK;
        }
    }
}

const cs_stat *cs_delta_lines_stat(const cs_delta_lines *lines)
{
    return &lines->stat;
}

void cs_delta_lines_close(cs_delta_lines *lines)
{
    if (!lines)
        return;
    cs_json_free(lines->doc);
    cs_arena_done(&lines->arena);
    cs_buf_done(&lines->buf);
    cs_buf_done(&lines->name);
    cs_file_close(lines->file);
    free(lines);
}

cs_code cs_delta_file_sha256(cs_store *table, cs_str name, cs_sha256 *sha, cs_stat *stat, cs_error *err)
{
    cs_file *file;
    CS_TRY(cs_store_open(table, name, &file, err));
    cs_sha256_stream *stream = cs_sha256_new();
    char *block = cs_xcalloc(1, CS_READ_BLOCK_BYTES);
    cs_stat found;
    cs_code code;
    CS_TRY_OUT(cs_file_stat(file, &found, err));
    size_t got = CS_READ_BLOCK_BYTES;
    for (uint64_t offset = 0; got == CS_READ_BLOCK_BYTES; offset += got) {
        CS_TRY_OUT(cs_file_read_at(file, offset, block, CS_READ_BLOCK_BYTES, &got, err));
        cs_sha256_add(stream, block, got);
    }
    *sha = cs_sha256_end(stream);
    stream = NULL;
    *stat = found;
out:
    cs_sha256_free(stream);
    free(block);
    cs_file_close(file);
    return code;
}

/* Zero bytes are not blank: a commit that a crash left full of them is damaged. */
static bool is_blank(cs_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    }
    return true;
}

static cs_code next_line(cs_delta_lines *lines, cs_str *line, bool *end, cs_error *err)
{
    for (;;) {
        const char *from = lines->buf.ptr + lines->at;
        size_t have = lines->buf.len - lines->at;
        const char *newline =
            have > lines->scanned ? memchr(from + lines->scanned, '\n', have - lines->scanned) : NULL;
        if (newline || (lines->at_end && have > 0)) {
            size_t len = newline ? (size_t)(newline - from) : have;
            *line = (cs_str){ from, len };
            lines->at += newline ? len + 1 : len;
            lines->scanned = 0;
            lines->line++;
            return CS_OK;
        }
        if (lines->at_end) {
            *end = true;
            return CS_OK;
        }
        lines->scanned = have;
        CS_TRY(fill(lines, err));
    }
}

/* The line in hand moves to the front; a line may grow up to its limit. */
static cs_code fill(cs_delta_lines *lines, cs_error *err)
{
    cs_buf *buf = &lines->buf;
    if (lines->at > 0) {
        memmove(buf->ptr, buf->ptr + lines->at, buf->len - lines->at);
        buf->len -= lines->at;
        lines->at = 0;
    }
    if (buf->len >= CS_LOG_LINE_BYTES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "%s line %llu is longer than %u bytes, the limit of a log line",
                            lines->name.ptr, (unsigned long long)lines->line + 1, CS_LOG_LINE_BYTES_MAX);
    uint64_t left = lines->stat.size_bytes > lines->offset ? lines->stat.size_bytes - lines->offset : 0;
    size_t want = left < CS_READ_BLOCK_BYTES ? (size_t)left + 1 : CS_READ_BLOCK_BYTES;
    char *room = cs_buf_reserve(buf, want);
    if (!room)
        return cs_buf_check(buf, err);
    size_t got = 0;
    CS_TRY(cs_file_read_at(lines->file, lines->offset, room, want, &got, err));
    buf->len += got;
    lines->offset += got;
    lines->at_end = got < want;
    return CS_OK;
}
