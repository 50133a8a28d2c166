/*
 * Flyway: V1_2__title.sql, U1_2__title.sql that undoes it, R__title.sql that is run again when it changes,
 * B1__title.sql in place of everything up to its version; below the folder at any depth. Versions are numbers separated
 * by '.' or '_'.
 */
#include <stdlib.h>
#include <string.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { PLACEHOLDER_MAX_BYTES = 100 };

struct script {
    char kind;          /* 'V', 'U', 'R' or 'B' */
    struct str version; /* "1_2"; empty for 'R' */
    const char *title;  /* behind "__", without the ending */
    const char *stem;   /* the name without the ending */
    bool is_code;       /* in Java or Kotlin */
    const struct import_file *file;
};

struct scripts {
    VEC(struct script) items;
};

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool is_version(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= '0' && text.data[i] <= '9') || text.data[i] == '.' || text.data[i] == '_'))
            return false;
    return text.len > 0;
}

static bool parse_name(struct arena *arena, const struct import_file *file, struct script *out)
{
    const char *name = import_base_name(file->path), *gap = strstr(name, "__");
    const char *dot = strrchr(name, '.');
    size_t len = strlen(name), ending = strlen(dot);
    bool is_sql = strcmp(dot, ".sql") == 0, is_code = strcmp(dot, ".java") == 0 || strcmp(dot, ".kt") == 0;

    if ((!is_sql && !(is_code && name[0] != 'U')) || !strchr("VURB", name[0]) || !gap ||
        (size_t)(gap - name) + 2 > len - ending)
        return false;
    *out = (struct script){
        .kind = name[0], .version = {name + 1, (size_t)(gap - name) - 1}, .file = file, .is_code = is_code};
    if (out->kind == 'R' ? out->version.len > 0 : !is_version(out->version))
        return false;
    out->stem = arena_strndup(arena, name, len - ending);
    out->title = out->stem + (gap + 2 - name);
    return true;
}

/* The next number of a version, "0" behind the last. */
static struct str next_number(struct str *rest)
{
    struct str number = STR("0");
    size_t len = 0;

    while (rest->len && (rest->data[0] == '.' || rest->data[0] == '_')) {
        rest->data++;
        rest->len--;
    }
    while (len < rest->len && rest->data[len] >= '0' && rest->data[len] <= '9')
        len++;
    if (len)
        number = (struct str){rest->data, len};
    rest->data += len;
    rest->len -= len;
    return number;
}

static int compare_versions(struct str a, struct str b)
{
    int order = 0;

    while (order == 0 && (a.len || b.len)) {
        struct str left = next_number(&a), right = next_number(&b);

        order = import_compare_digits(left, right);
    }
    return order;
}

/* Versioned ones first, by version; then repeatable ones, by title. */
static int compare_scripts(const void *left, const void *right)
{
    const struct script *a = left, *b = right;
    int order = (a->kind == 'R') - (b->kind == 'R');

    if (order == 0)
        order = a->kind == 'R' ? strcmp(a->title, b->title) : compare_versions(a->version, b->version);
    if (order == 0)
        order = (a->kind == 'U') - (b->kind == 'U');
    if (order == 0)
        order = (a->kind == 'B') - (b->kind == 'B');
    return order ? order : strcmp(a->file->path, b->file->path);
}

/* --- what is not SQL of a version --------------------------------------------------------------------------------- */

static bool is_callback(const char *name)
{
    static const char *const prefixes[] = {"before", "after", "createSchema", NULL};

    for (size_t i = 0; prefixes[i]; i++)
        if (str_starts_with(str_from(name), prefixes[i]))
            return true;
    return false;
}

static void report_stranger(struct import_history *history, const struct import_file *file)
{
    const char *name = import_base_name(file->path);
    struct str text = str_from(name);

    if (str_ends_with(text, ".conf"))
        import_note(history, file->path, 0,
            "is not carried over: each statement is put into a transaction where it can run in one");
    else if (!str_ends_with(text, ".sql")) {
        if (strchr("VURB", name[0]) && strstr(name, "__"))
            import_open(history, file->path, 0, "is a migration in code, and only its source could tell what it does");
    } else if (is_callback(name))
        import_open(history, file->path, 0,
            "is a callback of Flyway, run around each migration; write what it does as a migration");
    else
        import_open(history, file->path, 0, "has a name that Flyway does not know as a migration's");
}

