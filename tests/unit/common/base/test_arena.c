/* Arenas, and how the program ends when memory is gone. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/arena.h"

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    unsigned char *pieces[500];
    size_t sizes[500];
    for (size_t round = 0; round < 2; round++) { /* the second finds a used block */
        for (size_t i = 0; i < 500; i++) {
            sizes[i] = i * 37 % 9000;
            pieces[i] = cs_arena_alloc(&arena, sizes[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(pieces[i][j], 0);
            memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
        }
        for (size_t i = 0; i < 500; i++) {
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(pieces[i][j], i % 255 + 1);
        }
        cs_arena_reset(&arena);
        assert_int_equal(arena.bytes, 0);
    }
    cs_arena_done(&arena);
    cs_arena_done(&arena);
    cs_arena_done(NULL);
}

static void an_empty_piece_is_a_piece_of_its_own(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    void *a = cs_arena_alloc(&arena, 0), *b = cs_arena_alloc(&arena, 0);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    assert_non_null(cs_arena_array(&arena, uint64_t, 0));
    cs_arena_done(&arena);
}

static void a_large_piece_leaves_the_current_block_in_use(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    char *a = cs_arena_alloc(&arena, 16);
    char *large = cs_arena_alloc(&arena, 5u << 20);
    large[(5u << 20) - 1] = 'x';
    char *b = cs_arena_alloc(&arena, 16);
    assert_ptr_equal(b, a + 16);
    assert_int_equal(arena.bytes, 32 + (5u << 20));
    cs_arena_reset(&arena);
    assert_non_null(arena.blocks);
    cs_arena_done(&arena);
    assert_null(arena.blocks);
}

static void reset_keeps_one_block_and_hands_it_out_again(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    void *first = cs_arena_alloc(&arena, 100);
    cs_arena_reset(&arena);
    assert_ptr_equal(cs_arena_alloc(&arena, 200), first);
    cs_arena_reset(&arena);
    cs_arena_reset(&arena);
    cs_arena_done(&arena);
    cs_arena empty = CS_ARENA_INIT;
    cs_arena_reset(&empty);
    assert_null(empty.blocks);
}

static void copies_are_terminated_and_independent(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    char source[] = "a\0bc";
    cs_str copy = cs_arena_str(&arena, (cs_str){ source, 4 });
    char *text = cs_arena_cstr(&arena, (cs_str){ "xyz", 2 });
    source[0] = 'Z';
    assert_int_equal(copy.len, 4);
    assert_memory_equal(copy.ptr, "a\0bc", 5);
    assert_string_equal(text, "xy");
    assert_string_equal(cs_arena_cstr(&arena, (cs_str){ NULL, 0 }), "");
    assert_string_equal(cs_arena_printf(&arena, "%d/%s", 7, "x"), "7/x");
    struct pair {
        int a, b;
    } *pair = cs_arena_new(&arena, struct pair);
    assert_int_equal(pair->a + pair->b, 0);
    cs_arena_done(&arena);
}

static void a_long_printf_is_whole(void **state)
{
    (void)state;
    cs_arena arena = CS_ARENA_INIT;
    char *text = cs_arena_printf(&arena, "%0100000d", 1);
    assert_int_equal(strlen(text), 100000);
    assert_int_equal(text[99999], '1');
    cs_arena_done(&arena);
}

static void xalloc_family_never_gives_null(void **state)
{
    (void)state;
    char *zeroed = cs_xcalloc(0, 0);
    assert_non_null(zeroed);
    char *grown = cs_xrealloc(zeroed, 0);
    assert_non_null(grown);
    grown = cs_xrealloc(grown, 100);
    grown[99] = 'x';
    free(grown);
    char *copy = cs_xstrdup("text");
    assert_string_equal(copy, "text");
    free(copy);
}

/* Signal that ended a child which ran `job`, 0 when it ended by itself. */
static int signal_that_ends(void (*job)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        (void)setrlimit(RLIMIT_CORE, &none); /* only spares the disk a core file */
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO); /* the child's complaint is expected */
        job();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void array_too_large(void)
{
    cs_arena arena = CS_ARENA_INIT;
    (void)cs_arena_alloc_array(&arena, SIZE_MAX / 2, 3);
}

static void piece_too_large(void)
{
    cs_arena arena = CS_ARENA_INIT;
    (void)cs_arena_alloc(&arena, SIZE_MAX - 5);
}

static void text_too_large(void)
{
    cs_arena arena = CS_ARENA_INIT;
    (void)cs_arena_cstr(&arena, (cs_str){ "", SIZE_MAX });
}

static void gone(void)
{
    cs_out_of_memory(1);
}

static void memory_that_cannot_be_had_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(signal_that_ends(array_too_large), SIGABRT);
    assert_int_equal(signal_that_ends(piece_too_large), SIGABRT);
    assert_int_equal(signal_that_ends(text_too_large), SIGABRT);
    assert_int_equal(signal_that_ends(gone), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(an_empty_piece_is_a_piece_of_its_own),
        cmocka_unit_test(a_large_piece_leaves_the_current_block_in_use),
        cmocka_unit_test(reset_keeps_one_block_and_hands_it_out_again),
        cmocka_unit_test(copies_are_terminated_and_independent),
        cmocka_unit_test(a_long_printf_is_whole),
        cmocka_unit_test(xalloc_family_never_gives_null),
        cmocka_unit_test(memory_that_cannot_be_had_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
