/*
 * Drift: how an object is now against how the ledger saw it last. Both sides come from the same server, which
 * normalised them, so comparing is plain JSON, object by object and attribute by attribute:
 *
 *     column sku of table public.inventory_items: type is text, was integer
 *     index idx_sku of table public.inventory_items is gone
 *     table public.warehouses is gone
 *
 * A definition is a JSON object. A member whose value is an object of objects ("columns", "indexes") holds named parts,
 * and the part is called by the member's name in the singular; a list whose elements all have a "name" is read
 * likewise. Everything else is an attribute and is compared as a whole.
 */
#ifndef EXECUTOR_DRIFT_H
#define EXECUTOR_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/json.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"

struct arena;
struct ledger;
struct plan_step;

enum drift_kind {
    DRIFT_CHANGED, /* an attribute has another value */
    DRIFT_GONE,    /* the part was there and is not any more */
    DRIFT_ADDED,   /* the part was not there and is now */
};

struct drift {
    enum drift_kind kind;
    const char *object;     /* "table public.inventory_items" */
    const char *part;       /* "column sku of table public.inventory_items", or the object */
    const char *attribute;  /* CHANGED: "type"; else NULL */
    const struct json *was; /* NULL when it was absent */
    const struct json *is;  /* NULL when it is absent */
    const char *message;    /* the whole finding on one line */
};

struct drift_list {
    VEC(struct drift) items;
};

/* Appends what differs. NULL or JSON null on a side: absent there. */
void drift_compare(
    struct arena *arena, const char *object, const struct json *was, const struct json *is, struct drift_list *out);
/* The same for many objects. observed: as from drift_observed(); live: an object by object name. */
void drift_compare_all(struct arena *arena, const char *const *objects, size_t count, const struct map *observed,
    const struct json *live, struct drift_list *out);
const char *drift_kind_name(enum drift_kind kind); /* "changed", "gone", "added" */

struct drift_objects {
    VEC(const char *) items;
};

/* The objects whose drift concerns a step: those that it makes, changes or drops, and the tables that it locks, for it
 * builds on their columns also where it changes nothing of them. */
void drift_objects_of_step(struct arena *arena, const struct plan_step *step, struct drift_objects *out);

/* What the ledger saw last of each object: a map from object name to const struct json *; without indexes whose table
 * was seen to be gone later on. A row whose observation cannot be read fails with exit status HISTORY. */
bool drift_observed(struct arena *arena, const struct ledger *ledger, struct map *out, struct error *error) MUST_CHECK;

#endif
