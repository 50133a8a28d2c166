/* The stored events of the plan's table, read through the pump: the whole table, one stream, or a sample. */
#include "executor/events/events.h"
#include "executor/events/item_table.h"
#include "executor/events/pump.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum {
    SEGMENTS = 32,           /* of a whole table */
    SAMPLE_PLACES_MAX = 256, /* where a sample is taken */
    SAMPLE_PAGE = 25,        /* events from one place: far enough into a stream to see more than its first event */
    PAGE_MAX = 1000,
};

struct part {
    bool done;
    const struct json *start;
};

struct reading {
    struct dynamodb_driver *driver;
    const struct plan_events *events;
    const struct event_selection *selection;
    driver_event_fn each;
    void *context;
    struct arena arena;
    struct item_table table;
    struct part *parts;
    size_t count;
    int64_t page;  /* items to be looked at in one answer; 0: as many as fit */
    int64_t given; /* events handed over */
};

static bool is_query(const struct reading *reading)
{
    return reading->selection->stream && str_is(reading->table.hash, reading->events->stream);
}

static bool has_enough(const struct reading *reading)
{
    return reading->selection->sample > 0 && reading->given >= reading->selection->sample;
}

static bool enter_part(void *context, size_t part, const struct json **start)
{
    struct reading *reading = context;

    *start = reading->parts[part].start;
    return !reading->parts[part].done && !has_enough(reading);
}

/* What yesterday's reader would see is as good as the newest, at half the price: reads are eventually consistent. */
static const char *compose_page(void *context, size_t part, const struct json *start, struct strbuf *body)
{
    const struct reading *reading = context;
    const struct event_selection *selection = reading->selection;
    const char *type = item_table_attribute_type(&reading->table, reading->events->stream);
    bool query = is_query(reading), by_stream = selection->stream && !query;

    aws_format(body, "{'TableName':%s", reading->table.name);
    if (query)
        aws_format(body, ",'KeyConditionExpression':'#s = :s'");
    else
        aws_format(body, ",'Segment':%i,'TotalSegments':%i", (int64_t)part, (int64_t)reading->count);
    if (reading->page)
        aws_format(body, ",'Limit':%i", reading->page);
    if (by_stream || selection->type)
        aws_format(body, ",'FilterExpression':'%r%r%r'", by_stream ? "#s = :s" : "",
            by_stream && selection->type ? " AND " : "", selection->type ? "#t = :t" : "");
    if (selection->stream || selection->type) {
        const char *comma = selection->stream && selection->type ? "," : "";

        strbuf_append_text(body, ",\"ExpressionAttributeNames\":{");
        if (selection->stream)
            aws_format(body, "'#s':%s%r", reading->events->stream, comma);
        if (selection->type)
            aws_format(body, "'#t':%s", reading->events->type);
        strbuf_append_text(body, "},\"ExpressionAttributeValues\":{");
        if (selection->stream)
            aws_format(body, "':s':{%s:%s}%r", type, selection->stream, comma);
        if (selection->type)
            aws_format(body, "':t':{'S':%s}", selection->type);
        strbuf_append_char(body, '}');
    }
    if (start)
        aws_format(body, ",'ExclusiveStartKey':%j", start);
    strbuf_append_char(body, '}');
    return query ? "Query" : "Scan";
}

static void advance(void *context, struct pump_slot *slot)
{
    struct reading *reading = context;
    struct error error;

    if (has_enough(reading)) {
        pump_finish(slot);
        return;
    }
    reading->given++;
    if (reading->each(reading->context, slot->item, &error))
        pump_finish(slot);
    else
        pump_fail(slot, &error);
}

/* A sample takes one page of each part in turn. */
static bool leave_part(void *context, size_t number, const struct json *next)
{
    struct reading *reading = context;
    struct part *part = &reading->parts[number];

    part->done = !next;
    if (!reading->selection->sample)
        return false;
    part->start = next ? json_clone(&reading->arena, next) : NULL;
    return true;
}

static void set_up_parts(struct reading *reading)
{
    const struct event_selection *selection = reading->selection;

    reading->count = SEGMENTS;
    if (selection->max_rcu)
        reading->page = selection->max_rcu < 25 ? 25 : selection->max_rcu > PAGE_MAX ? 0 : selection->max_rcu;
    if (selection->sample) {
        int64_t places = selection->sample / SAMPLE_PAGE;

        reading->page = SAMPLE_PAGE;
        reading->count = places < 4 ? 4 : places > SAMPLE_PLACES_MAX ? SAMPLE_PLACES_MAX : (size_t)places;
    }
    if (is_query(reading))
        reading->count = 1;
    reading->parts = ARENA_ARRAY(&reading->arena, struct part, reading->count);
}

static bool anything_left(const struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        if (!reading->parts[i].done)
            return true;
    return false;
}

/* A whole table is one pass. A sample passes over its places until it is complete, with ever larger pages: where most
 * of what is looked at is filtered out, small ones would never come to an end. */
static bool read_all(struct reading *reading, double *consumed, struct error *error)
{
    static const struct pump_ops ops = {enter_part, compose_page, advance, NULL, leave_part};
    const struct driver_env *env = reading->driver->base.env;
    struct pump pump = {.driver = reading->driver,
        .name = "replay",
        .ops = &ops,
        .context = reading,
        .parts = reading->count,
        .unit = "events"};
    bool ok = true;

    pump.total = reading->selection->stream || reading->selection->type ? -1
                 : reading->selection->sample                           ? reading->selection->sample
                                                                        : reading->table.item_count;
    rate_init(&pump.read_rate, (double)reading->selection->max_rcu, env->now_ms(env->context));
    while (ok && anything_left(reading) && !has_enough(reading)) {
        ok = pump_run(&pump, error);
        if (reading->page && reading->selection->sample)
            reading->page = reading->page < PAGE_MAX ? reading->page * 2 : 0;
    }
    *consumed = pump.read_rate.consumed;
    return ok;
}

bool stored_events(struct driver *base, const struct event_selection *selection, driver_event_fn each, void *context,
    double *consumed_read_units, struct error *error)
{
    struct dynamodb_driver *driver = (struct dynamodb_driver *)base;
    struct reading reading = {
        .driver = driver, .events = base->plan->events, .selection = selection, .each = each, .context = context};
    bool ok;

    *consumed_read_units = 0;
    if (!reading.events)
        return error_set(error, EXIT_STATUS_PLAN, "the plan has no events section");
    ok = item_table_read(driver, &reading.arena, reading.events->table, &reading.table, error);
    if (ok) {
        set_up_parts(&reading);
        ok = read_all(&reading, consumed_read_units, error);
    }
    if (!ok && error->exit_status == EXIT_STATUS_RESUMABLE)
        error_set(error, EXIT_STATUS_RESUMABLE, "stopped after %lld events of table '%s'", (long long)reading.given,
            reading.events->table);
    arena_free(&reading.arena);
    return ok;
}
