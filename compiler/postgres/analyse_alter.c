/* ALTER TABLE: what its subcommands share, partitions and storage, and the statement as a whole. */
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

struct lock *command_lock(struct command *c)
{
    return analysis_lock(c->x, c->relation, LOCK_ACCESS_SHARE);
}

const char *command_alter(struct command *c, const char *words, const char *name)
{
    return arena_printf(
        c->x->arena, "ALTER TABLE %s %s%s", c->relation->qualified, words, quote_name(c->x->arena, name));
}

void command_undo(struct command *c, const char *sql)
{
    inverse_undo(&c->inverse, c->x->arena, sql);
}

bool command_is_live(const struct command *c)
{
    return analysis_is_live(c->x, c->relation);
}

struct diag *command_finding(struct command *c, const struct diag_code *code, const char *message)
{
    size_t at = c->from, end = lex_expression_end(c->x->sql, c->from, c->x->node->end);

    if (c->name)
        at = analysis_find_name(c->x, c->name, c->from, &end);
    return analysis_find(c->x, code, at, end, "%s", message);
}

void command_lint_rewrite(struct command *c, const char *why, const char *instead)
{
    if (command_is_live(c))
        analysis_help(c->x,
            command_finding(c, DIAG(PG106),
                arena_printf(c->x->arena, "%s writes all of table '%s' anew while nobody can read or write it", why,
                    c->relation->name)),
            "%s", instead);
}

/* --- partitions -------------------------------------------------------------------------------------------------- */

static void lock_default_partition(struct command *c, bool scan, const struct relation *except)
{
    for (size_t i = 0; i < c->relation->children.count; i++) {
        struct relation *child = c->relation->children.items[i];

        if (child->is_default_partition && child != except) {
            struct lock *lock = analysis_lock(c->x, child, LOCK_ACCESS_EXCLUSIVE);

            lock->scan |= scan;
        }
    }
}

/* A valid CHECK on every column of the partition key lets ATTACH trust the rows. That it implies the bound is for the
 * server to decide; here it is taken at its word. */
static bool has_bound_check(const struct relation *parent, const struct relation *child)
{
    for (size_t i = 0; i < child->constraints.count; i++) {
        const struct constraint *constraint = child->constraints.items[i];

        if (constraint->kind != CONSTRAINT_CHECK || !constraint->valid || !constraint->column_count)
            continue;
        for (size_t k = 0; k < constraint->column_count; k++) {
            size_t end;

            if (parent->partition_by &&
                lex_find_name(str_from(parent->partition_by), 0, SIZE_MAX, constraint->columns[k], &end) != SIZE_MAX)
                return true;
        }
    }
    return false;
}

static void attach_partition(struct command *c)
{
    struct analysis *x = c->x;
    const struct sql_node *bound = sql_get(c->def, "bound");
    struct relation *child = analysis_relation(x, sql_get(c->def, "name"));
    struct lock *lock;

    if (!child)
        return;
    if (child->kind == RELATION_INDEX) {
        analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
        return;
    }
    lock = analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
    lock->scan |= !has_bound_check(c->relation, child);
    if (lock->scan && lock->live)
        analysis_help(x,
            analysis_find(x, DIAG(PG118), c->from, c->from, "attaching '%s' scans it while nobody can read or write it",
                child->name),
            "add a CHECK with the partition's bound NOT VALID, validate it, attach, and drop the CHECK");
    lock_default_partition(c, true, child);
    catalog_set_parent(x->catalog, child, c->relation);
    child->is_default_partition = sql_flag(bound, "is_default");
    analysis_touch(x, child);
    command_undo(
        c, arena_printf(x->arena, "ALTER TABLE %s DETACH PARTITION %s", c->relation->qualified, child->qualified));
}

