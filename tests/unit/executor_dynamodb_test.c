/* The DynamoDB driver against a real endpoint (TEST_AWS_ENDPOINT): ledger, lease, tables, items. */
#include "tests/unit/dynamodb_world.h"

static const char create_request[] =
    "{`action`:`CreateTable`,`request`:{`TableName`:`T_things`,`AttributeDefinitions`:[{`AttributeName`:`id`,"
    "`AttributeType`:`S`},{`AttributeName`:`n`,`AttributeType`:`N`},{`AttributeName`:`kind`,`AttributeType`:`S`}],"
    "`KeySchema`:[{`AttributeName`:`id`,`KeyType`:`HASH`},{`AttributeName`:`n`,`KeyType`:`RANGE`}],"
    "`BillingMode`:`PAY_PER_REQUEST`,`GlobalSecondaryIndexes`:[{`IndexName`:`KindIndex`,`KeySchema`:[{`AttributeName`:"
    "`kind`,`KeyType`:`HASH`}],`Projection`:{`ProjectionType`:`INCLUDE`,`NonKeyAttributes`:[`b`,`a`]}}],"
    "`StreamSpecification`:{`StreamEnabled`:true,`StreamViewType`:`NEW_IMAGE`}},"
    "`wait`:{`table`:`T_things`,`index`:null,`until`:`active`}}";
static const char create_probe[] =
    "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:false,`expect`:{`KeySchema`:[{`AttributeName`:`n`,"
    "`KeyType`:`RANGE`},{`AttributeName`:`id`,`KeyType`:`HASH`}],`BillingModeSummary`:{`BillingMode`:`PAY_PER_REQUEST`},"
    "`LocalSecondaryIndexes`:[],`GlobalSecondaryIndexes`:[{`IndexName`:`KindIndex`,`KeySchema`:[{`AttributeName`:`kind`,"
    "`KeyType`:`HASH`}],`Projection`:{`ProjectionType`:`INCLUDE`,`NonKeyAttributes`:[`a`,`b`]}}],"
    "`StreamSpecification`:{`StreamEnabled`:true,`StreamViewType`:`NEW_IMAGE`}}}";
static const char delete_request[] =
    "{`action`:`DeleteTable`,`request`:{`TableName`:`T_things`},`wait`:{`table`:`T_things`,`index`:null,`until`:`absent`}}";
static const char delete_probe[] = "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:true,`expect`:{}}";

static struct plan_step *create_step(struct world *world)
{
    struct plan_step *step =
        world_step(world, "m1/create_table:things/create", INSTRUCTION_DDB_CALL, create_request, create_probe);

    world_inverse(world, step, INSTRUCTION_DDB_CALL, delete_request, delete_probe);
    step->inverse.guard = world_form(world, "{`table`:`T_things`,`empty`:true}");
    world_effect(world, step, arena_printf(&world->arena, "dynamodb_table %sthings", world->prefix));
    return step;
}

/* Another one's request for the same name: indexes and stream may be left out. */
static void create_beside(struct world *world, bool same_shape)
{
    struct strbuf text = STRBUF_INIT;

    if (same_shape) {
        json_write(&text, json_get(world_form(world, create_request), "request"));
        world_request(world, "CreateTable", text.data);
    } else {
        world_request(world, "CreateTable",
            "{`TableName`:`T_things`,`AttributeDefinitions`:[{`AttributeName`:`id`,`AttributeType`:`S`}],"
            "`KeySchema`:[{`AttributeName`:`id`,`KeyType`:`HASH`}],`BillingMode`:`PROVISIONED`,"
            "`ProvisionedThroughput`:{`ReadCapacityUnits`:1,`WriteCapacityUnits`:1}}");
    }
    strbuf_free(&text);
}

/* --- init and owner ------------------------------------------------------------------------------------------------------------- */

static void a_target_has_no_owner_before_init_and_one_after(void **state)
{
    struct world *world = world_create();
    struct target_owner owner = {.project = "inventory", .environment = "staging"}, read;
    struct error error;
    bool initialised;

    (void)state;
    world_open(world);
    assert_true(driver_dynamodb.owner(world->driver, &initialised, &read, &error));
    assert_false(initialised);
    assert_true(driver_dynamodb.identify(world->driver, &owner.identity, &error));
    assert_non_null(strstr(owner.identity.text, "region us-east-1"));
    assert_true(driver_dynamodb.init(world->driver, &owner, &error));
    assert_true(driver_dynamodb.init(world->driver, &owner, &error));
    assert_true(driver_dynamodb.owner(world->driver, &initialised, &read, &error));
    assert_true(initialised);
    assert_string_equal(read.project, "inventory");
    assert_string_equal(read.environment, "staging");
    assert_string_equal(read.identity.text, owner.identity.text);
    world_destroy(world);
}

static void init_child(struct world *world, void *unused)
{
    struct target_owner owner = {.project = "test", .environment = "local"};
    struct error error;

    (void)unused;
    if (!driver_dynamodb.init(world->driver, &owner, &error))
        _exit(1);
}

static void init_that_was_killed_is_repeated(void **state)
{
    static const struct {
        const char *point;
        int after;
    } kills[] = {{"ddb.init.table_created", 0}, {"ddb.init.table_created", 1}, {"ddb.init.before_owner", 0}};
    struct target_owner owner = {.project = "test", .environment = "local"};

    (void)state;
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct world *world = world_create();
        struct error error;
        pid_t child = fork();
        bool initialised;
        int status;

        if (child == 0) {
            world->kill_at = kills[i].point;
            world->kill_after = kills[i].after;
            world_open(world);
            init_child(world, NULL);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        world_open(world);
        assert_true(driver_dynamodb.owner(world->driver, &initialised, &owner, &error));
        assert_false(initialised);
        init_child(world, NULL);
        assert_true(driver_dynamodb.owner(world->driver, &initialised, &owner, &error));
        assert_true(initialised);
        world_destroy(world);
    }
}

