#include "common/delta/delta_stats.h"

#include "common/data/value.h"
#include "common/json/json.h"

/* where long strings are cut: code points for the minimum, UTF-16 units for the maximum */
#define PREFIX_UNITS 32u
#define PREFIX_UNITS_MAX 64u /* beyond this a maximum is left out */

typedef enum which_bound { BOUND_MIN, BOUND_MAX } which_bound;

static size_t indexed(const cs_delta_stats *stats);
static bool has_bounds(const cs_type *type);
static void print_bounds(const cs_delta_stats *stats, size_t n, which_bound which, cs_buf *out);
static bool print_bound(const cs_column_bounds *bounds, which_bound which, cs_buf *out);
static bool print_real(const cs_column_bounds *bounds, which_bound which, cs_buf *out);
static bool print_string(cs_str text, which_bound which, cs_buf *out);
static cs_str cut_min(cs_str text);
static bool cut_max(cs_str text, cs_buf *out);
static size_t char_len(cs_str text, size_t at);
static void add_name(cs_buf *out, cs_str name);

void cs_delta_stats_print(const cs_delta_stats *stats, cs_buf *out)
{
    size_t n = indexed(stats);
    bool bounded = false;
    for (size_t i = 0; i < n; i++)
        bounded |= has_bounds(stats->schema->fields[i].type);
    cs_buf_printf(out, "{\"numRecords\":%llu", (unsigned long long)stats->rows);
    if (bounded) {
        cs_buf_add_cstr(out, ",\"minValues\":");
        print_bounds(stats, n, BOUND_MIN, out);
        cs_buf_add_cstr(out, ",\"maxValues\":");
        print_bounds(stats, n, BOUND_MAX, out);
    }
    if (n > 0) {
        cs_buf_add_cstr(out, ",\"nullCount\":{");
        for (size_t i = 0; i < n; i++) {
            add_name(out, stats->schema->fields[i].name);
            cs_buf_printf(out, "%llu", (unsigned long long)stats->bounds[i].null_count);
        }
        cs_buf_add_char(out, '}');
    }
    cs_buf_add_char(out, '}');
}

static size_t indexed(const cs_delta_stats *stats)
{
    size_t n = stats->schema->n_fields;
    return stats->indexed_columns < 0 || (uint64_t)stats->indexed_columns > n ? n
                                                                              : (size_t)stats->indexed_columns;
}

static bool has_bounds(const cs_type *type)
{
    return cs_type_is_flat(type) && type->kind != CS_TYPE_BOOLEAN && type->kind != CS_TYPE_BINARY;
}

static void print_bounds(const cs_delta_stats *stats, size_t n, which_bound which, cs_buf *out)
{
    cs_buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (!has_bounds(stats->schema->fields[i].type))
            continue;
        size_t len = out->len;
        add_name(out, stats->schema->fields[i].name);
        if (!print_bound(&stats->bounds[i], which, out))
            out->len = len;
    }
    cs_buf_add_char(out, '}');
}

/* False: there is none. */
static bool print_bound(const cs_column_bounds *bounds, which_bound which, cs_buf *out)
{
    const cs_type *type = bounds->type;
    const struct cs_bound *bound = which == BOUND_MIN ? &bounds->min : &bounds->max;
    if (type->kind == CS_TYPE_FLOAT || type->kind == CS_TYPE_DOUBLE)
        return print_real(bounds, which, out);
    if (!bounds->has_value)
        return false;
    switch (type->kind) {
    case CS_TYPE_STRING:
        return print_string(bound->str, which, out);
    case CS_TYPE_DECIMAL:
        cs_decimal_print(type->precision <= 18 ? bound->i : bound->dec, type->scale, out);
        return true;
    case CS_TYPE_DATE:
        cs_buf_add_char(out, '"');
        cs_date_print((int32_t)bound->i, out);
        cs_buf_add_char(out, '"');
        return true;
    case CS_TYPE_TIMESTAMP:
    case CS_TYPE_TIMESTAMP_NTZ:
        /* Both bounds floored to the millisecond: as Spark does, readers add it again to the
         * maximum. */
        cs_buf_add_char(out, '"');
        cs_timestamp_print(bound->i, 'T', 3, out);
        cs_buf_add_cstr(out, type->kind == CS_TYPE_TIMESTAMP ? "Z\"" : "\"");
        return true;
    default:
        cs_buf_printf(out, "%lld", (long long)bound->i);
        return true;
    }
}

/* NaN is the greatest of all. */
static bool print_real(const cs_column_bounds *bounds, which_bound which, cs_buf *out)
{
    if (bounds->all_nan || (bounds->has_nan && which == BOUND_MAX)) {
        cs_buf_add_cstr(out, "\"NaN\"");
        return true;
    }
    if (!bounds->has_value)
        return false;
    double value = which == BOUND_MIN ? bounds->min.d : bounds->max.d;
    bool finite = bounds->type->kind == CS_TYPE_FLOAT ? cs_float_print((float)value, out)
                                                      : cs_double_print(value, out);
    if (!finite)
        cs_buf_add_cstr(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return true;
}

static bool print_string(cs_str text, which_bound which, cs_buf *out)
{
    if (which == BOUND_MIN) {
        cs_json_add_str(out, cut_min(text));
        return true;
    }
    cs_buf cut = CS_BUF_INIT;
    bool fits = cut_max(text, &cut);
    if (fits)
        cs_json_add_str(out, cs_buf_str(&cut));
    out->failed |= cut.failed;
    cs_buf_done(&cut);
    return fits;
}

static cs_str cut_min(cs_str text)
{
    size_t at = 0;
    for (unsigned points = 0; points < PREFIX_UNITS && at < text.len; points++)
        at += char_len(text, at);
    return (cs_str){ text.ptr, at };
}

/* A text that is not below any that begins like this one. False: it would be too long. */
static bool cut_max(cs_str text, cs_buf *out)
{
    static const char top[] = "\xf4\x8f\xbf\xbf"; /* U+10FFFF, which nothing is greater than */
    size_t at = 0, units = 0;
    while (at < text.len && units < PREFIX_UNITS) {
        size_t len = char_len(text, at);
        at += len;
        units += len == 4 ? 2 : 1;
    }
    while (text.len - at >= 4 && memcmp(text.ptr + at, top, 4) == 0) {
        at += 4;
        units += 2;
    }
    if (units > PREFIX_UNITS_MAX)
        return false;
    cs_buf_add(out, text.ptr, at);
    if (at < text.len)
        cs_buf_add_cstr(out, (unsigned char)text.ptr[at] < 0x7f ? "\x7f" : top);
    return true;
}

/* Of the character at `at`, in text that is UTF-8. */
static size_t char_len(cs_str text, size_t at)
{
    unsigned char lead = (unsigned char)text.ptr[at];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return len < text.len - at ? len : text.len - at;
}

static void add_name(cs_buf *out, cs_str name)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{')
        cs_buf_add_char(out, ',');
    cs_json_add_str(out, name);
    cs_buf_add_char(out, ':');
}
