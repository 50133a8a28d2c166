/*
 * What a PostgreSQL database holds at a point of the history, as far as the history's statements say: the fold of every
 * statement's changes. It is changed in place; whoever needs the state before a statement (inverses) reads it before
 * applying the statement. Names are as PostgreSQL keeps them (folded, unquoted), SQL texts have every name of the
 * catalogue's own objects qualified.
 *
 * Tables, views, sequences and indexes share a name space in each schema, as in pg_class.
 */
#ifndef COMPILER_POSTGRES_CATALOG_H
#define COMPILER_POSTGRES_CATALOG_H

#include "compiler/postgres/type.h"
#include "spec/base/json.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"

enum relation_kind {
    RELATION_TABLE,
    RELATION_PARTITIONED,
    RELATION_VIEW,
    RELATION_MATERIALIZED_VIEW,
    RELATION_SEQUENCE,
    RELATION_INDEX,
    RELATION_FOREIGN_TABLE,
    RELATION_COMPOSITE,
};

struct relation;

struct column {
    const char *name;
    struct type type;
    bool not_null;
    bool primary;            /* not null because of the primary key */
    const char *default_sql; /* NULL: none */
    bool default_volatile;
    const char *generated_sql; /* GENERATED ALWAYS AS (…) STORED; NULL: no */
    const char *identity;      /* "ALWAYS" or "BY DEFAULT"; NULL: no */
    const char *collation;     /* quoted; NULL: the type's own */
    const char *comment;
    struct relation *sequence; /* that a serial or identity column owns */
    size_t born;               /* migration (ordinal) that added it */
};

enum constraint_kind {
    CONSTRAINT_CHECK,
    CONSTRAINT_FOREIGN_KEY,
    CONSTRAINT_PRIMARY_KEY,
    CONSTRAINT_UNIQUE,
    CONSTRAINT_EXCLUSION
};

struct constraint {
    const char *name;
    enum constraint_kind kind;
    struct relation *relation;
    const char *const *columns; /* names that it is about; for a check: that its expression mentions */
    size_t column_count;
    const char *expression;      /* CONSTRAINT_CHECK: without the outer parentheses */
    const char *const *not_null; /* CONSTRAINT_CHECK: columns that cannot be null where it holds */
    size_t not_null_count;
    struct relation *referenced; /* CONSTRAINT_FOREIGN_KEY */
    const char *const *referenced_columns;
    size_t referenced_count;
    const char *options;    /* " ON DELETE CASCADE", " DEFERRABLE", …; "" when none */
    struct relation *index; /* of primary key, unique and exclusion constraints */
    bool valid;
    size_t born; /* migration (ordinal) that added it */
    const char *comment;
};

struct index_element {
    const char *column;  /* NULL: an expression */
    const char *sql;     /* the expression with its parentheses; NULL for a column */
    const char *options; /* " COLLATE x", " text_pattern_ops", " DESC NULLS LAST"; "" when none */
};

struct index {
    struct relation *table;
    bool unique;
    bool nulls_not_distinct;
    const char *method;
    const struct index_element *elements;
    size_t element_count;
    const char *const *include;
    size_t include_count;
    const char *with;              /* "fillfactor=70"; NULL */
    const char *where;             /* NULL */
    const char *exclude;           /* text of an exclusion constraint, which has no CREATE INDEX form; NULL */
    struct constraint *constraint; /* that owns it; NULL */
    bool on_only;                  /* ON ONLY: of a partitioned table, not valid before its partitions have theirs */
};

struct trigger {
    const struct function *function; /* that it calls; NULL: not one of the history */
    bool disabled;
    const char *name;
    const char *sql; /* CREATE TRIGGER …; NULL when its table was renamed since */
    const char *comment;
    bool each_row;
};

struct policy {
    const char *name;
    const char *sql; /* likewise */
    const char *comment;
};

