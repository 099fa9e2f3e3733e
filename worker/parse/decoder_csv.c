/* Records in batches from the tokenizer, cut into slices; each slice becomes rows column by column.
 * A bad record is noticed in passing (its row's flag) and looked at again only where its mode or
 * somebody asks. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "worker/parse/csv_reject.h"
#include "worker/parse/utf8.h"

#define SLICE_ROWS 1024u
/* rows × columns of a slice: short rows of a wide schema cost as much as long ones */
#define SLICE_CELLS 65536u
#define FLUSH_ROWS 8192u         /* rows are handed on when they are so many … */
#define FLUSH_BYTES (1u << 20)   /* … or so large */

static const char byte_order_mark[3] = { '\xef', '\xbb', '\xbf' };

typedef struct csv_decoder {
    cs_decoder base;
    cs_decode_input input;
    cs_csv_layout layout;
    size_t *columns; /* memory of layout.columns */
    ptrdiff_t corrupt; /* column of the raw text; -1: there is none */
    cs_tokenizer *tokenizer; /* NULL: the byte order mark is not decided yet */
    size_t mark_len;         /* of it that has been seen */
    bool header;             /* the next record is the header */
    size_t plain_fields;     /* of a record that is as the schema wants it */
    cs_csv_values values;
    cs_rows rows;
    cs_decode_counts counts;
    /* the slice */
    size_t slice_max, n_slice;
    const cs_record_token **records;
    const cs_field_token **fields; /* of each record, layout.n_columns */
    cs_field_token *filled;        /* copies of short records, the missing fields as nulls */
    cs_field_token *no_fields;
    cs_record_token *swollen;      /* copies of records that are too long only once mended */
    size_t n_filled;
    size_t *nulls;                 /* of each column */
    bool any_bad;
} csv_decoder;

static cs_code csv_open(const cs_decode_input *input, cs_decoder **out, cs_error *err);
static cs_code csv_feed(cs_decoder *decoder, cs_str chunk, bool last, cs_error *err);
static cs_decode_counts csv_counts(const cs_decoder *decoder);
static void csv_close(cs_decoder *decoder);
static bool csv_splittable(const cs_job *job);
static cs_code bind_columns(csv_decoder *self, cs_error *err);
static cs_code start(csv_decoder *self, cs_str *chunk, bool last, cs_error *err);
static cs_code feed_tokens(csv_decoder *self, cs_str chunk, bool last, cs_error *err);
static cs_code take_tokens(csv_decoder *self, const cs_tokens *tokens, cs_error *err);
static cs_code take_header(csv_decoder *self, const cs_tokens *tokens,
                           const cs_record_token *record, cs_error *err);
static cs_code check_fields(csv_decoder *self, const cs_record_token *record, cs_error *err);
static size_t take_plain(csv_decoder *self, const cs_tokens *tokens, size_t i);
static cs_code take_odd(csv_decoder *self, const cs_tokens *tokens, const cs_record_token *record,
                        cs_error *err);
static cs_code run_slice(csv_decoder *self, bool ascii, bool last, cs_error *err);
static void cut_swollen(csv_decoder *self);
static cs_code fill_columns(csv_decoder *self, bool ascii, cs_error *err);
static cs_code take_bad(csv_decoder *self, bool ascii, cs_error *err);
static cs_code drop_bad(csv_decoder *self, bool ascii, cs_error *err);
static cs_code fill_corrupt(csv_decoder *self, cs_error *err);
static cs_code hand_on(csv_decoder *self, cs_error *err);

const cs_decoder_ops cs_decoder_csv = { "csv", csv_open, csv_feed, csv_counts, csv_close,
                                        csv_splittable };

