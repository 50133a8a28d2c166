/* Rounds, memory and the combinators of the comparison. */
#include "spec/event/compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/compat_set.h"

/* One comparison: its old side, its new side. */
struct compat_pair {
    bool incompatible; /* known for good; until then it is taken to be compatible, so that recursion ends */
    unsigned round;    /* the last round in which it was looked at */
};

bool compat_mode_from_name(struct str name, enum compat_mode *out)
{
    static const char *const names[] = {
        [COMPAT_NONE] = "none",
        [COMPAT_BACKWARD] = "backward",
        [COMPAT_BACKWARD_TRANSITIVE] = "backward_transitive",
        [COMPAT_FORWARD] = "forward",
        [COMPAT_FORWARD_TRANSITIVE] = "forward_transitive",
        [COMPAT_FULL] = "full",
        [COMPAT_FULL_TRANSITIVE] = "full_transitive",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_is(name, names[i])) {
            *out = (enum compat_mode)i;
            return true;
        }
    }
    return false;
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

const char *compat_pointer(
    const struct compat *compat, const struct json_schema *set, const struct json *json, const char *keyword)
{
    const struct schema_place *place = schema_find_place(set, json);

    return arena_printf(compat->arena, "%s%s%s", place ? place->pointer : "", *keyword ? "/" : "", keyword);
}

static bool is_known(const struct compat_report *report, const struct compat_finding *finding)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct compat_finding *other = &report->findings.items[i];

        if (!strcmp(other->rule, finding->rule) && !strcmp(other->old_pointer, finding->old_pointer) &&
            !strcmp(other->new_pointer, finding->new_pointer) && !strcmp(other->message, finding->message))
            return true;
    }
    return false;
}

bool compat_find(struct compat *compat, const char *rule, const char *old_pointer, const char *new_pointer,
    const char *mend, const char *format, ...)
{
    struct compat_finding finding = {rule, old_pointer, new_pointer, NULL, mend};
    va_list ap;

    if (!compat->reporting || compat->quiet || compat->report->findings.count == COMPAT_FINDINGS_MAX)
        return false;
    va_start(ap, format);
    finding.message = arena_vprintf(compat->arena, format, ap);
    va_end(ap);
    if (!is_known(compat->report, &finding))
        VEC_PUSH(compat->arena, &compat->report->findings, finding);
    return false;
}

/* --- combinators -------------------------------------------------------------------------------------------------- */

bool compat_implies_quietly(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool result;

    compat->quiet++;
    result = compat_implies(compat, old, schema);
    compat->quiet--;
    return result;
}

/* Every kind of value that old allows must fit into one branch; kinds may fit into different ones. */
static bool fits_a_branch(struct compat *compat, const struct compat_old *old, const struct json *branches)
{
    struct compat_old one = *old;

    for (const struct json *branch = branches->child; branch; branch = branch->next) {
        if (compat_implies_quietly(compat, old, branch))
            return true;
    }
    if (!(old->types & (old->types - 1)))
        return false;
    for (unsigned type = 1; type <= COMPAT_ALL; type <<= 1) {
        one.types = old->types & type;
        if (one.types && !fits_a_branch(compat, &one, branches))
            return false;
    }
    return true;
}

/* Of a union that was taken apart: the branch, which was added last. */
static const char *union_pointer(const struct compat *compat, const struct compat_old *old, const char *keyword)
{
    for (size_t i = 0; i < old->count; i++) {
        if (old->atoms[i].skip)
            return compat_pointer(compat, compat->old_set, old->atoms[old->count - 1].json, "");
    }
    return compat_old_pointer(compat, old, keyword);
}

static bool check_union(
    struct compat *compat, const struct compat_old *old, const struct json *schema, const char *keyword)
{
    const struct json *branches = json_get(schema, keyword);

    if (!json_is(branches, JSON_ARRAY))
        return true;
    if (branches->count == 1)
        return compat_implies(compat, old, branches->child);
    if (fits_a_branch(compat, old, branches))
        return true;
    return compat_find(compat, "union_narrowed", union_pointer(compat, old, keyword),
        compat_pointer(compat, compat->new_set, schema, keyword),
        "keep every earlier branch, unchanged or widened, and add new ones beside it",
        "what was allowed before does not fit into any one branch of '%s'", keyword);
}

