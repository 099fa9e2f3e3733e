/* Text → value by a compiled pattern: first every op takes its part of the text, as the parsers of
 * java.time.format do, then the parts together must be a date and a time, as ResolverStyle.STRICT
 * and Spark's DateTimeFormatterHelper have it. */
#include "common/data/time_program.h"

#include "common/data/value.h"

#define ZONE_OFFSET_MAX (18 * 3600)
#define YEAR_MAX 999999999

#define BIT(field) ((uint32_t)1 << (field))
#define CLOCK_FIELDS (BIT(CS_TIME_HOUR) | BIT(CS_TIME_MINUTE) | BIT(CS_TIME_SECOND))
#define TIME_FIELDS                                                                         \
    (CLOCK_FIELDS | BIT(CS_TIME_CLOCK) | BIT(CS_TIME_HALF_HOUR) | BIT(CS_TIME_HALF_CLOCK) | \
     BIT(CS_TIME_HALF) | BIT(CS_TIME_NANO))

typedef struct reading {
    cs_str text;
    size_t at;
    bool broken; /* not even an option may be left out now */
    uint32_t present;
    int64_t fields[CS_TIME_FIELD_COUNT];
    bool has_id; /* VV was read: */
    const cs_zone *zone;
    int32_t offset;
    cs_zones *zones;
} reading;

static bool take_fixed(const cs_time_fixed *fixed, reading *text);
static bool take_ops(const cs_time_op *ops, size_t from, size_t to, reading *text);
static bool take(const cs_time_op *op, reading *text);
static bool take_literal(cs_str literal, reading *text);
static bool take_number(const cs_time_op *op, reading *text);
static bool take_fraction(const cs_time_op *op, reading *text);
static bool take_month(bool whole, reading *text);
static bool take_half(reading *text);
static bool take_offset(const cs_time_op *op, reading *text, int32_t *offset);
static bool take_zone(reading *text);
static bool resolve_time(reading *text, cs_time_value *out, bool *known);
static bool merge_hours(reading *text);
static bool resolve_date(const reading *text, int64_t *days, bool *known);

static bool has(const reading *text, cs_time_field field)
{
    return (text->present & BIT(field)) != 0;
}

/* A field that comes twice must say the same. */
static bool set(reading *text, cs_time_field field, int64_t value)
{
    bool same = !has(text, field) || text->fields[field] == value;
    text->fields[field] = value;
    text->present |= BIT(field);
    return same;
}

bool cs_time_pattern_match(const cs_time_pattern *pattern, cs_str text, cs_zones *zones,
                           cs_time_value *out)
{
    reading parts;
    parts.text = text;
    parts.at = 0;
    parts.broken = parts.has_id = false;
    parts.present = 0;
    parts.zones = zones;
    size_t from = take_fixed(&pattern->fixed, &parts) ? pattern->fixed.n_ops : 0;
    if (!take_ops(pattern->ops, from, pattern->n_ops, &parts) || parts.at != text.len)
        return false;
    cs_time_value made;
    bool time_known, date_known;
    if (!resolve_time(&parts, &made, &time_known) ||
        !resolve_date(&parts, &made.days, &date_known))
        return false;
    made.has_zone = parts.has_id || has(&parts, CS_TIME_OFFSET);
    made.zone = parts.has_id ? parts.zone : NULL;
    made.offset = parts.has_id ? parts.offset : 0;
    if (has(&parts, CS_TIME_OFFSET)) {
        int32_t offset = (int32_t)parts.fields[CS_TIME_OFFSET];
        if (date_known && time_known && (offset > ZONE_OFFSET_MAX || offset < -ZONE_OFFSET_MAX))
            return false;
        if (!parts.has_id)
            made.offset = offset;
    }
    *out = made;
    return true;
}

