/*
 * What the tests of the DynamoDB driver share: an environment with the real clock, a plan with one target on
 * TEST_AWS_ENDPOINT, steps from JSON texts, requests beside the driver, and a child process that is killed at a named
 * protocol point. Each test gets tables of its own by a prefix.
 */
#ifndef TESTS_UNIT_DYNAMODB_WORLD_H
#define TESTS_UNIT_DYNAMODB_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/aws/client.h"
#include "executor/driver_impl.h"
#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

enum { WORLD_LEASE_MS = 400 };

struct world {
    struct arena arena;
    struct driver_env env;
    struct plan plan;
    struct plan_events events;
    struct driver *driver;
    struct arena driver_arena;
    struct aws_client *aws;     /* beside the driver: somebody else */
    char prefix[32];
    const char *endpoint;       /* the plan's; NULL: TEST_AWS_ENDPOINT */
    const char *secret_key;     /* NULL: the environment's */
    int64_t run_seq;
    const char *kill_at;        /* point at which the process kills itself */
    int kill_after;             /* so many times passed */
    int stop_after_points;      /* stopping() after this many points; -1: never */
    int points;
    void (*at_point)(struct world *world, const char *name);
    void (*at_sleep)(struct world *world);
    struct world *other;        /* for at_sleep and at_point */
    char last_log[1024];
    int64_t progress_done;
};

