/* Pattern text → program. Follows appendPattern of java.time.format.DateTimeFormatterBuilder, with
 * what Spark puts before it: some letters are refused, `y` counts from year 0, and a fraction of a
 * second may have fewer digits than letters. */
#include "common/data/time_program.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/limits.h"

#define NO_RUN SIZE_MAX
#define ANY_WIDTH 19 /* digits; those of a long */

typedef struct compiler {
    cs_str text;
    size_t at;
    cs_arena *arena;
    cs_error *err;
    cs_time_op *ops;
    size_t n_ops;
    /* The number that adjacent ones change: it leaves digits to those of fixed width behind it. */
    size_t run;
    size_t open[CS_TIME_PATTERN_DEPTH_MAX]; /* options */
    size_t depth;
} compiler;

static cs_code compile_letters(compiler *self);
static cs_code compile_number(compiler *self, char letter, size_t count);
static cs_code compile_zone(compiler *self, char letter, size_t count);
static cs_code compile_fraction(compiler *self, size_t count);
static cs_code compile_quoted(compiler *self);
static cs_code compile_other(compiler *self);
static void split_quotes(compiler *self);
static cs_code close_option(compiler *self);
static void add_number(compiler *self, cs_time_op op);
static void add_literal(compiler *self, cs_str text);
static void add(compiler *self, cs_time_op op);
static cs_code refuse(compiler *self, const char *format, ...) CS_PRINTF(2, 3);
static cs_code refuse_count(compiler *self, size_t count, unsigned most);
static size_t place(const compiler *self, size_t at);
static void plan_fixed(cs_time_pattern *pattern);

cs_code cs_time_pattern_compile(cs_str text, cs_arena *arena, const cs_time_pattern **out,
                                cs_error *err)
{
    compiler self = { .text = text, .arena = arena, .err = err, .run = NO_RUN };
    if (text.len == 0)
        return refuse(&self, "it is empty");
    if (text.len > CS_TIME_PATTERN_BYTES_MAX)
        return refuse(&self, "it has %zu bytes; at most %u", text.len, CS_TIME_PATTERN_BYTES_MAX);
    self.ops = cs_arena_array(arena, cs_time_op, text.len);
    /* Patterns with a fraction are cut at their quotes by Spark itself, and a bit differently. */
    bool fraction = memchr(text.ptr, 'S', text.len) != NULL;
    while (self.at < text.len) {
        char c = text.ptr[self.at];
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
            CS_TRY(compile_letters(&self));
        else if (c == '\'' && fraction)
            split_quotes(&self);
        else if (c == '\'')
            CS_TRY(compile_quoted(&self));
        else
            CS_TRY(compile_other(&self));
    }
    while (self.depth > 0)
        CS_TRY(close_option(&self));
    cs_time_pattern *pattern = cs_arena_new(arena, cs_time_pattern);
    *pattern = (cs_time_pattern){ .ops = self.ops, .n_ops = self.n_ops };
    plan_fixed(pattern);
    *out = pattern;
    return CS_OK;
}

static cs_code compile_letters(compiler *self)
{
    char letter = self->text.ptr[self->at];
    size_t count = 1;
    while (self->at + count < self->text.len && self->text.ptr[self->at + count] == letter)
        count++;
    switch (letter) {
    case 'M':
    case 'L':
        if (count < 3)
            CS_TRY(compile_number(self, letter, count));
        else if (count < 5)
            add(self, (cs_time_op){ .kind = count == 3 ? CS_TIME_OP_SHORT_MONTH
                                                       : CS_TIME_OP_LONG_MONTH });
        else
            return refuse_count(self, count, 4);
        break;
    case 'a':
        if (count > 1)
            return refuse_count(self, count, 1);
        add(self, (cs_time_op){ .kind = CS_TIME_OP_HALF });
        break;
    case 'S':
        CS_TRY(compile_fraction(self, count));
        break;
    case 'X':
    case 'x':
    case 'Z':
    case 'V':
        CS_TRY(compile_zone(self, letter, count));
        break;
    default:
        CS_TRY(compile_number(self, letter, count));
        break;
    }
    self->at += count;
    return CS_OK;
}

