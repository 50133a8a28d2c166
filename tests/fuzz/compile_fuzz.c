/*
 * The whole compiler over any bytes as migrations.yaml. A plan that it gives is one that the plan's reader takes, and
 * compiling twice gives the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "compiler/compile.h"
#include "compiler/load.h"
#include "spec/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* The plans of all environments, one after the other; no folder is given, so that no file is read. */
static void compile_text(struct arena *arena, struct str text, struct strbuf *out, struct diag_list *diags)
{
    static const struct backend_ops *const items[] = {&backend_postgres, &backend_dynamodb};
    const struct backend_list backends = {items, 2};
    struct error error = {0};
    struct project_files *files = project_files_open(arena, "/proc/self/task", &error);
    struct project *project;

    require(files != NULL);
    diag_list_init(diags, arena);
    project = project_parse(files, source_create(arena, "migrations.yaml", text), diags);
    for (size_t i = 0; i < project->environments.count; i++) {
        struct plan *plan = compile_environment(arena, project, &project->environments.items[i], &backends, diags), *read;
        struct strbuf written = STRBUF_INIT;

        require(plan == NULL || diags->error_count == 0);
        if (plan) {
            plan_write(arena, plan, &written);
            require(plan_read(arena, strbuf_view(&written), &read, &error));
            strbuf_append_str(out, strbuf_view(&written));
        }
        strbuf_free(&written);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str text = str_copy(&arena, (struct str){(const char *)data, size});
    struct strbuf first = STRBUF_INIT, second = STRBUF_INIT, shown = STRBUF_INIT;
    struct diag_list diags;

    compile_text(&arena, text, &first, &diags);
    diag_list_sort(&diags);
    diag_list_print(&diags, &shown);
    compile_text(&arena, text, &second, &diags);
    require(str_equal(strbuf_view(&first), strbuf_view(&second)));
    strbuf_free(&shown);
    strbuf_free(&second);
    strbuf_free(&first);
    arena_free(&arena);
    return 0;
}
