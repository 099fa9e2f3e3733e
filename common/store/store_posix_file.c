/* Files of the real file system: reading at offsets, and writing new ones until sealed.
 *
 * What an fsync once refused is never trusted again: the kernel forgets the dirty pages with the
 * error, so a second fsync would say all is well. A writer that failed stays failed and its file
 * goes. */
#include "common/store/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/limits.h"

typedef struct posix_file {
    cs_file file;
    cs_posix_store *posix;
    int fd;
    char name[];
} posix_file;

typedef struct posix_writer {
    cs_file_writer writer;
    cs_posix_store *posix;
    int fd; /* -1 once closed */
    int folder_fd;
    bool failed, sealed;
    char base[CS_NAME_BYTES_MAX + 1];
    char name[];
} posix_writer;

static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err);
static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err);
static void file_close(cs_file *base);
static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err);
static cs_code writer_seal(cs_file_writer *base, cs_error *err);
static void writer_close(cs_file_writer *base);

static const cs_file_ops file_ops = { file_read_at, file_stat, file_close };
static const cs_file_writer_ops writer_ops = { writer_write, writer_seal, writer_close };

/* O_NONBLOCK: a FIFO put in place of the file must not hang the open. */
cs_code cs_posix_file_open(cs_store *store, cs_str name, cs_file **out, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char base[CS_NAME_BYTES_MAX + 1];
    int folder_fd = cs_posix_enter(posix, cs_posix_parent(name, base));
    if (folder_fd < 0)
        return cs_posix_error(posix, name, errno, "open", err);
    int fd = openat(folder_fd, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    cs_posix_leave(posix, folder_fd);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int sys_errno = errno;
        if (fd >= 0)
            close(fd); /* opened for reading: nothing to lose */
        return cs_posix_error(posix, name, sys_errno, "open", err);
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd); /* likewise */
        return cs_error_set(err, CS_E_UNSUPPORTED, "%s/%.*s is %s, not a regular file",
                            posix->root, CS_STR_ARG(name),
                            S_ISDIR(st.st_mode) ? "a folder" : "a device, pipe or socket");
    }
    posix_file *file = cs_xcalloc(1, sizeof *file + name.len + 1);
    file->file.ops = &file_ops;
    file->posix = posix;
    file->fd = fd;
    memcpy(file->name, name.ptr, name.len);
    *out = &file->file;
    return CS_OK;
}

cs_code cs_posix_file_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err)
{
    cs_posix_store *posix = (cs_posix_store *)store;
    char base[CS_NAME_BYTES_MAX + 1];
    cs_str folder = cs_posix_parent(name, base);
    int folder_fd = cs_posix_enter(posix, folder);
    if (folder_fd < 0 && errno == ENOENT) {
        CS_TRY(cs_posix_make_folder(store, folder, err));
        folder_fd = cs_posix_enter(posix, folder);
    }
    if (folder_fd < 0)
        return cs_posix_error(posix, name, errno, "create", err);
    int fd = openat(folder_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
        cs_posix_leave(posix, folder_fd);
        return cs_posix_error(posix, name, errno, "create", err);
    }
    CS_FAULT("store.create_after_open");
    posix_writer *writer = cs_xcalloc(1, sizeof *writer + name.len + 1);
    writer->writer.ops = &writer_ops;
    writer->posix = posix;
    writer->fd = fd;
    writer->folder_fd = folder_fd;
    memcpy(writer->base, base, sizeof base);
    memcpy(writer->name, name.ptr, name.len);
    *out = &writer->writer;
    return CS_OK;
}

static cs_code file_read_at(cs_file *base, uint64_t offset, void *bytes, size_t len, size_t *got,
                            cs_error *err)
{
    posix_file *file = (posix_file *)base;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(file->fd, (char *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cs_posix_error(file->posix, cs_str_of(file->name), errno, "read", err);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return CS_OK;
}

static cs_code file_stat(cs_file *base, cs_stat *out, cs_error *err)
{
    posix_file *file = (posix_file *)base;
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return cs_posix_error(file->posix, cs_str_of(file->name), errno, "look at", err);
    cs_posix_stat_of(&st, out);
    return CS_OK;
}

static void file_close(cs_file *base)
{
    posix_file *file = (posix_file *)base;
    close(file->fd); /* opened for reading: nothing to lose */
    free(file);
}

static cs_code writer_fail(posix_writer *writer, int sys_errno, const char *what, cs_error *err)
{
    writer->failed = true;
    return cs_posix_error(writer->posix, cs_str_of(writer->name), sys_errno, what, err);
}

static cs_code writer_write(cs_file_writer *base, const void *bytes, size_t len, cs_error *err)
{
    posix_writer *writer = (posix_writer *)base;
    if (writer->failed || writer->sealed)
        return writer_fail(writer, EIO, "write after a failure or the end of", err);
    int sys_errno = cs_posix_write_all(writer->fd, bytes, len);
    return sys_errno == 0 ? CS_OK : writer_fail(writer, sys_errno, "write", err);
}

/* The name's folder and all above it up to the root: another process may have made them a moment
 * ago. */
static int sync_chain(const posix_writer *writer)
{
    char base[CS_NAME_BYTES_MAX + 1];
    int sys_errno = cs_posix_fsync_folder(writer->folder_fd);
    cs_str folder = cs_posix_parent(cs_str_of(writer->name), base);
    while (sys_errno == 0 && folder.len > 0) {
        folder = cs_posix_parent(folder, base);
        int fd = cs_posix_enter(writer->posix, folder);
        sys_errno = fd < 0 ? errno : cs_posix_fsync_folder(fd);
        cs_posix_leave(writer->posix, fd);
    }
    return sys_errno;
}

static cs_code writer_seal(cs_file_writer *base, cs_error *err)
{
    posix_writer *writer = (posix_writer *)base;
    if (writer->failed || writer->sealed)
        return writer_fail(writer, EIO, "seal after a failure or the end of", err);
    CS_FAULT("store.seal_before_sync");
    int sys_errno = cs_posix_fsync(writer->fd);
    /* Linux frees the descriptor even when close reports an error. */
    if (close(writer->fd) != 0 && errno != EINTR && sys_errno == 0)
        sys_errno = errno;
    writer->fd = -1;
    if (sys_errno != 0)
        return writer_fail(writer, sys_errno, "sync", err);
    CS_FAULT("store.seal_before_folder_sync");
    sys_errno = sync_chain(writer);
    if (sys_errno != 0)
        return writer_fail(writer, sys_errno, "sync the folder of", err);
    writer->sealed = true;
    CS_FAULT("store.seal_after");
    return CS_OK;
}

static void writer_close(cs_file_writer *base)
{
    posix_writer *writer = (posix_writer *)base;
    if (writer->fd >= 0)
        close(writer->fd); /* not sealed: nobody relies on it */
    if (!writer->sealed)
        unlinkat(writer->folder_fd, writer->base,
                 0); /* a file that stays is an orphan, cleaned later */
    cs_posix_leave(writer->posix, writer->folder_fd);
    free(writer);
}
