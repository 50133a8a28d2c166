/*
 * The compiler's front end over any bytes as migrations.yaml: read, checked, parsed, ordered, and each environment's
 * variables replaced. No folder is given to it, so that it reads no file.
 */
#include <stdint.h>
#include <stdlib.h>

#include "compiler/compile.h"
#include "compiler/load.h"
#include "spec/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct backend {
    struct compilation *compilation;
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* Every byte of every scalar has a place inside its source, in order, and is what stands there or is escaped. */
static void look_at_places(const struct node *node)
{
    size_t last = 0, step = node->kind == NODE_SCALAR ? node->text.len / 64 + 1 : 1;

    if (node->kind == NODE_SCALAR) {
        bool moved = node->origin || node->substituted_from;

        for (size_t i = 0; i <= node->text.len; i += step) {
            struct span span = node_text_span(node, i, i + 1);
            char byte = i < node->text.len ? node->text.data[i] : ' ', there;

            if (!span.source)
                return;
            require(span.start <= span.end && span.end <= span.source->text.len);
            if (moved || i == node->text.len)
                continue;
            there = span.source->text.data[span.start];
            require(span.start >= last);
            require(byte == ' ' || byte == '\t' || byte == '\n' || there == '\\' || there == byte);
            last = span.start;
        }
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        look_at_places(node->kind == NODE_SEQUENCE ? node->items[i] : node->members[i].value);
}

static struct backend *backend_open(struct compilation *compilation, const struct plan_target *target)
{
    struct backend *backend = ARENA_NEW(compilation->arena, struct backend);

    (void)target;
    backend->compilation = compilation;
    return backend;
}

static bool backend_lower(struct backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct lowered_part part = {.part = "do", .span = step->key->span};

    (void)migration;
    require(step->body->kind == NODE_MAPPING);
    look_at_places(step->body);
    part.step.action.instruction = INSTRUCTION_DDB_CALL;
    part.step.action.forward = node_to_json(backend->compilation->arena, step->body);
    part.step.inverse.grade = GRADE_IMPOSSIBLE;
    VEC_PUSH(backend->compilation->arena, &out->items, part);
    return true;
}

static void backend_end_migration(
    struct backend *backend, const struct project_migration *migration, struct plan_step *steps, size_t count)
{
    (void)backend;
    (void)migration;
    (void)steps;
    (void)count;
}

static void backend_finish(struct backend *backend, bool complete)
{
    (void)backend;
    (void)complete;
}

static void compile_all(struct arena *arena, const struct project *project, struct diag_list *diags)
{
    static const struct backend_ops postgres = {
        ENGINE_POSTGRES, backend_open, backend_lower, backend_end_migration, backend_finish};
    static const struct backend_ops dynamodb = {
        ENGINE_DYNAMODB, backend_open, backend_lower, backend_end_migration, backend_finish};
    static const struct backend_ops *const items[] = {&postgres, &dynamodb};
    const struct backend_list backends = {items, 2};

    for (size_t i = 0; i < project->environments.count; i++) {
        struct plan *plan = compile_environment(arena, project, &project->environments.items[i], &backends, diags);
        struct strbuf text = STRBUF_INIT;

        require(plan == NULL || diags->error_count == 0);
        if (plan)
            plan_write(arena, plan, &text);
        strbuf_free(&text);
    }
}

/* Characters that were refused are read as others. */
static bool is_as_written(const struct diag_list *diags)
{
    for (size_t i = 0; i < diags->items.count; i++)
        if (diags->items.items[i]->code == DIAG(YAML007) || diags->items.items[i]->code == DIAG(YAML008))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str text = str_copy(&arena, (struct str){(const char *)data, size});
    struct diag_list diags;
    struct error error = {0};
    struct project_files *files = project_files_open(&arena, "/proc/self/task", &error);
    struct strbuf shown = STRBUF_INIT;
    struct node *root;

    require(files != NULL);
    diag_list_init(&diags, &arena);
    root = yaml_read(&arena, source_create(&arena, "migrations.yaml", text), &diags);
    if (root && is_as_written(&diags))
        look_at_places(root);
    diag_list_init(&diags, &arena);
    compile_all(&arena, project_parse(files, source_create(&arena, "migrations.yaml", text), &diags), &diags);
    diag_list_sort(&diags);
    diag_list_print(&diags, &shown);
    strbuf_free(&shown);
    arena_free(&arena);
    return 0;
}
