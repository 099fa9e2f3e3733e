#include "common/data/schema_lex.h"

static bool skip_blanks(cs_ddl_lexer *lexer);
static size_t blank_len(cs_str rest);
static bool skip_comment(cs_ddl_lexer *lexer);
static void lex_word(cs_ddl_lexer *lexer);
static void lex_quoted(cs_ddl_lexer *lexer);
static void lex_text(cs_ddl_lexer *lexer, size_t quote_at);
static bool is_number(cs_str word);
static bool is_word_char(char c);
static size_t add_escape(cs_buf *out, cs_str rest, uint32_t *high);
static bool take_hex(cs_str rest, size_t digits, uint32_t *value);
static void add_unit(cs_buf *out, uint32_t unit, uint32_t *high);
static void end_pair(cs_buf *out, uint32_t *high);
static void add_utf8(cs_buf *out, uint32_t code_point);

static cs_str rest_of(const cs_ddl_lexer *lexer)
{
    return (cs_str){ lexer->text.ptr + lexer->at, lexer->text.len - lexer->at };
}

static char peek(const cs_ddl_lexer *lexer, size_t ahead)
{
    return ahead < lexer->text.len - lexer->at ? lexer->text.ptr[lexer->at + ahead] : '\0';
}

void cs_ddl_open(cs_ddl_lexer *lexer, cs_str text)
{
    *lexer = (cs_ddl_lexer){ .text = text.len > 0 ? text : CS_STR("") };
    cs_ddl_next(lexer);
}

void cs_ddl_next(cs_ddl_lexer *lexer)
{
    lexer->problem = NULL;
    if (!skip_blanks(lexer)) {
        lexer->kind = CS_DDL_BAD;
        return;
    }
    size_t begin = lexer->at;
    char c = peek(lexer, 0);
    if (begin == lexer->text.len)
        lexer->kind = CS_DDL_END;
    else if ((c == 'r' || c == 'R') && (peek(lexer, 1) == '\'' || peek(lexer, 1) == '"'))
        lex_text(lexer, begin + 1);
    else if (is_word_char(c))
        lex_word(lexer);
    else if (c == '`')
        lex_quoted(lexer);
    else if (c == '\'' || c == '"')
        lex_text(lexer, begin);
    else {
        size_t len = cs_utf8_len(rest_of(lexer));
        lexer->at += len > 0 ? len : 1;
        lexer->kind = len == 1 ? CS_DDL_SIGN : CS_DDL_BAD;
        lexer->problem = "a name with other characters than letters, digits and _ must stand in backquotes";
    }
    lexer->token = (cs_str){ lexer->text.ptr + begin, lexer->at - begin };
}

bool cs_ddl_is_sign(const cs_ddl_lexer *lexer, char sign)
{
    return lexer->kind == CS_DDL_SIGN && lexer->token.ptr[0] == sign;
}

bool cs_ddl_is_word(const cs_ddl_lexer *lexer, const char *word)
{
    return lexer->kind == CS_DDL_WORD && cs_str_eq_nocase(lexer->token, cs_str_of(word));
}

void cs_ddl_add_name(cs_buf *out, const cs_ddl_lexer *lexer)
{
    cs_str token = lexer->token;
    if (lexer->kind == CS_DDL_WORD) {
        cs_buf_add_str(out, token);
        return;
    }
    for (size_t i = 1; i + 1 < token.len; i += token.ptr[i] == '`' ? 2 : 1)
        cs_buf_add_char(out, token.ptr[i]);
}

void cs_ddl_add_text(cs_buf *out, const cs_ddl_lexer *lexer)
{
    cs_str token = lexer->token;
    if (token.ptr[0] == 'r' || token.ptr[0] == 'R') {
        cs_buf_add(out, token.ptr + 2, token.len - 3);
        return;
    }
    uint32_t high = 0; /* first half of a surrogate pair, waiting for the second */
    cs_str inner = { token.ptr + 1, token.len - 2 };
    for (size_t i = 0; i < inner.len;) {
        cs_str rest = { inner.ptr + i, inner.len - i };
        if (rest.ptr[0] == '\\' && rest.len > 1) {
            i += add_escape(out, rest, &high);
            continue;
        }
        end_pair(out, &high);
        cs_buf_add_char(out, rest.ptr[0]);
        i += rest.ptr[0] == token.ptr[0] ? 2 : 1; /* a quote stands here only doubled */
    }
    end_pair(out, &high);
}

