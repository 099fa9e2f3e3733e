/* A line is built whole and written by one write(), so that lines of threads and of processes that share
 * stderr do not mix. */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"

static const char *const level_names[] = {
    [CS_LOG_ERROR] = "ERROR",
    [CS_LOG_WARN] = "WARN",
    [CS_LOG_INFO] = "INFO",
    [CS_LOG_DEBUG] = "DEBUG",
};

static struct {
    const char *program;
    cs_log_level level;
    bool json;
} setup = { .program = "cstream", .level = CS_LOG_INFO };

static void write_line(cs_log_level level, cs_str message);

void cs_log_setup(const char *program, cs_log_level level, bool json)
{
    setup.program = program;
    setup.level = level;
    setup.json = json;
}

cs_log_level cs_log_level_now(void)
{
    return setup.level;
}

void cs_log(cs_log_level level, const char *format, ...)
{
    if (level > setup.level)
        return;
    int saved_errno = errno;
    char text[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cs_str message = { text, len < 0 ? 0 : (size_t)len };
    char *longer = NULL;
    if (message.len >= sizeof text) {
        va_start(args, format);
        int longer_len = vasprintf(&longer, format, args);
        va_end(args);
        message = longer_len < 0 ? (cs_str){ text, sizeof text - 1 }
                                 : (cs_str){ longer, (size_t)longer_len };
        if (longer_len < 0)
            longer = NULL;
    }
    write_line(level, message);
    free(longer);
    errno = saved_errno;
}

void cs_log_error(const cs_error *err, const char *what)
{
    cs_log(CS_LOG_ERROR, "%s: %s%s%s%s%s%s", what, err->message, err->place[0] ? " (" : "",
           err->place, err->place[0] ? ")" : "", err->hint[0] ? "; " : "", err->hint);
}

void cs_log_show_error(const cs_error *err)
{
    fprintf(stderr, "error[%s]: %s\n", cs_code_name(err->code), err->message);
    if (err->place[0] != '\0')
        fprintf(stderr, "  --> %s\n", err->place);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", err->hint);
}

static void add_time(cs_buf *line)
{
    int64_t wall_ms = cs_clock_wall_us(cs_clock_system()) / 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL)
        utc = (struct tm){ .tm_mday = 1 };
    cs_buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ms % 1000));
}

/* The inside of a JSON string: escaped text has no controls left, so two characters remain. */
static void add_json_text(cs_buf *line, cs_str text)
{
    cs_buf safe = CS_BUF_INIT;
    cs_buf_add_escaped(&safe, text);
    line->failed = line->failed || safe.failed;
    for (size_t i = 0; i < safe.len; i++) {
        if (safe.ptr[i] == '"' || safe.ptr[i] == '\\')
            cs_buf_add_char(line, '\\');
        cs_buf_add_char(line, safe.ptr[i]);
    }
    cs_buf_done(&safe);
}

static void write_line(cs_log_level level, cs_str message)
{
    static const char lost[] = "a log line was lost: out of memory\n";
    cs_buf line = CS_BUF_INIT;
    cs_buf_add_cstr(&line, setup.json ? "{\"ts\":\"" : "");
    add_time(&line);
    if (setup.json) {
        cs_buf_printf(&line, "\",\"level\":\"%s\",\"program\":\"", level_names[level]);
        add_json_text(&line, cs_str_of(setup.program));
        cs_buf_add_cstr(&line, "\",\"message\":\"");
        add_json_text(&line, message);
        cs_buf_add_cstr(&line, "\"}");
    } else {
        cs_buf_printf(&line, " %s %s: ", level_names[level], setup.program);
        cs_buf_add_escaped(&line, message);
    }
    cs_buf_add_char(&line, '\n');

    cs_str rest = line.failed ? CS_STR(lost) : cs_buf_str(&line);
    while (rest.len > 0) {
        ssize_t written = write(STDERR_FILENO, rest.ptr, rest.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break; /* nobody listens, and there is no other place to say so */
        rest = (cs_str){ rest.ptr + written, rest.len - (size_t)written };
    }
    cs_buf_done(&line);
}
