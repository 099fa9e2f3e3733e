/* Schemas from DDL text and from Delta's/Spark's JSON, and back (spec: csv.md §6; Delta protocol,
 * "Schema Serialization Format"). */
#ifndef CS_COMMON_DATA_SCHEMA_H
#define CS_COMMON_DATA_SCHEMA_H

#include "common/data/type.h"

/* Text that begins with `{` is JSON, else DDL. Errors: CS_E_BAD_SCHEMA (CS_E_LIMIT for the text's
 * length) with the place `schema:LINE:COLUMN`, or, where JSON is well formed but no schema,
 * `schema:$.fields[2].type`. */
CS_MUST_USE cs_code cs_schema_parse(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err);
CS_MUST_USE cs_code cs_schema_parse_ddl(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err);
CS_MUST_USE cs_code cs_schema_parse_json(cs_str text, cs_arena *arena, cs_schema *out, cs_error *err);
/* {"type":"struct","fields":[…]}: members in Spark's order, metadata verbatim. */
void cs_schema_print_json(const cs_schema *schema, cs_buf *out);
/* `id BIGINT, name STRING` with backquotes where needed. */
void cs_schema_print_ddl(const cs_schema *schema, cs_buf *out);
/* What a file source makes of a schema: everything nullable, at every depth, metadata kept. */
CS_MUST_USE cs_code cs_schema_nullable(const cs_schema *schema, cs_arena *arena, cs_schema *out, cs_error *err);
/* Index of the field, ignoring ASCII case; -1 when there is none. */
ptrdiff_t cs_schema_find(const cs_schema *schema, cs_str name);
/* Refuses names that Delta without column mapping cannot have, and duplicates (any case). */
CS_MUST_USE cs_code cs_schema_check_table(const cs_schema *schema, cs_error *err);

#endif
