/*
 * The reader of plans on arbitrary bytes: as a file, as a file with the right trailer put behind them (past the digest),
 * and as a line of a ledger. What is read must write back to the same bytes, and every view must print it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/plan_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(struct arena *arena, struct plan *plan, struct str text)
{
    struct plan_text_options options = {.colour = true};
    struct strbuf out = STRBUF_INIT;

    plan_write(arena, plan, &out);
    if (!str_equal(strbuf_view(&out), text))
        abort();
    plan_text_print(&out, plan, &options);
    plan_markdown_print(&out, plan, &options);
    plan_sql_print(&out, plan, &options);
    plan_mermaid_print(&out, plan, &options);
    plan_json_print(&out, plan, &options);
    strbuf_free(&out);
}

static void read_plan(struct arena *arena, struct str text)
{
    struct plan *plan;
    struct error error;

    if (plan_read(arena, text, &plan, &error))
        check_plan(arena, plan, text);
    else if (error.message[0] == '\0' || error.exit_status == 0)
        abort();
}

static void read_signed(struct arena *arena, struct str body)
{
    struct strbuf out = STRBUF_INIT;
    size_t lines = 0;

    strbuf_append_str(&out, body);
    for (size_t i = 0; i < body.len; i++)
        lines += body.data[i] == '\n';
    strbuf_printf(&out, "{\"end\":{\"lines\":%zu,\"digest\":\"%s\"}}\n", lines, digest_of(body).hex);
    read_plan(arena, strbuf_view(&out));
    strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str text = {size ? (const char *)data : "", size};
    struct plan_step step;
    struct error error;

    read_plan(&arena, text);
    read_signed(&arena, text);
    if (plan_step_read(&arena, text, &step, &error)) {
        struct strbuf out = STRBUF_INIT;

        plan_action_print(&out, &step.action);
        strbuf_free(&out);
    }
    arena_free(&arena);
    return 0;
}
