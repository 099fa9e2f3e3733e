#include "worker/parse/scan.h"

#include <string.h>

static uint64_t zero_bytes(uint64_t word);
static uint64_t gather(uint64_t high_bits);

cs_scan_fn cs_scan_best(void)
{
    cs_scan_fn best = cs_scan_avx2();
    if (best == NULL)
        best = cs_scan_sse2();
    return best != NULL ? best : cs_scan_portable;
}

bool cs_scan_portable(const char *bytes, size_t n_words, char sep, char quote, cs_scan out)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t any = 0;
    for (size_t w = 0; w < n_words; w++) {
        uint64_t ends = 0, lines = 0, quotes = 0;
        for (size_t i = 0; i < 8; i++) {
            uint64_t eight = 0;
            for (size_t b = 0; b < 8; b++)
                eight |= (uint64_t)(unsigned char)bytes[64 * w + 8 * i + b] << (8 * b);
            any |= eight;
            uint64_t line = zero_bytes(eight ^ ones * '\n') | zero_bytes(eight ^ ones * '\r');
            uint64_t end = line | zero_bytes(eight ^ ones * (unsigned char)sep);
            lines |= gather(line) << (8 * i);
            ends |= gather(end) << (8 * i);
            quotes |= gather(zero_bytes(eight ^ ones * (unsigned char)quote)) << (8 * i);
        }
        out.ends[w] = ends;
        out.lines[w] = lines;
        out.quotes[w] = quotes;
    }
    return (any & ones << 7) == 0;
}

/* The high bit of each byte that is zero. */
static uint64_t zero_bytes(uint64_t word)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    return ~(((word & low) + low) | word | low);
}

/* The high bits of the eight bytes, side by side. */
static uint64_t gather(uint64_t high_bits)
{
    return (high_bits >> 7) * 0x0102040810204080u >> 56;
}
