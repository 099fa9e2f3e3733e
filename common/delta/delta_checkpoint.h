/* A log checkpoint as a stream of actions: classic, multi-part, or V2 with its sidecars, which are opened only
 * for add and remove actions. Columns that the mask does not ask for are not read. Memory: one run of rows. */
#ifndef CS_COMMON_DELTA_DELTA_CHECKPOINT_H
#define CS_COMMON_DELTA_DELTA_CHECKPOINT_H

#include "common/delta/delta_action.h"
#include "common/delta/delta_listing.h"

typedef struct cs_delta_checkpoint_reader cs_delta_checkpoint_reader;

/* mask: of protocol, metaData, txn, add, remove. CS_E_DAMAGED_LOG "damaged log: NAME: …" for everything that is
 * wrong with the checkpoint itself: older ones or the JSON may still do. */
CS_MUST_USE cs_code cs_delta_checkpoint_open(cs_store *table, const cs_delta_checkpoint *checkpoint, unsigned mask,
                                             cs_delta_checkpoint_reader **out, cs_error *err);
/* The next action, valid until the next call; *action NULL at the end. */
CS_MUST_USE cs_code cs_delta_checkpoint_next(cs_delta_checkpoint_reader *reader, const cs_delta_action **action,
                                             cs_error *err);
void cs_delta_checkpoint_close(cs_delta_checkpoint_reader *reader);

#endif
