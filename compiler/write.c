#include "compiler/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { COMPARE_BYTES = 64 * 1024 };

/* How many bytes at the beginning of the open file are those of text; *ended: the file has no more. False with errno.
 */
static bool compare(int fd, struct str text, size_t *at, bool *ended)
{
    char bytes[COMPARE_BYTES];

    *at = 0;
    *ended = false;
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        size_t count, i = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        *ended = n == 0;
        count = (size_t)n < text.len - *at ? (size_t)n : text.len - *at;
        if (n == 0 || count == 0)
            return true;
        if (memcmp(bytes, text.data + *at, count) == 0)
            i = count;
        while (i < count && bytes[i] == text.data[*at + i])
            i++;
        *at += i;
        if (i < (size_t)n)
            return true;
    }
}

/* As compare(), of the file at path; *found is false when there is none. */
static bool compare_file(const char *path, struct str text, bool *found, size_t *at, bool *ended, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done;

    *found = fd >= 0;
    if (fd < 0 && errno == ENOENT)
        return true;
    done = fd >= 0 && compare(fd, text, at, ended);
    if (!done)
        error_set(error, EXIT_STATUS_IO, "'%s' cannot be read: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return done;
}

bool write_compare(const char *path, struct str text, bool *same, size_t *line, struct error *error)
{
    size_t at = 0;
    bool found, ended = false;

    *line = 0;
    *same = false;
    if (!compare_file(path, text, &found, &at, &ended, error))
        return false;
    if (!found)
        return true;
    *same = ended && at == text.len;
    *line = 1;
    for (size_t i = 0; i < at; i++)
        *line += text.data[i] == '\n';
    return true;
}

/* The folder of path and those above it, where they are missing. */
static bool make_folders(struct arena *arena, const char *path, struct error *error)
{
    char *copy = arena_strdup(arena, path);

    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return error_set(error, EXIT_STATUS_IO, "cannot make the folder '%s': %s", copy, strerror(errno));
        *slash = '/';
    }
    return true;
}

static bool write_all(int fd, struct str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.data, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text.data += n;
        text.len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

bool write_plan_file(struct arena *arena, const char *path, struct str text, bool *changed, struct error *error)
{
    const char *temporary = arena_printf(arena, "%s.%ld.tmp", path, (long)getpid());
    size_t at = 0;
    bool found, ended = false, ok;
    int fd, saved;

    if (!compare_file(path, text, &found, &at, &ended, error))
        return false;
    *changed = !found || !ended || at < text.len;
    if (!*changed)
        return true;
    if (!make_folders(arena, path, error))
        return false;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_set(error, EXIT_STATUS_IO, "cannot write '%s': %s", temporary, strerror(errno));
    ok = write_all(fd, text);
    saved = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        saved = errno;
    }
    if (ok && rename(temporary, path) != 0) {
        ok = false;
        saved = errno;
    }
    if (ok)
        return true;
    unlink(temporary);
    return error_set(error, EXIT_STATUS_IO, "cannot write '%s': %s", path, strerror(saved));
}
