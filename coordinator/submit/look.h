/* count, head, files, history: a table without SQL. */
#ifndef CS_COORDINATOR_SUBMIT_LOOK_H
#define CS_COORDINATOR_SUBMIT_LOOK_H

#include "common/conf/cli.h"

CS_MUST_USE cs_code cs_look(const cs_cli *cli, cs_error *err);

#endif
