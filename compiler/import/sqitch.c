/*
 * sqitch: sqitch.plan names the changes in order, each with deploy/NAME.sql, revert/NAME.sql and verify/NAME.sql
 * (sqitchchanges(5)). A change that was reworked stands in the plan again; its older scripts are NAME@TAG.sql.
 */
#include <string.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

struct layout {
    const char *plan;                                                /* paths in the folder */
    const char *deploy, *revert, *verify;                            /* folders */
    const char *reworked_deploy, *reworked_revert, *reworked_verify; /* of what a later line reworks */
};

/* One change of the plan. */
struct change {
    const char *name;
    const char *note;    /* behind '#', or NULL */
    struct str requires; /* between the brackets */
    size_t previous;     /* index + 1 of the earlier line with this name; 0: none */
    size_t line;
    bool is_reworked;     /* a later line has its name again */
    size_t tag, tags_end; /* is_reworked: the tags between the two lines */
    const char *script;   /* what its scripts are called, without ".sql" */
};

struct tag {
    const char *name;
    size_t change; /* index of the change that it stands behind */
};

struct plan {
    struct import_history *history;
    const struct import_file *file;
    VEC(struct change) changes;
    VEC(struct tag) tags;
    struct map tag_names; /* name → tag; made when all are read */
    struct map latest;    /* name → index + 1 into changes of the last instance */
};

/* --- sqitch.conf -------------------------------------------------------------------------------------------------- */

/* The value of "key = value" below [section] or [section "name"]; NULL when it is not there. */
static const char *configured(struct arena *arena, const struct import_file *file, const char *section, const char *key)
{
    struct str line, found = {NULL, 0};
    size_t position = 0;
    bool inside = false;

    while (file && import_next_line(file->text, &position, &line)) {
        const char *equals;
        struct str name;

        line = str_trim(line);
        if (line.len && line.data[0] == '[') {
            inside = str_is(line, section);
            continue;
        }
        equals = memchr(line.data, '=', line.len);
        if (!inside || !equals)
            continue;
        name = str_trim((struct str){line.data, (size_t)(equals - line.data)});
        if (!str_is(name, key))
            continue;
        found = str_trim((struct str){equals + 1, line.len - (size_t)(equals + 1 - line.data)});
        if (found.len > 1 && found.data[0] == '"' && found.data[found.len - 1] == '"')
            found = (struct str){found.data + 1, found.len - 2};
    }
    return found.len ? arena_strndup(arena, found.data, found.len) : NULL;
}

/* Without "./" in front and '/' behind; "" for the folder itself. */
static const char *clean_folder(struct arena *arena, const char *path)
{
    size_t len;

    while (str_starts_with(str_from(path), "./"))
        path += 2;
    if (strcmp(path, ".") == 0)
        return "";
    len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    return arena_strndup(arena, path, len);
}

static const char *below(struct arena *arena, const char *folder, const char *name)
{
    return *folder ? arena_printf(arena, "%s/%s", folder, name) : name;
}

static const char *setting(struct arena *arena, const struct import_file *conf, const char *key, const char *fallback)
{
    const char *value = configured(arena, conf, "[engine \"pg\"]", key);

    if (!value)
        value = configured(arena, conf, "[core]", key);
    return value ? clean_folder(arena, value) : fallback;
}

static bool read_layout(struct import_history *history, struct layout *out, struct error *error)
{
    struct arena *arena = history->arena;
    const struct import_file *conf = import_find(history->source, "sqitch.conf");
    const char *top = setting(arena, conf, "top_dir", ""), *engine = configured(arena, conf, "[core]", "engine");
    const char *reworked;

    if (engine && strcmp(engine, "pg") != 0) {
        error_set(
            error, EXIT_STATUS_SPEC, "sqitch.conf says that the engine is '%s', and only 'pg' can be imported", engine);
        return false;
    }
    if (conf && strstr(conf->text.data, "[deploy \"variables\"]"))
        import_open(history, conf->path, 0, "sets variables for psql; write their values into the scripts");
    out->plan = history->source->main_file ? history->source->main_file
                                           : setting(arena, conf, "plan_file", below(arena, top, "sqitch.plan"));
    out->deploy = setting(arena, conf, "deploy_dir", below(arena, top, "deploy"));
    out->revert = setting(arena, conf, "revert_dir", below(arena, top, "revert"));
    out->verify = setting(arena, conf, "verify_dir", below(arena, top, "verify"));
    reworked = setting(arena, conf, "reworked_dir", NULL);
    out->reworked_deploy =
        setting(arena, conf, "reworked_deploy_dir", reworked ? below(arena, reworked, "deploy") : out->deploy);
    out->reworked_revert =
        setting(arena, conf, "reworked_revert_dir", reworked ? below(arena, reworked, "revert") : out->revert);
    out->reworked_verify =
        setting(arena, conf, "reworked_verify_dir", reworked ? below(arena, reworked, "verify") : out->verify);
    return true;
}

