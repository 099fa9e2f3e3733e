/* A growing byte buffer. Appending never reports: a failed allocation sticks (`failed`) and is asked for
 * once, with cs_buf_check, when the content is complete. */
#ifndef CS_COMMON_BASE_BUF_H
#define CS_COMMON_BASE_BUF_H

#include "common/base/error.h"
#include "common/base/str.h"

typedef struct cs_buf {
    char *ptr;
    size_t len;
    size_t cap;
    bool failed;
} cs_buf;

#define CS_BUF_INIT ((cs_buf){ 0 })

void cs_buf_done(cs_buf *buf);
static inline void cs_buf_clear(cs_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}
/* Room for `more` bytes behind len; NULL (and failed) when memory is gone or an earlier append failed. What
 * is appended must not lie in the buffer itself. */
char *cs_buf_reserve(cs_buf *buf, size_t more);
void cs_buf_add(cs_buf *buf, const void *bytes, size_t len);
void cs_buf_add_str(cs_buf *buf, cs_str text);
void cs_buf_add_cstr(cs_buf *buf, const char *text);
void cs_buf_add_char(cs_buf *buf, char c);
void cs_buf_printf(cs_buf *buf, const char *format, ...) CS_PRINTF(2, 3);
/* CS_E_NOMEM if any append failed. */
CS_MUST_USE cs_code cs_buf_check(const cs_buf *buf, cs_error *err);
static inline cs_str cs_buf_str(const cs_buf *buf)
{
    return (cs_str){ buf->ptr, buf->len };
}

/* Fixed little-endian and varint (LEB128) pieces for our own encodings. */
void cs_buf_add_u32le(cs_buf *buf, uint32_t value);
void cs_buf_add_u64le(cs_buf *buf, uint64_t value);
void cs_buf_add_varint(cs_buf *buf, uint64_t value);

/* A reader over bytes; every take fails softly: returns false and leaves the cursor. A varint of more than
 * 64 bits is a failure. */
typedef struct cs_cursor {
    const uint8_t *at;
    const uint8_t *end;
} cs_cursor;
bool cs_cursor_u32le(cs_cursor *cursor, uint32_t *value);
bool cs_cursor_u64le(cs_cursor *cursor, uint64_t *value);
bool cs_cursor_varint(cs_cursor *cursor, uint64_t *value);
bool cs_cursor_bytes(cs_cursor *cursor, size_t len, cs_str *bytes);

/* Text from outside, made safe for a terminal, a log line or a message: controls, ESC, invalid UTF-8 and
 * U+0080..U+009F become \xNN, backslash stays. */
void cs_buf_add_escaped(cs_buf *buf, cs_str text);
/* The same into a fixed array with a NUL, cut at a character with "..." when it does not fit. Returns
 * `out`. */
const char *cs_escape(char *out, size_t size, cs_str text);

#endif
