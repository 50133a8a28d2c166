/* The module as a whole: runtime, types, chains of upcasters, and the functions that a service calls. */
#include "compiler/typescript/typescript.h"

#include <string.h>

#include "compiler/typescript/module.h"
#include "spec/base/arena.h"
#include "spec/event/upcast_op.h"

/* --- the runtime --------------------------------------------------------------------------------------------------- */

enum note { NOTE_NONE, NOTE_TYPE, NOTE_CODE };

/*
 * Types stand in the runtime as comments (as Flow has them): a slash, a star and a colon begin
 * one, two colons code of TypeScript alone, which may go over several lines.
 */
static enum note write_runtime_line(struct ts_module *module, const char *line, enum note note)
{
    while (*line) {
        if (note != NOTE_NONE && strncmp(line, "*/", 2) == 0) {
            if (!module->javascript && module->out->len && module->out->data[module->out->len - 1] == ' ')
                module->out->data[--module->out->len] = '\0';
            line += 2;
            note = NOTE_NONE;
        } else if (note == NOTE_NONE && strncmp(line, "/*::", 4) == 0) {
            line += line[4] == ' ' ? 5 : 4;
            note = NOTE_CODE;
        } else if (note == NOTE_NONE && strncmp(line, "/*:", 3) == 0) {
            if (!module->javascript)
                strbuf_append_char(module->out, ':');
            line += 3;
            note = NOTE_TYPE;
        } else {
            if (note == NOTE_NONE || !module->javascript)
                strbuf_append_char(module->out, *line);
            line++;
        }
    }
    return note;
}

/* A line that was nothing but types is no line of JavaScript. */
static bool is_blank_from(const struct strbuf *out, size_t start)
{
    for (size_t i = start; i < out->len; i++)
        if (out->data[i] != ' ' && out->data[i] != '\n')
            return false;
    return true;
}

void ts_write_runtime(struct ts_module *module)
{
    enum note note = NOTE_NONE;

    for (size_t i = 0; ts_runtime[i]; i++) {
        size_t start = module->out->len;

        note = write_runtime_line(module, ts_runtime[i], note);
        if (module->javascript && ts_runtime[i][0] != '\n' && is_blank_from(module->out, start)) {
            module->out->len = start;
            if (module->out->data)
                module->out->data[start] = '\0';
        }
    }
}

