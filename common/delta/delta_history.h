/* What was done to a table: the commitInfo of each version, newest first, as far back as the JSON commits
 * reach. */
#ifndef CS_COMMON_DELTA_DELTA_HISTORY_H
#define CS_COMMON_DELTA_DELTA_HISTORY_H

#include "common/json/json.h"
#include "common/store/store.h"

typedef struct cs_delta_history_entry {
    int64_t version;
    int64_t timestamp_ms;  /* inCommitTimestamp, else timestamp, else the file's mtime */
    cs_str operation;      /* as written; empty where the writer did not say, as are all below */
    cs_str engine;
    const cs_json *parameters; /* operationParameters: any JSON; NULL when absent, as is metrics */
    const cs_json *metrics;
    const cs_json *info;       /* the whole commitInfo; NULL when the commit has none */
} cs_delta_history_entry;

typedef struct cs_delta_history cs_delta_history;
/* CS_E_PATH_NOT_FOUND: no Delta table here. */
CS_MUST_USE cs_code cs_delta_history_open(cs_store *table, cs_delta_history **out, cs_error *err);
/* *entry is valid until the next call, NULL at the end. */
CS_MUST_USE cs_code cs_delta_history_next(cs_delta_history *history, const cs_delta_history_entry **entry,
                                          cs_error *err);
void cs_delta_history_close(cs_delta_history *history);

#endif
