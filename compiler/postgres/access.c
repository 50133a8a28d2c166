#include "compiler/postgres/access.h"

#include <string.h>

#include "compiler/postgres/quote.h"

static const char all[] = "all";
static const char *const of_columns[] = {"select", "insert", "update", "references", NULL};

struct grantable access_of_relation(struct arena *arena, const struct relation *relation)
{
    static const char *const of_table[] = {
        "select", "insert", "update", "delete", "truncate", "references", "trigger", NULL};
    static const char *const of_sequence[] = {"usage", "select", "update", NULL};
    bool sequence = relation->kind == RELATION_SEQUENCE;

    return (struct grantable){.object = relation,
        .text = sequence ? arena_printf(arena, "SEQUENCE %s", relation->qualified) : relation->qualified,
        .alter = arena_printf(arena, "TABLE %s", relation->qualified), /* also for views and sequences */
        .privileges = sequence ? of_sequence : of_table,
        .born = relation->born};
}

struct grantable access_of_function(struct arena *arena, const struct function *function)
{
    static const char *const privileges[] = {"execute", NULL};
    bool procedure = strcmp(function->keyword, "PROCEDURE") == 0;

    return (struct grantable){.object = function,
        .text = arena_printf(arena, "%s %s", procedure ? "PROCEDURE" : "FUNCTION", function->identity),
        .alter = arena_printf(arena, "%s %s", function->keyword, function->identity),
        .privileges = privileges,
        .born = function->born};
}

struct grantable access_of_type(struct arena *arena, const struct type_object *type)
{
    static const char *const privileges[] = {"usage", NULL};
    const char *text = arena_printf(arena, "%s %s", type->kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified);

    return (struct grantable){
        .object = type, .text = text, .alter = text, .privileges = privileges, .born = type->born};
}

struct grantable access_of_schema(struct arena *arena, const struct schema *schema, const char *name)
{
    static const char *const privileges[] = {"usage", "create", NULL};
    const char *text = arena_printf(arena, "SCHEMA %s", quote_name(arena, name));

    return (struct grantable){
        .object = schema, .text = text, .alter = text, .privileges = privileges, .born = schema->born};
}

/* --- the way from what a role may do to what it is to be able to do ----------------------------------------------- */

struct step {
    const char *name, *column;
    enum privilege_state from, to;
};

struct way {
    struct arena *arena;
    struct inverse *inverse;
    const char *prefix, *text, *role;
    VEC(struct step) steps;
};

static bool is_held(enum privilege_state state)
{
    return state >= PRIVILEGE_GRANTED;
}

static bool is_needed(const struct step *step, enum access_verb verb)
{
    switch (verb) {
    case ACCESS_GRANT:
        return step->to == PRIVILEGE_GRANTED && !is_held(step->from);
    case ACCESS_GRANT_WITH_OPTION:
        return step->to == PRIVILEGE_GRANTABLE && step->from != PRIVILEGE_GRANTABLE;
    case ACCESS_REVOKE_OPTION:
        return step->to == PRIVILEGE_GRANTED && step->from == PRIVILEGE_GRANTABLE;
    case ACCESS_REVOKE:
    default:
        return (is_held(step->from) && !is_held(step->to)) ||
               (step->from == PRIVILEGE_UNSAID && step->to == PRIVILEGE_TAKEN);
    }
}

static enum privilege_state state_after(enum privilege_state before, enum access_verb verb)
{
    switch (verb) {
    case ACCESS_GRANT:
        return is_held(before) ? before : PRIVILEGE_GRANTED;
    case ACCESS_GRANT_WITH_OPTION:
        return PRIVILEGE_GRANTABLE;
    case ACCESS_REVOKE_OPTION:
        return is_held(before) ? PRIVILEGE_GRANTED : before;
    case ACCESS_REVOKE:
    default:
        return PRIVILEGE_TAKEN;
    }
}

/* A privilege of the whole object, or ALL of them, that is taken goes from the columns, too. */
static bool takes_along(enum access_verb verb, const char *name, const struct step *step)
{
    return step->column && (verb == ACCESS_REVOKE || verb == ACCESS_REVOKE_OPTION) &&
           (name == all || strcmp(step->name, name) == 0);
}

