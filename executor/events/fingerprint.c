#include "executor/events/fingerprint.h"

#include <stdlib.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"

static void append_value(struct arena *arena, struct strbuf *out, const struct event_value *value);

/* Length and bytes, so that no two values run into each other. */
static void append_bytes(struct strbuf *out, char kind, struct str bytes)
{
    strbuf_printf(out, "%c%zu:", kind, bytes.len);
    strbuf_append_str(out, bytes);
}

static void append_number(struct arena *arena, struct strbuf *out, struct str text)
{
    struct decimal decimal;

    append_bytes(out, 'n', decimal_parse(text, &decimal) ? decimal_print(arena, &decimal) : text);
}

static int compare_members(const void *left, const void *right)
{
    const struct event_member *a = left, *b = right;

    return str_compare(a->name, b->name);
}

static void append_map(struct arena *arena, struct strbuf *out, const struct event_value *map)
{
    struct event_member *members = ARENA_ARRAY(arena, struct event_member, map->count + 1);

    for (size_t i = 0; i < map->count; i++)
        members[i] = map->members[i];
    qsort(members, map->count, sizeof(*members), compare_members);
    strbuf_printf(out, "m%zu:", map->count);
    for (size_t i = 0; i < map->count; i++) {
        append_bytes(out, 'k', members[i].name);
        append_value(arena, out, members[i].value);
    }
}

static int compare_texts(const void *left, const void *right)
{
    const struct str *a = left, *b = right;

    return str_compare(*a, *b);
}

static void append_set(struct arena *arena, struct strbuf *out, char kind, const struct event_value *set)
{
    struct str *texts = ARENA_ARRAY(arena, struct str, set->count + 1);

    for (size_t i = 0; i < set->count; i++) {
        struct strbuf one = STRBUF_INIT;

        append_value(arena, &one, set->items[i]);
        texts[i] = strbuf_copy(&one, arena);
        strbuf_free(&one);
    }
    qsort(texts, set->count, sizeof(*texts), compare_texts);
    strbuf_printf(out, "%c%zu:", kind, set->count);
    for (size_t i = 0; i < set->count; i++)
        strbuf_append_str(out, texts[i]);
}

static void append_value(struct arena *arena, struct strbuf *out, const struct event_value *value)
{
    switch (value->type) {
    case EVENT_NULL:
        strbuf_append_char(out, '0');
        break;
    case EVENT_BOOL:
        strbuf_append_char(out, value->boolean ? 't' : 'f');
        break;
    case EVENT_NUMBER:
        append_number(arena, out, value->text);
        break;
    case EVENT_STRING:
        append_bytes(out, 's', value->text);
        break;
    case EVENT_BINARY:
        append_bytes(out, 'b', value->text);
        break;
    case EVENT_LIST:
        strbuf_printf(out, "l%zu:", value->count);
        for (size_t i = 0; i < value->count; i++)
            append_value(arena, out, value->items[i]);
        break;
    case EVENT_MAP:
        append_map(arena, out, value);
        break;
    case EVENT_STRING_SET:
        append_set(arena, out, 'S', value);
        break;
    case EVENT_NUMBER_SET:
        append_set(arena, out, 'N', value);
        break;
    case EVENT_BINARY_SET:
        append_set(arena, out, 'B', value);
        break;
    }
}

struct digest fingerprint_item(const struct event_value *item)
{
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct digest digest;

    append_value(&arena, &text, item);
    digest = digest_of(strbuf_view(&text));
    strbuf_free(&text);
    arena_free(&arena);
    return digest;
}
