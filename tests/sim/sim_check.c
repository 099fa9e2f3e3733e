
#include "tests/sim/sim_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/delta/delta_scan.h"
#include "common/parquet/parquet_reader.h"

#define ROWS_MAX 4096
#define VERSIONS_MAX 512
#define PLANS_MAX 512
#define PARTS_MAX 2048

/* A file as it was at some time. */
typedef struct content {
    cs_str path;
    cs_content_version version;
    int rows[64];
    int n_rows;
    bool newest;
} content;

typedef struct plan_known {
    int64_t digest63;
    bool durable;
    int *rows;
    int n_rows;
} plan_known;

typedef struct part_known {
    cs_str path;
    int *rows;
    int n_rows;
} part_known;

typedef struct version_seen {
    uint64_t hash;
    int *rows;
    int n_rows;
} version_seen;

struct sim_check {
    sim_world *world;
    cs_store *store; /* the table, seen from outside */
    cs_arena arena;
    content contents[8 * SIM_FILES_MAX];
    int n_contents;
    plan_known plans[PLANS_MAX];
    int n_plans;
    part_known parts[PARTS_MAX];
    int n_parts;
    version_seen versions[VERSIONS_MAX];
    int n_versions;
    int64_t committed;      /* newest version that was reported */
    int in_table[ROWS_MAX]; /* version + 1 that holds the row */
};

static bool read_version(sim_check *check, int64_t number, cs_buf *text);
static void take_version(sim_check *check, int64_t number, cs_str text);
static const part_known *read_part(sim_check *check, cs_str path);
static void compare(sim_check *check, int64_t number, const plan_known *plan, const int *rows,
                    int n_rows);

sim_check *sim_check_new(sim_world *world)
{
    sim_check *check = cs_xcalloc(1, sizeof *check);
    check->world = world;
    check->committed = -1;
    if (cs_store_mem_open(world->disk, CS_STR("table"), true, &check->store, NULL) != CS_OK)
        abort();
    return check;
}

void sim_check_free(sim_check *check)
{
    if (check == NULL)
        return;
    cs_store_close(check->store);
    cs_arena_done(&check->arena);
    free(check);
}

void sim_check_landed(sim_check *check, cs_str path, cs_content_version version, int first, int n,
                      bool beside)
{
    content *next = &check->contents[check->n_contents];
    memset(next, 0, sizeof *next);
    for (int i = 0; i < check->n_contents; i++) {
        content *former = &check->contents[i];
        if (former->newest && cs_str_eq(former->path, path)) {
            former->newest = false;
            if (!beside)
                continue;
            memcpy(next->rows, former->rows, sizeof next->rows);
            next->n_rows = former->n_rows;
        }
    }
    next->path = cs_arena_str(&check->arena, path);
    next->version = version;
    next->newest = true;
    for (int i = 0; i < n; i++)
        next->rows[next->n_rows++] = first + i;
    check->n_contents++;
}

int sim_check_rows_of(const sim_check *check, cs_str path)
{
    for (int i = 0; i < check->n_contents; i++) {
        if (check->contents[i].newest && cs_str_eq(check->contents[i].path, path))
            return check->contents[i].n_rows;
    }
    return 0;
}

void sim_check_saving(sim_check *check, const cs_plan *plan)
{
    int64_t digest63 = cs_digest63(&plan->digest);
    for (int i = 0; i < check->n_plans; i++) {
        if (check->plans[i].digest63 == digest63)
            return;
    }
    plan_known *known = &check->plans[check->n_plans++];
    *known = (plan_known){ .digest63 = digest63 };
    known->rows = cs_arena_array(&check->arena, int, ROWS_MAX);
    for (uint32_t f = 0; f < plan->n_files; f++) {
        const content *found = NULL;
        for (int i = 0; i < check->n_contents; i++) {
            const content *each = &check->contents[i];
            if (cs_str_eq(each->path, plan->files[f].path) &&
                each->version.size_bytes == plan->files[f].version.size_bytes &&
                each->version.mtime_ns == plan->files[f].version.mtime_ns)
                found = each;
        }
        if (found == NULL) {
            sim_fail(check->world,
                     "batch %" PRIu64
                     " plans %.*s with a content that it never had when it was whole",
                     plan->batch, CS_STR_ARG(plan->files[f].path));
            return;
        }
        memcpy(known->rows + known->n_rows, found->rows, (size_t)found->n_rows * sizeof(int));
        known->n_rows += found->n_rows;
    }
}