struct relation {
    enum relation_kind kind;
    const char *schema;
    const char *name;
    const char *qualified; /* quoted: public.inventory_items */
    size_t born;           /* migration (ordinal) that created it */
    bool temporary;
    bool drop_on_commit;
    bool unlogged;
    bool opaque; /* its columns are not known: made by SQL that cannot be analysed, or by an extension */
    bool row_security;
    bool triggers_disabled; /* all of them at once */
    bool row_security_forced; /* for the owner, too */
    bool stale; /* a view: something that its query names was renamed since it was written */
    VEC(struct column *) columns;
    VEC(struct constraint *) constraints;
    VEC(struct relation *) indexes;
    VEC(struct relation *) sequences; /* that its columns own */
    VEC(struct trigger *) triggers;
    VEC(struct policy *) policies;
    VEC(struct constraint *) referenced_by; /* foreign keys of other tables, and its own */
    VEC(struct relation *) read_by;         /* views whose query names it */
    VEC(struct relation *) reads;           /* a view: what its query names */
    VEC(const struct column *) read_columns; /* and of that, which columns */
    VEC(struct relation *) children;        /* partitions, or tables that inherit */
    struct relation *parent;
    const char *partition_by;    /* "RANGE (k)"; NULL: not partitioned */
    const char *partition_bound; /* "FOR VALUES FROM (0) TO (100)", "DEFAULT" */
    bool is_default_partition;
    struct index *index; /* RELATION_INDEX */
    const char *sql;     /* what follows the name: a view's "AS SELECT …", a sequence's options; else NULL */
    const char *storage; /* " WITH (fillfactor=70)"; NULL */
    const char *comment;
    const char *owner_column; /* a sequence that a column owns */
    struct relation *owner;
    size_t walk; /* the last walk through the catalogue that met it */
};

enum type_kind { TYPE_KIND_ENUM, TYPE_KIND_DOMAIN, TYPE_KIND_COMPOSITE, TYPE_KIND_RANGE, TYPE_KIND_OTHER };

struct type_object {
    enum type_kind kind;
    const char *schema, *name, *qualified;
    size_t born;
    VEC(const char *) labels; /* enum */
    VEC(const char *)
    new_labels; /* added by ALTER TYPE in migration new_labels_born: not usable in the same transaction */
    size_t new_labels_born;
    struct type base; /* domain */
    bool constrained; /* domain: has a check or NOT NULL */
    const char *sql;  /* CREATE … as it was written, qualified */
    const char *comment;
};

struct function {
    const char *schema, *name, *qualified;
    const char *arguments; /* canonical types of its input arguments: "integer, text" */
    const char *identity;  /* public.f(integer, text) */
    const char *keyword;   /* "FUNCTION", "PROCEDURE" or "AGGREGATE" */
    const char *language;
    bool is_volatile;
    bool returns_trigger;
    bool user_types; /* in its signature */
    const char *sql;  /* CREATE OR REPLACE … */
    const char *body; /* what stands behind AS; NULL: in another form */
    const char *comment;
    size_t born;
    struct function *next; /* another of the same name */
};

/* What the history last said of one; replaced by another when it says otherwise, never changed. */
struct privilege {
    struct str key;     /* in the map */
    const void *object; /* the struct relation, function or type_object; NULL: the text alone says it */
    const char *text;   /* what it is on, as GRANT names it */
    const char *role;
    const char *privilege;
    bool granted;       /* else revoked */
    bool grant_option;
};

struct extension {
    const char *name;
    const char *schema;
};

struct catalog {
    struct arena *arena;
    struct map schemas;    /* name → (void *)"" */
    struct map relations;  /* key of schema and name → struct relation * */
    struct map types;      /* → struct type_object * */
    struct map functions;  /* key of schema and name → struct function *, a chain */
    struct map extensions; /* → struct extension * */
    struct map privileges; /* of an object, a role and a privilege → the last struct privilege */
    VEC(struct privilege *) privilege_log; /* all of them, in order: a later one may take back part of an earlier one */
    struct map comments;   /* of objects that have no struct: "schema x", … → const char * */
    struct map dropped;    /* key → const char *: who dropped it (migration id) */
    bool has_temporaries;  /* a temporary relation was made since step_drop_temporaries() */
    bool opaque;           /* something ran that cannot be analysed: what is not known may be there */
};

void catalog_init(struct catalog *catalog, struct arena *arena);
/* The key of a schema and a name in the maps. Lives in the arena. */
struct str catalog_key(struct catalog *catalog, const char *schema, const char *name);

