/* The fast tokenizer: an index of separators, line ends and quotes (scan.h), then one step per
 * field, not per byte. Records without a quote are cut straight from the index. In a record with
 * quotes each quoted field must open behind a separator or line end and close before one, with only
 * pairs between: such a record is legal for every reader of RFC 4180. Any other, one that a chunk
 * cuts, and one that is too long go to the exact machine, so that this file decides nothing about
 * semantics. */
#include <stdlib.h>

#include "common/base/arena.h"
#include "worker/parse/scan.h"
#include "worker/parse/tokenize_exact.h"

#define WINDOW_BYTES (64u << 10) /* keeps the tokens of a batch in the cache */
#define WINDOW_BYTES_MAX (256u << 10)

/* Instead of a place in the window: */
#define MORE SIZE_MAX          /* the record goes on behind it */
#define ILLEGAL (SIZE_MAX - 1) /* the record is for exact to judge */
#define QUOTE (SIZE_MAX - 2)   /* the record holds a quote */

typedef struct auto_tokenizer {
    cs_tokenizer base;
    const cs_csv_options *options;
    cs_exact exact;
    cs_token_batch batch;
    cs_line_end line_end;
    cs_scan_fn scan;
    cs_scan index;   /* of the window */
    uint64_t *words; /* its memory */
    cs_str chunk;    /* what is left of it; the window begins here */
    size_t window;   /* bytes */
    uint64_t offset; /* of chunk.ptr */
    bool last;
    bool ascii;
} auto_tokenizer;

/* Where the walk through the window stands. */
typedef struct walk {
    size_t record, field; /* where the open ones begin */
    size_t first_field;   /* of the open record, in the batch */
} walk;

static void auto_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last);
static cs_code auto_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err);
static void auto_release(cs_tokenizer *tokenizer);
static void auto_close(cs_tokenizer *tokenizer);
static void skip(auto_tokenizer *self, size_t len);
static void take_exact(auto_tokenizer *self);
static void take_window(auto_tokenizer *self);
static void index_window(auto_tokenizer *self, size_t bytes);
static size_t walk_window(auto_tokenizer *self);
static size_t cut_records(auto_tokenizer *self, walk *at, size_t next);
static void divert(auto_tokenizer *self, walk *at);
static bool is_blank_record(const cs_csv_options *options, const char *raw, size_t len);
static size_t quoted_record(auto_tokenizer *self, walk *at);
static size_t end_record(auto_tokenizer *self, walk *at, size_t end);
static size_t quoted_field(auto_tokenizer *self, size_t begin);
static size_t next_bit(const auto_tokenizer *self, const uint64_t *words, size_t from);
static void add_unquoted(auto_tokenizer *self, const char *bytes, size_t len);
static size_t unify_line_ends(cs_line_end_kind kind, char *text, size_t len);

static const cs_tokenizer_ops auto_ops = { "auto", auto_feed, auto_next, auto_release,
                                           auto_close };

cs_tokenizer *cs_tokenizer_new_auto(const cs_csv_options *options, uint64_t offset)
{
    auto_tokenizer *made = cs_xcalloc(1, sizeof *made);
    made->base.ops = &auto_ops;
    made->options = options;
    made->offset = offset;
    made->scan = cs_scan_best();
    made->words = cs_xrealloc(NULL, 3 * WINDOW_BYTES_MAX / 64 * sizeof *made->words);
    made->index.ends = made->words;
    made->index.lines = made->words + WINDOW_BYTES_MAX / 64;
    made->index.quotes = made->words + 2 * WINDOW_BYTES_MAX / 64;
    cs_exact_init(&made->exact, options, &made->batch, &made->line_end);
    return &made->base;
}

static void auto_feed(cs_tokenizer *tokenizer, cs_str chunk, bool last)
{
    auto_tokenizer *self = (auto_tokenizer *)tokenizer;
    self->chunk = chunk;
    self->last = last;
    if (self->options->multi_line)
        cs_line_end_observe(&self->line_end, chunk);
}

