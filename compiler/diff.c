/* Two plans matched migration by migration and step by step. */
#include "compiler/diff.h"

#include <pthread.h>
#include <string.h>

#include "spec/base/map.h"
#include "spec/exit.h"
#include "spec/plan_text.h"

/* A short change in as many steps as this is told once. */
enum { NOT_THERE = -1, REPEATED_FROM = 4 };

struct side;

/* A migration of one side: its line and those of its steps, which follow it. */
struct part {
    const struct side *side;
    struct str id;
    size_t line;
    size_t step_count;
    ptrdiff_t other; /* index of the same migration on the other side, or NOT_THERE */
};

struct side {
    const struct plan_lines *lines;
    struct part *parts;
    size_t count;
};

struct differ {
    struct arena *arena;
    struct arena scratch; /* for one step; what is kept of it is cloned */
    struct error *error;
    struct diff *diff;
    struct side sides[2];
};

static bool fail(struct differ *d, const struct side *side, size_t line, const char *what)
{
    const struct plan_line *at = &side->lines->items[line];

    error_set(d->error, EXIT_STATUS_PLAN, "%s '%.*s' %s", at->kind == PLAN_LINE_STEP ? "step" : "migration",
        STR_ARG(at->id), what);
    return error_wrap(d->error, "%s:%zu", side->lines->path, at->number);
}

/*
 * Splits the lines of a side into migrations, and finds those of the second side in the first. *ids has those of both
 * sides. They must be unique, or matching by them has no sense.
 */
static bool split(struct differ *d, struct side *side, struct map *ids)
{
    side->parts = ARENA_ARRAY(d->arena, struct part, side->lines->count);
    for (size_t i = 1; i < side->lines->count; i++) {
        const struct plan_line *line = &side->lines->items[i];
        struct part *part = &side->parts[side->count], *same;

        if (line->kind == PLAN_LINE_STEP && side->count == 0)
            return fail(d, side, i, "stands before the first migration");
        if (line->kind == PLAN_LINE_STEP) {
            part[-1].step_count++;
            continue;
        }
        *part = (struct part){side, line->id, i, 0, NOT_THERE};
        same = map_put(ids, line->id, part);
        if (same && same->side == side)
            return fail(d, side, i, "is there twice");
        if (same) {
            part->other = same - d->sides[0].parts;
            same->other = (ptrdiff_t)side->count;
        }
        side->count++;
    }
    return true;
}

/*
 * Marks what moved in a list of positions (those of the first plan, in the order of the second; NOT_THERE for what is
 * new): all but a longest increasing subsequence (Fredman, On computing the length of longest increasing subsequences,
 * 1975), so that as few as possible are called moved.
 */
static bool *find_moved(struct arena *arena, const ptrdiff_t *positions, size_t count)
{
    bool *moved = ARENA_ARRAY(arena, bool, count + 1);
    size_t *ends = ARENA_ARRAY(arena, size_t, count + 1), *before = ARENA_ARRAY(arena, size_t, count + 1), length = 0;

    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = length;

        if (positions[i] == NOT_THERE)
            continue;
        moved[i] = true;
        while (low < high) {
            size_t middle = (low + high) / 2;

            if (positions[ends[middle]] < positions[i])
                low = middle + 1;
            else
                high = middle;
        }
        before[i] = low ? ends[low - 1] : SIZE_MAX;
        ends[low] = i;
        length += low == length;
    }
    for (size_t i = length ? ends[length - 1] : SIZE_MAX; i != SIZE_MAX; i = before[i])
        moved[i] = false;
    return moved;
}

static bool same_text(const struct side *a, size_t line_a, const struct side *b, size_t line_b)
{
    return str_equal(a->lines->items[line_a].text, b->lines->items[line_b].text);
}