static bool check_all_of(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *members = json_get(schema, "allOf");
    bool compatible = true;

    for (const struct json *member = json_is(members, JSON_ARRAY) ? members->child : NULL; member;
         member = member->next)
        compatible = compat_implies(compat, old, member) && compatible;
    return compatible;
}

static bool check_references(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    static const char *const keywords[] = {"$ref", "$dynamicRef"};
    bool compatible = true;

    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
        const struct json *target = compat_target(compat->new_set, schema, keywords[i]);

        compatible = (!target || compat_implies(compat, old, target)) && compatible;
    }
    return compatible;
}

/* Is what inner (of the new side) describes also described by outer (of the old side)? The sides change places. */
static bool implies_backwards(struct compat *compat, const struct json *inner, const struct json *outer)
{
    const struct json_schema *old_set = compat->old_set;
    struct compat_old old;
    bool result;

    compat->old_set = compat->new_set;
    compat->new_set = old_set;
    compat_old_init(&old);
    compat_old_add(compat, &old, inner);
    result = compat_implies_quietly(compat, &old, outer);
    compat->new_set = compat->old_set;
    compat->old_set = old_set;
    return result;
}

static bool check_not(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *excluded = json_get(schema, "not");
    const struct json *value;

    if (!excluded || json_is(excluded, JSON_FALSE) || !(compat_types_of(excluded) & old->types))
        return true;
    for (size_t i = 0; compat_old_with(old, "not", &i, &value);) {
        if (implies_backwards(compat, excluded, value))
            return true;
    }
    return compat_find(compat, "not_extended", compat_old_pointer(compat, old, "not"),
        compat_pointer(compat, compat->new_set, schema, "not"), "exclude no more than the earlier version did",
        "'not' excludes more than before");
}

static bool holds_reference(const struct json *json)
{
    if (json_is(json, JSON_OBJECT) && (json_get(json, "$ref") || json_get(json, "$dynamicRef")))
        return true;
    for (const struct json *child = json->child; child; child = child->next) {
        if (holds_reference(child))
            return true;
    }
    return false;
}

/* The same `if` on both sides: then its branches can be compared one by one. */
static bool same_condition(
    struct compat *compat, const struct compat_old *old, const struct compat_atom *atom, const struct json *schema)
{
    static const char *const branches[] = {"then", "else"};
    const struct json *condition = json_get(schema, "if");
    size_t work = 0;

    if (!schema_values_equal(json_get(atom->json, "if"), condition, &work) || holds_reference(condition))
        return false;
    for (size_t i = 0; i < sizeof(branches) / sizeof(*branches); i++) {
        const struct json *before = json_get(atom->json, branches[i]);
        const struct json *after = json_get(schema, branches[i]);
        struct compat_old narrowed = *old;

        if (before)
            compat_old_add(compat, &narrowed, before);
        if (after && !compat_implies_quietly(compat, &narrowed, after))
            return false;
    }
    return true;
}

static bool check_condition(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    const struct json *then = json_get(schema, "then");
    const struct json *otherwise = json_get(schema, "else");
    const struct compat_atom *atom;
    const struct json *value;

    if (!json_get(schema, "if"))
        return true;
    for (size_t i = 0; (atom = compat_old_with(old, "if", &i, &value)) != NULL;) {
        if (same_condition(compat, old, atom, schema))
            return true;
    }
    if ((!then || compat_implies_quietly(compat, old, then)) &&
        (!otherwise || compat_implies_quietly(compat, old, otherwise)))
        return true;
    return compat_find(compat, "condition_changed", compat_old_pointer(compat, old, "if"),
        compat_pointer(compat, compat->new_set, schema, "if"), "leave 'if' as it was, and only widen 'then' and 'else'",
        "'if' with 'then' and 'else' may refuse what was allowed before");
}

/* --- one comparison ----------------------------------------------------------------------------------------------- */

