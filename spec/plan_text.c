/* The terminal's view of a plan. */
#include "spec/plan_text.h"

#include <string.h>

#include "spec/duration.h"
#include "spec/printable.h"

enum { DIGEST_SHOWN = 12 };

struct palette {
    const char *bold, *dim, *red, *yellow, *green, *reset;
};

static const struct palette no_colours = {"", "", "", "", "", ""};
static const struct palette colours = {"\033[1m", "\033[2m", "\033[31m", "\033[33m", "\033[32m", "\033[0m"};

struct view {
    struct strbuf *out;
    const struct plan *plan;
    const struct plan_text_options *options;
    const struct palette *colour;
    const char *margin; /* the bracket of a transaction, or as many blanks */
};

static void put_name(struct strbuf *out, const char *text)
{
    printable_append_line(out, str_from(text));
}

static void print_duration_row(struct strbuf *out, const char *title, int64_t ms)
{
    strbuf_append_text(out, title);
    duration_print(out, ms);
}

static void print_target(struct view *view, const struct plan_target *target, size_t width)
{
    struct strbuf *out = view->out;

    strbuf_append_text(out, "  ");
    put_name(out, target->name);
    strbuf_printf(out, "%*s", (int)(width - utf8_count(target->name, strlen(target->name)) + 2), "");
    strbuf_append_text(out, engine_name(target->engine));
    if (target->version)
        strbuf_printf(out, " %d", target->version);
    strbuf_append_text(out, ", ledger ");
    put_name(out, target->ledger);
    if (target->typeorm_table) {
        strbuf_append_text(out, ", TypeORM's table ");
        put_name(out, target->typeorm_table);
    }
    if (target->table_prefix[0]) {
        strbuf_append_text(out, ", tables ");
        put_name(out, target->table_prefix);
        strbuf_append_char(out, '*');
    }
    strbuf_append_char(out, '\n');
}

static void print_policy(struct strbuf *out, const struct plan_policy *policy)
{
    strbuf_printf(out, "on failure %s", policy->on_failure == ON_FAILURE_HALT ? "halt" : "rollback");
    print_duration_row(out, ", lock time-out ", policy->lock_timeout_ms);
    print_duration_row(out, ", retries for ", policy->retry_for_ms);
    print_duration_row(out, ", waits at most ", policy->concurrent_wait_ms);
    strbuf_printf(out, ", irreversible steps %s\n", policy->irreversible_allowed ? "allowed" : "need --yes");
}

static void print_header(struct view *view)
{
    const struct plan *plan = view->plan;
    struct strbuf *out = view->out;
    size_t width = strlen("policy");

    strbuf_printf(out, "%splan of ", view->colour->bold);
    put_name(out, plan->project);
    strbuf_append_text(out, " for ");
    put_name(out, plan->environment);
    strbuf_printf(out, "%s  %s%.*s%s\n\n", view->colour->reset, view->colour->dim, DIGEST_SHOWN, plan->digest,
        view->colour->reset);
    for (size_t i = 0; i < plan->targets.count; i++) {
        size_t len = utf8_count(plan->targets.items[i].name, strlen(plan->targets.items[i].name));

        width = len > width ? len : width;
    }
    for (size_t i = 0; i < plan->targets.count; i++)
        print_target(view, &plan->targets.items[i], width);
    strbuf_printf(out, "  policy%*s", (int)(width - strlen("policy") + 2), "");
    print_policy(out, &plan->policy);
    if (plan->required_capabilities.count) {
        strbuf_printf(out, "  needs%*s", (int)(width - strlen("needs") + 2), "");
        for (size_t i = 0; i < plan->required_capabilities.count; i++) {
            strbuf_append_text(out, i ? ", " : "");
            put_name(out, plan->required_capabilities.items[i]);
        }
        strbuf_append_char(out, '\n');
    }
}

/* Each line of text behind the margin and indent blanks. */
static void print_lines(struct view *view, struct str text, size_t indent, const char *colour)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;

        strbuf_printf(view->out, "%s%*s%s%.*s%s\n", view->margin, (int)indent, "", colour, (int)len, text.data,
            colour[0] ? view->colour->reset : "");
        text.data += len + (end ? 1 : 0);
        text.len -= len + (end ? 1 : 0);
    }
}

static void print_action(struct view *view, const struct plan_action *action, size_t indent, const char *colour)
{
    struct strbuf text = STRBUF_INIT;

    plan_action_print(&text, action);
    print_lines(view, strbuf_view(&text), indent, colour);
    strbuf_free(&text);
}

static const char *lock_colour(const struct view *view, const struct plan_lock *lock)
{
    if (strcmp(lock->blocks, "reads and writes") == 0 || lock->rewrite)
        return view->colour->red;
    return strcmp(lock->blocks, "writes") == 0 ? view->colour->yellow : "";
}

static void print_locks(struct view *view, const struct plan_step *step)
{
    const char *title = "lock";

    for (size_t i = 0; i < step->locks.count; i++) {
        const struct plan_lock *lock = &step->locks.items[i];
        const char *colour = lock_colour(view, lock);

        if (strcmp(lock->blocks, "nothing") == 0 && !lock->scan && !lock->rewrite)
            continue;
        strbuf_printf(view->out, "%s      %s %s", view->margin, title, colour);
        plan_lock_print(view->out, lock);
        strbuf_printf(view->out, "%s\n", colour[0] ? view->colour->reset : "");
        title = "    ";
    }
}

