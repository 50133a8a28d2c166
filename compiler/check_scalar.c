/* Scalars and the references in them, and the words in which wrong values are described. */
#include <string.h>
#include <strings.h>

#include "compiler/check_parts.h"
#include "compiler/reference.h"
#include "compiler/value.h"
#include "spec/base/arena.h"

enum { SHOWN_MAX_BYTES = 60, LISTED_MAX = 20 };

/* --- words for messages --------------------------------------------------------------------------------------- */

const char *check_describe_place(const struct checker *checker, const struct check_place *place)
{
    const struct check_place *outer = place;

    if (place->key)
        return arena_printf(checker->arena, "'%.*s'", STR_ARG(place->key->text));
    while (outer && !outer->key)
        outer = outer->outer;
    if (outer)
        return arena_printf(checker->arena, "an entry of '%.*s'", STR_ARG(outer->key->text));
    return "the file";
}

static const char *describe_words(const struct checker *checker, const char *const *words, size_t count)
{
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    for (size_t i = 0; i < count; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "", words[i]);
    copy = strbuf_copy(&text, checker->arena);
    strbuf_free(&text);
    return copy.data;
}

static const char *describe_type(const struct checker *checker, const struct key_type *type)
{
    switch (type->kind) {
    case KEY_STRING:
    case KEY_TEXT:
        return "a text";
    case KEY_NAME:
        return "a name";
    case KEY_ID:
        return "a migration's id (letters, digits, '-', '_' and '.')";
    case KEY_SQL:
        return "SQL text";
    case KEY_CEL:
        return "an expression";
    case KEY_BOOL:
        return "true or false";
    case KEY_INT:
        if (type->min == type->max)
            return arena_printf(checker->arena, "%lld", (long long)type->min);
        return arena_printf(
            checker->arena, "a whole number from %lld to %lld", (long long)type->min, (long long)type->max);
    case KEY_DURATION:
        return "a duration such as 500ms, 30s, 5m or 1h";
    case KEY_DATE:
        return "a day such as 2025-12-31";
    case KEY_ENUM:
        if (type->word_count == 1)
            return arena_printf(checker->arena, "'%s'", type->words[0]);
        return arena_printf(checker->arena, "one of %s", describe_words(checker, type->words, type->word_count));
    case KEY_PATH:
        return "a path";
    case KEY_REFERENCE:
        return "a text, which may hold ${env:NAME} and ${secret:ARN#FIELD}";
    case KEY_LIST:
        return "a list";
    case KEY_MAP:
    case KEY_NUMBERS:
    case KEY_OBJECT:
        return "a mapping";
    case KEY_STEP:
        return "a step";
    case KEY_ANY:
        break;
    }
    return "a value";
}

const char *check_describe_types(const struct checker *checker, const struct key_type *type)
{
    const char *text = describe_type(checker, type);

    for (type = type->next; type; type = type->next)
        text = arena_printf(checker->arena, "%s, or %s", text, describe_type(checker, type));
    return text;
}

const char *check_describe_found(const struct checker *checker, const struct node *node)
{
    size_t shown = node->text.len;

    if (node->kind == NODE_SEQUENCE)
        return "a list";
    if (node->kind == NODE_MAPPING)
        return "a mapping";
    if (node_is_null(node) || node->text.len == 0)
        return "empty";
    if (shown > SHOWN_MAX_BYTES) {
        for (shown = SHOWN_MAX_BYTES; shown > 0 && ((unsigned char)node->text.data[shown] & 0xC0) == 0x80;)
            shown--;
        return arena_printf(checker->arena, "'%.*s…'", (int)shown, node->text.data);
    }
    return arena_printf(checker->arena, "'%.*s'", (int)shown, node->text.data);
}

