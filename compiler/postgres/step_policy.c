/* Steps on row-level security. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/quote.h"

static void add_condition(struct text_builder *builder, struct backend *backend, const char *words, const char *key)
{
    const struct node *node = backend_key(backend, key);

    if (!node || !backend_check_fragment(backend, node, FRAGMENT_SINGLE))
        return;
    text_add_format(builder, " %s (", words);
    text_add_fragment(builder, node);
    text_add(builder, ")");
}

void step_create_policy(struct backend *backend)
{
    const struct node *node = backend_key(backend, "name"), *command = backend_key(backend, "command");
    struct text_builder builder;
    struct name table;
    const char *name;

    if (!backend_read_plain_name(backend, node, &name) ||
        !backend_read_name(backend, backend_key(backend, "table"), &table))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE POLICY ");
    text_add_name(&builder, quote_name(backend->arena, name), node);
    text_add(&builder, " ON ");
    text_add_name(&builder, table.quoted, table.node);
    if (backend_flag(backend, "restrictive", false))
        text_add(&builder, " AS RESTRICTIVE");
    if (command) {
        text_add(&builder, " FOR ");
        text_add_fragment(&builder, command);
    }
    if (backend_key(backend, "to")) {
        text_add(&builder, " TO ");
        step_add_roles(&builder, backend, backend_key(backend, "to"));
    }
    add_condition(&builder, backend, "USING", "using");
    add_condition(&builder, backend, "WITH CHECK", "check");
    part_make(backend, "create", text_end(&builder), "CreatePolicyStmt", false);
}

static void alter_row_security(struct backend *backend, const char *words)
{
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "ALTER TABLE ");
    text_add_name(&builder, table.quoted, table.node);
    text_add_format(&builder, " %s", words);
    part_make(backend, "set", text_end(&builder), "AlterTableStmt", false);
}

void step_enable_row_security(struct backend *backend)
{
    alter_row_security(backend, backend_flag(backend, "force", false)
                                    ? "ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
                                    : "ENABLE ROW LEVEL SECURITY");
}

void step_disable_row_security(struct backend *backend)
{
    const struct relation *relation = backend_find_table(backend, backend_key(backend, "table"));

    alter_row_security(backend, relation && relation->row_security_forced
                                    ? "DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
                                    : "DISABLE ROW LEVEL SECURITY");
}
