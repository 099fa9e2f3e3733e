/* Files that Spark read, through the decoder: every case whose options this version has, with each
 * parser and in several chunk sizes. A case that does not set escape ran with a backslash: it
 * counts here only if it holds no quote, so that no escape can matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/unit/worker/parse/golden_cell.h"
#include "worker/parse/decoder.h"

typedef enum verdict { AGREES, DIFFERS, TAGGED, LATER } verdict;

typedef struct golden_case {
    const cs_json *line;
    cs_arena arena;
    cs_job job;
    size_t row;  /* of the expected ones, the next */
    bool differs;
} golden_case;

static size_t from_base64(cs_str text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int n_bits = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
        const char *digit = strchr(digits, text.ptr[i]);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (char)(bits >> n_bits);
        }
    }
    return len;
}

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    (void)err;
    golden_case *run = ctx;
    const cs_json *expected = cs_json_get(run->line, "rows");
    for (size_t row = 0; row < rows->length; row++, run->row++) {
        const cs_json *cells = cs_json_at(expected, run->row);
        if (run->row >= cs_json_size(expected)) {
            run->differs = true;
            return CS_OK;
        }
        for (size_t i = 0; i < rows->schema->n_fields; i++)
            run->differs |= !golden_same_cell(&rows->columns[i], row, cs_json_at(cells, i));
    }
    return CS_OK;
}

static cs_code decode(golden_case *run, cs_str bytes, size_t chunk_bytes, cs_error *err)
{
    cs_decoder *decoder;
    cs_decode_input input = { .job = &run->job, .ctx = run, .rows = take_rows };
    CS_TRY(cs_decoder_open(&input, &decoder, err));
    cs_code code = CS_OK;
    size_t at = 0;
    do {
        size_t len = bytes.len - at < chunk_bytes ? bytes.len - at : chunk_bytes;
        char *chunk = calloc(1, len + CS_CHUNK_PADDING);
        memcpy(chunk, bytes.ptr + at, len);
        at += len;
        code = cs_decoder_feed(decoder, (cs_str){ chunk, len }, at == bytes.len, err);
        free(chunk);
    } while (code == CS_OK && at < bytes.len);
    cs_decoder_close(decoder);
    return code;
}

static void add_option(cs_option *items, size_t *n, cs_option_scope scope, cs_str key, cs_str value)
{
    items[(*n)++] = (cs_option){ scope, key, value, CS_STR("case") };
}

static cs_code parse_job(golden_case *run, cs_error *err)
{
    static const char *const fixed[][2] = {
        { "source-format", "csv" }, { "source-path", "/in" },
        { "sink-format", "delta" }, { "table-path", "/out" },
        { "checkpoint-location", "/chk" },
    };
    cs_option items[32];
    size_t n = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        add_option(items, &n, CS_SCOPE_JOB, cs_str_of(fixed[i][0]), cs_str_of(fixed[i][1]));
    add_option(items, &n, CS_SCOPE_JOB, CS_STR("schema"), golden_str(run->line, "schema"));
    cs_json_member member;
    for (bool more = cs_json_first(cs_json_get(run->line, "options"), &member); more;
         more = cs_json_next(cs_json_get(run->line, "options"), &member)) {
        cs_str value = { NULL, 0 };
        assert_true(cs_json_str(member.value, &value));
        add_option(items, &n, CS_SCOPE_READ, member.key, value);
    }
    return cs_job_parse(&(cs_options){ items, n }, &run->arena, &run->job, err);
}

static bool right_error(cs_str kind, cs_code code)
{
    if (cs_str_eq(kind, CS_STR("failfast")))
        return code == CS_E_MALFORMED_RECORD;
    /* maxColumns=0: refused before anything is read */
    if (cs_str_eq(kind, CS_STR("limit-columns")))
        return code == CS_E_LIMIT || code == CS_E_BAD_OPTION;
    if (cs_str_eq(kind, CS_STR("bad-option")))
        return code == CS_E_BAD_OPTION || code == CS_E_UNKNOWN_OPTION;
    return cs_str_eq(kind, CS_STR("bad-schema")) &&
           (code == CS_E_BAD_SCHEMA || code == CS_E_BAD_OPTION);
}

