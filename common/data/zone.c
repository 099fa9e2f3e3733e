#include "common/data/zone.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/hash.h"
#include "common/base/limits.h"
#include "common/data/zone_rules.h"

#define ZONEINFO "/usr/share/zoneinfo/"
#define FILE_BYTES_MAX (64u << 10)
#define ID_BYTES_MAX 64u
#define BUCKETS 256u

struct cs_zone {
    struct cs_zone *next; /* of the same bucket */
    char id[ID_BYTES_MAX];
    size_t id_len;
    bool is_tzdb_id;
    cs_zone_rules rules; /* without any: fixed */
    int32_t offset;
};

struct cs_zones {
    const cs_zone *last; /* rows that follow one another mostly name the same zone */
    cs_zone *buckets[BUCKETS];
    size_t count;
    cs_str *names; /* of tzdata, the longest first; listed when a text first needs them */
    size_t n_names;
    cs_arena arena;
};

/* java.time.ZoneId.SHORT_IDS */
static const struct {
    char id[4];
    const char *zone;
} short_ids[] = {
    { "ACT", "Australia/Darwin" },    { "AET", "Australia/Sydney" },
    { "AGT", "America/Argentina/Buenos_Aires" },
    { "ART", "Africa/Cairo" },        { "AST", "America/Anchorage" },
    { "BET", "America/Sao_Paulo" },   { "BST", "Asia/Dhaka" },
    { "CAT", "Africa/Harare" },       { "CNT", "America/St_Johns" },
    { "CST", "America/Chicago" },     { "CTT", "Asia/Shanghai" },
    { "EAT", "Africa/Addis_Ababa" },  { "ECT", "Europe/Paris" },
    { "IET", "America/Indiana/Indianapolis" },
    { "IST", "Asia/Kolkata" },        { "JST", "Asia/Tokyo" },
    { "MIT", "Pacific/Apia" },        { "NET", "Asia/Yerevan" },
    { "NST", "Pacific/Auckland" },    { "PLT", "Asia/Karachi" },
    { "PNT", "America/Phoenix" },     { "PRT", "America/Puerto_Rico" },
    { "PST", "America/Los_Angeles" }, { "SST", "Pacific/Guadalcanal" },
    { "VST", "Asia/Ho_Chi_Minh" },    { "EST", "-05:00" },
    { "MST", "-07:00" },              { "HST", "-10:00" },
};

/* Files that are there but that Java does not take for zones. */
static const char *const not_zones[] = { "Factory", "GMT+0", "GMT-0", "ROC", "localtime", "posixrules" };

static bool offset_of(cs_str text, int32_t *seconds);
static bool two_digits(const char *at, int32_t *value);
static bool is_region(cs_str id);
static bool is_id_byte(char c);
static bool is_short_id(cs_str id);
static void list_names(cs_zones *zones, cs_str folder, int depth);
static int longer_first(const void *a, const void *b);
static bool load(cs_str id, cs_zone *out);

cs_code cs_zones_check(cs_error *err)
{
    cs_zone zone = { 0 };
    bool good = load(CS_STR("Etc/UTC"), &zone);
    cs_zone_rules_done(&zone.rules);
    if (good)
        return CS_OK;
    cs_error_set(err, CS_E_MISSING_FILE, "time zone data is missing or damaged: %s", ZONEINFO "Etc/UTC");
    cs_error_hint(err, "install the package tzdata");
    return CS_E_MISSING_FILE;
}

cs_zones *cs_zones_new(void)
{
    return cs_xcalloc(1, sizeof(cs_zones));
}

