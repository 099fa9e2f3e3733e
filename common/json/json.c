/* jansson behind our handle. It never sees a number: it holds 64-bit integers and doubles only,
 * while a log has decimals of 38 digits and sizes spelled 1e3. A first pass over the text checks
 * every number and hands it on as a string that begins with U+0001 and 'n'; a real string that
 * begins with U+0001 gets U+0001 and 's' put before it, so the two cannot be mixed up. The same
 * pass holds the depth. */
#include "common/json/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/limits.h"

#define MARK "\\u0001"
#define MARK_TEXT_LEN (sizeof MARK - 1)
#define MARK_LEN 2u /* U+0001 and the letter, once parsed */
#define DIGITS_I64_MAX 19

struct cs_json_doc {
    json_t *root;
};

/* The first pass. Its second use is to find which byte of the text became byte `sought` of its
 * output: the place of an error of jansson. */
typedef struct json_scan {
    const char *begin, *at, *end;
    cs_buf out;
    size_t written;
    bool seeking;
    size_t sought;
    const char *found;
} json_scan;

static json_scan scan_of(cs_str text);
static cs_code rewrite(json_scan *scan, cs_error *err);
static cs_code rewrite_number(json_scan *scan, cs_error *err);
static void rewrite_string(json_scan *scan);
static bool take_digits(json_scan *scan);
static bool colon_follows(const json_scan *scan);
static void emit(json_scan *scan, const char *bytes, size_t len, bool verbatim);
static cs_code fail_at(const json_scan *scan, const char *at, cs_error *err, cs_code code, const char *what);
static cs_code fail_by_jansson(cs_str text, const json_error_t *problem, cs_error *err);
static bool marked(const cs_json *value, char letter);
static bool whole_number(cs_str text, int64_t *out);
static bool times_power(uint64_t *size, int64_t power);
static bool take_member(void *iter, cs_json_member *member);
static void add_escape(cs_buf *out, char c);
static bool is_digit(char c);

static const json_t *of(const cs_json *value)
{
    return (const json_t *)value;
}

