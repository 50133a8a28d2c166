/*
 * Common to tests of the PostgreSQL analysis: an analyser that is given SQL, migration by migration, and a project of
 * one target whose steps are compiled by the real backend.
 */
#ifndef TESTS_UNIT_COMPILER_POSTGRES_H
#define TESTS_UNIT_COMPILER_POSTGRES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compile.h"
#include "compiler/load.h"
#include "compiler/postgres/analyse.h"

/* --- an analyser ------------------------------------------------------------------------------------------------- */

struct world {
    struct arena arena;
    struct diag_list diags;
    struct analyser *analyser;
    struct statement_list last; /* statements of the last world_run() */
};

static inline void world_open(struct world *world, const char *schema)
{
    *world = (struct world){.arena = ARENA_INIT};
    diag_list_init(&world->diags, &world->arena);
    world->analyser = analyser_create(&world->arena, &world->diags, schema);
}

static inline void world_close(struct world *world)
{
    analyser_free(world->analyser);
    arena_free(&world->arena);
}

/* One migration of this SQL. False when the analysis found an error. */
static inline bool world_run(struct world *world, const char *sql)
{
    world->last.items.count = 0;
    analyser_begin(world->analyser, NULL);
    return analyse(world->analyser, text_of_source(&world->arena, source_create(&world->arena, "x.sql", str_from(sql))),
        &world->last);
}

static inline const struct statement *world_statement(const struct world *world, size_t index)
{
    assert_true(index < world->last.items.count);
    return &world->last.items.items[index];
}

/* Everything that was reported, as it is printed. Lives in the arena. */
static inline const char *world_report(struct world *world)
{
    struct strbuf out = STRBUF_INIT;
    const char *text;

    diag_list_print(&world->diags, &out);
    text = strbuf_copy(&out, &world->arena).data;
    strbuf_free(&out);
    return text ? text : "";
}

static inline void world_must(struct world *world, const char *sql)
{
    if (!world_run(world, sql))
        fail_msg("%s", world_report(world));
}

/* The codes that were reported, in order: "PG101 PG103". Forgets them. */
static inline const char *world_codes(struct world *world)
{
    struct strbuf out = STRBUF_INIT;
    const char *text;

    for (size_t i = 0; i < world->diags.items.count; i++)
        strbuf_printf(&out, "%s%s", i ? " " : "", world->diags.items.items[i]->code->name);
    text = strbuf_copy(&out, &world->arena).data;
    strbuf_free(&out);
    world->diags.items.count = 0;
    return text ? text : "";
}

static inline struct relation *world_relation(const struct world *world, const char *name)
{
    return catalog_find_relation(&world->analyser->catalog, world->analyser->schema, name);
}

/* --- a project --------------------------------------------------------------------------------------------------- */

struct steps {
    struct arena arena;
    struct diag_list diags;
    const struct plan *plan;
    char folder[64];
};

/* YAML of the list of steps, indented by six; more: further keys of the migration, indented by four. */
static inline void steps_compile(
    struct steps *steps, const char *schema, const char *setup, const char *yaml, const char *more)
{
    static const struct backend_ops *const items[] = {&backend_postgres};
    const struct backend_list backends = {items, 1};
    struct project *project;
    struct error error = {0};
    char path[128];
    FILE *file;

    *steps = (struct steps){.arena = ARENA_INIT};
    strcpy(steps->folder, "/tmp/invplan-test-XXXXXX");
    assert_non_null(mkdtemp(steps->folder));
    diag_list_init(&steps->diags, &steps->arena);
    snprintf(path, sizeof(path), "%s/migrations.yaml", steps->folder);
    file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file,
        "invplan: 1\nproject: test\ntargets: { db: { engine: postgres, version: 15 } }\n"
        "environments: { test: { targets: { db: { schema: %s } } } }\nmigrations:\n"
        "  - id: setup\n    target: db\n    steps:\n      - name: setup\n        sql: { up: \"%s\" "
        "}\n"
        "  - id: test\n    target: db\n%s    steps:\n%s\n",
        schema, setup, more, yaml);
    assert_int_equal(fclose(file), 0);
    project = project_load(&steps->arena, path, &steps->diags, &error);
    assert_non_null(project);
    steps->plan =
        compile_environment(&steps->arena, project, &project->environments.items[0], &backends, &steps->diags);
    unlink(path);
    rmdir(steps->folder);
}

static inline void steps_close(struct steps *steps)
{
    arena_free(&steps->arena);
}

static inline const char *steps_report(struct steps *steps)
{
    struct strbuf out = STRBUF_INIT;
    const char *text;

    diag_list_sort(&steps->diags);
    diag_list_print(&steps->diags, &out);
    text = strbuf_copy(&out, &steps->arena).data;
    strbuf_free(&out);
    return text ? text : "";
}

/* The plan step test/…/PART; the first whose id ends so. */
static inline const struct plan_step *steps_part(struct steps *steps, const char *end)
{
    if (!steps->plan)
        fail_msg("%s", steps_report(steps));
    for (size_t i = 0; i < steps->plan->steps.count; i++) {
        const struct plan_step *step = &steps->plan->steps.items[i];

        if (strncmp(step->id, "test/", 5) == 0 && str_ends_with(str_from(step->id), end))
            return step;
    }
    fail_msg("no part '%s'", end);
    return NULL;
}

static inline const char *steps_sql(const struct plan_step *step, size_t index)
{
    const struct json *sql = json_get(step->action.forward, "sql");

    return json_string(json_is(sql, JSON_ARRAY) ? json_at(sql, index) : sql);
}

static inline const char *steps_undo(const struct plan_step *step, size_t index)
{
    const struct json *sql = json_get(step->inverse.action.forward, "sql");

    return json_string(json_is(sql, JSON_ARRAY) ? json_at(sql, index) : sql);
}

static inline const char *steps_guard(const struct plan_step *step)
{
    return json_string(json_get(step->inverse.guard, "sql"));
}

#endif
