/* Borrowed text: pointer and length, not NUL-terminated, any bytes. */
#ifndef CS_COMMON_BASE_STR_H
#define CS_COMMON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct cs_str {
    const char *ptr;
    size_t len;
} cs_str;

#define CS_STR(literal) ((cs_str){ (literal), sizeof(literal) - 1 })
/* For printf's %.*s */
#define CS_STR_ARG(str) (int)(str).len, (str).ptr

static inline cs_str cs_str_of(const char *text)
{
    return (cs_str){ text, text ? strlen(text) : 0 };
}

static inline bool cs_str_eq(cs_str a, cs_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Bytewise order, shorter first on a common prefix. */
int cs_str_cmp(cs_str a, cs_str b);
/* ASCII letters only. */
bool cs_str_eq_nocase(cs_str a, cs_str b);
bool cs_str_starts(cs_str text, cs_str prefix);
bool cs_str_ends(cs_str text, cs_str suffix);
/* Without bytes <= 0x20 at both ends. */
cs_str cs_str_trim(cs_str text);
/* Length of the valid UTF-8 character at the start of a text that is not empty (Unicode 15, table 3-7), 0 when
 * there is none. */
size_t cs_utf8_len(cs_str text);
/* Cuts *rest at the next `separator`; false when nothing is left: "a,,b," gives "a", "", "b". */
bool cs_str_split(cs_str *rest, char separator, cs_str *piece);

/* Locale-free, whole text, no blanks, optional sign (for u64 only `+`); false when it is not a number in
 * range. */
bool cs_str_to_i64(cs_str text, int64_t *value);
bool cs_str_to_u64(cs_str text, uint64_t *value);
/* 10, 10k, 10kb, 10 MiB, 1g, 1t in any case: a size in bytes (powers of 1024). Blanks may stand around
 * number and unit; no sign, no fraction. */
bool cs_str_to_size(cs_str text, uint64_t *bytes);
/* 500ms, 5s, 5 seconds, 2 minutes, 1h, 1 day, 1 minute 30 seconds, in any case; every number needs its
 * unit (from milliseconds to weeks; `m` is minutes). Blanks as above; no sign, no fraction. */
bool cs_str_to_ms(cs_str text, int64_t *ms);

/* Damerau-Levenshtein distance ignoring case, capped at `most` + 1: for "did you mean". A swap of neighbours
 * counts one. Texts of more than 255 bytes are either equal or `most` + 1 apart. */
size_t cs_str_distance(cs_str a, cs_str b, size_t most);

#endif
