#include "coordinator/submit/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 64

extern char **environ;

cs_code cs_program_path(const char *name, char out[PATH_MAX], cs_error *err)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0)
        return cs_error_sys(err, errno, "/proc/self/exe");
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    int len = slash ? snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - path), path, name) : -1;
    if (len < 0 || len >= PATH_MAX || access(out, X_OK) != 0) {
        cs_error_set(err, CS_E_PATH_NOT_FOUND, "%s is not beside cstream-submit", name);
        cs_error_hint(err, "install the three programs into one folder");
        return CS_E_PATH_NOT_FOUND;
    }
    return CS_OK;
}

static cs_code make_argv(const char *path, const char *const *args, char *argv[ARGS_MAX], cs_error *err)
{
    size_t n = 0;
    argv[n++] = (char *)path; /* exec never writes to its arguments */
    for (; *args; args++) {
        if (n == ARGS_MAX - 1)
            return cs_error_set(err, CS_E_LIMIT, "more than %d arguments for %s", ARGS_MAX, path);
        argv[n++] = (char *)*args;
    }
    argv[n] = NULL;
    return CS_OK;
}

cs_code cs_program_start(const char *name, const char *const *args, int parent_fd, pid_t *pid, cs_error *err)
{
    char path[PATH_MAX], *argv[ARGS_MAX];
    CS_TRY(cs_program_path(name, path, err));
    CS_TRY(make_argv(path, args, argv, err));
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    /* dup2 onto itself is how posix_spawn is told to leave a close-on-exec descriptor open. */
    if (parent_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, parent_fd, parent_fd);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int rc = posix_spawn(pid, path, &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc ? cs_error_sys(err, rc, "cannot start %s", path) : CS_OK;
}

cs_code cs_program_exec(const char *name, const char *const *args, cs_error *err)
{
    char path[PATH_MAX], *argv[ARGS_MAX];
    CS_TRY(cs_program_path(name, path, err));
    CS_TRY(make_argv(path, args, argv, err));
    execv(path, argv);
    return cs_error_sys(err, errno, "cannot start %s", path);
}