static uint64_t load8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t two_digits(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static bool take_fixed(const cs_time_fixed *fixed, reading *text)
{
    const char *at = text->text.ptr;
    if (fixed->len == 0 || text->text.len < fixed->len)
        return false;
    uint64_t wrong = 0;
    for (size_t i = 0; i < fixed->n_words; i++) {
        uint64_t word = load8(at + fixed->word_at[i]) ^ fixed->want[i];
        wrong |= (word + fixed->most[i]) | word;
    }
    if ((wrong & 0x8080808080808080u) != 0)
        return false;
    if (fixed->open && text->text.len > fixed->len && is_digit(at[fixed->len]))
        return false;
    /* A field that is not there is read from byte 0 and not looked at. */
    text->fields[CS_TIME_MONTH] = two_digits(at + fixed->fields[CS_TIME_MONTH].at);
    text->fields[CS_TIME_DAY] = two_digits(at + fixed->fields[CS_TIME_DAY].at);
    if ((fixed->present & TIME_FIELDS) != 0) {
        text->fields[CS_TIME_HOUR] = two_digits(at + fixed->fields[CS_TIME_HOUR].at);
        text->fields[CS_TIME_MINUTE] = two_digits(at + fixed->fields[CS_TIME_MINUTE].at);
        text->fields[CS_TIME_SECOND] = two_digits(at + fixed->fields[CS_TIME_SECOND].at);
    }
    const char *year = at + fixed->fields[CS_TIME_YEAR].at;
    text->fields[CS_TIME_YEAR] = fixed->short_year ? 2000 + two_digits(year)
                                                   : 100 * two_digits(year) + two_digits(year + 2);
    text->present = fixed->present;
    text->at = fixed->len;
    return true;
}

static bool take_ops(const cs_time_op *ops, size_t from, size_t to, reading *text)
{
    for (size_t i = from; i < to; i++) {
        if (ops[i].kind == CS_TIME_OP_OPTION) {
            reading before = *text;
            if (!take_ops(ops, i + 1, ops[i].end, text)) {
                if (text->broken)
                    return false;
                *text = before;
            }
            i = (size_t)ops[i].end - 1;
        } else if (!take(&ops[i], text)) {
            return false;
        }
    }
    return true;
}

static bool take(const cs_time_op *op, reading *text)
{
    int32_t offset;
    switch (op->kind) {
    case CS_TIME_OP_LITERAL:
        return take_literal(op->text, text);
    case CS_TIME_OP_NUMBER:
    case CS_TIME_OP_SHORT_YEAR:
        return take_number(op, text);
    case CS_TIME_OP_FRACTION:
        return take_fraction(op, text);
    case CS_TIME_OP_SHORT_MONTH:
    case CS_TIME_OP_LONG_MONTH:
        return take_month(op->kind == CS_TIME_OP_LONG_MONTH, text);
    case CS_TIME_OP_HALF:
        return take_half(text);
    case CS_TIME_OP_OFFSET:
        return take_offset(op, text, &offset) && set(text, CS_TIME_OFFSET, offset);
    case CS_TIME_OP_ZONE:
        return take_zone(text);
    default:
        return false;
    }
}

static cs_str rest_of(const reading *text)
{
    return (cs_str){ text->text.ptr + text->at, text->text.len - text->at };
}

static bool take_word(cs_str word, reading *text)
{
    cs_str rest = rest_of(text);
    if (rest.len < word.len || !cs_str_eq_nocase((cs_str){ rest.ptr, word.len }, word))
        return false;
    text->at += word.len;
    return true;
}

/* The next character and its length; a byte that begins none stands for itself. */
static uint32_t next_character(cs_str text, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    *len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 1;
    if (*len > text.len)
        *len = 1;
    uint32_t c = *len == 1 ? at[0] : at[0] & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        c = c << 6 | (at[i] & 0x3f);
    return c;
}

/* Letters of Latin, Greek and Cyrillic in one case; what else has cases keeps it. */
static uint32_t fold(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3ab) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c == 0x178)
        return 0xff;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    if ((c >= 0x100 && c <= 0x177 && c != 0x130 && c != 0x131 && c != 0x138 && c != 0x149) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf))
        return c | 1;
    if (c >= 0x388 && c <= 0x38a)
        return c + 37;
    if (c == 0x386 || c == 0x38c || c == 0x38e || c == 0x38f)
        return c == 0x386 ? 0x3ac : c == 0x38c ? 0x3cc : c + 63;
    if (c == 0x3c2)
        return 0x3c3;
    return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

