/*
 * Runs tests of google/cel-spec, converted to JSON lines: cel_runner FILE.jsonl, one TAP line a test.
 *
 *     {"section","name","expr","bindings":{NAME:TYPED},"expect":{"value":TYPED} or {"error":true},
 *      "disable_check"}
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/cel/cel.h"
#include "spec/cel/type.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct str decode_base64(struct arena *arena, struct str text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    unsigned group = 0;

    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        group = group << 6 | (unsigned)(strchr(base64_digits, text.data[i]) - base64_digits);
        if (i % 4)
            out[len++] = (char)(unsigned char)(group >> (6 - 2 * (i % 4)));
    }
    return (struct str){out, len};
}

static double to_double(const struct json *value)
{
    return strtod(json_text(value).data, NULL); /* "NaN" and "Infinity" included */
}

static struct cel_value to_value(struct arena *arena, const struct json *typed);

static struct cel_value to_list(struct arena *arena, const struct json *array)
{
    struct cel_value *items = ARENA_ARRAY(arena, struct cel_value, array->count);
    size_t count = 0;

    for (const struct json *item = array->child; item; item = item->next)
        items[count++] = to_value(arena, item);
    return (struct cel_value){.kind = CEL_LIST, .as.list = {items, count}};
}

static struct cel_value to_map(struct arena *arena, const struct json *array)
{
    struct cel_entry *entries = ARENA_ARRAY(arena, struct cel_entry, array->count);
    size_t count = 0;

    for (const struct json *pair = array->child; pair; pair = pair->next)
        entries[count++] = (struct cel_entry){to_value(arena, json_at(pair, 0)), to_value(arena, json_at(pair, 1))};
    return (struct cel_value){.kind = CEL_MAP, .as.map = {entries, count}};
}

static struct cel_value to_value(struct arena *arena, const struct json *typed)
{
    const struct json *member = typed->child;
    struct str type = member->key, text = json_text(member);
    struct cel_value value = {.kind = CEL_NULL};

    if (str_is(type, "int")) {
        value = (struct cel_value){.kind = CEL_INT, .as.integer = strtoll(text.data, NULL, 10)};
    } else if (str_is(type, "uint")) {
        value = (struct cel_value){.kind = CEL_UINT, .as.uinteger = strtoull(text.data, NULL, 10)};
    } else if (str_is(type, "double")) {
        value = (struct cel_value){.kind = CEL_DOUBLE, .as.real = to_double(member)};
    } else if (str_is(type, "string")) {
        value = (struct cel_value){.kind = CEL_STRING, .as.text = text};
    } else if (str_is(type, "bytes")) {
        value = (struct cel_value){.kind = CEL_BYTES, .as.text = decode_base64(arena, text)};
    } else if (str_is(type, "bool")) {
        value = (struct cel_value){.kind = CEL_BOOL, .as.boolean = json_bool(member, false)};
    } else if (str_is(type, "list")) {
        value = to_list(arena, member);
    } else if (str_is(type, "map")) {
        value = to_map(arena, member);
    } else if (str_is(type, "type")) {
        value = (struct cel_value){.kind = CEL_TYPE, .as.text = text};
    } else if (!str_is(type, "null")) {
        fprintf(stderr, "unknown type '%.*s'\n", STR_ARG(type));
        exit(2);
    }
    return value;
}

/* Same type and same value: 1 is not 1u here. A NaN is a NaN. */
static bool same(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == CEL_DOUBLE)
        return (isnan(a->as.real) && isnan(b->as.real)) ||
               (a->as.real == b->as.real && !signbit(a->as.real) == !signbit(b->as.real));
    if (a->kind == CEL_LIST) {
        bool equal = a->as.list.count == b->as.list.count;

        for (size_t i = 0; equal && i < a->as.list.count; i++)
            equal = same(&a->as.list.items[i], &b->as.list.items[i]);
        return equal;
    }
    if (a->kind == CEL_MAP) {
        bool equal = a->as.map.count == b->as.map.count;

        for (size_t i = 0; equal && i < a->as.map.count; i++) {
            equal = false;
            for (size_t j = 0; !equal && j < b->as.map.count; j++)
                equal = same(&a->as.map.entries[i].key, &b->as.map.entries[j].key) &&
                        same(&a->as.map.entries[i].value, &b->as.map.entries[j].value);
        }
        return equal;
    }
    return cel_equal(a, b);
}