struct diag *check_report_unknown(const struct checker *checker, const struct diag_code *code, const struct node *word,
    const char *what, const char *const *candidates, size_t count)
{
    struct diag *diag = diag_report(checker->diags, code, word->span, "%s '%.*s'", what, STR_ARG(word->text));
    const char *meant = str_did_you_mean(word->text, candidates, count);

    if (meant)
        diag_add_help(checker->diags, diag, "did you mean '%s'?", meant);
    else if (count && count <= LISTED_MAX)
        diag_add_help(
            checker->diags, diag, "there %s %s", count == 1 ? "is" : "are", describe_words(checker, candidates, count));
    else if (count)
        diag_add_help(checker->diags, diag, "docs/language.md lists what there is");
    return diag;
}

void check_note_variable(const struct checker *checker, struct diag *diag, const struct node *node)
{
    if (node->substituted_from)
        diag_add_note(checker->diags, diag, node->substituted_from->span, "the variable's value is here");
}

/* --- references ----------------------------------------------------------------------------------------------- */

static bool check_reference(const struct checker *checker, const struct node *node, const struct reference *reference,
    bool is_reference, const struct check_place *place)
{
    struct span span = node_text_span(node, reference->start, reference->end);
    int len = (int)(reference->end - reference->start);
    const char *text = node->text.data + reference->start;
    struct diag *diag;

    if (reference->problem) {
        diag =
            diag_report(checker->diags, DIAG(SPEC020), span, "the reference '%.*s' %s", len, text, reference->problem);
        diag_add_help(checker->diags, diag, "%s", reference->help);
        return false;
    }
    if (reference->kind == REFERENCE_VAR) {
        if (place->variables)
            return true;
        diag = diag_report(checker->diags, DIAG(SPEC021), span, "%s cannot hold '%.*s'",
            check_describe_place(checker, place), len, text);
        diag_add_help(
            checker->diags, diag, "variables stand in steps, rollbacks, event types and in what an environment says");
        return false;
    }
    if (is_reference)
        return true;
    diag = diag_report(
        checker->diags, DIAG(SPEC022), span, "%s cannot hold '%.*s'", check_describe_place(checker, place), len, text);
    diag_add_help(checker->diags, diag,
        "the plan holds what is done: only connections, notifications and metrics are resolved when it runs; use "
        "${var:NAME}");
    return false;
}

bool check_references(
    const struct checker *checker, const struct node *node, bool is_reference, const struct check_place *place)
{
    struct reference reference;
    size_t position = 0;
    bool ok = true;

    if (!memchr(node->text.data, '$', node->text.len))
        return true;
    while (reference_next(node->text, &position, &reference))
        if (!check_reference(checker, node, &reference, is_reference, place))
            ok = false;
    return ok;
}

bool check_map_key(const struct checker *checker, const struct node *key, const struct check_place *place)
{
    struct check_place here = {key, place, place->engine, false};

    if (!value_is_name(key->text)) {
        diag_report(checker->diags, DIAG(SPEC006), key->span, "the key %s must be a name on one line",
            check_describe_found(checker, key));
        return false;
    }
    return check_references(checker, key, false, &here);
}

/* --- scalars -------------------------------------------------------------------------------------------------- */

static bool is_word(const struct key_type *type, struct str text)
{
    for (size_t i = 0; i < type->word_count; i++)
        if (str_is(text, type->words[i]))
            return true;
    return false;
}

static bool scalar_fits(const struct node *node, const struct key_type *type)
{
    bool truth, empty = str_trim(node->text).len == 0;
    bool plain_null = node_is_null(node);
    int64_t number;

    switch (type->kind) {
    case KEY_STRING:
    case KEY_PATH:
    case KEY_REFERENCE:
    case KEY_CEL:
        return !plain_null && !empty;
    case KEY_SQL:
        /* null is a word of SQL. */
        return !empty && !(plain_null && str_is(node->text, "~"));
    case KEY_TEXT:
        return !plain_null;
    case KEY_NAME:
        return !plain_null && value_is_name(node->text);
    case KEY_ID:
        return !plain_null && value_is_id(node->text);
    case KEY_BOOL:
        return node_to_bool(node, &truth);
    case KEY_INT:
        return node_to_i64(node, &number) && number >= type->min && number <= type->max;
    case KEY_DURATION:
        return value_to_ms(node->text, &number);
    case KEY_DATE:
        return value_is_date(node->text);
    case KEY_ENUM:
        return is_word(type, node->text);
    case KEY_ANY:
        return true;
    default:
        return false;
    }
}

