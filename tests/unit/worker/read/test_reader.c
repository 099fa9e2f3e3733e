#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/store/store_fault.h"
#include "common/store/store_mem.h"
#include "worker/read/reader.h"

#define MTIME 1700000000000000000

typedef struct read_world {
    cs_mem_disk *disk;
    cs_store *source;
    cs_error err;
} read_world;

/* Each look is a moment later: two changes never bear one ctime. */
static int64_t tick(cs_clock *clock)
{
    static int64_t now;
    (void)clock;
    return ++now;
}

static read_world new_world(void)
{
    static cs_clock clock = { tick, tick };
    read_world made = { .disk = cs_mem_disk_new(&clock) };
    cs_mem_disk_put(made.disk, CS_STR("in/other"), CS_STR("x"), MTIME);
    assert_int_equal(cs_store_mem_open(made.disk, CS_STR("in"), false, &made.source, NULL), CS_OK);
    return made;
}

static void done(read_world *world)
{
    cs_store_close(world->source);
    cs_mem_disk_free(world->disk);
}

static void put(read_world *world, cs_str bytes)
{
    cs_mem_disk_put(world->disk, CS_STR("in/a.csv"), bytes, MTIME);
}

static cs_split_range whole(size_t size)
{
    return (cs_split_range){ CS_STR("a.csv"), { size, MTIME }, 0, size, false };
}

/* All bytes of the split, and where they begin. */
static cs_code read_split(read_world *world, const cs_split_range *range, cs_buf *out,
                          uint64_t *begin)
{
    cs_reader *reader = NULL;
    CS_TRY(cs_reader_open(world->source, range, &reader, &world->err));
    bool last = false;
    cs_code code = CS_OK;
    cs_buf_clear(out);
    *begin = cs_reader_offset(reader);
    while (code == CS_OK && !last) {
        cs_str chunk;
        code = cs_reader_next(reader, &chunk, &last, &world->err);
        if (code != CS_OK)
            break;
        for (size_t i = 0; i < CS_CHUNK_PADDING; i++)
            /* readable: a sanitizer would tell */
            (void)((const volatile char *)chunk.ptr)[chunk.len + i];
        cs_buf_add_str(out, chunk);
    }
    if (code == CS_OK)
        code = cs_reader_verify(reader, &world->err);
    cs_reader_close(reader);
    return code;
}

/* The rule as performance.md §3.1 states it. */
static bool starts_record(cs_str text, size_t x)
{
    if (x == 0 || text.ptr[x - 1] == '\n')
        return true;
    return text.ptr[x - 1] == '\r' && (x == text.len || text.ptr[x] != '\n');
}

static size_t first_start(cs_str text, size_t from)
{
    while (from < text.len && !starts_record(text, from))
        from++;
    return from;
}

static void splits_take_each_record_once_wherever_they_are_cut(void **state)
{
    (void)state;
    read_world world = new_world();
    cs_buf got = CS_BUF_INIT;
    const uint64_t seed = 11;
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 300; round++) {
        char bytes[24];
        cs_str text = { bytes, cs_rng_below(&rng.rng, sizeof bytes) };
        for (size_t i = 0; i < text.len; i++)
            bytes[i] = "ab\n\r"[cs_rng_below(&rng.rng, 4)];
        put(&world, text);
        for (size_t a = 0; a <= text.len; a++) {
            for (size_t b = a; b <= text.len; b++) {
                cs_split_range range = { CS_STR("a.csv"), { text.len, MTIME }, a, b, true };
                uint64_t begin;
                assert_int_equal(read_split(&world, &range, &got, &begin), CS_OK);
                size_t from = first_start(text, a), to = first_start(text, b);
                if (from >= b || a == b) { /* no record starts here */
                    assert_int_equal(got.len, 0);
                    continue;
                }
                assert_int_equal(begin, from);
                assert_int_equal(got.len, to - from);
                assert_memory_equal(got.ptr, bytes + from, to - from);
            }
        }
    }
    cs_buf_done(&got);
    done(&world);
}

