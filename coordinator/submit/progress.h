/* What a running query shows: one line rewritten in place on a terminal, else one log line a batch; the
 * summary at the end. Everything on stderr. */
#ifndef CS_COORDINATOR_SUBMIT_PROGRESS_H
#define CS_COORDINATOR_SUBMIT_PROGRESS_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/job.h"
#include "common/wire/message.h"

typedef struct cs_progress cs_progress;

/* json: every line has the form of a JSON log line. */
cs_progress *cs_progress_new(cs_clock *clock, const cs_job *job, bool quiet, bool json);
void cs_progress_started(cs_progress *progress, const Cs__Submitted *submitted, unsigned workers);
void cs_progress_batch(cs_progress *progress, const Cs__BatchProgress *batch);
/* A line about something else: the progress line makes way. */
void cs_progress_notice(cs_progress *progress, cs_log_level level, cs_str text);
void cs_progress_stopping(cs_progress *progress);
/* The summary of a query that finished or was stopped. */
void cs_progress_end(cs_progress *progress);
/* Ends an open progress line, so that what follows begins a line of its own. */
void cs_progress_break(cs_progress *progress);
void cs_progress_free(cs_progress *progress);

#endif
