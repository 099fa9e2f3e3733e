/* The compressed samples were made by pyarrow 25 and Python's gzip module. */
#include "common/codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"

static const char text[] = "the quick brown fox, the quick brown fox, the lazy dog";
#define TEXT_LEN (sizeof(text) - 1)

static const char by_snappy[] = "\x36\x50\x74\x68\x65\x20\x71\x75\x69\x63\x6b\x20\x62\x72\x6f\x77\x6e\x20\x66\x6f\x78"
                                "\x2c\x20\x62\x15\x00\x1c\x6c\x61\x7a\x79\x20\x64\x6f\x67";
static const char by_gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xc9\x48\x55\x28\x2c\xcd\x4c\xce\x56\x48"
                              "\x2a\xca\x2f\xcf\x53\x48\xcb\xaf\xd0\x51\x28\xc1\x25\x98\x93\x58\x55\xa9\x90\x92\x9f"
                              "\x0e\x00\x87\x3a\x27\x39\x36\x00\x00\x00";
static const char by_gzip_two_members[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xc9\x48\x55\x28\x2c\xcd\x4c\xce\x56\x48\x2a\xca\x2f\xcf\x53\x48\xcb"
    "\xaf\xd0\x01\x00\xc2\x69\xfa\x9b\x14\x00\x00\x00\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x53\x28\xc9\x48\x55\x28"
    "\x2c\xcd\x4c\xce\x56\x48\x2a\xca\x2f\xcf\x53\x48\xcb\xaf\xd0\x51\x00\x09\xe6\x24\x56\x55\x2a\xa4\xe4\xa7\x03\x00"
    "\x82\xe2\xc9\x04\x22\x00\x00\x00";
static const char by_zstd[] = "\x28\xb5\x2f\xfd\x20\x36\x1d\x01\x00\xe8\x74\x68\x65\x20\x71\x75\x69\x63\x6b\x20\x62"
                              "\x72\x6f\x77\x6e\x20\x66\x6f\x78\x2c\x20\x6c\x61\x7a\x79\x20\x64\x6f\x67\x01\x00\x71"
                              "\x99\x4c";
static const char by_lz4[] = "\xff\x06\x74\x68\x65\x20\x71\x75\x69\x63\x6b\x20\x62\x72\x6f\x77\x6e\x20\x66\x6f\x78"
                             "\x2c\x20\x15\x00\x06\x80\x6c\x61\x7a\x79\x20\x64\x6f\x67";

static const struct {
    cs_codec codec;
    cs_str bytes;
} samples[] = {
    { CS_CODEC_NONE, { text, TEXT_LEN } },
    { CS_CODEC_SNAPPY, { by_snappy, sizeof(by_snappy) - 1 } },
    { CS_CODEC_GZIP, { by_gzip, sizeof(by_gzip) - 1 } },
    { CS_CODEC_GZIP, { by_gzip_two_members, sizeof(by_gzip_two_members) - 1 } },
    { CS_CODEC_ZSTD, { by_zstd, sizeof(by_zstd) - 1 } },
    { CS_CODEC_LZ4_RAW, { by_lz4, sizeof(by_lz4) - 1 } },
};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void blocks_of_other_writers_decompress(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        char out[TEXT_LEN];
        cs_error err;
        assert_int_equal(cs_codec_decompress(samples[i].codec, samples[i].bytes, out, sizeof(out),
                                             &err), CS_OK);
        assert_memory_equal(out, text, TEXT_LEN);
    }
}

static void wrong_length_is_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        char out[TEXT_LEN + 1];
        cs_error err;
        assert_int_equal(cs_codec_decompress(samples[i].codec, samples[i].bytes, out, TEXT_LEN + 1,
                                             &err),
                         CS_E_DAMAGED_PARQUET);
        assert_int_equal(cs_codec_decompress(samples[i].codec, samples[i].bytes, out, TEXT_LEN - 1,
                                             &err),
                         CS_E_DAMAGED_PARQUET);
        assert_int_equal(cs_codec_decompress(samples[i].codec, samples[i].bytes, NULL, 0, &err),
                         CS_E_DAMAGED_PARQUET);
    }
}

