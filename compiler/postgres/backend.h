/*
 * The PostgreSQL backend's own seam: steps become SQL texts (step_*.c), the analysis reads them, and part.c makes parts
 * of the plan out of what it found. What a step's SQL means is decided by the analysis alone: a step only says how it
 * is written.
 */
#ifndef COMPILER_POSTGRES_BACKEND_H
#define COMPILER_POSTGRES_BACKEND_H

#include "compiler/lower.h"
#include "compiler/postgres/analyse.h"

/* A statement of the migration under way, for the rules about transactions. */
struct placed_statement {
    const char *step; /* the step's name and the part's: the plan step's id is MIGRATION/step/part */
    const char *part;
    struct statement statement;
};

/* A column that the migration under way added: what a later backfill of it writes, undoing it does not lose. */
struct added_column {
    const struct relation *relation;
    const struct column *column;
    const char *step;
    const char *part;
    VEC(const char *) written; /* expressions */
};

/* An object that the migration under way touched, and how it was after that; NULL: it is not there. */
struct changed_object {
    struct object object;
    const struct json *definition;
};

struct backend {
    struct compilation *compilation;
    const struct plan_target *target;
    struct arena *arena;
    struct arena work;             /* texts and statements of the migration under way */
    struct analyser *analyser;
    size_t saved;     /* relations, by all savings of the catalogue */
    struct map known; /* objects by label, as the migrations before the one under way left them */
    /* the migration under way */
    VEC(struct placed_statement) statements;
    VEC(struct added_column) added;
    VEC(const struct node *) kept; /* entries of rollback.keep that were met */
    VEC(struct changed_object) changed;
    bool incomplete;               /* a step of it could not be lowered */
    size_t late_before;            /* of the analyser's late findings */
    bool separate_next;            /* the next part must not share the last one's transaction */
    /* the step under way */
    const struct project_migration *migration;
    const struct project_step *step;
    struct lowered_parts *out;
    size_t first_part; /* of the step, in out */
    bool failed;
};

/* --- what steps are written with --------------------------------------------------------------------------------- */

/* A name of a step: verbatim, a schema before a dot. */
struct name {
    const char *schema; /* never NULL */
    const char *name;
    const char *quoted; /* qualified */
    const struct node *node;
};

/* Both diagnose and give false for what cannot be a name. */
bool backend_read_name(struct backend *backend, const struct node *node, struct name *out);
bool backend_read_plain_name(struct backend *backend, const struct node *node, const char **out); /* without a schema */
bool backend_read_names(struct backend *backend, const struct node *list, const char *const **out, size_t *count);
/* "(a, b)", quoted, each piece standing for its node. */
void backend_add_names(struct text_builder *builder, struct backend *backend, const struct node *list);

/* FRAGMENT_LIST: commas outside of brackets are its business. */
enum fragment { FRAGMENT_SINGLE, FRAGMENT_LIST };
/* Can this text leave the place where it is to be put? Diagnosed when it can. */
bool backend_check_fragment(struct backend *backend, const struct node *node, enum fragment kind);

const struct node *backend_key(const struct backend *backend, const char *key); /* of the step's body; NULL */
bool backend_flag(const struct backend *backend, const char *key, bool otherwise);
void backend_begin(struct text_builder *builder, struct backend *backend); /* with the step as the fallback span */

/* Lowers a step of the migration under way. */
bool backend_lower_step(struct backend *backend, const struct project_step *step, struct lowered_parts *out);

/* The table that a step names, as the catalogue has it now, or NULL: it is diagnosed when the SQL is analysed. */
struct relation *backend_find_table(struct backend *backend, const struct node *node);
/* Does nobody else use the table yet: made by this very migration, or it cannot have an online form? */
bool backend_is_plain(struct backend *backend, const struct node *table);

