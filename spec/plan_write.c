/* The canonical form of a plan, driven by plan_key.def. */
#include <inttypes.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/plan_key.h"

/* What every VEC looks like; read with memcpy(), as the types differ. */
struct any_vec {
    void *items;
    size_t count;
    size_t capacity;
};

static void write_text(struct strbuf *out, const char *text)
{
    json_write_string(out, str_from(text));
}

static void write_integer(struct strbuf *out, int64_t value)
{
    strbuf_printf(out, "%" PRId64, value);
}

static void write_names(struct strbuf *out, const struct any_vec *vec)
{
    strbuf_append_char(out, '[');
    for (size_t i = 0; i < vec->count; i++) {
        if (i)
            strbuf_append_char(out, ',');
        write_text(out, ((const char *const *)vec->items)[i]);
    }
    strbuf_append_char(out, ']');
}

static void write_objects(struct strbuf *out, enum plan_object of, const struct any_vec *vec)
{
    strbuf_append_char(out, '[');
    for (size_t i = 0; i < vec->count; i++) {
        if (i)
            strbuf_append_char(out, ',');
        plan_object_write(out, of, (const char *)vec->items + i * plan_object_size(of));
    }
    strbuf_append_char(out, ']');
}

static void write_connection(struct strbuf *out, const struct any_vec *vec)
{
    const struct plan_connection_field *fields = vec->items;

    strbuf_append_char(out, '{');
    for (size_t i = 0; i < vec->count; i++) {
        if (i)
            strbuf_append_char(out, ',');
        write_text(out, fields[i].name);
        strbuf_append_char(out, ':');
        write_text(out, fields[i].value);
    }
    strbuf_append_char(out, '}');
}

static void write_inverse_action(struct strbuf *out, const struct plan_inverse *inverse)
{
    if (inverse->grade == GRADE_IMPOSSIBLE)
        strbuf_append_str(out, STR("null"));
    else if (inverse->action.none)
        strbuf_append_str(out, STR("{\"none\":true}"));
    else
        plan_object_write(out, PLAN_OBJECT_ACTION, &inverse->action);
}

static void write_enum(struct strbuf *out, enum plan_kind kind, const void *member)
{
    unsigned value;
    size_t count;
    const char *const *names = plan_kind_names(kind, &count);

    memcpy(&value, member, sizeof(value));
    if (value >= count || !names[value])
        BUG("a plan holds the unknown constant %u", value);
    write_text(out, names[value]);
}

_Static_assert(sizeof(enum instruction) == sizeof(unsigned), "enumerations are read as unsigned");

/* True where the member is NULL in the sense of its kind. */
static bool is_null(const struct plan_key *key, const void *member)
{
    switch (key->kind) {
    case PLAN_KIND_NAME:
    case PLAN_KIND_TEXT:
    case PLAN_KIND_PATH:
    case PLAN_KIND_DIGEST:
        return *(const char *const *)member == NULL;
    case PLAN_KIND_OBJECT: /* one that may be null begins with a text */
        return (key->flags & PLAN_FLAG_NULLABLE) && *(const char *const *)member == NULL;
    case PLAN_KIND_JSON:
    case PLAN_KIND_JSON_OBJECT:
        return *(const struct json *const *)member == NULL;
    case PLAN_KIND_POINTER: {
        const void *pointer;

        memcpy(&pointer, member, sizeof(pointer));
        return pointer == NULL;
    }
    case PLAN_KIND_ESTIMATE:
        return *(const int64_t *)member < 0;
    default:
        return false;
    }
}

static void write_member(struct strbuf *out, const struct plan_key *key, const void *member)
{
    struct any_vec vec;
    const void *pointer;

    switch (key->kind) {
    case PLAN_KIND_NAME:
    case PLAN_KIND_TEXT:
    case PLAN_KIND_PATH:
    case PLAN_KIND_DIGEST:
        write_text(out, *(const char *const *)member);
        break;
    case PLAN_KIND_INTEGER:
    case PLAN_KIND_ESTIMATE:
        write_integer(out, *(const int64_t *)member);
        break;
    case PLAN_KIND_SMALL:
        write_integer(out, *(const int *)member);
        break;
    case PLAN_KIND_BOOL:
        strbuf_append_text(out, *(const bool *)member ? "true" : "false");
        break;
    case PLAN_KIND_JSON:
    case PLAN_KIND_JSON_OBJECT:
        json_write(out, *(const struct json *const *)member);
        break;
    case PLAN_KIND_OBJECT:
        plan_object_write(out, key->of, member);
        break;
    case PLAN_KIND_POINTER:
        memcpy(&pointer, member, sizeof(pointer));
        plan_object_write(out, key->of, pointer);
        break;
    case PLAN_KIND_OBJECTS:
        memcpy(&vec, member, sizeof(vec));
        write_objects(out, key->of, &vec);
        break;
    case PLAN_KIND_NAMES:
        memcpy(&vec, member, sizeof(vec));
        write_names(out, &vec);
        break;
    case PLAN_KIND_CONNECTION:
        memcpy(&vec, member, sizeof(vec));
        write_connection(out, &vec);
        break;
    default:
        write_enum(out, key->kind, member);
        break;
    }
}

