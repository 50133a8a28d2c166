/* Steps on types, schemas, extensions, sequences, views, functions, triggers, comments and privileges. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/quote.h"

/* --- types ------------------------------------------------------------------------------------------------------- */

static void add_label(struct text_builder *builder, struct backend *backend, const struct node *node)
{
    const char *label = node_string(backend->arena, node);

    if (label && strlen(label) > QUOTE_NAME_MAX_BYTES)
        backend_error(backend, DIAG(PG011), node, "the value is longer than 63 bytes");
    text_add_name(builder, quote_literal(backend->arena, label), node);
}

void step_create_type(struct backend *backend)
{
    const struct node *values = backend_key(backend, "values");
    struct text_builder builder;
    struct name name;

    if (!backend_read_name(backend, backend_key(backend, "name"), &name))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE TYPE ");
    text_add_name(&builder, name.quoted, name.node);
    text_add(&builder, " AS ENUM (");
    for (size_t i = 0; i < values->count; i++) {
        text_add(&builder, i ? ", " : "");
        add_label(&builder, backend, values->items[i]);
    }
    text_add(&builder, ")");
    part_make(backend, "create", text_end(&builder), "CreateEnumStmt", false);
}

void step_add_enum_value(struct backend *backend)
{
    const struct node *before = backend_key(backend, "before"), *after = backend_key(backend, "after");
    struct text_builder builder;
    struct name type;

    if (before && after) {
        backend_error(backend, DIAG(PG009), after, "a value goes before one or after one, not both");
        return;
    }
    if (!backend_read_name(backend, backend_key(backend, "type"), &type))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "ALTER TYPE ");
    text_add_name(&builder, type.quoted, type.node);
    text_add(&builder, " ADD VALUE ");
    add_label(&builder, backend, backend_key(backend, "value"));
    if (before || after) {
        text_add(&builder, before ? " BEFORE " : " AFTER ");
        add_label(&builder, backend, before ? before : after);
    }
    part_make(backend, "add", text_end(&builder), "AlterEnumStmt", false);
}

/* "DROP KIND name" or "CREATE KIND name" and what follows. */
static bool begin_named(struct text_builder *builder, struct backend *backend, const char *words)
{
    struct name name;

    backend_begin(builder, backend);
    if (!backend_read_name(backend, backend_key(backend, "name"), &name))
        return false;
    text_add_format(builder, "%s ", words);
    text_add_name(builder, name.quoted, name.node);
    return true;
}

