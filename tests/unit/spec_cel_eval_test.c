#include "tests/unit/spec_cel_sample.h"

#include <math.h>

static void data_is_read_by_field_index_and_macro(void **state)
{
    (void)state;
    assert_eval("event.sku + '/' + service.region", "\"A-1/eu\"");
    assert_eval("event['sku']", "\"A-1\"");
    assert_eval("event.tags[1]", "\"big\"");
    assert_eval("has(event.sku) && !has(data.nothing)", "true");
    assert_eval("event.tags.map(t, t.upperAscii()).join(',')", "\"RED,BIG\"");
    assert_eval("event.tags.transformMap(i, t, t != 'red', {'n': i, 't': t})", "{1: {\"n\": 1, \"t\": \"big\"}}");
    assert_eval("{'a': 1, 'b': 2}.transformMap(k, v, v * 10)", "{\"a\": 10, \"b\": 20}");
    assert_eval("cel.bind(t, event.tags, t + t)", "[\"red\", \"big\", \"red\", \"big\"]");
    assert_eval("'red' in event.tags && 'sku' in event && 2 in {1: 1, 2: 2}", "true");
}

static void a_missing_field_or_index_is_an_error_with_a_way_out(void **state)
{
    (void)state;
    assert_eval("data.color", "run: 0[data.color] there is no field 'color' (test it with has(), or use "
                              "value.?field.orValue(default))");
    assert_eval("event.tags[2]", "run: 0[event.tags[2]] index out of range: the list has 2 elements (use "
                                 "list[?index].orValue(default))");
    assert_eval("event.note", "run: 0[event.note] there is no field 'note' (test it with has(), or use "
                              "value.?field.orValue(default))");
    assert_eval("data['color']", "run: 0[data['color']] there is no field 'color' (test it with has(), or use "
                                 "value.?field.orValue(default))");
    assert_eval("data[data.sku]", "run: 0[data[data.sku]] the map has no such key");
    assert_eval("limit + 1", "run: 0[limit] 'limit' has no value");
    assert_eval("data.sku.x", "run: 0[data.sku.x] string has no field 'x'");
}

static void optionals_stand_in_for_what_may_be_missing(void **state)
{
    (void)state;
    assert_eval("data.?color.orValue('none')", "\"none\"");
    assert_eval("data.?sku.optMap(s, s + '!').value()", "\"A-1!\"");
    assert_eval("data.?a.?b.c.hasValue()", "false");
    assert_eval("{?'color': data.?color, ?'sku': data.?sku}", "{\"sku\": \"A-1\"}");
    assert_eval("[?data.?color, 1]", "[1]");
    assert_eval("optional.none().or(optional.of(2))", "optional.of(2)");
    assert_eval("optional.of(1).orValue(1 / 0)", "1");
    assert_eval("event.tags[?5]", "optional.none()");
    assert_eval(
        "optional.none().value()", "run: 0[optional.none().value()] the optional is empty (use orValue(default))");
}

static void logic_absorbs_errors_where_the_other_side_decides(void **state)
{
    (void)state;
    assert_eval("1 / 0 > 1 || true", "true");
    assert_eval("false && 1 / 0 > 1", "false");
    assert_eval("1 / 0 > 1 || false", "run: 0[1 / 0] division by zero");
    assert_eval("1 / 0 > 1 || 2 % 0 > 1", "run: 0[1 / 0] division by zero");
    assert_eval("[0, 1].exists(x, 1 / x == 1)", "true");
    assert_eval("[0, 1].all(x, 1 / x == 2)", "false");
    assert_eval("[0, 2].exists(x, 1 / x == 1)", "run: 17[1 / x] division by zero");
    assert_eval("[0, 1].exists_one(x, 1 / x == 1)", "run: 21[1 / x] division by zero");
}

static void integers_never_wrap(void **state)
{
    (void)state;
    assert_eval("9223372036854775807 + 1",
        "run: 0[9223372036854775807 + 1] '+' overflows int (compute with decimal() or "
        "double() where results can be that large)");
    assert_non_null(strstr(sample_eval("0u - 1u"), "'-' overflows uint"));
    assert_non_null(strstr(sample_eval("-9223372036854775808 / -1"), "'/' overflows int"));
    assert_non_null(strstr(sample_eval("-9223372036854775808 % -1"), "'%' overflows int"));
    assert_non_null(strstr(sample_eval("-(-9223372036854775808)"), "'-' overflows int"));
    assert_non_null(strstr(sample_eval("int(9.3e18)"), "out of the range of int"));
    assert_non_null(strstr(sample_eval("uint(-1)"), "out of the range of uint"));
    assert_non_null(strstr(sample_eval("int('9223372036854775808')"), "the string is no int of 64 bits"));
}

