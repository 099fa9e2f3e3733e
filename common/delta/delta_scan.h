/* The rows of a snapshot, file after file: columns by name, missing ones as null, partition columns from the
 * log (never from the file). Memory: one run of rows. */
#ifndef CS_COMMON_DELTA_DELTA_SCAN_H
#define CS_COMMON_DELTA_DELTA_SCAN_H

#include "common/data/rows.h"
#include "common/delta/delta_snapshot.h"

typedef struct cs_delta_scan cs_delta_scan;

/* The snapshot is borrowed; another version is another snapshot. */
CS_MUST_USE cs_code cs_delta_scan_open(cs_delta_snapshot *snapshot, cs_delta_scan **out, cs_error *err);
/* At most rows_max rows, in the snapshot's schema, valid until the next call; *rows NULL at the end.
 * CS_E_MISSING_FILE "missing data file: PATH", CS_E_NO_SUCH_VERSION "version 2 is vacuumed: FILE is gone",
 * CS_E_UNSUPPORTED "needs feature deletionVectors, which cstream cannot read". */
CS_MUST_USE cs_code cs_delta_scan_next(cs_delta_scan *scan, size_t rows_max, const cs_rows **rows, cs_error *err);
void cs_delta_scan_close(cs_delta_scan *scan);

#endif
