#include "compiler/postgres/lex.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

static bool is_operator(char c)
{
    return c != '\0' && strchr("+-*/<>=~!@#%^&|`?", c) != NULL;
}

static char char_at(const struct lexer *lexer, size_t at)
{
    return at < lexer->text.len ? lexer->text.data[at] : '\0';
}

/* Skips white space and comments; false when a block comment is not closed. */
static bool skip_blank(struct lexer *lexer)
{
    const struct str text = lexer->text;

    for (;;) {
        if (lexer->at < text.len && is_space(text.data[lexer->at])) {
            lexer->at++;
        } else if (char_at(lexer, lexer->at) == '-' && char_at(lexer, lexer->at + 1) == '-') {
            while (lexer->at < text.len && text.data[lexer->at] != '\n' && text.data[lexer->at] != '\r')
                lexer->at++;
            lexer->line_comment = lexer->at == text.len;
        } else if (char_at(lexer, lexer->at) == '/' && char_at(lexer, lexer->at + 1) == '*') {
            size_t depth = 1;

            for (lexer->at += 2; depth && lexer->at < text.len;) {
                if (char_at(lexer, lexer->at) == '*' && char_at(lexer, lexer->at + 1) == '/') {
                    depth--;
                    lexer->at += 2;
                } else if (char_at(lexer, lexer->at) == '/' && char_at(lexer, lexer->at + 1) == '*') {
                    depth++;
                    lexer->at += 2;
                } else {
                    lexer->at++;
                }
            }
            if (depth)
                return false;
        } else {
            return true;
        }
    }
}

/* Reads to the closing quote; a doubled one stands for itself. */
static bool scan_quoted(struct lexer *lexer, char quote, bool escapes)
{
    const struct str text = lexer->text;

    for (lexer->at++; lexer->at < text.len; lexer->at++) {
        char c = text.data[lexer->at];

        if ((escapes && c == '\\' && lexer->at + 1 < text.len) ||
            (c == quote && char_at(lexer, lexer->at + 1) == quote)) {
            lexer->at++;
        } else if (c == quote) {
            lexer->at++;
            return true;
        }
    }
    return false;
}

/* $tag$ … $tag$; false when `at` does not open one, *closed false when it is not closed. */
static bool scan_dollar(struct lexer *lexer, bool *closed)
{
    const struct str text = lexer->text;
    size_t start = lexer->at, tag = start + 1;

    if (char_at(lexer, tag) != '$') {
        if (!is_word_start(char_at(lexer, tag)))
            return false;
        while (tag < text.len && is_word(text.data[tag]) && text.data[tag] != '$')
            tag++;
        if (char_at(lexer, tag) != '$')
            return false;
    }
    tag++;
    for (size_t at = tag; at + (tag - start) <= text.len; at++)
        if (text.data[at] == '$' && memcmp(text.data + at, text.data + start, tag - start) == 0) {
            lexer->at = at + (tag - start);
            *closed = true;
            return true;
        }
    lexer->at = text.len;
    *closed = false;
    return true;
}

static void scan_number(struct lexer *lexer)
{
    while (is_word(char_at(lexer, lexer->at)) || char_at(lexer, lexer->at) == '.') {
        char c = char_at(lexer, lexer->at);

        if (c == '.' && char_at(lexer, lexer->at + 1) == '.')
            return;
        lexer->at++;
        if ((c == 'e' || c == 'E') && (char_at(lexer, lexer->at) == '+' || char_at(lexer, lexer->at) == '-') &&
            is_digit(char_at(lexer, lexer->at + 1)))
            lexer->at++;
    }
}

static void scan_operator(struct lexer *lexer)
{
    while (is_operator(char_at(lexer, lexer->at))) {
        char c = char_at(lexer, lexer->at), next = char_at(lexer, lexer->at + 1);

        if ((c == '-' && next == '-') || (c == '/' && next == '*'))
            return;
        lexer->at++;
    }
}

/* The quote that a prefix such as E, U& or X introduces, or 0. *skip: length of the prefix. */
static char string_prefix(const struct lexer *lexer, size_t *skip, bool *escapes)
{
    char c = char_at(lexer, lexer->at), next = char_at(lexer, lexer->at + 1), third = char_at(lexer, lexer->at + 2);

    *escapes = false;
    *skip = 0;
    if (c == '\'' || c == '"')
        return c;
    if ((c == 'u' || c == 'U') && next == '&' && (third == '\'' || third == '"')) {
        *skip = 2;
        return third;
    }
    if (c != '\0' && strchr("eEbBxXnN", c) && next == '\'') {
        *skip = 1;
        *escapes = c == 'e' || c == 'E';
        return '\'';
    }
    return '\0';
}

