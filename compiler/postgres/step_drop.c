/* Steps that drop what is no table, column, constraint, index or type. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/quote.h"

/* DROP KIND schema.name */
static void drop_qualified(struct backend *backend, const char *kind)
{
    struct text_builder builder;
    struct name name;

    if (!backend_read_name(backend, backend_key(backend, "name"), &name))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "DROP %s ", kind);
    text_add_name(&builder, name.quoted, name.node);
    part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

/* DROP KIND name: of what lives in no schema. */
static void drop_plain(struct backend *backend, const char *kind)
{
    const struct node *node = backend_key(backend, "name");
    struct text_builder builder;
    const char *name;

    if (!backend_read_plain_name(backend, node, &name))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "DROP %s ", kind);
    text_add_name(&builder, quote_name(backend->arena, name), node);
    part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

/* DROP KIND name ON table */
static void drop_on_table(struct backend *backend, const char *kind)
{
    const struct node *node = backend_key(backend, "name");
    struct text_builder builder;
    struct name table;
    const char *name;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table) ||
        !backend_read_plain_name(backend, node, &name))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "DROP %s ", kind);
    text_add_name(&builder, quote_name(backend->arena, name), node);
    text_add(&builder, " ON ");
    text_add_name(&builder, table.quoted, table.node);
    part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

void step_drop_domain(struct backend *backend)
{
    drop_qualified(backend, "DOMAIN");
}

void step_drop_sequence(struct backend *backend)
{
    drop_qualified(backend, "SEQUENCE");
}

void step_drop_materialized_view(struct backend *backend)
{
    drop_qualified(backend, "MATERIALIZED VIEW");
}

void step_drop_schema(struct backend *backend)
{
    drop_plain(backend, "SCHEMA");
}

void step_drop_extension(struct backend *backend)
{
    drop_plain(backend, "EXTENSION");
}

void step_drop_trigger(struct backend *backend)
{
    drop_on_table(backend, "TRIGGER");
}

void step_drop_policy(struct backend *backend)
{
    drop_on_table(backend, "POLICY");
}

/* ROUTINE is a function or a procedure, whichever it is. */
void step_drop_function(struct backend *backend)
{
    const struct node *arguments = backend_key(backend, "arguments");
    struct text_builder builder;
    struct name name;

    if (!backend_read_name(backend, backend_key(backend, "name"), &name))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "DROP ROUTINE ");
    text_add_name(&builder, name.quoted, name.node);
    if (arguments) {
        text_add(&builder, "(");
        for (size_t i = 0; i < arguments->count; i++) {
            if (!backend_check_fragment(backend, arguments->items[i], FRAGMENT_SINGLE))
                return;
            text_add(&builder, i ? ", " : "");
            text_add_fragment(&builder, arguments->items[i]);
        }
        text_add(&builder, ")");
    }
    part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}
