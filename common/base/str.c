#include "common/base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool take_digits(cs_str *text, uint64_t *value);
static cs_str take_letters(cs_str *text);

int cs_str_cmp(cs_str a, cs_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool cs_str_eq_nocase(cs_str a, cs_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool cs_str_starts(cs_str text, cs_str prefix)
{
    return text.len >= prefix.len && cs_str_eq((cs_str){ text.ptr, prefix.len }, prefix);
}

bool cs_str_ends(cs_str text, cs_str suffix)
{
    if (text.len < suffix.len || suffix.len == 0)
        return suffix.len == 0;
    return cs_str_eq((cs_str){ text.ptr + (text.len - suffix.len), suffix.len }, suffix);
}

cs_str cs_str_trim(cs_str text)
{
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= 0x20)
        text.len--;
    while (text.len > 0 && (unsigned char)text.ptr[0] <= 0x20) {
        text.ptr++;
        text.len--;
    }
    return text;
}

size_t cs_utf8_len(cs_str text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    unsigned char low = 0x80, high = 0xbf;
    size_t len;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    if (at[0] < 0xe0) {
        len = 2;
    } else if (at[0] < 0xf0) {
        len = 3;
        low = at[0] == 0xe0 ? 0xa0 : 0x80;
        high = at[0] == 0xed ? 0x9f : 0xbf;
    } else {
        len = 4;
        low = at[0] == 0xf0 ? 0x90 : 0x80;
        high = at[0] == 0xf4 ? 0x8f : 0xbf;
    }
    if (text.len < len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    }
    return len;
}

bool cs_str_split(cs_str *rest, char separator, cs_str *piece)
{
    if (rest->len == 0)
        return false;
    const char *found = memchr(rest->ptr, separator, rest->len);
    size_t len = found != NULL ? (size_t)(found - rest->ptr) : rest->len;
    size_t cut = found != NULL ? len + 1 : len;
    *piece = (cs_str){ rest->ptr, len };
    *rest = (cs_str){ rest->ptr + cut, rest->len - cut };
    return true;
}

bool cs_str_to_i64(cs_str text, int64_t *value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        text.ptr++;
        text.len--;
    }
    uint64_t size;
    if (!take_digits(&text, &size) || text.len != 0 || size > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

bool cs_str_to_u64(cs_str text, uint64_t *value)
{
    if (text.len > 0 && text.ptr[0] == '+') {
        text.ptr++;
        text.len--;
    }
    uint64_t number;
    if (!take_digits(&text, &number) || text.len != 0)
        return false;
    *value = number;
    return true;
}

bool cs_str_to_size(cs_str text, uint64_t *bytes)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = {
        { "", 0 },   { "b", 0 },   { "k", 10 },   { "kb", 10 }, { "kib", 10 },
        { "m", 20 }, { "mb", 20 }, { "mib", 20 }, { "g", 30 },  { "gb", 30 },
        { "gib", 30 }, { "t", 40 }, { "tb", 40 }, { "tib", 40 },
    };
    text = cs_str_trim(text);
    uint64_t number;
    if (!take_digits(&text, &number))
        return false;
    text = cs_str_trim(text);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!cs_str_eq_nocase(text, cs_str_of(units[i].unit)))
            continue;
        if (number > UINT64_MAX >> units[i].shift)
            return false;
        *bytes = number << units[i].shift;
        return true;
    }
    return false;
}

/* Milliseconds in one `unit`, 0 when there is no such unit. */
static int64_t unit_ms(cs_str unit)
{
    static const struct {
        const char *names; /* each between blanks */
        int64_t ms;
    } units[] = {
        { " ms millisecond milliseconds ", 1 },
        { " s sec secs second seconds ", 1000 },
        { " m min mins minute minutes ", 60 * 1000 },
        { " h hr hrs hour hours ", 60 * 60 * 1000 },
        { " d day days ", 24 * 60 * 60 * 1000 },
        { " w week weeks ", 7 * 24 * 60 * 60 * 1000 },
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        cs_str rest = cs_str_of(units[i].names), name;
        while (cs_str_split(&rest, ' ', &name)) {
            if (name.len > 0 && cs_str_eq_nocase(name, unit))
                return units[i].ms;
        }
    }
    return 0;
}

bool cs_str_to_ms(cs_str text, int64_t *ms)
{
    int64_t total = 0;
    text = cs_str_trim(text);
    do {
        uint64_t number;
        if (!take_digits(&text, &number) || number > INT64_MAX)
            return false;
        text = cs_str_trim(text);
        int64_t piece;
        int64_t factor = unit_ms(take_letters(&text));
        if (factor == 0 || __builtin_mul_overflow((int64_t)number, factor, &piece) ||
            __builtin_add_overflow(total, piece, &total))
            return false;
        text = cs_str_trim(text);
    } while (text.len > 0);
    *ms = total;
    return true;
}

size_t cs_str_distance(cs_str a, cs_str b, size_t most)
{
    enum { LEN_MAX = 255 };
    size_t gap = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (gap > most || a.len > LEN_MAX || b.len > LEN_MAX)
        return cs_str_eq_nocase(a, b) ? 0 : most + 1;
    /* Three rows of the table: two back for a swap of neighbours, one back, and this one. */
    size_t rows[3][LEN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = lower(a.ptr[i - 1]) == lower(b.ptr[j - 1]);
            size_t least = above[j - 1] + !same;
            if (above[j] + 1 < least)
                least = above[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a.ptr[i - 1]) == lower(b.ptr[j - 2]) &&
                lower(a.ptr[i - 2]) == lower(b.ptr[j - 1]) && two_above[j - 2] + 1 < least)
                least = two_above[j - 2] + 1;
            row[j] = least;
        }
    }
    size_t distance = rows[a.len % 3][b.len];
    return distance > most ? most + 1 : distance;
}

/* At least one digit; false also when the number does not fit. */
static bool take_digits(cs_str *text, uint64_t *value)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < text->len && text->ptr[at] >= '0' && text->ptr[at] <= '9'; at++) {
        unsigned digit = (unsigned)(text->ptr[at] - '0');
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    if (at == 0)
        return false;
    *text = (cs_str){ text->ptr + at, text->len - at };
    *value = number;
    return true;
}

static cs_str take_letters(cs_str *text)
{
    size_t at = 0;
    while (at < text->len && lower(text->ptr[at]) >= 'a' && lower(text->ptr[at]) <= 'z')
        at++;
    cs_str letters = { text->ptr, at };
    *text = (cs_str){ text->ptr + at, text->len - at };
    return letters;
}