static bool take_literal(cs_str literal, reading *text)
{
    cs_str rest = rest_of(text);
    while (literal.len > 0) {
        if (rest.len == 0)
            return false;
        size_t len = 1, other = 1;
        if (literal.ptr[0] != rest.ptr[0] || (unsigned char)literal.ptr[0] >= 0x80) {
            if (fold(next_character(literal, &len)) != fold(next_character(rest, &other)))
                return false;
        }
        literal = (cs_str){ literal.ptr + len, literal.len - len };
        rest = (cs_str){ rest.ptr + other, rest.len - other };
    }
    text->at = text->text.len - rest.len;
    return true;
}

/* Returns how many digits, at most `most`, the text begins with. *value is their number if they are
 * at most 19. */
static size_t read_digits(cs_str text, size_t most, uint64_t *value)
{
    size_t n = 0;
    uint64_t sum = 0;
    if (most > text.len)
        most = text.len;
    for (; n < most && is_digit(text.ptr[n]); n++)
        sum = sum * 10 + (uint64_t)(text.ptr[n] - '0');
    *value = sum;
    return n;
}

static bool take_number(const cs_time_op *op, reading *text)
{
    cs_str rest = rest_of(text);
    char sign = '\0';
    if (rest.len > 0 && (rest.ptr[0] == '-' || rest.ptr[0] == '+')) {
        sign = rest.ptr[0];
        if (op->sign == CS_TIME_SIGN_NONE || (sign == '+' && op->sign != CS_TIME_SIGN_WIDE))
            return false;
        rest = (cs_str){ rest.ptr + 1, rest.len - 1 };
    }
    uint64_t value;
    size_t len = read_digits(rest, (size_t)op->most + op->behind, &value);
    if (len < op->least)
        return false;
    if (op->behind > 0) {
        len = len > (size_t)op->least + op->behind ? len - op->behind : op->least;
        len = read_digits(rest, len, &value);
    }
    if (value > (uint64_t)INT64_MAX) { /* as Java does: one digit less */
        value /= 10;
        len--;
    }
    if (sign == '-' && value == 0)
        return false;
    if (op->sign == CS_TIME_SIGN_WIDE && sign != '-' && (sign == '+') != (len > op->least))
        return false;
    text->at = (size_t)(rest.ptr - text->text.ptr) + len;
    if (op->kind == CS_TIME_OP_SHORT_YEAR)
        value += 2000;
    return set(text, op->field, sign == '-' ? -(int64_t)value : (int64_t)value);
}

static bool take_fraction(const cs_time_op *op, reading *text)
{
    static const int32_t weights[] = { 1000000000, 100000000, 10000000, 1000000, 100000,
                                       10000,      1000,      100,      10,      1 };
    uint64_t value;
    size_t len = read_digits(rest_of(text), op->most, &value);
    text->at += len;
    return len >= op->least && set(text, CS_TIME_NANO, (int64_t)value * weights[len]);
}

static bool take_month(bool whole, reading *text)
{
    static const char *const months[] = { "January", "February", "March",     "April",
                                          "May",     "June",     "July",      "August",
                                          "September", "October", "November", "December" };
    cs_str rest = rest_of(text);
    if (rest.len < 3)
        return false;
    for (int64_t i = 0; i < 12; i++) {
        const char *name = months[i];
        if (((name[0] ^ rest.ptr[0]) | (name[1] ^ rest.ptr[1]) | (name[2] ^ rest.ptr[2])) & ~0x20)
            continue;
        return take_word((cs_str){ name, whole ? strlen(name) : 3 }, text) &&
               set(text, CS_TIME_MONTH, i + 1);
    }
    return false;
}

static bool take_half(reading *text)
{
    bool morning = take_word(CS_STR("AM"), text);
    return (morning || take_word(CS_STR("PM"), text)) && set(text, CS_TIME_HALF, !morning);
}

