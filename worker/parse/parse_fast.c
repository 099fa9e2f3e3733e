#include "worker/parse/parse_fast.h"

#include "common/data/value.h"

const uint64_t cs_fast_power10[20] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

bool cs_fast_date_parse(const char *at, cs_date_memo *memo)
{
    static const unsigned char month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    uint64_t year, month, day;
    if (at[4] != '-' || at[7] != '-' || !cs_fast_digits8(at, 4, &year) ||
        !cs_fast_digits8(at + 5, 2, &month) || !cs_fast_digits8(at + 8, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (unsigned)(leap && month == 2))
        return false;
    memo->head = cs_load8(at);
    memo->tail = cs_load8(at + 2);
    memo->days = (int32_t)cs_days_from_civil((int64_t)year, (unsigned)month, (unsigned)day);
    return true;
}
