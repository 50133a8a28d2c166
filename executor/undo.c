#include "executor/undo.h"

#include <stdlib.h>
#include <string.h>

#include "executor/pause.h"
#include "executor/step.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { DETAIL_MAX = 1024 };

static int compare_items(const void *a, const void *b)
{
    int64_t left = ((const struct undo_item *)a)->run_seq;
    int64_t right = ((const struct undo_item *)b)->run_seq;

    return (left < right) - (left > right);
}

static bool collect_target(struct session *session, struct session_target *target, undo_filter *wanted, void *context,
    struct undo_list *out, struct error *error)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
        const struct ledger_step *ledger = entry->value;
        struct plan_step *step;

        if (ledger->state == STEP_STATE_PENDING && !ledger->begun)
            continue;
        step = ARENA_NEW(session->arena, struct plan_step);
        if (!session_read_step(session, ledger, step, error))
            return false;
        if (ledger->state != STEP_STATE_APPLIED && ledger->state != STEP_STATE_UNDO_STARTED &&
            !ledger_step_can_be_undone_unfinished(ledger, step))
            continue;
        if (!wanted(context, step, ledger))
            continue;
        VEC_PUSH(session->arena, &out->items,
            (struct undo_item){
                .target = target,
                .ledger = ledger,
                .step = step,
                .run_seq = ledger_step_origin(ledger)->run_seq,
            });
    }
    return true;
}

bool undo_collect(
    struct session *session, undo_filter *wanted, void *context, struct undo_list *out, struct error *error)
{
    *out = (struct undo_list){0};
    for (size_t i = 0; i < session->target_count; i++)
        if (!collect_target(session, &session->targets[i], wanted, context, out, error))
            return false;
    if (out->items.count)
        qsort(out->items.items, out->items.count, sizeof(out->items.items[0]), compare_items);
    return true;
}

/* --- what it would cost ------------------------------------------------------------------------------------------- */

/* Undoing this takes data of the relation or table back: what came with it is no reason for a guard to fail. */
static bool takes_data_back(const struct undo_item *item, const char *object)
{
    const char *name = strchr(object, ' ');
    const struct json *forward = item->step->action.forward;
    const char *written = NULL;

    if (item->refusal || item->loss || item->left_alone || item->step->inverse.action.none || !name)
        return false;
    if (item->step->action.instruction == INSTRUCTION_PG_BACKFILL)
        written = json_string(json_get(forward, "relation"));
    else if (item->step->action.instruction == INSTRUCTION_DDB_PUT_ITEMS)
        written = json_string(json_get(forward, "table"));
    if (written)
        return strcmp(written, name + 1) == 0;
    for (size_t i = 0; i < item->step->locks.count; i++)
        if (strcmp(item->step->locks.items[i].mode, "RowExclusiveLock") == 0 &&
            strcmp(item->step->locks.items[i].relation, name + 1) == 0)
            return true;
    return false;
}

/* The step, undone before the one at index, whose data is what its guard meets; NULL: there is none. */
static const char *find_data_step(const struct undo_list *list, size_t index)
{
    const struct undo_item *item = &list->items.items[index];

    for (size_t i = index; i-- > 0;)
        for (size_t e = 0; e < item->step->effect.count; e++)
            if (list->items.items[i].target == item->target &&
                takes_data_back(&list->items.items[i], item->step->effect.items[e].object))
                return list->items.items[i].step->id;
    return NULL;
}

/* SQLSTATE class 42: the guard names a table, column, function or type that is not there. */
static bool is_undefined(const struct error *error)
{
    static const char *const states[] = {"42P01", "42703", "42883", "42704", "3F000"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(error->sqlstate, states[i]) == 0)
            return true;
    return false;
}

/* The nearest step, undone before the one at index, that concerns an object of its: what it dropped or renamed is back when
 * the guard is asked in its turn. NULL: there is none. */
static const char *find_restoring_step(const struct undo_list *list, size_t index)
{
    const struct undo_item *item = &list->items.items[index];

    for (size_t i = index; i-- > 0;) {
        const struct undo_item *before = &list->items.items[i];

        if (before->target != item->target || before->refusal || before->left_alone || before->step->inverse.action.none)
            continue;
        for (size_t e = 0; e < item->step->effect.count; e++)
            for (size_t b = 0; b < before->step->effect.count; b++)
                if (strcmp(item->step->effect.items[e].object, before->step->effect.items[b].object) == 0)
                    return before->step->id;
    }
    return NULL;
}