static bool check_keywords(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    bool compatible = compat_check_scalars(compat, old, schema);

    compatible = check_references(compat, old, schema) && compatible;
    compatible = check_all_of(compat, old, schema) && compatible;
    compatible = check_union(compat, old, schema, "anyOf") && compatible;
    compatible = check_union(compat, old, schema, "oneOf") && compatible;
    compatible = check_not(compat, old, schema) && compatible;
    compatible = check_condition(compat, old, schema) && compatible;
    if (old->types & COMPAT_ARRAY)
        compatible = compat_check_array(compat, old, schema) && compatible;
    if (old->types & COMPAT_OBJECT)
        compatible = compat_check_object(compat, old, schema) && compatible;
    return compatible;
}

/* Where the old side lists its values, each of them is tried: nothing is more exact. */
static bool check_values(struct compat *compat, const struct compat_old *old, const struct json *schema,
    const struct compat_atom *atom, const char *keyword, const struct json *value)
{
    bool is_enum = !strcmp(keyword, "enum");

    for (const struct json *item = is_enum ? value->child : value; item; item = is_enum ? item->next : NULL) {
        struct json_schema_error error;
        struct strbuf text = STRBUF_INIT;
        bool possible = true;

        for (size_t i = 0; i < old->count && possible; i++)
            possible = schema_validate_under(compat->old_set, old->atoms[i].json, compat->arena, item, &error);
        if (!possible || schema_validate_under(compat->new_set, schema, compat->arena, item, &error))
            continue;
        json_write(&text, item);
        compat_find(compat, "value_removed", compat_pointer(compat, compat->old_set, atom->json, keyword),
            compat_pointer(compat, compat->new_set, schema, json_get(schema, "enum") ? "enum" : ""),
            "keep the earlier values, and add new ones beside them", "the value %.*s was allowed before: it %s",
            (int)(text.len < 80 ? text.len : 80), text.data, error.message);
        strbuf_free(&text);
        return false;
    }
    return true;
}

/* The first union of the old side that is not taken apart yet; NULL when there is none. */
static struct compat_atom *find_union(struct compat_old *old, const struct json **branches, unsigned *skip)
{
    for (size_t i = 0; i < old->count; i++) {
        struct compat_atom *atom = &old->atoms[i];
        const struct json *any_of = json_get(atom->json, "anyOf");
        const struct json *one_of = json_get(atom->json, "oneOf");

        *skip =
            json_is(any_of, JSON_ARRAY) && !(atom->skip & COMPAT_SKIP_ANY_OF) ? COMPAT_SKIP_ANY_OF : COMPAT_SKIP_ONE_OF;
        *branches = *skip == COMPAT_SKIP_ANY_OF ? any_of : one_of;
        if (json_is(*branches, JSON_ARRAY) && !(atom->skip & *skip))
            return atom;
    }
    return NULL;
}

static bool check_branches(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    struct compat_old rest = *old;
    const struct json *branches = NULL;
    unsigned skip;
    struct compat_atom *atom = find_union(&rest, &branches, &skip);
    bool compatible = true;

    atom->skip |= skip;
    for (const struct json *branch = branches->child; branch; branch = branch->next) {
        struct compat_old one = rest;

        compat_old_add(compat, &one, branch);
        compatible = compat_implies(compat, &one, schema) && compatible;
    }
    return compatible;
}

static bool compare(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    struct compat_old copy = *old;
    const struct json *branches, *value;
    const struct compat_atom *atom;
    unsigned skip;
    size_t i = 0;
    bool compatible;

    if (json_is(schema, JSON_FALSE))
        return compat_find(compat, "nothing_allowed", compat_old_pointer(compat, old, ""),
            compat_pointer(compat, compat->new_set, schema, ""), "allow what the earlier version allowed",
            "nothing is allowed here any more");
    if ((atom = compat_old_with(old, "const", &i, &value)) != NULL)
        return check_values(compat, old, schema, atom, "const", value);
    i = 0;
    if ((atom = compat_old_with(old, "enum", &i, &value)) != NULL && json_is(value, JSON_ARRAY))
        return check_values(compat, old, schema, atom, "enum", value);
    if (!find_union(&copy, &branches, &skip))
        return check_keywords(compat, old, schema);
    compat->quiet++;
    compatible = check_keywords(compat, old, schema);
    compat->quiet--;
    return compatible || check_branches(compat, old, schema);
}

