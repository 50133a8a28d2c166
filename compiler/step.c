#include "compiler/step.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/diagnostic.h"

/* A scalar in place of the mapping is the value of the context's short key. */
static struct node *expand_body(struct arena *arena, const struct key_context *context, struct node *body)
{
    struct node *mapping, *key;

    if (body->kind != NODE_SCALAR || !context->short_key)
        return body;
    mapping = ARENA_NEW(arena, struct node);
    key = ARENA_NEW(arena, struct node);
    key->kind = NODE_SCALAR;
    key->span = body->span;
    key->text = str_from(context->short_key);
    mapping->kind = NODE_MAPPING;
    mapping->span = body->span;
    mapping->members = ARENA_NEW(arena, struct node_member);
    mapping->members[0] = (struct node_member){key, body};
    mapping->count = 1;
    mapping->has_variable = body->has_variable;
    return mapping;
}

/* Letters, digits and what names are commonly made of stay; ids are split at '/', and groups named with '#'. */
static void append_name(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
                    strchr("_.-$", c) != NULL;

        strbuf_append(out, keep ? text.data + i : "_", 1);
    }
}

/* KIND:OBJECT, or NULL when an object key's value is a variable's. */
static const char *default_name(struct arena *arena, const struct key_context *context, const struct node *body)
{
    const char *list = context->object_keys;
    struct strbuf name = STRBUF_INIT;
    struct str word, copy;
    bool variable = false;
    char before = ':';

    strbuf_append_text(&name, context->label);
    while (key_next_word(&list, &word)) {
        const struct node *value = node_get(body, arena_strndup(arena, word.data, word.len));

        if (!value)
            continue;
        variable |= value->has_variable;
        strbuf_append_char(&name, before);
        append_name(&name, node_text(value));
        before = '.';
    }
    copy = strbuf_copy(&name, arena);
    strbuf_free(&name);
    return variable ? NULL : copy.data;
}

bool step_parse(struct arena *arena, const struct key_table *keys, enum engine engine, struct node *node,
    struct project_step *out, struct diag_list *diags)
{
    const struct node *name = node_get(node, "name");
    const struct key_context *context;
    struct diag *diag;
    size_t i = 0;

    *out = (struct project_step){.node = node};
    while (i < node->count && !step_kind_from_name(node->members[i].key->text, &out->kind))
        i++;
    if (i == node->count)
        return false;
    out->key = node->members[i].key;
    context = key_step_context(keys, out->kind, engine);
    if (!context)
        return false;
    out->body = expand_body(arena, context, node->members[i].value);
    if (name && memchr(name->text.data, '/', name->text.len)) {
        diag_report(diags, DIAG(SPEC006), name->span, "a step's name cannot hold '/'");
        return false;
    }
    out->name = name ? name->text.data : default_name(arena, context, out->body);
    if (out->name)
        return true;
    diag =
        diag_report(diags, DIAG(SPEC016), out->key->span, "what the step is about is a variable, so it needs a name");
    diag_add_help(diags, diag, "give it a `name:`, the same in every environment");
    return false;
}