static void write_key(struct strbuf *out, const struct plan_key *key, const void *base)
{
    const void *member = (const char *)base + key->offset;

    if (key->kind == PLAN_KIND_FORMAT) {
        write_integer(out, PLAN_FORMAT);
    } else if (key->kind == PLAN_KIND_INVERSE_ACTION) {
        write_inverse_action(out, base);
    } else if (is_null(key, member)) {
        if (key->kind != PLAN_KIND_ESTIMATE && !(key->flags & PLAN_FLAG_NULLABLE))
            BUG("a plan's '%s' is NULL", key->name);
        strbuf_append_str(out, STR("null"));
    } else {
        write_member(out, key, member);
    }
}

void plan_object_write(struct strbuf *out, enum plan_object object, const void *base)
{
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    for (size_t i = 0; i < count; i++) {
        strbuf_append_char(out, i ? ',' : '{');
        write_text(out, keys[i].name);
        strbuf_append_char(out, ':');
        write_key(out, &keys[i], base);
    }
    strbuf_append_char(out, '}');
}

static void write_effect_part(struct strbuf *out, const struct plan_action *action)
{
    write_text(out, instruction_name(action->instruction));
    strbuf_append_char(out, ',');
    json_write(out, action->forward);
}

struct digest plan_effect_digest(const struct plan_step *step)
{
    struct strbuf text = STRBUF_INIT;
    struct digest digest;

    strbuf_append_char(&text, '[');
    write_effect_part(&text, &step->action);
    strbuf_append_char(&text, ',');
    if (step->inverse.grade == GRADE_IMPOSSIBLE || step->inverse.action.none)
        strbuf_append_text(&text, step->inverse.grade == GRADE_IMPOSSIBLE ? "null" : "\"none\"");
    else
        write_effect_part(&text, &step->inverse.action);
    strbuf_append_char(&text, ']');
    digest = digest_of(strbuf_view(&text));
    strbuf_free(&text);
    return digest;
}

static void write_migration(struct arena *arena, struct plan *plan, size_t index, struct strbuf *out)
{
    const struct plan_migration *migration = &plan->migrations.items[index];

    if (migration->first_step > plan->steps.count || migration->step_count > plan->steps.count - migration->first_step)
        BUG("migration '%s' has steps that the plan has not", migration->id);
    plan_object_write(out, PLAN_OBJECT_MIGRATION, migration);
    strbuf_append_char(out, '\n');
    for (size_t i = 0; i < migration->step_count; i++) {
        struct plan_step *step = &plan->steps.items[migration->first_step + i];

        if (!step->effect_digest)
            step->effect_digest = arena_strdup(arena, plan_effect_digest(step).hex);
        plan_object_write(out, PLAN_OBJECT_STEP, step);
        strbuf_append_char(out, '\n');
    }
}

void plan_write(struct arena *arena, struct plan *plan, struct strbuf *out)
{
    size_t start = out->len, lines = 1;
    struct digest digest;

    plan_index_init(arena, plan);
    plan_object_write(out, PLAN_OBJECT_HEADER, plan);
    strbuf_append_char(out, '\n');
    for (size_t i = 0; i < plan->migrations.count; i++) {
        write_migration(arena, plan, i, out);
        lines += 1 + plan->migrations.items[i].step_count;
        if (!plan_index_migration(plan, i))
            BUG("two migrations have the id '%s'", plan->migrations.items[i].id);
    }
    for (size_t i = 0; i < plan->steps.count; i++)
        if (!plan_index_step(plan, i))
            BUG("two steps have the id '%s'", plan->steps.items[i].id);
    if (lines != 1 + plan->migrations.count + plan->steps.count)
        BUG("%zu lines hold %zu migrations and %zu steps", lines, plan->migrations.count, plan->steps.count);
    digest = digest_of((struct str){out->data + start, out->len - start});
    memcpy(plan->digest, digest.hex, sizeof(plan->digest));
    strbuf_printf(out, "{\"end\":{\"lines\":%zu,\"digest\":\"%s\"}}\n", lines, digest.hex);
}
