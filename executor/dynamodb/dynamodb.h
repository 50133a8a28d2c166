/*
 * The DynamoDB driver, inside. driver.c holds the operations; each other file one of its duties:
 *
 *     table.c    requests, items, describing, creating and waiting for tables
 *     units.c    consumed capacity units
 *     journal.c  the ledger: rows, head, texts too large for a row
 *     lease.c    the lease and its fencing token
 *     control.c  ddb.call: one control-plane request and what to wait for
 *     probe.c    has it happened already? comparison of expected members
 *     observe.c  how an object is now, for drift
 *     items.c    ddb.put_items
 *     transform.c ddb.transform_items and ddb.assert
 *     violation.c key violations after an index was built
 *     project.c  the registry table that other tools read
 *
 * Stored in the target, LEDGER being the plan's registry table:
 *
 *     LEDGER          id (S) → description, appliedAt: one item for each applied migration, a projection
 *     LEDGER_journal  pk (S), sk (N):
 *                     "ledger", seq       a row of the ledger
 *                     "head", 0           seq and hash of the last row
 *                     "owner", 0          project, environment, identity
 *                     "lease", 0          token, and while it is held: rvn, holder, run, duration_ms
 *                     "text:DIGEST", n    a piece of a text over JOURNAL_INLINE_MAX_BYTES
 *                     "checkpoint:STEP", segment
 *     LEDGER_undo     pk (S), sk (S): pre-images of upgraded events (executor/events) and transformed items
 *
 * A row is written in one transaction with the head, on the condition that the lease still has our token: a process that
 * lost its lease cannot write. Reads are strongly consistent.
 */
#ifndef EXECUTOR_DYNAMODB_DYNAMODB_H
#define EXECUTOR_DYNAMODB_DYNAMODB_H

#include "executor/aws/client.h"
#include "executor/driver_impl.h"
#include "spec/base/map.h"

enum {
    JOURNAL_INLINE_MAX_BYTES = 100 * 1024, /* three such texts and the rest stay below the service's 400 KB */
    JOURNAL_PIECE_MAX_BYTES = 300 * 1024,
    LEASE_RVN_LEN = 32,
};

#define TAG_STEP "invplan:step"
#define TAG_LEDGER "invplan:ledger"
#define TAG_OWN_PREFIX "invplan:"

struct dynamodb_lease {
    bool held;
    int64_t token;
    char rvn[LEASE_RVN_LEN + 1];
    char run[64];
    char holder[256];
    int64_t duration_ms;
    int64_t renewed_ms;   /* when the last heartbeat that succeeded was sent */
};

struct dynamodb_driver {
    struct driver base;
    struct aws_client *client;
    const char *registry_table;
    const char *journal_table;
    const char *undo_table;
    bool head_known;
    int64_t head_seq;
    char head_hash[65];
    struct dynamodb_lease lease;
    struct map started;   /* ids of steps whose last row is STARTED */
    struct map projected; /* ids in the registry table */
    bool projected_known;
    struct driver_units units; /* of the step under way */
};

/* --- table.c: requests --- */
/* Sends body (and frees it). *out may be NULL. */
bool dynamodb_call(struct dynamodb_driver *driver, struct arena *arena, const char *action, struct strbuf *body,
    const struct json **out, struct error *error) MUST_CHECK;
/* False when an answer of pages says to go on where the request had begun: it would never end. */
bool dynamodb_page_moves(const struct aws_call *call, struct error *error) MUST_CHECK;
bool dynamodb_is(const struct error *error, const char *aws_code);
struct str dynamodb_item_text(const struct json *item, const char *name); /* {"S":…} or {"N":…}; "" when absent */
bool dynamodb_item_number(const struct json *item, const char *name, int64_t *out);
/* A journal item, strongly consistent; *out NULL when there is none. */
bool dynamodb_journal_get(struct dynamodb_driver *driver, struct arena *arena, const char *pk, int64_t sk,
    const struct json **out, struct error *error) MUST_CHECK;
/* All items of a partition of the journal, in order, page by page. each returns false to stop with *error filled. */
typedef bool (*dynamodb_item_fn)(void *context, const struct json *item, struct error *error);
bool dynamodb_journal_query(struct dynamodb_driver *driver, const char *pk, dynamodb_item_fn each, void *context,
    struct error *error) MUST_CHECK;
/* TableDescription; *out NULL when there is no such table. */
bool dynamodb_describe(struct dynamodb_driver *driver, struct arena *arena, const char *table, const struct json **out,
    struct error *error) MUST_CHECK;
/* Creates the ledger's tables that are missing and waits until all are active. */
bool dynamodb_create_ledger_tables(struct dynamodb_driver *driver, const char *project, struct error *error) MUST_CHECK;
/* The table's key attributes, hash first; *range NULL when it has none. */
void dynamodb_table_key(const struct json *description, struct str *hash, struct str *range);