void sim_check_saved(sim_check *check, int64_t digest63)
{
    for (int i = 0; i < check->n_plans; i++) {
        if (check->plans[i].digest63 == digest63)
            check->plans[i].durable = true;
    }
}

void sim_check_committed(sim_check *check, int64_t version)
{
    sim_check_look(check);
    if (check->world->settings.story == SIM_REPLACED_TABLE && check->world->story_told)
        return; /* it may speak of the table that was */
    if (version > check->committed)
        check->committed = version;
    if (version >= check->n_versions)
        sim_fail(check->world, "version %" PRId64 " was reported as committed, the newest is %d",
                 version, check->n_versions - 1);
}

void sim_check_forget_versions(sim_check *check)
{
    check->n_versions = 0;
    check->committed = -1;
    check->n_parts = 0;
    memset(check->in_table, 0, sizeof check->in_table);
    cs_store_close(check->store);
    if (cs_store_mem_open(check->world->disk, CS_STR("table"), true, &check->store, NULL) != CS_OK)
        abort();
}

void sim_check_look_anew(sim_check *check)
{
    int64_t committed = check->committed;
    version_seen before[VERSIONS_MAX];
    int n_before = check->n_versions;
    memcpy(before, check->versions, sizeof before);
    sim_check_forget_versions(
        check); /* also reads the parts again: what was not synced may be gone */
    check->committed = committed;
    sim_check_look(check);
    if (check->n_versions <= committed)
        sim_fail(check->world,
                 "version %" PRId64 " was reported as committed and is gone after the crash",
                 committed);
    for (int i = 0; i < n_before && i < check->n_versions; i++) {
        if (before[i].hash != check->versions[i].hash && i <= committed)
            sim_fail(check->world, "version %d changed in the crash", i);
    }
}

void sim_check_look(sim_check *check)
{
    cs_buf text = CS_BUF_INIT;
    while (!check->world->failed && read_version(check, check->n_versions, &text)) {
        take_version(check, check->n_versions, cs_buf_str(&text));
        cs_buf_clear(&text);
    }
    cs_buf_done(&text);
}

static bool is_in_table(const sim_check *check, const content *whole)
{
    for (int i = 0; i < whole->n_rows; i++) {
        if (check->in_table[whole->rows[i]] == 0)
            return false;
    }
    return true;
}

/* What changes after it was read stays as it was read (onChanged=report). */
bool sim_check_complete(const sim_check *check)
{
    for (int i = 0; i < check->n_contents; i++) {
        bool found = false;
        for (int j = 0; !found && j < check->n_contents; j++)
            found = cs_str_eq(check->contents[i].path, check->contents[j].path) &&
                    is_in_table(check, &check->contents[j]);
        if (!found)
            return false;
    }
    return true;
}

int64_t sim_check_version(const sim_check *check)
{
    return check->n_versions - 1;
}

/* --- versions --- */

static bool read_version(sim_check *check, int64_t number, cs_buf *text)
{
    char name[64];
    int len = snprintf(name, sizeof name, "_delta_log/%020" PRId64 ".json", number);
    return cs_store_read(check->store, (cs_str){ name, (size_t)len }, 1 << 20, text, NULL, NULL) ==
           CS_OK;
}

/* The text behind `key` up to the next quote or comma; false when the line has none. */
static bool member(cs_str line, const char *key, cs_str *value)
{
    const char *at = memmem(line.ptr, line.len, key, strlen(key));
    if (at == NULL)
        return false;
    value->ptr = at + strlen(key);
    size_t left = line.len - (size_t)(value->ptr - line.ptr), len = 0;
    while (len < left && value->ptr[len] != '"' && value->ptr[len] != ',' && value->ptr[len] != '}')
        len++;
    value->len = len;
    return true;
}

