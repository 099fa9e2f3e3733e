/* A folder of files. Hints say where to look, the listing says what is there; a file is new when
 * the checkpoint does not know its path.
 *
 * What a look costs follows what is new: hinted names are looked at one by one, the rest waits in
 * `pending` between the looks. A full listing asks the checkpoint for every file there is; those
 * that are only a precaution are kept apart so far that they take at most a twentieth of the time.
 *
 * A file is taken when nobody has it open for writing: a read lease tells (design §4.1). Where
 * leases are not allowed, its writer was seen to close it, or its version has not changed for
 * minFileAge. First the probe, then the stat: what a writer wrote before the probe is then in the
 * version that goes into the plan. */
#include "coordinator/discover/source_dir.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/limits.h"
#include "coordinator/discover/glob.h"
#include "coordinator/discover/pending.h"

#define HELD_PROBE_MS 100 /* how soon to look again at a file that a writer has open */
#define SETTLE_TRIES 3    /* a file that changes under our eyes more often is held back */
#define LISTING_SHARE 20  /* after a listing of a second the next comes in 20 at the earliest */

typedef struct dir_source {
    cs_source source;
    cs_source_env env;
    cs_glob glob;
    cs_pending *pending;
    cs_buf hints;          /* each: closed (1 byte), length (varint), name */
    uint32_t n_hints;
    size_t last_hint;      /* where it begins */
    bool want_full;
    int64_t full_at_ms;    /* the next full listing; INT64_MAX: none */
    cs_source_counts counts;
    uint64_t *noticed;     /* hashes of names that were mentioned */
    uint32_t n_noticed;
    bool told_hidden;
} dir_source;

/* One full listing. */
typedef struct listing {
    dir_source *dir;
    cs_source_counts counts;
    cs_buf folders; /* still to be listed, one behind the other, each followed by its length */
} listing;

static cs_code dir_open(const cs_source_env *env, cs_source **out, cs_error *err);
static void dir_hint(cs_source *source, cs_str name, bool closed);
static cs_code dir_list(cs_source *source, bool full, cs_arena *arena, cs_source_file **files,
                        uint32_t *n, int64_t *again_ms, cs_error *err);
static void dir_planned(cs_source *source, const cs_plan *plan);
static cs_source_counts dir_counts(const cs_source *source);
static void dir_close(cs_source *source);
static cs_code list_from(dir_source *dir, cs_str folder, cs_source_counts *counts, cs_error *err);
static cs_code look_at_hints(dir_source *dir, cs_error *err);
static cs_code take(dir_source *dir, cs_arena *arena, cs_source_file **files, uint32_t *n,
                    cs_error *err);
static void put_back(dir_source *dir, int64_t now_ms);
static cs_code consider(dir_source *dir, cs_str path, const cs_stat *stat, bool closed,
                        cs_source_counts *counts, cs_error *err);
static int64_t next_look(const dir_source *dir, int64_t now_ms);
static void notice_once(dir_source *dir, cs_log_level level, cs_str name, const char *what);

const cs_source_ops cs_source_dir = {
    .format_scheme = "dir",
    .open = dir_open,
    .hint = dir_hint,
    .list = dir_list,
    .planned = dir_planned,
    .counts = dir_counts,
    .close = dir_close,
};

bool cs_source_dir_is_visible(cs_str name)
{
    if (cs_str_starts(name, CS_STR(".")) || cs_str_ends(name, CS_STR("._COPYING_")))
        return false;
    if (cs_str_eq(name, CS_STR("_SUCCESS")) || cs_str_starts(name, CS_STR("_metadata")) ||
        cs_str_starts(name, CS_STR("_common_metadata")))
        return false;
    return !cs_str_starts(name, CS_STR("_")) || memchr(name.ptr, '=', name.len) != NULL;
}

static cs_code dir_open(const cs_source_env *env, cs_source **out, cs_error *err)
{
    cs_glob glob;
    CS_TRY(cs_glob_init(&glob, env->job->path_glob, err));
    dir_source *dir = cs_xcalloc(1, sizeof *dir);
    dir->source.ops = &cs_source_dir;
    dir->env = *env;
    dir->glob = glob;
    dir->pending = cs_pending_new();
    dir->want_full = true;
    *out = &dir->source;
    return CS_OK;
}

