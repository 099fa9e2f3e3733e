#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP_MIN 64u
#define UNIT_MAX 4u /* the longest UTF-8 character, or one byte as \xNN */

static size_t escape_next(cs_str text, char unit[UNIT_MAX], size_t *unit_len);

void cs_buf_done(cs_buf *buf)
{
    if (buf == NULL)
        return;
    free(buf->ptr);
    *buf = CS_BUF_INIT;
}

char *cs_buf_reserve(cs_buf *buf, size_t more)
{
    if (buf->failed)
        return NULL;
    if (buf->ptr != NULL && more <= buf->cap - buf->len)
        return buf->ptr + buf->len;
    size_t needed;
    if (__builtin_add_overflow(buf->len, more, &needed) || needed > PTRDIFF_MAX) {
        buf->failed = true;
        return NULL;
    }
    size_t cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap;
    while (cap < needed)
        cap = cap > PTRDIFF_MAX / 2 ? needed : cap * 2;
    char *ptr = realloc(buf->ptr, cap);
    if (ptr == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return ptr + buf->len;
}

void cs_buf_add(cs_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    char *to = cs_buf_reserve(buf, len);
    if (to == NULL)
        return;
    memcpy(to, bytes, len);
    buf->len += len;
}

void cs_buf_add_str(cs_buf *buf, cs_str text)
{
    cs_buf_add(buf, text.ptr, text.len);
}

void cs_buf_add_cstr(cs_buf *buf, const char *text)
{
    cs_buf_add(buf, text, strlen(text));
}

void cs_buf_add_char(cs_buf *buf, char c)
{
    cs_buf_add(buf, &c, 1);
}

void cs_buf_printf(cs_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = len >= 0 ? cs_buf_reserve(buf, (size_t)len + 1) : NULL;
    if (to != NULL) {
        vsnprintf(to, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    } else {
        buf->failed = true;
    }
    va_end(again);
}

cs_code cs_buf_check(const cs_buf *buf, cs_error *err)
{
    if (!buf->failed)
        return CS_OK;
    return cs_error_set(err, CS_E_NOMEM, "no memory for a buffer that holds %zu bytes", buf->len);
}

void cs_buf_add_u32le(cs_buf *buf, uint32_t value)
{
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    cs_buf_add(buf, bytes, sizeof bytes);
}

void cs_buf_add_u64le(cs_buf *buf, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    cs_buf_add(buf, bytes, sizeof bytes);
}

void cs_buf_add_varint(cs_buf *buf, uint64_t value)
{
    unsigned char bytes[10];
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[len++] = (unsigned char)(value | 0x80);
    bytes[len++] = (unsigned char)value;
    cs_buf_add(buf, bytes, len);
}

static bool take_le(cs_cursor *cursor, size_t width, uint64_t *value)
{
    if ((size_t)(cursor->end - cursor->at) < width)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++)
        number |= (uint64_t)cursor->at[i] << (8 * i);
    cursor->at += width;
    *value = number;
    return true;
}

bool cs_cursor_u32le(cs_cursor *cursor, uint32_t *value)
{
    uint64_t wide;
    if (!take_le(cursor, 4, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool cs_cursor_u64le(cs_cursor *cursor, uint64_t *value)
{
    return take_le(cursor, 8, value);
}

bool cs_cursor_varint(cs_cursor *cursor, uint64_t *value)
{
    uint64_t number = 0;
    const uint8_t *at = cursor->at;
    for (int shift = 0; shift < 64 && at < cursor->end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return false;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            cursor->at = at;
            *value = number;
            return true;
        }
    }
    return false;
}

bool cs_cursor_bytes(cs_cursor *cursor, size_t len, cs_str *bytes)
{
    if ((size_t)(cursor->end - cursor->at) < len)
        return false;
    *bytes = (cs_str){ (const char *)cursor->at, len };
    if (len > 0)
        cursor->at += len;
    return true;
}

void cs_buf_add_escaped(cs_buf *buf, cs_str text)
{
    while (text.len > 0) {
        size_t plain = 0;
        while (plain < text.len && text.ptr[plain] >= 0x20 && text.ptr[plain] < 0x7f)
            plain++;
        if (plain > 0) {
            cs_buf_add(buf, text.ptr, plain);
        } else {
            char unit[UNIT_MAX];
            size_t unit_len;
            plain = escape_next(text, unit, &unit_len);
            cs_buf_add(buf, unit, unit_len);
        }
        text.ptr += plain;
        text.len -= plain;
    }
}

const char *cs_escape(char *out, size_t size, cs_str text)
{
    static const char dots[] = "...";
    if (size == 0)
        return out;
    size_t len = 0;
    size_t cut = 0; /* the last character boundary that leaves room for the dots */
    while (text.len > 0) {
        char unit[UNIT_MAX];
        size_t unit_len;
        size_t taken = escape_next(text, unit, &unit_len);
        if (len + unit_len >= size) {
            len = cut;
            if (len + sizeof dots <= size) {
                memcpy(out + len, dots, sizeof dots - 1);
                len += sizeof dots - 1;
            }
            break;
        }
        /* In front of it: out may be text.ptr's own array, when there is nothing left to escape. */
        memmove(out + len, unit, unit_len);
        len += unit_len;
        if (len + sizeof dots <= size)
            cut = len;
        text.ptr += taken;
        text.len -= taken;
    }
    out[len] = '\0';
    return out;
}

/* Writes the safe form of the first character (of the first byte alone, if that is a control or broken)
 * of a text that is not empty; returns how many bytes of the text it stands for. */
static size_t escape_next(cs_str text, char unit[UNIT_MAX], size_t *unit_len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t len = cs_utf8_len(text);
    bool control = len == 1 ? at[0] < 0x20 || at[0] == 0x7f
                            : len == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    if (len > 0 && !control) {
        memcpy(unit, at, len);
        *unit_len = len;
        return len;
    }
    /* One byte at a time: what follows the C2 of a C1 control is broken UTF-8 on its own. */
    unit[0] = '\\';
    unit[1] = 'x';
    unit[2] = digits[at[0] >> 4];
    unit[3] = digits[at[0] & 15];
    *unit_len = UNIT_MAX;
    return 1;
}
