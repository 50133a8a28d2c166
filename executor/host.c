#include "executor/host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "executor/signals.h"
#include "spec/base/arena.h"

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t host_now(void *context)
{
    (void)context;
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t host_wall(void *context)
{
    (void)context;
    return clock_ms(CLOCK_REALTIME);
}

static bool host_random(void *context, void *out, size_t count)
{
    unsigned char *at = out;

    (void)context;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        count -= (size_t)got;
    }
    return true;
}

static const char *host_getenv(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static void host_sleep(void *context, int64_t ms)
{
    const struct timespec wait = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)context;
    /* A signal ends it early, which is what is wanted. */
    nanosleep(&wait, NULL);
}

static void host_tick(void *context)
{
    progress_tick(&((struct host *)context)->progress);
}

static bool host_stopping(void *context)
{
    const struct host *host = context;

    return signals_count() > 0 || (host->deadline_ms && clock_ms(CLOCK_MONOTONIC) >= host->deadline_ms);
}

static bool host_cancelling(void *context)
{
    const struct host *host = context;

    /* A deadline is meant: what is under way then is cancelled, and the next run does it again. */
    return signals_count() > 1 || (host->deadline_ms && clock_ms(CLOCK_MONOTONIC) >= host->deadline_ms);
}

static bool host_paused(void *context, char *why, size_t why_size)
{
    const struct host *host = context;
    bool by_file = host->pause_file && access(host->pause_file, F_OK) == 0;

    if (by_file)
        snprintf(why, why_size, "'%s' exists", host->pause_file);
    else if (signals_paused())
        snprintf(why, why_size, "SIGUSR1 asked for it; SIGUSR2 ends it");
    return by_file || signals_paused();
}

static void host_progress(void *context, const char *step, int64_t done, int64_t total, const char *unit)
{
    progress_update(&((struct host *)context)->progress, step, done, total, unit);
}

static void host_log(void *context, const char *level, const char *message)
{
    progress_log(&((struct host *)context)->progress, level, message);
}

static const char *step_under_way(const struct progress *progress)
{
    for (size_t i = 0; i < PROGRESS_TARGETS_MAX; i++)
        if (progress->live[i].active)
            return progress->live[i].step;
    return "-";
}

static void host_point(void *context, const char *name)
{
    struct host *host = context;
    size_t len;

    if (host->trace) {
        fprintf(host->trace, "%s\t%s\n", name, step_under_way(&host->progress));
        fflush(host->trace); /* whatever kills us next */
    }
    if (!host->kill_at)
        return;
    len = strcspn(host->kill_at, "#");
    if (strlen(name) != len || strncmp(name, host->kill_at, len) != 0)
        return;
    if (--host->kill_passes_left == 0)
        raise(SIGKILL);
}

void host_init(struct host *host, int64_t deadline_in_ms)
{
    const char *kill_at = getenv("INVPLAN_KILL_AT");
    const char *trace = getenv("INVPLAN_TRACE_POINTS");

    memset(host, 0, sizeof(*host));
    host->env = (struct driver_env){
        .context = host,
        .now_ms = host_now,
        .wall_ms = host_wall,
        .random_bytes = host_random,
        .getenv = host_getenv,
        .sleep_ms = host_sleep,
        .tick = host_tick,
        .stopping = host_stopping,
        .cancelling = host_cancelling,
        .paused = host_paused,
        .progress = host_progress,
        .log = host_log,
    };
    if (deadline_in_ms >= 0)
        host->deadline_ms = clock_ms(CLOCK_MONOTONIC) + deadline_in_ms;
    if (kill_at && kill_at[0]) {
        const char *number = strchr(kill_at, '#');
        uint64_t passes;

        host->kill_at = kill_at;
        host->kill_passes_left = number && str_to_u64(str_from(number + 1), &passes) ? (int64_t)passes : 1;
    }
    if (trace && trace[0]) {
        host->trace = fopen(trace, "ae");
        if (!host->trace)
            fprintf(stderr, "INVPLAN_TRACE_POINTS: cannot write '%s': %s\n", trace, strerror(errno));
    }
    if (host->kill_at || host->trace)
        host->env.point = host_point;
}