static void dir_close(cs_source *source)
{
    dir_source *dir = (dir_source *)source;
    if (dir == NULL)
        return;
    cs_glob_done(&dir->glob);
    cs_pending_free(dir->pending);
    cs_buf_done(&dir->hints);
    free(dir->noticed);
    free(dir);
}

static cs_source_counts dir_counts(const cs_source *source)
{
    return ((const dir_source *)source)->counts;
}

/* ---- hints ---- */

static bool read_hint(cs_cursor *at, cs_str *name, bool *closed)
{
    cs_str flag;
    uint64_t len;
    if (!cs_cursor_bytes(at, 1, &flag) || !cs_cursor_varint(at, &len) ||
        !cs_cursor_bytes(at, (size_t)len, name))
        return false;
    *closed = flag.ptr[0] != 0;
    return true;
}

static void forget_hints(dir_source *dir)
{
    cs_buf_clear(&dir->hints);
    dir->n_hints = 0;
}

/* A writer's own events come in pairs (made, closed): the second joins the first. */
static void dir_hint(cs_source *source, cs_str name, bool closed)
{
    dir_source *dir = (dir_source *)source;
    if (dir->want_full && !closed)
        return;
    if (name.len == 0 || dir->n_hints == CS_SOURCE_HINTS_MAX ||
        cs_buf_check(&dir->hints, NULL) != CS_OK) {
        dir->want_full = true;
        forget_hints(dir);
        return;
    }
    if (dir->n_hints > 0) {
        cs_cursor at = { (const uint8_t *)dir->hints.ptr + dir->last_hint,
                         (const uint8_t *)dir->hints.ptr + dir->hints.len };
        cs_str last;
        bool was_closed;
        if (read_hint(&at, &last, &was_closed) && cs_str_eq(last, name)) {
            dir->hints.ptr[dir->last_hint] = was_closed || closed;
            return;
        }
    }
    dir->last_hint = dir->hints.len;
    cs_buf_add_char(&dir->hints, closed);
    cs_buf_add_varint(&dir->hints, name.len);
    cs_buf_add_str(&dir->hints, name);
    dir->n_hints++;
}

/* A hidden folder hides all below it. */
static bool folders_are_visible(cs_str path)
{
    cs_str rest = path, piece;
    while (cs_str_split(&rest, '/', &piece)) {
        if (!cs_source_dir_is_visible(piece))
            return false;
    }
    return true;
}

/* What is skipped is counted by full listings alone, or each hint would count it again. */
static cs_code look_at_hint(dir_source *dir, cs_str name, bool closed, cs_error *err)
{
    cs_stat stat;
    cs_source_counts counts = { 0 };
    bool below = memchr(name.ptr, '/', name.len) != NULL;
    if ((below && !dir->env.job->recursive) || !folders_are_visible(name))
        return CS_OK;
    cs_code code = cs_store_stat(dir->env.store, name, &stat, err);
    if (code == CS_E_NOT_FOUND)
        return CS_OK; /* gone again */
    CS_TRY(code);
    if (stat.kind == CS_FILE_FOLDER && dir->env.job->recursive)
        CS_TRY(list_from(dir, name, &counts, err));
    else
        CS_TRY(consider(dir, name, &stat, closed, &counts, err));
    dir->counts.changed += counts.changed;
    return CS_OK;
}

static cs_code look_at_hints(dir_source *dir, cs_error *err)
{
    if (dir->hints.len == 0)
        return CS_OK;
    cs_cursor at = { (const uint8_t *)dir->hints.ptr,
                     (const uint8_t *)dir->hints.ptr + dir->hints.len };
    cs_str name;
    bool closed;
    while (read_hint(&at, &name, &closed))
        CS_TRY(look_at_hint(dir, name, closed, err));
    forget_hints(dir);
    return CS_OK;
}

/* ---- looking ---- */

static int64_t later(int64_t now_ms, int64_t wait_ms)
{
    return wait_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + wait_ms;
}

