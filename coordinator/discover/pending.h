/* The files that wait to be planned: found by path, taken in order of (mtime, path). Made for a
 * million of them: some hundred bytes each, the path included. */
#ifndef CS_COORDINATOR_DISCOVER_PENDING_H
#define CS_COORDINATOR_DISCOVER_PENDING_H

#include "coordinator/plan/plan.h"

typedef enum cs_pending_state {
    CS_PENDING_WAITING, /* in order, to be taken */
    CS_PENDING_HELD,    /* somebody may still write it */
    CS_PENDING_TAKEN    /* handed out, not planned yet */
} cs_pending_state;

typedef struct cs_pending_file {
    const char *path;
    uint32_t path_len;
    uint32_t place; /* in its state's list */
    cs_content_version version;
    int64_t since_ms; /* when this version was first seen */
    int64_t due_ms;   /* HELD: when to look again */
    uint8_t state;    /* cs_pending_state */
    bool closed;      /* its writer was seen to close it */
} cs_pending_file;

typedef struct cs_pending cs_pending;

cs_pending *cs_pending_new(void);
void cs_pending_free(cs_pending *pending);
size_t cs_pending_count(const cs_pending *pending, cs_pending_state state);
static inline cs_str cs_pending_path(const cs_pending_file *file)
{
    return (cs_str){ file->path, file->path_len };
}

/* Pointers to files are good until the next add or remove. NULL: not there. */
cs_pending_file *cs_pending_find(const cs_pending *pending, cs_str path);
/* A file that is not there yet, WAITING. CS_E_LIMIT beyond CS_SOURCE_WAITING_MAX. */
CS_MUST_USE cs_code cs_pending_add(cs_pending *pending, const cs_source_file *file, int64_t now_ms,
                                   cs_error *err);
void cs_pending_set_version(cs_pending *pending, cs_pending_file *file,
                            const cs_content_version *version, int64_t now_ms);
void cs_pending_move(cs_pending *pending, cs_pending_file *file, cs_pending_state state);
void cs_pending_remove(cs_pending *pending, cs_pending_file *file);
/* The first WAITING in order of (mtime, path), NULL: none. */
cs_pending_file *cs_pending_first(const cs_pending *pending);
/* Any order; index below the state's count. */
cs_pending_file *cs_pending_at(const cs_pending *pending, cs_pending_state state, size_t index);
size_t cs_pending_bytes(const cs_pending *pending); /* memory taken */

#endif
