/* Every text passes the escaper here once more, so that no message can carry a terminal escape even when a
 * caller forgot; escaping twice changes nothing, because the backslash itself stays. */
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"

static const struct {
    const char *name;
    int exit_status;
} codes[CS_CODE_COUNT] = {
#define X(code, name, exit_status) [code] = { name, exit_status },
    CS_CODE_TABLE(X)
#undef X
};

static void format_escaped(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void start(cs_error *err, cs_code code);

cs_code cs_error_set(cs_error *err, cs_code code, const char *format, ...)
{
    assert(code > CS_OK && code < CS_CODE_COUNT);
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    /* Before start(): the arguments may point into err itself ("task 7: <the earlier message>"). */
    format_escaped(err->message, sizeof err->message, format, args);
    va_end(args);
    start(err, code);
    return code;
}

cs_code cs_error_sys(cs_error *err, int sys_errno, const char *format, ...)
{
    cs_code code = CS_E_IO;
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
        code = CS_E_DISK_FULL;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        code = CS_E_PERMISSION;
        break;
    case ENOENT:
        code = CS_E_MISSING_FILE;
        break;
    case ENOMEM:
        code = CS_E_NOMEM;
        break;
    default:
        break;
    }
    if (err == NULL)
        return code;
    char what[sizeof err->message];
    va_list args;
    va_start(args, format);
    format_escaped(what, sizeof what, format, args);
    va_end(args);
    char reason_space[128];
    const char *reason = strerror_r(sys_errno, reason_space, sizeof reason_space);
    /* A long text is cut, the reason is not. */
    int room = (int)(sizeof err->message - strlen(reason) - sizeof ": ");
    if (strlen(what) > (size_t)room)
        cs_escape(what, (size_t)room + 1, cs_str_of(what));
    snprintf(err->message, sizeof err->message, "%.*s: %s", room, what, reason);
    start(err, code);
    err->sys_errno = sys_errno;
    return code;
}

void cs_error_place(cs_error *err, const char *format, ...)
{
    if (err == NULL)
        return;
    va_list args;
    va_start(args, format);
    format_escaped(err->place, sizeof err->place, format, args);
    va_end(args);
}

void cs_error_hint(cs_error *err, const char *format, ...)
{
    if (err == NULL)
        return;
    va_list args;
    va_start(args, format);
    format_escaped(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void cs_error_retriable(cs_error *err)
{
    if (err != NULL)
        err->retriable = true;
}

void cs_error_clear(cs_error *err)
{
    if (err == NULL)
        return;
    err->message[0] = '\0';
    start(err, CS_OK);
}

const char *cs_code_name(cs_code code)
{
    return (unsigned)code < CS_CODE_COUNT ? codes[code].name : codes[CS_E_INTERNAL].name;
}

cs_code cs_code_from_name(const char *name)
{
    for (unsigned i = 0; name != NULL && i < CS_CODE_COUNT; i++) {
        if (strcmp(name, codes[i].name) == 0)
            return (cs_code)i;
    }
    return CS_E_INTERNAL;
}

int cs_code_exit_status(cs_code code)
{
    return (unsigned)code < CS_CODE_COUNT ? codes[code].exit_status
                                          : codes[CS_E_INTERNAL].exit_status;
}

static void format_escaped(char *out, size_t size, const char *format, va_list args)
{
    /* Longer than any field, so that the cut is made by cs_escape, which shows it. */
    char raw[2 * sizeof((cs_error *)NULL)->message];
    int len = vsnprintf(raw, sizeof raw, format, args);
    if (len < 0) {
        snprintf(out, size, "%s", format);
        return;
    }
    size_t kept = (size_t)len < sizeof raw ? (size_t)len : sizeof raw - 1;
    cs_escape(out, size, (cs_str){ raw, kept });
}

static void start(cs_error *err, cs_code code)
{
    err->code = code;
    err->retriable = false;
    err->sys_errno = 0;
    err->exit_status = cs_code_exit_status(code);
    err->place[0] = '\0';
    err->hint[0] = '\0';
}
