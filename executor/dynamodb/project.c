/*
 * The registry table that other tools read: one item for each applied migration, with the attributes of the service's own
 * registry (id, description, appliedAt). Items of other tools are left alone, and nothing is decided from it.
 */
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

static bool read_ids(struct dynamodb_driver *driver, struct error *error)
{
    struct arena pages[2] = {ARENA_INIT, ARENA_INIT};
    const struct json *start = NULL;
    bool ok = true;

    for (size_t page = 0; ok; page++) {
        struct arena *arena = &pages[page % 2];
        struct strbuf body = STRBUF_INIT;
        const struct json *answer, *items;

        arena_reset(arena);
        aws_format(&body, "{'TableName':%s,'ProjectionExpression':'id','ConsistentRead':true", driver->registry_table);
        if (start)
            aws_format(&body, ",'ExclusiveStartKey':%j", start);
        strbuf_append_char(&body, '}');
        ok = dynamodb_call(driver, arena, "Scan", &body, &answer, error);
        items = ok ? json_get(answer, "Items") : NULL;
        for (const struct json *item = items ? items->child : NULL; item; item = item->next)
            map_put(&driver->projected, str_copy(driver->base.arena, dynamodb_item_text(item, "id")), driver);
        start = ok ? json_get(answer, "LastEvaluatedKey") : NULL;
        if (!start)
            break;
    }
    arena_free(&pages[0]);
    arena_free(&pages[1]);
    driver->projected_known = ok;
    return ok;
}

static bool put(struct dynamodb_driver *driver, const struct projected_migration *migration, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    aws_format(&body, "{'TableName':%s,'Item':{'id':{'S':%s},'description':{'S':%s},'appliedAt':{'S':%s}},"
        "'ConditionExpression':'attribute_not_exists(id)'}", driver->registry_table, migration->id,
        migration->description ? migration->description : "", migration->applied_at);
    ok = dynamodb_call(driver, &arena, "PutItem", &body, NULL, error) ||
        dynamodb_is(error, "ConditionalCheckFailedException"); /* it is there: by us, or by the tool we replace */
    arena_free(&arena);
    if (ok)
        map_put(&driver->projected, str_from(arena_strdup(driver->base.arena, migration->id)), driver);
    return ok;
}

static bool remove_id(struct dynamodb_driver *driver, const char *id, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    aws_format(&body, "{'TableName':%s,'Key':{'id':{'S':%s}}}", driver->registry_table, id);
    ok = dynamodb_call(driver, &arena, "DeleteItem", &body, NULL, error);
    arena_free(&arena);
    if (ok)
        map_remove(&driver->projected, str_from(id));
    return ok;
}

bool dynamodb_project(struct driver *base, const struct projected_migration *migrations, size_t count,
    const struct projected_migration *undone, size_t undone_count, struct error *error)
{
    struct dynamodb_driver *driver = (struct dynamodb_driver *)base;

    if (!dynamodb_lease_ensure(driver, error) || (!driver->projected_known && !read_ids(driver, error)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!map_has(&driver->projected, str_from(migrations[i].id)) && !put(driver, &migrations[i], error))
            return false;
    for (size_t i = 0; i < undone_count; i++)
        if (map_has(&driver->projected, str_from(undone[i].id)) && !remove_id(driver, undone[i].id, error))
            return false;
    return true;
}