/* Exact-size copies, so that an address sanitizer sees a read past the end. */
static void cut_or_garbled_block_never_overruns(void **state)
{
    (void)state;
    cs_rng_seeded seeded;
    cs_rng_seeded_init(&seeded, 7);
    for (size_t i = 1; i < N_SAMPLES; i++) {
        for (size_t len = 0; len < samples[i].bytes.len; len++) {
            char *in = malloc(len + 1), *out = malloc(TEXT_LEN);
            memcpy(in, samples[i].bytes.ptr, len);
            assert_int_equal(cs_codec_decompress(samples[i].codec, (cs_str){ in, len }, out,
                                                 TEXT_LEN, NULL),
                             CS_E_DAMAGED_PARQUET);
            free(in);
            free(out);
        }
        for (int round = 0; round < 500; round++) {
            size_t len = samples[i].bytes.len;
            char *in = malloc(len), *out = malloc(TEXT_LEN);
            memcpy(in, samples[i].bytes.ptr, len);
            in[cs_rng_below(&seeded.rng, len)] ^= (char)(1u << cs_rng_below(&seeded.rng, 8));
            (void)!cs_codec_decompress(samples[i].codec, (cs_str){ in, len }, out, TEXT_LEN, NULL);
            free(in);
            free(out);
        }
    }
}

static void compressed_bytes_append_and_decompress(void **state)
{
    (void)state;
    cs_rng_seeded seeded;
    cs_rng_seeded_init(&seeded, 1);
    static const size_t lens[] = { 0, 1, 15, 1000, 300000 };
    for (int codec = 0; codec < CS_CODEC_COUNT; codec++) {
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            char *in = malloc(lens[i] + 1), *back = malloc(lens[i] + 1);
            for (size_t k = 0; k < lens[i]; k++)
                in[k] = (char)('a' + cs_rng_below(&seeded.rng, 3));
            cs_buf out = CS_BUF_INIT;
            cs_buf_add_cstr(&out, "head");
            cs_error err;
            assert_int_equal(cs_codec_compress((cs_codec)codec, (cs_str){ in, lens[i] }, &out,
                                               &err), CS_OK);
            assert_memory_equal(out.ptr, "head", 4);
            if (lens[i] == 300000 && codec != CS_CODEC_NONE)
                assert_true(out.len < 200000);
            cs_str body = { out.ptr + 4, out.len - 4 };
            assert_int_equal(cs_codec_decompress((cs_codec)codec, body, back, lens[i], &err),
                             CS_OK);
            assert_memory_equal(in, back, lens[i]);
            cs_buf_done(&out);
            free(in);
            free(back);
        }
    }
}

static void gzip_output_carries_the_gzip_header(void **state)
{
    (void)state;
    cs_buf out = CS_BUF_INIT;
    assert_int_equal(cs_codec_compress(CS_CODEC_GZIP, CS_STR("abc"), &out, NULL), CS_OK);
    assert_memory_equal(out.ptr, "\x1f\x8b\x08", 3);
    cs_buf_done(&out);
}

static void names_are_sparks(void **state)
{
    (void)state;
    cs_codec codec = CS_CODEC_COUNT;
    assert_true(cs_codec_find(CS_STR("SNAPPY"), &codec));
    assert_int_equal(codec, CS_CODEC_SNAPPY);
    assert_true(cs_codec_find(CS_STR("none"), &codec));
    assert_int_equal(codec, CS_CODEC_NONE);
    assert_true(cs_codec_find(CS_STR("lz4_raw"), &codec));
    assert_int_equal(codec, CS_CODEC_LZ4_RAW);
    assert_false(cs_codec_find(CS_STR("lz4"), &codec));
    assert_string_equal(cs_codec_name(CS_CODEC_NONE), "uncompressed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_other_writers_decompress),
        cmocka_unit_test(wrong_length_is_damage),
        cmocka_unit_test(cut_or_garbled_block_never_overruns),
        cmocka_unit_test(compressed_bytes_append_and_decompress),
        cmocka_unit_test(gzip_output_carries_the_gzip_header),
        cmocka_unit_test(names_are_sparks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
