#include "spec/cel/utf8.h"

uint32_t cel_utf8_next(struct str text, size_t *position)
{
    const unsigned char *at = (const unsigned char *)text.data + *position;
    size_t left = text.len - *position;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t code;

    if (len == 1) {
        (*position)++;
        return at[0];
    }
    if (len > left || utf8_invalid_at((const char *)at, len) != len) {
        (*position)++;
        return CEL_UTF8_REPLACEMENT;
    }
    code = at[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (at[i] & 0x3Fu);
    *position += len;
    return code;
}

bool cel_utf8_append(struct strbuf *out, uint32_t code)
{
    char bytes[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};

    if (code > CEL_UTF8_MAX || (code >= 0xD800 && code <= 0xDFFF))
        return false;
    for (size_t i = len; i-- > 1; code >>= 6)
        bytes[i] = (char)(unsigned char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(unsigned char)(leads[len] | code);
    if (len == 1)
        bytes[0] = (char)(unsigned char)code;
    strbuf_append(out, bytes, len);
    return true;
}

size_t cel_utf8_offset(struct str text, int64_t index)
{
    size_t position = 0;

    if (index < 0)
        return SIZE_MAX;
    for (; index > 0; index--) {
        if (position >= text.len)
            return SIZE_MAX;
        cel_utf8_next(text, &position);
    }
    return position;
}

bool cel_utf8_is_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
           code == 0x3000;
}

int cel_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
