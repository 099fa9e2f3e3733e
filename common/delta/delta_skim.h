/* Passing over the lines of a commit that nobody asked for, without building them: opening a table for append reads
 * every commit behind the log checkpoint for a few small actions. */
#ifndef CS_COMMON_DELTA_DELTA_SKIM_H
#define CS_COMMON_DELTA_DELTA_SKIM_H

#include "common/base/str.h"

/* True: the line is certainly one whole, valid JSON object, and its action is certainly none of `wanted`
 * (cs_delta_action_parse would give CS_DELTA_OTHER). False: only a real parse can tell. */
bool cs_delta_skim(cs_str line, unsigned wanted);

#endif
