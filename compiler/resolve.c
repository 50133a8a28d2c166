#include "compiler/resolve.h"

#include <string.h>

#include "compiler/order.h"
#include "compiler/reference.h"
#include "spec/base/arena.h"
#include "spec/diagnostic.h"

/* --- what is missing ------------------------------------------------------------------------------------------ */

/* For whom a place is judged: one environment, or all that have the migration. */
struct audience {
    const struct project *project;
    struct arena *arena;
    struct diag_list *diags;
    const struct project_environment *environment; /* NULL: all */
    const struct project_migration *migration;     /* NULL: of none */
};

static const char *suggest_variable(const struct audience *audience, struct str name)
{
    VEC(const char *) names = {0};

    for (size_t i = 0; i < audience->project->environments.count; i++) {
        const struct node *vars = node_get(audience->project->environments.items[i].node, "vars");

        for (size_t j = 0; vars && vars->kind == NODE_MAPPING && j < vars->count; j++)
            VEC_PUSH(audience->arena, &names, vars->members[j].key->text.data);
    }
    return str_did_you_mean(name, names.items, names.count);
}

static void check_variable(const struct audience *audience, const struct node *node, const struct reference *reference)
{
    const char *name = arena_strndup(audience->arena, reference->name.data, reference->name.len);
    const char *lacking = NULL, *meant;
    struct diag *diag;

    for (size_t i = 0; i < audience->project->environments.count; i++) {
        const struct project_environment *environment = &audience->project->environments.items[i];

        if ((audience->environment && audience->environment != environment) ||
            (audience->migration && !order_includes(audience->migration, environment)) ||
            node_get(node_get(environment->node, "vars"), name))
            continue;
        lacking = lacking ? arena_printf(audience->arena, "%s, '%s'", lacking, environment->name)
                          : arena_printf(audience->arena, "'%s'", environment->name);
    }
    if (!lacking)
        return;
    diag = diag_report(audience->diags, DIAG(SPEC024), node_text_span(node, reference->start, reference->end),
        "variable '%s' has no value in %s", name, lacking);
    meant = suggest_variable(audience, reference->name);
    if (meant && strcmp(meant, name) != 0)
        diag_add_help(audience->diags, diag, "did you mean '%s'?", meant);
    else
        diag_add_help(audience->diags, diag, "give it a value below `vars:` of every environment");
}

