#include "executor/aws/xml.h"

#include <expat.h>
#include <string.h>

#include "spec/base/arena.h"

struct reading {
    struct arena *arena;
    XML_Parser parser;
    struct xml_node *root;
    struct xml_node *open[XML_DEPTH_MAX];
    struct strbuf text[XML_DEPTH_MAX];
    size_t depth;
    bool failed;
};

static void stop(struct reading *reading)
{
    reading->failed = true;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    struct xml_node *node, *parent;
    const char *colon = strrchr(name, ':');

    (void)attributes;
    if (reading->depth == XML_DEPTH_MAX) {
        stop(reading);
        return;
    }
    node = ARENA_NEW(reading->arena, struct xml_node);
    node->name = arena_strdup(reading->arena, colon ? colon + 1 : name);
    parent = reading->depth ? reading->open[reading->depth - 1] : NULL;
    if (!parent)
        reading->root = node;
    else if (parent->last)
        parent->last->next = node;
    else
        parent->child = node;
    if (parent)
        parent->last = node;
    strbuf_clear(&reading->text[reading->depth]);
    reading->open[reading->depth++] = node;
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reading *reading = context;
    size_t depth = --reading->depth;

    (void)name;
    reading->open[depth]->text = str_copy(reading->arena, str_trim(strbuf_view(&reading->text[depth])));
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
    struct reading *reading = context;

    if (reading->depth)
        strbuf_append(&reading->text[reading->depth - 1], text, (size_t)len);
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
    int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    stop(context);
}

struct xml_node *xml_read(struct arena *arena, struct str text)
{
    struct reading reading = {.arena = arena};
    bool ok;

    if (text.len > XML_SIZE_MAX_BYTES)
        return NULL;
    reading.parser = XML_ParserCreate(NULL);
    if (!reading.parser)
        return NULL;
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    ok = XML_Parse(reading.parser, text.data, (int)text.len, XML_TRUE) == XML_STATUS_OK && !reading.failed;
    XML_ParserFree(reading.parser);
    for (size_t i = 0; i < XML_DEPTH_MAX; i++)
        strbuf_free(&reading.text[i]);
    return ok ? reading.root : NULL;
}

const struct xml_node *xml_find(const struct xml_node *node, const char *path)
{
    while (node && *path) {
        size_t len = strcspn(path, "/");
        const struct xml_node *child = node->child;

        while (child && !(strlen(child->name) == len && memcmp(child->name, path, len) == 0))
            child = child->next;
        node = child;
        path += path[len] ? len + 1 : len;
    }
    return node;
}

struct str xml_text(const struct xml_node *node, const char *path)
{
    const struct xml_node *found = xml_find(node, path);

    return found ? found->text : STR("");
}
