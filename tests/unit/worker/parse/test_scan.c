/* Each scan finds the same bytes as a loop over them does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/clock.h"
#include "worker/parse/scan.h"

#define WORDS 8

static void expect_marks(cs_scan_fn scan, const char *bytes, char sep, char quote)
{
    uint64_t ends[WORDS], lines[WORDS], quotes[WORDS];
    bool all_ascii = true;
    bool ascii = scan(bytes, WORDS, sep, quote, (cs_scan){ ends, lines, quotes });
    for (size_t i = 0; i < 64 * WORDS; i++) {
        bool is_line = bytes[i] == '\n' || bytes[i] == '\r';
        assert_int_equal(lines[i / 64] >> i % 64 & 1, is_line);
        assert_int_equal(ends[i / 64] >> i % 64 & 1, is_line || bytes[i] == sep);
        assert_int_equal(quotes[i / 64] >> i % 64 & 1, bytes[i] == quote);
        all_ascii = all_ascii && (unsigned char)bytes[i] < 0x80;
    }
    assert_int_equal(ascii, all_ascii);
}

static void every_scan_marks_what_a_loop_over_the_bytes_finds(void **state)
{
    (void)state;
    static const char letters[] = ",,\"\"\n\r\t ab\x7f\x80\xac\x8a\x8d\xff\0\x0c";
    const cs_scan_fn scans[] = { cs_scan_portable, cs_scan_sse2(), cs_scan_avx2(), cs_scan_best() };
    const uint64_t seed = 7;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 2000; round++) {
        char bytes[64 * WORDS];
        bool any_byte = cs_rng_below(&rng.rng, 2) == 0;
        bool ascii = cs_rng_below(&rng.rng, 2) == 0;
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = any_byte ? (char)cs_rng_u64(&rng.rng)
                                : letters[cs_rng_below(&rng.rng, sizeof letters - 1)];
            if (ascii)
                bytes[i] &= 0x7f;
        }
        for (size_t s = 0; s < sizeof scans / sizeof *scans; s++) {
            if (scans[s] == NULL)
                continue;
            expect_marks(scans[s], bytes, ',', '"');
            expect_marks(scans[s], bytes, '\t', '\'');
            expect_marks(scans[s], bytes, ';', ';');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scan_marks_what_a_loop_over_the_bytes_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
