#include "common/delta/delta_listing.h"

#include <stdio.h>
#include <stdlib.h>

#define VERSION_DIGITS 20
#define PART_DIGITS 10

/* One part of a multi-part checkpoint. */
typedef struct part {
    int64_t version;
    uint32_t at, of;
} part;

typedef struct found_names {
    cs_buf commits;     /* int64_t */
    cs_buf checkpoints; /* cs_delta_checkpoint */
    cs_buf parts;       /* part */
} found_names;

static cs_code take(void *ctx, const cs_store_entry *entry, cs_error *err);
static void take_checkpoint(found_names *found, int64_t version, cs_str name, cs_str rest);
static void join_parts(found_names *found);
static int compare_versions(const void *a, const void *b);
static int compare_checkpoints(const void *a, const void *b);

cs_code cs_delta_listing_read(cs_store *table, cs_delta_listing *out, cs_error *err)
{
    found_names found = { .commits = CS_BUF_INIT };
    cs_code code = cs_store_list(table, CS_STR(CS_DELTA_LOG_FOLDER), take, &found, err);
    if (code == CS_E_NOT_FOUND)
        code = CS_OK;
    if (code == CS_OK)
        join_parts(&found);
    if (code == CS_OK)
        code = cs_buf_check(&found.commits, err);
    if (code == CS_OK)
        code = cs_buf_check(&found.checkpoints, err);
    if (code == CS_OK)
        code = cs_buf_check(&found.parts, err);
    cs_buf_done(&found.parts);
    if (code != CS_OK) {
        cs_buf_done(&found.commits);
        cs_buf_done(&found.checkpoints);
        return code;
    }
    cs_delta_listing listing = { .commit_bytes = found.commits, .checkpoint_bytes = found.checkpoints };
    int64_t *commits = (int64_t *)(void *)found.commits.ptr;
    cs_delta_checkpoint *checkpoints = (cs_delta_checkpoint *)(void *)found.checkpoints.ptr;
    listing.n_commits = found.commits.len / sizeof *commits;
    listing.n_checkpoints = found.checkpoints.len / sizeof *checkpoints;
    listing.newest = -1;
    if (listing.n_commits > 0) {
        qsort(commits, listing.n_commits, sizeof *commits, compare_versions);
        listing.newest = commits[listing.n_commits - 1];
    }
    if (listing.n_checkpoints > 0) {
        qsort(checkpoints, listing.n_checkpoints, sizeof *checkpoints, compare_checkpoints);
        if (checkpoints[0].version > listing.newest)
            listing.newest = checkpoints[0].version;
    }
    listing.commits = commits;
    listing.checkpoints = checkpoints;
    *out = listing;
    return CS_OK;
}

void cs_delta_listing_done(cs_delta_listing *listing)
{
    cs_buf_done(&listing->commit_bytes);
    cs_buf_done(&listing->checkpoint_bytes);
    *listing = (cs_delta_listing){ .newest = -1 };
}

