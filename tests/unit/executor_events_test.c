/* Event steps against a real endpoint (TEST_AWS_ENDPOINT): registering, upgrading in place, and the way back. */
#include "executor/events/pump.h"
#include "tests/unit/events_world.h"

static const char version_two[] =
    "{`registry`:`T_schemas`,`event`:`Created`,`version`:2,`compatibility`:`backward`,`schema`:{`type`:`object`},`upcast`:"
    "[{`default`:{`who`:`'system'`}}],`downcast`:null,`digest`:"
    "`3b63e3729a32a919471a048ed14ce39a56f8b129f31f5af222254596b73b6e47`}";

static struct plan_step *register_step(struct world *world)
{
    struct plan_step *step = world_step(world, "m1/register_event:Created@2/register", INSTRUCTION_EVENT_REGISTER,
        version_two, NULL);

    world_inverse(world, step, INSTRUCTION_EVENT_REGISTER,
        "{`unregister`:true,`registry`:`T_schemas`,`event`:`Created`,`version`:2}", NULL);
    world_effect(world, step, "event_schema Created@2");
    return step;
}

/* --- registering ---------------------------------------------------------------------------------------------------------------- */

static void a_version_is_registered_observed_and_unregistered(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = register_step(world);
    struct ledger *ledger;
    const struct json *item;

    (void)state;
    create_table(world, "schemas", "eventType", "version", "N");
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    world_apply(world, step);
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, true).state, PROBE_NOT_DONE);
    ledger = world_ledger(world);
    assert_string_equal(ledger->rows.items[1].observed.data,
        "{\"event_schema Created@2\":{\"digest\":\"3b63e3729a32a919471a048ed14ce39a56f8b129f31f5af222254596b73b6e47\","
        "\"compatibility\":\"backward\"}}");
    item = json_get(world_request(world, "GetItem",
        "{`TableName`:`T_schemas`,`Key`:{`eventType`:{`S`:`Created`},`version`:{`N`:`2`}}}"), "Item");
    assert_string_equal(dynamodb_item_text(item, "upcast").data, "[{\"default\":{\"who\":\"'system'\"}}]");
    assert_null(json_get(item, "downcast"));
    world_request(world, "UpdateItem", "{`TableName`:`T_schemas`,`Key`:{`eventType`:{`S`:`Created`},`version`:{`N`:`2`}},"
        "`UpdateExpression`:`SET #s = :s`,`ExpressionAttributeNames`:{`#s`:`schema`},`ExpressionAttributeValues`:{`:s`:{`S`:"
        "`{}`}}}");
    assert_int_equal(world_probe(world, step, false).state, PROBE_OTHER); /* its digest still is the old one */
    world_request(world, "UpdateItem", "{`TableName`:`T_schemas`,`Key`:{`eventType`:{`S`:`Created`},`version`:{`N`:`2`}},"
        "`UpdateExpression`:`SET #s = :s`,`ExpressionAttributeNames`:{`#s`:`schema`},`ExpressionAttributeValues`:{`:s`:{`S`:"
        "`{\\`type\\`:\\`object\\`}`}}}");
    world_undo(world, step);
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    assert_rows(world, "STARTED APPLIED UNDO_STARTED UNDONE");
    world_destroy(world);
}

static void a_registry_with_the_plans_own_versions_may_go(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = register_step(world);
    struct plan_step *table = world_step(world, "m1/registry", INSTRUCTION_BARRIER, "{}", NULL);
    char detail[256];
    struct error error;
    bool holds;

    (void)state;
    table->inverse.guard = world_form(world, "{`table`:`T_schemas`,`empty`:true}");
    create_table(world, "schemas", "eventType", "version", "N");
    VEC_PUSH(&world->arena, &world->plan.steps, *step);
    world_apply(world, step);
    assert_true(driver_dynamodb.guard(world->driver, table, &holds, detail, sizeof(detail), &error));
    assert_true(holds); /* its own undo takes it away first */
    world_request(world, "PutItem", "{`TableName`:`T_schemas`,`Item`:{`eventType`:{`S`:`Theirs`},`version`:{`N`:`1`},"
                                    "`digest`:{`S`:`x`}}}");
    assert_true(driver_dynamodb.guard(world->driver, table, &holds, detail, sizeof(detail), &error));
    assert_false(holds);
    world_destroy(world);
}

