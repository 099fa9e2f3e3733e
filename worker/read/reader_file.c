#include <stdlib.h>

#include "common/base/fault.h"
#include "common/base/limits.h"
#include "worker/read/reader.h"

#define LOOK_BYTES 4096u /* read at a time to find where a record starts */

struct cs_reader {
    cs_file *file;
    cs_stat stat; /* as opened */
    uint64_t at;  /* of the next chunk */
    uint64_t stop;
    char *buffer;
    size_t buffer_size;
    char *path;
};

static cs_code check_version(const cs_split_range *split, const cs_stat *stat, cs_error *err);
static cs_code find_range(cs_reader *reader, const cs_split_range *split, cs_error *err);
static cs_code find_start(cs_reader *reader, uint64_t from, uint64_t before, uint64_t *start,
                          cs_error *err);
static cs_code read_all(cs_reader *reader, uint64_t offset, void *bytes, size_t len, cs_error *err);
static cs_code changed(cs_error *err, const char *path, const char *what, int64_t was, int64_t is);

cs_code cs_reader_open(cs_store *source, const cs_split_range *split, cs_reader **out,
                       cs_error *err)
{
    char shown[256];
    cs_reader *made = cs_xcalloc(1, sizeof *made);
    cs_code code = cs_store_open(source, split->path, &made->file, err);
    if (code == CS_E_NOT_FOUND) {
        code = cs_error_set(err, CS_E_MISSING_FILE,
                            "planned source file %s is gone, or this worker does not see the "
                            "source folder",
                            cs_escape(shown, sizeof shown, split->path));
        cs_error_retriable(err);
    }
    CS_TRY_OUT(code);
    made->path = cs_xcalloc(1, split->path.len * 4 + 1);
    cs_escape(made->path, split->path.len * 4 + 1, split->path);
    CS_TRY_OUT(cs_file_stat(made->file, &made->stat, err));
    CS_TRY_OUT(check_version(split, &made->stat, err));
    CS_TRY_OUT(find_range(made, split, err));
    uint64_t left = made->stop - made->at;
    made->buffer_size = left < CS_READ_BLOCK_BYTES ? (size_t)left : CS_READ_BLOCK_BYTES;
    made->buffer = cs_xcalloc(1, made->buffer_size + CS_CHUNK_PADDING);
    *out = made;
    return CS_OK;
out:
    cs_reader_close(made);
    return code;
}

uint64_t cs_reader_offset(const cs_reader *reader)
{
    return reader->at;
}

cs_code cs_reader_next(cs_reader *reader, cs_str *chunk, bool *last, cs_error *err)
{
    uint64_t left = reader->stop - reader->at;
    size_t len = left < reader->buffer_size ? (size_t)left : reader->buffer_size;
    CS_TRY(read_all(reader, reader->at, reader->buffer, len, err));
    reader->at += len;
    *chunk = (cs_str){ reader->buffer, len };
    *last = reader->at == reader->stop;
    return CS_OK;
}

cs_code cs_reader_verify(cs_reader *reader, cs_error *err)
{
    if (CS_MUTANT("skip_second_identity_check"))
        return CS_OK;
    cs_stat now;
    CS_TRY(cs_file_stat(reader->file, &now, err));
    const cs_stat *was = &reader->stat;
    if (now.size_bytes != was->size_bytes)
        return changed(err, reader->path, "size in bytes", (int64_t)was->size_bytes,
                       (int64_t)now.size_bytes);
    if (now.mtime_ns != was->mtime_ns)
        return changed(err, reader->path, "mtime in ns", was->mtime_ns, now.mtime_ns);
    if (now.ctime_ns != was->ctime_ns)
        return changed(err, reader->path, "ctime in ns", was->ctime_ns, now.ctime_ns);
    return CS_OK;
}

void cs_reader_close(cs_reader *reader)
{
    if (reader == NULL)
        return;
    cs_file_close(reader->file);
    free(reader->buffer);
    free(reader->path);
    free(reader);
}