void step_drop_type(struct backend *backend)
{
    struct text_builder builder;

    if (begin_named(&builder, backend, "DROP TYPE"))
        part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

void step_create_domain(struct backend *backend)
{
    const struct node *type = backend_key(backend, "type"), *default_node = backend_key(backend, "default");
    const struct node *checks = backend_key(backend, "checks");
    struct text_builder builder;

    if (!begin_named(&builder, backend, "CREATE DOMAIN") || !backend_check_fragment(backend, type, FRAGMENT_SINGLE))
        return;
    text_add(&builder, " AS ");
    text_add_fragment(&builder, type);
    if (default_node && backend_check_fragment(backend, default_node, FRAGMENT_SINGLE)) {
        text_add(&builder, " DEFAULT ");
        text_add_fragment(&builder, default_node);
    }
    if (backend_flag(backend, "not_null", false))
        text_add(&builder, " NOT NULL");
    for (size_t i = 0; checks && i < checks->count; i++) {
        const char *name;

        if (!backend_read_plain_name(backend, checks->members[i].key, &name) ||
            !backend_check_fragment(backend, checks->members[i].value, FRAGMENT_SINGLE))
            return;
        text_add(&builder, " CONSTRAINT ");
        text_add_name(&builder, quote_name(backend->arena, name), checks->members[i].key);
        text_add(&builder, " CHECK (");
        text_add_fragment(&builder, checks->members[i].value);
        text_add(&builder, ")");
    }
    part_make(backend, "create", text_end(&builder), "CreateDomainStmt", false);
}

/* --- schemas, extensions, sequences ------------------------------------------------------------------------------ */

void step_create_schema(struct backend *backend)
{
    const struct node *node = backend_key(backend, "name");
    struct text_builder builder;
    const char *name;

    if (!backend_read_plain_name(backend, node, &name))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE SCHEMA ");
    text_add_name(&builder, quote_name(backend->arena, name), node);
    part_make(backend, "create", text_end(&builder), "CreateSchemaStmt", false);
}

void step_create_extension(struct backend *backend)
{
    const struct node *node = backend_key(backend, "name"), *schema = backend_key(backend, "schema");
    struct text_builder builder;
    const char *name;

    if (!backend_read_plain_name(backend, node, &name))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE EXTENSION ");
    text_add_name(&builder, quote_name(backend->arena, name), node);
    if (schema && backend_read_plain_name(backend, schema, &name)) {
        text_add(&builder, " WITH SCHEMA ");
        text_add_name(&builder, quote_name(backend->arena, name), schema);
    }
    if (backend_key(backend, "version")) {
        text_add(&builder, " VERSION ");
        text_add_name(&builder,
            quote_literal(backend->arena, node_string(backend->arena, backend_key(backend, "version"))),
            backend_key(backend, "version"));
    }
    part_make(backend, "create", text_end(&builder), "CreateExtensionStmt", false);
}

void step_create_sequence(struct backend *backend)
{
    const struct node *options = backend_key(backend, "options");
    struct text_builder builder;

    if (!begin_named(&builder, backend, "CREATE SEQUENCE"))
        return;
    if (options) {
        backend_check_fragment(backend, options, FRAGMENT_SINGLE);
        text_add(&builder, " ");
        text_add_fragment(&builder, options);
    }
    part_make(backend, "create", text_end(&builder), "CreateSeqStmt", false);
}

/* --- views, functions, triggers ---------------------------------------------------------------------------------- */

void step_create_view(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_named(
            &builder, backend, backend_flag(backend, "replace", false) ? "CREATE OR REPLACE VIEW" : "CREATE VIEW"))
        return;
    text_add(&builder, " AS ");
    text_add_fragment(&builder, backend_key(backend, "query"));
    part_make(backend, "create", text_end(&builder), "ViewStmt", false);
}

void step_create_materialized_view(struct backend *backend)
{
    struct part part = {.name = "create"};
    struct text_builder builder;
    struct name view;

    if (!begin_named(&builder, backend, "CREATE MATERIALIZED VIEW") ||
        !backend_read_name(backend, backend_key(backend, "name"), &view))
        return;
    text_add(&builder, " AS ");
    text_add_fragment(&builder, backend_key(backend, "query"));
    if (!backend_flag(backend, "with_data", true))
        text_add(&builder, " WITH NO DATA");
    if (!part_add_text(backend, &part, text_end(&builder), "CreateTableAsStmt"))
        return;
    step_add_indexes_and_comment(backend, &part, "MATERIALIZED VIEW", &view);
    part_finish(backend, &part);
}

/* What REFRESH … CONCURRENTLY asks for: a unique index over columns alone, and over all rows. */
static bool has_row_identity(const struct relation *view)
{
    for (size_t i = 0; i < view->indexes.count; i++) {
        const struct index *index = view->indexes.items[i]->index;
        size_t columns = 0;

        for (size_t k = 0; k < index->element_count; k++)
            columns += index->elements[k].column != NULL;
        if (index->unique && !index->where && columns == index->element_count)
            return true;
    }
    return false;
}

/* Concurrently, but for a view that nobody reads yet, which may have no rows so far. */
void step_refresh_materialized_view(struct backend *backend)
{
    const struct relation *view = backend_find_table(backend, backend_key(backend, "name"));
    struct text_builder builder;

    if (begin_named(&builder, backend,
            view && view->born != backend->analyser->ordinal && backend_flag(backend, "online", true) &&
                    has_row_identity(view)
                ? "REFRESH MATERIALIZED VIEW CONCURRENTLY"
                : "REFRESH MATERIALIZED VIEW"))
        part_make(backend, "refresh", text_end(&builder), "RefreshMatViewStmt", false);
}