static void a_registered_version_does_not_change(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = register_step(world);
    struct driver_result result;
    struct error error;

    (void)state;
    create_table(world, "schemas", "eventType", "version", "N");
    world_request(world, "PutItem", "{`TableName`:`T_schemas`,`Item`:{`eventType`:{`S`:`Created`},`version`:{`N`:`2`},"
                                    "`digest`:{`S`:`other`}}}");
    assert_int_equal(world_probe(world, step, false).state, PROBE_OTHER);
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "another digest: other"));
    assert_false(register_remove((struct dynamodb_driver *)world->driver, step, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    world_destroy(world);
}

static void a_registration_killed_at_any_point_is_resumed(void **state)
{
    static const char *const points[] = {"ddb.apply.started", "ddb.register.before_put", "ddb.apply.effect_done"};

    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct world *world = world_ready();
        struct plan_step *step = register_step(world);

        create_table(world, "schemas", "eventType", "version", "N");
        assert_true(world_killed(world, points[i], 0, world_apply_child, step));
        world_reopen(world);
        world_resume(world, step);
        assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
        world_undo(world, step);
        assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
        world_destroy(world);
    }
}

/* --- upgrading ------------------------------------------------------------------------------------------------------------------- */

static void events_are_upgraded_once_and_restored_exactly(void **state)
{
    struct world *world = world_of_events(60);
    struct plan_step *step = upgrade_step(world, 4);
    struct driver_result result;
    char *before, *after;

    (void)state;
    put_event(world, "s1", 1000, "Other", "1", "");
    put_event(world, "s1", 1001, "Created", "3", "");
    put_event(world, "s1", 1002, "Created", "4", "");
    before = dump(world, "events");
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    result = world_apply(world, step);
    assert_int_equal(result.affected, 60);
    assert_true(result.units.known);
    assert_true(result.units.write >= 60 && result.units.write < 61);
    assert_true(result.units.ledger_write > 60); /* a pre-image of each, and the rows */
    assert_true(result.units.read > 0);
    assert_non_null(strstr(result.detail.data, "\"upgraded\":60"));
    assert_int_equal(world->progress_done, 60);
    assert_rows(world, "STARTED APPLIED");
    assert_all_upgraded(world, 60);
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1000), "eventVersion").data, "1");
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1001), "count").data, "0");
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1002), "count").data, "0");
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, true).state, PROBE_NOT_DONE);
    after = dump(world, "events");

    result = world_undo(world, step);
    assert_int_equal(result.affected, 60);
    assert_string_equal(dump(world, "events"), before);
    assert_string_equal(dump(world, "migrations_undo"), "");
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE);
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);

    world_apply(world, step); /* and forward again */
    assert_string_equal(dump(world, "events"), after);
    world_destroy(world);
}

