/* Time zones of the system's tzdata, as Java reads their names: the offset that a local time has.
 *
 * The files below /usr/share/zoneinfo are the one thing this folder reads from disk; an id is
 * checked before it becomes a path, so text from a data file cannot name any other file. */
#ifndef CS_COMMON_DATA_ZONE_H
#define CS_COMMON_DATA_ZONE_H

#include "common/base/error.h"
#include "common/base/str.h"

typedef struct cs_zone cs_zone;
/* The zones met so far. For one thread. */
typedef struct cs_zones cs_zones;

/* Is tzdata installed? Without it every id would look unknown, and good values malformed.
 * CS_E_MISSING_FILE. */
CS_MUST_USE cs_code cs_zones_check(cs_error *err);

cs_zones *cs_zones_new(void);
void cs_zones_free(cs_zones *zones);

/* Seconds east of UTC of an id that is no more than an offset: `Z`, `+h[h][:m[m]]`, `+hh:mm:ss`,
 * `+hhmm[ss]` up to 18 hours, `UTC|GMT|UT` alone or before such an offset. */
bool cs_zone_fixed(cs_str id, int32_t *seconds);

/* Those, a tzdb id in exact case, and Java's old short ids (`PST`, `EST`, …). NULL: there is no
 * such zone. Lives as long as `zones`. */
const cs_zone *cs_zones_find(cs_zones *zones, cs_str id);

/* The longest tzdb id that `text` begins with, in any case; offsets, short ids, EST, MST and HST are
 * none (java.time.format, letters VV). NULL: there is none. *len: its bytes. */
const cs_zone *cs_zones_starting(cs_zones *zones, cs_str text, size_t *len);

/* Seconds since 1970 UTC at the local time that is `local` seconds after 1970-01-01 00:00:00. A
 * local time in a gap moves forward by the gap's length; one that comes twice is the earlier
 * (java.time.ZonedDateTime.of). */
int64_t cs_zone_to_utc(const cs_zone *zone, int64_t local);

#endif
