/*
 * `replay`: real events against the schemas and upcasters of a plan, before anything depends on them. Each event is
 * checked against the schema of the version that it has, upcast to the latest version of the plan, and checked against
 * that one's. Nothing is written, and memory does not grow with the number of events.
 *
 *     replay.c          the judge: types of the plan, one event at a time, what is counted
 *     replay_report.c   what was found, as JSON and for people
 *     replay_run.c      where events come from: the table, or JSON lines
 */
#ifndef EXECUTOR_REPLAY_H
#define EXECUTOR_REPLAY_H

#include "executor/session.h"
#include "spec/base/map.h"
#include "spec/event/json_schema.h"
#include "spec/event/upcast.h"

enum {
    REPLAY_FINDINGS_MAX = 500,
    REPLAY_EXAMPLES_MAX = 5, /* of events to one finding */
    REPLAY_NEAR_KEPT_MAX = 20,
    REPLAY_KEY_MAX_BYTES = 2048,
    REPLAY_ITEM_NEAR_BYTES = 360 * 1024,
};

enum replay_reason {
    REPLAY_NOT_JSON,
    REPLAY_NO_TYPE,
    REPLAY_UNKNOWN_TYPE,
    REPLAY_BAD_VERSION,
    REPLAY_UNKNOWN_VERSION,
    REPLAY_INVALID,
    REPLAY_UPCAST_FAILS,
    REPLAY_INVALID_UPCAST,
    REPLAY_TOO_LARGE,
    REPLAY_REASON_COUNT,
};

/* Where an event was found. */
struct replay_place {
    size_t line;    /* of a file; 0: in the table */
    struct str key; /* JSON object of stream and sequence number; "" when it was not got so far */
};

struct replay_version {
    struct json_schema *schema;
    int64_t events, failed;
    int64_t dropped; /* by the upcasters */
    int64_t made;    /* events that came of those that were split */
    int64_t upcast;  /* and kept as one: those whose sizes are added up here */
    int64_t bytes_before, bytes_after;
    int64_t growth;        /* the largest, in bytes; may be negative */
    int64_t growth_before; /* size of that event */
    size_t growth_line;
    char growth_key[REPLAY_KEY_MAX_BYTES]; /* "" where it is longer */
};

struct replay_type {
    struct str name;
    VEC(struct replay_version) versions;
    VEC(struct upcaster *) upcasters;
};

/* All events that one thing is wrong with. */
struct replay_finding {
    enum replay_reason reason;
    struct str type;     /* "" where it is not known */
    size_t version;      /* 0: not known */
    const char *at;      /* pointer into the upcaster or the schema; "" */
    const char *message; /* about the first event */
    int64_t events;
    struct replay_place examples[REPLAY_EXAMPLES_MAX];
};

struct replay_near {
    struct replay_place place;
    int64_t before, after;
};

struct replay {
    struct arena arena;   /* as long as the replay */
    struct arena scratch; /* of one event */
    const struct plan_events *names;
    struct map types; /* name → struct replay_type */
    struct map by_finding;
    VEC(struct replay_finding *) findings;
    int64_t findings_left_out; /* events of findings beyond REPLAY_FINDINGS_MAX */
    int64_t events, failed;
    int64_t near;
    VEC(struct replay_near) nearest; /* the first REPLAY_NEAR_KEPT_MAX */
    double consumed_read_units;
};

/* Compiles the schemas and upcasters of every version that the plan registers. Exit status PLAN. */
bool replay_start(struct replay *replay, const struct plan *plan, struct error *error) MUST_CHECK;
/* One event; it and what is made of it live in replay->scratch, which the caller resets before each event. json: the
 * event as plain JSON, where that is at hand; or NULL. */
void replay_event(struct replay *replay, const struct event_value *event, const struct json *json, size_t line);
/* A line that is no event. */
void replay_bad_line(struct replay *replay, size_t line, const char *message);
void replay_free(struct replay *replay);
const char *replay_reason_name(enum replay_reason reason);

/* --- replay_report.c --- */
/* source: what was read, a JSON object. The result lives in the arena. */
struct json *replay_report(const struct replay *replay, struct arena *arena, struct json *source);
void replay_print(const struct json *report, struct strbuf *out);

/* --- replay_run.c --- */
struct replay_options {
    const char *file; /* JSON lines, "-" for standard input; NULL: the table */
    bool items;       /* lines are items in DynamoDB's JSON, or those of an export: {"Item":{…}} */
    struct event_selection selection;
};

/* *out: the report; NULL where it did not come to one. Returns DONE, EVENTS (error is set as well), or why not. */
int replay_run(struct session *session, const struct replay_options *options, struct json **out, struct error *error);

#endif
