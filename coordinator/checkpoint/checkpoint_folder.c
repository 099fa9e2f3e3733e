/* LMDB lets a second process, or the same one twice, open and write without a word (spec:
 * reliability.md §4): the lock is ours. It is an open-file-description lock, so that two opens
 * within one process exclude one another too, and no close() of another descriptor of LOCK lets go
 * of it. */
#include "coordinator/checkpoint/checkpoint_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define LOCK_TEXT_MAX 256
#define LOCK_TRIES 8

/* f_type of statfs(2); several have no name in the kernel's headers. */
static const struct {
    unsigned long magic;
    const char *name;
    bool in_memory;
} local_kinds[] = {
    { 0xEF53, "ext", false },         { 0x58465342, "xfs", false },  { 0x9123683E, "btrfs", false },
    { 0x2FC12FC1, "zfs", false },     { 0xF2F52010, "f2fs", false }, { 0x794C7630, "overlay",
                                                                       false },
    { 0x01021994, "tmpfs", true },    { 0x858458F6, "ramfs", true },
};

static cs_code check_file_system(const char *folder, cs_error *err);
static cs_code make_folders(const char *folder, cs_error *err);
static cs_code in_use(int fd, const char *folder, cs_error *err);
static int write_holder(int fd);

cs_code cs_checkpoint_folder_make(const char *folder, cs_error *err)
{
    CS_TRY(make_folders(folder, err));
    return check_file_system(folder, err);
}

cs_code cs_checkpoint_folder_sync(const char *folder, cs_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys_errno = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd); /* opened for reading: nothing to lose */
    return sys_errno == 0 ? CS_OK : cs_error_sys(err, sys_errno, "cannot sync folder %s", folder);
}

/* Between open and lock somebody may remove LOCK, and a third process make another: a lock on a
 * file that has lost its name excludes nobody. */
cs_code cs_checkpoint_folder_lock(const char *folder, int *fd_out, cs_error *err)
{
    char *path = NULL;
    if (asprintf(&path, "%s/LOCK", folder) < 0)
        cs_out_of_memory(0);
    cs_code code = CS_E_AGAIN;
    for (int i = 0; i < LOCK_TRIES && code == CS_E_AGAIN; i++) {
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        struct stat held, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            code = cs_error_sys(err, errno, "cannot open %s", path);
        else if (fcntl(fd, F_OFD_SETLK, &whole) != 0)
            code = errno == EAGAIN || errno == EACCES ? in_use(fd, folder, err)
                                                      : cs_error_sys(err, errno, "cannot lock %s",
                                                                     path);
        else if (fstat(fd, &held) != 0 || stat(path, &named) != 0 || held.st_dev != named.st_dev ||
                 held.st_ino != named.st_ino)
            code = CS_E_AGAIN;
        else if ((errno = write_holder(fd)) != 0)
            code = cs_error_sys(err, errno, "cannot write %s", path);
        else
            code = CS_OK;
        if (code == CS_OK)
            *fd_out = fd;
        else if (fd >= 0)
            close(fd); /* nothing in it that anybody needs */
    }
    if (code == CS_E_AGAIN)
        code = cs_error_set(err, CS_E_CHECKPOINT_IN_USE, "%s is removed again and again", path);
    free(path);
    return code;
}

static cs_code in_use(int fd, const char *folder, cs_error *err)
{
    char text[LOCK_TEXT_MAX];
    ssize_t len = pread(fd, text, sizeof text, 0);
    cs_str holder = cs_str_trim((cs_str){ text, len > 0 ? (size_t)len : 0 });
    cs_error_set(err, CS_E_CHECKPOINT_IN_USE, "checkpoint %s is in use by %.*s", folder,
                 CS_STR_ARG(holder.len > 0 ? holder : CS_STR("another process")));
    cs_error_hint(err, "stop that one first, or give this job a checkpoint of its own");
    return CS_E_CHECKPOINT_IN_USE;
}

/* For people only: whoever is refused reads it. Returns 0 or errno. */
static int write_holder(int fd)
{
    char host[65] = "", text[LOCK_TEXT_MAX];
    time_t now = (time_t)(cs_clock_wall_us(cs_clock_system()) / 1000000);
    struct tm utc;
    char since[32];
    (void)gethostname(host,
                      sizeof host - 1); /* a name that is cut or missing is only less helpful */
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    int len = snprintf(text, sizeof text, "pid %ld on host %s since %s\n", (long)getpid(), host,
                       since);
    ssize_t wrote = pwrite(fd, text, (size_t)len, 0);
    if (wrote != len)
        return wrote < 0 ? errno : ENOSPC;
    return ftruncate(fd, len) == 0 ? 0 : errno;
}

/* ---- the folder ---- */

static cs_code sync_parent(const char *path, cs_error *err)
{
    char *parent = cs_xstrdup(path);
    char *slash = strrchr(parent, '/');
    const char *name = slash == NULL ? "." : slash == parent ? "/" : parent;
    if (slash != NULL && slash != parent)
        *slash = '\0';
    cs_code code = cs_checkpoint_folder_sync(name, err);
    free(parent);
    return code;
}

static cs_code make_folders(const char *folder, cs_error *err)
{
    char *path = cs_xstrdup(folder);
    cs_code code = CS_OK;
    bool made = false;
    for (char *at = path + 1; code == CS_OK; at++) {
        char kept = *at;
        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, kept == '\0' ? 0700 : 0777) == 0) {
            made = true;
            code = sync_parent(path, err);
        } else if (errno != EEXIST) {
            code = cs_error_sys(err, errno, "cannot make folder %s", path);
        }
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(path);
    CS_TRY(code);
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return cs_error_set(err, CS_E_PATH_NOT_FOUND, "the checkpoint %s is not a folder", folder);
    /* One that was there may come from a process that died before its own sync; its parent may be
     * closed to us. */
    if (!made)
        (void)sync_parent(folder, NULL);
    return CS_OK;
}

static cs_code check_file_system(const char *folder, cs_error *err)
{
    struct statfs fs;
    if (statfs(folder, &fs) != 0)
        return cs_error_sys(err, errno, "cannot look at the file system of %s", folder);
    for (size_t i = 0; i < sizeof local_kinds / sizeof *local_kinds; i++) {
        if ((unsigned long)fs.f_type != local_kinds[i].magic)
            continue;
        if (local_kinds[i].in_memory)
            cs_log(CS_LOG_WARN, "checkpoint %s is on %s: it is lost when the machine stops", folder,
                   local_kinds[i].name);
        return CS_OK;
    }
    cs_error_set(err, CS_E_UNSUPPORTED,
                 "checkpoint %s is on a file system of type 0x%lx, which is not known to be local",
                 folder, (unsigned long)fs.f_type);
    cs_error_hint(err,
                  "keep the checkpoint on a local disk (ext4, xfs, btrfs, zfs, f2fs); source and table may be elsewhere");
    return CS_E_UNSUPPORTED;
}
