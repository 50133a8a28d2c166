/*
 * The project's events as a TypeScript module for the service that reads them: a type for each version, made from its
 * JSON Schema, and the upcasters, made from the same operators and expressions that invplan itself applies. The module
 * depends on nothing; its runtime (the files in runtime/) is a part of it. As JavaScript it is the same module without its types.
 */
#ifndef COMPILER_TYPESCRIPT_TYPESCRIPT_H
#define COMPILER_TYPESCRIPT_TYPESCRIPT_H

#include "compiler/dynamodb/event_types.h"

/* Appends the module to out. An expression that has no faithful translation is diagnosed (TS001) at its place. */
void typescript_write(struct arena *arena, const char *project, const struct event_types *types, bool javascript,
    struct diag_list *diags, struct strbuf *out);

#endif
