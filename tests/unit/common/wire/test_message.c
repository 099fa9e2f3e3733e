/* Expected bytes are written out by hand from the protobuf encoding rules where a single field
 * is at stake; whole messages are compared field by field with what was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/wire/message.h"

static cs_arena arena;
static cs_buf frame;
static cs_error err;

static int start(void **state)
{
    (void)state;
    arena = CS_ARENA_INIT;
    frame = CS_BUF_INIT;
    cs_error_clear(&err);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cs_arena_done(&arena);
    cs_buf_done(&frame);
    return 0;
}

static cs_task_key key_sample(void)
{
    cs_task_key key = { .epoch = 7, .batch = 12, .digest8 = 0xfedcba9876543210u, .task = 3,
                        .attempt = 2 };
    memset(key.stream.bytes, 0x5a, sizeof key.stream.bytes);
    return key;
}

static Cs__Split *split_sample(const char *path, uint64_t begin, uint64_t finish, uint64_t size)
{
    Cs__Split *split = cs_arena_new(&arena, Cs__Split);
    cs__split__init(split);
    split->range_case = CS__SPLIT__RANGE_FILE;
    split->file = cs_arena_new(&arena, Cs__FileSplit);
    cs__file_split__init(split->file);
    split->file->path = cs_wire_bytes(cs_str_of(path));
    split->file->begin = begin;
    split->file->end = finish;
    split->file->size_bytes = size;
    split->file->mtime_ns = -5;
    split->file->by_records = true;
    return split;
}

static Cs__ToWorker *task_sample(size_t n_splits)
{
    cs_task_key key = key_sample();
    Cs__ToWorker *message = cs_arena_new(&arena, Cs__ToWorker);
    cs__to_worker__init(message);
    message->body_case = CS__TO_WORKER__BODY_TASK;
    message->task = cs_arena_new(&arena, Cs__Task);
    cs__task__init(message->task);
    message->task->key = cs_wire_key(&key, &arena);
    message->task->work_case = CS__TASK__WORK_PARSE;
    Cs__ParseWork *parse = message->task->parse = cs_arena_new(&arena, Cs__ParseWork);
    cs__parse_work__init(parse);
    parse->options = cs_wire_bytes(CS_STR("0 source csv:/in\n"));
    parse->write_schema = cs_wire_bytes(CS_STR("{}"));
    parse->table_root = cs_wire_bytes(CS_STR("/table"));
    parse->memory_bytes = 99;
    parse->n_splits = n_splits;
    parse->splits = cs_arena_array(&arena, Cs__Split *, n_splits);
    for (size_t i = 0; i < n_splits; i++)
        parse->splits[i] = split_sample("a/b.csv", 10, 20, 30);
    return message;
}

static Cs__FromWorker *ack_sample(const char *part_path)
{
    cs_task_key key = key_sample();
    Cs__FromWorker *message = cs_arena_new(&arena, Cs__FromWorker);
    cs__from_worker__init(message);
    message->body_case = CS__FROM_WORKER__BODY_ACK;
    Cs__Ack *ack = message->ack = cs_arena_new(&arena, Cs__Ack);
    cs__ack__init(ack);
    ack->key = cs_wire_key(&key, &arena);
    ack->rows_read = 1001;
    ack->n_outputs = 1;
    ack->outputs = cs_arena_array(&arena, Cs__Output *, 1);
    ack->outputs[0] = cs_arena_new(&arena, Cs__Output);
    cs__output__init(ack->outputs[0]);
    ack->outputs[0]->kind_case = CS__OUTPUT__KIND_PART;
    Cs__Part *part = ack->outputs[0]->part = cs_arena_new(&arena, Cs__Part);
    cs__part__init(part);
    part->path = cs_wire_bytes(cs_str_of(part_path));
    part->rows = 1000;
    part->stats_json = cs_wire_bytes(CS_STR("{\"numRecords\":1000}"));
    return message;
}

static Cs__FromClient *submit_sample(size_t n_options)
{
    Cs__FromClient *message = cs_arena_new(&arena, Cs__FromClient);
    cs__from_client__init(message);
    message->body_case = CS__FROM_CLIENT__BODY_SUBMIT;
    Cs__Submit *submit = message->submit = cs_arena_new(&arena, Cs__Submit);
    cs__submit__init(submit);
    submit->version = cs_arena_cstr(&arena, CS_STR("0.1.0"));
    submit->n_options = n_options;
    submit->options = cs_arena_array(&arena, Cs__Option *, n_options);
    for (size_t i = 0; i < n_options; i++) {
        submit->options[i] = cs_arena_new(&arena, Cs__Option);
        cs__option__init(submit->options[i]);
        submit->options[i]->scope = 1;
        submit->options[i]->key = cs_wire_bytes(CS_STR("header"));
        submit->options[i]->value = cs_wire_bytes(CS_STR("true"));
    }
    return message;
}

static cs_code to_worker_again(const Cs__ToWorker *message, Cs__ToWorker **out)
{
    cs_buf_clear(&frame);
    CS_TRY(cs_wire_pack_to_worker(message, &frame, &err));
    return cs_wire_unpack_to_worker(cs_buf_str(&frame), &arena, out, &err);
}

static cs_code from_worker_again(const Cs__FromWorker *message, Cs__FromWorker **out)
{
    cs_buf_clear(&frame);
    CS_TRY(cs_wire_pack_from_worker(message, &frame, &err));
    return cs_wire_unpack_from_worker(cs_buf_str(&frame), &arena, out, &err);
}

static void task_arrives_as_it_was_sent(void **state)
{
    (void)state;
    Cs__ToWorker *got = NULL;
    assert_int_equal(to_worker_again(task_sample(3), &got), CS_OK);
    assert_int_equal(got->body_case, CS__TO_WORKER__BODY_TASK);
    cs_task_key key = key_sample();
    cs_task_key got_key = cs_wire_key_read(got->task->key);
    assert_true(cs_task_key_eq(&got_key, &key));
    const Cs__ParseWork *parse = got->task->parse;
    assert_int_equal(parse->n_splits, 3);
    assert_int_equal(parse->memory_bytes, 99);
    assert_int_equal(parse->splits[2]->file->begin, 10);
    assert_int_equal(parse->splits[2]->file->end, 20);
    assert_int_equal(parse->splits[2]->file->mtime_ns, -5);
    assert_true(cs_str_eq(cs_wire_str(parse->splits[2]->file->path), CS_STR("a/b.csv")));
}

static void ack_arrives_as_it_was_sent(void **state)
{
    (void)state;
    Cs__FromWorker *got = NULL;
    assert_int_equal(from_worker_again(ack_sample("part-0.parquet"), &got), CS_OK);
    assert_int_equal(got->ack->rows_read, 1001);
    assert_int_equal(got->ack->n_outputs, 1);
    assert_int_equal(got->ack->outputs[0]->part->rows, 1000);
}

static void error_arrives_with_code_texts_and_exit_status(void **state)
{
    (void)state;
    cs_error sent;
    (void)cs_error_sys(&sent, 28 /* ENOSPC */, "cannot write '%s'", "/t/part");
    cs_error_place(&sent, "a.csv:3:9");
    cs_error_hint(&sent, "make room");
    cs_error_retriable(&sent);
    sent.exit_status = 78;
    cs_error got;
    assert_int_equal(cs_wire_error_read(cs_wire_error(&sent, &arena), &got), CS_E_DISK_FULL);
    assert_string_equal(got.message, "cannot write '/t/part': No space left on device");
    assert_string_equal(got.place, "a.csv:3:9");
    assert_string_equal(got.hint, "make room");
    assert_true(got.retriable);
    assert_int_equal(got.sys_errno, 28);
    assert_int_equal(got.exit_status, 78);
}

