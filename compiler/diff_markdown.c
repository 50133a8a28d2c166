/* Differences between plans, for a pull request. */
#include <string.h>

#include "compiler/diff.h"
#include "spec/markdown.h"
#include "spec/plan_text.h"

static void put_name(struct strbuf *out, const struct diff_change *change)
{
    struct arena arena = ARENA_INIT;

    strbuf_append_text(out, "- ");
    markdown_put_code(out, str_from(diff_change_name(&arena, change)));
    arena_free(&arena);
}

static void put_value(struct strbuf *out, const struct diff_change *change, const struct json *value)
{
    struct strbuf text = STRBUF_INIT;

    diff_value_print(&text, change, value);
    if (value)
        markdown_put_code(out, strbuf_view(&text));
    else
        strbuf_append_str(out, strbuf_view(&text));
    strbuf_free(&text);
}

/* Lines with a sign before each, for a block of language diff. */
static void put_signed(struct strbuf *out, char sign, struct str text)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;

        strbuf_printf(out, "%c %.*s\n", sign, (int)len, text.data);
        text.data += len + (end ? 1 : 0);
        text.len -= len + (end ? 1 : 0);
    }
}

static void print_long_change(struct strbuf *out, const struct diff_change *change)
{
    struct strbuf block = STRBUF_INIT, text = STRBUF_INIT;

    if (change->before) {
        diff_value_print(&text, change, change->before);
        put_signed(&block, '-', strbuf_view(&text));
    }
    strbuf_clear(&text);
    if (change->after) {
        diff_value_print(&text, change, change->after);
        put_signed(&block, '+', strbuf_view(&text));
    }
    put_name(out, change);
    strbuf_append_text(out, "\n\n");
    markdown_put_block(out, "diff", strbuf_view(&block));
    strbuf_append_char(out, '\n');
    strbuf_free(&block);
    strbuf_free(&text);
}

static void print_change(struct strbuf *out, const struct diff_change *change)
{
    if (diff_change_is_long(change)) {
        print_long_change(out, change);
        return;
    }
    put_name(out, change);
    strbuf_append_text(out, ": ");
    if (diff_change_is_set(change)) {
        struct strbuf text = STRBUF_INIT;

        diff_set_print(&text, change);
        markdown_put_code(out, strbuf_view(&text));
        strbuf_append_char(out, '\n');
        strbuf_free(&text);
        return;
    }
    put_value(out, change, change->before);
    strbuf_append_text(out, " \u2192 ");
    put_value(out, change, change->after);
    strbuf_append_char(out, '\n');
}

static void print_changes(struct strbuf *out, const struct diff_changes *changes, const struct diff_step *step)
{
    for (size_t i = 0; i < changes->items.count; i++)
        if (!step || diff_change_is_told(step, &changes->items.items[i]))
            print_change(out, &changes->items.items[i]);
}

static void print_lone_step(struct strbuf *out, const struct diff_step *step)
{
    const struct plan_step *full = step->step;
    struct strbuf text = STRBUF_INIT, block = STRBUF_INIT;

    plan_action_print(&text, &full->action);
    put_signed(&block, step->status == DIFF_ADDED ? '+' : '-', strbuf_view(&text));
    markdown_put_block(out, "diff", strbuf_view(&block));
    strbuf_append_char(out, '\n');
    for (size_t i = 0; i < full->locks.count; i++) {
        strbuf_clear(&text);
        plan_lock_print(&text, &full->locks.items[i]);
        strbuf_append_text(out, "- lock ");
        markdown_put_text(out, strbuf_view(&text));
        strbuf_append_char(out, '\n');
    }
    strbuf_clear(&text);
    plan_undo_print(&text, &full->inverse);
    strbuf_append_text(out, "- undo ");
    markdown_put_text(out, strbuf_view(&text));
    strbuf_append_text(out, full->point_of_no_return ? "\n- **point of no return**\n" : "\n");
    strbuf_free(&text);
    strbuf_free(&block);
}

static void print_step(struct strbuf *out, const struct diff_step *step)
{
    static const char *const words[] = {
        [DIFF_SAME] = "moved", [DIFF_CHANGED] = "changed", [DIFF_ADDED] = "added", [DIFF_REMOVED] = "removed"};

    strbuf_printf(out, "\n**%s%s** ", words[step->status], step->moved && step->status != DIFF_SAME ? ", moved" : "");
    markdown_put_code(out, str_from(step->name));
    strbuf_append_text(out, "\n\n");
    if (step->step)
        print_lone_step(out, step);
    else
        print_changes(out, &step->changes, step);
}

static void print_migration(struct strbuf *out, const struct diff_migration *migration)
{
    static const char *const words[] = {
        [DIFF_SAME] = "", [DIFF_CHANGED] = " changed", [DIFF_ADDED] = " added", [DIFF_REMOVED] = " removed"};

    strbuf_append_text(out, "\n#### ");
    markdown_put_text(out, migration->id);
    strbuf_append_text(out, words[migration->status]);
    if (migration->moved && migration->follows.len) {
        strbuf_append_text(out, ", moved behind ");
        markdown_put_text(out, migration->follows);
    } else if (migration->moved) {
        strbuf_append_text(out, ", moved to the front");
    }
    strbuf_append_char(out, '\n');
    if (migration->changes.items.count)
        strbuf_append_char(out, '\n');
    print_changes(out, &migration->changes, NULL);
    for (size_t i = 0; i < migration->steps.count; i++)
        if (diff_step_is_told(&migration->steps.items[i]))
            print_step(out, &migration->steps.items[i]);
}

static void print_repeated(struct strbuf *out, const struct diff *diff)
{
    if (diff->repeated.count || diff->counts.prefixed)
        strbuf_append_text(out, "\n#### In many steps\n\n");
    if (diff->counts.prefixed)
        strbuf_printf(out, "- names follow `table_prefix` in %zu step%s\n", diff->counts.prefixed,
            diff->counts.prefixed == 1 ? "" : "s");
    for (size_t i = 0; i < diff->repeated.count; i++) {
        print_change(out, &diff->repeated.items[i].change);
        out->len--; /* on the same line */
        strbuf_printf(out, " in %zu steps\n", diff->repeated.items[i].steps);
    }
}

void diff_print_markdown(struct strbuf *out, const struct diff *diff)
{
    const struct diff_counts *counts = &diff->counts;

    strbuf_append_text(out, "### Plans of ");
    markdown_put_text(out, str_from(diff->headers[0].project));
    strbuf_append_text(out, ": ");
    markdown_put_text(out, str_from(diff->headers[0].environment));
    strbuf_append_text(out, " \u2192 ");
    markdown_put_text(out, str_from(diff->headers[1].environment));
    strbuf_append_text(out, "\n\n| Steps changed | added | removed | moved | the same |\n|--:|--:|--:|--:|--:|\n");
    strbuf_printf(out, "| %zu | %zu | %zu | %zu | %zu |\n", counts->changed, counts->added, counts->removed, counts->moved,
        counts->same);
    if (diff->header.items.count) {
        strbuf_append_text(out, "\n#### Header\n\n");
        print_changes(out, &diff->header, NULL);
    }
    print_repeated(out, diff);
    for (size_t i = 0; i < diff->migrations.count; i++)
        if (diff_migration_is_told(&diff->migrations.items[i]))
            print_migration(out, &diff->migrations.items[i]);
}
