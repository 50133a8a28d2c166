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
    const char *firing; /* "DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"; NULL: as it was made */
    const char *name;
    const char *sql; /* CREATE TRIGGER …; NULL when its table was renamed since */
    const char *comment;
    bool each_row;
};

/* What else a table has, kept as its text. */
struct extra {
    enum extra_kind {
        EXTRA_POLICY,
        EXTRA_RULE,
        EXTRA_STATISTICS, /* of several tables: those of the first; its name is qualified */
    } kind;
    const char *name;
    const char *sql; /* likewise */
    VEC(const char *) actions; /* whole statements that altered it since, in order */
    const char *comment;
};

/* setting.h */
struct setting {
    const char *key;              /* what it sets: "replica identity", "fillfactor", "increment" */
    const char *column;           /* NULL: the whole relation */
    const char *action;           /* "SET (fillfactor=70)"; of a sequence: "INCREMENT BY 5" */
    const struct relation *index; /* that the action names last; NULL */
    bool made;                    /* by what made the relation: that makes it again, too */
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
    const struct type_object *of_type; /* CREATE TABLE … OF, of a type of the history; NULL */
    bool row_security;
    bool triggers_disabled; /* all of them at once */
    bool row_security_forced; /* for the owner, too */
    bool stale; /* a view: something that its query names was renamed since it was written */
    bool has_star; /* a view: its query says SELECT * */
    bool grown;    /* and what that stands for has more columns since it was written */
    VEC(struct column *) columns;
    VEC(struct constraint *) constraints;
    VEC(struct relation *) indexes;
    VEC(struct relation *) sequences; /* that its columns own */
    VEC(struct trigger *) triggers;
    VEC(struct extra *) extras;
    VEC(struct setting) settings;
    VEC(struct constraint *) referenced_by; /* foreign keys of other tables, and its own */
    VEC(struct relation *) read_by;         /* views whose query names it */
    VEC(struct relation *) reads;           /* a view: what its query names */
    VEC(const struct column *) read_columns; /* and of that, which columns */
    VEC(struct relation *) children;        /* partitions, or tables that inherit */
    struct relation *parent; /* the last of several */
    bool several_parents;
    const char *partition_by;    /* "RANGE (k)"; NULL: not partitioned */
    const char *partition_bound; /* "FOR VALUES FROM (0) TO (100)", "DEFAULT" */
    const struct partition_bound *bound; /* the same read, once it was compared (partition.c); NULL */
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

struct type_part {
    const char *name;
    const char *sql; /* "CHECK (value > 0)"; "integer" */
};

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
    bool not_null;           /* domain */
    const char *default_sql; /* domain; NULL: none */
    VEC(struct type_part) parts; /* a domain's constraints, a composite type's attributes */
    const char *sql; /* CREATE … as it was written, qualified; of a domain: its type, "numeric(5,2) COLLATE …" */
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
    const char *sql;  /* CREATE OR REPLACE …; NULL when it is not known */
    VEC(const char *) actions; /* of ALTER FUNCTION since, in order: "STABLE" */
    const char *body; /* what stands behind AS; NULL: in another form */
    const char *comment;
    size_t born;
    struct function *next; /* another of the same name */
};

/* In order: a later one has what the one before it has. */
enum privilege_state {
    PRIVILEGE_UNSAID, /* as the server gives it to what is made */
    PRIVILEGE_TAKEN,
    PRIVILEGE_GRANTED,
    PRIVILEGE_GRANTABLE, /* WITH GRANT OPTION */
};

/* What the history last said of a privilege of a role on an object. */
struct privilege {
    const char *role;   /* quoted */
    const char *name;   /* "select"; "all": those of later server versions, too */
    const char *column; /* NULL: on the whole object */
    enum privilege_state state;
};

struct access {
    const char *owner; /* quoted role; NULL: whoever made it */
    VEC(struct privilege) privileges;
};

/* What the analysis does not look into, kept as its texts: a publication, an aggregate, an event trigger. */
struct other {
    const char *sql;
    VEC(const char *) actions; /* whole statements that altered it since, in order */
};

struct schema {
    size_t born; /* migration (ordinal) that made it; 0: it was there */
    const char *comment;
};

struct extension {
    const char *name;
    const char *schema;
};

