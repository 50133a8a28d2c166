/*
 * Common to tests of the compiler's front end: a project from a text, in a folder of its own below /tmp where files are
 * needed, and a backend that lowers each step to one part.
 */
#ifndef TESTS_UNIT_COMPILER_PROJECT_H
#define TESTS_UNIT_COMPILER_PROJECT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/compile.h"
#include "compiler/load.h"
#include "spec/base/arena.h"

struct test_project {
    struct arena arena;
    struct diag_list diags;
    char folder[64];
    struct project *project;
};

/* What the test backend does with the next steps; reset by test_open(). */
struct test_backend {
    bool alone;           /* parts run alone */
    bool new_transaction; /* each part asks for a transaction of its own */
    size_t parts;         /* a step has so many */
    enum grade grade;
    const char *rule;        /* an allowance of this rule is used by each step */
    const char *lowered[64]; /* names of the steps, in the order of lowering */
    size_t lowered_count;
    const char *last_schema;
    size_t finished; /* backends that were told that it is over */
    bool complete;
};

static struct test_backend test_backend;

static inline void test_write(const struct test_project *test, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", test->folder, name);
    for (char *slash = strchr(path + strlen(test->folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline void test_open(struct test_project *test)
{
    *test = (struct test_project){.arena = ARENA_INIT};
    test_backend = (struct test_backend){.parts = 1};
    strcpy(test->folder, "/tmp/invplan-test-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    diag_list_init(&test->diags, &test->arena);
}

/* Reads FOLDER/migrations.yaml with this text. */
static inline void test_load(struct test_project *test, const char *text)
{
    struct error error = {0};

    test_write(test, "migrations.yaml", text);
    test->project = project_load(
        &test->arena, arena_printf(&test->arena, "%s/migrations.yaml", test->folder), &test->diags, &error);
    assert_non_null(test->project);
}

static inline void test_close(struct test_project *test)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", test->folder);
    assert_int_equal(system(command), 0);
    arena_free(&test->arena);
}

static inline void test_no_errors(struct test_project *test)
{
    struct strbuf out = STRBUF_INIT;

    diag_list_sort(&test->diags);
    diag_list_print(&test->diags, &out);
    if (test->diags.items.count)
        print_error("%s", out.data);
    strbuf_free(&out);
    assert_int_equal(test->diags.items.count, 0);
}

/* --- the backend ---------------------------------------------------------------------------------------------- */

struct backend {
    struct compilation *compilation;
    enum engine engine;
};

static struct backend *test_backend_open(struct compilation *compilation, const struct plan_target *target)
{
    struct backend *backend = ARENA_NEW(compilation->arena, struct backend);

    backend->compilation = compilation;
    backend->engine = target->engine;
    test_backend.last_schema = compilation->schema;
    return backend;
}

static bool test_backend_lower(struct backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct node *file = node_get(step->body, "file");

    assert_int_equal(step->body->kind, NODE_MAPPING);
    if (test_backend.lowered_count < 64)
        test_backend.lowered[test_backend.lowered_count++] = step->name;
    if (test_backend.rule)
        allowance_use(migration, test_backend.rule);
    for (size_t i = 0; i < test_backend.parts; i++) {
        struct lowered_part part = {
            .part = arena_printf(arena, "part%zu", i), .new_transaction = test_backend.new_transaction};
        struct json *forward = json_new(arena, JSON_OBJECT);

        if (file) {
            const struct source *source = project_read_file(backend->compilation, file);

            if (!source)
                return false;
            json_set(arena, forward, "file", json_new_string(arena, source->text));
        } else {
            json_set(arena, forward, "body", node_to_json(arena, step->body));
        }
        part.step.action.instruction = backend->engine == ENGINE_DYNAMODB ? INSTRUCTION_DDB_CALL
                                       : test_backend.alone               ? INSTRUCTION_PG_EXEC_ALONE
                                                                          : INSTRUCTION_PG_EXEC;
        part.step.action.forward = forward;
        part.step.inverse.grade = test_backend.grade;
        part.step.inverse.action.none = true;
        part.step.inverse.action.instruction = part.step.action.instruction;
        part.step.phase = PHASE_EXPAND;
        VEC_PUSH(arena, &out->items, part);
    }
    return true;
}

static void test_backend_end_migration(
    struct backend *backend, const struct project_migration *migration, struct plan_step *steps, size_t count)
{
    (void)backend;
    (void)migration;
    (void)steps;
    (void)count;
}

static void test_backend_finish(struct backend *backend, bool complete)
{
    (void)backend;
    test_backend.finished++;
    test_backend.complete = complete;
}

/* The plan of an environment, or NULL. */
static inline struct plan *test_compile(struct test_project *test, const char *environment)
{
    static const struct backend_ops postgres = {
        ENGINE_POSTGRES, test_backend_open, test_backend_lower, test_backend_end_migration, test_backend_finish};
    static const struct backend_ops dynamodb = {
        ENGINE_DYNAMODB, test_backend_open, test_backend_lower, test_backend_end_migration, test_backend_finish};
    static const struct backend_ops *const items[] = {&postgres, &dynamodb};
    const struct backend_list backends = {items, 2};

    for (size_t i = 0; i < test->project->environments.count; i++)
        if (strcmp(test->project->environments.items[i].name, environment) == 0)
            return compile_environment(
                &test->arena, test->project, &test->project->environments.items[i], &backends, &test->diags);
    fail_msg("no environment '%s'", environment);
    return NULL;
}

#endif