static void init_keeps_the_registry_of_another_tool(void **state)
{
    struct world *world = world_create();
    struct target_owner owner = {.project = "test", .environment = "local"};
    struct error error;

    (void)state;
    world_request(world, "CreateTable",
        "{`TableName`:`T_migrations`,`AttributeDefinitions`:[{`AttributeName`:`id`,`AttributeType`:`S`}],"
        "`KeySchema`:[{`AttributeName`:`id`,`KeyType`:`HASH`}],`BillingMode`:`PAY_PER_REQUEST`}");
    world_request(world, "PutItem", "{`TableName`:`T_migrations`,`Item`:{`id`:{`S`:`old`},`appliedAt`:{`S`:`2024`}}}");
    world_open(world);
    assert_true(driver_dynamodb.init(world->driver, &owner, &error));
    assert_non_null(json_get(world_request(world, "GetItem", "{`TableName`:`T_migrations`,`Key`:{`id`:{`S`:`old`}}}"),
        "Item"));
    world_destroy(world);
}

static void init_refuses_a_table_of_that_name_with_another_key(void **state)
{
    struct world *world = world_create();
    struct target_owner owner = {.project = "test", .environment = "local"};
    struct error error;

    (void)state;
    world_request(world, "CreateTable",
        "{`TableName`:`T_migrations`,`AttributeDefinitions`:[{`AttributeName`:`name`,`AttributeType`:`S`}],"
        "`KeySchema`:[{`AttributeName`:`name`,`KeyType`:`HASH`}],`BillingMode`:`PAY_PER_REQUEST`}");
    world_open(world);
    assert_false(driver_dynamodb.init(world->driver, &owner, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "exists with another key than the ledger needs (id S)"));
    world_destroy(world);
}

/* --- bad input ------------------------------------------------------------------------------------------------------------------ */

static void wrong_keys_and_dead_endpoints_have_exit_statuses_of_their_own(void **state)
{
    struct world *world = world_create();
    struct target_owner owner;
    struct error error;
    bool initialised;

    (void)state;
    world->secret_key = "not-the-secret-key-at-all";
    world_open(world);
    assert_false(driver_dynamodb.owner(world->driver, &initialised, &owner, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_string_equal(error.aws_code, "InvalidSignatureException");
    assert_null(strstr(error.message, "not-the-secret-key"));
    assert_true(strlen(error.help) > 0);
    world_destroy(world);

    world = world_create();
    world->plan.targets.items[0].connection.items[0].value = "http://127.0.0.1:1";
    world_open(world);
    assert_false(driver_dynamodb.owner(world->driver, &initialised, &owner, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_true(error.retryable);
    assert_false(error.outcome_unknown);
    assert_non_null(strstr(error.message, "'http://127.0.0.1:1/'"));
    assert_non_null(strstr(error.help, "the plan"));
    world_destroy(world);
}

/* --- tables --------------------------------------------------------------------------------------------------------------------- */

static void a_table_is_created_journalled_and_observed(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result = world_apply(world, step);
    struct ledger *ledger = world_ledger(world);
    const struct json *observed;
    struct json_error problem;

    (void)state;
    assert_false(result.adopted);
    assert_int_equal(result.rows_written, 2);
    assert_rows(world, "STARTED APPLIED");
    assert_int_equal(ledger->rows.items[1].run_seq, ledger->rows.items[0].run_seq + 1);
    assert_int_equal(ledger->rows.items[1].token, 1);
    assert_string_equal(ledger->rows.items[1].step_line.data, step->line.data);
    assert_string_equal(ledger->rows.items[1].plan_digest, world->plan.digest);
    observed = json_read(&world->arena, ledger->rows.items[1].observed, JSON_STRICT, &problem);
    assert_non_null(observed);
    assert_true(json_equal(observed->child,
        world_json(world, "{`key`:[`id HASH`,`n RANGE`],`attributes`:{`id`:`S`,`kind`:`S`,`n`:`N`},`billing`:"
                          "`PAY_PER_REQUEST`,`indexes`:{`KindIndex`:{`kind`:`global`,`key`:[`kind HASH`],`projection`:"
                          "`INCLUDE`,`projected`:[`a`,`b`]}},`stream`:`NEW_IMAGE`,`class`:`STANDARD`,`encryption`:null,"
                          "`encryption_key`:null,`deletion_protection`:false,`ttl`:null,`pitr`:false,`tags`:{}}")));
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, true).state, PROBE_NOT_DONE);
    world_destroy(world);
}

static void a_table_in_place_with_the_same_shape_is_adopted(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;

    (void)state;
    create_beside(world, true);
    assert_int_equal(world_final(world, step, false), PROBE_OTHER); /* not of our making */
    result = world_apply(world, step);
    assert_true(result.adopted);
    assert_rows(world, "ADOPTED");
    world_destroy(world);
}

static void a_table_in_place_with_another_shape_is_drift_and_names_each_difference(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    create_beside(world, false);
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "KeySchema[n] is absent"));
    assert_non_null(strstr(error.message, "BillingModeSummary.BillingMode is \"PROVISIONED\", wanted \"PAY_PER_REQUEST\""));
    assert_non_null(strstr(error.message, "GlobalSecondaryIndexes[KindIndex] is absent"));
    assert_non_null(strstr(error.message, "StreamSpecification is absent"));
    assert_rows(world, "");
    world_destroy(world);
}

