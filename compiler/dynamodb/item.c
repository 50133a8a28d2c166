#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/event/value.h"

enum { ITEMS_MAX = 10000 };

static bool type_matches(enum event_type type, struct str wanted)
{
    return (type == EVENT_STRING && str_is(wanted, "S")) || (type == EVENT_NUMBER && str_is(wanted, "N")) ||
           (type == EVENT_BINARY && str_is(wanted, "B"));
}

static bool check_item(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at,
    const struct event_value *item)
{
    struct diag_list *diags = backend->compilation->diags;

    for (size_t i = 0; i < table->key.count; i++) {
        const struct event_value *value = event_value_member(item, table->key.items[i].name);

        if (!value || !type_matches(value->type, table->key.items[i].type)) {
            diag_report(diags, DIAG(DDB013), at->span, "the item has no key attribute '%.*s' of type %.*s",
                STR_ARG(table->key.items[i].name), STR_ARG(table->key.items[i].type));
            return false;
        }
    }
    if (event_item_size(item) > EVENT_ITEM_MAX_BYTES) {
        diag_report(diags, DIAG(DDB014), at->span, "the item has %zu bytes: %d is the most", event_item_size(item),
            EVENT_ITEM_MAX_BYTES);
        return false;
    }
    return true;
}

bool lower_put_items(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));
    const struct node *items = node_get(step->body, "items");
    struct lowered_part part = ddb_part(backend, step, "put");
    struct json *forward = json_new(arena, JSON_OBJECT), *list = json_new(arena, JSON_ARRAY);
    struct json *key = json_new(arena, JSON_ARRAY), *undo = json_new(arena, JSON_OBJECT);
    bool ok = true;

    if (!table)
        return false;
    if (items->count > ITEMS_MAX) {
        diag_report(backend->compilation->diags, DIAG(DDB014), items->span, "%zu seed items: %d is the most", items->count,
            ITEMS_MAX);
        return false;
    }
    for (size_t i = 0; i < items->count; i++) {
        const struct event_value *item = event_value_from_json(arena, node_to_json(arena, items->items[i]));

        if (check_item(backend, table, items->items[i], item))
            json_append(list, event_item_to_dynamodb(arena, item));
        else
            ok = false;
    }
    for (size_t i = 0; i < table->key.count; i++)
        json_append(key, json_new_string(arena, table->key.items[i].name));
    json_set_text(arena, forward, "table", table->name);
    json_set(arena, forward, "items", list);
    json_set(arena, forward, "key", key);
    part.step.phase = PHASE_MIGRATE;
    part.step.action = (struct plan_action){.instruction = INSTRUCTION_DDB_PUT_ITEMS, .forward = forward};
    json_set_text(arena, undo, "remove", arena_printf(arena, "%s/%s/put", migration->id, step->name));
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = (struct plan_action){.instruction = INSTRUCTION_DDB_PUT_ITEMS, .forward = undo};
    VEC_PUSH(arena, &out->items, part);
    return ok;
}
