/* What the stages of a worker cost, apart from one another, on one core.
 *
 *   bench_decode gen ecom|narrow|quot ROWS > FILE
 *                                 the data sets of spec performance.md §1, from a fixed seed
 *   bench_decode FILE ecom|narrow|quot|corrupt [STAGE [PARSER [ROUNDS]]]
 *
 * STAGE: read, tokens, decode or encode (each with those before it; default encode); PARSER: auto,
 * libcsv or exact. Under `valgrind --tool=callgrind` on a file of some MB it gives instructions per
 * byte. corrupt: narrow with the column of corrupt records. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/conf/job.h"
#include "worker/encode/encoder.h"
#include "worker/parse/decoder.h"
#include "worker/parse/tokenize.h"
#include "worker/read/reader.h"

typedef enum stage { STAGE_READ, STAGE_TOKENS, STAGE_DECODE, STAGE_ENCODE } stage;

static const char *const schemas[][2] = {
    { "ecom", "event_time TIMESTAMP, event_type STRING, product_id BIGINT, category_id BIGINT, "
              "category_code STRING, brand STRING, price DOUBLE, user_id BIGINT, "
              "user_session STRING" },
    { "narrow", "id BIGINT, name STRING, amount DECIMAL(10,2)" },
    { "corrupt", "id BIGINT, name STRING, _corrupt_record STRING, amount DECIMAL(10,2)" },
    { "quot", "id BIGINT, title STRING, body STRING, stars INT" },
};

static void check(cs_code code, const cs_error *err)
{
    if (code == CS_OK)
        return;
    fprintf(stderr, "bench_decode: %s\n", err->message);
    exit(1);
}

/* --- data --- */

static void gen_ecom(cs_rng *rng, uint64_t i)
{
    static const char *const types[] = { "view", "view",     "view",
                                         "cart", "purchase", "remove_from_cart" };
    static uint64_t session[2], user;
    if (i % 5 == 0) {
        session[0] = cs_rng_u64(rng);
        session[1] = cs_rng_u64(rng);
        user = 500000000 + cs_rng_below(rng, 80000000);
    }
    uint64_t second = i / 40, category = cs_rng_below(rng, 10), brand = cs_rng_below(rng, 100);
    printf("2019-10-%02d %02d:%02d:%02d UTC,", (int)(1 + second / 86400 % 30),
           (int)(second / 3600 % 24), (int)(second / 60 % 60), (int)(second % 60));
    printf("%s,%" PRIu64 ",%" PRIu64 ",", types[cs_rng_below(rng, 6)],
           1000000 + cs_rng_below(rng, 99000000),
           2053013552326770905u + cs_rng_below(rng, 600));
    if (category >= 3)
        printf("electronics%d.audio%d", (int)cs_rng_below(rng, 13), (int)cs_rng_below(rng, 10));
    putchar(',');
    if (brand >= 15)
        printf("brand%d", (int)cs_rng_below(rng, 3000));
    printf(",%.2f,%" PRIu64 ",", (double)cs_rng_below(rng, 100000) / 100, user);
    printf("%08x-%04x-%04x-%04x-%012" PRIx64 "\n", (unsigned)(session[0] >> 32),
           (unsigned)(session[0] >> 16 & 0xffff), (unsigned)(session[0] & 0xffff),
           (unsigned)(session[1] >> 48), session[1] & 0xffffffffffff);
}

static void gen_narrow(cs_rng *rng, uint64_t i)
{
    printf("%" PRIu64 ",name %" PRIu64 ",%.2f\n", i, cs_rng_below(rng, 100000),
           (double)cs_rng_below(rng, 100000000) / 100);
}

static void gen_quot(cs_rng *rng, uint64_t i)
{
    printf("%" PRIu64 ",\"A title, number %" PRIu64 "\",\"", i, cs_rng_below(rng, 1000));
    for (uint64_t n = 2 + cs_rng_below(rng, 8); n > 0; n--)
        printf("%s", cs_rng_below(rng, 3) == 0
                         ? "He said \"\"this is, all in all, fine\"\" and went on.\n"
                         : "Some words that make up a line of a review of a thing\n");
    printf("\",%d\n", (int)cs_rng_below(rng, 6));
}

static int generate(const char *name, const char *rows)
{
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, 42);
    uint64_t count = strtoull(rows, NULL, 10);
    void (*row)(cs_rng *, uint64_t) = *name == 'e'   ? gen_ecom
                                      : *name == 'n' ? gen_narrow
                                                     : gen_quot;
    for (uint64_t i = 0; i < count; i++)
        row(&rng.rng, i);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* --- runs --- */

typedef struct bench {
    cs_arena arena;
    cs_job job;
    stage last_stage;
    cs_store *source, *table;
    cs_split_range range;
    cs_encoder *encoder;
    uint64_t rows, bytes, fields;
} bench;

static cs_code take_rows(void *ctx, const cs_rows *rows, cs_error *err)
{
    bench *run = ctx;
    run->rows += rows->length;
    return run->last_stage == STAGE_ENCODE ? cs_encoder_write(run->encoder, rows, err) : CS_OK;
}

static void run_tokens(bench *run, cs_tokenizer *tokenizer, cs_str chunk, bool last)
{
    cs_error err;
    cs_tokens tokens;
    tokenizer->ops->feed(tokenizer, chunk, last);
    do {
        check(tokenizer->ops->next(tokenizer, &tokens, &err), &err);
        run->rows += tokens.n_records;
        run->fields += tokens.n_fields;
    } while (tokens.n_records > 0);
}