static void a_creation_killed_at_any_point_is_resumed_once(void **state)
{
    static const struct {
        const char *point;
        int after;
        const char *rows;
    } kills[] = {
        {"ddb.journal.before_write", 0, "STARTED APPLIED"},
        {"ddb.journal.after_write", 0, "STARTED STARTED APPLIED"},
        {"ddb.call.before_request", 0, "STARTED STARTED APPLIED"},
        {"ddb.call.after_request", 0, "STARTED APPLIED"},
        {"ddb.apply.effect_done", 0, "STARTED APPLIED"},
        {"ddb.journal.before_write", 1, "STARTED APPLIED"},
        {"ddb.journal.after_write", 1, "STARTED APPLIED"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct world *world = world_ready();
        struct plan_step *step = create_step(world);

        if (!world_killed(world, kills[i].point, kills[i].after, world_apply_child, step))
            fail_msg("not killed at %s", kills[i].point);
        world_reopen(world);
        world_resume(world, step);
        assert_rows(world, kills[i].rows);
        assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
        world_destroy(world);
    }
}

static void a_started_creation_that_somebody_else_made_is_not_taken_for_ours(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    assert_true(world_killed(world, "ddb.call.before_request", 0, world_apply_child, step));
    world_reopen(world);
    create_beside(world, true);
    assert_int_equal(world_final(world, step, false), PROBE_OTHER);
    (void)world_ledger(world);
    assert_false(world_try_apply(world, step, 2, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    world_destroy(world);
}

static void an_undo_deletes_the_table_it_made(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    char detail[256];
    struct error error;
    bool holds;

    (void)state;
    world_apply(world, step);
    assert_true(driver_dynamodb.guard(world->driver, step, &holds, detail, sizeof(detail), &error));
    assert_true(holds);
    world_request(world, "PutItem", "{`TableName`:`T_things`,`Item`:{`id`:{`S`:`a`},`n`:{`N`:`1`}}}");
    assert_true(driver_dynamodb.guard(world->driver, step, &holds, detail, sizeof(detail), &error));
    assert_false(holds);
    assert_non_null(strstr(detail, "holds items"));
    world_undo(world, step);
    assert_false(world_table_exists(world, "things"));
    assert_rows(world, "STARTED APPLIED UNDO_STARTED UNDONE");
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    world_apply(world, step);
    assert_true(world_table_exists(world, "things"));
    world_destroy(world);
}

static void an_undo_killed_at_any_point_is_finished(void **state)
{
    static const char *const points[] = {"ddb.undo.started", "ddb.call.after_request", "ddb.undo.effect_done"};

    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct world *world = world_ready();
        struct plan_step *step = create_step(world);

        world_apply(world, step);
        assert_true(world_killed(world, points[i], 0, world_undo_child, step));
        world_reopen(world);
        (void)world_ledger(world);
        world_undo(world, step);
        assert_false(world_table_exists(world, "things"));
        world_destroy(world);
    }
}

static void an_undo_does_not_delete_a_table_that_somebody_made_anew(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    world_apply(world, step);
    world_request(world, "DeleteTable", "{`TableName`:`T_things`}");
    create_beside(world, true);
    assert_false(world_try_undo(world, step, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_true(world_table_exists(world, "things"));
    world_destroy(world);
}

static void a_table_that_is_not_ready_is_waited_for_and_a_stop_is_resumable(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    /* The stand-in answers CREATING to the first description after the creation. */
    world->points = 0;
    world->stop_after_points = 5; /* behind ddb.call.after_request */
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_true(error.outcome_unknown);
    world->stop_after_points = -1;
    world_reopen(world);
    world_resume(world, step);
    assert_rows(world, "STARTED APPLIED");
    world_destroy(world);
}

/* --- indexes and settings -------------------------------------------------------------------------------------------------------- */

static struct plan_step *index_step(struct world *world)
{
    struct plan_step *step = world_step(world, "m2/add_index:NIndex/create", INSTRUCTION_DDB_CALL,
        "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`AttributeDefinitions`:[{`AttributeName`:`id`,"
        "`AttributeType`:`S`},{`AttributeName`:`n`,`AttributeType`:`N`},{`AttributeName`:`kind`,`AttributeType`:`S`}],"
        "`GlobalSecondaryIndexUpdates`:[{`Create`:{`IndexName`:`NIndex`,`KeySchema`:[{`AttributeName`:`n`,`KeyType`:`HASH`}],"
        "`Projection`:{`ProjectionType`:`ALL`}}}]},`wait`:{`table`:`T_things`,`index`:`NIndex`,`until`:`index_active`}}",
        "{`describe`:`table`,`table`:`T_things`,`index`:`NIndex`,`absent`:false,`expect`:{`IndexName`:`NIndex`,`KeySchema`:"
        "[{`AttributeName`:`n`,`KeyType`:`HASH`}],`Projection`:{`ProjectionType`:`ALL`}}}");

    world_inverse(world, step, INSTRUCTION_DDB_CALL,
        "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`GlobalSecondaryIndexUpdates`:[{`Delete`:{`IndexName`:"
        "`NIndex`}}]},`wait`:{`table`:`T_things`,`index`:`NIndex`,`until`:`index_absent`}}",
        "{`describe`:`table`,`table`:`T_things`,`index`:`NIndex`,`absent`:true,`expect`:{}}");
    world_effect(world, step, arena_printf(&world->arena, "dynamodb_table %sthings", world->prefix));
    return step;
}

static void an_index_is_added_resumed_and_dropped(void **state)
{
    struct world *world = world_ready();
    struct plan_step *table = create_step(world), *step = index_step(world);

    (void)state;
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE); /* no table yet */
    world_apply(world, table);
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    assert_true(world_killed(world, "ddb.call.after_request", 0, world_apply_child, step));
    world_reopen(world);
    assert_int_equal(world_probe(world, step, false).state, PROBE_RUNNING);
    world_resume(world, step);
    assert_rows(world, "STARTED APPLIED STARTED APPLIED");
    assert_non_null(strstr(world_ledger(world)->rows.items[3].observed.data, "\"NIndex\":{\"kind\":\"global\""));
    world_undo(world, step);
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    world_destroy(world);
}

static void an_index_in_place_with_another_shape_is_drift(void **state)
{
    struct world *world = world_ready();
    struct plan_step *table = create_step(world), *step = index_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    world_apply(world, table);
    world_request(world, "UpdateTable",
        "{`TableName`:`T_things`,`AttributeDefinitions`:[{`AttributeName`:`id`,`AttributeType`:`S`},{`AttributeName`:`n`,"
        "`AttributeType`:`N`},{`AttributeName`:`kind`,`AttributeType`:`S`}],`GlobalSecondaryIndexUpdates`:[{`Create`:"
        "{`IndexName`:`NIndex`,`KeySchema`:[{`AttributeName`:`kind`,`KeyType`:`HASH`}],`Projection`:{`ProjectionType`:"
        "`KEYS_ONLY`}}}]}");
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "index 'NIndex'"));
    assert_non_null(strstr(error.message, "Projection.ProjectionType is \"KEYS_ONLY\", wanted \"ALL\""));
    world_destroy(world);
}

static void settings_are_changed_and_changed_back(void **state)
{
    struct world *world = world_ready();
    struct plan_step *table = create_step(world);
    struct {
        const char *id, *forward, *probe, *inverse, *inverse_probe, *observed, *before;
    } settings[] = {
        {"m3/ttl", "{`action`:`UpdateTimeToLive`,`request`:{`TableName`:`T_things`,`TimeToLiveSpecification`:{`Enabled`:true,"
                   "`AttributeName`:`expires`}},`wait`:{`table`:`T_things`,`index`:null,`until`:`ttl_enabled`}}",
            "{`describe`:`ttl`,`table`:`T_things`,`expect`:{`TimeToLiveStatus`:`ENABLED`,`AttributeName`:`expires`}}",
            "{`action`:`UpdateTimeToLive`,`request`:{`TableName`:`T_things`,`TimeToLiveSpecification`:{`Enabled`:false,"
            "`AttributeName`:`expires`}},`wait`:{`table`:`T_things`,`index`:null,`until`:`ttl_disabled`}}",
            "{`describe`:`ttl`,`table`:`T_things`,`expect`:{`TimeToLiveStatus`:`DISABLED`}}", "\"ttl\":\"expires\"",
            "\"ttl\":null"},
        {"m3/pitr", "{`action`:`UpdateContinuousBackups`,`request`:{`TableName`:`T_things`,`PointInTimeRecoverySpecification`:"
                    "{`PointInTimeRecoveryEnabled`:true}},`wait`:null}",
            "{`describe`:`pitr`,`table`:`T_things`,`expect`:{`PointInTimeRecoveryStatus`:`ENABLED`}}",
            "{`action`:`UpdateContinuousBackups`,`request`:{`TableName`:`T_things`,`PointInTimeRecoverySpecification`:"
            "{`PointInTimeRecoveryEnabled`:false}},`wait`:null}",
            "{`describe`:`pitr`,`table`:`T_things`,`expect`:{`PointInTimeRecoveryStatus`:`DISABLED`}}", "\"pitr\":true",
            "\"pitr\":false"},
        {"m3/protect", "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`DeletionProtectionEnabled`:true},`wait`:"
                       "{`table`:`T_things`,`index`:null,`until`:`active`}}",
            "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:false,`expect`:{`DeletionProtectionEnabled`:true}}",
            "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`DeletionProtectionEnabled`:false},`wait`:"
            "{`table`:`T_things`,`index`:null,`until`:`active`}}",
            "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:false,`expect`:{`DeletionProtectionEnabled`:false}}",
            "\"deletion_protection\":true", "\"deletion_protection\":false"},
        {"m3/billing", "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`BillingMode`:`PROVISIONED`,"
                       "`ProvisionedThroughput`:{`ReadCapacityUnits`:5,`WriteCapacityUnits`:6},`GlobalSecondaryIndexUpdates`:"
                       "[{`Update`:{`IndexName`:`KindIndex`,`ProvisionedThroughput`:{`ReadCapacityUnits`:5,"
                       "`WriteCapacityUnits`:6}}}]},`wait`:{`table`:`T_things`,`index`:null,`until`:`active`}}",
            "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:false,`expect`:{`ProvisionedThroughput`:"
            "{`ReadCapacityUnits`:5,`WriteCapacityUnits`:6}}}",
            "{`action`:`UpdateTable`,`request`:{`TableName`:`T_things`,`BillingMode`:`PAY_PER_REQUEST`},`wait`:"
            "{`table`:`T_things`,`index`:null,`until`:`active`}}",
            "{`describe`:`table`,`table`:`T_things`,`index`:null,`absent`:false,`expect`:{`BillingModeSummary`:"
            "{`BillingMode`:`PAY_PER_REQUEST`}}}",
            "\"billing\":\"PROVISIONED\",\"read_units\":5,\"write_units\":6", "\"billing\":\"PAY_PER_REQUEST\""},
    };

    (void)state;
    world_apply(world, table);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct plan_step *step =
            world_step(world, settings[i].id, INSTRUCTION_DDB_CALL, settings[i].forward, settings[i].probe);
        struct driver_result result;
        struct ledger *ledger;

        world_inverse(world, step, INSTRUCTION_DDB_CALL, settings[i].inverse, settings[i].inverse_probe);
        world_effect(world, step, arena_printf(&world->arena, "dynamodb_table %sthings", world->prefix));
        assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
        world_apply(world, step);
        assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
        ledger = world_ledger(world);
        assert_non_null(strstr(ledger->rows.items[ledger->rows.count - 1].observed.data, settings[i].observed));
        world_undo(world, step);
        ledger = world_ledger(world);
        assert_non_null(strstr(ledger->rows.items[ledger->rows.count - 1].observed.data, settings[i].before));
        world_apply(world, step);
        step->id = arena_printf(&world->arena, "%s-again", step->id);
        result = world_apply(world, step); /* what is as wanted before the step starts is adopted */
        assert_true(result.adopted);
        step->id = settings[i].id;
        world_undo(world, step);
    }
    world_destroy(world);
}

