#include "executor/postgres/conn.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/postgres/sqlstate.h"
#include "executor/redact.h"
#include "spec/base/bug.h"
#include "spec/base/map.h"
#include "spec/exit.h"

enum {
    TICK_MS = 1000,
    WATCH_MS = 1000,
    CANCEL_PATIENCE_MS = 10000, /* a server that does not answer a cancel is given up */
    CANCEL_SETTLE_MS = 1000,    /* a cancel that is still under way when the statement has ended */
    CANCEL_LOOK_MS = 5,
    NAMES_MAX = 64,
};

struct pg_link {
    struct arena *arena;
    const struct pg_settings *settings;
    const struct driver_env *env;
    const char *target;
    bool quiet;
    bool names_forbidden;
    PGconn *pg;
    char names[NAMES_MAX][32]; /* prepared on this connection */
    size_t name_count;
    struct pg_watch watch;
    int64_t last_tick_ms; /* many short waits in a row tick as one long one does */
    /* Of the wait under way. */
    int64_t wait_began_ms;
    int64_t last_watch_ms; /* -1: not yet */
    int64_t stop_seen_ms;  /* -1: not asked to stop */
    int64_t cancelled_ms;  /* -1: not cancelled */
    pid_t canceller;       /* the process that sends the cancel; 0: none */
};

struct pg_link *pg_make(struct arena *arena, const struct pg_settings *settings, const struct driver_env *env,
    const char *target, bool quiet)
{
    struct pg_link *conn = ARENA_NEW(arena, struct pg_link);

    conn->arena = arena;
    conn->settings = settings;
    conn->env = env;
    conn->target = target;
    conn->quiet = quiet;
    return conn;
}

bool pg_is_open(const struct pg_link *conn)
{
    return conn->pg && PQstatus(conn->pg) == CONNECTION_OK;
}

void pg_close(struct pg_link *conn)
{
    if (!conn->pg)
        return;
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->name_count = 0;
}

void pg_set_watch(struct pg_link *conn, const struct pg_watch *watch)
{
    conn->watch = watch ? *watch : (struct pg_watch){0};
}

int pg_backend_pid(const struct pg_link *conn)
{
    return conn->pg ? PQbackendPID(conn->pg) : 0;
}

int pg_server_version(const struct pg_link *conn)
{
    return conn->pg ? PQserverVersion(conn->pg) : 0;
}

const char *pg_host(const struct pg_link *conn)
{
    const char *host = conn->pg ? PQhost(conn->pg) : NULL;

    return host ? host : "";
}

const char *pg_port(const struct pg_link *conn)
{
    const char *port = conn->pg ? PQport(conn->pg) : NULL;

    return port ? port : "";
}

void pg_forbid_names(struct pg_link *conn)
{
    conn->names_forbidden = true;
}

void pg_forget_names(struct pg_link *conn)
{
    conn->name_count = 0;
}

bool pg_check_conninfo(const char *text, const char *target, struct error *error)
{
    char *complaint = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &complaint);

    if (!options) {
        /* libpq quotes the text it could not read, password included; only the name of a parameter may be shown. */
        if (complaint && strncmp(complaint, "invalid URI query parameter: ", 29) == 0)
            error_set(error, EXIT_STATUS_UNREACHABLE,
                "the url of target '%s' has a parameter that libpq does not know: %.*s", target,
                (int)strcspn(complaint + 29, "\n"), complaint + 29);
        else
            error_set(error, EXIT_STATUS_UNREACHABLE, "the url of target '%s' is not a connection string", target);
        PQfreemem(complaint);
        return error_help(error, "write postgresql://USER@HOST:PORT/DATABASE, special characters percent-encoded");
    }
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (option->val && (strstr(option->keyword, "password")))
            redact_register(option->val, strlen(option->val));
    PQconninfoFree(options);
    return true;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

static int64_t now(const struct pg_link *conn)
{
    return conn->env->now_ms(conn->env->context);
}

static void begin_wait(struct pg_link *conn)
{
    conn->wait_began_ms = now(conn);
    conn->last_watch_ms = -1;
    conn->stop_seen_ms = -1;
    conn->cancelled_ms = -1;
}