struct relation *catalog_find_relation(const struct catalog *catalog, const char *schema, const char *name);
struct type_object *catalog_find_type(const struct catalog *catalog, const char *schema, const char *name);
struct function *catalog_find_functions(const struct catalog *catalog, const char *schema, const char *name);
const char *catalog_find_dropped(const struct catalog *catalog, const char *schema, const char *name);
struct column *relation_find_column(const struct relation *relation, const char *name);
struct constraint *relation_find_constraint(const struct relation *relation, const char *name);
struct trigger *relation_find_trigger(const struct relation *relation, const char *name);
struct constraint *relation_primary_key(const struct relation *relation); /* NULL when it has none */
bool index_mentions(const struct index *index, const char *column); /* among its columns, in an expression, in WHERE */
bool relation_is_table(const struct relation *relation);            /* table, partitioned or foreign */
bool relation_has_column_in(const char *const *names, size_t count, const char *name);

struct relation *catalog_add_relation(
    struct catalog *catalog, enum relation_kind kind, const char *schema, const char *name, size_t born);
/* Removes it with its indexes, its constraints (also other tables' foreign keys to it), owned sequences and partitions.
 */
void catalog_drop_relation(struct catalog *catalog, struct relation *relation, const char *by);
void catalog_rename_relation(
    struct catalog *catalog, struct relation *relation, const char *schema, const char *name, const char *by);
struct column *catalog_add_column(
    struct catalog *catalog, struct relation *relation, const char *name, const struct type *type, size_t born);
/* With the indexes and constraints that mention it. */
void catalog_drop_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *by);
void catalog_rename_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *name);
struct constraint *catalog_add_constraint(
    struct catalog *catalog, struct relation *relation, enum constraint_kind kind, const char *name);
void catalog_set_reference(struct catalog *catalog, struct constraint *constraint, struct relation *referenced);
void catalog_drop_trigger(struct relation *relation, const struct trigger *trigger);
void catalog_drop_function(struct catalog *catalog, struct function *function);
/* With the index that it owns. */
void catalog_drop_constraint(struct catalog *catalog, struct constraint *constraint, const char *by);
/* A partition (of a table or of an index), or a table that inherits. */
void catalog_set_parent(struct catalog *catalog, struct relation *child, struct relation *parent);
/* The sequence goes with this column. */
void catalog_set_owner(
    struct catalog *catalog, struct relation *sequence, struct relation *relation, const char *column); /* NULL: none */
void catalog_clear_reads(struct relation *view);
/* A view's query names `relation`. */
void catalog_add_read(struct catalog *catalog, struct relation *view, struct relation *relation);

/* SQL that makes an object as it is now; the texts live in the arena. */
const char *catalog_column_sql(struct arena *arena, const struct column *column); /* name type … NOT NULL */
const char *catalog_constraint_sql(struct arena *arena, const struct constraint *constraint); /* CHECK (…) NOT VALID */
/* What CREATE INDEX has behind the table: USING btree (…) … */
const char *catalog_index_definition(struct arena *arena, const struct index *index);
const char *catalog_index_sql(struct arena *arena, const struct relation *index, bool concurrently);
/* CREATE TABLE and what belongs to it, one statement each, pushed in order. */
struct sql_list {
    VEC(const char *) items;
};
void catalog_table_sql(struct arena *arena, const struct relation *relation, struct sql_list *out);

/* An object that a statement made, changed or dropped. */
enum object_kind { OBJECT_RELATION, OBJECT_TYPE, OBJECT_FUNCTION, OBJECT_SCHEMA, OBJECT_EXTENSION };

struct object {
    enum object_kind kind;
    const char *label; /* as the plan's effect names it: "table public.x" */
    const char *schema;
    const char *name;
    const char *identity; /* OBJECT_FUNCTION: struct function's */
};

/* How the object is now, as the plan's effect shows it; NULL when it is not there. */
const struct json *catalog_definition(const struct catalog *catalog, struct arena *arena, const struct object *object);
const char *relation_kind_name(enum relation_kind kind); /* "table", "materialized_view", … */
struct object relation_object(struct arena *arena, const struct relation *relation);

/* Names of relations (kind: of this kind, or all with -1) in this schema, for did-you-mean. Lives in the arena. */
const char *const *catalog_relation_names(
    const struct catalog *catalog, struct arena *arena, const char *schema, size_t *count);
const char *const *relation_column_names(const struct relation *relation, struct arena *arena, size_t *count);

#endif
