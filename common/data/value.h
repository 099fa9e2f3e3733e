/* Values as text: for people (head, preview) and for JSON lines (issue "main job", command line):
 * numbers as numbers, doubles so that they round-trip, decimals as text that is exact, dates YYYY-MM-DD,
 * timestamps ISO with six digits and Z (NTZ without), binary base64, NaN and infinities as text,
 * null as null. */
#ifndef CS_COMMON_DATA_VALUE_H
#define CS_COMMON_DATA_VALUE_H

#include "common/data/rows.h"

void cs_value_json(const cs_column *column, size_t at, cs_buf *out);
void cs_value_text(const cs_column *column, size_t at, cs_buf *out); /* unquoted; null is NULL */
void cs_rows_json(const cs_rows *rows, size_t at, cs_buf *out);      /* one row as an object, no newline */

/* Pieces that statistics and messages use too. */
void cs_decimal_print(__int128 unscaled, uint8_t scale, cs_buf *out);
void cs_date_print(int32_t days, cs_buf *out);
/* digits: of the fraction, 0..6 (cut, not rounded); separator ' ' or 'T'. */
void cs_timestamp_print(int64_t micros, char separator, int digits, cs_buf *out);
/* Shortest text that reads back as the same value; false for NaN and infinities (nothing written). */
bool cs_double_print(double value, cs_buf *out);
bool cs_float_print(float value, cs_buf *out);
/* Proleptic Gregorian calendar. */
int64_t cs_days_from_civil(int64_t year, unsigned month, unsigned day);
void cs_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