static void run_once(bench *run)
{
    cs_error err;
    cs_reader *reader;
    cs_decoder *decoder = NULL;
    cs_tokenizer *tokenizer = NULL;
    cs_decode_input input = { .job = &run->job, .ctx = run, .rows = take_rows };
    cs_part part = { 0 };
    cs_encode_input encode = {
        .table = run->table,
        .schema = &run->job.schema,
        .codec = CS_CODEC_SNAPPY,
        .memory_bytes = CS_ROW_GROUP_BUDGET_BYTES,
        .name = CS_STR("bench_decode.parquet"),
        .clock = cs_clock_system(),
    };
    run->rows = run->bytes = run->fields = 0;
    check(cs_reader_open(run->source, &run->range, &reader, &err), &err);
    check(cs_decoder_open(&input, &decoder, &err), &err);
    check(cs_tokenizer_open(&run->job.csv, 0, &tokenizer, &err), &err);
    if (run->last_stage == STAGE_ENCODE)
        check(cs_encoder_open(&encode, &run->encoder, &err), &err);
    bool last = false;
    while (!last) {
        cs_str chunk;
        check(cs_reader_next(reader, &chunk, &last, &err), &err);
        run->bytes += chunk.len;
        if (run->last_stage == STAGE_TOKENS)
            run_tokens(run, tokenizer, chunk, last);
        else if (run->last_stage > STAGE_TOKENS)
            check(cs_decoder_feed(decoder, chunk, last, &err), &err);
    }
    if (run->last_stage == STAGE_ENCODE) {
        check(cs_encoder_finish(run->encoder, &run->arena, &part, &err), &err);
        cs_encoder_close(run->encoder);
        check(cs_store_remove(run->table, part.path, &err), &err);
    }
    cs_tokenizer_close(tokenizer);
    cs_decoder_close(decoder);
    cs_reader_close(reader);
}

static void prepare(bench *run, const char *path, const char *name, const char *parser)
{
    const char *schema = NULL;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        schema = strcmp(schemas[i][0], name) == 0 ? schemas[i][1] : schema;
    const char *slash = strrchr(path, '/');
    if (schema == NULL || slash == NULL || slash == path) {
        fprintf(stderr,
                "bench_decode: FILE must have a folder, and the name be one of ecom narrow quot\n");
        exit(2);
    }
    cs_str folder = cs_arena_str(&run->arena, (cs_str){ path, (size_t)(slash - path) });
    cs_error err;
    run->job = (cs_job){
        .source_format = CS_STR("csv"),
        .csv = {
            .sep = CS_STR(","),
            .quote = '"',
            .escape = '"',
            .multi_line = *name == 'q',
            .corrupt_column = CS_STR("_corrupt_record"),
            .record_bytes_max = CS_RECORD_BYTES_MAX_DEFAULT,
            .columns_max = CS_COLUMNS_MAX,
            .parser = *parser == 'a'   ? CS_CSV_PARSER_AUTO
                      : *parser == 'l' ? CS_CSV_PARSER_LIBCSV
                                       : CS_CSV_PARSER_EXACT,
        },
    };
    check(cs_schema_parse(cs_str_of(schema), &run->arena, &run->job.schema, &err), &err);
    check(cs_store_posix_open(folder.ptr, false, &run->source, &err), &err);
    check(cs_store_posix_open(folder.ptr, false, &run->table, &err), &err);
    cs_stat stat;
    run->range.path = cs_str_of(slash + 1);
    check(cs_store_stat(run->source, run->range.path, &stat, &err), &err);
    run->range.version = (cs_content_version){ stat.size_bytes, stat.mtime_ns };
    run->range.end = stat.size_bytes;
}

int main(int argc, char **argv)
{
    static const char *const stages[] = { "read", "tokens", "decode", "encode" };
    if (argc == 4 && strcmp(argv[1], "gen") == 0)
        return generate(argv[2], argv[3]);
    if (argc < 3) {
        fprintf(stderr, "usage: bench_decode FILE ecom|narrow|quot [STAGE [PARSER [ROUNDS]]]\n");
        return 2;
    }
    bench run = { .last_stage = STAGE_ENCODE };
    for (size_t i = 0; argc > 3 && i < sizeof stages / sizeof *stages; i++)
        run.last_stage = strcmp(stages[i], argv[3]) == 0 ? (stage)i : run.last_stage;
    prepare(&run, argv[1], argv[2], argc > 4 ? argv[4] : "auto");
    int rounds = argc > 5 ? atoi(argv[5]) : 1;
    for (int round = 0; round < rounds; round++) {
        int64_t before = cs_clock_wall_us(cs_clock_system());
        run_once(&run);
        int64_t us = cs_clock_wall_us(cs_clock_system()) - before;
        printf("%s %s: %" PRIu64 " rows, %" PRIu64 " bytes, %" PRId64 " us, %.1f MB/s\n", argv[2],
               stages[run.last_stage], run.rows, run.bytes, us, (double)run.bytes / (double)us);
    }
    cs_store_close(run.source);
    cs_store_close(run.table);
    cs_arena_done(&run.arena);
    return 0;
}
