/* `cstream-worker --preview`: the first rows of a source, typed as a job would type them, and the
 * records that it would reject, with the reasons. */
#ifndef CS_WORKER_PREVIEW_H
#define CS_WORKER_PREVIEW_H

#include "common/conf/job.h"

/* Options: as a job's (schema, source path, read options; no table needed). The source is its
 * folder, or one file of it. Rows go to stdout, as a JSON object a line or as a table; rejected
 * records to stderr as `file:line:column: reason`. At most rows_max rows (0: all). */
CS_MUST_USE cs_code cs_preview_run(const cs_options *options, size_t rows_max, bool json,
                                   cs_error *err);

#endif
