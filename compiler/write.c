#include "compiler/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/exit.h"
#include "spec/plan.h"

/* *found is false when there is no such file. */
static bool read_plan(struct arena *arena, const char *path, struct str *out, bool *found, struct error *error)
{
    *found = access(path, F_OK) == 0 || errno != ENOENT;
    return !*found || file_read(arena, path, PLAN_SIZE_MAX_BYTES, EXIT_STATUS_IO, out, error);
}

bool write_compare(
    struct arena *arena, const char *path, struct str text, bool *same, size_t *line, struct error *error)
{
    struct str there = STR("");
    size_t at = 0;
    bool found;

    *line = 0;
    *same = false;
    if (!read_plan(arena, path, &there, &found, error))
        return false;
    if (!found)
        return true;
    *same = str_equal(there, text);
    *line = 1;
    for (; at < there.len && at < text.len && there.data[at] == text.data[at]; at++)
        *line += text.data[at] == '\n';
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
    struct str there = STR("");
    bool found, ok;
    int fd, saved;

    if (!read_plan(arena, path, &there, &found, error))
        return false;
    *changed = !found || !str_equal(there, text);
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
