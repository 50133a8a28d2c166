/* Objects of the catalogue as SQL that makes them again (for inverses) and as JSON (for the plan's effects). */
#include <string.h>

#include "compiler/postgres/catalog.h"
#include "compiler/postgres/quote.h"

static const char *take(struct arena *arena, struct strbuf *buf)
{
    const char *result = strbuf_copy(buf, arena).data;

    strbuf_free(buf);
    return result;
}

static void add_names(struct strbuf *buf, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_append_text(buf, ", ");
        quote_name_into(buf, names[i]);
    }
}

static const char *serial_name(const struct column *column)
{
    return strcmp(column->type.base, "int8") == 0   ? "bigserial"
           : strcmp(column->type.base, "int2") == 0 ? "smallserial"
                                                    : "serial";
}

/* Type and what follows it, as a column definition has it. */
static void add_column_body(struct strbuf *buf, const struct column *column)
{
    strbuf_append_text(buf, column->type.serial ? serial_name(column) : column->type.text);
    if (column->collation)
        strbuf_printf(buf, " COLLATE %s", column->collation);
    if (column->generated_sql)
        strbuf_printf(buf, " GENERATED ALWAYS AS (%s) STORED", column->generated_sql);
    else if (column->identity)
        strbuf_printf(buf, " GENERATED %s AS IDENTITY", column->identity);
    else if (column->default_sql && !column->type.serial)
        strbuf_printf(buf, " DEFAULT %s", column->default_sql);
    if (column->not_null && !column->primary)
        strbuf_append_text(buf, " NOT NULL");
}

const char *catalog_column_sql(struct arena *arena, const struct column *column)
{
    struct strbuf buf = STRBUF_INIT;

    quote_name_into(&buf, column->name);
    strbuf_append_char(&buf, ' ');
    add_column_body(&buf, column);
    return take(arena, &buf);
}

const char *catalog_constraint_sql(struct arena *arena, const struct constraint *constraint)
{
    struct strbuf buf = STRBUF_INIT;

    switch (constraint->kind) {
    case CONSTRAINT_CHECK:
        strbuf_printf(&buf, "CHECK (%s)", constraint->expression);
        break;
    case CONSTRAINT_PRIMARY_KEY:
    case CONSTRAINT_UNIQUE:
        strbuf_append_text(&buf, constraint->kind == CONSTRAINT_UNIQUE ? "UNIQUE " : "PRIMARY KEY ");
        if (constraint->index && constraint->index->index->nulls_not_distinct)
            strbuf_append_text(&buf, "NULLS NOT DISTINCT ");
        strbuf_append_char(&buf, '(');
        add_names(&buf, constraint->columns, constraint->column_count);
        strbuf_append_char(&buf, ')');
        if (constraint->index && constraint->index->index->include_count) {
            strbuf_append_text(&buf, " INCLUDE (");
            add_names(&buf, constraint->index->index->include, constraint->index->index->include_count);
            strbuf_append_char(&buf, ')');
        }
        break;
    case CONSTRAINT_FOREIGN_KEY:
        strbuf_append_text(&buf, "FOREIGN KEY (");
        add_names(&buf, constraint->columns, constraint->column_count);
        strbuf_printf(&buf, ") REFERENCES %s", constraint->referenced ? constraint->referenced->qualified : "");
        if (constraint->referenced_count) {
            strbuf_append_char(&buf, '(');
            add_names(&buf, constraint->referenced_columns, constraint->referenced_count);
            strbuf_append_char(&buf, ')');
        }
        break;
    case CONSTRAINT_EXCLUSION:
        strbuf_append_text(&buf, constraint->expression);
        break;
    }
    strbuf_append_text(&buf, constraint->options);
    if (!constraint->valid)
        strbuf_append_text(&buf, " NOT VALID");
    return take(arena, &buf);
}

const char *catalog_index_definition(struct arena *arena, const struct index *index)
{
    struct strbuf buf = STRBUF_INIT;

    strbuf_append_text(&buf, "USING ");
    quote_name_into(&buf, index->method);
    strbuf_append_text(&buf, " (");
    for (size_t i = 0; i < index->element_count; i++) {
        if (i)
            strbuf_append_text(&buf, ", ");
        if (index->elements[i].column)
            quote_name_into(&buf, index->elements[i].column);
        else
            strbuf_append_text(&buf, index->elements[i].sql);
        strbuf_append_text(&buf, index->elements[i].options);
    }
    strbuf_append_char(&buf, ')');
    if (index->include_count) {
        strbuf_append_text(&buf, " INCLUDE (");
        add_names(&buf, index->include, index->include_count);
        strbuf_append_char(&buf, ')');
    }
    if (index->nulls_not_distinct)
        strbuf_append_text(&buf, " NULLS NOT DISTINCT");
    if (index->with)
        strbuf_printf(&buf, " WITH (%s)", index->with);
    if (index->where)
        strbuf_printf(&buf, " WHERE %s", index->where);
    return take(arena, &buf);
}

const char *catalog_index_sql(struct arena *arena, const struct relation *relation, bool concurrently)
{
    const struct index *index = relation->index;

    return arena_printf(arena, "CREATE %sINDEX %s%s ON %s%s %s", index->unique ? "UNIQUE " : "",
        concurrently ? "CONCURRENTLY " : "", quote_name(arena, relation->name), index->on_only ? "ONLY " : "",
        index->table->qualified, catalog_index_definition(arena, index));
}

