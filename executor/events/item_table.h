/* What a step that goes through a table's items asks the service about it first. */
#ifndef EXECUTOR_EVENTS_ITEM_TABLE_H
#define EXECUTOR_EVENTS_ITEM_TABLE_H

#include "executor/dynamodb/dynamodb.h"

struct item_table {
    const char *name;
    struct str hash, range;         /* of its key; range.data NULL: none */
    const struct json *definitions; /* of the attributes of keys */
    int64_t item_count;             /* as the service says: some hours old; -1 unknown */
};

/* The texts live in the arena. Exit status HALTED where there is no such table. */
bool item_table_read(struct dynamodb_driver *driver, struct arena *arena, const char *name, struct item_table *out,
    struct error *error) MUST_CHECK;
/* "S", "N" or "B"; "S" for an attribute of no key. */
const char *item_table_attribute_type(const struct item_table *table, const char *attribute);

#endif
