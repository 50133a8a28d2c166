#include "tests/unit/driver_fake.h"

#include <stdio.h>
#include <string.h>

#include "executor/driver_impl.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

struct fake_driver {
    struct driver base;
    struct fake_target *target;
    int64_t token;
    bool cut; /* this connection is gone */
};

static struct fake_world *current;

/* --- the world ---------------------------------------------------------------------------------------------------- */

static int64_t host_now(void *context)
{
    return ((struct fake_world *)context)->now_ms;
}

static bool host_random(void *context, void *out, size_t count)
{
    struct fake_world *world = context;

    for (size_t i = 0; i < count; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((unsigned char *)out)[i] = (unsigned char)(world->random >> 56);
    }
    return true;
}

static const char *host_getenv(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static void host_sleep(void *context, int64_t ms)
{
    ((struct fake_world *)context)->now_ms += ms;
}

static void host_tick(void *context)
{
    (void)context;
}

static bool host_stopping(void *context)
{
    return ((struct fake_world *)context)->stop;
}

static void host_progress(void *context, const char *step, int64_t done, int64_t total, const char *unit)
{
    (void)context;
    (void)step;
    (void)done;
    (void)total;
    (void)unit;
}

static void host_log(void *context, const char *level, const char *message)
{
    strbuf_printf(&((struct fake_world *)context)->log, "%s: %s\n", level, message);
}

void fake_init(struct fake_world *world)
{
    static const char *const names[] = {"db", "store"};

    memset(world, 0, sizeof(*world));
    world->now_ms = 1000;
    world->random = 42;
    map_init(&world->effects, &world->arena);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fake_target *target = &world->targets[world->target_count++];

        target->name = names[i];
        snprintf(target->identity, sizeof(target->identity), "server of %s", names[i]);
        target->ledger.head_hash = "";
        target->projected_undone = "";
        map_init(&target->objects, &world->arena);
    }
    world->host = (struct driver_env){
        .context = world,
        .now_ms = host_now,
        .wall_ms = host_now,
        .random_bytes = host_random,
        .getenv = host_getenv,
        .sleep_ms = host_sleep,
        .tick = host_tick,
        .stopping = host_stopping,
        .progress = host_progress,
        .log = host_log,
    };
    current = world;
}

void fake_use(struct fake_world *world)
{
    current = world;
}

void fake_restart(struct fake_world *world)
{
    world->dead = false;
    world->die_at = world->cut_at = world->stop_at = 0;
    world->stop = false;
    world->now_ms += 3600000;
}

void fake_free(struct fake_world *world)
{
    strbuf_free(&world->log);
    arena_free(&world->arena);
}

struct fake_target *fake_find_target(struct fake_world *world, const char *name)
{
    for (size_t i = 0; i < world->target_count; i++)
        if (strcmp(world->targets[i].name, name) == 0)
            return &world->targets[i];
    BUG("no target '%s'", name);
}

struct fake_effect *fake_find_effect(struct fake_world *world, const char *step)
{
    struct fake_effect *effect = map_get(&world->effects, str_from(step));

    if (!effect) {
        effect = ARENA_NEW(&world->arena, struct fake_effect);
        map_put(&world->effects, str_from(arena_strdup(&world->arena, step)), effect);
    }
    return effect;
}

struct fake_script *fake_fail(
    struct fake_world *world, const char *step, int failures, int exit_status, const char *sqlstate)
{
    struct fake_script *script = ARENA_NEW(&world->arena, struct fake_script);

    script->step = step;
    script->failures = failures;
    error_set(&script->error, exit_status, "scripted failure");
    snprintf(script->error.sqlstate, sizeof(script->error.sqlstate), "%s", sqlstate);
    script->error.retryable = sqlstate[0] != '\0';
    VEC_PUSH(&world->arena, &world->scripts, script);
    return script;
}

void fake_change_object(struct fake_world *world, const char *target, const char *object, const char *json)
{
    struct json_error error;
    struct json *value = json_read(&world->arena, str_from(json), JSON_STRICT, &error);

    if (!value)
        BUG("%s: %s", json, error.message);
    map_put(&fake_find_target(world, target)->objects, str_from(arena_strdup(&world->arena, object)), value);
}