static void change(struct way *way, enum access_verb verb, const char *name, const char *column)
{
    for (size_t i = 0; i < way->steps.count; i++) {
        struct step *step = &way->steps.items[i];
        bool same = !step->column == !column && (!column || strcmp(step->column, column) == 0) &&
                    (name == all || strcmp(step->name, name) == 0);

        if (same || (!column && takes_along(verb, name, step)))
            step->from = state_after(step->from, verb);
    }
}

/* One statement: all of a kind that are needed, on the whole object or on columns. */
static void go(struct way *way, enum access_verb verb, bool columns)
{
    static const char *const words[] = {[ACCESS_GRANT] = "GRANT",
        [ACCESS_GRANT_WITH_OPTION] = "GRANT",
        [ACCESS_REVOKE] = "REVOKE",
        [ACCESS_REVOKE_OPTION] = "REVOKE GRANT OPTION FOR"};
    bool grant = verb == ACCESS_GRANT || verb == ACCESS_GRANT_WITH_OPTION, whole = false;
    struct strbuf buf = STRBUF_INIT;

    for (size_t i = 0; i < way->steps.count && !whole; i++) {
        const struct step *step = &way->steps.items[i];

        if (!step->column != !columns || !is_needed(step, verb))
            continue;
        whole = step->name == all;
        strbuf_printf(&buf, "%s%s", buf.len ? ", " : "", step->name);
        if (step->column)
            strbuf_printf(&buf, " (%s)", quote_name(way->arena, step->column));
    }
    if (buf.len)
        inverse_undo(way->inverse, way->arena,
            arena_printf(way->arena, "%s%s %s ON %s %s %s%s", way->prefix ? way->prefix : "", words[verb], whole ? all : buf.data, way->text,
                grant ? "TO" : "FROM", way->role, verb == ACCESS_GRANT_WITH_OPTION ? " WITH GRANT OPTION" : ""));
    strbuf_free(&buf);
    for (size_t i = 0; i < way->steps.count; i++) {
        const struct step step = way->steps.items[i];

        if (whole ? step.name == all : !step.column == !columns && is_needed(&step, verb))
            change(way, verb, step.name, step.column);
    }
}

/* ALL is given first, and what it gives too much is taken back; else what is to go goes first. Columns come last: what
 * is taken from the whole is taken from them. */
static void go_all(struct way *way)
{
    bool gives_all = false;

    for (size_t i = 0; i < way->steps.count; i++)
        gives_all = gives_all || (way->steps.items[i].name == all && is_held(way->steps.items[i].to) &&
                                     !is_held(way->steps.items[i].from));
    if (!gives_all)
        go(way, ACCESS_REVOKE, false);
    go(way, ACCESS_GRANT, false);
    go(way, ACCESS_GRANT_WITH_OPTION, false);
    go(way, ACCESS_REVOKE, false);
    go(way, ACCESS_REVOKE_OPTION, false);
    go(way, ACCESS_REVOKE, true);
    go(way, ACCESS_GRANT, true);
    go(way, ACCESS_GRANT_WITH_OPTION, true);
    go(way, ACCESS_REVOKE_OPTION, true);
}

/* --- what is remembered ------------------------------------------------------------------------------------------- */

static struct step *find_step(struct way *way, const char *name, const char *column)
{
    for (size_t i = 0; i < way->steps.count; i++) {
        struct step *step = &way->steps.items[i];

        if (strcmp(step->name, name) == 0 && !step->column == !column && (!column || strcmp(step->column, column) == 0))
            return step;
    }
    return NULL;
}

static void add_step(struct catalog *catalog, struct arena *scratch, struct way *way, const char *name, const char *column)
{
    if (!find_step(way, name, column))
        VEC_PUSH(scratch, &way->steps,
            (struct step){strcmp(name, all) == 0 ? all : arena_strdup(catalog->arena, name),
                column ? arena_strdup(catalog->arena, column) : NULL, PRIVILEGE_UNSAID, PRIVILEGE_UNSAID});
}

