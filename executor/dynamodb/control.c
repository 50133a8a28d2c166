/*
 * Control-plane requests. The service takes them one at a time for each table and for the account, answers at once and
 * works on: what it refuses for the moment is sent again, and what it accepted is waited for, both until the step's time
 * is up. A request whose answer was lost is told from one that never arrived by the probe.
 */
#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum {
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 5000,
    UNSEEN_MAX_MS = 60000,         /* how long a description may lag behind an accepted request */
    WAIT_DEFAULT_MS = 60 * 60 * 1000,
};

struct waiting {
    int64_t started_ms;
    int64_t pause_ms;
};

int64_t control_deadline(const struct dynamodb_driver *driver, const struct plan_step *step)
{
    const struct driver_env *env = driver->base.env;

    return env->now_ms(env->context) + (step->timeouts.wait_ms > 0 ? step->timeouts.wait_ms : WAIT_DEFAULT_MS);
}

/* One pause. False when the run is to stop or the time is up. */
static bool pause_for(struct dynamodb_driver *driver, const struct plan_step *step, struct waiting *waiting,
    int64_t deadline_ms, const char *what, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    int64_t now_ms = env->now_ms(env->context);

    if (dynamodb_stopping(driver))
        return dynamodb_stopped(error, step->id);
    if (now_ms >= deadline_ms) {
        error_set(error, EXIT_STATUS_RESUMABLE, "the time for step '%s' is up: %s", step->id, what);
        error->outcome_unknown = true;
        return error_help(error, "the service works on; apply again to go on waiting");
    }
    env->progress(env->context, step->id, (now_ms - waiting->started_ms) / 1000, -1, "seconds");
    aws_client_sleep(driver->client, waiting->pause_ms);
    waiting->pause_ms = waiting->pause_ms * 3 / 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : waiting->pause_ms * 3 / 2;
    return true;
}

static struct waiting start_waiting(const struct dynamodb_driver *driver)
{
    const struct driver_env *env = driver->base.env;

    return (struct waiting){.started_ms = env->now_ms(env->context), .pause_ms = PAUSE_FIRST_MS};
}

bool control_settle(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, int64_t deadline_ms,
    struct probe_answer *out, struct error *error)
{
    struct waiting waiting = start_waiting(driver);

    for (;;) {
        if (!dynamodb_probe(driver, step, inverse, out, error))
            return false;
        if (out->state != PROBE_RUNNING)
            return true;
        if (!pause_for(driver, step, &waiting, deadline_ms, out->detail, error))
            return false;
    }
}

/* --- sending ------------------------------------------------------------------------------------------------------------------ */

/* TagResource and UntagResource want an ARN, which a plan cannot know: it names the table. */
static bool append_request(struct dynamodb_driver *driver, struct arena *arena, const char *action,
    const struct json *request, const char *tag, struct strbuf *out, struct error *error)
{
    const char *separator = "";
    bool by_arn = strcmp(action, "TagResource") == 0 || strcmp(action, "UntagResource") == 0;
    const struct json *table;

    strbuf_append_char(out, '{');
    for (const struct json *member = request->child; member; member = member->next) {
        strbuf_append_text(out, separator);
        separator = ",";
        if (by_arn && str_is(member->key, "TableName")) {
            if (!dynamodb_describe(driver, arena, json_text(member).data, &table, error))
                return false;
            if (!table)
                return error_set(error, EXIT_STATUS_HALTED, "table '%s' does not exist", json_text(member).data);
            aws_format(out, "'ResourceArn':%j", json_get(table, "TableArn"));
        } else if (tag && str_is(member->key, "Tags")) {
            strbuf_append_text(out, "\"Tags\":[");
            for (const struct json *one = member->child; one; one = one->next)
                aws_format(out, "%j,", one);
            aws_format(out, "{'Key':'" TAG_STEP "','Value':%s}]", tag);
        } else {
            aws_format(out, "%S:%j", &member->key, member);
        }
    }
    if (tag && !json_get(request, "Tags"))
        aws_format(out, ",'Tags':[{'Key':'" TAG_STEP "','Value':%s}]", tag);
    strbuf_append_char(out, '}');
    return true;
}

/* What the service refuses now and may take later: its limits on simultaneous changes, a table that is changing, backups
 * that are being enabled, a time to live that was changed within the hour. */
static bool is_busy(const struct error *error)
{
    return dynamodb_is(error, "LimitExceededException") || dynamodb_is(error, "ResourceInUseException") ||
        dynamodb_is(error, "ThrottlingException") || dynamodb_is(error, "ContinuousBackupsUnavailableException") ||
        (dynamodb_is(error, "ValidationException") && strstr(error->message, "modified multiple times"));
}

/*
 * After a refusal that may have been preceded by a request of ours whose answer was lost (doubtful), or that says that
 * something is there already: *sent when the effect is there. False with *error when trying again is of no use.
 */