static bool add_lone_step(struct differ *d, struct diff_migration *out, enum diff_status status, size_t line)
{
    const struct side *side = &d->sides[status == DIFF_ADDED];
    struct plan_step *full = ARENA_NEW(d->arena, struct plan_step);
    struct diff_step step = {.id = side->lines->items[line].id, .status = status, .step = full};
    const struct json *tree;

    if (!plan_lines_read(d->arena, side->lines, line, full, &tree, d->error))
        return false;
    step.name = plan_step_short_id(full);
    if (status == DIFF_ADDED)
        d->diff->counts.added++;
    else
        d->diff->counts.removed++;
    VEC_PUSH(d->arena, &out->steps, step);
    return true;
}

static const struct json *keep(struct differ *d, const struct json *value)
{
    return value ? json_clone(d->arena, value) : NULL;
}

/* text with every `old` replaced by `new`. */
static struct str replace(struct arena *arena, struct str text, struct str old, struct str new)
{
    struct strbuf out = STRBUF_INIT;
    struct str copy;

    while (text.len) {
        bool found = text.len >= old.len && memcmp(text.data, old.data, old.len) == 0;
        size_t len = found ? old.len : 1;

        strbuf_append_str(&out, found ? new : (struct str){text.data, 1});
        text.data += len;
        text.len -= len;
    }
    copy = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return copy;
}

static struct str table_prefix(const struct plan *header, const char *target)
{
    const struct plan_target *found = plan_find_target(header, target);

    return str_from(found ? found->table_prefix : "");
}

/* Whether a text differs because its target's tables have another prefix, and in nothing else. */
static bool follows_prefix(struct differ *d, const char *target, const struct diff_change *change)
{
    struct str before = table_prefix(&d->diff->headers[0], target), after = table_prefix(&d->diff->headers[1], target);

    if (!json_is(change->before, JSON_STRING) || !json_is(change->after, JSON_STRING) || str_equal(before, after))
        return false;
    if (before.len == 0)
        return str_equal(replace(&d->scratch, change->after->text, after, before), change->before->text);
    return str_equal(replace(&d->scratch, change->before->text, before, after), change->after->text);
}

/* The changes of a step that both plans have. */
static bool compare_step(struct differ *d, size_t line_a, size_t line_b, struct diff_step *out)
{
    static const char *const ignored[] = {"span", NULL};
    struct plan_step before, after;
    const struct json *tree_before, *tree_after;
    struct diff_changes changes = {0};
    bool prefixed = false;

    arena_reset(&d->scratch);
    if (!plan_lines_read(&d->scratch, d->sides[0].lines, line_a, &before, &tree_before, d->error) ||
        !plan_lines_read(&d->scratch, d->sides[1].lines, line_b, &after, &tree_after, d->error))
        return false;
    diff_objects(&d->scratch, PLAN_OBJECT_STEP, tree_before, tree_after, ignored, &changes);
    out->name = arena_strdup(d->arena, plan_step_short_id(&after));
    for (size_t i = 0; i < changes.items.count; i++) {
        const struct diff_change *change = &changes.items.items[i];
        bool follows = follows_prefix(d, after.target, change);

        VEC_PUSH(d->arena, &out->changes.items, ((struct diff_change){arena_strdup(d->arena, change->key),
            keep(d, change->before), keep(d, change->after), follows}));
        prefixed |= follows;
    }
    d->diff->counts.prefixed += prefixed;
    return true;
}

static bool add_common_step(struct differ *d, struct diff_migration *out, size_t line_a, size_t line_b, bool moved)
{
    struct diff_step step = {.id = d->sides[1].lines->items[line_b].id, .status = DIFF_SAME, .moved = moved};
    bool same = same_text(&d->sides[0], line_a, &d->sides[1], line_b);

    d->diff->counts.moved += moved;
    if (!moved && same) {
        d->diff->counts.same++;
        return true;
    }
    if (!compare_step(d, line_a, line_b, &step))
        return false;
    if (step.changes.items.count) {
        step.status = DIFF_CHANGED;
        d->diff->counts.changed++;
    } else {
        d->diff->counts.same++;
        d->diff->counts.replaced += !same;
    }
    if (moved || step.changes.items.count)
        VEC_PUSH(d->arena, &out->steps, step);
    return true;
}

