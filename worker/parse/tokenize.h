/* bytes → fields: several makers, one consumer (spec: csv.md §2, performance.md §3.2).
 *
 * A tokenizer is fed a source's bytes in chunks and hands out batches of tokens: records, and for
 * each its fields as pointers, into the chunk itself where the text needs no unquoting, else into
 * memory of the tokenizer. Everything behind it is the same code whoever made the tokens. Text is
 * as in the file: broken UTF-8 is the decoder's to mend, a byte order mark its to remove. */
#ifndef CS_WORKER_PARSE_TOKENIZE_H
#define CS_WORKER_PARSE_TOKENIZE_H

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/conf/csv_options.h"

typedef struct cs_field_token {
    union {
        const char *ptr; /* the value, unquoted */
        size_t at;       /* meanwhile: see token_batch.h */
    };
    uint32_t len;
    bool quoted; /* of an empty field: it was "", which is emptyValue; without quotes it is null */
    bool copied;
} cs_field_token;

typedef struct cs_record_token {
    union {
        const char *raw; /* the record's text without its line end */
        size_t raw_at;
    };
    uint64_t offset;      /* of the record's first byte in the file */
    uint32_t raw_len;
    uint32_t first_field; /* in fields */
    uint32_t n_fields;    /* at most columns_max + 1: what goes beyond is not kept */
    bool too_long;        /* longer than maxRecordBytes: raw is cut there, no fields */
    bool copied;
} cs_record_token;

typedef struct cs_tokens {
    const cs_field_token *fields;
    size_t n_fields;
    const cs_record_token *records;
    size_t n_records;
    bool ascii; /* no byte of any field or raw text is above 0x7F (false: not known) */
} cs_tokens;

typedef struct cs_tokenizer cs_tokenizer;
typedef struct cs_tokenizer_ops {
    const char *name;
    /* The next bytes of the source, with CS_CHUNK_PADDING readable bytes behind them; all tokens of
     * the chunk before must have been taken. last: the source (split) ends here. The chunk is
     * borrowed until next has come to its end; what is left of an open record is kept. */
    void (*feed)(cs_tokenizer *tokenizer, cs_str chunk, bool last);
    /* The next batch, valid until the next call, its texts padded likewise; no records: this chunk
     * is used up. */
    cs_code (*next)(cs_tokenizer *tokenizer, cs_tokens *out, cs_error *err);
    /* The last batch is no longer looked at: what a huge record took is given back. */
    void (*release)(cs_tokenizer *tokenizer);
    void (*close)(cs_tokenizer *tokenizer);
} cs_tokenizer_ops;
struct cs_tokenizer {
    const cs_tokenizer_ops *ops;
};

/* By options->parser; options outlive the tokenizer. offset: of the first byte in the file. A
 * dialect that libcsv cannot read as exact does goes to exact. */
CS_MUST_USE cs_code cs_tokenizer_open(const cs_csv_options *options, uint64_t offset,
                                      cs_tokenizer **out, cs_error *err);
void cs_tokenizer_close(cs_tokenizer *tokenizer);

/* exact defines the semantics; libcsv and auto are used where they provably equal it. */
cs_tokenizer *cs_tokenizer_new_exact(const cs_csv_options *options, uint64_t offset);
cs_tokenizer *cs_tokenizer_new_libcsv(const cs_csv_options *options, uint64_t offset);
cs_tokenizer *cs_tokenizer_new_auto(const cs_csv_options *options, uint64_t offset);

#endif
