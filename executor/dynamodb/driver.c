#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/events.h"
#include "executor/reference.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

static struct dynamodb_driver *own(struct driver *driver)
{
    return (struct dynamodb_driver *)driver;
}

void dynamodb_point(const struct dynamodb_driver *driver, const char *name)
{
    if (driver->base.env->point)
        driver->base.env->point(driver->base.env->context, name);
}

bool dynamodb_stopping(const struct dynamodb_driver *driver)
{
    const struct driver_env *env = driver->base.env;

    return env->stopping(env->context) || (env->cancelling && env->cancelling(env->context));
}

bool dynamodb_stopped(struct error *error, const char *step)
{
    error_set(error, EXIT_STATUS_RESUMABLE, "stopped in step '%s'", step);
    error->outcome_unknown = true;
    return error_help(error, "apply again: it goes on where it stopped");
}

/* --- target ------------------------------------------------------------------------------------------------------------------- */

static bool driver_open(struct arena *arena, const struct plan *plan, const struct plan_target *target,
    const struct driver_env *env, struct driver **out, struct error *error)
{
    struct dynamodb_driver *driver = ARENA_NEW(arena, struct dynamodb_driver);
    struct references references = {arena, env, target, NULL};
    struct aws_client_options options = {0};
    bool ok;

    driver->base = (struct driver){
        .ops = &driver_dynamodb, .plan = plan, .target = target, .env = env, .arena = arena};
    driver->registry_table = target->ledger;
    driver->journal_table = arena_printf(arena, "%s_journal", target->ledger);
    driver->undo_table = arena_printf(arena, "%s_undo", target->ledger);
    map_init(&driver->started, arena);
    map_init(&driver->projected, arena);
    ok = reference_resolve_field(&references, "endpoint", &options.endpoint, error) &&
        reference_resolve_field(&references, "region", &options.region, error) &&
        aws_client_create(arena, env, &options, &driver->client, error);
    references_close(&references);
    if (ok)
        *out = &driver->base;
    return ok;
}

static void driver_close(struct driver *base)
{
    aws_client_destroy(own(base)->client);
}

/* An account and a region; where the endpoint is none of AWS's, the endpoint itself: accounts mean nothing there. */
static bool driver_identify(struct driver *base, struct target_identity *out, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct arena arena = ARENA_INIT;
    struct aws_call call = {.service = &AWS_SERVICE_STS, .action = "GetCallerIdentity", .body = STR(""), .arena = &arena};
    struct aws_endpoint endpoint;
    bool ok = aws_client_endpoint(driver->client, &AWS_SERVICE_DYNAMODB, &endpoint, error);

    if (ok && endpoint.custom) {
        snprintf(out->text, sizeof(out->text), "endpoint %s, region %s", endpoint.url, aws_client_region(driver->client));
    } else if (ok) {
        ok = aws_call_wait(driver->client, &call);
        if (ok)
            snprintf(out->text, sizeof(out->text), "account %s, region %s",
                xml_text(call.xml, "GetCallerIdentityResult/Account").data, aws_client_region(driver->client));
        else
            *error = call.error;
    }
    arena_free(&arena);
    return ok;
}

static bool driver_owner(struct driver *base, bool *initialised, struct target_owner *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *item = NULL;
    bool ok = dynamodb_journal_get(own(base), &arena, "owner", 0, &item, error);

    memset(out, 0, sizeof(*out));
    if (!ok && dynamodb_is(error, "ResourceNotFoundException"))
        ok = true;
    *initialised = ok && item;
    if (*initialised) {
        snprintf(out->project, sizeof(out->project), "%.*s", STR_ARG(dynamodb_item_text(item, "project")));
        snprintf(out->environment, sizeof(out->environment), "%.*s", STR_ARG(dynamodb_item_text(item, "environment")));
        snprintf(out->identity.text, sizeof(out->identity.text), "%.*s", STR_ARG(dynamodb_item_text(item, "identity")));
    }
    arena_free(&arena);
    return ok;
}

