/* Functions, triggers, policies, rules, statistics and DO. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* --- functions --------------------------------------------------------------------------------------------------- */

static bool is_input(const char *mode)
{
    return !mode || (strcmp(mode, "FUNC_PARAM_OUT") != 0 && strcmp(mode, "FUNC_PARAM_TABLE") != 0);
}

static const char *argument_list(struct analysis *x)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (const struct sql_node *item = sql_first(sql_get(x->body, "parameters")); item; item = sql_next(item)) {
        const struct sql_node *parameter = sql_as(item, "FunctionParameter");
        struct type type;

        if (!is_input(sql_text(parameter, "mode")))
            continue;
        analysis_type(x, sql_get(parameter, "argType"), &type);
        strbuf_printf(&buf, "%s%s", buf.len ? ", " : "", type.text);
    }
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result ? result : "";
}

/* The statement with OR REPLACE, so that it also puts a function back that was replaced. */
static const char *replacing(struct analysis *x, const char *sql)
{
    struct lexer lexer = {.text = str_from(sql)};
    struct lex_token create = lex_next(&lexer), next = lex_next(&lexer);

    if (lex_is(lexer.text, next, "or"))
        return sql;
    return arena_printf(x->arena, "%.*s OR REPLACE%s", (int)create.end, sql, sql + create.end);
}

static const char *body_of(struct analysis *x, const struct sql_node *arg)
{
    const char *body = sql_list_string(sql_get(sql_as(arg, "List"), "items"), 0);

    return body ? arena_strdup(x->arena, body) : NULL;
}

static void read_options(struct analysis *x, struct function *function)
{
    bool definer = false, path = false;

    function->is_volatile = true;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "options")); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem"), *arg = sql_get(option, "arg");

        if (sql_text_is(option, "defname", "volatility"))
            function->is_volatile = strcmp(sql_string(arg) ? sql_string(arg) : "", "volatile") == 0;
        else if (sql_text_is(option, "defname", "language") && sql_string(arg))
            function->language = arena_strdup(x->arena, sql_string(arg));
        else if (sql_text_is(option, "defname", "as"))
            function->body = body_of(x, arg);
        else if (sql_text_is(option, "defname", "security"))
            definer = sql_flag(sql_as(arg, "Boolean"), "boolval");
        else if (sql_text_is(option, "defname", "set"))
            path = path || sql_text_is(sql_as(arg, "VariableSetStmt"), "name", "search_path");
    }
    if (definer && !path)
        analysis_help(x,
            analysis_find(x, DIAG(PG305), x->node->start, x->node->end,
                "SECURITY DEFINER function '%s' resolves names by its caller's search_path", function->name),
            "add SET search_path = … to it");
}

/* Types that are not the server's own, among the arguments and what it returns. */
static bool has_user_types(struct analysis *x)
{
    const struct sql_node *returns = sql_get(x->body, "returnType");
    struct type type;

    for (const struct sql_node *item = sql_first(sql_get(x->body, "parameters")); item; item = sql_next(item))
        if (!type_read_builtin(x->scratch, sql_get(sql_as(item, "FunctionParameter"), "argType"), &type))
            return true;
    return returns && !type_read_builtin(x->scratch, returns, &type);
}

static struct function *same_function(struct analysis *x, const struct function *function)
{
    struct function *other = catalog_find_functions(x->catalog, function->schema, function->name);

    while (other && strcmp(other->arguments, function->arguments) != 0)
        other = other->next;
    return other;
}

void analysis_make_function(struct analysis *x, const struct function *function, struct inverse *inverse)
{
    inverse_undo(inverse, x->arena, function->sql);
    for (size_t i = 0; i < function->actions.count; i++)
        inverse_undo(inverse, x->arena,
            arena_printf(x->arena, "ALTER %s %s %s", function->keyword, function->identity, function->actions.items[i]));
}