struct diag *backend_error(struct backend *backend, const struct diag_code *code, const struct node *node,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- parts ------------------------------------------------------------------------------------------------------- */

struct part {
    const char *name;
    bool separate; /* must not share a transaction with what comes before */
    struct statement_list statements;
    const struct inverse *inverse; /* instead of what the statements derive; NULL */
    const char *probe;             /* instead of the statements' own; NULL */
    bool repeatable;               /* an alone statement that may run twice */
    const struct plan_action *action; /* instead of running the statements; NULL */
    const struct plan_action *undo;   /* instead of running the inverse's; NULL */
};

/* Analyses one text and appends its statements to the part. */
bool part_add_text(struct backend *backend, struct part *part, struct text *text, const char *expect);
/* Adds it to the step's parts. False and diagnosed when it cannot be. */
bool part_finish(struct backend *backend, struct part *part);
/* A part of one text. */
bool part_make(struct backend *backend, const char *name, struct text *text, const char *expect, bool separate);
/* Fills effects, locks, phase and time-outs of a plan step from the statements. */
void part_describe(struct backend *backend, const struct statement_list *statements, struct plan_step *out);

/* --- the kinds of step ------------------------------------------------------------------------------------------- */

typedef void step_function(struct backend *backend);

step_function step_create_table, step_drop_table, step_rename_table;
step_function step_add_column, step_drop_column, step_rename_column, step_change_type;
step_function step_set_default, step_drop_default, step_set_not_null, step_drop_not_null;
step_function step_add_primary_key, step_add_unique, step_add_foreign_key, step_add_check;
step_function step_validate_constraint, step_rename_constraint, step_drop_constraint;
step_function step_create_index, step_drop_index, step_rename_index;
step_function step_create_type, step_add_enum_value, step_drop_type;
step_function step_create_schema, step_create_extension, step_create_sequence;
step_function step_create_view, step_drop_view, step_create_function, step_create_trigger;
step_function step_comment, step_grant, step_revoke;
step_function step_add_exclude, step_create_domain, step_drop_domain;
step_function step_create_materialized_view, step_refresh_materialized_view, step_drop_materialized_view;
step_function step_drop_schema, step_drop_extension, step_drop_sequence, step_drop_function, step_drop_trigger;
step_function step_create_policy, step_drop_policy, step_enable_row_security, step_disable_row_security;
step_function step_attach_partition, step_detach_partition;
step_function step_backfill, step_assert, step_sql;

/* step_index.c: an index of a partitioned table that others use, as the table's step has it. */
void step_make_partitioned_index(struct backend *backend, const struct node *name, const struct node *table);
/* What makes such an index, as it is in the catalogue, again. */
const struct plan_action *step_partitioned_index_action(struct backend *backend, const struct relation *index);

/* A query that only asks, qualified. NULL and diagnosed when it is none. */
const char *step_read_query(struct backend *backend, const struct node *node);
/* Analyses the text of an sql step, and what is declared of it instead of what cannot be seen; NULL: nothing is. */
bool step_fold_sql(
    struct backend *backend, const struct text *up, const struct text *effect, struct statement_list *out);

/* Shared by steps of several files. */
void step_add_foreign_key_clause(struct backend *backend, struct text_builder *builder, const struct node *body);
struct text *step_index_text(struct backend *backend, const struct node *name, const struct node *table,
    const struct node *body, bool concurrently);

/* What a step that makes a table or a materialized view (kind, as COMMENT ON has it) says besides. */
void step_add_indexes_and_comment(
    struct backend *backend, struct part *part, const char *kind, const struct name *relation);

/* "a, PUBLIC": roles are names, but for SQL's own words. */
void step_add_roles(struct text_builder *builder, struct backend *backend, const struct node *list);

/* NOT NULL by way of a validated check: check, validate, set, drop. suffix tells the parts of several columns apart;
 * NULL. */
bool step_make_not_null(struct backend *backend, const char *column, const struct node *node, const char *suffix);
/* Fills a new column of the step's table with an expression, bytes from..to of a node, where it is null. */
void step_fill_column(struct backend *backend, const char *column, const struct node *node, size_t from, size_t to);
/* The same with texts of its own. */
void step_fill_from(struct backend *backend, const char *column, const char *expression, const char *where);

/* step_shadow.c: a change of the column's type that writes every value anew. `expression`, with its names qualified,
 * makes the new value of a row. */
void step_change_type_online(struct backend *backend, struct relation *table, const struct column *column,
    const struct type *to, const char *expression);

/* Adds statements that drop the temporary relations that are there. */
void step_drop_temporaries(struct backend *backend, struct statement_list *statements);

/* lint.c: rules about the transactions of a migration and about the whole history. */
void lint_migration(
    struct backend *backend, const struct project_migration *migration, const struct plan_step *steps, size_t count);
/* NULL: allowed, or switched off. */
struct diag *lint_find(struct backend *backend, const struct project_migration *migration, const struct diag_code *code,
    struct span span, const char *message);
/* lint_history.c */
void lint_history(struct backend *backend);

#endif
