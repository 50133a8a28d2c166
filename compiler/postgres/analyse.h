/*
 * The analysis of SQL: what each statement changes, locks and costs, how it is undone and how one tells whether it has
 * happened, judged against the catalogue of the history so far, which it then changes. Typed steps and `sql:` steps
 * pass through here alike.
 *
 *     analyser = analyser_create(arena, diags, "public");
 *     analyser_begin(analyser, migration);                for each migration, in order
 *     analyse(analyser, text, &statements);               for each piece of SQL, in order
 *
 * A statement is read in two passes: the first qualifies its names (qualify.c), the second applies it (analyse_*.c).
 */
#ifndef COMPILER_POSTGRES_ANALYSE_H
#define COMPILER_POSTGRES_ANALYSE_H

#include "compiler/lint.h"
#include "compiler/postgres/catalog.h"
#include "compiler/postgres/inverse.h"
#include "compiler/postgres/text.h"
#include "compiler/project.h"
#include "compiler/sql.h"
#include "spec/diagnostic.h"

/* In order of strength. */
enum lock_mode {
    LOCK_ACCESS_SHARE,
    LOCK_ROW_SHARE,
    LOCK_ROW_EXCLUSIVE,
    LOCK_SHARE_UPDATE_EXCLUSIVE,
    LOCK_SHARE,
    LOCK_SHARE_ROW_EXCLUSIVE,
    LOCK_EXCLUSIVE,
    LOCK_ACCESS_EXCLUSIVE,
};

const char *lock_mode_name(enum lock_mode mode);   /* as in pg_locks: "AccessExclusiveLock" */
const char *lock_mode_blocks(enum lock_mode mode); /* "reads and writes", "writes", "schema changes", "nothing" */
/* lock.def */
enum lock_mode lock_of_subcommand(const char *subcommand);
enum lock_mode lock_of_statement(const char *tag);

struct lock {
    const struct relation *relation;
    const char *name; /* qualified, before the statement */
    enum relation_kind kind;
    enum lock_mode mode;
    bool scan;    /* read from end to end */
    bool rewrite; /* written anew */
    bool created; /* by this very statement */
    bool live;    /* made by an earlier migration: others use it, and it may be large */
};

struct statement {
    const char *tag;         /* "AlterTableStmt" */
    const char *label;       /* "create_index_idx_a": names the part of a step that holds it */
    const char *sql;         /* qualified */
    const char *schema;      /* of names without one, when it was read */
    const struct text *text; /* that it stands in, from start to end */
    size_t start, end;
    bool alone;        /* cannot run in a transaction */
    bool concurrent;   /* waits for other transactions without blocking them: no lock time-out */
    bool changes_rows; /* of a live table, and possibly many */
    bool session;      /* only changes the session: SET */
    bool validates;    /* scans to validate a constraint */
    bool adds_not_valid;
    const char *constraint; /* that it adds NOT VALID, or validates */
    enum phase phase;
    VEC(struct lock) locks;
    VEC(struct object) objects;
    struct inverse inverse;
    const char *probe;                    /* NULL: none can be derived */
    const char *repair;                   /* of an alone statement that can be left half done */
    const char *marked[TEXT_MARKS];       /* the text's marks, qualified */
    const struct assignment *assignments; /* of an UPDATE */
    size_t assignment_count;
    const char *destroys; /* a table whose rows or columns it throws away; NULL: none */
    bool adds_label;      /* ALTER TYPE … ADD VALUE: what follows must not share its transaction */
};

/* column = expression, of an UPDATE. */
struct assignment {
    const char *column;
    const char *sql; /* NULL: no expression of its own */
    bool repeatable; /* neither volatile nor about the column itself: the same again on the changed row */
};

/* Where it was written. Not kept in the statement: finding it in a long block of YAML takes a while. */
struct span statement_span(const struct statement *statement);

struct statement_list {
    VEC(struct statement) items;
};

/* Something that is judged when the history is complete. */
struct late_finding {
    enum late_kind {
        LATE_FOREIGN_KEY,  /* does an index cover it? */
        LATE_TABLE,        /* has it a primary key? */
        LATE_INDEX,        /* does another one cover it? */
        LATE_ROW_SECURITY, /* has the table a policy? */
        LATE_TRIGGERS,     /* are they enabled again? */
        LATE_DROPPED,      /* does a function still name it? */
    } kind;
    const struct relation *table;
    const struct constraint *foreign_key; /* LATE_FOREIGN_KEY */
    const struct relation *index;         /* LATE_INDEX */
    const char *column;                   /* LATE_DROPPED: that was dropped; NULL: the table was */
    struct span span;
    size_t migration; /* its index in the project */
};

