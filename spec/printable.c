#include "spec/printable.h"

#include <stdbool.h>

/* The code point at text[at], well-formed or not, and its length; an invalid byte stands for itself. */
static uint32_t decode(struct str text, size_t at, size_t *len)
{
    const unsigned char *bytes = (const unsigned char *)text.data + at;
    size_t left = text.len - at;

    *len = bytes[0] < 0x80 ? 1 : bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : bytes[0] >= 0xC2 ? 2 : 1;
    if (*len > left || utf8_invalid_at((const char *)bytes, *len) != *len)
        *len = 1;
    switch (*len) {
    case 2:
        return (uint32_t)(bytes[0] & 0x1F) << 6 | (bytes[1] & 0x3F);
    case 3:
        return (uint32_t)(bytes[0] & 0x0F) << 12 | (uint32_t)(bytes[1] & 0x3F) << 6 | (bytes[2] & 0x3F);
    case 4:
        return (uint32_t)(bytes[0] & 0x07) << 18 | (uint32_t)(bytes[1] & 0x3F) << 12 | (uint32_t)(bytes[2] & 0x3F) << 6 |
               (bytes[3] & 0x3F);
    default:
        return bytes[0];
    }
}

/* Controls (C0, DEL, C1, and every byte that is not UTF-8), and the bidirectional formatting characters. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x061C || code == 0x200E || code == 0x200F ||
           code == 0x2028 || code == 0x2029 || (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xFEFF;
}

static void append(struct strbuf *out, struct str text, bool one_line)
{
    size_t start = 0, len;

    for (size_t i = 0; i < text.len; i += len) {
        uint32_t code = decode(text, i, &len);
        bool invalid = len == 1 && code >= 0x80;

        if ((!is_unsafe(code) && !invalid) || (code == '\n' && !one_line))
            continue;
        strbuf_append(out, text.data + start, i - start);
        start = i + len;
        if (code == '\n' || code == '\t')
            strbuf_append_text(out, code == '\t' && !one_line ? "    " : " ");
        else if (invalid)
            strbuf_printf(out, "<0x%02X>", (unsigned)code);
        else
            strbuf_printf(out, "<U+%04X>", (unsigned)code);
    }
    if (start < text.len)
        strbuf_append(out, text.data + start, text.len - start);
}

void printable_append(struct strbuf *out, struct str text)
{
    append(out, text, false);
}

void printable_append_line(struct strbuf *out, struct str text)
{
    append(out, text, true);
}
