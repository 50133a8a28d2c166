/*
 * Pairs of schemas with a wanted verdict, from the tests of other registries, as TAP:
 *
 *     schema_compat_runner CORPORA/schema-compat
 *
 * Pairs whose sources agree must be judged as they say. Where they do not (a line with `notes`), this project's own
 * verdict is in the table below, and that is what is tested.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/base/json.h"
#include "spec/event/compat.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

/* --- older drafts in the words of 2020-12 ------------------------------------------------------------------------- */

struct translation {
    struct arena *arena;
};

static struct json *translate(struct translation *translation, const struct json *schema);

static void put(struct translation *translation, struct json *out, const char *key, struct json *value)
{
    if (!json_get(out, key))
        json_set(translation->arena, out, key, value);
}

static struct json *translate_all(struct translation *translation, const struct json *value)
{
    struct json *out = json_new(translation->arena, value->type);

    for (const struct json *child = value->child; child; child = child->next) {
        if (value->type == JSON_ARRAY)
            json_append(out, translate(translation, child));
        else
            json_set_str(translation->arena, out, child->key, translate(translation, child));
    }
    return out;
}

/* dependencies: arrays of names to dependentRequired, schemas to dependentSchemas. */
static void translate_dependencies(struct translation *translation, const struct json *value, struct json *out)
{
    struct json *names = json_new(translation->arena, JSON_OBJECT);
    struct json *schemas = json_new(translation->arena, JSON_OBJECT);

    for (const struct json *child = value->child; child; child = child->next) {
        if (child->type == JSON_ARRAY)
            json_set_str(translation->arena, names, child->key, json_clone(translation->arena, child));
        else
            json_set_str(translation->arena, schemas, child->key, translate(translation, child));
    }
    put(translation, out, "dependentRequired", names);
    put(translation, out, "dependentSchemas", schemas);
}

/* In draft 4 exclusiveMinimum: true turns minimum into the exclusive limit. */
static bool translate_limit(
    struct translation *translation, const struct json *schema, const struct json *child, struct json *out)
{
    static const char *const pairs[][2] = {{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}};

    for (size_t i = 0; i < 2; i++) {
        if (str_is(child->key, pairs[i][1]) && (json_is(child, JSON_TRUE) || json_is(child, JSON_FALSE)))
            return true;
        if (str_is(child->key, pairs[i][0]) && json_is(json_get(schema, pairs[i][1]), JSON_TRUE)) {
            put(translation, out, pairs[i][1], json_clone(translation->arena, child));
            return true;
        }
    }
    return false;
}

static void translate_keyword(
    struct translation *translation, const struct json *schema, const struct json *child, struct json *out)
{
    static const char *const maps[] = {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas"};
    static const char *const schemas[] = {"additionalProperties", "propertyNames", "contains", "not", "if", "then",
        "else", "unevaluatedProperties", "unevaluatedItems"};
    static const char *const lists[] = {"allOf", "anyOf", "oneOf", "prefixItems"};
    bool tuple = json_is(json_get(schema, "items"), JSON_ARRAY);

    if (str_is(child->key, "$schema") || translate_limit(translation, schema, child, out))
        return;
    if (str_is(child->key, "items") && tuple) {
        if (child->count)
            put(translation, out, "prefixItems", translate_all(translation, child));
        return;
    }
    if (str_is(child->key, "additionalItems")) {
        if (tuple)
            put(translation, out, "items", translate(translation, child));
        return;
    }
    if (str_is(child->key, "dependencies")) {
        translate_dependencies(translation, child, out);
        return;
    }
    if (str_is(child->key, "$id") && str_starts_with(json_text(child), "#")) {
        put(translation, out, "$anchor",
            json_new_string(translation->arena, (struct str){child->text.data + 1, child->text.len - 1}));
        return;
    }
    for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
        if (str_is(child->key, maps[i])) {
            put(translation, out, maps[i], translate_all(translation, child));
            return;
        }
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        if (str_is(child->key, lists[i])) {
            put(translation, out, lists[i], translate_all(translation, child));
            return;
        }
    }
    for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++) {
        if (str_is(child->key, schemas[i])) {
            put(translation, out, schemas[i], translate(translation, child));
            return;
        }
    }
    if (str_is(child->key, "items"))
        put(translation, out, "items", translate(translation, child));
    else
        put(translation, out, child->key.data, json_clone(translation->arena, child));
}

static struct json *translate(struct translation *translation, const struct json *schema)
{
    struct json *out;