/* PQcancel() waits for as long as a silent network does, and has no form that does not wait; but it may be called where
 * a signal handler may (libpq, "Canceling Queries in Progress"), so also in a forked process. If the cancel does not
 * arrive, the wait ends at CANCEL_PATIENCE_MS. */
static void send_cancel(struct pg_link *conn, int64_t now_ms)
{
    char ignored[256];
    PGcancel *cancel = PQgetCancel(conn->pg);

    conn->cancelled_ms = now_ms;
    if (!cancel)
        return;
    conn->canceller = fork();
    if (conn->canceller == 0) {
        PQcancel(cancel, ignored, sizeof(ignored));
        _exit(0);
    }
    if (conn->canceller < 0)
        conn->canceller = 0;
    PQfreeCancel(cancel);
}

/* False when the cancel is under way still: it might hit whatever is next on this connection. */
static bool end_canceller(struct pg_link *conn)
{
    int64_t until_ms = now(conn) + CANCEL_SETTLE_MS;
    pid_t pid = conn->canceller;
    pid_t ended;

    conn->canceller = 0;
    if (!pid)
        return true;
    while ((ended = waitpid(pid, NULL, WNOHANG)) == 0 && now(conn) < until_ms)
        (void)poll(NULL, 0, CANCEL_LOOK_MS);
    if (ended != 0)
        return true;
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return false;
}

static void cancel_when_asked(struct pg_link *conn, int64_t now_ms)
{
    const struct driver_env *env = conn->env;

    if (conn->cancelled_ms >= 0)
        return;
    if (conn->stop_seen_ms < 0 && env->stopping(env->context))
        conn->stop_seen_ms = now_ms;
    if ((env->cancelling && env->cancelling(env->context)) ||
        (conn->stop_seen_ms >= 0 && now_ms - conn->stop_seen_ms >= PG_STOP_GRACE_MS))
        send_cancel(conn, now_ms);
}

static void call_watch(struct pg_link *conn, int64_t now_ms)
{
    if (!conn->watch.call || now_ms - conn->wait_began_ms < conn->watch.after_ms)
        return;
    if (conn->last_watch_ms >= 0 && now_ms - conn->last_watch_ms < WATCH_MS)
        return;
    conn->watch.call(conn->watch.context, now_ms - conn->wait_began_ms);
    conn->last_watch_ms = now(conn);
}

/* What is due while a statement runs. False: give the connection up. */
static bool keep_world_going(struct pg_link *conn)
{
    int64_t now_ms = now(conn);

    if (conn->quiet)
        return now_ms - conn->wait_began_ms < PG_QUIET_DEADLINE_MS;
    if (now_ms - conn->last_tick_ms >= TICK_MS) {
        conn->env->tick(conn->env->context);
        conn->last_tick_ms = now(conn);
    }
    call_watch(conn, now_ms);
    cancel_when_asked(conn, now_ms);
    return conn->cancelled_ms < 0 || now_ms - conn->cancelled_ms < CANCEL_PATIENCE_MS;
}

