#include "executor/events/upgrade.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { SEGMENTS_MAX = 1000000, VERSIONS_MAX = 10000 };

/* --- the step ----------------------------------------------------------------------------------------------------------------- */

static bool read_upcasters(struct arena *arena, struct upgrade *upgrade, const struct json *upcasts, struct error *error)
{
    const struct plan_events *events = upgrade->events;
    const struct event_envelope envelope = {
        .stream = events->stream, .sequence = events->sequence, .type = events->type, .version = events->version};

    upgrade->upcasters = ARENA_ARRAY(arena, struct upcaster *, (size_t)upgrade->to);
    for (const struct json *one = upcasts ? upcasts->child : NULL; one; one = one->next) {
        struct upcast_problem problem;
        int64_t version;

        if (!json_to_i64(json_get(one, "version"), &version) || version < 2 || version > upgrade->to)
            return error_set(error, EXIT_STATUS_PLAN, "step '%s' has an upcaster to no version of its own",
                upgrade->step->id);
        if (!upcaster_create(arena, json_get(one, "operators"), NULL, &envelope, &upgrade->upcasters[version - 2], &problem))
            return error_set(error, EXIT_STATUS_PLAN, "step '%s', upcaster to version %lld, operator %s: %s",
                upgrade->step->id, (long long)version, problem.pointer,
                problem.message[0] ? problem.message : problem.expression.message);
    }
    for (int64_t version = 2; version <= upgrade->to; version++)
        if (!upgrade->upcasters[version - 2])
            return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no upcaster to version %lld", upgrade->step->id,
                (long long)version);
    return true;
}

bool upgrade_read(struct dynamodb_driver *driver, const struct plan_step *step, struct upgrade *out,
    struct error *error)
{
    const struct json *forward = step->action.forward;
    const char *strategy = json_string(json_get(forward, "strategy"));

    memset(out, 0, sizeof(*out));
    out->driver = driver;
    out->step = step;
    out->events = driver->base.plan->events;
    out->event = json_text(json_get(forward, "event"));
    out->stream = json_string(json_get(json_get(forward, "only"), "stream"));
    if (!out->events)
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' upgrades events, but the plan has no events section", step->id);
    if (!out->event.len || !strategy || !json_to_i64(json_get(forward, "to"), &out->to) || out->to < 2 ||
        out->to > VERSIONS_MAX || !json_to_i64(json_get(forward, "segments"), &out->segments) || out->segments < 1 ||
        out->segments > SEGMENTS_MAX || !rate_read_limit(json_get(forward, "max_wcu"), &out->max_wcu) ||
        !rate_read_limit(json_get(forward, "max_rcu"), &out->max_rcu))
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no event, strategy, version or segments", step->id);
    out->in_place = strcmp(strategy, "in_place") == 0;
    if (!out->in_place && strcmp(strategy, "lazy") != 0)
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "step '%s': this executor has no strategy '%s'", step->id, strategy);
    return true;
}

/* --- checkpoints -------------------------------------------------------------------------------------------------------------- */

/* One stream is one partition of the table: a query, not a scan in segments. */
static bool is_query(const struct upgrade *upgrade)
{
    return upgrade->stream && str_is(upgrade->table.hash, upgrade->events->stream);
}

static size_t part_count(const struct upgrade *upgrade)
{
    return is_query(upgrade) ? 1 : (size_t)upgrade->segments;
}

struct progress {
    struct upgrading upgrading; /* first: rewrite_advance() takes the same context */
    struct checkpoints checkpoints;
};

static bool read_progress(struct arena *arena, const struct upgrade *upgrade, struct progress *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    out->upgrading.upgrade = upgrade;
    return checkpoints_read(upgrade->driver, arena, upgrade->step->id, part_count(upgrade), &out->checkpoints, error);
}

/* --- in place ----------------------------------------------------------------------------------------------------------------- */

static bool enter_part(void *context, size_t part, const struct json **start)
{
    struct progress *progress = context;

    return checkpoints_enter(&progress->checkpoints, part, start);
}

static const char *compose_page(void *context, size_t part, const struct json *start, struct strbuf *body)
{
    struct progress *progress = context;
    const struct upgrade *upgrade = progress->upgrading.upgrade;
    bool query = is_query(upgrade);
    const char *type = item_table_attribute_type(&upgrade->table, upgrade->events->stream);

    aws_format(body, "{'TableName':%s,'ConsistentRead':true", upgrade->events->table);
    if (query)
        aws_format(body, ",'KeyConditionExpression':'#s = :s'");
    else
        aws_format(body, ",'Segment':%i,'TotalSegments':%i", (int64_t)part, upgrade->segments);
    if (upgrade->max_rcu > 0)
        aws_format(body, ",'Limit':%i", upgrade->max_rcu < 25 ? (int64_t)25 : (int64_t)upgrade->max_rcu);
    /* NOT >=, so that a version of a wrong type is found and reported instead of being passed over */
    aws_format(body, ",'FilterExpression':'#t = :t AND (attribute_not_exists(#v) OR (NOT #v >= :to))%r',"
        "'ExpressionAttributeNames':{'#t':%s,'#v':%s%r", upgrade->stream && !query ? " AND #s = :s" : "",
        upgrade->events->type, upgrade->events->version, upgrade->stream ? "," : "");
    if (upgrade->stream)
        aws_format(body, "'#s':%s", upgrade->events->stream);
    aws_format(body, "},'ExpressionAttributeValues':{':t':{'S':%S},':to':{'N':%N}", &upgrade->event, upgrade->to);
    if (upgrade->stream)
        aws_format(body, ",':s':{%s:%s}", type, upgrade->stream);
    strbuf_append_char(body, '}');
    if (start)
        aws_format(body, ",'ExclusiveStartKey':%j", start);
    strbuf_append_char(body, '}');
    return query ? "Query" : "Scan";
}