/* The steps of a migration in both plans. */
struct steps {
    const struct part *parts[2];
    bool aligned; /* both have the same ids in the same order: the maps are not needed */
    struct map lines[2]; /* from id to struct plan_line */
};

static const struct plan_line *step_line(const struct differ *d, const struct steps *steps, size_t side, size_t index)
{
    return &d->sides[side].lines->items[steps->parts[side]->line + 1 + index];
}

static bool match_steps(struct differ *d, struct steps *steps)
{
    size_t index = 0;

    if (steps->parts[0]->step_count == steps->parts[1]->step_count)
        while (index < steps->parts[0]->step_count &&
               str_equal(step_line(d, steps, 0, index)->id, step_line(d, steps, 1, index)->id))
            index++;
    steps->aligned = index == steps->parts[0]->step_count && index == steps->parts[1]->step_count;
    for (size_t side = 0; side < 2 && !steps->aligned; side++) {
        map_init(&steps->lines[side], d->arena);
        for (index = 0; index < steps->parts[side]->step_count; index++) {
            struct plan_line *line = &d->sides[side].lines->items[steps->parts[side]->line + 1 + index];

            if (map_put(&steps->lines[side], line->id, line))
                return fail(d, &d->sides[side], (size_t)(line - d->sides[side].lines->items), "is there twice");
        }
    }
    return true;
}

/* The line in the first plan of a step of the second, or NOT_THERE. */
static ptrdiff_t find_step(const struct differ *d, const struct steps *steps, size_t index)
{
    const struct plan_line *line;

    if (steps->aligned)
        return (ptrdiff_t)(steps->parts[0]->line + 1 + index);
    line = map_get(&steps->lines[0], step_line(d, steps, 1, index)->id);
    return line ? line - d->sides[0].lines->items : NOT_THERE;
}

/* The removed steps of the first plan that stand from `line` on, up to one that both plans have. */
static bool add_removed_steps(struct differ *d, struct diff_migration *out, const struct steps *steps, size_t line)
{
    const struct part *part = steps->parts[0];

    for (; !steps->aligned && line <= part->line + part->step_count; line++) {
        if (map_has(&steps->lines[1], d->sides[0].lines->items[line].id))
            return true;
        if (!add_lone_step(d, out, DIFF_REMOVED, line))
            return false;
    }
    return true;
}

static bool compare_steps(struct differ *d, const struct part *a, const struct part *b, struct diff_migration *out)
{
    ptrdiff_t *positions = ARENA_ARRAY(d->arena, ptrdiff_t, b->step_count + 1);
    struct steps steps = {.parts = {a, b}};
    bool *moved;

    if (!match_steps(d, &steps))
        return false;
    for (size_t i = 0; i < b->step_count; i++)
        positions[i] = find_step(d, &steps, i);
    moved = find_moved(d->arena, positions, b->step_count);
    if (!add_removed_steps(d, out, &steps, a->line + 1))
        return false;
    for (size_t i = 0; i < b->step_count; i++) {
        size_t line_b = b->line + 1 + i;

        if (positions[i] == NOT_THERE) {
            if (!add_lone_step(d, out, DIFF_ADDED, line_b))
                return false;
        } else if (!add_common_step(d, out, (size_t)positions[i], line_b, moved[i]) ||
                   !add_removed_steps(d, out, &steps, (size_t)positions[i] + 1)) {
            return false;
        }
    }
    return true;
}

static bool add_lone_migration(struct differ *d, enum diff_status status, const struct part *part)
{
    const struct side *side = &d->sides[status == DIFF_ADDED];
    struct diff_migration out = {.id = part->id, .status = status};
    struct plan_migration migration;
    const struct json *tree;

    if (!plan_lines_read(d->arena, side->lines, part->line, &migration, &tree, d->error))
        return false;
    for (size_t i = 0; i < part->step_count; i++)
        if (!add_lone_step(d, &out, status, part->line + 1 + i))
            return false;
    VEC_PUSH(d->arena, &d->diff->migrations, out);
    return true;
}