void analyse_create_function(struct analysis *x)
{
    struct function *function = ARENA_NEW(x->arena, struct function), *before;
    const char *schema, *name;
    size_t end, at;

    x->out->phase = PHASE_EXPAND;
    analysis_split_names(x, sql_get(x->body, "funcname"), &schema, &name);
    x->out->label = arena_printf(x->arena, "create_function_%s", name);
    *function = (struct function){.schema = arena_strdup(x->arena, schema),
        .name = arena_strdup(x->arena, name),
        .qualified = quote_qualified(x->arena, schema, name),
        .arguments = argument_list(x),
        .keyword = sql_flag(x->body, "is_procedure") ? "PROCEDURE" : "FUNCTION",
        .born = x->analyser->ordinal,
        .returns_trigger =
            sql_list_string(sql_get(sql_get(x->body, "returnType"), "names"), SIZE_MAX) &&
            strcmp(sql_list_string(sql_get(sql_get(x->body, "returnType"), "names"), SIZE_MAX), "trigger") == 0};
    function->identity = arena_printf(x->arena, "%s(%s)", function->qualified, function->arguments);
    function->sql = replacing(x, x->out->sql);
    function->user_types = has_user_types(x);
    read_options(x, function);
    before = same_function(x, function);
    if (before && !sql_flag(x->body, "replace")) {
        at = analysis_find_name(x, name, x->node->start, &end);
        analysis_help(x,
            analysis_error(x, DIAG(PG005), at, end, "function '%s(%s)' exists already", name, function->arguments),
            "CREATE OR REPLACE replaces it");
        return;
    }
    analysis_touch_function(x, function);
    if (before) {
        if (before->sql)
            analysis_make_function(x, before, &x->out->inverse);
        else
            inverse_impossible(
                &x->out->inverse, x->arena, "invplan does not know how the function was before: write 'down:'");
        function->next = before->next;
        function->comment = before->comment;
        *before = *function;
        return;
    }
    inverse_undo(
        &x->out->inverse, x->arena, arena_printf(x->arena, "DROP %s %s", function->keyword, function->identity));
    x->out->probe = sql_probe_function(x->arena, function);
    function->next = map_put(&x->catalog->functions, catalog_key(x->catalog, schema, name), function);
}

/* What stands behind the function's name and its arguments: "STABLE". */
static const char *function_action(struct analysis *x)
{
    const char *name = sql_list_string(sql_get(sql_get(x->body, "func"), "objname"), SIZE_MAX);
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = end};
    struct lex_token token = lex_next(&lexer);

    (void)at;
    if (lex_is(x->sql, token, "(")) {
        lexer.at = lex_find_close(x->sql, token.start) + 1;
        token = lex_next(&lexer);
    }
    return analysis_slice(x, token.start, x->node->end);
}

void analyse_alter_function(struct analysis *x)
{
    struct function *function = analysis_function(x, sql_get(x->body, "func"));

    x->out->phase = PHASE_EXPAND;
    if (function) {
        function->is_volatile = true;
        analysis_touch_function(x, function);
    }
    if (!function || !function->sql) {
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know how the function was before: write 'down:'");
        return;
    }
    analysis_make_function(x, function, &x->out->inverse);
    VEC_PUSH(x->arena, &function->actions, function_action(x));
}

/* --- triggers ---------------------------------------------------------------------------------------------------- */

static void check_trigger_function(struct analysis *x)
{
    const struct sql_node *names = sql_get(x->body, "funcname");
    const char *schema, *name;
    size_t end, at;

    analysis_split_names(x, names, &schema, &name);
    if (catalog_find_functions(x->catalog, schema, name) || x->catalog->opaque || x->catalog->extensions.count ||
        qualify_is_system_schema(schema) || strncmp(name, "tsvector_update_trigger", 23) == 0 ||
        strcmp(name, "suppress_redundant_updates_trigger") == 0)
        return;
    at = analysis_find_name(x, name, sql_location(sql_get(x->body, "relation")), &end);
    analysis_error(x, DIAG(PG008), at, end, "there is no function '%s()' at this point of the history", name);
}

static const struct function *find_trigger_function(struct analysis *x)
{
    const char *schema, *name;

    analysis_split_names(x, sql_get(x->body, "funcname"), &schema, &name);
    return catalog_find_functions(x->catalog, schema, name);
}

