/*
 * The Common Expression Language (https://github.com/google/cel-spec, langdef.md) for upcasters: a subset without
 * protocol buffer messages, with one addition: decimals that keep up to 38 digits as text. docs/cel.md has the grammar,
 * the functions and what is left out.
 *
 * An expression is compiled once against the declared types of its variables and evaluated many times. Evaluation
 * always terminates and is bounded by a cost; nothing in it touches the outside world.
 *
 *     struct cel_program *program = cel_compile(&arena, env, text, &error);
 *     if (program && cel_eval(program, &step_arena, bindings, count, CEL_COST_DEFAULT, &value, &error)) ...
 */
#ifndef SPEC_CEL_CEL_H
#define SPEC_CEL_CEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;
struct cel_program;

enum { CEL_COST_DEFAULT = 1000000, CEL_TEXT_MAX_BYTES = 64 * 1024 };

enum cel_kind {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,       /* 64-bit signed */
    CEL_UINT,      /* 64-bit unsigned */
    CEL_DOUBLE,    /* IEEE 754 binary64 */
    CEL_DECIMAL,   /* a number that came from data: its decimal text, see below */
    CEL_STRING,    /* UTF-8 */
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,       /* keys: bool, int, uint, string */
    CEL_TIMESTAMP, /* nanoseconds since the epoch in seconds and nanos */
    CEL_DURATION,
    CEL_TYPE,      /* a type value, by name */
    CEL_OPTIONAL,
};

struct cel_entry;

struct cel_value {
    enum cel_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t uinteger;
        double real;
        struct str text; /* string, bytes, decimal, type name */
        struct {
            const struct cel_value *items;
            size_t count;
        } list;
        struct {
            const struct cel_entry *entries; /* in the order they were built */
            size_t count;
        } map;
        struct {
            int64_t seconds;
            int32_t nanos; /* 0 to 999,999,999 for a timestamp; same sign as seconds for a duration */
        } time;
        const struct cel_value *inner; /* CEL_OPTIONAL: NULL when empty */
    } as;
    /*
     * Where the value was taken from, when it was bound from data and is handed on unchanged: lets the caller put the
     * original back, byte for byte (a set stays a set, 1.50 stays 1.50). NULL for computed values.
     */
    const void *origin;
};

struct cel_entry {
    struct cel_value key;
    struct cel_value value;
};

/*
 * Static types. CEL_TYPE_DYN is checked at run time. A decimal compares and computes with int, uint, double and
 * decimals: an exact result where both sides are exact (+, - and * stay decimal up to 38 digits), else an error; it is
 * never rounded silently.
 */
enum cel_type_kind {
    CEL_TYPE_DYN,
    CEL_TYPE_NULL,
    CEL_TYPE_BOOL,
    CEL_TYPE_INT,
    CEL_TYPE_UINT,
    CEL_TYPE_DOUBLE,
    CEL_TYPE_DECIMAL,
    CEL_TYPE_STRING,
    CEL_TYPE_BYTES,
    CEL_TYPE_LIST,   /* element in of */
    CEL_TYPE_MAP,    /* key in key, value in of */
    CEL_TYPE_OBJECT, /* a map with known fields: unknown ones are compile-time errors unless open */
    CEL_TYPE_TIMESTAMP,
    CEL_TYPE_DURATION,
    CEL_TYPE_TYPE,
    CEL_TYPE_OPTIONAL, /* of */
};

struct cel_type {
    enum cel_type_kind kind;
    const struct cel_type *key;
    const struct cel_type *of;
    const struct cel_field *fields; /* CEL_TYPE_OBJECT */
    size_t field_count;
    bool open; /* CEL_TYPE_OBJECT: other fields may exist, of type dyn */
};

struct cel_field {
    const char *name;
    const struct cel_type *type;
};

struct cel_variable {
    const char *name; /* may hold dots */
    const struct cel_type *type;
};

/*
 * Where named time zones ("Europe/Berlin") come from. Without one, functions on timestamps take UTC and fixed offsets
 * ("+02:00") only, and results never depend on the machine.
 */
struct cel_zones {
    /* Seconds east of Greenwich in the zone at that moment. False when the zone is not known. */
    bool (*offset_at)(void *context, struct str zone, int64_t utc_seconds, int32_t *offset_seconds);
    void *context;
};

/* The time zone database of the machine, below /usr/share/zoneinfo. */
const struct cel_zones *cel_zones_system(void);

struct cel_env {
    const struct cel_variable *variables;
    size_t variable_count;
    const char *container; /* namespace for name resolution, or NULL */
    const struct cel_zones *zones; /* or NULL; must live as long as the program */
    bool unchecked; /* types and names are checked when the expression runs, not before */
};

struct cel_binding {
    const char *name;
    struct cel_value value;
};

struct cel_error {
    size_t start, end; /* byte offsets into the expression */
    char message[256]; /* lower case, no final stop */
    char help[256];    /* "did you mean 'x'?" or "" */
};

/*
 * Parses and checks text. NULL on failure. env is not kept; text is copied. result_type, where not NULL, receives the
 * static type (in the arena; parts of it may be the env's own types).
 */
struct cel_program *cel_compile(struct arena *arena, const struct cel_env *env, struct str text,
    const struct cel_type **result_type, struct cel_error *error);

/*
 * Evaluates with the variables bound by name. cost_limit bounds the work in abstract units (one for each evaluated
 * node and each element or 64 bytes touched), and with it the memory and the size of the result. False on a run-time
 * error, with *error filled. The value lives in the arena given and may point into the bindings and the program.
 *
 * Bindings are data: they need not have the declared types; what does not fit is a run-time error.
 */
bool cel_eval(const struct cel_program *program, struct arena *arena, const struct cel_binding *bindings, size_t count,
    uint64_t cost_limit, struct cel_value *value, struct cel_error *error) MUST_CHECK;

/* The same, for several evaluations that share a limit: what this one costs is taken from *cost_left, all of it when that is
 * not enough. */
bool cel_eval_within(const struct cel_program *program, struct arena *arena, const struct cel_binding *bindings,
    size_t count, uint64_t *cost_left, struct cel_value *value, struct cel_error *error) MUST_CHECK;

/* The value of an expression that is a literal and nothing else; NULL for any other. */
const struct cel_value *cel_program_literal(const struct cel_program *program);

/* What an expression looks at of one of its variables: these fields, or the whole. */
struct cel_use {
    bool whole;
    const struct str *fields; /* each once */
    size_t count;
};

/* A binding of the variable that has no other fields gives the same result. The names live as long as the program. */
struct cel_use cel_program_use(const struct cel_program *program, struct arena *arena, const char *variable);

/* CEL's == (numbers compare across types; lists and maps deeply). */
bool cel_equal(const struct cel_value *a, const struct cel_value *b);
/* Value as CEL would write it, for messages and tests. */
void cel_print(const struct cel_value *value, struct strbuf *out);
/* The name that type() gives: "int", "map", "google.protobuf.Timestamp", … */
const char *cel_kind_name(enum cel_kind kind);
const char *cel_type_print(struct arena *arena, const struct cel_type *type);

#endif
