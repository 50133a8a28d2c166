#include "executor/events/pump.h"

#include <stdio.h>
#include <string.h>

#include "executor/pause.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum { POLL_MS = 1000, LOOK_EVERY_MS = 500 };

enum lane_state { LANE_FREE, LANE_TO_READ, LANE_READING, LANE_WORKING, LANE_SAVING };

struct lane {
    enum lane_state state;
    size_t part;
    struct arena page;
    struct arena key;          /* of start, which outlives the page that it came with */
    const struct json *start;
    const struct json *next_item;
    const struct json *next_start;
    size_t outstanding;        /* items of the page in slots */
    struct strbuf body;
    struct aws_call call;
    const char *action;
};

struct running {
    struct pump *pump;
    struct arena arena;
    struct lane *lanes;
    struct pump_slot *slots;
    size_t next_part;
    int64_t wait_ms; /* until a limit lets the next request through */
    bool held;       /* somebody asked for a pause: no page and no item is begun */
    int64_t look_ms; /* when to ask next */
};

static int64_t now_of(const struct pump *pump)
{
    const struct driver_env *env = pump->driver->base.env;

    return env->now_ms(env->context);
}

static void fail(struct pump *pump, const struct error *error)
{
    if (pump->failed)
        return;
    pump->failed = true;
    pump->error = *error;
}

void pump_fail(struct pump_slot *slot, const struct error *error)
{
    fail(slot->pump, error);
    pump_finish(slot);
}

void pump_finish(struct pump_slot *slot)
{
    slot->busy = false;
}

/* What the service says it consumed, or what was thought. */
static double consumed(const struct pump *pump, const struct aws_call *call, double estimate)
{
    double units;

    return dynamodb_count_units(pump->driver, call, &units) ? units : estimate;
}

void pump_send(struct pump_slot *slot, const char *action, double units)
{
    slot->action = action;
    slot->estimate = units;
    slot->writes = units > 0;
    slot->waiting = true;
}

/* Starts a slot's request when the limit lets it. */
static void slot_send(struct running *running, struct pump_slot *slot)
{
    struct pump *pump = running->pump;
    int64_t wait_ms = slot->writes ? rate_wait_ms(&pump->write_rate, now_of(pump)) : 0;

    if (wait_ms > 0) {
        if (wait_ms < running->wait_ms)
            running->wait_ms = wait_ms;
        return;
    }
    slot->waiting = false;
    if (slot->writes)
        rate_charge(&pump->write_rate, slot->estimate);
    dynamodb_ask_units(slot->action, &slot->body);
    slot->call = (struct aws_call){.service = &AWS_SERVICE_DYNAMODB,
        .action = slot->action,
        .body = strbuf_view(&slot->body),
        .arena = &slot->arena};
    aws_call_start(pump->driver->client, &slot->call);
}

static void slot_landed(struct running *running, struct pump_slot *slot)
{
    struct pump *pump = running->pump;

    strbuf_clear(&slot->body);
    if (slot->writes)
        rate_charge(&pump->write_rate, consumed(pump, &slot->call, slot->estimate) - slot->estimate);
    else
        rate_charge(&pump->read_rate, consumed(pump, &slot->call, 0));
    pump->ops->advance(pump->context, slot);
}

static void slot_ended(struct running *running, struct pump_slot *slot)
{
    struct pump *pump = running->pump;
    const struct driver_env *env = pump->driver->base.env;

    running->lanes[slot->lane].outstanding--;
    arena_reset(&slot->arena);
    strbuf_clear(&slot->body);
    if (pump->failed)
        return;
    pump->done++;
    env->progress(env->context, pump->name, pump->done, pump->total >= pump->done ? pump->total : -1, pump->unit);
}

/* Gives a free slot the next item of any lane. */
static bool slot_take(struct running *running, struct pump_slot *slot)
{
    struct pump *pump = running->pump;

    for (size_t i = 0; i < PUMP_LANES; i++) {
        struct lane *lane = &running->lanes[i];

        if (lane->state != LANE_WORKING || !lane->next_item)
            continue;
        slot->busy = true;
        slot->item = lane->next_item;
        slot->part = lane->part;
        slot->lane = i;
        slot->stage = slot->tries = 0;
        slot->user = NULL;
        lane->next_item = lane->next_item->next;
        lane->outstanding++;
        pump->ops->advance(pump->context, slot);
        return true;
    }
    return false;
}