void fake_print_ledger(struct fake_world *world, const char *target, struct strbuf *out)
{
    const struct ledger *ledger = &fake_find_target(world, target)->ledger;

    strbuf_append_text(out, "");
    for (size_t i = 0; i < ledger->rows.count; i++)
        strbuf_printf(out, "%s %s\n", ledger_event_name(ledger->rows.items[i].event), ledger->rows.items[i].step);
}

/* --- points ------------------------------------------------------------------------------------------------------- */

static bool gone(const struct fake_driver *driver, struct error *error)
{
    if (!current->dead && !driver->cut)
        return false;
    error_set(error, EXIT_STATUS_UNREACHABLE, "the connection is gone");
    error->outcome_unknown = true;
    error->retryable = true;
    return true;
}

/* Passes one point. False: the process died or the connection was cut here, and nothing behind it happens. */
static bool pass(struct fake_driver *driver, struct error *error)
{
    if (gone(driver, error))
        return false;
    current->points++;
    if (current->points == current->die_at)
        current->dead = true;
    if (current->points == current->cut_at)
        driver->cut = true;
    if (current->points == current->stop_at)
        current->stop = true;
    return !gone(driver, error);
}

static bool scripted(const struct plan_step *step, bool undo, struct error *error)
{
    for (size_t i = 0; i < current->scripts.count; i++) {
        struct fake_script *script = current->scripts.items[i];

        if (script->failures == 0 || script->undo != undo || strcmp(script->step, step->id) != 0)
            continue;
        if (script->failures > 0)
            script->failures--;
        *error = script->error;
        return true;
    }
    return false;
}

/* --- ledger ------------------------------------------------------------------------------------------------------- */

static struct json *observe_object(struct fake_target *target, struct arena *arena, const char *object)
{
    const struct json *value = map_get(&target->objects, str_from(object));

    return value ? json_clone(arena, value) : json_new(arena, JSON_NULL);
}

static struct str observe_step(struct fake_target *target, const struct plan_step *step)
{
    struct json *observed = json_new(&current->arena, JSON_OBJECT);
    struct strbuf buf = STRBUF_INIT;
    struct str text;

    if (step->effect.count == 0)
        return STR("");
    for (size_t i = 0; i < step->effect.count; i++)
        json_set(&current->arena, observed, step->effect.items[i].object,
            observe_object(target, &current->arena, step->effect.items[i].object));
    json_write(&buf, observed);
    text = strbuf_copy(&buf, &current->arena);
    strbuf_free(&buf);
    return text;
}

static const char *keep(const char *text)
{
    return arena_strdup(&current->arena, text);
}

static void write_row(struct fake_driver *driver, const char *run, int64_t run_seq, const char *plan_digest,
    const struct plan_step *step, enum ledger_event event, int64_t attempt, const struct json *note)
{
    struct ledger *ledger = &driver->target->ledger;
    struct strbuf buf = STRBUF_INIT;
    struct ledger_row row = {
        .seq = (int64_t)ledger->rows.count + 1,
        .prev_hash = ledger->head_hash,
        .run = keep(run),
        .run_seq = run_seq,
        .step = keep(step->id),
        .attempt = attempt,
        .event = event,
        .source_digest = keep(step->source_digest),
        .effect_digest = keep(step->effect_digest),
        .plan_digest = keep(plan_digest),
        .step_line = str_copy(&current->arena, step->line),
        .observed = STR(""),
        .token = driver->token,
        .at = keep("2024-03-01T00:00:00Z"),
        .note = STR(""),
    };

    if (event == LEDGER_EVENT_APPLIED || event == LEDGER_EVENT_ADOPTED || event == LEDGER_EVENT_UNDONE ||
        event == LEDGER_EVENT_BASELINED)
        row.observed = observe_step(driver->target, step);
    if (note) {
        json_write(&buf, note);
        row.note = strbuf_copy(&buf, &current->arena);
        strbuf_free(&buf);
    }
    row.hash = keep(ledger_row_hash(&row).hex);
    VEC_PUSH(&current->arena, &ledger->rows, row);
    ledger->head_hash = row.hash;
}

