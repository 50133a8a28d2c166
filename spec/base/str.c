#include "spec/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"

struct str str_from(const char *text)
{
    return (struct str){text ? text : "", text ? strlen(text) : 0};
}

bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_from(text));
}

bool str_starts_with(struct str a, const char *prefix)
{
    size_t len = strlen(prefix);

    return a.len >= len && memcmp(a.data, prefix, len) == 0;
}

bool str_ends_with(struct str a, const char *suffix)
{
    size_t len = strlen(suffix);

    return a.len >= len && memcmp(a.data + a.len - len, suffix, len) == 0;
}

int str_compare(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;

    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

struct str str_trim(struct str a)
{
    while (a.len && is_blank(a.data[0])) {
        a.data++;
        a.len--;
    }
    while (a.len && is_blank(a.data[a.len - 1]))
        a.len--;
    return a;
}

struct str str_copy(struct arena *arena, struct str a)
{
    return (struct str){arena_strndup(arena, a.data, a.len), a.len};
}

bool str_to_u64(struct str a, uint64_t *out)
{
    uint64_t value = 0;

    if (a.len == 0)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned digit = (unsigned)(unsigned char)a.data[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool str_to_i64(struct str a, int64_t *out)
{
    bool negative = a.len && a.data[0] == '-';
    uint64_t value;

    if (negative) {
        a.data++;
        a.len--;
    }
    if (!str_to_u64(a, &value) || value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

void strbuf_reserve(struct strbuf *buf, size_t extra)
{
    size_t capacity = buf->capacity ? buf->capacity : 64;
    char *data;

    if (extra > SIZE_MAX / 2 - buf->len - 1)
        BUG("string of %zu bytes", extra);
    if (buf->len + extra + 1 <= buf->capacity)
        return;
    while (capacity < buf->len + extra + 1)
        capacity *= 2;
    data = realloc(buf->data, capacity);
    if (!data)
        BUG("out of memory");
    buf->data = data;
    buf->capacity = capacity;
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (len < 0)
        BUG("format '%s'", format);
    strbuf_reserve(buf, (size_t)len);
    va_start(ap, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, ap);
    va_end(ap);
    buf->len += (size_t)len;
}

void strbuf_clear(struct strbuf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

void strbuf_free(struct strbuf *buf)
{
    free(buf->data);
    *buf = (struct strbuf)STRBUF_INIT;
}

void strbuf_free_secret(struct strbuf *buf)
{
    if (buf->data) {
        volatile char *byte = buf->data; /* volatile: a plain memset before free may be optimised away */

        for (size_t i = 0; i < buf->capacity; i++)
            byte[i] = 0;
    }
    strbuf_free(buf);
}

struct str strbuf_view(const struct strbuf *buf)
{
    return (struct str){buf->data ? buf->data : "", buf->len};
}

struct str strbuf_copy(const struct strbuf *buf, struct arena *arena)
{
    return str_copy(arena, strbuf_view(buf));
}

/* Length of the well-formed UTF-8 sequence at text, or 0. Ranges from RFC 3629, section 4. */
static size_t utf8_sequence_len(const unsigned char *text, size_t len)
{
    unsigned char lead = text[0], low = 0x80, high = 0xBF;
    size_t need;

    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (len < need)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

/* How many bytes from the first one on are ASCII, as far as a word at a time tells. */
static size_t ascii_words(const char *text, size_t len)
{
    size_t i = 0;
    uint64_t word;

    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, text + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

size_t utf8_count(const char *text, size_t len)
{
    size_t i = ascii_words(text, len), count = i;

    for (; i < len; count++) {
        size_t n = (unsigned char)text[i] < 0x80 ? 1 : utf8_sequence_len((const unsigned char *)text + i, len - i);

        i += n ? n : 1;
    }
    return count;
}

size_t utf8_invalid_at(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        size_t n = utf8_sequence_len((const unsigned char *)text + i, len - i);

        if (!n)
            return i;
        i += n;
    }
    return len;
}

enum { DISTANCE_MAX_LEN = 64 };

/* Damerau-Levenshtein, optimal string alignment. Words longer than DISTANCE_MAX_LEN are never close. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t rows[3][DISTANCE_MAX_LEN + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    if (a.len > DISTANCE_MAX_LEN || b.len > DISTANCE_MAX_LEN)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++) {
        above[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[b.len];
}

const char *str_did_you_mean(struct str word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t limit = word.len / 3 > 1 ? word.len / 3 : 1;
    size_t best_distance = limit + 1;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, str_from(candidates[i]));

        if (distance < best_distance) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}
