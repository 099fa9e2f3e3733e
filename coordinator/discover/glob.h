/* pathGlobFilter: a pattern for the base name of a file (spec: csv.md §1).
 *
 *   *        any characters, also none          [a-c]   one character of a set; [^a-c] one of no such
 *   ?        one character                      {a,b}   one of several patterns, may be nested
 *   \x       x itself
 *
 * A character is a UTF-8 character, or a single byte where a name is no UTF-8. */
#ifndef CS_COORDINATOR_DISCOVER_GLOB_H
#define CS_COORDINATOR_DISCOVER_GLOB_H

#include "common/base/arena.h"

typedef struct cs_glob {
    cs_arena arena;
    cs_str *patterns; /* without braces; none: everything fits */
    size_t n;
} cs_glob;

/* An empty pattern fits every name. CS_E_BAD_OPTION for a bracket or brace that is not closed, a
 * dangling backslash, or more than CS_GLOB_PATTERNS_MAX alternatives. */
CS_MUST_USE cs_code cs_glob_init(cs_glob *glob, cs_str pattern, cs_error *err);
void cs_glob_done(cs_glob *glob);
bool cs_glob_fits(const cs_glob *glob, cs_str name);

#endif
