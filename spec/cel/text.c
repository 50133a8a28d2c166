/* Functions on strings and bytes, as far as they are not in format.c. Positions count characters, not bytes. */
#include <string.h>

#include "spec/base/base64.h"
#include "spec/base/regex.h"
#include "spec/cel/function.h"
#include "spec/cel/utf8.h"

static const size_t NOT_FOUND = SIZE_MAX;

static struct str slice(struct str text, size_t start, size_t end)
{
    return (struct str){text.len ? text.data + start : "", end - start};
}

static bool give_slice(struct str text, struct cel_value *out)
{
    *out = (struct cel_value){.kind = CEL_STRING, .as.text = text};
    return true;
}

/* Whether needle stands at `at`; counts the bytes that were compared. */
static bool stands_at(struct str text, size_t at, struct str needle, uint64_t *compared)
{
    size_t i = 0;

    if (needle.len > text.len - at)
        return false;
    while (i < needle.len && text.data[at + i] == needle.data[i])
        i++;
    *compared += i + 1;
    return i == needle.len;
}

/* Offset of the first needle from start on, or NOT_FOUND, in *found. Charges for the bytes compared. */
static bool find(struct cel_run *run, struct str text, struct str needle, size_t start, size_t *found)
{
    uint64_t compared = 0;

    for (*found = start; *found <= text.len; ++*found) {
        if (stands_at(text, *found, needle, &compared))
            return cel_charge(run, compared / 64);
        if (compared >= 64 * 64) {
            if (!cel_charge(run, compared / 64))
                return false;
            compared = 0;
        }
    }
    *found = NOT_FOUND;
    return cel_charge(run, compared / 64);
}

static bool find_last(struct cel_run *run, struct str text, struct str needle, size_t start, size_t *found)
{
    uint64_t compared = 0;

    for (*found = start;; --*found) {
        if (stands_at(text, *found, needle, &compared))
            return cel_charge(run, compared / 64);
        if (compared >= 64 * 64) {
            if (!cel_charge(run, compared / 64))
                return false;
            compared = 0;
        }
        if (*found == 0)
            break;
    }
    *found = NOT_FOUND;
    return cel_charge(run, compared / 64);
}

static struct cel_value position_of(struct str text, size_t offset)
{
    return cel_make_int(offset == NOT_FOUND ? -1 : (int64_t)utf8_count(text.data, offset));
}

bool cel_text_size(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;

    (void)count;
    if (args[0].kind == CEL_STRING && !cel_charge_bytes(run, text.len))
        return false;
    *out = cel_make_int((int64_t)(args[0].kind == CEL_BYTES ? text.len : utf8_count(text.data, text.len)));
    return true;
}

bool cel_list_size(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_int((int64_t)(args[0].kind == CEL_LIST ? args[0].as.list.count : args[0].as.map.count));
    return true;
}

bool cel_text_contains(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    size_t found;

    (void)count;
    if (!find(run, args[0].as.text, args[1].as.text, 0, &found))
        return false;
    *out = cel_make_bool(found != NOT_FOUND);
    return true;
}

bool cel_text_starts_with(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text, prefix = args[1].as.text;

    (void)count;
    *out = cel_make_bool(text.len >= prefix.len && str_equal(slice(text, 0, prefix.len), prefix));
    return cel_charge_bytes(run, prefix.len);
}

bool cel_text_ends_with(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text, suffix = args[1].as.text;

    (void)count;
    *out = cel_make_bool(text.len >= suffix.len && str_equal(slice(text, text.len - suffix.len, text.len), suffix));
    return cel_charge_bytes(run, suffix.len);
}

static const struct regex *compile_pattern(struct cel_run *run, struct arena *scratch, struct str pattern)
{
    struct regex_error problem;
    const struct regex *regex;

    if (!cel_charge(run, regex_compile_work(pattern)))
        return NULL;
    regex = regex_compile(scratch, pattern, REGEX_FLAVOUR_RE2, &problem);
    if (!regex) {
        cel_fail(run, "the pattern is wrong at its byte %zu: %s", problem.offset, problem.message);
        cel_fail_help(run, "%s", problem.help);
    }
    return regex;
}

