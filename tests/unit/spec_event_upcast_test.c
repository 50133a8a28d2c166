#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
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

static struct upcaster *created(const struct json *operators, const struct json *schema)
{
    struct upcast_problem problem;
    struct upcaster *upcaster;

    if (!upcaster_create(&arena, operators, schema, &envelope, &upcaster, &problem))
        fail_msg("%s: %s", problem.pointer, problem.message);
    return upcaster;
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

/* Plain events are enough where no sets and binary are in play. */
static void assert_upcasts(const char *operators, const char *event, const char *wanted)
{
    struct upcaster *upcaster = created(json(operators), NULL);
    const struct event_value *before = event_value_from_json(&arena, json(event));
    const struct json *wanted_list = json(wanted);
    struct upcast_problem problem;
    struct upcast_result result;
    size_t i = 0;

    if (!upcaster_apply(upcaster, &arena, before, 2, &result, &problem))
        fail_msg("%s on %s: %s: %s", operators, event, problem.pointer, problem.message);
    assert_int_equal(result.count, wanted_list->count);
    for (const struct json *item = wanted_list->child; item; item = item->next, i++) {
        if (!event_value_equal(result.events[i], event_value_from_json(&arena, item)))
            fail_msg("%s on %s gave %s", operators, event, written(event_value_to_json(&arena, result.events[i])));
    }
}

static void assert_fails(const char *operators, const char *event, const char *pointer, const char *message)
{
    struct upcaster *upcaster = created(json(operators), NULL);
    struct upcast_problem problem;
    struct upcast_result result;

    if (upcaster_apply(upcaster, &arena, event_value_from_json(&arena, json(event)), 2, &result, &problem))
        fail_msg("%s on %s gave %s", operators, event, written(event_value_to_json(&arena, result.events[0])));
    assert_string_equal(problem.pointer, pointer);
    if (!strstr(problem.message, message))
        fail_msg("'%s' lacks '%s'", problem.message, message);
}

static void assert_refused(
    const char *operators, const char *schema, const char *pointer, const char *message, const char *help)
{
    struct upcast_problem problem;
    struct upcaster *upcaster;

    if (upcaster_create(&arena, json(operators), schema ? json(schema) : NULL, &envelope, &upcaster, &problem))
        fail_msg("%s was accepted", operators);
    assert_string_equal(problem.pointer, pointer);
    if (!strstr(problem.message, message))
        fail_msg("%s: '%s' lacks '%s'", operators, problem.message, message);
    if (!strstr(problem.help, help))
        fail_msg("%s: '%s' lacks '%s'", operators, problem.help, help);
}

/* --- what each operator does -------------------------------------------------------------------------------------- */

static void default_sets_what_is_absent_and_nothing_else(void **state)
{
    (void)state;
    assert_upcasts("[{`default`:{`warehouseId`:`'default'`,`createdBy`:`'system'`,`n`:0,`on`:true,`x`:null}}]",
        "{`warehouseId`:null,`n`:5}", "[{`warehouseId`:null,`createdBy`:`system`,`n`:5,`on`:true,`x`:null,`v`:2}]");
    assert_upcasts("[{`default`:{`a.b`:`1`}}]", "{}", "[{`a`:{`b`:1},`v`:2}]");
}

static void set_computes_from_the_event_as_it_was_before_the_operator(void **state)
{
    (void)state;
    assert_upcasts("[{`set`:{`a`:`event.b`,`b`:`event.a`,`sum`:`event.a + event.b`}}]", "{`a`:1,`b`:2.50}",
        "[{`a`:2.50,`b`:1,`sum`:3.5,`v`:2}]");
    assert_upcasts("[{`set`:{`who`:`meta.stream + '/' + string(meta.version)`}}]", "{`stream`:`s`}",
        "[{`stream`:`s`,`who`:`s/1`,`v`:2}]");
    assert_upcasts(
        "[{`set`:{`m`:`{'a': [1, 2u, 'x', true, null]}`}}]", "{}", "[{`m`:{`a`:[1,2,`x`,true,null]},`v`:2}]");
}

static void remove_takes_away_and_does_not_mind_absence(void **state)
{
    (void)state;
    assert_upcasts("[{`remove`:[`a`,`b.c`,`d`]}]", "{`a`:1,`b`:{`c`:1}}", "[{`b`:{},`v`:2}]");
    assert_upcasts("[{`remove`:[`a\\\\.b`]}]", "{`a.b`:1,`a`:{`b`:2}}", "[{`a`:{`b`:2},`v`:2}]");
}

static void rename_can_swap_and_stays_in_its_map(void **state)
{
    (void)state;
    assert_upcasts(
        "[{`rename`:{`a`:`b`,`b`:`a`,`c.d`:`e`}}]", "{`a`:1,`b`:2,`c`:{`d`:3}}", "[{`b`:1,`a`:2,`c`:{`e`:3},`v`:2}]");
    assert_upcasts("[{`rename`:{`a`:`b`}}]", "{`x`:1}", "[{`x`:1,`v`:2}]");
}

static void move_nests_and_unnests_and_leaves_no_empty_map(void **state)
{
    (void)state;
    assert_upcasts("[{`move`:{`city`:`address.city`,`zip`:`address.zip`}}]", "{`city`:`Bern`,`zip`:`3000`}",
        "[{`address`:{`city`:`Bern`,`zip`:`3000`},`v`:2}]");
    assert_upcasts("[{`move`:{`a.b.c`:`c`}}]", "{`a`:{`b`:{`c`:1}}}", "[{`c`:1,`v`:2}]");
    assert_upcasts("[{`move`:{`a.b`:`a.c.b`}}]", "{`a`:{`b`:1}}", "[{`a`:{`c`:{`b`:1}},`v`:2}]");
    assert_upcasts("[{`move`:{`a`:`a.a`}}]", "{`a`:1}", "[{`a`:{`a`:1},`v`:2}]");
}

static void a_move_that_would_mix_two_meanings_is_refused(void **state)
{
    (void)state;
    assert_fails(
        "[{`rename`:{`a`:`b`}}]", "{`a`:1,`b`:2}", "/0/rename", "cannot rename 'a' to 'b': it is already there");
    assert_fails("[{`rename`:{`a`:`b`}}]", "{`b`:2}", "/0/rename", "it is already there");
    assert_fails("[{`move`:{`a`:`b.a`}}]", "{`a`:1,`b`:{}}", "/0/move", "empty, which could not be restored");
    assert_fails("[{`move`:{`a`:`b.a`}}]", "{`a`:1,`b`:2}", "/0/move", "what stands above it is not a map");
    assert_fails("[{`move`:{`a`:`b.a`}}]", "{`a`:1,`b`:[]}", "/0/move", "use 'each'");
}

static void convert_changes_types_without_rounding(void **state)
{
    (void)state;
    assert_upcasts("[{`convert`:{`a`:`string`,`b`:`number`,`c`:`boolean`,`d`:`integer`,`e`:`string`,"
                   "`gone`:`number`}}]",
        "{`a`:1.50,`b`:`12345678901234567890.5`,`c`:`true`,`d`:`7`,`e`:false}",
        "[{`a`:`1.50`,`b`:12345678901234567890.5,`c`:true,`d`:7,`e`:`false`,`v`:2}]");
    assert_fails("[{`convert`:{`a`:`number`}}]", "{`a`:`1 kg`}", "/0/convert", "its text is not a number");
    assert_fails("[{`convert`:{`a`:`integer`}}]", "{`a`:1.5}", "/0/convert", "it has a fraction");
    assert_fails("[{`convert`:{`a`:`boolean`}}]", "{`a`:2}", "/0/convert", "it is neither 0 nor 1");
    assert_fails("[{`convert`:{`a`:`number`}}]", "{`a`:null}", "/0/convert", "from null to number");
    assert_fails("[{`convert`:{`a`:{`from`:`string`,`to`:`number`}}}]", "{`a`:1}", "/0/convert",
        "it is of type number, not string");
}

static void map_values_translates_and_refuses_what_it_does_not_list(void **state)
{
    static const char operators[] =
        "[{`map_values`:{`status`:{`A`:`active`,`1`:`one`,`true`:false,`null`:0,`\\\\else`:`e`}}}]";

    (void)state;
    assert_upcasts(operators, "{`status`:`A`}", "[{`status`:`active`,`v`:2}]");
    assert_upcasts(operators, "{`status`:1.0}", "[{`status`:`one`,`v`:2}]");
    assert_upcasts(operators, "{`status`:true}", "[{`status`:false,`v`:2}]");
    assert_upcasts(operators, "{`status`:null}", "[{`status`:0,`v`:2}]");
    assert_upcasts(operators, "{`status`:`else`}", "[{`status`:`e`,`v`:2}]");
    assert_upcasts(operators, "{}", "[{`v`:2}]");
    assert_fails(operators, "{`status`:`B`}", "/0/map_values", "'status' holds 'B', which 'map_values' does not list");
    assert_fails(operators, "{`status`:[]}", "/0/map_values", "'status' holds a list");
    assert_upcasts("[{`map_values`:{`s`:{`A`:`a`,`else`:`event.s + '?'`}}}]", "{`s`:`B`}", "[{`s`:`B?`,`v`:2}]");
}

static void split_and_combine_are_each_others_inverse(void **state)
{
    static const char split[] = "[{`split`:{`field`:`name`,`into`:[`first`,`last`],`by`:` `}}]";
    static const char combine[] = "[{`combine`:{`fields`:[`first`,`last`],`into`:`name`,`with`:` `}}]";

    (void)state;
    assert_upcasts(split, "{`name`:`Ada King Lovelace`}", "[{`first`:`Ada`,`last`:`King Lovelace`,`v`:2}]");
    assert_upcasts(split, "{`name`:`Plato`}", "[{`first`:`Plato`,`v`:2}]");
    assert_upcasts(split, "{`name`:` `}", "[{`first`:``,`last`:``,`v`:2}]");
    assert_upcasts(split, "{}", "[{`v`:2}]");
    assert_fails(split, "{`name`:`x`,`last`:`y`}", "/0/split", "'last': it is already there");
    assert_fails(split, "{`name`:1}", "/0/split", "it is of type number, not string");
    assert_upcasts(
        "[{`split`:{`field`:`p`,`into`:[`p`,`q`],`by`:`::`}}]", "{`p`:`a::b::c`}", "[{`p`:`a`,`q`:`b::c`,`v`:2}]");
    assert_upcasts(combine, "{`first`:`Ada`,`last`:`King`}", "[{`name`:`Ada King`,`v`:2}]");
    assert_upcasts(combine, "{`last`:`King`}", "[{`name`:`King`,`v`:2}]");
    assert_fails(combine, "{`first`:`Ada`,`name`:`x`}", "/0/combine", "it is already there");
    assert_fails(combine, "{`first`:1}", "/0/combine", "it is of type number");
}

static void each_changes_every_element_and_names_the_one_that_fails(void **state)
{
    static const char operators[] = "[{`each`:{`field`:`lines`,`do`:[{`rename`:{`qty`:`quantity`}},"
                                    "{`set`:{`total`:`item.quantity * event.price`}}]}}]";

    (void)state;
    assert_upcasts(operators, "{`price`:2,`lines`:[{`qty`:1},{`qty`:3}]}",
        "[{`price`:2,`lines`:[{`quantity`:1,`total`:2},{`quantity`:3,`total`:6}],`v`:2}]");
    assert_upcasts(operators, "{}", "[{`v`:2}]");
    assert_fails(
        operators, "{`lines`:[{`qty`:1,`quantity`:1}]}", "/0/each/do/0/rename", "element 0 of 'lines': cannot rename");
    assert_fails(operators, "{`lines`:[1]}", "/0/each", "element 0 of 'lines' is of type number, not map");
    assert_fails(operators, "{`lines`:{}}", "/0/each", "it is of type map, not list");
    assert_upcasts("[{`each`:{`field`:`a`,`do`:[{`each`:{`field`:`b`,`do`:[{`set`:{`n`:`item.n + event.k`}}]}}]}}]",
        "{`k`:10,`a`:[{`b`:[{`n`:1},{`n`:2}]},{`b`:[]}]}", "[{`k`:10,`a`:[{`b`:[{`n`:11},{`n`:12}]},{`b`:[]}],`v`:2}]");
}

static void when_takes_one_branch(void **state)
{
    static const char operators[] = "[{`when`:{`if`:`has(event.a) && event.a > 1`,`then`:[{`set`:{`big`:true}}],"
                                    "`else`:[{`set`:{`big`:false}}]}}]";

    (void)state;
    assert_upcasts(operators, "{`a`:2}", "[{`a`:2,`big`:true,`v`:2}]");
    assert_upcasts(operators, "{}", "[{`big`:false,`v`:2}]");
    assert_fails("[{`when`:{`if`:`event.a`,`then`:[]}}]", "{`a`:1}", "/0/when/if", "must be true or false");
}

static void the_event_itself_is_renamed_split_and_dropped(void **state)
{
    (void)state;
    assert_upcasts("[{`rename_type`:`New`}]", "{`type`:`Old`,`v`:1}", "[{`type`:`New`,`v`:2}]");
    assert_upcasts("[{`rename_type`:{`from`:`Old`,`to`:`New`}}]", "{`type`:`Old`}", "[{`type`:`New`,`v`:2}]");
    assert_fails("[{`rename_type`:{`from`:`Old`,`to`:`New`}}]", "{`type`:`X`}", "/0/rename_type", "not of type 'Old'");
    assert_upcasts("[{`split_event`:[{`type`:`A`,`set`:{`n`:`event.n + 1`}},{`type`:`B`,`do`:[{`remove`:[`n`]}]}]},"
                   "{`default`:{`after`:`event.type`}}]",
        "{`type`:`Old`,`seq`:7,`n`:1}",
        "[{`type`:`A`,`seq`:7,`n`:2,`after`:`A`,`v`:2},{`type`:`B`,`seq`:7,`after`:`B`,`v`:2}]");
    assert_upcasts("[{`drop_event`:{`if`:`event.n == 0`}}]", "{`n`:0}", "[]");
    assert_upcasts("[{`drop_event`:{`if`:`event.n == 0`}}]", "{`n`:1}", "[{`n`:1,`v`:2}]");
    assert_upcasts("[{`when`:{`if`:`event.n == 0`,`then`:[{`drop_event`:{`if`:true}}],`else`:[{`set`:{`kept`:true}}]}},"
                   "{`set`:{`m`:`1`}}]",
        "{`n`:1}", "[{`n`:1,`kept`:true,`m`:1,`v`:2}]");
}

static void what_no_operator_touches_is_handed_on_as_it_is(void **state)
{
    struct upcaster *upcaster = created(
        json("[{`rename`:{`tags`:`labels`}},{`set`:{`copy`:`event.price`,`both`:`[event.labels, event.raw]`}}]"), NULL);
    const struct event_value *event;
    struct upcast_problem problem;
    struct upcast_result result;
    struct error error;

    (void)state;
    assert_true(event_item_from_dynamodb(
        &arena, json("{`tags`:{`SS`:[`b`,`a`]},`price`:{`N`:`1.50`},`raw`:{`B`:`AP8=`}}"), &event, &error));
    if (!upcaster_apply(upcaster, &arena, event, 3, &result, &problem))
        fail_msg("%s", problem.message);
    assert_string_equal(written(event_item_to_dynamodb(&arena, result.events[0])),
        "{`price`:{`N`:`1.50`},`raw`:{`B`:`AP8=`},`labels`:{`SS`:[`b`,`a`]},`copy`:{`N`:`1.50`},"
        "`both`:{`L`:[{`SS`:[`b`,`a`]},{`B`:`AP8=`}]},`v`:{`N`:`3`}}");
    assert_ptr_equal(event_value_member(result.events[0], STR("raw")), event_value_member(event, STR("raw")));
    assert_ptr_equal(event_value_member(result.events[0], STR("copy")), event_value_member(event, STR("price")));
}

static void results_that_no_item_can_hold_are_refused(void **state)
{
    (void)state;
    assert_fails("[{`set`:{`a`:`0.0 / 0.0`}}]", "{}", "/0/set/a", "not a finite number");
    assert_fails("[{`set`:{`a`:`timestamp('2024-01-01T00:00:00Z')`}}]", "{}", "/0/set/a", "put string(…) around it");
    assert_fails("[{`set`:{`a`:`{1: 2}`}}]", "{}", "/0/set/a", "a key that is not a string");
    assert_fails("[{`set`:{`a`:`event.b`}}]", "{}", "/0/set/a", "b");
    assert_fails("[]", "{`v`:`one`}", "", "the event's version 'v' is not a whole number");
    assert_fails("[]", "[]", "", "an event must be a map");
}

/* --- what is refused before any event ----------------------------------------------------------------------------- */

static void wrong_operators_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *operators, *pointer, *message, *help;
    } cases[] = {
        {"{}", "", "a list of operators is wanted", ""},
        {"[1]", "/0", "an operator is a map with one key", "its own item"},
        {"[{`set`:{},`remove`:[]}]", "/0", "an operator is a map with one key", ""},
        {"[{`renam`:{}}]", "/0/renam", "unknown upcast operator 'renam'", "did you mean 'rename'?"},
        {"[{`frobnicate`:{}}]", "/0/frobnicate", "unknown upcast operator", "the operators are default"},
        {"[{`merge_streams`:{}}]", "/0/merge_streams", "never another one or another stream", "let the service write new events"},
        {"[{`split_stream`:{}}]", "/0/split_stream", "never another one or another stream", "let the service write new events"},
        {"[{`set`:{`stream`:`'x'`}}]", "/0/set/stream", "to another stream", "let the service write new events"},
        {"[{`rename`:{`id`:`seq`}}]", "/0/rename/id", "within its stream", "let the service write new events"},
        {"[{`remove`:[`v`]}]", "/0/remove/0", "set for you", "leave 'v' out"},
        {"[{`default`:{`type`:`'x'`}}]", "/0/default/type", "'type' is the event's type", "rename_type"},
        {"[{`when`:{`if`:true,`then`:[{`move`:{`stream.a`:`b`}}]}}]", "/0/when/then/0/move/stream.a",
            "to another stream", ""},
        {"[{`set`:{`a`:[1]}}]", "/0/set/a", "an expression is wanted here, not a list", "as text in CEL"},
        {"[{`set`:{`a`:`1 +`}}]", "/0/set/a", "", ""},
        {"[{`set`:{`a`:`default`}}]", "/0/set/a", "", "'default' with the quotes"},
        {"[{`set`:{`a`:`1`,`a.b`:`2`}}]", "/0/set/a.b", "'a' and 'a.b' overlap", "two operators"},
        {"[{`set`:{`a..b`:`1`}}]", "/0/set/a..b", "a name in it is empty", ""},
        {"[{`set`:{`a/b~\\\\c`:`1`}}]", "/0/set/a~1b~0\\c", "a backslash stands only before", ""},
        {"[{`rename`:{`a`:`b.c`}}]", "/0/rename/a", "a rename gives a new name in the same place", "use 'move'"},
        {"[{`move`:{`a`:`x`,`b`:`x.y`}}]", "/0/move/b", "overlap", ""},
        {"[{`convert`:{`a`:`text`}}]", "/0/convert/a", "'text' is not a type", "the types are string"},
        {"[{`convert`:{`a`:{`from`:`boolean`,`to`:`binary`}}}]", "/0/convert/a", "no boolean can be converted", ""},
        {"[{`convert`:{`a`:{`from`:`string`,`too`:`number`}}}]", "/0/convert/a/too", "unknown key 'too'",
            "did you mean 'to'?"},
        {"[{`map_values`:{`a`:{`x`:[]}}}]", "/0/map_values/a/x", "a new value must be", ""},
        {"[{`split`:{`field`:`a`,`into`:[`b`],`by`:` `}}]", "/0/split/into", "at least 2 fields are needed", ""},
        {"[{`split`:{`field`:`a`,`into`:[`b`,`c`],`by`:``}}]", "/0/split/by", "is empty", ""},
        {"[{`each`:{`field`:`a`,`do`:[{`rename_type`:`X`}]}}]", "/0/each/do/0/rename_type", "cannot stand in 'each'",
            ""},
        {"[{`each`:{`field`:`a`}}]", "/0/each/do", "a list of operators is wanted", ""},
        {"[{`when`:{`if`:`'x'`,`then`:[]}}]", "/0/when/if", "must be true or false", ""},
        {"[{`split_event`:[{`type`:`A`}]}]", "/0/split_event", "wants 2 to 100 events", ""},
        {"[{`split_event`:[{`type`:`A`},{`type`:`B`,`do`:[{`drop_event`:{`if`:true}}]}]}]", "/0/split_event/1/do",
            "cannot be split or dropped again", ""},
        {"[{`default`:{`a`:1e126}}]", "/0/default/a", "out of range", ""},
        {"[{`map_values`:{`a`:{`x`:1e126}}}]", "/0/map_values/a/x", "out of range", ""},
        {"[{`drop_event`:true}]", "/0/drop_event", "wants { if: CONDITION }", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_refused(cases[i].operators, NULL, cases[i].pointer, cases[i].message, cases[i].help);
}

static void operators_that_nest_too_deep_are_refused(void **state)
{
    struct strbuf text = STRBUF_INIT;

    (void)state;
    for (int i = 0; i < 40; i++)
        strbuf_append_text(&text, "[{`when`:{`if`:true,`then`:");
    strbuf_append_text(&text, "[]");
    for (int i = 0; i < 40; i++)
        strbuf_append_text(&text, "}}]");
    {
        struct upcast_problem problem;
        struct upcaster *upcaster;

        assert_false(upcaster_create(&arena, json(text.data), NULL, &envelope, &upcaster, &problem));
        assert_non_null(strstr(problem.message, "nest deeper than 16 levels"));
    }
    strbuf_free(&text);
}

static void expressions_are_checked_against_the_schema(void **state)
{
    static const char schema[] = "{`type`:`object`,`properties`:{`quantity`:{`type`:`integer`},`name`:{`type`:"
                                 "`string`},`lines`:{`type`:`array`,`items`:{`type`:`object`,`properties`:{`sku`:"
                                 "{`$ref`:`#/$defs/sku`}}}}},`$defs`:{`sku`:{`type`:`string`}}}";

    (void)state;
    created(json("[{`set`:{`a`:`event.quantity * 2`}},{`rename`:{`quantity`:`count`}},{`set`:{`b`:`event.count`}},"
                 "{`set`:{`c`:`event.seq`}}]"),
        json(schema));
    assert_refused("[{`set`:{`a`:`event.quantty`}}]", schema, "/0/set/a", "quantty", "");
    assert_refused("[{`set`:{`a`:`event.name * 2`}}]", schema, "/0/set/a", "", "");
    assert_refused(
        "[{`each`:{`field`:`lines`,`do`:[{`set`:{`a`:`item.skew`}}]}}]", schema, "/0/each/do/0/set/a", "skew", "");
    assert_refused(
        "[{`each`:{`field`:`lines`,`do`:[{`set`:{`a`:`item.sku + 1`}}]}}]", schema, "/0/each/do/0/set/a", "", "");
    assert_refused("[{`set`:{`a`:`item.sku`}}]", schema, "/0/set/a", "item", "");
}

static void a_problem_in_an_expression_carries_its_place_in_the_text(void **state)
{
    struct upcast_problem problem;
    struct upcaster *upcaster;

    (void)state;
    assert_false(upcaster_create(&arena, json("[{`set`:{`a`:`1 + nope`}}]"), NULL, &envelope, &upcaster, &problem));
    assert_true(problem.in_expression);
    assert_int_equal(problem.expression.start, 4);
    assert_int_equal(problem.expression.end, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(default_sets_what_is_absent_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_computes_from_the_event_as_it_was_before_the_operator, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_takes_away_and_does_not_mind_absence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rename_can_swap_and_stays_in_its_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(move_nests_and_unnests_and_leaves_no_empty_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_move_that_would_mix_two_meanings_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(convert_changes_types_without_rounding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(map_values_translates_and_refuses_what_it_does_not_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_and_combine_are_each_others_inverse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_changes_every_element_and_names_the_one_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(when_takes_one_branch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_event_itself_is_renamed_split_and_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_operator_touches_is_handed_on_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_that_no_item_can_hold_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_operators_are_refused_with_their_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operators_that_nest_too_deep_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expressions_are_checked_against_the_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_problem_in_an_expression_carries_its_place_in_the_text, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
