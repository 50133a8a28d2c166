/*
 * Steps on partitions, in the form that an expert would write for tables in use. Attaching: what the partition lacks
 * (indexes, keys, foreign keys) is made before, and validated checks prove its rows and those of the default partition,
 * so that ATTACH itself reads nothing. Detaching: concurrently, where the server can.
 */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/partition.h"
#include "compiler/postgres/quote.h"

enum { DETACH_CONCURRENTLY_SINCE = 14 };

/* "name_label", cut where it must be. */
static const char *cut_name(struct arena *arena, const char *name, const char *label)
{
    size_t len = strlen(name), room = QUOTE_NAME_MAX_BYTES - 1 - strlen(label);

    if (len > room)
        len = room;
    while (len && len < strlen(name) && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    return arena_printf(arena, "%.*s_%s", (int)len, name, label);
}

/* The first of name_label, name_label1, … that neither a relation of its schema nor a constraint of the table has. */
static const char *free_name(struct backend *backend, const struct relation *table, const char *name, const char *label)
{
    const char *result = cut_name(backend->arena, name, label);

    for (int n = 1; catalog_find_relation(&backend->analyser->catalog, table->schema, result) ||
                    relation_find_constraint(table, result);
         n++)
        result = cut_name(backend->arena, name, arena_printf(backend->arena, "%s%d", label, n));
    return result;
}

static bool make_alter(struct backend *backend, const char *part, const struct relation *table, bool separate,
    const struct inverse *inverse, const char *action)
{
    struct part made = {.name = part, .separate = separate, .inverse = inverse};
    struct text_builder builder;

    backend_begin(&builder, backend);
    text_add_format(&builder, "ALTER TABLE %s %s", table->qualified, action);
    return part_add_text(backend, &made, text_end(&builder), "AlterTableStmt") && part_finish(backend, &made);
}

/* --- what the partition lacks ------------------------------------------------------------------------------------ */

static const char *label_of(struct backend *backend, const struct index *index, const char *kind)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (size_t i = 0; i < index->element_count; i++)
        strbuf_printf(&buf, "%s_", index->elements[i].column ? index->elements[i].column : "expr");
    strbuf_append_text(&buf, kind);
    result = strbuf_copy(&buf, backend->arena).data;
    strbuf_free(&buf);
    return strlen(result) > 40 ? kind : result;
}

static bool make_index(struct backend *backend, struct relation *child, const struct relation *model)
{
    const struct constraint *constraint = model->index->constraint;
    bool primary = constraint && constraint->kind == CONSTRAINT_PRIMARY_KEY;
    const char *label = primary ? "pkey" : label_of(backend, model->index, constraint ? "key" : "idx");
    const char *name = free_name(backend, child, child->name, label);
    struct index index = *model->index;
    struct relation relation = {.kind = RELATION_INDEX, .schema = child->schema, .name = name, .index = &index};
    struct text_builder builder;

    index.table = child;
    index.constraint = NULL;
    relation.qualified = quote_qualified(backend->arena, child->schema, name);
    backend_begin(&builder, backend);
    text_add(&builder, catalog_index_sql(backend->arena, &relation, true));
    if (!part_make(backend, arena_printf(backend->arena, "index_%s", name), text_end(&builder), "IndexStmt", false))
        return false;
    return !constraint ||
           make_alter(backend, arena_printf(backend->arena, "key_%s", name), child, false, NULL,
               arena_printf(backend->arena, "ADD CONSTRAINT %s %s USING INDEX %s", quote_name(backend->arena, name),
                   primary ? "PRIMARY KEY" : "UNIQUE", quote_name(backend->arena, name)));
}

static bool make_foreign_key(struct backend *backend, const struct relation *child, const struct constraint *model)
{
    const char *name = model->name;
    struct constraint constraint = *model;

    if (relation_find_constraint(child, name))
        name = free_name(backend, child, child->name, "fkey");
    constraint.valid = false;
    return make_alter(backend, arena_printf(backend->arena, "add_%s", name), child, false, NULL,
               arena_printf(backend->arena, "ADD CONSTRAINT %s %s", quote_name(backend->arena, name),
                   catalog_constraint_sql(backend->arena, &constraint))) &&
           make_alter(backend, arena_printf(backend->arena, "validate_%s", name), child, true, NULL,
               arena_printf(backend->arena, "VALIDATE CONSTRAINT %s", quote_name(backend->arena, name)));
}

/* An exclusion constraint has no online form: ATTACH builds it, and the lint says so. */
static bool make_what_lacks(struct backend *backend, const struct relation *parent, struct relation *child)
{
    bool ok = true;

    for (size_t i = 0; i < parent->indexes.count && ok; i++)
        if (!parent->indexes.items[i]->index->exclude && !partition_find_index(child, parent->indexes.items[i]))
            ok = make_index(backend, child, parent->indexes.items[i]);
    for (size_t i = 0; i < parent->constraints.count && ok; i++)
        if (parent->constraints.items[i]->kind == CONSTRAINT_FOREIGN_KEY &&
            !partition_find_foreign_key(child, parent->constraints.items[i]))
            ok = make_foreign_key(backend, child, parent->constraints.items[i]);
    return ok;
}