void cs_ddl_print_name(cs_buf *out, cs_str name)
{
    bool plain = name.len > 0 && !is_number(name);
    for (size_t i = 0; i < name.len && plain; i++)
        plain = is_word_char(name.ptr[i]);
    if (plain) {
        cs_buf_add_str(out, name);
        return;
    }
    cs_buf_add_char(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            cs_buf_add_char(out, '`');
        cs_buf_add_char(out, name.ptr[i]);
    }
    cs_buf_add_char(out, '`');
}

void cs_ddl_print_text(cs_buf *out, cs_str text)
{
    cs_buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\'' || c == '\\')
            cs_buf_add_char(out, '\\');
        if (c == '\n' || c == '\r' || c == '\t')
            cs_buf_add_cstr(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else
            cs_buf_add_char(out, c);
    }
    cs_buf_add_char(out, '\'');
}

/* Blanks and comments; false: a comment that does not end. */
static bool skip_blanks(cs_ddl_lexer *lexer)
{
    while (lexer->at < lexer->text.len) {
        size_t len = blank_len(rest_of(lexer));
        lexer->at += len;
        if (len > 0)
            continue;
        if (peek(lexer, 0) == '-' && peek(lexer, 1) == '-') {
            while (lexer->at < lexer->text.len && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r')
                lexer->at += peek(lexer, 0) == '\\' && peek(lexer, 1) == '\n' ? 2 : 1;
        } else if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*' && peek(lexer, 2) != '+') {
            if (!skip_comment(lexer))
                return false;
        } else {
            break;
        }
    }
    return true;
}

/* Spark's WS: ASCII blanks and the spaces of Unicode (U+0085 and U+2029 are not among them). */
static size_t blank_len(cs_str rest)
{
    static const char *const wide[] = {
        "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
        "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
        "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    if (memchr(" \t\n\f\r\v", rest.ptr[0], 6) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (cs_str_starts(rest, cs_str_of(wide[i])))
            return strlen(wide[i]);
    return 0;
}

static bool skip_comment(cs_ddl_lexer *lexer)
{
    size_t begin = lexer->at;
    for (unsigned depth = 0; lexer->at < lexer->text.len;) {
        if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*' && peek(lexer, 2) != '+') {
            lexer->at += 2;
            depth++;
        } else if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            lexer->at += 2;
            if (--depth == 0)
                return true;
        } else {
            lexer->at++;
        }
    }
    lexer->token = (cs_str){ lexer->text.ptr + begin, 2 };
    lexer->problem = "the comment that begins here does not end";
    return false;
}

static void lex_word(cs_ddl_lexer *lexer)
{
    size_t begin = lexer->at;
    while (is_word_char(peek(lexer, 0)))
        lexer->at++;
    cs_str word = { lexer->text.ptr + begin, lexer->at - begin };
    lexer->kind = is_number(word) ? CS_DDL_NUMBER : CS_DDL_WORD;
}

static void lex_quoted(cs_ddl_lexer *lexer)
{
    lexer->kind = CS_DDL_BAD;
    lexer->problem = "the name that begins here lacks its closing backquote";
    for (lexer->at++; lexer->at < lexer->text.len; lexer->at++) {
        if (peek(lexer, 0) != '`')
            continue;
        lexer->at++;
        if (peek(lexer, 0) == '`')
            continue;
        lexer->kind = CS_DDL_QUOTED;
        return;
    }
}

static void lex_text(cs_ddl_lexer *lexer, size_t quote_at)
{
    char quote = lexer->text.ptr[quote_at];
    bool raw = quote_at > lexer->at;
    lexer->kind = CS_DDL_BAD;
    lexer->problem = "the text that begins here lacks its closing quote";
    for (lexer->at = quote_at + 1; lexer->at < lexer->text.len; lexer->at++) {
        if (!raw && peek(lexer, 0) == '\\') {
            lexer->at++;
            continue;
        }
        if (peek(lexer, 0) != quote)
            continue;
        lexer->at++;
        if (!raw && peek(lexer, 0) == quote)
            continue;
        lexer->kind = CS_DDL_TEXT;
        return;
    }
    lexer->at = lexer->text.len;
}

