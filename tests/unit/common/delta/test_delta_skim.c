#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/delta/delta_action.h"
#include "common/delta/delta_skim.h"

#define ADD CS_DELTA_MASK(CS_DELTA_ADD)
#define TXN CS_DELTA_MASK(CS_DELTA_TXN)

static const char add[] = "{\"add\":{\"path\":\"a%20b\",\"partitionValues\":{\"p\":null,\"q\":\"\xc3\xa9\"},\"size\":-0.5e+3,"
                          "\"dataChange\":true,\"tags\":{},\"list\":[[],[1,{}],false],\"stats\":\"{\\\"numRecords\\\":4}\"}}";

static void a_line_is_passed_over_only_when_it_is_whole_and_not_wanted(void **state)
{
    (void)state;
    assert_true(cs_delta_skim(cs_str_of(add), TXN));
    assert_false(cs_delta_skim(cs_str_of(add), ADD));
    assert_false(cs_delta_skim(CS_STR("{\"add\":{\"path\":\"x\",\"stats\":null}}"), ADD));
    assert_false(cs_delta_skim(CS_STR("{\"add\":[null]}"), TXN));
    assert_true(cs_delta_skim(CS_STR(" { \"somethingNew\" : [ 1 , 2 ] , \"add\" : null } \r"), ADD));
    static const char *cannot_tell[] = {
        "", " ", "x", "[]", "{}", "{\"add\":1}", "{\"\\u0061dd\":{}}", "{\"cdc\":{}} {}", "{\"cdc\":{}}x",
        "{\"cdc\":{}", "{\"cdc\":{]}", "{\"cdc\":01}", "{\"cdc\":1.}", "{\"cdc\":.5}", "{\"cdc\":-}", "{\"cdc\":1e}",
        "{\"cdc\":nul}", "{\"cdc\":\"\\x\"}", "{\"cdc\":\"\t\"}", "{\"cdc\":\"\xff\"}", "{\"cdc\":[1,]}",
        "{\"cdc\":[,1]}", "{\"cdc\":{\"a\":1,}}", "{\"cdc\":{\"a\"}}", "{\"cdc\":{,}}", "{\"cdc\":[1 2]}",
        "{\"cdc\":{\"a\":1 \"b\":2}}", "{\"cdc\":1,}", "{cdc:1}", "{\"cdc\" 1}", "{\"cdc\":tru}", "{\"cdc\":[}",
    };
    for (size_t i = 0; i < sizeof cannot_tell / sizeof cannot_tell[0]; i++) {
        if (cs_delta_skim(cs_str_of(cannot_tell[i]), TXN))
            fail_msg("%s", cannot_tell[i]);
    }
}

/* Against the parser: lines cut, and lines with bytes changed. */
static void what_is_passed_over_is_what_the_parser_calls_other(void **state)
{
    (void)state;
    uint64_t seed = cs_rng_u64(cs_rng_system());
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    static const char bytes[] = "{}[]\",:\\ 0123.-eEnulltrfas\x01\xc3";
    size_t passed = 0;
    for (int round = 0; round < 40000; round++) {
        char line[sizeof add];
        size_t len = sizeof add - 1;
        memcpy(line, add, len);
        size_t changes = cs_rng_below(&rng.rng, 3);
        if (cs_rng_below(&rng.rng, 4) == 0)
            len = cs_rng_below(&rng.rng, len + 1);
        for (size_t i = 0; i < changes && len > 0; i++)
            line[cs_rng_below(&rng.rng, len)] = bytes[cs_rng_below(&rng.rng, sizeof bytes - 1)];
        cs_str text = { line, len };
        if (!cs_delta_skim(text, TXN))
            continue;
        passed++;
        cs_arena arena = CS_ARENA_INIT;
        cs_json_doc *doc = NULL;
        cs_delta_action action;
        cs_error err = { 0 };
        if (cs_delta_action_parse(text, TXN, &arena, &doc, &action, &err) != CS_OK)
            fail_msg("%s: %.*s", err.message, (int)len, line);
        assert_int_equal(action.kind, CS_DELTA_OTHER);
        cs_json_free(doc);
        cs_arena_done(&arena);
    }
    assert_true(passed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_passed_over_only_when_it_is_whole_and_not_wanted),
        cmocka_unit_test(what_is_passed_over_is_what_the_parser_calls_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
