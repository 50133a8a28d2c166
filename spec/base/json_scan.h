/*
 * Several bytes of a string at a time: whether the reader or the writer may pass over them without a closer look. Between
 * json_read.re and json_write.c. Where there is SSE2, as on every x86-64, sixteen bytes cost a dozen instructions; elsewhere
 * the same is done with eight in a word.
 */
#ifndef SPEC_BASE_JSON_SCAN_H
#define SPEC_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * json_scan_reads(at): JSON_SCAN_BYTES are readable; how many of them at least, from the first on, are ASCII that stands
 * for itself, read and written (U+007F is written as an escape).
 * json_scan_writes(a, b): whether none of the bytes of both words has to be escaped; those above 0x7F stand for themselves.
 */
#if defined(__SSE2__)

#include <emmintrin.h>

enum { JSON_SCAN_BYTES = 16 };

/* Marks quotes, backslashes, U+007F and what is below 0x20. */
static inline __m128i json_scan_special(__m128i bytes)
{
    const __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const __m128i deletes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);

    return _mm_or_si128(_mm_or_si128(quotes, backslashes), _mm_or_si128(deletes, controls));
}

static inline size_t json_scan_reads(const void *at)
{
    const __m128i bytes = _mm_loadu_si128(at);
    unsigned marks = (unsigned)_mm_movemask_epi8(_mm_or_si128(json_scan_special(bytes), bytes));

    return marks ? (size_t)__builtin_ctz(marks) : JSON_SCAN_BYTES;
}

static inline bool json_scan_writes(uint64_t a, uint64_t b)
{
    return !_mm_movemask_epi8(json_scan_special(_mm_set_epi64x((int64_t)b, (int64_t)a)));
}

#else

enum { JSON_SCAN_BYTES = 8 };

#define JSON_SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Nonzero where a byte of word is 0; bytes above one that is 0 may be taken for 0 as well. */
static inline uint64_t json_scan_zeros(uint64_t word)
{
    return (word - JSON_SCAN_EACH(1)) & ~word & JSON_SCAN_EACH(0x80);
}

static inline uint64_t json_scan_special(uint64_t word)
{
    return json_scan_zeros(word ^ JSON_SCAN_EACH('"')) | json_scan_zeros(word ^ JSON_SCAN_EACH('\\')) |
           json_scan_zeros(word ^ JSON_SCAN_EACH(0x7F)) |
           ((word - JSON_SCAN_EACH(0x20)) & ~word & JSON_SCAN_EACH(0x80));
}

static inline size_t json_scan_reads(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return json_scan_special(word) | (word & JSON_SCAN_EACH(0x80)) ? 0 : JSON_SCAN_BYTES;
}

static inline bool json_scan_writes(uint64_t a, uint64_t b)
{
    return !(json_scan_special(a) | json_scan_special(b));
}

#endif

#endif