static void an_upgrade_killed_anywhere_is_resumed_by_another_process(void **state)
{
    static const struct {
        const char *point;
        int after;
    } kills[] = {
        {"ddb.apply.started", 0},
        {"ddb.upgrade.before_event", 0}, /* pre-images are there, events not yet */
        {"ddb.upgrade.before_event", 7},
        {"ddb.upgrade.after_event", 11},
        {"ddb.pump.before_checkpoint", 0},
        {"ddb.pump.before_checkpoint", 2},
        {"ddb.apply.effect_done", 0},
        {"ddb.journal.before_write", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct world *world = world_of_events(40);
        struct plan_step *step = upgrade_step(world, 3);
        char *before = dump(world, "events");

        if (!world_killed(world, kills[i].point, kills[i].after, world_apply_child, step))
            fail_msg("not killed at %s", kills[i].point);
        world_reopen(world);
        world_resume(world, step);
        assert_all_upgraded(world, 40);
        world_undo(world, step);
        assert_string_equal(dump(world, "events"), before);
        world_destroy(world);
    }
}

static void an_upgrade_killed_anywhere_can_be_taken_back(void **state)
{
    static const struct {
        const char *point;
        int after;
    } kills[] = {
        {"ddb.apply.started", 0},
        {"ddb.upgrade.before_event", 0}, /* pre-images are there, events not yet */
        {"ddb.upgrade.after_event", 11},
        {"ddb.pump.before_checkpoint", 2},
        {"ddb.apply.effect_done", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct world *world = world_of_events(40);
        struct plan_step *step = upgrade_step(world, 3);
        char *before = dump(world, "events");

        if (!world_killed(world, kills[i].point, kills[i].after, world_apply_child, step))
            fail_msg("not killed at %s", kills[i].point);
        world_reopen(world);
        (void)world_ledger(world);
        world_undo(world, step);
        assert_string_equal(dump(world, "events"), before);
        assert_string_equal(dump(world, "migrations_undo"), "");
        world_apply(world, step); /* from the beginning */
        assert_all_upgraded(world, 40);
        world_destroy(world);
    }
}

/* Segments without an event to upgrade leave checkpoints and no pre-images: events that come later must not be passed
 * over when the step runs again. */
static void an_upgrade_that_found_nothing_leaves_nothing_when_it_is_undone(void **state)
{
    struct world *world = world_of_events(0);
    struct plan_step *step = upgrade_step(world, 3);

    (void)state;
    world_apply(world, step);
    world_undo(world, step);
    for (int i = 0; i < 9; i++)
        put_event(world, arena_printf(&world->arena, "s%d", i), i, "Created", "1", "");
    assert_int_equal(world_probe(world, step, false).state, PROBE_NOT_DONE);
    assert_int_equal(world_apply(world, step).affected, 9);
    world_destroy(world);
}

static void a_restore_killed_anywhere_is_finished(void **state)
{
    static const struct {
        const char *point;
        int after;
    } kills[] = {{"ddb.undo.started", 0}, {"ddb.restore.before_event", 0}, {"ddb.restore.before_event", 20},
        {"ddb.undo.effect_done", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct world *world = world_of_events(40);
        struct plan_step *step = upgrade_step(world, 3);
        char *before = dump(world, "events");

        world_apply(world, step);
        assert_true(world_killed(world, kills[i].point, kills[i].after, world_undo_child, step));
        world_reopen(world);
        (void)world_ledger(world);
        world_undo(world, step);
        assert_string_equal(dump(world, "events"), before);
        assert_string_equal(dump(world, "migrations_undo"), "");
        world_destroy(world);
    }
}

static void a_stop_is_resumable(void **state)
{
    struct world *world = world_of_events(80);
    struct plan_step *step = upgrade_step(world, 4);
    struct driver_result result;
    struct error error;

    (void)state;
    world->points = 0;
    world->stop_after_points = 30;
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_true(error.outcome_unknown);
    assert_true(result.affected < 80);
    world->stop_after_points = -1;
    world_reopen(world);
    world_resume(world, step);
    assert_all_upgraded(world, 80);
    world_destroy(world);
}

/* A pause that somebody asks for once the upgrade is under way, and that ends after two sleeps. */
static struct {
    struct world *world;
    int sleeps;
    char *events, *pre_images;
} held;

static bool pause_in_the_middle(void *context, char *why, size_t why_size)
{
    (void)context;
    snprintf(why, why_size, "the test says so");
    return held.world->progress_done > 0 && held.sleeps < 2;
}

static void take_time(struct world *world, const char *name)
{
    const struct timespec some = {.tv_nsec = 5000000};

    (void)world;
    if (strcmp(name, "ddb.upgrade.before_event") == 0)
        nanosleep(&some, NULL);
}

static void compare_while_paused(struct world *world)
{
    if (held.sleeps++ == 0) {
        held.events = dump(world->other, "events");
        held.pre_images = dump(world->other, "migrations_undo");
        return;
    }
    assert_string_equal(dump(world->other, "events"), held.events);
    assert_string_equal(dump(world->other, "migrations_undo"), held.pre_images);
}

static void a_pause_holds_an_upgrade_between_two_events(void **state)
{
    enum { COUNT = 3 * PUMP_SLOTS };
    struct world *world = world_of_events(COUNT);
    struct plan_step *step = upgrade_step(world, 2);

    (void)state;
    held.world = world;
    world->env.paused = pause_in_the_middle;
    world->other = beside(world);
    world->at_point = take_time;
    world->at_sleep = compare_while_paused;
    assert_int_equal(world_apply(world, step).affected, COUNT);
    assert_int_equal(held.sleeps, 2);
    assert_non_null(strstr(held.events, "old{")); /* some are as they were, */
    assert_non_null(strstr(held.events, "new{")); /* and some are not */
    assert_non_null(strstr(world->last_log, "going on with the next events of step 'm2/upgrade_events:Created/upgrade'"));
    world->at_point = NULL;
    assert_all_upgraded(world, COUNT);
    world_destroy(world->other);
    world_destroy(world);
}

/* Somebody who writes the event just before we put ours. */
static void write_before_us(struct world *world, const char *name)
{
    static int seen;

    if (strcmp(name, "ddb.upgrade.before_event") != 0)
        return;
    seen++;
    if (seen == 1) /* another attribute, the same version */
        world_request(world->other, "UpdateItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s0`},`seq`:{`N`:`0`}},"
            "`UpdateExpression`:`SET #c = :c`,`ExpressionAttributeNames`:{`#c`:`count`},`ExpressionAttributeValues`:{`:c`:"
            "{`N`:`500`}}}");
    if (seen == 2) /* a whole new version */
        world_request(world->other, "UpdateItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s1`},`seq`:{`N`:`1`}},"
            "`UpdateExpression`:`SET eventVersion = :v, #c = :c`,`ExpressionAttributeNames`:{`#c`:`count`},"
            "`ExpressionAttributeValues`:{`:v`:{`N`:`3`},`:c`:{`N`:`700`}}}");
    if (seen == 3) /* gone */
        world_request(world->other, "DeleteItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s2`},`seq`:{`N`:`2`}}}");
    if (seen == 4) /* a version between */
        world_request(world->other, "UpdateItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s3`},`seq`:{`N`:`3`}},"
            "`UpdateExpression`:`SET eventVersion = :v, #c = :c`,`ExpressionAttributeNames`:{`#c`:`count`},"
            "`ExpressionAttributeValues`:{`:v`:{`N`:`2`},`:c`:{`N`:`900`}}}");
}

static void a_faster_writer_is_read_again_and_never_overwritten(void **state)
{
    struct world *world = world_of_events(6);
    struct plan_step *step = upgrade_step(world, 1);
    struct driver_result result;

    (void)state;
    world->other = beside(world);
    world->at_point = write_before_us;
    result = world_apply(world, step);
    assert_int_equal(result.affected, 4);
    assert_non_null(strstr(result.detail.data, "\"faster_writer\":1,\"deleted_meanwhile\":1,\"read_again\":3"));
    assert_string_equal(dynamodb_item_text(get_event(world, "s0", 0), "count").data, "511");
    assert_string_equal(dynamodb_item_text(get_event(world, "s0", 0), "new").data, "x");
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1), "count").data, "700");
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1), "old").data, "x");
    assert_null(get_event(world, "s2", 2));
    assert_string_equal(dynamodb_item_text(get_event(world, "s3", 3), "count").data, "910");
    assert_string_equal(dynamodb_item_text(get_event(world, "s3", 3), "eventVersion").data, "3");
    /* The way back: what the writer wrote last is what comes back; the deleted one stays deleted. */
    world->at_point = NULL;
    world_undo(world, step);
    assert_string_equal(dynamodb_item_text(get_event(world, "s0", 0), "count").data, "500");
    assert_string_equal(dynamodb_item_text(get_event(world, "s1", 1), "count").data, "700");
    assert_null(get_event(world, "s2", 2));
    assert_string_equal(dynamodb_item_text(get_event(world, "s3", 3), "count").data, "900");
    assert_string_equal(dynamodb_item_text(get_event(world, "s3", 3), "eventVersion").data, "2");
    world_destroy(world->other);
    world_destroy(world);
}

