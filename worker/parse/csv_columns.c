/* Each loop is one instance of fill_fixed with its converter inlined: a plain form by parse_fast.h,
 * the rest by convert.h. Rows are valid until found null, as most are. Options that give plain
 * forms another meaning (formats, -999 for NaN) have loops of their own, so that the others need
 * not look. */
#include "worker/parse/csv_columns.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/parse/utf8.h"

#define COPY_BYTES 16

typedef struct fill {
    cs_csv_values *values;
    const cs_csv_slice *slice;
    size_t field;
    cs_column *column;
    size_t nulls;
} fill;

/* width: of the value at `out`. */
typedef bool (*convert_fn)(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                           void *out);

static bool is_plain_number(cs_str word);
static bool fill_by_option(fill *run);
static void set_bits(uint8_t *bits, size_t from, size_t count);
static cs_code fill_text(fill *run, cs_error *err);
static void fill_boolean(fill *run);
static void fill_decimal(fill *run);

cs_code cs_csv_values_init(cs_csv_values *values, const cs_csv_options *options, cs_error *err)
{
    *values = (cs_csv_values){ .null_value = options->null_value,
                               .text_max = options->record_bytes_max };
    values->empty = cs_xcalloc(1, options->empty_value.len + CS_CHUNK_PADDING);
    if (options->empty_value.len > 0)
        memcpy(values->empty, options->empty_value.ptr, options->empty_value.len);
    values->empty_value = (cs_str){ values->empty, options->empty_value.len };
    cs_convert_init(&values->convert);
    (void)cs_fast_date_parse("1970-01-01\0\0\0\0\0\0", &values->date);
    CS_TRY(cs_convert_use(&values->convert, options, err));
    values->plain_words = is_plain_number(values->convert.nan_value) ||
                          is_plain_number(values->convert.positive_inf) ||
                          is_plain_number(values->convert.negative_inf);
    return CS_OK;
}

void cs_csv_values_done(cs_csv_values *values)
{
    cs_convert_done(&values->convert);
    cs_buf_done(&values->mended);
    free(values->empty);
}

/* True: null. Else *text is what is to be converted. */
static inline bool is_null(const cs_csv_values *values, const cs_field_token *field, cs_str *text)
{
    *text = (cs_str){ field->ptr, field->len };
    if (field->len == 0) {
        if (!field->quoted)
            return true;
        *text = values->empty_value;
    }
    return cs_str_eq(*text, values->null_value);
}

static inline void set_null(fill *run, size_t row)
{
    size_t at = run->column->length + row;
    run->column->validity[at >> 3] &= (uint8_t)~(1u << (at & 7));
    run->nulls++;
}

static inline void set_bad(fill *run, size_t row)
{
    run->values->bad[row] = 1;
    run->values->n_bad_fields++;
    set_null(run, row);
}

__attribute__((always_inline)) static inline void fill_fixed(fill *run, size_t width,
                                                             convert_fn convert)
{
    const cs_type *type = run->column->type;
    uint8_t *out = run->column->data + width * run->column->length;
    for (size_t row = 0; row < run->slice->n_rows; row++, out += width) {
        cs_str text;
        if (is_null(run->values, &run->slice->rows[row][run->field], &text)) {
            memset(out, 0, width);
            set_null(run, row);
        } else if (!convert(run->values, type, text, width, out)) {
            memset(out, 0, width);
            set_bad(run, row);
        }
    }
}

static inline void store(void *out, size_t width, __int128 value)
{
    switch (width) {
    case 1:
        *(int8_t *)out = (int8_t)value;
        break;
    case 2:
        *(int16_t *)out = (int16_t)value;
        break;
    case 4:
        *(int32_t *)out = (int32_t)value;
        break;
    case 8:
        *(int64_t *)out = (int64_t)value;
        break;
    default:
        *(__int128 *)out = value;
        break;
    }
}

static inline bool to_integer(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                              void *out)
{
    (void)values;
    (void)type;
    int bits = 8 * (int)width;
    int64_t value;
    if (!cs_fast_integer(text, (int64_t)(UINT64_MAX >> (65 - bits)), &value) &&
        !cs_convert_integer(text, bits, &value))
        return false;
    store(out, width, value);
    return true;
}

