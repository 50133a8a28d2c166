/*
 * ALTER TABLE's subcommands: each is a function that changes the catalogue and leaves in struct command how it is
 * undone and probed; analyse_alter.c puts them together.
 */
#ifndef COMPILER_POSTGRES_ALTER_H
#define COMPILER_POSTGRES_ALTER_H

#include "compiler/postgres/analyse.h"

struct command {
    struct analysis *x;
    struct relation *relation;
    const struct sql_node *fields;
    const struct sql_node *def;
    const char *name; /* column or constraint; NULL when it has none */
    size_t from;      /* where its text begins, roughly: names are searched from here */
    struct inverse inverse;
    const char *probe; /* NULL: none */
};

typedef void command_function(struct command *c);

/* The relation's lock; valid until another one is taken. */
struct lock *command_lock(struct command *c);
void command_undo(struct command *c, const char *sql);
/* ALTER TABLE relation WORDS name, to undo with. */
const char *command_alter(struct command *c, const char *words, const char *name);
bool command_is_live(const struct command *c);
/* A finding under the command's name; NULL when it is allowed. */
struct diag *command_finding(struct command *c, const struct diag_code *code, const char *message);
void command_lint_rewrite(struct command *c, const char *why, const char *instead);
/* The constraint that it names; NULL and diagnosed when there is none. */
struct constraint *command_find_constraint(struct command *c);

/* alter_column.c */
command_function alter_add_column, alter_add_column_checks, alter_drop_column, alter_change_type, alter_change_default, alter_set_not_null,
    alter_drop_not_null, alter_add_identity, alter_drop_identity, alter_set_identity, alter_drop_expression;
/* Diagnosed: it is another table's, too, and changes here when it does there. verb: "dropped" */
bool alter_is_inherited(
    struct analysis *x, const struct relation *relation, const char *column, size_t from, const char *verb);
/* alter_constraint.c */
command_function alter_add_constraint, alter_validate_constraint, alter_drop_constraint, alter_constraint;

/* alter_setting.c */
command_function alter_cluster, alter_compression, alter_options, alter_replica_identity, alter_statistics, alter_storage,
    alter_trigger, alter_triggers, alter_view_default;

/* alter_partition.c */
command_function alter_attach_partition, alter_detach_partition, alter_inherit, alter_no_inherit;

#endif