static struct compat_pair *find_pair(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    struct compat_pair *pair;
    struct strbuf key = STRBUF_INIT;

    for (size_t i = 0; i < old->count; i++) {
        strbuf_append(&key, &old->atoms[i].json, sizeof(old->atoms[i].json));
        strbuf_append(&key, &old->atoms[i].skip, sizeof(old->atoms[i].skip));
    }
    strbuf_append(&key, &old->types, sizeof(old->types));
    strbuf_append(&key, &schema, sizeof(schema));
    pair = map_get(&compat->pairs, strbuf_view(&key));
    if (!pair) {
        pair = ARENA_NEW(compat->arena, struct compat_pair);
        map_put(&compat->pairs, strbuf_copy(&key, compat->arena), pair);
    }
    strbuf_free(&key);
    return pair;
}

bool compat_implies(struct compat *compat, const struct compat_old *old, const struct json *schema)
{
    struct compat_pair *pair;
    bool compatible;

    if (old->never || !old->types || json_is(schema, JSON_TRUE) || (json_is(schema, JSON_OBJECT) && !schema->count))
        return true;
    if (compat->too_complex)
        return false;
    if (old->overflow || ++compat->work > COMPAT_WORK_MAX || compat->depth == COMPAT_DEPTH_MAX) {
        compat->too_complex = true;
        return false;
    }
    pair = find_pair(compat, old, schema);
    if (pair->round == compat->round || (pair->incompatible && !compat->reporting))
        return !pair->incompatible;
    /* In the last round everything is known: only the way to what is reported is walked again. */
    if (compat->reporting && pair->round && (compat->quiet || !pair->incompatible))
        return !pair->incompatible;
    pair->round = compat->round;
    compat->depth++;
    compatible = compare(compat, old, schema);
    compat->depth--;
    if (!compatible && !pair->incompatible) {
        pair->incompatible = true;
        compat->changed = true;
    }
    return compatible;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/*
 * Recursive schemas: every comparison is first taken to be compatible, and what turns out not to be is remembered,
 * round after round, until nothing changes (the greatest fixpoint).
 */
static bool run(struct compat *compat, const struct json *old_schema, const struct json *new_schema)
{
    size_t count_before = compat->report->findings.count;
    struct compat_old old;
    bool compatible = false;

    compat_old_init(&old);
    compat_old_add(compat, &old, old_schema);
    do {
        compat->round++;
        compat->changed = false;
        compatible = compat_implies(compat, &old, new_schema);
    } while (compat->changed && !compat->too_complex);
    if (compatible)
        return true;
    compat->reporting = true;
    compat->round++;
    if (!compat->too_complex && !compat_implies(compat, &old, new_schema) &&
        compat->report->findings.count > count_before)
        return false;
    return compat_find(compat, compat->too_complex ? "too_complex" : "narrowed", "", "",
        "simplify the schemas, or declare 'compatibility: none' for this type",
        compat->too_complex ? "the schemas are too complex to be compared"
                            : "the new schema may refuse what the old one allowed");
}

static bool compile(struct compat *compat, const struct json *schema, bool is_old, struct json_schema **out)
{
    struct json_schema_error error;

    if (json_schema_compile(compat->arena, schema, NULL, NULL, out, &error))
        return true;
    compat->reporting = true;
    return compat_find(compat, "schema_invalid", is_old ? arena_strdup(compat->arena, error.schema_pointer) : "",
        is_old ? "" : arena_strdup(compat->arena, error.schema_pointer), "correct the schema",
        "the %s schema is wrong: %s", is_old ? "old" : "new", error.message);
}

bool compat_check_backward(
    struct arena *arena, const struct json *old_schema, const struct json *new_schema, struct compat_report *report)
{
    struct compat compat = {.arena = arena, .report = report};
    struct json_schema *old_set, *new_set;

    map_init(&compat.pairs, arena);
    if (!compile(&compat, old_schema, true, &old_set) || !compile(&compat, new_schema, false, &new_set))
        return false;
    compat.old_set = old_set;
    compat.new_set = new_set;
    return run(&compat, old_schema, new_schema);
}
