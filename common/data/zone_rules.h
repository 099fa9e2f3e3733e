/* The rules inside one file of tzdata (RFC 8536), turned round: from local time to offset. For
 * zone.c. */
#ifndef CS_COMMON_DATA_ZONE_RULES_H
#define CS_COMMON_DATA_ZONE_RULES_H

#include "common/base/str.h"

/* Seconds throughout. Local times below until[i] have offsets[i], those from until[n - 1] on
 * offsets[n]; times in gaps and overlaps belong to the rule before the change, which is what
 * java.time does with them. */
typedef struct cs_zone_rules {
    size_t n;
    int64_t *until;
    int32_t *offsets;     /* n + 1, east of UTC is positive */
    int64_t repeat_from;  /* from here on the changes repeat every 400 years; INT64_MAX: they do not */
} cs_zone_rules;

/* False: not a file of version 2 or later, or damaged; *out untouched. */
bool cs_zone_rules_read(cs_zone_rules *out, cs_str file);
void cs_zone_rules_done(cs_zone_rules *rules);
int32_t cs_zone_rules_offset(const cs_zone_rules *rules, int64_t local);

#endif