/* --- items ---------------------------------------------------------------------------------------------------------------------- */

static const char three_items[] =
    "{`table`:`T_things`,`key`:[`id`,`n`],`items`:[{`id`:{`S`:`a`},`n`:{`N`:`1`},`tags`:{`SS`:[`x`,`y`]}},"
    "{`id`:{`S`:`b`},`n`:{`N`:`2.50`},`big`:{`N`:`12345678901234567890123456789012345678`}},"
    "{`id`:{`S`:`c`},`n`:{`N`:`3`},`raw`:{`B`:`AAEC`},`m`:{`M`:{`l`:{`L`:[{`NULL`:true},{`BOOL`:false}]}}}}]}";

static struct plan_step *items_step(struct world *world)
{
    struct plan_step *step =
        world_step(world, "m4/put_items:things/put", INSTRUCTION_DDB_PUT_ITEMS, three_items, NULL);

    world_inverse(world, step, INSTRUCTION_DDB_PUT_ITEMS, "{`remove`:`m4/put_items:things/put`}", NULL);
    return step;
}

static size_t count_items(struct world *world, const char *table)
{
    const struct json *answer =
        world_request(world, "Scan", arena_printf(&world->arena, "{`TableName`:`T_%s`,`ConsistentRead`:true}", table));

    return json_get(answer, "Items")->count;
}

