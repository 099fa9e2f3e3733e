/* The door to files. Everything that reads a source or touches a table or a checkpoint's side files
 * goes through a cs_store, so that tests can lie there: store_posix (the real one), store_mem
 * (volatile and durable state kept apart, for the simulator), store_fault (wraps another and fails
 * on purpose).
 *
 * A store is a root; names are relative, '/'-separated, without empty, "." or ".." pieces; bytes,
 * not text. Symlinks are never followed below the root. Not thread-safe: one user at a time per
 * handle. */
#ifndef CS_COMMON_STORE_STORE_H
#define CS_COMMON_STORE_STORE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"

typedef enum cs_file_kind {
    CS_FILE_REGULAR,
    CS_FILE_FOLDER,
    CS_FILE_SYMLINK,
    CS_FILE_OTHER
} cs_file_kind;

typedef struct cs_stat {
    cs_file_kind kind;
    uint64_t size_bytes;
    int64_t mtime_ns;
    int64_t ctime_ns;
    uint64_t inode; /* compared only between stats of one process; 0 where a store has none */
} cs_stat;

/* Says whether a file is still the one planned (design: content version). */
typedef struct cs_content_version {
    uint64_t size_bytes;
    int64_t mtime_ns;
} cs_content_version;

typedef struct cs_store_entry {
    cs_str name; /* full name below the root */
    cs_stat stat;
} cs_store_entry;

typedef enum cs_writer_probe {
    CS_WRITER_NONE,   /* nobody has it open for writing */
    CS_WRITER_OPEN,   /* a writer holds it */
    CS_WRITER_UNKNOWN /* leases are not allowed here */
} cs_writer_probe;

typedef struct cs_store cs_store;
typedef struct cs_file cs_file;               /* an open file for reading */
typedef struct cs_file_writer cs_file_writer; /* a new file, invisible promise until sealed */

typedef struct cs_store_ops {
    cs_code (*open)(cs_store *store, cs_str name, cs_file **out, cs_error *err);
    cs_code (*stat)(cs_store *store, cs_str name, cs_stat *out, cs_error *err);
    cs_code (*list)(cs_store *store, cs_str folder,
                    cs_code (*each)(void *ctx, const cs_store_entry *entry, cs_error *err),
                    void *ctx, cs_error *err);
    cs_code (*create)(cs_store *store, cs_str name, cs_file_writer **out, cs_error *err);
    cs_code (*put_new)(cs_store *store, cs_str name, cs_str tag, cs_str bytes, cs_error *err);
    cs_code (*rename_new)(cs_store *store, cs_str from, cs_str to, cs_error *err);
    cs_code (*remove)(cs_store *store, cs_str name, cs_error *err);
    cs_code (*make_folder)(cs_store *store, cs_str folder, cs_error *err);
    cs_code (*sync_folder)(cs_store *store, cs_str folder, cs_error *err);
    cs_writer_probe (*probe_writer)(cs_store *store, cs_str name);
    void (*close)(cs_store *store);
} cs_store_ops;
struct cs_store {
    const cs_store_ops *ops; /* first member of every store */
};

typedef struct cs_file_ops {
    /* Up to len bytes at offset; *got < len only at the end of the file. */
    cs_code (*read_at)(cs_file *file, uint64_t offset, void *bytes, size_t len, size_t *got,
                       cs_error *err);
    cs_code (*stat)(cs_file *file, cs_stat *out, cs_error *err);
    void (*close)(cs_file *file);
} cs_file_ops;
struct cs_file {
    const cs_file_ops *ops;
};

typedef struct cs_file_writer_ops {
    cs_code (*write)(cs_file_writer *writer, const void *bytes, size_t len, cs_error *err);
    cs_code (*seal)(cs_file_writer *writer, cs_error *err);
    void (*close)(cs_file_writer *writer);
} cs_file_writer_ops;
struct cs_file_writer {
    const cs_file_writer_ops *ops;
};

/* Errors of all: CS_E_NOT_FOUND where the name is not there; else by errno (CS_E_PERMISSION,
 * CS_E_DISK_FULL, CS_E_IO …), message with the full path. */
CS_MUST_USE cs_code cs_store_open(cs_store *store, cs_str name, cs_file **out, cs_error *err);
/* The name itself, symlinks not followed. */
CS_MUST_USE cs_code cs_store_stat(cs_store *store, cs_str name, cs_stat *out, cs_error *err);
/* The entries directly in `folder` ("" = the root), in no order, each with its stat; entries that
 * vanish meanwhile are left out. `each` may stop the listing by returning an error, which is passed
 * on. */
CS_MUST_USE cs_code cs_store_list(cs_store *store, cs_str folder,
                                  cs_code (*each)(void *ctx, const cs_store_entry *entry,
                                                  cs_error *err), void *ctx,
                                  cs_error *err);
/* A new file under its final name (O_EXCL; CS_E_EXISTS if taken), folders made as needed. write
 * appends; seal makes content, name and the folders made durable: only then may anybody rely on it.
 * close without seal removes it. */
CS_MUST_USE cs_code cs_store_create(cs_store *store, cs_str name, cs_file_writer **out,
                                    cs_error *err);
/* Put-if-absent, whole and durable: temporary `.<name>.<tag>.tmp` beside it, fsync, link(), fsync
 * the folder, unlink (spec: delta.md §2). CS_E_EXISTS if the name is taken (the temporary is gone
 * then). Any other error: the outcome is unknown, read back. Passes the fault points
 * store.put_new_*. */
CS_MUST_USE cs_code cs_store_put_new(cs_store *store, cs_str name, cs_str tag, cs_str bytes,
                                     cs_error *err);
/* RENAME_NOREPLACE; CS_E_EXISTS if `to` is taken. Not durable before sync_folder. */
CS_MUST_USE cs_code cs_store_rename_new(cs_store *store, cs_str from, cs_str to, cs_error *err);
CS_MUST_USE cs_code cs_store_remove(cs_store *store, cs_str name, cs_error *err);
/* With its parents, each made durable; existing is fine. "" makes the root itself. */
CS_MUST_USE cs_code cs_store_make_folder(cs_store *store, cs_str folder, cs_error *err);
CS_MUST_USE cs_code cs_store_sync_folder(cs_store *store, cs_str folder, cs_error *err);
cs_writer_probe cs_store_probe_writer(cs_store *store, cs_str name);
void cs_store_close(cs_store *store); /* NULL is fine; likewise below */

CS_MUST_USE cs_code cs_file_read_at(cs_file *file, uint64_t offset, void *bytes, size_t len,
                                    size_t *got, cs_error *err);
CS_MUST_USE cs_code cs_file_stat(cs_file *file, cs_stat *out, cs_error *err);
void cs_file_close(cs_file *file);
CS_MUST_USE cs_code cs_file_writer_write(cs_file_writer *writer, const void *bytes, size_t len,
                                         cs_error *err);
CS_MUST_USE cs_code cs_file_writer_seal(cs_file_writer *writer, cs_error *err);
void cs_file_writer_close(cs_file_writer *writer);

/* A whole file, at most max bytes (CS_E_LIMIT beyond). */
CS_MUST_USE cs_code cs_store_read(cs_store *store, cs_str name, size_t max_bytes, cs_buf *out,
                                  cs_stat *stat, cs_error *err);

/* The real file system. root need not exist when may_create (made by make_folder(""));
 * else CS_E_PATH_NOT_FOUND. Holds a directory descriptor: a root that is renamed away stays the
 * same root. */
CS_MUST_USE cs_code cs_store_posix_open(const char *root, bool may_create, cs_store **out,
                                        cs_error *err);

#endif