static inline bool to_decimal(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                              void *out)
{
    (void)values;
    __int128 value;
    if (!cs_fast_decimal(text, type->precision, type->scale, &value) &&
        !cs_convert_decimal(text, type->precision, type->scale, &value))
        return false;
    store(out, width, value);
    return true;
}

static inline bool to_float(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                            void *out)
{
    (void)type;
    (void)width;
    return cs_fast_float(text, out) || cs_convert_float(&values->convert, text, out);
}

static inline bool to_double(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                             void *out)
{
    (void)type;
    (void)width;
    return cs_fast_double(text, out) || cs_convert_double(&values->convert, text, out);
}

static inline bool is_word(const cs_convert *convert, cs_str text)
{
    return cs_str_eq(text, convert->nan_value) || cs_str_eq(text, convert->positive_inf) ||
           cs_str_eq(text, convert->negative_inf);
}

static inline bool to_float_or_word(cs_csv_values *values, const cs_type *type, cs_str text,
                                    size_t width, void *out)
{
    if (is_word(&values->convert, text))
        return cs_convert_float(&values->convert, text, out);
    return to_float(values, type, text, width, out);
}

static inline bool to_double_or_word(cs_csv_values *values, const cs_type *type, cs_str text,
                                     size_t width, void *out)
{
    if (is_word(&values->convert, text))
        return cs_convert_double(&values->convert, text, out);
    return to_double(values, type, text, width, out);
}

static inline bool to_date_by_format(cs_csv_values *values, const cs_type *type, cs_str text,
                                     size_t width, void *out)
{
    (void)type;
    (void)width;
    return cs_convert_date(&values->convert, text, out);
}

static inline bool to_timestamp_by_format(cs_csv_values *values, const cs_type *type, cs_str text,
                                          size_t width, void *out)
{
    (void)type;
    (void)width;
    return cs_convert_timestamp(&values->convert, text, out);
}

static inline bool to_timestamp_ntz_by_format(cs_csv_values *values, const cs_type *type,
                                              cs_str text, size_t width, void *out)
{
    (void)type;
    (void)width;
    return cs_convert_timestamp_ntz(&values->convert, text, out);
}

static inline bool to_date(cs_csv_values *values, const cs_type *type, cs_str text, size_t width,
                           void *out)
{
    (void)type;
    (void)width;
    return (text.len == 10 && cs_fast_date(text.ptr, &values->date, out)) ||
           cs_convert_date(&values->convert, text, out);
}

static inline bool to_timestamp(cs_csv_values *values, const cs_type *type, cs_str text,
                                size_t width, void *out)
{
    (void)type;
    (void)width;
    int64_t micros;
    bool local;
    if (cs_fast_timestamp(text, &values->date, &micros, &local)) {
        if (local && values->convert.zone != NULL)
            micros = cs_zone_to_utc(values->convert.zone, micros / 1000000) * 1000000;
        *(int64_t *)out = micros;
        return true;
    }
    return cs_convert_timestamp(&values->convert, text, out);
}

static inline bool to_timestamp_ntz(cs_csv_values *values, const cs_type *type, cs_str text,
                                    size_t width, void *out)
{
    (void)type;
    (void)width;
    int64_t micros;
    bool local;
    if (cs_fast_timestamp(text, &values->date, &micros, &local) && local) {
        *(int64_t *)out = micros;
        return true;
    }
    return cs_convert_timestamp_ntz(&values->convert, text, out);
}