static bool driver_init(struct driver *base, const struct target_owner *owner, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    char at[32];
    bool ok;

    if (!dynamodb_create_ledger_tables(driver, owner->project, error))
        return false;
    dynamodb_point(driver, "ddb.init.before_owner");
    journal_time(driver, at);
    aws_format(&body, "{'TableName':%s,'Item':{'pk':{'S':'owner'},'sk':{'N':'0'},'project':{'S':%s},'environment':{'S':%s},"
        "'identity':{'S':%s},'at':{'S':%s}},'ConditionExpression':'attribute_not_exists(pk)'}", driver->journal_table,
        owner->project, owner->environment, owner->identity.text, at);
    ok = dynamodb_call(driver, &arena, "PutItem", &body, NULL, error) ||
        dynamodb_is(error, "ConditionalCheckFailedException"); /* whoever was first owns it: the caller reads it again */
    arena_free(&arena);
    return ok;
}

static bool driver_rebind(struct driver *base, const struct target_identity *identity, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    aws_format(&body,
        "{'TableName':%s,'Key':{'pk':{'S':'owner'},'sk':{'N':'0'}},'UpdateExpression':'SET #i = :i',"
        "'ConditionExpression':'attribute_exists(pk)','ExpressionAttributeNames':{'#i':'identity'},"
        "'ExpressionAttributeValues':{':i':{'S':%s}}}",
        driver->journal_table, identity->text);
    ok = dynamodb_call(driver, &arena, "UpdateItem", &body, NULL, error);
    arena_free(&arena);
    return ok;
}

static bool driver_ledger_read(struct driver *base, struct arena *arena, struct ledger *out, struct error *error)
{
    return journal_read(own(base), arena, out, error);
}

static bool driver_observe(struct driver *base, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error)
{
    return dynamodb_observe(own(base), arena, objects, count, out, error);
}

static bool driver_probe(struct driver *base, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    return dynamodb_probe(own(base), step, inverse, out, error);
}

static bool driver_repair(struct driver *base, const struct plan_step *step, bool inverse, struct error *error)
{
    (void)base;
    (void)inverse;
    return error_set(error, EXIT_STATUS_INTERNAL, "step '%s' is never half done on DynamoDB: there is nothing to repair",
        step->id);
}

static bool driver_guard(struct driver *base, const struct plan_step *step, bool *holds, char *detail,
    size_t detail_size, struct error *error)
{
    const struct json *guard = step->inverse.guard;
    const char *table = json_string(json_get(guard, "table"));
    bool lost;

    detail[0] = '\0';
    *holds = true;
    if (!guard)
        return true;
    if (!table || !json_bool(json_get(guard, "empty"), false))
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "step '%s' has a guard of a kind that this executor cannot judge",
            step->id);
    if (!items_lost_with_table(own(base), table, &lost, error))
        return false;
    *holds = !lost;
    if (lost)
        snprintf(detail, detail_size, "table '%s' holds items", table);
    return true;
}

/* --- rows --------------------------------------------------------------------------------------------------------------------- */

/* The rows of one call: each takes the next run_seq. */
struct scribe {
    struct dynamodb_driver *driver;
    const struct driver_journal *journal;
    const struct plan_step *step;
    int64_t attempt;
    struct driver_result *result;
};

static bool write_row(struct scribe *scribe, enum ledger_event event, const char *why, const char *text, bool observe,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct ledger_entry entry = {.step = scribe->step, .event = event, .attempt = scribe->attempt};
    struct str observed = STR("");
    bool letting_go = scribe->journal->letting_go && event == LEDGER_EVENT_UNDO_STARTED;
    struct json *note = why || letting_go ? json_new(&arena, JSON_OBJECT) : NULL;
    bool ok = !observe || dynamodb_observe_step(scribe->driver, &arena, scribe->step, &observed, error);

    if (why)
        json_set_text(&arena, note, why, text);
    if (letting_go)
        json_set(&arena, note, LEDGER_NOTE_LETTING_GO, json_new_bool(&arena, true));
    entry.note = note;
    ok = ok && journal_write(scribe->driver, scribe->journal, scribe->result->rows_written, &entry, observed, error);
    if (ok)
        scribe->result->rows_written++;
    arena_free(&arena);
    return ok;
}

