#include "coordinator/submit/local_cluster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "coordinator/submit/programs.h"

#define FOLDER_PREFIX "cstream-"
#define RESTART_FIRST_MS 100
#define RESTART_MOST_MS 5000
#define HEALTHY_MS 10000   /* a worker that lived so long starts afresh with back-off */
#define STOP_WAIT_MS 3000
#define YOUNG_FOLDER_S 60  /* a folder without a lock file may be one that is being made */

typedef struct local_worker {
    pid_t pid;             /* 0: not running */
    int64_t started_ms;
    int64_t restart_ms;    /* when to start it again */
    int64_t back_off_ms;
} local_worker;

struct cs_local_cluster {
    cs_clock *clock;
    char folder[128];
    char worker_endpoint[160], client_endpoint[160];
    int lock_fd;
    int pipe_read, pipe_write;
    pid_t coordinator;
    local_worker *workers;
    unsigned n_workers;
    const char *const *log_args;
};

static cs_code make_folder(cs_local_cluster *cluster, cs_error *err);
static void remove_stale_folders(const char *base);
static void remove_folder(const char *folder);
static cs_code start_coordinator(cs_local_cluster *cluster, cs_error *err);
static cs_code start_worker(cs_local_cluster *cluster, unsigned at, cs_error *err);

cs_code cs_local_parse(cs_str master, unsigned *workers, cs_error *err)
{
    char shown[128];
    uint64_t number;
    cs_str inside = { master.ptr + 6, master.len - 7 };
    if (cs_str_eq(master, CS_STR("local"))) {
        *workers = 1;
    } else if (cs_str_eq(master, CS_STR("local[*]"))) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        *workers = cores < 1 ? 1 : cores > (long)CS_WORKERS_MAX ? CS_WORKERS_MAX : (unsigned)cores;
    } else if (cs_str_starts(master, CS_STR("local[")) && cs_str_ends(master, CS_STR("]")) &&
               cs_str_to_u64(inside, &number) && number >= 1 && number <= CS_WORKERS_MAX) {
        *workers = (unsigned)number;
    } else {
        cs_error_set(err, CS_E_BAD_OPTION, "--master: must be local[N] with N from 1 to %u, or local[*] (got \"%s\")",
                     CS_WORKERS_MAX, cs_escape(shown, sizeof shown, master));
        return CS_E_BAD_OPTION;
    }
    return CS_OK;
}

cs_code cs_local_start(unsigned workers, const char *const *log_args, cs_clock *clock, cs_local_cluster **out, cs_error *err)
{
    cs_code code;
    int fds[2];
    cs_local_cluster *cluster = cs_xcalloc(1, sizeof *cluster);
    cluster->clock = clock;
    cluster->log_args = log_args;
    cluster->n_workers = workers;
    cluster->workers = cs_xcalloc(workers, sizeof *cluster->workers);
    cluster->lock_fd = cluster->pipe_read = cluster->pipe_write = -1;
    CS_TRY_OUT(make_folder(cluster, err));
    if (pipe2(fds, O_CLOEXEC) != 0) {
        code = cs_error_sys(err, errno, "pipe");
        goto out;
    }
    cluster->pipe_read = fds[0];
    cluster->pipe_write = fds[1];
    CS_TRY_OUT(start_coordinator(cluster, err));
    for (unsigned i = 0; i < workers; i++)
        CS_TRY_OUT(start_worker(cluster, i, err));
    *out = cluster;
    return CS_OK;
out:
    cs_local_stop(cluster, true);
    return code;
}

const char *cs_local_client_endpoint(const cs_local_cluster *cluster)
{
    return cluster->client_endpoint;
}