/* One poll() of at most a tick. False only when the socket is unusable. */
static bool poll_socket(struct pg_link *conn, short events)
{
    struct pollfd poll_fd = {.fd = PQsocket(conn->pg), .events = events};
    int timeout_ms = 250;
    int ready;

    if (poll_fd.fd < 0)
        return false;
    if (conn->watch.call && conn->last_watch_ms < 0 && conn->watch.after_ms < timeout_ms)
        timeout_ms = conn->watch.after_ms < 5 ? 5 : (int)conn->watch.after_ms;
    ready = poll(&poll_fd, 1, timeout_ms);
    return ready >= 0 || errno == EINTR;
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

static void on_notice(void *context, const PGresult *notice)
{
    const struct pg_link *conn = context;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    char text[1024];

    if (!severity || !message || strcmp(severity, "DEBUG") == 0)
        return;
    snprintf(text, sizeof(text), "%s: %s", conn->target, message);
    redact_text(text);
    conn->env->log(conn->env->context, strcmp(severity, "WARNING") == 0 ? "warning" : "info", text);
}

/* libpq's words on a failed connection, on one line, without the server's source position; *sqlstate when it names one.
 */
static void read_connect_message(const PGconn *pg, struct strbuf *out, char sqlstate[6])
{
    const char *text = PQerrorMessage(pg);
    const char *fatal = strstr(text, "FATAL:  ");

    sqlstate[0] = '\0';
    if (fatal && strlen(fatal) > 15 && fatal[13] == ':') {
        memcpy(sqlstate, fatal + 8, 5);
        sqlstate[5] = '\0';
    }
    while (*text) {
        size_t len = strcspn(text, "\n");
        struct str line = str_trim((struct str){text, len});

        if (line.len && !str_starts_with(line, "LOCATION:")) {
            if (out->len)
                strbuf_append_text(out, "; ");
            strbuf_append_str(out, line);
        }
        text += len + (text[len] == '\n');
    }
    if (!out->len)
        strbuf_append_text(out, "the connection ended without a message");
}

static bool connect_failed(struct pg_link *conn, struct error *error)
{
    struct strbuf message = STRBUF_INIT;
    bool needs_password = PQconnectionNeedsPassword(conn->pg);
    struct server_error from = {0};
    char sqlstate[6];

    read_connect_message(conn->pg, &message, sqlstate);
    from.message = message.data;
    from.sqlstate = sqlstate;
    sqlstate_error(error, &from);
    if (!sqlstate[0]) {
        error->retryable = !needs_password && !strstr(message.data, "SSL") && !strstr(message.data, "certificate");
        if (needs_password) {
            error->exit_status = EXIT_STATUS_AUTHENTICATION;
            error_help(error, "give a password: in the url, as password:, in PGPASSWORD or in ~/.pgpass");
        } else {
            error_help(error, "check that the server runs, and host, port and network between here and there");
        }
    }
    error_wrap(error, "target '%s' cannot be reached", conn->target);
    strbuf_free(&message);
    pg_close(conn);
    return false;
}

static int64_t connect_deadline_ms(PGconn *pg)
{
    PQconninfoOption *options = PQconninfo(pg);
    int64_t deadline_ms = PG_CONNECT_DEADLINE_MS;

    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        int64_t seconds;

        if (strcmp(option->keyword, "connect_timeout") == 0 && option->val &&
            str_to_i64(str_from(option->val), &seconds) && seconds > 0 && seconds < 3600)
            deadline_ms = seconds * 1000;
    }
    PQconninfoFree(options);
    return deadline_ms;
}

static bool poll_connection(struct pg_link *conn, struct error *error)
{
    int64_t deadline_ms = conn->quiet ? PG_QUIET_DEADLINE_MS : connect_deadline_ms(conn->pg);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    int64_t began_ms = now(conn);
    int64_t ticked_ms = began_ms;

    while (status != PGRES_POLLING_OK) {
        struct pollfd poll_fd = {.fd = PQsocket(conn->pg)};
        int64_t now_ms;
        int ready;

        poll_fd.events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        ready = poll(&poll_fd, 1, 250);
        now_ms = now(conn);
        if (!conn->quiet && now_ms - ticked_ms >= TICK_MS) {
            conn->env->tick(conn->env->context);
            ticked_ms = now_ms;
        }
        if (now_ms - began_ms > deadline_ms || (conn->env->cancelling && conn->env->cancelling(conn->env->context))) {
            pg_close(conn);
            error_set(error, EXIT_STATUS_UNREACHABLE, "target '%s' cannot be reached: no answer within %lld s",
                conn->target, (long long)(deadline_ms / 1000));
            error->retryable = true;
            return error_help(error, "check host, port and network between here and there");
        }
        if (ready <= 0)
            continue;
        status = PQconnectPoll(conn->pg);
        if (status == PGRES_POLLING_FAILED)
            return connect_failed(conn, error);
    }
    return true;
}

static bool open_once(struct pg_link *conn, struct error *error)
{
    const struct pg_settings *settings = conn->settings;
    const char **keywords = ARENA_ARRAY(conn->arena, const char *, settings->keywords.count + 1);
    const char **values = ARENA_ARRAY(conn->arena, const char *, settings->keywords.count + 1);
    const char *password;

    pg_close(conn);
    for (size_t i = 0; i < settings->keywords.count; i++) {
        keywords[i] = settings->keywords.items[i];
        values[i] = settings->values.items[i];
    }
    conn->pg = PQconnectStartParams(keywords, values, 1);
    if (!conn->pg)
        BUG("libpq is out of memory");
    password = PQpass(conn->pg);
    if (password && *password)
        redact_register(password, strlen(password));
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE); /* so that a refused connection says its SQLSTATE */
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    if (PQstatus(conn->pg) == CONNECTION_BAD)
        return connect_failed(conn, error);
    if (!poll_connection(conn, error))
        return false;
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (PQsetnonblocking(conn->pg, 1) != 0)
        return connect_failed(conn, error);
    conn->last_tick_ms = now(conn);
    return true;
}