static bool driver_record(struct driver *base, const struct driver_journal *journal, const struct ledger_entry *entry,
    struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct arena arena = ARENA_INIT;
    struct str observed = STR("");
    bool ok = true;

    if (entry->event == LEDGER_EVENT_APPLIED) /* found by a probe: the process that asked for it looked at nothing */
        violation_report(driver, entry->step);
    switch (entry->event) {
    case LEDGER_EVENT_APPLIED:
    case LEDGER_EVENT_ADOPTED:
    case LEDGER_EVENT_UNDONE:
    case LEDGER_EVENT_BASELINED:
    case LEDGER_EVENT_RESOLVED:
        ok = dynamodb_observe_step(driver, &arena, entry->step, &observed, error);
        break;
    default:
        break;
    }
    ok = ok && journal_write(driver, journal, 0, entry, observed, error);
    arena_free(&arena);
    return ok;
}

static void start_result(struct dynamodb_driver *driver, struct driver_result *result)
{
    driver->units = (struct driver_units){.known = true};
    memset(result, 0, sizeof(*result));
    result->lock_wait_ms = result->lock_hold_ms = -1;
    result->affected = -1;
    result->detail = STR("");
}

/* --- apply -------------------------------------------------------------------------------------------------------------------- */

enum found {
    FOUND_NOTHING, /* the step is to be run */
    FOUND_OURS,    /* an earlier attempt of ours had its effect */
    FOUND_SAME,    /* it is as wanted, and nothing says by whom */
    FOUND_ALIEN,   /* it is as wanted, and made by somebody else */
    FOUND_OTHER,
};

static bool look_at_table(struct dynamodb_driver *driver, const struct plan_step *step, enum found *found,
    struct error *error)
{
    const char *table = json_string(json_get(step->action.probe, "table"));
    bool ours, known;

    if (!str_is(json_text(json_get(step->action.forward, "action")), "CreateTable"))
        return true;
    if (!dynamodb_made_by(driver, table, step->id, &ours, &known, error))
        return false;
    *found = !known ? FOUND_SAME : ours ? FOUND_OURS : FOUND_ALIEN;
    return true;
}

/* What is there before the step's effect; waits for what is in motion. */
static bool look_before(struct dynamodb_driver *driver, const struct plan_step *step, enum found *found,
    struct probe_answer *answer, struct error *error)
{
    *found = FOUND_NOTHING;
    memset(answer, 0, sizeof(*answer));
    if (step->action.instruction == INSTRUCTION_EVENT_UPGRADE ||
        step->action.instruction == INSTRUCTION_DDB_TRANSFORM_ITEMS) /* go on from their checkpoints by themselves */
        return true;
    if (!control_settle(driver, step, false, control_deadline(driver, step), answer, error))
        return false;
    if (answer->state == PROBE_DONE || answer->state == PROBE_OTHER)
        *found = answer->state == PROBE_DONE ? FOUND_SAME : FOUND_OTHER;
    if (step->action.instruction != INSTRUCTION_DDB_CALL || *found == FOUND_NOTHING)
        return true;
    /* The step's own probe calls a table of somebody else's OTHER, whatever its shape: look at the shape alone. */
    if (!dynamodb_probe_described(driver, step->action.probe, true, answer, error))
        return false;
    if (answer->state != PROBE_DONE)
        return true;
    *found = FOUND_SAME;
    return look_at_table(driver, step, found, error);
}

static bool refuse_other(const struct plan_step *step, const char *detail, struct error *error)
{
    error_set(error, EXIT_STATUS_DRIFT, "step '%s' finds something else in place: %s", step->id, detail);
    return error_help(error, "bring it to the wanted shape or remove it, then apply again");
}

