/*
 * The keys of migrations.yaml, from key.def and step.def: contexts (kinds of mappings) with their keys, each with its
 * type. Made once for a run and never changed.
 *
 *     const struct key_table *keys = key_table_create(&arena);
 *     const struct key_context *context = key_context_find(keys, "policy", ENGINE_ANY);
 */
#ifndef COMPILER_KEY_H
#define COMPILER_KEY_H

#include "compiler/project.h"
#include "spec/base/map.h"

/* The words of key.def's types. */
enum key_kind {
    KEY_STRING,
    KEY_TEXT,
    KEY_NAME,
    KEY_ID,
    KEY_SQL,
    KEY_CEL,
    KEY_BOOL,
    KEY_INT,
    KEY_DURATION,
    KEY_DATE,
    KEY_ENUM,
    KEY_PATH,
    KEY_REFERENCE,
    KEY_ANY,
    KEY_STEP,
    KEY_LIST,
    KEY_MAP,
    KEY_NUMBERS,
    KEY_OBJECT,
};

struct key_type {
    enum key_kind kind;
    int64_t min, max;         /* KEY_INT */
    const char *const *words; /* KEY_ENUM */
    size_t word_count;
    bool may_be_empty;              /* KEY_LIST, KEY_MAP */
    const struct key_type *element; /* KEY_LIST, KEY_MAP, KEY_NUMBERS */
    const char *context;            /* KEY_OBJECT: without the engine */
    const struct key_type *next;    /* the next alternative, or NULL */
};

enum key_presence { KEY_OPTIONAL, KEY_REQUIRED, KEY_FORBIDDEN };

struct key {
    const char *name;
    const struct key_type *type;
    const char *type_text; /* as key.def has it */
    enum key_presence presence;
    const char *description;
};

struct key_context {
    const char *name;  /* "step.create_table@postgres" */
    const char *label; /* for messages: "a target"; a step's is its kind */
    const char *description;
    VEC(struct key) keys;
    const char *object_keys;     /* what a step's default name is made of, separated by blanks; NULL: its kind alone */
    const char *short_key;       /* NULL: a scalar cannot stand for the mapping */
    const char *one_of;          /* keys separated by blanks, of which exactly one is present; NULL: none */
    VEC(const char *) excluding; /* likewise, of which at most one is */
    enum step_kind step;         /* STEP_COUNT: no step */
};

struct key_table {
    VEC(struct key_context *) contexts; /* in the order of key.def, steps without keys last */
    struct map by_name;
    const struct key_context *steps[ENGINE_DYNAMODB + 1][STEP_COUNT]; /* by engine and kind */
};

const struct key_table *key_table_create(struct arena *arena);
/* The context of that name, or of name@engine; NULL when there is none. */
const struct key_context *key_context_find(const struct key_table *table, const char *name, enum engine engine);
/* The keys of a step kind on that engine; NULL when they depend on the engine and that is ENGINE_ANY. */
const struct key_context *key_step_context(const struct key_table *table, enum step_kind kind, enum engine engine);
const struct key *key_find(const struct key_context *context, struct str name); /* NULL when there is none */
/* The next word of a list separated by blanks; false at its end. */
bool key_next_word(const char **list, struct str *word);

/* Step kinds, from step.def. */
bool step_kind_from_name(struct str name, enum step_kind *out);
enum engine step_kind_engine(enum step_kind kind);
const char *step_kind_description(enum step_kind kind);

#endif
