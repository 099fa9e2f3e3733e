/* Lines of a golden file (tests/golden/…, JSON Lines, gzip), parsed one by one. */
#ifndef CS_TESTS_UNIT_GOLDEN_LINES_H
#define CS_TESTS_UNIT_GOLDEN_LINES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "common/json/json.h"

typedef struct golden_lines {
    FILE *pipe;
    char *line;
    size_t cap;
    size_t number;
    cs_json_doc *doc;
} golden_lines;

/* name: below tests/golden. Ends the test program when the file cannot be read. */
static inline golden_lines golden_open(const char *name)
{
    char command[4096];
    snprintf(command, sizeof command, "gzip -dc '%s/golden/%s'", CSTREAM_TESTS_DIR, name);
    golden_lines lines = { .pipe = popen(command, "r") };
    if (lines.pipe == NULL)
        abort();
    return lines;
}

/* NULL at the end; the value lives until the next call. */
static inline const cs_json *golden_next(golden_lines *lines)
{
    cs_error err;
    cs_json_free(lines->doc);
    lines->doc = NULL;
    ssize_t len = getline(&lines->line, &lines->cap, lines->pipe);
    if (len < 0)
        return NULL;
    lines->number++;
    if (cs_json_parse((cs_str){ lines->line, (size_t)len }, &lines->doc, &err) != CS_OK) {
        fprintf(stderr, "golden line %zu: %s\n", lines->number, err.message);
        abort();
    }
    return cs_json_root(lines->doc);
}

/* Returns how many lines there were; ends the test program if gzip failed. */
static inline size_t golden_close(golden_lines *lines)
{
    if (pclose(lines->pipe) != 0)
        abort();
    free(lines->line);
    return lines->number;
}

static inline cs_str golden_str(const cs_json *line, const char *key)
{
    cs_str text = { NULL, 0 };
    (void)cs_json_str(cs_json_get(line, key), &text); /* absent: empty */
    return text;
}

#endif
