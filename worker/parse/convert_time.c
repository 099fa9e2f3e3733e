/* Dates and timestamps (spec: csv.md §4 and §5): by format, and by Spark's lenient rule: parts of
 * varying width, everything behind the year may be missing. Where the lenient rule is the second try,
 * it sees the text without any `GMT`, as in Spark. */
#include <assert.h>
#include <stdlib.h>

#include "common/data/value.h"
#include "worker/parse/convert.h"

#define MICROS_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY 86400
#define OFFSET_MAX (18 * 3600)

typedef struct time_text {
    int64_t days;  /* since 1970-01-01 */
    int32_t second; /* of the day */
    int32_t micro;
    cs_str zone; /* trimmed */
    bool has_zone;
} time_text;

static bool read_date(cs_str *text, unsigned year_digits_max, int64_t *days, unsigned *parts);
static bool read_time(cs_str text, time_text *out);
static bool take_part(cs_str *text, unsigned least, unsigned most, int64_t *value);
static bool take_char(cs_str *text, char c);
static bool date_of(cs_str text, int32_t *days);
static bool moment_of(cs_str text, time_text *out);
static bool instant_of(cs_convert *convert, const time_text *moment, int64_t *micros);
static bool micros_of(int64_t seconds, int32_t micro, int64_t *micros);
static bool instant_by_format(cs_convert *convert, cs_str text, int64_t *micros);
static bool without_gmt(cs_convert *convert, cs_str text, cs_str *out);
static cs_str trim(cs_str text);

void cs_convert_init(cs_convert *convert)
{
    *convert = (cs_convert){ .nan_value = CS_STR("NaN"),
                             .positive_inf = CS_STR("Inf"),
                             .negative_inf = CS_STR("-Inf"),
                             .zones = cs_zones_new() };
    cs_code code = cs_time_pattern_compile(CS_STR("yyyy-MM-dd"), &convert->arena,
                                           &convert->iso_date, NULL);
    assert(code == CS_OK);
}

cs_code cs_convert_use(cs_convert *convert, const cs_csv_options *options, cs_error *err)
{
    int32_t offset;
    char shown[128];
    cs_str zone = options->time_zone;
    if (zone.len > 0 && !(cs_zone_fixed(zone, &offset) && offset == 0)) {
        convert->zone = cs_zones_find(convert->zones, zone);
        if (convert->zone == NULL)
            return cs_error_set(err, CS_E_BAD_OPTION, "csv.timeZone: unknown time zone (got \"%s\")",
                                cs_escape(shown, sizeof shown, zone));
    }
    if (options->nan_value.ptr != NULL)
        convert->nan_value = options->nan_value;
    if (options->positive_inf.ptr != NULL)
        convert->positive_inf = options->positive_inf;
    if (options->negative_inf.ptr != NULL)
        convert->negative_inf = options->negative_inf;
    convert->date_format = options->date_format;
    convert->timestamp_format = options->timestamp_format;
    convert->timestamp_ntz_format = options->timestamp_ntz_format;
    convert->fallback = options->datetime_fallback;
    return CS_OK;
}

void cs_convert_done(cs_convert *convert)
{
    if (convert == NULL)
        return;
    cs_zones_free(convert->zones);
    cs_arena_done(&convert->arena);
    free(convert->scratch);
    *convert = (cs_convert){ 0 };
}

static bool is_lenient(const cs_convert *convert, const cs_time_pattern *format)
{
    return convert->fallback == CS_CSV_TRUE || (convert->fallback == CS_CSV_UNSET && format == NULL);
}

/* Without a format Spark tries yyyy-MM-dd before the lenient rule. What both take they read alike,
 * so the cheaper one goes first. */
bool cs_convert_date(cs_convert *convert, cs_str text, int32_t *days)
{
    const cs_time_pattern *format = convert->date_format;
    bool lenient = is_lenient(convert, format);
    if (format == NULL && lenient && date_of(text, days))
        return true;
    cs_time_value value;
    if (cs_time_pattern_match(format != NULL ? format : convert->iso_date, text, convert->zones,
                              &value) &&
        value.days >= INT32_MIN && value.days <= INT32_MAX) {
        *days = (int32_t)value.days;
        return true;
    }
    if (!lenient)
        return false;
    (void)without_gmt(convert, text, &text); /* there may be none */
    return date_of(text, days);
}

