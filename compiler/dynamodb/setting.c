/*
 * Settings of a table, each with one request of its own: also those that create_table names, because a table that is
 * made, protected and recoverable in three journalled parts can be undone in three.
 */
#include <string.h>

#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

static struct json *named_request(struct arena *arena, const struct ddb_table *table, const char *key, struct json *value)
{
    struct json *request = json_new(arena, JSON_OBJECT);

    json_set_text(arena, request, "TableName", table->name);
    json_set(arena, request, key, value);
    return request;
}

/* --- deletion protection --------------------------------------------------------------------------------------- */

static struct plan_action protect_action(struct arena *arena, const struct ddb_table *table, bool enabled)
{
    struct json *expect = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTable",
        named_request(arena, table, "DeletionProtectionEnabled", json_new_bool(arena, enabled)), "active", NULL, NULL, false};

    json_set(arena, expect, "DeletionProtectionEnabled", json_new_bool(arena, enabled));
    return ddb_call_action(arena, table, &call, probe_table(arena, table, false, expect));
}

static void push_protect(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    bool enabled, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, enabled ? "protect" : "unprotect");

    part.step.action = protect_action(arena, table, enabled);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = protect_action(arena, table, !enabled);
    table->deletion_protection = enabled;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

/* --- point-in-time recovery ------------------------------------------------------------------------------------ */

static struct plan_action pitr_action(struct arena *arena, const struct ddb_table *table, bool enabled)
{
    struct json *specification = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateContinuousBackups", NULL, NULL, NULL, NULL, false};

    json_set(arena, specification, "PointInTimeRecoveryEnabled", json_new_bool(arena, enabled));
    call.request = named_request(arena, table, "PointInTimeRecoverySpecification", specification);
    json_set_text(arena, expect, "PointInTimeRecoveryStatus", enabled ? "ENABLED" : "DISABLED");
    return ddb_call_action(arena, table, &call, probe_setting(arena, table, "pitr", expect));
}

static void push_pitr(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    bool enabled, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, "pitr");

    part.step.action = pitr_action(arena, table, enabled);
    part.step.inverse.grade = enabled ? GRADE_EXACT : GRADE_LOSSY;
    part.step.inverse.why = enabled ? NULL : arena_printf(arena, "the recovery points of table %s until now", table->name);
    part.step.inverse.action = pitr_action(arena, table, !enabled);
    table->pitr = enabled;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

/* --- time to live ---------------------------------------------------------------------------------------------- */

static struct plan_action ttl_action(struct arena *arena, const struct ddb_table *table, struct str attribute, bool enabled)
{
    struct json *specification = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTimeToLive", NULL, enabled ? "ttl_enabled" : "ttl_disabled", NULL, NULL, false};

    json_set(arena, specification, "Enabled", json_new_bool(arena, enabled));
    json_set(arena, specification, "AttributeName", json_new_string(arena, attribute));
    call.request = named_request(arena, table, "TimeToLiveSpecification", specification);
    json_set_text(arena, expect, "TimeToLiveStatus", enabled ? "ENABLED" : "DISABLED");
    if (enabled)
        json_set(arena, expect, "AttributeName", json_new_string(arena, attribute));
    return ddb_call_action(arena, table, &call, probe_setting(arena, table, "ttl", expect));
}

