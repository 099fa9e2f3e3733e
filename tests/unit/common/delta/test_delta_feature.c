#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/delta/delta_feature.h"

typedef struct subject {
    cs_delta_protocol protocol;
    cs_delta_metadata metadata;
    cs_schema schema;
    cs_arena arena;
} subject;

static const char plain[] = "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,"
                            "\"metadata\":{}}]}";

static subject of_schema(const char *schema)
{
    subject it = { .protocol = { .reader_version = 1, .writer_version = 2 } };
    cs_error err = { 0 };
    assert_int_equal(cs_schema_parse_json(cs_str_of(schema), &it.arena, &it.schema, &err), CS_OK);
    return it;
}

static void check(subject *it, const char *reading, const char *appending)
{
    cs_error err = { 0 };
    cs_code code = cs_delta_check_read(&it->protocol, &it->metadata, &err);
    assert_string_equal(code == CS_OK ? "" : err.message, reading ? reading : "");
    cs_error_clear(&err);
    code = cs_delta_check_append(&it->protocol, &it->metadata, &it->schema, &err);
    assert_string_equal(code == CS_OK ? "" : err.message, appending ? appending : "");
    assert_true(code == CS_OK || code == CS_E_UNSUPPORTED);
}

static void check_listed(const char *feature, bool reader, const char *reading, const char *appending)
{
    subject it = of_schema(plain);
    cs_str name = cs_str_of(feature);
    it.protocol = (cs_delta_protocol){ reader ? 3 : 1, 7, &name, reader ? 1 : 0, &name, 1 };
    check(&it, reading, appending);
    cs_arena_done(&it.arena);
}

static void a_plain_table_is_read_and_appended_to_at_every_old_number(void **state)
{
    (void)state;
    for (int reader = 1; reader <= 2; reader++) {
        for (int writer = 1; writer <= 6; writer++) {
            subject it = of_schema(plain);
            it.protocol.reader_version = reader;
            it.protocol.writer_version = writer;
            check(&it, NULL, NULL);
            cs_arena_done(&it.arena);
        }
    }
}

static void versions_of_the_future_are_refused_with_their_number(void **state)
{
    (void)state;
    subject it = of_schema(plain);
    it.protocol.reader_version = 4;
    check(&it, "needs reader version 4; cstream reads up to 3", "needs reader version 4; cstream reads up to 3");
    it.protocol = (cs_delta_protocol){ .reader_version = 1, .writer_version = 8 };
    check(&it, NULL, "needs writer version 8; cstream writes up to 7");
    cs_arena_done(&it.arena);
}

static void listed_features_are_judged_by_the_table_of_the_specification(void **state)
{
    (void)state;
    static const char *both[] = { "timestampNtz", "deletionVectors", "v2Checkpoint", "vacuumProtocolCheck" };
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
        check_listed(both[i], true, NULL, NULL);
    static const char *writers[] = { "appendOnly", "changeDataFeed", "domainMetadata", "inCommitTimestamp",
                                     "invariants", "checkConstraints", "generatedColumns", "identityColumns",
                                     "allowColumnDefaults", "columnMapping" };
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        check_listed(writers[i], false, NULL, NULL); /* listed, but nothing of it in use */
    check_listed("rowTracking", false, NULL, "cannot append: rowTracking is in use (the protocol lists it)");
    check_listed("icebergWriterCompatV1", false, NULL,
                 "cannot append: icebergWriterCompatV1 is in use (the protocol lists it)");
    check_listed("flyingTable", false, NULL, "cannot append: flyingTable is in use (the protocol lists it)");
    static const char *no[] = { "typeWidening", "typeWidening-preview", "variantType", "variantShredding",
                                "geospatial", "catalogManaged", "redirectReaderWriter", "flyingTable" };
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "needs feature %s, which cstream cannot read", no[i]);
        check_listed(no[i], true, text, text);
    }
}

static void a_property_in_use_is_named(void **state)
{
    (void)state;
    subject it = of_schema(plain);
    cs_delta_pair pair = { CS_STR("delta.constraints.positive"), CS_STR("id > 0") };
    it.metadata.configuration = &pair;
    it.metadata.n_configuration = 1;
    check(&it, NULL, NULL); /* writer version 2 knows no constraints */
    it.protocol.writer_version = 3;
    check(&it, NULL, "cannot append: checkConstraints is in use (delta.constraints.positive)");
    pair = (cs_delta_pair){ CS_STR("delta.columnMapping.mode"), CS_STR("name") };
    it.protocol = (cs_delta_protocol){ .reader_version = 2, .writer_version = 5 };
    check(&it, "needs feature columnMapping, which cstream cannot read",
          "needs feature columnMapping, which cstream cannot read");
    pair.value = CS_STR("none");
    check(&it, NULL, NULL);
    cs_arena_done(&it.arena);
}