struct lex_token lex_next(struct lexer *lexer)
{
    struct lex_token token = {0};
    size_t skip;
    bool escapes, closed;
    char quote;

    if (!skip_blank(lexer)) {
        token.start = token.end = lexer->text.len;
        token.unterminated = true;
        return token;
    }
    token.start = lexer->at;
    quote = string_prefix(lexer, &skip, &escapes);
    if (lexer->at >= lexer->text.len) {
        token.kind = LEX_END;
    } else if (quote) {
        lexer->at += skip;
        token.kind = quote == '"' ? LEX_QUOTED : LEX_STRING;
        token.unterminated = !scan_quoted(lexer, quote, escapes);
    } else if (char_at(lexer, lexer->at) == '$' && scan_dollar(lexer, &closed)) {
        token.kind = LEX_STRING;
        token.unterminated = !closed;
    } else if (is_word_start(char_at(lexer, lexer->at))) {
        token.kind = LEX_WORD;
        while (is_word(char_at(lexer, lexer->at)))
            lexer->at++;
    } else if (is_digit(char_at(lexer, lexer->at)) ||
               (char_at(lexer, lexer->at) == '.' && is_digit(char_at(lexer, lexer->at + 1)))) {
        token.kind = LEX_NUMBER;
        scan_number(lexer);
    } else if (is_operator(char_at(lexer, lexer->at))) {
        token.kind = LEX_OPERATOR;
        scan_operator(lexer);
    } else {
        token.kind = strchr("()[],;.:", char_at(lexer, lexer->at)) ? LEX_PUNCTUATION : LEX_OPERATOR;
        lexer->at++;
    }
    token.end = lexer->at;
    return token;
}

bool lex_is(struct str text, struct lex_token token, const char *word)
{
    size_t len = strlen(word);

    return (token.kind == LEX_WORD || token.kind == LEX_PUNCTUATION) && token.end - token.start == len &&
           strncasecmp(text.data + token.start, word, len) == 0;
}

const char *lex_identifier(struct arena *arena, struct str text, struct lex_token token)
{
    const char *from = text.data + token.start;
    size_t len = token.end - token.start, out = 0;
    char *name;

    if (token.kind == LEX_WORD) {
        name = arena_strndup(arena, from, len);
        for (size_t i = 0; i < len; i++)
            if (name[i] >= 'A' && name[i] <= 'Z')
                name[i] = (char)(name[i] - 'A' + 'a');
        return name;
    }
    if (token.kind != LEX_QUOTED || from[0] != '"' || len < 2)
        return NULL;
    name = arena_alloc(arena, len);
    for (size_t i = 1; i + 1 < len; i++) {
        if (from[i] == '"')
            i++;
        name[out++] = from[i];
    }
    return name;
}

const char *lex_check_fragment(struct str text, size_t *at, bool *line_comment)
{
    struct lexer lexer = {.text = text};
    char open[64];
    size_t depth = 0;

    for (;;) {
        struct lex_token token = lex_next(&lexer);
        char c = token.start < text.len ? text.data[token.start] : '\0';

        *at = token.start;
        if (token.unterminated)
            return token.kind == LEX_END ? "the comment is not closed" : "the quotation is not closed";
        if (token.kind == LEX_END)
            break;
        if (token.kind != LEX_PUNCTUATION)
            continue;
        if (c == '(' || c == '[') {
            if (depth == sizeof(open))
                return "the brackets are nested too deeply";
            open[depth++] = c;
        } else if (c == ')' || c == ']') {
            if (!depth || open[depth - 1] != (c == ')' ? '(' : '['))
                return "this bracket closes nothing";
            depth--;
        } else if (c == ';') {
            return "a ';' cannot stand here";
        }
    }
    *line_comment = lexer.line_comment;
    return depth ? "a bracket is not closed" : NULL;
}

