#include "executor/replay.h"

#include <stdio.h>

#include "spec/base/arena.h"

/* --- as JSON ------------------------------------------------------------------------------------------------------ */

static struct json *json_of_place(struct arena *arena, size_t line, struct str key)
{
    struct json *object = json_new(arena, JSON_OBJECT);
    struct json_error ignored;
    struct json *parsed = key.len ? json_read(arena, key, JSON_ALLOW_NUL, &ignored) : NULL;

    if (line)
        json_set_integer(arena, object, "line", (int64_t)line);
    if (parsed)
        json_set(arena, object, "key", parsed);
    return object;
}

static struct json *json_of_version(struct arena *arena, const struct replay_version *version, size_t number)
{
    struct json *object = json_new(arena, JSON_OBJECT), *growth = json_new(arena, JSON_NULL);

    json_set_integer(arena, object, "version", (int64_t)number);
    json_set_integer(arena, object, "events", version->events);
    json_set_integer(arena, object, "failed", version->failed);
    json_set_integer(arena, object, "dropped", version->dropped);
    json_set_integer(arena, object, "made_by_splitting", version->made);
    json_set_integer(arena, object, "measured", version->upcast);
    json_set_integer(arena, object, "bytes_before", version->bytes_before);
    json_set_integer(arena, object, "bytes_after", version->bytes_after);
    if (version->upcast) {
        growth = json_of_place(arena, version->growth_line, str_from(version->growth_key));
        json_set_integer(arena, growth, "bytes_before", version->growth_before);
        json_set_integer(arena, growth, "bytes_after", version->growth_before + version->growth);
    }
    json_set(arena, object, "largest_growth", growth);
    return object;
}

/* Types and versions of which events were seen. */
static struct json *json_of_types(const struct replay *replay, struct arena *arena)
{
    struct json *list = json_new(arena, JSON_ARRAY);
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&replay->types, &i, &entry);) {
        const struct replay_type *type = entry->value;
        struct json *object = json_new(arena, JSON_OBJECT), *versions = json_new(arena, JSON_ARRAY);

        for (size_t k = 0; k < type->versions.count; k++)
            if (type->versions.items[k].events)
                json_append(versions, json_of_version(arena, &type->versions.items[k], k + 1));
        if (!versions->count)
            continue;
        json_set(arena, object, "event", json_new_string(arena, type->name));
        json_set_integer(arena, object, "latest", (int64_t)type->versions.count);
        json_set(arena, object, "versions", versions);
        json_append(list, object);
    }
    return list;
}

static struct json *json_of_findings(const struct replay *replay, struct arena *arena)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < replay->findings.count; i++) {
        const struct replay_finding *finding = replay->findings.items[i];
        struct json *object = json_new(arena, JSON_OBJECT), *examples = json_new(arena, JSON_ARRAY);

        json_set_text(arena, object, "reason", replay_reason_name(finding->reason));
        json_set(arena, object, "event",
            finding->type.len ? json_new_string(arena, finding->type) : json_new(arena, JSON_NULL));
        json_set(arena, object, "version",
            finding->version ? json_new_integer(arena, (int64_t)finding->version) : json_new(arena, JSON_NULL));
        json_set_text(arena, object, "at", finding->at[0] ? finding->at : NULL);
        json_set_text(arena, object, "message", finding->message);
        json_set_integer(arena, object, "events", finding->events);
        for (int64_t k = 0; k < finding->events && k < REPLAY_EXAMPLES_MAX; k++)
            json_append(examples, json_of_place(arena, finding->examples[k].line, finding->examples[k].key));
        json_set(arena, object, "examples", examples);
        json_append(list, object);
    }
    return list;
}

static struct json *json_of_near(const struct replay *replay, struct arena *arena)
{
    struct json *object = json_new(arena, JSON_OBJECT), *examples = json_new(arena, JSON_ARRAY);

