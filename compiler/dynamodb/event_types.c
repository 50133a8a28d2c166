#include "compiler/dynamodb/event_types.h"

#include <string.h>

#include "spec/base/arena.h"

enum { VERSIONS_MAX = 1000 };

const struct node *node_at_pointer(struct arena *arena, const struct node *node, const char *pointer)
{
    while (*pointer == '/') {
        struct strbuf token = STRBUF_INIT;
        const struct node *child = NULL;
        char *text;
        int64_t index;

        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            bool escaped = *pointer == '~' && (pointer[1] == '0' || pointer[1] == '1');

            strbuf_append_char(&token, escaped ? (pointer[1] == '0' ? '~' : '/') : *pointer);
            pointer += escaped;
        }
        text = arena_strndup(arena, token.data ? token.data : "", token.len);
        strbuf_free(&token);
        if (node->kind == NODE_MAPPING)
            child = node_get(node, text);
        else if (node->kind == NODE_SEQUENCE && str_to_i64(str_from(text), &index) && index >= 0 &&
                 (size_t)index < node->count)
            child = node->items[index];
        if (!child)
            return node;
        node = child;
    }
    return node;
}

/* --- schemas and upcasters ------------------------------------------------------------------------------------- */

static void report_upcast(struct compilation *compilation, const struct node *operators, const struct upcast_problem *problem)
{
    struct diag_list *diags = compilation->diags;
    const struct node *at = node_at_pointer(compilation->arena, operators, problem->pointer);
    struct diag *diag;

    if (problem->in_expression) {
        struct span span = at->kind == NODE_SCALAR ? node_text_span(at, problem->expression.start, problem->expression.end)
                                                   : at->span;

        diag = diag_report(diags, DIAG(CEL001), span, "%s", problem->expression.message);
        if (problem->expression.help[0])
            diag_add_help(diags, diag, "%s", problem->expression.help);
        return;
    }
    diag = diag_report(diags, DIAG(EVENT003), at->span, "%s", problem->message);
    if (problem->help[0])
        diag_add_help(diags, diag, "%s", problem->help);
}

static void read_downcast(struct compilation *compilation, const struct event_types *types,
    const struct event_type_spec *type, const struct event_version *before, struct event_version *version)
{
    const struct node *written = node_get(version->node, "downcast");
    const struct upcast_origin origin = {
        .schema = before->schema, .type = arena_strndup(compilation->arena, type->name.data, type->name.len)};
    struct upcast_problem problem;
    struct upcaster *checked;
    const char *why;

    if (!written) {
        version->downcast =
            upcast_derive_downcast_from(compilation->arena, version->upcast, &origin, &version->downcast_grade, &why);
        if (version->downcast_grade == UPCAST_GRADE_IMPOSSIBLE)
            version->downcast = NULL;
        return;
    }
    version->downcast = node_to_json(compilation->arena, written);
    version->downcast_grade = UPCAST_GRADE_LOSSY; /* written by hand: nothing is promised */
    if (!upcaster_create(compilation->arena, version->downcast, version->schema, &types->envelope, &checked, &problem))
        report_upcast(compilation, written, &problem);
}

static bool read_upcast(struct compilation *compilation, const struct event_types *types,
    const struct event_type_spec *type, const struct event_version *before, struct event_version *version)
{
    const struct node *operators = node_get(version->node, "upcast");
    struct upcast_problem problem;

    if (!operators) {
        struct diag *diag = diag_report(compilation->diags, DIAG(EVENT013), version->node->span,
            "version %d has no upcaster from version %d", version->number, before->number);

        diag_add_help(compilation->diags, diag, "add `upcast:` with its operators, or `upcast: []` when nothing changes");
        return false;
    }
    version->upcast = node_to_json(compilation->arena, operators);
    if (!upcaster_create(compilation->arena, version->upcast, before->schema, &types->envelope, &version->upcaster,
            &problem)) {
        report_upcast(compilation, operators, &problem);
        return false;
    }
    read_downcast(compilation, types, type, before, version);
    return true;
}

static struct digest version_digest(struct arena *arena, const struct event_version *version)
{
    struct json *whole = json_new(arena, JSON_OBJECT);
    struct strbuf text = STRBUF_INIT;
    struct digest digest;

    json_set(arena, whole, "schema", json_clone(arena, version->schema));
    json_set(arena, whole, "upcast", version->upcast ? json_clone(arena, version->upcast) : json_new(arena, JSON_NULL));
    json_write(&text, whole);
    digest = digest_of(strbuf_view(&text));
    strbuf_free(&text);
    return digest;
}