/* A rollback that was written for the migration as a whole undoes nothing less: the first of its steps that was never
 * applied. NULL: there is none. */
static const char *find_missing(const struct undo_item *item)
{
    const struct json *whole = json_get(item->step->inverse.guard, "whole");
    const struct ledger_row *origin = ledger_step_origin(item->ledger);

    for (const struct json *id = whole ? whole->child : NULL; id; id = id->next) {
        const struct ledger_step *other = ledger_state_find(&item->target->state, json_string(id));

        if (!other || (other->state != STEP_STATE_APPLIED && other->state != STEP_STATE_UNDO_STARTED &&
                          !(other->last && other->last->run_seq > origin->run_seq &&
                              (other->last->event == LEDGER_EVENT_UNDONE || other->last->event == LEDGER_EVENT_RESOLVED))))
            return json_string(id);
    }
    return NULL;
}

/* Asks the guard of an exact inverse. *loss stays NULL while it holds. */
static bool judge_guard(struct session *session, const struct undo_item *item, const char **loss, struct error *error)
{
    char detail[DETAIL_MAX] = "";
    const char *missing;
    bool holds = true;

    *loss = NULL;
    if (!item->step->inverse.guard)
        return true;
    missing = find_missing(item);
    if (missing) {
        *loss = arena_printf(session->arena, "its rollback was written for the whole migration, and step '%s' is not applied",
            missing);
        return true;
    }
    if (!item->target->ops->guard(item->target->driver, item->step, &holds, detail, sizeof(detail), error))
        return error_wrap(error, "the guard of step '%s'", item->step->id);
    if (!holds)
        *loss = detail[0]                 ? arena_strdup(session->arena, detail)
                : item->step->inverse.why ? item->step->inverse.why
                                          : "its guard does not hold";
    return true;
}

/* An undo of several statements that was begun went past its guard, and may have made it false by itself. */
static bool is_past_guard(const struct undo_item *item)
{
    return item->ledger->state == STEP_STATE_UNDO_STARTED &&
           instruction_is_alone(item->step->inverse.action.instruction);
}

static bool judge_item(
    struct session *session, const struct undo_list *list, size_t index, bool by_itself, struct error *error)
{
    struct undo_item *item = &list->items.items[index];
    const struct ledger_row *applied = item->ledger->applied;

    if (applied && (applied->event == LEDGER_EVENT_ADOPTED || applied->event == LEDGER_EVENT_BASELINED)) {
        item->left_alone = "it was in place before; it is left as it is";
        if (by_itself)
            item->refusal = "it was in place before the run";
        return true;
    }
    if (item->step->point_of_no_return) {
        item->refusal = "it is a point of no return";
        return true;
    }
    if (item->step->action.instruction == INSTRUCTION_GATE) {
        if (by_itself)
            item->refusal = "a person passed this gate";
        return true;
    }
    switch (item->step->inverse.grade) {
    case GRADE_IMPOSSIBLE:
        item->refusal = item->step->inverse.why ? item->step->inverse.why : "it has no inverse";
        return true;
    case GRADE_LOSSY:
        item->loss = item->step->inverse.why ? item->step->inverse.why : "data is lost";
        return true;
    case GRADE_EXACT:
        break;
    }
    if (is_past_guard(item))
        return true;
    if (!judge_guard(session, item, &item->loss, error)) {
        /* A later step dropped or renamed what the guard looks at: it can be asked once that is undone. */
        item->holds_after = is_undefined(error) ? find_restoring_step(list, index) : NULL;
        return item->holds_after != NULL;
    }
    if (item->loss) {
        item->holds_after = find_data_step(list, index);
        item->loss = item->holds_after ? NULL : item->loss;
    }
    return true;
}

bool undo_judge(struct session *session, struct undo_list *list, bool by_itself, struct error *error)
{
    for (size_t i = 0; i < list->items.count; i++) {
        session_tick(session);
        if (!session_check(session, error) || !judge_item(session, list, i, by_itself, error))
            return false;
    }
    return true;
}

size_t undo_count_losses(const struct undo_list *list)
{
    size_t count = 0;

    for (size_t i = 0; i < list->items.count; i++)
        count += list->items.items[i].loss != NULL;
    return count;
}

size_t undo_count_refusals(const struct undo_list *list)
{
    size_t count = 0;

    for (size_t i = 0; i < list->items.count; i++)
        count += list->items.items[i].refusal != NULL;
    return count;
}

