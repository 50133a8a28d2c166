/* Consumed capacity: asked for with each request on items, and summed up as the answers state it. */
#include <string.h>

#include "executor/dynamodb/dynamodb.h"

struct item_action {
    const char *name;
    bool writes;
};

/* The requests on items; the others consume nothing. */
static const struct item_action item_actions[] = {
    {"BatchGetItem", false},
    {"DeleteItem", true},
    {"GetItem", false},
    {"PutItem", true},
    {"Query", false},
    {"Scan", false},
    {"TransactWriteItems", true},
    {"UpdateItem", true},
};

static const struct item_action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof(item_actions) / sizeof(item_actions[0]); i++)
        if (strcmp(item_actions[i].name, name) == 0)
            return &item_actions[i];
    return NULL;
}

void dynamodb_ask_units(const char *action, struct strbuf *body)
{
    if (!find_action(action))
        return;
    body->len--; /* the object's closing brace */
    aws_format(body, ",'ReturnConsumedCapacity':'TOTAL'}");
}

/* Units are small plain decimals; an exponent is none of theirs. */
static bool read_units(const struct json *value, double *out)
{
    struct str text = json_text(value);
    double whole = 0, scale = 1;
    bool fraction = false;

    if (!json_is(value, JSON_NUMBER))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.') {
            fraction = true;
        } else if (text.data[i] >= '0' && text.data[i] <= '9') {
            whole = whole * 10 + (text.data[i] - '0');
            scale *= fraction ? 10 : 1;
        } else {
            return false;
        }
    }
    *out = whole / scale;
    return true;
}

static bool is_of_the_ledger(const struct dynamodb_driver *driver, struct str table)
{
    return str_is(table, driver->registry_table) || str_is(table, driver->journal_table) ||
        str_is(table, driver->undo_table);
}

/* One table's share. */
static double count_share(struct dynamodb_driver *driver, bool writes, const struct json *share)
{
    struct driver_units *sums = &driver->units;
    double units;

    if (!read_units(json_get(share, "CapacityUnits"), &units))
        return 0;
    if (is_of_the_ledger(driver, json_text(json_get(share, "TableName"))))
        *(writes ? &sums->ledger_write : &sums->ledger_read) += units;
    else
        *(writes ? &sums->write : &sums->read) += units;
    return units;
}

bool dynamodb_count_units(struct dynamodb_driver *driver, const struct aws_call *call, double *units)
{
    const struct item_action *action = find_action(call->action);
    const struct json *consumed = json_get(call->json, "ConsumedCapacity");
    double sum = 0;

    if (!action || !consumed)
        return false;
    if (json_is(consumed, JSON_ARRAY)) {
        for (const struct json *share = consumed->child; share; share = share->next)
            sum += count_share(driver, action->writes, share);
    } else {
        sum = count_share(driver, action->writes, consumed);
    }
    if (units)
        *units = sum;
    return true;
}
