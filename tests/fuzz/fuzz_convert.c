/* One text as every type, under a pattern of dates and times: the plain forms and the whole rules
 * read it alike, and a pattern matches in words as it does op by op. First a byte of choices, then
 * the pattern up to a line end, then the text. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "worker/parse/convert.h"
#include "worker/parse/parse_fast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cs_str copy_of(cs_str text, size_t padding)
{
    size_t len = text.len + padding;
    char *copy = calloc(1, len > 0 ? len : 1); /* the sanitizer sees reads past it */
    memcpy(copy, text.ptr, text.len);
    return (cs_str){ copy, text.len };
}

static void free_copy(cs_str text)
{
    free((char *)(uintptr_t)text.ptr);
}

static void check_numbers(cs_convert *convert, cs_str text)
{
    cs_str padded = copy_of(text, CS_CHUNK_PADDING);
    int64_t fast, exact;
    float fast_single, single;
    double fast_real, real;
    __int128 fast_decimal, decimal;
    uint8_t truth;
    (void)cs_convert_boolean(text, &truth); /* any answer will do */
    bool is_integer = cs_convert_integer(text, 64, &exact);
    bool is_single = cs_convert_float(convert, text, &single);
    bool is_real = cs_convert_double(convert, text, &real);
    bool is_decimal = cs_convert_decimal(text, 38, 10, &decimal);
    if (text.len > 0 && cs_fast_integer(padded, INT64_MAX, &fast))
        assert(is_integer && fast == exact);
    if (text.len > 0 && cs_fast_float(padded, &fast_single))
        assert(is_single && memcmp(&fast_single, &single, sizeof single) == 0);
    if (text.len > 0 && cs_fast_double(padded, &fast_real))
        assert(is_real && memcmp(&fast_real, &real, sizeof real) == 0);
    if (text.len > 0 && cs_fast_decimal(padded, 38, 10, &fast_decimal))
        assert(is_decimal && fast_decimal == decimal);
    free_copy(padded);
}

static void check_times(cs_convert *convert, cs_str text)
{
    cs_str padded = copy_of(text, CS_CHUNK_PADDING);
    cs_date_memo memo;
    int32_t fast_days, days;
    int64_t fast_micros, micros, wall;
    bool local;
    (void)cs_fast_date_parse("1970-01-01\0\0\0\0\0\0", &memo); /* a date */
    bool is_date = cs_convert_date(convert, text, &days);
    bool is_instant = cs_convert_timestamp(convert, text, &micros);
    bool is_wall = cs_convert_timestamp_ntz(convert, text, &wall);
    if (text.len == 10 && cs_fast_date(padded.ptr, &memo, &fast_days))
        assert(is_date && fast_days == days);
    if (text.len > 0 && cs_fast_timestamp(padded, &memo, &fast_micros, &local)) {
        assert(is_instant && is_wall == local);
        assert(!local || wall == fast_micros);
        assert(local || micros == fast_micros);
    }
    free_copy(padded);
}

static void check_pattern(cs_convert *convert, cs_str pattern, cs_str text)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_error err;
    const cs_time_pattern *in_words, *in_ops;
    const char *slow = cs_arena_printf(&arena, "[]%.*s", CS_STR_ARG(pattern));
    if (cs_time_pattern_compile(pattern, &arena, &in_words, &err) == CS_OK &&
        memchr(pattern.ptr, '\0', pattern.len) == NULL &&
        cs_time_pattern_compile(cs_str_of(slow), &arena, &in_ops, &err) == CS_OK) {
        cs_time_value a = { 0 }, b = { 0 };
        bool fast = cs_time_pattern_match(in_words, text, convert->zones, &a);
        assert(fast == cs_time_pattern_match(in_ops, text, convert->zones, &b));
        assert(a.days == b.days && a.second == b.second && a.micro == b.micro && a.zone == b.zone &&
               a.has_zone == b.has_zone && a.offset == b.offset);
        convert->date_format = convert->timestamp_format = convert->timestamp_ntz_format = in_words;
        int32_t days;
        int64_t micros;
        (void)cs_convert_date(convert, text, &days); /* any answer will do */
        (void)cs_convert_timestamp(convert, text, &micros);
        (void)cs_convert_timestamp_ntz(convert, text, &micros);
    }
    cs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const zones[] = { "UTC", "Europe/Berlin", "-03:30", "Asia/Kolkata" };
    const uint8_t *end = size > 0 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (end == NULL)
        return 0;
    cs_convert convert;
    cs_convert_init(&convert);
    cs_csv_options options = { .time_zone = cs_str_of(zones[data[0] & 3]),
                               .datetime_fallback = (cs_csv_maybe)((data[0] >> 2) % 3) };
    cs_code code = cs_convert_use(&convert, &options, NULL);
    assert(code == CS_OK);
    cs_str text = copy_of((cs_str){ (const char *)end + 1, (size_t)(data + size - end - 1) }, 0);
    cs_str pattern = copy_of((cs_str){ (const char *)data + 1, (size_t)(end - data - 1) }, 0);
    check_numbers(&convert, text);
    check_times(&convert, text);
    check_pattern(&convert, pattern, text);
    free_copy(text);
    free_copy(pattern);
    cs_convert_done(&convert);
    return 0;
}
