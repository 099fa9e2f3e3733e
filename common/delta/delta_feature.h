/* What a table asks of its readers and writers, and whether we can give it: one table of features decides
 * both (spec: delta.md §3). */
#ifndef CS_COMMON_DELTA_DELTA_FEATURE_H
#define CS_COMMON_DELTA_DELTA_FEATURE_H

#include "common/data/schema.h"
#include "common/delta/delta_action.h"

/* CS_E_UNSUPPORTED: "needs feature NAME, which cstream cannot read", "needs reader version 4; cstream reads up
 * to 3". Deletion vectors are refused by the reader of a file that has one, not here: most files have none. */
CS_MUST_USE cs_code cs_delta_check_read(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata,
                                        cs_error *err);
/* Reading as well as appending: "cannot append: NAME is in use (delta.constraints.positive)". schema: the
 * table's. */
CS_MUST_USE cs_code cs_delta_check_append(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata,
                                          const cs_schema *schema, cs_error *err);
/* The protocol of a new table with these columns: (1,2), or (3,7) with lists where a type asks for it. */
cs_delta_protocol cs_delta_protocol_for(const cs_schema *schema);
/* The table says that commits carry inCommitTimestamp. */
bool cs_delta_has_commit_timestamps(const cs_delta_protocol *protocol, const cs_delta_metadata *metadata);

#endif
