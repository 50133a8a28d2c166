/* Events along the versions of their type. */
#include "spec/base/arena.h"
#include "spec/base/decimal.h"
#include "spec/base/vec.h"
#include "spec/event/upcast.h"

bool event_version_read(const struct event_value *event, const char *attribute, size_t *out)
{
    const struct event_value *value = event_value_member(event, str_from(attribute));
    struct decimal number;

    *out = 1;
    return !value || (value->type == EVENT_NUMBER && decimal_parse(value->text, &number) &&
                         decimal_to_size(&number, out) && *out >= 1 && *out <= INT32_MAX);
}

/* Every event of the list by one upcaster. */
static bool upcast_all(const struct upcaster *upcaster, struct arena *arena, size_t to, struct upcast_result *events,
    struct upcast_problem *problem)
{
    VEC(const struct event_value *) results = {0};
    struct upcast_result one;

    for (size_t i = 0; i < events->count; i++) {
        if (!upcaster_apply(upcaster, arena, events->events[i], (int)to, &one, problem))
            return false;
        if (events->count == 1) {
            *events = one;
            return true;
        }
        for (size_t k = 0; k < one.count; k++)
            VEC_PUSH(arena, &results, one.events[k]);
    }
    *events = (struct upcast_result){results.items, results.count};
    return true;
}

bool upcast_along(struct upcaster *const *upcasters, struct arena *arena, const struct event_value *event,
    const struct upcast_way *way, struct upcast_result *out, size_t *failed_to, struct upcast_problem *problem)
{
    const struct event_value **first = ARENA_NEW(arena, const struct event_value *);

    *first = event;
    *out = (struct upcast_result){first, 1};
    for (size_t to = way->from + 1; to <= way->to; to++)
        if (!upcast_all(upcasters[to - 2], arena, to, out, problem)) {
            *failed_to = to;
            return false;
        }
    return true;
}
