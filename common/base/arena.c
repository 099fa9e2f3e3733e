#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGN 16u
#define BLOCK_MIN (4u << 10)
#define BLOCK_MAX (1u << 20) /* no larger block is kept for reuse */

struct cs_arena_block {
    cs_arena_block *next;
    size_t used;
    size_t cap;
    _Alignas(ALIGN) char bytes[];
};

static cs_arena_block *add_block(cs_arena *arena, size_t size);

void *cs_arena_alloc(cs_arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - ALIGN - sizeof(cs_arena_block))
        cs_out_of_memory(size);
    size = size == 0 ? ALIGN : (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    cs_arena_block *block = arena->blocks;
    if (block == NULL || block->cap - block->used < size)
        block = add_block(arena, size);
    void *at = block->bytes + block->used;
    block->used += size;
    arena->bytes += size;
    return memset(at, 0, size);
}

void *cs_arena_alloc_array(cs_arena *arena, size_t size, size_t count)
{
    size_t total;
    if (__builtin_mul_overflow(size, count, &total))
        cs_out_of_memory(SIZE_MAX);
    return cs_arena_alloc(arena, total);
}

cs_str cs_arena_str(cs_arena *arena, cs_str text)
{
    return (cs_str){ cs_arena_cstr(arena, text), text.len };
}

char *cs_arena_cstr(cs_arena *arena, cs_str text)
{
    if (text.len == SIZE_MAX)
        cs_out_of_memory(text.len);
    char *copy = cs_arena_alloc(arena, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

char *cs_arena_printf(cs_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        cs_out_of_memory(SIZE_MAX);
    char *text = cs_arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

void cs_arena_reset(cs_arena *arena)
{
    cs_arena_block *kept = NULL;
    for (cs_arena_block *block = arena->blocks, *next; block != NULL; block = next) {
        next = block->next;
        bool better = block->cap <= BLOCK_MAX && (kept == NULL || block->cap > kept->cap);
        cs_arena_block *gone = better ? kept : block;
        if (better)
            kept = block;
        free(gone);
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
    }
    *arena = (cs_arena){ .blocks = kept };
}

void cs_arena_done(cs_arena *arena)
{
    if (arena == NULL)
        return;
    for (cs_arena_block *block = arena->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    *arena = CS_ARENA_INIT;
}

void *cs_xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (memory == NULL)
        cs_out_of_memory(size);
    return memory;
}

void *cs_xrealloc(void *old, size_t size)
{
    void *memory = realloc(old, size > 0 ? size : 1);
    if (memory == NULL)
        cs_out_of_memory(size);
    return memory;
}

char *cs_xstrdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(cs_xrealloc(NULL, size), text, size);
}

void cs_out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes more were refused\n", size);
    abort();
}

static cs_arena_block *add_block(cs_arena *arena, size_t size)
{
    cs_arena_block *current = arena->blocks;
    size_t cap = current == NULL ? BLOCK_MIN : 2 * current->cap;
    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    /* What takes most of a block gets its own, behind the current one, whose rest stays in use. */
    bool own = current != NULL && size > cap / 4;
    if (own || size > cap)
        cap = size;
    cs_arena_block *block = malloc(sizeof *block + cap);
    if (block == NULL)
        cs_out_of_memory(sizeof *block + cap);
    block->used = 0;
    block->cap = cap;
    block->next = own ? current->next : current;
    *(own ? &current->next : &arena->blocks) = block;
    return block;
}
