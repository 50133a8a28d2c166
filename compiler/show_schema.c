#include "compiler/show_schema.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/printable.h"

/* The target's objects in the order in which they were made; what was dropped is left out. */
static void fold(
    struct map *objects, const struct plan *plan, const struct plan_migration *last, const struct plan_target *target)
{
    for (size_t i = 0; i < last->first_step + last->step_count; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        if (strcmp(step->target, target->name) != 0)
            continue;
        for (size_t j = 0; j < step->effect.count; j++) {
            const struct plan_effect *effect = &step->effect.items[j];

            if (effect->definition)
                map_put(objects, str_from(effect->object), (void *)effect->definition);
            else
                map_remove(objects, str_from(effect->object));
        }
    }
}

static bool is_leaf(const struct json *value)
{
    return value->type != JSON_OBJECT && value->type != JSON_ARRAY;
}

/* A text as it is, its further lines under the first; anything else as JSON. */
static void print_scalar(struct strbuf *out, const struct json *value, int indent)
{
    struct strbuf buf = STRBUF_INIT;

    if (value->type == JSON_STRING)
        strbuf_append_str(&buf, json_text(value));
    else
        json_write(&buf, value);
    for (size_t from = 0, to; from < buf.len; from = to + 1) {
        const char *end = memchr(buf.data + from, '\n', buf.len - from);

        to = end ? (size_t)(end - buf.data) : buf.len;
        if (from)
            strbuf_printf(out, "\n%*s", indent, "");
        printable_append_line(out, (struct str){buf.data + from, to - from});
    }
    strbuf_free(&buf);
}

enum { TOP = 4 }; /* the indent of an object's own members */

/* Members below their name; below the first level, one whose own members are all plain stands on one line (a column). */
static void print_members(struct strbuf *out, const struct json *object, int indent)
{
    for (const struct json *member = object->child; member; member = member->next) {
        bool flat = indent > TOP && member->type == JSON_OBJECT;

        strbuf_printf(out, "%*s", indent, "");
        printable_append_line(out, member->key);
        for (const struct json *inner = flat ? member->child : NULL; inner && flat; inner = inner->next)
            flat = is_leaf(inner);
        strbuf_append_text(out, member->type == JSON_OBJECT && !flat ? "\n" : "  ");
        if (!flat && member->type == JSON_OBJECT) {
            print_members(out, member, indent + 2);
            continue;
        }
        if (flat)
            for (const struct json *inner = member->child; inner; inner = inner->next) {
                printable_append_line(out, inner->key);
                strbuf_append_text(out, ": ");
                print_scalar(out, inner, indent + 4);
                strbuf_append_text(out, inner->next ? ", " : "");
            }
        else
            print_scalar(out, member, indent + 4);
        strbuf_append_char(out, '\n');
    }
}

void show_schema_text(struct strbuf *out, const struct plan *plan, const struct plan_migration *last)
{
    struct arena arena = ARENA_INIT;

    for (size_t i = 0; i < plan->targets.count; i++) {
        const struct map_entry *entry;
        struct map objects;

        map_init(&objects, &arena);
        fold(&objects, plan, last, &plan->targets.items[i]);
        printable_append_line(out, str_from(plan->targets.items[i].name));
        strbuf_append_text(out, " after ");
        printable_append_line(out, str_from(last->id));
        strbuf_append_char(out, '\n');
        for (size_t at = 0; map_next(&objects, &at, &entry);) {
            strbuf_append_text(out, "\n  ");
            printable_append_line(out, entry->key);
            strbuf_append_char(out, '\n');
            print_members(out, entry->value, TOP);
        }
        if (i + 1 < plan->targets.count)
            strbuf_append_char(out, '\n');
    }
    arena_free(&arena);
}

void show_schema_json(struct strbuf *out, const struct plan *plan, const struct plan_migration *last)
{
    struct arena arena = ARENA_INIT;
    struct json *json = json_new(&arena, JSON_OBJECT), *targets = json_new(&arena, JSON_OBJECT);

    json_set_text(&arena, json, "after", last->id);
    for (size_t i = 0; i < plan->targets.count; i++) {
        struct json *held = json_new(&arena, JSON_OBJECT);
        const struct map_entry *entry;
        struct map objects;

        map_init(&objects, &arena);
        fold(&objects, plan, last, &plan->targets.items[i]);
        for (size_t at = 0; map_next(&objects, &at, &entry);)
            json_set(&arena, held, entry->key.data, json_clone(&arena, entry->value));
        json_set(&arena, targets, plan->targets.items[i].name, held);
    }
    json_set(&arena, json, "targets", targets);
    json_write_pretty(out, json);
    arena_free(&arena);
}
