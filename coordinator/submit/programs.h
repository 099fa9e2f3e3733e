/* The other programs of cstream, found beside this one. */
#ifndef CS_COORDINATOR_SUBMIT_PROGRAMS_H
#define CS_COORDINATOR_SUBMIT_PROGRAMS_H

#include <limits.h>
#include <sys/types.h>

#include "common/base/error.h"

#define CS_PROGRAM_COORDINATOR "cstream-coordinator"
#define CS_PROGRAM_WORKER "cstream-worker"

/* Path of a program: in the folder of this one's executable. CS_E_PATH_NOT_FOUND when it is not there. */
CS_MUST_USE cs_code cs_program_path(const char *name, char out[PATH_MAX], cs_error *err);
/* Starts it in a process group of its own, so that a Ctrl-C of the terminal reaches cstream-submit alone. `parent_fd`
 * (-1: none) is inherited as it is. args: after the name, NULL at the end. */
CS_MUST_USE cs_code cs_program_start(const char *name, const char *const *args, int parent_fd, pid_t *pid, cs_error *err);
/* Becomes that program; returns only on failure. */
CS_MUST_USE cs_code cs_program_exec(const char *name, const char *const *args, cs_error *err);

#endif
