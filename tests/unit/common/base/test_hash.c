/* Expected values: SHA-256 from FIPS 180-4's examples; XXH3 and XXH128 as the xxHash project publishes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/hash.h"

static void assert_sha256(cs_sha256 hash, const char *want)
{
    char text[2 * CS_SHA256_LEN + 1];
    cs_hex(text, hash.bytes, sizeof hash.bytes);
    assert_string_equal(text, want);
}

static void sha256_gives_the_values_of_fips_180_4(void **state)
{
    (void)state;
    assert_sha256(cs_sha256_of("abc", 3),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sha256(cs_sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_sha256(cs_sha256_of(NULL, 0),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha256_of_a_million_a_is_equal_in_pieces_of_any_size(void **state)
{
    (void)state;
    const size_t total = 1000000;
    char *text = malloc(total);
    assert_non_null(text);
    memset(text, 'a', total);
    static const size_t pieces[] = { 1, 63, 64, 65, 4096, 1000000 };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        cs_sha256_stream *stream = cs_sha256_new();
        for (size_t at = 0; at < total; at += pieces[i])
            cs_sha256_add(stream, text + at, total - at < pieces[i] ? total - at : pieces[i]);
        cs_sha256_add(stream, NULL, 0);
        assert_sha256(cs_sha256_end(stream),
                      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    free(text);
}

static void a_sha256_stream_may_be_left_unfinished(void **state)
{
    (void)state;
    cs_sha256_stream *stream = cs_sha256_new();
    cs_sha256_add(stream, "abc", 3);
    cs_sha256_free(stream);
    cs_sha256_free(NULL);
}

static void xxh3_gives_its_published_values(void **state)
{
    (void)state;
    assert_true(cs_hash64(NULL, 0) == 0x2d06800538d394c2u);
    assert_true(cs_hash64("abc", 3) == 0x78af5f94892f3950u);
    cs_hash128 empty = cs_hash128_of(NULL, 0);
    assert_true(empty.hi == 0x99aa06d3014798d8u && empty.lo == 0x6001c324468d497fu);
    cs_hash128 abc = cs_hash128_of("abc", 3);
    assert_true(abc.hi == 0x06b05ab6733a6185u && abc.lo == 0x78af5f94892f3950u);
}

static void a_checksum_in_pieces_equals_the_hash_of_the_whole(void **state)
{
    (void)state;
    unsigned char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 131 >> 3);
    for (size_t piece = 1; piece < sizeof bytes; piece = piece * 3 + 1) {
        cs_checksum *sum = cs_checksum_new();
        assert_true(cs_checksum_value(sum) == 0x2d06800538d394c2u);
        for (size_t at = 0; at < sizeof bytes; at += piece) {
            size_t len = sizeof bytes - at < piece ? sizeof bytes - at : piece;
            cs_checksum_add(sum, bytes + at, len);
            cs_checksum_add(sum, NULL, 0);
            assert_true(cs_checksum_value(sum) == cs_hash64(bytes, at + len));
        }
        cs_checksum_free(sum);
    }
    cs_checksum_free(NULL);
}

static void hex_is_lower_case_and_terminated(void **state)
{
    (void)state;
    char out[9] = "zzzzzzzz";
    cs_hex(out, "\x00\xff\xa5", 3);
    assert_string_equal(out, "00ffa5");
    cs_hex(out, NULL, 0);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_values_of_fips_180_4),
        cmocka_unit_test(sha256_of_a_million_a_is_equal_in_pieces_of_any_size),
        cmocka_unit_test(a_sha256_stream_may_be_left_unfinished),
        cmocka_unit_test(xxh3_gives_its_published_values),
        cmocka_unit_test(a_checksum_in_pieces_equals_the_hash_of_the_whole),
        cmocka_unit_test(hex_is_lower_case_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
