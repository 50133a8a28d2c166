/* Objects of the catalogue as SQL that makes them again: for inverses. */
#include <string.h>

#include "compiler/postgres/catalog.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

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

/* Is the sequence called as one that the server makes for the column? */
static bool has_usual_name(struct arena *arena, const struct column *column)
{
    const struct relation *sequence = column->sequence, *table = sequence->owner;

    return table && strcmp(sequence->schema, table->schema) == 0 &&
           strcmp(sequence->name, arena_printf(arena, "%s_%s_seq", table->name, column->name)) == 0;
}

/* Does serial make the column's sequence and its default as they are? */
static bool is_serial(struct arena *arena, const struct column *column)
{
    if (!column->type.serial || !column->sequence || !column->default_sql || !has_usual_name(arena, column))
        return false;
    for (size_t i = 0; i < column->sequence->settings.count; i++)
        if (!column->sequence->settings.items[i].made)
            return false;
    return strcmp(column->default_sql,
               arena_printf(arena, "nextval(%s)", quote_literal(arena, column->sequence->qualified))) == 0;
}

static void add_identity(struct arena *arena, struct strbuf *buf, const struct column *column)
{
    const char *options = column->sequence ? setting_of_sequence(arena, column->sequence, "as") : "";
    bool named = column->sequence && !has_usual_name(arena, column);

    strbuf_printf(buf, "GENERATED %s AS IDENTITY", column->identity);
    if (named || *options)
        strbuf_printf(buf, " (%s%s%s%s)", named ? "SEQUENCE NAME " : "", named ? column->sequence->qualified : "",
            named && *options ? " " : "", options);
}

/* Type and what follows it, as a column definition has it. */
static void add_column_body(struct arena *arena, struct strbuf *buf, const struct column *column)
{
    bool serial = is_serial(arena, column);

    strbuf_append_text(buf, serial ? serial_name(column) : column->type.text);
    if (column->collation)
        strbuf_printf(buf, " COLLATE %s", column->collation);
    if (column->generated_sql) {
        strbuf_printf(buf, " GENERATED ALWAYS AS (%s) STORED", column->generated_sql);
    } else if (column->identity) {
        strbuf_append_char(buf, ' ');
        add_identity(arena, buf, column);
    } else if (column->default_sql && !serial) {
        strbuf_printf(buf, " DEFAULT %s", column->default_sql);
    }
    if (column->not_null && !column->primary)
        strbuf_append_text(buf, " NOT NULL");
}

const char *catalog_column_sql(struct arena *arena, const struct column *column)
{
    struct strbuf buf = STRBUF_INIT;

    quote_name_into(&buf, column->name);
    strbuf_append_char(&buf, ' ');
    add_column_body(arena, &buf, column);
    return take(arena, &buf);
}

