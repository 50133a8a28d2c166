/*
 * migration-report.json: what a run did, for CI to keep and for machines to read. Its form is
 * spec/schema/report.schema.json. Texts pass redact_text(). The file is written beside its place and renamed, so that
 * nobody ever reads half of it.
 *
 *     report_start(&report, &arena, "apply", now_ms, wall_ms);
 *     report_step(&report, step)->state = "applied";        as things happen
 *     report_write(&report, &session, exit_status, &error, path, …)
 */
#ifndef EXECUTOR_REPORT_H
#define EXECUTOR_REPORT_H

#include "executor/drift.h"
#include "executor/session.h"
#include "executor/step.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"

struct report_step {
    const struct plan_step *step;
    const char *state; /* "pending", "applied", "adopted", "found applied", "passed", "failed", "started", "undone",
                        * "undo failed" */
    int64_t attempts;
    int64_t duration_ms; /* of a transaction: at its last step, -1 at the others */
    int64_t lock_wait_ms;
    int64_t lock_hold_ms;
    const struct json *blocked_by; /* list; NULL: nobody was seen in the way */
    int64_t affected;
    struct driver_units units;
    const char *error; /* NULL: none */
    struct str detail; /* JSON object of the driver, or "" */
};

/* A step that was to be undone. */
struct report_undo {
    const char *step;
    const char *target;
    const char *loss;    /* NULL: undoing it loses nothing */
    const char *refusal; /* NULL: it can be undone */
};

struct report {
    struct arena *arena;
    const char *command;
    const char
        *note; /* how it ended where the exit status alone does not say: "stopped before phase contract"; or NULL */
    int64_t started_ms;
    int64_t started_wall_ms;
    size_t applied_before; /* steps that were applied when it began */
    VEC(struct report_step *) steps;
    struct map by_id;
    struct drift_list drift;
    VEC(struct report_undo) undo;
};

void report_start(struct report *report, struct arena *arena, const char *command, int64_t now_ms, int64_t wall_ms);
/* The entry of a step, made ("pending") when there is none. step must live as long as the report. */
struct report_step *report_step(struct report *report, const struct plan_step *step);
void report_outcome(struct report_step *entry, const char *state, const struct step_outcome *outcome);
void report_error(struct report *report, struct report_step *entry, const struct error *error);
/* result: how the command ended; its message counts when exit_status is not DONE. */
struct json *report_json(
    const struct report *report, struct session *session, int exit_status, const struct error *result);
/* Failure has exit status IO. */
bool report_write(const struct report *report, struct session *session, int exit_status, const struct error *result,
    const char *path, struct error *error) MUST_CHECK;

#endif
