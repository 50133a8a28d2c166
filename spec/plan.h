/*
 * The plan: what the compiler decided and the executor does, for one environment. JSON Lines in UTF-8 with LF, keys in
 * a fixed order, integers only, no timestamps and no absolute paths, so that the same input gives the same bytes
 * anywhere. docs/plan-format.md describes every key.
 *
 *     {"plan":1, project, environment, …}            the header
 *     {"migration":ID, target, description, …}       then, for each migration in the order of execution,
 *     {"step":ID/NAME/PART, instruction, …}          its steps
 *     {"end":{"lines":N,"digest":"…"}}               SHA-256 of every byte before this line
 *
 * A plan holds the whole history of its environment. What is pending is what the targets' ledgers do not hold.
 *
 *     if (!plan_read(&arena, text, &plan, &error)) …   digest first, then strict JSON, then every key and reference
 *     plan_write(plan, &buffer)                          canonical; fills in each step's `line` and the digest
 */
#ifndef SPEC_PLAN_H
#define SPEC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

enum { PLAN_FORMAT = 1, PLAN_SIZE_MAX_BYTES = 512 * 1024 * 1024, PLAN_LINE_MAX_BYTES = 8 * 1024 * 1024 };

enum engine { ENGINE_ANY, ENGINE_POSTGRES, ENGINE_DYNAMODB };

enum instruction {
#define INSTRUCTION_ROW(name, text, engine, alone, gradual, doc) INSTRUCTION_##name,
#include "spec/instruction.def"
#undef INSTRUCTION_ROW
    INSTRUCTION_COUNT,
};

const char *instruction_name(enum instruction instruction);
enum engine instruction_engine(enum instruction instruction);
bool instruction_is_alone(enum instruction instruction);
/* An attempt that stopped half way has changed something: it is resumed, or undone. */
bool instruction_is_gradual(enum instruction instruction);
bool instruction_from_name(struct str name, enum instruction *out);
const char *engine_name(enum engine engine); /* "postgres", "dynamodb" */

/* TypeORM's name of the migration TIMESTAMP-Name, "NameTIMESTAMP"; NULL when the id has another form. */
const char *plan_typeorm_name(struct arena *arena, const char *migration, int64_t *timestamp);

/* expand: additions the running code ignores; migrate: data; contract: removals. */
enum phase { PHASE_EXPAND, PHASE_MIGRATE, PHASE_CONTRACT };
const char *phase_name(enum phase phase);
bool phase_from_name(struct str name, enum phase *out);

/* What may be done by itself when an attempt fails: lock: lock time-outs and serialisation failures are tried again
 * within policy.retry_for_ms; transient: those, throttling and lost connections (after a probe); never. */
enum retry_class { RETRY_NEVER, RETRY_LOCK, RETRY_TRANSIENT };
const char *retry_class_name(enum retry_class retry);

enum grade { GRADE_EXACT, GRADE_LOSSY, GRADE_IMPOSSIBLE };
const char *grade_name(enum grade grade);

enum on_failure { ON_FAILURE_HALT, ON_FAILURE_ROLLBACK };

struct plan_connection_field {
    const char *name;  /* "url", "host", "secret", "endpoint", "region", … */
    const char *value; /* literal, or with references ${env:X} and ${secret:ARN#field} that the executor resolves */
};

struct plan_target {
    const char *name;
    enum engine engine;
    int version;               /* PostgreSQL's major version; 0 for DynamoDB */
    const char *ledger;        /* PostgreSQL: schema; DynamoDB: registry table, table_prefix included */
    const char *typeorm_table; /* PostgreSQL: name of the TypeORM migrations table that is kept as a projection; NULL */
    const char *table_prefix;  /* DynamoDB; "" when none */
    VEC(struct plan_connection_field) connection;
};

/* How events look in their table; event.* instructions refer to it. */
struct plan_events {
    const char *target;
    const char *table;    /* table_prefix included, as registry and undo */
    const char *stream;   /* attribute names */
    const char *sequence;
    const char *type;
    const char *version;
    const char *registry;
};

struct plan_policy {
    enum on_failure on_failure;
    int64_t lock_timeout_ms;
    int64_t statement_timeout_ms; /* 0: none */
    int64_t retry_for_ms;
    int64_t concurrent_wait_ms;   /* how long a concurrent form or a control-plane wait may take */
    int64_t slow_statement_ms;
    bool irreversible_allowed;    /* false: apply refuses a pending irreversible step unless --yes names it */
};

