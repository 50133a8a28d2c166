/*
 * GRANT and REVOKE: which privileges the history gave and took, by object, role and privilege, so that an undo takes back
 * what was given and no more, and what is dropped and made again has them again.
 */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

/* What the privilege is on, as GRANT names it. */
struct grantable {
    const void *object; /* the catalogue's own relation, function or type; NULL: only its text is known */
    const char *text;   /* "public.items", "SCHEMA attic" */
    bool fresh;         /* made by this very migration */
};

/* The text up to a word outside of brackets; the lexer stands behind that. */
static const char *slice_tokens(const struct analysis *x, struct lexer *lexer, const char *until)
{
    size_t start = SIZE_MAX, end = 0, depth = 0;

    for (struct lex_token token = lex_next(lexer); token.kind != LEX_END; token = lex_next(lexer)) {
        if (!depth && lex_is(x->sql, token, until))
            break;
        depth += lex_is(x->sql, token, "(");
        depth -= lex_is(x->sql, token, ")") && depth;
        if (start == SIZE_MAX)
            start = token.start;
        end = token.end;
    }
    return start == SIZE_MAX ? "" : analysis_slice(x, start, end);
}

static const char *privilege_name(struct analysis *x, const struct sql_node *privilege)
{
    const char *name = sql_text(privilege, "priv_name");
    struct strbuf buf = STRBUF_INIT;
    const char *result;
    size_t count;
    const char *const *columns = analysis_names(x, sql_get(privilege, "cols"), &count);

    strbuf_append_text(&buf, name ? name : "all");
    for (size_t i = 0; i < count; i++)
        strbuf_printf(&buf, "%s%s%s", i ? ", " : " (", quote_name(x->scratch, columns[i]), i + 1 == count ? ")" : "");
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result;
}

static const char *grantee_name(struct analysis *x, const struct sql_node *role)
{
    if (sql_text_is(role, "roletype", "ROLESPEC_CSTRING"))
        return quote_name(x->arena, sql_text(role, "rolename"));
    if (sql_text_is(role, "roletype", "ROLESPEC_PUBLIC"))
        return "PUBLIC";
    return sql_text_is(role, "roletype", "ROLESPEC_SESSION_USER") ? "SESSION_USER" : "CURRENT_USER";
}

/* --- what it is on ------------------------------------------------------------------------------------------------ */

static struct grantable of_relation(struct analysis *x, const struct relation *relation)
{
    return (struct grantable){relation,
        arena_printf(x->arena, "%s%s", relation->kind == RELATION_SEQUENCE ? "SEQUENCE " : "", relation->qualified),
        !analysis_is_live(x, relation)};
}

static struct grantable of_function(struct analysis *x, const struct function *function)
{
    return (struct grantable){function,
        arena_printf(x->arena, "%s %s", strcmp(function->keyword, "PROCEDURE") == 0 ? "PROCEDURE" : "FUNCTION",
            function->identity),
        function->born == x->analyser->ordinal};
}

static struct grantable of_type(struct analysis *x, const struct type_object *type)
{
    return (struct grantable){type,
        arena_printf(x->arena, "%s %s", type->kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified),
        type->born == x->analyser->ordinal};
}

/* text NULL: the catalogue does not know it. */
static struct grantable find_grantable(struct analysis *x, const struct sql_node *item)
{
    const char *kind = sql_text(x->body, "objtype"), *schema, *name;

    if (sql_as(item, "RangeVar")) {
        const struct relation *relation = analysis_relation(x, sql_as(item, "RangeVar"));

        return relation ? of_relation(x, relation) : (struct grantable){0};
    }
    if (sql_as(item, "ObjectWithArgs")) {
        const struct function *function = analysis_function(x, sql_as(item, "ObjectWithArgs"));

        return function ? of_function(x, function) : (struct grantable){0};
    }
    if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0) {
        const struct type_object *type;

        analysis_split_names(x, sql_get(sql_as(item, "List"), "items"), &schema, &name);
        type = catalog_find_type(x->catalog, schema, name);
        return type ? of_type(x, type) : (struct grantable){0};
    }
    if (strcmp(kind, "OBJECT_SCHEMA") == 0 && sql_string(item))
        return (struct grantable){
            NULL, arena_printf(x->arena, "SCHEMA %s", quote_name(x->arena, sql_string(item))), false};
    return (struct grantable){0};
}

/* --- one privilege of one role ------------------------------------------------------------------------------------ */

static struct str key_of(struct analysis *x, const struct grantable *on, const char *role, const char *privilege)
{
    return str_from(on->object ? arena_printf(x->arena, "%p\n%s\n%s", on->object, role, privilege)
                               : arena_printf(x->arena, "%s\n%s\n%s", on->text, role, privilege));
}

static void remember(struct analysis *x, const struct grantable *on, const char *role, const char *privilege, bool grant)
{
    struct privilege *now = ARENA_NEW(x->arena, struct privilege);

    *now = (struct privilege){key_of(x, on, role, privilege), on->object, on->text, role, privilege, grant, sql_flag(x->body, "grant_option")};
    map_put(&x->catalog->privileges, now->key, now);
    VEC_PUSH(x->arena, &x->catalog->privilege_log, now);
}

static const char *grant_sql(struct analysis *x, const struct grantable *on, const struct privilege *privilege)
{
    return arena_printf(x->arena, "GRANT %s ON %s TO %s%s", privilege->privilege, on->text, privilege->role,
        privilege->grant_option ? " WITH GRANT OPTION" : "");
}