static cs_code csv_open(const cs_decode_input *input, cs_decoder **out, cs_error *err)
{
    cs_code code;
    const cs_schema *schema = &input->job->schema;
    csv_decoder *made = cs_xcalloc(1, sizeof *made);
    made->base.ops = &cs_decoder_csv;
    made->input = *input;
    made->layout = (cs_csv_layout){ .options = &input->job->csv, .schema = schema };
    made->counts.failed_at = CS_DECODE_NO_OFFSET;
    made->header = input->job->csv.header && input->offset == 0;
    CS_TRY_OUT(cs_csv_values_init(&made->values, &input->job->csv, err));
    CS_TRY_OUT(bind_columns(made, err));
    CS_TRY_OUT(cs_rows_init(&made->rows, schema, err));
    size_t n_columns = made->layout.n_columns;
    made->plain_fields = n_columns <= input->job->csv.columns_max ? n_columns : SIZE_MAX;
    made->slice_max = n_columns > SLICE_CELLS / SLICE_ROWS ? SLICE_CELLS / n_columns : SLICE_ROWS;
    if (made->slice_max == 0)
        made->slice_max = 1;
    made->records = cs_xcalloc(made->slice_max, sizeof *made->records);
    made->fields = cs_xcalloc(made->slice_max, sizeof *made->fields);
    made->values.bad = cs_xcalloc(made->slice_max, 1);
    made->filled = cs_xcalloc(made->slice_max * n_columns + 1, sizeof *made->filled);
    made->no_fields = cs_xcalloc(n_columns + 1, sizeof *made->no_fields);
    made->swollen = cs_xcalloc(made->slice_max, sizeof *made->swollen);
    made->nulls = cs_xcalloc(schema->n_fields + 1, sizeof *made->nulls);
    *out = &made->base;
    return CS_OK;
out:
    csv_close(&made->base);
    return code;
}

static cs_code csv_feed(cs_decoder *decoder, cs_str chunk, bool last, cs_error *err)
{
    csv_decoder *self = (csv_decoder *)decoder;
    if (self->tokenizer == NULL) {
        CS_TRY(start(self, &chunk, last, err));
        if (self->tokenizer == NULL)
            return CS_OK;
    }
    CS_TRY(feed_tokens(self, chunk, last, err));
    return last ? hand_on(self, err) : CS_OK;
}

static cs_decode_counts csv_counts(const cs_decoder *decoder)
{
    return ((const csv_decoder *)decoder)->counts;
}

static void csv_close(cs_decoder *decoder)
{
    csv_decoder *self = (csv_decoder *)decoder;
    cs_tokenizer_close(self->tokenizer);
    free(self->values.bad);
    cs_csv_values_done(&self->values);
    cs_rows_done(&self->rows);
    free(self->columns);
    free(self->records);
    free(self->fields);
    free(self->filled);
    free(self->no_fields);
    free(self->swollen);
    free(self->nulls);
    free(self);
}

static bool csv_splittable(const cs_job *job)
{
    return !job->csv.multi_line;
}

static cs_code bind_columns(csv_decoder *self, cs_error *err)
{
    const cs_schema *schema = self->layout.schema;
    char name[128];
    self->columns = cs_xcalloc(schema->n_fields + 1, sizeof *self->columns);
    self->layout.columns = self->columns;
    self->corrupt = -1;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const cs_field *field = &schema->fields[i];
        if (!cs_type_is_flat(field->type))
            return cs_error_set(err, CS_E_BAD_SCHEMA, "column %s: a CSV file has no nested types",
                                cs_escape(name, sizeof name, field->name));
        if (field->type->kind == CS_TYPE_TIMESTAMP) /* its texts may name zones */
            CS_TRY(cs_zones_check(err));
        if (!cs_str_eq(field->name, self->layout.options->corrupt_column)) {
            self->columns[self->layout.n_columns++] = i;
            continue;
        }
        if (field->type->kind != CS_TYPE_STRING)
            return cs_error_set(err, CS_E_BAD_SCHEMA,
                                "column %s: the column of corrupt records must be STRING",
                                cs_escape(name, sizeof name, field->name));
        self->corrupt = (ptrdiff_t)i;
    }
    return CS_OK;
}

/* Decides about the byte order mark, which chunks may cut; opens the tokenizer behind it. */
static cs_code start(csv_decoder *self, cs_str *chunk, bool last, cs_error *err)
{
    static const size_t mark_size = sizeof byte_order_mark;
    if (self->input.offset == 0)
        while (self->mark_len < mark_size && chunk->len > 0 &&
               *chunk->ptr == byte_order_mark[self->mark_len]) {
            self->mark_len++;
            chunk->ptr++;
            chunk->len--;
        }
    if (self->mark_len > 0 && self->mark_len < mark_size && chunk->len == 0 && !last)
        return CS_OK;
    bool whole = self->mark_len == mark_size;
    uint64_t offset = whole ? mark_size : self->input.offset;
    CS_TRY(cs_tokenizer_open(self->layout.options, offset, &self->tokenizer, err));
    if (self->mark_len == 0 || whole)
        return CS_OK;
    char begun[sizeof byte_order_mark + CS_CHUNK_PADDING] = { 0 };
    memcpy(begun, byte_order_mark, self->mark_len);
    return feed_tokens(self, (cs_str){ begun, self->mark_len }, false, err);
}

