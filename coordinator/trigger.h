/* When a stream looks for new files: the trigger of a job, without clock or I/O.
 *
 *   default         after a look that found something, or on a hint; else when the source asks for it
 *   processingTime  at multiples of the interval of the wall clock, as Spark's ProcessingTimeExecutor:
 *                   a batch that takes longer is followed by the next at once, and missed ticks do
 *                   not pile up
 *   availableNow,   until nothing more is found; a look that only found files too young to be taken
 *   once            is done again until they are old enough */
#ifndef CS_COORDINATOR_TRIGGER_H
#define CS_COORDINATOR_TRIGGER_H

#include "common/conf/job.h"

typedef struct cs_trigger {
    cs_trigger_kind kind;
    int64_t interval_ms;
    int64_t wall_ahead_ms; /* wall clock minus monotonic clock */
    int64_t min_file_age_ms;
    bool looked;  /* the first look has begun */
    bool more;    /* the last look found something, or there was none yet */
    bool hinted;  /* since the last look began */
    bool drained; /* it was the last look */
    int64_t tick_at;
    int64_t again_at; /* look again at the latest */
    int64_t held_until;
} cs_trigger;

void cs_trigger_start(cs_trigger *trigger, int64_t now_ms);
/* A look begins. */
void cs_trigger_look(cs_trigger *trigger, int64_t now_ms);
/* It ended. again_ms < 0: only on a hint. */
void cs_trigger_looked(cs_trigger *trigger, bool found, bool held_back, int64_t again_ms,
                       int64_t now_ms);
/* Now? */
bool cs_trigger_wants(const cs_trigger *trigger, int64_t now_ms);
/* When it will want to without a hint; INT64_MAX: never. */
int64_t cs_trigger_deadline(const cs_trigger *trigger);

#endif
