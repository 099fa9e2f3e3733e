#include "common/delta/delta_history.h"

#include <stdlib.h>

#include "common/delta/delta_lines.h"
#include "common/delta/delta_listing.h"

struct cs_delta_history {
    cs_store *table;
    cs_delta_listing listing;
    size_t left; /* commits of the listing still to come; the next is the last of them */
    cs_delta_lines *lines;
    cs_delta_history_entry entry;
};

static cs_code read_entry(cs_delta_history *history, int64_t version, cs_error *err);

cs_code cs_delta_history_open(cs_store *table, cs_delta_history **out, cs_error *err)
{
    cs_delta_history *history = cs_xcalloc(1, sizeof *history);
    history->table = table;
    cs_code code = cs_delta_listing_read(table, &history->listing, err);
    if (code == CS_OK && history->listing.newest < 0)
        code = cs_error_set(err, CS_E_PATH_NOT_FOUND, "no Delta table here: " CS_DELTA_LOG_FOLDER " has no commit");
    if (code != CS_OK) {
        cs_delta_history_close(history);
        return code;
    }
    history->left = history->listing.n_commits;
    *out = history;
    return CS_OK;
}

cs_code cs_delta_history_next(cs_delta_history *history, const cs_delta_history_entry **entry, cs_error *err)
{
    *entry = NULL;
    if (history->left == 0)
        return CS_OK;
    int64_t version = history->listing.commits[history->left - 1];
    cs_code code = read_entry(history, version, err);
    if (code == CS_E_NOT_FOUND) {
        history->left = 0; /* cleaned up since the listing, and so is all that is older */
        return CS_OK;
    }
    CS_TRY(code);
    history->left--;
    *entry = &history->entry;
    return CS_OK;
}

void cs_delta_history_close(cs_delta_history *history)
{
    if (!history)
        return;
    cs_delta_lines_close(history->lines);
    cs_delta_listing_done(&history->listing);
    free(history);
}

static cs_code read_entry(cs_delta_history *history, int64_t version, cs_error *err)
{
    char name[CS_DELTA_NAME_MAX];
    cs_delta_commit_name(version, name);
    cs_delta_lines_close(history->lines);
    history->lines = NULL;
    CS_TRY(cs_delta_lines_open(history->table, cs_str_of(name), CS_DELTA_MASK(CS_DELTA_COMMIT_INFO), &history->lines,
                               err));
    const cs_delta_action *action;
    CS_TRY(cs_delta_lines_next(history->lines, &action, err));
    cs_delta_history_entry entry = {
        .version = version,
        .timestamp_ms = cs_delta_lines_stat(history->lines)->mtime_ns / 1000000,
    };
    if (action) {
        entry.info = action->commit_info;
        (void)cs_json_str(cs_json_get(entry.info, "operation"), &entry.operation); /* absent: stays empty */
        (void)cs_json_str(cs_json_get(entry.info, "engineInfo"), &entry.engine);   /* likewise */
        const cs_json *parameters = cs_json_get(entry.info, "operationParameters");
        const cs_json *metrics = cs_json_get(entry.info, "operationMetrics");
        entry.parameters = cs_json_is_null(parameters) ? NULL : parameters;
        entry.metrics = cs_json_is_null(metrics) ? NULL : metrics;
        if (!cs_json_i64(cs_json_get(entry.info, "inCommitTimestamp"), &entry.timestamp_ms))
            (void)cs_json_i64(cs_json_get(entry.info, "timestamp"), &entry.timestamp_ms); /* absent: mtime stays */
    }
    history->entry = entry;
    return CS_OK;
}
