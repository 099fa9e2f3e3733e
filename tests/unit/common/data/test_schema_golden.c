/* Schema texts against what Spark 4.2.0 made of them (tests/golden/csv/README.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/data/schema.h"
#include "tests/unit/golden_lines.h"

typedef struct golden_tally {
    unsigned agree, wrong, refused_type, differs;
} golden_tally;

static bool same_json(const cs_json *a, const cs_json *b)
{
    cs_str x, y;
    cs_json_member member;
    if (cs_json_number(a, &x))
        return cs_json_number(b, &y) && strtod(x.ptr, NULL) == strtod(y.ptr, NULL);
    if (cs_json_str(a, &x))
        return cs_json_str(b, &y) && cs_str_eq(x, y);
    if (cs_json_is_array(a) || cs_json_is_object(a)) {
        if (cs_json_is_array(a) != cs_json_is_array(b) || cs_json_size(a) != cs_json_size(b))
            return false;
        for (size_t i = 0; cs_json_is_array(a) && i < cs_json_size(a); i++)
            if (!same_json(cs_json_at(a, i), cs_json_at(b, i)))
                return false;
        for (bool more = cs_json_is_object(a) && cs_json_first(a, &member); more; more = cs_json_next(a, &member)) {
            char key[256];
            snprintf(key, sizeof key, "%.*s", CS_STR_ARG(member.key));
            if (!same_json(member.value, cs_json_get(b, key)))
                return false;
        }
        return true;
    }
    bool p = false, q = false;
    return cs_json_bool(a, &p) == cs_json_bool(b, &q) && p == q && cs_json_is_null(a) == cs_json_is_null(b);
}

static bool prints_as(const cs_schema *schema, const cs_json *expected)
{
    cs_buf text = CS_BUF_INIT;
    cs_json_doc *doc = NULL;
    cs_schema_print_json(schema, &text);
    assert_int_equal(cs_json_parse(cs_buf_str(&text), &doc, NULL), CS_OK);
    bool same = same_json(expected, cs_json_root(doc));
    cs_json_free(doc);
    cs_buf_done(&text);
    return same;
}

/* Printed as DDL and read again it is the same schema, but for what DDL cannot say: elements that
 * may not be null, metadata other than the comment. */
static bool survives_ddl(const cs_schema *schema, cs_arena *arena)
{
    cs_buf text = CS_BUF_INIT;
    cs_schema again = { 0 };
    cs_error err = { 0 };
    cs_schema_print_ddl(schema, &text);
    bool same = schema->n_fields == 0 || cs_schema_parse_ddl(cs_buf_str(&text), arena, &again, &err) == CS_OK;
    cs_type a = { .kind = CS_TYPE_STRUCT, .fields = schema->fields, .n_fields = schema->n_fields };
    cs_type b = { .kind = CS_TYPE_STRUCT, .fields = again.fields, .n_fields = again.n_fields };
    same = same && cs_type_eq(&a, &b);
    for (size_t i = 0; same && i < schema->n_fields; i++)
        same = schema->fields[i].nullable == again.fields[i].nullable &&
               cs_str_eq(schema->fields[i].metadata, again.fields[i].metadata);
    if (!same)
        print_message("printed as %.*s: %s\n", CS_STR_ARG(cs_buf_str(&text)), err.message);
    cs_buf_done(&text);
    return same;
}

static bool all_flat(const cs_schema *schema)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (!cs_type_is_flat(schema->fields[i].type))
            return false;
    return true;
}

/* What opening a CSV source with the schema gave in Spark. A schema of nothing but the corrupt
 * column is refused there by the query, not by the schema. */
static bool agrees_as_source(const cs_schema *schema, cs_str csv)
{
    cs_error err = { 0 };
    if (cs_str_eq(csv, CS_STR("COLUMN_ALREADY_EXISTS")))
        return cs_schema_check_table(schema, &err) == CS_E_BAD_SCHEMA && strstr(err.message, "same name") != NULL;
    if (cs_str_eq(csv, CS_STR("ok")) || cs_str_starts(csv, CS_STR("UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT")))
        return all_flat(schema);
    return !all_flat(schema);
}

static void judge(golden_tally *tally, const cs_json *line, const char *key, cs_schema *schema, cs_code code,
                  const cs_error *err, cs_arena *arena)
{
    const cs_json *expected = cs_json_get(line, "json");
    cs_str csv = golden_str(line, "csv");
    bool good;
    if (cs_json_get(line, "differs") != NULL) {
        tally->differs++;
        return;
    }
    if (code != CS_OK && (code != CS_E_BAD_SCHEMA || strncmp(err->place, "schema:", 7) != 0)) {
        good = false;
    } else if (code != CS_OK && expected != NULL) {
        /* Types that no source of cstream takes are refused while parsing, by name. */
        good = strstr(err->message, "does not have Spark's") != NULL && !cs_str_eq(csv, CS_STR("ok"));
        tally->refused_type += good;
        if (good)
            return;
        /* In the JSON form a type may stand alone; a table's schema may not. */
        good = cs_json_is_string(expected);
    } else {
        good = expected == NULL ? code != CS_OK : prints_as(schema, expected) && survives_ddl(schema, arena);
        if (good && code == CS_OK && csv.len > 0)
            good = agrees_as_source(schema, csv);
    }
    tally->agree += good;
    tally->wrong += !good;
    if (!good) {
        cs_str text = golden_str(line, key);
        print_message("%.*s: %s (%s)\n", CS_STR_ARG(text), code == CS_OK ? "taken" : err->message, err->place);
    }
}

static void run(const char *file, const char *key, cs_code (*parse)(cs_str, cs_arena *, cs_schema *, cs_error *))
{
    golden_lines lines = golden_open(file);
    golden_tally tally = { 0 };
    for (const cs_json *line; (line = golden_next(&lines)) != NULL;) {
        cs_arena arena = CS_ARENA_INIT;
        cs_schema schema = { 0 };
        cs_error err = { 0 };
        cs_code code = parse(golden_str(line, key), &arena, &schema, &err);
        judge(&tally, line, key, &schema, code, &err, &arena);
        cs_arena_done(&arena);
    }
    size_t count = golden_close(&lines);
    print_message("%s: %u of %zu agree, %u refused by the type's name, %u differ on purpose\n", file, tally.agree,
                  count, tally.refused_type, tally.differs);
    assert_int_equal(tally.agree + tally.refused_type + tally.differs, count);
    assert_int_equal(tally.wrong, 0);
    assert_true(count > 0);
}

static void ddl_means_what_it_means_to_spark(void **state)
{
    (void)state;
    run("csv/schema_ddl.jsonl.gz", "ddl", cs_schema_parse_ddl);
}

static void json_means_what_it_means_to_spark(void **state)
{
    (void)state;
    run("csv/schema_json.jsonl.gz", "text", cs_schema_parse_json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ddl_means_what_it_means_to_spark),
        cmocka_unit_test(json_means_what_it_means_to_spark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
