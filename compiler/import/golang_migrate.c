/*
 * golang-migrate: VERSION_TITLE.up.sql and .down.sql in one folder, in the order of their numbers
 * (source/parse.go: ^([0-9]+)_(.*)\.(down|up)\.(.*)$).
 */
#include <stdlib.h>
#include <string.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

struct step {
    struct str version; /* its digits */
    const char *stem;   /* VERSION_TITLE */
    bool is_down;
    const struct import_file *file;
};

struct steps {
    VEC(struct step) items;
};

static bool parse_name(struct arena *arena, const struct import_file *file, struct step *out)
{
    struct str name = str_from(file->path), ending;
    size_t digits = strspn(file->path, "0123456789");

    if (digits == 0 || digits == name.len || file->path[digits] != '_')
        return false;
    ending = str_ends_with(name, ".up.sql") ? STR(".up.sql") : STR(".down.sql");
    if (!str_ends_with(name, ending.data) || name.len - ending.len <= digits)
        return false;
    out->version = (struct str){file->path, digits};
    out->stem = arena_strndup(arena, file->path, name.len - ending.len);
    out->is_down = ending.len == sizeof(".down.sql") - 1;
    out->file = file;
    return true;
}

static int compare_steps(const void *left, const void *right)
{
    const struct step *a = left, *b = right;
    int order = import_compare_digits(a->version, b->version);

    if (order == 0)
        order = (int)a->is_down - (int)b->is_down;
    return order ? order : strcmp(a->file->path, b->file->path);
}

static void report_stranger(struct import_history *history, const struct import_file *file)
{
    bool is_code = str_ends_with(str_from(file->path), ".go") && strspn(file->path, "0123456789") > 0;

    if (is_code)
        import_open(history, file->path, 0, "is a migration in Go; write what it does as SQL");
    else if (str_ends_with(str_from(file->path), ".sql"))
        import_note(
            history, file->path, 0, "is no migration: its name is not VERSION_TITLE.up.sql or VERSION_TITLE.down.sql");
}

/* items[at] and what follows of its version; returns how many. */
static size_t add_change(struct import_history *history, const struct steps *steps, size_t at, struct error *error)
{
    const struct step *first = &steps->items.items[at], *down = NULL;
    struct import_change change = {0};
    size_t count = 1;

    for (; at + count < steps->items.count; count++) {
        const struct step *next = &steps->items.items[at + count];

        if (import_compare_digits(first->version, next->version) != 0)
            break;
        if (next->is_down == first->is_down || down) {
            const struct step *twin = down ? down : first;

            error_set(
                error, EXIT_STATUS_SPEC, "'%s' and '%s' have the same version", twin->file->path, next->file->path);
            error_help(error, "golang-migrate refuses that too: number one of them anew");
            return 0;
        }
        down = next;
    }
    if (first->is_down) {
        import_open(history, first->file->path, 0, "has no '%s.up.sql' beside it and is left out", first->stem);
        return count;
    }
    change.name = first->stem;
    change.up = import_script_of(first->file);
    if (down) {
        change.down = import_script_of(down->file);
        if (strcmp(down->stem, first->stem) != 0)
            import_note(history, down->file->path, 0, "undoes '%s' by its number, under another title", first->stem);
    }
    VEC_PUSH(history->arena, &history->changes, change);
    return count;
}

bool import_read_golang_migrate(struct import_history *history, struct error *error)
{
    const struct import_source *source = history->source;
    struct steps steps = {0};

    for (size_t i = 0; i < source->files.count; i++) {
        struct step step;

        if (parse_name(history->arena, &source->files.items[i], &step))
            VEC_PUSH(history->arena, &steps.items, step);
        else
            report_stranger(history, &source->files.items[i]);
    }
    if (steps.items.count)
        qsort(steps.items.items, steps.items.count, sizeof(struct step), compare_steps);
    for (size_t at = 0, count; at < steps.items.count; at += count) {
        count = add_change(history, &steps, at, error);
        if (!count)
            return false;
    }
    return true;
}