static cs_code auto_next(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err)
{
    auto_tokenizer *self = (auto_tokenizer *)tokenizer;
    cs_token_batch_clear(&self->batch);
    self->ascii = true;
    while (self->chunk.len > 0 && self->batch.n_records == 0) {
        if (cs_exact_is_open(&self->exact))
            take_exact(self);
        else
            take_window(self);
    }
    if (self->chunk.len == 0 && self->last && cs_exact_finish(&self->exact))
        self->ascii = false;
    return cs_token_batch_tokens(&self->batch, self->ascii, out, err);
}

static void auto_release(cs_tokenizer *tokenizer)
{
    cs_token_batch_release(&((auto_tokenizer *)tokenizer)->batch);
}

static void auto_close(cs_tokenizer *tokenizer)
{
    auto_tokenizer *self = (auto_tokenizer *)tokenizer;
    cs_token_batch_done(&self->batch);
    free(self->words);
    free(self);
}

static void skip(auto_tokenizer *self, size_t len)
{
    self->chunk.ptr += len;
    self->chunk.len -= len;
    self->offset += len;
}

static void take_exact(auto_tokenizer *self)
{
    bool done;
    skip(self, cs_exact_take(&self->exact, self->chunk, self->offset, &done));
    self->ascii = false;
}

/* The whole records at the start of the chunk, up to a window of them. */
static void take_window(auto_tokenizer *self)
{
    for (size_t bytes = WINDOW_BYTES;; bytes *= 2) {
        index_window(self, bytes);
        size_t taken = walk_window(self);
        if (taken > 0) {
            skip(self, taken);
            return;
        }
        if (self->window == self->chunk.len || bytes == WINDOW_BYTES_MAX) {
            take_exact(self);
            return;
        }
    }
}

static void index_window(auto_tokenizer *self, size_t bytes)
{
    const cs_csv_options *options = self->options;
    char sep = options->sep.ptr[0];
    bool quotes = options->quote != CS_CSV_NO_CHAR;
    self->window = bytes < self->chunk.len ? bytes : self->chunk.len;
    size_t n_words = (self->window + 63) / 64;
    bool ascii = self->scan(self->chunk.ptr, n_words, sep, quotes ? (char)options->quote : sep,
                            self->index);
    self->ascii = self->ascii && ascii;
    if (!quotes)
        memset(self->index.quotes, 0, n_words * sizeof *self->index.quotes);
    /* The last word may have looked into the padding. */
    if (self->window % 64 != 0) {
        uint64_t inside = ((uint64_t)1 << self->window % 64) - 1;
        self->index.ends[n_words - 1] &= inside;
        self->index.lines[n_words - 1] &= inside;
        self->index.quotes[n_words - 1] &= inside;
    }
    /* A field takes a byte at least (its separator), but for the last; a record two. */
    cs_token_batch_room(&self->batch, self->window + 1, self->window / 2 + 1);
}

/* Adds the window's records; returns the bytes that they took. 0: not one is complete. */
static size_t walk_window(auto_tokenizer *self)
{
    walk at = { .first_field = self->batch.n_fields };
    size_t next = 0; /* the first byte that was not looked at */
    while (next < self->window) {
        next = cut_records(self, &at, next);
        if (next == QUOTE)
            next = quoted_record(self, &at);
        if (next == ILLEGAL) {
            divert(self, &at);
            next = at.record;
        }
    }
    if (!cs_exact_is_open(&self->exact))
        self->batch.n_fields = at.first_field; /* of a record that goes on behind the window */
    return at.record;
}

/* From `next` on up to the first quote. Everything lives in registers here: this is the loop that
 * counts. Returns the window's end, or QUOTE, or ILLEGAL. */
