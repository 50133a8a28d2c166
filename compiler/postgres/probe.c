#include "compiler/postgres/probe.h"

#include <string.h>

#include "compiler/postgres/quote.h"

static const char *take(struct arena *arena, struct strbuf *buf)
{
    const char *result = strbuf_copy(buf, arena).data;

    strbuf_free(buf);
    return result;
}

/* A type as format_type() may print it: with its schema only where that is not in search_path. */
static const char *short_type(const struct type *type)
{
    const char *dot = type->origin == TYPE_USER ? strrchr(type->text, '.') : NULL;

    return dot ? dot + 1 : type->text;
}

/* "id uuid not null": what probes compare of a column. A type of an extension is compared without its modifiers: the
 * extension prints them in its own way. */
const char *sql_column_shape(struct arena *arena, const struct column *column)
{
    const char *type = short_type(&column->type);
    size_t len = column->type.origin == TYPE_EXTENSION ? strcspn(type, "(") : strlen(type);

    return arena_printf(arena, "%s %.*s%s", column->name, (int)len, type, column->not_null ? " not null" : "");
}

/* The same of the column `a` of pg_attribute. */
static const char shape_sql[] =
    "a.attname || ' ' || pg_catalog.regexp_replace(CASE WHEN t.typmodin <> 0 AND t.typnamespace <> 11 THEN "
    "pg_catalog.format_type(a.atttypid, NULL) ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END, "
    "'^(\"([^\"]|\"\")*\"|[a-z_][a-z0-9_$]*)[.]', '') || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END";

const char *sql_probe_table(struct arena *arena, const struct relation *relation)
{
    const char *kind = relation->kind == RELATION_PARTITIONED     ? "p"
                       : relation->kind == RELATION_FOREIGN_TABLE ? "f"
                                                                  : "r";
    struct strbuf buf = STRBUF_INIT;

    strbuf_printf(&buf,
        "SELECT CASE WHEN c.oid IS NULL THEN 'not done' WHEN c.relkind <> '%s' OR d.detail IS NOT NULL THEN 'other' "
        "ELSE 'done' END, "
        "CASE WHEN c.relkind <> '%s' THEN 'it is no such table' ELSE d.detail END "
        "FROM (SELECT pg_catalog.to_regclass(%s)::pg_catalog.oid) AS w(oid) LEFT JOIN pg_catalog.pg_class c ON c.oid = "
        "w.oid "
        "LEFT JOIN LATERAL (SELECT pg_catalog.string_agg(CASE WHEN h.shape IS NULL THEN 'it lacks ' || n.shape "
        "ELSE 'it has ' || h.shape END, ', ' ORDER BY COALESCE(n.shape, h.shape)) AS detail FROM (VALUES ",
        kind, kind, quote_literal(arena, relation->qualified));
    for (size_t i = 0; i < relation->columns.count; i++)
        strbuf_printf(
            &buf, "%s(%s)", i ? ", " : "", quote_literal(arena, sql_column_shape(arena, relation->columns.items[i])));
    if (!relation->columns.count)
        strbuf_append_text(&buf, "(NULL)");
    strbuf_printf(&buf,
        ") AS n(shape) FULL JOIN (SELECT %s FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = "
        "a.atttypid "
        "WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS h(shape) ON h.shape = n.shape "
        "WHERE h.shape IS NULL AND n.shape IS NOT NULL OR n.shape IS NULL) AS d ON c.oid IS NOT NULL",
        shape_sql);
    return take(arena, &buf);
}

const char *sql_probe_column(
    struct arena *arena, const struct relation *relation, const struct column *column, const char *before)
{
    const char *after = quote_literal(arena, sql_column_shape(arena, column));
    const char *or_before = before ? arena_printf(arena, " OR h.shape = %s", quote_literal(arena, before)) : "";

    return arena_printf(arena,
        "SELECT CASE WHEN h.shape = %s THEN 'done' WHEN h.shape IS NULL%s THEN 'not done' ELSE 'other' END, "
        "CASE WHEN h.shape <> %s THEN 'the column is ' || h.shape END FROM (SELECT 1) AS w LEFT JOIN (SELECT %s "
        "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s AND NOT a.attisdropped) AS h(shape) ON true",
        after, or_before, after, shape_sql, quote_literal(arena, relation->qualified),
        quote_literal(arena, column->name));
}

const char *sql_probe_no_column(struct arena *arena, const char *table, const char *column)
{
    return sql_probe_condition(arena, arena_printf(arena,
                                          "NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = "
                                          "pg_catalog.to_regclass(%s) AND attname = %s "
                                          "AND NOT attisdropped)",
                                          quote_literal(arena, table), quote_literal(arena, column)));
}

