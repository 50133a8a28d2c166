#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spec/exit.h"
#include "tests/unit/plan_sample.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void assert_refused(struct str text, const char *message)
{
    struct plan *plan;
    struct error error;

    if (plan_read(&arena, text, &plan, &error))
        fail_msg("read, but wanted: %s", message);
    assert_null(plan);
    assert_string_equal(error.message, message);
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_true(error.help[0] != '\0');
}

static void assert_edit_refused(const char *old, const char *new, const char *message)
{
    assert_refused(plan_sample_edit(&arena, plan_sample_text(&arena), old, new), message);
}

static void a_plan_that_was_written_reads_back_and_writes_the_same_bytes(void **state)
{
    struct str text = plan_sample_text(&arena);
    struct plan *plan;
    struct error error;
    struct strbuf again = STRBUF_INIT;

    (void)state;
    if (!plan_read(&arena, text, &plan, &error))
        fail_msg("%s", error.message);
    plan_write(&arena, plan, &again);
    assert_string_equal(again.data, text.data);
    assert_int_equal(again.len, text.len);
    strbuf_free(&again);
}

static void every_field_survives_reading(void **state)
{
    struct plan *plan;
    struct error error;
    const struct plan_step *step;

    (void)state;
    assert_true(plan_read(&arena, plan_sample_text(&arena), &plan, &error));
    assert_string_equal(plan->project, "inventory-service");
    assert_string_equal(plan->environment, "staging");
    assert_int_equal(plan->policy.concurrent_wait_ms, 3600000);
    assert_int_equal(plan->targets.count, 2);
    assert_string_equal(plan->targets.items[0].connection.items[0].value, "${env:DATABASE_URL}");
    assert_string_equal(plan->targets.items[0].typeorm_table, "migrations");
    assert_null(plan->targets.items[1].typeorm_table);
    assert_string_equal(plan->events->registry, "inventory_event_schemas");
    assert_null(plan->backup);
    assert_string_equal(json_string(json_get(plan->notify, "sns")), "${env:NOTIFICATION_TOPIC_ARN}");
    assert_string_equal(plan->required_capabilities.items[0], "notify.sns");
    assert_int_equal(plan->migrations.items[1].first_step, 3);
    assert_int_equal(plan->migrations.items[1].step_count, 3);
    assert_string_equal(plan->migrations.items[1].after.items[0], PLAN_SAMPLE_ATTRIBUTES);
    assert_true(plan->migrations.items[0].typeorm_timestamp == 1709123456789);
    step = plan_find_step(plan, PLAN_SAMPLE_ATTRIBUTES "/backfill:inventory_items/update");
    assert_ptr_equal(step, &plan->steps.items[1]);
    assert_int_equal(step->phase, PHASE_MIGRATE);
    assert_int_equal(step->retry, RETRY_TRANSIENT);
    assert_int_equal(step->estimate_ms, 12500);
    assert_int_equal(plan->steps.items[0].estimate_ms, -1);
    assert_true(step->locks.items[0].scan);
    assert_null(plan->steps.items[2].effect.items[0].definition);
    assert_true(plan->steps.items[5].point_of_no_return);
    assert_int_equal(plan->steps.items[5].inverse.grade, GRADE_IMPOSSIBLE);
    assert_ptr_equal(plan_find_migration(plan, PLAN_SAMPLE_EVENTS), &plan->migrations.items[1]);
    assert_null(plan_find_step(plan, "x"));
    assert_null(plan_find_target(plan, "x"));
}

static void the_line_of_a_step_reads_back_alone(void **state)
{
    struct plan *plan;
    struct plan_step step;
    struct error error;

    (void)state;
    assert_true(plan_read(&arena, plan_sample_text(&arena), &plan, &error));
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *original = &plan->steps.items[i];

        assert_int_equal(strlen(original->line.data), original->line.len);
        if (!plan_step_read(&arena, original->line, &step, &error))
            fail_msg("%s", error.message);
        assert_string_equal(step.id, original->id);
        assert_string_equal(step.effect_digest, original->effect_digest);
        assert_string_equal(step.line.data, original->line.data);
    }
}

