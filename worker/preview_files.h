/* The files that a preview reads: the source if it is a file, else what a job would take from the
 * folder, by name. */
#ifndef CS_WORKER_PREVIEW_FILES_H
#define CS_WORKER_PREVIEW_FILES_H

#include "common/conf/job.h"
#include "common/store/store.h"

typedef struct cs_preview_files {
    cs_store *store;
    cs_str root;   /* of the store */
    cs_str *names; /* below it; their memory is the arena's */
    size_t count;
    size_t cap;
} cs_preview_files;

/* CS_E_PATH_NOT_FOUND: no such source, or no file in it. */
CS_MUST_USE cs_code cs_preview_files_open(const cs_job *job, cs_arena *arena, cs_preview_files *out,
                                          cs_error *err);
void cs_preview_files_close(cs_preview_files *files);

/* Spark's glob on a base name: * ? [a-c] {a,b}. */
bool cs_preview_glob(cs_str pattern, cs_str name, cs_arena *arena);

#endif