static void take_version(sim_check *check, int64_t number, cs_str text)
{
    sim_world *world = check->world;
    int *rows = cs_arena_array(&check->arena, int, ROWS_MAX), n_rows = 0;
    bool has_digest = false, has_add = false;
    int64_t digest63 = 0;
    version_seen *seen = &check->versions[check->n_versions++];
    *seen = (version_seen){ .hash = cs_hash64(text.ptr, text.len), .rows = rows };
    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        sim_fail(world, "version %" PRId64 " is torn", number);
    cs_str line, value;
    while (cs_str_split(&text, '\n', &line)) {
        if (member(line, "{\"txn\":{\"appId\":\"cstream-digest:", &value) &&
            member(line, "\"version\":", &value))
            has_digest = cs_str_to_i64(value, &digest63);
        if (!member(line, "{\"add\":{\"path\":\"", &value))
            continue;
        has_add = true;
        const part_known *part = read_part(check, value);
        if (part == NULL) {
            sim_fail(world, "version %" PRId64 " names %.*s, which cannot be read", number,
                     CS_STR_ARG(value));
            return;
        }
        for (int i = 0; i < part->n_rows; i++) {
            int row = part->rows[i];
            if (check->in_table[row] != 0)
                sim_fail(world, "row %d is in versions %d and %" PRId64, row,
                         check->in_table[row] - 1, number);
            check->in_table[row] = (int)number + 1;
            rows[n_rows++] = row;
        }
    }
    seen->n_rows = n_rows;
    if (!has_digest) {
        if (has_add)
            sim_fail(world, "version %" PRId64 " has rows and no digest", number);
        return; /* a foreign commit */
    }
    sim_trace(world, "table", "version %" PRId64 " with %d rows", number, n_rows);
    for (int i = 0; i < check->n_plans; i++) {
        if (check->plans[i].digest63 == digest63) {
            compare(check, number, &check->plans[i], rows, n_rows);
            return;
        }
    }
    sim_fail(world, "version %" PRId64 " carries a plan that nobody saved", number);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void compare(sim_check *check, int64_t number, const plan_known *plan, const int *rows,
                    int n_rows)
{
    if (!plan->durable)
        sim_fail(check->world, "version %" PRId64 " was committed before its plan was durable",
                 number);
    int have[ROWS_MAX], want[ROWS_MAX];
    memcpy(have, rows, (size_t)n_rows * sizeof(int));
    memcpy(want, plan->rows, (size_t)plan->n_rows * sizeof(int));
    qsort(have, (size_t)n_rows, sizeof(int), by_number);
    qsort(want, (size_t)plan->n_rows, sizeof(int), by_number);
    if (n_rows != plan->n_rows || memcmp(have, want, (size_t)n_rows * sizeof(int)) != 0)
        sim_fail(check->world, "version %" PRId64 " has %d rows that are not the %d of its plan",
                 number, n_rows, plan->n_rows);
}

/* --- parts --- */

static cs_code read_bytes(void *ctx, uint64_t offset, void *bytes, size_t len, cs_error *err)
{
    const cs_buf *whole = ctx;
    if (offset > whole->len || len > whole->len - offset)
        return cs_error_set(err, CS_E_DAMAGED_PARQUET, "read behind the end");
    memcpy(bytes, whole->ptr + offset, len);
    return CS_OK;
}

static cs_code read_rows(const cs_buf *whole, int *ids, int *n_ids, cs_error *err)
{
    cs_parquet_reader *reader = NULL;
    cs_parquet_input input = { (void *)(uintptr_t)whole, read_bytes, whole->len, CS_STR("part") };
    cs_rows rows = { 0 };
    cs_code code;
    CS_TRY(cs_parquet_reader_new(input, NULL, &reader, err));
    CS_TRY_OUT(cs_rows_init(&rows, cs_parquet_reader_schema(reader), err));
    *n_ids = 0;
    for (;;) {
        CS_TRY_OUT(cs_parquet_reader_next(reader, 1024, &rows, err));
        if (rows.length == 0)
            break;
        for (size_t i = 0; i < rows.length && *n_ids < ROWS_MAX; i++)
            ids[(*n_ids)++] = (int)((const int64_t *)rows.columns[0].data)[i];
    }
out:
    cs_rows_done(&rows);
    cs_parquet_reader_free(reader);
    return code;
}

static const part_known *read_part(sim_check *check, cs_str path)
{
    for (int i = 0; i < check->n_parts; i++) {
        if (cs_str_eq(check->parts[i].path, path))
            return &check->parts[i];
    }
    cs_buf whole = CS_BUF_INIT;
    cs_error error;
    part_known part = { .path = cs_arena_str(&check->arena, path),
                        .rows = cs_arena_array(&check->arena, int, ROWS_MAX) };
    cs_code code = cs_store_read(check->store, path, 1 << 20, &whole, NULL, &error);
    if (code == CS_OK)
        code = read_rows(&whole, part.rows, &part.n_rows, &error);
    cs_buf_done(&whole);
    if (code != CS_OK) {
        sim_trace(check->world, "check", "%s", error.message);
        return NULL;
    }
    for (int i = 0; i < part.n_rows; i++) {
        if (part.rows[i] < 0 || part.rows[i] >= ROWS_MAX)
            return NULL;
    }
    check->parts[check->n_parts] = part;
    return &check->parts[check->n_parts++];
}

/* --- the end --- */

typedef struct left_over {
    sim_check *check;
    int n;
    char name[128];
} left_over;

static cs_code look_at(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)err;
    left_over *left = ctx;
    bool named = entry->stat.kind == CS_FILE_FOLDER || cs_str_ends(entry->name, CS_STR(".json")) ||
                 cs_str_ends(entry->name, CS_STR("_last_checkpoint"));
    for (int i = 0; !named && i < left->check->n_parts; i++)
        named = cs_str_eq(left->check->parts[i].path, entry->name);
    if (!named) {
        left->n++;
        snprintf(left->name, sizeof left->name, "%.*s", CS_STR_ARG(entry->name));
    }
    return CS_OK;
}

