/* The state machine that defines what a record and a field are (spec: csv.md §2). The other
 * tokenizers hand it every record that they do not surely read as it does. It takes bytes in any
 * pieces and copies what it keeps. */
#ifndef CS_WORKER_PARSE_TOKENIZE_EXACT_H
#define CS_WORKER_PARSE_TOKENIZE_EXACT_H

#include "worker/parse/token_batch.h"

/* multiLine: the first kind of line end in the file becomes \n inside quotes. */
typedef enum cs_line_end_kind {
    CS_LINE_END_UNKNOWN,
    CS_LINE_END_LF,
    CS_LINE_END_CRLF,
    CS_LINE_END_CR
} cs_line_end_kind;
typedef struct cs_line_end {
    cs_line_end_kind kind;
    bool after_cr; /* unknown yet, and the last byte seen was the file's first CR */
} cs_line_end;
/* To be shown each chunk of the file before its bytes are taken. */
void cs_line_end_observe(cs_line_end *line_end, cs_str chunk);

typedef enum cs_exact_state {
    CS_EXACT_FIELD_START,
    CS_EXACT_UNQUOTED,
    CS_EXACT_QUOTED,
    CS_EXACT_QUOTED_CR,    /* multiLine: behind a CR inside quotes that may belong to a CRLF */
    /* behind a quote inside quotes: a closing one, the first of a pair, or a stray one */
    CS_EXACT_QUOTE,
    CS_EXACT_QUOTE_BLANKS, /* the same, with blanks behind it */
    /* behind a stray quote: everything up to the separator or the end, as it is */
    CS_EXACT_REST,
    CS_EXACT_SKIP          /* too long: up to the next line end */
} cs_exact_state;

typedef struct cs_exact {
    const cs_csv_options *options;
    cs_token_batch *batch;
    const cs_line_end *line_end;
    cs_exact_state state;
    int sep, quote; /* quote: CS_CSV_NO_CHAR matches no byte */
    uint64_t offset;      /* of the open record */
    size_t value_begin;   /* in the record's text; inside quotes a Q stands just before it */
    size_t quote_at;      /* in the record's raw text: the last quote inside quotes */
    size_t n_fields_left; /* that may still be kept */
} cs_exact;

void cs_exact_init(cs_exact *exact, const cs_csv_options *options, cs_token_batch *batch,
                   const cs_line_end *line_end);
/* Bytes from the open record on (offset: of the first of them in the file), up to the end of the
 * first record that ends here and is kept, or all of them. Returns how many it took; *done: a
 * record was added to the batch. */
size_t cs_exact_take(cs_exact *exact, cs_str bytes, uint64_t offset, bool *done);
/* The file (split) ends here; true: that added a record. */
bool cs_exact_finish(cs_exact *exact);
static inline bool cs_exact_is_open(const cs_exact *exact)
{
    return exact->batch->open;
}

static inline bool cs_is_line_end(char c)
{
    return c == '\n' || c == '\r';
}
/* Index of the first line end, bytes.len when there is none. */
size_t cs_find_line_end(cs_str bytes);
/* Only characters up to U+0020. */
bool cs_is_blank(const char *bytes, size_t len);

#endif
