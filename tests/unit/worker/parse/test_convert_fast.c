/* The two ways to convert agree: wherever parse_fast.h answers, convert.h gives the same. Texts are
 * grown from the alphabet of each type and bent a little, so that most lie at the edge of what is
 * taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "worker/parse/convert.h"
#include "worker/parse/parse_fast.h"

#define TEXTS 400000
#define PADDING 64

static const char *const seeds[] = {
    "0",    "-7",   "+42",  "127",  "-128", "2147483647", "-9223372036854775808", "9223372036854775807",
    "1234567812345678", "12345678", "99999999999999999999", "12.5", "-0.001", "9007199254740993", "16777217",
    "0.1234567890123456789", "123456789.123456789", "-.5", "5.", "1e5", "99999999.995", "1,234.5",
    "2020-02-29", "1900-02-29", "0000-01-01", "9999-12-31", "2019-10-01 00:00:00 UTC", "2019-10-01T23:59:59Z",
    "2019-10-01 24:00:00", "2019-13-01 00:00:00", "2019-10-01 00:00:00", "2019-10-01 00:00:00.5", "2019-10-01T0:00:00",
};

static size_t make(cs_rng *rng, char *text)
{
    static const char letters[] = "0123456789012345678901234567890123456789.-+:T ZUTC,e";
    const char *seed = seeds[cs_rng_below(rng, sizeof seeds / sizeof seeds[0])];
    size_t len = strlen(seed);
    memcpy(text, seed, len);
    for (uint64_t bends = cs_rng_below(rng, 4); bends > 0 && len > 0; bends--) {
        size_t at = cs_rng_below(rng, len);
        char letter = letters[cs_rng_below(rng, sizeof letters - 1)];
        switch (cs_rng_below(rng, 4)) {
        case 0:
            memmove(text + at, text + at + 1, --len - at);
            break;
        case 1:
            memmove(text + at + 1, text + at, len++ - at);
            text[at] = letter;
            break;
        default:
            text[at] = letter;
        }
    }
    /* Bytes behind the end may look like more of the same. */
    for (size_t i = len; i < len + PADDING; i++)
        text[i] = letters[cs_rng_below(rng, sizeof letters - 1)];
    return len;
}

static bool numbers_agree(const cs_convert *convert, cs_str text)
{
    int64_t fast, exact = 0;
    float fast_single, single = 0;
    double fast_real, real = 0;
    __int128 fast_decimal, decimal = 0;
    static const uint8_t precisions[] = { 5, 9, 18, 19, 38 }, scales[] = { 2, 0, 9, 19, 10 };
    for (int bits = 8; bits <= 64; bits *= 2)
        if (cs_fast_integer(text, (int64_t)(UINT64_MAX >> (65 - bits)), &fast) &&
            !(cs_convert_integer(text, bits, &exact) && fast == exact))
            return false;
    if (cs_fast_float(text, &fast_single) &&
        !(cs_convert_float(convert, text, &single) && memcmp(&fast_single, &single, sizeof single) == 0))
        return false;
    if (cs_fast_double(text, &fast_real) &&
        !(cs_convert_double(convert, text, &real) && memcmp(&fast_real, &real, sizeof real) == 0))
        return false;
    for (size_t i = 0; i < sizeof scales; i++)
        if (cs_fast_decimal(text, precisions[i], scales[i], &fast_decimal) &&
            !(cs_convert_decimal(text, precisions[i], scales[i], &decimal) && fast_decimal == decimal))
            return false;
    return true;
}

static bool times_agree(cs_convert *convert, cs_str text, cs_date_memo *memo)
{
    int32_t fast_days, days = 0;
    int64_t fast_micros, micros = 0;
    bool local;
    if (text.len == 10 && cs_fast_date(text.ptr, memo, &fast_days) &&
        !(cs_convert_date(convert, text, &days) && days == fast_days))
        return false;
    if (!cs_fast_timestamp(text, memo, &fast_micros, &local))
        return true;
    return cs_convert_timestamp(convert, text, &micros) && micros == fast_micros &&
           cs_convert_timestamp_ntz(convert, text, &micros) == local && micros == fast_micros;
}

static void fast_and_exact_conversion_agree(void **state)
{
    (void)state;
    uint64_t seed = 20191001;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    cs_convert convert;
    cs_convert_init(&convert);
    cs_date_memo memo = { 0 };
    char buffer[256];
    for (int i = 0; i < TEXTS; i++) {
        cs_str text = { buffer, make(&rng.rng, buffer) };
        if (text.len > 0 && !(numbers_agree(&convert, text) && times_agree(&convert, text, &memo)))
            fail_msg("'%.*s'", CS_STR_ARG(text));
    }
    cs_convert_done(&convert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_and_exact_conversion_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
