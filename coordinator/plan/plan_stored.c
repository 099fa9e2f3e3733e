/* A stored plan is one stream of records, cut into chunks of CS_PLAN_CHUNK_BYTES wherever that
 * falls: PlanHead, then a PlanFile for each file, then a PlanTask for each task. A record is its
 * kind (one byte), its length (varint) and the message. protobuf-c writes fields in their order and
 * leaves out zeros, so equal plans give equal bytes, and the digest of the stream does not depend
 * on the chunk's size. */
#include <stdlib.h>

#include "common/base/limits.h"
#include "coordinator/plan/plan.h"
#include "proto/cstream.pb-c.h"

/* Above what options, schema or the splits of one task can take. */
#define RECORD_BYTES_MAX (64u << 20)

enum record_kind { RECORD_HEAD = 1, RECORD_FILE = 2, RECORD_TASK = 3 };

typedef struct plan_writer {
    cs_buf pending;
    uint32_t seq;
    cs_plan_chunk_fn chunk;
    void *ctx;
} plan_writer;

struct cs_plan_builder {
    cs_buf pending;
    size_t used; /* of pending */
    cs_sha256_stream *hash;
    cs_plan *plan;
    bool has_head;
    uint32_t files, splits, tasks; /* that came so far */
};

static cs_code write_head(plan_writer *writer, const cs_plan *plan, cs_error *err);
static cs_code write_file(plan_writer *writer, const cs_source_file *file, cs_error *err);
static cs_code write_task(plan_writer *writer, const cs_plan *plan, const cs_plan_task *task,
                          cs_error *err);
static cs_code flush(plan_writer *writer, size_t keep_below, cs_error *err);
static cs_code damaged(cs_error *err, const char *what);
static cs_code take_record(cs_plan_builder *builder, uint8_t kind, cs_str bytes, cs_error *err);
static cs_code check_whole(const cs_plan_builder *builder, cs_error *err);

cs_code cs_plan_write(const cs_plan *plan, cs_plan_chunk_fn chunk, void *ctx, cs_error *err)
{
    plan_writer writer = { .chunk = chunk, .ctx = ctx };
    cs_code code;
    CS_TRY_OUT(write_head(&writer, plan, err));
    for (uint32_t i = 0; i < plan->n_files; i++)
        CS_TRY_OUT(write_file(&writer, &plan->files[i], err));
    for (uint32_t i = 0; i < plan->n_tasks; i++)
        CS_TRY_OUT(write_task(&writer, plan, &plan->tasks[i], err));
    CS_TRY_OUT(flush(&writer, 1, err));
out:
    cs_buf_done(&writer.pending);
    return code;
}

cs_plan_builder *cs_plan_builder_new(const cs_sha256 *digest_before)
{
    cs_plan_builder *builder = cs_xcalloc(1, sizeof *builder);
    builder->plan = cs_xcalloc(1, sizeof *builder->plan);
    builder->plan->digest_before = *digest_before;
    builder->hash = cs_sha256_new();
    cs_sha256_add(builder->hash, digest_before->bytes, CS_SHA256_LEN);
    return builder;
}

cs_code cs_plan_builder_add(cs_plan_builder *builder, cs_str chunk, cs_error *err)
{
    cs_sha256_add(builder->hash, chunk.ptr, chunk.len);
    cs_buf_add_str(&builder->pending, chunk);
    CS_TRY(cs_buf_check(&builder->pending, err));
    const cs_buf *pending = &builder->pending;
    for (;;) {
        cs_cursor at = { (const uint8_t *)pending->ptr + builder->used,
                         (const uint8_t *)pending->ptr + pending->len };
        cs_str kind, bytes;
        uint64_t len;
        if (!cs_cursor_bytes(&at, 1, &kind) || !cs_cursor_varint(&at, &len))
            break;
        if (len > RECORD_BYTES_MAX)
            return damaged(err, "a record is too long");
        if (!cs_cursor_bytes(&at, (size_t)len, &bytes))
            break;
        CS_TRY(take_record(builder, (uint8_t)kind.ptr[0], bytes, err));
        builder->used = (size_t)((const char *)at.at - pending->ptr);
    }
    if (builder->used > 0) {
        builder->pending.len -= builder->used;
        memmove(builder->pending.ptr, builder->pending.ptr + builder->used, builder->pending.len);
        builder->used = 0;
    }
    return CS_OK;
}

cs_code cs_plan_builder_end(cs_plan_builder *builder, cs_plan **out, cs_error *err)
{
    cs_code code = check_whole(builder, err);
    if (code == CS_OK) {
        builder->plan->digest = cs_sha256_end(builder->hash);
        builder->hash = NULL;
        *out = builder->plan;
        builder->plan = NULL;
    }
    cs_plan_builder_free(builder);
    return code;
}

