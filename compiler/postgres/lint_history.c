/* Rules that are judged when the whole history is known: a later migration may have mended what an earlier one left. */
#include <stdint.h>
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"

static bool is_covered(const struct constraint *foreign_key)
{
    const struct relation *relation = foreign_key->relation;

    for (size_t i = 0; i < relation->indexes.count; i++) {
        const struct index *index = relation->indexes.items[i]->index;
        size_t matched = 0;

        for (size_t k = 0; k < index->element_count && k < foreign_key->column_count; k++)
            matched += index->elements[k].column && relation_has_column_in(foreign_key->columns,
                                                        foreign_key->column_count, index->elements[k].column);
        if (matched == foreign_key->column_count && !index->where)
            return true;
    }
    return false;
}

static void lint_foreign_key(struct backend *backend, const struct project_migration *migration, struct span span,
    const struct constraint *foreign_key)
{
    struct diag *diag;

    if (relation_find_constraint(foreign_key->relation, foreign_key->name) != foreign_key || is_covered(foreign_key))
        return;
    diag = lint_find(backend, migration, DIAG(PG301), span,
        arena_printf(backend->arena, "no index begins with the columns of foreign key '%s' of table '%s'",
            foreign_key->name, foreign_key->relation->name));
    if (diag)
        diag_add_help(backend->compilation->diags, diag, "add one: deletes in '%s' read all of '%s' without it",
            foreign_key->referenced->name, foreign_key->relation->name);
}

static void lint_table(
    struct backend *backend, const struct project_migration *migration, struct span span, const struct relation *table)
{
    struct diag *diag;

    if (relation_primary_key(table) || table->parent)
        return;
    diag = lint_find(backend, migration, DIAG(PG304), span,
        arena_printf(backend->arena, "table '%s' has no primary key", table->name));
    if (diag)
        diag_add_help(backend->compilation->diags, diag,
            "backfills walk along it, and logical replication needs it to update and delete");
}

/* Do the elements of `index` stand, in order, at the front of those of `other`? */
static bool is_prefix(const struct index *index, const struct index *other)
{
    if (index->element_count > other->element_count)
        return false;
    for (size_t i = 0; i < index->element_count; i++) {
        const struct index_element *left = &index->elements[i], *right = &other->elements[i];

        if (!left->column || !right->column || strcmp(left->column, right->column) != 0 ||
            strcmp(left->options, right->options) != 0)
            return false;
    }
    return true;
}

static bool covers(const struct index *other, const struct index *index)
{
    return !index->unique && !index->where && !index->include_count && !other->where && !other->exclude &&
           strcmp(index->method, "btree") == 0 && strcmp(other->method, "btree") == 0 && is_prefix(index, other);
}

static void lint_index(struct backend *backend, const struct project_migration *migration, struct span span,
    const struct relation *relation)
{
    const struct relation *table = relation->index->table;
    struct diag *diag;
    bool later = true;

    for (size_t i = 0; i < table->indexes.count; i++) {
        const struct relation *other = table->indexes.items[i];

        later = later && other != relation;
        if (other == relation || !covers(other->index, relation->index) ||
            (!later && !other->index->unique && covers(relation->index, other->index))) /* the same: the later one */
            continue;
        diag = lint_find(backend, migration, DIAG(PG080), span,
            arena_printf(backend->arena, "index '%s' serves no search that '%s' does not serve", relation->name,
                other->name));
        if (diag)
            diag_add_help(backend->compilation->diags, diag, "leave it out, or drop it");
        return;
    }
}

static void lint_row_security(
    struct backend *backend, const struct project_migration *migration, struct span span, const struct relation *table)
{
    struct diag *diag;

    for (size_t i = 0; i < table->extras.count; i++)
        if (table->extras.items[i]->kind == EXTRA_POLICY)
            return;
    if (!table->row_security || table->opaque)
        return;
    diag = lint_find(backend, migration, DIAG(PG081), span,
        arena_printf(
            backend->arena, "nobody but its owner sees a row of table '%s': it has no policy", table->name));
    if (diag)
        diag_add_help(backend->compilation->diags, diag, "create its policies here");
}

static void lint_triggers(
    struct backend *backend, const struct project_migration *migration, struct span span, const struct relation *table)
{
    const char *name = table->triggers_disabled ? "ALL" : NULL;
    struct diag *diag;

