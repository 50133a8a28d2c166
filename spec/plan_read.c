/* The strict reader of plans: bytes first, then lines. */
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/file.h"
#include "spec/exit.h"
#include "spec/plan_lines.h"
#include "spec/plan_reader.h"

enum { PLACE_MAX_BYTES = 512, TRAILER_MAX_BYTES = 256 };

static void append_place(const struct plan_place *place, char *out, size_t size)
{
    size_t len;

    if (place->up)
        append_place(place->up, out, size);
    len = strlen(out);
    if (place->index == PLAN_PLACE_KEY)
        snprintf(out + len, size - len, "%s%.100s", len ? "." : "", place->key);
    else
        snprintf(out + len, size - len, "[%zu]", place->index);
}

void plan_reader_fail(struct plan_reader *reader, const struct plan_place *place, const char *format, ...)
{
    char text[ERROR_MESSAGE_MAX], where[PLACE_MAX_BYTES] = "";
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (place)
        append_place(place, where, sizeof(where));
    error_set(reader->error, EXIT_STATUS_PLAN, "%s%s%s%s", where[0] ? "'" : "", where, where[0] ? "': " : "", text);
    if (reader->line == 0) {
        error_help(reader->error, "the line was changed, or was written by another version of invplan");
        return;
    }
    if (reader->name)
        error_wrap(reader->error, "%s:%zu", reader->name, reader->line);
    else
        error_wrap(reader->error, "line %zu", reader->line);
    error_help(reader->error, "compile the plan again from its sources; it is not meant to be edited");
}

static bool starts_with(struct str text, struct str prefix)
{
    return text.len >= prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0;
}

/* Why the trailer is not the one that the bytes ask for; the more telling reasons first. */
static bool fail_trailer(struct plan_reader *reader, struct str text, struct str trailer)
{
    const char *found = text.len ? memchr(text.data, '\r', text.len) : NULL;

    reader->line = 1;
    if (found) {
        for (const char *byte = text.data; byte < found; byte++)
            reader->line += *byte == '\n';
        plan_reader_fail(reader, NULL, "the line ends with CR LF; the lines of a plan end with LF alone");
        error_help(reader->error, "keep git from converting it: put '*.plan -text' into .gitattributes");
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        struct str rest = {text.data + i, text.len - i};

        if (i > 0 && text.data[i - 1] != '\n')
            continue;
        reader->line += i > 0;
        if (starts_with(rest, STR("<<<<<<<")) || starts_with(rest, STR(">>>>>>>"))) {
            plan_reader_fail(reader, NULL, "the plan holds the marks of a merge conflict");
            error_help(reader->error, "merge the sources, then compile the plan again");
            return false;
        }
        if (starts_with(rest, STR("{\"end\":")) && rest.data < trailer.data) {
            reader->line++;
            return PLAN_READER_FAIL(reader, NULL, "text stands behind the trailer");
        }
    }
    if (!starts_with(trailer, STR("{\"end\":")))
        return PLAN_READER_FAIL(reader, NULL, "the plan is cut off: its last line is not its trailer");
    return PLAN_READER_FAIL(reader, NULL, "the plan was changed after it was compiled: the digest in its trailer is not "
                                          "that of its bytes");
}

/* What stands before the trailer. */
struct body {
    struct str text; /* empty, or ends with LF */
    size_t lines;
    struct digest digest;
};

/* Checks the last line against the bytes before it. */
static bool check_trailer(struct plan_reader *reader, struct str text, struct body *out)
{
    char wanted[TRAILER_MAX_BYTES];
    size_t start;
    int len;

    reader->line = 1;
    *out = (struct body){.lines = 0};
    if (text.len == 0)
        return PLAN_READER_FAIL(reader, NULL, "the file is empty");
    if (text.len > PLAN_SIZE_MAX_BYTES)
        return PLAN_READER_FAIL(reader, NULL, "the plan is larger than %d bytes", PLAN_SIZE_MAX_BYTES);
    for (start = text.len - 1; start > 0 && text.data[start - 1] != '\n'; start--)
        ;
    out->text = (struct str){text.data, start};
    for (const char *at = text.data, *end = text.data + start; at < end; out->lines++)
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    out->digest = digest_of(out->text);
    len = snprintf(wanted, sizeof(wanted), "{\"end\":{\"lines\":%zu,\"digest\":\"%s\"}}\n", out->lines, out->digest.hex);
    if (!str_equal((struct str){text.data + start, text.len - start}, (struct str){wanted, (size_t)len}))
        return fail_trailer(reader, text, (struct str){text.data + start, text.len - start});
    return true;
}

