/* Log lines to stderr, text or JSON. One failure, one line, written where it is handled; code in common/
 * does not log above debug. Set once at start, before threads. */
#ifndef CS_COMMON_BASE_LOG_H
#define CS_COMMON_BASE_LOG_H

#include "common/base/error.h"

typedef enum cs_log_level { CS_LOG_ERROR, CS_LOG_WARN, CS_LOG_INFO, CS_LOG_DEBUG } cs_log_level;

/* program: shown in each line, for example "coordinator"; borrowed, must outlive the process's logging.
 *   text: 2026-01-01T00:00:00.123Z WARN coordinator: text
 *   json: {"ts":"…","level":"WARN","program":"coordinator","message":"text"} */
void cs_log_setup(const char *program, cs_log_level level, bool json);
cs_log_level cs_log_level_now(void);
/* One line by one write(2); controls in the text are escaped. Leaves errno alone. Any thread. */
void cs_log(cs_log_level level, const char *format, ...) CS_PRINTF(2, 3);
/* "what: message (place); hint", at level ERROR; without the parts that are empty. */
void cs_log_error(const cs_error *err, const char *what);
/* For people at a terminal, whatever the log's form: error[CODE]: message, then place and hint on lines of their
 * own. */
void cs_log_show_error(const cs_error *err);

#endif