struct plan_input {
    const char *path;
    const char *digest;
};

struct plan_span {
    const char *path;
    int64_t line;
};

struct plan_timeouts {
    int64_t lock_ms;      /* 0: wait for ever (concurrent forms) */
    int64_t statement_ms; /* 0: none */
    int64_t wait_ms;      /* total time for the step, waiting included */
};

struct plan_lock {
    const char *relation; /* "public.inventory_items" */
    const char *mode;     /* as in pg_locks: "AccessExclusiveLock" */
    const char *blocks;   /* "reads and writes", "writes", "schema changes", "nothing" */
    bool scan;
    bool rewrite;
};

/* An object that the step makes, changes or drops, and how it is afterwards. */
struct plan_effect {
    const char *object;            /* "table public.inventory_items", "index public.idx", "dynamodb_table x", … */
    const struct json *definition; /* as the compiler knows it; NULL: dropped */
};

struct plan_allowance {
    const char *rule;
    const char *reason;
};

/*
 * What can be run and asked about: the forward action of a step and its inverse have the same form.
 *
 * forward, by instruction:
 *   pg.exec         {"sql":[STATEMENT,…]}
 *   pg.exec_alone   {"sql":STATEMENT,"repair":STATEMENT or null}  repair brings half done back to not done
 *   pg.index_partitions {"index":I,"name":NAME,"table":T,"unique":BOOL,"definition":"USING …","names":{…}}
 *                   as an inverse: {"drop":I,"name":NAME,"table":T,"names":{…}}
 *   pg.backfill     {"relation":R,"key":[{"name":COL,"type":TYPE},…],"set":SQL,"where":SQL or null,"batch":N,
 *                    "columns":[COL,…] that set assigns,"keep_old":BOOL,"pause_ms":N or null,
 *                    "throttle":{"replica_lag_ms":N,"waiting_locks":N,"query":SQL} or null}
 *                   identifiers are quoted as SQL wants them
 *                   as an inverse: {"restore":STEP_ID} puts the kept old values back where ours still stand
 *   pg.assert       {"sql":QUERY,"message":TEXT}
 *   ddb.call        {"action":"CreateTable",…,"request":{…},"wait":{"table":T,"index":I or null,"until":STATE} or null,
                    "look_for_violations":false where an index is not looked at after its build,
 *                    "put_back":STEP_ID where this is held for other steps: a run that halts before STEP_ID undoes it}
 *                   STATE: active, absent, index_active, index_absent, ttl_enabled, ttl_disabled
 *   ddb.put_items   {"table":T,"items":[ITEM in DynamoDB JSON,…],"key":[ATTRIBUTE,…]}
 *                   as an inverse: {"remove":STEP_ID} deletes the items that are still as written
 *   ddb.transform_items {"table":T,"where":CEL or null,"set":{ATTRIBUTE:CEL,…} or null,"remove":[ATTRIBUTE,…] or null,
 *                    "segments":N,"max_wcu":N or null,"max_rcu":N or null}
 *                   as an inverse: {"restore":STEP_ID} puts the pre-images back where an item is as it was written
 *   ddb.assert      {"table":T,"every":CEL,"message":TEXT,"segments":N,"max_rcu":N or null}
 *   event.register  {"registry":T,"event":E,"version":N,"compatibility":MODE,"schema":{…},"upcast":[…],"downcast":[…]
 *                    or null,"digest":HEX}; as an inverse: {"unregister":true,"registry":T,"event":E,"version":N}
 *   event.upgrade   {"event":E,"to":N,"strategy":"lazy"|"in_place","segments":N,"only":{"stream":ID} or null,
 *                    "max_wcu":N or null,"max_rcu":N or null,"upcasts":[{"version":2,"operators":[…]},…]}
 *                   as an inverse: {"restore":STEP_ID} puts the pre-images back where our version still stands
 *   gate            {"name":NAME,"why":TEXT}
 *   barrier         {}
 *
 * probe: has this happened already? Never changes anything.
 *   pg.*            {"sql":QUERY} with one row (state, detail): 'done', 'not done', 'half done' or 'other' (another
 *                   shape, or not of our making; detail says what differs)
 *   ddb.call        {"describe":"table","table":T,"index":I or null,"absent":BOOL,"expect":{…} members of
 *                    TableDescription (or of the index's) that must be equal, lists regardless of order,
 *                    "indexes":{NAME:{…}} the same of some of its indexes; may be left out}
 *                   {"describe":"ttl"|"pitr"|"tags","table":T,"expect":{…}}
 *   the other instructions probe by what they are; NULL.
 */