void cs_zones_free(cs_zones *zones)
{
    if (zones == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (cs_zone *zone = zones->buckets[i], *next; zone != NULL; zone = next) {
            next = zone->next;
            cs_zone_rules_done(&zone->rules);
            free(zone);
        }
    cs_arena_done(&zones->arena);
    free(zones);
}

const cs_zone *cs_zones_find(cs_zones *zones, cs_str id)
{
    if (zones->last != NULL && cs_str_eq(id, (cs_str){ zones->last->id, zones->last->id_len }))
        return zones->last;
    if (id.len == 0 || id.len >= ID_BYTES_MAX)
        return NULL;
    cs_zone **bucket = &zones->buckets[cs_hash64(id.ptr, id.len) % BUCKETS];
    for (const cs_zone *zone = *bucket; zone != NULL; zone = zone->next)
        if (cs_str_eq(id, (cs_str){ zone->id, zone->id_len }))
            return zones->last = zone;
    cs_zone found = { .id_len = id.len };
    memcpy(found.id, id.ptr, id.len);
    if (zones->count == CS_ZONES_MAX || !load(id, &found))
        return NULL;
    found.is_tzdb_id = found.rules.offsets != NULL && !is_short_id(id);
    found.next = *bucket;
    *bucket = cs_xcalloc(1, sizeof found);
    **bucket = found;
    zones->count++;
    return zones->last = *bucket;
}

const cs_zone *cs_zones_starting(cs_zones *zones, cs_str text, size_t *len)
{
    /* Nearly always the id as it is written, up to the end or to what no id has in it. */
    size_t n = 0;
    while (n < text.len && is_id_byte(text.ptr[n]))
        n++;
    const cs_zone *zone = cs_zones_find(zones, (cs_str){ text.ptr, n });
    if (zone != NULL && zone->is_tzdb_id) {
        *len = n;
        return zone;
    }
    if (zones->names == NULL) {
        zones->names = cs_arena_array(&zones->arena, cs_str, CS_ZONES_MAX);
        list_names(zones, CS_STR(""), 0);
        qsort(zones->names, zones->n_names, sizeof *zones->names, longer_first);
    }
    for (size_t i = 0; i < zones->n_names; i++) {
        cs_str name = zones->names[i];
        if (name.len > n || !cs_str_eq_nocase(name, (cs_str){ text.ptr, name.len }))
            continue;
        zone = cs_zones_find(zones, name);
        if (zone != NULL) {
            *len = name.len;
            return zone;
        }
    }
    return NULL;
}

bool cs_zone_fixed(cs_str id, int32_t *seconds)
{
    static const char *const prefixes[] = { "UTC", "GMT", "UT" };
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(prefixes[i]);
        if (!cs_str_starts(id, (cs_str){ prefixes[i], len }))
            continue;
        id = (cs_str){ id.ptr + len, id.len - len };
        if (id.len == 0)
            *seconds = 0;
        return id.len == 0 || offset_of(id, seconds);
    }
    if (cs_str_eq(id, CS_STR("Z"))) {
        *seconds = 0;
        return true;
    }
    return offset_of(id, seconds);
}

int64_t cs_zone_to_utc(const cs_zone *zone, int64_t local)
{
    return local - (zone->rules.offsets == NULL ? zone->offset : cs_zone_rules_offset(&zone->rules, local));
}

/* What java.time takes (+h, +hh, +hhmm, +hh:mm, +hhmmss, +hh:mm:ss), and what Spark adds by putting
 * a zero before a lone hour and before a lone minute at the end. */
static bool offset_of(cs_str text, int32_t *seconds)
{
    if (text.len < 2 || (text.ptr[0] != '+' && text.ptr[0] != '-'))
        return false;
    char digits[8] = "000000"; /* hhmmss */
    char full[12];
    size_t len = 0;
    bool lone_hour = text.len == 2 || text.ptr[2] == ':';
    if (text.len - 1 + lone_hour > 8)
        return false;
    if (lone_hour)
        full[len++] = '0';
    memcpy(full + len, text.ptr + 1, text.len - 1);
    len += text.len - 1;
    if (len == 4 && full[2] == ':') { /* hh:m */
        full[4] = full[3];
        full[3] = '0';
        len = 5;
    }
    bool colons = len == 5 || len == 8;
    if (len != 2 && len != 4 && len != 6 && !colons)
        return false;
    for (size_t i = 0, to = 0; i < len; i++) {
        if (colons && i % 3 == 2) {
            if (full[i] != ':')
                return false;
            continue;
        }
        digits[to++] = full[i];
    }
    int32_t hours, minutes, rest;
    if (!two_digits(digits, &hours) || !two_digits(digits + 2, &minutes) || !two_digits(digits + 4, &rest) ||
        minutes > 59 || rest > 59)
        return false;
    int32_t sum = (hours * 60 + minutes) * 60 + rest;
    if (sum > 18 * 3600)
        return false;
    *seconds = text.ptr[0] == '-' ? -sum : sum;
    return true;
}

