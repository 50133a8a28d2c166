/* Differences between plans, for a terminal. */
#include <string.h>

#include "compiler/diff.h"
#include "spec/plan_text.h"
#include "spec/printable.h"

struct palette {
    const char *bold, *dim, *red, *green, *yellow, *reset;
    const char *removed[2], *added[2]; /* around words that were removed or added */
};

/* Without colour, words are marked as git diff --word-diff does. */
static const struct palette plain = {"", "", "", "", "", "", {"[-", "-]"}, {"{+", "+}"}};
static const struct palette coloured = {"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m",
    {"\033[31;9m", "\033[0m"}, {"\033[32m", "\033[0m"}};

struct view {
    struct strbuf *out;
    const struct palette *colour;
    struct arena *arena;
};

static void put(struct strbuf *out, struct str text)
{
    printable_append_line(out, text);
}

/* The lines of text behind a margin. */
static void print_lines(struct view *view, struct str text, const char *margin, const char *colour)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;

        strbuf_printf(view->out, "%s%s%.*s%s\n", margin, colour, (int)len, text.data, colour[0] ? view->colour->reset : "");
        text.data += len + (end ? 1 : 0);
        text.len -= len + (end ? 1 : 0);
    }
}

/* A run of words; at each line end the mark is closed, and opened again behind the margin. */
static void print_run(struct view *view, struct str text, const char *const marks[2], const char *margin)
{
    strbuf_append_text(view->out, marks[0]);
    for (size_t i = 0; i < text.len; i++) {
        strbuf_append_char(view->out, text.data[i]);
        if (text.data[i] != '\n')
            continue;
        view->out->len--;
        strbuf_printf(view->out, "%s\n%s%s", marks[1], margin, marks[0]);
    }
    strbuf_append_text(view->out, marks[1]);
}

static void print_words(struct view *view, struct str before, struct str after, const char *margin)
{
    static const char *const none[] = {"", ""};
    struct diff_words words = {0};

    diff_words(view->arena, before, after, &words);
    strbuf_append_text(view->out, margin);
    for (size_t i = 0; i < words.items.count; i++) {
        const struct diff_word *word = &words.items.items[i];

        print_run(view, word->text,
            word->kind == DIFF_WORD_SAME      ? none
            : word->kind == DIFF_WORD_REMOVED ? view->colour->removed
                                              : view->colour->added,
            margin);
    }
    strbuf_append_char(view->out, '\n');
}

static void print_long_change(struct view *view, const struct diff_change *change, const char *margin)
{
    struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
    const char *deeper = arena_printf(view->arena, "%s    ", margin);

    strbuf_printf(view->out, "%s", margin);
    put(view->out, str_from(diff_change_name(view->arena, change)));
    strbuf_append_char(view->out, '\n');
    diff_value_print(&before, change, change->before);
    diff_value_print(&after, change, change->after);
    if (change->before && change->after)
        print_words(view, strbuf_view(&before), strbuf_view(&after), deeper);
    else if (change->before)
        print_lines(view, strbuf_view(&before), arena_printf(view->arena, "%s  - ", margin), view->colour->red);
    else
        print_lines(view, strbuf_view(&after), arena_printf(view->arena, "%s  + ", margin), view->colour->green);
    strbuf_free(&before);
    strbuf_free(&after);
}

static void print_change(struct view *view, const struct diff_change *change, const char *margin, size_t width)
{
    const char *name = diff_change_name(view->arena, change);

    if (diff_change_is_long(change)) {
        print_long_change(view, change, margin);
        return;
    }
    strbuf_append_text(view->out, margin);
    put(view->out, str_from(name));
    for (size_t column = utf8_count(name, strlen(name)); column < width; column++)
        strbuf_append_char(view->out, ' ');
    if (diff_change_is_set(change)) {
        strbuf_append_text(view->out, "  ");
        diff_set_print(view->out, change);
        strbuf_append_char(view->out, '\n');
        return;
    }
    strbuf_printf(view->out, "  %s", view->colour->red);
    diff_value_print(view->out, change, change->before);
    strbuf_printf(view->out, "%s \u2192 %s", view->colour->reset, view->colour->green);
    diff_value_print(view->out, change, change->after);
    strbuf_printf(view->out, "%s\n", view->colour->reset);
}

static bool is_told(const struct diff_step *step, const struct diff_change *change)
{
    return !step || diff_change_is_told(step, change);
}

/* step: whose changes they are, or NULL. */
static void print_changes(struct view *view, const struct diff_changes *changes, const struct diff_step *step,
    const char *margin)
{
    size_t width = 0;

    for (size_t i = 0; i < changes->items.count; i++) {
        const struct diff_change *change = &changes->items.items[i];
        const char *name = diff_change_name(view->arena, change);
        size_t len = utf8_count(name, strlen(name));

        if (len > width && !diff_change_is_long(change) && is_told(step, change))
            width = len;
    }
    for (size_t i = 0; i < changes->items.count; i++)
        if (is_told(step, &changes->items.items[i]))
            print_change(view, &changes->items.items[i], margin, width);
}

