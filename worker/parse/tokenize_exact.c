/* CRLF needs no rule of its own: CR ends a record, and the LF behind it is an empty line, which
 * both modes drop.
 *
 * Issue 3 knows escape = quote only. A separate escape character adds its state beside
 * CS_EXACT_QUOTE; another unescapedQuoteHandling replaces stray_quote. */
#include "worker/parse/tokenize_exact.h"

#include <stdlib.h>

#include "common/base/arena.h"

#define PIECE_BYTES (64u << 10)
#define BATCH_BYTES (64u << 10) /* of raw text, before a batch is handed out */
#define BATCH_RECORDS 4096u

typedef struct exact_tokenizer {
    cs_tokenizer base;
    cs_exact exact;
    cs_token_batch batch;
    cs_line_end line_end;
    cs_str chunk;
    uint64_t offset; /* of chunk.ptr */
    bool last;
} exact_tokenizer;

static void exact_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last);
static cs_code exact_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err);
static void exact_release(cs_tokenizer *tokenizer);
static void exact_close(cs_tokenizer *tokenizer);
static bool take_piece(cs_exact *exact, cs_str bytes, size_t *taken, bool *done);
static void step(cs_exact *exact, unsigned char c);
static void step_quoted(cs_exact *exact, unsigned char c);
static void step_quote(cs_exact *exact, unsigned char c);
static bool resolve_cr(cs_exact *exact, bool before_lf);
static void stray_quote(cs_exact *exact);
static void push(cs_exact *exact, size_t begin, bool quoted);
static void push_last(cs_exact *exact);
static bool end_record(cs_exact *exact);

static const cs_tokenizer_ops exact_ops = { "exact", exact_feed, exact_next, exact_release,
                                           exact_close };

void cs_line_end_observe(cs_line_end *line_end, cs_str chunk)
{
    if (line_end->kind != CS_LINE_END_UNKNOWN || chunk.len == 0)
        return;
    if (line_end->after_cr) {
        line_end->kind = chunk.ptr[0] == '\n' ? CS_LINE_END_CRLF : CS_LINE_END_CR;
        return;
    }
    for (size_t i = 0; i < chunk.len; i++) {
        if (!cs_is_line_end(chunk.ptr[i]))
            continue;
        if (chunk.ptr[i] == '\n')
            line_end->kind = CS_LINE_END_LF;
        else if (i + 1 == chunk.len)
            line_end->after_cr = true;
        else
            line_end->kind = chunk.ptr[i + 1] == '\n' ? CS_LINE_END_CRLF : CS_LINE_END_CR;
        return;
    }
}

void cs_exact_init(cs_exact *exact, const cs_csv_options *options, cs_token_batch *batch,
                   const cs_line_end *line_end)
{
    *exact = (cs_exact){
        .options = options,
        .batch = batch,
        .line_end = line_end,
        .sep = (unsigned char)options->sep.ptr[0],
        .quote = options->quote,
    };
}

size_t cs_exact_take(cs_exact *exact, cs_str bytes, uint64_t offset, bool *done)
{
    size_t at = 0;
    *done = false;
    while (at < bytes.len && !*done) {
        if (!exact->batch->open) {
            if (cs_is_line_end(bytes.ptr[at])) { /* an empty line */
                at++;
                continue;
            }
            cs_token_batch_begin(exact->batch);
            exact->state = CS_EXACT_FIELD_START;
            exact->offset = offset + at;
            exact->n_fields_left = (size_t)exact->options->columns_max + 1;
        }
        size_t taken = 0;
        cs_str piece = { bytes.ptr + at, bytes.len - at };
        if (piece.len > PIECE_BYTES)
            piece.len = PIECE_BYTES;
        if (!take_piece(exact, piece, &taken, done))
            return bytes.len; /* no memory: the buffer has failed, and next reports it */
        at += taken;
    }
    return at;
}

bool cs_exact_finish(cs_exact *exact)
{
    cs_token_batch *batch = exact->batch;
    if (!batch->open)
        return false;
    if (exact->state == CS_EXACT_QUOTED_CR)
        (void)resolve_cr(exact, false);
    if (exact->state == CS_EXACT_QUOTED) {
        /* The raw text goes without its line end, here too. */
        size_t begin = batch->open_raw;
        if (batch->raw.len > begin && batch->raw.ptr[batch->raw.len - 1] == '\n')
            batch->raw.len--;
        if (batch->raw.len > begin && batch->raw.ptr[batch->raw.len - 1] == '\r')
            batch->raw.len--;
    }
    return end_record(exact);
}

