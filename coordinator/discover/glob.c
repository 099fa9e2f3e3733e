/* Braces are written out first; what is left is matched with one place to go back to, the last
 * star, so a name costs at most its length times the pattern's, whatever the pattern. */
#include "coordinator/discover/glob.h"

#include "common/base/limits.h"

typedef struct expander {
    cs_glob *glob;
    cs_str whole;
    size_t cap;
} expander;

static cs_code expand(expander *to, cs_str before, cs_str rest, cs_error *err);
static cs_code check_plain(const expander *to, cs_str pattern, cs_error *err);
static bool fits(cs_str pattern, cs_str name);

cs_code cs_glob_init(cs_glob *glob, cs_str pattern, cs_error *err)
{
    *glob = (cs_glob){ 0 };
    if (pattern.len == 0)
        return CS_OK;
    if (pattern.len > CS_PATH_BYTES_MAX)
        return cs_error_set(err, CS_E_BAD_OPTION,
                            "pathGlobFilter has %zu bytes, at most %u are allowed",
                            pattern.len, CS_PATH_BYTES_MAX);
    expander to = { .glob = glob, .whole = cs_arena_str(&glob->arena, pattern) };
    cs_code code = expand(&to, CS_STR(""), to.whole, err);
    if (code != CS_OK)
        cs_glob_done(glob);
    return code;
}

void cs_glob_done(cs_glob *glob)
{
    cs_arena_done(&glob->arena);
    *glob = (cs_glob){ 0 };
}

bool cs_glob_fits(const cs_glob *glob, cs_str name)
{
    for (size_t i = 0; i < glob->n; i++) {
        if (fits(glob->patterns[i], name))
            return true;
    }
    return glob->n == 0;
}

/* ---- braces ---- */

static cs_code bad(const expander *to, const char *what, cs_error *err)
{
    cs_error_set(err, CS_E_BAD_OPTION, "pathGlobFilter '%.*s': %s", CS_STR_ARG(to->whole), what);
    cs_error_hint(err,
                  "patterns know *, ?, [a-c], {a,b} and \\ before a character that stands for itself");
    return CS_E_BAD_OPTION;
}

/* Past the bytes that belong together at `at`: an escaped one, or a whole set. */
static size_t skip(cs_str text, size_t at)
{
    if (text.ptr[at] == '\\')
        return at + 2;
    if (text.ptr[at] != '[')
        return at + 1;
    bool negative = at + 1 < text.len && (text.ptr[at + 1] == '^' || text.ptr[at + 1] == '!');
    for (size_t i = at + 1; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == ']' && i > at + 1 + negative)
            return i + 1;
    }
    return at + 1; /* not closed: found by check_plain */
}

static cs_str join(expander *to, cs_str a, cs_str b, cs_str c)
{
    char *text = cs_arena_alloc(&to->glob->arena, a.len + b.len + c.len + 1);
    memcpy(text, a.ptr, a.len);
    memcpy(text + a.len, b.ptr, b.len);
    memcpy(text + a.len + b.len, c.ptr, c.len);
    return (cs_str){ text, a.len + b.len + c.len };
}

static cs_code add_plain(expander *to, cs_str pattern, cs_error *err)
{
    cs_glob *glob = to->glob;
    CS_TRY(check_plain(to, pattern, err));
    if (glob->n == CS_GLOB_PATTERNS_MAX)
        return cs_error_set(err, CS_E_BAD_OPTION,
                            "pathGlobFilter '%.*s' stands for more than %u patterns",
                            CS_STR_ARG(to->whole), CS_GLOB_PATTERNS_MAX);
    if (glob->n == to->cap) {
        to->cap = to->cap == 0 ? 4 : to->cap * 2;
        cs_str *more = cs_arena_array(&glob->arena, cs_str, to->cap);
        if (glob->n > 0)
            memcpy(more, glob->patterns, glob->n * sizeof *more);
        glob->patterns = more;
    }
    glob->patterns[glob->n++] = pattern;
    return CS_OK;
}

/* The first brace of `rest`, its alternatives one after the other, each followed by what comes
 * behind. */