static bool lease_ok(const struct fake_driver *driver, struct error *error)
{
    const struct lease_state *lease = &driver->target->lease;

    return (lease->held && lease->token == driver->token && driver->token > 0) ||
           error_set(error, EXIT_STATUS_LEASE, "the lease is not ours any more");
}

/* --- effects ------------------------------------------------------------------------------------------------------ */

static void come_about(struct fake_driver *driver, const struct plan_step *step)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);

    effect->present = true;
    effect->pieces = instruction_is_gradual(step->action.instruction) ? FAKE_PIECES : 0;
    effect->half = false;
    effect->running = 0;
    effect->times_applied++;
    for (size_t i = 0; i < step->effect.count; i++)
        if (step->effect.items[i].definition)
            map_put(&driver->target->objects, str_from(keep(step->effect.items[i].object)),
                json_clone(&current->arena, step->effect.items[i].definition));
        else
            map_remove(&driver->target->objects, str_from(step->effect.items[i].object));
}

static void vanish(struct fake_driver *driver, const struct plan_step *step)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);

    effect->present = false;
    effect->pieces = 0;
    effect->half = false;
    effect->running = 0;
    effect->times_undone++;
    for (size_t i = 0; i < step->effect.count; i++)
        map_remove(&driver->target->objects, str_from(step->effect.items[i].object));
}

static bool fake_open(struct arena *arena, const struct plan *plan, const struct plan_target *target,
    const struct driver_env *env, struct driver **out, struct error *error)
{
    struct fake_driver *driver = ARENA_NEW(arena, struct fake_driver);

    driver->base = (struct driver){fake_driver_for(target->engine), plan, target, env, arena};
    driver->target = fake_find_target(current, target->name);
    *out = &driver->base;
    return !gone(driver, error);
}

static bool fake_identify(struct driver *base, struct target_identity *out, struct error *error)
{
    const struct fake_driver *driver = (const struct fake_driver *)base;

    snprintf(out->text, sizeof(out->text), "%s", driver->target->identity);
    return !gone(driver, error);
}

static bool fake_owner(struct driver *base, bool *initialised, struct target_owner *out, struct error *error)
{
    const struct fake_driver *driver = (const struct fake_driver *)base;

    *initialised = driver->target->initialised;
    *out = driver->target->owner;
    return !gone(driver, error);
}

static bool fake_initialise(struct driver *base, const struct target_owner *owner, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error))
        return false;
    driver->target->initialised = true;
    driver->target->owner = *owner;
    return pass(driver, error);
}

static bool fake_rebind(struct driver *base, const struct target_identity *identity, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error) || !lease_ok(driver, error))
        return false;
    driver->target->owner.identity = *identity;
    return pass(driver, error);
}

static bool fake_lease_take(
    struct driver *base, const struct lease_request *request, struct lease_state *out, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;
    struct lease_state *lease = &driver->target->lease;

    if (!pass(driver, error))
        return false;
    if (lease->held && current->now_ms < driver->target->lease_until_ms &&
        (strcmp(lease->run, request->run) != 0 || strcmp(lease->holder, request->holder) != 0)) {
        *out = *lease;
        return error_set(error, EXIT_STATUS_LEASE, "the lease is held by %s", lease->holder);
    }
    lease->held = true;
    lease->token++;
    snprintf(lease->run, sizeof(lease->run), "%s", request->run);
    snprintf(lease->holder, sizeof(lease->holder), "%s", request->holder);
    driver->token = lease->token;
    driver->target->lease_until_ms = current->now_ms + request->duration_ms;
    *out = *lease;
    return pass(driver, error);
}

static bool fake_lease_renew(struct driver *base, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (gone(driver, error) || !lease_ok(driver, error))
        return false;
    driver->target->lease_until_ms = current->now_ms + 30000;
    return true;
}