static size_t cut_records(auto_tokenizer *self, walk *at, size_t next)
{
    cs_token_batch *batch = &self->batch;
    const char *bytes = self->chunk.ptr;
    const char sep = self->options->sep.ptr[0];
    const size_t len_max = self->options->record_bytes_max;
    const ptrdiff_t n_fields_max = (ptrdiff_t)self->options->columns_max + 1;
    const size_t n_words = (self->window + 63) / 64;
    cs_field_token *field = batch->fields + batch->n_fields;
    cs_field_token *first = batch->fields + at->first_field;
    cs_record_token *record = batch->records + batch->n_records;
    const char *begin = bytes + at->field, *raw = bytes + at->record;
    uint64_t from = ~(uint64_t)0 << next % 64, quotes = 0;
    bool legal = true;
    for (size_t w = next / 64; w < n_words && quotes == 0 && legal; w++, from = ~(uint64_t)0) {
        const char *word = bytes + 64 * w;
        uint64_t ends = self->index.ends[w] & from;
        quotes = self->index.quotes[w] & from;
        if (quotes != 0)
            ends &= (quotes & -quotes) - 1;
        for (; ends != 0; ends &= ends - 1) {
            const char *end = word + __builtin_ctzll(ends);
            field->ptr = begin;
            field->len = (uint32_t)(end - begin);
            field->quoted = field->copied = false;
            field++;
            begin = end + 1;
            if (*end == sep)
                continue;
            size_t len = (size_t)(end - raw);
            if (len > len_max) {
                legal = false;
                break;
            }
            if ((unsigned char)*raw <= 0x20 && is_blank_record(self->options, raw, len)) {
                field = first;
            } else {
                field = field - first > n_fields_max ? first + n_fields_max : field;
                *record++ = (cs_record_token){
                    .raw = raw,
                    .raw_len = (uint32_t)len,
                    .offset = self->offset + (uint64_t)(raw - bytes),
                    .first_field = (uint32_t)(first - batch->fields),
                    .n_fields = (uint32_t)(field - first),
                };
            }
            first = field;
            raw = begin;
        }
    }
    batch->n_fields = (size_t)(field - batch->fields);
    batch->n_records = (size_t)(record - batch->records);
    *at = (walk){ (size_t)(raw - bytes), (size_t)(begin - bytes), (size_t)(first - batch->fields) };
    return !legal ? ILLEGAL : quotes != 0 ? QUOTE : self->window;
}

/* Lines mode drops lines of blanks, multiLine only empty ones. */
static bool is_blank_record(const cs_csv_options *options, const char *raw, size_t len)
{
    return options->multi_line ? len == 0 : cs_is_blank(raw, len);
}

/* Gives the open record to exact, from its start again. */
static void divert(auto_tokenizer *self, walk *at)
{
    cs_str rest = { self->chunk.ptr + at->record, self->chunk.len - at->record };
    bool done;
    self->batch.n_fields = at->first_field;
    at->record += cs_exact_take(&self->exact, rest, self->offset + at->record, &done);
    at->field = at->record;
    at->first_field = self->batch.n_fields;
    if (at->record > self->window)
        self->ascii = false;
}

/* The open record, which holds a quote: from its start again, field by field. Returns the place
 * behind it. A record with a quote is not blank. */
static size_t quoted_record(auto_tokenizer *self, walk *at)
{
    const char *bytes = self->chunk.ptr;
    cs_token_batch *batch = &self->batch;
    size_t text_len = batch->text.len;
    batch->n_fields = at->first_field;
    size_t end = MORE;
    for (size_t begin = at->record; begin < self->window; begin = end + 1) {
        if ((unsigned char)bytes[begin] == self->options->quote) {
            end = quoted_field(self, begin);
        } else {
            end = next_bit(self, self->index.ends, begin);
            if (end != MORE)
                cs_token_batch_add(batch, bytes + begin, end - begin, false);
        }
        if (end == MORE || end == ILLEGAL)
            break;
        if (cs_is_line_end(bytes[end])) {
            if (end - at->record <= self->options->record_bytes_max)
                return end_record(self, at, end);
            end = ILLEGAL;
            break;
        }
    }
    batch->n_fields = at->first_field;
    batch->text.len = text_len;
    return end == ILLEGAL ? ILLEGAL : MORE;
}