bool pg_open(struct pg_link *conn, struct error *error)
{
    const struct pg_settings *settings = conn->settings;

    if (open_once(conn, error))
        return true;
    return error->exit_status == EXIT_STATUS_AUTHENTICATION && settings->renew &&
           settings->renew(settings->renew_context, error) && open_once(conn, error);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

/* What is on its way, in order: one for each message group that answers with a result. */
struct flight {
    size_t statement;
    bool prepare;
};

struct run {
    struct pg_link *conn;
    struct arena *arena;
    const struct pg_batch *batch;
    struct pg_rows *results;
    VEC(struct flight) flights;
    struct error *error;
    bool failed;
    size_t failed_at;
    int64_t timed_ms; /* up to here the time is some statement's */
};

static bool run_fail_libpq(struct run *run, size_t statement)
{
    struct pg_link *conn = run->conn;
    const char *text = PQerrorMessage(conn->pg);

    if (run->failed)
        return false;
    run->failed = true;
    run->failed_at = statement;
    error_set(run->error, EXIT_STATUS_UNREACHABLE, "the connection to target '%s' was lost: %.*s", conn->target,
        (int)strcspn(text, "\n"), *text ? text : "no message");
    run->error->retryable = true;
    run->error->outcome_unknown = true;
    redact_text(run->error->message);
    return false;
}

static bool is_prepared(const struct pg_link *conn, const char *name)
{
    for (size_t i = 0; i < conn->name_count; i++)
        if (strcmp(conn->names[i], name) == 0)
            return true;
    return false;
}

static bool send_statement(struct run *run, size_t index)
{
    struct pg_link *conn = run->conn;
    const struct pg_statement *statement = &run->batch->statements.items[index];
    int count = (int)statement->params.count;
    bool full = conn->name_count == NAMES_MAX && statement->name && !is_prepared(conn, statement->name);
    const char *name = conn->names_forbidden || full ? NULL : statement->name;

    if (!name) {
        VEC_PUSH(run->arena, &run->flights, (struct flight){.statement = index});
        return PQsendQueryParams(conn->pg, statement->sql, count, NULL, statement->params.items, NULL, NULL, 0) == 1;
    }
    if (!is_prepared(conn, name)) {
        if (strlen(name) >= sizeof(conn->names[0]))
            BUG("prepared statement '%s' does not fit", name);
        VEC_PUSH(run->arena, &run->flights, (struct flight){.statement = index, .prepare = true});
        if (PQsendPrepare(conn->pg, name, statement->sql, 0, NULL) != 1)
            return false;
        memcpy(conn->names[conn->name_count++], name, strlen(name) + 1);
    }
    VEC_PUSH(run->arena, &run->flights, (struct flight){.statement = index});
    return PQsendQueryPrepared(conn->pg, name, count, statement->params.items, NULL, NULL, 0) == 1;
}

/* A name whose Parse message failed or was skipped is not prepared. */
static void unprepare(struct pg_link *conn, const char *name)
{
    for (size_t i = 0; i < conn->name_count; i++)
        if (strcmp(conn->names[i], name) == 0) {
            memcpy(conn->names[i], conn->names[conn->name_count - 1], sizeof(conn->names[i]));
            conn->name_count--;
            return;
        }
}

/* The next result, or NULL at the end of a statement's results. *alive false: the connection is gone. */
static PGresult *next_result(struct pg_link *conn, bool *alive)
{
    *alive = true;
    for (;;) {
        int unsent = PQflush(conn->pg);

        /* An error report may have arrived before the end of the connection. */
        if (unsent < 0 || !PQisBusy(conn->pg) || !PQconsumeInput(conn->pg) || !PQisBusy(conn->pg))
            return PQgetResult(conn->pg);
        if (!poll_socket(conn, (short)(unsent ? POLLIN | POLLOUT : POLLIN)) || !keep_world_going(conn)) {
            *alive = false;
            return NULL;
        }
    }
}

static void keep_cells(struct run *run, const PGresult *answer, struct pg_rows *out)
{
    size_t rows = (size_t)PQntuples(answer);
    size_t columns = (size_t)PQnfields(answer);
    struct str *cells = ARENA_ARRAY(run->arena, struct str, rows * columns);

    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            struct str *cell = &cells[row * columns + column];

            if (PQgetisnull(answer, (int)row, (int)column))
                continue;
            cell->len = (size_t)PQgetlength(answer, (int)row, (int)column);
            cell->data = arena_strndup(run->arena, PQgetvalue(answer, (int)row, (int)column), cell->len);
        }
    out->row_count = rows;
    out->column_count = columns;
    out->cells = cells;
}