struct plan_action {
    enum instruction instruction;
    bool none;                  /* there is nothing to do ({"none":true}); an inverse only */
    const struct json *forward;
    const struct json *probe;   /* NULL: none is needed (transactional), or by nature */
};

struct plan_inverse {
    enum grade grade;
    const char *why;           /* lossy: what is lost; impossible: why; exact: NULL, or what is lost when the guard fails */
    const struct json *guard;  /* exact: {"sql":QUERY that returns true while undoing loses nothing} or
                                  {"table":T,"empty":true}; NULL: always exact */
    struct plan_action action; /* meaningless when impossible */
};

struct plan_check {
    const char *sql;     /* returns true or the message is the error; NULL: no check */
    const char *message;
};

struct plan_step {
    const char *id;        /* MIGRATION/NAME/PART */
    const char *migration;
    const char *target;
    const char *group;     /* steps of one transaction, consecutive, have the same; NULL for steps that run alone */
    enum phase phase;
    enum retry_class retry;
    struct plan_timeouts timeouts;
    struct plan_span span;
    const char *source_digest; /* of the authored step */
    const char *effect_digest; /* of instruction, forward and inverse */
    struct plan_action action;
    struct plan_inverse inverse;
    struct plan_check precondition;
    struct plan_check postcondition;
    VEC(struct plan_effect) effect;
    VEC(struct plan_lock) locks;
    int64_t estimate_ms;       /* -1: unknown */
    bool point_of_no_return;   /* nothing before this step can be undone any more once it ran */
    VEC(struct plan_allowance) allowed;
    struct str line;           /* of a step that was read: the canonical line, without LF, as the ledger keeps it */
    size_t unread_number;      /* the line's number, while what stands from its action on was not read; else 0 */
};

struct plan_migration {
    const char *id;
    const char *target;
    const char *description; /* or NULL */
    const char *typeorm_name; /* "AddInventoryItemAttributes1709123456789", or NULL */
    int64_t typeorm_timestamp;
    VEC(const char *) after;  /* authored and derived edges to migrations, also of other targets */
    size_t first_step;        /* index into plan.steps */
    size_t step_count;
};

struct plan {
    const char *project;
    const char *environment;
    bool disposable;
    struct plan_policy policy;
    VEC(const char *) order; /* targets, who goes first */
    VEC(struct plan_target) targets;
    const struct plan_events *events; /* NULL when the project has none */
    const struct json *backup;        /* as authored, durations in ms; NULL: none */
    const struct json *notify;
    const struct json *metrics;
    VEC(const char *) required_capabilities; /* names of capability.def */
    VEC(struct plan_input) inputs;
    VEC(struct plan_migration) migrations;
    VEC(struct plan_step) steps;
    char digest[65];
    const char *path;         /* of the file it was loaded from; NULL */
    struct plan_index *index; /* for plan_find_*(), made by plan_read() and plan_write(); NULL: they search */
};

/* Checks digest, syntax, keys, instructions and references. exit_status of the error is PLAN. */
bool plan_read(struct arena *arena, struct str text, struct plan **out, struct error *error) MUST_CHECK;
/* One step line, as a ledger keeps it. */
bool plan_step_read(struct arena *arena, struct str line, struct plan_step *out, struct error *error) MUST_CHECK;
/* Reads the file at path; errors then begin with "PATH:LINE: ". exit_status is IO where it cannot be read. */
bool plan_load(struct arena *arena, const char *path, struct plan **out, struct error *error) MUST_CHECK;
/* The same, but of each step only what stands before its action: ids, target, group, phase, time-outs, digests. For a
 * history most of which is applied, so that nobody looks at the rest. The file's digest is checked all the same. */
bool plan_load_outline(struct arena *arena, const char *path, struct plan **out, struct error *error) MUST_CHECK;
/* Reads the rest of a step, if that was not done, as strictly as plan_load() does. */
bool plan_complete_step(struct arena *arena, const struct plan *plan, size_t index, struct error *error) MUST_CHECK;
/* Writes the whole file and fills effect digests that are NULL, and plan->digest. */
void plan_write(struct arena *arena, struct plan *plan, struct strbuf *out);
/* By name or id; NULL when there is none. */
const struct plan_target *plan_find_target(const struct plan *plan, const char *name);
const struct plan_migration *plan_find_migration(const struct plan *plan, const char *id);
const struct plan_step *plan_find_step(const struct plan *plan, const char *id);

#endif
