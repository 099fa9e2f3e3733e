#include "coordinator/plan/plan.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "coordinator/plan/plan_pack.h"

static cs_code check_input(const cs_plan_input *input, cs_error *err);
static cs_code hash_chunk(void *ctx, uint32_t seq, cs_str bytes, cs_error *err);

cs_code cs_plan_make(const cs_plan_input *input, cs_plan **out, cs_error *err)
{
    CS_TRY(check_input(input, err));
    cs_plan *plan = cs_xcalloc(1, sizeof *plan);
    plan->batch = input->batch;
    plan->options = cs_arena_str(&plan->arena, input->options);
    plan->batch_time_us = input->batch_time_us;
    plan->table_id = input->table_id;
    plan->write_schema = cs_arena_str(&plan->arena, input->write_schema);
    plan->codec = input->codec;
    plan->digest_before = *input->digest_before;
    plan->n_files = input->n_files;
    plan->files = cs_arena_array(&plan->arena, cs_source_file, input->n_files);
    for (uint32_t i = 0; i < input->n_files; i++) {
        plan->files[i].path = cs_arena_str(&plan->arena, input->files[i].path);
        plan->files[i].version = input->files[i].version;
        plan->bytes += input->files[i].version.size_bytes;
    }
    cs_plan_pack(plan, input);
    cs_sha256_stream *hash = cs_sha256_new();
    cs_sha256_add(hash, plan->digest_before.bytes, CS_SHA256_LEN);
    cs_code code = cs_plan_write(plan, hash_chunk, hash, err);
    plan->digest = cs_sha256_end(hash);
    if (code != CS_OK) {
        cs_plan_free(plan);
        return code;
    }
    *out = plan;
    return CS_OK;
}

void cs_plan_free(cs_plan *plan)
{
    if (plan == NULL)
        return;
    cs_arena arena = plan->arena;
    cs_arena_done(&arena);
    free(plan);
}

cs_sha256 cs_plan_digest_start(const cs_uuid *stream)
{
    return cs_sha256_of(stream->bytes, sizeof stream->bytes);
}

uint64_t cs_digest8(const cs_sha256 *digest)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | digest->bytes[i];
    return value;
}

int64_t cs_digest63(const cs_sha256 *digest)
{
    return (int64_t)(cs_digest8(digest) >> 1);
}

static cs_code check_input(const cs_plan_input *input, cs_error *err)
{
    if (input->n_files > CS_BATCH_FILES_MAX)
        return cs_error_set(err, CS_E_LIMIT, "a batch of %u files: at most %u are allowed",
                            input->n_files, CS_BATCH_FILES_MAX);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < input->n_files; i++) {
        const cs_source_file *file = &input->files[i];
        if (file->path.len == 0 || file->path.len > CS_PATH_BYTES_MAX)
            return cs_error_set(err, CS_E_LIMIT, "a path of %zu bytes: from 1 to %u are allowed",
                                file->path.len, CS_PATH_BYTES_MAX);
        if (__builtin_add_overflow(bytes, file->version.size_bytes, &bytes) || bytes > INT64_MAX)
            return cs_error_set(err, CS_E_LIMIT, "the files of a batch have more than 2^63 bytes");
    }
    return CS_OK;
}

static cs_code hash_chunk(void *ctx, uint32_t seq, cs_str bytes, cs_error *err)
{
    (void)seq;
    (void)err;
    cs_sha256_add(ctx, bytes.ptr, bytes.len);
    return CS_OK;
}
