#include "executor/obstacle.h"

#include <string.h>

#include "executor/drift.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { OBSTACLES_SHOWN = 5 };

/* A step that makes something new, and what it is called. */
struct builder {
    const struct plan_step *step;
    const char *object;
};

struct builders {
    VEC(struct builder) items;
};

/* Each object is built by the first pending step that names it; later ones only change what that one made. */
static bool find_builders(struct session *session, struct session_target *target, const struct history *history,
    size_t end, struct builders *out, struct error *error)
{
    const struct plan *plan = session->plan;
    struct map observed, named;

    if (!drift_observed(session->arena, &target->ledger, &observed, error))
        return false;
    map_init(&named, session->arena);
    for (size_t i = 0; i < end; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        if (history->steps[i].applied || strcmp(step->target, target->plan->name) != 0)
            continue;
        for (size_t j = 0; j < step->effect.count; j++) {
            const struct plan_effect *effect = &step->effect.items[j];
            struct str key = str_from(effect->object);
            bool fresh = !map_has(&named, key) && json_is(map_get(&observed, key), JSON_NULL) == map_has(&observed, key);

            map_put(&named, key, NULL);
            if (j == 0 && fresh && effect->definition && step->action.probe && !history->steps[i].ledger)
                VEC_PUSH(session->arena, &out->items, (struct builder){step, effect->object});
        }
    }
    return true;
}

static bool judge(struct session_target *target, const struct builder *builder, size_t *count,
    struct strbuf *text, struct error *error)
{
    struct probe_answer answer;

    if (!target->ops->probe(target->driver, builder->step, false, &answer, error))
        return session_name_target(target, error);
    if (answer.state == PROBE_OTHER && (*count)++ < OBSTACLES_SHOWN)
        strbuf_printf(text, "%s%s is in the way of step '%s': %s", text->len ? "; " : "", builder->object,
            builder->step->id, answer.detail);
    return true;
}

static bool check_target(struct session *session, struct session_target *target, const struct builders *builders,
    size_t *count, struct strbuf *text, struct error *error)
{
    const char **objects = ARENA_ARRAY(session->arena, const char *, builders->items.count + 1);
    struct json *live;

    for (size_t i = 0; i < builders->items.count; i++)
        objects[i] = builders->items.items[i].object;
    if (!target->ops->observe(target->driver, session->arena, objects, builders->items.count, &live, error))
        return session_name_target(target, error);
    for (size_t i = 0; i < builders->items.count; i++) {
        const struct json *found = json_get(live, objects[i]);

        if (found && found->type != JSON_NULL && !judge(target, &builders->items.items[i], count, text, error))
            return false;
    }
    return true;
}

bool obstacle_check(struct session *session, const struct history *history, size_t end, struct error *error)
{
    struct strbuf text = STRBUF_INIT;
    size_t count = 0;
    bool ok = true;

    for (size_t i = 0; ok && history->pending_count && i < session->target_count; i++) {
        struct builders builders = {0};

        ok = find_builders(session, &session->targets[i], history, end, &builders, error) &&
             (builders.items.count == 0 || check_target(session, &session->targets[i], &builders, &count, &text, error));
    }
    if (ok && count > 0) {
        ok = error_set(error, EXIT_STATUS_DRIFT, "%s%s", text.data, count > OBSTACLES_SHOWN ? "; and more" : "");
        error_help(error, "rename or drop what is in the way, or change the step; then apply again");
    }
    strbuf_free(&text);
    return ok;
}
