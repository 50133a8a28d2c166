#include <string.h>

#include "spec/base/arena.h"
#include "spec/cel/check.h"
#include "spec/cel/parser.h"
#include "spec/cel/run.h"

struct cel_program *cel_compile(struct arena *arena, const struct cel_env *env, struct str text,
    const struct cel_type **result_type, struct cel_error *error)
{
    struct cel_program *program = ARENA_NEW(arena, struct cel_program);
    const struct cel_type *type;
    size_t invalid;

    *error = (struct cel_error){0};
    if (text.len > CEL_TEXT_MAX_BYTES) {
        cel_error_at(error, 0, text.len, "the expression has %zu bytes, more than %d", text.len, CEL_TEXT_MAX_BYTES);
        return NULL;
    }
    invalid = utf8_invalid_at(text.data, text.len);
    if (invalid != text.len) {
        cel_error_at(error, invalid, invalid + 1, "the expression is not UTF-8 here");
        return NULL;
    }
    program->zones = env->zones;
    program->root = cel_parse(arena, str_copy(arena, text), error);
    if (!program->root)
        return NULL;
    type = cel_check(arena, env, program, error);
    if (!type)
        return NULL;
    if (result_type)
        *result_type = type;
    *error = (struct cel_error){0};
    return program;
}

static const struct cel_value *find_binding(const struct cel_binding *bindings, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(bindings[i].name, name) == 0)
            return &bindings[i].value;
    return NULL;
}

/* Its texts are empty: not all of their bytes, since there are many, and evaluations are short. */
static void clear_error(struct cel_error *error)
{
    error->start = error->end = 0;
    error->message[0] = error->help[0] = '\0';
}

bool cel_eval_within(const struct cel_program *program, struct arena *arena, const struct cel_binding *bindings,
    size_t count, uint64_t *cost_left, struct cel_value *value, struct cel_error *error)
{
    const struct cel_value **variables = ARENA_ARRAY(arena, const struct cel_value *, program->variables.count);
    struct cel_run run = {
        .program = program,
        .arena = arena,
        .variables = variables,
        .locals = ARENA_ARRAY(arena, struct cel_value, program->slot_count),
        .cost_left = *cost_left,
        .cost_limit = *cost_left,
        .at = program->root,
        .error = error,
    };

    bool ok;

    clear_error(error);
    for (size_t i = 0; i < program->variables.count; i++)
        variables[i] = find_binding(bindings, count, program->variables.items[i]);
    ok = cel_run_node(&run, program->root, value);
    if (ok) { /* parts may be shared many times over: what the caller will walk must be paid for as well */
        run.at = program->root;
        ok = cel_run_charge_size(&run, value);
    }
    *cost_left = run.cost_left;
    if (ok)
        clear_error(error);
    return ok;
}

bool cel_eval(const struct cel_program *program, struct arena *arena, const struct cel_binding *bindings, size_t count,
    uint64_t cost_limit, struct cel_value *value, struct cel_error *error)
{
    return cel_eval_within(program, arena, bindings, count, &cost_limit, value, error);
}

const struct cel_value *cel_program_literal(const struct cel_program *program)
{
    return program->root->kind == CEL_NODE_LITERAL ? &program->root->literal : NULL;
}

struct use_walk {
    const struct cel_program *program;
    struct arena *arena;
    const char *variable;
    bool whole;
    VEC(struct str) fields;
};

static bool is_variable(const struct use_walk *walk, const struct cel_node *node)
{
    return node->kind == CEL_NODE_VARIABLE && strcmp(walk->program->variables.items[node->index], walk->variable) == 0;
}

static void add_field(struct use_walk *walk, struct str name)
{
    for (size_t i = 0; i < walk->fields.count; i++)
        if (str_equal(walk->fields.items[i], name))
            return;
    VEC_PUSH(walk->arena, &walk->fields, name);
}

static void walk_use(struct use_walk *walk, const struct cel_node *node)
{
    if (node->kind == CEL_NODE_SELECT && is_variable(walk, node->args.items[0])) {
        add_field(walk, node->name);
        return;
    }
    walk->whole |= is_variable(walk, node);
    for (size_t i = 0; i < node->args.count; i++)
        if (node->args.items[i])
            walk_use(walk, node->args.items[i]);
}

struct cel_use cel_program_use(const struct cel_program *program, struct arena *arena, const char *variable)
{
    struct use_walk walk = {.program = program, .arena = arena, .variable = variable};

    walk_use(&walk, program->root);
    return (struct cel_use){walk.whole, walk.fields.items, walk.fields.count};
}
