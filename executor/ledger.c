#include "executor/ledger.h"

#include <string.h>

#include "spec/base/digest.h"
#include "spec/exit.h"

static const char *const event_names[LEDGER_EVENT_COUNT] = {
#define LEDGER_ROW(name) [LEDGER_EVENT_##name] = #name,
    LEDGER_EVENTS(LEDGER_ROW)
#undef LEDGER_ROW
};

const char *ledger_event_name(enum ledger_event event)
{
    return event_names[event];
}

bool ledger_event_from_name(struct str name, enum ledger_event *out)
{
    for (size_t i = 0; i < LEDGER_EVENT_COUNT; i++) {
        if (str_is(name, event_names[i])) {
            *out = (enum ledger_event)i;
            return true;
        }
    }
    return false;
}

static bool resolved_as_applied(struct str note)
{
    struct arena arena = ARENA_INIT;
    struct json_error error;
    const char *as = json_string(json_get(json_read(&arena, note, JSON_STRICT, &error), "as"));
    bool applied = as && strcmp(as, "applied") == 0;

    arena_free(&arena);
    return applied;
}

static enum step_state state_after(const struct ledger_row *row)
{
    switch (row->event) {
    case LEDGER_EVENT_STARTED:
        return STEP_STATE_STARTED;
    case LEDGER_EVENT_UNDO_STARTED:
        return STEP_STATE_UNDO_STARTED;
    case LEDGER_EVENT_APPLIED:
    case LEDGER_EVENT_ADOPTED:
    case LEDGER_EVENT_BASELINED:
    case LEDGER_EVENT_GATE_PASSED:
        return STEP_STATE_APPLIED;
    case LEDGER_EVENT_RESOLVED:
        return resolved_as_applied(row->note) ? STEP_STATE_APPLIED : STEP_STATE_PENDING;
    case LEDGER_EVENT_FAILED:
    case LEDGER_EVENT_UNDONE:
    case LEDGER_EVENT_ROLLBACK:
    case LEDGER_EVENT_ENDED:
    case LEDGER_EVENT_COUNT:
        break;
    }
    return STEP_STATE_PENDING;
}

static void fold_step(struct arena *arena, const struct ledger_row *row, struct map *steps)
{
    struct str key = str_from(row->step);
    struct ledger_step *step = map_get(steps, key);

    if (!step) {
        step = ARENA_NEW(arena, struct ledger_step);
        map_put(steps, key, step);
    }
    step->state = state_after(row);
    step->last = row;
    if (step->state == STEP_STATE_APPLIED)
        step->applied = row;
    else if (step->state == STEP_STATE_PENDING || step->state == STEP_STATE_STARTED)
        step->applied = NULL;
    if (row->event == LEDGER_EVENT_STARTED)
        step->begun = row;
    else if (step->state == STEP_STATE_PENDING && row->event != LEDGER_EVENT_FAILED)
        step->begun = NULL;
    if (row->step_line.len)
        step->step_line = row->step_line;
    if (row->attempt > step->attempts)
        step->attempts = row->attempt;
}

void ledger_fold(struct arena *arena, const struct ledger *ledger, struct ledger_state *out)
{
    const struct map_entry *entry;
    const struct ledger_row *newest = NULL;

    memset(out, 0, sizeof(*out));
    map_init(&out->steps, arena);
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const struct ledger_row *row = &ledger->rows.items[i];

        if (strcmp(row->step, LEDGER_NO_STEP) != 0)
            fold_step(arena, row, &out->steps);
        if (!newest || row->run_seq >= newest->run_seq)
            newest = row;
    }
    if (!newest)
        return;
    out->last_run = newest->run;
    out->last_plan_digest = newest->plan_digest;
    out->last_run_seq = newest->run_seq;
    for (size_t i = ledger->rows.count; i-- > 0 && !out->last_run_ended;)
        out->last_run_ended =
            ledger->rows.items[i].event == LEDGER_EVENT_ENDED && strcmp(ledger->rows.items[i].run, out->last_run) == 0;
    for (size_t i = 0; map_next(&out->steps, &i, &entry);) {
        const struct ledger_step *step = entry->value;

        if ((step->last->event == LEDGER_EVENT_STARTED || step->last->event == LEDGER_EVENT_UNDO_STARTED ||
                step->last->event == LEDGER_EVENT_FAILED) &&
            strcmp(step->last->run, out->last_run) == 0)
            out->last_run_unsettled = true;
    }
}