static bool add_common_migration(struct differ *d, const struct part *a, const struct part *b, bool moved)
{
    struct diff_migration out = {.id = b->id, .status = DIFF_SAME, .moved = moved};
    struct plan_migration migration;
    const struct json *before, *after;

    if (moved && b > d->sides[1].parts)
        out.follows = b[-1].id;
    if (!same_text(&d->sides[0], a->line, &d->sides[1], b->line)) {
        if (!plan_lines_read(d->arena, d->sides[0].lines, a->line, &migration, &before, d->error) ||
            !plan_lines_read(d->arena, d->sides[1].lines, b->line, &migration, &after, d->error))
            return false;
        diff_objects(d->arena, PLAN_OBJECT_MIGRATION, before, after, NULL, &out.changes);
    }
    if (!compare_steps(d, a, b, &out))
        return false;
    if (out.changes.items.count)
        out.status = DIFF_CHANGED;
    if (moved || out.changes.items.count || out.steps.count)
        VEC_PUSH(d->arena, &d->diff->migrations, out);
    else
        d->diff->migrations_same++;
    return true;
}

/* The removed migrations of the first plan from `index` on, up to one that both plans have. */
static bool add_removed_migrations(struct differ *d, size_t index)
{
    const struct side *a = &d->sides[0];

    for (; index < a->count && a->parts[index].other == NOT_THERE; index++)
        if (!add_lone_migration(d, DIFF_REMOVED, &a->parts[index]))
            return false;
    return true;
}

static bool compare_migrations(struct differ *d)
{
    struct side *a = &d->sides[0], *b = &d->sides[1];
    ptrdiff_t *positions = ARENA_ARRAY(d->arena, ptrdiff_t, b->count + 1);
    bool *moved;

    for (size_t i = 0; i < b->count; i++)
        positions[i] = b->parts[i].other;
    moved = find_moved(d->arena, positions, b->count);
    if (!add_removed_migrations(d, 0))
        return false;
    for (size_t i = 0; i < b->count; i++) {
        if (positions[i] == NOT_THERE) {
            if (!add_lone_migration(d, DIFF_ADDED, &b->parts[i]))
                return false;
        } else if (!add_common_migration(d, &a->parts[positions[i]], &b->parts[i], moved[i]) ||
                   !add_removed_migrations(d, (size_t)positions[i] + 1)) {
            return false;
        }
    }
    return true;
}

static bool compare_headers(struct differ *d)
{
    static const char *const ignored[] = {"environment", "inputs", NULL};
    struct diff *diff = d->diff;
    const struct json *trees[2];

    for (size_t i = 0; i < 2; i++)
        if (!plan_lines_read(d->arena, &diff->lines[i], 0, &diff->headers[i], &trees[i], d->error))
            return false;
    diff->inputs_differ = !json_equal(json_get(trees[0], "inputs"), json_get(trees[1], "inputs"));
    diff_objects(d->arena, PLAN_OBJECT_HEADER, trees[0], trees[1], ignored, &diff->header);
    return true;
}

/* Calls visit for each short change of the steps. */
static void visit_changes(struct differ *d, void (*visit)(struct differ *d, struct map *seen, struct diff_change *change),
    struct map *seen)
{
    for (size_t i = 0; i < d->diff->migrations.count; i++) {
        const struct diff_migration *migration = &d->diff->migrations.items[i];

        for (size_t j = 0; j < migration->steps.count; j++) {
            struct diff_changes *changes = &migration->steps.items[j].changes;

            for (size_t k = 0; k < changes->items.count; k++)
                if (!changes->items.items[k].is_told_elsewhere && !diff_change_is_long(&changes->items.items[k]))
                    visit(d, seen, &changes->items.items[k]);
        }
    }
}