static void the_writer_fills_the_digests(void **state)
{
    struct plan *plan = plan_sample(&arena);
    struct strbuf out = STRBUF_INIT;

    (void)state;
    plan_write(&arena, plan, &out);
    for (size_t i = 0; i < plan->steps.count; i++) {
        assert_int_equal(strlen(plan->steps.items[i].effect_digest), 64);
        assert_non_null(strstr(out.data, plan->steps.items[i].effect_digest));
    }
    assert_non_null(strstr(out.data, plan->digest));
    strbuf_free(&out);
}

static void every_change_of_one_byte_is_refused(void **state)
{
    struct str text = plan_sample_text(&arena);
    char *copy = arena_strndup(&arena, text.data, text.len);

    (void)state;
    for (size_t i = 0; i < text.len; i++) {
        static const unsigned char flips[] = {0x01, 0x20, 0x80, 0xFF};

        for (size_t j = 0; j < sizeof(flips); j++) {
            struct arena scratch = ARENA_INIT;
            struct plan *plan;
            struct error error;

            copy[i] = (char)((unsigned char)text.data[i] ^ flips[j]);
            if (plan_read(&scratch, (struct str){copy, text.len}, &plan, &error))
                fail_msg("byte %zu: %02x was read", i, (unsigned char)copy[i]);
            assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
            arena_free(&scratch);
        }
        copy[i] = text.data[i];
    }
}

static void every_truncation_and_every_lost_byte_is_refused(void **state)
{
    struct str text = plan_sample_text(&arena);

    (void)state;
    for (size_t len = 0; len < text.len; len++) {
        struct arena scratch = ARENA_INIT;
        char *copy = arena_strndup(&scratch, text.data, text.len);
        struct plan *plan;
        struct error error;

        assert_false(plan_read(&scratch, (struct str){copy, len}, &plan, &error));
        memmove(copy + len, copy + len + 1, text.len - len);
        assert_false(plan_read(&scratch, (struct str){copy, text.len - 1}, &plan, &error));
        arena_free(&scratch);
    }
}

static void damage_is_named_for_what_it_is(void **state)
{
    struct str text = plan_sample_text(&arena);
    char *copy = arena_strndup(&arena, text.data, text.len);
    struct strbuf out = STRBUF_INIT;

    (void)state;
    assert_refused(STR(""), "line 1: the file is empty");
    copy[30] ^= 1;
    assert_refused((struct str){copy, text.len}, "line 10: the plan was changed after it was compiled: the digest in its "
                                                 "trailer is not that of its bytes");
    copy[30] ^= 1;
    assert_refused((struct str){copy, text.len - 130}, "line 9: the plan is cut off: its last line is not its trailer");
    strbuf_append_str(&out, text);
    strbuf_append_text(&out, "\n");
    assert_refused(strbuf_view(&out), "line 11: text stands behind the trailer");
    strbuf_clear(&out);
    strbuf_append_text(&out, "<<<<<<< HEAD\n");
    strbuf_append_str(&out, text);
    assert_refused(strbuf_view(&out), "line 1: the plan holds the marks of a merge conflict");
    strbuf_clear(&out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            strbuf_append_char(&out, '\r');
        strbuf_append_char(&out, text.data[i]);
    }
    assert_refused(strbuf_view(&out), "line 1: the line ends with CR LF; the lines of a plan end with LF alone");
    strbuf_free(&out);
}

static void keys_must_be_known_complete_and_in_order(void **state)
{
    (void)state;
    assert_edit_refused("\"disposable\":false,", "\"disposable\":false,\"polcy\":1,",
        "line 1: unknown key 'polcy'; did you mean 'policy'?");
    assert_edit_refused("\"disposable\":false,", "", "line 1: key 'disposable' is missing, or stands behind 'policy'");
    assert_edit_refused("\"environment\":\"staging\",\"disposable\":false", "\"disposable\":false,\"environment\":\"staging\"",
        "line 1: key 'environment' is missing, or stands behind 'disposable'");
    assert_edit_refused("\"disposable\":false", "\"disposable\":false,\"disposable\":false",
        "line 1: column 84: key 'disposable' is there twice");
    assert_edit_refused("}],\"estimate_ms\":12500", ",\"held\":1}],\"estimate_ms\":12500", "line 4: 'locks[0]': unknown key 'held'");
    assert_edit_refused("\"keep_old\":true", "\"keep_old\":true,\"pace\":1", "line 4: 'action.forward': unknown key 'pace'");
    assert_edit_refused(",\"keep_old\":true", "", "line 4: 'action.forward': key 'keep_old' is missing");
    assert_edit_refused("{\"restore\":", "{\"restor\":", "line 4: 'inverse.action.forward': key 'relation' is missing");
    assert_edit_refused("\"unregister\":true,", "\"unregister\":true,\"x\":1,",
        "line 8: 'inverse.action.forward': unknown key 'x'");
    assert_edit_refused("{\"TableStatus\":\"ACTIVE\"}", "1", "line 7: 'action.probe.expect': must be an object");
}