bool ts_runtime_has(struct arena *arena, const char *name)
{
    const char *key = arena_printf(arena, "\"%s\": ", name);

    for (size_t i = 0; ts_runtime[i]; i++)
        if (strncmp(ts_runtime[i], "    ", 4) == 0 && strstr(ts_runtime[i], key))
            return true;
    return false;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

struct names {
    struct arena *arena;
    struct map taken;
    struct map by_event; /* event's name → its name in the module */
};

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What the module has names for already: what the runtime declares, and what it uses of JavaScript. */
static void take_runtime_names(struct names *names)
{
    static const char *const words[] = {"function ", "class ", "const ", "type "};

    static const char *const globals[] = {"Array", "Date", "Error", "Map", "Math", "Number", "Object", "Record", "RegExp",
        "Set", "String", "Uint8Array", "BigInt"};

    for (size_t i = 0; i < sizeof(globals) / sizeof(*globals); i++)
        map_put(&names->taken, str_from(globals[i]), names);
    for (size_t i = 0; ts_runtime[i]; i++) {
        for (size_t k = 0; ts_runtime[i][0] != ' ' && k < sizeof(words) / sizeof(*words); k++) {
            const char *at = strstr(ts_runtime[i], words[k]);
            size_t len = 0;

            if (!at)
                continue;
            at += strlen(words[k]);
            while (is_word_char(at[len]))
                len++;
            map_put(&names->taken, str_copy(names->arena, (struct str){at, len}), names);
        }
    }
}

/* An event "XV2" must not meet version 2 of "X". */
static bool ends_like_version(const char *name)
{
    size_t len = strlen(name);

    while (len && name[len - 1] >= '0' && name[len - 1] <= '9')
        len--;
    return name[len] && len && name[len - 1] == 'V';
}

/* A name for the event that starts as types do. */
static const char *name_of(struct names *names, struct str event)
{
    char *base = map_get(&names->by_event, event);

    if (base)
        return base;
    base = arena_printf(names->arena, "%s%.*s", event.len && event.data[0] >= '0' && event.data[0] <= '9' ? "_" : "",
        STR_ARG(event));
    for (char *at = base; *at; at++)
        if (!is_word_char(*at))
            *at = '_';
    if (base[0] >= 'a' && base[0] <= 'z')
        base[0] = (char)(base[0] - 'a' + 'A');
    if (ends_like_version(base))
        base = arena_printf(names->arena, "%s_", base);
    while (map_has(&names->taken, str_from(base)))
        base = arena_printf(names->arena, "%s_", base);
    map_put(&names->taken, str_from(base), names);
    map_put(&names->by_event, str_copy(names->arena, event), base);
    return base;
}

/* --- the parts ----------------------------------------------------------------------------------------------------- */

static void write_types(struct ts_module *module, const char *name, const struct event_type_spec *type)
{
    for (size_t i = 0; i < type->versions.count; i++) {
        strbuf_printf(module->out, "export type %sV%zu = ", name, i + 1);
        ts_write_type(module, type->versions.items[i].schema);
        strbuf_append_str(module->out, STR(";\n"));
    }
    strbuf_printf(module->out, "export type %s = %sV%zu;\n\n", name, name, type->versions.count);
}

static void write_chain(struct ts_module *module, const char *name, const struct event_type_spec *type)
{
    strbuf_printf(module->out, "const chain%s%s = [", name, module->javascript ? "" : ": Operator[][]");
    for (size_t i = 1; i < type->versions.count; i++) {
        const struct event_version *version = &type->versions.items[i];

        module->operators = node_get(version->node, "upcast");
        strbuf_append_str(module->out, STR("\n    "));
        ts_write_operators(module, version->upcaster, 1);
        strbuf_append_char(module->out, ',');
    }
    strbuf_append_text(module->out, type->versions.count > 1 ? "\n];\n\n" : "];\n\n");
}

static bool fans_out(const struct event_version *version)
{
    for (size_t i = 0; i < version->upcaster->ops.count; i++)
        if (version->upcaster->ops.items[i].fans_out)
            return true;
    return false;
}

/* From one version, or from any: the two differ in their names and types. */
static void write_function(struct ts_module *module, const char *name, const struct event_type_spec *type,
    size_t from, bool whole_chain)
{
    size_t latest = type->versions.count, to = whole_chain ? latest : from + 1;
    bool several = false;

    for (size_t i = whole_chain ? 1 : from; i < to; i++)
        several |= fans_out(&type->versions.items[i]);
    if (whole_chain)
        strbuf_printf(module->out, "/** From the version that it has to the latest, %zu. */\nexport function upcast%s(event",
            latest, name);
    else
        strbuf_printf(module->out, "/** From version %zu to %zu. */\nexport function upcast%sV%zu(event", from, to, name, from);
    if (!module->javascript && whole_chain) {
        strbuf_append_str(module->out, STR(": "));
        for (size_t i = 1; i <= latest; i++)
            strbuf_printf(module->out, "%s%sV%zu", i > 1 ? " | " : "", name, i);
    } else if (!module->javascript) {
        strbuf_printf(module->out, ": %sV%zu", name, from);
    }
    strbuf_append_char(module->out, ')');
    if (!module->javascript && several)
        strbuf_append_str(module->out, STR(": Event[]"));
    else if (!module->javascript)
        strbuf_printf(module->out, ": %sV%zu", name, to);
    strbuf_append_str(module->out, STR(" {\n    const events = runChain("));
    if (whole_chain)
        strbuf_printf(module->out, "chain%s, event, knownVersion(event, %zu), %zu", name, latest, latest);
    else
        strbuf_printf(module->out, "chain%s, event, %zu, %zu", name, from, to);
    strbuf_append_str(module->out, STR(", envelope);\n    return events"));
    if (!several)
        strbuf_append_str(module->out, STR("[0]"));
    if (!several && !module->javascript)
        strbuf_printf(module->out, " as %sV%zu", name, to);
    strbuf_append_str(module->out, STR(";\n}\n\n"));
}

static void write_envelope(struct ts_module *module, const struct event_envelope *envelope)
{
    const char *const values[] = {envelope->stream, envelope->sequence, envelope->type, envelope->version};
    static const char *const names[] = {"stream", "sequence", "type", "version"};

    strbuf_printf(module->out, "const envelope%s = {", module->javascript ? "" : ": Envelope");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        strbuf_printf(module->out, "%s %s: ", i ? "," : "", names[i]);
        ts_write_text(module, str_from(values[i]));
    }
    strbuf_append_str(module->out, STR(" };\n\n"));
    strbuf_printf(module->out,
        "function knownVersion(event%s, latest%s)%s {\n"
        "    const version = versionOf(event, envelope.version);\n"
        "    return version >= 1 && version <= latest ? version : fail(`no version ${version}, the latest is ${latest}`);\n"
        "}\n\n",
        module->javascript ? "" : ": Event", module->javascript ? "" : ": number", module->javascript ? "" : ": number");
}

