/* The tokenizers agree, field by field, with raw texts and offsets: exact fed in one piece is the
 * measure; exact in odd chunks, libcsv and auto must give the same.
 *
 *   property_tokenizers_agree [COUNT [SEED]]
 *
 * Default: 1,000,000 inputs, seed from the clock; the seed is printed. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "worker/parse/tokenize.h"

#define INPUT_MAX 4096

typedef struct result {
    cs_buf text; /* one canonical text of all records */
} result;

typedef struct input {
    char bytes[INPUT_MAX];
    size_t len;
    cs_csv_options options;
    uint64_t offset;
} input;

static void make_input(cs_rng *rng, input *in);
static void run(cs_tokenizer *tokenizer, const input *in, cs_rng *chunks, result *out);
static void add_tokens(const cs_tokens *tokens, result *out);
static void show(const input *in);
static bool agree(const input *in, const char *who, const result *expected, const result *got);

int main(int argc, char **argv)
{
    uint64_t count = 1000000, seed = (uint64_t)cs_clock_wall_us(cs_clock_system());
    if ((argc > 1 && !cs_str_to_u64(cs_str_of(argv[1]), &count)) ||
        (argc > 2 && !cs_str_to_u64(cs_str_of(argv[2]), &seed)))
        return 2;
    printf("tokenizers_agree: %llu inputs, seed %llu\n", (unsigned long long)count,
           (unsigned long long)seed);
    cs_rng_seeded seeded;
    cs_rng_seeded_init(&seeded, seed);
    cs_rng *rng = &seeded.rng;
    result expected = { 0 }, got = { 0 };
    static input in;
    for (uint64_t i = 0; i < count; i++) {
        make_input(rng, &in);
        run(cs_tokenizer_new_exact(&in.options, in.offset), &in, NULL, &expected);
        run(cs_tokenizer_new_exact(&in.options, in.offset), &in, rng, &got);
        bool same = agree(&in, "exact in chunks", &expected, &got);
        run(cs_tokenizer_new_auto(&in.options, in.offset), &in, NULL, &got);
        same = agree(&in, "auto in one piece", &expected, &got) && same;
        run(cs_tokenizer_new_auto(&in.options, in.offset), &in, rng, &got);
        same = agree(&in, "auto in chunks", &expected, &got) && same;
        if (in.options.quote != CS_CSV_NO_CHAR) {
            run(cs_tokenizer_new_libcsv(&in.options, in.offset), &in, rng, &got);
            same = agree(&in, "libcsv", &expected, &got) && same;
        }
        if (!same) {
            printf("FAILED at input %llu; again: property_tokenizers_agree %llu %llu\n",
                   (unsigned long long)i, (unsigned long long)(i + 1), (unsigned long long)seed);
            return 1;
        }
    }
    cs_buf_done(&expected.text);
    cs_buf_done(&got.text);
    printf("tokenizers_agree: 0 differences\n");
    return 0;
}

static void make_input(cs_rng *rng, input *in)
{
    static const char *const alphabet[] = { "a", "\"", ",", " ", "\\", "\r", "\n", "\0", "\xc3\xa9",
                                            "\r\n" };
    static const char *const plain[] = { "a", "bb", "ccc", ",", ",", "\n", "\"x\"", ",\"x,y\",",
                                         ",\"\"\"z\",\n" };
    static const char seps[] = ",,,, \ta";
    in->options = (cs_csv_options){
        .sep = { &seps[cs_rng_below(rng, sizeof seps - 1)], 1 },
        .quote = cs_rng_below(rng, 16) == 0 ? CS_CSV_NO_CHAR : '"',
        .multi_line = cs_rng_below(rng, 2) == 0,
        .record_bytes_max = cs_rng_below(rng, 4) == 0 ? 1 + cs_rng_below(rng, 12) : 1000000,
        .columns_max = cs_rng_below(rng, 8) == 0 ? 1 + (uint32_t)cs_rng_below(rng, 3) : 20480,
    };
    in->options.escape = in->options.quote;
    in->offset = cs_rng_below(rng, 2) == 0 ? 0 : cs_rng_below(rng, 1u << 30);
    /* Mostly short ones of hard characters; some long enough for many words of the index. */
    bool is_long = cs_rng_below(rng, 64) == 0;
    bool is_plain = cs_rng_below(rng, is_long ? 2 : 16) == 0;
    size_t pieces = is_long ? 1 + cs_rng_below(rng, 1000) : cs_rng_below(rng, 24);
    in->len = 0;
    for (size_t i = 0; i < pieces; i++) {
        const char *piece = is_plain && cs_rng_below(rng, 100) != 0
                                ? plain[cs_rng_below(rng, sizeof plain / sizeof *plain)]
                                : alphabet[cs_rng_below(rng, sizeof alphabet / sizeof *alphabet)];
        size_t len = *piece == '\0' ? 1 : strlen(piece);
        memcpy(in->bytes + in->len, piece, len);
        in->len += len;
    }
}