static void check_variables(const struct audience *audience, const struct node *node)
{
    struct reference reference;
    size_t position = 0;

    if (!node || !node->has_variable)
        return;
    if (node->kind == NODE_SCALAR) {
        while (reference_next(node->text, &position, &reference))
            if (reference.kind == REFERENCE_VAR && !reference.problem)
                check_variable(audience, node, &reference);
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        check_variables(audience, node->kind == NODE_SEQUENCE ? node->items[i] : node->members[i].value);
}

void resolve_check(const struct project *project, struct arena *arena, struct diag_list *diags)
{
    static const char *const sections[] = {"targets", "policy", "backup", "notify", "metrics"};
    struct audience audience = {project, arena, diags, NULL, NULL};

    check_variables(&audience, node_get(project->events, "types"));
    for (size_t i = 0; i < project->migrations.count; i++) {
        audience.migration = &project->migrations.items[i];
        check_variables(&audience, node_get(audience.migration->node, "steps"));
        check_variables(&audience, audience.migration->rollback);
    }
    audience.migration = NULL;
    for (size_t i = 0; i < project->environments.count; i++) {
        audience.environment = &project->environments.items[i];
        for (size_t j = 0; j < sizeof(sections) / sizeof(*sections); j++)
            check_variables(&audience, node_get(audience.environment->node, sections[j]));
    }
}

/* --- replacing ------------------------------------------------------------------------------------------------ */

void resolver_init(struct resolver *resolver, const struct project_environment *environment, struct arena *arena,
    struct diag_list *diags)
{
    *resolver = (struct resolver){arena, diags, node_get(environment->node, "vars")};
}

static const struct node *find_variable(const struct resolver *resolver, struct str name)
{
    return node_get(resolver->vars, arena_strndup(resolver->arena, name.data, name.len));
}

static struct node *resolve_whole(const struct resolver *resolver, struct node *node, struct str name)
{
    const struct node *value = find_variable(resolver, name);
    struct node *copy = ARENA_NEW(resolver->arena, struct node);

    *copy = value ? *value : *node;
    copy->span = node->span;
    copy->substituted_from = value;
    copy->damaged = !value;
    return copy;
}

static void report_inside(const struct resolver *resolver, const struct node *node, const struct reference *reference,
    const struct node *value)
{
    struct diag *diag =
        diag_report(resolver->diags, DIAG(SPEC025), node_text_span(node, reference->start, reference->end),
            "variable '%.*s' is a %s and cannot stand inside a text", STR_ARG(reference->name),
            value->kind == NODE_MAPPING ? "mapping" : "list");

    diag_add_note(resolver->diags, diag, value->span, "its value is here");
}

/* Replaces the variables inside a text; where each went is kept, for places in diagnostics. */
static struct node *resolve_inside(const struct resolver *resolver, struct node *node)
{
    VEC(struct node_splice) splices = {0};
    struct node_origin *origin = ARENA_NEW(resolver->arena, struct node_origin);
    struct node *copy = ARENA_NEW(resolver->arena, struct node);
    struct strbuf text = STRBUF_INIT;
    struct reference reference;
    size_t position = 0, done = 0;

    *copy = *node;
    copy->has_variable = false;
    copy->style = node->style == NODE_STYLE_PLAIN ? NODE_STYLE_QUOTED : node->style;
    while (reference_next(node->text, &position, &reference)) {
        const struct node *value =
            reference.kind == REFERENCE_VAR && !reference.problem ? find_variable(resolver, reference.name) : NULL;
        struct node_splice splice = {.original_start = reference.start, .original_end = reference.end};

        if (value && value->kind != NODE_SCALAR)
            report_inside(resolver, node, &reference, value);
        if (!value || value->kind != NODE_SCALAR) {
            copy->damaged = true;
            continue;
        }
        strbuf_append(&text, node->text.data + done, reference.start - done);
        splice.start = text.len;
        strbuf_append_str(&text, value->text);
        splice.end = text.len;
        VEC_PUSH(resolver->arena, &splices, splice);
        done = reference.end;
        if (!copy->substituted_from)
            copy->substituted_from = value;
    }
    strbuf_append(&text, node->text.data + done, node->text.len - done);
    copy->text = strbuf_copy(&text, resolver->arena);
    strbuf_free(&text);
    *origin = (struct node_origin){node, splices.items, splices.count};
    copy->origin = origin;
    return copy;
}

/* Recursion is bounded by YAML_DEPTH_MAX. */
struct node *resolve_node(const struct resolver *resolver, struct node *node)
{
    struct reference reference;
    struct node *copy;

    if (!node || !node->has_variable)
        return node;
    if (node->kind == NODE_SCALAR)
        return reference_is_variable(node->text, &reference) ? resolve_whole(resolver, node, reference.name)
                                                             : resolve_inside(resolver, node);
    copy = ARENA_NEW(resolver->arena, struct node);
    *copy = *node;
    copy->has_variable = false;
    if (node->kind == NODE_SEQUENCE) {
        copy->items = ARENA_ARRAY(resolver->arena, struct node *, node->count);
        for (size_t i = 0; i < node->count; i++)
            copy->items[i] = resolve_node(resolver, node->items[i]);
        return copy;
    }
    copy->members = ARENA_ARRAY(resolver->arena, struct node_member, node->count);
    for (size_t i = 0; i < node->count; i++)
        copy->members[i] = (struct node_member){node->members[i].key, resolve_node(resolver, node->members[i].value)};
    return copy;
}