/* The change in one text, in the scratch arena. */
static struct str change_text(struct differ *d, const struct diff_change *change)
{
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    strbuf_append_text(&text, change->key);
    strbuf_append_char(&text, '\n');
    diff_value_print(&text, change, change->before);
    strbuf_append_char(&text, '\n');
    diff_value_print(&text, change, change->after);
    copy = strbuf_copy(&text, &d->scratch);
    strbuf_free(&text);
    return copy;
}

static void count_change(struct differ *d, struct map *seen, struct diff_change *change)
{
    struct str text = change_text(d, change);
    struct diff_repeated *repeated = map_get(seen, text);

    if (!repeated) {
        repeated = ARENA_NEW(&d->scratch, struct diff_repeated);
        repeated->change = *change;
        map_put(seen, text, repeated);
    }
    repeated->steps++;
}

static void mark_change(struct differ *d, struct map *seen, struct diff_change *change)
{
    const struct diff_repeated *repeated = map_get(seen, change_text(d, change));

    change->is_told_elsewhere = repeated->steps >= REPEATED_FROM;
}

static void count_untold(struct diff *diff)
{
    for (size_t i = 0; i < diff->migrations.count; i++)
        for (size_t j = 0; j < diff->migrations.items[i].steps.count; j++)
            diff->counts.untold += !diff_step_is_told(&diff->migrations.items[i].steps.items[j]);
}

static void find_repeated(struct differ *d)
{
    const struct map_entry *entry;
    struct map seen;

    arena_reset(&d->scratch);
    map_init(&seen, &d->scratch);
    visit_changes(d, count_change, &seen);
    visit_changes(d, mark_change, &seen);
    for (size_t i = 0; map_next(&seen, &i, &entry);) {
        const struct diff_repeated *repeated = entry->value;

        if (repeated->steps >= REPEATED_FROM)
            VEC_PUSH(d->arena, &d->diff->repeated, *repeated);
    }
}

/* Reading and hashing is most of the work where little differs: each plan has a thread, and an arena for it. */
struct loading {
    struct arena arena;
    const char *path;
    struct plan_lines *lines;
    struct error error;
    bool done;
};

static void *load_lines(void *argument)
{
    struct loading *loading = argument;

    loading->done = plan_lines_load(&loading->arena, loading->path, loading->lines, &loading->error);
    return NULL;
}

static bool load_both(struct differ *d, const char *before, const char *after)
{
    struct loading sides[2] = {{.path = before, .lines = &d->diff->lines[0]}, {.path = after, .lines = &d->diff->lines[1]}};
    pthread_t thread;
    bool alone = pthread_create(&thread, NULL, load_lines, &sides[1]) != 0;

    load_lines(&sides[0]);
    if (alone)
        load_lines(&sides[1]);
    else
        pthread_join(thread, NULL);
    for (size_t i = 0; i < 2; i++)
        arena_join(d->arena, &sides[i].arena);
    if (sides[0].done && sides[1].done)
        return true;
    *d->error = sides[sides[0].done].error;
    return false;
}

bool diff_load(struct arena *arena, const char *before, const char *after, struct diff **out, struct error *error)
{
    struct differ d = {.arena = arena, .scratch = ARENA_INIT, .error = error, .diff = ARENA_NEW(arena, struct diff)};
    struct map ids;
    bool valid;

    *out = d.diff;
    map_init(&ids, arena);
    if (!load_both(&d, before, after))
        return false;
    for (size_t i = 0; i < 2; i++) {
        d.sides[i].lines = &d.diff->lines[i];
        if (!split(&d, &d.sides[i], &ids))
            return false;
    }
    valid = compare_headers(&d) && compare_migrations(&d);
    if (valid) {
        find_repeated(&d);
        count_untold(d.diff);
    }
    arena_free(&d.scratch);
    return valid;
}

bool diff_is_empty(const struct diff *diff)
{
    return diff->header.items.count == 0 && diff->migrations.count == 0;
}
