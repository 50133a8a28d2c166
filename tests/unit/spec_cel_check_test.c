#include "spec/cel/function.h"
#include "tests/unit/spec_cel_sample.h"

static const char *type_of(const char *text)
{
    const struct cel_type *type;
    struct cel_error error;

    if (!cel_compile(&arena, &sample_env, str_from(text), &type, &error))
        return sample_error(text, &error);
    return cel_type_print(&arena, type);
}

#define assert_type(text, wanted) assert_string_equal(type_of(text), wanted)

static void every_expression_has_a_type(void **state)
{
    (void)state;
    assert_type("1 + 2", "int");
    assert_type("event.price * 2", "decimal");
    assert_type("event.price > 2.5", "bool");
    assert_type("event.tags.map(t, t.size())", "list(int)");
    assert_type("event.tags.filter(t, t != '')", "list(string)");
    assert_type("{'a': [1], 'b': [2]}", "map(string, list(int))");
    assert_type("[1, 'a']", "list(dyn)");
    assert_type("event.note", "dyn");
    assert_type("meta.version", "int");
    assert_type("meta.anything", "dyn");
    assert_type("event.?sku", "optional(string)");
    assert_type("event.?sku.orValue('none')", "string");
    assert_type("optional.of(1).optMap(x, string(x))", "optional(string)");
    assert_type("timestamp('2024-01-01T00:00:00Z') - timestamp('2023-01-01T00:00:00Z')", "duration");
    assert_type("event.tags.transformMap(i, t, {i: t})", "map(int, map(int, string))");
    assert_type("type(1)", "type");
    assert_type("true ? event.sku : null", "dyn");
    assert_type("event", "object");
    assert_type("math.greatest(1, 2)", "int");
}

static void an_unknown_field_of_a_closed_object_is_found_with_a_suggestion(void **state)
{
    (void)state;
    assert_type("event.quantty + 1", "0[event.quantty] there is no field 'quantty' (did you mean 'quantity'?)");
    assert_type("event['prize']", "0[event['prize']] there is no field 'prize' (did you mean 'price'?)");
    assert_type("has(event.skuu)", "0[has(event.skuu)] there is no field 'skuu' (did you mean 'sku'?)");
    assert_type("event.zzzzzz", "0[event.zzzzzz] there is no field 'zzzzzz'");
    assert_type("event.sku.length", "0[event.sku.length] string has no fields");
}

/* The fields of `event` that the expression looks at, "*" for all of it. */
static const char *use_of(const char *text)
{
    struct cel_error error;
    struct cel_program *program = cel_compile(&arena, &sample_env, str_from(text), NULL, &error);
    struct cel_use use;
    const char *list = "";

    if (!program)
        return sample_error(text, &error);
    use = cel_program_use(program, &arena, "event");
    for (size_t i = 0; i < use.count; i++)
        list = arena_printf(&arena, "%s%s%.*s", list, *list ? " " : "", STR_ARG(use.fields[i]));
    return use.whole ? "*" : list;
}

static void the_fields_that_an_expression_looks_at_are_known(void **state)
{
    (void)state;
    assert_string_equal(use_of("1 + 2"), "");
    assert_string_equal(use_of("event.price * event.quantity + event.price"), "price quantity");
    assert_string_equal(use_of("has(event.sku) && event.?note.hasValue()"), "sku note");
    assert_string_equal(use_of("event.tags.filter(t, t != event.sku)"), "tags sku");
    assert_string_equal(use_of("event"), "*");
    assert_string_equal(use_of("event['sku'] == event.sku"), "*");
    assert_string_equal(use_of("event.tags.map(event, event)"), "tags");
    assert_string_equal(use_of("[1].map(x, event)"), "*");
    assert_string_equal(use_of("meta.version"), "");
}

