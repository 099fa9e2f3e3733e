/* What the real file system alone can show: system calls that fail, stop half-way or lie, symlinks, FIFOs,
 * permissions, leases. The calls are caught by defining them here: the test's own definition goes before
 * libc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/store.h"

static struct {
    int fsync_errno;          /* of the fsync_at-th fsync, counted from 1 */
    int fsync_at;
    int fsyncs, folder_fsyncs;
    bool write_short, write_eintr, read_short;
    int write_errno;
    int link_errno;           /* given after linking when link_works, else instead of it */
    bool link_works;
    int link_vanish;          /* so many times the temporary is taken away before the link */
    int rename_errno;
} lie;

static bool interrupted;

int fsync(int fd)
{
    struct stat st;
    lie.fsyncs++;
    lie.folder_fsyncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    if (lie.fsyncs == lie.fsync_at) {
        errno = lie.fsync_errno;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd > 2 && lie.write_eintr && !interrupted) {
        interrupted = true;
        errno = EINTR;
        return -1;
    }
    interrupted = false;
    if (fd > 2 && lie.write_errno != 0) {
        errno = lie.write_errno;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, fd > 2 && lie.write_short && len > 3 ? 3 : len);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t offset)
{
    if (lie.read_short && !interrupted) {
        interrupted = true;
        errno = EINTR;
        return -1;
    }
    interrupted = false;
    return syscall(SYS_pread64, fd, bytes, lie.read_short && len > 2 ? 2 : len, offset);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    if (lie.link_vanish > 0) {
        lie.link_vanish--;
        unlinkat(from_fd, from, 0);
    }
    int result = 0;
    if (lie.link_errno == 0 || lie.link_works)
        result = (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
    if (lie.link_errno == 0)
        return result;
    errno = lie.link_errno;
    return -1;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (lie.rename_errno != 0) {
        errno = lie.rename_errno;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

static char root[64];
static cs_store *store;

static int setup(void **state)
{
    (void)state;
    memset(&lie, 0, sizeof lie);
    snprintf(root, sizeof root, "/tmp/cs_store_XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(cs_store_posix_open(root, false, &store, NULL), CS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memset(&lie, 0, sizeof lie);
    cs_store_close(store);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
    return 0;
}

static const char *in_root(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static cs_code put(const char *name, const char *text, cs_error *err)
{
    return cs_store_put_new(store, cs_str_of(name), CS_STR("tag"), cs_str_of(text), err);
}

static void assert_content(const char *name, const char *text)
{
    cs_buf got = CS_BUF_INIT;
    assert_int_equal(cs_store_read(store, cs_str_of(name), 1 << 20, &got, NULL, NULL), CS_OK);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.ptr, text, got.len);
    cs_buf_done(&got);
}

static cs_code count_entry(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)entry;
    (void)err;
    ++*(int *)ctx;
    return CS_OK;
}

static int entries(void)
{
    int n = 0;
    assert_int_equal(cs_store_list(store, CS_STR(""), count_entry, &n, NULL), CS_OK);
    return n;
}

static void interrupted_and_short_writes_write_all(void **state)
{
    (void)state;
    lie.write_eintr = lie.write_short = true;
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, "0123456789", 10, NULL), CS_OK);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
    cs_file_writer_close(writer);
    assert_int_equal(put("y", "0123456789", NULL), CS_OK);
    assert_content("x", "0123456789");
    assert_content("y", "0123456789");
}

static void interrupted_and_short_reads_read_all(void **state)
{
    (void)state;
    assert_int_equal(put("x", "0123456789", NULL), CS_OK);
    lie.read_short = true;
    assert_content("x", "0123456789");
}

static void put_new_syncs_file_and_folder(void **state)
{
    (void)state;
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_int_equal(lie.fsyncs, 2);
    assert_int_equal(lie.folder_fsyncs, 1);
}

static void seal_syncs_file_and_all_folders_up_to_the_root(void **state)
{
    (void)state;
    assert_int_equal(cs_store_make_folder(store, CS_STR("a/b"), NULL), CS_OK);
    lie.fsyncs = lie.folder_fsyncs = 0;
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("a/b/x"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_OK);
    cs_file_writer_close(writer);
    assert_int_equal(lie.fsyncs, 4);
    assert_int_equal(lie.folder_fsyncs, 3);
}

static void folder_that_is_there_is_synced_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_root("a"), 0777), 0);
    assert_int_equal(cs_store_make_folder(store, CS_STR("a"), NULL), CS_OK);
    assert_int_equal(lie.folder_fsyncs, 1);
}

static void put_new_fails_at_every_sync_and_tells(void **state)
{
    (void)state;
    cs_error err;
    lie.fsync_errno = EIO;
    lie.fsync_at = 1;
    assert_int_equal(put("x", "1", &err), CS_E_IO);
    assert_int_equal(err.sys_errno, EIO);
    assert_int_equal(entries(), 0);
    /* The name stands when only the folder's sync failed: the outcome is unknown, nothing is undone. */
    lie.fsyncs = 0;
    lie.fsync_at = 2;
    assert_int_equal(put("x", "1", &err), CS_E_IO);
    assert_content("x", "1");
}

