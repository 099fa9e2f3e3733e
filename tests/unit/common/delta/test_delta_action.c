#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/delta/delta_action.h"

#define ALL_KINDS 0xffffu

/* The complete version 0 of spec delta.md §1, with the digest and the engine of this build put in. */
static const char version_0[] =
    "{\"commitInfo\":{\"timestamp\":1750000000123,\"operation\":\"STREAMING UPDATE\",\"operationParameters\":"
    "{\"outputMode\":\"Append\",\"queryId\":\"4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01\",\"epochId\":\"0\"},"
    "\"isolationLevel\":\"Serializable\",\"isBlindAppend\":true,\"operationMetrics\":{\"numRemovedFiles\":\"0\","
    "\"numAddedFiles\":\"1\",\"numOutputRows\":\"2\",\"numOutputBytes\":\"812\"},\"engineInfo\":\"cstream/"
    CSTREAM_VERSION "\",\"txnId\":\"0c2f5f39-5b0e-4d0c-9d33-9c4b4e1d7f10\",\"cstream\":{\"batch\":\"0\","
    "\"digest\":\"9f2c\",\"below\":\"\",\"files\":[\"2025/06/15/a.csv\"]}}}\n"
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
    "{\"metaData\":{\"id\":\"e2f1a3d4-6a0b-4c55-9d62-0f3b2a7c8e90\",\"format\":{\"provider\":\"parquet\",\"options\":"
    "{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[]}\",\"partitionColumns\":[\"kind\"],"
    "\"configuration\":{},\"createdTime\":1750000000100}}\n"
    "{\"txn\":{\"appId\":\"4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01\",\"version\":0,\"lastUpdated\":1750000000123}}\n"
    "{\"add\":{\"path\":\"kind=a%252Fb%20c/part-00000-7d1f0b52-3c4e-4a57-8f7e-2f6c1c9f5e11-c000.snappy.parquet\","
    "\"partitionValues\":{\"kind\":\"a/b c\"},\"size\":812,\"modificationTime\":1750000000110,\"dataChange\":true,"
    "\"stats\":\"{\\\"numRecords\\\":2}\"}}\n";

static void lines_of_a_commit_are_spelled_as_the_specification_says(void **state)
{
    (void)state;
    cs_str source = CS_STR("2025/06/15/a.csv"), column = CS_STR("kind");
    cs_delta_append_info info = {
        .timestamp_ms = 1750000000123, .query_id = CS_STR("4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01"),
        .batch = 0, .read_version = -1, .n_files = 1, .rows = 2, .bytes = 812,
        .txn_id = CS_STR("0c2f5f39-5b0e-4d0c-9d33-9c4b4e1d7f10"), .digest = CS_STR("9f2c"),
        .sources = &source, .n_sources = 1,
    };
    cs_delta_protocol protocol = { .reader_version = 1, .writer_version = 2 };
    cs_delta_metadata metadata = {
        .id = CS_STR("e2f1a3d4-6a0b-4c55-9d62-0f3b2a7c8e90"), .provider = CS_STR("parquet"),
        .schema_text = CS_STR("{\"type\":\"struct\",\"fields\":[]}"), .partition_columns = &column,
        .n_partition_columns = 1, .created_ms = 1750000000100,
    };
    cs_delta_txn txn = { CS_STR("4b7c0c0e-9a58-4c3e-8a77-6f2f8d3b1a01"), 0, 1750000000123 };
    cs_delta_pair value = { CS_STR("kind"), CS_STR("a/b c") };
    cs_delta_add add = {
        .path = CS_STR("kind=a%252Fb%20c/part-00000-7d1f0b52-3c4e-4a57-8f7e-2f6c1c9f5e11-c000.snappy.parquet"),
        .partition_values = &value, .n_partition_values = 1, .size_bytes = 812, .modified_ms = 1750000000110,
        .stats = CS_STR("{\"numRecords\":2}"),
    };
    cs_buf out = CS_BUF_INIT;
    cs_delta_print_append_info(&out, &info);
    cs_delta_print_protocol(&out, &protocol);
    cs_delta_print_metadata(&out, &metadata);
    cs_delta_print_txn(&out, &txn);
    cs_delta_print_add(&out, &add);
    cs_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, version_0);
    cs_buf_done(&out);
}

static cs_delta_action parse(const char *line, unsigned mask, cs_arena *arena, cs_json_doc **doc)
{
    cs_delta_action action = { 0 };
    cs_error err = { 0 };
    assert_int_equal(cs_delta_action_parse(cs_str_of(line), mask, arena, doc, &action, &err), CS_OK);
    return action;
}

static void an_add_in_unusual_spelling_is_understood(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    cs_json_doc *doc = NULL;
    cs_delta_action action =
        parse(" {\"txn\":null,\"add\" : {\"p\\u0061th\":\"a%20b\",\"partitionValues\":{\"x\":null,\"y\":\"\"},"
              "\"size\":1e3,\"modificationTime\":2.0,\"stats\":null,\"deletionVector\":{\"storageType\":\"u\","
              "\"pathOrInlineDv\":\"zz\",\"offset\":1,\"sizeInBytes\":40,\"cardinality\":6},\"future\":[{}]}} ",
              ALL_KINDS, &arena, &doc);
    assert_int_equal(action.kind, CS_DELTA_ADD);
    assert_true(cs_str_eq(action.add.path, CS_STR("a%20b")));
    assert_int_equal(action.add.n_partition_values, 2);
    assert_null(action.add.partition_values[0].value.ptr);
    assert_non_null(action.add.partition_values[1].value.ptr);
    assert_int_equal(action.add.partition_values[1].value.len, 0);
    assert_int_equal(action.add.size_bytes, 1000);
    assert_int_equal(action.add.modified_ms, 2);
    assert_int_equal(action.add.stats.len, 0);
    assert_true(action.add.vector.has_offset);
    assert_int_equal(action.add.vector.offset, 1);
    assert_int_equal(action.add.vector.cardinality, 6);
    cs_json_free(doc);
    cs_arena_done(&arena);
}

