/* A plan for a pull request: a summary, a table of the steps, and what they run folded up below. */
#include <string.h>

#include "spec/duration.h"
#include "spec/markdown.h"
#include "spec/plan_text.h"

static const char *language(enum instruction instruction)
{
    switch (instruction_engine(instruction)) {
    case ENGINE_POSTGRES:
        return "sql";
    case ENGINE_DYNAMODB:
        return "yaml";
    case ENGINE_ANY:
        break;
    }
    return "text";
}

static void print_action(struct strbuf *out, const struct plan_action *action)
{
    struct strbuf text = STRBUF_INIT;

    plan_action_print(&text, action);
    markdown_put_block(out, language(action->instruction), strbuf_view(&text));
    strbuf_free(&text);
}

static void put_printed_text(struct strbuf *out, struct strbuf *text)
{
    markdown_put_text(out, strbuf_view(text));
    strbuf_free(text);
}

static void print_lock(struct strbuf *out, const struct plan_lock *lock)
{
    struct strbuf text = STRBUF_INIT;

    plan_lock_print(&text, lock);
    put_printed_text(out, &text);
}

static void print_undo(struct strbuf *out, const struct plan_inverse *inverse)
{
    struct strbuf text = STRBUF_INIT;

    plan_undo_print(&text, inverse);
    put_printed_text(out, &text);
}

static size_t step_number(const struct plan *plan, const struct plan_step *step)
{
    return (size_t)(step - plan->steps.items) + 1;
}

static void print_row(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    bool any = false;

    strbuf_printf(out, "| %zu | ", step_number(plan, step));
    markdown_put_code(out, str_from(plan_step_short_id(step)));
    strbuf_append_text(out, step->point_of_no_return ? " **point of no return** | " : " | ");
    markdown_put_text(out, str_from(step->target));
    strbuf_printf(out, " | %s | ", phase_name(step->phase));
    for (size_t i = 0; i < step->locks.count; i++) {
        if (strcmp(step->locks.items[i].blocks, "nothing") == 0)
            continue;
        strbuf_append_text(out, any ? "<br>" : "");
        markdown_put_text(out, str_from(step->locks.items[i].blocks));
        strbuf_append_text(out, " on ");
        markdown_put_code(out, str_from(step->locks.items[i].relation));
        any = true;
    }
    strbuf_append_text(out, any ? " | " : "nothing | ");
    print_undo(out, &step->inverse);
    strbuf_append_text(out, " | ");
    if (step->estimate_ms > 0)
        duration_print_rough(out, step->estimate_ms);
    else
        strbuf_append_text(out, step->estimate_ms < 0 ? "unknown" : "");
    strbuf_append_text(out, " |\n");
}

static void print_query(struct strbuf *out, const char *title, struct str sql)
{
    if (sql.len == 0)
        return;
    strbuf_printf(out, "- %s ", title);
    markdown_put_code(out, sql);
    strbuf_append_char(out, '\n');
}

static void print_step(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    const struct plan_inverse *inverse = &step->inverse;

    strbuf_printf(out, "\n**%zu.** ", step_number(plan, step));
    markdown_put_code(out, str_from(plan_step_short_id(step)));
    strbuf_append_text(out, "\n\n");
    print_action(out, &step->action);
    strbuf_append_char(out, '\n');
    print_query(out, "must hold before:", str_from(step->precondition.sql));
    print_query(out, "must hold after:", str_from(step->postcondition.sql));
    for (size_t i = 0; i < step->locks.count; i++) {
        strbuf_append_text(out, "- lock ");
        print_lock(out, &step->locks.items[i]);
        strbuf_append_char(out, '\n');
    }
    for (size_t i = 0; i < step->allowed.count; i++) {
        strbuf_append_text(out, "- allows ");
        markdown_put_text(out, str_from(step->allowed.items[i].rule));
        strbuf_append_text(out, ": ");
        markdown_put_text(out, str_from(step->allowed.items[i].reason));
        strbuf_append_char(out, '\n');
    }
    strbuf_append_text(out, "- undo ");
    print_undo(out, inverse);
    strbuf_append_char(out, '\n');
    print_query(out, "guard", json_text(json_get(inverse->guard, "sql")));
    if (inverse->grade != GRADE_IMPOSSIBLE && !inverse->action.none) {
        strbuf_append_char(out, '\n');
        print_action(out, &inverse->action);
    }
}

static void print_migration(struct strbuf *out, const struct plan *plan, const struct plan_migration *migration,
    const struct plan_text_options *options)
{
    strbuf_append_text(out, "\n<details><summary><b>");
    markdown_put_html(out, str_from(migration->id));
    strbuf_append_text(out, "</b> on ");
    markdown_put_html(out, str_from(migration->target));
    if (migration->description) {
        strbuf_append_text(out, ": ");
        markdown_put_html(out, str_from(migration->description));
    }
    strbuf_append_text(out, "</summary>\n");
    for (size_t i = 0; i < migration->step_count; i++) {
        const struct plan_step *step = &plan->steps.items[migration->first_step + i];

        if (plan_text_selects(options, step))
            print_step(out, plan, step);
    }
    strbuf_append_text(out, "\n</details>\n");
}

/* The summary's rows as a list. */
static void print_summary(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    struct strbuf text = STRBUF_INIT;
    bool first = true;

    plan_summary_print(&text, plan, options);
    for (char *line = text.data, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        strbuf_printf(out, "%s%.*s\n%s", first ? "" : "- ", (int)(end - line), line, first ? "\n" : "");
        first = false;
    }
    strbuf_free(&text);
}

void plan_markdown_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    strbuf_append_text(out, "### Plan of ");
    markdown_put_text(out, str_from(plan->project));
    strbuf_append_text(out, " for ");
    markdown_put_text(out, str_from(plan->environment));
    strbuf_append_text(out, "\n\n");
    print_summary(out, plan, options);
    strbuf_append_text(out, "\n| # | Step | Target | Phase | Blocks | Undo | Time |\n|--:|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan_text_selects(options, &plan->steps.items[i]))
            print_row(out, plan, &plan->steps.items[i]);
    for (size_t i = 0; i < plan->migrations.count; i++)
        if (plan_text_count(plan, &plan->migrations.items[i], options))
            print_migration(out, plan, &plan->migrations.items[i], options);
}