/* --- sqitch.plan -------------------------------------------------------------------------------------------------- */

/* The word at the front of *rest, which may be followed by a blank, '[' or '#'. */
static struct str take_word(struct str *rest)
{
    struct str word;
    size_t len = 0;

    while (len < rest->len && !strchr(" \t[#", rest->data[len]))
        len++;
    word = (struct str){rest->data, len};
    *rest = str_trim((struct str){rest->data + len, rest->len - len});
    return word;
}

/* "NAME" into a path: no part of it may climb. */
static bool is_safe_name(struct str name)
{
    if (name.len == 0 || name.len > 200 || name.data[0] == '/')
        return false;
    for (size_t i = 0; i + 1 < name.len; i++)
        if (name.data[i] == '.' && name.data[i + 1] == '.')
            return false;
    return true;
}

/* Behind the last '#' that follows the planner's "<address>", with \n made a blank. */
static const char *note_of(struct arena *arena, struct str rest)
{
    const char *address = memchr(rest.data, '>', rest.len);
    const char *hash = address ? memchr(address, '#', rest.len - (size_t)(address - rest.data)) : NULL;
    struct str note;
    char *text;
    size_t len = 0;

    if (!hash)
        return NULL;
    note = str_trim((struct str){hash + 1, rest.len - (size_t)(hash + 1 - rest.data)});
    text = arena_alloc(arena, note.len + 1);
    for (size_t i = 0; i < note.len; i++) {
        bool escaped = note.data[i] == '\\' && i + 1 < note.len && strchr("nr\\", note.data[i + 1]);

        i += escaped;
        text[len++] = escaped && note.data[i] != '\\' ? ' ' : note.data[i];
    }
    return len ? text : NULL;
}

static bool wrong_line(const struct plan *plan, size_t line, const char *why, struct error *error)
{
    return error_set(error, EXIT_STATUS_SPEC, "%s:%zu: %s", plan->file->path, line, why);
}

static bool read_tag(struct plan *plan, struct str rest, size_t line, struct error *error)
{
    struct arena *arena = plan->history->arena;
    struct str word = take_word(&rest);
    struct tag tag = {arena_strndup(arena, word.data + 1, word.len - 1), plan->changes.count - 1};

    if (!plan->changes.count)
        return wrong_line(plan, line, "a tag stands before the first change", error);
    if (!is_safe_name((struct str){word.data + 1, word.len - 1}))
        return wrong_line(plan, line, "this is no name of a tag", error);
    VEC_PUSH(arena, &plan->tags, tag);
    return true;
}