static void types_and_constants_are_checked(void **state)
{
    (void)state;
    assert_edit_refused("\"plan\":1", "\"plan\":2", "line 1: the plan has format 2; this version of invplan reads format 1");
    assert_edit_refused("\"disposable\":false", "\"disposable\":\"no\"", "line 1: 'disposable': must be true or false");
    assert_edit_refused("\"lock_timeout_ms\":500", "\"lock_timeout_ms\":-500",
        "line 1: 'policy.lock_timeout_ms': must be an integer that is not negative");
    assert_edit_refused("\"lock_timeout_ms\":500", "\"lock_timeout_ms\":5.0",
        "line 1: 'policy.lock_timeout_ms': must be an integer that is not negative");
    assert_edit_refused("\"lock_timeout_ms\":500", "\"lock_timeout_ms\":99999999999999999999",
        "line 1: 'policy.lock_timeout_ms': must be an integer that is not negative");
    assert_edit_refused("\"on_failure\":\"halt\"", "\"on_failure\":\"hal\"",
        "line 1: 'policy.on_failure': 'hal' is unknown; did you mean 'halt'?");
    assert_edit_refused("\"instruction\":\"gate\"", "\"instruction\":\"pg.vacuum\"",
        "line 9: 'action.instruction': 'pg.vacuum' is unknown");
    assert_edit_refused("\"project\":\"inventory-service\"", "\"project\":\"\"",
        "line 1: 'project': must be a text that is not empty and holds no control characters");
    assert_edit_refused("\"project\":\"inventory-service\"", "\"project\":\"a\\u001bb\"",
        "line 1: 'project': must be a text that is not empty and holds no control characters");
    assert_edit_refused("[{\"path\":\"migrations.yaml\"", "[{\"path\":\"/migrations.yaml\"",
        "line 1: 'inputs[0].path': must be a relative path without '..'");
    assert_edit_refused("[{\"path\":\"migrations.yaml\"", "[{\"path\":\"a/../../b\"",
        "line 1: 'inputs[0].path': must be a relative path without '..'");
    assert_edit_refused("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86",
        "line 1: 'inputs[0].digest': must be a SHA-256 digest of 64 hexadecimal digits");
    assert_edit_refused("\"batch\":5000", "\"batch\":0", "line 4: 'action.forward.batch': must be 1 or more");
    assert_edit_refused("\"unregister\":true", "\"unregister\":false",
        "line 8: 'inverse.action.forward.unregister': must be true");
}

static void one_plan_has_one_form(void **state)
{
    (void)state;
    assert_edit_refused("\"plan\":1,", "\"plan\":1, ", "line 1: the line is not in canonical form (white space, or needless escapes)");
    assert_edit_refused("\"staging\"", "\"st\\u0061ging\"",
        "line 1: the line is not in canonical form (white space, or needless escapes)");
    assert_edit_refused("\"plan\":1,", "\"plan\":1,\n", "line 1: column 11: a key in double quotes is wanted, not the end of the text");
}

