/* Differences between plans, for programs: everything, also what follows from other changes. */
#include "compiler/diff.h"

static const char *const status_names[] = {
    [DIFF_SAME] = "same", [DIFF_CHANGED] = "changed", [DIFF_ADDED] = "added", [DIFF_REMOVED] = "removed"};

static void put_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, "\"%s\":", key);
    json_write_string(out, str_from(text));
}

/* An id is a view of what stands in the plan, which is JSON already. */
static void put_id(struct strbuf *out, const char *key, struct str id)
{
    strbuf_printf(out, "\"%s\":\"", key);
    strbuf_append_str(out, id);
    strbuf_append_char(out, '"');
}

static void put_side(struct strbuf *out, const char *key, const struct json *value)
{
    strbuf_printf(out, ",\"%s\":", key);
    if (value)
        json_write(out, value);
    else
        strbuf_append_text(out, "null");
}

static void put_changes(struct strbuf *out, const struct diff_changes *changes)
{
    strbuf_append_text(out, "\"changes\":[");
    for (size_t i = 0; i < changes->items.count; i++) {
        strbuf_append_text(out, i ? ",{" : "{");
        put_text(out, "key", changes->items.items[i].key);
        put_side(out, "before", changes->items.items[i].before);
        put_side(out, "after", changes->items.items[i].after);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

static void put_step(struct strbuf *out, const struct diff_step *step)
{
    strbuf_append_char(out, '{');
    put_id(out, "step", step->id);
    strbuf_printf(out, ",\"status\":\"%s\",\"moved\":%s,", status_names[step->status], step->moved ? "true" : "false");
    put_changes(out, &step->changes);
    /* The step itself, where only one plan has it. */
    if (step->step) {
        strbuf_append_text(out, ",\"plan\":");
        strbuf_append_str(out, step->step->line);
    }
    strbuf_append_char(out, '}');
}

static void put_migration(struct strbuf *out, const struct diff_migration *migration)
{
    strbuf_append_char(out, '{');
    put_id(out, "migration", migration->id);
    strbuf_printf(out, ",\"status\":\"%s\",\"moved\":%s,", status_names[migration->status],
        migration->moved ? "true" : "false");
    put_changes(out, &migration->changes);
    strbuf_append_text(out, ",\"steps\":[");
    for (size_t i = 0; i < migration->steps.count; i++) {
        strbuf_append_text(out, i ? ",\n" : "\n");
        put_step(out, &migration->steps.items[i]);
    }
    strbuf_append_text(out, "]}");
}

static void put_plan(struct strbuf *out, const struct diff *diff, size_t side)
{
    strbuf_append_char(out, '{');
    put_text(out, "path", diff->lines[side].path);
    strbuf_append_char(out, ',');
    put_text(out, "project", diff->headers[side].project);
    strbuf_append_char(out, ',');
    put_text(out, "environment", diff->headers[side].environment);
    strbuf_append_char(out, ',');
    put_text(out, "digest", diff->lines[side].digest);
    strbuf_append_char(out, '}');
}

void diff_print_json(struct strbuf *out, const struct diff *diff)
{
    const struct diff_counts *counts = &diff->counts;

    strbuf_append_text(out, "{\"before\":");
    put_plan(out, diff, 0);
    strbuf_append_text(out, ",\"after\":");
    put_plan(out, diff, 1);
    strbuf_printf(out, ",\"different\":%s,\"header\":{", diff_is_empty(diff) ? "false" : "true");
    put_changes(out, &diff->header);
    strbuf_printf(out, "},\"inputs_differ\":%s,\"steps\":{\"changed\":%zu,\"added\":%zu,\"removed\":%zu,\"moved\":%zu,"
                       "\"same\":%zu},\"migrations\":[",
        diff->inputs_differ ? "true" : "false", counts->changed, counts->added, counts->removed, counts->moved,
        counts->same);
    for (size_t i = 0; i < diff->migrations.count; i++) {
        strbuf_append_text(out, i ? ",\n" : "\n");
        put_migration(out, &diff->migrations.items[i]);
    }
    strbuf_append_text(out, "]}\n");
}