cs_code cs_json_parse(cs_str text, cs_json_doc **out, cs_error *err)
{
    json_error_t problem;
    json_t *root = NULL;
    json_scan scan = scan_of(text);
    cs_code code = rewrite(&scan, err);
    if (code == CS_OK)
        code = cs_buf_check(&scan.out, err);
    if (code == CS_OK) {
        const char *out_ptr = scan.out.len > 0 ? scan.out.ptr : "";
        root = json_loadb(out_ptr, scan.out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
        if (root == NULL)
            code = fail_by_jansson(text, &problem, err);
    }
    cs_buf_done(&scan.out);
    if (code != CS_OK)
        return code;
    *out = cs_xcalloc(1, sizeof **out);
    (*out)->root = root;
    return CS_OK;
}

const cs_json *cs_json_root(const cs_json_doc *doc)
{
    return (const cs_json *)doc->root;
}

void cs_json_free(cs_json_doc *doc)
{
    if (doc == NULL)
        return;
    json_decref(doc->root);
    free(doc);
}

const cs_json *cs_json_get(const cs_json *object, const char *key)
{
    return (const cs_json *)json_object_get(of(object), key);
}

bool cs_json_is_object(const cs_json *value)
{
    return json_is_object(of(value));
}

bool cs_json_is_array(const cs_json *value)
{
    return json_is_array(of(value));
}

bool cs_json_is_string(const cs_json *value)
{
    return json_is_string(of(value)) && !marked(value, 'n');
}

bool cs_json_is_null(const cs_json *value)
{
    return value == NULL || json_is_null(of(value));
}

bool cs_json_str(const cs_json *value, cs_str *out)
{
    if (!cs_json_is_string(value))
        return false;
    size_t skip = marked(value, 's') ? MARK_LEN : 0;
    *out = (cs_str){ json_string_value(of(value)) + skip, json_string_length(of(value)) - skip };
    return true;
}

bool cs_json_number(const cs_json *value, cs_str *out)
{
    if (!json_is_string(of(value)) || !marked(value, 'n'))
        return false;
    *out = (cs_str){ json_string_value(of(value)) + MARK_LEN,
                     json_string_length(of(value)) - MARK_LEN };
    return true;
}

bool cs_json_i64(const cs_json *value, int64_t *out)
{
    cs_str text;
    if (!cs_json_number(value, &text))
        return false;
    return cs_str_to_i64(text, out) || whole_number(text, out);
}

bool cs_json_bool(const cs_json *value, bool *out)
{
    if (!json_is_boolean(of(value)))
        return false;
    *out = json_is_true(of(value));
    return true;
}

size_t cs_json_size(const cs_json *array_or_object)
{
    const json_t *value = of(array_or_object);
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

const cs_json *cs_json_at(const cs_json *array, size_t at)
{
    return (const cs_json *)json_array_get(of(array), at);
}

bool cs_json_first(const cs_json *object, cs_json_member *member)
{
    /* jansson's iterators want an object that may change; these only look. */
    return take_member(json_object_iter((json_t *)(uintptr_t)object), member);
}

bool cs_json_next(const cs_json *object, cs_json_member *member)
{
    return take_member(json_object_iter_next((json_t *)(uintptr_t)object, member->next), member);
}

void cs_json_print(const cs_json *value, cs_buf *out)
{
    cs_json_member member;
    cs_str text;
    if (cs_json_number(value, &text)) {
        cs_buf_add_str(out, text);
    } else if (cs_json_str(value, &text)) {
        cs_json_add_str(out, text);
    } else if (cs_json_is_array(value)) {
        for (size_t i = 0; i < cs_json_size(value); i++) {
            cs_buf_add_char(out, i == 0 ? '[' : ',');
            cs_json_print(cs_json_at(value, i), out);
        }
        cs_buf_add_cstr(out, cs_json_size(value) == 0 ? "[]" : "]");
    } else if (cs_json_is_object(value)) {
        char before = '{';
        for (bool more = cs_json_first(value, &member); more; more = cs_json_next(value, &member)) {
            cs_buf_add_char(out, before);
            cs_json_add_str(out, member.key);
            cs_buf_add_char(out, ':');
            cs_json_print(member.value, out);
            before = ',';
        }
        cs_buf_add_cstr(out, before == '{' ? "{}" : "}");
    } else {
        bool truth = false;
        cs_buf_add_cstr(out, !cs_json_bool(value, &truth) ? "null" : truth ? "true" : "false");
    }
}

void cs_json_add_str(cs_buf *out, cs_str text)
{
    cs_buf_add_char(out, '"');
    if (text.len == 0)
        text = CS_STR("");
    size_t run = 0;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        size_t len = cs_utf8_len((cs_str){ text.ptr + i, text.len - i });
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        cs_buf_add(out, text.ptr + run, i - run);
        if (len == 0)
            cs_buf_add_cstr(out, "\xef\xbf\xbd");
        else
            add_escape(out, text.ptr[i]);
        run = ++i;
    }
    cs_buf_add(out, text.ptr + run, text.len - run);
    cs_buf_add_char(out, '"');
}

void cs_json_add_key(cs_buf *out, const char *key)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{')
        cs_buf_add_char(out, ',');
    cs_json_add_str(out, cs_str_of(key));
    cs_buf_add_char(out, ':');
}

static json_scan scan_of(cs_str text)
{
    return (json_scan){ .begin = text.ptr, .at = text.ptr, .end = text.ptr + text.len };
}

static cs_code rewrite(json_scan *scan, cs_error *err)
{
    unsigned depth = 0;
    const char *run = scan->at;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c == '"' || c == '-' || is_digit(c)) {
            emit(scan, run, (size_t)(scan->at - run), true);
            if (c == '"')
                rewrite_string(scan);
            else
                CS_TRY(rewrite_number(scan, err));
            run = scan->at;
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > CS_JSON_DEPTH_MAX) {
            fail_at(scan, scan->at, err, CS_E_LIMIT, "nested deeper than the limit");
            return CS_E_LIMIT;
        }
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        scan->at++;
    }
    emit(scan, run, (size_t)(scan->at - run), true);
    return CS_OK;
}

/* A string that begins with U+0001 can only be spelled with the escape, and in one way: controls
 * may not stand for themselves, and these four digits have no case. Keys are not marked: they
 * cannot be numbers. */
static void rewrite_string(json_scan *scan)
{
    const char *begin = scan->at++;
    bool mark = (size_t)(scan->end - scan->at) >= MARK_TEXT_LEN && memcmp(scan->at, MARK, MARK_TEXT_LEN) == 0;
    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\' && scan->end - scan->at > 1 ? 2 : 1;
    scan->at += scan->at < scan->end;
    const char *after = scan->at;
    if (!mark || colon_follows(scan)) {
        emit(scan, begin, (size_t)(after - begin), true);
        return;
    }
    scan->at = begin;
    emit(scan, "\"" MARK "s", MARK_TEXT_LEN + 2, false);
    scan->at = after;
    emit(scan, begin + 1, (size_t)(after - begin) - 1, true);
}

static cs_code rewrite_number(json_scan *scan, cs_error *err)
{
    const char *begin = scan->at;
    scan->at += *begin == '-';
    bool zero = scan->at < scan->end && *scan->at == '0';
    bool good = zero ? scan->at++ != NULL : take_digits(scan);
    if (good && scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        good = take_digits(scan);
    }
    if (good && scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        scan->at += scan->at < scan->end && (*scan->at == '-' || *scan->at == '+');
        good = take_digits(scan);
    }
    if (!good || (scan->at < scan->end && is_digit(*scan->at)))
        return fail_at(scan, scan->at, err, CS_E_BAD_CONFIG, "not a number of JSON");
    if (colon_follows(scan))
        return fail_at(scan, begin, err, CS_E_BAD_CONFIG, "a key must be a string");
    const char *after = scan->at;
    scan->at = begin;
    emit(scan, "\"" MARK "n", MARK_TEXT_LEN + 2, false);
    emit(scan, begin, (size_t)(after - begin), true);
    emit(scan, "\"", 1, false);
    scan->at = after;
    return CS_OK;
}

