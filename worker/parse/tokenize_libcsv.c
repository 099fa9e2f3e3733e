/* libcsv, held to what it provably reads as the exact tokenizer does (spec: csv.md, "libcsv's
 * part"): it is fed one record at a time, in strict mode, with blanks as ordinary data. A record
 * that it flags, one with a CR that may have to change inside quotes, and one that is too long go
 * to the exact machine.
 *
 * Its traps (spec: reliability.md §4): blanks are trimmed unless the space function never matches;
 * a callback cannot abort; a field grows without bound. Each record is bounded by maxRecordBytes
 * before libcsv sees it. */
#include <csv.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "worker/parse/tokenize_exact.h"

#define BATCH_BYTES (64u << 10)
#define BATCH_RECORDS 4096u
#define GROW_BYTES (64u << 10) /* libcsv's own step of 128 bytes is quadratic for large fields */
#define LIBCSV_OPTIONS (CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL)

/* Where the scan for the record's end stands. */
typedef enum frame_state { FRAME_FIELD_START, FRAME_PLAIN, FRAME_QUOTED, FRAME_QUOTE } frame_state;

typedef struct libcsv_tokenizer {
    cs_tokenizer base;
    const cs_csv_options *options;
    cs_exact exact;
    cs_token_batch batch;
    cs_line_end line_end;
    struct csv_parser parser;
    size_t n_fields_left;
    frame_state frame;
    cs_buf pending; /* what earlier chunks held of the open record */
    uint64_t pending_offset;
    cs_str chunk;
    uint64_t offset; /* of chunk.ptr */
    bool last;
} libcsv_tokenizer;

static void libcsv_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last);
static cs_code libcsv_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err);
static void libcsv_release(cs_tokenizer *tokenizer);
static void libcsv_close(cs_tokenizer *tokenizer);
static void advance(libcsv_tokenizer *self);
static void skip(libcsv_tokenizer *self, size_t len);
static size_t frame_end(libcsv_tokenizer *self, cs_str bytes);
static bool frame_step(libcsv_tokenizer *self, char c);
static void hand_to_exact(libcsv_tokenizer *self);
static void take_record(libcsv_tokenizer *self, cs_str record, uint64_t offset, bool at_end);
static bool parse(libcsv_tokenizer *self, cs_str record);
static void on_field(void *bytes, size_t len, void *ctx);
static void on_row(int end, void *ctx);
static int never_space(unsigned char c);

static const cs_tokenizer_ops libcsv_ops = { "libcsv", libcsv_feed, libcsv_next, libcsv_release,
                                           libcsv_close };

cs_tokenizer *cs_tokenizer_new_libcsv(const cs_csv_options *options, uint64_t offset)
{
    libcsv_tokenizer *made = cs_xcalloc(1, sizeof *made);
    made->base.ops = &libcsv_ops;
    made->options = options;
    made->offset = offset;
    cs_exact_init(&made->exact, options, &made->batch, &made->line_end);
    (void)csv_init(&made->parser, LIBCSV_OPTIONS); /* fails only for NULL */
    csv_set_delim(&made->parser, (unsigned char)options->sep.ptr[0]);
    csv_set_quote(&made->parser, (unsigned char)options->quote);
    csv_set_space_func(&made->parser, never_space);
    csv_set_blk_size(&made->parser, GROW_BYTES);
    return &made->base;
}

static void libcsv_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last)
{
    libcsv_tokenizer *self = (libcsv_tokenizer *)tokenizer;
    self->chunk = chunk;
    self->last = last;
    cs_line_end_observe(&self->line_end, chunk);
}

static cs_code libcsv_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err)
{
    libcsv_tokenizer *self = (libcsv_tokenizer *)tokenizer;
    cs_token_batch *batch = &self->batch;
    cs_token_batch_clear(batch);
    while (self->chunk.len > 0 &&
           (batch->n_records == 0 || (batch->n_records < BATCH_RECORDS &&
                                      batch->raw.len < BATCH_BYTES)))
        advance(self);
    if (self->chunk.len == 0 && self->last) {
        if (self->pending.len > 0)
            take_record(self, cs_buf_str(&self->pending), self->pending_offset, true);
        cs_buf_clear(&self->pending);
        (void)cs_exact_finish(&self->exact); /* a record or none: the batch tells */
    }
    CS_TRY(cs_buf_check(&self->pending, err));
    return cs_token_batch_tokens(batch, false, out, err);
}

static void libcsv_release(cs_tokenizer *tokenizer)
{
    libcsv_tokenizer *self = (libcsv_tokenizer *)tokenizer;
    cs_token_batch_release(&self->batch);
    if (self->pending.len == 0 && self->pending.cap > CS_READ_BLOCK_BYTES)
        cs_buf_done(&self->pending);
    if (csv_get_buffer_size(&self->parser) > CS_READ_BLOCK_BYTES)
        csv_free(&self->parser); /* its entry buffer, which comes again when it is needed */
}

static void libcsv_close(cs_tokenizer *tokenizer)
{
    libcsv_tokenizer *self = (libcsv_tokenizer *)tokenizer;
    csv_free(&self->parser);
    cs_token_batch_done(&self->batch);
    cs_buf_done(&self->pending);
    free(self);
}

