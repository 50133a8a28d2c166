/* GRANT, REVOKE and OWNER TO. */
#include <string.h>

#include "compiler/postgres/access.h"
#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

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

static const char *role_name(struct analysis *x, const struct sql_node *role)
{
    if (sql_text_is(role, "roletype", "ROLESPEC_CSTRING"))
        return quote_name(x->arena, sql_text(role, "rolename"));
    if (sql_text_is(role, "roletype", "ROLESPEC_PUBLIC"))
        return "PUBLIC";
    return sql_text_is(role, "roletype", "ROLESPEC_SESSION_USER") ? "SESSION_USER" : "CURRENT_USER";
}

/* --- what it is on ------------------------------------------------------------------------------------------------ */

static bool is_fresh(const struct analysis *x, struct grantable on)
{
    return on.born == x->analyser->ordinal;
}

/* False: the catalogue does not know it. */
static bool find_grantable(struct analysis *x, const char *kind, const struct sql_node *item, struct grantable *out)
{
    const struct sql_node *type_name = sql_as(item, "TypeName");
    const char *schema, *name = sql_string(item);

    if (sql_as(item, "RangeVar")) {
        const struct relation *relation = analysis_relation(x, sql_as(item, "RangeVar"));

        if (!relation)
            return false;
        *out = access_of_relation(x->arena, relation);
    } else if (sql_as(item, "ObjectWithArgs")) {
        const struct function *function = analysis_function(x, sql_as(item, "ObjectWithArgs"));

        if (!function)
            return false;
        *out = access_of_function(x->arena, function);
    } else if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0) {
        const struct type_object *type;

        analysis_split_names(
            x, sql_get(type_name ? type_name : sql_as(item, "List"), type_name ? "names" : "items"), &schema, &name);
        type = catalog_find_type(x->catalog, schema, name);
        if (!type)
            return false;
        *out = access_of_type(x->arena, type);
    } else if (strcmp(kind, "OBJECT_SCHEMA") == 0 && name) {
        const struct schema *object = map_get(&x->catalog->schemas, str_from(name));

        if (!object)
            return false;
        *out = access_of_schema(x->arena, object, name);
    } else {
        return false;
    }
    out->fresh = is_fresh(x, *out);
    return true;
}

/* --- GRANT and REVOKE --------------------------------------------------------------------------------------------- */

struct change_list {
    VEC(struct access_change) items;
};

static void add_changes(struct analysis *x, const struct sql_node *grant, struct change_list *list, const char *role,
    enum access_verb verb)
{
    const struct sql_node *privileges = sql_get(grant, "privileges");

    if (!sql_first(privileges))
        VEC_PUSH(x->scratch, &list->items, (struct access_change){verb, role, NULL, NULL, 0});
    for (const struct sql_node *item = sql_first(privileges); item; item = sql_next(item)) {
        const struct sql_node *privilege = sql_as(item, "AccessPriv");
        struct access_change change = {verb, role, sql_text(privilege, "priv_name"), NULL, 0};

        change.columns = analysis_names(x, sql_get(privilege, "cols"), &change.column_count);
        VEC_PUSH(x->scratch, &list->items, change);
    }
}

static void read_changes(struct analysis *x, const struct sql_node *grant, struct change_list *list)
{
    bool option = sql_flag(grant, "grant_option");
    enum access_verb verb = sql_flag(grant, "is_grant") ? (option ? ACCESS_GRANT_WITH_OPTION : ACCESS_GRANT)
                                                        : (option ? ACCESS_REVOKE_OPTION : ACCESS_REVOKE);

    for (const struct sql_node *role = sql_first(sql_get(grant, "grantees")); role; role = sql_next(role))
        add_changes(x, grant, list, role_name(x, sql_as(role, "RoleSpec")), verb);
}

struct grantable_list {
    VEC(struct grantable) items;
};

static void add_grantable(struct analysis *x, struct grantable_list *list, struct grantable on)
{
    on.fresh = is_fresh(x, on);
    VEC_PUSH(x->scratch, &list->items, on);
}