static void describe_end(int status, char out[64])
{
    if (WIFSIGNALED(status))
        snprintf(out, 64, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(out, 64, "ended with status %d", WEXITSTATUS(status));
}

cs_code cs_local_tend(cs_local_cluster *cluster, cs_error *err)
{
    int status;
    char how[64];
    int64_t now = cs_clock_mono_ms(cluster->clock);
    if (cluster->coordinator && waitpid(cluster->coordinator, &status, WNOHANG) == cluster->coordinator) {
        cluster->coordinator = 0;
        describe_end(status, how);
        cs_error_set(err, CS_E_QUERY_FAILED, "the coordinator %s", how);
        cs_error_hint(err, "start the same command again: it goes on where it stopped");
        return CS_E_QUERY_FAILED;
    }
    for (unsigned i = 0; i < cluster->n_workers; i++) {
        local_worker *worker = &cluster->workers[i];
        if (worker->pid && waitpid(worker->pid, &status, WNOHANG) == worker->pid) {
            describe_end(status, how);
            if (now - worker->started_ms >= HEALTHY_MS)
                worker->back_off_ms = 0;
            cs_log(CS_LOG_WARN, "worker-%u %s; starting it again", i + 1, how);
            worker->pid = 0;
            worker->restart_ms = now + worker->back_off_ms;
            worker->back_off_ms = worker->back_off_ms == 0 ? RESTART_FIRST_MS
                                  : worker->back_off_ms * 2 > RESTART_MOST_MS ? RESTART_MOST_MS : worker->back_off_ms * 2;
        }
        if (!worker->pid && now >= worker->restart_ms)
            CS_TRY(start_worker(cluster, i, err));
    }
    return CS_OK;
}

int64_t cs_local_due_ms(const cs_local_cluster *cluster)
{
    int64_t due = -1;
    for (unsigned i = 0; i < cluster->n_workers; i++)
        if (!cluster->workers[i].pid && (due < 0 || cluster->workers[i].restart_ms < due))
            due = cluster->workers[i].restart_ms;
    return due;
}

/* Waits until all children are gone or the time is over. */
static bool reap(cs_local_cluster *cluster, int64_t wait_ms)
{
    int64_t until = cs_clock_mono_ms(cluster->clock) + wait_ms;
    for (;;) {
        unsigned alive = 0;
        if (cluster->coordinator && waitpid(cluster->coordinator, NULL, WNOHANG) == cluster->coordinator)
            cluster->coordinator = 0;
        alive += cluster->coordinator != 0;
        for (unsigned i = 0; i < cluster->n_workers; i++) {
            local_worker *worker = &cluster->workers[i];
            if (worker->pid && waitpid(worker->pid, NULL, WNOHANG) == worker->pid)
                worker->pid = 0;
            alive += worker->pid != 0;
        }
        if (alive == 0)
            return true;
        if (cs_clock_mono_ms(cluster->clock) >= until)
            return false;
        usleep(2000);
    }
}

void cs_local_stop(cs_local_cluster *cluster, bool at_once)
{
    if (!cluster)
        return;
    if (cluster->pipe_write >= 0)
        close(cluster->pipe_write);
    if (at_once || !reap(cluster, STOP_WAIT_MS)) {
        if (cluster->coordinator)
            kill(cluster->coordinator, SIGKILL);
        for (unsigned i = 0; i < cluster->n_workers; i++)
            if (cluster->workers[i].pid)
                kill(cluster->workers[i].pid, SIGKILL);
        (void)reap(cluster, STOP_WAIT_MS); /* a killed child that stays is in the kernel's hands */
    }
    if (cluster->pipe_read >= 0)
        close(cluster->pipe_read);
    if (cluster->folder[0])
        remove_folder(cluster->folder);
    if (cluster->lock_fd >= 0)
        close(cluster->lock_fd);
    free(cluster->workers);
    free(cluster);
}

/* A unix socket's path has room for 107 bytes: a long TMPDIR falls back to /tmp. */
static cs_code make_folder(cs_local_cluster *cluster, cs_error *err)
{
    char lock[160], unlocked[160];
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (!base || strlen(base) > 60 || access(base, W_OK | X_OK) != 0)
        base = "/tmp";
    remove_stale_folders(base);
    snprintf(cluster->folder, sizeof cluster->folder, "%s/" FOLDER_PREFIX "%u-XXXXXX", base, (unsigned)getuid());
    if (!mkdtemp(cluster->folder)) {
        int sys_errno = errno;
        cluster->folder[0] = '\0';
        return cs_error_sys(err, sys_errno, "cannot make a socket folder in %s", base);
    }
    /* The name `lock` appears when it is held: another start must not find it free and take us for dead. */
    snprintf(unlocked, sizeof unlocked, "%s/lock.new", cluster->folder);
    snprintf(lock, sizeof lock, "%s/lock", cluster->folder);
    cluster->lock_fd = open(unlocked, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (cluster->lock_fd < 0 || flock(cluster->lock_fd, LOCK_EX | LOCK_NB) != 0 || rename(unlocked, lock) != 0)
        return cs_error_sys(err, errno, "%s", lock);
    snprintf(cluster->worker_endpoint, sizeof cluster->worker_endpoint, "ipc://%s/workers", cluster->folder);
    snprintf(cluster->client_endpoint, sizeof cluster->client_endpoint, "ipc://%s/clients", cluster->folder);
    return CS_OK;
}

static bool is_stale(const char *folder, const struct stat *st)
{
    char lock[PATH_MAX + 8];
    snprintf(lock, sizeof lock, "%s/lock", folder);
    int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        int64_t now_s = cs_clock_wall_us(cs_clock_system()) / 1000000;
        return errno == ENOENT && now_s - st->st_mtim.tv_sec > YOUNG_FOLDER_S;
    }
    bool is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return is_free;
}

static void remove_stale_folders(const char *base)
{
    char prefix[64], path[PATH_MAX];
    struct stat st;
    struct dirent *entry;
    DIR *dir = opendir(base);
    int len = snprintf(prefix, sizeof prefix, FOLDER_PREFIX "%u-", (unsigned)getuid());
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, prefix, (size_t)len) != 0 || strlen(entry->d_name) != (size_t)len + 6)
            continue;
        int n = snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
        if (n > 0 && n < PATH_MAX - 16 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
            is_stale(path, &st))
            remove_folder(path);
    }
    if (dir)
        closedir(dir);
}

