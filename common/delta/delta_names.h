/* Every data file that a log still knows of, live or removed: what clean-up must leave alone. */
#ifndef CS_COMMON_DELTA_DELTA_NAMES_H
#define CS_COMMON_DELTA_DELTA_NAMES_H

#include "common/store/store.h"

/* Calls `each` with the name, below the table root, of every file in an add or remove of the commits from
 * from_version on; with from_version 0, or where some of those commits are gone, of all commits and of the newest log
 * checkpoint. A name may come several times. */
CS_MUST_USE cs_code cs_delta_names(cs_store *table, int64_t from_version,
                                   cs_code (*each)(void *ctx, cs_str name, cs_error *err), void *ctx, cs_error *err);

#endif
