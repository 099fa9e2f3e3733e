/* The real file system: folders and names. Files are in store_posix_file.c, put-if-absent in
 * store_posix_put.c.
 *
 * Folders that exist already are synced as if they were made here: the process that made one may
 * have died before its own sync, and a name that rests on such a folder would go with it at a power
 * loss. */
#include "common/store/store_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/limits.h"

static cs_code posix_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err);
static cs_code posix_list(cs_store *store, cs_str folder,
                          cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                          void *ctx, cs_error *err);
static cs_code posix_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err);
static cs_code posix_remove(cs_store *store, cs_str name, cs_error *err);
static cs_code posix_sync_folder(cs_store *store, cs_str folder, cs_error *err);
static cs_writer_probe posix_probe_writer(cs_store *store, cs_str name);
static void posix_close(cs_store *store);

static const cs_store_ops ops = {
    .open = cs_posix_file_open,
    .stat = posix_stat,
    .list = posix_list,
    .create = cs_posix_file_create,
    .put_new = cs_posix_put_new,
    .rename_new = posix_rename_new,
    .remove = posix_remove,
    .make_folder = cs_posix_make_folder,
    .sync_folder = posix_sync_folder,
    .probe_writer = posix_probe_writer,
    .close = posix_close,
};

cs_code cs_store_posix_open(const char *root, bool may_create, cs_store **out, cs_error *err)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && !(may_create && errno == ENOENT)) {
        int sys_errno = errno;
        cs_error_set(err, CS_E_PATH_NOT_FOUND, "folder %s %s", root,
                     sys_errno == ENOENT ? "does not exist" : "is not a folder");
        if (err != NULL)
            err->sys_errno = sys_errno;
        return CS_E_PATH_NOT_FOUND;
    }
    if (fd < 0 && errno != ENOENT)
        return cs_error_sys(err, errno, "cannot open folder %s", root);
    cs_posix_store *posix = cs_xcalloc(1, sizeof *posix);
    posix->store.ops = &ops;
    posix->root = cs_xstrdup(root);
    posix->root_fd = fd;
    posix->may_create = may_create;
    *out = &posix->store;
    return CS_OK;
}