/* The case's files, in order of their names, decoded one after the other. */
static bool agrees(golden_case *run, size_t chunk_bytes)
{
    static char bytes[1 << 20];
    const cs_json *files = cs_json_get(run->line, "files");
    size_t n = files != NULL ? cs_json_size(files) : 1;
    cs_error err;
    cs_code code = CS_OK;
    run->row = 0;
    run->differs = false;
    for (size_t i = 0; i < n && code == CS_OK; i++) {
        cs_str input = golden_str(files != NULL ? cs_json_at(files, i) : run->line, "input");
        code = decode(run, (cs_str){ bytes, from_base64(input, bytes) }, chunk_bytes, &err);
    }
    cs_str kind = golden_str(run->line, "errorKind");
    if (code != CS_OK)
        return right_error(kind, code);
    size_t n_rows = cs_json_size(cs_json_get(run->line, "rows"));
    return kind.len == 0 && !run->differs && run->row == n_rows;
}

static bool holds_quote(const cs_json *line)
{
    static char bytes[1 << 20];
    const cs_json *files = cs_json_get(line, "files");
    size_t n = files != NULL ? cs_json_size(files) : 1;
    for (size_t i = 0; i < n; i++) {
        size_t len = from_base64(golden_str(files != NULL ? cs_json_at(files, i) : line, "input"),
                                 bytes);
        if (memchr(bytes, '"', len) != NULL)
            return true;
    }
    return false;
}

/* What is a matter of the source's listing or of compression, not of this folder. */
static bool is_of_the_source(const cs_json *line)
{
    const cs_json *files = cs_json_get(line, "files");
    for (size_t i = 0; i < cs_json_size(files); i++) {
        cs_str name = golden_str(cs_json_at(files, i), "file");
        if (memchr(name.ptr, '/', name.len) != NULL || name.ptr[0] == '.' || name.ptr[0] == '_' ||
            !cs_str_ends(name, CS_STR(".csv")))
            return true;
    }
    cs_str group = golden_str(line, "name");
    return cs_str_starts(group, CS_STR("files/"));
}

/* An option, or a value of one, that the spec has and this version does not. */
static bool is_refused_for_now(const cs_error *err)
{
    static const char *const texts[] = {
        "this version",
        "for now",
        "csv.quote: must be one character",
        "csv has no option 'compression'",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strstr(err->message, texts[i]) != NULL)
            return true;
    }
    return false;
}

static verdict judge(golden_case *run)
{
    static const size_t sizes[] = { 1, 7, 1 << 20 };
    const cs_json *options = cs_json_get(run->line, "options");
    cs_error err;
    if (cs_json_size(cs_json_get(run->line, "differs")) > 0)
        return TAGGED;
    if (is_of_the_source(run->line))
        return LATER;
    if (cs_json_get(options, "escape") == NULL && holds_quote(run->line))
        return LATER;
    cs_code code = parse_job(run, &err);
    if (code != CS_OK) {
        cs_str kind = golden_str(run->line, "errorKind");
        bool unknown_option = strstr(err.message, "this version") != NULL;
        if (is_refused_for_now(&err) && (kind.len == 0 || unknown_option))
            return LATER;
        if (right_error(kind, code))
            return AGREES;
        print_message("%.*s: %s\n", CS_STR_ARG(golden_str(run->line, "name")), err.message);
        return DIFFERS;
    }
    static const cs_csv_parser parsers[] = { CS_CSV_PARSER_EXACT, CS_CSV_PARSER_AUTO,
                                             CS_CSV_PARSER_LIBCSV };
    for (size_t p = 0; p < sizeof parsers / sizeof *parsers; p++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            run->job.csv.parser = parsers[p];
            if (!agrees(run, sizes[s])) {
                print_message("%.*s: differs (parser %d, chunks of %zu)\n",
                              CS_STR_ARG(golden_str(run->line, "name")), (int)parsers[p], sizes[s]);
                return DIFFERS;
            }
        }
    }
    return AGREES;
}

static void files_are_read_as_spark_reads_them(void **state)
{
    (void)state;
    size_t counts[4] = { 0 };
    golden_lines lines = golden_open("csv/tokenize.jsonl.gz");
    const cs_json *line;
    while ((line = golden_next(&lines)) != NULL) {
        golden_case run = { .line = line };
        counts[judge(&run)]++;
        cs_arena_done(&run.arena);
    }
    size_t cases = golden_close(&lines);
    print_message("golden csv/tokenize: %zu cases: %zu agree, %zu differ, %zu tagged differs (our "
                  "own rule is tested apart), %zu left for later options\n",
                  cases, counts[AGREES], counts[DIFFERS], counts[TAGGED], counts[LATER]);
    assert_int_equal(cases, 1464);
    assert_int_equal(counts[DIFFERS], 0);
    assert_true(counts[AGREES] >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(files_are_read_as_spark_reads_them) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
