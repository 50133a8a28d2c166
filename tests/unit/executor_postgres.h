/*
 * What the tests of the PostgreSQL driver share: a database of their own on the server that TEST_DATABASE_URL names (as
 * a superuser), an outside world that tests script, a second connection to look and to do harm with, and steps built
 * from text. Each test starts with an empty database.
 */
#ifndef TESTS_UNIT_EXECUTOR_POSTGRES_H
#define TESTS_UNIT_EXECUTOR_POSTGRES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/driver.h"
#include "executor/postgres/conn.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct world {
    struct arena arena;
    struct plan plan;
    struct plan_target target;
    struct driver_env env;
    struct pg_settings settings; /* of admin */
    struct pg_link *admin;
    struct driver *driver;
    char database[64];
    char run[40];
    int64_t run_seq;
    /* The script. */
    bool stop;
    int ticks;
    void (*on_tick)(struct world *world);
    const char *point; /* at which on_point is called */
    void (*on_point)(struct world *world);
    char log[8192];
    int64_t progress_done;
    struct driver *other; /* for two at once */
};

static struct world *world;
static struct error error;

/* --- the outside world -----------------------------------------------------------------------------------------------
 */

static inline int64_t world_now(void *context)
{
    struct timespec at;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static inline bool world_random(void *context, void *out, size_t count)
{
    (void)context;
    memset(out, 7, count);
    return true;
}

static inline const char *world_getenv(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static inline void world_sleep(void *context, int64_t ms)
{
    struct timespec at = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)context;
    nanosleep(&at, NULL);
}

static inline void world_tick(void *context)
{
    struct world *w = context;

    w->ticks++;
    if (w->on_tick)
        w->on_tick(w);
}

static inline bool world_stopping(void *context)
{
    return ((struct world *)context)->stop;
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
    struct world *w = context;
    size_t used = strlen(w->log);

    snprintf(w->log + used, sizeof(w->log) - used, "%s: %s\n", level, message);
}

static inline void world_point(void *context, const char *name)
{
    struct world *w = context;

    if (w->point && strcmp(w->point, name) == 0) {
        w->point = NULL;
        w->on_point(w);
    }
}

/* --- the second connection -------------------------------------------------------------------------------------------
 */

static inline void admin_do(const char *sql)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct error failure;

    pg_add(&batch, sql);
    if (!pg_run(world->admin, &arena, &batch, NULL, NULL, &failure))
        fail_msg("%s: %s", sql, failure.message);
    arena_free(&arena);
}

/* The first cell, "" for none or NULL; lives as long as the test. */
static inline const char *admin_ask(const char *sql)
{
    struct pg_batch batch = pg_batch_make(&world->arena);
    struct pg_rows *rows;
    struct error failure;
    const char *text;

    pg_add(&batch, sql);
    if (!pg_run(world->admin, &world->arena, &batch, &rows, NULL, &failure))
        fail_msg("%s: %s", sql, failure.message);
    text = pg_text(rows, 0, 0);
    return text ? text : "";
}

static inline void admin_connect(const char *dbname)
{
    world->admin = pg_make(&world->arena, &world->settings, &world->env, "admin", false);
    world->settings.keywords.count = world->settings.values.count = 0;
    VEC_PUSH(&world->arena, &world->settings.keywords, "dbname");
    VEC_PUSH(&world->arena, &world->settings.values, arena_strdup(&world->arena, getenv("TEST_DATABASE_URL")));
    if (dbname) {
        VEC_PUSH(&world->arena, &world->settings.keywords, "dbname");
        VEC_PUSH(&world->arena, &world->settings.values, arena_strdup(&world->arena, dbname));
    }
    if (!pg_open(world->admin, &error))
        fail_msg("%s", error.message);
}

/* --- opening and closing ---------------------------------------------------------------------------------------------
 */

static inline void add_field(const char *name, const char *value)
{
    VEC_PUSH(&world->arena, &world->target.connection, (struct plan_connection_field){name, value});
}

static inline struct driver *open_driver(void)
{
    struct driver *driver;

    if (!driver_postgres.open(&world->arena, &world->plan, &world->target, &world->env, &driver, &error))
        fail_msg("%s", error.message);
    return driver;
}

static inline void close_driver(struct driver *driver)
{
    if (driver)
        driver_postgres.close(driver);
}

static inline const struct target_owner *some_owner(void)
{
    static struct target_owner owner = {.project = "shop", .environment = "test", .identity = {"system 1, database x"}};

    return &owner;
}

static inline bool take_lease(struct driver *driver, const char *holder, int64_t duration_ms)
{
    const struct lease_request request = {.run = world->run, .holder = holder, .duration_ms = duration_ms};
    struct lease_state state;

    return driver_postgres.lease_take(driver, &request, &state, &error);
}

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        if (!(call))                                                                                                   \
            fail_msg("%s: %s", #call, error.message);                                                                  \
    } while (0)