/* chunks: draws their sizes; NULL: the whole input at once. Each chunk has memory of its own, to
 * its last byte. */
static void run(cs_tokenizer *tokenizer, const input *in, cs_rng *chunks, result *out)
{
    cs_buf_clear(&out->text);
    size_t at = 0;
    size_t most = in->len;
    if (chunks != NULL)
        most = 1 + cs_rng_below(chunks, cs_rng_below(chunks, 2) == 0 ? 3 : 200);
    bool last;
    do {
        size_t len = chunks == NULL ? in->len : cs_rng_below(chunks, most + 1);
        if (len > in->len - at)
            len = in->len - at;
        last = at + len == in->len && (chunks == NULL || cs_rng_below(chunks, 2) == 0);
        char *chunk = cs_xcalloc(1, len + CS_CHUNK_PADDING);
        memcpy(chunk, in->bytes + at, len);
        memset(chunk + len, "\n\",a"[at % 4], CS_CHUNK_PADDING);
        tokenizer->ops->feed(tokenizer, (cs_str){ chunk, len }, last);
        cs_tokens tokens;
        do {
            if (tokenizer->ops->next(tokenizer, &tokens, NULL) != CS_OK)
                abort();
            add_tokens(&tokens, out);
        } while (tokens.n_records > 0);
        free(chunk);
        at += len;
    } while (!last);
    cs_tokenizer_close(tokenizer);
}

static void add_tokens(const cs_tokens *tokens, result *out)
{
    for (size_t i = 0; i < tokens->n_records; i++) {
        const cs_record_token *record = &tokens->records[i];
        cs_buf_printf(&out->text, "@%llu%s raw %u:", (unsigned long long)record->offset,
                      record->too_long ? " too long" : "", record->raw_len);
        cs_buf_add(&out->text, record->raw, record->raw_len);
        for (size_t f = 0; f < record->n_fields; f++) {
            const cs_field_token *field = &tokens->fields[record->first_field + f];
            bool empty_quoted = field->len == 0 && field->quoted;
            cs_buf_printf(&out->text, " [%u%s:", field->len, empty_quoted ? "q" : "");
            cs_buf_add(&out->text, field->ptr, field->len);
            cs_buf_add_char(&out->text, ']');
            for (size_t b = 0; tokens->ascii && b < field->len; b++) {
                if ((unsigned char)field->ptr[b] >= 0x80)
                    abort();
            }
        }
        cs_buf_add_char(&out->text, ';');
    }
}

static bool agree(const input *in, const char *who, const result *expected, const result *got)
{
    if (cs_str_eq(cs_buf_str(&expected->text), cs_buf_str(&got->text)))
        return true;
    show(in);
    cs_buf text = CS_BUF_INIT;
    cs_buf_add_cstr(&text, "  exact: ");
    cs_buf_add_escaped(&text, cs_buf_str(&expected->text));
    cs_buf_printf(&text, "\n  %s: ", who);
    cs_buf_add_escaped(&text, cs_buf_str(&got->text));
    printf("%.*s\n", CS_STR_ARG(cs_buf_str(&text)));
    cs_buf_done(&text);
    return false;
}

static void show(const input *in)
{
    cs_buf text = CS_BUF_INIT;
    cs_buf_add_escaped(&text, (cs_str){ in->bytes, in->len });
    printf("input: %.*s\n", CS_STR_ARG(cs_buf_str(&text)));
    printf("  sep '%c' quote %d multiLine %d maxRecordBytes %llu maxColumns %u\n",
           in->options.sep.ptr[0], in->options.quote, in->options.multi_line,
           (unsigned long long)in->options.record_bytes_max, in->options.columns_max);
    cs_buf_done(&text);
}
