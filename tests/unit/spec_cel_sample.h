/*
 * What the tests of the expression language share: an event to compute on, and evaluation to text.
 */
#ifndef TESTS_UNIT_SPEC_CEL_SAMPLE_H
#define TESTS_UNIT_SPEC_CEL_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/cel/cel.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct cel_type sample_dyn = {.kind = CEL_TYPE_DYN};
static const struct cel_type sample_int = {.kind = CEL_TYPE_INT};
static const struct cel_type sample_string = {.kind = CEL_TYPE_STRING};
static const struct cel_type sample_decimal = {.kind = CEL_TYPE_DECIMAL};
static const struct cel_type sample_strings = {.kind = CEL_TYPE_LIST, .of = &sample_string};
static const struct cel_field sample_fields[] = {
    {"sku", &sample_string},
    {"quantity", &sample_decimal},
    {"price", &sample_decimal},
    {"tags", &sample_strings},
    {"note", &sample_dyn},
};
static const struct cel_type sample_event = {.kind = CEL_TYPE_OBJECT, .fields = sample_fields, .field_count = 5};
static const struct cel_field sample_meta_fields[] = {{"version", &sample_int}};
static const struct cel_type sample_meta = {
    .kind = CEL_TYPE_OBJECT, .fields = sample_meta_fields, .field_count = 1, .open = true};
static const struct cel_variable sample_variables[] = {
    {"event", &sample_event},
    {"meta", &sample_meta},
    {"data", &sample_dyn},
    {"service.region", &sample_string},
    {"limit", &sample_int},
};
static const struct cel_env sample_env = {.variables = sample_variables, .variable_count = 5};

static inline struct cel_value sample_text(enum cel_kind kind, const char *text)
{
    return (struct cel_value){.kind = kind, .as.text = str_from(text)};
}

static inline struct cel_value sample_map(const struct cel_entry *entries, size_t count)
{
    return (struct cel_value){.kind = CEL_MAP, .as.map = {entries, count}};
}

/* {"sku": "A-1", "quantity": 5, "price": 1.50, "tags": ["red", "big"]}; data holds the same. limit stays unbound. */
static inline size_t sample_bind(struct cel_binding bindings[4])
{
    static struct cel_value tags[2];
    static struct cel_entry event[4], meta[1];

    tags[0] = sample_text(CEL_STRING, "red");
    tags[1] = sample_text(CEL_STRING, "big");
    event[0] = (struct cel_entry){sample_text(CEL_STRING, "sku"), sample_text(CEL_STRING, "A-1")};
    event[1] = (struct cel_entry){sample_text(CEL_STRING, "quantity"), sample_text(CEL_DECIMAL, "5")};
    event[2] = (struct cel_entry){sample_text(CEL_STRING, "price"), sample_text(CEL_DECIMAL, "1.50")};
    event[3] = (struct cel_entry){sample_text(CEL_STRING, "tags"), {.kind = CEL_LIST, .as.list = {tags, 2}}};
    meta[0] = (struct cel_entry){sample_text(CEL_STRING, "version"), {.kind = CEL_INT, .as.integer = 2}};
    bindings[0] = (struct cel_binding){"event", sample_map(event, 4)};
    bindings[1] = (struct cel_binding){"meta", sample_map(meta, 1)};
    bindings[2] = (struct cel_binding){"data", sample_map(event, 4)};
    bindings[3] = (struct cel_binding){"service.region", sample_text(CEL_STRING, "eu")};
    return 4;
}

/* "message (help)" with the part of the expression that the error is about in front. */
static inline const char *sample_error(const char *text, const struct cel_error *error)
{
    size_t len = strlen(text);
    size_t start = error->start < len ? error->start : len;
    size_t end = error->end < len ? error->end : len;

    return arena_printf(&arena, "%zu[%.*s] %s%s%s%s", error->start, (int)(end - start), text + start, error->message,
        error->help[0] ? " (" : "", error->help, error->help[0] ? ")" : "");
}

/* The value as text, or the error of compiling ("check: …") or running ("run: …"). */
static inline const char *sample_eval_in(const struct cel_env *env, const char *text, uint64_t cost_limit)
{
    struct cel_binding bindings[4];
    size_t count = sample_bind(bindings);
    struct cel_error error;
    struct cel_value value;
    struct strbuf out = STRBUF_INIT;
    const char *printed;
    struct cel_program *program = cel_compile(&arena, env, str_from(text), NULL, &error);

    if (!program)
        return arena_printf(&arena, "check: %s", sample_error(text, &error));
    if (!cel_eval(program, &arena, bindings, count, cost_limit, &value, &error))
        return arena_printf(&arena, "run: %s", sample_error(text, &error));
    cel_print(&value, &out);
    printed = strbuf_copy(&out, &arena).data;
    strbuf_free(&out);
    return printed;
}

static inline const char *sample_eval(const char *text)
{
    return sample_eval_in(&sample_env, text, CEL_COST_DEFAULT);
}

#define assert_eval(text, wanted) assert_string_equal(sample_eval(text), wanted)

#endif
