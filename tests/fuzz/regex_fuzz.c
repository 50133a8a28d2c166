/*
 * A pattern on the first line, searched in the rest, as it is and again and again up to 64 KB, in both flavours. Beyond
 * not crashing: a search takes time in proportion to its work, gives the same result again, and the same for the
 * pattern in a group.
 */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORK = 100000, LONG_BYTES = 64 * 1024, SLOW_MS = 2000 };

static int64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum regex_result search(const struct regex *regex, struct str subject)
{
    uint64_t work = WORK;
    int64_t start = cpu_ms();
    enum regex_result result = regex_search(regex, subject, &work);

    if (cpu_ms() - start > SLOW_MS)
        BUG("the search takes %lld ms", (long long)(cpu_ms() - start));
    if (work > WORK)
        BUG("the search gives work");
    return result;
}

static void check(struct arena *arena, struct str pattern, enum regex_flavour flavour, struct str subject)
{
    const char *group = arena_printf(arena, "(?:%.*s)", STR_ARG(pattern));
    struct regex_error error;
    int64_t start = cpu_ms();
    const struct regex *regex = regex_compile(arena, pattern, flavour, &error), *same;
    enum regex_result result, again;

    if (cpu_ms() - start > SLOW_MS)
        BUG("compiling takes %lld ms", (long long)(cpu_ms() - start));
    if (!regex) {
        if (error.message[0] == '\0' || error.offset > pattern.len)
            BUG("error '%s' at %zu of %zu", error.message, error.offset, pattern.len);
        return;
    }
    result = search(regex, subject);
    if (search(regex, subject) != result)
        BUG("another result the second time");
    /* A NUL ends the printed group. */
    same = memchr(pattern.data, '\0', pattern.len) ? NULL : regex_compile(arena, str_from(group), flavour, &error);
    again = same ? search(same, subject) : result;
    if (again != result && again != REGEX_LIMIT && result != REGEX_LIMIT)
        BUG("another result in a group");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str text = {size ? (const char *)data : "", size}, pattern = text, subject = {"", 0}, repeated;
    const char *line_end = memchr(text.data, '\n', text.len);
    char *copy = arena_alloc(&arena, LONG_BYTES);

    if (line_end) {
        pattern.len = (size_t)(line_end - text.data);
        subject = (struct str){line_end + 1, size - pattern.len - 1};
    }
    for (size_t i = 0; subject.len && i < LONG_BYTES; i++)
        copy[i] = subject.data[i % subject.len];
    repeated = (struct str){copy, subject.len ? LONG_BYTES : 0};
    for (int flavour = REGEX_FLAVOUR_ECMA; flavour <= REGEX_FLAVOUR_RE2; flavour++) {
        check(&arena, pattern, (enum regex_flavour)flavour, subject);
        check(&arena, pattern, (enum regex_flavour)flavour, repeated);
    }
    arena_free(&arena);
    return 0;
}