static bool read_version(struct compilation *compilation, const struct event_types *types, struct event_type_spec *type,
    const struct node *node)
{
    struct event_version version = {.number = (int)type->versions.count + 1, .node = node};
    const struct node *schema = node_get(node, "schema");
    struct json_schema_error error;

    version.schema = node_to_json(compilation->arena, schema);
    if (!json_schema_compile(compilation->arena, version.schema, NULL, NULL, &version.compiled, &error)) {
        diag_report(compilation->diags, DIAG(EVENT001),
            node_at_pointer(compilation->arena, schema, error.schema_pointer)->span, "%s", error.message);
        return false;
    }
    if (version.number > 1 &&
        !read_upcast(compilation, types, type, &type->versions.items[type->versions.count - 1], &version))
        return false;
    version.digest = version_digest(compilation->arena, &version);
    if (version.number > 1)
        VEC_PUSH(compilation->arena, &type->upcasters, version.upcaster);
    VEC_PUSH(compilation->arena, &type->versions, version);
    return true;
}

/* --- samples --------------------------------------------------------------------------------------------------- */

static bool sample_fits(struct compilation *compilation, const struct event_version *version,
    const struct event_value *event, const struct node *sample, bool upcast)
{
    struct json *json = event_value_to_json(compilation->arena, event);
    struct json_schema_error error;
    const struct node *at;

    if (json_schema_validate(version->compiled, compilation->arena, json, &error))
        return true;
    at = upcast ? sample : node_at_pointer(compilation->arena, sample, error.instance_pointer);
    if (upcast)
        diag_add_note(compilation->diags,
            diag_report(compilation->diags, DIAG(EVENT004), at->span,
                "upcast to version %d, this sample is not valid: %s%s%s", version->number, error.instance_pointer,
                error.instance_pointer[0] ? ": " : "", error.message),
            node_at_pointer(compilation->arena, node_get(version->node, "schema"), error.schema_pointer)->span,
            "the schema asks for it here");
    else
        diag_add_note(compilation->diags,
            diag_report(compilation->diags, DIAG(EVENT002), at->span, "this sample is not valid: %s", error.message),
            node_at_pointer(compilation->arena, node_get(version->node, "schema"), error.schema_pointer)->span,
            "the schema asks for it here");
    return false;
}

static void carry_sample(struct compilation *compilation, const struct event_type_spec *type, size_t from,
    const struct event_value *event, const struct node *sample)
{
    for (size_t i = from + 1; i < type->versions.count; i++) {
        const struct event_version *version = &type->versions.items[i];
        struct upcast_result result;
        struct upcast_problem problem;

        if (!upcaster_apply(version->upcaster, compilation->arena, event, version->number, &result, &problem)) {
            diag_report(compilation->diags, DIAG(EVENT004), sample->span,
                "this sample cannot be upcast to version %d: %s: %s", version->number, problem.pointer,
                problem.message);
            return;
        }
        /* Split and dropped events have no single successor to follow; they are checked where they come out. */
        for (size_t j = 0; j < result.count; j++)
            if (result.count > 1 || !sample_fits(compilation, version, result.events[j], sample, true))
                return;
        if (result.count == 0)
            return;
        event = result.events[0];
    }
}

static void check_samples(struct compilation *compilation, const struct event_type_spec *type)
{
    for (size_t i = 0; i < type->versions.count; i++) {
        const struct node *samples = node_get(type->versions.items[i].node, "samples");

        for (size_t j = 0; samples && j < samples->count; j++) {
            const struct node *sample = samples->items[j];
            const struct event_value *event =
                event_value_from_json(compilation->arena, node_to_json(compilation->arena, sample));

            if (sample_fits(compilation, &type->versions.items[i], event, sample, false))
                carry_sample(compilation, type, i, event, sample);
        }
    }
}

/* --- compatibility --------------------------------------------------------------------------------------------- */

static void report_incompatible(struct compilation *compilation, const struct event_type_spec *type,
    const struct event_version *older, const struct event_version *newer, const struct compat_finding *finding, bool forward)
{
    struct diag_list *diags = compilation->diags;
    const struct node *older_schema = node_get(older->node, "schema"), *newer_schema = node_get(newer->node, "schema");
    const char *newer_pointer = forward ? finding->old_pointer : finding->new_pointer;
    const char *older_pointer = forward ? finding->new_pointer : finding->old_pointer;
    struct diag *diag = diag_report(diags, DIAG(EVENT006),
        node_at_pointer(compilation->arena, newer_schema, newer_pointer)->span, "version %d of '%.*s' is not %s compatible "
        "with version %d: %s (%s)", newer->number, STR_ARG(type->name), forward ? "forward" : "backward", older->number,
        finding->message, finding->rule);

    diag_add_note(diags, diag, node_at_pointer(compilation->arena, older_schema, older_pointer)->span, "version %d is here",
        older->number);
    if (finding->mend)
        diag_add_help(diags, diag, "%s", finding->mend);
}

