/* What a partition has in common with its parent: indexes and foreign keys that stand for those of the whole. */
#include <string.h>

#include "compiler/postgres/partition.h"

static bool same_text(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static bool same_names(const char *const *left, size_t left_count, const char *const *right, size_t right_count)
{
    for (size_t i = 0; left_count == right_count && i < left_count; i++)
        if (strcmp(left[i], right[i]) != 0)
            return false;
    return left_count == right_count;
}

static bool same_index(const struct index *left, const struct index *right)
{
    if (left->unique != right->unique || left->nulls_not_distinct != right->nulls_not_distinct ||
        strcmp(left->method, right->method) != 0 || left->element_count != right->element_count ||
        !same_text(left->where, right->where) || !same_text(left->exclude, right->exclude) ||
        !same_names(left->include, left->include_count, right->include, right->include_count))
        return false;
    for (size_t i = 0; i < left->element_count; i++)
        if (!same_text(left->elements[i].column, right->elements[i].column) ||
            !same_text(left->elements[i].sql, right->elements[i].sql) ||
            !same_text(left->elements[i].options, right->elements[i].options))
            return false;
    return true;
}

struct relation *partition_find_index(const struct relation *table, const struct relation *index)
{
    const struct constraint *constraint = index->index->constraint;

    for (size_t i = 0; i < table->indexes.count; i++) {
        struct relation *candidate = table->indexes.items[i];

        if (candidate->parent || !same_index(candidate->index, index->index))
            continue;
        if (!constraint || (candidate->index->constraint && candidate->index->constraint->kind == constraint->kind))
            return candidate;
    }
    return NULL;
}

struct constraint *partition_find_foreign_key(const struct relation *table, const struct constraint *foreign_key)
{
    for (size_t i = 0; i < table->constraints.count; i++) {
        struct constraint *candidate = table->constraints.items[i];

        if (candidate->kind == CONSTRAINT_FOREIGN_KEY && candidate->referenced == foreign_key->referenced &&
            same_names(candidate->columns, candidate->column_count, foreign_key->columns, foreign_key->column_count) &&
            same_names(candidate->referenced_columns, candidate->referenced_count, foreign_key->referenced_columns,
                foreign_key->referenced_count) &&
            strcmp(candidate->options, foreign_key->options) == 0)
            return candidate;
    }
    return NULL;
}

struct relation *partition_find_default(const struct relation *parent)
{
    for (size_t i = 0; i < parent->children.count; i++)
        if (parent->children.items[i]->is_default_partition)
            return parent->children.items[i];
    return NULL;
}