static void references_must_resolve(void **state)
{
    (void)state;
    assert_edit_refused("\"order\":[\"operational\",\"event_store\"]", "\"order\":[\"operational\",\"event_stor\"]",
        "line 1: 'order' must name target 'event_store' once");
    assert_edit_refused("\"order\":[\"operational\",", "\"order\":[\"operational\",\"x\",",
        "line 1: 'order' names 'x', which is no target");
    assert_edit_refused("\"events\":{\"target\":\"event_store\"", "\"events\":{\"target\":\"operational\"",
        "line 1: 'events' names 'operational', which is no target on dynamodb");
    assert_edit_refused("[\"notify.sns\"]", "[\"notify.sms\"]",
        "line 1: the plan asks for capability 'notify.sms', which this version of invplan does not know");
    assert_edit_refused("CreateInventoryEventsTable\",\"target\":\"event_store\",\"description\"",
        "CreateInventoryEventsTable\",\"target\":\"x\",\"description\"",
        "line 6: migration '1709123456789-CreateInventoryEventsTable' is on 'x', which is no target");
    assert_edit_refused("\"after\":[\"1709123456789-A", "\"after\":[\"1709123456789-B",
        "line 6: migration '1709123456789-CreateInventoryEventsTable' comes after "
        "'1709123456789-BddInventoryItemAttributes', which does not stand before it");
    assert_edit_refused("{\"migration\":\"1709123456789-CreateInventoryEventsTable\"",
        "{\"migration\":\"1709123456789-AddInventoryItemAttributes\"",
        "line 6: migration '1709123456789-AddInventoryItemAttributes' is there twice");
    assert_edit_refused("{\"restore\":\"1709123456789-AddInventoryItemAttributes/backfill:",
        "{\"restore\":\"1709123456789-AddInventoryItemAttributes/backfil:",
        "line 4: 'inverse.action.forward.restore': step "
        "'1709123456789-AddInventoryItemAttributes/backfil:inventory_items/update' does not stand before");
    assert_edit_refused("{\"step\":\"1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass\"",
        "{\"step\":\"1709123456789-CreateInventoryEventsTable/create_table:inventory_events/create\"",
        "line 9: step '1709123456789-CreateInventoryEventsTable/create_table:inventory_events/create' is there twice");
    assert_edit_refused("{\"step\":\"1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass\"",
        "{\"step\":\"gate:readers-deployed/pass\"",
        "line 9: step 'gate:readers-deployed/pass' must be named 'MIGRATION/NAME/PART' with migration "
        "'1709123456789-CreateInventoryEventsTable'");
}

static void instructions_fit_their_target_and_their_group(void **state)
{
    (void)state;
    assert_edit_refused("{\"instruction\":\"gate\",\"forward\":{\"name\":\"readers-deployed\",\"why\":\"the service reads version 1\"}",
        "{\"instruction\":\"pg.exec_alone\",\"forward\":{\"sql\":\"VACUUM\"}",
        "line 9: step '1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass' has instruction "
        "'pg.exec_alone', but target 'event_store' is dynamodb");
    assert_edit_refused("\"group\":\"1709123456789-AddInventoryItemAttributes/1\"", "\"group\":null",
        "line 3: step '1709123456789-AddInventoryItemAttributes/add_column:inventory_items.attributes/add': 'pg.exec' "
        "runs in a transaction and must have a group");
    assert_edit_refused("pass\",\"migration\":\"1709123456789-CreateInventoryEventsTable\",\"target\":\"event_store\",\"group\":null",
        "pass\",\"migration\":\"1709123456789-CreateInventoryEventsTable\",\"target\":\"event_store\",\"group\":\"x\"",
        "line 9: step '1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass': 'gate' runs alone and can "
        "have no group");
}

static void a_group_is_consecutive(void **state)
{
    struct plan *plan = plan_sample(&arena);
    struct plan_step again = plan_sample_step(&arena, PLAN_SAMPLE_ATTRIBUTES "/x/y", PLAN_SAMPLE_ATTRIBUTES, "operational",
        INSTRUCTION_PG_EXEC, "{\"sql\":[\"SELECT 1\"]}");
    struct strbuf out = STRBUF_INIT;

    (void)state;
    plan->steps.items[2] = again;
    plan_write(&arena, plan, &out);
    assert_refused(strbuf_view(&out),
        "line 5: the steps of group '1709123456789-AddInventoryItemAttributes/1' are not consecutive");
    strbuf_free(&out);
}

static void grades_carry_what_they_need(void **state)
{
    (void)state;
    assert_edit_refused("\"grade\":\"lossy\",\"why\":\"every event in table inventory_events\"", "\"grade\":\"lossy\",\"why\":null",
        "line 7: 'inverse': grade 'lossy' must have a 'why'");
    assert_edit_refused("\"grade\":\"lossy\",\"why\":\"every event in table inventory_events\",\"guard\":null",
        "\"grade\":\"lossy\",\"why\":\"x\",\"guard\":{\"table\":\"t\",\"empty\":true}",
        "line 7: 'inverse.guard': must be null where the grade is 'lossy'");
    assert_edit_refused("\"why\":\"readers may depend on it\",\"guard\":null,\"action\":null",
        "\"why\":\"readers may depend on it\",\"guard\":null,\"action\":{\"none\":true}",
        "line 9: 'inverse.action': must be null where the grade is 'impossible'");
}

