#include "worker/parse/csv_reject.h"

#include <stdio.h>

static void name_type(const cs_type *type, char *reason, size_t size);
static uint32_t field_at(const cs_csv_options *options, cs_str raw, size_t field);

void cs_csv_reject_find(const cs_csv_layout *layout, cs_csv_values *values,
                        const cs_record_token *record,
                        const cs_field_token *fields, char reason[160], cs_reject *out)
{
    *out = (cs_reject){
        .offset = record->offset,
        .raw = { record->raw, record->raw_len },
        .column_at = 1,
        .reason = reason,
    };
    if (record->too_long) {
        snprintf(reason, 160, "is longer than maxRecordBytes (%llu)",
                 (unsigned long long)layout->options->record_bytes_max);
        return;
    }
    if (record->n_fields != layout->n_columns) {
        snprintf(reason, 160, "has %u field%s, the schema has %zu", record->n_fields,
                 record->n_fields == 1 ? "" : "s", layout->n_columns);
        return;
    }
    for (size_t i = 0; i < layout->n_columns; i++) {
        const cs_field *column = &layout->schema->fields[layout->columns[i]];
        if (cs_csv_field_converts(values, column->type, &fields[i]))
            continue;
        out->column = column->name;
        out->value = values->empty_value;
        if (fields[i].len > 0)
            out->value = (cs_str){ fields[i].ptr, fields[i].len };
        out->column_at = field_at(layout->options, out->raw, i);
        name_type(column->type, reason, 160);
        return;
    }
}

cs_code cs_csv_reject_error(const cs_csv_layout *layout, const cs_record_token *record,
                            const cs_reject *reject, cs_error *err)
{
    char column[128], value[128], corrupt[128];
    if (reject->column.len > 0)
        (void)cs_error_set(err, CS_E_MALFORMED_RECORD, "column %s: '%s' %s",
                           cs_escape(column, sizeof column, reject->column),
                           cs_escape(value, sizeof value, reject->value), reject->reason);
    else
        (void)cs_error_set(err, record->too_long ? CS_E_LIMIT : CS_E_MALFORMED_RECORD, "record %s",
                           reject->reason);
    cs_error_hint(err, "-r mode=PERMISSIVE keeps such rows in %s",
                  cs_escape(corrupt, sizeof corrupt, layout->options->corrupt_column));
    return record->too_long ? CS_E_LIMIT : CS_E_MALFORMED_RECORD;
}

bool cs_csv_header_differs(const cs_csv_layout *layout, const cs_record_token *record,
                           const cs_field_token *fields, char how[512])
{
    char is[128], should[128];
    for (size_t i = 0; i < record->n_fields && i < layout->n_columns; i++) {
        cs_str name = { fields[i].ptr, fields[i].len };
        cs_str column = layout->schema->fields[layout->columns[i]].name;
        if (cs_str_eq_nocase(name, column))
            continue;
        snprintf(how, 512, "column %zu is '%s' in the header and '%s' in the schema", i + 1,
                 cs_escape(is, sizeof is, name), cs_escape(should, sizeof should, column));
        return true;
    }
    if (record->n_fields == layout->n_columns)
        return false;
    snprintf(how, 512, "the header has %u names, the schema has %zu", record->n_fields,
             layout->n_columns);
    return true;
}

static void name_type(const cs_type *type, char *reason, size_t size)
{
    cs_buf text = CS_BUF_INIT;
    cs_type_print(type, &text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z')
            text.ptr[i] = (char)(text.ptr[i] - 'a' + 'A');
    }
    snprintf(reason, size, "is not %.*s", CS_STR_ARG(cs_buf_str(&text)));
    cs_buf_done(&text);
}

/* Where a field begins in the record's text. A quote counts where it opens a field; behind a lone
 * one inside quotes the field runs to the separator. */
static uint32_t field_at(const cs_csv_options *options, cs_str raw, size_t field)
{
    bool inside = false;
    size_t begin = 0;
    for (size_t at = 0; at < raw.len && field > 0; at++) {
        bool is_quote = (unsigned char)raw.ptr[at] == options->quote;
        if (inside) {
            bool pair = is_quote && at + 1 < raw.len && raw.ptr[at + 1] == raw.ptr[at];
            at += pair;
            inside = pair || !is_quote;
        } else if (is_quote && at == begin) {
            inside = true;
        } else if (raw.ptr[at] == options->sep.ptr[0]) {
            begin = at + 1;
            field--;
        }
    }
    return (uint32_t)begin + 1;
}
