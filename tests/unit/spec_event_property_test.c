/*
 * Properties of upcasters over generated chains and events: every operator, numbers of 38 digits, binary and sets. A
 * chain is drawn from the rows below, one at most for each field, in any order, cut into two versions anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema.h"
#include "spec/event/upcast.h"

enum { TRIALS = 3000, CHAIN_MAX = 8 };

static const struct event_envelope envelope = {"stream", "seq", "type", "v"};

/* What the earlier version says of each field, and the attributes that no operator names. */
static const char *const properties[][2] = {
    {"stream", "{`type`:`string`}"},
    {"seq", "{`type`:`integer`}"},
    {"type", "{`type`:`string`}"},
    {"v", "{`type`:`integer`}"},
    {"text", "{`type`:`string`,`pattern`:`^[a-z]+( [a-z]+)*$`}"},
    {"number", "{`type`:`number`}"},
    {"status", "{`enum`:[`A`,`I`]}"},
    {"lines", "{`type`:`array`,`items`:{`type`:`object`,`properties`:{`q`:{`type`:`number`}},`required`:[`q`],"
              "`additionalProperties`:false}}"},
    {"place",
        "{`type`:`object`,`properties`:{`city`:{`type`:`string`},`zip`:{`type`:`string`}},`required`:[`city`,`zip`],"
        "`additionalProperties`:false}"},
    {"flag", "{`type`:`boolean`}"},
    {"bytes", "{`type`:`string`}"},
    {"big", "{`type`:`number`}"},
    {"untouched", "{}"},
    {"left alone", "{}"},
};