/* What the role may do now. */
static void begin(struct way *way, struct arena *scratch, const struct access *access)
{
    for (size_t i = 0; access && i < access->privileges.count; i++) {
        const struct privilege *privilege = &access->privileges.items[i];

        if (strcmp(privilege->role, way->role) == 0)
            VEC_PUSH(scratch, &way->steps,
                (struct step){privilege->name, privilege->column, privilege->state, privilege->state});
    }
}

static void remember(struct catalog *catalog, struct access *access, const struct way *way)
{
    for (size_t i = 0; i < way->steps.count; i++) {
        const struct step *step = &way->steps.items[i];
        struct privilege *found = NULL;

        for (size_t k = 0; k < access->privileges.count && !found; k++) {
            struct privilege *privilege = &access->privileges.items[k];

            if (strcmp(privilege->role, way->role) == 0 && strcmp(privilege->name, step->name) == 0 &&
                !privilege->column == !step->column &&
                (!step->column || strcmp(privilege->column, step->column) == 0))
                found = privilege;
        }
        if (found)
            found->state = step->from;
        else
            VEC_PUSH(catalog->arena, &access->privileges,
                (struct privilege){way->role, step->name, step->column, step->from});
    }
}

/* Which privileges the words of a change mean. */
static void add_steps(
    struct catalog *catalog, struct arena *scratch, struct way *way, const struct grantable *on, const struct access_change *change)
{
    const char *const one[] = {change->privilege, NULL};
    const char *const *names = change->privilege     ? one
                               : change->column_count ? of_columns
                                                      : on->privileges;

    for (; *names; names++) {
        if (!change->column_count)
            add_step(catalog, scratch, way, *names, NULL);
        for (size_t i = 0; i < change->column_count; i++)
            add_step(catalog, scratch, way, *names, change->columns[i]);
    }
    if (!change->privilege && !change->column_count)
        add_step(catalog, scratch, way, all, NULL);
}

/* From what a role may do now to what it may do after the changes. True where what it may have had before is not known. */
static bool apply(struct catalog *catalog, struct arena *scratch, struct way *way, const struct grantable *on,
    const struct access_change *changes, size_t count)
{
    bool unknown = false;

    for (size_t i = 0; i < count; i++) {
        const struct access_change *item = &changes[i];
        const char *name = item->privilege ? item->privilege : all;
        size_t known = way->steps.count;

        add_steps(catalog, scratch, way, on, item);
        for (size_t k = 0; k < way->steps.count; k++)
            unknown = unknown || (item->verb >= ACCESS_REVOKE && k >= known);
        for (size_t k = 0; k < item->column_count; k++)
            change(way, item->verb, name, item->columns[k]);
        if (!item->column_count)
            change(way, item->verb, name, NULL);
    }
    return unknown;
}

static size_t count_of_role(const struct access_change *changes, size_t count)
{
    size_t same = 1;

    while (same < count && strcmp(changes[same].role, changes[0].role) == 0)
        same++;
    return same;
}

/* Changes of one role. revoked: the undo takes them away before it comes to this object. True: what the role held before
 * is not known. */
static bool grant_one(struct catalog *catalog, struct arena *scratch, const struct grantable *on,
    const struct access_change *changes, size_t count, bool revoked, struct inverse *inverse)
{
    const char *key = on->prefix ? arena_printf(scratch, "%s%s", on->prefix, on->text) : on->text;
    struct access *access = catalog_make_access(catalog, on->object, key);
    struct way way = {catalog->arena, inverse, on->prefix, on->text, changes->role, {0}};
    bool unknown;

    begin(&way, scratch, access);
    unknown = apply(catalog, scratch, &way, on, changes, count);
    remember(catalog, access, &way);
    for (size_t i = 0; i < count && revoked; i++)
        change(&way, ACCESS_REVOKE, changes[i].privilege ? changes[i].privilege : all, NULL);
    go_all(&way);
    return unknown && !on->fresh; /* what is new goes when the migration is undone */
}

static void lose(struct catalog *catalog, struct inverse *inverse, const char *role, const char *text)
{
    inverse_lossy(
        inverse, catalog->arena, arena_printf(catalog->arena, "which privileges %s held on %s before", role, text));
}

