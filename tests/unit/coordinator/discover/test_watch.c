/* On the real file system, since inotify is the kernel's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coordinator/discover/watch.h"

static char root[64];
static char heard[20000];
static bool no_inotify;

int inotify_init1(int flags)
{
    return no_inotify ? -1 : (int)syscall(SYS_inotify_init1, flags);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/cs_watch_XXXXXX");
    assert_non_null(mkdtemp(root));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static int make(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void note(void *ctx, cs_str name, bool closed)
{
    (void)ctx;
    size_t len = strlen(heard);
    snprintf(heard + len, sizeof heard - len, "%.*s%s ", CS_STR_ARG(name), closed ? "!" : "?");
}

static void count_full_looks(void *ctx, cs_str name, bool closed)
{
    (void)closed;
    *(int *)ctx += name.len == 0;
}

static void assert_heard(cs_watch *watch, const char *expected)
{
    heard[0] = '\0';
    cs_watch_read(watch, note, NULL);
    assert_string_equal(heard, expected);
}

static void hears_what_is_made_closed_linked_and_moved_in(void **state)
{
    (void)state;
    cs_watch *watch;
    assert_int_equal(cs_watch_open(root, false, &watch, NULL), CS_OK);
    assert_heard(watch, "");
    int fd = make("a.csv");
    assert_heard(watch, "a.csv? ");
    assert_int_equal(write(fd, "1", 1), 1);
    assert_heard(watch, "");
    struct pollfd item = { .fd = cs_watch_fd(watch), .events = POLLIN };
    assert_int_equal(poll(&item, 1, 0), 0);
    close(fd);
    assert_int_equal(poll(&item, 1, 0), 1);
    assert_heard(watch, "a.csv! ");
    char from[500];
    snprintf(from, sizeof from, "%s", path_of("a.csv"));
    assert_int_equal(link(from, path_of("b.csv")), 0);
    assert_heard(watch, "b.csv? ");
    assert_int_equal(rename(from, path_of("c\n%\xff")), 0);
    assert_heard(watch, "c\n%\xff! ");
    assert_int_equal(unlink(path_of("b.csv")), 0);
    assert_heard(watch, "");
    cs_watch_close(watch);
}

static void folders_are_watched_only_with_recursion(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("x"), 0700), 0);
    assert_int_equal(mkdir(path_of("x/y"), 0700), 0);
    cs_watch *flat, *deep;
    assert_int_equal(cs_watch_open(root, false, &flat, NULL), CS_OK);
    assert_int_equal(cs_watch_open(root, true, &deep, NULL), CS_OK);
    close(make("x/y/a"));
    assert_heard(flat, "");
    assert_heard(deep, "x/y/a? x/y/a! ");
    cs_watch_close(flat);
    cs_watch_close(deep);
}

static void folder_that_appears_is_hinted_and_watched(void **state)
{
    (void)state;
    cs_watch *watch;
    assert_int_equal(cs_watch_open(root, true, &watch, NULL), CS_OK);
    assert_int_equal(mkdir(path_of("new"), 0700), 0);
    assert_int_equal(mkdir(path_of("new/er"), 0700), 0);
    close(make("new/er/early")); /* before anybody watches it: the hint at the folder stands for it */
    heard[0] = '\0';
    cs_watch_read(watch, note, NULL);
    assert_non_null(strstr(heard, "new? "));
    close(make("new/er/late"));
    assert_heard(watch, "new/er/late? new/er/late! ");
    /* A folder that is renamed goes on under its new name. */
    char from[500];
    snprintf(from, sizeof from, "%s", path_of("new"));
    assert_int_equal(rename(from, path_of("newest")), 0);
    assert_heard(watch, "newest! ");
    close(make("newest/er/f"));
    assert_heard(watch, "newest/er/f? newest/er/f! ");
    cs_watch_close(watch);
}

static void symlinks_are_not_followed_to_other_folders(void **state)
{
    (void)state;
    cs_watch *watch;
    char outside[] = "/tmp/cs_watch_out_XXXXXX";
    assert_non_null(mkdtemp(outside));
    assert_int_equal(symlink(outside, path_of("out")), 0);
    assert_int_equal(cs_watch_open(root, true, &watch, NULL), CS_OK);
    char file[64];
    snprintf(file, sizeof file, "%s/x", outside);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_heard(watch, "");
    cs_watch_close(watch);
    unlink(file);
    rmdir(outside);
}

static void queue_overflow_asks_for_a_full_look(void **state)
{
    (void)state;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    int most = 0;
    if (limit == NULL || fscanf(limit, "%d", &most) != 1 || most > 100000)
        most = 0;
    if (limit != NULL)
        fclose(limit);
    if (most == 0)
        skip();
    cs_watch *watch;
    assert_int_equal(cs_watch_open(root, false, &watch, NULL), CS_OK);
    /* Two names in turn, since equal neighbours are joined. */
    for (int i = 0; i < most + 10; i++)
        close(make(i % 2 == 0 ? "a" : "b"));
    int asked = 0;
    cs_watch_read(watch, count_full_looks, &asked);
    assert_int_equal(asked, 1);
    cs_watch_close(watch);
}

static void missing_folder_is_refused(void **state)
{
    (void)state;
    cs_watch *watch = NULL;
    assert_int_equal(cs_watch_open("/does/not/exist", true, &watch, NULL), CS_E_PATH_NOT_FOUND);
    assert_null(watch);
    cs_watch_close(NULL);
}

static void without_inotify_the_watch_is_silent(void **state)
{
    (void)state;
    cs_watch *watch;
    no_inotify = true;
    assert_int_equal(cs_watch_open(root, true, &watch, NULL), CS_OK);
    no_inotify = false;
    close(make("a"));
    struct pollfd item = { .fd = cs_watch_fd(watch), .events = POLLIN };
    assert_int_equal(poll(&item, 1, 0), 0);
    assert_heard(watch, "");
    cs_watch_close(watch);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(hears_what_is_made_closed_linked_and_moved_in),
        CASE(folders_are_watched_only_with_recursion),
        CASE(folder_that_appears_is_hinted_and_watched),
        CASE(symlinks_are_not_followed_to_other_folders),
        CASE(queue_overflow_asks_for_a_full_look),
        CASE(missing_folder_is_refused),
        CASE(without_inotify_the_watch_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
