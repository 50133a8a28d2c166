#include "spec/cel/literal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/cel/utf8.h"

static bool read_hex(struct str digits, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits.len; i++) {
        int digit = cel_hex_digit(digits.data[i]);

        if (value >> 60)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}

static bool read_integer(struct str text, uint64_t *out)
{
    if (str_starts_with(text, "0x"))
        return read_hex((struct str){text.data + 2, text.len - 2}, out);
    return str_to_u64(text, out);
}

static bool literal_double(
    const struct cel_token *token, bool negative, struct cel_value *value, struct cel_error *error)
{
    /* The text behind the token starts no longer number: the lexer took the longest. */
    double real = strtod(token->text.data, NULL);

    if (isinf(real))
        return cel_error_at(error, token->start, token->end, "'%.*s' is too large for a double", STR_ARG(token->text));
    *value = (struct cel_value){.kind = CEL_DOUBLE, .as.real = negative ? -real : real};
    return true;
}

bool cel_literal_number(const struct cel_token *token, bool negative, struct cel_value *value, struct cel_error *error)
{
    struct str text = token->text;
    uint64_t magnitude = 0;
    bool fits;

    if (token->kind == CEL_TOKEN_DOUBLE)
        return literal_double(token, negative, value, error);
    if (token->kind == CEL_TOKEN_UINT)
        text.len--;
    fits = read_integer(text, &magnitude);
    if (token->kind == CEL_TOKEN_UINT) {
        if (!fits)
            return cel_error_at(
                error, token->start, token->end, "'%.*s' is too large for a uint", STR_ARG(token->text));
        *value = (struct cel_value){.kind = CEL_UINT, .as.uinteger = magnitude};
        return true;
    }
    if (!fits || magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        cel_error_at(error, token->start, token->end, "'%.*s' is too large for an int", STR_ARG(token->text));
        return cel_error_help(
            error, "ints have 64 bits; write 1u for a uint, decimal(\"1\") for a decimal");
    }
    *value = (struct cel_value){.kind = CEL_INT, .as.integer = (int64_t)(negative ? 0 - magnitude : magnitude)};
    return true;
}

/* Reads count hexadecimal digits at *position. */
static bool escape_hex(struct str body, size_t *position, size_t count, uint32_t *code)
{
    *code = 0;
    if (body.len - *position < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int digit = cel_hex_digit(body.data[*position + i]);

        if (digit < 0)
            return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    *position += count;
    return true;
}

static bool escape_octal(struct str body, size_t *position, char first, uint32_t *code)
{
    if (body.len - *position < 2 || first > '3')
        return false;
    *code = (uint32_t)(first - '0');
    for (size_t i = 0; i < 2; i++) {
        char digit = body.data[*position + i];

        if (digit < '0' || digit > '7')
            return false;
        *code = *code << 3 | (uint32_t)(digit - '0');
    }
    *position += 2;
    return true;
}

static int escape_simple(char c)
{
    static const char names[] = "abfnrtv\\?\"'`";
    static const char codes[] = "\a\b\f\n\r\t\v\\?\"'`";
    const char *found = c ? strchr(names, c) : NULL;

    return found ? codes[found - names] : -1;
}

/* Decodes one escape behind its backslash; *position is at the character after the backslash. */
static bool escape_decode(struct strbuf *out, struct str body, size_t *position, bool bytes)
{
    char c = body.data[(*position)++];
    int simple = escape_simple(c);
    uint32_t code = 0;
    bool octet = true, read;

    if (simple >= 0) {
        strbuf_append_char(out, (char)simple);
        return true;
    }
    if (c >= '0' && c <= '3') {
        read = escape_octal(body, position, c, &code);
    } else if (c == 'x' || c == 'X') {
        read = escape_hex(body, position, 2, &code);
    } else {
        octet = false;
        read = !bytes && (c == 'u' || c == 'U') && escape_hex(body, position, c == 'u' ? 4 : 8, &code);
    }
    if (!read)
        return false;
    if (bytes && octet) {
        strbuf_append_char(out, (char)(unsigned char)code);
        return true;
    }
    return cel_utf8_append(out, code);
}

bool cel_literal_string(
    struct arena *arena, const struct cel_token *token, struct cel_value *value, struct cel_error *error)
{
    struct str body = token->text;
    struct strbuf out = STRBUF_INIT;
    bool bytes = false, raw = false, good = true;
    size_t quotes, start;

    for (; body.data[0] != '\'' && body.data[0] != '"'; body.data++, body.len--) {
        bytes = bytes || body.data[0] == 'b' || body.data[0] == 'B';
        raw = raw || body.data[0] == 'r' || body.data[0] == 'R';
    }
    quotes = body.len >= 6 && body.data[1] == body.data[0] && body.data[2] == body.data[0] ? 3 : 1;
    body = (struct str){body.data + quotes, body.len - 2 * quotes};
    start = token->end - quotes - body.len;
    for (size_t i = 0; i < body.len && good;) {
        size_t escape = i;

        if (raw || body.data[i] != '\\') {
            strbuf_append_char(&out, body.data[i++]);
            continue;
        }
        i++;
        good = escape_decode(&out, body, &i, bytes);
        if (!good) {
            cel_error_at(error, start + escape, start + i, "'\\%c' does not start a valid escape in %s",
                body.data[escape + 1] > ' ' ? body.data[escape + 1] : '?', bytes ? "bytes" : "a string");
            cel_error_help(error, "%s",
                bytes ? "bytes know \\xHH, \\OOO (octal) and \\n-like escapes; double a backslash "
                        "that stands for itself"
                      : "known are \\n \\r \\t \\a \\b \\f \\v \\\\ \\' \\\" \\` \\? \\xHH \\uHHHH "
                        "\\UHHHHHHHH \\OOO (octal); double a backslash that stands for itself or write r'…'");
        }
    }
    if (good)
        *value = (struct cel_value){.kind = bytes ? CEL_BYTES : CEL_STRING, .as.text = strbuf_copy(&out, arena)};
    strbuf_free(&out);
    return good;
}
