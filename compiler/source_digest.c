#include "compiler/source_digest.h"

#include <stdlib.h>

#include "compiler/key.h"
#include "compiler/load.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"

/*
 * The canonical form is JSON: [KIND, BODY]. Mappings with keys of ours are objects sorted by key;
 * mappings with keys of the user's, whose order can count, are lists of [key, value]; texts are strings, whatever
 * their quotes; values of no fixed type keep what plain scalars mean.
 */
struct writer {
    struct arena *arena;
    const struct project *project;
    enum engine engine;
    struct diag_list *diags;
    struct strbuf *out;
};

static int compare_members(const void *left, const void *right)
{
    return str_compare(((const struct node_member *)left)->key->text, ((const struct node_member *)right)->key->text);
}

static const struct node_member *sort_members(struct arena *arena, const struct node *mapping)
{
    struct node_member *members = ARENA_ARRAY(arena, struct node_member, mapping->count);

    for (size_t i = 0; i < mapping->count; i++)
        members[i] = mapping->members[i];
    if (mapping->count > 1)
        qsort(members, mapping->count, sizeof(*members), compare_members);
    return members;
}

static void write_any(const struct writer *writer, const struct node *node)
{
    const struct node_member *members;

    switch (node->kind) {
    case NODE_SCALAR:
        json_write(writer->out, node_to_json(writer->arena, node));
        break;
    case NODE_SEQUENCE:
        strbuf_append_char(writer->out, '[');
        for (size_t i = 0; i < node->count; i++) {
            if (i)
                strbuf_append_char(writer->out, ',');
            write_any(writer, node->items[i]);
        }
        strbuf_append_char(writer->out, ']');
        break;
    case NODE_MAPPING:
        members = sort_members(writer->arena, node);
        strbuf_append_char(writer->out, '{');
        for (size_t i = 0; i < node->count; i++) {
            if (i)
                strbuf_append_char(writer->out, ',');
            json_write_string(writer->out, members[i].key->text);
            strbuf_append_char(writer->out, ':');
            write_any(writer, members[i].value);
        }
        strbuf_append_char(writer->out, '}');
        break;
    }
}

static void write_scalar(const struct writer *writer, const struct node *node, const struct key_type *type)
{
    const struct project_file *file;

    for (; type; type = type->next) {
        if (type->kind == KEY_PATH && !node->has_variable) {
            file = project_file_read(writer->project->files, node, writer->diags);
            json_write_string(writer->out, file ? str_trim(file->source->text) : node->text);
            return;
        }
        if (type->kind == KEY_SQL) {
            json_write_string(writer->out, str_trim(node->text));
            return;
        }
    }
    json_write_string(writer->out, node->text);
}

static void write_value(const struct writer *writer, const struct node *node, const struct key_type *type);

static void write_object(const struct writer *writer, const struct node *node, const struct key_context *context)
{
    const struct node_member *members = sort_members(writer->arena, node);

    strbuf_append_char(writer->out, '{');
    for (size_t i = 0; i < node->count; i++) {
        const struct key *key = key_find(context, members[i].key->text);

        if (i)
            strbuf_append_char(writer->out, ',');
        json_write_string(writer->out, members[i].key->text);
        strbuf_append_char(writer->out, ':');
        if (key)
            write_value(writer, members[i].value, key->type);
        else
            write_any(writer, members[i].value);
    }
    strbuf_append_char(writer->out, '}');
}

static void write_map(const struct writer *writer, const struct node *node, const struct key_type *element)
{
    strbuf_append_char(writer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_append_text(writer->out, i ? ",[" : "[");
        json_write_string(writer->out, node->members[i].key->text);
        strbuf_append_char(writer->out, ',');
        write_value(writer, node->members[i].value, element);
        strbuf_append_char(writer->out, ']');
    }
    strbuf_append_char(writer->out, ']');
}

static void write_list(const struct writer *writer, const struct node *node, const struct key_type *element)
{
    strbuf_append_char(writer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        if (i)
            strbuf_append_char(writer->out, ',');
        write_value(writer, node->items[i], element);
    }
    strbuf_append_char(writer->out, ']');
}

static void write_value(const struct writer *writer, const struct node *node, const struct key_type *type)
{
    const struct key_context *context;

    if (type->kind == KEY_ANY) {
        write_any(writer, node);
        return;
    }
    if (node->kind == NODE_SCALAR) {
        write_scalar(writer, node, type);
        return;
    }
    for (; type; type = type->next) {
        if (node->kind == NODE_SEQUENCE && type->kind == KEY_LIST) {
            write_list(writer, node, type->element);
            return;
        }
        if (node->kind == NODE_MAPPING && type->kind == KEY_OBJECT) {
            context = key_context_find(writer->project->keys, type->context, writer->engine);
            if (context) {
                write_object(writer, node, context);
                return;
            }
        }
        if (node->kind == NODE_MAPPING && (type->kind == KEY_MAP || type->kind == KEY_NUMBERS) &&
            type->element->kind != KEY_ANY) {
            write_map(writer, node, type->element);
            return;
        }
    }
    write_any(writer, node);
}

const char *source_digest(struct arena *arena, const struct project *project, enum engine engine,
    const struct project_step *step, struct diag_list *diags)
{
    struct strbuf text = STRBUF_INIT;
    const struct writer writer = {arena, project, engine, diags, &text};
    struct digest digest;

    strbuf_append_char(&text, '[');
    json_write_string(&text, str_from(step_kind_name(step->kind)));
    strbuf_append_char(&text, ',');
    write_object(&writer, step->body, key_step_context(project->keys, step->kind, engine));
    strbuf_append_char(&text, ']');
    digest = digest_of(strbuf_view(&text));
    strbuf_free(&text);
    return arena_strdup(arena, digest.hex);
}