static bool take_digits(json_scan *scan)
{
    const char *begin = scan->at;
    while (scan->at < scan->end && is_digit(*scan->at))
        scan->at++;
    return scan->at > begin;
}

static bool colon_follows(const json_scan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at < scan->end && *at == ':';
}

static void emit(json_scan *scan, const char *bytes, size_t len, bool verbatim)
{
    if (!scan->seeking)
        cs_buf_add(&scan->out, bytes, len);
    else if (scan->sought >= scan->written && scan->sought - scan->written < len)
        scan->found = verbatim ? bytes + (scan->sought - scan->written) : scan->at;
    scan->written += len;
}

static cs_code fail_at(const json_scan *scan, const char *at, cs_error *err, cs_code code, const char *what)
{
    unsigned long line = 1, column = 1;
    for (const char *c = scan->begin; c < at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*c & 0xc0) != 0x80) {
            column++;
        }
    }
    if (code == CS_E_LIMIT)
        cs_error_set(err, code, "JSON is nested deeper than the limit of %u levels", CS_JSON_DEPTH_MAX);
    else
        cs_error_set(err, code, "JSON: %s", what);
    cs_error_place(err, "%lu:%lu", line, column);
    return code;
}

static cs_code fail_by_jansson(cs_str text, const json_error_t *problem, cs_error *err)
{
    if (json_error_code(problem) == json_error_out_of_memory)
        return cs_error_set(err, CS_E_NOMEM, "out of memory: JSON text of %zu bytes", text.len);
    json_scan scan = scan_of(text);
    scan.seeking = true;
    scan.sought = problem->position > 0 ? (size_t)problem->position - 1 : 0;
    (void)rewrite(&scan, NULL); /* it went well before */
    /* What follows " near " is our own text, with marks. */
    char what[JSON_ERROR_TEXT_LENGTH];
    snprintf(what, sizeof what, "%s", problem->text);
    char *near = strstr(what, " near ");
    if (near != NULL)
        *near = '\0';
    return fail_at(&scan, scan.found != NULL ? scan.found : scan.end, err, CS_E_BAD_CONFIG, what);
}

static bool marked(const cs_json *value, char letter)
{
    const char *text = json_string_value(of(value));
    return json_string_length(of(value)) >= MARK_LEN && text[0] == '\1' && text[1] == letter;
}

/* A number of JSON whose value is whole and in range, however it is spelled: 1e3, 2.0, 0.5e1. */
static bool whole_number(cs_str text, int64_t *out)
{
    bool negative = text.ptr[0] == '-', behind_point = false;
    uint64_t size = 0;
    int64_t power = 0, zeros = 0, exponent = 0; /* the value is size * 10^(power + zeros + exponent) */
    size_t at = negative;
    for (; at < text.len && text.ptr[at] != 'e' && text.ptr[at] != 'E'; at++) {
        if (text.ptr[at] == '.') {
            behind_point = true;
            continue;
        }
        power -= behind_point;
        uint64_t digit = (uint64_t)(text.ptr[at] - '0');
        if (digit == 0) {
            zeros += size > 0;
            continue;
        }
        if (!times_power(&size, zeros + 1) || __builtin_add_overflow(size, digit, &size))
            return false;
        zeros = 0;
    }
    bool bounded = at == text.len ||
                   cs_str_to_i64((cs_str){ text.ptr + at + 1, text.len - at - 1 }, &exponent);
    if (size > 0) {
        if (!bounded || __builtin_add_overflow(power + zeros, exponent, &power) ||
            !times_power(&size, power) || size > (uint64_t)INT64_MAX + negative)
            return false;
    }
    *out = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* False when the product is too large or not whole (the last digit of *size is never 0). */
static bool times_power(uint64_t *size, int64_t power)
{
    if (power < 0)
        return false;
    for (; power > 0 && *size > 0; power--)
        if (__builtin_mul_overflow(*size, 10, size))
            return false;
    return true;
}

static bool take_member(void *iter, cs_json_member *member)
{
    if (iter == NULL)
        return false;
    member->key = (cs_str){ json_object_iter_key(iter), json_object_iter_key_len(iter) };
    member->value = (const cs_json *)json_object_iter_value(iter);
    member->next = iter;
    return true;
}

static void add_escape(cs_buf *out, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = memchr(plain, c, sizeof plain - 1);
    if (found != NULL) {
        cs_buf_add_char(out, '\\');
        cs_buf_add_char(out, letters[found - plain]);
    } else {
        cs_buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