static void decimals_of_data_stay_exact(void **state)
{
    (void)state;
    assert_eval("event.price", "1.50");
    assert_eval("event.price * 2", "3.00");
    assert_eval("event.price + event.quantity", "6.50");
    assert_eval("event.quantity / 2", "2.5");
    assert_eval("event.quantity % 3", "2");
    assert_eval("event.price == 1.5 && event.price < 2 && event.price >= 1u", "true");
    assert_eval("event.price + 0.25", "1.75");
    assert_eval("int(event.price) + 1", "2");
    assert_eval("-event.price", "-1.50");
    assert_eval("string(event.price)", "\"1.50\"");
    assert_eval("decimal('0.1') + decimal('0.2') == decimal('0.3')", "true");
    assert_eval("decimal('9007199254740993') == 9007199254740992.0", "false");
    assert_eval("event.tags[event.quantity - 5]", "\"red\"");
    assert_eval("event.price.map(x, x)", "check: 0[event.price.map(x, x)] map() goes over lists and maps, not decimal");
}

static void a_decimal_is_never_rounded_silently(void **state)
{
    (void)state;
    assert_eval("event.price / 7",
        "run: 0[event.price / 7] the exact result of '/' has more than 38 digits (decimals are "
        "never rounded; convert with double() where an approximation will do)");
    assert_eval("event.price + 0.1",
        "run: 0[event.price + 0.1] the double is no exact decimal of at most 38 digits (write "
        "decimal(\"0.1\") for 0.1, or convert the other side with double())");
    assert_eval("math.floor(event.price) + math.ceil(event.price) + math.round(decimal('-2.5'))", "0");
    assert_non_null(strstr(sample_eval("decimal('123456789012345678901234567890123456789')"),
        "the string is no decimal of at most 38 digits"));
}

