/* Tasks on the simulator's disk: what they leave in the table, and what they say when something is
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/limits.h"
#include "common/conf/job.h"
#include "common/data/value.h"
#include "common/parquet/parquet_reader.h"
#include "common/store/store_fault.h"
#include "common/store/store_mem.h"
#include "common/wire/message.h"
#include "worker/task.h"

#define MTIME 1700000000000000000

typedef struct task_world {
    cs_mem_disk *disk;
    cs_task_doors doors;
    cs_task_control control;
    cs_rng_seeded rng;
    cs_arena arena;
    cs_store_fault_rule table_rule;
    cs_task_outcome outcome;
    cs_error err;
} task_world;

static cs_code open_store(void *ctx, cs_str root, bool may_create, cs_store **out, cs_error *err)
{
    task_world *world = ctx;
    CS_TRY(cs_store_mem_open(world->disk, (cs_str){ root.ptr + 1, root.len - 1 }, may_create, out,
                             err));
    if (may_create) {
        *out = cs_store_fault_new(*out);
        cs_store_fault_set(*out, world->table_rule);
    }
    return CS_OK;
}

static void set_up(task_world *world)
{
    *world = (task_world){ .disk = cs_mem_disk_new(cs_clock_system()) };
    cs_rng_seeded_init(&world->rng, 5);
    world->doors = (cs_task_doors){ cs_clock_system(), &world->rng.rng, open_store, world };
}

static void tear_down(task_world *world)
{
    cs_arena_done(&world->arena);
    cs_mem_disk_free(world->disk);
}

static void put(task_world *world, const char *name, const char *bytes)
{
    cs_mem_disk_put(world->disk, cs_str_of(cs_arena_printf(&world->arena, "in/%s", name)),
                    cs_str_of(bytes), MTIME);
}

#define SCHEMA "id INT, name STRING, amount DECIMAL(10,2), _corrupt_record STRING"
#define WRITE_SCHEMA                                                                               \
    "{\"type\":\"struct\",\"fields\":["                                                            \
    "{\"name\":\"amount\",\"type\":\"decimal(10,2)\",\"nullable\":true,\"metadata\":{}},"          \
    "{\"name\":\"ID\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}},"                    \
    "{\"name\":\"name\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"

static ProtobufCBinaryData options_text(task_world *world, const char *mode)
{
    const cs_option items[] = {
        { CS_SCOPE_JOB, CS_STR("source-format"), CS_STR("csv"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("source-path"), CS_STR("/in"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("sink-format"), CS_STR("delta"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("table-path"), CS_STR("/table"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("checkpoint-location"), CS_STR("/chk"), { 0 } },
        { CS_SCOPE_JOB, CS_STR("schema"), CS_STR(SCHEMA), { 0 } },
        { CS_SCOPE_READ, CS_STR("header"), CS_STR("true"), { 0 } },
        { CS_SCOPE_READ, CS_STR("mode"), cs_str_of(mode), { 0 } },
    };
    cs_buf text = CS_BUF_INIT;
    cs_options_print(&(cs_options){ items, sizeof items / sizeof *items }, &text);
    cs_str copy = cs_arena_str(&world->arena, cs_buf_str(&text));
    cs_buf_done(&text);
    return cs_wire_bytes(copy);
}

/* One split a name, the whole file; `bytes` are its planned content. */
static Cs__Task *new_task(task_world *world, const char *mode, size_t n,
                          const char *const files[][2])
{
    cs_arena *arena = &world->arena;
    Cs__Task *task = cs_arena_new(arena, Cs__Task);
    cs__task__init(task);
    cs_task_key key = { .epoch = 3, .batch = 12, .digest8 = 77, .task = 4, .attempt = 1 };
    memset(key.stream.bytes, 0xab, sizeof key.stream.bytes);
    task->key = cs_wire_key(&key, arena);
    task->work_case = CS__TASK__WORK_PARSE;
    task->parse = cs_arena_new(arena, Cs__ParseWork);
    cs__parse_work__init(task->parse);
    task->parse->options = options_text(world, mode);
    task->parse->write_schema = cs_wire_bytes(CS_STR(WRITE_SCHEMA));
    task->parse->table_root = cs_wire_bytes(CS_STR("/table"));
    task->parse->codec = CS_CODEC_SNAPPY;
    task->parse->memory_bytes = 8 << 20;
    task->parse->n_splits = n;
    task->parse->splits = cs_arena_array(arena, Cs__Split *, n);
    for (size_t i = 0; i < n; i++) {
        Cs__Split *split = task->parse->splits[i] = cs_arena_new(arena, Cs__Split);
        cs__split__init(split);
        split->range_case = CS__SPLIT__RANGE_FILE;
        split->file = cs_arena_new(arena, Cs__FileSplit);
        cs__file_split__init(split->file);
        split->file->path = cs_wire_bytes(cs_str_of(files[i][0]));
        split->file->size_bytes = split->file->end = strlen(files[i][1]);
        split->file->mtime_ns = MTIME;
        put(world, files[i][0], files[i][1]);
    }
    return task;
}