static cs_code compile_number(compiler *self, char letter, size_t count)
{
    static const struct {
        char letter;
        cs_time_field field;
        uint8_t count_max;
    } numbers[] = {
        { 'y', CS_TIME_YEAR, 6 },        { 'M', CS_TIME_MONTH, 2 },
        { 'L', CS_TIME_MONTH, 2 },       { 'd', CS_TIME_DAY, 2 },
        { 'D', CS_TIME_DAY_OF_YEAR, 3 }, { 'H', CS_TIME_HOUR, 2 },
        { 'k', CS_TIME_CLOCK, 2 },       { 'K', CS_TIME_HALF_HOUR, 2 },
        { 'h', CS_TIME_HALF_CLOCK, 2 },  { 'm', CS_TIME_MINUTE, 2 },
        { 's', CS_TIME_SECOND, 2 },
    };
    const size_t n = sizeof numbers / sizeof numbers[0];
    size_t i = 0;
    while (i < n && numbers[i].letter != letter)
        i++;
    if (i == n)
        return refuse(self, "letter '%c' at %zu", letter, place(self, self->at));
    if (count > numbers[i].count_max)
        return refuse_count(self, count, numbers[i].count_max);
    cs_time_op op = { .kind = CS_TIME_OP_NUMBER, .field = numbers[i].field,
                      .least = (uint8_t)count, .most = (uint8_t)count };
    if (letter == 'y' && count == 2) {
        op.kind = CS_TIME_OP_SHORT_YEAR;
    } else if (letter == 'y' || count == 1) {
        op.most = ANY_WIDTH;
        op.sign = letter == 'y' && count > 3 ? CS_TIME_SIGN_WIDE : CS_TIME_SIGN_MINUS;
    } else if (letter == 'D') {
        op.most = 3;
    }
    add_number(self, op);
    return CS_OK;
}

/* Behind a number of any width it can never match: that number has taken the digits. Spark reads
 * every value as null then, unless the option around it may be left out. (To Java one S is a number
 * of fixed width.) */
static cs_code compile_fraction(compiler *self, size_t count)
{
    if (count > 9)
        return refuse_count(self, count, 9);
    cs_time_op op = { .kind = CS_TIME_OP_FRACTION, .least = 1, .most = (uint8_t)count };
    if (count == 1) {
        add_number(self, op);
        return CS_OK;
    }
    if (self->depth == 0 && self->run != NO_RUN && self->ops[self->run].most == ANY_WIDTH) {
        (void)refuse(self, "letter 'S' at %zu follows a number that takes all digits",
                     place(self, self->at));
        cs_error_hint(self->err, "the text needs a point before the fraction: .SSS");
        return CS_E_BAD_OPTION;
    }
    add(self, op);
    return CS_OK;
}

static cs_code compile_zone(compiler *self, char letter, size_t count)
{
    cs_time_op op = { .kind = CS_TIME_OP_OFFSET, .needs_minutes = true, .text = CS_STR("Z") };
    if (letter == 'V') {
        if (count != 2)
            return refuse(self, "letter 'V' at %zu must come twice", place(self, self->at));
        op = (cs_time_op){ .kind = CS_TIME_OP_ZONE };
    } else if (count > 5) {
        return refuse_count(self, count, 5);
    } else if (letter == 'Z' && count < 4) {
        op.text = CS_STR("+0000");
    } else if (letter == 'Z' && count == 4) {
        (void)refuse(self, "letter 'Z' at %zu comes 4 times", place(self, self->at));
        cs_error_hint(self->err, "Z, ZZ and ZZZ read +0100, XXX reads +01:00, VV reads GMT+01:00");
        return CS_E_BAD_OPTION;
    } else {
        op.needs_minutes = count > 1;
        op.colon = count == 3 || count == 5;
        op.takes_seconds = count > 3;
        if (letter == 'x')
            op.text = count == 1 ? CS_STR("+00") : op.colon ? CS_STR("+00:00") : CS_STR("+0000");
    }
    add(self, op);
    return CS_OK;
}