/* Drops a view or a materialised view, whichever it is. */
void step_drop_view(struct backend *backend)
{
    const struct relation *relation = backend_find_table(backend, backend_key(backend, "name"));
    bool materialized = relation && relation->kind == RELATION_MATERIALIZED_VIEW;
    struct text_builder builder;

    if (begin_named(&builder, backend, materialized ? "DROP MATERIALIZED VIEW" : "DROP VIEW"))
        part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

static bool touches(const struct part *part, enum object_kind kind, const char *name)
{
    for (size_t i = 0; i < part->statements.items.count; i++)
        for (size_t k = 0; k < part->statements.items.items[i].objects.count; k++) {
            const struct object *object = &part->statements.items.items[i].objects.items[k];

            if (object->kind == kind && strcmp(object->name, name) == 0)
                return true;
        }
    return false;
}

/* A whole statement that must be about what the step names. */
static void make_definition(
    struct backend *backend, const char *expect, const char *label, enum object_kind kind, const char *object_key)
{
    const struct node *definition = backend_key(backend, "definition"), *name_node = backend_key(backend, "name");
    struct part part = {.name = "create"};
    struct name name, object;

    if (!backend_read_name(backend, name_node, &name) ||
        !backend_read_name(backend, backend_key(backend, object_key), &object) ||
        !part_add_text(backend, &part, text_of_node(&backend->work, definition), expect) ||
        !part.statements.items.count)
        return;
    if (strcmp(part.statements.items.items[0].label, arena_printf(backend->arena, "%s_%s", label, name.name)) != 0)
        backend_error(backend, DIAG(PG020), name_node, "the definition is not of '%s'", name.name);
    else if (!touches(&part, kind, object.name))
        backend_error(backend, DIAG(PG020), object.node, "the definition is not about '%s'", object.name);
    part_finish(backend, &part);
}

void step_create_function(struct backend *backend)
{
    make_definition(backend, "CreateFunctionStmt", "create_function", OBJECT_FUNCTION, "name");
}

void step_create_trigger(struct backend *backend)
{
    make_definition(backend, "CreateTrigStmt", "create_trigger", OBJECT_RELATION, "table");
}

/* --- comments and privileges ------------------------------------------------------------------------------------- */

void step_comment(struct backend *backend)
{
    const struct node *text = backend_key(backend, "text");
    struct text_builder builder;

    if (!backend_check_fragment(backend, backend_key(backend, "on"), FRAGMENT_SINGLE))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "COMMENT ON ");
    text_add_fragment(&builder, backend_key(backend, "on"));
    text_add(&builder, " IS ");
    text_add_name(&builder,
        node_text(text).len ? quote_literal(backend->arena, node_string(backend->arena, text)) : "NULL", text);
    part_make(backend, "comment", text_end(&builder), "CommentStmt", false);
}

static void add_privileges(struct text_builder *builder, struct backend *backend, const struct node *list)
{
    for (size_t i = 0; i < list->count; i++) {
        backend_check_fragment(backend, list->items[i], FRAGMENT_SINGLE);
        text_add(builder, i ? ", " : "");
        text_add_fragment(builder, list->items[i]);
    }
}

/* Roles are names; PUBLIC, CURRENT_USER and SESSION_USER are SQL's own words. */
void step_add_roles(struct text_builder *builder, struct backend *backend, const struct node *list)
{
    static const char *const words[] = {"public", "current_user", "session_user", "current_role"};

    for (size_t i = 0; i < list->count; i++) {
        const char *name;
        bool word = false;

        if (!backend_read_plain_name(backend, list->items[i], &name))
            return;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            word = word || strcmp(words[k], name) == 0;
        text_add(builder, i ? ", " : "");
        text_add_name(builder, word ? name : quote_name(backend->arena, name), list->items[i]);
    }
}

static void make_grant(struct backend *backend, const char *verb, const char *preposition)
{
    struct text_builder builder;

    if (!backend_check_fragment(backend, backend_key(backend, "on"), FRAGMENT_LIST))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "%s ", verb);
    add_privileges(&builder, backend, backend_key(backend, "privileges"));
    text_add(&builder, " ON ");
    text_add_fragment(&builder, backend_key(backend, "on"));
    text_add_format(&builder, " %s ", preposition);
    step_add_roles(&builder, backend, backend_key(backend, strcmp(verb, "GRANT") == 0 ? "to" : "from"));
    part_make(backend, strcmp(verb, "GRANT") == 0 ? "grant" : "revoke", text_end(&builder), "GrantStmt", false);
}

void step_grant(struct backend *backend)
{
    make_grant(backend, "GRANT", "TO");
}

void step_revoke(struct backend *backend)
{
    make_grant(backend, "REVOKE", "FROM");
}