static void a_restore_leaves_what_somebody_changed_since(void **state)
{
    struct world *world = world_of_events(5);
    struct plan_step *step = upgrade_step(world, 2);
    struct driver_result result;

    (void)state;
    world_apply(world, step);
    world_request(world, "UpdateItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s0`},`seq`:{`N`:`0`}},"
        "`UpdateExpression`:`SET who = :w`,`ExpressionAttributeValues`:{`:w`:{`S`:`me`}}}");
    world_request(world, "DeleteItem", "{`TableName`:`T_events`,`Key`:{`stream`:{`S`:`s1`},`seq`:{`N`:`1`}}}");
    result = world_undo(world, step);
    assert_int_equal(result.affected, 3);
    assert_non_null(strstr(result.detail.data, "\"restored\":3,\"unchanged\":0,\"changed_since\":2"));
    assert_non_null(strstr(world->last_log, "2 events were changed or deleted by somebody else since"));
    assert_string_equal(dynamodb_item_text(get_event(world, "s0", 0), "who").data, "me");
    assert_string_equal(dynamodb_item_text(get_event(world, "s0", 0), "eventVersion").data, "3");
    assert_null(get_event(world, "s1", 1));
    assert_int_equal(world_probe(world, step, true).state, PROBE_DONE); /* nothing is left to restore */
    assert_rows(world, "STARTED APPLIED UNDO_STARTED UNDONE");
    world_apply(world, step); /* stale pre-images do not stand in the way */
    assert_string_equal(dynamodb_item_text(get_event(world, "s2", 2), "eventVersion").data, "3");
    world_destroy(world);
}