/* The folder is ours and flat: the lock and the sockets. */
static void remove_folder(const char *folder)
{
    static const char *const names[] = { "workers", "clients", "lock", "lock.new" };
    char path[PATH_MAX + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path); /* absent is fine */
    }
    if (rmdir(folder) != 0)
        cs_log(CS_LOG_WARN, "cannot remove %s", folder);
}

#define CHILD_ARGS_MAX 32

static size_t add_args(const char **args, size_t n, const char *const *more)
{
    while (*more && n < CHILD_ARGS_MAX - 1)
        args[n++] = *more++;
    args[n] = NULL;
    return n;
}

static cs_code start_coordinator(cs_local_cluster *cluster, cs_error *err)
{
    char fd[16];
    snprintf(fd, sizeof fd, "%d", cluster->pipe_read);
    const char *args[CHILD_ARGS_MAX];
    const char *own[] = { "--bind-workers", cluster->worker_endpoint, "--bind-clients", cluster->client_endpoint,
                          "--parent-fd", fd, NULL };
    add_args(args, add_args(args, 0, own), cluster->log_args);
    return cs_program_start(CS_PROGRAM_COORDINATOR, args, cluster->pipe_read, &cluster->coordinator, err);
}

static cs_code start_worker(cs_local_cluster *cluster, unsigned at, cs_error *err)
{
    char fd[16], name[32];
    local_worker *worker = &cluster->workers[at];
    snprintf(fd, sizeof fd, "%d", cluster->pipe_read);
    snprintf(name, sizeof name, "worker-%u", at + 1);
    const char *args[CHILD_ARGS_MAX];
    const char *own[] = { "--master", cluster->worker_endpoint, "--name", name, "--parent-fd", fd, NULL };
    add_args(args, add_args(args, 0, own), cluster->log_args);
    worker->started_ms = cs_clock_mono_ms(cluster->clock);
    return cs_program_start(CS_PROGRAM_WORKER, args, cluster->pipe_read, &worker->pid, err);
}