static void unknown_actions_and_unwanted_ones_are_other(void **state)
{
    (void)state;
    static const char *lines[] = { "{}", "{\"somethingNew\":{\"path\":1}}", "{\"cdc\":{\"path\":\"x\"}}",
                                   "{\"add\":null}", "{\"txn\":{\"nonsense\":1}}" };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        cs_arena arena = CS_ARENA_INIT;
        cs_json_doc *doc = NULL;
        cs_delta_action action = parse(lines[i], CS_DELTA_MASK(CS_DELTA_ADD), &arena, &doc);
        assert_int_equal(action.kind, CS_DELTA_OTHER);
        cs_json_free(doc);
        cs_arena_done(&arena);
    }
}

static void what_is_no_whole_action_is_damage(void **state)
{
    (void)state;
    static const char *lines[] = {
        "", "x", "[]", "\"add\"", "{\"add\":{\"path\":\"x\",\"size\":1}", "{\"add\":{}} {}", "{\"add\":1}",
        "{\"add\":{\"size\":1}}", "{\"add\":{\"path\":\"x\"}}", "{\"add\":{\"path\":\"x\",\"size\":-1}}",
        "{\"add\":{\"path\":\"x\",\"size\":1.5}}", "{\"add\":{\"path\":\"x\",\"size\":1,\"partitionValues\":[]}}",
        "{\"add\":{\"path\":\"x\",\"size\":1,\"partitionValues\":{\"a\":1}}}",
        "{\"add\":{\"path\":\"x\",\"size\":1,\"deletionVector\":{\"storageType\":\"u\"}}}",
        "{\"protocol\":{\"minReaderVersion\":1}}", "{\"txn\":{\"appId\":\"a\",\"version\":\"b\"}}",
        "{\"metaData\":{\"id\":\"a\"}}", "{\"remove\":{\"path\":7}}",
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[1]}}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        cs_arena arena = CS_ARENA_INIT;
        cs_json_doc *doc = NULL;
        cs_delta_action action = { 0 };
        cs_error err = { 0 };
        cs_code code = cs_delta_action_parse(cs_str_of(lines[i]), ALL_KINDS, &arena, &doc, &action, &err);
        if (code != CS_E_DAMAGED_LOG)
            print_message("line %s\n", lines[i]);
        assert_int_equal(code, CS_E_DAMAGED_LOG);
        assert_true(err.message[0] != '\0');
        assert_null(doc);
        cs_arena_done(&arena);
    }
}

static void a_commit_lists_its_first_10000_files_and_says_how_many_it_left_out(void **state)
{
    (void)state;
    size_t n = CS_COMMIT_INFO_FILES_MAX + 5;
    cs_str *sources = cs_xcalloc(n, sizeof *sources);
    for (size_t i = 0; i < n; i++)
        sources[i] = CS_STR("f.csv");
    sources[1] = CS_STR("\xff\x41.csv"); /* no UTF-8 */
    cs_delta_append_info info = { .read_version = 3, .sources = sources, .n_sources = n };
    cs_buf out = CS_BUF_INIT;
    cs_delta_print_append_info(&out, &info);
    cs_json_doc *doc = NULL;
    cs_error err = { 0 };
    assert_int_equal(cs_json_parse(cs_buf_str(&out), &doc, &err), CS_OK);
    const cs_json *ours = cs_json_get(cs_json_get(cs_json_root(doc), "commitInfo"), "cstream");
    const cs_json *files = cs_json_get(ours, "files");
    cs_str text;
    assert_int_equal(cs_json_size(files), CS_COMMIT_INFO_FILES_MAX);
    assert_true(cs_json_str(cs_json_get(ours, "filesLeftOut"), &text) && cs_str_eq(text, CS_STR("5")));
    assert_true(cs_json_str(cs_json_get(cs_json_at(files, 1), "hex"), &text));
    assert_true(cs_str_eq(text, CS_STR("ff412e637376")));
    cs_json_free(doc);
    cs_buf_done(&out);
    free(sources);
}

static void rows_are_known_from_statistics_that_can_be_read(void **state)
{
    (void)state;
    int64_t rows = -7;
    assert_true(cs_delta_stats_rows(CS_STR("{\"nullCount\":{},\"numRecords\":1e2}"), &rows));
    assert_int_equal(rows, 100);
    assert_false(cs_delta_stats_rows(CS_STR(""), &rows));
    assert_false(cs_delta_stats_rows(CS_STR("{\"numRecords\":-1}"), &rows));
    assert_false(cs_delta_stats_rows(CS_STR("{\"numRecords\""), &rows));
    assert_false(cs_delta_stats_rows(CS_STR("[]"), &rows));
    assert_int_equal(rows, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_commit_are_spelled_as_the_specification_says),
        cmocka_unit_test(an_add_in_unusual_spelling_is_understood),
        cmocka_unit_test(unknown_actions_and_unwanted_ones_are_other),
        cmocka_unit_test(what_is_no_whole_action_is_damage),
        cmocka_unit_test(a_commit_lists_its_first_10000_files_and_says_how_many_it_left_out),
        cmocka_unit_test(rows_are_known_from_statistics_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