/* A change, and what the later version says of what came of it. */
static const struct row {
    const char *field; /* rows of the same field exclude each other */
    const char *operators;
    const char *gone[2]; /* properties that the later version no longer has */
    const char *added[2][2];
} rows[] = {
    {"new", "{`default`:{`new`:`'made'`}}", {0}, {{"new", "{`const`:`made`}"}}},
    {"new", "{`default`:{`new`:0,`new2`:`event.seq`}}", {0}, {{"new", "{`const`:0}"}, {"new2", "{`type`:`integer`}"}}},
    {"set", "{`set`:{`sum`:`event.number + event.big`}}", {0}, {{"sum", "{`type`:`number`}"}}},
    {"set", "{`set`:{`sum`:`event.big`}}", {0}, {{"sum", "{`type`:`number`}"}}},
    {"text", "{`rename`:{`text`:`name`}}", {"text"}, {{"name", "{`type`:`string`}"}}},
    {"text", "{`split`:{`field`:`text`,`into`:[`first`,`rest`],`by`:` `}}", {"text"},
        {{"first", "{`type`:`string`,`pattern`:`^[a-z]+$`}"}, {"rest", "{`type`:`string`}"}}},
    {"text", "{`move`:{`text`:`inner.text`}}", {"text"},
        {{"inner", "{`type`:`object`,`properties`:{`text`:{`type`:`string`}},`additionalProperties`:false}"}}},
    {"text", "{`remove`:[`text`]}", {"text"}, {{0}}},
    {"status", "{`map_values`:{`status`:{`A`:`active`,`I`:`inactive`}}}", {0},
        {{"status", "{`enum`:[`active`,`inactive`]}"}}},
    {"status", "{`map_values`:{`status`:{`A`:true,`else`:`false`}}}", {0}, {{"status", "{`type`:`boolean`}"}}},
    {"lines", "{`each`:{`field`:`lines`,`do`:[{`rename`:{`q`:`quantity`}},{`set`:{`twice`:`item.quantity * 2`}}]}}",
        {0},
        {{"lines", "{`type`:`array`,`items`:{`type`:`object`,`properties`:{`quantity`:{`type`:`number`},`twice`:{`type`"
                   ":`number`}},"
                   "`required`:[`quantity`,`twice`],`additionalProperties`:false}}"}}},
    {"lines", "{`each`:{`field`:`lines`,`do`:[{`convert`:{`q`:{`from`:`number`,`to`:`string`}}}]}}", {0},
        {{"lines", "{`type`:`array`,`items`:{`properties`:{`q`:{`type`:`string`}}}}"}}},
    {"place", "{`move`:{`place.city`:`city`,`place.zip`:`zip`}}", {"place"},
        {{"city", "{`type`:`string`}"}, {"zip", "{`type`:`string`}"}}},
    {"place", "{`combine`:{`fields`:[`place.zip`,`place.city`],`into`:`address`,`with`:` `}}", {"place"},
        {{"address", "{`type`:`string`}"}, {"place", "{`type`:`object`,`maxProperties`:0}"}}},
    {"flag", "{`convert`:{`flag`:{`from`:`boolean`,`to`:`string`}}}", {0}, {{"flag", "{`enum`:[`true`,`false`]}"}}},
    {"flag",
        "{`when`:{`if`:`event.seq % 2 == 0`,`then`:[{`rename`:{`flag`:`even`}}],`else`:[{`rename`:{`flag`:`odd`}}]}}",
        {"flag"}, {{"even", "{`type`:`boolean`}"}, {"odd", "{`type`:`boolean`}"}}},
    {"bytes", "{`convert`:{`bytes`:{`from`:`binary`,`to`:`string`}}}", {0}, {{0}}},
    {"type", "{`rename_type`:{`from`:`T`,`to`:`U`}}", {0}, {{"type", "{`const`:`U`}"}}},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

static struct arena arena;
static uint64_t seed = 20260101;

static size_t draw(size_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % limit;
}

static struct json *json(const char *text)
{
    char *copy = arena_strdup(&arena, text);
    struct json_error error;
    struct json *result;

    for (char *at = copy; *at; at++)
        if (*at == '`')
            *at = '"';
    result = json_read(&arena, str_from(copy), JSON_ALLOW_NUL, &error);
    if (!result)
        fail_msg("%s: %s", text, error.message);
    return result;
}

static const char *written(const struct json *value)
{
    struct strbuf out = STRBUF_INIT;
    const char *text;

    json_write(&out, value);
    text = strbuf_copy(&out, &arena).data;
    strbuf_free(&out);
    return text;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static const char *some_number(void)
{
    static const char *const numbers[] = {"0", "1.50", "-7", "12345678901234567890123456789012345678", "0.10",
        "-0.000001", "99999999999999999999999999999999999.999", "1E-7", "1E+20", "3.0"};

    return numbers[draw(sizeof(numbers) / sizeof(numbers[0]))];
}

static const char *some_text(void)
{
    static const char *const texts[] = {"ada", "ada king", "ada king lovelace", "x y"};

    return texts[draw(sizeof(texts) / sizeof(texts[0]))];
}

/* Of any kind that an item can hold. */
static const char *some_value(void)
{
    static const char *const values[] = {"{`S`:``}", "{`S`:`a\\u0000b ü`}",
        "{`N`:`12345678901234567890123456789012345678`}", "{`N`:`1.500`}", "{`B`:`AAECAw==`}", "{`SS`:[`b`,`a`]}",
        "{`NS`:[`1.0`,`2`]}", "{`BS`:[`AA==`,`AQ==`]}", "{`NULL`:true}", "{`BOOL`:false}",
        "{`L`:[{`N`:`1.0`},{`L`:[]}]}", "{`M`:{`z`:{`B`:``},`a`:{`SS`:[`x`]}}}", "{`M`:{}}"};

    return values[draw(sizeof(values) / sizeof(values[0]))];
}

static struct json *some_item(void)
{
    struct strbuf text = STRBUF_INIT;
    struct json *item;
    size_t lines = draw(4);

    strbuf_printf(&text,
        "{`stream`:{`S`:`s1`},`seq`:{`N`:`%zu`},`type`:{`S`:`T`},`text`:{`S`:`%s`},`number`:{`N`:`%s`},`status`:"
        "{`S`:`%s`},`untouched`:%s,`place`:{`M`:{`city`:{`S`:`bern`},`zip`:{`S`:`%zu`}}},`flag`:{`BOOL`:%s},`bytes`:{`"
        "B`:`%s`},"
        "`big`:{`N`:`%s`},`left alone`:%s,`lines`:{`L`:[",
        draw(100), some_text(), some_number(), draw(2) ? "A" : "I", some_value(), 1000 + draw(9000),
        draw(2) ? "true" : "false", draw(2) ? "AAEC" : "", some_number(), some_value());
    for (size_t i = 0; i < lines; i++)
        strbuf_printf(&text, "%s{`M`:{`q`:{`N`:`%s`}}}", i ? "," : "", some_number());
    strbuf_append_text(&text, "]}}");
    item = json(text.data);
    strbuf_free(&text);
    return item;
}

/* --- chains ------------------------------------------------------------------------------------------------------- */

struct chain {
    const struct row *steps[CHAIN_MAX];
    size_t count, cut; /* the first `cut` of them lead to version 2, the others to 3 */
};

static struct chain some_chain(void)
{
    struct chain chain = {0};
    size_t wanted = 1 + draw(CHAIN_MAX);

    for (size_t tries = 0; tries < 40 && chain.count < wanted; tries++) {
        const struct row *row = &rows[draw(ROWS)];
        bool taken = false;

        for (size_t i = 0; i < chain.count; i++)
            taken = taken || strcmp(chain.steps[i]->field, row->field) == 0;
        if (!taken)
            chain.steps[chain.count++] = row;
    }
    chain.cut = draw(chain.count + 1);
    return chain;
}

static struct json *operators_of(const struct chain *chain, size_t from, size_t to)
{
    struct json *list = json_new(&arena, JSON_ARRAY);

    for (size_t i = from; i < to; i++)
        json_append(list, json(chain->steps[i]->operators));
    return list;
}

static struct upcaster *upcaster_of(const struct json *operators, const struct json *schema)
{
    struct upcast_problem problem;
    struct upcaster *upcaster;

    if (!upcaster_create(&arena, operators, schema, &envelope, &upcaster, &problem))
        fail_msg("%s at %s: %s", written(operators), problem.pointer, problem.message);
    return upcaster;
}

static bool is_replaced(const struct chain *chain, const char *name)
{
    for (size_t i = 0; i < chain->count; i++) {
        for (size_t k = 0; k < 2; k++)
            if ((chain->steps[i]->gone[k] && strcmp(chain->steps[i]->gone[k], name) == 0) ||
                (chain->steps[i]->added[k][0] && strcmp(chain->steps[i]->added[k][0], name) == 0))
                return true;
    }
    return false;
}

/* Closed: what the chain leaves behind by mistake is not valid. NULL: the earlier version. */
static struct json *schema_of(const struct chain *chain)
{
    struct json *schema = json("{`type`:`object`,`additionalProperties`:false}"),
                *known = json_new(&arena, JSON_OBJECT);

    for (size_t i = 0; i < PROPERTIES; i++)
        if (!chain || !is_replaced(chain, properties[i][0]))
            json_set(&arena, known, properties[i][0], json(properties[i][1]));
    for (size_t i = 0; chain && i < chain->count; i++)
        for (size_t k = 0; k < 2 && chain->steps[i]->added[k][0]; k++)
            json_set(&arena, known, chain->steps[i]->added[k][0], json(chain->steps[i]->added[k][1]));
    json_set(&arena, schema, "properties", known);
    return schema;
}

static void assert_valid(const struct json *schema, const struct event_value *event, const char *what)
{
    struct json *plain = event_value_to_json(&arena, event);
    struct json_schema_error error;
    struct json_schema *compiled;

    if (!json_schema_compile(&arena, schema, NULL, NULL, &compiled, &error))
        fail_msg("%s: %s", written(schema), error.message);
    if (!json_schema_validate(compiled, &arena, plain, &error))
        fail_msg("%s: %s: %s: %s", what, error.instance_pointer, error.message, written(plain));
}

/* --- the properties ----------------------------------------------------------------------------------------------- */

static void assert_untouched(const struct json *item, const struct event_value *after)
{
    static const char *const names[] = {"stream", "seq", "untouched", "left alone", "big"};
    struct json *out = event_item_to_dynamodb(&arena, after);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(written(json_get(out, names[i])), written(json_get(item, names[i])));
}

static struct event_value *without_version(const struct event_value *event)
{
    struct event_value *copy = ARENA_NEW(&arena, struct event_value);
    struct event_member *members = ARENA_ARRAY(&arena, struct event_member, event->count + 1);

    *copy = *event;
    copy->members = members;
    copy->count = 0;
    for (size_t i = 0; i < event->count; i++)
        if (!str_is(event->members[i].name, "v"))
            members[copy->count++] = event->members[i];
    return copy;
}

/* True where the grade promised it. */
static bool check_way_back(
    const struct json *operators, const struct event_value *before, const struct event_value *after)
{
    const struct upcast_origin origin = {.schema = schema_of(NULL), .type = "T"};
    enum upcast_grade grade;
    const char *why;
    struct json *back = upcast_derive_downcast_from(&arena, operators, &origin, &grade, &why);
    struct upcast_problem problem;
    struct upcast_result result;

    if (grade != UPCAST_GRADE_EXACT)
        return false;
    if (!upcaster_apply(upcaster_of(back, NULL), &arena, after, 1, &result, &problem))
        fail_msg("%s back by %s at %s: %s", written(operators), written(back), problem.pointer, problem.message);
    assert_int_equal(result.count, 1);
    if (!event_value_equal(without_version(result.events[0]), without_version(before)))
        fail_msg("%s gives %s, not %s", written(back), written(event_item_to_dynamodb(&arena, result.events[0])),
            written(event_item_to_dynamodb(&arena, before)));
    return true;
}

/* False: the upcaster refuses the event, as it may (a sum of more than 38 digits). */
static bool check_chain(const struct chain *chain, const struct json *item, size_t *exact)
{
    struct json *schema = schema_of(NULL), *all = operators_of(chain, 0, chain->count);
    struct upcaster *whole = upcaster_of(all, schema);
    struct upcaster *parts[2] = {upcaster_of(operators_of(chain, 0, chain->cut), NULL),
        upcaster_of(operators_of(chain, chain->cut, chain->count), NULL)};
    const struct upcast_way way = {1, 3};
    struct upcast_result at_once, by_steps;
    struct upcast_problem problem;
    const struct event_value *event;
    struct error error;
    size_t failed_to;
    bool ok;

    assert_true(event_item_from_dynamodb(&arena, item, &event, &error));
    assert_valid(schema, event, "generated");
    ok = upcaster_apply(whole, &arena, event, 3, &at_once, &problem);
    assert_int_equal(upcast_along(parts, &arena, event, &way, &by_steps, &failed_to, &problem), ok);
    if (!ok)
        return false;
    assert_int_equal(at_once.count, 1);
    assert_int_equal(by_steps.count, 1);
    assert_true(event_value_equal(at_once.events[0], by_steps.events[0]));
    assert_untouched(item, at_once.events[0]);
    assert_valid(schema_of(chain), at_once.events[0], written(all));
    *exact += check_way_back(all, event, at_once.events[0]);
    return true;
}

static void generated_chains_keep_what_upcasters_promise(void **state)
{
    size_t done = 0, exact = 0;

    (void)state;
    for (int i = 0; i < TRIALS; i++) {
        struct chain chain = some_chain();

        done += check_chain(&chain, some_item(), &exact);
        arena_reset(&arena);
    }
    printf("# %zu of %d chains upcast, %zu of them back exactly\n", done, TRIALS, exact);
    assert_true(done > TRIALS / 2);
    assert_true(exact > TRIALS / 20);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_chains_keep_what_upcasters_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