void undo_print(const struct undo_list *list, struct strbuf *out)
{
    for (size_t i = 0; i < list->items.count; i++) {
        const struct undo_item *item = &list->items.items[i];

        strbuf_printf(out, "  undo %s  %s  ", item->target->plan->name, item->step->id);
        if (item->refusal)
            strbuf_printf(out, "cannot be undone: %s\n", item->refusal);
        else if (item->loss)
            strbuf_printf(out, "loses: %s\n", item->loss);
        else if (item->left_alone)
            strbuf_printf(out, "%s\n", item->left_alone);
        else if (item->holds_after)
            strbuf_printf(out, "exact once %s is undone\n", item->holds_after);
        else
            strbuf_append_text(out, "exact\n");
    }
}

void undo_report(const struct undo_list *list, struct report *report)
{
    for (size_t i = 0; i < list->items.count; i++) {
        const struct undo_item *item = &list->items.items[i];

        VEC_PUSH(report->arena, &report->undo,
            (struct report_undo){item->step->id, item->target->plan->name, item->loss, item->refusal});
    }
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static bool guard_still_holds(struct session *session, const struct undo_item *item, struct error *error)
{
    const char *loss = NULL;

    if (item->loss || item->left_alone || is_past_guard(item) || item->step->inverse.grade != GRADE_EXACT ||
        item->step->action.instruction == INSTRUCTION_GATE)
        return true;
    if (!judge_guard(session, item, &loss, error))
        return false;
    if (!loss)
        return true;
    error_set(error, EXIT_STATUS_UNDO_HALTED, "undoing step '%s' would lose data that came in the meantime: %s",
        item->step->id, loss);
    return error_help(error, "to undo it nevertheless: %s", session_line(session, "rollback --resume --yes"));
}

/* What a step is in the report whose undo did not succeed. */
static const char *name_not_undone(enum step_state state)
{
    if (state == STEP_STATE_UNDO_STARTED)
        return "undo failed";
    return state == STEP_STATE_APPLIED ? "applied" : "started";
}

static bool undo_one(struct session *session, const struct undo_item *item, struct progress *progress,
    struct report *report, struct error *error)
{
    struct report_step *entry = report_step(report, item->step);
    struct plan_step step = *item->step;
    struct step_outcome outcome;
    int64_t started_ms = session_now(session);
    bool ok;

    (void)pause_wait(&session->env, arena_printf(session->arena, "the undo of step '%s'", item->step->id));
    if (session_stopping(session)) {
        if (!session_check(session, error))
            return false;
        error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked, before step '%s' was undone", item->step->id);
        return error_help(error, "to go on: %s", session_line(session, "rollback --resume"));
    }
    if (!guard_still_holds(session, item, error))
        return false;
    progress_started(progress, item->target->plan->name, item->step->id);
    /* Drivers hold a guard again inside the undo's transaction; a loss that a person consented to must pass it. */
    if (item->loss || is_past_guard(item))
        step.inverse.guard = NULL;
    ok = step_undo(session, item->target, &step, item->ledger, &outcome, error);
    outcome.duration_ms = session_now(session) - started_ms;
    if (ok) {
        report_outcome(entry, "undone", &outcome);
        progress_done(progress, item->target->plan->name, item->step->id, "undone", outcome.duration_ms,
            outcome.affected, item->left_alone);
        return true;
    }
    report_outcome(entry, name_not_undone(outcome.state), &outcome);
    report_error(report, entry, error);
    progress_done(
        progress, item->target->plan->name, item->step->id, "failed", outcome.duration_ms, -1, error->message);
    if (error->exit_status == EXIT_STATUS_LEASE)
        return false;
    if (error->exit_status == EXIT_STATUS_RESUMABLE)
        return error_help(error, "to go on: %s", session_line(session, "rollback --resume"));
    if (outcome.state == STEP_STATE_UNDO_STARTED) {
        error->exit_status = EXIT_STATUS_UNDO_HALTED;
        error_wrap(error, "step '%s' could not be undone", item->step->id);
        error_help(error, "mend the cause, then: %s; or undo it by hand and say so: %s",
            session_line(session, "rollback --resume"),
            session_line(session, "resolve %s --as undone --reason TEXT", item->step->id));
    }
    return false;
}

bool undo_execute(struct session *session, const struct undo_list *list, struct progress *progress,
    struct report *report, struct error *error)
{
    progress_expect(progress, list->items.count);
    for (size_t i = 0; i < list->items.count; i++) {
        if (!undo_one(session, &list->items.items[i], progress, report, error))
            return false;
        session_tick(session);
    }
    return true;
}
