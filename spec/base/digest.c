#include "spec/base/digest.h"

#include <openssl/sha.h>

struct digest digest_of(struct str data)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    struct digest digest;

    SHA256((const unsigned char *)data.data, data.len, bytes);
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        digest.hex[2 * i] = hex[bytes[i] >> 4];
        digest.hex[2 * i + 1] = hex[bytes[i] & 15];
    }
    digest.hex[DIGEST_HEX_LEN] = '\0';
    return digest;
}

bool digest_is_hex(struct str text)
{
    if (text.len != DIGEST_HEX_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= '0' && text.data[i] <= '9') || (text.data[i] >= 'a' && text.data[i] <= 'f')))
            return false;
    return true;
}
