#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema.h"
#include "spec/event/upcast.h"

static struct arena arena;

static const struct event_envelope envelope = {"stream", "seq", "type", "v"};

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* `x` in the texts of this file stands for "x". */
static struct str quoted(const char *text)
{
    char *copy = arena_strdup(&arena, text);

    for (char *at = copy; *at; at++) {
        if (*at == '`')
            *at = '"';
    }
    return str_from(copy);
}

static struct json *json(const char *text)
{
    struct json_error error;
    struct json *result = json_read(&arena, quoted(text), JSON_ALLOW_NUL, &error);

    if (!result)
        fail_msg("%s: %s", text, error.message);
    return result;
}

/* The text of a value, with ` for ". */
static const char *written(const struct json *value)
{
    struct strbuf out = STRBUF_INIT;
    struct str text;

    json_write(&out, value);
    for (size_t i = 0; i < out.len; i++) {
        if (out.data[i] == '"')
            out.data[i] = '`';
    }
    text = strbuf_copy(&out, &arena);
    strbuf_free(&out);
    return text.data;
}

/* The events that operators make of one; NULL when they refuse it. */
static const struct event_value *applied(
    const struct json *operators, const struct event_value *event, int version, struct upcast_problem *problem)
{
    struct upcaster *upcaster;
    struct upcast_result result;

    if (!upcaster_create(&arena, operators, NULL, &envelope, &upcaster, problem) ||
        !upcaster_apply(upcaster, &arena, event, version, &result, problem) || result.count != 1)
        return NULL;
    return result.events[0];
}

static void assert_derives(const char *operators, const char *schema, enum upcast_grade wanted, const char *wanted_why,
    const char *wanted_operators)
{
    const struct upcast_origin origin = {schema ? json(schema) : NULL, "Old"};
    enum upcast_grade grade;
    const char *why;
    const struct json *back = upcast_derive_downcast_from(&arena, json(operators), &origin, &grade, &why);

    if (grade != wanted)
        fail_msg("%s: grade %d (%s)", operators, (int)grade, why ? why : "exact");
    if (!why)
        why = "(nothing)";
    if (!strstr(why, wanted_why ? wanted_why : "(nothing)"))
        fail_msg("%s: '%s' lacks '%s'", operators, why, wanted_why ? wanted_why : "(nothing)");
    if (!wanted_operators) {
        assert_null(back);
        return;
    }
    assert_string_equal(written(back), wanted_operators);
}

#define CLOSED                                                                                                         \
    "{`type`:`object`,`required`:[`id`],`additionalProperties`:false,`properties`:{`id`:{`type`:`string`},"            \
    "`n`:{`type`:`number`},`s`:{`type`:`string`},`m`:{`type`:`object`,`additionalProperties`:false},"                  \
    "`lines`:{`type`:`array`,`items`:{`type`:`object`,`additionalProperties`:false,`properties`:{`q`:"                 \
    "{`type`:`number`}}}}}}"

