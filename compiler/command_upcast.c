/* invplan upcast: a filter that brings events, one on each line, to a later version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/command.h"
#include "compiler/dynamodb/event_types.h"
#include "compiler/session.h"
#include "spec/base/arena.h"
#include "spec/base/lines.h"
#include "spec/exit.h"
#include "spec/terminal.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, WRITE_BYTES = 256 * 1024 };

struct filter {
    const struct event_types *types;
    const struct event_type_spec *type; /* of --event; NULL: as each event says */
    int64_t to;                         /* 0: the latest */
    bool validate, dynamodb, skip;
    const char *input_name;
    struct lines lines;
    size_t failed;
    bool stopped;
    bool write_failed; /* and was reported */
    struct arena arena; /* of one line */
    struct strbuf out;
};

static void flush(struct filter *filter)
{
    if (filter->out.len && !filter->write_failed)
        filter->write_failed = !terminal_write(strbuf_view(&filter->out));
    strbuf_clear(&filter->out);
}

/* The one place where an event is found wanting: says so behind what was made before it, and returns false. */
static bool fail(struct filter *filter, const char *help, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool fail(struct filter *filter, const char *help, const char *format, ...)
{
    va_list ap;

    flush(filter);
    fprintf(stderr, "invplan: %s:%zu: ", filter->input_name, filter->lines.number);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (help && help[0])
        fprintf(stderr, "  help: %s\n", help);
    filter->failed++;
    return false;
}

/* --- one event ----------------------------------------------------------------------------------------------------- */

static bool read_event(struct filter *filter, struct str text, const struct event_value **out)
{
    struct json_error problem;
    struct error error;
    const struct json *json = json_read(&filter->arena, text, JSON_ALLOW_NUL, &problem);

    if (!json)
        return fail(filter, NULL, "not JSON at column %zu: %s", problem.column, problem.message);
    if (!json_is(json, JSON_OBJECT))
        return fail(filter, "each line is one event", "an event must be an object");
    if (!filter->dynamodb)
        *out = event_value_from_json(&filter->arena, json);
    else if (!event_item_from_dynamodb(&filter->arena, json, out, &error))
        return fail(filter, "without --dynamodb lines are plain JSON", "%s", error.message);
    return true;
}

static bool find_type(struct filter *filter, const struct event_value *event, const struct event_type_spec **out)
{
    const char *attribute = filter->types->envelope.type;
    const struct event_value *name = event_value_member(event, str_from(attribute));

    *out = filter->type;
    if (*out)
        return true;
    if (!name || name->type != EVENT_STRING)
        return fail(filter, "--event TYPE says what all of them are", "the event has no '%s' that is a text", attribute);
    *out = map_get(&filter->types->types, name->text);
    return *out || fail(filter, NULL, "the events section declares no event '%.*s'",
                       (int)(name->text.len > 100 ? 100 : name->text.len), name->text.data);
}

/* From which version to which. */
static bool find_versions(struct filter *filter, const struct event_type_spec *type, const struct event_value *event,
    struct upcast_way *out)
{
    const char *attribute = filter->types->envelope.version;
    size_t latest = type->versions.count;

    out->to = filter->to ? (size_t)filter->to : latest;
    if (!event_version_read(event, attribute, &out->from))
        return fail(filter, NULL, "the event's '%s' is not a whole number from 1 on", attribute);
    if (out->from > latest || out->to > latest)
        return fail(filter, NULL, "'%.*s' has no version %zu, its latest is %zu", STR_ARG(type->name),
            out->from > latest ? out->from : out->to, latest);
    return out->from <= out->to ||
           fail(filter, NULL, "the event is at version %zu already, later than %zu", out->from, out->to);
}

static bool is_valid(struct filter *filter, const struct event_type_spec *type, const struct event_value *event,
    size_t number)
{
    const struct event_version *version = &type->versions.items[number - 1];
    struct json_schema_error error;

    if (json_schema_validate(
            version->compiled, &filter->arena, event_value_to_json(&filter->arena, event), &error))
        return true;
    return fail(filter, NULL, "not valid as version %zu of '%.*s': %s%s%s", number, STR_ARG(type->name),
        error.instance_pointer, error.instance_pointer[0] ? ": " : "", error.message);
}

static bool upcast(struct filter *filter, const struct event_type_spec *type, const struct event_value *event,
    const struct upcast_way *way, struct upcast_result *out)
{
    struct upcast_problem problem;
    size_t to;

    return upcast_along(type->upcasters.items, &filter->arena, event, way, out, &to, &problem) ||
           fail(filter, problem.help, "'%.*s' cannot be upcast to version %zu: %s%s%s", STR_ARG(type->name), to,
               problem.pointer, problem.pointer[0] ? ": " : "", problem.message);
}

static bool upcast_line(struct filter *filter, struct str text)
{
    const struct event_value *event = NULL;
    const struct event_type_spec *type;
    struct upcast_result events;
    struct upcast_way way;

    if (!read_event(filter, text, &event) || !find_type(filter, event, &type) ||
        !find_versions(filter, type, event, &way) ||
        (filter->validate && !is_valid(filter, type, event, way.from)) ||
        !upcast(filter, type, event, &way, &events))
        return false;
    /* What an event was split into is of other types, and no version of this one describes it. */
    if (filter->validate && events.count == 1 && way.to > way.from &&
        !is_valid(filter, type, events.events[0], way.to))
        return false;
    for (size_t i = 0; i < events.count; i++) {
        if (filter->dynamodb)
            event_item_write_dynamodb(&filter->out, events.events[i]);
        else
            event_value_write_json(&filter->out, events.events[i]);
        strbuf_append_char(&filter->out, '\n');
    }
    return true;
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

static void take_line(struct filter *filter, struct str line)
{
    if (!str_trim(line).len)
        return;
    arena_reset(&filter->arena);
    if (!upcast_line(filter, line) && !filter->skip)
        filter->stopped = true;
}

/*
 * What was made is written before more is asked for: nobody waits for an event because another has not come yet. Memory
 * is that of the longest line.
 */
static int run(struct filter *filter)
{
    enum lines_result result = LINES_LINE;
    struct str line;

    while (!filter->stopped && (result = lines_next(&filter->lines, &line)) == LINES_LINE) {
        take_line(filter, line);
        if (filter->out.len >= WRITE_BYTES || !lines_ready(&filter->lines))
            flush(filter);
        filter->stopped = filter->stopped || filter->write_failed;
    }
    if (!filter->stopped && result == LINES_TOO_LONG)
        fail(filter, NULL, "the line is longer than %d MiB", LINE_MAX_BYTES >> 20);
    flush(filter);
    if (!filter->stopped && result == LINES_FAILED) {
        struct error error;

        error_set(&error, EXIT_STATUS_IO, "cannot read '%s': %s", filter->input_name, strerror(errno));
        return cli_report(&error);
    }
    if (filter->failed && filter->skip)
        fprintf(stderr, "invplan: %zu event%s left out\n", filter->failed, filter->failed == 1 ? " was" : "s were");
    if (filter->write_failed)
        return EXIT_STATUS_IO;
    return filter->failed ? EXIT_STATUS_EVENTS : EXIT_STATUS_DONE;
}

/* --- the command --------------------------------------------------------------------------------------------------- */

static bool read_target(struct filter *filter, const struct cli_arguments *arguments, struct error *error)
{
    const char *event = cli_value(arguments, CLI_OPTION_EVENT), *to = cli_value(arguments, CLI_OPTION_TO_VERSION);

    if (event) {
        filter->type = map_get(&filter->types->types, str_from(event));
        if (!filter->type)
            return error_set(error, EXIT_STATUS_USAGE, "the events section declares no event '%s'", event);
    }
    if (!to)
        return true;
    if (!str_to_i64(str_from(to), &filter->to) || filter->to < 1)
        return error_set(error, EXIT_STATUS_USAGE, "--to takes the number of a version, not '%s'", to);
    if (filter->type && (uint64_t)filter->to > filter->type->versions.count)
        return error_set(error, EXIT_STATUS_USAGE, "'%s' has no version %s, its latest is %zu", event, to,
            filter->type->versions.count);
    return true;
}

static bool open_input(struct filter *filter, const struct cli_arguments *arguments, struct error *error)
{
    const char *path = arguments->operands.count ? arguments->operands.items[0] : "-";

    filter->lines.fd = STDIN_FILENO;
    filter->input_name = "standard input";
    if (strcmp(path, "-") == 0)
        return true;
    filter->input_name = path;
    filter->lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    return filter->lines.fd >= 0 || error_set(error, EXIT_STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
}

int command_upcast(const struct cli_arguments *arguments)
{
    const char *on_error = cli_value(arguments, CLI_OPTION_ON_ERROR);
    struct session session;
    struct event_types *types;
    struct error error = {0};
    struct filter filter = {
        .validate = cli_has(arguments, CLI_OPTION_VALIDATE),
        .dynamodb = cli_has(arguments, CLI_OPTION_DYNAMODB),
        .skip = on_error && strcmp(on_error, "skip") == 0,
        .lines = {.fd = -1, .max_bytes = LINE_MAX_BYTES},
    };
    int status;

    if (!session_open(&session, arguments, &status))
        return status;
    types = session_events(&session, arguments, &status);
    if (types) {
        filter.types = types;
        status = read_target(&filter, arguments, &error) && open_input(&filter, arguments, &error)
                     ? run(&filter)
                     : cli_report(&error);
    }
    if (filter.lines.fd > STDIN_FILENO)
        close(filter.lines.fd);
    lines_free(&filter.lines);
    strbuf_free(&filter.out);
    arena_free(&filter.arena);
    session_close(&session);
    return status;
}
