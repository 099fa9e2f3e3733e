/* A checker of JSON's grammar that keeps nothing but the nesting. Whatever is unusual is left to the parser: the
 * answer "cannot tell" is always right. */
#include "common/delta/delta_skim.h"

#include "common/delta/delta_action.h"

#define DEPTH_MAX 60 /* the parser's limit is a little higher */

typedef struct skimmer {
    const unsigned char *at, *end;
} skimmer;

static bool skim_value(skimmer *skim, bool *is_object, bool *is_null);
static bool skim_scalar(skimmer *skim, bool *is_null);
static bool skim_string(skimmer *skim, cs_str *text);
static bool skim_number(skimmer *skim);
static bool may_pass(cs_str key, unsigned wanted, bool is_object, bool is_null);

static void skip_blanks(skimmer *skim)
{
    while (skim->at < skim->end && (*skim->at == ' ' || *skim->at == '\t' || *skim->at == '\r'))
        skim->at++;
}

static bool take(skimmer *skim, char c)
{
    skip_blanks(skim);
    if (skim->at == skim->end || *skim->at != (unsigned char)c)
        return false;
    skim->at++;
    return true;
}

bool cs_delta_skim(cs_str line, unsigned wanted)
{
    skimmer skim = { (const unsigned char *)line.ptr, (const unsigned char *)line.ptr + line.len };
    if (!take(&skim, '{'))
        return false;
    do {
        cs_str key;
        bool is_object = false, is_null = false;
        skip_blanks(&skim);
        if (!skim_string(&skim, &key) || !take(&skim, ':') || !skim_value(&skim, &is_object, &is_null) ||
            !may_pass(key, wanted, is_object, is_null))
            return false;
    } while (take(&skim, ','));
    if (!take(&skim, '}'))
        return false;
    skip_blanks(&skim);
    return skim.at == skim.end;
}

/* Any value; the stack of open brackets is a word, a set bit for an object. */
static bool skim_value(skimmer *skim, bool *is_object, bool *is_null)
{
    uint64_t objects = 0;
    int depth = 0;
    bool done = false, null = false;
    skip_blanks(skim);
    *is_object = skim->at < skim->end && *skim->at == '{';
    while (!done) {
        bool opened = true;
        bool object = take(skim, '{');
        if (object || take(skim, '[')) {
            if (++depth > DEPTH_MAX)
                return false;
            objects = objects << 1 | object;
        } else {
            opened = false;
            if (!skim_scalar(skim, &null))
                return false;
            *is_null = null && depth == 0;
        }
        /* Behind a value: close what ends here, then go on to the next one. */
        while (depth > 0) {
            object = objects & 1;
            if (take(skim, object ? '}' : ']')) {
                depth--;
                objects >>= 1;
                opened = false;
                continue;
            }
            cs_str key;
            if (!opened && !take(skim, ','))
                return false;
            skip_blanks(skim);
            if (object && (!skim_string(skim, &key) || !take(skim, ':')))
                return false;
            break;
        }
        done = depth == 0;
    }
    return true;
}

static bool skim_scalar(skimmer *skim, bool *is_null)
{
    static const cs_str words[] = { { "null", 4 }, { "true", 4 }, { "false", 5 } };
    cs_str text;
    skip_blanks(skim);
    if (skim->at == skim->end)
        return false;
    if (*skim->at == '"')
        return skim_string(skim, &text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((size_t)(skim->end - skim->at) >= words[i].len && memcmp(skim->at, words[i].ptr, words[i].len) == 0) {
            skim->at += words[i].len;
            *is_null = i == 0;
            return true;
        }
    }
    return skim_number(skim);
}

/* Escapes: the simple ones; \u is left to the parser, which knows surrogates and zero. */
static bool skim_string(skimmer *skim, cs_str *text)
{
    if (skim->at == skim->end || *skim->at != '"')
        return false;
    const unsigned char *begin = ++skim->at;
    while (skim->at < skim->end) {
        unsigned char c = *skim->at;
        if (c == '"') {
            *text = (cs_str){ (const char *)begin, (size_t)(skim->at - begin) };
            skim->at++;
            return true;
        }
        size_t len = 1;
        if (c == '\\') {
            if (skim->at + 1 == skim->end || !memchr("\"\\/bfnrt", skim->at[1], 8))
                return false;
            len = 2;
        } else if (c < ' ') {
            return false;
        } else if (c >= 0x80) {
            len = cs_utf8_len((cs_str){ (const char *)skim->at, (size_t)(skim->end - skim->at) });
            if (len == 0)
                return false;
        }
        skim->at += len;
    }
    return false;
}

static bool skim_digits(skimmer *skim)
{
    const unsigned char *begin = skim->at;
    while (skim->at < skim->end && *skim->at >= '0' && *skim->at <= '9')
        skim->at++;
    return skim->at > begin;
}

static bool skim_number(skimmer *skim)
{
    if (*skim->at == '-')
        skim->at++;
    bool zero = skim->at < skim->end && *skim->at == '0';
    const unsigned char *begin = skim->at;
    if (!skim_digits(skim) || (zero && skim->at - begin > 1))
        return false;
    if (skim->at < skim->end && *skim->at == '.') {
        skim->at++;
        if (!skim_digits(skim))
            return false;
    }
    if (skim->at < skim->end && (*skim->at == 'e' || *skim->at == 'E')) {
        skim->at++;
        if (skim->at < skim->end && (*skim->at == '+' || *skim->at == '-'))
            skim->at++;
        return skim_digits(skim);
    }
    return true;
}

/* A key with an escape may be spelled differently from what it means. */
static bool may_pass(cs_str key, unsigned wanted, bool is_object, bool is_null)
{
    if (memchr(key.ptr, '\\', key.len))
        return false;
    cs_delta_action_kind kind = cs_delta_action_kind_of(key);
    if (kind == CS_DELTA_OTHER || is_null)
        return true;
    return is_object && !(wanted & CS_DELTA_MASK(kind));
}