static void seed_items_are_written_where_none_is_and_removed_as_written(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = items_step(world);
    struct driver_result result;

    (void)state;
    world_apply(world, create_step(world));
    world_request(world, "PutItem", "{`TableName`:`T_things`,`Item`:{`id`:{`S`:`a`},`n`:{`N`:`1`},`mine`:{`S`:`!`}}}");
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    result = world_apply(world, step);
    assert_int_equal(result.affected, 2);
    assert_non_null(strstr(world->last_log, "1 items were there already with another content"));
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, true).state, PROBE_NOT_DONE);
    world_request(world, "UpdateItem",
        "{`TableName`:`T_things`,`Key`:{`id`:{`S`:`b`},`n`:{`N`:`2.5`}},`UpdateExpression`:`SET big = :x`,"
        "`ExpressionAttributeValues`:{`:x`:{`N`:`1`}}}");
    result = world_undo(world, step);
    assert_int_equal(result.affected, 1);
    assert_int_equal(count_items(world, "things"), 2); /* theirs, and the one that was changed */
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    world_destroy(world);
}

static void seed_items_killed_at_any_point_are_finished(void **state)
{
    static const char *const points[] = {"ddb.apply.started", "ddb.apply.effect_done"};

    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct world *world = world_ready();
        struct plan_step *step = items_step(world);

        world_apply(world, create_step(world));
        assert_true(world_killed(world, points[i], 0, world_apply_child, step));
        if (i == 0) /* half of them are there */
            world_request(world, "PutItem", "{`TableName`:`T_things`,`Item`:{`id`:{`S`:`a`},`n`:{`N`:`1`},`tags`:{`SS`:[`y`,"
                                            "`x`]}}}");
        world_reopen(world);
        world_resume(world, step);
        assert_int_equal(count_items(world, "things"), 3);
        world_undo(world, step);
        assert_int_equal(count_items(world, "things"), 0);
        world_destroy(world);
    }
}

static void seed_items_that_were_written_half_way_are_taken_away(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = items_step(world);

    (void)state;
    world_apply(world, create_step(world));
    assert_true(world_killed(world, "ddb.apply.started", 0, world_apply_child, step));
    world_request(world, "PutItem",
        "{`TableName`:`T_things`,`Item`:{`id`:{`S`:`a`},`n`:{`N`:`1`},`tags`:{`SS`:[`y`,`x`]}}}");
    world_request(world, "PutItem", "{`TableName`:`T_things`,`Item`:{`id`:{`S`:`b`},`n`:{`N`:`2.5`},`mine`:{`S`:`!`}}}");
    world_reopen(world);
    (void)world_ledger(world);
    assert_int_equal(world_undo(world, step).affected, 1);
    assert_int_equal(count_items(world, "things"), 1); /* theirs */
    assert_int_equal(world_apply(world, step).affected, 2);
    world_destroy(world);
}

static void a_table_with_the_plans_own_seeds_may_go(void **state)
{
    struct world *world = world_ready();
    struct plan_step *table = create_step(world), *step = items_step(world);
    char detail[256];
    struct error error;
    bool holds;

    (void)state;
    VEC_PUSH(&world->arena, &world->plan.steps, *step);
    world_apply(world, table);
    world_apply(world, step);
    assert_true(driver_dynamodb.guard(world->driver, table, &holds, detail, sizeof(detail), &error));
    assert_true(holds);
    world_request(world, "UpdateItem",
        "{`TableName`:`T_things`,`Key`:{`id`:{`S`:`c`},`n`:{`N`:`3`}},`UpdateExpression`:`SET extra = :x`,"
        "`ExpressionAttributeValues`:{`:x`:{`N`:`1`}}}");
    assert_true(driver_dynamodb.guard(world->driver, table, &holds, detail, sizeof(detail), &error));
    assert_false(holds);
    world_destroy(world);
}

