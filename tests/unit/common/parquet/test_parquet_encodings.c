/* The pieces below pages. Expected bytes are the examples of parquet-format's Encodings.md and of the Thrift
 * compact protocol's specification. */
#include "common/parquet/parquet_dbp.h"
#include "common/parquet/parquet_rle.h"
#include "common/parquet/thrift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"

/* Encodings.md: the numbers 0 to 7 in 3 bits are 88 C6 FA. */
static void bit_packing_is_the_formats_example(void **state)
{
    (void)state;
    static const uint32_t values[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    cs_buf out = CS_BUF_INIT;
    cs_parquet_rle_put(&out, values, 8, 3);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.ptr, "\x03\x88\xc6\xfa", 4);
    cs_buf_done(&out);
}

/* The old encoding of levels, big end first: the same numbers are 05 39 77. */
static void old_bit_packing_is_the_formats_example(void **state)
{
    (void)state;
    uint16_t values[8];
    size_t used;
    assert_true(cs_parquet_bit_packed_get16((cs_str){ "\x05\x39\x77", 3 }, 3, values, 8, &used));
    for (uint16_t i = 0; i < 8; i++)
        assert_int_equal(values[i], i);
    assert_int_equal(used, 3);
    assert_false(cs_parquet_bit_packed_get16((cs_str){ "\x05\x39", 2 }, 3, values, 8, &used));
}

static void long_run_is_one_repeated_run(void **state)
{
    (void)state;
    uint32_t values[1000];
    for (int i = 0; i < 1000; i++)
        values[i] = 5;
    cs_buf out = CS_BUF_INIT;
    cs_parquet_rle_put(&out, values, 1000, 3);
    assert_int_equal(out.len, 3); /* varint(1000 << 1), 5 */
    assert_memory_equal(out.ptr, "\xd0\x0f\x05", 3);
    cs_buf_clear(&out);
    cs_parquet_rle_put_bits(&out, NULL, true, 1000);
    assert_memory_equal(out.ptr, "\xd0\x0f\x01", 3);
    cs_buf_done(&out);
}

static void hybrid_gives_back_what_it_took(void **state)
{
    (void)state;
    cs_rng_seeded seeded;
    cs_rng_seeded_init(&seeded, 3);
    for (int round = 0; round < 3000; round++) {
        unsigned bits = (unsigned)cs_rng_below(&seeded.rng, 33);
        size_t n = 1 + cs_rng_below(&seeded.rng, 3000);
        uint32_t *values = calloc(n, sizeof(*values)), *back = calloc(n, sizeof(*back));
        uint64_t limit = bits == 32 ? UINT64_C(1) << 32 : UINT64_C(1) << bits;
        for (size_t i = 0; i < n;) {
            uint32_t value = (uint32_t)cs_rng_below(&seeded.rng, limit);
            for (size_t run = 1 + cs_rng_below(&seeded.rng, 4) * cs_rng_below(&seeded.rng,
                    30); run > 0 && i < n; run--)
                values[i++] = value;
        }
        cs_buf out = CS_BUF_INIT;
        cs_parquet_rle_put(&out, values, n, bits);
        cs_parquet_rle rle;
        assert_true(cs_parquet_rle_init(&rle, cs_buf_str(&out), bits));
        for (size_t at = 0; at < n;) {
            size_t take = 1 + cs_rng_below(&seeded.rng, 100);
            take = n - at < take ? n - at : take;
            assert_true(cs_parquet_rle_get(&rle, back + at, take));
            at += take;
        }
        assert_memory_equal(values, back, n * sizeof(*values));
        cs_buf_done(&out);
        free(values);
        free(back);
    }
}

/* Encodings.md, "Delta Encoding": 1..5 and 7,5,3,1,2,3,4,5, laid out by hand with the spec's block of 8, which
 * writers make 128. */
static void delta_packed_reads_the_formats_examples(void **state)
{
    (void)state;
    uint64_t values[8];
    cs_parquet_dbp dbp;
    /* block 8, one miniblock, 5 values, first 1; min delta 1, width 0 */
    assert_true(cs_parquet_dbp_init(&dbp, (cs_str){ "\x08\x01\x05\x02\x02\x00", 6 }));
    assert_true(cs_parquet_dbp_get(&dbp, values, 5));
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(values[i], i + 1);
    assert_false(cs_parquet_dbp_get(&dbp, values, 1));
    /* deltas -2 -2 -2 1 1 1 1, minimum -2: 0 0 0 3 3 3 3 in two bits = C0 3F */
    static const uint64_t wanted[] = { 7, 5, 3, 1, 2, 3, 4, 5 };
    cs_str rest;
    assert_true(cs_parquet_dbp_init(&dbp, (cs_str){ "\x08\x01\x08\x0e\x03\x02\xc0\x3f!", 9 }));
    assert_true(cs_parquet_dbp_get(&dbp, values, 8));
    assert_memory_equal(values, wanted, sizeof(wanted));
    assert_true(cs_parquet_dbp_skip(&dbp, &rest));
    assert_true(cs_str_eq(rest, CS_STR("!")));
}

