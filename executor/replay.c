#include "executor/replay.h"

#include <stdio.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { MESSAGE_MAX_BYTES = 500, KEY_MAX_BYTES = 400 };

const char *replay_reason_name(enum replay_reason reason)
{
    static const char *const names[REPLAY_REASON_COUNT] = {
        [REPLAY_NOT_JSON] = "not_json",
        [REPLAY_NO_TYPE] = "no_type",
        [REPLAY_UNKNOWN_TYPE] = "unknown_type",
        [REPLAY_BAD_VERSION] = "bad_version",
        [REPLAY_UNKNOWN_VERSION] = "unknown_version",
        [REPLAY_INVALID] = "invalid",
        [REPLAY_UPCAST_FAILS] = "upcast_fails",
        [REPLAY_INVALID_UPCAST] = "invalid_upcast",
        [REPLAY_TOO_LARGE] = "too_large",
    };

    return names[reason];
}

/* --- the plan's types --------------------------------------------------------------------------------------------- */

static struct replay_type *take_type(struct replay *replay, struct str name)
{
    struct replay_type *type = map_get(&replay->types, name);

    if (type)
        return type;
    type = ARENA_NEW(&replay->arena, struct replay_type);
    type->name = name;
    map_put(&replay->types, name, type);
    return type;
}

static bool read_version(struct replay *replay, const struct plan_step *step, struct error *error)
{
    const struct json *forward = step->action.forward, *operators = json_get(forward, "upcast");
    const struct event_envelope envelope = {.stream = replay->names->stream,
        .sequence = replay->names->sequence,
        .type = replay->names->type,
        .version = replay->names->version};
    struct str name = json_text(json_get(forward, "event"));
    struct replay_type *type = take_type(replay, name);
    struct replay_version version = {0};
    struct json_schema_error wrong;
    struct upcast_problem problem;
    struct upcaster *upcaster;
    int64_t number;

    if (!name.len || !json_to_i64(json_get(forward, "version"), &number) || number != (int64_t)type->versions.count + 1)
        return error_set(
            error, EXIT_STATUS_PLAN, "step '%s' does not register the next version of its event", step->id);
    if (!json_get(forward, "schema") ||
        !json_schema_compile(&replay->arena, json_get(forward, "schema"), NULL, NULL, &version.schema, &wrong))
        return error_set(error, EXIT_STATUS_PLAN, "the schema of step '%s' is invalid: %s", step->id,
            json_get(forward, "schema") ? wrong.message : "there is none");
    if (number > 1) {
        if (!operators || !upcaster_create(&replay->arena, operators, NULL, &envelope, &upcaster, &problem))
            return error_set(error, EXIT_STATUS_PLAN, "the upcaster of step '%s' is invalid: %s", step->id,
                operators ? problem.message : "there is none");
        VEC_PUSH(&replay->arena, &type->upcasters, upcaster);
    }
    VEC_PUSH(&replay->arena, &type->versions, version);
    return true;
}

bool replay_start(struct replay *replay, const struct plan *plan, struct error *error)
{
    memset(replay, 0, sizeof(*replay));
    map_init(&replay->types, &replay->arena);
    map_init(&replay->by_finding, &replay->arena);
    replay->names = plan->events;
    if (!replay->names)
        return error_set(error, EXIT_STATUS_PLAN, "the plan has no events section");
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.items[i].action.instruction == INSTRUCTION_EVENT_REGISTER &&
            !read_version(replay, &plan->steps.items[i], error))
            return false;
    if (replay->types.count)
        return true;
    error_set(error, EXIT_STATUS_PLAN, "the plan registers no event version");
    return error_help(error, "add register_event steps, and compile");
}