/* A REVOKE takes the same privilege on columns along, and one of everything all of them: they are given again. */
static void undo_what_goes_along(
    struct analysis *x, const struct grantable *on, const char *role, const char *revoked, bool forward)
{
    bool all = strcmp(revoked, "all") == 0;
    size_t len = strlen(revoked);
    const struct map_entry *entry;

    for (size_t i = 0; on->object && map_next(&x->catalog->privileges, &i, &entry);) {
        const struct privilege *privilege = entry->value;

        if (privilege->object != on->object || !privilege->granted || strcmp(privilege->role, role) != 0 ||
            strcmp(privilege->privilege, revoked) == 0 ||
            (!all && (strncmp(privilege->privilege, revoked, len) != 0 || privilege->privilege[len] != ' ')))
            continue;
        inverse_undo(&x->out->inverse, x->arena, grant_sql(x, on, privilege));
        if (forward)
            remember(x, on, role, privilege->privilege, false);
    }
}

/* Remembers it, and says how to take it back. */
static void apply(struct analysis *x, const struct grantable *on, const char *role, const char *privilege, bool grant)
{
    const struct privilege *before = map_get(&x->catalog->privileges, key_of(x, on, role, privilege));
    struct inverse *inverse = &x->out->inverse;

    if (before && before->granted == grant) {
        if (!grant)
            undo_what_goes_along(x, on, role, privilege, true);
        return;
    }
    remember(x, on, role, privilege, grant);
    if (grant)
        inverse_undo(inverse, x->arena, arena_printf(x->arena, "REVOKE %s ON %s FROM %s", privilege, on->text, role));
    else if (before)
        inverse_undo(inverse, x->arena, grant_sql(x, on, before));
    else if (!on->fresh) /* what is new goes when the migration is undone */
        inverse_lossy(
            inverse, x->arena, arena_printf(x->arena, "which privileges %s held on %s before", role, on->text));
    undo_what_goes_along(x, on, role, privilege, !grant);
}

static void apply_all(struct analysis *x, const struct grantable *on, bool grant,
    void (*act)(struct analysis *x, const struct grantable *on, const char *role, const char *privilege, bool grant))
{
    const struct sql_node *privileges = sql_get(x->body, "privileges");

    for (const struct sql_node *role = sql_first(sql_get(x->body, "grantees")); role; role = sql_next(role)) {
        const char *name = grantee_name(x, sql_as(role, "RoleSpec"));

        if (!sql_first(privileges))
            act(x, on, name, "all", grant);
        for (const struct sql_node *item = sql_first(privileges); item; item = sql_next(item))
            act(x, on, name, privilege_name(x, sql_as(item, "AccessPriv")), grant);
    }
}

/* ON ALL … IN SCHEMA: undone in one statement, and remembered of each that is there. */
static void remember_in_schema(struct analysis *x, const char *schema, bool grant)
{
    bool sequences = sql_text_is(x->body, "objtype", "OBJECT_SEQUENCE");
    const struct map_entry *entry;

    if (sequences || sql_text_is(x->body, "objtype", "OBJECT_TABLE")) {
        for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
            const struct relation *relation = entry->value;
            struct grantable on = of_relation(x, relation);

            if (strcmp(relation->schema, schema) == 0 && !relation->index &&
                (relation->kind == RELATION_SEQUENCE) == sequences)
                apply_all(x, &on, grant, remember);
        }
        return;
    }
    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next) {
            struct grantable on = of_function(x, function);

            if (strcmp(function->schema, schema) == 0)
                apply_all(x, &on, grant, remember);
        }
}

void analyse_grant(struct analysis *x)
{
    bool grant = sql_flag(x->body, "is_grant"), known = true;
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    struct grantable whole = {0};

    x->out->phase = grant ? PHASE_EXPAND : PHASE_CONTRACT;
    x->out->label = grant ? "grant" : "revoke";
    slice_tokens(x, &lexer, "on");
    whole.text = slice_tokens(x, &lexer, grant ? "to" : "from");
    for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item)) {
        struct relation *relation = sql_as(item, "RangeVar") ? analysis_relation(x, sql_as(item, "RangeVar")) : NULL;

        if (relation) {
            analysis_touch(x, relation);
        } else if (sql_text_is(x->body, "targtype", "ACL_TARGET_ALL_IN_SCHEMA") && sql_string(item)) {
            analysis_touch_all_in(x, sql_string(item));
            remember_in_schema(x, sql_string(item), grant);
            known = false;
            continue;
        } else {
            analysis_touch_named(x, sql_text(x->body, "objtype"), item);
        }
        known = known && find_grantable(x, item).text;
    }
    if (!known)
        apply_all(x, &whole, grant, apply);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item && known; item = sql_next(item)) {
        struct grantable on = find_grantable(x, item);

        apply_all(x, &on, grant, apply);
    }
}

void analysis_undo_privileges(struct analysis *x, struct inverse *inverse, const void *object, const char *text)
{
    const struct grantable on = {object, text, false};

    for (size_t i = 0; i < x->catalog->privilege_log.count; i++) {
        const struct privilege *privilege = x->catalog->privilege_log.items[i];

        if (map_get(&x->catalog->privileges, privilege->key) != privilege)
            continue;
        if (object ? privilege->object != object : privilege->object || strcmp(privilege->text, text) != 0)
            continue;
        inverse_undo(inverse, x->arena,
            privilege->granted ? grant_sql(x, &on, privilege)
                               : arena_printf(x->arena, "REVOKE %s ON %s FROM %s", privilege->privilege, text,
                                     privilege->role));
        if (!object) /* another of the name has its own */
            map_remove(&x->catalog->privileges, privilege->key);
    }
}