static void run_slots(struct running *running)
{
    struct pump *pump = running->pump;

    for (size_t i = 0; i < PUMP_SLOTS; i++) {
        struct pump_slot *slot = &running->slots[i];
        bool was_busy = slot->busy;

        if (slot->busy && !slot->waiting && slot->call.done)
            slot_landed(running, slot);
        if (was_busy && !slot->busy)
            slot_ended(running, slot);
        while (!slot->busy && !pump->failed && !running->held && slot_take(running, slot))
            if (!slot->busy) /* an item that needed no request */
                slot_ended(running, slot);
        if (slot->busy && slot->waiting && pump->failed) { /* nothing new is begun after an error */
            slot->busy = slot->waiting = false;
            slot_ended(running, slot);
        }
        if (slot->busy && slot->waiting)
            slot_send(running, slot);
    }
}

/* --- lanes -------------------------------------------------------------------------------------------------------------------- */

static void lane_start_call(struct running *running, struct lane *lane, const char *action)
{
    dynamodb_ask_units(action, &lane->body);
    lane->call = (struct aws_call){.service = &AWS_SERVICE_DYNAMODB,
        .action = action,
        .body = strbuf_view(&lane->body),
        .arena = &lane->page};
    aws_call_start(running->pump->driver->client, &lane->call);
}

static void lane_take_part(struct running *running, struct lane *lane)
{
    struct pump *pump = running->pump;

    while (running->next_part < pump->parts) {
        size_t part = running->next_part++;

        if (!pump->ops->enter(pump->context, part, &lane->start))
            continue;
        lane->part = part;
        lane->state = LANE_TO_READ;
        return;
    }
}

static void lane_read(struct running *running, struct lane *lane)
{
    struct pump *pump = running->pump;
    int64_t wait_ms = rate_wait_ms(&pump->read_rate, now_of(pump));
    const char *action;

    if (wait_ms > 0) {
        if (wait_ms < running->wait_ms)
            running->wait_ms = wait_ms;
        return;
    }
    arena_reset(&lane->page);
    strbuf_clear(&lane->body);
    action = pump->ops->compose_page(pump->context, lane->part, lane->start, &lane->body);
    lane->state = LANE_READING;
    lane_start_call(running, lane, action);
}

static void lane_read_done(struct running *running, struct lane *lane)
{
    struct pump *pump = running->pump;
    const struct json *items = json_get(lane->call.json, "Items");

    if (!lane->call.ok || !dynamodb_page_moves(&lane->call, &lane->call.error)) {
        fail(pump, &lane->call.error);
        lane->state = LANE_FREE;
        return;
    }
    rate_charge(&pump->read_rate, consumed(pump, &lane->call, 0));
    lane->next_item = items ? items->child : NULL;
    lane->next_start = json_get(lane->call.json, "LastEvaluatedKey");
    lane->state = LANE_WORKING;
}

static void lane_next_page(struct running *running, struct lane *lane)
{
    const struct pump *pump = running->pump;

    arena_reset(&lane->key);
    lane->start = lane->next_start ? json_clone(&lane->key, lane->next_start) : NULL;
    if (pump->ops->leave && pump->ops->leave(pump->context, lane->part, lane->start))
        lane->start = NULL;
    lane->state = lane->start ? LANE_TO_READ : LANE_FREE;
}

static void lane_page_done(struct running *running, struct lane *lane)
{
    struct pump *pump = running->pump;

    if (!pump->ops->compose_checkpoint) {
        lane_next_page(running, lane);
        return;
    }
    dynamodb_point(pump->driver, "ddb.pump.before_checkpoint");
    strbuf_clear(&lane->body);
    pump->ops->compose_checkpoint(pump->context, lane->part, lane->next_start, &lane->body);
    lane->state = LANE_SAVING;
    lane_start_call(running, lane, "PutItem");
}

