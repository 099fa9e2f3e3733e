/* The CSV dialect and record rules of a source (spec: csv.md §7). Filled by the option table. */
#ifndef CS_COMMON_CONF_CSV_OPTIONS_H
#define CS_COMMON_CONF_CSV_OPTIONS_H

#include "common/data/time_pattern.h"

typedef enum cs_csv_mode { CS_CSV_PERMISSIVE, CS_CSV_DROPMALFORMED, CS_CSV_FAILFAST } cs_csv_mode;
typedef enum cs_csv_parser { CS_CSV_PARSER_AUTO, CS_CSV_PARSER_EXACT, CS_CSV_PARSER_LIBCSV } cs_csv_parser;

typedef enum cs_csv_maybe { CS_CSV_UNSET, CS_CSV_FALSE, CS_CSV_TRUE } cs_csv_maybe;

#define CS_CSV_NO_CHAR (-1)

typedef struct cs_csv_options {
    cs_str sep;              /* 1 byte for now */
    int quote;               /* byte, or CS_CSV_NO_CHAR: quotes off */
    int escape;              /* only equal to quote for now */
    bool header;
    bool multi_line;
    cs_str null_value;
    cs_str empty_value;
    cs_str nan_value, positive_inf, negative_inf;
    /* NULL: unset */
    const cs_time_pattern *date_format, *timestamp_format, *timestamp_ntz_format;
    cs_csv_maybe datetime_fallback; /* enableDateTimeParsingFallback */
    cs_str time_zone;               /* of local timestamps; tzdata has it */
    cs_csv_mode mode;
    cs_csv_parser parser;
    cs_str corrupt_column;   /* columnNameOfCorruptRecord */
    uint64_t record_bytes_max;
    uint32_t columns_max;
} cs_csv_options;

#endif
