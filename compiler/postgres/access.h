/*
 * Who owns an object and who may do what with it, as far as the history says: an owner, and for each role each
 * privilege alone, so that GRANT ALL, then REVOKE SELECT, then GRANT ALL are undone one after the other.
 *
 *     access_grant(catalog, scratch, &on, changes, n, &inverse)   GRANT, REVOKE
 *     access_own(catalog, scratch, &on, role, &inverse)           OWNER TO
 *     access_give_again(catalog, scratch, &on, &inverse)                 what is dropped, when it is made again
 */
#ifndef COMPILER_POSTGRES_ACCESS_H
#define COMPILER_POSTGRES_ACCESS_H

#include "compiler/postgres/catalog.h"
#include "compiler/postgres/inverse.h"

/* What has an owner and privileges. */
struct grantable {
    const void *object; /* the catalogue's own relation, function, type or schema; NULL: only its text is known */
    const char *prefix; /* of GRANT: "ALTER DEFAULT PRIVILEGES IN SCHEMA attic "; NULL: none */
    const char *text;   /* as GRANT names it: "public.items", "SCHEMA attic" */
    const char *alter;  /* as ALTER … OWNER TO names it: "TABLE public.items"; NULL: unknown */
    const char *const *privileges; /* what ALL means, and NULL at its end */
    size_t born;
    bool fresh; /* made by this very migration */
};

struct grantable access_of_relation(struct arena *arena, const struct relation *relation);
struct grantable access_of_function(struct arena *arena, const struct function *function);
struct grantable access_of_type(struct arena *arena, const struct type_object *type);
struct grantable access_of_schema(struct arena *arena, const struct schema *schema, const char *name);

/* A GRANT or REVOKE of one privilege to or from one role. */
struct access_change {
    enum access_verb { ACCESS_GRANT, ACCESS_GRANT_WITH_OPTION, ACCESS_REVOKE, ACCESS_REVOKE_OPTION } verb;
    const char *role;      /* quoted */
    const char *privilege; /* "select"; NULL: all */
    const char *const *columns;
    size_t column_count; /* 0: the whole object */
};

/* The changes are those of one statement, those of a role side by side. */
void access_grant(struct catalog *catalog, struct arena *scratch, const struct grantable *on,
    const struct access_change *changes, size_t count, struct inverse *inverse);
/* ON ALL TABLES IN SCHEMA and the like: that is the text, and the objects are those of the catalogue that it means. */
void access_grant_whole(struct catalog *catalog, struct arena *scratch, const char *text,
    const struct grantable *objects, size_t object_count, const struct access_change *changes, size_t count,
    struct inverse *inverse);
/* OWNER TO role (quoted). */
void access_own(struct catalog *catalog, struct arena *scratch, const struct grantable *on, const char *role,
    struct inverse *inverse);
void access_give_again(
    struct catalog *catalog, struct arena *scratch, const struct grantable *on, struct inverse *inverse);
/* The privileges on a column alone. */
void access_give_column_again(struct catalog *catalog, struct arena *scratch, const struct relation *relation,
    const char *column, struct inverse *inverse);
bool access_has_column(const struct catalog *catalog, const struct relation *relation, const char *column);

#endif
