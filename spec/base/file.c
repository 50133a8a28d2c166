#include "spec/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/arena.h"

enum { FILE_FIRST_BYTES = 64 * 1024 };

/* Reads up to the end or until more than max_bytes are there. False with errno set when the system refuses. */
static bool read_all(struct arena *arena, int fd, size_t capacity, size_t max_bytes, struct str *out)
{
    char *data = arena_alloc(arena, capacity + 1);
    size_t len = 0;

    while (len <= max_bytes) {
        ssize_t count;

        if (len == capacity) {
            data = arena_grow(arena, data, len, capacity * 2 + 1);
            capacity *= 2;
        }
        count = read(fd, data + len, capacity - len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        if (count == 0)
            break;
        len += (size_t)count;
    }
    data[len] = '\0';
    *out = (struct str){data, len};
    return true;
}

bool file_read(struct arena *arena, const char *path, size_t max_bytes, int exit_status, struct str *out,
    struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    size_t capacity = FILE_FIRST_BYTES;
    bool done;

    if (fd < 0)
        return error_set(error, exit_status, "'%s' cannot be read: %s", path, strerror(errno));
    /* One byte more than the size, so that the end is seen without growing. */
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= 0 && (size_t)status.st_size <= max_bytes)
        capacity = (size_t)status.st_size + 1;
    done = read_all(arena, fd, capacity, max_bytes, out);
    if (!done)
        error_set(error, exit_status, "'%s' cannot be read: %s", path, strerror(errno));
    close(fd);
    if (done && out->len > max_bytes)
        return error_set(error, exit_status, "'%s' is larger than %zu bytes", path, max_bytes);
    return done;
}
