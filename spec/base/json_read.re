/*
 * Reader of strict JSON. The text is copied once; strings are decoded in that copy, where they never grow, and the byte
 * of the closing quote becomes their NUL. So a string costs no allocation of its own.
 */
#include "spec/base/json.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/json_scan.h"
#include "spec/base/map.h"

/* From this many members on, an object's keys are looked up in a map, so that no input takes quadratic time. */
enum { JSON_MAP_FROM = 16 };

enum { NUMBER_COPY_BYTES = 16 };

enum token {
    TOKEN_END,
    TOKEN_OBJECT_OPEN,
    TOKEN_OBJECT_CLOSE,
    TOKEN_ARRAY_OPEN,
    TOKEN_ARRAY_CLOSE,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NULL,
    TOKEN_FAILED, /* reported */
};

struct reader {
    struct arena *arena;
    enum json_option option;
    struct json_error *error;
    struct str source;     /* as given, for positions */
    unsigned char *start;  /* the copy, NULs behind its last byte */
    unsigned char *cursor;
    unsigned char *limit;
    size_t offset;         /* of the token */
    struct str text;       /* of a string or number token */
    bool plain;            /* of the same, as in struct json */
};

static enum token fail_at(struct reader *r, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum token fail_at(struct reader *r, size_t offset, const char *format, ...)
{
    struct json_error *error = r->error;
    va_list ap;

    error->offset = offset;
    error->line = 1;
    error->column = 1;
    for (size_t i = 0; i < offset && i < r->source.len; i++) {
        bool line_end = r->source.data[i] == '\n';

        error->line += line_end;
        error->column = line_end ? 1 : error->column + 1;
    }
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return TOKEN_FAILED;
}

/* An error at a byte that no rule takes: in a string (after its opening quote) or outside. */
static enum token fail_at_byte(struct reader *r, const unsigned char *at, bool in_string)
{
    size_t offset = (size_t)(at - r->start);

    if (at >= r->limit)
        return fail_at(r, offset, in_string ? "the string is not closed" : "the text ends too early");
    if (*at >= 0x80 && utf8_invalid_at((const char *)at, (size_t)(r->limit - at)) == 0)
        return fail_at(r, offset, "byte 0x%02X is not valid UTF-8", *at);
    if (in_string && *at < 0x20)
        return fail_at(r, offset, "control character 0x%02X in a string must be written \\u%04x", *at, *at);
    if (in_string)
        return fail_at(r, offset, "'\\' must be followed by one of \" \\ / b f n r t u");
    if (offset == 0 && r->limit - at >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        return fail_at(r, offset, "the text must not begin with a byte order mark");
    if (*at >= 0x20 && *at < 0x7F)
        return fail_at(r, offset, "'%c' is not JSON here", *at);
    return fail_at(r, offset, "byte 0x%02X is not JSON here", *at);
}

static uint32_t hex_value(const unsigned char *digits)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned char c = digits[i];

        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static unsigned char *put_utf8(unsigned char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (unsigned char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (unsigned char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (unsigned char)(0xE0 | code >> 12);
        } else {
            *out++ = (unsigned char)(0xF0 | code >> 18);
            *out++ = (unsigned char)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (unsigned char)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (unsigned char)(0x80 | (code & 0x3F));
    return out;
}

/*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:yyfill:enable = 0;

    plain = [\x20-\x21\x23-\x5b\x5d-\x7f];
    tail = [\x80-\xbf];
    utf8 = [\xc2-\xdf] tail
         | "\xe0" [\xa0-\xbf] tail
         | [\xe1-\xec\xee-\xef] tail tail
         | "\xed" [\x80-\x9f] tail
         | "\xf0" [\x90-\xbf] tail tail
         | [\xf1-\xf3] tail tail tail
         | "\xf4" [\x80-\x8f] tail tail;
    hex = [0-9a-fA-F];
*/

/* The rest, from `from` on, of a string whose opening quote the cursor stands behind: with escapes, or with a fault. */
static enum token read_escaped_string(struct reader *r, unsigned char *from)
{
    unsigned char *YYCURSOR = from, *YYMARKER, *token, *out = from, *first = r->cursor;
    uint32_t code;

    r->plain = false;
    for (;;) {
        token = YYCURSOR;
        /*!re2c
            (plain | utf8)+ {
                memmove(out, token, (size_t)(YYCURSOR - token));
                out += YYCURSOR - token;
                continue;
            }
            ["] {
                *out = '\0';
                r->text = (struct str){(const char *)first, (size_t)(out - first)};
                r->cursor = YYCURSOR;
                return TOKEN_STRING;
            }
            "\\" ["\\/] { *out++ = token[1]; continue; }
            "\\b" { *out++ = '\b'; continue; }
            "\\f" { *out++ = '\f'; continue; }
            "\\n" { *out++ = '\n'; continue; }
            "\\r" { *out++ = '\r'; continue; }
            "\\t" { *out++ = '\t'; continue; }
            "\\u" 'd' [89abAB] hex{2} "\\u" 'd' [c-fC-F] hex{2} {
                code = 0x10000 + ((hex_value(token + 2) - 0xD800) << 10) + (hex_value(token + 8) - 0xDC00);
                out = put_utf8(out, code);
                continue;
            }
            "\\u" 'd' [89a-fA-F] hex{2} {
                return fail_at(r, (size_t)(token - r->start), "'%.6s' is half of a surrogate pair", (const char *)token);
            }
            "\\u" hex{4} {
                code = hex_value(token + 2);
                if (code == 0 && !(r->option & JSON_ALLOW_NUL))
                    return fail_at(r, (size_t)(token - r->start), "\\u0000 is not allowed in a string");
                out = put_utf8(out, code);
                continue;
            }
            "\\u" { return fail_at(r, (size_t)(token - r->start), "'\\u' must be followed by four hexadecimal digits"); }
            * { return fail_at_byte(r, token, true); }
        */
    }
}

/*
 * Behind the opening quote. Most strings have neither escapes nor faults and end here; for the rest of the others there is
 * the one with all the rules.
 */
static enum token read_string(struct reader *r)
{
    unsigned char *at = r->cursor;

    r->plain = true;
    for (;;) {
        unsigned char *run;
        size_t passed;

        do {
            passed = json_scan_reads(at);
            at += passed;
        } while (passed == JSON_SCAN_BYTES);
        if (*at == '"')
            break;
        if (*at < 0x20 || *at == '\\')
            return read_escaped_string(r, at);
        if (*at < 0x80) {
            r->plain &= *at++ != 0x7F;
            continue;
        }
        for (run = at; *at >= 0x80;)
            at++;
        if (utf8_invalid_at((const char *)run, (size_t)(at - run)) != (size_t)(at - run))
            return read_escaped_string(r, run);
    }
    *at = '\0';
    r->text = (struct str){(const char *)r->cursor, (size_t)(at - r->cursor)};
    r->cursor = at + 1;
    return TOKEN_STRING;
}

/* Numbers are followed by what must not be overwritten yet. Short ones are copied in one piece with what follows them. */
static enum token take_number(struct reader *r, const unsigned char *start, unsigned char *end)
{
    size_t len = (size_t)(end - start);
    char *copy;

    if (len < NUMBER_COPY_BYTES) {
        copy = arena_alloc(r->arena, NUMBER_COPY_BYTES);
        memcpy(copy, start, NUMBER_COPY_BYTES);
        copy[len] = '\0';
    } else {
        copy = arena_strndup(r->arena, (const char *)start, len);
    }
    r->text = (struct str){copy, len};
    r->plain = true;
    r->cursor = end;
    return TOKEN_NUMBER;
}

/* Tokens of every kind, with white space before them. */
static enum token scan_token(struct reader *r)
{
    unsigned char *YYCURSOR = r->cursor, *token;

    for (;;) {
        token = YYCURSOR;
        r->offset = (size_t)(token - r->start);
        /*!re2c
            [ \t\n\r]+ { continue; }
            "{" { r->cursor = YYCURSOR; return TOKEN_OBJECT_OPEN; }
            "}" { r->cursor = YYCURSOR; return TOKEN_OBJECT_CLOSE; }
            "[" { r->cursor = YYCURSOR; return TOKEN_ARRAY_OPEN; }
            "]" { r->cursor = YYCURSOR; return TOKEN_ARRAY_CLOSE; }
            "," { r->cursor = YYCURSOR; return TOKEN_COMMA; }
            ":" { r->cursor = YYCURSOR; return TOKEN_COLON; }
            "true" { r->cursor = YYCURSOR; return TOKEN_TRUE; }
            "false" { r->cursor = YYCURSOR; return TOKEN_FALSE; }
            "null" { r->cursor = YYCURSOR; return TOKEN_NULL; }
            ["] { r->cursor = YYCURSOR; return read_string(r); }
            "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)? {
                return take_number(r, token, YYCURSOR);
            }
            [-+.0-9a-zA-Z_]+ {
                int len = YYCURSOR - token > 40 ? 40 : (int)(YYCURSOR - token);

                return fail_at(r, r->offset, "'%.*s' is neither a number nor true, false or null", len,
                    (const char *)token);
            }
            "\x00" {
                if (token < r->limit)
                    return fail_at_byte(r, token, false);
                r->cursor = token;
                return TOKEN_END;
            }
            * { return fail_at_byte(r, token, false); }
        */
    }
}

static inline enum token next_token(struct reader *r)
{
    if (*r->cursor != '"')
        return scan_token(r);
    r->offset = (size_t)(r->cursor - r->start);
    r->cursor++;
    return read_string(r);
}

/* The same for punctuation that is likely, and stands without white space: true, and it is behind us. */
static inline bool take(struct reader *r, unsigned char punctuation)
{
    if (*r->cursor != punctuation)
        return false;
    r->cursor++;
    return true;
}

static struct json *read_value(struct reader *r, enum token token, unsigned depth);

static const char *token_name(enum token token)
{
    static const char *const names[] = {"the end of the text", "'{'", "'}'", "'['", "']'", "','", "':'", "a string",
        "a number", "'true'", "'false'", "'null'", ""};

    return names[token];
}

static struct json *fail_expected(struct reader *r, enum token token, const char *wanted)
{
    if (token != TOKEN_FAILED)
        fail_at(r, r->offset, "%s is wanted, not %s", wanted, token_name(token));
    return NULL;
}

static void add_child(struct json *parent, struct json *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->child = child;
    parent->last = child;
    parent->count++;
}

/* The keys of an object so far. */
struct keys {
    uint64_t marks; /* a bit that most keys have for themselves */
    struct map map; /* used, and filled at first, once the object is large */
};

static uint64_t mark_key(struct str key)
{
    unsigned first = key.len ? (unsigned char)key.data[0] : 0;
    unsigned last = key.len ? (unsigned char)key.data[key.len - 1] : 0;

    return UINT64_C(1) << ((first * 5 + last * 3 + key.len) & 63);
}

static bool key_is_new(struct reader *r, const struct json *object, struct keys *keys, struct str key)
{
    uint64_t mark = mark_key(key);
    bool may_be_there = keys->marks & mark;

    keys->marks |= mark;
    if (object->count < JSON_MAP_FROM) {
        for (const struct json *member = may_be_there ? object->child : NULL; member; member = member->next)
            if (str_equal(member->key, key))
                return false;
        return true;
    }
    if (!keys->map.arena) {
        map_init(&keys->map, r->arena);
        for (struct json *member = object->child; member; member = member->next)
            map_put(&keys->map, member->key, member);
    }
    return map_put(&keys->map, key, r) == NULL;
}

static struct json *read_object(struct reader *r, struct json *object, unsigned depth)
{
    struct keys keys = {0};
    enum token token = next_token(r);

    if (token == TOKEN_OBJECT_CLOSE)
        return object;
    for (;;) {
        struct str key;
        struct json *member;

        if (token != TOKEN_STRING)
            return fail_expected(r, token, "a key in double quotes");
        key = r->text;
        if (!(r->option & JSON_ALLOW_DUPLICATES) && !key_is_new(r, object, &keys, key)) {
            fail_at(r, r->offset, "key '%.*s' is there twice", key.len > 100 ? 100 : (int)key.len, key.data);
            return NULL;
        }
        if (!take(r, ':') && (token = next_token(r)) != TOKEN_COLON)
            return fail_expected(r, token, "':'");
        member = read_value(r, next_token(r), depth);
        if (!member)
            return NULL;
        member->key = key;
        add_child(object, member);
        if (!take(r, ',')) {
            token = next_token(r);
            if (token == TOKEN_OBJECT_CLOSE)
                return object;
            if (token != TOKEN_COMMA)
                return fail_expected(r, token, "',' or '}'");
        }
        token = next_token(r);
    }
}

static struct json *read_array(struct reader *r, struct json *array, unsigned depth)
{
    enum token token = next_token(r);

    if (token == TOKEN_ARRAY_CLOSE)
        return array;
    for (;;) {
        struct json *element = read_value(r, token, depth);

        if (!element)
            return NULL;
        add_child(array, element);
        if (!take(r, ',')) {
            token = next_token(r);
            if (token == TOKEN_ARRAY_CLOSE)
                return array;
            if (token != TOKEN_COMMA)
                return fail_expected(r, token, "',' or ']'");
        }
        token = next_token(r);
    }
}

static struct json *read_value(struct reader *r, enum token token, unsigned depth)
{
    static const enum json_type types[] = {[TOKEN_OBJECT_OPEN] = JSON_OBJECT,
        [TOKEN_ARRAY_OPEN] = JSON_ARRAY,
        [TOKEN_STRING] = JSON_STRING,
        [TOKEN_NUMBER] = JSON_NUMBER,
        [TOKEN_TRUE] = JSON_TRUE,
        [TOKEN_FALSE] = JSON_FALSE,
        [TOKEN_NULL] = JSON_NULL};
    struct json *value;

    switch (token) {
    case TOKEN_OBJECT_OPEN:
    case TOKEN_ARRAY_OPEN:
    case TOKEN_STRING:
    case TOKEN_NUMBER:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_NULL:
        break;
    default:
        return fail_expected(r, token, "a value");
    }
    value = ARENA_NEW(r->arena, struct json);
    value->type = types[token];
    value->offset = (uint32_t)r->offset;
    if (token == TOKEN_STRING || token == TOKEN_NUMBER) {
        value->text = r->text;
        value->plain = r->plain;
    }
    if (token != TOKEN_OBJECT_OPEN && token != TOKEN_ARRAY_OPEN)
        return value;
    if (depth == JSON_DEPTH_MAX) {
        fail_at(r, r->offset, "nested deeper than %d levels", JSON_DEPTH_MAX);
        return NULL;
    }
    return token == TOKEN_OBJECT_OPEN ? read_object(r, value, depth + 1) : read_array(r, value, depth + 1);
}

struct json *json_read(struct arena *arena, struct str text, enum json_option option, struct json_error *error)
{
    struct reader r = {.arena = arena, .option = option, .error = error, .source = text};
    struct json *value;
    enum token token;

    if (text.len >= UINT32_MAX) {
        fail_at(&r, 0, "the text is longer than 4 GiB");
        return NULL;
    }
    r.start = r.cursor = arena_alloc(arena, text.len + NUMBER_COPY_BYTES);
    if (text.len)
        memcpy(r.start, text.data, text.len);
    r.limit = r.start + text.len;
    value = read_value(&r, next_token(&r), 0);
    if (!value)
        return NULL;
    token = next_token(&r);
    if (token != TOKEN_END) {
        fail_expected(&r, token, "the end of the text");
        return NULL;
    }
    return value;
}