/* attribute empty: switch it off. The service changes a table's TTL once an hour and knows one attribute. */
static bool push_ttl(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    const struct node *at, struct str attribute, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    bool enabled = attribute.len > 0;
    struct lowered_part part = ddb_part(backend, step, "ttl");
    struct str subject = enabled ? attribute : table->ttl_attribute;

    if (enabled && table->ttl_attribute.len) {
        struct diag *diag = diag_report(backend->compilation->diags, DIAG(DDB012), at->span,
            "table '%.*s' expires by '%.*s' already", STR_ARG(table->authored_name), STR_ARG(table->ttl_attribute));

        diag_add_help(backend->compilation->diags, diag, "switch it off in an earlier migration: at most one change an hour");
        return false;
    }
    if (!enabled && !table->ttl_attribute.len) {
        diag_report(backend->compilation->diags, DIAG(DDB012), at->span, "table '%.*s' has no TTL to switch off",
            STR_ARG(table->authored_name));
        return false;
    }
    part.step.action = ttl_action(arena, table, subject, enabled);
    part.step.inverse.grade = enabled ? GRADE_LOSSY : GRADE_EXACT;
    part.step.inverse.why = enabled ? arena_printf(arena, "items of table %s that expire meanwhile", table->name) : NULL;
    part.step.inverse.action = ttl_action(arena, table, subject, !enabled);
    table->ttl_attribute = attribute;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* --- stream ---------------------------------------------------------------------------------------------------- */

static struct plan_action stream_action(struct arena *arena, const struct ddb_table *table, const char *view_type)
{
    struct json *specification = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTable", NULL, "active", NULL, NULL, false};

    json_set(arena, specification, "StreamEnabled", json_new_bool(arena, view_type != NULL));
    if (view_type)
        json_set_text(arena, specification, "StreamViewType", view_type);
    json_set(arena, expect, "StreamSpecification",
        view_type ? json_clone(arena, specification) : json_new(arena, JSON_NULL));
    call.request = named_request(arena, table, "StreamSpecification", specification);
    return ddb_call_action(arena, table, &call, probe_table(arena, table, false, expect));
}

static void push_stream(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    const char *view_type, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, view_type ? "enable" : "disable");

    part.step.action = stream_action(arena, table, view_type);
    part.step.inverse.grade = view_type ? GRADE_EXACT : GRADE_LOSSY;
    part.step.inverse.why =
        view_type ? NULL : arena_printf(arena, "the stream of table %s: its ARN and the records not yet read", table->name);
    part.step.inverse.action = stream_action(arena, table, table->stream);
    table->stream = view_type;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

static bool lower_stream(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    struct lowered_parts *out)
{
    const struct node *stream = node_get(step->body, "stream");
    const char *view_type = read_stream(stream), *before = table->stream;

    if (str_equal(str_from(view_type), str_from(before))) {
        diag_report(backend->compilation->diags, DIAG(DDB012), stream->span, "the stream of table '%.*s' is %.*s already",
            STR_ARG(table->authored_name), STR_ARG(node_text(stream)));
        return false;
    }
    if (before) /* the service takes no change of the view: off, then on */
        push_stream(backend, step, table, NULL, out);
    if (view_type)
        push_stream(backend, step, table, view_type, out);
    return true;
}

/* --- billing --------------------------------------------------------------------------------------------------- */

/* The table with every unit set to one capacity, as the service is to have it. */
static struct ddb_table with_capacity(struct arena *arena, const struct ddb_table *table, const struct ddb_capacity *to)
{
    struct ddb_table changed = *table;

    changed.capacity = *to;
    changed.indexes.items = NULL;
    changed.indexes.count = changed.indexes.capacity = 0;
    for (size_t i = 0; i < table->indexes.count; i++) {
        struct ddb_index index = table->indexes.items[i];

        index.capacity = *to;
        VEC_PUSH(arena, &changed.indexes, index);
    }
    return changed;
}

/* Switching to provisioned, every global index must be given its units in the same call. */
static struct plan_action billing_action(struct arena *arena, const struct ddb_table *to)
{
    struct json *request = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct json *summary = json_new(arena, JSON_OBJECT), *updates;
    struct ddb_call call = {"UpdateTable", request, "active", NULL, NULL, false};

    json_set_text(arena, request, "TableName", to->name);
    json_set_text(arena, request, "BillingMode", to->capacity.on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
    if (to->capacity.on_demand) {
        json_set_text(arena, summary, "BillingMode", "PAY_PER_REQUEST");
        json_set(arena, expect, "BillingModeSummary", summary);
        return ddb_call_action(arena, to, &call, probe_table(arena, to, false, expect));
    }
    json_set(arena, request, "ProvisionedThroughput", request_throughput(arena, &to->capacity));
    updates = request_index_units(arena, to);
    if (updates->count)
        json_set(arena, request, "GlobalSecondaryIndexUpdates", updates);
    return ddb_call_action(arena, to, &call, probe_units(arena, to));
}

static bool same_capacity(const struct ddb_capacity *a, const struct ddb_capacity *b)
{
    return a->on_demand == b->on_demand &&
           (a->on_demand || (a->read_units == b->read_units && a->write_units == b->write_units));
}

static bool lower_billing(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct node *billing = node_get(step->body, "billing");
    struct lowered_part part = ddb_part(backend, step, "billing");
    struct ddb_table changed;
    struct ddb_capacity to;

    if (!read_capacity(backend, billing, &to) || !capacity_may_change(backend, table, billing))
        return false;
    if (same_capacity(&to, &table->capacity)) {
        diag_report(backend->compilation->diags, DIAG(DDB012), billing->span,
            "table '%.*s' is billed like this already", STR_ARG(table->authored_name));
        return false;
    }
    changed = with_capacity(arena, table, &to);
    part.step.action = billing_action(arena, &changed);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = billing_action(arena, table);
    table->capacity = changed.capacity;
    table->indexes = changed.indexes;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* --- class ------------------------------------------------------------------------------------------------------ */

static struct plan_action class_action(struct arena *arena, const struct ddb_table *table, const char *class)
{
    struct json *expect = json_new(arena, JSON_OBJECT), *summary = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTable",
        named_request(arena, table, "TableClass", json_new_text(arena, class ? class : "STANDARD")), "active", NULL, NULL, false};

    json_set_text(arena, summary, "TableClass", class ? class : "STANDARD");
    json_set(arena, expect, "TableClassSummary", summary);
    return ddb_call_action(arena, table, &call, probe_table(arena, table, false, expect));
}

static bool lower_class(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct node *word = node_get(step->body, "class");
    const char *class = str_is(node_text(word), "standard") ? NULL : "STANDARD_INFREQUENT_ACCESS";
    struct lowered_part part = ddb_part(backend, step, "class");

    if (str_equal(str_from(class), str_from(table->table_class))) {
        diag_report(backend->compilation->diags, DIAG(DDB012), word->span, "table '%.*s' is of this class already",
            STR_ARG(table->authored_name));
        return false;
    }
    part.step.action = class_action(arena, table, class);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = class_action(arena, table, table->table_class);
    table->table_class = class;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* --- encryption ------------------------------------------------------------------------------------------------- */

/* The request may hold nothing else. key NULL: AWS's own. */
static struct plan_action encryption_action(struct arena *arena, const struct ddb_table *table, const char *key)
{
    struct json *specification = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct json *description = json_new(arena, JSON_OBJECT);
    struct ddb_call call = {"UpdateTable", NULL, "active", NULL, NULL, false};

    json_set(arena, specification, "Enabled", json_new_bool(arena, key != NULL));
    json_set_text(arena, description, "Status", key ? "ENABLED" : "DISABLED");
    if (key && strcmp(key, DDB_KEY_MANAGED) != 0) {
        json_set_text(arena, specification, "SSEType", "KMS");
        json_set_text(arena, specification, "KMSMasterKeyId", key);
        json_set_text(arena, description, "KMSMasterKeyArn", key);
    } else if (key) {
        json_set_text(arena, specification, "SSEType", "KMS");
    }
    json_set(arena, expect, "SSEDescription", description);
    call.request = named_request(arena, table, "SSESpecification", specification);
    return ddb_call_action(arena, table, &call, probe_table(arena, table, false, expect));
}

static bool bad_key(struct dynamodb_backend *backend, const struct node *at, const char *message, const char *help)
{
    struct diag *diag = diag_report(backend->compilation->diags, DIAG(DDB016), at->span, "%s", message);

    diag_add_help(backend->compilation->diags, diag, "%s", help);
    return false;
}

static bool read_encryption(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at,
    const char **out)
{
    struct str word = node_text(at);
    bool own = table->encryption && strcmp(table->encryption, DDB_KEY_MANAGED) != 0;

    *out = str_is(word, "aws_owned") ? NULL : word.data;
    if (*out && strcmp(*out, DDB_KEY_MANAGED) != 0 && !(str_starts_with(word, "arn:") && strstr(word.data, ":key/")))
        return bad_key(backend, at, "this is neither aws_owned nor aws_managed, nor the ARN of a key",
            "name the key itself: arn:aws:kms:REGION:ACCOUNT:key/ID; an alias may lead elsewhere tomorrow");
    if (own && *out && strcmp(*out, DDB_KEY_MANAGED) == 0)
        return bad_key(backend, at, "a table with a key of yours cannot go to aws_managed in one step",
            "put set_encryption with key: aws_owned before it");
    if (str_equal(str_from(*out), str_from(table->encryption))) {
        diag_report(backend->compilation->diags, DIAG(DDB012), at->span, "table '%.*s' is encrypted like this already",
            STR_ARG(table->authored_name));
        return false;
    }
    return true;
}

static bool lower_encryption(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, "encryption");
    bool from_managed = table->encryption && strcmp(table->encryption, DDB_KEY_MANAGED) == 0;
    const char *key;

    if (!read_encryption(backend, table, node_get(step->body, "key"), &key))
        return false;
    part.step.action = encryption_action(arena, table, key);
    if (from_managed && key) { /* the way back cannot be told from the state before: both say ENABLED */
        part.step.inverse.grade = GRADE_IMPOSSIBLE;
        part.step.inverse.why = "whether the managed key is in use again cannot be seen; go by way of aws_owned";
    } else {
        part.step.inverse.grade = GRADE_EXACT;
        part.step.inverse.action = encryption_action(arena, table, table->encryption);
    }
    table->encryption = key;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

static bool is_true(const struct node *node)
{
    bool value = false;

    return node && node_to_bool(node, &value) && value;
}

static bool changes(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *enabled,
    bool before, const char *what)
{
    if (is_true(enabled) != before)
        return true;
    diag_report(backend->compilation->diags, DIAG(DDB012), enabled->span, "%s of table '%.*s' is %s already", what,
        STR_ARG(table->authored_name), before ? "on" : "off");
    return false;
}

bool lower_setting_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    const struct node *body = step->body;
    struct ddb_table *table =
        catalog_table(backend, node_get(body, step->kind == STEP_CREATE_TABLE ? "name" : "table"));

    if (!table)
        return false;
    switch (step->kind) {
    case STEP_CREATE_TABLE:
        if (node_get(body, "ttl") &&
            !push_ttl(backend, step, table, node_get(body, "ttl"), node_text(node_get(body, "ttl")), out))
            return false;
        if (is_true(node_get(body, "pitr")))
            push_pitr(backend, step, table, true, out);
        if (is_true(node_get(body, "deletion_protection")))
            push_protect(backend, step, table, true, out);
        return true;
    case STEP_SET_TTL: {
        const struct node *attribute = node_get(body, "attribute");

        return push_ttl(backend, step, table, attribute ? attribute : step->key, node_text(attribute), out);
    }
    case STEP_SET_PITR:
        if (!changes(backend, table, node_get(body, "enabled"), table->pitr, "point-in-time recovery"))
            return false;
        push_pitr(backend, step, table, !table->pitr, out);
        return true;
    case STEP_SET_DELETION_PROTECTION:
        if (!changes(backend, table, node_get(body, "enabled"), table->deletion_protection, "deletion protection"))
            return false;
        push_protect(backend, step, table, !table->deletion_protection, out);
        return true;
    case STEP_SET_STREAM:
        return lower_stream(backend, step, table, out);
    case STEP_SET_TABLE_CLASS:
        return lower_class(backend, step, table, out);
    case STEP_SET_ENCRYPTION:
        return lower_encryption(backend, step, table, out);
    default:
        return lower_billing(backend, step, table, out);
    }
}