/* Key columns in order; an expression counts as ''. */
static const char *index_columns(struct arena *arena, const struct index *index)
{
    struct strbuf buf = STRBUF_INIT;

    strbuf_append_text(&buf, "ARRAY[");
    for (size_t i = 0; i < index->element_count; i++)
        strbuf_printf(&buf, "%s%s", i ? ", " : "",
            quote_literal(arena, index->elements[i].column ? index->elements[i].column : ""));
    strbuf_append_text(&buf, "]");
    return take(arena, &buf);
}

const char *sql_probe_index(struct arena *arena, const struct relation *relation)
{
    const struct index *index = relation->index;

    return arena_printf(arena,
        "SELECT CASE WHEN c.oid IS NULL THEN 'not done' WHEN d.detail IS NOT NULL THEN 'other' "
        "WHEN NOT i.indisvalid THEN 'half done' ELSE 'done' END, "
        "COALESCE(d.detail, CASE WHEN NOT i.indisvalid THEN 'the index is invalid' END) "
        "FROM (SELECT pg_catalog.to_regclass(%s)::pg_catalog.oid) AS w(oid) LEFT JOIN pg_catalog.pg_class c ON c.oid = "
        "w.oid "
        "LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid LEFT JOIN LATERAL (SELECT "
        "CASE WHEN i.indexrelid IS NULL THEN 'it is no index' "
        "WHEN i.indrelid IS DISTINCT FROM pg_catalog.to_regclass(%s) THEN 'it is an index of ' || "
        "i.indrelid::pg_catalog.regclass "
        "WHEN i.indisunique <> %s THEN CASE WHEN i.indisunique THEN 'it is unique' ELSE 'it is not unique' END "
        "WHEN (SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = c.relam) <> %s THEN 'it uses another method' "
        "WHEN (SELECT pg_catalog.array_agg(COALESCE(a.attname::pg_catalog.text, '') ORDER BY k.n) FROM "
        "pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, n) LEFT JOIN "
        "pg_catalog.pg_attribute a "
        "ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 WHERE k.n <= i.indnkeyatts) "
        "IS DISTINCT FROM %s THEN 'it is on other columns' "
        "WHEN (i.indpred IS NOT NULL) <> %s THEN CASE WHEN i.indpred IS NULL THEN 'it has no WHERE' ELSE 'it has a "
        "WHERE' END "
        "END AS detail) AS d ON c.oid IS NOT NULL",
        quote_literal(arena, relation->qualified), quote_literal(arena, index->table->qualified),
        index->unique ? "true" : "false", quote_literal(arena, index->method), index_columns(arena, index),
        index->where ? "true" : "false");
}

const char *sql_probe_no_index(struct arena *arena, const char *qualified)
{
    return sql_probe_condition(
        arena, arena_printf(arena, "pg_catalog.to_regclass(%s) IS NULL", quote_literal(arena, qualified)));
}

const char *sql_probe_constraint(struct arena *arena, const struct constraint *constraint)
{
    static const char *const kinds[] = {[CONSTRAINT_CHECK] = "c",
        [CONSTRAINT_FOREIGN_KEY] = "f",
        [CONSTRAINT_PRIMARY_KEY] = "p",
        [CONSTRAINT_UNIQUE] = "u",
        [CONSTRAINT_EXCLUSION] = "x"};

    return arena_printf(arena,
        "SELECT CASE WHEN c.oid IS NULL THEN 'not done' WHEN c.contype <> '%s' THEN 'other' "
        "WHEN c.convalidated <> %s THEN 'other' ELSE 'done' END, CASE WHEN c.contype <> '%s' THEN 'it is another kind "
        "of constraint' "
        "WHEN c.convalidated <> %s THEN CASE WHEN c.convalidated THEN 'it is validated' ELSE 'it is not validated' END "
        "END "
        "FROM (SELECT 1) AS w LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = pg_catalog.to_regclass(%s) AND "
        "c.conname = %s",
        kinds[constraint->kind], constraint->valid ? "true" : "false", kinds[constraint->kind],
        constraint->valid ? "true" : "false", quote_literal(arena, constraint->relation->qualified),
        quote_literal(arena, constraint->name));
}

const char *sql_probe_validated(struct arena *arena, const struct constraint *constraint)
{
    return sql_probe_condition(
        arena, arena_printf(arena,
                   "EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = pg_catalog.to_regclass(%s) AND "
                   "conname = %s AND convalidated)",
                   quote_literal(arena, constraint->relation->qualified), quote_literal(arena, constraint->name)));
}

const char *sql_probe_no_constraint(struct arena *arena, const char *table, const char *name)
{
    return sql_probe_condition(arena, arena_printf(arena,
                                          "NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = "
                                          "pg_catalog.to_regclass(%s) AND conname = %s)",
                                          quote_literal(arena, table), quote_literal(arena, name)));
}

