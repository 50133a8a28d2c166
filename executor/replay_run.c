#include "executor/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/base/lines.h"
#include "spec/exit.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024 };

/* What was read, for the report. */
static struct json *describe_source(struct session *session, const struct replay_options *options)
{
    const struct event_selection *selection = &options->selection;
    struct arena *arena = session->arena;
    struct json *source = json_new(arena, JSON_OBJECT);

    if (options->file)
        json_set_text(arena, source, "file", strcmp(options->file, "-") == 0 ? "standard input" : options->file);
    else
        json_set_text(arena, source, "table", session->plan->events->table);
    if (selection->stream)
        json_set_text(arena, source, "stream", selection->stream);
    if (selection->type)
        json_set_text(arena, source, "event", selection->type);
    if (selection->sample)
        json_set_integer(arena, source, "sample", selection->sample);
    return source;
}

/* --- JSON lines --------------------------------------------------------------------------------------------------- */

struct reading {
    struct replay *replay;
    const struct replay_options *options;
    struct session *session;
};

static bool is_selected(const struct reading *reading, const struct event_value *event)
{
    const struct plan_events *names = reading->replay->names;
    const struct event_selection *selection = &reading->options->selection;
    const struct event_value *stream = event_value_member(event, str_from(names->stream));
    const struct event_value *type = event_value_member(event, str_from(names->type));

    return (!selection->stream || (stream && str_is(stream->text, selection->stream))) &&
           (!selection->type || (type && str_is(type->text, selection->type)));
}

/* An item, or a line of an export of the table to S3. */
static bool read_item(struct arena *arena, const struct json *json, const struct event_value **out, struct error *error)
{
    const struct json *item = json_get(json, "Item");
    struct error other;

    return event_item_from_dynamodb(arena, json, out, error) ||
           (json_is(item, JSON_OBJECT) && json->count == 1 && event_item_from_dynamodb(arena, item, out, &other));
}

static void take_line(struct reading *reading, struct str line, size_t number)
{
    struct replay *replay = reading->replay;
    struct arena *scratch = &replay->scratch;
    const struct event_value *event;
    struct json_error problem;
    const struct json *json;
    struct error error;

    arena_reset(scratch);
    json = json_read(scratch, line, JSON_ALLOW_NUL, &problem);
    if (!json) {
        replay_bad_line(replay, number, problem.message);
        return;
    }
    if (!json_is(json, JSON_OBJECT)) {
        replay_bad_line(replay, number, "an event must be an object");
        return;
    }
    if (!reading->options->items) {
        event = event_value_from_json(scratch, json);
    } else if (!read_item(scratch, json, &event, &error)) {
        replay_bad_line(replay, number, error.message);
        return;
    }
    if (is_selected(reading, event))
        replay_event(replay, event, reading->options->items ? NULL : json, number);
}

static bool read_lines(struct reading *reading, struct lines *lines, struct error *error)
{
    const char *name = reading->options->file;
    enum lines_result result;
    struct str line;

    while ((result = lines_next(lines, &line)) == LINES_LINE) {
        if (str_trim(line).len)
            take_line(reading, line, lines->number);
        if (session_stopping(reading->session))
            return error_set(error, EXIT_STATUS_RESUMABLE, "stopped behind line %zu of '%s'", lines->number, name);
    }
    if (result == LINES_TOO_LONG)
        return error_set(error, EXIT_STATUS_EVENTS, "line %zu of '%s' is longer than %d MiB", lines->number, name,
            LINE_MAX_BYTES >> 20);
    if (result == LINES_FAILED)
        return error_set(error, EXIT_STATUS_IO, "cannot read '%s': %s", name, strerror(errno));
    return true;
}

static bool replay_file(struct reading *reading, struct error *error)
{
    const char *path = reading->options->file;
    struct lines lines = {.fd = STDIN_FILENO, .max_bytes = LINE_MAX_BYTES};
    bool ok;

    if (strcmp(path, "-") != 0)
        lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (lines.fd < 0)
        return error_set(error, EXIT_STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
    ok = read_lines(reading, &lines, error);
    if (lines.fd > STDIN_FILENO)
        close(lines.fd);
    lines_free(&lines);
    return ok;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static bool take_item(void *context, const struct json *item, struct error *error)
{
    struct reading *reading = context;
    const struct event_value *event;

    arena_reset(&reading->replay->scratch);
    if (!event_item_from_dynamodb(&reading->replay->scratch, item, &event, error))
        return false;
    replay_event(reading->replay, event, NULL, 0);
    return true;
}

static bool replay_table(struct reading *reading, struct error *error)
{
    struct session *session = reading->session;
    struct session_target *target = session_find(session, session->plan->events->target);

    if (!target->ops->events)
        return error_set(error, EXIT_STATUS_PLAN, "target '%s' holds no events", target->plan->name);
    if (!session_open_target(session, target, error) || !session_check_owner(session, error))
        return false;
    return target->ops->events(target->driver, &reading->options->selection, take_item, reading,
               &reading->replay->consumed_read_units, error) ||
           session_name_target(target, error);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

int replay_run(struct session *session, const struct replay_options *options, struct json **out, struct error *error)
{
    struct replay replay;
    struct reading reading = {&replay, options, session};
    bool ok = replay_start(&replay, session->plan, error);
    int status = EXIT_STATUS_DONE;

    *out = NULL;
    if (ok && options->selection.type && !map_has(&replay.types, str_from(options->selection.type)))
        ok = error_set(error, EXIT_STATUS_USAGE, "the plan registers no event '%s'", options->selection.type);
    ok = ok && (options->file ? replay_file : replay_table)(&reading, error);
    if (ok)
        *out = replay_report(&replay, session->arena, describe_source(session, options));
    if (!ok) {
        status = error->exit_status;
    } else if (replay.failed) {
        status = EXIT_STATUS_EVENTS;
        error_set(error, status, "%lld of %lld events would fail", (long long)replay.failed, (long long)replay.events);
        error_help(
            error, "mend the upcaster or the schema of a version that is not registered yet, or add a further version");
    }
    replay_free(&replay);
    return status;
}
