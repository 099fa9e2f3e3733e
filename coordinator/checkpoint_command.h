/* `checkpoint show` and `reset`, run in this process: it takes the checkpoint's lock, so that no
 * job runs meanwhile (design §5). */
#ifndef CS_COORDINATOR_CHECKPOINT_COMMAND_H
#define CS_COORDINATOR_CHECKPOINT_COMMAND_H

#include <stdio.h>

#include "common/base/error.h"

typedef struct cs_checkpoint_command {
    const char *folder;
    const char *program; /* path of this program: checks the checkpoint in a child process */
    bool json;           /* one object a line, else aligned columns */
} cs_checkpoint_command;

/* Which file went into which batch, plan by plan. */
CS_MUST_USE cs_code cs_checkpoint_show(const cs_checkpoint_command *command, FILE *out,
                                       cs_error *err);
/* A new stream for the same source and table. include_existing: the files that are there now are
 * read (again); else they count as done. */
CS_MUST_USE cs_code cs_checkpoint_reset_command(const cs_checkpoint_command *command,
                                                bool include_existing, FILE *out, cs_error *err);

#endif
