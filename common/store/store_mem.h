/* The simulator's disk: the store contract with volatile and durable state kept apart. What a file
 * holds is durable only after its seal (or put_new); a name that was made, linked, renamed or
 * removed only after the folder's sync; a folder's own name only with its parent's. A crash loses
 * the rest: wholly, or leaving some of it, torn, as real disks do.
 *
 * One disk, several stores on it: each store is one process's handle. A `path` is a name from the
 * disk's root. Nothing here is thread-safe. */
#ifndef CS_COMMON_STORE_STORE_MEM_H
#define CS_COMMON_STORE_STORE_MEM_H

#include "common/store/store.h"

typedef struct cs_mem_disk cs_mem_disk;

/* The clock stamps mtime and ctime (wall_us, so two writes may well bear one mtime). Borrowed. */
cs_mem_disk *cs_mem_disk_new(cs_clock *clock);
/* After all stores, files and writers are closed. */
void cs_mem_disk_free(cs_mem_disk *disk);

/* As cs_store_posix_open. */
CS_MUST_USE cs_code cs_store_mem_open(cs_mem_disk *disk, cs_str root, bool may_create,
                                      cs_store **out, cs_error *err);
/* kill -9 of the process behind this handle: from now on all its calls fail with CS_E_CANCELLED and
 * change nothing, closing an unsealed writer included. */
void cs_store_mem_kill(cs_store *store);
/* Called before each single effect, for example "put_new.link": false kills the process there. It
 * may let other processes act meanwhile, on other handles. */
typedef bool (*cs_mem_step_fn)(void *ctx, cs_store *store, const char *what);
void cs_mem_disk_on_step(cs_mem_disk *disk, cs_mem_step_fn step, void *ctx);
/* Power loss: all handles are dead as by kill, unsynced state goes or stays in part. */
void cs_mem_disk_crash(cs_mem_disk *disk, cs_rng *rng);

/* The hand of the outside world: what it does is durable at once. Folders are made as needed. */
void cs_mem_disk_put(cs_mem_disk *disk, cs_str path, cs_str bytes,
                     int64_t mtime_ns); /* overwrites in place */
void cs_mem_disk_put_kind(cs_mem_disk *disk, cs_str path,
                          cs_file_kind kind); /* a folder, symlink, FIFO */
void cs_mem_disk_move(cs_mem_disk *disk, cs_str from, cs_str to); /* rename(2): replaces `to` */
void cs_mem_disk_copy(cs_mem_disk *disk, cs_str from, cs_str to); /* of a whole tree, as cp -a */
void cs_mem_disk_remove(cs_mem_disk *disk,
                        cs_str path);          /* with all below; absent is fine */
/* A foreign writer opens (+1) or closes (-1) it. */
void cs_mem_disk_hold(cs_mem_disk *disk, cs_str path, int writers);
/* False: probe_writer answers UNKNOWN. */
void cs_mem_disk_allow_leases(cs_mem_disk *disk, bool allowed);

#endif
