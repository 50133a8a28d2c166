/* ALTER TABLE: what its subcommands share, storage, and the statement as a whole. */
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

    if (c->relation->row_security != enable)
        command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s %s ROW LEVEL SECURITY", c->relation->qualified,
                            enable ? "DISABLE" : "ENABLE"));
    c->relation->row_security = enable;
    if (enable)
        analysis_judge_late(c->x, (struct late_finding){.kind = LATE_ROW_SECURITY, .table = c->relation}, c->from,
            lex_expression_end(c->x->sql, c->from, c->x->node->end));
    c->probe = sql_probe_condition(c->x->arena,
        arena_printf(c->x->arena,
            "EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s) AND relrowsecurity = %s)",
            quote_literal(c->x->arena, c->relation->qualified), enable ? "true" : "false"));
}

static void force_row_security(struct command *c)
{
    bool force = sql_text_is(c->fields, "subtype", "AT_ForceRowSecurity");

    if (c->relation->row_security_forced != force)
        command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s %s ROW LEVEL SECURITY", c->relation->qualified,
                            force ? "NO FORCE" : "FORCE"));
    c->relation->row_security_forced = force;
    c->probe = sql_probe_condition(c->x->arena,
        arena_printf(c->x->arena,
            "EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s) AND relforcerowsecurity = "
            "%s)",
            quote_literal(c->x->arena, c->relation->qualified), force ? "true" : "false"));
}

static void unknown_before(struct command *c)
{
    inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
}

/* Indexes and owned sequences have their table's owner. */
static void change_owner(struct command *c)
{
    analysis_touch_owned(c->x, c->relation);
    analysis_own(c->x, c->relation, sql_get(c->fields, "newowner"), &c->inverse);
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
        {"AT_AttachPartition", alter_attach_partition},
        {"AT_DetachPartition", alter_detach_partition},
        {"AT_AddInherit", alter_inherit},
        {"AT_DropInherit", alter_no_inherit},
        {"AT_SetLogged", set_storage},
        {"AT_SetUnLogged", set_storage},
        {"AT_SetTableSpace", set_tablespace},
        {"AT_EnableRowSecurity", row_security},
        {"AT_DisableRowSecurity", row_security},
        {"AT_ForceRowSecurity", force_row_security},
        {"AT_NoForceRowSecurity", force_row_security},
        {"AT_ClusterOn", alter_cluster},
        {"AT_DropCluster", alter_cluster},
        {"AT_EnableTrig", alter_trigger},
        {"AT_DisableTrig", alter_trigger},
        {"AT_EnableAlwaysTrig", alter_trigger},
        {"AT_EnableReplicaTrig", alter_trigger},
        {"AT_EnableTrigAll", alter_triggers},
        {"AT_DisableTrigAll", alter_triggers},
        {"AT_EnableTrigUser", alter_triggers},
        {"AT_DisableTrigUser", alter_triggers},
        {"AT_SetStatistics", alter_statistics},
        {"AT_SetOptions", alter_options},
        {"AT_ResetOptions", alter_options},
        {"AT_SetStorage", alter_storage},
        {"AT_SetCompression", alter_compression},
        {"AT_AddIdentity", alter_add_identity},
        {"AT_SetIdentity", alter_set_identity},
        {"AT_DropExpression", alter_drop_expression},
        {"AT_ChangeOwner", change_owner},
        {"AT_ReplicaIdentity", alter_replica_identity},
        {"AT_SetRelOptions", alter_options},
        {"AT_ResetRelOptions", alter_options},
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
        for (const struct sql_node *item = sql_first(sql_get(def, "items")); item; item = sql_next(item))
            if (sql_text_is(sql_as(item, "DefElem"), "defname", "user_catalog_table") ||
                sql_text_is(sql_as(item, "DefElem"), "defname", "security_barrier"))
                return LOCK_ACCESS_EXCLUSIVE;
    return lock_of_subcommand(subtype);
}

static struct relation *altered_relation(struct analysis *x)
{
    struct relation *relation = NULL;

    if (sql_text_is(x->body, "objtype", "OBJECT_TYPE"))
        return NULL;
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

/* The server carries subcommands out in this order, whatever theirs is: what goes makes room, and a key finds its
 * columns. */
enum { PASS_DROP, PASS_TYPE, PASS_ADD_COLUMN, PASS_ADD_KEY, PASS_CHECK_COLUMN, PASS_REST, PASS_LAST = PASS_REST };

static int pass_of(const struct sql_node *fields)
{
    const char *subtype = sql_text(fields, "subtype"), *kind = sql_text(sql_fields(sql_get(fields, "def")), "contype");

    if (strcmp(subtype, "AT_DropColumn") == 0 || strcmp(subtype, "AT_DropConstraint") == 0)
        return PASS_DROP;
    if (strcmp(subtype, "AT_AlterColumnType") == 0)
        return PASS_TYPE;
    if (strcmp(subtype, "AT_AddColumn") == 0)
        return PASS_ADD_COLUMN;
    if (strcmp(subtype, "AT_AddConstraint") == 0 && kind &&
        (strcmp(kind, "CONSTR_PRIMARY") == 0 || strcmp(kind, "CONSTR_UNIQUE") == 0))
        return PASS_ADD_KEY;
    return PASS_REST;
}

static const char *apply_command(struct command *c)
{
    const char *subtype = sql_text(c->fields, "subtype");

    c->def = sql_fields(sql_get(c->fields, "def"));
    c->name = sql_text(c->fields, "name");
    analysis_lock(c->x, c->relation, lock_of(c->fields, subtype));
    find_command(subtype)(c);
    inverse_put_before(&c->x->out->inverse, c->x->arena, &c->inverse);
    return c->probe;
}

void analyse_alter_table(struct analysis *x)
{
    struct relation *relation = altered_relation(x);
    size_t from = sql_location(sql_get(x->body, "relation")), name_end;
    const char *probes[64];
    size_t probe_count = 0, read = 0, count = sql_count(sql_get(x->body, "cmds"));
    struct command *commands;

    x->out->phase = PHASE_EXPAND;
    if (!relation && analyse_composite(x))
        return;
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "the table is not one of this history: write 'down:'");
        return;
    }
    analysis_find_name(x, relation->name, from, &name_end);
    from = name_end;
    x->out->label = arena_printf(x->arena, "alter_%s", relation->name);
    analysis_touch(x, relation);
    commands = ARENA_ARRAY(x->scratch, struct command, count + 1);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "cmds")); item; item = sql_next(item)) {
        commands[read++] = (struct command){
            .x = x, .relation = relation, .fields = sql_as(item, "AlterTableCmd"), .from = from};
        from = next_command(x, from);
    }
    for (int pass = 0; pass <= PASS_LAST; pass++)
        for (size_t i = 0; i < count; i++) {
            const char *probe;

            if (pass == PASS_CHECK_COLUMN && pass_of(commands[i].fields) == PASS_ADD_COLUMN)
                alter_add_column_checks(&commands[i]);
            if (pass_of(commands[i].fields) != pass)
                continue;
            probe = apply_command(&commands[i]);
            if (probe && probe_count < sizeof(probes) / sizeof(probes[0]))
                probes[probe_count++] = probe;
        }
    if (probe_count == count && count)
        x->out->probe = sql_probe_all(x->arena, probes, probe_count);
}