static cs_code feed_tokens(csv_decoder *self, cs_str chunk, bool last, cs_error *err)
{
    self->tokenizer->ops->feed(self->tokenizer, chunk, last);
    for (;;) {
        cs_tokens tokens;
        CS_TRY(self->tokenizer->ops->next(self->tokenizer, &tokens, err));
        if (tokens.n_records == 0)
            return CS_OK;
        CS_TRY(take_tokens(self, &tokens, err));
    }
}

static cs_code take_tokens(csv_decoder *self, const cs_tokens *tokens, cs_error *err)
{
    size_t i = 0;
    if (self->header) {
        self->header = false;
        CS_TRY(take_header(self, tokens, &tokens->records[i++], err));
    }
    while (i < tokens->n_records) {
        i = take_plain(self, tokens, i);
        if (i < tokens->n_records && self->n_slice < self->slice_max) {
            /* What a record before it has to complain about comes first. */
            if (tokens->records[i].n_fields > self->layout.options->columns_max)
                CS_TRY(run_slice(self, tokens->ascii, false, err));
            CS_TRY(take_odd(self, tokens, &tokens->records[i++], err));
        }
        if (self->n_slice == self->slice_max)
            CS_TRY(run_slice(self, tokens->ascii, false, err));
    }
    return run_slice(self, tokens->ascii, true, err);
}

static cs_code take_header(csv_decoder *self, const cs_tokens *tokens,
                           const cs_record_token *record, cs_error *err)
{
    char how[512];
    CS_TRY(check_fields(self, record, err));
    if (!record->too_long && self->input.header_differs != NULL &&
        cs_csv_header_differs(&self->layout, record, tokens->fields + record->first_field, how))
        self->input.header_differs(self->input.ctx, how);
    return CS_OK;
}

static cs_code check_fields(csv_decoder *self, const cs_record_token *record, cs_error *err)
{
    if (record->n_fields <= self->layout.options->columns_max)
        return CS_OK;
    self->counts.failed_at = record->offset;
    return cs_error_set(err, CS_E_LIMIT, "record has more than %u fields (maxColumns)",
                        self->layout.options->columns_max);
}

/* Adds records with as many fields as there are columns, from record i on, to the slice; returns
 * the first that it left. */
static size_t take_plain(csv_decoder *self, const cs_tokens *tokens, size_t i)
{
    size_t n = self->n_slice;
    for (; i < tokens->n_records && n < self->slice_max; i++, n++) {
        const cs_record_token *record = &tokens->records[i];
        if (record->n_fields != self->plain_fields)
            break;
        self->records[n] = record;
        self->fields[n] = tokens->fields + record->first_field;
        self->values.bad[n] = 0;
    }
    self->n_slice = n;
    return i;
}

/* Adds a record of any other kind, which is bad. */
static cs_code take_odd(csv_decoder *self, const cs_tokens *tokens, const cs_record_token *record,
                        cs_error *err)
{
    size_t n_columns = self->layout.n_columns;
    const cs_field_token *fields = tokens->fields + record->first_field;
    CS_TRY(check_fields(self, record, err));
    if (record->too_long) {
        fields = self->no_fields;
    } else if (record->n_fields < n_columns) {
        cs_field_token *copy = self->filled + self->n_filled;
        self->n_filled += n_columns;
        memcpy(copy, fields, record->n_fields * sizeof *copy);
        memset(copy + record->n_fields, 0, (n_columns - record->n_fields) * sizeof *copy);
        fields = copy;
    }
    self->records[self->n_slice] = record;
    self->fields[self->n_slice] = fields;
    self->values.bad[self->n_slice++] = 1;
    self->any_bad = true;
    return CS_OK;
}

/* The slice's records become rows. last: of the batch. */
static cs_code run_slice(csv_decoder *self, bool ascii, bool last, cs_error *err)
{
    if (self->n_slice == 0)
        return CS_OK;
    self->counts.records += self->n_slice;
    self->values.n_bad_fields = 0;
    if (!ascii)
        cut_swollen(self);
    CS_TRY(fill_columns(self, ascii, err));
    if (self->any_bad || self->values.n_bad_fields > 0)
        CS_TRY(take_bad(self, ascii, err));
    if (self->corrupt >= 0)
        CS_TRY(fill_corrupt(self, err));
    for (size_t i = 0; i < self->rows.schema->n_fields; i++) {
        self->rows.columns[i].length += self->n_slice;
        self->rows.columns[i].null_count += self->nulls[i];
    }
    self->rows.length += self->n_slice;
    self->n_slice = self->n_filled = 0;
    self->any_bad = false;
    if (self->rows.length < FLUSH_ROWS && cs_rows_bytes(&self->rows) < FLUSH_BYTES)
        return CS_OK;
    /* A huge record would else be in memory as text, as tokens and as rows while it is encoded. */
    if (last)
        self->tokenizer->ops->release(self->tokenizer);
    if (self->values.mended.cap > FLUSH_BYTES)
        cs_buf_done(&self->values.mended);
    return hand_on(self, err);
}

