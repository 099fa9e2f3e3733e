#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/base/hash.h"
#include "common/data/schema.h"
#include "common/parquet/parquet_reader.h"
#include "common/store/store_mem.h"
#include "worker/encode/encoder.h"

typedef struct encode_world {
    cs_mem_disk *disk;
    cs_store *table;
    cs_arena arena;
    cs_schema schema;
    cs_encoder *encoder;
    cs_part part;
} encode_world;

static void set_up(encode_world *world)
{
    *world = (encode_world){ .disk = cs_mem_disk_new(cs_clock_system()) };
    assert_int_equal(cs_store_mem_open(world->disk, CS_STR("t"), true, &world->table, NULL), CS_OK);
    assert_int_equal(cs_schema_parse(CS_STR("a BIGINT, b STRING"), &world->arena, &world->schema,
                                     NULL), CS_OK);
    cs_encode_input input = {
        .table = world->table,
        .schema = &world->schema,
        .codec = CS_CODEC_ZSTD,
        .memory_bytes = 1 << 20,
        .name = CS_STR("x/p.parquet"),
        .clock = cs_clock_system(),
    };
    assert_int_equal(cs_encoder_open(&input, &world->encoder, NULL), CS_OK);
}

static void tear_down(encode_world *world)
{
    cs_encoder_close(world->encoder);
    cs_store_close(world->table);
    cs_mem_disk_free(world->disk);
    cs_arena_done(&world->arena);
}

static void write_rows(encode_world *world, int64_t n)
{
    cs_rows rows;
    assert_int_equal(cs_rows_init(&rows, &world->schema, NULL), CS_OK);
    for (int64_t i = 0; i < n; i++) {
        int64_t value = i * i;
        assert_int_equal(cs_column_add_fixed(&rows.columns[0], &value, NULL), CS_OK);
        assert_int_equal(i % 2 ? cs_column_add_null(&rows.columns[1], NULL)
                               : cs_column_add_str(&rows.columns[1], CS_STR("even"), NULL), CS_OK);
        rows.length++;
    }
    assert_int_equal(cs_encoder_write(world->encoder, &rows, NULL), CS_OK);
    cs_rows_done(&rows);
}

static bool part_exists(encode_world *world)
{
    cs_stat stat;
    return cs_store_stat(world->table, CS_STR("x/p.parquet"), &stat, NULL) == CS_OK;
}

static cs_code read_at(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    size_t got;
    CS_TRY(cs_file_read_at(ctx, offset, bytes, len, &got, err));
    return got == len ? CS_OK : CS_E_IO;
}

static void a_finished_part_is_what_it_says(void **state)
{
    (void)state;
    encode_world world;
    cs_buf bytes = CS_BUF_INIT;
    cs_file *file;
    set_up(&world);
    write_rows(&world, 1000);
    write_rows(&world, 234);
    assert_int_equal(cs_encoder_rows(world.encoder), 1234);
    assert_int_equal(cs_encoder_finish(world.encoder, &world.arena, &world.part, NULL), CS_OK);
    assert_int_equal(cs_store_read(world.table, world.part.path, 1 << 20, &bytes, NULL, NULL),
                     CS_OK);
    assert_int_equal(world.part.size_bytes, bytes.len);
    assert_int_equal(world.part.checksum, cs_hash64(bytes.ptr, bytes.len));
    assert_string_equal(world.part.stats_json.ptr,
                        "{\"numRecords\":1234,\"minValues\":{\"a\":0,\"b\":\"even\"},"
                        "\"maxValues\":{\"a\":998001,\"b\":\"even\"},\"nullCount\":{\"a\":0,\"b\":617}}");
    assert_int_equal(cs_store_open(world.table, world.part.path, &file, NULL), CS_OK);
    cs_parquet_input input = { file, read_at, world.part.size_bytes, world.part.path };
    assert_int_equal(cs_parquet_check(input, world.part.rows, NULL), CS_OK);
    cs_file_close(file);
    cs_buf_done(&bytes);
    tear_down(&world);
}

static void a_part_that_was_not_finished_is_removed(void **state)
{
    (void)state;
    encode_world world;
    set_up(&world);
    write_rows(&world, 10);
    assert_true(part_exists(&world));
    cs_encoder_close(world.encoder);
    world.encoder = NULL;
    assert_false(part_exists(&world));
    tear_down(&world);
}

static void without_rows_there_is_no_file(void **state)
{
    (void)state;
    encode_world world;
    set_up(&world);
    write_rows(&world, 0);
    assert_int_equal(cs_encoder_finish(world.encoder, &world.arena, &world.part, NULL), CS_OK);
    assert_int_equal(world.part.rows, 0);
    assert_false(part_exists(&world));
    tear_down(&world);
}

static void a_name_that_is_taken_is_not_overwritten(void **state)
{
    (void)state;
    encode_world world;
    cs_buf bytes = CS_BUF_INIT;
    cs_rows rows;
    cs_error err;
    set_up(&world);
    cs_mem_disk_put(world.disk, CS_STR("t/x/p.parquet"), CS_STR("somebody's"), 1);
    assert_int_equal(cs_rows_init(&rows, &world.schema, NULL), CS_OK);
    assert_int_equal(cs_column_add_null(&rows.columns[0], NULL), CS_OK);
    assert_int_equal(cs_column_add_null(&rows.columns[1], NULL), CS_OK);
    rows.length = 1;
    assert_int_equal(cs_encoder_write(world.encoder, &rows, &err), CS_E_EXISTS);
    cs_rows_done(&rows);
    cs_encoder_close(world.encoder);
    world.encoder = NULL;
    assert_int_equal(cs_store_read(world.table, CS_STR("x/p.parquet"), 100, &bytes, NULL, NULL),
                     CS_OK);
    assert_true(cs_str_eq(cs_buf_str(&bytes), CS_STR("somebody's")));
    cs_buf_done(&bytes);
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_part_is_what_it_says),
        cmocka_unit_test(a_part_that_was_not_finished_is_removed),
        cmocka_unit_test(without_rows_there_is_no_file),
        cmocka_unit_test(a_name_that_is_taken_is_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
