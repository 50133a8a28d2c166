#include "compiler/check.h"

#include <string.h>

#include "compiler/check_parts.h"
#include "spec/base/arena.h"

/* --- collections ---------------------------------------------------------------------------------------------- */

bool check_report_kind(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place)
{
    struct span span = node->span;
    struct diag *diag;

    /* The first line of a block is enough; its own caret follows. */
    if (place->key && place->key->span.source == span.source)
        span = place->key->span;
    diag = diag_report(checker->diags, DIAG(SPEC003), span, "%s must be %s, not %s",
        check_describe_place(checker, place), check_describe_types(checker, type), check_describe_found(checker, node));
    check_note_variable(checker, diag, node);
    return false;
}

static bool check_not_empty(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place)
{
    struct diag *diag;

    if (node->count > 0 || type->may_be_empty || node->damaged)
        return true;
    diag = diag_report(checker->diags, DIAG(SPEC011), node->span, "%s is empty", check_describe_place(checker, place));
    diag_add_help(checker->diags, diag, "it needs at least one entry; leave the key out where there is none");
    return false;
}

static bool check_list(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place)
{
    struct check_place here = {NULL, place, place->engine, place->variables};
    bool ok = check_not_empty(checker, node, type, place);

    for (size_t i = 0; i < node->count; i++)
        if (!check_value(checker, node->items[i], type->element, &here))
            ok = false;
    return ok;
}

static bool check_map(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place)
{
    bool ok = check_not_empty(checker, node, type, place);

    for (size_t i = 0; i < node->count; i++) {
        const struct node *key = node->members[i].key;
        struct check_place here = {key, place, place->engine, place->variables};
        int64_t number;

        if (!check_map_key(checker, key, place))
            ok = false;
        if (type->kind == KEY_NUMBERS && (!node_to_i64(key, &number) || number < 1 || number > 10000)) {
            diag_report(checker->diags, DIAG(SPEC005), key->span, "the key %s must be a whole number from 1 to 10000",
                check_describe_found(checker, key));
            ok = false;
        }
        if (!check_value(checker, node->members[i].value, type->element, &here))
            ok = false;
    }
    return ok;
}

/* Whatever it is: only the references in it. */
static bool check_any(const struct checker *checker, const struct node *node, const struct check_place *place)
{
    bool ok = true;

    if (node->kind == NODE_SCALAR)
        return check_references(checker, node, false, place);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = node->kind == NODE_SEQUENCE ? node->items[i] : node->members[i].value;
        const struct node *key = node->kind == NODE_SEQUENCE ? NULL : node->members[i].key;
        struct check_place here = {key, place, place->engine, place->variables};

        if (key) {
            struct check_place at_key = here;

            at_key.variables = false;
            ok &= check_references(checker, key, false, &at_key);
        }
        ok &= check_any(checker, child, &here);
    }
    return ok;
}

/* What a mapping of that context brings with it: the engine of its target, and whether variables may stand in it. */
static struct check_place enter_object(
    const struct checker *checker, const struct node *node, const char *context, const struct check_place *place)
{
    static const char *const with_variables[] = {
        "environment.target", "policy", "backup", "notify", "metrics", "rollback", "event_type"};
    struct check_place here = *place;
    const struct project_target *target = NULL;

    if (strcmp(context, "migration") == 0)
        target = map_get(checker->targets, node_text(node_get(node, "target")));
    else if (strcmp(context, "environment.target") == 0 && place->key)
        target = map_get(checker->targets, place->key->text);
    if (target)
        here.engine = target->engine;
    for (size_t i = 0; i < sizeof(with_variables) / sizeof(*with_variables); i++)
        here.variables |= strcmp(context, with_variables[i]) == 0;
    return here;
}

static bool check_as_object(
    const struct checker *checker, struct node *node, const char *name, const struct check_place *place)
{
    struct check_place here = enter_object(checker, node, name, place);
    const struct key_context *context = key_context_find(checker->keys, name, here.engine);

    return !context || check_object(checker, node, context, &here);
}

static const struct key_type *find_alternative(const struct key_type *type, const struct node *node)
{
    for (; type; type = type->next) {
        bool is_mapping = type->kind == KEY_MAP || type->kind == KEY_NUMBERS || type->kind == KEY_OBJECT;

        if (type->kind == KEY_ANY || (node->kind == NODE_SEQUENCE && type->kind == KEY_LIST) ||
            (node->kind == NODE_MAPPING && (is_mapping || type->kind == KEY_STEP)))
            return type;
    }
    return NULL;
}