/* Digits, then an exponent, a suffix, both or none: 12, 5L, 1e3, 1e3BD. Not 1a, not 5e. */
static bool is_number(cs_str word)
{
    static const char *const suffixes[] = { "", "L", "S", "Y", "F", "D", "BD" };
    size_t at = 0;
    while (at < word.len && word.ptr[at] >= '0' && word.ptr[at] <= '9')
        at++;
    if (at == 0)
        return false;
    bool exponent = false;
    if (at < word.len && (word.ptr[at] == 'e' || word.ptr[at] == 'E')) {
        size_t end = at + 1;
        while (end < word.len && word.ptr[end] >= '0' && word.ptr[end] <= '9')
            end++;
        exponent = end > at + 1;
        at = exponent ? end : at;
    }
    cs_str suffix = { word.ptr + at, word.len - at };
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        bool whole_only = i >= 1 && i <= 3;
        if (cs_str_eq_nocase(suffix, cs_str_of(suffixes[i])) && !(exponent && whole_only))
            return true;
    }
    return false;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* rest begins with a backslash and has more; returns the bytes used. */
static size_t add_escape(cs_buf *out, cs_str rest, uint32_t *high)
{
    static const char letters[] = "0bnrtZ", meanings[] = "\0\b\n\r\t\x1a";
    char c = rest.ptr[1];
    uint32_t value;
    if (c == 'u' && take_hex((cs_str){ rest.ptr + 2, rest.len - 2 }, 4, &value)) {
        add_unit(out, value, high);
        return 6;
    }
    if (c == 'U' && take_hex((cs_str){ rest.ptr + 2, rest.len - 2 }, 8, &value)) {
        add_unit(out, value, high);
        return 10;
    }
    end_pair(out, high);
    if ((c == '0' || c == '1') && rest.len > 3 && rest.ptr[2] >= '0' && rest.ptr[2] <= '7' &&
        rest.ptr[3] >= '0' && rest.ptr[3] <= '7') {
        cs_buf_add_char(out, (char)((c - '0') * 64 + (rest.ptr[2] - '0') * 8 + (rest.ptr[3] - '0')));
        return 4;
    }
    const char *letter = memchr(letters, c, sizeof letters - 1);
    if (c == '%' || c == '_')
        cs_buf_add_char(out, '\\');
    cs_buf_add_char(out, letter != NULL ? meanings[letter - letters] : c);
    return 2;
}

static bool take_hex(cs_str rest, size_t digits, uint32_t *value)
{
    uint32_t sum = 0;
    if (rest.len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char c = rest.ptr[i];
        bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!letter && (c < '0' || c > '9'))
            return false;
        sum = sum << 4 | (uint32_t)(letter ? (c & 7) + 9 : c - '0');
    }
    *value = sum;
    return true;
}

/* A code point, or a half of one as UTF-16 has them. */
static void add_unit(cs_buf *out, uint32_t unit, uint32_t *high)
{
    if (unit >= 0xdc00 && unit <= 0xdfff && *high != 0) {
        add_utf8(out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
        *high = 0;
        return;
    }
    end_pair(out, high);
    if (unit >= 0xd800 && unit <= 0xdbff)
        *high = unit;
    else
        add_utf8(out, unit);
}

static void end_pair(cs_buf *out, uint32_t *high)
{
    if (*high != 0)
        add_utf8(out, 0xfffd);
    *high = 0;
}

static void add_utf8(cs_buf *out, uint32_t code_point)
{
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        code_point = 0xfffd;
    if (code_point < 0x80) {
        cs_buf_add_char(out, (char)code_point);
        return;
    }
    unsigned more = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    cs_buf_add_char(out, (char)(lead[more] | code_point >> (6 * more)));
    while (more-- > 0)
        cs_buf_add_char(out, (char)(0x80 | (code_point >> (6 * more) & 0x3f)));
}
