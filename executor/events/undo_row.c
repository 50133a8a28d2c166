#include <stdlib.h>

#include "executor/events/fingerprint.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"

struct json *undo_event_key(struct arena *arena, const struct upgrade *upgrade, const struct json *item)
{
    const struct str names[2] = {upgrade->hash, upgrade->range};
    struct json *key = json_new(arena, JSON_OBJECT);

    for (size_t i = 0; i < 2 && names[i].data; i++)
        json_set(arena, key, names[i].data, json_clone(arena, json_get(item, names[i].data)));
    return key;
}

size_t upgrade_shards(const struct upgrade *upgrade)
{
    return upgrade->segments < UNDO_SHARDS_MAX ? (size_t)upgrade->segments : UNDO_SHARDS_MAX;
}

const char *undo_partition(struct arena *arena, const struct upgrade *upgrade, size_t shard)
{
    return arena_printf(arena, "%s#%zu", upgrade->step->id, shard);
}

static struct digest key_digest(const struct upgrade *upgrade, const struct event_value *item)
{
    struct event_member members[2];
    struct event_value key = {.type = EVENT_MAP, .members = members};
    const struct str names[2] = {upgrade->hash, upgrade->range};

    for (size_t i = 0; i < 2 && names[i].data; i++) {
        members[i] = (struct event_member){names[i], event_value_member(item, names[i])};
        if (!members[i].value)
            BUG("an item of table '%s' without its key", upgrade->events->table);
        key.count++;
    }
    return fingerprint_item(&key);
}

void undo_append_key(struct strbuf *out, const struct upgrade *upgrade, const struct event_value *item)
{
    struct digest digest = key_digest(upgrade, item);
    struct arena arena = ARENA_INIT;
    const char first[9] = {digest.hex[0], digest.hex[1], digest.hex[2], digest.hex[3], digest.hex[4], digest.hex[5],
        digest.hex[6], digest.hex[7], '\0'};
    size_t shard = strtoul(first, NULL, 16) % upgrade_shards(upgrade);

    aws_format(out, "'pk':{'S':%s},'sk':{'S':%s}", undo_partition(&arena, upgrade, shard),
        digest.hex);
    arena_free(&arena);
}

/* The version first: it is the guard of all guards, and has to be among those that fit. */
static const struct json *guarded(const struct json *item, const struct json *version, size_t index)
{
    const struct json *member = item->child;

    if (version && index == 0)
        return version;
    index -= version != NULL;
    for (; member; member = member->next)
        if (member != version && index-- == 0)
            return member;
    return NULL;
}

void undo_append_guard(struct strbuf *out, const struct upgrade *upgrade, const struct json *item)
{
    const char *version_name = upgrade->events->version;
    const struct json *version = json_get(item, version_name);
    size_t count = item->count < GUARD_ATTRIBUTES_MAX ? item->count : GUARD_ATTRIBUTES_MAX;

    strbuf_append_text(out, ",\"ConditionExpression\":\"");
    if (!version)
        strbuf_append_text(out, "attribute_not_exists(#v)");
    for (size_t i = 0; i < count; i++)
        strbuf_printf(out, "%s#%zu=:%zu", i || !version ? " AND " : "", i, i);
    strbuf_append_text(out, "\",\"ExpressionAttributeNames\":{");
    if (!version)
        aws_format(out, "'#v':%s", version_name);
    for (size_t i = 0; i < count; i++)
        aws_format(out, "%r'#%i':%S", i || !version ? "," : "", (int64_t)i, &guarded(item, version, i)->key);
    strbuf_append_text(out, "},\"ExpressionAttributeValues\":{");
    for (size_t i = 0; i < count; i++)
        aws_format(out, "%r':%i':%j", i ? "," : "", (int64_t)i, guarded(item, version, i));
    strbuf_append_char(out, '}');
}

double undo_write_units(size_t size_bytes)
{
    size_t units = (size_bytes + 1023) / 1024;

    return (double)units;
}
