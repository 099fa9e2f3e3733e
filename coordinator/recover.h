/* Start-up: the checkpoint against the table (design §5), as a pure function. One row of the table
 * in the design is one block in recover.c and at least one test. */
#ifndef CS_COORDINATOR_RECOVER_H
#define CS_COORDINATOR_RECOVER_H

#include "coordinator/checkpoint/checkpoint.h"
#include "coordinator/commit/sink.h"

typedef enum cs_recover_decision {
    CS_RECOVER_NEW,           /* row 3: a new stream */
    CS_RECOVER_REPLAY,        /* row 6: replay C+1 …, if planned */
    CS_RECOVER_ADOPT,         /* row 7: sync the sink, mark batches up to X, replay the rest */
    CS_RECOVER_ADOPT_DROPPED, /* the table shows the plan that --replan had set aside: sync, adopt,
                                 mark X */
    CS_RECOVER_PLAN_ANEW /* batch 0, whose version 0 another took: set plan 0 aside, plan anew */
} cs_recover_decision;

typedef struct cs_recover_input {
    const cs_checkpoint_state *checkpoint;
    const cs_plan *const *plans; /* C+1 …, in order */
    size_t n_plans;
    const cs_plan
        *dropped; /* set aside by --replan, with the digest that the table shows; NULL: none */
    const cs_accepted *accepted;
    size_t n_accepted;
    const cs_sink_state *sink;
    /* for messages and hints */
    cs_str checkpoint_path, table_path, source_path;
} cs_recover_input;

/* An error is a refusal, with the way out in its hint: CS_E_TABLE_REPLACED,
 * CS_E_CHECKPOINT_MISMATCH, CS_E_CONFLICT. */
CS_MUST_USE cs_code cs_recover(const cs_recover_input *input, cs_recover_decision *out,
                               cs_error *err);

#endif
