/* Steps: one kind, of the target's engine, with the keys of that kind. */
#include "compiler/check_parts.h"
#include "spec/base/arena.h"

static const char *engine_title(enum engine engine)
{
    return engine == ENGINE_POSTGRES ? "PostgreSQL" : "DynamoDB";
}

static bool report_unknown_kind(const struct checker *checker, const struct node *key, enum engine engine)
{
    VEC(const char *) names = {0};

    for (enum step_kind kind = 0; kind < STEP_COUNT; kind++)
        if (step_kind_engine(kind) == ENGINE_ANY || engine == ENGINE_ANY || step_kind_engine(kind) == engine)
            VEC_PUSH(checker->arena, &names, step_kind_name(kind));
    VEC_PUSH(checker->arena, &names, "name");
    check_report_unknown(checker, DIAG(SPEC013), key, "there is no step", names.items, names.count);
    return false;
}

static bool check_engine(const struct checker *checker, const struct node *key, enum step_kind kind, enum engine engine)
{
    enum engine needed = step_kind_engine(kind);
    const char *meant = kind == STEP_DROP_TABLE     ? "delete_table"
                        : kind == STEP_DELETE_TABLE ? "drop_table"
                        : kind == STEP_CREATE_INDEX ? "add_index"
                        : kind == STEP_ADD_INDEX    ? "create_index"
                                                    : NULL;
    struct diag *diag;

    if (needed == ENGINE_ANY || engine == ENGINE_ANY || needed == engine)
        return true;
    diag = diag_report(checker->diags, DIAG(SPEC015), key->span, "'%s' is a step on %s, and this target is %s",
        step_kind_name(kind), engine_title(needed), engine_title(engine));
    if (meant)
        diag_add_help(checker->diags, diag, "the step on %s is '%s'", engine_title(engine), meant);
    return false;
}

static bool check_step_body(const struct checker *checker, const struct node_member *member, enum step_kind kind,
    const struct check_place *place)
{
    const struct key_context *context = key_step_context(checker->keys, kind, place->engine);
    struct check_place here = {member->key, place, place->engine, true};
    struct key_type mapping = {.kind = KEY_MAP};
    struct node *body = member->value;

    if (!context || (body->damaged && body->kind == NODE_SCALAR))
        return false;
    if (body->kind == NODE_MAPPING)
        return check_object(checker, body, context, &here);
    if (context->short_key)
        mapping.next = key_find(context, str_from(context->short_key))->type;
    if (body->kind == NODE_SCALAR)
        return check_scalar(checker, body, mapping.next ? mapping.next : &mapping, &here);
    return check_report_kind(checker, body, &mapping, &here);
}

bool check_step(const struct checker *checker, struct node *node, const struct check_place *place, enum step_kind *kind,
    struct node **key)
{
    const struct key_context *step_context = key_context_find(checker->keys, "step", ENGINE_ANY);
    const struct key_type mapping = {.kind = KEY_STEP};
    struct check_place outer = *place;
    bool ok = true, known = true;

    *key = NULL;
    if (node->kind == NODE_SCALAR)
        return !node->damaged && check_scalar(checker, node, &mapping, place);
    if (node->kind != NODE_MAPPING)
        return check_report_kind(checker, node, &mapping, place);
    outer.variables = false;
    for (size_t i = 0; i < node->count; i++) {
        const struct node_member *member = &node->members[i];
        enum step_kind found;

        if (key_find(step_context, member->key->text)) {
            ok &= check_key(checker, step_context, member, &outer);
        } else if (!step_kind_from_name(member->key->text, &found)) {
            ok = known = report_unknown_kind(checker, member->key, place->engine);
        } else if (*key) {
            struct diag *diag = diag_report(checker->diags, DIAG(SPEC014), member->key->span,
                "a step does one thing: '%.*s' and '%.*s' are two", STR_ARG((*key)->text), STR_ARG(member->key->text));

            diag_add_note(checker->diags, diag, (*key)->span, "the first is here");
            diag_add_help(checker->diags, diag, "put a '-' before the second");
            ok = false;
        } else {
            *key = member->key;
            *kind = found;
            ok &= check_engine(checker, member->key, found, place->engine) &&
                  check_step_body(checker, member, found, place);
        }
    }
    if (!*key && known && !node->damaged) {
        diag_report(checker->diags, DIAG(SPEC013), check_object_span(node, place), "the step says nothing to do");
        ok = false;
    }
    node->damaged |= !ok;
    return !node->damaged && *key;
}