/* --- units.c: what dynamodb_call() does by itself; for requests that are sent in another way --- */
/* Makes the answer to a request on items say what it consumed. body: the whole request. */
void dynamodb_ask_units(const char *action, struct strbuf *body);
/* Adds what the answer says to the sums of the step under way. False when it says nothing; units (may be NULL): of all
 * tables together. */
bool dynamodb_count_units(struct dynamodb_driver *driver, const struct aws_call *call, double *units);

/* --- journal.c --- */
bool journal_write(struct dynamodb_driver *driver, const struct driver_journal *journal, int64_t offset,
    const struct ledger_entry *entry, struct str observed, struct error *error) MUST_CHECK;
bool journal_read(struct dynamodb_driver *driver, struct arena *arena, struct ledger *out, struct error *error)
    MUST_CHECK;
/* RFC 3339, UTC, with milliseconds. */
void journal_time(const struct dynamodb_driver *driver, char out[32]);

/* --- lease.c --- */
bool dynamodb_lease_take(struct driver *driver, const struct lease_request *request, struct lease_state *out,
    struct error *error);
bool dynamodb_lease_renew(struct driver *driver, struct error *error);
bool dynamodb_lease_release(struct driver *driver, struct error *error);
bool dynamodb_lease_look(struct driver *driver, struct lease_state *out, struct error *error);
bool dynamodb_lease_break(struct driver *driver, struct error *error);
/* Makes sure that at least half of the lease's period is left, by a heartbeat where it is not. */
bool dynamodb_lease_ensure(struct dynamodb_driver *driver, struct error *error) MUST_CHECK;

/* --- probe.c --- */
bool dynamodb_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;
/* A {"describe":…} of the plan against the service. created: the action makes the object, so that another shape is
 * somebody else's and not the state before. */
bool dynamodb_probe_described(struct dynamodb_driver *driver, const struct json *probe, bool created,
    struct probe_answer *out, struct error *error) MUST_CHECK;
/* Appends "PATH is ACTUAL, wanted EXPECTED" for every expected member that differs; true when none does. Members that are
 * not expected do not count, lists are compared regardless of order. */
bool probe_compare(const struct json *expected, const struct json *actual, const char *path, struct strbuf *differences);
/* Whether the table carries the step's tag: *known false when the endpoint has no tags. */
bool dynamodb_made_by(struct dynamodb_driver *driver, const char *table, const char *step, bool *ours, bool *known,
    struct error *error) MUST_CHECK;
/* The tag's value for a step: its id, or a digest of it where an id holds what a tag may not. */
const char *probe_tag_value(struct arena *arena, const char *step);

/* --- control.c --- */
/* Sends the action's request and waits until the service is done with it. */
bool control_run(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct error *error)
    MUST_CHECK;
/* Waits while the probe says RUNNING; *out is the first other answer. */
bool control_settle(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, int64_t deadline_ms,
    struct probe_answer *out, struct error *error) MUST_CHECK;
/* When the step has to be done by, on the monotonic clock. */
int64_t control_deadline(const struct dynamodb_driver *driver, const struct plan_step *step);

/* --- observe.c --- */
bool dynamodb_observe(struct dynamodb_driver *driver, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error) MUST_CHECK;
/* The observation of everything in the step's effect, as text in the arena; "" when it has none. */
bool dynamodb_observe_step(struct dynamodb_driver *driver, struct arena *arena, const struct plan_step *step,
    struct str *out, struct error *error) MUST_CHECK;

/* The user's tags, sorted by key: those of AWS and our own are not part of the schema. None where the endpoint has none. */
bool dynamodb_tags(struct dynamodb_driver *driver, struct arena *arena, const struct json *arn, struct json **out,
    struct error *error) MUST_CHECK;

/* --- items.c --- */
bool items_put(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool items_remove(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool items_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;
/* Whether the table holds items that no step of the plan wrote: what the plan's own steps wrote goes with their undo. */
bool items_lost_with_table(struct dynamodb_driver *driver, const char *table, bool *lost, struct error *error) MUST_CHECK;

/* --- transform.c --- */
bool transform_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool transform_restore(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool transform_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;

/* --- violation.c --- */
/* Where the step made an index: logs which items it passes over. */
void violation_report(struct dynamodb_driver *driver, const struct plan_step *step);

/* --- project.c --- */
bool dynamodb_project(struct driver *driver, const struct projected_migration *migrations, size_t count,
    const struct projected_migration *undone, size_t undone_count, struct error *error);

/* Names a protocol point for crash tests. */
void dynamodb_point(const struct dynamodb_driver *driver, const char *name);
bool dynamodb_stopping(const struct dynamodb_driver *driver);
bool dynamodb_stopped(struct error *error, const char *step); /* fills RESUMABLE and returns false */

#endif
