#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/events.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

enum { TAG_VALUE_MAX = 256, PATH_MAX_BYTES = 512, VALUE_SHOWN_MAX = 120 };

/* --- comparison ----------------------------------------------------------------------------------------------------------- */

/* The service leaves out what is switched off or empty; some stand-ins for it say so. */
static bool is_nothing(const struct json *value)
{
    return !value || value->type == JSON_NULL || value->type == JSON_FALSE ||
        (value->type == JSON_ARRAY && value->count == 0) || json_is(json_get(value, "StreamEnabled"), JSON_FALSE);
}

static void describe_difference(struct strbuf *out, const char *path, const struct json *actual,
    const struct json *expected)
{
    struct strbuf is = STRBUF_INIT, wanted = STRBUF_INIT;

    if (actual)
        json_write(&is, actual);
    if (expected)
        json_write(&wanted, expected);
    strbuf_printf(out, "%s%s is %.*s%s, wanted %.*s%s", out->len ? "; " : "", path, VALUE_SHOWN_MAX,
        actual ? is.data : "absent", is.len > VALUE_SHOWN_MAX ? "…" : "", VALUE_SHOWN_MAX,
        expected ? wanted.data : "absent", wanted.len > VALUE_SHOWN_MAX ? "…" : "");
    strbuf_free(&is);
    strbuf_free(&wanted);
}

static bool matches(const struct json *expected, const struct json *actual)
{
    struct strbuf ignored = STRBUF_INIT;
    bool same = probe_compare(expected, actual, "", &ignored);

    strbuf_free(&ignored);
    return same;
}

/* What an element of a list is called in a message: by its name where it has one. */
static struct str element_name(const struct json *element)
{
    static const char *const names[] = {"IndexName", "AttributeName", "Key"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_string(json_get(element, names[i])))
            return json_text(json_get(element, names[i]));
    return (struct str){NULL, 0};
}

static const struct json *find_named(const struct json *list, struct str name)
{
    for (const struct json *one = list ? list->child : NULL; one; one = one->next)
        if (name.data && element_name(one).data && str_equal(element_name(one), name))
            return one;
    return NULL;
}

/* Each expected element needs an actual one of its own, and none may be left over. Lists here are short and their elements
 * have distinct names, so the first match is the right one. */
static bool compare_lists(const struct json *expected, const struct json *actual, const char *path, struct strbuf *out)
{
    bool same = true;

    for (const struct json *want = expected->child; want; want = want->next) {
        struct str name = element_name(want);
        const struct json *named = find_named(actual, name);
        char inner[PATH_MAX_BYTES];
        bool found = false;

        snprintf(inner, sizeof(inner), "%s[%.*s]", path, (int)(name.data ? name.len : 0), name.data ? name.data : "");
        if (named) {
            same = probe_compare(want, named, inner, out) && same;
            continue;
        }
        for (const struct json *one = actual ? actual->child : NULL; one && !found; one = one->next)
            found = matches(want, one);
        if (!found)
            describe_difference(out, inner, NULL, want);
        same = same && found;
    }
    for (const struct json *one = actual ? actual->child : NULL; one; one = one->next) {
        struct str name = element_name(one);
        bool wanted = find_named(expected, name) != NULL;
        char inner[PATH_MAX_BYTES];

        for (const struct json *want = expected->child; want && !wanted; want = want->next)
            wanted = matches(want, one);
        if (wanted)
            continue;
        snprintf(inner, sizeof(inner), "%s[%.*s]", path, (int)(name.data ? name.len : 0), name.data ? name.data : "");
        describe_difference(out, inner, one, NULL);
        same = false;
    }
    return same;
}

bool probe_compare(const struct json *expected, const struct json *actual, const char *path, struct strbuf *differences)
{
    bool same = true;

    if (is_nothing(expected) && is_nothing(actual))
        return true;
    if (expected->type == JSON_OBJECT && json_is(actual, JSON_OBJECT)) {
        for (const struct json *want = expected->child; want; want = want->next) {
            char inner[PATH_MAX_BYTES];

            snprintf(inner, sizeof(inner), "%s%s%.*s", path, *path ? "." : "", STR_ARG(want->key));
            same = probe_compare(want, json_get(actual, want->key.data), inner, differences) && same;
        }
        return same;
    }
    if (expected->type == JSON_ARRAY && (!actual || actual->type == JSON_ARRAY))
        return compare_lists(expected, actual, path, differences);
    if (actual && json_equal(expected, actual))
        return true;
    describe_difference(differences, path, actual, expected);
    return false;
}

