/* Runs commands against a fake world, each as a process of its own. */
#ifndef TESTS_UNIT_EXECUTOR_RUN_KIT_H
#define TESTS_UNIT_EXECUTOR_RUN_KIT_H

#include <stdio.h>

#include "executor/rollback.h"
#include "executor/run.h"
#include "tests/unit/driver_fake.h"
#include "tests/unit/executor_plan.h"

/* What one process left. */
struct kit_result {
    int status;
    struct error error;
    char run[64];
    struct report report;
};

struct kit {
    struct arena arena; /* of everything that processes made: kept, so that results can be read */
    struct fake_world world;
    FILE *output;
    char *printed; /* by all processes so far */
    size_t printed_len;
};

static inline void kit_start(struct kit *kit)
{
    memset(kit, 0, sizeof(*kit));
    fake_init(&kit->world);
    kit->output = open_memstream(&kit->printed, &kit->printed_len);
}

static inline void kit_stop(struct kit *kit)
{
    fclose(kit->output);
    free(kit->printed);
    fake_free(&kit->world);
    arena_free(&kit->arena);
}

static inline void kit_session(struct kit *kit, const struct plan *plan, struct session *session)
{
    const struct session_config config = {
        .arena = &kit->arena,
        .plan = plan,
        .host = &kit->world.host,
        .driver_for = fake_driver_for,
        .holder = arena_printf(&kit->arena, "tester, process %d", kit->world.points),
        .plan_argument = "--plan test.plan",
        .lease_ms = 30000,
    };

    fake_use(&kit->world);
    session_start(session, &config);
}

static inline struct kit_result kit_apply(struct kit *kit, const struct plan *plan, struct run_options options)
{
    struct kit_result result = {0};
    struct session session;
    struct progress progress;

    kit_session(kit, plan, &session);
    progress_init(&progress, kit->output, PROGRESS_PLAIN, false, 80, &kit->world.host);
    report_start(&result.report, &kit->arena, "apply", 0, 0);
    options.init = true;
    result.status = run_apply(&session, &options, &progress, &result.report, &result.error);
    session_close(&session);
    snprintf(result.run, sizeof(result.run), "%s", session.run);
    fflush(kit->output);
    return result;
}

/* Applies until the process dies right after the effect of a step: one that runs alone has no APPLIED row then. */
static inline void kit_die_after_effect(struct kit *kit, const struct plan *plan, const char *step)
{
    for (int point = 1;; point++) {
        kit->world.points = 0;
        kit->world.die_at = point;
        kit_apply(kit, plan, (struct run_options){0});
        if (fake_find_effect(&kit->world, step)->present)
            break;
        fake_restart(&kit->world);
    }
    fake_restart(&kit->world);
}

static inline struct kit_result kit_rollback(struct kit *kit, const struct plan *plan, struct rollback_options options)
{
    struct kit_result result = {0};
    struct session session;
    struct progress progress;

    kit_session(kit, plan, &session);
    progress_init(&progress, kit->output, PROGRESS_PLAIN, false, 80, &kit->world.host);
    report_start(&result.report, &kit->arena, "rollback", 0, 0);
    result.status = rollback_run(&session, &options, &progress, &result.report, &result.error);
    session_close(&session);
    snprintf(result.run, sizeof(result.run), "%s", session.run);
    fflush(kit->output);
    return result;
}

#endif
