#include <string.h>

#include "spec/base/json.h"
#include "spec/base/json_scan.h"

static const char *short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F;
}

/* Two words of text, which may overlap, copied to the same places in out. False where a byte has to be escaped. */
static inline bool copy_words(char *out, const char *text, size_t second)
{
    uint64_t a, b;

    memcpy(&a, text, sizeof(a));
    memcpy(&b, text + second, sizeof(b));
    memcpy(out, &a, sizeof(a));
    memcpy(out + second, &b, sizeof(b));
    return json_scan_writes(a, b);
}

/* Copies text; false where something in it has to be escaped. What is left of words is copied with bytes before it. */
static bool copy_plain(char *out, struct str text)
{
    enum { WORD = sizeof(uint64_t) };
    size_t i = 0, len = text.len;

    if (len >= WORD) {
        for (; len - i >= 2 * WORD; i += 2 * WORD)
            if (!copy_words(out + i, text.data + i, WORD))
                return false;
        if (i == len)
            return true;
        return len >= 2 * WORD ? copy_words(out + len - 2 * WORD, text.data + len - 2 * WORD, WORD)
                               : copy_words(out, text.data, len - WORD);
    }
    if (len >= WORD / 2) {
        uint32_t first, last;

        memcpy(&first, text.data, sizeof(first));
        memcpy(&last, text.data + len - sizeof(last), sizeof(last));
        memcpy(out, &first, sizeof(first));
        memcpy(out + len - sizeof(last), &last, sizeof(last));
        return json_scan_writes(first | (uint64_t)last << 32, first | (uint64_t)last << 32);
    }
    for (; i < len; i++) {
        if (needs_escape((unsigned char)text.data[i]))
            return false;
        out[i] = text.data[i];
    }
    return true;
}

static void write_escaped(struct strbuf *out, struct str text)
{
    size_t start = 0;

    strbuf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        const char *escape;

        if (!needs_escape(byte))
            continue;
        strbuf_append(out, text.data + start, i - start);
        start = i + 1;
        escape = short_escape(byte);
        if (escape)
            strbuf_append(out, escape, 2);
        else
            strbuf_printf(out, "\\u%04x", byte);
    }
    if (start < text.len)
        strbuf_append(out, text.data + start, text.len - start);
    strbuf_append_char(out, '"');
}

void json_write_string(struct strbuf *out, struct str text)
{
    char *at;

    if (out->capacity - out->len < text.len + 3)
        strbuf_reserve(out, text.len + 2);
    at = out->data + out->len;
    if (!copy_plain(at + 1, text)) {
        write_escaped(out, text);
        return;
    }
    at[0] = '"';
    at[text.len + 1] = '"';
    at[text.len + 2] = '\0';
    out->len += text.len + 2;
}

enum { LEVEL_COMPACT = -1, INDENT_SPACES = 2 };

static void new_line(struct strbuf *out, int level)
{
    if (level == LEVEL_COMPACT)
        return;
    strbuf_append_char(out, '\n');
    for (int i = 0; i < level * INDENT_SPACES; i++)
        strbuf_append_char(out, ' ');
}

/* level: of indentation, or LEVEL_COMPACT for no white space at all. */
static void write_value(struct strbuf *out, const struct json *value, int level);

static void write_container(struct strbuf *out, const struct json *value, int level)
{
    bool object = value->type == JSON_OBJECT;
    int inner = level == LEVEL_COMPACT ? LEVEL_COMPACT : level + 1;

    strbuf_append_char(out, object ? '{' : '[');
    for (const struct json *child = value->child; child; child = child->next) {
        if (child != value->child)
            strbuf_append_char(out, ',');
        new_line(out, inner);
        if (object) {
            json_write_string(out, child->key);
            strbuf_append_text(out, level == LEVEL_COMPACT ? ":" : ": ");
        }
        write_value(out, child, inner);
    }
    if (value->child)
        new_line(out, level);
    strbuf_append_char(out, object ? '}' : ']');
}

static void write_value(struct strbuf *out, const struct json *value, int level)
{
    switch (value->type) {
    case JSON_NULL:
        strbuf_append_str(out, STR("null"));
        break;
    case JSON_FALSE:
        strbuf_append_str(out, STR("false"));
        break;
    case JSON_TRUE:
        strbuf_append_str(out, STR("true"));
        break;
    case JSON_NUMBER:
        strbuf_append_str(out, value->text);
        break;
    case JSON_STRING:
        json_write_string(out, value->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_container(out, value, level);
        break;
    }
}

void json_write(struct strbuf *out, const struct json *value)
{
    write_value(out, value, LEVEL_COMPACT);
}

void json_write_pretty(struct strbuf *out, const struct json *value)
{
    write_value(out, value, 0);
}
