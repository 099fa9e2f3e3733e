/* Text → typed value, exactly as Spark's CSV reader does (spec: csv.md §4): every form that it
 * takes. One function per type; all are locale-free and exact. Return false: malformed, *out
 * untouched. parse_fast.h goes before it for the plain forms that most values have. */
#ifndef CS_WORKER_PARSE_CONVERT_H
#define CS_WORKER_PARSE_CONVERT_H

#include "common/conf/csv_options.h"
#include "common/data/type.h"

/* What the converters of one decoder are told by its options, and what they keep between values.
 * One thread. */
typedef struct cs_convert {
    cs_str nan_value, positive_inf, negative_inf; /* looked at before the rules of numbers */
    /* NULL: no format was given. */
    const cs_time_pattern *date_format, *timestamp_format, *timestamp_ntz_format;
    cs_csv_maybe fallback; /* to the lenient rule; unset: for the types that have no format */
    const cs_zone *zone;   /* of local timestamps; NULL is UTC */
    cs_zones *zones;       /* for zone names in the data */
    cs_arena arena;
    const cs_time_pattern *iso_date; /* yyyy-MM-dd */
    char *scratch;                   /* a text without its GMTs; grows to the longest */
    size_t scratch_cap;
} cs_convert;

/* The options' defaults: NaN, Inf, -Inf, UTC. */
void cs_convert_init(cs_convert *convert);
/* What the options say about values; they outlive it. What they leave empty keeps its default. Fails
 * when there is no such time zone here. */
CS_MUST_USE cs_code cs_convert_use(cs_convert *convert, const cs_csv_options *options,
                                   cs_error *err);
void cs_convert_done(cs_convert *convert);

bool cs_convert_boolean(cs_str text, uint8_t *out);
/* bits: 8, 16, 32, 64. */
bool cs_convert_integer(cs_str text, int bits, int64_t *out);
bool cs_convert_float(const cs_convert *convert, cs_str text, float *out);
bool cs_convert_double(const cs_convert *convert, cs_str text, double *out);
bool cs_convert_decimal(cs_str text, uint8_t precision, uint8_t scale, __int128 *out);
bool cs_convert_date(cs_convert *convert, cs_str text, int32_t *days);
bool cs_convert_timestamp(cs_convert *convert, cs_str text, int64_t *micros);
bool cs_convert_timestamp_ntz(cs_convert *convert, cs_str text, int64_t *micros);

#endif
