/* RE2: https://github.com/google/re2/wiki/Syntax; ECMA-262: https://262.ecma-international.org/#sec-patterns */
#include "spec/base/regex_dialect.h"

#include <stdio.h>
#include <string.h>

enum {
    RE2_REPEAT_MAX = 1000,
    /* PCRE2 asks for the other case of each character of a range, which takes some 10 ns each. */
    CASELESS_RANGES_MAX = 25000,
    NO_CODE = -1, /* of an escape that is no single character */
};

struct scan {
    char *pattern;
    size_t len;
    size_t at;
    enum regex_flavour flavour;
    uint64_t ranges;                      /* characters in ranges that end beyond ASCII */
    uint64_t plain_items, caseless_items; /* the most of a class */
    struct regex_traits *traits;
    struct regex_error *error;
};

static bool refuse(struct scan *scan, size_t offset, const char *message, const char *help)
{
    scan->error->offset = offset;
    snprintf(scan->error->message, sizeof(scan->error->message), "%s", message);
    snprintf(scan->error->help, sizeof(scan->error->help), "%s", help);
    return false;
}

/* The byte at distance behind the position, or NUL. */
static char ahead(const struct scan *scan, size_t distance)
{
    return distance < scan->len - scan->at ? scan->pattern[scan->at + distance] : '\0';
}