static cs_code run(task_world *world, const Cs__Task *task)
{
    return cs_task_run(task, &world->doors, &world->control, &world->arena, &world->outcome,
                       &world->err);
}

static cs_code count_entry(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)entry;
    (void)err;
    ++*(size_t *)ctx;
    return CS_OK;
}

static size_t files_in_table(task_world *world)
{
    cs_store *table;
    size_t n = 0;
    if (cs_store_mem_open(world->disk, CS_STR("table"), true, &table, NULL) != CS_OK)
        return 0;
    cs_code code = cs_store_list(table, CS_STR(""), count_entry, &n, NULL);
    assert_true(code == CS_OK || (code == CS_E_NOT_FOUND && n == 0));
    cs_store_close(table);
    return n;
}

static cs_code read_part_at(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_buf *part = ctx;
    (void)err;
    if (offset + len > part->len)
        return CS_E_IO;
    memcpy(bytes, part->ptr + offset, len);
    return CS_OK;
}

static void read_part(task_world *world, cs_str path, cs_buf *bytes)
{
    cs_store *table;
    assert_int_equal(cs_store_mem_open(world->disk, CS_STR("table"), false, &table, NULL), CS_OK);
    assert_int_equal(cs_store_read(table, path, 1 << 20, bytes, NULL, NULL), CS_OK);
    cs_store_close(table);
}

static void expect_part_rows(const cs_buf *bytes, const char *expected)
{
    cs_parquet_reader *reader;
    cs_rows rows;
    cs_buf text = CS_BUF_INIT;
    cs_parquet_input input = { (void *)bytes, read_part_at, bytes->len, CS_STR("part") };
    assert_int_equal(cs_parquet_reader_new(input, NULL, &reader, NULL), CS_OK);
    assert_int_equal(cs_rows_init(&rows, cs_parquet_reader_schema(reader), NULL), CS_OK);
    do {
        assert_int_equal(cs_parquet_reader_next(reader, 1000, &rows, NULL), CS_OK);
        for (size_t i = 0; i < rows.length; i++) {
            cs_rows_json(&rows, i, &text);
            cs_buf_add_char(&text, '\n');
        }
    } while (rows.length > 0);
    cs_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
    cs_rows_done(&rows);
    cs_parquet_reader_free(reader);
    cs_buf_done(&text);
}

static const char *const two_files[][2] = {
    { "a.csv", "id,name,amount\n1,a,1.50\n2,b,x\n" },
    { "sub/b.csv", "id,name,amount\n3,,2\n" },
};

static void splits_become_one_durable_part_with_statistics(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    Cs__Task *task = new_task(&world, "PERMISSIVE", 2, two_files);
    assert_int_equal(run(&world, task), CS_OK);
    assert_int_equal(world.outcome.n_parts, 1);
    assert_int_equal(world.outcome.rows_read, 3);
    assert_int_equal(world.outcome.rows_rejected, 1);
    assert_int_equal(world.outcome.bytes_read, strlen(two_files[0][1]) + strlen(two_files[1][1]));
    assert_true(world.control.progress >= 3);
    const cs_part *part = world.outcome.parts;
    cs_uuid uuid;
    cs_uuid stream;
    uint32_t hash;
    uint64_t batch;
    memset(stream.bytes, 0xab, sizeof stream.bytes);
    assert_memory_equal(part->path.ptr, "part-00004-", 11);
    assert_true(cs_str_ends(part->path, CS_STR("-c000.snappy.parquet")));
    assert_true(cs_uuid_parse((cs_str){ part->path.ptr + 11, CS_UUID_TEXT_LEN }, &uuid));
    assert_true(cs_uuid_part_read(&uuid, &hash, &batch));
    assert_int_equal(hash, cs_uuid_stream_hash(&stream));
    assert_int_equal(batch, 12);
    assert_string_equal(part->stats_json.ptr,
                        "{\"numRecords\":3,\"minValues\":{\"amount\":1.50,\"ID\":1,\"name\":\"a\"},"
                        "\"maxValues\":{\"amount\":2.00,\"ID\":3,\"name\":\"b\"},"
                        "\"nullCount\":{\"amount\":1,\"ID\":0,\"name\":1}}");
    cs_mem_disk_crash(world.disk, &world.rng.rng); /* power loss: the part stays */
    cs_buf bytes = CS_BUF_INIT;
    read_part(&world, part->path, &bytes);
    assert_int_equal(bytes.len, part->size_bytes);
    assert_int_equal(cs_hash64(bytes.ptr, bytes.len), part->checksum);
    expect_part_rows(&bytes, "{\"amount\":\"1.50\",\"ID\":1,\"name\":\"a\"}\n"
                             "{\"amount\":null,\"ID\":2,\"name\":\"b\"}\n"
                             "{\"amount\":\"2.00\",\"ID\":3,\"name\":null}\n");
    cs_buf_done(&bytes);
    tear_down(&world);
}

static void a_task_without_rows_leaves_no_part(void **state)
{
    (void)state;
    static const char *const files[][2] = { { "a.csv", "id,name,amount\n" }, { "b.csv", "" } };
    task_world world;
    set_up(&world);
    assert_int_equal(run(&world, new_task(&world, "PERMISSIVE", 2, files)), CS_OK);
    assert_int_equal(world.outcome.n_parts, 0);
    assert_int_equal(files_in_table(&world), 0);
    tear_down(&world);
}