static cs_code list_all(dir_source *dir, cs_error *err)
{
    cs_clock *clock = dir->env.clock;
    int64_t begun_ms = cs_clock_mono_ms(clock);
    cs_source_counts counts = { 0 };
    CS_TRY(list_from(dir, CS_STR(""), &counts, err));
    /* After the listing: these say that a writer closed a file, which a listing cannot know. */
    CS_TRY(look_at_hints(dir, err));
    counts.changed += dir->counts.changed;
    dir->counts = counts;
    if (counts.hidden > 0 && !dir->told_hidden) {
        char text[128];
        snprintf(text, sizeof text, "%llu hidden names (.x, _x, x._COPYING_) are skipped",
                 (unsigned long long)counts.hidden);
        dir->env.notice(dir->env.ctx, CS_LOG_INFO, text);
        dir->told_hidden = true;
    }
    dir->want_full = false;
    int64_t ended_ms = cs_clock_mono_ms(clock), wait_ms = (ended_ms - begun_ms) * LISTING_SHARE;
    if (wait_ms < dir->env.job->list_interval_ms)
        wait_ms = dir->env.job->list_interval_ms;
    dir->full_at_ms = later(ended_ms, wait_ms);
    return CS_OK;
}

static cs_code dir_list(cs_source *source, bool full, cs_arena *arena, cs_source_file **files,
                        uint32_t *n, int64_t *again_ms, cs_error *err)
{
    dir_source *dir = (dir_source *)source;
    int64_t now_ms = cs_clock_mono_ms(dir->env.clock);
    dir->counts.changed = 0;
    put_back(dir, now_ms);
    if (full || dir->want_full || now_ms >= dir->full_at_ms) {
        dir->want_full = true; /* stays so if it fails */
        CS_TRY(list_all(dir, err));
    } else {
        CS_TRY(look_at_hints(dir, err));
    }
    cs_source_file *taken = NULL;
    uint32_t n_taken = 0;
    CS_TRY(take(dir, arena, &taken, &n_taken, err));
    dir->counts.held_back = cs_pending_count(dir->pending, CS_PENDING_HELD);
    dir->counts.backlog = cs_pending_count(dir->pending, CS_PENDING_WAITING);
    *files = taken;
    *n = n_taken;
    *again_ms = next_look(dir, cs_clock_mono_ms(dir->env.clock));
    return CS_OK;
}

