/* Memory that lives as long as a job, a batch or a task and goes at once. Small allocations: when memory
 * is gone the process ends (a restart is a tested path). What grows with data uses cs_buf. */
#ifndef CS_COMMON_BASE_ARENA_H
#define CS_COMMON_BASE_ARENA_H

#include "common/base/str.h"
#include "common/base/error.h"

typedef struct cs_arena_block cs_arena_block;
typedef struct cs_arena {
    cs_arena_block *blocks;
    size_t bytes; /* handed out since the last reset, each piece rounded up to 16 */
} cs_arena;

#define CS_ARENA_INIT ((cs_arena){ 0 })

/* 16-byte aligned, zeroed. */
void *cs_arena_alloc(cs_arena *arena, size_t size);
#define cs_arena_new(arena, type) ((type *)cs_arena_alloc((arena), sizeof(type)))
#define cs_arena_array(arena, type, count) ((type *)cs_arena_alloc_array((arena), sizeof(type), (count)))
void *cs_arena_alloc_array(cs_arena *arena, size_t size, size_t count);
/* Copies; the copy is NUL-terminated behind its length. */
cs_str cs_arena_str(cs_arena *arena, cs_str text);
char *cs_arena_cstr(cs_arena *arena, cs_str text);
char *cs_arena_printf(cs_arena *arena, const char *format, ...) CS_PRINTF(2, 3);
/* Keeps one block, of at most 1 MiB, for reuse. */
void cs_arena_reset(cs_arena *arena);
void cs_arena_done(cs_arena *arena);

/* malloc and friends that end the process when memory is gone: for fixed-size things outside arenas. */
void *cs_xcalloc(size_t count, size_t size);
void *cs_xrealloc(void *old, size_t size);
char *cs_xstrdup(const char *text);
/* Says on stderr that `size` bytes were refused, and aborts. */
_Noreturn void cs_out_of_memory(size_t size);

#endif