static void what_a_column_asks_of_its_values_is_named_with_the_column(void **state)
{
    (void)state;
    static const struct {
        const char *nullable, *metadata, *text;
    } columns[] = {
        { "true", "{\"comment\":\"delta.invariants\"}", NULL },
        { "true", "{\"delta.invariants\":\"{}\"}",
          "cannot append: invariants is in use (delta.invariants of column inner)" },
        { "true", "{\"delta.generationExpression\":\"a\"}",
          "cannot append: generatedColumns is in use (delta.generationExpression of column inner)" },
        { "true", "{\"delta.identity.start\":1}",
          "cannot append: identityColumns is in use (delta.identity.start of column inner)" },
        { "true", "{\"__CHAR_VARCHAR_TYPE_STRING\":\"varchar(5)\"}",
          "cannot append: column inner is char or varchar" },
        { "false", "{}", "cannot append: column inner is NOT NULL" },
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        char schema[1024];
        snprintf(schema, sizeof schema,
                 "{\"type\":\"struct\",\"fields\":[{\"name\":\"outer\",\"type\":{\"type\":\"struct\",\"fields\":[{"
                 "\"name\":\"inner\",\"type\":\"string\",\"nullable\":%s,\"metadata\":%s}]},\"nullable\":true,"
                 "\"metadata\":{}}]}",
                 columns[i].nullable, columns[i].metadata);
        subject it = of_schema(schema);
        it.protocol.writer_version = 6;
        check(&it, NULL, columns[i].text);
        cs_arena_done(&it.arena);
    }
}

static void a_new_table_asks_for_no_more_than_its_types_need(void **state)
{
    (void)state;
    subject it = of_schema(plain);
    cs_delta_protocol protocol = cs_delta_protocol_for(&it.schema);
    assert_int_equal(protocol.reader_version, 1);
    assert_int_equal(protocol.writer_version, 2);
    assert_int_equal(protocol.n_writer_features, 0);
    cs_arena_done(&it.arena);

    it = of_schema("{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\",\"elementType\":"
                   "\"timestamp_ntz\",\"containsNull\":true},\"nullable\":true,\"metadata\":{}}]}");
    protocol = cs_delta_protocol_for(&it.schema);
    cs_buf text = CS_BUF_INIT;
    cs_delta_print_protocol(&text, &protocol);
    cs_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
                                  "\"timestampNtz\"],\"writerFeatures\":[\"timestampNtz\",\"invariants\","
                                  "\"appendOnly\"]}}\n");
    cs_buf_done(&text);
    cs_arena_done(&it.arena);
}

static void in_commit_timestamps_need_the_feature_and_the_property(void **state)
{
    (void)state;
    cs_str feature = CS_STR("inCommitTimestamp");
    cs_delta_pair pair = { CS_STR("delta.enableInCommitTimestamps"), CS_STR("true") };
    cs_delta_protocol protocol = { 1, 7, NULL, 0, &feature, 1 };
    cs_delta_metadata metadata = { .configuration = &pair, .n_configuration = 1 };
    assert_true(cs_delta_has_commit_timestamps(&protocol, &metadata));
    pair.value = CS_STR("false");
    assert_false(cs_delta_has_commit_timestamps(&protocol, &metadata));
    pair.value = CS_STR("true");
    protocol.n_writer_features = 0;
    assert_false(cs_delta_has_commit_timestamps(&protocol, &metadata));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_table_is_read_and_appended_to_at_every_old_number),
        cmocka_unit_test(versions_of_the_future_are_refused_with_their_number),
        cmocka_unit_test(listed_features_are_judged_by_the_table_of_the_specification),
        cmocka_unit_test(a_property_in_use_is_named),
        cmocka_unit_test(what_a_column_asks_of_its_values_is_named_with_the_column),
        cmocka_unit_test(a_new_table_asks_for_no_more_than_its_types_need),
        cmocka_unit_test(in_commit_timestamps_need_the_feature_and_the_property),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