static int64_t next_look(const dir_source *dir, int64_t now_ms)
{
    int64_t at_ms = dir->full_at_ms;
    for (size_t i = 0; i < cs_pending_count(dir->pending, CS_PENDING_HELD); i++) {
        const cs_pending_file *file = cs_pending_at(dir->pending, CS_PENDING_HELD, i);
        if (file->due_ms < at_ms)
            at_ms = file->due_ms;
    }
    if (at_ms == INT64_MAX)
        return -1;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

/* Files that were handed out and never planned, and held ones whose time has come. */
static void put_back(dir_source *dir, int64_t now_ms)
{
    cs_pending *pending = dir->pending;
    while (cs_pending_count(pending, CS_PENDING_TAKEN) > 0)
        cs_pending_move(pending, cs_pending_at(pending, CS_PENDING_TAKEN, 0), CS_PENDING_WAITING);
    for (size_t i = cs_pending_count(pending, CS_PENDING_HELD); i > 0; i--) {
        cs_pending_file *file = cs_pending_at(pending, CS_PENDING_HELD, i - 1);
        if (file->due_ms <= now_ms)
            cs_pending_move(pending, file, CS_PENDING_WAITING);
    }
}

static void dir_planned(cs_source *source, const cs_plan *plan)
{
    dir_source *dir = (dir_source *)source;
    for (uint32_t i = 0; i < plan->n_files; i++) {
        const cs_source_file *file = &plan->files[i];
        cs_pending_file *known = cs_pending_find(dir->pending, file->path);
        if (known == NULL)
            continue;
        bool same = known->version.size_bytes == file->version.size_bytes &&
                    known->version.mtime_ns == file->version.mtime_ns;
        cs_pending_remove(dir->pending, known);
        if (!same)
            dir_hint(source, file->path, false); /* changed since: to be looked at as such */
    }
}

/* ---- listing ---- */

static void push_folder(listing *list, cs_str name)
{
    cs_buf_add_str(&list->folders, name);
    cs_buf_add_u32le(&list->folders, (uint32_t)name.len);
}

static cs_code pop_folder(listing *list, cs_buf *name, cs_error *err)
{
    cs_buf *folders = &list->folders;
    CS_TRY(cs_buf_check(folders, err));
    uint32_t len = 0;
    cs_cursor at = { (const uint8_t *)folders->ptr + folders->len - 4,
                     (const uint8_t *)folders->ptr + folders->len };
    (void)cs_cursor_u32le(&at, &len); /* pushed as 4 bytes */
    folders->len -= 4 + (size_t)len;
    cs_buf_clear(name);
    cs_buf_add(name, folders->ptr + folders->len, len);
    return cs_buf_check(name, err);
}

static cs_code list_entry(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    listing *list = ctx;
    dir_source *dir = list->dir;
    const char *slash = memrchr(entry->name.ptr, '/', entry->name.len);
    size_t at = slash != NULL ? (size_t)(slash - entry->name.ptr) + 1 : 0;
    cs_str base = { entry->name.ptr + at, entry->name.len - at };
    if (!cs_source_dir_is_visible(base)) {
        list->counts.hidden++;
        return CS_OK;
    }
    if (entry->stat.kind == CS_FILE_FOLDER && dir->env.job->recursive) {
        push_folder(list, entry->name);
        return CS_OK;
    }
    return consider(dir, entry->name, &entry->stat, false, &list->counts, err);
}

/* A folder below the root may vanish meanwhile; the root itself may not. */
static cs_code list_from(dir_source *dir, cs_str folder, cs_source_counts *counts, cs_error *err)
{
    listing list = { .dir = dir, .counts = *counts };
    cs_buf name = CS_BUF_INIT;
    cs_code code = CS_OK;
    push_folder(&list, folder);
    while (code == CS_OK && (list.folders.len > 0 || list.folders.failed)) {
        code = pop_folder(&list, &name, err);
        if (code != CS_OK)
            break;
        code = cs_store_list(dir->env.store, cs_buf_str(&name), list_entry, &list, err);
        if (code != CS_E_NOT_FOUND)
            continue;
        code = CS_OK;
        if (name.len == 0) {
            code = cs_error_set(err, CS_E_PATH_NOT_FOUND, "the source folder %.*s is gone",
                                CS_STR_ARG(dir->env.job->source_path));
            cs_error_hint(err, "put it back and start again: nothing is lost");
        }
    }
    cs_buf_done(&name);
    cs_buf_done(&list.folders);
    if (code == CS_OK)
        *counts = list.counts;
    return code;
}

/* ---- one name ---- */

static bool same_version(const cs_content_version *a, const cs_content_version *b)
{
    return a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns;
}

static cs_code note_skipped(dir_source *dir, cs_str path, cs_file_kind kind,
                            cs_source_counts *counts)
{
    if (kind == CS_FILE_SYMLINK) {
        counts->symlinks++;
        notice_once(dir, CS_LOG_WARN, path,
                    "is a symbolic link below the source and is not followed");
        return CS_OK;
    }
    counts->others++;
    if (kind != CS_FILE_FOLDER)
        notice_once(dir, CS_LOG_WARN, path, "is a device, pipe or socket and is not read");
    else if (memchr(path.ptr, '=', path.len) != NULL)
        notice_once(dir, CS_LOG_WARN, path,
                    "is a folder of the form key=value: its files are left out (recursiveFileLookup=true reads them, "
                    "without a column)");
    else
        notice_once(dir, CS_LOG_INFO, path,
                    "is a folder: files below it are read only with recursiveFileLookup=true");
    return CS_OK;
}

/* By its last extension, in any case (spec: csv.md §1): its bytes would be taken for text. */
static bool is_compressed(cs_str name)
{
    static const char *const endings[] = { ".gz", ".deflate", ".zst", ".snappy", ".bz2", ".lz4" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        cs_str ending = cs_str_of(endings[i]);
        if (name.len > ending.len &&
            cs_str_eq_nocase((cs_str){ name.ptr + name.len - ending.len, ending.len }, ending))
            return true;
    }
    return false;
}

/* True while somebody may still be writing; *due_ms says when to look again. */
static bool is_held(dir_source *dir, const cs_pending_file *file, int64_t now_ms, int64_t *due_ms)
{
    cs_writer_probe probe = cs_store_probe_writer(dir->env.store, cs_pending_path(file));
    if (probe == CS_WRITER_NONE || (probe == CS_WRITER_UNKNOWN && file->closed))
        return false;
    if (probe == CS_WRITER_OPEN) {
        *due_ms = later(now_ms, HELD_PROBE_MS);
        return true;
    }
    /* Old by its own stamp, or long enough under our eyes when that stamp lies in the future. */
    int64_t wanted_ms = dir->env.job->min_file_age_ms;
    int64_t age_ms = cs_clock_wall_us(dir->env.clock) / 1000 - file->version.mtime_ns / 1000000;
    if (now_ms - file->since_ms > age_ms)
        age_ms = now_ms - file->since_ms;
    *due_ms = later(now_ms, wanted_ms - age_ms);
    return age_ms < wanted_ms;
}

static cs_code changed(dir_source *dir, const cs_source_file *file, const cs_content_version *known,
                       cs_source_counts *counts, cs_error *err)
{
    char name[300], text[700];
    bool report = dir->env.job->on_changed == CS_ON_CHANGED_REPORT;
    snprintf(text, sizeof text, "%s changed after it was read: it had %llu bytes, now %llu%s%s",
             cs_escape(name, sizeof name, file->path), (unsigned long long)known->size_bytes,
             (unsigned long long)file->version.size_bytes,
             known->size_bytes == file->version.size_bytes ? " and another modification time" : "",
             report ? "; it is not read again (onChanged=report)" : "");
    if (!report) {
        cs_error_set(err, CS_E_SOURCE_CHANGED, "%s", text);
        cs_error_hint(err,
                      "onChanged=report goes on without reading it again, onChanged=read reads all of it again");
        return CS_E_SOURCE_CHANGED;
    }
    counts->changed++;
    CS_TRY(dir->env.changed(dir->env.ctx, file, err));
    dir->env.notice(dir->env.ctx, CS_LOG_WARN, text);
    return CS_OK;
}

/* A changed file whose writer is still at it will change again: one report for all of it, later. */
static bool still_changing(dir_source *dir, const cs_source_file *file, bool closed)
{
    cs_pending_file probed = { .path = file->path.ptr,
                               .path_len = (uint32_t)file->path.len,
                               .version = file->version,
                               .closed = closed,
                               .since_ms = cs_clock_mono_ms(dir->env.clock) };
    int64_t due_ms;
    return is_held(dir, &probed, probed.since_ms, &due_ms);
}

static cs_code consider(dir_source *dir, cs_str path, const cs_stat *stat, bool closed,
                        cs_source_counts *counts, cs_error *err)
{
    const char *slash = memrchr(path.ptr, '/', path.len);
    size_t at = slash != NULL ? (size_t)(slash - path.ptr) + 1 : 0;
    if (stat->kind != CS_FILE_REGULAR)
        return note_skipped(dir, path, stat->kind, counts);
    cs_str base = { path.ptr + at, path.len - at };
    if (!cs_glob_fits(&dir->glob, base))
        return CS_OK;
    if (is_compressed(base)) {
        counts->others++;
        notice_once(dir, CS_LOG_WARN, path,
                    "is left out: this version does not read compressed files; decompress it");
        return CS_OK;
    }
    int64_t now_ms = cs_clock_mono_ms(dir->env.clock);
    cs_source_file file = { path, { stat->size_bytes, stat->mtime_ns } };
    cs_pending_file *known = cs_pending_find(dir->pending, path);
    if (known != NULL) {
        known->closed = closed || (known->closed && same_version(&known->version, &file.version));
        if (!same_version(&known->version, &file.version))
            cs_pending_set_version(dir->pending, known, &file.version, now_ms);
        if (closed && known->state == CS_PENDING_HELD)
            cs_pending_move(dir->pending, known, CS_PENDING_WAITING);
        return CS_OK;
    }
    cs_seen seen;
    cs_content_version was;
    CS_TRY(dir->env.seen(dir->env.ctx, &file, &seen, &was, err));
    if (seen == CS_SEEN_SAME)
        return CS_OK;
    if (seen == CS_SEEN_CHANGED && dir->env.job->on_changed != CS_ON_CHANGED_READ)
        return still_changing(dir, &file, closed) ? CS_OK : changed(dir, &file, &was, counts, err);
    CS_TRY(cs_pending_add(dir->pending, &file, now_ms, err));
    if (closed)
        cs_pending_find(dir->pending, path)->closed = true;
    return CS_OK;
}

/* ---- taking ---- */

/* Settles the first WAITING file: it is held, gone, no longer the first, or *ready in its version
 * of now. */
static cs_code settle(dir_source *dir, cs_pending_file *file, bool *ready, cs_error *err)
{
    int64_t now_ms = cs_clock_mono_ms(dir->env.clock);
    *ready = false;
    file->due_ms = later(now_ms, HELD_PROBE_MS);
    for (int i = 0; i < SETTLE_TRIES; i++) {
        if (is_held(dir, file, now_ms, &file->due_ms))
            break;
        cs_stat stat;
        cs_code code = cs_store_stat(dir->env.store, cs_pending_path(file), &stat, err);
        if (code == CS_E_NOT_FOUND || (code == CS_OK && stat.kind != CS_FILE_REGULAR)) {
            cs_pending_remove(dir->pending, file);
            return CS_OK;
        }
        CS_TRY(code);
        cs_content_version version = { stat.size_bytes, stat.mtime_ns };
        *ready = same_version(&version, &file->version);
        if (*ready)
            return CS_OK;
        file->closed = false;
        cs_pending_set_version(dir->pending, file, &version, now_ms);
        if (cs_pending_first(dir->pending) != file)
            return CS_OK;
    }
    cs_pending_move(dir->pending, file, CS_PENDING_HELD);
    return CS_OK;
}

static cs_code take(dir_source *dir, cs_arena *arena, cs_source_file **files, uint32_t *n,
                    cs_error *err)
{
    const cs_job *job = dir->env.job;
    uint32_t most = CS_BATCH_FILES_MAX;
    if (job->files_max > 0 && job->files_max < most)
        most = job->files_max;
    size_t waiting = cs_pending_count(dir->pending, CS_PENDING_WAITING);
    if (waiting < most)
        most = (uint32_t)waiting;
    cs_source_file *taken = cs_arena_array(arena, cs_source_file, most);
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (count < most) {
        cs_pending_file *file = cs_pending_first(dir->pending);
        bool ready;
        if (file == NULL)
            break;
        CS_TRY(settle(dir, file, &ready, err));
        if (!ready)
            continue;
        uint64_t size = file->version.size_bytes;
        if (job->bytes_max > 0 && count > 0 &&
            (size > job->bytes_max || bytes > job->bytes_max - size))
            break;
        bytes += size;
        taken[count].path = cs_arena_str(arena, cs_pending_path(file));
        taken[count++].version = file->version;
        cs_pending_move(dir->pending, file, CS_PENDING_TAKEN);
    }
    *files = taken;
    *n = count;
    return CS_OK;
}

/* ---- notices ---- */

static void notice_once(dir_source *dir, cs_log_level level, cs_str name, const char *what)
{
    uint64_t hash = cs_hash64(name.ptr, name.len);
    for (uint32_t i = 0; i < dir->n_noticed; i++) {
        if (dir->noticed[i] == hash)
            return;
    }
    if (dir->n_noticed == CS_SOURCE_NOTICES_MAX)
        return;
    if (dir->noticed == NULL)
        dir->noticed = cs_xcalloc(CS_SOURCE_NOTICES_MAX, sizeof *dir->noticed);
    dir->noticed[dir->n_noticed++] = hash;
    char escaped[300], text[700];
    snprintf(text, sizeof text, "%s %s%s", cs_escape(escaped, sizeof escaped, name), what,
             dir->n_noticed == CS_SOURCE_NOTICES_MAX ? "; further skipped names are counted, not named" : "");
    dir->env.notice(dir->env.ctx, level, text);
}