static bool search(struct cel_run *run, const struct regex *regex, struct str text, struct cel_value *out)
{
    enum regex_result result = regex_search(regex, text, &run->cost_left);

    *out = cel_make_bool(result == REGEX_MATCH);
    if (result != REGEX_LIMIT)
        return true;
    if (run->cost_left == 0)
        return cel_charge(run, 1);
    cel_fail(run, "matching the pattern takes too much memory");
    return cel_fail_help(run, "repeat single characters or classes, [ab]*, rather than groups, (a|b)*");
}

bool cel_text_matches(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct arena scratch = ARENA_INIT;
    const struct regex *regex;
    bool done;

    (void)count;
    if (run->at->regex)
        return search(run, run->at->regex, args[0].as.text, out);
    regex = compile_pattern(run, &scratch, args[1].as.text);
    done = regex && search(run, regex, args[0].as.text, out);
    arena_free(&scratch);
    return done;
}

/* The byte offset of a character position that the caller gave; fails when it lies outside. */
static bool offset_of(struct cel_run *run, struct str text, const struct cel_value *position, size_t *offset)
{
    if (!cel_charge_bytes(run, text.len))
        return false;
    *offset = cel_utf8_offset(text, position->as.integer);
    return *offset != SIZE_MAX || cel_fail(run, "the position %lld is outside the string of %zu characters",
                                      (long long)position->as.integer, utf8_count(text.data, text.len));
}

bool cel_text_char_at(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    size_t start, end;

    (void)count;
    if (!offset_of(run, text, &args[1], &start))
        return false;
    end = start;
    if (end < text.len)
        cel_utf8_next(text, &end);
    return give_slice(slice(text, start, end), out);
}

bool cel_text_index_of(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    size_t start = 0, found;

    if (!cel_charge_bytes(run, text.len) || (count == 3 && !offset_of(run, text, &args[2], &start)) ||
        !find(run, text, args[1].as.text, start, &found))
        return false;
    *out = position_of(text, found);
    return true;
}

bool cel_text_last_index_of(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    size_t start = text.len, found;

    if (!cel_charge_bytes(run, text.len) || (count == 3 && !offset_of(run, text, &args[2], &start)) ||
        !find_last(run, text, args[1].as.text, start, &found))
        return false;
    *out = position_of(text, found);
    return true;
}

bool cel_text_substring(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    size_t start, end = text.len;

    if (!offset_of(run, text, &args[1], &start) || (count == 3 && !offset_of(run, text, &args[2], &end)))
        return false;
    if (end < start)
        return cel_fail(run, "the end of the substring is before its start");
    return give_slice(slice(text, start, end), out);
}

static bool change_case(struct cel_run *run, struct str text, char first, char other_first, struct cel_value *out)
{
    char *copy;

    if (!cel_charge_bytes(run, text.len))
        return false;
    copy = arena_strndup(run->arena, text.data, text.len);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] >= first && copy[i] <= first + 25)
            copy[i] = (char)(copy[i] - first + other_first);
    return give_slice((struct str){copy, text.len}, out);
}

bool cel_text_lower_ascii(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return change_case(run, args[0].as.text, 'A', 'a', out);
}

bool cel_text_upper_ascii(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    return change_case(run, args[0].as.text, 'a', 'A', out);
}

/* Where the next separator ends: its end, or the end of the next character for an empty separator. */
static bool next_separator(
    struct cel_run *run, struct str text, struct str separator, size_t from, size_t *start, size_t *end)
{
    if (separator.len) {
        if (!find(run, text, separator, from, start))
            return false;
        *end = *start == NOT_FOUND ? NOT_FOUND : *start + separator.len;
        return true;
    }
    *start = from;
    if (from < text.len)
        cel_utf8_next(text, start);
    if (from >= text.len || *start >= text.len)
        *start = NOT_FOUND;
    *end = *start;
    return true;
}

bool cel_text_replace(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text, old = args[1].as.text, with = args[2].as.text;
    int64_t left = count == 4 ? args[3].as.integer : -1;
    struct strbuf result = STRBUF_INIT;
    size_t position = 0, start, end;
    bool done = true;

    for (bool first = true; left != 0 && done; left--, first = false) {
        if (first && !old.len) {
            start = end = 0;
        } else if (!next_separator(run, text, old, position, &start, &end)) {
            done = false;
            break;
        }
        /* An empty text is also found at the very end. */
        if (start == NOT_FOUND && !old.len && position < text.len)
            start = end = text.len;
        if (start == NOT_FOUND)
            break;
        done = cel_charge(run, 1 + (start - position + with.len) / 64);
        strbuf_append_str(&result, slice(text, position, start));
        strbuf_append_str(&result, with);
        position = end;
    }
    if (!done) {
        strbuf_free(&result);
        return false;
    }
    strbuf_append_str(&result, slice(text, position, text.len));
    return cel_make_text_from(run, CEL_STRING, &result, out);
}