/* 'text', with '' for a quote in it; '' alone is a quote. */
static cs_code compile_quoted(compiler *self)
{
    size_t begin = self->at, len = 0;
    char text[CS_TIME_PATTERN_BYTES_MAX];
    for (size_t at = begin + 1; at < self->text.len; at++) {
        if (self->text.ptr[at] == '\'') {
            if (at + 1 == self->text.len || self->text.ptr[at + 1] != '\'') {
                self->at = at + 1;
                if (len == 0)
                    text[len++] = '\'';
                add_literal(self, (cs_str){ text, len });
                return CS_OK;
            }
            at++;
        }
        text[len++] = self->text.ptr[at];
    }
    return refuse(self, "the quote at %zu is not closed", place(self, begin));
}

/* Spark's own cutting: every quote begins a piece; every second piece is a literal, closed or not;
 * an empty piece is a quote, unless nothing but quotes follows. */
static void split_quotes(compiler *self)
{
    size_t quotes = 0;
    for (size_t at = 0; at <= self->at; at++)
        quotes += self->text.ptr[at] == '\'';
    size_t begin = ++self->at, end = begin;
    while (end < self->text.len && self->text.ptr[end] != '\'')
        end++;
    cs_str piece = { self->text.ptr + begin, end - begin };
    if (piece.len == 0) {
        while (end < self->text.len && self->text.ptr[end] == '\'')
            end++;
        if (end < self->text.len)
            add_literal(self, CS_STR("'"));
    } else if (quotes % 2 == 1) {
        add_literal(self, piece);
        self->at = end;
    }
}

static cs_code compile_other(compiler *self)
{
    char c = self->text.ptr[self->at];
    if (c == '#' || c == '{' || c == '}')
        return refuse(self, "'%c' at %zu; put it in quotes", c, place(self, self->at));
    if (c == '[') {
        if (self->depth == CS_TIME_PATTERN_DEPTH_MAX)
            return refuse(self, "the '[' at %zu is inside %u others", place(self, self->at),
                          CS_TIME_PATTERN_DEPTH_MAX);
        self->open[self->depth++] = self->n_ops;
        add(self, (cs_time_op){ .kind = CS_TIME_OP_OPTION });
        self->at++;
        return CS_OK;
    }
    if (c == ']') {
        self->at++;
        return close_option(self);
    }
    size_t begin = self->at++;
    while (self->at < self->text.len && ((unsigned char)self->text.ptr[self->at] & 0xc0) == 0x80)
        self->at++;
    cs_str piece = { self->text.ptr + begin, self->at - begin };
    add_literal(self, piece);
    return CS_OK;
}

static cs_code close_option(compiler *self)
{
    if (self->depth == 0)
        return refuse(self, "']' at %zu without '['", place(self, self->at - 1));
    self->ops[self->open[--self->depth]].end = (uint16_t)self->n_ops;
    self->run = NO_RUN;
    return CS_OK;
}

static void add(compiler *self, cs_time_op op)
{
    self->run = NO_RUN;
    self->ops[self->n_ops++] = op;
}

static void add_literal(compiler *self, cs_str text)
{
    add(self, (cs_time_op){ .kind = CS_TIME_OP_LITERAL, .text = cs_arena_str(self->arena, text) });
}

static void add_number(compiler *self, cs_time_op op)
{
    size_t run = self->run;
    add(self, op);
    bool joins = run != NO_RUN && op.least == op.most;
    if (run != NO_RUN)
        self->ops[run].behind = joins ? (uint16_t)(self->ops[run].behind + op.most) : 0;
    self->run = joins ? run : self->n_ops - 1;
}

