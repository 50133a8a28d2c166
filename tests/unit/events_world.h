/* A world (dynamodb_world.h) with a table of events, and an upgrade of theirs from version 1 or 2 to 3. */
#ifndef TESTS_UNIT_EVENTS_WORLD_H
#define TESTS_UNIT_EVENTS_WORLD_H

#include "executor/events/events.h"
#include "tests/unit/dynamodb_world.h"

static inline void create_table(struct world *world, const char *name, const char *hash, const char *range, const char *range_type)
{
    world_request(world, "CreateTable", arena_printf(&world->arena,
        "{`TableName`:`T_%s`,`AttributeDefinitions`:[{`AttributeName`:`%s`,`AttributeType`:`S`},{`AttributeName`:`%s`,"
        "`AttributeType`:`%s`}],`KeySchema`:[{`AttributeName`:`%s`,`KeyType`:`HASH`},{`AttributeName`:`%s`,`KeyType`:"
        "`RANGE`}],`BillingMode`:`PAY_PER_REQUEST`}", name, hash, range, range_type, hash, range));
}

/* Not idempotent on purpose: an event that is upcast twice shows it. */
#define UPCASTS                                                                                                        \
    "`upcasts`:[{`version`:2,`operators`:[{`default`:{`who`:`'system'`}},{`set`:{`count`:`event.count + 1`}}]},"       \
    "{`version`:3,`operators`:[{`rename`:{`old`:`new`}},{`set`:{`count`:`event.count + 10`}}]}]"

static inline struct plan_step *upgrade_step_of(struct world *world, const char *forward)
{
    struct plan_step *step = world_step(world, "m2/upgrade_events:Created/upgrade", INSTRUCTION_EVENT_UPGRADE, forward, NULL);

    step->timeouts.wait_ms = 0;
    world_inverse(world, step, INSTRUCTION_EVENT_UPGRADE, "{`restore`:`m2/upgrade_events:Created/upgrade`}", NULL);
    return step;
}

static inline struct plan_step *upgrade_step(struct world *world, int segments)
{
    return upgrade_step_of(world, arena_printf(&world->arena,
        "{`event`:`Created`,`to`:3,`strategy`:`in_place`,`segments`:%d,`only`:null,`max_wcu`:null,`max_rcu`:null," UPCASTS "}",
        segments));
}

static inline void put_event(struct world *world, const char *stream, int seq, const char *type, const char *version,
    const char *more)
{
    world_request(world, "PutItem", arena_printf(&world->arena,
        "{`TableName`:`T_events`,`Item`:{`stream`:{`S`:`%s`},`seq`:{`N`:`%d`},`eventType`:{`S`:`%s`}%s%s%s,`count`:{`N`:`0`},"
        "`old`:{`S`:`x`}%s}}", stream, seq, type, version ? ",`eventVersion`:{`N`:`" : "", version ? version : "",
        version ? "`}" : "", more));
}

static inline const struct json *get_event(struct world *world, const char *stream, int seq)
{
    return json_get(world_request(world, "GetItem", arena_printf(&world->arena,
        "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`%s`},`seq`:{`N`:`%d`}},`ConsistentRead`:true}", stream, seq)), "Item");
}

static inline int compare_members(const void *a, const void *b)
{
    return str_compare((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

/* Its attributes by name: an item has no order. */
static inline void dump_item(const struct json *item, struct strbuf *out)
{
    const struct json **members = calloc(item->count + 1, sizeof(*members));
    size_t count = 0;

    assert_non_null(members);
    for (const struct json *member = item->child; member; member = member->next)
        members[count++] = member;
    qsort(members, count, sizeof(*members), compare_members);
    for (size_t i = 0; i < count; i++) {
        strbuf_append_str(out, members[i]->key);
        json_write(out, members[i]);
        strbuf_append_char(out, ' ');
    }
    free(members);
}

/* Every item of a table, by key, as text. */
static inline char *dump(struct world *world, const char *table)
{
    struct strbuf text = STRBUF_INIT;
    const struct json *start = NULL;
    char *result;

    strbuf_append_text(&text, "");
    do {
        struct strbuf body = STRBUF_INIT;
        const struct json *answer;

        strbuf_printf(&body, "{`TableName`:`T_%s`,`ConsistentRead`:true", table);
        if (start) {
            strbuf_append_text(&body, ",`ExclusiveStartKey`:");
            json_write(&body, start);
        }
        strbuf_append_char(&body, '}');
        answer = world_request(world, "Scan", body.data);
        for (const struct json *item = json_get(answer, "Items")->child; item; item = item->next) {
            dump_item(item, &text);
            strbuf_append_char(&text, '\n');
        }
        start = json_get(answer, "LastEvaluatedKey");
        strbuf_free(&body);
    } while (start);
    result = arena_strndup(&world->arena, text.data, text.len);
    strbuf_free(&text);
    return result;
}

static inline struct world *world_of_events(int count)
{
    struct world *world = world_ready();

    create_table(world, "events", "stream", "seq", "N");
    for (int i = 0; i < count; i++)
        put_event(world, arena_printf(&world->arena, "s%d", i % 17), i, "Created", i % 3 == 0 ? NULL : i % 3 == 1 ? "1" : "2",
            ",`exact`:{`N`:`12345678901234567890123456789012345678`},`tags`:{`SS`:[`b`,`a`]},`raw`:{`B`:`AAECAw==`},"
            "`nums`:{`NS`:[`1`,`2.5`]},`deep`:{`M`:{`l`:{`L`:[{`NULL`:true},{`BOOL`:false},{`N`:`0.000001`}]}}}");
    return world;
}

static inline void assert_all_upgraded(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        const struct json *event = get_event(world, arena_printf(&world->arena, "s%d", i % 17), i);

        assert_string_equal(dynamodb_item_text(event, "eventVersion").data, "3");
        assert_string_equal(dynamodb_item_text(event, "count").data, i % 3 == 2 ? "10" : "11"); /* once, no more */
        assert_string_equal(dynamodb_item_text(event, "new").data, "x");
        assert_null(json_get(event, "old"));
        assert_string_equal(dynamodb_item_text(event, "who").data, i % 3 == 2 ? "" : "system");
        assert_string_equal(dynamodb_item_text(event, "exact").data, "12345678901234567890123456789012345678");
        assert_true(json_equal(json_get(event, "raw"), world_json(world, "{`B`:`AAECAw==`}")));
        assert_int_equal(json_get(json_get(event, "tags"), "SS")->count, 2);
        assert_int_equal(json_get(json_get(event, "nums"), "NS")->count, 2);
        assert_true(json_equal(json_get(event, "deep"),
            world_json(world, "{`M`:{`l`:{`L`:[{`NULL`:true},{`BOOL`:false},{`N`:`0.000001`}]}}}")));
    }
}

static inline struct world *beside(struct world *world)
{
    struct world *other = world_create();

    memcpy(other->prefix, world->prefix, sizeof(other->prefix));
    return other;
}

#endif
