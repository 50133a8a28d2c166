/*
 * One item changed into another, attribute by attribute, on the condition that it still is what was read: what is
 * changed, taken away or added must be as it was, and of the other attributes as many as an expression can name. An
 * attribute that somebody adds meanwhile is neither seen nor lost: it is as if it had been added afterwards. (A put
 * would take it away: no condition can say that there are no others.)
 */
#ifndef EXECUTOR_EVENTS_ITEM_CHANGE_H
#define EXECUTOR_EVENTS_ITEM_CHANGE_H

#include "executor/events/item_table.h"

enum {
    ITEM_CHANGES_MAX = 100, /* attributes that are changed, taken away or added: an expression has 4 KB */
    ITEM_GUARDS_MAX = 140,  /* attributes that are looked at: it has 300 operators */
};

/* {"id":{"S":…}} of an item. */
struct json *item_key(struct arena *arena, const struct item_table *table, const struct json *item);
/*
 * Appends the members of an UpdateItem but for the table: "Key":{…},"UpdateExpression":…, and so on. Both items have
 * the same key. False, with exit status HALTED, when they differ in more than ITEM_CHANGES_MAX attributes, or not at
 * all.
 */
bool item_change_append(struct strbuf *out, const struct item_table *table, const struct json *from,
    const struct json *to, struct error *error) MUST_CHECK;

#endif
