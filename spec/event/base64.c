#include "spec/event/base64.h"

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

bool base64_decode(struct arena *arena, struct str text, struct str *out)
{
    char *bytes = arena_alloc(arena, text.len / 4 * 3 + 1);
    size_t len = 0;

    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t digits = 4;
        uint32_t bits = 0;

        if (i + 4 == text.len && text.data[i + 3] == '=')
            digits = text.data[i + 2] == '=' ? 2 : 3;
        for (size_t k = 0; k < 4; k++) {
            int value = k < digits ? digit_value(text.data[i + k]) : 0;

            if (value < 0)
                return false;
            bits = bits << 6 | (uint32_t)value;
        }
        /* Bits behind the last whole byte must be zero, else two texts would mean the same bytes. */
        if ((digits == 2 && (bits & 0xffff)) || (digits == 3 && (bits & 0xff)))
            return false;
        bytes[len++] = (char)(bits >> 16 & 0xff);
        if (digits > 2)
            bytes[len++] = (char)(bits >> 8 & 0xff);
        if (digits > 3)
            bytes[len++] = (char)(bits & 0xff);
    }
    *out = (struct str){bytes, len};
    return true;
}