cs_code cs_csv_column_fill(cs_csv_values *values, const cs_csv_slice *slice, size_t field,
                           cs_column *column, size_t *nulls, cs_error *err)
{
    fill run = { .values = values, .slice = slice, .field = field, .column = column };
    CS_TRY(cs_column_reserve(column, slice->n_rows, 0, err));
    set_bits(column->validity, column->length, slice->n_rows);
    if (fill_by_option(&run)) {
        *nulls = run.nulls;
        return CS_OK;
    }
    switch (column->type->kind) {
    case CS_TYPE_BOOLEAN:
        fill_boolean(&run);
        break;
    case CS_TYPE_BYTE:
        fill_fixed(&run, sizeof(int8_t), to_integer);
        break;
    case CS_TYPE_SHORT:
        fill_fixed(&run, sizeof(int16_t), to_integer);
        break;
    case CS_TYPE_INT:
        fill_fixed(&run, sizeof(int32_t), to_integer);
        break;
    case CS_TYPE_LONG:
        fill_fixed(&run, sizeof(int64_t), to_integer);
        break;
    case CS_TYPE_FLOAT:
        fill_fixed(&run, sizeof(float), to_float);
        break;
    case CS_TYPE_DOUBLE:
        fill_fixed(&run, sizeof(double), to_double);
        break;
    case CS_TYPE_DECIMAL:
        fill_decimal(&run);
        break;
    case CS_TYPE_DATE:
        fill_fixed(&run, sizeof(int32_t), to_date);
        break;
    case CS_TYPE_TIMESTAMP:
        fill_fixed(&run, sizeof(int64_t), to_timestamp);
        break;
    case CS_TYPE_TIMESTAMP_NTZ:
        fill_fixed(&run, sizeof(int64_t), to_timestamp_ntz);
        break;
    case CS_TYPE_STRING:
    case CS_TYPE_BINARY:
        CS_TRY(fill_text(&run, err));
        break;
    default:
        assert(!"open refuses nested types");
    }
    *nulls = run.nulls;
    return CS_OK;
}

void cs_csv_column_wipe(cs_column *column, size_t n_rows)
{
    for (size_t at = column->length; at < column->length + n_rows; at++) {
        uint8_t keep = (uint8_t)~(1u << (at & 7));
        column->validity[at >> 3] &= keep;
        if (column->type->kind == CS_TYPE_BOOLEAN)
            column->data[at >> 3] &= keep;
    }
}

bool cs_csv_field_converts(cs_csv_values *values, const cs_type *type, const cs_field_token *field)
{
    cs_str text;
    _Alignas(16) char any[16];
    void *out = any;
    size_t width = cs_type_width(type);
    if (is_null(values, field, &text))
        return true;
    switch (type->kind) {
    case CS_TYPE_BOOLEAN:
        return cs_convert_boolean(text, out);
    case CS_TYPE_BYTE:
    case CS_TYPE_SHORT:
    case CS_TYPE_INT:
    case CS_TYPE_LONG:
        return to_integer(values, type, text, width, out);
    case CS_TYPE_FLOAT:
        return cs_convert_float(&values->convert, text, out);
    case CS_TYPE_DOUBLE:
        return cs_convert_double(&values->convert, text, out);
    case CS_TYPE_DECIMAL:
        return to_decimal(values, type, text, width, out);
    case CS_TYPE_DATE:
        return cs_convert_date(&values->convert, text, out);
    case CS_TYPE_TIMESTAMP:
        return cs_convert_timestamp(&values->convert, text, out);
    case CS_TYPE_TIMESTAMP_NTZ:
        return cs_convert_timestamp_ntz(&values->convert, text, out);
    default:
        return true;
    }
}

cs_str cs_csv_mend(cs_csv_values *values, cs_str text)
{
    if (cs_utf8_valid(text))
        return text;
    cs_buf_clear(&values->mended);
    cs_utf8_mend(text, values->text_max, &values->mended);
    if (cs_buf_reserve(&values->mended, CS_CHUNK_PADDING) == NULL)
        return (cs_str){ values->empty, 0 }; /* the buffer remembers */
    return cs_buf_str(&values->mended);
}

cs_code cs_csv_column_put(cs_csv_values *values, cs_column *column, size_t at, cs_str text,
                          cs_error *err)
{
    int32_t *offset = column->offsets + column->length + at;
    if (text.ptr == NULL) {
        offset[1] = offset[0];
        return CS_OK;
    }
    text = cs_csv_mend(values, text);
    CS_TRY(cs_buf_check(&values->mended, err));
    /* reserve counts from the bytes of the rows that are there already. */
    size_t ahead = (size_t)(offset[0] - column->offsets[column->length]);
    CS_TRY(cs_column_reserve(column, at + 1, ahead + text.len, err));
    offset = column->offsets + column->length + at;
    memcpy(column->data + offset[0], text.ptr, text.len);
    offset[1] = offset[0] + (int32_t)text.len;
    cs_bit_set(column->validity, column->length + at);
    return CS_OK;
}