static void keep_result(struct run *run, size_t statement, PGresult *answer)
{
    struct pg_rows *out = run->results ? &run->results[statement] : NULL;
    int64_t now_ms = now(run->conn);
    int64_t affected;

    if (out) {
        *out = (struct pg_rows){.affected = -1, .elapsed_ms = now_ms - run->timed_ms};
        snprintf(out->tag, sizeof(out->tag), "%s", PQcmdStatus(answer));
        if (str_to_i64(str_from(PQcmdTuples(answer)), &affected))
            out->affected = affected;
        if (PQresultStatus(answer) == PGRES_TUPLES_OK && !run->batch->statements.items[statement].user)
            keep_cells(run, answer, out);
    }
    if (run->batch->statements.items[statement].user)
        run->timed_ms = now_ms;
}

static void run_fail_server(struct run *run, size_t statement, const PGresult *answer)
{
    const char *sqlstate = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    struct server_error from = {
        .sqlstate = sqlstate,
        .message = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY),
        .detail = PQresultErrorField(answer, PG_DIAG_MESSAGE_DETAIL),
        .hint = PQresultErrorField(answer, PG_DIAG_MESSAGE_HINT),
    };

    if (run->failed)
        return;
    if (!sqlstate) {
        (void)run_fail_libpq(run, statement);
        return;
    }
    run->failed = true;
    run->failed_at = statement;
    sqlstate_error(run->error, &from);
    if (run->conn->cancelled_ms >= 0 && strcmp(sqlstate, "57014") == 0) {
        error_set(run->error, EXIT_STATUS_RESUMABLE, "the statement was cancelled, because the run was asked to stop");
        memcpy(run->error->sqlstate, "57014", 6);
    }
}

static bool refuse_copy(struct run *run, size_t statement)
{
    if (run->failed)
        return false;
    run->failed = true;
    run->failed_at = statement;
    error_set(
        run->error, EXIT_STATUS_UNSUPPORTED, "a statement copies data to or from the client, which a plan cannot");
    return error_help(run->error, "write the rows as INSERT statements");
}

/* COPY … FROM STDIN or TO STDOUT. It is refused when the server begins it, too; but then the connection is lost. */
static bool is_client_copy(const char *sql)
{
    sql += strspn(sql, " \t\r\n");
    if (strncasecmp(sql, "copy", 4) != 0)
        return false;
    for (; *sql; sql++)
        if (strncasecmp(sql, "stdin", 5) == 0 || strncasecmp(sql, "stdout", 6) == 0)
            return true;
    return false;
}

/* One result of a flight. False: stop reading, the connection is of no use any more. */
static bool take_result(struct run *run, const struct flight *flight, PGresult *answer)
{
    const struct pg_statement *statement = &run->batch->statements.items[flight->statement];

    switch (PQresultStatus(answer)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        if (!flight->prepare)
            keep_result(run, flight->statement, answer);
        return true;
    case PGRES_PIPELINE_ABORTED:
        if (flight->prepare)
            unprepare(run->conn, statement->name);
        return true;
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
        if (flight->prepare)
            unprepare(run->conn, statement->name);
        run_fail_server(run, flight->statement, answer);
        return true;
    default:
        return refuse_copy(run, flight->statement);
    }
}

