/* Objects of the catalogue as JSON: for the plan's effects. */
#include <string.h>

#include "compiler/postgres/catalog.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

const char *relation_kind_name(enum relation_kind kind)
{
    static const char *const names[] = {
        [RELATION_TABLE] = "table",
        [RELATION_PARTITIONED] = "table",
        [RELATION_VIEW] = "view",
        [RELATION_MATERIALIZED_VIEW] = "materialized_view",
        [RELATION_SEQUENCE] = "sequence",
        [RELATION_INDEX] = "index",
        [RELATION_FOREIGN_TABLE] = "foreign_table",
        [RELATION_COMPOSITE] = "type",
    };

    return names[kind];
}

struct object relation_object(struct arena *arena, const struct relation *relation)
{
    return (struct object){OBJECT_RELATION,
        arena_printf(arena, "%s %s", relation_kind_name(relation->kind), relation->qualified), relation->schema,
        relation->name, NULL};
}

static struct json *column_definition(struct arena *arena, const struct column *column)
{
    struct json *json = json_new(arena, JSON_OBJECT);

    quote_json_set(arena, json, "type", column->type.text);
    if (column->collation)
        quote_json_set(arena, json, "collation", column->collation);
    if (column->not_null)
        json_set(arena, json, "not_null", json_new_bool(arena, true));
    if (column->default_sql)
        quote_json_set(arena, json, "default", column->default_sql);
    if (column->generated_sql)
        quote_json_set(arena, json, "generated", column->generated_sql);
    if (column->identity)
        quote_json_set(arena, json, "identity", column->identity);
    if (column->comment)
        quote_json_set(arena, json, "comment", column->comment);
    return json;
}

static struct json *table_definition(struct arena *arena, const struct relation *relation)
{
    struct json *json = json_new(arena, JSON_OBJECT), *columns = json_new(arena, JSON_OBJECT);

    for (size_t i = 0; i < relation->columns.count; i++)
        json_set(
            arena, columns, relation->columns.items[i]->name, column_definition(arena, relation->columns.items[i]));
    json_set(arena, json, "columns", columns);
    if (relation->constraints.count) {
        struct json *constraints = json_new(arena, JSON_OBJECT);

        for (size_t i = 0; i < relation->constraints.count; i++)
            quote_json_set(arena, constraints, relation->constraints.items[i]->name,
                catalog_constraint_sql(arena, relation->constraints.items[i]));
        json_set(arena, json, "constraints", constraints);
    }
    if (relation->triggers.count) {
        struct json *triggers = json_new(arena, JSON_OBJECT);

        for (size_t i = 0; i < relation->triggers.count; i++)
            quote_json_set(arena, triggers, relation->triggers.items[i]->name, relation->triggers.items[i]->sql);
        json_set(arena, json, "triggers", triggers);
    }
    if (relation->partition_by)
        quote_json_set(arena, json, "partition_by", relation->partition_by);
    if (relation->parent)
        quote_json_set(arena, json, "parent", relation->parent->qualified);
    if (relation->partition_bound)
        quote_json_set(arena, json, "bound", relation->partition_bound);
    if (relation->row_security)
        json_set(arena, json, "row_security", json_new_bool(arena, true));
    if (relation->row_security_forced)
        json_set(arena, json, "row_security_forced", json_new_bool(arena, true));
    if (relation->comment)
        quote_json_set(arena, json, "comment", relation->comment);
    return json;
}

static struct json *relation_definition(struct arena *arena, const struct relation *relation)
{
    struct json *json;

    if (relation_is_table(relation))
        return table_definition(arena, relation);
    json = json_new(arena, JSON_OBJECT);
    if (relation->kind == RELATION_INDEX) {
        quote_json_set(arena, json, "table", relation->index->table->qualified);
        quote_json_set(arena, json, "definition",
            relation->index->exclude ? relation->index->exclude : catalog_index_sql(arena, relation, false));
    } else if (relation->kind == RELATION_SEQUENCE && relation->settings.count) {
        quote_json_set(arena, json, "options", setting_of_sequence(arena, relation, NULL));
    } else if (relation->sql) {
        quote_json_set(arena, json, "query", relation->sql);
    }
    if (relation->owner)
        quote_json_set(arena, json, "owned_by",
            arena_printf(arena, "%s.%s", relation->owner->qualified, quote_name(arena, relation->owner_column)));
    if (relation->comment)
        quote_json_set(arena, json, "comment", relation->comment);
    return json;
}

static struct json *type_definition(struct arena *arena, const struct type_object *type)
{
    struct json *json = json_new(arena, JSON_OBJECT);

    if (type->kind == TYPE_KIND_ENUM) {
        struct json *labels = json_new(arena, JSON_ARRAY);

        for (size_t i = 0; i < type->labels.count; i++)
            json_append(labels, quote_json(arena, type->labels.items[i]));
        json_set(arena, json, "labels", labels);
    } else {
        quote_json_set(arena, json, "definition", catalog_type_sql(arena, type));
    }
    return json;
}

static struct json *function_definition(struct arena *arena, const struct function *function)
{
    struct json *json = json_new(arena, JSON_OBJECT);

    quote_json_set(arena, json, "definition", function->sql);
    return json;
}

const struct json *catalog_definition(const struct catalog *catalog, struct arena *arena, const struct object *object)
{
    switch (object->kind) {
    case OBJECT_RELATION: {
        const struct relation *relation = catalog_find_relation(catalog, object->schema, object->name);

        return relation ? relation_definition(arena, relation) : NULL;
    }
    case OBJECT_TYPE: {
        const struct type_object *type = catalog_find_type(catalog, object->schema, object->name);

        return type ? type_definition(arena, type) : NULL;
    }
    case OBJECT_FUNCTION:
        for (const struct function *function = catalog_find_functions(catalog, object->schema, object->name); function;
             function = function->next)
            if (strcmp(function->identity, object->identity) == 0)
                return function_definition(arena, function);
        return NULL;
    case OBJECT_SCHEMA:
        return map_has(&catalog->schemas, str_from(object->name)) ? json_new(arena, JSON_OBJECT) : NULL;
    case OBJECT_EXTENSION: {
        const struct extension *extension = map_get(&catalog->extensions, str_from(object->name));
        struct json *json;

        if (!extension)
            return NULL;
        json = json_new(arena, JSON_OBJECT);
        if (extension->schema)
            quote_json_set(arena, json, "schema", extension->schema);
        return json;
    }
    }
    return NULL;
}
