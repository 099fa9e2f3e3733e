/* Java's patterns of dates and times as Spark reads them (spec: csv.md §5): compiled once, then
 * matched against text after text, strictly: the whole text, and only what a calendar has. */
#ifndef CS_COMMON_DATA_TIME_PATTERN_H
#define CS_COMMON_DATA_TIME_PATTERN_H

#include "common/base/arena.h"
#include "common/data/zone.h"

typedef struct cs_time_pattern cs_time_pattern;

/* What a text says. Parts that it leaves out are those of 1970-01-01 00:00:00. */
typedef struct cs_time_value {
    int64_t days;        /* of the local date, since 1970-01-01 */
    int32_t second;      /* of the day; -1: the date is good, the time of day is not */
    int32_t micro;
    bool has_zone;
    const cs_zone *zone; /* NULL: the offset counts */
    int32_t offset;      /* seconds east of UTC, below a day: one beyond 18 hours is no zone's */
} cs_time_value;

/* Lives in the arena. A pattern that cannot be read, or that no text could ever match, is
 * CS_E_BAD_OPTION and names the letter and its place: `cannot read pattern: letter 'E' at 1`. */
CS_MUST_USE cs_code cs_time_pattern_compile(cs_str text, cs_arena *arena,
                                            const cs_time_pattern **out, cs_error *err);

/* False: malformed, *out untouched. zones: for names in the text. */
bool cs_time_pattern_match(const cs_time_pattern *pattern, cs_str text, cs_zones *zones,
                           cs_time_value *out);

#endif
