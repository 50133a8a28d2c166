#include "spec/base/lines.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

/* Where the next line feed stands, looked for once; the buffer's length where there is none. */
static size_t find_end(struct lines *lines)
{
    size_t rest = lines->buffer.len - lines->searched;
    const char *end = rest ? memchr(lines->buffer.data + lines->searched, '\n', rest) : NULL;

    lines->searched = end ? (size_t)(end - lines->buffer.data) : lines->buffer.len;
    return lines->searched;
}

/* What is left moves to the front, and more comes behind it. False: an error. */
static bool read_more(struct lines *lines)
{
    struct strbuf *buffer = &lines->buffer;
    ssize_t got;

    if (lines->at) {
        memmove(buffer->data, buffer->data + lines->at, buffer->len - lines->at);
        buffer->len -= lines->at;
        lines->searched -= lines->at;
        lines->at = 0;
    }
    strbuf_reserve(buffer, READ_BYTES);
    do
        got = read(lines->fd, buffer->data + buffer->len, READ_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    buffer->len += (size_t)got;
    buffer->data[buffer->len] = '\0';
    lines->ended = got == 0;
    return true;
}

static enum lines_result give(struct lines *lines, size_t end, size_t next, struct str *out)
{
    const char *start = lines->buffer.data + lines->at;
    size_t len = end - lines->at;

    if (len && start[len - 1] == '\r')
        len--;
    *out = (struct str){start, len};
    lines->at = lines->searched = next;
    lines->number++;
    return LINES_LINE;
}

enum lines_result lines_next(struct lines *lines, struct str *out)
{
    for (;;) {
        size_t end = find_end(lines), rest = lines->buffer.len - lines->at;

        if (end < lines->buffer.len)
            return give(lines, end, end + 1, out);
        if (rest > lines->max_bytes) {
            lines->number++;
            return LINES_TOO_LONG;
        }
        if (lines->ended)
            return rest ? give(lines, lines->buffer.len, lines->buffer.len, out) : LINES_END;
        if (!read_more(lines))
            return LINES_FAILED;
    }
}

bool lines_ready(struct lines *lines)
{
    return find_end(lines) < lines->buffer.len;
}

void lines_free(struct lines *lines)
{
    strbuf_free(&lines->buffer);
}
