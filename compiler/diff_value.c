/* Values of two plans compared by their table, plan_key.def, and beyond it as plain JSON. */
#include <string.h>

#include "compiler/diff.h"
#include "spec/duration.h"
#include "spec/printable.h"

/* Longer lists are compared as a whole: matching their elements takes quadratic time. */
enum { ELEMENTS_MAX = 1000 };

struct comparison {
    struct arena *arena;
    struct diff_changes *out;
};

static const struct json *or_null(const struct json *value)
{
    return json_is(value, JSON_NULL) ? NULL : value;
}

static void add(struct comparison *c, const char *key, const struct json *before, const struct json *after)
{
    VEC_PUSH(c->arena, &c->out->items, ((struct diff_change){key, or_null(before), or_null(after), false}));
}

static const char *join(struct comparison *c, const char *up, struct str key)
{
    return arena_printf(c->arena, "%s%s%.*s", up, up[0] ? "." : "", STR_ARG(key));
}

static void compare_json(struct comparison *c, const char *key, const struct json *before, const struct json *after);

static void compare_members(struct comparison *c, const char *up, const struct json *before, const struct json *after)
{
    for (const struct json *member = before->child; member; member = member->next)
        compare_json(c, join(c, up, member->key), member, json_get(after, member->key.data));
    for (const struct json *member = after->child; member; member = member->next)
        if (!json_get(before, member->key.data))
            add(c, join(c, up, member->key), NULL, member);
}

static bool is_list_of_objects(const struct json *list)
{
    for (const struct json *element = list->child; element; element = element->next)
        if (element->type != JSON_OBJECT)
            return false;
    return list->type == JSON_ARRAY && list->child != NULL;
}

/* Objects in lists of the same length are compared in their places; any other list as a whole. */
static bool are_alike_lists(const struct json *a, const struct json *b)
{
    return a && b && a->count == b->count && is_list_of_objects(a) && is_list_of_objects(b);
}

static void compare_json(struct comparison *c, const char *key, const struct json *before, const struct json *after)
{
    size_t index = 0;

    before = or_null(before);
    after = or_null(after);
    if (json_equal(before, after))
        return;
    if (json_is(before, JSON_OBJECT) && json_is(after, JSON_OBJECT)) {
        compare_members(c, key, before, after);
    } else if (are_alike_lists(before, after)) {
        const struct json *a = before->child, *b = after->child;

        for (; a; a = a->next, b = b->next, index++)
            compare_json(c, arena_printf(c->arena, "%s[%zu]", key, index), a, b);
    } else {
        add(c, key, before, after);
    }
}

static void compare_object(struct comparison *c, const char *up, enum plan_object object, const struct json *before,
    const struct json *after, const char *const *ignored);

/* The name of an element: the text of its first key, which names it in every object of a list. */
static struct str element_name(const struct json *element)
{
    return json_text(element->child);
}

/* The element with this name that has `skip` others of the name before it. */
static const struct json *find_element(const struct json *list, struct str name, size_t skip)
{
    for (const struct json *element = list->child; element; element = element->next)
        if (str_equal(element_name(element), name) && skip-- == 0)
            return element;
    return NULL;
}

static size_t count_before(const struct json *list, const struct json *element)
{
    size_t count = 0;

    for (const struct json *other = list->child; other != element; other = other->next)
        count += str_equal(element_name(other), element_name(element));
    return count;
}

static void compare_elements(struct comparison *c, const char *key, enum plan_object object, const struct json *before,
    const struct json *after)
{
    for (const struct json *element = before->child; element; element = element->next) {
        const struct json *other = find_element(after, element_name(element), count_before(before, element));
        const char *name = arena_printf(c->arena, "%s[%.*s]", key, STR_ARG(element_name(element)));

        if (other)
            compare_object(c, name, object, element, other, NULL);
        else
            add(c, name, element, NULL);
    }
    for (const struct json *element = after->child; element; element = element->next)
        if (!find_element(before, element_name(element), count_before(after, element)))
            add(c, arena_printf(c->arena, "%s[%.*s]", key, STR_ARG(element_name(element))), NULL, element);
}

static bool is_ignored(const char *const *ignored, const char *key)
{
    for (; ignored && *ignored; ignored++)
        if (strcmp(*ignored, key) == 0)
            return true;
    return false;
}

static void compare_object(struct comparison *c, const char *up, enum plan_object object, const struct json *before,
    const struct json *after, const char *const *ignored)
{
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    for (size_t i = 0; i < count; i++) {
        const struct json *a = json_get(before, keys[i].name), *b = json_get(after, keys[i].name);
        const char *key = join(c, up, str_from(keys[i].name));

        if (is_ignored(ignored, keys[i].name) || json_equal(a, b))
            continue;
        if (keys[i].kind == PLAN_KIND_OBJECTS && json_is(a, JSON_ARRAY) && json_is(b, JSON_ARRAY) &&
            a->count <= ELEMENTS_MAX && b->count <= ELEMENTS_MAX)
            compare_elements(c, key, keys[i].of, a, b);
        else if (keys[i].of != PLAN_OBJECT_NOTHING && json_is(a, JSON_OBJECT) && json_is(b, JSON_OBJECT) &&
                 !json_get(a, "none") && !json_get(b, "none"))
            compare_object(c, key, keys[i].of, a, b, NULL);
        else
            compare_json(c, key, a, b);
    }
}

void diff_objects(struct arena *arena, enum plan_object object, const struct json *before, const struct json *after,
    const char *const *ignored, struct diff_changes *out)
{
    struct comparison c = {arena, out};

    compare_object(&c, "", object, before, after, ignored);
}

