/*
 * The lease. No clock is compared with another machine's: each heartbeat changes a record version number (rvn), and only
 * who has watched it unchanged for the holder's whole period, by the own clock, takes over. Every change of holder makes
 * the token grow; rows of the ledger are written on the condition that the token is still ours.
 */
#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum {
    WATCH_MIN_MS = 50,
    WATCH_MAX_MS = 1000,
    BREAK_TRIES = 20,
    PERIOD_MAX_MS = 24 * 3600 * 1000, /* a stored period beyond it is damage */
};

/* As it is stored. */
struct record {
    bool exists;
    bool held;
    int64_t token;
    int64_t duration_ms;
    char rvn[LEASE_RVN_LEN + 1];
    char holder[256];
    char run[64];
};

static struct dynamodb_driver *own(struct driver *driver)
{
    return (struct dynamodb_driver *)driver;
}

static void copy_text(char *out, size_t size, struct str text)
{
    snprintf(out, size, "%.*s", STR_ARG(text));
}

static bool read_record(struct dynamodb_driver *driver, struct record *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *item;
    bool ok = dynamodb_journal_get(driver, &arena, "lease", 0, &item, error);

    memset(out, 0, sizeof(*out));
    if (ok && item) {
        out->exists = true;
        out->held = json_get(item, "rvn") != NULL;
        ok = dynamodb_item_number(item, "token", &out->token) &&
            (!out->held || (dynamodb_item_number(item, "duration_ms", &out->duration_ms) && out->duration_ms > 0 &&
                               out->duration_ms <= PERIOD_MAX_MS));
        if (!ok)
            error_set(error, EXIT_STATUS_HISTORY, "the lease in table '%s' is damaged", driver->journal_table);
        copy_text(out->rvn, sizeof(out->rvn), dynamodb_item_text(item, "rvn"));
        copy_text(out->holder, sizeof(out->holder), dynamodb_item_text(item, "holder"));
        copy_text(out->run, sizeof(out->run), dynamodb_item_text(item, "run"));
    }
    arena_free(&arena);
    return ok;
}