/* --- whose table it is ---------------------------------------------------------------------------------------------------- */

const char *probe_tag_value(struct arena *arena, const char *step)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-=._:/@";
    size_t len = strlen(step);

    if (len <= TAG_VALUE_MAX && strspn(step, allowed) == len)
        return arena_strdup(arena, step);
    return arena_strdup(arena, digest_of(str_from(step)).hex);
}

bool dynamodb_made_by(struct dynamodb_driver *driver, const char *table, const char *step, bool *ours, bool *known,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *description, *answer, *tags;
    struct str next = STR("");
    bool ok = dynamodb_describe(driver, &arena, table, &description, error);

    *ours = false;
    *known = true;
    while (ok && description) {
        struct strbuf body = STRBUF_INIT;

        aws_format(&body, "{'ResourceArn':%j", json_get(description, "TableArn"));
        if (next.len)
            aws_format(&body, ",'NextToken':%S", &next);
        strbuf_append_char(&body, '}');
        ok = dynamodb_call(driver, &arena, "ListTagsOfResource", &body, &answer, error);
        if (!ok && dynamodb_is(error, "UnknownOperationException")) { /* some stand-ins for DynamoDB have no tags */
            *known = false;
            ok = true;
            break;
        }
        tags = ok ? json_get(answer, "Tags") : NULL;
        for (const struct json *tag = tags ? tags->child : NULL; tag; tag = tag->next)
            if (str_is(json_text(json_get(tag, "Key")), TAG_STEP) &&
                str_is(json_text(json_get(tag, "Value")), probe_tag_value(&arena, step)))
                *ours = true;
        next = ok ? json_text(json_get(answer, "NextToken")) : STR("");
        if (!next.len)
            break;
    }
    arena_free(&arena);
    return ok;
}

/* --- the plan's probes ---------------------------------------------------------------------------------------------------- */

static void answer_with(struct probe_answer *out, enum probe_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void answer_with(struct probe_answer *out, enum probe_state state, const char *format, ...)
{
    va_list ap;

    out->state = state;
    va_start(ap, format);
    vsnprintf(out->detail, sizeof(out->detail), format, ap);
    va_end(ap);
}

/* Compares, and says what another shape means: another table for an action that makes one, the state before for one that
 * changes one. */
static void judge_shape(const struct json *expect, const struct json *actual, const char *subject, bool created,
    struct probe_answer *out)
{
    struct strbuf differences = STRBUF_INIT;

    if (!expect || probe_compare(expect, actual, "", &differences))
        answer_with(out, PROBE_DONE, "%s is as wanted", subject);
    else
        answer_with(out, created ? PROBE_OTHER : PROBE_NOT_DONE, "%s: %s", subject, differences.data);
    strbuf_free(&differences);
}

static bool in_motion(const struct json *status)
{
    return str_is(json_text(status), "CREATING") || str_is(json_text(status), "UPDATING") ||
        str_is(json_text(status), "DELETING");
}

static void probe_index(const struct json *probe, const struct json *table, const char *index, bool absent,
    struct probe_answer *out)
{
    const struct json *found = find_named(json_get(table, "GlobalSecondaryIndexes"), str_from(index));
    const struct json *status = json_get(found, "IndexStatus");
    char subject[PATH_MAX_BYTES];

    if (!found)
        found = find_named(json_get(table, "LocalSecondaryIndexes"), str_from(index));
    snprintf(subject, sizeof(subject), "index '%s' of table '%s'", index, json_string(json_get(probe, "table")));
    if (!found)
        answer_with(out, absent ? PROBE_DONE : PROBE_NOT_DONE, "%s does not exist", subject);
    else if (absent && str_is(json_text(status), "CREATING") && json_bool(json_get(found, "Backfilling"), false))
        answer_with(out, PROBE_NOT_DONE, "%s is being built", subject); /* from here on it can be deleted */
    else if (status && in_motion(status))
        answer_with(out, PROBE_RUNNING, "%s is %.*s", subject, STR_ARG(json_text(status)));
    else if (absent)
        answer_with(out, PROBE_NOT_DONE, "%s exists", subject);
    else
        judge_shape(json_get(probe, "expect"), found, subject, true, out);
}

static bool any_index_in_motion(const struct json *table)
{
    const struct json *list = json_get(table, "GlobalSecondaryIndexes");

    for (const struct json *index = list ? list->child : NULL; index; index = index->next)
        if (in_motion(json_get(index, "IndexStatus")))
            return true;
    return false;
}

/* What the service leaves out while a setting was never changed. A setting on its way (encryption) shows as motion. */
static const struct json *with_defaults(struct arena *arena, const struct json *table)
{
    static const struct {
        const char *member, *inner, *value;
    } defaults[] = {
        {"TableClassSummary", "TableClass", "STANDARD"},
        {"BillingModeSummary", "BillingMode", "PROVISIONED"},
        {"SSEDescription", "Status", "DISABLED"},
    };
    struct json *out = json_clone(arena, table);

    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        struct json *summary;

        if (json_get(out, defaults[i].member))
            continue;
        summary = json_new(arena, JSON_OBJECT);
        json_set_text(arena, summary, defaults[i].inner, defaults[i].value);
        json_set(arena, out, defaults[i].member, summary);
    }
    return out;
}