static void an_expression_that_is_a_literal_is_known_as_one(void **state)
{
    struct cel_error error;
    const struct cel_value *value;

    (void)state;
    value = cel_program_literal(cel_compile(&arena, &sample_env, STR("'default'"), NULL, &error));
    assert_non_null(value);
    assert_true(str_is(value->as.text, "default"));
    value = cel_program_literal(cel_compile(&arena, &sample_env, STR("[1, 2]"), NULL, &error));
    assert_int_equal(value->as.list.count, 2);
    assert_null(cel_program_literal(cel_compile(&arena, &sample_env, STR("1 + 2"), NULL, &error)));
}

static void an_undeclared_name_is_found_with_a_suggestion(void **state)
{
    (void)state;
    assert_type("1 + evnt.sku", "4[evnt] 'evnt' is not declared (did you mean 'event'?)");
    assert_type("[1].all(item, iten > 0)", "14[iten] 'iten' is not declared (did you mean 'item'?)");
    assert_type("size", "0[size] 'size' is not declared ('size' is a function: write size(…))");
    assert_type("lenght('a')", "0[lenght('a')] there is no function 'lenght'");
    assert_type(
        "'a'.startWith('a')", "0['a'.startWith('a')] there is no function 'startWith' (did you mean 'startsWith'?)");
    assert_type(
        "string.quote('a')", "0[string.quote('a')] there is no function 'quote' (did you mean 'strings.quote'?)");
    assert_type("'a'.int()", "0['a'.int()] there is no function 'int' (write int(value))");
}

static void operators_and_functions_without_a_matching_overload_are_refused(void **state)
{
    (void)state;
    assert_type("event.sku + 1",
        "0[event.sku + 1] '+' cannot be applied to string and int (convert one side with int(), "
        "uint(), double(), decimal() or string())");
    assert_type("1 + 1.5", "0[1 + 1.5] '+' cannot be applied to int and double (convert one side with int(), uint(), "
                           "double(), decimal() or string())");
    assert_type("event.sku == 1",
        "0[event.sku == 1] '==' cannot be applied to string and int (convert one side with int(), "
        "uint(), double(), decimal() or string())");
    assert_type("1 in event.tags",
        "0[1 in event.tags] 'in' cannot be applied to int and list(string) (the right side is a "
        "list, a map or an object)");
    assert_type(
        "event.sku && true", "0[event.sku] an operand of '&&' is a bool, not string (compare it with something)");
    assert_type(
        "event.sku ? 1 : 2", "0[event.sku] the condition of '?:' is a bool, not string (compare it with something)");
    assert_type("[1].filter(x, x)", "14[x] the condition is a bool, not int (compare it with something)");
    assert_type("event.sku.charAt(event.quantity)",
        "0[event.sku.charAt(event.quantity)] charAt() cannot be applied to (string, decimal) (there is "
        "string.charAt(int))");
    assert_type("event.price.map(x, x)", "0[event.price.map(x, x)] map() goes over lists and maps, not decimal");
    assert_type("{1.5: 1}", "1[1.5] double cannot be the key of a map (keys are strings, ints, uints and bools)");
    assert_type(
        "-meta.version + -1u", "16[-1u] '-' cannot be applied to uint (convert it with int() or double() first)");
    assert_type("event.sku.orValue('')", "0[event.sku] orValue() needs an optional here, not string (value.?field and "
                                         "optional.of(value) are optionals)");
}

static void mistakes_in_literals_are_found_before_the_run(void **state)
{
    (void)state;
    assert_type("{'a': 1, 'b': 2, 'a': 3}", "17['a'] the map has the same key twice");
    assert_type("{1: 1, 1u: 2}", "7[1u] the map has the same key twice");
    assert_type("event.sku.matches('a++')", "18['a++'] the pattern is wrong at its byte 2: a repetition of a repetition "
                                          "(put the first in parentheses)");
}