const char *catalog_identity_sql(struct arena *arena, const struct column *column)
{
    struct strbuf buf = STRBUF_INIT;

    add_identity(arena, &buf, column);
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
        add_column_body(arena, &buf, relation->columns.items[i]);
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

const char *relation_words(const struct relation *relation)
{
    static const char *const words[] = {
        [RELATION_TABLE] = "TABLE",
        [RELATION_PARTITIONED] = "TABLE",
        [RELATION_VIEW] = "VIEW",
        [RELATION_MATERIALIZED_VIEW] = "MATERIALIZED VIEW",
        [RELATION_SEQUENCE] = "SEQUENCE",
        [RELATION_INDEX] = "INDEX",
        [RELATION_FOREIGN_TABLE] = "FOREIGN TABLE",
        [RELATION_COMPOSITE] = "TYPE",
    };

    return words[relation->kind];
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
    add_comment(arena, quote_on(arena, what, name, relation->qualified), comment, out);
}

static void add_comments(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    add_comment(arena, arena_printf(arena, "%s %s", relation_words(relation), relation->qualified), relation->comment, out);
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
    for (size_t i = 0; i < relation->sequences.count; i++)
        add_comment(arena, arena_printf(arena, "SEQUENCE %s", relation->sequences.items[i]->qualified),
            relation->sequences.items[i]->comment, out);
}

static void add_settings(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    for (size_t i = 0; i < relation->settings.count; i++)
        if (!relation->settings.items[i].made)
            push(arena, out, setting_sql(arena, relation, &relation->settings.items[i]));
}

void catalog_trigger_sql(
    struct arena *arena, const struct relation *relation, const struct trigger *trigger, struct sql_list *out)
{
    if (!trigger->sql)
        return;
    push(arena, out, trigger->sql);
    if (trigger->firing)
        push(arena, out,
            arena_printf(arena, "ALTER TABLE %s %s TRIGGER %s", relation->qualified, trigger->firing,
                quote_name(arena, trigger->name)));
    add_comment_on(arena, "TRIGGER", trigger->name, relation, trigger->comment, out);
}

void catalog_extra_sql(
    struct arena *arena, const struct relation *relation, const struct extra *extra, struct sql_list *out)
{
    if (!extra->sql)
        return;
    push(arena, out, extra->sql);
    for (size_t k = 0; k < extra->actions.count; k++)
        push(arena, out, extra->actions.items[k]);
    if (extra->kind == EXTRA_STATISTICS)
        add_comment(arena, arena_printf(arena, "STATISTICS %s", extra->name), extra->comment, out);
    else
        add_comment_on(arena, extra_words(extra), extra->name, relation, extra->comment, out);
}

void catalog_relation_parts(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    for (size_t i = 0; i < relation->indexes.count; i++) {
        if (!relation->indexes.items[i]->index->constraint)
            push(arena, out, catalog_index_sql(arena, relation->indexes.items[i], false));
        add_settings(arena, relation->indexes.items[i], out);
    }
    add_settings(arena, relation, out);
    for (size_t i = 0; i < relation->triggers.count; i++)
        catalog_trigger_sql(arena, relation, relation->triggers.items[i], out);
    if (relation->triggers_disabled)
        push(arena, out, arena_printf(arena, "ALTER TABLE %s DISABLE TRIGGER ALL", relation->qualified));
    if (relation->row_security)
        push(arena, out, arena_printf(arena, "ALTER TABLE %s ENABLE ROW LEVEL SECURITY", relation->qualified));
    if (relation->row_security_forced)
        push(arena, out, arena_printf(arena, "ALTER TABLE %s FORCE ROW LEVEL SECURITY", relation->qualified));
    for (size_t i = 0; i < relation->extras.count; i++)
        catalog_extra_sql(arena, relation, relation->extras.items[i], out);
    add_comments(arena, relation, out);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static void add_labels(struct arena *arena, struct strbuf *buf, const struct type_object *type)
{
    strbuf_printf(buf, "CREATE TYPE %s AS ENUM (", type->qualified);
    for (size_t i = 0; i < type->labels.count; i++)
        strbuf_printf(buf, "%s%s", i ? ", " : "", quote_literal(arena, type->labels.items[i]));
    strbuf_append_char(buf, ')');
}

static void add_attributes(struct strbuf *buf, const struct type_object *type)
{
    strbuf_printf(buf, "CREATE TYPE %s AS (", type->qualified);
    for (size_t i = 0; i < type->parts.count; i++) {
        strbuf_append_text(buf, i ? ", " : "");
        quote_name_into(buf, type->parts.items[i].name);
        strbuf_printf(buf, " %s", type->parts.items[i].sql);
    }
    strbuf_append_char(buf, ')');
}

static void add_domain(struct strbuf *buf, const struct type_object *type)
{
    strbuf_printf(buf, "CREATE DOMAIN %s AS %s", type->qualified, type->sql);
    if (type->default_sql)
        strbuf_printf(buf, " DEFAULT %s", type->default_sql);
    if (type->not_null)
        strbuf_append_text(buf, " NOT NULL");
    for (size_t i = 0; i < type->parts.count; i++) {
        strbuf_append_text(buf, " CONSTRAINT ");
        quote_name_into(buf, type->parts.items[i].name);
        strbuf_printf(buf, " %s", type->parts.items[i].sql);
    }
}

const char *catalog_type_sql(struct arena *arena, const struct type_object *type)
{
    struct strbuf buf = STRBUF_INIT;

    if (type->kind == TYPE_KIND_ENUM)
        add_labels(arena, &buf, type);
    else if (type->kind == TYPE_KIND_COMPOSITE)
        add_attributes(&buf, type);
    else if (type->kind == TYPE_KIND_DOMAIN)
        add_domain(&buf, type);
    else
        return type->sql;
    return take(arena, &buf);
}

/* --- sequences that columns own ----------------------------------------------------------------------------------- */

const char *catalog_sequence_sql(struct arena *arena, const struct relation *sequence)
{
    const char *options = setting_of_sequence(arena, sequence, NULL);

    return arena_printf(arena, "CREATE SEQUENCE %s%s%s", sequence->qualified, *options ? " " : "", options);
}

/* Does the column's definition make it? */
static bool is_made_by_column(struct arena *arena, const struct relation *table, const struct relation *sequence)
{
    const struct column *column = relation_find_column(table, sequence->owner_column);

    return column && column->sequence == sequence && (column->identity || is_serial(arena, column));
}

void catalog_owned_sequences(
    struct arena *arena, const struct relation *table, const char *column, bool before, struct sql_list *out)
{
    for (size_t i = 0; i < table->sequences.count; i++) {
        const struct relation *sequence = table->sequences.items[i];

        if ((column && strcmp(sequence->owner_column, column) != 0) || is_made_by_column(arena, table, sequence))
            continue;
        push(arena, out,
            before ? catalog_sequence_sql(arena, sequence)
                   : arena_printf(arena, "ALTER SEQUENCE %s OWNED BY %s.%s", sequence->qualified, table->qualified,
                         quote_name(arena, sequence->owner_column)));
    }
}

void catalog_table_sql(struct arena *arena, const struct relation *relation, struct sql_list *out)
{
    catalog_owned_sequences(arena, relation, NULL, true, out);
    add_create_table(arena, relation, out);
    catalog_owned_sequences(arena, relation, NULL, false, out);
    for (size_t i = 0; i < relation->constraints.count; i++) {
        const struct constraint *constraint = relation->constraints.items[i];

        if (constraint->kind == CONSTRAINT_FOREIGN_KEY || !constraint->valid)
            push(arena, out,
                arena_printf(arena, "ALTER TABLE %s ADD CONSTRAINT %s %s", relation->qualified,
                    quote_name(arena, constraint->name), catalog_constraint_sql(arena, constraint)));
    }
    catalog_relation_parts(arena, relation, out);
}
