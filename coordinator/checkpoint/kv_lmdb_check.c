/* LMDB has no page checksums: a flipped bit in a page header or a truncated file ends the process
 * by a signal sooner or later. So the file is looked through in a child first, started anew and not
 * forked, since a fork of a process with ZeroMQ threads may hang. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "coordinator/checkpoint/checkpoint_inside.h"
#include "coordinator/checkpoint/kv_lmdb.h"

/* Up to this size every value is read; beyond it only a sample of the records of files. */
#define READ_ALL_BYTES (32u << 20)
#define SAMPLES 4096u
#define VERDICT_MAX 600

static cs_code check_size(const char *folder, cs_error *err);
static cs_code check_values(cs_kv *kv, bool all, cs_error *err);
static cs_code check_plans(cs_kv *kv, cs_error *err);
static cs_code spawn(const char *checker, const char *folder, pid_t *child, int *output,
                     cs_error *err);

void cs_kv_lmdb_damage_hint(const char *folder, cs_error *err)
{
    cs_error_hint(err,
                  "copy %s/" CS_KV_LMDB_BACKUP " over %s/" CS_KV_LMDB_FILE " and start again: a backup that is too old "
                  "for the table is refused, not used; then `cstream-coordinator checkpoint reset` is the way on",
                  folder, folder);
}

cs_code cs_kv_lmdb_check(const char *folder, cs_error *err)
{
    CS_TRY(check_size(folder, err));
    cs_kv *kv;
    CS_TRY(cs_kv_lmdb_open_read_only(folder, &kv, err));
    cs_code code = kv->ops->begin(kv, false, err);
    if (code == CS_OK)
        code = check_values(kv, cs_kv_lmdb_bytes_used(kv) <= READ_ALL_BYTES, err);
    if (code == CS_OK)
        code = check_plans(kv, err);
    kv->ops->abort(kv);
    kv->ops->close(kv);
    return code;
}

cs_code cs_kv_lmdb_check_in_child(const char *folder, const char *checker, cs_error *err)
{
    pid_t child = -1;
    int output = -1, status;
    CS_TRY(spawn(checker, folder, &child, &output, err));
    char verdict[VERDICT_MAX], rest[256];
    size_t len = 0;
    ssize_t got;
    while ((got = read(output, len < sizeof verdict ? verdict + len : rest,
                       len < sizeof verdict ? sizeof verdict - len : sizeof rest)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0 && len < sizeof verdict)
            len += (size_t)got;
    }
    close(output); /* opened for reading: nothing to lose */
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return cs_error_sys(err, errno, "cannot wait for the check of checkpoint %s", folder);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return CS_OK;
    cs_str text = cs_str_trim((cs_str){ verdict, len });
    if (WIFSIGNALED(status))
        cs_error_set(err, CS_E_DAMAGED_CHECKPOINT,
                     "checkpoint %s is damaged: reading it ends a process by signal %d",
                     folder, WTERMSIG(status));
    else
        cs_error_set(err, CS_E_DAMAGED_CHECKPOINT, "checkpoint %s is damaged: %.*s", folder,
                     CS_STR_ARG(text.len > 0 ? text : CS_STR("the check failed")));
    cs_kv_lmdb_damage_hint(folder, err);
    return CS_E_DAMAGED_CHECKPOINT;
}

/* ---- in the child ---- */

/* LMDB maps what its meta page says, without comparing that with the file: SIGBUS. */
static cs_code check_size(const char *folder, cs_error *err)
{
    char *path = cs_kv_lmdb_path(folder, CS_KV_LMDB_FILE);
    struct stat st;
    int rc = stat(path, &st) == 0 ? 0 : errno;
    free(path);
    if (rc != 0)
        return cs_error_sys(err, rc, "cannot look at checkpoint %s", folder);
    cs_kv *kv;
    CS_TRY(cs_kv_lmdb_open_read_only(folder, &kv, err));
    uint64_t used = cs_kv_lmdb_bytes_used(kv);
    kv->ops->close(kv);
    if ((uint64_t)st.st_size < used)
        return cs_error_set(err, CS_E_DAMAGED_CHECKPOINT,
                            "the file has %llu bytes of %llu: it was cut off",
                            (unsigned long long)st.st_size, (unsigned long long)used);
    return CS_OK;
}

