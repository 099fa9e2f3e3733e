/* Words, signs and texts of a DDL schema, by the rules of Spark's SqlBaseLexer. For schema_ddl.c. */
#ifndef CS_COMMON_DATA_SCHEMA_LEX_H
#define CS_COMMON_DATA_SCHEMA_LEX_H

#include "common/base/buf.h"

typedef enum cs_ddl_kind {
    CS_DDL_END,
    CS_DDL_WORD,   /* letters, digits, _; not one of Spark's numbers */
    CS_DDL_QUOTED, /* `in backquotes`, these included */
    CS_DDL_NUMBER, /* 5, and what Spark takes for a number: 5L, 1e3 */
    CS_DDL_TEXT,   /* '…', "…", r'…', quotes included */
    CS_DDL_SIGN,   /* any other character */
    CS_DDL_BAD     /* see problem */
} cs_ddl_kind;

typedef struct cs_ddl_lexer {
    cs_str text;
    size_t at; /* behind the current token */
    cs_ddl_kind kind;
    cs_str token; /* as it stands in the text; empty, at its end, for CS_DDL_END */
    const char *problem;
} cs_ddl_lexer;

/* Stands on the first token. */
void cs_ddl_open(cs_ddl_lexer *lexer, cs_str text);
void cs_ddl_next(cs_ddl_lexer *lexer);
bool cs_ddl_is_sign(const cs_ddl_lexer *lexer, char sign);
bool cs_ddl_is_word(const cs_ddl_lexer *lexer, const char *word); /* in any case */
/* The name that a CS_DDL_WORD or CS_DDL_QUOTED stands for. */
void cs_ddl_add_name(cs_buf *out, const cs_ddl_lexer *lexer);
/* What a CS_DDL_TEXT says: escapes resolved; half of a surrogate pair becomes U+FFFD. */
void cs_ddl_add_text(cs_buf *out, const cs_ddl_lexer *lexer);

/* The other way: backquoted where it must be; in single quotes with escapes. */
void cs_ddl_print_name(cs_buf *out, cs_str name);
void cs_ddl_print_text(cs_buf *out, cs_str text);

#endif