int64_t cs_delta_listing_gap(const cs_delta_listing *listing, int64_t from, int64_t to)
{
    size_t low = 0, high = listing->n_commits;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->commits[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    for (int64_t want = from; want <= to; want++, low++) {
        if (low == listing->n_commits || listing->commits[low] != want)
            return want;
    }
    return -1;
}

void cs_delta_commit_name(int64_t version, char out[CS_DELTA_NAME_MAX])
{
    (void)snprintf(out, CS_DELTA_NAME_MAX, CS_DELTA_LOG_FOLDER "/%020lld.json", (long long)version);
}

void cs_delta_part_name(const cs_delta_checkpoint *checkpoint, uint32_t part_at, char out[CS_DELTA_NAME_MAX])
{
    (void)snprintf(out, CS_DELTA_NAME_MAX, CS_DELTA_LOG_FOLDER "/%020lld.checkpoint.%010u.%010u.parquet",
                   (long long)checkpoint->version, part_at, checkpoint->parts);
}

/* Exactly `digits` decimal digits at the start of *text, which moves behind them. */
static bool take_number(cs_str *text, size_t digits, uint64_t *out)
{
    if (text->len < digits || text->ptr[0] < '0' || text->ptr[0] > '9')
        return false;
    if (!cs_str_to_u64((cs_str){ text->ptr, digits }, out))
        return false;
    text->ptr += digits;
    text->len -= digits;
    return true;
}

static bool take_text(cs_str *text, cs_str prefix)
{
    if (!cs_str_starts(*text, prefix))
        return false;
    text->ptr += prefix.len;
    text->len -= prefix.len;
    return true;
}

static cs_code take(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    found_names *found = ctx;
    cs_str rest = entry->name;
    uint64_t number;
    (void)err;
    if (entry->stat.kind != CS_FILE_REGULAR || !take_text(&rest, CS_STR(CS_DELTA_LOG_FOLDER "/")) ||
        !take_number(&rest, VERSION_DIGITS, &number) || number > INT64_MAX)
        return CS_OK;
    int64_t version = (int64_t)number;
    if (cs_str_eq(rest, CS_STR(".json")))
        cs_buf_add(&found->commits, &version, sizeof version);
    else if (take_text(&rest, CS_STR(".checkpoint.")))
        take_checkpoint(found, version, entry->name, rest);
    return CS_OK;
}

/* rest: what stands behind `N.checkpoint.`: `parquet`, `PPPPPPPPPP.TTTTTTTTTT.parquet`, `<uuid>.parquet`,
 * `<uuid>.json`. */
static void take_checkpoint(found_names *found, int64_t version, cs_str name, cs_str rest)
{
    cs_str pieces = rest;
    uint64_t at, of;
    if (take_number(&pieces, PART_DIGITS, &at) && take_text(&pieces, CS_STR(".")) &&
        take_number(&pieces, PART_DIGITS, &of) && cs_str_eq(pieces, CS_STR(".parquet"))) {
        part one = { version, (uint32_t)at, (uint32_t)of };
        if (at >= 1 && at <= of && of <= UINT32_MAX)
            cs_buf_add(&found->parts, &one, sizeof one);
        return;
    }
    bool json = cs_str_ends(rest, CS_STR(".json"));
    if ((!json && !cs_str_eq(rest, CS_STR("parquet")) && !cs_str_ends(rest, CS_STR(".parquet"))) ||
        name.len >= CS_DELTA_NAME_MAX)
        return;
    cs_delta_checkpoint checkpoint = { .version = version, .json = json };
    memcpy(checkpoint.name, name.ptr, name.len);
    cs_buf_add(&found->checkpoints, &checkpoint, sizeof checkpoint);
}

static int compare_parts(const void *a, const void *b)
{
    const part *one = a, *other = b;
    if (one->version != other->version)
        return one->version < other->version ? -1 : 1;
    if (one->of != other->of)
        return one->of < other->of ? -1 : 1;
    return one->at < other->at ? -1 : one->at > other->at;
}

/* A multi-part checkpoint counts only when all its parts are there. */
static void join_parts(found_names *found)
{
    part *parts = (part *)(void *)found->parts.ptr;
    size_t n = found->parts.len / sizeof *parts;
    if (n > 1)
        qsort(parts, n, sizeof *parts, compare_parts);
    for (size_t begin = 0; begin < n;) {
        size_t end = begin;
        while (end < n && parts[end].version == parts[begin].version && parts[end].of == parts[begin].of)
            end++;
        if (end - begin == parts[begin].of) {
            cs_delta_checkpoint checkpoint = { .version = parts[begin].version, .parts = parts[begin].of };
            cs_delta_part_name(&checkpoint, 1, checkpoint.name);
            cs_buf_add(&found->checkpoints, &checkpoint, sizeof checkpoint);
        }
        begin = end;
    }
}

static int compare_versions(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

/* Newest first; by name where several stand at one version, so that every start takes the same. */
static int compare_checkpoints(const void *a, const void *b)
{
    const cs_delta_checkpoint *one = a, *other = b;
    if (one->version != other->version)
        return one->version > other->version ? -1 : 1;
    return strcmp(one->name, other->name);
}
