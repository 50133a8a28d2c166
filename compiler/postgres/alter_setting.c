/* ALTER TABLE's settings: options, statistics, storage, replica identity, clustering, and which triggers fire. */
#include <ctype.h>
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

/* Sets it, and undoes that by what was set before; otherwise: what undoes it where nothing was. NULL: that is not known. */
static void set(struct command *c, struct setting setting, const char *otherwise)
{
    const struct setting *before = setting_find(c->relation, setting.key, setting.column);

    setting.column = setting.column ? arena_strdup(c->x->arena, setting.column) : NULL;
    if (!before && relation_is_table(c->relation) && c->relation->opaque)
        otherwise = NULL;
    if (before || otherwise)
        command_undo(c,
            setting_sql(c->x->arena, c->relation,
                before ? before : &(struct setting){.column = setting.column, .action = otherwise}));
    else
        inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
    setting_put(c->x->catalog, c->relation, setting);
}

/* --- columns ------------------------------------------------------------------------------------------------------ */

/* What it says behind the column's name; NULL: it names no column. */
static const char *words_on_column(struct command *c)
{
    size_t end;

    if (!c->name || (c->relation->kind != RELATION_INDEX && !analysis_column(c->x, c->relation, c->name, c->from) &&
                        !c->relation->opaque)) {
        inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
        return NULL;
    }
    analysis_find_name(c->x, c->name, c->from, &end);
    end = lex_next(&(struct lexer){.text = c->x->sql, .at = end}).start;
    return analysis_slice(c->x, end, lex_expression_end(c->x->sql, end, c->x->node->end));
}

void alter_statistics(struct command *c)
{
    const char *words = words_on_column(c);

    if (words)
        set(c, (struct setting){.key = "statistics", .column = c->name, .action = words}, "SET STATISTICS -1");
}

/* As the server stores a type that nobody said anything about; NULL: one of the user's. */
static const char *usual_storage(const struct column *column)
{
    static const char *const extended[] = {"bytea", "bpchar", "json", "jsonb", "text", "tsvector", "varchar", "xml"};
    static const char *const plain[] = {
        "bool", "date", "float4", "float8", "int2", "int4", "int8", "timestamp", "timestamptz", "uuid"};

    if (!column || column->type.origin != TYPE_BUILTIN)
        return NULL;
    if (column->type.array)
        return "SET STORAGE EXTENDED";
    for (size_t i = 0; i < sizeof(extended) / sizeof(extended[0]); i++)
        if (strcmp(extended[i], column->type.base) == 0)
            return "SET STORAGE EXTENDED";
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(plain[i], column->type.base) == 0)
            return "SET STORAGE PLAIN";
    return strcmp(column->type.base, "numeric") == 0 ? "SET STORAGE MAIN" : NULL;
}

void alter_storage(struct command *c)
{
    const char *words = words_on_column(c);

    if (words)
        set(c, (struct setting){.key = "storage", .column = c->name, .action = words},
            usual_storage(relation_find_column(c->relation, c->name)));
}

void alter_compression(struct command *c)
{
    const char *words = words_on_column(c);

    if (words)
        set(c, (struct setting){.key = "compression", .column = c->name, .action = words}, "SET COMPRESSION DEFAULT");
}

/* SET DEFAULT, DROP DEFAULT: a view's columns are not in the catalogue. */
void alter_view_default(struct command *c)
{
    const char *words = words_on_column(c);

    if (words)
        set(c, (struct setting){.key = "default", .column = c->name, .action = words}, "DROP DEFAULT");
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static bool is_off(const char *value)
{
    return value && (strcmp(value, "false") == 0 || strcmp(value, "off") == 0 || strcmp(value, "0") == 0);
}

static void lint_vacuum(struct command *c, const struct sql_node *option)
{
    if (sql_text_is(option, "defname", "autovacuum_enabled") && is_off(sql_string(sql_get(option, "arg"))))
        analysis_help(c->x,
            command_finding(c, DIAG(PG084),
                arena_printf(c->x->arena, "nothing vacuums table '%s' any more", c->relation->name)),
            "set its autovacuum_… thresholds instead");
}

static const char *option_key(struct arena *arena, const struct sql_node *option)
{
    const char *space = sql_text(option, "defnamespace");

    return arena_printf(arena, "%s%s%s", space ? space : "", space ? "." : "", sql_text(option, "defname"));
}

static const char *option_text(const struct analysis *x, const struct sql_node *option)
{
    size_t at = sql_location(option);

    return analysis_slice(x, at, lex_expression_end(x->sql, at, x->node->end));
}

/* SET (…) and RESET (…), of the relation or of a column. */
void alter_options(struct command *c)
{
    struct arena *arena = c->x->arena;
    bool on_column = strstr(sql_text(c->fields, "subtype"), "RelOptions") == NULL;
    bool reset = strncmp(sql_text(c->fields, "subtype"), "AT_Reset", 8) == 0;

    if (on_column && !words_on_column(c))
        return;
    for (const struct sql_node *item = sql_first(sql_get(c->def, "items")); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const char *key = option_key(arena, option), *otherwise = arena_printf(arena, "RESET (%s)", key);

        lint_vacuum(c, option);
        set(c,
            (struct setting){.key = key,
                .column = on_column ? c->name : NULL,
                .action = reset ? otherwise : arena_printf(arena, "SET (%s)", option_text(c->x, option))},
            otherwise);
    }
}

void analyse_made_options(struct analysis *x, struct relation *relation, const struct sql_node *options)
{
    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");

        if (sql_location(option) != SIZE_MAX)
            setting_put(x->catalog, relation,
                (struct setting){.key = option_key(x->arena, option),
                    .action = arena_printf(x->arena, "SET (%s)", option_text(x, option)),
                    .made = true});
    }
}

