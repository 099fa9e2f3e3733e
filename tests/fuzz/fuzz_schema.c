/* A schema text, DDL or JSON: parses or is refused; what parses prints as JSON that parses to the same. */
#include <assert.h>

#include "common/data/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_arena arena = CS_ARENA_INIT;
    cs_buf once = CS_BUF_INIT, twice = CS_BUF_INIT;
    cs_schema schema, again;
    cs_error err;
    if (cs_schema_parse((cs_str){ (const char *)data, size }, &arena, &schema, &err) == CS_OK) {
        cs_schema_print_json(&schema, &once);
        if (cs_schema_parse_json(cs_buf_str(&once), &arena, &again, &err) == CS_OK) {
            cs_schema_print_json(&again, &twice);
            assert(cs_str_eq(cs_buf_str(&once), cs_buf_str(&twice)));
        }
    }
    cs_buf_done(&once);
    cs_buf_done(&twice);
    cs_arena_done(&arena);
    return 0;
}