/* The tree of one line, which must be in the canonical form: one plan has one sequence of bytes. */
static bool read_line(struct plan_reader *reader, struct str line, const struct json **out)
{
    struct json_error at;

    if (line.len > PLAN_LINE_MAX_BYTES)
        return PLAN_READER_FAIL(reader, NULL, "the line is longer than %d bytes", PLAN_LINE_MAX_BYTES);
    *out = json_read(reader->arena, line, JSON_STRICT, &at);
    if (!*out)
        return PLAN_READER_FAIL(reader, NULL, "column %zu: %s", at.column, at.message);
    strbuf_clear(&reader->scratch);
    json_write(&reader->scratch, *out);
    if (!str_equal(strbuf_view(&reader->scratch), line))
        return PLAN_READER_FAIL(reader, NULL, "the line is not in canonical form (white space, or needless escapes)");
    return true;
}

static bool read_migration_line(struct plan_reader *reader, const struct json *value)
{
    struct plan *plan = reader->plan;
    struct plan_migration migration = {.first_step = plan->steps.count};

    VEC_PUSH(reader->arena, &plan->migrations, migration);
    return plan_value_read(reader, NULL, value, PLAN_OBJECT_MIGRATION, &plan->migrations.items[plan->migrations.count - 1]) &&
           plan_check_migration(reader);
}

static bool read_step_line(struct plan_reader *reader, const struct json *value, struct str line)
{
    struct plan *plan = reader->plan;
    struct plan_step *step, empty = {.line = line};

    if (plan->migrations.count == 0)
        return PLAN_READER_FAIL(reader, NULL, "a step stands before the first migration");
    VEC_PUSH(reader->arena, &plan->steps, empty);
    plan->migrations.items[plan->migrations.count - 1].step_count++;
    step = &plan->steps.items[plan->steps.count - 1];
    return plan_value_read(reader, NULL, value, PLAN_OBJECT_STEP, step) && plan_check_step(reader, step);
}

/* What stands before `,"action":`, as an object of its own. In canonical form these bytes stand in no text, for a text's
 * quotes are escaped, and in no value before: neither time-outs nor a span have such a key. */
static bool read_outline_tree(struct plan_reader *reader, char *line, const struct json **out)
{
    char *end = strstr(line, ",\"action\":");
    struct json_error at;

    if (!end)
        return PLAN_READER_FAIL(reader, NULL, "key 'action' is missing");
    end[0] = '}';
    end[1] = '\0'; /* over the quote */
    *out = json_read(&reader->lines, (struct str){line, (size_t)(end - line) + 1}, JSON_STRICT, &at);
    end[0] = ',';
    end[1] = '"';
    return *out || PLAN_READER_FAIL(reader, NULL, "column %zu: %s", at.column, at.message);
}

/* text where it is the same as `known`, which lives as long as the plan; else a copy. */
static const char *keep_text(struct plan_reader *reader, const char *text, const char *known)
{
    if (!text || (known && strcmp(text, known) == 0))
        return text ? known : NULL;
    return arena_strdup(reader->arena, text);
}

/* The tree goes with the next line: what the outline has of it is kept. Neighbours mostly say the same. */
static void keep_outline(struct plan_reader *reader, struct plan_step *step)
{
    static const struct plan_step none;
    const struct plan *plan = reader->plan;
    const struct plan_step *before = plan->steps.count ? &plan->steps.items[plan->steps.count - 1] : &none;
    const struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];

    step->id = keep_text(reader, step->id, NULL);
    step->migration = keep_text(reader, step->migration, migration->id);
    step->target = keep_text(reader, step->target, migration->target);
    step->group = keep_text(reader, step->group, before->group);
    step->span.path = keep_text(reader, step->span.path, before->span.path);
    step->source_digest = keep_text(reader, step->source_digest, NULL);
    step->effect_digest = keep_text(reader, step->effect_digest, NULL);
}