static void file_is_never_trusted_after_a_failed_sync(void **state)
{
    (void)state;
    cs_file_writer *writer;
    lie.fsync_errno = EIO;
    lie.fsync_at = 1;
    assert_int_equal(cs_store_create(store, CS_STR("x"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, "1", 1, NULL), CS_OK);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_E_IO);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_E_IO); /* the kernel would say 0 now */
    cs_file_writer_close(writer);
    assert_int_equal(entries(), 0);
}

static void full_disk_is_named_and_leaves_nothing(void **state)
{
    (void)state;
    cs_error err;
    lie.write_errno = ENOSPC;
    assert_int_equal(put("x", "1", &err), CS_E_DISK_FULL);
    assert_non_null(strstr(err.message, in_root("x")));
    cs_file_writer *writer;
    assert_int_equal(cs_store_create(store, CS_STR("y"), &writer, NULL), CS_OK);
    assert_int_equal(cs_file_writer_write(writer, "1", 1, NULL), CS_E_DISK_FULL);
    lie.write_errno = 0;
    assert_int_equal(cs_file_writer_write(writer, "1", 1, NULL), CS_E_IO);
    assert_int_equal(cs_file_writer_seal(writer, NULL), CS_E_IO);
    cs_file_writer_close(writer);
    assert_int_equal(entries(), 0);
}

static void link_that_worked_but_reported_an_error_counts(void **state)
{
    (void)state;
    static const int errors[] = { EEXIST, EIO, EPERM, ENOENT };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%zu", i);
        lie.link_errno = errors[i];
        lie.link_works = true;
        assert_int_equal(put(name, "1", NULL), CS_OK);
        assert_content(name, "1");
        assert_int_equal(entries(), (int)i + 1);
    }
}

static void temporary_that_a_cleaner_took_is_written_again(void **state)
{
    (void)state;
    lie.link_vanish = 3;
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_content("x", "1");
    lie.link_vanish = 1000000;
    cs_error err;
    assert_int_equal(put("y", "1", &err), CS_E_IO);
    assert_non_null(strstr(err.message, "vanished"));
}