/* True: an option says how values of this type look, and the values are there. Not inlined: the
 * loops of cs_csv_column_fill keep their registers. */
__attribute__((noinline)) static bool fill_by_option(fill *run)
{
    const cs_convert *convert = &run->values->convert;
    switch (run->column->type->kind) {
    case CS_TYPE_FLOAT:
        if (run->values->plain_words)
            fill_fixed(run, sizeof(float), to_float_or_word);
        return run->values->plain_words;
    case CS_TYPE_DOUBLE:
        if (run->values->plain_words)
            fill_fixed(run, sizeof(double), to_double_or_word);
        return run->values->plain_words;
    case CS_TYPE_DATE:
        if (convert->date_format != NULL)
            fill_fixed(run, sizeof(int32_t), to_date_by_format);
        return convert->date_format != NULL;
    case CS_TYPE_TIMESTAMP:
        if (convert->timestamp_format != NULL)
            fill_fixed(run, sizeof(int64_t), to_timestamp_by_format);
        return convert->timestamp_format != NULL;
    case CS_TYPE_TIMESTAMP_NTZ:
        if (convert->timestamp_ntz_format != NULL)
            fill_fixed(run, sizeof(int64_t), to_timestamp_ntz_by_format);
        return convert->timestamp_ntz_format != NULL;
    default:
        return false;
    }
}

static bool is_plain_number(cs_str word)
{
    char padded[2 * CS_CHUNK_PADDING] = { 0 };
    cs_fast_number number;
    if (word.len == 0 || word.len > CS_CHUNK_PADDING)
        return false;
    memcpy(padded, word.ptr, word.len);
    return cs_fast_fixed_point((cs_str){ padded, word.len }, &number);
}

static void set_bits(uint8_t *bits, size_t from, size_t count)
{
    size_t to = from + count;
    for (; from < to && (from & 7) != 0; from++)
        cs_bit_set(bits, from);
    if (to > from) {
        memset(bits + from / 8, 0xff, (to - from) / 8);
        for (from = to & ~(size_t)7; from < to; from++)
            cs_bit_set(bits, from);
    }
}

static void fill_boolean(fill *run)
{
    for (size_t row = 0; row < run->slice->n_rows; row++) {
        cs_str text;
        uint8_t value = 0;
        if (is_null(run->values, &run->slice->rows[row][run->field], &text))
            set_null(run, row);
        else if (!cs_convert_boolean(text, &value))
            set_bad(run, row);
        else if (value != 0)
            cs_bit_set(run->column->data, run->column->length + row);
    }
}

static void fill_decimal(fill *run)
{
    switch (cs_type_width(run->column->type)) {
    case 4:
        fill_fixed(run, 4, to_decimal);
        break;
    case 8:
        fill_fixed(run, 8, to_decimal);
        break;
    default:
        fill_fixed(run, 16, to_decimal);
        break;
    }
}

static cs_code fill_text(fill *run, cs_error *err)
{
    const cs_csv_slice *slice = run->slice;
    cs_column *column = run->column;
    size_t bytes = slice->n_rows * run->values->empty_value.len + COPY_BYTES;
    for (size_t row = 0; row < slice->n_rows; row++)
        bytes += slice->rows[row][run->field].len;
    CS_TRY(cs_column_reserve(column, 0, bytes, err));
    int32_t *offset = column->offsets + column->length;
    uint8_t *to = column->data + offset[0];
    for (size_t row = 0; row < slice->n_rows; row++) {
        cs_str text;
        if (is_null(run->values, &slice->rows[row][run->field], &text)) {
            set_null(run, row);
        } else {
            if (!slice->ascii) {
                cs_str mended = cs_csv_mend(run->values, text);
                if (mended.len > text.len) {
                    bytes += mended.len - text.len;
                    CS_TRY(cs_column_reserve(column, 0, bytes, err));
                    to = column->data + *offset;
                }
                text = mended;
            }
            /* Whole steps: what lies beyond is padding there and overwritten here. */
            for (size_t i = 0; i < text.len; i += COPY_BYTES)
                memcpy(to + i, text.ptr + i, COPY_BYTES);
            to += text.len;
        }
        *++offset = (int32_t)(to - column->data);
    }
    return cs_buf_check(&run->values->mended, err);
}