static bool take_pair(reading *text, bool colon, int32_t most, int32_t *value)
{
    cs_str rest = rest_of(text);
    if (colon && rest.len > 0 && rest.ptr[0] == ':')
        rest = (cs_str){ rest.ptr + 1, rest.len - 1 };
    else if (colon)
        return false;
    if (rest.len < 2 || !is_digit(rest.ptr[0]) || !is_digit(rest.ptr[1]) ||
        two_digits(rest.ptr) > most)
        return false;
    *value = (int32_t)two_digits(rest.ptr);
    text->at = (size_t)(rest.ptr - text->text.ptr) + 2;
    return true;
}

/* Hours that no day has are an error to Java, not a mismatch. */
static bool take_offset(const cs_time_op *op, reading *text, int32_t *offset)
{
    int32_t hours = 0, minutes = 0, seconds = 0;
    *offset = 0;
    if (take_word(op->text, text))
        return true;
    cs_str rest = rest_of(text);
    if (rest.len == 0 || (rest.ptr[0] != '+' && rest.ptr[0] != '-'))
        return false;
    text->at++;
    if (!take_pair(text, false, 59, &hours))
        return false;
    bool more = take_pair(text, op->colon, 59, &minutes);
    if (!more && op->needs_minutes)
        return false;
    if (more && op->takes_seconds)
        (void)take_pair(text, op->colon, 59, &seconds); /* may be left out */
    text->broken = hours > 23;
    *offset = (hours * 60 + minutes) * 60 + seconds;
    if (rest.ptr[0] == '-')
        *offset = -*offset;
    return !text->broken;
}

/* A number of hours behind a prefix, `UTC+01:00`; without one the prefix alone is the zone. */
static bool take_zone_offset(reading *text, cs_str zero)
{
    const cs_time_op op = {
        .colon = true, .needs_minutes = true, .takes_seconds = true, .text = zero
    };
    size_t at = text->at;
    int32_t offset = 0;
    cs_str rest = rest_of(text);
    bool prefixed = zero.ptr[0] == '0';
    text->has_id = true;
    text->zone = NULL;
    text->offset = 0;
    if (prefixed && (rest.len == 0 || rest.ptr[0] == '0' || (rest.ptr[0] | 0x20) == 'z'))
        return true;
    bool good = take_offset(&op, text, &offset);
    if (good && offset <= ZONE_OFFSET_MAX && offset >= -ZONE_OFFSET_MAX) {
        text->offset = offset;
        return true;
    }
    text->at = at;
    return !good && prefixed && !text->broken;
}

static bool take_zone(reading *text)
{
    cs_str rest = rest_of(text);
    if (rest.len == 0)
        return false;
    char first = rest.ptr[0];
    if (first == '+' || first == '-')
        return take_zone_offset(text, CS_STR("Z"));
    if ((first | 0x20) == 'g' || (first | 0x20) == 'u') {
        if (take_word(CS_STR("GMT0"), text)) {
            text->has_id = true;
            text->zone = NULL;
            text->offset = 0;
            return true;
        }
        if (take_word(CS_STR("UTC"), text) || take_word(CS_STR("UT"), text) ||
            take_word(CS_STR("GMT"), text))
            return take_zone_offset(text, CS_STR("0"));
    }
    size_t len = 0;
    const cs_zone *zone = cs_zones_starting(text->zones, rest, &len);
    if (zone == NULL && (first | 0x20) != 'z')
        return false;
    text->at += zone != NULL ? len : 1;
    text->has_id = true;
    text->zone = zone;
    text->offset = 0;
    return true;
}

static bool within(const reading *text, cs_time_field field, int64_t least, int64_t most)
{
    return !has(text, field) || (text->fields[field] >= least && text->fields[field] <= most);
}

/* *known: Java has a time of it: there is an hour, and no gap behind it. Spark fills gaps, but then
 * only timestamps look whether the parts are in range. */