static void left_over_temporary_does_not_stand_in_the_way(void **state)
{
    (void)state;
    int fd = open(in_root(".x.tag.tmp"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_int_equal(entries(), 1);
}

static void without_links_a_rename_that_refuses_takes_over(void **state)
{
    (void)state;
    lie.link_errno = EPERM;
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_int_equal(put("x", "2", NULL), CS_E_EXISTS);
    assert_content("x", "1");
    assert_int_equal(entries(), 1);
    lie.rename_errno = EINVAL;
    cs_error err;
    assert_int_equal(put("y", "2", &err), CS_E_UNSUPPORTED);
    assert_int_equal(entries(), 1);
}

static void symlinks_below_the_root_are_not_followed(void **state)
{
    (void)state;
    cs_stat st;
    cs_file *file;
    cs_file_writer *writer;
    assert_int_equal(symlink("/tmp", in_root("out")), 0);
    assert_int_equal(symlink("/etc/passwd", in_root("x.csv")), 0);
    assert_int_equal(cs_store_open(store, CS_STR("x.csv"), &file, NULL), CS_E_UNSUPPORTED);
    assert_int_equal(cs_store_stat(store, CS_STR("x.csv"), &st, NULL), CS_OK);
    assert_int_equal(st.kind, CS_FILE_SYMLINK);
    assert_int_equal(cs_store_create(store, CS_STR("x.csv"), &writer, NULL), CS_E_EXISTS);
    assert_int_equal(cs_store_create(store, CS_STR("out/x"), &writer, NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_make_folder(store, CS_STR("out/x"), NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_stat(store, CS_STR("out/x"), &st, NULL), CS_E_NOT_FOUND);
    assert_int_equal(put("out/x", "1", NULL), CS_E_NOT_FOUND);
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x.csv")), CS_WRITER_UNKNOWN);
}

static void fifo_does_not_hang(void **state)
{
    (void)state;
    cs_file *file;
    cs_stat st;
    cs_error err;
    assert_int_equal(mkfifo(in_root("x.csv"), 0600), 0);
    alarm(10);
    assert_int_equal(cs_store_open(store, CS_STR("x.csv"), &file, &err), CS_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "pipe"));
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x.csv")), CS_WRITER_UNKNOWN);
    alarm(0);
    assert_int_equal(cs_store_stat(store, CS_STR("x.csv"), &st, NULL), CS_OK);
    assert_int_equal(st.kind, CS_FILE_OTHER);
}

static void root_must_be_a_folder_that_exists(void **state)
{
    (void)state;
    cs_store *none = NULL;
    cs_error err;
    assert_int_equal(cs_store_posix_open(in_root("no"), false, &none, &err), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(err.message, "does not exist"));
    assert_int_equal(err.exit_status, 2);
    assert_int_equal(put("file", "1", NULL), CS_OK);
    assert_int_equal(cs_store_posix_open(in_root("file"), true, &none, &err), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(err.message, "not a folder"));
    assert_null(none);
}

static void root_that_somebody_else_made_is_found(void **state)
{
    (void)state;
    cs_store *late = NULL;
    cs_error err;
    cs_stat stat;
    assert_int_equal(cs_store_posix_open(in_root("late"), true, &late, &err), CS_OK);
    assert_int_equal(cs_store_stat(late, CS_STR("x"), &stat, &err), CS_E_NOT_FOUND);
    assert_int_equal(mkdir(in_root("late"), 0700), 0);
    assert_int_equal(put("late/x", "123", NULL), CS_OK);
    assert_int_equal(cs_store_stat(late, CS_STR("x"), &stat, &err), CS_OK);
    assert_int_equal(stat.size_bytes, 3);
    cs_store_close(late);
}

static void root_that_was_renamed_away_stays_the_same_root(void **state)
{
    (void)state;
    char moved[80];
    snprintf(moved, sizeof moved, "%s.moved", root);
    assert_int_equal(rename(root, moved), 0);
    assert_int_equal(mkdir(root, 0700), 0);
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_int_equal(access(in_root("x"), F_OK), -1);
    assert_int_equal(rmdir(root), 0);
    assert_int_equal(rename(moved, root), 0);
    assert_int_equal(access(in_root("x"), F_OK), 0);
}

static void root_that_was_removed_is_not_found_instead_of_empty(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(rmdir(root), 0);
    assert_int_equal(cs_store_list(store, CS_STR(""), count_entry, &n, NULL), CS_E_NOT_FOUND);
    assert_int_equal(put("x", "1", NULL), CS_E_NOT_FOUND);
}

/* In a child without root's rights, when the test itself has them. */
static void missing_permission_is_named(void **state)
{
    (void)state;
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(put("x", "1", NULL), CS_OK);
    assert_int_equal(chmod(in_root("x"), 0), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(1);
        if (getuid() != 65534)
            chmod(root, 0555);
        cs_file *file;
        cs_error err;
        bool ok = cs_store_open(store, CS_STR("x"), &file, &err) == CS_E_PERMISSION &&
                  err.exit_status == 74 && put("y", "1", &err) == CS_E_PERMISSION;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(status, 0);
}

static void descriptors_that_ran_out_are_an_error_and_come_back(void **state)
{
    (void)state;
    int held[4096];
    int n = 0;
    while (n < 4096 && (held[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    cs_error err = { 0 };
    cs_code code = n < 4096 ? put("x", "1", &err) : CS_E_IO;
    while (n > 0)
        close(held[--n]);
    assert_int_equal(code, CS_E_IO);
    assert_true(err.sys_errno == EMFILE || err.sys_errno == 0);
    assert_int_equal(put("x", "1", NULL), CS_OK);
}

static void writer_that_comes_during_a_probe_does_not_kill_us(void **state)
{
    (void)state;
    assert_int_equal(put("x", "1", NULL), CS_OK);
    if (cs_store_probe_writer(store, CS_STR("x")) == CS_WRITER_UNKNOWN)
        skip();
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            int fd = open(in_root("x"), O_WRONLY | O_CLOEXEC);
            close(fd);
        }
    }
    int seen[3] = { 0 };
    for (int i = 0; i < 20000; i++)
        seen[cs_store_probe_writer(store, CS_STR("x"))]++;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(seen[CS_WRITER_UNKNOWN], 0);
    assert_int_equal(cs_store_probe_writer(store, CS_STR("x")), CS_WRITER_NONE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(interrupted_and_short_writes_write_all),
        CASE(interrupted_and_short_reads_read_all),
        CASE(put_new_syncs_file_and_folder),
        CASE(seal_syncs_file_and_all_folders_up_to_the_root),
        CASE(folder_that_is_there_is_synced_all_the_same),
        CASE(put_new_fails_at_every_sync_and_tells),
        CASE(file_is_never_trusted_after_a_failed_sync),
        CASE(full_disk_is_named_and_leaves_nothing),
        CASE(link_that_worked_but_reported_an_error_counts),
        CASE(temporary_that_a_cleaner_took_is_written_again),
        CASE(left_over_temporary_does_not_stand_in_the_way),
        CASE(without_links_a_rename_that_refuses_takes_over),
        CASE(symlinks_below_the_root_are_not_followed),
        CASE(fifo_does_not_hang),
        CASE(root_must_be_a_folder_that_exists),
        CASE(root_that_somebody_else_made_is_found),
        CASE(root_that_was_renamed_away_stays_the_same_root),
        CASE(root_that_was_removed_is_not_found_instead_of_empty),
        CASE(missing_permission_is_named),
        CASE(descriptors_that_ran_out_are_an_error_and_come_back),
        CASE(writer_that_comes_during_a_probe_does_not_kill_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