static void print_got(const char *what, const struct cel_value *value)
{
    struct strbuf out = STRBUF_INIT;

    cel_print(value, &out);
    printf("# %s %s %s\n", what, cel_kind_name(value->kind), out.data);
    strbuf_free(&out);
}

static bool evaluate(struct arena *arena, const struct json *test, struct cel_value *value, struct cel_error *error)
{
    const struct json *bindings = json_get(test, "bindings");
    struct cel_variable *variables = ARENA_ARRAY(arena, struct cel_variable, bindings->count);
    struct cel_binding *bound = ARENA_ARRAY(arena, struct cel_binding, bindings->count);
    struct cel_env env = {.variables = variables,
        .container = json_string(json_get(test, "container")),
        .zones = cel_zones_system(),
        .unchecked = json_bool(json_get(test, "disable_check"), false)};
    struct cel_program *program;

    for (const struct json *binding = bindings->child; binding; binding = binding->next) {
        bound[env.variable_count] = (struct cel_binding){binding->key.data, to_value(arena, binding)};
        variables[env.variable_count] =
            (struct cel_variable){binding->key.data, cel_type_of_kind(bound[env.variable_count].value.kind)};
        env.variable_count++;
    }
    program = cel_compile(arena, &env, json_text(json_get(test, "expr")), NULL, error);
    return program && cel_eval(program, arena, bound, env.variable_count, CEL_COST_DEFAULT, value, error);
}

static bool run_test(struct arena *arena, const struct json *test)
{
    const struct json *wanted = json_get(json_get(test, "expect"), "value");
    struct cel_value value, expected;
    struct cel_error error;
    bool evaluated = evaluate(arena, test, &value, &error);

    if (wanted)
        expected = to_value(arena, wanted);
    if (evaluated && wanted && same(&value, &expected))
        return true;
    if (!evaluated && !wanted)
        return true;
    printf("# %.*s\n", STR_ARG(json_text(json_get(test, "expr"))));
    if (evaluated)
        print_got("got", &value);
    else
        printf("# got an error at %zu: %s (%s)\n", error.start, error.message, error.help);
    if (wanted)
        print_got("wanted", &expected);
    else
        printf("# wanted an error\n");
    return false;
}

static bool read_all(const char *path, struct arena *arena, struct str *out)
{
    FILE *file = fopen(path, "rb");
    char *data = arena_alloc(arena, FILE_MAX_BYTES);
    size_t len;

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    len = fread(data, 1, FILE_MAX_BYTES, file);
    fclose(file);
    *out = (struct str){data, len};
    return len < FILE_MAX_BYTES;
}

static bool take_line(struct str *rest, struct str *line)
{
    const char *end;

    if (!rest->len)
        return false;
    end = memchr(rest->data, '\n', rest->len);
    *line = (struct str){rest->data, end ? (size_t)(end - rest->data) : rest->len};
    rest->data += line->len + (end != NULL);
    rest->len -= line->len + (end != NULL);
    return true;
}

int main(int argc, char **argv)
{
    struct arena file_arena = ARENA_INIT, arena = ARENA_INIT;
    struct str rest, line;
    int number = 0, failed = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: cel_runner FILE.jsonl\n");
        return 2;
    }
    if (!read_all(argv[1], &file_arena, &rest))
        return 2;
    while (take_line(&rest, &line)) {
        struct json_error problem;
        const struct json *test = json_read(&arena, line, JSON_ALLOW_NUL, &problem);
        bool passed;

        if (!test) {
            printf("Bail out! line %d: %s\n", number + 1, problem.message);
            return 2;
        }
        passed = run_test(&arena, test);
        failed += !passed;
        printf("%s %d - %s/%s\n", passed ? "ok" : "not ok", ++number, json_string(json_get(test, "section")),
            json_string(json_get(test, "name")));
        arena_reset(&arena);
    }
    printf("1..%d\n", number);
    arena_free(&arena);
    arena_free(&file_arena);
    return failed > 0;
}
