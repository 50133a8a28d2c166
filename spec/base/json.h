/*
 * Strict JSON (RFC 8259): reader and writer.
 *
 * The reader refuses what a lenient one lets pass: duplicate keys, text behind the value, invalid UTF-8, lone
 * surrogates, \u0000, a byte order mark, numbers outside the grammar, nesting deeper than JSON_DEPTH_MAX. Numbers keep
 * their decimal text: nothing is forced through a double. Objects keep the order of their keys.
 *
 * Values live in the arena given; strings are decoded and NUL-terminated. With JSON_ALLOW_NUL (for items of a database,
 * where U+0000 is data like any other) a string may hold NUL bytes and its length counts.
 */
#ifndef SPEC_BASE_JSON_H
#define SPEC_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

enum { JSON_DEPTH_MAX = 200 };

/* Flags. JSON_ALLOW_DUPLICATES: RFC 8259 only says that keys should be unique; both members are kept in their order. */
enum json_option { JSON_STRICT = 0, JSON_ALLOW_NUL = 1, JSON_ALLOW_DUPLICATES = 2 };

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    struct str text;    /* JSON_STRING: decoded; JSON_NUMBER: the lexeme as it stood */
    struct str key;     /* decoded key, when this value is a member of an object */
    struct json *child; /* first element or member */
    struct json *last;  /* last element or member */
    struct json *next;  /* next sibling */
    size_t count;       /* number of elements or members */
    uint32_t offset;    /* byte offset of the value in the text it was read from */
    bool plain;         /* JSON_STRING: known to need no escape when it is written; JSON_NUMBER: always */
};

/* Where reading failed. */
struct json_error {
    size_t offset; /* in bytes */
    size_t line;   /* 1-based */
    size_t column; /* 1-based, in bytes */
    char message[256];
};

/* NULL on failure, with *error filled. The whole of text must be one value with optional white space around it. */
struct json *json_read(struct arena *arena, struct str text, enum json_option option, struct json_error *error);

/* Reading trees. Each accepts NULL and a value of another type, and then gives NULL, false or the fallback. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_at(const struct json *array, size_t index);
bool json_is(const struct json *value, enum json_type type);
struct str json_text(const struct json *value);                     /* string or number text; else "" */
const char *json_string(const struct json *value);                  /* NULL unless a string */
bool json_to_i64(const struct json *value, int64_t *out);           /* a number without fraction or exponent that fits */
bool json_bool(const struct json *value, bool fallback);

/* Building trees. Texts are copied into the arena. Members keep the order of the calls. */
struct json *json_new(struct arena *arena, enum json_type type);
struct json *json_new_string(struct arena *arena, struct str text);
struct json *json_new_text(struct arena *arena, const char *text);
struct json *json_new_integer(struct arena *arena, int64_t value);
struct json *json_new_number(struct arena *arena, struct str lexeme); /* must be a JSON number */
struct json *json_new_bool(struct arena *arena, bool value);
void json_append(struct json *array, struct json *value);                                   /* value has no parent yet */
void json_set(struct arena *arena, struct json *object, const char *key, struct json *value); /* key must be new */
void json_set_str(struct arena *arena, struct json *object, struct str key, struct json *value); /* key may hold NUL */
void json_set_text(struct arena *arena, struct json *object, const char *key, const char *text); /* NULL text: JSON null */
void json_set_integer(struct arena *arena, struct json *object, const char *key, int64_t value);
struct json *json_clone(struct arena *arena, const struct json *value);
/* Same type and content; objects regardless of key order; numbers by their text. */
bool json_equal(const struct json *a, const struct json *b);

/*
 * Canonical writer: no white space, members in the tree's order, strings with the shortest escapes (\" \\ \b \f \n \r
 * \t, \u00XX for other control characters and U+007F, everything else as UTF-8).
 */
void json_write(struct strbuf *out, const struct json *value);
/* Two spaces of indentation a level, for people. */
void json_write_pretty(struct strbuf *out, const struct json *value);
void json_write_string(struct strbuf *out, struct str text);

#endif
