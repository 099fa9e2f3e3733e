#include "worker/preview_files.h"

#include <fnmatch.h>
#include <stdlib.h>

typedef struct listing {
    const cs_job *job;
    cs_arena *arena;
    cs_preview_files *files;
    cs_str *folders; /* to be listed yet */
    size_t n_folders, folders_cap;
} listing;

static cs_code list_folder(listing *list, cs_error *err);
static cs_code take_entry(void *ctx, const cs_store_entry *entry, cs_error *err);
static bool is_hidden(cs_str name);
static void push(cs_str **items, size_t *n, size_t *cap, cs_str item);
static int by_name(const void *a, const void *b);

cs_code cs_preview_files_open(const cs_job *job, cs_arena *arena, cs_preview_files *out,
                              cs_error *err)
{
    const char *path = cs_arena_cstr(arena, job->source_path);
    const char *slash = strrchr(path, '/');
    cs_preview_files made = { 0 };
    cs_stat stat = { .kind = CS_FILE_FOLDER };
    char shown[512];
    cs_escape(shown, sizeof shown, job->source_path);
    cs_code code;
    made.root = cs_arena_str(arena, (cs_str){ path, (size_t)(slash - path) });
    CS_TRY_OUT(cs_store_posix_open(made.root.len > 0 ? made.root.ptr : "/", false, &made.store,
                                   err));
    if (slash[1] != '\0')
        code = cs_store_stat(made.store, cs_str_of(slash + 1), &stat, err);
    if (code == CS_E_NOT_FOUND)
        code = cs_error_set(err, CS_E_PATH_NOT_FOUND, "source %s does not exist", shown);
    CS_TRY_OUT(code);
    if (stat.kind != CS_FILE_REGULAR) { /* a link is followed here, as for the root of a job */
        listing list = { .job = job, .arena = arena, .files = &made };
        cs_store_close(made.store);
        made.store = NULL;
        made.root = job->source_path;
        CS_TRY_OUT(cs_store_posix_open(path, false, &made.store, err));
        CS_TRY_OUT(list_folder(&list, err));
    } else {
        push(&made.names, &made.count, &made.cap, cs_str_of(slash + 1));
    }
    if (made.count == 0) {
        code = cs_error_set(err, CS_E_PATH_NOT_FOUND,
                            "source %s holds no file that a job would read", shown);
        goto out;
    }
    *out = made;
    return CS_OK;
out:
    cs_preview_files_close(&made);
    return code;
}

void cs_preview_files_close(cs_preview_files *files)
{
    cs_store_close(files->store);
    free(files->names);
    *files = (cs_preview_files){ 0 };
}

bool cs_preview_glob(cs_str pattern, cs_str name, cs_arena *arena)
{
    /* fnmatch has no braces: try each alternative of the first pair. */
    const char *open = memchr(pattern.ptr, '{', pattern.len);
    const char *close = NULL;
    if (open != NULL)
        close = memchr(open, '}', pattern.len - (size_t)(open - pattern.ptr));
    if (close == NULL)
        return fnmatch(cs_arena_cstr(arena, pattern), cs_arena_cstr(arena, name), 0) == 0;
    cs_str choices = { open + 1, (size_t)(close - open) - 1 }, choice;
    cs_str before = { pattern.ptr, (size_t)(open - pattern.ptr) };
    cs_str behind = { close + 1, pattern.len - (size_t)(close + 1 - pattern.ptr) };
    while (cs_str_split(&choices, ',', &choice)) {
        const char *one = cs_arena_printf(arena, "%.*s%.*s%.*s", CS_STR_ARG(before),
                                          CS_STR_ARG(choice), CS_STR_ARG(behind));
        if (cs_preview_glob(cs_str_of(one), name, arena))
            return true;
    }
    return false;
}

static cs_code list_folder(listing *list, cs_error *err)
{
    cs_code code = CS_OK;
    push(&list->folders, &list->n_folders, &list->folders_cap, CS_STR(""));
    while (code == CS_OK && list->n_folders > 0) {
        cs_str folder = list->folders[--list->n_folders];
        code = cs_store_list(list->files->store, folder, take_entry, list, err);
    }
    free(list->folders);
    if (code == CS_OK && list->files->count > 0)
        qsort(list->files->names, list->files->count, sizeof *list->files->names, by_name);
    return code;
}

static cs_code take_entry(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)err;
    listing *list = ctx;
    const char *slash = memrchr(entry->name.ptr, '/', entry->name.len);
    cs_str base = entry->name;
    if (slash != NULL)
        base = (cs_str){ slash + 1, entry->name.len - (size_t)(slash + 1 - entry->name.ptr) };
    if (is_hidden(base))
        return CS_OK;
    cs_str name = cs_arena_str(list->arena, entry->name);
    cs_preview_files *files = list->files;
    cs_str glob = list->job->path_glob;
    if (entry->stat.kind == CS_FILE_FOLDER && list->job->recursive)
        push(&list->folders, &list->n_folders, &list->folders_cap, name);
    else if (entry->stat.kind == CS_FILE_REGULAR &&
             (glob.len == 0 || cs_preview_glob(glob, base, list->arena)))
        push(&files->names, &files->count, &files->cap, name);
    return CS_OK;
}

/* Names that Spark's file sources skip (spec: csv.md §1). */
static bool is_hidden(cs_str name)
{
    if (name.ptr[0] == '.' || cs_str_ends(name, CS_STR("._COPYING_")))
        return true;
    return name.ptr[0] == '_' && (memchr(name.ptr, '=', name.len) == NULL ||
                                  cs_str_starts(name, CS_STR("_metadata")) ||
                                  cs_str_starts(name, CS_STR("_common_metadata")));
}

static void push(cs_str **items, size_t *n, size_t *cap, cs_str item)
{
    if (*n == *cap) {
        *cap = *cap == 0 ? 16 : 2 * *cap;
        *items = cs_xrealloc(*items, *cap * sizeof **items);
    }
    (*items)[(*n)++] = item;
}

static int by_name(const void *a, const void *b)
{
    return cs_str_cmp(*(const cs_str *)a, *(const cs_str *)b);
}