/* True in *settled when what was found makes the effect unnecessary; its row is written then. */
static bool settle_found(struct scribe *scribe, bool started, enum found found, const struct probe_answer *answer,
    bool *settled, struct error *error)
{
    *settled = true;
    switch (found) {
    case FOUND_NOTHING:
        *settled = false;
        return true;
    case FOUND_OTHER:
        return refuse_other(scribe->step, answer->detail, error);
    case FOUND_ALIEN:
        if (started)
            return refuse_other(scribe->step, "the table was made by somebody else after this step had started", error);
        break;
    case FOUND_SAME:
        if (started)
            found = FOUND_OURS;
        break;
    case FOUND_OURS:
        break;
    }
    if (found == FOUND_OURS) {
        scribe->result->already_applied = true;
        violation_report(scribe->driver, scribe->step);
        return write_row(scribe, LEDGER_EVENT_APPLIED, "by", "probe", true, error);
    }
    scribe->result->adopted = true;
    return write_row(scribe, LEDGER_EVENT_ADOPTED, "found", answer->detail, true, error);
}

static bool run_effect(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    switch (step->action.instruction) {
    case INSTRUCTION_DDB_CALL:
        return control_run(driver, step, false, error);
    case INSTRUCTION_DDB_PUT_ITEMS:
        return items_put(driver, step, result, error);
    case INSTRUCTION_DDB_TRANSFORM_ITEMS:
    case INSTRUCTION_DDB_ASSERT:
        return transform_run(driver, step, result, error);
    case INSTRUCTION_EVENT_REGISTER:
        return register_put(driver, step, error);
    case INSTRUCTION_EVENT_UPGRADE:
        return upgrade_run(driver, step, result, error);
    case INSTRUCTION_BARRIER: /* the runner has seen to it: the row is all there is */
        return true;
    default:
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "step '%s': instruction '%s' is not one of DynamoDB's", step->id,
            instruction_name(step->action.instruction));
    }
}

static bool driver_apply(struct driver *base, const struct driver_journal *journal, const struct driver_work *work,
    struct driver_result *result, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct scribe scribe = {driver, journal, work->steps[0], work->attempts[0], result};
    const struct driver_env *env = base->env;
    int64_t since_ms = env->now_ms(env->context);
    struct probe_answer answer;
    bool started = map_has(&driver->started, str_from(scribe.step->id)), settled, ok;
    enum found found;

    start_result(driver, result);
    if (work->count != 1)
        BUG("%zu steps at once on DynamoDB, which has no transaction groups", work->count);
    ok = dynamodb_lease_ensure(driver, error) && look_before(driver, scribe.step, &found, &answer, error) &&
        settle_found(&scribe, started, found, &answer, &settled, error);
    if (ok && !settled) {
        ok = write_row(&scribe, LEDGER_EVENT_STARTED, answer.detail[0] ? "before" : NULL, answer.detail, false, error);
        dynamodb_point(driver, "ddb.apply.started");
        ok = ok && run_effect(driver, scribe.step, result, error);
        if (ok)
            violation_report(driver, scribe.step);
        dynamodb_point(driver, "ddb.apply.effect_done");
        if (ok && !write_row(&scribe, LEDGER_EVENT_APPLIED, NULL, NULL, true, error)) {
            error->outcome_unknown = true;
            ok = false;
        }
    }
    result->duration_ms = env->now_ms(env->context) - since_ms;
    result->units = driver->units;
    return ok;
}

/* --- undo --------------------------------------------------------------------------------------------------------------------- */

/* A table that was deleted and made anew by somebody else meanwhile is not ours to delete. */
static bool check_still_ours(struct dynamodb_driver *driver, const struct plan_step *step, struct error *error)
{
    const char *table = json_string(json_get(step->action.probe, "table"));
    bool ours, known;

    if (step->action.instruction != INSTRUCTION_DDB_CALL || !table ||
        !str_is(json_text(json_get(step->action.forward, "action")), "CreateTable"))
        return true;
    if (!dynamodb_made_by(driver, table, step->id, &ours, &known, error))
        return false;
    if (ours || !known)
        return true;
    error_set(error, EXIT_STATUS_DRIFT, "table '%s' is not the one that step '%s' made: it has no tag '" TAG_STEP "' of it",
        table, step->id);
    return error_help(error, "delete it by hand if it is to go, or tag it " TAG_STEP "=%s", step->id);
}