size_t cs_find_line_end(cs_str bytes)
{
    const char *lf = memchr(bytes.ptr, '\n', bytes.len);
    size_t len = lf != NULL ? (size_t)(lf - bytes.ptr) : bytes.len;
    const char *cr = memchr(bytes.ptr, '\r', len);
    return cr != NULL ? (size_t)(cr - bytes.ptr) : len;
}

bool cs_is_blank(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] > 0x20)
            return false;
    }
    return true;
}

cs_tokenizer *cs_tokenizer_new_exact(const cs_csv_options *options, uint64_t offset)
{
    exact_tokenizer *made = cs_xcalloc(1, sizeof *made);
    made->base.ops = &exact_ops;
    made->offset = offset;
    cs_exact_init(&made->exact, options, &made->batch, &made->line_end);
    return &made->base;
}

static void exact_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last)
{
    exact_tokenizer *self = (exact_tokenizer *)tokenizer;
    self->chunk = chunk;
    self->last = last;
    cs_line_end_observe(&self->line_end, chunk);
}

static cs_code exact_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err)
{
    exact_tokenizer *self = (exact_tokenizer *)tokenizer;
    cs_token_batch_clear(&self->batch);
    while (self->chunk.len > 0 &&
           (self->batch.n_records == 0 ||
            (self->batch.n_records < BATCH_RECORDS && self->batch.raw.len < BATCH_BYTES))) {
        bool done;
        size_t taken = cs_exact_take(&self->exact, self->chunk, self->offset, &done);
        self->chunk.ptr += taken;
        self->chunk.len -= taken;
        self->offset += taken;
    }
    if (self->chunk.len == 0 && self->last)
        (void)cs_exact_finish(&self->exact); /* the record is in the batch, or there was none */
    return cs_token_batch_tokens(&self->batch, false, out, err);
}

static void exact_release(cs_tokenizer *tokenizer)
{
    cs_token_batch_release(&((exact_tokenizer *)tokenizer)->batch);
}

static void exact_close(cs_tokenizer *tokenizer)
{
    exact_tokenizer *self = (exact_tokenizer *)tokenizer;
    cs_token_batch_done(&self->batch);
    free(self);
}

static inline void put(cs_buf *buf, unsigned char c)
{
    buf->ptr[buf->len++] = (char)c;
}

/* Up to the end of the open record (*done: it was kept) or of the bytes. False: no memory. */
static bool take_piece(cs_exact *exact, cs_str bytes, size_t *taken, bool *done)
{
    cs_token_batch *batch = exact->batch;
    size_t raw_len = batch->raw.len - batch->open_raw;
    size_t text_len = batch->text.len - batch->open_text;
    /* Text never outgrows the raw text: what a stray quote brings back was put aside before. */
    if (cs_buf_reserve(&batch->raw, bytes.len) == NULL ||
        cs_buf_reserve(&batch->text, raw_len - text_len + bytes.len) == NULL)
        return false;
    size_t at = 0;
    while (at < bytes.len) {
        char c = bytes.ptr[at++];
        bool inside = exact->options->multi_line &&
                      (exact->state == CS_EXACT_QUOTED || exact->state == CS_EXACT_QUOTED_CR);
        bool ends = cs_is_line_end(c) && !inside;
        if (!ends && exact->state != CS_EXACT_SKIP &&
            batch->raw.len - batch->open_raw >= exact->options->record_bytes_max) {
            exact->state = CS_EXACT_SKIP;
            ends = cs_is_line_end(c);
        }
        if (ends) {
            *done = end_record(exact);
            break;
        }
        if (exact->state == CS_EXACT_SKIP) {
            at += cs_find_line_end((cs_str){ bytes.ptr + at, bytes.len - at });
            continue;
        }
        put(&batch->raw, (unsigned char)c);
        step(exact, (unsigned char)c);
    }
    *taken = at;
    return true;
}

static void step(cs_exact *exact, unsigned char c)
{
    cs_buf *text = &exact->batch->text;
    switch (exact->state) {
    case CS_EXACT_FIELD_START:
        exact->value_begin = text->len - exact->batch->open_text;
        if (c == exact->sep) {
            push(exact, exact->value_begin, false);
            break;
        }
        put(text, c);
        exact->state = CS_EXACT_UNQUOTED;
        if (c == exact->quote) {
            exact->value_begin++;
            exact->state = CS_EXACT_QUOTED;
        }
        break;
    case CS_EXACT_UNQUOTED:
        if (c == exact->sep)
            push(exact, exact->value_begin, false);
        else
            put(text, c);
        break;
    case CS_EXACT_QUOTED_CR:
        if (!resolve_cr(exact, c == '\n'))
            step_quoted(exact, c);
        break;
    case CS_EXACT_QUOTED:
        step_quoted(exact, c);
        break;
    case CS_EXACT_QUOTE:
    case CS_EXACT_QUOTE_BLANKS:
        step_quote(exact, c);
        break;
    case CS_EXACT_REST:
        if (c == exact->sep)
            push(exact, exact->value_begin - 1, false);
        else
            put(text, c);
        break;
    case CS_EXACT_SKIP:
        break;
    }
}

