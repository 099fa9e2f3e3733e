/* The effects of one job on a simulated disk and key-value store, with deaths and power loss in
 * between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/store/store_mem.h"
#include "coordinator/checkpoint/kv_mem.h"
#include "coordinator/query_io.h"

typedef struct world {
    cs_clock clock;
    int64_t now_us;
    cs_rng_seeded rng;
    cs_mem_disk *disk;
    cs_kv_db *db;
    cs_arena arena;
    cs_job job;
    const char *die_at; /* the step of the disk at which the process dies */
    /* one process */
    cs_store *source, *table;
    cs_query_io *io;
    cs_batch_event event; /* the last answer */
} world;

static int64_t mono_ms(cs_clock *clock)
{
    return ((world *)(void *)clock)->now_us / 1000;
}

static int64_t wall_us(cs_clock *clock)
{
    return 1750000000000000 + ((world *)(void *)clock)->now_us;
}

static void notice(void *ctx, cs_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static bool disk_step(void *ctx, cs_store *store, const char *what)
{
    const world *w = ctx;
    (void)store;
    return w->die_at == NULL || strcmp(what, w->die_at) != 0;
}

static void start(world *w)
{
    assert_int_equal(cs_store_mem_open(w->disk, CS_STR("in"), false, &w->source, NULL), CS_OK);
    assert_int_equal(cs_store_mem_open(w->disk, CS_STR("table"), true, &w->table, NULL), CS_OK);
    cs_query_io_env env = { .job = &w->job,
                            .source = w->source,
                            .table = w->table,
                            .kv = cs_kv_mem_open(w->db),
                            .clock = &w->clock,
                            .rng = &w->rng.rng,
                            .notice = notice };
    w->io = cs_query_io_new(&env);
}

static void end(world *w)
{
    cs_query_io_free(w->io);
    cs_store_close(w->source);
    cs_store_close(w->table);
}

static void restart(world *w)
{
    end(w);
    w->die_at = NULL;
    start(w);
}

static void put_file(world *w, const char *path)
{
    cs_mem_disk_put(w->disk, cs_str_of(path), CS_STR("1,a\n"), wall_us(&w->clock) * 1000);
    w->now_us += 1000;
}

static world *new_world(cs_trigger_kind trigger, bool replan)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.clock = (cs_clock){ mono_ms, wall_us };
    w.now_us = 1000000;
    cs_rng_seeded_init(&w.rng, 4711);
    w.disk = cs_mem_disk_new(&w.clock);
    cs_mem_disk_on_step(w.disk, disk_step, &w);
    cs_mem_disk_put_kind(w.disk, CS_STR("in"), CS_FILE_FOLDER);
    w.db = cs_kv_db_new();
    static const char *const triggers[] = { "", "processingTime=1s", "availableNow", "once" };
    cs_option items[] = {
        { CS_SCOPE_JOB, CS_STR("name"), CS_STR("t"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("source-format"), CS_STR("csv"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("source-path"), CS_STR("/in"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("sink-format"), CS_STR("delta"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("table-path"), CS_STR("/table"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("checkpoint-location"), CS_STR("/chk"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("schema"), CS_STR("id BIGINT, name STRING"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("replan"), replan ? CS_STR("true") : CS_STR("false"),
          CS_STR("test") },
        { CS_SCOPE_READ, CS_STR("maxFilesPerTrigger"), CS_STR("1"), CS_STR("test") },
        { CS_SCOPE_JOB, CS_STR("trigger"), cs_str_of(triggers[trigger]), CS_STR("test") },
    };
    cs_options options = { items,
                           sizeof items / sizeof items[0] - (trigger == CS_TRIGGER_DEFAULT) };
    assert_int_equal(cs_job_parse(&options, &w.arena, &w.job, NULL), CS_OK);
    start(&w);
    return &w;
}

static void done(world *w)
{
    end(w);
    cs_mem_disk_free(w->disk);
    cs_kv_db_free(w->db);
    cs_arena_done(&w->arena);
}

static void run(world *w, const cs_batch_action *action)
{
    memset(&w->event, 0, sizeof w->event);
    cs_query_io_run(w->io, action, &w->event);
}

/* The plan to replay, given; NULL: none. */
static cs_plan *recover(world *w)
{
    run(w, &(cs_batch_action){ .kind = CS_BATCH_RECOVER });
    assert_int_equal(w->event.kind, CS_BATCH_RECOVERED);
    return w->event.recovered.plan;
}

static cs_plan *list(world *w)
{
    run(w, &(cs_batch_action){ .kind = CS_BATCH_LIST, .list = { .full = true, .workers = 1 } });
    assert_int_equal(w->event.kind, CS_BATCH_LISTED);
    return w->event.listed.plan;
}

static void save(world *w, cs_plan *plan)
{
    run(w, &(cs_batch_action){ .kind = CS_BATCH_SAVE_PLAN, .plan = { plan } });
    assert_int_equal(w->event.kind, CS_BATCH_PLAN_SAVED);
}

/* Without parts: this is about the version, not about rows. */
static void commit(world *w, const cs_plan *plan)
{
    run(w, &(cs_batch_action){ .kind = CS_BATCH_COMMIT, .commit = { .plan = plan } });
}

static void fails_with(world *w, cs_code code)
{
    assert_int_equal(w->event.kind, CS_BATCH_IO_FAILED);
    assert_int_equal(w->event.error.code, code);
}

static void planned_batch_is_replayed_after_a_crash(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    assert_int_equal(w->event.recovered.epoch, 1);
    assert_int_equal(w->event.recovered.committed, -1);
    cs_plan *plan = list(w);
    save(w, plan);
    restart(w);
    cs_plan *again = recover(w);
    assert_int_equal(w->event.recovered.epoch, 2);
    assert_memory_equal(again->digest.bytes, plan->digest.bytes, CS_SHA256_LEN);
    cs_plan_free(again);
    cs_plan_free(plan);
    done(w);
}

static void plan_that_was_not_saved_is_forgotten(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan_free(list(w));
    restart(w);
    assert_null(recover(w));
    cs_plan *plan = list(w);
    assert_int_equal(plan->batch, 0);
    assert_int_equal(plan->n_files, 1);
    cs_plan_free(plan);
    done(w);
}

static void committed_batch_is_not_listed_again(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    save(w, plan);
    commit(w, plan);
    assert_int_equal(w->event.kind, CS_BATCH_COMMITTED);
    assert_int_equal(w->event.committed.version, 0);
    cs_plan_free(plan);
    assert_null(list(w));
    restart(w); /* COMMITTED was not made durable: the table tells */
    assert_null(recover(w));
    assert_int_equal(w->event.recovered.committed, 0);
    assert_null(list(w));
    put_file(w, "in/b.csv");
    plan = list(w);
    assert_int_equal(plan->batch, 1);
    cs_plan_free(plan);
    done(w);
}

static void commit_that_is_found_is_made_durable_before_it_is_marked(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20;
         seed++) { /* what a power loss takes is a matter of chance */
        world *w = new_world(CS_TRIGGER_DEFAULT, false);
        put_file(w, "in/a.csv");
        assert_null(recover(w));
        cs_plan *plan = list(w);
        save(w, plan);
        w->die_at = "put_new.sync_folder"; /* linked, not synced */
        commit(w, plan);
        fails_with(w, CS_E_CANCELLED);
        cs_plan_free(plan);
        restart(w);
        assert_null(recover(w));
        assert_int_equal(w->event.recovered.committed, 0);
        cs_rng_seeded chance;
        cs_rng_seeded_init(&chance, seed);
        cs_mem_disk_crash(w->disk, &chance.rng);
        restart(w);
        assert_null(recover(w)); /* else: the table is gone, the checkpoint has committed batch 0 */
        assert_int_equal(w->event.recovered.committed, 0);
        done(w);
    }
}

static void replan_lists_the_files_of_the_planned_batch_anew(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, true);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    save(w, plan);
    restart(w);
    put_file(w, "in/a.csv"); /* mended meanwhile */
    assert_null(recover(w));
    cs_plan *anew = list(w);
    assert_int_equal(anew->batch, 0);
    assert_int_equal(anew->n_files, 1);
    assert_true(anew->files[0].version.mtime_ns != plan->files[0].version.mtime_ns);
    cs_plan_free(anew);
    cs_plan_free(plan);
    done(w);
}

static void late_commit_of_a_plan_set_aside_is_adopted(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, true);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *late = list(w);
    save(w, late);
    world zombie = *w; /* stopped before its commit */
    start(w);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *anew = list(w);
    save(w, anew);
    commit(&zombie, late);
    assert_int_equal(zombie.event.kind, CS_BATCH_COMMITTED);
    commit(w, anew);
    fails_with(w, CS_E_CONFLICT);
    restart(w);
    assert_null(recover(w));
    assert_int_equal(w->event.recovered.committed, 0);
    cs_plan_free(anew);
    cs_plan_free(late);
    end(&zombie);
    done(w);
}

static void part_that_is_not_there_is_refused(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_part_info part = { .path = CS_STR("part-00000-x.parquet"), .size_bytes = 100, .rows = 1 };
    cs_task_result result = { .parts = &part, .n_parts = 1 };
    run(w, &(cs_batch_action){ .kind = CS_BATCH_CHECK_PARTS,
                               .check = { .task = 3, .result = &result } });
    assert_int_equal(w->event.kind, CS_BATCH_PARTS_CHECKED);
    assert_int_equal(w->event.checked.task, 3);
    assert_false(w->event.checked.ok);
    assert_non_null(strstr(w->event.error.message, "part-00000-x.parquet"));
    done(w);
}

static void batch_is_planned_anew_for_a_table_that_another_made(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    save(w, plan);
    cs_mem_disk_put(
        w->disk, CS_STR("table/_delta_log/00000000000000000000.json"),
        CS_STR("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
               "{\"metaData\":{\"id\":\"11111111-1111-4111-8111-111111111111\",\"format\":{"
               "\"provider\":"
               "\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
               "\\\"fields\\\":["
               "{\\\"name\\\":\\\"ID\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,"
               "\\\"metadata\\\":{}},"
               "{\\\"name\\\":\\\"name\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true,"
               "\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],\"configuration\":{}}}\n"),
        0);
    commit(w, plan);
    fails_with(w, CS_E_EXISTS);
    cs_plan_free(plan);
    assert_null(recover(w)); /* in the same epoch */
    assert_int_equal(w->event.recovered.epoch, 1);
    plan = list(w);
    assert_int_equal(plan->batch, 0);
    for (size_t i = 0; i < sizeof plan->table_id.bytes; i++)
        assert_int_equal(plan->table_id.bytes[i], i == 6 ? 0x41 : i == 8 ? 0x81 : 0x11);
    const char *spelled = memmem(plan->write_schema.ptr, plan->write_schema.len, "\"ID\"", 4);
    assert_non_null(spelled); /* as the table spells it */
    cs_plan_free(plan);
    done(w);
}

static void once_takes_all_files_whatever_the_limits(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_ONCE, false);
    put_file(w, "in/a.csv");
    put_file(w, "in/b.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    assert_int_equal(plan->n_files, 2);
    cs_plan_free(plan);
    done(w);
    w = new_world(CS_TRIGGER_AVAILABLE_NOW, false);
    put_file(w, "in/a.csv");
    put_file(w, "in/b.csv");
    assert_null(recover(w));
    plan = list(w);
    assert_int_equal(plan->n_files, 1);
    assert_int_equal(w->event.listed.backlog, 1);
    cs_plan_free(plan);
    done(w);
}

static void idle_stream_notices_within_a_minute_that_its_table_was_replaced(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    save(w, plan);
    commit(w, plan);
    cs_plan_free(plan);
    cs_mem_disk_remove(w->disk, CS_STR("table/_delta_log"));
    w->now_us += 61 * (int64_t)1000000;
    run(w, &(cs_batch_action){ .kind = CS_BATCH_LIST });
    fails_with(w, CS_E_TABLE_REPLACED);
    done(w);
}

static void stopped_process_that_goes_on_cannot_write_the_checkpoint(void **state)
{
    (void)state;
    world *w = new_world(CS_TRIGGER_DEFAULT, false);
    put_file(w, "in/a.csv");
    assert_null(recover(w));
    cs_plan *plan = list(w);
    world zombie = *w;
    start(w);
    assert_null(recover(w));
    run(&zombie, &(cs_batch_action){ .kind = CS_BATCH_SAVE_PLAN, .plan = { plan } });
    fails_with(&zombie, CS_E_CHECKPOINT_IN_USE);
    cs_plan_free(plan);
    end(&zombie);
    done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planned_batch_is_replayed_after_a_crash),
        cmocka_unit_test(plan_that_was_not_saved_is_forgotten),
        cmocka_unit_test(committed_batch_is_not_listed_again),
        cmocka_unit_test(commit_that_is_found_is_made_durable_before_it_is_marked),
        cmocka_unit_test(replan_lists_the_files_of_the_planned_batch_anew),
        cmocka_unit_test(late_commit_of_a_plan_set_aside_is_adopted),
        cmocka_unit_test(part_that_is_not_there_is_refused),
        cmocka_unit_test(batch_is_planned_anew_for_a_table_that_another_made),
        cmocka_unit_test(once_takes_all_files_whatever_the_limits),
        cmocka_unit_test(idle_stream_notices_within_a_minute_that_its_table_was_replaced),
        cmocka_unit_test(stopped_process_that_goes_on_cannot_write_the_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
