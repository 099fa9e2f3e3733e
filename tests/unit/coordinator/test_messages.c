/* What dispatch and queries say in plain structs comes out of the wire as the same, and the
 * other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "coordinator/client_messages.h"
#include "coordinator/worker_messages.h"

static cs_arena arena;
static cs_buf bytes;
static cs_error err;
static const cs_peer peer = { 3, { 7, 8, 9 } };
static const cs_task_key key = { .stream = { { 1, 2, 3 } }, .epoch = 4, .batch = 5, .digest8 = 6,
                                 .task = 1, .attempt = 2 };

static int start(void **state)
{
    (void)state;
    arena = CS_ARENA_INIT;
    bytes = CS_BUF_INIT;
    return 0;
}

static int end(void **state)
{
    (void)state;
    cs_arena_done(&arena);
    cs_buf_done(&bytes);
    return 0;
}

static Cs__ToWorker *sent(const cs_dispatch_action *action)
{
    static const cs_welcome welcome = { 500, 10000 };
    static const cs_task_context context = { { "/table", 6 }, 1 << 20 };
    Cs__ToWorker *got = NULL;
    cs_buf_clear(&bytes);
    assert_int_equal(cs_worker_message_pack(action, &welcome, &context, &arena, &bytes, &err),
                     CS_OK);
    assert_int_equal(cs_wire_unpack_to_worker(cs_buf_str(&bytes), &arena, &got, &err), CS_OK);
    return got;
}

static void task_carries_exactly_its_splits(void **state)
{
    (void)state;
    cs_source_file files[] = { { CS_STR("a.csv"), { 100, -7 } }, { CS_STR("b/c.csv"), { 50, 9 } } };
    cs_split splits[] = { { 0, true, 0, 60 }, { 0, true, 60, 100 }, { 1, false, 0, 50 } };
    cs_plan_task tasks[] = { { 0, 1, 60 }, { 1, 2, 90 } };
    cs_plan plan = { .options = CS_STR("0 schema 1:x\n"),
                     .write_schema = CS_STR("{}"),
                     .codec = 3,
                     .files = files,
                     .n_files = 2,
                     .splits = splits,
                     .n_splits = 3,
                     .tasks = tasks,
                     .n_tasks = 2 };
    cs_dispatch_action action = { .kind = CS_DISPATCH_SEND_TASK, .peer = peer, .key = key,
                                  .plan = &plan };
    Cs__ToWorker *got = sent(&action);
    assert_int_equal(got->body_case, CS__TO_WORKER__BODY_TASK);
    cs_task_key got_key = cs_wire_key_read(got->task->key);
    assert_true(cs_task_key_eq(&got_key, &key));
    const Cs__ParseWork *work = got->task->parse;
    assert_int_equal(work->codec, 3);
    assert_int_equal(work->memory_bytes, 1 << 20);
    assert_true(cs_str_eq(cs_wire_str(work->table_root), CS_STR("/table")));
    assert_true(cs_str_eq(cs_wire_str(work->options), plan.options));
    assert_int_equal(work->n_splits, 2);
    assert_true(cs_str_eq(cs_wire_str(work->splits[0]->file->path), CS_STR("a.csv")));
    assert_int_equal(work->splits[0]->file->begin, 60);
    assert_int_equal(work->splits[0]->file->end, 100);
    assert_int_equal(work->splits[0]->file->mtime_ns, -7);
    assert_true(work->splits[0]->file->by_records);
    assert_true(cs_str_eq(cs_wire_str(work->splits[1]->file->path), CS_STR("b/c.csv")));
    assert_int_equal(work->splits[1]->file->size_bytes, 50);
    assert_false(work->splits[1]->file->by_records);
}

static void each_kind_of_message_reaches_the_worker(void **state)
{
    (void)state;
    cs_error reason;
    (void)cs_error_set(&reason, CS_E_BAD_CONFIG, "name taken");
    cs_dispatch_action action = { .kind = CS_DISPATCH_SEND_WELCOME, .peer = peer, .key = key };
    assert_int_equal(sent(&action)->welcome->heartbeat_ms, 500);
    assert_int_equal(sent(&action)->welcome->lease_ms, 10000);
    action.kind = CS_DISPATCH_SEND_WHO;
    assert_int_equal(sent(&action)->body_case, CS__TO_WORKER__BODY_WHO);
    action.kind = CS_DISPATCH_SEND_CONFIRM;
    assert_int_equal(sent(&action)->confirm->key->attempt, 2);
    action.kind = CS_DISPATCH_SEND_CANCEL;
    assert_int_equal(sent(&action)->cancel->key->epoch, 4);
    action.kind = CS_DISPATCH_SEND_LEAVE;
    assert_null(sent(&action)->leave->reason);
    action.error = &reason;
    assert_string_equal(sent(&action)->leave->reason->code, "BAD_CONFIG");
}

static void worker_s_messages_become_events(void **state)
{
    (void)state;
    cs_dispatch_event event;
    Cs__FromWorker message = CS__FROM_WORKER__INIT;
    Cs__Hello hello = CS__HELLO__INIT;
    Cs__Ack ack = CS__ACK__INIT;
    Cs__Nack nack = CS__NACK__INIT;
    Cs__Heartbeat heartbeat = CS__HEARTBEAT__INIT;
    Cs__Output output = CS__OUTPUT__INIT, *outputs[] = { &output };
    Cs__Part part = CS__PART__INIT;

    hello.name = cs_wire_bytes(CS_STR("w1"));
    hello.pid = 77;
    message.body_case = CS__FROM_WORKER__BODY_HELLO;
    message.hello = &hello;
    cs_worker_message_read(&message, &peer, &arena, &event);
    assert_int_equal(event.kind, CS_DISPATCH_HELLO);
    assert_true(cs_peer_eq(&event.peer, &peer));
    assert_true(cs_str_eq(event.hello.name, CS_STR("w1")) && event.hello.pid == 77 &&
                !event.hello.has_running);

    heartbeat.running = cs_wire_key(&key, &arena);
    heartbeat.progress = 12;
    message.body_case = CS__FROM_WORKER__BODY_HEARTBEAT;
    message.heartbeat = &heartbeat;
    cs_worker_message_read(&message, &peer, &arena, &event);
    assert_true(event.kind == CS_DISPATCH_HEARTBEAT && event.heartbeat.has_running &&
                event.heartbeat.progress == 12);
    assert_true(cs_task_key_eq(&event.heartbeat.running, &key));

    part.path = cs_wire_bytes(CS_STR("p.parquet"));
    part.rows = 10;
    part.checksum = 11;
    output.kind_case = CS__OUTPUT__KIND_PART;
    output.part = &part;
    ack.key = heartbeat.running;
    ack.n_outputs = 1;
    ack.outputs = outputs;
    ack.rows_read = 12;
    ack.rows_rejected = 2;
    message.body_case = CS__FROM_WORKER__BODY_ACK;
    message.ack = &ack;
    cs_worker_message_read(&message, &peer, &arena, &event);
    assert_int_equal(event.kind, CS_DISPATCH_ACK);
    assert_int_equal(event.ack.result->n_parts, 1);
    assert_int_equal(event.ack.result->rows_read, 12);
    assert_int_equal(event.ack.result->rows_rejected, 2);
    assert_int_equal(event.ack.result->parts[0].checksum, 11);
    assert_true(cs_str_eq(event.ack.result->parts[0].path, CS_STR("p.parquet")));

    cs_error why;
    (void)cs_error_set(&why, CS_E_DISK_FULL, "no room");
    cs_error_retriable(&why);
    nack.key = heartbeat.running;
    nack.error = cs_wire_error(&why, &arena);
    message.body_case = CS__FROM_WORKER__BODY_NACK;
    message.nack = &nack;
    cs_worker_message_read(&message, &peer, &arena, &event);
    assert_int_equal(event.kind, CS_DISPATCH_NACK);
    assert_int_equal(event.nack.error->code, CS_E_DISK_FULL);
    assert_true(event.nack.error->retriable);
}

static Cs__Event *told(const cs_query_event *event)
{
    Cs__ToClient *got = NULL;
    cs_buf_clear(&bytes);
    assert_int_equal(cs_client_event_pack("0badcafe", event, &arena, &bytes, &err), CS_OK);
    assert_int_equal(cs_wire_unpack_to_client(cs_buf_str(&bytes), &arena, &got, &err), CS_OK);
    assert_int_equal(got->body_case, CS__TO_CLIENT__BODY_EVENT);
    assert_true(cs_str_eq(cs_wire_str(got->event->job), CS_STR("0badcafe")));
    return got->event;
}

static void each_event_reaches_the_client(void **state)
{
    (void)state;
    cs_query_event event = { .kind = CS_QUERY_EVENT_STARTED, .stream = { { 9 } }, .epoch = 3 };
    assert_int_equal(told(&event)->submitted->epoch, 3);
    assert_int_equal(told(&event)->submitted->stream.data[0], 9);
    cs_batch_report report = { .batch = 1, .files = 2, .rows_in = 3, .rows_out = 4,
                               .rows_rejected = 5, .bytes_in = 6, .parts = 7, .part_bytes = 8,
                               .table_version = 9, .backlog_files = 10, .ms_list = 11,
                               .ms_save = 12, .ms_work = 13, .ms_commit = 14, .ms_total = 15,
                               .workers = 16 };
    event = (cs_query_event){ .kind = CS_QUERY_EVENT_BATCH, .report = &report };
    const Cs__BatchProgress *progress = told(&event)->progress;
    assert_true(progress->batch == 1 && progress->files == 2 && progress->rows_in == 3 &&
                progress->rows_out == 4);
    assert_true(progress->rows_rejected == 5 && progress->bytes_in == 6 && progress->parts == 7);
    assert_true(progress->part_bytes == 8 && progress->table_version == 9 &&
                progress->backlog_files == 10);
    assert_true(progress->ms_latest_offset == 11 && progress->ms_wal_commit == 12 &&
                progress->ms_add_batch == 13);
    assert_true(progress->ms_commit == 14 && progress->ms_total == 15 && progress->workers == 16);
    event = (cs_query_event){ .kind = CS_QUERY_EVENT_NOTICE, .level = CS_LOG_WARN, .text = "look" };
    assert_true(cs_str_eq(cs_wire_str(told(&event)->notice->text), CS_STR("look")));
    event = (cs_query_event){ .kind = CS_QUERY_EVENT_ENDED, .batches = 5 };
    assert_null(told(&event)->end->error);
    assert_int_equal(told(&event)->end->batches, 5);
    cs_error why;
    (void)cs_error_set(&why, CS_E_SOURCE_CHANGED, "a.csv changed");
    event.error = &why;
    assert_string_equal(told(&event)->end->error->code, "SOURCE_CHANGED");
}

static void submit_of_an_unknown_scope_is_refused(void **state)
{
    (void)state;
    Cs__Option option = CS__OPTION__INIT, *items[] = { &option };
    Cs__Submit submit = CS__SUBMIT__INIT;
    cs_options options;
    submit.n_options = 1;
    submit.options = items;
    option.key = cs_wire_bytes(CS_STR("header"));
    option.scope = CS_SCOPE_CONF;
    assert_int_equal(cs_client_options_read(&submit, &arena, &options, &err), CS_OK);
    assert_int_equal(options.items[0].scope, CS_SCOPE_CONF);
    option.scope = CS_SCOPE_CONF + 1;
    assert_int_equal(cs_client_options_read(&submit, &arena, &options, &err), CS_E_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(task_carries_exactly_its_splits, start, end),
        cmocka_unit_test_setup_teardown(each_kind_of_message_reaches_the_worker, start, end),
        cmocka_unit_test_setup_teardown(worker_s_messages_become_events, start, end),
        cmocka_unit_test_setup_teardown(each_event_reaches_the_client, start, end),
        cmocka_unit_test_setup_teardown(submit_of_an_unknown_scope_is_refused, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
