#include "executor/events/upgrade.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { SEGMENTS_MAX = 1000000, VERSIONS_MAX = 10000 };

/* --- the step ----------------------------------------------------------------------------------------------------------------- */

static bool read_limit(const struct json *value, double *out)
{
    int64_t number;

    *out = 0;
    if (!value || value->type == JSON_NULL)
        return true;
    if (!json_to_i64(value, &number) || number < 1)
        return false;
    *out = (double)number;
    return true;
}

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
    out->item_count = -1;
    if (!out->events)
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' upgrades events, but the plan has no events section", step->id);
    if (!out->event.len || !strategy || !json_to_i64(json_get(forward, "to"), &out->to) || out->to < 2 ||
        out->to > VERSIONS_MAX || !json_to_i64(json_get(forward, "segments"), &out->segments) || out->segments < 1 ||
        out->segments > SEGMENTS_MAX || !read_limit(json_get(forward, "max_wcu"), &out->max_wcu) ||
        !read_limit(json_get(forward, "max_rcu"), &out->max_rcu))
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no event, strategy, version or segments", step->id);
    out->in_place = strcmp(strategy, "in_place") == 0;
    if (!out->in_place && strcmp(strategy, "lazy") != 0)
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "step '%s': this executor has no strategy '%s'", step->id, strategy);
    return true;
}

bool upgrade_read_table(struct arena *arena, struct upgrade *upgrade, struct error *error)
{
    const struct json *table, *definitions;

    if (!dynamodb_describe(upgrade->driver, arena, upgrade->events->table, &table, error))
        return false;
    if (!table) {
        error_set(error, EXIT_STATUS_HALTED, "the event table '%s' does not exist", upgrade->events->table);
        return error_help(error, "create it in an earlier migration");
    }
    dynamodb_table_key(table, &upgrade->hash, &upgrade->range);
    upgrade->stream_type = STR("");
    definitions = json_get(table, "AttributeDefinitions");
    for (const struct json *one = definitions ? definitions->child : NULL; one; one = one->next)
        if (str_is(json_text(json_get(one, "AttributeName")), upgrade->events->stream))
            upgrade->stream_type = json_text(json_get(one, "AttributeType"));
    if (!json_to_i64(json_get(table, "ItemCount"), &upgrade->item_count))
        upgrade->item_count = -1;
    return true;
}

/* --- checkpoints -------------------------------------------------------------------------------------------------------------- */

/* One stream is one partition of the table: a query, not a scan in segments. */
static bool is_query(const struct upgrade *upgrade)
{
    return upgrade->stream && str_is(upgrade->hash, upgrade->events->stream);
}

static size_t part_count(const struct upgrade *upgrade)
{
    return is_query(upgrade) ? 1 : (size_t)upgrade->segments;
}

static const char *checkpoint_pk(struct arena *arena, const struct upgrade *upgrade)
{
    return arena_printf(arena, "checkpoint:%s", upgrade->step->id);
}

struct part {
    bool done;
    const struct json *start; /* NULL: from its beginning */
    int64_t events;           /* finished so far */
};

struct progress {
    struct upgrading upgrading; /* first: rewrite_advance() takes the same context */
    struct arena *arena;
    struct part *parts;
    size_t count;
    size_t kept; /* parts with a checkpoint */
    size_t done;
    int64_t events;
    const char *pk;
};

static bool read_checkpoint(void *context, const struct json *item, struct error *error)
{
    struct progress *progress = context;
    int64_t number;
    struct part *part;

    if (!dynamodb_item_number(item, "sk", &number) || number < 0 || (size_t)number >= progress->count)
        return error_set(error, EXIT_STATUS_HISTORY, "a checkpoint of step '%s' is damaged",
            progress->upgrading.upgrade->step->id);
    part = &progress->parts[number];
    part->done = json_bool(json_get(json_get(item, "done"), "BOOL"), false);
    if (json_get(item, "start"))
        part->start = json_clone(progress->arena, json_get(json_get(item, "start"), "M"));
    if (!dynamodb_item_number(item, "events", &part->events))
        part->events = 0;
    progress->kept++;
    progress->done += part->done;
    progress->events += part->events;
    return true;
}

