/* --master local[N]: one coordinator and N workers on this machine, on ipc:// sockets in a 0700 folder.
 *
 * Nothing is left behind: the children hold the read end of a pipe whose only write end is ours, and stop on its
 * EOF, however we end. The folder holds a lock file that lives as long as we do: the next start removes
 * folders whose lock is free. */
#ifndef CS_COORDINATOR_SUBMIT_LOCAL_CLUSTER_H
#define CS_COORDINATOR_SUBMIT_LOCAL_CLUSTER_H

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/str.h"

typedef struct cs_local_cluster cs_local_cluster;

/* local, local[N], local[*]: the number of workers. */
CS_MUST_USE cs_code cs_local_parse(cs_str master, unsigned *workers, cs_error *err);
/* log_args: flags passed on to every child, NULL at the end. */
CS_MUST_USE cs_code cs_local_start(unsigned workers, const char *const *log_args, cs_clock *clock, cs_local_cluster **out,
                                   cs_error *err);
const char *cs_local_client_endpoint(const cs_local_cluster *cluster);
/* After SIGCHLD or when due: takes up ended children, starts dead workers again with back-off. An error: the
 * coordinator ended, or a worker cannot be started. */
CS_MUST_USE cs_code cs_local_tend(cs_local_cluster *cluster, cs_error *err);
/* When to tend again without a signal; -1: never. */
int64_t cs_local_due_ms(const cs_local_cluster *cluster);
/* Closes the pipe, waits a moment for the children, kills those that stay, removes the folder. */
void cs_local_stop(cs_local_cluster *cluster, bool at_once);

#endif