static cs_code expand(expander *to, cs_str before, cs_str rest, cs_error *err)
{
    size_t open = 0;
    while (open < rest.len && rest.ptr[open] != '{')
        open = skip(rest, open);
    if (open >= rest.len)
        return add_plain(to, join(to, before, rest, CS_STR("")), err);
    size_t close = open + 1;
    for (unsigned depth = 1; close < rest.len; close = skip(rest, close)) {
        if (rest.ptr[close] == '{')
            depth++;
        else if (rest.ptr[close] == '}' && --depth == 0)
            break;
    }
    if (close >= rest.len)
        return bad(to, "a { is not closed", err);
    cs_str head = join(to, before, (cs_str){ rest.ptr, open }, CS_STR(""));
    cs_str tail = { rest.ptr + close + 1, rest.len - close - 1 };
    size_t from = open + 1;
    unsigned depth = 0;
    for (size_t at = from; at <= close; at = skip(rest, at)) {
        char c = rest.ptr[at];
        if (at == close || (c == ',' && depth == 0)) {
            CS_TRY(expand(to, head,
                          join(to, (cs_str){ rest.ptr + from, at - from }, tail, CS_STR("")), err));
            from = at + 1;
        }
        depth += c == '{';
        depth -= c == '}' && at != close;
    }
    return CS_OK;
}

static cs_code check_plain(const expander *to, cs_str pattern, cs_error *err)
{
    for (size_t at = 0; at < pattern.len;) {
        size_t next = skip(pattern, at);
        if (pattern.ptr[at] == '[' && next == at + 1)
            return bad(to, "a [ is not closed", err);
        if (next > pattern.len)
            return bad(to, "a \\ stands at the end", err);
        at = next;
    }
    return CS_OK;
}

/* ---- matching ---- */

/* One character, or a byte as a number of its own kind where the bytes are no UTF-8. */
static uint32_t take_char(cs_str *text)
{
    const uint8_t *at = (const uint8_t *)text->ptr;
    size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : 4;
    uint32_t value = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
    bool good = len == 1 || (at[0] >= 0xc2 && at[0] < 0xf5 && len <= text->len);
    for (size_t i = 1; good && i < len; i++) {
        good = (at[i] & 0xc0) == 0x80;
        value = value << 6 | (at[i] & 0x3fu);
    }
    if (!good) {
        len = 1;
        value = 0x110000u + at[0];
    }
    text->ptr += len;
    text->len -= len;
    return value;
}

static uint32_t take_literal(cs_str *pattern)
{
    if (pattern->ptr[0] == '\\') {
        pattern->ptr++;
        pattern->len--;
    }
    return take_char(pattern);
}

/* `pattern` stands behind the [; leaves it behind the ]. */
static bool fits_set(cs_str *pattern, uint32_t c)
{
    bool negative = pattern->ptr[0] == '^' || pattern->ptr[0] == '!', found = false;
    if (negative) {
        pattern->ptr++;
        pattern->len--;
    }
    for (bool first = true; first || pattern->ptr[0] != ']'; first = false) {
        uint32_t low = take_literal(pattern), high = low;
        if (pattern->len > 1 && pattern->ptr[0] == '-' && pattern->ptr[1] != ']') {
            pattern->ptr++;
            pattern->len--;
            high = take_literal(pattern);
        }
        found = found || (low <= c && c <= high);
    }
    pattern->ptr++;
    pattern->len--;
    return found != negative;
}

/* Takes one piece of the pattern (no star) and the character it fits. */
static bool step(cs_str *pattern, cs_str *name)
{
    if (pattern->len == 0 || name->len == 0)
        return false;
    uint32_t c = take_char(name);
    char kind = pattern->ptr[0];
    if (kind == '?' || kind == '[') {
        pattern->ptr++;
        pattern->len--;
    }
    return kind == '?' || (kind == '[' ? fits_set(pattern, c) : take_literal(pattern) == c);
}

static bool fits(cs_str pattern, cs_str name)
{
    bool has_star = false;
    cs_str after_star = { 0 }, retry = { 0 };
    for (;;) {
        if (pattern.len > 0 && pattern.ptr[0] == '*') {
            pattern.ptr++;
            pattern.len--;
            has_star = true;
            after_star = pattern;
            retry = name;
            continue;
        }
        if (pattern.len == 0 && name.len == 0)
            return true;
        if (step(&pattern, &name))
            continue;
        if (!has_star || retry.len == 0)
            return false;
        (void)take_char(&retry);
        pattern = after_star;
        name = retry;
    }
}
