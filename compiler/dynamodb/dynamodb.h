/*
 * The DynamoDB backend: lowers typed steps to control-plane requests (API version 2012-08-10), folds a catalogue of tables
 * over the history so that each request, probe and inverse is complete, and holds the service's rules at compile time.
 *
 * backend.c dispatches; table.c, index.c, setting.c, capacity.c, tag.c, item.c and change.c lower; rule.c checks, lint.c
 * finds; catalog.c is the fold; event.c lowers register_event and upgrade_events on what event_types.c found in the events section.
 */
#ifndef COMPILER_DYNAMODB_DYNAMODB_H
#define COMPILER_DYNAMODB_DYNAMODB_H

#include "compiler/lower.h"
#include "spec/base/map.h"

struct event_types;

struct ddb_key {
    struct str name;
    struct str type; /* S, N or B */
};

struct ddb_capacity {
    bool on_demand;
    int64_t read_units;
    int64_t write_units;
};

struct ddb_index {
    struct str name;
    VEC(struct ddb_key) key; /* hash, then range */
    bool local;
    const struct json *projection;
    struct ddb_capacity capacity;
};

struct ddb_tag {
    struct str key;
    struct str value;
};

/* A table whose capacity is raised for some steps (capacity.c). */
struct ddb_raise;

/* A table as the history left it. Optional settings are NULL or false where the service's default holds. */
struct ddb_table {
    const char *name;          /* with table_prefix */
    struct str authored_name;  /* without */
    struct span defined_at;
    const char *made_by;       /* id of its migration */
    VEC(struct ddb_key) key;   /* hash, then range */
    VEC(struct ddb_index) indexes;
    struct ddb_capacity capacity;
    const char *stream;        /* StreamViewType; NULL: none */
    const char *table_class;   /* NULL: STANDARD */
    const char *encryption;    /* ARN of a key, or DDB_KEY_MANAGED; NULL: AWS's own key */
    VEC(struct ddb_tag) tags;
    struct ddb_raise *raise;   /* NULL: its capacity is its own */
    struct str ttl_attribute;  /* empty: none */
    bool pitr;
    bool deletion_protection;
};

#define DDB_KEY_MANAGED "aws_managed"

struct dynamodb_backend {
    struct compilation *compilation;
    const struct plan_target *target;
    const struct project_migration *migration; /* the one under way */
    struct map tables;         /* authored name → struct ddb_table */
    struct map dropped;        /* authored name → node of the step that dropped it */
    struct event_types *events; /* NULL when the project has none */
    struct map registered;     /* "EVENT@VERSION" → node that registered it */
    bool registry_made;
    VEC(struct ddb_raise *) raises; /* of the migration under way */
};

/* --- catalog.c --- */
/* Diagnosed, with a did-you-mean, and NULL when the history has no such table (any more). */
struct ddb_table *catalog_table(struct dynamodb_backend *backend, const struct node *name);
struct ddb_index *catalog_index(struct dynamodb_backend *backend, struct ddb_table *table, const struct node *name);
struct ddb_table *catalog_add_table(struct dynamodb_backend *backend, struct str authored_name, struct span span);
void catalog_remove_table(struct dynamodb_backend *backend, struct ddb_table *table, struct node *by);
void catalog_remove_index(struct ddb_table *table, const struct ddb_index *index);

/* --- request.c: JSON of requests, probes and effects from the catalogue --- */
struct json *request_create_table(struct arena *arena, const struct ddb_table *table);
struct json *request_attribute_definitions(struct arena *arena, const struct ddb_table *table);
struct json *request_index(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index);
struct json *request_throughput(struct arena *arena, const struct ddb_capacity *capacity);
/* Members of TableDescription that the table must show. */
struct json *expect_table(struct arena *arena, const struct ddb_table *table);
struct json *expect_index(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index);
/* The whole table, for `effect`. */
struct json *effect_table(struct arena *arena, const struct ddb_table *table);

/* Units of the table's global indexes: a list of {"Update":{…}} for a request, and members of a probe by name. */
struct json *request_index_units(struct arena *arena, const struct ddb_table *table);
struct json *expect_index_units(struct arena *arena, const struct ddb_table *table);

/* --- rule.c: each diagnoses and returns false --- */
bool rule_table_name(struct dynamodb_backend *backend, const struct node *name, const char *full_name);
bool rule_index_name(struct dynamodb_backend *backend, const struct node *name);
bool rule_indexes(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at);
bool rule_attribute_types(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at);

/* --- lint.c --- */
/* Before the step is lowered, on the tables as they are until then. */
void lint_step(struct dynamodb_backend *backend, const struct project_step *step);

/* --- reading of values that several steps share --- */
bool read_key(struct dynamodb_backend *backend, const struct node *key, struct ddb_index *out);
bool read_projection(struct dynamodb_backend *backend, const struct node *projection, const struct json **out);
bool read_capacity(struct dynamodb_backend *backend, const struct node *billing, struct ddb_capacity *out);
const char *read_stream(const struct node *stream); /* StreamViewType, or NULL for none */

/* --- lowering --- */
bool lower_table_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool lower_index_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool lower_setting_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool lower_capacity_step(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out);
/* After a step: puts back what was raised for it, where it is the last of its steps. */
void capacity_after_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
/* Diagnoses and returns false while the table is raised. */
bool capacity_may_change(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at);
bool lower_set_tags(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool read_tags(struct dynamodb_backend *backend, const struct node *tags, struct ddb_table *table);
bool lower_transform_items(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out);
bool lower_assert_items(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool lower_put_items(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out);
bool lower_register_event(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out);
bool lower_upgrade_events(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out);

/* One ddb.call, as forward or inverse. wait_until NULL: nothing to wait for. */
struct ddb_call {
    const char *action;
    struct json *request;
    const char *wait_until; /* active, absent, index_active, index_absent, ttl_enabled, ttl_disabled */
    const char *wait_index;
    const char *put_back; /* id of the step that ends it; NULL: it stays */
    bool skip_violations; /* the table is not read after an index was built */
};
struct plan_action ddb_call_action(struct arena *arena, const struct ddb_table *table, const struct ddb_call *call,
    struct json *probe);
/* A part with the defaults of a control-plane step: phase, retry, timeouts, span. Append it when it is complete. */
struct lowered_part ddb_part(struct dynamodb_backend *backend, const struct project_step *step, const char *name);
void ddb_part_effect(struct dynamodb_backend *backend, struct lowered_part *part, const struct ddb_table *table,
    bool dropped);
struct json *probe_table(struct arena *arena, const struct ddb_table *table, bool absent, struct json *expect);
/* A probe of the units of the table and of its global indexes. */
struct json *probe_units(struct arena *arena, const struct ddb_table *table);
struct json *probe_index(struct arena *arena, const struct ddb_table *table, struct str index, bool absent,
    struct json *expect);
struct json *probe_setting(struct arena *arena, const struct ddb_table *table, const char *describe, struct json *expect);

#endif
