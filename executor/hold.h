/*
 * What is held for other steps: a step whose forward names the step that ends it ("put_back"), as a capacity that is raised.
 * When a run halts or stops in between, it is let go, journalled as an undo, and the next run takes hold of it again.
 */
#ifndef EXECUTOR_HOLD_H
#define EXECUTOR_HOLD_H

#include "executor/progress.h"
#include "executor/report.h"
#include "executor/session.h"

/* Undoes every such step that is applied while the step that ends it is not. What fails is only logged: it is not why the
 * run ends, and the next run finds it as it is. */
void hold_release(struct session *session, struct progress *progress, struct report *report);
/* Finishes what a run was killed over while it let go. */
bool hold_finish(struct session *session, struct progress *progress, struct report *report, struct error *error) MUST_CHECK;

#endif
