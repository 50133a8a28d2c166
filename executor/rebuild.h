/*
 * Building steps of a plan in a throw-away database, under their true names, to see how the server says that their
 * objects are there. The database must hold nothing yet; what is built stays in it.
 */
#ifndef EXECUTOR_REBUILD_H
#define EXECUTOR_REBUILD_H

#include "executor/drift.h"
#include "executor/session.h"

struct rebuild {
    const char *url;                      /* of the throw-away database; may hold references */
    const struct plan_step *const *steps; /* of one target, in order */
    size_t count;
    const char *const *objects; /* those to look at */
    size_t object_count;
};

/* Can a target of this engine be rebuilt elsewhere? */
bool rebuild_is_possible(const struct session_target *target);
/* Appends how the objects, live as observe() gave them, differ from how they come out there. Who owns them is no
 * difference: it is whoever builds them. Backfills, assertions and gates are left out: there are no rows. */
bool rebuild_compare(struct session *session, struct session_target *target, const struct rebuild *rebuild,
    const struct json *live, struct drift_list *out, struct error *error) MUST_CHECK;

#endif