void analyse_create_trigger(struct analysis *x)
{
    struct relation *relation = analysis_relation(x, sql_get(x->body, "relation"));
    const char *name = sql_text(x->body, "trigname");
    struct trigger *trigger, *before;
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    x->out->phase = PHASE_EXPAND;
    x->out->label = arena_printf(x->arena, "create_trigger_%s", name);
    check_trigger_function(x);
    if (!relation)
        return;
    analysis_lock(x, relation, lock_of_statement("CreateTrigStmt"));
    if (relation->kind == RELATION_PARTITIONED && sql_flag(x->body, "row"))
        analysis_lock_partitions(x, relation, lock_of_statement("CreateTrigStmt"));
    for (const struct sql_node *item = sql_first(sql_get(x->body, "columns")); item; item = sql_next(item))
        analysis_column(x, relation, sql_string(item), end);
    before = relation_find_trigger(relation, name);
    if (before && !sql_flag(x->body, "replace")) {
        analysis_error(x, DIAG(PG005), at, end, "table '%s' has a trigger '%s' already", relation->name, name);
        return;
    }
    analysis_touch(x, relation);
    if (before) {
        if (before->sql)
            inverse_undo(&x->out->inverse, x->arena, replacing(x, before->sql));
        else
            inverse_impossible(&x->out->inverse, x->arena, "its definition is not known: write 'down:'");
        before->sql = x->out->sql;
        before->function = find_trigger_function(x);
        return;
    }
    trigger = ARENA_NEW(x->arena, struct trigger);
    trigger->name = arena_strdup(x->arena, name);
    trigger->sql = x->out->sql;
    trigger->function = find_trigger_function(x);
    trigger->each_row = sql_flag(x->body, "row");
    VEC_PUSH(x->arena, &relation->triggers, trigger);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "DROP %s", quote_on(x->arena, "TRIGGER", name, relation->qualified)));
    x->out->probe = sql_probe_trigger(x->arena, relation, trigger->name);
}

/* --- policies, rules, statistics --------------------------------------------------------------------------------- */

static void check_policy(struct analysis *x, const struct relation *relation)
{
    expression_check(x, sql_get(x->body, "qual"), relation);
    expression_check(x, sql_get(x->body, "with_check"), relation);
}

void analyse_create_policy(struct analysis *x)
{
    struct relation *relation = analysis_table(x, sql_get(x->body, "table"));
    const char *name = sql_text(x->body, "policy_name");
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    x->out->phase = PHASE_EXPAND;
    if (!relation)
        return;
    x->out->label = arena_printf(x->arena, "create_policy_%s", name);
    if (relation_find_extra(relation, EXTRA_POLICY, name)) {
        analysis_error(x, DIAG(PG005), at, end, "table '%s' has a policy '%s' already", relation->name, name);
        return;
    }
    check_policy(x, relation);
    catalog_add_extra(x->catalog, relation, EXTRA_POLICY, name, x->out->sql);
    analysis_lock(x, relation, lock_of_statement("CreatePolicyStmt"));
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "DROP %s", quote_on(x->arena, "POLICY", name, relation->qualified)));
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena,
            "EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = pg_catalog.to_regclass(%s) AND polname = %s)",
            quote_literal(x->arena, relation->qualified), quote_literal(x->arena, name)));
}

void analyse_alter_policy(struct analysis *x)
{
    struct relation *relation = analysis_table(x, sql_get(x->body, "table"));
    struct sql_list again = {0};
    struct extra *policy;

    x->out->phase = PHASE_EXPAND;
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know the policy before: write 'down:'");
        return;
    }
    analysis_lock(x, relation, lock_of_statement("CreatePolicyStmt"));
    analysis_touch(x, relation);
    check_policy(x, relation);
    policy = relation_find_extra(relation, EXTRA_POLICY, sql_text(x->body, "policy_name"));
    if (!policy || !policy->sql) {
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know the policy before: write 'down:'");
        return;
    }
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "DROP %s", quote_on(x->arena, "POLICY", policy->name, relation->qualified)));
    catalog_extra_sql(x->arena, relation, policy, &again);
    for (size_t i = 0; i < again.items.count; i++)
        inverse_undo(&x->out->inverse, x->arena, again.items.items[i]);
    VEC_PUSH(x->arena, &policy->actions, x->out->sql);
}

