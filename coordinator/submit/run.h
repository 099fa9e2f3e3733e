/* `run`: submits the job to a coordinator, shows its progress, and ends with its outcome. */
#ifndef CS_COORDINATOR_SUBMIT_RUN_H
#define CS_COORDINATOR_SUBMIT_RUN_H

#include "common/conf/cli.h"

/* Options of the job as typed: operands become source and table, paths absolute, @FILE its content. */
CS_MUST_USE cs_code cs_job_options(const cs_cli *cli, cs_arena *arena, cs_options *out, cs_error *err);
/* CS_E_CANCELLED when a second signal (or the stop timeout) ended it. */
CS_MUST_USE cs_code cs_run(const cs_cli *cli, cs_error *err);

#endif
