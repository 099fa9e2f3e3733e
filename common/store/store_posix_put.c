/* Put-if-absent (spec: delta.md §2): a whole, durable temporary is linked to the name, which link()
 * refuses when the name is taken, whoever took it. The folder is opened once, so that all steps
 * happen in the same one even when it is renamed or replaced meanwhile. */
#include "common/store/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/limits.h"

/* A cleaner of another process may take the temporary between its sync and the link; more often
 * than this it is no accident. */
#define TEMPORARY_TRIES 8

typedef struct put {
    cs_posix_store *posix;
    cs_str name;
    int folder_fd;
    char base[CS_NAME_BYTES_MAX + 1];
    char temporary[2 * CS_NAME_BYTES_MAX]; /* cs_store_put_new saw to it that it is a name */
} put;

static cs_code write_temporary(put *it, cs_str bytes, cs_error *err);
static int link_temporary(put *it, bool *renamed);
static cs_code link_error(const put *it, int sys_errno, cs_error *err);

cs_code cs_posix_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err)
{
    put it = { .posix = (cs_posix_store *)store, .name = name };
    it.folder_fd = cs_posix_enter(it.posix, cs_posix_parent(name, it.base));
    if (it.folder_fd < 0)
        return cs_posix_error(it.posix, name, errno, "create", err);
    snprintf(it.temporary, sizeof it.temporary, ".%s.%.*s.tmp", it.base, CS_STR_ARG(tag));
    cs_code code = CS_OK;
    bool renamed = false;
    int sys_errno = ENOENT;
    for (int i = 0; i < TEMPORARY_TRIES && sys_errno == ENOENT; i++) {
        CS_TRY_OUT(write_temporary(&it, bytes, err));
        CS_FAULT("store.put_new_before_link");
        sys_errno = link_temporary(&it, &renamed);
    }
    if (sys_errno != 0) {
        /* Harmless even if the link is there after all; what stays is removed by clean-up. */
        unlinkat(it.folder_fd, it.temporary, 0);
        code = link_error(&it, sys_errno, err);
        goto out;
    }
    CS_FAULT("store.put_new_after_link");
    sys_errno = cs_posix_fsync_folder(it.folder_fd);
    if (sys_errno != 0) {
        code = cs_posix_error(it.posix, name, sys_errno, "sync the folder of", err);
        goto out;
    }
    CS_FAULT("store.put_new_after_sync");
    if (!renamed)
        unlinkat(it.folder_fd, it.temporary, 0); /* what stays is removed by clean-up */
out:
    cs_posix_leave(it.posix, it.folder_fd);
    return code;
}

/* The tag makes the temporary ours alone: one that is there already is our own, from an earlier
 * round. */
static int open_temporary(put *it)
{
    for (;;) {
        int fd = openat(it->folder_fd, it->temporary,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST || unlinkat(it->folder_fd, it->temporary, 0) != 0)
            return fd;
    }
}

static cs_code write_temporary(put *it, cs_str bytes, cs_error *err)
{
    CS_FAULT("store.put_new_before_write");
    int fd = open_temporary(it);
    if (fd < 0) {
        int sys_errno = errno == EEXIST ? EIO : errno; /* "taken" would be said of the name */
        return cs_posix_error(it->posix, it->name, sys_errno, "create a temporary for", err);
    }
    const char *what = "write a temporary for";
    int sys_errno = cs_posix_write_all(fd, bytes.ptr, bytes.len);
    if (sys_errno == 0) {
        CS_FAULT("store.put_new_before_sync");
        what = "sync a temporary for";
        sys_errno = cs_posix_fsync(fd);
    }
    /* Linux frees the descriptor even when close reports an error. */
    if (close(fd) != 0 && errno != EINTR && sys_errno == 0)
        sys_errno = errno;
    if (sys_errno == 0)
        return CS_OK;
    unlinkat(it->folder_fd, it->temporary, 0); /* what stays is removed by clean-up */
    return cs_posix_error(it->posix, it->name, sys_errno, what, err);
}

/* 0 or errno. Over NFS an answer may get lost and the link be asked
 * for twice: whatever link() said, two names of the temporary mean that it worked. */
static int link_temporary(put *it, bool *renamed)
{
    if (CS_MUTANT("rename_instead_of_link")) {
        *renamed = true;
        return renameat(it->folder_fd, it->temporary, it->folder_fd, it->base) == 0 ? 0 : errno;
    }
    if (linkat(it->folder_fd, it->temporary, it->folder_fd, it->base, 0) == 0)
        return 0;
    int sys_errno = errno;
    struct stat st;
    if (fstatat(it->folder_fd, it->temporary, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2)
        return 0;
    if (sys_errno != EPERM && sys_errno != EOPNOTSUPP)
        return sys_errno;
    *renamed = true;
    return renameat2(it->folder_fd, it->temporary, it->folder_fd, it->base, RENAME_NOREPLACE) == 0
               ? 0
               : errno;
}

static cs_code link_error(const put *it, int sys_errno, cs_error *err)
{
    const char *root = it->posix->root;
    switch (sys_errno) {
    case ENOENT:
        return cs_error_set(err, CS_E_IO, "cannot create %s/%.*s: its temporary vanished %d times",
                            root, CS_STR_ARG(it->name), TEMPORARY_TRIES);
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
        cs_error_set(err, CS_E_UNSUPPORTED, "cannot create %s/%.*s: the file system can neither "
                     "link a file nor rename one without overwriting", root, CS_STR_ARG(it->name));
        cs_error_hint(err, "keep the table on a file system with hard links");
        return CS_E_UNSUPPORTED;
    default:
        return cs_posix_error(it->posix, it->name, sys_errno, "link", err);
    }
}