cs_code cs_reader_line_of(cs_store *source, cs_str path, uint64_t offset, uint64_t *line,
                          uint64_t *column, cs_error *err)
{
    cs_file *file = NULL;
    char *buffer = cs_xcalloc(1, CS_READ_BLOCK_BYTES);
    uint64_t lines = 1, begin = 0;
    bool after_cr = false;
    cs_code code;
    CS_TRY_OUT(cs_store_open(source, path, &file, err));
    for (uint64_t at = 0; at < offset;) {
        size_t got, want = CS_READ_BLOCK_BYTES;
        if (offset - at < want)
            want = (size_t)(offset - at);
        CS_TRY_OUT(cs_file_read_at(file, at, buffer, want, &got, err));
        for (size_t i = 0; i < got; i++) {
            if (buffer[i] != '\n' && buffer[i] != '\r') {
                after_cr = false;
                continue;
            }
            if (buffer[i] == '\r' || !after_cr)
                lines++;
            after_cr = buffer[i] == '\r';
            begin = at + i + 1;
        }
        if (got < want)
            break;
        at += got;
    }
    *line = lines;
    *column = offset - begin + 1;
out:
    cs_file_close(file);
    free(buffer);
    return code;
}

static cs_code check_version(const cs_split_range *split, const cs_stat *stat, cs_error *err)
{
    char shown[256];
    cs_escape(shown, sizeof shown, split->path);
    if (stat->size_bytes != split->version.size_bytes)
        return changed(err, shown, "size in bytes", (int64_t)split->version.size_bytes,
                       (int64_t)stat->size_bytes);
    if (stat->mtime_ns != split->version.mtime_ns)
        return changed(err, shown, "mtime in ns", split->version.mtime_ns, stat->mtime_ns);
    return CS_OK;
}

static cs_code find_range(cs_reader *reader, const cs_split_range *split, cs_error *err)
{
    uint64_t size = reader->stat.size_bytes;
    uint64_t end = split->end < size ? split->end : size;
    reader->at = split->begin < end ? split->begin : end;
    reader->stop = end;
    if (!split->by_records)
        return CS_OK;
    CS_TRY(find_start(reader, reader->at, end, &reader->at, err));
    if (reader->at >= end) {
        reader->stop = reader->at;
        return CS_OK;
    }
    return find_start(reader, end, size, &reader->stop, err);
}

/* The first place at or behind `from` where a record starts; *start = before: there is none in
 * front of that. */
static cs_code find_start(cs_reader *reader, uint64_t from, uint64_t before, uint64_t *start,
                          cs_error *err)
{
    char bytes[LOOK_BYTES];
    if (from == 0 || from >= before) {
        *start = from < before ? from : before;
        return CS_OK;
    }
    uint64_t at = from - 1; /* a line end at or behind it is looked for */
    bool after_cr = false;
    while (at < before) {
        size_t len = before - at < sizeof bytes ? (size_t)(before - at) : sizeof bytes;
        CS_TRY(read_all(reader, at, bytes, len, err));
        for (size_t i = 0; i < len; i++) {
            if (after_cr || bytes[i] == '\n') {
                *start = at + i + (bytes[i] == '\n');
                return CS_OK;
            }
            after_cr = bytes[i] == '\r';
        }
        at += len;
    }
    *start = before;
    return CS_OK;
}

static cs_code read_all(cs_reader *reader, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    size_t got;
    CS_TRY(cs_file_read_at(reader->file, offset, bytes, len, &got, err));
    if (got < len)
        return changed(err, reader->path, "size in bytes", (int64_t)reader->stat.size_bytes,
                       (int64_t)(offset + got));
    return CS_OK;
}

static cs_code changed(cs_error *err, const char *path, const char *what, int64_t was, int64_t is)
{
    (void)cs_error_set(err, CS_E_SOURCE_CHANGED,
                       "source file %s changed since it was planned: %s was %lld, is %lld",
                       path, what, (long long)was, (long long)is);
    cs_error_hint(err, "--replan plans the batch anew, with the file as it is now");
    return CS_E_SOURCE_CHANGED;
}