static bool fake_lease_release(struct driver *base, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error) || !lease_ok(driver, error))
        return false;
    driver->target->lease.held = false;
    return pass(driver, error);
}

static bool fake_lease_look(struct driver *base, struct lease_state *out, struct error *error)
{
    const struct fake_driver *driver = (const struct fake_driver *)base;

    *out = driver->target->lease;
    out->held = out->held && current->now_ms < driver->target->lease_until_ms;
    if (out->held && driver->target->lease_ages)
        out->age_ms = current->now_ms + 30000 - driver->target->lease_until_ms;
    return !gone(driver, error);
}

static bool fake_lease_break(struct driver *base, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (gone(driver, error))
        return false;
    driver->target->lease.held = false;
    driver->target->lease.token++;
    return true;
}

static bool fake_ledger_read(struct driver *base, struct arena *arena, struct ledger *out, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error))
        return false;
    current->reads++;
    for (size_t i = 0; i < driver->target->ledger.rows.count; i++)
        VEC_PUSH(arena, &out->rows, driver->target->ledger.rows.items[i]);
    out->head_hash = driver->target->ledger.head_hash;
    return true;
}

static bool fake_observe(struct driver *base, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error))
        return false;
    *out = json_new(arena, JSON_OBJECT);
    for (size_t i = 0; i < count; i++)
        json_set(arena, *out, objects[i], observe_object(driver->target, arena, objects[i]));
    return true;
}

static bool has_row(
    const struct fake_target *target, const struct plan_step *step, int64_t attempt, enum ledger_event event)
{
    for (size_t i = 0; i < target->ledger.rows.count; i++)
        if (target->ledger.rows.items[i].event == event && target->ledger.rows.items[i].attempt == attempt &&
            strcmp(target->ledger.rows.items[i].step, step->id) == 0)
            return true;
    return false;
}

static bool apply_group(struct fake_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error)
{
    if (!pass(driver, error) || !lease_ok(driver, error)) /* before the commit */
        return false;
    for (size_t i = 0; i < work->count; i++) {
        result->failed_step = i;
        if (has_row(driver->target, work->steps[i], work->attempts[i], LEDGER_EVENT_APPLIED)) {
            result->already_applied = true;
            return true;
        }
        if (scripted(work->steps[i], false, error))
            return false;
    }
    result->failed_step = 0;
    for (size_t i = 0; i < work->count; i++) {
        come_about(driver, work->steps[i]);
        write_row(driver, journal->run, journal->run_seq + (int64_t)i, journal->plan_digest, work->steps[i],
            LEDGER_EVENT_APPLIED, work->attempts[i], NULL);
    }
    result->rows_written = (int64_t)work->count;
    return pass(driver, error); /* after the commit */
}

/* The effect of a step that runs alone, in two halves. */
static bool alone_effect(struct fake_driver *driver, const struct plan_step *step, struct error *error)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);

    effect->half = true;
    if (pass(driver, error)) {
        come_about(driver, step);
        return true;
    }
    if (current->finish_alone) {
        effect->half = false;
        effect->running = 2;
    }
    return false;
}

/* Piece by piece: stops between two of them when it is asked to, and goes on where an earlier attempt stopped. */
static bool gradual_effect(struct fake_driver *driver, const struct plan_step *step, struct error *error)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);
    bool fresh = true;

    while (effect->pieces < FAKE_PIECES) {
        if (current->stop)
            return error_set(error, EXIT_STATUS_RESUMABLE, "stopped between two pieces");
        effect->pieces++;
        if (!pass(driver, error) || (fresh && scripted(step, false, error)))
            return false;
        fresh = false;
    }
    come_about(driver, step);
    return true;
}

static bool gradual_undo(struct fake_driver *driver, const struct plan_step *step, struct error *error)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);

    while (effect->pieces > 1) {
        if (current->stop)
            return error_set(error, EXIT_STATUS_RESUMABLE, "stopped between two pieces");
        effect->pieces--;
        effect->present = false;
        if (!pass(driver, error))
            return false;
    }
    return true;
}

