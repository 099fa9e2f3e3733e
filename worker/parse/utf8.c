#include "worker/parse/utf8.h"

#define HIGH_BITS 0x8080808080808080u
#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes that the decoder takes at once, and whether they are a character. */
typedef struct utf8_step {
    size_t len;
    bool good;
} utf8_step;

static size_t ascii_run(const char *at, size_t len);
static utf8_step next_step(const unsigned char *at, size_t len);
static utf8_step next_of_three(const unsigned char *at, size_t len);
static utf8_step next_of_four(const unsigned char *at, size_t len);
static bool continues(const unsigned char *at, size_t len, size_t i);

bool cs_utf8_valid(cs_str text)
{
    for (size_t at = 0; at < text.len;) {
        at += ascii_run(text.ptr + at, text.len - at);
        if (at == text.len)
            break;
        utf8_step step = next_step((const unsigned char *)text.ptr + at, text.len - at);
        if (!step.good)
            return false;
        at += step.len;
    }
    return true;
}

void cs_utf8_mend(cs_str text, size_t len_max, cs_buf *out)
{
    utf8_step step;
    size_t room = len_max;
    for (size_t at = 0; at < text.len; at += step.len) {
        step = next_step((const unsigned char *)text.ptr + at, text.len - at);
        size_t len = step.good ? step.len : sizeof REPLACEMENT - 1;
        if (len > room)
            break;
        cs_buf_add(out, step.good ? text.ptr + at : REPLACEMENT, len);
        room -= len;
    }
}

size_t cs_utf8_mended_len(cs_str text)
{
    utf8_step step;
    size_t len = 0;
    for (size_t at = 0; at < text.len; at += step.len) {
        step = next_step((const unsigned char *)text.ptr + at, text.len - at);
        len += step.good ? step.len : sizeof REPLACEMENT - 1;
    }
    return len;
}

static size_t ascii_run(const char *at, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t eight;
        memcpy(&eight, at + i, 8);
        if ((eight & HIGH_BITS) != 0)
            break;
    }
    while (i < len && (unsigned char)at[i] < 0x80)
        i++;
    return i;
}

static utf8_step next_step(const unsigned char *at, size_t len)
{
    if (at[0] < 0x80)
        return (utf8_step){ 1, true };
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return continues(at, len, 1) ? (utf8_step){ 2, true } : (utf8_step){ 1, false };
    if (at[0] >= 0xe0 && at[0] <= 0xef)
        return next_of_three(at, len);
    if (at[0] >= 0xf0 && at[0] <= 0xf4)
        return next_of_four(at, len);
    return (utf8_step){ 1, false };
}

static utf8_step next_of_three(const unsigned char *at, size_t len)
{
    if (!continues(at, len, 1) || (at[0] == 0xe0 && at[1] < 0xa0))
        return (utf8_step){ 1, false };
    if (!continues(at, len, 2))
        return (utf8_step){ 2, false };
    bool surrogate = at[0] == 0xed && at[1] >= 0xa0;
    return (utf8_step){ 3, !surrogate };
}

static utf8_step next_of_four(const unsigned char *at, size_t len)
{
    if (!continues(at, len, 1) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return (utf8_step){ 1, false };
    if (!continues(at, len, 2))
        return (utf8_step){ 2, false };
    if (!continues(at, len, 3))
        return (utf8_step){ 3, false };
    return (utf8_step){ 4, true };
}

static bool continues(const unsigned char *at, size_t len, size_t i)
{
    return i < len && (at[i] & 0xc0) == 0x80;
}
