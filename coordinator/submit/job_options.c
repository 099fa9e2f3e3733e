/* From what was typed to options that mean the same in another process: absolute paths, no @FILE. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/conf/option_table.h"
#include "coordinator/submit/run.h"

/* Against the current folder; "." and ".." are undone by the file system as far as the path exists. */
static cs_code absolute(cs_str path, cs_arena *arena, cs_str *out, cs_error *err)
{
    char cwd[PATH_MAX], real[PATH_MAX];
    if (path.len == 0 || path.len >= PATH_MAX - 1)
        return cs_error_set(err, CS_E_BAD_OPTION, "a path must have 1 to %d bytes", PATH_MAX - 2);
    if (path.ptr[0] == '/' && !memmem(path.ptr, path.len, "..", 2)) {
        *out = path;
        return CS_OK;
    }
    if (!getcwd(cwd, sizeof cwd))
        return cs_error_sys(err, errno, "current folder");
    char *whole = path.ptr[0] == '/' ? cs_arena_cstr(arena, path)
                                     : cs_arena_printf(arena, "%s/%.*s", cwd, CS_STR_ARG(path));
    size_t cut = strlen(whole);
    for (;;) {
        char *head = cs_arena_cstr(arena, (cs_str){ whole, cut ? cut : 1 });
        if (realpath(head, real))
            break;
        if (cut == 0)
            return cs_error_sys(err, errno, "%s", whole);
        while (cut > 0 && whole[--cut] != '/')
            ;
    }
    *out = cs_str_of(cs_arena_printf(arena, "%s%s", strcmp(real, "/") == 0 ? "" : real, whole + cut));
    return CS_OK;
}

static cs_code read_whole(cs_str name, cs_arena *arena, cs_str *out, cs_error *err)
{
    cs_buf text = CS_BUF_INIT;
    cs_code code = CS_OK;
    char *path = cs_arena_cstr(arena, name), shown[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int sys_errno = errno;
        cs_escape(shown, sizeof shown, name);
        if (sys_errno == ENOENT)
            return cs_error_set(err, CS_E_PATH_NOT_FOUND, "schema file '%s' does not exist", shown);
        return cs_error_sys(err, sys_errno, "schema file '%s'", shown);
    }
    for (;;) {
        char *room = cs_buf_reserve(&text, 65536);
        ssize_t n = room ? read(fd, room, 65536) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            code = cs_error_sys(err, errno, "schema file '%s'", cs_escape(shown, sizeof shown, name));
        if (n <= 0 || text.len > CS_SCHEMA_BYTES_MAX)
            break;
        text.len += (size_t)n;
    }
    close(fd);
    if (code == CS_OK)
        code = cs_buf_check(&text, err);
    if (code == CS_OK)
        *out = cs_arena_str(arena, cs_buf_str(&text));
    cs_buf_done(&text);
    return code;
}

/* file:///in is /in; what another scheme names is no folder here. */
static cs_code without_scheme(cs_str *path, cs_error *err)
{
    char shown[512];
    const char *mark = memmem(path->ptr, path->len, "://", 3);
    if (!mark || memchr(path->ptr, '/', (size_t)(mark - path->ptr)))
        return CS_OK;
    if (cs_str_starts(*path, CS_STR("file:///"))) {
        *path = (cs_str){ path->ptr + 7, path->len - 7 };
        return CS_OK;
    }
    cs_error_set(err, CS_E_UNSUPPORTED, "'%s': only folders of a file system are supported",
                 cs_escape(shown, sizeof shown, *path));
    cs_error_hint(err, "write a path, for example /data/in");
    return CS_E_UNSUPPORTED;
}

/* "csv:/in" → csv, /in. */
static cs_code split_operand(cs_str operand, const char *what, const char *example, cs_str *format, cs_str *path, cs_error *err)
{
    char shown[512];
    cs_str rest = operand;
    if (!memchr(operand.ptr, ':', operand.len) || !cs_str_split(&rest, ':', format) || format->len == 0 || rest.len == 0) {
        cs_error_set(err, CS_E_USAGE, "'%s' is no %s", cs_escape(shown, sizeof shown, operand), what);
        cs_error_hint(err, "write it as FORMAT:FOLDER, for example %s", example);
        return CS_E_USAGE;
    }
    *path = rest;
    return without_scheme(path, err);
}

static void add(cs_option *items, size_t *n, const char *key, cs_str value)
{
    items[(*n)++] = (cs_option){ CS_SCOPE_JOB, cs_str_of(key), value, CS_STR("command line") };
}

cs_code cs_job_options(const cs_cli *cli, cs_arena *arena, cs_options *out, cs_error *err)
{
    size_t n = 0;
    cs_option *items = cs_arena_array(arena, cs_option, cli->options.count + 4);
    cs_str format, path;
    bool is_run = cli->command == CS_COMMAND_RUN;
    if (cli->n_operands != (is_run ? 2 : 1)) {
        cs_error_set(err, CS_E_USAGE, "%s needs %s", cs_command_name(cli->command), is_run ? "a source and a table" : "a source");
        cs_error_hint(err, is_run ? "cstream-submit [FLAGS] csv:FOLDER delta:FOLDER" : "cstream-submit preview [FLAGS] csv:FOLDER");
        return CS_E_USAGE;
    }
    CS_TRY(split_operand(cli->operands[0], "source", "csv:/in", &format, &path, err));
    add(items, &n, "source-format", format);
    CS_TRY(absolute(path, arena, &path, err));
    add(items, &n, "source-path", path);
    if (is_run) {
        CS_TRY(split_operand(cli->operands[1], "table", "delta:/delta/orders", &format, &path, err));
        add(items, &n, "sink-format", format);
        CS_TRY(absolute(path, arena, &path, err));
        add(items, &n, "table-path", path);
    }
    for (size_t i = 0; i < cli->options.count; i++) {
        cs_option option = cli->options.items[i];
        const cs_option_def *def = cs_option_find(option.scope, option.key);
        if (def && def->type == CS_OPTION_PATH)
            CS_TRY(absolute(option.value, arena, &option.value, err));
        if (option.scope == CS_SCOPE_JOB && cs_str_eq(option.key, CS_STR("schema")) && cs_str_starts(option.value, CS_STR("@")))
            CS_TRY(read_whole((cs_str){ option.value.ptr + 1, option.value.len - 1 }, arena, &option.value, err));
        items[n++] = option;
    }
    *out = (cs_options){ items, n };
    return CS_OK;
}