static bool read_progress(struct arena *arena, const struct upgrade *upgrade, struct progress *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    out->upgrading.upgrade = upgrade;
    out->arena = arena;
    out->count = part_count(upgrade);
    out->parts = ARENA_ARRAY(arena, struct part, out->count);
    out->pk = checkpoint_pk(arena, upgrade);
    return dynamodb_journal_query(upgrade->driver, out->pk, read_checkpoint, out, error);
}

struct deleting {
    struct dynamodb_driver *driver;
    const char *pk;
};

static bool delete_checkpoint(void *context, const struct json *item, struct error *error)
{
    struct deleting *deleting = context;
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    aws_format(&body, "{'TableName':%s,'Key':{'pk':{'S':%s},'sk':%j}}", deleting->driver->journal_table, deleting->pk,
        json_get(item, "sk"));
    ok = dynamodb_call(deleting->driver, &arena, "DeleteItem", &body, NULL, error);
    arena_free(&arena);
    return ok;
}

bool upgrade_forget_checkpoints(const struct upgrade *upgrade, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct deleting deleting = {upgrade->driver, checkpoint_pk(&arena, upgrade)};
    bool ok = dynamodb_journal_query(upgrade->driver, deleting.pk, delete_checkpoint, &deleting, error);

    arena_free(&arena);
    return ok;
}

/* --- in place ----------------------------------------------------------------------------------------------------------------- */

static bool enter_part(void *context, size_t part, const struct json **start)
{
    struct progress *progress = context;

    *start = progress->parts[part].start;
    return !progress->parts[part].done;
}

