/*
 * What an sql step makes for the session: temporary tables, views and sequences. A later step may run in another
 * session, or in this one, where the name would be taken: they go when the step ends.
 */
#include <string.h>

#include "compiler/postgres/backend.h"

static const char *drop_words(enum relation_kind kind)
{
    return kind == RELATION_VIEW ? "VIEW" : kind == RELATION_SEQUENCE ? "SEQUENCE" : "TABLE";
}

static bool goes_by_itself(const struct relation *relation)
{
    return relation->drop_on_commit || relation->kind == RELATION_INDEX || relation->owner;
}

void step_drop_temporaries(struct backend *backend, struct statement_list *statements)
{
    struct catalog *catalog = &backend->analyser->catalog;
    const struct map_entry *entry;
    struct relation_list left = {0};

    if (!catalog->has_temporaries)
        return;
    catalog->has_temporaries = false;
    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);)
        if (strcmp(((struct relation *)entry->value)->schema, "pg_temp") == 0)
            VEC_PUSH(&backend->work, &left.items, entry->value);
    for (size_t i = left.items.count; i > 0; i--) { /* what was made last may need what was made before */
        struct relation *relation = left.items.items[i - 1];
        struct text_builder builder;

        if (catalog_find_relation(catalog, "pg_temp", relation->name) != relation)
            continue;
        if (goes_by_itself(relation)) {
            catalog_drop_relation(catalog, relation, backend->migration->id);
            continue;
        }
        backend_begin(&builder, backend);
        text_add_format(&builder, "DROP %s %s", drop_words(relation->kind), relation->qualified);
        analyse(backend->analyser, text_end(&builder), statements);
    }
}
