#include "compiler/import/javascript.h"

#include <string.h>

#include "spec/base/arena.h"

enum { TEMPLATE_DEPTH_MAX = 16, TOKENS_MAX = 4 * 1000 * 1000 };

struct lexer {
    struct arena *arena;
    struct str text;
    size_t at;
    bool line_end; /* since the last token */
    bool is_broken;
};

static int peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.len ? (unsigned char)lexer->text.data[lexer->at + ahead] : -1;
}

static bool is_word_character(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c >= 0x80;
}

/* --- escapes ------------------------------------------------------------------------------------------------------ */

static void append_utf8(struct strbuf *out, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = len; i > 1; i--) {
        bytes[i - 1] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    bytes[0] = (char)(marks[len] | c);
    strbuf_append(out, bytes, len);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* At most max digits from at; the number read, UINT32_MAX when there are none or fewer than min. */
static uint32_t read_hex(struct lexer *lexer, int min, int max)
{
    uint32_t value = 0;
    int count = 0;

    for (int digit; count < max && (digit = hex_digit(peek(lexer, 0))) >= 0; count++, lexer->at++)
        value = value * 16 + (uint32_t)digit;
    return count < min ? UINT32_MAX : value;
}

static uint32_t read_unicode(struct lexer *lexer)
{
    uint32_t high, low;

    if (peek(lexer, 0) == '{') {
        lexer->at++;
        high = read_hex(lexer, 1, 6);
        if (peek(lexer, 0) != '}')
            return UINT32_MAX;
        lexer->at++;
        return high;
    }
    high = read_hex(lexer, 4, 4);
    if (high < 0xD800 || high > 0xDBFF || peek(lexer, 0) != '\\' || peek(lexer, 1) != 'u')
        return high;
    lexer->at += 2;
    low = read_hex(lexer, 4, 4);
    return low < 0xDC00 || low > 0xDFFF ? UINT32_MAX : 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* Behind a '\'. What a file of SQL cannot hold breaks it. */
static void read_escape(struct lexer *lexer, struct strbuf *out)
{
    static const char names[] = "nrtbvf", values[] = "\n\r\t\b\v\f";
    int c = peek(lexer, 0);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    uint32_t code = 0;

    if (c < 0) {
        lexer->is_broken = true;
        return;
    }
    lexer->at++;
    if (c == '\n')
        return;
    if (c == '\r') {
        lexer->at += peek(lexer, 0) == '\n';
        return;
    }
    if (name) {
        strbuf_append_char(out, values[name - names]);
        return;
    }
    if (c == 'x' || c == 'u')
        code = c == 'x' ? read_hex(lexer, 2, 2) : read_unicode(lexer);
    else if (c < '0' || c > '9')
        code = (uint32_t)c;
    if (c >= 0x80) {
        strbuf_append_char(out, (char)c);
        return;
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        lexer->is_broken = true;
    else
        append_utf8(out, code);
}

/* --- literals ----------------------------------------------------------------------------------------------------- */

static struct str take_value(struct lexer *lexer, struct strbuf *value)
{
    struct str copy = strbuf_copy(value, lexer->arena);

    strbuf_free(value);
    return copy;
}

static void read_string(struct lexer *lexer, struct js_token *token)
{
    int quote = peek(lexer, 0);
    struct strbuf value = STRBUF_INIT;

    lexer->at++;
    while (!lexer->is_broken) {
        int c = peek(lexer, 0);

        if (c < 0 || c == '\n') {
            lexer->is_broken = true;
            break;
        }
        lexer->at++;
        if (c == quote)
            break;
        if (c == '\\')
            read_escape(lexer, &value);
        else
            strbuf_append_char(&value, (char)c);
    }
    token->kind = JS_STRING;
    token->value = take_value(lexer, &value);
}

static void skip_template(struct lexer *lexer, int depth);

/* Behind a '/': a comment's rest. False when it is none. */
static bool skip_comment(struct lexer *lexer)
{
    const char *end;

    if (peek(lexer, 0) != '/')
        return false;
    if (peek(lexer, 1) == '/') {
        while (peek(lexer, 0) >= 0 && peek(lexer, 0) != '\n')
            lexer->at++;
        return true;
    }
    if (peek(lexer, 1) != '*')
        return false;
    for (lexer->at += 2;
         (end = lexer->at < lexer->text.len ? memchr(lexer->text.data + lexer->at, '*', lexer->text.len - lexer->at)
                                            : NULL);) {
        lexer->at = (size_t)(end - lexer->text.data) + 1;
        if (peek(lexer, 0) == '/') {
            lexer->at++;
            return true;
        }
    }
    lexer->at = lexer->text.len;
    lexer->is_broken = true;
    return true;
}

/* Behind "${", to behind its '}'. */
static void skip_substitution(struct lexer *lexer, int depth)
{
    size_t braces = 1;

    while (braces && !lexer->is_broken) {
        int c = peek(lexer, 0);
        struct js_token ignored;

        if (c < 0) {
            lexer->is_broken = true;
        } else if (c == '"' || c == '\'') {
            read_string(lexer, &ignored);
        } else if (c == '`') {
            skip_template(lexer, depth + 1);
        } else if (!skip_comment(lexer)) {
            braces += c == '{';
            braces -= c == '}';
            lexer->at++;
        }
    }
}

static void skip_template(struct lexer *lexer, int depth)
{
    if (depth > TEMPLATE_DEPTH_MAX)
        lexer->is_broken = true;
    for (lexer->at++; !lexer->is_broken;) {
        int c = peek(lexer, 0);

        if (c < 0) {
            lexer->is_broken = true;
        } else if (c == '`') {
            lexer->at++;
            return;
        } else if (c == '$' && peek(lexer, 1) == '{') {
            lexer->at += 2;
            skip_substitution(lexer, depth);
        } else {
            lexer->at += c == '\\' ? 2 : 1;
        }
    }
}

static void read_template(struct lexer *lexer, struct js_token *token)
{
    size_t start = lexer->at;
    struct strbuf value = STRBUF_INIT;

    token->kind = JS_STRING;
    for (lexer->at++; !lexer->is_broken;) {
        int c = peek(lexer, 0);

        if (c < 0) {
            lexer->is_broken = true;
            break;
        }
        if (c == '$' && peek(lexer, 1) == '{') {
            lexer->at = start;
            skip_template(lexer, 0);
            token->kind = JS_TEMPLATE;
            break;
        }
        lexer->at++;
        if (c == '`')
            break;
        if (c == '\\')
            read_escape(lexer, &value);
        else
            strbuf_append_char(&value, (char)c);
    }
    token->value = take_value(lexer, &value);
}

/* A '/' begins a regular expression where a value can begin. */
static bool regex_can_begin(const struct js_tokens *tokens)
{
    static const char *const words[] = {
        "return", "typeof", "case", "in", "of", "await", "void", "delete", "new", "else", NULL};
    const struct js_token *last = tokens->items.count ? &tokens->items.items[tokens->items.count - 1] : NULL;

    if (!last)
        return true;
    if (last->kind == JS_MARK)
        return !js_is(last, ")") && !js_is(last, "]") && !js_is(last, "}");
    for (size_t i = 0; last->kind == JS_WORD && words[i]; i++)
        if (js_is(last, words[i]))
            return true;
    return false;
}

static void read_regex(struct lexer *lexer, struct js_token *token)
{
    bool in_class = false;

    token->kind = JS_REGEX;
    for (lexer->at++;; lexer->at++) {
        int c = peek(lexer, 0);

        if (c < 0 || c == '\n') {
            lexer->is_broken = true;
            return;
        }
        if (c == '\\')
            lexer->at++;
        else if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
        else if (c == '/' && !in_class)
            break;
    }
    lexer->at++;
    while (is_word_character(peek(lexer, 0)))
        lexer->at++;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static void skip_blanks(struct lexer *lexer)
{
    while (!lexer->is_broken) {
        int c = peek(lexer, 0);
        size_t before = lexer->at;

        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f') {
            lexer->line_end |= c == '\n';
            lexer->at++;
        } else if (skip_comment(lexer)) {
            lexer->line_end |= memchr(lexer->text.data + before, '\n', lexer->at - before) != NULL;
        } else {
            return;
        }
    }
}

static void read_token(struct lexer *lexer, const struct js_tokens *before, struct js_token *token)
{
    int c = peek(lexer, 0);

    if (c == '"' || c == '\'') {
        read_string(lexer, token);
    } else if (c == '`') {
        read_template(lexer, token);
    } else if (is_word_character(c)) {
        token->kind = JS_WORD;
        while (is_word_character(peek(lexer, 0)))
            lexer->at++;
    } else if (c == '/' && regex_can_begin(before)) {
        read_regex(lexer, token);
    } else {
        token->kind = JS_MARK;
        lexer->at += c == '=' && peek(lexer, 1) == '>' ? 2 : 1;
    }
    if (lexer->at > lexer->text.len)
        lexer->at = lexer->text.len;
}

/* False when they do not pair. */
static bool match_brackets(struct arena *arena, struct js_tokens *tokens)
{
    size_t *open = ARENA_ARRAY(arena, size_t, tokens->items.count), depth = 0;

    for (size_t i = 0; i < tokens->items.count; i++) {
        struct js_token *token = &tokens->items.items[i], *opening;
        char mark = token->kind == JS_MARK ? token->text.data[0] : ' ';

        if (strchr("([{", mark)) {
            open[depth++] = i;
        } else if (strchr(")]}", mark)) {
            opening = depth ? &tokens->items.items[open[--depth]] : NULL;
            if (!opening || opening->text.data[0] != (mark == ')' ? '(' : mark == ']' ? '[' : '{'))
                return false;
            opening->behind = i + 1;
        }
    }
    return depth == 0;
}

bool js_is(const struct js_token *token, const char *text)
{
    return (token->kind == JS_WORD || token->kind == JS_MARK) && str_is(token->text, text);
}

void js_tokenize(struct arena *arena, struct str text, struct js_tokens *out)
{
    struct lexer lexer = {.arena = arena, .text = text};
    size_t line = 1, counted = 0;
    struct js_token token;

    *out = (struct js_tokens){0};
    for (;;) {
        lexer.line_end = out->items.count == 0;
        skip_blanks(&lexer);
        for (; counted < lexer.at && counted < text.len; counted++)
            line += text.data[counted] == '\n';
        token = (struct js_token){
            .kind = JS_END, .offset = lexer.at, .line = line, .begins_line = lexer.line_end, .text = STR("")};
        if (lexer.is_broken || lexer.at >= text.len || out->items.count >= TOKENS_MAX)
            break;
        read_token(&lexer, out, &token);
        token.text = (struct str){text.data + token.offset, lexer.at - token.offset};
        VEC_PUSH(arena, &out->items, token);
    }
    out->is_broken = lexer.is_broken || lexer.at < text.len;
    VEC_PUSH(arena, &out->items, token);
    out->is_broken |= !match_brackets(arena, out);
}