static void large_files_come_whole_in_blocks_and_in_splits(void **state)
{
    (void)state;
    enum { SIZE = 3 * CS_READ_BLOCK_BYTES + 17 };
    read_world world = new_world();
    char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 26);
    for (size_t i = 1; i <= 3; i++) /* a CRLF over each block's edge; lines as long as blocks */
        memcpy(bytes + i * CS_READ_BLOCK_BYTES - 1, "\r\n", 2);
    cs_str text = { bytes, SIZE };
    put(&world, text);
    cs_buf got = CS_BUF_INIT, all = CS_BUF_INIT;
    uint64_t begin;
    cs_split_range range = whole(SIZE);
    assert_int_equal(read_split(&world, &range, &got, &begin), CS_OK);
    assert_int_equal(got.len, SIZE);
    assert_memory_equal(got.ptr, bytes, SIZE);
    range.by_records = true;
    for (uint64_t cut = 0; cut < SIZE; cut += 100000) {
        range.begin = cut;
        range.end = cut + 100000 < SIZE ? cut + 100000 : SIZE;
        assert_int_equal(read_split(&world, &range, &got, &begin), CS_OK);
        assert_true(got.len == 0 || starts_record(text, begin));
        cs_buf_add_str(&all, cs_buf_str(&got));
    }
    assert_int_equal(all.len, SIZE);
    assert_memory_equal(all.ptr, bytes, SIZE);
    cs_buf_done(&got);
    cs_buf_done(&all);
    free(bytes);
    done(&world);
}

static void an_empty_file_gives_one_empty_last_chunk(void **state)
{
    (void)state;
    read_world world = new_world();
    cs_buf got = CS_BUF_INIT;
    uint64_t begin;
    put(&world, CS_STR(""));
    cs_split_range range = whole(0);
    assert_int_equal(read_split(&world, &range, &got, &begin), CS_OK);
    assert_int_equal(got.len, 0);
    cs_buf_done(&got);
    done(&world);
}

static void a_file_that_is_not_the_planned_one_is_refused_with_numbers(void **state)
{
    (void)state;
    read_world world = new_world();
    cs_reader *reader;
    put(&world, CS_STR("abc\n"));
    cs_split_range range = whole(9);
    assert_int_equal(cs_reader_open(world.source, &range, &reader, &world.err),
                     CS_E_SOURCE_CHANGED);
    assert_string_equal(world.err.message,
                        "source file a.csv changed since it was planned: size in bytes was 9, is 4");
    assert_non_null(strstr(world.err.hint, "--replan"));
    assert_false(world.err.retriable);
    range = whole(4);
    range.version.mtime_ns++;
    assert_int_equal(cs_reader_open(world.source, &range, &reader, &world.err),
                     CS_E_SOURCE_CHANGED);
    assert_non_null(strstr(world.err.message,
                           "mtime in ns was 1700000000000000001, is 1700000000000000000"));
    range.path = CS_STR("gone\n.csv");
    assert_int_equal(cs_reader_open(world.source, &range, &reader, &world.err), CS_E_MISSING_FILE);
    assert_true(world.err.retriable);
    assert_non_null(strstr(world.err.message, "gone\\x0a.csv"));
    done(&world);
}

static void a_file_that_changes_while_it_is_read_is_noticed_at_the_end(void **state)
{
    (void)state;
    for (int change = 0; change < 3; change++) {
        read_world world = new_world();
        cs_reader *reader;
        cs_str chunk;
        bool last;
        put(&world, CS_STR("abc\n"));
        cs_split_range range = whole(4);
        assert_int_equal(cs_reader_open(world.source, &range, &reader, &world.err), CS_OK);
        assert_int_equal(cs_reader_next(reader, &chunk, &last, &world.err), CS_OK);
        assert_true(last);
        assert_int_equal(cs_reader_verify(reader, &world.err), CS_OK);
        if (change == 0)
            cs_mem_disk_put(world.disk, CS_STR("in/a.csv"), CS_STR("abc\nd\n"), MTIME);
        else if (change == 1)
            cs_mem_disk_put(world.disk, CS_STR("in/a.csv"), CS_STR("abd\n"), MTIME + 1);
        else
            /* only its ctime tells */
            cs_mem_disk_put(world.disk, CS_STR("in/a.csv"), CS_STR("abd\n"), MTIME);
        assert_int_equal(cs_reader_verify(reader, &world.err), CS_E_SOURCE_CHANGED);
        cs_reader_close(reader);
        done(&world);
    }
}

