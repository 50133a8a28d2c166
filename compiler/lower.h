/*
 * Lowering: the seam between the front end (which reads the project, picks an environment, orders and writes) and the
 * backends (which know PostgreSQL, DynamoDB and events). For each environment the front end makes a compilation, opens
 * a backend for each target and gives it that target's migrations in the order of declaration; the backend turns each
 * step into parts, folds its catalogue over them, and reports what is wrong or unwise.
 *
 *     backend = ops->open(compilation, target)
 *     for each migration of the target:  for each step: ops->lower(backend, migration, step, &parts)
 *                                        ops->end_migration(backend, migration, …)
 *     ops->finish(backend, complete)
 */
#ifndef COMPILER_LOWER_H
#define COMPILER_LOWER_H

#include "compiler/project.h"
#include "spec/base/diag.h"
#include "spec/diagnostic.h"
#include "spec/plan.h"

struct backend;

/* One environment's compilation. */
struct compilation {
    struct arena *arena;
    struct diag_list *diags;
    const struct project *project;
    const struct project_environment *environment;
    struct plan *plan; /* header filled (targets with table_prefix, policy, events); steps being added */
    const char *schema; /* default schema for PostgreSQL objects written without one: "public" unless the environment says */
};

/*
 * One part of a lowered step, as the backend leaves it. In `step` the backend fills action, inverse, pre- and
 * postcondition, phase, retry, timeouts.lock_ms/statement_ms/wait_ms, effect, locks, estimate_ms; the front end fills id,
 * migration, target, group, span, digests, allowed and point_of_no_return. A source_digest that the backend sets stays: it
 * covers what the step means beyond its own words (register_event: the version's schema and upcasters).
 */
struct lowered_part {
    const char *part;       /* unique within the step: "create", "validate", … */
    struct plan_step step;
    bool new_transaction;   /* must not share a transaction with the part before it */
    struct span span;       /* where its text stands, for the plan and diagnostics */
};

struct lowered_parts {
    VEC(struct lowered_part) items;
};

struct backend_ops {
    enum engine engine;
    struct backend *(*open)(struct compilation *compilation, const struct plan_target *target);
    /* step->body has its variables replaced and its keys checked. False when the step cannot be lowered (diagnosed). */
    bool (*lower)(struct backend *backend, const struct project_migration *migration, const struct project_step *step,
        struct lowered_parts *out);
    /* Called when all steps of the migration are lowered; parts: of the whole migration, grouped already (group is set),
     * so that rules about transactions can look at them. Inverses may be completed here. */
    void (*end_migration)(struct backend *backend, const struct project_migration *migration, struct plan_step *steps,
        size_t count);
    /* Always called at the end; frees what is not in the compilation's arena. complete: every migration was lowered, so
     * that findings about the whole make sense. */
    void (*finish)(struct backend *backend, bool complete);
};

/* Lowers the steps that are of no engine, gate and barrier; the front end calls it, and no backend ever sees them. */
void lower_outside(struct compilation *compilation, const struct project_step *step, struct lowered_parts *out);

extern const struct backend_ops backend_postgres;
extern const struct backend_ops backend_dynamodb; /* also the events section and its steps */

/* The migration's allowance of this rule, marked as used, or NULL. Backends ask before reporting a lint finding. */
const struct project_allowance *allowance_use(const struct project_migration *migration, const char *rule);

/* A file named by the project (sql: { file: … }), read with its digest added to project->inputs. NULL and diagnosed when
 * it cannot be read, leaves the project, or is not UTF-8. CRLF is read as LF. */
const struct source *project_read_file(struct compilation *compilation, const struct node *path);

#endif