static bool run_inverse(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    switch (step->inverse.action.instruction) {
    case INSTRUCTION_DDB_CALL:
        return control_run(driver, step, true, error);
    case INSTRUCTION_DDB_PUT_ITEMS:
        return items_remove(driver, step, result, error);
    case INSTRUCTION_DDB_TRANSFORM_ITEMS:
        return transform_restore(driver, step, result, error);
    case INSTRUCTION_EVENT_REGISTER:
        return register_remove(driver, step, error);
    case INSTRUCTION_EVENT_UPGRADE:
        return upgrade_restore(driver, step, result, error);
    default:
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "step '%s': the inverse '%s' is not one of DynamoDB's", step->id,
            instruction_name(step->inverse.action.instruction));
    }
}

static bool undo_step(struct scribe *scribe, struct error *error)
{
    struct dynamodb_driver *driver = scribe->driver;
    const struct plan_step *step = scribe->step;
    struct probe_answer answer;
    bool ok;

    if (step->inverse.grade == GRADE_IMPOSSIBLE)
        return error_set(error, EXIT_STATUS_UNDO_HALTED, "step '%s' cannot be undone: %s", step->id,
            step->inverse.why ? step->inverse.why : "it has no inverse");
    if (!dynamodb_lease_ensure(driver, error))
        return false;
    if (step->inverse.action.none)
        return write_row(scribe, LEDGER_EVENT_UNDONE, NULL, NULL, true, error);
    if (!control_settle(driver, step, true, control_deadline(driver, step), &answer, error))
        return false;
    if (answer.state == PROBE_DONE) {
        scribe->result->already_applied = true;
        return write_row(scribe, LEDGER_EVENT_UNDONE, "by", "probe", true, error);
    }
    if (answer.state == PROBE_OTHER)
        return refuse_other(step, answer.detail, error);
    ok = check_still_ours(driver, step, error) &&
        write_row(scribe, LEDGER_EVENT_UNDO_STARTED, answer.detail[0] ? "before" : NULL, answer.detail, false, error);
    dynamodb_point(driver, "ddb.undo.started");
    ok = ok && run_inverse(driver, step, scribe->result, error);
    dynamodb_point(driver, "ddb.undo.effect_done");
    return ok && write_row(scribe, LEDGER_EVENT_UNDONE, NULL, NULL, true, error);
}

static bool driver_undo(struct driver *base, const struct driver_journal *journal, const struct plan_step *step,
    int64_t attempt, struct driver_result *result, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct scribe scribe = {driver, journal, step, attempt, result};
    const struct driver_env *env = base->env;
    int64_t since_ms = env->now_ms(env->context);
    bool ok;

    start_result(driver, result);
    ok = undo_step(&scribe, error);
    result->duration_ms = env->now_ms(env->context) - since_ms;
    result->units = driver->units;
    return ok;
}

const struct driver_ops driver_dynamodb = {
    .engine = ENGINE_DYNAMODB,
    .open = driver_open,
    .identify = driver_identify,
    .owner = driver_owner,
    .init = driver_init,
    .rebind = driver_rebind,
    .lease_take = dynamodb_lease_take,
    .lease_renew = dynamodb_lease_renew,
    .lease_release = dynamodb_lease_release,
    .lease_look = dynamodb_lease_look,
    .lease_break = dynamodb_lease_break,
    .ledger_read = driver_ledger_read,
    .observe = driver_observe,
    .apply = driver_apply,
    .probe = driver_probe,
    .repair = driver_repair,
    .guard = driver_guard,
    .undo = driver_undo,
    .record = driver_record,
    .project = dynamodb_project,
    .events = stored_events,
    .registered = register_list,
    .close = driver_close,
};
