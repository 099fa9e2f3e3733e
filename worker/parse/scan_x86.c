#include "worker/parse/scan.h"

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx2"))) static bool scan_avx2(const char *bytes, size_t n_words, char sep,
                                                      char quote, cs_scan out)
{
    const __m256i s = _mm256_set1_epi8(sep), q = _mm256_set1_epi8(quote);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    __m256i any = _mm256_setzero_si256();
    for (size_t w = 0; w < n_words; w++) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 64 * w));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 64 * w + 32));
        any = _mm256_or_si256(any, _mm256_or_si256(a, b));
        __m256i line_a = _mm256_or_si256(_mm256_cmpeq_epi8(a, lf), _mm256_cmpeq_epi8(a, cr));
        __m256i line_b = _mm256_or_si256(_mm256_cmpeq_epi8(b, lf), _mm256_cmpeq_epi8(b, cr));
        __m256i end_a = _mm256_or_si256(line_a, _mm256_cmpeq_epi8(a, s));
        __m256i end_b = _mm256_or_si256(line_b, _mm256_cmpeq_epi8(b, s));
        out.lines[w] = (uint32_t)_mm256_movemask_epi8(line_a) |
                       (uint64_t)(uint32_t)_mm256_movemask_epi8(line_b) << 32;
        out.ends[w] = (uint32_t)_mm256_movemask_epi8(end_a) |
                      (uint64_t)(uint32_t)_mm256_movemask_epi8(end_b) << 32;
        out.quotes[w] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, q)) |
                        (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, q)) << 32;
    }
    return _mm256_movemask_epi8(any) == 0;
}

/* Part of every x86-64 processor. */
static bool scan_sse2(const char *bytes, size_t n_words, char sep, char quote, cs_scan out)
{
    const __m128i s = _mm_set1_epi8(sep), q = _mm_set1_epi8(quote);
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    __m128i any = _mm_setzero_si128();
    for (size_t w = 0; w < n_words; w++) {
        uint64_t ends = 0, lines = 0, quotes = 0;
        for (unsigned i = 0; i < 64; i += 16) {
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 64 * w + i));
            any = _mm_or_si128(any, a);
            __m128i line = _mm_or_si128(_mm_cmpeq_epi8(a, lf), _mm_cmpeq_epi8(a, cr));
            __m128i end = _mm_or_si128(line, _mm_cmpeq_epi8(a, s));
            lines |= (uint64_t)(uint32_t)_mm_movemask_epi8(line) << i;
            ends |= (uint64_t)(uint32_t)_mm_movemask_epi8(end) << i;
            quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, q)) << i;
        }
        out.ends[w] = ends;
        out.lines[w] = lines;
        out.quotes[w] = quotes;
    }
    return _mm_movemask_epi8(any) == 0;
}

cs_scan_fn cs_scan_avx2(void)
{
    return __builtin_cpu_supports("avx2") ? scan_avx2 : NULL;
}

cs_scan_fn cs_scan_sse2(void)
{
    return scan_sse2;
}

#else

cs_scan_fn cs_scan_avx2(void)
{
    return NULL;
}

cs_scan_fn cs_scan_sse2(void)
{
    return NULL;
}

#endif
