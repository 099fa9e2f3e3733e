/* Where the separators, line ends and quotes of a block stand, one bit a byte, 64 bytes a word. One
 * file per kind of processor; the best one that this one can run is chosen once. */
#ifndef CS_WORKER_PARSE_SCAN_H
#define CS_WORKER_PARSE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cs_scan {
    uint64_t *ends;   /* separators and line ends */
    uint64_t *lines;  /* CR and LF */
    uint64_t *quotes;
} cs_scan;

/* Scans 64 * n_words bytes; true: all of them are ASCII. quote = sep: there are no quotes, `quotes`
 * means nothing. */
typedef bool (*cs_scan_fn)(const char *bytes, size_t n_words, char sep, char quote, cs_scan out);

/* By what the processor has. */
cs_scan_fn cs_scan_best(void);

bool cs_scan_portable(const char *bytes, size_t n_words, char sep, char quote, cs_scan out);
/* NULL where there is no such processor, or this one lacks it. */
cs_scan_fn cs_scan_avx2(void);
cs_scan_fn cs_scan_sse2(void);

#endif