bool cs_convert_timestamp(cs_convert *convert, cs_str text, int64_t *micros)
{
    time_text moment;
    const cs_time_pattern *format = convert->timestamp_format;
    if (format != NULL ? instant_by_format(convert, text, micros)
                       : moment_of(text, &moment) && instant_of(convert, &moment, micros))
        return true;
    if (!is_lenient(convert, format) || (!without_gmt(convert, text, &text) && format == NULL))
        return false;
    return moment_of(text, &moment) && instant_of(convert, &moment, micros);
}

bool cs_convert_timestamp_ntz(cs_convert *convert, cs_str text, int64_t *micros)
{
    time_text moment;
    cs_time_value value;
    if (convert->timestamp_ntz_format == NULL)
        return moment_of(text, &moment) && !moment.has_zone &&
               micros_of(moment.days * SECONDS_PER_DAY + moment.second, moment.micro, micros);
    return cs_time_pattern_match(convert->timestamp_ntz_format, text, convert->zones, &value) &&
           value.second >= 0 && !value.has_zone &&
           micros_of(value.days * SECONDS_PER_DAY + value.second, value.micro, micros);
}

/* [+-]?y{4,7}(-m{1,2}(-d{1,2}([ T].*)?)?)? */
static bool date_of(cs_str text, int32_t *days)
{
    int64_t found;
    unsigned parts;
    text = trim(text);
    if (!read_date(&text, 7, &found, &parts) || found < INT32_MIN || found > INT32_MAX)
        return false;
    if (text.len > 0 && (parts < 3 || (text.ptr[0] != ' ' && text.ptr[0] != 'T')))
        return false;
    *days = (int32_t)found;
    return true;
}

/* [+-]?y{4,6}(-m{1,2}(-d{1,2}([ T]TIME)?)?)? */
static bool moment_of(cs_str text, time_text *out)
{
    unsigned parts;
    *out = (time_text){ 0 };
    text = trim(text);
    if (!read_date(&text, 6, &out->days, &parts))
        return false;
    if (text.len == 0)
        return true;
    return parts == 3 && (take_char(&text, ' ') || take_char(&text, 'T')) && read_time(text, out);
}

/* Takes as many of year, month and day as there are. */
static bool read_date(cs_str *text, unsigned year_digits_max, int64_t *days, unsigned *parts)
{
    static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t year, month = 1, day = 1;
    bool negative = take_char(text, '-');
    if (!negative)
        (void)take_char(text, '+'); /* may be left out */
    if (!take_part(text, 4, year_digits_max, &year))
        return false;
    *parts = 1;
    if (take_char(text, '-')) {
        *parts = 2;
        if (!take_part(text, 1, 2, &month))
            return false;
        if (take_char(text, '-')) {
            *parts = 3;
            if (!take_part(text, 1, 2, &day))
                return false;
        }
    }
    if (negative)
        year = -year;
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > month_days[month - 1] + (month == 2 && leap))
        return false;
    *days = cs_days_from_civil(year, (unsigned)month, (unsigned)day);
    return true;
}

/* h{1,2}(:m{1,2}(:s{1,2}(.f*)?zone?)?)? */
static bool read_time(cs_str text, time_text *out)
{
    int64_t hour, minute = 0, second = 0;
    if (!take_part(&text, 1, 2, &hour) || hour > 23)
        return false;
    if (take_char(&text, ':')) {
        if (!take_part(&text, 1, 2, &minute) || minute > 59)
            return false;
        if (take_char(&text, ':')) {
            if (!take_part(&text, 1, 2, &second) || second > 59)
                return false;
            if (take_char(&text, '.')) {
                int32_t weight = 100000;
                for (; text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9'; weight /= 10) {
                    out->micro += weight * (text.ptr[0] - '0');
                    text = (cs_str){ text.ptr + 1, text.len - 1 };
                }
            }
            out->has_zone = text.len > 0;
            out->zone = cs_str_trim(text);
            text.len = 0;
        }
    }
    out->second = (int32_t)((hour * 60 + minute) * 60 + second);
    return text.len == 0;
}