static void many_items_are_written_and_found(void **state)
{
    struct world *world = world_ready();
    struct strbuf text = STRBUF_INIT;
    struct plan_step *step;

    (void)state;
    strbuf_append_text(&text, "{`table`:`T_things`,`key`:[`id`,`n`],`items`:[");
    for (int i = 0; i < 250; i++)
        strbuf_printf(&text, "%s{`id`:{`S`:`i%d`},`n`:{`N`:`%d`}}", i ? "," : "", i, i);
    strbuf_append_text(&text, "]}");
    step = world_step(world, "m4/many", INSTRUCTION_DDB_PUT_ITEMS, text.data, NULL);
    world_inverse(world, step, INSTRUCTION_DDB_PUT_ITEMS, "{`remove`:`m4/many`}", NULL);
    world_apply(world, create_step(world));
    assert_int_equal(world_apply(world, step).affected, 250);
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_undo(world, step).affected, 250);
    strbuf_free(&text);
    world_destroy(world);
}

/* --- lease ---------------------------------------------------------------------------------------------------------------------- */

static bool try_lease(struct world *world, const char *run, const char *holder, struct lease_state *out, struct error *error)
{
    const struct lease_request request = {.run = run, .holder = holder, .duration_ms = WORLD_LEASE_MS};

    return driver_dynamodb.lease_take(world->driver, &request, out, error);
}

/* A second driver on the same tables. */
static struct world *rival_of(struct world *world)
{
    struct world *rival = world_create();

    memcpy(rival->prefix, world->prefix, sizeof(rival->prefix));
    world_init_plan(rival);
    world_open(rival);
    return rival;
}

static void other_renews(struct world *world)
{
    struct error error;

    assert_true(driver_dynamodb.lease_renew(world->other->driver, &error));
}