static inline int64_t world_now(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t world_wall(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline bool world_random(void *context, void *out, size_t count)
{
    FILE *file = fopen("/dev/urandom", "rb");
    bool ok = file && fread(out, 1, count, file) == count;

    (void)context;
    if (file)
        fclose(file);
    return ok;
}

static inline const char *world_getenv(void *context, const char *name)
{
    struct world *world = context;

    if (strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 && world->secret_key)
        return world->secret_key;
    if (strcmp(name, "AWS_ENDPOINT_URL") == 0)
        return NULL;
    return getenv(name);
}

static inline void world_sleep(void *context, int64_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    struct world *world = context;

    if (world->at_sleep)
        world->at_sleep(world);
    nanosleep(&pause, NULL);
}

static inline void world_tick(void *context)
{
    (void)context;
}

static inline bool world_stopping(void *context)
{
    struct world *world = context;

    return world->stop_after_points >= 0 && world->points >= world->stop_after_points;
}

static inline void world_progress(void *context, const char *step, int64_t done, int64_t total, const char *unit)
{
    (void)step;
    (void)total;
    (void)unit;
    ((struct world *)context)->progress_done = done;
}

static inline void world_log(void *context, const char *level, const char *message)
{
    struct world *world = context;

    snprintf(world->last_log, sizeof(world->last_log), "%s: %s", level, message);
}

static inline void world_point(void *context, const char *name)
{
    struct world *world = context;

    if (strcmp(name, "aws.answer") == 0) /* each request's: too many to count by */
        return;
    world->points++;
    if (world->at_point)
        world->at_point(world, name);
    if (world->kill_at && strcmp(world->kill_at, name) == 0 && world->kill_after-- == 0)
        kill(getpid(), SIGKILL);
}

static inline const struct json *world_json(struct world *world, const char *text)
{
    struct json_error error;
    struct strbuf quoted = STRBUF_INIT;
    const struct json *json;

    for (const char *at = text; at && *at; at++)
        strbuf_append_char(&quoted, *at == '`' ? '"' : *at);
    json = json_read(&world->arena, strbuf_view(&quoted), JSON_ALLOW_NUL, &error);
    if (!json)
        fail_msg("%s: %s", quoted.data, error.message);
    strbuf_free(&quoted);
    return json;
}

static inline const char *world_table(struct world *world, const char *name)
{
    return arena_printf(&world->arena, "%s%s", world->prefix, name);
}

/* Replaces T_ by the test's prefix and ` by ", so that JSON can be written plainly. */
static inline const struct json *world_form(struct world *world, const char *text)
{
    struct strbuf out = STRBUF_INIT;
    const struct json *json;

    for (const char *at = text; at && *at;) {
        if (strncmp(at, "T_", 2) == 0) {
            strbuf_append_text(&out, world->prefix);
            at += 2;
        } else {
            strbuf_append_char(&out, *at++);
        }
    }
    json = world_json(world, out.data);
    strbuf_free(&out);
    return json;
}

static inline void world_open(struct world *world)
{
    struct plan_target *target = &world->plan.targets.items[0];
    struct error error;

    world->driver_arena = (struct arena)ARENA_INIT;
    if (!driver_dynamodb.open(&world->driver_arena, &world->plan, target, &world->env, &world->driver, &error))
        fail_msg("%s", error.message);
}

static inline void world_close(struct world *world)
{
    if (world->driver)
        driver_dynamodb.close(world->driver);
    world->driver = NULL;
    arena_free(&world->driver_arena);
}

static inline void world_init_plan(struct world *world)
{
    struct plan_target target = {.name = "event_store", .engine = ENGINE_DYNAMODB, .typeorm_table = NULL};

    target.ledger = world_table(world, "migrations");
    target.table_prefix = world->prefix;
    VEC_PUSH(&world->arena, &target.connection,
        ((struct plan_connection_field){"endpoint", world->endpoint ? world->endpoint : getenv("TEST_AWS_ENDPOINT")}));
    VEC_PUSH(&world->arena, &target.connection, ((struct plan_connection_field){"region", "us-east-1"}));
    world->events = (struct plan_events){.target = "event_store",
        .table = world_table(world, "events"),
        .stream = "stream",
        .sequence = "seq",
        .type = "eventType",
        .version = "eventVersion",
        .registry = world_table(world, "schemas")};
    world->plan = (struct plan){.project = "test", .environment = "local", .events = &world->events};
    memset(world->plan.digest, 'a', 64);
    VEC_PUSH(&world->arena, &world->plan.targets, target);
    VEC_PUSH(&world->arena, &world->plan.order, "event_store");
}

/* A world without a driver yet. */
static inline struct world *world_create(void)
{
    static int worlds;
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    snprintf(world->prefix, sizeof(world->prefix), "t%ld_%d_", (long)getpid(), worlds++);
    world->stop_after_points = -1;
    world->env = (struct driver_env){.context = world,
        .now_ms = world_now,
        .wall_ms = world_wall,
        .random_bytes = world_random,
        .getenv = world_getenv,
        .sleep_ms = world_sleep,
        .tick = world_tick,
        .stopping = world_stopping,
        .progress = world_progress,
        .log = world_log,
        .point = world_point};
    world_init_plan(world);
    return world;
}

static inline void world_destroy(struct world *world)
{
    world_close(world);
    if (world->aws)
        aws_client_destroy(world->aws);
    arena_free(&world->arena);
    free(world);
}

/* --- requests beside the driver ------------------------------------------------------------------------------------------------ */

static inline const struct json *world_try(struct world *world, const char *action, const char *body, struct error *error)
{
    const struct aws_client_options options = {.region = "us-east-1", .endpoint = getenv("TEST_AWS_ENDPOINT")};
    struct strbuf text = STRBUF_INIT;
    struct aws_call call = {.service = &AWS_SERVICE_DYNAMODB, .action = action, .arena = &world->arena};

    if (!world->aws && !aws_client_create(&world->arena, &world->env, &options, &world->aws, error))
        fail_msg("%s", error->message);
    json_write(&text, world_form(world, body));
    call.body = strbuf_view(&text);
    if (!aws_call_wait(world->aws, &call))
        *error = call.error;
    strbuf_free(&text);
    return call.ok ? call.json : NULL;
}

static inline const struct json *world_request(struct world *world, const char *action, const char *body)
{
    struct error error;
    const struct json *answer = world_try(world, action, body, &error);

    if (!answer)
        fail_msg("%s: %s", action, error.message);
    return answer;
}

static inline bool world_table_exists(struct world *world, const char *name)
{
    struct error error;

    return world_try(world, "DescribeTable", arena_printf(&world->arena, "{`TableName`:`T_%s`}", name), &error) != NULL;
}

/* --- the runner's part ----------------------------------------------------------------------------------------------------------- */

static inline void world_take_lease(struct world *world, const char *holder)
{
    const struct lease_request request = {
        .run = "11111111-1111-4111-8111-111111111111", .holder = holder, .duration_ms = WORLD_LEASE_MS};
    struct lease_state state;
    struct error error;

    if (!driver_dynamodb.lease_take(world->driver, &request, &state, &error))
        fail_msg("%s", error.message);
}

/* Opened, initialised, and leased as "holder". */
static inline struct world *world_ready(void)
{
    struct world *world = world_create();
    struct target_owner owner = {.project = "test", .environment = "local"};
    struct error error;

    world_open(world);
    if (!driver_dynamodb.init(world->driver, &owner, &error))
        fail_msg("%s", error.message);
    world_take_lease(world, "holder");
    return world;
}

/* A process that was killed is followed by another one: a new driver, the lease of the same run. */
static inline void world_reopen(struct world *world)
{
    world_close(world);
    world->kill_at = NULL;
    world_open(world);
    world_take_lease(world, "holder");
}

static inline struct plan_step *world_step(struct world *world, const char *id, enum instruction instruction,
    const char *forward, const char *probe)
{
    struct plan_step *step = ARENA_NEW(&world->arena, struct plan_step);

    *step = (struct plan_step){.id = id,
        .migration = "m1",
        .target = "event_store",
        .retry = RETRY_TRANSIENT,
        .timeouts = {.wait_ms = 20000},
        .source_digest = arena_strdup(&world->arena, digest_of(str_from(id)).hex),
        .effect_digest = arena_strdup(&world->arena, digest_of(str_from(forward)).hex),
        .action = {.instruction = instruction, .forward = world_form(world, forward)},
        .inverse = {.grade = GRADE_EXACT, .action = {.none = true}},
        .estimate_ms = -1};
    if (probe)
        step->action.probe = world_form(world, probe);
    step->line = str_from(arena_printf(&world->arena, "{\"step\":\"%s\"}", id));
    return step;
}

static inline void world_inverse(struct world *world, struct plan_step *step, enum instruction instruction,
    const char *forward, const char *probe)
{
    step->inverse.action = (struct plan_action){.instruction = instruction, .forward = world_form(world, forward)};
    if (probe)
        step->inverse.action.probe = world_form(world, probe);
}

static inline void world_effect(struct world *world, struct plan_step *step, const char *object)
{
    VEC_PUSH(&world->arena, &step->effect, ((struct plan_effect){object, NULL}));
}

static inline struct driver_journal world_journal(struct world *world)
{
    const struct driver_journal journal = {.run = "11111111-1111-4111-8111-111111111111",
        .run_seq = world->run_seq + 1,
        .plan_digest = world->plan.digest};

    world->run_seq += 2;
    return journal;
}

static inline bool world_try_apply(struct world *world, const struct plan_step *step, int64_t attempt,
    struct driver_result *result, struct error *error)
{
    const struct driver_journal journal = world_journal(world);
    const struct driver_work work = {.steps = &step, .count = 1, .attempts = &attempt};

    return driver_dynamodb.apply(world->driver, &journal, &work, result, error);
}

static inline struct driver_result world_apply(struct world *world, const struct plan_step *step)
{
    struct driver_result result;
    struct error error;

    if (!world_try_apply(world, step, 1, &result, &error))
        fail_msg("%s", error.message);
    return result;
}

static inline bool world_try_undo(struct world *world, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    const struct driver_journal journal = world_journal(world);

    return driver_dynamodb.undo(world->driver, &journal, step, 1, result, error);
}

static inline struct driver_result world_undo(struct world *world, const struct plan_step *step)
{
    struct driver_result result;
    struct error error;

    if (!world_try_undo(world, step, &result, &error))
        fail_msg("%s", error.message);
    return result;
}

static inline struct probe_answer world_probe(struct world *world, const struct plan_step *step, bool inverse)
{
    struct probe_answer answer;
    struct error error;

    if (!driver_dynamodb.probe(world->driver, step, inverse, &answer, &error))
        fail_msg("%s", error.message);
    return answer;
}

/* The answer once the service is done with what it is at. */
static inline enum probe_state world_final(struct world *world, const struct plan_step *step, bool inverse)
{
    struct probe_answer answer = world_probe(world, step, inverse);

    for (int i = 0; i < 100 && answer.state == PROBE_RUNNING; i++)
        answer = world_probe(world, step, inverse);
    return answer.state;
}

static inline struct ledger *world_ledger(struct world *world)
{
    struct ledger *ledger = ARENA_NEW(&world->arena, struct ledger);
    struct error error;

    if (!driver_dynamodb.ledger_read(world->driver, &world->arena, ledger, &error) || !ledger_verify(ledger, &error))
        fail_msg("%s", error.message);
    return ledger;
}

static inline void assert_rows(struct world *world, const char *events)
{
    struct ledger *ledger = world_ledger(world);
    struct strbuf text = STRBUF_INIT;

    strbuf_append_text(&text, "");
    for (size_t i = 0; i < ledger->rows.count; i++)
        strbuf_printf(&text, "%s%s", i ? " " : "", ledger_event_name(ledger->rows.items[i].event));
    assert_string_equal(text.data ? text.data : "", events);
    strbuf_free(&text);
}

/* What the runner does with a step: settles what a dead process left, else applies it. Returns the attempt's result. */
static inline void world_resume(struct world *world, const struct plan_step *step)
{
    struct ledger *ledger = world_ledger(world);
    struct ledger_state state;
    const struct ledger_step *known;
    struct driver_result result;
    struct error error;

    ledger_fold(&world->arena, ledger, &state);
    if (state.last_run_seq >= world->run_seq)
        world->run_seq = state.last_run_seq;
    known = ledger_state_find(&state, step->id);
    if (known && known->state == STEP_STATE_APPLIED)
        return;
    if (known && known->state == STEP_STATE_STARTED) {
        enum probe_state answer = world_final(world, step, false);

        if (answer == PROBE_DONE) {
            const struct driver_journal journal = world_journal(world);
            const struct ledger_entry entry = {.step = step, .event = LEDGER_EVENT_APPLIED, .attempt = known->attempts};

            if (!driver_dynamodb.record(world->driver, &journal, &entry, &error))
                fail_msg("%s", error.message);
            return;
        }
        assert_int_equal(answer, PROBE_NOT_DONE);
    }
    if (!world_try_apply(world, step, known ? known->attempts + 1 : 1, &result, &error))
        fail_msg("%s", error.message);
}

/* Runs something in a child process that is killed at the point. False when it came to its end before. */
static inline bool world_killed(struct world *world, const char *point, int after, void (*run)(struct world *, void *),
    void *argument)
{
    pid_t child;
    int status;

    if (world->aws) { /* a connection is not shared with a child */
        aws_client_destroy(world->aws);
        world->aws = NULL;
    }
    world_close(world);
    fflush(stdout);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world->kill_at = point;
        world->kill_after = after;
        world_open(world);
        world_take_lease(world, "holder");
        run(world, argument);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    world_open(world);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static inline void world_apply_child(struct world *world, void *step)
{
    struct driver_result result;
    struct error error;
    struct ledger *ledger = ARENA_NEW(&world->arena, struct ledger);

    if (!driver_dynamodb.ledger_read(world->driver, &world->arena, ledger, &error) ||
        !world_try_apply(world, step, 1, &result, &error)) {
        fprintf(stderr, "# %s\n", error.message);
        _exit(1);
    }
}

static inline void world_undo_child(struct world *world, void *step)
{
    struct driver_result result;
    struct error error;

    if (!world_try_undo(world, step, &result, &error)) {
        fprintf(stderr, "# %s\n", error.message);
        _exit(1);
    }
}

/* True when the tests can run at all; else says loudly that they do not. */
static inline bool world_available(void)
{
    if (getenv("TEST_AWS_ENDPOINT"))
        return true;
    printf("1..0 # SKIP TEST_AWS_ENDPOINT is not set\n");
    return false;
}

#endif
