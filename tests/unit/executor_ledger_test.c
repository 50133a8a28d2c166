/* The ledger's fold and its chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/ledger.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

static struct arena arena;

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct ledger_row *add(
    struct ledger *ledger, const char *run, const char *step, enum ledger_event event, int64_t attempt)
{
    struct ledger_row row = {
        .seq = (int64_t)ledger->rows.count + 1,
        .prev_hash = ledger->rows.count ? ledger->rows.items[ledger->rows.count - 1].hash : "",
        .run = run,
        .run_seq = (int64_t)ledger->rows.count + 10,
        .step = step,
        .attempt = attempt,
        .event = event,
        .source_digest = "s",
        .effect_digest = "e",
        .plan_digest = "p",
        .step_line = STR("{}"),
        .observed = STR(""),
        .token = 3,
        .at = "2024-03-01T00:00:00Z",
        .note = STR(""),
    };

    row.hash = arena_strdup(&arena, ledger_row_hash(&row).hex);
    ledger->head_hash = row.hash;
    VEC_PUSH(&arena, &ledger->rows, row);
    return &ledger->rows.items[ledger->rows.count - 1];
}

static enum step_state state_of(const struct ledger *ledger, const char *step)
{
    struct ledger_state state;
    const struct ledger_step *found;

    ledger_fold(&arena, ledger, &state);
    found = ledger_state_find(&state, step);
    assert_non_null(found);
    return found->state;
}

static void a_steps_state_is_its_last_row(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    add(&ledger, "r", "a", LEDGER_EVENT_STARTED, 1);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_STARTED);
    add(&ledger, "r", "a", LEDGER_EVENT_FAILED, 1);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_PENDING);
    add(&ledger, "r", "a", LEDGER_EVENT_APPLIED, 2);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_APPLIED);
    add(&ledger, "r", "a", LEDGER_EVENT_UNDO_STARTED, 3);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_UNDO_STARTED);
    add(&ledger, "r", "a", LEDGER_EVENT_UNDONE, 3);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_PENDING);
    add(&ledger, "r", "a", LEDGER_EVENT_ADOPTED, 4);
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_APPLIED);
}

static void a_resolved_step_is_what_the_person_said(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    add(&ledger, "r", "a", LEDGER_EVENT_RESOLVED, 1)->note = STR("{\"as\":\"applied\",\"reason\":\"looked\"}");
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_APPLIED);
    add(&ledger, "r", "a", LEDGER_EVENT_RESOLVED, 2)->note = STR("{\"as\":\"undone\"}");
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_PENDING);
    add(&ledger, "r", "a", LEDGER_EVENT_RESOLVED, 3)->note = STR("not JSON");
    assert_int_equal(state_of(&ledger, "a"), STEP_STATE_PENDING);
}

static void the_row_that_made_a_step_applied_is_kept_while_it_is_being_undone(void **state)
{
    struct ledger ledger = {0};
    struct ledger_state folded;

    (void)state;
    add(&ledger, "r", "a", LEDGER_EVENT_APPLIED, 1);
    add(&ledger, "r2", "a", LEDGER_EVENT_UNDO_STARTED, 2);
    ledger_fold(&arena, &ledger, &folded);
    assert_non_null(ledger_state_find(&folded, "a")->applied);
    assert_string_equal(ledger_state_find(&folded, "a")->applied->run, "r");
    assert_int_equal(ledger_state_find(&folded, "a")->attempts, 2);
}

static void the_newest_run_is_that_of_the_highest_run_seq(void **state)
{
    struct ledger ledger = {0};
    struct ledger_state folded;

    (void)state;
    ledger_fold(&arena, &ledger, &folded);
    assert_null(folded.last_run);
    add(&ledger, "r1", "a", LEDGER_EVENT_APPLIED, 1);
    add(&ledger, "r2", "b", LEDGER_EVENT_FAILED, 1);
    ledger_fold(&arena, &ledger, &folded);
    assert_string_equal(folded.last_run, "r2");
    assert_true(folded.last_run_unsettled);
    assert_false(folded.last_run_ended);
    add(&ledger, "r2", "b", LEDGER_EVENT_APPLIED, 2);
    add(&ledger, "r2", LEDGER_NO_STEP, LEDGER_EVENT_ENDED, 1);
    ledger_fold(&arena, &ledger, &folded);
    assert_false(folded.last_run_unsettled);
    assert_true(folded.last_run_ended);
    assert_null(ledger_state_find(&folded, LEDGER_NO_STEP));
}

static void an_intact_chain_is_verified(void **state)
{
    struct ledger ledger = {0};
    struct error error;

    (void)state;
    assert_true(ledger_verify(&ledger, &error));
    for (int i = 0; i < 5; i++)
        add(&ledger, "r", "a", LEDGER_EVENT_APPLIED, i);
    assert_true(ledger_verify(&ledger, &error));
}

static void every_changed_field_breaks_the_chain(void **state)
{
    (void)state;
    for (int field = 0; field < 15; field++) {
        struct ledger ledger = {0};
        struct ledger_row *row;
        struct error error;

        add(&ledger, "r", "a", LEDGER_EVENT_APPLIED, 1);
        add(&ledger, "r", "b", LEDGER_EVENT_APPLIED, 1);
        add(&ledger, "r", "c", LEDGER_EVENT_APPLIED, 1);
        row = &ledger.rows.items[1];
        switch (field) {
        case 0:
            row->seq = 9;
            break;
        case 1:
            row->prev_hash = "0";
            break;
        case 2:
            row->hash = "0";
            break;
        case 3:
            row->run = "x";
            break;
        case 4:
            row->run_seq = 99;
            break;
        case 5:
            row->step = "x";
            break;
        case 6:
            row->attempt = 2;
            break;
        case 7:
            row->event = LEDGER_EVENT_ADOPTED;
            break;
        case 8:
            row->source_digest = "x";
            break;
        case 9:
            row->effect_digest = "x";
            break;
        case 10:
            row->plan_digest = "x";
            break;
        case 11:
            row->step_line = STR("{ }");
            break;
        case 12:
            row->observed = STR("{}");
            break;
        case 13:
            row->token = 4;
            break;
        default:
            row->note = STR("{}");
            break;
        }
        if (ledger_verify(&ledger, &error))
            fail_msg("field %d can be changed unseen", field);
        assert_int_equal(error.exit_status, EXIT_STATUS_HISTORY);
    }
}

static void missing_rows_break_the_chain_in_the_middle_and_at_the_end(void **state)
{
    struct ledger ledger = {0};
    struct error error;

    (void)state;
    add(&ledger, "r", "a", LEDGER_EVENT_APPLIED, 1);
    add(&ledger, "r", "b", LEDGER_EVENT_APPLIED, 1);
    add(&ledger, "r", "c", LEDGER_EVENT_APPLIED, 1);
    ledger.rows.count = 2;
    assert_false(ledger_verify(&ledger, &error));
    assert_non_null(strstr(error.message, "missing at its end"));
    ledger.rows.count = 3;
    ledger.rows.items[1] = ledger.rows.items[2];
    ledger.rows.count = 2;
    assert_false(ledger_verify(&ledger, &error));
    assert_non_null(strstr(error.message, "row 2 is missing"));
}

static void the_hash_is_the_sha256_of_the_fields_each_on_a_line(void **state)
{
    const struct ledger_row row = {.seq = 1,
        .prev_hash = "",
        .run = "R",
        .run_seq = 5,
        .step = "S",
        .attempt = 2,
        .event = LEDGER_EVENT_APPLIED,
        .source_digest = "a",
        .effect_digest = "b",
        .plan_digest = "c",
        .step_line = STR("{\"x\":1}"),
        .observed = STR("{}"),
        .token = 7,
        .at = "T",
        .note = STR("")};

    (void)state;
    assert_string_equal(
        ledger_row_hash(&row).hex, digest_of(STR("\n1\nR\n5\nS\n2\nAPPLIED\na\nb\nc\n{\"x\":1}\n{}\n7\nT\n\n")).hex);
}

static void event_names_are_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < LEDGER_EVENT_COUNT; i++) {
        enum ledger_event event;

        assert_true(ledger_event_from_name(str_from(ledger_event_name((enum ledger_event)i)), &event));
        assert_int_equal(event, i);
    }
    assert_false(ledger_event_from_name(STR("applied"), &(enum ledger_event){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steps_state_is_its_last_row),
        cmocka_unit_test(a_resolved_step_is_what_the_person_said),
        cmocka_unit_test(the_row_that_made_a_step_applied_is_kept_while_it_is_being_undone),
        cmocka_unit_test(the_newest_run_is_that_of_the_highest_run_seq),
        cmocka_unit_test(an_intact_chain_is_verified),
        cmocka_unit_test(every_changed_field_breaks_the_chain),
        cmocka_unit_test(missing_rows_break_the_chain_in_the_middle_and_at_the_end),
        cmocka_unit_test(the_hash_is_the_sha256_of_the_fields_each_on_a_line),
        cmocka_unit_test(event_names_are_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