/* An undo that runs alone and has a repair builds something, in two halves. */
static bool alone_undo(struct fake_driver *driver, const struct plan_step *step, struct error *error)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);

    if (!json_string(json_get(step->inverse.action.forward, "repair")))
        return gradual_undo(driver, step, error);
    if (effect->half || effect->running)
        BUG("'%s' is undone over what an earlier attempt left", step->id);
    effect->half = true;
    if (pass(driver, error)) {
        effect->half = false;
        return true;
    }
    if (current->finish_alone) {
        effect->half = false;
        effect->running = 2;
    }
    return false;
}

static bool apply_alone(struct fake_driver *driver, const struct driver_journal *journal, const struct plan_step *step,
    int64_t attempt, struct driver_result *result, struct error *error)
{
    struct fake_effect *effect = fake_find_effect(current, step->id);
    bool gradual = instruction_is_gradual(step->action.instruction);

    if (!pass(driver, error) || !lease_ok(driver, error)) /* before STARTED */
        return false;
    if (effect->half || effect->running)
        BUG("'%s' is applied over what an earlier attempt left", step->id);
    if (effect->foreign)
        return error_set(error, EXIT_STATUS_DRIFT, "something else is in the place of '%s'", step->id);
    if (effect->present) {
        write_row(
            driver, journal->run, journal->run_seq, journal->plan_digest, step, LEDGER_EVENT_ADOPTED, attempt, NULL);
        result->adopted = true;
        return pass(driver, error);
    }
    if (has_row(driver->target, step, attempt, LEDGER_EVENT_STARTED))
        BUG("attempt %lld of '%s' is started twice", (long long)attempt, step->id);
    write_row(driver, journal->run, journal->run_seq, journal->plan_digest, step, LEDGER_EVENT_STARTED, attempt, NULL);
    if (!pass(driver, error) || (!gradual && scripted(step, false, error)) ||
        !(gradual ? gradual_effect : alone_effect)(driver, step, error))
        return false;
    if (!pass(driver, error)) /* the effect is there, its row is not */
        return false;
    write_row(
        driver, journal->run, journal->run_seq + 1, journal->plan_digest, step, LEDGER_EVENT_APPLIED, attempt, NULL);
    result->rows_written = 2;
    return pass(driver, error);
}

static bool fake_apply(struct driver *base, const struct driver_journal *journal, const struct driver_work *work,
    struct driver_result *result, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    current->now_ms += 5;
    *result = (struct driver_result){.lock_wait_ms = -1, .affected = -1, .detail = STR("")};
    if (instruction_is_alone(work->steps[0]->action.instruction))
        return apply_alone(driver, journal, work->steps[0], work->attempts[0], result, error);
    return apply_group(driver, journal, work, result, error);
}

static bool fake_probe(
    struct driver *base, const struct plan_step *step, bool inverse, struct probe_answer *out, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;
    struct fake_effect *effect = fake_find_effect(current, step->id);

    *out = (struct probe_answer){.state = PROBE_NOT_DONE};
    if (!pass(driver, error))
        return false;
    if (effect->foreign) {
        out->state = PROBE_OTHER;
        snprintf(out->detail, sizeof(out->detail), "it has another shape");
    } else if (effect->running > 0) {
        out->state = PROBE_RUNNING;
        if (--effect->running == 0)
            (inverse ? vanish : come_about)(driver, step);
    } else if (effect->half) {
        out->state = PROBE_HALF_DONE;
    } else if (inverse ? !effect->present && effect->pieces == 0 : effect->present) {
        out->state = PROBE_DONE;
    }
    return true;
}

static bool fake_repair(struct driver *base, const struct plan_step *step, bool inverse, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;

    if (instruction_is_alone(action->instruction) && !json_string(json_get(action->forward, "repair")) && inverse)
        BUG("the undo of '%s' has no repair", step->id);

    if (!pass(driver, error))
        return false;
    fake_find_effect(current, step->id)->half = false;
    return pass(driver, error);
}

static bool guard_holds(const struct plan_step *step)
{
    const struct fake_effect *effect = fake_find_effect(current, step->id);
    const struct fake_effect *other =
        effect->guard_fails_while ? fake_find_effect(current, effect->guard_fails_while) : NULL;

    return !effect->guard_fails && !(other && (other->present || other->pieces > 0));
}

