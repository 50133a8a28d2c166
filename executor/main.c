/* invplan-executor: applies plans. It never reads YAML and never parses SQL: it does exactly what the plan says. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "executor/command.h"
#include "executor/signals.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

/* Secrets are in memory: neither a core file nor another process of the same user is to read it. */
static void harden(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !HAS_FEATURE(address_sanitizer) /* its leak check traces this process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static const struct driver_ops *driver_for(enum engine engine)
{
    switch (engine) {
    case ENGINE_POSTGRES:
        return &driver_postgres;
    case ENGINE_DYNAMODB:
        return &driver_dynamodb;
    case ENGINE_ANY:
        break;
    }
    BUG("a target of no engine");
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct cli_arguments arguments;
    int status;

    harden();
    signals_install();
    if (cli_start(&arena, CLI_PROGRAM_EXECUTOR, argc, argv, &arguments, &status))
        status = command_run(&arena, &arguments, driver_for);
    arena_free(&arena);
    return status;
}