static void print_undo(struct view *view, const struct plan_step *step)
{
    const char *by_grade[] = {view->colour->green, view->colour->yellow, view->colour->red};
    const struct plan_inverse *inverse = &step->inverse;

    strbuf_printf(view->out, "%s      undo %s", view->margin, by_grade[inverse->grade]);
    plan_undo_print(view->out, inverse);
    strbuf_printf(view->out, "%s\n", view->colour->reset);
    if (json_is(json_get(inverse->guard, "sql"), JSON_STRING)) {
        strbuf_printf(view->out, "%s           %sguard ", view->margin, view->colour->dim);
        printable_append_line(view->out, json_text(json_get(inverse->guard, "sql")));
        strbuf_printf(view->out, "%s\n", view->colour->reset);
    }
    if (inverse->grade != GRADE_IMPOSSIBLE && !inverse->action.none)
        print_action(view, &inverse->action, 11, view->colour->dim);
}

static void print_check(struct view *view, const char *title, const struct plan_check *check)
{
    if (!check->sql)
        return;
    strbuf_printf(view->out, "%s      %s ", view->margin, title);
    put_name(view->out, check->sql);
    strbuf_append_char(view->out, '\n');
}

static void print_step(struct view *view, const struct plan_step *step)
{
    struct strbuf *out = view->out;
    size_t number = (size_t)(step - view->plan->steps.items) + 1;

    strbuf_printf(out, "%s%3zu  %s", view->margin, number, view->colour->bold);
    put_name(out, plan_step_short_id(step));
    strbuf_printf(out, "%s  %s%s", view->colour->reset, view->colour->dim, phase_name(step->phase));
    if (step->estimate_ms > 0) {
        strbuf_append_text(out, ", about ");
        duration_print_rough(out, step->estimate_ms);
    }
    if (step->action.instruction == INSTRUCTION_PG_EXEC_ALONE)
        strbuf_append_text(out, ", outside a transaction");
    strbuf_printf(out, "%s\n", view->colour->reset);
    print_action(view, &step->action, 6, "");
    print_check(view, "must hold before:", &step->precondition);
    print_check(view, "must hold after:", &step->postcondition);
    print_locks(view, step);
    print_undo(view, step);
    for (size_t i = 0; i < step->allowed.count; i++) {
        strbuf_printf(out, "%s      allows ", view->margin);
        put_name(out, step->allowed.items[i].rule);
        strbuf_append_text(out, ": ");
        put_name(out, step->allowed.items[i].reason);
        strbuf_append_char(out, '\n');
    }
    if (step->point_of_no_return)
        strbuf_printf(out, "%s      %spoint of no return: once this ran, nothing above can be undone%s\n", view->margin,
            view->colour->red, view->colour->reset);
}

/* The selected step after this one, inside the migration; NULL at its end. */
static const struct plan_step *next_selected(const struct view *view, const struct plan_migration *migration,
    const struct plan_step *step)
{
    const struct plan_step *end = &view->plan->steps.items[migration->first_step + migration->step_count];

    for (step++; step < end; step++)
        if (plan_text_selects(view->options, step))
            return step;
    return NULL;
}

static bool share_group(const struct plan_step *a, const struct plan_step *b)
{
    return a && b && a->group && b->group && strcmp(a->group, b->group) == 0;
}

static void print_migration(struct view *view, const struct plan_migration *migration)
{
    const struct plan_step *before = NULL, *step = &view->plan->steps.items[migration->first_step];
    struct strbuf *out = view->out;

    strbuf_printf(out, "\n%s", view->colour->bold);
    put_name(out, migration->id);
    strbuf_printf(out, "%s on ", view->colour->reset);
    put_name(out, migration->target);
    strbuf_append_char(out, '\n');
    if (migration->description) {
        strbuf_append_text(out, "  ");
        put_name(out, migration->description);
        strbuf_append_char(out, '\n');
    }
    for (size_t i = 0; i < migration->after.count; i++) {
        strbuf_append_text(out, "  after ");
        put_name(out, migration->after.items[i]);
        strbuf_append_char(out, '\n');
    }
    if (!plan_text_selects(view->options, step))
        step = next_selected(view, migration, step);
    for (; step; before = step, step = next_selected(view, migration, step)) {
        bool opens = share_group(step, next_selected(view, migration, step)) && !share_group(before, step);
        bool closes = share_group(before, step) && !share_group(step, next_selected(view, migration, step));

        view->margin = "  ";
        if (!share_group(before, step))
            strbuf_append_char(out, '\n');
        if (opens)
            strbuf_printf(out, "  \u250C %sone transaction%s\n", view->colour->dim, view->colour->reset);
        if (opens || share_group(before, step))
            view->margin = "  \u2502 ";
        print_step(view, step);
        if (closes)
            strbuf_append_text(out, "  \u2514\n");
    }
}

static void print_summary(struct view *view)
{
    struct strbuf text = STRBUF_INIT;
    size_t first;

    plan_summary_print(&text, view->plan, view->options);
    first = strcspn(text.data, "\n") + 1;
    view->margin = "";
    strbuf_append_char(view->out, '\n');
    print_lines(view, (struct str){text.data, first}, 0, view->colour->bold);
    print_lines(view, (struct str){text.data + first, text.len - first}, 2, "");
    strbuf_free(&text);
}

void plan_text_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    struct view view = {.out = out, .plan = plan, .options = options, .margin = "  ",
        .colour = options->colour ? &colours : &no_colours};

    print_header(&view);
    for (size_t i = 0; i < plan->migrations.count; i++)
        if (plan_text_count(plan, &plan->migrations.items[i], options))
            print_migration(&view, &plan->migrations.items[i]);
    print_summary(&view);
}