static void push(struct arena *arena, struct sql_list *out, const char *sql)
{
    VEC_PUSH(arena, &out->items, sql);
}

static void add_create_table(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    struct strbuf buf = STRBUF_INIT;
    bool first = true;

    strbuf_printf(&buf, "CREATE %sTABLE %s (", relation->unlogged ? "UNLOGGED " : "", relation->qualified);
    for (size_t i = 0; i < relation->columns.count; i++, first = false) {
        if (!first)
            strbuf_append_text(&buf, ", ");
        quote_name_into(&buf, relation->columns.items[i]->name);
        strbuf_append_char(&buf, ' ');
        add_column_body(&buf, relation->columns.items[i]);
    }
    for (size_t i = 0; i < relation->constraints.count; i++) {
        const struct constraint *constraint = relation->constraints.items[i];

        if (constraint->kind == CONSTRAINT_FOREIGN_KEY || !constraint->valid)
            continue;
        strbuf_append_text(&buf, first ? "CONSTRAINT " : ", CONSTRAINT ");
        quote_name_into(&buf, constraint->name);
        strbuf_printf(&buf, " %s", catalog_constraint_sql(arena, constraint));
        first = false;
    }
    strbuf_append_char(&buf, ')');
    if (relation->partition_by)
        strbuf_printf(&buf, " PARTITION BY %s", relation->partition_by);
    if (relation->storage)
        strbuf_append_text(&buf, relation->storage);
    push(arena, out, take(arena, &buf));
}

static void add_comment(struct arena *arena, const char *object, const char *comment, struct sql_list *out)
{
    if (comment)
        push(arena, out, arena_printf(arena, "COMMENT ON %s IS %s", object, quote_literal(arena, comment)));
}

/* what: "TRIGGER" */
static void add_comment_on(struct arena *arena, const char *what, const char *name, const struct relation *relation,
    const char *comment, struct sql_list *out)
{
    add_comment(
        arena, arena_printf(arena, "%s %s ON %s", what, quote_name(arena, name), relation->qualified), comment, out);
}

static void add_comments(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    add_comment(arena, arena_printf(arena, "TABLE %s", relation->qualified), relation->comment, out);
    for (size_t i = 0; i < relation->columns.count; i++)
        add_comment(arena,
            arena_printf(
                arena, "COLUMN %s.%s", relation->qualified, quote_name(arena, relation->columns.items[i]->name)),
            relation->columns.items[i]->comment, out);
    for (size_t i = 0; i < relation->constraints.count; i++)
        add_comment_on(arena, "CONSTRAINT", relation->constraints.items[i]->name, relation,
            relation->constraints.items[i]->comment, out);
    for (size_t i = 0; i < relation->indexes.count; i++)
        add_comment(arena, arena_printf(arena, "INDEX %s", relation->indexes.items[i]->qualified),
            relation->indexes.items[i]->comment, out);
    for (size_t i = 0; i < relation->triggers.count; i++)
        if (relation->triggers.items[i]->sql)
            add_comment_on(arena, "TRIGGER", relation->triggers.items[i]->name, relation,
                relation->triggers.items[i]->comment, out);
    for (size_t i = 0; i < relation->policies.count; i++)
        if (relation->policies.items[i]->sql)
            add_comment_on(arena, "POLICY", relation->policies.items[i]->name, relation,
                relation->policies.items[i]->comment, out);
}

void catalog_table_sql(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    add_create_table(arena, relation, out);
    for (size_t i = 0; i < relation->constraints.count; i++) {
        const struct constraint *constraint = relation->constraints.items[i];

        if (constraint->kind == CONSTRAINT_FOREIGN_KEY || !constraint->valid)
            push(arena, out,
                arena_printf(arena, "ALTER TABLE %s ADD CONSTRAINT %s %s", relation->qualified,
                    quote_name(arena, constraint->name), catalog_constraint_sql(arena, constraint)));
    }
    for (size_t i = 0; i < relation->indexes.count; i++)
        if (!relation->indexes.items[i]->index->constraint)
            push(arena, out, catalog_index_sql(arena, relation->indexes.items[i], false));
    for (size_t i = 0; i < relation->triggers.count; i++)
        if (relation->triggers.items[i]->sql) {
            push(arena, out, relation->triggers.items[i]->sql);
            if (relation->triggers.items[i]->disabled)
                push(arena, out,
                    arena_printf(arena, "ALTER TABLE %s DISABLE TRIGGER %s", relation->qualified,
                        quote_name(arena, relation->triggers.items[i]->name)));
        }
    if (relation->row_security)
        push(arena, out, arena_printf(arena, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY", relation->qualified));
    if (relation->row_security_forced)
        push(arena, out, arena_printf(arena, "ALTER TABLE %s FORCE ROW LEVEL SECURITY", relation->qualified));
    for (size_t i = 0; i < relation->policies.count; i++)
        if (relation->policies.items[i]->sql)
            push(arena, out, relation->policies.items[i]->sql);
    add_comments(arena, relation, out);
}

/* --- definitions for the plan ------------------------------------------------------------------------------------ */

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
    } else if (relation->sql) {
        quote_json_set(arena, json, relation->kind == RELATION_SEQUENCE ? "options" : "query", relation->sql);
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
        quote_json_set(arena, json, "definition", type->sql);
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
