#include "spec/base/base64.h"

#include "spec/base/arena.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct str base64_encode(struct arena *arena, struct str bytes)
{
    size_t groups = bytes.len / 3 + (bytes.len % 3 != 0);
    char *text = arena_calloc(arena, groups + 1, 4);
    char *at = text;

    for (size_t i = 0; i < bytes.len; i += 3, at += 4) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)(unsigned char)bytes.data[i] << 16;

        if (left > 1)
            bits |= (uint32_t)(unsigned char)bytes.data[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)bytes.data[i + 2];
        at[0] = alphabet[bits >> 18];
        at[1] = alphabet[bits >> 12 & 63];
        at[2] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        at[3] = left > 2 ? alphabet[bits & 63] : '=';
    }
    return (struct str){text, groups * 4};
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The digits of the text without its padding; false where that is not as the form wants it. */
static bool strip_padding(struct str text, enum base64_form form, size_t *digits)
{
    size_t padding = 0;

    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    *digits = text.len - padding;
    if (padding || form == BASE64_STRICT)
        return text.len % 4 == 0;
    return *digits % 4 != 1;
}

bool base64_decode(struct arena *arena, struct str text, enum base64_form form, struct str *out)
{
    size_t digits, len = 0;
    uint32_t bits = 0;
    char *bytes;

    if (!strip_padding(text, form, &digits))
        return false;
    bytes = arena_alloc(arena, digits / 4 * 3 + 3);
    for (size_t i = 0; i < digits; i++) {
        int value = digit_value(text.data[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4)
            bytes[len++] = (char)(unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* Bits behind the last whole byte must be zero, else two texts would mean the same bytes. */
    if (form == BASE64_STRICT && digits % 4 && (bits & (digits % 4 == 2 ? 15 : 3)))
        return false;
    *out = (struct str){bytes, len};
    return true;
}
