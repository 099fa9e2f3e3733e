/* Reads the environment once, at the first point passed. A specification that cannot be read ends the
 * process: a test whose fault never strikes would pass for the wrong reason. */
#include "common/base/fault.h"

#ifdef CSTREAM_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/str.h"

#define FAULTS_MAX 16
#define EXIT_FAULT 70
#define EXIT_BAD_SPECIFICATION 2

typedef enum action { ACTION_KILL, ACTION_STOP, ACTION_EXIT, ACTION_SLEEP } action;

typedef struct fault {
    cs_str name;
    uint64_t at; /* strikes at this passing, from 1 */
    action action;
    uint64_t sleep_ms;
    atomic_uint_fast64_t passed;
} fault;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static fault faults[FAULTS_MAX];
static size_t faults_count;
static const char *mutant;
static int trace_fd = -1;

static void setup(void);
static void trace(const char *name);
static void strike(const fault *due);

void cs_fault_hit(const char *name)
{
    (void)pthread_once(&once, setup); /* cannot fail with a valid control */
    int saved_errno = errno;
    if (trace_fd >= 0)
        trace(name);
    for (size_t i = 0; i < faults_count; i++) {
        if (cs_str_eq(faults[i].name, cs_str_of(name)) &&
            atomic_fetch_add(&faults[i].passed, 1) + 1 == faults[i].at)
            strike(&faults[i]);
    }
    errno = saved_errno;
}

bool cs_mutant_is(const char *name)
{
    (void)pthread_once(&once, setup); /* cannot fail with a valid control */
    return mutant != NULL && strcmp(mutant, name) == 0;
}

static void refuse(const char *what, cs_str value)
{
    fprintf(stderr, "%s: '%.*s' is not name[@n]:kill|stop|exit|sleep=MS\n", what,
            CS_STR_ARG(value));
    _exit(EXIT_BAD_SPECIFICATION);
}

static bool parse_action(cs_str text, fault *out)
{
    cs_str sleep = CS_STR("sleep=");
    if (cs_str_eq(text, CS_STR("kill"))) {
        out->action = ACTION_KILL;
    } else if (cs_str_eq(text, CS_STR("stop"))) {
        out->action = ACTION_STOP;
    } else if (cs_str_eq(text, CS_STR("exit"))) {
        out->action = ACTION_EXIT;
    } else if (cs_str_starts(text, sleep)) {
        out->action = ACTION_SLEEP;
        return cs_str_to_u64((cs_str){ text.ptr + sleep.len, text.len - sleep.len },
                             &out->sleep_ms);
    } else {
        return false;
    }
    return true;
}

static bool parse_fault(cs_str text, fault *out)
{
    cs_str point;
    if (!cs_str_split(&text, ':', &point) || !parse_action(text, out))
        return false;
    out->at = 1;
    if (!cs_str_split(&point, '@', &out->name) || out->name.len == 0)
        return false;
    return point.len == 0 || (cs_str_to_u64(point, &out->at) && out->at > 0);
}

static void setup(void)
{
    mutant = getenv("CS_MUTANT");
    const char *specification = getenv("CS_FAULT");
    cs_str rest = cs_str_of(specification), piece;
    while (cs_str_split(&rest, ',', &piece)) {
        if (faults_count == FAULTS_MAX || !parse_fault(piece, &faults[faults_count]))
            refuse("CS_FAULT", piece);
        faults_count++;
    }
    const char *path = getenv("CS_FAULT_TRACE");
    if (path != NULL && path[0] != '\0') {
        trace_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace_fd < 0) {
            fprintf(stderr, "CS_FAULT_TRACE: %s: %s\n", path, strerror(errno));
            _exit(EXIT_BAD_SPECIFICATION);
        }
    }
}

/* One write a line: lines of several threads and processes stay whole. */
static void trace(const char *name)
{
    char line[256];
    int len = snprintf(line, sizeof line, "%s\n", name);
    if (len > 0 && (size_t)len < sizeof line && write(trace_fd, line, (size_t)len) != len) {
        fprintf(stderr, "CS_FAULT_TRACE: cannot write: %s\n", strerror(errno));
        _exit(EXIT_BAD_SPECIFICATION);
    }
}

static void strike(const fault *due)
{
    switch (due->action) {
    case ACTION_KILL:
        kill(getpid(), SIGKILL);
        pause(); /* the signal may reach this thread a moment later; it must not go on */
        break;
    case ACTION_STOP:
        kill(getpid(), SIGSTOP);
        break;
    case ACTION_EXIT:
        _exit(EXIT_FAULT);
    case ACTION_SLEEP: {
        struct timespec left = { (time_t)(due->sleep_ms / 1000),
                                 (long)(due->sleep_ms % 1000) * 1000000 };
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
        break;
    }
    }
}

#endif
