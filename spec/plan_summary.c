/* A plan, or the selected part of it, in a few sentences; and how steps are selected. */
#include <string.h>

#include "spec/duration.h"
#include "spec/plan_text.h"

bool plan_text_selects(const struct plan_text_options *options, const struct plan_step *step)
{
    return !options->selects || options->selects(step, options->context);
}

size_t plan_text_count(const struct plan *plan, const struct plan_migration *migration,
    const struct plan_text_options *options)
{
    size_t count = 0;

    for (size_t i = 0; i < migration->step_count; i++)
        count += plan_text_selects(options, &plan->steps.items[migration->first_step + i]);
    return count;
}

struct summary {
    size_t steps, migrations, targets;
    size_t grades[GRADE_IMPOSSIBLE + 1];
    size_t none, guarded, gates, unknown, points;
    size_t blocking_all, blocking_writes, rewrites;
    int64_t estimate_ms;
};

static void add_locks(struct summary *summary, const struct plan_step *step)
{
    bool all = false, writes = false, rewrites = false;

    for (size_t i = 0; i < step->locks.count; i++) {
        const struct plan_lock *lock = &step->locks.items[i];

        all |= strcmp(lock->blocks, "reads and writes") == 0;
        writes |= strcmp(lock->blocks, "writes") == 0;
        rewrites |= lock->rewrite;
    }
    summary->blocking_all += all;
    summary->blocking_writes += writes && !all;
    summary->rewrites += rewrites;
}

static void add_step(struct summary *summary, const struct plan_step *step)
{
    enum instruction instruction = step->action.instruction;

    summary->steps++;
    summary->grades[step->inverse.grade]++;
    summary->guarded += step->inverse.guard != NULL;
    summary->points += step->point_of_no_return;
    summary->gates += instruction == INSTRUCTION_GATE;
    add_locks(summary, step);
    if (instruction == INSTRUCTION_GATE || instruction == INSTRUCTION_BARRIER)
        return;
    if (step->estimate_ms < 0)
        summary->unknown++;
    else
        summary->estimate_ms += step->estimate_ms;
}

static struct summary summarise(const struct plan *plan, const struct plan_text_options *options)
{
    struct summary summary = {0};

    for (size_t i = 0; i < plan->migrations.count; i++)
        summary.migrations += plan_text_count(plan, &plan->migrations.items[i], options) > 0;
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan_text_selects(options, &plan->steps.items[i]))
            add_step(&summary, &plan->steps.items[i]);
    for (size_t i = 0; i < plan->targets.count; i++) {
        size_t j = 0;

        while (j < plan->migrations.count && (strcmp(plan->migrations.items[j].target, plan->targets.items[i].name) != 0 ||
                                                 plan_text_count(plan, &plan->migrations.items[j], options) == 0))
            j++;
        summary.targets += j < plan->migrations.count;
    }
    return summary;
}

static void count(struct strbuf *out, size_t number, const char *noun)
{
    strbuf_printf(out, "%zu %s%s", number, noun, number == 1 ? "" : "s");
}

/* Adds a part to a row; the row's title stands before its first part. */
static void part(struct strbuf *out, const char *title, bool *any, size_t number, const char *text)
{
    if (number == 0)
        return;
    strbuf_printf(out, "%s%zu %s", *any ? ", " : title, number, text);
    *any = true;
}

static void end_row(struct strbuf *out, bool *any)
{
    if (*any)
        strbuf_append_char(out, '\n');
    *any = false;
}

static void print_time(struct strbuf *out, const struct summary *summary)
{
    bool known = summary->estimate_ms > 0 || summary->unknown == 0;

    strbuf_append_text(out, "time: ");
    if (known) {
        strbuf_append_text(out, "about ");
        duration_print_rough(out, summary->estimate_ms);
    }
    if (summary->unknown) {
        strbuf_append_text(out, known ? ", and unknown for " : "unknown for ");
        count(out, summary->unknown, "step");
    }
    strbuf_append_char(out, '\n');
}

void plan_summary_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    struct summary summary = summarise(plan, options);
    bool any = false;

    count(out, summary.steps, "step");
    strbuf_append_text(out, " in ");
    count(out, summary.migrations, "migration");
    strbuf_append_text(out, " on ");
    count(out, summary.targets, "target");
    strbuf_append_char(out, '\n');
    if (summary.steps == 0)
        return;
    part(out, "undo: ", &any, summary.grades[GRADE_EXACT] - summary.guarded, "exactly");
    part(out, "undo: ", &any, summary.guarded, "exactly while a guard holds");
    part(out, "undo: ", &any, summary.grades[GRADE_LOSSY], "with a loss");
    part(out, "undo: ", &any, summary.grades[GRADE_IMPOSSIBLE], "never");
    end_row(out, &any);
    part(out, "locks: ", &any, summary.blocking_all,
        summary.blocking_all == 1 ? "step blocks reads and writes" : "steps block reads and writes");
    part(out, "locks: ", &any, summary.blocking_writes,
        summary.blocking_writes == 1 ? "step blocks writes" : "steps block writes");
    part(out, "locks: ", &any, summary.rewrites, summary.rewrites == 1 ? "step rewrites a table" : "steps rewrite a table");
    end_row(out, &any);
    part(out, "waits for: ", &any, summary.gates, summary.gates == 1 ? "gate" : "gates");
    end_row(out, &any);
    part(out, "no return: ", &any, summary.points, summary.points == 1 ? "step" : "steps");
    end_row(out, &any);
    print_time(out, &summary);
}