bool cel_text_split(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text, separator = args[1].as.text;
    int64_t limit = count == 3 ? args[2].as.integer : -1;
    VEC(struct cel_value) parts = {0};
    size_t position = 0, start, end;
    struct cel_value part;

    if (limit != 0 && (text.len || separator.len)) {
        while (limit < 0 || (int64_t)parts.count + 1 < limit) {
            if (!next_separator(run, text, separator, position, &start, &end) || !cel_charge(run, 1))
                return false;
            if (start == NOT_FOUND)
                break;
            give_slice(slice(text, position, start), &part);
            VEC_PUSH(run->arena, &parts, part);
            position = end;
        }
        give_slice(slice(text, position, text.len), &part);
        VEC_PUSH(run->arena, &parts, part);
    }
    *out = (struct cel_value){.kind = CEL_LIST, .as.list = {parts.items, parts.count}};
    return true;
}

bool cel_text_join(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str separator = count == 2 ? args[1].as.text : STR("");
    struct strbuf result = STRBUF_INIT;

    for (size_t i = 0; i < args[0].as.list.count; i++) {
        struct str text = args[0].as.list.items[i].as.text;

        if (!cel_charge(run, 1 + (text.len + separator.len) / 64)) {
            strbuf_free(&result);
            return false;
        }
        if (i)
            strbuf_append_str(&result, separator);
        strbuf_append_str(&result, text);
    }
    return cel_make_text_from(run, CEL_STRING, &result, out);
}

bool cel_text_trim(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    size_t start = text.len, end = 0;

    (void)count;
    if (!cel_charge_bytes(run, text.len))
        return false;
    for (size_t at = 0; at < text.len;) {
        size_t next = at;

        if (!cel_utf8_is_space(cel_utf8_next(text, &next))) {
            start = start < at ? start : at;
            end = next;
        }
        at = next;
    }
    return give_slice(start < end ? slice(text, start, end) : STR(""), out);
}

bool cel_text_reverse(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str text = args[0].as.text;
    char *reversed;

    (void)count;
    if (!cel_charge_bytes(run, 2 * text.len))
        return false;
    reversed = arena_strndup(run->arena, text.data, text.len);
    for (size_t at = 0; at < text.len;) {
        size_t next = at;

        cel_utf8_next(text, &next);
        memcpy(reversed + text.len - next, text.data + at, next - at);
        at = next;
    }
    return give_slice((struct str){reversed, text.len}, out);
}

bool cel_text_quote(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    static const char names[] = "abtnvfr"; /* of the codes 7 to 13 */
    struct str text = args[0].as.text;
    struct strbuf result = STRBUF_INIT;

    (void)count;
    if (!cel_charge_bytes(run, text.len))
        return false;
    strbuf_append_char(&result, '"');
    for (size_t at = 0; at < text.len;) {
        uint32_t code = cel_utf8_next(text, &at);

        if (code >= 7 && code <= 13) {
            strbuf_append_char(&result, '\\');
            strbuf_append_char(&result, names[code - 7]);
            continue;
        }
        if (code == '"' || code == '\\')
            strbuf_append_char(&result, '\\');
        cel_utf8_append(&result, code);
    }
    strbuf_append_char(&result, '"');
    return cel_make_text_from(run, CEL_STRING, &result, out);
}

bool cel_text_base64_encode(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str bytes = args[0].as.text;

    (void)count;
    if (!cel_charge_bytes(run, 2 * bytes.len))
        return false;
    return give_slice(base64_encode(run->arena, bytes), out);
}

bool cel_text_base64_decode(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    struct str bytes;

    (void)count;
    if (!cel_charge_bytes(run, args[0].as.text.len))
        return false;
    if (!base64_decode(run->arena, args[0].as.text, BASE64_TOLERANT, &bytes))
        return cel_fail(run, "the string is no base64 (RFC 4648, with or without '=')");
    *out = (struct cel_value){.kind = CEL_BYTES, .as.text = bytes};
    return true;
}
