/*
 * What migrations.yaml and its includes say, after parsing and before any environment is chosen. Step bodies stay nodes:
 * their keys are checked against key.def, and the backends read them by name.
 */
#ifndef COMPILER_PROJECT_H
#define COMPILER_PROJECT_H

#include "compiler/yaml.h"
#include "spec/plan.h"

/* Step kinds: STEP_ROW(NAME, "key", ENGINE, "what it does"). */
enum step_kind {
#define STEP_ROW(name, key, engine, doc) STEP_##name,
#include "compiler/step.def"
#undef STEP_ROW
    STEP_COUNT,
};

const char *step_kind_name(enum step_kind kind);

struct project_target {
    const char *name;
    enum engine engine;
    int version;
    const char *ledger;
    const char *typeorm_table; /* NULL when none */
    struct node *node;
};

struct project_environment {
    const char *name;
    struct node *node; /* the whole environment: vars, targets, policy, lint, backup, notify, metrics, disposable */
};

struct project_step {
    enum step_kind kind;
    const char *name;  /* the step's id within its migration: its `name:`, or kind:object */
    struct node *key;  /* the kind's key node: a place for diagnostics */
    struct node *body; /* the value under the kind's key, always a mapping (`create_extension: postgis` reads as
                          { name: postgis }); variables replaced when lowering sees it */
    struct node *node; /* the whole step mapping */
};

struct project_allowance {
    const char *rule;
    const char *reason;
    const char *until; /* YYYY-MM-DD or NULL */
    struct node *node;
    bool used; /* set by the analysis */
};

struct project_migration {
    const char *id;
    const char *description; /* NULL when none */
    const struct project_target *target;
    VEC(struct project_step) steps;
    VEC(struct node *) after; /* scalars: migration ids */
    VEC(struct project_allowance) allow;
    struct node *phase;       /* NULL: derived */
    struct node *rollback;    /* NULL: derived */
    struct node *only;        /* NULL: every environment */
    struct node *node;
    size_t index;             /* order of declaration */
    bool broken;              /* diagnosed: it and what follows on its target cannot be lowered */
};

struct key_table;
struct project_files;

struct project {
    const char *name;
    const char *root; /* directory of migrations.yaml, as opened; files named in it are relative to it */
    VEC(struct project_target) targets;
    VEC(const char *) order;
    VEC(struct project_environment) environments;
    VEC(struct project_migration) migrations; /* all targets, in order of declaration */
    struct node *lint;   /* how much its findings matter; NULL */
    struct node *events; /* the events section; NULL when none */
    VEC(struct plan_input) inputs; /* every YAML file read, with its digest; the plan adds the SQL files of its steps */
    const struct key_table *keys;
    struct project_files *files;
};

#endif
