/* Tells when to look: an inotify watch on the source folder, and on all below it when asked. It
 * only ever hints; what is lost (a full queue, no more watches) costs time until the next full
 * listing, never a file. The only place that knows inotify. Used by one thread. */
#ifndef CS_COORDINATOR_DISCOVER_WATCH_H
#define CS_COORDINATOR_DISCOVER_WATCH_H

#include "common/base/error.h"
#include "common/base/str.h"

typedef struct cs_watch cs_watch;

/* name: relative to the root. closed: its writer closed it, or it was renamed into place. Empty
 * name: anything may have happened, look at everything. */
typedef void (*cs_watch_fn)(void *ctx, cs_str name, bool closed);

/* CS_E_PATH_NOT_FOUND when root is no folder. Where the system has no watch to give, the watch is
 * silent for ever, which is logged once. */
CS_MUST_USE cs_code cs_watch_open(const char *root, bool recursive, cs_watch **out, cs_error *err);
/* To be polled for reading. */
int cs_watch_fd(const cs_watch *watch);
/* All that is there now; never blocks. */
void cs_watch_read(cs_watch *watch, cs_watch_fn hint, void *ctx);
void cs_watch_close(cs_watch *watch); /* NULL is fine */

#endif
