#include "worker/parse/token_batch.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/arena.h"

#define BUFFER_KEPT_BYTES (1u << 20)

static void *grown(void *old, size_t *cap, size_t needed, size_t size);
static void drop_front(cs_buf *buf, size_t *begin);

void cs_token_batch_done(cs_token_batch *batch)
{
    free(batch->fields);
    free(batch->records);
    cs_buf_done(&batch->text);
    cs_buf_done(&batch->raw);
    *batch = (cs_token_batch){ 0 };
}

void cs_token_batch_clear(cs_token_batch *batch)
{
    batch->n_records = 0;
    if (!batch->open) {
        batch->n_fields = batch->text.len = batch->raw.len = 0;
        batch->copied = false;
        return;
    }
    size_t moved = batch->open_text;
    drop_front(&batch->text, &batch->open_text);
    drop_front(&batch->raw, &batch->open_raw);
    size_t kept = batch->n_fields - batch->open_field;
    for (size_t i = 0; i < kept; i++) {
        batch->fields[i] = batch->fields[batch->open_field + i];
        batch->fields[i].at -= moved;
    }
    batch->n_fields = kept;
    batch->open_field = 0;
}

void cs_token_batch_release(cs_token_batch *batch)
{
    cs_token_batch_clear(batch);
    if (!batch->open && batch->raw.cap > BUFFER_KEPT_BYTES) {
        cs_buf_done(&batch->raw);
        cs_buf_done(&batch->text);
    }
}

void cs_token_batch_room(cs_token_batch *batch, size_t fields, size_t records)
{
    if (fields > batch->fields_cap - batch->n_fields)
        batch->fields = grown(batch->fields, &batch->fields_cap, batch->n_fields + fields,
                              sizeof *batch->fields);
    if (records > batch->records_cap - batch->n_records)
        batch->records =
            grown(batch->records, &batch->records_cap, batch->n_records + records,
                  sizeof *batch->records);
}

void cs_token_batch_begin(cs_token_batch *batch)
{
    assert(!batch->open);
    batch->open = true;
    batch->open_field = batch->n_fields;
    batch->open_text = batch->text.len;
    batch->open_raw = batch->raw.len;
}

void cs_token_batch_end(cs_token_batch *batch, uint64_t offset, bool too_long)
{
    assert(batch->open);
    if (too_long) {
        batch->n_fields = batch->open_field;
        batch->text.len = batch->open_text;
    }
    cs_token_batch_room(batch, 0, 1);
    batch->records[batch->n_records++] = (cs_record_token){
        .raw_at = batch->open_raw,
        .raw_len = (uint32_t)(batch->raw.len - batch->open_raw),
        .offset = offset,
        .first_field = (uint32_t)batch->open_field,
        .n_fields = (uint32_t)(batch->n_fields - batch->open_field),
        .too_long = too_long,
        .copied = true,
    };
    batch->copied = true;
    batch->open = false;
}

void cs_token_batch_drop(cs_token_batch *batch)
{
    assert(batch->open);
    batch->n_fields = batch->open_field;
    batch->text.len = batch->open_text;
    batch->raw.len = batch->open_raw;
    batch->open = false;
}

cs_code cs_token_batch_tokens(cs_token_batch *batch, bool ascii, cs_tokens *out, cs_error *err)
{
    (void)cs_buf_reserve(&batch->text, CS_CHUNK_PADDING); /* a failure sticks */
    (void)cs_buf_reserve(&batch->raw, CS_CHUNK_PADDING);
    CS_TRY(cs_buf_check(&batch->text, err));
    CS_TRY(cs_buf_check(&batch->raw, err));
    size_t n_fields = batch->open ? batch->open_field : batch->n_fields;
    if (batch->copied) {
        for (size_t i = 0; i < n_fields; i++) {
            cs_field_token *field = &batch->fields[i];
            if (field->copied)
                field->ptr = batch->text.ptr + field->at;
        }
        for (size_t i = 0; i < batch->n_records; i++) {
            cs_record_token *record = &batch->records[i];
            if (record->copied)
                record->raw = batch->raw.ptr + record->raw_at;
        }
    }
    *out = (cs_tokens){
        .fields = batch->fields,
        .n_fields = n_fields,
        .records = batch->records,
        .n_records = batch->n_records,
        .ascii = ascii,
    };
    return CS_OK;
}

static void *grown(void *old, size_t *cap, size_t needed, size_t size)
{
    size_t more = *cap < 256 ? 256 : *cap;
    while (more < needed)
        more *= 2;
    *cap = more;
    return cs_xrealloc(old, more * size);
}

static void drop_front(cs_buf *buf, size_t *begin)
{
    if (*begin > 0)
        memmove(buf->ptr, buf->ptr + *begin, buf->len - *begin);
    buf->len -= *begin;
    *begin = 0;
}