void replay_free(struct replay *replay)
{
    arena_free(&replay->arena);
    arena_free(&replay->scratch);
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

/* The event under way. */
struct trial {
    struct replay *replay;
    const struct event_value *event;
    const struct json *json; /* the same, or NULL */
    size_t line;
    struct str type;
    size_t version;
    bool failed;
};

static struct replay_place place_of(const struct trial *trial, struct arena *arena)
{
    struct replay *replay = trial->replay;
    const char *const names[] = {replay->names->stream, replay->names->sequence};
    struct replay_place place = {.line = trial->line};
    struct strbuf text = STRBUF_INIT;

    strbuf_append_char(&text, '{');
    for (size_t i = 0; trial->event && i < 2; i++) {
        const struct event_value *value = event_value_member(trial->event, str_from(names[i]));

        if (!value || value->type == EVENT_MAP || value->type == EVENT_LIST || value->text.len > KEY_MAX_BYTES)
            continue;
        if (text.len > 1)
            strbuf_append_char(&text, ',');
        json_write_string(&text, str_from(names[i]));
        strbuf_append_char(&text, ':');
        event_value_write_json(&text, value);
    }
    strbuf_append_char(&text, '}');
    place.key = text.len > 2 ? strbuf_copy(&text, arena) : STR("");
    strbuf_free(&text);
    return place;
}

static struct replay_finding *take_finding(
    const struct trial *trial, enum replay_reason reason, const char *at, const char *message)
{
    struct replay *replay = trial->replay;
    struct str type = trial->type.len > KEY_MAX_BYTES ? (struct str){trial->type.data, KEY_MAX_BYTES} : trial->type;
    const char *key = arena_printf(&replay->scratch, "%d %zu %s %.*s", (int)reason, trial->version, at, STR_ARG(type));
    struct replay_finding *finding = map_get(&replay->by_finding, str_from(key));

    if (finding || replay->findings.count == REPLAY_FINDINGS_MAX)
        return finding;
    finding = ARENA_NEW(&replay->arena, struct replay_finding);
    *finding = (struct replay_finding){.reason = reason,
        .type = str_copy(&replay->arena, type),
        .version = trial->version,
        .at = arena_strdup(&replay->arena, at),
        .message = arena_printf(&replay->arena, "%.*s", MESSAGE_MAX_BYTES, message)};
    map_put(&replay->by_finding, str_from(arena_strdup(&replay->arena, key)), finding);
    VEC_PUSH(&replay->arena, &replay->findings, finding);
    return finding;
}

/* The one place where something is found wanting; returns false. */
static bool fail(struct trial *trial, enum replay_reason reason, const char *at, const char *message)
{
    struct replay_finding *finding = take_finding(trial, reason, at, message);

    trial->failed = true;
    if (!finding)
        trial->replay->findings_left_out++;
    else if (finding->events++ < REPLAY_EXAMPLES_MAX)
        finding->examples[finding->events - 1] = place_of(trial, &trial->replay->arena);
    return false;
}

void replay_bad_line(struct replay *replay, size_t line, const char *message)
{
    struct trial trial = {.replay = replay, .line = line, .type = STR("")};

    fail(&trial, REPLAY_NOT_JSON, "", message);
    replay->events++;
    replay->failed++;
}

/* --- one event ---------------------------------------------------------------------------------------------------- */

static struct replay_type *find_type(struct trial *trial)
{
    struct replay *replay = trial->replay;
    const struct event_value *name = event_value_member(trial->event, str_from(replay->names->type));
    struct replay_type *type;

    if (!name || name->type != EVENT_STRING) {
        fail(trial, REPLAY_NO_TYPE, "",
            arena_printf(&replay->scratch, "it has no '%s' that is a text", replay->names->type));
        return NULL;
    }
    trial->type = name->text;
    type = map_get(&replay->types, name->text);
    if (!type)
        fail(trial, REPLAY_UNKNOWN_TYPE, "", "the plan registers no such event");
    return type;
}

static bool find_version(struct trial *trial, const struct replay_type *type)
{
    struct replay *replay = trial->replay;
    size_t version;

    if (!event_version_read(trial->event, replay->names->version, &version))
        return fail(trial, REPLAY_BAD_VERSION, "",
            arena_printf(&replay->scratch, "its '%s' is no whole number from 1 on", replay->names->version));
    trial->version = version;
    return version <= type->versions.count ||
           fail(trial, REPLAY_UNKNOWN_VERSION, "",
               arena_printf(&replay->scratch, "the plan registers versions up to %zu", type->versions.count));
}

static bool check(struct trial *trial, const struct replay_version *version, const struct event_value *event,
    enum replay_reason reason)
{
    struct arena *scratch = &trial->replay->scratch;
    const struct json *json = event == trial->event && trial->json ? trial->json : event_value_to_json(scratch, event);
    struct json_schema_error wrong;

    if (json_schema_validate(version->schema, scratch, json, &wrong))
        return true;
    return fail(trial, reason, wrong.schema_pointer,
        arena_printf(scratch, "%s%s%s", wrong.instance_pointer, wrong.instance_pointer[0] ? ": " : "", wrong.message));
}

static bool upcast(struct trial *trial, const struct replay_type *type, struct upcast_result *out)
{
    const struct upcast_way way = {trial->version, type->versions.count};
    struct arena *scratch = &trial->replay->scratch;
    struct upcast_problem problem;
    size_t to;

    return upcast_along(type->upcasters.items, scratch, trial->event, &way, out, &to, &problem) ||
           fail(trial, REPLAY_UPCAST_FAILS, arena_printf(scratch, "%zu%s", to, problem.pointer), problem.message);
}

static void note_near(struct trial *trial, int64_t before, int64_t after)
{
    struct replay *replay = trial->replay;

    if (replay->near++ < REPLAY_NEAR_KEPT_MAX)
        VEC_PUSH(
            &replay->arena, &replay->nearest, (struct replay_near){place_of(trial, &replay->arena), before, after});
}

static void measure(struct trial *trial, struct replay_version *version, const struct event_value *after)
{
    int64_t from = (int64_t)event_item_size(trial->event);
    int64_t to = after == trial->event ? from : (int64_t)event_item_size(after);

    if (to > EVENT_ITEM_MAX_BYTES)
        fail(trial, REPLAY_TOO_LARGE, "",
            arena_printf(&trial->replay->scratch, "it would grow from %lld to %lld bytes: an item has %d at most",
                (long long)from, (long long)to, EVENT_ITEM_MAX_BYTES));
    if (to >= REPLAY_ITEM_NEAR_BYTES)
        note_near(trial, from, to);
    if (!version->upcast++ || to - from > version->growth) {
        struct replay_place place = place_of(trial, &trial->replay->scratch);

        version->growth = to - from;
        version->growth_before = from;
        version->growth_line = place.line;
        if (snprintf(version->growth_key, sizeof(version->growth_key), "%s", place.key.data) >=
            (int)sizeof(version->growth_key))
            version->growth_key[0] = '\0';
    }
    version->bytes_before += from;
    version->bytes_after += to;
}

/* What an event was split into is of other types, and no version of its own describes it. */
static void judge(struct trial *trial, const struct replay_type *type, struct replay_version *version)
{
    const struct replay_version *latest = &type->versions.items[type->versions.count - 1];
    struct upcast_result result;

    check(trial, version, trial->event, REPLAY_INVALID);
    if (!upcast(trial, type, &result))
        return;
    if (result.count == 0)
        version->dropped++;
    else if (result.count > 1)
        version->made += (int64_t)result.count;
    if (result.count == 1) {
        if (version != latest)
            check(trial, latest, result.events[0], REPLAY_INVALID_UPCAST);
        measure(trial, version, result.events[0]);
    }
}

void replay_event(struct replay *replay, const struct event_value *event, const struct json *json, size_t line)
{
    struct trial trial = {.replay = replay, .event = event, .json = json, .line = line, .type = STR("")};
    struct replay_type *type = find_type(&trial);

    if (type && find_version(&trial, type)) {
        struct replay_version *version = &type->versions.items[trial.version - 1];

        judge(&trial, type, version);
        version->events++;
        version->failed += trial.failed;
    }
    replay->events++;
    replay->failed += trial.failed;
}
