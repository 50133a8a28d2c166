/* Between the files of the module writer. */
#ifndef COMPILER_TYPESCRIPT_MODULE_H
#define COMPILER_TYPESCRIPT_MODULE_H

#include "compiler/typescript/typescript.h"

struct ts_module {
    struct arena *arena;
    struct strbuf *out;
    bool javascript; /* no types */
    struct diag_list *diags;
    const struct node *operators; /* of the upcaster that is being written: places for diagnostics */
};

/* --- runtime.c, made of the files in runtime/: their lines, NULL behind the last --- */

extern const char *const ts_runtime[];

/* Appends the runtime; its comments of types become types, or go away. */
void ts_write_runtime(struct ts_module *module);
/* Whether the runtime has the function of the language: "size", or ".size" for a method. */
bool ts_runtime_has(struct arena *arena, const char *name);

/* --- types.c --- */

/* The type of the values that are valid under schema, as far as TypeScript can say it. */
void ts_write_type(struct ts_module *module, const struct json *schema);

/* --- operator.c --- */

/* The upcaster's operators as an array; indent: of its first line, in levels. */
void ts_write_operators(struct ts_module *module, const struct upcaster *upcaster, size_t indent);

/* --- expression.c --- */

struct upcast_expression;

/* A function of the scope: (s) => … */
void ts_write_expression(struct ts_module *module, const struct upcast_expression *expression);
/* A text as a literal of JavaScript. */
void ts_write_text(struct ts_module *module, struct str text);
struct event_value;
void ts_write_scalar(struct ts_module *module, const struct event_value *value);

#endif
