/* Evaluates the expressions of operators: what they may look at, and what they may cost. */
#include "spec/base/arena.h"
#include "spec/event/upcast_run.h"

/* Maps and lists of the event are converted once: `each` asks for the same ones for every element. */
static struct cel_value convert_member(
    struct upcast_run *run, const struct upcast_bound *bound, const struct event_value *value)
{
    struct upcast_converted *slot;

    if (!value->count || bound != &run->event)
        return upcast_cel_from_event(run->arena, value);
    if (!run->converted)
        run->converted = ARENA_ARRAY(run->arena, struct upcast_converted, UPCAST_CONVERTED_MAX);
    for (size_t i = 0; i < UPCAST_CONVERTED_MAX; i++)
        if (run->converted[i].from == value)
            return run->converted[i].cel;
    slot = &run->converted[run->next_converted++ % UPCAST_CONVERTED_MAX];
    *slot = (struct upcast_converted){value, upcast_cel_from_event(run->arena, value)};
    return slot->cel;
}

static struct cel_value bound_members(
    struct upcast_run *run, const struct upcast_bound *bound, const struct cel_use *use)
{
    struct cel_value result = {.kind = CEL_MAP};
    struct cel_entry *entries = use->count ? ARENA_ARRAY(run->arena, struct cel_entry, use->count) : NULL;

    for (size_t i = 0; i < use->count; i++) {
        const struct event_value *value = event_value_member(bound->value, use->fields[i]);

        if (!value)
            continue;
        entries[result.as.map.count].key = (struct cel_value){.kind = CEL_STRING, .as.text = use->fields[i]};
        entries[result.as.map.count++].value = convert_member(run, bound, value);
    }
    result.as.map.entries = entries;
    return result;
}

/* As much of the value as the expression looks at. */
static struct cel_value bound_value(struct upcast_run *run, struct upcast_bound *bound, const struct cel_use *use)
{
    if (!use->whole)
        return bound_members(run, bound, use);
    if (bound->made_from != bound->value) {
        bound->cel = upcast_cel_from_event(run->arena, bound->value);
        bound->made_from = bound->value;
    }
    return bound->cel;
}

/* About the event as it was read. Made when an expression first asks for it. */
static struct cel_value meta_value(struct upcast_run *run)
{
    static const char *const names[] = {"stream", "sequence", "type", "version"};
    const struct upcaster *upcaster = run->upcaster;
    const struct str attributes[] = {upcaster->stream, upcaster->sequence, upcaster->type};
    struct cel_entry *entries;

    if (run->meta.kind == CEL_MAP)
        return run->meta;
    entries = ARENA_ARRAY(run->arena, struct cel_entry, 4);
    for (size_t i = 0; i < 4; i++)
        entries[i].key = (struct cel_value){.kind = CEL_STRING, .as.text = str_from(names[i])};
    for (size_t i = 0; i < 3; i++) {
        const struct event_value *value = event_value_member(run->read, attributes[i]);

        if (value)
            entries[i].value = upcast_cel_from_event(run->arena, value);
    }
    entries[3].value = (struct cel_value){.kind = CEL_INT, .as.integer = run->version};
    run->meta = (struct cel_value){.kind = CEL_MAP, .as.map = {entries, 4}};
    return run->meta;
}

static bool evaluate(struct upcast_run *run, const struct upcast_expression *expression, struct cel_value *out)
{
    struct cel_binding bindings[3];
    uint64_t left = run->cost_left < CEL_COST_DEFAULT ? run->cost_left : CEL_COST_DEFAULT, given = left;
    struct cel_error error;
    size_t count = 0;
    bool ok;

    if (++run->evaluation_count > UPCAST_EVALUATIONS_MAX)
        return upcast_fail(run->problem, expression->pointer, "more than %d expressions evaluated for one event",
            UPCAST_EVALUATIONS_MAX);
    bindings[count++] = (struct cel_binding){"event", bound_value(run, &run->event, &expression->event)};
    if (run->in_item)
        bindings[count++] = (struct cel_binding){"item", bound_value(run, &run->item, &expression->item)};
    if (expression->meta.whole || expression->meta.count)
        bindings[count++] = (struct cel_binding){"meta", meta_value(run)};
    ok = cel_eval_within(expression->program, run->arena, bindings, count, &left, out, &error);
    run->cost_left -= given - left;
    if (ok)
        return true;
    if (!left && given < CEL_COST_DEFAULT)
        return upcast_fail(run->problem, expression->pointer,
            "the expressions of one event cost more than %d steps together", UPCAST_COST_MAX);
    upcast_fail(run->problem, expression->pointer, "%s", error.message);
    run->problem->in_expression = true;
    run->problem->expression = error;
    return upcast_help(run->problem, "%s", error.help);
}

bool upcast_evaluate_value(
    struct upcast_run *run, const struct upcast_expression *expression, const struct event_value **out)
{
    struct cel_value value;
    const char *why;

    if (expression->literal) {
        *out = expression->literal;
        return true;
    }
    if (!evaluate(run, expression, &value))
        return false;
    return upcast_cel_to_event(run->arena, &value, out, &why) ||
           upcast_fail(run->problem, expression->pointer, "%s", why);
}

bool upcast_evaluate_condition(struct upcast_run *run, const struct upcast_expression *expression, bool *out)
{
    struct cel_value value = {.kind = CEL_NULL};

    if (expression->literal) {
        *out = expression->literal->boolean;
        return true;
    }
    if (!evaluate(run, expression, &value))
        return false;
    if (value.kind != CEL_BOOL)
        return upcast_fail(run->problem, expression->pointer, "a condition must be true or false, and this gave %s",
            cel_kind_name(value.kind));
    *out = value.as.boolean;
    return true;
}
