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

/* Nothing in it has to be escaped. */
static bool is_plain(struct str text)
{
    if (text.len < JSON_SCAN_BYTES) {
        for (size_t i = 0; i < text.len; i++)
            if (needs_escape((unsigned char)text.data[i]))
                return false;
        return true;
    }
    for (size_t i = 0; i + JSON_SCAN_BYTES <= text.len; i += JSON_SCAN_BYTES)
        if (!json_scan_writes(text.data + i))
            return false;
    return json_scan_writes(text.data + text.len - JSON_SCAN_BYTES); /* the rest, and some of it again */
}

static void write_plain(struct strbuf *out, struct str text)
{
    char *at;

    if (out->capacity - out->len < text.len + 3)
        strbuf_reserve(out, text.len + 2);
    at = out->data + out->len;
    at[0] = '"';
    if (text.len)
        memcpy(at + 1, text.data, text.len);
    at[text.len + 1] = '"';
    at[text.len + 2] = '\0';
    out->len += text.len + 2;
}

void json_write_string(struct strbuf *out, struct str text)
{
    size_t start = 0;

    if (is_plain(text)) {
        write_plain(out, text);
        return;
    }
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte;
        const char *escape;

        while (text.len - i >= JSON_SCAN_BYTES && json_scan_writes(text.data + i))
            i += JSON_SCAN_BYTES;
        if (i == text.len)
            break;
        byte = (unsigned char)text.data[i];
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
