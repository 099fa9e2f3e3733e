/* A source format's decoder: bytes of one split in, typed rows out; any chunking gives the same
 * rows. One file per format and one line in the registry (decoder.c). */
#ifndef CS_WORKER_PARSE_DECODER_H
#define CS_WORKER_PARSE_DECODER_H

#include "common/conf/job.h"
#include "common/data/rows.h"

/* One rejected record, for preview, messages and (later) badRecordsPath. Borrowed during the
 * call. */
typedef struct cs_reject {
    uint64_t record;    /* its number in the split, from 1 */
    uint64_t offset;    /* of its first byte in the file */
    cs_str raw;
    cs_str column;      /* empty: the record as a whole (number of fields, length) */
    cs_str value;
    /* 1-based byte in the record where the field begins; 1 for the record as a whole */
    uint32_t column_at;
    const char *reason; /* "is not DECIMAL(10,2)", "has 3 fields, the schema has 4" */
} cs_reject;

typedef struct cs_decode_input {
    const cs_job *job;       /* schema, read options */
    uint64_t offset;         /* of the split's first byte; > 0: no BOM, no header here */
    /* Where rows go. The rows are the decoder's; taken before the call returns. */
    void *ctx;
    cs_code (*rows)(void *ctx, const cs_rows *rows, cs_error *err);
    void (*reject)(void *ctx, const cs_reject *reject); /* may be NULL */
    /* The file's header has other names than the schema (columns bind by position all the same);
     * may be NULL. */
    void (*header_differs)(void *ctx, const char *how);
} cs_decode_input;

#define CS_DECODE_NO_OFFSET UINT64_MAX

typedef struct cs_decode_counts {
    uint64_t records;   /* data records met (header aside) */
    uint64_t rejected;  /* bad records, whatever the mode did with them */
    /* byte of the file that the error of feed is about; CS_DECODE_NO_OFFSET: of no one */
    uint64_t failed_at;
} cs_decode_counts;

typedef struct cs_decoder cs_decoder;
typedef struct cs_decoder_ops {
    const char *format;
    cs_code (*open)(const cs_decode_input *input, cs_decoder **out, cs_error *err);
    cs_code (*feed)(cs_decoder *decoder, cs_str chunk, bool last, cs_error *err);
    cs_decode_counts (*counts)(const cs_decoder *decoder);
    void (*close)(cs_decoder *decoder);
    /* True: a file can be cut wherever a record starts by the rule of cs_reader_open. */
    bool (*splittable)(const cs_job *job);
} cs_decoder_ops;
struct cs_decoder {
    const cs_decoder_ops *ops;
};

/* By job->source_format; CS_E_UNSUPPORTED for a format that is not in the registry. */
CS_MUST_USE cs_code cs_decoder_open(const cs_decode_input *input, cs_decoder **out, cs_error *err);
/* The split's next bytes, borrowed during the call, with CS_CHUNK_PADDING readable bytes behind
 * them. All rows have been handed on when the last chunk returns. Errors (bad record under
 * FAILFAST, limits) have no place: the byte is in counts. */
CS_MUST_USE cs_code cs_decoder_feed(cs_decoder *decoder, cs_str chunk, bool last, cs_error *err);
cs_decode_counts cs_decoder_counts(const cs_decoder *decoder);
void cs_decoder_close(cs_decoder *decoder);

extern const cs_decoder_ops cs_decoder_csv;

#endif