static void new_rvn(const struct dynamodb_driver *driver, char out[LEASE_RVN_LEN + 1])
{
    unsigned char bytes[LEASE_RVN_LEN / 2];

    if (!driver->base.env->random_bytes(driver->base.env->context, bytes, sizeof(bytes)))
        BUG("no random numbers");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* Puts the lease over what was seen. False with *lost when it is not that any more; a request whose answer was lost and
 * that was sent again finds its own rvn. */
static bool put_record(struct dynamodb_driver *driver, const struct record *seen, const struct record *next, bool *lost,
    struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    struct arena arena = ARENA_INIT;
    struct record now;
    bool ok;

    *lost = false;
    aws_format(&body, "{'TableName':%s,'Item':{'pk':{'S':'lease'},'sk':{'N':'0'},'token':{'N':%N}", driver->journal_table,
        next->token);
    if (next->held)
        aws_format(&body, ",'rvn':{'S':%s},'holder':{'S':%s},'run':{'S':%s},'duration_ms':{'N':%N}", next->rvn,
            next->holder, next->run, next->duration_ms);
    strbuf_append_char(&body, '}');
    if (!seen->exists)
        aws_format(&body, ",'ConditionExpression':'attribute_not_exists(pk)'}");
    else if (seen->held)
        aws_format(&body, ",'ConditionExpression':'rvn = :rvn','ExpressionAttributeValues':{':rvn':{'S':%s}}}", seen->rvn);
    else
        aws_format(&body, ",'ConditionExpression':'attribute_not_exists(rvn) AND #token = :token',"
            "'ExpressionAttributeNames':{'#token':'token'},'ExpressionAttributeValues':{':token':{'N':%N}}}", seen->token);
    ok = dynamodb_call(driver, &arena, "PutItem", &body, NULL, error);
    arena_free(&arena);
    if (ok || !dynamodb_is(error, "ConditionalCheckFailedException"))
        return ok;
    if (!read_record(driver, &now, error))
        return false;
    if (now.exists && now.held == next->held && now.token == next->token && strcmp(now.rvn, next->rvn) == 0)
        return true;
    *lost = true;
    return error_set(error, EXIT_STATUS_LEASE, "the lease was taken by '%s'", now.held ? now.holder : "somebody else");
}

static void fill_state(const struct record *record, struct lease_state *out)
{
    memset(out, 0, sizeof(*out));
    out->held = record->held;
    out->token = record->token;
    out->age_ms = -1; /* no clock is shared with the holder */
    snprintf(out->holder, sizeof(out->holder), "%s", record->holder);
    snprintf(out->run, sizeof(out->run), "%s", record->run);
}

static bool refused(const struct record *record, struct error *error)
{
    return error_set(error, EXIT_STATUS_LEASE, "'%s' holds the lease (run %s) and is alive", record->holder, record->run);
}

/* Watches a lease of somebody else for its whole period. True when its holder gave no sign of life, or released it: then
 * *seen is what is there now. */
static bool watch(struct dynamodb_driver *driver, struct record *seen, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    int64_t since_ms = env->now_ms(env->context);
    int64_t pause_ms = seen->duration_ms / 10;
    char message[512];
    struct record now;

    if (pause_ms < WATCH_MIN_MS)
        pause_ms = WATCH_MIN_MS;
    if (pause_ms > WATCH_MAX_MS)
        pause_ms = WATCH_MAX_MS;
    snprintf(message, sizeof(message), "'%s' holds the lease on table '%s'; watching for %lld s whether it is alive",
        seen->holder, driver->registry_table, (long long)(seen->duration_ms + 999) / 1000);
    env->log(env->context, "info", message);
    while (env->now_ms(env->context) - since_ms <= seen->duration_ms) {
        aws_client_sleep(driver->client, pause_ms);
        if (dynamodb_stopping(driver))
            return error_set(error, EXIT_STATUS_RESUMABLE, "stopped while watching the lease of '%s'", seen->holder);
        if (!read_record(driver, &now, error))
            return false;
        if (!now.held) {
            *seen = now;
            return true;
        }
        if (strcmp(now.rvn, seen->rvn) != 0)
            return refused(&now, error);
    }
    return true;
}

bool dynamodb_lease_take(struct driver *base, const struct lease_request *request, struct lease_state *out,
    struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    const struct driver_env *env = base->env;
    struct record seen, next = {.exists = true, .held = true, .duration_ms = request->duration_ms};
    int64_t sent_ms;
    bool lost;

    if (!read_record(driver, &seen, error))
        return false;
    fill_state(&seen, out);
    if (seen.held && !(strcmp(seen.run, request->run) == 0 && strcmp(seen.holder, request->holder) == 0) &&
        !watch(driver, &seen, error))
        return false;
    next.token = seen.token + 1;
    new_rvn(driver, next.rvn);
    copy_text(next.holder, sizeof(next.holder), str_from(request->holder));
    copy_text(next.run, sizeof(next.run), str_from(request->run));
    sent_ms = env->now_ms(env->context);
    if (!put_record(driver, &seen, &next, &lost, error))
        return false;
    driver->lease = (struct dynamodb_lease){
        .held = true, .token = next.token, .duration_ms = next.duration_ms, .renewed_ms = sent_ms};
    memcpy(driver->lease.rvn, next.rvn, sizeof(next.rvn));
    memcpy(driver->lease.run, next.run, sizeof(next.run));
    memcpy(driver->lease.holder, next.holder, sizeof(next.holder));
    driver->head_known = false; /* somebody else may have written since */
    fill_state(&next, out);
    out->age_ms = 0;
    return true;
}

static struct record held_record(const struct dynamodb_lease *lease)
{
    struct record record = {.exists = true, .held = true, .token = lease->token, .duration_ms = lease->duration_ms};

    memcpy(record.rvn, lease->rvn, sizeof(record.rvn));
    memcpy(record.run, lease->run, sizeof(record.run));
    memcpy(record.holder, lease->holder, sizeof(record.holder));
    return record;
}

bool dynamodb_lease_renew(struct driver *base, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    const struct driver_env *env = base->env;
    int64_t sent_ms = env->now_ms(env->context);
    struct record seen, next;
    bool lost;

    if (!driver->lease.held)
        return error_set(error, EXIT_STATUS_LEASE, "the lease is not held");
    seen = next = held_record(&driver->lease);
    new_rvn(driver, next.rvn);
    if (!put_record(driver, &seen, &next, &lost, error)) {
        if (lost)
            driver->lease.held = false;
        return false;
    }
    memcpy(driver->lease.rvn, next.rvn, sizeof(next.rvn));
    driver->lease.renewed_ms = sent_ms;
    return true;
}

bool dynamodb_lease_ensure(struct dynamodb_driver *driver, struct error *error)
{
    const struct driver_env *env = driver->base.env;

    if (!driver->lease.held)
        return error_set(error, EXIT_STATUS_LEASE, "the lease is not held");
    if (env->now_ms(env->context) - driver->lease.renewed_ms <= driver->lease.duration_ms / 2)
        return true;
    return dynamodb_lease_renew(&driver->base, error);
}

bool dynamodb_lease_release(struct driver *base, struct error *error)
{
    struct dynamodb_driver *driver = own(base);
    struct record seen, next;
    bool lost;

    if (!driver->lease.held)
        return error_set(error, EXIT_STATUS_LEASE, "the lease is not held");
    seen = held_record(&driver->lease);
    next = (struct record){.exists = true, .token = seen.token};
    driver->lease.held = false;
    return put_record(driver, &seen, &next, &lost, error);
}

bool dynamodb_lease_look(struct driver *base, struct lease_state *out, struct error *error)
{
    struct record record;

    if (!read_record(own(base), &record, error))
        return false;
    fill_state(&record, out);
    return true;
}

bool dynamodb_lease_break(struct driver *base, struct error *error)
{
    for (int i = 0; i < BREAK_TRIES; i++) {
        struct record seen, next;
        bool lost;

        if (!read_record(own(base), &seen, error))
            return false;
        if (!seen.held)
            return true;
        next = (struct record){.exists = true, .token = seen.token + 1};
        if (put_record(own(base), &seen, &next, &lost, error))
            return true;
        if (!lost) /* else a heartbeat came between */
            return false;
    }
    return false;
}