void cs_plan_builder_free(cs_plan_builder *builder)
{
    if (builder == NULL)
        return;
    cs_buf_done(&builder->pending);
    cs_sha256_free(builder->hash);
    cs_plan_free(builder->plan);
    free(builder);
}

/* ---- writing ---- */

static ProtobufCBinaryData binary(cs_str text)
{
    return (ProtobufCBinaryData){ text.len, (uint8_t *)(uintptr_t)text.ptr };
}

static cs_code write_record(plan_writer *writer, uint8_t kind, const ProtobufCMessage *message,
                            cs_error *err)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    cs_buf_add_char(&writer->pending, (char)kind);
    cs_buf_add_varint(&writer->pending, len);
    char *space = cs_buf_reserve(&writer->pending, len);
    CS_TRY(cs_buf_check(&writer->pending, err));
    protobuf_c_message_pack(message, (uint8_t *)space);
    writer->pending.len += len;
    return flush(writer, CS_PLAN_CHUNK_BYTES, err);
}

static cs_code write_head(plan_writer *writer, const cs_plan *plan, cs_error *err)
{
    Cs__PlanHead head = CS__PLAN_HEAD__INIT;
    head.batch = plan->batch;
    head.options = binary(plan->options);
    head.batch_time_us = plan->batch_time_us;
    head.table_id = binary((cs_str){ (const char *)plan->table_id.bytes,
                                     sizeof plan->table_id.bytes });
    head.n_files = plan->n_files;
    head.n_splits = plan->n_splits;
    head.n_tasks = plan->n_tasks;
    head.bytes = plan->bytes;
    head.write_schema = binary(plan->write_schema);
    head.codec = plan->codec;
    return write_record(writer, RECORD_HEAD, &head.base, err);
}

static cs_code write_file(plan_writer *writer, const cs_source_file *file, cs_error *err)
{
    Cs__PlanFile message = CS__PLAN_FILE__INIT;
    message.path = binary(file->path);
    message.size_bytes = file->version.size_bytes;
    message.mtime_ns = file->version.mtime_ns;
    return write_record(writer, RECORD_FILE, &message.base, err);
}

static cs_code write_task(plan_writer *writer, const cs_plan *plan, const cs_plan_task *task,
                          cs_error *err)
{
    Cs__PlanSplit *splits = cs_xcalloc(task->n_splits, sizeof *splits);
    Cs__PlanSplit **pointers = cs_xcalloc(task->n_splits, sizeof *pointers);
    for (uint32_t i = 0; i < task->n_splits; i++) {
        const cs_split *split = &plan->splits[task->first_split + i];
        cs__plan_split__init(&splits[i]);
        splits[i].file = split->file;
        splits[i].by_records = split->by_records;
        splits[i].begin = split->begin;
        splits[i].end = split->end;
        pointers[i] = &splits[i];
    }
    Cs__PlanTask message = CS__PLAN_TASK__INIT;
    message.n_splits = task->n_splits;
    message.splits = pointers;
    cs_code code = write_record(writer, RECORD_TASK, &message.base, err);
    free(pointers);
    free(splits);
    return code;
}

/* Hands out whole chunks, then what is left if it has at least `keep_below` bytes. */
static cs_code flush(plan_writer *writer, size_t keep_below, cs_error *err)
{
    cs_buf *pending = &writer->pending;
    size_t at = 0;
    while (pending->len - at >= keep_below) {
        size_t len = pending->len - at;
        if (len > CS_PLAN_CHUNK_BYTES)
            len = CS_PLAN_CHUNK_BYTES;
        CS_TRY(writer->chunk(writer->ctx, writer->seq, (cs_str){ pending->ptr + at, len }, err));
        writer->seq++;
        at += len;
    }
    if (at > 0) {
        pending->len -= at;
        memmove(pending->ptr, pending->ptr + at, pending->len);
    }
    return CS_OK;
}

/* ---- reading ---- */

static cs_code damaged(cs_error *err, const char *what)
{
    return cs_error_set(err, CS_E_DAMAGED_CHECKPOINT, "a stored plan is damaged: %s", what);
}

static cs_str text_of(const ProtobufCBinaryData *data)
{
    return (cs_str){ (const char *)data->data, data->len };
}