static void bad_runs_end_without_reading_past(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        unsigned bits;
    } cases[] = { { "", 0, 3 }, { "\x00", 1, 3 }, { "\x10", 1, 3 },      { "\x03", 1, 3 },
                  { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, 1 }, { "\x10\xff", 2, 3 } };
    uint32_t values[8];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cs_parquet_rle rle;
        char *exact = malloc(cases[i].len + 1);
        memcpy(exact, cases[i].bytes, cases[i].len);
        assert_true(cs_parquet_rle_init(&rle, (cs_str){ exact, cases[i].len }, cases[i].bits));
        assert_false(cs_parquet_rle_get(&rle, values, 8));
        free(exact);
    }
    cs_parquet_dbp dbp;
    assert_false(cs_parquet_dbp_init(&dbp, CS_STR("\x08\x00\x05\x02")));
    assert_false(cs_parquet_dbp_init(&dbp, (cs_str){ "\x08\x03\x05\x02", 4 }));
    assert_false(cs_parquet_dbp_init(&dbp, (cs_str){ "\x08", 1 }));
}

/* thrift-compact-protocol.md: short field header dddd tttt, zigzag varints (50399 is DF 89 03 unsigned). */
static void thrift_bytes_are_the_specifications(void **state)
{
    (void)state;
    cs_buf buf = CS_BUF_INIT;
    cs_thrift_out out = { .buf = &buf };
    cs_thrift_begin(&out);
    cs_thrift_i32(&out, 1, -1);
    cs_thrift_bool(&out, 3, true);
    cs_thrift_binary(&out, 20, CS_STR("ab"));
    cs_thrift_list(&out, 21, CS_THRIFT_I32, 2);
    cs_thrift_add_i32(&out, 1);
    cs_thrift_add_i32(&out, -64);
    cs_thrift_end(&out);
    static const char wanted[] = "\x15\x01\x21\x08\x28\x02"
                                 "ab"
                                 "\x19\x25\x02\x7f\x00";
    assert_int_equal(buf.len, sizeof(wanted) - 1);
    assert_memory_equal(buf.ptr, wanted, buf.len);
    cs_buf_done(&buf);
}

static void thrift_skips_what_it_does_not_know(void **state)
{
    (void)state;
    /* 1: map<i32,binary>{5:"x"}; 2: list<bool>[true,false]; 3: struct{1: double}; 4: i64 = 7 */
    static const char bytes[] = "\x1b\x01\x58\x0a\x01x"
                                "\x19\x21\x01\x02"
                                "\x1c\x17"
                                "12345678"
                                "\x00"
                                "\x16\x0e\x00";
    cs_thrift_in in = { .cursor = { (const uint8_t *)bytes,
                                    (const uint8_t *)bytes + sizeof(bytes) - 1 } };
    int16_t field = 0;
    cs_thrift_type type;
    int64_t seven = 0;
    while (cs_thrift_field(&in, &field, &type)) {
        if (field == 4)
            seven = cs_thrift_get_i64(&in, type);
        else
            cs_thrift_skip(&in, type);
    }
    assert_false(in.bad);
    assert_int_equal(field, 4);
    assert_int_equal(seven, 7);
}

static void thrift_nested_without_end_is_refused(void **state)
{
    (void)state;
    char bytes[100000];
    memset(bytes, 0x1c, sizeof(bytes)); /* a struct in a struct in a struct… */
    cs_thrift_in in = { .cursor = { (const uint8_t *)bytes,
                                    (const uint8_t *)bytes + sizeof(bytes) } };
    cs_thrift_skip(&in, CS_THRIFT_STRUCT);
    assert_true(in.bad);
    memset(bytes, 0x19, sizeof(bytes)); /* a list of lists of lists… */
    in = (cs_thrift_in){ .cursor = { (const uint8_t *)bytes,
                                     (const uint8_t *)bytes + sizeof(bytes) } };
    cs_thrift_skip(&in, CS_THRIFT_LIST);
    assert_true(in.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bit_packing_is_the_formats_example),
        cmocka_unit_test(old_bit_packing_is_the_formats_example),
        cmocka_unit_test(long_run_is_one_repeated_run),
        cmocka_unit_test(hybrid_gives_back_what_it_took),
        cmocka_unit_test(delta_packed_reads_the_formats_examples),
        cmocka_unit_test(bad_runs_end_without_reading_past),
        cmocka_unit_test(thrift_bytes_are_the_specifications),
        cmocka_unit_test(thrift_skips_what_it_does_not_know),
        cmocka_unit_test(thrift_nested_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
