#include "executor/holder.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/str.h"

enum { HOST_NAME_MAX_BYTES = 256, MACHINE_HEX_LEN = 8, START_FIELD = 22 };

/* proc(5): /proc/sys/kernel/random/boot_id and the target of /proc/self/ns/pid. False where the kernel has neither. */
static bool machine_id(char out[MACHINE_HEX_LEN + 1])
{
    char text[256] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    struct digest digest;
    size_t used;
    ssize_t link;

    if (!file)
        return false;
    used = fread(text, 1, sizeof(text) / 2, file);
    fclose(file);
    link = readlink("/proc/self/ns/pid", text + used, sizeof(text) - used - 1);
    if (used == 0 || link <= 0)
        return false;
    digest = digest_of((struct str){text, used + (size_t)link});
    memcpy(out, digest.hex, MACHINE_HEX_LEN);
    out[MACHINE_HEX_LEN] = '\0';
    return true;
}

enum process_life { PROCESS_UNKNOWN, PROCESS_GONE, PROCESS_ALIVE };

/* When the process started, in clock ticks since boot: field 22 of /proc/PID/stat. Its name, field 2, stands in brackets and
 * may hold anything. A zombie is gone: it will never do anything again. */
static enum process_life process_start(long pid, unsigned long long *start)
{
    char path[64], text[1024], *end;
    const char *at;
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return access("/proc/self/stat", R_OK) == 0 ? PROCESS_GONE : PROCESS_UNKNOWN;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return PROCESS_UNKNOWN;
    if (at[2] == 'Z' || at[2] == 'X')
        return PROCESS_GONE;
    for (int field = 2; at && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return PROCESS_UNKNOWN;
    *start = strtoull(at + 1, &end, 10);
    return end == at + 1 ? PROCESS_UNKNOWN : PROCESS_ALIVE;
}

const char *holder_describe(struct arena *arena)
{
    char name[HOST_NAME_MAX_BYTES] = "", machine[MACHINE_HEX_LEN + 1];
    const struct passwd *user = getpwuid(getuid());
    unsigned long long start;
    const char *who;

    if (gethostname(name, sizeof(name) - 1) != 0)
        name[0] = '\0';
    who = arena_printf(
        arena, "%s@%.64s, process %ld", user ? user->pw_name : "unknown", name[0] ? name : "unknown", (long)getpid());
    if (!machine_id(machine) || process_start((long)getpid(), &start) != PROCESS_ALIVE)
        return who;
    return arena_printf(arena, "%s (machine %s, started %llu)", who, machine, start);
}

/* What stands behind prefix in text, or NULL when text does not begin with it. */
static const char *skip(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

bool holder_is_gone(const char *holder)
{
    char machine[MACHINE_HEX_LEN + 1], *end;
    const char *at = strstr(holder, ", process ");
    unsigned long long start, their_start;
    enum process_life life;
    long pid;

    if (!at || !machine_id(machine))
        return false;
    pid = strtol(at + strlen(", process "), &end, 10);
    at = skip(end, " (machine ");
    at = at ? skip(at, machine) : NULL;
    at = at ? skip(at, ", started ") : NULL;
    if (pid <= 0 || !at)
        return false;
    their_start = strtoull(at, &end, 10);
    if (end == at || strcmp(end, ")") != 0)
        return false;
    life = process_start(pid, &start);
    return life == PROCESS_GONE || (life == PROCESS_ALIVE && start != their_start);
}
