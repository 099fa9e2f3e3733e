/* JSON: parsing behind our own handle (jansson is included only here), writing straight into a
 * buffer. */
#ifndef CS_COMMON_JSON_JSON_H
#define CS_COMMON_JSON_JSON_H

#include "common/base/buf.h"

/* A parsed document; values borrow from it. */
typedef struct cs_json_doc cs_json_doc;
typedef struct cs_json cs_json; /* a value inside a document */

/* Exactly one value (any kind), blanks around it allowed. Depth at most CS_JSON_DEPTH_MAX.
 * Duplicate keys: the last wins. Keys with U+0000 are refused, values may have it. Errors:
 * CS_E_BAD_CONFIG (CS_E_LIMIT for the depth) with `line:column` in the place; callers re-word. */
CS_MUST_USE cs_code cs_json_parse(cs_str text, cs_json_doc **out, cs_error *err);
const cs_json *cs_json_root(const cs_json_doc *doc);
void cs_json_free(cs_json_doc *doc);

/* NULL-tolerant: a NULL value answers as JSON null, a null member as absent. */
const cs_json *cs_json_get(const cs_json *object, const char *key);
bool cs_json_is_object(const cs_json *value);
bool cs_json_is_array(const cs_json *value);
bool cs_json_is_string(const cs_json *value);
bool cs_json_is_null(const cs_json *value);
bool cs_json_str(const cs_json *value, cs_str *out);
bool cs_json_number(const cs_json *value, cs_str *out); /* as it was spelled */
bool cs_json_i64(const cs_json *value, int64_t *out); /* also 1e3 and 2.0: any spelling of a whole number */
bool cs_json_bool(const cs_json *value, bool *out);
size_t cs_json_size(const cs_json *array_or_object);
const cs_json *cs_json_at(const cs_json *array, size_t at);
/* Members in order of the text. */
typedef struct cs_json_member {
    cs_str key;
    const cs_json *value;
    void *next;
} cs_json_member;
bool cs_json_first(const cs_json *object, cs_json_member *member);
bool cs_json_next(const cs_json *object, cs_json_member *member);
/* The value as compact JSON text: members in order, numbers in the spelling they had. */
void cs_json_print(const cs_json *value, cs_buf *out);

/* Quoted and escaped: only `"`, `\` and controls below U+0020 (spec: delta.md §5). The text must be
 * UTF-8; invalid bytes become U+FFFD. */
void cs_json_add_str(cs_buf *out, cs_str text);
/* `"key":`, with a comma before it unless it is the first member. */
void cs_json_add_key(cs_buf *out, const char *key);

#endif
