#include "compiler/postgres/backend.h"

#include <stdarg.h>
#include <string.h>

#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/rollback.h"

/* --- reading steps ----------------------------------------------------------------------------------------------- */

struct diag *backend_error(
    struct backend *backend, const struct diag_code *code, const struct node *node, const char *format, ...)
{
    va_list ap;
    const char *message;

    backend->failed = true;
    va_start(ap, format);
    message = arena_vprintf(backend->arena, format, ap);
    va_end(ap);
    return diag_report(backend->compilation->diags, code, node ? node->span : backend->step->key->span, "%s", message);
}

const struct node *backend_key(const struct backend *backend, const char *key)
{
    return node_get(backend->step->body, key);
}

bool backend_flag(const struct backend *backend, const char *key, bool otherwise)
{
    bool value = otherwise;

    if (backend_key(backend, key))
        node_to_bool(backend_key(backend, key), &value);
    return value;
}

void backend_begin(struct text_builder *builder, struct backend *backend)
{
    text_begin(builder, &backend->work, backend->step->key->span);
}

static bool check_name(struct backend *backend, const struct node *node, const char *name)
{
    if (!*name)
        backend_error(backend, DIAG(PG011), node, "a name is missing");
    else if (strlen(name) > QUOTE_NAME_MAX_BYTES)
        backend_error(backend, DIAG(PG011), node, "the name '%s' is longer than 63 bytes", name);
    else
        return true;
    return false;
}

/* One part of a dotted name; "…" may hold dots. Moves *text behind it and its dot. */
static const char *take_part(struct backend *backend, struct str *text)
{
    size_t len = 0, skip;
    const char *part;

    if (text->len && text->data[0] == '"') {
        struct lexer lexer = {.text = *text};
        struct lex_token token = lex_next(&lexer);

        if (!token.unterminated && (token.end == text->len || text->data[token.end] == '.')) {
            part = lex_identifier(backend->arena, *text, token);
            skip = token.end + (token.end < text->len);
            *text = (struct str){text->data + skip, text->len - skip};
            return part;
        }
    }
    while (len < text->len && text->data[len] != '.')
        len++;
    part = arena_strndup(backend->arena, text->data, len);
    skip = len + (len < text->len);
    *text = (struct str){text->data + skip, text->len - skip};
    return part;
}

bool backend_read_name(struct backend *backend, const struct node *node, struct name *out)
{
    struct str text = node_text(node);
    const char *first = take_part(backend, &text);

    *out = (struct name){.schema = backend->analyser->schema, .name = first, .node = node};
    if (text.len) {
        out->schema = first;
        out->name = take_part(backend, &text);
    }
    if (text.len) {
        backend_error(backend, DIAG(PG011), node, "'%.*s' has more than a schema and a name", STR_ARG(node_text(node)));
        return false;
    }
    if (!check_name(backend, node, out->schema) || !check_name(backend, node, out->name))
        return false;
    out->quoted = quote_qualified(backend->arena, out->schema, out->name);
    return true;
}

bool backend_read_plain_name(struct backend *backend, const struct node *node, const char **out)
{
    *out = arena_strndup(backend->arena, node_text(node).data, node_text(node).len);
    return check_name(backend, node, *out);
}

bool backend_read_names(struct backend *backend, const struct node *list, const char *const **out, size_t *count)
{
    const char **names = ARENA_ARRAY(backend->arena, const char *, list ? list->count + 1 : 1);
    bool ok = true;

    *count = list ? list->count : 0;
    for (size_t i = 0; i < *count; i++)
        ok &= backend_read_plain_name(backend, list->items[i], &names[i]);
    *out = names;
    return ok;
}

void backend_add_names(struct text_builder *builder, struct backend *backend, const struct node *list)
{
    text_add(builder, "(");
    for (size_t i = 0; i < list->count; i++) {
        const char *name;

        if (!backend_read_plain_name(backend, list->items[i], &name))
            name = "";
        text_add(builder, i ? ", " : "");
        text_add_name(builder, quote_name(backend->arena, name), list->items[i]);
    }
    text_add(builder, ")");
}

/* The first comma outside of brackets; SIZE_MAX when there is none. */
static size_t top_level_comma(struct str text)
{
    struct lexer lexer = {.text = text};
    size_t depth = 0;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        depth += lex_is(text, token, "(") || lex_is(text, token, "[");
        depth -= (lex_is(text, token, ")") || lex_is(text, token, "]")) && depth;
        if (!depth && lex_is(text, token, ","))
            return token.start;
    }
    return SIZE_MAX;
}