static bool look_after_refusal(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, bool doubtful,
    const struct error *why, bool *sent, struct error *error)
{
    struct probe_answer answer;

    if (!doubtful && !dynamodb_is(why, "ResourceInUseException")) {
        *error = *why;
        return is_busy(why);
    }
    if (!dynamodb_probe(driver, step, inverse, &answer, error)) {
        error->outcome_unknown = doubtful;
        return false;
    }
    *sent = answer.state == PROBE_DONE;
    if (answer.state == PROBE_OTHER)
        return error_set(error, EXIT_STATUS_DRIFT, "step '%s': %s", step->id, answer.detail);
    *error = *why;
    return *sent || answer.state == PROBE_RUNNING || is_busy(why);
}

static bool send(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, int64_t deadline_ms,
    struct error *error)
{
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const char *name = json_string(json_get(action->forward, "action"));
    const struct json *request = json_get(action->forward, "request");
    struct waiting waiting = start_waiting(driver);
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok, sent = false, doubtful = false;

    if (!name || !json_is(request, JSON_OBJECT))
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no request", step->id);
    ok = append_request(driver, &arena, name, request,
        strcmp(name, "CreateTable") == 0 ? probe_tag_value(&arena, step->id) : NULL, &body, error);
    while (ok && !sent) {
        struct aws_call call = {
            .service = &AWS_SERVICE_DYNAMODB, .action = name, .body = strbuf_view(&body), .arena = &arena};

        ok = dynamodb_lease_ensure(driver, error);
        if (!ok)
            break;
        sent = aws_call_wait(driver->client, &call);
        doubtful = doubtful || call.repeated || call.error.outcome_unknown;
        if (!sent)
            ok = look_after_refusal(driver, step, inverse, doubtful, &call.error, &sent, error);
        if (ok && !sent)
            ok = pause_for(driver, step, &waiting, deadline_ms, call.error.message, error);
    }
    strbuf_free(&body);
    arena_free(&arena);
    return ok;
}

/* --- waiting ------------------------------------------------------------------------------------------------------------------ */

/* What the plan asks to wait for, as a probe. */
static struct json *wait_as_probe(struct arena *arena, const struct json *wait)
{
    struct json *probe = json_new(arena, JSON_OBJECT), *expect = json_new(arena, JSON_OBJECT);
    struct str until = json_text(json_get(wait, "until"));
    bool ttl = str_is(until, "ttl_enabled") || str_is(until, "ttl_disabled");
    bool index = str_is(until, "index_active") || str_is(until, "index_absent");

    json_set_text(arena, probe, "describe", ttl ? "ttl" : "table");
    json_set_text(arena, probe, "table", json_string(json_get(wait, "table")));
    if (ttl)
        json_set_text(arena, expect, "TimeToLiveStatus", str_is(until, "ttl_enabled") ? "ENABLED" : "DISABLED");
    if (index)
        json_set_text(arena, probe, "index", json_string(json_get(wait, "index")));
    json_set(arena, probe, "absent", json_new_bool(arena, str_is(until, "absent") || str_is(until, "index_absent")));
    json_set(arena, probe, "expect", expect);
    return probe;
}

/* Waits until the probe says DONE. A description may lag behind: NOT_DONE is believed only after a while. */
static bool wait_until_done(struct dynamodb_driver *driver, const struct plan_step *step, const struct json *probe,
    bool created, int64_t deadline_ms, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    struct waiting waiting = start_waiting(driver);
    int64_t unseen_ms = env->now_ms(env->context) + UNSEEN_MAX_MS;

    for (;;) {
        struct probe_answer answer;

        if (!dynamodb_probe_described(driver, probe, created, &answer, error))
            return false;
        if (answer.state == PROBE_DONE)
            return true;
        if (answer.state == PROBE_OTHER)
            return error_set(error, EXIT_STATUS_DRIFT, "step '%s' left another shape than it asked for: %s", step->id,
                answer.detail);
        if (answer.state == PROBE_NOT_DONE && env->now_ms(env->context) > unseen_ms) {
            error_set(error, EXIT_STATUS_HALTED, "step '%s' was accepted but has no effect: %s", step->id, answer.detail);
            error->outcome_unknown = true;
            return false;
        }
        if (!pause_for(driver, step, &waiting, deadline_ms, answer.detail, error))
            return false;
    }
}

bool control_run(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct error *error)
{
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const struct json *wait = json_get(action->forward, "wait");
    const char *name = json_string(json_get(action->forward, "action"));
    int64_t deadline_ms = control_deadline(driver, step);
    struct arena arena = ARENA_INIT;
    bool ok;

    dynamodb_point(driver, "ddb.call.before_request");
    ok = send(driver, step, inverse, deadline_ms, error);
    if (ok) {
        dynamodb_point(driver, "ddb.call.after_request");
        if (json_is(wait, JSON_OBJECT))
            ok = wait_until_done(driver, step, wait_as_probe(&arena, wait), false, deadline_ms, error);
        if (ok && action->probe)
            ok = wait_until_done(driver, step, action->probe, name && strcmp(name, "CreateTable") == 0, deadline_ms, error);
        if (!ok) /* the request was taken: its effect may still come */
            error->outcome_unknown = true;
    }
    arena_free(&arena);
    return ok;
}
