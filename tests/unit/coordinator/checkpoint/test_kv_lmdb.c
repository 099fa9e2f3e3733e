/* LMDB's traps, one test for each guard. The test program is its own checker, and catches the system calls
 * that LMDB makes by defining them. */
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
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "coordinator/checkpoint/checkpoint.h"

static struct {
    int write_errno, sync_errno;
    int at;     /* the at-th write or sync fails; 0: none */
    int passed;
    int folder_syncs;
    unsigned long magic;
} lie;

static bool fails(int sys_errno)
{
    if (sys_errno == 0 || lie.at == 0 || ++lie.passed != lie.at)
        return false;
    errno = sys_errno;
    return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return fails(lie.write_errno) ? -1 : syscall(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return fails(lie.write_errno) ? -1 : syscall(SYS_writev, fd, parts, n);
}

int fdatasync(int fd)
{
    return fails(lie.sync_errno) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    struct stat st;
    lie.folder_syncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    return fails(lie.sync_errno) ? -1 : (int)syscall(SYS_fsync, fd);
}

int statfs(const char *path, struct statfs *out)
{
    int rc = (int)syscall(SYS_statfs, path, out);
    if (rc == 0 && lie.magic != 0)
        out->f_type = (__typeof__(out->f_type))lie.magic;
    return rc;
}

static char root[64], folder[96];
static char self[4096];
static cs_rng_seeded rng;
static const cs_checkpoint_pin pin = { { "/in", 3 }, { "csv", 3 }, { "", 0 } };

static int setup(void **state)
{
    (void)state;
    memset(&lie, 0, sizeof lie);
    cs_rng_seeded_init(&rng, 1);
    snprintf(root, sizeof root, "/tmp/cs_lmdb_XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/made/chk", root);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memset(&lie, 0, sizeof lie);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
    return 0;
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static cs_code start(cs_checkpoint **out, cs_error *err)
{
    cs_kv *kv;
    cs_code code = cs_kv_lmdb_open(folder, self, &kv, err);
    return code == CS_OK ? cs_checkpoint_start(kv, &pin, &rng.rng, out, err) : code;
}

static cs_plan *plan_of(cs_checkpoint *checkpoint, uint32_t n)
{
    static const cs_job job = { .split_bytes = 1 << 20, .task_bytes = 1 << 20 };
    const cs_checkpoint_state *state = cs_checkpoint_state_of(checkpoint);
    uint64_t batch = (uint64_t)(state->committed + 1);
    cs_source_file *files = cs_xcalloc(n + 1, sizeof *files);
    char (*names)[100] = cs_xcalloc(n + 1, sizeof *names);
    for (uint32_t i = 0; i < n; i++) {
        int len = snprintf(names[i], sizeof names[i], "year=2026/month=01/day=02/batch-%llu/some-file-name-%u.csv",
                           (unsigned long long)batch, i);
        files[i] = (cs_source_file){ { names[i], (size_t)len }, { 1000 + i, i } };
    }
    cs_plan_input input = { .batch = batch,
                            .job = &job,
                            .options = CS_STR("o"),
                            .files = files,
                            .n_files = n,
                            .workers = 2,
                            .digest_before = &state->digest };
    cs_plan *plan = NULL;
    assert_int_equal(cs_plan_make(&input, &plan, NULL), CS_OK);
    free(names);
    free(files);
    return plan;
}

static cs_code run_batch(cs_checkpoint *checkpoint, uint32_t n, cs_error *err)
{
    cs_plan *plan = plan_of(checkpoint, n);
    cs_code code = cs_checkpoint_save_plan(checkpoint, plan, err);
    if (code == CS_OK)
        cs_checkpoint_committed(checkpoint, plan->batch, &plan->digest, &(cs_uuid){ { 1 } });
    cs_plan_free(plan);
    return code;
}

static void make_some(uint32_t batches, uint32_t files)
{
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    for (uint32_t i = 0; i < batches; i++)
        assert_int_equal(run_batch(checkpoint, files, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    cs_plan *waiting = plan_of(checkpoint, files);
    assert_int_equal(cs_checkpoint_save_plan(checkpoint, waiting, NULL), CS_OK);
    cs_plan_free(waiting);
    cs_checkpoint_close(checkpoint);
}

static void folder_is_made_private_and_durable(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    struct stat st;
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(in_folder("data.mdb"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(in_folder("LOCK"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* The two folders made into their parents, and the new environment's name. */
    assert_in_range(lie.folder_syncs, 3, 4);
    cs_checkpoint_close(checkpoint);
}

static void second_opener_is_told_who_holds_it(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint, *second = NULL;
    cs_error err;
    char pid[32], host[65] = "";
    snprintf(pid, sizeof pid, "pid %ld ", (long)getpid());
    gethostname(host, sizeof host - 1);
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    assert_int_equal(start(&second, &err), CS_E_CHECKPOINT_IN_USE); /* the same process twice */
    assert_int_equal(err.exit_status, 75);
    assert_non_null(strstr(err.message, pid));
    assert_non_null(strstr(err.message, host));
    assert_non_null(strstr(err.message, "since 20"));
    pid_t child = fork();
    if (child == 0)
        _exit(start(&second, NULL) == CS_E_CHECKPOINT_IN_USE ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    /* Another descriptor of LOCK, opened and closed, must not let go of the lock. */
    close(open(in_folder("LOCK"), O_RDWR | O_CLOEXEC));
    assert_int_equal(start(&second, NULL), CS_E_CHECKPOINT_IN_USE);
    cs_checkpoint_close(checkpoint);
    assert_int_equal(start(&second, NULL), CS_OK);
    cs_checkpoint_close(second);
}

static void lock_of_a_dead_process_does_not_stand_in_the_way(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        cs_checkpoint *checkpoint;
        if (start(&checkpoint, NULL) == CS_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->epoch, 2);
    cs_checkpoint_close(checkpoint);
}

static void file_systems_that_are_not_local_are_refused(void **state)
{
    (void)state;
    static const unsigned long remote[] = { 0x6969 /* NFS */, 0xFF534D42 /* CIFS */, 0x01021997 /* 9p */,
                                            0x65735546 /* FUSE */, 0x786f4256 /* vboxsf */ };
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        cs_checkpoint *checkpoint;
        cs_error err;
        lie.magic = remote[i];
        assert_int_equal(start(&checkpoint, &err), CS_E_UNSUPPORTED);
        assert_int_equal(err.exit_status, 78);
        assert_non_null(strstr(err.hint, "local disk"));
    }
    static const unsigned long local[] = { 0xEF53, 0x58465342, 0x9123683E, 0x2FC12FC1, 0xF2F52010,
                                           0x794C7630, 0x01021994 /* with a notice */ };
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        cs_checkpoint *checkpoint;
        lie.magic = local[i];
        assert_int_equal(start(&checkpoint, NULL), CS_OK);
        cs_checkpoint_close(checkpoint);
    }
}

static void folder_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint;
    cs_error err;
    snprintf(folder, sizeof folder, "%s/file", root);
    close(open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(start(&checkpoint, &err), CS_E_PATH_NOT_FOUND);
    assert_non_null(strstr(err.message, folder));
    if (getuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0) {
        snprintf(folder, sizeof folder, "%s/chk", root);
        bool ok = chmod(root, 0755) == 0 && setgid(65534) == 0 && setuid(65534) == 0 &&
                  start(&checkpoint, &err) == CS_E_PERMISSION && strstr(err.message, folder) != NULL;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void half_made_environment_is_made_anew(void **state)
{
    (void)state;
    /* A crash while the environment was made leaves the temporary name only. */
    snprintf(folder, sizeof folder, "%s/chk", root);
    assert_int_equal(mkdir(folder, 0700), 0);
    int fd = open(in_folder(".new.mdb"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "torn", 4), 4);
    close(fd);
    make_some(1, 1);
    assert_int_equal(access(in_folder(".new.mdb"), F_OK), -1);
}

/* A batch of the largest size: 65,536 files, some 6 MB of names, through a map that starts at 16 MiB. */
static void largest_plan_fits_and_is_read_back(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    cs_plan *again = NULL;
    for (int i = 0; i < 2; i++) {
        cs_plan *plan = plan_of(checkpoint, CS_BATCH_FILES_MAX);
        cs_error err;
        int64_t begun = cs_clock_mono_ms(cs_clock_system());
        assert_int_equal(cs_checkpoint_save_plan(checkpoint, plan, &err), CS_OK);
        int64_t saved = cs_clock_mono_ms(cs_clock_system());
        assert_int_equal(cs_checkpoint_load_plan(checkpoint, plan->batch, &again, NULL), CS_OK);
        print_message("saved in %lld ms, loaded in %lld ms\n", (long long)(saved - begun),
                      (long long)(cs_clock_mono_ms(cs_clock_system()) - saved));
        assert_memory_equal(&again->digest, &plan->digest, sizeof plan->digest);
        cs_checkpoint_committed(checkpoint, plan->batch, &plan->digest, &(cs_uuid){ { 1 } });
        cs_plan_free(again);
        cs_plan_free(plan);
    }
    assert_int_equal(cs_checkpoint_flush(checkpoint, NULL), CS_OK);
    cs_checkpoint_close(checkpoint);
    int64_t begun = cs_clock_mono_ms(cs_clock_system());
    assert_int_equal(start(&checkpoint, NULL), CS_OK); /* with the check in a child */
    print_message("started again in %lld ms\n", (long long)(cs_clock_mono_ms(cs_clock_system()) - begun));
    cs_checkpoint_close(checkpoint);
}

/* Every n-th write and sync of a batch fails in turn: an error each time, and nothing is lost for the next
 * start. After ENOSPC the same handle goes on; after EIO it trusts nothing any more. */
static void every_failed_write_and_sync_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    int failed = 0;
    for (int kind = 0; kind < 3; kind++) {
        for (int at = 1;; at++) {
            cs_error err;
            int64_t before = cs_checkpoint_state_of(checkpoint)->planned;
            lie.passed = 0;
            lie.at = at;
            lie.write_errno = kind == 0 ? ENOSPC : kind == 1 ? EIO : 0;
            lie.sync_errno = kind == 2 ? EIO : 0;
            cs_code code = run_batch(checkpoint, 20, &err);
            bool struck = lie.passed >= at;
            memset(&lie, 0, sizeof lie);
            if (!struck) {
                assert_int_equal(code, CS_OK);
                break;
            }
            failed++;
            assert_int_equal(code, kind == 0 ? CS_E_DISK_FULL : CS_E_IO);
            assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, before);
            if (kind > 0) {
                assert_int_equal(run_batch(checkpoint, 20, &err), CS_E_IO);
                assert_non_null(strstr(err.hint, "start again"));
                cs_checkpoint_close(checkpoint);
                assert_int_equal(start(&checkpoint, NULL), CS_OK);
                /* The sync of the meta page may have failed after it was written: then the plan waits. */
                const cs_checkpoint_state *found = cs_checkpoint_state_of(checkpoint);
                if (found->planned > found->committed) {
                    cs_plan *plan = NULL;
                    assert_int_equal(cs_checkpoint_load_plan(checkpoint, (uint64_t)found->planned, &plan, NULL), CS_OK);
                    cs_checkpoint_committed(checkpoint, plan->batch, &plan->digest, &(cs_uuid){ { 1 } });
                    cs_plan_free(plan);
                }
            } else {
                assert_int_equal(run_batch(checkpoint, 20, NULL), CS_OK);
            }
        }
    }
    assert_true(failed >= 5);
    cs_checkpoint_close(checkpoint);
}

static void backup_that_fails_harms_nothing(void **state)
{
    (void)state;
    make_some(1, 5);
    for (int at = 1; at <= 2; at++) {
        cs_kv *kv;
        cs_error err;
        assert_int_equal(cs_kv_lmdb_open(folder, self, &kv, NULL), CS_OK);
        lie.passed = 0;
        lie.at = at;
        lie.sync_errno = EIO;
        assert_int_equal(kv->ops->backup(kv, &err), CS_E_IO);
        memset(&lie, 0, sizeof lie);
        assert_int_equal(kv->ops->begin(kv, true, NULL), CS_OK);
        assert_int_equal(kv->ops->put(kv, CS_STR("x"), CS_STR("1"), NULL), CS_OK);
        kv->ops->abort(kv);
        assert_int_equal(kv->ops->backup(kv, NULL), CS_OK);
        kv->ops->close(kv);
        assert_int_equal(access(in_folder(".new.mdb"), F_OK), -1);
    }
}

static void full_disk_at_the_first_start_is_an_error_each_time(void **state)
{
    (void)state;
    int failed = 0;
    cs_code code = CS_E_DISK_FULL;
    for (int at = 1; code != CS_OK; at++) {
        cs_checkpoint *checkpoint = NULL;
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s/made", root);
        assert_int_equal(system(command), 0);
        lie.passed = 0;
        lie.at = at;
        lie.write_errno = lie.sync_errno = ENOSPC;
        cs_error err;
        code = start(&checkpoint, &err);
        memset(&lie, 0, sizeof lie);
        if (code != CS_OK) {
            assert_int_equal(code, CS_E_DISK_FULL);
            failed++;
            assert_int_equal(start(&checkpoint, NULL), CS_OK);
        }
        cs_checkpoint_close(checkpoint);
    }
    assert_true(failed >= 6);
}

static off_t size_of(const char *name)
{
    struct stat st;
    assert_int_equal(stat(in_folder(name), &st), 0);
    return st.st_size;
}

static void truncated_file_is_damage_with_a_way_out(void **state)
{
    (void)state;
    make_some(3, 200);
    off_t whole = size_of("data.mdb");
    static const int parts[] = { 99, 75, 50, 25, 10 };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        cs_checkpoint *checkpoint;
        cs_error err;
        assert_int_equal(truncate(in_folder("data.mdb"), whole * parts[i] / 100), 0);
        assert_int_equal(start(&checkpoint, &err), CS_E_DAMAGED_CHECKPOINT);
        assert_int_equal(err.exit_status, 74);
        assert_non_null(strstr(err.message, folder));
        assert_non_null(strstr(err.hint, "data.mdb.backup"));
    }
    assert_int_equal(truncate(in_folder("data.mdb"), 0), 0);
    cs_checkpoint *checkpoint;
    assert_int_equal(start(&checkpoint, NULL), CS_E_DAMAGED_CHECKPOINT);
    /* The way out works: the backup of the last clean stop is whole and current. */
    char command[300];
    snprintf(command, sizeof command, "cp %s/data.mdb.backup %s/data.mdb", folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(start(&checkpoint, NULL), CS_OK);
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->committed, 2);
    assert_int_equal(cs_checkpoint_state_of(checkpoint)->planned, 3);
    cs_checkpoint_close(checkpoint);
}

/* Random bits, one at a time. The start refuses, or finds exactly what was stored: what a start reads carries
 * checksums, and what ends a process by a signal ends the child. */
static void flipped_bits_are_damage_or_harmless_but_never_a_crash(void **state)
{
    (void)state;
    make_some(3, 300);
    off_t whole = size_of("data.mdb");
    char command[300];
    snprintf(command, sizeof command, "cp %s/data.mdb %s/kept", folder, root);
    assert_int_equal(system(command), 0);
    uint64_t seed = 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    cs_rng_seeded bits;
    cs_rng_seeded_init(&bits, seed);
    int damaged = 0, harmless = 0;
    for (int i = 0; i < 120; i++) {
        snprintf(command, sizeof command, "%s/kept", root);
        int from = open(command, O_RDONLY | O_CLOEXEC);
        int to = open(in_folder("data.mdb"), O_WRONLY | O_TRUNC | O_CLOEXEC);
        char *bytes = cs_xcalloc(1, (size_t)whole);
        assert_int_equal(read(from, bytes, (size_t)whole), whole);
        /* Half of them in the page headers, where LMDB trusts most. */
        size_t at = cs_rng_below(&bits.rng, (uint64_t)whole);
        if (i % 2 == 0)
            at = at / 4096 * 4096 + cs_rng_below(&bits.rng, 24);
        bytes[at] ^= (char)(1 << cs_rng_below(&bits.rng, 8));
        assert_int_equal(write(to, bytes, (size_t)whole), whole);
        close(from);
        close(to);
        free(bytes);
        cs_checkpoint *checkpoint;
        cs_error err;
        cs_code code = start(&checkpoint, &err);
        if (code == CS_OK) {
            harmless++;
            assert_int_equal(cs_checkpoint_state_of(checkpoint)->epoch, 2);
            assert_int_equal(cs_checkpoint_state_of(checkpoint)->committed, 2);
            cs_plan *plan = NULL;
            assert_int_equal(cs_checkpoint_load_plan(checkpoint, 3, &plan, NULL), CS_OK);
            assert_int_equal(plan->n_files, 300);
            cs_plan_free(plan);
            cs_checkpoint_close(checkpoint);
        } else {
            assert_int_equal(code, CS_E_DAMAGED_CHECKPOINT);
            damaged++;
        }
    }
    print_message("%d refused, %d harmless\n", damaged, harmless);
    assert_true(damaged > 20 && harmless > 0);
}

static void child_killed_by_a_signal_means_damage(void **state)
{
    (void)state;
    make_some(1, 1);
    char script[128];
    snprintf(script, sizeof script, "%s/killed", root);
    FILE *file = fopen(script, "we");
    fputs("#!/bin/sh\nkill -BUS $$\n", file);
    fclose(file);
    assert_int_equal(chmod(script, 0700), 0);
    cs_kv *kv;
    cs_error err;
    assert_int_equal(cs_kv_lmdb_open(folder, script, &kv, &err), CS_E_DAMAGED_CHECKPOINT);
    assert_non_null(strstr(err.message, "signal 7"));
    assert_non_null(strstr(err.hint, "backup"));
    assert_int_equal(cs_kv_lmdb_open(folder, "/does/not/exist", &kv, &err), CS_E_MISSING_FILE);
    assert_int_equal(cs_kv_lmdb_open(folder, self, &kv, &err), CS_OK); /* the lock was given back each time */
    kv->ops->close(kv);
}

static void check_of_another_folder_or_none_fails_cleanly(void **state)
{
    (void)state;
    cs_error err;
    assert_int_equal(cs_kv_lmdb_check("/does/not/exist", &err), CS_E_MISSING_FILE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--check-checkpoint") == 0) {
        cs_error err;
        if (cs_kv_lmdb_check(argv[2], &err) == CS_OK)
            return 0;
        fprintf(stderr, "%s\n", err.message);
        return err.exit_status;
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        CASE(folder_is_made_private_and_durable),
        CASE(second_opener_is_told_who_holds_it),
        CASE(lock_of_a_dead_process_does_not_stand_in_the_way),
        CASE(file_systems_that_are_not_local_are_refused),
        CASE(folder_that_cannot_be_used_is_named),
        CASE(half_made_environment_is_made_anew),
        CASE(largest_plan_fits_and_is_read_back),
        CASE(every_failed_write_and_sync_is_an_error_and_loses_nothing),
        CASE(backup_that_fails_harms_nothing),
        CASE(full_disk_at_the_first_start_is_an_error_each_time),
        CASE(truncated_file_is_damage_with_a_way_out),
        CASE(flipped_bits_are_damage_or_harmless_but_never_a_crash),
        CASE(child_killed_by_a_signal_means_damage),
        CASE(check_of_another_folder_or_none_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
