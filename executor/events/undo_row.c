#include <stdlib.h>

#include "executor/events/fingerprint.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"

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
    const struct str names[2] = {upgrade->table.hash, upgrade->table.range};

    for (size_t i = 0; i < 2 && names[i].data; i++) {
        members[i] = (struct event_member){names[i], event_value_member(item, names[i])};
        if (!members[i].value)
            BUG("an item of table '%s' without its key", upgrade->table.name);
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

bool undo_rows_left(const struct upgrade *upgrade, bool *left, struct error *error)
{
    size_t shards = upgrade_shards(upgrade);
    struct arena arena = ARENA_INIT;
    bool ok = true;

    *left = false;
    for (size_t shard = 0; shard < shards && ok && !*left; shard++) {
        const struct json *start = NULL;

        do {
            struct strbuf body = STRBUF_INIT;
            const struct json *answer = NULL, *items;

            aws_format(&body, "{'TableName':%s,'KeyConditionExpression':'pk = :pk','FilterExpression':"
                "'attribute_not_exists(kept)','ProjectionExpression':'sk','ExpressionAttributeValues':{':pk':{'S':%s}},"
                "'ConsistentRead':true", upgrade->driver->undo_table, undo_partition(&arena, upgrade, shard));
            if (start)
                aws_format(&body, ",'ExclusiveStartKey':%j", start);
            strbuf_append_char(&body, '}');
            ok = dynamodb_call(upgrade->driver, &arena, "Query", &body, &answer, error);
            items = ok ? json_get(answer, "Items") : NULL;
            *left = items && items->count;
            start = ok ? json_get(answer, "LastEvaluatedKey") : NULL;
        } while (start && !*left);
    }
    arena_free(&arena);
    return ok;
}

double undo_write_units(size_t size_bytes)
{
    size_t units = (size_bytes + 1023) / 1024;

    return (double)units;
}
