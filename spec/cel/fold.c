#include <string.h>

#include "spec/base/bug.h"
#include "spec/cel/run.h"

/* A macro over a range, one element at a time. */
struct fold {
    struct cel_run *run;
    const struct cel_node *node;
    const struct cel_value *range;
    bool failed; /* all, exists: an element failed, and none has decided yet */
    struct cel_error first;
    size_t matches; /* exists_one */
    VEC(struct cel_value) items;
    VEC(struct cel_entry) entries;
};

static size_t range_count(const struct cel_value *range)
{
    return range->kind == CEL_LIST ? range->as.list.count : range->as.map.count;
}

/* One variable holds the element or key; two hold index and element, or key and value. */
static void set_variables(const struct fold *fold, size_t i)
{
    struct cel_value *slot = &fold->run->locals[fold->node->index];
    bool list = fold->range->kind == CEL_LIST;

    if (fold->node->variable_count == 1) {
        slot[0] = list ? fold->range->as.list.items[i] : fold->range->as.map.entries[i].key;
        return;
    }
    slot[0] = list ? cel_make_int((int64_t)i) : fold->range->as.map.entries[i].key;
    slot[1] = list ? fold->range->as.list.items[i] : fold->range->as.map.entries[i].value;
}

static bool run_condition(const struct fold *fold, bool *holds)
{
    const struct cel_node *condition = fold->node->args.items[1];
    struct cel_value value;

    *holds = true;
    if (!condition)
        return true;
    if (!cel_run_node(fold->run, condition, &value))
        return false;
    fold->run->at = condition;
    if (value.kind != CEL_BOOL)
        return cel_fail(fold->run, "the condition of %.*s() is a bool, not %s", STR_ARG(fold->node->name),
            cel_kind_name(value.kind));
    *holds = value.as.boolean;
    return true;
}

/* all and exists absorb failures as && and || do. */
static bool step_quantifier(struct fold *fold, bool *decided)
{
    bool deciding = fold->node->fold == CEL_FOLD_EXISTS, holds;

    if (run_condition(fold, &holds)) {
        *decided = holds == deciding;
        return true;
    }
    if (fold->run->fatal)
        return false;
    if (!fold->failed)
        fold->first = *fold->run->error;
    fold->failed = true;
    return true;
}

static bool step_build(struct fold *fold, size_t i)
{
    struct cel_run *run = fold->run;
    const struct cel_node *result = fold->node->args.items[2];
    struct cel_value value;
    bool holds;

    if (!run_condition(fold, &holds))
        return false;
    if (!holds)
        return true;
    switch (fold->node->fold) {
    case CEL_FOLD_EXISTS_ONE:
        fold->matches++;
        return true;
    case CEL_FOLD_FILTER:
        VEC_PUSH(run->arena, &fold->items, run->locals[fold->node->index]);
        return true;
    case CEL_FOLD_LIST:
        if (!cel_run_node(run, result, &value))
            return false;
        VEC_PUSH(run->arena, &fold->items, value);
        return true;
    case CEL_FOLD_MAP:
        if (!cel_run_node(run, result, &value))
            return false;
        VEC_PUSH(run->arena, &fold->entries,
            (struct cel_entry){
                .key = fold->range->kind == CEL_LIST ? cel_make_int((int64_t)i) : fold->range->as.map.entries[i].key,
                .value = value,
            });
        return true;
    case CEL_FOLD_ALL:
    case CEL_FOLD_EXISTS:
        break;
    }
    BUG("fold %d builds nothing", (int)fold->node->fold);
}

static bool finish(struct fold *fold, bool decided, struct cel_value *out)
{
    switch (fold->node->fold) {
    case CEL_FOLD_ALL:
    case CEL_FOLD_EXISTS:
        if (!decided && fold->failed) {
            *fold->run->error = fold->first;
            return false;
        }
        *out = cel_make_bool(decided == (fold->node->fold == CEL_FOLD_EXISTS));
        break;
    case CEL_FOLD_EXISTS_ONE:
        *out = cel_make_bool(fold->matches == 1);
        break;
    case CEL_FOLD_FILTER:
    case CEL_FOLD_LIST:
        *out = (struct cel_value){.kind = CEL_LIST, .as.list = {fold->items.items, fold->items.count}};
        break;
    case CEL_FOLD_MAP:
        *out = (struct cel_value){.kind = CEL_MAP, .as.map = {fold->entries.items, fold->entries.count}};
        break;
    }
    return true;
}

bool cel_run_fold(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    bool quantifier = node->fold == CEL_FOLD_ALL || node->fold == CEL_FOLD_EXISTS, decided = false;
    struct cel_value range;
    struct fold fold = {.run = run, .node = node, .range = &range};

    if (!cel_run_node(run, node->args.items[0], &range))
        return false;
    run->at = node;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP)
        return cel_fail(run, "%.*s() goes over lists and maps, not %s", STR_ARG(node->name), cel_kind_name(range.kind));
    for (size_t i = 0; i < range_count(&range) && !decided; i++) {
        run->at = node;
        if (!cel_charge(run, 1))
            return false;
        set_variables(&fold, i);
        if (!(quantifier ? step_quantifier(&fold, &decided) : step_build(&fold, i)))
            return false;
    }
    return finish(&fold, decided, out);
}
