/* The option text of a checkpoint, and the job made of it: parses or is refused. */
#include "common/conf/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_options options;
    cs_job job;
    cs_error err;
    if (cs_options_parse((cs_str){ (const char *)data, size }, &arena, &options, &err) == CS_OK)
        (void)cs_job_parse(&options, &arena, &job, &err); /* either answer is fine: it must come */
    cs_arena_done(&arena);
    return 0;
}