struct analyser {
    struct arena *arena;
    struct arena scratch; /* trees and work of one analyse() */
    struct diag_list *diags;
    const char *schema; /* of names written without one: of what is made, and of what none of the others has */
    const char *const *others; /* that SET search_path names behind it, for the text that is read */
    size_t other_count;
    struct catalog catalog;
    struct lint_settings lint;
    const struct project_migration *migration; /* NULL in tools that analyse bare SQL */
    const char *migration_id;
    size_t ordinal;    /* of the migration; what was born in an earlier one is live */
    bool timezone_utc; /* SET timezone said so */
    bool declared;     /* what code does that cannot be seen is said elsewhere */
    bool quiet;        /* no findings: SQL that only reverses or stands in for something */
    size_t walk;       /* marks what the last walk through the catalogue met */
    VEC(struct late_finding) late;
};

struct analyser *analyser_create(struct arena *arena, struct diag_list *diags, const char *schema);
void analyser_free(struct analyser *analyser); /* the scratch memory; the rest is the arena's */
/* migration may be NULL: the next unnamed one. */
void analyser_begin(struct analyser *analyser, const struct project_migration *migration);
/* Appends to *out. False when anything was wrong (diagnosed); what could be understood has changed the catalogue. */
bool analyse(struct analyser *analyser, const struct text *text, struct statement_list *out);
/* Parses and qualifies without applying: SQL that somebody wrote to undo things. Fills tag, label, sql, alone,
 * destroys and objects. */
bool analyse_only_qualify(struct analyser *analyser, const struct text *text, struct statement_list *out);

/* Forgets what SET search_path said in the text before. */
void analyser_set_schema(struct analyser *analyser, const char *schema);

/* --- for the files of the analysis ------------------------------------------------------------------------------- */

struct edit {
    size_t at;
    const char *insert;
};

/* One statement under analysis. */
struct analysis {
    struct analyser *analyser;
    struct arena *arena;
    struct arena *scratch;
    struct catalog *catalog;
    const struct text *text;
    struct str sql; /* of the whole text; locations in the tree are offsets into it */
    const struct sql_statement *node;
    const struct sql_node *body; /* the statement's fields */
    struct statement *out;
    VEC(struct edit) edits; /* sorted once qualify() is done */
    VEC(const char *) ctes; /* names that are no relations */
    const char *what;       /* the kind of relation that the statement is about: "table", "index" */
    bool failed;
};

struct relation_list {
    VEC(struct relation *) items;
};

/* analysis.c */
struct diag *analysis_error(struct analysis *x, const struct diag_code *code, size_t at, size_t end, const char *format,
    ...) __attribute__((format(printf, 5, 6)));
/* NULL when the migration allows it, or the analyser is quiet. */
struct diag *analysis_find(struct analysis *x, const struct diag_code *code, size_t at, size_t end, const char *format,
    ...) __attribute__((format(printf, 5, 6)));