/* Broken UTF-8 grows as it is mended: a record that passes maxRecordBytes by that is too long as
 * well. */
static void cut_swollen(csv_decoder *self)
{
    uint64_t len_max = self->layout.options->record_bytes_max;
    for (size_t row = 0; row < self->n_slice; row++) {
        const cs_record_token *record = self->records[row];
        if (record->too_long || record->raw_len <= len_max / 3 ||
            cs_utf8_mended_len((cs_str){ record->raw, record->raw_len }) <= len_max)
            continue;
        self->swollen[row] = *record;
        self->swollen[row].too_long = true;
        self->records[row] = &self->swollen[row];
        self->fields[row] = self->no_fields;
        self->values.bad[row] = 1;
        self->any_bad = true;
    }
}

static cs_code fill_columns(csv_decoder *self, bool ascii, cs_error *err)
{
    cs_csv_slice slice = { .rows = self->fields, .n_rows = self->n_slice, .ascii = ascii };
    for (size_t i = 0; i < self->layout.n_columns; i++) {
        size_t at = self->layout.columns[i];
        CS_TRY(cs_csv_column_fill(&self->values, &slice, i, &self->rows.columns[at],
                                  &self->nulls[at], err));
    }
    return CS_OK;
}

/* What the mode does with the slice's bad records. */
static cs_code take_bad(csv_decoder *self, bool ascii, cs_error *err)
{
    cs_csv_mode mode = self->layout.options->mode;
    for (size_t row = 0; row < self->n_slice; row++) {
        if (!self->values.bad[row])
            continue;
        self->counts.rejected++;
        if (mode != CS_CSV_FAILFAST && self->input.reject == NULL)
            continue;
        char reason[160];
        cs_reject reject;
        cs_csv_reject_find(&self->layout, &self->values, self->records[row], self->fields[row],
                           reason, &reject);
        reject.record = self->counts.records - self->n_slice + row + 1;
        if (mode == CS_CSV_FAILFAST) {
            self->counts.failed_at = reject.offset + reject.column_at - 1;
            return cs_csv_reject_error(&self->layout, self->records[row], &reject, err);
        }
        self->input.reject(self->input.ctx, &reject);
    }
    return mode == CS_CSV_DROPMALFORMED ? drop_bad(self, ascii, err) : CS_OK;
}

/* Fills the columns again, from the good records alone. */
static cs_code drop_bad(csv_decoder *self, bool ascii, cs_error *err)
{
    size_t n_good = 0;
    for (size_t i = 0; i < self->layout.n_columns; i++)
        cs_csv_column_wipe(&self->rows.columns[self->layout.columns[i]], self->n_slice);
    for (size_t row = 0; row < self->n_slice; row++) {
        if (!self->values.bad[row])
            self->fields[n_good++] = self->fields[row];
    }
    memset(self->values.bad, 0, self->n_slice);
    self->n_slice = n_good;
    return fill_columns(self, ascii, err);
}

/* Raw text beside each bad record. */
static cs_code fill_corrupt(csv_decoder *self, cs_error *err)
{
    cs_column *column = &self->rows.columns[self->corrupt];
    CS_TRY(cs_column_reserve(column, self->n_slice, 0, err));
    size_t n_bad = 0;
    for (size_t row = 0; row < self->n_slice; row++) {
        cs_str raw = { NULL, 0 };
        if (self->values.bad[row]) {
            n_bad++;
            raw = (cs_str){ self->records[row]->raw, self->records[row]->raw_len };
        }
        CS_TRY(cs_csv_column_put(&self->values, column, row, raw, err));
    }
    self->nulls[self->corrupt] = self->n_slice - n_bad;
    return CS_OK;
}

static cs_code hand_on(csv_decoder *self, cs_error *err)
{
    if (self->rows.length == 0)
        return CS_OK;
    CS_TRY(self->input.rows(self->input.ctx, &self->rows, err));
    cs_rows_clear(&self->rows);
    for (size_t i = 0; i < self->rows.schema->n_fields; i++) {
        cs_column *column = &self->rows.columns[i];
        if (column->data_cap <= 2 * FLUSH_BYTES)
            continue;
        cs_column_done(column);
        CS_TRY(cs_column_init(column, column->type, err));
    }
    return CS_OK;
}