static bool fake_guard(struct driver *base, const struct plan_step *step, bool *holds, char *detail, size_t detail_size,
    struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    *holds = guard_holds(step);
    if (!*holds)
        snprintf(detail, detail_size, "3 rows");
    return pass(driver, error);
}

static bool fake_undo(struct driver *base, const struct driver_journal *journal, const struct plan_step *step,
    int64_t attempt, struct driver_result *result, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;
    bool alone = instruction_is_alone(step->inverse.action.instruction);

    current->now_ms += 7;
    *result = (struct driver_result){.lock_wait_ms = -1, .affected = -1, .detail = STR("")};
    if (!pass(driver, error) || !lease_ok(driver, error))
        return false;
    if (!alone) {
        if (has_row(driver->target, step, attempt, LEDGER_EVENT_UNDONE))
            return true;
        if (step->inverse.guard && !guard_holds(step))
            return error_set(error, EXIT_STATUS_HALTED, "the guard does not hold");
        if (scripted(step, true, error))
            return false;
        vanish(driver, step);
        write_row(
            driver, journal->run, journal->run_seq, journal->plan_digest, step, LEDGER_EVENT_UNDONE, attempt, NULL);
        return pass(driver, error);
    }
    if (has_row(driver->target, step, attempt, LEDGER_EVENT_UNDO_STARTED))
        BUG("undo attempt %lld of '%s' is started twice", (long long)attempt, step->id);
    write_row(
        driver, journal->run, journal->run_seq, journal->plan_digest, step, LEDGER_EVENT_UNDO_STARTED, attempt, NULL);
    if (!pass(driver, error) || scripted(step, true, error) || !alone_undo(driver, step, error))
        return false;
    vanish(driver, step);
    if (!pass(driver, error))
        return false;
    write_row(
        driver, journal->run, journal->run_seq + 1, journal->plan_digest, step, LEDGER_EVENT_UNDONE, attempt, NULL);
    return pass(driver, error);
}

static bool fake_record(
    struct driver *base, const struct driver_journal *journal, const struct ledger_entry *entry, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    if (!pass(driver, error) || !lease_ok(driver, error))
        return false;
    write_row(driver, journal->run, journal->run_seq, journal->plan_digest, entry->step, entry->event, entry->attempt,
        entry->note);
    return pass(driver, error);
}

static bool fake_project(struct driver *base, const struct projected_migration *migrations, size_t count,
    const struct projected_migration *undone, size_t undone_count, struct error *error)
{
    struct fake_driver *driver = (struct fake_driver *)base;

    (void)migrations;
    if (!pass(driver, error))
        return false;
    driver->target->projected_undone = "";
    for (size_t i = 0; i < undone_count; i++)
        driver->target->projected_undone = arena_printf(&current->arena, "%s%s %s ", driver->target->projected_undone,
            undone[i].id, undone[i].typeorm_name ? undone[i].typeorm_name : "-");
    driver->target->projected_count = count;
    driver->target->projected_undone_count = undone_count;
    return true;
}

static void fake_close(struct driver *base)
{
    (void)base;
}

const struct driver_ops *fake_driver_for(enum engine engine)
{
    static struct driver_ops ops = {
        .open = fake_open,
        .identify = fake_identify,
        .owner = fake_owner,
        .init = fake_initialise,
        .rebind = fake_rebind,
        .lease_take = fake_lease_take,
        .lease_renew = fake_lease_renew,
        .lease_release = fake_lease_release,
        .lease_look = fake_lease_look,
        .lease_break = fake_lease_break,
        .ledger_read = fake_ledger_read,
        .observe = fake_observe,
        .apply = fake_apply,
        .probe = fake_probe,
        .repair = fake_repair,
        .guard = fake_guard,
        .undo = fake_undo,
        .record = fake_record,
        .project = fake_project,
        .close = fake_close,
    };

    ops.engine = engine;
    return &ops;
}