    json_set_integer(arena, object, "from_bytes", REPLAY_ITEM_NEAR_BYTES);
    json_set_integer(arena, object, "limit_bytes", EVENT_ITEM_MAX_BYTES);
    json_set_integer(arena, object, "events", replay->near);
    for (size_t i = 0; i < replay->nearest.count; i++) {
        const struct replay_near *near = &replay->nearest.items[i];
        struct json *example = json_of_place(arena, near->place.line, near->place.key);

        json_set_integer(arena, example, "bytes_before", near->before);
        json_set_integer(arena, example, "bytes_after", near->after);
        json_append(examples, example);
    }
    json_set(arena, object, "examples", examples);
    return object;
}

struct json *replay_report(const struct replay *replay, struct arena *arena, struct json *source)
{
    struct json *report = json_new(arena, JSON_OBJECT);

    json_set_integer(arena, report, "replay", 1);
    json_set(arena, report, "source", source);
    json_set_integer(arena, report, "events", replay->events);
    json_set_integer(arena, report, "failed", replay->failed);
    json_set(arena, report, "types", json_of_types(replay, arena));
    json_set(arena, report, "findings", json_of_findings(replay, arena));
    json_set_integer(arena, report, "findings_left_out", replay->findings_left_out);
    json_set(arena, report, "near_limit", json_of_near(replay, arena));
    if (json_get(source, "table"))
        json_set(arena, report, "consumed_read_units",
            json_new_number(arena, str_from(arena_printf(arena, "%.1f", replay->consumed_read_units))));
    return report;
}

/* --- for people --------------------------------------------------------------------------------------------------- */

static int64_t number_of(const struct json *object, const char *key)
{
    int64_t value = 0;

    return json_to_i64(json_get(object, key), &value) ? value : 0;
}

static void append_number(struct strbuf *out, int64_t value)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)(value < 0 ? -value : value));

    if (value < 0)
        strbuf_append_char(out, '-');
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            strbuf_append_char(out, ',');
        strbuf_append_char(out, digits[i]);
    }
}

static void append_events(struct strbuf *out, int64_t count)
{
    append_number(out, count);
    strbuf_append_text(out, count == 1 ? " event" : " events");
}

/* "line 7, {…}" */
static void append_place(struct strbuf *out, const struct json *place)
{
    const struct json *key = json_get(place, "key");

    if (json_get(place, "line"))
        strbuf_printf(out, "line %lld%s", (long long)number_of(place, "line"), key ? ", " : "");
    if (key)
        json_write(out, key);
}

static void print_source(const struct json *report, struct strbuf *out)
{
    const struct json *source = json_get(report, "source");
    const char *table = json_string(json_get(source, "table")), *stream = json_string(json_get(source, "stream"));

    append_events(out, number_of(report, "events"));
    strbuf_printf(out, " of %s%s%s%s%s", table ? "table " : "", table ? table : json_string(json_get(source, "file")),
        json_get(source, "sample") ? ", a sample" : "", stream ? ", stream " : "", stream ? stream : "");
    if (json_string(json_get(source, "event")))
        strbuf_printf(out, ", %s alone", json_string(json_get(source, "event")));
    strbuf_append_text(out, ": ");
    if (number_of(report, "failed")) {
        append_number(out, number_of(report, "failed"));
        strbuf_append_text(out, " would fail\n");
    } else {
        strbuf_append_text(out, "all are well\n");
    }
}

static void print_sizes(const struct json *version, struct strbuf *out)
{
    int64_t before = number_of(version, "bytes_before"), after = number_of(version, "bytes_after");
    const struct json *growth = json_get(version, "largest_growth");

    if (before == after && number_of(growth, "bytes_before") == number_of(growth, "bytes_after"))
        return;
    strbuf_append_text(out, "; ");
    append_number(out, before);
    strbuf_append_text(out, " bytes become ");
    append_number(out, after);
    strbuf_append_text(out, ", at most ");
    append_number(out, number_of(growth, "bytes_before"));
    strbuf_append_text(out, " become ");
    append_number(out, number_of(growth, "bytes_after"));
}