/* What was probably meant by a scalar that does not fit, or NULL. */
static const char *suggest_scalar(const struct checker *checker, const struct node *node, const struct key_type *type)
{
    static const char *const truths[] = {"yes", "on", "y", "true"}, *const lies[] = {"no", "off", "n", "false"};
    uint64_t number;

    switch (type->kind) {
    case KEY_BOOL:
        for (size_t i = 0; i < sizeof(truths) / sizeof(*truths); i++) {
            if (strcasecmp(node->text.data, truths[i]) == 0)
                return "true";
            if (strcasecmp(node->text.data, lies[i]) == 0)
                return "false";
        }
        return NULL;
    case KEY_DURATION:
        return str_to_u64(node->text, &number) ? arena_printf(checker->arena, "%.*sms", STR_ARG(node->text)) : NULL;
    case KEY_ENUM:
        for (size_t i = 0; i < type->word_count; i++)
            if (strcasecmp(node->text.data, type->words[i]) == 0)
                return type->words[i];
        return str_did_you_mean(node->text, type->words, type->word_count);
    default:
        return NULL;
    }
}

static void add_scalar_help(
    const struct checker *checker, struct diag *diag, const struct node *node, const struct key_type *type)
{
    for (; type; type = type->next) {
        const char *meant = suggest_scalar(checker, node, type);

        if (meant && str_is(node->text, meant)) {
            diag_add_help(checker->diags, diag, "write %s without quotes", meant);
            return;
        }
        if (meant) {
            diag_add_help(checker->diags, diag, "did you mean '%s'?", meant);
            return;
        }
        if (type->kind == KEY_INT && node->style != NODE_STYLE_PLAIN) {
            struct node plain = *node;
            int64_t number;

            plain.style = NODE_STYLE_PLAIN;
            if (node_to_i64(&plain, &number)) {
                diag_add_help(checker->diags, diag, "write %lld without quotes", (long long)number);
                return;
            }
        }
    }
}

static const struct diag_code *scalar_code(const struct node *node, const struct key_type *type)
{
    int64_t number;

    if (node_is_null(node) || node->text.len == 0)
        return DIAG(SPEC003);
    switch (type->kind) {
    case KEY_BOOL:
        return DIAG(SPEC004);
    case KEY_INT:
        return node_to_i64(node, &number) ? DIAG(SPEC008) : DIAG(SPEC005);
    case KEY_NAME:
    case KEY_ID:
        return DIAG(SPEC006);
    case KEY_DURATION:
        return DIAG(SPEC007);
    case KEY_ENUM:
        return DIAG(SPEC009);
    case KEY_DATE:
        return DIAG(SPEC010);
    default:
        return DIAG(SPEC003);
    }
}

bool check_scalar(const struct checker *checker, const struct node *node, const struct key_type *type,
    const struct check_place *place)
{
    bool is_reference = type->kind == KEY_REFERENCE, ok;
    struct diag *diag;

    for (const struct key_type *t = type->next; t; t = t->next)
        is_reference |= t->kind == KEY_REFERENCE;
    ok = check_references(checker, node, is_reference, place);
    /* As written: what a variable gives is judged when it is in place. */
    if (!ok || (node->has_variable && place->variables))
        return ok;
    for (const struct key_type *t = type; t; t = t->next)
        if (scalar_fits(node, t))
            return true;
    diag = diag_report(checker->diags, scalar_code(node, type), node->span, "%s must be %s, not %s",
        check_describe_place(checker, place), check_describe_types(checker, type), check_describe_found(checker, node));
    add_scalar_help(checker, diag, node, type);
    if (type->kind == KEY_LIST && !type->next && !node_is_null(node))
        diag_add_help(checker->diags, diag, "write [%.*s]", STR_ARG(node->text));
    check_note_variable(checker, diag, node);
    return false;
}