int cs_posix_enter(cs_posix_store *posix, cs_str folder)
{
    /* A root that was not there may have been made by another process since. */
    if (posix->root_fd < 0)
        posix->root_fd = open(posix->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = posix->root_fd;
    cs_str rest = folder, piece;
    while (fd >= 0 && cs_str_split(&rest, '/', &piece)) {
        char name[CS_NAME_BYTES_MAX + 1];
        memcpy(name, piece.ptr, piece.len);
        name[piece.len] = '\0';
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        cs_posix_leave(posix, fd);
        fd = next;
    }
    return fd;
}

void cs_posix_leave(const cs_posix_store *posix, int fd)
{
    int sys_errno = errno;
    if (fd >= 0 && fd != posix->root_fd)
        close(fd); /* opened for reading: nothing to lose */
    errno = sys_errno;
}

cs_str cs_posix_parent(cs_str name, char *base)
{
    const char *slash = memrchr(name.ptr, '/', name.len);
    size_t at = slash != NULL ? (size_t)(slash - name.ptr) + 1 : 0;
    memcpy(base, name.ptr + at, name.len - at);
    base[name.len - at] = '\0';
    return (cs_str){ name.ptr, slash != NULL ? at - 1 : 0 };
}

int cs_posix_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t wrote = write(fd, at, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote < 0 ? errno : EIO;
        at += wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

int cs_posix_fsync(int fd)
{
    while (fsync(fd) != 0) {
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

int cs_posix_fsync_folder(int fd)
{
    return CS_MUTANT("no_folder_fsync") ? 0 : cs_posix_fsync(fd);
}

void cs_posix_stat_of(const struct stat *st, cs_stat *out)
{
    out->kind = S_ISREG(st->st_mode)   ? CS_FILE_REGULAR
                : S_ISDIR(st->st_mode) ? CS_FILE_FOLDER
                : S_ISLNK(st->st_mode) ? CS_FILE_SYMLINK
                                       : CS_FILE_OTHER;
    out->size_bytes = (uint64_t)st->st_size;
    out->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    out->ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
    out->inode = st->st_ino;
}

cs_code cs_posix_error(const cs_posix_store *posix, cs_str name, int sys_errno, const char *what,
                       cs_error *err)
{
    const char *slash = name.len > 0 ? "/" : "";
    cs_code code = sys_errno == ENOENT || sys_errno == ENOTDIR ? CS_E_NOT_FOUND
                   : sys_errno == EEXIST                       ? CS_E_EXISTS
                   : sys_errno == ELOOP                        ? CS_E_UNSUPPORTED
                   : sys_errno == ENAMETOOLONG                 ? CS_E_LIMIT
                                                               : CS_OK;
    if (code == CS_OK)
        return cs_error_sys(err, sys_errno, "cannot %s %s%s%.*s", what, posix->root, slash,
                            CS_STR_ARG(name));
    cs_error_set(err, code, "cannot %s %s%s%.*s: %s", what, posix->root, slash, CS_STR_ARG(name),
                 sys_errno == ELOOP ? "it is a symbolic link, which is not followed"
                                    : strerrordesc_np(sys_errno));
    if (err != NULL)
        err->sys_errno = sys_errno;
    return code;
}

/* ---- the root and folders ---- */

static cs_code sync_parent_of(const char *path, bool must, cs_error *err)
{
    char *copy = cs_xstrdup(path);
    char *slash = strrchr(copy, '/');
    const char *parent = slash == NULL ? "." : slash == copy ? "/" : copy;
    if (slash != NULL && slash != copy)
        *slash = '\0';
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys_errno = fd < 0 ? errno : cs_posix_fsync_folder(fd);
    if (fd >= 0)
        close(fd); /* opened for reading: nothing to lose */
    cs_code code = CS_OK;
    if (sys_errno != 0 && must)
        code = cs_error_sys(err, sys_errno, "cannot make folder %s durable", path);
    free(copy);
    return code;
}

/* Symlinks in the path of the root itself are the user's own and are followed. */
static cs_code make_root(cs_posix_store *posix, cs_error *err)
{
    if (posix->root_fd >= 0)
        return sync_parent_of(posix->root, false,
                              err); /* somebody else's folder may be unreadable */
    char *path = cs_xstrdup(posix->root);
    cs_code code = CS_OK;
    for (char *at = path + 1; code == CS_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0777) == 0)
            code = sync_parent_of(path, true, err);
        else if (errno != EEXIST)
            code = cs_error_sys(err, errno, "cannot make folder %s", path);
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(path);
    CS_TRY(code);
    posix->root_fd = open(posix->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (posix->root_fd < 0)
        return cs_error_sys(err, errno, "cannot open folder %s", posix->root);
    return CS_OK;
}

cs_code cs_posix_make_folder(cs_store *store, cs_str folder, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    if (posix->may_create)
        CS_TRY(make_root(posix, err));
    int fd = cs_posix_enter(posix, CS_STR(""));
    if (fd < 0)
        return cs_posix_error(posix, CS_STR(""), errno, "open folder", err);
    int sys_errno = 0;
    cs_str rest = folder, piece;
    while (sys_errno == 0 && cs_str_split(&rest, '/', &piece)) {
        char name[CS_NAME_BYTES_MAX + 1];
        memcpy(name, piece.ptr, piece.len);
        name[piece.len] = '\0';
        int next = -1;
        if (mkdirat(fd, name, 0777) != 0 && errno != EEXIST)
            sys_errno = errno;
        else if ((sys_errno = cs_posix_fsync_folder(fd)) == 0 &&
                 (next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
            sys_errno = errno;
        cs_posix_leave(posix, fd);
        fd = next;
    }
    cs_posix_leave(posix, fd);
    if (sys_errno != 0)
        return cs_posix_error(posix, folder, sys_errno, "make folder", err);
    return CS_OK;
}

static cs_code posix_sync_folder(cs_store *store, cs_str folder, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    int fd = cs_posix_enter(posix, folder);
    int sys_errno = fd < 0 ? errno : cs_posix_fsync_folder(fd);
    cs_posix_leave(posix, fd);
    if (sys_errno != 0)
        return cs_posix_error(posix, folder, sys_errno, "sync folder", err);
    return CS_OK;
}

/* ---- names ---- */

static cs_code posix_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char base[CS_NAME_BYTES_MAX + 1] = ".";
    cs_str folder = name.len > 0 ? cs_posix_parent(name, base) : name;
    struct stat st;
    int fd = cs_posix_enter(posix, folder);
    int sys_errno = fd < 0 || fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) != 0 ? errno : 0;
    cs_posix_leave(posix, fd);
    if (sys_errno != 0)
        return cs_posix_error(posix, name, sys_errno, "look at", err);
    cs_posix_stat_of(&st, out);
    return CS_OK;
}

static cs_code list_stream(cs_posix_store *posix, DIR *dir, cs_str folder, cs_buf *name,
                           cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                           void *ctx, cs_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *found = readdir(dir);
        if (found == NULL)
            return errno == 0 ? CS_OK : cs_posix_error(posix, folder, errno, "list folder", err);
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        struct stat st;
        if (fstatat(dirfd(dir), found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT)
                continue;
            return cs_posix_error(posix, cs_str_of(found->d_name), errno, "look at", err);
        }
        cs_buf_clear(name);
        if (folder.len > 0) {
            cs_buf_add_str(name, folder);
            cs_buf_add_char(name, '/');
        }
        cs_buf_add_cstr(name, found->d_name);
        CS_TRY(cs_buf_check(name, err));
        cs_store_entry entry = { .name = cs_buf_str(name) };
        cs_posix_stat_of(&st, &entry.stat);
        CS_TRY(each(ctx, &entry, err));
    }
}

static cs_code posix_list(cs_store *store, cs_str folder,
                          cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                          void *ctx, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    int entered = cs_posix_enter(posix, folder);
    /* A descriptor of its own: reading moves it on. */
    int fd = entered < 0 ? -1 : openat(entered, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cs_posix_leave(posix, entered);
    /* A folder that was removed while we hold it would list as empty. */
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0) {
        close(fd); /* opened for reading: nothing to lose */
        return cs_posix_error(posix, folder, ENOENT, "list folder", err);
    }
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int sys_errno = errno;
        if (fd >= 0)
            close(fd); /* opened for reading: nothing to lose */
        return cs_posix_error(posix, folder, sys_errno, "list folder", err);
    }
    cs_buf name = CS_BUF_INIT;
    cs_code code = list_stream(posix, dir, folder, &name, each, ctx, err);
    cs_buf_done(&name);
    closedir(dir); /* opened for reading: nothing to lose */
    return code;
}

static cs_code posix_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char from_base[CS_NAME_BYTES_MAX + 1], to_base[CS_NAME_BYTES_MAX + 1];
    int to_fd = -1, sys_errno = 0;
    int from_fd = cs_posix_enter(posix, cs_posix_parent(from, from_base));
    if (from_fd < 0 || (to_fd = cs_posix_enter(posix, cs_posix_parent(to, to_base))) < 0 ||
        renameat2(from_fd, from_base, to_fd, to_base, RENAME_NOREPLACE) != 0)
        sys_errno = errno;
    cs_posix_leave(posix, from_fd);
    cs_posix_leave(posix, to_fd);
    if (sys_errno == EEXIST)
        return cs_posix_error(posix, to, sys_errno, "rename to", err);
    if (sys_errno != 0)
        return cs_posix_error(posix, from, sys_errno, "rename", err);
    return CS_OK;
}

static cs_code posix_remove(cs_store *store, cs_str name, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char base[CS_NAME_BYTES_MAX + 1];
    int fd = cs_posix_enter(posix, cs_posix_parent(name, base));
    int sys_errno = fd < 0 || unlinkat(fd, base, 0) != 0 ? errno : 0;
    cs_posix_leave(posix, fd);
    if (sys_errno != 0)
        return cs_posix_error(posix, name, sys_errno, "remove", err);
    return CS_OK;
}

/* A read lease is granted only while nobody has the file open for writing. It is given back at
 * once; a writer who comes in that moment makes the kernel send the holder a signal, which would be
 * SIGIO and end the process: SIGURG is ignored by default. */
static cs_writer_probe posix_probe_writer(cs_store *store, cs_str name)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char base[CS_NAME_BYTES_MAX + 1];
    int folder_fd = cs_posix_enter(posix, cs_posix_parent(name, base));
    if (folder_fd < 0)
        return CS_WRITER_UNKNOWN;
    int fd = openat(folder_fd, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    cs_posix_leave(posix, folder_fd);
    if (fd < 0)
        return CS_WRITER_UNKNOWN;
    cs_writer_probe probe = CS_WRITER_UNKNOWN;
    if (fcntl(fd, F_SETSIG, SIGURG) == 0) {
        if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
            probe = CS_WRITER_NONE;
        else if (errno == EAGAIN)
            probe = CS_WRITER_OPEN;
    }
    close(fd); /* gives the lease back */
    return probe;
}

static void posix_close(cs_store *store)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    if (posix->root_fd >= 0)
        close(posix->root_fd); /* opened for reading: nothing to lose */
    free(posix->root);
    free(posix);
}
