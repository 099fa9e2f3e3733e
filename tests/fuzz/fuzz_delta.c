/* A line of a commit: parses to an action or is refused; its path decodes to a name inside the table or not at all. */
#include <assert.h>

#include "common/delta/delta_action.h"
#include "common/delta/delta_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_json_doc *doc = NULL;
    cs_delta_action action;
    cs_error err;
    cs_str name;
    int64_t rows;
    if (cs_delta_action_parse((cs_str){ (const char *)data, size }, ~0u, &arena, &doc, &action, &err) == CS_OK) {
        if (action.kind == CS_DELTA_ADD) {
            (void)cs_delta_stats_rows(action.add.stats, &rows);
            if (cs_delta_path_decode(action.add.path, &arena, &name, &err) == CS_OK)
                assert(name.len > 0 && name.ptr[0] != '/' && !cs_str_eq(name, CS_STR("..")));
        }
        cs_json_free(doc);
    }
    cs_arena_done(&arena);
    return 0;
}