bool ledger_step_is_letting_go(const struct ledger_step *ledger)
{
    struct arena arena = ARENA_INIT;
    struct json_error unread;
    bool found = ledger->state == STEP_STATE_UNDO_STARTED && ledger->last->note.len &&
        json_bool(json_get(json_read(&arena, ledger->last->note, JSON_STRICT, &unread), LEDGER_NOTE_LETTING_GO), false);

    arena_free(&arena);
    return found;
}

bool ledger_step_is_partial(const struct ledger_step *ledger, const struct plan_step *step)
{
    return instruction_is_gradual(step->action.instruction) && ledger->begun &&
           (ledger->state == STEP_STATE_STARTED || ledger->state == STEP_STATE_PENDING);
}

bool ledger_step_is_build(const struct plan_step *step)
{
    return step->action.instruction == INSTRUCTION_DDB_CALL &&
           str_is(json_text(json_get(json_get(step->action.forward, "wait"), "until")), "index_active");
}

bool ledger_step_can_be_undone_unfinished(const struct ledger_step *ledger, const struct plan_step *step)
{
    return ledger_step_is_partial(ledger, step) || (ledger->state == STEP_STATE_STARTED && ledger_step_is_build(step));
}

const struct ledger_row *ledger_step_origin(const struct ledger_step *ledger)
{
    if (ledger->applied)
        return ledger->applied;
    return ledger->begun ? ledger->begun : ledger->last;
}

const struct ledger_step *ledger_state_find(const struct ledger_state *state, const char *step)
{
    return map_get(&state->steps, str_from(step));
}

static void hash_text(struct strbuf *buf, struct str text)
{
    strbuf_append_str(buf, text);
    strbuf_append_char(buf, '\n');
}

static void hash_integer(struct strbuf *buf, int64_t value)
{
    strbuf_printf(buf, "%lld\n", (long long)value);
}

static struct digest hash_row(struct strbuf *buf, const struct ledger_row *row)
{
    strbuf_clear(buf);
    hash_text(buf, str_from(row->prev_hash));
    hash_integer(buf, row->seq);
    hash_text(buf, str_from(row->run));
    hash_integer(buf, row->run_seq);
    hash_text(buf, str_from(row->step));
    hash_integer(buf, row->attempt);
    hash_text(buf, str_from(ledger_event_name(row->event)));
    hash_text(buf, str_from(row->source_digest));
    hash_text(buf, str_from(row->effect_digest));
    hash_text(buf, str_from(row->plan_digest));
    hash_text(buf, row->step_line);
    hash_text(buf, row->observed);
    hash_integer(buf, row->token);
    hash_text(buf, str_from(row->at));
    hash_text(buf, row->note);
    return digest_of(strbuf_view(buf));
}

struct digest ledger_row_hash(const struct ledger_row *row)
{
    struct strbuf buf = STRBUF_INIT;
    struct digest digest = hash_row(&buf, row);

    strbuf_free(&buf);
    return digest;
}

/* buf: NULL where the row's hash is known to be that of its content. */
static bool row_fits(
    struct strbuf *buf, const struct ledger_row *row, int64_t seq, const char *prev_hash, struct error *error)
{
    if (row->seq != seq)
        return error_set(error, EXIT_STATUS_HISTORY, "ledger row %lld is missing (row %lld stands in its place)",
            (long long)seq, (long long)row->seq);
    if (!row->prev_hash || strcmp(row->prev_hash, prev_hash) != 0)
        return error_set(error, EXIT_STATUS_HISTORY,
            "ledger row %lld (step '%s') does not follow the row before it: the ledger was changed by hand",
            (long long)seq, row->step);
    if (buf && (!row->hash || strcmp(row->hash, hash_row(buf, row).hex) != 0))
        return error_set(error, EXIT_STATUS_HISTORY,
            "ledger row %lld (step '%s') does not have the hash of its content: the ledger was changed by hand",
            (long long)seq, row->step);
    return true;
}

bool ledger_verify(const struct ledger *ledger, struct error *error)
{
    struct strbuf buf = STRBUF_INIT;
    const char *prev_hash = "";
    bool ok = true;

    for (size_t i = 0; i < ledger->rows.count && ok; i++) {
        ok = row_fits(
            ledger->hashes_hold ? NULL : &buf, &ledger->rows.items[i], (int64_t)i + 1, prev_hash, error);
        prev_hash = ledger->rows.items[i].hash;
    }
    if (ok && strcmp(ledger->head_hash ? ledger->head_hash : "", prev_hash) != 0)
        ok = error_set(
            error, EXIT_STATUS_HISTORY, "the ledger's recorded head is not its last row: rows are missing at its end");
    strbuf_free(&buf);
    if (!ok)
        error_help(error, "compare the ledger with a backup; 'invplan status' shows what it says now");
    return ok;
}
