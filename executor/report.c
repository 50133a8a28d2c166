#include "executor/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { REPORT_FORMAT = 1 };

void report_start(struct report *report, struct arena *arena, const char *command, int64_t now_ms, int64_t wall_ms)
{
    memset(report, 0, sizeof(*report));
    report->arena = arena;
    report->command = command;
    report->started_ms = now_ms;
    report->started_wall_ms = wall_ms;
    map_init(&report->by_id, arena);
}

struct report_step *report_step(struct report *report, const struct plan_step *step)
{
    struct report_step *entry = map_get(&report->by_id, str_from(step->id));

    if (entry)
        return entry;
    entry = ARENA_NEW(report->arena, struct report_step);
    *entry = (struct report_step){
        .step = step, .state = "pending", .duration_ms = -1, .lock_wait_ms = -1, .lock_hold_ms = -1, .affected = -1};
    map_put(&report->by_id, str_from(step->id), entry);
    VEC_PUSH(report->arena, &report->steps, entry);
    return entry;
}

void report_outcome(struct report_step *entry, const char *state, const struct step_outcome *outcome)
{
    entry->state = state;
    entry->attempts = outcome->attempt;
    entry->duration_ms = outcome->duration_ms;
    entry->lock_wait_ms = outcome->lock_wait_ms;
    entry->lock_hold_ms = outcome->lock_hold_ms;
    entry->blocked_by = outcome->blocked_by;
    entry->affected = outcome->affected;
    entry->units = outcome->units;
    entry->detail = outcome->detail;
}

static const char *redacted(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    redact_text(copy);
    return copy;
}

void report_error(struct report *report, struct report_step *entry, const struct error *error)
{
    entry->error = redacted(report->arena, error->message);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void set_time(struct arena *arena, struct json *object, const char *key, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char text[32] = "";

    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    json_set_text(arena, object, key, arena_printf(arena, "%s.%03dZ", text, (int)(wall_ms % 1000)));
}

static void set_known(struct arena *arena, struct json *object, const char *key, int64_t value)
{
    if (value >= 0)
        json_set_integer(arena, object, key, value);
    else
        json_set(arena, object, key, json_new(arena, JSON_NULL));
}

static struct json *json_of_error(struct arena *arena, const struct error *error)
{
    struct json *object = json_new(arena, JSON_OBJECT);

    json_set_text(arena, object, "message", redacted(arena, error->message));
    json_set_text(arena, object, "help", error->help[0] ? redacted(arena, error->help) : NULL);
    json_set_text(arena, object, "sqlstate", error->sqlstate[0] ? error->sqlstate : NULL);
    json_set_text(arena, object, "aws_code", error->aws_code[0] ? error->aws_code : NULL);
    return object;
}

static struct json *json_of_targets(struct arena *arena, const struct session *session)
{
    struct json *targets = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < session->target_count; i++) {
        const struct session_target *target = &session->targets[i];
        struct json *object = json_new(arena, JSON_OBJECT);
        const char *head = target->ledger.head_hash;

        json_set_text(arena, object, "name", target->plan->name);
        json_set_text(arena, object, "engine", engine_name(target->plan->engine));
        json_set_text(arena, object, "identity", target->identity.text[0] ? target->identity.text : NULL);
        json_set_text(arena, object, "ledger_head", head && head[0] ? head : NULL);
        json_set_integer(arena, object, "ledger_rows", (int64_t)target->ledger.rows.count);
        json_append(targets, object);
    }
    return targets;
}

static struct json *json_of_locks(struct arena *arena, const struct plan_step *step)
{
    struct json *locks = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < step->locks.count; i++) {
        const struct plan_lock *lock = &step->locks.items[i];
        struct json *object = json_new(arena, JSON_OBJECT);

        json_set_text(arena, object, "relation", lock->relation);
        json_set_text(arena, object, "mode", lock->mode);
        json_set_text(arena, object, "blocks", lock->blocks);
        json_set(arena, object, "scan", json_new_bool(arena, lock->scan));
        json_set(arena, object, "rewrite", json_new_bool(arena, lock->rewrite));
        json_append(locks, object);
    }
    return locks;
}

static void set_units(struct arena *arena, struct json *object, const char *key, double units)
{
    json_set(arena, object, key, json_new_number(arena, str_from(arena_printf(arena, "%.1f", units))));
}

static struct json *json_of_units(struct arena *arena, const struct driver_units *units)
{
    struct json *object = json_new(arena, units->known ? JSON_OBJECT : JSON_NULL);

    if (units->known) {
        set_units(arena, object, "read", units->read);
        set_units(arena, object, "write", units->write);
        set_units(arena, object, "ledger_read", units->ledger_read);
        set_units(arena, object, "ledger_write", units->ledger_write);
    }
    return object;
}

static struct json *json_of_step(struct arena *arena, const struct report_step *entry)
{
    struct json *object = json_new(arena, JSON_OBJECT);
    struct json_error unread;
    struct json *detail = entry->detail.len ? json_read(arena, entry->detail, JSON_STRICT, &unread) : NULL;

    json_set_text(arena, object, "id", entry->step->id);
    json_set_text(arena, object, "instruction", instruction_name(entry->step->action.instruction));
    json_set_text(arena, object, "group", entry->step->group);
    json_set_text(arena, object, "state", entry->state);
    json_set_integer(arena, object, "attempts", entry->attempts);
    set_known(arena, object, "duration_ms", entry->duration_ms);
    set_known(arena, object, "estimate_ms", entry->step->estimate_ms);
    set_known(arena, object, "lock_wait_ms", entry->lock_wait_ms);
    set_known(arena, object, "lock_hold_ms", entry->lock_hold_ms);
    json_set(arena, object, "blocked_by",
        entry->blocked_by ? json_clone(arena, entry->blocked_by) : json_new(arena, JSON_ARRAY));
    set_known(arena, object, "affected", entry->affected);
    json_set(arena, object, "consumed", json_of_units(arena, &entry->units));
    json_set(arena, object, "locks", json_of_locks(arena, entry->step));
    json_set_text(arena, object, "error", entry->error);
    json_set(arena, object, "detail", detail ? detail : json_new(arena, JSON_NULL));
    return object;
}