/* An empty database, a ledger, and a driver that holds the lease. */
static inline int world_setup(void **state)
{
    (void)state;
    world = calloc(1, sizeof(*world));
    world->env = (struct driver_env){.context = world,
        .now_ms = world_now,
        .wall_ms = world_now,
        .random_bytes = world_random,
        .getenv = world_getenv,
        .sleep_ms = world_sleep,
        .tick = world_tick,
        .stopping = world_stopping,
        .progress = world_progress,
        .log = world_log};
    snprintf(world->database, sizeof(world->database), "invplan_test_%ld", (long)getpid());
    snprintf(world->run, sizeof(world->run), "11111111-2222-3333-4444-555555555555");
    world->run_seq = 1;
    world->plan.project = "shop";
    world->plan.environment = "test";
    world->target =
        (struct plan_target){.name = "operational", .engine = ENGINE_POSTGRES, .version = 15, .ledger = "invplan"};
    add_field("url", "${env:TEST_DATABASE_URL}");
    add_field("dbname", world->database);
    memcpy(world->plan.digest, HEX, 65);
    admin_connect(world->database);
    admin_do("DROP SCHEMA IF EXISTS invplan CASCADE");
    admin_do("DROP SCHEMA IF EXISTS app CASCADE");
    admin_do("DROP SCHEMA public CASCADE");
    admin_do("CREATE SCHEMA public");
    admin_do("CREATE SCHEMA app");
    world->driver = open_driver();
    assert_ok(driver_postgres.init(world->driver, some_owner(), &error));
    assert_ok(take_lease(world->driver, "tester", 30000));
    return 0;
}

static inline int world_teardown(void **state)
{
    (void)state;
    close_driver(world->driver);
    close_driver(world->other);
    pg_close(world->admin);
    redact_forget_all();
    arena_free(&world->arena);
    free(world);
    world = NULL;
    return 0;
}

/* Creates and drops the database; false when there is no server. */
static inline bool world_prepare(bool create)
{
    struct world here = {
        .env = {.now_ms = world_now, .tick = world_tick, .stopping = world_stopping, .log = world_log}};

    if (!getenv("TEST_DATABASE_URL")) {
        printf("1..0 # SKIP TEST_DATABASE_URL is not set\n");
        return false;
    }
    world = &here;
    here.env.context = &here;
    admin_connect(NULL);
    snprintf(here.database, sizeof(here.database), "invplan_test_%ld", (long)getpid());
    admin_do(arena_printf(
        &here.arena, "%s DATABASE %s%s", create ? "CREATE" : "DROP", here.database, create ? "" : " WITH (FORCE)"));
    pg_close(here.admin);
    arena_free(&here.arena);
    world = NULL;
    return true;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* --- steps -----------------------------------------------------------------------------------------------------------
 */

static inline const struct json *json_text_of(const char *text)
{
    struct json_error json_error;
    struct json *json;

    if (!text)
        return NULL;
    json = json_read(&world->arena, str_from(text), JSON_STRICT, &json_error);
    if (!json)
        fail_msg("%s: %s", text, json_error.message);
    return json;
}

static inline struct plan_step *make_step(const char *id, enum instruction instruction, const char *forward)
{
    struct plan_step *step = ARENA_NEW(&world->arena, struct plan_step);

    step->id = id;
    step->migration = "m";
    step->target = "operational";
    step->source_digest = HEX;
    step->effect_digest = HEX;
    step->action = (struct plan_action){.instruction = instruction, .forward = json_text_of(forward)};
    step->inverse.action.none = true;
    step->timeouts = (struct plan_timeouts){.lock_ms = 2000, .statement_ms = 0, .wait_ms = 60000};
    step->line = str_from(arena_printf(&world->arena, "{\"step\":\"%s\",\"note\":\"it's a \\\"line\\\" — äöü\"}", id));
    return step;
}

static inline void add_effect(struct plan_step *step, const char *object)
{
    VEC_PUSH(&world->arena, &step->effect, (struct plan_effect){.object = object});
}

static inline void set_inverse(
    struct plan_step *step, enum instruction instruction, const char *forward, const char *probe, const char *guard)
{
    step->inverse = (struct plan_inverse){.grade = GRADE_EXACT,
        .why = guard ? "rows would be lost" : NULL,
        .guard = json_text_of(guard),
        .action = {.instruction = instruction, .forward = json_text_of(forward), .probe = json_text_of(probe)}};
}

static inline bool apply_with(struct driver *driver, const struct plan_step *const *steps, size_t count,
    int64_t attempt, struct driver_result *result)
{
    const struct driver_journal journal = {.run = world->run, .run_seq = world->run_seq, .plan_digest = HEX};
    int64_t attempts[1024];
    const struct driver_work work = {.steps = steps, .count = count, .attempts = attempts};

    for (size_t i = 0; i < count; i++)
        attempts[i] = attempt;
    world->run_seq += (int64_t)count + 1;
    return driver_postgres.apply(driver, &journal, &work, result, &error);
}

static inline bool apply_one(const struct plan_step *step, int64_t attempt, struct driver_result *result)
{
    return apply_with(world->driver, &step, 1, attempt, result);
}

static inline bool undo_one(const struct plan_step *step, int64_t attempt, struct driver_result *result)
{
    const struct driver_journal journal = {.run = world->run, .run_seq = world->run_seq, .plan_digest = HEX};

    world->run_seq += 2;
    return driver_postgres.undo(world->driver, &journal, step, attempt, result, &error);
}

/* Connects anew with a lease of its own, as a fresh process would. */
static inline void come_back(void)
{
    close_driver(world->driver);
    world->driver = open_driver();
    assert_ok(take_lease(world->driver, "tester", 30000));
}

/* "STARTED APPLIED": the events of a step in order. */
static inline const char *events_of(const char *step)
{
    return admin_ask(arena_printf(
        &world->arena, "SELECT string_agg(event, ' ' ORDER BY seq) FROM invplan.ledger WHERE step = '%s'", step));
}

static inline void terminate_driver(struct world *w)
{
    (void)w;
    admin_do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'invplan'"
             " AND datname = current_database()");
    /* Until it is gone. */
    while (strcmp(admin_ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'invplan'"
                            " AND datname = current_database()"),
               "0") != 0)
        world_sleep(NULL, 5);
}

#endif