bool backend_check_fragment(struct backend *backend, const struct node *node, enum fragment kind)
{
    struct str text = node_text(node);
    bool line_comment;
    size_t at;
    const char *why = lex_check_fragment(text, &at, &line_comment);

    if (!why && kind == FRAGMENT_SINGLE && (at = top_level_comma(text)) != SIZE_MAX)
        why = "a ',' cannot stand here: this is one definition or expression";
    if (!why)
        return true;
    backend->failed = true;
    diag_report(
        backend->compilation->diags, DIAG(PG009), node_text_span(node, at, at < text.len ? at + 1 : at), "%s", why);
    return false;
}

struct relation *backend_find_table(struct backend *backend, const struct node *node)
{
    struct name name;

    if (!backend_read_name(backend, node, &name))
        return NULL;
    return catalog_find_relation(&backend->analyser->catalog, name.schema, name.name);
}

bool backend_is_plain(struct backend *backend, const struct node *table)
{
    const struct relation *relation = backend_find_table(backend, table);

    return !backend_flag(backend, "online", true) ||
           (relation && (relation->born == backend->analyser->ordinal || relation->kind == RELATION_PARTITIONED));
}

/* --- the backend ------------------------------------------------------------------------------------------------- */

static step_function *const step_functions[STEP_COUNT] = {
    [STEP_CREATE_TABLE] = step_create_table,
    [STEP_DROP_TABLE] = step_drop_table,
    [STEP_RENAME_TABLE] = step_rename_table,
    [STEP_ADD_COLUMN] = step_add_column,
    [STEP_DROP_COLUMN] = step_drop_column,
    [STEP_RENAME_COLUMN] = step_rename_column,
    [STEP_CHANGE_TYPE] = step_change_type,
    [STEP_SET_DEFAULT] = step_set_default,
    [STEP_DROP_DEFAULT] = step_drop_default,
    [STEP_SET_NOT_NULL] = step_set_not_null,
    [STEP_DROP_NOT_NULL] = step_drop_not_null,
    [STEP_ADD_PRIMARY_KEY] = step_add_primary_key,
    [STEP_ADD_UNIQUE] = step_add_unique,
    [STEP_ADD_FOREIGN_KEY] = step_add_foreign_key,
    [STEP_ADD_CHECK] = step_add_check,
    [STEP_VALIDATE_CONSTRAINT] = step_validate_constraint,
    [STEP_RENAME_CONSTRAINT] = step_rename_constraint,
    [STEP_DROP_CONSTRAINT] = step_drop_constraint,
    [STEP_CREATE_INDEX] = step_create_index,
    [STEP_DROP_INDEX] = step_drop_index,
    [STEP_RENAME_INDEX] = step_rename_index,
    [STEP_CREATE_TYPE] = step_create_type,
    [STEP_ADD_ENUM_VALUE] = step_add_enum_value,
    [STEP_DROP_TYPE] = step_drop_type,
    [STEP_CREATE_SCHEMA] = step_create_schema,
    [STEP_CREATE_EXTENSION] = step_create_extension,
    [STEP_CREATE_SEQUENCE] = step_create_sequence,
    [STEP_CREATE_VIEW] = step_create_view,
    [STEP_DROP_VIEW] = step_drop_view,
    [STEP_CREATE_FUNCTION] = step_create_function,
    [STEP_CREATE_TRIGGER] = step_create_trigger,
    [STEP_COMMENT] = step_comment,
    [STEP_GRANT] = step_grant,
    [STEP_REVOKE] = step_revoke,
    [STEP_ADD_EXCLUDE] = step_add_exclude,
    [STEP_CREATE_DOMAIN] = step_create_domain,
    [STEP_DROP_DOMAIN] = step_drop_domain,
    [STEP_CREATE_MATERIALIZED_VIEW] = step_create_materialized_view,
    [STEP_REFRESH_MATERIALIZED_VIEW] = step_refresh_materialized_view,
    [STEP_DROP_MATERIALIZED_VIEW] = step_drop_materialized_view,
    [STEP_DROP_SCHEMA] = step_drop_schema,
    [STEP_DROP_EXTENSION] = step_drop_extension,
    [STEP_DROP_SEQUENCE] = step_drop_sequence,
    [STEP_DROP_FUNCTION] = step_drop_function,
    [STEP_DROP_TRIGGER] = step_drop_trigger,
    [STEP_CREATE_POLICY] = step_create_policy,
    [STEP_DROP_POLICY] = step_drop_policy,
    [STEP_ENABLE_ROW_SECURITY] = step_enable_row_security,
    [STEP_DISABLE_ROW_SECURITY] = step_disable_row_security,
    [STEP_ATTACH_PARTITION] = step_attach_partition,
    [STEP_DETACH_PARTITION] = step_detach_partition,
    [STEP_BACKFILL] = step_backfill,
    [STEP_ASSERT] = step_assert,
    [STEP_SQL] = step_sql,
};

static struct backend *backend_open(struct compilation *compilation, const struct plan_target *target)
{
    struct backend *backend = ARENA_NEW(compilation->arena, struct backend);