static bool resolve_time(reading *text, cs_time_value *out, bool *known)
{
    const int64_t *fields = text->fields;
    *known = false;
    out->second = out->micro = 0;
    if ((text->present & TIME_FIELDS) == 0)
        return true;
    if ((text->present & TIME_FIELDS & ~CLOCK_FIELDS) != 0 && !merge_hours(text))
        return false;
    bool minute = has(text, CS_TIME_MINUTE), second = has(text, CS_TIME_SECOND);
    bool nano = has(text, CS_TIME_NANO);
    bool in_range = within(text, CS_TIME_HOUR, 0, 23) && within(text, CS_TIME_MINUTE, 0, 59) &&
                    within(text, CS_TIME_SECOND, 0, 59);
    int64_t hour = 0;
    *known = has(text, CS_TIME_HOUR) && (minute || (!second && !nano)) && (second || !nano);
    if (*known || !has(text, CS_TIME_HOUR)) {
        if (!in_range || !within(text, CS_TIME_HALF_HOUR, 0, 11))
            return false;
    }
    if (has(text, CS_TIME_HOUR)) {
        hour = fields[CS_TIME_HOUR];
        if (*known && ((has(text, CS_TIME_HALF) && fields[CS_TIME_HALF] != hour / 12) ||
                       (has(text, CS_TIME_HALF_HOUR) && fields[CS_TIME_HALF_HOUR] != hour % 12)))
            return false;
    } else if (has(text, CS_TIME_HALF_HOUR)) {
        hour = fields[CS_TIME_HALF_HOUR];
    } else if (has(text, CS_TIME_HALF)) {
        hour = 12 * fields[CS_TIME_HALF];
    }
    out->second = in_range ? (int32_t)(hour * 3600 + (minute ? fields[CS_TIME_MINUTE] * 60 : 0) +
                                       (second ? fields[CS_TIME_SECOND] : 0))
                           : -1;
    out->micro = nano ? (int32_t)(fields[CS_TIME_NANO] / 1000) : 0;
    return true;
}

/* The ways to say an hour become the hour of the day, or that of its half. */
static bool merge_hours(reading *text)
{
    const int64_t *fields = text->fields;
    if (!within(text, CS_TIME_CLOCK, 1, 24) || !within(text, CS_TIME_HALF_CLOCK, 1, 12))
        return false;
    if (has(text, CS_TIME_CLOCK) && !set(text, CS_TIME_HOUR, fields[CS_TIME_CLOCK] % 24))
        return false;
    if (has(text, CS_TIME_HALF_CLOCK) &&
        !set(text, CS_TIME_HALF_HOUR, fields[CS_TIME_HALF_CLOCK] % 12))
        return false;
    return !has(text, CS_TIME_HALF) || !has(text, CS_TIME_HALF_HOUR) ||
           (within(text, CS_TIME_HALF_HOUR, 0, 11) &&
            set(text, CS_TIME_HOUR, fields[CS_TIME_HALF] * 12 + fields[CS_TIME_HALF_HOUR]));
}

/* A day of the year decides; month and day, when they are there too, must agree. */
static bool resolve_date(const reading *text, int64_t *days, bool *known)
{
    static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const int64_t *fields = text->fields;
    bool has_month = has(text, CS_TIME_MONTH), has_day = has(text, CS_TIME_DAY);
    int64_t year = has(text, CS_TIME_YEAR) ? fields[CS_TIME_YEAR] : 1970;
    if (year < -YEAR_MAX || year > YEAR_MAX)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    *known = has(text, CS_TIME_YEAR) && ((has_month && has_day) || has(text, CS_TIME_DAY_OF_YEAR));
    if (has(text, CS_TIME_DAY_OF_YEAR)) {
        int64_t day_of_year = fields[CS_TIME_DAY_OF_YEAR], that_year;
        unsigned month, day;
        if (day_of_year < 1 || day_of_year > 365 + leap)
            return false;
        *days = cs_days_from_civil(year, 1, 1) + day_of_year - 1;
        cs_civil_from_days(*days, &that_year, &month, &day);
        return (!has_month || fields[CS_TIME_MONTH] == month) &&
               (!has_day || fields[CS_TIME_DAY] == day);
    }
    int64_t month = has_month ? fields[CS_TIME_MONTH] : 1, day = has_day ? fields[CS_TIME_DAY] : 1;
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] + (month == 2 && leap))
        return false;
    *days = cs_days_from_civil(year, (unsigned)month, (unsigned)day);
    return true;
}
