#include "executor/rebuild.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { LEASE_MS = 24 * 3600 * 1000 };

/* The throw-away database while steps are built in it. */
struct site {
    struct session *session;
    const struct driver_ops *ops;
    struct driver *driver;
    struct driver_journal journal;
};

bool rebuild_is_possible(const struct session_target *target)
{
    return target->ops->vacant != NULL;
}

/* --- the place ---------------------------------------------------------------------------------------------------- */

/* The plan's target, reached by the url alone. */
static struct plan_target *place_target(struct arena *arena, const struct plan_target *target, const char *url)
{
    struct plan_target *place = ARENA_NEW(arena, struct plan_target);

    *place = *target;
    place->name = arena_printf(arena, "%s, rebuilt", target->name);
    place->typeorm_table = NULL;
    memset(&place->connection, 0, sizeof(place->connection));
    VEC_PUSH(arena, &place->connection, (struct plan_connection_field){"url", url});
    return place;
}

static bool take_place(struct site *site, const struct session_target *target, struct error *error)
{
    struct session *session = site->session;
    const struct lease_request request = {
        .run = session->run, .holder = session->config.holder, .duration_ms = LEASE_MS};
    struct target_owner owner = {0};
    struct lease_state lease;
    char what[256];
    bool vacant;

    if (!site->ops->vacant(site->driver, &vacant, what, sizeof(what), error))
        return false;
    if (!vacant) {
        error_set(error, EXIT_STATUS_USAGE, "the database to rebuild in is not empty: it has %s", what);
        return error_help(error, "make a new one for it, with CREATE DATABASE; target '%s' itself is never rebuilt in",
            target->plan->name);
    }
    snprintf(owner.project, sizeof(owner.project), "%s", session->plan->project);
    snprintf(owner.environment, sizeof(owner.environment), "rebuild of %.200s", session->plan->environment);
    return site->ops->identify(site->driver, &owner.identity, error) && site->ops->init(site->driver, &owner, error) &&
           site->ops->lease_take(site->driver, &request, &lease, error);
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static bool has_effect_without_rows(const struct plan_step *step)
{
    switch (step->action.instruction) {
    case INSTRUCTION_PG_BACKFILL:
    case INSTRUCTION_PG_ASSERT:
    case INSTRUCTION_GATE:
    case INSTRUCTION_BARRIER:
        return false;
    default:
        return true;
    }
}

static bool are_together(const struct plan_step *a, const struct plan_step *b)
{
    return a->group && b->group && strcmp(a->group, b->group) == 0 && !instruction_is_alone(a->action.instruction) &&
           !instruction_is_alone(b->action.instruction);
}

static bool build_unit(struct site *site, const struct plan_step *const *steps, size_t count, struct error *error)
{
    int64_t *attempts = ARENA_ARRAY(site->session->arena, int64_t, count);
    const struct driver_work work = {.steps = steps, .count = count, .attempts = attempts};
    struct driver_result result = {0};

    for (size_t i = 0; i < count; i++)
        attempts[i] = 1;
    session_tick(site->session);
    if (session_stopping(site->session))
        return error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked, while steps were rebuilt");
    if (!site->ops->apply(site->driver, &site->journal, &work, &result, error))
        return error_wrap(
            error, "rebuilding step '%s'", steps[result.failed_step < count ? result.failed_step : 0]->id);
    site->journal.run_seq += (int64_t)count + 1;
    return true;
}

static bool build(struct site *site, const struct rebuild *rebuild, struct error *error)
{
    const struct plan_step **unit = ARENA_ARRAY(site->session->arena, const struct plan_step *, rebuild->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < rebuild->count; i++) {
        const struct plan_step *step = rebuild->steps[i];

        if (!has_effect_without_rows(step))
            continue;
        if (count && !are_together(unit[count - 1], step)) {
            if (!build_unit(site, unit, count, error))
                return false;
            count = 0;
        }
        unit[count++] = step;
    }
    return !count || build_unit(site, unit, count, error);
}

static bool observe_rebuilt(struct session *session, struct session_target *target, const struct rebuild *rebuild,
    struct json **out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct plan_target *place = place_target(&arena, target->plan, rebuild->url);
    struct site site = {
        .session = session,
        .ops = target->ops,
        .journal = {.run = session->run, .run_seq = 1, .plan_digest = session->plan->digest},
    };
    bool ok = site.ops->open(&arena, session->plan, place, &session->env, &site.driver, error);

    if (ok) {
        struct error ignored;

        ok = take_place(&site, target, error) && build(&site, rebuild, error) &&
             site.ops->observe(site.driver, session->arena, rebuild->objects, rebuild->object_count, out, error);
        (void)!site.ops->lease_release(site.driver, &ignored);
        site.ops->close(site.driver);
    }
    arena_free(&arena);
    return ok;
}

/* --- owners ------------------------------------------------------------------------------------------------------- */

struct owners {
    struct arena *arena;
    const char *from;
    const char *to;
};

/* An entry of an access list is GRANTEE=PRIVILEGES/GRANTOR; names that need it stand in double quotes. */
static struct json *rename_in_acl(const struct owners *owners, const struct json *entry)
{
    struct str text = json_text(entry);
    const char *equals = memchr(text.data, '=', text.len), *slash = NULL;
    struct str grantee, grantor, middle;
    const char *from = owners->from, *quoted = arena_printf(owners->arena, "\"%s\"", from);

    for (const char *c = text.data + text.len; equals && c > equals && !slash; c--)
        slash = c[-1] == '/' ? c - 1 : NULL;
    if (!slash)
        return json_clone(owners->arena, entry);
    grantee = (struct str){text.data, (size_t)(equals - text.data)};
    middle = (struct str){equals, (size_t)(slash - equals)};
    grantor = (struct str){slash + 1, (size_t)(text.data + text.len - slash - 1)};
    if (str_is(grantee, from) || str_is(grantee, quoted))
        grantee = str_from(owners->to);
    if (str_is(grantor, from) || str_is(grantor, quoted))
        grantor = str_from(owners->to);
    return json_new_text(owners->arena,
        arena_printf(owners->arena, "%.*s%.*s/%.*s", STR_ARG(grantee), STR_ARG(middle), STR_ARG(grantor)));
}

static struct json *rename_owner(const struct owners *owners, const struct json *value)
{
    struct json *copy;

    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
        return json_clone(owners->arena, value);
    copy = json_new(owners->arena, value->type);
    for (const struct json *member = value->child; member; member = member->next) {
        struct json *renamed;

        if (value->type == JSON_OBJECT && str_is(member->key, "owner"))
            renamed = json_new_text(owners->arena, owners->to);
        else if (value->type == JSON_ARRAY && member->type == JSON_STRING && str_is(value->key, "acl"))
            renamed = rename_in_acl(owners, member);
        else
            renamed = rename_owner(owners, member);
        if (value->type == JSON_OBJECT)
            json_set_str(owners->arena, copy, member->key, renamed);
        else
            json_append(copy, renamed);
    }
    return copy;
}

/* The object as it was rebuilt, with the live one's owner. */
static struct json *take_owner(struct arena *arena, const struct json *rebuilt, const struct json *live)
{
    const struct owners owners = {arena, json_string(json_get(rebuilt, "owner")), json_string(json_get(live, "owner"))};

    return owners.from && owners.to && strcmp(owners.from, owners.to) != 0 ? rename_owner(&owners, rebuilt)
                                                                           : json_clone(arena, rebuilt);
}

bool rebuild_compare(struct session *session, struct session_target *target, const struct rebuild *rebuild,
    const struct json *live, struct drift_list *out, struct error *error)
{
    struct json *rebuilt;
    struct map expected, now;

    if (!observe_rebuilt(session, target, rebuild, &rebuilt, error))
        return false;
    map_init(&expected, session->arena);
    map_init(&now, session->arena);
    for (struct json *object = live->child; object; object = object->next)
        map_put(&now, object->key, object);
    for (const struct json *object = rebuilt->child; object; object = object->next)
        map_put(&expected, object->key, take_owner(session->arena, object, map_get(&now, object->key)));
    drift_compare_all(session->arena, rebuild->objects, rebuild->object_count, &expected, live, out);
    return true;
}