static const char *compose_page(void *context, size_t part, const struct json *start, struct strbuf *body)
{
    struct progress *progress = context;
    const struct upgrade *upgrade = progress->upgrading.upgrade;
    bool query = is_query(upgrade);
    const char *type = upgrade->stream_type.len ? upgrade->stream_type.data : "S";

    aws_format(body, "{'TableName':%s,'ConsistentRead':true,'ReturnConsumedCapacity':'TOTAL'", upgrade->events->table);
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

/* Written under our token: a process that was passed over cannot set a segment back. */
static void compose_checkpoint(void *context, size_t part, const struct json *next, struct strbuf *body)
{
    struct progress *progress = context;
    const struct upgrade *upgrade = progress->upgrading.upgrade;

    aws_format(body, "{'TableName':%s,'Item':{'pk':{'S':%s},'sk':{'N':%N},'done':{'BOOL':%r},'events':{'N':%N},"
        "'token':{'N':%N}", upgrade->driver->journal_table, progress->pk, (int64_t)part, next ? "false" : "true",
        progress->parts[part].events, upgrade->driver->lease.token);
    if (next)
        aws_format(body, ",'start':{'M':%j}", next);
    aws_format(body, "},'ConditionExpression':'attribute_not_exists(pk) OR #token <= :token','ExpressionAttributeNames':"
        "{'#token':'token'},'ExpressionAttributeValues':{':token':{'N':%N}}}", upgrade->driver->lease.token);
}

static void advance(void *context, struct pump_slot *slot)
{
    struct progress *progress = context;

    if (slot->stage == 0)
        progress->parts[slot->part].events++;
    rewrite_advance(&progress->upgrading, slot);
}

static void report(struct upgrade *upgrade, const struct progress *progress, const struct pump *pump,
    struct driver_result *result)
{
    const struct upgrading *counts = &progress->upgrading;
    char text[512];

    result->affected = counts->upgraded;
    result->consumed_read_units = pump->read_rate.consumed;
    result->consumed_write_units = pump->write_rate.consumed;
    snprintf(text, sizeof(text), "{\"upgraded\":%lld,\"found_done\":%lld,\"faster_writer\":%lld,\"deleted_meanwhile\":%lld,"
        "\"read_again\":%lld,\"seen_by_earlier_attempts\":%lld}", (long long)counts->upgraded, (long long)counts->found_done,
        (long long)counts->faster, (long long)counts->gone, (long long)counts->read_again, (long long)progress->events);
    result->detail = str_from(arena_strdup(upgrade->driver->base.arena, text));
}

bool upgrade_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    static const struct pump_ops ops = {enter_part, compose_page, advance, compose_checkpoint};
    const struct driver_env *env = driver->base.env;
    struct arena arena = ARENA_INIT;
    struct upgrade upgrade;
    struct progress progress;
    struct pump pump = {.driver = driver, .step = step, .ops = &ops, .context = &progress, .unit = "events"};
    bool ok = upgrade_read(driver, step, &upgrade, error);

    if (ok && !upgrade.in_place) { /* readers upcast: nothing in the store changes */
        arena_free(&arena);
        return true;
    }
    ok = ok && read_upcasters(&arena, &upgrade, json_get(step->action.forward, "upcasts"), error) &&
        upgrade_read_table(&arena, &upgrade, error) && read_progress(&arena, &upgrade, &progress, error);
    if (ok) {
        pump.parts = progress.count;
        pump.done = progress.events;
        pump.total = upgrade.item_count;
        rate_init(&pump.read_rate, upgrade.max_rcu, env->now_ms(env->context));
        rate_init(&pump.write_rate, upgrade.max_wcu, env->now_ms(env->context));
        ok = pump_run(&pump, error);
        report(&upgrade, &progress, &pump, result);
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
    out->state = progress.done == progress.count ? PROBE_DONE : PROBE_NOT_DONE;
    snprintf(out->detail, sizeof(out->detail), "%zu of %zu segments of table '%s' are upgraded", progress.done,
        progress.count, upgrade->events->table);
    return true;
}

/* Restored pre-images are deleted, those of events that somebody else changed are marked: what is left is to be done. A
 * checkpoint that is left would let the next upgrade pass over what was written since. */
static bool probe_inverse(const struct upgrade *upgrade, struct arena *arena, struct probe_answer *out,
    struct error *error)
{
    size_t shards = upgrade_shards(upgrade), left = 0;
    struct progress progress;

    if (!read_progress(arena, upgrade, &progress, error))
        return false;
    if (progress.kept) {
        out->state = PROBE_NOT_DONE;
        snprintf(out->detail, sizeof(out->detail), "%zu segments have a checkpoint", progress.kept);
        return true;
    }
    for (size_t shard = 0; shard < shards && !left; shard++) {
        const struct json *start = NULL;

        do {
            struct strbuf body = STRBUF_INIT;
            const struct json *answer, *items;

            aws_format(&body, "{'TableName':%s,'KeyConditionExpression':'pk = :pk','FilterExpression':"
                "'attribute_not_exists(kept)','ProjectionExpression':'sk','ExpressionAttributeValues':{':pk':{'S':%s}},"
                "'ConsistentRead':true", upgrade->driver->undo_table, undo_partition(arena, upgrade, shard));
            if (start)
                aws_format(&body, ",'ExclusiveStartKey':%j", start);
            strbuf_append_char(&body, '}');
            if (!dynamodb_call(upgrade->driver, arena, "Query", &body, &answer, error))
                return false;
            items = json_get(answer, "Items");
            left += items ? items->count : 0;
            start = json_get(answer, "LastEvaluatedKey");
        } while (start && !left);
    }
    out->state = left ? PROBE_NOT_DONE : PROBE_DONE;
    snprintf(out->detail, sizeof(out->detail), "%s", left ? "there are pre-images to restore" : "no pre-image is left");
    return true;
}

bool upgrade_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct upgrade upgrade;
    bool ok = upgrade_read(driver, step, &upgrade, error) && upgrade_read_table(&arena, &upgrade, error) &&
        (inverse ? probe_inverse : probe_forward)(&upgrade, &arena, out, error);

    arena_free(&arena);
    return ok;
}