const char *sql_probe_relation(struct arena *arena, const char *qualified, const char *kinds)
{
    return arena_printf(arena,
        "SELECT CASE WHEN c.oid IS NULL THEN 'not done' WHEN pg_catalog.strpos(%s, c.relkind::pg_catalog.text) = 0 "
        "THEN 'other' "
        "ELSE 'done' END, CASE WHEN pg_catalog.strpos(%s, c.relkind::pg_catalog.text) = 0 THEN 'it is another kind of "
        "relation' END "
        "FROM (SELECT 1) AS w LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(%s)",
        quote_literal(arena, kinds), quote_literal(arena, kinds), quote_literal(arena, qualified));
}

const char *sql_probe_no_relation(struct arena *arena, const char *qualified)
{
    return sql_probe_no_index(arena, qualified);
}

const char *sql_probe_enum(struct arena *arena, const struct type_object *type)
{
    struct strbuf labels = STRBUF_INIT;
    const char *array;

    strbuf_append_text(&labels, "ARRAY[");
    for (size_t i = 0; i < type->labels.count; i++)
        strbuf_printf(&labels, "%s%s", i ? ", " : "", quote_literal(arena, type->labels.items[i]));
    strbuf_append_text(&labels, "]::pg_catalog.text[]");
    array = take(arena, &labels);
    return arena_printf(arena,
        "SELECT CASE WHEN t.oid IS NULL THEN 'not done' WHEN l.labels IS DISTINCT FROM %s THEN 'other' ELSE 'done' "
        "END, "
        "CASE WHEN l.labels IS DISTINCT FROM %s THEN 'its values are ' || "
        "COALESCE(pg_catalog.array_to_string(l.labels, ', '), 'none') "
        "END FROM (SELECT pg_catalog.to_regtype(%s)) AS t(oid) LEFT JOIN LATERAL (SELECT pg_catalog.array_agg("
        "e.enumlabel::pg_catalog.text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) "
        "AS l(labels) "
        "ON t.oid IS NOT NULL",
        array, array, quote_literal(arena, type->qualified));
}

const char *sql_probe_enum_value(struct arena *arena, const struct type_object *type, const char *label)
{
    return sql_probe_condition(arena,
        arena_printf(arena,
            "EXISTS (SELECT FROM pg_catalog.pg_enum WHERE enumtypid = pg_catalog.to_regtype(%s) AND enumlabel = %s)",
            quote_literal(arena, type->qualified), quote_literal(arena, label)));
}

const char *sql_probe_schema(struct arena *arena, const char *name)
{
    return sql_probe_condition(
        arena, arena_printf(arena, "EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)",
                   quote_literal(arena, name)));
}

const char *sql_probe_extension(struct arena *arena, const char *name)
{
    return sql_probe_condition(
        arena, arena_printf(arena, "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = %s)",
                   quote_literal(arena, name)));
}

const char *sql_probe_function(struct arena *arena, const struct function *function)
{
    return sql_probe_condition(arena,
        arena_printf(arena, "pg_catalog.to_regprocedure(%s) IS NOT NULL", quote_literal(arena, function->identity)));
}

const char *sql_probe_trigger(struct arena *arena, const struct relation *relation, const char *name)
{
    return sql_probe_condition(arena,
        arena_printf(arena,
            "EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass(%s) AND tgname = %s)",
            quote_literal(arena, relation->qualified), quote_literal(arena, name)));
}

const char *sql_probe_condition(struct arena *arena, const char *condition)
{
    return arena_printf(arena, "SELECT CASE WHEN %s THEN 'done' ELSE 'not done' END, NULL::pg_catalog.text", condition);
}

const char *sql_probe_all(struct arena *arena, const char *const *probes, size_t count)
{
    struct strbuf buf = STRBUF_INIT;

    if (count == 1)
        return probes[0];
    strbuf_append_text(&buf,
        "SELECT CASE WHEN pg_catalog.bool_and(p.state = 'done') THEN 'done' WHEN pg_catalog.bool_and(p.state = 'not "
        "done') "
        "THEN 'not done' ELSE 'other' END, CASE WHEN NOT pg_catalog.bool_and(p.state = 'done') AND NOT "
        "pg_catalog.bool_and(p.state = 'not done') THEN COALESCE(pg_catalog.string_agg(p.detail, '; '), 'only a part "
        "of it is there') END "
        "FROM (");
    for (size_t i = 0; i < count; i++)
        strbuf_printf(&buf, "%s(%s)", i ? " UNION ALL " : "", probes[i]);
    strbuf_append_text(&buf, ") AS p(state, detail)");
    return take(arena, &buf);
}