static cs_code count_rows(sim_check *check, int counts[ROWS_MAX], cs_error *err)
{
    cs_delta_snapshot *snapshot = NULL;
    cs_delta_scan *scan = NULL;
    cs_code code;
    CS_TRY(cs_delta_snapshot_open(check->store, CS_DELTA_NEWEST, &snapshot, err));
    CS_TRY_OUT(cs_delta_scan_open(snapshot, &scan, err));
    for (;;) {
        const cs_rows *rows;
        CS_TRY_OUT(cs_delta_scan_next(scan, 1024, &rows, err));
        if (rows == NULL)
            break;
        for (size_t i = 0; i < rows->length; i++)
            counts[((const int64_t *)rows->columns[0].data)[i] % ROWS_MAX]++;
    }
out:
    cs_delta_scan_close(scan);
    cs_delta_snapshot_close(snapshot);
    return code;
}

void sim_check_end(sim_check *check, bool clean)
{
    sim_world *world = check->world;
    sim_check_look(check);
    if (world->failed || check->n_versions == 0)
        return;
    int counts[ROWS_MAX] = { 0 };
    cs_error error;
    if (count_rows(check, counts, &error) != CS_OK)
        sim_fail(world, "the table cannot be read: %s", error.message);
    for (int i = 0; i < ROWS_MAX && !world->failed; i++) {
        if (counts[i] != (check->in_table[i] != 0))
            sim_fail(world, "a reader finds row %d %d times, the log says %d", i, counts[i],
                     check->in_table[i] != 0);
    }
    left_over left = { .check = check };
    if (clean && cs_store_list(check->store, CS_STR(""), look_at, &left, NULL) == CS_OK &&
        cs_store_list(check->store, CS_STR("_delta_log"), look_at, &left, NULL) == CS_OK &&
        left.n > 0)
        sim_fail(world, "%d files are left over, for example %s", left.n, left.name);
}
