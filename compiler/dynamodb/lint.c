/*
 * Findings on DynamoDB: what a step takes away from a table that an earlier migration made. A table that the same
 * migration made has no readers and nothing in it.
 */
#include <string.h>

#include "compiler/dynamodb/dynamodb.h"
#include "compiler/lint.h"
#include "spec/base/arena.h"

static void find(struct dynamodb_backend *backend, const struct diag_code *code, const struct node *at,
    const char *message, const char *help)
{
    struct compilation *compilation = backend->compilation;
    const struct lint_settings settings = {compilation->project->lint, node_get(compilation->environment->node, "lint")};
    struct diag *diag = lint_report(&settings, compilation->diags, backend->migration, code, at->span, message);

    if (diag)
        diag_add_help(compilation->diags, diag, "%s", help);
}

void lint_step(struct dynamodb_backend *backend, const struct project_step *step)
{
    struct arena *arena = backend->compilation->arena;
    const struct node *body = step->body, *name = node_get(body, step->kind == STEP_DELETE_TABLE ? "name" : "table");
    const struct ddb_table *table = name ? map_get(&backend->tables, node_text(name)) : NULL;
    const struct node *attribute = node_get(body, "attribute"), *index = node_get(body, "name");

    if (!table || strcmp(table->made_by, backend->migration->id) == 0)
        return;
    if (step->kind == STEP_DELETE_TABLE)
        find(backend, DIAG(DDB101), name,
            arena_printf(arena, "table '%.*s' is deleted with every item in it", STR_ARG(table->authored_name)),
            "release code that does not use the table first, then allow DDB101 here and say so in the reason");
    else if (step->kind == STEP_DROP_INDEX)
        find(backend, DIAG(DDB102), index,
            arena_printf(arena, "a query that names index '%.*s' fails from this moment", STR_ARG(node_text(index))),
            "release code that does not query it first, then allow DDB102 here and say so in the reason");
    else if (step->kind == STEP_SET_STREAM && table->stream)
        find(backend, DIAG(DDB103), node_get(body, "stream"),
            arena_printf(arena, "the stream of table '%.*s' ends, with the records that nobody has read yet",
                STR_ARG(table->authored_name)),
            "stop the writers until its consumers have read everything, and give these a new stream's ARN");
    else if (step->kind == STEP_SET_TTL && attribute)
        find(backend, DIAG(DDB104), attribute,
            arena_printf(arena, "items of table '%.*s' whose '%.*s' has passed already are deleted within days",
                STR_ARG(table->authored_name), STR_ARG(node_text(attribute))),
            "count them before, with a query of your own; what was deleted does not come back by undoing this");
    else if (step->kind == STEP_SET_PITR && table->pitr)
        find(backend, DIAG(DDB105), node_get(body, "enabled"),
            arena_printf(arena, "table '%.*s' can no longer be restored to any moment until now",
                STR_ARG(table->authored_name)),
            "take a backup first, then allow DDB105 here and say so in the reason");
}
