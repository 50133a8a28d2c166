#include "compiler/postgres/quote.h"

#include <stdlib.h>
#include <string.h>

static int compare_word(const void *a, const void *b)
{
    return strcmp((const char *)a, *(const char *const *)b);
}

static bool is_keyword(const char *name)
{
    static const char *const words[] = {
#define KEYWORD_ROW(word) word,
#include "compiler/postgres/keyword.def"
#undef KEYWORD_ROW
    };

    return bsearch(name, words, sizeof(words) / sizeof(words[0]), sizeof(words[0]), compare_word) != NULL;
}

bool quote_is_needed(const char *name)
{
    if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
        return true;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return true;
    return is_keyword(name);
}

void quote_name_into(struct strbuf *out, const char *name)
{
    if (!quote_is_needed(name)) {
        strbuf_append_text(out, name);
        return;
    }
    strbuf_append_char(out, '"');
    for (const char *c = name; *c; c++) {
        if (*c == '"')
            strbuf_append_char(out, '"');
        strbuf_append_char(out, *c);
    }
    strbuf_append_char(out, '"');
}

void quote_literal_into(struct strbuf *out, const char *text)
{
    if (!text) {
        strbuf_append_text(out, "NULL");
        return;
    }
    if (strchr(text, '\\'))
        strbuf_append_char(out, 'E');
    strbuf_append_char(out, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            strbuf_append_char(out, *c);
        strbuf_append_char(out, *c);
    }
    strbuf_append_char(out, '\'');
}

static const char *take(struct arena *arena, struct strbuf *buf)
{
    const char *result = strbuf_copy(buf, arena).data;

    strbuf_free(buf);
    return result;
}

const char *quote_name(struct arena *arena, const char *name)
{
    struct strbuf buf = STRBUF_INIT;

    if (!quote_is_needed(name))
        return arena_strdup(arena, name);
    quote_name_into(&buf, name);
    return take(arena, &buf);
}

const char *quote_qualified(struct arena *arena, const char *schema, const char *name)
{
    struct strbuf buf = STRBUF_INIT;

    if (schema) {
        quote_name_into(&buf, schema);
        strbuf_append_char(&buf, '.');
    }
    quote_name_into(&buf, name);
    return take(arena, &buf);
}

const char *quote_on(struct arena *arena, const char *what, const char *name, const char *table)
{
    return arena_printf(arena, "%s %s ON %s", what, quote_name(arena, name), table);
}

const char *quote_literal(struct arena *arena, const char *text)
{
    struct strbuf buf = STRBUF_INIT;

    quote_literal_into(&buf, text);
    return take(arena, &buf);
}

struct json *quote_json(struct arena *arena, const char *text)
{
    struct json *value = json_new(arena, text ? JSON_STRING : JSON_NULL);

    value->text = str_from(text);
    return value;
}

void quote_json_set(struct arena *arena, struct json *object, const char *key, const char *text)
{
    json_set(arena, object, key, quote_json(arena, text));
}
