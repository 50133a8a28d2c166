#include "executor/postgres/sqlstate.h"

#include <stdio.h>
#include <string.h>

#include "executor/redact.h"
#include "spec/exit.h"

struct meaning {
    const char *sqlstate; /* five characters, or two for a whole class */
    int exit_status;
    bool retryable;
    const char *help;
};

/* The first row that fits counts: single codes stand before their class. */
static const struct meaning meanings[] = {
    {SQLSTATE_LEASE_LOST, EXIT_STATUS_LEASE, false, "another run took over; see what it did with `invplan status`"},
    {SQLSTATE_CHECK_FAILED, EXIT_STATUS_HALTED, false, ""},
    {"42501", EXIT_STATUS_PERMISSION, false, "grant the right to the role that the plan is applied with"},
    {"42P06", EXIT_STATUS_DRIFT, false, ""}, /* duplicate schema */
    {"42P07", EXIT_STATUS_DRIFT, false, ""}, /* duplicate table, index, sequence or view */
    {"42701", EXIT_STATUS_DRIFT, false, ""}, /* duplicate column */
    {"42710", EXIT_STATUS_DRIFT, false, ""}, /* duplicate object */
    {"42723", EXIT_STATUS_DRIFT, false, ""}, /* duplicate function */
    {"55P03", EXIT_STATUS_HALTED, true, ""}, /* lock not available */
    {"40001", EXIT_STATUS_HALTED, true, ""}, /* serialisation failure */
    {"40P01", EXIT_STATUS_HALTED, true, ""}, /* deadlock */
    {"40003", EXIT_STATUS_UNREACHABLE, true, ""},
    {"53300", EXIT_STATUS_UNREACHABLE, true, "the server has no connection left; close some or raise max_connections"},
    {"53", EXIT_STATUS_HALTED, false, "the server is out of a resource (disk, memory); see its log"},
    {"57P01", EXIT_STATUS_UNREACHABLE, true, ""}, /* admin shutdown, pg_terminate_backend() */
    {"57P02", EXIT_STATUS_UNREACHABLE, true, ""}, /* crash shutdown */
    {"57P03", EXIT_STATUS_UNREACHABLE, true, "the server is starting or stopping; try again in a moment"},
    {"57P05", EXIT_STATUS_UNREACHABLE, true, ""}, /* idle session time-out */
    {"25P03", EXIT_STATUS_UNREACHABLE, true, ""}, /* idle in transaction time-out */
    {"22P05", EXIT_STATUS_HALTED, false, "write it without the characters that the encoding of the database lacks, or use one in UTF8"},
    {"25006", EXIT_STATUS_UNREACHABLE, false,
        "this is a read-only standby; connect to the primary, for example with target_session_attrs=read-write"},
    {"28", EXIT_STATUS_AUTHENTICATION, false, "check user, password and pg_hba.conf"},
    {"3D000", EXIT_STATUS_UNREACHABLE, false, "create the database, or name another one"},
    {"08", EXIT_STATUS_UNREACHABLE, true, ""},
};

static const struct meaning *find_meaning(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (strncmp(sqlstate, meanings[i].sqlstate, strlen(meanings[i].sqlstate)) == 0)
            return &meanings[i];
    return NULL;
}

static bool is_ours(const char *sqlstate)
{
    return strncmp(sqlstate, "IV", 2) == 0;
}

bool sqlstate_error(struct error *error, const struct server_error *from)
{
    const char *sqlstate = from->sqlstate ? from->sqlstate : "";
    const struct meaning *meaning = find_meaning(sqlstate);
    const char *message = from->message ? from->message : "the server reported an error without a message";

    if (is_ours(sqlstate))
        error_set(error, EXIT_STATUS_HALTED, "%s", message);
    else if (*sqlstate)
        error_set(error, EXIT_STATUS_HALTED, "%s%s%s (SQLSTATE %s)", message, from->detail ? "; " : "",
            from->detail ? from->detail : "", sqlstate);
    else
        error_set(error, EXIT_STATUS_UNREACHABLE, "%s", message);
    if (meaning) {
        error->exit_status = meaning->exit_status;
        error->retryable = meaning->retryable;
        if (*meaning->help)
            error_help(error, "%s", meaning->help);
    }
    if (from->hint && !error->help[0])
        error_help(error, "%s", from->hint);
    snprintf(error->sqlstate, sizeof(error->sqlstate), "%.5s", sqlstate);
    redact_text(error->message);
    redact_text(error->help);
    return false;
}

bool sqlstate_is_lock(const char *sqlstate)
{
    return strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "40001") == 0;
}