/* --- for people ------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *key, const char *end)
{
    return str_ends_with(str_from(key), end);
}

static void print_flow(struct strbuf *out, const struct json *value)
{
    bool object = json_is(value, JSON_OBJECT);

    if (!object && !json_is(value, JSON_ARRAY)) {
        json_write(out, value);
        return;
    }
    strbuf_append_text(out, object ? "{" : "[");
    for (const struct json *child = value->child; child; child = child->next) {
        if (object) {
            strbuf_append_str(out, child->key);
            strbuf_append_text(out, ": ");
        }
        print_flow(out, child);
        strbuf_append_text(out, child->next ? ", " : "");
    }
    strbuf_append_text(out, object ? "}" : "]");
}

static bool is_list_of_texts(const struct json *value)
{
    if (!json_is(value, JSON_ARRAY))
        return false;
    for (const struct json *element = value->child; element; element = element->next)
        if (element->type != JSON_STRING)
            return false;
    return true;
}

void diff_value_print(struct strbuf *out, const struct diff_change *change, const struct json *value)
{
    struct strbuf text = STRBUF_INIT;
    int64_t ms;

    if (!value) {
        strbuf_append_text(out, ends_with(change->key, "estimate_ms") ? "unknown" : "none");
        return;
    }
    if (ends_with(change->key, "_ms") && json_to_i64(value, &ms)) {
        if (ends_with(change->key, "estimate_ms"))
            duration_print_rough(&text, ms);
        else
            duration_print(&text, ms);
    } else if (json_is(value, JSON_STRING)) {
        strbuf_append_str(&text, value->text.len ? value->text : STR("\"\""));
    } else if (is_list_of_texts(value) && ends_with(change->key, ".sql")) {
        for (const struct json *element = value->child; element; element = element->next) {
            strbuf_append_str(&text, element->text);
            strbuf_append_text(&text, element->next ? ";\n" : ";");
        }
    } else {
        print_flow(&text, value);
    }
    printable_append(out, strbuf_view(&text));
    strbuf_free(&text);
}

const char *diff_change_name(struct arena *arena, const struct diff_change *change)
{
    struct str key = str_from(change->key);

    if (str_starts_with(key, "action.forward."))
        return change->key + strlen("action.forward.");
    if (str_starts_with(key, "inverse.action.forward."))
        return arena_printf(arena, "inverse.%s", change->key + strlen("inverse.action.forward."));
    return change->key;
}

bool diff_change_is_set(const struct diff_change *change)
{
    return is_list_of_texts(change->before) && is_list_of_texts(change->after) && !ends_with(change->key, ".sql");
}

static bool holds(const struct json *list, struct str text)
{
    for (const struct json *element = list->child; element; element = element->next)
        if (str_equal(element->text, text))
            return true;
    return false;
}

static bool print_missing(struct strbuf *out, const struct json *from, const struct json *in, const char *sign)
{
    bool any = false;

    for (const struct json *element = from->child; element; element = element->next) {
        if (holds(in, element->text))
            continue;
        strbuf_append_text(out, any ? ", " : sign);
        printable_append_line(out, element->text);
        any = true;
    }
    return any;
}

void diff_set_print(struct strbuf *out, const struct diff_change *change)
{
    size_t start = out->len;
    bool any = print_missing(out, change->before, change->after, "- ");

    if (print_missing(out, change->after, change->before, any ? " + " : "+ "))
        return;
    if (out->len == start)
        strbuf_append_text(out, "in another order");
}

/* SQL and everything that takes more than a line. */
bool diff_change_is_long(const struct diff_change *change)
{
    const struct json *sides[] = {change->before, change->after};
    struct strbuf text = STRBUF_INIT;
    bool is_long = ends_with(change->key, ".sql") || ends_with(change->key, ".set") || ends_with(change->key, ".where");

    if (diff_change_is_set(change))
        return false;
    for (size_t i = 0; i < 2 && !is_long; i++) {
        strbuf_clear(&text);
        diff_value_print(&text, change, sides[i]);
        is_long = text.len > 60 || memchr(text.data, '\n', text.len) != NULL;
    }
    strbuf_free(&text);
    return is_long;
}

/* What follows from the action: told by itself only where the action is the same. */
static bool is_derived(const char *key)
{
    struct str text = str_from(key);

    return str_starts_with(text, "effect") || str_starts_with(text, "action.probe") ||
           str_starts_with(text, "inverse.action.probe");
}

bool diff_change_is_told(const struct diff_step *step, const struct diff_change *change)
{
    if (change->is_told_elsewhere)
        return false;
    if (strcmp(change->key, "effect_digest") == 0 || strcmp(change->key, "group") == 0)
        return step->changes.items.count == 1;
    if (!is_derived(change->key))
        return true;
    for (size_t i = 0; i < step->changes.items.count; i++)
        if (str_starts_with(str_from(step->changes.items.items[i].key), "action.forward"))
            return false;
    return true;
}

bool diff_step_is_told(const struct diff_step *step)
{
    if (step->moved || step->status == DIFF_ADDED || step->status == DIFF_REMOVED)
        return true;
    for (size_t i = 0; i < step->changes.items.count; i++)
        if (diff_change_is_told(step, &step->changes.items.items[i]))
            return true;
    return false;
}

bool diff_migration_is_told(const struct diff_migration *migration)
{
    if (migration->moved || migration->status != DIFF_SAME)
        return true;
    for (size_t i = 0; i < migration->steps.count; i++)
        if (diff_step_is_told(&migration->steps.items[i]))
            return true;
    return false;
}
