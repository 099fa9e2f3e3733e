/* A file counts as new when it is made (a hard link makes no other event), closed by a writer, or
 * renamed into place. A folder that appears is watched first and hinted after, so that what lands
 * in between is found by the listing that the hint causes. That the root itself is gone only a
 * listing tells: a folder that is held open sends no event when it is removed. */
#include "coordinator/discover/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/store/store.h"

#define EVENTS \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)
#define READ_BYTES (64u << 10)

struct cs_watch {
    int fd;
    char *root;
    cs_store *store; /* to find the folders below; NULL when not recursive */
    char **folders;  /* by watch number: name below the root, NULL: none */
    int n_folders;
    bool complained;
    _Alignas(struct inotify_event) char events[READ_BYTES];
};

static bool add_folder(cs_watch *watch, cs_str name);
static void add_below(cs_watch *watch, cs_str name);
static void take_event(cs_watch *watch, const struct inotify_event *event, cs_buf *name,
                       cs_watch_fn hint, void *ctx);

cs_code cs_watch_open(const char *root, bool recursive, cs_watch **out, cs_error *err)
{
    cs_store *store;
    CS_TRY(cs_store_posix_open(root, false, &store, err));
    if (!recursive) {
        cs_store_close(store);
        store = NULL;
    }
    cs_watch *watch = cs_xcalloc(1, sizeof *watch);
    watch->root = cs_xstrdup(root);
    watch->store = store;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0) {
        if (add_folder(watch, CS_STR("")))
            add_below(watch, CS_STR(""));
    } else {
        cs_log(CS_LOG_WARN, "cannot watch %s (inotify: %s): new files are found by listing only",
               root, strerrordesc_np(errno));
        watch->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); /* never readable */
        if (watch->fd < 0) {
            cs_code code = cs_error_sys(err, errno, "cannot watch %s", root);
            cs_watch_close(watch);
            return code;
        }
    }
    *out = watch;
    return CS_OK;
}

int cs_watch_fd(const cs_watch *watch)
{
    return watch->fd;
}

void cs_watch_read(cs_watch *watch, cs_watch_fn hint, void *ctx)
{
    cs_buf name = CS_BUF_INIT;
    for (;;) {
        ssize_t got = read(watch->fd, watch->events, sizeof watch->events);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        for (const char *at = watch->events; at < watch->events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            take_event(watch, event, &name, hint, ctx);
            at += sizeof *event + event->len;
        }
    }
    cs_buf_done(&name);
}

void cs_watch_close(cs_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd); /* nothing to lose */
    for (int i = 0; i < watch->n_folders; i++)
        free(watch->folders[i]);
    free(watch->folders);
    cs_store_close(watch->store);
    free(watch->root);
    free(watch);
}

/* The kernel gives one number to one folder: a folder that was renamed below the root gets its new
 * name here. */
static bool add_folder(cs_watch *watch, cs_str name)
{
    cs_buf path = CS_BUF_INIT;
    cs_buf_printf(&path, "%s%s%.*s", watch->root, name.len > 0 ? "/" : "", CS_STR_ARG(name));
    cs_buf_add_char(&path, '\0');
    /* The root's own path may be a symlink of the user; below it none is followed. */
    unsigned events = name.len > 0 ? EVENTS : EVENTS & ~(unsigned)IN_DONT_FOLLOW;
    int number = -1;
    if (cs_buf_check(&path, NULL) == CS_OK)
        number = inotify_add_watch(watch->fd, path.ptr, events);
    int sys_errno = errno;
    cs_buf_done(&path);
    if (number < 0) {
        if (sys_errno != ENOENT && sys_errno != ENOTDIR && !watch->complained) {
            cs_log(CS_LOG_WARN,
                   "cannot watch all of %s (inotify: %s): some new files are found by listing only",
                   watch->root, strerrordesc_np(sys_errno));
            watch->complained = true;
        }
        return false;
    }
    if (number >= watch->n_folders) {
        int n = number < 8 ? 16 : number * 2;
        watch->folders = cs_xrealloc(watch->folders, (size_t)n * sizeof *watch->folders);
        memset(watch->folders + watch->n_folders, 0,
               (size_t)(n - watch->n_folders) * sizeof *watch->folders);
        watch->n_folders = n;
    }
    free(watch->folders[number]);
    watch->folders[number] = cs_xcalloc(1, name.len + 1);
    memcpy(watch->folders[number], name.ptr, name.len);
    return true;
}

typedef struct below {
    cs_watch *watch;
    cs_buf folders; /* NUL after each */
} below;

static cs_code note_folder(void *ctx, const cs_store_entry *entry, cs_error *err)
{
    (void)err;
    below *found = ctx;
    if (entry->stat.kind == CS_FILE_FOLDER) {
        cs_buf_add_str(&found->folders, entry->name);
        cs_buf_add_char(&found->folders, '\0');
    }
    return CS_OK;
}

/* A folder that cannot be listed is the source's to complain about. */
static void add_below(cs_watch *watch, cs_str name)
{
    if (watch->store == NULL)
        return;
    below found = { .watch = watch };
    cs_buf_add_str(&found.folders, name);
    cs_buf_add_char(&found.folders, '\0');
    size_t at = 0;
    while (cs_buf_check(&found.folders, NULL) == CS_OK && at < found.folders.len) {
        char *folder = cs_xstrdup(found.folders.ptr + at);
        at += strlen(folder) + 1;
        if (at == name.len + 1 || add_folder(watch, cs_str_of(folder))) {
            if (cs_store_list(watch->store, cs_str_of(folder), note_folder, &found, NULL) != CS_OK)
                cs_log(CS_LOG_DEBUG, "cannot list %s/%s to watch below it", watch->root, folder);
        }
        free(folder);
    }
    cs_buf_done(&found.folders);
}

static void take_event(cs_watch *watch, const struct inotify_event *event, cs_buf *name,
                       cs_watch_fn hint, void *ctx)
{
    bool known =
        event->wd >= 0 && event->wd < watch->n_folders && watch->folders[event->wd] != NULL;
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        hint(ctx, CS_STR(""), false);
    if ((event->mask & IN_IGNORED) != 0 && known) {
        free(watch->folders[event->wd]);
        watch->folders[event->wd] = NULL;
    }
    if (!known || event->len == 0)
        return;
    cs_buf_clear(name);
    cs_buf_add_cstr(name, watch->folders[event->wd]);
    if (name->len > 0)
        cs_buf_add_char(name, '/');
    cs_buf_add_cstr(name, event->name);
    if (cs_buf_check(name, NULL) != CS_OK) {
        hint(ctx, CS_STR(""), false);
        return;
    }
    if ((event->mask & IN_ISDIR) != 0 && watch->store != NULL &&
        add_folder(watch, cs_buf_str(name)))
        add_below(watch, cs_buf_str(name));
    hint(ctx, cs_buf_str(name), (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0);
}
