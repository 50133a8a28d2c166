/*
 * Any JSON object {"schema":…,"operators":[…],"event":{…}} as an upcaster with the event it meets. Beyond not crashing:
 * the same event gives the same result, a result can be written and read again, attributes that no operator names come
 * out as they were, and a downcast that is graded exact brings an event that is valid under the schema back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/event/json_schema.h"
#include "spec/event/upcast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct event_envelope envelope = {"stream", "sequence", "type", "version"};

struct trial {
    struct arena arena;
    const struct json *schema, *operators;
    const struct event_value *event;
    struct upcaster *upcaster;
};

static void check_problem(const struct upcast_problem *problem)
{
    if (!problem->message[0])
        BUG("a failure without a message");
}

static bool apply(struct trial *trial, const struct upcaster *upcaster, const struct event_value *event, int to,
    struct upcast_result *out)
{
    struct upcast_problem problem;

    if (upcaster_apply(upcaster, &trial->arena, event, to, out, &problem))
        return true;
    check_problem(&problem);
    return false;
}

/* An event in plain JSON may hold what no item can, such as a number of 40 digits; untouched, it comes out as it came. */
static bool is_storable(struct trial *trial, const struct event_value *event)
{
    const struct event_value *back;
    struct error error;

    return event_item_from_dynamodb(&trial->arena, event_item_to_dynamodb(&trial->arena, event), &back, &error);
}

/* As items have it: what an upcaster makes can be stored, and is the same when it is read. */
static void check_stored(struct trial *trial, const struct event_value *event)
{
    struct json *item = event_item_to_dynamodb(&trial->arena, event);
    struct strbuf tree = STRBUF_INIT, direct = STRBUF_INIT;
    const struct event_value *back;
    struct error error;

    json_write(&tree, item);
    event_item_write_dynamodb(&direct, event);
    if (!str_equal(strbuf_view(&tree), strbuf_view(&direct)))
        BUG("two texts for one item: %s and %s", tree.data, direct.data);
    if (!event_item_from_dynamodb(&trial->arena, item, &back, &error))
        BUG("%s: %s", error.message, tree.data);
    if (!event_value_equal(event, back))
        BUG("an item changed on its way: %s", tree.data);
    strbuf_free(&tree);
    strbuf_free(&direct);
}

/* The event without its version, which an upcaster sets. */
static const struct event_value *without_version(struct trial *trial, const struct event_value *event)
{
    struct event_value *copy = ARENA_NEW(&trial->arena, struct event_value);
    struct event_member *members = ARENA_ARRAY(&trial->arena, struct event_member, event->count + 1);

    *copy = *event;
    copy->members = members;
    copy->count = 0;
    for (size_t i = 0; i < event->count; i++)
        if (!str_is(event->members[i].name, "version"))
            members[copy->count++] = event->members[i];
    return copy;
}

/* What the promise of "exact" is for: events that are valid under the earlier schema. */
static bool is_promised(struct trial *trial)
{
    struct json_schema_error error;
    struct json_schema *compiled;

    return json_schema_compile(&trial->arena, trial->schema, NULL, NULL, &compiled, &error) &&
           json_schema_validate(compiled, &trial->arena, event_value_to_json(&trial->arena, trial->event), &error);
}

static void check_downcast(struct trial *trial, const struct event_value *after)
{
    const struct event_value *type = event_value_member(trial->event, STR("type"));
    struct upcast_origin origin = {.schema = trial->schema};
    struct upcast_problem problem;
    struct upcast_result back;
    struct upcaster *downcaster;
    enum upcast_grade grade;
    struct json *operators;
    const char *why;

    if (type && type->type == EVENT_STRING && strlen(type->text.data) == type->text.len)
        origin.type = type->text.data;
    operators = upcast_derive_downcast_from(&trial->arena, trial->operators, &origin, &grade, &why);
    if ((grade == UPCAST_GRADE_IMPOSSIBLE) != !operators || (grade == UPCAST_GRADE_EXACT) != !why)
        BUG("grade %d does not fit", (int)grade);
    if (!operators)
        return;
    if (!upcaster_create(&trial->arena, operators, NULL, &envelope, &downcaster, &problem))
        BUG("a derived downcast is refused: %s: %s", problem.pointer, problem.message);
    if (grade != UPCAST_GRADE_EXACT || !is_promised(trial))
        return;
    if (!upcaster_apply(downcaster, &trial->arena, after, 1, &back, &problem))
        BUG("an exact downcast fails: %s: %s", problem.pointer, problem.message);
    if (back.count != 1 ||
        !event_value_equal(without_version(trial, back.events[0]), without_version(trial, trial->event)))
        BUG("an exact downcast gives another event");
}

static void run(struct trial *trial)
{
    struct upcast_problem problem;
    struct upcast_result first, second;
    bool storable;

    if (!upcaster_create(&trial->arena, trial->operators, trial->schema, &envelope, &trial->upcaster, &problem)) {
        check_problem(&problem);
        return;
    }
    if (!trial->event || !apply(trial, trial->upcaster, trial->event, 2, &first))
        return;
    storable = is_storable(trial, trial->event);
    if (!apply(trial, trial->upcaster, trial->event, 2, &second) || first.count != second.count)
        BUG("the same event is upcast in two ways");
    for (size_t i = 0; i < first.count; i++) {
        if (!event_value_equal(first.events[i], second.events[i]))
            BUG("the same event gives two results");
        if (storable)
            check_stored(trial, first.events[i]);
    }
    if (first.count == 1)
        check_downcast(trial, first.events[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial trial = {.arena = ARENA_INIT};
    struct json_error problem;
    const struct json *whole, *event;

    if (size > 20000)
        return 0;
    whole = json_read(&trial.arena, (struct str){(const char *)data, size}, JSON_ALLOW_NUL, &problem);
    trial.operators = json_get(whole, "operators");
    trial.schema = json_get(whole, "schema");
    event = json_get(whole, "event");
    if (trial.operators) {
        if (json_is(event, JSON_OBJECT))
            trial.event = event_value_from_json(&trial.arena, event);
        run(&trial);
    }
    arena_free(&trial.arena);
    return 0;
}
