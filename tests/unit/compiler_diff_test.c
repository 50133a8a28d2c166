#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compiler/diff.h"
#include "spec/exit.h"
#include "tests/unit/plan_sample.h"

static struct arena arena;
static char folder[] = "/tmp/compiler-diff-test-XXXXXX";
static char paths[2][64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%c", folder, i ? 'b' : 'a');
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(paths[0]);
    unlink(paths[1]);
    return rmdir(folder);
}

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

static void write_text(int side, struct str text)
{
    FILE *file = fopen(paths[side], "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    fclose(file);
}

static void write_plan(int side, struct plan *plan)
{
    struct strbuf out = STRBUF_INIT;

    plan_write(&arena, plan, &out);
    write_text(side, strbuf_view(&out));
    strbuf_free(&out);
}

static struct diff *load(void)
{
    struct diff *diff;
    struct error error;

    if (!diff_load(&arena, paths[0], paths[1], &diff, &error))
        fail_msg("%s", error.message);
    /* Neutral names, so that the texts below can be exact. */
    diff->lines[0].path = "a.plan";
    diff->lines[1].path = "b.plan";
    return diff;
}

static void assert_text(const struct diff *diff, const char *wanted)
{
    struct strbuf out = STRBUF_INIT;

    diff_print_text(&out, diff, false);
    assert_string_equal(out.data, wanted);
    strbuf_free(&out);
}

static void change(struct plan_step *step, const char *forward)
{
    step->action.forward = plan_sample_json(&arena, forward);
    step->effect_digest = NULL;
}

static void a_plan_does_not_differ_from_itself(void **state)
{
    struct diff *diff;

    (void)state;
    write_plan(0, plan_sample(&arena));
    write_plan(1, plan_sample(&arena));
    diff = load();
    assert_true(diff_is_empty(diff));
    assert_int_equal(diff->counts.same, 6);
    assert_text(diff, "a.plan (staging) \u2192 b.plan (staging)\n"
                      "\n"
                      "0 steps changed, 0 added, 0 removed, 0 moved, 6 the same\n");
}

static void the_environments_name_the_inputs_and_the_place_in_the_sources_are_no_difference(void **state)
{
    struct plan *after = plan_sample(&arena);
    struct diff *diff;

    (void)state;
    after->environment = "production";
    after->inputs.items[0].digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (size_t i = 0; i < after->steps.count; i++)
        after->steps.items[i].span.line += 10;
    write_plan(0, plan_sample(&arena));
    write_plan(1, after);
    diff = load();
    assert_true(diff_is_empty(diff));
    assert_text(diff, "a.plan (staging) \u2192 b.plan (production)\n"
                      "\n"
                      "0 steps changed, 0 added, 0 removed, 0 moved, 6 the same\n"
                      "6 of the same stand elsewhere in the sources\n"
                      "the plans were compiled from different sources\n");
}

static struct plan *edited_plan(void)
{
    struct plan *plan = plan_sample(&arena);

    plan->environment = "production";
    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    plan->policy.retry_for_ms = 600000;
    plan->backup = plan_sample_json(&arena, "{\"before\":\"apply\",\"rds\":true}");
    plan->notify = plan_sample_json(&arena, "{\"sns\":\"${env:NOTIFICATION_TOPIC_ARN}\",\"on\":[\"start\",\"failure\"]}");
    plan->targets.items[0].connection.items[0] = (struct plan_connection_field){"secret", "${env:POSTGRES_SECRET_ARN}"};
    change(&plan->steps.items[1],
        "{\"relation\":\"public.inventory_items\",\"key\":[{\"name\":\"id\",\"type\":\"uuid\"}],"
        "\"set\":\"attributes = jsonb_build_object('brand', 'None', 'condition', 'New')\",\"where\":\"attributes = '{}'\","
        "\"batch\":1000,\"columns\":[\"attributes\"],\"keep_old\":true}");
    plan->steps.items[1].estimate_ms = 240000;
    plan->steps.items[2].locks.items[0].mode = "ShareLock";
    plan->steps.items[2].locks.items[0].blocks = "writes";
    change(&plan->steps.items[3],
        "{\"action\":\"CreateTable\",\"request\":{\"TableName\":\"inventory_events\",\"BillingMode\":\"PROVISIONED\","
        "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":50,\"WriteCapacityUnits\":100}},"
        "\"wait\":{\"table\":\"inventory_events\",\"index\":null,\"until\":\"active\"}}");
    plan->steps.items[3].inverse.grade = GRADE_IMPOSSIBLE;
    plan->steps.items[3].inverse.why = "deletion protection is on";
    plan->steps.items[4] = plan_sample_step(&arena, PLAN_SAMPLE_EVENTS "/register_event:StockMoved.1/register",
        PLAN_SAMPLE_EVENTS, "event_store", INSTRUCTION_GATE, "{\"name\":\"x\",\"why\":\"y\"}");
    plan->migrations.items[1].description = "The event store";
    return plan;
}

static void each_kind_of_difference_is_told(void **state)
{
    struct diff *diff;

    (void)state;
    write_plan(0, plan_sample(&arena));
    write_plan(1, edited_plan());
    diff = load();
    assert_false(diff_is_empty(diff));
    assert_text(diff, "a.plan (staging) \u2192 b.plan (production)\n"
                      "\n"
                      "  policy.on_failure                       halt \u2192 rollback\n"
                      "  policy.retry_for_ms                     5m \u2192 10m\n"
                      "  targets[operational].connection.url     ${env:DATABASE_URL} \u2192 none\n"
                      "  targets[operational].connection.secret  none \u2192 ${env:POSTGRES_SECRET_ARN}\n"
                      "  backup                                  none \u2192 {before: \"apply\", rds: true}\n"
                      "  notify.on                               + start\n"
                      "\n"
                      "1709123456789-AddInventoryItemAttributes\n"
                      "  ~ backfill:inventory_items/update\n"
                      "      set\n"
                      "          attributes = jsonb_build_object('brand', '[-Unknown-]{+None', 'condition', 'New+}')\n"
                      "      batch        5000 \u2192 1000\n"
                      "      estimate_ms  13 s \u2192 4 min\n"
                      "  ~ create_index:idx_attributes/create\n"
                      "      locks[public.inventory_items].mode    ShareUpdateExclusiveLock \u2192 ShareLock\n"
                      "      locks[public.inventory_items].blocks  schema changes \u2192 writes\n"
                      "\n"
                      "~ 1709123456789-CreateInventoryEventsTable\n"
                      "  description  none \u2192 The event store\n"
                      "  ~ create_table:inventory_events/create\n"
                      "      request.BillingMode            PAY_PER_REQUEST \u2192 PROVISIONED\n"
                      "      request.ProvisionedThroughput  none \u2192 {ReadCapacityUnits: 50, WriteCapacityUnits: 100}\n"
                      "      inverse.grade                  lossy \u2192 impossible\n"
                      "      inverse.why                    every event in table inventory_events \u2192 deletion protection is on\n"
                      "      inverse.action\n"
                      "        - {instruction: \"ddb.call\", forward: {action: \"DeleteTable\", request: {TableName: \"inventory_events\"}, wait: {table: \"inventory_events\", index: null, until: \"absent\"}}, probe: null}\n"
                      "  - register_event:StockReserved.1/register  expand\n"
                      "      registers StockReserved version 1 in inventory_event_schemas, compatibility backward\n"
                      "      undo exact\n"
                      "  + register_event:StockMoved.1/register  expand\n"
                      "      waits for: y\n"
                      "      pass it with: invplan apply --pass x\n"
                      "      undo nothing to do\n"
                      "\n"
                      "3 steps changed, 1 added, 1 removed, 0 moved, 2 the same\n");
}

static void the_same_change_in_many_steps_is_told_once(void **state)
{
    struct plan *after = plan_sample(&arena);

    (void)state;
    for (size_t i = 0; i < after->steps.count; i++)
        after->steps.items[i].timeouts.wait_ms = 900000;
    after->steps.items[0].phase = PHASE_CONTRACT;
    write_plan(0, plan_sample(&arena));
    write_plan(1, after);
    assert_text(load(), "a.plan (staging) \u2192 b.plan (staging)\n"
        "\n"
        "  in 5 steps: timeouts.wait_ms  5m \u2192 15m\n"
        "\n"
        "1709123456789-AddInventoryItemAttributes\n"
        "  ~ add_column:inventory_items.attributes/add\n"
        "      phase  expand \u2192 contract\n"
        "  ~ create_index:idx_attributes/create\n"
        "      timeouts.wait_ms  1h \u2192 15m\n"
        "\n"
        "6 steps changed (4 of them only as told above), 0 added, 0 removed, 0 moved, 0 the same\n");
}

static void names_that_follow_the_table_prefix_are_told_once(void **state)
{
    struct plan *after = plan_sample(&arena);
    struct diff *diff;

    (void)state;
    after->targets.items[1].table_prefix = "staging_";
    change(&after->steps.items[3],
        "{\"action\":\"CreateTable\",\"request\":{\"TableName\":\"staging_inventory_events\",\"BillingMode\":\"PROVISIONED\"},"
        "\"wait\":{\"table\":\"staging_inventory_events\",\"index\":null,\"until\":\"active\"}}");
    write_plan(0, plan_sample(&arena));
    write_plan(1, after);
    diff = load();
    assert_text(diff, "a.plan (staging) \u2192 b.plan (staging)\n"
                      "\n"
                      "  targets[event_store].table_prefix  \"\" \u2192 staging_\n"
                      "\n"
                      "  in 1 step: names follow table_prefix\n"
                      "\n"
                      "1709123456789-CreateInventoryEventsTable\n"
                      "  ~ create_table:inventory_events/create\n"
                      "      request.BillingMode  PAY_PER_REQUEST \u2192 PROVISIONED\n"
                      "\n"
                      "1 step changed, 0 added, 0 removed, 0 moved, 5 the same\n");
    write_plan(0, after);
    write_plan(1, plan_sample(&arena));
    assert_int_equal(load()->counts.prefixed, 1);
}

/* Swaps two steps of the sample. */
static struct plan *with_swapped_steps(size_t a, size_t b)
{
    struct plan *plan = plan_sample(&arena);
    struct plan_step step = plan->steps.items[a];

    plan->steps.items[a] = plan->steps.items[b];
    plan->steps.items[b] = step;
    return plan;
}

static void what_moved_is_told_and_as_little_as_possible(void **state)
{
    struct plan *after = with_swapped_steps(3, 5);

    (void)state;
    write_plan(0, plan_sample(&arena));
    write_plan(1, after);
    assert_text(load(), "a.plan (staging) \u2192 b.plan (staging)\n"
        "\n"
        "1709123456789-CreateInventoryEventsTable\n"
        "  > gate:readers-deployed/pass  moved\n"
        "  > register_event:StockReserved.1/register  moved\n"
        "\n"
        "0 steps changed, 0 added, 0 removed, 2 moved, 6 the same\n");
    write_plan(1, with_swapped_steps(4, 5));
    assert_int_equal(load()->counts.moved, 1);
}

static void added_and_removed_migrations_stand_where_they_are_in_their_plan(void **state)
{
    struct plan *before = plan_sample(&arena), *after = plan_sample(&arena);
    struct plan_migration added = {.id = "1709999999999-Later", .target = "operational", .first_step = 6, .step_count = 1};

    (void)state;
    VEC_PUSH(&arena, &after->migrations, added);
    VEC_PUSH(&arena, &after->steps, plan_sample_step(&arena, "1709999999999-Later/sql/run", added.id, "operational",
        INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE VIEW v AS\\n  SELECT 1\",\"ANALYZE x\"]}"));
    write_plan(0, before);
    write_plan(1, after);
    assert_text(load(), "a.plan (staging) \u2192 b.plan (staging)\n"
        "\n"
        "+ 1709999999999-Later\n"
        "  + sql/run  expand\n"
        "      CREATE VIEW v AS\n"
        "        SELECT 1;\n"
        "      ANALYZE x;\n"
        "      undo nothing to do\n"
        "\n"
        "0 steps changed, 1 added, 0 removed, 0 moved, 6 the same\n");
    write_plan(0, after);
    write_plan(1, before);
    assert_text(load(), "a.plan (staging) \u2192 b.plan (staging)\n"
        "\n"
        "- 1709999999999-Later\n"
        "  - sql/run  expand\n"
        "      CREATE VIEW v AS\n"
        "        SELECT 1;\n"
        "      ANALYZE x;\n"
        "      undo nothing to do\n"
        "\n"
        "0 steps changed, 0 added, 1 removed, 0 moved, 6 the same\n");
}

static void markdown_is_safe_and_complete(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    write_plan(0, plan_sample(&arena));
    write_plan(1, edited_plan());
    diff_print_markdown(&out, load());
    assert_string_equal(out.data, "### Plans of inventory-service: staging \u2192 production\n"
        "\n"
        "| Steps changed | added | removed | moved | the same |\n"
        "|--:|--:|--:|--:|--:|\n"
        "| 3 | 1 | 1 | 0 | 2 |\n"
        "\n"
        "#### Header\n"
        "\n"
        "- `policy.on_failure`: `halt` \u2192 `rollback`\n"
        "- `policy.retry_for_ms`: `5m` \u2192 `10m`\n"
        "- `targets[operational].connection.url`: `${env:DATABASE_URL}` \u2192 none\n"
        "- `targets[operational].connection.secret`: none \u2192 `${env:POSTGRES_SECRET_ARN}`\n"
        "- `backup`: none \u2192 `{before: \"apply\", rds: true}`\n"
        "- `notify.on`: `+ start`\n"
        "\n"
        "#### 1709123456789-AddInventoryItemAttributes\n"
        "\n"
        "**changed** `backfill:inventory_items/update`\n"
        "\n"
        "- `set`\n"
        "\n"
        "```diff\n"
        "- attributes = jsonb_build_object('brand', 'Unknown')\n"
        "+ attributes = jsonb_build_object('brand', 'None', 'condition', 'New')\n"
        "```\n"
        "\n"
        "- `batch`: `5000` \u2192 `1000`\n"
        "- `estimate_ms`: `13 s` \u2192 `4 min`\n"
        "\n"
        "**changed** `create_index:idx_attributes/create`\n"
        "\n"
        "- `locks[public.inventory_items].mode`: `ShareUpdateExclusiveLock` \u2192 `ShareLock`\n"
        "- `locks[public.inventory_items].blocks`: `schema changes` \u2192 `writes`\n"
        "\n"
        "#### 1709123456789-CreateInventoryEventsTable changed\n"
        "\n"
        "- `description`: none \u2192 `The event store`\n"
        "\n"
        "**changed** `create_table:inventory_events/create`\n"
        "\n"
        "- `request.BillingMode`: `PAY_PER_REQUEST` \u2192 `PROVISIONED`\n"
        "- `request.ProvisionedThroughput`: none \u2192 `{ReadCapacityUnits: 50, WriteCapacityUnits: 100}`\n"
        "- `inverse.grade`: `lossy` \u2192 `impossible`\n"
        "- `inverse.why`: `every event in table inventory_events` \u2192 `deletion protection is on`\n"
        "- `inverse.action`\n"
        "\n"
        "```diff\n"
        "- {instruction: \"ddb.call\", forward: {action: \"DeleteTable\", request: {TableName: \"inventory_events\"}, wait: {table: \"inventory_events\", index: null, until: \"absent\"}}, probe: null}\n"
        "```\n"
        "\n"
        "\n"
        "**removed** `register_event:StockReserved.1/register`\n"
        "\n"
        "```diff\n"
        "- registers StockReserved version 1 in inventory_event_schemas, compatibility backward\n"
        "```\n"
        "\n"
        "- undo exact\n"
        "\n"
        "**added** `register_event:StockMoved.1/register`\n"
        "\n"
        "```diff\n"
        "+ waits for: y\n"
        "+ pass it with: invplan apply --pass x\n"
        "```\n"
        "\n"
        "- undo nothing to do\n");
    strbuf_free(&out);
}

static void json_holds_every_change(void **state)
{
    struct strbuf out = STRBUF_INIT;
    struct json_error error;
    const struct json *value;

    (void)state;
    write_plan(0, plan_sample(&arena));
    write_plan(1, edited_plan());
    diff_print_json(&out, load());
    value = json_read(&arena, strbuf_view(&out), JSON_STRICT, &error);
    if (!value)
        fail_msg("%s: %s", error.message, out.data);
    assert_true(json_bool(json_get(value, "different"), false));
    assert_string_equal(json_text(json_get(json_get(value, "steps"), "changed")).data, "3");
    assert_string_equal(json_text(json_get(json_get(value, "steps"), "added")).data, "1");
    assert_string_equal(json_text(json_get(json_get(value, "steps"), "removed")).data, "1");
    value = json_at(json_get(json_at(json_get(json_at(json_get(value, "migrations"), 0), "steps"), 0), "changes"), 0);
    assert_string_equal(json_string(json_get(value, "key")), "effect_digest");
    strbuf_free(&out);
}

static void damaged_plans_are_refused(void **state)
{
    struct str text = plan_sample_text(&arena);
    char *copy = arena_strndup(&arena, text.data, text.len);
    struct diff *diff;
    struct error error;

    (void)state;
    copy[100] ^= 1;
    write_text(0, text);
    write_text(1, (struct str){copy, text.len});
    assert_false(diff_load(&arena, paths[0], paths[1], &diff, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_non_null(strstr(error.message, "/b:10: the plan was changed after it was compiled"));
    write_text(1, plan_sample_edit(&arena, text, "\"instruction\":\"gate\"", "\"instruction\":\"gat\""));
    assert_false(diff_load(&arena, paths[0], paths[1], &diff, &error));
    assert_non_null(strstr(error.message, "/b:9: 'action.instruction': 'gat' is unknown"));
    write_text(1, plan_sample_edit(&arena, text, "{\"step\":\"1709123456789-CreateInventoryEventsTable/gate:readers-deployed/pass\"",
        "{\"step\":\"1709123456789-CreateInventoryEventsTable/create_table:inventory_events/create\""));
    assert_false(diff_load(&arena, paths[0], paths[1], &diff, &error));
    assert_non_null(strstr(error.message, "/b:9: step "));
    assert_non_null(strstr(error.message, "is there twice"));
    unlink(paths[1]);
    assert_false(diff_load(&arena, paths[0], paths[1], &diff, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
}

static void assert_words(const char *before, const char *after, const char *wanted)
{
    struct diff_words words = {0};
    struct strbuf out = STRBUF_INIT;

    diff_words(&arena, str_from(before), str_from(after), &words);
    strbuf_append_text(&out, "");
    for (size_t i = 0; i < words.items.count; i++)
        strbuf_printf(&out, "%s%.*s%s", &"\0\0[-\0{+"[words.items.items[i].kind * 3 - (words.items.items[i].kind > 0)],
            STR_ARG(words.items.items[i].text), words.items.items[i].kind == DIFF_WORD_SAME ? "" : "]");
    assert_string_equal(out.data, wanted);
    strbuf_free(&out);
}

static void words_are_compared_as_words(void **state)
{
    (void)state;
    assert_words("a b c", "a b c", "a b c");
    assert_words("a b c", "a x c", "a [-b]{+x] c");
    assert_words("", "x", "{+x]");
    assert_words("x", "", "[-x]");
    assert_words("", "", "");
    assert_words("text not null", "text", "text[- not null]");
    assert_words("f(a,b)", "f(a, b, c)", "f(a,{+ ]b{+, c])");
    assert_words("ALTER TABLE t ADD c int", "ALTER TABLE t ADD c bigint DEFAULT 0", "ALTER TABLE t ADD c [-int]{+bigint DEFAULT 0]");
    assert_words("\xC3\xA9\x61", "\xC3\xA9\x62", "[-\xC3\xA9\x61]{+\xC3\xA9\x62]");
}

static void texts_too_long_for_words_come_out_whole(void **state)
{
    struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
    struct diff_words words = {0};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        strbuf_printf(&a, "a%d ", i);
        strbuf_printf(&b, "b%d ", i);
    }
    diff_words(&arena, strbuf_view(&a), strbuf_view(&b), &words);
    assert_int_equal(words.items.count, 3); /* the blank at the end is the same */
    assert_int_equal(words.items.items[0].kind, DIFF_WORD_REMOVED);
    assert_int_equal(words.items.items[1].kind, DIFF_WORD_ADDED);
    strbuf_free(&a);
    strbuf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plan_does_not_differ_from_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_environments_name_the_inputs_and_the_place_in_the_sources_are_no_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_kind_of_difference_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_change_in_many_steps_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_follow_the_table_prefix_are_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moved_is_told_and_as_little_as_possible, set_up, tear_down),
        cmocka_unit_test_setup_teardown(added_and_removed_migrations_stand_where_they_are_in_their_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(markdown_is_safe_and_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_holds_every_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_plans_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_are_compared_as_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_too_long_for_words_come_out_whole, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
