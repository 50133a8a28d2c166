#include "executor/events/item_table.h"

#include "spec/base/arena.h"
#include "spec/exit.h"

bool item_table_read(
    struct dynamodb_driver *driver, struct arena *arena, const char *name, struct item_table *out, struct error *error)
{
    const struct json *table;

    *out = (struct item_table){.name = name};
    if (!dynamodb_describe(driver, arena, name, &table, error))
        return false;
    if (!table) {
        error_set(error, EXIT_STATUS_HALTED, "the table '%s' does not exist", name);
        return error_help(error, "create it in an earlier migration");
    }
    dynamodb_table_key(table, &out->hash, &out->range);
    out->definitions = json_get(table, "AttributeDefinitions");
    if (!json_to_i64(json_get(table, "ItemCount"), &out->item_count))
        out->item_count = -1;
    return true;
}

const char *item_table_attribute_type(const struct item_table *table, const char *attribute)
{
    for (const struct json *one = table->definitions ? table->definitions->child : NULL; one; one = one->next)
        if (str_is(json_text(json_get(one, "AttributeName")), attribute) && json_string(json_get(one, "AttributeType")))
            return json_string(json_get(one, "AttributeType"));
    return "S";
}
