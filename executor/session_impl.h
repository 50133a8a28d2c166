/* Between the files that a session is made of: session.c, session_lease.c, session_ledger.c. */
#ifndef EXECUTOR_SESSION_IMPL_H
#define EXECUTOR_SESSION_IMPL_H

#include "executor/session.h"

/* Connects, and asks which server it is. */
bool session_open_driver(struct session *session, struct session_target *target, struct error *error) MUST_CHECK;
/* Harmless where it is closed. */
void session_close_driver(struct session_target *target);
/* That it could not be released is logged: it expires by itself. */
void session_release_lease(struct session *session, struct session_target *target);

#endif