static cs_code refuse(compiler *self, const char *format, ...)
{
    char why[160];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return cs_error_set(self->err, CS_E_BAD_OPTION, "cannot read pattern: %s", why);
}

static cs_code refuse_count(compiler *self, size_t count, unsigned most)
{
    return refuse(self, "letter '%c' at %zu comes %zu times, at most %u",
                  self->text.ptr[self->at], place(self, self->at), count, most);
}

/* People count characters, from 1. */
static size_t place(const compiler *self, size_t at)
{
    size_t count = 1;
    for (size_t i = 0; i < at; i++)
        count += ((unsigned char)self->text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool is_number(const cs_time_op *op)
{
    return op->kind == CS_TIME_OP_NUMBER || op->kind == CS_TIME_OP_SHORT_YEAR ||
           op->kind == CS_TIME_OP_FRACTION;
}

/* True: fixed has room for the op and takes it. */
static bool fix(cs_time_fixed *fixed, const cs_time_op *op, char bytes[CS_TIME_FIXED_BYTES])
{
    size_t width = op->kind == CS_TIME_OP_LITERAL ? op->text.len : op->least;
    if (fixed->len + width > CS_TIME_FIXED_BYTES)
        return false;
    if (op->kind == CS_TIME_OP_LITERAL) {
        char c = op->text.ptr[0];
        if (width != 1 || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            return false;
        bytes[fixed->len] = c;
    } else {
        static const uint32_t twos = 1u << CS_TIME_MONTH | 1u << CS_TIME_DAY | 1u << CS_TIME_HOUR |
                                     1u << CS_TIME_MINUTE | 1u << CS_TIME_SECOND;
        bool year = op->field == CS_TIME_YEAR && (width == 2 || width == 4);
        bool two = width == 2 && (twos >> op->field & 1) != 0;
        bool again = (fixed->present >> op->field & 1) != 0;
        if (!is_number(op) || op->kind == CS_TIME_OP_FRACTION || !(year || two) || again)
            return false;
        fixed->fields[op->field].at = (uint8_t)fixed->len;
        fixed->fields[op->field].width = (uint8_t)width;
        fixed->present |= 1u << op->field;
        fixed->short_year |= op->kind == CS_TIME_OP_SHORT_YEAR;
        memset(bytes + fixed->len, '0', width);
    }
    fixed->len += width;
    fixed->n_ops++;
    return true;
}

static void plan_fixed(cs_time_pattern *pattern)
{
    char bytes[CS_TIME_FIXED_BYTES];
    cs_time_fixed made = { 0 };
    bool wide = false; /* among the numbers that end here one takes as many digits as there are */
    while (made.n_ops < pattern->n_ops) {
        const cs_time_op *op = &pattern->ops[made.n_ops];
        bool first = made.n_ops == 0 || !is_number(&pattern->ops[made.n_ops - 1]);
        if (!fix(&made, op, bytes))
            break;
        wide = is_number(op) && (op->least < op->most || (wide && !first));
    }
    /* How many digits it takes depends on all its neighbours. */
    bool cut = wide && made.n_ops < pattern->n_ops && is_number(&pattern->ops[made.n_ops]);
    if (made.len < 8 || cut)
        return;
    made.open = wide;
    made.n_words = (made.len + 7) / 8;
    for (size_t i = 0; i < made.n_words; i++) {
        size_t at = i + 1 < made.n_words ? 8 * i : made.len - 8;
        made.word_at[i] = (uint8_t)at;
        for (size_t k = 0; k < 8; k++) {
            bool digit = bytes[at + k] == '0';
            made.want[i] |= (uint64_t)(unsigned char)bytes[at + k] << (8 * k);
            made.most[i] |= (uint64_t)(digit ? 0x76 : 0x7f) << (8 * k);
        }
    }
    pattern->fixed = made;
}