static void a_file_cut_short_while_it_is_read_is_an_error_at_once(void **state)
{
    (void)state;
    enum { SIZE = 2 * CS_READ_BLOCK_BYTES };
    read_world world = new_world();
    char *bytes = calloc(1, SIZE);
    cs_reader *reader;
    cs_str chunk;
    bool last;
    put(&world, (cs_str){ bytes, SIZE });
    cs_split_range range = whole(SIZE);
    assert_int_equal(cs_reader_open(world.source, &range, &reader, &world.err), CS_OK);
    assert_int_equal(cs_reader_next(reader, &chunk, &last, &world.err), CS_OK);
    assert_false(last);
    put(&world, (cs_str){ bytes, SIZE - 100 });
    assert_int_equal(cs_reader_next(reader, &chunk, &last, &world.err), CS_E_SOURCE_CHANGED);
    cs_reader_close(reader);
    free(bytes);
    done(&world);
}

static void errors_of_the_disk_are_passed_on(void **state)
{
    (void)state;
    read_world world = new_world();
    put(&world, CS_STR("abc\n"));
    world.source = cs_store_fault_new(world.source);
    cs_buf got = CS_BUF_INIT;
    uint64_t begin;
    cs_split_range range = whole(4);
    for (uint64_t nth = 1;; nth++) {
        cs_store_fault_rule rule = { CS_STORE_OP_ANY, nth, false, false, EIO };
        cs_store_fault_set(world.source, rule);
        cs_code code = read_split(&world, &range, &got, &begin);
        if (cs_store_fault_passed(world.source, CS_STORE_OP_ANY) < nth)
            break;
        assert_int_equal(code, CS_E_IO);
    }
    cs_buf_done(&got);
    done(&world);
}

static void lines_and_columns_are_those_of_the_file(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, line, column;
    } places[] = { { 0, 1, 1 },  { 2, 1, 3 },  { 3, 2, 1 },  { 5, 2, 3 }, { 7, 3, 1 },
                   { 8, 4, 1 },  { 10, 5, 1 }, { 11, 6, 1 }, { 13, 6, 3 } };
    read_world world = new_world();
    put(&world, CS_STR("ab\ncd\r\n\ne\r\rfgh"));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint64_t line, column;
        assert_int_equal(cs_reader_line_of(world.source, CS_STR("a.csv"), places[i].offset,
                                           &line, &column, NULL), CS_OK);
        assert_int_equal(line, places[i].line);
        assert_int_equal(column, places[i].column);
    }
    done(&world);
}

static void lines_are_counted_over_the_edges_of_blocks(void **state)
{
    (void)state;
    enum { SIZE = 2 * CS_READ_BLOCK_BYTES + 3 };
    read_world world = new_world();
    char *bytes = malloc(SIZE);
    memset(bytes, 'a', SIZE);
    memcpy(bytes + CS_READ_BLOCK_BYTES - 1, "\r\n", 2);
    put(&world, (cs_str){ bytes, SIZE });
    uint64_t line, column;
    assert_int_equal(cs_reader_line_of(world.source, CS_STR("a.csv"), SIZE - 1, &line, &column,
                                       NULL), CS_OK);
    assert_int_equal(line, 2);
    assert_int_equal(column, CS_READ_BLOCK_BYTES + 2);
    free(bytes);
    done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_take_each_record_once_wherever_they_are_cut),
        cmocka_unit_test(large_files_come_whole_in_blocks_and_in_splits),
        cmocka_unit_test(an_empty_file_gives_one_empty_last_chunk),
        cmocka_unit_test(a_file_that_is_not_the_planned_one_is_refused_with_numbers),
        cmocka_unit_test(a_file_that_changes_while_it_is_read_is_noticed_at_the_end),
        cmocka_unit_test(a_file_cut_short_while_it_is_read_is_an_error_at_once),
        cmocka_unit_test(errors_of_the_disk_are_passed_on),
        cmocka_unit_test(lines_and_columns_are_those_of_the_file),
        cmocka_unit_test(lines_are_counted_over_the_edges_of_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