void analyse_create_rule(struct analysis *x)
{
    struct relation *relation = analysis_relation(x, sql_get(x->body, "relation"));
    const char *name = sql_text(x->body, "rulename");
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);
    struct extra *before;

    x->out->phase = PHASE_EXPAND;
    if (!relation)
        return;
    analysis_lock(x, relation, lock_of_statement("RuleStmt"));
    analysis_touch(x, relation);
    before = relation_find_extra(relation, EXTRA_RULE, name);
    if (before && !sql_flag(x->body, "replace")) {
        analysis_error(x, DIAG(PG005), at, end, "table '%s' has a rule '%s' already", relation->name, name);
        return;
    }
    if (before && before->sql)
        inverse_undo(&x->out->inverse, x->arena, replacing(x, before->sql));
    else if (before)
        inverse_impossible(&x->out->inverse, x->arena, "the rule before is not known: write 'down:'");
    else
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "DROP %s", quote_on(x->arena, "RULE", name, relation->qualified)));
    if (before)
        before->sql = x->out->sql;
    else
        catalog_add_extra(x->catalog, relation, EXTRA_RULE, name, x->out->sql);
}

struct extra *analysis_statistics(struct analysis *x, const char *qualified, struct relation **relation)
{
    const struct map_entry *entry;
    struct extra *extra;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        *relation = entry->value;
        extra = relation_find_extra(*relation, EXTRA_STATISTICS, qualified);
        if (extra)
            return extra;
    }
    return NULL;
}

void analyse_create_statistics(struct analysis *x)
{
    struct relation *first = NULL;
    const char *schema, *name;

    x->out->phase = PHASE_EXPAND;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "relations")); item; item = sql_next(item)) {
        struct relation *relation = analysis_relation(x, sql_as(item, "RangeVar"));

        if (!relation)
            continue;
        first = first ? first : relation;
        analysis_lock(x, relation, lock_of_statement("CreateStatsStmt"));
        for (const struct sql_node *element = sql_first(sql_get(x->body, "exprs")); element;
             element = sql_next(element))
            if (sql_text(sql_as(element, "StatsElem"), "name"))
                analysis_column(x, relation, sql_text(sql_as(element, "StatsElem"), "name"), x->node->start);
    }
    if (!sql_first(sql_get(x->body, "defnames"))) {
        inverse_impossible(&x->out->inverse, x->arena, "the statistics object has no name: give it one");
        return;
    }
    analysis_split_names(x, sql_get(x->body, "defnames"), &schema, &name);
    name = quote_qualified(x->arena, schema, name);
    if (first && !relation_find_extra(first, EXTRA_STATISTICS, name))
        catalog_add_extra(x->catalog, first, EXTRA_STATISTICS, name, x->out->sql);
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP STATISTICS %s", name));
}

/* --- DO ---------------------------------------------------------------------------------------------------------- */

static bool is_changing(const struct function *function)
{
    for (; function; function = function->next)
        if (function->body && analysis_changes_schema(function->body))
            return true;
    return false;
}

/* Does the code change the schema, itself or by a function of the history that it names? */
static bool calls_change(const struct analysis *x, const char *body)
{
    struct lexer lexer = {.text = str_from(body)};
    const char *before = x->analyser->schema;

    if (analysis_changes_schema(body))
        return true;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        const char *name = lex_identifier(x->scratch, lexer.text, token);

        if (!name)
            continue;
        if (is_changing(catalog_find_functions(x->catalog, x->analyser->schema, name)) ||
            is_changing(catalog_find_functions(x->catalog, before, name)))
            return true;
        before = name;
    }
    return false;
}

void analyse_call(struct analysis *x)
{
    x->out->phase = PHASE_MIGRATE;
    analysis_touch_calls(x, sql_get(x->body, "funccall"));
    if (!x->analyser->declared)
        inverse_impossible(&x->out->inverse, x->arena, "what a procedure did is not known: write 'down:'");
}

void analyse_do(struct analysis *x)
{
    x->out->phase = PHASE_MIGRATE;
    if (x->analyser->declared)
        return;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "args")); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const char *body = sql_string(sql_get(option, "arg"));

        if (sql_text_is(option, "defname", "as") && body && calls_change(x, body))
            analysis_touch_code(x, body);
    }
    analysis_help(x,
        analysis_find(x, DIAG(PG113), x->node->start, x->node->end,
            "what this DO block locks and changes cannot be seen before it runs"),
        "write its statements out, or say in 'effect:' what it does to the schema");
    inverse_impossible(&x->out->inverse, x->arena, "what a DO block did is not known: write 'down:'");
}
