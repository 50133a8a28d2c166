/*
 * What a server's error means for a run: SQLSTATE (PostgreSQL, Appendix A "PostgreSQL Error Codes") to struct error.
 * Pure; conn.c fills in what libpq said.
 */
#ifndef EXECUTOR_POSTGRES_SQLSTATE_H
#define EXECUTOR_POSTGRES_SQLSTATE_H

#include "spec/base/error.h"

/* Raised by our own function refuse() in the ledger's schema; class IV is free for users. */
#define SQLSTATE_LEASE_LOST "IV001"
#define SQLSTATE_ALREADY_APPLIED "IV002"
#define SQLSTATE_CHECK_FAILED "IV003"
#define SQLSTATE_TRANSACTION_ENDED "IV004"

struct server_error {
    const char *sqlstate; /* "" or NULL when the error is libpq's own */
    const char *message;
    const char *detail; /* NULL when there is none, as hint */
    const char *hint;
};

/* Fills *error: exit status, retryable, message with detail and SQLSTATE, hint as help. Returns false. */
bool sqlstate_error(struct error *error, const struct server_error *from);

/* A transient refusal of a lock: time-out, deadlock, serialisation failure. */
bool sqlstate_is_lock(const char *sqlstate);

#endif