/* Takes some of the chunk: a record, or what there is of it. */
static void advance(libcsv_tokenizer *self)
{
    if (cs_exact_is_open(&self->exact)) {
        hand_to_exact(self);
        return;
    }
    if (self->pending.len == 0) {
        self->pending_offset = self->offset;
        self->frame = FRAME_FIELD_START;
        if (cs_is_line_end(self->chunk.ptr[0])) {
            skip(self, 1);
            return;
        }
    }
    size_t room = self->options->record_bytes_max - self->pending.len;
    bool cut = room < self->chunk.len;
    size_t end = frame_end(self, (cs_str){ self->chunk.ptr, cut ? room + 1 : self->chunk.len });
    if (end > room) {
        hand_to_exact(self);
    } else if (end == self->chunk.len) {
        cs_buf_add(&self->pending, self->chunk.ptr, end);
        skip(self, end);
    } else {
        cs_str record = { self->chunk.ptr, end };
        if (self->pending.len > 0) {
            cs_buf_add(&self->pending, self->chunk.ptr, end);
            record = cs_buf_str(&self->pending);
        }
        if (!self->pending.failed)
            take_record(self, record, self->pending_offset, false);
        self->pending.len = 0;
        skip(self, end + 1);
    }
}

static void skip(libcsv_tokenizer *self, size_t len)
{
    self->chunk.ptr += len;
    self->chunk.len -= len;
    self->offset += len;
}

/* Index of the line end that ends the open record; bytes.len when it is not among them. */
static size_t frame_end(libcsv_tokenizer *self, cs_str bytes)
{
    size_t at = 0;
    if (!self->options->multi_line)
        return cs_find_line_end(bytes);
    while (at < bytes.len && !frame_step(self, bytes.ptr[at]))
        at++;
    return at;
}

/* Quotes count only where they open a field; behind a lone quote inside quotes the field runs to
 * the separator or the line end, whether that quote closes it or is a stray one. */
static bool frame_step(libcsv_tokenizer *self, char c)
{
    bool is_quote = (unsigned char)c == self->options->quote;
    if (self->frame == FRAME_QUOTED) {
        if (is_quote)
            self->frame = FRAME_QUOTE;
        return false;
    }
    if (is_quote && self->frame != FRAME_PLAIN)
        self->frame = FRAME_QUOTED; /* opens, or is the second of a pair */
    else if (cs_is_line_end(c))
        return true;
    else
        self->frame = c == self->options->sep.ptr[0] ? FRAME_FIELD_START : FRAME_PLAIN;
    return false;
}

/* The open record, from its start or where exact stands. */
static void hand_to_exact(libcsv_tokenizer *self)
{
    bool done = false;
    if (self->pending.len > 0)
        (void)cs_exact_take(&self->exact, cs_buf_str(&self->pending), self->pending_offset, &done);
    self->pending.len = 0;
    skip(self, cs_exact_take(&self->exact, self->chunk, self->offset, &done));
}

/* One record without its line end. */
static void take_record(libcsv_tokenizer *self, cs_str record, uint64_t offset, bool at_end)
{
    if (!self->options->multi_line && cs_is_blank(record.ptr, record.len))
        return;
    bool may_change = self->options->multi_line && self->line_end.kind != CS_LINE_END_LF &&
                      memchr(record.ptr, '\r', record.len) != NULL;
    if (!may_change) {
        cs_token_batch_begin(&self->batch);
        cs_buf_add(&self->batch.raw, record.ptr, record.len);
        if (parse(self, record)) {
            cs_token_batch_end(&self->batch, offset, false);
            return;
        }
        cs_token_batch_drop(&self->batch);
    }
    bool done;
    (void)cs_exact_take(&self->exact, record, offset, &done);
    if (!at_end)
        (void)cs_exact_take(&self->exact, CS_STR("\n"), offset + record.len, &done);
}

static bool parse(libcsv_tokenizer *self, cs_str record)
{
    /* Room for all fields at once: they are never longer than their record. */
    if (cs_buf_reserve(&self->batch.text, record.len) == NULL)
        return true; /* the failed buffer ends the batch with an error */
    self->n_fields_left = (size_t)self->options->columns_max + 1;
    size_t taken = csv_parse(&self->parser, record.ptr, record.len, on_field, on_row, self);
    if (taken == record.len && csv_fini(&self->parser, on_field, on_row, self) == 0)
        return true;
    /* After an error csv_fini resets the parser only when it is not strict. */
    (void)csv_set_opts(&self->parser, 0);
    (void)csv_fini(&self->parser, NULL, NULL, NULL);
    (void)csv_set_opts(&self->parser, LIBCSV_OPTIONS);
    return false;
}

static void on_field(void *bytes, size_t len, void *ctx)
{
    libcsv_tokenizer *self = ctx;
    cs_token_batch *batch = &self->batch;
    if (self->n_fields_left == 0)
        return;
    self->n_fields_left--;
    if (batch->n_fields == batch->fields_cap)
        cs_token_batch_room(batch, 1, 0);
    cs_token_batch_add_copied(batch, batch->text.len, len, bytes != NULL && len == 0);
    if (len > 0)
        memcpy(batch->text.ptr + batch->text.len, bytes, len);
    batch->text.len += len;
}

static void on_row(int end, void *ctx)
{
    (void)end;
    (void)ctx;
}

static int never_space(unsigned char c)
{
    (void)c;
    return 0;
}
