#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/upcast_op.h"

bool upcast_path_parse(struct arena *arena, struct str text, struct upcast_path *out, const char **why)
{
    VEC(struct str) names = {0};
    char *name = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i <= text.len; i++) {
        if (i == text.len || text.data[i] == '.') {
            if (!len) {
                *why = "a name in it is empty";
                return false;
            }
            VEC_PUSH(arena, &names, (struct str){name, len});
            name = arena_alloc(arena, text.len - i + 1);
            len = 0;
        } else if (text.data[i] == '\\') {
            i++;
            if (i == text.len || (text.data[i] != '.' && text.data[i] != '\\')) {
                *why = "a backslash stands only before a dot or a backslash";
                return false;
            }
            name[len++] = text.data[i];
        } else {
            name[len++] = text.data[i];
        }
    }
    if (names.count >= UPCAST_VALUE_DEPTH_MAX) {
        *why = "it nests deeper than an item can";
        return false;
    }
    *out = (struct upcast_path){text, names.items, names.count};
    return true;
}

struct str upcast_path_print(struct arena *arena, const struct str *names, size_t count)
{
    struct strbuf out = STRBUF_INIT;
    struct str result;

    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_append_char(&out, '.');
        for (size_t k = 0; k < names[i].len; k++) {
            if (names[i].data[k] == '.' || names[i].data[k] == '\\')
                strbuf_append_char(&out, '\\');
            strbuf_append_char(&out, names[i].data[k]);
        }
    }
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result;
}

bool upcast_paths_overlap(const struct upcast_path *a, const struct upcast_path *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (!str_equal(a->names[i], b->names[i]))
            return false;
    }
    return true;
}

static const char *not_a_map(const struct event_value *value)
{
    switch (value->type) {
    case EVENT_NULL:
        return "what stands above it is null, not a map";
    case EVENT_LIST:
        return "what stands above it is a list, not a map; use 'each' for the elements of a list";
    default:
        return "what stands above it is not a map";
    }
}

bool upcast_path_get(
    const struct event_value *map, const struct upcast_path *path, const struct event_value **out, const char **why)
{
    const struct event_value *value = map;

    for (size_t i = 0; i < path->count && value; i++) {
        if (value->type == EVENT_NULL) {
            value = NULL;
        } else if (value->type != EVENT_MAP) {
            *why = not_a_map(value);
            return false;
        } else {
            value = event_value_member(value, path->names[i]);
        }
    }
    *out = value;
    return true;
}

/* A map and room for its members, in one piece. */
struct copied_map {
    struct event_value value;
    struct event_member members[];
};

/* Room for more members in a copy, so that the next ones need no other. */
enum { EDIT_ROOM = 4 };

static void own(struct upcast_edit *edit)
{
    size_t count = edit->value ? edit->value->count : 0;
    struct copied_map *copy =
        arena_alloc(edit->arena, sizeof(*copy) + (count + EDIT_ROOM) * sizeof(struct event_member));

    if (count)
        memcpy(copy->members, edit->value->members, count * sizeof(*copy->members));
    copy->value = (struct event_value){.type = EVENT_MAP, .members = copy->members, .count = count};
    edit->value = edit->own = &copy->value;
    edit->members = copy->members;
    edit->room = count + EDIT_ROOM;
}

static size_t find_member(const struct event_value *map, struct str name)
{
    size_t at = 0, count = map ? map->count : 0;

    while (at < count && !str_equal(map->members[at].name, name))
        at++;
    return at;
}

/* Sets name to value at its place, or behind the others; takes it away when value is NULL. */
static void set_at(struct upcast_edit *edit, size_t at, struct str name, const struct event_value *value)
{
    if (!edit->own || (at == edit->own->count && edit->own->count == edit->room))
        own(edit);
    if (value) {
        edit->members[at] = (struct event_member){name, value};
        edit->own->count += at == edit->own->count;
    } else if (at < edit->own->count) {
        edit->own->count--;
        memmove(edit->members + at, edit->members + at + 1, (edit->own->count - at) * sizeof(*edit->members));
    }
}

static void set_member(struct upcast_edit *edit, struct str name, const struct event_value *value)
{
    set_at(edit, find_member(edit->value, name), name, value);
}

static bool put_at(struct upcast_edit *edit, const struct str *names, size_t count, const struct event_value *value,
    const char **why)
{
    struct upcast_edit inner = {.arena = edit->arena};

    if (count > 1) {
        inner.value = event_value_member(edit->value, names[0]);
        if (inner.value && inner.value->type != EVENT_MAP) {
            *why = not_a_map(inner.value);
            return false;
        }
        if (!put_at(&inner, names + 1, count - 1, value, why))
            return false;
        value = inner.value;
    }
    set_member(edit, names[0], value);
    return true;
}

bool upcast_path_put(struct upcast_edit *edit, const struct upcast_path *path, const struct event_value *value,
    const char **why)
{
    return put_at(edit, path->names, path->count, value, why);
}

bool upcast_path_put_new(struct upcast_edit *edit, const struct upcast_path *path, const struct event_value *value,
    const char **why)
{
    const struct event_value *above = edit->value;

    for (size_t i = 0; i + 1 < path->count && above; i++) {
        above = event_value_member(above, path->names[i]);
        if (above && above->type == EVENT_MAP && !above->count) {
            *why = "the map above it is there and empty, which could not be restored later";
            return false;
        }
    }
    if (above && event_value_member(above, path->names[path->count - 1])) {
        *why = "it is already there";
        return false;
    }
    if (path->count == 1) {
        set_at(edit, edit->value ? edit->value->count : 0, path->names[0], value);
        return true;
    }
    return put_at(edit, path->names, path->count, value, why);
}

static void take_at(struct upcast_edit *edit, const struct str *names, size_t count, bool prune)
{
    struct upcast_edit inner = {.arena = edit->arena};

    if (count > 1) {
        inner.value = event_value_member(edit->value, names[0]);
        take_at(&inner, names + 1, count - 1, prune);
        if (prune && !inner.value->count)
            inner.value = NULL;
    }
    set_member(edit, names[0], inner.value);
}

bool upcast_path_take(struct upcast_edit *edit, const struct upcast_path *path, bool prune,
    const struct event_value **out, const char **why)
{
    if (!upcast_path_get(edit->value, path, out, why))
        return false;
    if (*out)
        take_at(edit, path->names, path->count, prune);
    return true;
}

struct event_value *upcast_new_string(struct arena *arena, struct str text)
{
    struct event_value *value = ARENA_NEW(arena, struct event_value);

    value->type = EVENT_STRING;
    value->text = text;
    return value;
}

struct event_value *upcast_new_number(struct arena *arena, struct str text)
{
    struct event_value *value = upcast_new_string(arena, text);

    value->type = EVENT_NUMBER;
    return value;
}
