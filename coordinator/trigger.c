#include "coordinator/trigger.h"

static bool drains(const cs_trigger *trigger);
static int64_t next_tick(const cs_trigger *trigger, int64_t now_ms);

void cs_trigger_start(cs_trigger *trigger, int64_t now_ms)
{
    trigger->looked = trigger->hinted = trigger->drained = false;
    trigger->more = true;
    trigger->again_at = trigger->held_until = INT64_MAX;
    trigger->tick_at = trigger->kind == CS_TRIGGER_PROCESSING_TIME ? now_ms : INT64_MAX;
}

void cs_trigger_look(cs_trigger *trigger, int64_t now_ms)
{
    if (!trigger->looked)
        trigger->held_until = now_ms + trigger->min_file_age_ms;
    trigger->looked = true;
    trigger->hinted = false;
    trigger->again_at = INT64_MAX;
    if (trigger->kind == CS_TRIGGER_PROCESSING_TIME)
        trigger->tick_at = next_tick(trigger, now_ms);
}

void cs_trigger_looked(cs_trigger *trigger, bool found, bool held_back, int64_t again_ms,
                       int64_t now_ms)
{
    trigger->more = found;
    if (again_ms >= 0)
        trigger->again_at = now_ms + again_ms;
    if (!drains(trigger) || found)
        return;
    trigger->drained = !held_back || now_ms >= trigger->held_until;
    if (trigger->again_at > trigger->held_until)
        trigger->again_at = trigger->held_until;
}

bool cs_trigger_wants(const cs_trigger *trigger, int64_t now_ms)
{
    switch (trigger->kind) {
    case CS_TRIGGER_PROCESSING_TIME:
        return now_ms >= trigger->tick_at;
    case CS_TRIGGER_DEFAULT:
        return trigger->more || trigger->hinted || now_ms >= trigger->again_at;
    default:
        return !trigger->drained && (trigger->more || now_ms >= trigger->again_at);
    }
}

int64_t cs_trigger_deadline(const cs_trigger *trigger)
{
    if (trigger->kind == CS_TRIGGER_PROCESSING_TIME)
        return trigger->tick_at;
    return trigger->drained ? INT64_MAX : trigger->again_at;
}

static bool drains(const cs_trigger *trigger)
{
    return trigger->kind == CS_TRIGGER_AVAILABLE_NOW || trigger->kind == CS_TRIGGER_ONCE;
}

/* The first multiple of the interval after now. */
static int64_t next_tick(const cs_trigger *trigger, int64_t now_ms)
{
    int64_t interval_ms = trigger->interval_ms > 0 ? trigger->interval_ms : 1;
    int64_t wall_ms = now_ms + trigger->wall_ahead_ms;
    return wall_ms / interval_ms * interval_ms + interval_ms - trigger->wall_ahead_ms;
}