/* --- attaching --------------------------------------------------------------------------------------------------- */

/* A check that holds from the part PART on, validated in a transaction of its own. The last part of the step drops it:
 * then there is nothing left to undo. */
static bool make_proof(
    struct backend *backend, const struct relation *table, const char *suffix, const char *proof, const char *condition)
{
    struct arena *arena = backend->arena;
    const char *quoted = quote_name(arena, proof);
    struct inverse inverse = {0};

    inverse_undo(
        &inverse, arena, arena_printf(arena, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", table->qualified, quoted));
    return make_alter(backend, arena_printf(arena, "check%s", suffix), table, false, &inverse,
               arena_printf(arena, "ADD CONSTRAINT %s CHECK (%s) NOT VALID", quoted, condition)) &&
           make_alter(backend, arena_printf(arena, "validate%s", suffix), table, true, NULL,
               arena_printf(arena, "VALIDATE CONSTRAINT %s", quoted));
}

static bool drop_proof(struct backend *backend, const struct relation *table, const char *suffix, const char *proof)
{
    static const struct inverse nothing;

    return make_alter(backend, arena_printf(backend->arena, "drop%s", suffix), table, false, &nothing,
        arena_printf(backend->arena, "DROP CONSTRAINT %s", quote_name(backend->arena, proof)));
}

static bool attach(struct backend *backend, const struct name *table, const struct name *partition, bool separate)
{
    const struct node *values = backend_key(backend, "values");
    struct lexer lexer = {.text = node_text(values)};
    struct text_builder builder;

    backend_begin(&builder, backend);
    text_add(&builder, "ALTER TABLE ");
    text_add_name(&builder, table->quoted, table->node);
    text_add(&builder, " ATTACH PARTITION ");
    text_add_name(&builder, partition->quoted, partition->node);
    text_add(&builder, lex_is(lexer.text, lex_next(&lexer), "default") ? " " : " FOR VALUES ");
    text_add_fragment(&builder, values);
    return part_make(backend, "attach", text_end(&builder), "AlterTableStmt", separate);
}

void step_attach_partition(struct backend *backend)
{
    const struct node *values = backend_key(backend, "values");
    struct relation *parent = backend_find_table(backend, backend_key(backend, "table")), *other = NULL;
    struct relation *child = backend_find_table(backend, backend_key(backend, "partition"));
    const char *condition = NULL, *proof = NULL, *exclusion = NULL;
    struct name table, partition;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table) ||
        !backend_read_name(backend, backend_key(backend, "partition"), &partition) ||
        !backend_check_fragment(backend, values, FRAGMENT_SINGLE))
        return;
    if (parent && child && parent->kind == RELATION_PARTITIONED && relation_is_table(child) && !parent->opaque &&
        !child->opaque && !child->parent && backend_flag(backend, "online", true)) {
        condition = partition_condition(backend->arena, parent, node_text(values));
        other = partition_find_default(parent);
        if (child->born != backend->analyser->ordinal && !make_what_lacks(backend, parent, child))
            return;
    }
    if (condition && child->born != backend->analyser->ordinal) {
        proof = free_name(backend, child, child->name, "bound");
        if (!make_proof(backend, child, "", proof, condition))
            return;
    }
    if (condition && other && other->born != backend->analyser->ordinal && relation_is_table(other)) {
        exclusion = free_name(backend, other, child->name, "excluded");
        if (!make_proof(backend, other, "_default", exclusion, arena_printf(backend->arena, "NOT (%s)", condition)))
            return;
    }
    if (!attach(backend, &table, &partition, proof || exclusion) || (proof && !drop_proof(backend, child, "", proof)))
        return;
    if (exclusion)
        drop_proof(backend, other, "_default", exclusion);
}

/* --- detaching --------------------------------------------------------------------------------------------------- */

void step_detach_partition(struct backend *backend)
{
    const struct relation *parent = backend_find_table(backend, backend_key(backend, "table"));
    bool concurrently = backend_flag(backend, "online", true) &&
                        backend->target->version >= DETACH_CONCURRENTLY_SINCE && parent &&
                        parent->born != backend->analyser->ordinal && !partition_find_default(parent);
    struct name table, partition;
    struct text_builder builder;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table) ||
        !backend_read_name(backend, backend_key(backend, "partition"), &partition))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "ALTER TABLE ");
    text_add_name(&builder, table.quoted, table.node);
    text_add(&builder, " DETACH PARTITION ");
    text_add_name(&builder, partition.quoted, partition.node);
    text_add(&builder, concurrently ? " CONCURRENTLY" : "");
    part_make(backend, "detach", text_end(&builder), "AlterTableStmt", false);
}