static void error_of_a_hostile_peer_is_escaped_and_never_ok(void **state)
{
    (void)state;
    Cs__Error hostile = CS__ERROR__INIT;
    hostile.code = cs_arena_cstr(&arena, CS_STR("OK"));
    hostile.message = cs_wire_bytes(CS_STR("\033[2Jgone"));
    hostile.exit_status = 1;
    cs_error got;
    assert_int_equal(cs_wire_error_read(&hostile, &got), CS_E_INTERNAL);
    assert_string_equal(got.message, "\\x1b[2Jgone");
}

static void paths_that_leave_their_root_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a",
                                       "a/.", ".." };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Cs__ToWorker *task = task_sample(1);
        task->task->parse->splits[0]->file->path = cs_wire_bytes(cs_str_of(bad[i]));
        Cs__ToWorker *got = NULL;
        assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
        Cs__FromWorker *got_ack = NULL;
        assert_int_equal(from_worker_again(ack_sample(bad[i]), &got_ack), CS_E_PROTOCOL);
        assert_null(got);
        assert_null(got_ack);
    }
    Cs__ToWorker *task = task_sample(1);
    task->task->parse->splits[0]->file->path = cs_wire_bytes(CS_STR("a\0b"));
    Cs__ToWorker *got = NULL;
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task->task->parse->splits[0]->file->path = cs_wire_bytes(CS_STR("..a/b..csv/...\n\xff"));
    assert_int_equal(to_worker_again(task, &got), CS_OK);
}