static void detach_partition(struct command *c)
{
    struct analysis *x = c->x;
    struct relation *child = analysis_relation(x, sql_get(c->def, "name"));
    bool concurrent = sql_flag(c->def, "concurrent");

    if (!child)
        return;
    analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
    if (concurrent) {
        x->out->alone = x->out->concurrent = true;
        c->probe = sql_probe_condition(
            x->arena, arena_printf(x->arena,
                          "NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = pg_catalog.to_regclass(%s))",
                          quote_literal(x->arena, child->qualified)));
    } else {
        lock_default_partition(c, false, child);
    }
    if (child->partition_bound)
        command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ATTACH PARTITION %s %s", c->relation->qualified,
                            child->qualified, child->partition_bound));
    else
        inverse_impossible(&c->inverse, x->arena, "the partition's bound is not known");
    child->parent = NULL;
    for (size_t i = 0; i < c->relation->children.count; i++)
        if (c->relation->children.items[i] == child) {
            memmove(&c->relation->children.items[i], &c->relation->children.items[i + 1],
                (c->relation->children.count - i - 1) * sizeof(c->relation->children.items[0]));
            c->relation->children.count--;
            break;
        }
    analysis_touch(x, child);
}

static void inherit(struct command *c)
{
    struct relation *parent = analysis_relation(c->x, sql_fields(c->def));

    if (!parent)
        return;
    analysis_lock(c->x, parent, LOCK_SHARE_UPDATE_EXCLUSIVE);
    command_undo(
        c, arena_printf(c->x->arena, "ALTER TABLE %s NO INHERIT %s", c->relation->qualified, parent->qualified));
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static void set_storage(struct command *c)
{
    command_lock(c)->rewrite = command_lock(c)->scan = true;
    command_lint_rewrite(c, "changing how it is logged", "do it in a quiet hour");
    c->relation->unlogged = sql_text_is(c->fields, "subtype", "AT_SetUnLogged");
    command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s SET %s", c->relation->qualified,
                        c->relation->unlogged ? "LOGGED" : "UNLOGGED"));
}

/* Another tablespace copies the files; pg_default usually is where they are already. */
static void set_tablespace(struct command *c)
{
    if (c->name && strcmp(c->name, "pg_default") != 0) {
        command_lock(c)->rewrite = true;
        command_lint_rewrite(c, "moving it to another tablespace", "do it in a quiet hour");
    }
    inverse_impossible(
        &c->inverse, c->x->arena, "invplan does not know the tablespace that it came from: write 'down:'");
}

static void row_security(struct command *c)
{
    bool enable = sql_text_is(c->fields, "subtype", "AT_EnableRowSecurity");

    c->relation->row_security = enable;
    command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s %s ROW LEVEL SECURITY", c->relation->qualified,
                        enable ? "DISABLE" : "ENABLE"));
}

static void cluster_on(struct command *c)
{
    struct relation *index = catalog_find_relation(c->x->catalog, c->relation->schema, c->name);

    if (index)
        analysis_lock(c->x, index, LOCK_SHARE_UPDATE_EXCLUSIVE);
    command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s SET WITHOUT CLUSTER", c->relation->qualified));
}

static void toggle_trigger(struct command *c)
{
    bool enable = strncmp(sql_text(c->fields, "subtype"), "AT_Enable", 9) == 0;

    if (c->name && c->relation->kind != RELATION_VIEW && !c->relation->opaque &&
        !relation_find_trigger(c->relation, c->name)) {
        size_t end, at = analysis_find_name(c->x, c->name, c->from, &end);

        analysis_error(c->x, DIAG(PG008), at, end, "table '%s' has no trigger '%s' at this point of the history",
            c->relation->name, c->name);
        return;
    }
    if (c->name)
        command_undo(c, command_alter(c, enable ? "DISABLE TRIGGER " : "ENABLE TRIGGER ", c->name));
    else
        inverse_impossible(&c->inverse, c->x->arena, "which triggers were enabled before is not known: write 'down:'");
}

static void check_column_only(struct command *c)
{
    if (c->name)
        analysis_column(c->x, c->relation, c->name, c->from);
    inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
}

static void unknown_before(struct command *c)
{
    inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
}