    backend->compilation = compilation;
    backend->target = target;
    backend->arena = compilation->arena;
    backend->analyser = analyser_create(compilation->arena, compilation->diags, compilation->schema);
    backend->analyser->lint =
        (struct lint_settings){compilation->project->lint, node_get(compilation->environment->node, "lint")};
    map_init(&backend->known, compilation->arena);
    return backend;
}

static void begin_migration(struct backend *backend, const struct project_migration *migration)
{
    arena_reset(&backend->work);
    backend->statements.items = NULL; /* it was in there */
    backend->statements.count = backend->statements.capacity = 0;
    backend->added.count = 0;
    backend->kept.count = 0;
    backend->incomplete = false;
    backend->separate_next = false;
    rollback_begin(backend);
    analyser_begin(backend->analyser, migration);
}

bool backend_lower_step(struct backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    backend->step = step;
    backend->out = out;
    backend->first_part = out->items.count;
    backend->failed = false;
    step_functions[step->kind](backend);
    return !backend->failed;
}

static bool backend_lower(struct backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    if (backend->migration != migration)
        begin_migration(backend, migration);
    backend->migration = migration;
    if (backend_lower_step(backend, step, out))
        return true;
    backend->incomplete = true;
    return false;
}

/* The id of a part in the plan, compared without building it. */
static bool is_step(const struct plan_step *step, const char *migration, const char *name, const char *part)
{
    size_t migration_len = strlen(migration), name_len = strlen(name);

    return strncmp(step->id, migration, migration_len) == 0 && step->id[migration_len] == '/' &&
           strncmp(step->id + migration_len + 1, name, name_len) == 0 &&
           step->id[migration_len + 1 + name_len] == '/' && strcmp(step->id + migration_len + 2 + name_len, part) == 0;
}

/* The guard of a new column: it holds only its default, or what this migration's own backfills wrote. */
static void widen_guard(struct backend *backend, const struct added_column *added, struct plan_step *step)
{
    struct arena *arena = backend->arena;
    const struct column *column = added->column;
    const char *name = quote_name(arena, column->name);
    struct strbuf buf = STRBUF_INIT;
    struct json *guard = json_new(arena, JSON_OBJECT);

    if (!added->written.count || column->default_volatile || column->identity || !step->inverse.guard)
        return;
    strbuf_printf(&buf, "SELECT NOT EXISTS (SELECT FROM %s WHERE %s IS NOT NULL", added->relation->qualified, name);
    if (column->default_sql)
        strbuf_printf(
            &buf, " AND %s::text IS DISTINCT FROM (%s)::%s::text", name, column->default_sql, column->type.text);
    for (size_t i = 0; i < added->written.count; i++)
        strbuf_printf(
            &buf, " AND %s::text IS DISTINCT FROM (%s)::%s::text", name, added->written.items[i], column->type.text);
    strbuf_append_char(&buf, ')');
    json_set_text(arena, guard, "sql", buf.data);
    strbuf_free(&buf);
    step->inverse.guard = guard;
}

static void check_kept(struct backend *backend, const struct project_migration *migration)
{
    const struct node *keep = node_get(migration->rollback, "keep");

    for (size_t i = 0; keep && i < keep->count; i++) {
        bool met = false;

        for (size_t k = 0; k < backend->kept.count && !met; k++)
            met = backend->kept.items[k] == keep->items[i];
        if (!met)
            diag_report(backend->compilation->diags, DIAG(PG008), keep->items[i]->span,
                "the migration makes no '%.*s' that could be kept", STR_ARG(node_text(keep->items[i])));
    }
}

static void backend_end_migration(
    struct backend *backend, const struct project_migration *migration, struct plan_step *steps, size_t count)
{
    for (size_t i = 0; i < backend->added.count; i++) {
        const struct added_column *added = &backend->added.items[i];

        for (size_t k = 0; k < count; k++)
            if (is_step(&steps[k], migration->id, added->step, added->part))
                widen_guard(backend, added, &steps[k]);
    }
    if (backend->migration == migration)
        lint_migration(backend, migration, steps, count);
    check_kept(backend, migration);
    if (migration->rollback && migration->rollback->kind == NODE_SEQUENCE && backend->migration == migration &&
        !backend->incomplete)
        rollback_of_steps(backend, migration, steps, count);
    backend->migration = NULL;
}

static void backend_finish(struct backend *backend, bool complete)
{
    if (complete)
        lint_history(backend);
    arena_free(&backend->work);
    analyser_free(backend->analyser);
}

const struct backend_ops backend_postgres = {
    .engine = ENGINE_POSTGRES,
    .open = backend_open,
    .lower = backend_lower,
    .end_migration = backend_end_migration,
    .finish = backend_finish,
};