static void what_is_run_matches_the_effect_digest(void **state)
{
    (void)state;
    assert_edit_refused("'brand', 'Unknown'", "'brand', 'Unknowm'",
        "line 4: step '1709123456789-AddInventoryItemAttributes/backfill:inventory_items/update': its effect_digest does "
        "not match what it runs");
    assert_edit_refused("DROP COLUMN attributes", "DROP COLUMN sku",
        "line 3: step '1709123456789-AddInventoryItemAttributes/add_column:inventory_items.attributes/add': its "
        "effect_digest does not match what it runs");
}

static void a_line_that_is_too_long_is_refused(void **state)
{
    char *text = arena_alloc(&arena, PLAN_LINE_MAX_BYTES + 2);

    (void)state;
    memset(text, 'x', PLAN_LINE_MAX_BYTES + 1);
    assert_edit_refused("Free-form attributes for every inventory item", text, "line 2: the line is longer than 8388608 bytes");
}

static void lines_stand_in_their_order(void **state)
{
    (void)state;
    assert_edit_refused("{\"migration\":\"1709123456789-AddInventoryItemAttributes\",\"target\":\"operational\",\"description\":"
        "\"Free-form attributes for every inventory item\",\"typeorm_name\":\"AddInventoryItemAttributes1709123456789\","
        "\"typeorm_timestamp\":1709123456789,\"after\":[]}\n", "", "line 2: a step stands before the first migration");
    assert_edit_refused("{\"migration\":\"1709123456789-CreateInventoryEventsTable\",\"target\":\"event_store\",\"description\":null,"
        "\"typeorm_name\":null,\"typeorm_timestamp\":0,\"after\":[\"1709123456789-AddInventoryItemAttributes\"]}\n", "",
        "line 6: step '1709123456789-CreateInventoryEventsTable/create_table:inventory_events/create' of migration "
        "'1709123456789-CreateInventoryEventsTable' stands below migration '1709123456789-AddInventoryItemAttributes'");
    assert_edit_refused("{\"migration\":\"1709123456789-CreateInventoryEventsTable\"", "{\"x\":1}\n{\"migration\":\"1709123456789-CreateInventoryEventsTable\"",
        "line 6: the line begins with 'x'; 'migration' or 'step' is wanted");
}

static void a_ledger_line_is_checked_as_strictly(void **state)
{
    struct plan *plan;
    struct plan_step step;
    struct error error;
    char *line;

    (void)state;
    assert_true(plan_read(&arena, plan_sample_text(&arena), &plan, &error));
    line = arena_strdup(&arena, plan->steps.items[5].line.data);
    *strstr(line, "the service") = 'T';
    assert_false(plan_step_read(&arena, str_from(line), &step, &error));
    assert_string_equal(error.message, "step '1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass': its "
                                       "effect_digest does not match what it runs");
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_false(plan_step_read(&arena, STR("{}"), &step, &error));
    assert_string_equal(error.message, "key 'step' is missing");
    assert_false(plan_step_read(&arena, STR("17"), &step, &error));
    assert_string_equal(error.message, "must be an object");
}