static void print_version(const struct json *version, struct strbuf *out)
{
    strbuf_printf(out, "  version %lld: ", (long long)number_of(version, "version"));
    append_events(out, number_of(version, "events"));
    if (number_of(version, "failed")) {
        strbuf_append_text(out, ", ");
        append_number(out, number_of(version, "failed"));
        strbuf_append_text(out, " would fail");
    }
    if (number_of(version, "dropped")) {
        strbuf_append_text(out, ", ");
        append_number(out, number_of(version, "dropped"));
        strbuf_append_text(out, " dropped");
    }
    if (number_of(version, "made_by_splitting")) {
        strbuf_append_text(out, ", split into ");
        append_number(out, number_of(version, "made_by_splitting"));
    }
    print_sizes(version, out);
    strbuf_append_char(out, '\n');
}

static const char *describe(const char *reason)
{
    static const struct {
        enum replay_reason reason;
        const char *text;
    } texts[] = {
        {REPLAY_NOT_JSON, "not JSON"},
        {REPLAY_NO_TYPE, "no event"},
        {REPLAY_UNKNOWN_TYPE, "unknown type"},
        {REPLAY_BAD_VERSION, "no version number"},
        {REPLAY_UNKNOWN_VERSION, "unknown version"},
        {REPLAY_INVALID, "not valid as it is stored"},
        {REPLAY_UPCAST_FAILS, "cannot be upcast"},
        {REPLAY_INVALID_UPCAST, "not valid when it is upcast"},
        {REPLAY_TOO_LARGE, "too large when it is upcast"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(reason, replay_reason_name(texts[i].reason)) == 0)
            return texts[i].text;
    return reason;
}

static void print_finding(const struct json *finding, struct strbuf *out)
{
    struct str event = json_text(json_get(finding, "event"));
    const char *at = json_string(json_get(finding, "at"));
    const struct json *examples = json_get(finding, "examples");

    strbuf_append_text(out, event.len ? "" : "events without a type");
    strbuf_append_str(out, event);
    if (number_of(finding, "version"))
        strbuf_printf(out, " version %lld", (long long)number_of(finding, "version"));
    strbuf_append_text(out, ": ");
    append_events(out, number_of(finding, "events"));
    strbuf_printf(
        out, " %s: %s", describe(json_string(json_get(finding, "reason"))), json_string(json_get(finding, "message")));
    if (at)
        strbuf_printf(out, " (at %s)", at);
    strbuf_append_char(out, '\n');
    for (const struct json *example = examples->child; example; example = example->next) {
        if (!example->count)
            continue;
        strbuf_append_text(out, "  ");
        append_place(out, example);
        strbuf_append_char(out, '\n');
    }
}

static void print_near(const struct json *near, struct strbuf *out)
{
    const struct json *examples = json_get(near, "examples");

    if (!number_of(near, "events"))
        return;
    append_events(out, number_of(near, "events"));
    strbuf_append_text(out, " near or over the limit of ");
    append_number(out, number_of(near, "limit_bytes"));
    strbuf_append_text(out, " bytes when upcast\n");
    for (const struct json *example = examples->child; example; example = example->next) {
        strbuf_append_text(out, "  ");
        append_place(out, example);
        strbuf_append_text(out, ": ");
        append_number(out, number_of(example, "bytes_before"));
        strbuf_append_text(out, " become ");
        append_number(out, number_of(example, "bytes_after"));
        strbuf_append_char(out, '\n');
    }
}

void replay_print(const struct json *report, struct strbuf *out)
{
    print_source(report, out);
    for (const struct json *type = json_get(report, "types")->child; type; type = type->next) {
        strbuf_append_str(out, json_text(json_get(type, "event")));
        strbuf_printf(out, ", latest version %lld\n", (long long)number_of(type, "latest"));
        for (const struct json *version = json_get(type, "versions")->child; version; version = version->next)
            print_version(version, out);
    }
    for (const struct json *finding = json_get(report, "findings")->child; finding; finding = finding->next)
        print_finding(finding, out);
    if (number_of(report, "findings_left_out")) {
        append_number(out, number_of(report, "findings_left_out"));
        strbuf_append_text(out, " findings more are not listed\n");
    }
    print_near(json_get(report, "near_limit"), out);
    if (json_get(report, "consumed_read_units"))
        strbuf_printf(out, "%s read units consumed\n", json_text(json_get(report, "consumed_read_units")).data);
}
