#include "executor/drift.h"

#include <string.h>

#include "executor/ledger.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { SHOWN_VALUE_MAX = 160, SHOWN_BEFORE = 60 };

/* What the comparison of one object has at hand. */
struct comparison {
    struct arena *arena;
    const char *object;
    struct drift_list *out;
};

const char *drift_kind_name(enum drift_kind kind)
{
    switch (kind) {
    case DRIFT_CHANGED:
        return "changed";
    case DRIFT_GONE:
        return "gone";
    case DRIFT_ADDED:
        return "added";
    }
    return "";
}

static bool is_absent(const struct json *value)
{
    return !value || value->type == JSON_NULL;
}

/* Strings as they are but on one line, everything else as JSON. */
static struct str value_text(struct arena *arena, const struct json *value)
{
    struct strbuf written = STRBUF_INIT, folded = STRBUF_INIT;
    struct str text;

    if (is_absent(value))
        return STR("absent");
    if (value->type == JSON_STRING)
        strbuf_append_str(&written, value->text);
    else
        json_write(&written, value);
    for (size_t i = 0; i < written.len; i++) {
        bool blank = strchr(" \t\r\n", written.data[i]) != NULL;

        if (!blank)
            strbuf_append_char(&folded, written.data[i]);
        else if (folded.len && folded.data[folded.len - 1] != ' ')
            strbuf_append_char(&folded, ' ');
    }
    text = str_trim(str_copy(arena, strbuf_view(&folded)));
    strbuf_free(&written);
    strbuf_free(&folded);
    return text.len ? text : STR("empty");
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* At most SHOWN_VALUE_MAX bytes from `from` on, cut at characters' boundaries. */
static const char *excerpt(struct arena *arena, struct str text, size_t from)
{
    size_t to;

    while (from && from < text.len && is_continuation(text.data[from]))
        from--;
    if (from >= text.len)
        from = 0;
    to = text.len - from > SHOWN_VALUE_MAX ? from + SHOWN_VALUE_MAX : text.len;
    while (to < text.len && to > from && is_continuation(text.data[to]))
        to--;
    return arena_printf(
        arena, "%s%.*s%s", from ? "…" : "", (int)(to - from), text.data + from, to < text.len ? "…" : "");
}

/* "is NOW, was THEN"; of long texts what stands around the first difference. */
static const char *show_change(struct arena *arena, const struct json *is, const struct json *was)
{
    struct str now = value_text(arena, is), then = value_text(arena, was);
    size_t same = 0, from = 0;

    while (same < now.len && same < then.len && now.data[same] == then.data[same])
        same++;
    if ((now.len > SHOWN_VALUE_MAX || then.len > SHOWN_VALUE_MAX) && same > SHOWN_BEFORE)
        from = same - SHOWN_BEFORE;
    return arena_printf(arena, "is %s, was %s", excerpt(arena, now, from), excerpt(arena, then, from));
}

static void report(const struct comparison *on, enum drift_kind kind, const char *part, const char *attribute,
    const struct json *was, const struct json *is)
{
    struct drift drift = {
        .kind = kind, .object = on->object, .part = part, .attribute = attribute, .was = was, .is = is};

    switch (kind) {
    case DRIFT_CHANGED:
        drift.message = arena_printf(on->arena, "%s: %s %s", part, attribute, show_change(on->arena, is, was));
        break;
    case DRIFT_GONE:
        drift.message = arena_printf(on->arena, "%s is gone", part);
        break;
    case DRIFT_ADDED:
        drift.message = arena_printf(on->arena, "%s is new", part);
        break;
    }
    VEC_PUSH(on->arena, &on->out->items, drift);
}

/* "columns" → "column", "indexes" → "index", "policies" → "policy", "foreign_keys" → "foreign key". */
static const char *singular(struct arena *arena, struct str plural)
{
    char *text = arena_strndup(arena, plural.data, plural.len);
    size_t len = plural.len;

    if (str_ends_with(plural, "ies") && len > 3)
        memcpy(text + len - 3, "y", 2);
    else if ((str_ends_with(plural, "xes") || str_ends_with(plural, "sses")) && len > 3)
        text[len - 2] = '\0';
    else if (str_ends_with(plural, "s") && len > 1)
        text[len - 1] = '\0';
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = ' ';
    return text;
}

/* Holds named parts: an object of objects, or a list of objects that each have a name. */
static bool has_parts(const struct json *value)
{
    if (!value || (value->type != JSON_OBJECT && value->type != JSON_ARRAY))
        return false;
    for (const struct json *part = value->child; part; part = part->next) {
        if (part->type != JSON_OBJECT)
            return false;
        if (value->type == JSON_ARRAY && !json_string(json_get(part, "name")))
            return false;
    }
    return true;
}

static struct str part_name(const struct json *container, const struct json *part)
{
    return container->type == JSON_OBJECT ? part->key : json_text(json_get(part, "name"));
}

static struct map index_parts(struct arena *arena, const struct json *container)
{
    struct map map;

    map_init(&map, arena);
    for (struct json *part = is_absent(container) ? NULL : container->child; part; part = part->next)
        map_put(&map, part_name(container, part), part);
    return map;
}

static void compare_attributes(
    const struct comparison *on, const char *part, const struct json *was, const struct json *is, int depth);

static void compare_parts(const struct comparison *on, const char *whole, struct str member, const struct json *was,
    const struct json *is, int depth)
{
    const char *kind = singular(on->arena, member);
    struct map before = index_parts(on->arena, was);
    struct map now = index_parts(on->arena, is);
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&before, &i, &entry);) {
        const char *part = arena_printf(on->arena, "%s %.*s of %s", kind, STR_ARG(entry->key), whole);
        const struct json *live = map_get(&now, entry->key);

        if (!live)
            report(on, DRIFT_GONE, part, NULL, entry->value, NULL);
        else
            compare_attributes(on, part, entry->value, live, depth + 1);
    }
    for (size_t i = 0; map_next(&now, &i, &entry);)
        if (!map_has(&before, entry->key))
            report(on, DRIFT_ADDED, arena_printf(on->arena, "%s %.*s of %s", kind, STR_ARG(entry->key), whole), NULL,
                NULL, entry->value);
}