/* Words that make the tree one level deeper to the left or to the right. */
static bool word_nests(struct str text, struct lex_token token)
{
    static const char *const words[] = {"not", "is", "isnull", "notnull", "collate", "at", "operator", "like", "ilike",
        "similar", "in", "between", "overlaps", "escape"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (lex_is(text, token, words[i]))
            return true;
    return false;
}

static bool word_chains(struct str text, struct lex_token token)
{
    return lex_is(text, token, "union") || lex_is(text, token, "except") || lex_is(text, token, "intersect") ||
           lex_is(text, token, "join");
}

static bool word_separates(struct str text, struct lex_token token)
{
    static const char *const words[] = {
        "and", "or", "when", "then", "else", "select", "from", "where", "set", "values"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (lex_is(text, token, words[i]))
            return true;
    return false;
}

enum { LEX_LEVELS_MAX = 2048 };

/* One bracket level: operators since the last separator, joins and set operations since the level began. */
struct level {
    uint32_t operators;
    uint32_t chain;
};

size_t lex_depth(struct str text, size_t *at)
{
    static struct level levels[LEX_LEVELS_MAX];
    struct lexer lexer = {.text = text};
    size_t depth = 0, below = 0, deepest = 0;

    levels[0] = (struct level){0};
    *at = 0;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        struct level *level = &levels[depth];
        char c = text.data[token.start];

        if (token.kind == LEX_PUNCTUATION && (c == '(' || c == '[')) {
            if (depth + 1 == LEX_LEVELS_MAX) {
                *at = token.start;
                return LEX_LEVELS_MAX;
            }
            below += 1 + level->operators + level->chain;
            levels[++depth] = (struct level){0};
        } else if (token.kind == LEX_PUNCTUATION && (c == ')' || c == ']')) {
            if (depth) {
                depth--;
                below -= 1 + levels[depth].operators + levels[depth].chain;
            }
        } else if (lex_is(text, token, "end")) {
            level->chain -= level->chain > 0;
        } else if (token.kind == LEX_PUNCTUATION && c == ';') {
            *level = (struct level){0};
        } else if ((token.kind == LEX_PUNCTUATION && c == ',') || word_separates(text, token)) {
            level->operators = 0;
        } else if (word_chains(text, token) || lex_is(text, token, "case")) {
            level->chain++;
        } else if (token.kind == LEX_OPERATOR || (token.kind == LEX_PUNCTUATION && c == ':') ||
                   word_nests(text, token)) {
            /* '- -' and '::' count for each character: a run of prefix operators nests as often as it is long */
            level->operators += (uint32_t)(token.end - token.start);
        }
        if (below + levels[depth].operators + levels[depth].chain > deepest) {
            deepest = below + levels[depth].operators + levels[depth].chain;
            *at = token.start;
        }
    }
    return deepest;
}

size_t lex_find_name(struct str text, size_t from, size_t to, const char *name, size_t *end)
{
    struct lexer lexer = {.text = {text.data, to < text.len ? to : text.len}, .at = from};
    size_t len = strlen(name);

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        const char *data = text.data + token.start;
        bool equal = false;

        if (token.kind == LEX_WORD)
            equal = token.end - token.start == len && strncasecmp(data, name, len) == 0;
        else if (token.kind == LEX_QUOTED)
            equal = token.end - token.start == len + 2 && memcmp(data + 1, name, len) == 0;
        if (equal) {
            *end = token.end;
            return token.start;
        }
    }
    return SIZE_MAX;
}

size_t lex_find_close(struct str text, size_t open)
{
    struct lexer lexer = {.text = text, .at = open};
    size_t depth = 0;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        char c = text.data[token.start];

        if (token.kind != LEX_PUNCTUATION)
            continue;
        if (c == '(' || c == '[')
            depth++;
        else if ((c == ')' || c == ']') && --depth == 0)
            return token.start;
    }
    return SIZE_MAX;
}

size_t lex_expression_end(struct str text, size_t from, size_t limit)
{
    struct lexer lexer = {.text = {text.data, limit < text.len ? limit : text.len}, .at = from};
    size_t depth = 0, end = from;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        char c = text.data[token.start];

        if (token.kind == LEX_PUNCTUATION) {
            if (c == '(' || c == '[')
                depth++;
            else if (!depth && (c == ')' || c == ']' || c == ',' || c == ';'))
                return end;
            else if (c == ')' || c == ']')
                depth--;
        }
        end = token.end;
    }
    return end;
}

const char *lex_rename(struct arena *arena, const char *text, const char *from, const char *to_quoted)
{
    struct str view = str_from(text);
    struct lexer lexer = {.text = view};
    struct strbuf out = STRBUF_INIT;
    struct str result;
    size_t copied = 0, len = strlen(from);
    bool behind_dot = false;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        size_t next = token.end;
        bool equal = (token.kind == LEX_WORD && token.end - token.start == len &&
                         strncasecmp(text + token.start, from, len) == 0) ||
                     (token.kind == LEX_QUOTED && token.end - token.start == len + 2 &&
                         memcmp(text + token.start + 1, from, len) == 0);

        while (next < view.len && is_space(text[next]))
            next++;
        if (equal && !behind_dot && !(next < view.len && text[next] == '(')) {
            strbuf_append(&out, text + copied, token.start - copied);
            strbuf_append_text(&out, to_quoted);
            copied = token.end;
        }
        behind_dot = token.kind == LEX_PUNCTUATION && text[token.start] == '.';
    }
    if (!copied) {
        strbuf_free(&out);
        return text;
    }
    strbuf_append(&out, text + copied, view.len - copied);
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result.data;
}
