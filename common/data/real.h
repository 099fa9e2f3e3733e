/* Text → binary floating point by the rule of java.lang.Double.parseDouble, which is Spark's too:
 * blanks around it, then [+-]?(NaN|Infinity|digits with a point and e±n|0x hex digits with p±n),
 * then f or d, which mean nothing. */
#ifndef CS_COMMON_DATA_REAL_H
#define CS_COMMON_DATA_REAL_H

#include "common/base/str.h"

/* Rounded once, to nearest even, straight to the type; too large is infinite, too small is 0.
 * False: not a number; *out untouched. */
bool cs_double_parse(cs_str text, double *out);
bool cs_float_parse(cs_str text, float *out);

#endif