static void compare_member(const struct comparison *on, const char *part, struct str member, const struct json *was,
    const struct json *is, int depth)
{
    bool parted = (is_absent(was) || has_parts(was)) && (is_absent(is) || has_parts(is));

    if (json_equal(was, is) || (is_absent(was) && is_absent(is)))
        return;
    /* A part's own members are named by one container at most ("expression of column x of table y"). */
    if (parted && depth < 3)
        compare_parts(on, part, member, was, is, depth);
    else
        report(on, DRIFT_CHANGED, part, arena_strndup(on->arena, member.data, member.len), was, is);
}

static void compare_attributes(
    const struct comparison *on, const char *part, const struct json *was, const struct json *is, int depth)
{
    struct map now;

    map_init(&now, on->arena);
    for (struct json *member = is->child; member; member = member->next)
        map_put(&now, member->key, member);
    for (const struct json *member = was->child; member; member = member->next)
        compare_member(on, part, member->key, member, map_remove(&now, member->key), depth);
    for (const struct json *member = is->child; member; member = member->next)
        if (map_has(&now, member->key))
            compare_member(on, part, member->key, NULL, member, depth);
}

void drift_compare(
    struct arena *arena, const char *object, const struct json *was, const struct json *is, struct drift_list *out)
{
    const struct comparison on = {.arena = arena, .object = object, .out = out};

    if (is_absent(was) && is_absent(is))
        return;
    if (is_absent(is))
        report(&on, DRIFT_GONE, object, NULL, was, NULL);
    else if (is_absent(was))
        report(&on, DRIFT_ADDED, object, NULL, NULL, is);
    else if (was->type == JSON_OBJECT && is->type == JSON_OBJECT)
        compare_attributes(&on, object, was, is, 0);
    else if (!json_equal(was, is))
        report(&on, DRIFT_CHANGED, object, "definition", was, is);
}

void drift_compare_all(struct arena *arena, const char *const *objects, size_t count, const struct map *observed,
    const struct json *live, struct drift_list *out)
{
    struct map now;

    map_init(&now, arena);
    for (struct json *object = json_is(live, JSON_OBJECT) ? live->child : NULL; object; object = object->next)
        map_put(&now, object->key, object);
    for (size_t i = 0; i < count; i++)
        drift_compare(
            arena, objects[i], map_get(observed, str_from(objects[i])), map_get(&now, str_from(objects[i])), out);
}

void drift_objects_of_step(struct arena *arena, const struct plan_step *step, struct drift_objects *out)
{
    *out = (struct drift_objects){0};
    for (size_t i = 0; i < step->effect.count; i++)
        VEC_PUSH(arena, &out->items, step->effect.items[i].object);
    for (size_t i = 0; i < step->locks.count; i++)
        VEC_PUSH(arena, &out->items, arena_printf(arena, "table %s", step->locks.items[i].relation));
}

/* When what was last seen, by the ledger's seq; of tables, when one was last seen to be gone. */
struct seen_seqs {
    struct arena *arena;
    struct map objects, gone;
};

static void put_seq(struct seen_seqs *seqs, struct map *map, struct str key, int64_t seq)
{
    int64_t *kept = ARENA_NEW(seqs->arena, int64_t);

    *kept = seq;
    map_put(map, key, kept);
}

/* An index goes with its table, also where the step that dropped the table does not name it. */
static void forget_gone_indexes(struct seen_seqs *seqs, struct map *observed)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(observed, &i, &entry);) {
        const char *table = json_string(json_get(entry->value, "table"));
        const int64_t *gone;

        if (!table || !str_starts_with(entry->key, "index "))
            continue;
        gone = map_get(&seqs->gone, str_from(arena_printf(seqs->arena, "table %s", table)));
        if (gone && *gone > *(const int64_t *)map_get(&seqs->objects, entry->key))
            map_remove(observed, entry->key);
    }
}

bool drift_observed(struct arena *arena, const struct ledger *ledger, struct map *out, struct error *error)
{
    struct seen_seqs seqs = {.arena = arena};

    map_init(out, arena);
    map_init(&seqs.objects, arena);
    map_init(&seqs.gone, arena);
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const struct ledger_row *row = &ledger->rows.items[i];
        struct json_error json_error;
        struct json *observed;

        if (!row->observed.len)
            continue;
        observed = json_read(arena, row->observed, JSON_STRICT, &json_error);
        if (!json_is(observed, JSON_OBJECT))
            return error_set(error, EXIT_STATUS_HISTORY, "ledger row %lld holds an observation that cannot be read",
                (long long)row->seq);
        for (struct json *object = observed->child; object; object = object->next) {
            map_put(out, object->key, object);
            if (str_starts_with(object->key, "index "))
                put_seq(&seqs, &seqs.objects, object->key, row->seq);
            else if (is_absent(object) && str_starts_with(object->key, "table "))
                put_seq(&seqs, &seqs.gone, object->key, row->seq);
        }
    }
    if (seqs.gone.count)
        forget_gone_indexes(&seqs, out);
    return true;
}