static bool two_digits(const char *at, int32_t *value)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *value = (at[0] - '0') * 10 + (at[1] - '0');
    return true;
}

/* Java's form of a region's id, and nothing that could leave the folder or reach another kind of
 * file in it: every part between slashes begins with a letter, and the copies in posix/ and right/
 * are not ids. */
static bool is_region(cs_str id)
{
    bool begins = true;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (begins ? !letter : !is_id_byte(c))
            return false;
        begins = c == '/';
    }
    for (size_t i = 0; i < sizeof not_zones / sizeof not_zones[0]; i++)
        if (cs_str_eq(id, cs_str_of(not_zones[i])))
            return false;
    return !begins && !cs_str_starts(id, CS_STR("posix/")) && !cs_str_starts(id, CS_STR("right/"));
}

static bool is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= '9') || c == '_' || c == '+';
}

static bool is_short_id(cs_str id)
{
    for (size_t i = 0; i < sizeof short_ids / sizeof short_ids[0]; i++)
        if (cs_str_eq(id, cs_str_of(short_ids[i].id)))
            return true;
    return false;
}

/* Ids begin with a capital letter; what else lies there does not. */
static void list_names(cs_zones *zones, cs_str folder, int depth)
{
    char path[sizeof ZONEINFO + ID_BYTES_MAX];
    snprintf(path, sizeof path, "%s%.*s", ZONEINFO, CS_STR_ARG(folder));
    DIR *entries = depth > 3 ? NULL : opendir(path);
    if (entries == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        cs_str base = cs_str_of(entry->d_name);
        if (base.ptr[0] < 'A' || base.ptr[0] > 'Z' || folder.len + 1 + base.len >= ID_BYTES_MAX)
            continue;
        cs_str name = cs_str_of(cs_arena_printf(&zones->arena, "%.*s%s%s", CS_STR_ARG(folder),
                                                folder.len > 0 ? "/" : "", entry->d_name));
        if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
            list_names(zones, name, depth + 1);
        if (entry->d_type != DT_DIR && zones->n_names < CS_ZONES_MAX && !is_short_id(name))
            zones->names[zones->n_names++] = name;
    }
    closedir(entries);
}

static int longer_first(const void *a, const void *b)
{
    size_t x = ((const cs_str *)a)->len, y = ((const cs_str *)b)->len;
    return x < y ? 1 : x > y ? -1 : 0;
}

static bool load(cs_str id, cs_zone *out)
{
    if (id.len == 3)
        for (size_t i = 0; i < sizeof short_ids / sizeof short_ids[0]; i++)
            if (memcmp(id.ptr, short_ids[i].id, 3) == 0)
                id = cs_str_of(short_ids[i].zone);
    if (cs_zone_fixed(id, &out->offset))
        return true;
    if (!is_region(id))
        return false;
    char path[sizeof ZONEINFO + ID_BYTES_MAX];
    snprintf(path, sizeof path, "%s%.*s", ZONEINFO, CS_STR_ARG(id));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char *bytes = cs_xcalloc(1, FILE_BYTES_MAX);
    size_t len = 0;
    for (ssize_t got; len < FILE_BYTES_MAX && (got = read(fd, bytes + len, FILE_BYTES_MAX - len)) > 0;)
        len += (size_t)got;
    close(fd);
    bool good = cs_zone_rules_read(&out->rules, (cs_str){ bytes, len });
    free(bytes);
    return good;
}
