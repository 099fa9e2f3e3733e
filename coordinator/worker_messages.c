#include "coordinator/worker_messages.h"

#include <assert.h>

static const cs_task_result *read_result(const Cs__Ack *ack, cs_arena *arena);
static Cs__ParseWork *parse_work(const cs_dispatch_action *action, const cs_task_context *context,
                                 cs_arena *arena);

void cs_worker_message_read(const Cs__FromWorker *message, const cs_peer *peer, cs_arena *arena,
                            cs_dispatch_event *event)
{
    *event = (cs_dispatch_event){ .peer = *peer };
    switch (message->body_case) {
    case CS__FROM_WORKER__BODY_HELLO: {
        const Cs__Hello *hello = message->hello;
        event->kind = CS_DISPATCH_HELLO;
        event->hello.name = cs_wire_str(hello->name);
        event->hello.version = cs_str_of(hello->version);
        event->hello.pid = hello->pid;
        event->hello.memory_bytes = hello->memory_bytes;
        event->hello.has_running = hello->running != NULL;
        if (hello->running != NULL)
            event->hello.running = cs_wire_key_read(hello->running);
        break;
    }
    case CS__FROM_WORKER__BODY_HEARTBEAT: {
        const Cs__Heartbeat *heartbeat = message->heartbeat;
        event->kind = CS_DISPATCH_HEARTBEAT;
        event->heartbeat.progress = heartbeat->progress;
        event->heartbeat.memory_bytes = heartbeat->memory_bytes;
        event->heartbeat.has_running = heartbeat->running != NULL;
        if (heartbeat->running != NULL)
            event->heartbeat.running = cs_wire_key_read(heartbeat->running);
        break;
    }
    case CS__FROM_WORKER__BODY_ACK:
        event->kind = CS_DISPATCH_ACK;
        event->ack.key = cs_wire_key_read(message->ack->key);
        event->ack.result = read_result(message->ack, arena);
        break;
    case CS__FROM_WORKER__BODY_NACK: {
        cs_error *error = cs_arena_new(arena, cs_error);
        (void)cs_wire_error_read(message->nack->error, error); /* the code is in the error */
        event->kind = CS_DISPATCH_NACK;
        event->nack.key = cs_wire_key_read(message->nack->key);
        event->nack.error = error;
        break;
    }
    default:
        assert(message->body_case == CS__FROM_WORKER__BODY_BYE);
        event->kind = CS_DISPATCH_BYE;
        break;
    }
}

cs_code cs_worker_message_pack(const cs_dispatch_action *action, const cs_welcome *welcome,
                               const cs_task_context *context, cs_arena *arena, cs_buf *out,
                               cs_error *err)
{
    Cs__ToWorker message = CS__TO_WORKER__INIT;
    Cs__Welcome body_welcome = CS__WELCOME__INIT;
    Cs__Who body_who = CS__WHO__INIT;
    Cs__Task body_task = CS__TASK__INIT;
    Cs__Confirm body_confirm = CS__CONFIRM__INIT;
    Cs__Cancel body_cancel = CS__CANCEL__INIT;
    Cs__Leave body_leave = CS__LEAVE__INIT;
    switch (action->kind) {
    case CS_DISPATCH_SEND_WELCOME:
        body_welcome.heartbeat_ms = welcome->heartbeat_ms;
        body_welcome.lease_ms = welcome->lease_ms;
        message.body_case = CS__TO_WORKER__BODY_WELCOME;
        message.welcome = &body_welcome;
        break;
    case CS_DISPATCH_SEND_WHO:
        message.body_case = CS__TO_WORKER__BODY_WHO;
        message.who = &body_who;
        break;
    case CS_DISPATCH_SEND_TASK:
        body_task.key = cs_wire_key(&action->key, arena);
        body_task.work_case = CS__TASK__WORK_PARSE;
        body_task.parse = parse_work(action, context, arena);
        message.body_case = CS__TO_WORKER__BODY_TASK;
        message.task = &body_task;
        break;
    case CS_DISPATCH_SEND_CONFIRM:
        body_confirm.key = cs_wire_key(&action->key, arena);
        message.body_case = CS__TO_WORKER__BODY_CONFIRM;
        message.confirm = &body_confirm;
        break;
    case CS_DISPATCH_SEND_CANCEL:
        body_cancel.key = cs_wire_key(&action->key, arena);
        message.body_case = CS__TO_WORKER__BODY_CANCEL;
        message.cancel = &body_cancel;
        break;
    default:
        assert(action->kind == CS_DISPATCH_SEND_LEAVE);
        if (action->error != NULL)
            body_leave.reason = cs_wire_error(action->error, arena);
        message.body_case = CS__TO_WORKER__BODY_LEAVE;
        message.leave = &body_leave;
        break;
    }
    return cs_wire_pack_to_worker(&message, out, err);
}

static const cs_task_result *read_result(const Cs__Ack *ack, cs_arena *arena)
{
    cs_task_result *result = cs_arena_new(arena, cs_task_result);
    cs_part_info *parts = cs_arena_array(arena, cs_part_info, ack->n_outputs);
    for (size_t i = 0; i < ack->n_outputs; i++) {
        const Cs__Part *part = ack->outputs[i]->part;
        parts[i] = (cs_part_info){ .path = cs_wire_str(part->path),
                                   .size_bytes = part->size_bytes,
                                   .rows = part->rows,
                                   .modified_ms = part->modified_ms,
                                   .checksum = part->checksum,
                                   .stats_json = cs_wire_str(part->stats_json) };
    }
    *result = (cs_task_result){ .parts = parts,
                                .n_parts = (uint32_t)ack->n_outputs,
                                .rows_read = ack->rows_read,
                                .rows_rejected = ack->rows_rejected,
                                .bytes_read = ack->bytes_read };
    return result;
}

static Cs__ParseWork *parse_work(const cs_dispatch_action *action, const cs_task_context *context,
                                 cs_arena *arena)
{
    const cs_plan *plan = action->plan;
    const cs_plan_task *task = &plan->tasks[action->key.task];
    Cs__ParseWork *work = cs_arena_new(arena, Cs__ParseWork);
    cs__parse_work__init(work);
    work->options = cs_wire_bytes(plan->options);
    work->write_schema = cs_wire_bytes(plan->write_schema);
    work->table_root = cs_wire_bytes(context->table_path);
    work->codec = plan->codec;
    work->memory_bytes = context->memory_bytes;
    work->n_splits = task->n_splits;
    work->splits = cs_arena_array(arena, Cs__Split *, task->n_splits);
    Cs__Split *splits = cs_arena_array(arena, Cs__Split, task->n_splits);
    Cs__FileSplit *files = cs_arena_array(arena, Cs__FileSplit, task->n_splits);
    for (uint32_t i = 0; i < task->n_splits; i++) {
        const cs_split *split = &plan->splits[task->first_split + i];
        const cs_source_file *file = &plan->files[split->file];
        cs__split__init(&splits[i]);
        cs__file_split__init(&files[i]);
        files[i].path = cs_wire_bytes(file->path);
        files[i].size_bytes = file->version.size_bytes;
        files[i].mtime_ns = file->version.mtime_ns;
        files[i].begin = split->begin;
        files[i].end = split->end;
        files[i].by_records = split->by_records;
        splits[i].range_case = CS__SPLIT__RANGE_FILE;
        splits[i].file = &files[i];
        work->splits[i] = &splits[i];
    }
    return work;
}