static void a_lease_is_refused_while_its_holder_gives_signs_of_life(void **state)
{
    struct world *world = world_ready(), *rival = rival_of(world);
    struct lease_state lease;
    struct error error;

    (void)state;
    assert_true(driver_dynamodb.lease_look(rival->driver, &lease, &error));
    assert_true(lease.held);
    assert_string_equal(lease.holder, "holder");
    assert_int_equal(lease.token, 1);
    rival->other = world;
    rival->at_sleep = other_renews;
    assert_false(try_lease(rival, "22222222-2222-4222-8222-222222222222", "rival", &lease, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_non_null(strstr(error.message, "'holder' holds the lease"));
    assert_string_equal(lease.holder, "holder");
    assert_true(driver_dynamodb.lease_renew(world->driver, &error));
    world_destroy(rival);
    world_destroy(world);
}

static void a_silent_holder_is_taken_over_and_writes_nothing_more(void **state)
{
    struct world *world = world_ready(), *rival = rival_of(world);
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct lease_state lease;
    struct error error;
    int64_t since_ms = world_now(NULL);

    (void)state;
    (void)world_ledger(world);
    assert_true(try_lease(rival, "22222222-2222-4222-8222-222222222222", "rival", &lease, &error));
    assert_true(world_now(NULL) - since_ms >= WORLD_LEASE_MS); /* watched for the whole period */
    assert_int_equal(lease.token, 2);
    assert_false(world_try_apply(world, step, 1, &result, &error)); /* woken after its lease was taken */
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_false(world_table_exists(world, "things"));
    assert_false(driver_dynamodb.lease_renew(world->driver, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    world_apply(rival, create_step(rival));
    assert_rows(rival, "STARTED APPLIED");
    assert_int_equal(world_ledger(rival)->rows.items[0].token, 2);
    world_destroy(rival);
    world_destroy(world);
}

static void take_over_at_effect_done(struct world *world, const char *name)
{
    struct lease_state lease;
    struct error error;

    if (strcmp(name, "ddb.apply.effect_done") == 0)
        assert_true(try_lease(world->other, "22222222-2222-4222-8222-222222222222", "rival", &lease, &error));
}

static void a_row_is_not_written_under_a_lease_that_was_lost(void **state)
{
    struct world *world = world_ready(), *rival = rival_of(world);
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    world->other = rival;
    world->at_point = take_over_at_effect_done;
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_rows(rival, "STARTED");
    world_resume(rival, step); /* the new holder finds the effect by the probe */
    assert_rows(rival, "STARTED APPLIED");
    world_destroy(rival);
    world_destroy(world);
}

static void a_released_or_broken_lease_is_free_and_tokens_never_go_back(void **state)
{
    struct world *world = world_ready(), *rival = rival_of(world);
    struct lease_state lease;
    struct error error;
    int64_t since_ms = world_now(NULL);

    (void)state;
    assert_true(driver_dynamodb.lease_release(world->driver, &error));
    assert_true(driver_dynamodb.lease_look(world->driver, &lease, &error));
    assert_false(lease.held);
    assert_true(try_lease(rival, "22222222-2222-4222-8222-222222222222", "rival", &lease, &error));
    assert_int_equal(lease.token, 2);
    assert_true(world_now(NULL) - since_ms < WORLD_LEASE_MS);
    assert_true(driver_dynamodb.lease_break(world->driver, &error));
    assert_true(driver_dynamodb.lease_break(world->driver, &error)); /* nothing to break */
    assert_false(driver_dynamodb.lease_renew(rival->driver, &error));
    assert_true(try_lease(world, "33333333-3333-4333-8333-333333333333", "third", &lease, &error));
    assert_int_equal(lease.token, 4);
    /* The same run and holder, connected anew, need not wait. */
    since_ms = world_now(NULL);
    assert_true(try_lease(rival, "33333333-3333-4333-8333-333333333333", "third", &lease, &error));
    assert_true(world_now(NULL) - since_ms < WORLD_LEASE_MS);
    assert_int_equal(lease.token, 5);
    world_destroy(rival);
    world_destroy(world);
}

static void of_two_that_come_at_once_one_gets_the_lease(void **state)
{
    struct world *world = world_create(), *rival;
    struct target_owner owner = {.project = "test", .environment = "local"};
    struct lease_state lease;
    struct error error;
    int got = 0;
    pid_t children[2];

    (void)state;
    world_open(world);
    assert_true(driver_dynamodb.init(world->driver, &owner, &error));
    world_close(world);
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            rival = rival_of(world);
            _exit(try_lease(rival, i ? "22222222-2222-4222-8222-222222222222" : "33333333-3333-4333-8333-333333333333",
                      i ? "a" : "b", &lease, &error) ? 0 : error.exit_status);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        /* Who came second sees no sign of life from the first, which has ended, and may take over. */
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXIT_STATUS_LEASE);
        got += WEXITSTATUS(status) == 0;
    }
    assert_true(got >= 1);
    world_open(world);
    assert_true(driver_dynamodb.lease_look(world->driver, &lease, &error));
    assert_int_equal(lease.token, got);
    world_destroy(world);
}

/* --- ledger --------------------------------------------------------------------------------------------------------------------- */

static void a_step_line_larger_than_an_item_is_kept_in_pieces(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = world_step(world, "m5/large", INSTRUCTION_BARRIER, "{}", NULL);
    struct strbuf line = STRBUF_INIT;
    struct ledger *ledger;

    (void)state;
    while (line.len < 900000) /* two, three and four bytes: no piece may end inside one */
        strbuf_append_text(&line, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x");
    step->line = strbuf_view(&line);
    world_apply(world, step);
    world_reopen(world);
    ledger = world_ledger(world);
    assert_int_equal(ledger->rows.count, 2);
    assert_true(str_equal(ledger->rows.items[0].step_line, step->line));
    assert_true(str_equal(ledger->rows.items[1].step_line, step->line));
    strbuf_free(&line);
    world_destroy(world);
}

static void rows_go_on_over_pages_and_processes(void **state)
{
    struct world *world = world_ready();
    struct strbuf line = STRBUF_INIT;
    struct ledger *ledger;

    (void)state;
    while (line.len < 90000)
        strbuf_append_char(&line, 'x');
    for (int i = 0; i < 15; i++) { /* 30 rows of 90 KB: three pages */
        struct plan_step *step =
            world_step(world, arena_printf(&world->arena, "m6/%d", i), INSTRUCTION_BARRIER, "{}", NULL);

        step->line = strbuf_view(&line);
        if (i % 5 == 0)
            world_reopen(world);
        world_apply(world, step);
    }
    ledger = world_ledger(world);
    assert_int_equal(ledger->rows.count, 30);
    assert_int_equal(ledger->rows.items[29].seq, 30);
    assert_string_equal(ledger->head_hash, ledger->rows.items[29].hash);
    strbuf_free(&line);
    world_destroy(world);
}

static void a_row_that_was_taken_away_or_changed_is_noticed(void **state)
{
    struct world *world = world_ready();
    struct ledger ledger;
    struct error error;

    (void)state;
    world_apply(world, world_step(world, "m7/a", INSTRUCTION_BARRIER, "{}", NULL));
    world_request(world, "UpdateItem",
        "{`TableName`:`T_migrations_journal`,`Key`:{`pk`:{`S`:`ledger`},`sk`:{`N`:`1`}},`UpdateExpression`:`SET step = :s`,"
        "`ExpressionAttributeValues`:{`:s`:{`S`:`m7/b`}}}");
    assert_true(driver_dynamodb.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_false(ledger_verify(&ledger, &error));
    world_request(world, "DeleteItem",
        "{`TableName`:`T_migrations_journal`,`Key`:{`pk`:{`S`:`ledger`},`sk`:{`N`:`2`}}}");
    assert_false(driver_dynamodb.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(error.message, "its head is row 2, it holds 1"));
    world_request(world, "UpdateItem",
        "{`TableName`:`T_migrations_journal`,`Key`:{`pk`:{`S`:`ledger`},`sk`:{`N`:`1`}},`UpdateExpression`:`SET #e = :e`,"
        "`ExpressionAttributeNames`:{`#e`:`event`},`ExpressionAttributeValues`:{`:e`:{`S`:`NOTHING`}}}");
    assert_false(driver_dynamodb.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_non_null(strstr(error.message, "row 1 of the ledger"));
    world_destroy(world);
}

static void script(const char *text)
{
    struct arena arena = ARENA_INIT;
    struct http *http = http_create(&arena, NULL);
    const char *headers[] = {"Content-Type: application/json", NULL};
    struct http_exchange exchange = {.method = "POST",
        .url = arena_printf(&arena, "%s/_script", getenv("TEST_AWS_ENDPOINT")),
        .headers = headers,
        .body = str_from(text),
        .timeout_ms = 5000};

    assert_true(http_start(http, &exchange));
    while (!exchange.done)
        http_poll(http, 1000);
    assert_int_equal(exchange.status, 200);
    http_finish(http, &exchange);
    http_destroy(http);
    arena_free(&arena);
}

static void faults_of_the_service_are_tried_again(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = create_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    script("{\"fail\":[{\"action\":\"TransactWriteItems\",\"after\":0,\"times\":2},{\"action\":\"CreateTable\",\"after\":0,"
           "\"times\":1},{\"action\":\"DescribeTable\",\"after\":1,\"times\":2,\"status\":400,\"type\":"
           "\"LimitExceededException\"},{\"action\":\"ListTagsOfResource\",\"after\":0,\"times\":1,\"status\":400,\"type\":"
           "\"ThrottlingException\"}]}");
    assert_false(world_try_apply(world, step, 1, &result, &error)); /* a limit on a read is an error like any other */
    assert_string_equal(error.aws_code, "LimitExceededException");
    script("{}");
    world_reopen(world);
    world_resume(world, step);
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    /* More than the client's own attempts: the limit on simultaneous changes is waited for. */
    script("{\"fail\":[{\"action\":\"UpdateTable\",\"after\":0,\"times\":6,\"status\":400,\"type\":"
           "\"LimitExceededException\"}]}");
    world_apply(world, index_step(world));
    /* A 5xx that does not end: the error says what is not known. */
    script("{\"fail\":[{\"action\":\"UpdateTable\",\"after\":0,\"times\":100}]}");
    assert_false(world_try_undo(world, index_step(world), &result, &error));
    assert_true(error.retryable);
    assert_true(error.outcome_unknown);
    script("{}");
    world_undo(world, index_step(world));
    assert_int_equal(world_probe(world, index_step(world), true).state, PROBE_DONE);
    world_destroy(world);
}

/* --- projection and the rest ------------------------------------------------------------------------------------------------------ */

static void applied_migrations_are_projected_and_other_tools_rows_stay(void **state)
{
    const struct projected_migration both[] = {{.id = "1-A", .description = "first", .applied_at = "2026-01-01T00:00:00Z"},
        {.id = "2-B", .applied_at = "2026-01-02T00:00:00Z"}};
    struct world *world = world_ready();
    const struct json *item;
    struct error error;

    (void)state;
    world_request(world, "PutItem", "{`TableName`:`T_migrations`,`Item`:{`id`:{`S`:`0-Old`},`appliedAt`:{`S`:`2024`}}}");
    world_request(world, "PutItem", "{`TableName`:`T_migrations`,`Item`:{`id`:{`S`:`2-B`},`appliedAt`:{`S`:`2025`}}}");
    assert_true(driver_dynamodb.project(world->driver, both, 2, NULL, 0, &error));
    assert_true(driver_dynamodb.project(world->driver, both, 2, NULL, 0, &error));
    item = json_get(world_request(world, "GetItem", "{`TableName`:`T_migrations`,`Key`:{`id`:{`S`:`1-A`}}}"), "Item");
    assert_true(json_equal(item, world_json(world, "{`id`:{`S`:`1-A`},`description`:{`S`:`first`},`appliedAt`:{`S`:"
                                                   "`2026-01-01T00:00:00Z`}}")));
    item = json_get(world_request(world, "GetItem", "{`TableName`:`T_migrations`,`Key`:{`id`:{`S`:`2-B`}}}"), "Item");
    assert_string_equal(dynamodb_item_text(item, "appliedAt").data, "2025");
    assert_true(driver_dynamodb.project(world->driver, both, 1, both + 1, 1, &error));
    assert_int_equal(count_items(world, "migrations"), 2);
    world_destroy(world);
}

static void what_is_not_there_is_observed_as_null(void **state)
{
    struct world *world = world_ready();
    const char *objects[] = {
        arena_printf(&world->arena, "dynamodb_table %snothing", world->prefix), "event_schema Nothing@1", "view x"};
    struct json *observed;
    struct error error;

    (void)state;
    assert_true(driver_dynamodb.observe(world->driver, &world->arena, objects, 2, &observed, &error));
    assert_int_equal(observed->count, 2);
    assert_true(json_is(observed->child, JSON_NULL));
    assert_true(json_is(observed->last, JSON_NULL));
    assert_false(driver_dynamodb.observe(world->driver, &world->arena, objects, 3, &observed, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNSUPPORTED);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_has_no_owner_before_init_and_one_after),
        cmocka_unit_test(init_that_was_killed_is_repeated),
        cmocka_unit_test(init_keeps_the_registry_of_another_tool),
        cmocka_unit_test(init_refuses_a_table_of_that_name_with_another_key),
        cmocka_unit_test(wrong_keys_and_dead_endpoints_have_exit_statuses_of_their_own),
        cmocka_unit_test(a_table_is_created_journalled_and_observed),
        cmocka_unit_test(a_table_in_place_with_the_same_shape_is_adopted),
        cmocka_unit_test(a_table_in_place_with_another_shape_is_drift_and_names_each_difference),
        cmocka_unit_test(a_creation_killed_at_any_point_is_resumed_once),
        cmocka_unit_test(a_started_creation_that_somebody_else_made_is_not_taken_for_ours),
        cmocka_unit_test(an_undo_deletes_the_table_it_made),
        cmocka_unit_test(an_undo_killed_at_any_point_is_finished),
        cmocka_unit_test(an_undo_does_not_delete_a_table_that_somebody_made_anew),
        cmocka_unit_test(a_table_that_is_not_ready_is_waited_for_and_a_stop_is_resumable),
        cmocka_unit_test(an_index_is_added_resumed_and_dropped),
        cmocka_unit_test(an_index_in_place_with_another_shape_is_drift),
        cmocka_unit_test(settings_are_changed_and_changed_back),
        cmocka_unit_test(seed_items_are_written_where_none_is_and_removed_as_written),
        cmocka_unit_test(seed_items_killed_at_any_point_are_finished),
        cmocka_unit_test(seed_items_that_were_written_half_way_are_taken_away),
        cmocka_unit_test(a_table_with_the_plans_own_seeds_may_go),
        cmocka_unit_test(many_items_are_written_and_found),
        cmocka_unit_test(a_lease_is_refused_while_its_holder_gives_signs_of_life),
        cmocka_unit_test(a_silent_holder_is_taken_over_and_writes_nothing_more),
        cmocka_unit_test(a_row_is_not_written_under_a_lease_that_was_lost),
        cmocka_unit_test(a_released_or_broken_lease_is_free_and_tokens_never_go_back),
        cmocka_unit_test(of_two_that_come_at_once_one_gets_the_lease),
        cmocka_unit_test(a_step_line_larger_than_an_item_is_kept_in_pieces),
        cmocka_unit_test(rows_go_on_over_pages_and_processes),
        cmocka_unit_test(a_row_that_was_taken_away_or_changed_is_noticed),
        cmocka_unit_test(faults_of_the_service_are_tried_again),
        cmocka_unit_test(applied_migrations_are_projected_and_other_tools_rows_stay),
        cmocka_unit_test(what_is_not_there_is_observed_as_null),
    };

    if (!world_available())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