static void lane_saved(struct running *running, struct lane *lane)
{
    struct pump *pump = running->pump;
    struct error error = lane->call.error;

    dynamodb_count_units(pump->driver, &lane->call, NULL);
    if (lane->call.ok) {
        lane_next_page(running, lane);
        return;
    }
    if (dynamodb_is(&error, "ConditionalCheckFailedException"))
        error_set(&error, EXIT_STATUS_LEASE, "another run has taken over step '%s'", pump->name);
    fail(pump, &error);
    lane->state = LANE_FREE;
}

static void run_lanes(struct running *running)
{
    struct pump *pump = running->pump;

    for (size_t i = 0; i < PUMP_LANES; i++) {
        struct lane *lane = &running->lanes[i];

        if (lane->state == LANE_READING && lane->call.done)
            lane_read_done(running, lane);
        else if (lane->state == LANE_SAVING && lane->call.done)
            lane_saved(running, lane);
        else if (lane->state == LANE_WORKING && !lane->next_item && lane->outstanding == 0 && !pump->failed)
            lane_page_done(running, lane);
        if (lane->state == LANE_FREE && !pump->failed)
            lane_take_part(running, lane);
        if (lane->state == LANE_TO_READ && !pump->failed && !running->held)
            lane_read(running, lane);
    }
}

/* Requests under way, whose answers must be waited for; and whether anything is left to do. */
static bool anything_left(const struct running *running, bool *flying)
{
    bool left = false;

    *flying = false;
    for (size_t i = 0; i < PUMP_SLOTS; i++)
        if (running->slots[i].busy)
            *flying = left = true;
    for (size_t i = 0; i < PUMP_LANES; i++) {
        enum lane_state state = running->lanes[i].state;

        *flying = *flying || state == LANE_READING || state == LANE_SAVING;
        left = left || state != LANE_FREE;
    }
    return left;
}

static void look_for_pause(struct running *running)
{
    const struct driver_env *env = running->pump->driver->base.env;
    char why[512];

    if (!env->paused || now_of(running->pump) < running->look_ms)
        return;
    running->held = env->paused(env->context, why, sizeof(why));
    running->look_ms = now_of(running->pump) + LOOK_EVERY_MS;
}

/* What was under way when the pause was asked for is done: waits until it is over. */
static void wait_out_pause(struct running *running)
{
    const struct pump *pump = running->pump;
    char what[256];

    snprintf(what, sizeof(what), "the next %s of step '%s'", pump->unit, pump->name);
    (void)pause_wait(pump->driver->base.env, what);
    running->held = false;
}

static void pump_loop(struct running *running)
{
    struct pump *pump = running->pump;
    struct error stopped;

    for (;;) {
        bool flying, left;

        if (!pump->failed && dynamodb_stopping(pump->driver)) {
            dynamodb_stopped(&stopped, pump->name);
            fail(pump, &stopped);
        }
        running->wait_ms = POLL_MS;
        look_for_pause(running);
        run_lanes(running);
        run_slots(running);
        run_lanes(running); /* a page whose last item needed no request goes on at once */
        left = anything_left(running, &flying);
        if (!flying && (pump->failed || !left))
            return;
        if (!flying && running->held)
            wait_out_pause(running);
        else
            aws_client_poll(pump->driver->client, running->wait_ms);
    }
}

bool pump_run(struct pump *pump, struct error *error)
{
    struct running running = {.pump = pump};

    running.lanes = ARENA_ARRAY(&running.arena, struct lane, PUMP_LANES);
    running.slots = ARENA_ARRAY(&running.arena, struct pump_slot, PUMP_SLOTS);
    for (size_t i = 0; i < PUMP_SLOTS; i++)
        running.slots[i].pump = pump;
    pump->failed = false;
    pump_loop(&running);
    for (size_t i = 0; i < PUMP_SLOTS; i++) {
        arena_free(&running.slots[i].arena);
        strbuf_free(&running.slots[i].body);
    }
    for (size_t i = 0; i < PUMP_LANES; i++) {
        arena_free(&running.lanes[i].page);
        arena_free(&running.lanes[i].key);
        strbuf_free(&running.lanes[i].body);
    }
    arena_free(&running.arena);
    if (pump->failed)
        *error = pump->error;
    return !pump->failed;
}
