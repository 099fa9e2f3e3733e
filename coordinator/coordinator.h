/* The coordinator: one loop thread that owns the sockets of workers and clients, timers,
 * signals, leases and every state machine, and touches no file. */
#ifndef CS_COORDINATOR_COORDINATOR_H
#define CS_COORDINATOR_COORDINATOR_H

#include "common/base/error.h"

typedef struct cs_coordinator_config {
    const char *workers_endpoint; /* where workers connect */
    const char *clients_endpoint;
    const char *program;          /* path of this program: checks checkpoints in a child process */
    int parent_fd;                /* ends at once when its other end is closed; -1: none */
} cs_coordinator_config;

/* Until SIGTERM or SIGINT (which must be blocked: running batches are finished, then the workers
 * leave) or the end of the parent. A second signal ends the process with status 130, and so does
 * the parent's end while a job runs: both are safe, the checkpoint knows. */
CS_MUST_USE cs_code cs_coordinator_run(const cs_coordinator_config *config, cs_error *err);

#endif
