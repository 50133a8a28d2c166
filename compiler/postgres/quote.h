/*
 * SQL identifiers and literals, quoted as PostgreSQL's quote_ident() and quote_literal() do, and SQL texts as JSON
 * values. Results live in the arena.
 */
#ifndef COMPILER_POSTGRES_QUOTE_H
#define COMPILER_POSTGRES_QUOTE_H

#include <stdbool.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

enum { QUOTE_NAME_MAX_BYTES = 63 }; /* NAMEDATALEN - 1: the server cuts longer names off without an error */

bool quote_is_needed(const char *name);
const char *quote_name(struct arena *arena, const char *name);
const char *quote_qualified(
    struct arena *arena, const char *schema, const char *name);   /* schema NULL: the name alone */
/* What a table has, as COMMENT ON and DROP name it: "CONSTRAINT n ON public.t". */
const char *quote_on(struct arena *arena, const char *what, const char *name, const char *table);
const char *quote_literal(struct arena *arena, const char *text); /* NULL gives NULL, the SQL word */
void quote_name_into(struct strbuf *out, const char *name);
void quote_literal_into(struct strbuf *out, const char *text);
/* text as a JSON string that is not copied, for SQL is long and there is much of it: text must live as long. NULL:
 * null. */
struct json *quote_json(struct arena *arena, const char *text);
void quote_json_set(struct arena *arena, struct json *object, const char *key, const char *text);

#endif