void analysis_help(struct analysis *x, struct diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void analysis_did_you_mean(
    struct analysis *x, struct diag *diag, const char *word, const char *const *names, size_t count);
/* The schema of a name that was written without one: the first of the search_path that has something of this name. */
const char *analysis_home(const struct analysis *x, const char *name);
const char *analysis_with_article(const struct analysis *x, const char *noun); /* "a table", "an index" */
/* Offset of a name at or behind `from` in the statement; its start when the name is not there. */
size_t analysis_find_name(const struct analysis *x, const char *name, size_t from, size_t *end);
/* Offset behind the first such keyword or bracket at or behind `from`; the statement's end when there is none. */
size_t analysis_behind_word(const struct analysis *x, const char *word, size_t from);
/* The same for a token as it is written: an enum's label with its quotes. */
size_t analysis_find_token(const struct analysis *x, const char *token, size_t *end);
/* Text of bytes from..to with the names in it qualified. */
const char *analysis_slice(const struct analysis *x, size_t from, size_t to);
void analysis_find_late(
    struct analysis *x, const struct relation *table, const struct constraint *foreign_key, size_t at, size_t end);
/* The same for anything; span and migration are filled in. */
void analysis_judge_late(struct analysis *x, struct late_finding late, size_t at, size_t end);
/* Says that the table that a foreign key refers to is locked, too, when that goes. */
void analysis_find_referenced(struct analysis *x, const struct constraint *foreign_key, size_t at, size_t end);
struct lock *analysis_lock(struct analysis *x, const struct relation *relation, enum lock_mode mode);
/* The partitions of a partitioned table, theirs too. */
void analysis_lock_partitions(struct analysis *x, const struct relation *table, enum lock_mode mode);
bool analysis_is_live(const struct analysis *x, const struct relation *relation);
const char *analysis_schema(const struct analysis *x, const struct sql_node *range_var);
/* The relation that a RangeVar names. NULL: diagnosed, or (silently) one of the server's or an extension's own. */
struct relation *analysis_relation(struct analysis *x, const struct sql_node *range_var);
struct relation *analysis_table(struct analysis *x, const struct sql_node *range_var); /* must be a table */
/* The same for a list of names; at: where to look for them in the text. */
struct relation *analysis_relation_named(
    struct analysis *x, const struct sql_node *names, size_t from, const char *what);
/* NULL and diagnosed (at or behind `from`) when a table that is known has no such column. */
struct column *analysis_column(struct analysis *x, const struct relation *relation, const char *name, size_t from);
bool analysis_is_system_column(const char *name); /* ctid, xmin, … */
bool analysis_is_new_name(struct analysis *x, const char *schema, const char *name, size_t at, size_t end);
/* "integer, text", of an ObjectWithArgs. */
const char *analysis_argument_types(struct analysis *x, const struct sql_node *with_args);
/* The function of an ObjectWithArgs; NULL: the catalogue has none. */
struct function *analysis_function(struct analysis *x, const struct sql_node *with_args);
bool analysis_type(struct analysis *x, const struct sql_node *type_name, struct type *out);
void analysis_split_names(
    const struct analysis *x, const struct sql_node *names, const char **schema, const char **name);
const char *const *analysis_names(struct analysis *x, const struct sql_node *strings, size_t *count);

/* analyse_touch.c: the objects of the statement's effect, each once */
void analysis_touch_object(struct analysis *x, struct object object);
void analysis_touch(struct analysis *x, const struct relation *relation);
void analysis_touch_not(struct analysis *x, const struct relation *relation); /* it came to nothing */
void analysis_touch_type(struct analysis *x, const struct type_object *type);
void analysis_touch_function(struct analysis *x, const struct function *function);
void analysis_touch_schema(struct analysis *x, const char *name);
void analysis_touch_extension(struct analysis *x, const char *name);
void analysis_touch_owned(struct analysis *x, const struct relation *relation); /* its indexes and sequences */
void analysis_touch_referencing(struct analysis *x, const struct relation *relation);
/* A partition comes or goes: its indexes find parents, and a foreign key to the whole is one to each part. */
void analysis_touch_partition(struct analysis *x, const struct relation *parent, const struct relation *child);
/* It is about to have another name, or has one now: with all that is defined by it. */
void analysis_touch_renamed(struct analysis *x, const struct relation *relation);
/* It is about to be dropped: with all that CASCADE takes along. */
void analysis_touch_gone(struct analysis *x, struct relation *relation);
/* Partitions and what inherits, at any depth, each once. */
void analysis_descendants(struct analysis *x, const struct relation *relation, struct relation_list *out);
/* What a view reads, directly or through other views, each once. */
void analysis_read_by(struct analysis *x, const struct relation *relation, struct relation_list *out);
void analysis_touch_type_users(struct analysis *x, const struct type_object *type);
void analysis_touch_mentions(struct analysis *x, const char *name); /* whatever has this name in an expression */
void analysis_touch_all_in(struct analysis *x, const char *schema); /* NULL: in every schema */
bool analysis_changes_schema(const char *body);
/* Code that may change all that it names, and make what the catalogue does not know. */
void analysis_touch_code(struct analysis *x, const char *body);
/* What COMMENT, OWNER TO and GRANT name besides relations: types, functions, schemas, extensions, triggers, … */
void analysis_touch_named(struct analysis *x, const char *kind, const struct sql_node *object);
/* SQL that cannot be read: what it was to make is not reported as missing, too. */
void analyser_doubt(struct analyser *analyser, const struct text *text);
/* A statement that somebody wrote to undo things, and that is not folded: what it names may be another afterwards. */
void analysis_touch_undone(struct analysis *x);
/* The tree calls functions: those of the history that change the schema do so now. */
void analysis_touch_calls(struct analysis *x, const struct sql_node *tree);

/* qualify.c */
void qualify(struct analysis *x);
bool qualify_is_system_schema(const char *schema);

/* expression.c */
/* Checks the columns that an expression over one relation names. */
void expression_check(struct analysis *x, const struct sql_node *expression, const struct relation *relation);
/* Checks the relations and columns of a query and takes its locks. */
void expression_check_query(struct analysis *x, const struct sql_node *statement);
bool expression_is_volatile(const struct analysis *x, const struct sql_node *expression);
/* Columns of `relation` that the expression names. */
const char *const *expression_columns(
    struct analysis *x, const struct sql_node *expression, const struct relation *relation, size_t *count);
/* Columns that cannot be null where the condition holds (it is a conjunction with IS NOT NULL on them). */
const char *const *expression_not_null(struct analysis *x, const struct sql_node *condition, size_t *count);
/* Every relation that the tree's RangeVars name and the catalogue knows, each once. */
void expression_relations(struct analysis *x, const struct sql_node *tree, struct relation_list *out);

/* analyse_table.c */
void analyse_create_table(struct analysis *x);
void analyse_create_table_as(struct analysis *x);

/* analyse_column.c */
struct column_facts {
    struct column *column;
    bool rewrites;        /* adding it writes the table anew */
    bool scans;           /* adding it reads the table */
    bool fails_when_rows; /* NOT NULL without a default */
    struct relation_list referenced;
    VEC(struct constraint *) constraints;
};
/* What may name other columns comes when all columns are there, and keys before what refers to them. */
enum column_pass { COLUMN_ITSELF, COLUMN_GENERATED, COLUMN_CHECKS, COLUMN_SELF_REFERENCES };

/* Adds a ColumnDef to a table: the first pass, which in ALTER TABLE (creating: false) has generated values, too. NULL
 * facts.column when it could not be added. */
struct column_facts analyse_column(
    struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end, bool creating);
void analyse_column_later(struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end,
    enum column_pass pass);
/* A foreign key to the table that it is of. */
bool analyse_refers_to_itself(
    const struct analysis *x, const struct relation *relation, const struct sql_node *constraint);
/* The sequence of a serial column, or (identity, the clause) of an identity column. */
void analyse_column_sequence(
    struct analysis *x, struct relation *relation, struct column *column, const struct sql_node *identity);
/* A volatile default in ALTER TABLE … ADD COLUMN: it would write the whole table anew. Offsets into the text. */
struct volatile_default {
    size_t start, end;                   /* DEFAULT and its expression */
    size_t expression;                   /* where that begins */
    size_t not_null_start, not_null_end; /* both 0: the column may be null */
};

/* Looks without applying; false when there is none, or the text is no ADD COLUMN. */
bool analyse_find_volatile_default(struct analyser *analyser, const struct text *text, struct volatile_default *out);

/* analyse_constraint.c */
/* Adds a table constraint. end: where its text ends. column: of a column constraint, else NULL. NULL when it could not
 * be added. */
struct constraint *analyse_constraint(
    struct analysis *x, struct relation *relation, const struct sql_node *constraint, size_t end, const char *column);
/* " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED", or "" */
const char *analyse_deferral(const struct sql_node *constraint);
/* The name that the server gives to what has none. */
const char *analyse_constraint_name(
    struct analysis *x, const struct relation *relation, const char *const *columns, size_t count, const char *label);
/* Each partition has an index of its own: a unique key of a partitioned table has to hold the partition key. False:
 * diagnosed. */
bool analyse_holds_partition_key(struct analysis *x, const struct relation *relation, const char *const *columns,
    size_t count, size_t at, size_t end);
struct relation *analyse_key_index(
    struct analysis *x, struct relation *relation, struct constraint *constraint, const struct sql_node *node);

/* analyse_alter.c */
void analyse_alter_table(struct analysis *x);

/* alter_setting.c */
/* WITH (…) of what makes the relation. */
void analyse_made_options(struct analysis *x, struct relation *relation, const struct sql_node *options);

/* analyse_rename.c */
void analyse_rename(struct analysis *x);
void analyse_set_schema(struct analysis *x);

/* analyse_index.c */
void analyse_create_index(struct analysis *x);
/* The index of a partition that belongs to one of its parent. */
void analyse_partition_index(struct analysis *x, struct relation *parent, struct relation *table);
void analyse_reindex(struct analysis *x);
void analyse_cluster(struct analysis *x);
void analyse_vacuum(struct analysis *x);

/* analyse_drop.c */
void analyse_drop(struct analysis *x);
/* Makes the view again as `sql` (what follows its name), with all that it has. grown: that gives more columns now. */
void analysis_undo_view(
    struct analysis *x, const struct relation *view, const char *sql, bool grown, struct inverse *inverse);
/* Views that read it, directly or through others: those first that nothing reads. False: one of them cannot be made
 * again. */
bool analysis_undo_readers(struct analysis *x, struct relation *relation, struct relation_list *readers);
/* Makes them again, last to first. */
void analysis_make_readers(struct analysis *x, const struct relation_list *readers, struct inverse *inverse);

/* analyse_drop_object.c */
void analyse_drop_object(struct analysis *x, const char *kind, const struct sql_node *object);
bool analysis_is_cascade(const struct analysis *x);
void analysis_report_dependent(struct analysis *x, const char *name, const char *dependent, const char *what);
/* What is dropped takes its owner and its privileges along: the undo, which has made it again by then, gives them back. */
void analysis_give_again(struct analysis *x, const struct relation *relation, struct inverse *inverse);

/* analyse_object.c */
void analyse_create_schema(struct analysis *x);
void analyse_create_extension(struct analysis *x);
void analyse_alter_extension(struct analysis *x);
void analyse_create_sequence(struct analysis *x);
void analyse_alter_sequence(struct analysis *x);
/* Remembers them; made: they are said by what makes the sequence. */
void analyse_sequence_options(
    struct analysis *x, struct relation *sequence, const struct sql_node *options, bool made);
/* Puts them back as they are now. */
void analyse_undo_options(
    struct analysis *x, const struct relation *sequence, const struct sql_node *options, struct inverse *inverse);
void analyse_comment(struct analysis *x);

/* analyse_grant.c */
void analyse_grant(struct analysis *x);
void analyse_default_privileges(struct analysis *x);
void analyse_owner(struct analysis *x);
/* ALTER TABLE, VIEW, SEQUENCE … OWNER TO. */
void analysis_own(
    struct analysis *x, const struct relation *relation, const struct sql_node *role, struct inverse *inverse);
/* CREATE SCHEMA … AUTHORIZATION. */
void analysis_authorize(struct analysis *x, const char *schema);

/* analyse_view.c */
/* Notes what the view's query reads, in place of what it read before. */
void analyse_view_reads(struct analysis *x, struct relation *view, const struct sql_node *query);
void analyse_create_view(struct analysis *x);
void analyse_refresh(struct analysis *x);

/* analyse_type.c */
void analyse_create_enum(struct analysis *x);
void analyse_alter_enum(struct analysis *x);
void analyse_create_type(struct analysis *x);
/* NULL and diagnosed when the name is taken; when there is none. */
struct type_object *analysis_add_type(struct analysis *x, const struct sql_node *names, enum type_kind kind);
struct type_object *analysis_find_type(struct analysis *x, const struct sql_node *names);

/* analyse_domain.c */
void analyse_create_domain(struct analysis *x);
void analyse_alter_domain(struct analysis *x);
/* The attributes of CREATE TYPE … AS (…). */
void analyse_attributes(struct analysis *x, struct type_object *type, const struct sql_node *column_defs);
/* ALTER TYPE of a composite type; false: it is another ALTER. */
bool analyse_composite(struct analysis *x);
/* what: "ATTRIBUTE", "CONSTRAINT" */
void analyse_rename_part(struct analysis *x, struct type_object *type, const char *what);

/* analyse_code.c */
void analyse_create_function(struct analysis *x);
/* Makes it, or makes it again what it was. */
void analysis_make_function(struct analysis *x, const struct function *function, struct inverse *inverse);
void analyse_create_trigger(struct analysis *x);
void analyse_create_policy(struct analysis *x);
void analyse_create_rule(struct analysis *x);
void analyse_create_statistics(struct analysis *x);
/* The statistics object of this qualified name, and its table; NULL: the history has none. */
struct extra *analysis_statistics(struct analysis *x, const char *qualified, struct relation **relation);
void analyse_do(struct analysis *x);
void analyse_call(struct analysis *x);
void analyse_alter_function(struct analysis *x);
void analyse_alter_policy(struct analysis *x);

/* analyse_other.c: publications, aggregates, event triggers and the like, kept as their texts */
void analyse_other(struct analysis *x);
void analyse_publication(struct analysis *x);
/* DROP of one. False: it is not of these kinds. */
bool analyse_drop_other(struct analysis *x, const char *kind, const struct sql_node *object);
/* "PUBLICATION p": as COMMENT ON and DROP name what has a name alone. NULL: not of these kinds. */
const char *analysis_named_object(struct analysis *x, const char *kind, const struct sql_node *object);

/* analyse_query.c */
/* Can the statement run only outside of transactions? */
bool analyse_is_alone(const char *tag, const struct sql_node *body);
void analyse_query(struct analysis *x);
void analyse_truncate(struct analysis *x);
void analyse_lock(struct analysis *x);
void analyse_set(struct analysis *x);
void analyse_transaction(struct analysis *x);

#endif