static bool read_change(struct plan *plan, struct str rest, size_t line, struct error *error)
{
    struct arena *arena = plan->history->arena;
    struct change change = {.line = line, .requires = STR("")};
    struct str word;
    size_t previous;

    if (rest.data[0] == '-')
        return wrong_line(plan, line, "the operator '-' is not known", error);
    if (rest.data[0] == '+')
        rest = str_trim((struct str){rest.data + 1, rest.len - 1});
    word = take_word(&rest);
    if (!is_safe_name(word))
        return wrong_line(plan, line, "this is no name of a change", error);
    change.name = arena_strndup(arena, word.data, word.len);
    if (rest.len && rest.data[0] == '[') {
        const char *close = memchr(rest.data, ']', rest.len);

        if (!close)
            return wrong_line(plan, line, "']' is missing", error);
        change.requires = (struct str){rest.data + 1, (size_t)(close - rest.data) - 1};
        rest = (struct str){close + 1, rest.len - (size_t)(close + 1 - rest.data)};
    }
    change.note = note_of(arena, rest);
    change.script = change.name;
    change.tag = plan->tags.count;
    previous = (size_t)(uintptr_t)map_get(&plan->latest, str_from(change.name));
    change.previous = previous;
    if (plan->changes.count >= IMPORT_FILES_MAX)
        return wrong_line(plan, line, "these are too many changes", error);
    if (previous) {
        struct change *old = &plan->changes.items[previous - 1];

        if (old->tag >= plan->tags.count)
            return wrong_line(plan, line, "a change stands here a second time without a tag in between", error);
        old->is_reworked = true;
        old->tags_end = plan->tags.count;
    }
    VEC_PUSH(arena, &plan->changes, change);
    map_put(&plan->latest, str_from(change.name), (void *)(uintptr_t)plan->changes.count);
    return true;
}

static void read_pragma(struct plan *plan, struct str line)
{
    struct arena *arena = plan->history->arena;
    const char *equals = memchr(line.data, '=', line.len);
    struct str name, value;

    if (!equals)
        return;
    name = str_trim((struct str){line.data + 1, (size_t)(equals - line.data) - 1});
    value = str_trim((struct str){equals + 1, line.len - (size_t)(equals + 1 - line.data)});
    if (str_is(name, "project") && value.len)
        plan->history->project = arena_strndup(arena, value.data, value.len);
}