static bool receive_flight(struct run *run, const struct flight *flight)
{
    for (;;) {
        bool alive;
        PGresult *answer = next_result(run->conn, &alive);
        bool usable;

        if (!alive)
            return run_fail_libpq(run, flight->statement);
        if (!answer)
            return PQstatus(run->conn->pg) == CONNECTION_OK || run_fail_libpq(run, flight->statement);
        usable = take_result(run, flight, answer);
        PQclear(answer);
        if (!usable)
            return false;
        if (PQstatus(run->conn->pg) != CONNECTION_OK)
            return run_fail_libpq(run, flight->statement);
    }
}

/* The answer to the synchronisation point. */
static bool receive_sync(struct run *run)
{
    bool alive;
    PGresult *answer = next_result(run->conn, &alive);
    bool ok = answer && PQresultStatus(answer) == PGRES_PIPELINE_SYNC;

    PQclear(answer);
    return ok || run_fail_libpq(run, run->batch->statements.count);
}

/* All statements. The server sends results only when it is told to, or has many: it is told to behind each of users'
 * statements that another one follows, so that the time between their results is the time they took. */
static bool send_all(struct run *run)
{
    const struct pg_statement *statements = run->batch->statements.items;
    size_t timed = run->batch->statements.count;

    while (timed > 0 && !statements[timed - 1].user)
        timed--;
    for (size_t i = 0; i < run->batch->statements.count; i++)
        if (!send_statement(run, i) ||
            (statements[i].user && i + 1 < timed && PQsendFlushRequest(run->conn->pg) != 1))
            return run_fail_libpq(run, i);
    return PQpipelineSync(run->conn->pg) == 1 || run_fail_libpq(run, run->batch->statements.count);
}

static bool send_and_receive(struct run *run)
{
    struct pg_link *conn = run->conn;
    size_t count = run->batch->statements.count;
    bool pipeline = count > 1 || (run->batch->statements.items[0].name && !conn->names_forbidden);

    if (pipeline && !PQenterPipelineMode(conn->pg))
        return run_fail_libpq(run, 0);
    if (pipeline ? !send_all(run) : !send_statement(run, 0))
        return run_fail_libpq(run, 0);
    /* The server goes on with it, whatever becomes of us. */
    if (conn->env->point)
        conn->env->point(conn->env->context, "pg.request");
    for (size_t i = 0; i < run->flights.count; i++)
        if (!receive_flight(run, &run->flights.items[i]))
            return false;
    if (!pipeline)
        return true;
    return receive_sync(run) && (PQexitPipelineMode(conn->pg) == 1 || run_fail_libpq(run, count));
}

/* Ends a transaction that a failed batch left open. */
static void roll_back(struct run *run)
{
    struct pg_link *conn = run->conn;
    struct pg_batch batch;
    struct error ignored;

    if (PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return;
    batch = pg_batch_make(run->arena);
    pg_add(&batch, "ROLLBACK");
    if (!pg_run(conn, run->arena, &batch, NULL, NULL, &ignored) || PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        pg_close(conn);
}

bool pg_run(struct pg_link *conn, struct arena *arena, const struct pg_batch *batch, struct pg_rows **results,
    size_t *failed, struct error *error)
{
    struct run run = {.conn = conn, .arena = arena, .batch = batch, .error = error};
    bool usable;

    if (results)
        *results = run.results = ARENA_ARRAY(arena, struct pg_rows, batch->statements.count + 1);
    if (failed)
        *failed = batch->statements.count;
    if (!batch->statements.count)
        return true;
    if (!pg_is_open(conn)) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "the connection to target '%s' is closed", conn->target);
        error->retryable = true;
        return false;
    }
    for (size_t i = 0; i < batch->statements.count; i++)
        if (batch->statements.items[i].user && is_client_copy(batch->statements.items[i].sql)) {
            (void)refuse_copy(&run, i);
            if (failed)
                *failed = i;
            return false;
        }
    begin_wait(conn);
    run.timed_ms = conn->wait_began_ms;
    usable = send_and_receive(&run);
    if (!end_canceller(conn))
        pg_close(conn);
    if (!run.failed)
        return true;
    if (failed)
        *failed = run.failed_at;
    if (!usable || !pg_is_open(conn)) {
        /* With the connection gone, nobody can say whether a COMMIT among the statements went through. */
        error->outcome_unknown = true;
        pg_close(conn);
    } else {
        roll_back(&run);
    }
    return false;
}
