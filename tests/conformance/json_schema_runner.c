/*
 * The required tests of the JSON Schema Test Suite, draft 2020-12, as TAP:
 *
 *     json_schema_runner CORPORA/json-schema
 *
 * The folder holds tests/draft2020-12/ and remotes/draft2020-12/ of the suite.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/base/json.h"
#include "spec/base/vec.h"
#include "spec/event/json_schema.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

static const char remote_prefix[] = "http://localhost:1234/";

struct suite {
    struct arena arena;
    const char *folder;
    size_t test_count;
    size_t failure_count;
};

static const struct json *read_json(struct arena *arena, const char *path)
{
    struct error error;
    struct json_error json_error;
    struct str text;
    const struct json *json;

    if (!file_read(arena, path, FILE_MAX_BYTES, 1, &text, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return NULL;
    }
    json = json_read(arena, text, JSON_ALLOW_NUL, &json_error);
    if (!json)
        fprintf(stderr, "%s:%zu:%zu: %s\n", path, json_error.line, json_error.column, json_error.message);
    return json;
}

/* http://localhost:1234/PATH is the file remotes/PATH. */
static const struct json *resolve(void *context, struct str uri)
{
    struct suite *suite = context;
    size_t skip = sizeof(remote_prefix) - 1;

    if (!str_starts_with(uri, remote_prefix))
        return NULL;
    return read_json(&suite->arena,
        arena_printf(&suite->arena, "%s/remotes/%.*s", suite->folder, (int)(uri.len - skip), uri.data + skip));
}

static void print_result(struct suite *suite, bool ok, const char *name, const struct json *group,
    const struct json *test, const struct json_schema_error *error)
{
    struct str group_name = json_text(json_get(group, "description"));
    struct str test_name = json_text(json_get(test, "description"));

    suite->test_count++;
    suite->failure_count += !ok;
    printf("%s %zu - %s: %.*s: %.*s\n", ok ? "ok" : "not ok", suite->test_count, name, STR_ARG(group_name),
        STR_ARG(test_name));
    if (!ok)
        printf("# wanted %s; %s at schema '%s', value '%s'\n",
            json_bool(json_get(test, "valid"), false) ? "valid" : "invalid", error->message, error->schema_pointer,
            error->instance_pointer);
}

static void run_group(struct suite *suite, const char *name, const struct json *group)
{
    struct json_schema_error error = {.message = "valid"};
    struct json_schema *schema;
    bool compiled = json_schema_compile(&suite->arena, json_get(group, "schema"), resolve, suite, &schema, &error);

    for (const struct json *test = json_get(group, "tests")->child; test; test = test->next) {
        struct json_schema_error found = {.message = "valid"};
        bool wanted = json_bool(json_get(test, "valid"), false);
        bool valid;

        if (!compiled) {
            print_result(suite, false, name, group, test, &error);
            continue;
        }
        valid = json_schema_validate(schema, &suite->arena, json_get(test, "data"), &found);
        print_result(suite, valid == wanted, name, group, test, &found);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int main(int argc, char **argv)
{
    struct suite suite = {.arena = ARENA_INIT, .folder = argc > 1 ? argv[1] : ""};
    const char *folder = arena_printf(&suite.arena, "%s/tests/draft2020-12", suite.folder);
    VEC(const char *) names = {0};
    struct dirent *entry;
    DIR *directory = opendir(folder);
    bool read_all = true;

    if (!directory) {
        fprintf(stderr, "usage: json_schema_runner FOLDER (with tests/draft2020-12 and remotes)\n");
        return 2;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (str_ends_with(str_from(entry->d_name), ".json"))
            VEC_PUSH(&suite.arena, &names, arena_strdup(&suite.arena, entry->d_name));
    }
    closedir(directory);
    if (names.count)
        qsort(names.items, names.count, sizeof(*names.items), compare_names);
    for (size_t i = 0; i < names.count; i++) {
        const struct json *groups =
            read_json(&suite.arena, arena_printf(&suite.arena, "%s/%s", folder, names.items[i]));

        read_all = read_all && json_is(groups, JSON_ARRAY);
        for (const struct json *group = json_is(groups, JSON_ARRAY) ? groups->child : NULL; group; group = group->next)
            run_group(&suite, names.items[i], group);
    }
    printf("1..%zu\n", suite.test_count);
    printf("# %zu of %zu tests in %zu files\n", suite.test_count - suite.failure_count, suite.test_count, names.count);
    arena_free(&suite.arena);
    return read_all && suite.test_count && !suite.failure_count ? 0 : 1;
}