static bool looking_at(const struct scan *scan, const char *text)
{
    size_t len = strlen(text);

    return scan->len - scan->at >= len && memcmp(scan->pattern + scan->at, text, len) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int32_t next_code(struct scan *scan)
{
    unsigned char first = (unsigned char)scan->pattern[scan->at++];
    int32_t code = first < 0x80 ? first : first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;

    while (scan->at < scan->len && ((unsigned char)scan->pattern[scan->at] & 0xC0) == 0x80)
        code = code << 6 | ((unsigned char)scan->pattern[scan->at++] & 0x3F);
    return code;
}

/* --- escapes ------------------------------------------------------------------------------------------------------ */

/* "HH" of `digits` digits, or "{H…}" where braces are known, at the position. */
static bool scan_hex(struct scan *scan, size_t digits, bool braces, int32_t *code)
{
    size_t count = 0;
    bool open = braces && ahead(scan, 0) == '{';

    *code = 0;
    scan->at += open;
    for (int digit; (open || count < digits) && (digit = hex_digit(ahead(scan, 0))) >= 0; count++, scan->at++)
        *code = *code < 0x1000000 ? *code << 4 | digit : *code;
    if (!open)
        return count == digits;
    if (!count || ahead(scan, 0) != '}')
        return false;
    scan->at++;
    return true;
}

/* Behind \x or \u. */
static bool scan_number(struct scan *scan, size_t offset, char letter, int32_t *code)
{
    bool re2 = scan->flavour == REGEX_FLAVOUR_RE2;

    if (letter == 'u')
        return scan_hex(scan, 4, true, code) ||
               refuse(scan, offset, "\\u is not followed by a character's code", "write \\uHHHH or \\u{HHHHH}");
    return scan_hex(scan, 2, re2, code) || refuse(scan, offset, "\\x is not followed by a character's code",
                                               re2 ? "write \\xHH or \\x{HHHH}" : "write \\xHH");
}

/* "L" or "{Letter}" behind \p. */
static void skip_property(struct scan *scan)
{
    if (ahead(scan, 0) == '{')
        while (scan->at < scan->len && scan->pattern[scan->at] != '}')
            scan->at++;
    scan->at += scan->at < scan->len;
}

/* Behind \Q, to the end of what it quotes. */
static void skip_quoted(struct scan *scan)
{
    while (scan->at < scan->len && !looking_at(scan, "\\E"))
        scan->at++;
    scan->at += scan->at < scan->len ? 2 : 0;
}

/* Behind \0. */
static int32_t scan_octal(struct scan *scan)
{
    int32_t code = 0;

    for (int i = 0; i < 2 && ahead(scan, 0) >= '0' && ahead(scan, 0) <= '7'; i++)
        code = code * 8 + (scan->pattern[scan->at++] - '0');
    return code;
}

/* From the backslash on. *code receives the character that the escape stands for, or NO_CODE. */
static bool scan_escape(struct scan *scan, bool in_class, int32_t *code)
{
    static const char *const known[][2] = {
        [REGEX_FLAVOUR_ECMA] = {"bBcdDfknpPrsStuvwWx", "bcdDfnpPrsStuvwWx"},
        [REGEX_FLAVOUR_RE2] = {"aAbBdDfnpPQrsStvwWxz", "adDfnpPrsStvwWx"},
    };
    bool re2 = scan->flavour == REGEX_FLAVOUR_RE2;
    size_t offset = scan->at++;
    char c = ahead(scan, 0);

    *code = NO_CODE;
    if (scan->at == scan->len)
        return true; /* PCRE2 says so */
    if ((unsigned char)c >= 0x80 || (is_letter(c) && !strchr(known[scan->flavour][in_class], c)))
        return refuse(scan, offset, re2 ? "RE2 has no such escape" : "ECMA-262 has no such escape",
            "a letter that stands for itself has no backslash, and a backslash has two");
    scan->at++;
    if (c == 'k' || (c >= '1' && c <= '9')) {
        scan->traits->references = true;
        return !re2 || refuse(scan, offset, "references to groups are not supported", "");
    }
    switch (c) {
    case '0':
        *code = scan_octal(scan);
        return true;
    case 'v':
        scan->pattern[scan->at - 1] = '\v';
        return true;
    case 'x':
    case 'u':
        return scan_number(scan, offset, c, code);
    case 'p':
    case 'P':
        skip_property(scan);
        return true;
    case 'Q':
        skip_quoted(scan);
        return true;
    case 'c':
        scan->at += scan->at < scan->len;
        return true;
    default:
        if (!is_letter(c))
            *code = (unsigned char)c;
        return true;
    }
}

/* --- classes ------------------------------------------------------------------------------------------------------ */

static bool scan_class_atom(struct scan *scan, int32_t *code, bool *wide)
{
    char c = ahead(scan, 1);

    if (ahead(scan, 0) == '\\') {
        if (!scan_escape(scan, true, code))
            return false;
        *wide |= *code >= 0x80 || c == 'p' || c == 'P';
        return true;
    }
    *code = next_code(scan);
    *wide |= *code >= 0x80;
    return true;
}

/* [:name:], which PCRE2 takes for a set of characters, or an edge of a word: [[:<:]]. */
static bool scan_posix(struct scan *scan, bool *found)
{
    size_t i = 2;

    *found = false;
    while (is_letter(ahead(scan, i)) || (ahead(scan, i) && strchr("^<>", ahead(scan, i))))
        i++;
    if (ahead(scan, i) != ':' || ahead(scan, i + 1) != ']')
        return true;
    if (scan->flavour == REGEX_FLAVOUR_ECMA)
        return refuse(scan, scan->at, "ECMA-262 has no [:names:] of classes", "write the ranges: [a-z]");
    if (ahead(scan, 2) == '<' || ahead(scan, 2) == '>')
        return refuse(scan, scan->at, "RE2 has no such class", "write \\b for the edge of a word");
    scan->at += i + 2;
    *found = true;
    return true;
}

/* What one item puts into the list of a class: as it is, and with the other cases that ignoring case adds. */
struct class_items {
    uint64_t plain, caseless;
};

static void count_class_item(struct class_items *items, bool wide, int32_t low, int32_t high)
{
    uint64_t more = high > low ? (uint64_t)(high - low) : 0;

    items->plain += wide;
    if (wide)
        items->caseless += 4 + more;
    else if (more || (low > 0 && low < 0x80 && strchr("kKsS", low)))
        items->caseless += 2; /* K and S have other cases beyond ASCII */
}

static bool scan_class_item(struct scan *scan, struct class_items *items)
{
    bool wide = false, posix = false;
    int32_t low, high;

    if (looking_at(scan, "[:") && !scan_posix(scan, &posix))
        return false;
    if (posix)
        return true;
    if (!scan_class_atom(scan, &low, &wide))
        return false;
    high = low;
    if (ahead(scan, 0) == '-' && scan->at + 1 < scan->len && ahead(scan, 1) != ']') {
        scan->at++;
        if (!scan_class_atom(scan, &high, &wide))
            return false;
        if (high >= 0x80 && high > low)
            scan->ranges += (uint64_t)(high - low);
    }
    count_class_item(items, wide, low, high);
    return true;
}

static bool scan_class(struct scan *scan)
{
    struct class_items items = {0};

    scan->at++;
    scan->at += ahead(scan, 0) == '^';
    /* In RE2 a bracket that comes first stands for itself; in ECMA-262 the class is empty. */
    scan->at += scan->flavour == REGEX_FLAVOUR_RE2 && ahead(scan, 0) == ']';
    while (scan->at < scan->len && ahead(scan, 0) != ']')
        if (!scan_class_item(scan, &items))
            return false;
    scan->at += scan->at < scan->len;
    if (items.plain > scan->plain_items)
        scan->plain_items = items.plain;
    if (items.caseless > scan->caseless_items)
        scan->caseless_items = items.caseless;
    return true;
}

/* --- groups and repetitions --------------------------------------------------------------------------------------- */

/* (?i) and (?i:, behind the question mark. */
static bool scan_flags(struct scan *scan, size_t offset)
{
    const char *known = scan->flavour == REGEX_FLAVOUR_RE2 ? "imsU" : "ims";
    bool on = true;

    for (char c; (c = ahead(scan, 0)) == '-' || (c && strchr(known, c)); scan->at++) {
        on = on && c != '-';
        scan->traits->ignores_case |= on && c == 'i';
    }
    if (ahead(scan, 0) != ':' && ahead(scan, 0) != ')' && scan->at < scan->len)
        return refuse(scan, offset, "unknown kind of group", "known are (…), (?:…), (?<name>…), (?i), (?m) and (?s)");
    scan->at += scan->at < scan->len;
    return true;
}

static bool scan_group(struct scan *scan)
{
    size_t offset = scan->at++;
    bool re2 = scan->flavour == REGEX_FLAVOUR_RE2;

    if (ahead(scan, 0) == '*')
        return refuse(scan, offset + 1, "nothing to repeat", "write \\* where it stands for itself");
    if (ahead(scan, 0) != '?')
        return true;
    scan->at++;
    if (looking_at(scan, "=") || looking_at(scan, "!") || looking_at(scan, "<=") || looking_at(scan, "<!")) {
        scan->at += ahead(scan, 0) == '<' ? 2 : 1;
        return !re2 || refuse(scan, offset, "looking ahead and behind is not supported", "");
    }
    if (looking_at(scan, "<") || (re2 && looking_at(scan, "P<"))) {
        while (scan->at < scan->len && scan->pattern[scan->at++] != '>')
            ;
        return true;
    }
    return scan_flags(scan, offset);
}

static uint32_t read_count(const struct scan *scan, size_t *distance)
{
    uint32_t count = 0;

    for (; is_digit(ahead(scan, *distance)); ++*distance)
        count = count < UINT16_MAX ? count * 10 + (uint32_t)(ahead(scan, *distance) - '0') : count;
    return count;
}

/* {n} {n,} {n,m}, or a brace that stands for itself. */
static bool scan_counts(struct scan *scan, bool *found)
{
    size_t end = 1, i = 1;
    uint32_t min = read_count(scan, &end), max = min;

    *found = false;
    if (end > 1 && ahead(scan, end) == ',') {
        end++;
        max = is_digit(ahead(scan, end)) ? read_count(scan, &end) : min;
    }
    if (end > 1 && ahead(scan, end) == '}') {
        if (scan->flavour == REGEX_FLAVOUR_RE2 && (min > RE2_REPEAT_MAX || max > RE2_REPEAT_MAX))
            return refuse(scan, scan->at, "a repetition of more than 1000 times", "");
        if (min > scan->traits->repeat_min)
            scan->traits->repeat_min = min;
        if (scan->pattern[scan->at - 1] == ')' && max > min)
            scan->traits->repeat_room += max - min;
        scan->at += end + 1;
        *found = true;
        return true;
    }
    /* Whether these are counts depends on the version of PCRE2. */
    while (is_digit(ahead(scan, i)) || ahead(scan, i) == ',' || ahead(scan, i) == ' ')
        i++;
    if (i > 1 && ahead(scan, i) == '}')
        return refuse(scan, scan->at, "a repetition without its least count",
            "write {0,n}, or \\{ where the brace stands for itself");
    return true;
}

static bool scan_repetition(struct scan *scan, bool *found)
{
    char c = ahead(scan, 0);

    *found = c && strchr("*+?", c);
    if (c == '{')
        return scan_counts(scan, found);
    scan->at += *found;
    return true;
}

static bool scan_repetitions(struct scan *scan)
{
    bool found;
    size_t offset;

    if (!scan_repetition(scan, &found))
        return false;
    if (!found)
        return true;
    scan->at += ahead(scan, 0) == '?';
    offset = scan->at;
    if (!scan_repetition(scan, &found))
        return false;
    /* PCRE2 has a++, which gives nothing back, and a{2}{3}. */
    return !found || refuse(scan, offset, "a repetition of a repetition", "put the first in parentheses");
}

static bool scan_atom(struct scan *scan)
{
    int32_t code;

    switch (ahead(scan, 0)) {
    case '\\':
        return scan_escape(scan, false, &code);
    case '[':
        return scan_class(scan);
    default:
        scan->at++;
        return true;
    }
}

bool regex_dialect_check(
    char *pattern, size_t len, enum regex_flavour flavour, struct regex_traits *traits, struct regex_error *error)
{
    struct scan scan = {.pattern = pattern, .len = len, .flavour = flavour, .traits = traits, .error = error};

    *traits = (struct regex_traits){0};
    while (scan.at < len) {
        if (pattern[scan.at] == '(') {
            if (!scan_group(&scan))
                return false;
        } else if (pattern[scan.at] == '|') {
            scan.at++;
        } else if (!scan_atom(&scan) || !scan_repetitions(&scan)) {
            return false;
        }
    }
    if (traits->ignores_case && scan.ranges > CASELESS_RANGES_MAX)
        return refuse(&scan, 0, "a pattern that ignores case has ranges of more than 25,000 characters",
            "leave the flag i out, and write both cases where they matter: [Éé]");
    traits->class_items = traits->ignores_case ? scan.caseless_items : scan.plain_items;
    return true;
}