static void values_that_pass_through_keep_their_origin(void **state)
{
    int original;
    struct cel_entry entry = {
        sample_text(CEL_STRING, "n"), {.kind = CEL_DECIMAL, .as.text = STR("1.50"), .origin = &original}};
    const struct cel_variable variables[] = {{"data", &sample_dyn}};
    const struct cel_env env = {.variables = variables, .variable_count = 1};
    const struct cel_binding bindings[] = {{"data", sample_map(&entry, 1)}};
    struct cel_error error;
    struct cel_value value;
    static const struct {
        const char *text;
        bool kept;
    } rows[] = {
        {"data.n", true},
        {"true ? data.n : data.n", true},
        {"[data.n].filter(n, n > 1)[0]", true},
        {"data.?n.orValue(0)", true},
        {"data.n + 0", false},
        {"-data.n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cel_program *program = cel_compile(&arena, &env, str_from(rows[i].text), NULL, &error);

        assert_non_null(program);
        assert_true(cel_eval(program, &arena, bindings, 1, CEL_COST_DEFAULT, &value, &error));
        assert_ptr_equal(value.origin, rows[i].kept ? &original : NULL);
    }
}

static void bindings_that_do_not_have_the_declared_type_are_run_time_errors(void **state)
{
    const struct cel_binding bindings[] = {
        {"event", sample_text(CEL_STRING, "not an object")}, {"limit", sample_text(CEL_STRING, "ten")}};
    struct cel_error error;
    struct cel_value value;
    struct cel_program *program;

    (void)state;
    program = cel_compile(&arena, &sample_env, STR("event.sku"), NULL, &error);
    assert_false(cel_eval(program, &arena, bindings, 2, CEL_COST_DEFAULT, &value, &error));
    assert_string_equal(error.message, "string has no field 'sku'");
    program = cel_compile(&arena, &sample_env, STR("limit * 2"), NULL, &error);
    assert_false(cel_eval(program, &arena, bindings, 2, CEL_COST_DEFAULT, &value, &error));
    assert_string_equal(error.message, "'*' cannot be applied to string and int");
    program = cel_compile(&arena, &sample_env, STR("event.tags.all(t, t == '')"), NULL, &error);
    assert_false(cel_eval(program, &arena, bindings, 1, CEL_COST_DEFAULT, &value, &error));
}

static void work_beyond_the_cost_limit_is_refused_and_not_absorbed(void **state)
{
    static const char *const texts[] = {
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, "
        "true)))) || true",
        "cel.bind(a, '0123456789012345678901234567890123456789', cel.bind(b, a+a+a+a+a+a+a+a+a+a, cel.bind(c, "
        "b+b+b+b+b+b+b+b+b+b, cel.bind(d, c+c+c+c+c+c+c+c+c+c, cel.bind(e, d+d+d+d+d+d+d+d+d+d, e.size() > 1)))))",
        "cel.bind(a, [1,2,3,4,5,6,7,8,9], cel.bind(b, a+a+a+a+a+a+a+a+a+a, cel.bind(c, b+b+b+b+b+b+b+b+b+b, "
        "cel.bind(d, "
        "c+c+c+c+c+c+c+c+c+c, d.size() > 1))))",
        "cel.bind(a, [1,1,1,1,1,1,1,1], cel.bind(b, [a,a,a,a,a,a,a,a], cel.bind(c, [b,b,b,b,b,b,b,b], cel.bind(d, "
        "[c,c,c,c,c,c,c,c], [d,d,d,d,d,d,d,d]))))",
        "cel.bind(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', cel.bind(b, "
        "a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a, "
        "cel.bind(c, b+b+b+b+b+b+b+b, (c + c).contains(c + 'b'))))",
        "cel.bind(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', cel.bind(b, "
        "a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a, "
        "b.matches('(a?){100}(a?){100}[b-z]')))",
        "'%.1000f %.1000f %.1000f %.1000f %.1000f %.1000f'.format([1.0].map(x, [x,x,x,x,x,x])[0]).replace('', "
        "'12345678901234567890').replace('', '12345678901234567890') != ''",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *got = sample_eval_in(&sample_env, texts[i], 5000);

        if (!strstr(got, "the evaluation costs more than 5000 steps"))
            fail_msg("%s: %s", texts[i], got);
    }
    assert_string_equal(sample_eval_in(&sample_env, "1 + 1", 3),
        "run: 0[1 + 1] the evaluation costs more than 3 steps (work "
        "on less data, or make the expression do less for each "
        "element)");
    assert_string_equal(sample_eval_in(&sample_env, "1 + 1", 4), "2");
}

static void equality_looks_inside_and_across_numbers(void **state)
{
    (void)state;
    assert_eval("[1, 2.0, {'a': 3u}] == [1u, 2, {'a': 3.0}]", "true");
    assert_eval("dyn('1') == 1", "false");
    assert_eval("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true");
    assert_eval("double('NaN') == double('NaN')", "false");
    assert_eval("null == event.sku", "false");
    assert_eval("type(1) == int && type('') != type(b'')", "true");
    assert_eval("-1 < 1u && 18446744073709551615u > 9223372036854775807", "true");
}

static void strings_are_counted_in_characters(void **state)
{
    (void)state;
    assert_eval("'héllo'.size() + size(b'h\\xc3\\xa9')", "8");
    assert_eval("'héllo'.substring(1, 3)", "\"él\"");
    assert_eval("'héllo'.indexOf('l') + 'héllo'.lastIndexOf('l')", "5");
    assert_eval("'a,b,,c'.split(',')", "[\"a\", \"b\", \"\", \"c\"]");
    assert_eval("'a,b,c'.split(',', 2)", "[\"a\", \"b,c\"]");
    assert_eval("'héy'.split('')", "[\"h\", \"é\", \"y\"]");
    assert_eval("'aé'.replace('', '-')", "\"-a-é-\"");
    assert_eval("'aaaa'.replace('a', 'b', 2)", "\"bbaa\"");
    assert_eval("'héy'.reverse()", "\"yéh\"");
    assert_eval(
        "'héllo'.substring(9)", "run: 0['héllo'.substring(9)] the position 9 is outside the string of 5 characters");
    assert_eval("'%s has %d of %.2f (%x, %b, %%)'.format([event.sku, event.quantity, event.price, 255, 5])",
        "\"A-1 has 5 of 1.50 (ff, 101, %)\"");
    assert_eval(
        "'%d'.format([])", "run: 0['%d'.format([])] the format has more clauses than the list has elements (0)");
    assert_eval("string(base64.decode(base64.encode(b'hello')))", "\"hello\"");
    assert_eval(
        "base64.decode('?')", "run: 0[base64.decode('?')] the string is no base64 (RFC 4648, with or without '=')");
}

static void doubles_are_written_with_the_fewest_digits(void **state)
{
    (void)state;
    assert_eval("[0.1, 1.0, 1e21, 1.5e-7, -0.0, 1.0/3.0, 1e22]",
        "[0.1, 1.0, 1000000000000000000000.0, 0.00000015, -0.0, 0.3333333333333333, 10000000000000000000000.0]");
    assert_eval("string(5e-324).size()", "326");
    assert_eval("[1.0 / 0.0, double('-inf')].map(d, string(d))", "[\"Infinity\", \"-Infinity\"]");
    assert_non_null(strstr(sample_eval("double('1e400')"), "the string is no double"));
    assert_non_null(strstr(sample_eval("double('0x10')"), "the string is no double"));
    assert_non_null(strstr(sample_eval("double(' 1')"), "the string is no double"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_is_read_by_field_index_and_macro, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_field_or_index_is_an_error_with_a_way_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(optionals_stand_in_for_what_may_be_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logic_absorbs_errors_where_the_other_side_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(integers_never_wrap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decimals_of_data_stay_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_decimal_is_never_rounded_silently, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_pass_through_keep_their_origin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            bindings_that_do_not_have_the_declared_type_are_run_time_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_beyond_the_cost_limit_is_refused_and_not_absorbed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equality_looks_inside_and_across_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_counted_in_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_are_written_with_the_fewest_digits, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