    for (size_t i = 0; i < table->triggers.count && !name; i++)
        if (table->triggers.items[i]->firing && strcmp(table->triggers.items[i]->firing, "DISABLE") == 0)
            name = table->triggers.items[i]->name;
    if (!name || table->opaque)
        return;
    diag = lint_find(backend, migration, DIAG(PG085), span,
        arena_printf(backend->arena, "nothing enables this trigger of table '%s' again", table->name));
    if (diag)
        diag_add_help(
            backend->compilation->diags, diag, "ALTER TABLE %s ENABLE TRIGGER %s", table->qualified, name);
}

/* --- functions that name what was dropped ------------------------------------------------------------------------- */

static bool is_trigger_of(const struct function *function, const struct relation *table)
{
    for (size_t i = 0; i < table->triggers.count; i++)
        if (table->triggers.items[i]->function == function)
            return true;
    return false;
}

/* Does the code read or write the table: FROM t, JOIN t, INTO t, UPDATE t? */
static bool uses_table(struct backend *backend, const char *body, const struct relation *table)
{
    static const char *const before[] = {"from", "join", "into", "update"};
    struct lexer lexer = {.text = str_from(body)};
    bool expected = false;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        const char *name = lex_identifier(&backend->work, lexer.text, token);

        if (expected && name && strcmp(name, table->schema) == 0)
            continue; /* schema.t */
        if (expected && lex_is(lexer.text, token, "."))
            continue;
        if (expected && name && strcmp(name, table->name) == 0)
            return true;
        expected = false;
        for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
            expected = expected || lex_is(lexer.text, token, before[i]);
    }
    return false;
}

static bool still_names(struct backend *backend, const struct function *function, const struct late_finding *late)
{
    size_t end;

    if (!function->body || !strstr(function->body, late->column ? late->column : late->table->name))
        return false;
    if (!late->column)
        return uses_table(backend, function->body, late->table);
    return lex_find_name(str_from(function->body), 0, SIZE_MAX, late->column, &end) != SIZE_MAX &&
           (is_trigger_of(function, late->table) || uses_table(backend, function->body, late->table));
}

static void lint_dropped(
    struct backend *backend, const struct project_migration *migration, const struct late_finding *late)
{
    const struct catalog *catalog = &backend->analyser->catalog;
    const struct relation *now = catalog_find_relation(catalog, late->table->schema, late->table->name);
    const struct map_entry *entry;
    struct diag *diag;

    if (now && (!late->column || now->opaque || relation_find_column(now, late->column)))
        return; /* it is there again */
    for (size_t i = 0; map_next(&catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next) {
            if (!still_names(backend, function, late))
                continue;
            diag = lint_find(backend, migration, DIAG(PG083), late->span,
                arena_printf(backend->arena, "%s %s still names '%s'", function->keyword, function->identity,
                    late->column ? late->column : late->table->name));
            if (diag)
                diag_add_help(backend->compilation->diags, diag, "replace it in the migration that drops this");
        }
}

static bool is_there(const struct backend *backend, const struct relation *relation)
{
    return catalog_find_relation(&backend->analyser->catalog, relation->schema, relation->name) == relation;
}

void lint_history(struct backend *backend)
{
    const struct project *project = backend->compilation->project;

    for (size_t i = 0; i < backend->analyser->late.count; i++) {
        const struct late_finding *late = &backend->analyser->late.items[i];
        const struct project_migration *migration = &project->migrations.items[late->migration];

        if (late->kind == LATE_DROPPED)
            lint_dropped(backend, migration, late);
        else if (!is_there(backend, late->table))
            continue; /* dropped since */
        else if (late->kind == LATE_FOREIGN_KEY)
            lint_foreign_key(backend, migration, late->span, late->foreign_key);
        else if (late->kind == LATE_INDEX && is_there(backend, late->index))
            lint_index(backend, migration, late->span, late->index);
        else if (late->kind == LATE_ROW_SECURITY)
            lint_row_security(backend, migration, late->span, late->table);
        else if (late->kind == LATE_TRIGGERS)
            lint_triggers(backend, migration, late->span, late->table);
        else if (late->kind == LATE_TABLE)
            lint_table(backend, migration, late->span, late->table);
    }
}