static bool read_plan(struct plan *plan, struct error *error)
{
    size_t position = 0, number = 0;
    struct str line;

    while (import_next_line(plan->file->text, &position, &line)) {
        bool ok = true;

        number++;
        line = str_trim(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        if (line.data[0] == '%')
            read_pragma(plan, line);
        else
            ok = line.data[0] == '@' ? read_tag(plan, line, number, error) : read_change(plan, line, number, error);
        if (!ok)
            return false;
    }
    return true;
}

/* --- the history -------------------------------------------------------------------------------------------------- */

static const struct import_file *script_file(const struct plan *plan, const char *folder, const char *name)
{
    struct arena *arena = plan->history->arena;

    return import_find(plan->history->source, below(arena, folder, arena_printf(arena, "%s.sql", name)));
}

/* The first file whose path does not sort before prefix. */
static size_t lower_bound(const struct import_source *source, const char *prefix)
{
    size_t low = 0, high = source->files.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(source->files.items[middle].path, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Scripts of a change that was reworked are called NAME@TAG by a tag between the two lines: the first whose file is
 * there. */
static void name_scripts(struct plan *plan, const struct layout *layout)
{
    const struct import_source *source = plan->history->source;
    struct arena *arena = plan->history->arena;

    for (size_t i = 0; i < plan->changes.count; i++) {
        struct change *change = &plan->changes.items[i];
        size_t best = SIZE_MAX;
        const char *prefix;

        if (!change->is_reworked)
            continue;
        prefix = below(arena, layout->reworked_deploy, arena_printf(arena, "%s@", change->name));
        for (size_t k = lower_bound(source, prefix); k < source->files.count; k++) {
            struct str path = str_from(source->files.items[k].path);
            const struct tag *tag;
            size_t index;

            if (!str_starts_with(path, prefix))
                break;
            path = (struct str){path.data + strlen(prefix), path.len - strlen(prefix)};
            if (!str_ends_with(path, ".sql"))
                continue;
            tag = map_get(&plan->tag_names, (struct str){path.data, path.len - (sizeof(".sql") - 1)});
            index = tag ? (size_t)(tag - plan->tags.items) : SIZE_MAX;
            if (index >= change->tag && index < change->tags_end && index < best)
                best = index;
        }
        change->script =
            arena_printf(arena, "%s@%s", change->name, plan->tags.items[best == SIZE_MAX ? change->tag : best].name);
    }
}

/* The change that "NAME", "NAME@TAG" or "@TAG" stands for, seen from changes[at]; SIZE_MAX when there is none. */
static size_t find_required(const struct plan *plan, struct str word, size_t at)
{
    const char *sign = memchr(word.data, '@', word.len);
    struct str name = {word.data, sign ? (size_t)(sign - word.data) : word.len};
    size_t limit = at, found = (size_t)(uintptr_t)map_get(&plan->latest, name);

    if (sign) {
        const struct tag *tag = map_get(&plan->tag_names, (struct str){sign + 1, word.len - name.len - 1});

        if (!tag)
            return SIZE_MAX;
        if (name.len == 0)
            return tag->change < at ? tag->change : SIZE_MAX;
        limit = tag->change + 1 < at ? tag->change + 1 : at;
    }
    while (found > limit)
        found = plan->changes.items[found - 1].previous;
    return found ? found - 1 : SIZE_MAX;
}

static void add_requirements(const struct plan *plan, size_t at, struct import_change *out)
{
    const struct change *change = &plan->changes.items[at];
    struct arena *arena = plan->history->arena;
    struct str rest = str_trim(change->requires);

    while (rest.len) {
        struct str word = take_word(&rest);
        size_t found;

        if (word.len == 0) /* '[' or '#' among the requirements */
            return;
        if (word.data[0] == '!') {
            import_note(
                plan->history, plan->file->path, change->line, "the conflict '%.*s' has no counterpart", STR_ARG(word));
        } else if (memchr(word.data, ':', word.len)) {
            import_open(plan->history, plan->file->path, change->line,
                "'%s' depends on '%.*s' of another project; put that project's changes before it", change->name,
                STR_ARG(word));
        } else {
            found = find_required(plan, word, at);
            if (found == SIZE_MAX)
                import_open(plan->history, plan->file->path, change->line,
                    "'%s' depends on '%.*s', which no earlier line has", change->name, STR_ARG(word));
            else
                VEC_PUSH(arena, &out->after, plan->changes.items[found].script);
        }
    }
}

static void add_change(const struct plan *plan, const struct layout *layout, size_t at)
{
    const struct change *change = &plan->changes.items[at];
    struct import_history *history = plan->history;
    struct import_change out = {.name = change->script, .description = change->note};
    bool old = change->is_reworked;
    const char *folder = old ? layout->reworked_deploy : layout->deploy;
    const struct import_file *deploy = script_file(plan, folder, out.name);
    const struct import_file *revert = script_file(plan, old ? layout->reworked_revert : layout->revert, out.name);
    const struct import_file *verify = script_file(plan, old ? layout->reworked_verify : layout->verify, out.name);

    if (deploy) {
        out.up = import_script_of(deploy);
    } else {
        import_open(history, plan->file->path, change->line, "'%s' has no '%s/%s.sql'", change->name, folder, out.name);
        out.up = (struct import_script){.file = plan->file, .text = STR(""), .line = change->line, .is_partial = true};
    }
    if (revert)
        out.down = import_script_of(revert);
    if (verify)
        out.verify = import_script_of(verify);
    add_requirements(plan, at, &out);
    VEC_PUSH(history->arena, &history->changes, out);
}

bool import_read_sqitch(struct import_history *history, struct error *error)
{
    struct plan plan = {.history = history};
    struct layout layout;

    if (!read_layout(history, &layout, error))
        return false;
    plan.file = import_find(history->source, layout.plan);
    if (!plan.file) {
        error_set(error, EXIT_STATUS_SPEC, "'%s' has no '%s'", history->source->shown, layout.plan);
        return error_help(error, "name the folder that sqitch is run in, or the plan file itself");
    }
    if (plan.file->problem)
        return error_set(error, EXIT_STATUS_SPEC, "'%s' %s", plan.file->path, plan.file->problem);
    map_init(&plan.latest, history->arena);
    if (!read_plan(&plan, error))
        return false;
    map_init(&plan.tag_names, history->arena);
    for (size_t i = 0; i < plan.tags.count; i++)
        map_put(&plan.tag_names, str_from(plan.tags.items[i].name), &plan.tags.items[i]);
    if (plan.tags.count)
        import_note(history, plan.file->path, 0, "its tags (%zu) have no counterpart", plan.tags.count);
    name_scripts(&plan, &layout);
    for (size_t i = 0; i < plan.changes.count; i++)
        add_change(&plan, &layout, i);
    return true;
}
