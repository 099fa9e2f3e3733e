/* bytes → fields: several makers, one consumer (spec: csv.md §2, performance.md §3.2).
 *
 * A tokenizer is fed a source's bytes in chunks and fills a cs_tokens: for a run of records, where each field
 * ends in a flat byte area, and where each record ends in the field list. Everything behind it is the same
 * code whoever made the tokens. */
#ifndef CS_WORKER_PARSE_TOKENIZE_H
#define CS_WORKER_PARSE_TOKENIZE_H

#include "common/base/buf.h"
#include "common/conf/csv_options.h"

typedef struct cs_field_token {
    uint32_t begin, end; /* in cs_tokens.base, unquoted value */
    bool quoted;         /* an empty quoted field is emptyValue, an empty unquoted one null */
} cs_field_token;

typedef struct cs_record_token {
    uint32_t first_field;  /* in fields; its fields end where the next record's begin */
    uint32_t n_fields;
    uint64_t offset;       /* of the record's first byte in the file */
    uint32_t raw_begin, raw_end; /* raw text without line end, in cs_tokens.raw */
    bool too_long;         /* longer than maxRecordBytes: raw is cut, no fields */
} cs_record_token;

typedef struct cs_tokens {
    const char *base;       /* area that fields point into */
    const char *raw;        /* area that raw ranges point into */
    const cs_field_token *fields;
    size_t n_fields;
    const cs_record_token *records;
    size_t n_records;
} cs_tokens;

typedef struct cs_tokenizer cs_tokenizer;
typedef struct cs_tokenizer_ops {
    const char *name;
    /* Takes the bytes at once (they may be freed after), or leaves CS_OK with tokens for whole records so
     * far; the rest of an open record is kept inside. last: the source (split) ends here. Tokens are valid
     * until the next feed. */
    cs_code (*feed)(cs_tokenizer *tokenizer, cs_str chunk, bool last, cs_tokens *out, cs_error *err);
    void (*close)(cs_tokenizer *tokenizer);
} cs_tokenizer_ops;
struct cs_tokenizer {
    const cs_tokenizer_ops *ops;
};

/* exact defines the semantics; libcsv is used where it provably equals it. offset: of the first byte in the file. */
CS_MUST_USE cs_code cs_tokenizer_open_exact(const cs_csv_options *options, uint64_t offset, cs_tokenizer **out, cs_error *err);
CS_MUST_USE cs_code cs_tokenizer_open_libcsv(const cs_csv_options *options, uint64_t offset, cs_tokenizer **out, cs_error *err);
/* By options->parser. */
CS_MUST_USE cs_code cs_tokenizer_open(const cs_csv_options *options, uint64_t offset, cs_tokenizer **out, cs_error *err);

#endif