void access_grant(struct catalog *catalog, struct arena *scratch, const struct grantable *on,
    const struct access_change *changes, size_t count, struct inverse *inverse)
{
    for (size_t same; count; changes += same, count -= same) {
        same = count_of_role(changes, count);
        if (grant_one(catalog, scratch, on, changes, same, false, inverse))
            lose(catalog, inverse, changes->role, on->text);
    }
}

void access_grant_whole(struct catalog *catalog, struct arena *scratch, const char *text, const struct grantable *objects,
    size_t object_count, const struct access_change *changes, size_t count, struct inverse *inverse)
{
    static const char *const none[] = {NULL};
    const struct grantable whole = {.text = text, .privileges = none};

    for (size_t same; count; changes += same, count -= same) {
        struct way way = {catalog->arena, inverse, NULL, text, changes->role, {0}};
        bool grant = changes->verb < ACCESS_REVOKE, unknown = !grant && !object_count;

        same = count_of_role(changes, count);
        apply(catalog, scratch, &way, &whole, changes, same);
        go_all(&way);
        for (size_t i = 0; i < object_count; i++)
            unknown = grant_one(catalog, scratch, &objects[i], changes, same, grant, inverse) || unknown;
        if (unknown)
            lose(catalog, inverse, changes->role, text);
    }
}

/* A role's privileges, or (column) those on one column. */
static void give_role_again(struct catalog *catalog, struct arena *scratch, const struct grantable *on,
    const struct access *access, const char *role, const char *column, struct inverse *inverse)
{
    struct way way = {catalog->arena, inverse, NULL, on->text, role, {0}};

    begin(&way, scratch, access);
    for (size_t i = 0; i < way.steps.count; i++) {
        struct step *step = &way.steps.items[i];

        if (!column || (step->column && strcmp(step->column, column) == 0))
            step->from = PRIVILEGE_UNSAID;
    }
    go_all(&way);
}

static void give_again(struct catalog *catalog, struct arena *scratch, const struct grantable *on,
    const struct access *access, const char *column, struct inverse *inverse)
{
    for (size_t i = 0; i < access->privileges.count; i++) {
        const char *role = access->privileges.items[i].role;
        bool done = false;

        for (size_t k = 0; k < i && !done; k++)
            done = strcmp(access->privileges.items[k].role, role) == 0;
        if (!done)
            give_role_again(catalog, scratch, on, access, role, column, inverse);
    }
}

void access_own(struct catalog *catalog, struct arena *scratch, const struct grantable *on, const char *role,
    struct inverse *inverse)
{
    struct access *access = catalog_make_access(catalog, on->object, on->text);

    if (access->owner || !on->fresh) {
        inverse_undo(inverse, catalog->arena,
            arena_printf(
                catalog->arena, "ALTER %s OWNER TO %s", on->alter, access->owner ? access->owner : "CURRENT_USER"));
        give_role_again(catalog, scratch, on, access, role, NULL, inverse); /* they were merged with an owner's */
    }
    if (!access->owner && !on->fresh)
        inverse_lossy(inverse, catalog->arena,
            arena_printf(catalog->arena, "the owner that %s had, where that is not the role that undoes it", on->text));
    access->owner = role;
}

void access_give_again(
    struct catalog *catalog, struct arena *scratch, const struct grantable *on, struct inverse *inverse)
{
    const struct access *access = catalog_find_access(catalog, on->object, on->text);

    if (!access)
        return;
    if (access->owner)
        inverse_undo(
            inverse, catalog->arena, arena_printf(catalog->arena, "ALTER %s OWNER TO %s", on->alter, access->owner));
    give_again(catalog, scratch, on, access, NULL, inverse);
}

void access_give_column_again(struct catalog *catalog, struct arena *scratch, const struct relation *relation,
    const char *column, struct inverse *inverse)
{
    const struct access *access = catalog_find_access(catalog, relation, NULL);
    const struct grantable on = access_of_relation(catalog->arena, relation);

    if (access)
        give_again(catalog, scratch, &on, access, column, inverse);
}

bool access_has_column(const struct catalog *catalog, const struct relation *relation, const char *column)
{
    const struct access *access = catalog_find_access(catalog, relation, NULL);

    for (size_t i = 0; access && i < access->privileges.count; i++)
        if (access->privileges.items[i].column && strcmp(access->privileges.items[i].column, column) == 0)
            return true;
    return false;
}