static cs_code take_head(cs_plan_builder *builder, const Cs__PlanHead *head, cs_error *err)
{
    cs_plan *plan = builder->plan;
    if (builder->has_head || head->table_id.len != sizeof plan->table_id.bytes ||
        head->n_files > CS_BATCH_FILES_MAX || head->n_tasks > CS_BATCH_TASKS_MAX ||
        head->n_splits > CS_BATCH_FILES_MAX + CS_BATCH_TASKS_MAX)
        return damaged(err, "its head breaks a limit");
    builder->has_head = true;
    plan->batch = head->batch;
    plan->options = cs_arena_str(&plan->arena, text_of(&head->options));
    plan->batch_time_us = head->batch_time_us;
    memcpy(plan->table_id.bytes, head->table_id.data, sizeof plan->table_id.bytes);
    plan->write_schema = cs_arena_str(&plan->arena, text_of(&head->write_schema));
    plan->codec = head->codec;
    plan->n_files = head->n_files;
    plan->n_splits = head->n_splits;
    plan->n_tasks = head->n_tasks;
    plan->bytes = head->bytes;
    plan->files = cs_arena_array(&plan->arena, cs_source_file, plan->n_files);
    plan->splits = cs_arena_array(&plan->arena, cs_split, plan->n_splits);
    plan->tasks = cs_arena_array(&plan->arena, cs_plan_task, plan->n_tasks);
    return CS_OK;
}

static cs_code take_file(cs_plan_builder *builder, const Cs__PlanFile *file, cs_error *err)
{
    cs_plan *plan = builder->plan;
    if (builder->files == plan->n_files || builder->tasks > 0 || file->path.len == 0 ||
        file->path.len > CS_PATH_BYTES_MAX)
        return damaged(err, "a file too many, or without a path");
    cs_source_file *to = &plan->files[builder->files++];
    to->path = cs_arena_str(&plan->arena, text_of(&file->path));
    to->version = (cs_content_version){ file->size_bytes, file->mtime_ns };
    return CS_OK;
}

static cs_code take_task(cs_plan_builder *builder, const Cs__PlanTask *task, cs_error *err)
{
    cs_plan *plan = builder->plan;
    if (builder->files != plan->n_files || builder->tasks == plan->n_tasks || task->n_splits == 0 ||
        task->n_splits > CS_TASK_SPLITS_MAX || task->n_splits > plan->n_splits - builder->splits)
        return damaged(err, "a task too many, or with too many splits");
    cs_plan_task *to = &plan->tasks[builder->tasks++];
    to->first_split = builder->splits;
    to->n_splits = (uint32_t)task->n_splits;
    for (size_t i = 0; i < task->n_splits; i++) {
        const Cs__PlanSplit *split = task->splits[i];
        if (split->file >= plan->n_files || split->begin > split->end ||
            split->end > plan->files[split->file].version.size_bytes)
            return damaged(err, "a split lies outside its file");
        plan->splits[builder->splits++] =
            (cs_split){ split->file, split->by_records, split->begin, split->end };
        to->bytes += split->end - split->begin;
    }
    return CS_OK;
}

static cs_code take_record(cs_plan_builder *builder, uint8_t kind, cs_str bytes, cs_error *err)
{
    static const ProtobufCMessageDescriptor *const descriptors[] = {
        [RECORD_HEAD] = &cs__plan_head__descriptor,
        [RECORD_FILE] = &cs__plan_file__descriptor,
        [RECORD_TASK] = &cs__plan_task__descriptor,
    };
    const ProtobufCMessageDescriptor *descriptor =
        kind < sizeof descriptors / sizeof *descriptors ? descriptors[kind] : NULL;
    if (descriptor == NULL || (kind != RECORD_HEAD && !builder->has_head))
        return damaged(err, "a record of unknown kind, or before the head");
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, NULL, bytes.len, (const uint8_t *)bytes.ptr);
    if (message == NULL)
        return damaged(err, "a record cannot be read");
    cs_code code;
    if (kind == RECORD_HEAD)
        code = take_head(builder, (const Cs__PlanHead *)message, err);
    else if (kind == RECORD_FILE)
        code = take_file(builder, (const Cs__PlanFile *)message, err);
    else
        code = take_task(builder, (const Cs__PlanTask *)message, err);
    protobuf_c_message_free_unpacked(message, NULL);
    return code;
}

static cs_code check_whole(const cs_plan_builder *builder, cs_error *err)
{
    const cs_plan *plan = builder->plan;
    uint64_t bytes = 0;
    for (uint32_t i = 0; builder->has_head && i < builder->tasks; i++)
        bytes += plan->tasks[i].bytes;
    if (!builder->has_head || builder->pending.len > 0 || builder->files != plan->n_files ||
        builder->splits != plan->n_splits || builder->tasks != plan->n_tasks || bytes != plan->bytes)
        return damaged(err, "it is cut off");
    return CS_OK;
}
