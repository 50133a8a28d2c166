/* The JSON Schema (2020-12) of a plan's lines, made of plan_key.def: spec/schema/plan.schema.json. */
#ifndef COMPILER_PLAN_SCHEMA_H
#define COMPILER_PLAN_SCHEMA_H

#include "spec/base/str.h"

void plan_schema_write(struct strbuf *out);

#endif
