/* Forms of RFC 9562; the examples are those of its appendices A and B. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/uuid.h"

static void text_of_the_rfc_is_read_and_written_back(void **state)
{
    (void)state;
    static const char *const examples[] = {
        "C232AB00-9414-11EC-B3C8-9F6BDECED846", /* A.1, version 1 */
        "919108f7-52d1-4320-9bac-f847db4148a8", /* A.3, version 4 */
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", /* A.6, version 7 */
        "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0", /* B.1, version 8 */
        "00000000-0000-0000-0000-000000000000", /* 5.9, nil */
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", /* 5.10, max */
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        cs_uuid uuid;
        char text[CS_UUID_TEXT_LEN + 1];
        assert_true(cs_uuid_parse(cs_str_of(examples[i]), &uuid));
        cs_uuid_text(&uuid, text);
        assert_int_equal(strlen(text), CS_UUID_TEXT_LEN);
        assert_true(cs_str_eq_nocase(cs_str_of(text), cs_str_of(examples[i])));
        for (const char *c = text; *c; c++)
            assert_false(*c >= 'A' && *c <= 'F');
    }
}

static void bytes_stand_in_the_order_of_the_text(void **state)
{
    (void)state;
    cs_uuid uuid;
    assert_true(cs_uuid_parse(CS_STR("00112233-4455-6677-8899-aabbccddeeff"), &uuid));
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(uuid.bytes[i], i * 0x11);
}

static void malformed_text_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "919108f7-52d1-4320-9bac-f847db4148a",
        "919108f7-52d1-4320-9bac-f847db4148a88",
        "919108f752d143209bacf847db4148a8",
        "{919108f7-52d1-4320-9bac-f847db4148a8}",
        "919108f7052d1-4320-9bac-f847db4148a8",
        "919108f-752d1-4320-9bac-f847db4148a8",
        "919108f7-52d1-4320-9bac-f847db4148g8",
        "919108f7-52d1-4320-9bac_f847db4148a8",
        " 19108f7-52d1-4320-9bac-f847db4148a8",
        "+19108f7-52d1-4320-9bac-f847db4148a8",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cs_uuid uuid = { { 1, 2, 3 } };
        assert_false(cs_uuid_parse(cs_str_of(bad[i]), &uuid));
        assert_int_equal(uuid.bytes[1], 2);
    }
}

static void version_4_has_its_bits_and_the_rest_is_random(void **state)
{
    (void)state;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 1);
    cs_uuid ones = { { 0 } }, zeros = { { 0 } };
    memset(&zeros, 0xff, sizeof zeros);
    for (int i = 0; i < 200; i++) {
        cs_uuid uuid = cs_uuid_v4(&rng.rng);
        for (int j = 0; j < 16; j++) {
            ones.bytes[j] |= uuid.bytes[j];
            zeros.bytes[j] &= uuid.bytes[j];
        }
    }
    for (int j = 0; j < 16; j++) {
        assert_int_equal(ones.bytes[j], j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff);
        assert_int_equal(zeros.bytes[j], j == 6 ? 0x40 : j == 8 ? 0x80 : 0x00);
    }
}

static void a_stream_has_the_low_half_of_its_hash_as_name(void **state)
{
    (void)state;
    cs_uuid stream;
    assert_true(cs_uuid_parse(CS_STR("4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01"), &stream));
    assert_int_equal(cs_uuid_stream_hash(&stream), 0x8d9571ef); /* by Python's xxhash */
}

static void a_part_uuid_is_version_8_and_shows_stream_and_batch_in_its_text(void **state)
{
    (void)state;
    cs_uuid uuid = cs_uuid_part(cs_rng_system(), 0xdeadbeefu, 0x123456789abcu);
    char text[CS_UUID_TEXT_LEN + 1];
    cs_uuid_text(&uuid, text);
    assert_memory_equal(text, "deadbeef-", 9);
    assert_int_equal(text[14], '8');
    assert_non_null(strchr("89ab", text[19]));
    assert_string_equal(text + 23, "-123456789abc");
}

static void a_part_uuid_gives_back_what_was_put_in(void **state)
{
    (void)state;
    static const struct {
        uint32_t stream_hash;
        uint64_t batch;
    } cases[] = {
        { 0, 0 }, { 1, 1 }, { UINT32_MAX, ((uint64_t)1 << 48) - 1 }, { 0x80000000u, 4711 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cs_uuid uuid = cs_uuid_part(cs_rng_system(), cases[i].stream_hash, cases[i].batch);
        uint32_t stream_hash = 99;
        uint64_t batch = 99;
        assert_true(cs_uuid_part_read(&uuid, &stream_hash, &batch));
        assert_int_equal(stream_hash, cases[i].stream_hash);
        assert_true(batch == cases[i].batch);
    }
}

static void two_parts_of_one_batch_differ(void **state)
{
    (void)state;
    cs_uuid a = cs_uuid_part(cs_rng_system(), 7, 7), b = cs_uuid_part(cs_rng_system(), 7, 7);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static void another_version_or_variant_is_no_part(void **state)
{
    (void)state;
    static const char *const others[] = {
        "919108f7-52d1-4320-9bac-f847db4148a8",
        "00000000-0000-0000-0000-000000000000",
        "2489E9AD-2EE2-8E00-CEC9-32D5F69181C0",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cs_uuid uuid;
        uint32_t stream_hash = 99;
        uint64_t batch = 99;
        assert_true(cs_uuid_parse(cs_str_of(others[i]), &uuid));
        assert_false(cs_uuid_part_read(&uuid, &stream_hash, &batch));
        assert_int_equal(stream_hash, 99);
        assert_int_equal(batch, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_the_rfc_is_read_and_written_back),
        cmocka_unit_test(bytes_stand_in_the_order_of_the_text),
        cmocka_unit_test(malformed_text_is_refused_and_leaves_the_output),
        cmocka_unit_test(version_4_has_its_bits_and_the_rest_is_random),
        cmocka_unit_test(a_stream_has_the_low_half_of_its_hash_as_name),
        cmocka_unit_test(a_part_uuid_is_version_8_and_shows_stream_and_batch_in_its_text),
        cmocka_unit_test(a_part_uuid_gives_back_what_was_put_in),
        cmocka_unit_test(two_parts_of_one_batch_differ),
        cmocka_unit_test(another_version_or_variant_is_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