static void one_stream_alone_is_upgraded(void **state)
{
    struct world *world = world_of_events(34);
    struct plan_step *step = upgrade_step_of(world,
        "{`event`:`Created`,`to`:3,`strategy`:`in_place`,`segments`:8,`only`:{`stream`:`s4`},`max_wcu`:null,`max_rcu`:1000,"
        UPCASTS "}");

    (void)state;
    assert_int_equal(world_apply(world, step).affected, 2);
    assert_string_equal(dynamodb_item_text(get_event(world, "s4", 4), "eventVersion").data, "3");
    assert_string_equal(dynamodb_item_text(get_event(world, "s4", 21), "eventVersion").data, "3");
    assert_string_equal(dynamodb_item_text(get_event(world, "s5", 5), "eventVersion").data, "2");
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_int_equal(world_undo(world, step).affected, 2);
    assert_null(json_get(get_event(world, "s4", 4), "new"));
    world_destroy(world);
}

static void a_lazy_upgrade_changes_nothing_in_the_store(void **state)
{
    struct world *world = world_of_events(3);
    struct plan_step *step = upgrade_step_of(world,
        "{`event`:`Created`,`to`:3,`strategy`:`lazy`,`segments`:64,`only`:null,`max_wcu`:null,`max_rcu`:null," UPCASTS "}");
    char *before = dump(world, "events");

    (void)state;
    step->inverse.action = (struct plan_action){.none = true};
    world_apply(world, step);
    assert_int_equal(world_probe(world, step, false).state, PROBE_DONE);
    assert_rows(world, "STARTED APPLIED");
    assert_string_equal(dump(world, "events"), before);
    world_undo(world, step);
    assert_rows(world, "STARTED APPLIED UNDONE");
    world_destroy(world);
}

static void expect_refusal(const char *upcasts, const char *event_members, const char *wanted)
{
    struct world *world = world_ready();
    struct plan_step *step;
    struct driver_result result;
    struct error error;

    create_table(world, "events", "stream", "seq", "N");
    put_event(world, "s1", 1, "Created", NULL, event_members);
    step = upgrade_step_of(world, arena_printf(&world->arena,
        "{`event`:`Created`,`to`:2,`strategy`:`in_place`,`segments`:1,`only`:null,`max_wcu`:null,`max_rcu`:null,`upcasts`:"
        "[{`version`:2,`operators`:%s}]}", upcasts));
    assert_false(world_try_apply(world, step, 1, &result, &error));
    if (!strstr(error.message, wanted))
        fail_msg("'%s' is not in '%s'", wanted, error.message);
    assert_false(error.retryable);
    assert_null(json_get(get_event(world, "s1", 1), "eventVersion")); /* untouched */
    world_destroy(world);
}