/* ON ALL … IN SCHEMA: those that are there. */
static void add_all_in_schema(struct analysis *x, const char *schema, struct grantable_list *list)
{
    bool sequences = sql_text_is(x->body, "objtype", "OBJECT_SEQUENCE");
    const struct map_entry *entry;

    if (sequences || sql_text_is(x->body, "objtype", "OBJECT_TABLE")) {
        for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
            const struct relation *relation = entry->value;

            if (strcmp(relation->schema, schema) == 0 && !relation->index &&
                (relation->kind == RELATION_SEQUENCE) == sequences)
                add_grantable(x, list, access_of_relation(x->arena, relation));
        }
        return;
    }
    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next)
            if (strcmp(function->schema, schema) == 0)
                add_grantable(x, list, access_of_function(x->arena, function));
}

void analyse_grant(struct analysis *x)
{
    bool grant = sql_flag(x->body, "is_grant"), in_schema = sql_text_is(x->body, "targtype", "ACL_TARGET_ALL_IN_SCHEMA");
    const char *kind = sql_text(x->body, "objtype"), *text;
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    struct change_list changes = {0};
    struct grantable_list objects = {0};
    struct grantable on;
    bool known = true;

    x->out->phase = grant ? PHASE_EXPAND : PHASE_CONTRACT;
    x->out->label = grant ? "grant" : "revoke";
    slice_tokens(x, &lexer, "on");
    text = slice_tokens(x, &lexer, grant ? "to" : "from");
    read_changes(x, x->body, &changes);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item)) {
        if (in_schema && sql_string(item)) {
            analysis_touch_all_in(x, sql_string(item));
            add_all_in_schema(x, sql_string(item), &objects);
        } else if (find_grantable(x, kind, item, &on)) {
            VEC_PUSH(x->scratch, &objects.items, on);
        } else {
            known = false;
        }
        if (sql_as(item, "RangeVar") && !in_schema && known)
            analysis_touch(x, on.object);
        else if (!in_schema)
            analysis_touch_named(x, kind, item);
    }
    if (in_schema) {
        access_grant_whole(x->catalog, x->scratch, text, objects.items.items, objects.items.count, changes.items.items,
            changes.items.count, &x->out->inverse);
    } else if (known) {
        for (size_t i = 0; i < objects.items.count; i++)
            access_grant(x->catalog, x->scratch, &objects.items.items[i], changes.items.items, changes.items.count,
                &x->out->inverse);
    } else {
        static const char *const none[] = {NULL};

        on = (struct grantable){.text = text, .privileges = none};
        access_grant(x->catalog, x->scratch, &on, changes.items.items, changes.items.count, &x->out->inverse);
    }
}

void analyse_default_privileges(struct analysis *x)
{
    static const char *const none[] = {NULL};
    const struct sql_node *grant = sql_get(x->body, "action");
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    struct lex_token token = lex_next(&lexer);
    struct change_list changes = {0};
    struct grantable on = {.privileges = none};

    x->out->phase = PHASE_EXPAND;
    while (token.kind != LEX_END && !lex_is(x->sql, token, "grant") && !lex_is(x->sql, token, "revoke"))
        token = lex_next(&lexer);
    on.prefix = analysis_slice(x, x->node->start, token.start);
    slice_tokens(x, &lexer, "on");
    on.text = slice_tokens(x, &lexer, sql_flag(grant, "is_grant") ? "to" : "from");
    read_changes(x, grant, &changes);
    access_grant(
        x->catalog, x->scratch, &on, changes.items.items, changes.items.count, &x->out->inverse);
}

/* --- OWNER TO ----------------------------------------------------------------------------------------------------- */

void analysis_own(struct analysis *x, const struct relation *relation, const struct sql_node *role, struct inverse *inverse)
{
    struct grantable on = access_of_relation(x->arena, relation);

    on.fresh = is_fresh(x, on);
    access_own(x->catalog, x->scratch, &on, role_name(x, role), inverse);
}

void analysis_authorize(struct analysis *x, const char *schema)
{
    const struct grantable on = access_of_schema(x->arena, map_get(&x->catalog->schemas, str_from(schema)), schema);
    const struct sql_node *role = sql_get(x->body, "authrole");

    if (role)
        catalog_make_access(x->catalog, on.object, NULL)->owner = role_name(x, role);
}

void analyse_owner(struct analysis *x)
{
    const char *kind = sql_text(x->body, "objectType");
    struct grantable on;

    x->out->phase = PHASE_EXPAND;
    analysis_touch_named(x, kind, sql_get(x->body, "object"));
    if (find_grantable(x, kind, sql_get(x->body, "object"), &on) && on.born)
        access_own(x->catalog, x->scratch, &on, role_name(x, sql_get(x->body, "newowner")), &x->out->inverse);
    else
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know the owner before: write 'down:'");
}
