/* What a date and time pattern is compiled to. For time_pattern.c and time_match.c. */
#ifndef CS_COMMON_DATA_TIME_PROGRAM_H
#define CS_COMMON_DATA_TIME_PROGRAM_H

#include "common/data/time_pattern.h"

typedef enum cs_time_field {
    CS_TIME_YEAR,
    CS_TIME_MONTH,
    CS_TIME_DAY,
    CS_TIME_DAY_OF_YEAR,
    CS_TIME_HOUR,      /* 0..23 */
    CS_TIME_CLOCK,     /* 1..24 */
    CS_TIME_HALF_HOUR, /* 0..11 */
    CS_TIME_HALF_CLOCK, /* 1..12 */
    CS_TIME_HALF,      /* 0 AM, 1 PM */
    CS_TIME_MINUTE,
    CS_TIME_SECOND,
    CS_TIME_NANO,
    CS_TIME_OFFSET,
    CS_TIME_FIELD_COUNT
} cs_time_field;

typedef enum cs_time_op_kind {
    CS_TIME_OP_LITERAL,
    CS_TIME_OP_NUMBER,
    CS_TIME_OP_SHORT_YEAR, /* two digits, 2000 to 2099 */
    CS_TIME_OP_FRACTION,   /* of a second */
    CS_TIME_OP_SHORT_MONTH,
    CS_TIME_OP_LONG_MONTH,
    CS_TIME_OP_HALF,
    CS_TIME_OP_OFFSET,
    CS_TIME_OP_ZONE,
    CS_TIME_OP_OPTION /* the ops up to `end` match, or none of them counts */
} cs_time_op_kind;

/* java.time.format.SignStyle */
typedef enum cs_time_sign {
    CS_TIME_SIGN_NONE,
    CS_TIME_SIGN_MINUS, /* `-`, not before zero */
    CS_TIME_SIGN_WIDE   /* `+` exactly where there are more than `least` digits, or `-` */
} cs_time_sign;

typedef struct cs_time_op {
    cs_time_op_kind kind;
    cs_time_field field;
    cs_time_sign sign;
    uint8_t least, most; /* digits */
    uint16_t behind;     /* digits of the numbers directly behind, which this one leaves to them */
    bool colon, needs_minutes, takes_seconds; /* OFFSET */
    uint16_t end;        /* OPTION: the op behind its last one */
    cs_str text;         /* LITERAL; OFFSET: what stands for zero */
} cs_time_op;

#define CS_TIME_FIXED_BYTES 32

/* The ops that a pattern begins with, as long as each takes a known number of bytes: looked at in
 * words. What does not match here may still match op by op. */
typedef struct cs_time_fixed {
    size_t n_ops, len;    /* 0: there are none */
    size_t n_words;
    uint8_t word_at[CS_TIME_FIXED_BYTES / 8];
    /* Word XOR want is 0 at a literal and 0 to 9 at a digit: adding most carries into no bit 7. */
    uint64_t want[CS_TIME_FIXED_BYTES / 8], most[CS_TIME_FIXED_BYTES / 8];
    bool open;            /* ends in numbers that would take a digit more */
    struct {
        uint8_t at, width; /* width 0: the field is not there */
    } fields[CS_TIME_FIELD_COUNT];
    bool short_year;
    uint32_t present;     /* bits of fields */
} cs_time_fixed;

struct cs_time_pattern {
    const cs_time_op *ops;
    size_t n_ops;
    cs_time_fixed fixed;
};

#endif
