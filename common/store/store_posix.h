/* What the files of the posix store share; nobody else includes it. Every step below the root goes
 * through cs_posix_enter, piece by piece with O_NOFOLLOW, so that a symlink put there later leads
 * nowhere. */
#ifndef CS_COMMON_STORE_STORE_POSIX_H
#define CS_COMMON_STORE_STORE_POSIX_H

#include <sys/stat.h>

#include "common/store/store.h"

typedef struct cs_posix_store {
    cs_store store;
    char *root;
    int root_fd; /* -1: not made yet */
    bool may_create;
} cs_posix_store;

/* A descriptor of the folder ("" = the root), or -1 and errno; to be given back by cs_posix_leave,
 * which keeps errno and takes -1 too. */
int cs_posix_enter(cs_posix_store *posix, cs_str folder);
void cs_posix_leave(const cs_posix_store *posix, int fd);
/* The folder part of a name and its last piece (NUL-terminated; `base` has CS_NAME_BYTES_MAX + 1
 * bytes). */
cs_str cs_posix_parent(cs_str name, char *base);
/* Makes the folders of `folder` and the root that are missing, and syncs the parents of all. */
cs_code cs_posix_make_folder(cs_store *store, cs_str folder, cs_error *err);
int cs_posix_write_all(int fd, const void *bytes, size_t len); /* 0 or errno */
int cs_posix_fsync(int fd);                                    /* 0 or errno */
int cs_posix_fsync_folder(int fd);                             /* 0 or errno */
void cs_posix_stat_of(const struct stat *st, cs_stat *out);
/* "cannot <what> <root>/<name>: <reason>", code by errno. */
cs_code cs_posix_error(const cs_posix_store *posix, cs_str name, int sys_errno, const char *what,
                       cs_error *err);

cs_code cs_posix_file_open(cs_store *store, cs_str name, cs_file **out, cs_error *err);
cs_code cs_posix_file_create(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err);
cs_code cs_posix_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err);

#endif