static bool encryption_in_motion(const struct json *table)
{
    struct str status = json_text(json_get(json_get(table, "SSEDescription"), "Status"));

    return str_is(status, "ENABLING") || str_is(status, "DISABLING") || str_is(status, "UPDATING");
}

/* The members that the probe expects of some indexes; one that is not there is as different as one that differs. */
static void judge_indexes(const struct json *expected, const struct json *table, struct probe_answer *out)
{
    struct strbuf differences = STRBUF_INIT;

    for (const struct json *want = expected ? expected->child : NULL; want; want = want->next) {
        const struct json *index = find_named(json_get(table, "GlobalSecondaryIndexes"), want->key);
        char path[PATH_MAX_BYTES];

        snprintf(path, sizeof(path), "index '%.*s'", STR_ARG(want->key));
        probe_compare(want, index, path, &differences);
    }
    if (differences.len && out->state == PROBE_DONE)
        answer_with(out, PROBE_NOT_DONE, "%s", differences.data);
    strbuf_free(&differences);
}

static bool probe_table(struct dynamodb_driver *driver, struct arena *arena, const struct json *probe, bool created,
    struct probe_answer *out, struct error *error)
{
    const char *name = json_string(json_get(probe, "table")), *index = json_string(json_get(probe, "index"));
    bool absent = json_bool(json_get(probe, "absent"), false);
    const struct json *table, *status;
    char subject[PATH_MAX_BYTES];

    if (!dynamodb_describe(driver, arena, name, &table, error))
        return false;
    snprintf(subject, sizeof(subject), "table '%s'", name);
    status = json_get(table, "TableStatus");
    if (!table)
        answer_with(out, absent ? PROBE_DONE : PROBE_NOT_DONE, "%s does not exist", subject);
    else if (index)
        probe_index(probe, table, index, absent, out);
    else if (in_motion(status))
        answer_with(out, PROBE_RUNNING, "%s is %.*s", subject, STR_ARG(json_text(status)));
    else if (absent)
        answer_with(out, PROBE_NOT_DONE, "%s exists", subject);
    else if (any_index_in_motion(table))
        answer_with(out, PROBE_RUNNING, "%s has an index that is not ready", subject);
    else if (encryption_in_motion(table))
        answer_with(out, PROBE_RUNNING, "the encryption of %s is changing", subject);
    else
        judge_shape(json_get(probe, "expect"), with_defaults(arena, table), subject, created, out);
    if (table && !index && !absent)
        judge_indexes(json_get(probe, "indexes"), table, out);
    return true;
}

/* The table's tags as members of an object. */
static bool probe_tags(struct dynamodb_driver *driver, struct arena *arena, const struct json *probe,
    struct probe_answer *out, struct error *error)
{
    const char *name = json_string(json_get(probe, "table"));
    const struct json *table;
    struct json *tags;
    char subject[PATH_MAX_BYTES];

    if (!dynamodb_describe(driver, arena, name, &table, error))
        return false;
    snprintf(subject, sizeof(subject), "the tags of table '%s'", name);
    if (!table) {
        answer_with(out, PROBE_NOT_DONE, "table '%s' does not exist", name);
        return true;
    }
    if (!dynamodb_tags(driver, arena, json_get(table, "TableArn"), &tags, error))
        return false;
    judge_shape(json_get(probe, "expect"), tags, subject, false, out);
    return true;
}

static bool probe_ttl(struct dynamodb_driver *driver, struct arena *arena, const struct json *probe,
    struct probe_answer *out, struct error *error)
{
    const char *name = json_string(json_get(probe, "table"));
    struct strbuf body = STRBUF_INIT;
    const struct json *answer, *status;
    char subject[PATH_MAX_BYTES];

