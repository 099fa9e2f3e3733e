/* Options as canonical text: one line each, `scope key length:value`, sorted by scope and key, so that equal
 * jobs have equal text whatever the order they were said in. Origins are left out: they say nothing about the
 * rows. A key said twice keeps its last value, as parsing does. */
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/conf/option_table.h"

typedef struct sorted_option {
    const cs_option *option;
    const char *key; /* the table's spelling */
    size_t at;
} sorted_option;

static int compare(const void *a, const void *b)
{
    const sorted_option *x = a, *y = b;
    if (x->option->scope != y->option->scope)
        return x->option->scope < y->option->scope ? -1 : 1;
    int order = strcmp(x->key, y->key);
    return order ? order : x->at < y->at ? -1 : 1;
}

void cs_options_print(const cs_options *options, cs_buf *out)
{
    cs_arena arena = CS_ARENA_INIT;
    sorted_option *sorted = cs_arena_array(&arena, sorted_option, options->count + 1);
    for (size_t i = 0; i < options->count; i++) {
        const cs_option *option = &options->items[i];
        const cs_option_def *def = cs_option_find(option->scope, option->key);
        sorted[i] = (sorted_option){ option, def ? def->key : cs_arena_cstr(&arena, option->key), i };
    }
    qsort(sorted, options->count, sizeof *sorted, compare);
    for (size_t i = 0; i < options->count; i++) {
        const cs_option *option = sorted[i].option;
        if (i + 1 < options->count && option->scope == sorted[i + 1].option->scope &&
            strcmp(sorted[i].key, sorted[i + 1].key) == 0)
            continue;
        cs_buf_printf(out, "%d %s %zu:", (int)option->scope, sorted[i].key, option->value.len);
        cs_buf_add_str(out, option->value);
        cs_buf_add_char(out, '\n');
    }
    cs_arena_done(&arena);
}

static bool take_number(cs_str *rest, char end, uint64_t *number)
{
    cs_str piece;
    return cs_str_split(rest, end, &piece) && cs_str_to_u64(piece, number);
}

cs_code cs_options_parse(cs_str text, cs_arena *arena, cs_options *out, cs_error *err)
{
    cs_option *items = cs_arena_array(arena, cs_option, CS_OPTIONS_MAX);
    size_t count = 0;
    cs_str rest = text;
    while (rest.len > 0) {
        uint64_t scope, len;
        cs_str key;
        if (count == CS_OPTIONS_MAX || !take_number(&rest, ' ', &scope) || scope > CS_SCOPE_CONF ||
            !cs_str_split(&rest, ' ', &key) || !take_number(&rest, ':', &len) || rest.len < 1 || len > rest.len - 1 ||
            rest.ptr[len] != '\n')
            return cs_error_set(err, CS_E_DAMAGED_CHECKPOINT, "option text is damaged behind option %zu", count);
        items[count++] = (cs_option){ (cs_option_scope)scope, cs_arena_str(arena, key),
                                      cs_arena_str(arena, (cs_str){ rest.ptr, len }), CS_STR("stored options") };
        rest.ptr += len + 1;
        rest.len -= len + 1;
    }
    *out = (cs_options){ items, count };
    return CS_OK;
}
