/* A commit (or the top level of a V2 checkpoint) as a stream of actions: memory is one line. */
#ifndef CS_COMMON_DELTA_DELTA_LINES_H
#define CS_COMMON_DELTA_DELTA_LINES_H

#include "common/base/hash.h"
#include "common/delta/delta_action.h"
#include "common/store/store.h"

typedef struct cs_delta_lines cs_delta_lines;

/* CS_E_NOT_FOUND. mask: the kinds wanted. */
CS_MUST_USE cs_code cs_delta_lines_open(cs_store *table, cs_str name, unsigned mask, cs_delta_lines **out,
                                        cs_error *err);
/* The next action of a wanted kind, valid until the next call; *action NULL at the end. Every line is checked:
 * "damaged log: 00000000000000000002.json line 3: …". */
CS_MUST_USE cs_code cs_delta_lines_next(cs_delta_lines *lines, const cs_delta_action **action, cs_error *err);
/* Of the open file. */
const cs_stat *cs_delta_lines_stat(const cs_delta_lines *lines);
void cs_delta_lines_close(cs_delta_lines *lines);

/* SHA-256 and stat of a commit as it stands now. */
CS_MUST_USE cs_code cs_delta_file_sha256(cs_store *table, cs_str name, cs_sha256 *sha, cs_stat *stat, cs_error *err);

#endif
