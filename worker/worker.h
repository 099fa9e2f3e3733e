/* A worker: registers with a coordinator and runs one task at a time. This is its control
 * thread. */
#ifndef CS_WORKER_WORKER_H
#define CS_WORKER_WORKER_H

#include "common/base/error.h"

typedef struct cs_worker_config {
    const char *master; /* endpoint of the coordinator */
    const char *name;   /* shown to people */
    int parent_fd;      /* ends at once when its other end is closed; -1: none */
} cs_worker_config;

/* Until SIGTERM or SIGINT (which must be blocked: the task in hand is finished and delivered),
 * until the coordinator says LEAVE, or the end of the parent. A second signal ends the process
 * with status 130. */
CS_MUST_USE cs_code cs_worker_run(const cs_worker_config *config, cs_error *err);

#endif