static cs_code check_value(cs_kv *kv, const cs_key *from, bool *end, cs_key *next, cs_error *err)
{
    cs_str key, sealed, value;
    cs_code code = kv->ops->seek(kv, cs_key_str(from), &key, &sealed, err);
    *end = code == CS_E_NOT_FOUND;
    if (code != CS_OK)
        return *end ? CS_OK : code;
    if (key.len == 0 || key.len >= CS_CHECKPOINT_KEY_MAX)
        return cs_checkpoint_damaged(err, key, "no key of ours is so long");
    CS_TRY(cs_value_open(key, sealed, &value, err));
    next->len = 0;
    cs_key_add(next, key.ptr, key.len);
    cs_key_add(next, "", 1); /* the next key after this one */
    return CS_OK;
}

static cs_code check_from(cs_kv *kv, cs_key from, char skipped, cs_error *err)
{
    for (bool end = false; !end;) {
        CS_TRY(check_value(kv, &from, &end, &from, err));
        if (!end && from.bytes[0] == skipped)
            return CS_OK;
    }
    return CS_OK;
}

static cs_code check_values(cs_kv *kv, bool all, cs_error *err)
{
    if (all)
        return check_from(kv, (cs_key){ .len = 0 }, '\0', err);
    CS_TRY(check_from(kv, (cs_key){ .len = 0 }, 'f', err));
    for (uint32_t i = 0; i < SAMPLES; i++) {
        bool end;
        cs_key from = cs_key_of('f'), next;
        cs_key_add_u64(&from, (uint64_t)i << 52);
        CS_TRY(check_value(kv, &from, &end, &next, err));
    }
    return check_from(kv, cs_key_of('f' + 1), '\0', err);
}

/* The plans that a start will read: those that wait, and those set aside. */
static cs_code check_plans(cs_kv *kv, cs_error *err)
{
    cs_key state_key = cs_key_of('C');
    cs_checkpoint_state state;
    cs_str key, sealed, value;
    cs_code code = kv->ops->get(kv, cs_key_str(&state_key), &sealed, err);
    if (code == CS_E_NOT_FOUND)
        return CS_OK; /* made, but never started */
    CS_TRY(code);
    CS_TRY(cs_value_open(cs_key_str(&state_key), sealed, &value, err));
    if (cs_state_parse(value, &state) != CS_OK)
        return cs_checkpoint_damaged(err, cs_key_str(&state_key), "the state cannot be read");
    cs_key from = cs_key_of('h');
    cs_key_add_u64(&from, (uint64_t)(state.committed + 1));
    for (;;) {
        cs_plan *plan;
        code = kv->ops->seek(kv, cs_key_str(&from), &key, &sealed, err);
        bool plan_here = code == CS_OK && key.len > 0 && key.ptr[0] == from.bytes[0];
        if (!plan_here && from.bytes[0] == 'H')
            return code == CS_E_NOT_FOUND ? CS_OK : code;
        if (!plan_here) {
            from = cs_key_of('H');
            continue;
        }
        from.len = 0;
        cs_key_add(&from, key.ptr, key.len);
        CS_TRY(cs_stored_plan_read(kv, &from, &plan, err));
        cs_plan_free(plan);
        cs_key_add(&from, "", 1); /* the next key after this one */
    }
}

/* ---- in the parent ---- */

static cs_code spawn(const char *checker, const char *folder, pid_t *child, int *output,
                     cs_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return cs_error_sys(err, errno, "cannot check checkpoint %s", folder);
    char *const argv[] = { (char *)(uintptr_t)checker, (char *)(uintptr_t)"--check-checkpoint",
                           (char *)(uintptr_t)folder, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc == 0 && (rc = posix_spawnattr_init(&attr)) == 0) {
        /* The loop's thread blocks its signals; the child must be mortal. */
        (void)posix_spawnattr_setsigmask(&attr, &none);
        (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
        rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (rc == 0)
            rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
        if (rc == 0)
            rc = posix_spawn(child, checker, &actions, &attr, argv, environ);
        posix_spawnattr_destroy(&attr);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]); /* the child's end */
    if (rc != 0) {
        close(ends[0]); /* nothing to lose */
        return cs_error_sys(err, rc, "cannot start %s to check checkpoint %s", checker, folder);
    }
    *output = ends[0];
    return CS_OK;
}
