/* The tokens of one batch while they are made: shared by the tokenizers.
 *
 * Fields and raw texts that cannot point into the input are copied to `text` and `raw`. These move
 * as they grow, so a copied token holds an offset (`at`, `raw_at`, copied = true) until
 * cs_token_batch_tokens settles it. The last record may be open: it survives clear, and goes on
 * with the next chunk. */
#ifndef CS_WORKER_PARSE_TOKEN_BATCH_H
#define CS_WORKER_PARSE_TOKEN_BATCH_H

#include "worker/parse/tokenize.h"

typedef struct cs_token_batch {
    cs_field_token *fields;
    size_t n_fields, fields_cap;
    cs_record_token *records;
    size_t n_records, records_cap;
    cs_buf text, raw;
    bool copied; /* there are tokens to settle */
    bool open;
    size_t open_field, open_text, open_raw; /* where the open record's parts begin */
} cs_token_batch;

void cs_token_batch_done(cs_token_batch *batch);
/* Forgets all but the open record. */
void cs_token_batch_clear(cs_token_batch *batch);
/* Likewise, and gives large buffers back. */
void cs_token_batch_release(cs_token_batch *batch);
void cs_token_batch_room(cs_token_batch *batch, size_t fields, size_t records);
/* Opens a copied record at the present ends. */
void cs_token_batch_begin(cs_token_batch *batch);
/* Closes it: kept with its bytes and fields, or dropped with them. */
void cs_token_batch_end(cs_token_batch *batch, uint64_t offset, bool too_long);
void cs_token_batch_drop(cs_token_batch *batch);
/* CS_E_NOMEM if a buffer could not grow. */
CS_MUST_USE cs_code cs_token_batch_tokens(cs_token_batch *batch, bool ascii, cs_tokens *out,
                                          cs_error *err);

/* Room must have been made. */
static inline void cs_token_batch_add(cs_token_batch *batch, const char *ptr, size_t len,
                                      bool quoted)
{
    cs_field_token field = { .ptr = ptr, .len = (uint32_t)len, .quoted = quoted };
    batch->fields[batch->n_fields++] = field;
}

static inline void cs_token_batch_add_copied(cs_token_batch *batch, size_t at, size_t len,
                                             bool quoted)
{
    batch->copied = true;
    batch->fields[batch->n_fields++] =
        (cs_field_token){ .at = at, .len = (uint32_t)len, .quoted = quoted, .copied = true };
}

#endif
