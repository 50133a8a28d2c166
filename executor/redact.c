#include "executor/redact.h"

#include <limits.h>
#include <string.h>

#include "spec/base/bug.h"
#include "spec/base/str.h"

enum { SECRET_MIN_BYTES = 4, SECRETS_MAX = 4096 };

static struct strbuf secrets[SECRETS_MAX];
static size_t secret_count;
/* What the first byte of a secret may be spelt with: most of a text is passed over by this. */
static bool begins[UCHAR_MAX + 1];

void redact_register(const char *secret, size_t len)
{
    if (!secret || len < SECRET_MIN_BYTES)
        return;
    for (size_t i = 0; i < secret_count; i++)
        if (secrets[i].len == len && memcmp(secrets[i].data, secret, len) == 0)
            return;
    /* Dropping one silently would let it leak. Credentials that rotate every quarter of an hour take weeks to get here. */
    if (secret_count == SECRETS_MAX)
        BUG("more than %d secrets", SECRETS_MAX);
    strbuf_append(&secrets[secret_count++], secret, len);
    begins[(unsigned char)secret[0]] = begins['%'] = begins['\\'] = true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* How a secret may be spelt in a text: as it is, as in a URL, as in a JSON string. */
enum spelling { SPELLING_PLAIN, SPELLING_PERCENT, SPELLING_JSON, SPELLING_COUNT };

/* How many bytes at text spell one byte of a secret; 0 when they spell another one. */
static size_t match_byte(const char *text, unsigned char want, enum spelling spelling)
{
    if (spelling == SPELLING_PERCENT && text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0)
        return hex_value(text[1]) * 16 + hex_value(text[2]) == want ? 3 : 0;
    if (spelling == SPELLING_JSON && text[0] == '\\')
        return (want == '"' || want == '\\' || want == '/') && (unsigned char)text[1] == want ? 2 : 0;
    return text[0] && (unsigned char)text[0] == want ? 1 : 0;
}

static size_t match_secret(const char *text, const struct strbuf *secret, enum spelling spelling)
{
    const char *at = text;

    for (size_t i = 0; i < secret->len; i++) {
        size_t len = match_byte(at, (unsigned char)secret->data[i], spelling);

        if (!len)
            return 0;
        at += len;
    }
    return (size_t)(at - text);
}

static size_t match_any(const char *text)
{
    size_t longest = 0;

    for (size_t i = 0; i < secret_count; i++) {
        for (int spelling = 0; spelling < SPELLING_COUNT; spelling++) {
            size_t len = match_secret(text, &secrets[i], (enum spelling)spelling);

            if (len > longest)
                longest = len;
        }
    }
    return longest;
}

void redact_text(char *text)
{
    if (!secret_count)
        return;
    for (char *at = text; *at;) {
        size_t len = begins[(unsigned char)*at] ? match_any(at) : 0;

        if (len)
            memset(at, '*', len);
        at += len ? len : 1;
    }
}

void redact_forget_all(void)
{
    for (size_t i = 0; i < secret_count; i++)
        strbuf_free_secret(&secrets[i]);
    secret_count = 0;
    memset(begins, 0, sizeof(begins));
}