static void compose_checkpoint(void *context, size_t part, const struct json *next, struct strbuf *body)
{
    struct progress *progress = context;

    checkpoints_compose(&progress->checkpoints, part, next, body);
}

static void advance(void *context, struct pump_slot *slot)
{
    struct progress *progress = context;

    if (slot->stage == 0)
        progress->checkpoints.parts[slot->part].items++;
    rewrite_advance(&progress->upgrading, slot);
}

static void report(struct upgrade *upgrade, const struct progress *progress,
    struct driver_result *result)
{
    const struct upgrading *counts = &progress->upgrading;
    char text[512];

    result->affected = counts->upgraded;
    snprintf(text, sizeof(text), "{\"upgraded\":%lld,\"found_done\":%lld,\"faster_writer\":%lld,\"deleted_meanwhile\":%lld,"
        "\"read_again\":%lld,\"seen_by_earlier_attempts\":%lld}", (long long)counts->upgraded, (long long)counts->found_done,
        (long long)counts->faster, (long long)counts->gone, (long long)counts->read_again, (long long)progress->checkpoints.items);
    result->detail = str_from(arena_strdup(upgrade->driver->base.arena, text));
}

bool upgrade_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    static const struct pump_ops ops = {enter_part, compose_page, advance, compose_checkpoint, NULL};
    const struct driver_env *env = driver->base.env;
    struct arena arena = ARENA_INIT;
    struct upgrade upgrade;
    struct progress progress;
    struct pump pump = {.driver = driver, .name = step->id, .ops = &ops, .context = &progress, .unit = "events"};
    bool ok = upgrade_read(driver, step, &upgrade, error);

    if (ok && !upgrade.in_place) { /* readers upcast: nothing in the store changes */
        arena_free(&arena);
        return true;
    }
    ok = ok && read_upcasters(&arena, &upgrade, json_get(step->action.forward, "upcasts"), error) &&
        item_table_read(driver, &arena, upgrade.events->table, &upgrade.table, error) &&
        read_progress(&arena, &upgrade, &progress, error);
    if (ok) {
        pump.parts = progress.checkpoints.count;
        pump.done = progress.checkpoints.items;
        pump.total = upgrade.table.item_count;
        rate_init(&pump.read_rate, upgrade.max_rcu, env->now_ms(env->context));
        rate_init(&pump.write_rate, upgrade.max_wcu, env->now_ms(env->context));
        ok = pump_run(&pump, error);
        report(&upgrade, &progress, result);
    }
    arena_free(&arena);
    return ok;
}

/* --- has it happened already? --------------------------------------------------------------------------------------------------- */

static bool probe_forward(const struct upgrade *upgrade, struct arena *arena, struct probe_answer *out,
    struct error *error)
{
    struct progress progress;

    if (!upgrade->in_place) {
        out->state = PROBE_DONE;
        snprintf(out->detail, sizeof(out->detail), "a lazy upgrade changes nothing in the store");
        return true;
    }
    if (!read_progress(arena, upgrade, &progress, error))
        return false;
    out->state = progress.checkpoints.done == progress.checkpoints.count ? PROBE_DONE : PROBE_NOT_DONE;
    snprintf(out->detail, sizeof(out->detail), "%zu of %zu segments of table '%s' are upgraded", progress.checkpoints.done,
        progress.checkpoints.count, upgrade->events->table);
    return true;
}

/* Restored pre-images are deleted, those of events that somebody else changed are marked: what is left is to be done. A
 * checkpoint that is left would let the next upgrade pass over what was written since. */
static bool probe_inverse(const struct upgrade *upgrade, struct arena *arena, struct probe_answer *out,
    struct error *error)
{
    struct progress progress;
    bool left;

    if (!read_progress(arena, upgrade, &progress, error))
        return false;
    if (progress.checkpoints.kept) {
        out->state = PROBE_NOT_DONE;
        snprintf(out->detail, sizeof(out->detail), "%zu segments have a checkpoint", progress.checkpoints.kept);
        return true;
    }
    if (!undo_rows_left(upgrade, &left, error))
        return false;
    out->state = left ? PROBE_NOT_DONE : PROBE_DONE;
    snprintf(out->detail, sizeof(out->detail), "%s", left ? "there are pre-images to restore" : "no pre-image is left");
    return true;
}

bool upgrade_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct upgrade upgrade;
    bool ok = upgrade_read(driver, step, &upgrade, error) &&
        item_table_read(driver, &arena, upgrade.events->table, &upgrade.table, error) &&
        (inverse ? probe_inverse : probe_forward)(&upgrade, &arena, out, error);

    arena_free(&arena);
    return ok;
}
