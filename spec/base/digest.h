/* SHA-256 (FIPS 180-4), by OpenSSL, as lower-case hexadecimal text. */
#ifndef SPEC_BASE_DIGEST_H
#define SPEC_BASE_DIGEST_H

#include "spec/base/str.h"

enum { DIGEST_HEX_LEN = 64 };

struct digest {
    char hex[DIGEST_HEX_LEN + 1];
};

struct digest digest_of(struct str data);
bool digest_is_hex(struct str text); /* 64 characters of 0-9a-f */

#endif