static command_function *find_command(const char *subtype)
{
    static const struct {
        const char *subtype;
        command_function *function;
    } commands[] = {
        {"AT_AddColumn", alter_add_column},
        {"AT_DropColumn", alter_drop_column},
        {"AT_AlterColumnType", alter_change_type},
        {"AT_ColumnDefault", alter_change_default},
        {"AT_SetNotNull", alter_set_not_null},
        {"AT_DropNotNull", alter_drop_not_null},
        {"AT_DropIdentity", alter_drop_identity},
        {"AT_AddConstraint", alter_add_constraint},
        {"AT_ValidateConstraint", alter_validate_constraint},
        {"AT_DropConstraint", alter_drop_constraint},
        {"AT_AlterConstraint", alter_constraint},
        {"AT_AttachPartition", attach_partition},
        {"AT_DetachPartition", detach_partition},
        {"AT_AddInherit", inherit},
        {"AT_SetLogged", set_storage},
        {"AT_SetUnLogged", set_storage},
        {"AT_SetTableSpace", set_tablespace},
        {"AT_EnableRowSecurity", row_security},
        {"AT_DisableRowSecurity", row_security},
        {"AT_ClusterOn", cluster_on},
        {"AT_EnableTrig", toggle_trigger},
        {"AT_DisableTrig", toggle_trigger},
        {"AT_EnableTrigAll", toggle_trigger},
        {"AT_DisableTrigAll", toggle_trigger},
        {"AT_SetStatistics", check_column_only},
        {"AT_SetOptions", check_column_only},
        {"AT_SetStorage", check_column_only},
        {"AT_SetCompression", check_column_only},
        {"AT_AddIdentity", check_column_only},
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].subtype, subtype) == 0)
            return commands[i].function;
    return unknown_before;
}

/* SET (…) of options that only autovacuum and new pages read takes the weaker lock; the others do not. */
static enum lock_mode lock_of(const struct sql_node *fields, const char *subtype)
{
    const struct sql_node *def = sql_fields(sql_get(fields, "def"));

    if (strcmp(subtype, "AT_AddConstraint") == 0 && sql_text_is(def, "contype", "CONSTR_FOREIGN"))
        return LOCK_SHARE_ROW_EXCLUSIVE;
    if (strcmp(subtype, "AT_DetachPartition") == 0 && sql_flag(def, "concurrent"))
        return LOCK_SHARE_UPDATE_EXCLUSIVE;
    if (strcmp(subtype, "AT_SetRelOptions") == 0 || strcmp(subtype, "AT_ResetRelOptions") == 0)
        for (const struct sql_node *item = sql_first(sql_get(fields, "def")); item; item = sql_next(item))
            if (sql_text_is(sql_as(item, "DefElem"), "defname", "user_catalog_table") ||
                sql_text_is(sql_as(item, "DefElem"), "defname", "security_barrier"))
                return LOCK_ACCESS_EXCLUSIVE;
    return lock_of_subcommand(subtype);
}

static struct relation *altered_relation(struct analysis *x)
{
    struct relation *relation = NULL;

    if (sql_flag(x->body, "missing_ok") &&
        !catalog_find_relation(x->catalog, analysis_schema(x, sql_get(x->body, "relation")),
            sql_text(sql_get(x->body, "relation"), "relname")))
        return NULL;
    relation = analysis_relation(x, sql_get(x->body, "relation"));
    return relation;
}

/* Behind the comma that ends the command at `from`. */
static size_t next_command(const struct analysis *x, size_t from)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = lex_expression_end(x->sql, from, x->node->end)};

    return lex_next(&lexer).end;
}

void analyse_alter_table(struct analysis *x)
{
    struct relation *relation = altered_relation(x);
    size_t from = sql_location(sql_get(x->body, "relation")), name_end;
    const char *probes[64];
    size_t probe_count = 0, count = sql_count(sql_get(x->body, "cmds"));

    x->out->phase = PHASE_EXPAND;
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "the table is not one of this history: write 'down:'");
        return;
    }
    analysis_find_name(x, relation->name, from, &name_end);
    from = name_end;
    x->out->label = arena_printf(x->arena, "alter_%s", relation->name);
    analysis_touch(x, relation);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "cmds")); item; item = sql_next(item)) {
        struct command c = {.x = x, .relation = relation, .fields = sql_as(item, "AlterTableCmd"), .from = from};
        const char *subtype = sql_text(c.fields, "subtype");

        c.def = sql_fields(sql_get(c.fields, "def"));
        c.name = sql_text(c.fields, "name");
        analysis_lock(x, relation, lock_of(c.fields, subtype));
        find_command(subtype)(&c);
        inverse_put_before(&x->out->inverse, x->arena, &c.inverse);
        if (c.probe && probe_count < sizeof(probes) / sizeof(probes[0]))
            probes[probe_count++] = c.probe;
        from = next_command(x, from);
    }
    if (probe_count == count && count)
        x->out->probe = sql_probe_all(x->arena, probes, probe_count);
}
