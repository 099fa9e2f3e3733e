/* Names of data files in the log: two layers of escaping (spec: delta.md §4). The value of a partition
 * column is never read from a folder name; only writing makes such names. */
#ifndef CS_COMMON_DELTA_DELTA_PATH_H
#define CS_COMMON_DELTA_DELTA_PATH_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/error.h"

/* Path of an add → name below the table root: percent-decoded once, `+` is a plus. CS_E_UNSUPPORTED for an
 * absolute URI; CS_E_DAMAGED_LOG for a bad escape or a path that leaves the table. */
CS_MUST_USE cs_code cs_delta_path_decode(cs_str path, cs_arena *arena, cs_str *name, cs_error *err);
/* Name below the root → path of an add. */
void cs_delta_path_encode(cs_str name, cs_buf *out);
/* `column=value`, each escaped as Hive does; value.ptr NULL (null) and the empty string become
 * __HIVE_DEFAULT_PARTITION__. */
void cs_delta_partition_folder(cs_str column, cs_str value, cs_buf *out);

#endif
