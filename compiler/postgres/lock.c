/* The modes of PostgreSQL's table locks, and the facts of lock.def. */
#include <string.h>

#include "compiler/postgres/analyse.h"

const char *lock_mode_name(enum lock_mode mode)
{
    static const char *const names[] = {"AccessShareLock", "RowShareLock", "RowExclusiveLock",
        "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"};

    return names[mode];
}

const char *lock_mode_blocks(enum lock_mode mode)
{
    switch (mode) {
    case LOCK_ACCESS_EXCLUSIVE:
        return "reads and writes";
    case LOCK_EXCLUSIVE:
    case LOCK_SHARE_ROW_EXCLUSIVE:
    case LOCK_SHARE:
        return "writes";
    case LOCK_SHARE_UPDATE_EXCLUSIVE:
        return "schema changes";
    case LOCK_ROW_EXCLUSIVE:
    case LOCK_ROW_SHARE:
    case LOCK_ACCESS_SHARE:
        break;
    }
    return "nothing";
}

struct fact {
    const char *name;
    enum lock_mode mode;
};

static enum lock_mode find(const struct fact *facts, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(facts[i].name, name) == 0)
            return facts[i].mode;
    return LOCK_ACCESS_EXCLUSIVE;
}

enum lock_mode lock_of_subcommand(const char *subcommand)
{
    static const struct fact facts[] = {
#define ALTER_ROW(name, mode) {#name, LOCK_##mode},
#include "compiler/postgres/lock.def"
    };

    return find(facts, sizeof(facts) / sizeof(facts[0]), subcommand);
}

enum lock_mode lock_of_statement(const char *tag)
{
    static const struct fact facts[] = {
#define STATEMENT_ROW(name, mode) {#name, LOCK_##mode},
#include "compiler/postgres/lock.def"
    };

    return find(facts, sizeof(facts) / sizeof(facts[0]), tag);
}
