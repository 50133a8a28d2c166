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
#include "spec/event/decimal.h"
#include "spec/exit.h"
#include "spec/terminal.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, READ_BYTES = 256 * 1024 };

struct filter {
    const struct event_types *types;
    const struct event_type_spec *type; /* of --event; NULL: as each event says */
    int64_t to;                         /* 0: the latest */
    bool validate, dynamodb, skip;
    int input;
    const char *input_name;
    size_t line;
    size_t failed;
    bool stopped;
    bool write_failed; /* and was reported */
    struct arena arena; /* of one line */
    struct strbuf out;
};

struct events {
    const struct event_value *const *items;
    size_t count;
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
    fprintf(stderr, "invplan: %s:%zu: ", filter->input_name, filter->line);
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
    size_t *from, size_t *to)
{
    const char *attribute = filter->types->envelope.version;
    const struct event_value *version = event_value_member(event, str_from(attribute));
    struct decimal number;

    *from = 1;
    *to = filter->to ? (size_t)filter->to : type->versions.count;
    if (version && (version->type != EVENT_NUMBER || !decimal_parse(version->text, &number) ||
                       !decimal_to_size(&number, from) || *from == 0))
        return fail(filter, NULL, "the event's '%s' is not a whole number from 1 on", attribute);
    if (*from > type->versions.count)
        return fail(filter, NULL, "'%.*s' has no version %zu, its latest is %zu", STR_ARG(type->name), *from,
            type->versions.count);
    if (*to > type->versions.count)
        return fail(filter, NULL, "'%.*s' has no version %zu, its latest is %zu", STR_ARG(type->name), *to,
            type->versions.count);
    return *from <= *to || fail(filter, NULL, "the event is at version %zu already, later than %zu", *from, *to);
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

static bool upcast_once(struct filter *filter, const struct event_type_spec *type, size_t to, struct events *events)
{
    const struct event_version *version = &type->versions.items[to - 1];
    VEC(const struct event_value *) results = {0};
    struct upcast_problem problem;
    struct upcast_result result;

    for (size_t i = 0; i < events->count; i++) {
        if (!upcaster_apply(version->upcaster, &filter->arena, events->items[i], version->number, &result, &problem)) {
            bool inside = problem.in_expression;

            return fail(filter, inside ? problem.expression.help : problem.help,
                "'%.*s' cannot be upcast to version %zu: %s%s%s", STR_ARG(type->name), to, problem.pointer,
                problem.pointer[0] ? ": " : "", problem.message);
        }
        if (events->count == 1) {
            *events = (struct events){result.events, result.count};
            return true;
        }
        for (size_t k = 0; k < result.count; k++)
            VEC_PUSH(&filter->arena, &results, result.events[k]);
    }
    *events = (struct events){results.items, results.count};
    return true;
}

static bool upcast_line(struct filter *filter, struct str text)
{
    const struct event_value *event;
    const struct event_type_spec *type;
    struct events events = {&event, 1};
    size_t from, to;

    if (!read_event(filter, text, &event) || !find_type(filter, event, &type) ||
        !find_versions(filter, type, event, &from, &to) ||
        (filter->validate && !is_valid(filter, type, event, from)))
        return false;
    for (size_t number = from + 1; number <= to; number++)
        if (!upcast_once(filter, type, number, &events))
            return false;
    /* What an event was split into is of other types, and no version of this one describes it. */
    if (filter->validate && events.count == 1 && to > from && !is_valid(filter, type, events.items[0], to))
        return false;
    for (size_t i = 0; i < events.count; i++) {
        if (filter->dynamodb)
            event_item_write_dynamodb(&filter->out, events.items[i]);
        else
            event_value_write_json(&filter->out, events.items[i]);
        strbuf_append_char(&filter->out, '\n');
    }
    return true;
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

static void take_line(struct filter *filter, struct str line)
{
    filter->line++;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (!str_trim(line).len)
        return;
    arena_reset(&filter->arena);
    if (!upcast_line(filter, line) && !filter->skip)
        filter->stopped = true;
}

/* Every whole line of the buffer; what is left of it moves to the front. at_end: the rest is a line too. */
static void take_lines(struct filter *filter, struct strbuf *buffer, bool at_end)
{
    const char *at = buffer->data, *end = buffer->data + buffer->len, *newline;

    while (!filter->stopped && at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        take_line(filter, (struct str){at, (size_t)(newline - at)});
        at = newline + 1;
    }
    if (at_end && at < end && !filter->stopped) {
        take_line(filter, (struct str){at, (size_t)(end - at)});
        at = end;
    }
    if (at > buffer->data) {
        memmove(buffer->data, at, (size_t)(end - at));
        buffer->len = (size_t)(end - at);
    }
}

static int fail_input(const struct filter *filter)
{
    struct error error;

    error_set(&error, EXIT_STATUS_IO, "cannot read '%s': %s", filter->input_name, strerror(errno));
    return cli_report(&error);
}

/*
 * What was made is written before more is asked for: nobody waits for an event because another has not come yet. Memory
 * is that of the longest line.
 */
static int run(struct filter *filter)
{
    static char chunk[READ_BYTES];
    struct strbuf buffer = STRBUF_INIT;
    int status = EXIT_STATUS_DONE;

    while (status == EXIT_STATUS_DONE && !filter->stopped) {
        ssize_t got = read(filter->input, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = fail_input(filter);
        if (got > 0)
            strbuf_append(&buffer, chunk, (size_t)got);
        if (buffer.len && got >= 0)
            take_lines(filter, &buffer, got == 0);
        if (buffer.len > LINE_MAX_BYTES && !filter->stopped) {
            filter->line++;
            fail(filter, NULL, "the line is longer than %d MiB", LINE_MAX_BYTES >> 20);
            filter->stopped = true;
        }
        flush(filter);
        if (filter->write_failed)
            status = EXIT_STATUS_IO;
        if (got == 0)
            break;
    }
    strbuf_free(&buffer);
    if (filter->failed && filter->skip)
        fprintf(stderr, "invplan: %zu event%s left out\n", filter->failed, filter->failed == 1 ? " was" : "s were");
    return status == EXIT_STATUS_DONE && filter->failed ? EXIT_STATUS_EVENTS : status;
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

    filter->input = STDIN_FILENO;
    filter->input_name = "standard input";
    if (strcmp(path, "-") == 0)
        return true;
    filter->input_name = path;
    filter->input = open(path, O_RDONLY | O_CLOEXEC);
    return filter->input >= 0 || error_set(error, EXIT_STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
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
        .input = -1,
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
    if (filter.input > STDIN_FILENO)
        close(filter.input);
    strbuf_free(&filter.out);
    arena_free(&filter.arena);
    session_close(&session);
    return status;
}
