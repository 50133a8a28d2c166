/*
 * Byte strings: `struct str` is a view with a length (it may hold NUL bytes), `struct strbuf` a growable buffer.
 * A view that comes from an arena or a strbuf has a NUL behind its last byte, so `.data` can be given to C functions
 * where the text is known to hold none.
 */
#ifndef SPEC_BASE_STR_H
#define SPEC_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
    const char *data;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).data

struct str str_from(const char *text); /* NULL gives the empty string */
/* Names are mostly short: words that may overlap at both ends decide about them without a call. */
static inline bool str_equal(struct str a, struct str b)
{
    enum { WORD = sizeof(uint64_t), HALF = sizeof(uint32_t) };

    if (a.len != b.len)
        return false;
    if (a.len >= WORD) {
        uint64_t words[4];

        memcpy(&words[0], a.data, WORD);
        memcpy(&words[1], b.data, WORD);
        memcpy(&words[2], a.data + a.len - WORD, WORD);
        memcpy(&words[3], b.data + b.len - WORD, WORD);
        return words[0] == words[1] && words[2] == words[3] &&
               (a.len <= 2 * WORD || memcmp(a.data + WORD, b.data + WORD, a.len - 2 * WORD) == 0);
    }
    if (a.len >= HALF) {
        uint32_t halves[4];

        memcpy(&halves[0], a.data, HALF);
        memcpy(&halves[1], b.data, HALF);
        memcpy(&halves[2], a.data + a.len - HALF, HALF);
        memcpy(&halves[3], b.data + b.len - HALF, HALF);
        return halves[0] == halves[1] && halves[2] == halves[3];
    }
    return a.len == 0 || (a.data[0] == b.data[0] && a.data[a.len / 2] == b.data[a.len / 2] &&
                             a.data[a.len - 1] == b.data[a.len - 1]);
}
bool str_is(struct str a, const char *text);
bool str_starts_with(struct str a, const char *prefix);
bool str_ends_with(struct str a, const char *suffix);
int str_compare(struct str a, struct str b); /* by bytes, like memcmp; a prefix sorts first */
struct str str_trim(struct str a);           /* ASCII white space off both ends */
struct str str_copy(struct arena *arena, struct str a);
/* Decimal without sign or leading blanks; false when empty, not a number, or too large. */
bool str_to_u64(struct str a, uint64_t *out);
/* Decimal with an optional '-'. */
bool str_to_i64(struct str a, int64_t *out);

struct strbuf {
    char *data; /* always NUL-terminated once anything was appended */
    size_t len;
    size_t capacity;
};

#define STRBUF_INIT {0}

void strbuf_reserve(struct strbuf *buf, size_t extra); /* room for extra more bytes and a NUL */

static inline void strbuf_append(struct strbuf *buf, const void *data, size_t len)
{
    if (!buf->data || buf->capacity - buf->len <= len)
        strbuf_reserve(buf, len);
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

static inline void strbuf_append_char(struct strbuf *buf, char c)
{
    if (!buf->data || buf->capacity - buf->len <= 1)
        strbuf_reserve(buf, 1);
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

static inline void strbuf_append_str(struct strbuf *buf, struct str text)
{
    strbuf_append(buf, text.data, text.len);
}

static inline void strbuf_append_text(struct strbuf *buf, const char *text)
{
    strbuf_append(buf, text, strlen(text));
}

void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_clear(struct strbuf *buf); /* keeps the room */
void strbuf_free(struct strbuf *buf);
struct str strbuf_view(const struct strbuf *buf); /* valid until the next change of buf */
struct str strbuf_copy(const struct strbuf *buf, struct arena *arena);
/* Wipes the bytes before freeing them: for secrets. */
void strbuf_free_secret(struct strbuf *buf);

/* Length in code points of valid or invalid UTF-8 (an invalid byte counts as one). */
size_t utf8_count(const char *text, size_t len);
/* Offset of the first byte that is not well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms), or len. */
size_t utf8_invalid_at(const char *text, size_t len);

/*
 * The candidate that a user most likely meant by `word` (Damerau-Levenshtein distance of at most a third of its
 * length), or NULL. candidates: count NUL-terminated strings.
 */
const char *str_did_you_mean(struct str word, const char *const *candidates, size_t count);

#endif
