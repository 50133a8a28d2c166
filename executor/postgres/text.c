#include <ctype.h>
#include <string.h>

#include "executor/postgres/postgres.h"

char *pg_quote_identifier(struct arena *arena, const char *name)
{
    struct strbuf out = STRBUF_INIT;
    char *copy;

    strbuf_append_char(&out, '"');
    for (const char *c = name; *c; c++) {
        if (*c == '"')
            strbuf_append_char(&out, '"');
        strbuf_append_char(&out, *c);
    }
    strbuf_append_char(&out, '"');
    copy = arena_strndup(arena, out.data, out.len);
    strbuf_free(&out);
    return copy;
}

char *pg_sql(const struct postgres_driver *driver, struct arena *arena, const char *template)
{
    struct strbuf out = STRBUF_INIT;
    const char *mark;
    char *sql;

    for (; (mark = strstr(template, "{L}")); template = mark + 3) {
        strbuf_append(&out, template, (size_t)(mark - template));
        strbuf_append_text(&out, driver->quoted_schema);
    }
    strbuf_append_text(&out, template);
    sql = arena_strndup(arena, out.data, out.len);
    strbuf_free(&out);
    return sql;
}

struct str pg_strip_end(const char *query)
{
    struct str text = str_trim(str_from(query));

    while (text.len && text.data[text.len - 1] == ';') {
        text.len--;
        text = str_trim(text);
    }
    return text;
}

/* --- queries of other people ------------------------------------------------------------------------------------- */

/* Behind the end of the '…' or "…" that starts at c; backslashes escape in E'…'. */
static const char *skip_quoted(const char *c, bool backslash)
{
    char mark = *c++;

    for (; *c; c++) {
        if (backslash && *c == '\\' && c[1])
            c++;
        else if (*c == mark && c[1] == mark)
            c++;
        else if (*c == mark)
            return c + 1;
    }
    return c;
}

/* Behind the end of a dollar-quoted text that starts at c, or NULL when none starts there. */
static const char *skip_dollar(const char *c)
{
    const char *end = c + 1;
    size_t tag_len;

    if (isdigit((unsigned char)*end))
        return NULL;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    if (*end != '$')
        return NULL;
    tag_len = (size_t)(end + 1 - c);
    for (const char *close = end + 1; *close; close++)
        if (strncmp(close, c, tag_len) == 0)
            return close + tag_len;
    return c + strlen(c);
}

static const char *skip_comment(const char *c)
{
    int depth = 0;

    if (c[0] == '-') {
        while (*c && *c != '\n')
            c++;
        return c;
    }
    while (*c) {
        if (c[0] == '/' && c[1] == '*') {
            depth++;
            c += 2;
        } else if (c[0] == '*' && c[1] == '/') {
            c += 2;
            if (--depth == 0)
                return c;
        } else {
            c++;
        }
    }
    return c;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* What is left of one token at c: *keep bytes of it, or a '?' when replaced. Returns where the next begins. */
static const char *next_token(const char *c, size_t *keep, bool *replaced)
{
    const char *end;

    *keep = 0;
    *replaced = false;
    if ((c[0] == '-' && c[1] == '-') || (c[0] == '/' && c[1] == '*'))
        return skip_comment(c);
    if (*c == '\'' || (*c == '$' && (end = skip_dollar(c)))) {
        *replaced = true;
        return *c == '\'' ? skip_quoted(c, false) : end;
    }
    if (strchr("eEbBxXnN", *c) && c[1] == '\'') {
        *replaced = true;
        return skip_quoted(c + 1, *c == 'e' || *c == 'E');
    }
    if (isdigit((unsigned char)*c)) {
        *replaced = true;
        while (is_word(*c) || *c == '.')
            c++;
        return c;
    }
    if (*c == '"')
        end = skip_quoted(c, false);
    else if (is_word(*c))
        for (end = c; is_word(*end);)
            end++;
    else
        end = c + 1;
    *keep = (size_t)(end - c);
    return end;
}

void pg_strip_literals(const char *query, char *out, size_t out_size)
{
    size_t used = 0;
    bool space = false;

    while (*query && used + 4 < out_size) {
        size_t keep;
        bool replaced;
        const char *token = query;

        if (isspace((unsigned char)*query)) {
            space = true;
            query++;
            continue;
        }
        query = next_token(query, &keep, &replaced);
        if (!keep && !replaced)
            continue;
        if (space && used)
            out[used++] = ' ';
        space = false;
        if (replaced) {
            out[used++] = '?';
            continue;
        }
        if (keep > out_size - used - 2)
            break;
        memcpy(out + used, token, keep);
        used += keep;
    }
    out[used] = '\0';
}

/* --- names of objects -------------------------------------------------------------------------------------------- */

/* One identifier at *text: quoted, or bare up to a dot or parenthesis. NULL when there is none. */
static const char *parse_identifier(struct arena *arena, const char **text)
{
    const char *c = *text;
    struct strbuf name = STRBUF_INIT;
    const char *copy;
    size_t len;

    if (*c != '"') {
        len = strcspn(c, ".(");
        *text = c + len;
        return len ? arena_strndup(arena, c, len) : NULL;
    }
    for (c++; *c; c++) {
        if (*c == '"' && c[1] != '"')
            break;
        c += *c == '"';
        strbuf_append_char(&name, *c);
    }
    copy = *c == '"' && name.len ? arena_strndup(arena, name.data, name.len) : NULL;
    *text = *c ? c + 1 : c;
    strbuf_free(&name);
    return copy;
}

bool object_name_parse(struct arena *arena, const char *text, struct object_name *out)
{
    const char *space = strchr(text, ' ');

    *out = (struct object_name){0};
    if (!space)
        return false;
    out->kind = (struct str){text, (size_t)(space - text)};
    text = space + 1;
    for (;;) {
        const char *part = parse_identifier(arena, &text);

        if (!part)
            return false;
        out->parts[out->count++] = part;
        if (*text != '.')
            break;
        if (out->count == 3)
            return false;
        text++;
    }
    if (*text == '(') {
        size_t len = strlen(text);

        if (text[len - 1] != ')')
            return false;
        out->args = arena_strndup(arena, text + 1, len - 2);
        text += len;
    }
    return *text == '\0';
}