static void step_quoted(cs_exact *exact, unsigned char c)
{
    cs_buf *text = &exact->batch->text;
    if (c == exact->quote) {
        exact->quote_at = exact->batch->raw.len - 1 - exact->batch->open_raw;
        exact->state = CS_EXACT_QUOTE;
    } else if (c == '\r' && exact->line_end->kind != CS_LINE_END_LF) {
        exact->state = CS_EXACT_QUOTED_CR;
    } else {
        put(text, c);
    }
}

static void step_quote(cs_exact *exact, unsigned char c)
{
    if (exact->state == CS_EXACT_QUOTE && c == exact->quote) {
        put(&exact->batch->text, c);
        exact->state = CS_EXACT_QUOTED;
    } else if (c == exact->sep) {
        push(exact, exact->value_begin, true);
    } else if (c <= 0x20) {
        exact->state = CS_EXACT_QUOTE_BLANKS;
    } else {
        stray_quote(exact);
    }
}

/* A CR inside quotes, now that the byte behind it is known. True: that was an LF, which belongs to
 * it. */
static bool resolve_cr(cs_exact *exact, bool before_lf)
{
    bool of_crlf_file = exact->line_end->kind == CS_LINE_END_CRLF;
    put(&exact->batch->text, of_crlf_file && !before_lf ? '\r' : '\n');
    exact->state = CS_EXACT_QUOTED;
    return of_crlf_file && before_lf;
}

/* STOP_AT_DELIMITER: the opening quote comes back, and all from the stray one on is data. */
static void stray_quote(cs_exact *exact)
{
    cs_token_batch *batch = exact->batch;
    size_t from = batch->open_raw + exact->quote_at;
    memcpy(batch->text.ptr + batch->text.len, batch->raw.ptr + from, batch->raw.len - from);
    batch->text.len += batch->raw.len - from;
    exact->state = CS_EXACT_REST;
}

/* Ends a field whose value is the record's text from `begin` on. */
static void push(cs_exact *exact, size_t begin, bool quoted)
{
    cs_token_batch *batch = exact->batch;
    size_t at = batch->open_text + begin;
    if (exact->n_fields_left > 0) {
        exact->n_fields_left--;
        cs_token_batch_room(batch, 1, 0);
        cs_token_batch_add_copied(batch, at, batch->text.len - at, quoted);
    } else {
        batch->text.len = at;
    }
    exact->state = CS_EXACT_FIELD_START;
}

static void push_last(cs_exact *exact)
{
    switch (exact->state) {
    case CS_EXACT_FIELD_START:
        push(exact, exact->batch->text.len - exact->batch->open_text, false);
        break;
    case CS_EXACT_UNQUOTED:
        push(exact, exact->value_begin, false);
        break;
    case CS_EXACT_QUOTED:
    case CS_EXACT_QUOTED_CR:
        /* Left open: what was read; if that is nothing, the quote itself. */
        if (exact->batch->text.len - exact->batch->open_text == exact->value_begin)
            push(exact, exact->value_begin - 1, false);
        else
            push(exact, exact->value_begin, true);
        break;
    case CS_EXACT_QUOTE:
    case CS_EXACT_QUOTE_BLANKS:
        push(exact, exact->value_begin, true);
        break;
    case CS_EXACT_REST:
        push(exact, exact->value_begin - 1, false);
        break;
    case CS_EXACT_SKIP:
        break;
    }
}

/* Closes the open record; false: it was blank, and is dropped. */
static bool end_record(cs_exact *exact)
{
    cs_token_batch *batch = exact->batch;
    bool too_long = exact->state == CS_EXACT_SKIP;
    if (!too_long && !exact->options->multi_line &&
        cs_is_blank(batch->raw.ptr + batch->open_raw, batch->raw.len - batch->open_raw)) {
        cs_token_batch_drop(batch);
        return false;
    }
    push_last(exact);
    cs_token_batch_end(batch, exact->offset, too_long);
    return true;
}