static void each_attempt_writes_a_part_of_its_own(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    Cs__Task *task = new_task(&world, "PERMISSIVE", 2, two_files);
    for (size_t attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(run(&world, task), CS_OK);
        assert_int_equal(files_in_table(&world), attempt);
    }
    tear_down(&world);
}

static void failfast_names_file_line_and_column(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        { "a.csv", "id,name,amount\n1,a,1.50\n" },
        { "b.csv", "id,name,amount\r\n1,a,2\r\n2,\"b\nb\",3\r\n" },
        { "c.csv", "id,name,amount\r\n\r\n1,\"a,\",12x\r\n" },
    };
    task_world world;
    set_up(&world);
    assert_int_equal(run(&world, new_task(&world, "FAILFAST", 2, files)), CS_E_MALFORMED_RECORD);
    assert_string_equal(world.err.message, "record has 2 fields, the schema has 3");
    assert_string_equal(world.err.place, "/in/b.csv:3:1");
    assert_false(world.err.retriable);
    assert_int_equal(run(&world, new_task(&world, "FAILFAST", 1, files + 2)),
                     CS_E_MALFORMED_RECORD);
    assert_string_equal(world.err.message, "column amount: '12x' is not DECIMAL(10,2)");
    assert_string_equal(world.err.place, "/in/c.csv:3:8");
    assert_int_equal(files_in_table(&world), 0);
    tear_down(&world);
}

static void a_changed_or_missing_file_fails_without_a_trace(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    Cs__Task *task = new_task(&world, "FAILFAST", 2, two_files + 0);
    put(&world, "sub/b.csv", "id,name,amount\n3,,22\n");
    task->parse->splits[0]->file->path = cs_wire_bytes(CS_STR("sub/b.csv"));
    assert_int_equal(run(&world, task), CS_E_SOURCE_CHANGED);
    assert_false(world.err.retriable);
    task->parse->splits[0]->file->path = cs_wire_bytes(CS_STR("none.csv"));
    assert_int_equal(run(&world, task), CS_E_MISSING_FILE);
    assert_true(world.err.retriable);
    assert_int_equal(files_in_table(&world), 0);
    tear_down(&world);
}

/* Whatever operation on the table fails: another attempt may do better, and no file is left
 * behind. */
static void a_full_disk_is_retriable_and_leaves_nothing(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    Cs__Task *task = new_task(&world, "PERMISSIVE", 2, two_files);
    static const cs_store_op ops[] = { CS_STORE_OP_CREATE, CS_STORE_OP_WRITE, CS_STORE_OP_SEAL };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        for (uint64_t nth = 1; nth < 100; nth++) {
            int sys_errno = i == 2 ? EIO : ENOSPC;
            world.table_rule = (cs_store_fault_rule){ ops[i], nth, false, false, sys_errno };
            cs_code code = run(&world, task);
            if (code == CS_OK) {
                assert_true(nth > 1);
                break;
            }
            assert_int_equal(code, i == 2 ? CS_E_IO : CS_E_DISK_FULL);
            assert_true(world.err.retriable);
            assert_int_equal(files_in_table(&world), i); /* those of the runs that went well */
        }
    }
    tear_down(&world);
}

static void a_cancelled_task_ends_soon_and_leaves_nothing(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    atomic_store(&world.control.cancel, true);
    assert_int_equal(run(&world, new_task(&world, "PERMISSIVE", 2, two_files)), CS_E_CANCELLED);
    assert_int_equal(files_in_table(&world), 0);
    tear_down(&world);
}

static void what_the_coordinator_asks_wrongly_is_refused(void **state)
{
    (void)state;
    task_world world;
    set_up(&world);
    Cs__Task *task = new_task(&world, "PERMISSIVE", 2, two_files);
    task->parse->codec = 99;
    assert_int_equal(run(&world, task), CS_E_PROTOCOL);
    task->parse->codec = CS_CODEC_NONE;
    assert_int_equal(run(&world, task), CS_OK);
    assert_true(cs_str_ends(world.outcome.parts->path, CS_STR("-c000.parquet")));
    task->parse->write_schema = cs_wire_bytes(
        CS_STR("{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\","
               "\"nullable\":true,\"metadata\":{}}]}"));
    assert_int_equal(run(&world, task), CS_E_SCHEMA_MISMATCH);
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_become_one_durable_part_with_statistics),
        cmocka_unit_test(a_task_without_rows_leaves_no_part),
        cmocka_unit_test(each_attempt_writes_a_part_of_its_own),
        cmocka_unit_test(failfast_names_file_line_and_column),
        cmocka_unit_test(a_changed_or_missing_file_fails_without_a_trace),
        cmocka_unit_test(a_full_disk_is_retriable_and_leaves_nothing),
        cmocka_unit_test(a_cancelled_task_ends_soon_and_leaves_nothing),
        cmocka_unit_test(what_the_coordinator_asks_wrongly_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