static void the_longest_declared_name_and_the_innermost_container_win(void **state)
{
    static const struct cel_type dyn = {.kind = CEL_TYPE_DYN};
    static const struct cel_variable variables[] = {
        {"a.b.c", &sample_string}, {"a.b", &dyn}, {"x.y.v", &sample_int}, {"x.v", &sample_string}, {"v", &dyn}};
    const struct cel_env env = {.variables = variables, .variable_count = 5, .container = "x.y"};
    const struct cel_type *type;
    struct cel_error error;

    (void)state;
    assert_non_null(cel_compile(&arena, &env, STR("a.b.c"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_STRING);
    assert_non_null(cel_compile(&arena, &env, STR("a.b.d"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_DYN);
    assert_non_null(cel_compile(&arena, &env, STR("v"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_INT);
    assert_non_null(cel_compile(&arena, &env, STR(".v"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_DYN);
    assert_non_null(cel_compile(&arena, &env, STR("[true].map(v, v)[0]"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_BOOL);
}

static void types_that_hold_themselves_can_be_declared(void **state)
{
    static struct cel_type tree = {.kind = CEL_TYPE_OBJECT};
    static struct cel_type trees = {.kind = CEL_TYPE_LIST, .of = &tree};
    static const struct cel_field fields[] = {{"name", &sample_string}, {"children", &trees}, {"parent", &tree}};
    static struct cel_type endless = {.kind = CEL_TYPE_LIST, .of = &endless};
    static struct cel_type endless_too = {.kind = CEL_TYPE_LIST, .of = &endless_too};
    const struct cel_variable variables[] = {{"root", &tree}, {"l", &endless}, {"m", &endless_too}};
    const struct cel_env env = {.variables = variables, .variable_count = 3};
    const struct cel_type *type;
    struct cel_error error;

    (void)state;
    tree.fields = fields;
    tree.field_count = 3;
    assert_non_null(cel_compile(&arena, &env, STR("root.parent.children[0].parent.name"), &type, &error));
    assert_int_equal(type->kind, CEL_TYPE_STRING);
    assert_non_null(cel_compile(&arena, &env, STR("l == m && root.parent == root"), &type, &error));
    assert_non_null(cel_compile(&arena, &env, STR("true ? l : m"), &type, &error));
    assert_string_equal(cel_type_print(&arena, type), "list(list(list(list(list(list(…))))))");
}

static void an_unchecked_expression_fails_when_it_runs(void **state)
{
    struct cel_env env = sample_env;

    (void)state;
    env.unchecked = true;
    assert_string_equal(sample_eval_in(&env, "nobody || true", CEL_COST_DEFAULT), "true");
    assert_string_equal(sample_eval_in(&env, "nobody", CEL_COST_DEFAULT), "run: 0[nobody] 'nobody' is not declared");
    assert_string_equal(sample_eval_in(&env, "event.sku + 1", CEL_COST_DEFAULT),
        "run: 0[event.sku + 1] '+' cannot be applied to string and int (convert one side with int(), uint(), double(), "
        "decimal() or string())");
    assert_string_equal(sample_eval_in(&env, "nothing(1) || true", CEL_COST_DEFAULT), "true");
}

static void overloads_of_a_function_stand_together_in_the_table(void **state)
{
    static const struct {
        const char *name;
        enum cel_function_style style;
    } rows[] = {
#define CEL_FUNCTION(name, style, params, result, body) {name, CEL_FUNCTION_##style},
#include "spec/cel/functions.def"
#undef CEL_FUNCTION
    };
    size_t row_count = sizeof(rows) / sizeof(rows[0]);

    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        size_t overloads = 0, found;

        for (size_t j = 0; j < row_count; j++)
            overloads += rows[j].style == rows[i].style && strcmp(rows[j].name, rows[i].name) == 0;
        assert_non_null(cel_function_find(str_from(rows[i].name), rows[i].style, &found));
        assert_int_equal(found, overloads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_expression_has_a_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_unknown_field_of_a_closed_object_is_found_with_a_suggestion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_fields_that_an_expression_looks_at_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_expression_that_is_a_literal_is_known_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_undeclared_name_is_found_with_a_suggestion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            operators_and_functions_without_a_matching_overload_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_literals_are_found_before_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_declared_name_and_the_innermost_container_win, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_that_hold_themselves_can_be_declared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unchecked_expression_fails_when_it_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overloads_of_a_function_stand_together_in_the_table, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