static void what_cannot_be_done_in_place_is_refused_with_the_event(void **state)
{
    (void)state;
    expect_refusal("[{`drop_event`:{`if`:`true`}}]", "", "makes 0 events of one");
    expect_refusal("[{`set`:{`seq`:`99`}}]", "", "an upcaster cannot change 'seq'");
    expect_refusal("[{`rename_type`:`Made`}]", "", "the upcaster changes 'eventType', which identifies the event");
    expect_refusal("[{`set`:{`n`:`event.nothing + 1`}}]", "",
        "event {\"stream\":{\"S\":\"s1\"},\"seq\":{\"N\":\"1\"}} of table");
}

static void a_version_that_is_no_number_is_reported(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = upgrade_step(world, 1);
    struct driver_result result;
    struct error error;

    (void)state;
    create_table(world, "events", "stream", "seq", "N");
    put_event(world, "s1", 1, "Created", NULL, ",`eventVersion`:{`N`:`1.5`}");
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_non_null(strstr(error.message, "its 'eventVersion' is not a version number"));
    world_destroy(world);
}

static void an_event_too_large_for_its_pre_image_is_refused(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = upgrade_step(world, 1);
    struct strbuf more = STRBUF_INIT;
    struct driver_result result;
    struct error error;

    (void)state;
    create_table(world, "events", "stream", "seq", "N");
    strbuf_append_text(&more, ",`fill`:{`S`:`");
    while (more.len < 404000)
        strbuf_append_char(&more, 'x');
    strbuf_append_text(&more, "`}");
    put_event(world, "s1", 1, "Created", NULL, more.data);
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_non_null(strstr(error.message, "too many to keep its pre-image"));
    strbuf_free(&more);
    world_destroy(world);
}

static void a_missing_event_table_is_named(void **state)
{
    struct world *world = world_ready();
    struct plan_step *step = upgrade_step(world, 1);
    struct driver_result result;
    struct error error;

    (void)state;
    assert_false(world_try_apply(world, step, 1, &result, &error));
    assert_non_null(strstr(error.message, "events'"));
    assert_non_null(strstr(error.message, "does not exist"));
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_registered_observed_and_unregistered),
        cmocka_unit_test(a_registry_with_the_plans_own_versions_may_go),
        cmocka_unit_test(a_registered_version_does_not_change),
        cmocka_unit_test(a_registration_killed_at_any_point_is_resumed),
        cmocka_unit_test(events_are_upgraded_once_and_restored_exactly),
        cmocka_unit_test(an_upgrade_killed_anywhere_is_resumed_by_another_process),
        cmocka_unit_test(an_upgrade_killed_anywhere_can_be_taken_back),
        cmocka_unit_test(an_upgrade_that_found_nothing_leaves_nothing_when_it_is_undone),
        cmocka_unit_test(a_restore_killed_anywhere_is_finished),
        cmocka_unit_test(a_stop_is_resumable),
        cmocka_unit_test(a_pause_holds_an_upgrade_between_two_events),
        cmocka_unit_test(a_faster_writer_is_read_again_and_never_overwritten),
        cmocka_unit_test(a_restore_leaves_what_somebody_changed_since),
        cmocka_unit_test(one_stream_alone_is_upgraded),
        cmocka_unit_test(a_lazy_upgrade_changes_nothing_in_the_store),
        cmocka_unit_test(what_cannot_be_done_in_place_is_refused_with_the_event),
        cmocka_unit_test(a_version_that_is_no_number_is_reported),
        cmocka_unit_test(an_event_too_large_for_its_pre_image_is_refused),
        cmocka_unit_test(a_missing_event_table_is_named),
    };

    if (!world_available())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