    aws_format(&body, "{'TableName':%s}", name);
    if (!dynamodb_call(driver, arena, "DescribeTimeToLive", &body, &answer, error))
        return false;
    answer = json_get(answer, "TimeToLiveDescription");
    status = json_get(answer, "TimeToLiveStatus");
    snprintf(subject, sizeof(subject), "the time to live of table '%s'", name);
    if (str_is(json_text(status), "ENABLING") || str_is(json_text(status), "DISABLING"))
        answer_with(out, PROBE_RUNNING, "%s is %.*s", subject, STR_ARG(json_text(status)));
    else
        judge_shape(json_get(probe, "expect"), answer, subject, false, out);
    return true;
}

static bool probe_pitr(struct dynamodb_driver *driver, struct arena *arena, const struct json *probe,
    struct probe_answer *out, struct error *error)
{
    const char *name = json_string(json_get(probe, "table"));
    struct strbuf body = STRBUF_INIT;
    const struct json *answer;
    char subject[PATH_MAX_BYTES];

    aws_format(&body, "{'TableName':%s}", name);
    if (!dynamodb_call(driver, arena, "DescribeContinuousBackups", &body, &answer, error))
        return false;
    answer = json_get(json_get(answer, "ContinuousBackupsDescription"), "PointInTimeRecoveryDescription");
    snprintf(subject, sizeof(subject), "point-in-time recovery of table '%s'", name);
    judge_shape(json_get(probe, "expect"), answer, subject, false, out);
    return true;
}

bool dynamodb_probe_described(struct dynamodb_driver *driver, const struct json *probe, bool created,
    struct probe_answer *out, struct error *error)
{
    const char *describe = json_string(json_get(probe, "describe"));
    struct arena arena = ARENA_INIT;
    bool ok;

    memset(out, 0, sizeof(*out));
    if (!describe || !json_string(json_get(probe, "table")))
        return error_set(error, EXIT_STATUS_PLAN, "the probe of the step names neither what to describe nor a table");
    if (strcmp(describe, "table") == 0)
        ok = probe_table(driver, &arena, probe, created, out, error);
    else if (strcmp(describe, "ttl") == 0)
        ok = probe_ttl(driver, &arena, probe, out, error);
    else if (strcmp(describe, "pitr") == 0)
        ok = probe_pitr(driver, &arena, probe, out, error);
    else if (strcmp(describe, "tags") == 0)
        ok = probe_tags(driver, &arena, probe, out, error);
    else
        ok = error_set(error, EXIT_STATUS_UNSUPPORTED, "this executor cannot describe '%s'", describe);
    if (!ok && (dynamodb_is(error, "ResourceNotFoundException") || dynamodb_is(error, "TableNotFoundException"))) {
        answer_with(out, PROBE_NOT_DONE, "table '%s' does not exist", json_string(json_get(probe, "table")));
        ok = true;
    }
    arena_free(&arena);
    return ok;
}

static bool probe_call(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse,
    struct probe_answer *out, struct error *error)
{
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const char *name = json_string(json_get(action->forward, "action"));
    const char *table = json_string(json_get(action->probe, "table"));
    bool created = name && strcmp(name, "CreateTable") == 0, ours, known;

    if (!action->probe) {
        answer_with(out, PROBE_NONE, "the step has no probe");
        return true;
    }
    if (!dynamodb_probe_described(driver, action->probe, created, out, error))
        return false;
    if (!created || out->state != PROBE_DONE)
        return true;
    if (!dynamodb_made_by(driver, table, step->id, &ours, &known, error))
        return false;
    if (!ours && known)
        answer_with(out, PROBE_OTHER, "table '%s' has the wanted shape but was made by somebody else: it has no tag "
            "'" TAG_STEP "' of this step", table);
    return true;
}

bool dynamodb_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    memset(out, 0, sizeof(*out));
    if (inverse && step->inverse.action.none) {
        answer_with(out, PROBE_DONE, "there is nothing to undo");
        return true;
    }
    switch (step->action.instruction) {
    case INSTRUCTION_DDB_CALL:
        return probe_call(driver, step, inverse, out, error);
    case INSTRUCTION_DDB_PUT_ITEMS:
        return items_probe(driver, step, inverse, out, error);
    case INSTRUCTION_DDB_TRANSFORM_ITEMS:
        return transform_probe(driver, step, inverse, out, error);
    case INSTRUCTION_EVENT_REGISTER:
        return register_probe(driver, step, inverse, out, error);
    case INSTRUCTION_EVENT_UPGRADE:
        return upgrade_probe(driver, step, inverse, out, error);
    default:
        answer_with(out, PROBE_NONE, "the step has no probe");
        return true;
    }
}