static void fields_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    Cs__ToWorker *got = NULL;
    assert_int_equal(to_worker_again(task_sample(CS_TASK_SPLITS_MAX), &got), CS_OK);
    assert_int_equal(to_worker_again(task_sample(CS_TASK_SPLITS_MAX + 1), &got), CS_E_PROTOCOL);
    assert_int_equal(to_worker_again(task_sample(0), &got), CS_E_PROTOCOL);

    Cs__ToWorker *task = task_sample(1);
    task->task->parse->splits[0] = split_sample("a", 21, 20, 30);
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task->task->parse->splits[0] = split_sample("a", 0, 31, 30);
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task = task_sample(1);
    task->task->key->stream.len = 15;
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task = task_sample(1);
    task->task->key = NULL;
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task = task_sample(1);
    task->task->key->batch = (uint64_t)1 << 48;
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);
    task = task_sample(1);
    task->task->parse->table_root = cs_wire_bytes(CS_STR("table"));
    assert_int_equal(to_worker_again(task, &got), CS_E_PROTOCOL);

    cs_buf_clear(&frame);
    Cs__FromClient *submit = NULL;
    assert_int_equal(cs_wire_pack_from_client(submit_sample(CS_OPTIONS_MAX + 1), &frame, &err),
                     CS_OK);
    assert_int_equal(cs_wire_unpack_from_client(cs_buf_str(&frame), &arena, &submit, &err),
                     CS_E_PROTOCOL);
    cs_buf_clear(&frame);
    assert_int_equal(cs_wire_pack_from_client(submit_sample(CS_OPTIONS_MAX), &frame, &err), CS_OK);
    assert_int_equal(cs_wire_unpack_from_client(cs_buf_str(&frame), &arena, &submit, &err), CS_OK);
}

static void message_larger_than_a_frame_is_not_packed(void **state)
{
    (void)state;
    Cs__ToWorker *task = task_sample(1);
    char *large = cs_arena_alloc(&arena, CS_MESSAGE_BYTES_MAX);
    task->task->parse->write_schema = cs_wire_bytes((cs_str){ large, CS_MESSAGE_BYTES_MAX });
    assert_int_equal(cs_wire_pack_to_worker(task, &frame, &err), CS_E_LIMIT);
    assert_int_equal(frame.len, 0);
}

static void unknown_and_missing_bodies_are_refused(void **state)
{
    (void)state;
    Cs__ToWorker *to = NULL;
    Cs__FromWorker *from = NULL;
    Cs__ToClient *client = NULL;
    Cs__FromClient *of_client = NULL;
    /* nothing at all; field 15, length-delimited, empty */
    static const cs_str frames[] = { { "", 0 }, { "\x7a\x00", 2 } };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cs_wire_unpack_to_worker(frames[i], &arena, &to, &err), CS_E_PROTOCOL);
        assert_int_equal(cs_wire_unpack_from_worker(frames[i], &arena, &from, &err), CS_E_PROTOCOL);
        assert_int_equal(cs_wire_unpack_to_client(frames[i], &arena, &client, &err), CS_E_PROTOCOL);
        assert_int_equal(cs_wire_unpack_from_client(frames[i], &arena, &of_client, &err),
                         CS_E_PROTOCOL);
    }
    /* field 2 (heartbeat), empty: a heartbeat of an idle worker */
    assert_int_equal(cs_wire_unpack_from_worker(CS_STR("\x12\x00"), &arena, &from, &err), CS_OK);
    assert_int_equal(from->body_case, CS__FROM_WORKER__BODY_HEARTBEAT);
}

static void varint_frame(cs_buf *out, uint8_t tag, cs_str body)
{
    cs_buf_add_char(out, (char)tag);
    cs_buf_add_varint(out, body.len);
    cs_buf_add_str(out, body);
}

static void many_empty_submessages_stop_at_the_memory_cap(void **state)
{
    (void)state;
    /* An ack (field 3) of two million empty outputs (field 2): 4 MB that would take more than
     * 100 MB. */
    cs_buf outputs = CS_BUF_INIT;
    for (int i = 0; i < 2000000; i++)
        cs_buf_add(&outputs, "\x12\x00", 2);
    varint_frame(&frame, 0x1a, cs_buf_str(&outputs));
    assert_true(frame.len < CS_MESSAGE_BYTES_MAX);
    Cs__FromWorker *got = NULL;
    assert_int_equal(cs_wire_unpack_from_worker(cs_buf_str(&frame), &arena, &got, &err),
                     CS_E_PROTOCOL);
    assert_true(arena.bytes <= CS_MESSAGE_UNPACKED_MAX);
    cs_buf_done(&outputs);
}