static bool take_part(cs_str *text, unsigned least, unsigned most, int64_t *value)
{
    size_t len = 0;
    int64_t sum = 0;
    while (len < text->len && len <= most && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        sum = sum * 10 + (text->ptr[len++] - '0');
    *value = sum;
    *text = (cs_str){ text->ptr + len, text->len - len };
    return len >= least && len <= most;
}

static bool take_char(cs_str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = (cs_str){ text->ptr + 1, text->len - 1 };
    return true;
}

static bool instant_of(cs_convert *convert, const time_text *moment, int64_t *micros)
{
    int64_t local = moment->days * SECONDS_PER_DAY + moment->second;
    const cs_zone *zone = convert->zone;
    int32_t offset = 0;
    if (moment->has_zone) {
        zone = NULL;
        if (!cs_zone_fixed(moment->zone, &offset)) {
            zone = cs_zones_find(convert->zones, moment->zone);
            if (zone == NULL)
                return false;
        }
    }
    return micros_of(zone != NULL ? cs_zone_to_utc(zone, local) : local - offset, moment->micro, micros);
}

/* Whole seconds must fit already, as in Spark: here the first instants of the range are malformed. */
static bool instant_by_format(cs_convert *convert, cs_str text, int64_t *micros)
{
    cs_time_value value;
    int64_t sum;
    if (!cs_time_pattern_match(convert->timestamp_format, text, convert->zones, &value) ||
        value.second < 0)
        return false;
    int64_t seconds = value.days * SECONDS_PER_DAY + value.second;
    const cs_zone *zone = value.has_zone ? value.zone : convert->zone;
    if (zone != NULL)
        seconds = cs_zone_to_utc(zone, seconds);
    else if (value.has_zone && (value.offset > OFFSET_MAX || value.offset < -OFFSET_MAX))
        return false;
    else if (value.has_zone)
        seconds -= value.offset;
    if (__builtin_mul_overflow(seconds, MICROS_PER_SECOND, &sum) ||
        __builtin_add_overflow(sum, value.micro, &sum))
        return false;
    *micros = sum;
    return true;
}

/* The last second before INT64_MIN's is in range with its fraction only: 128 bits spare the special
 * case. */
static bool micros_of(int64_t seconds, int32_t micro, int64_t *micros)
{
    __int128 sum = (__int128)seconds * MICROS_PER_SECOND + micro;
    if (sum < INT64_MIN || sum > INT64_MAX)
        return false;
    *micros = (int64_t)sum;
    return true;
}

/* False when there is none in it. */
static bool without_gmt(cs_convert *convert, cs_str text, cs_str *out)
{
    if (text.len < 3 || memmem(text.ptr, text.len, "GMT", 3) == NULL)
        return false;
    if (text.len > convert->scratch_cap) {
        convert->scratch = cs_xrealloc(convert->scratch, text.len);
        convert->scratch_cap = text.len;
    }
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= 3 && memcmp(text.ptr + i, "GMT", 3) == 0)
            i += 3;
        else
            convert->scratch[len++] = text.ptr[i++];
    }
    *out = (cs_str){ convert->scratch, len };
    return true;
}

/* Spark's trimAll: blanks and ASCII controls, DEL too. */
static cs_str trim(cs_str text)
{
    while (text.len > 0 && ((unsigned char)text.ptr[0] <= 0x20 || text.ptr[0] == 0x7f))
        text = (cs_str){ text.ptr + 1, text.len - 1 };
    while (text.len > 0 &&
           ((unsigned char)text.ptr[text.len - 1] <= 0x20 || text.ptr[text.len - 1] == 0x7f))
        text.len--;
    return text;
}
