#include "common/parquet/parquet_dbp.h"

#define MINIBLOCK_VALUES_MAX (1u << 20)

static bool next_miniblock(cs_parquet_dbp *dbp);
static bool take_varint(cs_parquet_dbp *dbp, uint64_t *value);
static uint64_t take_packed(cs_parquet_dbp *dbp, unsigned width);

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

bool cs_parquet_dbp_init(cs_parquet_dbp *dbp, cs_str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    *dbp = (cs_parquet_dbp){ .at = at, .end = at + bytes.len, .first = true };
    uint64_t block, miniblocks, value;
    if (!take_varint(dbp, &block) || !take_varint(dbp, &miniblocks) || !take_varint(dbp,
            &dbp->left) ||
        !take_varint(dbp, &value))
        return false;
    if (miniblocks == 0 || block == 0 || block % miniblocks != 0 ||
        block / miniblocks > MINIBLOCK_VALUES_MAX || block / miniblocks % 8 != 0 || miniblocks > bytes.len + 1)
        return false;
    dbp->value = unzigzag(value);
    dbp->n_miniblocks = dbp->miniblock = (uint32_t)miniblocks;
    dbp->miniblock_values = (uint32_t)(block / miniblocks);
    return true;
}

bool cs_parquet_dbp_get(cs_parquet_dbp *dbp, uint64_t *values, size_t n)
{
    if (n > dbp->left)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (dbp->first) {
            dbp->first = false;
        } else {
            if (dbp->miniblock_left == 0 && !next_miniblock(dbp))
                return false;
            dbp->value += dbp->min_delta + take_packed(dbp, dbp->widths[dbp->miniblock]);
            dbp->miniblock_left--;
        }
        values[i] = dbp->value;
    }
    dbp->left -= n;
    return true;
}

bool cs_parquet_dbp_skip(cs_parquet_dbp *dbp, cs_str *rest)
{
    uint64_t values[256];
    while (dbp->left > 0) {
        if (!cs_parquet_dbp_get(dbp, values, dbp->left < 256 ? (size_t)dbp->left : 256))
            return false;
    }
    /* The last miniblock is padded to its full size. */
    if (dbp->widths) {
        uint64_t bytes = (uint64_t)dbp->miniblock_values * dbp->widths[dbp->miniblock] / 8;
        if (bytes > (size_t)(dbp->end - dbp->at))
            return false;
        dbp->at += bytes;
    }
    *rest = (cs_str){ (const char *)dbp->at, (size_t)(dbp->end - dbp->at) };
    return true;
}

static bool next_miniblock(cs_parquet_dbp *dbp)
{
    if (dbp->widths) {
        uint64_t bytes = (uint64_t)dbp->miniblock_values * dbp->widths[dbp->miniblock] / 8;
        if (bytes > (size_t)(dbp->end - dbp->at))
            return false;
        dbp->at += bytes;
        dbp->miniblock++;
    }
    if (dbp->miniblock >= dbp->n_miniblocks) {
        uint64_t delta;
        if (!take_varint(dbp, &delta) || dbp->n_miniblocks > (size_t)(dbp->end - dbp->at))
            return false;
        dbp->min_delta = unzigzag(delta);
        dbp->widths = dbp->at;
        dbp->at += dbp->n_miniblocks;
        dbp->miniblock = 0;
    }
    dbp->miniblock_left = dbp->miniblock_values;
    dbp->bit = 0;
    /* A writer may leave out the padding of the very last miniblock: what is missing reads as zero. */
    return dbp->widths[dbp->miniblock] <= 64;
}

static bool take_varint(cs_parquet_dbp *dbp, uint64_t *value)
{
    cs_cursor cursor = { dbp->at, dbp->end };
    if (!cs_cursor_varint(&cursor, value))
        return false;
    dbp->at = cursor.at;
    return true;
}

static uint64_t take_packed(cs_parquet_dbp *dbp, unsigned width)
{
    if (width == 0)
        return 0;
    uint64_t byte = dbp->bit / 8, rest = (uint64_t)(dbp->end - dbp->at), word = 0;
    unsigned shift = dbp->bit % 8;
    dbp->bit += width;
    if (byte >= rest)
        return 0;
    const uint8_t *from = dbp->at + byte;
    rest -= byte;
    memcpy(&word, from, rest < 8 ? (size_t)rest : 8);
    word >>= shift;
    if (shift + width > 64 && rest > 8)
        word |= (uint64_t)from[8] << (64 - shift);
    return width == 64 ? word : word & ((UINT64_C(1) << width) - 1);
}
