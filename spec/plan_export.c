/* A plan in the forms of other tools: an SQL script, a Mermaid flowchart, one JSON document. */
#include <string.h>

#include "spec/plan_key.h"
#include "spec/plan_text.h"
#include "spec/printable.h"

static bool is_transactional(const struct plan_step *step)
{
    return step->group != NULL && instruction_engine(step->action.instruction) == ENGINE_POSTGRES;
}

static void print_comment(struct strbuf *out, struct str text)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;

        strbuf_printf(out, "-- %.*s\n", (int)len, text.data);
        text.data += len + (end ? 1 : 0);
        text.len -= len + (end ? 1 : 0);
    }
}

static void print_sql_step(struct strbuf *out, const struct plan_step *step)
{
    struct strbuf text = STRBUF_INIT;

    strbuf_append_text(out, "\n-- ");
    printable_append_line(out, str_from(step->id));
    strbuf_append_char(out, '\n');
    plan_action_print(&text, &step->action);
    switch (step->action.instruction) {
    case INSTRUCTION_PG_EXEC:
    case INSTRUCTION_PG_EXEC_ALONE:
    case INSTRUCTION_PG_ASSERT:
        strbuf_append_str(out, strbuf_view(&text));
        break;
    default: /* a backfill as well: what runs are batches, not this statement */
        print_comment(out, strbuf_view(&text));
        break;
    }
    strbuf_free(&text);
}

void plan_sql_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    const char *group = NULL;

    strbuf_append_text(out, "-- plan of ");
    printable_append_line(out, str_from(plan->project));
    strbuf_append_text(out, " for ");
    printable_append_line(out, str_from(plan->environment));
    strbuf_append_text(out, ": to read; `invplan apply` is what runs it\n");
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        if (!plan_text_selects(options, step))
            continue;
        if (group && (!is_transactional(step) || strcmp(group, step->group) != 0)) {
            strbuf_append_text(out, "\nCOMMIT;\n");
            group = NULL;
        }
        if (!group && is_transactional(step)) {
            group = step->group;
            strbuf_append_text(out, "\nBEGIN;\n");
        }
        print_sql_step(out, step);
    }
    if (group)
        strbuf_append_text(out, "\nCOMMIT;\n");
}

/* Text of a Mermaid node between double quotes, where markup is HTML. */
static void put_label(struct strbuf *out, const char *text)
{
    struct strbuf clean = STRBUF_INIT;

    printable_append_line(&clean, str_from(text));
    for (size_t i = 0; i < clean.len; i++) {
        if (strchr("\"<>&#;`", clean.data[i]))
            strbuf_printf(out, "#%d;", clean.data[i]);
        else
            strbuf_append_char(out, clean.data[i]);
    }
    strbuf_free(&clean);
}

static void print_node(struct strbuf *out, const struct plan *plan, size_t index, const struct plan_text_options *options)
{
    const struct plan_migration *migration = &plan->migrations.items[index];
    size_t steps = plan_text_count(plan, migration, options), gates = 0, points = 0;

    for (size_t i = 0; i < migration->step_count; i++) {
        const struct plan_step *step = &plan->steps.items[migration->first_step + i];

        gates += step->action.instruction == INSTRUCTION_GATE && plan_text_selects(options, step);
        points += step->point_of_no_return && plan_text_selects(options, step);
    }
    strbuf_printf(out, "    m%zu[\"", index);
    put_label(out, migration->id);
    strbuf_printf(out, "<br/>%zu step%s%s%s\"]\n", steps, steps == 1 ? "" : "s", gates ? ", waits at a gate" : "",
        points ? ", point of no return" : "");
}

static size_t migration_index(const struct plan *plan, const char *id)
{
    return (size_t)(plan_find_migration(plan, id) - plan->migrations.items);
}

void plan_mermaid_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    strbuf_append_text(out, "flowchart TD\n");
    for (size_t t = 0; t < plan->targets.count; t++) {
        strbuf_printf(out, "  subgraph t%zu[\"", t);
        put_label(out, plan->targets.items[t].name);
        strbuf_append_text(out, "\"]\n");
        for (size_t i = 0; i < plan->migrations.count; i++)
            if (strcmp(plan->migrations.items[i].target, plan->targets.items[t].name) == 0 &&
                plan_text_count(plan, &plan->migrations.items[i], options))
                print_node(out, plan, i, options);
        strbuf_append_text(out, "  end\n");
    }
    for (size_t i = 0, last = SIZE_MAX; i < plan->migrations.count; i++) {
        const struct plan_migration *migration = &plan->migrations.items[i];

        if (plan_text_count(plan, migration, options) == 0)
            continue;
        if (last != SIZE_MAX)
            strbuf_printf(out, "  m%zu --> m%zu\n", last, i);
        last = i;
        for (size_t j = 0; j < migration->after.count; j++) {
            size_t before = migration_index(plan, migration->after.items[j]);

            if (plan_text_count(plan, &plan->migrations.items[before], options))
                strbuf_printf(out, "  m%zu -. after .-> m%zu\n", before, i);
        }
    }
}

/* Without the closing brace of the object that was just written. */
static void reopen(struct strbuf *out)
{
    out->data[--out->len] = '\0';
}

void plan_json_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options)
{
    bool first = true;

    plan_object_write(out, PLAN_OBJECT_HEADER, plan);
    reopen(out);
    strbuf_printf(out, ",\"digest\":\"%s\",\"migrations\":[", plan->digest);
    for (size_t i = 0; i < plan->migrations.count; i++) {
        const struct plan_migration *migration = &plan->migrations.items[i];
        bool first_step = true;

        if (plan_text_count(plan, migration, options) == 0)
            continue;
        strbuf_append_text(out, first ? "\n" : ",\n");
        first = false;
        plan_object_write(out, PLAN_OBJECT_MIGRATION, migration);
        reopen(out);
        strbuf_append_text(out, ",\"steps\":[");
        for (size_t j = 0; j < migration->step_count; j++) {
            const struct plan_step *step = &plan->steps.items[migration->first_step + j];

            if (!plan_text_selects(options, step))
                continue;
            strbuf_append_text(out, first_step ? "\n" : ",\n");
            first_step = false;
            plan_object_write(out, PLAN_OBJECT_STEP, step);
        }
        strbuf_append_text(out, "]}");
    }
    strbuf_append_text(out, "]}\n");
}