static void errors_of_a_file_begin_with_its_path_and_line(void **state)
{
    char path[] = "/tmp/plan-read-test-XXXXXX";
    int fd = mkstemp(path);
    struct str text = plan_sample_edit(&arena, plan_sample_text(&arena), "\"instruction\":\"gate\"", "\"instruction\":\"gat\"");
    struct plan *plan;
    struct error error;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
    assert_false(plan_load(&arena, path, &plan, &error));
    assert_string_equal(error.message, arena_printf(&arena, "%s:9: 'action.instruction': 'gat' is unknown; did you mean 'gate'?", path));
    unlink(path);
    assert_false(plan_load(&arena, path, &plan, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    assert_false(plan_load(&arena, "/tmp", &plan, &error));
    assert_string_equal(error.message, "'/tmp' cannot be read: Is a directory");
}

/* --- outlines ------------------------------------------------------------------------------------------------------ */

static bool load_outline(struct str text, struct plan **out, struct error *error)
{
    char path[] = "/tmp/plan-read-test-XXXXXX";
    int fd = mkstemp(path);
    bool loaded;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
    loaded = plan_load_outline(&arena, arena_strdup(&arena, path), out, error);
    unlink(path);
    return loaded;
}

static void an_outline_has_what_stands_before_the_action_and_can_be_completed(void **state)
{
    struct plan *whole, *outline;
    struct error error;
    struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

    (void)state;
    assert_true(plan_read(&arena, plan_sample_text(&arena), &whole, &error));
    if (!load_outline(plan_sample_text(&arena), &outline, &error))
        fail_msg("%s", error.message);
    assert_string_equal(outline->digest, whole->digest);
    assert_int_equal(outline->steps.count, whole->steps.count);
    for (size_t i = 0; i < whole->steps.count; i++) {
        const struct plan_step *step = &outline->steps.items[i], *wanted = &whole->steps.items[i];

        assert_true(step->unread_number > 1);
        assert_string_equal(step->id, wanted->id);
        assert_string_equal(step->migration, wanted->migration);
        assert_string_equal(step->target, wanted->target);
        assert_int_equal(step->group == NULL, wanted->group == NULL);
        assert_int_equal(step->phase, wanted->phase);
        assert_string_equal(step->source_digest, wanted->source_digest);
        assert_string_equal(step->effect_digest, wanted->effect_digest);
        assert_string_equal(step->line.data, wanted->line.data);
        assert_ptr_equal(plan_find_step(outline, wanted->id), step);
    }
    for (size_t i = 0; i < 2 * whole->steps.count; i++) /* each twice: it may be asked for again */
        if (!plan_complete_step(&arena, outline, i / 2, &error))
            fail_msg("%s", error.message);
    plan_write(&arena, whole, &a);
    plan_write(&arena, outline, &b);
    assert_string_equal(strbuf_view(&a).data, strbuf_view(&b).data);
    strbuf_free(&a);
    strbuf_free(&b);
}

static void completing_a_step_is_as_strict_as_reading_it(void **state)
{
    struct str text = plan_sample_edit(
        &arena, plan_sample_text(&arena), "\"instruction\":\"gate\"", "\"instruction\":\"gat\"");
    struct plan *plan;
    struct error error = {0};
    size_t failed = 0;

    (void)state;
    assert_true(load_outline(text, &plan, &error));
    for (size_t i = 0; i < plan->steps.count; i++)
        failed += !plan_complete_step(&arena, plan, i, &error);
    assert_int_equal(failed, 1);
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_non_null(strstr(error.message, ":9: 'action.instruction': 'gat' is unknown; did you mean 'gate'?"));
}

static void an_outline_is_judged_for_what_it_has(void **state)
{
    struct str text = plan_sample_text(&arena);
    struct plan *plan;
    struct error error;

    (void)state;
    assert_false(load_outline((struct str){text.data, text.len - 1}, &plan, &error));
    assert_false(load_outline(plan_sample_edit(&arena, text, "{\"step\":\"" PLAN_SAMPLE_ATTRIBUTES "/backfill:",
                                  "{\"step\":\"\\u0001" PLAN_SAMPLE_ATTRIBUTES "/backfill:"),
        &plan, &error));
    assert_non_null(strstr(error.message, "'step': must be a text that is not empty and holds no control characters"));
    assert_false(load_outline(
        plan_sample_edit(&arena, text, ",\"action\":{\"instruction\":\"gate\"", ",\"act\":{\"instruction\":\"gate\""), &plan,
        &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_outline_has_what_stands_before_the_action_and_can_be_completed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(completing_a_step_is_as_strict_as_reading_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_outline_is_judged_for_what_it_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plan_that_was_written_reads_back_and_writes_the_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_field_survives_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_line_of_a_step_reads_back_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_writer_fills_the_digests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_change_of_one_byte_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_truncation_and_every_lost_byte_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_named_for_what_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_must_be_known_complete_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_and_constants_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_plan_has_one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_must_resolve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(instructions_fit_their_target_and_their_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_group_is_consecutive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grades_carry_what_they_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_run_matches_the_effect_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_stand_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_line_is_checked_as_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_of_a_file_begin_with_its_path_and_line, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