static void deeply_nested_frame_does_not_recurse(void **state)
{
    (void)state;
    /* Groups and nested lengths without a schema that nests: unknown or too deep for any
     * message. */
    cs_buf nested = CS_BUF_INIT;
    cs_buf_add(&nested, "\x0a\x00", 2);
    for (int i = 0; i < 2000; i++) {
        cs_buf outer = CS_BUF_INIT;
        varint_frame(&outer, 0x0a, cs_buf_str(&nested));
        cs_buf_done(&nested);
        nested = outer;
    }
    Cs__FromWorker *got = NULL;
    assert_int_equal(cs_wire_unpack_from_worker(cs_buf_str(&nested), &arena, &got, &err),
                     CS_E_PROTOCOL);
    cs_buf_done(&nested);
    for (int i = 0; i < 100000; i++)
        cs_buf_add_char(&frame, 0x0b); /* start of a group */
    assert_int_equal(cs_wire_unpack_from_worker(cs_buf_str(&frame), &arena, &got, &err),
                     CS_E_PROTOCOL);
}

static void try_all(cs_str bytes)
{
    Cs__ToWorker *to = NULL;
    Cs__FromWorker *from = NULL;
    Cs__ToClient *client = NULL;
    Cs__FromClient *of_client = NULL;
    /* Any verdict will do, a crash will not; a message that passed has a body. */
    if (cs_wire_unpack_to_worker(bytes, &arena, &to, &err) == CS_OK)
        assert_int_not_equal(to->body_case, 0);
    if (cs_wire_unpack_from_worker(bytes, &arena, &from, &err) == CS_OK)
        assert_int_not_equal(from->body_case, 0);
    if (cs_wire_unpack_to_client(bytes, &arena, &client, &err) == CS_OK)
        assert_int_not_equal(client->body_case, 0);
    if (cs_wire_unpack_from_client(bytes, &arena, &of_client, &err) == CS_OK)
        assert_int_not_equal(of_client->body_case, 0);
    cs_arena_reset(&arena);
}

static void mutated_and_random_frames_never_crash(void **state)
{
    (void)state;
    const uint64_t seed = 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded rng;
    cs_rng_seeded_init(&rng, seed);
    cs_buf samples[3] = { CS_BUF_INIT, CS_BUF_INIT, CS_BUF_INIT };
    assert_int_equal(cs_wire_pack_to_worker(task_sample(4), &samples[0], &err), CS_OK);
    assert_int_equal(cs_wire_pack_from_worker(ack_sample("p.parquet"), &samples[1], &err), CS_OK);
    assert_int_equal(cs_wire_pack_from_client(submit_sample(5), &samples[2], &err), CS_OK);
    for (int round = 0; round < 20000; round++) {
        const cs_buf *sample = &samples[round % 3];
        size_t len = 1 + cs_rng_below(&rng.rng, sample->len);
        char *copy = malloc(len); /* exact size: a read beyond it shows under the sanitizer */
        memcpy(copy, sample->ptr, len);
        if (round % 7 == 0)
            cs_rng_fill(&rng.rng, copy, len);
        for (uint64_t n = cs_rng_below(&rng.rng, 4); n > 0; n--)
            copy[cs_rng_below(&rng.rng, len)] = (char)cs_rng_u64(&rng.rng);
        try_all((cs_str){ copy, len });
        free(copy);
    }
    for (int i = 0; i < 3; i++)
        cs_buf_done(&samples[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(task_arrives_as_it_was_sent, start, end),
        cmocka_unit_test_setup_teardown(ack_arrives_as_it_was_sent, start, end),
        cmocka_unit_test_setup_teardown(error_arrives_with_code_texts_and_exit_status, start, end),
        cmocka_unit_test_setup_teardown(error_of_a_hostile_peer_is_escaped_and_never_ok, start,
                                        end),
        cmocka_unit_test_setup_teardown(paths_that_leave_their_root_are_refused, start, end),
        cmocka_unit_test_setup_teardown(fields_beyond_their_limits_are_refused, start, end),
        cmocka_unit_test_setup_teardown(message_larger_than_a_frame_is_not_packed, start, end),
        cmocka_unit_test_setup_teardown(unknown_and_missing_bodies_are_refused, start, end),
        cmocka_unit_test_setup_teardown(many_empty_submessages_stop_at_the_memory_cap, start, end),
        cmocka_unit_test_setup_teardown(deeply_nested_frame_does_not_recurse, start, end),
        cmocka_unit_test_setup_teardown(mutated_and_random_frames_never_crash, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