static bool read_outline(struct plan_reader *reader, char *line, size_t len)
{
    struct plan *plan = reader->plan;
    struct plan_step step = {.line = {line, len}, .unread_number = reader->line};
    const struct json *value;

    if (plan->migrations.count == 0)
        return PLAN_READER_FAIL(reader, NULL, "a step stands before the first migration");
    arena_reset(&reader->lines);
    if (!read_outline_tree(reader, line, &value) ||
        !plan_value_read_until(reader, NULL, value, PLAN_OBJECT_STEP, "action", &step))
        return false;
    keep_outline(reader, &step);
    VEC_PUSH(reader->arena, &plan->steps, step);
    plan->migrations.items[plan->migrations.count - 1].step_count++;
    return plan_check_step_outline(reader, &plan->steps.items[plan->steps.count - 1]);
}

static bool read_plan_line(struct plan_reader *reader, struct str line)
{
    const struct json *value, *first;

    if (reader->outline && starts_with(line, STR("{\"step\":")))
        return read_outline(reader, (char *)line.data, line.len); /* the body is ours to change */
    if (!read_line(reader, line, &value))
        return false;
    if (!json_is(value, JSON_OBJECT))
        return PLAN_READER_FAIL(reader, NULL, "must be an object");
    first = value->child;
    if (reader->line == 1)
        return plan_value_read(reader, NULL, value, PLAN_OBJECT_HEADER, reader->plan) && plan_check_header(reader);
    if (first && str_is(first->key, "migration"))
        return read_migration_line(reader, value);
    if (first && str_is(first->key, "step"))
        return read_step_line(reader, value, line);
    return PLAN_READER_FAIL(reader, NULL, "the line begins with '%.100s'; 'migration' or 'step' is wanted",
        first ? first->key.data : "");
}

/* Each LF becomes a NUL, so that a step's line can be given to C functions. */
static bool read_lines(struct plan_reader *reader, char *body, size_t len)
{
    char *at = body;
    char *end = at + len;

    for (reader->line = 1; at < end; reader->line++) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));

        *line_end = '\0';
        if (!read_plan_line(reader, (struct str){at, (size_t)(line_end - at)}))
            return false;
        at = line_end + 1;
    }
    return reader->line > 1 || PLAN_READER_FAIL(reader, NULL, "the plan has no header");
}

/* text is ours to change, and lives as long as the plan. */
static bool read_named(struct arena *arena, const char *name, bool outline, struct str text, struct plan **out,
    struct error *error)
{
    struct plan_reader reader = {.arena = arena, .name = name, .outline = outline, .error = error};
    struct body body;
    bool valid;

    reader.plan = ARENA_NEW(arena, struct plan);
    reader.plan->path = name;
    map_init(&reader.groups, arena);
    plan_index_init(arena, reader.plan);
    valid = check_trailer(&reader, text, &body) && read_lines(&reader, (char *)body.text.data, body.text.len);
    memcpy(reader.plan->digest, body.digest.hex, sizeof(reader.plan->digest));
    strbuf_free(&reader.scratch);
    arena_free(&reader.lines);
    *out = valid ? reader.plan : NULL;
    return valid;
}

bool plan_read(struct arena *arena, struct str text, struct plan **out, struct error *error)
{
    return read_named(arena, NULL, false, str_copy(arena, text), out, error);
}

static bool load(struct arena *arena, const char *path, bool outline, struct plan **out, struct error *error)
{
    struct str text;

    if (!file_read(arena, path, PLAN_SIZE_MAX_BYTES, EXIT_STATUS_IO, &text, error))
        return false;
    return read_named(arena, path, outline, text, out, error);
}

bool plan_load(struct arena *arena, const char *path, struct plan **out, struct error *error)
{
    return load(arena, path, false, out, error);
}

bool plan_load_outline(struct arena *arena, const char *path, struct plan **out, struct error *error)
{
    return load(arena, path, true, out, error);
}