/* --- indexes that mean something ---------------------------------------------------------------------------------- */

void alter_cluster(struct command *c)
{
    struct relation *index = c->name ? catalog_find_relation(c->x->catalog, c->relation->schema, c->name) : NULL;

    if (index)
        analysis_lock(c->x, index, LOCK_SHARE_UPDATE_EXCLUSIVE);
    if (c->name && !index)
        inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
    else
        set(c,
            (struct setting){.key = "cluster", .action = index ? "CLUSTER ON" : "SET WITHOUT CLUSTER", .index = index},
            "SET WITHOUT CLUSTER");
}

/* Which index it is, the index says. */
void alter_replica_identity(struct command *c)
{
    const struct sql_node *def = sql_as(sql_get(c->fields, "def"), "ReplicaIdentityStmt");
    const char *kind = sql_text(def, "identity_type"), *name = sql_text(def, "name");
    struct relation *index = name ? catalog_find_relation(c->x->catalog, c->relation->schema, name) : NULL;
    struct setting setting = {.key = "replica identity", .index = index};

    for (size_t i = 0; i < c->relation->indexes.count; i++)
        analysis_touch(c->x, c->relation->indexes.items[i]);
    setting.action = strcmp(kind, "f") == 0   ? "REPLICA IDENTITY FULL"
                     : strcmp(kind, "n") == 0 ? "REPLICA IDENTITY NOTHING"
                     : strcmp(kind, "d") == 0 ? "REPLICA IDENTITY DEFAULT"
                                              : "REPLICA IDENTITY USING INDEX";
    if (name && !index)
        inverse_impossible(&c->inverse, c->x->arena, "invplan does not know the setting before: write 'down:'");
    else
        set(c, setting, "REPLICA IDENTITY DEFAULT");
}

/* --- triggers ----------------------------------------------------------------------------------------------------- */

/* ENABLE, DISABLE, ENABLE ALWAYS, ENABLE REPLICA. NULL: ENABLE, as it was made. */
static const char *firing_of(const struct command *c)
{
    const char *subtype = sql_text(c->fields, "subtype");

    return strncmp(subtype, "AT_Disable", 10) == 0       ? "DISABLE"
           : strcmp(subtype, "AT_EnableAlwaysTrig") == 0  ? "ENABLE ALWAYS"
           : strcmp(subtype, "AT_EnableReplicaTrig") == 0 ? "ENABLE REPLICA"
                                                          : NULL;
}

static void judge_late(struct command *c)
{
    analysis_judge_late(c->x, (struct late_finding){.kind = LATE_TRIGGERS, .table = c->relation}, c->from,
        lex_expression_end(c->x->sql, c->from, c->x->node->end));
}

static void undo_firing(struct command *c, const char *name, const char *firing)
{
    command_undo(c, command_alter(c, arena_printf(c->x->arena, "%s TRIGGER ", firing ? firing : "ENABLE"), name));
}

void alter_trigger(struct command *c)
{
    struct trigger *trigger = relation_find_trigger(c->relation, c->name);
    const char *firing = firing_of(c);

    if (!trigger && c->relation->kind != RELATION_VIEW && !c->relation->opaque) {
        size_t end, at = analysis_find_name(c->x, c->name, c->from, &end);

        analysis_error(c->x, DIAG(PG008), at, end, "table '%s' has no trigger '%s' at this point of the history",
            c->relation->name, c->name);
        return;
    }
    if (c->relation->kind == RELATION_PARTITIONED)
        analysis_lock_partitions(c->x, c->relation, LOCK_SHARE_ROW_EXCLUSIVE);
    undo_firing(c, c->name, trigger ? trigger->firing : firing ? NULL : "DISABLE");
    if (trigger)
        trigger->firing = firing;
    if (firing && strcmp(firing, "DISABLE") == 0)
        judge_late(c);
}

/* ALL and USER. */
void alter_triggers(struct command *c)
{
    const char *firing = firing_of(c), *which = strstr(sql_text(c->fields, "subtype"), "User") ? "USER" : "ALL";
    bool all = strcmp(which, "ALL") == 0, were_disabled = c->relation->triggers_disabled;

    if (c->relation->kind == RELATION_PARTITIONED)
        analysis_lock_partitions(c->x, c->relation, LOCK_SHARE_ROW_EXCLUSIVE);
    if (c->relation->opaque && relation_is_table(c->relation))
        inverse_impossible(&c->inverse, c->x->arena, "which triggers were enabled before is not known: write 'down:'");
    else if (were_disabled != (firing != NULL) || !all)
        command_undo(c,
            arena_printf(c->x->arena, "ALTER TABLE %s %s TRIGGER %s", c->relation->qualified,
                were_disabled ? "DISABLE" : "ENABLE", which));
    for (size_t i = 0; i < c->relation->triggers.count; i++) {
        struct trigger *trigger = c->relation->triggers.items[i];

        if (trigger->firing && !were_disabled)
            undo_firing(c, trigger->name, trigger->firing);
        trigger->firing = firing;
    }
    if (all)
        c->relation->triggers_disabled = firing != NULL;
    if (firing)
        judge_late(c);
}
