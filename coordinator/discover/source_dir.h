/* A folder of files as a source. */
#ifndef CS_COORDINATOR_DISCOVER_SOURCE_DIR_H
#define CS_COORDINATOR_DISCOVER_SOURCE_DIR_H

#include "coordinator/discover/source.h"

extern const cs_source_ops cs_source_dir;

/* How the name of one entry is taken (spec: csv.md §1): false for names that are skipped, `.x` and
 * the like. */
bool cs_source_dir_is_visible(cs_str name);

#endif
