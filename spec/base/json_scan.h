/*
 * Eight bytes of a string at a time: whether the reader or the writer may pass over them without a closer look. Between
 * json_read.re and json_write.c.
 */
#ifndef SPEC_BASE_JSON_SCAN_H
#define SPEC_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { JSON_SCAN_BYTES = 8 };

#define JSON_SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Nonzero where a byte of word is 0; bytes above one that is 0 may be taken for 0 as well. */
static inline uint64_t json_scan_zeros(uint64_t word)
{
    return (word - JSON_SCAN_EACH(1)) & ~word & JSON_SCAN_EACH(0x80);
}

/* Nonzero where a byte is a quote, a backslash or below 0x20. */
static inline uint64_t json_scan_special(uint64_t word)
{
    return json_scan_zeros(word ^ JSON_SCAN_EACH('"')) | json_scan_zeros(word ^ JSON_SCAN_EACH('\\')) |
           ((word - JSON_SCAN_EACH(0x20)) & ~word & JSON_SCAN_EACH(0x80));
}

/* at: JSON_SCAN_BYTES readable bytes, all of them ASCII that stands for itself. */
static inline bool json_scan_reads(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return !(json_scan_special(word) | (word & JSON_SCAN_EACH(0x80)));
}

/* Likewise, none of which has to be escaped; bytes above 0x7F stand for themselves. */
static inline bool json_scan_writes(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return !(json_scan_special(word) | json_scan_zeros(word ^ JSON_SCAN_EACH(0x7F)));
}

#endif
