#include "spec/event/uri.h"

#include <string.h>

#include "spec/base/arena.h"

/* The five components; a part that is not there has data NULL, which differs from one that is empty. */
struct parts {
    struct str scheme, authority, path, query, fragment;
};

static bool is_scheme(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && (!i || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return text.len > 0;
}

static size_t find_any(struct str text, size_t from, const char *set)
{
    while (from < text.len && !(text.data[from] && strchr(set, text.data[from])))
        from++;
    return from;
}

static struct str cut(struct str text, size_t from, size_t to)
{
    return (struct str){text.data + from, to - from};
}

/* RFC 3986, appendix B. */
static struct parts split(struct str uri)
{
    struct parts parts = {{0}, {0}, {0}, {0}, {0}};
    size_t at = find_any(uri, 0, ":/?#");
    size_t end;

    if (at < uri.len && uri.data[at] == ':' && is_scheme(cut(uri, 0, at))) {
        parts.scheme = cut(uri, 0, at);
        at++;
    } else {
        at = 0;
    }
    if (at + 1 < uri.len && uri.data[at] == '/' && uri.data[at + 1] == '/') {
        end = find_any(uri, at + 2, "/?#");
        parts.authority = cut(uri, at + 2, end);
        at = end;
    }
    end = find_any(uri, at, "?#");
    parts.path = cut(uri, at, end);
    if (end < uri.len && uri.data[end] == '?') {
        at = end + 1;
        end = find_any(uri, at, "#");
        parts.query = cut(uri, at, end);
    }
    if (end < uri.len)
        parts.fragment = cut(uri, end + 1, uri.len);
    return parts;
}

/* RFC 3986, 5.2.4. */
static struct str remove_dots(struct arena *arena, struct str path)
{
    char *out = arena_alloc(arena, path.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < path.len;) {
        struct str rest = cut(path, i, path.len);
        bool up = str_starts_with(rest, "/../") || str_is(rest, "/..");

        if (str_starts_with(rest, "../")) {
            i += 3;
        } else if (str_starts_with(rest, "./") || str_starts_with(rest, "/./")) {
            i += 2;
        } else if (str_is(rest, ".") || str_is(rest, "..")) {
            break;
        } else if (up || str_is(rest, "/.")) {
            while (up && len && out[--len] != '/') {
            }
            if (str_is(rest, "/..") || str_is(rest, "/.")) {
                out[len++] = '/';
                break;
            }
            i += 3;
        } else {
            do
                out[len++] = path.data[i++];
            while (i < path.len && path.data[i] != '/');
        }
    }
    return (struct str){out, len};
}

static struct str merge(struct arena *arena, const struct parts *base, struct str path)
{
    size_t keep = base->path.len;
    struct strbuf out = STRBUF_INIT;
    struct str result;

    while (keep && base->path.data[keep - 1] != '/')
        keep--;
    if (base->authority.data && !base->path.len)
        strbuf_append_char(&out, '/');
    strbuf_append(&out, base->path.data, keep);
    strbuf_append_str(&out, path);
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result;
}

static struct str join(struct arena *arena, const struct parts *parts)
{
    struct strbuf out = STRBUF_INIT;
    struct str result;

    if (parts->scheme.data) {
        strbuf_append_str(&out, parts->scheme);
        strbuf_append_char(&out, ':');
    }
    if (parts->authority.data) {
        strbuf_append_text(&out, "//");
        strbuf_append_str(&out, parts->authority);
    }
    strbuf_append_str(&out, parts->path);
    if (parts->query.data) {
        strbuf_append_char(&out, '?');
        strbuf_append_str(&out, parts->query);
    }
    if (parts->fragment.data) {
        strbuf_append_char(&out, '#');
        strbuf_append_str(&out, parts->fragment);
    }
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result;
}

struct str uri_resolve(struct arena *arena, struct str base_text, struct str reference)
{
    struct parts base = split(base_text);
    struct parts target = split(reference);

    if (target.scheme.data || target.authority.data) {
        target.path = remove_dots(arena, target.path);
    } else if (!target.path.len) {
        target.path = base.path;
        if (!target.query.data)
            target.query = base.query;
    } else {
        if (target.path.data[0] != '/')
            target.path = merge(arena, &base, target.path);
        target.path = remove_dots(arena, target.path);
    }
    if (!target.scheme.data) {
        if (!target.authority.data)
            target.authority = base.authority;
        target.scheme = base.scheme;
    }
    return join(arena, &target);
}

void uri_split_fragment(struct str uri, struct str *without, struct str *fragment)
{
    size_t at = find_any(uri, 0, "#");

    *without = cut(uri, 0, at);
    *fragment = at < uri.len ? cut(uri, at + 1, uri.len) : STR("");
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uri_decode(struct arena *arena, struct str text, struct str *out)
{
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        if (text.data[i] != '%') {
            bytes[len++] = text.data[i];
            continue;
        }
        high = text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
        low = text.len - i > 2 ? hex_value(text.data[i + 2]) : -1;
        if (high < 0 || low < 0 || !(high * 16 + low))
            return false;
        bytes[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *out = (struct str){bytes, len};
    return utf8_invalid_at(bytes, len) == len;
}