    if (!json_is(schema, JSON_OBJECT))
        return json_clone(translation->arena, schema);
    out = json_new(translation->arena, JSON_OBJECT);
    for (const struct json *child = schema->child; child; child = child->next)
        translate_keyword(translation, schema, child, out);
    return out;
}

/* --- the pairs ---------------------------------------------------------------------------------------------------- */

/*
 * Where the sources disagree: the pairs that this project takes to be compatible. All others with notes are not.
 * Limits are compared by what they exclude and not by their keyword, a const is an enum of one value, contentEncoding
 * and contentMediaType are annotations (2020-12), an old union is taken apart, and a pattern that lets every text pass
 * is none. oneOf on the new side is a union, as in all sources.
 */
static const char *const compatible_with_notes[] = {
    "029 Number: exclusiveMinimum 3",
    "033 Number: exclusiveMaximum 2",
    "034 Number: exclusiveMaximum 3",
    "099 Const: Enum equivalency",
    "099 Const: Enum equivalency (reversed)",
    "102 String: contentEncoding 3",
    "102 String: contentEncoding 3 (reversed)",
    "104 String: contentMediaType 2 (reversed)",
    "105 String: contentMediaType 3",
    "105 String: contentMediaType 3 (reversed)",
    "109 Complex: anyOf 1 (reversed)",
    "118 Complex: oneOf 1",
    "118 Complex: oneOf 1 (reversed)",
    "120 Complex: oneOf 3",
    "STRING_SCHEMA -> MIN_PATTERN_SCHEMA",
};

static bool verdict_with_notes(struct str name)
{
    for (size_t i = 0; i < sizeof(compatible_with_notes) / sizeof(*compatible_with_notes); i++) {
        if (str_is(name, compatible_with_notes[i]))
            return true;
    }
    return false;
}

struct totals {
    size_t tests, failures, noted;
};

static void run_line(struct arena *arena, const struct json *line, struct totals *totals)
{
    struct translation translation = {arena};
    struct compat_report report = {{0}};
    struct str name = json_text(json_get(line, "name"));
    bool noted = json_get(line, "notes") != NULL;
    bool wanted = noted ? verdict_with_notes(name) : json_bool(json_get(line, "compatible"), false);
    bool compatible = compat_check_backward(
        arena, translate(&translation, json_get(line, "old")), translate(&translation, json_get(line, "new")), &report);
    bool ok = compatible == wanted && compatible == !report.findings.count;

    totals->tests++;
    totals->noted += noted;
    totals->failures += !ok;
    printf("%s %zu - %s %.*s%s\n", ok ? "ok" : "not ok", totals->tests, json_string(json_get(line, "source")),
        STR_ARG(name), noted ? " (sources disagree)" : "");
    if (ok)
        return;
    printf("# wanted %s\n", wanted ? "compatible" : "incompatible");
    for (size_t i = 0; i < report.findings.count; i++)
        printf("# %s: %s (%s -> %s)\n", report.findings.items[i].rule, report.findings.items[i].message,
            report.findings.items[i].old_pointer, report.findings.items[i].new_pointer);
}

static bool run_file(const char *path, struct totals *totals)
{
    struct arena arena = ARENA_INIT;
    struct error error;
    struct str text;
    bool done = file_read(&arena, path, FILE_MAX_BYTES, 1, &text, &error);

    if (!done)
        fprintf(stderr, "%s\n", error.message);
    for (size_t start = 0; done && start < text.len;) {
        const char *end = memchr(text.data + start, '\n', text.len - start);
        size_t len = end ? (size_t)(end - text.data) - start : text.len - start;
        struct json_error json_error;
        const struct json *line = json_read(&arena, (struct str){text.data + start, len}, JSON_STRICT, &json_error);

        if (!line) {
            fprintf(stderr, "%s: %s\n", path, json_error.message);
            done = false;
            break;
        }
        run_line(&arena, line, totals);
        start += len + 1;
    }
    arena_free(&arena);
    return done;
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct totals totals = {0, 0, 0};
    bool done;

    if (argc != 2) {
        fprintf(stderr, "usage: schema_compat_runner FOLDER (with apicurio.jsonl and karapace.jsonl)\n");
        return 2;
    }
    done = run_file(arena_printf(&arena, "%s/apicurio.jsonl", argv[1]), &totals);
    done = run_file(arena_printf(&arena, "%s/karapace.jsonl", argv[1]), &totals) && done;
    printf("1..%zu\n", totals.tests);
    printf("# %zu of %zu pairs, of which %zu have sources that disagree\n", totals.tests - totals.failures,
        totals.tests, totals.noted);
    arena_free(&arena);
    return done && totals.tests && !totals.failures ? 0 : 1;
}
