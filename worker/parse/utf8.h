/* Text as Java decodes it: malformed UTF-8 becomes U+FFFD (spec: csv.md §2, "Characters"). */
#ifndef CS_WORKER_PARSE_UTF8_H
#define CS_WORKER_PARSE_UTF8_H

#include "common/base/buf.h"

/* Well-formed UTF-8 (ASCII is the fast case). */
bool cs_utf8_valid(cs_str text);
/* Appends the text with U+FFFD in place of what is malformed: one for a good sequence that is cut
 * off, one for an encoded surrogate, else one for each byte. So it becomes at most three times as
 * long; what would go beyond len_max bytes is left out. */
void cs_utf8_mend(cs_str text, size_t len_max, cs_buf *out);
/* How long it becomes. */
size_t cs_utf8_mended_len(cs_str text);

#endif