/* "${name}" is replaced by Flyway, wherever it stands. A script with one is not whole. */
static void look_for_placeholders(struct import_history *history, struct import_script *script)
{
    const struct import_file *file = script->file;
    const char *at = file->text.data, *end = file->text.data + file->text.len;
    size_t line;

    while ((at = memchr(at, '$', (size_t)(end - at)))) {
        const char *close =
            ++at < end && *at == '{'
                ? memchr(at, '}', (size_t)(end - at < PLACEHOLDER_MAX_BYTES ? end - at : PLACEHOLDER_MAX_BYTES))
                : NULL;

        if (!close || memchr(at, '\n', (size_t)(close - at)))
            continue;
        line = import_line_at(file->text, (size_t)(at - file->text.data));
        import_open(history, file->path, line, "the placeholder '$%.*s' is Flyway's; write its value",
            (int)(close + 1 - at), at);
        script->text = str_from(arena_printf(history->arena, "%s%.*s",
            import_marker(history->arena, file->path, line,
                "write the values of Flyway's placeholders below, and take this line away"),
            STR_ARG(file->text)));
        script->is_whole = false;
        script->is_partial = true;
        return;
    }
}

/* --- the history -------------------------------------------------------------------------------------------------- */

static bool report_twins(const struct script *first, const struct script *second, struct error *error)
{
    error_set(error, EXIT_STATUS_SPEC, "'%s' and '%s' have the same version", first->file->path, second->file->path);
    return error_help(error, "Flyway refuses that too: number one of them anew");
}

/* The last baseline counts where what it stands for is gone. */
static const struct script *choose_baseline(struct import_history *history, const struct scripts *scripts)
{
    const struct script *last = NULL;

    for (size_t i = 0; i < scripts->items.count; i++)
        if (scripts->items.items[i].kind == 'B')
            last = &scripts->items.items[i];
    for (size_t i = 0; last && i < scripts->items.count; i++)
        if (scripts->items.items[i].kind == 'V' &&
            compare_versions(scripts->items.items[i].version, last->version) <= 0)
            last = NULL;
    for (size_t i = 0; i < scripts->items.count; i++) {
        const struct script *script = &scripts->items.items[i];

        if (script->kind != 'B')
            continue;
        if (script == last)
            import_note(history, script->file->path, 0,
                "is where the history begins: a database that is older than it knows it as a version");
        else
            import_note(history, script->file->path, 0,
                "is not carried over: the versions that it stands for are there themselves");
    }
    return last;
}

static struct import_change *find_change(struct import_history *history, const struct script *forward)
{
    for (size_t i = history->changes.count; forward && i > 0; i--)
        if (history->changes.items[i - 1].up.file == forward->file)
            return &history->changes.items[i - 1];
    return NULL;
}

static void add_change(struct import_history *history, const struct script *script)
{
    struct import_change change = {.name = script->stem};

    change.up = import_script_of(script->file);
    if (script->kind == 'R')
        import_note(history, script->file->path, 0,
            "is repeatable: here it runs once, in its place at the end; a later change of it is a new migration");
    look_for_placeholders(history, &change.up);
    if (script->is_code) {
        import_open(history, script->file->path, 0, "is a migration in code; write what it does as SQL");
        change.up = (struct import_script){.file = script->file, .text = STR(""), .line = 1, .is_partial = true};
    }
    VEC_PUSH(history->arena, &history->changes, change);
}

static bool add_scripts(struct import_history *history, const struct scripts *scripts, struct error *error)
{
    const struct script *baseline = choose_baseline(history, scripts), *forward = NULL, *backward = NULL;

    for (size_t i = 0; i < scripts->items.count; i++) {
        const struct script *script = &scripts->items.items[i];
        struct import_change *change;

        if (script->kind == 'V') {
            if (forward && compare_versions(forward->version, script->version) == 0)
                return report_twins(forward, script, error);
            forward = script;
        } else if (script->kind == 'B' && script != baseline) {
            continue;
        } else if (script->kind == 'U') {
            if (backward && compare_versions(backward->version, script->version) == 0)
                return report_twins(backward, script, error);
            backward = script;
            change = forward && compare_versions(forward->version, script->version) == 0 ? find_change(history, forward)
                                                                                         : NULL;
            if (change) {
                change->down = import_script_of(script->file);
                look_for_placeholders(history, &change->down);
            } else {
                import_open(history, script->file->path, 0, "has no V%.*s__… beside it and is left out",
                    STR_ARG(script->version));
            }
            continue;
        }
        add_change(history, script);
    }
    return true;
}

bool import_read_flyway(struct import_history *history, struct error *error)
{
    const struct import_source *source = history->source;
    struct scripts scripts = {0};

    for (size_t i = 0; i < source->files.count; i++) {
        const struct import_file *file = &source->files.items[i];
        struct script script;

        if (parse_name(history->arena, file, &script))
            VEC_PUSH(history->arena, &scripts.items, script);
        else
            report_stranger(history, file);
    }
    if (scripts.items.count)
        qsort(scripts.items.items, scripts.items.count, sizeof(struct script), compare_scripts);
    return add_scripts(history, &scripts, error);
}
