/* Files → splits → tasks: the packing rule alone. */
#ifndef CS_COORDINATOR_PLAN_PLAN_PACK_H
#define CS_COORDINATOR_PLAN_PLAN_PACK_H

#include "coordinator/plan/plan.h"

/* Fills splits and tasks of a plan whose files are there already. */
void cs_plan_pack(cs_plan *plan, const cs_plan_input *input);

#endif
