#include "executor/holder.h"

#include <pwd.h>
#include <stdio.h>
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
    char path[64], text[1024];
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
    return at && sscanf(at, " %llu", start) == 1 ? PROCESS_ALIVE : PROCESS_UNKNOWN;
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

bool holder_is_gone(const char *holder)
{
    char machine[MACHINE_HEX_LEN + 1], theirs[MACHINE_HEX_LEN + 1];
    unsigned long long start, their_start;
    const char *at = strstr(holder, ", process ");
    enum process_life life;
    long pid;

    if (!at || sscanf(at, ", process %ld (machine %8[0-9a-f], started %llu)", &pid, theirs, &their_start) != 3)
        return false;
    if (pid <= 0 || !machine_id(machine) || strcmp(machine, theirs) != 0)
        return false;
    life = process_start(pid, &start);
    return life == PROCESS_GONE || (life == PROCESS_ALIVE && start != their_start);
}