struct catalog {
    struct arena *arena;
    struct map schemas;    /* name → struct schema * */
    struct map relations;  /* key of schema and name → struct relation * */
    struct map types;      /* → struct type_object * */
    struct map functions;  /* key of schema and name → struct function *, a chain */
    struct map extensions; /* → struct extension * */
    struct map others;     /* as DROP names it, "PUBLICATION p" → struct other * */
    struct map access;     /* of an object → struct access *: access.h */
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
struct extra *relation_find_extra(const struct relation *relation, enum extra_kind kind, const char *name);
const char *extra_words(const struct extra *extra); /* "POLICY", "RULE", "STATISTICS" */
struct constraint *relation_primary_key(const struct relation *relation); /* NULL when it has none */
bool index_mentions(const struct index *index, const char *column); /* among its columns, in an expression, in WHERE */
bool column_draws_from(const struct column *column, const struct relation *sequence); /* its default is nextval('…') of it */
bool relation_is_table(const struct relation *relation);            /* table, partitioned or foreign */
bool relation_has_column_in(const char *const *names, size_t count, const char *name);

void catalog_add_schema(struct catalog *catalog, const char *name, size_t born);
struct relation *catalog_add_relation(
    struct catalog *catalog, enum relation_kind kind, const char *schema, const char *name, size_t born);
/* Removes it with its indexes, its constraints (also other tables' foreign keys to it), owned sequences and partitions.
 */
void catalog_drop_relation(struct catalog *catalog, struct relation *relation, const char *by);
void catalog_rename_relation(
    struct catalog *catalog, struct relation *relation, const char *schema, const char *name, const char *by);
struct column *catalog_add_column(
    struct catalog *catalog, struct relation *relation, const char *name, const struct type *type, size_t born);
/* What the history said of an object's owner and privileges: of a relation, function, type or schema, or, object NULL,
 * of what its text alone says. NULL: nothing. */
struct access *catalog_find_access(const struct catalog *catalog, const void *object, const char *text);
struct access *catalog_make_access(struct catalog *catalog, const void *object, const char *text);
/* It has another name now: texts that hold this one (of triggers, policies, rules, views) are not known any more. */
void catalog_forget_mentions(struct catalog *catalog, const char *name);
/* A type, or a table's: the texts of functions that have it in their signature. */
void catalog_forget_signatures(struct catalog *catalog, const char *type);
/* With the indexes and constraints that mention it. */
void catalog_drop_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *by);
void catalog_rename_column(struct catalog *catalog, struct relation *relation, struct column *column, const char *name);
struct constraint *catalog_add_constraint(
    struct catalog *catalog, struct relation *relation, enum constraint_kind kind, const char *name);
void catalog_set_reference(struct catalog *catalog, struct constraint *constraint, struct relation *referenced);
void catalog_drop_trigger(struct relation *relation, const struct trigger *trigger);
struct extra *catalog_add_extra(
    struct catalog *catalog, struct relation *relation, enum extra_kind kind, const char *name, const char *sql);
void catalog_drop_extra(struct relation *relation, const struct extra *extra);
void catalog_drop_function(struct catalog *catalog, struct function *function);
/* With the index that it owns. */
void catalog_drop_constraint(struct catalog *catalog, struct constraint *constraint, const char *by);
/* A partition (of a table or of an index), or a table that inherits. */
void catalog_set_parent(struct catalog *catalog, struct relation *child, struct relation *parent);
void catalog_clear_parent(struct relation *child);
/* The sequence goes with this column. */
void catalog_set_owner(
    struct catalog *catalog, struct relation *sequence, struct relation *relation, const char *column); /* NULL: none */
void catalog_clear_reads(struct relation *view);
/* The relation has another column. */
void catalog_note_growth(const struct relation *relation);
/* A view's query names `relation`. */
void catalog_add_read(struct catalog *catalog, struct relation *view, struct relation *relation);

/* SQL that makes an object as it is now; the texts live in the arena. */
const char *catalog_column_sql(struct arena *arena, const struct column *column); /* name type … NOT NULL */
const char *catalog_constraint_sql(struct arena *arena, const struct constraint *constraint); /* CHECK (…) NOT VALID */
/* What CREATE INDEX has behind the table: USING btree (…) … */
const char *catalog_index_definition(struct arena *arena, const struct index *index);
const char *catalog_index_sql(struct arena *arena, const struct relation *index, bool concurrently);
const char *catalog_identity_sql(struct arena *arena, const struct column *column); /* GENERATED … AS IDENTITY (…) */
const char *catalog_sequence_sql(struct arena *arena, const struct relation *sequence);
const char *catalog_type_sql(struct arena *arena, const struct type_object *type); /* as it is now */
/* Statements, pushed in order. */
struct sql_list {
    VEC(const char *) items;
};
/* A trigger; a policy, rule or statistics object. Nothing when its text is not known. */
void catalog_trigger_sql(
    struct arena *arena, const struct relation *relation, const struct trigger *trigger, struct sql_list *out);
void catalog_extra_sql(
    struct arena *arena, const struct relation *relation, const struct extra *extra, struct sql_list *out);
/* What a table or view has: indexes, settings, triggers, policies, rules, statistics, and all comments. */
void catalog_relation_parts(struct arena *arena, const struct relation *relation, struct sql_list *out);
/* The sequences that the table's columns (or this one) own and do not make: before, what makes them; else OWNED BY. */
void catalog_owned_sequences(
    struct arena *arena, const struct relation *table, const char *column, bool before, struct sql_list *out);
/* CREATE TABLE and what belongs to it. */
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
const char *relation_words(const struct relation *relation); /* "TABLE", "MATERIALIZED VIEW": for ALTER and COMMENT ON */
struct object relation_object(struct arena *arena, const struct relation *relation);

/* Names of relations (kind: of this kind, or all with -1) in this schema, for did-you-mean. Lives in the arena. */
const char *const *catalog_relation_names(
    const struct catalog *catalog, struct arena *arena, const char *schema, size_t *count);
const char *const *relation_column_names(const struct relation *relation, struct arena *arena, size_t *count);

#endif