bool plan_complete_step(struct arena *arena, const struct plan *plan, size_t index, struct error *error)
{
    struct plan_step *step = &plan->steps.items[index], whole = {.line = step->line};
    struct plan_reader reader = {
        .arena = arena, .name = plan->path, .line = step->unread_number, .error = error, .plan = (struct plan *)plan};
    const struct json *value;
    bool valid;

    if (!step->unread_number)
        return true;
    valid = read_line(&reader, step->line, &value) && plan_value_read(&reader, NULL, value, PLAN_OBJECT_STEP, &whole) &&
            plan_check_step_rest(&reader, &whole);
    strbuf_free(&reader.scratch);
    if (valid)
        *step = whole;
    return valid;
}

bool plan_step_read(struct arena *arena, struct str line, struct plan_step *out, struct error *error)
{
    struct plan_reader reader = {.arena = arena, .error = error};
    const struct json *value;
    bool valid;

    *out = (struct plan_step){.line = str_copy(arena, line)};
    valid = read_line(&reader, line, &value) && plan_value_read(&reader, NULL, value, PLAN_OBJECT_STEP, out) &&
            plan_check_step_alone(&reader, out);
    strbuf_free(&reader.scratch);
    return valid;
}

/* The kind and id of a line by its first bytes, which the canonical form fixes. */
static bool classify_line(struct plan_reader *reader, struct plan_line *line)
{
    static const struct {
        enum plan_line_kind kind;
        struct str prefix;
    } kinds[] = {{PLAN_LINE_STEP, {"{\"step\":\"", 9}}, {PLAN_LINE_MIGRATION, {"{\"migration\":\"", 14}}};

    line->number = reader->line;
    if (reader->line == 1) {
        line->kind = PLAN_LINE_HEADER;
        return true;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t start = kinds[i].prefix.len, end = start;

        if (!starts_with(line->text, kinds[i].prefix))
            continue;
        while (end < line->text.len && line->text.data[end] != '"')
            end += line->text.data[end] == '\\' ? 2 : 1;
        if (end >= line->text.len)
            break;
        line->kind = kinds[i].kind;
        line->id = (struct str){line->text.data + start, end - start};
        return true;
    }
    return PLAN_READER_FAIL(reader, NULL, "the line begins neither with 'migration' nor with 'step'");
}

bool plan_lines_load(struct arena *arena, const char *path, struct plan_lines *out, struct error *error)
{
    struct plan_reader reader = {.arena = arena, .name = path, .error = error};
    struct str text;
    struct body body;
    char *at, *end;

    *out = (struct plan_lines){.path = path};
    if (!file_read(arena, path, PLAN_SIZE_MAX_BYTES, EXIT_STATUS_IO, &text, error) || !check_trailer(&reader, text, &body))
        return false;
    memcpy(out->digest, body.digest.hex, sizeof(out->digest));
    out->items = ARENA_ARRAY(arena, struct plan_line, body.lines);
    at = (char *)body.text.data; /* file_read() made it for us */
    end = at + body.text.len;
    for (reader.line = 1; at < end; reader.line++) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        struct plan_line *line = &out->items[out->count++];

        *line_end = '\0';
        line->text = (struct str){at, (size_t)(line_end - at)};
        if (!classify_line(&reader, line))
            return false;
        at = line_end + 1;
    }
    return out->count > 0 || PLAN_READER_FAIL(&reader, NULL, "the plan has no header");
}

bool plan_lines_read(struct arena *arena, const struct plan_lines *lines, size_t index, void *out,
    const struct json **tree, struct error *error)
{
    static const enum plan_object objects[] = {[PLAN_LINE_HEADER] = PLAN_OBJECT_HEADER,
        [PLAN_LINE_MIGRATION] = PLAN_OBJECT_MIGRATION,
        [PLAN_LINE_STEP] = PLAN_OBJECT_STEP};
    const struct plan_line *line = &lines->items[index];
    struct plan_reader reader = {.arena = arena, .name = lines->path, .line = line->number, .error = error};
    bool valid;

    memset(out, 0, plan_object_size(objects[line->kind]));
    valid = read_line(&reader, line->text, tree) && plan_value_read(&reader, NULL, *tree, objects[line->kind], out) &&
            (line->kind != PLAN_LINE_STEP || plan_check_step_alone(&reader, out));
    if (valid && line->kind == PLAN_LINE_STEP)
        ((struct plan_step *)out)->line = line->text;
    strbuf_free(&reader.scratch);
    return valid;
}