bool check_value(
    const struct checker *checker, struct node *node, const struct key_type *type, const struct check_place *place)
{
    const struct key_type *fitting;
    struct node *key;
    enum step_kind kind;

    if (node->damaged && node->kind == NODE_SCALAR)
        return false;
    if (node->kind == NODE_SCALAR && type->kind != KEY_ANY)
        return check_scalar(checker, node, type, place);
    fitting = find_alternative(type, node);
    if (!fitting)
        return check_report_kind(checker, node, type, place);
    switch (fitting->kind) {
    case KEY_LIST:
        return check_list(checker, node, fitting, place);
    case KEY_OBJECT:
        return check_as_object(checker, node, fitting->context, place);
    case KEY_STEP:
        return check_step(checker, node, place, &kind, &key);
    case KEY_ANY:
        return check_any(checker, node, place);
    default:
        return check_map(checker, node, fitting, place);
    }
}

/* --- objects -------------------------------------------------------------------------------------------------- */

struct span check_object_span(const struct node *node, const struct check_place *place)
{
    if (place->key && place->key->span.source == node->span.source)
        return place->key->span;
    return (struct span){node->span.source, node->span.start, node->span.start};
}

bool check_key(const struct checker *checker, const struct key_context *context, const struct node_member *member,
    const struct check_place *place)
{
    const struct key *key = key_find(context, member->key->text);
    struct check_place here = {member->key, place, place->engine, place->variables};
    VEC(const char *) names = {0};
    const struct node *value = member->value;
    struct diag *diag;

    if (key && key->presence != KEY_FORBIDDEN)
        return check_value(checker, member->value, key->type, &here);
    if (key) {
        diag = diag_report(checker->diags, DIAG(SPEC001), member->key->span, "%s has no key '%.*s'", context->label,
            STR_ARG(member->key->text));
        diag_add_help(checker->diags, diag, "%s", key->description);
        return false;
    }
    for (size_t i = 0; i < context->keys.count; i++)
        if (context->keys.items[i].presence != KEY_FORBIDDEN)
            VEC_PUSH(checker->arena, &names, context->keys.items[i].name);
    diag = check_report_unknown(checker, DIAG(SPEC001), member->key,
        arena_printf(checker->arena, "%s has no key", context->label), names.items, names.count);
    /* { definition: numeric(12,2) } reads as two keys. */
    if (node_is_null(value) && value->span.start == value->span.end &&
        value->span.start < value->span.source->text.len &&
        strchr(",}", value->span.source->text.data[value->span.start]))
        diag_add_help(checker->diags, diag, "inside { … }, a value with a ',' needs quotes");
    return false;
}

static bool check_required(const struct checker *checker, const struct node *node, const struct key_context *context,
    const struct check_place *place)
{
    const char *missing = NULL;

    for (size_t i = 0; i < context->keys.count; i++) {
        const struct key *key = &context->keys.items[i];

        if (key->presence != KEY_REQUIRED || node_get(node, key->name))
            continue;
        missing = missing ? arena_printf(checker->arena, "%s, '%s'", missing, key->name)
                          : arena_printf(checker->arena, "'%s'", key->name);
    }
    if (!missing || node->damaged)
        return true;
    diag_report(checker->diags, DIAG(SPEC002), check_object_span(node, place), "%s needs %s", context->label, missing);
    return false;
}

/* At most one of the list's keys is present, or exactly one. */
static bool check_choice(const struct checker *checker, const struct node *node, const struct key_context *context,
    const char *list, bool needed, const struct check_place *place)
{
    const char *names = NULL;
    const struct node *first = NULL;
    struct str word;
    size_t count = 0;

    while (key_next_word(&list, &word)) {
        const struct node *key = node_get_key(node, arena_strndup(checker->arena, word.data, word.len));

        names = names ? arena_printf(checker->arena, "%s or '%.*s'", names, STR_ARG(word))
                      : arena_printf(checker->arena, "'%.*s'", STR_ARG(word));
        if (key && count++ == 0) {
            first = key;
        } else if (key) {
            struct diag *diag = diag_report(checker->diags, DIAG(SPEC012), key->span,
                "%s cannot have both '%.*s' and '%.*s'", context->label, STR_ARG(first->text), STR_ARG(key->text));

            diag_add_note(checker->diags, diag, first->span, "the other is here");
            return false;
        }
    }
    if (!names || count || !needed || node->damaged)
        return true;
    diag_report(checker->diags, DIAG(SPEC002), check_object_span(node, place), "%s needs %s", context->label, names);
    return false;
}

bool check_object(const struct checker *checker, struct node *node, const struct key_context *context,
    const struct check_place *place)
{
    bool ok = true;

    for (size_t i = 0; i < node->count; i++)
        if (!check_key(checker, context, &node->members[i], place))
            ok = false;
    ok &= check_required(checker, node, context, place);
    ok &= check_choice(checker, node, context, context->one_of, true, place);
    for (size_t i = 0; i < context->excluding.count; i++)
        ok &= check_choice(checker, node, context, context->excluding.items[i], false, place);
    node->damaged |= !ok;
    return !node->damaged;
}