static void print_lone_step(struct view *view, const struct diff_step *step)
{
    const struct plan_step *full = step->step;
    const char *colour = step->status == DIFF_ADDED ? view->colour->green : view->colour->red;
    struct strbuf text = STRBUF_INIT;

    strbuf_printf(view->out, "  %s%c ", colour, step->status == DIFF_ADDED ? '+' : '-');
    put(view->out, str_from(step->name));
    strbuf_printf(view->out, "  %s%s\n", phase_name(full->phase), view->colour->reset);
    plan_action_print(&text, &full->action);
    print_lines(view, strbuf_view(&text), "      ", "");
    for (size_t i = 0; i < full->locks.count; i++) {
        strbuf_append_text(view->out, "      lock ");
        plan_lock_print(view->out, &full->locks.items[i]);
        strbuf_append_char(view->out, '\n');
    }
    strbuf_append_text(view->out, "      undo ");
    plan_undo_print(view->out, &full->inverse);
    strbuf_append_text(view->out, full->point_of_no_return ? "\n      point of no return\n" : "\n");
    strbuf_free(&text);
}

static void print_step(struct view *view, const struct diff_step *step)
{
    if (step->status == DIFF_ADDED || step->status == DIFF_REMOVED) {
        print_lone_step(view, step);
        return;
    }
    strbuf_printf(view->out, "  %s%c ", view->colour->yellow, step->status == DIFF_CHANGED ? '~' : '>');
    put(view->out, str_from(step->name));
    strbuf_printf(view->out, "%s%s\n", view->colour->reset, step->moved ? "  moved" : "");
    print_changes(view, &step->changes, step, "      ");
}

static void print_migration(struct view *view, const struct diff_migration *migration)
{
    static const char signs[] = {[DIFF_SAME] = ' ', [DIFF_CHANGED] = '~', [DIFF_ADDED] = '+', [DIFF_REMOVED] = '-'};
    const char *colour = migration->status == DIFF_ADDED     ? view->colour->green
                         : migration->status == DIFF_REMOVED ? view->colour->red
                                                             : "";

    strbuf_printf(view->out, "\n%s%s", view->colour->bold, colour);
    if (migration->status != DIFF_SAME)
        strbuf_printf(view->out, "%c ", signs[migration->status]);
    put(view->out, migration->id);
    strbuf_append_text(view->out, view->colour->reset);
    if (migration->moved) {
        strbuf_append_text(view->out, migration->follows.len ? "  moved behind " : "  moved to the front");
        put(view->out, migration->follows);
    }
    strbuf_append_char(view->out, '\n');
    print_changes(view, &migration->changes, NULL, "  ");
    for (size_t i = 0; i < migration->steps.count; i++)
        if (diff_step_is_told(&migration->steps.items[i]))
            print_step(view, &migration->steps.items[i]);
}

static void print_repeated(struct view *view, const struct diff *diff)
{
    for (size_t i = 0; i < diff->repeated.count; i++) {
        const struct diff_repeated *repeated = &diff->repeated.items[i];

        strbuf_printf(view->out, "%s  in %zu steps: ", i ? "" : "\n", repeated->steps);
        print_change(view, &repeated->change, "", 0);
    }
    if (diff->counts.prefixed)
        strbuf_printf(view->out, "%s  in %zu step%s: names follow table_prefix\n", diff->repeated.count ? "" : "\n",
            diff->counts.prefixed, diff->counts.prefixed == 1 ? "" : "s");
}

static void print_summary(struct view *view, const struct diff *diff)
{
    const struct diff_counts *counts = &diff->counts;

    strbuf_printf(view->out, "\n%s%zu step%s changed", view->colour->bold, counts->changed,
        counts->changed == 1 ? "" : "s");
    if (counts->untold)
        strbuf_printf(view->out, " (%zu of them only as told above)", counts->untold);
    strbuf_printf(view->out, ", %zu added, %zu removed, %zu moved, %zu the same%s\n", counts->added, counts->removed,
        counts->moved, counts->same, view->colour->reset);
    if (counts->replaced)
        strbuf_printf(view->out, "%zu of the same stand%s elsewhere in the sources\n", counts->replaced,
            counts->replaced == 1 ? "s" : "");
    if (diff->inputs_differ)
        strbuf_append_text(view->out, "the plans were compiled from different sources\n");
}

void diff_print_text(struct strbuf *out, const struct diff *diff, bool colour)
{
    struct arena arena = ARENA_INIT;
    struct view view = {out, colour ? &coloured : &plain, &arena};

    strbuf_append_text(out, view.colour->bold);
    for (size_t i = 0; i < 2; i++) {
        strbuf_append_text(out, i ? " \u2192 " : "");
        put(out, str_from(diff->lines[i].path));
        strbuf_append_text(out, " (");
        put(out, str_from(diff->headers[i].environment));
        strbuf_append_char(out, ')');
    }
    strbuf_printf(out, "%s\n", view.colour->reset);
    if (diff->header.items.count) {
        strbuf_append_char(out, '\n');
        print_changes(&view, &diff->header, NULL, "  ");
    }
    print_repeated(&view, diff);
    for (size_t i = 0; i < diff->migrations.count; i++)
        if (diff_migration_is_told(&diff->migrations.items[i]))
            print_migration(&view, &diff->migrations.items[i]);
    print_summary(&view, diff);
    arena_free(&arena);
}