static void operators_are_turned_round_with_their_grade(void **state)
{
    static const struct {
        const char *operators, *schema;
        enum upcast_grade grade;
        const char *why, *back;
    } cases[] = {
        {"[]", NULL, UPCAST_GRADE_EXACT, NULL, "[]"},
        {"[{`rename`:{`a`:`b`,`b`:`a`}}]", NULL, UPCAST_GRADE_EXACT, NULL, "[{`rename`:{`b`:`a`,`a`:`b`}}]"},
        {"[{`rename`:{`m.a`:`b`}}]", NULL, UPCAST_GRADE_EXACT, NULL, "[{`move`:{`m.b`:`m.a`}}]"},
        {"[{`move`:{`a`:`m.x\\\\.y`}},{`rename`:{`b`:`c`}}]", NULL, UPCAST_GRADE_EXACT, NULL,
            "[{`rename`:{`c`:`b`}},{`move`:{`m.x\\\\.y`:`a`}}]"},
        {"[{`default`:{`new`:`1`}}]", NULL, UPCAST_GRADE_LOSSY, "a 'new' that the earlier event had",
            "[{`remove`:[`new`]}]"},
        {"[{`default`:{`new`:`1`,`x.y`:`2`,`x.z`:`3`}}]", CLOSED, UPCAST_GRADE_EXACT, NULL, "[{`remove`:[`new`,`x`]}]"},
        {"[{`default`:{`id`:`1`}}]", CLOSED, UPCAST_GRADE_EXACT, NULL, "[]"},
        {"[{`default`:{`s`:`1`}}]", CLOSED, UPCAST_GRADE_LOSSY, "a 's' that", "[{`remove`:[`s`]}]"},
        {"[{`default`:{`m.x`:`1`}}]", CLOSED, UPCAST_GRADE_LOSSY, "whether the map around 'm.x' was there before",
            "[{`remove`:[`m.x`]}]"},
        {"[{`set`:{`new`:`1`}}]", CLOSED, UPCAST_GRADE_EXACT, NULL, "[{`remove`:[`new`]}]"},
        {"[{`set`:{`s`:`1`}}]", CLOSED, UPCAST_GRADE_LOSSY, "what 's' held before 'set' is gone", "[{`remove`:[`s`]}]"},
        {"[{`set`:{`id`:`1`}}]", CLOSED, UPCAST_GRADE_IMPOSSIBLE, "what 'id' held before 'set' is gone", NULL},
        {"[{`set`:{`x`:`1`}}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "what 'x' held before 'set' is gone", NULL},
        {"[{`remove`:[`x`]}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "what 'x' held before 'remove' is gone", NULL},
        {"[{`remove`:[`s`]}]", CLOSED, UPCAST_GRADE_LOSSY, "what 's' held before 'remove' is gone", "[]"},
        {"[{`remove`:[`id`]}]", CLOSED, UPCAST_GRADE_IMPOSSIBLE, "requires it", NULL},
        {"[{`remove`:[`new`]}]", CLOSED, UPCAST_GRADE_EXACT, NULL, "[]"},
        {"[{`rename`:{`n`:`new`}},{`set`:{`n`:`1`}}]", CLOSED, UPCAST_GRADE_EXACT, NULL,
            "[{`remove`:[`n`]},{`rename`:{`new`:`n`}}]"},
        {"[{`rename`:{`n`:`new`}},{`rename`:{`s`:`n`}},{`default`:{`n`:`1`}}]", CLOSED, UPCAST_GRADE_LOSSY,
            "a 'n' that", "[{`remove`:[`n`]},{`rename`:{`n`:`s`}},{`rename`:{`new`:`n`}}]"},
        {"[{`convert`:{`n`:`string`}}]", CLOSED, UPCAST_GRADE_EXACT, NULL,
            "[{`convert`:{`n`:{`from`:`string`,`to`:`number`}}}]"},
        {"[{`convert`:{`n`:`string`}}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "say { from", NULL},
        {"[{`convert`:{`s`:`number`}}]", CLOSED, UPCAST_GRADE_LOSSY, "how the text wrote the number",
            "[{`convert`:{`s`:{`from`:`number`,`to`:`string`}}}]"},
        {"[{`convert`:{`a`:{`from`:`boolean`,`to`:`string`}}}]", NULL, UPCAST_GRADE_EXACT, NULL,
            "[{`convert`:{`a`:{`from`:`string`,`to`:`boolean`}}}]"},
        {"[{`convert`:{`a`:{`from`:`list`,`to`:`string_set`}}}]", NULL, UPCAST_GRADE_LOSSY, "the order of the list",
            "[{`convert`:{`a`:{`from`:`string_set`,`to`:`list`}}}]"},
        {"[{`map_values`:{`a`:{`A`:`active`,`I`:`else`}}}]", NULL, UPCAST_GRADE_EXACT, NULL,
            "[{`map_values`:{`a`:{`active`:`A`,`\\\\else`:`I`}}}]"},
        {"[{`map_values`:{`a`:{`A`:`x`,`B`:`x`}}}]", NULL, UPCAST_GRADE_LOSSY, "which of the values that became 'x'",
            "[{`map_values`:{`a`:{`x`:`A`}}}]"},
        {"[{`map_values`:{`a`:{`1`:`x`}}}]", NULL, UPCAST_GRADE_LOSSY, "whether '1' in 'a' was a text",
            "[{`map_values`:{`a`:{`x`:`1`}}}]"},
        {"[{`map_values`:{`n`:{`1`:`x`}}}]", CLOSED, UPCAST_GRADE_EXACT, NULL, "[{`map_values`:{`n`:{`x`:1}}}]"},
        {"[{`map_values`:{`a`:{`A`:1,`B`:`1.0`}}}]", NULL, UPCAST_GRADE_LOSSY, "which of the values",
            "[{`map_values`:{`a`:{`1`:`A`}}}]"},
        {"[{`map_values`:{`a`:{`A`:`x`,`else`:`'y'`}}}]", NULL, UPCAST_GRADE_LOSSY, "that 'else' replaced",
            "[{`map_values`:{`a`:{`x`:`A`,`else`:`event[\\`a\\`]`}}}]"},
        {"[{`split`:{`field`:`a`,`into`:[`b`,`c`],`by`:` `}}]", NULL, UPCAST_GRADE_EXACT, NULL,
            "[{`combine`:{`fields`:[`b`,`c`],`into`:`a`,`with`:` `}}]"},
        {"[{`combine`:{`fields`:[`b`,`c`],`into`:`a`,`with`:` `}}]", NULL, UPCAST_GRADE_LOSSY,
            "where the parts of 'a' met", "[{`split`:{`field`:`a`,`into`:[`b`,`c`],`by`:` `}}]"},
        {"[{`combine`:{`fields`:[`b`,`c`],`into`:`a`,`with`:``}}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "met", NULL},
        {"[{`each`:{`field`:`lines`,`do`:[{`default`:{`unit`:`'kg'`}},{`rename`:{`q`:`quantity`}}]}}]", CLOSED,
            UPCAST_GRADE_EXACT, NULL,
            "[{`each`:{`field`:`lines`,`do`:[{`rename`:{`quantity`:`q`}},{`remove`:[`unit`]}]}}]"},
        {"[{`when`:{`if`:`event.kind == 'a' && has(event.x.y)`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL,
            UPCAST_GRADE_EXACT, NULL,
            "[{`when`:{`if`:`event.kind == 'a' && has(event.x.y)`,`then`:[{`rename`:{`q`:`p`}}]}}]"},
        {"[{`when`:{`if`:`has(event.p)`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL, UPCAST_GRADE_IMPOSSIBLE,
            "cannot be seen afterwards", NULL},
        {"[{`when`:{`if`:`size(event) > 1`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL, UPCAST_GRADE_IMPOSSIBLE,
            "cannot be seen afterwards", NULL},
        {"[{`when`:{`if`:`meta.version == 1`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL, UPCAST_GRADE_IMPOSSIBLE,
            "cannot be seen afterwards", NULL},
        {"[{`when`:{`if`:`r + 'x\\\\'' == event.p + '`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL, UPCAST_GRADE_IMPOSSIBLE,
            "", NULL},
        {"[{`when`:{`if`:`meta.stream == r'\\\\' && 'x' == event.p`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL,
            UPCAST_GRADE_IMPOSSIBLE, "cannot be seen afterwards", NULL},
        {"[{`when`:{`if`:`event.s == ' event.p '`,`then`:[{`rename`:{`p`:`q`}}]}}]", NULL, UPCAST_GRADE_EXACT, NULL,
            "[{`when`:{`if`:`event.s == ' event.p '`,`then`:[{`rename`:{`q`:`p`}}]}}]"},
        {"[{`each`:{`field`:`l`,`do`:[{`when`:{`if`:`event.l[0].a == 1`,`then`:[{`rename`:{`p`:`q`}}]}}]}}]", NULL,
            UPCAST_GRADE_IMPOSSIBLE, "cannot be seen afterwards", NULL},
        {"[{`rename_type`:`New`}]", NULL, UPCAST_GRADE_EXACT, NULL, "[{`rename_type`:{`from`:`New`,`to`:`Old`}}]"},
        {"[{`drop_event`:{`if`:`event.x`}}]", NULL, UPCAST_GRADE_LOSSY, "that 'drop_event' dropped", "[]"},
        {"[{`split_event`:[{`type`:`A`},{`type`:`B`}]}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "cannot be made one again",
            NULL},
        {"[{`default`:{`a`:`1`}},{`drop_event`:{`if`:`event.x`}}]", NULL, UPCAST_GRADE_LOSSY, "; ",
            "[{`remove`:[`a`]}]"},
        {"[{`nope`:1}]", NULL, UPCAST_GRADE_IMPOSSIBLE, "unknown upcast operator", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_derives(cases[i].operators, cases[i].schema, cases[i].grade, cases[i].why, cases[i].back);
}

static void without_the_origin_less_is_known(void **state)
{
    enum upcast_grade grade;
    const char *why;

    (void)state;
    assert_null(upcast_derive_downcast(&arena, json("[{`rename_type`:`New`}]"), &grade, &why));
    assert_int_equal(grade, UPCAST_GRADE_IMPOSSIBLE);
    assert_non_null(upcast_derive_downcast(&arena, json("[{`rename_type`:{`from`:`Old`,`to`:`New`}}]"), &grade, &why));
    assert_int_equal(grade, UPCAST_GRADE_EXACT);
}

/* --- the property: what is called exact gives every event back ---------------------------------------------------- */

static uint64_t random_state;

static size_t random_below(size_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % limit;
}

#define PICK(list) ((list)[random_below(sizeof(list) / sizeof(*(list)))])

static const char *const leaf_names[] = {"a", "b", "c"};
static const char *const path_names[] = {"a", "b", "c", "m.a", "m.b", "a.b", "m.m.c"};

static void add_value(struct strbuf *out, size_t depth)
{
    static const char *const scalars[] = {
        "1", "1.50", "0", "`x`", "`x y`", "`x y z`", "``", "`1`", "`true`", "true", "false", "null", "`007`", "[]"};
    size_t kind = random_below(depth ? 10 : 7);

    if (kind < 7) {
        strbuf_append_text(out, PICK(scalars));
    } else {
        bool list = kind == 7;
        size_t count = random_below(3);

        strbuf_append_char(out, list ? '[' : '{');
        for (size_t i = 0; i < count; i++) {
            if (i)
                strbuf_append_char(out, ',');
            if (list)
                strbuf_append_text(out, i ? "{`a`:1,`c`:`x y`}" : "{`b`:`x`}");
            else {
                strbuf_printf(out, "`%s`:", leaf_names[i]);
                add_value(out, depth - 1);
            }
        }
        strbuf_append_char(out, list ? ']' : '}');
    }
}

static const struct event_value *random_event(void)
{
    static const char *const names[] = {"a", "b", "c", "m", "l"};
    struct strbuf text = STRBUF_INIT;
    const struct event_value *event;

    strbuf_append_text(&text, "{`v`:1,`type`:`Old`");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (random_below(3)) {
            strbuf_printf(&text, ",`%s`:", names[i]);
            add_value(&text, 2);
        }
    }
    strbuf_append_char(&text, '}');
    event = event_value_from_json(&arena, json(text.data));
    strbuf_free(&text);
    return event;
}

static void add_operator(struct strbuf *out, size_t depth)
{
    static const char *const types[] = {"string", "number", "integer", "boolean"};
    static const char *const conditions[] = {
        "has(event.a)", "true", "event.b == 1", "has(event.m) && has(event.m.a)", "meta.version == 1"};

    switch (random_below(depth ? 11 : 9)) {
    case 0:
    case 1:
        strbuf_printf(out, "{`rename`:{`%s`:`%s`}}", PICK(path_names), PICK(leaf_names));
        break;
    case 2:
    case 3:
        strbuf_printf(out, "{`move`:{`%s`:`%s`}}", PICK(path_names), PICK(path_names));
        break;
    case 4:
        strbuf_printf(out, "{`convert`:{`%s`:{`from`:`%s`,`to`:`%s`}}}", PICK(path_names), PICK(types), PICK(types));
        break;
    case 5:
        strbuf_printf(out, "{`map_values`:{`%s`:{`x`:`%s`,`x y`:`q`,`%s`:2}}}", PICK(path_names),
            random_below(2) ? "q" : "1", random_below(2) ? "" : "1");
        break;
    case 6:
        strbuf_printf(out, "{`split`:{`field`:`%s`,`into`:[`%s`,`%s`],`by`:` `}}", PICK(path_names), PICK(path_names),
            PICK(path_names));
        break;
    case 7:
        strbuf_printf(out, "{`default`:{`%s`:`1`}}", PICK(path_names));
        break;
    case 8:
        strbuf_printf(out, "{`set`:{`%s`:`1`}}", PICK(path_names));
        break;
    case 9:
        strbuf_append_text(out, "{`each`:{`field`:`l`,`do`:[");
        add_operator(out, 0);
        strbuf_append_text(out, "]}}");
        break;
    default:
        strbuf_printf(out, "{`when`:{`if`:`%s`,`then`:[", PICK(conditions));
        add_operator(out, depth - 1);
        strbuf_append_text(out, "],`else`:[");
        add_operator(out, depth - 1);
        strbuf_append_text(out, "]}}");
        break;
    }
}

static const struct json *random_operators(void)
{
    struct strbuf text = STRBUF_INIT;
    size_t count = 1 + random_below(4);
    const struct json *operators;

    for (size_t i = 0; i < count; i++) {
        strbuf_append_char(&text, i ? ',' : '[');
        add_operator(&text, 2);
    }
    strbuf_append_char(&text, ']');
    operators = json(text.data);
    strbuf_free(&text);
    return operators;
}

/* What the random events may hold, as schemas say it: nothing, some names forbidden, some required. */
static const char *const origins[] = {
    NULL,
    "{`type`:`object`,`additionalProperties`:false,`properties`:{`v`:true,`type`:true,`a`:true,`l`:true,`m`:{`type`:"
    "`object`}}}",
    "{`type`:`object`,`required`:[`m`,`b`],`properties`:{`c`:false,`b`:{`type`:`number`},`a`:{`type`:`string`},"
    "`m`:{`type`:`object`,`additionalProperties`:false,`properties`:{`a`:true}},`l`:{`type`:`array`,`items`:{`type`:"
    "`object`,`required`:[`b`]}}}}",
};

static void what_is_called_exact_gives_every_valid_event_back(void **state)
{
    enum { ROUNDS = 12000, EVENTS = 12, ENOUGH = 1000 };
    size_t exact = 0;

    (void)state;
    random_state = 20240229;
    for (size_t round = 0; round < ROUNDS; round++) {
        const struct json *operators = random_operators();
        const char *schema_text = PICK(origins);
        const struct upcast_origin origin = {schema_text ? json(schema_text) : NULL, "Old"};
        struct json_schema *schema = NULL;
        struct json_schema_error schema_error;
        enum upcast_grade grade;
        const char *why;
        const struct json *back = upcast_derive_downcast_from(&arena, operators, &origin, &grade, &why);

        if (grade != UPCAST_GRADE_EXACT) {
            arena_reset(&arena);
            continue;
        }
        if (origin.schema)
            assert_true(json_schema_compile(&arena, origin.schema, NULL, NULL, &schema, &schema_error));
        for (size_t i = 0; i < EVENTS; i++) {
            const struct event_value *event = random_event();
            const struct event_value *up, *down;
            struct upcast_problem problem;

            if (schema && !json_schema_validate(schema, &arena, event_value_to_json(&arena, event), &schema_error))
                continue;
            up = applied(operators, event, 2, &problem);
            if (!up)
                continue;
            down = applied(back, up, 1, &problem);
            if (!down)
                fail_msg("%s then %s refused %s made from %s: %s", written(operators), written(back),
                    written(event_value_to_json(&arena, up)), written(event_value_to_json(&arena, event)),
                    problem.message);
            if (!event_value_equal(event, down))
                fail_msg("%s then %s made %s from %s", written(operators), written(back),
                    written(event_value_to_json(&arena, down)), written(event_value_to_json(&arena, event)));
            exact++;
        }
        arena_reset(&arena);
    }
    assert_true(exact > ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operators_are_turned_round_with_their_grade, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_origin_less_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_called_exact_gives_every_valid_event_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
