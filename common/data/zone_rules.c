/* A file lists the changes up to some year and ends with a POSIX TZ text for the time after.
 * Calendars repeat after 400 years (a whole number of weeks), so that text is spread out over one
 * such period once, when the file is read, and looking up needs nothing but a binary search. */
#include "common/data/zone_rules.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/data/value.h"

#define HEADER_BYTES 44u
#define DAY INT64_C(86400)
#define PERIOD_YEARS 400
#define PERIOD (146097 * DAY)
#define CHANGES_MAX 16384u /* listed ones; real files have fewer than 300 */

typedef struct tzif_header {
    uint32_t n_isut, n_isstd, n_leap, n_times, n_types, n_chars;
} tzif_header;

typedef struct change_rule {
    enum { RULE_JULIAN, RULE_DAY, RULE_WEEKDAY } kind; /* Jn, n, Mm.w.d */
    int32_t month, week, day;
    int32_t time; /* of that day, in the local time before the change */
} change_rule;

typedef struct posix_tz {
    int32_t offset, dst_offset;
    bool dst;
    change_rule start, end;
} posix_tz;

static bool read_header(cs_str *file, tzif_header *out);
static bool read_changes(cs_zone_rules *rules, const tzif_header *header, cs_str block, int64_t *last);
static bool read_footer(cs_str text, posix_tz *out);
static bool is_offset(int64_t seconds);
static void spread(cs_zone_rules *rules, const posix_tz *tz, int64_t last);
static void add_change(cs_zone_rules *rules, int64_t at, int32_t offset);
static bool take_name(cs_str *text);
static bool take_time(cs_str *text, int32_t *seconds);
static bool take_rule(cs_str *text, change_rule *out);
static bool take_number(cs_str *text, int32_t *value);
static bool take_char(cs_str *text, char c);
static int64_t rule_day(const change_rule *rule, int64_t year);
static uint32_t be32(const char *at);
static int64_t be64(const char *at);

static size_t block_bytes(const tzif_header *header, size_t time_bytes)
{
    return header->n_times * (time_bytes + 1) + header->n_types * (size_t)6 + header->n_chars +
           header->n_leap * (time_bytes + 4) + header->n_isstd + header->n_isut;
}

bool cs_zone_rules_read(cs_zone_rules *out, cs_str file)
{
    tzif_header header;
    posix_tz tz;
    if (!read_header(&file, &header) || file.len < block_bytes(&header, 4))
        return false;
    size_t old = block_bytes(&header, 4); /* 32-bit times, for readers of version 1 */
    file = (cs_str){ file.ptr + old, file.len - old };
    if (!read_header(&file, &header) || file.len < block_bytes(&header, 8) || header.n_types == 0 ||
        header.n_times > CHANGES_MAX)
        return false;
    size_t block = block_bytes(&header, 8);
    if (!read_footer((cs_str){ file.ptr + block, file.len - block }, &tz))
        return false;
    size_t room = header.n_times + 2 * (PERIOD_YEARS + 2);
    cs_zone_rules made = { .repeat_from = INT64_MAX };
    made.until = cs_xcalloc(room, sizeof *made.until);
    made.offsets = cs_xcalloc(room + 1, sizeof *made.offsets);
    int64_t last = 0;
    if (!read_changes(&made, &header, (cs_str){ file.ptr, block }, &last)) {
        cs_zone_rules_done(&made);
        return false;
    }
    spread(&made, &tz, last);
    *out = made;
    return true;
}

void cs_zone_rules_done(cs_zone_rules *rules)
{
    free(rules->until);
    free(rules->offsets);
    *rules = (cs_zone_rules){ 0 };
}

