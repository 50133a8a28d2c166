/*
 * A gate waits for a fact outside of the databases: a deployment, an approval. A person states it with
 * `apply --pass NAME --reason TEXT`, and who and why go into the ledger.
 */
#ifndef EXECUTOR_GATE_H
#define EXECUTOR_GATE_H

#include "executor/run.h"

/* Records that the gate was passed. False with exit status GATE, and what to type, when it was not named. */
bool gate_pass(struct session *session, const struct plan_step *step, int64_t attempt,
    const struct run_options *options, struct error *error) MUST_CHECK;
/* The gate's name; "" for a step that is none. */
const char *gate_name(const struct plan_step *step);

#endif
