/*
 * What the targets hold after a migration, as the plan says: the fold of its steps' effects. It knows what the history
 * made, not what stood in a database before.
 */
#ifndef COMPILER_SHOW_SCHEMA_H
#define COMPILER_SHOW_SCHEMA_H

#include "spec/plan.h"

/* last: the migration, in the plan's order, after which it is asked for. */
void show_schema_text(struct strbuf *out, const struct plan *plan, const struct plan_migration *last);
/* {"after":ID,"targets":{NAME:{OBJECT:DEFINITION,…},…}} */
void show_schema_json(struct strbuf *out, const struct plan *plan, const struct plan_migration *last);

#endif