/* The open record ends before `end`, its line end. Returns the place behind it. */
static size_t end_record(auto_tokenizer *self, walk *at, size_t end)
{
    cs_token_batch *batch = &self->batch;
    size_t n_fields = batch->n_fields - at->first_field;
    size_t n_fields_max = (size_t)self->options->columns_max + 1;
    n_fields = n_fields < n_fields_max ? n_fields : n_fields_max;
    batch->records[batch->n_records++] = (cs_record_token){
        .raw = self->chunk.ptr + at->record,
        .raw_len = (uint32_t)(end - at->record),
        .offset = self->offset + at->record,
        .first_field = (uint32_t)at->first_field,
        .n_fields = (uint32_t)n_fields,
    };
    batch->n_fields = at->first_field + n_fields;
    *at = (walk){ end + 1, end + 1, batch->n_fields };
    return end + 1;
}

/* Adds the field whose opening quote stands at `begin`; returns where it ends. */
static size_t quoted_field(auto_tokenizer *self, size_t begin)
{
    const char *bytes = self->chunk.ptr;
    const char sep = self->options->sep.ptr[0];
    size_t line = next_bit(self, self->index.lines, begin);
    bool pairs = false;
    size_t close = begin;
    for (;;) {
        close = next_bit(self, self->index.quotes, close + 1);
        if (line < close && !self->options->multi_line)
            return ILLEGAL;
        if (close == MORE || close + 1 >= self->window)
            return MORE;
        if (bytes[close + 1] == sep || cs_is_line_end(bytes[close + 1]))
            break;
        if ((unsigned char)bytes[close + 1] != self->options->quote)
            return ILLEGAL;
        pairs = true;
        close++;
    }
    const char *value = bytes + begin + 1;
    size_t len = close - begin - 1;
    if (pairs || (line < close && self->line_end.kind != CS_LINE_END_LF))
        add_unquoted(self, value, len);
    else
        cs_token_batch_add(&self->batch, value, len, true);
    return close + 1;
}

/* Index of the first bit at or behind `from`; MORE: the window has none. */
static size_t next_bit(const auto_tokenizer *self, const uint64_t *words, size_t from)
{
    if (from >= self->window)
        return MORE;
    size_t n_words = (self->window + 63) / 64;
    size_t w = from / 64;
    uint64_t word = words[w] & ~(uint64_t)0 << from % 64;
    while (word == 0) {
        if (++w == n_words)
            return MORE;
        word = words[w];
    }
    return 64 * w + (size_t)__builtin_ctzll(word);
}

/* Pairs become one quote, and line ends of the file's kind LF. */
static void add_unquoted(auto_tokenizer *self, const char *bytes, size_t len)
{
    cs_token_batch *batch = &self->batch;
    size_t at = batch->text.len;
    if (cs_buf_reserve(&batch->text, len) == NULL)
        return; /* the failed buffer ends the batch with an error */
    char *to = batch->text.ptr + at;
    const char *end = bytes + len, *pair;
    while ((pair = memchr(bytes, self->options->quote, (size_t)(end - bytes))) != NULL) {
        size_t run = (size_t)(pair - bytes) + 1;
        memcpy(to, bytes, run);
        to += run;
        bytes = pair + 2;
    }
    memcpy(to, bytes, (size_t)(end - bytes));
    to += end - bytes;
    len = (size_t)(to - batch->text.ptr) - at;
    if (self->options->multi_line)
        len = unify_line_ends(self->line_end.kind, batch->text.ptr + at, len);
    batch->text.len = at + len;
    cs_token_batch_add_copied(batch, at, len, true);
}

/* Makes the file's kind of line end LF, in place; returns the new length. */
static size_t unify_line_ends(cs_line_end_kind kind, char *text, size_t len)
{
    if (kind == CS_LINE_END_LF)
        return len;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool before_lf = i + 1 < len && text[i + 1] == '\n';
        bool is_end = text[i] == '\r' && (kind == CS_LINE_END_CR || before_lf);
        text[n++] = is_end ? '\n' : text[i];
        i += is_end && kind == CS_LINE_END_CRLF;
    }
    return n;
}