int32_t cs_zone_rules_offset(const cs_zone_rules *rules, int64_t local)
{
    if (local >= rules->repeat_from)
        local = rules->repeat_from + (local - rules->repeat_from) % PERIOD;
    size_t low = 0, high = rules->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (local < rules->until[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return rules->offsets[low];
}

static bool read_header(cs_str *file, tzif_header *out)
{
    if (file->len < HEADER_BYTES || memcmp(file->ptr, "TZif", 4) != 0 || file->ptr[4] < '2')
        return false;
    uint32_t *counts[] = { &out->n_isut,  &out->n_isstd, &out->n_leap,
                           &out->n_times, &out->n_types, &out->n_chars };
    for (size_t i = 0; i < 6; i++)
        *counts[i] = be32(file->ptr + 20 + 4 * i);
    *file = (cs_str){ file->ptr + HEADER_BYTES, file->len - HEADER_BYTES };
    return true;
}

static bool read_changes(cs_zone_rules *rules, const tzif_header *header, cs_str block, int64_t *last)
{
    const char *times = block.ptr;
    const char *kinds = times + 8 * (size_t)header->n_times;
    const char *types = kinds + header->n_times;
    rules->offsets[0] = (int32_t)be32(types); /* before the first change: type 0 */
    if (!is_offset(rules->offsets[0]))
        return false;
    for (size_t i = 0; i < header->n_times; i++) {
        unsigned kind = (unsigned char)kinds[i];
        int64_t at = be64(times + 8 * i);
        /* The first entry of some files stands for the beginning of time. */
        if (kind >= header->n_types || (i > 0 && at <= *last) || at < INT64_MIN / 2 || at > INT64_MAX / 2)
            return false;
        int32_t offset = (int32_t)be32(types + 6 * (size_t)kind);
        if (!is_offset(offset))
            return false;
        add_change(rules, at, offset);
        *last = at;
    }
    return true;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; an empty text is allowed and says nothing, then the last offset
 * stays. */
static bool read_footer(cs_str text, posix_tz *out)
{
    posix_tz tz = { 0 };
    if (text.len < 2 || text.ptr[0] != '\n' || text.ptr[text.len - 1] != '\n')
        return false;
    text = (cs_str){ text.ptr + 1, text.len - 2 };
    *out = tz;
    if (text.len == 0)
        return true;
    if (!take_name(&text) || !take_time(&text, &tz.offset))
        return false;
    tz.offset = -tz.offset; /* POSIX counts west of Greenwich */
    if (text.len > 0) {
        tz.dst = true;
        tz.dst_offset = tz.offset + 3600;
        if (!take_name(&text))
            return false;
        if (text.len > 0 && text.ptr[0] != ',') {
            if (!take_time(&text, &tz.dst_offset))
                return false;
            tz.dst_offset = -tz.dst_offset;
        }
        if (!take_char(&text, ',') || !take_rule(&text, &tz.start) || !take_char(&text, ',') ||
            !take_rule(&text, &tz.end))
            return false;
    }
    *out = tz;
    return text.len == 0 && is_offset(tz.offset) && is_offset(tz.dst_offset);
}

static bool is_offset(int64_t seconds)
{
    return seconds >= -DAY && seconds <= DAY;
}

static void spread(cs_zone_rules *rules, const posix_tz *tz, int64_t last)
{
    if (!tz->dst)
        return;
    int64_t year, from;
    unsigned month, day;
    cs_civil_from_days(last / DAY, &year, &month, &day);
    from = rules->n;
    for (int64_t y = year; y < year + PERIOD_YEARS + 2; y++) {
        int64_t start = rule_day(&tz->start, y) * DAY + tz->start.time - tz->offset;
        int64_t end = rule_day(&tz->end, y) * DAY + tz->end.time - tz->dst_offset;
        bool start_first = start < end;
        for (int i = 0; i < 2; i++) {
            bool is_start = (i == 0) == start_first;
            int64_t at = is_start ? start : end;
            if (at > last)
                add_change(rules, at, is_start ? tz->dst_offset : tz->offset);
        }
    }
    /* Nothing was added: daylight saving time all year. */
    if (rules->n > (size_t)from)
        rules->repeat_from = rules->until[from];
}

static void add_change(cs_zone_rules *rules, int64_t at, int32_t offset)
{
    int32_t before = rules->offsets[rules->n];
    if (offset == before)
        return;
    int64_t until = at + (offset > before ? offset : before);
    /* Two changes nearer to each other than their shifts: keep the order that the search needs. */
    if (rules->n > 0 && until < rules->until[rules->n - 1])
        until = rules->until[rules->n - 1];
    rules->until[rules->n++] = until;
    rules->offsets[rules->n] = offset;
}

static bool take_name(cs_str *text)
{
    size_t len = 0;
    bool quoted = text->len > 0 && text->ptr[0] == '<';
    while (len < text->len) {
        char c = text->ptr[len];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (quoted ? c == '>' : !letter)
            break;
        len++;
    }
    if (quoted ? len == text->len : len == 0)
        return false;
    len += quoted;
    *text = (cs_str){ text->ptr + len, text->len - len };
    return true;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(cs_str *text, int32_t *seconds)
{
    bool negative = take_char(text, '-');
    if (!negative)
        (void)take_char(text, '+'); /* may be left out */
    int32_t hours, minutes = 0, rest = 0;
    if (!take_number(text, &hours) || hours > 167)
        return false;
    if (take_char(text, ':') && (!take_number(text, &minutes) || minutes > 59))
        return false;
    if (take_char(text, ':') && (!take_number(text, &rest) || rest > 59))
        return false;
    *seconds = (hours * 60 + minutes) * 60 + rest;
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool take_rule(cs_str *text, change_rule *out)
{
    change_rule rule = { .kind = RULE_DAY, .time = 7200 };
    if (take_char(text, 'M')) {
        rule.kind = RULE_WEEKDAY;
        if (!take_number(text, &rule.month) || !take_char(text, '.') || !take_number(text, &rule.week) ||
            !take_char(text, '.') || !take_number(text, &rule.day) || rule.month < 1 || rule.month > 12 ||
            rule.week < 1 || rule.week > 5 || rule.day > 6)
            return false;
    } else {
        if (take_char(text, 'J'))
            rule.kind = RULE_JULIAN;
        if (!take_number(text, &rule.day) || rule.day > 365 || (rule.kind == RULE_JULIAN && rule.day < 1))
            return false;
    }
    if (take_char(text, '/') && !take_time(text, &rule.time))
        return false;
    *out = rule;
    return true;
}

static bool take_number(cs_str *text, int32_t *value)
{
    size_t len = 0;
    int32_t sum = 0;
    while (len < text->len && len < 3 && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        sum = sum * 10 + (text->ptr[len++] - '0');
    *value = sum;
    *text = (cs_str){ text->ptr + len, text->len - len };
    return len > 0;
}

static bool take_char(cs_str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = (cs_str){ text->ptr + 1, text->len - 1 };
    return true;
}

/* Days since 1970. */
static int64_t rule_day(const change_rule *rule, int64_t year)
{
    int64_t first = cs_days_from_civil(year, 1, 1);
    if (rule->kind == RULE_DAY)
        return first + rule->day;
    if (rule->kind == RULE_JULIAN) { /* 29 February is not counted */
        bool leap = cs_days_from_civil(year + 1, 1, 1) - first == 366;
        return first + rule->day - 1 + (leap && rule->day >= 60);
    }
    unsigned month = (unsigned)rule->month;
    first = cs_days_from_civil(year, month, 1);
    int64_t next = month == 12 ? cs_days_from_civil(year + 1, 1, 1) : cs_days_from_civil(year, month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
    return day < next ? day : day - 7;
}

static uint32_t be32(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t be64(const char *at)
{
    return (int64_t)((uint64_t)be32(at) << 32 | be32(at + 4));
}