static const char *migration_state(const char *so_far, const char *step_state)
{
    bool applied = strcmp(step_state, "applied") == 0 || strcmp(step_state, "adopted") == 0 ||
                   strcmp(step_state, "found applied") == 0 || strcmp(step_state, "passed") == 0;
    const char *state = applied ? "applied" : step_state;

    if (!so_far || strcmp(so_far, state) == 0)
        return state;
    return "partial";
}

static struct json *json_of_migrations(const struct report *report, const struct plan *plan)
{
    struct arena *arena = report->arena;
    struct json *migrations = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < report->steps.count;) {
        const char *id = report->steps.items[i]->step->migration;
        const struct plan_migration *known = plan_find_migration(plan, id);
        struct json *object = json_new(arena, JSON_OBJECT);
        struct json *steps = json_new(arena, JSON_ARRAY);
        const char *state = NULL;

        json_set_text(arena, object, "id", id);
        json_set_text(arena, object, "target", report->steps.items[i]->step->target);
        json_set_text(arena, object, "description", known ? known->description : NULL);
        for (; i < report->steps.count && strcmp(report->steps.items[i]->step->migration, id) == 0; i++) {
            state = migration_state(state, report->steps.items[i]->state);
            json_append(steps, json_of_step(arena, report->steps.items[i]));
        }
        json_set_text(arena, object, "state", state);
        json_set(arena, object, "steps", steps);
        json_append(migrations, object);
    }
    return migrations;
}

static struct json *json_of_drift(const struct report *report)
{
    struct json *list = json_new(report->arena, JSON_ARRAY);

    for (size_t i = 0; i < report->drift.items.count; i++) {
        const struct drift *drift = &report->drift.items.items[i];
        struct json *object = json_new(report->arena, JSON_OBJECT);

        json_set_text(report->arena, object, "object", drift->object);
        json_set_text(report->arena, object, "kind", drift_kind_name(drift->kind));
        json_set_text(report->arena, object, "message", drift->message);
        json_append(list, object);
    }
    return list;
}

static struct json *json_of_undo(const struct report *report)
{
    struct json *list = json_new(report->arena, JSON_ARRAY);

    for (size_t i = 0; i < report->undo.count; i++) {
        const struct report_undo *undo = &report->undo.items[i];
        struct json *object = json_new(report->arena, JSON_OBJECT);

        json_set_text(report->arena, object, "step", undo->step);
        json_set_text(report->arena, object, "target", undo->target);
        json_set_text(report->arena, object, "loss", undo->loss);
        json_set_text(report->arena, object, "refusal", undo->refusal);
        json_append(list, object);
    }
    return list;
}

struct json *report_json(
    const struct report *report, struct session *session, int exit_status, const struct error *result)
{
    const struct driver_env *host = session->config.host;
    struct arena *arena = report->arena;
    struct json *root = json_new(arena, JSON_OBJECT);

    json_set_integer(arena, root, "report", REPORT_FORMAT);
    json_set_text(arena, root, "command", report->command);
    json_set_text(arena, root, "project", session->plan->project);
    json_set_text(arena, root, "environment", session->plan->environment);
    json_set_text(arena, root, "plan_digest", session->plan->digest);
    json_set_text(arena, root, "run", session->run);
    json_set_integer(arena, root, "exit_status", exit_status);
    json_set_text(arena, root, "outcome", exit_status_meaning(exit_status));
    json_set_text(arena, root, "note", report->note);
    json_set(arena, root, "error",
        exit_status == EXIT_STATUS_DONE ? json_new(arena, JSON_NULL) : json_of_error(arena, result));
    set_time(arena, root, "started_at", report->started_wall_ms);
    set_time(arena, root, "finished_at", host->wall_ms(host->context));
    json_set_integer(arena, root, "duration_ms", session_now(session) - report->started_ms);
    json_set_integer(arena, root, "steps_applied_before", (int64_t)report->applied_before);
    json_set(arena, root, "targets", json_of_targets(arena, session));
    json_set(arena, root, "migrations", json_of_migrations(report, session->plan));
    json_set(arena, root, "drift", json_of_drift(report));
    json_set(arena, root, "undo", json_of_undo(report));
    return root;
}

/* --- file --------------------------------------------------------------------------------------------------------- */

static bool write_file(const char *path, struct str text)
{
    FILE *file = fopen(path, "w");
    bool ok;

    if (!file)
        return false;
    ok = fwrite(text.data, 1, text.len, file) == text.len && fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && ok;
}

bool report_write(const struct report *report, struct session *session, int exit_status, const struct error *result,
    const char *path, struct error *error)
{
    const char *beside = arena_printf(report->arena, "%s.%ld", path, (long)getpid());
    struct strbuf buf = STRBUF_INIT;
    bool ok;

    json_write_pretty(&buf, report_json(report, session, exit_status, result));
    strbuf_append_char(&buf, '\n');
    /* Each text was redacted; details come from drivers and are not to be trusted with it. */
    redact_text(buf.data);
    ok = write_file(beside, strbuf_view(&buf)) && rename(beside, path) == 0;
    strbuf_free(&buf);
    if (ok)
        return true;
    error_set(error, EXIT_STATUS_IO, "report '%s' cannot be written: %s", path, strerror(errno));
    unlink(beside);
    return error_help(error, "choose another place with --report FILE");
}
