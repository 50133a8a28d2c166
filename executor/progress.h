/*
 * What a person (or a log) sees of a run while it runs. Three modes:
 *
 * - terminal: a finished step scrolls up as one line; below stands a live line for each target that has a step under
 * way, with bar, rate and time left where the driver reports progress.
 * - plain: one line a step, nothing that moves; for pipes and CI.
 * - json: one JSON object a line, for machines: {"at":…,"event":"step_started"|"step_progress"|"step_done"|"log"|…}.
 *
 * Every text that leaves here passes redact_text() and printable.h.
 */
#ifndef EXECUTOR_PROGRESS_H
#define EXECUTOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "executor/driver.h"
#include "spec/base/str.h"

enum progress_mode { PROGRESS_TERMINAL, PROGRESS_PLAIN, PROGRESS_JSON };

enum { PROGRESS_TARGETS_MAX = 16, PROGRESS_STEP_MAX = 512, PROGRESS_UNIT_MAX = 32 };

/* A step under way on one target. */
struct progress_live {
    bool active;
    char target[128];
    char step[PROGRESS_STEP_MAX];
    char unit[PROGRESS_UNIT_MAX];
    int64_t done;
    int64_t total;      /* -1 unknown */
    int64_t first_done; /* at the first report: a resumed step does not begin at 0, and the rate must not count that */
    int64_t started_ms;
    int64_t reported_ms; /* when it was last written as a line of its own (plain, json) */
};

struct progress {
    FILE *out;
    enum progress_mode mode;
    bool color;
    int columns; /* of the terminal */
    const struct driver_env *clock;
    struct progress_live live[PROGRESS_TARGETS_MAX];
    size_t drawn_lines; /* live lines that stand on the terminal now */
    int64_t drawn_ms;
    size_t steps_done, steps_total;
};

/* clock: now_ms and wall_ms are used; must outlive the progress. columns 0: 80. */
void progress_init(struct progress *progress, FILE *out, enum progress_mode mode, bool color, int columns,
    const struct driver_env *clock);
/* How many steps this run has to do. */
void progress_expect(struct progress *progress, size_t steps);
void progress_started(struct progress *progress, const char *target, const char *step);
void progress_update(struct progress *progress, const char *step, int64_t done, int64_t total, const char *unit);
/* duration_ms and affected: -1 when there is none to tell. outcome: "applied", "adopted", "found applied", "undone",
 * "failed", "passed"; detail: NULL or more about it. */
void progress_done(struct progress *progress, const char *target, const char *step, const char *outcome,
    int64_t duration_ms, int64_t affected, const char *detail);
/* level: "info", "warning", "error". */
void progress_log(struct progress *progress, const char *level, const char *message);
/* Text for people with line feeds: lists, the output of status and verify. */
void progress_text(struct progress *progress, struct str text);
/* The same for text that is safe already and may hold colours, as plan_text_print() makes it. */
void progress_raw(struct progress *progress, struct str text);
/* One event of the json mode; value is a JSON object. */
void progress_json(struct progress *progress, const struct json *value);
/* Redraws the live lines when they are due; called from tick(). */
void progress_tick(struct progress *progress);
/* Takes the live lines away; before anything else writes to the terminal, and at the end. */
void progress_clear(struct progress *progress);

#endif