static void write_dispatch(struct ts_module *module, struct names *names, const struct event_types *types)
{
    const struct map_entry *entry;

    strbuf_printf(module->out, "const chains = new Map%s([", module->javascript ? "" : "<string, Operator[][]>");
    for (size_t i = 0; map_next(&types->types, &i, &entry);) {
        strbuf_append_str(module->out, STR("\n    ["));
        ts_write_text(module, entry->key);
        strbuf_printf(module->out, ", chain%s],", name_of(names, entry->key));
    }
    strbuf_printf(module->out,
        "\n]);\n\n"
        "/** Any event of the project, by the type and the version that it says it has, to its latest version. */\n"
        "export function upcast(event%s)%s {\n"
        "    const chain = chains.get(String(own(event, envelope.type))) || fail(`no event of a type that is known`);\n"
        "    return runChain(chain, event, knownVersion(event, chain.length + 1), chain.length + 1, envelope);\n"
        "}\n",
        module->javascript ? "" : ": Event", module->javascript ? "" : ": Event[]");
}

void typescript_write(struct arena *arena, const char *project, const struct event_types *types, bool javascript,
    struct diag_list *diags, struct strbuf *out)
{
    struct ts_module module = {.arena = arena, .out = out, .javascript = javascript, .diags = diags};
    struct names names = {.arena = arena};
    const struct map_entry *entry;

    map_init(&names.taken, arena);
    map_init(&names.by_event, arena);
    take_runtime_names(&names);
    strbuf_printf(out, "// Made by `invplan export typescript` from the events of %s. Do not edit.\n\n", project);
    ts_write_runtime(&module);
    strbuf_append_str(out, STR("\n// --- the events of the project -----------------------------------------------------"
                               "--------------------------------\n\n"));
    write_envelope(&module, &types->envelope);
    for (size_t i = 0; map_next(&types->types, &i, &entry);) {
        const struct event_type_spec *type = entry->value;
        const char *name = name_of(&names, type->name);

        if (!javascript)
            write_types(&module, name, type);
        write_chain(&module, name, type);
        for (size_t from = 1; from < type->versions.count; from++)
            write_function(&module, name, type, from, false);
        write_function(&module, name, type, 1, true);
    }
    write_dispatch(&module, &names, types);
}
