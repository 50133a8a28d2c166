/* What key.def gives to people and editors: the JSON Schema of migrations.yaml, and the key reference of
 * docs/language.md. */
#ifndef COMPILER_SCHEMA_H
#define COMPILER_SCHEMA_H

#include "compiler/key.h"

void schema_print_migrations(struct arena *arena, const struct key_table *keys, struct strbuf *out);
void schema_print_keys(const struct key_table *keys, struct strbuf *out); /* Markdown */

#endif