static void check_pair(struct compilation *compilation, const struct event_type_spec *type,
    const struct event_version *older, const struct event_version *newer, bool forward)
{
    struct compat_report report = {0};

    compat_check_backward(compilation->arena, forward ? newer->schema : older->schema,
        forward ? older->schema : newer->schema, &report);
    for (size_t i = 0; i < report.findings.count; i++)
        report_incompatible(compilation, type, older, newer, &report.findings.items[i], forward);
}

static void check_compatibility(struct compilation *compilation, const struct event_type_spec *type)
{
    enum compat_mode mode;
    bool backward, forward, transitive;

    if (!compat_mode_from_name(type->compatibility, &mode) || mode == COMPAT_NONE)
        return;
    backward = mode != COMPAT_FORWARD && mode != COMPAT_FORWARD_TRANSITIVE;
    forward = mode != COMPAT_BACKWARD && mode != COMPAT_BACKWARD_TRANSITIVE;
    transitive = mode == COMPAT_BACKWARD_TRANSITIVE || mode == COMPAT_FORWARD_TRANSITIVE || mode == COMPAT_FULL_TRANSITIVE;
    for (size_t i = 1; i < type->versions.count; i++)
        for (size_t j = transitive ? 0 : i - 1; j < i; j++) {
            if (backward)
                check_pair(compilation, type, &type->versions.items[j], &type->versions.items[i], false);
            if (forward)
                check_pair(compilation, type, &type->versions.items[j], &type->versions.items[i], true);
        }
}

/* --- the section ----------------------------------------------------------------------------------------------- */

/* Versions may stand in any order in the file; they are taken as 1, 2, … */
static void read_type(struct compilation *compilation, struct event_types *types, const struct node_member *member)
{
    struct event_type_spec *type = ARENA_NEW(compilation->arena, struct event_type_spec);
    const struct node *versions = node_get(member->value, "versions");

    type->name = node_text(member->key);
    type->key = member->key;
    type->compatibility = node_text(node_get(member->value, "compatibility"));
    if (!type->compatibility.len)
        type->compatibility = STR("backward");
    map_put(&types->types, type->name, type);
    for (size_t i = 0; i < versions->count && i < VERSIONS_MAX; i++) {
        const struct node *node = node_get(versions, arena_printf(compilation->arena, "%zu", i + 1));

        if (!node) {
            diag_report(compilation->diags, DIAG(EVENT005), member->key->span,
                "event '%.*s' has %zu versions but no version %zu", STR_ARG(type->name), versions->count, i + 1);
            return;
        }
        if (!read_version(compilation, types, type, node))
            return;
    }
    check_samples(compilation, type);
    check_compatibility(compilation, type);
}

struct event_types *event_types_check(struct compilation *compilation, const struct node *events)
{
    struct event_types *types = ARENA_NEW(compilation->arena, struct event_types);
    const struct plan_events *names = compilation->plan->events;
    const struct node *declared = node_get(events, "types");

    map_init(&types->types, compilation->arena);
    types->envelope = (struct event_envelope){names->stream, names->sequence, names->type, names->version};
    for (size_t i = 0; declared && i < declared->count; i++)
        read_type(compilation, types, &declared->members[i]);
    return types;
}

const struct event_type_spec *event_types_find(struct compilation *compilation, const struct event_types *types,
    const struct node *name)
{
    const struct event_type_spec *type = map_get(&types->types, node_text(name));
    VEC(const char *) names = {0};
    const struct map_entry *entry;
    const char *nearest;
    struct diag *diag;

    if (type)
        return type;
    for (size_t i = 0; map_next(&types->types, &i, &entry);)
        VEC_PUSH(compilation->arena, &names, entry->key.data);
    diag = diag_report(compilation->diags, DIAG(EVENT007), name->span, "the events section declares no event '%.*s'",
        STR_ARG(node_text(name)));
    nearest = str_did_you_mean(node_text(name), names.items, names.count);
    if (nearest)
        diag_add_help(compilation->diags, diag, "did you mean '%s'?", nearest);
    return NULL;
}

const struct event_version *event_type_version(const struct event_type_spec *type, int64_t number)
{
    return number >= 1 && (uint64_t)number <= type->versions.count ? &type->versions.items[number - 1] : NULL;
}
