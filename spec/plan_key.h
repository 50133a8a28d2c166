/*
 * The keys of a plan as data (plan_key.def): what the reader, the writer, the JSON Schema and the documentation of plans
 * have in common.
 *
 *     for (row = plan_object_keys(object, &count); count > 0; row++, count--) …
 */
#ifndef SPEC_PLAN_KEY_H
#define SPEC_PLAN_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/digest.h"
#include "spec/plan.h"

/* What a key holds; behind it the member's type where a structure has one. */
enum plan_kind {
    PLAN_KIND_NAME,           /* const char *; not empty, no control characters */
    PLAN_KIND_TEXT,           /* const char * */
    PLAN_KIND_PATH,           /* const char *; a NAME, relative, without ".." */
    PLAN_KIND_DIGEST,         /* const char *; 64 hexadecimal digits */
    PLAN_KIND_INTEGER,        /* int64_t; not negative */
    PLAN_KIND_SMALL,          /* int; not negative */
    PLAN_KIND_ESTIMATE,       /* int64_t; null is -1 */
    PLAN_KIND_BOOL,           /* bool */
    PLAN_KIND_ENGINE,         /* enum engine, and so on */
    PLAN_KIND_PHASE,
    PLAN_KIND_RETRY,
    PLAN_KIND_GRADE,
    PLAN_KIND_ON_FAILURE,
    PLAN_KIND_INSTRUCTION,
    PLAN_KIND_JSON,           /* const struct json *; any value */
    PLAN_KIND_JSON_OBJECT,    /* const struct json * */
    PLAN_KIND_OBJECT,         /* a structure inside; null is one whose first member is NULL */
    PLAN_KIND_POINTER,        /* const pointer to a structure */
    PLAN_KIND_OBJECTS,        /* VEC of structures */
    PLAN_KIND_NAMES,          /* VEC(const char *) */
    PLAN_KIND_CONNECTION,     /* VEC(struct plan_connection_field) */
    PLAN_KIND_INVERSE_ACTION, /* struct plan_action of a struct plan_inverse */
    /* The following are for values that stay JSON. */
    PLAN_KIND_FORMAT,    /* the number PLAN_FORMAT */
    PLAN_KIND_TEXTS,     /* texts, at least one */
    PLAN_KIND_COUNT,     /* a number from 1 */
    PLAN_KIND_TRUE,      /* true */
    PLAN_KIND_STEP_ID,   /* the id of a step of the plan */
    PLAN_KIND_JSON_LIST, /* objects */
};

enum plan_flags { PLAN_FLAG_NONE = 0, PLAN_FLAG_NULLABLE = 1, PLAN_FLAG_OPTIONAL = 2 };

enum plan_object {
#define PLAN_OBJECT(object, structure, doc) PLAN_OBJECT_##object,
#include "spec/plan_key.def"
    PLAN_OBJECT_COUNT,
    PLAN_OBJECT_NOTHING = PLAN_OBJECT_COUNT,
};

struct plan_key {
    const char *name;
    enum plan_kind kind;
    enum plan_flags flags;
    enum plan_object of;
    bool has_member;
    size_t offset; /* of the member in its structure */
    const char *doc;
};

const struct plan_key *plan_object_keys(enum plan_object object, size_t *count);
size_t plan_object_size(enum plan_object object); /* of its structure */
const char *plan_object_name(enum plan_object object); /* "FORWARD_PG_EXEC" */
const char *plan_object_doc(enum plan_object object);

/* The names of an enumeration's constants by value; a NULL name is a constant that a plan does not hold. */
const char *const *plan_kind_names(enum plan_kind kind, size_t *count); /* NULL for other kinds */

/* The object that describes the forward of an instruction, of its inverse where that has a form of its own, and its
 * probe; PLAN_OBJECT_NOTHING where there is none. */
enum plan_object plan_forward_form(enum instruction instruction);
enum plan_object plan_inverse_form(enum instruction instruction);
enum plan_object plan_probe_form(enum instruction instruction);
enum plan_object plan_guard_form(enum engine engine);

/* The index behind plan_find_*(): entries for the migration or step at a position of the plan; false when its id is
 * there already. */
void plan_index_init(struct arena *arena, struct plan *plan);
bool plan_index_migration(struct plan *plan, size_t position);
bool plan_index_step(struct plan *plan, size_t position);
/* Writes a structure in the canonical form, without a line end. */
void plan_object_write(struct strbuf *out, enum plan_object object, const void *base);
/* What effect_digest must be. */
struct digest plan_effect_digest(const struct plan_step *step);

#endif
