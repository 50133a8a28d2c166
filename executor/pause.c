#include "executor/pause.h"

#include <stdio.h>

enum { LOOK_EVERY_MS = 500, WHY_MAX = 512, MESSAGE_MAX = 1600 };

int64_t pause_wait(const struct driver_env *env, const char *what)
{
    int64_t began_ms = env->now_ms(env->context);
    int64_t waited_ms;
    char why[WHY_MAX], message[MESSAGE_MAX];

    if (!env->paused || !env->paused(env->context, why, sizeof(why)))
        return 0;
    snprintf(message, sizeof(message), "paused before %s: %s", what, why);
    env->log(env->context, "info", message);
    while (!env->stopping(env->context) && env->paused(env->context, why, sizeof(why))) {
        env->tick(env->context);
        env->sleep_ms(env->context, LOOK_EVERY_MS);
    }
    waited_ms = env->now_ms(env->context) - began_ms;
    if (!env->stopping(env->context)) {
        snprintf(message, sizeof(message), "going on with %s after a pause of %lld.%lld s", what,
            (long long)(waited_ms / 1000), (long long)(waited_ms % 1000 / 100));
        env->log(env->context, "info", message);
    }
    return waited_ms;
}
